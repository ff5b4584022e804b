//! What holds for every layer, accelerator and mapping: a sample in every run, millions where long tests run.

use crate::descriptor::{self, Run};
use crate::{equal, fast_equals_walk, on_random_triples};
use naas::arch::accelerator::Accelerator;
use naas::base::dims::Dim;
use naas::base::rng::stream;
use naas::cost::bound::lower_bound;
use naas::cost::counts::{Tally, tally};
use naas::cost::cycles::{Evaluator, fits};
use naas::cost::walk::walk;
use naas::mapping::legality::{Violation, violations};
use naas::mapping::random::{Limits, Triple, random_triple};
use naas::mapping::schedule::Schedule;
use naas::rtl::compile::{self, Placement};
use naas::workload::layer::LoopNest;
use naas::workload::quant::LayerPost;
use rayon::prelude::*;

type Checked = Result<(), String>;

fn at_least(what: &str, got: u64, least: u64) -> Checked {
    if got >= least {
        return Ok(());
    }
    Err(format!("{what}: {got} is below {least}"))
}

/// MACs are the layer's; cycles are at least the work over the width at every level, and at least the bound.
fn bounds_hold(t: &Triple) -> Checked {
    let s = t.schedule();
    let (sums, cycles) = (tally(&s), Evaluator::new().cycles(&s));
    let (c, a) = (&sums.counts, &t.accelerator);
    equal("fits", &fits(&t.nest), &true)?;
    equal("MACs", &c.macs, &t.nest.macs())?;
    let over = |words: u64, width: u32| words.div_ceil(width.into());
    at_least("cycles, the bound", cycles, lower_bound(&s, &sums))?;
    at_least("cycles, MACs per PE", cycles, over(c.macs, a.pes()))?;
    at_least("cycles, weights per lane", cycles, over(c.w_words, a.lanes.W))?;
    at_least("cycles, inputs per lane", cycles, over(c.i_words, a.lanes.I))?;
    at_least("cycles, psums per lane", cycles, over(c.psum_words, a.lanes.drain))?;
    let outputs = c.psum_words - c.acc_reads;
    at_least("cycles, outputs per requantizer", cycles, over(outputs, a.requantizers))?;
    at_least("cycles, read beats", cycles, c.read_beats)?;
    at_least("cycles, write beats", cycles, c.write_beats)?;
    accesses_cover_tensors(&t.nest, a, &sums)
}

/// Every element of every tensor crosses every level at least once.
fn accesses_cover_tensors(n: &LoopNest, a: &Accelerator, sums: &Tally) -> Checked {
    let (c, bus) = (&sums.counts, u64::from(a.offchip.bytes_per_cycle));
    let groups = u64::from(n.g);
    let images = groups * u64::from(n.n);
    let size = |dims: &[Dim]| dims.iter().map(|&d| u64::from(n.bounds[d])).product::<u64>();
    let weights = groups * size(&[Dim::K, Dim::C, Dim::R, Dim::S]);
    let outputs = images * size(&[Dim::K, Dim::Y, Dim::X]);
    let inputs = images * u64::from(n.input_channels()) * touched(n, 0) * touched(n, 1);
    at_least("weights to buffers", c.w_words, weights)?;
    at_least("weights from off chip", sums.fills.w * bus, weights)?;
    at_least("inputs to buffers", c.i_words, inputs)?;
    at_least("inputs from off chip", sums.fills.i * bus, inputs)?;
    at_least("parameters", sums.fills.p * bus, 9 * groups * size(&[Dim::K]))?;
    equal("outputs", &(c.psum_words - c.acc_reads), &outputs)?;
    at_least("outputs to off chip", c.write_beats * bus, outputs)
}

/// Input rows (`side` 0) or columns (1), padding left out, that some tap of some output touches.
fn touched(n: &LoopNest, side: usize) -> u64 {
    let (out, tap) = [(Dim::Y, Dim::R), (Dim::X, Dim::S)][side];
    let taps = |position: u32| (0..n.bounds[tap]).map(move |t| (position, t));
    let mut rows: Vec<u32> = (0..n.bounds[out])
        .flat_map(taps)
        .map(|(position, t)| position * n.stride[side] + t * n.dilation[side])
        .filter_map(|row| row.checked_sub(n.pad[side]).filter(|&row| row < n.input[side]))
        .collect();
    rows.sort_unstable();
    rows.dedup();
    rows.len() as u64
}

/// The packed descriptor alone gives the same jobs in the same time.
fn descriptor_equals_the_walk(t: &Triple) -> Checked {
    let s = t.schedule();
    let walked = walk(&s);
    let (jobs, busy) = (walked.tally.counts.jobs, walked.tally.busy);
    let want = Run {
        cycles: walked.cycles,
        jobs: [jobs.read, jobs.w, jobs.i, jobs.compute, jobs.drain, jobs.write],
        busy: [busy.read, busy.w, busy.i, busy.compute, busy.drain, busy.write],
    };
    equal("descriptor", &descriptor::run(&packed(&s), &t.accelerator), &want)
}

/// The control table's bytes; data lies anywhere.
fn packed(s: &Schedule) -> Vec<u8> {
    let post = LayerPost {
        channels: Vec::new(),
        zero_point: 0,
        lo: -128,
        hi: 127,
        input_zero_point: 0,
    };
    let at = Placement {
        input: 0,
        second: 0,
        output: 0,
        weights: 0,
        params: 0,
        highest: 9,
        stored: s.nest.input,
    };
    compile::descriptor(s, &at, &post, 0, 0).encode().unwrap()
}

/// A change of an accelerator that cannot make it slower.
type Knob = (&'static str, fn(&mut Accelerator));

const KNOBS: [Knob; 13] = [
    ("latency", |a| {
        a.offchip.latency_cycles = a.offchip.latency_cycles.div_ceil(2);
    }),
    ("off-chip width", |a| a.offchip.bytes_per_cycle *= 2),
    ("W lanes, up to the bus", |a| {
        if a.lanes.W < a.offchip.bytes_per_cycle {
            a.lanes.W *= 2;
        }
    }),
    ("I lanes", |a| a.lanes.I *= 2),
    ("requantizers", |a| a.requantizers *= 2),
    ("drain lanes, up to the bus, and requantizers", |a| {
        if a.lanes.drain < a.offchip.bytes_per_cycle {
            a.lanes.drain *= 2;
            a.requantizers *= 2;
        }
    }),
    ("W slots", |a| a.buffers.W.slots = 2),
    ("I slots", |a| a.buffers.I.slots = 2),
    ("psum slots", |a| a.buffers.psum.slots = 2),
    ("level-2 W slots", |a| a.l2.W.slots = 2),
    ("level-2 I slots", |a| a.l2.I.slots = 2),
    ("level-2 O slots", |a| a.l2.O.slots = 2),
    ("level-2 P slots", |a| a.l2.P.slots = 2),
];

/// Cycles of the triple after `change`, if it can still be built and its tiles keep their alignment. How much the
/// memories hold says nothing of cycles.
fn changed(t: &Triple, change: impl Fn(&mut Accelerator)) -> Option<u64> {
    let mut a = t.accelerator.clone();
    change(&mut a);
    for m in [
        &mut a.buffers.W,
        &mut a.buffers.I,
        &mut a.l2.W,
        &mut a.l2.I,
        &mut a.l2.O,
    ] {
        m.bytes = 1 << 22;
    }
    (a.buffers.psum.words, a.l2.P.bytes) = (1 << 22, 9 << 18);
    let fits = |v: &Violation| matches!(v, Violation::Capacity { .. });
    let legal = a.violations().is_empty() && violations(&t.nest, &a, &t.mapping).iter().all(fits);
    legal.then(|| Evaluator::new().cycles(&Schedule::new(&t.nest, &a, &t.mapping)))
}

fn more_never_costs_cycles(t: &Triple) -> Checked {
    let cycles = Evaluator::new().cycles(&t.schedule());
    for (name, change) in KNOBS {
        if let Some(after) = changed(t, change) {
            at_least(&format!("cycles before more or faster {name}"), cycles, after)?;
        }
    }
    Ok(())
}

fn everything(t: &Triple) -> Checked {
    fast_equals_walk(t)?;
    bounds_hold(t)?;
    more_never_costs_cycles(t)?;
    descriptor_equals_the_walk(t)
}

#[test]
fn work_widths_and_tensors_bound_cycles_and_accesses() {
    on_random_triples(0..10_000, Limits::default(), bounds_hold);
}

#[test]
fn descriptors_say_it_all() {
    on_random_triples(0..3000, Limits::default(), descriptor_equals_the_walk);
}

#[test]
fn bandwidth_latency_and_slots_never_cost_cycles() {
    on_random_triples(0..10_000, Limits::default(), more_never_costs_cycles);
}

fn triple(seed: u64) -> Triple {
    random_triple(&mut stream(seed, &[]), &Limits::default())
}

/// Every knob helps now and then, or the test above says nothing.
#[test]
fn knobs_turn() {
    for (name, change) in KNOBS {
        let faster = |seed: &u64| {
            let t = triple(*seed);
            changed(&t, change).is_some_and(|after| after < Evaluator::new().cycles(&t.schedule()))
        };
        let helped = (0..2000).filter(faster).count();
        assert!(helped >= 5, "{name} helps in {helped} of 2000");
    }
}

/// The exceptions of docs/timing.md: wider vectors that are not full.
#[test]
fn wider_vectors_that_stay_empty_can_cost_cycles() {
    let exceptions: [Knob; 3] = [
        // Final sums leave at the output unit's width, vector by vector.
        ("drain lanes alone", |a| {
            if a.lanes.drain < a.offchip.bytes_per_cycle {
                a.lanes.drain *= 2;
            }
        }),
        // Weights and parameters are packed off chip in words of the lanes where these are wider than the bus.
        ("W lanes beyond the bus", |a| {
            a.lanes.W = 2 * a.offchip.bytes_per_cycle.max(a.lanes.W);
        }),
        ("drain lanes and requantizers beyond the bus", |a| {
            let wider = 2 * a.offchip.bytes_per_cycle.max(a.lanes.drain);
            a.requantizers *= wider / a.lanes.drain;
            a.lanes.drain = wider;
        }),
    ];
    for (name, change) in exceptions {
        let slower = |seed: u64| {
            let t = triple(seed);
            changed(&t, change).is_some_and(|after| after > Evaluator::new().cycles(&t.schedule()))
        };
        assert!((0..5000).any(slower), "{name} never cost a cycle");
    }
}

/// Cases of the long test, unless the variable `NAAS_CASES` says how many.
const MILLIONS: u64 = 2_000_000;

#[test]
#[ignore = "takes an hour of CPU time"]
fn everything_holds_on_millions() {
    const BLOCK: u64 = 1000;
    let cases = std::env::var("NAAS_CASES").map_or(MILLIONS, |text| text.parse().unwrap());
    // Seeds that no other test uses.
    let first = 1 << 32;
    (0..cases.div_ceil(BLOCK)).into_par_iter().for_each(|block| {
        let from = first + block * BLOCK;
        on_random_triples(from..from + BLOCK, Limits::default(), everything);
    });
}
