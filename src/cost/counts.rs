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
//! Some 300 multiplications, divisions only by figures that are no powers of two, nothing allocated: what a search pays for
//! every mapping that it looks at.
//!
//! Two sums need no look at the loops at all. Each output tile is drained for the first time once, and for the last time
//! once, so sums over `first` and over `last` drain jobs are sums over all output tiles.

use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::mapping::schedule::{
    LOOP_G, LOOP_N, LoopSet, OFFCHIP_LOOPS, OFFCHIP_SET, Operand, Schedule, l2_loop, offchip_loop,
};
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

/// The tiles of one level along one dimension, by [`TileClass`](crate::mapping::schedule::TileClass).
#[derive(Clone, Copy)]
struct Tiles {
    number: [u64; 3],
    extent: [u32; 3],
}

impl Tiles {
    /// Sum of `f` over the tiles' extents.
    #[inline]
    fn sum(&self, f: impl Fn(u32) -> u64) -> u64 {
        (0..3).map(|class| self.number[class] * f(self.extent[class])).sum()
    }

    /// Number of tiles.
    #[inline]
    const fn all(&self) -> u64 {
        self.number[0] + self.number[1] + self.number[2]
    }

    /// Sum of the extents.
    #[inline]
    fn extents(&self) -> u64 {
        self.sum(u64::from)
    }
}

/// Array tiles of a dimension that lie in full level-2 tiles (0), in the edge one (1), in any (2).
fn array_tiles(s: &Schedule, d: Dim, which: usize) -> Tiles {
    let full = u64::from(s.loops.offchip[offchip_loop(d)]) - 1;
    let [of_full, of_edge] = s.loops.l2[d].map(|trips| u64::from(trips) - 1);
    let [in_full, in_edge] = [u64::from(which != 1), u64::from(which != 0)];
    Tiles {
        number: [in_full * full * of_full + in_edge * of_edge, in_full * full, in_edge],
        extent: s.tile[d],
    }
}

/// Level-2 tiles of a dimension.
fn l2_tiles(s: &Schedule, d: Dim) -> Tiles {
    let [full, edge] = s.l2_tile[d];
    Tiles {
        number: [u64::from(s.loops.offchip[offchip_loop(d)]) - 1, 0, 1],
        extent: [full, full, edge],
    }
}

/// What the windows of all tiles along rows (or along columns) add up to.
#[derive(Clone, Copy, Default)]
struct Windows {
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

struct Sums<'a> {
    s: &'a Schedule,
    array: PerDim<Tiles>,
    l2: PerDim<Tiles>,
    /// Loops with several trips around full level-2 tiles, around edge ones.
    multi: [LoopSet; 2],
}

impl<'a> Sums<'a> {
    fn of(s: &'a Schedule) -> Self {
        Self {
            s,
            array: PerDim::from_fn(|d| array_tiles(s, d, 2)),
            l2: PerDim::from_fn(|d| l2_tiles(s, d)),
            multi: [s.loops.multi(0), s.loops.multi(!0)],
        }
    }

    /// Calls `f` for every combination of classes in which the array tile of `operand` is moved by the same loops, with
    /// its tiles and how often each of them is moved.
    #[inline]
    fn each_class(&self, operand: Operand, mut f: impl FnMut(&PerDim<Tiles>, u64)) {
        let relevant = self.s.loops.relevant[operand as usize];
        // Dimensions whose level-2 loop has several trips in full level-2 tiles only.
        let [full, edge] = self.multi.map(|multi| multi & relevant);
        let split = full ^ edge;
        if split == 0 {
            return f(&self.array, self.repeats(operand, full));
        }
        // Enumerates the subsets of `split`: those dimensions are at their edge tile.
        let mut edges = split;
        loop {
            let mut tiles = self.array;
            let mut left = split;
            while left != 0 {
                let l = left.trailing_zeros() as usize;
                let d = Dim::ALL[l - OFFCHIP_LOOPS];
                tiles[d] = array_tiles(self.s, d, usize::from(edges >> l & 1));
                left &= left - 1;
            }
            f(&tiles, self.repeats(operand, full & !edges | edge & edges));
            if edges == 0 {
                break;
            }
            edges = (edges - 1) & split;
        }
    }

    /// How often each tile is moved: once per trip of the irrelevant loops around the innermost of `movers`.
    fn repeats(&self, operand: Operand, movers: LoopSet) -> u64 {
        let loops = &self.s.loops;
        let mut left = movers;
        let around = loop {
            if left == 0 {
                return 1;
            }
            let l = left.trailing_zeros() as usize;
            if loops.inner[l] & movers == 0 {
                break !loops.from(l);
            }
            left &= left - 1;
        };
        let irrelevant = around & !loops.relevant[operand as usize];
        let mut repeats = 1;
        for l in [LOOP_G, LOOP_N] {
            if irrelevant >> l & 1 == 1 {
                repeats *= u64::from(loops.offchip[l]);
            }
        }
        for d in Dim::ALL {
            if irrelevant >> l2_loop(d) & 1 == 1 {
                repeats *= self.array[d].all();
            } else if irrelevant >> offchip_loop(d) & 1 == 1 {
                repeats *= u64::from(loops.offchip[offchip_loop(d)]);
            }
        }
        repeats
    }

    /// Trips of groups and batch, as far as they index `operand`.
    fn images(&self, operand: Operand) -> u64 {
        let loops = &self.s.loops;
        let relevant = |l: usize| loops.relevant[operand as usize] >> l & 1 == 1;
        let trips = |l: usize| if relevant(l) { u64::from(loops.offchip[l]) } else { 1 };
        trips(LOOP_G) * trips(LOOP_N)
    }

    fn passes(&self, t: &mut Tally) {
        let images = u64::from(self.s.nest.g) * u64::from(self.s.nest.n);
        let c = &mut t.counts;
        (c.macs, c.compute_cycles, c.jobs.compute) = (images, images, images);
        for d in Dim::ALL {
            let (tiles, share) = (&self.array[d], &self.s.share[d]);
            c.macs *= u64::from(self.s.nest.bounds[d]);
            c.compute_cycles *= (0..3)
                .map(|class| tiles.number[class] * u64::from(share[class]))
                .sum::<u64>();
            c.jobs.compute *= tiles.all();
        }
        t.busy.compute = c.compute_cycles;
    }

    fn weights(&self, t: &mut Tally) {
        let lanes = self.s.ports.w_lanes;
        let images = self.images(Operand::W);
        self.each_class(Operand::W, |tiles, repeats| {
            let over = |f: &dyn Fn(&Tiles) -> u64| Dim::REDUCTION.iter().map(|&d| f(&tiles[d])).product::<u64>();
            let k = &tiles[Dim::K];
            let elements = over(&|tiles| tiles.extents()) * images * repeats;
            let c = &mut t.counts;
            c.w_cycles += k.sum(|e| ceil_div(e.into(), lanes)) * elements;
            c.w_words += k.extents() * elements;
            c.jobs.w += k.all() * over(&|tiles| tiles.all()) * images * repeats;
        });
        t.busy.w = t.counts.w_cycles;
    }

    fn inputs(&self, t: &mut Tally) {
        let lanes = self.s.ports.i_lanes;
        let images = self.images(Operand::I);
        let channel = self.s.channel_dim();
        self.each_class(Operand::I, |tiles, repeats| {
            let repeats = repeats * images;
            let [rows, columns] = [0, 1].map(|side| self.windows(side, tiles, At::Array));
            let [hit_rows, hit_columns] = [(0, rows), (1, columns)].map(|(side, sum)| self.hits(side, tiles, &sum));
            let ch = &tiles[channel];
            let channels = ch.extents() * repeats;
            let windows: u64 = WINDOW.iter().map(|&d| tiles[d].all()).product();
            let c = &mut t.counts;
            c.i_cycles += ch.sum(|e| ceil_div(e.into(), lanes)) * repeats * rows.rows * columns.rows;
            c.i_words += channels * rows.inside * columns.inside;
            c.i_writes += channels * hit_rows * hit_columns;
            c.jobs.i += ch.all() * repeats * windows;
        });
        t.busy.i = t.counts.i_cycles;
    }

    fn outputs(&self, t: &mut Tally) {
        let ports = &self.s.ports;
        let images = self.images(Operand::O);
        let vectors_of = |k: &Tiles| k.sum(|e| ceil_div(e.into(), ports.drain_lanes));
        let mut vectors = 0;
        self.each_class(Operand::O, |tiles, repeats| {
            let over = |f: &dyn Fn(&Tiles) -> u64| f(&tiles[Dim::Y]) * f(&tiles[Dim::X]) * images * repeats;
            let (k, positions) = (&tiles[Dim::K], over(&|tiles| tiles.extents()));
            vectors += vectors_of(k) * positions;
            t.counts.psum_words += k.extents() * positions;
            t.counts.jobs.drain += k.all() * over(&|tiles| tiles.all());
        });
        let bounds = &self.s.nest.bounds;
        let positions = u64::from(bounds[Dim::Y]) * u64::from(bounds[Dim::X]) * images;
        let c = &mut t.counts;
        c.acc_reads = c.psum_words - u64::from(bounds[Dim::K]) * positions;
        let last_vectors = vectors_of(&self.array[Dim::K]) * positions;
        c.drain_cycles = vectors + last_vectors * (ceil_div(ports.drain_lanes, ports.requantizers) - 1);
        t.busy.drain = c.drain_cycles;
        if self.s.accumulate {
            let last_jobs: u64 = OUTPUT.iter().map(|&d| self.array[d].all()).product();
            t.busy.drain += last_jobs * images * u64::from(self.s.geometry.pipeline.output_unit);
        }
    }

    fn reads(&self, t: &mut Tally) {
        let s = self.s;
        let bus = s.ports.bus;
        let times = |operand: Operand| {
            let movers = s.loops.relevant[operand as usize] & self.multi[0] & OFFCHIP_SET;
            self.images(operand) * self.repeats(operand, movers)
        };
        let k = &self.l2[Dim::K];
        let (w_times, i_times, p_times) = (times(Operand::W), times(Operand::I), times(Operand::P));
        let words = |word: u32, bytes: u64| ceil_div(k.sum(|e| round_up(e.into(), word.into())) * bytes, bus);
        let elements: u64 = Dim::REDUCTION.iter().map(|&d| u64::from(s.nest.bounds[d])).product();
        t.fills.w = w_times * words(s.geometry.l2_w_word, 1) * elements;
        t.fills.p = p_times * words(s.geometry.l2_p_word, PARAM_BYTES.into());
        let [rows, columns] = [0, 1].map(|side| self.windows(side, &self.l2, At::L2));
        let channel = &self.l2[s.channel_dim()];
        let channels = channel.sum(|e| ceil_div(e.into(), bus)) * i_times;
        let windows: u64 = WINDOW.iter().map(|&d| self.l2[d].all()).product();
        let jobs = channel.all() * i_times;
        t.fills.i = channels * rows.inside * columns.inside + jobs * (windows - rows.last_inside * columns.last_inside);
        let c = &mut t.counts;
        c.read_beats = t.fills.w + t.fills.i + t.fills.p;
        t.i_read_cycles = channels * rows.rows * columns.rows;
        t.busy.read = t.fills.w + t.i_read_cycles + t.fills.p;
        t.reads = Fills {
            w: w_times * k.all() * Dim::REDUCTION.iter().map(|&d| self.l2[d].all()).product::<u64>(),
            i: jobs * windows,
            p: p_times * k.all(),
        };
        c.jobs.read = t.reads.w + t.reads.i + t.reads.p;
    }

    fn writes(&self, t: &mut Tally) {
        // Off-chip reduction loops are innermost, so every level-2 O tile is written once.
        let images = self.images(Operand::O);
        let bounds = &self.s.nest.bounds;
        let positions = u64::from(bounds[Dim::Y]) * u64::from(bounds[Dim::X]) * images;
        let c = &mut t.counts;
        c.write_beats = self.l2[Dim::K].sum(|e| ceil_div(e.into(), self.s.ports.bus)) * positions;
        c.jobs.write = OUTPUT.iter().map(|&d| self.l2[d].all()).product::<u64>() * images;
        t.busy.write = c.write_beats;
    }

    /// Sums over all windows along rows (`side` 0) or columns (1) of `tiles`, which lie at `level`.
    fn windows(&self, side: usize, tiles: &PerDim<Tiles>, level: At) -> Windows {
        let nest = &self.s.nest;
        let [out, tap] = SIDES[side];
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        let (outs, taps) = (tiles[out].all(), tiles[tap].all());
        // A window is linear in both extents.
        let rows = (tiles[out].extents() - outs) * stride * taps
            + (tiles[tap].extents() - taps) * dilation * outs
            + outs * taps;
        let mut sum = Windows {
            rows,
            inside: rows,
            last_inside: outs * taps,
        };
        let end = self.s.window(side, nest.bounds[out], nest.bounds[tap]);
        if nest.pad[side] > 0 || end > u64::from(nest.input[side]) {
            let mut place = Place::first(self.s, tap, level, &tiles[tap]);
            while let Some(taps) = place.tile() {
                self.clip(side, tiles, level, taps, &mut sum);
                place.advance();
            }
        }
        sum
    }

    /// Takes off what lies in padding, for all output tiles and one kernel tile. Windows only ever move away from the
    /// leading padding and towards the trailing one, so it looks no further than the first without padding.
    fn clip(&self, side: usize, tiles: &PerDim<Tiles>, level: At, (tap_origin, taps): (u64, u32), sum: &mut Windows) {
        let nest = &self.s.nest;
        let out = SIDES[side][0];
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        // Positions are counted from the first row of padding, so that they stay unsigned.
        let leading = u64::from(nest.pad[side]);
        let stored_end = leading + u64::from(nest.input[side]);
        let window = |(origin, extent): (u64, u32)| {
            (
                origin * stride + tap_origin * dilation,
                self.s.window(side, extent, taps),
            )
        };
        // Most kernel tiles begin behind the leading padding.
        let leads = tap_origin * dilation < leading;
        let mut place = Place::first(self.s, out, level, &tiles[out]);
        while let Some((first, rows)) = place.tile().filter(|_| leads).map(window) {
            if first >= leading {
                break;
            }
            sum.inside -= rows.min(leading - first);
            sum.last_inside -= u64::from(first + rows <= leading);
            place.advance();
        }
        let mut place = Place::last(self.s, out, level, &tiles[out]);
        while let Some((first, rows)) = place.tile().map(window) {
            if first + rows <= stored_end {
                break;
            }
            sum.inside -= rows.min(first + rows - stored_end);
            sum.last_inside -= 1;
            place.retreat();
        }
    }

    /// Rows (`side` 0) or columns (1) that are written into buffers, over all windows and positions of the axis.
    fn hits(&self, side: usize, tiles: &PerDim<Tiles>, windows: &Windows) -> u64 {
        let [out, tap] = SIDES[side];
        if self.s.geometry.p(out) == 1 && self.s.geometry.p(tap) == 1 {
            return windows.rows;
        }
        let (out, tap) = (&tiles[out], &tiles[tap]);
        let mut sum = 0;
        for o in 0..3 {
            for t in 0..3 {
                let windows = out.number[o] * tap.number[t];
                if windows > 0 {
                    sum += windows * self.hits_of(side, out.extent[o], tap.extent[t]);
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

/// Dimensions whose extents make an input window.
const WINDOW: [Dim; 4] = [Dim::Y, Dim::X, Dim::R, Dim::S];
/// Dimensions that index an output.
const OUTPUT: [Dim; 3] = [Dim::K, Dim::Y, Dim::X];
/// Output and kernel dimension of rows, of columns.
const SIDES: [[Dim; 2]; 2] = [[Dim::Y, Dim::R], [Dim::X, Dim::S]];

/// Goes through the tiles of one dimension in order, from either end.
struct Place {
    /// Level-2 tile: the next one to look at, and those there are (first, one past the last).
    l2: u64,
    range: [u64; 2],
    /// Array tile within it.
    trip: u64,
    /// Whether the end was passed.
    over: bool,
    /// Number of the edge level-2 tile, and trips within a full and within that one.
    edge: u64,
    trips: [u64; 2],
    /// Distance between level-2 tiles, between array tiles.
    steps: [u64; 2],
    /// Extents of a tile that is not the last of its level-2 tile, of the last of a full one, of the edge one.
    extent: [u32; 3],
}

impl Place {
    fn new(s: &Schedule, d: Dim, level: At, tiles: &Tiles) -> Self {
        let edge = u64::from(s.loops.offchip[offchip_loop(d)]) - 1;
        let first = if tiles.number[0] + tiles.number[1] == 0 || tiles.number[1] == 0 && level == At::Array {
            // Only the edge level-2 tile is meant, or there is no other.
            edge
        } else {
            0
        };
        let end = if tiles.number[2] == 0 { edge } else { edge + 1 };
        let trips = match level {
            At::Array => s.loops.l2[d].map(u64::from),
            At::L2 => [1, 1],
        };
        Self {
            l2: first,
            range: [first, end],
            trip: 0,
            over: false,
            edge,
            trips,
            steps: [s.l2_tile[d][0].into(), s.tile[d][0].into()],
            extent: tiles.extent,
        }
    }

    fn first(s: &Schedule, d: Dim, level: At, tiles: &Tiles) -> Self {
        Self::new(s, d, level, tiles)
    }

    fn last(s: &Schedule, d: Dim, level: At, tiles: &Tiles) -> Self {
        let mut place = Self::new(s, d, level, tiles);
        place.l2 = place.range[1] - 1;
        place.trip = place.trips_here() - 1;
        place
    }

    const fn trips_here(&self) -> u64 {
        self.trips[(self.l2 == self.edge) as usize]
    }

    /// First element and extent of the tile here, if there is one.
    fn tile(&self) -> Option<(u64, u32)> {
        if self.over {
            return None;
        }
        let class = match (self.trip + 1 == self.trips_here(), self.l2 == self.edge) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        Some((self.l2 * self.steps[0] + self.trip * self.steps[1], self.extent[class]))
    }

    const fn advance(&mut self) {
        self.trip += 1;
        if self.trip == self.trips_here() {
            self.trip = 0;
            self.l2 += 1;
            self.over = self.l2 == self.range[1];
        }
    }

    const fn retreat(&mut self) {
        if self.trip > 0 {
            self.trip -= 1;
        } else if self.l2 > self.range[0] {
            self.l2 -= 1;
            self.trip = self.trips_here() - 1;
        } else {
            self.over = true;
        }
    }
}
