//! Exact cycles without walking every pass.
//!
//! # State
//! All that the future depends on is a vector of times: the end of each engine's last job, the release of the slots that
//! will be filled next, and when the newest level-2 tiles can be used. Every job replaces some entries by maxima of entries
//! plus constants. Such a map commutes with a shift of all times.
//!
//! # Jump-ahead
//! The iterations of a loop but the first and the last apply the same map, each to the state that the one before left;
//! [`iterate`] stops applying it as soon as it is sure what comes.
//!
//! # Memory of nests
//! The loops inside an off-chip loop, or inside an off-chip step, that start from the same state, counted from the last
//! pass's end, end alike: each nest's start and end are remembered. Entries that the nest neither reads nor changes are
//! left out of the comparison; entries that are sure not to matter, because whoever takes that token waits for something
//! later anyway, are first raised to that (`settle`).
//!
//! # No overflow
//! Times never exceed the sum of all durations and constants, which [`fits`] bounds by the layer's MACs.

use crate::base::dims::{Dim, PerDim};
use crate::cost::jump::{iterate, repeat};
use crate::cost::memory::{Memory, masks, place};
use crate::cost::state::{ArrayState, EVERYTHING, I, Moves, O, P, State, W, at, settle};
use crate::mapping::schedule::{
    COMPUTE_TO_DRAIN, DRAIN_TO_WRITE, LOAD_TO_COMPUTE, LOOP_G, LOOP_N, OFFCHIP_LOOPS, OFFCHIP_SET, Operand,
    READ_TO_USE, REDUCTIONS, RELEASE, Schedule, TileClass, l2_loop, offchip_loop,
};
use crate::workload::layer::LoopNest;

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
#[derive(Clone, Copy)]
struct Durations {
    w: u64,
    i: u64,
    compute: u64,
    drain: [u64; 2],
}

impl Durations {
    const NONE: Self = Self {
        w: 0,
        i: 0,
        compute: 0,
        drain: [0; 2],
    };
}

/// A loop with several trips, or neighbouring ones of which each step does the same.
#[derive(Clone, Copy)]
struct Level {
    trips: u64,
    /// What a step of it moves.
    moves: Moves,
    /// The loop's bit, if its last trip can differ from the others: by a smaller tile, or because sums are complete.
    last: u8,
}

impl Level {
    const NONE: Self = Self {
        trips: 1,
        moves: 0,
        last: 0,
    };

    /// Whether a loop just inside, of which a step moves `moves`, makes one long loop with this one: steps of either do
    /// the same then, and no last trip `differs`.
    const fn joins(self, moves: Moves, differs: bool) -> bool {
        self.last == 0 && !differs && self.moves == moves
    }

    /// Trips after the first that are like each other, and whether the last one is not among them, given what moves after
    /// the loop.
    const fn alike(self, exit: Moves) -> (u64, bool) {
        let differs = self.last != 0 || (self.moves ^ exit) & O != 0;
        (self.trips - 1 - differs as u64, differs)
    }
}

/// In place of a level's bit: there is no loop, each trip is the last one.
const NO_LOOP: u8 = 1 << 6;

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
    /// Per dimension, the level at whose last trip its tile is the last one, as a bit; [`NO_LOOP`] if it always is.
    ends: PerDim<u8>,
    /// Durations by the set of levels at their last trip, and which of them are known.
    durations: [Durations; 64],
    known: u64,
    /// Beats of I, W, P and O.
    beats: [u64; 4],
}

/// Evaluates schedules; keeps its workspace, and nothing else, between them.
#[derive(Clone)]
pub struct Evaluator {
    /// Nests of this evaluation, then those left over from others.
    inners: Vec<Inner>,
    /// How many are of this one.
    known: u8,
    steps: Memory<{ at::STEP }>,
    nests: Memory<{ at::ALL }>,
    /// Number of the evaluation, which tells its memories from older ones.
    run: u64,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self::new()
    }
}

impl Evaluator {
    /// An evaluator; the only place that allocates.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inners: vec![Inner::EMPTY; EDGE_SETS],
            known: 0,
            steps: Memory::new(),
            nests: Memory::new(),
            run: 0,
        }
    }

    /// Run time of `s`: the end of its last write job. The layer must [`fits`].
    #[must_use]
    pub fn cycles(&mut self, s: &Schedule) -> u64 {
        self.known = 0;
        self.run += 1;
        let mut run = Run {
            s,
            tokens: Tokens::of(s),
            outer: Outer::of(s),
            places: [NO_PLACE; EDGE_SETS],
            work: self,
        };
        // Nothing starts before cycle 1. The other entries mean `never`: an end of 0 holds nothing up.
        let mut x = [0; at::ALL];
        x[at::READ] = 1;
        run.outer(0, EVERYTHING, EVERYTHING, 0, &mut x);
        x[at::WRITE]
    }
}

/// Sets of dimensions at their edge.
const EDGE_SETS: usize = 1 << Dim::ALL.len();

/// In place of a place: there is none yet.
const NO_PLACE: u8 = u8::MAX;

/// The off-chip loops with several trips.
struct Outer {
    depth: usize,
    loops: [usize; OFFCHIP_LOOPS],
    levels: [Level; OFFCHIP_LOOPS],
    /// What moves at steps of the levels from each inwards.
    inside: [Moves; OFFCHIP_LOOPS],
    /// Operands whose array tiles some level-2 loop moves.
    rewinds: Moves,
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
            levels: [Level::NONE; OFFCHIP_LOOPS],
            inside: [0; OFFCHIP_LOOPS],
            rewinds: 0,
            reductions: 0,
            ragged: 0,
        };
        for d in Dim::ALL {
            outer.ragged |= u8::from(s.l2_tile[d][0] != s.l2_tile[d][1]) << d.index();
        }
        let multi = s.loops.multi(0) & OFFCHIP_SET;
        let order = s.mapping.offchip.order;
        let loops = [LOOP_G, LOOP_N].into_iter().chain(order.map(offchip_loop));
        for l in loops.filter(|l| multi >> l & 1 == 1) {
            let moves = moves(|operand| s.loops.moved_l2(operand, l, multi));
            let ragged = l
                .checked_sub(offchip_loop(Dim::K))
                .is_some_and(|d| outer.ragged >> d & 1 == 1);
            let reduces = REDUCTIONS >> l & 1 == 1;
            let (trips, differs) = (s.loops.offchip[l].into(), ragged || reduces);
            if let Some(around) = outer.levels[..outer.depth].last_mut()
                && around.joins(moves, differs)
            {
                around.trips *= trips;
                continue;
            }
            outer.loops[outer.depth] = l;
            outer.reductions |= u8::from(reduces) << outer.depth;
            outer.levels[outer.depth] = Level {
                trips,
                moves,
                last: u8::from(differs) << outer.depth,
            };
            outer.depth += 1;
        }
        let mut inside = 0;
        for level in (0..outer.depth).rev() {
            inside |= outer.levels[level].moves;
            outer.inside[level] = inside;
        }
        let l2 = (s.loops.multi(0) | s.loops.multi(!0)) & !OFFCHIP_SET;
        outer.rewinds = moves(|o| s.loops.relevant[o as usize] & l2 != 0);
        outer
    }

    /// Dimensions at an edge tile that differs from a full one, given the levels at their last trip.
    fn edges(&self, last: u8) -> u8 {
        let (mut edges, mut left) = (0_u32, last);
        while left != 0 {
            // Loops over groups and batch are never in `last`.
            edges |= 1 << (self.loops[left.trailing_zeros() as usize] - offchip_loop(Dim::K));
            left &= left - 1;
        }
        edges as u8 & self.ragged
    }
}

fn moves(moved: impl Fn(Operand) -> bool) -> Moves {
    [Operand::W, Operand::I, Operand::P, Operand::O]
        .into_iter()
        .fold(0, |set, o| set | Moves::from(moved(o)) << o as u8)
}

impl Inner {
    const EMPTY: Self = Self {
        edges: 0,
        depth: 0,
        levels: [Level::NONE; 6],
        rewinds: 0,
        reductions: 0,
        ends: PerDim([0; 6]),
        durations: [Durations::NONE; 64],
        known: 0,
        beats: [0; 4],
    };

    /// Becomes the nest of `s` within off-chip tiles that are edge tiles along `edges`. Old durations stay, unknown.
    fn set(&mut self, s: &Schedule, edges: u8) {
        let multi = s.loops.multi(edges);
        self.rewinds = moves(|o| s.loops.relevant[o as usize] & multi & !OFFCHIP_SET != 0);
        (self.edges, self.depth, self.reductions, self.known) = (edges, 0, 0, 0);
        self.ends = PerDim([NO_LOOP; 6]);
        for d in s.mapping.l2.order {
            let (l, edge) = (l2_loop(d), edges >> d.index() & 1 == 1);
            if multi >> l & 1 == 1 {
                let moves = moves(|operand| s.loops.moved(operand, l, multi));
                // Around a loop that moves O: a step of it moves O too, but it does not index O.
                let reduces = moves & O != 0 && REDUCTIONS >> l & 1 == 1;
                let of = |last: bool| s.tile[d][TileClass::of(edge, last) as usize];
                let differs = reduces || of(false) != of(true);
                let trips = s.loops.l2[d][usize::from(edge)].into();
                self.ends[d] = u8::from(differs) << self.depth;
                if let Some(around) = self.levels[..self.depth].last_mut()
                    && around.joins(moves, differs)
                {
                    around.trips *= trips;
                    continue;
                }
                self.reductions |= u8::from(reduces) << self.depth;
                self.levels[self.depth] = Level {
                    trips,
                    moves,
                    last: u8::from(differs) << self.depth,
                };
                self.depth += 1;
            }
        }
        let e = PerDim::from_fn(|d| s.l2_tile[d][usize::from(edges >> d.index() & 1)]);
        self.beats = [s.i_beats(&e), s.w_beats(&e), s.p_beats(&e), s.o_beats(&e)];
    }

    /// Durations of a pass with the levels of `last` at their last trip.
    #[inline]
    fn durations(&mut self, s: &Schedule, last: usize) -> Durations {
        if self.known >> last & 1 == 0 {
            self.learn(s, last);
        }
        self.durations[last]
    }

    fn learn(&mut self, s: &Schedule, last: usize) {
        // A dimension that is not ragged has equal extents in both classes.
        let class = |d: Dim| {
            let ended = (last as u8 | NO_LOOP) & self.ends[d] != 0;
            TileClass::of(self.edges >> d.index() & 1 == 1, ended) as usize
        };
        let classes = PerDim::from_fn(class);
        let e = PerDim::from_fn(|d| s.tile[d][classes[d]]);
        self.durations[last] = Durations {
            w: s.w_cycles(&e),
            i: s.i_cycles(&e),
            compute: Dim::ALL.iter().map(|&d| u64::from(s.share[d][classes[d]])).product(),
            drain: [s.drain_cycles(&e, false), s.drain_cycles(&e, true)],
        };
        self.known |= 1 << last;
    }
}

/// One evaluation.
struct Run<'a> {
    s: &'a Schedule,
    tokens: Tokens,
    outer: Outer,
    /// Where the level-2 nest of each set of edges is kept.
    places: [u8; EDGE_SETS],
    work: &'a mut Evaluator,
}

impl Run<'_> {
    /// The off-chip loops from `level` inwards. `entry` is what moved at their entry, `exit` what moves after them, and
    /// `last` the levels at their last trip.
    fn outer(&mut self, level: usize, entry: Moves, exit: Moves, last: u8, x: &mut State) {
        if level == self.outer.depth {
            return self.step(entry, exit, last, x);
        }
        if level == 0 {
            // Runs once: nothing to recall.
            return self.trips(level, entry, exit, last, x);
        }
        let around = (1 << level) - 1;
        let nest = NestKey {
            level: level + 1,
            edges: self.outer.edges(last),
            complete: !last & self.outer.reductions & around == 0,
            entry,
            exit,
        };
        let l2_moves = entry | exit & O | self.outer.inside[level];
        let moves = l2_moves | self.outer.rewinds;
        self.recall(
            |work| &mut work.nests,
            nest,
            [moves, l2_moves],
            x,
            |run, x| run.trips(level, entry, exit, last, x),
        );
    }

    /// All trips of the off-chip loop at `level`.
    fn trips(&mut self, level: usize, entry: Moves, exit: Moves, last: u8, x: &mut State) {
        let here = self.outer.levels[level];
        let (alike, differs) = here.alike(exit);
        let moves = here.moves;
        self.outer(level + 1, entry, moves & O, last, x);
        iterate(alike, x, |x| self.outer(level + 1, moves, moves & O, last, x));
        if differs {
            self.outer(level + 1, moves, exit, last | here.last, x);
        }
    }

    /// Does what `nest` does to `x`: from memory if it started alike before, else by `run`. `moves` are the operands whose
    /// array tiles move in it, `l2_moves` those whose level-2 tiles do.
    #[inline]
    fn recall<const N: usize>(
        &mut self,
        memory: fn(&mut Evaluator) -> &mut Memory<N>,
        nest: NestKey,
        [moves, l2_moves]: [Moves; 2],
        x: &mut State,
        run: impl FnOnce(&mut Self, &mut State),
    ) {
        settle(moves, l2_moves, x);
        let mask = masks::<N>(moves, l2_moves);
        let base = x[at::COMPUTE];
        let mut start = [0; N];
        for ((start, time), mask) in start.iter_mut().zip(&*x).zip(&mask) {
            *start = time.wrapping_sub(base) & mask;
        }
        let key = nest.packed();
        let number = self.work.run;
        let place = place(key, &start);
        let memo = memory(self.work).at(place);
        if memo.is(number, key, &start) {
            for ((time, end), mask) in x.iter_mut().zip(&memo.end).zip(&mask) {
                *time = base.wrapping_add(*end) & mask | *time & !mask;
            }
            return;
        }
        run(self, x);
        // Nests within this one may have taken its place, or it theirs: they are found again by hash.
        let memo = memory(self.work).at(place);
        (memo.run, memo.key, memo.start) = (number, key, start);
        for (end, time) in memo.end.iter_mut().zip(&*x) {
            *end = time.wrapping_sub(base);
        }
    }

    /// One off-chip step: its reads, its passes, its write.
    fn step(&mut self, entry: Moves, exit: Moves, last: u8, x: &mut State) {
        let inner = self.inner(self.outer.edges(last));
        let [i, w, p, o] = self.work.inners[inner].beats;
        self.read(entry, [i, w, p], x);
        let reductions = self.outer.reductions;
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
        let place = &mut self.places[usize::from(edges)];
        if *place == NO_PLACE {
            *place = self.work.known;
            self.work.known += 1;
            self.work.inners[usize::from(*place)].set(self.s, edges);
        }
        usize::from(*place)
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

    /// The passes of one off-chip step.
    fn passes(&mut self, inner: usize, entry: Moves, closes: bool, complete: bool, x: &mut State) {
        let exit = if closes { O } else { 0 };
        let nest = NestKey {
            level: 0,
            edges: self.work.inners[inner].edges,
            complete,
            entry: entry & !P,
            exit,
        };
        self.recall(
            |work| &mut work.steps,
            nest,
            [entry | exit, 0],
            x,
            |run, x| {
                let mut nest = Nest {
                    s: run.s,
                    tokens: &run.tokens,
                    inner: &mut run.work.inners[inner],
                    ready: [x[at::W_READY], x[at::I_READY], x[at::O_READY]],
                    complete,
                };
                let mut array = ArrayState::default();
                array.copy_from_slice(&x[..at::ARRAY]);
                nest.run(0, entry, closes, 0, &mut array);
                x[..at::ARRAY].copy_from_slice(&array);
            },
        );
    }
}

/// A nest, as far as its effect depends on more than the state at its start.
#[derive(Clone, Copy)]
struct NestKey {
    /// 0 for the passes of a step, else one more than the outermost off-chip loop.
    level: usize,
    /// Dimensions at an edge tile because of loops around the nest.
    edges: u8,
    /// Whether the off-chip reduction loops around it are at their last trip.
    complete: bool,
    /// What moved at its entry.
    entry: Moves,
    /// Whether O moves after it.
    exit: Moves,
}

impl NestKey {
    fn packed(self) -> u64 {
        (self.level as u64) << 32
            | u64::from(self.edges) << 16
            | u64::from(self.complete) << 8
            | u64::from(self.entry) << 4
            | u64::from(self.exit & O)
    }
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
    /// The loops from `level` inwards, or the only pass. `entry` is what moved at their entry, `closes` whether O moves
    /// after them, and `last` the levels at a last trip that can differ.
    fn run(&mut self, level: usize, entry: Moves, closes: bool, last: usize, x: &mut ArrayState) {
        if level == self.inner.depth {
            let d = self.inner.durations(self.s, last);
            return self.pass(entry, self.drain(closes, last, &d), &d, x);
        }
        let here = self.inner.levels[level];
        let (alike, differs) = here.alike(if closes { O } else { 0 });
        let (moves, moves_o) = (here.moves, here.moves & O != 0);
        let at_last = last | usize::from(here.last);
        if level + 1 == self.inner.depth {
            let d = self.inner.durations(self.s, last);
            let drain = self.drain(moves_o, last, &d);
            let mut times = *x;
            self.pass(entry, drain, &d, &mut times);
            repeat(alike, &mut times, |x| self.pass(moves, drain, &d, x));
            if differs {
                let d = self.inner.durations(self.s, at_last);
                self.pass(moves, self.drain(closes, at_last, &d), &d, &mut times);
            }
            *x = times;
            return;
        }
        self.run(level + 1, entry, moves_o, last, x);
        iterate(alike, x, |x| self.run(level + 1, moves, moves_o, last, x));
        if differs {
            self.run(level + 1, moves, closes, at_last, x);
        }
    }

    /// Issue cycles of the drain job after a pass, if it closes an output tile.
    #[inline]
    fn drain(&self, closes: bool, last: usize, d: &Durations) -> Option<u64> {
        let reductions = usize::from(self.inner.reductions);
        let complete = self.complete && last & reductions == reductions;
        closes.then_some(d.drain[usize::from(complete)])
    }

    #[inline]
    fn pass(&self, entry: Moves, drain: Option<u64>, d: &Durations, x: &mut ArrayState) {
        let t = self.tokens;
        let [w_single, i_single, psum_single, ..] = t.single;
        let [w_ready, i_ready, o_ready] = self.ready;
        let before = x[at::COMPUTE];
        let mut start = before;
        if entry & W != 0 {
            let release = if w_single { before } else { x[at::W_FREE] };
            x[at::W] = x[at::W].max(release + RELEASE).max(w_ready) + d.w;
            x[at::W_FREE] = before;
            start = start.max(x[at::W] + t.w_to_compute);
        }
        if entry & I != 0 {
            let release = if i_single { before } else { x[at::I_FREE] };
            x[at::I] = x[at::I].max(release + RELEASE).max(i_ready) + d.i;
            x[at::I_FREE] = before;
            start = start.max(x[at::I] + t.i_to_compute);
        }
        if entry & O != 0 {
            let drained = if psum_single { at::DRAIN } else { at::DRAIN_BEFORE };
            start = start.max(x[drained] + RELEASE);
        }
        x[at::COMPUTE] = start + d.compute;
        if let Some(cycles) = drain {
            let end = x[at::DRAIN];
            let token = (x[at::COMPUTE] + t.compute_to_drain).max(o_ready);
            x[at::DRAIN] = end.max(token) + cycles;
            x[at::DRAIN_BEFORE] = end;
        }
    }
}
