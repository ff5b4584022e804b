//! Places of activation tensors in off-chip memory: tensors that are never needed at the same time may share bytes.

use crate::base::int::round_up;

/// A tensor and the layers during which its content matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Size.
    pub bytes: u64,
    /// The layer that writes it; the first one for what the host provides.
    pub first: usize,
    /// The last layer that reads it; `usize::MAX` for what the host reads after the run.
    pub last: usize,
}

impl Tensor {
    /// Whether both are needed during some layer.
    #[must_use]
    pub const fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Where tensors lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Offset of each tensor.
    pub offsets: Vec<u64>,
    /// Bytes from the first to the last one.
    pub bytes: u64,
    /// The most bytes that are needed during one layer: no placement takes less.
    pub needed: u64,
}

/// Places tensors at multiples of `align`, the largest first, each at the lowest offset that is free while it is needed.
#[must_use]
pub fn place(tensors: &[Tensor], align: u64) -> Places {
    let size = |t: &Tensor| round_up(t.bytes.max(1), align);
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(tensors[i].bytes));
    let mut offsets = vec![0; tensors.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(tensors.len());
    for i in order {
        let mut taken: Vec<(u64, u64)> = placed
            .iter()
            .filter(|&&j| tensors[i].meets(&tensors[j]))
            .map(|&j| (offsets[j], offsets[j] + size(&tensors[j])))
            .collect();
        taken.sort_unstable();
        offsets[i] = taken.into_iter().fold(0, |at, (from, to)| {
            // Sorted by their start: once there is room before one, there is room before all that follow.
            if at + size(&tensors[i]) <= from { at } else { at.max(to) }
        });
        placed.push(i);
    }
    let ends = tensors.iter().zip(&offsets).map(|(t, at)| at + size(t));
    let during = |layer: usize| {
        let live = tensors.iter().filter(|t| t.first <= layer && layer <= t.last);
        live.map(size).sum::<u64>()
    };
    Places {
        bytes: ends.max().unwrap_or(0),
        needed: tensors.iter().map(|t| during(t.first)).max().unwrap_or(0),
        offsets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use rand::RngExt as _;

    /// No two tensors share a byte while both are needed, and none of the bytes is wasted where all are needed at once.
    #[test]
    fn tensors_never_meet_in_a_byte() {
        for case in 0..300 {
            let mut rng = stream(5, &[case]);
            let layers = rng.random_range(1..30);
            let tensors: Vec<Tensor> = (0..rng.random_range(1..40))
                .map(|_| {
                    let first = rng.random_range(0..layers);
                    Tensor {
                        bytes: rng.random_range(0..5000),
                        first,
                        last: if rng.random_range(0..8) == 0 {
                            usize::MAX
                        } else {
                            rng.random_range(first..layers)
                        },
                    }
                })
                .collect();
            let places = place(&tensors, 64);
            for (i, (a, at)) in tensors.iter().zip(&places.offsets).enumerate() {
                assert!(at % 64 == 0 && at + a.bytes <= places.bytes);
                for (b, other) in tensors[..i].iter().zip(&places.offsets) {
                    let apart = at + a.bytes <= *other || other + b.bytes <= *at;
                    assert!(apart || !a.meets(b), "case {case}: {a:?} at {at}, {b:?} at {other}");
                }
            }
            let all: u64 = tensors.iter().map(|t| round_up(t.bytes.max(1), 64)).sum();
            assert!(places.needed <= places.bytes && places.bytes <= all, "case {case}");
        }
    }

    /// A chain needs two neighbours at a time, and what skips it stays.
    #[test]
    fn chains_take_turns() {
        let tensor = |bytes, first, last| Tensor { bytes, first, last };
        let chain: Vec<Tensor> = (0..6).map(|i| tensor(128, i, i + 1)).collect();
        assert_eq!(place(&chain, 64).bytes, 256);
        let skip = [chain, vec![tensor(64, 0, usize::MAX)]].concat();
        let places = place(&skip, 64);
        assert_eq!((places.bytes, places.needed), (320, 320));
    }
}
