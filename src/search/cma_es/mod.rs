//! CMA-ES, the covariance matrix adaptation evolution strategy.
//!
//! Follows Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772 (equation and table numbers below are its):
//! sampling from `N(m, sigma^2 C)`, weighted recombination, cumulative step-size adaptation, rank-one and rank-mu updates
//! of the covariance, and negative ("active") weights for the worse half.
//!
//! **Box.** Samples are reflected at the faces of `[0, 1]^n` until they lie inside: the distribution lives in the unfolded
//! space, where an optimum on a face is a minimum like any other. (Clamping, the other reading of NAAS's "project", makes
//! the steps of a mean on a face too short or one-sided, and step-size adaptation then stops too early or never; measured:
//! with it no seed reached a corner's optimum.) Of any point the step is shortened to a length that samples seldom exceed
//! (Hansen, "Injecting External Solutions Into CMA-ES", arXiv 1110.4181), so points that were never asked for may be told.
//!
//! **Order only.** The update reads ranks, never values, so any order-preserving change of the objective gives the same
//! points. If the better 70 % of a population tie, the step size grows to leave the plateau (appendix B of the
//! tutorial); it never exceeds the box.
//!
//! **Restarts.** When the distribution has shrunk below the tolerance, its condition is beyond use, or `10 + 60 n / population`
//! generations passed without a new best value, the method is stalled; with restarts on it starts anew from a random mean
//! with twice the population (IPOP; Auger and Hansen, CEC 2005).

mod covariance;

pub use covariance::Covariance;

use crate::base::rng::stream;
use crate::search::numeric::{exp, fill_normal, ln, uniform};
use crate::search::optimizer::{Optimizer, ranking};
use covariance::{Shape, Weighted};

/// How a search starts and what it learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Start of the mean, every coordinate within `[0, 1]`; its length is the number of dimensions.
    pub mean: Vec<f64>,
    /// Start of the step size, in units of the box; the optimum should lie within about three steps of the mean.
    pub sigma: f64,
    /// Points per generation, at least 4; by default `4 + floor(3 ln n)` (table 1).
    pub population: Option<usize>,
    /// Full or diagonal covariance.
    pub covariance: Covariance,
    /// Whether the worse half of a population gets negative weights.
    pub active: bool,
    /// Whether to start anew when stalled.
    pub restarts: bool,
    /// Step size times the largest scale below which the search is stalled.
    pub tolerance: f64,
}

impl Settings {
    /// Starts in the middle of a box of `n` dimensions with step size 0.3; full covariance, active, no restarts.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self {
            mean: vec![0.5; n],
            sigma: 0.3,
            population: None,
            covariance: Covariance::Full,
            active: true,
            restarts: false,
            tolerance: 1e-12,
        }
    }
}

/// Constants of the strategy for one population size (table 1).
#[derive(Clone, Debug)]
struct Constants {
    /// Recombination weights by rank: `parents` positive ones that sum to one, then negative ones (or zeros).
    weights: Vec<f64>,
    parents: usize,
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c1: f64,
    c_mu: f64,
    /// Expected length of a standard normal vector.
    chi: f64,
    /// Length beyond which a whitened step is shortened.
    longest: f64,
    /// Generations between two decompositions (section B.2).
    refresh_every: u64,
}

impl Constants {
    fn new(n: usize, population: usize, settings: &Settings) -> Self {
        let dim = n as f64;
        let raw: Vec<f64> = (1..=population)
            .map(|i| ln(f64::midpoint(population as f64, 1.0)) - ln(i as f64))
            .collect();
        let parents = population / 2;
        let mu_eff = effective(&raw[..parents]);
        let speed = match settings.covariance {
            Covariance::Full => 1.0,
            Covariance::Diagonal => (dim + 2.0) / 3.0,
        };
        let c1 = (speed * 2.0 / ((dim + 1.3) * (dim + 1.3) + mu_eff)).min(0.5);
        let c_mu =
            (speed * 2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((dim + 2.0) * (dim + 2.0) + mu_eff)).min(1.0 - c1);
        let c_sigma = (mu_eff + 2.0) / (dim + mu_eff + 5.0);
        let root = dim.sqrt();
        Self {
            weights: weights(&raw, parents, dim, c1, c_mu, settings.active),
            parents,
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * (((mu_eff - 1.0) / (dim + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma,
            c_c: (4.0 + mu_eff / dim) / (dim + 4.0 + 2.0 * mu_eff / dim),
            c1,
            c_mu,
            chi: root * (1.0 - 1.0 / (4.0 * dim) + 1.0 / (21.0 * dim * dim)),
            longest: root + 2.0 * dim / (dim + 2.0),
            refresh_every: match settings.covariance {
                Covariance::Full => (1.0 / (10.0 * dim * (c1 + c_mu))).floor().max(1.0) as u64,
                Covariance::Diagonal => 1,
            },
        }
    }
}

/// Variance-effective size of a set of weights: `(sum w)^2 / sum w^2`.
fn effective(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    sum * sum / weights.iter().map(|w| w * w).sum::<f64>()
}

/// Weights by rank (equations 49 to 53): positive ones sum to one, negative ones to at most what keeps `C` definite.
fn weights(raw: &[f64], parents: usize, dim: f64, c1: f64, c_mu: f64, active: bool) -> Vec<f64> {
    let positive: f64 = raw[..parents].iter().sum();
    let negative: f64 = raw[parents..].iter().sum::<f64>().abs();
    let mu_eff_minus = effective(&raw[parents..]);
    let scale = if active && negative > 0.0 && c_mu > 0.0 {
        (1.0 + c1 / c_mu)
            .min(1.0 + 2.0 * mu_eff_minus / (mu_eff_minus + 2.0))
            .min((1.0 - c1 - c_mu).max(0.0) / (dim * c_mu))
            / negative
    } else {
        0.0
    };
    raw.iter()
        .enumerate()
        .map(|(i, w)| if i < parents { w / positive } else { w * scale })
        .collect()
}

/// The method's state.
#[derive(Clone, Debug)]
pub struct CmaEs {
    settings: Settings,
    seed: u64,
    population: usize,
    constants: Constants,
    mean: Vec<f64>,
    sigma: f64,
    shape: Shape,
    /// Samples since the last population that were reflected: where they lie in the box, and where in unfolded space.
    reflected: Vec<(Vec<f64>, Vec<f64>)>,
    path_sigma: Vec<f64>,
    path_c: Vec<f64>,
    /// Points asked for, over all restarts.
    asked: u64,
    /// Populations told, since the last start.
    generation: u64,
    restarted: u64,
    unsound: bool,
    /// Best objective since the last start, and generations since it was found.
    best: f64,
    idle: u64,
}

impl CmaEs {
    /// A search from `settings`; equal seeds give equal searches.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        let n = settings.mean.len();
        let default = 4 + (3.0 * ln(n.max(1) as f64)) as usize;
        let population = settings.population.unwrap_or(default).max(4);
        Self {
            seed,
            population,
            constants: Constants::new(n, population, &settings),
            mean: settings.mean.iter().map(|x| x.clamp(0.0, 1.0)).collect(),
            sigma: settings.sigma,
            shape: Shape::identity(settings.covariance, n),
            path_sigma: vec![0.0; n],
            path_c: vec![0.0; n],
            asked: 0,
            generation: 0,
            restarted: 0,
            unsound: false,
            best: f64::INFINITY,
            idle: 0,
            reflected: Vec::new(),
            settings,
        }
    }

    /// The mean of the distribution, within the box.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The step size.
    #[must_use]
    pub const fn sigma(&self) -> f64 {
        self.sigma
    }

    /// How often the search has started anew.
    #[must_use]
    pub const fn restarted(&self) -> u64 {
        self.restarted
    }

    /// The longest standard deviation of the distribution.
    fn reach(&self) -> f64 {
        self.sigma * self.shape.scales().iter().fold(0.0, |a, &b| b.max(a))
    }

    /// The point of unfolded space that `x` stands for: where it was sampled, or else `x` itself.
    fn unfold<'a>(&'a self, x: &'a [f64]) -> &'a [f64] {
        self.reflected
            .iter()
            .find(|(inside, _)| inside == x)
            .map_or(x, |(_, origin)| origin)
    }

    /// Brings the mean back into the box by mirroring the whole distribution at the face that it crossed.
    fn fold_mean(&mut self) {
        for i in 0..self.mean.len() {
            let inside = reflect(self.mean[i]);
            if inside != self.mean[i] {
                self.mean[i] = inside;
                self.path_sigma[i] = -self.path_sigma[i];
                self.path_c[i] = -self.path_c[i];
                self.shape.mirror(i);
            }
        }
    }

    /// Step `(x - m) / sigma`, shortened to the longest plausible length, and its whitened length.
    fn step(&self, x: &[f64]) -> (Vec<f64>, f64) {
        let mut y: Vec<f64> = self
            .unfold(x)
            .iter()
            .zip(&self.mean)
            .map(|(x, m)| (x - m) / self.sigma)
            .collect();
        let length = norm(&self.shape.whiten(&y));
        let longest = self.constants.longest;
        if length > longest {
            for y in &mut y {
                *y *= longest / length;
            }
        }
        (y, length.min(longest))
    }

    /// Mean, paths, covariance and step size from ranked steps (equations 41 to 47).
    fn update(&mut self, steps: &[(Vec<f64>, f64)], finite: usize) {
        let k = &self.constants;
        let n = self.mean.len() as f64;
        let parents = k.parents.min(finite);
        let total: f64 = k.weights[..parents].iter().sum();
        let mut mean_step = vec![0.0; self.mean.len()];
        for ((y, _), w) in steps[..parents].iter().zip(&k.weights) {
            mean_step.iter_mut().zip(y).for_each(|(m, y)| *m += w / total * y);
        }
        self.mean
            .iter_mut()
            .zip(&mean_step)
            .for_each(|(m, y)| *m += self.sigma * y);

        let (keep, add) = (1.0 - k.c_sigma, (k.c_sigma * (2.0 - k.c_sigma) * k.mu_eff).sqrt());
        let whitened = self.shape.whiten(&mean_step);
        self.path_sigma
            .iter_mut()
            .zip(&whitened)
            .for_each(|(p, w)| *p = keep * *p + add * w);
        let length = norm(&self.path_sigma);
        let mut decayed = 1.0;
        for _ in 0..(2 * (self.generation + 1)).min(1 << 16) {
            decayed *= keep;
        }
        let moving = length / (1.0 - decayed).sqrt() < (1.4 + 2.0 / (n + 1.0)) * k.chi;
        let add = if moving {
            (k.c_c * (2.0 - k.c_c) * k.mu_eff).sqrt()
        } else {
            0.0
        };
        self.path_c
            .iter_mut()
            .zip(&mean_step)
            .for_each(|(p, y)| *p = (1.0 - k.c_c) * *p + add * y);

        self.adapt_covariance(steps, parents, total, moving);
        let k = &self.constants;
        self.sigma *= exp((k.c_sigma / k.d_sigma * (length / k.chi - 1.0)).min(1.0));
    }

    /// Rank-one and rank-mu update (equations 46 and 47).
    fn adapt_covariance(&mut self, steps: &[(Vec<f64>, f64)], parents: usize, total: f64, moving: bool) {
        let k = &self.constants;
        let n = self.mean.len() as f64;
        let (mut sum, mut weighted) = (0.0, Vec::with_capacity(steps.len()));
        for (rank, ((step, length), &w)) in steps.iter().zip(&k.weights).enumerate() {
            let w = match rank {
                r if r < parents => w / total,
                r if r < k.parents => 0.0,
                _ => w,
            };
            sum += w;
            let stretch = if w < 0.0 {
                n / (length * length).max(1e-300)
            } else {
                1.0
            };
            if w != 0.0 {
                weighted.push(Weighted {
                    step,
                    weight: k.c_mu * w * stretch,
                });
            }
        }
        let lost = if moving { 0.0 } else { k.c1 * k.c_c * (2.0 - k.c_c) };
        self.shape
            .update(1.0 + lost - k.c1 - k.c_mu * sum, k.c1, &self.path_c, &weighted);
    }

    /// Starts anew from a random mean with twice the population.
    fn restart(&mut self) {
        self.restarted += 1;
        let mut rng = stream(self.seed, &[self.restarted, 0]);
        let mut settings = self.settings.clone();
        settings.mean.iter_mut().for_each(|m| *m = uniform(&mut rng));
        settings.population = Some(self.population * 2);
        let (asked, restarted, start) = (self.asked, self.restarted, self.settings.mean.clone());
        *self = Self::new(settings, self.seed);
        (self.asked, self.restarted, self.settings.mean) = (asked, restarted, start);
    }
}

impl Optimizer for CmaEs {
    fn name(&self) -> &'static str {
        "cma-es"
    }

    fn dimensions(&self) -> usize {
        self.mean.len()
    }

    fn population(&self) -> usize {
        self.population
    }

    fn ask(&mut self) -> Vec<f64> {
        let mut z = vec![0.0; self.mean.len()];
        fill_normal(&mut stream(self.seed, &[self.asked]), &mut z);
        self.asked += 1;
        let y = self.shape.color(&z);
        let origin: Vec<f64> = self.mean.iter().zip(y).map(|(m, y)| m + self.sigma * y).collect();
        let inside: Vec<f64> = origin.iter().map(|&x| reflect(x)).collect();
        if inside != origin {
            self.reflected.push((inside.clone(), origin));
        }
        inside
    }

    /// Updates the distribution. Points beyond the population size count for nothing unless they are among the best; a
    /// population without any valid point changes nothing.
    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]) {
        let order = ranking(evaluated);
        let finite = order.iter().filter(|&&i| evaluated[i].1 < f64::INFINITY).count();
        if finite == 0 {
            self.reflected.clear();
            return;
        }
        let ranked: Vec<&(Vec<f64>, f64)> = order.iter().take(self.population).map(|&i| &evaluated[i]).collect();
        let steps: Vec<_> = ranked.iter().map(|(x, _)| self.step(x)).collect();
        self.update(&steps, finite);
        self.fold_mean();
        self.reflected.clear();
        self.generation += 1;
        self.idle += 1;
        if ranked[0].1 < self.best {
            (self.best, self.idle) = (ranked[0].1, 0);
        }

        let flat = (ranked.len() * 7).div_ceil(10).clamp(1, ranked.len()) - 1;
        if ranked.len() > 1 && ranked[flat].1 == ranked[0].1 {
            self.sigma *= exp(0.2 + self.constants.c_sigma / self.constants.d_sigma);
        }
        if self.generation.is_multiple_of(self.constants.refresh_every) {
            self.unsound |= !self.shape.refresh();
        }
        let reach = self.reach();
        if reach > 1.0 {
            self.sigma /= reach;
        }
        if self.settings.restarts && self.stalled() {
            self.restart();
        }
    }

    fn stalled(&self) -> bool {
        let patience = 10 + (60 * self.mean.len()).div_ceil(self.population) as u64;
        self.unsound || self.idle >= patience || self.reach() < self.settings.tolerance
    }
}

/// The point of `[0, 1]` that `x` falls on when the line is folded at every integer.
fn reflect(x: f64) -> f64 {
    if (0.0..=1.0).contains(&x) {
        return x;
    }
    let turn = x - 2.0 * (x * 0.5).floor();
    if turn > 1.0 { 2.0 - turn } else { turn }
}

/// Euclidean length.
fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
