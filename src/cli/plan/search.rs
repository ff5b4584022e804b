//! What `naas search` will do.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::{Encoding, Mapper, Method, SearchArgs, Space};
use crate::cli::plan::{Budget, DEFAULT_EVALUATIONS, existing, networks, resources, technology};
use crate::search::encoding::accelerator::Sharing;
use crate::search::goal::{Goal, Limits};
use crate::search::importance;
use crate::search::mapper;
use std::path::PathBuf;

/// What is not searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spared {
    /// Everything is.
    Nothing,
    /// The parallel dimensions of the accelerator of this file, or of the preset's chip, stay.
    Connectivity(Option<PathBuf>),
    /// The accelerator of this file, or the preset's chip, stays.
    Accelerator(Option<PathBuf>),
}

/// Rounds of mapping unless told otherwise, where only mappings are searched.
const MAPPING_ROUNDS: u64 = 32;

/// What `naas search` will do.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchPlan {
    /// At least one network, as typed.
    pub networks: Vec<String>,
    /// Limits of the accelerator: a name or a file.
    pub resources: String,
    /// What to minimise, within which limits.
    pub goal: Goal,
    /// Whether a front is wanted.
    pub front: bool,
    /// The outer method.
    pub method: mapper::Method,
    /// The inner method.
    pub mapper: mapper::Method,
    /// How genes say orders.
    pub encoding: importance::Encoding,
    /// How many dimensions an axis may run.
    pub sharing: Sharing,
    /// Whether accelerators are searched with known designs and steps from the best.
    pub guided: bool,
    /// What stays.
    pub spared: Spared,
    /// Prices: a name or a file.
    pub technology: String,
    /// When to stop.
    pub budget: Budget,
    /// A checkpoint to go on from.
    pub resume: Option<PathBuf>,
    /// Where the design goes.
    pub out: PathBuf,
}

impl SearchPlan {
    /// Fills in defaults, and checks that files can be read and the output written.
    ///
    /// # Errors
    /// [`Code::Unreadable`] or [`Code::Unwritable`], naming the path; [`Code::Usage`] for options that contradict each other.
    pub fn resolve(args: &SearchArgs) -> Result<Self> {
        let usage = |what: &str, next: &str| Err(Diagnostic::new(Code::Usage, what).next(next));
        if args.accelerator.is_some() && args.space == Space::Full {
            return usage(
                "--accelerator is given, but --space full searches all of it",
                "add --space sizing, or --space mapping",
            );
        }
        if args.shared_axes && args.space != Space::Full {
            return usage(
                "--shared-axes is about the axes' dimensions, which --space sizing and --space mapping keep",
                "leave one of the two out; an --accelerator whose axes run several dimensions keeps them",
            );
        }
        let accelerator = args.accelerator.as_ref().map(|a| existing(a)).transpose()?;
        let spared = match args.space {
            Space::Full => Spared::Nothing,
            Space::Sizing => Spared::Connectivity(accelerator),
            Space::Mapping => Spared::Accelerator(accelerator),
        };
        if args.space == Space::Mapping && (args.front || args.resume.is_some() || args.max_area.is_some()) {
            return usage(
                "--space mapping has one accelerator: there is nothing for --front, --resume and --max-area to act on",
                "leave these options out",
            );
        }
        let rounds = if args.space == Space::Mapping {
            MAPPING_ROUNDS
        } else {
            DEFAULT_EVALUATIONS
        };
        files::check_writable(&args.out)?;
        Ok(Self {
            networks: networks(&args.network),
            resources: resources(args.resources.as_ref()),
            goal: Goal {
                objective: args.objective.into(),
                limits: Limits {
                    cycles: args.max_cycles,
                    energy_pj: args.max_energy,
                    area_um2: args.max_area,
                },
            },
            front: args.front,
            method: args.method.into(),
            mapper: args.mapper.into(),
            encoding: args.encoding.into(),
            sharing: if args.shared_axes {
                Sharing::Several
            } else {
                Sharing::Single
            },
            guided: !args.unguided,
            spared,
            technology: technology(args.technology.as_ref()),
            budget: Budget::resolve(&args.budget, rounds),
            resume: args.resume.as_ref().map(|r| existing(r)).transpose()?,
            out: args.out.clone(),
        })
    }

    /// A search of everything, with the default budget.
    #[must_use]
    pub fn with_defaults(network: &str, resources: &str) -> Self {
        Self {
            networks: vec![network.into()],
            resources: resources.into(),
            goal: Goal::default(),
            front: false,
            method: mapper::Method::CmaEs,
            mapper: mapper::Method::CmaEs,
            encoding: importance::Encoding::Importance,
            sharing: Sharing::Single,
            guided: true,
            spared: Spared::Nothing,
            technology: technology(None),
            budget: Budget {
                evaluations: Some(DEFAULT_EVALUATIONS),
                seconds: None,
            },
            resume: None,
            out: PathBuf::new(),
        }
    }
}

impl From<Method> for mapper::Method {
    fn from(typed: Method) -> Self {
        match typed {
            Method::CmaEs => Self::CmaEs,
            Method::Random => Self::Random,
            Method::Bayesian => Self::Bayesian,
        }
    }
}

impl From<Mapper> for mapper::Method {
    fn from(typed: Mapper) -> Self {
        match typed {
            Mapper::CmaEs => Self::CmaEs,
            Mapper::Random => Self::Random,
            Mapper::Bayesian => Self::Bayesian,
            Mapper::Exact => Self::Exact,
        }
    }
}

impl From<Encoding> for importance::Encoding {
    fn from(typed: Encoding) -> Self {
        match typed {
            Encoding::Importance => Self::Importance,
            Encoding::Index => Self::Index,
        }
    }
}
