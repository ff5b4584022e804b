//! One random case, from its layers to a verdict: data, prediction, folder, simulation. Here the model meets the hardware.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::cli::costs::price_layers;
use crate::cli::plan::DEFAULT_TECHNOLOGY;
use crate::cost::tech::Technology;
use crate::cost::walk::walk;
use crate::mapping::campaign::Case;
use crate::mapping::random::Triple;
use crate::rtl::folder::{self, Files};
use crate::rtl::hardware::Hardware;
use crate::rtl::program::{Program, Sharing};
use crate::search::design::hash;
use crate::sim::verilator::{Folder, LayerReport, Options, Report, Simulator};
use crate::sim::{plan, stress};
use std::path::{Path, PathBuf};

/// How trials are run.
#[derive(Clone, Debug)]
pub struct Trials {
    /// Where benches share what does not depend on the design.
    pub cache: PathBuf,
}

/// What differed in a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Output bytes.
    pub mismatches: u64,
    /// Layers whose cycles differ.
    pub cycle_differences: u64,
    /// Counters of layers that differ.
    pub counter_differences: u64,
    /// The first layer that is not as predicted, and how.
    pub failure: Option<(usize, String)>,
}

impl Verdict {
    /// The verdict on a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let stalled = report.stall > 0;
        let cycles = |l: &&LayerReport| !stalled && !l.cycles.agree();
        let wrong = |l: &LayerReport| {
            let counters = l.counters.named().iter().any(|(_, pair)| !pair.agree());
            !l.finished || l.mismatches > 0 || !stalled && (!l.cycles.agree() || counters)
        };
        let failure = (!report.pass).then(|| {
            let layer = report.layers.iter().position(wrong).unwrap_or(0);
            (layer, report.first_difference().0)
        });
        Self {
            mismatches: report.total.mismatches,
            cycle_differences: report.layers.iter().filter(cycles).count() as u64,
            counter_differences: if stalled { 0 } else { report.total.counter_differences },
            failure,
        }
    }
}

impl Trials {
    /// The files of a case: its accelerator with its layers, their data and what the model predicts.
    ///
    /// # Errors
    /// As [`Case::triples`]; `E0301` if the fast model and the walk over all passes disagree; those of emitting a folder.
    pub fn files(case: &Case) -> Result<Files> {
        let (hw, program) = Self::hardware(case)?;
        folder::files(&hw, &program)
    }

    /// The hardware of a case, and what it runs.
    ///
    /// # Errors
    /// As [`Trials::files`].
    pub fn hardware(case: &Case) -> Result<(Hardware, Program)> {
        let triples = case.triples()?;
        let technology = Technology::named(DEFAULT_TECHNOLOGY)?;
        let (layers, mappings) = (case.layers.clone(), case.mappings.clone());
        let priced = price_layers(&technology, &case.accelerator, ["random", "random"], layers, mappings)?;
        let schedules: Vec<_> = triples.iter().map(Triple::schedule).collect();
        for (i, (row, s)) in priced.costed.rows.iter().zip(&schedules).enumerate() {
            let walked = walk(s);
            let cycles = s.layer_cycles(walked.cycles, i == 0);
            if cycles != row.cycles || walked.tally.counts != row.accesses {
                let what = format!(
                    "the fast model and the walk disagree: {} and {cycles} cycles, counts {:?} and {:?}",
                    row.cycles, row.accesses, walked.tally.counts
                );
                return Err(Diagnostic::new(Code::CheckFailed, what).at(format!("layer `{}`", row.name)));
            }
        }
        let data = stress::data(&case.layers, case.seed)?;
        let program = plan::program(
            hash(&case.accelerator),
            &data,
            &schedules,
            &priced.predicted(),
            Sharing::Kept,
        )?;
        // Every other case on hardware that runs no other network.
        let hw = if case.seed.is_multiple_of(2) {
            Hardware::new(&case.accelerator)
        } else {
            program.hardware(&case.accelerator)
        };
        Ok((hw, program))
    }

    /// Writes files into `dir`; those that are there already with the same content keep their time, so that nothing is built
    /// anew for them.
    ///
    /// # Errors
    /// `E0205`.
    pub fn write(&self, files: &Files, dir: &Path) -> Result<Folder> {
        for (file, bytes) in &files.0 {
            let path = dir.join(file);
            let fail = |e: std::io::Error| {
                Diagnostic::new(Code::Unwritable, format!("cannot write: {e}")).at(path.display().to_string())
            };
            if std::fs::read(&path).is_ok_and(|old| old == *bytes) {
                continue;
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(fail)?;
            }
            std::fs::write(&path, bytes).map_err(fail)?;
        }
        Ok(Folder::open(dir)?.cache(&self.cache).quick())
    }

    /// Simulates a case in `dir`, under its stalls.
    ///
    /// # Errors
    /// As [`Trials::files`] and [`Folder::run`]; what differs is no error, but in the report.
    pub fn simulate(&self, case: &Case, dir: &Path, simulator: Simulator) -> Result<Report> {
        let folder = self.write(&Self::files(case)?, dir)?;
        Ok(folder.run(&options(case, simulator))?.report)
    }
}

/// How a case's bench is run.
#[must_use]
pub fn options(case: &Case, simulator: Simulator) -> Options {
    Options {
        stall: case.stall,
        seed: case.seed,
        simulator,
        ..Options::default()
    }
}
