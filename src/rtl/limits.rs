//! How large the values of the control table can be on a design: what its memories hold, and what its layers come to.

use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::base::int::bits_for;
use crate::mapping::legality::FIELD_LIMIT;
use crate::mapping::schedule::{OFFCHIP_LOOPS, offchip_loop};
use crate::rtl::agreement::Agreement;
use crate::rtl::descriptor::Descriptor;
use crate::rtl::hardware::Hardware;

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

/// The most that fits the memories of a design, and what its layers come to.
pub(super) struct Limits {
    pub(super) bounds: Bounds,
    pub(super) parallel: PerDim<u64>,
    /// Positions of an axis that a dimension shares with others, one if it shares none.
    pub(super) shared: PerDim<u64>,
    /// Bytes of the longest convolution word.
    pub(super) word: u64,
    /// Whether C is one of several dimensions of an axis, however few positions that has.
    pub(super) c_shares: bool,
    pub(super) share: PerDim<u64>,
    pub(super) tile: PerDim<u64>,
    pub(super) l2: PerDim<u64>,
    pub(super) window: u64,
    pub(super) share_window: u64,
    /// Words of a slot of the W, I and psum buffers.
    pub(super) buffers: [u64; 3],
    /// Words of a slot of level-2 W, I, P and O; of O in places of outputs, of which a word that has room for sums holds four.
    pub(super) l2_words: [u64; 4],
    /// Bus beats of a level-2 word of W, I and P.
    pub(super) beats: [u64; 3],
    /// Lanes of W, I and drain.
    pub(super) lanes: [u64; 3],
    pub(super) bus: u64,
    /// Whether sums may accumulate in level 2.
    pub(super) sums: bool,
}

impl Limits {
    /// Every rule here is a consequence of `legality::needs`: a factor of a product is at most the product.
    pub(super) fn of(hw: &Hardware) -> Self {
        use Dim::{C, K, R, S, X, Y};
        let (a, g) = (&hw.accelerator, &hw.geometry);
        let wide = u64::from;
        let (w, sums) = (wide(a.buffers.W.bytes), wide(a.buffers.psum.words));
        let i_words = wide(hw.i_depth * hw.i_banks);
        let [l2_w, l2_i, l2_p, l2_o] = hw.l2_depth.map(wide);
        let outputs = wide(a.l2.output_bytes()) * l2_o;
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
            sums: a.l2.sums,
        }
    }

    /// The largest value of element `i` of a field, or none if only the field's width bounds it.
    pub(super) fn largest(&self, name: &str, i: usize) -> Option<u64> {
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
    pub(super) fn read(&self, name: &str, i: usize) -> bool {
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
            "accumulate" => self.sums.into(),
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
pub(super) const ADDRESSES: [&str; 11] = [
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

/// The dimension of element `i` of a field by class of Y X R S.
pub(super) const fn side(i: usize) -> Dim {
    [Dim::Y, Dim::X, Dim::R, Dim::S][i / 3]
}

/// Bits of a number; none of zero.
pub(super) const fn bit_length(v: u64) -> u32 {
    u64::BITS - v.leading_zeros()
}
