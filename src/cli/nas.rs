//! `naas nas`: a network of a space, an accelerator and the mappings, searched together.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Result;
use crate::base::files;
use crate::cli::args::NasArgs;
use crate::cli::costs::{Priced, describe, price_layers};
use crate::cli::inputs;
use crate::cli::output::{Align, Table};
use crate::cli::plan::{DEFAULT_TECHNOLOGY, NasHardware, NasPlan};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::spaces;
use crate::cost::tech::Technology;
use crate::nas::accuracy::AccuracyModel;
use crate::nas::evolution::Evolution;
use crate::nas::joint::{Hardware, Joint, JointFound, JointSettings, Point, pareto};
use crate::nas::space::{NetworkSpace, parameters};
use crate::report::scatter::{Dot, Scatter, draw};
use crate::search::design::{Design, Provenance};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::mapper::MapperSettings;
use crate::search::nested::{Generation, map_suite};
use crate::search::problem::Suite;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Mappings per different layer while networks are ranked, and for those that are reported.
const MAPPINGS: [usize; 2] = [24, 1000];
/// Networks and generations on every accelerator, and on the one that won.
const EVOLUTION: [(usize, usize); 2] = [(12, 4), (48, 16)];
/// Points that a front asks for.
const FLOORS: usize = 6;
/// The file that shows that a folder is a front of ours.
const MARKER: &str = "front.json";

/// A network with its mappings, priced.
struct Subnet {
    point: Point,
    priced: Priced,
    parameters: u64,
    design: Design,
}

/// Searches, writes the design (and the front's), prints both.
///
/// # Errors
/// `E0201` where nothing meets the floor or the limits; those of reading the inputs and writing the designs.
pub fn run(args: &NasArgs, session: &Session) -> anyhow::Result<()> {
    let plan = NasPlan::resolve(args)?;
    session.catch_interrupts()?;
    let space = spaces::space(plan.space);
    let accuracy = spaces::accuracy(&plan.accuracy, space)?;
    let technology = Technology::named(DEFAULT_TECHNOLOGY)?;
    let start = now();
    let (found, subnets) = session.with_threads(|| {
        let found = search(&plan, space, &*accuracy, &technology, start, session)?;
        let finish = |p: &Point| subnet(&plan, space, &technology, &found, p, session);
        let subnets = found.points.iter().map(finish).collect::<Result<Vec<_>>>()?;
        Ok((found, undominated(subnets)))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    session.interrupt.check()?;
    let Some(best) = subnets.first() else {
        anyhow::bail!("the front is empty");
    };
    files::write_atomic(&plan.out, best.design.to_json().as_bytes())?;
    let folder = plan.front.then(|| front_folder(&plan.out));
    if let Some(folder) = &folder {
        write_front(folder, space, &*accuracy, &subnets)?;
    }
    let document = document(&found, space, &*accuracy, &subnets, (seconds, session.seed));
    let word = accuracy.provenance().word();
    let mut text = format!("{}\n\n{}", describe(&found.accelerator), table(space, word, &subnets));
    text += &format!(
        "\n{} accelerators and {} networks in {seconds:.1} s, stopped by {}, seed {}: {}",
        found.evaluations,
        found.networks,
        found.stop_reason.as_str(),
        session.seed,
        plan.out.display()
    );
    if let Some(folder) = &folder {
        text += &format!("\neach point of the front: {}", folder.display());
    }
    text += &format!("\naccuracy is {word}: {}", accuracy.provenance().error);
    session.output.result(&document, &text)
}

fn search(
    plan: &NasPlan,
    space: &dyn NetworkSpace,
    accuracy: &dyn AccuracyModel,
    technology: &Technology,
    start: Instant,
    session: &Session,
) -> Result<JointFound> {
    let [each, last] = EVOLUTION.map(|(population, generations)| Evolution {
        population,
        generations,
        ..Evolution::default()
    });
    let joint = Joint {
        model: technology,
        space,
        accuracy,
        settings: JointSettings {
            mapper: MapperSettings {
                objective: plan.objective.into(),
                evaluations: MAPPINGS[0],
                ..MapperSettings::default()
            },
            evolution: each,
            last,
            floor: plan.floor,
            floors: if plan.front { FLOORS } else { 1 },
            evaluations: plan.budget.evaluations.unwrap_or(u64::MAX),
            seed: session.seed,
        },
        interrupt: &session.interrupt,
    };
    let progress = Progress::start(session.output, "nas", plan.budget.evaluations);
    let limit = plan.budget.seconds.map(Duration::from_secs_f64);
    let mut best = f64::INFINITY;
    let mut go_on = |g: &Generation| {
        best = best.min(g.best);
        progress.show(g.evaluations, format!("best {best:.4e}"));
        limit.is_none_or(|limit| start.elapsed() < limit)
    };
    match &plan.hardware {
        NasHardware::Resources(r) => {
            let space = AcceleratorSpace::new(inputs::resources(r)?);
            joint.search(Hardware::Searched(&space), &mut go_on)
        }
        NasHardware::Accelerator(file) => joint.search(Hardware::Given(&inputs::accelerator(file)?), &mut go_on),
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

/// Maps a network once more, with more evaluations than it got while it was ranked.
fn subnet(
    plan: &NasPlan,
    space: &dyn NetworkSpace,
    technology: &Technology,
    found: &JointFound,
    point: &Point,
    session: &Session,
) -> Result<Subnet> {
    let network = space.subnet(&point.genotype)?;
    let mut suite = Suite::default();
    suite.add(&network.name, &network.layers)?;
    let settings = MapperSettings {
        objective: plan.objective.into(),
        evaluations: MAPPINGS[1],
        ..MapperSettings::default()
    };
    let a: &Accelerator = &found.accelerator;
    let mapped = map_suite(
        technology,
        &suite,
        a,
        &settings,
        session.seed,
        &session.interrupt,
        &|_| (),
    )?;
    let mappings = mapped.mappings.into_iter().flatten().collect();
    let source = spaces::subnet_text(space, &point.genotype);
    let parameters = parameters(&network)?;
    let priced = price_layers(technology, a, [&network.name, &source], network.layers, mappings)?;
    let provenance = Provenance {
        command: "nas".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        technology: technology.name.clone(),
        objective: plan.objective.into(),
        method: "joint evolution".into(),
        resources: match &plan.hardware {
            NasHardware::Resources(r) => Some(r.clone()),
            NasHardware::Accelerator(_) => None,
        },
        seed: session.seed,
        evaluations: found.evaluations,
        stop_reason: found.stop_reason.as_str().into(),
    };
    Ok(Subnet {
        point: Point {
            value: mapped.value,
            ..point.clone()
        },
        parameters,
        design: Design::new(a.clone(), vec![priced.network.clone()], provenance),
        priced,
    })
}

/// `x.json` gets a folder `x.front`.
fn front_folder(out: &Path) -> PathBuf {
    out.with_extension("front")
}

fn write_front(
    folder: &Path,
    space: &dyn NetworkSpace,
    accuracy: &dyn AccuracyModel,
    subnets: &[Subnet],
) -> Result<()> {
    let points: Vec<Value> = subnets.iter().map(|s| row(space, s)).collect();
    let text = serde_json::to_string_pretty(&json!({ "front": points })).unwrap_or_default();
    files::replace_dir(folder, MARKER, |dir| {
        files::write_atomic(&dir.join(MARKER), text.as_bytes())?;
        files::write_atomic(&dir.join("front.svg"), picture(space, accuracy, subnets).as_bytes())?;
        for (i, s) in subnets.iter().enumerate() {
            files::write_atomic(&dir.join(format!("{i:02}.json")), s.design.to_json().as_bytes())?;
        }
        Ok(())
    })
}

/// Accuracy against energy-delay product.
fn picture(space: &dyn NetworkSpace, accuracy: &dyn AccuracyModel, subnets: &[Subnet]) -> String {
    let dot = |s: &Subnet| {
        let (edp, top1) = (s.priced.network.total.edp, s.point.accuracy.calibrated);
        Dot {
            x: edp,
            y: top1,
            tip: format!(
                "{top1:.2} %, {edp:.3e}: {}",
                spaces::subnet_text(space, &s.point.genotype)
            ),
        }
    };
    let provenance = accuracy.provenance();
    draw(&Scatter {
        title: &format!("Networks of {} on one searched accelerator", space.name()),
        subtitle: &format!("accuracy {} by {}", provenance.word(), provenance.source),
        x_label: "energy-delay product, pJ x cycles",
        y_label: &format!("top-1 {}, %", provenance.word()),
        dots: &subnets.iter().map(dot).collect::<Vec<_>>(),
    })
}

fn row(space: &dyn NetworkSpace, s: &Subnet) -> Value {
    let mut row = spaces::subnet_document(space, &s.point.genotype, &s.point.accuracy);
    row["network"] = json!(s.priced.network.source);
    row["macs"] = json!(s.priced.network.total.macs);
    row["parameters"] = json!(s.parameters);
    row["total"] = json!(s.priced.network.total);
    row
}

fn document(
    found: &JointFound,
    space: &dyn NetworkSpace,
    accuracy: &dyn AccuracyModel,
    subnets: &[Subnet],
    (seconds, seed): (f64, u64),
) -> Value {
    let history: Vec<Value> = found
        .history
        .iter()
        .map(|g| json!({"best": g.best, "mean": g.mean}))
        .collect();
    let mut document = subnets.first().map_or(Value::Null, |best| {
        let mut top = row(space, best);
        top["design"] = json!(best.design.hash);
        top
    });
    document["accelerator"] = json!(found.accelerator);
    document["accuracy"] = json!(accuracy.provenance());
    document["evaluations"] = json!(found.evaluations);
    document["networks"] = json!(found.networks);
    document["seconds"] = json!(seconds);
    document["stop_reason"] = json!(found.stop_reason);
    document["seed"] = json!(seed);
    document["history"] = json!(history);
    document["front"] = subnets.iter().map(|s| row(space, s)).collect();
    document
}

fn table(space: &dyn NetworkSpace, word: &str, subnets: &[Subnet]) -> Table {
    use Align::{Left, Right};
    let top1 = format!("top-1 {word}");
    let mut table = Table::new(&[
        (&top1, Right),
        ("raw", Right),
        ("MMACs", Right),
        ("Mparams", Right),
        ("cycles", Right),
        ("energy uJ", Right),
        ("EDP", Right),
        ("network", Left),
    ]);
    for s in subnets {
        let total = s.priced.network.total;
        let a = s.point.accuracy;
        table.row([
            format!("{:.2}%{}", a.calibrated, if a.saturated { " (saturated)" } else { "" }),
            format!("{:.4}", a.raw),
            format!("{:.1}", total.macs as f64 / 1e6),
            format!("{:.2}", s.parameters as f64 / 1e6),
            total.cycles.to_string(),
            format!("{:.1}", total.energy_pj / 1e6),
            format!("{:.4e}", total.edp),
            spaces::subnet_text(space, &s.point.genotype),
        ]);
    }
    table
}

#[expect(
    clippy::disallowed_methods,
    reason = "steers only where the user asks for it with --seconds; otherwise printed"
)]
fn now() -> Instant {
    Instant::now()
}
