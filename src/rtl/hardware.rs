//! The typed description of the hardware to emit: every width and depth, decided once.

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::arch::geometry::{Geometry, Shared};
use crate::base::dims::Dim;
use crate::base::int::{bits_for, floor_pow2};
use crate::rtl::descriptor::{self, Descriptor};
use crate::rtl::limits::Bounds;
use crate::workload::layer::{Kind, LoopNest};
use crate::workload::quant::{ChannelParams, LayerPost, Rounding};

/// The hardware's access counters, in the order of its registers and records.
pub const COUNTERS: [&str; 12] = [
    "macs",
    "compute_cycles",
    "w_cycles",
    "w_words",
    "i_cycles",
    "i_words",
    "i_writes",
    "drain_cycles",
    "psum_words",
    "acc_reads",
    "read_beats",
    "write_beats",
];

/// Bits of what counters are told as: no counter has more.
pub const COUNTER_BITS: u32 = 40;

/// What a design can do beyond the least; more than its tables need costs area only. Every descriptor says what its layer
/// needs, and the hardware refuses one that needs more than it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Bits of a psum, its sign included.
    pub psum_bits: u32,
    /// Bits of the magnitudes that output units multiply, where they do not round as float32 does: that needs 24.
    pub magnitude_bits: u32,
    /// Bits of the output units' multiplier: 24 for float32 scales alone, 31 for TFLite's.
    pub multiplier_bits: u32,
    /// Whether output units can round as float32 arithmetic does.
    pub tie_window: bool,
    /// Whether they can do anything else.
    pub exact: bool,
    /// Whether weights may have two digits: additions need it.
    pub digits: bool,
    /// Whether the array can seek the greatest input of a window: max pooling needs it.
    pub maximum: bool,
}

impl Features {
    /// What runs every table.
    pub const FULL: Self = Self {
        psum_bits: 32,
        magnitude_bits: 32,
        multiplier_bits: 31,
        tie_window: true,
        exact: true,
        digits: true,
        maximum: true,
    };

    /// What is there beyond the least, as a descriptor's `needs`.
    #[must_use]
    pub const fn needs(self) -> u64 {
        (self.multiplier_bits > 24) as u64
            | (self.tie_window as u64) << 1
            | (self.digits as u64) << 2
            | (self.maximum as u64) << 3
    }

    /// Whether all outputs are rounded as float32 does.
    #[must_use]
    pub const fn only_float32(self) -> bool {
        self.tie_window && !self.exact
    }

    /// Whether this runs every table that `other` runs.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.needs() & !self.needs() == 0
            && (self.exact || !other.exact)
            && other.magnitude_bits <= self.magnitude_bits
            && other.psum_bits <= self.psum_bits
    }

    /// The least that runs these layers.
    pub fn for_layers<'a>(layers: impl IntoIterator<Item = (&'a LoopNest, &'a LayerPost)>) -> Self {
        let least = Self {
            psum_bits: 16,
            magnitude_bits: 24,
            multiplier_bits: 24,
            tie_window: false,
            exact: false,
            digits: false,
            maximum: false,
        };
        layers.into_iter().fold(least, |unit, (nest, post)| {
            let wide = post.channels.iter().any(|c| c.multiplier >> 24 != 0);
            Self {
                psum_bits: unit.psum_bits.max(bits_for(largest_sum(nest)) + 1).min(32),
                magnitude_bits: unit.magnitude_bits.max(magnitude_bits(nest, post)),
                multiplier_bits: if wide { 31 } else { unit.multiplier_bits },
                tie_window: unit.tie_window || post.needs_tie_window(),
                exact: unit.exact || !post.channels.iter().all(as_float32),
                digits: unit.digits || nest.kind == Kind::Add,
                maximum: unit.maximum || nest.kind == Kind::Maxpool,
            }
        })
    }
}

/// Whether a channel's outputs are rounded as float32 does, by a multiplier that is normalised, or zero.
const fn as_float32(c: &ChannelParams) -> bool {
    matches!(c.rounding, Rounding::Float32) && (c.multiplier == 0 || c.multiplier >> 23 == 1)
}

/// Bits of the greatest magnitude of an accumulator that float32 does not round, whatever the inputs.
fn magnitude_bits(nest: &LoopNest, post: &LayerPost) -> u32 {
    let exact = post.channels.iter().filter(|c| c.rounding != Rounding::Float32);
    let Some(bias) = exact.map(|c| u64::from(c.bias.unsigned_abs())).max() else {
        return 0;
    };
    bits_for(largest_sum(nest) + bias).min(32)
}

/// The greatest magnitude of a sum of a layer's products, whatever its inputs and weights.
fn largest_sum(nest: &LoopNest) -> u64 {
    let products: u64 = Dim::REDUCTION.iter().map(|&d| u64::from(nest.bounds[d])).product();
    // The second digit of an addition's weights counts 256-fold.
    let product = if nest.kind == Kind::Add { 257 << 14 } else { 1 << 14 };
    products * product
}

/// Widths and depths of one design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// What follows from its figures.
    pub geometry: Geometry,
    /// Words per slot of the W buffers.
    pub w_depth: u32,
    /// Rows per slot of the I buffers.
    pub i_depth: u32,
    /// Words per slot of the psum buffers.
    pub psum_depth: u32,
    /// Words per slot of level 2: W, I, P, O.
    pub l2_depth: [u32; 4],
    /// Addresses of an I buffer row in a convolution: words, or bytes where C shares an axis and their length differs.
    pub i_banks: u32,
    /// Address bits of the W, I and psum buffers, one slot.
    pub buffer_bits: [u32; 3],
    /// Bits that hold the number of positions of any dimension.
    pub position_bits: u32,
    /// Bits of a sum of products.
    pub sum_bits: u32,
    /// Beats that may be under way from off-chip memory, a power of two.
    pub queue: u32,
    /// Bits of a beat's place within a level-2 slot.
    pub place_bits: u32,
    /// Bytes of a descriptor.
    pub descriptor_bytes: u32,
    /// What the output units can do.
    pub features: Features,
    /// What of its tables no memory bounds.
    pub bounds: Bounds,
    /// Bits of each access counter, in the order of [`COUNTERS`].
    pub counter_bits: [u32; COUNTERS.len()],
}

impl Hardware {
    /// Decides every width for an accelerator that obeys the rules, with output units that run every table.
    #[must_use]
    pub fn new(a: &Accelerator) -> Self {
        Self::with_unit(a, Features::FULL)
    }

    /// The least that runs these layers.
    pub fn for_layers<'a>(
        a: &Accelerator,
        features: Features,
        layers: impl IntoIterator<Item = &'a Descriptor>,
    ) -> Self {
        let hw = Self::with_unit(a, features);
        let mut bounds = Bounds::of(layers);
        // Beats of a job are counted in addresses, too.
        bounds.address = bounds.address.max(hw.place_bits + 1).min(hw.bounds.address);
        Self { bounds, ..hw }
    }

    /// With access counters for no more than these counts of a whole run.
    #[must_use]
    pub fn counting(mut self, most: [u64; COUNTERS.len()]) -> Self {
        self.counter_bits = most.map(|count| bits_for(count).min(COUNTER_BITS));
        self
    }

    /// As [`Hardware::new`], with the given output units.
    fn with_unit(a: &Accelerator, features: Features) -> Self {
        let g = Geometry::of(a);
        let w_depth = a.buffers.W.bytes / g.w_word;
        let i_depth = a.buffers.I.bytes / g.i_word;
        let psum_depth = a.buffers.psum.words / g.psum_word;
        let l2_depth = [
            a.l2.W.bytes / g.l2_w_word,
            a.l2.I.bytes / g.l2_i_word,
            a.l2.P.bytes / (PARAM_BYTES * g.l2_p_word),
            a.l2.O.bytes / (a.l2.output_bytes() * g.l2_o_word),
        ];
        let bus = a.offchip.bytes_per_cycle;
        let descriptor_bytes = descriptor::bytes();
        let places = [
            l2_depth[0] * (g.l2_w_word / bus),
            l2_depth[1] * (g.l2_i_word / bus),
            l2_depth[2] * 16 * (g.l2_p_word / bus),
            descriptor_bytes / bus,
        ];
        let bits = |n: u32| bits_for(u64::from(n.max(2) - 1));
        let i_banks = if g.shared[0].dims.contains(Dim::C) {
            u32::try_from(floor_pow2(g.i_word.into())).unwrap_or(1)
        } else {
            g.i_conv_banks
        };
        let most = Dim::ALL.iter().map(|&d| g.most(d)).max();
        Self {
            w_depth,
            i_depth,
            psum_depth,
            l2_depth,
            i_banks,
            buffer_bits: [bits(w_depth), bits(i_depth * i_banks), bits(psum_depth)],
            position_bits: bits_for(most.unwrap_or(1).into()),
            sum_bits: 16 + bits_for(u64::from(g.reduced()) - 1),
            queue: (a.offchip.latency_cycles + 16).next_power_of_two(),
            place_bits: places.into_iter().map(bits).max().unwrap_or(1).max(8),
            descriptor_bytes,
            features,
            bounds: Bounds::full(bus),
            counter_bits: [COUNTER_BITS; COUNTERS.len()],
            accelerator: a.clone(),
            geometry: g,
        }
    }

    /// Parameters of the top module, in the order of its text: name, value, meaning.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, u32, &'static str)> {
        let (a, g) = (&self.accelerator, &self.geometry);
        let bus = a.offchip.bytes_per_cycle;
        let bits = |n: u32| bits_for(u64::from(n.max(2) - 1));
        let [w, i, p, o] = self.l2_depth;
        let [lw, li, lo] = self.buffer_bits;
        let mut parameters = self.positions();
        parameters.extend([
            ("PW", self.position_bits, "bits of a position"),
            ("TREE", g.pipeline.tree, "registered stages of the adder trees"),
            ("SUMW", self.sum_bits, "bits of a sum of products"),
            (
                "PSUMW",
                self.features.psum_bits.max(self.sum_bits),
                "bits of a psum: of the largest sum of its layers",
            ),
            ("WLANES", a.lanes.W, "weight bytes per cycle into the array"),
            ("WM", g.w_word, "bytes of a W buffer word"),
            ("WDEPTH", self.w_depth, "words of a W buffer slot"),
            ("WSLOTS", a.buffers.W.slots, "slots of the W buffers"),
            ("LW", lw, "address bits of a W buffer"),
            ("ILANES", a.lanes.I, "input bytes per cycle into the array"),
            ("IROW", g.i_word, "bytes of an I buffer row"),
            ("IM", g.i_conv_word, "bytes of the longest convolution word"),
            (
                "IBANKS",
                self.i_banks,
                "addresses of a row in a convolution: words, bytes where C shares an axis",
            ),
            ("IBW", bits(self.i_banks), "bits of such an address"),
            ("ISETS", g.i_word / g.p(Dim::K), "groups of PK bytes in a row"),
            ("IDEPTH", self.i_depth, "rows of an I buffer slot"),
            ("ISLOTS", a.buffers.I.slots, "slots of the I buffers"),
            ("LI", li, "word address bits of an I buffer"),
            ("OLANES", a.lanes.drain, "psums per cycle out of the array"),
            (
                "DRAINED",
                if a.l2.sums { a.lanes.drain } else { a.requantizers },
                "of them at a time, at the array's edge: those for the output units, if all are final",
            ),
            ("OM", g.psum_word, "psums of a psum buffer word"),
            ("ODEPTH", self.psum_depth, "words of a psum buffer slot"),
            ("OSLOTS", a.buffers.psum.slots, "slots of the psum buffers"),
            ("LO", lo, "address bits of a psum buffer"),
            ("UNITS", a.requantizers, "output units"),
            ("UNIT", g.pipeline.output_unit, "latency of an output unit"),
        ]);
        parameters.extend(self.abilities());
        parameters.extend([
            ("BUS", bus, "bytes of a bus beat"),
            ("WWORD", g.l2_w_word, "bytes of a level-2 W word"),
            ("IWORD", g.l2_i_word, "bytes of a level-2 I word"),
            (
                "OWORD",
                g.l2_o_word,
                "outputs of a level-2 O word, also channels of a P word",
            ),
            (
                "OBITS",
                8 * a.l2.output_bytes(),
                "bits of an output there: 32 if sums accumulate in level 2, else 8",
            ),
            ("L2W", w, "words of a level-2 W slot"),
            ("L2I", i, "words of a level-2 I slot"),
            ("L2P", p, "words of a level-2 P slot"),
            ("L2O", o, "words of a level-2 O slot"),
            ("L2W_SLOTS", a.l2.W.slots, "level-2 W slots"),
            ("L2I_SLOTS", a.l2.I.slots, "level-2 I slots"),
            ("L2P_SLOTS", a.l2.P.slots, "level-2 P slots"),
            ("L2O_SLOTS", a.l2.O.slots, "level-2 O slots"),
            (
                "AWW",
                bits(w * a.l2.W.slots),
                "address bits of level-2 W, slots included",
            ),
            (
                "AWI",
                bits(i * a.l2.I.slots),
                "address bits of level-2 I, slots included",
            ),
            (
                "AWP",
                bits(p * a.l2.P.slots),
                "address bits of level-2 P, slots included",
            ),
            ("AWO", bits(o), "address bits of a level-2 O slot"),
            (
                "PLACEO",
                bits(o) + a.l2.output_bytes().ilog2(),
                "bits of the place of OWORD outputs in such a slot",
            ),
            ("PLACE", self.place_bits, "bits of a beat's place in level 2"),
            ("QUEUE", self.queue, "beats under way from off-chip memory"),
            ("DESC_BYTES", self.descriptor_bytes, "bytes of a layer descriptor"),
            ("DESC_BEATS", self.descriptor_bytes / bus, "beats of a layer descriptor"),
        ]);
        parameters
    }

    /// Parameters that say what the design can do beyond the least.
    fn abilities(&self) -> [(&'static str, u32, &'static str); 5] {
        [
            (
                "MAG_BITS",
                self.features.magnitude_bits,
                "bits of the magnitudes that output units multiply",
            ),
            (
                "MULT_BITS",
                self.features.multiplier_bits,
                "bits of an output unit's multiplier",
            ),
            (
                "TIE_WINDOW",
                u32::from(self.features.tie_window) + u32::from(self.features.only_float32()),
                "1 if output units can round as float32 does, 2 if they do nothing else",
            ),
            (
                "DIGITS",
                self.features.digits.into(),
                "1 if weights may have two digits",
            ),
            (
                "MAXIMUM",
                self.features.maximum.into(),
                "1 if layers may seek the greatest input of a window",
            ),
        ]
    }

    /// Whether some place of the design instantiates this leaf: those of shared axes are left out where there is none, and what
    /// rounds accumulators where that is done otherwise.
    #[must_use]
    pub fn uses(&self, leaf: &str) -> bool {
        let [reduction, positions] = self.geometry.shared;
        match leaf {
            "naas_split.v" => reduction.size > 1 || positions.size > 1,
            "naas_i_deal.v" => reduction.dims.contains(Dim::C),
            "naas_round24.v" => !self.features.only_float32(),
            _ => true,
        }
    }

    /// Parameters that say how many positions run which dimensions.
    fn positions(&self) -> Vec<(&'static str, u32, &'static str)> {
        let g = &self.geometry;
        let [reduction, positions] = g.shared;
        let runs = |axis: Shared, d: Dim| u32::from(axis.dims.contains(d));
        vec![
            (
                "PK",
                g.p(Dim::K),
                "K positions: the product of the K axes' sizes, one if there is none",
            ),
            ("PC", g.p(Dim::C), "C positions"),
            ("PY", g.p(Dim::Y), "Y positions"),
            ("PX", g.p(Dim::X), "X positions"),
            ("PR", g.p(Dim::R), "R positions"),
            ("PS", g.p(Dim::S), "S positions"),
            (
                "NF",
                reduction.size,
                "positions of the axis that several of C, R, S share, one if there is none",
            ),
            ("CF", runs(reduction, Dim::C), "1 if C is one of them"),
            ("RF", runs(reduction, Dim::R), "1 if R is"),
            ("SF", runs(reduction, Dim::S), "1 if S is"),
            (
                "NO",
                positions.size,
                "positions of the axis that Y and X share, one if there is none",
            ),
        ]
    }
}
