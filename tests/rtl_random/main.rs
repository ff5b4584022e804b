//! Generated hardware against the model and the golden layer, on random (accelerator, layer, mapping) triples in Verilator:
//! every output byte, the cycles of every layer and all twelve counters must be equal.
//!
//! `NAAS_SEED`, `NAAS_FROM` and `NAAS_DESIGNS` choose other designs or some of them; a failure prints its seed, and the layer that fails is
//! shrunk to the simplest triple that still does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a campaign says what it covered")]

mod support;

use naas::base::dims::Dim;
use naas::base::rng;
use naas::mapping::random::{Limits, Triple, random_set, random_set_on, shrink};
use std::collections::BTreeMap;
use support::{Folder, env_or};

const LAYERS: usize = 8;

/// Layers whose arrays build and run in seconds.
const SMALL: Limits = Limits {
    passes: 2000,
    macs: 60_000,
    channels: 40,
    side: 12,
    pes: 64,
};

/// Every array of one axis, every ordered pair of axes, every choice of three dimensions, and some with repeats.
fn all_arrays() -> Vec<Vec<Dim>> {
    use Dim::{C, K, R, S, X, Y};
    let mut arrays: Vec<Vec<Dim>> = Dim::ALL.map(|d| vec![d]).into();
    arrays.extend(Dim::ALL.iter().flat_map(|&a| Dim::ALL.map(|b| vec![a, b])));
    for (i, a) in Dim::ALL.into_iter().enumerate() {
        for (j, b) in Dim::ALL.into_iter().enumerate().skip(i + 1) {
            arrays.extend(Dim::ALL[j + 1..].iter().map(|&c| vec![a, b, c]));
        }
    }
    arrays.extend([[K, K, C], [Y, R, R], [X, S, X], [C, C, C]].map(Vec::from));
    arrays
}

/// Simulates `LAYERS` layers on each of `arrays`, starting at `NAAS_FROM` and at most `NAAS_DESIGNS` of them.
fn check(arrays: &[Vec<Dim>]) {
    let (seed, from) = (env_or("NAAS_SEED", 1), env_or("NAAS_FROM", 0));
    let designs = env_or("NAAS_DESIGNS", arrays.len() as u64);
    let mut covered: BTreeMap<String, u32> = BTreeMap::new();
    for (design, dims) in (0..).zip(arrays).skip(from as usize).take(designs as usize) {
        let set = random_set_on(&mut rng::stream(seed, &[design]), &SMALL, LAYERS, dims);
        let outcome = Folder::of(&set, seed ^ design).simulate(&[]);
        if let Err(text) = outcome {
            explain(&set, seed, design, &text);
        }
        println!(
            "seed {seed}, design {design}: {} with {} PEs agrees",
            axes(&set[0]),
            set[0].accelerator.pes()
        );
        for t in &set {
            *covered.entry(format!("{}-D", dims.len())).or_default() += 1;
            *covered.entry(format!("kind {}", t.nest.kind.as_str())).or_default() += 1;
            *covered
                .entry(format!("accumulates {}", t.schedule().accumulate))
                .or_default() += 1;
        }
    }
    println!("seed {seed}: 0 failures; layers by property {covered:?}");
}

fn axes(t: &Triple) -> String {
    t.accelerator
        .axes
        .iter()
        .flat_map(|a| &a.dims)
        .map(ToString::to_string)
        .collect()
}

/// Finds a layer that fails alone, shrinks it and panics with all that is needed to see it again.
fn explain(set: &[Triple], seed: u64, design: u64, text: &str) -> ! {
    println!("design {design} of seed {seed} fails, shrinking:\n{text}");
    let fails = |t: &Triple| {
        Folder::of(std::slice::from_ref(t), seed ^ design)
            .simulate(&[])
            .is_err()
    };
    let alone = set.iter().find(|t| fails(t)).map(|t| shrink(t, fails));
    panic!("design {design} of seed {seed} fails:\n{text}\nsimplest failing layer alone: {alone:#?}");
}

/// A diagonal, taps on an axis of their own beside channels, and three axes.
#[test]
fn sample() {
    use Dim::{K, R, S, X, Y};
    check(&[vec![Y, R], vec![S, K], vec![X, K, S]]);
}

/// Every pair of axes and every choice of three dimensions; `make test-long`.
#[test]
#[ignore = "long: about a minute per design"]
fn campaign() {
    check(&all_arrays());
}

/// Under random stalls of the memory the bits stay and cycles only grow.
#[test]
fn stalls_change_no_bit() {
    let set = random_set(
        &mut rng::stream(env_or("NAAS_SEED", 1), &[1000]),
        &Limits::default(),
        LAYERS,
    );
    let folder = Folder::of(&set, 77);
    for percent in ["20", "60"] {
        folder.simulate(&["--stall", percent, "--seed", "5"]).unwrap();
    }
}

/// One more cycle of memory latency in the bench alone must be seen in the cycles.
#[test]
fn another_latency_is_noticed() {
    let set = random_set(
        &mut rng::stream(3, &[0]),
        &Limits {
            macs: 2000,
            ..Limits::default()
        },
        1,
    );
    let folder = Folder::of(&set, 3);
    let latency = set[0].accelerator.offchip.latency_cycles + 1;
    folder.simulate(&[]).unwrap();
    let text = folder.simulate(&["--latency", &latency.to_string()]).unwrap_err();
    assert!(text.contains("0 mismatches"), "bits must stay:\n{text}");
}

/// No warning from Verilator or Icarus, whatever the axes, lanes and depths.
#[test]
fn lint_sample() {
    lint(0..3);
}

/// As above on more designs; `make test-long`.
#[test]
#[ignore = "long: several seconds per design"]
fn lint_campaign() {
    lint(3..40);
}

fn lint(designs: std::ops::Range<u64>) {
    let warned = |design: u64| {
        let set = random_set(&mut rng::stream(11, &[design]), &Limits::default(), 1);
        let text = Folder::of(&set, 1).make("lint", &[]).err()?;
        Some(format!("design {design}: {:?}\n{text}", set[0].accelerator))
    };
    let warnings: Vec<String> = designs.filter_map(warned).collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n"));
}

/// Yosys finds no latch, no undriven or multiply driven net.
#[test]
fn yosys_check_is_clean() {
    let set = random_set(&mut rng::stream(13, &[0]), &Limits::default(), 1);
    Folder::of(&set, 1).make("synth", &[]).unwrap();
}
