//! All layers of a suite on one accelerator: each different layer is mapped once, a network's layers are put together.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::interrupt::Interrupt;
use crate::base::rng::stream;
use crate::cost::cycles::fits;
use crate::mapping::legality::Violation;
use crate::mapping::plane;
use crate::mapping::tiling::Mapping;
use crate::search::goal::{Goal, Limits, Rated};
use crate::search::mapper::{Choice, Mapped, MapperSettings, Unmapped, map_layer, possible};
use crate::search::problem::{CostModel, Figures, Objective, Suite};
use crate::search::runner::Rejection;
use crate::workload::layer::LoopNest;
use rand::Rng as _;
use rayon::prelude::*;

/// Mappings of all networks on one accelerator.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedSuite {
    /// For every network, one mapping per layer.
    pub mappings: Vec<Vec<Mapping>>,
    /// What the networks cost.
    pub rated: Rated,
    /// The objective: geometric mean over the networks.
    pub value: f64,
    /// For every network, the proven gap of each of these mappings to the best one, where mappings were proven.
    pub gaps: Vec<Vec<Option<f64>>>,
    /// Mappings evaluated.
    pub evaluations: u64,
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
    let layers = map_layers(model, suite, accelerator, settings, seed, interrupt, done)?;
    let goal = Goal {
        objective: settings.objective,
        limits: Limits::default(),
    };
    Ok(together(model, suite, &goal, accelerator, &layers))
}

/// Maps every different layer of `suite` on `accelerator`.
///
/// # Errors
/// As [`map_suite`].
pub fn map_layers(
    model: &dyn CostModel,
    suite: &Suite,
    accelerator: &Accelerator,
    settings: &MapperSettings,
    seed: u64,
    interrupt: &Interrupt,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Mapped>> {
    check_fits(suite)?;
    let one = |l: usize| -> Result<Mapped> {
        interrupt.check()?;
        let mapped = one_layer(model, suite, accelerator, settings, seed, l, interrupt);
        done(l);
        mapped
    };
    // Collected before the first error is looked for: which one that is must not depend on the threads.
    let all: Vec<Result<Mapped>> = (0..suite.distinct.len()).into_par_iter().map(one).collect();
    all.into_iter().collect()
}

/// Maps layer `l` of the different ones.
pub(super) fn one_layer(
    model: &dyn CostModel,
    suite: &Suite,
    accelerator: &Accelerator,
    settings: &MapperSettings,
    seed: u64,
    l: usize,
    interrupt: &Interrupt,
) -> Result<Mapped> {
    let (name, nest) = &suite.distinct[l];
    let seed = stream(seed, &[l as u64]).next_u64();
    let mapped = map_layer(
        nest,
        accelerator,
        &mut *model.on(accelerator),
        settings,
        seed,
        interrupt,
    );
    mapped.map_err(|why| match why {
        Unmapped::Impossible(violations) => no_mapping(name, accelerator, &violations),
        Unmapped::Stopped(why) => why,
    })
}

/// The networks' mappings from those of the different layers.
#[must_use]
pub fn together(
    model: &dyn CostModel,
    suite: &Suite,
    goal: &Goal,
    accelerator: &Accelerator,
    layers: &[Mapped],
) -> MappedSuite {
    let fronts: Vec<&[Choice]> = layers.iter().map(|m| m.front.as_slice()).collect();
    let mut totals = Vec::with_capacity(suite.networks.len());
    let mut mappings = Vec::with_capacity(suite.networks.len());
    let mut gaps = Vec::with_capacity(suite.networks.len());
    for network in &suite.networks {
        let picked = goal.compose(&fronts, &network.layers);
        let choice = |&l: &usize| &fronts[l][picked[l]];
        let sum = |sum: Figures, l| sum.plus(&choice(l).figures, 1);
        totals.push(network.layers.iter().fold(Figures::default(), sum));
        mappings.push(network.layers.iter().map(|l| choice(l).mapping).collect());
        let gap = |l: &usize| Some(layers[*l].proof?.gap_of(goal.objective.of(&choice(l).figures)));
        gaps.push(network.layers.iter().map(gap).collect());
    }
    let rated = Rated {
        totals,
        area_um2: model.area_um2(accelerator),
    };
    MappedSuite {
        mappings,
        value: goal.value(&rated),
        rated,
        gaps,
        evaluations: layers.iter().map(|m| m.evaluations as u64).sum(),
    }
}

/// What the suite costs at least on `accelerator`, a legal one, whatever the mappings; 0 from a model that has no floors.
#[must_use]
pub fn least(model: &dyn CostModel, suite: &Suite, objective: Objective, accelerator: &Accelerator) -> f64 {
    let on = model.on(accelerator);
    let floor = |(_, nest): &(String, LoopNest)| on.floor(nest).unwrap_or_default();
    let floors: Vec<Figures> = suite.distinct.iter().map(floor).collect();
    let totals: Vec<Figures> = (0..suite.networks.len()).map(|n| suite.total(n, &floors)).collect();
    suite.score(objective, &totals)
}

/// The first layer without any legal mapping on `accelerator`, and why.
///
/// # Errors
/// The limit that stands in the way.
pub fn runs(accelerator: &Accelerator, suite: &Suite) -> std::result::Result<(), Rejection> {
    for (name, nest) in &suite.distinct {
        if let Err(obstacles) = possible(&plane::on(nest, accelerator), accelerator) {
            return Err(Rejection {
                reason: format!("layer `{name}`: {}", reasons(&obstacles)),
                excess: obstacles.iter().map(excess).fold(1.0, f64::max),
            });
        }
    }
    Ok(())
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

/// Refuses suites with a layer whose cycles could overflow.
///
/// # Errors
/// `E0104` naming the layer.
pub fn check_fits(suite: &Suite) -> Result<()> {
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
