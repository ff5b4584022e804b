//! Operators that stay on the host: moves of elements, softmax.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{SoftmaxForm, Tensor};

/// Exchanges the two inner axes of `[..][rows][columns]`.
pub(super) fn swap_axes<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for matrix in values.chunks((rows * columns).max(1)) {
        for column in 0..columns {
            out.extend(matrix.iter().skip(column).step_by(columns).copied());
        }
    }
    out
}

/// Distance of neighbours along each axis.
fn strides(shape: &[u32]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i] as usize;
    }
    strides
}

/// Axis `i` of the result is axis `order[i]` of the input.
pub(super) fn transpose(shape: &[u32], order: &[usize], x: &[i8]) -> Result<Vec<i8>> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..shape.len()) {
        return Err(Diagnostic::new(
            Code::Malformed,
            format!("{order:?} is no order of axes"),
        ));
    }
    let from = strides(shape);
    let axes: Vec<(usize, usize)> = order.iter().map(|&a| (shape[a] as usize, from[a])).collect();
    let mut places = vec![0];
    for (extent, stride) in axes {
        places = places
            .into_iter()
            .flat_map(|p| (0..extent).map(move |i| p + i * stride))
            .collect();
    }
    Ok(places.into_iter().filter_map(|p| x.get(p).copied()).collect())
}

/// The tensor with `fill` around it.
pub(super) fn pad(shape: &[u32], pads: &[[u32; 2]], fill: i8, x: &[i8]) -> Result<Vec<i8>> {
    if pads.len() != shape.len() {
        return Err(Diagnostic::new(
            Code::Malformed,
            "padding of another rank than its tensor",
        ));
    }
    let padded: Vec<u32> = shape
        .iter()
        .zip(pads)
        .map(|(&d, p)| d.saturating_add(p[0]).saturating_add(p[1]))
        .collect();
    let to = strides(&padded);
    let mut out = vec![fill; padded.iter().map(|&d| d as usize).product()];
    let Some((&last, outer)) = shape.split_last() else {
        return Ok(x.to_vec());
    };
    let mut starts = vec![pads.last().map_or(0, |p| p[0] as usize)];
    for ((&extent, stride), pad) in outer.iter().zip(&to).zip(pads) {
        let first = pad[0] as usize;
        starts = starts
            .into_iter()
            .flat_map(|p| (first..first + extent as usize).map(move |i| p + i * stride))
            .collect();
    }
    // Outer axes were spread one after the other, so the starts are in the order of the input's rows.
    for (start, row) in starts.into_iter().zip(x.chunks(last as usize)) {
        out[start..start + row.len()].copy_from_slice(row);
    }
    Ok(out)
}

/// The operands one after the other along an axis.
pub(super) fn concat(operands: &[(&Tensor, &[i8])], axis: usize) -> Result<Vec<i8>> {
    let mut pieces = Vec::with_capacity(operands.len());
    for (tensor, values) in operands {
        let inner = tensor
            .shape
            .get(axis..)
            .map(|s| s.iter().map(|&d| d as usize).product::<usize>());
        let inner = inner
            .filter(|&inner| inner > 0)
            .ok_or_else(|| Diagnostic::new(Code::Malformed, format!("no axis {axis} to concatenate along")))?;
        pieces.push(values.chunks(inner));
    }
    let mut out = Vec::new();
    loop {
        let before = out.len();
        for piece in &mut pieces {
            out.extend_from_slice(piece.next().unwrap_or_default());
        }
        if out.len() == before {
            return Ok(out);
        }
    }
}

/// Softmax over the last axis.
pub(super) fn softmax(form: SoftmaxForm, from: &Tensor, to: &Tensor, x: &[i8]) -> Vec<i8> {
    let last = from.shape.last().map_or(1, |&d| d as usize).max(1);
    let rows = x.chunks(last);
    match form {
        SoftmaxForm::Fixed { multiplier, shift } => {
            rows.flat_map(|row| fixed_softmax(row, multiplier, shift)).collect()
        }
        SoftmaxForm::Table { step } => {
            let table = exponentials(step);
            rows.flat_map(|row| table_softmax(row, &table, to)).collect()
        }
    }
}

/// `exp(-step * i)` for i = 0 to 255, in float32.
fn exponentials(step: f32) -> Vec<f32> {
    #[expect(
        clippy::disallowed_methods,
        reason = "on the host; rounding to float32 hides the last bit of float64"
    )]
    let exp = |i: u16| f64::from(-step * f32::from(i)).exp() as f32;
    (0..=255).map(exp).collect()
}

/// TFLite's default kernel: a float32 sum in the order of the elements.
fn table_softmax(row: &[i8], table: &[f32], to: &Tensor) -> Vec<i8> {
    let greatest = row.iter().copied().max().unwrap_or_default();
    let power = |v: i8| {
        table
            .get(usize::from(greatest.abs_diff(v)))
            .copied()
            .unwrap_or_default()
    };
    let total = row.iter().fold(0f32, |sum, &v| sum + power(v));
    let inverse = 1.0 / (total * to.scale);
    let one = |&v: &i8| {
        let units = i64::from((power(v) * inverse + 0.5) as i32) + i64::from(to.zero_point);
        units.clamp(i8::MIN.into(), i8::MAX.into()) as i8
    };
    row.iter().map(one).collect()
}

const MAX: i64 = i32::MAX as i64;
const MIN: i64 = i32::MIN as i64;

/// The rounded high word of the doubled product.
fn high(a: i64, b: i64) -> i64 {
    if a == MIN && b == MIN {
        return MAX;
    }
    (a * b + (1 << 30)) >> 31
}

/// `x / 2^r` to nearest, halves away from zero.
fn quotient(x: i64, r: u32) -> i64 {
    match r {
        0 => x,
        1..=62 => (x + (1 << (r - 1)) - i64::from(x < 0)) >> r,
        _ => 0,
    }
}

fn saturating_shl(x: i64, n: u32) -> i64 {
    (x << n).clamp(MIN, MAX)
}

/// `exp(d / 2^26)` for `d <= 0` with 31 fraction bits: a polynomial of degree 4 around -1/8, and a constant factor for each
/// power of two from 1/4 to 16 in the rest.
fn fixed_exp(d: i64) -> i64 {
    const FACTORS: [i64; 7] = [
        1_672_461_947,
        1_302_514_674,
        790_015_084,
        290_630_308,
        39_332_535,
        720_401,
        242,
    ];
    const THIRD: i64 = 715_827_883;
    const EXP_EIGHTH: i64 = 1_895_147_668;
    const QUARTER: i64 = 1 << 24;
    if d == 0 {
        return MAX;
    }
    let within = (d & (QUARTER - 1)) - QUARTER;
    let x = (within << 5) + (1 << 28);
    let x2 = high(x, x);
    let (x3, x4) = (high(x2, x), high(x2, x2));
    let tail = quotient(high(quotient(x4, 2) + x3, THIRD) + x2, 1);
    let start = EXP_EIGHTH + high(EXP_EIGHTH, x + tail);
    let rest = within - d;
    let factors = FACTORS.iter().enumerate();
    factors.fold(
        start,
        |r, (i, &f)| if rest & (1 << (24 + i)) == 0 { r } else { high(r, f) },
    )
}

/// TFLite's reference kernel: fixed point throughout, output scale 1/256 and zero point -128.
fn fixed_softmax(row: &[i8], multiplier: u32, shift: u8) -> Vec<i8> {
    let left = u32::from(shift.min(31));
    let greatest = i64::from(row.iter().copied().max().unwrap_or_default());
    // Beyond this difference the scaled one would overflow; the output is zero there.
    let least = -((31i64 << 26) >> left);
    let power = |v: i8| {
        let d = i64::from(v) - greatest;
        (d >= least).then(|| fixed_exp(high(d << left, multiplier.into())))
    };
    let total: i64 = row.iter().filter_map(|&v| power(v)).map(|e| quotient(e, 12)).sum();
    let zeros = (total.max(1) as u64).leading_zeros().saturating_sub(32);
    let reciprocal = reciprocal(((total << zeros) - (1 << 31) + MAX + 1) >> 1);
    let one = |&v: &i8| {
        let Some(e) = power(v) else { return i8::MIN };
        // 12 integer bits less the normalisation, and 31 - 8 for an output in 1/256.
        let units = quotient(high(reciprocal, e), 12 + 31 - 8 - zeros.min(35)) - 128;
        units.clamp(i8::MIN.into(), i8::MAX.into()) as i8
    };
    row.iter().map(one).collect()
}

/// `1 / (2 * half)` with 31 fraction bits, `half` in 1/2..1 with 31 fraction bits: three Newton steps from 48/17 - 32/17 half.
fn reciprocal(half: i64) -> i64 {
    const START: i64 = 1_515_870_810;
    const SLOPE: i64 = -1_010_580_540;
    let mut r = START + high(half, SLOPE);
    for _ in 0..3 {
        r += saturating_shl(high(r, (1 << 29) - high(half, r)), 2);
    }
    saturating_shl(r, 1)
}

/// `log(softmax(x))` over rows of `last` elements, in float32; not compared bit by bit with any runtime.
#[must_use]
pub fn log_softmax(x: &[f32], last: usize) -> Vec<f32> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a host operator whose last bit is no runtime's"
    )]
    let row = |row: &[f32]| -> Vec<f32> {
        let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = row.iter().map(|v| (v - greatest).exp()).sum();
        row.iter().map(|v| v - greatest - total.ln()).collect()
    };
    x.chunks(last.max(1)).flat_map(row).collect()
}
