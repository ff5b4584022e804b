//! The inner search: a good mapping of one layer on one accelerator (NAAS, arXiv 2105.13258, section II-C).
//!
//! The heuristic mappings of [`heuristics`] come first: those with the lowest bounds are evaluated. From each of them in
//! turn a *descent* tries the mappings one step away (a tile a size larger or smaller, twice or half as large, two
//! neighbouring loops exchanged), as long as that helps. Then the method samples around the best mapping, and a descent from
//! the best of all ends the search. A point that decodes to a mapping seen before costs nothing; mappings that differ only in
//! the place of loops with one trip, or in the order inside a PE (which changes neither cycles nor counts), are the same one.
//!
//! **Bound first.** A mapping's bound is far cheaper than its exact count. A mapping is evaluated exactly when its bound lies
//! below every exact result so far, else it ranks by its bound; once per generation, and at the end as often as needed, the
//! mapping that ranks lowest is evaluated exactly if it was not: what is reported is exact, and no mapping that was seen is better (but for [`LAST_EXACT`], which ends hopeless
//! cases).
//!
//! Beside the best mapping, all exact results that are not dominated in cycles and energy are kept: the sum over a
//! network's layers has the lowest energy-delay product at a mixture that no layer can know alone ([`compose`]).

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Diagnostic;
use crate::base::dims::{Dim, PerDim};
use crate::base::interrupt::Interrupt;
use crate::mapping::legality::Violation;
use crate::mapping::plane;
use crate::mapping::schedule::{OFFCHIP_SET, Schedule, Setting, l2_loop, offchip_loop};
use crate::mapping::tiling::Mapping;
use crate::search::bayesian::{Bayesian, QUICK};
use crate::search::cma_es::{CmaEs, Covariance, Settings};
use crate::search::encoding::features;
use crate::search::encoding::mapping::{MappingSpace, genes};
use crate::search::heuristics;
use crate::search::importance::Encoding;
use crate::search::optimizer::Optimizer;
use crate::search::problem::{Figures, LayerModel, Objective};
use crate::search::prove::{Limits, Proof, Proven, prove};
use crate::search::random::RandomSearch;
use crate::workload::layer::LoopNest;
use std::collections::BTreeMap;

mod descent;

/// A search method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// [`CmaEs`].
    #[default]
    CmaEs,
    /// [`RandomSearch`].
    Random,
    /// [`Bayesian`].
    Bayesian,
    /// As [`CmaEs`], then [`prove`]: the proven optimum, or the proven gap at the limits.
    Exact,
}

impl Method {
    /// As options and documents write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CmaEs => "cma-es",
            Self::Random => "random",
            Self::Bayesian => "bayesian",
            Self::Exact => "exact",
        }
    }
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
    /// Share of the evaluations that is kept for descents: with heuristics, nearly all of it before the method samples.
    pub descent: f64,
    /// How far [`Method::Exact`] goes.
    pub proof: Limits,
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
            descent: 0.9,
            proof: Limits::default(),
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
    /// What was proven of the best mapping, if that was asked for.
    pub proof: Option<Proof>,
}

impl Mapped {
    /// Takes over what another search of the same layer found.
    pub fn join(&mut self, other: Self, objective: Objective) {
        for choice in other.front {
            insert(&mut self.front, choice);
        }
        for choice in &self.front {
            if objective.of(&choice.figures) < objective.of(&self.best.figures) {
                self.best = *choice;
            }
        }
        self.evaluations += other.evaluations;
        self.exact += other.exact;
        self.proof = other.proof.or(self.proof);
    }
}

/// Why a layer was not mapped.
#[derive(Clone, Debug, PartialEq)]
pub enum Unmapped {
    /// No mapping is legal: what stands in the way.
    Impossible(Vec<Violation>),
    /// Somebody asked to stop, as the diagnostic says. What was found until then would depend on the time.
    Stopped(Diagnostic),
}

impl From<Diagnostic> for Unmapped {
    fn from(why: Diagnostic) -> Self {
        Self::Stopped(why)
    }
}

/// Exact evaluations after which the end of a search settles for what it has.
pub const LAST_EXACT: usize = 64;

/// Heuristic mappings that are evaluated, and descended from.
const STARTS: usize = 12;

/// Of the evaluations for descents, the share that the one at the end gets where heuristic mappings have theirs before.
const LAST_DESCENT: f64 = 1.0 / 9.0;

/// Searches a mapping of `nest` on `accelerator`; equal seeds give equal results.
///
/// # Errors
/// Why no mapping is legal, if none is; or that `interrupt` was raised.
pub fn map_layer(
    nest: &LoopNest,
    accelerator: &Accelerator,
    model: &mut dyn LayerModel,
    settings: &MapperSettings,
    seed: u64,
    interrupt: &Interrupt,
) -> Result<Mapped, Unmapped> {
    let nest = &plane::on(nest, accelerator);
    let spaces = possible(nest, accelerator).map_err(Unmapped::Impossible)?;
    let mut visits = Visits::new(&spaces[0], model, settings);
    let kept = |share: f64| settings.evaluations - (settings.evaluations as f64 * share) as usize;
    let mut sampled = kept(settings.descent);
    if settings.heuristics {
        begin(&spaces, &mut visits, settings.evaluations);
        let last = settings.descent * LAST_DESCENT;
        let first = settings.descent - last;
        descent::from_each(&spaces, &mut visits, settings.evaluations - kept(first));
        sampled = kept(last);
    } else if let Some(m) = spaces[0].repair(&spaces[0].smallest()) {
        visits.value(&m);
    }
    let best = visits.lowest().map(|i| visits.seen[i].mapping.split);
    let space = spaces.iter().find(|s| Some(s.split) == best).unwrap_or(&spaces[0]);
    sample(space, &mut visits, settings, sampled, seed, interrupt)?;
    descent::from_best(&spaces, &mut visits, settings.evaluations);
    let finished = visits.finish();
    let mut mapped = finished.ok_or_else(|| Unmapped::Impossible(space.obstacles()))?;
    if settings.method == Method::Exact {
        let (objective, limits, start) = (settings.objective, settings.proof, mapped.best);
        let Proven { best, better, proof } = prove(nest, accelerator, model, objective, limits, start, interrupt)?;
        for choice in better {
            insert(&mut mapped.front, choice);
        }
        (mapped.best, mapped.proof) = (best, proof);
    }
    Ok(mapped)
}

/// The spaces in which `nest`, as [`plane::on`] lays it, has legal mappings on `accelerator`: at least one.
///
/// # Errors
/// Why no mapping is legal, if none is.
pub fn possible<'a>(nest: &'a LoopNest, accelerator: &'a Accelerator) -> Result<Vec<MappingSpace<'a>>, Vec<Violation>> {
    let mut spaces = MappingSpace::all(nest, accelerator);
    let obstacles = spaces.first().map(MappingSpace::obstacles).unwrap_or_default();
    spaces.retain(|space| space.obstacles().is_empty());
    if spaces.is_empty() { Err(obstacles) } else { Ok(spaces) }
}

/// Evaluates the heuristic mappings with the lowest bounds, at most [`STARTS`] and `limit` of them. The others are not counted:
/// a bound is what ranks them, as a proxy ranks what they are made of.
fn begin(spaces: &[MappingSpace<'_>], visits: &mut Visits<'_>, limit: usize) {
    let mut ranked = BTreeMap::new();
    for space in spaces {
        for m in heuristics::seeds(space)
            .into_iter()
            .chain(space.repair(&space.smallest()))
        {
            let (bound, m) = visits.estimate(&m);
            ranked.insert(key(&m), (bound, m));
        }
    }
    let mut ranked: Vec<(f64, Mapping)> = ranked.into_values().collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, m) in ranked.into_iter().take(STARTS.min(limit.max(1))) {
        visits.value(&m);
    }
}

/// Runs the method of `settings` until `visits` has `limit` mappings.
fn sample(
    space: &MappingSpace<'_>,
    visits: &mut Visits<'_>,
    settings: &MapperSettings,
    limit: usize,
    seed: u64,
    interrupt: &Interrupt,
) -> Result<(), Diagnostic> {
    let mut optimizer = start(space, settings, visits.lowest().map(|i| visits.seen[i].mapping), seed);
    // Points that were seen before are free, but not without end.
    let mut asks = limit.saturating_mul(4);
    while visits.seen.len() < limit && asks > 0 {
        interrupt.check()?;
        let mut told = Vec::with_capacity(optimizer.population());
        for _ in 0..optimizer.population().min(asks) {
            asks -= 1;
            let genes = optimizer.ask();
            let value = space
                .decode(settings.encoding, &genes)
                .map_or(f64::INFINITY, |m| visits.value(&m));
            told.push((genes, value));
            if visits.seen.len() >= limit {
                break;
            }
        }
        visits.settle();
        optimizer.tell(&told);
    }
    Ok(())
}

/// The optimizer of `settings`, around `start` if there is one.
fn start<'a>(
    space: &'a MappingSpace<'_>,
    settings: &MapperSettings,
    start: Option<Mapping>,
    seed: u64,
) -> Box<dyn Optimizer + 'a> {
    let n = genes(settings.encoding);
    match settings.method {
        Method::Random => Box::new(RandomSearch::new(n, 16, seed)),
        Method::Bayesian => {
            let encoding = settings.encoding;
            let features = move |g: &[f64]| Some(features::mapping(space.nest, &space.decode(encoding, g)?));
            Box::new(Bayesian::new(n, QUICK, Box::new(features), seed))
        }
        Method::CmaEs | Method::Exact => {
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

/// A mapping that was looked at.
struct Visit {
    mapping: Mapping,
    bound: Figures,
    exact: Option<Figures>,
}

/// What tells mappings apart: tiles, orders and the split of axes.
type Key = (PerDim<u32>, PerDim<u32>, [Dim; 6], [Dim; 6], PerDim<u32>);

/// Mappings looked at so far.
struct Visits<'a> {
    setting: Setting,
    model: &'a mut dyn LayerModel,
    objective: Objective,
    seen: Vec<Visit>,
    places: BTreeMap<Key, usize>,
    exact: usize,
    /// Lowest objective among exact results.
    lowest_exact: f64,
}

impl<'a> Visits<'a> {
    fn new(space: &MappingSpace<'_>, model: &'a mut dyn LayerModel, settings: &MapperSettings) -> Self {
        Self {
            setting: Setting::new(space.nest, space.accelerator),
            model,
            objective: settings.objective,
            seen: Vec::with_capacity(settings.evaluations),
            places: BTreeMap::new(),
            exact: 0,
            lowest_exact: f64::INFINITY,
        }
    }

    /// The objective of the bound of `m`, which is not kept, and the mapping that stands for it.
    fn estimate(&mut self, m: &Mapping) -> (f64, Mapping) {
        let schedule = self.setting.schedule(m);
        (self.objective.of(&self.model.bound(&schedule)), canonical(&schedule))
    }

    /// Place of a mapping in `seen`, where it is put if it is new: with its exact result if its bound leaves hope that this
    /// is the lowest yet. Ranking by bounds alone led to mappings of low bounds and bad results.
    fn place(&mut self, m: &Mapping) -> usize {
        let schedule = self.setting.schedule(m);
        let mapping = canonical(&schedule);
        let key = key(&mapping);
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let bound = self.model.bound(&schedule);
        let hopeful = self.objective.of(&bound) < self.lowest_exact;
        let exact = hopeful.then(|| self.model.exact(&schedule));
        if let Some(figures) = &exact {
            self.exact += 1;
            self.lowest_exact = self.lowest_exact.min(self.objective.of(figures));
        }
        self.places.insert(key, self.seen.len());
        self.seen.push(Visit { mapping, bound, exact });
        self.seen.len() - 1
    }

    /// The objective of a legal mapping as far as it is known: exact or bound.
    fn value(&mut self, m: &Mapping) -> f64 {
        let i = self.place(m);
        self.worth(i)
    }

    fn worth(&self, i: usize) -> f64 {
        let visit = &self.seen[i];
        self.objective.of(visit.exact.as_ref().unwrap_or(&visit.bound))
    }

    /// The mapping with the lowest value; the first found among equals.
    fn lowest(&self) -> Option<usize> {
        (0..self.seen.len()).min_by(|&a, &b| self.worth(a).total_cmp(&self.worth(b)))
    }

    /// Evaluates the mapping with the lowest value exactly; false if it was already.
    fn settle(&mut self) -> bool {
        let Some(i) = self.lowest().filter(|&i| self.seen[i].exact.is_none()) else {
            return false;
        };
        let schedule = self.setting.schedule(&self.seen[i].mapping);
        self.seen[i].exact = Some(self.model.exact(&schedule));
        self.exact += 1;
        true
    }

    fn finish(mut self) -> Option<Mapped> {
        for _ in 0..LAST_EXACT {
            if !self.settle() {
                break;
            }
        }
        let mut front = Vec::new();
        for v in &self.seen {
            if let Some(figures) = v.exact {
                insert(
                    &mut front,
                    Choice {
                        mapping: v.mapping,
                        figures,
                    },
                );
            }
        }
        let value = |c: &&Choice| self.objective.of(&c.figures);
        let best = *front.iter().min_by(|a, b| value(a).total_cmp(&value(b)))?;
        Some(Mapped {
            best,
            front,
            evaluations: self.seen.len(),
            exact: self.exact,
            proof: None,
        })
    }
}

const fn key(m: &Mapping) -> Key {
    (m.offchip.tile, m.l2.tile, m.offchip.order, m.l2.order, m.split)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::geometry::Geometry;
    use crate::arch::resources::Resources;
    use crate::mapping::legality::violations;
    use crate::search::encoding::accelerator::AcceleratorSpace;
    use crate::search::problem::CostModel as _;
    use crate::search::toy::Toy;
    use crate::workload::layer::{Conv, Shape};

    fn accelerator() -> Accelerator {
        let resources = Resources::preset("nvdla-256").unwrap();
        AcceleratorSpace::new(resources).decode(&[0.7; 14]).unwrap()
    }

    fn nest(k: u32, c: u32, side: u32, kernel: u32, groups: u32) -> LoopNest {
        let (pad, stride, dilation, transposed) = ([kernel / 2; 4], [1, 1], [1, 1], false);
        let conv = Conv {
            N: 1,
            K: k,
            C: c,
            H: side,
            W: side,
            R: kernel,
            S: kernel,
            stride,
            pad,
            dilation,
            groups,
            transposed,
        };
        Shape::Conv(conv).nest().unwrap()
    }

    fn nests() -> [LoopNest; 4] {
        [
            nest(64, 64, 28, 3, 1),
            nest(96, 96, 28, 3, 96),
            nest(16, 3, 32, 3, 1),
            nest(256, 128, 14, 1, 1),
        ]
    }

    fn map(nest: &LoopNest, settings: &MapperSettings, seed: u64) -> Mapped {
        let a = accelerator();
        map_layer(nest, &a, &mut *Toy.on(&a), settings, seed, &Interrupt::default()).unwrap()
    }

    #[test]
    fn results_are_legal_exact_and_within_the_budget() {
        let a = accelerator();
        for nest in &nests() {
            for method in [Method::CmaEs, Method::Random, Method::Bayesian] {
                let found = map(
                    nest,
                    &MapperSettings {
                        method,
                        ..MapperSettings::default()
                    },
                    1,
                );
                assert!(found.evaluations <= 100 && found.exact <= found.evaluations);
                for c in &found.front {
                    assert_eq!(violations(nest, &a, &c.mapping), []);
                    assert_eq!(c.figures, Toy.on(&a).exact(&Schedule::new(nest, &a, &c.mapping)));
                    assert!(c.figures.edp() >= found.best.figures.edp());
                }
                let order = |p: &[Choice]| {
                    p[0].figures.cycles < p[1].figures.cycles && p[0].figures.energy_pj > p[1].figures.energy_pj
                };
                assert!(found.front.windows(2).all(order), "a front");
            }
        }
    }

    /// Small psum buffers make sums leave early where that is allowed, and never where it is not.
    #[test]
    fn sums_are_finished_where_level_2_has_none() {
        let mut accumulating = [0; 2];
        for nest in &nests() {
            for sums in [false, true] {
                let mut a = accelerator();
                a.l2.sums = sums;
                let nest = &plane::on(nest, &a);
                a.buffers.psum.words = Geometry::of(&a).psum_word;
                while !MappingSpace::new(nest, &a).obstacles().is_empty() {
                    a.buffers.psum.words *= 2;
                }
                for method in [Method::CmaEs, Method::Random, Method::Bayesian] {
                    let settings = MapperSettings {
                        method,
                        ..MapperSettings::default()
                    };
                    let found = map_layer(nest, &a, &mut *Toy.on(&a), &settings, 1, &Interrupt::default()).unwrap();
                    for c in &found.front {
                        assert_eq!(violations(nest, &a, &c.mapping), []);
                        accumulating[usize::from(sums)] += u32::from(Schedule::new(nest, &a, &c.mapping).accumulate);
                    }
                }
            }
        }
        assert!(accumulating[0] == 0 && accumulating[1] > 0, "{accumulating:?}");
    }

    #[test]
    fn more_evaluations_help_and_seeds_repeat() {
        let settings = |evaluations| MapperSettings {
            evaluations,
            ..MapperSettings::default()
        };
        let mut gain = 1.0;
        for nest in &nests() {
            let (few, many) = (map(nest, &settings(1), 1), map(nest, &settings(200), 1));
            assert_eq!(many, map(nest, &settings(200), 1));
            gain *= few.best.figures.edp() / many.best.figures.edp();
        }
        assert!(gain > 1.1, "{gain}");
    }

    #[test]
    fn each_objective_finds_its_own_best() {
        let settings = |objective| MapperSettings {
            objective,
            evaluations: 300,
            ..MapperSettings::default()
        };
        for nest in &nests() {
            let [edp, latency, energy] = [Objective::Edp, Objective::Latency, Objective::Energy]
                .map(|o| map(nest, &settings(o), 1).best.figures);
            // Heuristic searches: one may find by the way what another misses, but not by much.
            assert!(
                latency.cycles <= edp.cycles + edp.cycles / 10 && energy.energy_pj <= edp.energy_pj * 1.1,
                "{edp:?} {latency:?} {energy:?}"
            );
        }
    }

    #[test]
    fn an_impossible_layer_says_why() {
        let mut a = accelerator();
        a.l2.I.bytes = 64;
        let nest = nest(16, 300, 7, 1, 1);
        a.l2.W.bytes = 64;
        let settings = MapperSettings::default();
        let why = map_layer(&nest, &a, &mut *Toy.on(&a), &settings, 1, &Interrupt::default()).unwrap_err();
        let Unmapped::Impossible(why) = why else {
            panic!("{why:?}")
        };
        assert!(
            why.iter().any(|v| v.to_string().contains("l2.W bytes needs")),
            "{why:?}"
        );
    }

    #[test]
    fn composing_is_at_least_as_good_as_every_layer_alone() {
        let choice = |cycles, energy_pj| Choice {
            mapping: map_of(),
            figures: Figures { cycles, energy_pj },
        };
        let a = [choice(10, 100.0), choice(20, 55.0), choice(50, 20.0)];
        let b = [choice(100, 10.0), choice(130, 8.0)];
        let fronts: [&[Choice]; 2] = [&a, &b];
        let layers = [0, 1, 1];
        let edp = |p: &[usize]| {
            layers
                .iter()
                .fold(Figures::default(), |s, &l| s.plus(&fronts[l][p[l]].figures, 1))
                .edp()
        };
        let picked = compose(Objective::Edp, &fronts, &layers);
        let alone = [2, 0];
        assert!(edp(&picked) <= edp(&alone));
        let all = (0..3).flat_map(|i| (0..2).map(move |j| [i, j]));
        let best = all.map(|p| edp(&p)).fold(f64::INFINITY, f64::min);
        assert_eq!(edp(&picked), best);
        assert_eq!(compose(Objective::Latency, &fronts, &layers), [0, 0]);
        assert_eq!(compose(Objective::Energy, &fronts, &layers), [2, 1]);
    }

    fn map_of() -> Mapping {
        let a = accelerator();
        MappingSpace::new(&nests()[0], &a).smallest()
    }
}
