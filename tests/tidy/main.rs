//! The tidy test: rules of the house that neither the compiler nor clippy can hold.
//!
//! Each rule is a function from text to violations, with a bad example beside it, so that every rule has been seen to
//! fail. This file applies them to the repository.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod layers;
mod lexer;
mod paths;
mod rust;
mod templates;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One broken rule: line (0 where the whole file is meant) and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    line: usize,
    what: String,
}

impl Violation {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text files of the repository by path relative to its root, as git sees them: tracked, or new and not ignored.
fn files() -> BTreeMap<String, String> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|o| o.status.success());
    let names: Vec<PathBuf> = match listing {
        Some(output) => String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(PathBuf::from)
            .collect(),
        // A source archive has no git: every file is the repository's own.
        None => walk(root()),
    };
    names
        .iter()
        .filter_map(|name| {
            Some((
                name.to_str()?.to_string(),
                std::fs::read_to_string(root().join(name)).ok()?,
            ))
        })
        .collect()
}

/// Every file below `folder`, relative to the root, except build outputs.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root()).unwrap().to_path_buf();
        if !path.is_dir() {
            found.push(relative);
        } else if !["target", "rtl", ".git"].contains(&relative.to_str().unwrap_or_default()) {
            found.extend(walk(&path));
        }
    }
    found
}

/// Applies `rule` to every file that `wanted` accepts, and fails with all violations at once.
fn hold(wanted: impl Fn(&str) -> bool, rule: impl Fn(&str, &str) -> Vec<Violation>) {
    let mut report = String::new();
    for (path, text) in files().iter().filter(|(path, _)| wanted(path)) {
        for v in rule(path, text) {
            report += &format!("\n  {path}:{}: {}", v.line, v.what);
        }
    }
    assert!(report.is_empty(), "untidy:{report}");
}

fn is_source(path: &str) -> bool {
    path.starts_with("src/") && is_rust(path)
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == "rs")
}

#[test]
fn the_repository_is_seen() {
    let files = files();
    assert!(files.contains_key("src/lib.rs") && files.contains_key("tests/tidy/main.rs"));
    assert!(files.keys().all(|f| !f.starts_with("target/")));
}

#[test]
fn files_are_documented_and_short() {
    hold(is_rust, |_, text| rust::shape(text));
}

#[test]
fn functions_are_short() {
    hold(is_rust, |_, text| rust::long_functions(text));
}

#[test]
fn sources_do_not_panic() {
    hold(is_source, rust::panics);
}

#[test]
fn only_the_command_line_prints() {
    hold(is_source, rust::prints);
}

#[test]
fn layers_depend_downward() {
    hold(is_source, layers::upward);
}

#[test]
fn outside_crates_stay_in_their_layers() {
    hold(is_source, layers::foreign);
}

#[test]
fn few_macros() {
    let sources: Vec<String> = files()
        .into_iter()
        .filter(|(p, _)| is_source(p))
        .map(|(_, t)| t)
        .collect();
    let macros = rust::macros(&sources);
    assert!(macros <= 3, "{macros} macro_rules!, at most 3 are allowed");
}

#[test]
fn templates_read_as_verilog() {
    hold(
        |p| p.starts_with("templates/") && p.ends_with(".v.tera"),
        |_, text| templates::template(text),
    );
}

#[test]
fn leaves_are_one_plain_module() {
    hold(
        |p| p.starts_with("templates/lib/") && Path::new(p).extension().is_some_and(|e| e == "v"),
        templates::leaf,
    );
}

#[test]
fn no_file_names_a_machine() {
    hold(|_| true, |_, text| paths::machine_paths(text));
}
