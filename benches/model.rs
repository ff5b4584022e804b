//! How many mappings per CPU-second the cost model evaluates, on ResNet50's distinct layers.
//!
//! Ends with one line per figure, `figure NAME VALUE UNIT`. Mappings are seeded, nothing is reused between evaluations. CPU
//! time is this thread's own, so a busy machine changes figures little; compare ratios all the same.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use naas::arch::accelerator::Accelerator;
use naas::base::rng;
use naas::cost::bound::lower_bound;
use naas::cost::counts::tally;
use naas::cost::cycles::Evaluator;
use naas::cost::walk::walk;
use naas::mapping::random::passes;
use naas::mapping::schedule::Schedule;
use naas::search::encoding::mapping::{MappingSpace, genes};
use naas::search::heuristics::seeds;
use naas::search::importance::Encoding;
use naas::workload::zoo;
use rand::RngExt as _;

/// The machine of the project's studies: 16 x 16, 512 bytes of buffers per PE in all, 256 KiB of level 2.
const MACHINE: &str = r#"{"name": "ck16", "axes": [{"size": 16, "dims": ["K"]}, {"size": 16, "dims": ["C"]}],
  "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 1024, "slots": 2}, "psum": {"words": 256, "slots": 2}},
  "l2": {"W": {"bytes": 49152, "slots": 2}, "I": {"bytes": 49152, "slots": 2}, "O": {"bytes": 32768, "slots": 2}},
  "lanes": {"W": 16, "I": 16, "drain": 16}, "requantizers": 4,
  "offchip": {"bytes_per_cycle": 16, "latency_cycles": 64}}"#;

const MAPPINGS_PER_LAYER: usize = 200;
const MOST_PASSES: u64 = 2_000_000;

fn main() {
    let machine: Accelerator = serde_json::from_str(MACHINE).unwrap();
    let (random, search) = mappings(&machine);
    let mut evaluator = Evaluator::new();
    let mut exact = |set: &[Schedule]| rate(set, |s| evaluator.cycles(s));
    let (exact_random, exact_search) = (exact(&random), exact(&search));
    let bounded = rate(&random, |s| lower_bound(s, &tally(s)));
    let some: Vec<Schedule> = random
        .iter()
        .step_by(17)
        .filter(|s| passes(s) < 100_000)
        .cloned()
        .collect();
    let ratio = rate(&some, |s| evaluator.cycles(s)) / rate(&some, |s| walk(s).cycles);
    for (name, value, unit) in [
        ("mean_passes_random", mean_passes(&random), "passes"),
        ("mean_passes_search", mean_passes(&search), "passes"),
        ("exact_random_per_cpu_second", exact_random, "evaluations/s"),
        ("exact_search_per_cpu_second", exact_search, "evaluations/s"),
        ("bounded_counts_per_cpu_second", bounded, "evaluations/s"),
        ("exact_over_walk", ratio, "times"),
    ] {
        println!("figure {name} {value:.1} {unit}");
    }
}

/// Random legal mappings, and mappings near the heuristics as a search visits them.
fn mappings(machine: &Accelerator) -> (Vec<Schedule>, Vec<Schedule>) {
    let (mut random, mut search) = (Vec::new(), Vec::new());
    for (layer, d) in zoo::network("resnet50").unwrap().distinct().iter().enumerate() {
        let nest = d.shape.nest().unwrap();
        let space = MappingSpace::new(&nest, machine);
        let mut draw = rng::stream(1, &[layer as u64]);
        let take = |set: &mut Vec<Schedule>, genes: &[f64]| {
            let Some(m) = space.decode(Encoding::Importance, genes) else {
                return;
            };
            let schedule = Schedule::new(&nest, machine, &m);
            if passes(&schedule) <= MOST_PASSES {
                set.push(schedule);
            }
        };
        let starts: Vec<Vec<f64>> = seeds(&space)
            .iter()
            .map(|m| space.encode(Encoding::Importance, m))
            .collect();
        for i in 0..MAPPINGS_PER_LAYER {
            let uniform: Vec<f64> = (0..genes(Encoding::Importance)).map(|_| draw.random()).collect();
            take(&mut random, &uniform);
            if let Some(start) = starts.get(i % starts.len().max(1)) {
                let near: Vec<f64> = start
                    .iter()
                    .zip(&uniform)
                    .map(|(s, u)| (s + 0.2 * (u - 0.5)).clamp(0.0, 1.0))
                    .collect();
                take(&mut search, &near);
            }
        }
    }
    (random, search)
}

fn mean_passes(set: &[Schedule]) -> f64 {
    set.iter().map(passes).sum::<u64>() as f64 / set.len().max(1) as f64
}

/// Evaluations per second of this thread's CPU time; the sum of results keeps them from being optimised away.
fn rate(set: &[Schedule], mut evaluate: impl FnMut(&Schedule) -> u64) -> f64 {
    let begin = cpu_nanoseconds();
    let sum: u64 = set
        .iter()
        .map(|s| std::hint::black_box(evaluate(s)))
        .fold(0, u64::wrapping_add);
    std::hint::black_box(sum);
    set.len() as f64 * 1e9 / (cpu_nanoseconds() - begin).max(1) as f64
}

/// CPU time of this thread as Linux counts it.
fn cpu_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
