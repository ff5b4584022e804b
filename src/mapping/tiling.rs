//! A mapping as people and searches state it: tile extents and loop orders at three levels.

use crate::base::dims::{Dim, PerDim};
use serde::{Deserialize, Serialize};

/// Mapping of one layer.
///
/// The off-chip level cuts the layer into tiles that level 2 holds; the level-2 level cuts those into tiles that the
/// array's buffers hold (a *pass* each); inside a pass every PE walks its share in `pe` order. Tiles need not divide what
/// they cut: the last one along a dimension is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Off-chip to level 2.
    pub offchip: Level,
    /// Level 2 to the array.
    pub l2: Level,
    /// Order of the loops inside a PE, outermost first.
    pub pe: [Dim; 6],
}

/// One level of tiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Extent of the tile that the inner memory holds.
    pub tile: PerDim<u32>,
    /// Order of the loops over those tiles, outermost first.
    pub order: [Dim; 6],
}

impl Mapping {
    /// The mapping as the hardware runs it: tiles clamped to what they cut, and at the off-chip level the reduction loops
    /// moved innermost in their given order, because partial sums never leave the chip.
    #[must_use]
    #[inline]
    pub fn normalised(&self, bounds: &PerDim<u32>) -> Self {
        let mut m = *self;
        for d in Dim::ALL {
            m.offchip.tile[d] = m.offchip.tile[d].clamp(1, bounds[d]);
            m.l2.tile[d] = m.l2.tile[d].clamp(1, m.offchip.tile[d]);
        }
        let mut next = 0;
        for reduction in [false, true] {
            for d in self.offchip.order {
                if Dim::REDUCTION.contains(&d) == reduction {
                    m.offchip.order[next] = d;
                    next += 1;
                }
            }
        }
        m
    }

    /// Whether every order names every dimension once.
    #[must_use]
    pub fn orders_are_permutations(&self) -> bool {
        [self.offchip.order, self.l2.order, self.pe].iter().all(|o| {
            let mut sorted = *o;
            sorted.sort_unstable();
            sorted == Dim::ALL
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduction_moves_innermost_stably() {
        use Dim::{C, K, R, S, X, Y};
        let level = Level {
            tile: PerDim([9; 6]),
            order: [S, K, C, X, R, Y],
        };
        let m = Mapping {
            offchip: level,
            l2: level,
            pe: Dim::ALL,
        }
        .normalised(&PerDim([4; 6]));
        assert_eq!(m.offchip.order, [K, X, Y, S, C, R]);
        assert_eq!((m.l2.order, m.l2.tile), (level.order, PerDim([4; 6])));
    }
}
