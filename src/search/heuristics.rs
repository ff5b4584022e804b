//! Mappings that an engineer would try first, so that a search starts from good ones.
//!
//! Three dataflows at the array (weights, inputs or outputs stay while the others pass) and two off chip (weights read once,
//! or inputs read once), each with the largest tiles that fit, grown in an order of dimensions that suits it. A tile grows
//! by whole divisions: the largest size of equal tiles that fits is found by bisection.

use crate::base::dims::Dim::{self, C, K, R, S, X, Y};
use crate::mapping::tiling::Mapping;
use crate::search::encoding::mapping::MappingSpace;

/// An order of loops with the order in which tiles grow into the memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recipe {
    order: [Dim; 6],
    grow: [Dim; 6],
}

/// Off chip: which operand's loops are outermost, and whose tile is kept whole if it can be.
const OFFCHIP: [Recipe; 4] = [
    // Weights are read once; inputs too if they fit as a whole.
    Recipe {
        order: [K, Y, X, C, R, S],
        grow: [S, R, C, X, Y, K],
    },
    // Weights are read once, inputs once per tile of K.
    Recipe {
        order: [K, Y, X, C, R, S],
        grow: [S, R, C, K, X, Y],
    },
    // Inputs are read once; weights too if they fit as a whole.
    Recipe {
        order: [Y, X, K, C, R, S],
        grow: [S, R, C, K, X, Y],
    },
    // Inputs are read once, weights once per tile of rows and columns.
    Recipe {
        order: [Y, X, K, C, R, S],
        grow: [S, R, C, X, Y, K],
    },
];

/// At the array: which operand stays.
const ARRAY: [Recipe; 4] = [
    // Outputs stay, many of them: weights are used for many positions each time they are loaded.
    Recipe {
        order: [K, Y, X, C, R, S],
        grow: [X, Y, K, S, R, C],
    },
    // Outputs stay, whole reductions first.
    Recipe {
        order: [Y, X, K, C, R, S],
        grow: [S, R, C, X, Y, K],
    },
    // Weights stay.
    Recipe {
        order: [K, C, R, S, Y, X],
        grow: [S, R, C, K, X, Y],
    },
    // Inputs stay.
    Recipe {
        order: [Y, X, C, R, S, K],
        grow: [X, Y, S, R, C, K],
    },
];

/// Every combination of a dataflow off chip and one at the array, without repetitions; empty if no mapping is legal.
#[must_use]
pub fn seeds(space: &MappingSpace<'_>) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::with_capacity(OFFCHIP.len() * ARRAY.len());
    for outer in &OFFCHIP {
        for inner in &ARRAY {
            if let Some(m) = grown(space, outer, inner)
                && !found.contains(&m)
            {
                found.push(m);
            }
        }
    }
    found
}

/// The mapping with the orders of both recipes, its tiles grown from the smallest ones.
fn grown(space: &MappingSpace<'_>, outer: &Recipe, inner: &Recipe) -> Option<Mapping> {
    let mut m = space.smallest();
    m.offchip.order = outer.order;
    m.l2.order = inner.order;
    let mut m = space.repair(&m)?;
    // Twice: array tiles that cover a whole reduction need fewer bytes per output in level 2.
    for _ in 0..2 {
        for d in outer.grow {
            let units = space.offchip_units(d);
            grow(space, &mut m, units, &|m, size| {
                m.offchip.tile[d] = m.offchip.tile[d].max(space.offchip_tile(d, size));
            });
        }
        for d in inner.grow {
            let outer = m.offchip.tile[d];
            let units = space.l2_units(d, outer);
            grow(space, &mut m, units, &|m, size| {
                m.l2.tile[d] = m.l2.tile[d].max(space.l2_tile(d, size, outer));
            });
        }
    }
    Some(m)
}

/// Applies to `m` the largest size of equal tiles of `units` units that fits.
fn grow(space: &MappingSpace<'_>, m: &mut Mapping, units: u32, set: &dyn Fn(&mut Mapping, u32)) {
    let with = |size: u32| {
        let mut candidate = *m;
        set(&mut candidate, size);
        candidate
    };
    // Invariant: `low` tiles are too few to fit, `high` tiles fit (as many as there are units leave `m` as it is).
    let (mut low, mut high) = (0, units);
    while high - low > 1 {
        let tiles = low + (high - low) / 2;
        if space.fits(&with(units.div_ceil(tiles))) {
            high = tiles;
        } else {
            low = tiles;
        }
    }
    let grown = with(units.div_ceil(high.max(1)));
    if space.fits(&grown) {
        *m = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::mapping::legality::violations;
    use crate::search::encoding::accelerator::AcceleratorSpace;
    use crate::workload::layer::{Conv, LoopNest, Matmul, Shape};

    fn conv(k: u32, c: u32, side: u32, kernel: u32, groups: u32) -> LoopNest {
        let pad = [kernel / 2; 4];
        let (stride, dilation, transposed) = ([1, 1], [1, 1], false);
        let conv = Conv {
            N: 1,
            K: k,
            C: c,
            H: side,
            W: side,
            R: kernel,
            S: kernel,
            stride,
            pad,
            dilation,
            groups,
            transposed,
        };
        Shape::Conv(conv).nest().unwrap()
    }

    #[test]
    fn seeds_are_legal_and_cannot_grow() {
        let resources = Resources::preset("nvdla-256").unwrap();
        let a = AcceleratorSpace::new(resources).decode(&[0.9; 14]).unwrap();
        let fc = Shape::Matmul(Matmul {
            batch: 1,
            M: 1,
            N: 1000,
            K: 2048,
            weights: true,
        })
        .nest()
        .unwrap();
        for nest in [
            conv(64, 64, 56, 3, 1),
            conv(96, 96, 28, 3, 96),
            conv(16, 3, 32, 3, 1),
            fc,
        ] {
            let space = MappingSpace::new(&nest, &a);
            let seeds = seeds(&space);
            assert!(!seeds.is_empty());
            for m in seeds {
                assert_eq!(violations(&nest, &a, &m), []);
                for d in Dim::ALL {
                    let mut larger = m;
                    larger.l2.tile[d] = m.offchip.tile[d];
                    assert!(larger == m || !space.fits(&larger) || m.l2.tile[d] * 2 > m.offchip.tile[d]);
                }
            }
        }
    }
}
