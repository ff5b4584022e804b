//! `naas nas`: a network of a space, an accelerator and the mappings, searched together.

use crate::arch::accelerator::Accelerator;
use crate::arch::resources::Resources;
use crate::base::diag::{Diagnostic, Result};
use crate::base::files;
use crate::base::rng::stream;
use crate::cli::ablation;
use crate::cli::against::Baseline;
use crate::cli::args::NasArgs;
use crate::cli::costs::{Priced, describe, price_layers};
use crate::cli::inputs;
use crate::cli::plan::{DEFAULT_TECHNOLOGY, NasHardware, NasPlan, Run};
use crate::cli::resume::{Keeper, Watch};
use crate::cli::session::Session;
use crate::cli::spaces;
use crate::cli::subnets::{Report, Subnet};
use crate::cost::tech::Technology;
use crate::nas::accuracy::AccuracyModel;
use crate::nas::evolution::Evolution;
use crate::nas::joint::{Hardware, Joint, JointFound, JointSettings, Point, pareto};
use crate::nas::space::{Genotype, NetworkSpace, parameters};
use crate::search::design::{Design, Provenance, digest};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::layers::map_suite;
use crate::search::mapper::MapperSettings;
use crate::search::problem::Suite;
use crate::search::runner::{Generation, Log};
use serde_json::{Value, json};
use std::path::Path;

/// Mappings per different layer while networks are ranked, and for those that are reported.
const MAPPINGS: [usize; 2] = [24, 1000];
/// Networks and generations on every accelerator but the one that won.
const EVOLUTION: [usize; 2] = [12, 4];
/// Points that a front asks for.
const FLOORS: usize = 6;
/// Random subnets whose accuracies tell accuracy models apart in checkpoints.
const PROBES: usize = 64;

/// Searches, writes the design (and the front's), prints both.
///
/// # Errors
/// `E0201` where nothing meets the floor or the limits; those of reading the inputs and writing the designs.
pub fn run(args: &NasArgs, session: &Session) -> anyhow::Result<()> {
    let plan = NasPlan::resolve(args)?;
    session.catch_interrupts()?;
    let space = spaces::space(plan.space);
    let accuracy = spaces::accuracy(&plan.accuracy, space)?;
    let job = Job {
        plan: &plan,
        space,
        accuracy: &*accuracy,
        technology: Technology::named(DEFAULT_TECHNOLOGY)?,
        session,
    };
    match &plan.run {
        Run::Search {
            front,
            resume,
            against,
            network,
        } => {
            let baselines = Baseline::open_all(against, network.as_deref(), &job.technology)?;
            job.search(*front, resume.as_deref(), &baselines)
        }
        Run::Ablation { seeds, start } => ablation::run(&job, *seeds, start),
    }
}

/// A plan with everything that it names opened.
pub struct Job<'a> {
    /// What to do.
    pub plan: &'a NasPlan,
    /// Networks.
    pub space: &'a dyn NetworkSpace,
    /// Their accuracy.
    pub accuracy: &'a dyn AccuracyModel,
    /// Prices.
    pub technology: Technology,
    /// Seed, threads, output.
    pub session: &'a Session,
}

impl Job<'_> {
    /// The search over all levels, with `floors` points of a front at most.
    #[must_use]
    pub fn joint(&self, floors: usize, seed: u64) -> Joint<'_> {
        let [each, last] = [EVOLUTION, self.plan.last].map(|[population, generations]| Evolution {
            population,
            generations,
            ..Evolution::default()
        });
        Joint {
            model: &self.technology,
            space: self.space,
            accuracy: self.accuracy,
            settings: JointSettings {
                mapper: self.mapper(MAPPINGS[0]),
                evolution: each,
                last,
                floor: self.plan.floor,
                floors,
                guided: self.plan.guided,
                evaluations: self.plan.budget.evaluations.unwrap_or(u64::MAX),
                seed,
            },
            interrupt: &self.session.interrupt,
        }
    }

    /// The accelerators within `resources`.
    #[must_use]
    pub fn accelerators(&self, resources: Resources) -> AcceleratorSpace {
        AcceleratorSpace {
            sharing: self.plan.sharing,
            ..AcceleratorSpace::new(resources)
        }
    }

    fn mapper(&self, evaluations: usize) -> MapperSettings {
        MapperSettings {
            objective: self.plan.objective.into(),
            evaluations,
            ..MapperSettings::default()
        }
    }

    /// Everything that the result depends on, but for the budget.
    fn description(&self, front: bool) -> Result<Value> {
        let hex = |text: &str| format!("{:016x}", digest(text));
        let mut rng = stream(0, &[]);
        let probes: Vec<Genotype> = (0..PROBES).map(|_| self.space.sample(&mut rng)).collect();
        let resources = match &self.plan.hardware {
            NasHardware::Resources(r) => json!(inputs::resources(r)?),
            NasHardware::Accelerator(_) => Value::Null,
        };
        Ok(json!({
            "command": "nas",
            "version": env!("CARGO_PKG_VERSION"),
            "space": self.space.name(),
            "accuracy": [self.accuracy.provenance().model, hex(&format!("{:?}", self.accuracy.of(&probes)?))],
            "floor": self.plan.floor,
            "resources": resources,
            "sharing": self.plan.sharing,
            "guided": self.plan.guided,
            "objective": self.mapper(0).objective,
            "front": front,
            "last": self.plan.last,
            "technology": [self.technology.name, hex(&format!("{:?}", self.technology))],
            "seed": self.session.seed,
        }))
    }

    /// Searches one network, or a front of them.
    fn search(&self, front: bool, resume: Option<&Path>, baselines: &[Baseline]) -> anyhow::Result<()> {
        let (plan, session) = (self.plan, self.session);
        let (keeper, log) = match plan.hardware {
            NasHardware::Resources(_) => Keeper::open(resume, &plan.out, self.description(front)?)?,
            NasHardware::Accelerator(_) => (Keeper::none(), Log::default()),
        };
        let mut watch = Watch::start(session, "nas", plan.budget, &keeper, &log);
        let (found, subnets) = session
            .with_threads(|| {
                let found = self.found(front, log, &mut watch)?;
                let finish = |p: &Point| self.subnet(&found, p);
                let subnets = found.points.iter().map(finish).collect::<Result<Vec<_>>>()?;
                Ok((found, undominated(subnets)))
            })
            .map_err(|e| match e.downcast::<Diagnostic>() {
                Ok(e) => keeper.explain(e).into(),
                Err(e) => e,
            })?;
        let seconds = watch.seconds();
        session.interrupt.check()?;
        let Some(best) = subnets.first() else {
            anyhow::bail!("the front is empty");
        };
        files::write_atomic(&plan.out, best.design.to_json().as_bytes())?;
        let report = Report {
            space: self.space,
            accuracy: self.accuracy,
            subnets: &subnets,
            baselines,
        };
        let folder = front.then(|| plan.out.with_extension("front"));
        if let Some(folder) = &folder {
            report.write_front(folder)?;
        }
        let mut document = report.document();
        history(&mut document, &found, (seconds, session.seed));
        let text = self.text(&found, &report, seconds, folder.as_deref());
        session.output.result(&document, &text)
    }

    fn found(&self, front: bool, log: Log, watch: &mut Watch) -> Result<JointFound> {
        let joint = self.joint(if front { FLOORS } else { 1 }, self.session.seed);
        let mut after = |log: &Log| watch.after(log);
        match &self.plan.hardware {
            NasHardware::Resources(r) => {
                let space = self.accelerators(inputs::resources(r)?);
                joint.search(Hardware::Searched(&space), log, &mut after)
            }
            NasHardware::Accelerator(file) => {
                joint.search(Hardware::Given(&inputs::accelerator(file)?), log, &mut after)
            }
        }
    }

    fn text(&self, found: &JointFound, report: &Report, seconds: f64, folder: Option<&Path>) -> String {
        let provenance = self.accuracy.provenance();
        let mut text = format!(
            "{}\n\n{}\n{} accelerators, {} networks and {} layers on them in {seconds:.1} s, stopped by {}, seed {}: {}",
            describe(&found.accelerator),
            report.table(),
            found.evaluations,
            found.networks,
            found.layers,
            found.stop_reason.as_str(),
            self.session.seed,
            self.plan.out.display()
        );
        if let Some(folder) = folder {
            text += &format!("\neach point of the front: {}", folder.display());
        }
        for (i, baseline) in report.baselines.iter().enumerate() {
            text += &format!("\n#{}: {baseline}", i + 1);
        }
        text + &format!("\naccuracy is {}: {}", provenance.word(), provenance.error)
    }

    /// A network mapped as carefully as what is reported, priced; and the objective.
    ///
    /// # Errors
    /// Those of mapping.
    pub fn priced(&self, a: &Accelerator, genotype: &Genotype, seed: u64) -> Result<(Priced, f64)> {
        let network = self.space.subnet(genotype)?;
        let mut suite = Suite::default();
        suite.add(&network.name, &network.layers)?;
        let settings = self.mapper(MAPPINGS[1]);
        let interrupt = &self.session.interrupt;
        let mapped = map_suite(&self.technology, &suite, a, &settings, seed, interrupt, &|_| ())?;
        let mappings = mapped.mappings.into_iter().flatten().collect();
        let source = spaces::subnet_text(self.space, genotype);
        let priced = price_layers(&self.technology, a, [&network.name, &source], network.layers, mappings)?;
        Ok((priced, mapped.value))
    }

    /// Maps a network once more, with more evaluations than it got while it was ranked.
    fn subnet(&self, found: &JointFound, point: &Point) -> Result<Subnet> {
        let a: &Accelerator = &found.accelerator;
        let (priced, value) = self.priced(a, &point.genotype, self.session.seed)?;
        let provenance = Provenance {
            command: "nas".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            technology: self.technology.name.clone(),
            objective: self.plan.objective.into(),
            method: "joint evolution".into(),
            resources: match &self.plan.hardware {
                NasHardware::Resources(r) => Some(r.clone()),
                NasHardware::Accelerator(_) => None,
            },
            seed: self.session.seed,
            evaluations: found.evaluations,
            stop_reason: found.stop_reason.as_str().into(),
        };
        Ok(Subnet {
            point: Point { value, ..point.clone() },
            parameters: parameters(&self.space.subnet(&point.genotype)?)?,
            design: Design::new(a.clone(), vec![priced.network.clone()], provenance),
            priced,
        })
    }
}

/// The front of the networks as they are mapped now: the last mapping helps some more than others.
fn undominated(subnets: Vec<Subnet>) -> Vec<Subnet> {
    let front = pareto(subnets.iter().map(|s| s.point.clone()).collect());
    let mut subnets: Vec<Option<Subnet>> = subnets.into_iter().map(Some).collect();
    let mut take = |p: &Point| {
        let at = |s: &Option<Subnet>| s.as_ref().is_some_and(|s| s.point == *p);
        subnets.iter().position(at).and_then(|i| subnets[i].take())
    };
    front.iter().filter_map(&mut take).collect()
}

/// Adds how the search went.
fn history(document: &mut Value, found: &JointFound, (seconds, seed): (f64, u64)) {
    let one = |g: &Generation| json!({"best": g.best, "mean": g.mean});
    document["accelerator"] = json!(found.accelerator);
    document["evaluations"] = json!(found.evaluations);
    document["networks"] = json!(found.networks);
    document["layers"] = json!(found.layers);
    document["seconds"] = json!(seconds);
    document["stop_reason"] = json!(found.stop_reason);
    document["seed"] = json!(seed);
    document["history"] = found.history.iter().map(one).collect();
}
