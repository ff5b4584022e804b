//! Measures the exact mapper: every different layer of four networks on three accelerators.
//!
//! ```sh
//! cargo run --release --example exact_mapper                               # all of it
//! cargo run --release --example exact_mapper -- resnet50 eyeriss edp 1000000   # network, accelerator, objective, steps
//! cargo run --release --example exact_mapper -- vgg16 edgetpu edp 3000000 conv4   # only layers of that name
//! ```

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool that measures")]

use naas::base::diag::Result;
use naas::base::files;
use naas::base::interrupt::Interrupt;
use naas::cost::tech::Technology;
use naas::search::design::Design;
use naas::search::mapper::{MapperSettings, map_layer};
use naas::search::problem::{CostModel, Objective, Suite};
use naas::search::prove::{Limits, Proven, prove};
use naas::workload::zoo;
use std::path::Path;
use std::time::Instant;

/// CPU seconds of this thread, or since `start` where the system does not say.
fn seconds(start: Instant) -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let busy = stat.and_then(|s| s.split(' ').next()?.parse::<f64>().ok());
    busy.map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn main() -> Result<()> {
    let begin = Instant::now();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let pick = |i: usize, all: &[&str]| -> Vec<String> {
        match args.get(i).filter(|a| *a != "all") {
            Some(a) => vec![a.clone()],
            None => all.iter().map(|s| (*s).to_owned()).collect(),
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let technology = Technology::named("45nm")?;
    let mut suite = Suite::default();
    for name in pick(0, &["resnet50", "mobilenet_v2", "vgg16", "bert_block_seq128"]) {
        suite.add(&name, &zoo::network(&name)?.layers)?;
    }
    let steps = args
        .get(3)
        .and_then(|s| s.parse().ok())
        .unwrap_or(Limits::default().steps);
    for chip in pick(1, &["eyeriss", "nvdla-256", "edgetpu"]) {
        let path = root.join(format!("workloads/designs/{chip}-searched.json"));
        let accelerator = files::read_json::<Design>(&path)?.accelerator;
        for objective in [Objective::Edp, Objective::Latency, Objective::Energy] {
            let name = format!("{objective:?}").to_lowercase();
            if !pick(2, &["edp", "latency"]).contains(&name) {
                continue;
            }
            for (layer, nest) in &suite.distinct {
                if args.get(4).is_some_and(|only| only != layer) {
                    continue;
                }
                let mut model = technology.on(&accelerator);
                let settings = |evaluations| MapperSettings {
                    objective,
                    evaluations,
                    ..MapperSettings::default()
                };
                let nobody = &Interrupt::default();
                let mut map =
                    |evaluations| map_layer(nest, &accelerator, &mut *model, &settings(evaluations), 1, nobody);
                let Ok(few) = map(100) else { continue };
                let t0 = seconds(begin);
                let Ok(start) = map(2000) else { continue };
                let t1 = seconds(begin);
                let limits = Limits { steps, gap: 0.0 };
                let Proven { best, proof, .. } =
                    prove(nest, &accelerator, &mut *model, objective, limits, start.best, nobody)?;
                let Some(proof) = proof else { continue };
                let value = objective.of(&best.figures);
                println!(
                    "{chip:10} {name:8} {layer:28} gap {:7.3}% {} steps {:9} {:6.2}s+{:.2}s cma100 +{:.2}% cma2000 +{:.2}%  {}",
                    100.0 * proof.gap,
                    if proof.optimal { "opt" } else { "   " },
                    proof.steps,
                    t1 - t0,
                    seconds(begin) - t1,
                    100.0 * (objective.of(&few.best.figures) / value - 1.0),
                    100.0 * (objective.of(&start.best.figures) / value - 1.0),
                    best.mapping,
                );
            }
        }
    }
    Ok(())
}
