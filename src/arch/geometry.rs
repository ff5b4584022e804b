//! What follows from an accelerator's figures: words, banks, counts of buffers, pipeline depths.
//!
//! The schedule and the hardware generator both read these; neither works them out again.

use crate::arch::accelerator::Accelerator;
use crate::arch::connectivity::{Datum, buffers};
use crate::base::dims::Dim;
use crate::base::int::floor_pow2;

/// Word widths, buffer counts and pipeline depths of one accelerator.
///
/// The array is described by how many positions run each dimension in parallel, whatever axes they lie on: two axes of one
/// dimension are one of as many positions as both together. Lanes along a dimension are either at most its positions (each
/// lane then feeds one, rotating through them) or a multiple of them (each position then takes `lanes / positions`
/// neighbouring channels, which form one word of its buffer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Positions per dimension, one where no axis serves it: `[K, C, Y, X, R, S]`.
    pub parallel: [u32; 6],
    /// Bytes of one W buffer word: neighbouring output channels that arrive together.
    pub w_word: u32,
    /// Bytes of one I buffer row: as many byte banks, so that a depthwise layer feeds every K position at once.
    pub i_word: u32,
    /// Bytes of one I buffer word in a convolution: neighbouring input channels that arrive together.
    pub i_conv_word: u32,
    /// Convolution words that share one I buffer row, a power of two.
    pub i_conv_banks: u32,
    /// Words of one psum buffer row: neighbouring output channels that leave together.
    pub psum_word: u32,
    /// Bytes of one L2 W word.
    pub l2_w_word: u32,
    /// Bytes of one L2 I word.
    pub l2_i_word: u32,
    /// Outputs of one L2 O word (four bytes each).
    pub l2_o_word: u32,
    /// Channels of one L2 P word.
    pub l2_p_word: u32,
    /// W buffers: one per distinct (K, C, R, S) coordinate.
    pub w_buffers: u32,
    /// I buffers: one per distinct (C, Y, X, R, S) coordinate.
    pub i_buffers: u32,
    /// Psum buffers: one per distinct (K, Y, X) coordinate.
    pub psum_buffers: u32,
    /// Pipeline depths.
    pub pipeline: Pipeline,
}

/// Register stages; each appears in exactly one constant of the timing equations (docs/timing.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// From an L2 W word to the write into a W buffer.
    pub w_network: u32,
    /// From an L2 I word to the write into an I buffer.
    pub i_network: u32,
    /// Levels of the registered adder tree over the reduction axes.
    pub tree: u32,
    /// From a drained sum to the output byte.
    pub output_unit: u32,
}

/// Inputs that one registered stage of the adder tree sums.
pub const TREE_RADIX: u32 = 4;

impl Geometry {
    /// Derives the geometry of an accelerator whose axes and ports obey the rules.
    #[must_use]
    pub fn of(a: &Accelerator) -> Self {
        let p = |d: Dim| a.parallel(d).max(1);
        let parallel = Dim::ALL.map(p);
        let along = |lanes: u32, size: u32| if lanes > size { lanes / size } else { 1 };
        let i_conv_word = along(a.lanes.I, p(Dim::C));
        let i_word = a.lanes.I.max(p(Dim::K));
        let bus = a.offchip.bytes_per_cycle;
        let reduction: u32 = Dim::REDUCTION.iter().map(|&d| p(d)).product();
        Self {
            parallel,
            w_word: along(a.lanes.W, p(Dim::K)),
            i_word,
            i_conv_word,
            i_conv_banks: u32::try_from(floor_pow2(u64::from(i_word / i_conv_word))).unwrap_or(1),
            psum_word: along(a.lanes.drain, p(Dim::K)),
            l2_w_word: a.lanes.W.max(bus),
            l2_i_word: a.lanes.I.max(bus),
            l2_o_word: a.lanes.drain.max(bus),
            l2_p_word: a.lanes.drain.max(bus),
            w_buffers: buffers(a, Datum::Weight),
            i_buffers: buffers(a, Datum::Input),
            psum_buffers: buffers(a, Datum::Sum),
            pipeline: Pipeline {
                w_network: 2,
                i_network: 2,
                tree: tree_depth(reduction),
                output_unit: 8,
            },
        }
    }

    /// Positions that run `d` in parallel, one where no axis serves it.
    #[must_use]
    #[inline]
    pub const fn p(&self, d: Dim) -> u32 {
        self.parallel[d as usize]
    }
}

/// Registered stages that sum `inputs` values, [`TREE_RADIX`] at a time.
#[must_use]
pub fn tree_depth(inputs: u32) -> u32 {
    let (mut left, mut depth) = (inputs, 0);
    while left > 1 {
        left = left.div_ceil(TREE_RADIX);
        depth += 1;
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths() {
        assert_eq!([1, 2, 4, 5, 16, 17, 64].map(tree_depth), [0, 1, 1, 2, 2, 3, 3]);
    }
}
