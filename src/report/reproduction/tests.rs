//! Tests of the claims' table: verdicts by hand.

use super::*;
use crate::search::reproduction::run::SHARED;
use crate::search::reproduction::{Budget, Gap, Human};

fn gap(over_bound: f64, over_proof: Option<f64>) -> Gap {
    Gap {
        layer: "vgg16, conv1".into(),
        over_bound,
        over_proof,
        optimum: over_proof.is_some(),
    }
}

fn outcome(question: Question, ours: u64, human: u64, floor: u64) -> Outcome {
    let figures = |cycles| vec![Figures { cycles, energy_pj: 1e6 }];
    let search = |label: &str| Search {
        label: label.into(),
        seed: 1,
        edp: ours as f64 * 1e6,
        figures: figures(ours),
        axes: vec![vec![Dim::K], vec![Dim::C]],
        sizes: vec![8, 8],
        area_um2: 1e6,
        history: vec![(20, 9e9, 9.5e9), (40, 8e9, 9e9)],
        gaps: vec![gap(0.1, None), gap(0.3, Some(0.02))],
        design: String::new(),
    };
    Outcome {
        experiment: Experiment {
            name: "e".into(),
            claims: vec!["C1".into()],
            question,
            networks: vec!["vgg16".into()],
            resources: "edgetpu".into(),
            technology: None,
            baselines: vec!["edgetpu".into()],
            budget: Budget {
                evaluations: 40,
                mappings: 1,
                refine: 1,
                seeds: 1,
                proof: 1,
            },
        },
        version: "0".into(),
        technology: "45nm".into(),
        searches: vec![search("full"), search("sizing"), search(SHARED)],
        humans: vec![Human {
            name: "edgetpu".into(),
            fixed: figures(human),
            searched: figures(human / 2),
            greedy: Vec::new(),
        }],
        floors: figures(floor),
        front: vec![[1.0, 2e6, 3e6], [2.0, 1e6, 3e6]],
    }
}

#[test]
fn no_claim_is_reached_that_exceeds_its_ceiling() {
    // Printed: speed 2.6, energy 1.1. Energy is equal everywhere, so its ceiling is 1.
    for (ours, floor, speed) in [
        (100, 50, "speed reached"),
        (200, 50, "speed not reached"),
        (200, 150, "speed above"),
    ] {
        let ran = [(outcome(Question::Baseline, ours, 300, floor), 1.0)];
        let verdict = rows(&ran)[0].verdict();
        assert!(
            verdict.starts_with(speed) && verdict.ends_with("energy above the ceiling"),
            "{verdict}"
        );
    }
}

#[test]
fn tables_and_plots_hold_every_question() {
    let questions = [
        Question::Baseline,
        Question::Sizing,
        Question::Encoding,
        Question::Method,
        Question::Learned,
        Question::Study,
        Question::Speed,
        Question::Time,
        Question::Front,
    ];
    let ran: Vec<Ran> = questions.map(|q| (outcome(q, 100, 300, 50), 2.0)).into();
    let text = markdown(&ran);
    for part in [
        "| C1 | vgg16 | edgetpu | edgetpu, fixed | 2.6 / 1.1 / - | 3.00 (3.00-3.00)",
        "| edgetpu | vgg16 | 3.52 | 1.00 | 1.00 (1.00-1.00) |",
        "| C6, C7: sizing | vgg16 | edgetpu | edgetpu, fixed | - / - / 2.1 |",
        "| vgg16 | edgetpu | 1 x 40 | 2.0 | 1.000 (1.000-1.000) |",
        "| e | 2 | 20.0, 30.0 | 2.0, 2.0, 2.0 | 0 of 3 | 3 of 3 |",
        "| K8 x C8 | yes |",
        "| 66.7 |",
        "| C1 | vgg16 | edgetpu | 0.50 (0.50-0.50) | 0.50 (0.50-0.50) | 2 |",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("NaN"), "{text}");
    assert!(layers(&ran).contains("| e | vgg16, conv1 | 30.0 | 2.00 | the optimum |"));
    let names: Vec<String> = plots(&ran).into_iter().map(|p| p.0).collect();
    let expected = [
        "methods-mean.svg",
        "methods-best.svg",
        "encodings.svg",
        "sizing.svg",
        "learned.svg",
        "front.svg",
    ];
    assert_eq!(names, expected);
    assert_eq!(document(&ran)["claims"].as_array().map(Vec::len), Some(2));
}

/// Of four orders two make the baseline cost 95 % or more of 1.73 times ours.
#[test]
fn orders_over_which_the_study_is_reached_are_counted() {
    let mut o = outcome(Question::Study, 1000, 2000, 500);
    o.experiment.resources = "edgetpu@wide".into();
    let ours = o.searches[0].edp;
    o.humans[0].greedy = [1.0, 1.6, 1.7, 2.0].map(|r| r * ours).to_vec();
    let text = greedy::markdown(&[(o, 1.0)]);
    assert!(
        text.contains("| C1 | edgetpu@wide | edgetpu | 1.73 | 1.65 | "),
        "{text}"
    );
    assert!(text.contains("| 1.00-2.00 | 50 % |"), "{text}");
}
