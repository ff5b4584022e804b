//! What will be done: names and files told apart, defaults filled in, contradictions refused before any work starts.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::{BudgetArgs, CostArgs, Engine, GenArgs, MapArgs, RunArgs, SearchArgs, SimArgs};
use crate::cli::args::{Mapper, Objective};
use std::path::{Path, PathBuf};

/// The network of commands that are not given one.
pub const DEFAULT_NETWORK: &str = "resnet8";

/// The resources of commands that are not given any.
pub const DEFAULT_RESOURCES: &str = "nvdla-256";

/// The prices of commands that are not given any.
pub const DEFAULT_TECHNOLOGY: &str = "45nm";

/// Accelerator candidates that a search evaluates unless told otherwise.
pub const DEFAULT_EVALUATIONS: u64 = 200;

/// The file that shows that a folder is an RTL folder of ours.
pub const RTL_MARKER: &str = "naas.f";

/// The names that the program carries; the layers that own them provide them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// Networks.
    pub networks: &'a [&'a str],
    /// Resource presets.
    pub resources: &'a [&'a str],
    /// Technologies.
    pub technologies: &'a [&'a str],
}

/// Something that is known by name or read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Known to the program.
    Named(String),
    /// In a file.
    File(PathBuf),
}

/// What a name or file stands for, as messages call it.
struct Noun<'a> {
    one: &'static str,
    topic: &'static str,
    names: &'a [&'a str],
    extensions: &'static [&'static str],
}

impl Names<'_> {
    /// A network: one of the names, or an `.onnx`, `.tflite` or `.json` file.
    ///
    /// # Errors
    /// [`Code::UnknownName`] or [`Code::Unreadable`].
    pub fn network(&self, text: &str) -> Result<Source> {
        let extensions = &["onnx", "tflite", "json"];
        Noun {
            one: "network",
            topic: "networks",
            names: self.networks,
            extensions,
        }
        .source(text)
    }

    /// Resources: one of the names, or a `.json` file.
    ///
    /// # Errors
    /// [`Code::UnknownName`] or [`Code::Unreadable`].
    pub fn resources(&self, text: &str) -> Result<Source> {
        Noun {
            one: "resource preset",
            topic: "resources",
            names: self.resources,
            extensions: &["json"],
        }
        .source(text)
    }

    /// A technology: one of the names, or a `.json` file.
    ///
    /// # Errors
    /// [`Code::UnknownName`] or [`Code::Unreadable`].
    pub fn technology(&self, text: &str) -> Result<Source> {
        Noun {
            one: "technology",
            topic: "technologies",
            names: self.technologies,
            extensions: &["json"],
        }
        .source(text)
    }

    /// Several networks; the default one where none is given.
    fn network_list(&self, texts: &[String]) -> Result<Vec<Source>> {
        if texts.is_empty() {
            return Ok(vec![self.network(DEFAULT_NETWORK)?]);
        }
        texts.iter().map(|t| self.network(t)).collect()
    }
}

impl Noun<'_> {
    fn source(&self, text: &str) -> Result<Source> {
        if self.names.contains(&text) {
            return Ok(Source::Named(text.to_string()));
        }
        let path = Path::new(text);
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if self.extensions.contains(&extension) {
            return existing(path).map(Source::File);
        }
        let Self { one, topic, .. } = self;
        let endings: Vec<String> = self.extensions.iter().map(|e| format!(".{e}")).collect();
        let next = match closest(text, self.names) {
            Some(name) => format!("did you mean `{name}`? `naas list {topic}` prints all"),
            None => format!("`naas list {topic}` prints the names"),
        };
        Err(Diagnostic::new(Code::UnknownName, format!("unknown {one} `{text}`"))
            .expected(format!(
                "a name that naas knows, or a file ending in {}",
                endings.join(", ")
            ))
            .next(next))
    }
}

/// A path that can be read from, refused now rather than after other work.
fn existing(path: &Path) -> Result<PathBuf> {
    files::check_readable(path)?;
    Ok(path.to_path_buf())
}

/// The known name that a misspelt one was most likely meant to be.
fn closest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase();
    let best = names.iter().map(|name| (distance(&text, name), *name)).min()?;
    (best.0 <= 2.max(text.len() / 4)).then_some(best.1)
}

/// Insertions, deletions and replacements between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
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
    pub fn resolve(args: &BudgetArgs) -> Self {
        let default = args.seconds.is_none().then_some(DEFAULT_EVALUATIONS);
        Self {
            evaluations: args.evaluations.or(default),
            seconds: args.seconds,
        }
    }
}

/// What `naas search` will do. Options that have a single value so far need no place here.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchPlan {
    /// At least one network.
    pub networks: Vec<Source>,
    /// Limits.
    pub resources: Source,
    /// What to minimise.
    pub objective: Objective,
    /// When to stop.
    pub budget: Budget,
    /// Where the design goes.
    pub out: PathBuf,
}

impl SearchPlan {
    /// Resolves names, fills in defaults, and checks that the output can be written.
    ///
    /// # Errors
    /// An unknown name, an unreadable file, an output that cannot be written.
    pub fn resolve(args: &SearchArgs, names: Names<'_>) -> Result<Self> {
        files::check_writable(&args.out)?;
        Ok(Self {
            networks: names.network_list(&args.network)?,
            resources: names.resources(args.resources.as_deref().unwrap_or(DEFAULT_RESOURCES))?,
            objective: args.objective,
            budget: Budget::resolve(&args.budget),
            out: args.out.clone(),
        })
    }
}

/// What `naas map` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapPlan {
    /// At least one network.
    pub networks: Vec<Source>,
    /// File of the accelerator, or of a design.
    pub accelerator: PathBuf,
    /// How mappings are found.
    pub mapper: Mapper,
    /// What to minimise.
    pub objective: Objective,
    /// One layer only.
    pub layer: Option<String>,
    /// Where the design goes.
    pub out: PathBuf,
}

impl MapPlan {
    /// Resolves names, fills in defaults, and checks that the output can be written.
    ///
    /// # Errors
    /// An unknown name, an unreadable file, an output that cannot be written.
    pub fn resolve(args: &MapArgs, names: Names<'_>) -> Result<Self> {
        files::check_writable(&args.out)?;
        Ok(Self {
            networks: names.network_list(&args.network)?,
            accelerator: existing(&args.accelerator)?,
            mapper: args.mapper,
            objective: args.objective,
            layer: args.layer.clone(),
            out: args.out.clone(),
        })
    }
}

/// What `naas cost` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostPlan {
    /// File of the design.
    pub design: PathBuf,
    /// Name of one network of the design; all of them if absent.
    pub network: Option<String>,
    /// Prices.
    pub technology: Source,
}

impl CostPlan {
    /// Resolves names and fills in defaults.
    ///
    /// # Errors
    /// An unknown name or an unreadable file.
    pub fn resolve(args: &CostArgs, names: Names<'_>) -> Result<Self> {
        Ok(Self {
            design: existing(&args.design)?,
            network: args.network.clone(),
            technology: names.technology(args.technology.as_deref().unwrap_or(DEFAULT_TECHNOLOGY))?,
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
        network: Source,
        /// Within these limits.
        resources: Source,
    },
}

/// What `naas gen` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenPlan {
    /// What to emit.
    pub design: DesignSource,
    /// The RTL folder.
    pub out: PathBuf,
}

impl GenPlan {
    /// Resolves names, fills in defaults, and checks that the output can be written.
    ///
    /// # Errors
    /// An unknown name, an unreadable file, an output that cannot be written.
    pub fn resolve(args: &GenArgs, names: Names<'_>) -> Result<Self> {
        files::check_writable(&args.out)?;
        let design = match &args.design {
            Some(file) => DesignSource::File(existing(file)?),
            None => DesignSource::Search {
                network: names.network(args.network.as_deref().unwrap_or(DEFAULT_NETWORK))?,
                resources: names.resources(args.resources.as_deref().unwrap_or(DEFAULT_RESOURCES))?,
            },
        };
        Ok(Self {
            design,
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
        })
    }
}

/// What `naas run` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// The network with its weights.
    pub network: Source,
    /// Inputs.
    pub input: PathBuf,
    /// Where outputs go.
    pub output: PathBuf,
    /// The design to run on; none for the golden model.
    pub design: Option<DesignSource>,
    /// Most inputs to run.
    pub limit: Option<u64>,
}

impl RunPlan {
    /// Resolves names, fills in defaults, and checks that the output can be written.
    ///
    /// # Errors
    /// An unknown name, an unreadable file, an output that cannot be written.
    pub fn resolve(args: &RunArgs, names: Names<'_>) -> Result<Self> {
        files::check_writable(&args.output)?;
        let network = names.network(&args.network)?;
        let design = match (args.engine, &args.design) {
            // Scripts may switch engines and keep the rest: the golden model just needs no design.
            (Engine::Golden, _) => None,
            (Engine::Rtl, Some(file)) => Some(DesignSource::File(existing(file)?)),
            (Engine::Rtl, None) => Some(DesignSource::Search {
                network: network.clone(),
                resources: names.resources(DEFAULT_RESOURCES)?,
            }),
        };
        Ok(Self {
            network,
            input: existing(&args.input)?,
            output: args.output.clone(),
            design,
            limit: args.limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    const NAMES: Names<'_> = Names {
        networks: &["resnet8", "mobilenet_v2", "vgg16"],
        resources: &["edgetpu", "nvdla-256"],
        technologies: &["45nm"],
    };

    /// Parses options as the command line would.
    fn parse<T: Args + FromArgMatches>(words: &[&str]) -> T {
        let command = T::augment_args(clap::Command::new("test"));
        T::from_arg_matches(&command.get_matches_from([&["test"], words].concat())).unwrap()
    }

    #[test]
    fn names_and_files_are_told_apart() {
        assert_eq!(NAMES.network("vgg16").unwrap(), Source::Named("vgg16".into()));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("n.onnx");
        std::fs::write(&file, "").unwrap();
        assert_eq!(NAMES.network(file.to_str().unwrap()).unwrap(), Source::File(file));
        assert_eq!(NAMES.network("missing.onnx").unwrap_err().code, Code::Unreadable);
        assert_eq!(NAMES.resources("missing.onnx").unwrap_err().code, Code::UnknownName);
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        insta::assert_snapshot!(NAMES.network("mobilenetv2").unwrap_err(), @"
        error[E0105]: unknown network `mobilenetv2`
          expected: a name that naas knows, or a file ending in .onnx, .tflite, .json
          next: did you mean `mobilenet_v2`? `naas list networks` prints all
        ");
        insta::assert_snapshot!(NAMES.technology("sky130").unwrap_err(), @"
        error[E0105]: unknown technology `sky130`
          expected: a name that naas knows, or a file ending in .json
          next: `naas list technologies` prints the names
        ");
    }

    #[test]
    fn distances() {
        assert_eq!(
            (
                distance("", "abc"),
                distance("kitten", "sitting"),
                distance("ab", "ba"),
                distance("a", "a")
            ),
            (3, 3, 2, 0)
        );
    }

    #[test]
    fn seconds_alone_lift_the_evaluations() {
        let budget = |evaluations, seconds| {
            let Budget { evaluations, seconds } = Budget::resolve(&BudgetArgs { evaluations, seconds });
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
            network: Source::Named(DEFAULT_NETWORK.into()),
            resources: Source::Named(DEFAULT_RESOURCES.into()),
        };
        let args: GenArgs = parse(&["--out", out.to_str().unwrap()]);
        assert_eq!(
            GenPlan::resolve(&args, NAMES).unwrap(),
            GenPlan {
                design: searched,
                out: out.clone()
            }
        );
        let args: SearchArgs = parse(&["--out", out.to_str().unwrap()]);
        let plan = SearchPlan::resolve(&args, NAMES).unwrap();
        assert_eq!(plan.networks, [Source::Named(DEFAULT_NETWORK.into())]);
    }

    #[test]
    fn an_unwritable_output_is_refused_before_the_search() {
        let args: SearchArgs = parse(&["unknown", "--out", "no/such/folder/design.json"]);
        let e = SearchPlan::resolve(&args, NAMES).unwrap_err();
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
            RunPlan::resolve(&args, NAMES).unwrap()
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
        assert_eq!(CostPlan::resolve(&args, NAMES).unwrap_err().code, Code::Unreadable);
        let args: MapArgs = parse(&["--accelerator", "missing.json", "--out", "x.json"]);
        assert_eq!(
            MapPlan::resolve(&args, NAMES).unwrap_err().place.as_deref(),
            Some("missing.json")
        );
    }
}
