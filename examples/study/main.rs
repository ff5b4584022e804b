//! The claims C1 to C5 and C10 in the own setting of an earlier study, whose figures docs/reproduction.md compares with: the search
//! of this crate with a cost model and a mapper brought along.
//!
//! ```sh
//! cargo run --release --example study            # all claims, and the tables in docs/reproduction.md
//! cargo run --release --example study -- C2 C4   # some; their rows are printed only
//! ```
//!
//! [`model`] says what the study counts, [`mapper`] maps a layer. Accelerators are those of the crate, found by its guided
//! CMA-ES from the same starts: of each only the array and the bytes beside it count, since the study's memories are pools.

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

mod codesign;
mod mapper;
mod model;
mod tables;
#[cfg(test)]
mod tests;
mod tiling;
mod timeline;

use crate::codesign::{Found, Setting, search};
use crate::mapper::Effort;
use naas::base::diag::{Code, Diagnostic, Result};
use naas::base::files;
use naas::report::baselines::{Marks, splice};
use naas::search::dataflow::{DATAFLOWS, Dataflow};
use naas::search::problem::Figures;
use naas::search::reproduction::over_chips;
use rayon::prelude::*;
use std::path::Path;

/// Around the tables in docs/reproduction.md.
const MARKS: Marks = [
    "<!-- the tables begin: written by `cargo run --release --example study` -->\n",
    "<!-- the study's tables end -->\n",
];

/// The study's widths, as presets call them.
const FORMS: [&str; 2] = ["wide", "narrow"];

const SEEDS: u64 = 3;

/// Accelerators of a search.
const EVALUATIONS: u64 = 1200;

/// For a layer of a candidate.
const QUICK: Effort = Effort { drawn: 50, improved: 1 };

/// For a layer of a finalist, and of a baseline.
const THOROUGH: Effort = Effort {
    drawn: 1000,
    improved: 10,
};

/// A human baseline in the study's setting: figures per network.
struct Baseline {
    flow: &'static Dataflow,
    fixed: Vec<Figures>,
    searched: Vec<Figures>,
    /// Of the fixed mapping with tiles that grow in each of the 720 orders, the same at both levels.
    grown: Vec<Vec<Figures>>,
}

/// A claim at some widths.
struct Outcome {
    claim: &'static str,
    form: &'static str,
    /// The study's floor, per network: [`Setting::floor`].
    floor: Vec<Figures>,
    baselines: Vec<Baseline>,
    found: Vec<Found>,
}

fn baseline(setting: &Setting, flow: &'static Dataflow) -> Result<Baseline> {
    let chip = setting.chip(flow)?;
    let fixed = |flow: &Dataflow| setting.dictated(&chip, flow);
    let illegal = || Diagnostic::new(Code::NoLegalMapping, format!("{} cannot run a layer", flow.name));
    let flows: Vec<Dataflow> = flow.growing_in_every_order().collect();
    let grown: Option<Vec<Vec<Figures>>> = flows.par_iter().map(fixed).collect();
    Ok(Baseline {
        flow,
        fixed: fixed(flow).ok_or_else(illegal)?,
        searched: setting.mapped(&chip, THOROUGH, 0).ok_or_else(illegal)?,
        grown: grown.ok_or_else(illegal)?,
    })
}

fn outcome(claim: &'static str, resources: &str, networks: &[&'static str], form: &'static str) -> Result<Outcome> {
    let setting = Setting::new(resources, networks, form)?;
    let flows = DATAFLOWS.iter().filter(|flow| flow.resources == resources);
    let baselines = flows.map(|flow| baseline(&setting, flow)).collect::<Result<Vec<_>>>()?;
    let found = (1..=SEEDS)
        .map(|seed| search(&setting, seed))
        .collect::<Result<Vec<_>>>()?;
    Ok(Outcome {
        claim,
        form,
        floor: setting.floor(),
        baselines,
        found,
    })
}

fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for name in &wanted {
        if !over_chips().any(|c| c.0 == name) {
            let names = over_chips().map(|c| c.0).collect::<Vec<_>>().join(", ");
            let unknown = Diagnostic::new(Code::UnknownName, format!("no claim is called `{name}`"));
            return Err(unknown.expected(names).into());
        }
    }
    let mut all = Vec::new();
    for (claim, resources, networks) in over_chips() {
        for form in FORMS {
            if wanted.is_empty() || wanted.iter().any(|w| w == claim) {
                let o = outcome(claim, resources, networks, form)?;
                println!("{claim}, {resources}, {form}: {}", tables::summary(&o));
                all.push(o);
            }
        }
    }
    let text = tables::all(&all);
    if !wanted.is_empty() {
        print!("\n{text}");
        return Ok(());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reproduction.md");
    let document = files::read_text(&path)?;
    let document = splice(&document, MARKS, text.trim_end()).ok_or_else(|| {
        Diagnostic::new(Code::Malformed, "the tables' marks are missing").at(path.display().to_string())
    })?;
    files::write_atomic(&path, document.as_bytes())?;
    Ok(())
}
