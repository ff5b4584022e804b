//! What `naas search` is told.

use crate::cli::args::{BudgetArgs, Common, Mapper, Objective, positive};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How accelerators are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Covariance matrix adaptation evolution strategy, as in NAAS
    CmaEs,
    /// Gaussian processes over features of designs, with a classifier of validity, as Shi et al. do
    Bayesian,
    /// Independent random samples, NAAS's comparison
    Random,
}

/// How orders and axis dimensions become genes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    /// One importance per dimension; sorting them gives the order
    Importance,
    /// One number for all: which of the permutations it is, NAAS's comparison
    Index,
}

/// What of the accelerator and mapping is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Space {
    /// Sizes, buffers, parallel dimensions and mappings
    Full,
    /// Sizes, buffers and mappings; parallel dimensions stay those of --accelerator, or of the preset's chip
    Sizing,
    /// Mappings only, on --accelerator or on the preset's chip; an evaluation is a round over all layers
    Mapping,
}

/// Arguments of `naas search`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(
    after_help = "Examples:\n  naas search resnet8 --resources nvdla-256 --out design.json\n  \
                        naas search resnet8 net.onnx --objective latency --evaluations 200 --seed 7 --out design.json\n  \
                        naas search resnet50 --resources eyeriss --objective latency --max-energy 2e10 --out design.json\n  \
                        naas search resnet50 --resources eyeriss --front --out design.json    # cycles, energy, area\n  \
                        naas search mobilenet_v2 --resources eyeriss --shared-axes --out design.json\n  \
                        naas search resnet8 --method random --space sizing --resources edgetpu --out design.json\n  \
                        naas search resnet8 --evaluations 4000 --resume design.checkpoint.json --out design.json"
)]
pub struct SearchArgs {
    /// Networks to search for (a name, or a file: .onnx, float or int8, .tflite, .json); several count by their geometric mean
    pub network: Vec<String>,
    /// Limits of the accelerator: a name or a file
    #[arg(long, value_name = "R")]
    pub resources: Option<String>,
    /// What to minimise
    #[arg(long, value_enum, default_value_t = Objective::Edp)]
    pub objective: Objective,
    /// Most cycles that a network may take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_cycles: Option<u64>,
    /// Most energy that a network may take, in picojoules
    #[arg(long, value_name = "PJ", value_parser = positive)]
    pub max_energy: Option<f64>,
    /// Most area that the accelerator may take, in square micrometres
    #[arg(long, value_name = "UM2", value_parser = positive)]
    pub max_area: Option<f64>,
    /// Look for a front of cycles, energy and area; each point gets a design of its own in a folder beside the design
    #[arg(long)]
    pub front: bool,
    /// How to search accelerators
    #[arg(long, value_enum, default_value_t = Method::CmaEs)]
    pub method: Method,
    /// How orders and axis dimensions become genes
    #[arg(long, value_enum, default_value_t = Encoding::Importance)]
    pub encoding: Encoding,
    /// What to search
    #[arg(long, value_enum, default_value_t = Space::Full)]
    pub space: Space,
    /// Let an axis run several dimensions (of C, R and S, or Y and X), split anew for each layer, beside axes of one
    #[arg(long)]
    pub shared_axes: bool,
    /// Let the method find accelerators alone: no known designs to start from, no steps from the best ones in between
    #[arg(long)]
    pub unguided: bool,
    /// The accelerator whose connectivity (--space sizing), or all of which (--space mapping), stays: its file, or a design
    #[arg(long, value_name = "FILE")]
    pub accelerator: Option<PathBuf>,
    /// How to find mappings
    #[arg(long, value_enum, default_value_t = Mapper::CmaEs)]
    pub mapper: Mapper,
    /// How long to search.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Go on from this checkpoint, and keep it up to date; without it, the checkpoint is OUT with `.checkpoint` before `.json`
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Prices of energy and area: a name or a file
    #[arg(long, value_name = "T")]
    pub technology: Option<String>,
    /// Where to write the design
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}
