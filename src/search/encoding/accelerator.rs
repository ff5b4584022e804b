//! NAAS's accelerator vector (arXiv 2105.13258, figure 4): 14 reals that stand for an accelerator within given resources.
//!
//! ```text
//! | L2 | L1 | #PE | bandwidth | #dims | size 0 | size 1 | size 2 | importance of K C Y X R S |
//! ```
//!
//! Where the paper is silent, this is how a gene `g` is read; everything decodes to an accelerator that keeps the rules of
//! the hardware template, so that samples are rejected for their resources or for a layer that does not fit only.
//!
//! - **#dims** picks the number of axes evenly from [`AXIS_COUNTS`]; **importances** pick their dims out of all six,
//!   in decreasing order. These two constants of `arch` are the only restriction of the space to what the hardware builds;
//!   genes without effect stay in the vector, so that vectors stay comparable when the restriction falls.
//! - **#PE** is an upper limit, linear from 8 to the resources' in steps of 8. **Sizes** are shares of it: an axis gets
//!   `limit ^ (g_i / sum of g)`, rounded to even numbers; the last axis takes what the others leave. So the product of
//!   sizes never exceeds #PE, and seldom misses it by much.
//! - **Bandwidth** picks a half, a quarter or all of the network's bytes per cycle in three equal bins. W lanes get the
//!   largest legal power of two within half of that, I lanes the largest within the rest, W lanes what is then left.
//!   Drain lanes and the off-chip port are as wide as the resources allow, and every drained sum is finished at that rate.
//! - **L1** is a budget per PE, logarithmic from 16 bytes to half of the on-chip bytes, in steps of 16 B. Times the PEs, it
//!   is split over the W, I and psum buffers in proportion to the square root of how many buffers there are: few shared
//!   buffers may be deep at little cost.
//! - **L2** is a share of what L1 leaves, linear from 1/16 to all of it, in steps of 16 B. Up to 1/32 of it (256 channels
//!   at most) holds parameters; the rest is split evenly over W, I and O. All memories have two slots.
//! - With [`Splits::Learned`] four more genes shift both splits, each by up to a factor of eight either way.

use crate::arch::accelerator::{
    AXIS_COUNTS, Accelerator, Axis, Buffers, L2, Lanes, MAX_AXIS, Memory, Offchip, PARAM_BYTES, Words,
};
use crate::arch::connectivity::{SHARED, class};
use crate::arch::geometry::Geometry;
use crate::arch::resources::Resources;
use crate::base::dims::Dim;
use crate::base::int::floor_pow2;
use crate::search::encoding::literal;
use crate::search::importance::Encoding;
use crate::search::numeric::pow;
use crate::search::optimizer::{bin, log_scale};
use crate::search::runner::Rejection;
use serde::Serialize;

/// Step of #PE.
pub const PE_STEP: u32 = 8;
/// Step of both buffer genes, in bytes.
pub const BUFFER_STEP: u64 = 16;
/// Step of axis sizes.
pub const SIZE_STEP: u32 = 2;
/// Genes before those that choose dims.
pub const SIZING_GENES: usize = 8;
/// Most channels whose parameters one level-2 slot holds.
const MAX_PARAM_CHANNELS: u64 = 256;
/// Largest lanes that the hardware builds.
const MAX_LANES: u32 = 64;
/// Off-chip widths that the hardware builds.
const OFFCHIP_WIDTHS: [u32; 2] = [4, 64];

/// Positions of the sizing genes in the vector.
mod gene {
    pub const L2: usize = 0;
    pub const L1: usize = 1;
    pub const PES: usize = 2;
    pub const BANDWIDTH: usize = 3;
    pub const AXES: usize = 4;
    pub const SIZES: usize = 5;
}

/// How the memory budgets are split over operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Splits {
    /// By the fixed rules of the module's head: NAAS's 14 genes and no more.
    #[default]
    Fixed,
    /// Shifted by four genes of their own.
    Learned,
}

/// How many dimensions an axis may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// One: NAAS's space.
    #[default]
    Single,
    /// Several, too, where the hardware builds it: one more gene per axis chooses among the sets that hold its dimension.
    Several,
}

/// The space of accelerators within resources, and how points of the unit box name its members.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceleratorSpace {
    /// What an accelerator may spend.
    pub resources: Resources,
    /// How genes choose the axes' dims.
    pub encoding: Encoding,
    /// The dims of each axis where they are not searched (NAAS's "sizing only"); their number fixes the number of axes.
    pub dims: Option<Vec<Vec<Dim>>>,
    /// How memory budgets are split.
    pub splits: Splits,
    /// How many dimensions an axis may run, where they are searched.
    pub sharing: Sharing,
}

impl AcceleratorSpace {
    /// All accelerators within `resources` under NAAS's encoding.
    #[must_use]
    pub fn new(resources: Resources) -> Self {
        Self {
            resources,
            encoding: Encoding::Importance,
            dims: None,
            splits: Splits::Fixed,
            sharing: Sharing::Single,
        }
    }

    /// Number of genes.
    #[must_use]
    pub fn genes(&self) -> usize {
        let splits = if self.splits == Splits::Learned { 4 } else { 0 };
        let sharing = if self.sharing == Sharing::Several {
            *AXIS_COUNTS.end()
        } else {
            0
        };
        SIZING_GENES + self.encoding.genes(Dim::ALL.len()) + sharing + splits
    }

    /// The accelerator that `genes` name, or that they spell out ([`literal`]).
    ///
    /// # Errors
    /// A [`Rejection`] that names the limit, if the accelerator does not fit the resources (its memories cannot be smaller
    /// than one word each).
    ///
    /// # Panics
    /// Never for `genes` of length [`AcceleratorSpace::genes`] or [`literal::LENGTH`].
    pub fn decode(&self, genes: &[f64]) -> Result<Accelerator, Rejection> {
        if let Some(a) = literal::read(genes) {
            return self.within(a);
        }
        let dims = self.axis_dims(genes);
        let sizes = self.axis_sizes(genes, dims.len());
        let axes: Vec<Axis> = dims
            .into_iter()
            .zip(sizes)
            .map(|(dims, size)| Axis { size, dims })
            .collect();
        let mut a = Accelerator {
            name: "searched".into(),
            axes,
            buffers: Buffers {
                W: memory(0),
                I: memory(0),
                psum: Words { words: 0, slots: 2 },
            },
            l2: L2 {
                W: memory(0),
                I: memory(0),
                O: memory(0),
                P: memory(0),
                sums: true,
            },
            lanes: Lanes { W: 1, I: 1, drain: 1 },
            requantizers: 1,
            offchip: self.offchip(),
        };
        self.set_lanes(&mut a, genes[gene::BANDWIDTH]);
        self.set_memories(&mut a, genes);
        self.within(a)
    }

    /// `a`, if it can be built within the resources.
    fn within(&self, a: Accelerator) -> Result<Accelerator, Rejection> {
        let violations = a.violations();
        if !violations.is_empty() {
            return Err(Rejection {
                reason: violations.join("; "),
                excess: f64::INFINITY,
            });
        }
        let exceeded = self.resources.exceeded_by(&a);
        if exceeded.is_empty() {
            Ok(a)
        } else {
            Err(Rejection {
                excess: self.excess(&a),
                reason: exceeded.join("; "),
            })
        }
    }

    /// The largest ratio of a figure of `a` to its limit.
    fn excess(&self, a: &Accelerator) -> f64 {
        let r = &self.resources;
        [
            (u64::from(a.pes()), u64::from(r.pes)),
            (a.onchip_bytes(), r.onchip_bytes),
            (u64::from(a.lanes.W + a.lanes.I), u64::from(r.network_bytes_per_cycle)),
            (u64::from(a.lanes.drain), u64::from(r.drain_psums_per_cycle)),
            (
                u64::from(a.offchip.bytes_per_cycle),
                u64::from(r.offchip_bytes_per_cycle),
            ),
        ]
        .into_iter()
        .map(|(used, limit)| used as f64 / limit.max(1) as f64)
        .fold(0.0, f64::max)
    }

    fn axis_dims(&self, genes: &[f64]) -> Vec<Vec<Dim>> {
        if let Some(dims) = &self.dims {
            return dims.clone();
        }
        let counts = AXIS_COUNTS.count();
        let count = AXIS_COUNTS.start() + bin(genes[gene::AXES], counts);
        let choice = &genes[SIZING_GENES..][..self.encoding.genes(Dim::ALL.len())];
        let chosen = self.encoding.choose(choice, Dim::ALL.len(), count);
        self.shared(chosen.into_iter().map(|i| Dim::ALL[i]), genes)
    }

    /// What each axis runs whose first choice is `dims`: that alone, or a set with company, but of each class one set at most.
    fn shared(&self, dims: impl Iterator<Item = Dim>, genes: &[f64]) -> Vec<Vec<Dim>> {
        let mut axes: Vec<Vec<Dim>> = Vec::with_capacity(*AXIS_COUNTS.end());
        let first = SIZING_GENES + self.encoding.genes(Dim::ALL.len());
        for (i, d) in dims.enumerate() {
            let taken = axes.iter().any(|a| a.len() > 1 && class(a[0]) == class(d));
            let sets: Vec<&[Dim]> = SHARED.into_iter().filter(|set| set.contains(&d) && !taken).collect();
            let choice = match self.sharing {
                Sharing::Single => 0,
                Sharing::Several => bin(genes[first + i], sets.len() + 1),
            };
            axes.push(choice.checked_sub(1).map_or_else(|| vec![d], |set| sets[set].to_vec()));
        }
        axes
    }

    /// Sizes of `axes` axes whose product stays within the #PE gene.
    fn axis_sizes(&self, genes: &[f64], axes: usize) -> Vec<u32> {
        let most = self.resources.pes.max(PE_STEP);
        let limit = PE_STEP + (f64::from(most - PE_STEP) * genes[gene::PES]).round() as u32;
        let limit = (limit / PE_STEP * PE_STEP).max(PE_STEP);
        let genes = &genes[gene::SIZES..gene::SIZES + axes];
        let sum: f64 = genes.iter().sum();
        let mut left = limit;
        let mut sizes = Vec::with_capacity(axes);
        for (i, g) in genes.iter().enumerate() {
            let rest = axes - i - 1;
            let share = if sum > 0.0 { g / sum } else { 1.0 / axes as f64 };
            let wanted = if rest == 0 {
                left
            } else {
                even(pow(f64::from(limit), share))
            };
            // The axes after this one hold at least a step and at most the largest size each.
            let room = left / SIZE_STEP.pow(rest as u32);
            let must = left.div_ceil(MAX_AXIS.saturating_pow(rest as u32));
            let size = wanted.max(must).min(room).min(MAX_AXIS) / SIZE_STEP * SIZE_STEP;
            let size = size.max(SIZE_STEP);
            sizes.push(size);
            left = (left / size).max(1);
        }
        sizes
    }

    fn offchip(&self) -> Offchip {
        let [low, high] = OFFCHIP_WIDTHS;
        Offchip {
            bytes_per_cycle: pow2_within(self.resources.offchip_bytes_per_cycle).clamp(low, high),
            latency_cycles: self.resources.offchip_latency_cycles.clamp(1, 1000),
        }
    }

    /// Lanes for the axes of `a`, from the share of the bandwidth that the gene `bandwidth` picks.
    pub(in crate::search) fn set_lanes(&self, a: &mut Accelerator, bandwidth: f64) {
        let budget = (self.resources.network_bytes_per_cycle >> (2 - bin(bandwidth, 3))).max(2);
        let (k, c) = (a.parallel(Dim::K), a.parallel(Dim::C));
        let w = largest_lanes(budget / 2, &[k]);
        a.lanes.I = largest_lanes(budget - w, &[k, c]);
        a.lanes.W = largest_lanes(budget - a.lanes.I, &[k]);
        a.lanes.drain = largest_lanes(self.resources.drain_psums_per_cycle, &[k]);
        a.requantizers = a.lanes.drain;
    }

    fn set_memories(&self, a: &mut Accelerator, genes: &[f64]) {
        let g = Geometry::of(a);
        let total = self.resources.onchip_bytes;
        let pes = u64::from(a.pes());
        let most = (total / 2 / pes).max(BUFFER_STEP);
        let per_pe = log_scale(genes[gene::L1], BUFFER_STEP as f64, most as f64).round() as u64;
        let l1 = per_pe / BUFFER_STEP * BUFFER_STEP * pes;

        let root = |buffers: u32| f64::from(buffers).sqrt();
        let shares = self.shares([root(g.w_buffers), root(g.i_buffers), root(g.psum_buffers)], genes, 0);
        let slot = |share: f64, buffers: u32, word: u32| words(l1 as f64 * share / f64::from(buffers) / 2.0, word);
        a.buffers.W.bytes = slot(shares[0], g.w_buffers, g.w_word);
        a.buffers.I.bytes = slot(shares[1], g.i_buffers, g.i_word);
        a.buffers.psum.words = slot(shares[2], g.psum_buffers, 4 * g.psum_word) / 4;

        // Buffers are at least a word deep, so that L1 may take more than its budget.
        let taken = 2
            * (u64::from(g.w_buffers) * u64::from(a.buffers.W.bytes)
                + u64::from(g.i_buffers) * u64::from(a.buffers.I.bytes)
                + u64::from(g.psum_buffers) * 4 * u64::from(a.buffers.psum.words));
        let left = total.saturating_sub(taken);
        let l2 = (left as f64 * (1.0 + 15.0 * genes[gene::L2]) / 16.0) as u64 / BUFFER_STEP * BUFFER_STEP;
        let params = (l2 / 32 / 2).min(MAX_PARAM_CHANNELS * u64::from(PARAM_BYTES));
        a.l2.P.bytes = words(params as f64, PARAM_BYTES * g.l2_p_word);
        let data = l2.saturating_sub(2 * u64::from(a.l2.P.bytes)) as f64 / 2.0;
        let shares = self.shares([1.0; 3], genes, 2);
        a.l2.W.bytes = words(data * shares[0], g.l2_w_word);
        a.l2.I.bytes = words(data * shares[1], g.l2_i_word);
        a.l2.O.bytes = words(data * shares[2], a.l2.output_bytes() * g.l2_o_word);
    }

    /// `weights` normalised to a sum of one, the first two shifted by the split genes from `first` on.
    fn shares(&self, mut weights: [f64; 3], genes: &[f64], first: usize) -> [f64; 3] {
        if self.splits == Splits::Learned {
            let at = self.genes() - 4 + first;
            for (w, g) in weights.iter_mut().zip(&genes[at..at + 2]) {
                *w *= log_scale(*g, 1.0 / 8.0, 64.0 / 8.0);
            }
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|w| w / sum)
    }
}

const fn memory(bytes: u32) -> Memory {
    Memory { bytes, slots: 2 }
}

/// The largest multiple of `word` that is not above `bytes`, but at least one word.
fn words(bytes: f64, word: u32) -> u32 {
    let most = 1 << 26;
    ((bytes.min(f64::from(most)) as u32) / word).max(1) * word
}

/// The nearest even number.
fn even(x: f64) -> u32 {
    (x / f64::from(SIZE_STEP)).round() as u32 * SIZE_STEP
}

fn pow2_within(limit: u32) -> u32 {
    u32::try_from(floor_pow2(limit.into())).unwrap_or(1)
}

/// The largest power of two within `limit` that each of the axes (of the given sizes) can be fed with: at most the size,
/// or a multiple of it.
pub(super) fn largest_lanes(limit: u32, axes: &[u32]) -> u32 {
    let mut lanes = pow2_within(limit.max(1)).min(MAX_LANES);
    while lanes > 1 && axes.iter().any(|&size| lanes > size && !lanes.is_multiple_of(size)) {
        lanes /= 2;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::search::numeric::uniform;

    fn genes(space: &AcceleratorSpace, i: u64) -> Vec<f64> {
        let mut rng = stream(11, &[i]);
        (0..space.genes()).map(|_| uniform(&mut rng)).collect()
    }

    fn all_presets(check: impl Fn(&AcceleratorSpace, &[f64])) {
        for name in Resources::names() {
            for encoding in [Encoding::Importance, Encoding::Index] {
                for splits in [Splits::Fixed, Splits::Learned] {
                    let resources = Resources::preset(&name).unwrap();
                    let space = AcceleratorSpace {
                        encoding,
                        splits,
                        ..AcceleratorSpace::new(resources)
                    };
                    (0..200).for_each(|i| check(&space, &genes(&space, i)));
                }
            }
        }
    }

    #[test]
    fn every_point_decodes_within_the_presets() {
        all_presets(|space, genes| {
            let a = space.decode(genes).unwrap();
            assert!(a.violations().is_empty() && space.resources.exceeded_by(&a).is_empty());
            assert!(a.axes.iter().all(|x| x.size.is_multiple_of(SIZE_STEP)));
        });
    }

    #[test]
    fn the_vector_has_naas_length() {
        let space = AcceleratorSpace::new(Resources::preset("eyeriss").unwrap());
        assert_eq!(space.genes(), 14);
    }

    #[test]
    fn full_genes_use_the_resources() {
        for (name, sizes) in [("edgetpu", [64, 64]), ("nvdla-1024", [32, 32]), ("eyeriss", [12, 14])] {
            let space = AcceleratorSpace::new(Resources::preset(name).unwrap());
            let mut v = vec![1.0; 14];
            (v[gene::L1], v[gene::AXES], v[9]) = (0.3, 0.5, 0.9);
            let a = space.decode(&v).unwrap();
            assert_eq!([a.axes[0].size, a.axes[1].size], sizes);
            let used = a.onchip_bytes() as f64 / space.resources.onchip_bytes as f64;
            assert!(used > 0.97, "{name}: {used}");
        }
    }

    #[test]
    fn importances_choose_the_axes() {
        let space = AcceleratorSpace::new(Resources::preset("nvdla-256").unwrap());
        let mut v = vec![0.5; 14];
        v[8..].copy_from_slice(&[0.4, 0.6, 0.2, 0.2, 0.9, 0.1]);
        for (number, dims) in [
            (0.1, vec![Dim::R]),
            (0.5, vec![Dim::R, Dim::C]),
            (0.9, vec![Dim::R, Dim::C, Dim::K]),
        ] {
            v[gene::AXES] = number;
            let a = space.decode(&v).unwrap();
            assert_eq!(a.axes.iter().map(|a| a.dims[0]).collect::<Vec<_>>(), dims);
        }
    }

    #[test]
    fn axes_share_dimensions_where_asked() {
        let space = AcceleratorSpace {
            sharing: Sharing::Several,
            ..AcceleratorSpace::new(Resources::preset("eyeriss").unwrap())
        };
        assert_eq!(space.genes(), 17);
        let mut sets = std::collections::BTreeSet::new();
        for i in 0..400 {
            let a = space.decode(&genes(&space, i)).unwrap();
            sets.extend(a.axes.into_iter().map(|axis| axis.dims));
        }
        assert_eq!(sets.len(), Dim::ALL.len() + SHARED.len());
    }

    #[test]
    fn index_reaches_every_ordered_pair() {
        let resources = Resources::preset("nvdla-256").unwrap();
        let space = AcceleratorSpace {
            encoding: Encoding::Index,
            ..AcceleratorSpace::new(resources)
        };
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..120 {
            let mut v = vec![0.5; space.genes()];
            v[SIZING_GENES] = f64::from(i) / 120.0;
            let a = space.decode(&v).unwrap();
            seen.insert(a.axes.iter().map(|x| x.dims[0]).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 30);
    }

    #[test]
    fn fixed_dims_stay() {
        let resources = Resources::preset("eyeriss").unwrap();
        let dims = vec![vec![Dim::R, Dim::C], vec![Dim::K]];
        let space = AcceleratorSpace {
            dims: Some(dims.clone()),
            ..AcceleratorSpace::new(resources)
        };
        for i in 0..50 {
            let a = space.decode(&genes(&space, i)).unwrap();
            assert_eq!(a.axes.into_iter().map(|x| x.dims).collect::<Vec<_>>(), dims);
        }
    }

    #[test]
    fn too_little_memory_is_named() {
        let resources = Resources {
            onchip_bytes: 1000,
            ..Resources::preset("eyeriss").unwrap()
        };
        let r = AcceleratorSpace::new(resources).decode(&[0.5; 14]).unwrap_err();
        assert!(
            r.reason.contains("on-chip bytes exceed the limit of 1000") && r.excess > 1.0,
            "{r:?}"
        );
    }
}
