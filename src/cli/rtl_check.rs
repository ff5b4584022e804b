//! Searched designs of a reproduction through the RTL: each network's smallest layers are emitted and simulated, and their
//! cycles compared with the model's (claim C16).

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::report::reproduction::Ran;
use crate::search::design::{Design, MappedNetwork, Totals};
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
    /// Its multipliers.
    pub pes: u32,
    /// The network.
    pub network: String,
    /// Layers simulated.
    pub layers: usize,
    /// Their multiply-accumulates.
    pub macs: u64,
    /// Cycles of the simulated hardware in them.
    pub rtl: u64,
    /// Cycles that the model predicts.
    pub model: u64,
    /// Outputs that differ from the golden model's.
    pub mismatches: u64,
}

/// Emits and simulates `count` designs, from the smallest array to the largest.
///
/// # Errors
/// `E0401` and `E0402` for Verilator; those of emitting.
pub fn run(ran: &[Ran], count: usize, session: &Session) -> anyhow::Result<Vec<Checked>> {
    let compared = |r: &&Ran| matches!(r.0.experiment.question, Question::Baseline | Question::Study);
    let mut designs = Vec::new();
    for (o, _) in ran.iter().filter(compared) {
        for s in &o.searches {
            let design: Design = serde_json::from_str(&s.design)?;
            designs.push((format!("{}, {}, seed {}", o.experiment.name, s.label, s.seed), design));
        }
    }
    designs.sort_by_key(|(_, d)| d.accelerator.pes());
    let designs = spread(designs, count);
    let progress = Progress::start(session.output, "rtl", Some(designs.len() as u64));
    let mut all = Vec::new();
    for (i, (name, design)) in designs.iter().enumerate() {
        session.interrupt.check()?;
        progress.show(i as u64, name.clone());
        all.extend(one(name, design)?);
    }
    Ok(all)
}

/// `count` of `all`, as far apart as can be: the first and the last among them.
fn spread<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let count = count.min(all.len());
    let (last, gaps) = (all.len().saturating_sub(1), count.saturating_sub(1).max(1));
    let places: Vec<usize> = (0..count).map(|i| i * last / gaps).collect();
    let chosen = |(i, item): (usize, T)| places.contains(&i).then_some(item);
    all.into_iter().enumerate().filter_map(chosen).collect()
}

/// Places of the smallest different layers of `network`, in their order.
fn smallest(network: &MappedNetwork) -> Result<Vec<usize>> {
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
    Ok(chosen)
}

/// The smallest layers of all networks of `design` as one network, whose layers are called after theirs: one build of the
/// hardware runs all of them.
fn joined(design: &Design) -> Result<Design> {
    let mut all = MappedNetwork {
        name: "layers".into(),
        // A file that is not there: the layers get seeded random weights.
        source: "layers.json".into(),
        total: Totals::default(),
        layers: Vec::new(),
        mappings: Vec::new(),
    };
    for (n, network) in design.networks.iter().enumerate() {
        for i in smallest(network)? {
            let mut layer = network.layers[i].clone();
            layer.name = format!("{}{}", prefix(n), layer.name);
            all.layers.push(layer);
            all.mappings.push(network.mappings[i]);
        }
    }
    Ok(Design::new(
        design.accelerator.clone(),
        vec![all],
        design.provenance.clone(),
    ))
}

/// What the names of network `n`'s layers begin with.
fn prefix(n: usize) -> String {
    format!("n{n}_")
}

/// Emits and simulates one design, with the commands that a user would give.
fn one(name: &str, design: &Design) -> anyhow::Result<Vec<Checked>> {
    let place = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (file, folder) = (place.path().join("design.json"), place.path().join("rtl"));
    files::write_atomic(&file, joined(design)?.to_json().as_bytes())?;
    naas(&["gen", "--design", &text(&file), "--out", &text(&folder)])?;
    let report = naas(&["sim", &text(&folder)])?;
    let rows: &[Value] = report["layers"].as_array().map_or(&[], Vec::as_slice);
    let mut all = Vec::with_capacity(design.networks.len());
    for (n, network) in design.networks.iter().enumerate() {
        let called = |row: &&Value| row["name"].as_str().is_some_and(|s| s.starts_with(&prefix(n)));
        let rows: Vec<&Value> = rows.iter().filter(called).collect();
        let sum = |path: &str| -> u64 { rows.iter().filter_map(|r| r.pointer(path)?.as_u64()).sum() };
        all.push(Checked {
            design: name.into(),
            pes: design.accelerator.pes(),
            network: network.name.clone(),
            layers: rows.len(),
            macs: sum("/macs"),
            rtl: sum("/cycles/rtl"),
            model: sum("/cycles/model"),
            mismatches: sum("/mismatches"),
        });
    }
    // What no layer holds: errors on the bus, counters, a run that did not end.
    if report["pass"] != true && all.iter().all(Checked::agrees) {
        let what = format!("the simulation of {name} did not pass: {}", report["errors"]);
        return Err(Diagnostic::new(Code::CheckFailed, what).into());
    }
    Ok(all)
}

impl Checked {
    /// Whether all layers ran, in as many cycles as predicted and without a wrong output.
    const fn agrees(&self) -> bool {
        self.layers > 0 && self.rtl == self.model && self.mismatches == 0
    }
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
    let mut text =
        "### Cycles of the RTL (C16)\n\nThe smallest different layers of each network, random data, Verilator.\n\n\
                    | design | PEs | network | layers | MACs | RTL cycles | model | difference | wrong outputs |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for c in checked {
        let Checked {
            design,
            pes,
            network,
            layers,
            macs,
            rtl,
            model,
            mismatches,
        } = c;
        text += &format!(
            "| {design} | {pes} | {network} | {layers} | {macs} | {rtl} | {model} | {} | {mismatches} |\n",
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
    match checked.iter().find(|c| !c.agrees()) {
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

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn designs_of_all_sizes_are_chosen() {
        assert_eq!(spread((0..7).collect::<Vec<u8>>(), 3), [0, 3, 6]);
        assert_eq!(spread((0..7).collect::<Vec<u8>>(), 1), [0]);
        assert_eq!(spread((0..2).collect::<Vec<u8>>(), 9), [0, 1]);
        assert!(spread(Vec::<u8>::new(), 9).is_empty());
    }
}
