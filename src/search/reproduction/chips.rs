//! Human baselines at an experiment's widths, and what networks cost on them.

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::arch::geometry::Geometry;
use crate::arch::resources::Resources;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::mapping::plane;
use crate::mapping::tiling::Mapping;
use crate::search::dataflow::Dataflow;
use crate::workload::network::Network;

/// The dataflow and the accelerator that `baseline` names, with the widths of `resources`.
///
/// # Errors
/// `E0105` for a name that is none of them.
pub fn chip(baseline: &str, resources: &Resources) -> Result<(&'static Dataflow, Accelerator)> {
    let flow = Dataflow::named(baseline)?;
    Ok((flow, at_widths(&flow.accelerator()?, resources)?))
}

/// `chip` with the widths of `r`: half of the network's bytes for W and for I each, drain lanes, output units beside them and
/// off-chip port. Memories grow to whole words of such lanes; the largest of level 2 gives the room.
fn at_widths(chip: &Accelerator, r: &Resources) -> Result<Accelerator> {
    let mut a = chip.clone();
    a.offchip.bytes_per_cycle = r.offchip_bytes_per_cycle;
    a.lanes.W = r.network_bytes_per_cycle / 2;
    a.lanes.I = a.lanes.W;
    a.lanes.drain = r.drain_psums_per_cycle;
    a.requantizers = (chip.requantizers * a.lanes.drain / chip.lanes.drain).max(1);
    let g = Geometry::of(&a);
    let words = [g.l2_w_word, g.l2_i_word, 4 * g.l2_o_word];
    let whole = |bytes: &mut u32, word: u32| *bytes = bytes.next_multiple_of(word);
    whole(&mut a.buffers.W.bytes, g.w_word);
    whole(&mut a.buffers.I.bytes, g.i_word);
    whole(&mut a.buffers.psum.words, g.psum_word);
    whole(&mut a.l2.P.bytes, PARAM_BYTES * g.l2_p_word);
    let l2 = [&mut a.l2.W, &mut a.l2.I, &mut a.l2.O].into_iter().zip(words);
    for (memory, word) in l2 {
        whole(&mut memory.bytes, word);
    }
    let excess = a.onchip_bytes().saturating_sub(r.onchip_bytes);
    let l2 = [&mut a.l2.W, &mut a.l2.I, &mut a.l2.O].into_iter().zip(words);
    if let Some((largest, word)) = l2.max_by_key(|(m, _)| m.bytes) {
        let cut = excess.div_ceil(u64::from(word) * u64::from(largest.slots)) * u64::from(word);
        largest.bytes = largest.bytes.saturating_sub(u32::try_from(cut).unwrap_or(u32::MAX));
    }
    a.validate()?;
    Ok(a)
}

/// The mappings of `network` that the dataflow of a chip dictates.
///
/// # Errors
/// `E0201` naming a layer that cannot run on it.
pub fn dictated(flow: &Dataflow, chip: &Accelerator, network: &Network) -> Result<Vec<Mapping>> {
    let one = |layer: &crate::workload::layer::Layer| {
        let nest = plane::on(&layer.nest()?, chip);
        flow.mapping(&Dataflow::space(&nest, chip)).ok_or_else(|| {
            Diagnostic::new(Code::NoLegalMapping, format!("the layer cannot run on {}", flow.name))
                .at(format!("network `{}`, layer `{}`", network.name, layer.name))
        })
    };
    network.layers.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::dataflow::DATAFLOWS;

    #[test]
    fn chips_take_the_widths_of_every_form() {
        for flow in &DATAFLOWS {
            let own = flow.accelerator().unwrap();
            for form in ["", "@tight", "@wide", "@narrow"] {
                let r = Resources::preset(&format!("{}{form}", flow.resources)).unwrap();
                let (_, a) = chip(flow.name, &r).unwrap();
                assert_eq!(r.exceeded_by(&a), Vec::<String>::new());
                assert!(!form.is_empty() || a == own, "{}", flow.name);
                assert_eq!(a.lanes.W + a.lanes.I, r.network_bytes_per_cycle);
                assert_eq!(a.lanes.drain, r.drain_psums_per_cycle);
                assert_eq!(a.offchip.bytes_per_cycle, r.offchip_bytes_per_cycle);
                // What words of wider lanes do not fill is little.
                assert!(a.onchip_bytes() * 100 > r.onchip_bytes * 99, "{}{form}", flow.name);
            }
        }
    }
}
