//! NAAS's nested search (arXiv 2105.13258, figure 2): an outer one over accelerators, an inner one over the mappings of every
//! layer, whose results are the outer one's reward.
//!
//! A candidate that exceeds the resources, or on which some layer has no legal mapping, is rejected before it is evaluated;
//! sampling goes on until the population is full. At the end the best accelerator's layers are mapped once more, with more
//! evaluations than a candidate gets.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::interrupt::Interrupt;
use crate::base::rng::stream;
use crate::cost::cycles::fits;
use crate::mapping::legality::Violation;
use crate::mapping::tiling::Mapping;
use crate::search::cma_es::{CmaEs, Settings};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::encoding::mapping::MappingSpace;
use crate::search::mapper::{Choice, Mapped, MapperSettings, compose, map_layer};
use crate::search::optimizer::Optimizer as _;
use crate::search::problem::{CostModel, Figures, Suite};
use crate::search::runner::{Candidate, Rejection, Starved, fill};
use rand::Rng as _;
use rayon::prelude::*;
use serde::Serialize;

/// Candidates of a generation: nearly twice CMA-ES's default for so many genes. On resnet8, more seeds then reach arrays
/// whose axes divide the layers' channels, with as many evaluations.
const POPULATION: usize = 20;

/// How an accelerator is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NestedSettings {
    /// The inner search of a candidate.
    pub mapper: MapperSettings,
    /// Evaluations per layer of the best accelerator at the end.
    pub refine: usize,
    /// Accelerators to evaluate at most.
    pub evaluations: u64,
    /// Seed.
    pub seed: u64,
}

/// What happened in one generation of the outer search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Generation {
    /// Evaluations so far.
    pub evaluations: u64,
    /// Lowest objective of the generation.
    pub best: f64,
    /// Mean objective of the generation.
    pub mean: f64,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// All evaluations are spent.
    Evaluations,
    /// The time is up.
    Seconds,
    /// The method sees no use in going on.
    Stalled,
}

impl StopReason {
    /// The reason as documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluations => "evaluations",
            Self::Seconds => "seconds",
            Self::Stalled => "stalled",
        }
    }
}

/// A searched accelerator with mappings.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// For every network, one mapping per layer.
    pub mappings: Vec<Vec<Mapping>>,
    /// The objective: geometric mean over the networks.
    pub value: f64,
    /// Accelerators evaluated.
    pub evaluations: u64,
    /// Why the search ended.
    pub stop_reason: StopReason,
    /// Every generation.
    pub history: Vec<Generation>,
}

/// Mappings of all networks on one accelerator.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedSuite {
    /// For every network, one mapping per layer.
    pub mappings: Vec<Vec<Mapping>>,
    /// The objective: geometric mean over the networks.
    pub value: f64,
    /// For every network, the proven gap of each of these mappings to the best one, where proofs were asked for.
    pub gaps: Vec<Vec<Option<f64>>>,
    /// Mappings evaluated.
    pub evaluations: u64,
}

/// Searches an accelerator of `space` for `suite`. After every generation `go_on` is asked whether there is time left.
///
/// # Errors
/// `E0201` naming the limit, where no accelerator within the resources runs every layer; `E0501`.
pub fn search(
    model: &dyn CostModel,
    suite: &Suite,
    space: &AcceleratorSpace,
    settings: &NestedSettings,
    interrupt: &Interrupt,
    go_on: &mut dyn FnMut(&Generation) -> bool,
) -> Result<Found> {
    check_fits(suite)?;
    let start = Settings {
        population: Some(POPULATION),
        ..Settings::new(space.genes())
    };
    let mut optimizer = CmaEs::new(start, settings.seed);
    let mut best: Option<(Accelerator, MappedSuite)> = None;
    let mut history: Vec<Generation> = Vec::new();
    let mut evaluations = 0;
    let stop_reason = loop {
        let left = settings.evaluations - evaluations;
        if left == 0 {
            break StopReason::Evaluations;
        }
        let count = optimizer.population().min(usize::try_from(left).unwrap_or(usize::MAX));
        let candidates = fill(&mut optimizer, count, |genes| valid(space, suite, genes))
            .map_err(|starved| no_accelerator(space, starved))?;
        let path = [history.len() as u64];
        let mapped = evaluate(model, suite, &candidates, settings, &path, interrupt)?;
        evaluations += count as u64;
        let told: Vec<(Vec<f64>, f64)> = candidates
            .iter()
            .zip(&mapped)
            .map(|(c, m)| (c.genes.clone(), m.value))
            .collect();
        for (c, m) in candidates.into_iter().zip(mapped) {
            if best.as_ref().is_none_or(|(_, b)| m.value < b.value) {
                best = Some((c.value, m));
            }
        }
        optimizer.tell(&told);
        let generation = Generation {
            evaluations,
            best: told.iter().map(|t| t.1).fold(f64::INFINITY, f64::min),
            mean: told.iter().map(|t| t.1).sum::<f64>() / count as f64,
        };
        history.push(generation);
        if !go_on(&generation) {
            break StopReason::Seconds;
        }
        if optimizer.stalled() {
            break StopReason::Stalled;
        }
    };
    let (accelerator, mut mapped) =
        best.ok_or_else(|| Diagnostic::new(Code::Usage, "a search needs at least one evaluation"))?;
    let refined = MapperSettings {
        evaluations: settings.refine,
        ..settings.mapper
    };
    let again = map_suite(model, suite, &accelerator, &refined, settings.seed, interrupt, &|_| ())?;
    if again.value < mapped.value {
        mapped = again;
    }
    Ok(Found {
        accelerator,
        mappings: mapped.mappings,
        value: mapped.value,
        evaluations,
        stop_reason,
        history,
    })
}

/// Maps every layer of `suite` on `accelerator`; `done` is called with the index of each different layer when it is mapped.
///
/// # Errors
/// `E0201` naming the layer and what is too small for it; `E0104` for a layer whose cycles could overflow; `E0501`.
pub fn map_suite(
    model: &dyn CostModel,
    suite: &Suite,
    accelerator: &Accelerator,
    settings: &MapperSettings,
    seed: u64,
    interrupt: &Interrupt,
    done: &(dyn Fn(usize) + Sync),
) -> Result<MappedSuite> {
    check_fits(suite)?;
    let one = |l: usize| -> Result<Mapped> {
        interrupt.check()?;
        let (name, nest) = &suite.distinct[l];
        let seed = stream(seed, &[l as u64]).next_u64();
        let mapped = map_layer(nest, accelerator, &mut *model.on(accelerator), settings, seed);
        done(l);
        mapped.map_err(|violations| no_mapping(name, accelerator, &violations))
    };
    // Collected before the first error is looked for: which one that is must not depend on the threads.
    let all: Vec<Result<Mapped>> = (0..suite.distinct.len()).into_par_iter().map(one).collect();
    let layers: Vec<Mapped> = all.into_iter().collect::<Result<_>>()?;
    Ok(together(suite, settings, &layers))
}

/// The networks' mappings from those of the different layers.
fn together(suite: &Suite, settings: &MapperSettings, layers: &[Mapped]) -> MappedSuite {
    let fronts: Vec<&[Choice]> = layers.iter().map(|m| m.front.as_slice()).collect();
    let mut totals = Vec::with_capacity(suite.networks.len());
    let mut mappings = Vec::with_capacity(suite.networks.len());
    let mut gaps = Vec::with_capacity(suite.networks.len());
    for network in &suite.networks {
        let picked = compose(settings.objective, &fronts, &network.layers);
        let choice = |&l: &usize| &fronts[l][picked[l]];
        let sum = |sum: Figures, l| sum.plus(&choice(l).figures, 1);
        totals.push(network.layers.iter().fold(Figures::default(), sum));
        mappings.push(network.layers.iter().map(|l| choice(l).mapping).collect());
        let gap = |l: &usize| layers[*l].proof.map(|p| p.gap_of(settings.objective.of(&choice(l).figures)));
        gaps.push(network.layers.iter().map(gap).collect());
    }
    MappedSuite {
        mappings,
        value: suite.score(settings.objective, &totals),
        gaps,
        evaluations: layers.iter().map(|m| m.evaluations as u64).sum(),
    }
}

/// Maps every layer on every candidate.
fn evaluate(
    model: &dyn CostModel,
    suite: &Suite,
    candidates: &[Candidate<Accelerator>],
    settings: &NestedSettings,
    path: &[u64],
    interrupt: &Interrupt,
) -> Result<Vec<MappedSuite>> {
    let layers = suite.distinct.len();
    // Proofs are for the design that is chosen in the end.
    let mapper = MapperSettings {
        proof: None,
        ..settings.mapper
    };
    let one = |task: usize| -> Result<Mapped> {
        interrupt.check()?;
        let (c, l) = (task / layers, task % layers);
        let accelerator = &candidates[c].value;
        let seed = stream(settings.seed, &[path, &[c as u64, l as u64]].concat()).next_u64();
        let (name, nest) = &suite.distinct[l];
        map_layer(nest, accelerator, &mut *model.on(accelerator), &mapper, seed)
            .map_err(|violations| no_mapping(name, accelerator, &violations))
    };
    let tasks = candidates.len() * layers;
    let all: Vec<Result<Mapped>> = (0..tasks).into_par_iter().map(one).collect();
    let mapped: Vec<Mapped> = all.into_iter().collect::<Result<_>>()?;
    Ok(mapped
        .chunks(layers)
        .map(|m| together(suite, &settings.mapper, m))
        .collect())
}

/// The accelerator of `genes`, if it is within the resources and every layer has a mapping on it.
///
/// # Errors
/// The limit that stands in the way.
pub fn valid(space: &AcceleratorSpace, suite: &Suite, genes: &[f64]) -> std::result::Result<Accelerator, Rejection> {
    let accelerator = space.decode(genes)?;
    for (name, nest) in &suite.distinct {
        let obstacles = MappingSpace::new(nest, &accelerator).obstacles();
        if !obstacles.is_empty() {
            return Err(Rejection {
                reason: format!("layer `{name}`: {}", reasons(&obstacles)),
                excess: obstacles.iter().map(excess).fold(1.0, f64::max),
            });
        }
    }
    Ok(accelerator)
}

/// What is needed over what there is.
fn excess(v: &Violation) -> f64 {
    match *v {
        Violation::Capacity { needed, available, .. } => needed as f64 / available.max(1) as f64,
        _ => f64::INFINITY,
    }
}

fn reasons(violations: &[Violation]) -> String {
    let reasons: Vec<String> = violations.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

fn check_fits(suite: &Suite) -> Result<()> {
    match suite.distinct.iter().find(|(_, nest)| !fits(nest)) {
        Some((name, _)) => Err(
            Diagnostic::new(Code::BadSize, "the layer's cycles could overflow 62 bits").at(format!("layer `{name}`")),
        ),
        None => Ok(()),
    }
}

fn no_mapping(layer: &str, a: &Accelerator, violations: &[Violation]) -> Diagnostic {
    Diagnostic::new(
        Code::NoLegalMapping,
        format!(
            "the layer cannot run on accelerator `{}`: {}",
            a.name,
            reasons(violations)
        ),
    )
    .at(format!("layer `{layer}`"))
    .next("give the accelerator more of what is named")
}

/// The error of a space in which no accelerator was found.
#[must_use]
pub fn no_accelerator(space: &AcceleratorSpace, starved: Starved) -> Diagnostic {
    let nearest = starved
        .nearest
        .map_or_else(|| "no sample was drawn".into(), |r| r.reason);
    let Starved { attempts, valid, .. } = starved;
    Diagnostic::new(
        Code::NoLegalMapping,
        format!("{valid} of {attempts} sampled accelerators can run every layer; the nearest miss: {nearest}"),
    )
    .at(format!("resources `{}`", space.resources.name))
    .next("raise the named limit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::cost::tech::Technology;
    use crate::workload::zoo;

    fn setting() -> (Technology, Suite, AcceleratorSpace, NestedSettings) {
        let mut suite = Suite::default();
        suite
            .add("resnet8", &zoo::network("resnet8").unwrap().layers[..4])
            .unwrap();
        let mapper = MapperSettings {
            evaluations: 12,
            ..MapperSettings::default()
        };
        let settings = NestedSettings {
            mapper,
            refine: 24,
            evaluations: 30,
            seed: 4,
        };
        let space = AcceleratorSpace::new(Resources::preset("shidiannao").unwrap());
        (Technology::named("45nm").unwrap(), suite, space, settings)
    }

    #[test]
    fn searches_repeat_on_any_number_of_threads_and_improve() {
        let (t, suite, space, settings) = setting();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let search = || search(&t, &suite, &space, &settings, &Interrupt::default(), &mut |_| true).unwrap();
            pool.install(search)
        };
        let found = run(1);
        assert_eq!(run(3), found);
        assert_eq!((found.evaluations, found.stop_reason), (30, StopReason::Evaluations));
        assert!(found.history.iter().all(|g| found.value <= g.best && g.best <= g.mean));
        assert_eq!(found.mappings[0].len(), 4);
        assert_eq!(space.resources.exceeded_by(&found.accelerator), Vec::<String>::new());
    }

    #[test]
    fn time_and_interrupts_stop_it() {
        let (t, suite, space, settings) = setting();
        let found = search(&t, &suite, &space, &settings, &Interrupt::default(), &mut |_| false).unwrap();
        assert_eq!((found.stop_reason, found.history.len()), (StopReason::Seconds, 1));
        let interrupt = Interrupt::default();
        interrupt.raise();
        let e = search(&t, &suite, &space, &settings, &interrupt, &mut |_| true).unwrap_err();
        assert_eq!(e.code, Code::Interrupted);
    }

    #[test]
    fn resources_that_are_too_small_are_named() {
        let (t, suite, mut space, settings) = setting();
        space.resources.onchip_bytes = 700;
        let e = search(&t, &suite, &space, &settings, &Interrupt::default(), &mut |_| true).unwrap_err();
        assert_eq!(e.code, Code::NoLegalMapping);
        assert!(e.what.contains("exceed the limit of 700"), "{e}");
    }
}
