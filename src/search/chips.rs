//! Published chips within given resources: at the widths that the resources allow, with the mappings that their dataflows
//! dictate; and the designs that a search starts from.
//!
//! **Starts.** The chips that fit, the resources' own first, as far as the space holds them (NAAS's has one dimension per
//! axis). Then, where the parallel dimensions are searched, one array of plain sizes for each of the published pairs of
//! dimensions and for some others: which dimensions run in parallel is what steps through genes find last.

use crate::arch::accelerator::{Accelerator, PARAM_BYTES};
use crate::arch::geometry::Geometry;
use crate::arch::resources::Resources;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim::{self, C, K, R, X, Y};
use crate::mapping::plane;
use crate::mapping::tiling::Mapping;
use crate::search::dataflow::{DATAFLOWS, Dataflow};
use crate::search::encoding::accelerator::{AcceleratorSpace, Sharing};
use crate::search::layers::runs;
use crate::search::problem::Suite;
use crate::workload::layer::Layer;
use crate::workload::network::Network;

/// Most halvings of lanes, and doublings of the W buffers, that are tried.
const TRIES: u32 = 6;

/// The dataflow and the accelerator that `baseline` names, with the widths of `resources`.
///
/// # Errors
/// `E0105` for a name that is none of them; `E0202` if no form of it takes such widths and runs `suite`.
pub fn chip(baseline: &str, resources: &Resources, suite: &Suite) -> Result<(&'static Dataflow, Accelerator)> {
    let flow = Dataflow::named(baseline)?;
    let own = flow.accelerator()?;
    let runnable = |a: &Accelerator| a.violations().is_empty() && runs(a, suite).is_ok();
    // As many lanes as there are, and then as small a W buffer as holds the smallest tile that they move.
    for halvings in 0..TRIES {
        for doublings in 0..TRIES {
            let a = at_widths(&own, resources, halvings, doublings);
            if runnable(&a) {
                return Ok((flow, a));
            }
        }
    }
    let what = format!(
        "{baseline} does not run these networks at the widths of {}",
        resources.name
    );
    Err(Diagnostic::new(Code::BadAccelerator, what))
}

/// `chip` with the widths of `r`: half of the network's bytes for W and for I each, drain lanes, output units beside them and
/// off-chip port; lanes halved and W buffers doubled so many times. Memories grow to whole words of such lanes; the largest
/// of level 2 gives the room.
fn at_widths(chip: &Accelerator, r: &Resources, halvings: u32, doublings: u32) -> Accelerator {
    let mut a = chip.clone();
    a.offchip.bytes_per_cycle = r.offchip_bytes_per_cycle;
    a.lanes.W = ((r.network_bytes_per_cycle / 2) >> halvings).max(1);
    a.lanes.I = a.lanes.W;
    a.lanes.drain = (r.drain_psums_per_cycle >> halvings).max(1);
    a.requantizers = (chip.requantizers * a.lanes.drain / chip.lanes.drain).max(1);
    a.buffers.W.bytes <<= doublings;
    let g = Geometry::of(&a);
    let words = [g.l2_w_word, g.l2_i_word, a.l2.output_bytes() * g.l2_o_word];
    let whole = |bytes: &mut u32, word: u32| *bytes = bytes.next_multiple_of(word);
    whole(&mut a.buffers.W.bytes, g.w_word);
    whole(&mut a.buffers.I.bytes, g.i_word);
    whole(&mut a.buffers.psum.words, g.psum_word);
    whole(&mut a.l2.P.bytes, PARAM_BYTES * g.l2_p_word);
    for (memory, word) in [&mut a.l2.W, &mut a.l2.I, &mut a.l2.O].into_iter().zip(words) {
        whole(&mut memory.bytes, word);
    }
    let excess = a.onchip_bytes().saturating_sub(r.onchip_bytes);
    let l2 = [&mut a.l2.W, &mut a.l2.I, &mut a.l2.O].into_iter().zip(words);
    if let Some((largest, word)) = l2.max_by_key(|(m, _)| m.bytes) {
        let cut = excess.div_ceil(u64::from(word) * u64::from(largest.slots)) * u64::from(word);
        largest.bytes = largest.bytes.saturating_sub(u32::try_from(cut).unwrap_or(u32::MAX));
    }
    a
}

/// The mappings of `network` that the dataflow of a chip dictates.
///
/// # Errors
/// `E0201` naming a layer that cannot run on it.
pub fn dictated(flow: &Dataflow, chip: &Accelerator, network: &Network) -> Result<Vec<Mapping>> {
    let one = |layer: &Layer| {
        let nest = plane::on(&layer.nest()?, chip);
        flow.mapping(&Dataflow::space(&nest, chip)).ok_or_else(|| {
            Diagnostic::new(Code::NoLegalMapping, format!("the layer cannot run on {}", flow.name))
                .at(format!("network `{}`, layer `{}`", network.name, layer.name))
        })
    };
    // Layers of one shape have one mapping.
    let mut mappings: Vec<Option<Mapping>> = vec![None; network.layers.len()];
    for distinct in network.distinct() {
        let mapping = one(&network.layers[distinct.layers[0]])?;
        for layer in distinct.layers {
            mappings[layer] = Some(mapping);
        }
    }
    Ok(mappings.into_iter().flatten().collect())
}

/// Dimensions of the arrays that a search starts from, beside chips.
const ARRAYS: [&[Dim]; 10] = [
    &[K, X],
    &[K, Y],
    &[C, K],
    &[C, X],
    &[C, Y],
    &[Y, X],
    &[R, Y],
    &[K, X, Y],
    &[C, K, X],
    &[C, K, Y],
];

/// The designs that a search of `space` for `suite` starts from, without repetitions.
#[must_use]
pub fn starts(space: &AcceleratorSpace, suite: &Suite) -> Vec<Accelerator> {
    let r = &space.resources;
    let mut all: Vec<Accelerator> = Vec::new();
    let mut add = |mut a: Accelerator| {
        a.name = "searched".into();
        let single = a.axes.iter().all(|axis| axis.dims.len() == 1);
        let held = match &space.dims {
            Some(dims) => a.axes.iter().map(|axis| &axis.dims).eq(dims),
            None => single || space.sharing == Sharing::Several,
        };
        if held && r.exceeded_by(&a).is_empty() && !all.contains(&a) {
            all.push(a);
        }
    };
    let own = |flow: &&Dataflow| flow.resources == Resources::chip(&r.name);
    let (first, others): (Vec<&Dataflow>, Vec<&Dataflow>) = DATAFLOWS.iter().partition(own);
    for flow in first.into_iter().chain(others) {
        if let Ok((_, a)) = chip(flow.name, r, suite) {
            add(a);
        }
    }
    let given = space.dims.clone();
    let plain = ARRAYS.iter().map(|dims| dims.iter().map(|&d| vec![d]).collect());
    let arrays: Vec<Vec<Vec<Dim>>> = given.map_or_else(|| plain.collect(), |dims| vec![dims]);
    for dims in arrays {
        let of = AcceleratorSpace {
            dims: Some(dims),
            ..space.clone()
        };
        // All PEs, lanes and memory, axes alike, buffers of middling size.
        let mut genes = vec![0.5; of.genes()];
        genes[..4].copy_from_slice(&[1.0, 0.5, 1.0, 1.0]);
        let a = of.decode(&genes);
        if let Some(a) = a.ok().filter(|a| runs(a, suite).is_ok()) {
            add(a);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::zoo;

    #[test]
    fn chips_take_the_widths_of_every_form() {
        let network = zoo::network("mobilenet_v2").unwrap();
        let mut suite = Suite::default();
        suite.add(&network.name, &network.layers).unwrap();
        for flow in &DATAFLOWS {
            let own = flow.accelerator().unwrap();
            for form in ["", "@tight", "@wide", "@narrow"] {
                let name = format!("{}{form}", flow.name);
                let r = Resources::preset(&format!("{}{form}", flow.resources)).unwrap();
                let (_, a) = chip(flow.name, &r, &suite).unwrap();
                assert_eq!(r.exceeded_by(&a), Vec::<String>::new(), "{name}");
                assert!(!form.is_empty() || a == own, "{name}");
                assert!(
                    a.lanes.W == a.lanes.I && 4 * a.lanes.W >= r.network_bytes_per_cycle,
                    "{name}"
                );
                assert_eq!(a.offchip.bytes_per_cycle, r.offchip_bytes_per_cycle);
                // What words of wider lanes do not fill is little.
                assert!(a.onchip_bytes() * 100 > r.onchip_bytes * 97, "{name}");
                assert!(dictated(flow, &a, &network).is_ok(), "{name}");
            }
        }
    }
}
