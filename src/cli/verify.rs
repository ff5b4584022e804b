//! `naas verify`: random accelerators, layers and mappings in RTL, against the golden model and the cost model.
//!
//! Every case runs in Verilator and must equal the prediction in every bit, cycle and counter. Every third one runs again at
//! a memory that stalls at random: its bits must stay, and it must not become faster. Of every second one the shortest layer
//! runs in a second simulator, unless it is too long for that.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::{files, rng};
use crate::cli::args::VerifyArgs;
use crate::cli::plan::VerifyPlan;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::shrink::Shrinker;
use crate::cli::trial::{Trials, Verdict, options};
use crate::mapping::campaign::{Campaign, Case, Coverage};
use crate::mapping::random::{Limits, Triple};
use crate::sim::verilator::{CACHE_VARIABLE, Report, Simulator};
use rand::RngExt as _;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// One case in so many also runs under stalls.
const STALLED: usize = 3;

/// Of one case in so many, the shortest layer also runs in the second simulator.
const SECOND: usize = 2;

/// Cycles that the second simulator may take: it runs a thousand of them in a second or two.
const SECOND_CYCLES: u64 = 5000;

/// Simulations that shrinking a failure may take.
const SHRINK_RUNS: u32 = 60;

/// Runs the random cases or the replay.
///
/// # Errors
/// `E0301` if anything differs, after the report is printed and the smallest failing case written; `E0401` and `E0402` for
/// the simulators.
pub fn run(args: &VerifyArgs, session: &Session) -> anyhow::Result<()> {
    let plan = VerifyPlan::resolve(args)?;
    session.catch_interrupts()?;
    let scratch = tempfile::tempdir()?;
    let cache = std::env::var_os(CACHE_VARIABLE).map_or_else(|| scratch.path().join("cache"), PathBuf::from);
    let trials = Trials { cache };
    let result = match &plan {
        VerifyPlan::Random { layers, axes, out } => {
            let campaign = Campaign::new(session.seed, *layers, *axes, Limits::default())?;
            random(&campaign, &trials, out, session)
        }
        VerifyPlan::Replay { file, simulator } => replay(file, *simulator, &trials, session),
    };
    // Ctrl-C also stops the tools, whose failure is then not worth telling.
    session.interrupt.check()?;
    result
}

fn replay(file: &Path, simulator: Simulator, trials: &Trials, session: &Session) -> anyhow::Result<()> {
    let case: Case = files::read_json(file)?;
    let scratch = tempfile::tempdir()?;
    let progress = Progress::start(session.output, "building and simulating", None);
    let folder = trials.write(&Trials::files(&case)?, scratch.path())?;
    let outcome = folder.run(&options(&case, simulator));
    drop(progress);
    let outcome = outcome?;
    session.output.result(&outcome.report, &outcome.text)?;
    Ok(outcome.report.check()?)
}

/// How a case ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Plain,
    Stalled,
    Icarus,
}

impl Mode {
    /// What a replay needs to run like this. A stall stands in the file.
    const fn option(self) -> &'static str {
        match self {
            Self::Icarus => " --simulator icarus",
            Self::Plain | Self::Stalled => "",
        }
    }

    /// The words for a failure's line.
    const fn words(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Stalled => " under stalls",
            Self::Icarus => " in Icarus",
        }
    }
}

const fn simulator(mode: Mode) -> Simulator {
    match mode {
        Mode::Icarus => Simulator::Icarus,
        Mode::Plain | Mode::Stalled => Simulator::Verilator,
    }
}

/// What a run of a case found.
#[derive(Debug)]
struct Ran {
    mode: Mode,
    case: Case,
    verdict: Verdict,
}

/// A case with all its runs.
#[derive(Debug)]
struct Outcome {
    triples: Vec<Triple>,
    runs: Vec<Ran>,
}

/// Runs a case in every mode that is its turn.
fn one(campaign: &Campaign, index: usize, trials: &Trials) -> Result<Outcome> {
    let triples = campaign.triples(index);
    let seed = campaign.data_seed(index);
    let scratch = tempfile::tempdir()
        .map_err(|e| Diagnostic::new(Code::Unwritable, format!("cannot create a temporary folder: {e}")))?;
    let mut outcome = Outcome {
        triples,
        runs: Vec::new(),
    };
    let Some(case) = Case::new(&outcome.triples, seed) else {
        return Ok(outcome);
    };
    let simulate = |mode, case: Case| -> Result<(Ran, Report)> {
        let report = trials.simulate(&case, scratch.path(), simulator(mode))?;
        let verdict = Verdict::of(&report);
        Ok((Ran { mode, case, verdict }, report))
    };
    let (ran, report) = simulate(Mode::Plain, case.clone())?;
    outcome.runs.push(ran);
    if index.is_multiple_of(STALLED) {
        let stall = rng::stream(seed, &[1]).random_range(5..=60);
        outcome.runs.push(simulate(Mode::Stalled, Case { stall, ..case })?.0);
    }
    let short = report.layers.iter().zip(&outcome.triples);
    let short = short
        .map(|(l, t)| (l.cycles.model, t))
        .min_by_key(|(cycles, _)| *cycles);
    if index.is_multiple_of(SECOND)
        && let Some((..=SECOND_CYCLES, triple)) = short
        && let Some(case) = Case::new(std::slice::from_ref(triple), seed)
    {
        outcome.runs.push(simulate(Mode::Icarus, case)?.0);
    }
    Ok(outcome)
}

fn random(campaign: &Campaign, trials: &Trials, out: &Path, session: &Session) -> anyhow::Result<()> {
    let done = AtomicU64::new(0);
    let progress = Progress::start(session.output, "verifying", Some(campaign.cases() as u64));
    let outcomes: Vec<Outcome> = session.with_threads(|| {
        let case = |index| -> Result<Outcome> {
            session.interrupt.check()?;
            let outcome =
                one(campaign, index, trials).map_err(|e| e.at(format!("case {index} of seed {}", session.seed)))?;
            progress.show(done.fetch_add(1, Ordering::Relaxed) + 1, String::new());
            Ok(outcome)
        };
        Ok((0..campaign.cases()).into_par_iter().map(case).collect::<Result<_>>()?)
    })?;
    drop(progress);
    let summary = Summary::of(session.seed, &outcomes);
    let failed = outcomes
        .iter()
        .flat_map(|o| &o.runs)
        .find(|r| r.verdict.failure.is_some());
    if let Some(ran) = failed {
        let small = smallest(ran, trials, session)?;
        files::write_atomic(out, (serde_json::to_string_pretty(&small)? + "\n").as_bytes())?;
    }
    session.output.result(&summary.document(), &summary)?;
    let Some(first) = summary.failures.first() else {
        return Ok(());
    };
    let what = format!(
        "{} of {} runs differ, the first: {}",
        summary.failures.len(),
        summary.runs,
        first.what
    );
    Err(Diagnostic::new(Code::CheckFailed, what)
        .at(format!("case {} of seed {}", first.case, summary.seed))
        .expected("the bits, cycles and counters that the models predict")
        .next(format!("naas verify --replay {}{}", out.display(), first.run.option()))
        .into())
}

/// The simplest case that is found to fail like this one.
fn smallest(ran: &Ran, trials: &Trials, session: &Session) -> Result<Case> {
    let simulator = simulator(ran.mode);
    let scratch = tempfile::tempdir()
        .map_err(|e| Diagnostic::new(Code::Unwritable, format!("cannot create a temporary folder: {e}")))?;
    let progress = Progress::start(session.output, "shrinking the first failure", None);
    let mut runs = 0;
    let mut shrinker = Shrinker {
        run: |case: &Case| {
            session.interrupt.check()?;
            runs += 1;
            progress.show(runs, String::new());
            let report = trials.simulate(case, scratch.path(), simulator)?;
            Ok(Verdict::of(&report).failure.map(|(layer, _)| layer))
        },
        budget: SHRINK_RUNS,
        original: ran.case.clone(),
    };
    shrinker.shrink(ran.verdict.failure.as_ref().map_or(0, |f| f.0))
}

/// One run that is not as predicted.
#[derive(Clone, Debug, Serialize)]
struct Failure {
    case: usize,
    array: String,
    run: Mode,
    layer: usize,
    what: String,
}

/// All runs together.
#[derive(Debug)]
struct Summary {
    seed: u64,
    designs: usize,
    runs: usize,
    /// Layers simulated by mode.
    modes: [u64; 3],
    covered: Coverage,
    failures: Vec<Failure>,
    totals: Verdict,
}

impl Summary {
    fn of(seed: u64, outcomes: &[Outcome]) -> Self {
        let mut summary = Self {
            seed,
            designs: outcomes.len(),
            runs: 0,
            modes: [0; 3],
            covered: Coverage::default(),
            failures: Vec::new(),
            totals: Verdict::default(),
        };
        for (case, outcome) in outcomes.iter().enumerate() {
            outcome.triples.iter().for_each(|t| summary.covered.add(t));
            for ran in &outcome.runs {
                summary.add(case, ran);
            }
        }
        summary
    }

    fn add(&mut self, case: usize, ran: &Ran) {
        let (v, t) = (&ran.verdict, &mut self.totals);
        self.runs += 1;
        self.modes[ran.mode as usize] += ran.case.layers.len() as u64;
        t.mismatches += v.mismatches;
        t.cycle_differences += v.cycle_differences;
        t.counter_differences += v.counter_differences;
        if let Some((layer, what)) = &v.failure {
            let axes = ran.case.accelerator.axes.iter();
            let array: Vec<String> = axes.map(|a| a.dims.iter().map(ToString::to_string).collect()).collect();
            self.failures.push(Failure {
                case,
                array: array.join(","),
                run: ran.mode,
                layer: *layer,
                what: what.clone(),
            });
        }
    }

    fn document(&self) -> Value {
        let c = &self.covered;
        let share = |counts: &BTreeMap<String, u64>| -> Map<String, Value> {
            let share = |n: u64| json!((n as f64 / c.layers as f64 * 1e4).round() / 1e4);
            counts.iter().map(|(name, &n)| (name.clone(), share(n))).collect()
        };
        json!({
            "seed": self.seed, "cases": c.layers, "designs": self.designs, "macs": c.macs,
            "failures": self.failures,
            "mismatches": self.totals.mismatches,
            "cycle_differences": self.totals.cycle_differences,
            "counter_differences": self.totals.counter_differences,
            "axis_pairs_covered": c.axis_pairs(),
            "kinds_covered": c.kinds,
            "stalled": self.modes[Mode::Stalled as usize],
            "icarus": self.modes[Mode::Icarus as usize],
            "shares": {
                "arrays": share(&c.arrays), "kinds": share(&c.kinds), "strides": share(&c.strides),
                "ragged_tiles": share(&c.ragged_tiles), "properties": share(&c.properties),
            },
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.covered;
        writeln!(
            f,
            "seed {}: {} layers on {} arrays, {} MACs; {} of them again under stalls, {} again in Icarus",
            self.seed,
            c.layers,
            self.designs,
            c.macs,
            self.modes[Mode::Stalled as usize],
            self.modes[Mode::Icarus as usize]
        )?;
        for (what, counts) in [
            ("arrays", &c.arrays),
            ("kinds", &c.kinds),
            ("strides", &c.strides),
            ("ragged tiles", &c.ragged_tiles),
            ("properties", &c.properties),
        ] {
            let share = |(name, &n): (&String, &u64)| format!("{name} {:.1} %", 100.0 * n as f64 / c.layers as f64);
            let shares: Vec<String> = counts.iter().map(share).collect();
            writeln!(f, "{what}: {}", shares.join("; "))?;
        }
        for e in &self.failures {
            let run = e.run.words();
            writeln!(f, "case {} ({}), layer {}{run}: {}", e.case, e.array, e.layer, e.what)?;
        }
        let t = &self.totals;
        writeln!(
            f,
            "{} failures, {} wrong bytes, {} layers with other cycles, {} other counters",
            self.failures.len(),
            t.mismatches,
            t.cycle_differences,
            t.counter_differences
        )
    }
}
