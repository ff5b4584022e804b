//! Damaged files through every reader: a clear error or a network, never a panic, never memory out of proportion.
//!
//! Mutations are seeded, so a failure repeats: it prints reader, seed and case. `make test` runs some thousand cases per
//! reader; the long test runs ten minutes on each (`NAAS_FUZZ_SECONDS` sets another time).
//!
//! Readers check sizes against the data before they allocate. Here every reader runs in a process of its own whose address
//! space is limited, so an allocation out of proportion aborts that process and fails the test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "the long test reports what it ran")]

use naas::base::diag::Diagnostic;
use naas::base::rng::{Rng, stream};
use naas::sim::tensors;
use naas::workload::graph::{Element, Port, QuantGraph, Semantics, Tensor};
use naas::workload::network::Network;
use naas::workload::{onnx, tflite, zoo};
use rand::{Rng as _, RngExt as _};
use std::path::Path;
use std::process::Command;

/// Address space of a worker in KiB: code, stacks and heap. The largest file is below 100 KiB.
const WORKER_KIB: u64 = 256 << 10;

/// Which worker a process is, and how long it runs: cases, or seconds.
const WORKER: &str = "NAAS_FUZZ_WORKER";

/// A reader with files that it accepts.
struct Target {
    name: &'static str,
    files: fn() -> Vec<Vec<u8>>,
    read: fn(&[u8]) -> Result<(), Diagnostic>,
}

const TARGETS: [Target; 4] = [
    Target {
        name: "onnx",
        files: onnx_files,
        read: |bytes| onnx::parse(bytes, "fuzz", "fuzz.onnx").map(|graph| sound(&graph)),
    },
    Target {
        name: "tflite",
        files: tflite_files,
        read: |bytes| {
            let layers = tflite::layers(bytes, "fuzz", "fuzz.tflite");
            let graph = tflite::parse(bytes, "fuzz", "fuzz.tflite", Semantics::Micro);
            graph.map(|graph| sound(&graph)).and(layers.map(|_| ()))
        },
    },
    Target {
        name: "json",
        files: json_files,
        read: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            Network::parse(&text, "fuzz.json").map(|_| ())
        },
    },
    Target {
        name: "npy",
        files: npy_files,
        read: |bytes| {
            let (port, tensor) = npy_port();
            let labels = tensors::read_labels(bytes, "fuzz.npy").map(|_| ());
            let float = Port::new("x", 0, true);
            let as_port = |p| tensors::read(bytes, "fuzz.npy", p, &tensor, None).map(|_| ());
            as_port(&port).or(as_port(&float)).or(labels)
        },
    },
];

/// What every network that is read promises. What it puts on the accelerator may be refused, but not with a panic.
fn sound(graph: &QuantGraph) {
    let _ = graph.array_network();
    assert!(!graph.inputs.is_empty() && !graph.outputs.is_empty());
    for op in &graph.ops {
        assert!(op.inputs.iter().chain([&op.output]).all(|&id| id < graph.tensors.len()));
    }
    assert!(
        graph
            .tensors
            .iter()
            .all(|t| !t.is_empty() && t.scale.is_finite() && t.scale > 0.0)
    );
}

fn workloads(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads").join(file)).unwrap()
}

fn onnx_files() -> Vec<Vec<u8>> {
    ["fc_odd", "dw3x3_s1", "conv1x1_s2", "matmul", "branches"]
        .map(|name| workloads(&format!("vectors/{name}.onnx")))
        .to_vec()
}

/// Other people's networks where they are; else a model of one fully connected layer, byte by byte.
fn tflite_files() -> Vec<Vec<u8>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("NAAS_SHARED").map_or_else(beside, Into::into);
    let found = ["kws_ref_model", "str_ww_ref_model", "pretrainedResnet_quant"]
        .iter()
        .filter_map(|name| std::fs::read(shared.join(format!("models/{name}.tflite"))).ok());
    let mut files: Vec<Vec<u8>> = found.collect();
    files.push(b"\x10\0\0\0TFL3\0\0\0\0\0\0\0\0".to_vec());
    files
}

fn json_files() -> Vec<Vec<u8>> {
    ["squeezenet1_1", "unet_256_same", "resnet8"]
        .map(|name| zoo::network(name).unwrap().to_json().into_bytes())
        .to_vec()
}

fn npy_port() -> (Port, Tensor) {
    let tensor = Tensor {
        name: "x".into(),
        shape: vec![1, 4, 4],
        scale: 0.5,
        zero_point: 1,
        element: Element::Int8,
    };
    (Port::new("x", 0, false), tensor)
}

fn npy_files() -> Vec<Vec<u8>> {
    let (port, tensor) = npy_port();
    let float = Port::new("x", 0, true);
    let batches = vec![vec![7; 16]; 3];
    vec![
        tensors::write(&batches, &port, &tensor),
        tensors::write(&batches, &float, &tensor),
    ]
}

/// A damaged copy: cut, bytes changed, numbers made extreme, pieces moved, doubled or taken from another file.
fn mutate(rng: &mut Rng, files: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = files[rng.random_range(0..files.len())].clone();
    for _ in 0..rng.random_range(1..6) {
        if bytes.is_empty() {
            break;
        }
        // Structure lies at the ends of these formats: places near them are taken more often.
        let length = bytes.len();
        let near = rng.random_range(1..=length.min(2048));
        let at = match rng.random_range(0..3) {
            0 => rng.random_range(0..length),
            1 => near - 1,
            _ => length - near,
        };
        match rng.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes[at] = rng.next_u32() as u8,
            3 => {
                let extreme = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)];
                let end = (at + rng.random_range(1..9)).min(length);
                bytes[at..end].fill(extreme);
            }
            4 => {
                let end = (at + rng.random_range(1..64)).min(length);
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + rng.random_range(1..64)).min(length);
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let other = &files[rng.random_range(0..files.len())];
                let from = rng.random_range(0..other.len());
                let piece = &other[from..(from + rng.random_range(1..64)).min(other.len())];
                let end = (at + piece.len()).min(length);
                bytes[at..end].copy_from_slice(&piece[..end - at]);
            }
            _ => {
                let number = (rng.next_u32() >> rng.random_range(0..32)).to_le_bytes();
                let end = (at + 4).min(length);
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
        }
    }
    bytes
}

/// Runs cases until `stop` says so; how many were refused and how many were read.
fn fuzz(target: &Target, seed: u64, stop: impl Fn(u64) -> bool) -> (u64, u64) {
    let files = (target.files)();
    for (i, file) in files.iter().enumerate() {
        let read = (target.read)(file);
        assert!(
            read.is_ok() || file.len() <= 16,
            "{} does not accept file {i}: {read:?}",
            target.name
        );
    }
    let (mut refused, mut case) = (0, 0u64);
    while !stop(case) {
        let bytes = mutate(&mut stream(seed, &[case]), &files);
        let read = std::panic::catch_unwind(|| (target.read)(&bytes));
        assert!(read.is_ok(), "{} seed {seed} case {case} panicked", target.name);
        if let Ok(Err(e)) = read {
            assert!(
                !e.what.is_empty() && e.code.exit_status() == 2,
                "{} seed {seed} case {case}: {e}",
                target.name
            );
            refused += 1;
        }
        case += 1;
    }
    (refused, case - refused)
}

/// What a worker process does; nothing in the process that `cargo test` starts.
#[test]
fn worker() {
    let Ok(order) = std::env::var(WORKER) else { return };
    let words: Vec<&str> = order.split(' ').collect();
    let target = TARGETS.iter().find(|t| t.name == words[0]).unwrap();
    let amount: u64 = words[2].parse().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test that runs for a time")]
    let start = std::time::Instant::now();
    let stop = |case| match words[1] {
        "cases" => case >= amount,
        _ => start.elapsed().as_secs() >= amount,
    };
    let seed = words[3].parse().unwrap();
    let (refused, read) = fuzz(target, seed, stop);
    eprintln!("{}: seed {seed}, {refused} refused, {read} read", target.name);
    assert!(refused > 0);
}

/// Runs a worker for every reader, its memory limited by the shell.
fn run_workers(amount: &str, seed: u64) {
    let program = std::env::current_exe().unwrap();
    for target in &TARGETS {
        let script = format!("ulimit -v {WORKER_KIB}; exec \"$0\" --exact worker --nocapture");
        let output = Command::new("sh")
            .args(["-c", &script])
            .arg(&program)
            .env(WORKER, format!("{} {amount} {seed}", target.name))
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{text}", target.name);
        for line in text.lines().filter(|l| l.contains(" refused, ")) {
            eprintln!("{line}");
        }
    }
}

#[test]
fn every_reader_refuses_or_reads() {
    run_workers("cases 1500", 1);
}

#[test]
#[ignore = "long: ten minutes on each reader"]
fn every_reader_for_ten_minutes() {
    let seconds = std::env::var("NAAS_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(600u64);
    run_workers(&format!("seconds {seconds}"), 2);
}
