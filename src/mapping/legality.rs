//! Whether a mapping can run on an accelerator, and if not, every reason in words.

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::arch::geometry::Geometry;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::{Dim, PerDim};
use crate::base::int::{ceil_div, round_up};
use crate::mapping::schedule::{Schedule, Setting};
use crate::mapping::tiling::Mapping;
use crate::workload::layer::LoopNest;
use std::fmt;

/// One reason why a mapping cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A loop order does not name every dimension once.
    Order,
    /// A tile needs more of a memory than one slot holds.
    Capacity {
        /// The memory, as the accelerator file names it.
        memory: &'static str,
        /// What the tile needs.
        needed: u64,
        /// What a slot holds.
        available: u64,
    },
    /// A tile extent is not a multiple of what the lanes and the bus move together.
    Alignment {
        /// Which tile.
        level: &'static str,
        /// The dimension.
        dim: Dim,
        /// Its extent.
        extent: u32,
        /// The required divisor.
        quantum: u32,
    },
    /// A dimension gets several positions, but no axis shares them among several dimensions.
    Unshared {
        /// The dimension.
        dim: Dim,
        /// Its positions.
        positions: u32,
    },
    /// The dimensions of an axis get more positions than it has.
    Overfull {
        /// The dimensions.
        dims: String,
        /// Their positions, multiplied.
        positions: u64,
        /// Those of the axis.
        size: u32,
    },
    /// Beats would not come out even over the C positions.
    Lanes {
        /// C positions of the shared axis.
        positions: u32,
        /// Neighbouring channels that a beat brings to each, were there one.
        word: u32,
    },
    /// Sums leave the array unfinished, but level 2 has none.
    Sums,
    /// A figure exceeds its field in the control table.
    Field {
        /// The figure.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The largest value that the field holds.
        limit: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => write!(f, "a loop order does not name every dimension once"),
            Self::Capacity {
                memory,
                needed,
                available,
            } => {
                write!(f, "{memory} needs {needed}, a slot holds {available}")
            }
            Self::Alignment {
                level,
                dim,
                extent,
                quantum,
            } => {
                write!(
                    f,
                    "the {level} tile's {dim} extent of {extent} is not a multiple of {quantum} (lanes and bus)"
                )
            }
            Self::Unshared { dim, positions } => {
                write!(
                    f,
                    "{dim} gets {positions} positions, but shares no axis with another dimension"
                )
            }
            Self::Overfull { dims, positions, size } => {
                write!(
                    f,
                    "the axis over {dims} has {size} positions, the mapping splits {positions}"
                )
            }
            Self::Lanes { positions, word } => write!(
                f,
                "C gets {positions} positions of its axis: with these I lanes, {word} or more, or a divisor of {word}"
            ),
            Self::Sums => write!(
                f,
                "sums leave the array unfinished, and level 2 has no sums (l2.sums): no loop over C, R or S may lie around one over K, Y or X"
            ),
            Self::Field { name, value, limit } => write!(f, "{name} is {value}, the control table holds up to {limit}"),
        }
    }
}

/// The multiple that extents along `d` must keep wherever a level cuts that dimension into more than one tile.
#[must_use]
pub fn quantum(a: &Accelerator, nest: &LoopNest, d: Dim) -> u32 {
    let bus = a.offchip.bytes_per_cycle;
    match d {
        Dim::K if nest.depthwise() => bus.max(a.lanes.W).max(a.lanes.drain).max(a.lanes.I),
        Dim::K => bus.max(a.lanes.W).max(a.lanes.drain),
        Dim::C if !nest.depthwise() => bus.max(a.lanes.I),
        _ => 1,
    }
}

/// Bytes or words per slot that the largest tiles of a schedule need, in the order of [`MEMORIES`].
#[must_use]
pub fn needs(s: &Schedule) -> [u64; 7] {
    use Dim::{C, K, R, S, X, Y};
    let g = &s.geometry;
    let e = s.full_tile();
    let share = PerDim::from_fn(|d| s.share(d, e[d]));
    let of = |dims: &[Dim], v: &PerDim<u32>| dims.iter().map(|&d| u64::from(v[d])).product::<u64>();
    let [h, w] = s.windows(&share);
    let inputs = if s.nest.depthwise() {
        round_up(e[K].into(), g.i_word.into()) * h * w
    } else {
        // A row holds `i_conv_banks` words of `i_conv_word` channels; what is left of it stays unused.
        let words = ceil_div(share[C].into(), g.i_conv_word.into()) * h * w;
        ceil_div(words, g.i_conv_banks.into()) * u64::from(g.i_word)
    };
    let e2 = s.full_l2_tile();
    let [h2, w2] = s.windows(&e2);
    [
        round_up(share[K].into(), g.w_word.into()) * of(&[C, R, S], &share),
        inputs,
        round_up(share[K].into(), g.psum_word.into()) * of(&[Y, X], &share),
        round_up(e2[K].into(), g.l2_w_word.into()) * of(&[C, R, S], &e2),
        round_up(e2[s.channel_dim()].into(), g.l2_i_word.into()) * h2 * w2,
        s.l2_o_bytes(&e2),
        round_up(e2[K].into(), g.l2_p_word.into()) * u64::from(PARAM_BYTES),
    ]
}

/// Names of the memories of [`needs`].
pub const MEMORIES: [&str; 7] = [
    "buffers.W bytes",
    "buffers.I bytes",
    "buffers.psum words",
    "l2.W bytes",
    "l2.I bytes",
    "l2.O bytes",
    "l2.P bytes",
];

/// What a slot of each memory of [`needs`] holds.
#[must_use]
pub fn holds(a: &Accelerator) -> [u64; 7] {
    [
        a.buffers.W.bytes,
        a.buffers.I.bytes,
        a.buffers.psum.words,
        a.l2.W.bytes,
        a.l2.I.bytes,
        a.l2.O.bytes,
        a.l2.P.bytes,
    ]
    .map(u64::from)
}

/// The largest trip count or extent that a field of the control table holds.
pub const FIELD_LIMIT: u64 = (1 << 16) - 1;

/// Every reason why `mapping` cannot run `nest` on `a`; empty if it can.
#[must_use]
pub fn violations(nest: &LoopNest, a: &Accelerator, mapping: &Mapping) -> Vec<Violation> {
    checked(&Setting::new(nest, a), a, mapping).err().unwrap_or_default()
}

/// The schedule of a legal mapping in `setting`, which must be that of the layer on `a`; whoever has several mappings
/// keeps the setting.
///
/// # Errors
/// Every reason why `mapping` cannot run.
pub fn checked(setting: &Setting, a: &Accelerator, mapping: &Mapping) -> std::result::Result<Schedule, Vec<Violation>> {
    if !mapping.orders_are_permutations() {
        return Err(vec![Violation::Order]);
    }
    let v = split_violations(&setting.geometry, &mapping.normalised(&setting.nest).split);
    if !v.is_empty() {
        return Err(v);
    }
    let s = setting.schedule(mapping);
    let v = broken(&s, a);
    if v.is_empty() { Ok(s) } else { Err(v) }
}

/// Every reason why axes of an array with geometry `g` (of the accelerator alone) cannot be split so.
#[must_use]
pub fn split_violations(g: &Geometry, split: &PerDim<u32>) -> Vec<Violation> {
    let mut v = Vec::new();
    for d in Dim::ALL {
        if split[d] > 1 && !g.shared.iter().any(|s| s.dims.contains(d)) {
            v.push(Violation::Unshared {
                dim: d,
                positions: split[d],
            });
        }
    }
    for shared in g.shared {
        let product = |product: u64, d: Dim| product.saturating_mul(split[d].into());
        let positions = shared.dims.iter().fold(1, product);
        if positions > shared.size.into() {
            let names: Vec<String> = shared.dims.iter().map(|d| d.to_string()).collect();
            v.push(Violation::Overfull {
                dims: names.join(" and "),
                positions,
                size: shared.size,
            });
        }
    }
    let (word, positions) = (g.i_conv_word, split[Dim::C]);
    if positions < word && !word.is_multiple_of(positions) {
        v.push(Violation::Lanes { positions, word });
    }
    v
}

/// Every rule that a schedule on `a` breaks.
fn broken(s: &Schedule, a: &Accelerator) -> Vec<Violation> {
    let nest = &s.nest;
    let mut v = Vec::new();
    for ((memory, needed), available) in MEMORIES.into_iter().zip(needs(s)).zip(holds(a)) {
        if needed > available {
            v.push(Violation::Capacity {
                memory,
                needed,
                available,
            });
        }
    }
    if s.accumulate && !a.l2.sums {
        v.push(Violation::Sums);
    }
    for d in [Dim::K, Dim::C] {
        let quantum = quantum(a, nest, d);
        let levels = [
            ("off-chip", s.mapping.offchip.tile[d]),
            ("level-2", s.mapping.l2.tile[d]),
        ];
        for (level, extent) in levels {
            if extent < nest.bounds[d] && !extent.is_multiple_of(quantum) {
                v.push(Violation::Alignment {
                    level,
                    dim: d,
                    extent,
                    quantum,
                });
            }
        }
    }
    let [h, w] = s.windows(&s.full_l2_tile());
    let [last_row, last_column] = s.last_window_base();
    let figures = [
        ("window rows", h),
        ("window columns", w),
        ("the last position's first window row", last_row),
        ("the last position's first window column", last_column),
        ("groups", nest.g.into()),
        ("batch", nest.n.into()),
    ]
    .into_iter()
    .chain(Dim::ALL.map(|d| ("a loop bound", nest.bounds[d].into())))
    .chain(nest.input.map(|side| ("an input side", side.into())));
    for (name, value) in figures {
        if value > FIELD_LIMIT {
            v.push(Violation::Field {
                name,
                value,
                limit: FIELD_LIMIT,
            });
        }
    }
    v
}

/// The schedule of a legal mapping.
///
/// # Errors
/// `E0203` with every violation.
pub fn schedule(nest: &LoopNest, a: &Accelerator, mapping: &Mapping) -> Result<Schedule> {
    checked(&Setting::new(nest, a), a, mapping).map_err(|v| refusal(&v))
}

/// The diagnostic for a mapping that breaks rules.
#[must_use]
pub fn refusal(v: &[Violation]) -> Diagnostic {
    let reasons: Vec<String> = v.iter().map(ToString::to_string).collect();
    Diagnostic::new(
        Code::IllegalMapping,
        format!("the mapping cannot run: {}", reasons.join("; ")),
    )
    .next("`naas map` finds legal mappings")
}
