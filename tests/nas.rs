//! Network spaces against what the Once-for-All authors' files say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

use naas::base::rng::stream;
use naas::nas::accuracy::{AccuracyModel as _, OfaMlp, Table};
use naas::nas::mnist::NaasMnist;
use naas::nas::resnet50::OfaResNet50;
use naas::nas::space::{Genotype, NetworkSpace as _, parameters};
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

/// PyTorch counted the tensors that it ran; the space counts its layers.
#[test]
fn every_measured_subnet_has_the_multiplications_and_parameters_that_pytorch_counted() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("workloads/naas_mnist.csv");
    let text = std::fs::read_to_string(file).unwrap();
    let table = Table::new(&text, "naas_mnist.csv", &NaasMnist).unwrap();
    assert_eq!(table.provenance().word(), "measured");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("genotype,resolution,macs,parameters,top1,test"));
    let mut rows = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| cells[i].parse::<u64>().unwrap();
        let genotype = NaasMnist.parse(cells[0], cells[1].parse().unwrap()).unwrap();
        let network = NaasMnist.subnet(&genotype).unwrap();
        assert_eq!(
            (network.macs().unwrap(), parameters(&network).unwrap()),
            (number(2), number(3)),
            "{line}"
        );
        let accuracy = table.of(&[genotype]).unwrap()[0].unwrap();
        assert_eq!(accuracy.calibrated, cells[4].parse::<f64>().unwrap());
        rows += 1;
    }
    assert!(rows >= 100, "{rows} subnets");
    assert_eq!(table.genotypes().count(), rows);
}

/// `naas nas` in a folder, its document read.
fn nas(dir: &std::path::Path, line: &str) -> (Option<i32>, serde_json::Value, String) {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_naas"))
        .current_dir(dir)
        .args(line.split_whitespace())
        .args(["--json", "--quiet"])
        .output()
        .unwrap();
    let document = serde_json::from_slice(&out.stdout).unwrap_or_default();
    (out.status.code(), document, String::from_utf8(out.stderr).unwrap())
}

#[test]
fn a_joint_search_repeats_and_every_point_of_its_front_is_a_design() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    // Accuracies of four subnets: the larger, the better.
    let mut table = String::from("genotype,resolution,top1\n");
    for (resolution, top1) in [(128, 70.0), (144, 71.5), (160, 72.0), (176, 73.0)] {
        let word = OfaResNet50.text(&genotype(resolution, "00000", '0', '0'));
        table += &format!("{word},{resolution},{top1}\n");
    }
    std::fs::write(dir.join("t.csv"), table).unwrap();
    // A random subnet is hardly ever one of four, but a table lists what it knows.
    let line = "nas --space ofa-resnet50 --accuracy t.csv --resources eyeriss --evaluations 1 --out d.json";
    let (status, found, error) = nas(dir, &format!("{line} --floor 72 --population 4 --generations 1"));
    assert_eq!(status, Some(0), "{error}");
    assert_eq!(found["top1_calibrated"], 72.0);
    assert_eq!(found["accuracy"]["predicted"], false);
    let (status, _, error) = nas(dir, &format!("{line} --floor 74"));
    assert_eq!((status, error.contains("E0201")), (Some(2), true), "{error}");

    std::fs::write(
        dir.join("model.sed"),
        "s/.*\"resolution\":\\([0-9]*\\).*/{\"top1\": 0.\\1}/\n",
    )
    .unwrap();
    // top1 = 0.128 ... 0.256 percent: resolution is all that counts.
    std::fs::write(dir.join("ask.sh"), "#!/bin/sh\nexec sed -u -f model.sed\n").unwrap();
    let run = |threads: u32, out: &str, more: &str| {
        let program = dir.join("ask.sh").display().to_string();
        let line = format!(
            "nas --space ofa-resnet50 --floor 0.15 --resources eyeriss --evaluations 2 --front --threads {threads} --out {out}.json"
        );
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_naas"))
            .current_dir(dir)
            .args(line.split_whitespace().chain(more.split_whitespace()))
            .arg("--accuracy")
            .arg(format!("command:sh {program}"))
            .args(["--json", "--quiet"])
            .output()
            .unwrap();
        if !out.status.success() {
            return Err(String::from_utf8(out.stderr).unwrap());
        }
        Ok(serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap())
    };
    let found = run(1, "a", "").unwrap();
    // Setting results beside somebody's chip changes none of them.
    let chip = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("workloads/designs/nvdla-256-fixed.json");
    let beside = format!("--against {} --network resnet50", chip.display());
    let compared = run(2, "b", &beside).unwrap();
    let baseline = &compared["against"][0];
    assert_eq!(baseline["network"], "resnet50");
    let edp = |value: &serde_json::Value| value["total"]["edp"].as_f64().unwrap();
    for point in compared["front"].as_array().unwrap() {
        assert_eq!(point["over"][0]["edp"].as_f64(), Some(edp(baseline) / edp(point)));
    }
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(read("a.json"), read("b.json"));
    let front = found["front"].as_array().unwrap();
    assert!(!front.is_empty());
    // The checkpoint beside the design goes on to the same bytes, and belongs to no other search.
    run(2, "c", "--resume a.checkpoint.json").unwrap();
    assert_eq!(read("a.json"), read("c.json"));
    assert_eq!(read("a.front/front.json"), read("c.front/front.json"));
    assert!(read("b.front/front.svg").contains("resnet50 on nvdla-256-fixed"));
    let error = run(2, "d", "--resume a.checkpoint.json --seed 2").unwrap_err();
    assert!(error.contains("E0106") && error.contains("`seed`"), "{error}");
    for (i, point) in front.iter().enumerate() {
        assert!(point["top1_calibrated"].as_f64().unwrap() >= 0.15);
        assert_eq!(
            read(&format!("a.front/{i:02}.json")),
            read(&format!("b.front/{i:02}.json"))
        );
    }
    assert_eq!(found["accuracy"]["predicted"], true);
    // The design serves the other commands, and names its network so that it opens again.
    let (status, cost, _) = nas(dir, "cost --design a.json");
    assert_eq!(status, Some(0));
    assert_eq!(cost["total"]["edp"], found["total"]["edp"]);
    let (status, _, error) = nas(dir, "gen --design a.front/00.json --out rtl");
    assert_eq!(status, Some(0), "{error}");
    assert!(dir.join("rtl/naas.f").exists());
    let network = found["network"].as_str().unwrap();
    let (status, ..) = nas(
        dir,
        &format!("map {network} --accelerator a.json --layer stem.0 --out m.json"),
    );
    assert_eq!(status, Some(0));
}
