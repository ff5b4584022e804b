//! Mappings that an engineer would try first, so that a search starts from good ones.
//!
//! **Level 2 first.** A few hundred combinations of level-2 tiles of K, Y and X are tried, each with as much of C as then
//! fits, and with C cut further. They are ranked by the off-chip reads that they need (kernels stay whole if they can), once with
//! and once without the time that the first and last tiles take and that tiles wait for each other, and by the time alone.
//! The best ones of three kinds go on: weights read once, inputs read once, and reductions
//! cut so that large output tiles stay on chip while both operands stream. Within them array tiles grow, in an order of
//! dimensions that suits each of a few dataflows: one dimension after the other, or all of them in turn.
//!
//! **Array first.** The array tile grows as far as the array's memories allow; the level-2 tile holds nothing else (what is
//! read is used at once), or whole reductions as well, or as much as fits.
//!
//! Nothing here knows a price; what is best is for the evaluation to say.

use crate::base::dims::{
    Dim::{self, C, K, R, S, X, Y},
    PerDim,
};
use crate::base::int::floor_pow2;
use crate::mapping::tiling::Mapping;
use crate::search::encoding::mapping::MappingSpace;

/// An order of loops with the order in which tiles grow into the memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Order of the loops over tiles, outermost first.
    pub order: [Dim; 6],
    /// Order in which dimensions take what room is left.
    pub grow: [Dim; 6],
}

/// At the array: which operand stays.
const ARRAY: [Recipe; 7] = [
    // Outputs stay, many of them: weights are used for many positions each time they are loaded.
    Recipe {
        order: [K, Y, X, C, R, S],
        grow: [X, Y, K, S, R, C],
    },
    // The same, many channels first.
    Recipe {
        order: [Y, X, K, C, R, S],
        grow: [K, X, Y, S, R, C],
    },
    // Outputs stay, whole reductions first.
    Recipe {
        order: [Y, X, K, C, R, S],
        grow: [S, R, C, X, Y, K],
    },
    // Weights stay.
    Recipe {
        order: [K, C, R, S, Y, X],
        grow: [S, R, C, K, X, Y],
    },
    // Inputs stay.
    Recipe {
        order: [Y, X, C, R, S, K],
        grow: [X, Y, S, R, C, K],
    },
    // Outputs stay, rows of a kernel with rows of outputs: small buffers of a layer without sums over channels.
    Recipe {
        order: [Y, X, K, C, R, S],
        grow: [S, X, R, Y, C, K],
    },
    // Outputs stay while rows of the kernel pass.
    Recipe {
        order: [Y, X, K, C, S, R],
        grow: [S, X, K, Y, C, R],
    },
];

/// Order of off-chip loops: weights read once if reductions are whole.
pub(super) const WEIGHTS_ONCE: [Dim; 6] = [K, Y, X, C, R, S];
/// Order of off-chip loops: inputs read once if reductions are whole.
pub(super) const INPUTS_ONCE: [Dim; 6] = [Y, X, K, C, R, S];

/// Mappings from combinations of a dataflow off chip and one at the array, without repetitions; empty if no mapping is legal.
#[must_use]
pub fn seeds(space: &MappingSpace<'_>) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    let mut add = |m: Mapping| {
        if !found.contains(&m) {
            found.push(m);
        }
    };
    let outer = offchip(space);
    for inner in &ARRAY {
        for outer in &outer {
            add(grown(space, outer, inner));
            add(evenly(space, outer, inner, Room::Within));
        }
        for m in array_first(space, inner) {
            add(m);
        }
    }
    found
}

/// What level-2 tiles take besides an array tile, in this order.
const AROUND: [&[Dim]; 4] = [&[], &[S, R, C], &[S, R, C, K], &[Y, X, S, R, K, C]];

/// Array tiles as large as the array's memories allow, with level-2 tiles around them.
fn array_first(space: &MappingSpace<'_>, inner: &Recipe) -> Vec<Mapping> {
    let mut start = space.smallest();
    start.l2.order = inner.order;
    let mut greedy = start;
    fill(space, &mut greedy, inner, Room::Both);
    let mut all = Vec::with_capacity(16);
    for array in [evenly(space, &start, inner, Room::Both), greedy] {
        for dims in AROUND {
            let mut m = array;
            for &d in dims {
                grow(space, &mut m, space.offchip_units(d), &|m, size| {
                    m.offchip.tile[d] = m.offchip.tile[d].max(space.offchip_tile(d, size));
                });
            }
            for order in [WEIGHTS_ONCE, INPUTS_ONCE] {
                m.offchip.order = order;
                all.push(m);
            }
        }
    }
    all
}

/// Where an array tile may grow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Within its level-2 tile.
    Within,
    /// Together with its level-2 tile, which holds nothing else: every tile that is read is used at once.
    Both,
}

impl Room {
    /// What an array tile of `m` can grow to along `d`.
    fn of(self, space: &MappingSpace<'_>, m: &Mapping, d: Dim) -> u32 {
        if self == Self::Within {
            m.offchip.tile[d]
        } else {
            space.nest.bounds[d]
        }
    }

    /// Gives an array tile `size` rounds of its axis, or what it has if that is more.
    fn set(self, space: &MappingSpace<'_>, m: &mut Mapping, d: Dim, size: u32) {
        m.l2.tile[d] = m.l2.tile[d].max(space.l2_tile(d, size, self.of(space, m, d)));
        m.offchip.tile[d] = m.offchip.tile[d].max(m.l2.tile[d]);
    }
}

/// A level-2 tile with what it costs.
struct Ranked {
    proxy: f64,
    mapping: Mapping,
}

/// What level-2 tiles are ranked by.
const PROXIES: usize = 3;

/// The best level-2 tile of each kind by each proxy.
type Best = [Option<Ranked>; 3 * PROXIES];

/// The best level-2 tiles of each kind, one for each proxy, with smallest array tiles.
fn offchip(space: &MappingSpace<'_>) -> Vec<Mapping> {
    let mut best = Best::default();
    let [ks, ys, xs] = [K, Y, X].map(|d| sizes(space, d));
    for order in [WEIGHTS_ONCE, INPUTS_ONCE] {
        let mut base = space.smallest();
        base.offchip.order = order;
        base.l2.order = ARRAY[0].order;
        for d in [R, S] {
            grow(space, &mut base, space.offchip_units(d), &|m, size| {
                m.offchip.tile[d] = space.offchip_tile(d, size);
            });
        }
        for &k in &ks {
            for &y in &ys {
                for &x in &xs {
                    consider(space, &base, [k, y, x], &mut best);
                }
            }
        }
        // Where not even these fit, whatever can grow does.
        if best.iter().all(Option::is_none) {
            let mut m = base;
            for d in [C, K, X, Y] {
                grow(space, &mut m, space.offchip_units(d), &|m, size| {
                    m.offchip.tile[d] = space.offchip_tile(d, size);
                });
            }
            keep(&mut best[0], f64::INFINITY, &m);
        }
    }
    best.into_iter().flatten().map(|r| r.mapping).collect()
}

/// Ranks the tile of `k`, `y`, `x` with the largest C that fits, and with smaller ones, among those of its kind.
fn consider(space: &MappingSpace<'_>, base: &Mapping, [k, y, x]: [u32; 3], best: &mut Best) {
    let mut m = *base;
    (m.offchip.tile[K], m.offchip.tile[Y], m.offchip.tile[X]) = (k, y, x);
    // A whole reduction needs fewer bytes per output, so it may fit where the beginning of one does not.
    m.offchip.tile[C] = space.nest.bounds[C];
    if !space.fits(&m) {
        m.offchip.tile[C] = base.offchip.tile[C];
        if !space.fits(&m) {
            return;
        }
        grow(space, &mut m, space.offchip_units(C), &|m, size| {
            m.offchip.tile[C] = space.offchip_tile(C, size);
        });
    }
    rank(space, &m, best);
    // Orders outside differ in nothing where reductions are cut.
    if base.offchip.order != WEIGHTS_ONCE {
        return;
    }
    // The first tiles of a cut reduction come sooner.
    while m.offchip.tile[C] > base.offchip.tile[C] {
        let units = space.offchip_share(C, m.offchip.tile[C]);
        m.offchip.tile[C] = space.offchip_tile(C, units.div_ceil(2));
        if !space.fits(&m) {
            return;
        }
        rank(space, &m, best);
    }
}

/// Ranks a level-2 tile among those of its kind.
fn rank(space: &MappingSpace<'_>, m: &Mapping, best: &mut Best) {
    let cut = Dim::REDUCTION.iter().any(|&d| m.offchip.tile[d] < space.nest.bounds[d]);
    let kind = match (cut, m.offchip.order == WEIGHTS_ONCE) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 1,
    };
    for (i, proxy) in proxy(space, m, cut).into_iter().enumerate() {
        keep(&mut best[PROXIES * kind + i], proxy, m);
    }
}

fn keep(best: &mut Option<Ranked>, proxy: f64, m: &Mapping) {
    if best.as_ref().is_none_or(|b| proxy < b.proxy) {
        *best = Some(Ranked { proxy, mapping: *m });
    }
}

/// Stands in for the energy-delay product: off-chip bytes, times the longer of the bus's and the multipliers' time; the same
/// with the time that the first tiles and the last one take, and that a tile waits for its slot; and this time alone.
fn proxy(space: &MappingSpace<'_>, m: &Mapping, cut: bool) -> [f64; PROXIES] {
    let (nest, t) = (space.nest, &m.offchip.tile);
    let trips = PerDim::from_fn(|d| f64::from(nest.bounds[d].div_ceil(t[d])));
    let positions = trips[Y] * trips[X];
    let weights_first = m.offchip.order == WEIGHTS_ONCE;
    // A reduction cut off chip is innermost: it moves both operands at every step.
    let weights_again = if cut || (!weights_first && trips[K] > 1.0) {
        positions
    } else {
        1.0
    };
    let inputs_again = match nest.depthwise() {
        true => 1.0,
        false if cut || (weights_first && positions > 1.0) => trips[K],
        false => 1.0,
    };
    let all = |dims: &[Dim]| dims.iter().map(|&d| f64::from(nest.bounds[d])).product::<f64>();
    let [h, w] = space.windows(t).map(|side| side as f64);
    let weights = all(&[K, C, R, S]) * weights_again;
    let inputs = f64::from(nest.input_channels()) * positions * h * w * inputs_again;
    let bytes = weights + inputs + all(&[K, Y, X]);
    let rounds = |d: Dim| f64::from(space.l2_share(d, t[d])) * trips[d];
    let compute: f64 = Dim::ALL.into_iter().map(rounds).product();
    let bus = f64::from(space.accelerator.offchip.bytes_per_cycle);
    let tile = |dims: &[Dim]| dims.iter().map(|&d| f64::from(t[d])).product::<f64>();
    let channels = f64::from(t[if nest.depthwise() { K } else { C }]);
    // Nothing is computed before the first tiles have come, nor after the last pass while the last outputs leave.
    let (head, tail) = ((tile(&[K, C, R, S]) + channels * h * w) / bus, tile(&[K, Y, X]) / bus);
    let read = (weights + inputs) / bus;
    let busiest = compute.max(read);
    let array = compute.max(loads(space, m));
    let steps: f64 = trips.0.iter().product();
    // Tiles in two slots are read and used in turn, one chain for each slot: each waits for every other tile's latency.
    let latency = f64::from(space.accelerator.offchip.latency_cycles);
    let in_turn = (compute + read + steps * latency) / f64::from(space.accelerator.l2.I.slots);
    let time = (head + array).max(read + array / steps).max(in_turn) + tail;
    [bytes * busiest, bytes * time, time]
}

/// Cycles in which weights go into the array, at least: once if it holds them all, else again for as many positions as it has
/// sums for.
fn loads(space: &MappingSpace<'_>, m: &Mapping) -> f64 {
    let (nest, a) = (space.nest, space.accelerator);
    let share = |d: Dim, extent: u32| u64::from(space.l2_share(d, extent));
    let kept: u64 = [K, C, R, S].map(|d| share(d, nest.bounds[d])).iter().product();
    let again = if kept <= a.buffers.W.bytes.into() {
        1
    } else {
        let tiles = |d: Dim| u64::from(nest.bounds[d].div_ceil(m.offchip.tile[d]));
        let sums = share(Y, m.offchip.tile[Y]) * share(X, m.offchip.tile[X]);
        tiles(Y) * tiles(X) * sums.div_ceil(a.buffers.psum.words.into())
    };
    let vectors = u64::from(nest.bounds[K].div_ceil(a.lanes.W));
    let taps: u64 = Dim::REDUCTION.iter().map(|&d| u64::from(nest.bounds[d])).product();
    (vectors * taps * again) as f64
}

/// Sizes of level-2 tiles along `d` to try: whole rounds of the axis, cut into 1, 2, 3, 4, 6, 8, 12, ... equal tiles.
fn sizes(space: &MappingSpace<'_>, d: Dim) -> Vec<u32> {
    let bound = space.nest.bounds[d];
    let rounds = space.l2_units(d, bound);
    let mut sizes = Vec::new();
    let mut tiles = 1;
    while tiles < 2 * rounds {
        let size = space.l2_tile(d, rounds.div_ceil(tiles), bound);
        if sizes.last() != Some(&size) {
            sizes.push(size);
        }
        tiles += (floor_pow2(tiles.into()) as u32 / 2).max(1);
    }
    sizes
}

/// `m` with the orders of `inner` and its array tiles grown.
pub(super) fn grown(space: &MappingSpace<'_>, m: &Mapping, inner: &Recipe) -> Mapping {
    let mut m = *m;
    m.l2.order = inner.order;
    let Some(mut m) = space.repair(&m) else { return m };
    fill(space, &mut m, inner, Room::Within);
    m
}

/// As [`grown`], but no dimension takes all the room: each in turn takes twice what it has, as long as one can.
fn evenly(space: &MappingSpace<'_>, m: &Mapping, inner: &Recipe, room: Room) -> Mapping {
    let mut m = *m;
    m.l2.order = inner.order;
    let Some(mut m) = space.repair(&m) else { return m };
    let mut grew = true;
    while grew {
        grew = false;
        for d in inner.grow {
            let units = space.l2_units(d, room.of(space, &m, d));
            let tiles = units.div_ceil(space.l2_share(d, m.l2.tile[d]));
            let mut larger = m;
            room.set(space, &mut larger, d, units.div_ceil((tiles / 2).max(1)));
            if larger != m && space.fits(&larger) {
                m = larger;
                grew = true;
            }
        }
    }
    fill(space, &mut m, inner, room);
    m
}

/// Lets array tiles grow, one dimension after the other.
fn fill(space: &MappingSpace<'_>, m: &mut Mapping, inner: &Recipe, room: Room) {
    for d in inner.grow {
        let units = space.l2_units(d, room.of(space, m, d));
        grow(space, m, units, &|m, size| room.set(space, m, d, size));
    }
}

/// Applies to `m` the largest size of equal tiles of `units` units that fits.
pub(super) fn grow(space: &MappingSpace<'_>, m: &mut Mapping, units: u32, set: &dyn Fn(&mut Mapping, u32)) {
    let with = |size: u32| {
        let mut candidate = *m;
        set(&mut candidate, size);
        candidate
    };
    // Invariant: `low` tiles are too few to fit, `high` tiles fit (as many as there are units leave `m` as it is).
    let (mut low, mut high) = (0, units);
    while high - low > 1 {
        let tiles = low + (high - low) / 2;
        if space.fits(&with(units.div_ceil(tiles))) {
            high = tiles;
        } else {
            low = tiles;
        }
    }
    let grown = with(units.div_ceil(high.max(1)));
    if space.fits(&grown) {
        *m = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::mapping::legality::violations;
    use crate::search::encoding::accelerator::AcceleratorSpace;
    use crate::workload::layer::{Conv, LoopNest, Matmul, Shape};

    fn conv(k: u32, c: u32, side: u32, kernel: u32, groups: u32) -> LoopNest {
        let pad = [kernel / 2; 4];
        let (stride, dilation, transposed) = ([1, 1], [1, 1], false);
        let conv = Conv {
            N: 1,
            K: k,
            C: c,
            H: side,
            W: side,
            R: kernel,
            S: kernel,
            stride,
            pad,
            dilation,
            groups,
            transposed,
        };
        Shape::Conv(conv).nest().unwrap()
    }

    #[test]
    fn seeds_are_legal_and_cannot_grow() {
        let resources = Resources::preset("nvdla-256").unwrap();
        let a = AcceleratorSpace::new(resources).decode(&[0.9; 14]).unwrap();
        let fc = Shape::Matmul(Matmul {
            batch: 1,
            M: 1,
            N: 1000,
            K: 2048,
            weights: true,
        })
        .nest()
        .unwrap();
        for nest in [
            conv(64, 64, 56, 3, 1),
            conv(96, 96, 28, 3, 96),
            conv(16, 3, 32, 3, 1),
            fc,
        ] {
            let space = MappingSpace::new(&nest, &a);
            let seeds = seeds(&space);
            assert!(!seeds.is_empty());
            for m in seeds {
                assert_eq!(violations(&nest, &a, &m), []);
                for d in Dim::ALL {
                    let mut larger = m;
                    larger.l2.tile[d] = m.offchip.tile[d];
                    assert!(larger == m || !space.fits(&larger) || m.l2.tile[d] * 2 > m.offchip.tile[d]);
                }
            }
        }
    }
}
