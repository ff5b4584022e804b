//! What will be done: defaults filled in, files and outputs probed before any work starts.
//!
//! Networks, resources and technologies stay as they were typed: the layer that owns the names opens them.

mod nas;
mod search;

pub use nas::{NasHardware, NasPlan, Run};
pub use search::{SearchPlan, Spared};

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::{BudgetArgs, CostArgs, Engine, GenArgs, MapArgs, RunArgs, SimArgs, VerifyArgs};
use crate::cli::args::{Mapper, Objective, SemanticsName, Simulator};
use crate::cost::timeline::Window;
use crate::search::problem;
use crate::sim::verilator;
use crate::workload::graph::Semantics;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The network of commands that are not given one.
pub const DEFAULT_NETWORK: &str = "resnet8";

/// The resources of commands that are not given any.
pub const DEFAULT_RESOURCES: &str = "nvdla-256";

/// The prices of commands that are not given any.
pub const DEFAULT_TECHNOLOGY: &str = "45nm";

/// Accelerator candidates that a search evaluates unless told otherwise.
pub const DEFAULT_EVALUATIONS: u64 = 1000;

/// The file that shows that a folder is an RTL folder of ours.
pub const RTL_MARKER: &str = "naas.f";

/// The value that a name stands for, or that a `.json` file holds.
///
/// # Errors
/// Those of `named` for a name, those of [`files::read_json`] for a file.
pub fn named_or_file<T: DeserializeOwned>(text: &str, named: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    let path = Path::new(text);
    if path.extension().is_some_and(|e| e == "json") {
        files::read_json(path)
    } else {
        named(text)
    }
}

impl From<Simulator> for verilator::Simulator {
    fn from(typed: Simulator) -> Self {
        match typed {
            Simulator::Verilator => Self::Verilator,
            Simulator::Icarus => Self::Icarus,
        }
    }
}

impl From<Objective> for problem::Objective {
    fn from(typed: Objective) -> Self {
        match typed {
            Objective::Edp => Self::Edp,
            Objective::Latency => Self::Latency,
            Objective::Energy => Self::Energy,
        }
    }
}

impl From<SemanticsName> for Semantics {
    fn from(typed: SemanticsName) -> Self {
        match typed {
            SemanticsName::Reference => Self::Reference,
            SemanticsName::Micro => Self::Micro,
            SemanticsName::Xnnpack => Self::Xnnpack,
            SemanticsName::Fp32Exact => Self::Fp32Exact,
            SemanticsName::OrtArm => Self::OrtArm,
        }
    }
}

/// What was typed, or the default network where nothing was.
fn network(typed: Option<&String>) -> String {
    typed.map_or(DEFAULT_NETWORK, String::as_str).to_string()
}

/// As [`network`], for commands that take several.
fn networks(typed: &[String]) -> Vec<String> {
    if typed.is_empty() {
        vec![network(None)]
    } else {
        typed.to_vec()
    }
}

/// What was typed, or the default resources where nothing was.
fn resources(typed: Option<&String>) -> String {
    typed.map_or(DEFAULT_RESOURCES, String::as_str).to_string()
}

/// What was typed, or the default prices where nothing was.
fn technology(typed: Option<&String>) -> String {
    typed.map_or(DEFAULT_TECHNOLOGY, String::as_str).to_string()
}

/// A path that can be read from, refused now rather than after other work.
fn existing(path: &Path) -> Result<PathBuf> {
    files::check_readable(path)?;
    Ok(path.to_path_buf())
}

/// When a search stops; at least one limit is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Most evaluations.
    pub evaluations: Option<u64>,
    /// Longest time.
    pub seconds: Option<f64>,
}

impl Budget {
    /// Defaults are evaluations, so that they repeat; seconds alone lift them.
    #[must_use]
    pub fn resolve(args: &BudgetArgs, evaluations: u64) -> Self {
        let default = args.seconds.is_none().then_some(evaluations);
        Self {
            evaluations: args.evaluations.or(default),
            seconds: args.seconds,
        }
    }
}

/// What `naas map` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapPlan {
    /// At least one network, as typed.
    pub networks: Vec<String>,
    /// File of the accelerator, or of a design.
    pub accelerator: PathBuf,
    /// How mappings are found.
    pub mapper: Mapper,
    /// What to minimise.
    pub objective: Objective,
    /// Prices: a name or a file.
    pub technology: String,
    /// One layer only.
    pub layer: Option<String>,
    /// Where the design goes.
    pub out: PathBuf,
}

impl MapPlan {
    /// Fills in defaults, and checks that files can be read and the output written.
    ///
    /// # Errors
    /// [`Code::Unreadable`] or [`Code::Unwritable`], naming the path.
    pub fn resolve(args: &MapArgs) -> Result<Self> {
        files::check_writable(&args.out)?;
        Ok(Self {
            networks: networks(&args.network),
            accelerator: existing(&args.accelerator)?,
            mapper: args.mapper,
            objective: args.objective,
            technology: technology(args.technology.as_ref()),
            layer: args.layer.clone(),
            out: args.out.clone(),
        })
    }
}

/// What `naas cost` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostPlan {
    /// Files of the designs, at least one.
    pub designs: Vec<PathBuf>,
    /// Name of one network of the design; all of them if absent.
    pub network: Option<String>,
    /// Prices: a name or a file.
    pub technology: String,
    /// A picture to draw.
    pub timeline: Option<TimelinePlan>,
}

/// A timeline to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelinePlan {
    /// Where it goes.
    pub out: PathBuf,
    /// Of this layer.
    pub layer: String,
    /// Which cycles.
    pub window: Window,
}

/// Cycles that a timeline shows from a given one on.
const WINDOW: u64 = 1000;

impl CostPlan {
    /// Fills in defaults, and checks that the designs can be read and the picture written.
    ///
    /// # Errors
    /// [`Code::Unreadable`] or [`Code::Unwritable`], naming the path; [`Code::Usage`] for a timeline of several designs.
    pub fn resolve(args: &CostArgs) -> Result<Self> {
        let timeline = match (&args.timeline, &args.layer) {
            (Some(out), Some(layer)) => {
                if args.design.len() > 1 {
                    return Err(Diagnostic::new(
                        Code::Usage,
                        "a timeline shows one design, several are given",
                    ));
                }
                files::check_writable(out)?;
                let window = match (args.from, args.cycles) {
                    (None, None) => Window::Ends,
                    (from, count) => Window::Cycles {
                        from: from.unwrap_or(1),
                        count: count.unwrap_or(WINDOW),
                    },
                };
                Some(TimelinePlan {
                    out: out.clone(),
                    layer: layer.clone(),
                    window,
                })
            }
            _ => None,
        };
        Ok(Self {
            designs: args.design.iter().map(|d| existing(d)).collect::<Result<_>>()?,
            network: args.network.clone(),
            technology: technology(args.technology.as_ref()),
            timeline,
        })
    }
}

/// Where the design of `naas gen` or `naas run` comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesignSource {
    /// A design file.
    File(PathBuf),
    /// Searched first, with the default budget.
    Search {
        /// For this network.
        network: String,
        /// Within these limits.
        resources: String,
    },
}

/// What `naas gen` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenPlan {
    /// What to emit.
    pub design: DesignSource,
    /// Which network of a design file; the first one if absent.
    pub network: Option<String>,
    /// Whose arithmetic its data follows, if not that of its kind.
    pub semantics: Option<Semantics>,
    /// Whether the hardware is to run every network within its memories.
    pub any_network: bool,
    /// The RTL folder.
    pub out: PathBuf,
}

impl GenPlan {
    /// Fills in defaults, and checks that files can be read and the output written.
    ///
    /// # Errors
    /// [`Code::Unreadable`] or [`Code::Unwritable`], naming the path.
    pub fn resolve(args: &GenArgs) -> Result<Self> {
        files::check_replaceable(&args.out, RTL_MARKER)?;
        let design = match &args.design {
            Some(file) => DesignSource::File(existing(file)?),
            None => DesignSource::Search {
                network: network(args.network.as_ref()),
                resources: resources(args.resources.as_ref()),
            },
        };
        Ok(Self {
            design,
            network: args.design.as_ref().and(args.network.clone()),
            semantics: args.semantics.map(Into::into),
            any_network: args.any_network,
            out: args.out.clone(),
        })
    }
}

/// What `naas sim` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimPlan {
    /// The RTL folder.
    pub dir: PathBuf,
    /// One layer only.
    pub layer: Option<String>,
    /// Percent of cycles in which the memory stalls.
    pub stall: u8,
    /// Latency of the bench's memory, if not the design's.
    pub memory_latency: Option<u32>,
    /// What simulates.
    pub simulator: Simulator,
}

impl SimPlan {
    /// Checks that the folder is an RTL folder.
    ///
    /// # Errors
    /// [`Code::Unreadable`] if it is not.
    pub fn resolve(args: &SimArgs) -> Result<Self> {
        existing(&args.dir.join(RTL_MARKER)).map_err(|e| {
            e.expected("a folder that `naas gen` wrote")
                .next(format!("naas gen --out {}", args.dir.display()))
        })?;
        Ok(Self {
            dir: args.dir.clone(),
            layer: args.layer.clone(),
            stall: args.stall,
            memory_latency: args.memory_latency,
            simulator: args.simulator,
        })
    }
}

/// What `naas verify` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyPlan {
    /// Run random cases.
    Random {
        /// Layers.
        layers: u64,
        /// Axes of the arrays, if not mixed.
        axes: Option<usize>,
        /// Where the smallest failing case goes.
        out: PathBuf,
    },
    /// Run a case again.
    Replay {
        /// Its file.
        file: PathBuf,
        /// What simulates.
        simulator: verilator::Simulator,
    },
}

impl VerifyPlan {
    /// Checks that the file can be read, or the output written.
    ///
    /// # Errors
    /// [`Code::Unreadable`] or [`Code::Unwritable`], naming the path.
    pub fn resolve(args: &VerifyArgs) -> Result<Self> {
        if let Some(file) = &args.replay {
            return Ok(Self::Replay {
                file: existing(file)?,
                simulator: args.simulator.into(),
            });
        }
        files::check_writable(&args.out)?;
        Ok(Self::Random {
            layers: args.random.unwrap_or(1),
            axes: args.axes.map(usize::from),
            out: args.out.clone(),
        })
    }
}

/// What `naas run` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// The network with its weights.
    pub network: String,
    /// Inputs.
    pub input: PathBuf,
    /// Where outputs go.
    pub output: PathBuf,
    /// The design to run on; none for the golden model.
    pub design: Option<DesignSource>,
    /// A folder that holds its hardware, if it is not to be emitted.
    pub rtl: Option<PathBuf>,
    /// Most inputs to run.
    pub limit: Option<u64>,
    /// Right classes.
    pub labels: Option<PathBuf>,
    /// Whose results are given, if not those of the network's kind.
    pub semantics: Option<Semantics>,
    /// Print a row per layer.
    pub check_layers: bool,
}

impl RunPlan {
    /// Fills in defaults, and checks that files can be read and the output written.
    ///
    /// # Errors
    /// [`Code::Unreadable`] or [`Code::Unwritable`], naming the path.
    pub fn resolve(args: &RunArgs) -> Result<Self> {
        files::check_writable(&args.output)?;
        let network = args.network.clone();
        let design = match (args.engine, &args.design) {
            // Scripts may switch engines and keep the rest: the golden model just needs no design.
            (Engine::Golden, _) => None,
            (Engine::Rtl, Some(file)) => Some(DesignSource::File(existing(file)?)),
            (Engine::Rtl, None) => Some(DesignSource::Search {
                network: network.clone(),
                resources: resources(None),
            }),
        };
        Ok(Self {
            network,
            input: existing(&args.input)?,
            output: args.output.clone(),
            design,
            rtl: args.rtl.clone(),
            limit: args.limit,
            labels: args.labels.as_deref().map(existing).transpose()?,
            semantics: args.semantics.map(Into::into),
            check_layers: args.check_layers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diag::Code;
    use crate::cli::args::SearchArgs;
    use clap::{Args, FromArgMatches};

    /// Parses options as the command line would.
    fn parse<T: Args + FromArgMatches>(words: &[&str]) -> T {
        let command = T::augment_args(clap::Command::new("test"));
        T::from_arg_matches(&command.get_matches_from([&["test"], words].concat())).unwrap()
    }

    #[test]
    fn names_and_files_are_told_apart() {
        let named = |text: &str| Ok(format!("named {text}"));
        assert_eq!(named_or_file("nvdla-256", named).unwrap(), "named nvdla-256");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("r.json");
        std::fs::write(&file, "\"from file\"").unwrap();
        assert_eq!(named_or_file(file.to_str().unwrap(), named).unwrap(), "from file");
        assert_eq!(named_or_file("missing.json", named).unwrap_err().code, Code::Unreadable);
    }

    #[test]
    fn seconds_alone_lift_the_evaluations() {
        let budget = |evaluations, seconds| {
            let Budget { evaluations, seconds } =
                Budget::resolve(&BudgetArgs { evaluations, seconds }, DEFAULT_EVALUATIONS);
            (evaluations, seconds)
        };
        assert_eq!(budget(None, None), (Some(DEFAULT_EVALUATIONS), None));
        assert_eq!(budget(None, Some(1.0)), (None, Some(1.0)));
        assert_eq!(budget(Some(5), Some(1.0)), (Some(5), Some(1.0)));
    }

    #[test]
    fn defaults_are_filled_in() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let searched = DesignSource::Search {
            network: DEFAULT_NETWORK.to_string(),
            resources: DEFAULT_RESOURCES.to_string(),
        };
        let args: GenArgs = parse(&["--out", out.to_str().unwrap()]);
        assert_eq!(
            GenPlan::resolve(&args).unwrap(),
            GenPlan {
                design: searched,
                network: None,
                semantics: None,
                any_network: false,
                out: out.clone()
            }
        );
        let args: SearchArgs = parse(&["--out", out.to_str().unwrap()]);
        let plan = SearchPlan::resolve(&args).unwrap();
        assert_eq!(plan.networks, [DEFAULT_NETWORK.to_string()]);
    }

    #[test]
    fn an_unwritable_output_is_refused_before_the_search() {
        let args: SearchArgs = parse(&["unknown", "--out", "no/such/folder/design.json"]);
        let e = SearchPlan::resolve(&args).unwrap_err();
        assert_eq!(
            (e.code, e.place.as_deref()),
            (Code::Unwritable, Some("no/such/folder/design.json"))
        );
    }

    #[test]
    fn the_golden_model_needs_no_design() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("x.npy");
        std::fs::write(&input, "").unwrap();
        let (x, y) = (input.to_str().unwrap(), dir.path().join("y.npy"));
        let common = ["resnet8", "--input", x, "--output", y.to_str().unwrap()];
        let plan = |engine: &str| {
            let args: RunArgs = parse(&[&common[..], &["--engine", engine]].concat());
            RunPlan::resolve(&args).unwrap()
        };
        assert_eq!(plan("golden").design, None);
        assert!(matches!(plan("rtl").design, Some(DesignSource::Search { .. })));
    }

    #[test]
    fn a_folder_that_is_no_rtl_folder_is_named() {
        let args: SimArgs = parse(&["no/rtl"]);
        let e = SimPlan::resolve(&args).unwrap_err();
        assert_eq!((e.code, e.place.as_deref()), (Code::Unreadable, Some("no/rtl/naas.f")));
    }

    #[test]
    fn cost_and_map_name_a_missing_file() {
        let args: CostArgs = parse(&["--design", "missing.json"]);
        assert_eq!(CostPlan::resolve(&args).unwrap_err().code, Code::Unreadable);
        let args: MapArgs = parse(&["--accelerator", "missing.json", "--out", "x.json"]);
        assert_eq!(
            MapPlan::resolve(&args).unwrap_err().place.as_deref(),
            Some("missing.json")
        );
    }
}
