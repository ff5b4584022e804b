//! Bounds on cycles whose chain of jobs goes from one engine to another where the work changes; docs/exact_mapper.md derives
//! them (rule 10). They exist as sums of monomials only.

use super::chains::{Fixed, LOADED, READ, once, written};
use super::posynomial::{Build, Count as N, Factors, Monomial, Sum, Term, Times};
use super::{Cuts, Families, Offchip};
use crate::base::dims::{Dim, PerDim};
use crate::base::int::ceil_div;
use crate::cost::tech::real;
use crate::mapping::schedule::RELEASE;

const OUTPUTS: [Dim; 3] = [Dim::K, Dim::Y, Dim::X];

impl Families {
    /// Puts those terms of `cut`, one of `d`, that only chains over phases have.
    pub(super) fn phase_terms(&self, d: Dim, cut: &Cuts, put: &mut impl FnMut(Term, u64)) {
        let ([_, last], full) = (cut.step, if cut.l2_tiles[0] > 1 { cut.step[0] } else { 0 });
        put(Term::BeforeLast, cut.rest[1]);
        put(Term::One, full);
        put(Term::Middle, cut.rest[1] - full);
        put(Term::LastTiles, cut.trips[1].into());
        put(Term::TilesBefore, cut.tiles[0] - u64::from(cut.trips[1]));
        put(Term::L2TilesBefore, cut.l2_tiles[0] - 1);
        put(Term::Share, cut.share.into());
        put(Term::ButOne, cut.shares - u64::from(cut.share));
        put(Term::ShareLast, cut.share_last.into());
        put(Term::ButLast, cut.shares - u64::from(cut.share_last));
        let ragged = cut.regular < 1.0;
        let of = |value: u64| if ragged { value } else { 0 };
        put(Term::Ragged, of(last));
        put(Term::Firsts, cut.firsts - of(last));
        put(Term::Others, cut.others);
        let vectors = |e: u32| match d {
            Dim::K => ceil_div(e.into(), self.s.ports.drain_lanes),
            _ => e.into(),
        };
        let drained = match d {
            Dim::K => cut.drain_vectors,
            _ => self.bound(d).into(),
        };
        let regular = drained - of(vectors(cut.l2_last));
        put(Term::Drained, drained);
        put(Term::DrainedRagged, of(vectors(cut.l2_last)));
        put(Term::DrainedRegular, regular);
        put(Term::DrainedLess, regular - of(vectors(cut.tile)));
    }
}

impl Build<'_> {
    /// The monomials of chains over phases, in the order of [`N`].
    pub(super) fn phase_monomials(&self, w_moves: &Times) -> Vec<Monomial> {
        let mut all = self.sweep_monomials();
        all.extend(self.sum_monomials());
        all.extend(self.narrow_monomials(w_moves));
        all
    }

    fn images(&self) -> f64 {
        f64::from(self.f.s.nest.g) * f64::from(self.f.s.nest.n)
    }

    fn sweep_monomials(&self) -> Vec<Monomial> {
        use Dim::{C, K, R, S, X, Y};
        let m = |factors: Factors| Monomial {
            coefficient: self.images(),
            factors,
        };
        let with = |[y, x]: [Term; 2]| {
            let shares = [K, C, R, S].map(|d| (d, Term::Shares));
            m([(Y, y), (X, x)].into_iter().chain(shares).collect())
        };
        let first = [self.f.s.channel_dim(), Y, X].map(|d| (d, Term::FirstI));
        let once = |factors: Factors| Monomial {
            coefficient: 1.0,
            factors,
        };
        vec![
            once(
                [self.f.s.channel_dim(), Y, X]
                    .map(|d| (d, Term::LastI))
                    .into_iter()
                    .collect(),
            ),
            once([K, C, R, S].map(|d| (d, Term::LastW)).into_iter().collect()),
            m([(K, Term::L2Tiles)].into_iter().chain(first).collect()),
            with([Term::Middle, Term::Shares]),
            with([Term::One, Term::BeforeLast]),
            with([Term::LastStep, Term::Middle]),
            with([Term::LastStep, Term::One]),
            with([Term::One, Term::LastStep]),
            with([Term::BeforeLast, Term::Shares]),
            with([Term::Shares, Term::BeforeLast]),
            with([Term::BeforeLast, Term::BeforeLast]),
        ]
    }

    /// Those of final sums: with the innermost loop and, if that is one over outputs, the second one.
    fn sum_monomials(&self) -> Vec<Monomial> {
        use Dim::{C, R, S};
        let [inner, second, other] = self.outputs();
        let known = self.second_output().is_some();
        let lanes = &self.f.s.ports;
        let whole = [Term::Shares; 3];
        let of = |outputs: [Term; 2], sums: [Term; 3]| {
            let outputs = [(inner, outputs[0]), (second, outputs[1]), (other, Term::Shares)];
            let sums = [(C, sums[0]), (R, sums[1]), (S, sums[2])];
            Monomial {
                coefficient: self.images(),
                factors: outputs.into_iter().chain(sums).collect(),
            }
        };
        let before_last = [
            [Term::ButLast, Term::Shares, Term::Shares],
            [Term::ShareLast, Term::ButLast, Term::Shares],
            [Term::ShareLast, Term::ShareLast, Term::ButLast],
        ];
        let before_full = [
            [Term::ButOne, Term::Shares, Term::Shares],
            [Term::Share, Term::ButOne, Term::Shares],
            [Term::Share, Term::Share, Term::ButOne],
        ];
        let drains = |terms: [Term; 2]| Monomial {
            coefficient: self.images() * real(ceil_div(lanes.drain_lanes, lanes.requantizers)),
            factors: [(inner, terms[0]), (second, terms[1]), (other, Term::Drained)]
                .into_iter()
                .collect(),
        };
        let mut all: Vec<Monomial> = before_last.map(|s| of([Term::Others, Term::Shares], s)).into();
        all.extend(before_full.map(|s| of([Term::Firsts, Term::Shares], s)));
        all.extend(before_last.map(|s| of([Term::Ragged, Term::Others], s)));
        all.extend(before_full.map(|s| of([Term::Ragged, Term::Firsts], s)));
        if known {
            all.push(of([Term::Ragged, Term::Ragged], whole));
            all.push(drains([Term::DrainedRegular, Term::DrainedRegular]));
        } else {
            all.push(of([Term::Ragged, Term::Shares], whole));
            all.push(drains([Term::DrainedLess, Term::Drained]));
        }
        all.push(drains([Term::DrainedLess, Term::DrainedRagged]));
        all.push(drains([Term::DrainedRagged, Term::DrainedLess]));
        all
    }

    /// W loads of the last level-2 tiles along Y, along X, and of those along X beside the others along Y.
    fn narrow_monomials(&self, w_moves: &Times) -> Vec<Monomial> {
        use Dim::{C, K, R, S, X, Y};
        let nest = &self.f.s.nest;
        let taps = [C, R, S].map(|d| f64::from(nest.bounds[d])).iter().product::<f64>();
        let loads = |narrow: [[Option<Term>; 2]; 2]| {
            // Per array tile or per level-2 tile, as all of them.
            let factor = |&(d, t): &(Dim, Term)| {
                let at = [Y, X].iter().position(|&o| o == d);
                let [by_tile, by_l2] = match at {
                    Some(i) => narrow[i],
                    None => [Some(t), Some(t)],
                };
                let term = match t {
                    Term::Tiles => by_tile,
                    Term::L2Tiles => by_l2,
                    _ => Some(t),
                };
                term.map(|t| (d, t))
            };
            let moves = w_moves.factors.iter().filter_map(factor);
            Monomial {
                coefficient: taps * f64::from(nest.g) * w_moves.coefficient,
                factors: [(K, Term::WVectors)].into_iter().chain(moves).collect(),
            }
        };
        let all = [Some(Term::Tiles), Some(Term::L2Tiles)];
        let last = [Some(Term::LastTiles), None];
        let before = [Some(Term::TilesBefore), Some(Term::L2TilesBefore)];
        vec![loads([last, all]), loads([all, last]), loads([before, last])]
    }

    /// The innermost level-2 loop, the second one, and the third dimension of outputs; any order if these are not known.
    fn outputs(&self) -> [Dim; 3] {
        let inner = self.reuse.innermost.filter(|d| OUTPUTS.contains(d));
        let mut all: Vec<Dim> = inner.into_iter().chain(self.second_output()).collect();
        all.extend(
            OUTPUTS
                .iter()
                .filter(|d| Some(**d) != inner && Some(**d) != self.second_output()),
        );
        std::array::from_fn(|i| all.get(i).copied().unwrap_or(Dim::K))
    }

    /// The second level-2 loop from inside, if that and the innermost one are over outputs.
    fn second_output(&self) -> Option<Dim> {
        let inner = self.reuse.innermost.filter(|d| OUTPUTS.contains(d));
        self.reuse.second.filter(|d| inner.is_some() && OUTPUTS.contains(d))
    }

    /// All chains over phases.
    pub(super) fn phases(&self, f: &Fixed, w_moves: &Times) -> Vec<Sum> {
        let mut all = Vec::new();
        if self.sums_apart() {
            let ragged = OUTPUTS.iter().any(|&d| self.c[d].regular < 1.0);
            all.push(f.final_sums(ragged, self.second_output().is_some()));
        }
        if let Some(kept) = self.sweeps_kept() {
            all.push(f.sweeps(kept, self.sweep_begins(f)));
        }
        if let Some(kept) = self.last_read_kept() {
            all.push(f.last_read(kept));
        }
        let moved = |d: Dim| w_moves.factors.iter().any(|f| f.0 == d);
        if moved(Dim::Y) && moved(Dim::X) {
            let several = |d: Dim| self.c[d].l2_tiles[0] > 1;
            let (y, x) = (several(Dim::Y), several(Dim::X));
            if y {
                all.push(f.narrow(&[N::BeforeY, N::LoadsY]));
            }
            if x {
                all.push(f.narrow(&[N::BeforeX, N::LoadsX]));
            }
            if y && x {
                all.push(f.narrow(&[N::BeforeBoth, N::LoadsY, N::LoadsBeforeX]));
            }
        }
        all
    }

    /// Whether the innermost level-2 loop is one over outputs, and every output is summed up in several passes.
    fn sums_apart(&self) -> bool {
        let within = self.reuse.innermost.is_some_and(|d| OUTPUTS.contains(&d));
        within && Dim::REDUCTION.iter().any(|&d| self.c[d].tiles[0] > 1)
    }

    /// What comes between the reads and the passes of a step over K, and between these passes and the next reads.
    fn sweep_begins(&self, f: &Fixed) -> u64 {
        let first = PerDim::from_fn(|d| self.c[d].first_of_last);
        f.to_use + self.f.s.w_cycles(&first) + f.e.w_token + 2 * RELEASE
    }

    /// The part that surely is in the chain of [`Fixed::sweeps`] of the passes of the last off-chip step but one of a step over
    /// K; none where there is no such chain.
    fn sweeps_kept(&self) -> Option<f64> {
        use Dim::{K, X, Y};
        let several = |d: Dim| self.c[d].l2_tiles[0] > 1;
        let once = Dim::REDUCTION.iter().all(|&d| self.c[d].l2_tiles[1] == 1);
        let encloses = self.reuse.offchip == Offchip::Outer && several(K) && (several(Y) || several(X));
        (once && encloses && !self.f.s.nest.depthwise())
            .then(|| self.kept())
            .flatten()
    }

    /// The part that surely is in the chain of [`Fixed::last_read`] of the passes on the last tile of outputs but one; none where
    /// there is no such chain.
    fn last_read_kept(&self) -> Option<f64> {
        use Dim::{X, Y};
        let several = |d: Dim| self.c[d].l2_tiles[0] > 1;
        let apart = self.cut_reduction() && (several(Y) || several(X)) && self.c[Dim::K].l2_tiles[1] == 1;
        let step = Dim::REDUCTION.iter().map(|&d| self.c[d].last_part).product::<f64>();
        apart
            .then(|| self.kept())
            .flatten()
            .map(|kept| 1.0 - (1.0 - kept) * step)
    }

    /// Of the passes of an off-chip step, the last one on the last tile of outputs but one, the part that surely is before those
    /// on its last two array tiles of I; none if it may have less than two.
    fn kept(&self) -> Option<f64> {
        use Dim::{C, R, S, X, Y};
        let c = self.c;
        // A last tile along the outer one of Y and X, a full one along the inner one.
        let orders = [[1, 0], [0, 1]].map(|[y, x]| [(C, 1), (R, 1), (S, 1), (Y, y), (X, x)]);
        let loads = orders.map(|o| o.iter().map(|&(d, i)| u64::from(c[d].trips[i])).product::<u64>());
        let lost = orders.map(|o| {
            let last = o.map(|(d, i)| c[d].part[i][1]);
            let before = (0..o.len()).map(|inner| {
                let along = |i: usize| if i == inner { c[o[i].0].part[o[i].1][0] } else { last[i] };
                (0..o.len()).map(along).product::<f64>()
            });
            last.iter().product::<f64>() + before.fold(0.0, f64::max)
        });
        let least = loads[0].min(loads[1]);
        let steps = c[Y].l2_tiles[0] * c[X].l2_tiles[0];
        let kept = || (1.0 - 1e-9 - lost[0].max(lost[1])).max(0.0);
        (least > 2 || least == 2 && steps > 2).then(kept)
    }
}

impl Fixed {
    /// Passes that are not of final sums, and the drains of final sums.
    fn final_sums(&self, ragged: bool, second: bool) -> Sum {
        let mut parts = vec![
            N::OthersC,
            N::OthersR,
            N::OthersS,
            N::FirstsC,
            N::FirstsR,
            N::FirstsS,
            N::Drained,
        ];
        if ragged {
            parts.push(N::Ragged);
        }
        if ragged && second {
            parts.extend([
                N::RaggedOthersC,
                N::RaggedOthersR,
                N::RaggedOthersS,
                N::RaggedFirstsC,
                N::RaggedFirstsR,
                N::RaggedFirstsS,
                N::DrainedBeside,
                N::DrainedRagged,
            ]);
        }
        let mut parts = once(&[parts.as_slice(), &written(&LOADED)].concat());
        if !ragged {
            parts.push((N::WriteJobs as usize, real(self.e.drain_token + RELEASE)));
        }
        Sum {
            // There is a first write job, and the passes before it have a head.
            constant: real((self.whole + self.compute + self.after_drain).saturating_sub(RELEASE)),
            parts,
        }
    }

    /// Reads that begin the steps over K, and passes in between, of the last off-chip step but one a part only.
    fn sweeps(&self, kept: f64, begins: u64) -> Sum {
        let whole = [
            N::SweepFirstI,
            N::WFills,
            N::SweepMiddle,
            N::SweepOne,
            N::SweepLast,
            N::LastStep,
            N::LastO,
        ];
        let mut parts = once(&whole);
        parts.extend([N::SweepPartY, N::SweepPartX].map(|n| (n as usize, kept)));
        // Parameters are read as often as such a step begins.
        parts.push((N::PReads as usize, real(begins)));
        Sum {
            constant: real(self.whole + 1 + self.after_compute - 2 * RELEASE),
            parts,
        }
    }

    /// Passes but for those on the last tile of outputs, of the one before a part only; the reads and the passes of the last
    /// off-chip step.
    fn last_read(&self, kept: f64) -> Sum {
        let parts = [
            N::SweepMiddle,
            N::SweepOne,
            N::SweepLast,
            N::LastI,
            N::LastW,
            N::LastStep,
        ];
        let mut parts = once(&[parts.as_slice(), &written(&LOADED)].concat());
        parts.extend([N::SweepPartY, N::SweepPartX].map(|n| (n as usize, kept)));
        let to_last = 2 * RELEASE + self.to_use + self.e.load_of_last;
        Sum {
            constant: real(self.whole + self.compute + to_last + self.after_compute),
            parts,
        }
    }

    /// Passes of some off-chip steps and W loads of the others.
    fn narrow(&self, parts: &[N]) -> Sum {
        Sum {
            constant: real(self.whole + self.compute + self.e.w_token + self.after_load),
            parts: once(&[parts, &written(&READ)].concat()),
        }
    }
}
