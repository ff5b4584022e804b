//! What couples dimensions: a bound by weak duality over lists of cuts.
//!
//! Energy and cycles of a family are posynomials of its cuts, and what tiles need of a memory is a product
//! ([`crate::cost::family::Posynomials`]). By the inequality of weighted means a sum of monomials is at least the product of
//! `(monomial / weight)^weight` for any weights that add up to one; of several bounds on cycles any mixture bounds; and a
//! product that exceeds no capacity may be divided by the capacity and multiplied in with any power. The logarithm of all that
//! is a sum of terms of one dimension each: its least value over lists of cuts takes one pass over every list, and bounds the
//! objective whatever the weights. They are improved by steps towards the cuts of that least value (Frank and Wolfe, 1956).

use super::lists::Terms;
use crate::base::dims::{Dim, PerDim};
use crate::cost::family::{Posynomials, Sum, TERMS, Term};
use crate::search::numeric::{exp, ln};
use crate::search::problem::Objective;
use std::rc::Rc;

/// Memories that several dimensions share.
const MEMORIES: usize = 6;

/// Slope of the penalty on a memory's overflow.
const PENALTY: f64 = 8.0;

/// Of how many squarings of its ratio to the largest the share of a bound on cycles is made.
const SQUARINGS: usize = 5;

/// Share of a bound on cycles that is not worth a logarithm.
const NEGLIGIBLE: f64 = 1e-6;

/// Cuts that are looked at in the time of a step.
const PER_STEP: u64 = 50;

/// Margin of rounding in logarithms: far above what a few hundred operations lose, far below any gap that matters.
pub const MARGIN: f64 = 1e-9;

/// Logarithms of the terms of one cut.
pub type Logs = [f64; TERMS];

/// Where the weights of a family come from; good ones for a family are good ones to begin with for its parts.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Logarithms of monomials without their coefficients.
    at: Vec<f64>,
    /// Powers of the memories' shares.
    memory: [f64; MEMORIES],
}

/// A bound.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Logarithm of what the objective is at least.
    pub least: f64,
    /// Weights that give it.
    pub weights: Weights,
    /// Per dimension, what a term counts.
    pub prices: PerDim<Logs>,
    /// Per dimension, the least sum of terms over its list.
    pub minima: PerDim<f64>,
}

/// A family in logarithms.
pub struct Program<'a> {
    objective: Objective,
    posynomials: &'a Posynomials,
    /// The monomials that the objective has, and the logarithms of their coefficients.
    active: Vec<(usize, f64)>,
    capacities: [f64; MEMORIES],
    /// The cuts of each dimension.
    lists: PerDim<Columns>,
}

/// The cuts of one dimension, term by term.
struct Columns {
    cuts: usize,
    /// Those terms that some factor is, and their values.
    terms: Vec<(usize, Vec<f64>)>,
    /// Where a term is among them.
    places: [Option<u8>; TERMS],
}

impl Columns {
    fn value(&self, term: Term, cut: usize) -> f64 {
        self.places[term as usize].map_or(0.0, |place| self.terms[usize::from(place)].1[cut])
    }

    /// The cut with the least sum of terms at `prices`, the first among equals.
    fn lowest(&self, prices: &Logs, sums: &mut Vec<f64>) -> (usize, f64) {
        sums.clear();
        sums.resize(self.cuts, 0.0);
        for (t, values) in &self.terms {
            let price = prices[*t];
            if price > 0.0 {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += price * value;
                }
            }
        }
        let least = sums.iter().copied().fold(f64::INFINITY, f64::min);
        (sums.iter().position(|&s| s == least).unwrap_or(0), least)
    }
}

impl<'a> Program<'a> {
    /// The family of `posynomials` over the cuts of `lists`, none of them empty.
    pub fn new(
        objective: Objective,
        posynomials: &'a Posynomials,
        cuts: &PerDim<Vec<u32>>,
        terms: &PerDim<Rc<Terms>>,
    ) -> Self {
        let mut used = PerDim([[false; TERMS]; 6]);
        let mut counts = vec![false; posynomials.monomials.len()];
        let mut count = |sum: &Sum| {
            for &(j, _) in &sum.parts {
                counts[j] = true;
            }
        };
        if objective != Objective::Latency {
            count(&posynomials.energy);
        }
        if objective != Objective::Energy {
            posynomials.cycles.iter().for_each(count);
        }
        let active = |j: &usize| counts[*j];
        let active: Vec<usize> = (0..counts.len()).filter(active).collect();
        let products = active.iter().map(|&j| &posynomials.monomials[j].factors);
        for factors in products.chain(posynomials.memories.iter().map(|m| &m.0)) {
            for &(d, t) in factors {
                used[d][t as usize] = true;
            }
        }
        let columns = |d: Dim| {
            // A cut above another one of the list is never the lowest.
            let lowest = |c: &u32| {
                let below = terms[d].below[*c as usize];
                below == *c || cuts[d].binary_search(&below).is_err()
            };
            let cuts: Vec<u32> = cuts[d].iter().copied().filter(lowest).collect();
            let column = |t: usize| cuts.iter().map(|&c| terms[d].logs[c as usize][t]).collect();
            let terms: Vec<usize> = (0..TERMS).filter(|&t| used[d][t]).collect();
            let place = |t: usize| terms.iter().position(|&o| o == t).map(|place| place as u8);
            Columns {
                cuts: cuts.len(),
                places: std::array::from_fn(place),
                terms: terms.iter().map(|&t| (t, column(t))).collect(),
            }
        };
        let lists = PerDim::from_fn(columns);
        Self {
            objective,
            active: active
                .iter()
                .map(|&j| (j, ln(posynomials.monomials[j].coefficient)))
                .collect(),
            capacities: std::array::from_fn(|i| ln(posynomials.memories[i].1)),
            posynomials,
            lists,
        }
    }

    /// The value of a product in logarithms at one cut per dimension.
    fn at(&self, factors: &[(Dim, Term)], picked: &PerDim<usize>) -> f64 {
        factors.iter().map(|&(d, t)| self.lists[d].value(t, picked[d])).sum()
    }

    /// Weights to begin with: every memory full of nothing.
    pub fn begin(&self) -> Weights {
        // In the middle of every list, in no particular order.
        let picked = PerDim::from_fn(|d| self.lists[d].cuts / 2);
        Weights {
            at: self
                .posynomials
                .monomials
                .iter()
                .map(|m| self.at(&m.factors, &picked))
                .collect(),
            memory: [0.0; MEMORIES],
        }
    }

    /// The weights of all monomials at `at`, and the constant that goes with them.
    fn monomial_weights(&self, at: &[f64]) -> (Vec<f64>, f64) {
        let mut values = vec![0.0; at.len()];
        for &(j, coefficient) in &self.active {
            values[j] = exp(coefficient + at[j]);
        }
        let total = |sum: &Sum| sum.constant + sum.parts.iter().map(|&(j, w)| w * values[j]).sum::<f64>();
        let mut weights = vec![0.0; at.len()];
        let mut constant = 0.0;
        let mut add = |sum: &Sum, total: f64, share: f64| {
            for &(j, w) in &sum.parts {
                weights[j] += share * w * values[j] / total;
            }
        };
        if self.objective != Objective::Latency {
            let energy = total(&self.posynomials.energy);
            constant += ln(energy);
            add(&self.posynomials.energy, energy, 1.0);
        }
        if self.objective != Objective::Energy {
            let totals: Vec<f64> = self.posynomials.cycles.iter().map(total).collect();
            let most = totals.iter().copied().fold(0.0, f64::max);
            // A power of the ratio, by squaring: it only says how the bounds are mixed.
            let share = |total: f64| {
                let mut share = total / most;
                for _ in 0..SQUARINGS {
                    share *= share;
                }
                share
            };
            let all: f64 = totals.iter().map(|&t| share(t)).sum();
            for (sum, &total) in self.posynomials.cycles.iter().zip(&totals) {
                let share = share(total) / all;
                // Left out is as if mixed in by the logarithm of one cycle, which every run takes.
                if share > NEGLIGIBLE {
                    constant += share * ln(total);
                    add(sum, total, share);
                }
            }
        }
        let used: f64 = weights.iter().zip(at).map(|(w, a)| w * a).sum();
        (weights, constant - used)
    }

    /// The bound at `weights`, and the cuts of its least value.
    fn bound(&self, at: &[f64], memory: &[f64; MEMORIES]) -> (f64, PerDim<Logs>, PerDim<f64>, PerDim<usize>) {
        let (weights, mut least) = self.monomial_weights(at);
        let mut prices = PerDim([[0.0; TERMS]; 6]);
        for &(j, _) in self.active.iter().filter(|a| weights[a.0] > 0.0) {
            for &(d, t) in &self.posynomials.monomials[j].factors {
                prices[d][t as usize] += weights[j];
            }
        }
        for (i, (factors, _)) in self.posynomials.memories.iter().enumerate() {
            least -= memory[i] * self.capacities[i];
            for &(d, t) in factors {
                prices[d][t as usize] += memory[i];
            }
        }
        let mut sums = Vec::new();
        let mut minima = PerDim([0.0; 6]);
        let mut picked = PerDim([0; 6]);
        for d in Dim::ALL {
            let (at, value) = self.lists[d].lowest(&prices[d], &mut sums);
            (minima[d], picked[d]) = (value, at);
            least += value;
        }
        (least, prices, minima, picked)
    }

    /// The best bound of some steps from `weights` on; fewer once it reaches `enough`. Counts the steps.
    pub fn solve(&self, weights: &Weights, steps: usize, enough: f64, taken: &mut u64) -> Bound {
        let mut at = weights.at.clone();
        let mut load = self.capacities;
        let mut best = Bound {
            least: f64::NEG_INFINITY,
            weights: weights.clone(),
            prices: PerDim([[0.0; TERMS]; 6]),
            minima: PerDim([0.0; 6]),
        };
        let cost = 4 + Dim::ALL.iter().map(|&d| self.lists[d].cuts as u64).sum::<u64>() / PER_STEP;
        for step in 0..steps.max(1) {
            *taken += cost;
            let memory: [f64; MEMORIES] =
                std::array::from_fn(|i| (weights.memory[i] + PENALTY * (load[i] - self.capacities[i])).max(0.0));
            let (least, prices, minima, picked) = self.bound(&at, &memory);
            if least > best.least {
                let weights = Weights { at: at.clone(), memory };
                best = Bound {
                    least,
                    weights,
                    prices,
                    minima,
                };
                if least >= enough {
                    break;
                }
            }
            let rate = 2.0 / (step as f64 + 5.0);
            for &(j, _) in &self.active {
                let new = self.at(&self.posynomials.monomials[j].factors, &picked);
                at[j] += rate * (new - at[j]);
            }
            for (i, (factors, _)) in self.posynomials.memories.iter().enumerate() {
                let new = self.at(factors, &picked);
                load[i] += rate * (new - load[i]);
            }
        }
        best
    }
}

/// The sum of terms of a cut.
pub fn value(logs: &Logs, prices: &Logs) -> f64 {
    logs.iter()
        .zip(prices)
        .filter(|(_, p)| **p > 0.0)
        .map(|(l, p)| l * p)
        .sum()
}
