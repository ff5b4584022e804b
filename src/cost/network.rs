//! A network's cost as commands report it: one row per layer as the hardware runs it, descriptor and record included, each
//! with the floor that no mapping undercuts.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::cost::counts::{Counts, PerEngine};
use crate::cost::cycles::fits;
use crate::cost::energy::{Components, area};
use crate::cost::floor::floor;
use crate::cost::layer::Model;
use crate::cost::limits::{Limit, Roofline};
use crate::cost::tech::{Technology, real};
use crate::mapping::schedule::{Ports, Schedule};
use crate::workload::layer::{Kind, Layer};
use serde::Serialize;

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: Kind,
    /// Multiply-accumulates of the layer's definition. Where the hardware performs others too, for a transposed convolution's
    /// missing taps and cut-off outputs, `accesses` counts them as well.
    pub macs: u64,
    /// Exact cycles from the record of the layer before to this layer's.
    pub cycles: u64,
    /// Cycles that no mapping of this layer on this accelerator undercuts.
    pub cycles_lower_bound: u64,
    /// MACs per cycle and PE.
    pub utilization: f64,
    /// Energy.
    pub energy_pj: f64,
    /// Energy times cycles.
    pub edp: f64,
    /// Energy-delay product that no mapping undercuts.
    pub edp_lower_bound: f64,
    /// Exact counts.
    pub accesses: Counts,
    /// Cycles in which each engine works.
    pub busy: PerEngine,
    /// The busiest engine.
    pub bound_by: Limit,
    /// Its share of the cycles.
    pub bound_share: f64,
    /// Place under the roofline.
    pub roofline: Roofline,
    /// Energy by component, in pJ.
    pub energy: Components,
    /// `edp / edp_lower_bound - 1`.
    pub proven_gap: Option<f64>,
}

/// A network.
#[derive(Clone, Debug, PartialEq)]
pub struct Costed {
    /// Its layers in order.
    pub rows: Vec<Row>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Exact cycles from start to done: those of all layers, and of the last record.
    pub cycles: u64,
    /// Energy by component, in pJ.
    pub energy: Components,
    /// Area of the accelerator by component, in um2.
    pub area: Components,
}

impl Costed {
    /// Energy times cycles of the whole network, which is not the sum of the layers' products.
    #[must_use]
    pub fn edp(&self) -> f64 {
        self.energy.total() * real(self.cycles)
    }
}

/// Cost of layers that run one after the other with these schedules.
///
/// # Errors
/// `E0104` for a layer of a bad size, or so large that its cycles could overflow.
pub fn cost(t: &Technology, a: &Accelerator, layers: &[Layer], schedules: &[Schedule]) -> Result<Costed> {
    let mut model = Model::new(t, a);
    let mut costed = Costed {
        rows: Vec::with_capacity(layers.len()),
        macs: 0,
        cycles: Ports::of(a).finish_cycles(),
        energy: Components::default(),
        area: area(t, a),
    };
    for (i, (layer, s)) in layers.iter().zip(schedules).enumerate() {
        if !fits(&s.nest) {
            return Err(
                Diagnostic::new(Code::BadSize, "the layer's cycles could overflow 62 bits")
                    .at(format!("layer `{}`", layer.name)),
            );
        }
        let cost = model.cost(s);
        let cycles = s.layer_cycles(cost.cycles, i == 0);
        let floor = floor(t, a, &s.nest);
        let (overhead, energy) = (cycles - cost.cycles, cost.energy.total());
        let (edp, edp_lower_bound) = (energy * real(cycles), floor.edp(overhead));
        let macs = layer.shape.macs()?;
        costed.macs += macs;
        costed.cycles += cycles;
        costed.energy = costed.energy.plus(&cost.energy);
        let bound_by = Limit::of(&cost.busy);
        costed.rows.push(Row {
            name: layer.name.clone(),
            kind: s.nest.kind,
            macs,
            cycles,
            cycles_lower_bound: floor.cycles + overhead,
            utilization: real(macs) / (real(cycles) * f64::from(a.pes())),
            energy_pj: energy,
            edp,
            edp_lower_bound,
            accesses: cost.counts,
            busy: cost.busy,
            bound_by,
            bound_share: real(bound_by.busy(&cost.busy)) / real(cycles),
            roofline: Roofline::of(a, &cost.counts, cycles),
            energy: cost.energy,
            proven_gap: Some((edp / edp_lower_bound - 1.0).max(0.0)),
        });
    }
    Ok(costed)
}
