//! Many mappings of one layer on one accelerator at once.
//!
//! What all mappings share is worked out once ([`Setting`], prices); each thread has an evaluator of its own, and no result
//! is reused, so results are those of [`layer_cost`](crate::cost::layer::layer_cost), in the order of the mappings,
//! on any number of threads. Threads are those of the rayon pool that the caller is in.
//!
//! ```
//! use naas::arch::accelerator::Accelerator;
//! use naas::base::dims::{Dim, PerDim};
//! use naas::cost::batch::Batch;
//! use naas::cost::tech::Technology;
//! use naas::mapping::tiling::{Level, Mapping, UNSPLIT};
//! use naas::workload::layer::{Matmul, Shape};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let accelerator: Accelerator = serde_json::from_str(r#"{"name": "ck4",
//!   "axes": [{"size": 4, "dims": ["K"]}, {"size": 4, "dims": ["C"]}],
//!   "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 64, "slots": 2}, "psum": {"words": 16, "slots": 2}},
//!   "l2": {"W": {"bytes": 4096, "slots": 2}, "I": {"bytes": 4096, "slots": 2}, "O": {"bytes": 4096, "slots": 2}},
//!   "lanes": {"W": 4, "I": 4, "drain": 4}, "requantizers": 4,
//!   "offchip": {"bytes_per_cycle": 4, "latency_cycles": 20}}"#)?;
//! let layer = Shape::Matmul(Matmul { batch: 1, M: 16, N: 32, K: 64, weights: true }).nest()?;
//! // Which loop goes around which within level 2, and how many output rows a pass works on.
//! let mappings: Vec<Mapping> = [[Dim::K, Dim::C, Dim::Y], [Dim::Y, Dim::K, Dim::C]]
//!     .into_iter()
//!     .flat_map(|[a, b, c]| [1, 4].map(|rows| Mapping {
//!         offchip: Level { tile: layer.bounds, order: Dim::ALL },
//!         l2: Level { tile: PerDim([8, 16, rows, 1, 1, 1]), order: [a, b, c, Dim::X, Dim::R, Dim::S] },
//!         pe: Dim::ALL,
//!         split: UNSPLIT,
//!     }))
//!     .collect();
//!
//! let batch = Batch::new(&Technology::named("45nm")?, &accelerator, &layer)?;
//! let costs: Vec<u64> = batch.costs(&mappings).into_iter().map(|c| Ok(c?.cycles)).collect::<naas::base::diag::Result<_>>()?;
//! let bounds = batch.estimates(&mappings);
//! for (cycles, bound) in costs.iter().zip(bounds) {
//!     assert!(bound?.lower_bound <= *cycles);
//! }
//! # Ok(())
//! # }
//! ```

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Result;
use crate::cost::layer::{Estimate, LayerCost, Model, check_fits};
use crate::cost::tech::Technology;
use crate::mapping::legality::{checked, refusal};
use crate::mapping::schedule::{Schedule, Setting};
use crate::mapping::tiling::Mapping;
use crate::workload::layer::LoopNest;
use rayon::prelude::*;

/// Mappings that a thread takes at a time: enough to make up for starting, few enough to balance.
const CHUNK: usize = 64;

/// One layer on one accelerator in one technology, ready for mappings.
#[derive(Clone)]
pub struct Batch {
    accelerator: Accelerator,
    setting: Setting,
    model: Model,
}

impl Batch {
    /// A batch of `nest` on `accelerator`.
    ///
    /// # Errors
    /// `E0202` for an accelerator that cannot be built, `E0104` for a layer so large that its cycles could overflow.
    pub fn new(t: &Technology, accelerator: &Accelerator, nest: &LoopNest) -> Result<Self> {
        accelerator.validate()?;
        check_fits(nest)?;
        Ok(Self {
            accelerator: accelerator.clone(),
            setting: Setting::new(nest, accelerator),
            model: Model::new(t, accelerator),
        })
    }

    /// Exact cycles, counts and energy of every mapping, in order; `E0203` in place of a mapping that cannot run.
    #[must_use]
    pub fn costs(&self, mappings: &[Mapping]) -> Vec<Result<LayerCost>> {
        self.map(mappings, Model::cost)
    }

    /// Exact counts and energy of every mapping, and cycles that it cannot undercut, in order; `E0203` in place of a
    /// mapping that cannot run.
    #[must_use]
    pub fn estimates(&self, mappings: &[Mapping]) -> Vec<Result<Estimate>> {
        self.map(mappings, |model, s| model.estimate(s))
    }

    fn map<T: Send>(
        &self,
        mappings: &[Mapping],
        evaluate: impl Fn(&mut Model, &Schedule) -> T + Sync,
    ) -> Vec<Result<T>> {
        mappings
            .par_iter()
            .with_min_len(CHUNK)
            .map_init(
                || self.model.clone(),
                |model, mapping| {
                    let s = checked(&self.setting, &self.accelerator, mapping).map_err(|v| refusal(&v))?;
                    Ok(evaluate(model, &s))
                },
            )
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::cost::layer::layer_cost;
    use crate::mapping::random::{Limits, random_triple, simpler};

    #[test]
    fn results_are_those_of_single_evaluations_on_any_number_of_threads() {
        let t = Technology::named("45nm").unwrap();
        for seed in 0..10 {
            let triple = random_triple(&mut stream(seed, &[]), &Limits::default());
            let (nest, a) = (&triple.nest, &triple.accelerator);
            // Some of these overflow the memories, which fit the first mapping.
            let others = simpler(&triple).into_iter().map(|other| other.mapping);
            let mappings: Vec<Mapping> = std::iter::once(triple.mapping)
                .chain(others)
                .cycle()
                .take(300)
                .collect();
            let single: Vec<_> = mappings.iter().map(|m| layer_cost(&t, nest, a, m)).collect();
            assert!(single[0].is_ok());
            let batch = Batch::new(&t, a, nest).unwrap();
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (costs, estimates) = pool.install(|| (batch.costs(&mappings), batch.estimates(&mappings)));
                assert_eq!(costs, single, "seed {seed}, {threads} threads");
                for (cost, estimate) in costs.iter().zip(&estimates) {
                    let counts = cost.as_ref().ok().map(|c| (c.lower_bound, c.counts, c.energy));
                    let same = estimate
                        .as_ref()
                        .ok()
                        .map(|e| (e.lower_bound, e.tally.counts, e.energy));
                    assert_eq!(counts, same);
                }
            }
        }
    }
}
