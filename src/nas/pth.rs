//! Reader of tensors that PyTorch saved in its older file format (`torch.save` before version 1.6).
//!
//! Five pickles (magic number, protocol, system, the dictionary of tensors, the storages' keys), then the storages in the
//! order of their keys, each with its number of elements. Only dictionaries of float32 tensors are read.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::nas::pickle::{Reader, Value};
use std::collections::BTreeMap;

/// A dense tensor, last axis fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extents.
    pub shape: Vec<usize>,
    /// Elements.
    pub values: Vec<f32>,
}

const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

fn malformed(what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Malformed, what)
}

/// Where a tensor's elements lie.
struct View {
    key: String,
    offset: usize,
    shape: Vec<usize>,
}

/// All tensors of a file by name.
///
/// # Errors
/// `E0101` for other or truncated files, `E0102` for files that contradict themselves, `E0103` for element types, strides
/// and objects other than plain float32 tensors.
pub fn read(data: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let mut reader = Reader::new(data);
    if data.starts_with(b"PK") {
        return Err(
            Diagnostic::new(Code::Unsupported, "the file has PyTorch's newer format, a zip archive")
                .next("save it again with torch.save(state, file, _use_new_zipfile_serialization=False)"),
        );
    }
    match reader.value() {
        Ok(Value::Bytes(magic)) if *magic == MAGIC => {}
        _ => {
            return Err(Diagnostic::new(
                Code::Unreadable,
                "the file does not start as PyTorch's older format does",
            )
            .expected("a file that torch.save wrote"));
        }
    }
    reader.value()?;
    reader.value()?;
    let Value::Dict(state) = reader.value()? else {
        return Err(malformed("the file holds no dictionary of tensors"));
    };
    let views = state.iter().map(named_view).collect::<Result<Vec<_>>>()?;
    let Value::List(keys) = reader.value()? else {
        return Err(malformed("the list of storages is missing"));
    };
    let mut storages: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let mut rest = reader.rest();
    for key in keys.iter() {
        let Value::Text(key) = key else {
            return Err(malformed("a storage's key is no text"));
        };
        let storage = storage(&mut rest).ok_or_else(|| {
            Diagnostic::new(Code::Unreadable, format!("the file ends within storage `{key}`"))
                .next("fetch the file again")
        })?;
        storages.insert(key, storage);
    }
    views
        .into_iter()
        .map(|(name, view)| {
            let tensor = tensor(&view, &storages).ok_or_else(|| malformed("its storage is too small"));
            let tensor = tensor.map_err(|e| e.at(format!("tensor `{name}`")))?;
            Ok((name, tensor))
        })
        .collect()
}

/// The next storage: its length in elements, then its elements.
fn storage<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<8>()?;
    let bytes = usize::try_from(u64::from_le_bytes(*length)).ok()?.checked_mul(4)?;
    let (storage, after) = after.split_at_checked(bytes)?;
    *rest = after;
    Some(storage)
}

fn tensor(view: &View, storages: &BTreeMap<&str, &[u8]>) -> Option<Tensor> {
    let count = view.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    let start = view.offset.checked_mul(4)?;
    let end = start.checked_add(count.checked_mul(4)?)?;
    let bytes = storages.get(view.key.as_str())?.get(start..end)?;
    let values = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Some(Tensor {
        shape: view.shape.clone(),
        values: values.collect(),
    })
}

fn named_view((name, value): &(Value, Value)) -> Result<(String, View)> {
    let Value::Text(name) = name else {
        return Err(malformed("a tensor's name is no text"));
    };
    view(value)
        .map(|v| (name.to_string(), v))
        .map_err(|e| e.at(format!("tensor `{name}`")))
}

/// `_rebuild_tensor_v2(storage, offset, size, stride, ...)`, or a parameter around one.
fn view(value: &Value) -> Result<View> {
    let other = |what: &str| {
        Diagnostic::new(Code::Unsupported, format!("{what} is not read")).expected("dense float32 tensors only")
    };
    let Value::Call(call) = value else {
        return Err(other("a value that is no tensor"));
    };
    let (Value::Global(function), Value::List(arguments)) = &**call else {
        return Err(malformed("a call without a name or arguments"));
    };
    match (&**function, &**arguments) {
        ("torch._utils._rebuild_parameter", [data, ..]) => view(data),
        (
            "torch._utils._rebuild_tensor_v2",
            [storage, Value::Int(offset), Value::List(size), Value::List(stride), ..],
        ) => {
            let key = match storage {
                Value::Persistent(id) => match &**id {
                    Value::List(id) => match &**id {
                        [_, Value::Global(kind), Value::Text(key), ..] if &**kind == "torch.FloatStorage" => key,
                        [_, Value::Global(kind), ..] => return Err(other(&format!("a `{kind}`"))),
                        _ => return Err(malformed("a storage without type or key")),
                    },
                    _ => return Err(malformed("a storage without identification")),
                },
                _ => return Err(malformed("a tensor without storage")),
            };
            let (shape, strides) = (extents(size)?, extents(stride)?);
            let mut dense = 1;
            for (&d, &s) in shape.iter().zip(&strides).rev() {
                if d > 1 && s != dense {
                    return Err(other("a transposed or strided tensor"));
                }
                dense = dense.saturating_mul(d);
            }
            Ok(View {
                key: key.to_string(),
                offset: usize::try_from(*offset).map_err(|_| malformed("a negative offset"))?,
                shape,
            })
        }
        _ => Err(other(&format!("an object made by `{function}`"))),
    }
}

fn extents(list: &[Value]) -> Result<Vec<usize>> {
    let one = |v: &Value| match v {
        Value::Int(n) => usize::try_from(*n).map_err(|_| malformed("a negative extent")),
        _ => Err(malformed("an extent that is no integer")),
    };
    list.iter().map(one).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file with one tensor, `w`, of shape 2 x 2, and what it is cut or changed from.
    pub(crate) fn file() -> Vec<u8> {
        let mut f = b"\x80\x02\x8a\x0a".to_vec();
        f.extend(MAGIC);
        f.extend(b".\x80\x02M\xe9\x03.\x80\x02}q\x00.");
        f.extend(b"\x80\x02}q\x00X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n");
        f.extend(
            b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK\x04Ntq\x01Q",
        );
        f.extend(b"K\x00K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtRs.");
        f.extend(b"\x80\x02]q\x00X\x01\x00\x00\x007a.");
        f.extend(4u64.to_le_bytes());
        for v in [1.0f32, -2.0, 0.5, 1e-40] {
            f.extend(v.to_le_bytes());
        }
        f
    }

    #[test]
    fn a_tensor() {
        let tensors = read(&file()).unwrap();
        let w = &tensors["w"];
        assert_eq!(
            (w.shape.as_slice(), w.values.as_slice()),
            ([2, 2].as_slice(), [1.0, -2.0, 0.5, 1e-40].as_slice())
        );
    }

    #[test]
    fn every_cut_and_every_wrong_byte_is_survived() {
        let good = file();
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err(), "{end} bytes");
        }
        for i in 0..good.len() {
            for flip in [1u8, 0x10, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[i] ^= flip;
                let _ = read(&bad);
            }
        }
        assert_eq!(read(b"PK\x03\x04").unwrap_err().code, Code::Unsupported);
    }
}
