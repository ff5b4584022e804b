//! The control table's format: one descriptor per layer, a packed list of fields that the hardware reads in parallel.
//!
//! Fields follow each other in the order of [`FIELDS`], each starting at a multiple of 32 bits unless it fits into what the
//! one before it leaves of a 32-bit word, its elements packed from bit 0 upwards. The same list gives the Verilog its slices, the
//! compiler its encoding, and `table.json` its names.

use crate::base::diag::{Code, Diagnostic, Result};

/// One field of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, as in the Verilog (`cfg_NAME`) and in `table.json`.
    pub name: &'static str,
    /// Bits of one element.
    pub width: u32,
    /// Elements.
    pub count: u32,
    /// Meaning, unit, and the order of the elements.
    pub doc: &'static str,
}

impl Field {
    /// Whether it only tells whose table this is, so that no engine reads it.
    #[must_use]
    pub fn is_compared_alone(&self) -> bool {
        ["hash", "highest", "kept"].contains(&self.name)
    }
}

const fn field(name: &'static str, width: u32, count: u32, doc: &'static str) -> Field {
    Field {
        name,
        width,
        count,
        doc,
    }
}

/// All fields, in order. "By class" means: full tile, last tile of a full level-2 tile, last tile of the edge tile.
pub const FIELDS: &[Field] = &[
    field("hash", 32, 2, "design hash, low word first"),
    field(
        "predicted",
        32,
        2,
        "predicted cycles from the previous record to this layer's, low word first",
    ),
    field(
        "needs",
        4,
        1,
        "bit 0 output units with multipliers of more than 24 bits, bit 1 with the tie window, bit 2 weights of two digits, \
         bit 3 maxima",
    ),
    field("magnitude", 6, 1, "bits of the magnitudes that output units multiply"),
    field("depthwise", 1, 1, "the input is indexed by K"),
    field(
        "combine",
        2,
        1,
        "bit 0: products of tap columns beyond the first count 256-fold; bit 1: the greatest input in place of the sum",
    ),
    field("accumulate", 1, 1, "sums accumulate in level 2"),
    field("i_single", 1, 1, "input columns are not neighbours off chip"),
    field("psum", 6, 1, "bits of its psums"),
    field("exact", 1, 1, "not all outputs are rounded as float32 does"),
    field(
        "highest",
        32,
        3,
        "compared, not kept: highest beat address of the network's memory, last row and last column that the layer comes to, \
         padding included",
    ),
    field(
        "inner",
        14,
        14,
        "per loop, the loops inside it (G N, off-chip K C Y X R S, level-2 K C Y X R S)",
    ),
    field("w_relevant", 14, 1, "loops that index W"),
    field("i_relevant", 14, 1, "loops that index I"),
    field("p_relevant", 14, 1, "loops that index P"),
    field("o_relevant", 14, 1, "loops that index O"),
    field("offchip_last", 16, 8, "trip counts minus one: G N K C Y X R S"),
    field(
        "l2_last",
        16,
        12,
        "trip counts minus one of K C Y X R S, each in a full and in the edge level-2 tile",
    ),
    field(
        "pe_inner",
        6,
        6,
        "per loop inside a PE, the loops inside it (K C Y X R S)",
    ),
    field(
        "share_last",
        16,
        18,
        "a PE's extent minus one, K C Y X R S, each by class",
    ),
    field(
        "split",
        7,
        6,
        "positions of an axis over several dimensions that run K C Y X R S, one if there is none",
    ),
    field(
        "i_unit",
        8,
        1,
        "I buffer addresses of a convolution word: its bytes where C shares an axis, else one",
    ),
    field("k_extent", 16, 3, "K extent by class"),
    field("c_extent", 16, 3, "C extent by class"),
    field(
        "whole",
        16,
        12,
        "positions of Y X R S busy in every row (column, tap) of a PE, each by class",
    ),
    field(
        "extra",
        16,
        12,
        "rows (columns, taps) of a PE in which one more position is busy, of Y X R S, each by class",
    ),
    field("pe_w_stride", 16, 4, "W buffer words per step of K C R S"),
    field(
        "pe_i_stride",
        16,
        6,
        "I buffer words (depthwise: rows) per step of K C Y X R S",
    ),
    field("pe_o_stride", 16, 3, "psum words per step of K Y X"),
    field("wl_groups_last", 16, 3, "W lane groups minus one, by class of K"),
    field("wl_tail", 8, 3, "channels in the last W lane group, by class of K"),
    field("wl_c_last", 16, 3, "C extent minus one, by class"),
    field("wl_r_last", 16, 3, "R extent minus one, by class"),
    field("wl_s_last", 16, 3, "S extent minus one, by class"),
    field(
        "wl_tile_stride",
        32,
        4,
        "level-2 W words per step of the level-2 loops K C R S",
    ),
    field("wl_job_stride", 32, 3, "level-2 W words per word of K, per c, per r"),
    field(
        "wl_local_stride",
        16,
        3,
        "W buffer words per word of K, per local c, per r",
    ),
    field(
        "il_groups_last",
        16,
        3,
        "I lane groups minus one, by class of the channel dim",
    ),
    field("il_tail", 8, 3, "channels in the last I lane group"),
    field(
        "reach",
        16,
        12,
        "input rows (columns) from the first to the last output row, column, tap row and tap column: Y X R S, each by class",
    ),
    field("share_reach", 16, 12, "as reach, for one position"),
    field(
        "step",
        16,
        12,
        "input rows (columns) from one position to the next: Y X R S, each by class",
    ),
    field("origin_y", 32, 4, "input rows per step of off-chip Y, R, level-2 Y, R"),
    field(
        "origin_x",
        32,
        4,
        "input columns per step of off-chip X, S, level-2 X, S",
    ),
    field("pad_y", 16, 1, "padding above"),
    field("pad_x", 16, 1, "padding to the left"),
    field("height", 16, 1, "input rows"),
    field("width", 16, 1, "input columns"),
    field("i_zero_point", 8, 1, "input zero point, the value of padding"),
    field(
        "il_tile_stride",
        32,
        6,
        "level-2 I words per step of the level-2 loops K C Y X R S",
    ),
    field("il_job_stride", 32, 2, "level-2 I words per word of channels, per row"),
    field("il_channel_stride", 16, 1, "I buffer words per local word of channels"),
    field("il_pitch", 16, 1, "I buffer words per row"),
    field("dr_groups_last", 16, 3, "drain lane groups minus one, by class of K"),
    field("dr_tail", 8, 3, "channels in the last drain lane group"),
    field("dr_y_last", 16, 3, "Y extent minus one, by class"),
    field("dr_x_last", 16, 3, "X extent minus one, by class"),
    field(
        "dr_tile_stride",
        32,
        3,
        "level-2 O words per step of the level-2 loops K Y X",
    ),
    field("dr_job_stride", 32, 2, "level-2 O words per word of channels, per row"),
    field("dr_p_stride", 32, 1, "level-2 P words per step of the level-2 loop K"),
    field("zero_point", 8, 1, "output zero point"),
    field("lo", 8, 1, "lower clamp"),
    field("hi", 8, 1, "upper clamp"),
    field(
        "rd_blocks_last",
        16,
        2,
        "input channel blocks minus one, full and edge level-2 tile",
    ),
    field("rd_reach", 16, 8, "as reach, of the level-2 tile, full and edge"),
    field("rd_i_safe", 32, 1, "beat address of the input tensor"),
    field(
        "rd_i_base",
        32,
        1,
        "beat address of the first window position, padding subtracted",
    ),
    field("rd_i_tile_stride", 32, 8, "input beats per step of the off-chip loops"),
    field("rd_i_job_stride", 32, 3, "input beats per block, row, column"),
    field("rd_i_l2_stride", 32, 2, "level-2 I beats per word of channels, per row"),
    field("rd_w_base", 32, 1, "beat address of the packed weights"),
    field("rd_w_tile_stride", 32, 5, "weight beats per step of off-chip G K C R S"),
    field(
        "rd_w_beats_last",
        32,
        16,
        "beats of a weight tile minus one; element bits 0-3: K, C, R, S at their edge",
    ),
    field(
        "rd_w_words_last",
        16,
        2,
        "K words of a weight tile minus one, full and edge",
    ),
    field("rd_c_last", 16, 2, "C extent minus one, full and edge"),
    field("rd_r_last", 16, 2, "R extent minus one, full and edge"),
    field("rd_s_last", 16, 2, "S extent minus one, full and edge"),
    field("rd_w_l2_stride", 32, 3, "level-2 W beats per word of K, per c, per r"),
    field("rd_p_base", 32, 1, "beat address of the packed parameters"),
    field("rd_p_tile_stride", 32, 2, "parameter beats per step of off-chip G K"),
    field(
        "rd_p_beats_last",
        32,
        2,
        "beats of a parameter tile minus one, full and edge",
    ),
    field(
        "rd_p_words_last",
        16,
        2,
        "K words of a parameter tile minus one, full and edge",
    ),
    field(
        "wr_blocks_last",
        16,
        2,
        "output channel blocks minus one, full and edge level-2 tile",
    ),
    field("wr_y_last", 16, 2, "Y extent minus one, full and edge"),
    field("wr_x_last", 16, 2, "X extent minus one, full and edge"),
    field("wr_tail", 8, 1, "channels in the last block of a group"),
    field("wr_base", 32, 1, "beat address of the output tensor"),
    field("wr_tile_stride", 32, 5, "output beats per step of off-chip G N K Y X"),
    field("wr_job_stride", 32, 2, "output beats per block, per row"),
    field("wr_l2_stride", 32, 2, "level-2 O words per word of channels, per row"),
    field(
        "kept",
        32,
        1,
        "compared: tells which elements the hardware of one network keeps once; nothing to that of any network",
    ),
];

/// Every field with the bit at which it starts.
pub fn placed() -> impl Iterator<Item = (Field, u32)> {
    FIELDS.iter().copied().scan(0u32, |end, f| {
        let bits = f.width * f.count;
        let start = if bits <= end.next_multiple_of(32) - *end {
            *end
        } else {
            end.next_multiple_of(32)
        };
        *end = start + bits;
        Some((f, start))
    })
}

/// The bit at which a field starts, if there is one of this name.
#[must_use]
pub fn place(name: &str) -> Option<u32> {
    placed().find(|(f, _)| f.name == name).map(|(_, at)| at)
}

/// Bytes of one descriptor: the fields, rounded up to 128 so that descriptors never straddle a 4-KiB page oddly.
#[must_use]
pub fn bytes() -> u32 {
    placed()
        .last()
        .map_or(0, |(f, at)| (at + f.width * f.count).div_ceil(8).next_multiple_of(128))
}

/// The values of one descriptor, by field in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Elements of each field.
    pub values: Vec<(&'static str, Vec<u64>)>,
}

impl Descriptor {
    /// The descriptor as the hardware reads it.
    ///
    /// # Errors
    /// `E0203` if a value does not fit its field, which means that a figure of the layer exceeds the control table.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut out = vec![0u8; bytes() as usize];
        for ((f, at), (name, values)) in placed().zip(&self.values) {
            debug_assert_eq!((f.name, f.count as usize), (*name, values.len()));
            for (i, &v) in values.iter().enumerate() {
                if f.width < 64 && v >> f.width != 0 {
                    return Err(Diagnostic::new(
                        Code::IllegalMapping,
                        format!(
                            "{} is {v}, more than its {} bits in the control table hold",
                            f.name, f.width
                        ),
                    )
                    .next("use smaller level-2 tiles"));
                }
                let start = at + f.width * i as u32;
                for bit in 0..f.width {
                    let position = (start + bit) as usize;
                    out[position / 8] |= ((v >> bit & 1) as u8) << (position % 8);
                }
            }
        }
        Ok(out)
    }

    /// Reads back what [`Descriptor::encode`] wrote.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        let bit = |p: u32| data.get(p as usize / 8).map_or(0, |b| u64::from(b >> (p % 8) & 1));
        let values = placed()
            .map(|(f, at)| {
                let element = |i| (0..f.width).map(|b| bit(at + f.width * i + b) << b).sum();
                (f.name, (0..f.count).map(element).collect())
            })
            .collect();
        Self { values }
    }

    /// The same with another first element of this field.
    #[must_use]
    pub fn with(mut self, name: &str, value: u64) -> Self {
        let field = self.values.iter_mut().find(|(n, _)| *n == name);
        if let Some(first) = field.and_then(|(_, v)| v.first_mut()) {
            *first = value;
        }
        self
    }

    /// Raises every element to that of `other`, where that is larger.
    pub fn raise(&mut self, other: &Self) {
        for ((_, most), (_, values)) in self.values.iter_mut().zip(&other.values) {
            for (most, &v) in most.iter_mut().zip(values) {
                *most = v.max(*most);
            }
        }
    }

    /// The elements of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> &[u64] {
        self.values.iter().find(|(n, _)| *n == name).map_or(&[], |(_, v)| v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::schedule::DESCRIPTOR_BYTES;

    #[test]
    fn size_is_what_the_schedule_says() {
        assert_eq!(u64::from(bytes()), DESCRIPTOR_BYTES);
    }

    #[test]
    fn round_trip_of_full_fields() {
        let values = FIELDS.iter().map(|f| {
            (
                f.name,
                (0..f.count)
                    .map(|i| ((1u64 << f.width) - 1) ^ u64::from(i & 1))
                    .collect(),
            )
        });
        let d = Descriptor {
            values: values.collect(),
        };
        assert_eq!(Descriptor::decode(&d.encode().unwrap()), d);
    }

    #[test]
    fn too_large_a_value_is_refused_by_name() {
        let values = FIELDS
            .iter()
            .map(|f| (f.name, vec![u64::from(f.name == "pad_x") << 16; f.count as usize]));
        let error = Descriptor {
            values: values.collect(),
        }
        .encode()
        .unwrap_err();
        assert_eq!(error.code, Code::IllegalMapping);
        assert!(error.what.contains("pad_x is 65536"), "{error}");
    }
}
