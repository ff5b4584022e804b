//! Tests of the reader: real files, damaged files, and small models built by hand.

use super::proto::*;
use super::*;
use crate::base::rng::stream;
use crate::workload::graph::Pool;
use crate::workload::layer::Shape;
use rand::{Rng as _, RngExt as _};

const RESNET8: &[u8] = include_bytes!("../../../workloads/resnet8_cifar.onnx");
const FC: &[u8] = include_bytes!("../../../workloads/vectors/fc_odd.onnx");
const GROUPED: &[u8] = include_bytes!("../../../workloads/vectors/group4_3x3.onnx");
const MATMUL: &[u8] = include_bytes!("../../../workloads/vectors/matmul.onnx");

fn tensor(name: &str, data_type: i32, dims: &[i64], raw: &[u8]) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type,
        dims: dims.to_vec(),
        raw_data: raw.to_vec(),
        ..Default::default()
    }
}

fn node(op_type: &str, name: &str, input: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        name: name.into(),
        input: input.iter().map(|&s| s.into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.to_vec(),
        ..Default::default()
    }
}

fn value_info(name: &str, elem_type: i32, shape: &[i64]) -> ValueInfoProto {
    let dim = |&d: &i64| DimensionProto {
        dim_value: (d >= 0).then_some(d),
        dim_param: (d < 0).then(|| "batch".into()),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(TensorShapeProto {
                    dim: shape.iter().map(dim).collect(),
                }),
            }),
        }),
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Float input x (batch variable) -> Q -> DQ -> `nodes` from `xr` to `yf` -> Q -> DQ -> float output.
fn model(shape: &[i64], nodes: Vec<NodeProto>) -> ModelProto {
    let mut all = vec![
        node("QuantizeLinear", "", &["x", "xs", "xz"], "xq"),
        node("DequantizeLinear", "", &["xq", "xs", "xz"], "xr"),
        node("DequantizeLinear", "", &["w", "ws"], "wr"),
        node("DequantizeLinear", "", &["b", "bs"], "br"),
    ];
    all.extend(nodes);
    all.push(node("QuantizeLinear", "", &["yf", "ys", "yz"], "yq"));
    all.push(node("DequantizeLinear", "", &["yq", "ys", "yz"], "y"));
    let scale = |name, v: f32| tensor(name, data_type::FLOAT, &[], &floats(&[v]));
    ModelProto {
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(GraphProto {
            node: all,
            name: "g".into(),
            initializer: vec![
                scale("xs", 0.5),
                scale("ws", 0.25),
                scale("ys", 0.5),
                scale("bs", 0.125),
                tensor("xz", data_type::UINT8, &[], &[130]),
                tensor("yz", data_type::UINT8, &[], &[128]),
                tensor("w", data_type::INT8, &[2, 2, 1, 1], &[1, 2, 3, 4]),
                tensor("b", data_type::INT32, &[2], &[1, 0, 0, 0, 2, 0, 0, 0]),
            ],
            input: vec![value_info("x", data_type::FLOAT, shape)],
            output: vec![value_info("y", data_type::FLOAT, &[])],
        }),
    }
}

fn read_model(model: &ModelProto) -> Result<QuantGraph> {
    parse(&model.encode_to_vec(), "hand", "hand.onnx")
}

fn conv(attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        attribute: attributes,
        ..node("Conv", "c", &["xr", "wr", "br"], "yf")
    }
}

fn code(model: &ModelProto) -> Code {
    read_model(model).unwrap_err().code
}

#[test]
fn float_ports_and_uint8() {
    let graph = read_model(&model(&[-1, 2, 5, 4], vec![conv(vec![])])).unwrap();
    assert_eq!(graph.name, "hand");
    assert_eq!(graph.tensors[0].shape, [1, 2, 5, 4]);
    assert_eq!(graph.tensors[0].zero_point, 2);
    assert_eq!(graph.tensors[0].element, Element::Uint8);
    assert_eq!(graph.tensors[0].quantize(1.0), 4);
    assert_eq!(graph.tensors[0].dequantize(4), 1.0);
    let port = |name: &str, tensor| Port::new(name, tensor, true);
    assert_eq!(graph.inputs, [port("x", 0)]);
    assert_eq!(graph.outputs, [port("y", 1)]);
    let (op, mac) = graph.mac_ops().next().unwrap();
    assert_eq!((op.name.as_str(), mac.bias.as_slice()), ("c", &[1, 2][..]));
    assert_eq!(mac.post.channels[1].bias, 2 - 2 * (3 + 4));
}

#[test]
fn activations_become_ranges() {
    let bounds = |nodes| {
        let graph = read_model(&model(&[1, 2, 5, 4], nodes)).unwrap();
        let post = &graph.mac_ops().next().unwrap().1.post;
        (post.lo, post.hi)
    };
    let named = |name: &str| {
        let mut n = conv(vec![]);
        n.output = vec![name.into()];
        n
    };
    assert_eq!(bounds(vec![conv(vec![])]), (-128, 127));
    assert_eq!(bounds(vec![named("c"), node("Relu", "", &["c"], "yf")]), (0, 127));
    let mut clip = node("Clip", "", &["c"], "yf");
    let bound = |name: &str, f| AttributeProto {
        name: name.into(),
        f,
        ..Default::default()
    };
    clip.attribute = vec![bound("min", -1.0), bound("max", 6.0)];
    assert_eq!(bounds(vec![named("c"), clip]), (-2, 12));
}

#[test]
fn automatic_padding() {
    let pad = |mode: &str, strides: &[i64], dims: &[i64]| {
        let auto = AttributeProto {
            name: "auto_pad".into(),
            s: mode.as_bytes().to_vec(),
            ..Default::default()
        };
        let mut m = model(&[1, 2, 6, 5], vec![conv(vec![auto, ints("strides", strides)])]);
        let count: i64 = dims.iter().product();
        m.graph.as_mut().unwrap().initializer[6] = tensor("w", data_type::INT8, dims, &vec![1; count as usize]);
        let graph = read_model(&m).unwrap();
        let Shape::Conv(c) = graph.mac_ops().next().unwrap().1.layer.shape else {
            panic!("not a convolution");
        };
        (c.pad, graph.tensors[1].shape.clone())
    };
    assert_eq!(
        pad("SAME_UPPER", &[2, 2], &[2, 2, 3, 3]),
        ([0, 1, 1, 1], vec![1, 2, 3, 3])
    );
    assert_eq!(
        pad("SAME_LOWER", &[2, 2], &[2, 2, 3, 3]),
        ([1, 1, 0, 1], vec![1, 2, 3, 3])
    );
    assert_eq!(pad("VALID", &[1, 1], &[2, 2, 3, 3]), ([0; 4], vec![1, 2, 4, 3]));
}

#[test]
fn pools_and_moves() {
    let run = |op: NodeProto| read_model(&model(&[1, 2, 6, 4], vec![op]));
    let same_scale = |op: NodeProto| {
        let mut m = model(&[1, 2, 6, 4], vec![op]);
        m.graph.as_mut().unwrap().initializer[5] = tensor("yz", data_type::UINT8, &[], &[130]);
        read_model(&m).map(|g| (g.ops[0].kind.clone(), g.tensors[1].shape.clone()))
    };
    let mut max = node("MaxPool", "", &["xr"], "yf");
    max.attribute = vec![ints("kernel_shape", &[3, 2]), ints("strides", &[2, 1])];
    let pool = Pool {
        kernel: [3, 2],
        stride: [2, 1],
        pad: [0; 4],
        dilation: [1, 1],
    };
    assert_eq!(
        same_scale(max.clone()).unwrap(),
        (OpKind::MaxPool(pool), vec![1, 2, 2, 3])
    );
    assert_eq!(run(max).unwrap_err().code, Code::Unsupported);

    let flatten = node("Flatten", "", &["xr"], "yf");
    assert_eq!(same_scale(flatten).unwrap(), (OpKind::Reshape, vec![1, 48]));
    for (target, want) in [
        (vec![0, -1], Some(vec![1, 48])),
        (vec![4, 2, 6], Some(vec![4, 2, 6])),
        (vec![5, -1], None),
        (vec![-1, -1], None),
        (vec![], None),
    ] {
        let op = node("Reshape", "", &["xr", "shape"], "yf");
        let mut m = model(&[1, 2, 6, 4], vec![op]);
        let graph = m.graph.as_mut().unwrap();
        graph.initializer[5] = tensor("yz", data_type::UINT8, &[], &[130]);
        let raw: Vec<u8> = target.iter().flat_map(|v: &i64| v.to_le_bytes()).collect();
        graph
            .initializer
            .push(tensor("shape", data_type::INT64, &[target.len() as i64], &raw));
        let shape = read_model(&m).ok().map(|g| g.tensors[1].shape.clone());
        assert_eq!(shape, want, "{target:?}");
    }

    let mean = run(node("GlobalAveragePool", "", &["xr"], "yf")).unwrap();
    let OpKind::Mean(average) = &mean.ops[0].kind else {
        panic!("no mean");
    };
    assert_eq!(average.post.channels[0].bias, -2 * 24);
    let mut window = node("AveragePool", "", &["xr"], "yf");
    window.attribute = vec![ints("kernel_shape", &[6, 4])];
    assert_eq!(run(window.clone()).unwrap().ops[0].kind, mean.ops[0].kind);
    window.attribute = vec![ints("kernel_shape", &[2, 2])];
    assert_eq!(run(window).unwrap_err().code, Code::Unsupported);
}

#[test]
fn unsupported_operators_are_named() {
    let softmax = model(&[1, 2, 5, 4], vec![node("Softmax", "probs", &["xr"], "yf")]);
    let e = read_model(&softmax).unwrap_err();
    assert_eq!(e.code, Code::Unsupported);
    assert!(e.what.contains("`Softmax`"), "{e}");
    assert_eq!(e.place.as_deref(), Some("hand.onnx, node `probs`"));

    let mut float = model(&[1, 2, 5, 4], vec![conv(vec![])]);
    let graph = float.graph.as_mut().unwrap();
    graph.node = vec![node("Conv", "c", &["x", "w"], "y")];
    let e = read_model(&float).unwrap_err();
    assert_eq!(e.code, Code::Unsupported);
    assert!(e.next.unwrap().contains("quantize"));
}

#[test]
fn contradictions_are_refused() {
    let with = |edit: &dyn Fn(&mut GraphProto)| {
        let mut m = model(&[1, 2, 5, 4], vec![conv(vec![])]);
        edit(m.graph.as_mut().unwrap());
        code(&m)
    };
    let scale = |v: f32| with(&|g| g.initializer[0] = tensor("xs", data_type::FLOAT, &[], &floats(&[v])));
    for bad in [f32::NAN, 0.0, -1.0, f32::INFINITY] {
        assert_eq!(scale(bad), Code::Malformed, "{bad}");
    }
    // The bias no longer has input scale times weight scale.
    assert_eq!(scale(0.75), Code::Unsupported);

    let weights = |dims: &[i64], raw: &[u8]| with(&|g| g.initializer[6] = tensor("w", data_type::INT8, dims, raw));
    assert_eq!(weights(&[2, 2, 1, 1], &[1, 2, 3]), Code::Malformed);
    assert_eq!(weights(&[2, 2, 0, 1], &[]), Code::BadSize);
    assert_eq!(weights(&[2, -2, 1, 1], &[1; 4]), Code::BadSize);
    let huge = [1 << 31, 1 << 31, 1 << 31, 1 << 31];
    assert_eq!(weights(&huge, &[1; 4]), Code::Malformed);
    assert_eq!(weights(&[2, 3, 1, 1], &[1; 6]), Code::Malformed);

    let zero_point = |v: u8| {
        with(&|g| {
            g.initializer.push(tensor("wz", data_type::INT8, &[], &[v]));
            g.node[2].input.push("wz".into());
        })
    };
    assert_eq!(zero_point(1), Code::Unsupported);

    let input = |shape: &[i64]| with(&|g| g.input[0] = value_info("x", data_type::FLOAT, shape));
    assert_eq!(input(&[1, 2, 1 << 40, 4]), Code::BadSize);
    assert_eq!(input(&[1, 2, 1 << 20, 1 << 20]), Code::BadSize);
    assert_eq!(input(&[1, 2, 5]), Code::Unsupported);
    assert_eq!(input(&[1, 2, -1, 4]), Code::Unsupported);
    assert_eq!(with(&|g| g.output[0].name = "z".into()), Code::Malformed);
    assert_eq!(with(&|g| g.node[4].input[0] = "z".into()), Code::Malformed);
    assert_eq!(with(&|g| g.node[4].output[0] = "xq".into()), Code::Malformed);
    assert_eq!(with(&|g| g.output.clear()), Code::Malformed);
}

#[test]
fn truncated_files_are_unreadable() {
    assert_eq!(parse(&[], "e", "e.onnx").unwrap_err().code, Code::Unreadable);
    for cut in (1..RESNET8.len()).step_by(97) {
        let e = parse(&RESNET8[..cut], "resnet8", "resnet8.onnx").unwrap_err();
        assert_eq!(e.code, Code::Unreadable, "cut at {cut}: {e}");
    }
}

/// Damaged files give an error or another network, never a panic; what is read stays within the file's size.
#[test]
fn five_thousand_damaged_files() {
    const SEED: u64 = 5_000;
    let (mut refused, mut read) = (0, 0);
    for case in 0..5_000u64 {
        let mut rng = stream(SEED, &[case]);
        let source = [RESNET8, FC, GROUPED, MATMUL][(case % 4) as usize];
        let mut bytes = source.to_vec();
        for _ in 0..rng.random_range(1..6) {
            // The messages' framing lies between the raw data, most of it at the front and the back.
            let near = rng.random_range(0..bytes.len().min(3000));
            let at = match rng.random_range(0..3) {
                0 => near,
                1 => bytes.len() - 1 - near,
                _ => rng.random_range(0..bytes.len()),
            };
            bytes[at] = match rng.random_range(0..3) {
                0 => bytes[at] ^ 1 << rng.random_range(0..8),
                1 => [0, 0x7f, 0x80, 0xff][rng.random_range(0..4)],
                _ => rng.next_u32() as u8,
            };
        }
        if rng.random_range(0..4) == 0 {
            bytes.truncate(rng.random_range(0..=bytes.len()));
        }
        match parse(&bytes, "damaged", "damaged.onnx") {
            Ok(graph) => {
                read += 1;
                let weights: usize = graph.mac_ops().map(|(_, mac)| mac.weights.len()).sum();
                assert!(weights <= SHARING * bytes.len(), "seed {SEED} case {case}");
            }
            Err(e) => {
                refused += 1;
                assert!(e.code <= Code::BadSize, "seed {SEED} case {case}: {e}");
                assert!(e.place.is_some(), "seed {SEED} case {case}: {e}");
            }
        }
    }
    assert!(refused > 1000 && read > 500, "{refused} refused, {read} read");
}
