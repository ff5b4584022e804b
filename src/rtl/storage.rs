//! What of a descriptor a design keeps in registers.
//!
//! The control table has one format for all designs, with room for any of them. A design keeps of it only what its layers can
//! differ in: a count is no wider than its layers need, or the memories that bound it, a field that this array has no use for is
//! a constant, and one that follows from another, or agrees with it in all layers, is wired to it. A layer that does not fit is
//! refused by the compiler by name. What fits says so: each table tells the digest of the storage that it was compiled for, and
//! the hardware refuses another with its foreign-table flag, as it does another design's. Nothing is ever cut short.

use crate::arch::accelerator::PARAM_BYTES;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::{Dim, PerDim};
use crate::base::int::bits_for;
use crate::mapping::legality::FIELD_LIMIT;
use crate::rtl::agreement::{Agreement, NARROWEST};
use crate::mapping::schedule::{LOOP_G, LOOP_N, OFFCHIP_LOOPS, Operand, offchip_loop, relevance};
use crate::rtl::descriptor::{self, Descriptor, Field};
use crate::rtl::hardware::Hardware;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

/// Where the engines get one bit of the control table from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A register of its own.
    Stored,
    /// Every layer of this design has this value.
    Constant(bool),
    /// The bit at this place of the table always has the same value.
    Same(u32),
    /// The bit at this place of the table always has the other value.
    Inverse(u32),
    /// Nowhere: no engine reads it, whatever it is.
    Unused,
}

/// The sources of all bits of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    sources: Vec<Source>,
}

/// Bits of counts on one design, for the engines' counters and adders: each as wide as the fields of the table that it runs
/// up to. Loops in the order K C Y X R S.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// A PE's extent minus one.
    pub share: [u32; 6],
    /// An array tile's extent minus one.
    pub tile: [u32; 6],
    /// A trip count at level 2 minus one; zero if that is always one.
    pub trips: [u32; 6],
    /// Of a level-2 tile, each minus one: blocks or words of channels, input channels of weights, output rows, output columns,
    /// taps along either side.
    pub l2: [u32; 5],
    /// A row or column of a level-2 tile's window.
    pub window: u32,
    /// A row or column of an array tile's window, and of where any position's window begins.
    pub array_window: u32,
    /// A row or column of one PE's window.
    pub share_window: u32,
    /// Groups of I lanes minus one.
    pub groups: u32,
}

impl Counts {
    /// The counts that the layers of `hw` come to, or all that fit its memories.
    #[must_use]
    pub fn of(hw: &Hardware) -> Self {
        use Dim::{C, K, R, S, X, Y};
        let l = Limits::of(hw);
        let most = |name: &str, elements: Range<usize>| {
            let largest = elements.map(|i| l.largest(name, i).unwrap_or(FIELD_LIMIT));
            largest.max().unwrap_or(0)
        };
        let width = |last: u64| bit_length(last).max(1);
        // Of a window: output positions and taps; no more than its memory holds.
        let window = |name: &str, per: usize, held: u64| {
            let side = |d: usize| most(name, d * per..(d + 1) * per) + most(name, (d + 2) * per..(d + 3) * per);
            width(side(0).max(side(1)).min(held - 1))
        };
        let begins = |d: usize| {
            let step = most("step", 3 * d..3 * d + 3);
            (l.parallel[side(3 * d)] - 1) * step
        };
        let array = (0..2).map(|d| {
            let reach = most("reach", 3 * d..3 * d + 3) + most("reach", 3 * (d + 2)..3 * (d + 2) + 3);
            reach.max(begins(d) + begins(d + 2))
        });
        let tile = |d: Dim| match d {
            K => most("k_extent", 0..3).saturating_sub(1),
            C => most("wl_c_last", 0..3),
            Y => most("dr_y_last", 0..3),
            X => most("dr_x_last", 0..3),
            R => most("wl_r_last", 0..3),
            S => most("wl_s_last", 0..3),
        };
        let blocks = ["rd_blocks_last", "rd_w_words_last", "rd_p_words_last", "wr_blocks_last"];
        let edges = |names: &[&str]| width(names.iter().map(|name| most(name, 0..2)).max().unwrap_or(0));
        Self {
            share: PerDim::from_fn(|d| width(most("share_last", 3 * d.index()..3 * d.index() + 3))).0,
            tile: PerDim::from_fn(|d| width(tile(d))).0,
            trips: PerDim::from_fn(|d| bit_length(most("l2_last", 2 * d.index()..2 * d.index() + 2))).0,
            l2: [
                edges(&blocks),
                edges(&["rd_c_last"]),
                edges(&["wr_y_last"]),
                edges(&["wr_x_last"]),
                edges(&["rd_r_last", "rd_s_last"]),
            ],
            window: window("rd_reach", 2, l.window).max(window("reach", 3, l.window)),
            array_window: width(array.max().unwrap_or(0)).min(l.bounds.position).min(16),
            share_window: window("share_reach", 3, l.share_window),
            groups: width(most("il_groups_last", 0..3)),
        }
    }
}

/// What no memory of a design bounds, and what its layers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bits of the off-chip loops' trip counts minus one: G N K C Y X R S. Zero of one that has always one trip.
    pub trips: [u32; OFFCHIP_LOOPS],
    /// Bits of a beat address in off-chip memory.
    pub address: u32,
    /// Bits of a row or column of the padded input.
    pub position: u32,
    /// The largest value of each element of each field in any layer; none if layers may have what memories hold.
    pub most: Option<Descriptor>,
    /// What all layers agree in; nothing if others may come.
    pub agreement: Agreement,
}

impl Bounds {
    /// All that the table's format holds, on a bus of so many bytes.
    #[must_use]
    pub fn full(bus: u32) -> Self {
        Self {
            trips: [16; OFFCHIP_LOOPS],
            address: 32 - bus.ilog2(),
            position: 17,
            most: None,
            agreement: Agreement::default(),
        }
    }

    /// The least that these layers need, as they are mapped.
    #[must_use]
    pub fn of<'a>(layers: impl IntoIterator<Item = &'a Descriptor>) -> Self {
        let layers: Vec<&Descriptor> = layers.into_iter().collect();
        let mut least = Self {
            trips: [0; OFFCHIP_LOOPS],
            address: 8,
            position: 1,
            most: None,
            agreement: Agreement::of(&layers),
        };
        for layer in layers {
            for (bits, &last) in least.trips.iter_mut().zip(layer.get("offchip_last")) {
                *bits = (*bits).max(bit_length(last));
            }
            if let &[address, row, column] = layer.get("highest") {
                least.address = least.address.max(bits_for(address));
                least.position = least.position.max(bits_for(row.max(column)));
            }
            match &mut least.most {
                Some(most) => most.raise(layer),
                none => *none = Some(layer.clone()),
            }
        }
        least
    }
}

/// Bits of a number; none of zero.
const fn bit_length(v: u64) -> u32 {
    u64::BITS - v.leading_zeros()
}

/// The most that fits the memories of a design, and what its layers come to.
struct Limits {
    bounds: Bounds,
    parallel: PerDim<u64>,
    /// Positions of an axis that a dimension shares with others, one if it shares none.
    shared: PerDim<u64>,
    /// Bytes of the longest convolution word.
    word: u64,
    /// Whether C is one of several dimensions of an axis, however few positions that has.
    c_shares: bool,
    share: PerDim<u64>,
    tile: PerDim<u64>,
    l2: PerDim<u64>,
    window: u64,
    share_window: u64,
    /// Words of a slot of the W, I and psum buffers.
    buffers: [u64; 3],
    /// Words of a slot of level-2 W, I, P and O; of O in outputs, four to a word.
    l2_words: [u64; 4],
    /// Bus beats of a level-2 word of W, I and P.
    beats: [u64; 3],
    /// Lanes of W, I and drain.
    lanes: [u64; 3],
    bus: u64,
}

impl Limits {
    /// Every rule here is a consequence of `legality::needs`: a factor of a product is at most the product.
    fn of(hw: &Hardware) -> Self {
        use Dim::{C, K, R, S, X, Y};
        let (a, g) = (&hw.accelerator, &hw.geometry);
        let wide = u64::from;
        let (w, sums) = (wide(a.buffers.W.bytes), wide(a.buffers.psum.words));
        let i_words = wide(hw.i_depth * hw.i_banks);
        let [l2_w, l2_i, l2_p, l2_o] = hw.l2_depth.map(wide);
        let outputs = 4 * l2_o;
        let parallel = PerDim::from_fn(|d| wide(g.most(d)));
        let share = PerDim::from_fn(|d| match d {
            K => w.min(sums),
            C => w.min(wide(a.buffers.I.bytes)),
            Y | X => sums.min(i_words),
            // Taps need no window where their distance is zero.
            R | S => w,
        });
        let l2 = PerDim::from_fn(|d| match d {
            K => (l2_w * wide(g.l2_w_word))
                .min(wide(a.l2.P.bytes / PARAM_BYTES))
                .min(wide(a.l2.O.bytes)),
            C => l2_w.min(wide(a.l2.I.bytes)),
            Y | X => outputs.min(l2_i),
            R | S => l2_w,
        });
        let bus = wide(a.offchip.bytes_per_cycle);
        Self {
            bounds: hw.bounds.clone(),
            shared: PerDim::from_fn(|d| wide(g.most(d) / g.p(d))),
            word: wide(g.i_conv_word),
            c_shares: g.shared.iter().any(|axis| axis.dims.contains(C)),
            parallel,
            share,
            tile: PerDim::from_fn(|d| (share[d] * parallel[d]).min(l2[d]).min(FIELD_LIMIT)),
            l2: PerDim::from_fn(|d| l2[d].min(FIELD_LIMIT)),
            window: l2_i.min(FIELD_LIMIT),
            share_window: i_words.min(FIELD_LIMIT),
            buffers: [wide(hw.w_depth), i_words, wide(hw.psum_depth)],
            l2_words: [l2_w, l2_i, l2_p, outputs],
            beats: [g.l2_w_word, g.l2_i_word, g.l2_p_word].map(|word| wide(word) / bus),
            lanes: [a.lanes.W, a.lanes.I, a.lanes.drain].map(wide),
            bus,
        }
    }

    /// The largest value of element `i` of a field, or none if only the field's width bounds it.
    fn largest(&self, name: &str, i: usize) -> Option<u64> {
        if !self.read(name, i) {
            return Some(0);
        }
        let most = self.bounds.most.as_ref().filter(|_| name != "predicted");
        let needed = most.and_then(|layers| layers.get(name).get(i).copied());
        match (self.held(name, i), needed) {
            (Some(held), Some(needed)) => Some(held.min(needed)),
            (held, needed) => held.or(needed),
        }
    }

    /// Whether an engine can come to read element `i` of a field. Of a dimension with a single off-chip tile only the edge tile
    /// is read, and of one with a single array tile in each level-2 tile only the last: the hardware refuses other trip counts.
    fn read(&self, name: &str, i: usize) -> bool {
        use Dim::{C, K, R, S, X, Y};
        let several = |name, i| self.largest(name, i) != Some(0);
        let offchip = |d: Dim| several("offchip_last", offchip_loop(d));
        let l2 = |d: Dim| (0..2).any(|edge| several("l2_last", 2 * d.index() + edge));
        let by_edge = |d: Dim, edge: usize| edge == 1 || offchip(d);
        let by_class = |d: Dim, class: usize| match class {
            0 => l2(d),
            1 => offchip(d),
            _ => true,
        };
        // Depthwise layers index inputs by K.
        let channels = |read: &dyn Fn(Dim, usize) -> bool, i: usize| read(C, i) || read(K, i);
        match name {
            "l2_last" => by_edge(Dim::ALL[i / 2], i % 2),
            "share_last" => by_class(Dim::ALL[i / 3], i % 3),
            "k_extent" | "wl_groups_last" | "wl_tail" | "dr_groups_last" | "dr_tail" => by_class(K, i),
            "c_extent" | "wl_c_last" => by_class(C, i),
            "wl_r_last" => by_class(R, i),
            "wl_s_last" => by_class(S, i),
            "dr_y_last" => by_class(Y, i),
            "dr_x_last" => by_class(X, i),
            "il_groups_last" | "il_tail" => channels(&by_class, i),
            "whole" | "extra" | "reach" | "share_reach" | "step" => by_class(side(i), i % 3),
            "rd_reach" => by_edge([Y, X, R, S][i / 2], i % 2),
            "rd_blocks_last" => channels(&by_edge, i),
            "rd_w_words_last" | "rd_p_words_last" | "rd_p_beats_last" | "wr_blocks_last" => by_edge(K, i),
            "rd_c_last" => by_edge(C, i),
            "rd_r_last" => by_edge(R, i),
            "rd_s_last" => by_edge(S, i),
            "wr_y_last" => by_edge(Y, i),
            "wr_x_last" => by_edge(X, i),
            "rd_w_beats_last" => (0..4).all(|bit| by_edge([K, C, R, S][bit], i >> bit & 1)),
            _ => true,
        }
    }

    /// The largest value of element `i` of a field of counts that memories, buses and lanes leave room for.
    fn held(&self, name: &str, i: usize) -> Option<u64> {
        let by_class = Dim::ALL[(i / 3).min(5)];
        let by_edge = Dim::ALL[(i / 2).min(5)];
        let groups = |extent: u64, lanes: u64| extent.div_ceil(lanes) - 1;
        let [w, inputs, sums] = self.buffers;
        let [l2_w, l2_i, l2_p, l2_o] = self.l2_words;
        let channels = self.l2[Dim::K].max(self.l2[Dim::C]);
        let ones = |bits: u32| (1u64 << bits) - 1;
        let Bounds {
            trips,
            address,
            position,
            ..
        } = self.bounds;
        Some(match name {
            "predicted" => [u64::from(u32::MAX), 0xff][i],
            "offchip_last" => ones(trips[i]),
            "pad_y" | "pad_x" | "height" | "width" => ones(position.min(16)),
            "l2_last" => self.l2[by_edge] - 1,
            "share_last" => self.share[by_class] - 1,
            "k_extent" => self.tile[Dim::K],
            "c_extent" => self.tile[Dim::C],
            "wl_c_last" => self.tile[Dim::C] - 1,
            "wl_r_last" => self.tile[Dim::R] - 1,
            "wl_s_last" => self.tile[Dim::S] - 1,
            "dr_y_last" => self.tile[Dim::Y] - 1,
            "dr_x_last" => self.tile[Dim::X] - 1,
            "whole" => self.parallel[side(i)],
            "extra" => self.share[side(i)] - 1,
            "split" => self.shared[Dim::ALL[i]],
            "i_unit" => self.word,
            "pe_w_stride" => w,
            "pe_i_stride" | "il_channel_stride" | "il_pitch" => inputs,
            "pe_o_stride" => sums,
            "wl_groups_last" => groups(self.tile[Dim::K], self.lanes[0]),
            "il_groups_last" => groups(self.tile[Dim::K].max(self.tile[Dim::C]), self.lanes[1]),
            "dr_groups_last" => groups(self.tile[Dim::K], self.lanes[2]),
            "wl_tail" => self.lanes[0],
            "il_tail" => self.lanes[1],
            "dr_tail" => self.lanes[2],
            "wl_tile_stride" | "wl_job_stride" => l2_w,
            "il_tile_stride" | "il_job_stride" => l2_i,
            "dr_tile_stride" | "dr_job_stride" | "wr_l2_stride" => l2_o,
            "dr_p_stride" => l2_p,
            "reach" | "rd_reach" => self.window - 1,
            "share_reach" => self.share_window - 1,
            // A layer may give such a dimension fewer positions, further apart.
            "step" if self.bounds.position < 16 => ones(position),
            "step" if self.shared[side(i)] > 1 => FIELD_LIMIT,
            "step" => FIELD_LIMIT / (self.parallel[side(i)] - 1).max(1),
            "origin_y" | "origin_x" => [ones(position), self.window][i / 2],
            "rd_blocks_last" => groups(channels, self.bus),
            "rd_w_beats_last" => l2_w * self.beats[0] - 1,
            "rd_w_words_last" => groups(self.l2[Dim::K], self.beats[0] * self.bus),
            "rd_p_words_last" => groups(self.l2[Dim::K], self.beats[2] * self.bus),
            "rd_p_beats_last" | "rd_p_tile_stride" if i == 1 || name == "rd_p_beats_last" => {
                l2_p * u64::from(PARAM_BYTES) * self.beats[2]
            }
            "rd_c_last" => self.l2[Dim::C] - 1,
            "rd_r_last" => self.l2[Dim::R] - 1,
            "rd_s_last" => self.l2[Dim::S] - 1,
            "rd_i_l2_stride" => l2_i * self.beats[1],
            "rd_w_l2_stride" => l2_w * self.beats[0],
            "wr_blocks_last" => groups(self.l2[Dim::K], self.bus),
            "wr_y_last" => self.l2[Dim::Y] - 1,
            "wr_x_last" => self.l2[Dim::X] - 1,
            "wr_tail" => self.bus,
            _ if ADDRESSES.contains(&name) => ones(address),
            _ => return None,
        })
    }
}

/// Beat addresses in off-chip memory, and distances between them.
const ADDRESSES: [&str; 11] = [
    "rd_i_safe",
    "rd_i_base",
    "rd_i_tile_stride",
    "rd_i_job_stride",
    "rd_w_base",
    "rd_w_tile_stride",
    "rd_p_base",
    "rd_p_tile_stride",
    "wr_base",
    "wr_tile_stride",
    "wr_job_stride",
];

/// Where a field begins.
fn place(name: &str) -> u32 {
    descriptor::placed().find(|(f, _)| f.name == name).map_or(0, |(_, at)| at)
}

/// The dimension of element `i` of a field by class of Y X R S.
const fn side(i: usize) -> Dim {
    [Dim::Y, Dim::X, Dim::R, Dim::S][i / 3]
}

impl Storage {
    /// What `hw` stores of descriptors with this design hash.
    #[must_use]
    pub fn of(hw: &Hardware, hash: u64) -> Self {
        let limits = Limits::of(hw);
        let mut storage = Self {
            sources: vec![Source::Stored; descriptor::bytes() as usize * 8],
        };
        for (f, at) in descriptor::placed() {
            for i in 0..f.count {
                let bits = limits.largest(f.name, i as usize).map_or(f.width, bit_length);
                let read = limits.read(f.name, i as usize);
                for b in 0..f.width {
                    let bit = Bit {
                        field: &f,
                        at,
                        element: i as usize,
                        index: b,
                        bits,
                        read,
                    };
                    storage.sources[(at + i * f.width + b) as usize] = bit.source(&limits, hash);
                }
            }
        }
        storage.share(&limits.bounds.agreement);
        let (place, digest) = (place("kept"), storage.digest());
        if limits.bounds.most.is_some() {
            for b in 0..32 {
                storage.sources[(place + b) as usize] = Source::Constant(digest >> b & 1 == 1);
            }
        }
        storage
    }

    /// Keeps of elements that agree the first one that has registers, of each element no zeros that all layers end with.
    fn share(&mut self, agreement: &Agreement) {
        let mut first: BTreeMap<(bool, usize), (u32, u32)> = BTreeMap::new();
        for (f, at) in descriptor::placed() {
            for at in (at..at + f.width * f.count).step_by(f.width as usize) {
                let Some(alike) = agreement.get(at).filter(|_| self.source(at) == Source::Stored) else {
                    continue;
                };
                // Addresses wrap: of them not all bits are kept.
                let entry = (ADDRESSES.contains(&f.name), alike.class);
                let (other, its_low) = *first.entry(entry).or_insert((at, alike.low));
                for b in 0..f.width {
                    let same = (other + its_low + b).checked_sub(alike.low);
                    let source = match (self.source(at + b), same) {
                        (Source::Stored, _) if b < alike.low => Source::Constant(false),
                        (Source::Stored, Some(same)) if other != at && self.source(same) == Source::Stored => {
                            Source::Same(same)
                        }
                        (as_it_is, _) => as_it_is,
                    };
                    self.sources[(at + b) as usize] = source;
                }
            }
        }
    }

    /// Tells apart designs that keep different things of their tables: 32 bits.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let sources = self.fields().filter(|(f, ..)| !["hash", "kept"].contains(&f.name)).map(|(.., source)| match source {
            Source::Stored => [0, 0],
            Source::Constant(value) => [1, value.into()],
            Source::Same(other) => [2, other],
            Source::Inverse(other) => [3, other],
            Source::Unused => [4, 0],
        });
        // Fowler, Noll, Vo: FNV-1a of 32 bits.
        let digest = sources.flatten().flat_map(u32::to_le_bytes).fold(0x811c_9dc5_u32, |sum, byte| {
            (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        digest.into()
    }

    /// Bits that the hardware compares as they arrive, with their values: the design's hash, the digest of hardware of one
    /// network, and what no layer needs of how a layer may run. A table of which these are right fits.
    pub fn compared(&self) -> impl Iterator<Item = (u32, bool)> + '_ {
        let compared = |f: Field| f.width * f.count < NARROWEST || ["hash", "kept"].contains(&f.name);
        self.fields().filter_map(move |(f, place, source)| match source {
            Source::Constant(value) if compared(f) => Some((place, value)),
            _ => None,
        })
    }

    /// The source of a bit of the table.
    #[must_use]
    pub fn source(&self, at: u32) -> Source {
        self.sources[at as usize]
    }

    /// Bits kept in registers.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.fields().filter(|&(_, _, source)| source == Source::Stored).count()
    }

    /// Every bit of every field, with its place and source.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u32, Source)> + '_ {
        descriptor::placed()
            .flat_map(move |(f, at)| (at..at + f.width * f.count).map(move |place| (f, place, self.source(place))))
    }

    /// Checks that a layer's descriptor can be told from what the design keeps of it.
    ///
    /// # Errors
    /// `E0203` with the first field that does not fit.
    pub fn check(&self, layer: &Descriptor) -> Result<()> {
        let table = layer.encode()?;
        let bit = |at: u32| table[at as usize / 8] >> (at % 8) & 1 == 1;
        for (f, at, source) in self.fields() {
            let fits = match source {
                Source::Stored | Source::Unused => true,
                Source::Constant(value) => bit(at) == value,
                Source::Same(other) => bit(at) == bit(other),
                Source::Inverse(other) => bit(at) != bit(other),
            };
            if !fits {
                return Err(Diagnostic::new(
                    Code::IllegalMapping,
                    format!(
                        "{} is {:?}, which this design has no registers for",
                        f.name,
                        layer.get(f.name)
                    ),
                )
                .next("generate the hardware for this network's design anew"));
            }
        }
        Ok(())
    }
}

/// One bit of a field.
struct Bit<'a> {
    field: &'a Field,
    /// Where the field begins.
    at: u32,
    element: usize,
    index: u32,
    /// Bits that values of this element come to.
    bits: u32,
    /// Whether an engine can come to read it.
    read: bool,
}

impl Bit<'_> {
    fn source(&self, limits: &Limits, hash: u64) -> Source {
        let (name, i) = (self.field.name, self.element);
        let alone = |d: Dim| limits.parallel[d] == 1;
        if !self.read {
            return Source::Unused;
        }
        match name {
            "hash" => Source::Constant(hash >> (32 * i as u32 + self.index) & 1 == 1),
            "inner" => self.nesting(rank),
            "pe_inner" => self.nesting(|_| 0),
            "w_relevant" => self.relevant(Operand::W),
            "i_relevant" => self.relevant(Operand::I),
            "p_relevant" => self.relevant(Operand::P),
            "o_relevant" => self.relevant(Operand::O),
            "split" if limits.shared[Dim::ALL[i]] == 1 => Source::Constant(self.index == 0),
            "i_unit" if !limits.c_shares => Source::Constant(self.index == 0),
            "wl_local_stride" => self.same("pe_w_stride", i),
            // Both engines of a level-2 memory step alike, one in words, the other in bus beats.
            "wr_l2_stride" => self.same("dr_job_stride", i),
            "rd_w_l2_stride" => self.multiple("wl_job_stride", i, limits.beats[0]),
            "rd_i_l2_stride" => self.multiple("il_job_stride", i, limits.beats[1]),
            // Equally wide memories and networks deal channels out alike.
            "rd_w_words_last" if limits.beats[0] == 1 => self.same("wr_blocks_last", i),
            "rd_p_words_last" if limits.beats[2] == 1 => self.same("wr_blocks_last", i),
            "dr_groups_last" if limits.lanes[2] == limits.lanes[0] => self.same("wl_groups_last", i),
            "dr_tail" if limits.lanes[2] == limits.lanes[0] => self.same("wl_tail", i),
            // Without positions along it, a dimension's tile is every PE's share.
            "wl_r_last" if alone(Dim::R) => self.same("share_last", 12 + i),
            "wl_s_last" if alone(Dim::S) => self.same("share_last", 15 + i),
            "dr_y_last" if alone(Dim::Y) => self.same("share_last", 6 + i),
            "dr_x_last" if alone(Dim::X) => self.same("share_last", 9 + i),
            "whole" if alone(side(i)) => Source::Constant(self.index == 0),
            "extra" | "step" if alone(side(i)) => Source::Constant(false),
            "share_reach" if alone(side(i)) => self.same("reach", i),
            "highest" if self.index >= [limits.bounds.address, limits.bounds.position][i.min(1)] => {
                Source::Constant(false)
            }
            "highest" | "kept" => Source::Unused,
            // Addresses wrap, and none that a layer comes to is beyond its reach.
            _ if ADDRESSES.contains(&name) && self.index >= limits.bounds.address => Source::Unused,
            _ if self.index >= self.bits => Source::Constant(false),
            _ => Source::Stored,
        }
    }

    /// The same bit of element `i` of another field.
    fn same(&self, other: &str, i: usize) -> Source {
        descriptor::placed()
            .find(|(f, _)| f.name == other)
            .map_or(Source::Stored, |(f, at)| {
                Source::Same(at + f.width * i as u32 + self.index)
            })
    }

    /// This bit of element `i` of another field times a power of two.
    fn multiple(&self, other: &str, i: usize, times: u64) -> Source {
        let shift = times.trailing_zeros();
        let Some(index) = self.index.checked_sub(shift) else {
            return Source::Constant(false);
        };
        Bit { index, ..*self }.same(other, i)
    }

    /// Whether a loop lies inside another one: of each pair that mappings order, one bit tells both.
    fn nesting(&self, rank: impl Fn(usize) -> u32) -> Source {
        let (outer, inner) = (self.element, self.index as usize);
        match rank(outer).cmp(&rank(inner)) {
            _ if outer == inner => Source::Constant(false),
            Ordering::Less => Source::Constant(true),
            Ordering::Greater => Source::Constant(false),
            Ordering::Equal if outer < inner => Source::Stored,
            Ordering::Equal => Source::Inverse(self.at + self.field.width * inner as u32 + outer as u32),
        }
    }

    /// Whether a loop indexes an operand: only for the two channel dimensions this depends on the layer's kind.
    fn relevant(&self, operand: Operand) -> Source {
        let [usual, depthwise] = [false, true].map(|kind| relevance(kind)[operand as usize] >> self.index & 1 == 1);
        let at = descriptor::placed().find(|(f, _)| f.name == "depthwise");
        match (at, depthwise) {
            (Some((_, at)), true) if !usual => Source::Same(at),
            (Some((_, at)), false) if usual => Source::Inverse(at),
            _ => Source::Constant(usual),
        }
    }
}

/// Loops of one rank are nested as the mapping says, those of a lower one enclose them: groups, batch, off-chip outputs,
/// off-chip sums, level 2.
fn rank(l: usize) -> u32 {
    match l {
        LOOP_G => 0,
        LOOP_N => 1,
        l if l >= OFFCHIP_LOOPS => 4,
        l if Dim::REDUCTION.contains(&Dim::ALL[l - 2]) => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::mapping::random::{Limits as Sizes, random_triple};
    use crate::rtl::compile::{Placement, descriptor as compile};
    use crate::rtl::hardware::Features;
    use crate::workload::quant::LayerPost;

    /// Accelerators of random triples have hardly more memory than their layer needs, so every bound is met somewhere.
    #[test]
    fn legal_layers_fit() {
        for i in 0..2000 {
            let t = random_triple(&mut rng::stream(17, &[i]), &Sizes::default());
            let s = t.schedule();
            let post = LayerPost {
                channels: Vec::new(),
                zero_point: -1,
                lo: -128,
                hi: 127,
                input_zero_point: 2,
            };
            let at = Placement {
                input: 3,
                output: 4,
                weights: 5,
                params: 6,
                second: 3,
                highest: 9,
                stored: s.nest.input,
            };
            let layer = compile(&s, &at, &post, 7, 1 << 33);
            let own = Hardware::for_layers(&t.accelerator, Features::FULL, [&layer]);
            for hw in [&Hardware::new(&t.accelerator), &own] {
                Storage::of(hw, 7).check(&layer).unwrap_or_else(|e| {
                    panic!("seed 17, triple {i}: {e}\n{t:?}");
                });
            }
            // One bit more than the layer has.
            let mut larger = layer;
            let pitch = larger.values.iter_mut().find(|(name, _)| *name == "il_pitch").unwrap();
            pitch.1[0] = (pitch.1[0] + 1).next_power_of_two().min(1 << 15);
            let refused = Storage::of(&own, 7).check(&larger);
            assert_eq!(refused.unwrap_err().code, Code::IllegalMapping, "seed 17, triple {i}");
        }
    }
}
