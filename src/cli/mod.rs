//! The command line: what was typed becomes a plan, the plan is carried out by the layers below, the result is printed.
//!
//! Only here is anything printed, and only here do the model and the hardware meet: `cost` and `rtl` never import each
//! other, this layer hands the predicted cycles over. Each command is one file with `run(&Args, &Session)`.

pub mod args;
pub mod explain;
pub mod list;
pub mod output;
pub mod plan;
pub mod progress;
pub mod session;

use args::{Cli, Command};
use clap::Parser;
use session::Session;
use std::process::ExitCode;

/// Parses the process's arguments, runs the command, and maps errors to the exit status.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(&cli.command).map_or_else(|e| output::fail(&e), |()| ExitCode::SUCCESS),
        Err(usage) => output::usage(&usage),
    }
}

/// Runs one command.
fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(args, &Session::new(&args.common)),
        Command::Explain(args) => explain::run(args, &Session::new(&args.common)),
    }
}
