//! The experiments behind the claims of NAAS (arXiv 2105.13258) and of learned co-design (arXiv 2010.02075): what is searched
//! for which networks, within which resources, against which human baselines, with which budget.
//!
//! An [`Experiment`] is a small value; [`run`](run::run) turns it into an [`Outcome`], which is all that a report needs, so
//! that outcomes can be kept in files and experiments run one by one.

mod plan;
pub mod run;

use crate::base::dims::Dim;
use crate::search::problem::Figures;
pub use plan::{Profile, experiments, over_chips};
use serde::{Deserialize, Serialize};

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A full search against the human baseline.
    Baseline,
    /// The same in the setting of an earlier study of these claims, whose figures are to be reached; and once more with axes
    /// that may run several dimensions.
    Study,
    /// A full search for cycles alone: how near the roofline it comes.
    Speed,
    /// A full search, and one of sizes only, against the human baseline.
    Sizing,
    /// Importance against index encoding, outside and inside, without heuristic mappings.
    Encoding,
    /// Methods against each other, generation by generation.
    Method,
    /// Methods against each other and against the human baseline, at few evaluations, all with one mapper.
    Learned,
    /// How long a search takes, and what a longer one would find.
    Time,
    /// Cycles, energy and area.
    Front,
}

/// How much is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Accelerators per search.
    pub evaluations: u64,
    /// Mappings per different layer and candidate.
    pub mappings: usize,
    /// Mappings per different layer of a finalist, and of a baseline whose mapping is searched.
    pub refine: usize,
    /// Searches, with seeds from 1.
    pub seeds: u64,
    /// Steps of the exact mapper per different layer of the best design; 0 where nothing is proven.
    pub proof: u64,
}

/// One experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// What files are called.
    pub name: String,
    /// The claims it bears on.
    pub claims: Vec<String>,
    /// What is compared.
    pub question: Question,
    /// Networks of one search; several count by their geometric mean.
    pub networks: Vec<String>,
    /// The resource preset: a chip, in one of its forms.
    pub resources: String,
    /// Prices, where the experiment does not leave them open.
    pub technology: Option<String>,
    /// Human baselines: names of [`crate::search::dataflow::DATAFLOWS`].
    pub baselines: Vec<String>,
    /// How much is spent.
    pub budget: Budget,
}

/// One search of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What tells it from the others: a method, an encoding, a space.
    pub label: String,
    /// Its seed.
    pub seed: u64,
    /// Geometric mean of the energy-delay product over the networks.
    pub edp: f64,
    /// Every network, in the experiment's order.
    pub figures: Vec<Figures>,
    /// Parallel dimensions of the axes.
    pub axes: Vec<Vec<Dim>>,
    /// Sizes of the axes.
    pub sizes: Vec<u32>,
    /// Area in square micrometres.
    pub area_um2: f64,
    /// Evaluations, best and mean of every generation.
    pub history: Vec<(u64, f64, f64)>,
    /// Of every different layer, how far its energy-delay product is from what is proven on this accelerator.
    pub gaps: Vec<Gap>,
    /// The design, as its file.
    pub design: String,
}

/// How far a layer's mapping is from what is proven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The layer, with its network.
    pub layer: String,
    /// Energy-delay product over a bound from counts, less one.
    pub over_bound: f64,
    /// The same over the bound of the exact mapper, where that was asked.
    pub over_proof: Option<f64>,
    /// Whether some mapping attains the exact mapper's bound: it is the optimum then.
    pub optimum: bool,
}

/// A human baseline's cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Human {
    /// Its name.
    pub name: String,
    /// Figures of every network under the mapping that its dataflow dictates.
    pub fixed: Vec<Figures>,
    /// The same under the mapping that our mapper finds.
    pub searched: Vec<Figures>,
    /// Geometric mean of the energy-delay product over the networks, with the dataflow's loop orders and tiles that grow greedily
    /// along the dimensions in each possible order: what `fixed` would cost had its order been another one. Empty where that
    /// is not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub greedy: Vec<f64>,
}

/// What an experiment found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The experiment.
    pub experiment: Experiment,
    /// Version of the program that ran it.
    pub version: String,
    /// Prices.
    pub technology: String,
    /// Searches, by label, then by seed.
    pub searches: Vec<Search>,
    /// Baselines.
    pub humans: Vec<Human>,
    /// What no accelerator within the resources and no mapping undercuts, for every network.
    pub floors: Vec<Figures>,
    /// Cycles, energy and area of designs that no other undercuts.
    pub front: Vec<[f64; 3]>,
}
