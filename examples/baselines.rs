//! Writes the human baselines, and the table of their figures.
//!
//! ```sh
//! cargo run --release --example baselines                          # all of them
//! cargo run --release --example baselines -- eyeriss nvdla-256-fixed   # some; the others are read for the table
//! ```
//!
//! For each chip `workloads/designs/NAME-fixed.json` and `NAME-searched.json`, then the table in docs/baselines.md. Equal
//! programs write equal bytes; `naas::search::baselines` holds seed and budget.

#![allow(clippy::print_stdout, reason = "a tool tells what it does")]

use naas::base::diag::{Code, Diagnostic, Result};
use naas::base::files;
use naas::base::interrupt::Interrupt;
use naas::report::baselines::{splice, table};
use naas::search::baselines::{Version, design, networks};
use naas::search::dataflow::{DATAFLOWS, Dataflow};
use naas::search::design::Design;
use std::path::Path;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for name in &wanted {
        let chip = Version::ALL
            .iter()
            .find_map(|v| name.strip_suffix(&format!("-{}", v.as_str())));
        Dataflow::named(chip.unwrap_or(name))?;
    }
    let (networks, left_out) = networks()?;
    for reason in left_out {
        println!("left out: {reason}");
    }
    let file = |flow: &Dataflow, version: Version| {
        root.join(format!("workloads/designs/{}-{}.json", flow.name, version.as_str()))
    };
    for flow in &DATAFLOWS {
        for version in Version::ALL {
            let names = [flow.name.to_owned(), format!("{}-{}", flow.name, version.as_str())];
            if !wanted.is_empty() && !wanted.iter().any(|w| names.contains(w)) {
                continue;
            }
            let made = design(flow, version, &networks, &Interrupt::default())?;
            let path = file(flow, version);
            files::write_atomic(&path, made.to_json().as_bytes())?;
            println!("{}", path.display());
        }
    }
    let read = |flow: &Dataflow| -> Result<[Design; 2]> {
        let [fixed, searched] = Version::ALL.map(|version| files::read_json(&file(flow, version)));
        Ok([fixed?, searched?])
    };
    let pairs: Vec<[Design; 2]> = DATAFLOWS.iter().map(read).collect::<Result<_>>()?;
    let page = root.join("docs/baselines.md");
    let text = splice(&files::read_text(&page)?, &table(&pairs)).ok_or_else(|| {
        Diagnostic::new(Code::Malformed, "the table's marks are missing").at(page.display().to_string())
    })?;
    files::write_atomic(&page, text.as_bytes())
}
