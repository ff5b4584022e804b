//! The cost model that is searched with: exact cycles as the hardware takes them, energy of a technology.

use crate::arch::accelerator::Accelerator;
use crate::cost::energy::{Prices, area};
use crate::cost::family::Families;
use crate::cost::floor::floor;
use crate::cost::layer::Model;
use crate::cost::tech::Technology;
use crate::mapping::schedule::Schedule;
use crate::search::problem::{CostModel, Figures, LayerModel};
use crate::workload::layer::{Kind, LoopNest};

/// A technology's prices on one accelerator.
struct Exact<'a> {
    technology: &'a Technology,
    accelerator: &'a Accelerator,
    model: Model,
}

impl CostModel for Technology {
    fn on<'a>(&'a self, accelerator: &'a Accelerator) -> Box<dyn LayerModel + 'a> {
        Box::new(Exact {
            technology: self,
            accelerator,
            model: Model::new(self, accelerator),
        })
    }

    fn area_um2(&self, accelerator: &Accelerator) -> f64 {
        area(self, accelerator).total()
    }
}

impl LayerModel for Exact<'_> {
    fn exact(&mut self, schedule: &Schedule) -> Figures {
        let cost = self.model.cost(schedule);
        Figures {
            cycles: schedule.layer_cycles(cost.cycles, false),
            energy_pj: cost.energy.total(),
        }
    }

    fn bound(&mut self, schedule: &Schedule) -> Figures {
        let estimate = self.model.estimate(schedule);
        Figures {
            cycles: schedule.layer_cycles(estimate.lower_bound, false),
            energy_pj: estimate.energy.total(),
        }
    }

    fn floor(&self, nest: &LoopNest) -> Option<Figures> {
        let floor = floor(self.technology, self.accelerator, nest);
        Some(Figures {
            cycles: floor.cycles,
            energy_pj: floor.energy_pj,
        })
    }

    fn families(&self, schedule: &Schedule) -> Option<Families> {
        // An addition's level-2 tiles hold one operand, whatever is asked for: cuts of its own, which nobody bounds yet.
        let prices = Prices::of(self.technology, self.accelerator);
        (schedule.nest.kind != Kind::Add).then(|| Families::new(schedule, self.accelerator, prices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::mapping::random::{Limits, random_triple};

    #[test]
    fn bounds_hold_and_energy_is_exact() {
        let t = Technology::named("45nm").unwrap();
        for i in 0..200 {
            let triple = random_triple(&mut stream(3, &[i]), &Limits::default());
            let mut model = t.on(&triple.accelerator);
            let s = triple.schedule();
            let (bound, exact) = (model.bound(&s), model.exact(&s));
            assert!(bound.cycles <= exact.cycles && bound.energy_pj == exact.energy_pj);
            let floor = model.floor(&s.nest).unwrap();
            assert!(floor.cycles <= bound.cycles && floor.energy_pj <= exact.energy_pj);
        }
    }
}
