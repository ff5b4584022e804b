//! Tests of the golden model against a second, slower statement of each operator.

use super::*;
use crate::base::rng::{Rng, stream};
use crate::workload::graph::Element;
use crate::workload::layer::Matmul;
use crate::workload::quant::{AddParams, ChannelParams, Rounding};
use rand::{Rng as _, RngExt as _};

const FIRST: Layout = Layout::ChannelsFirst;

fn values(rng: &mut Rng, count: u64) -> Vec<i8> {
    (0..count).map(|_| rng.next_u32() as i8).collect()
}

fn post(rng: &mut Rng, channels: u32) -> LayerPost {
    LayerPost {
        channels: (0..channels)
            .map(|_| ChannelParams {
                bias: rng.random_range(-5000..5000),
                multiplier: rng.random_range(1 << 23..1 << 24),
                shift: rng.random_range(30..36),
                rounding: Rounding::Float32,
            })
            .collect(),
        zero_point: rng.next_u32() as i8,
        lo: -128,
        hi: 127,
        input_zero_point: rng.next_u32() as i8,
    }
}

/// One output of a convolution as the hardware sees it: raw inputs, folded bias, padding filled with the zero point.
fn output_at(c: &Conv, x: &[i8], w: &[i8], post: &LayerPost, at: [usize; 4]) -> i32 {
    let [n, k, oy, ox] = at;
    let [cg, kg] = [c.C / c.groups, c.K / c.groups].map(|v| v as usize);
    let [cc, h, width, r, s] = [c.C, c.H, c.W, c.R, c.S].map(|v| v as usize);
    let mut sum = post.channels[k].bias;
    for ci in 0..cg {
        for (ri, si) in (0..r).flat_map(|ri| (0..s).map(move |si| (ri, si))) {
            let y = (oy * c.stride[0] as usize + ri * c.dilation[0] as usize) as i64 - i64::from(c.pad[0]);
            let xx = (ox * c.stride[1] as usize + si * c.dilation[1] as usize) as i64 - i64::from(c.pad[1]);
            let inside = (0..h as i64).contains(&y) && (0..width as i64).contains(&xx);
            let channel = k / kg * cg + ci;
            let value = if inside {
                x[((n * cc + channel) * h + y as usize) * width + xx as usize]
            } else {
                post.input_zero_point
            };
            sum += i32::from(value) * i32::from(w[((k * cg + ci) * r + ri) * s + si]);
        }
    }
    sum
}

fn random_conv(rng: &mut Rng) -> Conv {
    let groups = [1, 1, 2, 3][rng.random_range(0..4)];
    let mut size = |hi: u32| rng.random_range(1..=hi);
    Conv {
        N: size(2),
        K: groups * size(4),
        C: groups * size(4),
        H: size(9),
        W: size(9),
        R: size(4),
        S: size(4),
        stride: [size(3), size(3)],
        pad: [size(3) - 1, size(3) - 1, size(3) - 1, size(3) - 1],
        dilation: [size(2), size(2)],
        groups,
        transposed: false,
    }
}

#[test]
fn convolutions_equal_the_definition() {
    let mut rng = stream(11, &[]);
    let mut done = 0;
    while done < 300 {
        let conv = random_conv(&mut rng);
        let Some([rows, cols]) = conv.output().map(|o| o.map(|v| v as usize)) else {
            continue;
        };
        let shape = Shape::Conv(conv);
        let x = values(&mut rng, u64::from(conv.N * conv.C * conv.H * conv.W));
        let w = values(&mut rng, shape.weight_count().unwrap());
        let post = post(&mut rng, conv.K);
        let have = accumulators(&shape, FIRST, &x, &w, &post).unwrap();
        let bytes = layer(&shape, FIRST, &x, &w, &post).unwrap();
        let mut i = 0;
        for n in 0..conv.N as usize {
            for k in 0..conv.K as usize {
                for (y, xx) in (0..rows).flat_map(|y| (0..cols).map(move |x| (y, x))) {
                    let want = output_at(&conv, &x, &w, &post, [n, k, y, xx]);
                    assert_eq!(have[i], want, "{conv:?} at {n} {k} {y} {xx}");
                    assert_eq!(bytes[i], output_unit(want, &post.channels[k], &post));
                    i += 1;
                }
            }
        }
        assert_eq!(i, have.len());
        done += 1;
    }
}

#[test]
fn matrix_product_is_a_pointwise_convolution() {
    let mut rng = stream(12, &[]);
    let (m, n, k) = (5, 7, 11);
    let product = Shape::Matmul(Matmul {
        batch: 1,
        M: m,
        N: n,
        K: k,
        weights: true,
    });
    let conv = Shape::Conv(Conv {
        N: m,
        K: n,
        C: k,
        H: 1,
        W: 1,
        R: 1,
        S: 1,
        stride: [1, 1],
        pad: [0; 4],
        dilation: [1, 1],
        groups: 1,
        transposed: false,
    });
    let (x, w) = (values(&mut rng, 55), values(&mut rng, 77));
    let post = post(&mut rng, n);
    assert_eq!(
        layer(&product, FIRST, &x, &w, &post).unwrap(),
        layer(&conv, FIRST, &x, &w, &post).unwrap()
    );
}

/// Every input is scattered to the outputs that the definition says, here and there beyond what padding leaves; the plain
/// convolution of the phases gives the same bytes.
#[test]
fn transposed_convolutions_equal_the_definition() {
    let mut rng = stream(15, &[]);
    let mut done = 0;
    while done < 200 {
        let mut conv = random_conv(&mut rng);
        (conv.transposed, conv.N) = (true, 1 + conv.N % 2);
        let shape = Shape::Conv(conv);
        let Some([rows, cols]) = conv.output() else { continue };
        let x = values(&mut rng, u64::from(conv.N * conv.C * conv.H * conv.W));
        let w = values(&mut rng, shape.weight_count().unwrap());
        let post = post(&mut rng, conv.K);
        let have = accumulators(&shape, FIRST, &x, &w, &post).unwrap();
        assert_eq!(have, scattered(&conv, [rows, cols], &x, &w, &post), "{conv:?}");
        let (phases, nest) = (Phases::new(&conv).unwrap(), shape.nest().unwrap());
        let written = by_phase(&conv, FIRST, &x, &w, &post).unwrap();
        assert_eq!(
            phases.join(&written),
            layer(&shape, FIRST, &x, &w, &post).unwrap(),
            "{conv:?}"
        );
        let [k, c, y, xx, r, s] = nest.bounds.0;
        let behind = |out: u32, taps: u32, i: usize| {
            (out + (taps - 1) * nest.dilation[i]).checked_sub(nest.pad[i] + nest.input[i])
        };
        let (Some(bottom), Some(right)) = (behind(y, r, 0), behind(xx, s, 1)) else {
            continue;
        };
        let plain = Conv {
            K: k * conv.groups,
            C: c * conv.groups,
            R: r,
            S: s,
            stride: [1, 1],
            dilation: nest.dilation,
            pad: [nest.pad[0], nest.pad[1], bottom, right],
            transposed: false,
            ..conv
        };
        let (w, post) = (phases.weights(&w), phases.post(&w, &post));
        assert_eq!(
            layer(&Shape::Conv(plain), FIRST, &x, &w, &post).unwrap(),
            written,
            "{conv:?} as {plain:?}"
        );
        done += 1;
    }
}

/// Accumulators of a transposed convolution, one product after the other.
fn scattered(c: &Conv, [rows, cols]: [u32; 2], x: &[i8], w: &[i8], post: &LayerPost) -> Vec<i32> {
    let (zero, [kg, cg]) = (i32::from(post.input_zero_point), [c.K / c.groups, c.C / c.groups]);
    let filter = (cg * c.R * c.S) as usize;
    let folded = |k: usize| -> i32 {
        w[k * filter..(k + 1) * filter]
            .iter()
            .map(|&w| zero * i32::from(w))
            .sum()
    };
    let plane = (rows * cols) as usize;
    let start = |i: usize| post.channels[i / plane % c.K as usize].bias + folded(i / plane % c.K as usize);
    let mut sums: Vec<i32> = (0..(c.N * c.K) as usize * plane).map(start).collect();
    let place = |at: u32, tap: u32, i: usize, size: u32| {
        (at * c.stride[i] + tap * c.dilation[i])
            .checked_sub(c.pad[i])
            .filter(|&y| y < size)
    };
    for (i, &value) in x.iter().enumerate() {
        let i = i as u32;
        let (column, row, channel, n) = (i % c.W, i / c.W % c.H, i / c.W / c.H % c.C, i / c.W / c.H / c.C);
        for (k, r, s) in (0..kg).flat_map(|k| (0..c.R).flat_map(move |r| (0..c.S).map(move |s| (k, r, s)))) {
            let (Some(y), Some(xx)) = (place(row, r, 0, rows), place(column, s, 1, cols)) else {
                continue;
            };
            let k = channel / cg * kg + k;
            let weight = w[(((k * cg + channel % cg) * c.R + r) * c.S + s) as usize];
            sums[(((n * c.K + k) * rows + y) * cols + xx) as usize] += (i32::from(value) - zero) * i32::from(weight);
        }
    }
    sums
}

/// Every product has a second operand, biases and scales of its own.
#[test]
fn products_of_activations_equal_the_definition() {
    let mut rng = stream(14, &[]);
    let product = Matmul {
        batch: 3,
        M: 4,
        N: 5,
        K: 6,
        weights: false,
    };
    let shape = Shape::Matmul(product);
    let (x, w) = (values(&mut rng, 3 * 4 * 6), values(&mut rng, 3 * 5 * 6));
    let post = post(&mut rng, 3 * 5);
    let (sums, bytes) = (
        accumulators(&shape, FIRST, &x, &w, &post).unwrap(),
        layer(&shape, FIRST, &x, &w, &post).unwrap(),
    );
    for (i, (&sum, &byte)) in sums.iter().zip(&bytes).enumerate() {
        let (b, m, n) = (i / 20, i / 5 % 4, i % 5);
        let channel = &post.channels[b * 5 + n];
        // The bias that the unit adds has the input's zero point folded in: the sum is over the inputs as they are.
        let terms = (0..6).map(|k| i32::from(x[(b * 4 + m) * 6 + k]) * i32::from(w[(b * 5 + n) * 6 + k]));
        let want = channel.bias + terms.sum::<i32>();
        assert_eq!((sum, byte), (want, output_unit(want, channel, &post)), "{b} {m} {n}");
    }
    assert_eq!(sums.len(), 60);
    let shared = LayerPost {
        channels: post.channels[..5].to_vec(),
        ..post
    };
    assert_eq!(layer(&shape, FIRST, &x, &w, &shared).unwrap_err().code, Code::Malformed);
}

#[test]
fn wrong_lengths_and_overflow_are_refused() {
    let mut rng = stream(13, &[]);
    let shape = Shape::Matmul(Matmul {
        batch: 1,
        M: 1,
        N: 2,
        K: 3,
        weights: true,
    });
    let mut p = post(&mut rng, 2);
    let code = |x: &[i8], w: &[i8], p: &LayerPost| accumulators(&shape, FIRST, x, w, p).unwrap_err().code;
    assert_eq!(code(&[0; 2], &[0; 6], &p), Code::Malformed);
    assert_eq!(code(&[0; 3], &[0; 5], &p), Code::Malformed);
    p.channels[1].bias = i32::MAX;
    assert_eq!(code(&[0; 3], &[1; 6], &p), Code::BadSize);
    p.channels.pop();
    assert_eq!(code(&[0; 3], &[0; 6], &p), Code::Malformed);
}

fn tensor(shape: &[u32], scale: f32, zero_point: i8, element: Element) -> Tensor {
    Tensor {
        name: String::new(),
        shape: shape.to_vec(),
        scale,
        zero_point,
        element,
    }
}

#[test]
fn both_additions_are_within_one_unit() {
    let pairs: Vec<(i8, i8)> = (i8::MIN..=i8::MAX)
        .flat_map(|a| (i8::MIN..=i8::MAX).map(move |b| (a, b)))
        .collect();
    let (a, b): (Vec<i8>, Vec<i8>) = pairs.into_iter().unzip();
    let mut rng = stream(14, &[]);
    let mut differ = 0;
    for _ in 0..20 {
        let mut side = |shape| {
            #[expect(clippy::disallowed_methods, reason = "a random scale: its last bit does not matter")]
            let scale = 2f32.powf(rng.random_range(-3.0..3.0));
            tensor(shape, scale, rng.next_u32() as i8, Element::Uint8)
        };
        let [ta, tb, to] = [side(&[65536]), side(&[65536]), side(&[65536])];
        let form = |form| AddOp {
            form,
            lo: -128,
            hi: 127,
        };
        let params = AddParams::ort_arm(ta.scale, tb.scale, to.scale).unwrap();
        let tensors = [&ta, &tb, &to];
        let x86 = add(&form(AddForm::OrtX86), tensors, &a, &b).unwrap();
        let arm = add(&form(AddForm::Single(params)), tensors, &a, &b).unwrap();
        for (x, y) in x86.iter().zip(&arm) {
            assert!(x.abs_diff(*y) <= 1);
            differ += u32::from(x != y);
        }
    }
    assert!(differ < 100, "{differ} of 1,310,720");
}

#[test]
fn channels_last_is_the_same_layer() {
    let mut rng = stream(16, &[]);
    let mut done = 0;
    while done < 100 {
        let mut conv = random_conv(&mut rng);
        if done % 3 == 0 {
            // One input channel per group, and one or more outputs.
            conv.groups = conv.C;
            conv.K = conv.C * rng.random_range(1..=2);
        }
        let Some([rows, cols]) = conv.output() else { continue };
        let shape = Shape::Conv(conv);
        let x = values(&mut rng, u64::from(conv.N * conv.C * conv.H * conv.W));
        let w = values(&mut rng, shape.weight_count().unwrap());
        let post = post(&mut rng, conv.K);
        let turned = host::swap_axes(&x, conv.C as usize, (conv.H * conv.W) as usize);
        let first = layer(&shape, FIRST, &x, &w, &post).unwrap();
        let last = layer(&shape, Layout::ChannelsLast, &turned, &w, &post).unwrap();
        assert_eq!(
            host::swap_axes(&last, (rows * cols) as usize, conv.K as usize),
            first,
            "{conv:?}"
        );
        done += 1;
    }
}

fn map(layout: Layout, extents: [usize; 4]) -> Map {
    Map { layout, extents }
}

#[test]
fn pools_ignore_padding() {
    let pool = Pool {
        kernel: [2, 2],
        stride: [2, 2],
        pad: [1, 0, 0, 1],
        dilation: [1, 1],
    };
    for layout in [FIRST, Layout::ChannelsLast] {
        let maps = [map(layout, [1, 1, 3, 3]), map(layout, [1, 1, 2, 2])];
        let x = [-9, -8, -7, -6, -5, -4, -3, -2, -1];
        let greatest = windows(&pool, maps, &x, |w| w.max().unwrap_or(0)).unwrap();
        assert_eq!(greatest, [-8, -7, -2, -1]);
        // Of two, one, four and two values; halves away from zero.
        let average = AverageOp::new(pool, (i8::MIN, i8::MAX)).unwrap();
        assert!(average.post.channels.is_empty(), "windows differ in size");
        assert_eq!(average_pool(&average, maps, &x).unwrap(), [-9, -7, -4, -3]);
    }
    // Two channels, innermost.
    let maps = [
        map(Layout::ChannelsLast, [1, 2, 2, 2]),
        map(Layout::ChannelsLast, [1, 2, 1, 1]),
    ];
    let whole = Pool {
        stride: [1, 1],
        pad: [0; 4],
        ..pool
    };
    let x = [1, -1, 2, -2, 3, -3, 4, -4];
    let average = AverageOp::new(whole, (i8::MIN, i8::MAX)).unwrap();
    assert_eq!(average_pool(&average, maps, &x).unwrap(), [3, -3]);
}

#[test]
fn moves_of_elements() {
    let x = [1, 2, 3, 4, 5, 6];
    assert_eq!(host::transpose(&[2, 3], &[1, 0], &x).unwrap(), [1, 4, 2, 5, 3, 6]);
    assert_eq!(host::transpose(&[1, 3, 2], &[2, 0, 1], &x).unwrap(), [1, 3, 5, 2, 4, 6]);
    assert!(host::transpose(&[2, 3], &[1, 1], &x).is_err());
    let padded = host::pad(&[2, 3], &[[1, 0], [0, 1]], 9, &x).unwrap();
    assert_eq!(padded, [9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9]);
    let (a, b) = (
        tensor(&[2, 1], 1.0, 0, Element::Int8),
        tensor(&[2, 2], 1.0, 0, Element::Int8),
    );
    let pair = [(&a, &[1, 2][..]), (&b, &[3, 4, 5, 6][..])];
    assert_eq!(host::concat(&pair, 1).unwrap(), [1, 3, 4, 2, 5, 6]);
}

/// A damaged file that still reads must run or be refused, whatever its shapes and parameters have become.
#[test]
fn damaged_networks_run_without_a_panic() {
    let source = include_bytes!("../../workloads/resnet8_cifar.onnx");
    let mut ran = 0;
    for case in 0..400 {
        let mut rng = stream(15, &[case]);
        let mut bytes = source.to_vec();
        // The graph's nodes, with strides, pads and shapes, lie before the weights.
        for _ in 0..3 {
            let at = rng.random_range(0..14_000);
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        let Ok(graph) = crate::workload::onnx::parse(&bytes, "damaged", "damaged.onnx") else {
            continue;
        };
        let small = graph.tensors.iter().all(|t| t.len() < 100_000)
            && graph.network().and_then(|n| n.macs()).is_ok_and(|m| m < 20_000_000);
        if small && ran < 25 {
            let inputs: Vec<Vec<i8>> = graph
                .inputs
                .iter()
                .map(|port| vec![7; graph.tensors[port.tensor].len()])
                .collect();
            ran += usize::from(run_graph(&graph, &inputs).is_ok());
        }
    }
    assert!(ran >= 20, "{ran}");
}
