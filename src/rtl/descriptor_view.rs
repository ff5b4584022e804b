//! The view of `naas_descriptor.v.tera`: which arriving bits a design keeps; and how the engines' fields are made of them.

use crate::rtl::descriptor::{self, Field};
use crate::rtl::hardware::Hardware;
use crate::rtl::storage::{Source, Storage};
use serde::Serialize;

/// The template.
pub const TEMPLATE: &str = include_str!("../../templates/naas_descriptor.v.tera");

/// View of the template.
#[derive(Clone, Debug, Serialize)]
pub struct DescriptorView {
    /// Bits kept.
    pub stored: String,
    /// Highest of them.
    pub stored_high: String,
    /// Highest bit of a beat.
    pub bus_high: String,
    /// A beat of zeros.
    pub zero: String,
    /// Beats of which bits are kept.
    pub kept: Vec<KeptView>,
    /// Beats with constants.
    pub constants: Vec<ConstantView>,
}

/// What is kept of one beat.
#[derive(Clone, Debug, Serialize)]
pub struct KeptView {
    /// Number of the beat.
    pub beat: String,
    /// Highest kept bit.
    pub high: String,
    /// Lowest kept bit.
    pub low: String,
    /// The beat's bits that go there, highest first.
    pub data: String,
}

/// The constants of one beat.
#[derive(Clone, Debug, Serialize)]
pub struct ConstantView {
    /// Number of the beat.
    pub beat: String,
    /// Which bits are constant.
    pub fixed: String,
    /// Their values.
    pub value: String,
}

/// A bit as the Verilog names it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Zero,
    One,
    Bit(u32),
    Not(u32),
}

impl DescriptorView {
    /// The view of a design.
    #[must_use]
    pub fn new(hw: &Hardware, hash: u64) -> Self {
        let storage = Storage::of(hw, hash);
        let bus = hw.accelerator.offchip.bytes_per_cycle * 8;
        let places = places(&storage);
        Self {
            stored: places.len().to_string(),
            stored_high: places.len().saturating_sub(1).to_string(),
            bus_high: (bus - 1).to_string(),
            zero: format!("{bus}'h0"),
            kept: kept(&places, bus),
            constants: constants(&storage, bus),
        }
    }
}

/// The table's bits that are kept, in order.
fn places(storage: &Storage) -> Vec<u32> {
    storage
        .fields()
        .filter(|&(_, _, source)| source == Source::Stored)
        .map(|(_, place, _)| place)
        .collect()
}

/// Every field of the table as a concatenation of kept bits, highest first.
#[must_use]
pub fn fields(hw: &Hardware, hash: u64) -> Vec<(Field, String)> {
    let storage = Storage::of(hw, hash);
    let places = places(&storage);
    descriptor::placed()
        .map(|(f, at)| {
            let bits = (at..at + f.width * f.count).rev();
            (f, terms(bits.map(|place| wire(&storage, &places, place)), "kept"))
        })
        .collect()
}

/// The wire behind a bit of the table.
fn wire(storage: &Storage, places: &[u32], place: u32) -> Wire {
    match storage.source(place) {
        Source::Constant(false) | Source::Unused => Wire::Zero,
        Source::Constant(true) => Wire::One,
        Source::Same(other) => wire(storage, places, other),
        Source::Inverse(other) => match wire(storage, places, other) {
            Wire::Zero => Wire::One,
            Wire::One => Wire::Zero,
            Wire::Bit(n) => Wire::Not(n),
            Wire::Not(n) => Wire::Bit(n),
        },
        Source::Stored => Wire::Bit(places.partition_point(|&p| p < place) as u32),
    }
}

/// A concatenation of wires, highest first, with neighbours joined.
fn terms(wires: impl Iterator<Item = Wire>, register: &str) -> String {
    let wires: Vec<Wire> = wires.collect();
    let constant = |w: Wire| matches!(w, Wire::Zero | Wire::One);
    let joined = |a: Wire, b: Wire| match (a, b) {
        (Wire::Bit(high), Wire::Bit(low)) => high == low + 1,
        _ => constant(a) && constant(b),
    };
    let part = |run: &[Wire]| match *run {
        [Wire::Not(n), ..] => format!("~{register}[{n}]"),
        [Wire::Bit(only)] => format!("{register}[{only}]"),
        [Wire::Bit(high), ..] => format!("{register}[{high}:{}]", high + 1 - run.len() as u32),
        _ => literal(run),
    };
    let parts: Vec<String> = wires.chunk_by(|&a, &b| joined(a, b)).map(part).collect();
    parts.join(", ")
}

/// A run of constants as one number.
fn literal(run: &[Wire]) -> String {
    let bits = run.len() as u32;
    let ones = (0..bits).zip(run.iter().rev()).filter(|(_, w)| **w == Wire::One);
    if run.iter().all(|w| *w == Wire::Zero) {
        format!("{bits}'d0")
    } else {
        hex(bits, ones.map(|(bit, _)| bit))
    }
}

/// What every beat of `bus` bits brings of the kept `places`.
fn kept(places: &[u32], bus: u32) -> Vec<KeptView> {
    let mut low = 0;
    places
        .chunk_by(|a, b| a / bus == b / bus)
        .map(|chunk| {
            let view = KeptView {
                beat: (chunk[0] / bus).to_string(),
                high: (low + chunk.len() - 1).to_string(),
                low: low.to_string(),
                data: terms(chunk.iter().rev().map(|&place| Wire::Bit(place % bus)), "data_i"),
            };
            low += chunk.len();
            view
        })
        .collect()
}

/// The constants of every beat that has some.
fn constants(storage: &Storage, bus: u32) -> Vec<ConstantView> {
    let fixed: Vec<(u32, bool)> = storage
        .fields()
        .filter_map(|(_, place, source)| match source {
            Source::Constant(value) => Some((place, value)),
            _ => None,
        })
        .collect();
    fixed
        .chunk_by(|a, b| a.0 / bus == b.0 / bus)
        .map(|chunk| ConstantView {
            beat: (chunk[0].0 / bus).to_string(),
            fixed: hex(bus, chunk.iter().map(|&(place, _)| place % bus)),
            value: hex(bus, chunk.iter().filter(|(_, one)| *one).map(|&(place, _)| place % bus)),
        })
        .collect()
}

/// A number of `bits` bits of which the given ones are set.
fn hex(bits: u32, ones: impl Iterator<Item = u32>) -> String {
    let mut digits = vec![0u8; bits.div_ceil(4) as usize];
    for bit in ones {
        digits[bit as usize / 4] |= 1 << (bit % 4);
    }
    digits.iter().rev().fold(format!("{bits}'h"), |mut text, d| {
        text.extend(char::from_digit((*d).into(), 16));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined() {
        use Wire::{Bit, Not, One, Zero};
        let text = terms(
            [Zero, Zero, Bit(7), Bit(6), Bit(4), Not(3), Not(2), One, Zero, One].into_iter(),
            "q",
        );
        assert_eq!(text, "2'd0, q[7:6], q[4], ~q[3], ~q[2], 3'h5");
        assert_eq!(hex(32, [0, 5, 31].into_iter()), "32'h80000021");
    }

    #[test]
    fn beats_keep_what_they_bring() {
        let views = kept(&[1, 2, 31, 33, 70], 32);
        let seen: Vec<_> = views
            .iter()
            .map(|k| (k.beat.as_str(), k.high.as_str(), k.low.as_str(), k.data.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("0", "2", "0", "data_i[31], data_i[2:1]"),
                ("1", "3", "3", "data_i[1]"),
                ("2", "4", "4", "data_i[6]")
            ]
        );
    }
}
