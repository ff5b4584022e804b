//! A family's least counts as sums of products: what couples the dimensions of one memory.
//!
//! [`Families::floor`] takes the least of every term by itself. Here the same counts are kept as a *posynomial*: monomials
//! with a positive coefficient whose factors are terms of one dimension each. With one cut into taps of the kernel, every
//! window is a term of its output dimension alone, so all counts are of this form; and so is what a tile needs of a memory.
//! `search::prove` weighs one against the other; docs/exact_mapper.md says how.

use super::{Cuts, Families, Offchip, Reuse};
use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::cost::counts::Tally;
use crate::cost::tech::real;
use arrayvec::ArrayVec;

/// What a cut of one dimension contributes a factor of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Term {
    /// Number of level-2 tiles.
    L2Tiles,
    /// Number of array tiles.
    Tiles,
    /// Sum of PEs' shares over array tiles.
    Shares,
    /// Share of the work that does not lie in a ragged last level-2 tile.
    Regular,
    /// Vectors of W lanes over array tiles.
    WVectors,
    /// Vectors of I lanes over array tiles.
    IVectors,
    /// Vectors of drain lanes over array tiles.
    DrainVectors,
    /// Channels in words of W over level-2 tiles.
    WWords,
    /// Channels in words of P over level-2 tiles.
    PWords,
    /// Beats of channels over level-2 tiles.
    Beats,
    /// Rows of all windows of array tiles.
    Rows,
    /// Those inside the input.
    RowsInside,
    /// Those inside the input if they had twice the padding.
    RowsInsideTwice,
    /// Rows of all windows of PEs' shares.
    PieceRows,
    /// Rows of all windows of level-2 tiles.
    L2Rows,
    /// Those inside the input.
    L2RowsInside,
    /// What a PE's share needs of the W buffer.
    WShare,
    /// What it needs of the I buffer.
    IShare,
    /// What it needs of the psum buffer.
    PsumShare,
    /// What a level-2 tile needs of the W memory.
    L2W,
    /// What it needs of the I memory.
    L2I,
    /// What it needs of the O memory.
    L2O,
    /// What the first level-2 tile of I takes to read.
    FirstI,
    /// What that of W takes.
    FirstW,
    /// What the first array tile of W takes to load.
    LoadW,
    /// What that of I takes.
    LoadI,
    /// PEs' shares of the last level-2 tile.
    LastStep,
    /// What the last level-2 tile of O takes to write.
    LastO,
    /// PEs' shares of a full level-2 tile.
    FullStep,
    /// Those of all level-2 tiles but a full one.
    Rest,
    /// What the last level-2 tile of I takes to read.
    LastI,
    /// What that of W takes.
    LastW,
    /// PEs' shares of all level-2 tiles but the last one.
    BeforeLast,
    /// Those of a full one where there are several.
    One,
    /// Where there are several, those of all but a full one and the last one.
    Middle,
    /// Array tiles of the last level-2 tile.
    LastTiles,
    /// Array tiles of the others.
    TilesBefore,
    /// The other level-2 tiles.
    L2TilesBefore,
    /// PEs' share of a full array tile.
    Share,
    /// Those of all array tiles but a full one.
    ButOne,
    /// PEs' share of the very last array tile.
    ShareLast,
    /// Those of all others.
    ButLast,
    /// PEs' share of a last level-2 tile that is a single array tile while others hold several.
    Ragged,
    /// Those of the first array tiles of all level-2 tiles but a ragged one.
    Firsts,
    /// Those of the array tiles that are not the first of a level-2 tile.
    Others,
    /// Drain vectors, or extents, of all array tiles.
    Drained,
    /// Those of a ragged last level-2 tile.
    DrainedRagged,
    /// Those of all others.
    DrainedRegular,
    /// The same less a full array tile if there is a ragged level-2 tile.
    DrainedLess,
}

/// Number of [`Term`]s.
pub const TERMS: usize = Term::DrainedLess as usize + 1;

/// Terms of a product: two of each dimension, and one more, at most. In place, since every family has hundreds of them.
pub type Factors = ArrayVec<(Dim, Term), 13>;

/// A coefficient times terms.
#[derive(Clone, Debug)]
pub struct Monomial {
    /// Positive.
    pub coefficient: f64,
    /// The factors.
    pub factors: Factors,
}

/// A sum of monomials of [`Posynomials::monomials`], weighted, and a constant.
#[derive(Clone, Debug)]
pub struct Sum {
    /// Not negative.
    pub constant: f64,
    /// Index of a monomial, and its weight.
    pub parts: Vec<(usize, f64)>,
}

/// Energy and cycles of a family, from below, and what its tiles need of memories.
#[derive(Clone, Debug)]
pub struct Posynomials {
    /// The counts.
    pub monomials: Vec<Monomial>,
    /// No mapping of the family takes less energy, in pJ.
    pub energy: Sum,
    /// No mapping takes fewer cycles than any of these.
    pub cycles: Vec<Sum>,
    /// Products of terms that must not exceed a capacity.
    pub memories: Vec<(Factors, f64)>,
}

/// Indices of monomials.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(super) enum Count {
    Compute,
    WWords,
    WCycles,
    IWrites,
    IWords,
    ICycles,
    Psums,
    Drain,
    LastDrain,
    WFills,
    PFills,
    IFills,
    IReads,
    Writes,
    WJobs,
    IJobs,
    DrainJobs,
    WriteJobs,
    WReads,
    IReadJobs,
    PReads,
    FirstI,
    FirstW,
    LoadW,
    LoadI,
    LastStep,
    LastO,
    FinalDrain,
    RestC,
    RestR,
    RestS,
    LastI,
    LastW,
    SweepFirstI,
    SweepMiddle,
    SweepOne,
    SweepLast,
    SweepPartY,
    SweepPartX,
    BeforeY,
    BeforeX,
    BeforeBoth,
    OthersC,
    OthersR,
    OthersS,
    FirstsC,
    FirstsR,
    FirstsS,
    RaggedOthersC,
    RaggedOthersR,
    RaggedOthersS,
    RaggedFirstsC,
    RaggedFirstsR,
    RaggedFirstsS,
    Ragged,
    Drained,
    DrainedBeside,
    DrainedRagged,
    LoadsY,
    LoadsX,
    LoadsBeforeX,
}

/// Stands for zero in a term.
const NOTHING: f64 = 1e-30;

/// How often an operand moves again.
#[derive(Clone)]
pub(super) struct Times {
    pub(super) coefficient: f64,
    pub(super) factors: Factors,
}

impl Times {
    const fn once() -> Self {
        Self {
            coefficient: 1.0,
            factors: Factors::new_const(),
        }
    }
}

impl Families {
    /// The terms of `cut`, one of `d`; `taps` is the cut of the kernel dimension that `d` makes windows with. All are positive:
    /// where nothing may lie inside the input, next to nothing stands for nothing.
    #[must_use]
    pub fn terms(&self, d: Dim, cut: &Cuts, taps: Option<&Cuts>) -> [f64; TERMS] {
        let (s, g) = (&self.s, &self.s.geometry);
        let mut t = [1.0; TERMS];
        let mut put = |term: Term, value: u64| t[term as usize] = real(value);
        put(Term::L2Tiles, cut.l2_tiles[0]);
        put(Term::Tiles, cut.tiles[0]);
        put(Term::Shares, cut.shares);
        put(Term::LastStep, cut.step[1]);
        put(Term::FullStep, cut.step[0]);
        put(Term::Rest, cut.rest[0]);
        self.phase_terms(d, cut, &mut put);
        if matches!(d, Dim::K | Dim::C) {
            put(Term::WVectors, cut.w_vectors);
            put(Term::IVectors, cut.i_vectors);
            put(Term::DrainVectors, cut.drain_vectors);
            put(Term::WWords, cut.w_words);
            put(Term::PWords, cut.p_words);
            put(Term::Beats, cut.beats);
            let words = if s.nest.depthwise() {
                round_up(cut.tile.into(), g.i_word.into())
            } else {
                ceil_div(cut.share.into(), g.i_conv_word.into())
            };
            put(Term::IShare, words);
            put(Term::L2I, round_up(cut.l2_tile.into(), g.l2_i_word.into()));
            put(Term::FirstI, ceil_div(cut.l2_tile.into(), s.ports.bus));
            put(Term::LoadI, ceil_div(cut.tile.into(), s.ports.i_lanes));
            put(Term::LastI, ceil_div(cut.l2_last.into(), s.ports.bus));
        }
        if d == Dim::K {
            put(Term::WShare, round_up(cut.share.into(), g.w_word.into()));
            put(Term::PsumShare, round_up(cut.share.into(), g.psum_word.into()));
            put(Term::L2W, round_up(cut.l2_tile.into(), g.l2_w_word.into()));
            put(Term::L2O, ceil_div(cut.l2_tile.into(), g.l2_o_word.into()));
            let words = ceil_div(cut.l2_tile.into(), g.l2_w_word.into());
            put(Term::FirstW, words * ceil_div(g.l2_w_word.into(), s.ports.bus));
            put(Term::LoadW, ceil_div(cut.tile.into(), s.ports.w_lanes));
            let words = ceil_div(cut.l2_last.into(), g.l2_w_word.into());
            put(Term::LastW, words * ceil_div(g.l2_w_word.into(), s.ports.bus));
            put(Term::LastO, ceil_div(cut.l2_last.into(), s.ports.bus));
        } else {
            put(Term::WShare, cut.share.into());
            put(Term::PsumShare, cut.share.into());
            put(Term::L2W, cut.l2_tile.into());
            put(Term::L2O, cut.l2_tile.into());
            put(Term::FirstW, cut.l2_tile.into());
            put(Term::LastW, cut.l2_last.into());
            put(Term::LoadW, cut.tile.into());
            put(Term::LastO, cut.l2_last.into());
        }
        if let (Some(taps), Some(side)) = (taps, [Dim::Y, Dim::X].iter().position(|&o| o == d)) {
            let rows = |of: fn(&Cuts) -> u64| self.rows(side, of(cut), of(taps));
            let padded = |rows: u64, m: u64, times: u64| rows.saturating_sub(times * self.padding[side] * m);
            let (array, l2) = (rows(|c| c.tiles[0]), rows(|c| c.l2_tiles[0]));
            put(Term::Rows, array);
            put(Term::RowsInside, padded(array, taps.tiles[0], 1));
            put(Term::RowsInsideTwice, padded(array, taps.tiles[0], 2));
            put(Term::PieceRows, rows(|c| c.pieces[0]));
            put(Term::L2Rows, l2);
            put(Term::L2RowsInside, padded(l2, taps.l2_tiles[0], 1));
            put(Term::IShare, s.window(side, cut.share, taps.share));
            put(Term::L2I, s.window(side, cut.l2_tile, taps.l2_tile));
            put(Term::FirstI, s.window(side, cut.l2_tile, taps.l2_tile));
            put(Term::LoadI, s.window(side, cut.tile, taps.tile));
            put(Term::LastI, s.window(side, cut.l2_last, taps.l2_last));
        }
        t[Term::Regular as usize] = cut.regular;
        t.map(|x| x.max(NOTHING))
    }

    /// Rows of all windows of `n` output and `m` kernel tiles.
    fn rows(&self, side: usize, n: u64, m: u64) -> u64 {
        let nest = &self.s.nest;
        let [out, tap] = [[Dim::Y, Dim::R], [Dim::X, Dim::S]][side].map(|d| u64::from(nest.bounds[d]));
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        (out - n) * stride * m + (tap - m) * dilation * n + n * m
    }

    /// The posynomials of a family whose least terms are `least`.
    #[must_use]
    pub fn posynomials(&self, least: &PerDim<&Cuts>, reuse: Reuse) -> Posynomials {
        let build = Build {
            f: self,
            c: least,
            reuse,
        };
        let (monomials, w_moves) = build.monomials();
        Posynomials {
            energy: self.energy_sum(),
            cycles: build.cycles(&w_moves),
            memories: build.memories(),
            monomials,
        }
    }

    /// Energy as a sum of the monomials: it is linear in counts, so one event of each kind tells its price.
    fn energy_sum(&self) -> Sum {
        let depthwise = self.s.nest.depthwise();
        let price = |set: &dyn Fn(&mut Tally)| {
            let mut t = Tally::default();
            set(&mut t);
            self.prices.energy(&t, depthwise).total()
        };
        let nest = &self.s.nest;
        let images = u64::from(nest.g) * u64::from(nest.n);
        let outputs = images
            * [Dim::K, Dim::Y, Dim::X]
                .map(|d| u64::from(nest.bounds[d]))
                .iter()
                .product::<u64>();
        let macs = images * Dim::ALL.map(|d| u64::from(nest.bounds[d])).iter().product::<u64>();
        let constant = price(&|t| (t.counts.macs, t.counts.psum_words) = (macs, outputs));
        // Sums that are read back once more: all but the first, which the constant holds.
        let again = price(&|t| (t.counts.psum_words, t.counts.acc_reads) = (1, 1));
        let again = again.min(constant / real(outputs));
        let read = |t: &mut Tally| (t.counts.read_beats, t.busy.read) = (1, 1);
        let parts = vec![
            (
                Count::Compute,
                price(&|t| (t.counts.compute_cycles, t.busy.compute) = (1, 1)),
            ),
            (Count::WWords, price(&|t| t.counts.w_words = 1)),
            (Count::WCycles, price(&|t| t.busy.w = 1)),
            (Count::IWrites, price(&|t| t.counts.i_writes = 1)),
            (Count::IWords, price(&|t| t.counts.i_words = 1)),
            (Count::ICycles, price(&|t| t.busy.i = 1)),
            (Count::Psums, again),
            (Count::Drain, price(&|t| t.busy.drain = 1)),
            (Count::LastDrain, price(&|t| t.busy.drain = 1)),
            (
                Count::WFills,
                price(&|t| {
                    t.fills.w = 1;
                    read(t);
                }),
            ),
            (
                Count::PFills,
                price(&|t| {
                    t.fills.p = 1;
                    read(t);
                }),
            ),
            (Count::IFills, price(&|t| (t.fills.i, t.counts.read_beats) = (1, 1))),
            (Count::IReads, price(&|t| t.busy.read = 1)),
            (Count::Writes, price(&|t| (t.counts.write_beats, t.busy.write) = (1, 1))),
        ];
        Sum {
            constant: constant - again * real(outputs),
            parts: parts.into_iter().map(|(c, price)| (c as usize, price)).collect(),
        }
    }
}

/// What the posynomials of a family are made from.
pub(super) struct Build<'a> {
    pub(super) f: &'a Families,
    pub(super) c: &'a PerDim<&'a Cuts>,
    pub(super) reuse: Reuse,
}

impl Build<'_> {
    fn several(&self, d: Dim) -> bool {
        self.c[d].l2_tiles[0] > 1
    }

    pub(super) fn cut_reduction(&self) -> bool {
        Dim::REDUCTION.iter().any(|&d| self.several(d))
    }

    /// Of the dimensions with several array tiles in every full level-2 tile, the one whose work is most regular.
    fn enclosing(&self, dims: &[Dim]) -> Option<Dim> {
        let several = dims.iter().copied().filter(|&d| self.c[d].several);
        several.max_by(|&a, &b| self.c[a].regular.total_cmp(&self.c[b].regular))
    }

    fn times(coefficient: u32, dims: &[Dim], term: Term) -> Times {
        Times {
            coefficient: coefficient.into(),
            factors: dims.iter().map(|&d| (d, term)).collect(),
        }
    }

    /// W, I and P from off chip.
    fn read_again(&self) -> [Times; 3] {
        use Dim::{K, X, Y};
        let n = self.f.s.nest.n;
        let around_k = match self.reuse.offchip {
            Offchip::Outer if self.several(K) => Self::times(n, &[], Term::L2Tiles),
            Offchip::Outer => Times::once(),
            Offchip::Inner => Self::times(n, &[Y, X], Term::L2Tiles),
            Offchip::WithinY => Self::times(n, &[Y], Term::L2Tiles),
            Offchip::WithinX => Self::times(n, &[X], Term::L2Tiles),
        };
        let w = if self.cut_reduction() {
            Self::times(n, &[Y, X], Term::L2Tiles)
        } else {
            around_k.clone()
        };
        let again =
            self.cut_reduction() || self.reuse.offchip != Offchip::Inner && (self.several(Y) || self.several(X));
        let i = if again && !self.f.s.nest.depthwise() {
            Self::times(1, &[K], Term::L2Tiles)
        } else {
            Times::once()
        };
        [w, i, around_k]
    }

    /// W, I and sums at the array: within a level-2 tile if the innermost loop moves the operand, else from off chip on.
    fn moved_again(&self, [w, i, _]: &[Times; 3]) -> [Times; 3] {
        use Dim::{C, K, R, S, X, Y};
        let Some(innermost) = self.reuse.innermost else {
            return [w.clone(), i.clone(), Times::once()];
        };
        let n = self.f.s.nest.n;
        let again = |relevant: &[Dim], around: &[Dim], coefficient: u32, least: &Times| {
            let second = self.reuse.second.filter(|d| relevant.contains(d));
            let all = Self::times(coefficient, around, Term::Tiles);
            let (e, mut times) = if relevant.contains(&innermost) {
                if let Some(second) = second {
                    // No product of terms, but a number close to one: the least of the family.
                    let [a, b] = [innermost, second].map(|d| 1.0 - self.c[d].regular);
                    return Times {
                        coefficient: all.coefficient * (1.0 - a * b),
                        ..all
                    };
                }
                (innermost, all)
            } else if let Some(second) = second {
                let mut within = all;
                for (d, term) in &mut within.factors {
                    if *d == innermost {
                        *term = Term::L2Tiles;
                    }
                }
                (second, within)
            } else if let Some(e) = self.enclosing(relevant) {
                (e, Self::times(coefficient, around, Term::L2Tiles))
            } else {
                return least.clone();
            };
            if times.factors == least.factors {
                return least.clone();
            }
            if self.c[e].regular < 1.0 {
                times.factors.push((e, Term::Regular));
            }
            times
        };
        let inputs = if self.f.s.nest.depthwise() {
            Times::once()
        } else {
            again(&[C, Y, X, R, S], &[K], 1, i)
        };
        [
            again(&[K, C, R, S], &[Y, X], n, w),
            inputs,
            again(&[K, Y, X], &Dim::REDUCTION, 1, &Times::once()),
        ]
    }

    /// In the order of [`Count`]; and how often array tiles of W move.
    fn monomials(&self) -> (Vec<Monomial>, Times) {
        use Dim::{C, K, R, S, X, Y};
        let s = &self.f.s;
        let (nest, ports) = (&s.nest, &s.ports);
        let bound = |d: Dim| f64::from(nest.bounds[d]);
        let (g, n) = (f64::from(nest.g), f64::from(nest.n));
        let images = g * n;
        let channel = s.channel_dim();
        let taps = bound(C) * bound(R) * bound(S);
        let positions = bound(Y) * bound(X) * images;
        let read = self.read_again();
        let moved = self.moved_again(&read);
        let ragged = Dim::ALL.iter().any(|&d| self.c[d].regular < 1.0);
        let inside = if ragged {
            Term::RowsInsideTwice
        } else {
            Term::RowsInside
        };
        let [w, i, p] = &read;
        let [mw, mi, mo] = &moved;
        let one = &Times::once();
        let all = |term: Term, dims: &[Dim]| dims.iter().map(|&d| (d, term)).collect::<Factors>();
        let both = |term: Term| all(term, &[Y, X]);
        let alone = |d: Dim, term: Term| all(term, &[d]);
        let with = |d: Dim, term: Term, mut more: Factors| {
            more.push((d, term));
            more
        };
        let m = |coefficient: f64, factors: Factors, times: &Times| Monomial {
            coefficient: coefficient * times.coefficient,
            factors: factors.into_iter().chain(times.factors.iter().copied()).collect(),
        };
        let rest = |[c, r, s]: [Term; 3]| with(C, c, with(R, r, with(S, s, all(Term::Shares, &[K, Y, X]))));
        let bus = real(ports.bus);
        let last = real(ceil_div(ports.drain_lanes, ports.requantizers) - 1);
        let mut monomials = vec![
            m(images, all(Term::Shares, &Dim::ALL), one),
            m(bound(K) * taps * g, Factors::new(), mw),
            m(taps * g, alone(K, Term::WVectors), mw),
            m(bound(channel) * images, both(Term::PieceRows), mi),
            m(bound(channel) * images, both(inside), mi),
            m(images, with(channel, Term::IVectors, both(Term::Rows)), mi),
            m(bound(K) * positions, Factors::new(), mo),
            m(positions, alone(K, Term::DrainVectors), mo),
            m(positions * last, alone(K, Term::DrainVectors), one),
            m(taps * g / bus, alone(K, Term::WWords), w),
            m(f64::from(PARAM_BYTES) * g / bus, alone(K, Term::PWords), p),
            m(images, with(channel, Term::Beats, both(Term::L2RowsInside)), i),
            m(images, with(channel, Term::Beats, both(Term::L2Rows)), i),
            m(positions, alone(K, Term::Beats), one),
            m(g, all(Term::Tiles, &[K, C, R, S]), mw),
            m(images, all(Term::Tiles, &[channel, Y, X, R, S]), mi),
            m(images, all(Term::Tiles, &[K, Y, X]), mo),
            m(images, all(Term::L2Tiles, &[K, Y, X]), one),
            m(g, all(Term::L2Tiles, &[K, C, R, S]), w),
            m(images, all(Term::L2Tiles, &[channel, Y, X, R, S]), i),
            m(g, all(Term::L2Tiles, &[K]), p),
            m(1.0, all(Term::FirstI, &[channel, Y, X]), one),
            m(1.0, all(Term::FirstW, &[K, C, R, S]), one),
            m(1.0, all(Term::LoadW, &[K, C, R, S]), one),
            m(1.0, all(Term::LoadI, &[channel, Y, X]), one),
            m(1.0, all(Term::LastStep, &Dim::ALL), one),
            m(1.0, all(Term::LastO, &[K, Y, X]), one),
            m(positions * (last + 1.0), alone(K, Term::DrainVectors), one),
            m(images, rest([Term::Rest, Term::Shares, Term::Shares]), one),
            m(images, rest([Term::FullStep, Term::Rest, Term::Shares]), one),
            m(images, rest([Term::FullStep, Term::FullStep, Term::Rest]), one),
        ];
        monomials.extend(self.phase_monomials(mw));
        (monomials, mw.clone())
    }

    /// The memories that several dimensions share.
    fn memories(&self) -> Vec<(Factors, f64)> {
        use Dim::{C, K, R, S, X, Y};
        let (s, g, holds) = (&self.f.s, &self.f.s.geometry, &self.f.holds);
        let channel = s.channel_dim();
        let all = |term: Term, dims: &[Dim]| dims.iter().map(|&d| (d, term)).collect::<Factors>();
        let inputs = if s.nest.depthwise() {
            holds[1]
        } else {
            holds[1] / u64::from(g.i_word) * u64::from(g.i_conv_banks)
        };
        let word = u64::from(g.l2_o_word)
            * if Families::accumulates(self.c, self.reuse) {
                4
            } else {
                1
            };
        vec![
            (all(Term::WShare, &[K, C, R, S]), real(holds[0])),
            (all(Term::IShare, &[channel, Y, X]), real(inputs)),
            (all(Term::PsumShare, &[K, Y, X]), real(holds[2])),
            (all(Term::L2W, &[K, C, R, S]), real(holds[3])),
            (all(Term::L2I, &[channel, Y, X]), real(holds[4])),
            (all(Term::L2O, &[K, Y, X]), real(holds[5] / word)),
        ]
    }
}
