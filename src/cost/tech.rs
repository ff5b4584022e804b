//! Technologies: what an access, an operation and a bit of memory cost.
//!
//! Figures live in data files, each with its source beside it. Memories are priced in one of two ways ([`Sram`]): between
//! measured macros, as power laws or as straight lines of the size (the last piece is continued), times a power of the
//! access width that comes from one size at two widths, where a macro smaller than the smallest measured one costs as much
//! as that, since its fixed part rules; or per element whatever the size. Memories of up to `register_bytes` are registers.
//!
//! Energies are in the technology's own `unit`: picojoules, or multiples of one operation where its source gives no more.

use crate::base::diag::{Code, Diagnostic, Result};
use serde::Deserialize;

/// Names of the technologies that the program carries, and their files.
const CARRIED: [(&str, &str); 4] = [
    ("45nm", include_str!("tech/45nm.json")),
    ("45nm-unwired", include_str!("tech/45nm-unwired.json")),
    ("eyeriss-65nm", include_str!("tech/eyeriss-65nm.json")),
    ("maestro-2020", include_str!("tech/maestro-2020.json")),
];

/// The unit of energies in picojoules.
pub const PICOJOULES: &str = "pJ";

/// A technology.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Technology {
    /// Name for people.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// What energies are counted in: [`PICOJOULES`], or a multiple that the source states.
    pub unit: String,
    /// 8-bit multiplication.
    pub multiply8: Operation,
    /// 32-bit addition.
    pub add32: Operation,
    /// 32-bit multiplication.
    pub multiply32: Operation,
    /// One bit of a register, read or written.
    pub register_bit: Operation,
    /// Memories of up to so many bytes are registers.
    pub register_bytes: Threshold,
    /// Window decoder of one axis position.
    pub window_decoder: Block,
    /// Wires of the networks.
    pub wire: Wire,
    /// Memory macros.
    pub sram: Sram,
    /// One bit over the off-chip port.
    pub offchip_bit: Transfer,
}

/// Energy and area of an operation's circuit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Energy per operation.
    pub pj: f64,
    /// Area.
    pub um2: f64,
    /// Where the figures are from.
    pub source: String,
}

/// Area of a circuit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Area.
    pub um2: f64,
    /// Where the figure is from.
    pub source: String,
}

/// Energy of a transfer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Energy.
    pub pj: f64,
    /// Where the figure is from.
    pub source: String,
}

/// A limit with its reason.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The limit.
    pub value: u64,
    /// Where the figure is from.
    pub source: String,
}

/// One bit over a wire.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Energy.
    pub pj: f64,
    /// What it is paid for.
    pub per: WireUnit,
    /// Where the figure is from.
    pub source: String,
}

/// What a wire's energy is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireUnit {
    /// Every millimetre that a bit travels.
    Millimetre,
    /// Every delivery, near or far.
    Delivery,
}

/// What memories cost.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum Sram {
    /// Power laws between measured macros: straight lines on log-log paper.
    PowerLaw(Macros),
    /// Straight lines between macros.
    Line(Macros),
    /// Prices per element of an operand, whatever the memory's size.
    PerElement(PerElement),
}

/// Memory macros of several sizes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Macros {
    /// Where the figures are from.
    pub source: String,
    /// Memories by size.
    pub points: Vec<Point>,
    /// One of the sizes at another width.
    pub wide: Point,
}

/// Prices that know no size.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerElement {
    /// Where the figures are from.
    pub source: String,
    /// One element read from or written to a buffer of the array.
    pub buffer: f64,
    /// One byte read from or written to level 2.
    pub l2: f64,
    /// Area of a byte.
    pub um2_per_byte: f64,
}

/// Where a memory stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// W and I buffers: elements of one byte.
    Operands,
    /// Psum buffers: elements of four bytes.
    Psums,
    /// Level 2.
    Level2,
}

/// One measured memory.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Size.
    pub bytes: u64,
    /// Width of an access.
    pub bits: u64,
    /// Energy of a read.
    pub read_pj: f64,
    /// Energy of a write.
    pub write_pj: f64,
    /// Area.
    pub um2: f64,
}

/// What one memory costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemoryPrice {
    /// Energy of reading one word.
    pub read_pj: f64,
    /// Energy of writing one word.
    pub write_pj: f64,
    /// Area.
    pub um2: f64,
}

impl Technology {
    /// Names of the technologies that the program carries.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        CARRIED.iter().map(|t| t.0).collect()
    }

    /// The carried technology called `name`.
    ///
    /// # Errors
    /// `E0105` if there is none.
    pub fn named(name: &str) -> Result<Self> {
        let Some((_, text)) = CARRIED.iter().find(|t| t.0 == name) else {
            return Err(
                Diagnostic::new(Code::UnknownName, format!("no technology is called `{name}`"))
                    .expected(format!("one of {}", Self::names().join(", "))),
            );
        };
        Self::parse(text)
    }

    /// Reads a technology file.
    ///
    /// # Errors
    /// What is missing, unknown, not positive or out of order.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Diagnostic::new(Code::Malformed, what);
        let t: Self = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let (Sram::PowerLaw(macros) | Sram::Line(macros)) = &t.sram else {
            return Ok(t);
        };
        let points = &macros.points;
        if points.len() < 2 || !points.is_sorted_by(|a, b| a.bytes < b.bytes) {
            return Err(wrong("`sram.points` are not two or more sizes in rising order".into()));
        }
        let measured = |p: &Point| p.bits > 0 && [p.read_pj, p.write_pj, p.um2].iter().all(|v| *v > 0.0);
        if !points.iter().chain([&macros.wide]).all(measured) {
            return Err(wrong("a figure of `sram` is not positive".into()));
        }
        if macros.reference().is_none() {
            return Err(wrong("`sram.wide` is not one of the sizes at another width".into()));
        }
        Ok(t)
    }

    /// What a memory of `bytes` costs that stands in `place` and is read and written in words of `bits`.
    #[must_use]
    pub fn memory(&self, place: Place, bytes: u64, bits: u64) -> MemoryPrice {
        let macros = match &self.sram {
            Sram::PerElement(price) => return price.memory(place, bytes, bits),
            Sram::PowerLaw(macros) | Sram::Line(macros) => macros,
        };
        if bytes <= self.register_bytes.value {
            let access = self.register_bit.pj * real(bits);
            return MemoryPrice {
                read_pj: access,
                write_pj: access,
                um2: self.register_bit.um2 * real(bytes * 8),
            };
        }
        let straight = matches!(self.sram, Sram::Line(_));
        let of = |figure: fn(&Point) -> f64| macros.at(straight, bytes, bits, figure);
        MemoryPrice {
            read_pj: of(|p| p.read_pj),
            write_pj: of(|p| p.write_pj),
            um2: of(|p| p.um2),
        }
    }
}

impl PerElement {
    fn memory(&self, place: Place, bytes: u64, bits: u64) -> MemoryPrice {
        let (price, element) = match place {
            Place::Operands => (self.buffer, 8.0),
            Place::Psums => (self.buffer, 32.0),
            Place::Level2 => (self.l2, 8.0),
        };
        let access = price * real(bits) / element;
        MemoryPrice {
            read_pj: access,
            write_pj: access,
            um2: self.um2_per_byte * real(bytes),
        }
    }
}

impl Macros {
    /// The point that `wide` repeats at another width.
    fn reference(&self) -> Option<&Point> {
        let mut points = self.points.iter();
        points.find(|p| p.bytes == self.wide.bytes && p.bits != self.wide.bits)
    }

    /// A figure at any size and width: on a `straight` line, or a power law, between neighbouring sizes.
    fn at(&self, straight: bool, bytes: u64, bits: u64, figure: fn(&Point) -> f64) -> f64 {
        let log = |v: u64| log2(real(v));
        let width_power = self.reference().map_or(0.0, |r| {
            log2(figure(&self.wide) / figure(r)) / (log(self.wide.bits) - log(r.bits))
        });
        let bytes = bytes.max(self.points[0].bytes);
        // Every point's figure at the width asked for.
        let at_width = |p: &Point| log2(figure(p)) + width_power * (log(bits) - log(p.bits));
        let inside = self.points.windows(2).position(|w| bytes <= w[1].bytes);
        let left = inside.unwrap_or(self.points.len() - 2);
        let (a, b) = (&self.points[left], &self.points[left + 1]);
        let (fa, fb) = (at_width(a), at_width(b));
        if straight {
            let along = (real(bytes) - real(a.bytes)) / (real(b.bytes) - real(a.bytes));
            let (fa, fb) = (exp2(fa), exp2(fb));
            return fa + (fb - fa) * along;
        }
        let along = (log(bytes) - log(a.bytes)) / (log(b.bytes) - log(a.bytes));
        exp2(fa + (fb - fa) * along)
    }
}

/// A count as a real number; exact below 2^53.
#[allow(clippy::cast_precision_loss, reason = "prices have four digits")]
#[must_use]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// Base-two logarithm of a positive number, from sums and products only, so that every platform gives the same bits.
fn log2(x: f64) -> f64 {
    let (mut exponent, mut m) = (0.0, x);
    while m >= 2.0 {
        m /= 2.0;
        exponent += 1.0;
    }
    while m < 1.0 {
        m *= 2.0;
        exponent -= 1.0;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)), a series in at most (1/3)^2.
    let z = (m - 1.0) / (m + 1.0);
    let (mut term, mut sum, mut n) = (z, 0.0, 1.0);
    for _ in 0..20 {
        sum += term / n;
        term *= z * z;
        n += 2.0;
    }
    exponent + 2.0 * sum / std::f64::consts::LN_2
}

/// Two to the power of `x`, from sums and products only.
fn exp2(x: f64) -> f64 {
    let whole = x.floor();
    let y = (x - whole) * std::f64::consts::LN_2;
    let (mut term, mut sum, mut n) = (1.0, 0.0, 1.0);
    for _ in 0..24 {
        sum += term;
        term *= y / n;
        n += 1.0;
    }
    let mut left = whole;
    while left > 0.0 {
        sum *= 2.0;
        left -= 1.0;
    }
    while left < 0.0 {
        sum /= 2.0;
        left += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carried_technologies_parse_and_keep_measured_points() {
        for name in Technology::names() {
            let t = Technology::named(name).unwrap();
            assert_eq!(t.name, name);
            let (Sram::PowerLaw(macros) | Sram::Line(macros)) = &t.sram else {
                continue;
            };
            for p in macros.points.iter().chain([&macros.wide]) {
                let m = t.memory(Place::Level2, p.bytes, p.bits);
                for (got, want) in [(m.read_pj, p.read_pj), (m.write_pj, p.write_pj), (m.um2, p.um2)] {
                    assert!((got / want - 1.0).abs() < 1e-12, "{name}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn eyeriss_prices_lie_on_the_published_line() {
        // Table IV of the paper: 1 for 16 bits from 0.5 KB, 6 from 100 KB; a line between them, as in Timeloop's table.
        let t = Technology::named("eyeriss-65nm").unwrap();
        for (bytes, price) in [(512, 1.0), (102_400, 6.0), (51_456, 3.5), (64, 1.0)] {
            let m = t.memory(Place::Operands, bytes, 16);
            assert!(
                (m.read_pj - price).abs() < 1e-9 && m.read_pj == m.write_pj,
                "{bytes}: {m:?}"
            );
        }
        let (one, two) = (t.memory(Place::Level2, 4096, 16), t.memory(Place::Level2, 4096, 32));
        assert!((two.read_pj / one.read_pj - 2.0).abs() < 1e-12);
    }

    #[test]
    fn maestro_prices_know_no_size() {
        let t = Technology::named("maestro-2020").unwrap();
        assert_eq!(t.memory(Place::Operands, 64, 8).read_pj, 1.68);
        assert_eq!(t.memory(Place::Psums, 1 << 20, 32).write_pj, 1.68);
        assert_eq!(t.memory(Place::Level2, 64, 16).read_pj, 2.0 * 18.61);
        assert_eq!(t.memory(Place::Level2, 1000, 8).um2, 104.0);
    }

    #[test]
    fn larger_and_wider_memories_cost_more() {
        let t = Technology::named("45nm").unwrap();
        for bits in [8, 32, 64, 512] {
            // Registers, then macros: between the two, area may fall.
            for shift in (4..7).chain(8..24) {
                let (small, large) = (
                    t.memory(Place::Level2, 1 << shift, bits),
                    t.memory(Place::Level2, 2 << shift, bits),
                );
                assert!(small.read_pj <= large.read_pj && small.write_pj <= large.write_pj);
                assert!(small.um2 <= large.um2);
                assert!(small.read_pj < t.memory(Place::Level2, 1 << shift, 2 * bits).read_pj);
            }
        }
    }

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the platform's functions are what is compared with"
    )]
    fn powers_agree_with_the_platform() {
        for i in 1..400 {
            let x = f64::from(i) * 0.37;
            assert!((log2(x) - x.log2()).abs() < 1e-12);
            assert!((exp2(x - 70.0) / (x - 70.0).exp2() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn wrong_files_are_refused() {
        let text = CARRIED[0].1;
        assert!(Technology::parse("{}").is_err());
        assert!(Technology::parse(&text.replace("\"bytes\": 8192", "\"bytes\": 819")).is_err());
        assert!(Technology::parse(&text.replace("6.14", "-6.14")).is_err());
        assert!(Technology::parse(&text.replace("\"bits\": 128", "\"bits\": 64")).is_err());
        assert!(Technology::named("7nm").is_err());
    }
}
