//! Whole networks through the program and Verilator: bits, cycles and counters, and what must be noticed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use naas::arch::accelerator::Accelerator;
use naas::rtl::descriptor;
use naas::sim::tensors;
use naas::workload::graph::{Element, Port, Semantics, Tensor};
use naas::workload::{onnx, tflite};
use npz::Npz;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "support/npz.rs"]
mod npz;

/// An accelerator of 64 PEs; `BUS` bytes off chip and so many lanes.
const CK8: &str = r#"{"name": "ck8", "axes": [{"size": 8, "dims": ["K"]}, {"size": 8, "dims": ["C"]}],
 "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
 "l2": {"W": {"bytes": 16384, "slots": 2}, "I": {"bytes": 16384, "slots": 2}, "O": {"bytes": 16384, "slots": 2}},
 "lanes": {"W": 8, "I": 8, "drain": 8}, "requantizers": 4, "offchip": {"bytes_per_cycle": 8, "latency_cycles": 64}}"#;

/// The program in a folder, with a shared cache of compiled benches and models compiled quickly.
fn naas(dir: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_naas"))
        .current_dir(dir)
        .args(line.split_whitespace())
        .args(["--json", "--quiet"])
        .env(
            "NAAS_VERILATOR_CACHE",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/verilator"),
        )
        .env("OPT", "-O0")
        .output()
        .unwrap()
}

/// The document of a command that ends with `status`, and its errors.
fn document(dir: &Path, line: &str, status: i32) -> (Value, String) {
    let output = naas(dir, line);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{line}\n{errors}");
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), errors)
}

/// Copies a folder, times included, so that nothing is built anew.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

fn flip(file: &Path, byte: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[byte] ^= 0x40;
    std::fs::write(file, bytes).unwrap();
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn resnet8_from_map_to_simulation() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("ck8.json"), CK8).unwrap();
    document(dir, "map resnet8 --accelerator ck8.json --out d.json", 0);
    document(dir, "gen --design d.json --out rtl", 0);
    document(dir, "gen --design d.json --out again", 0);
    let same = Command::new("diff")
        .args(["-r", "rtl", "again"])
        .current_dir(dir)
        .status();
    assert!(same.unwrap().success(), "generating twice gives the same bytes");

    let (report, _) = document(dir, "sim rtl", 0);
    let (cost, _) = document(dir, "cost --design d.json", 0);
    let layers = report["layers"].as_array().unwrap();
    assert_eq!((layers.len(), &report["total"]["mismatches"]), (10, &0.into()));
    assert_eq!(report["total"]["counter_differences"], 0);
    for (layer, row) in layers.iter().zip(cost["layers"].as_array().unwrap()) {
        assert_eq!(
            (&layer["name"], &layer["kind"], &layer["macs"]),
            (&row["name"], &row["kind"], &row["macs"])
        );
        assert_eq!(
            (&layer["cycles"]["rtl"], &layer["cycles"]["model"]),
            (&row["cycles"], &row["cycles"])
        );
    }
    assert_eq!(report["total"]["cycles"]["rtl"], cost["total"]["cycles"]);

    let (one, _) = document(dir, "sim rtl --layer conv8", 0);
    assert_eq!(one["layers"].as_array().unwrap().len(), 1);
    assert!(
        document(dir, "sim rtl --layer conv9", 2)
            .1
            .starts_with("error[E0105]: no layer is named `conv9`")
    );
    negative_controls(dir);
}

/// What must be noticed, in folders that are otherwise right.
fn negative_controls(dir: &Path) {
    copy(&dir.join("rtl"), &dir.join("flipped"));
    flip(&dir.join("flipped/weights.bin"), 4);
    let (report, error) = document(dir, "sim flipped", 1);
    assert!(report["total"]["mismatches"].as_u64().unwrap() > 0, "{report}");
    assert!(
        error.starts_with("error[E0301]: ") && error.contains("outputs differ, the first at n 0"),
        "{error}"
    );

    let (report, error) = document(dir, "sim rtl --memory-latency 65", 1);
    let cycles = &report["total"]["cycles"];
    assert_eq!(report["total"]["mismatches"], 0);
    assert!(cycles["rtl"].as_u64() > cycles["model"].as_u64(), "{cycles}");
    assert!(error.contains("cycles, the model says"), "{error}");

    let (report, _) = document(dir, "sim rtl --stall 30", 0);
    let cycles = &report["total"]["cycles"];
    assert!(cycles["rtl"].as_u64() >= cycles["model"].as_u64(), "{cycles}");

    copy(&dir.join("rtl"), &dir.join("mixed"));
    std::fs::write(
        dir.join("slow.json"),
        CK8.replace("\"latency_cycles\": 64", "\"latency_cycles\": 65"),
    )
    .unwrap();
    document(
        dir,
        "map resnet8 --accelerator slow.json --layer fc18 --out slow-d.json",
        0,
    );
    std::fs::copy(dir.join("slow-d.json"), dir.join("mixed/design.json")).unwrap();
    let (_, error) = document(dir, "sim mixed", 2);
    assert!(error.starts_with("error[E0204]: the design's hash is"), "{error}");
}

/// A network of two layers on four PEs, emitted; the bench compiles in the least time.
const TINY: &str = r#"{"name": "tiny", "layers": [
 {"name": "c1", "kind": "conv", "N": 1, "K": 5, "C": 3, "H": 6, "W": 6, "R": 3, "S": 3, "stride": [1, 1],
  "pad": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1},
 {"name": "fc", "kind": "matmul", "batch": 1, "M": 1, "N": 10, "K": 20, "weights": true}]}"#;

/// `make driver` in a folder: exit status and all that was printed.
fn driver(dir: &Path, arguments: &str) -> (Option<i32>, String) {
    let output = Command::new("make")
        .args(["-s", "driver", "OPT=-O0", &format!("ARGS={arguments}")])
        .current_dir(dir)
        .env(
            "NAAS_VERILATOR_CACHE",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/verilator"),
        )
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// The example program uses nothing of the accelerator but the driver. A wrong answer, a table of another design and a layer
/// that the output unit cannot run are all told.
#[test]
fn a_hundred_inferences_in_a_row_through_the_driver() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("ck2.json"), CK8.replace("\"size\": 8", "\"size\": 2")).unwrap();
    std::fs::write(dir.join("tiny.json"), TINY).unwrap();
    document(dir, "map tiny.json --accelerator ck2.json --out d.json", 0);
    let (emitted, _) = document(dir, "gen --design d.json --out rtl", 0);
    let rtl = dir.join("rtl");
    let (status, text) = driver(&rtl, "--runs 100");
    let cycles = format!(
        "100 runs, 0 with other outputs than expected, {} cycles in the last, as predicted",
        emitted["cycles"]
    );
    assert!(status == Some(0) && text.contains(&cycles), "{text}");
    let (status, text) = driver(&rtl, "--runs 2 --poll --counters");
    assert!(
        status == Some(0) && text.contains("write_beats") && text.contains(", as predicted"),
        "{text}"
    );

    let weights = std::fs::read(rtl.join("weights.bin")).unwrap();
    flip(&rtl.join("weights.bin"), 0);
    let (status, text) = driver(&rtl, "--runs 2");
    assert!(
        status == Some(2) && text.contains("2 with other outputs than expected"),
        "{text}"
    );
    std::fs::write(rtl.join("weights.bin"), weights).unwrap();

    // Byte 0 belongs to the hash. Byte 16 says what the layer needs: random data asks for the tie window and 24 bits, which is
    // what the hardware has; one more bit is a multiplier of 31. Byte 17 has the upper bits of the sums' magnitude: 56 bits; byte
    // 18 those of psums, and that not all outputs are rounded as float32 does. The last field tells which elements this hardware
    // keeps once.
    let (field, kept) = descriptor::placed().last().unwrap();
    assert_eq!(field.name, "kept");
    let table = std::fs::read(rtl.join("table.bin")).unwrap();
    assert_eq!(table[16] & 15, 2);
    for (byte, bit) in [
        (0, 0x40),
        (16, 1),
        (17, 2),
        (18, 0x10),
        (18, 0x20),
        (kept as usize / 8, 1),
    ] {
        let mut other = table.clone();
        other[byte] ^= bit;
        std::fs::write(rtl.join("table.bin"), other).unwrap();
        let (status, text) = driver(&rtl, "--runs 1");
        assert!(
            status == Some(2) && text.contains("error: the control table is not for this accelerator"),
            "{text}"
        );
    }
}

/// An array of the recorded vectors of a network, as a `.npy` file of its input (or output).
fn recorded(name: &str, array: &str) -> Vec<u8> {
    let graph = match name {
        "resnet8_cifar" | "naas_mnist" => onnx::read(&repository(&format!("workloads/{name}.onnx"))).unwrap(),
        _ => onnx::read(&repository(&format!("workloads/vectors/{name}.onnx"))).unwrap(),
    };
    let port = if array.starts_with('x') {
        &graph.inputs[0]
    } else {
        &graph.outputs[0]
    };
    let tensor = &graph.tensors[port.tensor];
    let path = repository(&format!("workloads/vectors/{name}.npz"));
    let npy = Npz::open(&path).array(array);
    let values: Vec<i8> = match tensor.element {
        Element::Int8 => npy.into_vec::<i8>().unwrap(),
        Element::Uint8 => npy
            .into_vec::<u8>()
            .unwrap()
            .into_iter()
            .map(|v| (v ^ 0x80) as i8)
            .collect(),
    };
    let batches: Vec<Vec<i8>> = values.chunks(tensor.len()).map(<[i8]>::to_vec).collect();
    tensors::write(&batches, port, tensor)
}

/// Runs a recorded layer on the simulated accelerator.
fn runs_as_recorded(names: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("ck8.json"), CK8).unwrap();
    for name in names {
        let network = repository(&format!("workloads/vectors/{name}.onnx"))
            .display()
            .to_string();
        document(dir, &format!("map {network} --accelerator ck8.json --out d.json"), 0);
        std::fs::write(dir.join("x.npy"), recorded(name, "x")).unwrap();
        let line = format!("run {network} --input x.npy --output y.npy --engine rtl --design d.json");
        assert_eq!(document(dir, &line, 0).0["engine"], "rtl");
        assert!(
            std::fs::read(dir.join("y.npy")).unwrap() == recorded(name, "y"),
            "{name}"
        );
    }
}

#[test]
fn two_recorded_layers_on_the_simulated_accelerator() {
    runs_as_recorded(&["group4_3x3", "matmul"]);
}

#[test]
#[ignore = "long: four more builds"]
fn the_other_recorded_layers_on_the_simulated_accelerator() {
    runs_as_recorded(&["conv1x1_s2", "conv3x3_s1", "dw3x3_s1", "fc_odd"]);
}

#[test]
#[ignore = "long: a build and four images"]
fn resnet8_images_on_the_simulated_accelerator() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("ck8.json"), CK8).unwrap();
    document(dir, "map resnet8 --accelerator ck8.json --out d.json", 0);
    std::fs::write(dir.join("x.npy"), recorded("resnet8_cifar", "x")).unwrap();
    document(
        dir,
        "run resnet8 --input x.npy --output y.npy --engine rtl --design d.json",
        0,
    );
    assert!(std::fs::read(dir.join("y.npy")).unwrap() == recorded("resnet8_cifar", "y"));
}

#[test]
#[ignore = "long: a build and sixteen images"]
fn a_subnet_of_the_measured_space_on_the_simulated_accelerator() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("ck8.json"), CK8).unwrap();
    let network = repository("workloads/naas_mnist.onnx").display().to_string();
    document(dir, &format!("map {network} --accelerator ck8.json --out d.json"), 0);
    std::fs::write(dir.join("x.npy"), recorded("naas_mnist", "x")).unwrap();
    let line = format!("run {network} --input x.npy --output y.npy --engine rtl --design d.json");
    document(dir, &line, 0);
    assert!(std::fs::read(dir.join("y.npy")).unwrap() == recorded("naas_mnist", "y"));
}

/// Additions and the mean on the accelerator too: one start from the image to the classes.
#[test]
#[ignore = "long: a build and an image"]
fn a_residual_network_runs_from_one_start() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("ck8.json"), CK8).unwrap();
    std::fs::write(dir.join("x.npy"), recorded("resnet8_cifar", "x")).unwrap();
    let network = repository("workloads/resnet8_cifar.onnx").display().to_string();
    document(dir, &format!("map {network} --accelerator ck8.json --out d.json"), 0);
    let line = format!("run {network} --input x.npy --output y.npy --limit 1 --engine rtl --design d.json");
    assert!(document(dir, &line, 2).1.contains("--semantics ort_arm"));
    let (kept, _) = document(dir, &format!("{line} --semantics ort_arm --check-layers"), 0);
    let (shared, _) = document(dir, &format!("{line} --semantics ort_arm"), 0);
    assert_eq!(kept["layers"].as_array().unwrap().len(), 14, "{kept}");
    assert_eq!(
        (&kept["cycles"], &kept["cycles"]["difference"]),
        (&shared["cycles"], &0.into())
    );
    let memory = |document: &Value| document["memory"]["activations"].as_u64().unwrap();
    assert!(memory(&shared) < memory(&kept), "{shared}");
}

/// An accelerator of 64 PEs that sums over rows of taps: poolings compare along an axis.
const KR: &str = r#"{"name": "kr", "axes": [{"size": 16, "dims": ["K"]}, {"size": 4, "dims": ["R"]}],
 "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
 "l2": {"W": {"bytes": 16384, "slots": 2}, "I": {"bytes": 16384, "slots": 2}, "O": {"bytes": 16384, "slots": 2}},
 "lanes": {"W": 8, "I": 8, "drain": 8}, "requantizers": 4, "offchip": {"bytes_per_cycle": 16, "latency_cycles": 64}}"#;

/// Max pooling on the array, concatenations by address: all layers of a network from one start, as ONNX Runtime computes it.
fn joined(name: &str, layers: usize, inputs: usize) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    std::fs::write(dir.join("kr.json"), KR).unwrap();
    let network = repository(&format!("workloads/vectors/{name}.onnx"));
    let graph = onnx::read(&network).unwrap();
    let float = |array: &str| -> Vec<f32> {
        let path = repository(&format!("workloads/vectors/{name}.npz"));
        Npz::open(&path).array(array).into_vec().unwrap()
    };
    let file = |values: &[f32], port: &Port, float_of: &Tensor| {
        let batches: Vec<Vec<i8>> = values
            .chunks(float_of.len())
            .take(inputs)
            .map(|batch| batch.iter().map(|&v| float_of.quantize(v)).collect())
            .collect();
        tensors::write(&batches, port, float_of)
    };
    let (x, y) = (&graph.inputs[0], &graph.outputs[0]);
    std::fs::write(dir.join("x.npy"), file(&float("x"), x, &graph.tensors[x.tensor])).unwrap();
    let network = network.display();
    document(dir, &format!("map {network} --accelerator kr.json --out d.json"), 0);
    let line = format!("run {network} --input x.npy --output y.npy --engine rtl --design d.json");
    // Every layer's output kept; of several inputs also with tensors that share memory.
    for checked in ["--check-layers", ""].into_iter().take(inputs.min(2)) {
        let (report, _) = document(dir, &format!("{line} {checked}"), 0);
        let nothing: Vec<Value> = Vec::new();
        assert_eq!(report["host"]["operators"], Value::Array(nothing.clone()), "{report}");
        assert_eq!(report["host"]["rearranged"], Value::Array(nothing), "{report}");
        assert_eq!(report["cycles"]["difference"], 0);
        if !checked.is_empty() {
            assert_eq!(report["layers"].as_array().unwrap().len(), layers, "{report}");
        }
        let want = file(&float("y"), y, &graph.tensors[y.tensor]);
        assert!(std::fs::read(dir.join("y.npy")).unwrap() == want, "{name}");
    }
}

#[test]
fn pooling_and_concatenation_on_the_simulated_accelerator() {
    joined("fire", 11, 1);
}

#[test]
#[ignore = "long: a build and four inputs, twice"]
fn nested_concatenations_on_the_simulated_accelerator() {
    joined("branches", 11, 4);
}

/// A trained network layer by layer: without the tie window, and with it.
#[test]
#[ignore = "long: two builds"]
fn keyword_spotting_on_the_simulated_accelerator() {
    let beside = || repository("../shared");
    let shared = std::env::var_os("NAAS_SHARED").map_or_else(beside, PathBuf::from);
    let (network, stimuli) = (
        shared.join("models/kws_ref_model.tflite"),
        shared.join("vectors/tflite/kws_ref_model.npz"),
    );
    if !network.is_file() {
        eprintln!("SKIPPED, NOTHING WAS TESTED: no {}; set NAAS_SHARED", network.display());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (dir, network) = (place.path(), network.display());
    std::fs::write(dir.join("ck8.json"), CK8).unwrap();
    document(dir, &format!("map {network} --accelerator ck8.json --out d.json"), 0);
    let mut archive = Npz::open(&stimuli);
    let input: Vec<i8> = archive.array("input").into_vec().unwrap();
    for semantics in [Semantics::Reference, Semantics::Xnnpack] {
        let graph = tflite::read(&shared.join("models/kws_ref_model.tflite"), semantics).unwrap();
        let (port, tensor) = (&graph.inputs[0], &graph.tensors[graph.inputs[0].tensor]);
        std::fs::write(
            dir.join("x.npy"),
            tensors::write(&[input[..490].to_vec()], port, tensor),
        )
        .unwrap();
        let name = semantics.as_str();
        let line = format!(
            "run {network} --input x.npy --output y.npy --engine rtl --design d.json --semantics {name} --check-layers"
        );
        let (report, _) = document(dir, &line, 0);
        assert_eq!(report["layers"].as_array().unwrap().len(), 11, "{report}");
        let array = format!("{name}_output0");
        let want: Vec<i8> = archive.array(&array).into_vec().unwrap();
        let (port, tensor) = (&graph.outputs[0], &graph.tensors[graph.outputs[0].tensor]);
        assert!(
            std::fs::read(dir.join("y.npy")).unwrap() == tensors::write(&[want], port, tensor),
            "{name}"
        );
    }
}

/// What `make synth` makes of a folder computes what the RTL does: clocks are gated, multipliers recoded, engines taken apart.
#[test]
#[ignore = "long: a synthesis, and a build of its cells"]
fn the_netlist_computes_what_the_rtl_does() {
    let beside = || repository("../shared");
    let shared = std::env::var_os("NAAS_SHARED").map_or_else(beside, PathBuf::from);
    let cells = shared.join("liberty/sg13g2_stdcell_typ_1p20V_25C.lib.gz");
    if !cells.is_file() {
        eprintln!("SKIPPED, NOTHING WAS TESTED: no {}; set NAAS_SHARED", cells.display());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    let accelerator = r#"{"name": "kx4", "axes": [{"size": 2, "dims": ["K"]}, {"size": 2, "dims": ["X"]}],
     "buffers": {"W": {"bytes": 32, "slots": 2}, "I": {"bytes": 64, "slots": 2}, "psum": {"words": 32, "slots": 2}},
     "l2": {"W": {"bytes": 1024, "slots": 2}, "I": {"bytes": 1024, "slots": 2}, "O": {"bytes": 1024, "slots": 2}},
     "lanes": {"W": 4, "I": 4, "drain": 2}, "requantizers": 2, "offchip": {"bytes_per_cycle": 4, "latency_cycles": 16}}"#;
    let layer = r#""kind": "conv", "N": 1, "K": 8, "C": 8, "H": 6, "W": 6, "R": 3, "S": 3, "stride": [1, 1], "pad": [1, 1, 1, 1],
     "dilation": [1, 1]"#;
    let network = format!(
        r#"{{"name": "two", "layers": [{{"name": "conv", {layer}, "groups": 1}}, {{"name": "depthwise", {layer}, "groups": 8}}]}}"#
    );
    std::fs::write(dir.join("kx4.json"), accelerator).unwrap();
    std::fs::write(dir.join("two.json"), network).unwrap();
    document(dir, "map two.json --accelerator kx4.json --out d.json", 0);
    document(dir, "gen two.json --design d.json --out rtl", 0);
    let library = format!("LIBERTY={}", cells.canonicalize().unwrap().display());
    let run = Command::new("make")
        .current_dir(dir)
        .args(["-C", "rtl", "sim-gates", "STA=none", &library])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let equal = text.contains("total: 0 mismatches, 0 counter differences") && text.contains("(+0)");
    assert!(
        run.status.success() && equal,
        "{text}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let accelerator: Accelerator = serde_json::from_str(accelerator).unwrap();
    assert_eq!(listed_bytes(&text), accelerator.onchip_bytes(), "{text}");
}

/// Bytes of the memories that `make synth` lists, psums as words of four bytes, without the read engine's queue.
fn listed_bytes(text: &str) -> u64 {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[holder, copies, "x", words, bits, _, bytes] = fields.as_slice() else {
            return None;
        };
        let [copies, words, bits, bytes] = [copies, words, bits, bytes].map(|n| n.parse::<u64>().unwrap());
        assert_eq!(copies * words * bits / 8, bytes, "{line}");
        Some(match holder {
            "naas_psum_buf" => copies * words * 4,
            _ if holder.starts_with("naas_top_") => 0,
            _ => bytes,
        })
    };
    let (_, list) = text.split_once("\nmemories: ").unwrap();
    list.lines()
        .map_while(|line| (!line.contains(" in all ")).then(|| row(line)))
        .flatten()
        .sum()
}
