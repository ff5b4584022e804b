//! The schedule: which engine does which job when. One definition, read by the cost model and by the hardware generator.
//!
//! # Loops
//! A layer runs 14 loops around its passes, numbered as in [`LOOPS`]: groups and batch, the six off-chip loops, the six
//! level-2 loops. Their nesting is the mapping's; [`Loops::inner`] holds, per loop, the set of loops inside it.
//!
//! # Jobs
//! A job is what one engine does for one tile of one operand. **A job starts exactly when the operand's tile index
//! changes**: a step of loop `l` (all loops inside it wrap) starts one if `l`, or a loop inside `l` whose current bound is
//! above one, indexes the operand. [`Loops::moved`] is that rule; bounds of level-2 loops depend on whether the current
//! off-chip tile is the edge tile, so the rule is evaluated with the bounds in force before the step.
//!
//! | engine | job | walks |
//! |---|---|---|
//! | read | I, then W, then P tile of an off-chip step, each if it moved | off-chip loops |
//! | W, I loader | array tile of W, of I | all loops down to the innermost that moves it |
//! | compute | pass | all loops |
//! | drain | array tile of O | as the loaders |
//! | write | level-2 tile of O | off-chip loops |
//!
//! # Time
//! Times are issue cycles; `end` is one past a job's last issue cycle. A job starts at the latest of its engine's last
//! `end` and, per token it takes, the token's time plus one (docs/timing.md derives every constant):
//!
//! ```text
//! read   S = max(end_read, slot release + 1)               slot release: end of the last loader (drain, for P) job on it
//! load   S = max(end_load, release of the slot + 1, end_read + offchip_latency + READ_TO_USE if the L2 tile is new)
//! comp   S = max(end_comp, end_load + 1 + network if the tile is new, end_drain of the slot + 1 if it opens an O tile)
//! drain  S = max(end_drain, end_comp + COMPUTE_TO_DRAIN + tree, P as an L2 tile, end_write of the L2 slot + 1 if new)
//! write  S = max(end_write, end_drain + DRAIN_TO_WRITE + output_unit)
//! ```

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::arch::geometry::Geometry;
use crate::base::dims::{Dim, DimSet, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::mapping::plane;
use crate::mapping::tiling::Mapping;
use crate::workload::layer::LoopNest;

/// Number of loops around the passes.
pub const LOOPS: usize = 14;
/// Number of those at the off-chip level; they come first.
pub const OFFCHIP_LOOPS: usize = 8;
/// Loop over groups.
pub const LOOP_G: usize = 0;
/// Loop over the batch.
pub const LOOP_N: usize = 1;
/// A set of loops: bit `i` is loop `i`.
pub type LoopSet = u16;
/// All off-chip loops.
pub const OFFCHIP_SET: LoopSet = (1 << OFFCHIP_LOOPS) - 1;

/// The off-chip loop over `d`.
#[must_use]
pub const fn offchip_loop(d: Dim) -> usize {
    2 + d as usize
}

/// The level-2 loop over `d`.
#[must_use]
pub const fn l2_loop(d: Dim) -> usize {
    OFFCHIP_LOOPS + d as usize
}

/// Cycles from a job's end to the start of the job that takes its slot back.
pub const RELEASE: u64 = 1;
/// Cycles from the end of a read job to the start of a job that uses its tile, beside the off-chip latency.
pub const READ_TO_USE: u64 = 3;
/// Cycles from the end of a loader job to a pass that uses its tile, beside the network's registers.
pub const LOAD_TO_COMPUTE: u64 = 1;
/// Cycles from the end of a pass to the drain of the tile it closes, beside the tree's registers.
pub const COMPUTE_TO_DRAIN: u64 = 3;
/// Cycles from the end of a drain job to the write of the tile it completes, beside the output unit's registers.
pub const DRAIN_TO_WRITE: u64 = 4;

/// Bytes of a layer descriptor in the control table.
pub const DESCRIPTOR_BYTES: u64 = 896;
/// Bytes of the record of counters that the hardware writes after each layer.
pub const RECORD_BYTES: u64 = 128;
/// Cycles of a layer beside its descriptor's beats, twice the off-chip latency (descriptor, last response) and its jobs.
pub const LAYER_STEPS: u64 = 10;
/// Cycles from a layer's end to the next layer's begin, beside the record's beats.
pub const RECORD_STEPS: u64 = 2;
/// Cycles from the last layer's end to the end of the run, beside the record's beats and the off-chip latency.
pub const FINISH_STEPS: u64 = 5;

/// What moves over which loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// Weights.
    W,
    /// Inputs.
    I,
    /// Post-processing parameters.
    P,
    /// Outputs.
    O,
}

/// Which of its up to three extents a dimension's array tile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TileClass {
    /// Not the last array tile of its level-2 tile.
    Full,
    /// The last array tile of a full level-2 tile.
    Last,
    /// The last array tile of the last level-2 tile.
    Edge,
}

impl TileClass {
    /// All classes, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Full, Self::Last, Self::Edge];

    /// The class of a tile from whether the level-2 tile, and the array tile within it, is the last one.
    #[must_use]
    pub const fn of(edge_l2: bool, last: bool) -> Self {
        match (last, edge_l2) {
            (false, _) => Self::Full,
            (true, false) => Self::Last,
            (true, true) => Self::Edge,
        }
    }
}

/// The loop nest around the passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loops {
    /// Per loop, the loops inside it.
    pub inner: [LoopSet; LOOPS],
    /// Loops that index W, I, P, O (in the order of [`Operand`]).
    pub relevant: [LoopSet; 4],
    /// Trip counts of the off-chip loops.
    pub offchip: [u32; OFFCHIP_LOOPS],
    /// Trip counts of the level-2 loops: within a full level-2 tile, within the edge tile.
    pub l2: PerDim<[u32; 2]>,
    /// The loops by their place in the nesting.
    pub places: Places,
}

/// Loops by their place in the nesting, the innermost loop at place 0: sets of places, in which the loops inside a loop are
/// the bits below its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Place of each loop.
    pub of: [u8; LOOPS],
    /// Places of the loops that index W, I, P, O.
    pub relevant: [LoopSet; 4],
    /// Places of the loops with several trips: where all level-2 tiles are full ones, where all are edge tiles.
    pub multi: [LoopSet; 2],
    /// Places of the loops over reduction dimensions.
    pub reductions: LoopSet,
}

/// Places of the off-chip loops.
pub const OFFCHIP_PLACES: LoopSet = !((1 << (LOOPS - OFFCHIP_LOOPS)) - 1) & ((1 << LOOPS) - 1);

impl Loops {
    /// The loops whose bound is above one, given which dimensions (bit `i` of `edges`) are at their edge level-2 tile.
    #[must_use]
    #[inline]
    pub fn multi(&self, edges: u8) -> LoopSet {
        let mut set = 0;
        for (i, &trips) in self.offchip.iter().enumerate() {
            set |= LoopSet::from(trips > 1) << i;
        }
        for d in Dim::ALL {
            let edge = edges >> d.index() & 1;
            set |= LoopSet::from(self.l2[d][usize::from(edge)] > 1) << l2_loop(d);
        }
        set
    }

    /// Loops inside `l`, and `l` itself.
    #[must_use]
    #[inline]
    pub const fn from(&self, l: usize) -> LoopSet {
        self.inner[l] | 1 << l
    }

    /// Whether a step of loop `l` changes the array tile of `operand`; `multi` holds the bounds in force before it.
    #[must_use]
    #[inline]
    pub const fn moved(&self, operand: Operand, l: usize, multi: LoopSet) -> bool {
        self.relevant[operand as usize] & self.from(l) & multi != 0
    }

    /// Whether a step of loop `l` changes the level-2 tile of `operand`.
    #[must_use]
    #[inline]
    pub const fn moved_l2(&self, operand: Operand, l: usize, multi: LoopSet) -> bool {
        l < OFFCHIP_LOOPS && self.moved(operand, l, multi & OFFCHIP_SET)
    }
}

/// The schedule of one layer on one accelerator under one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The layer.
    pub nest: LoopNest,
    /// The mapping, normalised.
    pub mapping: Mapping,
    /// What follows from the accelerator's figures and the mapping's split of its axes.
    pub geometry: Geometry,
    /// The loops around the passes.
    pub loops: Loops,
    /// Extents of a full level-2 tile and of the last one.
    pub l2_tile: PerDim<[u32; 2]>,
    /// Extents of an array tile, by [`TileClass`].
    pub tile: PerDim<[u32; 3]>,
    /// A PE's share of these extents.
    pub share: PerDim<[u32; 3]>,
    /// Whether some output tile is drained more than once and summed in level 2.
    pub accumulate: bool,
    /// Figures of the accelerator that durations depend on.
    pub ports: Ports,
}

/// Widths, slots and latency, as the durations and starts need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// W lanes.
    pub w_lanes: u64,
    /// I lanes.
    pub i_lanes: u64,
    /// Drain lanes.
    pub drain_lanes: u64,
    /// Outputs per cycle of the output unit.
    pub requantizers: u64,
    /// Off-chip bytes per cycle.
    pub bus: u64,
    /// Off-chip latency.
    pub latency: u64,
    /// Slots of the W and I buffers, the psum buffers, and of W, I, O, P in level 2: one or two each.
    pub slots: Slots,
}

/// Slots of every memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// W buffers.
    pub w: u32,
    /// I buffers.
    pub i: u32,
    /// Psum buffers.
    pub psum: u32,
    /// Level 2, weights.
    pub l2_w: u32,
    /// Level 2, inputs.
    pub l2_i: u32,
    /// Level 2, outputs.
    pub l2_o: u32,
    /// Level 2, parameters.
    pub l2_p: u32,
}

/// A layer on an accelerator: what the schedules of all its mappings have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The layer.
    pub nest: LoopNest,
    /// What follows from the accelerator's figures.
    pub geometry: Geometry,
    /// Figures of the accelerator that durations depend on.
    pub ports: Ports,
    relevant: [LoopSet; 4],
    /// Per loop, bit 16 o if it indexes operand o.
    relevant_sets: [u64; LOOPS],
}

impl Setting {
    /// The setting of `nest` on `accelerator`, with the positions of its loops as [`plane::on`] lays them.
    #[must_use]
    pub fn new(nest: &LoopNest, accelerator: &Accelerator) -> Self {
        let relevant = relevance(nest.depthwise());
        let sets = |l: usize| (0..4).fold(0, |sets, o| sets | u64::from(relevant[o] >> l & 1) << (16 * o));
        Self {
            nest: plane::on(nest, accelerator),
            geometry: Geometry::of(accelerator),
            ports: Ports::of(accelerator),
            relevant,
            relevant_sets: std::array::from_fn(sets),
        }
    }

    /// The schedule under `mapping`; allocates nothing. Says nothing of whether it fits: see
    /// [`crate::mapping::legality`].
    #[must_use]
    #[inline]
    pub fn schedule(&self, mapping: &Mapping) -> Schedule {
        let nest = &self.nest;
        let mapping = mapping.normalised(nest);
        let mut s = Schedule {
            nest: self.nest,
            geometry: self.geometry.split(&mapping.split),
            mapping,
            loops: Loops {
                inner: [0; LOOPS],
                relevant: self.relevant,
                offchip: [nest.g, nest.n, 1, 1, 1, 1, 1, 1],
                l2: PerDim([[1; 2]; 6]),
                places: Places::default(),
            },
            l2_tile: PerDim([[1; 2]; 6]),
            tile: PerDim([[1; 3]; 6]),
            share: PerDim([[1; 3]; 6]),
            accumulate: false,
            ports: self.ports,
        };
        for d in Dim::ALL {
            let (by2, by1) = (Tile::new(mapping.offchip.tile[d]), Tile::new(mapping.l2.tile[d]));
            let (n2, edge2) = by2.cut(nest.bounds[d]);
            let (full, last) = by1.cut(by2.extent);
            let (edge, last_of_edge) = by1.cut(edge2);
            s.loops.offchip[offchip_loop(d)] = n2;
            s.loops.l2[d] = [full, edge];
            s.l2_tile[d] = [by2.extent, edge2];
            s.tile[d] = [by1.extent, last, last_of_edge];
            let share = |extent| share(&s.geometry, d, extent);
            s.share[d] = [share(by1.extent), share(last), share(last_of_edge)];
        }
        self.nest(&mut s.loops, &mapping);
        s.accumulate = s.loops.places.accumulates();
        s
    }

    /// Nests the loops, whose trips are known, as `m` orders them: groups, batch, the off-chip order, the level-2 order.
    #[inline]
    fn nest(&self, loops: &mut Loops, m: &Mapping) {
        // Sets of sixteen bits side by side: operands that index a loop; whether it has several trips, in full and in edge
        // tiles.
        let (mut relevant, mut multi, mut inside) = (0_u64, 0_u32, 0);
        let (inner, of) = (&mut loops.inner, &mut loops.places.of);
        let mut enclose = |place: usize, l: usize, [full, edge]: [u32; 2]| {
            inner[l] = inside;
            inside |= 1 << l;
            of[l] = place as u8;
            relevant |= self.relevant_sets[l] << place;
            multi |= (u32::from(full > 1) | u32::from(edge > 1) << 16) << place;
        };
        for place in 0..6 {
            let d = m.l2.order[5 - place];
            enclose(place, l2_loop(d), loops.l2[d]);
        }
        for place in 6..12 {
            let l = offchip_loop(m.offchip.order[11 - place]);
            enclose(place, l, [loops.offchip[l]; 2]);
        }
        for (place, l) in [(12, LOOP_N), (13, LOOP_G)] {
            enclose(place, l, [loops.offchip[l]; 2]);
        }
        let places = &mut loops.places;
        let of = |operand: Operand| (relevant >> (16 * operand as u32)) as LoopSet;
        places.relevant = [of(Operand::W), of(Operand::I), of(Operand::P), of(Operand::O)];
        places.multi = [multi as LoopSet, (multi >> 16) as LoopSet];
        // What does not index an output is summed over.
        places.reductions = !of(Operand::O) & ((1 << LOOPS) - 1);
    }
}

impl Places {
    /// Whether a reduction loop with several trips encloses an output loop with several trips.
    #[inline]
    const fn accumulates(&self) -> bool {
        let multi = self.multi[0] | self.multi[1];
        let outputs = self.relevant[Operand::O as usize] & multi;
        // Those above the innermost output loop.
        let around = !(outputs ^ outputs.wrapping_sub(1));
        outputs != 0 && self.reductions & multi & around != 0
    }
}

/// A PE's share of an extent along `d`.
#[inline]
const fn share(g: &Geometry, d: Dim, extent: u32) -> u32 {
    match g.p(d) {
        1 => extent,
        p => ceil_div(extent as u64, p as u64) as u32,
    }
}

/// Cuts extents into tiles. One division serves several extents.
#[derive(Clone, Copy)]
struct Tile {
    extent: u32,
    inverse: f64,
    /// Half of one more than the extent.
    half: f64,
}

impl Tile {
    #[inline]
    fn new(extent: u32) -> Self {
        let exact = f64::from(extent);
        Self {
            extent,
            inverse: 1.0 / exact,
            half: 0.5 * exact + 0.5,
        }
    }

    /// Tiles that cover `total`, at least one, and the extent of the last one.
    ///
    /// Those before the last one are `(total - 1/2) / extent` rounded down, so `(total - 1/2) / extent - 1/2` rounded to
    /// the nearest integer, which an addition does that leaves no bits for fractions. It is exact: the quotient is no nearer
    /// than `1/2 / extent` to where rounding changes, and two roundings of numbers below 2^32 move it by less.
    #[inline]
    fn cut(&self, total: u32) -> (u32, u32) {
        const TO_INTEGER: f64 = (3_u64 << 51) as f64;
        let before = ((f64::from(total) - self.half) * self.inverse + TO_INTEGER).to_bits() as u32;
        (before + 1, total - before * self.extent)
    }
}

impl Schedule {
    /// The schedule of `nest` on `accelerator` under `mapping`. Says nothing of whether it fits: see
    /// [`crate::mapping::legality`]. Whoever has several mappings keeps the [`Setting`].
    #[must_use]
    pub fn new(nest: &LoopNest, accelerator: &Accelerator, mapping: &Mapping) -> Self {
        Setting::new(nest, accelerator).schedule(mapping)
    }

    /// Cycles of this layer from the record before it to its own, given the end of its last write job: fetching its
    /// descriptor, its jobs, and the response to its last write; from the second layer on also writing the record before.
    #[must_use]
    pub fn layer_cycles(&self, write_end: u64, first: bool) -> u64 {
        let p = &self.ports;
        let record = if first { 0 } else { RECORD_BYTES / p.bus + RECORD_STEPS };
        record + DESCRIPTOR_BYTES / p.bus + 2 * p.latency + LAYER_STEPS + write_end
    }

    /// The dimension that carries the input's channels.
    #[must_use]
    #[inline]
    pub fn channel_dim(&self) -> Dim {
        if self.nest.depthwise() { Dim::K } else { Dim::C }
    }

    /// Input rows (`side` 0) or columns (1) under `out` output positions and `taps` kernel taps.
    #[must_use]
    #[inline]
    pub fn window(&self, side: usize, out: u32, taps: u32) -> u64 {
        u64::from(out - 1) * u64::from(self.nest.stride[side])
            + u64::from(taps - 1) * u64::from(self.nest.dilation[side])
            + 1
    }

    /// Input rows and columns under a tile of extents `e`.
    #[must_use]
    #[inline]
    pub fn windows(&self, e: &PerDim<u32>) -> [u64; 2] {
        [
            self.window(0, e[Dim::Y], e[Dim::R]),
            self.window(1, e[Dim::X], e[Dim::S]),
        ]
    }

    /// First row, first column of the last position's window in a full tile. Positions beyond a tile's edge count: they
    /// compute nothing, but their decoders compare.
    #[must_use]
    pub fn last_window_base(&self) -> [u64; 2] {
        let e = self.full_tile();
        let base =
            |d: Dim, step: u32| u64::from(self.geometry.p(d) - 1) * u64::from(self.share(d, e[d])) * u64::from(step);
        [0, 1].map(|side| {
            let (out, tap) = [(Dim::Y, Dim::R), (Dim::X, Dim::S)][side];
            base(out, self.nest.stride[side]) + base(tap, self.nest.dilation[side])
        })
    }

    /// A PE's share of a tile along `d`: extents are spread over the axis, edge tiles anew.
    #[must_use]
    #[inline]
    pub fn share(&self, d: Dim, extent: u32) -> u32 {
        share(&self.geometry, d, extent)
    }

    /// Issue cycles of a W loader job on a tile of extents `e`.
    #[must_use]
    #[inline]
    pub fn w_cycles(&self, e: &PerDim<u32>) -> u64 {
        ceil_div(e[Dim::K].into(), self.ports.w_lanes) * product(e, &Dim::REDUCTION)
    }

    /// Issue cycles of an I loader job: its whole window, padding included.
    #[must_use]
    #[inline]
    pub fn i_cycles(&self, e: &PerDim<u32>) -> u64 {
        let [h, w] = self.windows(e);
        ceil_div(e[self.channel_dim()].into(), self.ports.i_lanes) * h * w
    }

    /// Issue cycles of a pass.
    #[must_use]
    #[inline]
    pub fn compute_cycles(&self, e: &PerDim<u32>) -> u64 {
        Dim::ALL.iter().map(|&d| u64::from(self.share(d, e[d]))).product()
    }

    /// Issue cycles of a drain job. A last one (`last`: the sums are complete) runs at the output unit's width, and where
    /// sums accumulate in level 2 it also waits until the unit is empty, so that bytes and sums never meet at one port.
    #[must_use]
    #[inline]
    pub fn drain_cycles(&self, e: &PerDim<u32>, last: bool) -> u64 {
        let vectors = ceil_div(e[Dim::K].into(), self.ports.drain_lanes) * product(e, &[Dim::Y, Dim::X]);
        match (last, self.accumulate) {
            (false, _) => vectors,
            (true, accumulate) => {
                vectors * ceil_div(self.ports.drain_lanes, self.ports.requantizers)
                    + if accumulate {
                        u64::from(self.geometry.pipeline.output_unit)
                    } else {
                        0
                    }
            }
        }
    }

    /// Bus cycles to read a level-2 W tile of extents `e`, packed by the compiler in whole words.
    #[must_use]
    #[inline]
    pub fn w_beats(&self, e: &PerDim<u32>) -> u64 {
        let words = ceil_div(e[Dim::K].into(), self.geometry.l2_w_word.into());
        words * ceil_div(self.geometry.l2_w_word.into(), self.ports.bus) * product(e, &Dim::REDUCTION)
    }

    /// Bus cycles to read a level-2 I tile: its whole window, padding included.
    #[must_use]
    #[inline]
    pub fn i_beats(&self, e: &PerDim<u32>) -> u64 {
        let [h, w] = self.windows(e);
        ceil_div(e[self.channel_dim()].into(), self.ports.bus) * h * w
    }

    /// Bus cycles to read a level-2 P tile.
    #[must_use]
    #[inline]
    pub fn p_beats(&self, e: &PerDim<u32>) -> u64 {
        let bytes = round_up(e[Dim::K].into(), self.geometry.l2_p_word.into()) * u64::from(PARAM_BYTES);
        ceil_div(bytes, self.ports.bus)
    }

    /// Bus cycles to write a level-2 O tile.
    #[must_use]
    #[inline]
    pub fn o_beats(&self, e: &PerDim<u32>) -> u64 {
        ceil_div(e[Dim::K].into(), self.ports.bus) * product(e, &[Dim::Y, Dim::X])
    }

    /// Bytes of the O slot that a level-2 tile of extents `e` takes: words of one byte, or of four while sums accumulate.
    #[must_use]
    pub fn l2_o_bytes(&self, e: &PerDim<u32>) -> u64 {
        let word = u64::from(self.geometry.l2_o_word);
        let words = ceil_div(e[Dim::K].into(), word) * product(e, &[Dim::Y, Dim::X]);
        if self.accumulate {
            words * 4 * word
        } else {
            round_up(words, 4) * word
        }
    }

    /// Extents of the largest array tile.
    #[must_use]
    pub fn full_tile(&self) -> PerDim<u32> {
        PerDim::from_fn(|d| self.tile[d].into_iter().max().unwrap_or(1))
    }

    /// Extents of the largest level-2 tile.
    #[must_use]
    pub fn full_l2_tile(&self) -> PerDim<u32> {
        PerDim::from_fn(|d| self.l2_tile[d][0].max(self.l2_tile[d][1]))
    }
}

impl Ports {
    /// Cycles of a whole run after its last layer's: the last record and its response.
    #[must_use]
    pub fn finish_cycles(&self) -> u64 {
        RECORD_BYTES / self.bus + self.latency + FINISH_STEPS
    }

    /// The figures of `a`.
    #[must_use]
    pub fn of(a: &Accelerator) -> Self {
        Self {
            w_lanes: a.lanes.W.into(),
            i_lanes: a.lanes.I.into(),
            drain_lanes: a.lanes.drain.into(),
            requantizers: a.requantizers.into(),
            bus: a.offchip.bytes_per_cycle.into(),
            latency: a.offchip.latency_cycles.into(),
            slots: Slots {
                w: a.buffers.W.slots,
                i: a.buffers.I.slots,
                psum: a.buffers.psum.slots,
                l2_w: a.l2.W.slots,
                l2_i: a.l2.I.slots,
                l2_o: a.l2.O.slots,
                l2_p: a.l2.P.slots,
            },
        }
    }
}

#[inline]
fn product(e: &PerDim<u32>, dims: &[Dim]) -> u64 {
    dims.iter().map(|&d| u64::from(e[d])).product()
}

/// All loops over reduction dimensions.
pub const REDUCTIONS: LoopSet = both(DimSet::of(&Dim::REDUCTION));

/// The off-chip and the level-2 loops over `dims`.
const fn both(dims: DimSet) -> LoopSet {
    (dims.bits() as LoopSet) << offchip_loop(Dim::K) | (dims.bits() as LoopSet) << l2_loop(Dim::K)
}

/// Loops that index W, I, P and O.
#[must_use]
pub fn relevance(depthwise: bool) -> [LoopSet; 4] {
    use Dim::{C, K, R, S, X, Y};
    let both = |dims: &[Dim]| both(DimSet::of(dims));
    let (g, n): (LoopSet, LoopSet) = (1 << LOOP_G, 1 << LOOP_N);
    let channel = if depthwise { K } else { C };
    [
        both(&[K, C, R, S]) | g,
        both(&[channel, Y, X, R, S]) | g | n,
        g | 1 << offchip_loop(K),
        both(&[K, Y, X]) | g | n,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_cut_exactly() {
        let check = |total: u32, tile: u32| {
            let (tiles, last) = Tile::new(tile).cut(total);
            assert_eq!(
                (tiles, last),
                (total.div_ceil(tile), total - (tiles - 1) * tile),
                "{total} by {tile}"
            );
        };
        for total in 1..400 {
            for tile in 1..=total {
                check(total, tile);
                // Multiples and their neighbours, up to the largest extents.
                let near = (u32::MAX / tile) * tile;
                for total in [near - 1, near, near.saturating_add(1), u32::MAX - total] {
                    check(total, tile);
                }
            }
        }
    }
}
