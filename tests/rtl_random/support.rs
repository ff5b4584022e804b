//! Folders of random cases, built with a cache that all tests share.

use naas::base::diag::Diagnostic;
use naas::cli::trial::{Trials, options};
use naas::mapping::campaign::{Campaign, Case};
use naas::mapping::random::Limits;
use naas::rtl::folder::Files;
use naas::sim::verilator::{Folder, Options, Report, Simulator};
use std::process::Command;

/// A number from the environment.
pub fn env_or(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// The trials of all tests.
pub fn trials() -> Trials {
    Trials {
        cache: concat!(env!("CARGO_TARGET_TMPDIR"), "/verilator-cache").into(),
    }
}

/// A case of a campaign with its first `layers` layers.
pub fn case(seed: u64, index: usize, layers: usize) -> Case {
    let campaign = Campaign::new(seed, 10 * (index as u64 + 1), None, Limits::default()).unwrap();
    let set = campaign.triples(index);
    Case::new(&set[..layers.min(set.len())], campaign.data_seed(index)).unwrap()
}

/// A folder of a case, removed when dropped.
pub struct Built {
    dir: tempfile::TempDir,
    folder: Folder,
    case: Case,
}

impl Built {
    /// The folder of `case`, as it is emitted.
    pub fn of(case: &Case) -> Self {
        Self::with(case, &Trials::files(case).unwrap())
    }

    /// A folder of these files.
    pub fn with(case: &Case, files: &Files) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = trials().write(files, dir.path()).unwrap();
        Self {
            dir,
            folder,
            case: case.clone(),
        }
    }

    /// Runs the bench.
    pub fn run(&self, change: impl FnOnce(Options) -> Options) -> Report {
        let options = change(options(&self.case, Simulator::Verilator));
        self.folder.run(&options).unwrap().report
    }

    /// Runs the bench of a folder that cannot run; why.
    pub fn refused(&self) -> Diagnostic {
        let run = self.folder.run(&options(&self.case, Simulator::Verilator));
        run.map(|ran| ran.report.pass).unwrap_err()
    }

    /// Runs a target of the folder's Makefile; what it printed if it failed.
    pub fn make(&self, target: &str) -> Result<(), String> {
        let output = Command::new("make")
            .arg("-C")
            .arg(self.dir.path())
            .arg(target)
            .output()
            .expect("make, Verilator, Icarus and Yosys must be installed: run `make setup`");
        if output.status.success() {
            return Ok(());
        }
        let [out, err] = [&output.stdout, &output.stderr].map(|t| String::from_utf8_lossy(t));
        Err(format!("{out}\n{err}"))
    }
}
