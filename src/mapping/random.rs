//! Random legal (accelerator, layer, mapping) triples, and simpler ones of the same kind.
//!
//! Tests and the `verify` command compare the hardware, the walk and the fast model on these. Triples are small, so that
//! every job can be simulated, and odd: arrays of one to three axes over any dimensions, some over several, ragged tiles at
//! both levels, axis sizes that are no power of two, one or two slots anywhere, padding, stride, dilation, groups, batch. A triple that fails a comparison is shrunk with [`simpler`].

use crate::arch::accelerator::{Accelerator, Axis, Buffers, L2, Lanes, Memory, Offchip, PARAM_BYTES, Words};
use crate::arch::connectivity::{Class, SHARED};
use crate::arch::geometry::Geometry;
use crate::base::dims::{Dim, PerDim};
use crate::base::rng::Rng;
use crate::mapping::legality::{needs, quantum, split_violations, violations};
use crate::mapping::plane;
use crate::mapping::schedule::Schedule;
use crate::mapping::tiling::{Level, Mapping, UNSPLIT};
use crate::workload::layer::{Addition, Conv, LoopNest, Matmul, Pooling, Shape};
use rand::RngExt as _;

/// What to run, on what, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triple {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// The layer as a network states it.
    pub shape: Shape,
    /// Its loops.
    pub nest: LoopNest,
    /// The mapping.
    pub mapping: Mapping,
}

/// How large triples may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Passes.
    pub passes: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Channels of one group, outputs and inputs each.
    pub channels: u32,
    /// Input rows and columns.
    pub side: u32,
    /// Multipliers of the array.
    pub pes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            passes: 3000,
            macs: 100_000,
            channels: 40,
            side: 12,
            pes: 256,
        }
    }
}

/// Draws a triple.
#[must_use]
pub fn random_triple(rng: &mut Rng, limits: &Limits) -> Triple {
    loop {
        let shape = random_shape(rng, limits);
        let Ok(nest) = shape.nest() else { continue };
        if nest.macs() > limits.macs {
            continue;
        }
        let dims = random_dims(rng);
        let accelerator = random_accelerator(rng, &dims, limits);
        let nest = plane::on(&nest, &accelerator);
        let mapping = random_mapping(rng, &accelerator, &nest);
        let schedule = Schedule::new(&nest, &accelerator, &mapping);
        if passes(&schedule) > limits.passes {
            continue;
        }
        let slack = |rng: &mut Rng| rng.random_range(0..3);
        let slack = std::array::from_fn(|_| slack(rng));
        let triple = Triple {
            accelerator: resized(&accelerator, &schedule, slack),
            shape,
            nest,
            mapping,
        };
        if triple.is_legal() {
            return triple;
        }
    }
}

/// Draws an accelerator and `layers` layers with their mappings, all legal on it: its memories are as large as the most
/// demanding of them needs.
#[must_use]
pub fn random_set(rng: &mut Rng, limits: &Limits, layers: usize) -> Vec<Triple> {
    let dims = random_dims(rng);
    random_set_on(rng, limits, layers, &dims)
}

/// As [`random_set`], on an array whose axes run the dimensions `dims`, one or several each.
#[must_use]
pub fn random_set_on(rng: &mut Rng, limits: &Limits, layers: usize, dims: &[Vec<Dim>]) -> Vec<Triple> {
    let base = random_accelerator(rng, dims, limits);
    let mut set: Vec<Triple> = Vec::with_capacity(layers);
    while set.len() < layers {
        let shape = random_shape(rng, limits);
        let Ok(nest) = shape.nest() else { continue };
        let nest = plane::on(&nest, &base);
        let mapping = random_mapping(rng, &base, &nest);
        let schedule = Schedule::new(&nest, &base, &mapping);
        if nest.macs() > limits.macs || passes(&schedule) > limits.passes {
            continue;
        }
        let slack = std::array::from_fn(|_| rng.random_range(0..3));
        let accelerator = resized(&base, &schedule, slack);
        let triple = Triple {
            accelerator,
            shape,
            nest,
            mapping,
        };
        if triple.is_legal() {
            set.push(triple);
        }
    }
    share(&mut set);
    set
}

/// Gives triples whose accelerators differ in the sizes of memories only one accelerator, large enough for all of them.
pub fn share(set: &mut [Triple]) {
    let Some(mut shared) = set.first().map(|t| t.accelerator.clone()) else {
        return;
    };
    for t in &*set {
        grow(&mut shared, &t.accelerator);
    }
    for t in set {
        t.accelerator = shared.clone();
    }
}

/// Makes every memory of `a` at least as large as that of `b`.
fn grow(a: &mut Accelerator, b: &Accelerator) {
    for (mine, other) in [
        (&mut a.buffers.W.bytes, b.buffers.W.bytes),
        (&mut a.buffers.I.bytes, b.buffers.I.bytes),
        (&mut a.buffers.psum.words, b.buffers.psum.words),
        (&mut a.l2.W.bytes, b.l2.W.bytes),
        (&mut a.l2.I.bytes, b.l2.I.bytes),
        (&mut a.l2.O.bytes, b.l2.O.bytes),
        (&mut a.l2.P.bytes, b.l2.P.bytes),
    ] {
        *mine = (*mine).max(other);
    }
}

/// Passes of a schedule.
#[must_use]
pub fn passes(s: &Schedule) -> u64 {
    let along = |d: Dim| {
        let [full, edge] = s.loops.l2[d].map(u64::from);
        (u64::from(s.loops.offchip[2 + d.index()]) - 1) * full + edge
    };
    Dim::ALL.into_iter().map(along).product::<u64>() * u64::from(s.nest.n) * u64::from(s.nest.g)
}

impl Triple {
    /// Its schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        Schedule::new(&self.nest, &self.accelerator, &self.mapping)
    }

    /// Whether the accelerator can be built and the mapping can run on it.
    #[must_use]
    pub fn is_legal(&self) -> bool {
        self.accelerator.violations().is_empty() && violations(&self.nest, &self.accelerator, &self.mapping).is_empty()
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

/// True with a probability of `one / of`.
fn chance(rng: &mut Rng, one: u32, of: u32) -> bool {
    rng.random_range(0..of) < one
}

fn random_shape(rng: &mut Rng, limits: &Limits) -> Shape {
    if chance(rng, 1, 6) {
        return Shape::Matmul(Matmul {
            batch: pick(rng, &[1, 1, 2, 3]),
            M: rng.random_range(1..=limits.side * 2),
            N: rng.random_range(1..=limits.channels),
            K: rng.random_range(1..=limits.channels),
            weights: chance(rng, 1, 2),
        });
    }
    if chance(rng, 1, 7) {
        return random_transposed(rng, limits);
    }
    if chance(rng, 1, 9) {
        return Shape::Add(Addition {
            N: pick(rng, &[1, 1, 2]),
            C: rng.random_range(1..=limits.channels),
            H: rng.random_range(1..=limits.side),
            W: rng.random_range(1..=limits.side),
        });
    }
    let mut channels = || match rng.random_range(0..3) {
        0 => rng.random_range(1..=limits.channels.min(4)),
        _ => rng.random_range(1..=limits.channels),
    };
    let (k, c) = (channels(), channels());
    let (k, c, groups) = match rng.random_range(0..6) {
        0 | 1 => (k, k, k),
        2 => {
            let groups = rng.random_range(2..=3);
            (k * groups, c * groups, groups)
        }
        _ => (k, c, 1),
    };
    let kernel = |rng: &mut Rng| pick(rng, &[1, 1, 1, 2, 3, 3, 3, 4, 5, 7, 11]);
    let step = |rng: &mut Rng| pick(rng, &[1, 1, 1, 2, 2, 3, 4]);
    let conv = Conv {
        N: pick(rng, &[1, 1, 1, 2, 3]),
        K: k,
        C: c,
        H: rng.random_range(1..=limits.side),
        W: rng.random_range(1..=limits.side),
        R: kernel(rng),
        S: kernel(rng),
        stride: [step(rng), step(rng)],
        pad: std::array::from_fn(|_| pick(rng, &[0, 0, 1, 1, 2, 3, 5])),
        dilation: [step(rng), step(rng)],
        groups,
        transposed: false,
    };
    if groups > 1 && groups == k && groups == c && chance(rng, 1, 3) {
        return Shape::Maxpool(pooling_of(&conv));
    }
    Shape::Conv(conv)
}

/// The pooling with the windows of a depthwise convolution.
const fn pooling_of(conv: &Conv) -> Pooling {
    Pooling {
        N: conv.N,
        C: conv.C,
        H: conv.H,
        W: conv.W,
        R: conv.R,
        S: conv.S,
        stride: conv.stride,
        pad: conv.pad,
        dilation: conv.dilation,
    }
}

/// A transposed convolution. Its phases multiply its channels and its size, so it starts smaller than others.
fn random_transposed(rng: &mut Rng, limits: &Limits) -> Shape {
    let groups = pick(rng, &[1, 1, 1, 2, 3]);
    let mut channels = || groups * rng.random_range(1..=limits.channels.div_ceil(3));
    let (k, c) = (channels(), channels());
    let mut side = || rng.random_range(1..=limits.side.div_ceil(2));
    let (h, w) = (side(), side());
    let step = |rng: &mut Rng| pick(rng, &[1, 2, 2, 2, 3, 4]);
    let gap = |rng: &mut Rng| pick(rng, &[1, 1, 1, 1, 2, 3]);
    let kernel = |rng: &mut Rng| pick(rng, &[1, 2, 2, 3, 3, 4, 5]);
    Shape::Conv(Conv {
        N: pick(rng, &[1, 1, 1, 2]),
        K: k,
        C: c,
        H: h,
        W: w,
        R: kernel(rng),
        S: kernel(rng),
        stride: [step(rng), step(rng)],
        pad: std::array::from_fn(|_| pick(rng, &[0, 0, 0, 1, 1, 2, 3])),
        dilation: [gap(rng), gap(rng)],
        groups,
        transposed: true,
    })
}

/// What the axes of an array run in parallel: one to three axes, mostly two, the same dimension twice or not; of every third
/// array one axis runs several.
fn random_dims(rng: &mut Rng) -> Vec<Vec<Dim>> {
    let axes = pick(rng, &[1, 2, 2, 2, 3, 3]);
    let mut dims: Vec<Vec<Dim>> = (0..axes).map(|_| vec![pick(rng, &Dim::ALL)]).collect();
    if chance(rng, 1, 3) {
        dims[0] = pick(rng, &SHARED).to_vec();
    }
    dims
}

/// Axes over `dims` of at most `limits.pes` multipliers.
fn random_axes(rng: &mut Rng, dims: &[Vec<Dim>], limits: &Limits) -> Vec<Axis> {
    loop {
        let axis = |dims: &Vec<Dim>| {
            // Kernels are small: most positions of a long axis over them would idle in every layer.
            let sizes: &[u32] = match dims[..] {
                [Dim::R | Dim::S] => &[1, 2, 2, 3, 3, 4, 5, 7],
                // Fewer than four cannot be split between two dimensions.
                [_, _, ..] => &[1, 2, 4, 4, 5, 6, 6, 8, 8, 9, 12, 16],
                _ => &[1, 2, 2, 3, 4, 4, 5, 6, 8, 8, 12, 16],
            };
            Axis {
                size: pick(rng, sizes),
                dims: dims.clone(),
            }
        };
        let axes: Vec<Axis> = dims.iter().map(axis).collect();
        if axes.iter().map(|a| a.size).product::<u32>() <= limits.pes {
            return axes;
        }
    }
}

/// An accelerator whose memories are not sized yet.
fn random_accelerator(rng: &mut Rng, dims: &[Vec<Dim>], limits: &Limits) -> Accelerator {
    let axes = random_axes(rng, dims, limits);
    let p = |d: Dim| -> u32 {
        let serving = axes.iter().filter(|a| a.dims == [d]);
        serving.map(|a| a.size).product()
    };
    let lanes = |rng: &mut Rng, along: &[Dim]| loop {
        let lanes = 1 << rng.random_range(0..5);
        let fits = |&d: &Dim| lanes <= p(d) || lanes.is_multiple_of(p(d));
        if along.iter().all(fits) {
            break lanes;
        }
    };
    let slots = |rng: &mut Rng| rng.random_range(1..=2);
    let memory = |rng: &mut Rng| Memory {
        bytes: 1,
        slots: slots(rng),
    };
    let drain = lanes(rng, &[Dim::K]);
    Accelerator {
        name: "random".into(),
        buffers: Buffers {
            W: memory(rng),
            I: memory(rng),
            psum: Words {
                words: 1,
                slots: slots(rng),
            },
        },
        l2: L2 {
            W: memory(rng),
            I: memory(rng),
            O: memory(rng),
            P: memory(rng),
            sums: !chance(rng, 1, 4),
        },
        lanes: Lanes {
            W: lanes(rng, &[Dim::K]),
            I: lanes(rng, &[Dim::C, Dim::K]),
            drain,
        },
        requantizers: 1 << rng.random_range(0..=drain.trailing_zeros()),
        offchip: Offchip {
            bytes_per_cycle: pick(rng, &[4, 4, 8, 16, 32]),
            latency_cycles: pick(rng, &[1, 2, 7, 20, 64]),
        },
        axes,
    }
}

/// A mapping whose tiles are aligned; whether they fit is up to the memories.
fn random_mapping(rng: &mut Rng, a: &Accelerator, nest: &LoopNest) -> Mapping {
    let extent = |rng: &mut Rng, d: Dim, of: u32| {
        let extent = match rng.random_range(0..4) {
            0 => of,
            _ => rng.random_range(1..=of),
        };
        let aligned = extent.next_multiple_of(quantum(a, nest, d));
        if aligned < of { aligned } else { of }
    };
    let offchip = PerDim::from_fn(|d| extent(rng, d, nest.bounds[d]));
    let l2 = PerDim::from_fn(|d| extent(rng, d, offchip[d]));
    let order = |rng: &mut Rng| {
        let mut order = Dim::ALL;
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        order
    };
    Mapping {
        offchip: Level {
            tile: offchip,
            order: order(rng),
        },
        l2: Level {
            tile: l2,
            order: order(rng),
        },
        pe: order(rng),
        split: random_split(rng, a),
    }
}

/// A way to split the axes over several dimensions. One of them gets all positions, or some, half of the times so that others
/// get several of what is left.
fn random_split(rng: &mut Rng, a: &Accelerator) -> PerDim<u32> {
    let g = Geometry::of(a);
    loop {
        let mut split = UNSPLIT;
        for axis in [Class::Reduction, Class::Positions].iter().filter_map(|&c| a.shared(c)) {
            let (mut left, others) = (axis.size, chance(rng, 1, 2));
            let first = rng.random_range(0..axis.dims.len());
            for i in 0..axis.dims.len() {
                let d = axis.dims[(first + i) % axis.dims.len()];
                split[d] = if others && i == 0 && left >= 4 {
                    rng.random_range(2..=left / 2)
                } else if chance(rng, 1, 3) {
                    left
                } else {
                    rng.random_range(1..=left)
                };
                left /= split[d];
            }
        }
        if split_violations(&g, &split).is_empty() {
            return split;
        }
    }
}

/// `a` with memories of what `s` needs and `slack` words more.
fn resized(a: &Accelerator, s: &Schedule, slack: [u32; 7]) -> Accelerator {
    let mut a = a.clone();
    let g = Geometry::of(&a);
    let units = [
        g.w_word,
        g.i_word,
        g.psum_word,
        g.l2_w_word,
        g.l2_i_word,
        a.l2.output_bytes() * g.l2_o_word,
        PARAM_BYTES * g.l2_p_word,
    ];
    let needs = needs(s);
    let size = |i: usize| {
        let words = needs[i].div_ceil(u64::from(units[i])) + u64::from(slack[i]);
        u32::try_from(words * u64::from(units[i])).unwrap_or(u32::MAX)
    };
    a.buffers.W.bytes = size(0);
    a.buffers.I.bytes = size(1);
    a.buffers.psum.words = size(2);
    a.l2.W.bytes = size(3);
    a.l2.I.bytes = size(4);
    a.l2.O.bytes = size(5);
    a.l2.P.bytes = size(6);
    a
}

/// Legal triples that are simpler than `t` in one respect each, the boldest first.
#[must_use]
pub fn simpler(t: &Triple) -> Vec<Triple> {
    let mut candidates = simpler_layers(t);
    candidates.extend(simpler_mappings(t));
    candidates.extend(simpler_accelerators(t));
    candidates.retain(|c| c != t);
    candidates
        .into_iter()
        .filter_map(|mut c| {
            c.nest = plane::on(&c.shape.nest().ok()?, &c.accelerator);
            c.mapping = aligned(&c);
            // Shrinking leaves room in the memories; that does no harm, but what became too small would.
            let schedule = c.schedule();
            c.accelerator = resized(&c.accelerator, &schedule, [0; 7]);
            (c.is_legal() && complexity(&c) < complexity(t)).then_some(c)
        })
        .collect()
}

/// The simplest triple that can be reached from `t` by steps of [`simpler`] on which `fails` stays true.
#[must_use]
pub fn shrink(t: &Triple, fails: impl Fn(&Triple) -> bool) -> Triple {
    let mut smallest = t.clone();
    while let Some(smaller) = simpler(&smallest).into_iter().find(&fails) {
        smallest = smaller;
    }
    smallest
}

/// The mapping with extents rounded up to what the layer and the lanes demand.
fn aligned(t: &Triple) -> Mapping {
    let mut m = t.mapping;
    for d in Dim::ALL {
        let quantum = quantum(&t.accelerator, &t.nest, d);
        let fit = |extent: u32| extent.next_multiple_of(quantum).min(t.nest.bounds[d]);
        m.offchip.tile[d] = fit(m.offchip.tile[d]);
        m.l2.tile[d] = fit(m.l2.tile[d]).min(m.offchip.tile[d]);
    }
    m
}

/// What shrinking lowers: a rough count of everything that a reader must take in.
fn complexity(t: &Triple) -> u64 {
    let s = t.schedule();
    let n = &t.nest;
    let extras = n.stride.iter().chain(&n.dilation).chain(&n.pad);
    let a = &t.accelerator;
    let order = |o: &[Dim; 6]| {
        let ahead = |i: usize| o[..i].iter().filter(|&&d| d > o[i]).count();
        (0..6).map(ahead).sum::<usize>() as u64
    };
    1000 * passes(&s)
        + 10 * (n.macs().min(1 << 40) + extras.map(|&v| u64::from(v)).sum::<u64>())
        + 10 * n.input.iter().map(|&v| u64::from(v)).sum::<u64>()
        + a.axes.len() as u64
        + u64::from(a.pes() + a.lanes.W + a.lanes.I + a.lanes.drain + a.requantizers)
        + u64::from(a.offchip.bytes_per_cycle + a.offchip.latency_cycles)
        + order(&s.mapping.offchip.order)
        + order(&s.mapping.l2.order)
        + order(&s.mapping.pe)
        + a.axes.iter().map(|axis| 10 * axis.dims.len() as u64).sum::<u64>()
        + u64::from(s.mapping.split.0.iter().sum::<u32>())
}

fn simpler_layers(t: &Triple) -> Vec<Triple> {
    let mut shapes = Vec::new();
    match t.shape {
        Shape::Conv(c) => shapes.extend(simpler_convs(c).into_iter().map(Shape::Conv)),
        Shape::Maxpool(p) => {
            let windows = simpler_convs(p.window()).into_iter();
            let poolings = windows.filter(|c| c.groups == c.C && c.groups == c.K);
            shapes.extend(poolings.map(|c| Shape::Maxpool(pooling_of(&c))));
        }
        Shape::Matmul(m) => {
            for (i, v) in [m.batch, m.M, m.N, m.K].into_iter().enumerate() {
                for less in [1, v / 2, v - 1] {
                    let mut smaller = m;
                    *[&mut smaller.batch, &mut smaller.M, &mut smaller.N, &mut smaller.K][i] = less;
                    shapes.push(Shape::Matmul(smaller));
                }
            }
        }
        Shape::Add(a) => {
            for (i, v) in [a.N, a.C, a.H, a.W].into_iter().enumerate() {
                for less in [1, v / 2, v - 1] {
                    let mut smaller = a;
                    *[&mut smaller.N, &mut smaller.C, &mut smaller.H, &mut smaller.W][i] = less;
                    shapes.push(Shape::Add(smaller));
                }
            }
        }
    }
    let with = |shape| Triple { shape, ..t.clone() };
    shapes.into_iter().map(with).collect()
}

fn simpler_convs(c: Conv) -> Vec<Conv> {
    let mut convs = Vec::new();
    let mut push = |change: &dyn Fn(&mut Conv)| {
        let mut smaller = c;
        change(&mut smaller);
        convs.push(smaller);
    };
    let less = |v: u32| [1, v / 2, v.saturating_sub(1)];
    for i in 0..3 {
        push(&|c| c.N = less(c.N)[i]);
        push(&|c| c.K = less(c.K / c.groups)[i] * c.groups);
        push(&|c| c.C = less(c.C / c.groups)[i] * c.groups);
        push(&|c| (c.K, c.C, c.groups) = scaled_groups(c, less(c.groups)[i]));
        push(&|c| c.H = less(c.H)[i]);
        push(&|c| c.W = less(c.W)[i]);
        push(&|c| c.R = less(c.R)[i]);
        push(&|c| c.S = less(c.S)[i]);
    }
    for i in 0..2 {
        push(&|c| c.stride[i] = 1);
        push(&|c| c.dilation[i] = 1);
    }
    for i in 0..4 {
        push(&|c| c.pad[i] = 0);
    }
    push(&|c| c.transposed = false);
    convs
}

/// Channels and groups of `c` with another number of groups.
fn scaled_groups(c: &Conv, groups: u32) -> (u32, u32, u32) {
    (c.K / c.groups * groups, c.C / c.groups * groups, groups)
}

fn simpler_mappings(t: &Triple) -> Vec<Triple> {
    let m = t.mapping.normalised(&t.nest);
    let mut mappings = Vec::new();
    for d in Dim::ALL {
        let (bound, t2, t1) = (t.nest.bounds[d], m.offchip.tile[d], m.l2.tile[d]);
        for (t2, t1) in [(bound, bound), (t2, t2), (bound, t1)] {
            let mut simple = m;
            (simple.offchip.tile[d], simple.l2.tile[d]) = (t2, t1);
            mappings.push(simple);
        }
    }
    for level in 0..3 {
        for i in 0..5 {
            let mut simple = m;
            let orders = [&mut simple.offchip.order, &mut simple.l2.order, &mut simple.pe];
            for (l, order) in orders.into_iter().enumerate() {
                if l == level && order[i] > order[i + 1] {
                    order.swap(i, i + 1);
                }
            }
            mappings.push(simple);
        }
    }
    for d in Dim::ALL.into_iter().filter(|&d| m.split[d] > 1) {
        for positions in [1, m.split[d] / 2, m.split[d] - 1] {
            let mut simple = m;
            simple.split[d] = positions;
            mappings.push(simple);
        }
    }
    let with = |mapping| Triple { mapping, ..t.clone() };
    mappings.into_iter().map(with).collect()
}

fn simpler_accelerators(t: &Triple) -> Vec<Triple> {
    let mut accelerators = Vec::new();
    let mut push = |change: &dyn Fn(&mut Accelerator)| {
        let mut simple = t.accelerator.clone();
        change(&mut simple);
        accelerators.push(simple);
    };
    push(&|a| a.lanes.W /= 2);
    push(&|a| a.lanes.I /= 2);
    push(&|a| a.lanes.drain /= 2);
    push(&|a| (a.lanes.drain, a.requantizers) = (a.lanes.drain / 2, a.requantizers / 2));
    push(&|a| a.requantizers /= 2);
    push(&|a| a.offchip.bytes_per_cycle /= 2);
    push(&|a| a.offchip.latency_cycles = 1);
    for i in 0..t.accelerator.axes.len() {
        push(&|a| a.axes[i].size = 1);
        push(&|a| a.axes[i].size /= 2);
        push(&|a| a.axes[i].size -= 1);
        for dim in 0..t.accelerator.axes[i].dims.len() {
            push(&|a| {
                a.axes[i].dims.remove(dim);
            });
        }
        push(&|a| {
            if a.axes.len() > 1 {
                a.axes.remove(i);
            }
        });
    }
    let with = |accelerator| Triple {
        accelerator,
        ..t.clone()
    };
    accelerators.into_iter().map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    #[test]
    fn triples_are_legal_repeatable_and_shrink() {
        let limits = Limits::default();
        for seed in 0..50 {
            let t = random_triple(&mut stream(seed, &[]), &limits);
            assert!(t.is_legal());
            assert_eq!(t, random_triple(&mut stream(seed, &[]), &limits));
            for s in simpler(&t) {
                assert!(s.is_legal() && complexity(&s) < complexity(&t));
            }
        }
    }
}
