//! A search method and a cost of one's own, with the runner of this crate around them.
//!
//! ```sh
//! cargo run --release --example own_search
//! ```
//!
//! The *problem* looks for the widest array whose accelerator fits shidiannao's resources and whose smallest memory holds
//! 64 bytes; a cost model of one's own would stand in its `evaluate`. The *method* is a (1+4) evolution strategy. The runner
//! knows neither: it rejects what does not decode, keeps the history, and goes on from a log as if nothing had happened.

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use naas::arch::accelerator::Accelerator;
use naas::arch::resources::Resources;
use naas::base::diag::Result;
use naas::base::rng::stream;
use naas::search::encoding::accelerator::AcceleratorSpace;
use naas::search::numeric::{fill_normal, uniform};
use naas::search::optimizer::{Optimizer, ranking};
use naas::search::runner::{Candidate, Log, Problem, Rejection, run};

/// Accelerators with little memory per operand are no use; the more PEs the better.
struct Widest {
    space: AcceleratorSpace,
}

impl Problem for Widest {
    type Design = Accelerator;

    fn decode(&self, genes: &[f64]) -> std::result::Result<Accelerator, Rejection> {
        let a = self.space.decode(genes)?;
        let smallest = a.buffers.W.bytes.min(a.buffers.I.bytes).min(4 * a.buffers.psum.words);
        if smallest >= 64 {
            return Ok(a);
        }
        Err(Rejection {
            reason: format!("a buffer of {smallest} bytes is smaller than 64"),
            excess: 64.0 / f64::from(smallest.max(1)),
        })
    }

    fn evaluate(&mut self, generation: &[Candidate<Accelerator>]) -> Result<Vec<f64>> {
        Ok(generation.iter().map(|c| -f64::from(c.value.pes())).collect())
    }
}

/// A parent and four mutants of it; the best of all five is the next parent.
struct OnePlusFour {
    parent: (Vec<f64>, f64),
    seed: u64,
    asked: u64,
}

impl OnePlusFour {
    fn new(dimensions: usize, seed: u64) -> Self {
        let mut rng = stream(seed, &[0]);
        let middle = (0..dimensions).map(|_| uniform(&mut rng)).collect();
        Self {
            parent: (middle, f64::INFINITY),
            seed,
            asked: 0,
        }
    }
}

impl Optimizer for OnePlusFour {
    fn name(&self) -> &'static str {
        "(1+4)-ES"
    }

    fn dimensions(&self) -> usize {
        self.parent.0.len()
    }

    fn population(&self) -> usize {
        4
    }

    fn ask(&mut self) -> Vec<f64> {
        self.asked += 1;
        let mut step = vec![0.0; self.dimensions()];
        fill_normal(&mut stream(self.seed, &[self.asked, 1]), &mut step);
        let moved = self.parent.0.iter().zip(step);
        moved.map(|(x, z)| (x + 0.15 * z).clamp(0.0, 1.0)).collect()
    }

    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]) {
        if let Some(&best) = ranking(evaluated).first()
            && evaluated[best].1 <= self.parent.1
        {
            self.parent = evaluated[best].clone();
        }
    }
}

fn main() -> Result<()> {
    let space = AcceleratorSpace::new(Resources::preset("shidiannao")?);
    let mut problem = Widest { space };
    let genes = problem.space.genes();

    let mut watch = |log: &Log| {
        println!("{:3} evaluations: {} PEs", log.evaluations(), -log.best());
        Ok(log.generations.len() != 5) // As if the time were up after five generations.
    };
    let first = run(
        &mut problem,
        &mut OnePlusFour::new(genes, 1),
        80,
        Log::default(),
        &mut watch,
    )?;
    let resumed = run(&mut problem, &mut OnePlusFour::new(genes, 1), 80, first.log, &mut watch)?;
    let whole = run(
        &mut problem,
        &mut OnePlusFour::new(genes, 1),
        80,
        Log::default(),
        &mut |_| Ok(true),
    )?;
    println!(
        "stopped by {}; interrupted and whole agree: {}",
        resumed.stop_reason.as_str(),
        resumed.log == whole.log
    );
    Ok(())
}
