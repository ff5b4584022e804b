//! Sums of products as fast as plain integer loops go: channels innermost, 16-bit operands, rows in parallel.
//!
//! Inputs have their zero point subtracted, so that padding is zero and is skipped. Sums are exact, which is why neither
//! their order nor the number of threads matters.

use crate::workload::layer::{Conv, Matmul, Pooling};
use rayon::prelude::*;

/// Rows of the input that one task of a matrix product takes.
const PRODUCT_ROWS: usize = 16;

/// A convolution of `[N][H][W][C]` with weights `[K][C/groups][R][S]`; sums are `[N][Y][X][K]`, each started by its bias.
///
/// The caller has checked that lengths fit the shape and that sums fit 32 bits.
pub(super) fn convolve(conv: &Conv, input: &[i16], weights: &[i8], biases: &[i32]) -> Vec<i32> {
    let [rows, cols] = conv.output().unwrap_or_default().map(|v| v as usize);
    let image = conv.H as usize * conv.W as usize * conv.C as usize;
    let line = cols * biases.len();
    let mut sums = vec![0; conv.N as usize * rows * line];
    let per_channel = conv.C == conv.groups;
    let weights = if per_channel {
        taps_outermost(conv, weights)
    } else {
        channels_innermost(conv, weights)
    };
    sums.par_chunks_mut(line.max(1)).enumerate().for_each(|(i, line)| {
        let (n, y) = (i / rows, i % rows);
        let maps = input.get(n * image..(n + 1) * image).unwrap_or_default();
        for pixel in line.chunks_mut(biases.len()) {
            pixel.copy_from_slice(biases);
        }
        if per_channel {
            depthwise_line(conv, maps, &weights, y, line);
        } else {
            dense_line(conv, maps, &weights, y, line);
        }
    });
    sums
}

/// The greatest input of each window of `[N][H][W][C]`, as `[N][Y][X][C]`; padded positions hold `padding`.
pub(super) fn greatest(pool: &Pooling, input: &[i8], padding: i8) -> Vec<i8> {
    let [rows, cols] = pool.output().unwrap_or_default();
    let channels = pool.C as usize;
    let place = |at: u32, tap: u32, i: usize| {
        i64::from(at * pool.stride[i]) + i64::from(tap * pool.dilation[i]) - i64::from(pool.pad[i])
    };
    let pixel = |n: u32, row: i64, col: i64| {
        let inside = (0..i64::from(pool.H)).contains(&row) && (0..i64::from(pool.W)).contains(&col);
        let position = (i64::from(n) * i64::from(pool.H) + row) * i64::from(pool.W) + col;
        let start = usize::try_from(position).unwrap_or_default() * channels;
        inside.then(|| input.get(start..start + channels).unwrap_or_default())
    };
    let positions = (0..pool.N).flat_map(|n| (0..rows).flat_map(move |y| (0..cols).map(move |x| (n, y, x))));
    let window = |(n, y, x): (u32, u32, u32)| {
        let mut most = vec![i8::MIN; channels];
        for (r, s) in (0..pool.R).flat_map(|r| (0..pool.S).map(move |s| (r, s))) {
            match pixel(n, place(y, r, 0), place(x, s, 1)) {
                Some(values) => most.iter_mut().zip(values).for_each(|(m, &v)| *m = (*m).max(v)),
                None => most.iter_mut().for_each(|m| *m = (*m).max(padding)),
            }
        }
        most
    };
    positions.flat_map(window).collect()
}

/// Part of a transposed convolution's full output, from which padding is not cut off yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// First row and column.
    pub first: [usize; 2],
    /// Rows and columns.
    pub size: [usize; 2],
}

/// A transposed convolution of `[N][H][W][C]` with weights `[K][C/groups][R][S]`; sums are `[N][rows][columns][K]` of the
/// window, each started by its bias.
///
/// The caller has checked that lengths fit the shape and that sums fit 32 bits.
pub(super) fn transposed(conv: &Conv, window: Window, input: &[i16], weights: &[i8], biases: &[i32]) -> Vec<i32> {
    let [rows, cols] = window.size;
    let image = conv.H as usize * conv.W as usize * conv.C as usize;
    let line = cols * biases.len();
    let mut sums = vec![0; conv.N as usize * rows * line];
    let weights = channels_innermost(conv, weights);
    sums.par_chunks_mut(line.max(1)).enumerate().for_each(|(i, line)| {
        let (n, y) = (i / rows, i % rows + window.first[0]);
        let maps = input.get(n * image..(n + 1) * image).unwrap_or_default();
        for (x, sums) in line.chunks_mut(biases.len()).enumerate() {
            sums.copy_from_slice(biases);
            for (r, row) in reaching(conv, y, 0) {
                for (s, column) in reaching(conv, x + window.first[1], 1) {
                    let from = (row * conv.W as usize + column) * conv.C as usize;
                    let pixel = &maps[from..from + conv.C as usize];
                    add_tap(conv, pixel, &weights, r * conv.S as usize + s, sums);
                }
            }
        }
    });
    sums
}

/// Adds what one tap makes of one input position to the sums of one output position.
fn add_tap(conv: &Conv, pixel: &[i16], weights: &[i16], tap: usize, sums: &mut [i32]) {
    let (inputs, outputs) = ((conv.C / conv.groups) as usize, (conv.K / conv.groups) as usize);
    let filters = weights.chunks_exact(inputs * (conv.R * conv.S) as usize);
    for (k, (sum, filter)) in sums.iter_mut().zip(filters).enumerate() {
        let group = k / outputs * inputs;
        *sum += dot(&filter[tap * inputs..(tap + 1) * inputs], &pixel[group..group + inputs]);
    }
}

/// The taps that reach row `at` of a transposed convolution's full output, each with the input row that it comes from. `i` is
/// 0 for rows, 1 for columns.
fn reaching(conv: &Conv, at: usize, i: usize) -> impl Iterator<Item = (usize, usize)> {
    let (kernel, size) = ([conv.R, conv.S][i] as usize, [conv.H, conv.W][i] as usize);
    let (stride, dilation) = (conv.stride[i] as usize, conv.dilation[i] as usize);
    (0..kernel).filter_map(move |tap| {
        let scaled = at.checked_sub(tap * dilation)?;
        let row = scaled / stride;
        (scaled.is_multiple_of(stride) && row < size).then_some((tap, row))
    })
}

/// Matrix products of `[batch][M][K]` with weights `[N][K]`, or with `[batch][N][K]` where both operands are activations;
/// sums are `[batch][M][N]`. A bias belongs to each row of the second operand.
pub(super) fn products(product: &Matmul, input: &[i16], weights: &[i8], biases: &[i32]) -> Vec<i32> {
    let [rows, columns, length] = [product.M, product.N, product.K].map(|v| v as usize);
    if product.weights {
        return multiply(length, input, weights, biases);
    }
    let operands = input.chunks(rows * length).zip(weights.chunks(columns * length));
    let products = operands.zip(biases.chunks(columns));
    products
        .flat_map(|((input, weights), biases)| multiply(length, input, weights, biases))
        .collect()
}

/// A matrix product of rows of `length` elements with weights `[N][length]`; sums are rows of `[N]`.
fn multiply(length: usize, input: &[i16], weights: &[i8], biases: &[i32]) -> Vec<i32> {
    let weights: Vec<i16> = weights.iter().map(|&w| w.into()).collect();
    let mut sums = vec![0; input.len() / length.max(1) * biases.len()];
    let tasks = sums.par_chunks_mut(PRODUCT_ROWS * biases.len().max(1));
    tasks
        .zip(input.par_chunks(PRODUCT_ROWS * length.max(1)))
        .for_each(|(sums, rows)| {
            for (sums, row) in sums.chunks_mut(biases.len().max(1)).zip(rows.chunks(length.max(1))) {
                sums.copy_from_slice(biases);
                accumulate(sums, row, &weights);
            }
        });
    sums
}

/// Adds the product of `row` with each filter, one after the other in `filters`, to its sum.
fn accumulate(sums: &mut [i32], row: &[i16], filters: &[i16]) {
    for (sum, filter) in sums.iter_mut().zip(filters.chunks_exact(row.len().max(1))) {
        *sum += dot(filter, row);
    }
}

fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// `[K][C][R][S]` to `[K][R][S][C]`, C of one group.
fn channels_innermost(conv: &Conv, weights: &[i8]) -> Vec<i16> {
    let (channels, taps) = ((conv.C / conv.groups) as usize, (conv.R * conv.S) as usize);
    let filters = weights.chunks(channels * taps);
    let turned = filters.flat_map(|f| (0..taps).flat_map(move |t| f.iter().skip(t).step_by(taps)));
    turned.map(|&w| w.into()).collect()
}

/// `[K][1][R][S]` to `[R][S][K]`.
fn taps_outermost(conv: &Conv, weights: &[i8]) -> Vec<i16> {
    let taps = (conv.R * conv.S) as usize;
    let turned = (0..taps).flat_map(|t| weights.iter().skip(t).step_by(taps));
    turned.map(|&w| w.into()).collect()
}

/// Position in the input of tap `tap` at output `out`; `None` in the padding. `i` is 0 for rows, 1 for columns.
fn place(conv: &Conv, out: usize, tap: usize, i: usize) -> Option<usize> {
    let padded = out * conv.stride[i] as usize + tap * conv.dilation[i] as usize;
    let size = [conv.H, conv.W][i] as usize;
    padded.checked_sub(conv.pad[i] as usize).filter(|&p| p < size)
}

/// One row of outputs of a convolution whose groups have one input channel each.
fn depthwise_line(conv: &Conv, maps: &[i16], weights: &[i16], y: usize, line: &mut [i32]) {
    let (outputs, channels, multiplier) = (conv.K as usize, conv.C as usize, (conv.K / conv.C) as usize);
    for (tap, weights) in weights.chunks_exact(outputs).enumerate() {
        let (r, s) = (tap / conv.S as usize, tap % conv.S as usize);
        let Some(row) = place(conv, y, r, 0) else { continue };
        for (x, sums) in line.chunks_exact_mut(outputs).enumerate() {
            let Some(column) = place(conv, x, s, 1) else { continue };
            let from = (row * conv.W as usize + column) * channels;
            let pixel = &maps[from..from + channels];
            if multiplier == 1 {
                for ((sum, &w), &x) in sums.iter_mut().zip(weights).zip(pixel) {
                    *sum += i32::from(w) * i32::from(x);
                }
            } else {
                let groups = sums.chunks_exact_mut(multiplier).zip(weights.chunks_exact(multiplier));
                for ((sums, weights), &x) in groups.zip(pixel) {
                    for (sum, &w) in sums.iter_mut().zip(weights) {
                        *sum += i32::from(w) * i32::from(x);
                    }
                }
            }
        }
    }
}

/// One row of outputs of any other convolution.
fn dense_line(conv: &Conv, maps: &[i16], weights: &[i16], y: usize, line: &mut [i32]) {
    let groups = conv.groups as usize;
    let (inputs, outputs) = (conv.C as usize / groups, conv.K as usize / groups);
    let length = inputs * (conv.R * conv.S) as usize;
    let mut patch = vec![0; length];
    for (x, sums) in line.chunks_exact_mut(conv.K as usize).enumerate() {
        let filters = weights.chunks_exact(length * outputs);
        for (g, (sums, filters)) in sums.chunks_exact_mut(outputs).zip(filters).enumerate() {
            gather(conv, maps, [y, x], g * inputs, &mut patch);
            accumulate(sums, &patch, filters);
        }
    }
}

/// The inputs of one group under the kernel, in the order of the weights; padding is zero.
fn gather(conv: &Conv, maps: &[i16], [y, x]: [usize; 2], first: usize, patch: &mut [i16]) {
    let inputs = (conv.C / conv.groups) as usize;
    for (tap, to) in patch.chunks_exact_mut(inputs).enumerate() {
        let (r, s) = (tap / conv.S as usize, tap % conv.S as usize);
        if let (Some(row), Some(column)) = (place(conv, y, r, 0), place(conv, x, s, 1)) {
            let from = (row * conv.W as usize + column) * conv.C as usize + first;
            to.copy_from_slice(&maps[from..from + inputs]);
        } else {
            to.fill(0);
        }
    }
}
