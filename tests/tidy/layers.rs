//! Rules for dependences: which layer may use which, and which outside crates belong to one layer.

use crate::Violation;
use crate::lexer::{code, line_of, words};

/// Each layer with the layers that it may use. docs/architecture.md gives the reasons.
const LAYERS: [(&str, &[&str]); 11] = [
    ("base", &[]),
    ("workload", &["base"]),
    ("arch", &["base"]),
    ("mapping", &["base", "workload", "arch"]),
    ("cost", &["base", "workload", "arch", "mapping"]),
    ("search", &["base", "workload", "arch", "mapping", "cost"]),
    ("nas", &["base", "workload", "arch", "mapping", "cost", "search"]),
    (
        "report",
        &["base", "workload", "arch", "mapping", "cost", "search", "nas"],
    ),
    ("rtl", &["base", "workload", "arch", "mapping"]),
    ("sim", &["base", "workload", "arch", "mapping", "rtl"]),
    (
        "cli",
        &[
            "base", "workload", "arch", "mapping", "cost", "search", "nas", "report", "rtl", "sim",
        ],
    ),
];

/// What only some layers may name: the outside crate or module, and those layers.
const FOREIGN: [(&str, &[&str]); 10] = [
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("ctrlc", &["cli"]),
    // Below cli, errors are diagnostics: typed, so that their texts can be goldens.
    ("anyhow", &["cli"]),
    ("tera", &["rtl", "report"]),
    ("prost", &["workload", "nas"]),
    ("npyz", &["workload", "nas", "sim", "cli"]),
    // The model and the search compute: whoever reads or writes hands them values.
    ("std::fs", &["base", "workload", "nas", "report", "rtl", "sim", "cli"]),
    ("std::process", &["sim", "cli"]),
    ("std::net", &[]),
];

/// The layer that a source file belongs to; none for the crate's roots, which only declare and start.
fn layer_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    match first {
        "lib.rs" | "main.rs" => None,
        _ => Some(first.strip_suffix(".rs").unwrap_or(first)),
    }
}

/// Uses of a layer that is not below the file's own.
pub fn upward(path: &str, text: &str) -> Vec<Violation> {
    let Some(layer) = layer_of(path) else { return Vec::new() };
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![Violation::new(
            0,
            format!("`{layer}` is no layer: add it to tests/tidy/layers.rs and docs/architecture.md"),
        )];
    };
    let code = code(text);
    let mut found = Vec::new();
    for (at, used) in uses(&code) {
        let known = LAYERS.iter().any(|(name, _)| *name == used);
        if known && used != layer && !below.contains(&used.as_str()) {
            found.push(Violation::new(
                line_of(&code, at),
                format!("`{layer}` must not use `{used}`"),
            ));
        } else if used == "*" {
            found.push(Violation::new(
                line_of(&code, at),
                "`crate::*` hides which layers are used",
            ));
        }
    }
    found
}

/// Names that follow the crate's root, also through `super::` and in groups, with their places.
fn uses(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for root in ["crate::", "super::", "naas::"] {
        for at in words(code, root) {
            let after = at + root.len();
            let names = first_names(&code[after..]);
            // `super::` counts only where it leads to a layer by name; most of the time it stays inside.
            let names = names.into_iter().filter(|n| root != "super::" || n != "*");
            found.extend(names.map(|n| (at, n)));
        }
    }
    found
}

/// The first name of a path, or those of all members of a group.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        if text.starts_with('*') {
            return "*".into();
        }
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut depth, mut names, mut member) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&std::mem::take(&mut member))),
            _ => member.push(c),
        }
    }
    names.push(name(&member));
    names
}

/// Outside crates and modules named in a layer that they do not belong to.
pub fn foreign(path: &str, text: &str) -> Vec<Violation> {
    let Some(layer) = layer_of(path) else { return Vec::new() };
    let code = code(text);
    let mut found = Vec::new();
    for (what, _) in FOREIGN.iter().filter(|(_, layers)| !layers.contains(&layer)) {
        let named = [format!("{what}::"), format!("use {what};")];
        for at in named.iter().flat_map(|n| words(&code, n).collect::<Vec<_>>()) {
            found.push(Violation::new(
                line_of(&code, at),
                format!("`{layer}` must not use `{what}`"),
            ));
        }
    }
    found
}

#[test]
fn the_order_is_a_strict_partial_one() {
    for (layer, below) in LAYERS {
        for lower in below {
            let (_, under) = LAYERS.iter().find(|(name, _)| name == lower).unwrap();
            assert!(!under.contains(&layer), "{layer} and {lower} may use each other");
            assert!(
                under.iter().all(|u| below.contains(u)),
                "{layer} lacks what {lower} uses"
            );
        }
    }
}

#[test]
fn bad_directions() {
    let bad = [
        ("base/x.rs", "use crate::workload::layer::Layer;"),
        ("workload/mod.rs", "use crate::arch::Axis;"),
        ("arch/mod.rs", "fn f(l: &crate::workload::Layer) {}"),
        ("cost/mod.rs", "use crate::{base::dims::Dim, search::Problem};"),
        ("rtl/x.rs", "use crate::{\n    base::{dims, int},\n    cost,\n};"),
        ("sim/x.rs", "use super::super::cost::price;"),
        ("cost/x.rs", "use crate::rtl::lower;"),
        ("report/x.rs", "use crate::sim::golden;"),
        ("search/x.rs", "#[cfg(test)] mod tests { use crate::rtl::lower; }"),
        ("mapping/x.rs", "use naas::cost;"),
        ("mapping/x.rs", "use crate::*;"),
        ("utils.rs", ""),
    ];
    for (path, text) in bad {
        assert_eq!(upward(&format!("src/{path}"), text).len(), 1, "{path}: {text}");
    }
    let good = [
        (
            "mapping/x.rs",
            "use crate::{arch, base::dims::Dim, workload::layer};\nuse super::schedule;",
        ),
        ("cli/run.rs", "use crate::{sim, cost};"),
        (
            "cost/x.rs",
            "//! See [`crate::search`].\nuse crate::cost::tech; use super::*;",
        ),
        ("lib.rs", "pub mod cli; use crate::cli;"),
    ];
    for (path, text) in good {
        assert_eq!(upward(&format!("src/{path}"), text), [], "{path}: {text}");
    }
}

#[test]
fn bad_strangers() {
    for (path, text) in [
        ("src/cost/x.rs", "use std::fs::File;"),
        ("src/search/x.rs", "use anyhow::Result;"),
        ("src/workload/x.rs", "use clap;"),
        ("src/rtl/x.rs", "std::process::Command::new(\"ls\");"),
    ] {
        assert_eq!(foreign(path, text).len(), 1, "{path}: {text}");
    }
    assert_eq!(foreign("src/sim/x.rs", "use std::process::Command; use std::fs;"), []);
}
