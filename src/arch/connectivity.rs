//! How PEs share data: the links that follow from the dimensions that an array runs in parallel.
//!
//! A datum whose index does not contain an axis's dimension is the same all along the axis: one buffer feeds all its
//! positions, and outputs are summed. Otherwise every position has its own. The input's rows are indexed by Y and R
//! together, its columns by X and S: there neighbouring positions may need the same row, though none of them must.

use crate::arch::accelerator::Accelerator;
use crate::base::dims::Dim;

/// What a PE reads or contributes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    /// A weight.
    Weight,
    /// An input.
    Input,
    /// A partial sum.
    Sum,
}

/// How neighbours along one axis share a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// One buffer feeds all positions.
    Multicast,
    /// Each position has its own buffer and data of its own.
    Unicast,
    /// Each position has its own buffer; windows of neighbours overlap, and what lies in both is written to both.
    Halo,
    /// Products of all positions are added up before they are stored.
    Reduce,
}

/// Dimensions along which every datum is linked alike, up to whether windows overlap: one axis can run several of one
/// class with the same buffers, links and trees, whichever of them a position stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// C, R, S: weights and inputs of their own, one sum.
    Reduction,
    /// Y, X: one weight, inputs and sums of their own.
    Positions,
    /// K: weights and sums of their own, one input.
    Channels,
}

/// The class of `d`.
#[must_use]
pub const fn class(d: Dim) -> Class {
    match d {
        Dim::C | Dim::R | Dim::S => Class::Reduction,
        Dim::Y | Dim::X => Class::Positions,
        Dim::K => Class::Channels,
    }
}

/// The sets of several dimensions that one axis can run.
pub const SHARED: [&[Dim]; 5] = [
    &[Dim::R, Dim::C],
    &[Dim::Y, Dim::X],
    &[Dim::S, Dim::C],
    &[Dim::R, Dim::S, Dim::C],
    &[Dim::R, Dim::S],
];

/// The link of `datum` along an axis over `d`.
#[must_use]
pub const fn link(datum: Datum, d: Dim) -> Link {
    use Dim::{C, K, R, S, X, Y};
    match (datum, d) {
        (Datum::Weight, Y | X) | (Datum::Input, K) => Link::Multicast,
        (Datum::Input, Y | X | R | S) => Link::Halo,
        (Datum::Sum, C | R | S) => Link::Reduce,
        (Datum::Weight, K | C | R | S) | (Datum::Input, C) | (Datum::Sum, K | Y | X) => Link::Unicast,
    }
}

/// Whether axes over `a` and `b` move the input's window together: then positions on a diagonal may see the same rows (or
/// columns).
#[must_use]
pub const fn diagonal(a: Dim, b: Dim) -> bool {
    matches!(
        (a, b),
        (Dim::Y, Dim::R) | (Dim::R, Dim::Y) | (Dim::X, Dim::S) | (Dim::S, Dim::X)
    )
}

/// Buffers that hold `datum`: one per distinct coordinate on the axes along which it is not shared.
#[must_use]
pub fn buffers(a: &Accelerator, datum: Datum) -> u32 {
    let own = |d: Dim| !matches!(link(datum, d), Link::Multicast | Link::Reduce);
    // The dimensions of an axis are of one class, so its first one speaks for all.
    let apart = a.axes.iter().filter(|axis| axis.dims.first().is_some_and(|&d| own(d)));
    apart.fold(1, |product: u32, axis| product.saturating_mul(axis.size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::accelerator::{Axis, Buffers, L2, Lanes, Memory, Offchip, Words};

    fn array(dims: &[Dim]) -> Accelerator {
        let memory = Memory { bytes: 64, slots: 1 };
        Accelerator {
            name: String::new(),
            axes: (2..).zip(dims).map(|(size, &d)| Axis { size, dims: vec![d] }).collect(),
            buffers: Buffers {
                W: memory,
                I: memory,
                psum: Words { words: 1, slots: 1 },
            },
            l2: L2 {
                W: memory,
                I: memory,
                O: memory,
                P: memory,
                sums: true,
            },
            lanes: Lanes { W: 1, I: 1, drain: 1 },
            requantizers: 1,
            offchip: Offchip {
                bytes_per_cycle: 4,
                latency_cycles: 1,
            },
        }
    }

    #[test]
    fn a_class_is_linked_alike() {
        let shared = |link: Link| matches!(link, Link::Multicast | Link::Reduce);
        for a in Dim::ALL {
            for b in Dim::ALL {
                let alike = [Datum::Weight, Datum::Input, Datum::Sum]
                    .into_iter()
                    .all(|datum| shared(link(datum, a)) == shared(link(datum, b)));
                assert_eq!(class(a) == class(b), alike, "{a} {b}");
            }
        }
    }

    /// Buffers of W, I and sums of a 2 x 3 x 4 array, counted by hand.
    #[test]
    fn buffers_follow_from_links() {
        use Dim::{C, K, R, S, X, Y};
        for (dims, counted) in [
            (vec![K, C], [6, 3, 2]),
            (vec![Y, R], [3, 6, 2]),
            (vec![K, X], [2, 3, 6]),
            (vec![C, C], [6, 6, 1]),
            (vec![S], [2, 2, 1]),
            (vec![K, K, Y], [6, 4, 24]),
            (vec![X, S, K], [12, 6, 8]),
            (vec![C, R, S], [24, 24, 1]),
        ] {
            let a = array(&dims);
            let found = [Datum::Weight, Datum::Input, Datum::Sum].map(|datum| buffers(&a, datum));
            assert_eq!(found, counted, "{dims:?}");
        }
    }
}
