//! NAAS's mapping vector (arXiv 2105.13258, figure 4), readable for any layer on any accelerator.
//!
//! ```text
//! | off-chip: order, 6 tile ratios | level 2: order, 6 tile ratios | PE: order |
//! ```
//!
//! An order is six importances, decreasing from the outermost loop inwards (or one index). Where the paper is silent:
//!
//! - A **tile ratio** is logarithmic: of `n` units, a tile holds from 1 to `n`, every octave being as likely, and always a
//!   size `ceil(n / tiles)`, so that tiles are equal as far as they can be. Off chip a unit is one element, or along K and C
//!   what lanes and bus move together; at level 2 it is one round of the axis that runs the dimension in parallel, so that
//!   "parallel dims take the array size as trip count".
//! - **Repair**: a tile that overflows a memory shrinks, one step of one dimension at a time, the dimension with the most
//!   units first, until everything fits. So a point decodes to an illegal mapping only if the layer has none at all.

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::arch::geometry::Geometry;
use crate::base::dims::{Dim, PerDim};
use crate::mapping::legality::{Violation, holds, quantum, split_violations, violations};
use crate::mapping::plane;
use crate::mapping::tiling::{Level, Mapping, UNSPLIT};
use crate::search::importance::Encoding;
use crate::search::numeric::{ln, pow};
use crate::workload::layer::LoopNest;
use std::f64::consts::SQRT_2;

/// Memories of [`crate::mapping::legality::needs`] that array tiles fill; the others are filled by level-2 tiles.
const ARRAY_MEMORIES: usize = 3;
/// That of level-2 O among all of them.
const LEVEL2_O: usize = 5;

/// The mappings of one layer on one accelerator, under one split of its axes over several dimensions ([`splits`] names the
/// splits worth a space).
#[derive(Clone, Debug)]
pub struct MappingSpace<'a> {
    /// The layer.
    pub nest: &'a LoopNest,
    /// The accelerator.
    pub accelerator: &'a Accelerator,
    /// Positions of axes over several dimensions.
    pub split: PerDim<u32>,
    geometry: Geometry,
    holds: [u64; 7],
    quantum: PerDim<u32>,
    parallel: PerDim<u32>,
}

/// Number of genes of a mapping under `encoding`.
#[must_use]
pub const fn genes(encoding: Encoding) -> usize {
    3 * encoding.genes(6) + 12
}

impl<'a> MappingSpace<'a> {
    /// The mappings of `nest` on `accelerator` under the split that keeps most of its axes busy.
    #[must_use]
    pub fn new(nest: &'a LoopNest, accelerator: &'a Accelerator) -> Self {
        let split = splits(nest, accelerator).first().copied().unwrap_or(UNSPLIT);
        Self::under(nest, accelerator, split)
    }

    /// One space for each of [`splits`].
    #[must_use]
    pub fn all(nest: &'a LoopNest, accelerator: &'a Accelerator) -> Vec<Self> {
        let under = |split| Self::under(nest, accelerator, split);
        splits(nest, accelerator).into_iter().map(under).collect()
    }

    /// The mappings of `nest`, as [`plane::on`] lays it, on `accelerator` under `split`, which must be legal.
    #[must_use]
    pub fn under(nest: &'a LoopNest, accelerator: &'a Accelerator, split: PerDim<u32>) -> Self {
        debug_assert_eq!(*nest, plane::on(nest, accelerator));
        let geometry = Geometry::of(accelerator).split(&split);
        Self {
            nest,
            accelerator,
            split,
            holds: holds(accelerator),
            quantum: PerDim::from_fn(|d| quantum(accelerator, nest, d)),
            parallel: PerDim::from_fn(|d| geometry.p(d)),
            geometry,
        }
    }

    /// The mapping with the smallest tiles that lanes and bus allow. If this one is illegal, every mapping is.
    #[must_use]
    pub fn smallest(&self) -> Mapping {
        let tile = PerDim::from_fn(|d| self.quantum[d].min(self.nest.bounds[d]));
        let level = Level { tile, order: Dim::ALL };
        Mapping {
            offchip: level,
            l2: level,
            pe: Dim::ALL,
            split: self.split,
        }
    }

    /// Why the layer cannot run on the accelerator at all; empty if some mapping is legal.
    #[must_use]
    pub fn obstacles(&self) -> Vec<Violation> {
        violations(self.nest, self.accelerator, &self.smallest())
    }

    /// The legal mapping that `genes` (as many as [`genes`] says) stand for, if the layer has any.
    #[must_use]
    pub fn decode(&self, encoding: Encoding, genes: &[f64]) -> Option<Mapping> {
        let order_genes = encoding.genes(6);
        let (offchip, rest) = genes.split_at(order_genes + 6);
        let (l2, pe) = rest.split_at(order_genes + 6);
        let order = |genes: &[f64]| -> [Dim; 6] {
            let positions = encoding.choose(genes, 6, 6);
            std::array::from_fn(|i| Dim::ALL[positions[i]])
        };
        let (order2, ratio2) = offchip.split_at(order_genes);
        let (order1, ratio1) = l2.split_at(order_genes);
        let tile2 = PerDim::from_fn(|d| {
            let units = self.offchip_units(d);
            self.offchip_tile(d, from_ratio(units, ratio2[d.index()]))
        });
        let tile1 = PerDim::from_fn(|d| {
            let units = self.l2_units(d, tile2[d]);
            self.l2_tile(d, from_ratio(units, ratio1[d.index()]), tile2[d])
        });
        self.repair(&Mapping {
            offchip: Level {
                tile: tile2,
                order: order(order2),
            },
            l2: Level {
                tile: tile1,
                order: order(order1),
            },
            pe: order(pe),
            split: self.split,
        })
    }

    /// Genes that decode to `mapping` where its tiles are of equal size per level, else to one close to it.
    #[must_use]
    pub fn encode(&self, encoding: Encoding, mapping: &Mapping) -> Vec<f64> {
        let order = |order: &[Dim; 6]| encoding.encode(&order.map(Dim::index), 6);
        let (t2, t1) = (&mapping.offchip.tile, &mapping.l2.tile);
        let mut genes = order(&mapping.offchip.order);
        genes.extend(Dim::ALL.map(|d| to_ratio(self.offchip_units(d), t2[d].div_ceil(self.quantum[d]))));
        genes.extend(order(&mapping.l2.order));
        genes.extend(Dim::ALL.map(|d| to_ratio(self.l2_units(d, t2[d]), t1[d].div_ceil(self.parallel[d]))));
        genes.extend(order(&mapping.pe));
        genes
    }

    /// The legal mapping that shrinking tiles of `mapping` leads to, if there is one.
    #[must_use]
    pub fn repair(&self, mapping: &Mapping) -> Option<Mapping> {
        let mut m = self.aligned(&mapping.normalised(self.nest));
        if !self.accelerator.l2.sums && self.accumulates(&m) {
            // Sums over level-2 tiles are finished first.
            m.l2.order.sort_by_key(|d| Dim::REDUCTION.contains(d));
        }
        while let Some(memory) = self.overflow(&m) {
            if !self.shrink(&mut m, memory) {
                return None;
            }
        }
        violations(self.nest, self.accelerator, &m).is_empty().then_some(m)
    }

    /// The first memory that `m` overflows, as an index of [`crate::mapping::legality::needs`].
    fn overflow(&self, m: &Mapping) -> Option<usize> {
        if !self.accelerator.l2.sums && self.accumulates(m) {
            return Some(LEVEL2_O);
        }
        let needed = self.needs(m);
        // Level-2 tiles first: where they shrink, array tiles may shrink with them.
        let overflows = |&i: &usize| needed[i] > self.holds[i];
        (ARRAY_MEMORIES..needed.len())
            .find(overflows)
            .or_else(|| (0..ARRAY_MEMORIES).find(overflows))
    }

    /// Whether every tile of `m`, which is normalised, fits its memory.
    pub(crate) fn fits(&self, m: &Mapping) -> bool {
        self.overflow(m).is_none()
    }

    /// What [`crate::mapping::legality::needs`] says of the schedule of `m`, which is normalised, without building the schedule: growing and
    /// shrinking ask this a hundred times per mapping. A test holds both equal; what is handed out has passed
    /// [`violations`].
    fn needs(&self, m: &Mapping) -> [u64; 7] {
        use Dim::{C, K, R, S, X, Y};
        let (g, e, e2) = (&self.geometry, &m.l2.tile, &m.offchip.tile);
        let share = PerDim::from_fn(|d| e[d].div_ceil(g.p(d)));
        let product = |v: &PerDim<u32>, dims: [Dim; 3]| dims.into_iter().map(|d| u64::from(v[d])).product::<u64>();
        let up = |extent: u32, word: u32| u64::from(extent.next_multiple_of(word));
        let [h, w] = self.windows(&share);
        let [h2, w2] = self.windows(e2);
        let depthwise = self.nest.depthwise();
        let inputs = if depthwise {
            up(e[K], g.i_word) * h * w
        } else {
            let words = u64::from(share[C].div_ceil(g.i_conv_word)) * h * w;
            words.div_ceil(g.i_conv_banks.into()) * u64::from(g.i_word)
        };
        let words = u64::from(e2[K].div_ceil(g.l2_o_word)) * u64::from(e2[Y]) * u64::from(e2[X]);
        let word = u64::from(g.l2_o_word);
        [
            up(share[K], g.w_word) * product(&share, [C, R, S]),
            inputs,
            up(share[K], g.psum_word) * u64::from(share[Y]) * u64::from(share[X]),
            up(e2[K], g.l2_w_word) * product(e2, [C, R, S]),
            up(e2[if depthwise { K } else { C }], g.l2_i_word) * h2 * w2,
            if self.accumulates(m) {
                words * 4 * word
            } else {
                words.next_multiple_of(4) * word
            },
            up(e2[K], g.l2_p_word) * u64::from(PARAM_BYTES),
        ]
    }

    /// Input rows and columns under a tile of extents `e`.
    pub(crate) fn windows(&self, e: &PerDim<u32>) -> [u64; 2] {
        let side = |i: usize, out: Dim, tap: Dim| {
            u64::from(e[out] - 1) * u64::from(self.nest.stride[i])
                + u64::from(e[tap] - 1) * u64::from(self.nest.dilation[i])
                + 1
        };
        [side(0, Dim::Y, Dim::R), side(1, Dim::X, Dim::S)]
    }

    /// Whether a reduction loop with several trips encloses an output loop with several trips.
    fn accumulates(&self, m: &Mapping) -> bool {
        let reduces = |d: &Dim| Dim::REDUCTION.contains(d);
        // Off chip, reductions are innermost: they enclose all level-2 loops and nothing else.
        let mut open = Dim::REDUCTION.iter().any(|&d| m.offchip.tile[d] < self.nest.bounds[d]);
        m.l2.order.iter().any(|d| {
            let several = m.l2.tile[*d] < m.offchip.tile[*d];
            open |= several && reduces(d);
            several && open && !reduces(d)
        })
    }

    /// Positions that run `d` under the split.
    pub(crate) const fn positions(&self, d: Dim) -> u32 {
        self.geometry.p(d)
    }

    /// Rounds the tiles of `m` to what lanes and bus move together.
    fn aligned(&self, m: &Mapping) -> Mapping {
        let mut m = *m;
        m.split = self.split;
        for d in Dim::ALL {
            let round = |extent: u32| extent.div_ceil(self.quantum[d]) * self.quantum[d];
            m.offchip.tile[d] = round(m.offchip.tile[d]).min(self.nest.bounds[d]);
            m.l2.tile[d] = round(m.l2.tile[d]).min(m.offchip.tile[d]);
        }
        m
    }

    /// Shrinks one tile that fills `memory` by a step; false if none can shrink.
    fn shrink(&self, m: &mut Mapping, memory: usize) -> bool {
        use Dim::{C, K, R, S, X, Y};
        let channel = if self.nest.depthwise() { K } else { C };
        let filled: &[Dim] = match memory {
            0 | 3 => &[K, C, R, S],
            1 | 4 => &[channel, Y, X, R, S],
            2 | 5 => &[K, Y, X],
            _ => &[K],
        };
        let array = memory < ARRAY_MEMORIES;
        let size = |d: Dim| {
            if array {
                m.l2.tile[d].div_ceil(self.parallel[d])
            } else {
                m.offchip.tile[d].div_ceil(self.quantum[d])
            }
        };
        let mut by_size: Vec<Dim> = filled.to_vec();
        by_size.sort_by_key(|&d| std::cmp::Reverse(size(d)));
        for d in by_size {
            if array {
                let smaller = self.smaller_l2(d, m.l2.tile[d], m.offchip.tile[d]);
                if smaller < m.l2.tile[d] {
                    m.l2.tile[d] = smaller;
                    return true;
                }
            } else {
                let units = size(d);
                if units > 1 {
                    m.offchip.tile[d] = self.offchip_tile(d, next_below(self.offchip_units(d), units));
                    m.l2.tile[d] = m.l2.tile[d].min(m.offchip.tile[d]);
                    return true;
                }
            }
        }
        false
    }

    /// The next smaller array tile along `d` than `tile`, or `tile` itself if it is the smallest.
    fn smaller_l2(&self, d: Dim, tile: u32, outer: u32) -> u32 {
        let least = self.quantum[d].min(outer);
        let share = tile.div_ceil(self.parallel[d]);
        if share > 1 {
            let smaller = self.l2_tile(d, next_below(self.l2_units(d, outer), share), outer);
            return smaller.min(tile.saturating_sub(self.quantum[d])).max(least);
        }
        // Below one round of the axis only a depthwise input tile, kept whole per channel, gets smaller.
        if d == Dim::K && self.nest.depthwise() {
            return (tile / 2)
                .div_ceil(self.quantum[d])
                .saturating_mul(self.quantum[d])
                .min(tile)
                .max(least);
        }
        tile
    }

    /// Units of an off-chip tile as large as the layer.
    pub(crate) fn offchip_units(&self, d: Dim) -> u32 {
        self.nest.bounds[d].div_ceil(self.quantum[d])
    }

    /// The off-chip tile of `units` units.
    pub(crate) fn offchip_tile(&self, d: Dim, units: u32) -> u32 {
        units.saturating_mul(self.quantum[d]).min(self.nest.bounds[d])
    }

    /// Units of the off-chip tile `tile`, rounded up.
    pub(crate) fn offchip_share(&self, d: Dim, tile: u32) -> u32 {
        tile.div_ceil(self.quantum[d])
    }

    /// Units of the array tile `tile`, rounded up.
    pub(crate) fn l2_share(&self, d: Dim, tile: u32) -> u32 {
        tile.div_ceil(self.parallel[d])
    }

    /// Units of an array tile as large as the off-chip tile `outer`.
    pub(crate) fn l2_units(&self, d: Dim, outer: u32) -> u32 {
        outer.div_ceil(self.parallel[d])
    }

    /// The array tile of `units` units within the off-chip tile `outer`.
    pub(crate) fn l2_tile(&self, d: Dim, units: u32, outer: u32) -> u32 {
        let tile = units.saturating_mul(self.parallel[d]);
        if tile >= outer {
            return outer;
        }
        let q = self.quantum[d];
        (tile / q * q).max(q).min(outer)
    }
}

/// Splits of each axis over several dimensions that are looked at.
const SPLITS: usize = 3;

/// The splits of `accelerator`'s axes over several dimensions that run `nest` in the fewest cycles of its multipliers, the
/// best one first, and among equal ones that with the most taps side by side: rows of a filter that meet in one sum need no
/// inputs that the array does not hold anyway. One that gives every dimension one position if there is no such axis.
#[must_use]
pub fn splits(nest: &LoopNest, accelerator: &Accelerator) -> Vec<PerDim<u32>> {
    let g = Geometry::of(accelerator);
    let mut all = vec![UNSPLIT];
    for shared in g.shared.iter().filter(|s| s.size > 1) {
        let dims: Vec<Dim> = shared.dims.iter().collect();
        let mut found = Vec::new();
        divide(nest, &g, &dims, shared.size, UNSPLIT, &mut found);
        found.sort_by_key(|(rounds, split)| {
            let taps = [Dim::R, Dim::S].map(|d| split[d]);
            (*rounds, std::cmp::Reverse(taps), split.0)
        });
        found.truncate(SPLITS);
        let with = |a: &PerDim<u32>| {
            let a = *a;
            found
                .iter()
                .map(move |(_, b)| PerDim::from_fn(|d| a[d] * b[d]))
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// Appends to `found` the legal ways to give up to `size` positions to `dims` beside what `split` gives to others, each with
/// the rounds that they take together, and none with more positions than its rounds or lanes need.
fn divide(
    nest: &LoopNest,
    g: &Geometry,
    dims: &[Dim],
    size: u32,
    split: PerDim<u32>,
    found: &mut Vec<(u64, PerDim<u32>)>,
) {
    let Some((&d, rest)) = dims.split_first() else {
        if split_violations(g, &split).is_empty() {
            let rounds = |d: Dim| u64::from(nest.bounds[d].div_ceil(g.p(d) * split[d]));
            found.push((Dim::ALL.into_iter().map(rounds).product(), split));
        }
        return;
    };
    let most = nest.bounds[d].div_ceil(g.p(d)).min(size);
    // Lanes deal channels to powers of two only: three channels take four positions, where three are not to be had.
    let dealt = most.next_power_of_two();
    let more = (d == Dim::C && dealt > most && dealt <= size).then_some(dealt);
    for positions in (1..=most).chain(more) {
        let rounds = |positions: u32| nest.bounds[d].div_ceil(g.p(d) * positions);
        if positions == 1 || positions > most || rounds(positions) < rounds(positions - 1) {
            let mut split = split;
            split[d] = positions;
            divide(nest, g, rest, size / positions, split, found);
        }
    }
}

/// The size of equal tiles of `units` that is nearest to what `ratio` wants: from `1 / sqrt(2)` to `sqrt(2) * units` on a
/// logarithmic scale, so that the smallest and the largest size get the share of the scale that any octave gets.
fn from_ratio(units: u32, ratio: f64) -> u32 {
    let wanted = SQRT_2 * pow(2.0 * f64::from(units), ratio.clamp(0.0, 1.0)) / 2.0;
    let tiles = (f64::from(units) / wanted).floor().max(1.0) as u32;
    let [above, below] = [tiles, tiles + 1].map(|t| units.div_ceil(t));
    if wanted * wanted < f64::from(above) * f64::from(below) {
        below
    } else {
        above
    }
}

/// The ratio that [`from_ratio`] reads as tiles of `size` units.
fn to_ratio(units: u32, size: u32) -> f64 {
    (ln(f64::from(size) * SQRT_2) / ln(2.0 * f64::from(units))).clamp(0.0, 1.0)
}

/// The largest size of equal tiles of `units` below `size`: half of it if that is far, else the next that divides
/// `units` into more tiles.
fn next_below(units: u32, size: u32) -> u32 {
    let below = size.saturating_sub(1).max(1);
    units.div_ceil(units.div_ceil(below)).min(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::base::rng::stream;
    use crate::search::encoding::accelerator::AcceleratorSpace;
    use crate::search::numeric::uniform;
    use crate::workload::layer::{Conv, Matmul, Shape};

    fn conv(k: u32, c: u32, side: u32, kernel: u32, stride: u32, groups: u32) -> LoopNest {
        let pad = kernel / 2;
        Shape::Conv(Conv {
            N: 1,
            K: k,
            C: c,
            H: side,
            W: side,
            R: kernel,
            S: kernel,
            stride: [stride; 2],
            pad: [pad; 4],
            dilation: [1, 1],
            groups,
            transposed: false,
        })
        .nest()
        .unwrap()
    }

    fn nests() -> Vec<LoopNest> {
        let fc = Shape::Matmul(Matmul {
            batch: 1,
            M: 1,
            N: 1000,
            K: 2048,
            weights: true,
        });
        vec![
            conv(64, 3, 224, 7, 2, 1),
            conv(256, 64, 56, 1, 1, 1),
            conv(512, 512, 7, 3, 1, 1),
            conv(96, 96, 112, 3, 2, 96),
            conv(64, 32, 28, 3, 1, 4),
            conv(17, 5, 13, 5, 3, 1),
            fc.nest().unwrap(),
        ]
    }

    fn accelerators() -> Vec<Accelerator> {
        ["nvdla-256", "eyeriss", "shidiannao@tight"]
            .into_iter()
            .flat_map(|name| {
                let space = AcceleratorSpace::new(Resources::preset(name).unwrap());
                (0..8u64).map(move |i| {
                    let mut rng = stream(3, &[i]);
                    let genes: Vec<f64> = (0..space.genes()).map(|_| uniform(&mut rng)).collect();
                    space.decode(&genes).unwrap()
                })
            })
            .collect()
    }

    #[test]
    fn every_point_decodes_to_a_legal_mapping_if_the_smallest_is() {
        let (mut legal, mut hopeless) = (0, 0);
        for (i, a) in accelerators().iter().enumerate() {
            for nest in &nests() {
                let nest = &plane::on(nest, a);
                let space = MappingSpace::new(nest, a);
                let possible = space.obstacles().is_empty();
                for encoding in [Encoding::Importance, Encoding::Index] {
                    let mut rng = stream(5, &[i as u64]);
                    for _ in 0..20 {
                        let v: Vec<f64> = (0..genes(encoding)).map(|_| uniform(&mut rng)).collect();
                        let m = space.decode(encoding, &v);
                        assert_eq!(m.is_some(), possible, "{nest:?} on {a:?}");
                        let Some(m) = m else {
                            hopeless += 1;
                            continue;
                        };
                        legal += 1;
                        assert_eq!(violations(nest, a, &m), []);
                        let again = space.decode(encoding, &space.encode(encoding, &m)).unwrap();
                        assert_eq!(again.l2.order, m.l2.order);
                    }
                }
            }
        }
        assert!(legal > 3000, "{legal} legal, {hopeless} without any mapping");
    }

    #[test]
    fn needs_agree_with_legality() {
        use crate::mapping::random::{Limits, random_triple};
        let limits = Limits {
            passes: u64::MAX,
            macs: 1 << 30,
            channels: 600,
            side: 60,
            ..Limits::default()
        };
        let mut accumulating = 0;
        for i in 0..5000 {
            let t = random_triple(&mut stream(8, &[i]), &limits);
            let s = t.schedule();
            let space = MappingSpace::under(&t.nest, &t.accelerator, s.mapping.split);
            accumulating += usize::from(s.accumulate);
            assert_eq!(space.needs(&s.mapping), crate::mapping::legality::needs(&s), "{t:?}");
            assert_eq!(space.accumulates(&s.mapping), s.accumulate);
        }
        assert!(accumulating > 200 && accumulating < 4800, "{accumulating}");
    }

    #[test]
    fn genes_of_equal_tiles_decode_to_them() {
        let resources = Resources::preset("edgetpu").unwrap();
        let a = AcceleratorSpace::new(resources).decode(&[0.9; 14]).unwrap();
        let nest = plane::on(&conv(256, 64, 56, 1, 1, 1), &a);
        let space = MappingSpace::new(&nest, &a);
        for i in 0..200 {
            let mut rng = stream(6, &[i]);
            let v: Vec<f64> = (0..genes(Encoding::Importance)).map(|_| uniform(&mut rng)).collect();
            let m = space.decode(Encoding::Importance, &v).unwrap();
            let again = space
                .decode(Encoding::Importance, &space.encode(Encoding::Importance, &m))
                .unwrap();
            assert_eq!(m, again);
        }
    }

    #[test]
    fn vectors_have_naas_length() {
        assert_eq!((genes(Encoding::Importance), genes(Encoding::Index)), (30, 15));
    }

    #[test]
    fn ratios_are_undone() {
        for units in 1..200u32 {
            for tiles in 1..=units {
                let size = units.div_ceil(tiles);
                assert_eq!(from_ratio(units, to_ratio(units, size)), size, "{size} of {units}");
                let smaller = next_below(units, size);
                assert!(smaller < size || size == 1);
            }
        }
        assert_eq!(
            (from_ratio(64, 0.0), from_ratio(64, 1.0), from_ratio(64, 0.5)),
            (1, 64, 8)
        );
    }
}
