//! `naas search`: an accelerator within given resources together with the mappings of networks.

use crate::arch::accelerator::Accelerator;
use crate::arch::resources::Resources;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::SearchArgs;
use crate::cli::costs::{Priced, Text, price_layers};
use crate::cli::front;
use crate::cli::inputs::{self, Source};
use crate::cli::plan::{SearchPlan, Spared};
use crate::cli::resume::{Keeper, Watch};
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::search::dataflow::Dataflow;
use crate::search::design::{Design, Provenance, digest};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::mapper::MapperSettings;
use crate::search::nested::{CoSearch, Found, Generation, NestedSettings, Solution, StopReason, map_suite};
use crate::search::problem::{Objective, Suite};
use crate::search::runner::Log;
use serde_json::{Value, json};
use std::path::Path;

/// Mappings that are evaluated per different layer: for a candidate, and for the accelerators that won.
const MAPPINGS: [usize; 2] = [100, 2000];
/// Accelerators that are mapped once more at the end.
const FINALISTS: usize = 3;

/// Searches, writes the design, prints what it costs.
///
/// # Errors
/// `E0201` naming the limit that stands in the way; those of reading the inputs and writing the design.
pub fn run(args: &SearchArgs, session: &Session) -> anyhow::Result<()> {
    let plan = SearchPlan::resolve(args)?;
    session.catch_interrupts()?;
    let job = Job::open(plan, session.seed)?;
    let (keeper, log) = Keeper::open(job.plan.resume.as_deref(), &job.plan.out, job.description())?;
    let (found, seconds) = session
        .with_threads(|| Ok(job.solve(&keeper, log, session)?))
        .map_err(|e| match e.downcast::<Diagnostic>() {
            Ok(e) => keeper.explain(e).into(),
            Err(e) => e,
        })?;
    let (design, priced) = job.design(&found, &found.best)?;
    session.interrupt.check()?;
    files::write_atomic(&job.plan.out, design.to_json().as_bytes())?;
    let mut document = document(&design, &priced, &found, seconds);
    let mut text = format!(
        "{}\n{} evaluations in {seconds:.1} s, stopped by {}, seed {}: {}",
        Text(&design.accelerator, &priced),
        found.evaluations,
        found.stop_reason.as_str(),
        session.seed,
        job.plan.out.display()
    );
    if job.plan.front {
        let designs = found
            .front
            .iter()
            .map(|s| Ok((job.design(&found, s)?.0, s.rated.clone())));
        let points = designs.collect::<Result<Vec<_>>>()?;
        let folder = front::write(&job.plan.out, &points)?;
        document["front"] = front::document(&points);
        text += &format!("\n\n{}\neach point: {}", front::table(&points), folder.display());
    }
    session.output.result(&document, &text)
}

/// The document of `--json`.
fn document(design: &Design, priced: &[Priced], found: &Found, seconds: f64) -> Value {
    let generation = |g: &Generation| json!({"best": g.best, "mean": g.mean});
    let mut document = json!({
        "design": design.hash,
        "accelerator": design.accelerator,
        "objective": design.provenance.objective,
        "value": found.best.value,
        "evaluations": found.evaluations,
        "seconds": seconds,
        "stop_reason": found.stop_reason,
        "seed": design.provenance.seed,
        "history": found.history.iter().map(generation).collect::<Vec<_>>(),
    });
    match priced {
        [only] => document["total"] = json!(only.network.total),
        several => {
            let total = |p: &Priced| json!({"network": p.network.name, "total": p.network.total});
            document["networks"] = several.iter().map(total).collect();
        }
    }
    document
}

/// The design that commands search when they are given none.
///
/// # Errors
/// As [`run`].
pub fn with_defaults(network: &str, resources: &str, session: &Session) -> anyhow::Result<Design> {
    let job = Job::open(SearchPlan::with_defaults(network, resources), session.seed)?;
    let keeper = Keeper::none();
    let (found, _) = session.with_threads(|| Ok(job.solve(&keeper, Log::default(), session)?))?;
    Ok(job.design(&found, &found.best)?.0)
}

/// A plan with everything that it names opened.
struct Job {
    plan: SearchPlan,
    sources: Vec<Source>,
    suite: Suite,
    space: AcceleratorSpace,
    /// The accelerator that stays, where only mappings are searched.
    given: Option<Accelerator>,
    technology: Technology,
    seed: u64,
}

impl Job {
    fn open(plan: SearchPlan, seed: u64) -> Result<Self> {
        let sources = Source::open_all(&plan.networks)?;
        let mut suite = Suite::default();
        for source in &sources {
            suite.add(&source.network.name, &source.network.layers)?;
        }
        let mut space = AcceleratorSpace::new(inputs::resources(&plan.resources)?);
        space.encoding = plan.encoding;
        space.sharing = plan.sharing;
        let mut given = None;
        match &plan.spared {
            Spared::Nothing => {}
            Spared::Connectivity(file) => {
                let axes = chip(file.as_deref(), &space.resources)?.axes;
                space.dims = Some(axes.into_iter().map(|axis| axis.dims).collect());
            }
            Spared::Accelerator(file) => given = Some(chip(file.as_deref(), &space.resources)?),
        }
        let technology = inputs::technology(&plan.technology)?;
        Ok(Self {
            plan,
            sources,
            suite,
            space,
            given,
            technology,
            seed,
        })
    }

    /// Everything that the result depends on, but for the budget.
    fn description(&self) -> Value {
        let hex = |text: &str| format!("{:016x}", digest(text));
        let networks = self
            .suite
            .networks
            .iter()
            .map(|n| json!([n.name, hex(&format!("{:?}", n.layers))]));
        json!({
            "command": "search",
            "version": env!("CARGO_PKG_VERSION"),
            "networks": networks.collect::<Vec<_>>(),
            "layers": hex(&format!("{:?}", self.suite.distinct)),
            "resources": self.space.resources,
            "objective": self.plan.goal.objective,
            "limits": self.plan.goal.limits,
            "front": self.plan.front,
            "method": self.plan.method.name(),
            "mapper": self.plan.mapper.name(),
            "encoding": self.plan.encoding,
            "connectivity": self.space.dims,
            "sharing": self.space.sharing,
            "guided": self.plan.guided,
            "technology": [self.technology.name, hex(&format!("{:?}", self.technology))],
            "seed": self.seed,
        })
    }

    fn solve(&self, keeper: &Keeper, log: Log, session: &Session) -> Result<(Found, f64)> {
        let [evaluations, refine] = MAPPINGS;
        let settings = NestedSettings {
            method: self.plan.method,
            goal: self.plan.goal,
            mapper: MapperSettings {
                objective: self.plan.goal.objective,
                method: self.plan.mapper,
                encoding: self.plan.encoding,
                evaluations,
                ..MapperSettings::default()
            },
            refine,
            finalists: FINALISTS,
            front: self.plan.front,
            guided: self.plan.guided,
            evaluations: self.plan.budget.evaluations.unwrap_or(u64::MAX),
            seed: self.seed,
        };
        let mut watch = Watch::start(session, "search", self.plan.budget, keeper, &log);
        let found = if let Some(accelerator) = &self.given {
            self.map(accelerator, &settings, session)?
        } else {
            let search = CoSearch {
                model: &self.technology,
                suite: &self.suite,
                space: &self.space,
                settings: &settings,
                interrupt: &session.interrupt,
            };
            search.run(&search.helps(), log, &mut |log| watch.after(log))?
        };
        Ok((found, watch.seconds()))
    }

    /// Mappings only.
    fn map(&self, accelerator: &Accelerator, settings: &NestedSettings, session: &Session) -> Result<Found> {
        let rounds = usize::try_from(settings.evaluations).unwrap_or(usize::MAX);
        let mapper = MapperSettings {
            evaluations: rounds.saturating_mul(settings.mapper.evaluations),
            ..settings.mapper
        };
        let (t, interrupt) = (&self.technology, &session.interrupt);
        let mapped = map_suite(t, &self.suite, accelerator, &mapper, self.seed, interrupt, &|_| ())?;
        if self.plan.goal.excess(&mapped.rated) > 1.0 {
            return Err(
                Diagnostic::new(Code::NoLegalMapping, "no mapping found keeps the limits")
                    .at(format!("accelerator `{}`", accelerator.name))
                    .next("raise the limits, or search the accelerator too"),
            );
        }
        Ok(Found {
            best: Solution {
                accelerator: accelerator.clone(),
                mappings: mapped.mappings,
                gaps: mapped.gaps,
                rated: mapped.rated,
                value: mapped.value,
            },
            front: Vec::new(),
            evaluations: settings.evaluations,
            stop_reason: StopReason::Evaluations,
            history: vec![Generation {
                evaluations: settings.evaluations,
                best: mapped.value,
                mean: mapped.value,
            }],
        })
    }

    fn design(&self, found: &Found, solution: &Solution) -> Result<(Design, Vec<Priced>)> {
        let a = &solution.accelerator;
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
        let pairs = self.sources.iter().zip(&solution.mappings);
        let mut priced: Vec<Priced> = pairs.map(price).collect::<Result<_>>()?;
        if self.plan.goal.objective == Objective::Edp {
            for (p, gaps) in priced.iter_mut().zip(&solution.gaps) {
                p.prove(gaps);
            }
        }
        let provenance = Provenance {
            command: "search".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            technology: self.technology.name.clone(),
            objective: self.plan.goal.objective,
            method: self.plan.method.name().into(),
            resources: Some(self.space.resources.name.clone()),
            seed: self.seed,
            evaluations: found.evaluations,
            stop_reason: found.stop_reason.as_str().into(),
        };
        let networks = priced.iter().map(|p| p.network.clone()).collect();
        Ok((Design::new(a.clone(), networks, provenance), priced))
    }
}

/// The accelerator of `file`, or the chip that the resources are named after.
///
/// # Errors
/// `E0106` where there is no such chip; those of reading the file.
pub fn chip(file: Option<&Path>, resources: &Resources) -> Result<Accelerator> {
    let Some(file) = file else {
        let chip = Dataflow::named(Resources::chip(&resources.name))
            .map_err(|e| e.next("name an accelerator file with --accelerator"))?;
        return chip.accelerator();
    };
    inputs::accelerator(file)
}
