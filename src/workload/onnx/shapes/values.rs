//! Integers that follow from shapes: what exporters compute with `Shape`, `Gather`, `Concat` and arithmetic before a
//! `Reshape` or `Pad`. Small tensors only; anything else is data and stays unknown.

use super::super::proto::{TensorProto, data_type};
use super::super::{constant, malformed, unsupported};
use super::infer::{self, Rule};
use super::{FOLLOWED, Operation, Value, extents};
use crate::base::diag::Result;

/// What is known of a constant tensor of the file.
pub(super) fn of(tensor: &TensorProto) -> Result<Value> {
    let shape = extents(&tensor.dims)?;
    let few = few(&shape);
    let ints = match tensor.data_type {
        _ if !few || tensor.data_location == 1 => None,
        _ if shape.contains(&0) => Some(Vec::new()),
        data_type::INT64 => Some(constant::int64s(tensor)?),
        data_type::INT32 => Some(constant::int32s(tensor)?.into_iter().map(i64::from).collect()),
        data_type::BOOL => Some(constant::bools(tensor)?.into_iter().map(i64::from).collect()),
        _ => None,
    };
    Ok(Value {
        shape,
        constant: true,
        ints,
    })
}

/// Whether a tensor is small enough to be followed.
fn few(shape: &[u32]) -> bool {
    let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d.into()));
    count.is_some_and(|n| n <= FOLLOWED)
}

/// Elements of `out`, each taken from the element of `from` (extents, elements) whose index `source` tells for its own.
fn take(
    (shape, ints): (&[u32], &[i64]),
    out: &[u32],
    source: impl Fn(&[usize], usize) -> Option<usize>,
) -> Option<Vec<i64>> {
    let count: usize = out.iter().map(|&d| d as usize).product();
    let mut index = vec![0usize; out.len()];
    let mut taken = Vec::with_capacity(count);
    for _ in 0..count {
        let mut at = 0;
        for (axis, &extent) in shape.iter().enumerate() {
            at = at * extent as usize + source(&index, axis)?;
        }
        taken.push(*ints.get(at)?);
        for (i, &extent) in index.iter_mut().zip(out).rev() {
            *i += 1;
            if *i < extent as usize {
                break;
            }
            *i = 0;
        }
    }
    Some(taken)
}

/// The integers of an operation's first output, if they follow from those of its inputs.
pub(super) fn fold(rule: Rule, o: &Operation, shapes: &[Vec<u32>]) -> Result<Option<Vec<i64>>> {
    let Some(shape) = shapes.first() else { return Ok(None) };
    if !few(shape) {
        return Ok(None);
    }
    let first = o.optional(0).and_then(|v| v.ints.as_deref());
    Ok(match rule {
        Rule::Constant => list(o),
        Rule::Shape => Some(range_of(o)?.iter().map(|&d| i64::from(d)).collect()),
        Rule::Range => Some(range(o)?),
        Rule::Filled => filled(o, shape)?,
        Rule::Numbers => first.map(|ints| negated(o, ints)),
        Rule::Reshape | Rule::Flatten | Rule::Squeeze | Rule::Unsqueeze => first.map(<[i64]>::to_vec),
        Rule::Transpose => transpose(o, shape)?,
        Rule::Gather => gather(o)?,
        Rule::Slice => slice(o, shape)?,
        Rule::Concat if shape.len() == 1 => o
            .inputs
            .iter()
            .flatten()
            .map(|v| v.ints.as_deref())
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.concat()),
        Rule::Expand => o.optional(0).and_then(|value| spread(value, shape)),
        Rule::Broadcast => elementwise(o, shape),
        _ => None,
    })
}

/// A `Constant` that is given as an integer or as a list of them.
fn list(o: &Operation) -> Option<Vec<i64>> {
    match (o.attributes.get("value_ints"), o.attributes.get("value_int")) {
        (Some(list), _) => Some(list.ints.clone()),
        (None, Some(number)) => Some(vec![number.i]),
        _ => None,
    }
}

/// The extents that `Shape` tells.
pub(super) fn range_of<'a>(o: &Operation<'a>) -> Result<&'a [u32]> {
    let shape = &o.input(0)?.shape;
    let rank = shape.len() as i64;
    let bound = |v: i64| {
        let v = if v < 0 { v.saturating_add(rank) } else { v };
        v.clamp(0, rank) as usize
    };
    let (start, end) = (
        bound(o.attributes.int("start", 0)),
        bound(o.attributes.int("end", rank)),
    );
    Ok(shape.get(start..end).unwrap_or_default())
}

/// The numbers of `Range`: from a start up to a limit, in steps.
pub(super) fn range(o: &Operation) -> Result<Vec<i64>> {
    let mut ends = [0; 3];
    for (i, end) in ends.iter_mut().enumerate() {
        *end = match o.ints(i)? {
            Some(&[one]) => one,
            _ => return Err(malformed("Range needs three numbers")),
        };
    }
    let [start, limit, step] = ends;
    let distance = i128::from(limit) - i128::from(start);
    let count = match i128::from(step) {
        0 => return Err(malformed("the step of Range is zero")),
        step => distance / step + i128::from(distance % step != 0 && (distance < 0) == (step < 0)),
    };
    if count > i128::from(FOLLOWED) {
        return Err(unsupported(format!("a Range of {count} numbers")).expected(format!("at most {FOLLOWED}")));
    }
    Ok((0..count.max(0) as i64).map(|i| start + i * step).collect())
}

fn filled(o: &Operation, shape: &[u32]) -> Result<Option<Vec<i64>>> {
    let count = shape.iter().map(|&d| d as usize).product();
    let value = match o.attributes.get("value").and_then(|a| a.t.as_ref()) {
        Some(tensor) => of(tensor)?.ints,
        // Zeros of type float.
        None => None,
    };
    Ok(value.and_then(|v| v.first().map(|&v| vec![v; count])))
}

fn negated(o: &Operation, ints: &[i64]) -> Vec<i64> {
    match o.node.op_type.as_str() {
        "Neg" => ints.iter().map(|v| v.wrapping_neg()).collect(),
        _ => ints.to_vec(),
    }
}

fn gather(o: &Operation) -> Result<Option<Vec<i64>>> {
    let (Some(data), Some(indices)) = (&o.input(0)?.ints, &o.input(1)?.ints) else {
        return Ok(None);
    };
    if o.input(0)?.shape.len() != 1 {
        return Ok(None);
    }
    let at = |&i: &i64| infer::axis_of(i, data.len()).map(|i| data[i]);
    indices.iter().map(at).collect::<Result<_>>().map(Some)
}

fn transpose(o: &Operation, out: &[u32]) -> Result<Option<Vec<i64>>> {
    let value = o.input(0)?;
    let Some(data) = &value.ints else { return Ok(None) };
    let rank = value.shape.len();
    let perm: Vec<usize> = match o.attributes.get("perm") {
        Some(perm) => perm
            .ints
            .iter()
            .map(|&a| infer::axis_of(a, rank))
            .collect::<Result<_>>()?,
        None => (0..rank).rev().collect(),
    };
    let source = |index: &[usize], axis: usize| perm.iter().position(|&p| p == axis).map(|i| index[i]);
    Ok(take((&value.shape, data), out, source))
}

fn slice(o: &Operation, out: &[u32]) -> Result<Option<Vec<i64>>> {
    let value = o.input(0)?;
    let Some(data) = &value.ints else { return Ok(None) };
    let mut steps = vec![(0i64, 1i64); value.shape.len()];
    for (axis, [start, end, step]) in infer::cuts(o)? {
        let (first, step, _) = infer::sliced(value.shape[axis], start, end, step)?;
        steps[axis] = (first, step);
    }
    let source = |index: &[usize], axis: usize| {
        let (first, step) = steps[axis];
        usize::try_from(first + index[axis] as i64 * step).ok()
    };
    Ok(take((&value.shape, data), out, source))
}

/// A value broadcast to `out`.
fn spread(value: &Value, out: &[u32]) -> Option<Vec<i64>> {
    let before = out.len().checked_sub(value.shape.len())?;
    let source = |index: &[usize], axis: usize| {
        Some(if value.shape[axis] == 1 {
            0
        } else {
            index[before + axis]
        })
    };
    take((&value.shape, value.ints.as_deref()?), out, source)
}

/// Integer arithmetic, element by element.
fn elementwise(o: &Operation, shape: &[u32]) -> Option<Vec<i64>> {
    let known = |v: Option<&Value>| v.and_then(|v| spread(v, shape));
    let inputs: Vec<Vec<i64>> = o.inputs.iter().copied().map(known).collect::<Option<_>>()?;
    let pairs = |f: &dyn Fn(i64, i64) -> Option<i64>| -> Option<Vec<i64>> {
        let [a, b] = inputs.as_slice() else { return None };
        a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
    };
    match o.node.op_type.as_str() {
        "Add" => pairs(&i64::checked_add),
        "Sub" => pairs(&i64::checked_sub),
        "Mul" => pairs(&i64::checked_mul),
        "Div" => pairs(&i64::checked_div),
        // As in Python: the sign is the divisor's.
        "Mod" => pairs(&|a, b| {
            a.checked_rem(b)
                .map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r })
        }),
        "Min" => pairs(&|a, b| Some(a.min(b))),
        "Max" => pairs(&|a, b| Some(a.max(b))),
        "Equal" => pairs(&|a, b| Some(i64::from(a == b))),
        "Where" => {
            let [condition, yes, no] = inputs.as_slice() else {
                return None;
            };
            let pick = |i: usize| if condition[i] != 0 { yes[i] } else { no[i] };
            Some((0..condition.len()).map(pick).collect())
        }
        _ => None,
    }
}
