//! The command line: what was typed becomes a plan, the plan is carried out by the layers below, the result is printed.
//!
//! Only here is anything printed, and only here do the model and the hardware meet: `cost` and `rtl` never import each
//! other, this layer hands the predicted cycles over. Each command is one file with `run(&Args, &Session)`.

pub mod ablation;
pub mod against;
pub mod args;
pub mod compare;
pub mod cost;
pub mod costs;
pub mod explain;
pub mod front;
pub mod generate;
pub mod inputs;
pub mod list;
pub mod map;
pub mod nas;
pub mod output;
pub mod plan;
pub mod progress;
pub mod reproduce;
pub mod resume;
pub mod rtl_check;
pub mod run;
pub mod search;
pub mod session;
pub mod shrink;
pub mod sim;
pub mod spaces;
pub mod subnets;
pub mod trial;
pub mod verify;

use args::{Cli, Command};
use clap::Parser;
use session::Session;
use std::process::ExitCode;

/// Parses the process's arguments, runs the command, and maps errors to the exit status.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => dispatch(&cli.command).map_or_else(|e| output::fail(&e), |()| ExitCode::SUCCESS),
        Err(usage) => output::usage(&usage),
    }
}

/// Runs one command.
fn dispatch(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Search(args) => search::run(args, &Session::new(&args.common)),
        Command::Map(args) => map::run(args, &Session::new(&args.common)),
        Command::Cost(args) => cost::run(args, &Session::new(&args.common)),
        Command::Gen(args) => generate::run(args, &Session::new(&args.common)),
        Command::Sim(args) => sim::run(args, &Session::new(&args.common)),
        Command::Run(args) => run::run(args, &Session::new(&args.common)),
        Command::Nas(args) => nas::run(args, &Session::new(&args.common)),
        Command::Reproduce(args) => reproduce::run(args, &Session::new(&args.common)),
        Command::Verify(args) => verify::run(args, &Session::new(&args.common)),
        Command::List(args) => list::run(args, &Session::new(&args.common)),
        Command::Explain(args) => explain::run(args, &Session::new(&args.common)),
    }
}
