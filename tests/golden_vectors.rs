//! The golden model against tensors that ONNX Runtime computed: six layers, a residual network and a trained one, bit for bit.
//!
//! The vectors lie in `workloads/vectors`; they were recorded on x86-64 and are never made anew here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

use naas::sim::golden::run_graph;
use naas::workload::graph::{Element, Op, OpKind, Port, QuantGraph, TensorId};
use naas::workload::{onnx, quant};
use npz::Npz;
use std::path::{Path, PathBuf};

#[path = "support/npz.rs"]
mod npz;

fn workloads() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads")
}

fn vectors(name: &str) -> Npz {
    Npz::open(&workloads().join("vectors").join(format!("{name}.npz")))
}

/// An array of bytes, re-biased to int8, with its shape.
fn bytes(npz: &mut Npz, name: &str, element: Element) -> (Vec<i8>, Vec<u64>) {
    let npy = npz.array(name);
    let shape = npy.shape().to_vec();
    let values = match element {
        Element::Int8 => npy.into_vec::<i8>().unwrap(),
        Element::Uint8 => npy
            .into_vec::<u8>()
            .unwrap()
            .into_iter()
            .map(|v| (v ^ 0x80) as i8)
            .collect(),
    };
    (values, shape)
}

fn input(graph: &QuantGraph) -> TensorId {
    graph.inputs[0].tensor
}

fn output(graph: &QuantGraph) -> TensorId {
    graph.outputs[0].tensor
}

#[test]
fn six_layers() {
    let mut outputs = 0;
    for name in ["conv1x1_s2", "conv3x3_s1", "dw3x3_s1", "group4_3x3", "fc_odd", "matmul"] {
        let path = workloads().join("vectors").join(format!("{name}.onnx"));
        let graph = onnx::read(&path).unwrap();
        let mut npz = vectors(name);
        let (x, y) = (&graph.tensors[input(&graph)], &graph.tensors[output(&graph)]);
        for (from, to) in [("x", "y"), ("x2", "y2")] {
            let (stimulus, shape) = bytes(&mut npz, from, x.element);
            assert!(
                shape
                    .iter()
                    .eq(x.shape.iter().map(|&d| u64::from(d)).collect::<Vec<_>>().iter())
            );
            let (want, _) = bytes(&mut npz, to, y.element);
            let have = run_graph(&graph, &[stimulus]).unwrap();
            assert!(have.tensor(output(&graph)) == want, "{name} {to}");
            outputs += want.len();
        }
        same_parameters(&graph, &mut npz, name);
    }
    assert_eq!(outputs, 36_128);
}

/// The reader's parameters against the recorded ones.
fn same_parameters(graph: &QuantGraph, npz: &mut Npz, name: &str) {
    let (op, mac) = graph.mac_ops().next().unwrap();
    let (x, y) = (&graph.tensors[op.inputs[0]], &graph.tensors[op.output]);
    let mut floats = |array: &str| -> Vec<f32> { npz.array(array).into_vec().unwrap() };
    assert_eq!(floats("x_scale"), [x.scale]);
    assert_eq!(floats("y_scale"), [y.scale]);
    assert_eq!(floats("w_scale"), mac.weight_scales, "{name}");
    let scales: Vec<f32> = mac
        .weight_scales
        .iter()
        .map(|&w| quant::fp32_scale(x.scale, w, y.scale))
        .collect();
    assert_eq!(floats("out_scale"), scales, "{name}");
    let (weights, shape) = bytes(npz, "w", Element::Int8);
    if name == "matmul" {
        let (rows, columns) = (shape[0] as usize, shape[1] as usize);
        for (i, &w) in weights.iter().enumerate() {
            assert_eq!(mac.weights[i % columns * rows + i / columns], w);
        }
        assert!(mac.bias.iter().all(|&b| b == 0));
    } else {
        assert_eq!(mac.weights, weights, "{name}");
        let bias: Vec<i32> = npz.array("bias").into_vec().unwrap();
        assert_eq!(mac.bias, bias, "{name}");
    }
}

/// Max pooling and concatenations, of equal and of unequal scales: every tensor that ONNX Runtime has.
#[test]
fn joined_networks() {
    let mut compared = 0;
    for (name, tensors) in [("fire", 13), ("branches", 15)] {
        let graph = onnx::read(&workloads().join("vectors").join(format!("{name}.onnx"))).unwrap();
        graph.prove().unwrap();
        let mut npz = vectors(name);
        let from = &graph.tensors[input(&graph)];
        let to = &graph.tensors[output(&graph)];
        let x: Vec<f32> = npz.array("x").into_vec().unwrap();
        let y: Vec<f32> = npz.array("y").into_vec().unwrap();
        for (i, (x, y)) in x.chunks(from.len()).zip(y.chunks(to.len())).enumerate() {
            let stimulus = x.iter().map(|&v| from.quantize(v)).collect();
            let run = run_graph(&graph, &[stimulus]).unwrap();
            let have = run.tensor(output(&graph)).iter().map(|&v| to.dequantize(v));
            assert!(have.eq(y.iter().copied()), "{name} output {i}");
            if i == 0 {
                let recorded = npz
                    .names()
                    .into_iter()
                    .filter(|tensor| tensor.ends_with("_QuantizeLinear_Output"));
                let by_name = run.by_name(&graph);
                let all: Vec<String> = recorded.collect();
                assert_eq!(all.len(), tensors);
                for tensor in all {
                    let (want, _) = bytes(&mut npz, &tensor, from.element);
                    assert!(by_name[tensor.as_str()] == want, "{name} {tensor}");
                    compared += want.len();
                }
            }
        }
    }
    assert_eq!(compared, 42_465);
}

fn resnet8() -> QuantGraph {
    onnx::read(&workloads().join("resnet8_cifar.onnx")).unwrap()
}

/// Differences of (all four outputs, every recorded tensor of the first image), and how many elements were compared.
fn resnet8_differences(graph: &QuantGraph) -> (usize, usize, usize, usize) {
    let mut npz = vectors("resnet8_cifar");
    let (x, _) = bytes(&mut npz, "x", Element::Int8);
    let (y, _) = bytes(&mut npz, "y", Element::Int8);
    let differ = |a: &[i8], b: &[i8]| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).filter(|(a, b)| a != b).count()
    };
    let images = x.chunks(3 * 32 * 32).zip(y.chunks(10));
    let (mut outputs, mut inner, mut compared, mut tensors) = (0, 0, 0, 0);
    for (i, (image, want)) in images.enumerate() {
        let run = run_graph(graph, &[image.to_vec()]).unwrap();
        outputs += differ(run.tensor(output(graph)), want);
        if i > 0 {
            continue;
        }
        let named = run.by_name(graph);
        let recorded: Vec<String> = npz.names();
        for array in recorded.iter().filter(|name| name.starts_with("t__")) {
            let (want, _) = bytes(&mut npz, array, Element::Int8);
            inner += differ(named[&array[3..]], &want);
            compared += want.len();
            tensors += 1;
        }
    }
    assert_eq!(tensors, 15);
    (outputs, inner, compared, y.len())
}

#[test]
fn resnet8_as_on_x86() {
    let (outputs, inner, compared, count) = resnet8_differences(&resnet8());
    assert_eq!((outputs, inner), (0, 0));
    assert_eq!((compared, count), (114_826, 40));
}

#[test]
fn resnet8_with_the_integer_addition() {
    let (outputs, inner, _, _) = resnet8_differences(&resnet8().with_arm_additions().unwrap());
    assert_eq!((outputs, inner), (0, 0));
}

/// Of all pairs of operands of the network's additions, those on which ONNX Runtime's sums on ARM are not those on x86: none
/// here, although the two are different functions.
#[test]
fn where_arm_differs_from_x86() {
    let whole = resnet8();
    let adds = whole.ops.iter().filter(|op| matches!(op.kind, OpKind::Add(_)));
    let differences = adds.map(|op| {
        let mut alone = whole.clone();
        let used = [op.inputs[0], op.inputs[1], op.output];
        alone.tensors = used.map(|id| whole.tensors[id].clone()).to_vec();
        alone.tensors.iter_mut().for_each(|t| t.shape = vec![1, 1, 256, 256]);
        alone.inputs = vec![Port::new("a", 0, false), Port::new("b", 1, false)];
        alone.outputs = vec![Port::new("sum", 2, false)];
        alone.ops = vec![Op {
            inputs: vec![0, 1],
            output: 2,
            ..op.clone()
        }];
        let pair = |shift: u32| (0..1 << 16).map(|i: u32| (i >> shift) as i8).collect::<Vec<i8>>();
        let operands = [pair(0), pair(8)];
        let x86 = run_graph(&alone, &operands).unwrap();
        let arm = run_graph(&alone.with_arm_additions().unwrap(), &operands).unwrap();
        let pairs = x86.tensor(2).iter().zip(arm.tensor(2));
        (op.name.as_str(), pairs.filter(|(a, b)| a != b).count())
    });
    assert_eq!(
        differences.collect::<Vec<_>>(),
        [("add4", 0), ("add9", 0), ("add14", 0)]
    );
}

#[test]
fn resnet8_shapes_and_proofs() {
    let graph = resnet8();
    let network = graph.network().unwrap();
    let names: Vec<&str> = network.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "conv1", "conv2", "conv3", "conv6", "conv8", "conv7", "conv11", "conv13", "conv12", "fc18"
        ]
    );
    assert_eq!(network.macs().unwrap(), 12_501_632);
    let adds = graph.ops.iter().filter(|op| matches!(op.kind, OpKind::Add(_)));
    assert_eq!(adds.count(), 3);

    // The channels of ten layers, and one for the mean.
    assert_eq!(graph.prove().unwrap(), 16 * 3 + 32 * 3 + 64 * 3 + 10 + 1);
    let mut wrong = graph;
    for op in &mut wrong.ops {
        if let OpKind::Mac(mac) = &mut op.kind {
            mac.post.channels[5].multiplier -= 1000;
        }
    }
    let place = wrong.prove().unwrap_err().place;
    assert_eq!(place.as_deref(), Some("layer `conv1`, output channel 5"));
}

fn naas_mnist() -> QuantGraph {
    onnx::read(&workloads().join("naas_mnist.onnx")).unwrap()
}

/// Images whose outputs differ from `want`; a pixel is 0 to 255 less 128.
fn naas_mnist_differences(images: &[i8], want: &[i8]) -> usize {
    let graph = naas_mnist();
    let pixels = graph.tensors[input(&graph)].shape.iter().map(|&d| d as usize).product();
    let images = images.chunks_exact(pixels);
    assert_eq!(10 * images.len(), want.len());
    images
        .zip(want.chunks_exact(10))
        .filter(|(image, want)| {
            let run = run_graph(&graph, &[image.to_vec()]).unwrap();
            run.tensor(output(&graph)) != *want
        })
        .count()
}

#[test]
fn a_trained_subnet_on_noise() {
    let mut npz = vectors("naas_mnist");
    let (noise, _) = bytes(&mut npz, "x", Element::Int8);
    let (want, shape) = bytes(&mut npz, "y", Element::Int8);
    assert_eq!(shape, [16, 10]);
    assert_eq!(naas_mnist_differences(&noise, &want), 0);
    // Noise must not end in the same ten logits everywhere, or the comparison would say little.
    assert!(want.chunks_exact(10).skip(1).any(|y| *y != want[..10]));
}

/// The digits are not the project's to carry: where they are, all 1,500 that no training saw.
#[test]
fn a_trained_subnet_on_digits() {
    let root = std::env::var_os("NAAS_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let file = root.join("data/mnist_test.npz");
    if !file.exists() {
        eprintln!("skipped: {} is not here", file.display());
        return;
    }
    let mut data = Npz::open(&file);
    let digits: Vec<u8> = data.array("x").into_vec().unwrap();
    let classes: Vec<u8> = data.array("y").into_vec().unwrap();
    let mut npz = vectors("naas_mnist");
    let test: Vec<i32> = npz.array("test").into_vec().unwrap();
    let (want, _) = bytes(&mut npz, "test_y", Element::Int8);
    let graph = naas_mnist();
    let side = graph.tensors[input(&graph)].shape[3] as usize;
    let centre = |&i: &i32| -> Vec<i8> {
        let (digit, edge) = (&digits[i as usize * 784..][..784], (28 - side) / 2);
        let rows = digit.chunks_exact(28).skip(edge).take(side);
        rows.flat_map(|row| row[edge..edge + side].iter().map(|p| (p ^ 0x80) as i8))
            .collect()
    };
    let images: Vec<i8> = test.iter().flat_map(centre).collect();
    assert_eq!(naas_mnist_differences(&images, &want), 0);
    let most = |y: &[i8]| (0..10).rev().max_by_key(|&c| y[c]).unwrap_or(0);
    let right = test
        .iter()
        .zip(want.chunks_exact(10))
        .filter(|(i, y)| most(y) == usize::from(classes[**i as usize]))
        .count();
    assert!(test.len() == 1500 && right > 1350, "{right} of {}", test.len());
}
