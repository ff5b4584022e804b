//! The golden model against tensors that LiteRT and TFLite Micro computed on seven trained networks, bit for bit: every int8
//! tensor, under each of the three semantics.
//!
//! Networks and vectors are other people's files: they lie in `../shared` or where `NAAS_SHARED` says; without them the tests
//! say so and pass.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so, measurements are printed")]

use naas::sim::golden::{Activations, run_graph};
use naas::workload::graph::{QuantGraph, Semantics};
use naas::workload::tflite;
use npz::Npz;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[path = "support/npz.rs"]
mod npz;

const NETWORKS: [&str; 7] = [
    "ad01_int8",
    "kws_ref_model",
    "str_ww_ref_model",
    "pretrainedResnet_quant",
    "vww_96_int8",
    "ptq_mnist_lenet-300-100",
    "mobilenet_v2_quantized_1x3x224x224",
];

const SEMANTICS: [Semantics; 3] = [Semantics::Reference, Semantics::Micro, Semantics::Xnnpack];

/// The folder with other people's files, if it is there.
fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("NAAS_SHARED").map_or_else(beside, PathBuf::from);
    let found = path.join("models").is_dir();
    if !found {
        eprintln!(
            "SKIPPED, NOTHING WAS TESTED: no models in {}; set NAAS_SHARED",
            path.display()
        );
    }
    found.then_some(path)
}

fn model(shared: &Path, name: &str) -> PathBuf {
    shared.join("models").join(format!("{name}.tflite"))
}

fn vectors(shared: &Path, name: &str) -> Npz {
    Npz::open(&shared.join("vectors/tflite").join(format!("{name}.npz")))
}

fn bytes(npz: &mut Npz, array: &str) -> Vec<i8> {
    npz.array(array).into_vec().unwrap()
}

/// Hashes by `SEMANTICS/inputN/tI`.
fn hashes(npz: &mut Npz) -> BTreeMap<String, String> {
    let text: Vec<String> = npz.array("sha256").into_vec().unwrap();
    serde_json::from_str(&text[0]).unwrap()
}

fn hash(values: &[i8]) -> String {
    let raw: Vec<u8> = values.iter().map(|&v| v as u8).collect();
    Sha256::digest(raw)
        .iter()
        .fold(String::new(), |text, b| text + &format!("{b:02x}"))
}

fn tensor<'a>(graph: &QuantGraph, run: &'a Activations, name: &str) -> &'a [i8] {
    run.tensor(graph.tensor_id(name).unwrap_or_else(|| panic!("no tensor {name}")))
}

/// Runs one network under one semantics on all recorded inputs; numbers of hashes and of elements compared.
fn compare(shared: &Path, name: &str, semantics: Semantics) -> (usize, usize) {
    let graph = tflite::read(&model(shared, name), semantics).unwrap();
    let mut npz = vectors(shared, name);
    let hashes = hashes(&mut npz);
    let length = graph.tensors[graph.inputs[0].tensor].len();
    let inputs = bytes(&mut npz, "input");
    let (mut compared, mut elements) = (0, 0);
    for (i, input) in inputs.chunks(length).enumerate() {
        let run = run_graph(&graph, &[input.to_vec()]).unwrap();
        let own = format!("{}/input{i}/t", semantics.as_str());
        for (key, want) in hashes.iter().filter(|(key, _)| key.starts_with(&own)) {
            let index = &key[own.len()..];
            let have = tensor(&graph, &run, &format!("t{index}"));
            assert_eq!(&hash(have), want, "{name} {key}");
            compared += 1;
            elements += have.len();
        }
        if i == 0 {
            let prefix = format!("{}_t", semantics.as_str());
            let arrays: Vec<String> = npz.names();
            for array in arrays.iter().filter(|a| a.starts_with(&prefix)) {
                let want = bytes(&mut npz, array);
                let have = tensor(&graph, &run, &format!("t{}", &array[prefix.len()..]));
                assert!(have == want, "{name} {array}");
            }
        }
        let output = format!("{}_output{i}", semantics.as_str());
        let want = bytes(&mut npz, &output);
        assert!(run.tensor(graph.outputs[0].tensor) == want, "{name} {output}");
    }
    (compared, elements)
}

#[test]
fn every_tensor_of_every_network() {
    let Some(shared) = shared() else { return };
    let mut total = (0, 0);
    for name in NETWORKS {
        for semantics in SEMANTICS {
            let (hashes, elements) = compare(&shared, name, semantics);
            eprintln!(
                "{name} {}: {hashes} tensors, {elements} elements, 0 differences",
                semantics.as_str()
            );
            assert!(hashes > 0);
            total = (total.0 + hashes, total.1 + elements);
        }
    }
    eprintln!("{} tensors, {} elements", total.0, total.1);
}

/// Right answers of a network of one int8 input and output.
fn correct(graph: &QuantGraph, inputs: &[Vec<i8>], labels: &[i64]) -> usize {
    let to = &graph.tensors[graph.outputs[0].tensor];
    let outputs: Vec<Vec<i8>> = inputs
        .iter()
        .map(|input| {
            let run = run_graph(graph, std::slice::from_ref(input)).unwrap();
            run.tensor(graph.outputs[0].tensor).to_vec()
        })
        .collect();
    naas::sim::tensors::correct(&outputs, to, labels)
}

/// What LiteRT and TFLite Micro get on the same 200 stimuli: 91.5 %.
#[test]
fn keyword_spotting_has_the_runtimes_accuracy() {
    let Some(shared) = shared() else { return };
    let mut npz = Npz::open(&shared.join("data/kws01_first200.npz"));
    let labels: Vec<i64> = npz.array("y").into_vec().unwrap();
    let inputs = bytes(&mut npz, "x");
    let inputs: Vec<Vec<i8>> = inputs.chunks(490).map(<[i8]>::to_vec).collect();
    for semantics in SEMANTICS {
        let graph = tflite::read(&model(&shared, "kws_ref_model"), semantics).unwrap();
        assert_eq!(correct(&graph, &inputs, &labels), 183, "{}", semantics.as_str());
    }
}

/// The first thousand digits; on all ten thousand the runtimes get 98.15 %.
#[test]
fn digits_are_recognized() {
    let Some(shared) = shared() else { return };
    let mut npz = Npz::open(&shared.join("data/mnist_test.npz"));
    let labels: Vec<u8> = npz.array("y").into_vec().unwrap();
    let labels: Vec<i64> = labels.into_iter().take(1000).map(i64::from).collect();
    let pixels: Vec<u8> = npz.array("x").into_vec().unwrap();
    for semantics in SEMANTICS {
        let graph = tflite::read(&model(&shared, "ptq_mnist_lenet-300-100"), semantics).unwrap();
        let (port, from) = (&graph.inputs[0], &graph.tensors[graph.inputs[0].tensor]);
        let quantize = |p: &u8| from.quantize_as(f32::from(*p) / 255.0, port.form);
        let inputs: Vec<Vec<i8>> = pixels
            .chunks(784)
            .take(1000)
            .map(|d| d.iter().map(quantize).collect())
            .collect();
        // Quantization gives exactly the pixel less 128.
        assert!(
            inputs
                .iter()
                .flatten()
                .zip(&pixels)
                .all(|(&q, &p)| i16::from(q) == i16::from(p) - 128)
        );
        let right = correct(&graph, &inputs, &labels);
        eprintln!("{}: {right} of 1000 digits", semantics.as_str());
        assert!((970..=990).contains(&right));
    }
}

#[test]
fn every_channel_is_proven() {
    let Some(shared) = shared() else { return };
    for name in NETWORKS {
        for semantics in SEMANTICS {
            let graph = tflite::read(&model(&shared, name), semantics).unwrap();
            eprintln!("{name} {}: {} channels", semantics.as_str(), graph.prove().unwrap());
        }
    }
}
