//! The reader of float networks against PyTorch's counts and the ONNX project's own test cases.

use super::super::proto::{ModelProto, ValueInfoProto};
use super::super::{Model, input_shape, parse_model};
use super::*;
use crate::workload::layer::Shape;
use crate::workload::zoo;
use prost::Message;

const FILES: [(&str, [&[u8]; 2]); 4] = [
    (
        "branches",
        [
            include_bytes!("../../../../tests/onnx/branches.torchscript.onnx"),
            include_bytes!("../../../../tests/onnx/branches.dynamo.onnx"),
        ],
    ),
    (
        "mobilenet_v3_small",
        [
            include_bytes!("../../../../tests/onnx/mobilenet_v3_small.torchscript.onnx"),
            include_bytes!("../../../../tests/onnx/mobilenet_v3_small.dynamo.onnx"),
        ],
    ),
    (
        "squeezenet1_1",
        [
            include_bytes!("../../../../tests/onnx/squeezenet1_1.torchscript.onnx"),
            include_bytes!("../../../../tests/onnx/squeezenet1_1.dynamo.onnx"),
        ],
    ),
    (
        "transformer",
        [
            include_bytes!("../../../../tests/onnx/transformer.torchscript.onnx"),
            include_bytes!("../../../../tests/onnx/transformer.dynamo.onnx"),
        ],
    ),
];
const EXPECTED: &str = include_str!("../../../../tests/onnx/expected.json");
const OPERATORS: &[u8] = include_bytes!("../../../../tests/onnx/operators.onnx");

fn read(bytes: &[u8], name: &str) -> Result<Network> {
    match parse_model(bytes, name, &format!("{name}.onnx"))? {
        Model::Shapes(network) => Ok(network),
        Model::Quantized(_) => panic!("{name} is not quantized"),
    }
}

/// The network's layers without names, in an order that does not depend on how branches follow one another.
fn shapes(network: &Network) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = network.layers.iter().map(|l| l.shape).collect();
    shapes.sort_unstable();
    shapes
}

#[test]
fn both_exporters_give_the_layers_that_pytorch_counts() {
    let expected: BTreeMap<String, u64> = serde_json::from_str(EXPECTED).unwrap();
    for (name, files) in FILES {
        let [old, new] = files.map(|bytes| read(bytes, name).unwrap());
        assert_eq!(old.macs().unwrap(), expected[name], "{name}");
        assert_eq!(shapes(&old), shapes(&new), "{name}");
        if let Ok(known) = zoo::network(name) {
            assert_eq!(shapes(&old), shapes(&known), "{name}");
        }
    }
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let mut model = ModelProto::decode(FILES[2].1[0]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let node = graph.node.iter_mut().find(|n| n.op_type == "MaxPool").unwrap();
    node.op_type = "LpPool".into();
    let place = format!("hand.onnx, node `{}`", node.name);
    let refusal = |model: &ModelProto| read(&model.encode_to_vec(), "hand").unwrap_err();
    let e = refusal(&model);
    assert_eq!(
        (e.code, e.what.as_str(), e.place.as_deref()),
        (
            Code::Unsupported,
            "operator `LpPool` is not supported",
            Some(place.as_str())
        )
    );
    assert!(e.expected.unwrap().contains("ConvTranspose"));
    let graph = model.graph.as_mut().unwrap();
    graph.node.retain(|n| n.op_type == "LpPool");
    // Known again, but what it reads has gone.
    graph.node[0].op_type = "MaxPool".into();
    let e = refusal(&model);
    assert_eq!((e.code, e.place.as_deref()), (Code::Malformed, Some(place.as_str())));
}

#[test]
fn damaged_files_are_refused_without_panic() {
    for (name, files) in FILES {
        for file in files {
            for cut in (0..file.len()).step_by(97) {
                assert!(read(&file[..cut], name).is_err(), "{name} {cut}");
            }
        }
    }
    // Every extent and integer of a file, replaced by what is hardest to multiply.
    let model = ModelProto::decode(FILES[0].1[0]).unwrap();
    for hard in [i64::MIN, -1, 0, i64::from(u32::MAX), i64::MAX] {
        for i in 0..model.graph.as_ref().unwrap().node.len() {
            let mut wrong = model.clone();
            let node = &mut wrong.graph.as_mut().unwrap().node[i];
            for attribute in &mut node.attribute {
                attribute.i = hard;
                attribute.ints.iter_mut().for_each(|v| *v = hard);
            }
            let _ = read(&wrong.encode_to_vec(), "hard");
        }
        for i in 0..model.graph.as_ref().unwrap().initializer.len() {
            let mut wrong = model.clone();
            let tensor = &mut wrong.graph.as_mut().unwrap().initializer[i];
            tensor.dims.iter_mut().for_each(|v| *v = hard);
            let _ = read(&wrong.encode_to_vec(), "hard");
        }
    }
}

#[test]
fn unusual_layers_keep_their_sizes() {
    let network = read(FILES[0].1[0], "branches").unwrap();
    let kinds = |wanted: fn(&Shape) -> bool| network.layers.iter().filter(|l| wanted(&l.shape)).count();
    assert_eq!(kinds(|s| matches!(s, Shape::Conv(c) if c.transposed)), 1);
    assert_eq!(kinds(|s| matches!(s, Shape::Conv(c) if c.groups > 1)), 2);
    assert_eq!(
        kinds(|s| matches!(s, Shape::Conv(c) if c.H == 1 && c.R == 1 && c.S == 3)),
        1
    );
    let network = read(FILES[3].1[1], "transformer").unwrap();
    let activations = network.layers.iter().filter_map(|l| match l.shape {
        Shape::Matmul(m) if !m.weights => Some((m.batch, m.M, m.N, m.K)),
        _ => None,
    });
    assert!(activations.eq([(4, 10, 10, 12), (4, 10, 12, 10)]));
}

/// Cases of the ONNX project that are refused, by the beginning of their names, with the reason.
const REFUSED: [(&str, &str); 9] = [
    ("test_averagepool_3d", "one or two sides"),
    ("test_convtranspose_3d", "one or two sides"),
    ("test_convtranspose_autopad_same", "its output's shape instead of pads"),
    ("test_convtranspose_kernel_shape", "its output's shape instead of pads"),
    ("test_convtranspose_output_shape", "its output's shape instead of pads"),
    // The tool makes second operands constant: these are stacks of weights.
    ("test_matmul_", "matrices of weights in one product"),
    ("test_maxpool_3d", "one or two sides"),
    ("test_range_float", "depends on data"),
    ("test_resize_", "Resize of some axes, or with a kept aspect ratio"),
];

#[test]
fn operators_have_the_shapes_that_onnx_records() {
    let graph = ModelProto::decode(OPERATORS).unwrap().graph.unwrap();
    let mut reader = Reader::default();
    for tensor in &graph.initializer {
        reader.constant(&tensor.name, tensor).unwrap();
    }
    for input in &graph.input {
        let (shape, _) = input_shape(input).unwrap();
        reader.define(&input.name, Value::activation(shape)).unwrap();
    }
    let declared: BTreeMap<&str, &ValueInfoProto> = graph.output.iter().map(|o| (o.name.as_str(), o)).collect();
    let (mut refused, mut compared, mut wrong) = (Vec::new(), 0, Vec::new());
    for node in &graph.node {
        if let Err(e) = reader.node(node) {
            refused.push(format!("{}: {e}", node.name));
            continue;
        }
        for output in &node.output {
            let (Some(value), Some(output)) = (reader.values.get(output.as_str()), declared.get(output.as_str()))
            else {
                continue;
            };
            compared += 1;
            let tensor = output.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
            let want: Vec<u32> = tensor.shape.as_ref().map_or(Vec::new(), |s| {
                s.dim.iter().map(|d| d.dim_value.unwrap_or(0) as u32).collect()
            });
            if value.shape != want {
                wrong.push(format!("{}: {:?} instead of {want:?}", output.name, value.shape));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let known = |r: &String| REFUSED.iter().any(|(name, why)| r.starts_with(name) && r.contains(why));
    let unexpected: Vec<&String> = refused.iter().filter(|r| !known(r)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    for (name, _) in REFUSED {
        assert!(refused.iter().any(|r| r.starts_with(name)), "{name} is not refused");
    }
    assert!(compared > 300, "{compared}");
}
