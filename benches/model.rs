//! How many mappings per CPU-second the cost model evaluates, on ResNet50's distinct layers.
//!
//! Ends with one line per figure, `figure NAME VALUE UNIT`. An evaluation starts from a mapping: schedule, counts, energy
//! and exact cycles; or, for `bounded_counts`, schedule, counts and the lower bound of cycles. Mappings are seeded, and no
//! result is reused between evaluations. Time is wall time of one thread, of each block of mappings that of its fastest
//! round: never less than the CPU time, and near it in a round that nothing else disturbs. What else runs on the machine
//! still shows a little.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use naas::arch::accelerator::Accelerator;
use naas::base::rng;
use naas::cost::Model;
use naas::cost::bound::lower_bound;
use naas::cost::counts::tally;
use naas::cost::cycles::Evaluator;
use naas::cost::tech::Technology;
use naas::cost::walk::walk;
use naas::mapping::random::passes;
use naas::mapping::schedule::{Schedule, Setting};
use naas::mapping::tiling::Mapping;
use naas::search::encoding::mapping::{MappingSpace, genes};
use naas::search::heuristics::seeds;
use naas::search::importance::Encoding;
use naas::workload::layer::LoopNest;
use naas::workload::zoo;
use rand::RngExt as _;
use std::time::Instant;

/// The machine of the project's studies: 16 x 16, 512 bytes of buffers per PE in all, 256 KiB of level 2.
const MACHINE: &str = r#"{"name": "ck16", "axes": [{"size": 16, "dims": ["K"]}, {"size": 16, "dims": ["C"]}],
  "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 1024, "slots": 2}, "psum": {"words": 256, "slots": 2}},
  "l2": {"W": {"bytes": 49152, "slots": 2}, "I": {"bytes": 49152, "slots": 2}, "O": {"bytes": 32768, "slots": 2}},
  "lanes": {"W": 16, "I": 16, "drain": 16}, "requantizers": 4,
  "offchip": {"bytes_per_cycle": 16, "latency_cycles": 64}}"#;

const MAPPINGS_PER_LAYER: usize = 500;
const MOST_PASSES: u64 = 2_000_000;
/// Mappings that are timed together: some tenths of a millisecond, less than a time slice.
const BLOCK: usize = 250;
/// Most rounds of a block, and how long they take together, so that slow blocks get fewer.
const ROUNDS: u128 = 60;
const LONGEST_NANOSECONDS: u128 = 300_000_000;

/// Mappings, each with the setting that it is for.
type Mappings<'a> = Vec<(&'a Setting, Mapping)>;

fn main() {
    let machine: Accelerator = serde_json::from_str(MACHINE).unwrap();
    let nests: Vec<LoopNest> = zoo::network("resnet50")
        .unwrap()
        .distinct()
        .iter()
        .map(|d| d.shape.nest().unwrap())
        .collect();
    let settings: Vec<Setting> = nests.iter().map(|nest| Setting::new(nest, &machine)).collect();
    let (random, search) = mappings(&machine, &settings);
    let mut model = Model::new(&Technology::named("45nm").unwrap(), &machine);
    let mut exact = |set: &Mappings| rate(set, |s| model.cost(s).cycles);
    let (exact_random, exact_search) = (exact(&random), exact(&search));
    let small: Mappings = of(&random, |s| s.nest.bounds.0[2] == 7);
    let large: Mappings = of(&random, |s| passes(s) >= 1_000_000);
    let (exact_small, exact_large) = (exact(&small), exact(&large));
    let bounded = rate(&random, |s| lower_bound(s, &tally(s)));
    let mut evaluator = Evaluator::new();
    let some: Mappings = of(&random, |s| passes(s) < 100_000).into_iter().step_by(43).collect();
    let ratio = rate(&some, |s| evaluator.cycles(s)) / rate(&some, |s| walk(s).cycles);
    let mut gap = |set: &Mappings| median_gap(set, &mut evaluator);
    let (gap_random, gap_search) = (gap(&random), gap(&search));
    for (name, value, unit) in [
        ("mean_passes_random", mean_passes(&random), "passes"),
        ("mean_passes_search", mean_passes(&search), "passes"),
        ("exact_random_per_cpu_second", exact_random, "evaluations/s"),
        ("exact_search_per_cpu_second", exact_search, "evaluations/s"),
        ("exact_7x7_layers_per_cpu_second", exact_small, "evaluations/s"),
        ("exact_million_passes_per_cpu_second", exact_large, "evaluations/s"),
        ("bounded_counts_per_cpu_second", bounded, "evaluations/s"),
        ("bound_median_gap_random", gap_random, "percent"),
        ("bound_median_gap_search", gap_search, "percent"),
        ("exact_over_walk", ratio, "times"),
        ("peak_memory", peak_mebibytes(), "MiB"),
    ] {
        println!("figure {name} {value:.1} {unit}");
    }
}

/// Random legal mappings, and mappings near the heuristics as a search visits them.
fn mappings<'a>(machine: &Accelerator, settings: &'a [Setting]) -> (Mappings<'a>, Mappings<'a>) {
    let (mut random, mut search) = (Vec::new(), Vec::new());
    for (layer, setting) in settings.iter().enumerate() {
        let space = MappingSpace::new(&setting.nest, machine);
        let mut draw = rng::stream(1, &[layer as u64]);
        let take = |set: &mut Mappings<'a>, genes: &[f64]| {
            let decoded = space.decode(Encoding::Importance, genes);
            set.extend(
                decoded
                    .filter(|m| passes(&setting.schedule(m)) <= MOST_PASSES)
                    .map(|m| (setting, m)),
            );
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

/// The mappings whose schedules are `wanted`.
fn of<'a>(set: &Mappings<'a>, wanted: impl Fn(&Schedule) -> bool) -> Mappings<'a> {
    set.iter()
        .filter(|(setting, m)| wanted(&setting.schedule(m)))
        .copied()
        .collect()
}

fn mean_passes(set: &Mappings) -> f64 {
    let sum: u64 = set.iter().map(|(setting, m)| passes(&setting.schedule(m))).sum();
    sum as f64 / set.len().max(1) as f64
}

/// Median of exact cycles over the bound, less one, in percent.
fn median_gap(set: &Mappings, evaluator: &mut Evaluator) -> f64 {
    let mut gaps: Vec<f64> = set
        .iter()
        .map(|(setting, m)| {
            let s = setting.schedule(m);
            evaluator.cycles(&s) as f64 / lower_bound(&s, &tally(&s)) as f64 - 1.0
        })
        .collect();
    gaps.sort_by(f64::total_cmp);
    100.0 * gaps.get(gaps.len() / 2).copied().unwrap_or(0.0)
}

/// Evaluations per second, schedules included: of each block of mappings, the fastest of several rounds counts. The sum of
/// results keeps them from being optimised away.
fn rate(set: &Mappings, mut evaluate: impl FnMut(&Schedule) -> u64) -> f64 {
    let (mut nanoseconds, mut sum) = (0, 0_u64);
    for block in set.chunks(BLOCK) {
        let mut round = || {
            let begin = Instant::now();
            for (setting, m) in block {
                sum = sum.wrapping_add(evaluate(&setting.schedule(m)));
            }
            begin.elapsed().as_nanos()
        };
        let first = round();
        let rounds = (LONGEST_NANOSECONDS / first.max(1)).clamp(2, ROUNDS);
        nanoseconds += (1..rounds).map(|_| round()).fold(first, u128::min);
    }
    std::hint::black_box(sum);
    set.len() as f64 * 1e9 / nanoseconds.max(1) as f64
}

/// The most memory that this process held, as Linux counts it.
fn peak_mebibytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}
