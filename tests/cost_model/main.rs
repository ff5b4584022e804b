//! The cost model against independent counts: the walk over all jobs, and naive loops over all multiply-accumulates.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod descriptor;
mod interpreter;
mod invariants;

use interpreter::{Accesses, Interpreter};
use naas::base::rng::stream;
use naas::cost::counts::tally;
use naas::cost::cycles::{Evaluator, fits};
use naas::cost::energy::area;
use naas::cost::tech::Technology;
use naas::cost::walk::{Constants, Engine, Job, observe, walk};
use naas::cost::{Model, layer_cost, network_cost};
use naas::mapping::random::{Limits, Triple, random_triple, shrink};

/// Checks `property` on the triples of `seeds`; a failure is shrunk and printed with its seed.
fn on_random_triples(seeds: std::ops::Range<u64>, limits: Limits, property: impl Fn(&Triple) -> Result<(), String>) {
    for seed in seeds {
        let t = random_triple(&mut stream(seed, &[]), &limits);
        if property(&t).is_err() {
            let small = shrink(&t, |t| property(t).is_err());
            let why = property(&small).unwrap_err();
            panic!("seed {seed}: {why}\nsmallest such triple: {small:#?}");
        }
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Result<(), String> {
    if got == want {
        return Ok(());
    }
    Err(format!("{what}: {got:?} instead of {want:?}"))
}

fn fast_equals_walk(t: &Triple) -> Result<(), String> {
    let s = t.schedule();
    let walked = walk(&s);
    equal("cycles", &Evaluator::new().cycles(&s), &walked.cycles)?;
    equal("tally", &tally(&s), &walked.tally)
}

#[test]
fn composition_equals_the_walk() {
    on_random_triples(0..30_000, Limits::default(), fast_equals_walk);
}

/// Random triples that split an axis, and no others.
fn on_split_triples(seeds: std::ops::Range<u64>, limits: Limits, property: impl Fn(&Triple) -> Result<(), String>) {
    let split = |t: &Triple| t.mapping.split.0.iter().any(|&positions| positions > 1);
    let checked = std::cell::Cell::new(0u64);
    on_random_triples(seeds.clone(), limits, |t| {
        if !split(t) {
            return Ok(());
        }
        checked.set(checked.get() + 1);
        property(t)
    });
    assert!(checked.get() * 10 > seeds.end - seeds.start, "{}", checked.get());
}

#[test]
fn split_axes_are_counted_as_a_naive_interpreter_counts_them() {
    let limits = Limits {
        macs: 20_000,
        ..Limits::default()
    };
    on_split_triples(20_000..24_000, limits, |t| {
        equal("accesses", &counted(t), &Interpreter::run(t))
    });
}

#[test]
fn composition_equals_the_walk_on_long_loops() {
    let limits = Limits {
        passes: 100_000,
        macs: 3_000_000,
        channels: 100,
        side: 50,
        ..Limits::default()
    };
    on_random_triples(0..4000, limits, fast_equals_walk);
}

#[test]
fn an_evaluator_forgets_what_it_evaluated_before() {
    let mut used = Evaluator::new();
    for seed in 0..500 {
        let s = random_triple(&mut stream(seed, &[]), &Limits::default()).schedule();
        assert_eq!(used.cycles(&s), Evaluator::new().cycles(&s), "seed {seed}");
    }
}

#[test]
fn accesses_equal_a_naive_interpreter() {
    let limits = Limits {
        macs: 20_000,
        ..Limits::default()
    };
    on_random_triples(0..1000, limits, |t| {
        equal("accesses", &counted(t), &Interpreter::run(t))
    });
}

/// What the cost model counts of a triple.
fn counted(t: &Triple) -> Accesses {
    let c = tally(&t.schedule()).counts;
    Accesses {
        macs: c.macs,
        compute_cycles: c.compute_cycles,
        w_words: c.w_words,
        i_words: c.i_words,
        i_writes: c.i_writes,
        psum_words: c.psum_words,
        acc_reads: c.acc_reads,
        read_beats: c.read_beats,
        write_beats: c.write_beats,
    }
}

/// A constant of the walk, by name.
type Access = (&'static str, fn(&mut Constants) -> &mut u64);

const CONSTANTS: [Access; 12] = [
    ("release.w", |c| &mut c.release.w),
    ("release.i", |c| &mut c.release.i),
    ("release.psum", |c| &mut c.release.psum),
    ("release.l2_w", |c| &mut c.release.l2_w),
    ("release.l2_i", |c| &mut c.release.l2_i),
    ("release.l2_o", |c| &mut c.release.l2_o),
    ("release.l2_p", |c| &mut c.release.l2_p),
    ("read_to_use", |c| &mut c.read_to_use),
    ("w_to_compute", |c| &mut c.w_to_compute),
    ("i_to_compute", |c| &mut c.i_to_compute),
    ("compute_to_drain", |c| &mut c.compute_to_drain),
    ("drain_to_write", |c| &mut c.drain_to_write),
];

#[test]
fn every_constant_matters() {
    for (name, constant) in CONSTANTS {
        for change in [-1, 1] {
            let caught = (0..3000).any(|seed| {
                let s = random_triple(&mut stream(seed, &[]), &Limits::default()).schedule();
                let mut constants = Constants::of(&s);
                let value = constant(&mut constants);
                *value = value.strict_add_signed(change);
                observe(&s, &constants, &mut |_| {}).cycles != Evaluator::new().cycles(&s)
            });
            assert!(caught, "{name} changed by {change} is not caught");
        }
    }
}

#[test]
fn a_trace_shows_engines_at_work_one_job_at_a_time() {
    for seed in 0..200 {
        let s = random_triple(&mut stream(seed, &[]), &Limits::default()).schedule();
        let mut jobs: Vec<Job> = Vec::new();
        let walked = observe(&s, &Constants::of(&s), &mut |job| jobs.push(*job));
        let busy = walked.tally.busy;
        for (engine, busy) in [
            (Engine::Read, busy.read),
            (Engine::LoadW, busy.w),
            (Engine::LoadI, busy.i),
            (Engine::Compute, busy.compute),
            (Engine::Drain, busy.drain),
            (Engine::Write, busy.write),
        ] {
            let of: Vec<&Job> = jobs.iter().filter(|j| j.engine == engine).collect();
            assert!(of[0].start >= 1, "seed {seed}");
            assert!(of.windows(2).all(|w| w[0].end <= w[1].start), "seed {seed}");
            assert_eq!(of.iter().map(|j| j.end - j.start).sum::<u64>(), busy, "seed {seed}");
        }
        assert_eq!(jobs.iter().map(|j| j.end).max(), Some(walked.cycles), "seed {seed}");
    }
}

#[test]
fn costs_add_up() {
    let technology = Technology::named("45nm").unwrap();
    for seed in 0..300 {
        let t = random_triple(&mut stream(seed, &[]), &Limits::default());
        let a = &t.accelerator;
        let cost = layer_cost(&technology, &t.nest, a, &t.mapping).unwrap();
        let s = t.schedule();
        let mut model = Model::new(&technology, a);
        let estimate = model.estimate(&s);
        assert_eq!(model.complete(&s, &estimate), cost, "seed {seed}");
        assert_eq!(cost.cycles, walk(&s).cycles, "seed {seed}");
        assert!(
            estimate.edp_bound() <= cost.edp && cost.utilization <= 1.0,
            "seed {seed}"
        );
        for (name, pj) in cost.energy.named() {
            assert!(pj.is_finite() && pj > 0.0, "seed {seed}: {name} takes {pj} pJ");
        }
        for (name, um2) in area(&technology, a).named() {
            assert!(um2.is_finite() && um2 > 0.0, "seed {seed}: {name} takes {um2} um2");
        }
        let twice = network_cost(a, [(&cost, 2)]);
        assert_eq!(twice.cycles, 2 * cost.cycles);
        assert!((twice.edp / (4.0 * cost.edp) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn illegal_requests_are_refused() {
    let technology = Technology::named("45nm").unwrap();
    let t = random_triple(&mut stream(0, &[]), &Limits::default());
    let mut small = t.accelerator.clone();
    small.l2.I.bytes = small.l2.I.bytes / 2 / 64 * 64;
    assert!(layer_cost(&technology, &t.nest, &small, &t.mapping).is_err());
    let mut wide = t.nest;
    wide.stride = [1 << 20; 2];
    wide.bounds.0 = [1 << 8; 6];
    assert!(!fits(&wide));
}
