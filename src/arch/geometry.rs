//! What follows from an accelerator's figures: words, banks, counts of buffers, pipeline depths.
//!
//! The schedule and the hardware generator both read these; neither works them out again.

use crate::arch::accelerator::Accelerator;
use crate::arch::connectivity::{Class, Datum, buffers};
use crate::base::dims::{Dim, DimSet, PerDim};
use crate::base::int::floor_pow2;

/// Word widths, buffer counts and pipeline depths of one accelerator.
///
/// The array is described by how many positions run each dimension in parallel, whatever axes they lie on: two axes of one
/// dimension are one of as many positions as both together. Lanes along a dimension are either at most its positions (each
/// lane then feeds one, rotating through them) or a multiple of them (each position then takes `lanes / positions`
/// neighbouring channels, which form one word of its buffer).
///
/// Of an axis over several dimensions each layer's mapping says how many positions run which: [`Geometry::split`] is the
/// geometry that the layer then sees. The counts of buffers do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Positions per dimension, one where no axis serves it: `[K, C, Y, X, R, S]`.
    pub parallel: [u32; 6],
    /// The axis over several of C, R, S, and the one over Y and X.
    pub shared: [Shared; 2],
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

/// An axis over several dimensions; one position and no dimension where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Positions.
    pub size: u32,
    /// What they can run.
    pub dims: DimSet,
}

impl Shared {
    fn of(a: &Accelerator, class: Class) -> Self {
        a.shared(class).map_or(
            Self {
                size: 1,
                dims: DimSet::EMPTY,
            },
            |axis| Self {
                size: axis.size,
                dims: DimSet::of(&axis.dims),
            },
        )
    }
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
        let shared = [Class::Reduction, Class::Positions].map(|class| Shared::of(a, class));
        let reduction: u32 = Dim::REDUCTION.iter().map(|&d| p(d)).product::<u32>() * shared[0].size;
        Self {
            parallel,
            shared,
            w_word: along(a.lanes.W, p(Dim::K)),
            i_word,
            i_conv_word,
            i_conv_banks: banks(i_word, i_conv_word),
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

    /// The geometry that a layer sees whose mapping gives `split` positions of the shared axes to each dimension.
    ///
    /// Where C shares an axis, more positions for it make the words shorter that a beat brings to each.
    #[must_use]
    #[inline]
    pub fn split(&self, split: &PerDim<u32>) -> Self {
        if split.0 == [1; 6] {
            return *self;
        }
        let mut g = *self;
        for (own, split) in g.parallel.iter_mut().zip(split.0) {
            *own *= split;
        }
        g.i_conv_word = (self.i_conv_word / split[Dim::C]).max(1);
        g.i_conv_banks = banks(g.i_word, g.i_conv_word);
        g
    }

    /// The most positions that a layer can have for `d`.
    #[must_use]
    pub fn most(&self, d: Dim) -> u32 {
        let shared = self.shared.iter().filter(|s| s.dims.contains(d));
        self.p(d) * shared.map(|s| s.size).product::<u32>()
    }

    /// Positions over all reduction dimensions, whatever they run.
    #[must_use]
    pub fn reduced(&self) -> u32 {
        Dim::REDUCTION.iter().map(|&d| self.p(d)).product::<u32>() * self.shared[0].size
    }

    /// Positions that run `d` in parallel, one where no axis serves it.
    #[must_use]
    #[inline]
    pub const fn p(&self, d: Dim) -> u32 {
        self.parallel[d as usize]
    }
}

/// Convolution words in an I buffer row, a power of two.
fn banks(row: u32, word: u32) -> u32 {
    u32::try_from(floor_pow2(u64::from(row / word))).unwrap_or(1)
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
