//! Network spaces against what the Once-for-All authors' files say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

use naas::base::rng::stream;
use naas::nas::accuracy::{AccuracyModel as _, OfaMlp};
use naas::nas::resnet50::OfaResNet50;
use naas::nas::space::{Genotype, NetworkSpace as _};
use std::path::PathBuf;

/// A file of other people's that the project uses but does not carry, if this machine has it.
fn shared(path: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("NAAS_SHARED").map_or(beside, PathBuf::from);
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    eprintln!("skipped: {} is not here", file.display());
    None
}

/// Options: resolution, depth, expand everywhere, width everywhere.
fn genotype(resolution: u32, depth: &str, expand: char, width: char) -> Genotype {
    let repeat = |c: char, count: usize| c.to_string().repeat(count);
    let word = format!("d{depth}-e{}-w{}", repeat(expand, 18), repeat(width, 6));
    let mut genotype = OfaResNet50.parse(&word, resolution).unwrap();
    OfaResNet50.normalise(&mut genotype);
    genotype
}

#[test]
fn the_predictor_returns_the_recorded_values() {
    let Some(file) = shared("ofa/ofa_resnet50_acc_predictor.pth") else {
        return;
    };
    let model = OfaMlp::new(&std::fs::read(file).unwrap(), "predictor").unwrap();
    let recorded = [
        (genotype(224, "12222", '2', '2'), 0.8299),
        (genotype(224, "11221", '1', '2'), 0.8299),
        (genotype(128, "11221", '1', '2'), 0.7931),
        (genotype(144, "11221", '1', '2'), 0.8119),
        (genotype(160, "11221", '1', '2'), 0.8198),
        (genotype(176, "11221", '1', '2'), 0.8254),
        (genotype(192, "11221", '1', '2'), 0.8289),
        (genotype(224, "00000", '0', '0'), 0.7878),
        (genotype(128, "00000", '0', '0'), 0.7479),
    ];
    for (g, want) in &recorded {
        let got = model.predict(g);
        assert!(
            (got.raw - want).abs() < 1e-4,
            "{}: {} for {want}",
            OfaResNet50.text(g),
            got.raw
        );
        assert_eq!(got.saturated, *want > 0.8298);
        assert!((got.calibrated - (100.0 * got.raw - 3.57)).abs() < 1e-9);
    }
    let genotypes: Vec<Genotype> = recorded.iter().map(|r| r.0.clone()).collect();
    let one_by_one: Vec<_> = genotypes.iter().map(|g| Some(model.predict(g))).collect();
    assert_eq!(model.of(&genotypes).unwrap(), one_by_one);
}

#[test]
fn the_predictors_file_may_be_broken_anywhere() {
    let Some(file) = shared("ofa/ofa_resnet50_acc_predictor.pth") else {
        return;
    };
    let good = std::fs::read(file).unwrap();
    let mut rng = stream(9, &[]);
    for end in (0..1600).chain((1600..good.len()).step_by(97_001)) {
        assert!(OfaMlp::new(&good[..end], "p").is_err(), "{end} bytes");
    }
    for _ in 0..300 {
        use rand::RngExt as _;
        let mut bad = good[..].to_vec();
        let at = rng.random_range(0..1600);
        bad[at] = rng.random();
        let _ = OfaMlp::new(&bad, "p");
    }
}
