//! Shape inference: one rule per operator, from the extents of its inputs to those of its outputs.
//!
//! Rules follow the operators' definitions in the ONNX specification (onnx/docs/Operators.md), for the operator sets from 9 on.

use super::super::attributes::Attributes;
use super::super::{constant, malformed, unsupported};
use super::{Operation, extents, layers};
use crate::base::diag::{Code, Diagnostic, Result};

/// How an operator's output shapes follow from its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Conv,
    ConvTranspose,
    Gemm,
    MatMul,
    Constant,
    /// As the first input.
    Same,
    /// As the first input, one integer per element.
    Numbers,
    /// All inputs broadcast.
    Broadcast,
    Pool,
    GlobalPool,
    Reduce,
    Reshape,
    Flatten,
    Transpose,
    Squeeze,
    Unsqueeze,
    Concat,
    Split,
    Slice,
    Gather,
    Expand,
    Tile,
    Pad,
    Resize,
    DepthToSpace,
    SpaceToDepth,
    Shape,
    Filled,
    Range,
}

/// Every operator that is understood.
const RULES: [(&str, Rule); 84] = [
    ("Conv", Rule::Conv),
    ("ConvTranspose", Rule::ConvTranspose),
    ("Gemm", Rule::Gemm),
    ("MatMul", Rule::MatMul),
    ("Constant", Rule::Constant),
    ("Abs", Rule::Same),
    ("BatchNormalization", Rule::Same),
    ("Ceil", Rule::Same),
    ("Celu", Rule::Same),
    ("Clip", Rule::Same),
    ("Cos", Rule::Same),
    ("Dropout", Rule::Same),
    ("Elu", Rule::Same),
    ("Erf", Rule::Same),
    ("Exp", Rule::Same),
    ("Floor", Rule::Same),
    ("Gelu", Rule::Same),
    ("GroupNormalization", Rule::Same),
    ("HardSigmoid", Rule::Same),
    ("HardSwish", Rule::Same),
    ("InstanceNormalization", Rule::Same),
    ("IsNaN", Rule::Same),
    ("LRN", Rule::Same),
    ("LayerNormalization", Rule::Same),
    ("LeakyRelu", Rule::Same),
    ("Log", Rule::Same),
    ("LogSoftmax", Rule::Same),
    ("Mish", Rule::Same),
    ("Not", Rule::Same),
    ("Reciprocal", Rule::Same),
    ("Relu", Rule::Same),
    ("Round", Rule::Same),
    ("Selu", Rule::Same),
    ("Sigmoid", Rule::Same),
    ("Sin", Rule::Same),
    ("Softmax", Rule::Same),
    ("Softplus", Rule::Same),
    ("Sqrt", Rule::Same),
    ("Tanh", Rule::Same),
    ("Cast", Rule::Numbers),
    ("Identity", Rule::Numbers),
    ("Neg", Rule::Numbers),
    ("Add", Rule::Broadcast),
    ("And", Rule::Broadcast),
    ("Div", Rule::Broadcast),
    ("Equal", Rule::Broadcast),
    ("Greater", Rule::Broadcast),
    ("Less", Rule::Broadcast),
    ("Max", Rule::Broadcast),
    ("Min", Rule::Broadcast),
    ("Mod", Rule::Broadcast),
    ("Mul", Rule::Broadcast),
    ("Or", Rule::Broadcast),
    ("PRelu", Rule::Broadcast),
    ("Pow", Rule::Broadcast),
    ("Sub", Rule::Broadcast),
    ("Where", Rule::Broadcast),
    ("AveragePool", Rule::Pool),
    ("MaxPool", Rule::Pool),
    ("GlobalAveragePool", Rule::GlobalPool),
    ("GlobalMaxPool", Rule::GlobalPool),
    ("ReduceL2", Rule::Reduce),
    ("ReduceMax", Rule::Reduce),
    ("ReduceMean", Rule::Reduce),
    ("ReduceMin", Rule::Reduce),
    ("ReduceSum", Rule::Reduce),
    ("Reshape", Rule::Reshape),
    ("Flatten", Rule::Flatten),
    ("Transpose", Rule::Transpose),
    ("Squeeze", Rule::Squeeze),
    ("Unsqueeze", Rule::Unsqueeze),
    ("Concat", Rule::Concat),
    ("Split", Rule::Split),
    ("Slice", Rule::Slice),
    ("Gather", Rule::Gather),
    ("Expand", Rule::Expand),
    ("Tile", Rule::Tile),
    ("Pad", Rule::Pad),
    ("Resize", Rule::Resize),
    ("DepthToSpace", Rule::DepthToSpace),
    ("SpaceToDepth", Rule::SpaceToDepth),
    ("Shape", Rule::Shape),
    ("ConstantOfShape", Rule::Filled),
    ("Range", Rule::Range),
];

impl Rule {
    /// The rule of an operator of the standard domain.
    pub fn of(operator: &str) -> Option<Self> {
        RULES.iter().find(|r| r.0 == operator).map(|r| r.1)
    }

    /// Every operator that has a rule.
    pub fn names() -> Vec<&'static str> {
        RULES.iter().map(|r| r.0).collect()
    }

    /// Extents of the operation's outputs.
    pub fn shapes(self, o: &Operation) -> Result<Vec<Vec<u32>>> {
        Ok(vec![match self {
            Self::Split => return split(o),
            Self::Pool => {
                let shape = pool(o)?;
                // Maximum pooling may also tell where the greatest values were.
                return Ok(vec![shape.clone(), shape]);
            }
            Self::Conv => layers::conv_output(o)?,
            Self::ConvTranspose => layers::transposed_output(o)?,
            Self::Gemm => layers::gemm_output(o)?,
            Self::MatMul => layers::product_output(o)?,
            Self::Constant => constant_list(o),
            Self::Same | Self::Numbers => o.input(0)?.shape.clone(),
            Self::Broadcast => broadcast_all(o)?,
            Self::GlobalPool => global_pool(o)?,
            Self::Reduce => reduce(o)?,
            Self::Reshape => reshape(o)?,
            Self::Flatten => flatten(o)?,
            Self::Transpose => transpose(o)?,
            Self::Squeeze => squeeze(o)?,
            Self::Unsqueeze => unsqueeze(o)?,
            Self::Concat => concat(o)?,
            Self::Slice => slice(o)?,
            Self::Gather => gather(o)?,
            Self::Expand => broadcast(&o.input(0)?.shape, &target(o)?)?,
            Self::Tile => tile(o)?,
            Self::Pad => pad(o)?,
            Self::Resize => resize(o)?,
            Self::DepthToSpace => blocks(o, true)?,
            Self::SpaceToDepth => blocks(o, false)?,
            Self::Shape => vec![super::values::range_of(o)?.len() as u32],
            Self::Filled => extents(o.ints(0)?.unwrap_or_default())?,
            Self::Range => vec![super::values::range(o)?.len() as u32],
        }])
    }
}

fn overflow() -> Diagnostic {
    Diagnostic::new(Code::BadSize, "an extent overflows")
}

/// A position counted from the end if negative, as an index below `rank`.
pub(super) fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 {
        axis.saturating_add_unsigned(rank as u64)
    } else {
        axis
    };
    usize::try_from(from_start)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| malformed(format!("axis {axis} of a tensor of rank {rank}")))
}

fn axes_of(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    axes.iter().map(|&a| axis_of(a, rank)).collect()
}

/// A `Constant` whose value is a number or a list.
fn constant_list(o: &Operation) -> Vec<u32> {
    let lists = [("value_ints", true), ("value_floats", false)];
    for (name, ints) in lists {
        if let Some(a) = o.attributes.get(name) {
            return vec![if ints { a.ints.len() } else { a.floats.len() } as u32];
        }
    }
    Vec::new()
}

/// The shape that two shapes broadcast to.
pub(super) fn broadcast(a: &[u32], b: &[u32]) -> Result<Vec<u32>> {
    let rank = a.len().max(b.len());
    let along = |s: &[u32], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |at| s[at]);
    let one = |i: usize| match (along(a, i), along(b, i)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(malformed(format!("shapes {a:?} and {b:?} do not broadcast"))),
    };
    (0..rank).map(one).collect()
}

fn broadcast_all(o: &Operation) -> Result<Vec<u32>> {
    o.inputs
        .iter()
        .flatten()
        .try_fold(Vec::new(), |shape, v| broadcast(&shape, &v.shape))
}

/// Batch, channels, and one or two sides of a feature map.
fn pool(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let window = layers::Window::pool(o)?;
    let sides = window.output(layers::map_of(o)?.1, o.attributes.int("ceil_mode", 0) != 0)?;
    Ok([&shape[..2], &sides[4 - shape.len()..]].concat())
}

fn global_pool(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    if shape.len() < 3 {
        return Err(o.unfit(0, "batch, channels and at least one side"));
    }
    Ok([&shape[..2], &vec![1; shape.len() - 2]].concat())
}

fn reduce(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let axes = o.list("axes", 1)?.unwrap_or_default();
    let keep = o.attributes.int("keepdims", 1) != 0;
    let none = axes.is_empty();
    if none && o.attributes.int("noop_with_empty_axes", 0) != 0 {
        return Ok(shape.clone());
    }
    let axes = axes_of(&axes, shape.len())?;
    let reduced = |i: &usize| none || axes.contains(i);
    Ok((0..shape.len())
        .filter(|i| keep || !reduced(i))
        .map(|i| if reduced(&i) { 1 } else { shape[i] })
        .collect())
}

/// The shape that a second input tells.
fn target(o: &Operation) -> Result<Vec<u32>> {
    extents(o.ints(1)?.unwrap_or_default())
}

fn elements(shape: &[u32]) -> Result<u64> {
    shape
        .iter()
        .try_fold(1u64, |n, &d| n.checked_mul(d.into()))
        .ok_or_else(overflow)
}

fn reshape(o: &Operation) -> Result<Vec<u32>> {
    let from = &o.input(0)?.shape;
    let wanted = o.list("shape", 1)?.unwrap_or_default();
    let copies = o.attributes.int("allowzero", 0) == 0;
    let unfit = || {
        malformed(format!("a tensor of shape {from:?} reshaped to {wanted:?}"))
            .expected("the same number of elements, at most one extent of -1")
    };
    let mut open = None;
    let mut shape = Vec::with_capacity(wanted.len());
    for (i, &d) in wanted.iter().enumerate() {
        shape.push(match d {
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            0 if copies => *from.get(i).ok_or_else(unfit)?,
            _ => u32::try_from(d).map_err(|_| unfit())?,
        });
    }
    let (all, rest) = (elements(from)?, elements(&shape)?);
    if let Some(i) = open {
        let missing = all.checked_div(rest).filter(|m| m * rest == all).ok_or_else(unfit)?;
        shape[i] = u32::try_from(missing).map_err(|_| overflow())?;
    } else if all != rest {
        return Err(unfit());
    }
    Ok(shape)
}

fn flatten(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let at = match o.attributes.int("axis", 1) {
        axis if axis == shape.len() as i64 => shape.len(),
        axis => axis_of(axis, shape.len())?,
    };
    let (rows, columns) = shape.split_at(at);
    let side = |s: &[u32]| u32::try_from(elements(s)?).map_err(|_| overflow());
    Ok(vec![side(rows)?, side(columns)?])
}

fn transpose(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let Some(perm) = o.attributes.get("perm") else {
        return Ok(shape.iter().rev().copied().collect());
    };
    let axes = axes_of(&perm.ints, shape.len())?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if sorted.into_iter().ne(0..shape.len()) {
        return Err(malformed(format!("`perm` {:?} is no permutation", perm.ints)));
    }
    Ok(axes.into_iter().map(|a| shape[a]).collect())
}

fn squeeze(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let axes = match o.list("axes", 1)? {
        Some(axes) => axes_of(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
    };
    if axes.iter().any(|&a| shape[a] != 1) {
        return Err(o.unfit(0, "extents of 1 where it is squeezed"));
    }
    Ok((0..shape.len())
        .filter(|i| !axes.contains(i))
        .map(|i| shape[i])
        .collect())
}

fn unsqueeze(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let axes = o.list("axes", 1)?.unwrap_or_default();
    let rank = shape.len() + axes.len();
    let axes = axes_of(&axes, rank)?;
    let mut rest = shape.iter();
    let whole: Vec<u32> = (0..rank)
        .map_while(|i| {
            if axes.contains(&i) {
                Some(1)
            } else {
                rest.next().copied()
            }
        })
        .collect();
    if whole.len() != rank || rest.next().is_some() {
        return Err(malformed("an axis of Unsqueeze is named twice"));
    }
    Ok(whole)
}

fn concat(o: &Operation) -> Result<Vec<u32>> {
    let mut shape = o.input(0)?.shape.clone();
    let axis = axis_of(o.attributes.int("axis", 0), shape.len())?;
    for value in o.inputs.iter().flatten().skip(1) {
        let fits =
            value.shape.len() == shape.len() && (0..shape.len()).all(|i| i == axis || value.shape[i] == shape[i]);
        if !fits {
            return Err(malformed(format!(
                "shapes {shape:?} and {:?} cannot be joined along axis {axis}",
                value.shape
            )));
        }
        shape[axis] = shape[axis].checked_add(value.shape[axis]).ok_or_else(overflow)?;
    }
    Ok(shape)
}

fn split(o: &Operation) -> Result<Vec<Vec<u32>>> {
    let shape = &o.input(0)?.shape;
    let axis = axis_of(o.attributes.int("axis", 0), shape.len())?;
    let parts = o.node.output.len().max(1) as u32;
    let sizes = if let Some(sizes) = o.list("split", 1)? {
        extents(&sizes)?
    } else {
        // Equal parts, the last one smaller if they do not divide.
        let part = shape[axis].div_ceil(parts);
        (0..parts)
            .map(|i| part.min(shape[axis].saturating_sub(i.saturating_mul(part))))
            .collect()
    };
    if sizes.iter().map(|&s| u64::from(s)).sum::<u64>() != u64::from(shape[axis]) {
        return Err(malformed(format!("parts of {sizes:?} do not make {}", shape[axis])));
    }
    let part = |size: u32| {
        let mut part = shape.clone();
        part[axis] = size;
        part
    };
    Ok(sizes.into_iter().map(part).collect())
}

/// First index, step and number of the elements that `Slice` takes along an axis of `extent`.
pub(super) fn sliced(extent: u32, start: i64, end: i64, step: i64) -> Result<(i64, i64, u32)> {
    let extent = i64::from(extent);
    let (low, high) = if step < 0 { (-1, extent - 1) } else { (0, extent) };
    let bound = |v: i64| {
        let v = if v < 0 { v.saturating_add(extent) } else { v };
        v.clamp(low, high)
    };
    let (start, end) = (bound(start), bound(end));
    let distance = if step < 0 { start - end } else { end - start };
    let count = match step.unsigned_abs() {
        0 => return Err(malformed("a step of Slice is zero")),
        step => u64::try_from(distance).unwrap_or(0).div_ceil(step),
    };
    Ok((start, step, count as u32))
}

/// Axis, start, end and step of every axis that `Slice` cuts.
pub(super) fn cuts(o: &Operation) -> Result<Vec<(usize, [i64; 3])>> {
    let rank = o.input(0)?.shape.len();
    let starts = o.list("starts", 1)?.unwrap_or_default();
    let ends = o.list("ends", 2)?.unwrap_or_default();
    let axes = o.list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = o.ints(4)?.map_or_else(|| vec![1; starts.len()], <[i64]>::to_vec);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(malformed("starts, ends, axes and steps of Slice differ in number"));
    }
    let axes = axes_of(&axes, rank)?;
    Ok((0..starts.len())
        .map(|i| (axes[i], [starts[i], ends[i], steps[i]]))
        .collect())
}

fn slice(o: &Operation) -> Result<Vec<u32>> {
    let mut shape = o.input(0)?.shape.clone();
    for (axis, [start, end, step]) in cuts(o)? {
        shape[axis] = sliced(shape[axis], start, end, step)?.2;
    }
    Ok(shape)
}

fn gather(o: &Operation) -> Result<Vec<u32>> {
    let (data, indices) = (&o.input(0)?.shape, &o.input(1)?.shape);
    let axis = axis_of(o.attributes.int("axis", 0), data.len())?;
    Ok([&data[..axis], indices, &data[axis + 1..]].concat())
}

fn tile(o: &Operation) -> Result<Vec<u32>> {
    let (shape, times) = (&o.input(0)?.shape, target(o)?);
    if times.len() != shape.len() {
        return Err(o.unfit(0, "one repetition per dimension"));
    }
    let product = |(a, b): (&u32, u32)| a.checked_mul(b).ok_or_else(overflow);
    shape.iter().zip(times).map(product).collect()
}

fn pad(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let pads = o.list("pads", 1)?.unwrap_or_default();
    let axes = match o.ints(3)? {
        Some(axes) => axes_of(axes, shape.len())?,
        None => (0..shape.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(malformed(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let mut padded = shape.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let sum = i128::from(padded[axis]) + i128::from(pads[i]) + i128::from(pads[i + axes.len()]);
        padded[axis] = u32::try_from(sum).map_err(|_| overflow())?;
    }
    Ok(padded)
}

/// Sides that grow or shrink, by sizes or by factors.
fn resize(o: &Operation) -> Result<Vec<u32>> {
    let shape = &o.input(0)?.shape;
    let keeps = |name: &str| o.attributes.get(name).is_none();
    if !keeps("axes") || o.attributes.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return Err(unsupported("Resize of some axes, or with a kept aspect ratio"));
    }
    if let Some(sizes) = o.ints(3)?.filter(|s| !s.is_empty()) {
        return extents(sizes);
    }
    let name = o.node.input.get(2).map(String::as_str).unwrap_or_default();
    let tensor = o
        .tensors
        .get(name)
        .ok_or_else(|| unsupported("factors of Resize are computed"))?;
    let factors = constant::floats(tensor)?;
    if factors.len() != shape.len() {
        return Err(o.unfit(0, "one factor per dimension"));
    }
    let side = |(&extent, factor): (&u32, f32)| {
        let side = (f64::from(extent) * f64::from(factor)).floor();
        if (1.0..=f64::from(u32::MAX)).contains(&side) {
            Ok(side as u32)
        } else {
            Err(overflow())
        }
    };
    shape.iter().zip(factors).map(side).collect()
}

/// Channels to positions (`deep`), or back.
fn blocks(o: &Operation, deep: bool) -> Result<Vec<u32>> {
    let &[n, c, h, w] = o.input(0)?.shape.as_slice() else {
        return Err(o.unfit(0, "batch, channels, rows, columns"));
    };
    let [size] = block_size(&o.attributes)?;
    let area = size.checked_mul(size).ok_or_else(overflow)?;
    let times = |a: u32, b: u32| a.checked_mul(b).ok_or_else(overflow);
    match deep {
        true if c % area == 0 => Ok(vec![n, c / area, times(h, size)?, times(w, size)?]),
        false if h % size == 0 && w % size == 0 => Ok(vec![n, times(c, area)?, h / size, w / size]),
        _ => Err(o.unfit(0, "extents that the block size divides")),
    }
}

fn block_size(attributes: &Attributes) -> Result<[u32; 1]> {
    let size = attributes.int("blocksize", 0);
    u32::try_from(size)
        .ok()
        .filter(|&s| s > 0)
        .map(|s| [s])
        .ok_or_else(|| malformed(format!("`blocksize` is {size}")))
}
