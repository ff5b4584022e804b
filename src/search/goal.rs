//! What a co-design search is after: an objective, limits that a design has to keep, and how a network's mappings are put
//! together within them.

use crate::search::mapper::{Choice, compose};
use crate::search::numeric::geometric_mean;
use crate::search::problem::{Figures, Objective};
use serde::{Deserialize, Serialize};

/// What a design may cost at most, every network by itself; what is absent has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Cycles.
    pub cycles: Option<u64>,
    /// Energy in picojoules.
    pub energy_pj: Option<f64>,
    /// Area in square micrometres.
    pub area_um2: Option<f64>,
}

/// An objective under limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// What to minimise.
    pub objective: Objective,
    /// What to keep.
    pub limits: Limits,
}

/// What a design costs: every network's run, and the accelerator's area.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rated {
    /// Every network.
    pub totals: Vec<Figures>,
    /// Area in square micrometres.
    pub area_um2: f64,
}

impl Rated {
    /// Geometric means over the networks of cycles and energy, and the area.
    #[must_use]
    pub fn point(&self) -> [f64; 3] {
        let mean = |of: &dyn Fn(&Figures) -> f64| geometric_mean(&self.totals.iter().map(of).collect::<Vec<_>>());
        [mean(&|f| f.cycles as f64), mean(&|f| f.energy_pj), self.area_um2]
    }

    /// Geometric mean of `objective` over the networks (NAAS's reward over a set).
    #[must_use]
    pub fn mean(&self, objective: Objective) -> f64 {
        geometric_mean(&self.totals.iter().map(|f| objective.of(f)).collect::<Vec<_>>())
    }
}

/// What a design outside the limits is told to cost: so much more that it ranks behind designs that keep them, and the more
/// the further it is outside.
const PENALTY: f64 = 1e3;

impl Goal {
    /// The largest ratio of a figure to its limit; at most one where all limits are kept.
    #[must_use]
    pub fn excess(&self, rated: &Rated) -> f64 {
        let Limits {
            cycles,
            energy_pj,
            area_um2,
        } = self.limits;
        let most = |of: &dyn Fn(&Figures) -> f64| rated.totals.iter().map(of).fold(0.0, f64::max);
        let ratios = [
            cycles.map(|limit| most(&|f| f.cycles as f64) / limit.max(1) as f64),
            energy_pj.map(|limit| most(&|f| f.energy_pj) / limit),
            area_um2.map(|limit| rated.area_um2 / limit),
        ];
        ratios.into_iter().flatten().fold(0.0, f64::max)
    }

    /// The value to minimise: the mean objective, with a penalty outside the limits.
    #[must_use]
    pub fn value(&self, rated: &Rated) -> f64 {
        let (value, excess) = (rated.mean(self.objective), self.excess(rated));
        if excess > 1.0 {
            value * PENALTY * excess * excess
        } else {
            value
        }
    }

    /// As [`compose`], but where that exceeds the limit of cycles or energy, the mixture that is nearest to it and does not,
    /// if one does.
    #[must_use]
    pub fn compose(&self, fronts: &[&[Choice]], layers: &[usize]) -> Vec<usize> {
        let free = compose(self.objective, fronts, layers);
        let sum = |picked: &[usize]| {
            layers
                .iter()
                .fold(Figures::default(), |sum, &l| sum.plus(&fronts[l][picked[l]].figures, 1))
        };
        let start = sum(&free);
        let slow = |f: &Figures| self.limits.cycles.is_some_and(|limit| f.cycles > limit);
        let hungry = |f: &Figures| self.limits.energy_pj.is_some_and(|limit| f.energy_pj > limit);
        if slow(&start) == hungry(&start) {
            return free; // Within the limits, or outside both: no mixture helps against both.
        }
        // From the mixture without limits to the one that spares only what is exceeded.
        let spare_cycles = slow(&start);
        let pick = |share: f64| -> Vec<usize> {
            let [c, e] = if spare_cycles {
                [1.0, 1.0 - share]
            } else {
                [1.0 - share, 1.0]
            };
            let [c, e] = [c / start.cycles.max(1) as f64, e / start.energy_pj];
            let best = |front: &&[Choice]| {
                let value = |i: &usize| front[*i].figures.cycles as f64 * c + front[*i].figures.energy_pj * e;
                (0..front.len())
                    .min_by(|a, b| value(a).total_cmp(&value(b)))
                    .unwrap_or(0)
            };
            fronts.iter().map(best).collect()
        };
        let outside = |picked: &[usize]| {
            let f = sum(picked);
            if spare_cycles { slow(&f) } else { hungry(&f) }
        };
        let (mut low, mut high) = (-1.0, 1.0);
        let mut kept = pick(high);
        for _ in 0..24 {
            let middle = f64::midpoint(low, high);
            let candidate = pick(middle);
            if outside(&candidate) {
                low = middle;
            } else {
                (high, kept) = (middle, candidate);
            }
        }
        kept
    }
}

/// Whether `a` is at most as high as `b` everywhere and lower somewhere.
#[must_use]
pub fn dominates<const N: usize>(a: &[f64; N], b: &[f64; N]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a != b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dims::{Dim, PerDim};
    use crate::mapping::tiling::{Level, Mapping, UNSPLIT};

    fn choice(cycles: u64, energy_pj: f64) -> Choice {
        let level = Level {
            tile: PerDim::from_fn(|_| 1),
            order: Dim::ALL,
        };
        let mapping = Mapping {
            offchip: level,
            l2: level,
            pe: Dim::ALL,
            split: UNSPLIT,
        };
        Choice {
            mapping,
            figures: Figures { cycles, energy_pj },
        }
    }

    #[test]
    fn mixtures_keep_the_limits_where_any_does() {
        let a = [choice(10, 100.0), choice(20, 50.0), choice(50, 20.0)];
        let b = [choice(100, 10.0), choice(130, 8.0)];
        let fronts: [&[Choice]; 2] = [&a, &b];
        let total = |objective, limits| {
            let picked = Goal { objective, limits }.compose(&fronts, &[0, 1]);
            let (a, b) = (a[picked[0]].figures, b[picked[1]].figures);
            (a.cycles + b.cycles, a.energy_pj + b.energy_pj)
        };
        let none = Limits::default();
        assert_eq!(total(Objective::Latency, none), (110, 110.0));
        assert_eq!(
            total(
                Objective::Latency,
                Limits {
                    energy_pj: Some(60.0),
                    ..none
                }
            ),
            (120, 60.0)
        );
        assert_eq!(
            total(
                Objective::Energy,
                Limits {
                    cycles: Some(125),
                    ..none
                }
            ),
            (120, 60.0)
        );
        // Nothing keeps it: the nearest.
        assert_eq!(
            total(
                Objective::Energy,
                Limits {
                    cycles: Some(100),
                    ..none
                }
            ),
            (110, 110.0)
        );
    }

    #[test]
    fn outside_the_limits_ranks_last() {
        let rated = |cycles, area_um2| Rated {
            totals: vec![Figures { cycles, energy_pj: 1.0 }],
            area_um2,
        };
        let limits = Limits {
            area_um2: Some(10.0),
            ..Limits::default()
        };
        let goal = Goal {
            objective: Objective::Latency,
            limits,
        };
        let values = [rated(100, 10.0), rated(90, 11.0), rated(90, 20.0)].map(|r| goal.value(&r));
        assert!(values[0] < 101.0 && 10.0 * values[0] < values[1] && values[1] < values[2]);
    }
}
