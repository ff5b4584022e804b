//! Bounds-checked access to a FlatBuffer, without generated code.
//!
//! A buffer is a tree of tables. A table starts with the distance back to its *vtable*, which lists where each field lies;
//! fields that are absent have their default. Everything else is reached by unsigned offsets from where they stand. Nothing
//! is copied and no offset is trusted: every access is checked against the bytes that there are, and a vector's length
//! against the bytes that follow it, before anything is allocated for it.

use crate::base::diag::{Code, Diagnostic, Result};

/// A table within a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    vtable: usize,
    /// Bytes of the vtable, its two header words included.
    extent: usize,
}

/// A number as it lies in a buffer: little endian.
pub(super) trait Scalar: Sized {
    /// Bytes of a number.
    const SIZE: usize;
    /// The number in `bytes`, of which there are exactly [`Scalar::SIZE`].
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Scalar for i8 {
    const SIZE: usize = 1;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first().map(|&b| b as Self)
    }
}

impl Scalar for i32 {
    const SIZE: usize = 4;
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(bytes.try_into().ok()?))
    }
}

impl Scalar for i64 {
    const SIZE: usize = 8;
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(bytes.try_into().ok()?))
    }
}

impl Scalar for f32 {
    const SIZE: usize = 4;
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(bytes.try_into().ok()?))
    }
}

fn broken() -> Diagnostic {
    Diagnostic::new(
        Code::Unreadable,
        "the file is no TFLite model, or is cut off or damaged",
    )
    .next("compare the file's size with its source")
}

fn piece(bytes: &[u8], at: usize, size: usize) -> Result<&[u8]> {
    at.checked_add(size)
        .and_then(|end| bytes.get(at..end))
        .ok_or_else(broken)
}

fn number<T: Scalar>(bytes: &[u8], at: usize) -> Result<T> {
    T::read(piece(bytes, at, T::SIZE)?).ok_or_else(broken)
}

/// Where the unsigned offset at `at` leads.
fn follow(bytes: &[u8], at: usize) -> Result<usize> {
    let offset = number::<i32>(bytes, at)? as u32;
    at.checked_add(offset as usize).ok_or_else(broken)
}

impl<'a> Table<'a> {
    /// The root table of a buffer with this file identifier.
    pub fn root(bytes: &'a [u8], identifier: [u8; 4]) -> Result<Self> {
        if piece(bytes, 4, 4)? != identifier.as_slice() {
            return Err(broken());
        }
        Self::new(bytes, follow(bytes, 0)?)
    }

    fn new(bytes: &'a [u8], at: usize) -> Result<Self> {
        let back = i64::from(number::<i32>(bytes, at)?);
        let vtable = i64::try_from(at).ok().and_then(|at| usize::try_from(at - back).ok());
        let vtable = vtable.ok_or_else(broken)?;
        let size = piece(bytes, vtable, 2)?;
        let extent = usize::from(u16::from_le_bytes([size[0], size[1]]));
        piece(bytes, vtable, extent)?;
        Ok(Self {
            bytes,
            at,
            vtable,
            extent,
        })
    }

    /// Where field `i` lies, if it is there.
    fn field(&self, i: usize) -> Option<usize> {
        let entry = 4 + 2 * i;
        if entry + 2 > self.extent {
            return None;
        }
        let offset = self.bytes.get(self.vtable + entry..self.vtable + entry + 2)?;
        let offset = usize::from(u16::from_le_bytes([offset[0], offset[1]]));
        (offset != 0).then_some(self.at + offset)
    }

    /// Field `i`, a number.
    pub fn number<T: Scalar>(&self, i: usize, default: T) -> Result<T> {
        self.field(i).map_or(Ok(default), |at| number(self.bytes, at))
    }

    /// Field `i`, a table.
    pub fn table(&self, i: usize) -> Result<Option<Self>> {
        let Some(at) = self.field(i) else { return Ok(None) };
        Self::new(self.bytes, follow(self.bytes, at)?).map(Some)
    }

    /// The elements of field `i`, a vector of numbers of `size` bytes; empty where it is absent.
    fn raw(&self, i: usize, size: usize) -> Result<&'a [u8]> {
        let Some(at) = self.field(i) else { return Ok(&[]) };
        let start = follow(self.bytes, at)?;
        let count = number::<i32>(self.bytes, start)? as u32 as usize;
        piece(self.bytes, start + 4, count.checked_mul(size).ok_or_else(broken)?)
    }

    /// Field `i`, a vector of numbers.
    pub fn vector<T: Scalar>(&self, i: usize) -> Result<Vec<T>> {
        let raw = self.raw(i, T::SIZE)?;
        raw.chunks_exact(T::SIZE)
            .map(|c| T::read(c).ok_or_else(broken))
            .collect()
    }

    /// Number of elements of field `i`, a vector of numbers or tables.
    pub fn count<T: Scalar>(&self, i: usize) -> Result<usize> {
        Ok(self.raw(i, T::SIZE)?.len() / T::SIZE)
    }

    /// Field `i`, a vector of bytes.
    pub fn bytes(&self, i: usize) -> Result<&'a [u8]> {
        self.raw(i, 1)
    }

    /// Field `i`, a text; what is no UTF-8 is replaced.
    pub fn text(&self, i: usize) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes(i)?).into_owned())
    }

    /// Number of tables in field `i`.
    pub fn table_count(&self, i: usize) -> Result<usize> {
        self.count::<i32>(i)
    }

    /// Element `n` of field `i`, a vector of tables.
    pub fn element(&self, i: usize, n: usize) -> Result<Option<Self>> {
        if n >= self.table_count(i)? {
            return Ok(None);
        }
        let Some(at) = self.field(i) else { return Ok(None) };
        let entry = follow(self.bytes, at)? + 4 + 4 * n;
        Self::new(self.bytes, follow(self.bytes, entry)?).map(Some)
    }
}
