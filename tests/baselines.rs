//! The committed human baselines: legal, priced as the model prices them, and what the generator writes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use naas::base::interrupt::Interrupt;
use naas::cost::network::cost;
use naas::cost::tech::Technology;
use naas::mapping::legality::schedule;
use naas::report::baselines::{FIGURES, SIMULATED, Simulated, simulated, splice, table};
use naas::search::baselines::{SAMPLES, SEED, TECHNOLOGY, Version, design, networks, samples};
use naas::search::dataflow::{DATAFLOWS, Dataflow};
use naas::search::design::Design;
use naas::workload::zoo;
use std::path::Path;

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn file(flow: &Dataflow, version: Version) -> String {
    format!("workloads/designs/{}-{}.json", flow.name, version.as_str())
}

fn read(flow: &Dataflow, version: Version) -> Design {
    serde_json::from_str(&text(&file(flow, version))).unwrap()
}

#[test]
fn every_design_is_legal_and_costs_what_it_records() {
    let technology = Technology::named(TECHNOLOGY).unwrap();
    let runnable: Vec<String> = networks().unwrap().0.into_iter().map(|n| n.name).collect();
    for flow in &DATAFLOWS {
        for version in Version::ALL {
            let (name, d) = (file(flow, version), read(flow, version));
            d.check(&name).unwrap();
            assert_eq!(d.to_json(), text(&name), "{name}");
            assert_eq!(
                (&d.accelerator, d.provenance.seed),
                (&flow.accelerator().unwrap(), SEED)
            );
            let held: Vec<&str> = d.networks.iter().map(|n| n.name.as_str()).collect();
            assert_eq!(held, runnable, "{name}");
            for network in &d.networks {
                assert_eq!(network.layers, zoo::network(&network.source).unwrap().layers, "{name}");
                let mut priced = network.clone();
                priced.price(&technology, &d.accelerator).unwrap();
                assert_eq!(priced.total, network.total, "{name} {}", network.name);
            }
        }
    }
}

#[test]
fn searched_mappings_are_no_worse_than_dictated_ones() {
    for flow in &DATAFLOWS {
        let [fixed, searched] = Version::ALL.map(|v| read(flow, v));
        for (f, s) in fixed.networks.iter().zip(&searched.networks) {
            assert!(s.total.edp <= f.total.edp, "{} {}", flow.name, f.name);
        }
    }
}

#[test]
fn dictated_designs_are_written_again() {
    let (networks, _) = networks().unwrap();
    for flow in &DATAFLOWS {
        let made = design(flow, Version::Fixed, &networks, &Interrupt::default()).unwrap();
        assert!(made.to_json() == text(&file(flow, Version::Fixed)), "{}", flow.name);
    }
}

/// The seeds of a network's layers follow from its place among the networks: the first one can be searched alone.
#[test]
fn a_searched_network_is_found_again() {
    let (networks, _) = networks().unwrap();
    let flow = Dataflow::named("shidiannao").unwrap();
    let made = design(flow, Version::Searched, &networks[..1], &Interrupt::default()).unwrap();
    assert_eq!(made.networks[0], read(flow, Version::Searched).networks[0]);
}

#[test]
#[ignore = "long: searches thousands of mappings for each layer of all networks"]
fn searched_designs_are_written_again() {
    let (networks, _) = networks().unwrap();
    for flow in &DATAFLOWS {
        let made = design(flow, Version::Searched, &networks, &Interrupt::default()).unwrap();
        assert!(made.to_json() == text(&file(flow, Version::Searched)), "{}", flow.name);
    }
}

/// The page's cycles of the hardware are still those of the model: `baselines -- --rtl` measured them.
#[test]
fn the_page_shows_layers_in_rtl_with_the_cycles_of_the_model() {
    let technology = Technology::named(TECHNOLOGY).unwrap();
    let mut rows = Vec::new();
    for flow in &DATAFLOWS {
        let pair = Version::ALL.map(|v| read(flow, v));
        let a = &pair[0].accelerator;
        let samples = samples(&pair).unwrap();
        assert_eq!(samples.len(), SAMPLES, "{}", flow.name);
        let (mut layers, mut schedules) = (Vec::new(), Vec::new());
        for (sample, mapping) in samples.iter().flat_map(|s| s.mappings.iter().map(move |m| (s, m))) {
            layers.push(sample.layer.clone());
            schedules.push(schedule(&sample.layer.nest().unwrap(), a, mapping).unwrap());
        }
        let costed = cost(&technology, a, &layers, &schedules).unwrap();
        for (i, row) in costed.rows.iter().enumerate() {
            rows.push(Simulated {
                baseline: flow.name.into(),
                network: samples[i / 2].network.clone(),
                layer: layers[i].name.clone(),
                nest: layers[i].nest().unwrap(),
                version: Version::ALL[i % 2],
                rtl: row.cycles,
                model: row.cycles,
            });
        }
    }
    let page = text("docs/baselines.md");
    assert!(
        splice(&page, SIMULATED, &simulated(&rows)).unwrap() == page,
        "run `cargo run --release --example baselines -- --rtl`"
    );
}

#[test]
fn the_page_shows_the_recorded_figures() {
    let pairs: Vec<[Design; 2]> = DATAFLOWS.iter().map(|f| Version::ALL.map(|v| read(f, v))).collect();
    let page = text("docs/baselines.md");
    assert!(
        splice(&page, FIGURES, &table(&pairs)).unwrap() == page,
        "run `cargo run --example baselines`"
    );
}
