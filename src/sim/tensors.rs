//! Stimuli and results as `.npy` files, in the layout and type that the network's file declares.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::sim::host::log_softmax;
use crate::workload::graph::{Element, Port, Tensor};
use npyz::{NpyFile, Order};

/// The batches of a file for a network's input: its first axis is a multiple of the network's own.
///
/// At most `limit` batches are read.
///
/// # Errors
/// `E0101` for a file that is cut short or is no `.npy` file, `E0102` where type or shape are not the network's.
pub fn read(bytes: &[u8], place: &str, port: &Port, tensor: &Tensor, limit: Option<u64>) -> Result<Vec<Vec<i8>>> {
    let unreadable = |what: String| {
        Diagnostic::new(Code::Unreadable, what)
            .at(place)
            .expected("a .npy file as numpy.save writes it")
    };
    let file = open(bytes).map_err(|e| unreadable(format!("not a complete .npy file: {e}")))?;
    let wanted = || {
        let rest: Vec<String> = tensor.shape.iter().skip(1).map(ToString::to_string).collect();
        let first = tensor.shape.first().copied().unwrap_or(1);
        format!(
            "{} of shape ({first} x any count, {}), as input `{}`",
            type_name(port, tensor),
            rest.join(", "),
            port.name
        )
    };
    let malformed = |what: String| Diagnostic::new(Code::Malformed, what).at(place).expected(wanted());
    if file.order() != Order::C && file.shape().len() > 1 {
        return Err(malformed("the array is in Fortran order".into()).next("save numpy.ascontiguousarray(x)"));
    }
    let shape: Vec<u64> = file.shape().to_vec();
    let own: Vec<u64> = tensor.shape.iter().map(|&d| d.into()).collect();
    let fits =
        shape.len() == own.len() && shape[1..] == own[1..] && shape[0] > 0 && shape[0].is_multiple_of(own[0].max(1));
    if !fits {
        return Err(malformed(format!("the array has shape {}", shown(&shape))));
    }
    let typed = file.dtype().descr();
    let cut = |_| unreadable("the file ends before its last element".into());
    let values: Vec<i8> = match (port.float, tensor.element) {
        (true, _) if typed.contains("<f4") => {
            let reals: Vec<f32> = file.into_vec().map_err(cut)?;
            reals.into_iter().map(|r| tensor.quantize_as(r, port.form)).collect()
        }
        (false, Element::Int8) if typed.contains("|i1") => file.into_vec().map_err(cut)?,
        (false, Element::Uint8) if typed.contains("|u1") => {
            let raw: Vec<u8> = file.into_vec().map_err(cut)?;
            raw.into_iter().map(rebias).collect()
        }
        _ => return Err(malformed(format!("the array has type {typed}"))),
    };
    let most = limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
    Ok(values
        .chunks(tensor.len().max(1))
        .take(most)
        .map(<[i8]>::to_vec)
        .collect())
}

/// Right classes: an array of integers of any size and shape, in its order.
///
/// # Errors
/// `E0101` for a file that is cut short or is no `.npy` file, `E0102` for elements that are no integers.
pub fn read_labels(bytes: &[u8], place: &str) -> Result<Vec<i64>> {
    fn list<T: npyz::Deserialize + Into<i64>>(file: NpyFile<&[u8]>) -> std::io::Result<Vec<i64>> {
        Ok(file.into_vec::<T>()?.into_iter().map(Into::into).collect())
    }
    let unreadable = |e: std::io::Error| {
        Diagnostic::new(Code::Unreadable, format!("not a complete .npy file: {e}"))
            .at(place)
            .expected("a .npy file as numpy.save writes it")
    };
    let file = open(bytes).map_err(unreadable)?;
    let typed = file.dtype().descr();
    let read = match typed.trim_matches(['\'', '<', '|']) {
        "i1" => list::<i8>(file),
        "u1" => list::<u8>(file),
        "i2" => list::<i16>(file),
        "u2" => list::<u16>(file),
        "i4" => list::<i32>(file),
        "u4" => list::<u32>(file),
        "i8" => list::<i64>(file),
        _ => {
            return Err(
                Diagnostic::new(Code::Malformed, format!("the labels have type {typed}"))
                    .at(place)
                    .expected("whole numbers"),
            );
        }
    };
    read.map_err(unreadable)
}

/// Whether the header, as long as it says, is there: from version 2 on its length has four bytes. The library allocates it first.
fn has_header(bytes: &[u8]) -> bool {
    let length = match (bytes.get(6), bytes.get(8..12)) {
        (Some(2..), Some(&[a, b, c, d])) => u32::from_le_bytes([a, b, c, d]) as usize,
        _ => 0,
    };
    length <= bytes.len()
}

/// A `.npy` file whose header and elements, as many as its shape says, are there: nothing is allocated for what is not.
fn open(bytes: &[u8]) -> std::io::Result<NpyFile<&[u8]>> {
    if !has_header(bytes) {
        return Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "the file ends within its header",
        ));
    }
    let file = NpyFile::new(bytes)?;
    let size = file.dtype().num_bytes().unwrap_or(usize::MAX).max(1) as u64;
    let count = file.shape().iter().try_fold(1u64, |a, &b| a.checked_mul(b));
    match count.and_then(|count| count.checked_mul(size)) {
        Some(needed) if needed <= bytes.len() as u64 => Ok(file),
        _ => Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "the file ends before its last element",
        )),
    }
}

/// How many outputs are greatest at their label; the first of equals counts.
#[must_use]
pub fn correct(batches: &[Vec<i8>], tensor: &Tensor, labels: &[i64]) -> usize {
    let rows = tensor.shape.first().map_or(1, |&n| n as usize).max(1);
    let classes = (tensor.len() / rows).max(1);
    let outputs = batches.iter().flat_map(|batch| batch.chunks(classes));
    let hit = |(row, &label): (&[i8], &i64)| {
        let greatest = row.iter().copied().max();
        let class = row.iter().position(|&v| Some(v) == greatest);
        class.and_then(|c| i64::try_from(c).ok()) == Some(label)
    };
    outputs.zip(labels).filter(|&pair| hit(pair)).count()
}

/// The file of a network's outputs, one entry of `batches` after the other along the first axis, byte for byte as
/// `numpy.save` writes it.
#[must_use]
pub fn write(batches: &[Vec<i8>], port: &Port, tensor: &Tensor) -> Vec<u8> {
    let mut shape: Vec<u64> = tensor.shape.iter().map(|&d| d.into()).collect();
    if let Some(first) = shape.first_mut() {
        *first *= batches.len() as u64;
    }
    let values = batches.iter().flatten();
    let (descr, data): (_, Vec<u8>) = match (port.float, tensor.element) {
        (true, _) => {
            let mut reals: Vec<f32> = values.map(|&v| tensor.dequantize(v)).collect();
            if port.log_softmax {
                reals = log_softmax(&reals, tensor.shape.last().map_or(1, |&d| d as usize));
            }
            ("<f4", reals.into_iter().flat_map(f32::to_le_bytes).collect())
        }
        (false, Element::Int8) => ("|i1", values.map(|&v| v as u8).collect()),
        (false, Element::Uint8) => ("|u1", values.map(|&v| v as u8 ^ 0x80).collect()),
    };
    let mut file = header(descr, &shape);
    file.extend(data);
    file
}

/// The head of a `.npy` file, version 1.0.
///
/// Written here rather than by `npyz`, whose header has the same meaning but other white space: a file that equals another
/// should be equal to `cmp`, too.
fn header(descr: &str, shape: &[u64]) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    /// Room that numpy leaves for the first size to grow.
    const GROWTH: usize = 21;
    const ALIGN: usize = 64;
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let tuple = if sizes.len() == 1 {
        format!("({},)", sizes[0])
    } else {
        format!("({})", sizes.join(", "))
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple}, }}");
    text += &" ".repeat(GROWTH - sizes.first().map_or(0, String::len).min(GROWTH));
    let head = MAGIC.len() + 2;
    let end = (head + text.len() + 1).next_multiple_of(ALIGN);
    text += &" ".repeat(end - head - text.len() - 1);
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    // Shapes have few axes: the text stays far below 64 KiB.
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.into_bytes());
    bytes
}

const fn rebias(stored: u8) -> i8 {
    (stored ^ 0x80) as i8
}

fn type_name(port: &Port, tensor: &Tensor) -> &'static str {
    match (port.float, tensor.element) {
        (true, _) => "float32",
        (false, Element::Int8) => "int8",
        (false, Element::Uint8) => "uint8",
    }
}

fn shown(shape: &[u64]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("({})", sizes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(float: bool, element: Element) -> (Port, Tensor) {
        let port = Port::new("x", 0, float);
        let tensor = Tensor {
            name: "x".into(),
            shape: vec![1, 3],
            scale: 0.5,
            zero_point: 1,
            element,
        };
        (port, tensor)
    }

    /// Found by fuzzing: a length of the header that the file does not have.
    #[test]
    fn endless_headers_are_refused() {
        let mut file = b"\x93NUMPY\x02\x00\xff\xff\xff\x7f".to_vec();
        file.extend(b"{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }\n\x00");
        assert_eq!(read_labels(&file, "l.npy").unwrap_err().code, Code::Unreadable);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (float, element) in [(false, Element::Int8), (false, Element::Uint8), (true, Element::Int8)] {
            let (port, tensor) = case(float, element);
            let batches = vec![vec![-128, 0, 127], vec![5, 6, 7]];
            let file = write(&batches, &port, &tensor);
            assert_eq!(read(&file, "x.npy", &port, &tensor, None).unwrap(), batches);
            assert_eq!(read(&file, "x.npy", &port, &tensor, Some(1)).unwrap(), batches[..1]);
        }
    }

    #[test]
    fn the_head_is_numpys() {
        // As numpy 2 writes it for an array of shape (4, 10) in int8.
        let head = b"\x93NUMPY\x01\x00v\x00{'descr': '|i1', 'fortran_order': False, 'shape': (4, 10), }";
        let bytes = header("|i1", &[4, 10]);
        assert!(bytes.starts_with(head) && bytes.len() == 128 && bytes.ends_with(b" \n"));
        assert!(String::from_utf8_lossy(&header("<f4", &[7])).contains("'shape': (7,), }"));
    }

    #[test]
    fn labels_of_any_type() {
        let file = |descr: &str, data: &[u8], count: u64| {
            let mut file = header(descr, &[count]);
            file.extend(data);
            file
        };
        assert_eq!(read_labels(&file("|u1", &[3, 200], 2), "l.npy").unwrap(), [3, 200]);
        assert_eq!(read_labels(&file("<i8", &7i64.to_le_bytes(), 1), "l.npy").unwrap(), [7]);
        let code = |bytes: &[u8]| read_labels(bytes, "l.npy").unwrap_err().code;
        assert_eq!(code(&file("<f4", &[0; 4], 1)), Code::Malformed);
        assert_eq!(code(&file("|u1", &[1], 2)), Code::Unreadable);
        // Sizes that no memory holds.
        assert_eq!(code(&file("<i8", &[1], u64::MAX / 2)), Code::Unreadable);
        let (_, tensor) = case(false, Element::Int8);
        let outputs = [vec![1, 5, 5], vec![-3, -4, -2]];
        assert_eq!(correct(&outputs, &tensor, &[1, 2]), 2);
        assert_eq!(correct(&outputs, &tensor, &[2, -1]), 0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (port, tensor) = case(false, Element::Int8);
        let file = write(&[vec![1, 2, 3]], &port, &tensor);
        let code = |bytes: &[u8], port: &Port, tensor: &Tensor| read(bytes, "x.npy", port, tensor, None).unwrap_err();
        let (other, float) = case(true, Element::Int8);
        assert_eq!(code(&file, &other, &float).code, Code::Malformed);
        let longer = Tensor {
            shape: vec![1, 4],
            ..tensor.clone()
        };
        let e = code(&file, &port, &longer);
        assert_eq!(
            (e.code, e.what.as_str()),
            (Code::Malformed, "the array has shape (1, 3)")
        );
        assert_eq!(code(&file[..file.len() - 1], &port, &tensor).code, Code::Unreadable);
        assert_eq!(code(b"no", &port, &tensor).code, Code::Unreadable);
    }
}
