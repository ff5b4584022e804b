//! The loop orders of one pair of tiles that differ in what they do.

use crate::base::dims::{Dim, PerDim};
use crate::cost::family::{Offchip, Reuse};
use crate::mapping::tiling::{Level, Mapping};
use arrayvec::ArrayVec;

type Order = ArrayVec<Dim, 6>;

/// All mappings with these tiles whose orders are in class `reuse`, but for those that only move loops of one trip.
pub fn mappings(base: &Mapping, bounds: &PerDim<u32>, reuse: Reuse) -> Vec<Mapping> {
    use Dim::{K, X, Y};
    let trips = |d: Dim| base.offchip.tile[d] < bounds[d];
    let outputs = orders(&[K, Y, X], trips);
    let reductions = orders(&Dim::REDUCTION, trips);
    let inner = orders(&Dim::ALL, |d| base.l2.tile[d] < base.offchip.tile[d]);
    let mut all = Vec::new();
    for (o, several) in &outputs {
        if class(&o[..*several]) != reuse.offchip {
            continue;
        }
        for (r, _) in &reductions {
            for (l2, several) in &inner {
                let from_inside = |i: usize| several.checked_sub(i).map(|at| l2[at]);
                let second = reuse.second.is_none() || from_inside(2) == reuse.second;
                if from_inside(1) != reuse.innermost || !second {
                    continue;
                }
                let mut m = *base;
                m.offchip = Level {
                    order: [o[0], o[1], o[2], r[0], r[1], r[2]],
                    ..base.offchip
                };
                m.l2.order.copy_from_slice(l2);
                all.push(m);
            }
        }
    }
    all
}

/// The class of an order of those output loops off chip that have several trips.
fn class(order: &[Dim]) -> Offchip {
    match order.iter().position(|&d| d == Dim::K) {
        None | Some(0) => Offchip::Outer,
        Some(k) if k + 1 == order.len() => Offchip::Inner,
        Some(_) if order[0] == Dim::Y => Offchip::WithinY,
        Some(_) => Offchip::WithinX,
    }
}

/// Every order of those of `dims` that have several trips, the others behind them; and how many have. In place: an exact
/// evaluation of a family's mappings takes less than seven hundred allocations would.
fn orders(dims: &[Dim], several: impl Fn(Dim) -> bool) -> Vec<(Order, usize)> {
    let (many, one): (Order, Order) = dims.iter().copied().partition(|&d| several(d));
    let mut all = vec![Order::new()];
    for _ in 0..many.len() {
        let mut longer = Vec::with_capacity(all.len() * many.len());
        for order in &all {
            for &d in many.iter().filter(|d| !order.contains(d)) {
                let mut next = order.clone();
                next.push(d);
                longer.push(next);
            }
        }
        all = longer;
    }
    let whole = |order: Order| (order.into_iter().chain(one.iter().copied()).collect(), many.len());
    all.into_iter().map(whole).collect()
}
