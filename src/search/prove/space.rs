//! The cuts of each dimension.

use crate::arch::accelerator::Accelerator;
use crate::base::dims::{Dim, PerDim};
use crate::cost::family::Reuse;
use crate::mapping::legality::quantum;
use crate::workload::layer::LoopNest;

/// Which cuts a family may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All.
    Any,
    /// Only one array tile per level-2 tile.
    Whole,
    /// Several array tiles per full level-2 tile.
    Several,
}

impl Rule {
    /// That of `d` in the class `reuse`.
    pub fn of(d: Dim, reuse: Reuse) -> Self {
        match reuse.innermost {
            None => Self::Whole,
            Some(i) if i == d || reuse.second == Some(d) => Self::Several,
            Some(_) => Self::Any,
        }
    }

    /// Whether a level-2 tile may be cut so.
    pub const fn allows(self, (l2_tile, tile): (u32, u32)) -> bool {
        match self {
            Self::Any => tile <= l2_tile,
            Self::Whole => tile == l2_tile,
            Self::Several => tile < l2_tile,
        }
    }
}

/// The legal extents of tiles along `d`: multiples of what lanes and bus move together, or everything.
pub fn extents(nest: &LoopNest, accelerator: &Accelerator) -> PerDim<Vec<u32>> {
    PerDim::from_fn(|d| {
        let (bound, q) = (nest.bounds[d], quantum(accelerator, nest, d));
        (1..bound.div_ceil(q)).map(|i| i * q).chain([bound]).collect()
    })
}
