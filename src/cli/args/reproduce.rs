//! What `naas reproduce` is told.

use crate::cli::args::Common;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `naas reproduce`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(
    after_help = "Examples:\n  naas reproduce --quick                       # seconds: shows that it works, says nothing of the claims\n  \
                        naas reproduce --out reproduction            # everything; goes on where it was interrupted\n  \
                        naas reproduce --only c8- --only c9          # the experiments whose names begin so\n  \
                        naas reproduce --evaluations 300 --rtl 10    # a smaller budget; ten of the designs through the RTL\n  \
                        naas reproduce --tables --out reproduction   # write tables and plots again, of outcomes with any budgets"
)]
pub struct ReproduceArgs {
    /// Small networks and budgets
    #[arg(long)]
    pub quick: bool,
    /// Run the experiments whose names begin with this only; may be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Accelerators per search, where an experiment has more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub evaluations: Option<u64>,
    /// Searches per variant, where an experiment has more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Run nothing: tables and plots of the outcomes that the folder holds, whatever their budgets
    #[arg(long, conflicts_with_all = ["evaluations", "seeds"])]
    pub tables: bool,
    /// Emit N searched designs and simulate the smallest five different layers of each of their networks
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub rtl: usize,
    /// Prices of energy and area: a name or a file
    #[arg(long, value_name = "T")]
    pub technology: Option<String>,
    /// The folder of tables, plots, designs and outcomes; an outcome of the same experiment that it holds is not computed again
    #[arg(long, value_name = "DIR", default_value = "reproduction")]
    pub out: PathBuf,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}
