//! `naas map`: the mappings of networks on a given accelerator.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::base::rng::stream;
use crate::cli::args::MapArgs;
use crate::cli::costs::{Priced, Text, document, price_layers};
use crate::cli::inputs::{self, Source};
use crate::cli::plan::{DEFAULT_TECHNOLOGY, MapPlan};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cost::cycles::fits;
use crate::cost::tech::Technology;
use crate::mapping::legality::Violation;
use crate::search::design::{Design, Provenance};
use crate::search::mapper::{Choice, Mapped, MapperSettings, compose, map_layer};
use crate::search::problem::{CostModel as _, NetworkLayers, Objective, Suite};
use crate::workload::layer::LoopNest;
use rand::Rng as _;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Mappings that are evaluated per different layer.
const EVALUATIONS: usize = 2000;

/// Maps, writes the design, prints what it costs.
///
/// # Errors
/// `E0201` naming the layer that cannot run on the accelerator and the memory that is too small; those of reading the
/// inputs and writing the design.
pub fn run(args: &MapArgs, session: &Session) -> anyhow::Result<()> {
    let plan = MapPlan::resolve(args)?;
    session.catch_interrupts()?;
    let accelerator = inputs::accelerator(&plan.accelerator)?;
    let mut sources = Source::open_all(&plan.networks)?;
    if let Some(layer) = &plan.layer {
        sources.iter_mut().try_for_each(|s| s.only(layer))?;
    }
    let technology = Technology::named(DEFAULT_TECHNOLOGY)?;
    let objective = plan.objective.into();
    let mapped = session.with_threads(|| Ok(map_all(&technology, &accelerator, &sources, objective, session)?))?;
    let provenance = Provenance {
        command: "map".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        technology: technology.name,
        objective,
        method: "cma-es".into(),
        resources: None,
        seed: session.seed,
        evaluations: mapped.evaluations,
        stop_reason: "evaluations".into(),
    };
    let networks = mapped.networks.iter().map(|p| p.network.clone()).collect();
    let design = Design::new(accelerator, networks, provenance);
    session.interrupt.check()?;
    files::write_atomic(&plan.out, design.to_json().as_bytes())?;
    let a = &design.accelerator;
    session
        .output
        .result(&document(a, &mapped.networks), &Text(a, &mapped.networks))
}

/// All networks with mappings.
struct AllMapped {
    networks: Vec<Priced>,
    evaluations: u64,
}

fn map_all(
    technology: &Technology,
    accelerator: &Accelerator,
    sources: &[Source],
    objective: Objective,
    session: &Session,
) -> Result<AllMapped> {
    let mut suite = Suite::default();
    for source in sources {
        suite.add(&source.network.name, &source.network.layers)?;
    }
    let settings = MapperSettings {
        objective,
        evaluations: EVALUATIONS,
        ..MapperSettings::default()
    };
    let progress = Progress::start(session.output, "map", Some(suite.distinct.len() as u64));
    let done = AtomicU64::new(0);
    let one = |(i, (name, nest)): (usize, &(String, LoopNest))| -> Result<Mapped> {
        session.interrupt.check()?;
        let place = format!("layer `{name}`");
        if !fits(nest) {
            return Err(Diagnostic::new(Code::BadSize, "the layer's cycles could overflow 62 bits").at(place));
        }
        let seed = stream(session.seed, &[i as u64]).next_u64();
        let mapped = map_layer(nest, accelerator, &mut *technology.on(accelerator), &settings, seed)
            .map_err(|v| no_mapping(&v, accelerator).at(place))?;
        progress.show(done.fetch_add(1, Ordering::Relaxed) + 1, name.clone());
        Ok(mapped)
    };
    // Collected before the first error is looked for: which one that is must not depend on the threads.
    let all: Vec<Result<Mapped>> = suite.distinct.par_iter().enumerate().map(one).collect();
    let layers: Vec<Mapped> = all.into_iter().collect::<Result<_>>()?;
    let fronts: Vec<&[Choice]> = layers.iter().map(|m| m.front.as_slice()).collect();
    let network = |(source, of): (&Source, &NetworkLayers)| {
        let picked = compose(objective, &fronts, &of.layers);
        let mappings = of.layers.iter().map(|&l| fronts[l][picked[l]].mapping).collect();
        let names = [source.network.name.as_str(), source.text.as_str()];
        price_layers(technology, accelerator, names, source.network.layers.clone(), mappings)
    };
    Ok(AllMapped {
        networks: sources
            .iter()
            .zip(&suite.networks)
            .map(network)
            .collect::<Result<_>>()?,
        evaluations: layers.iter().map(|m| m.evaluations as u64).sum(),
    })
}

/// The error for a layer without any legal mapping.
fn no_mapping(violations: &[Violation], a: &Accelerator) -> Diagnostic {
    let reasons: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let reasons = if reasons.is_empty() {
        "no reason is known".into()
    } else {
        reasons.join("; ")
    };
    Diagnostic::new(
        Code::NoLegalMapping,
        format!("the layer cannot run on accelerator `{}`: {reasons}", a.name),
    )
    .next("give the accelerator a larger memory of the named kind")
}
