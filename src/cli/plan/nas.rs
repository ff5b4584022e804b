//! What `naas nas` will do.

use crate::base::diag::Result;
use crate::base::files;
use crate::cli::args::{NasArgs, Objective, SpaceName};
use crate::cli::plan::{Budget, existing, resources};
use crate::search::encoding::accelerator::Sharing;
use std::path::PathBuf;

/// Accelerator candidates that `naas nas` evaluates unless told otherwise, each with an evolution of networks.
pub const DEFAULT_JOINT_EVALUATIONS: u64 = 400;

/// What networks are searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NasHardware {
    /// An accelerator that is searched too, within these limits: a name or a file.
    Resources(String),
    /// A given one.
    Accelerator(PathBuf),
}

/// What a run of `naas nas` is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// One network with its accelerator, or with `front` a front of them.
    Search {
        /// Whether a front is wanted.
        front: bool,
        /// The checkpoint to go on from.
        resume: Option<PathBuf>,
        /// Designs to set the results beside.
        against: Vec<PathBuf>,
        /// Which of their networks, if not the first one.
        network: Option<String>,
    },
    /// A comparison of what is searched.
    Ablation {
        /// Seeds, from the session's on.
        seeds: u64,
        /// The network to start from, as typed.
        start: String,
    },
}

/// What `naas nas` will do.
#[derive(Clone, Debug, PartialEq)]
pub struct NasPlan {
    /// The networks to choose from.
    pub space: SpaceName,
    /// Accuracy model, as typed.
    pub accuracy: String,
    /// Least accuracy in percent.
    pub floor: f64,
    /// What the networks run on.
    pub hardware: NasHardware,
    /// How many dimensions an axis may run.
    pub sharing: Sharing,
    /// Whether accelerators are searched with known designs and steps from the best.
    pub guided: bool,
    /// What to minimise.
    pub objective: Objective,
    /// When to stop.
    pub budget: Budget,
    /// Networks of a generation, and generations, on the accelerator that won.
    pub last: [usize; 2],
    /// What is wanted.
    pub run: Run,
    /// Where the design goes.
    pub out: PathBuf,
}

impl NasPlan {
    /// Fills in defaults, and checks that files can be read and the output written.
    ///
    /// # Errors
    /// [`Code::Unreadable`](crate::base::diag::Code::Unreadable) or [`Code::Unwritable`](crate::base::diag::Code::Unwritable), naming the path.
    pub fn resolve(args: &NasArgs) -> Result<Self> {
        files::check_writable(&args.out)?;
        let hardware = match &args.accelerator {
            Some(file) => NasHardware::Accelerator(existing(file)?),
            None => NasHardware::Resources(resources(args.resources.as_ref())),
        };
        let run = match (args.ablation, &args.start) {
            (Some(seeds), Some(start)) => Run::Ablation {
                seeds,
                start: start.clone(),
            },
            _ => Run::Search {
                front: args.front,
                resume: args.resume.as_deref().map(existing).transpose()?,
                against: args.against.iter().map(|file| existing(file)).collect::<Result<_>>()?,
                network: args.network.clone(),
            },
        };
        Ok(Self {
            space: args.space,
            accuracy: args.accuracy.clone(),
            floor: args.floor,
            hardware,
            sharing: if args.shared_axes {
                Sharing::Several
            } else {
                Sharing::Single
            },
            guided: !args.unguided,
            objective: args.objective,
            budget: Budget::resolve(&args.budget, DEFAULT_JOINT_EVALUATIONS),
            last: [args.population, args.generations].map(usize::from),
            run,
            out: args.out.clone(),
        })
    }
}
