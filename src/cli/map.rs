//! `naas map`: the mappings of networks on a given accelerator.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Result;
use crate::base::files;
use crate::cli::args::MapArgs;
use crate::cli::costs::{Priced, Text, document, price_layers};
use crate::cli::inputs::{self, Source};
use crate::cli::plan::MapPlan;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::mapping::tiling::Mapping;
use crate::search::design::{Design, Provenance};
use crate::search::mapper::{MapperSettings, Method};
use crate::search::nested::map_suite;
use crate::search::problem::{Objective, Suite};
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
    let technology = inputs::technology(&plan.technology)?;
    let objective = plan.objective.into();
    let method: Method = plan.mapper.into();
    let (priced, evaluations) = session.with_threads(|| {
        Ok(map_all(
            &technology,
            &accelerator,
            &sources,
            (objective, method),
            session,
        )?)
    })?;
    let provenance = Provenance {
        command: "map".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        technology: technology.name,
        objective,
        method: method.name().into(),
        resources: None,
        seed: session.seed,
        evaluations,
        stop_reason: "evaluations".into(),
    };
    let networks = priced.iter().map(|p| p.network.clone()).collect();
    let design = Design::new(accelerator, networks, provenance);
    session.interrupt.check()?;
    files::write_atomic(&plan.out, design.to_json().as_bytes())?;
    let a = &design.accelerator;
    session.output.result(&document(a, &priced), &Text(a, &priced))
}

/// Maps all networks; also the number of mappings evaluated.
fn map_all(
    technology: &Technology,
    accelerator: &Accelerator,
    sources: &[Source],
    (objective, method): (Objective, Method),
    session: &Session,
) -> Result<(Vec<Priced>, u64)> {
    let mut suite = Suite::default();
    for source in sources {
        suite.add(&source.network.name, &source.network.layers)?;
    }
    let settings = MapperSettings {
        objective,
        method,
        evaluations: EVALUATIONS,
        ..MapperSettings::default()
    };
    let progress = Progress::start(session.output, "map", Some(suite.distinct.len() as u64));
    let done = AtomicU64::new(0);
    let show = |l: usize| progress.show(done.fetch_add(1, Ordering::Relaxed) + 1, suite.distinct[l].0.clone());
    let mapped = map_suite(
        technology,
        &suite,
        accelerator,
        &settings,
        session.seed,
        &session.interrupt,
        &show,
    )?;
    let price = |(source, mappings): (&Source, Vec<Mapping>)| {
        let names = [source.network.name.as_str(), source.text.as_str()];
        price_layers(technology, accelerator, names, source.network.layers.clone(), mappings)
    };
    let mut priced: Vec<Priced> = sources.iter().zip(mapped.mappings).map(price).collect::<Result<_>>()?;
    if objective == Objective::Edp {
        for (p, gaps) in priced.iter_mut().zip(&mapped.gaps) {
            p.prove(gaps);
        }
    }
    Ok((priced, mapped.evaluations))
}
