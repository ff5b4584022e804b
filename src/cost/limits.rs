//! What limits a layer: its busiest engine, and its place under the roofline.
//!
//! Each of the six engines does its jobs one after another, so its busy cycles, which are exact, are a lower bound of the
//! run. The engine with the most of them is what bounds the layer; its share of the run tells how nearly it does. What is
//! left of a run beyond its busiest engine are latencies and waits between engines.
//!
//! The roofline is that of Williams, Waterman and Patterson (CACM 52(4), 2009), with one change: off-chip reads and writes have
//! ports of their own, so the intensity counts the bytes of the busier direction.

use crate::arch::accelerator::Accelerator;
use crate::cost::counts::{Counts, PerEngine};
use crate::cost::tech::real;
use serde::Serialize;

/// What bounds a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The array multiplies.
    Compute,
    /// Weights into the array.
    WNetwork,
    /// Inputs into the array.
    INetwork,
    /// Sums out of the array.
    Drain,
    /// Off-chip reads.
    OffchipRead,
    /// Off-chip writes.
    OffchipWrite,
}

impl Limit {
    /// The engine with the most busy cycles; of equal ones the first of this type's order.
    #[must_use]
    pub fn of(busy: &PerEngine) -> Self {
        let mut most = (Self::Compute, busy.compute);
        for candidate in [
            (Self::WNetwork, busy.w),
            (Self::INetwork, busy.i),
            (Self::Drain, busy.drain),
            (Self::OffchipRead, busy.read),
            (Self::OffchipWrite, busy.write),
        ] {
            if candidate.1 > most.1 {
                most = candidate;
            }
        }
        most.0
    }

    /// The limit as reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::WNetwork => "w-network",
            Self::INetwork => "i-network",
            Self::Drain => "drain",
            Self::OffchipRead => "offchip-read",
            Self::OffchipWrite => "offchip-write",
        }
    }

    /// Busy cycles of the engine that this limit stands for.
    #[must_use]
    pub const fn busy(self, busy: &PerEngine) -> u64 {
        match self {
            Self::Compute => busy.compute,
            Self::WNetwork => busy.w,
            Self::INetwork => busy.i,
            Self::Drain => busy.drain,
            Self::OffchipRead => busy.read,
            Self::OffchipWrite => busy.write,
        }
    }
}

/// A layer's place under the roofline of its accelerator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Roofline {
    /// Multiply-accumulates per byte of the busier off-chip direction: operational intensity.
    pub macs_per_byte: f64,
    /// Multiply-accumulates per cycle at that intensity: the lower of both roofs.
    pub attainable: f64,
    /// Multiply-accumulates per cycle as it runs, at most `attainable`.
    pub achieved: f64,
}

impl Roofline {
    /// The place of a run of `cycles` with these counts on `a`.
    #[must_use]
    pub fn of(a: &Accelerator, counts: &Counts, cycles: u64) -> Self {
        let bus = f64::from(a.offchip.bytes_per_cycle);
        let (macs, beats) = (
            real(counts.macs),
            real(counts.read_beats.max(counts.write_beats).max(1)),
        );
        Self {
            macs_per_byte: macs / (beats * bus),
            attainable: (macs / beats).min(f64::from(a.pes())),
            achieved: macs / real(cycles.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::cost::counts::tally;
    use crate::cost::walk::walk;
    use crate::mapping::random::{Limits, random_triple};

    #[test]
    fn no_run_is_above_its_roofs_or_below_its_busiest_engine() {
        let mut seen = Vec::new();
        for i in 0..2000 {
            let t = random_triple(&mut stream(31, &[i]), &Limits::default());
            let s = t.schedule();
            let (tally, cycles) = (tally(&s), walk(&s).cycles);
            let roof = Roofline::of(&t.accelerator, &tally.counts, cycles);
            assert!(roof.achieved <= roof.attainable, "{i}: {roof:?}");
            let limit = Limit::of(&tally.busy);
            let b = tally.busy;
            let most = [b.read, b.w, b.i, b.compute, b.drain, b.write].into_iter().max();
            assert_eq!(Some(limit.busy(&b)), most);
            assert!(limit.busy(&b) <= cycles);
            if !seen.contains(&limit) {
                seen.push(limit);
            }
        }
        // Small layers never write more than they read; all other limits occur.
        assert!(seen.len() >= 5, "{seen:?}");
    }

    #[test]
    fn names_are_those_of_documents() {
        for limit in [Limit::Compute, Limit::WNetwork, Limit::OffchipWrite] {
            assert_eq!(serde_json::to_value(limit).unwrap(), limit.as_str());
        }
    }
}
