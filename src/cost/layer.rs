//! The cost of a layer, and of a network, on one accelerator.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::cost::bound::lower_bound;
use crate::cost::counts::{Counts, PerEngine, Tally, tally};
use crate::cost::cycles::{Evaluator, fits};
use crate::cost::energy::{Components, Prices};
use crate::cost::tech::{Technology, real};
use crate::mapping::legality::schedule;
use crate::mapping::schedule::Schedule;
use crate::mapping::tiling::Mapping;
use crate::workload::layer::LoopNest;
use serde::Serialize;

/// Everything that is known of one layer's run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerCost {
    /// Exact cycles from the first job's start to the last one's end. Around them come those of
    /// [`Schedule::layer_cycles`], which depend on the accelerator only.
    pub cycles: u64,
    /// What [`lower_bound`] proved before.
    pub lower_bound: u64,
    /// Exact counts.
    pub counts: Counts,
    /// Cycles in which each engine works.
    pub busy: PerEngine,
    /// Energy by component, in pJ.
    pub energy: Components,
    /// Energy (pJ) times cycles.
    pub edp: f64,
    /// MACs per cycle and PE.
    pub utilization: f64,
}

/// Everything that is known of a run without its exact cycles; far cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Cycles that the run cannot undercut.
    pub lower_bound: u64,
    /// Exact sums over all jobs.
    pub tally: Tally,
    /// Energy by component, in pJ; exact as well, since it depends on counts only.
    pub energy: Components,
}

impl Estimate {
    /// An energy-delay product that the run cannot undercut.
    #[must_use]
    pub fn edp_bound(&self) -> f64 {
        self.energy.total() * real(self.lower_bound)
    }
}

/// Evaluates mappings on one accelerator in one technology; keeps its workspace between them.
#[derive(Clone)]
pub struct Model {
    prices: Prices,
    pes: u32,
    evaluator: Evaluator,
}

impl Model {
    /// A model of `a`, which must be valid.
    #[must_use]
    pub fn new(t: &Technology, a: &Accelerator) -> Self {
        Self {
            prices: Prices::of(t, a),
            pes: a.pes(),
            evaluator: Evaluator::new(),
        }
    }

    /// Counts, energy and bound of a schedule on this accelerator. Its layer must [`fits`].
    #[must_use]
    pub fn estimate(&self, s: &Schedule) -> Estimate {
        let tally = tally(s);
        Estimate {
            lower_bound: lower_bound(s, &tally),
            energy: self.prices.energy(&tally, s.nest.depthwise()),
            tally,
        }
    }

    /// Exact cycles of a schedule on this accelerator. Its layer must [`fits`].
    #[must_use]
    pub fn cycles(&mut self, s: &Schedule) -> u64 {
        self.evaluator.cycles(s)
    }

    /// Cost of a schedule on this accelerator. Its layer must [`fits`].
    #[must_use]
    pub fn cost(&mut self, s: &Schedule) -> LayerCost {
        let estimate = self.estimate(s);
        self.complete(s, &estimate)
    }

    /// Cost of a schedule whose estimate is known.
    #[must_use]
    pub fn complete(&mut self, s: &Schedule, e: &Estimate) -> LayerCost {
        let cycles = self.cycles(s);
        let work = real(e.tally.counts.macs);
        LayerCost {
            cycles,
            lower_bound: e.lower_bound,
            counts: e.tally.counts,
            busy: e.tally.busy,
            energy: e.energy,
            edp: e.energy.total() * real(cycles),
            utilization: work / (real(cycles) * f64::from(self.pes)),
        }
    }
}

/// Cost of `nest` on `accelerator` under `mapping`.
///
/// # Errors
/// `E0202` for an accelerator that cannot be built, `E0203` for a mapping that cannot run on it, `E0104` for a layer so
/// large that its cycles could overflow.
pub fn layer_cost(t: &Technology, nest: &LoopNest, accelerator: &Accelerator, mapping: &Mapping) -> Result<LayerCost> {
    accelerator.validate()?;
    let s = schedule(nest, accelerator, mapping)?;
    check_fits(nest)?;
    Ok(Model::new(t, accelerator).cost(&s))
}

/// Checks [`fits`].
///
/// # Errors
/// `E0104` for a layer so large that its cycles could overflow.
pub fn check_fits(nest: &LoopNest) -> Result<()> {
    if fits(nest) {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::BadSize,
        "the layer's cycles could overflow 62 bits",
    ))
}

/// Cost of a whole network: its layers one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NetworkCost {
    /// Exact cycles.
    pub cycles: u64,
    /// Sum of the layers' lower bounds.
    pub lower_bound: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Energy by component, in pJ.
    pub energy: Components,
    /// Energy (pJ) times cycles of the whole network, which is not the sum of the layers' products.
    pub edp: f64,
    /// MACs per cycle and PE.
    pub utilization: f64,
}

/// Cost of a network from its layers' costs and how often each layer runs.
#[must_use]
pub fn network_cost<'a>(
    accelerator: &Accelerator,
    layers: impl IntoIterator<Item = (&'a LayerCost, u64)>,
) -> NetworkCost {
    let mut sum = NetworkCost::default();
    for (layer, times) in layers {
        sum.cycles += layer.cycles * times;
        sum.lower_bound += layer.lower_bound * times;
        sum.macs += layer.counts.macs * times;
        sum.energy = sum.energy.plus(&layer.energy.times(real(times)));
    }
    sum.edp = sum.energy.total() * real(sum.cycles);
    // An empty network keeps every PE as busy as it asks for: not at all.
    let slots = real(sum.cycles.max(1)) * f64::from(accelerator.pes());
    sum.utilization = real(sum.macs) / slots;
    sum
}
