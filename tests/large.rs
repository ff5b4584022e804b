//! Published networks on plain arrays of 256 and 1,024 PEs, in the simulated hardware: bytes, cycles and counters.
//! `make large` runs all and prints the rows of docs/evidence.md. Everything here is long.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "the rows")]

use naas::arch::accelerator::Accelerator;
use naas::sim::verilator::{Folder, Options, Report};
use naas::workload::layer::{Layer, Shape};
use naas::workload::network::Network;
use naas::workload::zoo;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is run of a network: its name, and the layers.
type Part = (&'static str, fn(&Network) -> Vec<Layer>);

const SIX: [&str; 6] = [
    "vgg16",
    "resnet50",
    "mobilenet_v2",
    "bert_block_seq128",
    "gpt2_small_decode_ctx512",
    "unet_256_same",
];

/// Each different layer once.
fn different(network: &Network) -> Vec<Layer> {
    let first = |d: naas::workload::network::Distinct| network.layers[d.layers[0]].clone();
    network.distinct().into_iter().map(first).collect()
}

fn whole(network: &Network) -> Vec<Layer> {
    network.layers.clone()
}

/// Without the fully connected layers, whose weights each count once.
fn convolutions(network: &Network) -> Vec<Layer> {
    let conv = |l: &&Layer| matches!(l.shape, Shape::Conv(_));
    network.layers.iter().filter(conv).cloned().collect()
}

/// A machine, and the one build of its hardware.
struct Machine {
    accelerator: String,
    /// How networks are mapped.
    options: &'static str,
    pes: u64,
    dir: tempfile::TempDir,
}

impl Machine {
    fn new(name: &str) -> Self {
        let accelerator = format!(
            "{}/workloads/designs/accelerators/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let read: Accelerator = serde_json::from_str(&std::fs::read_to_string(&accelerator).unwrap()).unwrap();
        Self {
            accelerator,
            options: "",
            pes: read.axes.iter().map(|axis| u64::from(axis.size)).product(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn mapped(self, options: &'static str) -> Self {
        Self { options, ..self }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn naas(&self, line: &str) {
        let output = Command::new(env!("CARGO_BIN_EXE_naas"))
            .current_dir(self.dir.path())
            .args(line.split_whitespace())
            .arg("--quiet")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{errors}");
    }

    /// Maps all parts onto the machine, runs one after the other in its hardware; the utilization of each.
    fn run(&self, parts: &[Part]) -> Vec<f64> {
        for (name, layers) in parts {
            let network = zoo::network(name).unwrap();
            let part = Network::new(*name, layers(&network)).unwrap();
            std::fs::write(self.path(&format!("{name}.json")), part.to_json()).unwrap();
        }
        let files: Vec<String> = parts.iter().map(|(name, _)| format!("{name}.json")).collect();
        self.naas(&format!(
            "map {} --accelerator {} {} --out design.json",
            files.join(" "),
            self.accelerator,
            self.options
        ));
        parts.iter().map(|(name, _)| self.simulate(name)).collect()
    }

    /// One network, which is the only one of the design or one of several: of several, all have the same hardware, which is
    /// built for the first one.
    fn simulate(&self, name: &str) -> f64 {
        self.naas(&format!("gen {name} --design design.json --out next"));
        replace_changed(&self.path("next"), &self.path("rtl"));
        let folder = Folder::open(self.path("rtl")).unwrap();
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/verilator-cache");
        let report = folder.cache(cache).run(&Options::default()).unwrap().report;
        self.row(name, &report)
    }

    fn row(&self, name: &str, report: &Report) -> f64 {
        report.check().unwrap();
        assert!(report.total.cycles.agree() && report.total.mismatches == 0 && report.total.counter_differences == 0);
        let sum = |of: fn(&naas::sim::verilator::LayerReport) -> u64| report.layers.iter().map(of).sum::<u64>();
        let cycles = report.total.cycles.rtl;
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let utilization = sum(|l| l.macs) as f64 / (self.pes * cycles) as f64;
        eprintln!(
            "| {name} | {} PEs | {} | {} | {cycles} | 0 | {:.1} % |",
            self.pes,
            report.layers.len(),
            sum(|l| l.elements),
            100.0 * utilization
        );
        utilization
    }
}

/// Copies what differs from one folder to another, so that nothing is built anew for files that stay.
fn replace_changed(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (source, target) = entry.map(|e| (e.path(), to.join(e.file_name()))).unwrap();
        if source.is_dir() {
            replace_changed(&source, &target);
        } else {
            let new = std::fs::read(&source).unwrap();
            if std::fs::read(&target).ok().as_ref() != Some(&new) {
                std::fs::write(&target, new).unwrap();
            }
        }
    }
}

#[test]
#[ignore = "long: 220 million cycles of 256 PEs"]
fn different_layers_on_256() {
    Machine::new("base-ck").run(&SIX.map(|name| (name, different as _)));
}

#[test]
#[ignore = "long: 60 million cycles of 1,024 PEs"]
fn different_layers_on_1024() {
    Machine::new("base-ck-1024").run(&SIX.map(|name| (name, different as _)));
}

/// Bars: what a study's model reached on this machine.
#[test]
#[ignore = "long: 83 million cycles of 256 PEs"]
fn whole_networks_over_c_and_k() {
    let found = Machine::new("base-ck").run(&[
        ("resnet50", whole),
        ("vgg16", convolutions),
        ("bert_block_seq128", whole),
    ]);
    for (utilization, bar) in found.into_iter().zip([0.87, 0.97, 0.99]) {
        assert!(utilization >= bar, "{utilization} of {bar}");
    }
}

#[test]
#[ignore = "long: 2 million cycles of 256 PEs"]
fn a_whole_network_over_k_and_x() {
    let found = Machine::new("base-kx").run(&[("mobilenet_v2", whole)]);
    assert!(found[0] >= 0.64, "{}", found[0]);
}

/// The machines of docs/synthesis.md, with no more output units than the same bars need.
#[test]
#[ignore = "long: 20 million cycles of 256 PEs"]
fn with_few_output_units() {
    let found = Machine::new("base-ck-4")
        .mapped("--objective latency")
        .run(&[("resnet50", whole)]);
    assert!(found[0] >= 0.87, "{}", found[0]);
    let found = Machine::new("base-kx-8")
        .mapped("--objective latency --mapper exact")
        .run(&[("mobilenet_v2", whole)]);
    assert!(found[0] >= 0.64, "{}", found[0]);
}
