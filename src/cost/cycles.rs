//! Exact cycles without walking every pass.
//!
//! # State
//! All that the future depends on is a vector of times: the end of each engine's last job, the release of the slots that
//! will be filled next, and when the newest level-2 tiles can be used. Every job replaces some entries by maxima of entries
//! plus constants. Such a map commutes with a shift of all times.
//!
//! # Jump-ahead
//! The iterations of a loop but the first and the last apply the same map, each to the state that the one before left.
//! **If, after at least one earlier period, one more period shifts every entry that it updates by the same `c > 0`, then
//! so does every further period.** Call the states after the earlier periods `u` and then `v = u + c` in the updated
//! entries. The new value of an updated entry is the maximum of terms over updated entries (`A`) and of terms over entries
//! that the period only reads (`b`, the same in every period). `u` itself was made by a period, so `u >= b`, hence `v > b`,
//! hence `v = A(u)`; one period later the entry is `max(A(u + c), b) = max(v + c, b) = v + c`. By induction, always. An
//! updated entry cannot look as if it were not: between two updates its engine issues at least one job, so it grows.
//!
//! A period is one to [`MAX_PERIOD`] iterations: two slots, and ragged tiles inside, make states alternate.
//!
//! # Memory of inner nests
//! Within one off-chip step the level-2 loops touch only the array's entries. Steps that start from the same of them,
//! counted from the last pass's end, end alike; entries that are sure not to matter are set alike first.
//!
//! # No overflow
//! Times never exceed the sum of all durations and constants, which [`fits`] bounds by the layer's MACs.

use crate::base::dims::{Dim, PerDim};
use crate::mapping::schedule::{
    COMPUTE_TO_DRAIN, DRAIN_TO_WRITE, LOAD_TO_COMPUTE, LOOP_G, LOOP_N, LoopSet, OFFCHIP_LOOPS, OFFCHIP_SET, Operand,
    READ_TO_USE, RELEASE, Schedule, TileClass, l2_loop, offchip_loop,
};
use crate::workload::layer::LoopNest;

/// The longest period, in iterations, that jump-ahead looks for.
pub const MAX_PERIOD: usize = 4;

/// Whether no time of any mapping of `nest` can exceed 62 bits.
///
/// Each pass has at least one MAC, so engines' times add up to at most so many cycles per MAC: one of W, and as many of O
/// on drain and write, times the output unit's narrowness of at most 64, and its depth; a window row and column of I per
/// stride, dilation and position, twice; off-chip tiles, rounded up to words of at most 64 bytes on a bus of at least 4,
/// 9 bytes per parameter; latencies of at most 1000 cycles; a few constants.
#[must_use]
pub fn fits(nest: &LoopNest) -> bool {
    let side = |i: usize| u128::from(nest.stride[i]) + u128::from(nest.dilation[i]) + 1;
    let per_mac = 2 * side(0) * side(1) + 4 * 1000;
    u128::from(nest.macs()) * per_mac < 1 << 62
}

/// Positions of the state's entries; those of the array engines come first.
mod at {
    /// End of the last pass.
    pub const COMPUTE: usize = 0;
    /// End of the last W loader job.
    pub const W: usize = 1;
    /// End of the last pass that read the W tile before the newest.
    pub const W_FREE: usize = 2;
    /// End of the last I loader job.
    pub const I: usize = 3;
    /// End of the last pass that read the I tile before the newest.
    pub const I_FREE: usize = 4;
    /// End of the last drain job.
    pub const DRAIN: usize = 5;
    /// End of the drain job before.
    pub const DRAIN_BEFORE: usize = 6;
    /// Number of entries that jobs of the array change.
    pub const ARRAY: usize = 7;
    /// When the newest level-2 W tile can be used.
    pub const W_READY: usize = 7;
    /// When the newest level-2 I tile can be used.
    pub const I_READY: usize = 8;
    /// When the level-2 O slot of the newest tile is free and the newest P tile can be used.
    pub const O_READY: usize = 9;
    /// Number of entries that jobs of the array read.
    pub const SEEN: usize = 10;
    /// End of the last read job.
    pub const READ: usize = 10;
    /// End of the last loader job on the level-2 W tile before the newest.
    pub const L2_W_FREE: usize = 11;
    /// The same of I.
    pub const L2_I_FREE: usize = 12;
    /// End of the last drain job that used the level-2 P tile before the newest.
    pub const L2_P_FREE: usize = 13;
    /// End of the last write job.
    pub const WRITE: usize = 14;
    /// End of the write job before.
    pub const WRITE_BEFORE: usize = 15;
    /// Number of entries.
    pub const ALL: usize = 16;
}

type State = [u64; at::ALL];
type ArrayState = [u64; at::ARRAY];

/// Which operands move: bits W, I, P, O in the order of [`Operand`].
type Moves = u8;
const W: Moves = 1 << Operand::W as u8;
const I: Moves = 1 << Operand::I as u8;
const P: Moves = 1 << Operand::P as u8;
const O: Moves = 1 << Operand::O as u8;
const EVERYTHING: Moves = W | I | P | O;

/// What job starts depend on beside the state.
#[derive(Clone, Copy, Default)]
struct Tokens {
    w_to_compute: u64,
    i_to_compute: u64,
    compute_to_drain: u64,
    drain_to_write: u64,
    read_to_use: u64,
    /// Memories with one slot: W, I, psum, and level-2 W, I, O, P.
    single: [bool; 7],
}

impl Tokens {
    fn of(s: &Schedule) -> Self {
        let p = &s.geometry.pipeline;
        let n = &s.ports.slots;
        let slots = [n.w, n.i, n.psum, n.l2_w, n.l2_i, n.l2_o, n.l2_p];
        Self {
            w_to_compute: LOAD_TO_COMPUTE + u64::from(p.w_network),
            i_to_compute: LOAD_TO_COMPUTE + u64::from(p.i_network),
            compute_to_drain: COMPUTE_TO_DRAIN + u64::from(p.tree),
            drain_to_write: DRAIN_TO_WRITE + u64::from(p.output_unit),
            read_to_use: s.ports.latency + READ_TO_USE,
            single: slots.map(|n| n == 1),
        }
    }
}

/// Durations of the jobs of one pass.
#[derive(Clone, Copy, Default)]
struct Durations {
    w: u64,
    i: u64,
    compute: u64,
    drain: [u64; 2],
}

/// A loop with several trips.
#[derive(Clone, Copy, Default)]
struct Level {
    dim: u8,
    trips: u32,
    /// What a step of it moves.
    moves: Moves,
}

/// The level-2 loops within off-chip tiles that are edge tiles along the same dimensions.
#[derive(Clone, Copy)]
struct Inner {
    edges: u8,
    depth: usize,
    levels: [Level; 6],
    /// What moves at every entry because it moved inside the step before.
    rewinds: Moves,
    /// Bit per level: reduction loops around the innermost loop that moves O. At their last trips, sums are complete.
    reductions: u8,
    /// Durations by the set of levels at their last trip, and which of them are known.
    durations: [Durations; 64],
    known: u64,
    /// Beats of I, W, P and O.
    beats: [u64; 4],
}

/// What a level-2 nest did from a start like it.
#[derive(Clone, Copy)]
struct Memo {
    key: (u8, Moves, bool, bool),
    start: [u64; at::SEEN],
    end: ArrayState,
}

/// Entries of the memory of inner nests.
const MEMOS: usize = 16;

/// Evaluates schedules; keeps its workspace between them.
#[derive(Clone)]
pub struct Evaluator {
    inners: Vec<Inner>,
    memos: Vec<Memo>,
    next_memo: usize,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self::new()
    }
}

impl Evaluator {
    /// An evaluator with an empty workspace.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inners: Vec::new(),
            memos: Vec::with_capacity(MEMOS),
            next_memo: 0,
        }
    }

    /// Run time of `s`: the end of its last write job. The layer must [`fits`].
    #[must_use]
    pub fn cycles(&mut self, s: &Schedule) -> u64 {
        self.inners.clear();
        self.memos.clear();
        self.next_memo = 0;
        let mut run = Run {
            s,
            tokens: Tokens::of(s),
            outer: Outer::of(s),
            work: self,
        };
        // Nothing starts before cycle 1. The other entries mean `never`: an end of 0 holds nothing up.
        let mut x = [0; at::ALL];
        x[at::READ] = 1;
        run.outer(0, EVERYTHING, EVERYTHING, 0, &mut x);
        x[at::WRITE]
    }
}

/// The off-chip loops with several trips.
struct Outer {
    depth: usize,
    loops: [usize; OFFCHIP_LOOPS],
    levels: [Level; OFFCHIP_LOOPS],
    /// Bit per level: reduction loops.
    reductions: u8,
    /// Dimensions whose edge tile differs from a full one.
    ragged: u8,
}

impl Outer {
    fn of(s: &Schedule) -> Self {
        let mut outer = Self {
            depth: 0,
            loops: [0; OFFCHIP_LOOPS],
            levels: [Level::default(); OFFCHIP_LOOPS],
            reductions: 0,
            ragged: 0,
        };
        let multi = s.loops.multi(0) & OFFCHIP_SET;
        let order = s.mapping.offchip.order;
        let loops = [LOOP_G, LOOP_N].into_iter().chain(order.map(offchip_loop));
        for l in loops.filter(|l| multi >> l & 1 == 1) {
            outer.loops[outer.depth] = l;
            outer.levels[outer.depth] = Level {
                dim: 0,
                trips: s.loops.offchip[l],
                moves: moves(|operand| s.loops.moved_l2(operand, l, multi)),
            };
            outer.reductions |= u8::from(REDUCTIONS >> l & 1 == 1) << outer.depth;
            outer.depth += 1;
        }
        for d in Dim::ALL {
            outer.ragged |= u8::from(s.l2_tile[d][0] != s.l2_tile[d][1]) << d.index();
        }
        outer
    }

    /// Dimensions at an edge tile that differs from a full one, given the levels at their last trip.
    fn edges(&self, last: u16) -> u8 {
        let mut edges = 0;
        for (level, &l) in self.loops[..self.depth].iter().enumerate() {
            if l >= offchip_loop(Dim::K) {
                edges |= u8::from(last >> level & 1 == 1) << (l - offchip_loop(Dim::K));
            }
        }
        edges & self.ragged
    }
}

/// All loops over reduction dimensions.
const REDUCTIONS: LoopSet = {
    let mut set = 0;
    let mut i = 0;
    while i < Dim::REDUCTION.len() {
        set |= 1 << offchip_loop(Dim::REDUCTION[i]) | 1 << l2_loop(Dim::REDUCTION[i]);
        i += 1;
    }
    set
};

fn moves(moved: impl Fn(Operand) -> bool) -> Moves {
    [Operand::W, Operand::I, Operand::P, Operand::O]
        .into_iter()
        .fold(0, |set, o| set | Moves::from(moved(o)) << o as u8)
}

impl Inner {
    fn of(s: &Schedule, edges: u8) -> Self {
        let multi = s.loops.multi(edges);
        let mut inner = Self {
            edges,
            depth: 0,
            levels: [Level::default(); 6],
            rewinds: moves(|o| s.loops.relevant[o as usize] & multi & !OFFCHIP_SET != 0),
            reductions: 0,
            durations: [Durations::default(); 64],
            known: 0,
            beats: [0; 4],
        };
        for d in s.mapping.l2.order {
            let l = l2_loop(d);
            if multi >> l & 1 == 1 {
                inner.levels[inner.depth] = Level {
                    dim: d as u8,
                    trips: s.loops.l2[d][usize::from(edges >> d.index() & 1)],
                    moves: moves(|operand| s.loops.moved(operand, l, multi)),
                };
                // Around a loop that moves O: a step of it moves O too, but it does not index O.
                let around = inner.levels[inner.depth].moves & O != 0;
                inner.reductions |= u8::from(around && REDUCTIONS >> l & 1 == 1) << inner.depth;
                inner.depth += 1;
            }
        }
        let e = PerDim::from_fn(|d| s.l2_tile[d][usize::from(edges >> d.index() & 1)]);
        inner.beats = [s.i_beats(&e), s.w_beats(&e), s.p_beats(&e), s.o_beats(&e)];
        inner
    }

    /// Durations of a pass with the levels of `last` at their last trip.
    fn durations(&mut self, s: &Schedule, last: usize) -> Durations {
        if self.known >> last & 1 == 0 {
            let of = |d: Dim, last: bool| {
                let edge = self.edges >> d.index() & 1 == 1;
                // A dimension that is not ragged has equal extents in both classes.
                s.tile[d][TileClass::of(edge, last) as usize]
            };
            let mut e = PerDim::from_fn(|d| of(d, true));
            for (level, l) in self.levels[..self.depth].iter().enumerate() {
                let d = Dim::ALL[usize::from(l.dim)];
                e[d] = of(d, last >> level & 1 == 1);
            }
            self.durations[last] = Durations {
                w: s.w_cycles(&e),
                i: s.i_cycles(&e),
                compute: s.compute_cycles(&e),
                drain: [s.drain_cycles(&e, false), s.drain_cycles(&e, true)],
            };
            self.known |= 1 << last;
        }
        self.durations[last]
    }
}

/// One evaluation.
struct Run<'a> {
    s: &'a Schedule,
    tokens: Tokens,
    outer: Outer,
    work: &'a mut Evaluator,
}

impl Run<'_> {
    /// The off-chip loops from `level` inwards. `entry` is what moved at their entry, `exit` what moves after them, and
    /// `last` the levels at their last trip.
    fn outer(&mut self, level: usize, entry: Moves, exit: Moves, last: u16, x: &mut State) {
        if level == self.outer.depth {
            return self.step(entry, exit, last, x);
        }
        let Level { trips, moves, .. } = self.outer.levels[level];
        self.outer(level + 1, entry, moves, last, x);
        iterate(u64::from(trips) - 2, x, |x| {
            self.outer(level + 1, moves, moves, last, x);
        });
        self.outer(level + 1, moves, exit, last | 1 << level, x);
    }

    /// One off-chip step: its reads, its passes, its write.
    fn step(&mut self, entry: Moves, exit: Moves, last: u16, x: &mut State) {
        let inner = self.inner(self.outer.edges(last));
        let [i, w, p, o] = self.work.inners[inner].beats;
        self.read(entry, [i, w, p], x);
        let reductions = u16::from(self.outer.reductions);
        let complete = last & reductions == reductions;
        let rewinds = self.work.inners[inner].rewinds;
        self.passes(inner, entry | rewinds, (exit | rewinds) & O != 0, complete, x);
        if exit & O != 0 {
            let end = x[at::WRITE];
            x[at::WRITE] = end.max(x[at::DRAIN] + self.tokens.drain_to_write) + o;
            x[at::WRITE_BEFORE] = end;
        }
    }

    /// Where the level-2 nest of this kind of off-chip tile is kept.
    fn inner(&mut self, edges: u8) -> usize {
        let inners = &mut self.work.inners;
        inners.iter().position(|n| n.edges == edges).unwrap_or_else(|| {
            inners.push(Inner::of(self.s, edges));
            inners.len() - 1
        })
    }

    fn read(&self, entry: Moves, [i, w, p]: [u64; 3], x: &mut State) {
        let t = &self.tokens;
        // The slot was released when the tile before (one slot), or the one before that, was last used.
        let mut job = |used: usize, free: usize, single: bool, beats: u64| {
            let release = if single { x[used] } else { x[free] };
            x[free] = x[used];
            x[at::READ] = x[at::READ].max(release + RELEASE) + beats;
            x[at::READ] + t.read_to_use
        };
        let [_, _, _, w_single, i_single, o_single, p_single] = t.single;
        let i_ready = (entry & I != 0).then(|| job(at::I, at::L2_I_FREE, i_single, i));
        let w_ready = (entry & W != 0).then(|| job(at::W, at::L2_W_FREE, w_single, w));
        let p_ready = (entry & P != 0).then(|| job(at::DRAIN, at::L2_P_FREE, p_single, p));
        x[at::I_READY] = i_ready.unwrap_or(x[at::I_READY]);
        x[at::W_READY] = w_ready.unwrap_or(x[at::W_READY]);
        if entry & O != 0 {
            let written = if o_single { at::WRITE } else { at::WRITE_BEFORE };
            // An older P tile has been waited for by an older drain job.
            x[at::O_READY] = (x[written] + RELEASE).max(p_ready.unwrap_or(0));
        }
    }

    /// The passes of one off-chip step, from memory if it started alike before.
    fn passes(&mut self, inner: usize, entry: Moves, closes: bool, complete: bool, x: &mut State) {
        let key = (self.work.inners[inner].edges, entry & !P, closes, complete);
        let base = x[at::COMPUTE];
        let start = normalised(entry, x);
        let known = self.work.memos.iter();
        let found = known.rev().find(|m| m.start == start && m.key == key).copied();
        let end = if let Some(memo) = found {
            memo.end
        } else {
            let mut end = ArrayState::default();
            end.copy_from_slice(&x[..at::ARRAY]);
            let mut nest = Nest {
                s: self.s,
                tokens: &self.tokens,
                inner: &mut self.work.inners[inner],
                ready: [x[at::W_READY], x[at::I_READY], x[at::O_READY]],
                complete,
            };
            nest.run(0, entry, closes, 0, &mut end);
            let end = end.map(|time| time.wrapping_sub(base));
            self.work.remember(Memo { key, start, end });
            end
        };
        for (entry_of, time) in CHANGED {
            if entry & entry_of != 0 {
                x[time] = base.wrapping_add(end[time]);
            }
        }
        let drained = closes || self.work.inners[inner].rewinds & O != 0;
        if drained {
            for time in [at::DRAIN, at::DRAIN_BEFORE] {
                x[time] = base.wrapping_add(end[time]);
            }
        }
    }
}

/// The array's entries that change wherever one of these operands moves; there is always a pass.
const CHANGED: [(Moves, usize); 5] = [
    (W, at::W),
    (W, at::W_FREE),
    (I, at::I),
    (I, at::I_FREE),
    (EVERYTHING, at::COMPUTE),
];

impl Evaluator {
    fn remember(&mut self, memo: Memo) {
        if self.memos.len() < MEMOS {
            self.memos.push(memo);
        } else {
            self.memos[self.next_memo] = memo;
            self.next_memo = (self.next_memo + 1) % MEMOS;
        }
    }
}

/// What the passes of a step depend on, counted from the end of the last pass. Times that cannot matter are set alike:
/// those of a loader without a job, and tokens that come before what their taker waits for anyway.
fn normalised(entry: Moves, x: &State) -> [u64; at::SEEN] {
    let mut start = [0; at::SEEN];
    start.copy_from_slice(&x[..at::SEEN]);
    for (operand, end, free, ready) in [(W, at::W, at::W_FREE, at::W_READY), (I, at::I, at::I_FREE, at::I_READY)] {
        if entry & operand != 0 {
            start[free] = x[free].max(x[end].saturating_sub(RELEASE));
            start[ready] = x[ready].max(x[end]);
        } else {
            [start[end], start[free], start[ready]] = [x[at::COMPUTE]; 3];
        }
    }
    start[at::O_READY] = x[at::O_READY].max(x[at::DRAIN]).max(x[at::COMPUTE]);
    start.map(|time| time.wrapping_sub(x[at::COMPUTE]))
}

/// The level-2 loops of one off-chip step.
struct Nest<'a> {
    s: &'a Schedule,
    tokens: &'a Tokens,
    inner: &'a mut Inner,
    /// When the newest level-2 W and I tiles can be used, and drains can use P and O.
    ready: [u64; 3],
    /// Whether the off-chip reduction loops are at their last trips.
    complete: bool,
}

impl Nest<'_> {
    fn run(&mut self, level: usize, entry: Moves, closes: bool, last: usize, x: &mut ArrayState) {
        if level == self.inner.depth {
            return self.pass(entry, closes, last, x);
        }
        let Level { trips, moves, .. } = self.inner.levels[level];
        let moves_o = moves & O != 0;
        self.run(level + 1, entry, moves_o, last, x);
        iterate(u64::from(trips) - 2, x, |x| {
            self.run(level + 1, moves, moves_o, last, x);
        });
        self.run(level + 1, moves, closes, last | 1 << level, x);
    }

    #[inline]
    fn pass(&mut self, entry: Moves, closes: bool, last: usize, x: &mut ArrayState) {
        let durations = self.inner.durations(self.s, last);
        let t = self.tokens;
        let [w_single, i_single, psum_single, ..] = t.single;
        let [w_ready, i_ready, o_ready] = self.ready;
        let before = x[at::COMPUTE];
        let mut start = before;
        if entry & W != 0 {
            let release = if w_single { before } else { x[at::W_FREE] };
            x[at::W] = x[at::W].max(release + RELEASE).max(w_ready) + durations.w;
            x[at::W_FREE] = before;
            start = start.max(x[at::W] + t.w_to_compute);
        }
        if entry & I != 0 {
            let release = if i_single { before } else { x[at::I_FREE] };
            x[at::I] = x[at::I].max(release + RELEASE).max(i_ready) + durations.i;
            x[at::I_FREE] = before;
            start = start.max(x[at::I] + t.i_to_compute);
        }
        if entry & O != 0 {
            let drained = if psum_single { at::DRAIN } else { at::DRAIN_BEFORE };
            start = start.max(x[drained] + RELEASE);
        }
        x[at::COMPUTE] = start + durations.compute;
        if closes {
            let reductions = usize::from(self.inner.reductions);
            let complete = self.complete && last & reductions == reductions;
            let end = x[at::DRAIN];
            let token = (x[at::COMPUTE] + t.compute_to_drain).max(o_ready);
            x[at::DRAIN] = end.max(token) + durations.drain[usize::from(complete)];
            x[at::DRAIN_BEFORE] = end;
        }
    }
}

/// Applies `f` to `x` `n` times, jumping ahead as soon as it is sure what comes.
///
/// Entry 0 must be one that every application makes grow.
fn iterate<const N: usize>(n: u64, x: &mut [u64; N], mut f: impl FnMut(&mut [u64; N])) {
    const HISTORY: usize = MAX_PERIOD + 1;
    if n < 3 {
        for _ in 0..n {
            f(x);
        }
        return;
    }
    let mut history = [[0; N]; HISTORY];
    history[0] = *x;
    let mut done: u64 = 0;
    let slot = |k: u64| usize::try_from(k % HISTORY as u64).unwrap_or(0);
    while done < n {
        f(x);
        done += 1;
        history[slot(done)] = *x;
        for period in 1..=(done / 2).min(MAX_PERIOD as u64).min(n - done) {
            let before = &history[slot(done - period)];
            if let Some(shifts) = common_shift(before, x) {
                let jumps = (n - done) / period;
                for (time, shift) in x.iter_mut().zip(shifts) {
                    *time += shift * jumps;
                }
                done += jumps * period;
                // Fewer iterations than a period are left.
                for _ in done..n {
                    f(x);
                }
                return;
            }
        }
    }
}

/// How far each entry moved, if all that moved went equally far.
#[inline]
fn common_shift<const N: usize>(before: &[u64; N], now: &[u64; N]) -> Option<[u64; N]> {
    let common = now[0] - before[0];
    let mut shifts = [0; N];
    let mut equal = true;
    for ((shift, b), n) in shifts.iter_mut().zip(before).zip(now) {
        *shift = n.wrapping_sub(*b);
        equal &= *shift == 0 || *shift == common;
    }
    equal.then_some(shifts)
}
