//! Tests of the reader on small models, written by the FlatBuffers project's own builder.

use super::*;
use crate::base::rng::stream;
use crate::workload::graph::{AddForm, OpKind};
use crate::workload::layer::Shape;
use crate::workload::quant::{Requantizer, Rounding};
use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, WIPOffset};
use rand::{Rng as _, RngExt as _};

const FLOAT32: i8 = 0;
const INT32: i8 = 2;
const INT8: i8 = 9;

/// A tensor: shape, type, scales, zero point, constant bytes.
#[derive(Clone)]
struct T(Vec<i32>, i8, Vec<f32>, i64, Vec<u8>);

/// An operator: code, inputs, outputs, options of one byte and of four by field.
#[derive(Clone)]
struct O(i32, Vec<i32>, Vec<i32>, Vec<(u16, i8)>, Vec<(u16, i32)>);

#[derive(Clone)]
struct Net {
    tensors: Vec<T>,
    operators: Vec<O>,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
}

type Builder<'a> = FlatBufferBuilder<'a>;
type Done = WIPOffset<TableFinishedWIPOffset>;

const fn slot(field: u16) -> u16 {
    4 + 2 * field
}

fn table(b: &mut Builder, fields: impl FnOnce(&mut Builder)) -> Done {
    let start = b.start_table();
    fields(b);
    b.end_table(start)
}

fn write(net: &Net) -> Vec<u8> {
    let b = &mut Builder::new();
    let buffers: Vec<Done> = net
        .tensors
        .iter()
        .map(|t| {
            let data = b.create_vector(&t.4);
            table(b, |b| b.push_slot_always(slot(0), data))
        })
        .collect();
    let tensors: Vec<Done> = net.tensors.iter().enumerate().map(|(i, t)| tensor(b, t, i)).collect();
    let codes: Vec<Done> = net
        .operators
        .iter()
        .map(|o| table(b, |b| b.push_slot(slot(3), o.0, 0)))
        .collect();
    let operators: Vec<Done> = net
        .operators
        .iter()
        .enumerate()
        .map(|(i, o)| operator(b, o, i))
        .collect();
    let (tensors, operators) = (b.create_vector(&tensors), b.create_vector(&operators));
    let (inputs, outputs) = (b.create_vector(&net.inputs), b.create_vector(&net.outputs));
    let graph = table(b, |b| {
        b.push_slot_always(slot(0), tensors);
        b.push_slot_always(slot(1), inputs);
        b.push_slot_always(slot(2), outputs);
        b.push_slot_always(slot(3), operators);
    });
    let (codes, buffers, graphs) = (
        b.create_vector(&codes),
        b.create_vector(&buffers),
        b.create_vector(&[graph]),
    );
    let root = table(b, |b| {
        b.push_slot(slot(0), 3, 0);
        b.push_slot_always(slot(1), codes);
        b.push_slot_always(slot(2), graphs);
        b.push_slot_always(slot(4), buffers);
    });
    b.finish(root, Some("TFL3"));
    b.finished_data().to_vec()
}

fn tensor(b: &mut Builder, t: &T, i: usize) -> Done {
    let (scales, zeros) = (b.create_vector(&t.2), b.create_vector(&vec![t.3; t.2.len()]));
    let quantization = table(b, |b| {
        b.push_slot_always(slot(2), scales);
        b.push_slot_always(slot(3), zeros);
    });
    let (shape, name) = (b.create_vector(&t.0), b.create_string(&format!("tensor{i}")));
    table(b, |b| {
        b.push_slot_always(slot(0), shape);
        b.push_slot(slot(1), t.1, 0);
        b.push_slot(slot(2), i as u32, 0);
        b.push_slot_always(slot(3), name);
        b.push_slot_always(slot(4), quantization);
    })
}

fn operator(b: &mut Builder, o: &O, i: usize) -> Done {
    let (inputs, outputs) = (b.create_vector(&o.1), b.create_vector(&o.2));
    let options = table(b, |b| {
        for &(field, value) in &o.3 {
            b.push_slot(slot(field), value, 0);
        }
        for &(field, value) in &o.4 {
            b.push_slot(slot(field), value, 0);
        }
    });
    table(b, |b| {
        b.push_slot(slot(0), i as u32, 0);
        b.push_slot_always(slot(1), inputs);
        b.push_slot_always(slot(2), outputs);
        b.push_slot_always(slot(4), options);
    })
}

fn activation(shape: &[i32], scale: f32, zero: i64) -> T {
    T(shape.to_vec(), INT8, vec![scale], zero, Vec::new())
}

fn integers(values: &[i32], shape: &[i32]) -> T {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    T(shape.to_vec(), INT32, Vec::new(), 0, bytes)
}

/// PAD (1, 1) and a 3 x 3 convolution with stride 2 and ReLU6, then a depthwise one with multiplier 2, SAME.
fn padded() -> Net {
    let weights = |shape: &[i32], scale: f32| {
        let count: i32 = shape.iter().product();
        let bytes = (0..count).map(|i| (i * 7 % 23 - 11) as u8).collect();
        T(shape.to_vec(), INT8, vec![scale], 0, bytes)
    };
    Net {
        tensors: vec![
            activation(&[1, 6, 6, 2], 0.5, 3),
            integers(&[0, 0, 1, 1, 1, 1, 0, 0], &[4, 2]),
            activation(&[1, 8, 8, 2], 0.5, 3),
            weights(&[4, 3, 3, 2], 0.25),
            integers(&[1, 2, 3, 4], &[4]),
            activation(&[1, 3, 3, 4], 0.125, -13),
            weights(&[1, 2, 2, 8], 0.25),
            activation(&[1, 3, 3, 8], 1.0, 0),
        ],
        operators: vec![
            O(34, vec![0, 1], vec![2], vec![], vec![]),
            O(3, vec![2, 3, 4], vec![5], vec![(0, 1), (3, 3)], vec![(1, 2), (2, 2)]),
            O(4, vec![5, 6], vec![7], vec![(0, 0)], vec![(1, 1), (2, 1), (3, 2)]),
        ],
        inputs: vec![0],
        outputs: vec![7],
    }
}

fn parse_net(net: &Net) -> Result<QuantGraph> {
    parse(&write(net), "hand", "hand.tflite", Semantics::Reference)
}

#[test]
fn padding_goes_into_the_layers_shape() {
    let graph = parse_net(&padded()).unwrap();
    let network = graph.network().unwrap();
    let Shape::Conv(conv) = network.layers[0].shape else {
        panic!("not a convolution")
    };
    assert_eq!((conv.H, conv.W, conv.pad, conv.stride), (6, 6, [1; 4], [2, 2]));
    // ReLU6 with scale 1/8 and zero point -13.
    let post = &graph.mac_ops().next().unwrap().1.post;
    assert_eq!((post.lo, post.hi), (-13, 35));
    let Shape::Conv(depthwise) = network.layers[1].shape else {
        panic!("not a convolution")
    };
    assert_eq!((depthwise.K, depthwise.C, depthwise.groups), (8, 4, 4));
    // SAME with an even kernel: the odd row goes after.
    assert_eq!(depthwise.pad, [0, 0, 1, 1]);
    assert_eq!(graph.needed(), [false, true, true]);
    assert_eq!(layers(&write(&padded()), "hand", "hand.tflite").unwrap(), network);
    let weights = &graph.mac_ops().next().unwrap().1.weights;
    let stored = &padded().tensors[3].4;
    // Output channel 1, input channel 1, row 2, column 0.
    assert_eq!(weights[((2 + 1) * 3 + 2) * 3], stored[((3 + 2) * 3) * 2 + 1] as i8);
    assert_eq!(graph.prove().unwrap(), 4 + 8);
}

#[test]
fn semantics_decide_rules() {
    let dense = Net {
        tensors: vec![
            activation(&[2, 3], 0.5, 3),
            T(vec![2, 3], INT8, vec![0.013], 0, vec![1, 2, 3, 4, 5, 6]),
            activation(&[2, 2], 0.1, 0),
            activation(&[2, 2], 0.07, 0),
        ],
        operators: vec![
            O(9, vec![0, 1, -1], vec![2], vec![], vec![]),
            O(0, vec![2, 2], vec![3], vec![], vec![]),
        ],
        inputs: vec![0],
        outputs: vec![3],
    };
    let read = |semantics| parse(&write(&dense), "d", "d.tflite", semantics).unwrap();
    let first = |semantics| {
        let graph = read(semantics);
        let mac = graph.mac_ops().next().unwrap().1.clone();
        let OpKind::Add(add) = &graph.ops[1].kind else {
            panic!("no addition")
        };
        (mac.rules[0], mac.post.channels[0].rounding, add.form)
    };
    let (rule, rounding, form) = first(Semantics::Reference);
    assert!(matches!(rule, Requantizer::HalfAway { .. }) && rounding == Rounding::HalfAway);
    assert!(matches!(form, AddForm::Reference(_)));
    let (rule, rounding, _) = first(Semantics::Micro);
    assert!(matches!(rule, Requantizer::Gemmlowp { .. }) && rounding == Rounding::Twice);
    let (rule, rounding, form) = first(Semantics::Xnnpack);
    assert!(matches!(rule, Requantizer::Float32 { .. }) && rounding == Rounding::Float32);
    assert!(matches!(form, AddForm::Single(_)));
    let e = parse(&write(&dense), "d", "d.tflite", Semantics::Fp32Exact).unwrap_err();
    assert_eq!(e.code, Code::Usage);
}

#[test]
fn unsupported_operators_are_named_with_their_place() {
    let mut net = padded();
    net.tensors.push(activation(&[1, 3, 3, 8], 1.0, 0));
    net.operators.push(O(14, vec![7], vec![8], vec![], vec![]));
    net.outputs = vec![8];
    let e = parse_net(&net).unwrap_err();
    assert_eq!(
        (e.code, e.what.as_str()),
        (Code::Unsupported, "operator `LOGISTIC` is not supported")
    );
    assert_eq!(e.place.as_deref(), Some("hand.tflite, operator 3 `LOGISTIC`"));
    // Its layers can be searched all the same.
    assert_eq!(layers(&write(&net), "hand", "hand.tflite").unwrap().layers.len(), 2);
    let mut float = padded();
    for t in &mut float.tensors {
        if t.1 == INT8 {
            t.1 = FLOAT32;
        }
    }
    assert_eq!(parse_net(&float).unwrap_err().code, Code::Unsupported);
    assert_eq!(layers(&write(&float), "hand", "hand.tflite").unwrap().layers.len(), 2);
}

#[test]
fn contradictions_are_refused() {
    let with = |edit: &dyn Fn(&mut Net)| {
        let mut net = padded();
        edit(&mut net);
        parse_net(&net).unwrap_err().code
    };
    assert_eq!(with(&|n| n.tensors[5].0 = vec![1, 3, 3, 5]), Code::Malformed);
    assert_eq!(with(&|n| n.tensors[0].0 = vec![1, 1 << 20, 1 << 20, 2]), Code::BadSize);
    assert_eq!(with(&|n| n.tensors[0].0 = vec![1, 0, 6, 2]), Code::BadSize);
    assert_eq!(with(&|n| n.tensors[0].0 = vec![1, -6, 6, 2]), Code::BadSize);
    assert_eq!(with(&|n| n.tensors[0].2 = vec![f32::NAN]), Code::Malformed);
    assert_eq!(with(&|n| n.tensors[0].2 = vec![0.5, 0.5]), Code::Unsupported);
    assert_eq!(with(&|n| n.tensors[0].3 = 200), Code::Malformed);
    assert_eq!(with(&|n| n.tensors[3].3 = 1), Code::Unsupported);
    assert_eq!(with(&|n| n.tensors[3].2 = vec![0.25; 3]), Code::Unsupported);
    assert_eq!(with(&|n| n.tensors[3].4.truncate(5)), Code::Malformed);
    assert_eq!(with(&|n| n.tensors[4].4.truncate(5)), Code::Malformed);
    assert_eq!(with(&|n| n.operators[1].1[0] = 99), Code::Malformed);
    assert_eq!(with(&|n| n.operators[1].1[0] = 7), Code::Malformed);
    assert_eq!(with(&|n| n.operators[1].2[0] = 0), Code::Malformed);
    assert_eq!(with(&|n| n.operators[1].4[0].1 = -2), Code::Malformed);
    assert_eq!(with(&|n| n.operators[1].3[1].1 = 4), Code::Unsupported);
    assert_eq!(with(&|n| n.outputs = vec![]), Code::Malformed);
    assert_eq!(with(&|n| n.outputs = vec![4]), Code::Malformed);
}

/// A file that is cut off anywhere is refused; one with damaged bytes is refused or read, without a panic.
#[test]
fn damaged_files() {
    let bytes = write(&padded());
    for length in 0..bytes.len() {
        let read = parse(&bytes[..length], "cut", "cut.tflite", Semantics::Reference);
        // The builder writes back to front: the last bytes are the first tensor's buffer.
        assert!(
            read.is_err() || length > bytes.len() - 16,
            "{length} of {}",
            bytes.len()
        );
    }
    assert_eq!(
        parse(b"no model at all", "x", "x.tflite", Semantics::Micro)
            .unwrap_err()
            .code,
        Code::Unreadable
    );
    let mut rng = stream(31, &[]);
    let mut read = 0;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..damaged.len());
            damaged[at] = rng.next_u32() as u8;
        }
        read += usize::from(parse(&damaged, "d", "d.tflite", Semantics::Reference).is_ok());
    }
    assert!(read > 1000, "{read}");
}
