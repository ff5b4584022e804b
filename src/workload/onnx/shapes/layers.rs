//! The operators that multiply: their output shapes, and the layers that they are.

use super::super::{malformed, unsupported};
use super::infer::{Rule, broadcast};
use super::{Operation, Value};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::layer::{Conv, Matmul, Shape};

/// The layer that an operation is; none if it multiplies nothing by weights.
pub(super) fn shape(rule: Rule, o: &Operation) -> Result<Option<Shape>> {
    Ok(match rule {
        Rule::Conv => Some(Shape::Conv(conv(o)?)),
        Rule::ConvTranspose => Some(Shape::Conv(transposed(o)?.0)),
        Rule::Gemm => Some(Shape::Matmul(gemm(o)?)),
        Rule::MatMul => Some(Shape::Matmul(product(o)?)),
        _ => None,
    })
}

/// A window over the rows and columns of a map; one-dimensional maps have one row.
pub(super) struct Window {
    kernel: [u32; 2],
    stride: [u32; 2],
    pad: [u32; 4],
    dilation: [u32; 2],
}

/// Batch and channels, rows and columns of the first input.
pub(super) fn map_of(o: &Operation) -> Result<([u32; 2], [u32; 2])> {
    match *o.input(0)?.shape.as_slice() {
        [n, c, w] => Ok(([n, c], [1, w])),
        [n, c, h, w] => Ok(([n, c], [h, w])),
        _ => {
            let shape = &o.input(0)?.shape;
            Err(
                unsupported(format!("{} of a tensor of shape {shape:?}", o.node.op_type))
                    .expected("batch, channels, and one or two sides"),
            )
        }
    }
}

impl Window {
    /// The window of a pooling operator.
    pub fn pool(o: &Operation) -> Result<Self> {
        let (_, input) = map_of(o)?;
        let flat = o.input(0)?.shape.len() == 3;
        Self::new(o, flat, input, Self::side(o, "kernel_shape", flat)?)
    }

    fn new(o: &Operation, flat: bool, input: [u32; 2], kernel: [u32; 2]) -> Result<Self> {
        let stride = Self::side(o, "strides", flat)?;
        let dilation = Self::side(o, "dilations", flat)?;
        let explicit = matches!(o.attributes.text("auto_pad", "NOTSET").as_str(), "NOTSET" | "");
        let pad = if flat && explicit {
            let [left, right] = o.attributes.sizes("pads", 0, 0)?;
            [0, left, 0, right]
        } else {
            o.attributes.padding(input, kernel, stride, dilation)?
        };
        Ok(Self {
            kernel,
            stride,
            pad,
            dilation,
        })
    }

    fn side(o: &Operation, name: &str, flat: bool) -> Result<[u32; 2]> {
        if flat {
            let [along] = o.attributes.sizes(name, 1, 1)?;
            return Ok([1, along]);
        }
        o.attributes.sizes(name, 1, 1)
    }

    /// Rows and columns of the output. With `up`, a window that begins inside the map or its leading padding may end
    /// outside.
    pub fn output(&self, input: [u32; 2], up: bool) -> Result<[u32; 2]> {
        let side = |i: usize| -> Option<u32> {
            let [before, after] = [self.pad[i], self.pad[i + 2]].map(u64::from);
            let (extent, stride) = (u64::from(input[i]), u64::from(self.stride[i]));
            let reach = u64::from(self.dilation[i]) * u64::from(self.kernel[i].checked_sub(1)?) + 1;
            let room = (extent + before + after).checked_sub(reach)?;
            let steps = if up { room.div_ceil(stride) } else { room / stride };
            let begins_inside = steps * stride < extent + before;
            u32::try_from(if up && !begins_inside { steps } else { steps + 1 }).ok()
        };
        let small = || Diagnostic::new(Code::BadSize, "a window does not fit its padded input");
        Ok([side(0).ok_or_else(small)?, side(1).ok_or_else(small)?])
    }
}

/// The weights of a convolution: constant, with as many sides as the input.
fn weights<'a>(o: &Operation<'a>) -> Result<(&'a Value, [u32; 4])> {
    let (value, rank) = (o.input(1)?, o.input(0)?.shape.len());
    if !value.constant && !o.input(0)?.constant {
        return Err(unsupported("the weights of a convolution are computed").expected("constant weights"));
    }
    match *value.shape.as_slice() {
        [k, c, s] if rank == 3 => Ok((value, [k, c, 1, s])),
        [k, c, r, s] if rank == 4 => Ok((value, [k, c, r, s])),
        _ => Err(unsupported(format!("weights of shape {:?}", value.shape))
            .expected("two channel dimensions, and as many sides as the input")),
    }
}

fn groups(o: &Operation) -> Result<u32> {
    let group = o.attributes.int("group", 1);
    u32::try_from(group)
        .ok()
        .filter(|&g| g > 0)
        .ok_or_else(|| malformed(format!("`group` is {group}")))
}

fn conv(o: &Operation) -> Result<Conv> {
    let ([n, c], input) = map_of(o)?;
    let (value, [k, per_group, r, s]) = weights(o)?;
    let groups = groups(o)?;
    if u64::from(per_group) * u64::from(groups) != u64::from(c) {
        return Err(malformed(format!(
            "{groups} groups of {per_group} channels do not make the input's {c}"
        )));
    }
    let window = Window::new(o, value.shape.len() == 3, input, [r, s])?;
    Ok(Conv {
        N: n,
        K: k,
        C: c,
        H: input[0],
        W: input[1],
        R: r,
        S: s,
        stride: window.stride,
        pad: window.pad,
        dilation: window.dilation,
        groups,
        transposed: false,
    })
}

pub(super) fn conv_output(o: &Operation) -> Result<Vec<u32>> {
    let conv = conv(o)?;
    Shape::Conv(conv).check()?;
    Ok(sides(o, conv.N, conv.K, conv.output().unwrap_or_default()))
}

/// The shape of a map that has as many sides as the first input.
fn sides(o: &Operation, n: u32, k: u32, [rows, columns]: [u32; 2]) -> Vec<u32> {
    match o.inputs.first() {
        Some(Some(value)) if value.shape.len() == 3 => vec![n, k, columns],
        _ => vec![n, k, rows, columns],
    }
}

/// A transposed convolution and its output's rows and columns.
fn transposed(o: &Operation) -> Result<(Conv, [u32; 2])> {
    let ([n, c], input) = map_of(o)?;
    let (value, [weights_c, per_group, r, s]) = weights(o)?;
    let (flat, groups) = (value.shape.len() == 3, groups(o)?);
    if weights_c != c {
        return Err(malformed(format!("weights of {weights_c} inputs for {c} channels")));
    }
    if o.attributes.get("output_shape").is_some()
        || !matches!(o.attributes.text("auto_pad", "NOTSET").as_str(), "NOTSET" | "")
    {
        return Err(unsupported(
            "a transposed convolution that gives its output's shape instead of pads",
        ));
    }
    let mut window = Window::new(o, flat, input, [r, s])?;
    let more = if flat {
        let [along] = o.attributes.sizes("output_padding", 0, 0)?;
        [0, along]
    } else {
        o.attributes.sizes("output_padding", 0, 0)?
    };
    let side = |i: usize| -> Option<u32> {
        let reach = u128::from(window.dilation[i]) * u128::from(window.kernel[i].checked_sub(1)?) + 1;
        let whole = u128::from(window.stride[i]) * u128::from(input[i].checked_sub(1)?) + reach;
        let cut = u128::from(window.pad[i]) + u128::from(window.pad[i + 2]);
        u32::try_from((whole + u128::from(more[i])).checked_sub(cut)?).ok()
    };
    let (Some(rows), Some(columns)) = (side(0), side(1)) else {
        return Err(Diagnostic::new(
            Code::BadSize,
            "the padding of a transposed convolution exceeds its output",
        ));
    };
    // Rows added behind the output are rows that the padding does not take away; no tap reaches further ones.
    for (pad, more) in window.pad[2..].iter_mut().zip(more) {
        *pad = pad.saturating_sub(more);
    }
    let k = per_group
        .checked_mul(groups)
        .ok_or_else(|| Diagnostic::new(Code::BadSize, "an extent overflows"))?;
    let conv = Conv {
        N: n,
        K: k,
        C: c,
        H: input[0],
        W: input[1],
        R: r,
        S: s,
        stride: window.stride,
        pad: window.pad,
        dilation: window.dilation,
        groups,
        transposed: true,
    };
    Ok((conv, [rows, columns]))
}

pub(super) fn transposed_output(o: &Operation) -> Result<Vec<u32>> {
    let (conv, output) = transposed(o)?;
    Ok(sides(o, conv.N, conv.K, output))
}

/// Rows, columns and the length of the sums of a product of two matrices, each transposed or not.
fn gemm(o: &Operation) -> Result<Matmul> {
    let matrix = |i: usize, name: &str| -> Result<[u32; 2]> {
        match *o.input(i)?.shape.as_slice() {
            [a, b] if o.attributes.int(name, 0) != 0 => Ok([b, a]),
            [a, b] => Ok([a, b]),
            _ => Err(o.unfit(i, "a matrix")),
        }
    };
    let ([m, k], [inner, n]) = (matrix(0, "transA")?, matrix(1, "transB")?);
    same_sums(k, inner)?;
    Ok(oriented(o.input(0)?.constant, o.input(1)?.constant, [1, m, n, k]))
}

fn same_sums(k: u32, inner: u32) -> Result<()> {
    if k == inner {
        return Ok(());
    }
    Err(malformed(format!("rows of {k} by columns of {inner} elements")))
}

/// A product whose second operand is the constant one, if any is: `(A B)^T = B^T A^T`.
fn oriented(first: bool, second: bool, [batch, m, n, k]: [u32; 4]) -> Matmul {
    let (m, n) = if first && !second { (n, m) } else { (m, n) };
    Matmul {
        batch,
        M: m,
        N: n,
        K: k,
        weights: first || second,
    }
}

pub(super) fn gemm_output(o: &Operation) -> Result<Vec<u32>> {
    // The output has the file's orientation, whichever operand is constant.
    let at = |i: usize, name: &str, last: bool| -> Option<u32> {
        let shape = &o.optional(i)?.shape;
        let swapped = o.attributes.int(name, 0) != 0;
        shape.get(usize::from(last != swapped)).copied()
    };
    gemm(o)?;
    Ok([at(0, "transA", false), at(1, "transB", true)]
        .into_iter()
        .flatten()
        .collect())
}

/// Both operands of a matrix product with at least two dimensions: a vector is a row, or a column.
fn operands(o: &Operation) -> Result<[Vec<u32>; 2]> {
    let (mut a, mut b) = (o.input(0)?.shape.clone(), o.input(1)?.shape.clone());
    if a.len() == 1 {
        a.insert(0, 1);
    }
    if b.len() == 1 {
        b.push(1);
    }
    if a.len() < 2 || b.len() < 2 {
        return Err(o.unfit(usize::from(a.len() >= 2), "a vector, a matrix or a stack of them"));
    }
    same_sums(a[a.len() - 1], b[b.len() - 2])?;
    Ok([a, b])
}

pub(super) fn product_output(o: &Operation) -> Result<Vec<u32>> {
    let [a, b] = operands(o)?;
    let (rows, columns) = (a[a.len() - 2], b[b.len() - 1]);
    let mut shape = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
    if o.input(0)?.shape.len() > 1 {
        shape.push(rows);
    }
    if o.input(1)?.shape.len() > 1 {
        shape.push(columns);
    }
    Ok(shape)
}

fn product(o: &Operation) -> Result<Matmul> {
    let [a, b] = operands(o)?;
    let too_large = || Diagnostic::new(Code::BadSize, "the extents of a matrix product overflow");
    let count = |dims: &[u32]| {
        let product = dims.iter().try_fold(1u32, |n, &d| n.checked_mul(d));
        product.ok_or_else(too_large)
    };
    let (outer_a, outer_b) = (&a[..a.len() - 2], &b[..b.len() - 2]);
    let [m, k, n] = [a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]];
    let (first, second) = (o.input(0)?.constant, o.input(1)?.constant);
    let stacked = count(if second { outer_b } else { outer_a })?;
    if (first || second) && stacked > 1 {
        return Err(unsupported(format!("{stacked} matrices of weights in one product"))
            .expected("one matrix of weights, shared by all products"));
    }
    Ok(match (first, second) {
        // The other operand's stack is more rows (or columns) of one product.
        (_, true) => oriented(
            first,
            true,
            [1, count(outer_a)?.checked_mul(m).ok_or_else(too_large)?, n, k],
        ),
        (true, false) => oriented(
            true,
            false,
            [1, m, count(outer_b)?.checked_mul(n).ok_or_else(too_large)?, k],
        ),
        (false, false) => oriented(false, false, [count(&broadcast(outer_a, outer_b)?)?, m, n, k]),
    })
}
