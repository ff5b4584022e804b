//! `naas sim`: builds and runs the bench of an RTL folder, and reports bits, cycles and counters against the prediction.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::SimArgs;
use crate::cli::generate::DESIGN_FILE;
use crate::cli::inputs::{self, unknown_layer};
use crate::cli::plan::SimPlan;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::rtl::descriptor::Descriptor;
use crate::rtl::folder::word;
use crate::sim::verilator::{Folder, Options};
use serde::Deserialize;
use std::path::Path;

/// Simulates.
///
/// # Errors
/// `E0301` with the first difference, after the report is printed; `E0204` where design, table and hardware do not belong
/// together; `E0401` and `E0402` for Verilator.
pub fn run(args: &SimArgs, session: &Session) -> anyhow::Result<()> {
    let plan = SimPlan::resolve(args)?;
    let folder = Folder::open(&plan.dir)?;
    check_hash(&plan.dir)?;
    let options = Options {
        simulator: plan.simulator.into(),
        stall: plan.stall.into(),
        seed: session.seed,
        latency: plan.memory_latency,
        layer: plan.layer.as_deref().map(|l| known_layer(&plan.dir, l)).transpose()?,
        ..Options::default()
    };
    let progress = Progress::start(session.output, "building and simulating", None);
    let outcome = folder.run(&options);
    drop(progress);
    let outcome = outcome?;
    session.output.result(&outcome.report, &outcome.text)?;
    Ok(outcome.report.check()?)
}

/// Checks that the folder's design and its control table belong together; the bench compares table and hardware.
///
/// # Errors
/// `E0204` if they do not; those of reading the design.
fn check_hash(dir: &Path) -> Result<()> {
    let (design_file, table_file) = (dir.join(DESIGN_FILE), dir.join("table.bin"));
    if !design_file.exists() {
        return Ok(());
    }
    let (design, _) = inputs::design(&design_file)?;
    let table = Descriptor::decode(&files::read(&table_file)?);
    let words: Vec<u64> = table.get("hash").to_vec();
    let hash = words.iter().rev().fold(0u64, |h, w| h << 32 | w);
    let hash = format!("{hash:016x}");
    if design.hash == hash {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::HashMismatch,
        format!("the design's hash is {}, its control table's {hash}", design.hash),
    )
    .at(table_file.display().to_string())
    .next(format!(
        "generate the folder again: `naas gen --design {} --out DIR`",
        design_file.display()
    )))
}

/// What of the control table's listing is needed here.
#[derive(Deserialize)]
struct Listing {
    layers: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
}

/// The layer's name as the bench knows it.
fn known_layer(dir: &Path, layer: &str) -> Result<String> {
    let listing: Listing = files::read_json(&dir.join("table.json"))?;
    let names: Vec<&str> = listing.layers.iter().map(|l| l.name.as_str()).collect();
    if names.contains(&layer) {
        Ok(word(layer))
    } else {
        Err(unknown_layer(layer, &names))
    }
}
