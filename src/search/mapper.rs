//! The inner search: a good mapping of one layer on one accelerator (NAAS, arXiv 2105.13258, section II-C).
//!
//! The heuristic mappings of [`heuristics`] are evaluated first; the search then starts around the best of them. A point
//! that decodes to a mapping seen before costs nothing; mappings that differ only in the place of loops with one trip, or
//! in the order inside a PE (which changes neither cycles nor counts), are the same one.
//!
//! **Bound first.** A bound that is far cheaper than the exact count decides whether a mapping can matter: one whose bound
//! is dominated by an exact result in both figures keeps its bound as its value (it then ranks behind that result, where it
//! belongs). What is reported is always exact.
//!
//! Beside the best mapping, all exact results that are not dominated in cycles and energy are kept: the sum over a
//! network's layers has the lowest energy-delay product at a mixture that no layer can know alone ([`compose`]).

use crate::arch::accelerator::Accelerator;
use crate::base::dims::Dim;
use crate::mapping::legality::Violation;
use crate::mapping::schedule::{OFFCHIP_SET, Schedule, l2_loop, offchip_loop};
use crate::mapping::tiling::Mapping;
use crate::search::cma_es::{CmaEs, Covariance, Settings};
use crate::search::encoding::mapping::{MappingSpace, genes};
use crate::search::heuristics;
use crate::search::importance::Encoding;
use crate::search::optimizer::Optimizer;
use crate::search::problem::{Figures, LayerModel, Objective};
use crate::search::random::RandomSearch;
use crate::workload::layer::LoopNest;

/// A search method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// [`CmaEs`].
    #[default]
    CmaEs,
    /// [`RandomSearch`].
    Random,
}

/// How a layer's mapping is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapperSettings {
    /// What to minimise.
    pub objective: Objective,
    /// The method that follows the heuristics.
    pub method: Method,
    /// How genes say orders.
    pub encoding: Encoding,
    /// Different mappings to evaluate, heuristics included.
    pub evaluations: usize,
    /// Step size around the best heuristic mapping, in units of the box.
    pub sigma: f64,
    /// Whether to start from heuristics at all, or in the middle of the box.
    pub heuristics: bool,
}

impl Default for MapperSettings {
    fn default() -> Self {
        Self {
            objective: Objective::Edp,
            method: Method::CmaEs,
            encoding: Encoding::Importance,
            evaluations: 100,
            sigma: 0.2,
            heuristics: true,
        }
    }
}

/// A mapping with its exact figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The mapping.
    pub mapping: Mapping,
    /// What it costs.
    pub figures: Figures,
}

/// What the search of one layer found.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// The best mapping.
    pub best: Choice,
    /// Mappings of which none is worse than another in both figures, by increasing cycles.
    pub front: Vec<Choice>,
    /// Different mappings evaluated.
    pub evaluations: usize,
    /// Those among them that were evaluated exactly.
    pub exact: usize,
}

/// Searches a mapping of `nest` on `accelerator`; equal seeds give equal results.
///
/// # Errors
/// Why no mapping is legal, if none is.
pub fn map_layer(
    nest: &LoopNest,
    accelerator: &Accelerator,
    model: &mut dyn LayerModel,
    settings: &MapperSettings,
    seed: u64,
) -> Result<Mapped, Vec<Violation>> {
    let space = MappingSpace::new(nest, accelerator);
    let obstacles = space.obstacles();
    if !obstacles.is_empty() {
        return Err(obstacles);
    }
    let mut visits = Visits::new(&space, model, settings);
    let seeds = if settings.heuristics {
        heuristics::seeds(&space)
    } else {
        Vec::new()
    };
    for m in seeds
        .into_iter()
        .chain(space.repair(&space.smallest()))
        .take(settings.evaluations.max(1))
    {
        visits.value(&m);
    }
    let mut optimizer = start(&space, settings, visits.best().map(|b| b.mapping), seed);
    // Points that were seen before are free, but not without end.
    let mut asks = settings.evaluations.saturating_mul(4);
    while visits.seen.len() < settings.evaluations && asks > 0 {
        let mut told = Vec::with_capacity(optimizer.population());
        for _ in 0..optimizer.population().min(asks) {
            asks -= 1;
            let genes = optimizer.ask();
            let value = space
                .decode(settings.encoding, &genes)
                .map_or(f64::INFINITY, |m| visits.value(&m));
            told.push((genes, value));
            if visits.seen.len() >= settings.evaluations {
                break;
            }
        }
        optimizer.tell(&told);
    }
    visits.finish().ok_or_else(|| space.obstacles())
}

/// The optimizer of `settings`, around `start` if there is one.
fn start(space: &MappingSpace<'_>, settings: &MapperSettings, start: Option<Mapping>, seed: u64) -> Box<dyn Optimizer> {
    let n = genes(settings.encoding);
    match settings.method {
        Method::Random => Box::new(RandomSearch::new(n, 16, seed)),
        Method::CmaEs => {
            let mut cma = Settings {
                covariance: Covariance::Diagonal,
                restarts: true,
                tolerance: 1e-3,
                ..Settings::new(n)
            };
            if let Some(m) = start.filter(|_| settings.heuristics) {
                cma.mean = space.encode(settings.encoding, &m);
                cma.sigma = settings.sigma;
            }
            Box::new(CmaEs::new(cma, seed))
        }
    }
}

/// Mappings evaluated so far, with their values.
struct Visits<'a> {
    space: &'a MappingSpace<'a>,
    model: &'a mut dyn LayerModel,
    objective: Objective,
    seen: Vec<(Mapping, f64)>,
    front: Vec<Choice>,
    exact: usize,
}

impl<'a> Visits<'a> {
    fn new(space: &'a MappingSpace<'a>, model: &'a mut dyn LayerModel, settings: &MapperSettings) -> Self {
        let seen = Vec::with_capacity(settings.evaluations);
        Self {
            space,
            model,
            objective: settings.objective,
            seen,
            front: Vec::new(),
            exact: 0,
        }
    }

    /// The objective of a legal mapping, or a bound of it where it cannot matter.
    fn value(&mut self, m: &Mapping) -> f64 {
        let schedule = Schedule::new(self.space.nest, self.space.accelerator, m);
        let mapping = canonical(&schedule);
        if let Some((_, value)) = self.seen.iter().find(|(seen, _)| *seen == mapping) {
            return *value;
        }
        let bound = self.model.bound(&schedule);
        let figures = if self.front.iter().any(|c| dominates(&c.figures, &bound)) {
            bound
        } else {
            self.exact += 1;
            let figures = self.model.exact(&schedule);
            insert(&mut self.front, Choice { mapping, figures });
            figures
        };
        let value = self.objective.of(&figures);
        self.seen.push((mapping, value));
        value
    }

    /// The best exact result so far; the first found among equals.
    fn best(&self) -> Option<Choice> {
        let value = |c: &Choice| self.objective.of(&c.figures);
        self.front.iter().copied().min_by(|a, b| value(a).total_cmp(&value(b)))
    }

    fn finish(self) -> Option<Mapped> {
        let best = self.best()?;
        Some(Mapped {
            best,
            front: self.front,
            evaluations: self.seen.len(),
            exact: self.exact,
        })
    }
}

/// Whether `a` is at most as high as `b` in both figures.
fn dominates(a: &Figures, b: &Figures) -> bool {
    a.cycles <= b.cycles && a.energy_pj <= b.energy_pj
}

/// Puts `new` into a front, ordered by cycles, unless an older member dominates it; removes those that it dominates.
fn insert(front: &mut Vec<Choice>, new: Choice) {
    if front.iter().any(|c| dominates(&c.figures, &new.figures)) {
        return;
    }
    front.retain(|c| !dominates(&new.figures, &c.figures));
    let at = front.partition_point(|c| c.figures.cycles < new.figures.cycles);
    front.insert(at, new);
}

/// The mapping of `s` with loops of one trip moved innermost and the PE order of [`Dim::ALL`]: equal for schedules that do
/// the same jobs in the same order.
fn canonical(s: &Schedule) -> Mapping {
    let mut m = s.mapping;
    let multi = s.loops.multi(0) | s.loops.multi(!0) & !OFFCHIP_SET;
    let place = |d: Dim, l: usize| if multi >> l & 1 == 1 { 0 } else { 1 + d.index() };
    m.offchip.order.sort_by_key(|&d| place(d, offchip_loop(d)));
    m.l2.order.sort_by_key(|&d| place(d, l2_loop(d)));
    m.pe = Dim::ALL;
    m
}

/// Picks one member of every layer's front so that the network's objective is lowest, as far as a descent gets: the
/// objective of the sums is replaced by its tangent at the current sums, which separates over layers, until nothing
/// changes. For the energy-delay product every step lowers the product, by the inequality of means.
///
/// `layers` holds, for each layer of the network in order, the index of its front.
#[must_use]
pub fn compose(objective: Objective, fronts: &[&[Choice]], layers: &[usize]) -> Vec<usize> {
    let pick = |weigh: &dyn Fn(&Figures) -> f64| -> Vec<usize> {
        fronts
            .iter()
            .map(|front| {
                let value = |i: &usize| weigh(&front[*i].figures);
                (0..front.len())
                    .min_by(|a, b| value(a).total_cmp(&value(b)))
                    .unwrap_or(0)
            })
            .collect()
    };
    let total = |picked: &[usize]| {
        layers
            .iter()
            .fold(Figures::default(), |sum, &l| sum.plus(&fronts[l][picked[l]].figures, 1))
    };
    let mut picked = pick(&|f| objective.of(f));
    if objective != Objective::Edp {
        return picked;
    }
    let mut sum = total(&picked);
    loop {
        let next = pick(&|f| f.energy_pj / sum.energy_pj + f.cycles as f64 / sum.cycles as f64);
        let next_sum = total(&next);
        if next_sum.edp() >= sum.edp() {
            return picked;
        }
        (picked, sum) = (next, next_sum);
    }
}
