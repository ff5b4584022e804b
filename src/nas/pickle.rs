//! A reader of the part of Python's pickle format that saved tensors need; it builds values and runs nothing.
//!
//! Opcodes of protocol 2 that build numbers, texts, lists, tuples and dictionaries are understood. Where a pickle names a
//! Python function to call, it stays a value ([`Value::Call`]) for the reader of the file format to accept or refuse.
//! Format: the module `pickletools` of Python's standard library.

use crate::base::diag::{Code, Diagnostic, Result};
use std::rc::Rc;

/// What a pickle holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer; those beyond 64 bits (PyTorch's magic number) keep their little-endian bytes in [`Value::Bytes`].
    Int(i64),
    /// Bytes of a long integer.
    Bytes(Rc<[u8]>),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Text(Rc<str>),
    /// A list or a tuple.
    List(Rc<[Value]>),
    /// A dictionary in the order of the file.
    Dict(Rc<[(Value, Value)]>),
    /// The full name of a Python function or class.
    Global(Rc<str>),
    /// A function with its arguments.
    Call(Rc<(Value, Value)>),
    /// An object that lies outside the pickle, by its identification.
    Persistent(Rc<Value>),
}

/// Nesting beyond which a pickle is refused: values are dropped and compared recursively.
const DEEPEST: usize = 64;

/// One pickle being read.
#[derive(Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

/// A value on the stack with its depth.
#[derive(Clone)]
struct Entry {
    value: Value,
    depth: usize,
    /// Empty when remembered and filled since: a second use would see the empty one.
    open: bool,
}

struct Machine {
    stack: Vec<Entry>,
    marks: Vec<usize>,
    memo: std::collections::BTreeMap<usize, Entry>,
}

fn malformed(what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Malformed, what)
}

impl Machine {
    fn push(&mut self, value: Value, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(malformed("values are nested too deeply"));
        }
        let open = false;
        self.stack.push(Entry { value, depth, open });
        Ok(())
    }

    fn pop(&mut self) -> Result<Entry> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(malformed("an opcode takes a value that is not there"));
        }
        self.stack.pop().ok_or_else(|| malformed("the stack is empty"))
    }

    fn last(&mut self) -> Result<&mut Entry> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(malformed("an opcode takes a value that is not there"));
        }
        self.stack.last_mut().ok_or_else(|| malformed("the stack is empty"))
    }

    /// Everything above the last mark.
    fn marked(&mut self) -> Result<Vec<Entry>> {
        let mark = self.marks.pop().ok_or_else(|| malformed("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, items: Vec<Entry>) -> Result<()> {
        let depth = 1 + items.iter().map(|e| e.depth).max().unwrap_or(0);
        self.push(Value::List(items.into_iter().map(|e| e.value).collect()), depth)
    }

    fn tuple_of(&mut self, count: usize) -> Result<()> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        self.tuple(items)
    }

    /// Adds to the list below.
    fn append(&mut self, items: Vec<Entry>) -> Result<()> {
        let below = self.last()?;
        let Value::List(list) = &below.value else {
            return Err(malformed("items are appended to what is no list"));
        };
        let depth = 1 + items.iter().map(|e| e.depth).max().unwrap_or(0);
        below.value = Value::List(list.iter().cloned().chain(items.into_iter().map(|e| e.value)).collect());
        below.depth = below.depth.max(depth);
        below.open = true;
        (depth <= DEEPEST)
            .then_some(())
            .ok_or_else(|| malformed("values are nested too deeply"))
    }

    /// Sets members of the dictionary below; an `OrderedDict` in the making counts as one.
    fn set(&mut self, items: Vec<Entry>) -> Result<()> {
        if !items.len().is_multiple_of(2) {
            return Err(malformed("a dictionary's key lacks its value"));
        }
        let below = self.last()?;
        let old = match &below.value {
            Value::Dict(old) => Rc::clone(old),
            Value::Call(call) if is_ordered_dict(call) => Rc::from([]),
            _ => return Err(malformed("members are set on what is no dictionary")),
        };
        let depth = 1 + items.iter().map(|e| e.depth).max().unwrap_or(0);
        let values: Vec<Value> = items.into_iter().map(|e| e.value).collect();
        let pairs = values.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
        below.value = Value::Dict(old.iter().cloned().chain(pairs).collect());
        below.depth = below.depth.max(depth);
        below.open = true;
        (depth <= DEEPEST)
            .then_some(())
            .ok_or_else(|| malformed("values are nested too deeply"))
    }

    fn remember(&mut self, key: usize) -> Result<()> {
        let entry = self.last()?.clone();
        self.memo.insert(key, entry);
        Ok(())
    }

    fn recall(&mut self, key: usize) -> Result<()> {
        let entry = self
            .memo
            .get(&key)
            .ok_or_else(|| malformed("a remembered value is not there"))?;
        let container = match &entry.value {
            Value::Dict(_) => true,
            Value::List(list) => list.is_empty() && entry.depth == 0,
            _ => false,
        };
        if container {
            return Err(malformed("a list or dictionary is used twice, which is not supported"));
        }
        let entry = entry.clone();
        self.stack.push(entry);
        Ok(())
    }
}

fn is_ordered_dict(call: &(Value, Value)) -> bool {
    matches!(&call.0, Value::Global(name) if &**name == "collections.OrderedDict")
}

impl<'a> Reader<'a> {
    /// Pickles that follow each other in `data`.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.data[self.at..]
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = self.rest();
        if rest.len() < count {
            return Err(Diagnostic::new(Code::Unreadable, "the file ends within a pickle"));
        }
        self.at += count;
        Ok(&rest[..count])
    }

    /// A little-endian number of up to 8 bytes.
    fn number(&mut self, bytes: usize) -> Result<u64> {
        let bytes = self.take(bytes)?;
        Ok(bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    fn line(&mut self) -> Result<&'a str> {
        let length = self.rest().iter().position(|&b| b == b'\n');
        let line = self.take(length.unwrap_or(usize::MAX))?;
        self.at += 1;
        std::str::from_utf8(line).map_err(|_| malformed("a name is not UTF-8"))
    }

    fn text(&mut self, length: u64) -> Result<Rc<str>> {
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("a text is not UTF-8"))?;
        Ok(Rc::from(text))
    }

    /// The next pickle's value.
    ///
    /// # Errors
    /// `E0101` where the data end, `E0102` for pickles that contradict themselves, `E0103` for opcodes of other protocols.
    pub fn value(&mut self) -> Result<Value> {
        let mut m = Machine {
            stack: Vec::new(),
            marks: Vec::new(),
            memo: std::collections::BTreeMap::new(),
        };
        loop {
            let opcode = self.take(1)?[0];
            if opcode == b'.' {
                return Ok(m.pop()?.value);
            }
            self.step(opcode, &mut m)?;
        }
    }

    fn step(&mut self, opcode: u8, m: &mut Machine) -> Result<()> {
        match opcode {
            0x80 => match self.take(1)? {
                [2 | 3] => Ok(()),
                other => Err(
                    Diagnostic::new(Code::Unsupported, format!("pickle protocol {} is not read", other[0]))
                        .expected("protocol 2 or 3"),
                ),
            },
            b'(' => {
                m.marks.push(m.stack.len());
                Ok(())
            }
            b'N' => m.push(Value::None, 0),
            0x88 => m.push(Value::Bool(true), 0),
            0x89 => m.push(Value::Bool(false), 0),
            b'K' => {
                let n = self.number(1)?;
                m.push(Value::Int(n as i64), 0)
            }
            b'M' => {
                let n = self.number(2)?;
                m.push(Value::Int(n as i64), 0)
            }
            b'J' => {
                let n = self.number(4)? as u32;
                m.push(Value::Int(i64::from(n.cast_signed())), 0)
            }
            0x8a => {
                let length = self.number(1)? as usize;
                let bytes = self.take(length)?;
                m.push(Value::Bytes(Rc::from(bytes)), 0)
            }
            b'G' => {
                let bits = self.number(8)?.swap_bytes();
                m.push(Value::Float(f64::from_bits(bits)), 0)
            }
            b'X' => {
                let length = self.number(4)?;
                let text = self.text(length)?;
                m.push(Value::Text(text), 0)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                m.push(Value::Global(Rc::from(format!("{module}.{name}"))), 0)
            }
            b'q' => {
                let key = self.number(1)? as usize;
                m.remember(key)
            }
            b'r' => {
                let key = self.number(4)? as usize;
                m.remember(key)
            }
            b'h' => {
                let key = self.number(1)? as usize;
                m.recall(key)
            }
            b'j' => {
                let key = self.number(4)? as usize;
                m.recall(key)
            }
            _ => build(opcode, m),
        }
    }
}

/// Opcodes that work on the stack alone.
fn build(opcode: u8, m: &mut Machine) -> Result<()> {
    match opcode {
        b')' => m.push(Value::List(Rc::from([])), 1),
        b']' => m.push(Value::List(Rc::from([])), 0),
        b'}' => m.push(Value::Dict(Rc::from([])), 0),
        b't' => {
            let items = m.marked()?;
            m.tuple(items)
        }
        0x85..=0x87 => m.tuple_of(usize::from(opcode - 0x84)),
        b'a' => {
            let item = m.pop()?;
            m.append(vec![item])
        }
        b'e' => {
            let items = m.marked()?;
            m.append(items)
        }
        b's' => {
            let value = m.pop()?;
            let key = m.pop()?;
            m.set(vec![key, value])
        }
        b'u' => {
            let items = m.marked()?;
            m.set(items)
        }
        b'R' => {
            let (arguments, function) = (m.pop()?, m.pop()?);
            let depth = 1 + arguments.depth.max(function.depth);
            m.push(Value::Call(Rc::new((function.value, arguments.value))), depth)
        }
        b'Q' => {
            let id = m.pop()?;
            m.push(Value::Persistent(Rc::new(id.value)), id.depth + 1)
        }
        // Attributes set on an object: nothing that a tensor's values depend on.
        b'b' => m.pop().map(|_| ()),
        other => Err(Diagnostic::new(
            Code::Unsupported,
            format!("pickle opcode 0x{other:02x} is not one that saved tensors need"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8]) -> Result<Value> {
        Reader::new(data).value()
    }

    #[test]
    fn values() {
        // {'a': [1, -2], 'b': (None, True)} as Python 3 writes it with protocol 2.
        let data =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffeX\x01\x00\x00\x00bq\x03N\x88\x86q\x04u.";
        let text = |t: &str| Value::Text(Rc::from(t));
        let list = |v: &[Value]| Value::List(Rc::from(v));
        let want = [
            (text("a"), list(&[Value::Int(1), Value::Int(-2)])),
            (text("b"), list(&[Value::None, Value::Bool(true)])),
        ];
        assert_eq!(read(data).unwrap(), Value::Dict(Rc::from(want)));
    }

    #[test]
    fn faults_are_refused() {
        let code = |data: &[u8]| read(data).unwrap_err().code;
        assert_eq!(code(b"\x80\x02K"), Code::Unreadable);
        assert_eq!(code(b""), Code::Unreadable);
        assert_eq!(code(b"X\xff\xff\xff\xffab."), Code::Unreadable);
        assert_eq!(code(b"."), Code::Malformed);
        assert_eq!(code(b"t."), Code::Malformed);
        assert_eq!(code(b"h\x07."), Code::Malformed);
        assert_eq!(code(b"(K\x01R."), Code::Malformed);
        assert_eq!(code(b"K\x01(K\x02u."), Code::Malformed);
        assert_eq!(code(b"\x80\x04."), Code::Unsupported);
        assert_eq!(code(b"i."), Code::Unsupported);
        let deep: Vec<u8> = std::iter::once(b'N')
            .chain(std::iter::repeat_n(0x85, 100_000))
            .chain([b'.'])
            .collect();
        assert_eq!(code(&deep), Code::Malformed);
    }
}
