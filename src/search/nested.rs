//! NAAS's nested search (arXiv 2105.13258, figure 2): an outer one over accelerators, an inner one over the mappings of every
//! layer, whose results are the outer one's reward.
//!
//! A candidate that exceeds the resources, or on which some layer has no legal mapping, is rejected before it is evaluated;
//! sampling goes on until the population is full. An accelerator's layers are searched from seeds of its own, whenever it
//! comes up: its mappings are made once, and what one candidate costs depends on no other. At the end the layers of the
//! best accelerators, the *finalists*, are mapped once more, with more evaluations than a candidate gets.
//!
//! **Helps.** With [`NestedSettings::guided`] the method starts from known designs and takes turns with steps from the best
//! ones ([`crate::search::guided`]).
//!
//! **Fronts.** With [`NestedSettings::front`] as many populations as [`SCALES`] take turns, each after another mixture of
//! cycles, energy and area. Of all candidates those that no other one undercuts in all three are kept, mapped once more, and
//! reported.

use crate::arch::accelerator::{Accelerator, Axis};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::interrupt::Interrupt;
use crate::base::rng::stream;
use crate::mapping::tiling::Mapping;
use crate::search::arrays::arrays;
use crate::search::bayesian::{Bayesian, THOROUGH};
use crate::search::chips::starts;
use crate::search::cma_es::{CmaEs, Settings};
use crate::search::design::hash;
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::encoding::features;
use crate::search::goal::{Goal, Rated, dominates};
use crate::search::guided::{Bound, Guided};
use crate::search::islands::Islands;
pub use crate::search::layers::{MappedSuite, map_suite};
use crate::search::layers::{check_fits, least, map_layers, one_layer, runs, together};
use crate::search::mapper::{Mapped, MapperSettings, Method};
use crate::search::optimizer::Optimizer;
use crate::search::problem::{CostModel, Objective, Suite};
use crate::search::random::RandomSearch;
use crate::search::runner::{Candidate, Log, Problem, Rejection, Starved, run};
pub use crate::search::runner::{Generation, StopReason};
use rand::Rng as _;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Candidates of a generation: nearly twice CMA-ES's default for so many genes. On resnet8, more seeds then reach arrays
/// whose axes divide the layers' channels, with as many evaluations.
pub const POPULATION: usize = 20;

/// Most members of a reported front.
const FRONT: usize = 12;

/// What the populations of a front minimise: an objective, and whether times the area.
pub const SCALES: [(Objective, bool); 4] = [
    (Objective::Edp, false),
    (Objective::Latency, false),
    (Objective::Energy, false),
    (Objective::Edp, true),
];

/// How an accelerator is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NestedSettings {
    /// The outer search.
    pub method: Method,
    /// What is minimised, within which limits.
    pub goal: Goal,
    /// The inner search of a candidate; its objective is the goal's.
    pub mapper: MapperSettings,
    /// Evaluations per layer of the finalists at the end.
    pub refine: usize,
    /// Accelerators that are mapped once more at the end.
    pub finalists: usize,
    /// Whether to look for a front.
    pub front: bool,
    /// Whether the method has the helps of [`Guided`]: known designs to start from, and steps from the best.
    pub guided: bool,
    /// Accelerators to evaluate at most.
    pub evaluations: u64,
    /// Seed.
    pub seed: u64,
}

/// A searched accelerator with mappings.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// For every network, one mapping per layer.
    pub mappings: Vec<Vec<Mapping>>,
    /// For every network, the proven gap of each of these mappings to the best one, where mappings were proven.
    pub gaps: Vec<Vec<Option<f64>>>,
    /// What they cost.
    pub rated: Rated,
    /// The objective: geometric mean over the networks.
    pub value: f64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The best design.
    pub best: Solution,
    /// Designs of which none is undercut by another in cycles, energy and area, by increasing cycles; empty unless wanted.
    pub front: Vec<Solution>,
    /// Accelerators evaluated.
    pub evaluations: u64,
    /// Why the search ended.
    pub stop_reason: StopReason,
    /// Every generation.
    pub history: Vec<Generation>,
}

/// A candidate that no other one undercuts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    genes: Vec<f64>,
    /// Cycles, energy, area.
    point: [f64; 3],
    /// What its mappings were made for.
    objective: Objective,
}

/// What a [`CoDesign`] remembers.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    generations: usize,
    archive: Vec<Member>,
}

/// A search to be made.
#[derive(Clone, Copy)]
pub struct CoSearch<'a> {
    /// What designs cost.
    pub model: &'a dyn CostModel,
    /// The networks to be run.
    pub suite: &'a Suite,
    /// The accelerators to choose from.
    pub space: &'a AcceleratorSpace,
    /// How to search.
    pub settings: &'a NestedSettings,
    /// Ends the search, with `E0501`.
    pub interrupt: &'a Interrupt,
}

/// Accelerators with the mappings of a suite, as a problem of the genes of an [`AcceleratorSpace`].
pub struct CoDesign<'a> {
    search: CoSearch<'a>,
    /// What accelerators cost that came up before.
    known: BTreeMap<(u64, Objective), Rated>,
    memory: Memory,
}

impl<'a> CoDesign<'a> {
    /// The problem that `search` solves.
    ///
    /// # Errors
    /// `E0104` for a layer whose cycles could overflow.
    pub fn new(search: CoSearch<'a>) -> Result<Self> {
        check_fits(search.suite)?;
        let (known, memory) = (BTreeMap::new(), Memory::default());
        Ok(Self { search, known, memory })
    }

    /// What this generation minimises.
    fn scale(&self) -> (Objective, bool) {
        if self.search.settings.front {
            SCALES[self.memory.generations % SCALES.len()]
        } else {
            (self.search.settings.goal.objective, false)
        }
    }

    fn mapper(&self, objective: Objective) -> MapperSettings {
        // Candidates need no proof: finalists get one.
        let method = match self.search.settings.mapper.method {
            Method::Exact => Method::CmaEs,
            method => method,
        };
        MapperSettings {
            objective,
            method,
            ..self.search.settings.mapper
        }
    }

    /// Seed of everything that is drawn for an accelerator.
    fn seed(&self, accelerator: &Accelerator) -> u64 {
        stream(self.search.settings.seed, &[hash(accelerator)]).next_u64()
    }

    /// Maps the suite on those of `accelerators` that are new.
    fn rate(&mut self, accelerators: &[&Accelerator], objective: Objective) -> Result<()> {
        let mut fresh: Vec<(u64, &Accelerator)> = Vec::new();
        for a in accelerators {
            let key = hash(a);
            if !self.known.contains_key(&(key, objective)) && !fresh.iter().any(|f| f.0 == key) {
                fresh.push((key, a));
            }
        }
        let layers = self.search.suite.distinct.len();
        let (this, settings) = (&*self, self.mapper(objective));
        let one = |task: usize| -> Result<Mapped> {
            this.search.interrupt.check()?;
            let (a, l) = (fresh[task / layers].1, task % layers);
            one_layer(
                this.search.model,
                this.search.suite,
                a,
                &settings,
                this.seed(a),
                l,
                this.search.interrupt,
            )
        };
        let all: Vec<Result<Mapped>> = (0..fresh.len() * layers).into_par_iter().map(one).collect();
        let mapped: Vec<Mapped> = all.into_iter().collect::<Result<_>>()?;
        let goal = Goal {
            objective,
            ..self.search.settings.goal
        };
        for ((key, a), mapped) in fresh.into_iter().zip(mapped.chunks(layers)) {
            let rated = together(self.search.model, self.search.suite, &goal, a, mapped).rated;
            self.known.insert((key, objective), rated);
        }
        Ok(())
    }

    /// Maps the suite on `accelerator` as carefully as the settings say; never worse than it was as a candidate.
    fn refined(&self, accelerator: Accelerator, goal: &Goal) -> Result<Solution> {
        let map = |objective, evaluations, method| {
            let settings = MapperSettings {
                method,
                evaluations,
                ..self.mapper(objective)
            };
            let seed = self.seed(&accelerator);
            map_layers(
                self.search.model,
                self.search.suite,
                &accelerator,
                &settings,
                seed,
                self.search.interrupt,
                &|_| (),
            )
        };
        let mut layers = map(
            goal.objective,
            self.search.settings.mapper.evaluations,
            self.mapper(goal.objective).method,
        )?;
        let limited = goal.limits.cycles.is_some() || goal.limits.energy_pj.is_some();
        let others = [Objective::Edp, Objective::Latency, Objective::Energy];
        let others = others.into_iter().filter(|&o| limited && o != goal.objective);
        for objective in std::iter::once(goal.objective).chain(others) {
            let settings = self.search.settings;
            let again = map(objective, settings.refine, settings.mapper.method)?;
            for (layer, again) in layers.iter_mut().zip(again) {
                layer.join(again, goal.objective);
            }
        }
        let mapped = together(self.search.model, self.search.suite, goal, &accelerator, &layers);
        Ok(Solution {
            accelerator,
            mappings: mapped.mappings,
            // Under limits the last proof is of another objective.
            gaps: if limited { Vec::new() } else { mapped.gaps },
            rated: mapped.rated,
            value: mapped.value,
        })
    }

    /// Adds candidates to the archive and drops what they undercut.
    fn keep(&mut self, generation: &[Candidate<Accelerator>], objective: Objective) {
        for c in generation {
            let Some(rated) = self.known.get(&(hash(&c.value), objective)) else {
                continue;
            };
            let point = rated.point();
            let archive = &mut self.memory.archive;
            if archive.iter().any(|m| m.point == point || dominates(&m.point, &point)) {
                continue;
            }
            archive.retain(|m| !dominates(&point, &m.point));
            archive.push(Member {
                genes: c.genes.clone(),
                point,
                objective,
            });
        }
    }

    /// The best of the finalists of `log`.
    fn best(&self, log: &Log) -> Result<Solution> {
        let goal = &self.search.settings.goal;
        let mut finalists: Vec<Accelerator> = Vec::new();
        let usable: Vec<&[f64]> = if self.search.settings.front {
            self.by_objective(goal.objective)
        } else {
            log.ranked().into_iter().map(|p| p.genes.as_slice()).collect()
        };
        for genes in usable {
            let Ok(a) = self.decode(genes) else { continue };
            if finalists.len() < self.search.settings.finalists.max(1) && finalists.iter().all(|f| hash(f) != hash(&a))
            {
                finalists.push(a);
            }
        }
        let solutions = finalists.into_iter().map(|a| self.refined(a, goal));
        let solutions = solutions.collect::<Result<Vec<_>>>()?;
        let best = solutions.into_iter().min_by(|a, b| a.value.total_cmp(&b.value));
        let best = best.ok_or_else(|| Diagnostic::new(Code::Usage, "a search needs at least one evaluation"))?;
        let excess = goal.excess(&best.rated);
        if excess > 1.0 {
            let what = format!(
                "no design keeps the limits; the nearest exceeds one by {:.1} %",
                100.0 * (excess - 1.0)
            );
            return Err(Diagnostic::new(Code::NoLegalMapping, what)
                .at(format!("resources `{}`", self.search.space.resources.name))
                .next("raise the limits, or the evaluations"));
        }
        Ok(best)
    }

    /// Members of the archive, those with the lowest `objective` first.
    fn by_objective(&self, objective: Objective) -> Vec<&[f64]> {
        let value = |m: &Member| match objective {
            Objective::Edp => m.point[0] * m.point[1],
            Objective::Latency => m.point[0],
            Objective::Energy => m.point[1],
        };
        let mut members: Vec<&Member> = self.memory.archive.iter().collect();
        members.sort_by(|a, b| value(a).total_cmp(&value(b)));
        members.into_iter().map(|m| m.genes.as_slice()).collect()
    }

    /// The members of the archive that stand for all of them, mapped once more.
    fn front(&self) -> Result<Vec<Solution>> {
        let mut solutions: Vec<Solution> = Vec::new();
        for member in spread(&self.memory.archive, FRONT) {
            let Ok(a) = self.decode(&member.genes) else { continue };
            let goal = Goal {
                objective: member.objective,
                ..self.search.settings.goal
            };
            solutions.push(self.refined(a, &goal)?);
        }
        let points: Vec<[f64; 3]> = solutions.iter().map(|s| s.rated.point()).collect();
        let mut kept = Vec::new();
        for (i, s) in solutions.into_iter().enumerate() {
            let twin = points[..i].contains(&points[i]);
            if !twin && !points.iter().any(|p| dominates(p, &points[i])) {
                kept.push(s);
            }
        }
        kept.sort_by(|a, b| a.rated.point()[0].total_cmp(&b.rated.point()[0]));
        Ok(kept)
    }
}

/// At most `count` members: the lowest in each figure, then again and again the one that is farthest from those chosen, in
/// ratios.
fn spread(archive: &[Member], count: usize) -> Vec<&Member> {
    let lowest = |i: usize| archive.iter().min_by(|a, b| a.point[i].total_cmp(&b.point[i]));
    let mut chosen: Vec<&Member> = Vec::new();
    for m in (0..3).filter_map(lowest) {
        if !chosen.contains(&m) {
            chosen.push(m);
        }
    }
    let ratio = |a: &Member, b: &Member| {
        let ratios = a.point.iter().zip(&b.point).map(|(a, b)| (a / b).max(b / a));
        ratios.product::<f64>()
    };
    while chosen.len() < count.min(archive.len()) {
        let distance = |m: &Member| chosen.iter().map(|c| ratio(c, m)).fold(f64::INFINITY, f64::min);
        let left = archive.iter().filter(|m| !chosen.contains(m));
        let Some(next) = left.max_by(|a, b| distance(a).total_cmp(&distance(b))) else {
            break;
        };
        chosen.push(next);
    }
    chosen
}

impl Problem for CoDesign<'_> {
    type Design = Accelerator;

    fn decode(&self, genes: &[f64]) -> std::result::Result<Accelerator, Rejection> {
        valid(self.search.space, self.search.suite, genes)
    }

    fn evaluate(&mut self, generation: &[Candidate<Accelerator>]) -> Result<Vec<f64>> {
        let (objective, times_area) = self.scale();
        let accelerators: Vec<&Accelerator> = generation.iter().map(|c| &c.value).collect();
        self.rate(&accelerators, objective)?;
        if self.search.settings.front {
            self.keep(generation, objective);
        }
        self.memory.generations += 1;
        let goal = Goal {
            objective,
            ..self.search.settings.goal
        };
        let value = |a: &Accelerator| {
            let rated = self.known.get(&(hash(a), objective));
            let area = |r: &Rated| if times_area { r.area_um2 } else { 1.0 };
            rated.map_or(f64::INFINITY, |r| goal.value(r) * area(r))
        };
        Ok(accelerators.into_iter().map(value).collect())
    }

    fn starved(&self, starved: &Starved) -> Diagnostic {
        no_accelerator(self.search.space, starved)
    }

    fn memory(&self) -> Value {
        json!(self.memory)
    }

    fn recall(&mut self, memory: &Value) -> Result<()> {
        self.memory = Memory::deserialize(memory).map_err(|e| Diagnostic::new(Code::Malformed, e.to_string()))?;
        Ok(())
    }
}

/// What a guided search has at hand before its first candidate. It depends on no seed, so that searches may share it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Helps {
    /// Designs to start from.
    starts: Vec<Accelerator>,
    /// Axes of other arrays to step to, the best first.
    arrays: Vec<Vec<Axis>>,
}

impl<'a> CoSearch<'a> {
    /// What a guided search has at hand; nothing if it is not guided.
    #[must_use]
    pub fn helps(&self) -> Helps {
        let (model, suite) = (self.model, self.suite);
        if !self.settings.guided {
            return Helps::default();
        }
        let starts = starts(self.space, suite);
        // Arrays of a front are ranked by the goal's objective, too: what divides the layers well is no worse for the others.
        let floor = |a: &Accelerator| least(model, suite, self.settings.goal.objective, a);
        let arrays = starts
            .last()
            .map(|base| arrays(self.space, base, &floor))
            .unwrap_or_default();
        Helps { starts, arrays }
    }

    /// The method of the outer search, guided with `helps` if that is asked for.
    #[must_use]
    pub fn optimizer(&self, helps: &Helps) -> Box<dyn Optimizer + 'a> {
        let Self { model, suite, .. } = *self;
        let (space, settings) = (self.space, self.settings);
        let (objective, front) = (settings.goal.objective, settings.front);
        let one = |seed: u64| -> Box<dyn Optimizer + 'a> {
            let method = method(settings.method, space, seed);
            if !settings.guided {
                return method;
            }
            // What the populations of a front minimise is not one objective.
            let bound: Bound<'a> = if front {
                Box::new(|_| 0.0)
            } else {
                Box::new(move |a| least(model, suite, objective, a))
            };
            let Helps { starts, arrays } = helps.clone();
            Box::new(Guided::new(method, space, starts, arrays, bound, seed))
        };
        if !front {
            return one(settings.seed);
        }
        let seeds = (0..SCALES.len() as u64).map(|i| stream(settings.seed, &[i, u64::MAX]).next_u64());
        Box::new(Islands::new(seeds.map(one).collect()))
    }

    /// Searches on from `log`, which is empty for a new search. After every generation `watch` sees the log and says whether
    /// there is time left.
    ///
    /// # Errors
    /// `E0201` naming the limit, where no accelerator within the resources runs every layer or keeps the limits; those of
    /// `watch`; `E0102` for a log of another search; `E0501`.
    pub fn run(&self, helps: &Helps, log: Log, watch: &mut dyn FnMut(&Log) -> Result<bool>) -> Result<Found> {
        let mut problem = CoDesign::new(*self)?;
        let mut optimizer = self.optimizer(helps);
        let ran = run(&mut problem, &mut *optimizer, self.settings.evaluations, log, watch)?;
        let front = if self.settings.front {
            problem.front()?
        } else {
            Vec::new()
        };
        Ok(Found {
            best: problem.best(&ran.log)?,
            front,
            evaluations: ran.log.evaluations(),
            stop_reason: ran.stop_reason,
            history: ran.log.history(),
        })
    }
}

/// A method for the outer search of `space`.
#[must_use]
pub fn method(method: Method, space: &AcceleratorSpace, seed: u64) -> Box<dyn Optimizer> {
    let genes = space.genes();
    match method {
        Method::CmaEs | Method::Exact => {
            let start = Settings {
                population: Some(POPULATION),
                ..Settings::new(genes)
            };
            Box::new(CmaEs::new(start, seed))
        }
        Method::Random => Box::new(RandomSearch::new(genes, POPULATION, seed)),
        Method::Bayesian => {
            let space = space.clone();
            let features = move |g: &[f64]| space.decode(g).ok().map(|a| features::accelerator(&a));
            Box::new(Bayesian::new(genes, THOROUGH, Box::new(features), seed))
        }
    }
}

/// The accelerator of `genes`, if it is within the resources and every layer has a mapping on it.
///
/// # Errors
/// The limit that stands in the way.
pub fn valid(space: &AcceleratorSpace, suite: &Suite, genes: &[f64]) -> std::result::Result<Accelerator, Rejection> {
    let accelerator = space.decode(genes)?;
    runs(&accelerator, suite)?;
    Ok(accelerator)
}

/// The error of a space in which no accelerator was found.
#[must_use]
pub fn no_accelerator(space: &AcceleratorSpace, starved: &Starved) -> Diagnostic {
    let nearest = starved
        .nearest
        .as_ref()
        .map_or("no sample was drawn", |r| r.reason.as_str());
    let Starved { attempts, valid, .. } = starved;
    Diagnostic::new(
        Code::NoLegalMapping,
        format!("{valid} of {attempts} sampled accelerators can run every layer; the nearest miss: {nearest}"),
    )
    .at(format!("resources `{}`", space.resources.name))
    .next("raise the named limit")
}

#[cfg(test)]
#[path = "nested_tests.rs"]
mod tests;
