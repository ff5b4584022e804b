//! Constant tensors of an ONNX file: extents and elements, checked against each other before anything is allocated.

use super::proto::{TensorProto, data_type};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::Element;

/// Elements of an 8-bit tensor, re-biased to int8, and the type that the file has.
pub(super) struct Bytes {
    pub values: Vec<i8>,
    pub element: Element,
}

/// Extents as 32-bit numbers; refuses extents of zero and below.
pub(super) fn dims(tensor: &TensorProto) -> Result<Vec<u32>> {
    tensor
        .dims
        .iter()
        .map(|&d| extent(d).map_err(|e| e.at(format!("tensor `{}`", tensor.name))))
        .collect()
}

/// One extent of a shape.
pub(super) fn extent(dim: i64) -> Result<u32> {
    u32::try_from(dim).ok().filter(|&d| d > 0).ok_or_else(|| {
        Diagnostic::new(Code::BadSize, format!("an extent is {dim}"))
            .expected("a whole number above zero and below 2^32")
    })
}

/// Float32 elements.
pub(super) fn floats(tensor: &TensorProto) -> Result<Vec<f32>> {
    typed(tensor, &[data_type::FLOAT], "float32")?;
    match raw::<4>(tensor, tensor.float_data.len())? {
        Some(raw) => Ok(raw.into_iter().map(f32::from_le_bytes).collect()),
        None => Ok(tensor.float_data.clone()),
    }
}

/// Int32 elements.
pub(super) fn int32s(tensor: &TensorProto) -> Result<Vec<i32>> {
    typed(tensor, &[data_type::INT32], "int32")?;
    match raw::<4>(tensor, tensor.int32_data.len())? {
        Some(raw) => Ok(raw.into_iter().map(i32::from_le_bytes).collect()),
        None => Ok(tensor.int32_data.clone()),
    }
}

/// Int64 elements.
pub(super) fn int64s(tensor: &TensorProto) -> Result<Vec<i64>> {
    typed(tensor, &[data_type::INT64], "int64")?;
    if tensor.dims == [0] {
        return Ok(Vec::new());
    }
    match raw::<8>(tensor, tensor.int64_data.len())? {
        Some(raw) => Ok(raw.into_iter().map(i64::from_le_bytes).collect()),
        None => Ok(tensor.int64_data.clone()),
    }
}

/// Truth values.
pub(super) fn bools(tensor: &TensorProto) -> Result<Vec<bool>> {
    typed(tensor, &[data_type::BOOL], "bool")?;
    match raw::<1>(tensor, tensor.int32_data.len())? {
        Some(raw) => Ok(raw.into_iter().map(|[b]| b != 0).collect()),
        None => Ok(tensor.int32_data.iter().map(|&v| v != 0).collect()),
    }
}

/// Int8 or uint8 elements, the latter with 128 subtracted.
pub(super) fn bytes(tensor: &TensorProto) -> Result<Bytes> {
    typed(tensor, &[data_type::INT8, data_type::UINT8], "int8 or uint8")?;
    let element = if tensor.data_type == data_type::INT8 {
        Element::Int8
    } else {
        Element::Uint8
    };
    let values = match raw::<1>(tensor, tensor.int32_data.len())? {
        Some(raw) => raw
            .into_iter()
            .map(|[b]| match element {
                Element::Int8 => b as i8,
                Element::Uint8 => (b ^ 0x80) as i8,
            })
            .collect(),
        None => tensor
            .int32_data
            .iter()
            .map(|&v| i8::try_from(i64::from(v) - i64::from(element.offset())).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| bad(tensor, "an element lies outside the range of its type"))?,
    };
    Ok(Bytes { values, element })
}

fn bad(tensor: &TensorProto, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Malformed, what).at(format!("tensor `{}`", tensor.name))
}

fn typed(tensor: &TensorProto, types: &[i32], expected: &str) -> Result<()> {
    if tensor.data_location == 1 {
        return Err(
            Diagnostic::new(Code::Unsupported, "the elements of a tensor lie in another file")
                .at(format!("tensor `{}`", tensor.name))
                .next("save the model with its data inside"),
        );
    }
    if types.contains(&tensor.data_type) {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::Unsupported,
        format!("element type {} of the ONNX schema", tensor.data_type),
    )
    .at(format!("tensor `{}`", tensor.name))
    .expected(expected))
}

/// The raw elements of `N` bytes each, or `None` where the typed list holds them; checks the count either way.
fn raw<const N: usize>(tensor: &TensorProto, listed: usize) -> Result<Option<Vec<[u8; N]>>> {
    let count = dims(tensor)?.iter().try_fold(1u64, |a, &b| a.checked_mul(b.into()));
    let from_list = tensor.raw_data.is_empty();
    let (chunks, rest) = tensor.raw_data.as_chunks::<N>();
    let have = if from_list { listed } else { chunks.len() };
    if count != Some(have as u64) || !rest.is_empty() {
        return Err(
            bad(tensor, format!("the extents {:?} do not fit the data", tensor.dims))
                .expected(format!("extents whose product is {have}")),
        );
    }
    Ok((!from_list).then(|| chunks.to_vec()))
}
