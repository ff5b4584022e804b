//! A provable lower bound on cycles, from counts alone.
//!
//! Every bound is the length of a chain of jobs in which each waits for the one before, so no run is shorter.
//!
//! **One engine.** Each engine works off all of its jobs, one after another. It cannot start before the first tile has
//! reached it (head), and after its last job that tile's result must still leave the chip (tail): head + busy + tail.
//!
//! **Two engines around a memory.** The engine that fills a memory waits until the tile in the slot has been used, and the
//! engine that uses it waits until it is filled. With one slot, filling and using alternate: head + both engines' busy
//! cycles + the constants of every turn + tail. With two slots there are two such chains, one over the odd and one over
//! the even tiles; together they hold all jobs, so the longer one is at least half of the sum. `Turns` derives it.
//!
//! The largest of all is returned. It leaves out waits in which three engines take part, and changes of the bottleneck
//! within a run. A mapping whose bound does not beat the best one so far need not be evaluated.

use crate::base::dims::{Dim, PerDim};
use crate::cost::counts::Tally;
use crate::mapping::schedule::{
    COMPUTE_TO_DRAIN, DRAIN_TO_WRITE, LOAD_TO_COMPUTE, OFFCHIP_PLACES, Operand, READ_TO_USE, RELEASE, Schedule,
};

/// A run time that `s`, whose jobs sum up to `tally`, cannot undercut.
#[must_use]
pub fn lower_bound(s: &Schedule, tally: &Tally) -> u64 {
    let (c, e) = (Constants::of(s), Extents::of(s));
    let (head, tail) = (Heads::of(s, &c, &e), Tails::of(s, &c, &e));
    let engines = one_engine(s, tally, &c, &e, (&head, &tail));
    let mut bound = engines;
    for memory in two_engines(s, tally, &c, (&head, &tail)) {
        bound = bound.max(memory);
    }
    bound
}

/// The earliest starts of first jobs, and some of their durations.
struct Heads {
    /// First W, first P read.
    read_w: u64,
    read_p: u64,
    i: u64,
    w: u64,
    compute: u64,
    drain: u64,
    write: u64,
    /// Durations of the first reads, of W and I loads, and of the first pass.
    read_cycles: [u64; 3],
    load_cycles: [u64; 2],
    pass_cycles: u64,
    /// Duration of the last drain job of the first level-2 O tile.
    drain_cycles: u64,
}

impl Heads {
    #[inline]
    fn of(s: &Schedule, c: &Constants, e: &Extents) -> Self {
        let read_cycles = [s.i_beats(&e.first_l2), s.w_beats(&e.first_l2), s.p_beats(&e.first_l2)];
        let load_cycles = [s.w_cycles(&e.first), s.i_cycles(&e.first)];
        let pass_cycles = compute_cycles(&e.first_shares);
        let drain_cycles = s.drain_cycles(&e.first_complete, true);
        let read_w = 1 + read_cycles[0];
        let read_p = read_w + read_cycles[1];
        let (i, w) = (read_w + c.read_to_use, read_p + c.read_to_use);
        let compute = (w + load_cycles[0] + c.w_to_compute).max(i + load_cycles[1] + c.i_to_compute);
        Self {
            read_w,
            read_p,
            i,
            w,
            compute,
            drain: (w + read_cycles[2]).max(compute + pass_cycles + c.compute_to_drain),
            // The first level-2 O tile takes at least the first off-chip step, and its last drain job.
            write: compute + step_compute(s, 0) + c.compute_to_drain + drain_cycles + c.drain_to_write,
            read_cycles,
            load_cycles,
            pass_cycles,
            drain_cycles,
        }
    }
}

/// What must follow last jobs, and some of their durations.
struct Tails {
    w: u64,
    i: u64,
    compute: u64,
    drain: u64,
    pass_cycles: u64,
    drain_cycles: u64,
    write_cycles: u64,
}

impl Tails {
    #[inline]
    fn of(s: &Schedule, c: &Constants, e: &Extents) -> Self {
        let (write_cycles, drain_cycles) = (s.o_beats(&e.last_l2), s.drain_cycles(&e.last, true));
        let pass_cycles = compute_cycles(&PerDim::from_fn(|d| s.share[d][2]));
        let drain = c.drain_to_write + write_cycles;
        let compute = c.compute_to_drain + drain_cycles + drain;
        Self {
            w: c.w_to_compute + pass_cycles + compute,
            i: c.i_to_compute + pass_cycles + compute,
            compute,
            drain,
            pass_cycles,
            drain_cycles,
            write_cycles,
        }
    }
}

/// The largest bound of an engine alone.
#[inline]
fn one_engine(s: &Schedule, tally: &Tally, c: &Constants, e: &Extents, (head, tail): (&Heads, &Tails)) -> u64 {
    let busy = &tally.busy;
    [
        after_last_read(s, tally, c, e, tail.compute),
        head.w + busy.w + tail.w,
        head.i + busy.i + tail.i,
        head.compute + busy.compute + tail.compute,
        head.drain + busy.drain + tail.drain,
        head.write + busy.write,
    ]
    .into_iter()
    .fold(0, u64::max)
}

/// The bound of each memory.
#[inline]
fn two_engines(s: &Schedule, tally: &Tally, c: &Constants, (head, tail): (&Heads, &Tails)) -> [u64; 7] {
    let (slots, busy, jobs, reads) = (&s.ports.slots, &tally.busy, &tally.counts.jobs, &tally.reads);
    let turns = |slots, tiles, busy, to_use, first_fill, last_use| {
        Turns {
            single: slots == 1,
            tiles,
            busy,
            to_use,
            first_fill,
            last_use,
        }
        .least()
    };
    let [load_w, load_i] = head.load_cycles;
    let [read_i, read_w, read_p] = head.read_cycles;
    let (w_passes, i_passes) = (busy.w + busy.compute, busy.i + busy.compute);
    let (drained, written) = (busy.compute + busy.drain, busy.drain + busy.write);
    let [w_read, i_read, p_read] = [
        tally.fills.w + busy.w,
        tally.i_read_cycles + busy.i,
        tally.fills.p + busy.drain,
    ];
    let last_drain = tail.drain_cycles;
    [
        head.w + turns(slots.w, jobs.w, w_passes, c.w_to_compute, load_w, tail.pass_cycles) + tail.compute,
        head.i + turns(slots.i, jobs.i, i_passes, c.i_to_compute, load_i, tail.pass_cycles) + tail.compute,
        head.compute
            + turns(
                slots.psum,
                jobs.drain,
                drained,
                c.compute_to_drain,
                head.pass_cycles,
                last_drain,
            )
            + tail.drain,
        head.read_w + turns(slots.l2_w, reads.w, w_read, c.read_to_use, read_w, 0) + tail.w,
        1 + turns(slots.l2_i, reads.i, i_read, c.read_to_use, read_i, 0) + tail.i,
        head.read_p + turns(slots.l2_p, reads.p, p_read, c.read_to_use, read_p, last_drain) + tail.drain,
        head.drain
            + turns(
                slots.l2_o,
                jobs.write,
                written,
                c.drain_to_write,
                head.drain_cycles,
                tail.write_cycles,
            ),
    ]
}

/// Tiles of a memory that are filled and used in turn.
struct Turns {
    /// Whether the memory has one slot.
    single: bool,
    tiles: u64,
    /// Cycles of all fills and uses.
    busy: u64,
    /// From a fill's end to its use.
    to_use: u64,
    /// Cycles of the first fill, or fewer.
    first_fill: u64,
    /// Cycles of the last tile's use, or fewer.
    last_use: u64,
}

impl Turns {
    /// Cycles from the first fill's start to the last use's end, at least.
    ///
    /// One slot: fill and use of every tile in turn, [`RELEASE`] between them. Two slots: tile `t + 2` is filled after
    /// tile `t` was used. One chain starts with the first tile; the other starts with the second one, which is filled after
    /// the first. One ends with the last tile; the other with the one before, after whose use the last one is used. So
    /// both together take all fills, all uses, the first fill and the last use once more, and two releases fewer than
    /// there are tiles.
    #[inline]
    fn least(&self) -> u64 {
        // Both without a branch: nobody knows which memories hold one tile only.
        let turns = self.busy + self.tiles * self.to_use;
        let in_turn = turns + (self.tiles - 1) * RELEASE;
        let overlapped = (turns + self.first_fill + self.last_use + self.tiles.saturating_sub(2) * RELEASE).div_ceil(2);
        if self.single || self.tiles == 1 {
            in_turn
        } else {
            overlapped
        }
    }
}

/// Issue cycles of a pass in which every PE has these shares.
#[inline]
fn compute_cycles(shares: &PerDim<u32>) -> u64 {
    product(PerDim::from_fn(|d| u64::from(shares[d])))
}

#[inline]
const fn product(PerDim([k, c, y, x, r, s]): PerDim<u64>) -> u64 {
    (k * c) * (y * x) * (r * s)
}

/// The read engine's bound. The last off-chip step reads W or I (every loop indexes one of them) and then perhaps P; all
/// passes of that step wait for the former.
#[inline]
fn after_last_read(s: &Schedule, tally: &Tally, c: &Constants, e: &Extents, after_compute: u64) -> u64 {
    let places = &s.loops.places;
    let multi = places.multi[0] & OFFCHIP_PLACES;
    let innermost = multi & multi.wrapping_neg();
    let moved = |o: Operand| multi == 0 || places.relevant[o as usize] & innermost != 0;
    let p = if moved(Operand::P) { s.p_beats(&e.last_l2) } else { 0 };
    let load = if moved(Operand::W) {
        s.w_cycles(&e.first_of_last) + c.w_to_compute
    } else {
        s.i_cycles(&e.first_of_last) + c.i_to_compute
    };
    1 + tally.busy.read - p + c.read_to_use + load + step_compute(s, 1) + after_compute
}

/// Issue cycles of all passes of an off-chip step on a full (0) or on the edge tile (1).
#[inline]
fn step_compute(s: &Schedule, class: usize) -> u64 {
    let along = |d: Dim| {
        let share = |class: usize| u64::from(s.share[d][class]);
        u64::from(s.loops.l2[d][class] - 1) * share(0) + share(class + 1)
    };
    product(PerDim::from_fn(along))
}

/// Token constants with their register stages.
struct Constants {
    read_to_use: u64,
    w_to_compute: u64,
    i_to_compute: u64,
    compute_to_drain: u64,
    drain_to_write: u64,
}

impl Constants {
    #[inline]
    fn of(s: &Schedule) -> Self {
        let p = &s.geometry.pipeline;
        Self {
            read_to_use: s.ports.latency + READ_TO_USE,
            w_to_compute: LOAD_TO_COMPUTE + u64::from(p.w_network),
            i_to_compute: LOAD_TO_COMPUTE + u64::from(p.i_network),
            compute_to_drain: COMPUTE_TO_DRAIN + u64::from(p.tree),
            drain_to_write: DRAIN_TO_WRITE + u64::from(p.output_unit),
        }
    }
}

/// Extents of the tiles at the ends of a run.
struct Extents {
    /// Level-2 tile of the first, of the last off-chip step.
    first_l2: PerDim<u32>,
    last_l2: PerDim<u32>,
    /// Array tile of the first pass, and a PE's shares of it.
    first: PerDim<u32>,
    first_shares: PerDim<u32>,
    /// Array tile of the last pass.
    last: PerDim<u32>,
    /// Array tile of the first pass of the last off-chip step.
    first_of_last: PerDim<u32>,
    /// The last array tile of the first level-2 O tile.
    first_complete: PerDim<u32>,
}

impl Extents {
    #[inline]
    fn of(s: &Schedule) -> Self {
        // Without branches: nobody knows which loops have one trip.
        let first_class = |d: Dim, edge: usize| usize::from(s.loops.l2[d][edge] == 1) * (edge + 1);
        let first = |edge: usize| PerDim::from_fn(|d| s.tile[d][first_class(d, edge)]);
        Self {
            first_l2: PerDim::from_fn(|d| s.l2_tile[d][0]),
            last_l2: PerDim::from_fn(|d| s.l2_tile[d][1]),
            first: first(0),
            first_shares: PerDim::from_fn(|d| s.share[d][first_class(d, 0)]),
            last: PerDim::from_fn(|d| s.tile[d][2]),
            first_of_last: first(1),
            first_complete: PerDim::from_fn(|d| s.tile[d][1]),
        }
    }
}
