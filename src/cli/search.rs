//! `naas search`: an accelerator within given resources together with the mappings of networks.

use crate::arch::resources::Resources;
use crate::base::diag::Result;
use crate::base::files;
use crate::cli::args::{Mapper, SearchArgs};
use crate::cli::costs::{Priced, Text, price_layers};
use crate::cli::inputs::{self, Source};
use crate::cli::plan::{Budget, DEFAULT_EVALUATIONS, DEFAULT_TECHNOLOGY, SearchPlan};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::search::design::{Design, Provenance};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::mapper::MapperSettings;
use crate::search::nested::{Found, Generation, NestedSettings, search};
use crate::search::problem::{Objective, Suite};
use serde_json::json;
use std::time::{Duration, Instant};

/// Mappings that are evaluated per different layer: for a candidate, and for the accelerator that won.
const MAPPINGS: [usize; 2] = [60, 2000];

/// Searches, writes the design, prints what it costs.
///
/// # Errors
/// `E0201` naming the limit that stands in the way; those of reading the inputs and writing the design.
pub fn run(args: &SearchArgs, session: &Session) -> anyhow::Result<()> {
    let plan = SearchPlan::resolve(args)?;
    session.catch_interrupts()?;
    let problem = Problem {
        sources: Source::open_all(&plan.networks)?,
        resources: inputs::resources(&plan.resources)?,
        objective: plan.objective.into(),
        technology: inputs::technology(&plan.technology)?,
        budget: plan.budget,
        mapper: plan.mapper,
    };
    let Outcome {
        design,
        priced,
        found,
        seconds,
    } = problem.solve(session)?;
    session.interrupt.check()?;
    files::write_atomic(&plan.out, design.to_json().as_bytes())?;
    let history: Vec<_> = found
        .history
        .iter()
        .map(|g| json!({"best": g.best, "mean": g.mean}))
        .collect();
    let mut document = json!({
        "design": design.hash,
        "accelerator": design.accelerator,
        "objective": design.provenance.objective,
        "value": found.value,
        "evaluations": found.evaluations,
        "seconds": seconds,
        "stop_reason": found.stop_reason,
        "seed": session.seed,
        "history": history,
    });
    match priced.as_slice() {
        [only] => document["total"] = json!(only.network.total),
        several => {
            let total = |p: &Priced| json!({"network": p.network.name, "total": p.network.total});
            document["networks"] = several.iter().map(total).collect();
        }
    }
    let text = format!(
        "{}\n{} evaluations in {seconds:.1} s, stopped by {}, seed {}: {}",
        Text(&design.accelerator, &priced),
        found.evaluations,
        found.stop_reason.as_str(),
        session.seed,
        plan.out.display()
    );
    session.output.result(&document, &text)
}

/// The design that commands search when they are given none.
///
/// # Errors
/// As [`run`].
pub fn with_defaults(network: &str, resources: &str, session: &Session) -> anyhow::Result<Design> {
    let problem = Problem {
        sources: vec![Source::open(network)?],
        resources: inputs::resources(resources)?,
        objective: Objective::Edp,
        technology: Technology::named(DEFAULT_TECHNOLOGY)?,
        budget: Budget {
            evaluations: Some(DEFAULT_EVALUATIONS),
            seconds: None,
        },
    };
    Ok(problem.solve(session)?.design)
}

/// What is searched.
struct Problem {
    sources: Vec<Source>,
    resources: Resources,
    objective: Objective,
    technology: Technology,
    budget: Budget,
    mapper: Mapper,
}

/// What was found.
struct Outcome {
    design: Design,
    priced: Vec<Priced>,
    found: Found,
    seconds: f64,
}

impl Problem {
    fn solve(&self, session: &Session) -> anyhow::Result<Outcome> {
        let start = now();
        let found = session.with_threads(|| Ok(self.search(start, session)?))?;
        let seconds = start.elapsed().as_secs_f64();
        let a = &found.accelerator;
        let price = |(source, mappings): (&Source, &Vec<_>)| {
            let names = [source.network.name.as_str(), source.text.as_str()];
            price_layers(
                &self.technology,
                a,
                names,
                source.network.layers.clone(),
                mappings.clone(),
            )
        };
        let priced: Vec<Priced> = self
            .sources
            .iter()
            .zip(&found.mappings)
            .map(price)
            .collect::<Result<_>>()?;
        let provenance = Provenance {
            command: "search".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            technology: self.technology.name.clone(),
            objective: self.objective,
            method: "cma-es".into(),
            resources: Some(self.resources.name.clone()),
            seed: session.seed,
            evaluations: found.evaluations,
            stop_reason: found.stop_reason.as_str().into(),
        };
        let networks = priced.iter().map(|p| p.network.clone()).collect();
        let design = Design::new(a.clone(), networks, provenance);
        Ok(Outcome {
            design,
            priced,
            found,
            seconds,
        })
    }

    fn search(&self, start: Instant, session: &Session) -> Result<Found> {
        let mut suite = Suite::default();
        for source in &self.sources {
            suite.add(&source.network.name, &source.network.layers)?;
        }
        let [evaluations, refine] = MAPPINGS;
        let settings = NestedSettings {
            mapper: MapperSettings {
                objective: self.objective,
                evaluations,
                proof: self.mapper.proof(),
                ..MapperSettings::default()
            },
            refine,
            evaluations: self.budget.evaluations.unwrap_or(u64::MAX),
            seed: session.seed,
        };
        let space = AcceleratorSpace::new(self.resources.clone());
        let progress = Progress::start(session.output, "search", self.budget.evaluations);
        let limit = self.budget.seconds.map(Duration::from_secs_f64);
        let mut best = f64::INFINITY;
        let mut go_on = |g: &Generation| {
            best = best.min(g.best);
            progress.show(g.evaluations, format!("best {best:.4e}"));
            limit.is_none_or(|limit| start.elapsed() < limit)
        };
        search(
            &self.technology,
            &suite,
            &space,
            &settings,
            &session.interrupt,
            &mut go_on,
        )
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "steers only where the user asks for it with --seconds; otherwise printed"
)]
fn now() -> Instant {
    Instant::now()
}
