//! Searched designs of a reproduction through the RTL: each network's smallest layers are emitted and simulated, and their
//! cycles compared with the model's (claim C16).

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::report::reproduction::Ran;
use crate::search::design::{Design, MappedNetwork};
use crate::search::reproduction::Question;
use crate::workload::layer::Shape;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Layers per network.
const LAYERS: usize = 5;

/// One network of one design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The experiment, and the seed of its search.
    pub design: String,
    /// The network.
    pub network: String,
    /// Layers simulated.
    pub layers: usize,
    /// Cycles of the simulated hardware, from start to done.
    pub rtl: u64,
    /// Cycles that the model predicts.
    pub model: u64,
    /// Outputs that differ from the golden model's.
    pub mismatches: u64,
}

/// Emits and simulates the first `count` designs, those of small arrays first.
///
/// # Errors
/// `E0401` and `E0402` for Verilator; those of emitting.
pub fn run(ran: &[Ran], count: usize, session: &Session) -> anyhow::Result<Vec<Checked>> {
    let mut designs = Vec::new();
    for (o, _) in ran.iter().filter(|r| r.0.experiment.question == Question::Baseline) {
        for s in &o.searches {
            let design: Design = serde_json::from_str(&s.design)?;
            designs.push((format!("{}, seed {}", o.experiment.name, s.seed), design));
        }
    }
    designs.sort_by_key(|(_, d)| d.accelerator.pes());
    designs.truncate(count);
    let progress = Progress::start(session.output, "rtl", Some(designs.len() as u64));
    let mut all = Vec::new();
    for (i, (name, design)) in designs.iter().enumerate() {
        for network in &design.networks {
            session.interrupt.check()?;
            progress.show(i as u64, format!("{name}, {}", network.name));
            all.push(one(name, design, network)?);
        }
    }
    Ok(all)
}

/// The smallest different layers of `network`, in their order.
fn smallest(network: &MappedNetwork) -> Result<MappedNetwork> {
    let mut sized: Vec<(u64, usize)> = Vec::new();
    let mut shapes: Vec<&Shape> = Vec::new();
    for (i, layer) in network.layers.iter().enumerate() {
        if !shapes.contains(&&layer.shape) {
            shapes.push(&layer.shape);
            sized.push((layer.shape.macs()?, i));
        }
    }
    sized.sort_unstable();
    let mut chosen: Vec<usize> = sized.into_iter().take(LAYERS).map(|(_, i)| i).collect();
    chosen.sort_unstable();
    Ok(MappedNetwork {
        layers: chosen.iter().map(|&i| network.layers[i].clone()).collect(),
        mappings: chosen.iter().map(|&i| network.mappings[i]).collect(),
        ..network.clone()
    })
}

/// Emits and simulates one network, with the commands that a user would give.
fn one(name: &str, design: &Design, network: &MappedNetwork) -> anyhow::Result<Checked> {
    let part = smallest(network)?;
    let layers = part.layers.len();
    let design = Design::new(design.accelerator.clone(), vec![part], design.provenance.clone());
    let place = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (file, folder) = (place.path().join("design.json"), place.path().join("rtl"));
    files::write_atomic(&file, design.to_json().as_bytes())?;
    naas(&["gen", "--design", &text(&file), "--out", &text(&folder)])?;
    let report = naas(&["sim", &text(&folder)])?;
    let number = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or(u64::MAX);
    Ok(Checked {
        design: name.into(),
        network: network.name.clone(),
        layers,
        rtl: number("/total/cycles/rtl"),
        model: number("/total/cycles/model"),
        mismatches: number("/total/mismatches"),
    })
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The document of a command of this program. A check that failed has one too; the figures in it tell.
fn naas(arguments: &[&str]) -> anyhow::Result<Value> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let output = Command::new(program)
        .args(arguments)
        .args(["--json", "--quiet"])
        .output();
    let output = output.context("cannot run this program again")?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let told = String::from_utf8_lossy(&output.stderr);
        let what = format!("`naas {}` failed: {}", arguments.join(" "), told.trim());
        Diagnostic::new(Code::ToolFailed, what).into()
    })
}

/// The table of what was simulated; nothing if nothing was.
#[must_use]
pub fn markdown(checked: &[Checked]) -> String {
    if checked.is_empty() {
        return String::new();
    }
    let mut text = "### Cycles of the RTL (C16)\n\nThe smallest different layers of each network, random data, Verilator.\n\n\
                    | design | network | layers | RTL cycles | model | difference | wrong outputs |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for c in checked {
        let Checked {
            design,
            network,
            layers,
            rtl,
            model,
            mismatches,
        } = c;
        text += &format!(
            "| {design} | {network} | {layers} | {rtl} | {model} | {} | {mismatches} |\n",
            rtl.abs_diff(*model)
        );
    }
    text
}

/// The verdict as an error.
///
/// # Errors
/// `E0301` naming the first design whose cycles or outputs differ.
pub fn verdict(checked: &[Checked]) -> Result<()> {
    match checked.iter().find(|c| c.rtl != c.model || c.mismatches > 0) {
        None => Ok(()),
        Some(c) => Err(Diagnostic::new(
            Code::CheckFailed,
            format!(
                "the RTL took {} cycles, the model says {}; {} outputs differ",
                c.rtl, c.model, c.mismatches
            ),
        )
        .at(format!("{}, network `{}`", c.design, c.network))),
    }
}
