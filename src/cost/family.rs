//! What no mapping of a *family* can undercut: the bound of branch and bound.
//!
//! A family fixes which loops reuse what ([`Reuse`]) and, along each dimension, a set of cuts into tiles ([`Cuts`]). Every
//! count is a sum of products of terms of one dimension each, none of them negative; so least terms give least counts, least
//! counts least energy, and the bounds of [`crate::cost::bound`], which only ever add and take maxima, least cycles.
//! Windows alone are not monotone in the numbers of tiles (many small tiles skip rows that no tap touches); they are
//! bilinear in them, so that their least value lies at a corner. docs/exact_mapper.md argues every rule.

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::base::dims::{Dim, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::cost::counts::Tally;
use crate::cost::energy::Prices;
use crate::cost::floor::Floor;
use crate::cost::tech::real;
use crate::mapping::legality::holds;
use crate::mapping::schedule::{COMPUTE_TO_DRAIN, DRAIN_TO_WRITE, LOAD_TO_COMPUTE, READ_TO_USE, RELEASE, Schedule};

mod chains;
mod least;
mod phases;
mod posynomial;

use least::Least;
pub use posynomial::{Monomial, Posynomials, Sum, TERMS, Term};

/// Where the off-chip loop over K lies; reduction loops are innermost there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offchip {
    /// K encloses Y and X, or has one trip, or they have.
    Outer,
    /// Y and X enclose K; K has several trips.
    Inner,
    /// Y, K, X; all have several trips.
    WithinY,
    /// X, K, Y; all have several trips.
    WithinX,
}

impl Offchip {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Outer, Self::Inner, Self::WithinY, Self::WithinX];

    /// Whether only mappings belong here that have several off-chip trips along `d`.
    #[must_use]
    pub const fn needs_trips(self, d: Dim) -> bool {
        match self {
            Self::Outer => false,
            Self::Inner => matches!(d, Dim::K),
            Self::WithinY | Self::WithinX => matches!(d, Dim::K | Dim::Y | Dim::X),
        }
    }
}

/// What decides which operand stays while loops step: a class of loop orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reuse {
    /// Off chip.
    pub offchip: Offchip,
    /// The innermost level-2 loop that has several trips within a full level-2 tile; none if every level-2 tile is one
    /// array tile.
    pub innermost: Option<Dim>,
    /// The next loop around it that has several trips within a full level-2 tile; none if that is any, or if there is none.
    pub second: Option<Dim>,
}

/// Terms of one dimension under one cut (level-2 tile, array tile), or the least of each over several cuts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// Level-2 tile; the last one; the most of the last one.
    l2_tile: u32,
    l2_last: u32,
    l2_last_most: u32,
    /// Array tile, last array tile of a full level-2 tile and of the last one, first array tile of the last one.
    tile: u32,
    last: [u32; 2],
    first_of_last: u32,
    /// Shares of a PE: of the array tile, of the very last tile, sums over a full and over the last level-2 tile, over all.
    share: u32,
    share_last: u32,
    step: [u64; 2],
    shares: u64,
    /// Shares of all level-2 tiles but a full one, but the last one.
    rest: [u64; 2],
    /// Shares of the first array tiles of all level-2 tiles, and of all others.
    firsts: u64,
    others: u64,
    /// Array tiles in a full and in the last level-2 tile.
    trips: [u32; 2],
    /// The most that a full array tile and the last one can be of a full level-2 tile, of the last one.
    part: [[f64; 2]; 2],
    /// The most that the last level-2 tile can be of all.
    last_part: f64,
    /// Numbers of level-2 tiles, of array tiles, of PEs' shares: least and most.
    l2_tiles: [u64; 2],
    tiles: [u64; 2],
    pieces: [u64; 2],
    /// Whether every cut has several array tiles in a full level-2 tile.
    several: bool,
    /// Sums over array tiles: vectors of W lanes, of I lanes, of drain lanes.
    w_vectors: u64,
    i_vectors: u64,
    drain_vectors: u64,
    /// Sums over level-2 tiles: channels in words of W, of P, beats of channels.
    w_words: u64,
    p_words: u64,
    beats: u64,
    /// Share of the array tiles' work that does not lie in a last level-2 tile of one array tile among others of several.
    regular: f64,
}

impl Cuts {
    /// The least of both in every term.
    #[must_use]
    pub fn least(&self, o: &Self) -> Self {
        let range = |a: [u64; 2], b: [u64; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        let pair = |a: [u32; 2], b: [u32; 2]| [a[0].min(b[0]), a[1].min(b[1])];
        Self {
            l2_tile: self.l2_tile.min(o.l2_tile),
            l2_last: self.l2_last.min(o.l2_last),
            l2_last_most: self.l2_last_most.max(o.l2_last_most),
            tile: self.tile.min(o.tile),
            last: pair(self.last, o.last),
            first_of_last: self.first_of_last.min(o.first_of_last),
            share: self.share.min(o.share),
            share_last: self.share_last.min(o.share_last),
            step: [self.step[0].min(o.step[0]), self.step[1].min(o.step[1])],
            shares: self.shares.min(o.shares),
            rest: [self.rest[0].min(o.rest[0]), self.rest[1].min(o.rest[1])],
            firsts: self.firsts.min(o.firsts),
            others: self.others.min(o.others),
            trips: pair(self.trips, o.trips),
            part: [0, 1].map(|i| [0, 1].map(|j| self.part[i][j].max(o.part[i][j]))),
            last_part: self.last_part.max(o.last_part),
            l2_tiles: range(self.l2_tiles, o.l2_tiles),
            tiles: range(self.tiles, o.tiles),
            pieces: range(self.pieces, o.pieces),
            several: self.several && o.several,
            w_vectors: self.w_vectors.min(o.w_vectors),
            i_vectors: self.i_vectors.min(o.i_vectors),
            drain_vectors: self.drain_vectors.min(o.drain_vectors),
            w_words: self.w_words.min(o.w_words),
            p_words: self.p_words.min(o.p_words),
            beats: self.beats.min(o.beats),
            regular: self.regular.min(o.regular),
        }
    }
}

/// A layer on an accelerator, for bounds over families.
#[derive(Clone, Debug)]
pub struct Families {
    /// Any schedule of the layer: its durations are functions of extents.
    s: Schedule,
    prices: Prices,
    holds: [u64; 7],
    /// Whether sums may accumulate in level 2.
    sums: bool,
    /// Rows and columns of padding that windows can have, per kernel tile.
    padding: [u64; 2],
}

impl Families {
    /// For the layer, the accelerator and the split of `schedule`, at the prices of the accelerator.
    #[must_use]
    pub fn new(schedule: &Schedule, accelerator: &Accelerator, prices: Prices) -> Self {
        let mut s = schedule.clone();
        // Sums that accumulate take longer to drain, and more room: the least is without.
        s.accumulate = false;
        let padding = [0, 1].map(|side| padding(&s, side));
        Self {
            s,
            prices,
            holds: holds(accelerator),
            sums: accelerator.l2.sums,
            padding,
        }
    }

    /// Extent of the layer along `d`.
    #[must_use]
    pub const fn bound(&self, d: Dim) -> u32 {
        self.s.nest.bounds.0[d.index()]
    }

    /// The terms of `d` cut into level-2 tiles of `l2_tile` and these into array tiles of `tile`, at most as large.
    #[must_use]
    pub fn cut(&self, d: Dim, l2_tile: u32, tile: u32) -> Cuts {
        let s = &self.s;
        let bound = s.nest.bounds[d];
        let n2 = bound.div_ceil(l2_tile);
        let l2_last = bound - (n2 - 1) * l2_tile;
        let trips = [l2_tile, l2_last].map(|t| t.div_ceil(tile));
        let last = [0, 1].map(|i| [l2_tile, l2_last][i] - (trips[i] - 1) * tile);
        let counts = [
            u64::from(n2 - 1) * u64::from(trips[0] - 1) + u64::from(trips[1] - 1),
            u64::from(n2 - 1),
            1,
        ];
        let extents = [tile, last[0], last[1]];
        let sum = |f: &dyn Fn(u32) -> u64| {
            (0..3)
                .map(|i| if counts[i] > 0 { counts[i] * f(extents[i]) } else { 0 })
                .sum::<u64>()
        };
        let l2_sum = |f: &dyn Fn(u32) -> u64| u64::from(n2 - 1) * f(l2_tile) + f(l2_last);
        let share = |e: u32| s.share(d, e);
        let step = [0, 1].map(|i| u64::from(trips[i] - 1) * u64::from(share(tile)) + u64::from(share(last[i])));
        let tiles: u64 = counts.iter().sum();
        let channels = matches!(d, Dim::K | Dim::C);
        let vectors = |lanes: u64| {
            if channels {
                sum(&|e| ceil_div(e.into(), lanes))
            } else {
                0
            }
        };
        let words = |word: u32| {
            if channels {
                l2_sum(&|e| round_up(e.into(), word.into()))
            } else {
                0
            }
        };
        let (w_vectors, i_vectors, drain_vectors) = (
            vectors(s.ports.w_lanes),
            vectors(s.ports.i_lanes),
            vectors(s.ports.drain_lanes),
        );
        let pieces = sum(&|e| u64::from(e.div_ceil(share(e))));
        let shares = sum(&|e| u64::from(share(e)));
        let firsts = u64::from(n2 - 1) * u64::from(share(tile)) + u64::from(share(tile.min(l2_last)));
        let first_of_last = tile.min(l2_last);
        let cuts = Cuts {
            l2_tile,
            l2_last,
            l2_last_most: l2_last,
            tile,
            last,
            first_of_last,
            share: share(tile),
            share_last: share(last[1]),
            step,
            shares,
            rest: step.map(|step| shares - step),
            firsts,
            others: shares - firsts,
            trips,
            part: [
                [tile, last[0]].map(|e| f64::from(share(e)) / real(step[0])),
                [first_of_last, last[1]].map(|e| f64::from(share(e)) / real(step[1])),
            ],
            last_part: real(step[1]) / real(shares),
            l2_tiles: [n2.into(); 2],
            tiles: [tiles; 2],
            pieces: [pieces; 2],
            several: trips[0] > 1,
            w_vectors,
            i_vectors,
            drain_vectors,
            w_words: words(s.geometry.l2_w_word),
            p_words: words(s.geometry.l2_p_word),
            beats: if channels {
                l2_sum(&|e| ceil_div(e.into(), s.ports.bus))
            } else {
                0
            },
            regular: 1.0,
        };
        let ragged = trips[0] > 1 && trips[1] == 1;
        Cuts {
            regular: if ragged { 1.0 - self.irregular(d, &cuts) } else { 1.0 },
            ..cuts
        }
    }

    /// The largest part that the last level-2 tile has in any sum over array tiles, itself one array tile.
    fn irregular(&self, d: Dim, c: &Cuts) -> f64 {
        let s = &self.s;
        let (e, bound) = (u64::from(c.l2_last), u64::from(s.nest.bounds[d]));
        let part = |of: u64, all: u64| if all == 0 { 0.0 } else { of as f64 / all as f64 };
        let step = u64::from(match d {
            Dim::Y => s.nest.stride[0],
            Dim::X => s.nest.stride[1],
            Dim::R => s.nest.dilation[0],
            Dim::S => s.nest.dilation[1],
            _ => 1,
        });
        let vectors = |lanes: u64, all: u64| part(ceil_div(e, lanes), all);
        let ([tiles, _], [pieces, _]) = (c.tiles, c.pieces);
        let own = u64::from(c.l2_last.div_ceil(s.share(d, c.l2_last)));
        [
            part(1, tiles),
            part(e, bound),
            part((e - 1) * step + 1, (bound - tiles) * step + tiles),
            part(own, pieces),
            part((e - own) * step + own, (bound - pieces) * step + pieces),
            vectors(s.ports.w_lanes, c.w_vectors),
            vectors(s.ports.i_lanes, c.i_vectors),
            vectors(s.ports.drain_lanes, c.drain_vectors),
        ]
        .into_iter()
        .fold(0.0, f64::max)
    }

    /// Figures that every legal mapping of the family meets or exceeds, cycles from the layer's start; none if no mapping
    /// of the family fits its memories.
    #[must_use]
    pub fn floor(&self, cuts: &PerDim<&Cuts>, reuse: Reuse) -> Option<Floor> {
        if !self.fits(cuts, Self::accumulates(cuts, reuse)) {
            return None;
        }
        let tally = Least::of(self, cuts, reuse).tally();
        Some(Floor {
            cycles: self.s.layer_cycles(self.cycles(cuts, &tally), false),
            energy_pj: self.prices.energy(&tally, self.s.nest.depthwise()).total(),
        })
    }

    /// Whether the least tiles fit where no sums accumulate.
    #[must_use]
    pub fn possible(&self, cuts: &PerDim<&Cuts>) -> bool {
        self.fits(cuts, false)
    }

    /// Whether the least tiles fit; [`crate::mapping::legality::needs`] says of one mapping what each memory must hold.
    fn fits(&self, c: &PerDim<&Cuts>, accumulates: bool) -> bool {
        use Dim::{C, K, R, S, X, Y};
        if accumulates && !self.sums {
            return false;
        }
        let (s, g) = (&self.s, &self.s.geometry);
        let share = PerDim::from_fn(|d| c[d].share);
        let e2 = PerDim::from_fn(|d| c[d].l2_tile);
        let of = |v: &PerDim<u32>, dims: &[Dim]| dims.iter().map(|&d| u64::from(v[d])).product::<u64>();
        let [h, w] = s.windows(&share);
        let inputs = if s.nest.depthwise() {
            round_up(c[K].tile.into(), g.i_word.into()) * h * w
        } else {
            let words = ceil_div(share[C].into(), g.i_conv_word.into()) * h * w;
            ceil_div(words, g.i_conv_banks.into()) * u64::from(g.i_word)
        };
        let [h2, w2] = s.windows(&e2);
        [
            round_up(share[K].into(), g.w_word.into()) * of(&share, &[C, R, S]),
            inputs,
            round_up(share[K].into(), g.psum_word.into()) * of(&share, &[Y, X]),
            round_up(e2[K].into(), g.l2_w_word.into()) * of(&e2, &[C, R, S]),
            round_up(e2[s.channel_dim()].into(), g.l2_i_word.into()) * h2 * w2,
            if accumulates {
                let word = u64::from(g.l2_o_word);
                ceil_div(e2[K].into(), word) * of(&e2, &[Y, X]) * 4 * word
            } else {
                s.l2_o_bytes(&e2)
            },
            round_up(e2[K].into(), g.l2_p_word.into()) * u64::from(PARAM_BYTES),
        ]
        .iter()
        .zip(&self.holds)
        .all(|(needed, holds)| needed <= holds)
    }

    /// Whether sums accumulate in level 2 under every mapping: a reduction loop with several trips lies around an output loop
    /// with several. Off-chip reductions lie around all level-2 loops, and all of these around the innermost.
    fn accumulates(c: &PerDim<&Cuts>, reuse: Reuse) -> bool {
        const OUTPUTS: [Dim; 3] = [Dim::K, Dim::Y, Dim::X];
        let offchip = Dim::REDUCTION.iter().any(|&d| c[d].l2_tiles[0] > 1);
        let inner = Dim::REDUCTION.iter().any(|&d| c[d].several);
        let within = reuse.innermost.is_some_and(|d| OUTPUTS.contains(&d));
        within && (offchip || inner) || offchip && OUTPUTS.iter().any(|&d| c[d].several)
    }

    /// What happens before and after the work of each engine, at least.
    fn ends(&self, c: &PerDim<&Cuts>) -> Ends {
        let (s, p) = (&self.s, &self.s.geometry.pipeline);
        let to_use = s.ports.latency + READ_TO_USE;
        let w_token = LOAD_TO_COMPUTE + u64::from(p.w_network);
        let i_token = LOAD_TO_COMPUTE + u64::from(p.i_network);
        let drain_token = COMPUTE_TO_DRAIN + u64::from(p.tree);
        let write_token = DRAIN_TO_WRITE + u64::from(p.output_unit);
        let of = |f: &dyn Fn(&Cuts) -> u32| PerDim::from_fn(|d| f(c[d]));
        let product = |f: &dyn Fn(&Cuts) -> u64| Dim::ALL.iter().map(|&d| f(c[d])).product::<u64>();
        let (first_l2, last_l2) = (of(&|c| c.l2_tile), of(&|c| c.l2_last));
        let (first, last) = (of(&|c| c.tile), of(&|c| c.last[1]));
        let first_of_last = of(&|c| c.first_of_last);
        let read = [s.i_beats(&first_l2), s.w_beats(&first_l2), s.p_beats(&first_l2)];
        let (load_w, load_i) = (s.w_cycles(&first), s.i_cycles(&first));
        let pass = product(&|c| c.share.into());
        let completing = s.drain_cycles(&of(&|c| c.last[0]), true);
        let step = [0, 1].map(|i| product(&|c| c.step[i]));
        let read_w = 1 + read[0];
        let read_p = read_w + read[1];
        let (head_i, head_w) = (read_w + to_use, read_p + to_use);
        let head_compute = (head_w + load_w + w_token).max(head_i + load_i + i_token);
        let (write, drain) = (s.o_beats(&last_l2), s.drain_cycles(&last, true));
        let pass_last = product(&|c| c.share_last.into());
        let tail_drain = write_token + write;
        let tail_compute = drain_token + drain + tail_drain;
        let mut params = last_l2;
        params[Dim::K] = c[Dim::K].l2_last_most;
        let load = (s.w_cycles(&first_of_last) + w_token).min(s.i_cycles(&first_of_last) + i_token);
        Ends {
            w_token,
            i_token,
            drain_token,
            write_token,
            read,
            load_w,
            load_i,
            pass,
            pass_last,
            completing,
            drain,
            write,
            read_w,
            read_p,
            head_w,
            head_i,
            head_compute,
            head_drain: (head_w + read[2]).max(head_compute + pass + drain_token),
            head_write: head_compute + step[0] + drain_token + completing + write_token,
            tail_w: w_token + pass_last + tail_compute,
            tail_i: i_token + pass_last + tail_compute,
            tail_compute,
            tail_drain,
            load_of_last: load,
            after_read: 1 + to_use + load + step[1] + tail_compute,
            params: s.p_beats(&params),
        }
    }

    /// The bounds of [`crate::cost::bound`] on least counts and least tiles.
    fn cycles(&self, c: &PerDim<&Cuts>, t: &Tally) -> u64 {
        let (b, j, e, slots) = (&t.busy, &t.counts.jobs, self.ends(c), &self.s.ports.slots);
        let to_use = self.s.ports.latency + READ_TO_USE;
        let turns = |slots: u32, tiles: u64, busy: u64, token: u64, fill: u64, used: u64| {
            let turns = busy + tiles * token;
            if slots == 1 {
                turns + (tiles - 1) * RELEASE
            } else {
                (turns + fill + used + tiles.saturating_sub(2) * RELEASE).div_ceil(2)
            }
        };
        let (w, i) = (b.w + b.compute, b.i + b.compute);
        [
            (b.read + e.after_read).saturating_sub(e.params),
            e.head_w + b.w + e.tail_w,
            e.head_i + b.i + e.tail_i,
            e.head_compute + b.compute + e.tail_compute,
            e.head_drain + b.drain + e.tail_drain,
            e.head_write + b.write,
            self.final_drains(c, t, &e),
            e.head_w + turns(slots.w, j.w, w, e.w_token, e.load_w, e.pass_last) + e.tail_compute,
            e.head_i + turns(slots.i, j.i, i, e.i_token, e.load_i, e.pass_last) + e.tail_compute,
            e.head_compute
                + turns(slots.psum, j.drain, b.compute + b.drain, e.drain_token, e.pass, e.drain)
                + e.tail_drain,
            e.read_w + turns(slots.l2_w, t.reads.w, t.fills.w + b.w, to_use, e.read[1], 0) + e.tail_w,
            1 + turns(slots.l2_i, t.reads.i, t.i_read_cycles + b.i, to_use, e.read[0], 0) + e.tail_i,
            e.read_p + turns(slots.l2_p, t.reads.p, t.fills.p + b.drain, to_use, e.read[2], e.drain) + e.tail_drain,
            e.head_drain
                + turns(
                    slots.l2_o,
                    j.write,
                    b.drain + b.write,
                    e.write_token,
                    e.completing,
                    e.write,
                ),
        ]
        .into_iter()
        .fold(0, u64::max)
    }

    /// The chain through the passes of every off-chip step but the last one on an output tile, and the drains of that one;
    /// nothing where there is none under some mapping.
    fn final_drains(&self, c: &PerDim<&Cuts>, t: &Tally, e: &Ends) -> u64 {
        use Dim::{C, K, R, S, X, Y};
        if !Self::drains_apart(c) {
            return 0;
        }
        let (nest, ports) = (&self.s.nest, &self.s.ports);
        let images = u64::from(nest.g) * u64::from(nest.n);
        // What `part` of three dimensions leaves of the whole, in which `left` is left of one.
        let without = |dims: [Dim; 3], part: fn(&Cuts) -> u64, left: fn(&Cuts) -> u64| {
            let [a, b, d] = dims.map(|d| c[d]);
            left(a) * b.shares * d.shares + part(a) * left(b) * d.shares + part(a) * part(b) * left(d)
        };
        let before_last = without([C, R, S], |c| c.step[1], |c| c.rest[1]);
        let before_full = without([C, R, S], |c| c.step[0], |c| c.rest[0]);
        let firsts = [K, Y, X].map(|d| c[d].firsts).iter().product::<u64>();
        let others = without([K, Y, X], |c| c.firsts, |c| c.others);
        let passes = images * (others * before_last + firsts * before_full);
        let positions = images * u64::from(nest.bounds[Y]) * u64::from(nest.bounds[X]);
        let drains = c[K].drain_vectors * positions * ceil_div(ports.drain_lanes, ports.requantizers);
        let turns = t.counts.jobs.write * (e.drain_token + RELEASE) - RELEASE;
        e.head_compute + passes + drains + turns + e.tail_drain
    }

    /// Whether several off-chip steps sum up every output tile, each of which drains it in several jobs, under every mapping.
    fn drains_apart(c: &PerDim<&Cuts>) -> bool {
        // Where the last level-2 tile can be a single array tile, it may be drained in one job.
        let jobs = |d: &Dim| c[*d].several && c[*d].regular >= 1.0;
        Dim::REDUCTION.iter().any(|&d| c[d].l2_tiles[0] > 1) && [Dim::K, Dim::Y, Dim::X].iter().any(jobs)
    }
}

/// Least durations at the ends of a run, and the constants of tokens with their register stages.
struct Ends {
    w_token: u64,
    i_token: u64,
    drain_token: u64,
    write_token: u64,
    /// First reads of I, W and P.
    read: [u64; 3],
    /// First loads.
    load_w: u64,
    load_i: u64,
    /// First and last pass.
    pass: u64,
    pass_last: u64,
    /// Last drain job of the first level-2 O tile, very last drain job, last write.
    completing: u64,
    drain: u64,
    write: u64,
    /// Earliest starts.
    read_w: u64,
    read_p: u64,
    head_w: u64,
    head_i: u64,
    head_compute: u64,
    head_drain: u64,
    head_write: u64,
    /// What follows an engine's last job.
    tail_w: u64,
    tail_i: u64,
    tail_compute: u64,
    tail_drain: u64,
    /// First load of the last step, with its token.
    load_of_last: u64,
    /// What the read engine's work is between, and the last read of parameters, which may be all that follows.
    after_read: u64,
    params: u64,
}

/// Rows (`side` 0) or columns (1) of padding that all windows of one kernel tile can have together, however small the
/// tiles: the window of the `i`-th output tile from either end begins `i` outputs further in, or more.
fn padding(s: &Schedule, side: usize) -> u64 {
    let n = &s.nest;
    let [out, tap] = [[Dim::Y, Dim::R], [Dim::X, Dim::S]][side];
    let leading = u64::from(n.pad[side]);
    let reach = s.window(side, n.bounds[out], n.bounds[tap]);
    let trailing = reach.saturating_sub(leading + u64::from(n.input[side]));
    let stride = u64::from(n.stride[side]);
    [leading, trailing]
        .map(|pad| {
            (0..u64::from(n.bounds[out]))
                .map_while(|i| pad.checked_sub(i * stride))
                .sum::<u64>()
        })
        .iter()
        .sum()
}
