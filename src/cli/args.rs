//! What was typed: options and their help, checked one by one. `plan` turns them into what will be done.

mod nas;
mod reproduce;
mod search;

pub use nas::{NasArgs, SpaceName};
pub use reproduce::ReproduceArgs;
pub use search::{Encoding, Method, SearchArgs, Space};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Searches a neural-network accelerator with its mappings, emits it as Verilog, proves bits and cycles.
#[derive(Debug, Parser)]
#[command(
    name = "naas",
    version,
    max_term_width = 110,
    after_help = "Exit status: 0 success; 1 a check failed; 2 bad usage or input; 3 an outside tool is missing or failed; \
                  130 interrupted.\nErrors carry a code: `naas explain E0101` says what is behind it."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Search an accelerator with its mappings for one or several networks
    Search(SearchArgs),
    /// Map networks onto a given accelerator
    Map(MapArgs),
    /// Tell what a design costs: exact cycles, counts, energy, area
    Cost(CostArgs),
    /// Emit a design as a self-contained folder of Verilog, control table, data and bench
    Gen(GenArgs),
    /// Simulate an RTL folder and compare bits, cycles and counters with the prediction
    Sim(SimArgs),
    /// Run inferences on the golden model or on the simulated accelerator
    Run(RunArgs),
    /// Search a network of a Once-for-All space together with its accelerator and mappings
    Nas(NasArgs),
    /// Run the experiments behind published claims; write their table and plots
    Reproduce(ReproduceArgs),
    /// Compare random accelerators, layers and mappings in RTL with golden model and cost model
    Verify(VerifyArgs),
    /// Print what there is to choose from
    List(ListArgs),
    /// Explain an error code
    Explain(ExplainArgs),
}

/// Options of every command.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// Seed of all randomness: the same seed gives the same result
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Threads to use, all cores by default; the result does not depend on it
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Print no progress and no messages except errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `naas list`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Examples:\n  naas list networks\n  naas list resources --json")]
pub struct ListArgs {
    /// What to list
    pub topic: Topic,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// What `naas list` can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Topic {
    /// Networks that the program carries
    Networks,
    /// Limits within which an accelerator is searched
    Resources,
    /// Prices of energy and area
    Technologies,
    /// Values of the options that steer a search
    Methods,
    /// Kinds of layers that the hardware runs
    Layers,
}

/// Arguments of `naas explain`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Examples:\n  naas explain E0101\n  naas explain E0204 --json")]
pub struct ExplainArgs {
    /// The code in an error's first line, such as E0101
    pub code: String,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// What a search minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Objective {
    /// Energy x delay
    Edp,
    /// Cycles
    Latency,
    /// Energy
    Energy,
}

/// How the mapping of one layer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mapper {
    /// Covariance matrix adaptation evolution strategy, as in NAAS
    CmaEs,
    /// Independent random samples after the heuristics
    Random,
    /// Gaussian processes over features of mappings, as Shi et al. do
    Bayesian,
    /// CMA-ES, then branch and bound: the proven optimum, or the proven gap at a fixed number of steps
    Exact,
}

/// What runs an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The golden model in integers
    Golden,
    /// The generated Verilog under Verilator
    Rtl,
}

/// Whose results a network gives, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SemanticsName {
    /// TFLite's reference kernels (default for .tflite)
    Reference,
    /// TFLite Micro's portable kernels
    Micro,
    /// TFLite's default, XNNPACK
    Xnnpack,
    /// ONNX Runtime on x86 (default for .onnx)
    #[value(name = "fp32_exact", alias = "ort_x86")]
    Fp32Exact,
    /// ONNX Runtime on ARM: residual additions in integers
    #[value(name = "ort_arm")]
    OrtArm,
}

/// What simulates an RTL folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Simulator {
    /// Verilator
    Verilator,
    /// Icarus Verilog: slow, a second opinion
    Icarus,
}

/// How long to search.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct BudgetArgs {
    /// Accelerator candidates to evaluate, each with every layer mapped
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub evaluations: Option<u64>,
    /// Stop after this time; alone, it lifts the default limit on evaluations (the result then depends on the machine)
    #[arg(long, value_name = "S", value_parser = positive)]
    pub seconds: Option<f64>,
}

/// Arguments of `naas map`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(
    after_help = "Examples:\n  naas map resnet8 --accelerator ck16.json --out design.json\n  \
                        naas map net.onnx --accelerator design.json --layer conv1 --out layer.json\n  \
                        naas map mobilenet_v2 --accelerator workloads/designs/eyeriss-fixed.json --out design.json"
)]
pub struct MapArgs {
    /// Networks to map (a name, or a file: .onnx, float or int8, .tflite, .json)
    pub network: Vec<String>,
    /// The accelerator: its file, or a design that holds one
    #[arg(long, value_name = "FILE")]
    pub accelerator: PathBuf,
    /// How to find mappings
    #[arg(long, value_enum, default_value_t = Mapper::CmaEs)]
    pub mapper: Mapper,
    /// What to minimise
    #[arg(long, value_enum, default_value_t = Objective::Edp)]
    pub objective: Objective,
    /// Map this layer only
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
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

/// Arguments of `naas cost`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Examples:\n  naas cost --design design.json\n  \
                        naas cost --design design.json --technology eyeriss-65nm --json\n  \
                        naas cost --design ours.json --design theirs.json --network resnet50    # side by side\n  \
                        naas cost --design design.json --timeline conv1.svg --layer conv1\n  \
                        naas cost --design design.json --timeline conv1.svg --layer conv1 --from 5000 --cycles 800")]
pub struct CostArgs {
    /// The design: accelerator, network and mappings; several are compared, the first is what ratios refer to
    #[arg(long, value_name = "FILE", required = true)]
    pub design: Vec<PathBuf>,
    /// Report this network of the design only
    #[arg(long, value_name = "NETWORK")]
    pub network: Option<String>,
    /// Prices of energy and area: a name or a file
    #[arg(long, value_name = "T")]
    pub technology: Option<String>,
    /// Draw what each engine does in one layer, cycle by cycle, as an SVG file
    #[arg(long, value_name = "FILE.svg", requires = "layer")]
    pub timeline: Option<PathBuf>,
    /// The layer to draw
    #[arg(long, value_name = "NAME", requires = "timeline")]
    pub layer: Option<String>,
    /// First cycle to draw; without it, the whole layer or, of a long one, its first and last passes
    #[arg(long, value_name = "CYCLE", requires = "timeline", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// Cycles to draw
    #[arg(long, value_name = "N", requires = "timeline", value_parser = clap::value_parser!(u64).range(1..))]
    pub cycles: Option<u64>,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `naas gen`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Examples:\n  naas gen --design design.json --out rtl\n  \
                        naas gen resnet50 --design six.json --out rtl    # one network of a design that holds several\n  \
                        naas gen resnet8 --resources nvdla-256 --out rtl")]
pub struct GenArgs {
    /// Search a design for this network first (a name, or a file: .onnx, .tflite, .json); with a design, emit this network of it
    pub network: Option<String>,
    /// Emit this design instead of searching one
    #[arg(long, value_name = "FILE", conflicts_with = "resources")]
    pub design: Option<PathBuf>,
    /// Limits of the accelerator that is searched: a name or a file
    #[arg(long, value_name = "R")]
    pub resources: Option<String>,
    /// Whose arithmetic the network's data follows; the default depends on the file's kind
    #[arg(long, value_enum, value_name = "S")]
    pub semantics: Option<SemanticsName>,
    /// Emit hardware that runs every network within its memories, not just what this one needs; a design of several networks
    /// always gets it
    #[arg(long)]
    pub any_network: bool,
    /// The RTL folder; an older one of ours is replaced when the new one is complete
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `naas sim`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Examples:\n  naas sim rtl\n  naas sim rtl --layer conv1 --json\n  \
                        naas sim rtl --stall 30        # bits must hold, cycles must not shrink")]
pub struct SimArgs {
    /// A folder that `naas gen` wrote
    pub dir: PathBuf,
    /// Simulate this layer only
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
    /// Percent of cycles in which the memory stalls at random
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=95))]
    pub stall: u8,
    /// Latency of the bench's memory; the prediction stays, so another latency than the design's fails
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory_latency: Option<u32>,
    /// What to simulate with
    #[arg(long, value_enum, default_value_t = Simulator::Verilator)]
    pub simulator: Simulator,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `naas run`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(
    after_help = "Examples:\n  naas run net.onnx --input x.npy --output y.npy --engine golden\n  \
                        naas run net.onnx --input x.npy --output y.npy --engine rtl --design design.json\n  \
                        naas run net.tflite --input x.npy --output y.npy --labels l.npy --semantics micro --limit 200"
)]
pub struct RunArgs {
    /// The network, with its weights: an int8 .tflite file or an int8 QDQ .onnx file
    pub network: String,
    /// Inputs; the first axis may be any multiple of the network's batch
    #[arg(long, value_name = "X.npy")]
    pub input: PathBuf,
    /// Where to write the outputs
    #[arg(long, value_name = "Y.npy")]
    pub output: PathBuf,
    /// What computes them
    #[arg(long, value_enum, default_value_t = Engine::Golden)]
    pub engine: Engine,
    /// The design that the rtl engine runs; searched if not given
    #[arg(long, value_name = "FILE")]
    pub design: Option<PathBuf>,
    /// Run on the hardware of this folder, made for any network on the same accelerator, instead of emitting it
    #[arg(long, value_name = "DIR", requires = "design")]
    pub rtl: Option<PathBuf>,
    /// Run the first N inputs only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// The right class of each input: prints how many outputs are greatest there
    #[arg(long, value_name = "L.npy")]
    pub labels: Option<PathBuf>,
    /// Whose results the network gives, bit by bit; the default depends on the file's kind
    #[arg(long, value_enum, value_name = "S")]
    pub semantics: Option<SemanticsName>,
    /// Print a row per layer: outputs compared between the simulated accelerator and the golden model
    #[arg(long)]
    pub check_layers: bool,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// A percentage.
fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(p) if (0.0..=100.0).contains(&p) => Ok(p),
        _ => Err("not a percentage between 0 and 100".into()),
    }
}

/// Arguments of `naas verify`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(
    group(clap::ArgGroup::new("what").required(true).args(["random", "replay"])),
    after_help = "Examples:\n  naas verify --random 1000 --seed 7\n  naas verify --random 120 --axes 3 --json\n  \
                        naas verify --replay naas-failure.json --simulator icarus"
)]
pub struct VerifyArgs {
    /// Run N random layers, each with its accelerator and mapping; ten at a time share an accelerator
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub random: Option<u64>,
    /// Arrays of so many axes only; one to three are mixed otherwise
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3), conflicts_with = "replay")]
    pub axes: Option<u8>,
    /// Run the case of a failure's file again
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Where to write the smallest case that fails
    #[arg(
        long,
        value_name = "FILE",
        default_value = "naas-failure.json",
        conflicts_with = "replay"
    )]
    pub out: PathBuf,
    /// What to replay with; random cases use Verilator, and Icarus for one layer in twenty
    #[arg(long, value_enum, default_value_t = Simulator::Verilator, requires = "replay")]
    pub simulator: Simulator,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// A number above zero.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        _ => Err("expected a number above zero".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches};

    /// Parses the options of one command, registered or not.
    fn parse<T: Args + FromArgMatches>(line: &str) -> Result<T, clap::Error> {
        let command = T::augment_args(clap::Command::new("test"));
        let matches = command.try_get_matches_from(std::iter::once("test").chain(line.split_whitespace()))?;
        T::from_arg_matches(&matches)
    }

    /// Lets clap look for contradictions in the definitions.
    fn check<T: Args>() {
        T::augment_args(clap::Command::new("test")).debug_assert();
    }

    #[test]
    fn clap_accepts_the_definitions() {
        Cli::command().debug_assert();
        check::<SearchArgs>();
        check::<MapArgs>();
        check::<CostArgs>();
        check::<GenArgs>();
        check::<SimArgs>();
        check::<ReproduceArgs>();
        check::<RunArgs>();
        check::<VerifyArgs>();
    }

    #[test]
    fn verify_draws_or_replays() {
        let args: VerifyArgs = parse("--random 60 --axes 2 --seed 4").unwrap();
        assert_eq!((args.random, args.axes, args.common.seed), (Some(60), Some(2), 4));
        assert!(parse::<VerifyArgs>("--replay f.json --simulator icarus").is_ok());
        for bad in [
            "",
            "--random 0",
            "--random 5 --replay f.json",
            "--random 5 --axes 4",
            "--replay f.json --axes 2",
        ] {
            assert!(parse::<VerifyArgs>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn search() {
        let args: SearchArgs = parse("a.onnx resnet8 --resources r.json --seconds 2.5 --seed 9 --out d.json").unwrap();
        assert_eq!(args.network, ["a.onnx", "resnet8"]);
        assert_eq!(
            (args.resources.as_deref(), args.budget.seconds, args.common.seed),
            (Some("r.json"), Some(2.5), 9)
        );
        assert_eq!(
            (args.objective, args.method, args.budget.evaluations),
            (Objective::Edp, Method::CmaEs, None)
        );
        // The contract's spelling of every value that exists.
        parse::<SearchArgs>(
            "--objective latency --method cma-es --encoding importance --space full --mapper cma-es --out d",
        )
        .unwrap();
        for more in [
            "--method random --encoding index --space sizing --accelerator a.json",
            "--space mapping --max-cycles 5 --max-energy 1e9",
            "--front --max-area 2e6 --resume d.checkpoint.json",
        ] {
            assert!(parse::<SearchArgs>(&format!("--out d {more}")).is_ok(), "{more}");
        }
        assert!(parse::<SearchArgs>("resnet8").is_err(), "--out is needed");
        for bad in [
            "--seconds 0",
            "--seconds nan",
            "--evaluations 0",
            "--threads 0",
            "--objective speed",
        ] {
            assert!(parse::<SearchArgs>(&format!("--out d {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn map_and_cost() {
        let args: MapArgs = parse("resnet8 --accelerator a.json --layer c1 --out d.json --quiet").unwrap();
        assert_eq!((args.layer.as_deref(), args.common.quiet), (Some("c1"), true));
        let args: CostArgs = parse("--design d.json --network resnet8 --technology 45nm --json").unwrap();
        assert_eq!((args.network.as_deref(), args.common.json), (Some("resnet8"), true));
        assert!(parse::<CostArgs>("").is_err());
        let args: CostArgs = parse("--design a.json --design b.json").unwrap();
        assert_eq!(args.design.len(), 2);
        assert!(parse::<CostArgs>("--design d.json --timeline t.svg --layer c1 --from 5 --cycles 9").is_ok());
        for bad in [
            "--timeline t.svg",
            "--layer c1",
            "--from 5",
            "--timeline t.svg --layer c1 --cycles 0",
        ] {
            assert!(parse::<CostArgs>(&format!("--design d.json {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn gen_takes_a_design_or_searches_one() {
        assert_eq!(parse::<GenArgs>("--out rtl").unwrap().network, None);
        assert!(parse::<GenArgs>("resnet8 --resources edgetpu --out rtl").is_ok());
        assert!(parse::<GenArgs>("--design d.json --out rtl").is_ok());
        assert!(parse::<GenArgs>("resnet8 --design d.json --out rtl").is_ok());
        assert!(parse::<GenArgs>("--resources edgetpu --design d.json --out rtl").is_err());
    }

    #[test]
    fn sim_and_run() {
        let args: SimArgs = parse("rtl --stall 30 --memory-latency 65 --threads 2").unwrap();
        assert_eq!((args.stall, args.memory_latency), (30, Some(65)));
        assert!(parse::<SimArgs>("rtl --stall 100").is_err());
        let args: RunArgs = parse("n.onnx --input x.npy --output y.npy --engine rtl --limit 3").unwrap();
        assert_eq!((args.engine, args.limit), (Engine::Rtl, Some(3)));
        assert_eq!(
            parse::<RunArgs>("n.onnx --input x.npy --output y.npy").unwrap().engine,
            Engine::Golden
        );
    }
}
