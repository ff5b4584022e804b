//! What `naas nas` is told.

use crate::cli::args::{BudgetArgs, Common, Objective, percent};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A family of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpaceName {
    /// ResNet-D with elastic resolution, depth, width and expansion
    OfaResnet50,
    /// MobileNetV3 with elastic resolution, depth, expansion and kernel
    OfaMobilenetv3,
    /// The same, 1.2 times as wide
    #[value(name = "ofa-mobilenetv3-w1.2")]
    OfaMobilenetv3Wide,
    /// Small plain networks for MNIST's digits; tools/mnist_supernet.py trains and measures them
    NaasMnist,
}

/// Arguments of `naas nas`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(
    after_help = "Examples:\n  naas nas --space ofa-resnet50 --accuracy ofa_resnet50_acc_predictor.pth --floor 78 --resources eyeriss \\\n    \
                        --front --against workloads/designs/eyeriss-searched.json --network resnet50 --out design.json\n  naas nas --space ofa-mobilenetv3 --accuracy measured.csv --floor 75 --accelerator ck16.json \\\n    \
                        --out design.json\n  naas nas --space ofa-resnet50 --accuracy ofa_resnet50_acc_predictor.pth --floor 76 \\\n    \
                        --accelerator workloads/designs/eyeriss-fixed.json --population 100 --generations 500 --out design.json\n  \
                        naas nas ... --resume design.checkpoint.json --out design.json\n  \
                        naas nas --space ofa-resnet50 --accuracy ofa_resnet50_acc_predictor.pth --floor 76 --resources eyeriss \\\n    \
                        --evaluations 32 --ablation 3 --start ofa-resnet50@176:d11221-e111011111111111110-w222222 --out ablation.json"
)]
pub struct NasArgs {
    /// The networks to choose from
    #[arg(long, value_enum)]
    pub space: SpaceName,
    /// Where accuracies come from: a .pth predictor, a .csv table, or `command:PROGRAM`
    #[arg(long, value_name = "FILE")]
    pub accuracy: String,
    /// Least accuracy, in (calibrated) percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub floor: f64,
    /// Limits of the accelerator: a name or a file
    #[arg(long, value_name = "R", conflicts_with = "accelerator")]
    pub resources: Option<String>,
    /// Let an axis run several dimensions (of C, R and S, or Y and X), split anew for each layer, beside axes of one
    #[arg(long, conflicts_with = "accelerator")]
    pub shared_axes: bool,
    /// Let the method find accelerators alone: no known designs to start from, no steps from the best ones in between
    #[arg(long, conflicts_with = "accelerator")]
    pub unguided: bool,
    /// Search networks for this accelerator only: its file, or a design that holds one
    #[arg(long, value_name = "FILE")]
    pub accelerator: Option<PathBuf>,
    /// What to minimise
    #[arg(long, value_enum, default_value_t = Objective::Edp)]
    pub objective: Objective,
    /// How long to search.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Look for a front of accuracy against the objective, above the floor; each point gets a design of its own
    #[arg(long)]
    pub front: bool,
    /// A design to set the results beside, such as workloads/designs/eyeriss-fixed.json; may be repeated
    #[arg(long, value_name = "DESIGN", conflicts_with = "ablation")]
    pub against: Vec<PathBuf>,
    /// With --against: which of the designs' networks; their first one otherwise
    #[arg(long, value_name = "NAME", requires = "against")]
    pub network: Option<String>,
    /// Networks of a generation on the accelerator that won (on the others it is 12); 100 is Once-for-All's finder
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u16).range(2..))]
    pub population: u16,
    /// Generations there (on the others it is 4); 500 is Once-for-All's finder
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub generations: u16,
    /// Go on from this checkpoint, and keep it up to date; without it, the checkpoint is OUT with `.checkpoint` before `.json`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["accelerator", "ablation"])]
    pub resume: Option<PathBuf>,
    /// Instead, compare searching the network, the accelerator, one after the other, and both, at equal budgets, with this
    /// many seeds; OUT becomes a table as JSON with a plot beside it
    #[arg(long, value_name = "SEEDS", requires = "start", conflicts_with_all = ["front", "seconds"],
          value_parser = clap::value_parser!(u64).range(1..=100))]
    pub ablation: Option<u64>,
    /// With --ablation: the network that stays where only accelerators are searched, as results print it; the chip that stays
    /// where only networks are is the one that the resources are named after
    #[arg(long, value_name = "NETWORK", requires = "ablation", conflicts_with = "accelerator")]
    pub start: Option<String>,
    /// Where to write the design
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}
