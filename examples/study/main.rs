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
use crate::model::Widths;
use naas::base::diag::{Code, Diagnostic, Result};
use naas::base::dims::Dim;
use naas::base::files;
use naas::report::baselines::{Marks, splice};
use naas::search::dataflow::{DATAFLOWS, Dataflow};
use naas::search::importance::{arrangements, lehmer_unrank};
use naas::search::problem::Figures;
use rayon::prelude::*;
use std::path::Path;

/// Around the tables in docs/reproduction.md.
const MARKS: Marks = [
    "<!-- the tables begin: written by `cargo run --release --example study` -->\n",
    "<!-- the study's tables end -->\n",
];

const BIG: &[&str] = &["vgg16", "resnet50", "unet_256_same"];
const SMALL: &[&str] = &["mobilenet_v2", "squeezenet1_1", "mnasnet1_0"];

/// Claim, resources, networks.
const CLAIMS: [(&str, &str, &[&str]); 6] = [
    ("C1", "edgetpu", BIG),
    ("C2", "nvdla-1024", BIG),
    ("C3", "eyeriss", SMALL),
    ("C4", "nvdla-256", SMALL),
    ("C5", "shidiannao", SMALL),
    ("C10", "eyeriss", &["resnet50"]),
];

/// The study's widths.
const FORMS: [(&str, Widths); 2] = [
    (
        "wide",
        Widths {
            network: 64,
            drain: 64,
            offchip: 32,
            latency: 64,
        },
    ),
    (
        "narrow",
        Widths {
            network: 16,
            drain: 16,
            offchip: 8,
            latency: 64,
        },
    ),
];

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
    let orders = arrangements(Dim::ALL.len(), Dim::ALL.len());
    let growing = |rank: usize| {
        let order = lehmer_unrank(rank, Dim::ALL.len(), Dim::ALL.len());
        let mut grow = Dim::ALL;
        for (place, d) in grow.iter_mut().zip(order) {
            *place = Dim::ALL[d];
        }
        fixed(&flow.growing(grow))
    };
    let grown: Vec<Option<Vec<Figures>>> = (0..orders).into_par_iter().map(growing).collect();
    Ok(Baseline {
        flow,
        fixed: fixed(flow).ok_or_else(illegal)?,
        searched: setting.mapped(&chip, THOROUGH, 0).ok_or_else(illegal)?,
        grown: grown.into_iter().flatten().collect(),
    })
}

fn outcome(
    claim: &'static str,
    resources: &str,
    networks: &[&'static str],
    form: &'static str,
    w: Widths,
) -> Result<Outcome> {
    let setting = Setting::new(resources, networks, w)?;
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
        if !CLAIMS.iter().any(|c| c.0 == name) {
            let names = CLAIMS.map(|c| c.0).join(", ");
            let unknown = Diagnostic::new(Code::UnknownName, format!("no claim is called `{name}`"));
            return Err(unknown.expected(names).into());
        }
    }
    let mut all = Vec::new();
    for (claim, resources, networks) in CLAIMS {
        for (form, widths) in FORMS {
            if wanted.is_empty() || wanted.iter().any(|w| w == claim) {
                let o = outcome(claim, resources, networks, form, widths)?;
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
