//! The walk: a second opinion on cycles and counts, pass by pass.
//!
//! Deliberately naive, so that it can be checked by reading. It enumerates every pass in the mapping's order like an
//! odometer, finds out what moved by comparing the tile indices of neighbouring passes (not by the masks of
//! [`crate::mapping::schedule::Loops::moved`]), starts every job at the latest of what it waits for, and adds up what the
//! job counts. The fast model ([`crate::cost::cycles`], [`crate::cost::counts`]) must equal it on every mapping, and so
//! must the hardware. On request it hands every job to an observer: for timelines, and to explain a first difference.

use crate::base::dims::{Dim, PerDim};
use crate::cost::counts::{PerEngine, Tally};
use crate::mapping::schedule::{
    COMPUTE_TO_DRAIN, DRAIN_TO_WRITE, LOAD_TO_COMPUTE, LOOP_G, LOOP_N, LOOPS, OFFCHIP_LOOPS, Operand, READ_TO_USE,
    RELEASE, Schedule, Slots, l2_loop, offchip_loop,
};

/// Cycles between a token's time and the start of the job that takes it, every register stage included.
///
/// A parameter of the walk so that tests can show that each of them matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constants {
    /// From the release of a slot to the job that fills it again.
    pub release: PerMemory,
    /// From the end of a read job to the first job that uses its tile.
    pub read_to_use: u64,
    /// From the end of a W loader job to the first pass with its tile.
    pub w_to_compute: u64,
    /// From the end of an I loader job to the first pass with its tile.
    pub i_to_compute: u64,
    /// From the end of a pass to the drain of the tile that it closes.
    pub compute_to_drain: u64,
    /// From the end of a drain job to the write of the level-2 tile that it completes.
    pub drain_to_write: u64,
}

/// One figure per memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerMemory {
    /// W buffers.
    pub w: u64,
    /// I buffers.
    pub i: u64,
    /// Psum buffers.
    pub psum: u64,
    /// Level 2, weights.
    pub l2_w: u64,
    /// Level 2, inputs.
    pub l2_i: u64,
    /// Level 2, outputs.
    pub l2_o: u64,
    /// Level 2, parameters.
    pub l2_p: u64,
}

impl Constants {
    /// The constants of the hardware.
    #[must_use]
    pub fn of(s: &Schedule) -> Self {
        let pipeline = &s.geometry.pipeline;
        Self {
            release: PerMemory {
                w: RELEASE,
                i: RELEASE,
                psum: RELEASE,
                l2_w: RELEASE,
                l2_i: RELEASE,
                l2_o: RELEASE,
                l2_p: RELEASE,
            },
            read_to_use: s.ports.latency + READ_TO_USE,
            w_to_compute: LOAD_TO_COMPUTE + u64::from(pipeline.w_network),
            i_to_compute: LOAD_TO_COMPUTE + u64::from(pipeline.i_network),
            compute_to_drain: COMPUTE_TO_DRAIN + u64::from(pipeline.tree),
            drain_to_write: DRAIN_TO_WRITE + u64::from(pipeline.output_unit),
        }
    }
}

/// The engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Off-chip reads of I, W and P tiles.
    Read,
    /// Level 2 to W buffers.
    LoadW,
    /// Level 2 to I buffers.
    LoadI,
    /// Passes.
    Compute,
    /// Psum buffers to level 2.
    Drain,
    /// Off-chip writes of O tiles.
    Write,
}

/// One job, as observers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Who does it.
    pub engine: Engine,
    /// What it moves; outputs for a pass.
    pub operand: Operand,
    /// First issue cycle.
    pub start: u64,
    /// One past the last issue cycle.
    pub end: u64,
    /// Trip of every loop (numbered as in [`LOOPS`]) at the pass that starts it, or that closes it for drain and write.
    pub at: [u32; LOOPS],
}

/// Result of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// End of the last write job; 1 if it ended before it began.
    pub cycles: u64,
    /// Sums over all jobs.
    pub tally: Tally,
}

/// Walks all passes of `s`.
#[must_use]
pub fn walk(s: &Schedule) -> Walk {
    observe(s, &Constants::of(s), &mut |_| {})
}

/// Walks all passes of `s` under other constants, and shows every job to `observer` in the order of decision.
pub fn observe(s: &Schedule, constants: &Constants, observer: &mut dyn FnMut(&Job)) -> Walk {
    let (tiles, indexing) = (TileIndex::of(s), Indexing::of(s));
    let mut drains = tiles.drains_per_output_tile(s, &indexing);
    let drains_in_all = drains.clone();
    let mut walker = Walker::new(s, constants, observer);
    let mut previous: Option<Pass> = None;
    let mut current = Some(Pass::at(s, [0; LOOPS]));
    while let Some(pass) = current {
        let next = pass.next(s);
        let before = indexing.change(previous.as_ref(), Some(&pass));
        let after = indexing.change(Some(&pass), next.as_ref());
        walker.enter(&pass, &before);
        walker.pass(&pass, &before);
        if after.o {
            let tile = tiles.output(s, &pass);
            let first = drains[tile] == drains_in_all[tile];
            drains[tile] -= 1;
            walker.drain(&pass, first, drains[tile] == 0);
        }
        if after.l2_o {
            walker.write(&pass);
        }
        previous = Some(pass);
        current = next;
    }
    walker.walk
}

/// One step of all loops: where it is, and how large its tiles are.
#[derive(Clone, Copy)]
struct Pass {
    at: [u32; LOOPS],
    l2_extent: PerDim<u32>,
    extent: PerDim<u32>,
}

impl Pass {
    fn at(s: &Schedule, at: [u32; LOOPS]) -> Self {
        let (t2, t1) = (&s.mapping.offchip.tile, &s.mapping.l2.tile);
        let l2_extent = PerDim::from_fn(|d| t2[d].min(s.nest.bounds[d] - at[offchip_loop(d)] * t2[d]));
        let extent = PerDim::from_fn(|d| t1[d].min(l2_extent[d] - at[l2_loop(d)] * t1[d]));
        Self { at, l2_extent, extent }
    }

    /// The odometer: steps the innermost loop that has a trip left and rewinds those inside it.
    fn next(&self, s: &Schedule) -> Option<Self> {
        let mut at = self.at;
        let m = &s.mapping;
        for d in m.l2.order.into_iter().rev() {
            if at[l2_loop(d)] + 1 < self.l2_extent[d].div_ceil(m.l2.tile[d]) {
                at[l2_loop(d)] += 1;
                return Some(Self::at(s, at));
            }
            at[l2_loop(d)] = 0;
        }
        for d in m.offchip.order.into_iter().rev() {
            if at[offchip_loop(d)] + 1 < s.nest.bounds[d].div_ceil(m.offchip.tile[d]) {
                at[offchip_loop(d)] += 1;
                return Some(Self::at(s, at));
            }
            at[offchip_loop(d)] = 0;
        }
        for (l, trips) in [(LOOP_N, s.nest.n), (LOOP_G, s.nest.g)] {
            if at[l] + 1 < trips {
                at[l] += 1;
                return Some(Self::at(s, at));
            }
            at[l] = 0;
        }
        None
    }

    /// Global index of the level-2 tile's first element along `d`.
    fn l2_origin(&self, s: &Schedule, d: Dim) -> u32 {
        self.at[offchip_loop(d)] * s.mapping.offchip.tile[d]
    }

    /// Global index of the array tile's first element along `d`.
    fn origin(&self, s: &Schedule, d: Dim) -> u32 {
        self.l2_origin(s, d) + self.at[l2_loop(d)] * s.mapping.l2.tile[d]
    }
}

/// The loops that index each operand: at the off-chip level, and at both levels.
struct Indexing {
    w: [Vec<usize>; 2],
    i: [Vec<usize>; 2],
    o: [Vec<usize>; 2],
}

impl Indexing {
    fn of(s: &Schedule) -> Self {
        let both = |outer: &[usize], dims: &[Dim]| {
            let offchip: Vec<usize> = outer
                .iter()
                .copied()
                .chain(dims.iter().map(|&d| offchip_loop(d)))
                .collect();
            let mut all = offchip.clone();
            all.extend(dims.iter().map(|&d| l2_loop(d)));
            [offchip, all]
        };
        Self {
            w: both(&[LOOP_G], &[Dim::K, Dim::C, Dim::R, Dim::S]),
            i: both(&[LOOP_G, LOOP_N], &[s.channel_dim(), Dim::Y, Dim::X, Dim::R, Dim::S]),
            o: both(&[LOOP_G, LOOP_N], &[Dim::K, Dim::Y, Dim::X]),
        }
    }

    /// What changes from `a` to `b`; everything where one of them is missing.
    fn change(&self, a: Option<&Pass>, b: Option<&Pass>) -> Change {
        let differ = |l: &[usize]| match (a, b) {
            (Some(a), Some(b)) => l.iter().any(|&l| a.at[l] != b.at[l]),
            _ => true,
        };
        Change {
            step: differ(&std::array::from_fn::<usize, OFFCHIP_LOOPS, _>(|l| l)),
            w: differ(&self.w[1]),
            i: differ(&self.i[1]),
            o: differ(&self.o[1]),
            l2_w: differ(&self.w[0]),
            l2_i: differ(&self.i[0]),
            l2_p: differ(&[LOOP_G, offchip_loop(Dim::K)]),
            l2_o: differ(&self.o[0]),
        }
    }
}

/// Which operands have different tiles in two neighbouring passes.
struct Change {
    step: bool,
    w: bool,
    i: bool,
    o: bool,
    l2_w: bool,
    l2_i: bool,
    l2_p: bool,
    l2_o: bool,
}

/// Numbers output array tiles, to know the first and the last drain job of each.
struct TileIndex {
    /// Array tiles per full level-2 tile, and along the whole dimension.
    tiles: PerDim<[usize; 2]>,
}

impl TileIndex {
    fn of(s: &Schedule) -> Self {
        Self {
            tiles: PerDim::from_fn(|d| {
                let (bound, t2, t1) = (s.nest.bounds[d], s.mapping.offchip.tile[d], s.mapping.l2.tile[d]);
                let per_l2_tile = t2.div_ceil(t1);
                let full = (bound - 1) / t2;
                let all = full * per_l2_tile + (bound - full * t2).div_ceil(t1);
                [per_l2_tile as usize, all as usize]
            }),
        }
    }

    fn output(&self, s: &Schedule, pass: &Pass) -> usize {
        let image = pass.at[LOOP_G] as usize * s.nest.n as usize + pass.at[LOOP_N] as usize;
        [Dim::K, Dim::Y, Dim::X].into_iter().fold(image, |index, d| {
            let [per_l2_tile, all] = self.tiles[d];
            let along = pass.at[offchip_loop(d)] as usize * per_l2_tile + pass.at[l2_loop(d)] as usize;
            index * all + along
        })
    }

    /// How often each output tile is drained.
    fn drains_per_output_tile(&self, s: &Schedule, indexing: &Indexing) -> Vec<u32> {
        let [k, y, x] = [Dim::K, Dim::Y, Dim::X].map(|d| self.tiles[d][1]);
        let mut drains = vec![0; s.nest.g as usize * s.nest.n as usize * k * y * x];
        let mut current = Some(Pass::at(s, [0; LOOPS]));
        while let Some(pass) = current {
            let next = pass.next(s);
            if indexing.change(Some(&pass), next.as_ref()).o {
                drains[self.output(s, &pass)] += 1;
            }
            current = next;
        }
        drains
    }
}

/// When the last two tiles of a memory were released; `None` for tiles that never were.
#[derive(Clone, Copy, Default)]
struct Released([Option<u64>; 2]);

impl Released {
    fn push(&mut self, time: u64) {
        self.0 = [Some(time), self.0[0]];
    }

    /// The earliest start of the job that fills the next tile: with one slot the last tile must be gone, with two slots
    /// the one before it. The first possible cycle where the slot was never used.
    fn free(&self, slots: u32, release: u64) -> u64 {
        match self.0[usize::from(slots != 1)] {
            Some(time) => time + release,
            None => FIRST_CYCLE,
        }
    }
}

/// The first cycle in which anything can start.
const FIRST_CYCLE: u64 = 1;

/// Slot releases of every memory.
#[derive(Clone, Copy, Default)]
struct Releases {
    w: Released,
    i: Released,
    psum: Released,
    l2_w: Released,
    l2_i: Released,
    l2_o: Released,
    l2_p: Released,
}

/// When the newest level-2 tiles can be used.
#[derive(Clone, Copy, Default)]
struct Ready {
    w: u64,
    i: u64,
    p: u64,
    /// When the level-2 O slot of the current tile was free.
    o: u64,
}

struct Walker<'a> {
    s: &'a Schedule,
    constants: &'a Constants,
    observer: &'a mut dyn FnMut(&Job),
    slots: Slots,
    end: PerEngine,
    released: Releases,
    ready: Ready,
    /// Whether no drain job has used the current level-2 P, and O, tile yet.
    fresh_p: bool,
    fresh_o: bool,
    walk: Walk,
}

impl<'a> Walker<'a> {
    fn new(s: &'a Schedule, constants: &'a Constants, observer: &'a mut dyn FnMut(&Job)) -> Self {
        let end = PerEngine {
            read: FIRST_CYCLE,
            w: FIRST_CYCLE,
            i: FIRST_CYCLE,
            compute: FIRST_CYCLE,
            drain: FIRST_CYCLE,
            write: FIRST_CYCLE,
        };
        Self {
            s,
            constants,
            observer,
            slots: s.ports.slots,
            end,
            released: Releases::default(),
            ready: Ready::default(),
            fresh_p: false,
            fresh_o: false,
            walk: Walk::default(),
        }
    }

    fn show(&mut self, engine: Engine, operand: Operand, start: u64, end: u64, pass: &Pass) {
        (self.observer)(&Job {
            engine,
            operand,
            start,
            end,
            at: pass.at,
        });
    }

    /// Entry of an off-chip step: reads what moved, in the order I, W, P.
    fn enter(&mut self, pass: &Pass, change: &Change) {
        if !change.step {
            return;
        }
        let first = pass.at == [0; LOOPS];
        let release = self.constants.release;
        if change.l2_i {
            if !first {
                self.released.l2_i.push(self.end.i);
            }
            let free = self.released.l2_i.free(self.slots.l2_i, release.l2_i);
            let beats = self.s.i_beats(&pass.l2_extent);
            self.ready.i = self.read(Operand::I, free, beats, pass);
            self.walk.tally.fills.i += requested_i_beats(self.s, pass);
        }
        if change.l2_w {
            if !first {
                self.released.l2_w.push(self.end.w);
            }
            let free = self.released.l2_w.free(self.slots.l2_w, release.l2_w);
            let beats = self.s.w_beats(&pass.l2_extent);
            self.ready.w = self.read(Operand::W, free, beats, pass);
            self.walk.tally.fills.w += beats;
        }
        if change.l2_p {
            if !first {
                self.released.l2_p.push(self.end.drain);
            }
            let free = self.released.l2_p.free(self.slots.l2_p, release.l2_p);
            let beats = self.s.p_beats(&pass.l2_extent);
            self.ready.p = self.read(Operand::P, free, beats, pass);
            self.walk.tally.fills.p += beats;
            self.fresh_p = true;
        }
        if change.l2_o {
            self.ready.o = self.released.l2_o.free(self.slots.l2_o, release.l2_o);
            self.fresh_o = true;
        }
        let fills = self.walk.tally.fills;
        self.walk.tally.counts.read_beats = fills.i + fills.w + fills.p;
    }

    /// A read job; returns when its tile can be used.
    fn read(&mut self, operand: Operand, free: u64, beats: u64, pass: &Pass) -> u64 {
        let start = self.end.read.max(free);
        self.end.read = start + beats;
        self.walk.tally.busy.read += beats;
        self.walk.tally.counts.jobs.read += 1;
        let reads = &mut self.walk.tally.reads;
        match operand {
            Operand::W => reads.w += 1,
            Operand::I => {
                reads.i += 1;
                self.walk.tally.i_read_cycles += beats;
            }
            Operand::P | Operand::O => reads.p += 1,
        }
        self.show(Engine::Read, operand, start, self.end.read, pass);
        self.end.read + self.constants.read_to_use
    }

    /// A pass and the loader jobs before it.
    fn pass(&mut self, pass: &Pass, change: &Change) {
        let mut start = self.end.compute;
        if change.w {
            self.load_w(pass, change.l2_w);
            start = start.max(self.end.w + self.constants.w_to_compute);
        }
        if change.i {
            self.load_i(pass, change.l2_i);
            start = start.max(self.end.i + self.constants.i_to_compute);
        }
        if change.o {
            let release = self.constants.release.psum;
            start = start.max(self.released.psum.free(self.slots.psum, release));
        }
        let cycles = self.s.compute_cycles(&pass.extent);
        self.end.compute = start + cycles;
        let tally = &mut self.walk.tally;
        tally.busy.compute += cycles;
        tally.counts.compute_cycles += cycles;
        tally.counts.jobs.compute += 1;
        tally.counts.macs += product(&pass.extent, &Dim::ALL);
        self.show(Engine::Compute, Operand::O, start, self.end.compute, pass);
    }

    fn load_w(&mut self, pass: &Pass, new_l2_tile: bool) {
        let e = &pass.extent;
        if self.walk.tally.counts.jobs.w > 0 {
            self.released.w.push(self.end.compute);
        }
        let free = self.released.w.free(self.slots.w, self.constants.release.w);
        let mut start = self.end.w.max(free);
        if new_l2_tile {
            start = start.max(self.ready.w);
        }
        let cycles = self.s.w_cycles(e);
        self.end.w = start + cycles;
        let tally = &mut self.walk.tally;
        tally.busy.w += cycles;
        tally.counts.w_cycles += cycles;
        tally.counts.w_words += product(e, &[Dim::K, Dim::C, Dim::R, Dim::S]);
        tally.counts.jobs.w += 1;
        self.show(Engine::LoadW, Operand::W, start, self.end.w, pass);
    }

    fn load_i(&mut self, pass: &Pass, new_l2_tile: bool) {
        let e = &pass.extent;
        if self.walk.tally.counts.jobs.i > 0 {
            self.released.i.push(self.end.compute);
        }
        let free = self.released.i.free(self.slots.i, self.constants.release.i);
        let mut start = self.end.i.max(free);
        if new_l2_tile {
            start = start.max(self.ready.i);
        }
        let cycles = self.s.i_cycles(e);
        self.end.i = start + cycles;
        let channels = u64::from(e[self.s.channel_dim()]);
        let [rows, columns] = SIDES.map(|side| {
            let origin = [side.out, side.tap].map(|d| pass.origin(self.s, d));
            inside(self.s, side, origin, e)
        });
        let [hit_rows, hit_columns] = SIDES.map(|side| hits(self.s, side, e));
        let tally = &mut self.walk.tally;
        tally.busy.i += cycles;
        tally.counts.i_cycles += cycles;
        tally.counts.i_words += channels * rows.count * columns.count;
        tally.counts.i_writes += channels * hit_rows * hit_columns;
        tally.counts.jobs.i += 1;
        self.show(Engine::LoadI, Operand::I, start, self.end.i, pass);
    }

    /// The drain of the tile that `pass` closes.
    fn drain(&mut self, pass: &Pass, first: bool, last: bool) {
        let mut start = self.end.drain.max(self.end.compute + self.constants.compute_to_drain);
        if std::mem::take(&mut self.fresh_p) {
            start = start.max(self.ready.p);
        }
        if std::mem::take(&mut self.fresh_o) {
            start = start.max(self.ready.o);
        }
        let cycles = self.s.drain_cycles(&pass.extent, last);
        self.end.drain = start + cycles;
        self.released.psum.push(self.end.drain);
        let words = product(&pass.extent, &[Dim::K, Dim::Y, Dim::X]);
        let waits = if last && self.s.accumulate {
            u64::from(self.s.geometry.pipeline.output_unit)
        } else {
            0
        };
        let tally = &mut self.walk.tally;
        tally.busy.drain += cycles;
        tally.counts.drain_cycles += cycles - waits;
        tally.counts.psum_words += words;
        tally.counts.acc_reads += if first { 0 } else { words };
        tally.counts.jobs.drain += 1;
        self.show(Engine::Drain, Operand::O, start, self.end.drain, pass);
    }

    /// The write of the level-2 tile that `pass` completes.
    fn write(&mut self, pass: &Pass) {
        let start = self.end.write.max(self.end.drain + self.constants.drain_to_write);
        let beats = self.s.o_beats(&pass.l2_extent);
        self.end.write = start + beats;
        self.released.l2_o.push(self.end.write);
        self.walk.cycles = self.end.write;
        let tally = &mut self.walk.tally;
        tally.busy.write += beats;
        tally.counts.write_beats += beats;
        tally.counts.jobs.write += 1;
        self.show(Engine::Write, Operand::O, start, self.end.write, pass);
    }
}

fn product(e: &PerDim<u32>, dims: &[Dim]) -> u64 {
    dims.iter().map(|&d| u64::from(e[d])).product()
}

/// Rows or columns of the input: which output and kernel dimension they belong to.
#[derive(Clone, Copy)]
struct Side {
    index: usize,
    out: Dim,
    tap: Dim,
}

const SIDES: [Side; 2] = [
    Side {
        index: 0,
        out: Dim::Y,
        tap: Dim::R,
    },
    Side {
        index: 1,
        out: Dim::X,
        tap: Dim::S,
    },
];

/// Window positions inside the stored input.
struct Inside {
    count: u64,
    last: bool,
}

/// Looks at each row (or column) of the window whose first output and tap are `origin`.
fn inside(s: &Schedule, side: Side, origin: [u32; 2], e: &PerDim<u32>) -> Inside {
    let i = side.index;
    let [out, tap] = origin.map(i64::from);
    let first = out * i64::from(s.nest.stride[i]) + tap * i64::from(s.nest.dilation[i]) - i64::from(s.nest.pad[i]);
    let stored = 0..i64::from(s.nest.input[i]);
    let mut result = Inside { count: 0, last: false };
    for position in 0..s.window(i, e[side.out], e[side.tap]).cast_signed() {
        result.last = stored.contains(&(first + position));
        result.count += u64::from(result.last);
    }
    result
}

/// Rows (or columns) written over all output and tap positions: each takes the window of its own share.
fn hits(s: &Schedule, side: Side, e: &PerDim<u32>) -> u64 {
    let i = side.index;
    let (share, taps) = (s.share(side.out, e[side.out]), s.share(side.tap, e[side.tap]));
    let (own, whole) = (s.window(i, share, taps), s.window(i, e[side.out], e[side.tap]));
    let mut written = 0;
    for p in 0..u64::from(s.geometry.p(side.out)) {
        for q in 0..u64::from(s.geometry.p(side.tap)) {
            let first = p * u64::from(share) * u64::from(s.nest.stride[i])
                + q * u64::from(taps) * u64::from(s.nest.dilation[i]);
            written += whole.min(first + own).saturating_sub(first);
        }
    }
    written
}

/// Beats that the read of a level-2 I tile requests: those inside the input, and the job's last one in any case.
fn requested_i_beats(s: &Schedule, pass: &Pass) -> u64 {
    let e = &pass.l2_extent;
    let [rows, columns] = SIDES.map(|side| {
        let origin = [side.out, side.tap].map(|d| pass.l2_origin(s, d));
        inside(s, side, origin, e)
    });
    let words = u64::from(e[s.channel_dim()]).div_ceil(s.ports.bus);
    words * rows.count * columns.count + u64::from(!(rows.last && columns.last))
}
