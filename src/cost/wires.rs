//! Energy of the networks' wires, by distance and fan-out.
//!
//! The array (multipliers, operand and psum buffers) is taken as a square of its own area with equally spaced PEs, level 2 as
//! a square beside it. Where the technology prices a wire per millimetre:
//!
//! * a bit into the array travels half the side of level 2 and the whole side of the array: its lane runs along the axis
//!   that it feeds, and every position sees it, whichever takes it;
//! * a bit out of the array travels the same way back;
//! * in every issue cycle of a pass, each W and I buffer drives its byte to the PEs that share it: a wire of one PE pitch per
//!   PE beyond the first (fan-out), since they are neighbours along the broadcast axes; each product of 16 bits travels one
//!   pitch towards its tree where there is one.
//!
//! Where it prices a delivery, distance does not matter: a bit pays once on its way in and once on its way out, and what a
//! buffer drives is part of reading it. Repeaters are part of the price per millimetre; half of the bits switch, as in its
//! source.

use crate::arch::accelerator::Accelerator;
use crate::arch::geometry::Geometry;
use crate::cost::energy::Components;
use crate::cost::tech::{Technology, WireUnit};

/// Side of a square in millimetres from its area in square micrometres.
fn side(um2: f64) -> f64 {
    um2.sqrt() / 1000.0
}

/// What wires cost on one accelerator, in the technology's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wires {
    /// One bit from level 2 into the array.
    pub into_array: f64,
    /// One bit from the array to level 2.
    pub out_of_array: f64,
    /// One issue cycle of a pass: all bytes from their buffers to their PEs, all products to their trees.
    pub cycle: f64,
}

impl Wires {
    /// The wires of `a`, whose blocks have the areas `area` (um2).
    #[must_use]
    pub fn of(t: &Technology, a: &Accelerator, area: &Components) -> Self {
        let bit = t.wire.pj;
        if t.wire.per == WireUnit::Delivery {
            return Self {
                into_array: bit,
                out_of_array: bit,
                cycle: 0.0,
            };
        }
        let g = Geometry::of(a);
        let array = side(area.mac + area.operand_buffers + area.psums);
        let way = array + side(area.l2) / 2.0;
        let pes = f64::from(a.pes());
        let pitch = array / pes.sqrt();
        // PEs beyond the first of every buffer: each of them lengthens its buffer's wire by a pitch.
        let shared = (pes - f64::from(g.w_buffers)).max(0.0) + (pes - f64::from(g.i_buffers)).max(0.0);
        let summed = g.reduced() > 1;
        let products = if summed { 16.0 * pes } else { 0.0 };
        Self {
            into_array: bit * way,
            out_of_array: bit * way,
            cycle: bit * pitch * (8.0 * shared + products),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::energy::area;

    fn machine(axes: &str, l2: u32) -> Accelerator {
        let text = format!(
            r#"{{"name": "m", "axes": [{axes}],
              "buffers": {{"W": {{"bytes": 64, "slots": 2}}, "I": {{"bytes": 256, "slots": 2}}, "psum": {{"words": 64, "slots": 2}}}},
              "l2": {{"W": {{"bytes": {l2}, "slots": 2}}, "I": {{"bytes": {l2}, "slots": 2}}, "O": {{"bytes": {l2}, "slots": 2}}}},
              "lanes": {{"W": 16, "I": 16, "drain": 16}}, "requantizers": 4,
              "offchip": {{"bytes_per_cycle": 16, "latency_cycles": 64}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn wires(t: &Technology, a: &Accelerator) -> Wires {
        Wires::of(t, a, &area(t, a))
    }

    #[test]
    fn distance_and_fan_out_cost() {
        let t = Technology::named("45nm").unwrap();
        let of = |axes, l2| wires(&t, &machine(axes, l2));
        let square = r#"{"size": 16, "dims": ["K"]}, {"size": 16, "dims": ["C"]}"#;
        let (small, large) = (of(square, 1 << 14), of(square, 1 << 18));
        assert!(small.into_array < large.into_array && small.cycle == large.cycle);
        let one = of(r#"{"size": 1, "dims": ["K"]}, {"size": 1, "dims": ["C"]}"#, 1 << 14);
        assert_eq!(one.cycle, 0.0);
    }

    #[test]
    fn the_way_is_computed_as_described() {
        let t = Technology::named("45nm").unwrap();
        let a = machine(r#"{"size": 16, "dims": ["K"]}, {"size": 16, "dims": ["X"]}"#, 1 << 14);
        let c = area(&t, &a);
        let array_mm = ((c.mac + c.operand_buffers + c.psums) / 1e6).sqrt();
        let w = wires(&t, &a);
        let way = array_mm + (c.l2 / 1e6).sqrt() / 2.0;
        assert!((w.into_array / (0.121 * way) - 1.0).abs() < 1e-12);
        // 16 W buffers and 16 I buffers for 256 PEs, no sums across PEs.
        let cycle = 0.121 * (array_mm / 16.0) * 8.0 * 480.0;
        assert!((w.cycle / cycle - 1.0).abs() < 1e-12);
    }

    #[test]
    fn deliveries_know_no_distance() {
        let t = Technology::named("eyeriss-65nm").unwrap();
        let of = |l2| {
            wires(
                &t,
                &machine(r#"{"size": 16, "dims": ["K"]}, {"size": 16, "dims": ["C"]}"#, l2),
            )
        };
        assert_eq!(of(1 << 14), of(1 << 18));
        assert_eq!((of(1 << 14).into_array, of(1 << 14).cycle), (0.125, 0.0));
    }
}
