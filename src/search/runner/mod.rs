//! Running a search: any [`Problem`] with any [`Optimizer`], generation by generation.
//!
//! A caller brings what it wants to minimise as a [`Problem`] (how points decode, what designs cost) and a method as an
//! [`Optimizer`] (ask, tell); neither knows of the other. [`run`] fills populations by rejection, has them evaluated, tells
//! the method, and keeps a [`Log`] of all that the method was told. `examples/own_search.rs` brings both.
//!
//! **Going on later.** A method is a function of what it was told. So the log alone brings it back: [`run`] asks and tells
//! again what the log holds, evaluates nothing of it, and goes on; the result is that of a run that was never interrupted,
//! to the last bit, for methods of others too. A generation that a budget cut short is evaluated anew.

mod checkpoint;
mod fill;

pub use checkpoint::{Checkpoint, Log, Point, Told};
pub use fill::{ATTEMPTS_PER_CANDIDATE, Candidate, Rejection, Starved, fill};

use crate::base::diag::{Code, Diagnostic, Result};
use crate::search::optimizer::Optimizer;
use serde::Serialize;
use serde_json::Value;

/// What is minimised.
pub trait Problem {
    /// What a valid point means.
    type Design;

    /// What `genes`, a point of the unit box, means.
    ///
    /// # Errors
    /// The limit that stands in the way; another point is then drawn in its place.
    fn decode(&self, genes: &[f64]) -> std::result::Result<Self::Design, Rejection>;

    /// The objectives of a generation, in the order of its designs; lower is better, infinity marks what cannot be used.
    ///
    /// # Errors
    /// Whatever ends the search, an interruption among them.
    fn evaluate(&mut self, generation: &[Candidate<Self::Design>]) -> Result<Vec<f64>>;

    /// The error of a population that could not be filled.
    fn starved(&self, starved: &Starved) -> Diagnostic {
        let why = starved.nearest.as_ref().map_or("none was drawn", |r| r.reason.as_str());
        let Starved { attempts, valid, .. } = starved;
        Diagnostic::new(
            Code::NoLegalMapping,
            format!("{valid} of {attempts} sampled designs are valid; the nearest miss: {why}"),
        )
    }

    /// What the problem itself has learned from the generations so far and needs in order to go on: part of the log.
    fn memory(&self) -> Value {
        Value::Null
    }

    /// Takes back what [`Problem::memory`] gave.
    ///
    /// # Errors
    /// If it is something else.
    fn recall(&mut self, _memory: &Value) -> Result<()> {
        Ok(())
    }
}

/// What happened in one generation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Generation {
    /// Evaluations so far.
    pub evaluations: u64,
    /// Lowest objective of the generation.
    pub best: f64,
    /// Mean objective of the generation.
    pub mean: f64,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// All evaluations are spent.
    Evaluations,
    /// The time is up.
    Seconds,
    /// The method sees no use in going on.
    Stalled,
}

impl StopReason {
    /// The reason as documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluations => "evaluations",
            Self::Seconds => "seconds",
            Self::Stalled => "stalled",
        }
    }
}

/// A search that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// Everything that the method was told.
    pub log: Log,
    /// Why it ended.
    pub stop_reason: StopReason,
}

/// Minimises `problem` with `optimizer`, which is new, until `evaluations` designs are evaluated, those of `log` included
/// (an empty log starts anew).
///
/// `watch` sees the log after every generation, and says whether there is time left.
///
/// # Errors
/// Those of `problem` and `watch`; `E0102` for a log that this method and seed did not write.
pub fn run<P: Problem>(
    problem: &mut P,
    optimizer: &mut dyn Optimizer,
    evaluations: u64,
    log: Log,
    watch: &mut dyn FnMut(&Log) -> Result<bool>,
) -> Result<Ran> {
    let mut log = replay(problem, optimizer, log)?;
    let stop_reason = loop {
        let left = evaluations.saturating_sub(log.evaluations());
        if left == 0 {
            break StopReason::Evaluations;
        }
        if optimizer.stalled() {
            break StopReason::Stalled;
        }
        let population = optimizer.population();
        let count = population.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut counted = Counted { optimizer, asked: 0 };
        let candidates =
            fill(&mut counted, count, |genes| problem.decode(genes)).map_err(|starved| problem.starved(&starved))?;
        let asked = counted.asked;
        let values = problem.evaluate(&candidates)?;
        let points = candidates
            .into_iter()
            .zip(&values)
            .map(|(c, &value)| Point { genes: c.genes, value });
        let told = Told {
            asked,
            points: points.collect(),
        };
        optimizer.tell(&told.pairs());
        log.generations.push(told);
        // A generation that the budget cuts short is no part of what a longer run goes on from.
        if count == population {
            log.memory = problem.memory();
        }
        if !watch(&log)? {
            break StopReason::Seconds;
        }
    };
    Ok(Ran { log, stop_reason })
}

/// Asks and tells `optimizer` again what `log` holds.
fn replay<P: Problem>(problem: &mut P, optimizer: &mut dyn Optimizer, log: Log) -> Result<Log> {
    let Log { generations, memory } = log;
    let mut kept = Log {
        generations: Vec::with_capacity(generations.len()),
        memory,
    };
    for told in generations {
        if told.points.len() != optimizer.population() {
            break;
        }
        let mut wanted = told.points.iter().peekable();
        for _ in 0..told.asked {
            let genes = optimizer.ask();
            if wanted.next_if(|p| p.genes == genes).is_none() {
                optimizer.reject(&genes);
            }
        }
        if wanted.peek().is_some() {
            return Err(Diagnostic::new(
                Code::Malformed,
                format!(
                    "generation {} was not asked for by this search",
                    kept.generations.len() + 1
                ),
            )
            .expected("a checkpoint of the same version, method, seed and options"));
        }
        optimizer.tell(&told.pairs());
        kept.generations.push(told);
    }
    if !kept.generations.is_empty() {
        problem.recall(&kept.memory)?;
    }
    Ok(kept)
}

/// Counts what a method is asked for.
struct Counted<'a> {
    optimizer: &'a mut dyn Optimizer,
    asked: u64,
}

impl Optimizer for Counted<'_> {
    fn name(&self) -> &'static str {
        self.optimizer.name()
    }

    fn dimensions(&self) -> usize {
        self.optimizer.dimensions()
    }

    fn population(&self) -> usize {
        self.optimizer.population()
    }

    fn ask(&mut self) -> Vec<f64> {
        self.asked += 1;
        self.optimizer.ask()
    }

    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]) {
        self.optimizer.tell(evaluated);
    }

    fn reject(&mut self, genes: &[f64]) {
        self.optimizer.reject(genes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayesian::{Bayesian, Effort, QUICK};
    use crate::search::cma_es::{CmaEs, Settings};
    use crate::search::random::RandomSearch;

    /// A sphere around a point; the half of the box where the first coordinate is large is invalid.
    struct Sphere {
        evaluated: u64,
    }

    impl Problem for Sphere {
        type Design = Vec<f64>;

        fn decode(&self, genes: &[f64]) -> std::result::Result<Vec<f64>, Rejection> {
            if genes[0] < 0.5 {
                return Ok(genes.to_vec());
            }
            Err(Rejection {
                reason: "too large".into(),
                excess: 2.0 * genes[0],
            })
        }

        fn evaluate(&mut self, generation: &[Candidate<Vec<f64>>]) -> Result<Vec<f64>> {
            self.evaluated += generation.len() as u64;
            let value = |c: &Candidate<Vec<f64>>| c.value.iter().map(|x| (x - 0.3) * (x - 0.3)).sum();
            Ok(generation.iter().map(value).collect())
        }

        fn memory(&self) -> Value {
            self.evaluated.into()
        }

        fn recall(&mut self, memory: &Value) -> Result<()> {
            self.evaluated = memory.as_u64().unwrap_or_default();
            Ok(())
        }
    }

    fn methods() -> [Box<dyn Optimizer>; 3] {
        let effort = Effort { pool: 8, ..QUICK };
        [
            Box::new(Bayesian::new(3, effort, Box::new(|g| Some(g.to_vec())), 7)),
            Box::new(CmaEs::new(Settings::new(3), 7)),
            Box::new(RandomSearch::new(3, 5, 7)),
        ]
    }

    #[test]
    fn any_interruption_gives_the_uninterrupted_result() {
        for kind in 0..methods().len() {
            let go = |evaluations, log: Log, stop_after: usize| {
                let mut problem = Sphere { evaluated: 0 };
                let mut optimizer = methods().into_iter().nth(kind).unwrap();
                let mut watch = |log: &Log| Ok(log.generations.len() < stop_after);
                let ran = run(&mut problem, &mut *optimizer, evaluations, log, &mut watch).unwrap();
                (ran, problem.evaluated)
            };
            let whole = go(58, Log::default(), usize::MAX);
            assert_eq!(whole.0.stop_reason, StopReason::Evaluations);
            assert_eq!((whole.0.log.evaluations(), whole.1), (58, 58));
            for stop_after in 1..6 {
                let (part, _) = go(58, Log::default(), stop_after);
                assert_eq!(part.stop_reason, StopReason::Seconds);
                let text = serde_json::to_string(&part.log).unwrap();
                assert_eq!(go(58, serde_json::from_str(&text).unwrap(), usize::MAX), whole);
            }
            // A smaller budget ends in a short generation; the larger one evaluates it anew.
            for budget in [1, 13, 57, 58] {
                assert_eq!(go(58, go(budget, Log::default(), usize::MAX).0.log, usize::MAX), whole);
            }
        }
    }

    #[test]
    fn logs_of_another_search_are_refused() {
        let mut watch = |_: &Log| Ok(true);
        let mut problem = Sphere { evaluated: 0 };
        let log = run(
            &mut problem,
            &mut CmaEs::new(Settings::new(3), 7),
            30,
            Log::default(),
            &mut watch,
        )
        .unwrap()
        .log;
        let e = run(&mut problem, &mut CmaEs::new(Settings::new(3), 8), 30, log, &mut watch).unwrap_err();
        assert_eq!(e.code, Code::Malformed);
        assert!(e.what.contains("generation 1 "), "{e}");
    }

    #[test]
    fn infinite_values_survive_a_file() {
        let told = Told {
            asked: 2,
            points: vec![Point {
                genes: vec![0.1],
                value: f64::INFINITY,
            }],
        };
        let log = Log {
            generations: vec![told],
            memory: Value::Null,
        };
        assert_eq!(
            serde_json::from_str::<Log>(&serde_json::to_string(&log).unwrap()).unwrap(),
            log
        );
    }
}
