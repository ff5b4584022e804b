//! `naas reproduce`: the experiments behind published claims, their table, their plots, some of their designs in RTL.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::ReproduceArgs;
use crate::cli::inputs;
use crate::cli::plan::DEFAULT_TECHNOLOGY;
use crate::cli::progress::Progress;
use crate::cli::resume::now;
use crate::cli::rtl_check::{self, Checked};
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::report::reproduction::{Ran, document, layers, markdown, plots};
use crate::search::reproduction::run::run as run_experiment;
use crate::search::reproduction::{Experiment, Outcome, Profile, experiments};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The file of an outcome.
#[derive(Serialize, Deserialize)]
struct Kept {
    outcome: Outcome,
    cpu_seconds: f64,
}

/// Runs what is not there yet, writes tables and plots.
///
/// # Errors
/// `E0105` where `--only` fits nothing; `E0205`; `E0301` where RTL and model differ; those of the experiments.
pub fn run(args: &ReproduceArgs, session: &Session) -> anyhow::Result<()> {
    let chosen = choose(args)?;
    let technology = inputs::technology(args.technology.as_deref().unwrap_or(DEFAULT_TECHNOLOGY))?;
    files::check_writable(&args.out)?;
    session.catch_interrupts()?;
    let progress = Progress::start(session.output, "reproduce", Some(chosen.len() as u64));
    let mut ran: Vec<Ran> = Vec::new();
    for (i, e) in chosen.iter().enumerate() {
        if args.tables {
            ran.extend(kept(&args.out, &e.name).map(|k| (k.outcome, k.cpu_seconds)));
            continue;
        }
        let mut step = |what: &str| progress.show(i as u64, format!("{}: {what}", e.name));
        ran.push(session.with_threads(|| Ok(outcome(args, &technology, e, session, &mut step)?))?);
        write(&args.out, &ran, &[])?;
    }
    drop(progress);
    let checked = rtl_check::run(&ran, args.rtl, session)?;
    let written = write(&args.out, &ran, &checked)?;
    let text = format!("{}\n{}", markdown(&ran), rtl_check::markdown(&checked));
    let mut document = document(&ran);
    document["rtl"] = json!(checked);
    document["files"] = json!(written);
    session.output.result(&document, &text)?;
    Ok(rtl_check::verdict(&checked)?)
}

/// The experiments that are asked for, with their budgets.
fn choose(args: &ReproduceArgs) -> Result<Vec<Experiment>> {
    let profile = if args.quick { Profile::Quick } else { Profile::Full };
    let mut all = experiments(profile);
    let names: Vec<String> = all.iter().map(|e| e.name.clone()).collect();
    if let Some(unknown) = args
        .only
        .iter()
        .find(|o| names.iter().all(|n| !n.starts_with(o.as_str())))
    {
        let what = format!("no experiment's name begins with `{unknown}`");
        return Err(
            Diagnostic::new(Code::UnknownName, what).expected(format!("the beginning of one of {}", names.join(", ")))
        );
    }
    all.retain(|e| args.only.is_empty() || args.only.iter().any(|o| e.name.starts_with(o.as_str())));
    for e in &mut all {
        e.budget.evaluations = args
            .evaluations
            .map_or(e.budget.evaluations, |n| n.min(e.budget.evaluations));
        e.budget.seeds = args.seeds.map_or(e.budget.seeds, |n| n.min(e.budget.seeds));
    }
    Ok(all)
}

fn outcome_file(out: &Path, experiment: &str) -> PathBuf {
    out.join("outcomes").join(format!("{experiment}.json"))
}

/// The outcome that the folder holds, if there is one that can be read.
fn kept(out: &Path, experiment: &str) -> Option<Kept> {
    files::read_json(&outcome_file(out, experiment)).ok()
}

/// The outcome of `e`: from its file, if that is of the same experiment, prices and version; else computed and kept.
fn outcome(
    args: &ReproduceArgs,
    technology: &Technology,
    e: &Experiment,
    session: &Session,
    step: &mut dyn FnMut(&str),
) -> Result<Ran> {
    if let Some(kept) = kept(&args.out, &e.name) {
        let o = &kept.outcome;
        let prices = e.technology.as_ref().unwrap_or(&technology.name);
        if o.experiment == *e && o.technology == *prices && o.version == env!("CARGO_PKG_VERSION") {
            return Ok((kept.outcome, kept.cpu_seconds));
        }
    }
    let start = cpu_seconds();
    let outcome = run_experiment(technology, e, &session.interrupt, step)?;
    let kept = Kept {
        outcome,
        cpu_seconds: cpu_seconds() - start,
    };
    put(
        &outcome_file(&args.out, &e.name),
        &serde_json::to_string(&kept).unwrap_or_default(),
    )?;
    for s in &kept.outcome.searches {
        let name = format!("{}-{}-{}.json", e.name, s.label, s.seed);
        put(&args.out.join("designs").join(name), &s.design)?;
    }
    Ok((kept.outcome, kept.cpu_seconds))
}

/// Writes tables and plots; their names.
fn write(out: &Path, ran: &[Ran], checked: &[Checked]) -> Result<Vec<PathBuf>> {
    let mut document = document(ran);
    document["rtl"] = json!(checked);
    let mut all = vec![
        (
            "claims.md".to_owned(),
            format!("{}\n{}", markdown(ran), rtl_check::markdown(checked)),
        ),
        (
            "claims.json".to_owned(),
            serde_json::to_string_pretty(&document).unwrap_or_default(),
        ),
        ("layers.md".to_owned(), layers(ran)),
    ];
    all.extend(plots(ran));
    let mut written = Vec::with_capacity(all.len());
    for (name, text) in all {
        let path = out.join(name);
        put(&path, &text)?;
        written.push(path);
    }
    Ok(written)
}

/// Writes a file whose folder may not exist yet.
fn put(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| {
            Diagnostic::new(Code::Unwritable, format!("cannot make the folder: {e}")).at(parent.display().to_string())
        })?;
    }
    files::write_atomic(path, text.as_bytes())
}

/// CPU seconds of this process as Linux counts them; elsewhere seconds of the clock.
fn cpu_seconds() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let ticks = || -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // After the command's name, which may hold anything but ends in a parenthesis: user and system time are 12th and 13th.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    };
    if let Some(ticks) = ticks() {
        return ticks / 100.0;
    }
    START.get_or_init(now).elapsed().as_secs_f64()
}
