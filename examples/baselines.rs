//! Writes the human baselines, and the tables of docs/baselines.md.
//!
//! ```sh
//! cargo run --release --example baselines                          # all of them
//! cargo run --release --example baselines -- eyeriss nvdla-256-fixed   # some; the others are read for the table
//! cargo run --release --example baselines -- --rtl                 # simulates layers of all: an hour and more
//! cargo run --release --example baselines -- --rtl shidiannao      # of one; its table is printed only
//! ```
//!
//! For each chip `workloads/designs/NAME-fixed.json` and `NAME-searched.json`, then the table in docs/baselines.md. Equal
//! programs write equal bytes; `naas::search::baselines` holds seed and budget.
//!
//! With `--rtl` the designs stay as they are; a few of their layers run in Verilator, both versions on one emitted
//! accelerator, and it ends with an error at the first bit, cycle or counter that is not as the model says.

#![allow(clippy::print_stdout, reason = "a tool tells what it does")]

use naas::base::diag::{Code, Diagnostic, Result};
use naas::base::files;
use naas::base::interrupt::Interrupt;
use naas::cli::trial::Trials;
use naas::mapping::campaign::Case;
use naas::report::baselines::{FIGURES, Marks, SIMULATED, Simulated, simulated, splice, table};
use naas::search::baselines::{Sample, Version, design, networks, samples};
use naas::search::dataflow::{DATAFLOWS, Dataflow};
use naas::search::design::Design;
use naas::sim::verilator::Simulator;
use naas::workload::layer::Layer;
use std::path::{Path, PathBuf};

/// Seed of their data.
const SEED: u64 = 1;

fn main() -> Result<()> {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let rtl = wanted.first().is_some_and(|first| first == "--rtl");
    wanted.drain(..usize::from(rtl));
    for name in &wanted {
        let chip = Version::ALL
            .iter()
            .find_map(|v| name.strip_suffix(&format!("-{}", v.as_str())));
        Dataflow::named(chip.unwrap_or(name))?;
    }
    if rtl { simulate(&wanted) } else { write(&wanted) }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(flow: &Dataflow, version: Version) -> PathBuf {
    root().join(format!("workloads/designs/{}-{}.json", flow.name, version.as_str()))
}

fn read(flow: &Dataflow) -> Result<[Design; 2]> {
    let [fixed, searched] = Version::ALL.map(|version| files::read_json(&file(flow, version)));
    Ok([fixed?, searched?])
}

/// Puts a table into docs/baselines.md.
fn show(marks: Marks, table: &str) -> Result<()> {
    let page = root().join("docs/baselines.md");
    let text = splice(&files::read_text(&page)?, marks, table).ok_or_else(|| {
        Diagnostic::new(Code::Malformed, "the table's marks are missing").at(page.display().to_string())
    })?;
    files::write_atomic(&page, text.as_bytes())
}

/// Writes the designs that are wanted, all of them if none is named, and the table of all.
fn write(wanted: &[String]) -> Result<()> {
    let (networks, left_out) = networks()?;
    for reason in left_out {
        println!("left out: {reason}");
    }
    for flow in &DATAFLOWS {
        for version in Version::ALL {
            let names = [flow.name.to_owned(), format!("{}-{}", flow.name, version.as_str())];
            if !wanted.is_empty() && !wanted.iter().any(|w| names.contains(w)) {
                continue;
            }
            let made = design(flow, version, &networks, &Interrupt::default())?;
            let path = file(flow, version);
            files::write_atomic(&path, made.to_json().as_bytes())?;
            println!("{}", path.display());
        }
    }
    let pairs: Vec<[Design; 2]> = DATAFLOWS.iter().map(read).collect::<Result<_>>()?;
    show(FIGURES, &table(&pairs))
}

/// The layer of a sample, called as no other one of its case.
fn named(sample: &Sample, version: Version) -> Layer {
    Layer {
        name: format!("{}.{}.{}", sample.network, sample.layer.name, version.as_str()),
        ..sample.layer.clone()
    }
}

/// Simulates layers of the baselines that are wanted; of all, the table goes into the document.
fn simulate(wanted: &[String]) -> Result<()> {
    let target = root().join("target");
    let trials = Trials {
        cache: target.join("verilator"),
    };
    let mut rows = Vec::new();
    for flow in &DATAFLOWS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == flow.name) {
            continue;
        }
        let pair = read(flow)?;
        let samples = samples(&pair)?;
        let each = || {
            samples
                .iter()
                .flat_map(|s| Version::ALL.into_iter().zip(s.mappings).map(move |v| (s, v)))
        };
        let case = Case {
            seed: SEED,
            stall: 0,
            accelerator: pair[0].accelerator.clone(),
            layers: each().map(|(s, (version, _))| named(s, version)).collect(),
            mappings: each().map(|(_, (_, mapping))| mapping).collect(),
        };
        let folder = target.join("baselines-rtl").join(flow.name);
        let report = trials.simulate(&case, &folder, Simulator::Verilator)?;
        report.check()?;
        for ((sample, (version, _)), layer) in each().zip(&report.layers) {
            rows.push(Simulated {
                baseline: flow.name.into(),
                network: sample.network.clone(),
                layer: sample.layer.name.clone(),
                nest: sample.layer.nest()?,
                version,
                rtl: layer.cycles.rtl,
                model: layer.cycles.model,
            });
        }
        println!("{}: {} layers as predicted", flow.name, report.layers.len());
    }
    println!("{}", simulated(&rows));
    if wanted.is_empty() {
        show(SIMULATED, &simulated(&rows))
    } else {
        Ok(())
    }
}
