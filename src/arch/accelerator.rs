//! The accelerator that the outer search chooses, as files describe it, and the rules that make one buildable.

use crate::arch::connectivity::{Class, class};
use crate::arch::geometry::Geometry;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::{Dim, DimSet};
use serde::{Deserialize, Serialize};

/// The largest size of one array axis.
pub const MAX_AXIS: u32 = 64;

/// The most multipliers of one array: sums of their products stay below 32 bits.
pub const MAX_PES: u64 = 1 << 15;

/// The numbers of axes that an array may have.
pub const AXIS_COUNTS: std::ops::RangeInclusive<usize> = 1..=3;

/// Bytes of post-processing parameters per output channel: bias 4, multiplier 4, shift 1.
pub const PARAM_BYTES: u32 = 9;

/// One accelerator: array, memories and ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Name for people; no behaviour depends on it.
    pub name: String,
    /// Array axes, outermost first.
    pub axes: Vec<Axis>,
    /// Buffers beside the array, per slot and per distinct axis coordinate.
    pub buffers: Buffers,
    /// Level-2 memories, per slot.
    pub l2: L2,
    /// Words per cycle of the three networks.
    pub lanes: Lanes,
    /// Outputs per cycle that the output unit finishes.
    pub requantizers: u32,
    /// The off-chip port.
    pub offchip: Offchip,
}

/// One array axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Positions along the axis.
    pub size: u32,
    /// The dimensions that the axis runs in parallel. If there are several, the mapping of a layer says how many positions
    /// each of them gets.
    pub dims: Vec<Dim>,
}

/// Buffers beside the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the operands' names in files")]
pub struct Buffers {
    /// Weights: bytes per distinct weight coordinate.
    pub W: Memory,
    /// Inputs: bytes per distinct input coordinate.
    pub I: Memory,
    /// Partial sums: 32-bit words per distinct output coordinate.
    pub psum: Words,
}

/// Level-2 memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the operands' names in files")]
pub struct L2 {
    /// Weights.
    pub W: Memory,
    /// Inputs.
    pub I: Memory,
    /// Outputs, as bytes when complete and, if there are `sums`, as 32-bit sums while they accumulate.
    pub O: Memory,
    /// Post-processing parameters, [`PARAM_BYTES`] per output channel.
    #[serde(default = "default_params")]
    pub P: Memory,
    /// Whether sums may leave the array unfinished and accumulate in `O`. Without, every mapping finishes its sums in the psum
    /// buffers, and the hardware has neither adders beside the drain nor words of four bytes per output.
    #[serde(default = "sums", skip_serializing_if = "is_true")]
    pub sums: bool,
}

const fn sums() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_true(flag: &bool) -> bool {
    *flag
}

impl L2 {
    /// Bytes that `O` has for an output: four where sums accumulate, whose places finished outputs share, else one.
    #[must_use]
    pub const fn output_bytes(&self) -> u32 {
        if self.sums { 4 } else { 1 }
    }
}

const fn default_params() -> Memory {
    Memory {
        bytes: PARAM_BYTES * 256,
        slots: 2,
    }
}

/// A memory of one or two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bytes per slot.
    pub bytes: u32,
    /// Slots: two let a fill overlap with use, one does not.
    pub slots: u32,
}

/// A psum memory of one or two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// 32-bit words per slot.
    pub words: u32,
    /// Slots.
    pub slots: u32,
}

/// Network widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the operands' names in files")]
pub struct Lanes {
    /// Weight bytes per cycle, along `K`.
    pub W: u32,
    /// Input bytes per cycle, along `C` (along `K` in depthwise layers).
    pub I: u32,
    /// Partial sums per cycle, along `K`.
    pub drain: u32,
}

/// The off-chip port, per direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offchip {
    /// Bytes per cycle read, and as many written.
    pub bytes_per_cycle: u32,
    /// Cycles from an accepted address to its first data, and from the last write data to the response.
    pub latency_cycles: u32,
}

impl Accelerator {
    /// Multipliers of the array.
    #[must_use]
    pub fn pes(&self) -> u32 {
        self.axes.iter().map(|a| a.size).product()
    }

    /// Positions that run `d` in parallel whatever the layer: the product of the axes over `d` alone, one if there is none.
    #[must_use]
    pub fn parallel(&self, d: Dim) -> u32 {
        let serving = self.axes.iter().filter(|a| a.dims == [d]);
        serving.fold(1, |product: u32, a| product.saturating_mul(a.size))
    }

    /// The axis over several dimensions of `class`, if there is one.
    #[must_use]
    pub fn shared(&self, of: Class) -> Option<&Axis> {
        let several = |a: &&Axis| a.dims.len() > 1 && a.dims.iter().any(|&d| class(d) == of);
        self.axes.iter().find(several)
    }

    /// Every rule of the hardware template that this accelerator breaks, in words; empty if it can be built.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut v = Vec::new();
        self.check_axes(&mut v);
        self.check_ports(&mut v);
        if v.is_empty() {
            self.check_memories(&mut v);
        }
        v
    }

    /// Checks [`Accelerator::violations`].
    ///
    /// # Errors
    /// `E0202` with every violation.
    pub fn validate(&self) -> Result<()> {
        let v = self.violations();
        if v.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::new(
            Code::BadAccelerator,
            format!("the accelerator cannot be built: {}", v.join("; ")),
        )
        .at(format!("accelerator `{}`", self.name))
        .next("change the named figures; docs/hardware.md tells the rules"))
    }

    fn check_axes(&self, v: &mut Vec<String>) {
        if !AXIS_COUNTS.contains(&self.axes.len()) {
            v.push(format!("the array has {} axes, allowed are 1 to 3", self.axes.len()));
        }
        let pes = self.axes.iter().fold(1u64, |pes, a| pes.saturating_mul(a.size.into()));
        if pes > MAX_PES {
            v.push(format!("the array has {pes} multipliers, allowed are up to {MAX_PES}"));
        }
        for (i, axis) in self.axes.iter().enumerate() {
            if axis.size == 0 || axis.size > MAX_AXIS {
                v.push(format!("axis {i} has size {}, allowed are 1 to {MAX_AXIS}", axis.size));
            }
            if let Some(reason) = unbuildable(&axis.dims) {
                v.push(format!("axis {i} {reason}"));
            }
        }
        for of in [Class::Reduction, Class::Positions] {
            let several = |a: &&Axis| a.dims.len() > 1 && a.dims.iter().any(|&d| class(d) == of);
            if self.axes.iter().filter(several).count() > 1 {
                let dims = if of == Class::Reduction {
                    "C, R and S"
                } else {
                    "Y and X"
                };
                v.push(format!(
                    "two axes run several of {dims}; make one of as many positions of them"
                ));
            }
        }
    }

    fn check_ports(&self, v: &mut Vec<String>) {
        let pow2 = |name: &str, value: u32, min: u32, max: u32, v: &mut Vec<String>| {
            if !value.is_power_of_two() || value < min || value > max {
                v.push(format!(
                    "{name} is {value}, allowed are the powers of two from {min} to {max}"
                ));
            }
        };
        pow2("lanes.W", self.lanes.W, 1, 64, v);
        pow2("lanes.I", self.lanes.I, 1, 64, v);
        pow2("lanes.drain", self.lanes.drain, 1, 64, v);
        pow2("requantizers", self.requantizers, 1, self.lanes.drain.max(1), v);
        pow2("offchip.bytes_per_cycle", self.offchip.bytes_per_cycle, 4, 64, v);
        if self.offchip.latency_cycles == 0 || self.offchip.latency_cycles > 1000 {
            v.push(format!(
                "offchip.latency_cycles is {}, allowed are 1 to 1000",
                self.offchip.latency_cycles
            ));
        }
        let fit = |lanes: u32, d: Dim, name: &str, v: &mut Vec<String>| {
            let p = self.parallel(d);
            if p != 0 && lanes > p && !lanes.is_multiple_of(p) {
                v.push(format!(
                    "{name} = {lanes} is neither at most the {d} axis ({p}) nor a multiple of it"
                ));
            }
        };
        fit(self.lanes.W, Dim::K, "lanes.W", v);
        fit(self.lanes.I, Dim::C, "lanes.I", v);
        fit(self.lanes.I, Dim::K, "lanes.I", v);
        fit(self.lanes.drain, Dim::K, "lanes.drain", v);
    }

    fn check_memories(&self, v: &mut Vec<String>) {
        let g = Geometry::of(self);
        let (b, l) = (&self.buffers, &self.l2);
        let slots = [
            b.W.slots,
            b.I.slots,
            b.psum.slots,
            l.W.slots,
            l.I.slots,
            l.O.slots,
            l.P.slots,
        ];
        if slots.iter().any(|s| !(1..=2).contains(s)) {
            v.push("every memory has one or two slots".into());
        }
        for (name, size, unit) in [
            ("buffers.W.bytes", b.W.bytes, g.w_word),
            ("buffers.I.bytes", b.I.bytes, g.i_word),
            ("buffers.psum.words", b.psum.words, g.psum_word),
            ("l2.W.bytes", l.W.bytes, g.l2_w_word),
            ("l2.I.bytes", l.I.bytes, g.l2_i_word),
            ("l2.O.bytes", l.O.bytes, l.output_bytes() * g.l2_o_word),
            ("l2.P.bytes", l.P.bytes, PARAM_BYTES * g.l2_p_word),
        ] {
            if size == 0 || !size.is_multiple_of(unit) {
                v.push(format!(
                    "{name} is {size}, which is not a positive multiple of its word of {unit}"
                ));
            }
            if size > 1 << 26 {
                v.push(format!("{name} is {size}, more than 64 Mi"));
            }
        }
        self.check_byte_addresses(v);
    }

    /// Bytes of the I buffers where C shares an axis: their addresses count bytes, in 16 bits.
    fn check_byte_addresses(&self, v: &mut Vec<String>) {
        let shared = self.shared(Class::Reduction).is_some_and(|a| a.dims.contains(&Dim::C));
        if shared && self.buffers.I.bytes > 1 << 16 {
            v.push(format!(
                "buffers.I.bytes is {}, more than 64 Ki where C shares an axis",
                self.buffers.I.bytes
            ));
        }
    }

    /// Bytes stored on chip: every slot of every operand buffer, psum buffer and level-2 memory.
    #[must_use]
    pub fn onchip_bytes(&self) -> u64 {
        let g = Geometry::of(self);
        let slots = |m: &Memory| u64::from(m.bytes) * u64::from(m.slots);
        let b = &self.buffers;
        u64::from(g.w_buffers) * slots(&b.W)
            + u64::from(g.i_buffers) * slots(&b.I)
            + u64::from(g.psum_buffers) * 4 * u64::from(b.psum.words) * u64::from(b.psum.slots)
            + [&self.l2.W, &self.l2.I, &self.l2.O, &self.l2.P]
                .into_iter()
                .map(slots)
                .sum::<u64>()
    }
}

/// Why no axis runs these dimensions, if none does.
fn unbuildable(dims: &[Dim]) -> Option<String> {
    let names: Vec<String> = dims.iter().map(ToString::to_string).collect();
    let names = names.join(" and ");
    match dims {
        [] => Some("lists no dims".into()),
        _ if DimSet::of(dims).iter().count() < dims.len() => Some(format!("lists {names}: each dim may stand once")),
        [first, rest @ ..] if rest.iter().any(|&d| class(d) != class(*first)) => Some(format!(
            "runs {names}, whose PEs are linked differently; one axis runs several of C, R and S, or Y and X"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_the_format() {
        let text = r#"{"name": "ck16", "axes": [{"size": 16, "dims": ["K"]}, {"size": 16, "dims": ["C"]}],
          "buffers": {"W": {"bytes": 32, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
          "l2": {"W": {"bytes": 65536, "slots": 2}, "I": {"bytes": 98304, "slots": 2}, "O": {"bytes": 98304, "slots": 2}},
          "lanes": {"W": 16, "I": 16, "drain": 16}, "requantizers": 4,
          "offchip": {"bytes_per_cycle": 16, "latency_cycles": 64}}"#;
        let a: Accelerator = serde_json::from_str(text).unwrap();
        assert_eq!(a.violations(), Vec::<String>::new());
        assert_eq!((a.pes(), a.parallel(Dim::K), a.parallel(Dim::Y)), (256, 16, 1));
    }

    #[test]
    fn any_dims_on_one_to_three_axes() {
        let text = r#"{"name": "a", "axes": [], "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 4096, "slots": 2},
          "psum": {"words": 64, "slots": 2}}, "l2": {"W": {"bytes": 4096, "slots": 2}, "I": {"bytes": 4096, "slots": 2},
          "O": {"bytes": 4096, "slots": 2}}, "lanes": {"W": 4, "I": 4, "drain": 4}, "requantizers": 4,
          "offchip": {"bytes_per_cycle": 4, "latency_cycles": 64}}"#;
        let mut a: Accelerator = serde_json::from_str(text).unwrap();
        let axis = |size, d| Axis { size, dims: vec![d] };
        for (axes, violations) in [
            (vec![], 1),
            (vec![axis(7, Dim::R)], 0),
            (vec![axis(4, Dim::S), axis(4, Dim::S)], 0),
            (vec![axis(64, Dim::K), axis(64, Dim::K), axis(8, Dim::Y)], 0),
            (vec![axis(64, Dim::K), axis(64, Dim::K), axis(9, Dim::Y)], 1),
            (
                vec![axis(2, Dim::R), axis(2, Dim::S), axis(2, Dim::X), axis(2, Dim::Y)],
                1,
            ),
            (vec![axis(65, Dim::X)], 1),
        ] {
            a.axes = axes;
            assert_eq!(a.violations().len(), violations, "{:?}: {:?}", a.axes, a.violations());
        }
        let several = |size, dims: &[Dim]| Axis {
            size,
            dims: dims.to_vec(),
        };
        for (axes, reason) in [
            (
                vec![several(12, &[Dim::R, Dim::C]), several(14, &[Dim::Y, Dim::X])],
                None,
            ),
            (vec![several(12, &[Dim::R, Dim::S, Dim::C]), axis(4, Dim::C)], None),
            (vec![several(4, &[Dim::C, Dim::X])], Some("axis 0 runs C and X")),
            (
                vec![axis(2, Dim::K), several(4, &[Dim::K, Dim::C])],
                Some("axis 1 runs K and C"),
            ),
            (vec![several(4, &[Dim::R, Dim::R])], Some("axis 0 lists R and R")),
            (vec![several(4, &[])], Some("axis 0 lists no dims")),
            (
                vec![several(4, &[Dim::R, Dim::C]), several(4, &[Dim::S, Dim::C])],
                Some("two axes run"),
            ),
        ] {
            a.axes = axes;
            let v = a.violations();
            assert_eq!(v.len(), usize::from(reason.is_some()), "{v:?}");
            assert!(reason.is_none_or(|reason| v[0].starts_with(reason)), "{v:?}");
        }
        a.axes = vec![axis(3, Dim::X), axis(2, Dim::R), axis(5, Dim::X)];
        assert_eq!(Dim::ALL.map(|d| a.parallel(d)), [1, 1, 1, 15, 2, 1]);
    }
}
