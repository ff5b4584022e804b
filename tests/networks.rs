//! Trained networks on the simulated hardware, whole, against what LiteRT's reference kernels made of the same inputs
//! (`tools/runtime_outputs.py`). `make networks` runs all and prints the rows of docs/evidence.md.
//!
//! `NAAS_RUNTIME` is the folder of the runtime's outputs, `NAAS_SHARED` that of the networks. Everything here is long.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "the rows, and skipped tests that say so")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// 64 PEs, 16 bytes a cycle off chip.
const KX: &str = r#"{"name": "kx", "axes": [{"size": 16, "dims": ["K"]}, {"size": 4, "dims": ["X"]}],
 "buffers": {"W": {"bytes": 256, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
 "l2": {"W": {"bytes": 32768, "slots": 2}, "I": {"bytes": 32768, "slots": 2}, "O": {"bytes": 32768, "slots": 2}},
 "lanes": {"W": 16, "I": 16, "drain": 16}, "requantizers": 4, "offchip": {"bytes_per_cycle": 16, "latency_cycles": 64}}"#;

fn folder(variable: &str, default: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join(default);
    std::env::var_os(variable).map_or_else(beside, PathBuf::from)
}

/// A network with its inputs and the runtime's outputs; `None`, and a word, where they are missing.
struct Trial {
    dir: tempfile::TempDir,
    network: String,
    recorded: PathBuf,
    name: String,
}

impl Trial {
    fn new(name: &str) -> Option<Self> {
        let network = folder("NAAS_SHARED", "../shared").join(format!("models/{name}.tflite"));
        let recorded = folder("NAAS_RUNTIME", "target/networks");
        for file in [&network, &recorded.join(format!("{name}.y.npy"))] {
            if !file.is_file() {
                eprintln!("SKIPPED, NOTHING WAS TESTED: no {}", file.display());
                return None;
            }
        }
        let trial = Self {
            dir: tempfile::tempdir().unwrap(),
            network: network.display().to_string(),
            recorded,
            name: name.to_owned(),
        };
        std::fs::write(trial.dir.path().join("kx.json"), KX).unwrap();
        trial.naas(&format!("map {} --accelerator kx.json --out d.json", trial.network));
        Some(trial)
    }

    /// The document of a command that succeeds.
    fn naas(&self, line: &str) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_naas"))
            .current_dir(self.dir.path())
            .args(line.split_whitespace())
            .args(["--json", "--quiet"])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{errors}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn file(&self, what: &str) -> String {
        self.recorded
            .join(format!("{}.{what}.npy", self.name))
            .display()
            .to_string()
    }

    /// Runs so many inputs on the accelerator, compares their outputs with the runtime's and prints a row. `bytes`: of one
    /// output.
    fn run(&self, inputs: usize, bytes: usize, options: &str) -> Value {
        let labels = self.file("labels");
        let labels = if Path::new(&labels).is_file() {
            format!("--labels {labels}")
        } else {
            String::new()
        };
        #[allow(clippy::disallowed_methods, reason = "a printed duration")]
        let began = Instant::now();
        let report = self.naas(&format!(
            "run {} --engine rtl --design d.json --input {} --output y.npy --limit {inputs} {labels} {options}",
            self.network,
            self.file("x")
        ));
        let seconds = began.elapsed().as_secs_f64();
        let (have, want) = (
            std::fs::read(self.dir.path().join("y.npy")).unwrap(),
            std::fs::read(self.file("y")).unwrap(),
        );
        // The header says how many rows follow.
        let data = |file: &[u8]| file[10 + usize::from(u16::from_le_bytes([file[8], file[9]]))..].to_vec();
        let want = data(&want)[..inputs * bytes].to_vec();
        assert!(data(&have) == want, "{}: other outputs than the runtime's", self.name);
        assert_eq!(report["cycles"]["difference"], 0);
        let cycles = report["cycles"]["rtl"].as_u64().unwrap();
        let percent = |value: &Value| value.as_f64().map_or("-".into(), |v| format!("{:.1} %", 100.0 * v));
        let (layers, outputs) = report["layers"].as_array().map_or((0, 0), |all| {
            (all.len(), all.iter().filter_map(|l| l["elements"].as_u64()).sum())
        });
        eprintln!(
            "| {} | {inputs} | {layers} | {outputs} | 0 | {cycles} | 0 | {} | {} | {:.0} |",
            self.name,
            percent(&report["utilization"]),
            percent(&report["accuracy"]),
            (cycles * inputs as u64) as f64 / seconds,
        );
        report
    }
}

/// The accelerator of one network's folder runs the table of another: no bit of the hardware is the network's.
#[test]
#[ignore = "long: a build and two inferences"]
fn another_networks_table() {
    let (Some(first), Some(other)) = (Trial::new("kws_ref_model"), Trial::new("ad01_int8")) else {
        return;
    };
    first.naas("gen --design d.json --any-network --out rtl");
    let folder = first.dir.path().join("rtl");
    other.run(2, 640, &format!("--rtl {} --check-layers", folder.display()));
}

/// One input again and again, without a reset, through the driver in C.
#[test]
#[ignore = "long: a build and a hundred inferences"]
fn a_hundred_inferences_in_a_row() {
    let Some(trial) = Trial::new("kws_ref_model") else {
        return;
    };
    trial.naas(&format!("gen {} --design d.json --out rtl", trial.network));
    let output = Command::new("make")
        .args(["-s", "driver", "ARGS=--runs 100"])
        .current_dir(trial.dir.path().join("rtl"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{}: {text}", trial.name);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("100 runs, 0 with other outputs than expected"), "{text}");
}

/// One inference with every layer compared, then so many with their results.
fn network(name: &str, inputs: usize, bytes: usize) -> Option<f64> {
    let trial = Trial::new(name)?;
    trial.run(1, bytes, "--check-layers");
    let report = (inputs > 1).then(|| trial.run(inputs, bytes, ""))?;
    report["accuracy"].as_f64()
}

#[test]
#[ignore = "long: a build and two inferences"]
fn autoencoder() {
    network("ad01_int8", 2, 640);
}

#[test]
#[ignore = "long: a build and 200 inferences"]
fn keyword_spotting() {
    assert!(network("kws_ref_model", 200, 12).is_none_or(|a| (a - 183.0 / 200.0).abs() < 1e-9));
}

#[test]
#[ignore = "long: a build and two inferences"]
fn streaming_wake_word() {
    network("str_ww_ref_model", 2, 3);
}

#[test]
#[ignore = "long: a build and 50 inferences"]
fn resnet8() {
    assert!(network("pretrainedResnet_quant", 50, 10).is_none_or(|a| (a - 39.0 / 50.0).abs() < 1e-9));
}

#[test]
#[ignore = "long: a build and two inferences"]
fn visual_wake_words() {
    network("vww_96_int8", 2, 2);
}

#[test]
#[ignore = "long: a build and one inference"]
fn mobilenet_v2() {
    network("mobilenet_v2_quantized_1x3x224x224", 1, 1000);
}

#[test]
#[ignore = "long: a build and 1,000 inferences"]
fn digits() {
    assert!(network("ptq_mnist_lenet-300-100", 1000, 40).is_none_or(|a| (a - 978.0 / 1000.0).abs() < 1e-9));
}
