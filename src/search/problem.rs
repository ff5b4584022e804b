//! What is minimised: figures of merit of a layer, of a network, of a set of networks; and who supplies them.
//!
//! Search knows no formula of cycles or energy. It hands a [`Schedule`] to a [`LayerModel`] and gets [`Figures`] back, so
//! that any cost model, exact or not, can be searched with.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::cost::family::Families;
use crate::mapping::schedule::Schedule;
use crate::search::numeric::geometric_mean;
use crate::workload::layer::{Layer, LoopNest};
use serde::{Deserialize, Serialize};

/// Run time and energy of a layer, a network, or a sum of such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Clock cycles.
    pub cycles: u64,
    /// Energy in picojoules.
    pub energy_pj: f64,
}

impl Figures {
    /// Energy-delay product, in picojoules times cycles.
    #[must_use]
    pub fn edp(&self) -> f64 {
        self.energy_pj * self.cycles as f64
    }

    /// Both figures of a run of `count` such layers after this.
    #[must_use]
    pub fn plus(&self, other: &Self, count: u64) -> Self {
        Self {
            cycles: self.cycles + other.cycles * count,
            energy_pj: self.energy_pj + other.energy_pj * count as f64,
        }
    }
}

/// The figure of merit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Energy-delay product, NAAS's reward (arXiv 2105.13258, section II).
    #[default]
    Edp,
    /// Cycles.
    Latency,
    /// Energy.
    Energy,
}

impl Objective {
    /// The value to minimise.
    #[must_use]
    pub fn of(self, f: &Figures) -> f64 {
        match self {
            Self::Edp => f.edp(),
            Self::Latency => f.cycles as f64,
            Self::Energy => f.energy_pj,
        }
    }
}

/// Cycles and energy of schedules on one accelerator; may keep a workspace between calls, never a result that matters.
pub trait LayerModel {
    /// What a legal schedule costs.
    fn exact(&mut self, schedule: &Schedule) -> Figures;

    /// Figures of which neither is above the exact one, at less effort.
    fn bound(&mut self, schedule: &Schedule) -> Figures {
        self.exact(schedule)
    }

    /// Figures that no mapping of `nest` undercuts; none from a model that has none.
    fn floor(&self, _nest: &LoopNest) -> Option<Figures> {
        None
    }

    /// Bounds over whole families of mappings of the layer, under the split of `schedule`; none from a model that has none.
    fn families(&self, _schedule: &Schedule) -> Option<Families> {
        None
    }
}

/// A cost model: prices an accelerator once, then its schedules.
pub trait CostModel: Sync {
    /// A model of schedules on `accelerator`, for one thread.
    fn on<'a>(&'a self, accelerator: &'a Accelerator) -> Box<dyn LayerModel + 'a>;

    /// The accelerator's area in square micrometres.
    fn area_um2(&self, accelerator: &Accelerator) -> f64;
}

/// Networks whose layers are mapped, with equal layers found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suite {
    /// The different loop nests of all networks, in order of first appearance, each with the name of a layer that has it.
    pub distinct: Vec<(String, LoopNest)>,
    /// The networks.
    pub networks: Vec<NetworkLayers>,
}

/// One network of a [`Suite`].
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkLayers {
    /// Its name.
    pub name: String,
    /// For each of its layers in order, the index of its loop nest in [`Suite::distinct`].
    pub layers: Vec<usize>,
}

impl Suite {
    /// Adds a network.
    ///
    /// # Errors
    /// As [`Layer::nest`]; `E0102` for a network without layers.
    pub fn add(&mut self, name: &str, layers: &[Layer]) -> Result<()> {
        if layers.is_empty() {
            return Err(
                Diagnostic::new(Code::Malformed, "the network has no multiply-accumulate layer")
                    .at(format!("network `{name}`")),
            );
        }
        let mut indices = Vec::with_capacity(layers.len());
        for layer in layers {
            let nest = layer.nest()?;
            let known = self.distinct.iter().position(|(_, n)| *n == nest);
            indices.push(known.unwrap_or(self.distinct.len()));
            if known.is_none() {
                self.distinct.push((layer.name.clone(), nest));
            }
        }
        self.networks.push(NetworkLayers {
            name: name.into(),
            layers: indices,
        });
        Ok(())
    }

    /// The figures of network `network`, from those of the distinct layers.
    #[must_use]
    pub fn total(&self, network: usize, layers: &[Figures]) -> Figures {
        self.networks[network]
            .layers
            .iter()
            .fold(Figures::default(), |sum, &l| sum.plus(&layers[l], 1))
    }

    /// Geometric mean of the objective over networks, from each network's figures (NAAS's reward over a set).
    #[must_use]
    pub fn score(&self, objective: Objective, totals: &[Figures]) -> f64 {
        let values: Vec<f64> = totals.iter().map(|t| objective.of(t)).collect();
        geometric_mean(&values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::layer::{Matmul, Shape};

    fn layer(name: &str, n: u32) -> Layer {
        Layer {
            name: name.into(),
            shape: Shape::Matmul(Matmul {
                batch: 1,
                M: 4,
                N: n,
                K: 3,
                weights: true,
            }),
        }
    }

    #[test]
    fn equal_layers_are_found_across_networks() {
        let mut w = Suite::default();
        w.add("a", &[layer("x", 8), layer("y", 9), layer("z", 8)]).unwrap();
        w.add("b", &[layer("p", 9), layer("q", 7)]).unwrap();
        assert_eq!(
            w.distinct.iter().map(|d| d.0.as_str()).collect::<Vec<_>>(),
            ["x", "y", "q"]
        );
        assert_eq!(w.networks[0].layers, [0, 1, 0]);
        assert_eq!(w.networks[1].layers, [1, 2]);
        let f = |cycles| Figures { cycles, energy_pj: 2.0 };
        let layers = [f(1), f(10), f(100)];
        let totals = [w.total(0, &layers), w.total(1, &layers)];
        assert_eq!(
            totals,
            [
                Figures {
                    cycles: 12,
                    energy_pj: 6.0
                },
                Figures {
                    cycles: 110,
                    energy_pj: 4.0
                }
            ]
        );
        assert!((w.score(Objective::Latency, &totals) - (12.0f64 * 110.0).sqrt()).abs() < 1e-9);
        assert!((w.score(Objective::Edp, &totals) - (72.0f64 * 440.0).sqrt()).abs() < 1e-9);
        assert!(w.add("c", &[]).is_err());
    }
}
