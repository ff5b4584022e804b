//! Counts of one layer's run as exact integers, in closed form.
//!
//! # Idea
//! Every count is a sum over jobs of a product over dimensions, so it factors: first sum along each dimension, then
//! multiply. Two things couple the dimensions. Rows (and columns) of the input depend on an output and a kernel dimension
//! together, so those are summed in pairs. And how often an array tile is moved again depends on which loops lie around
//! the innermost loop that moves it, where a level-2 loop counts only if it has several trips in the level-2 tile at hand.
//! That can differ between full and edge level-2 tiles, so the sums are split along the (usually no) dimensions where it
//! does: `Sums::each_class`.
//!
//! # Cost
//! Some 300 multiplications, no division where lanes and axes are powers of two, nothing allocated: what a search pays for
//! every mapping that it looks at.
//!
//! Two sums need no look at the loops at all. Each output tile is drained for the first time once, and for the last time
//! once, so sums over `first` and over `last` drain jobs are sums over all output tiles.

use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::mapping::schedule::{LOOP_N, LoopSet, OFFCHIP_PLACES, Operand, Schedule, l2_loop, offchip_loop};
use serde::Serialize;

/// What a run counts, each as a counter of the hardware does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Multiply-accumulates that contribute to an output.
    pub macs: u64,
    /// Issue cycles of the passes.
    pub compute_cycles: u64,
    /// Issue cycles of the W loader.
    pub w_cycles: u64,
    /// Weight bytes through the W network.
    pub w_words: u64,
    /// Issue cycles of the I loader, padding included.
    pub i_cycles: u64,
    /// Input bytes read from level 2: window positions inside the stored input, times channels.
    pub i_words: u64,
    /// Bytes written into I buffers, padding included; a row that two positions share is written twice.
    pub i_writes: u64,
    /// Issue cycles of the drain engine, without waits for an empty output unit.
    pub drain_cycles: u64,
    /// Partial sums drained.
    pub psum_words: u64,
    /// Partial sums read back from level 2: those drained by jobs that are not the first of their tile.
    pub acc_reads: u64,
    /// Off-chip beats requested by the read engine.
    pub read_beats: u64,
    /// Off-chip beats sent by the write engine.
    pub write_beats: u64,
    /// Jobs of each engine.
    pub jobs: PerEngine,
}

/// One figure per engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerEngine {
    /// Off-chip reads.
    pub read: u64,
    /// W loader.
    pub w: u64,
    /// I loader.
    pub i: u64,
    /// Passes.
    pub compute: u64,
    /// Drain.
    pub drain: u64,
    /// Off-chip writes.
    pub write: u64,
}

/// One figure per operand that is read from off chip: beats requested, which sum up to [`Counts::read_beats`], or jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fills {
    /// Weights.
    pub w: u64,
    /// Inputs.
    pub i: u64,
    /// Post-processing parameters.
    pub p: u64,
}

/// Everything that is summed over jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The hardware's counters.
    pub counts: Counts,
    /// Sum of job durations per engine: cycles that it cannot do anything else.
    pub busy: PerEngine,
    /// Requested beats by operand.
    pub fills: Fills,
    /// Read jobs by operand.
    pub reads: Fills,
    /// Bus cycles of reads of I, padding included; those of W and P take as many as they request.
    pub i_read_cycles: u64,
}

/// Everything that the jobs of `s` sum up to, without enumerating them.
#[must_use]
pub fn tally(s: &Schedule) -> Tally {
    let sums = Sums::of(s);
    let mut t = Tally::default();
    sums.passes(&mut t);
    sums.weights(&mut t);
    sums.inputs(&mut t);
    sums.outputs(&mut t);
    sums.reads(&mut t);
    sums.writes(&mut t);
    t
}

/// Tiles of one level along one dimension.
#[derive(Clone, Copy, Default)]
struct Tiles {
    /// How many.
    all: u64,
    /// Sum of their extents.
    extents: u64,
}

/// Which level-2 tiles sums are over: the full ones, the edge one, all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Full,
    Edge,
    All,
}

/// Full level-2 tiles along `d`: all but the last one.
#[inline]
fn full_tiles(s: &Schedule, d: Dim) -> u64 {
    u64::from(s.loops.offchip[offchip_loop(d)]) - 1
}

/// Array tiles along `d`.
#[inline]
fn array_tiles(s: &Schedule, d: Dim, which: Which) -> Tiles {
    let [of_full, of_edge] = s.loops.l2[d].map(u64::from);
    let (in_full, bound) = (full_tiles(s, d) * of_full, u64::from(s.nest.bounds[d]));
    let edge = u64::from(s.l2_tile[d][1]);
    let (all, extents) = match which {
        Which::Full => (in_full, bound - edge),
        Which::Edge => (of_edge, edge),
        Which::All => (in_full + of_edge, bound),
    };
    Tiles { all, extents }
}

/// How many array tiles along `d` are of each [`TileClass`](crate::mapping::schedule::TileClass).
#[inline]
fn array_classes(s: &Schedule, d: Dim, which: Which) -> [u64; 3] {
    let full = full_tiles(s, d);
    let [of_full, of_edge] = s.loops.l2[d].map(|trips| u64::from(trips) - 1);
    let [in_full, in_edge] = [u64::from(which != Which::Edge), u64::from(which != Which::Full)];
    [in_full * full * of_full + in_edge * of_edge, in_full * full, in_edge]
}

/// Vectors of `lanes` channels that the array tiles along `d` have.
#[inline]
fn array_vectors(s: &Schedule, d: Dim, which: Which, lanes: u64) -> u64 {
    let [of_full, of_edge] = s.loops.l2[d].map(|trips| u64::from(trips) - 1);
    let [whole, last, edge] = s.tile[d].map(|extent| ceil_div(extent.into(), lanes));
    let [in_full, in_edge] = [full_tiles(s, d) * (of_full * whole + last), of_edge * whole + edge];
    match which {
        Which::Full => in_full,
        Which::Edge => in_edge,
        Which::All => in_full + in_edge,
    }
}

/// Level-2 tiles along `d`.
#[inline]
fn l2_tiles(s: &Schedule, d: Dim) -> Tiles {
    Tiles {
        all: s.loops.offchip[offchip_loop(d)].into(),
        extents: s.nest.bounds[d].into(),
    }
}

/// Sum of `f` over the extents of level-2 tiles along `d`.
#[inline]
fn l2_sum(s: &Schedule, d: Dim, f: impl Fn(u64) -> u64) -> u64 {
    let [full, edge] = s.l2_tile[d].map(u64::from);
    full_tiles(s, d) * f(full) + f(edge)
}

/// What the windows of all tiles along rows (or along columns) add up to.
#[derive(Clone, Copy, Default)]
struct Windows {
    /// How many.
    all: u64,
    /// Rows.
    rows: u64,
    /// Rows inside the stored input.
    inside: u64,
    /// Windows whose last row is inside the stored input.
    last_inside: u64,
}

/// A level, as far as places of tiles are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Array,
    L2,
}

/// Array tiles that an operand's loops move alike.
#[derive(Clone, Copy)]
struct Class {
    /// Along each dimension, of which level-2 tiles they are.
    of: PerDim<Which>,
    tiles: PerDim<Tiles>,
}

struct Sums<'a> {
    s: &'a Schedule,
    /// All array tiles.
    all: Class,
    /// Whether windows along rows, along columns, can reach into padding.
    padded: [bool; 2],
}

impl<'a> Sums<'a> {
    #[inline]
    fn of(s: &'a Schedule) -> Self {
        let nest = &s.nest;
        let padded = |side: usize| {
            let [out, tap] = SIDES[side];
            let end = s.window(side, nest.bounds[out], nest.bounds[tap]);
            nest.pad[side] > 0 || end > u64::from(nest.input[side])
        };
        Self {
            s,
            all: Class {
                of: PerDim([Which::All; 6]),
                tiles: PerDim::from_fn(|d| array_tiles(s, d, Which::All)),
            },
            padded: [padded(0), padded(1)],
        }
    }

    /// Calls `f` for every class of array tiles of `operand`, with how often each tile of the class is moved.
    #[inline]
    fn each_class(&self, operand: Operand, mut f: impl FnMut(&Class, u64)) {
        let places = &self.s.loops.places;
        let relevant = places.relevant[operand as usize];
        // Dimensions whose level-2 loop has several trips in full level-2 tiles only.
        let [full, edge] = places.multi.map(|multi| multi & relevant);
        let split = full ^ edge;
        // Enumerates the subsets of `split`: those dimensions are at their edge tile.
        let mut edges = split;
        loop {
            let repeats = self.repeats(operand, full & !edges | edge & edges);
            if split == 0 {
                return f(&self.all, repeats);
            }
            f(&self.class(split, edges), repeats);
            if edges == 0 {
                return;
            }
            edges = (edges - 1) & split;
        }
    }

    /// The array tiles of the edge level-2 tile along the dimensions at the places `edges`, and of full ones along the
    /// others of `split`.
    fn class(&self, split: LoopSet, edges: LoopSet) -> Class {
        let (mut class, mut left) = (self.all, split);
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            // Only level-2 loops differ, and those have the innermost places.
            let d = self.s.mapping.l2.order[Dim::ALL.len() - 1 - place];
            class.of[d] = if edges >> place & 1 == 1 {
                Which::Edge
            } else {
                Which::Full
            };
            class.tiles[d] = array_tiles(self.s, d, class.of[d]);
            left &= left - 1;
        }
        class
    }

    /// How often each tile is moved: once per trip of the irrelevant loops around the innermost of `movers`, which are
    /// places.
    #[inline]
    fn repeats(&self, operand: Operand, movers: LoopSet) -> u64 {
        let (loops, places) = (&self.s.loops, &self.s.loops.places);
        // Places above the lowest one; none if there is none.
        let around = !(movers ^ movers.wrapping_sub(1));
        let irrelevant = around & !places.relevant[operand as usize];
        let trips = |l: usize, trips: u64| if irrelevant >> places.of[l] & 1 == 1 { trips } else { 1 };
        // A level-2 loop lies inside the off-chip loop over its dimension, and both together have more trips.
        let along = |d: Dim| {
            let off_chip = offchip_loop(d);
            trips(off_chip, loops.offchip[off_chip].into()).max(trips(l2_loop(d), self.all.tiles[d].all))
        };
        let images = || trips(LOOP_N, self.s.nest.n.into());
        // Every other factor is one: its loops index the operand, have one trip (C in a depthwise layer), or are never
        // around one that does (reductions, of P: off chip they are innermost).
        match operand {
            Operand::W | Operand::P => along(Dim::Y) * along(Dim::X) * images(),
            Operand::I if self.s.nest.depthwise() => along(Dim::C),
            Operand::I => along(Dim::K),
            Operand::O => along(Dim::C) * along(Dim::R) * along(Dim::S),
        }
    }

    /// Trips of groups and batch, as far as they index `operand`.
    #[inline]
    fn images(&self, operand: Operand) -> u64 {
        let nest = &self.s.nest;
        match operand {
            Operand::W | Operand::P => nest.g.into(),
            Operand::I | Operand::O => u64::from(nest.g) * u64::from(nest.n),
        }
    }

    #[inline]
    fn passes(&self, t: &mut Tally) {
        let s = self.s;
        let images = u64::from(s.nest.g) * u64::from(s.nest.n);
        let c = &mut t.counts;
        (c.macs, c.compute_cycles, c.jobs.compute) = (images, images, images);
        for d in Dim::ALL {
            let full = full_tiles(s, d);
            let [of_full, of_edge] = s.loops.l2[d].map(|trips| u64::from(trips) - 1);
            let [whole, last, edge] = s.share[d].map(u64::from);
            c.macs *= u64::from(s.nest.bounds[d]);
            c.compute_cycles *= full * (of_full * whole + last) + of_edge * whole + edge;
            c.jobs.compute *= self.all.tiles[d].all;
        }
        t.busy.compute = c.compute_cycles;
    }

    #[inline]
    fn weights(&self, t: &mut Tally) {
        let images = self.images(Operand::W);
        self.each_class(Operand::W, |class, repeats| {
            let PerDim([k, c, _, _, r, s]) = &class.tiles;
            let vectors = array_vectors(self.s, Dim::K, class.of[Dim::K], self.s.ports.w_lanes);
            let elements = c.extents * r.extents * s.extents * images * repeats;
            let counts = &mut t.counts;
            counts.w_cycles += vectors * elements;
            counts.w_words += k.extents * elements;
            counts.jobs.w += k.all * c.all * r.all * s.all * images * repeats;
        });
        t.busy.w = t.counts.w_cycles;
    }

    #[inline]
    fn inputs(&self, t: &mut Tally) {
        let channel = self.s.channel_dim();
        let images = self.images(Operand::I);
        self.each_class(Operand::I, |class, repeats| {
            let repeats = repeats * images;
            let (rows, columns) = (self.windows(0, class, At::Array), self.windows(1, class, At::Array));
            let (hit_rows, hit_columns) = (self.hits(0, class, &rows), self.hits(1, class, &columns));
            let ch = &class.tiles[channel];
            let vectors = array_vectors(self.s, channel, class.of[channel], self.s.ports.i_lanes);
            let channels = ch.extents * repeats;
            let c = &mut t.counts;
            c.i_cycles += vectors * repeats * rows.rows * columns.rows;
            c.i_words += channels * rows.inside * columns.inside;
            c.i_writes += channels * hit_rows * hit_columns;
            c.jobs.i += ch.all * repeats * rows.all * columns.all;
        });
        t.busy.i = t.counts.i_cycles;
    }

    #[inline]
    fn outputs(&self, t: &mut Tally) {
        let ports = &self.s.ports;
        let images = self.images(Operand::O);
        let vectors_of = |which: Which| array_vectors(self.s, Dim::K, which, ports.drain_lanes);
        let mut vectors = 0;
        self.each_class(Operand::O, |class, repeats| {
            let PerDim([k, _, y, x, _, _]) = &class.tiles;
            let positions = y.extents * x.extents * images * repeats;
            vectors += vectors_of(class.of[Dim::K]) * positions;
            t.counts.psum_words += k.extents * positions;
            t.counts.jobs.drain += k.all * y.all * x.all * images * repeats;
        });
        let bounds = &self.s.nest.bounds;
        let positions = u64::from(bounds[Dim::Y]) * u64::from(bounds[Dim::X]) * images;
        let c = &mut t.counts;
        c.acc_reads = c.psum_words - u64::from(bounds[Dim::K]) * positions;
        let last_vectors = vectors_of(Which::All) * positions;
        c.drain_cycles = vectors + last_vectors * (ceil_div(ports.drain_lanes, ports.requantizers) - 1);
        t.busy.drain = c.drain_cycles;
        if self.s.accumulate {
            let last_jobs: u64 = OUTPUT.iter().map(|&d| self.all.tiles[d].all).product();
            t.busy.drain += last_jobs * images * u64::from(self.s.geometry.pipeline.output_unit);
        }
    }

    #[inline]
    fn reads(&self, t: &mut Tally) {
        let s = self.s;
        let bus = s.ports.bus;
        let offchip = s.loops.places.multi[0] & OFFCHIP_PLACES;
        let times = |operand: Operand| {
            let movers = s.loops.places.relevant[operand as usize] & offchip;
            self.images(operand) * self.repeats(operand, movers)
        };
        let (w_times, i_times, p_times) = (times(Operand::W), times(Operand::I), times(Operand::P));
        let words = |word: u32, bytes: u64| ceil_div(l2_sum(s, Dim::K, |e| round_up(e, word.into())) * bytes, bus);
        let everything = Class {
            of: PerDim([Which::All; 6]),
            tiles: PerDim::from_fn(|d| l2_tiles(s, d)),
        };
        let PerDim([k, c, _, _, r, taps]) = &everything.tiles;
        let elements = c.extents * r.extents * taps.extents;
        t.fills.w = w_times * words(s.geometry.l2_w_word, 1) * elements;
        t.fills.p = p_times * words(s.geometry.l2_p_word, PARAM_BYTES.into());
        let (rows, columns) = (
            self.windows(0, &everything, At::L2),
            self.windows(1, &everything, At::L2),
        );
        let channel = s.channel_dim();
        let channels = l2_sum(s, channel, |e| ceil_div(e, bus)) * i_times;
        let windows = rows.all * columns.all;
        let jobs = everything.tiles[channel].all * i_times;
        t.fills.i = channels * rows.inside * columns.inside + jobs * (windows - rows.last_inside * columns.last_inside);
        t.counts.read_beats = t.fills.w + t.fills.i + t.fills.p;
        t.i_read_cycles = channels * rows.rows * columns.rows;
        t.busy.read = t.fills.w + t.i_read_cycles + t.fills.p;
        t.reads = Fills {
            w: w_times * k.all * c.all * r.all * taps.all,
            i: jobs * windows,
            p: p_times * k.all,
        };
        let c = &mut t.counts;
        c.jobs.read = t.reads.w + t.reads.i + t.reads.p;
    }

    #[inline]
    fn writes(&self, t: &mut Tally) {
        // Off-chip reduction loops are innermost, so every level-2 O tile is written once.
        let (s, images) = (self.s, self.images(Operand::O));
        let bounds = &s.nest.bounds;
        let positions = u64::from(bounds[Dim::Y]) * u64::from(bounds[Dim::X]) * images;
        let c = &mut t.counts;
        c.write_beats = l2_sum(s, Dim::K, |e| ceil_div(e, s.ports.bus)) * positions;
        c.jobs.write = OUTPUT.iter().map(|&d| l2_tiles(s, d).all).product::<u64>() * images;
        t.busy.write = c.write_beats;
    }

    /// Sums over all windows along rows (`side` 0) or columns (1) of a class of tiles, which lie at `level`.
    #[inline]
    fn windows(&self, side: usize, class: &Class, level: At) -> Windows {
        let nest = &self.s.nest;
        let [outs, taps] = SIDES[side].map(|d| &class.tiles[d]);
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        // A window is linear in both extents.
        let windows = outs.all * taps.all;
        let rows =
            (outs.extents - outs.all) * stride * taps.all + (taps.extents - taps.all) * dilation * outs.all + windows;
        let mut sum = Windows {
            all: windows,
            rows,
            inside: rows,
            last_inside: windows,
        };
        if self.padded[side] {
            let [outside, last_outside] = self.outside(side, class.of, level);
            sum.inside -= outside;
            sum.last_inside -= last_outside;
        }
        sum
    }

    /// Rows of all windows that lie in padding, and windows whose last row does.
    #[inline(never)]
    fn outside(&self, side: usize, which: PerDim<Which>, level: At) -> [u64; 2] {
        let (s, nest) = (self.s, &self.s.nest);
        let [out, tap] = SIDES[side];
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        // Positions are counted from the first row of padding, so that they stay unsigned.
        let leading = u64::from(nest.pad[side]);
        let stored_end = leading + u64::from(nest.input[side]);
        let outs = Places::of(s, out, which[out], level);
        let (head, tail) = (outs.first(), outs.last());
        let (Some(first_tile), Some(last_tile)) = (outs.tile(&head), outs.tile(&tail)) else {
            return [0; 2];
        };
        let (mut outside, mut last_outside) = (0, 0);
        let taps = Places::of(s, tap, which[tap], level);
        let mut at = taps.first();
        while let Some((tap_origin, tap_extent)) = taps.tile(&at) {
            let window = |(origin, extent): (u64, u32)| {
                (
                    origin * stride + tap_origin * dilation,
                    s.window(side, extent, tap_extent),
                )
            };
            // Windows only ever move away from the leading padding and towards the trailing one.
            let (mut place, mut tile) = (head, Some(first_tile));
            while let Some((first, rows)) = tile.map(window)
                && first < leading
            {
                outside += rows.min(leading - first);
                last_outside += u64::from(first + rows <= leading);
                outs.advance(&mut place);
                tile = outs.tile(&place);
            }
            let (mut place, mut tile) = (tail, Some(last_tile));
            while let Some((first, rows)) = tile.map(window)
                && first + rows > stored_end
            {
                outside += rows.min(first + rows - stored_end);
                last_outside += 1;
                outs.retreat(&mut place);
                tile = outs.tile(&place);
            }
            taps.advance(&mut at);
        }
        [outside, last_outside]
    }

    /// Rows (`side` 0) or columns (1) that are written into buffers, over all windows and positions of the axis.
    #[inline]
    fn hits(&self, side: usize, class: &Class, windows: &Windows) -> u64 {
        let s = self.s;
        let [out, tap] = SIDES[side];
        if s.geometry.p(out) == 1 && s.geometry.p(tap) == 1 {
            return windows.rows;
        }
        let [outs, taps] = [out, tap].map(|d| array_classes(s, d, class.of[d]));
        let mut sum = 0;
        for (outs, out) in outs.into_iter().zip(s.tile[out]) {
            for (taps, tap) in taps.into_iter().zip(s.tile[tap]) {
                if outs * taps > 0 {
                    sum += outs * taps * self.hits_of(side, out, tap);
                }
            }
        }
        sum
    }

    /// Rows that all positions of the array together take of the window of an `out` x `taps` tile: output position `p` at
    /// tap position `q` takes `own` rows from row `p * step + q * tap_step`, as far as the window goes.
    fn hits_of(&self, side: usize, out: u32, taps: u32) -> u64 {
        let [out_dim, tap_dim] = SIDES[side];
        let s = self.s;
        let (share, tap_share) = (s.share(out_dim, out), s.share(tap_dim, taps));
        let own = s.window(side, share, tap_share);
        let step = u64::from(share) * u64::from(s.nest.stride[side]);
        let tap_step = u64::from(tap_share) * u64::from(s.nest.dilation[side]);
        let whole = s.window(side, out, taps);
        let at_tap = |q: u32| {
            let rows = whole.saturating_sub(u64::from(q) * tap_step);
            let hit = ceil_div(rows, step).min(s.geometry.p(out_dim).into());
            // Those before `cut` take all of their own rows, the others what is left.
            let cut = rows.checked_sub(own).map_or(0, |more| hit.min(more / step + 1));
            let left: u64 = (cut..hit).map(|p| rows - p * step).sum();
            cut * own + left
        };
        (0..s.geometry.p(tap_dim)).map(at_tap).sum()
    }
}

/// Dimensions that index an output.
const OUTPUT: [Dim; 3] = [Dim::K, Dim::Y, Dim::X];
/// Output and kernel dimension of rows, of columns.
const SIDES: [[Dim; 2]; 2] = [[Dim::Y, Dim::R], [Dim::X, Dim::S]];

/// Where the tiles of one dimension lie.
struct Places {
    /// The level-2 tiles there are: first, one past the last.
    range: [u64; 2],
    /// Number of the edge level-2 tile, and trips within a full and within that one.
    edge: u64,
    trips: [u64; 2],
    /// Distance between level-2 tiles, between array tiles.
    steps: [u64; 2],
    /// Extents of a tile that is not the last of its level-2 tile, of the last of a full one, of the edge one.
    extent: [u32; 3],
}

/// A tile of [`Places`]: its level-2 tile and its number within; beyond the range there is none.
#[derive(Clone, Copy)]
struct Place {
    l2: u64,
    trip: u64,
}

impl Places {
    #[inline]
    fn of(s: &Schedule, d: Dim, which: Which, level: At) -> Self {
        let edge = u64::from(s.loops.offchip[offchip_loop(d)]) - 1;
        let (l2, array) = (s.l2_tile[d], s.tile[d]);
        let at_l2 = level == At::L2;
        Self {
            range: [
                if which == Which::Edge { edge } else { 0 },
                if which == Which::Full { edge } else { edge + 1 },
            ],
            edge,
            trips: if at_l2 { [1; 2] } else { s.loops.l2[d].map(u64::from) },
            steps: [l2[0].into(), array[0].into()],
            extent: if at_l2 { [l2[0], l2[0], l2[1]] } else { array },
        }
    }

    #[inline]
    const fn first(&self) -> Place {
        Place {
            l2: self.range[0],
            trip: 0,
        }
    }

    #[inline]
    const fn last(&self) -> Place {
        let l2 = self.range[1].wrapping_sub(1);
        Place {
            l2,
            trip: self.trips[(l2 == self.edge) as usize] - 1,
        }
    }

    /// First element and extent of a tile, if there is one.
    #[inline]
    fn tile(&self, place: &Place) -> Option<(u64, u32)> {
        let at_edge = place.l2 == self.edge;
        let ends = place.trip + 1 == self.trips[usize::from(at_edge)];
        let class = usize::from(ends) + usize::from(ends && at_edge);
        (self.range[0]..self.range[1]).contains(&place.l2).then(|| {
            (
                place.l2 * self.steps[0] + place.trip * self.steps[1],
                self.extent[class],
            )
        })
    }

    #[inline]
    const fn advance(&self, place: &mut Place) {
        place.trip += 1;
        if place.trip == self.trips[(place.l2 == self.edge) as usize] {
            place.trip = 0;
            place.l2 += 1;
        }
    }

    /// Before the first tile comes one beyond every range.
    #[inline]
    const fn retreat(&self, place: &mut Place) {
        if place.trip > 0 {
            place.trip -= 1;
        } else {
            place.l2 = place.l2.wrapping_sub(1);
            place.trip = self.trips[0] - 1;
        }
    }
}
