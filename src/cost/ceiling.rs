//! What no accelerator within given resources can undercut on a layer, whatever its connectivity, buffers and mapping: the
//! ceiling of every ratio over a baseline.
//!
//! Every multiplication takes a PE for a cycle; every weight, every input that some tap touches and every output crosses the
//! off-chip port once. Those are paid for; nothing else is.

use crate::arch::resources::Resources;
use crate::base::dims::Dim;
use crate::cost::floor::{Floor, touched};
use crate::cost::tech::{Technology, real};
use crate::workload::layer::LoopNest;

/// The floor of `nest` on anything within `r`.
#[must_use]
pub fn ceiling(t: &Technology, r: &Resources, nest: &LoopNest) -> Floor {
    let groups = u64::from(nest.n) * u64::from(nest.g);
    let all = |dims: [Dim; 4]| dims.into_iter().map(|d| u64::from(nest.bounds[d])).product::<u64>();
    let weights = u64::from(nest.g) * all([Dim::K, Dim::C, Dim::R, Dim::S]);
    let [rows, columns] = [(0, Dim::Y, Dim::R), (1, Dim::X, Dim::S)].map(|(i, out, tap)| touched(nest, i, out, tap)[1]);
    let inputs = groups * u64::from(nest.input_channels()) * rows * columns;
    let outputs = groups
        * [Dim::K, Dim::Y, Dim::X]
            .into_iter()
            .map(|d| u64::from(nest.bounds[d]))
            .product::<u64>();
    let bus = u64::from(r.offchip_bytes_per_cycle.max(1));
    let pes = u64::from(r.pes.max(1));
    let cycles = nest
        .macs()
        .div_ceil(pes)
        .max((weights + inputs).div_ceil(bus))
        .max(outputs.div_ceil(bus));
    let bytes = real(weights + inputs + outputs);
    Floor {
        cycles,
        energy_pj: real(nest.macs()) * (t.multiply8.pj + t.add32.pj) + 8.0 * t.offchip_bit.pj * bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::cost::floor::floor;
    use crate::mapping::random::{Limits, random_triple};

    #[test]
    fn no_accelerator_within_the_resources_undercuts_it() {
        for name in Technology::names() {
            let t = Technology::named(name).unwrap();
            for i in 0..300 {
                let triple = random_triple(&mut stream(21, &[i]), &Limits::default());
                let a = &triple.accelerator;
                let r = Resources {
                    name: String::new(),
                    pes: a.pes(),
                    onchip_bytes: a.onchip_bytes(),
                    network_bytes_per_cycle: a.lanes.W + a.lanes.I,
                    drain_psums_per_cycle: a.lanes.drain,
                    offchip_bytes_per_cycle: a.offchip.bytes_per_cycle,
                    offchip_latency_cycles: a.offchip.latency_cycles,
                };
                let (all, one) = (ceiling(&t, &r, &triple.nest), floor(&t, a, &triple.nest));
                assert!(
                    all.cycles <= one.cycles && all.energy_pj <= one.energy_pj * (1.0 + 1e-12),
                    "{name} {i}: {all:?} {one:?}"
                );
            }
        }
    }
}
