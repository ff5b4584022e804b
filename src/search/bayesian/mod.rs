//! Constrained Bayesian optimisation in the manner of Shi et al., "Learned Hardware/Software Co-Design of Neural
//! Accelerators" (arXiv 2010.02075).
//!
//! A Gaussian process learns the logarithm of the objective over *features* of the designs rather than over genes: genes that
//! decode to the same design are one point. Known constraints hold by construction: points that do not decode are never
//! proposed. The unknown constraint, that a design may turn out to have no valid mapping, is learned by a second process on
//! labels of plus and minus one (least-squares classification; Rasmussen and Williams, section 6.5). Proposed is the point of
//! a random pool with the largest product of expected improvement and probability of being valid.
//!
//! Several points of a generation are proposed one after another, each believed to turn out as predicted ("kriging
//! believer"; Ginsbourger et al., 2010).

pub mod gp;

use crate::base::rng::stream;
use crate::search::numeric::{fill_normal, ln, uniform};
use crate::search::optimizer::Optimizer;
use gp::{Process, density, probability};
use rand::Rng as _;

/// What a point of the unit box is like, as numbers whose differences mean something, each within about one of the others;
/// none for points that break a known constraint.
pub type Features<'a> = Box<dyn Fn(&[f64]) -> Option<Vec<f64>> + Send + Sync + 'a>;

/// How much effort goes into a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Points per generation.
    pub population: usize,
    /// Random points before anything is learned.
    pub first: usize,
    /// Points that are considered for one proposal.
    pub pool: usize,
    /// Most evaluated points that a process holds: half the best, half the latest.
    pub memory: usize,
}

/// For tens to hundreds of expensive evaluations.
pub const THOROUGH: Effort = Effort {
    population: 5,
    first: 15,
    pool: 512,
    memory: 240,
};

/// For hundreds of evaluations that cost less than a proposal.
pub const QUICK: Effort = Effort {
    population: 4,
    first: 12,
    pool: 96,
    memory: 96,
};

/// The method's state.
pub struct Bayesian<'a> {
    dimensions: usize,
    effort: Effort,
    features: Features<'a>,
    seed: u64,
    asked: u64,
    /// Evaluated points: genes, features, logarithm of the objective.
    good: Vec<(Vec<f64>, Vec<f64>, f64)>,
    /// Features of points that turned out invalid.
    bad: Vec<Vec<f64>>,
    /// What is learned; none before the first points.
    model: Option<Model>,
}

/// Both processes, and the lowest target.
struct Model {
    points: Vec<Vec<f64>>,
    targets: Vec<f64>,
    objective: Process,
    valid: Option<Process>,
    lowest: f64,
}

impl Model {
    /// Expected improvement times probability of being valid.
    fn acquisition(&self, x: &[f64]) -> f64 {
        let (mean, variance) = self.objective.predict(x);
        let deviation = variance.sqrt();
        let z = (self.lowest - mean) / deviation;
        let improvement = (self.lowest - mean) * probability(z) + deviation * density(z);
        let valid = self.valid.as_ref().map_or(1.0, |p| {
            let (mean, variance) = p.predict(x);
            probability(mean / (1.0 + variance).sqrt() * LABEL_SCALE)
        });
        improvement.max(0.0) * valid
    }

    /// Takes the prediction at `x` for the truth.
    fn believe(&mut self, x: Vec<f64>) {
        self.targets.push(self.objective.predict(&x).0);
        self.points.push(x);
        if let Some(p) = Process::with_length(&self.points, &self.targets, self.objective.length()) {
            self.objective = p;
        }
    }
}

/// Steepness of the step from predicted labels to probabilities: a label of one means 97.7 %.
const LABEL_SCALE: f64 = 2.0;

impl<'a> Bayesian<'a> {
    /// A search over `dimensions` genes that sees designs as `features` tell them.
    #[must_use]
    pub fn new(dimensions: usize, effort: Effort, features: Features<'a>, seed: u64) -> Self {
        Self {
            dimensions,
            effort,
            features,
            seed,
            asked: 0,
            good: Vec::new(),
            bad: Vec::new(),
            model: None,
        }
    }

    /// Also learns from points that were evaluated elsewhere, as if they had been asked for.
    #[must_use]
    pub fn knowing(mut self, evaluated: &[(Vec<f64>, f64)]) -> Self {
        self.tell(evaluated);
        self
    }

    /// The evaluated points that the processes are fitted to.
    fn remembered(&self) -> Vec<&(Vec<f64>, Vec<f64>, f64)> {
        if self.good.len() <= self.effort.memory {
            return self.good.iter().collect();
        }
        let half = self.effort.memory / 2;
        let (old, latest) = self.good.split_at(self.good.len() - half);
        let mut best: Vec<_> = old.iter().collect();
        best.sort_by(|a, b| a.2.total_cmp(&b.2));
        best.truncate(self.effort.memory - half);
        best.into_iter().chain(latest).collect()
    }

    fn learn(&mut self) {
        let known = self.remembered();
        if known.len() < 2 {
            return;
        }
        let n = known.len() as f64;
        let mean = known.iter().map(|k| k.2).sum::<f64>() / n;
        let variance = known.iter().map(|k| (k.2 - mean) * (k.2 - mean)).sum::<f64>() / n;
        let deviation = variance.sqrt().max(1e-9);
        let points: Vec<Vec<f64>> = known.iter().map(|k| k.1.clone()).collect();
        let targets: Vec<f64> = known.iter().map(|k| (k.2 - mean) / deviation).collect();
        let lowest = targets.iter().copied().fold(f64::INFINITY, f64::min);
        let latest = &self.bad[self.bad.len().saturating_sub(self.effort.memory)..];
        let labelled: Vec<Vec<f64>> = points.iter().chain(latest).cloned().collect();
        let labels: Vec<f64> = (0..labelled.len())
            .map(|i| if i < points.len() { 1.0 } else { -1.0 })
            .collect();
        let valid = if latest.is_empty() {
            None
        } else {
            Process::fit(&labelled, &labels)
        };
        self.model = Process::fit(&points, &targets).map(|objective| Model {
            points,
            targets,
            objective,
            valid,
            lowest,
        });
    }

    /// A point of the pool: anywhere, or near one of the best.
    fn candidate(&self, best: &[&Vec<f64>], rng: &mut crate::base::rng::Rng) -> Vec<f64> {
        if best.is_empty() || uniform(rng) < 0.4 {
            return (0..self.dimensions).map(|_| uniform(rng)).collect();
        }
        let at = (rng.next_u64() % best.len() as u64) as usize;
        let (share, width) = (0.2 + 0.6 * uniform(rng), 0.02 + 0.25 * uniform(rng));
        let mut step = vec![0.0; self.dimensions];
        fill_normal(rng, &mut step);
        let moved = |(x, z): (&f64, f64)| {
            let moves = uniform(rng) < share;
            if moves { (x + width * z).clamp(0.0, 1.0) } else { *x }
        };
        best[at].iter().zip(step).map(moved).collect()
    }
}

impl Optimizer for Bayesian<'_> {
    fn name(&self) -> &'static str {
        "bayesian"
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn population(&self) -> usize {
        self.effort.population
    }

    fn ask(&mut self) -> Vec<f64> {
        let mut rng = stream(self.seed, &[self.asked]);
        self.asked += 1;
        let known = self.good.len();
        let mut order: Vec<usize> = (0..known).collect();
        order.sort_by(|&a, &b| self.good[a].2.total_cmp(&self.good[b].2));
        let best: Vec<&Vec<f64>> = order.iter().take(5).map(|&i| &self.good[i].0).collect();
        let learned = self.model.as_ref().filter(|_| known >= self.effort.first);
        // Unlearned, the first point that keeps the known constraints will do.
        let (pool, best) = if learned.is_some() {
            (self.effort.pool, best)
        } else {
            (64, Vec::new())
        };
        let mut chosen: Option<(f64, Vec<f64>, Vec<f64>)> = None;
        for _ in 0..pool {
            let genes = self.candidate(&best, &mut rng);
            let Some(x) = (self.features)(&genes) else { continue };
            let worth = learned.map_or(0.0, |m| m.acquisition(&x));
            if chosen.as_ref().is_none_or(|c| worth > c.0) {
                chosen = Some((worth, genes, x));
            }
            if learned.is_none() {
                break;
            }
        }
        let Some((_, genes, x)) = chosen else {
            // Nothing of the pool keeps the constraints: the caller will reject the point and ask again.
            return (0..self.dimensions).map(|_| uniform(&mut rng)).collect();
        };
        if known >= self.effort.first
            && let Some(model) = &mut self.model
        {
            model.believe(x);
        }
        genes
    }

    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]) {
        for (genes, value) in evaluated {
            if value.is_finite() && *value > 0.0 {
                if let Some(x) = (self.features)(genes) {
                    self.good.push((genes.clone(), x, ln(*value)));
                }
            } else {
                self.reject(genes);
            }
        }
        self.learn();
    }

    fn reject(&mut self, genes: &[f64]) {
        self.bad.extend((self.features)(genes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::random::RandomSearch;

    fn identity() -> Features<'static> {
        Box::new(|genes| Some(genes.to_vec()))
    }

    /// Ten to the quadratic distance from a point, invalid where the first gene is large.
    fn value(genes: &[f64]) -> f64 {
        if genes[0] > 0.6 {
            return f64::INFINITY;
        }
        let distance: f64 = genes.iter().map(|x| (x - 0.55) * (x - 0.55)).sum();
        crate::search::numeric::exp(4.0 * distance)
    }

    fn best(optimizer: &mut dyn Optimizer, evaluations: usize) -> (f64, usize) {
        let (mut best, mut invalid, mut done) = (f64::INFINITY, 0, 0);
        while done < evaluations {
            let points: Vec<Vec<f64>> = (0..optimizer.population()).map(|_| optimizer.ask()).collect();
            let told: Vec<_> = points.into_iter().map(|p| (p.clone(), value(&p))).collect();
            done += told.len();
            invalid += told.iter().filter(|t| t.1.is_infinite()).count();
            best = told.iter().map(|t| t.1).fold(best, f64::min);
            optimizer.tell(&told);
        }
        (best, invalid)
    }

    #[test]
    fn it_learns_the_objective_and_the_constraint() {
        let mut wins = 0;
        for seed in 0..5 {
            let effort = Effort { pool: 128, ..THOROUGH };
            let (ours, invalid) = best(&mut Bayesian::new(4, effort, identity(), seed), 60);
            let (random, drawn) = best(&mut RandomSearch::new(4, 5, seed), 60);
            wins += usize::from(ours < random);
            assert!(invalid < drawn, "{invalid} invalid points, {drawn} at random");
        }
        assert!(wins >= 4, "{wins} of 5");
    }

    #[test]
    fn known_constraints_hold_by_construction() {
        let lower_half: Features = Box::new(|g| (g[1] < 0.5).then(|| g.to_vec()));
        let mut b = Bayesian::new(3, QUICK, lower_half, 1);
        for _ in 0..8 {
            let told: Vec<_> = (0..4).map(|_| b.ask()).map(|p| (p.clone(), 1.0 + p[0])).collect();
            assert!(told.iter().all(|t| t.0[1] < 0.5), "{told:?}");
            b.tell(&told);
        }
    }

    #[test]
    fn seeds_repeat() {
        let run = |seed| best(&mut Bayesian::new(3, QUICK, identity(), seed), 40);
        assert_eq!(run(3), run(3));
    }
}
