//! Where data lies off chip, and in which order: activations in channel blocks, weights and parameters in tile order.
//!
//! Activations are stored as `[image][group][channel block][row][column][channel in block]` with blocks of as many
//! channels as the bus has bytes, so that every beat is one position of one block and rows are bursts. Weights and
//! parameters are packed by the compiler in the order in which tiles are read, whole words at a time.

use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::mapping::schedule::Schedule;
use crate::workload::layer::LoopNest;
use crate::workload::quant::{ChannelParams, Rounding};

/// Layout of an activation tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blocked {
    /// Images.
    pub images: u32,
    /// Groups, each padded to whole blocks.
    pub groups: u32,
    /// Channels of one group.
    pub channels: u32,
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub cols: u32,
    /// Channels of a block: bytes of the bus.
    pub block: u32,
}

impl Blocked {
    /// Layout of a layer's output.
    #[must_use]
    pub fn output(nest: &LoopNest, block: u32) -> Self {
        let b = &nest.bounds;
        let (rows, cols) = (b[Dim::Y], b[Dim::X]);
        Self {
            images: nest.n,
            groups: nest.g,
            channels: b[Dim::K],
            rows,
            cols,
            block,
        }
    }

    /// Layout of a layer's input, of which `stored` rows and columns lie off chip.
    #[must_use]
    pub fn input(nest: &LoopNest, stored: [u32; 2], block: u32) -> Self {
        let [rows, cols] = stored;
        Self {
            images: nest.n,
            groups: nest.g,
            channels: nest.input_channels(),
            rows,
            cols,
            block,
        }
    }

    /// The same bytes with every plane as one row: equal for two layers that see them with other rows and columns.
    #[must_use]
    pub const fn unrolled(self) -> Self {
        Self {
            rows: 1,
            cols: self.rows * self.cols,
            ..self
        }
    }

    /// Blocks of one group.
    #[must_use]
    pub const fn blocks(&self) -> u32 {
        self.channels.div_ceil(self.block)
    }

    /// Beats of one block: its positions.
    #[must_use]
    pub const fn plane(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }

    /// Beats of the whole tensor.
    #[must_use]
    pub const fn beats(&self) -> u64 {
        self.images as u64 * self.groups as u64 * self.blocks() as u64 * self.plane()
    }

    /// Bytes of the whole tensor.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.beats() * self.block as u64
    }

    /// Byte offset of an element; `channel` counts over all groups.
    #[must_use]
    pub fn offset(&self, image: u32, channel: u32, row: u32, col: u32) -> usize {
        let (group, within) = (channel / self.channels, channel % self.channels);
        let plane = (u64::from(image) * u64::from(self.groups) + u64::from(group)) * u64::from(self.blocks())
            + u64::from(within / self.block);
        let position = plane * self.plane() + u64::from(row) * u64::from(self.cols) + u64::from(col);
        (position * u64::from(self.block) + u64::from(within % self.block)) as usize
    }

    /// The tensor from rows of `[image][channel][row][column]`; tail channels are zero.
    #[must_use]
    pub fn pack(&self, nchw: &[i8]) -> Vec<u8> {
        let mut out = vec![0; self.bytes() as usize];
        self.visit(|source, target| out[target] = nchw[source] as u8);
        out
    }

    /// The inverse of [`Blocked::pack`].
    #[must_use]
    pub fn unpack(&self, data: &[u8]) -> Vec<i8> {
        let elements = self.images as usize * (self.groups * self.channels) as usize * self.plane() as usize;
        let mut out = vec![0; elements];
        self.visit(|target, source| out[target] = data[source] as i8);
        out
    }

    fn visit(&self, mut f: impl FnMut(usize, usize)) {
        let mut element = 0;
        for n in 0..self.images {
            for c in 0..self.groups * self.channels {
                for y in 0..self.rows {
                    for x in 0..self.cols {
                        f(element, self.offset(n, c, y, x));
                        element += 1;
                    }
                }
            }
        }
    }
}

/// Off-chip tiles of one kind: trips of the loops that index them, each tile in a slot as large as the largest one.
fn tiles(s: &Schedule, dims: &[Dim]) -> Vec<PerDim<u32>> {
    let trips: Vec<u32> = dims
        .iter()
        .map(|&d| s.nest.bounds[d].div_ceil(s.l2_tile[d][0]))
        .collect();
    let total: u32 = trips.iter().product();
    (0..total)
        .map(|mut index| {
            let mut at = PerDim([0; 6]);
            for (&d, &n) in dims.iter().zip(&trips).rev() {
                at[d] = index % n;
                index /= n;
            }
            at
        })
        .collect()
}

/// Origin and extents of an off-chip tile.
fn extents(s: &Schedule, at: &PerDim<u32>) -> (PerDim<u32>, PerDim<u32>) {
    let origin = PerDim::from_fn(|d| at[d] * s.l2_tile[d][0]);
    (
        origin,
        PerDim::from_fn(|d| s.l2_tile[d][0].min(s.nest.bounds[d] - origin[d])),
    )
}

/// The weights of a layer in tile order. `weights` is `[group][K][C][R][S]`.
#[must_use]
pub fn pack_weights(s: &Schedule, weights: &[i8]) -> Vec<u8> {
    use Dim::{C, K, R, S};
    let b = &s.nest.bounds;
    let word = s.geometry.l2_w_word;
    let slot = (s.w_beats(&s.full_l2_tile()) * s.ports.bus) as usize;
    let mut out = Vec::new();
    for g in 0..s.nest.g {
        for at in tiles(s, &[K, C, R, S]) {
            let (o, e) = extents(s, &at);
            let start = out.len();
            for kw in 0..e[K].div_ceil(word) {
                for (c, r, x) in itertools3(e[C], e[R], e[S]) {
                    for lane in 0..word {
                        let k = kw * word + lane;
                        let index = (((g * b[K] + o[K] + k) * b[C] + o[C] + c) * b[R] + o[R] + r) * b[S] + o[S] + x;
                        out.push(if k < e[K] { weights[index as usize] as u8 } else { 0 });
                    }
                }
            }
            out.resize(start + slot, 0);
        }
    }
    out
}

fn itertools3(a: u32, b: u32, c: u32) -> impl Iterator<Item = (u32, u32, u32)> {
    (0..a).flat_map(move |x| (0..b).flat_map(move |y| (0..c).map(move |z| (x, y, z))))
}

/// The post-processing parameters of a layer in tile order: per word of channels nine planes of bytes.
#[must_use]
pub fn pack_params(s: &Schedule, channels: &[ChannelParams]) -> Vec<u8> {
    let word = s.geometry.l2_p_word;
    let slot = (s.p_beats(&s.full_l2_tile()) * s.ports.bus) as usize;
    let mut out = Vec::new();
    for g in 0..s.nest.g {
        for at in tiles(s, &[Dim::K]) {
            let (o, e) = extents(s, &at);
            let start = out.len();
            for kw in 0..e[Dim::K].div_ceil(word) {
                for plane in 0..PARAM_BYTES as usize {
                    for k in (kw * word)..((kw + 1) * word) {
                        let bytes = (k < e[Dim::K])
                            .then(|| param_bytes(&channels[(g * s.nest.bounds[Dim::K] + o[Dim::K] + k) as usize]));
                        out.push(bytes.map_or(0, |b| b[plane]));
                    }
                }
            }
            out.resize(start + slot, 0);
        }
    }
    out
}

/// Bias; multiplier, its highest bit the tie window; shift, the rounding in its two highest bits.
fn param_bytes(p: &ChannelParams) -> [u8; PARAM_BYTES as usize] {
    let (rounding, window) = match p.rounding {
        Rounding::HalfUp => (0, 0),
        Rounding::HalfAway => (1, 0),
        Rounding::Twice => (2, 0),
        Rounding::Even => (3, 0),
        Rounding::Float32 => (3, 1),
    };
    let mut out = [0; PARAM_BYTES as usize];
    out[..4].copy_from_slice(&p.bias.to_le_bytes());
    out[4..8].copy_from_slice(&(p.multiplier | window << 31).to_le_bytes());
    out[8] = p.shift | rounding << 6;
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_round_trip() {
        let l = Blocked {
            images: 2,
            groups: 3,
            channels: 5,
            rows: 2,
            cols: 3,
            block: 4,
        };
        let data: Vec<i8> = (0..2 * 15 * 6).map(|i| i as i8).collect();
        let packed = l.pack(&data);
        assert_eq!(packed.len(), 2 * 3 * 2 * 6 * 4);
        assert_eq!(l.unpack(&packed), data);
        assert_eq!(l.offset(0, 4, 0, 1), 6 * 4 + 4);
    }
}
