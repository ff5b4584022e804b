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
//! Two sums need no look at the loops at all. Each output tile is drained for the first time once, and for the last time
//! once, so sums over `first` and over `last` drain jobs are sums over all output tiles.

use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::mapping::schedule::{LOOP_G, LOOP_N, LoopSet, OFFCHIP_SET, Operand, Schedule, l2_loop, offchip_loop};
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

/// Off-chip beats requested, by operand; their sum is [`Counts::read_beats`].
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

/// Which classes of level-2 tiles a sum takes in: bit 0 full ones, bit 1 the edge one.
type Classes = u8;
const BOTH: Classes = 0b11;

/// How one dimension is cut into tiles at one level, by class of the level-2 tile (full, edge).
#[derive(Clone, Copy)]
struct Cut {
    /// Level-2 tiles of the class.
    l2_tiles: [u64; 2],
    /// Tiles within a level-2 tile of the class.
    trips: [u64; 2],
    /// Extent of all tiles within a level-2 tile but the last.
    full: u32,
    /// Extent of the last one.
    last: [u32; 2],
    /// Distance between level-2 tiles.
    l2_step: u64,
}

impl Cut {
    /// Sum of `f` over the tiles' extents.
    fn sum(&self, classes: Classes, f: impl Fn(u32) -> u64) -> u64 {
        self.kinds(classes).map(|(count, e)| count * f(e)).sum()
    }

    /// Number of tiles.
    fn tiles(&self, classes: Classes) -> u64 {
        self.sum(classes, |_| 1)
    }

    /// Sum of the extents.
    fn extents(&self, classes: Classes) -> u64 {
        self.sum(classes, u64::from)
    }

    /// Numbers of tiles and their extents.
    fn kinds(&self, classes: Classes) -> impl Iterator<Item = (u64, u32)> {
        (0..4).filter_map(move |kind| {
            let (class, last) = (kind / 2, kind % 2 == 1);
            let within = if last { 1 } else { self.trips[class] - 1 };
            let count = self.l2_tiles[class] * within;
            let extent = if last { self.last[class] } else { self.full };
            (classes >> class & 1 == 1 && count > 0).then_some((count, extent))
        })
    }

    /// First elements and extents of the tiles, in order.
    fn places(&self, classes: Classes) -> impl DoubleEndedIterator<Item = (u64, u32)> + Clone {
        (0..2)
            .filter(move |class| classes >> class & 1 == 1)
            .flat_map(move |class| {
                let first = if class == 0 { 0 } else { self.l2_tiles[0] };
                (first..first + self.l2_tiles[class]).flat_map(move |l2_tile| {
                    (0..self.trips[class]).map(move |trip| {
                        let origin = l2_tile * self.l2_step + trip * u64::from(self.full);
                        let last = trip + 1 == self.trips[class];
                        (origin, if last { self.last[class] } else { self.full })
                    })
                })
            })
    }
}

/// What the windows of all tiles along rows (or along columns) add up to.
#[derive(Clone, Copy, Default)]
struct Windows {
    /// Rows.
    rows: u64,
    /// Rows inside the stored input.
    inside: u64,
    /// Rows written into buffers, over all output and tap positions.
    hits: u64,
    /// Windows whose last row is inside the stored input.
    last_inside: u64,
}

struct Sums<'a> {
    s: &'a Schedule,
    array: PerDim<Cut>,
    l2: PerDim<Cut>,
}

impl<'a> Sums<'a> {
    fn of(s: &'a Schedule) -> Self {
        let tiles = |d: Dim| [u64::from(s.loops.offchip[offchip_loop(d)]) - 1, 1];
        let array = PerDim::from_fn(|d| Cut {
            l2_tiles: tiles(d),
            trips: s.loops.l2[d].map(u64::from),
            full: s.tile[d][0],
            last: [s.tile[d][1], s.tile[d][2]],
            l2_step: s.l2_tile[d][0].into(),
        });
        let l2 = PerDim::from_fn(|d| Cut {
            l2_tiles: tiles(d),
            trips: [1, 1],
            full: s.l2_tile[d][0],
            last: s.l2_tile[d],
            l2_step: s.l2_tile[d][0].into(),
        });
        Self { s, array, l2 }
    }

    /// Calls `f` for every combination of classes in which the array tile of `operand` is moved by the same loops, with
    /// how often each of its tiles is moved.
    fn each_class(&self, operand: Operand, mut f: impl FnMut(&PerDim<Classes>, u64)) {
        let loops = &self.s.loops;
        let relevant = loops.relevant[operand as usize];
        // Dimensions whose level-2 loop has several trips in full level-2 tiles only.
        let mut split: LoopSet = 0;
        for d in Dim::ALL {
            let differs = (loops.l2[d][0] > 1) != (loops.l2[d][1] > 1);
            let cut = relevant >> l2_loop(d) & 1 == 1 && loops.offchip[offchip_loop(d)] > 1;
            split |= LoopSet::from(differs && cut) << d.index();
        }
        // Enumerates the subsets of `split`: those dimensions are at their edge tile.
        let mut edges: LoopSet = split;
        loop {
            let classes = PerDim::from_fn(|d| match (split >> d.index() & 1, edges >> d.index() & 1) {
                (0, _) => BOTH,
                (_, edge) => 1 << edge,
            });
            let mut multi = loops.multi(0) & OFFCHIP_SET;
            for d in Dim::ALL {
                let edge = if classes[d] == BOTH && loops.offchip[offchip_loop(d)] > 1 {
                    0
                } else {
                    usize::from(classes[d] != 1)
                };
                multi |= LoopSet::from(loops.l2[d][edge] > 1) << l2_loop(d);
            }
            f(&classes, self.repeats(operand, relevant & multi));
            if edges == 0 {
                break;
            }
            edges = (edges - 1) & split;
        }
    }

    /// How often each tile is moved: once per trip of the irrelevant loops around the innermost of `movers`.
    fn repeats(&self, operand: Operand, movers: LoopSet) -> u64 {
        let loops = &self.s.loops;
        let around = |l: usize| loops.inner[l] & movers != 0;
        let irrelevant = |l: usize| loops.relevant[operand as usize] >> l & 1 == 0;
        let mut repeats = 1;
        for l in [LOOP_G, LOOP_N] {
            if irrelevant(l) && around(l) {
                repeats *= u64::from(loops.offchip[l]);
            }
        }
        for d in Dim::ALL {
            if !irrelevant(offchip_loop(d)) {
                continue;
            }
            if around(l2_loop(d)) {
                repeats *= self.array[d].tiles(BOTH);
            } else if around(offchip_loop(d)) {
                repeats *= u64::from(loops.offchip[offchip_loop(d)]);
            }
        }
        repeats
    }

    /// Trips of groups and batch, as far as they index `operand`.
    fn images(&self, operand: Operand) -> u64 {
        [LOOP_G, LOOP_N]
            .into_iter()
            .filter(|&l| self.s.loops.relevant[operand as usize] >> l & 1 == 1)
            .map(|l| u64::from(self.s.loops.offchip[l]))
            .product()
    }

    fn passes(&self, t: &mut Tally) {
        let images = u64::from(self.s.nest.g) * u64::from(self.s.nest.n);
        let over = |f: &dyn Fn(Dim) -> u64| Dim::ALL.into_iter().map(f).product::<u64>() * images;
        let c = &mut t.counts;
        c.macs = over(&|d| self.s.nest.bounds[d].into());
        c.compute_cycles = over(&|d| self.array[d].sum(BOTH, |e| self.s.share(d, e).into()));
        c.jobs.compute = over(&|d| self.array[d].tiles(BOTH));
        t.busy.compute = c.compute_cycles;
    }

    fn weights(&self, t: &mut Tally) {
        let lanes = self.s.ports.w_lanes;
        let images = self.images(Operand::W);
        self.each_class(Operand::W, |classes, repeats| {
            let over = |f: &dyn Fn(Dim) -> u64| {
                let reduction: u64 = Dim::REDUCTION.into_iter().map(f).product();
                reduction * images * repeats
            };
            let k = |f: &dyn Fn(u32) -> u64| self.array[Dim::K].sum(classes[Dim::K], f);
            let elements = over(&|d| self.array[d].extents(classes[d]));
            let c = &mut t.counts;
            c.w_cycles += k(&|e| ceil_div(e.into(), lanes)) * elements;
            c.w_words += k(&|e| e.into()) * elements;
            c.jobs.w += k(&|_| 1) * over(&|d| self.array[d].tiles(classes[d]));
        });
        t.busy.w = t.counts.w_cycles;
    }

    fn inputs(&self, t: &mut Tally) {
        let lanes = self.s.ports.i_lanes;
        let images = self.images(Operand::I);
        let channel = self.s.channel_dim();
        self.each_class(Operand::I, |classes, repeats| {
            let repeats = repeats * images;
            let [rows, columns] = [0, 1].map(|side| self.windows(side, &self.array, *classes));
            let ch = |f: &dyn Fn(u32) -> u64| self.array[channel].sum(classes[channel], f) * repeats;
            let channels = ch(&|e| e.into());
            let tiles: u64 = [Dim::Y, Dim::X, Dim::R, Dim::S]
                .into_iter()
                .map(|d| self.array[d].tiles(classes[d]))
                .product();
            let c = &mut t.counts;
            c.i_cycles += ch(&|e| ceil_div(e.into(), lanes)) * rows.rows * columns.rows;
            c.i_words += channels * rows.inside * columns.inside;
            c.i_writes += channels * rows.hits * columns.hits;
            c.jobs.i += ch(&|_| 1) * tiles;
        });
        t.busy.i = t.counts.i_cycles;
    }

    fn outputs(&self, t: &mut Tally) {
        let ports = &self.s.ports;
        let images = self.images(Operand::O);
        let mut vectors = 0;
        self.each_class(Operand::O, |classes, repeats| {
            let sum = |f: &dyn Fn(u32) -> u64| self.array[Dim::K].sum(classes[Dim::K], f);
            let over = |f: &dyn Fn(Dim) -> u64| f(Dim::Y) * f(Dim::X) * images * repeats;
            let positions = over(&|d| self.array[d].extents(classes[d]));
            vectors += sum(&|e| ceil_div(e.into(), ports.drain_lanes)) * positions;
            t.counts.psum_words += sum(&|e| e.into()) * positions;
            t.counts.jobs.drain += sum(&|_| 1) * over(&|d| self.array[d].tiles(classes[d]));
        });
        let k = &self.array[Dim::K];
        let over = |f: &dyn Fn(Dim) -> u64| f(Dim::Y) * f(Dim::X) * images;
        let positions = over(&|d| self.s.nest.bounds[d].into());
        let last_vectors = k.sum(BOTH, |e| ceil_div(e.into(), ports.drain_lanes)) * positions;
        let last_jobs = k.tiles(BOTH) * over(&|d| self.array[d].tiles(BOTH));
        let c = &mut t.counts;
        c.acc_reads = c.psum_words - u64::from(self.s.nest.bounds[Dim::K]) * positions;
        c.drain_cycles = vectors + last_vectors * (ports.drain_lanes / ports.requantizers - 1);
        t.busy.drain = c.drain_cycles;
        if self.s.accumulate {
            t.busy.drain += last_jobs * u64::from(self.s.geometry.pipeline.output_unit);
        }
    }

    fn reads(&self, t: &mut Tally) {
        let s = self.s;
        let bus = s.ports.bus;
        let movers = s.loops.multi(0) & OFFCHIP_SET;
        let times = |operand: Operand| {
            let relevant = s.loops.relevant[operand as usize];
            self.images(operand) * self.repeats(operand, relevant & movers)
        };
        let k = &self.l2[Dim::K];
        let over = |f: &dyn Fn(Dim) -> u64| Dim::REDUCTION.into_iter().map(f).product::<u64>();
        let words = |word: u32, bytes: u64| k.sum(BOTH, |e| round_up(e.into(), word.into()) * bytes / bus);
        t.fills.w = times(Operand::W) * words(s.geometry.l2_w_word, 1) * over(&|d| s.nest.bounds[d].into());
        t.fills.p = times(Operand::P) * words(s.geometry.l2_p_word, PARAM_BYTES.into());
        let [rows, columns] = [0, 1].map(|side| self.windows(side, &self.l2, PerDim([BOTH; 6])));
        let channel = &self.l2[s.channel_dim()];
        let channels = channel.sum(BOTH, |e| ceil_div(e.into(), bus)) * times(Operand::I);
        let windows: u64 = [Dim::Y, Dim::X, Dim::R, Dim::S]
            .into_iter()
            .map(|d| self.l2[d].tiles(BOTH))
            .product();
        let jobs = channel.tiles(BOTH) * times(Operand::I);
        t.fills.i = channels * rows.inside * columns.inside + jobs * (windows - rows.last_inside * columns.last_inside);
        let c = &mut t.counts;
        c.read_beats = t.fills.w + t.fills.i + t.fills.p;
        t.busy.read = t.fills.w + channels * rows.rows * columns.rows + t.fills.p;
        c.jobs.read = times(Operand::W) * k.tiles(BOTH) * over(&|d| self.l2[d].tiles(BOTH))
            + jobs * windows
            + times(Operand::P) * k.tiles(BOTH);
    }

    fn writes(&self, t: &mut Tally) {
        // Off-chip reduction loops are innermost, so every level-2 O tile is written once.
        let over = |f: &dyn Fn(Dim) -> u64| f(Dim::Y) * f(Dim::X) * self.images(Operand::O);
        let k = &self.l2[Dim::K];
        let c = &mut t.counts;
        c.write_beats = k.sum(BOTH, |e| ceil_div(e.into(), self.s.ports.bus)) * over(&|d| self.s.nest.bounds[d].into());
        c.jobs.write = k.tiles(BOTH) * over(&|d| self.l2[d].tiles(BOTH));
        t.busy.write = c.write_beats;
    }

    /// Sums over all windows along rows (`side` 0) or columns (1).
    fn windows(&self, side: usize, cuts: &PerDim<Cut>, classes: PerDim<Classes>) -> Windows {
        let (out, tap) = [(Dim::Y, Dim::R), (Dim::X, Dim::S)][side];
        let mut sum = Windows::default();
        for (outs, e) in cuts[out].kinds(classes[out]) {
            for (taps, f) in cuts[tap].kinds(classes[tap]) {
                let rows = self.s.window(side, e, f);
                sum.rows += outs * taps * rows;
                sum.hits += outs * taps * self.hits(side, e, f);
            }
        }
        (sum.inside, sum.last_inside) = (sum.rows, cuts[out].tiles(classes[out]) * cuts[tap].tiles(classes[tap]));
        for (tap_origin, taps) in cuts[tap].places(classes[tap]) {
            self.clip(side, cuts[out].places(classes[out]), (tap_origin, taps), &mut sum);
        }
        sum
    }

    /// Takes off what lies in padding, for all output tiles and one kernel tile. Windows only ever move away from the
    /// leading padding and towards the trailing one, so it looks no further than the first without padding.
    fn clip(
        &self,
        side: usize,
        outs: impl DoubleEndedIterator<Item = (u64, u32)> + Clone,
        (tap_origin, taps): (u64, u32),
        sum: &mut Windows,
    ) {
        let nest = &self.s.nest;
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        // Positions are counted from the first row of padding, so that they stay unsigned.
        let leading = u64::from(nest.pad[side]);
        let stored_end = leading + u64::from(nest.input[side]);
        let place = |(origin, extent): (u64, u32)| {
            (
                origin * stride + tap_origin * dilation,
                self.s.window(side, extent, taps),
            )
        };
        for (first, rows) in outs.clone().map(place) {
            if first >= leading {
                break;
            }
            sum.inside -= rows.min(leading - first);
            sum.last_inside -= u64::from(first + rows <= leading);
        }
        for (first, rows) in outs.rev().map(place) {
            if first + rows <= stored_end {
                break;
            }
            sum.inside -= rows.min(first + rows - stored_end);
            sum.last_inside -= 1;
        }
    }

    /// Rows that all positions of the array together take of the window of an `out` x `taps` tile: output position `p` at
    /// tap position `q` takes `own` rows from row `p * step + q * tap_step`, as far as the window goes.
    fn hits(&self, side: usize, out: u32, taps: u32) -> u64 {
        let (out_dim, tap_dim) = [(Dim::Y, Dim::R), (Dim::X, Dim::S)][side];
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
