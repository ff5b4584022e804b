//! A method over genes with two helps: known designs to start from, and steps from the best designs so far.
//!
//! The first generation are the designs of [`crate::search::chips::starts`]. After it the method and *steps* take turns:
//! neighbours ([`neighbour`]) of the best designs, whichever way they were found. All of them count as evaluations. What is
//! known or stepped to is told as figures ([`literal`]), which the method is not told of: it learns from its own points.
//!
//! Whose turn it is depends on the generation alone, never on a budget: a search that is prolonged repeats what it did.

use crate::arch::accelerator::Accelerator;
use crate::base::dims::Dim;
use crate::base::rng::stream;
use crate::search::design::hash;
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::encoding::{literal, neighbours::neighbour};
use crate::search::optimizer::Optimizer;
use rand::RngExt as _;
use std::collections::BTreeSet;

/// Steps of a generation.
const STEPS: usize = 20;

/// Designs that steps start from.
const ELITE: usize = 8;

/// Members of the elite with equal parallel dimensions, at most.
const ALIKE: usize = 3;

/// Draws for a step to a design that was not tried before.
const DRAWS: usize = 32;

/// Of as many turns, one is the method's.
const TURNS: u64 = 4;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Starts,
    Method,
    Steps,
}

/// What no mapping on an accelerator undercuts, where that is known.
pub type Bound<'a> = Box<dyn Fn(&Accelerator) -> f64 + Send + 'a>;

/// A method with helps.
pub struct Guided<'a> {
    method: Box<dyn Optimizer>,
    space: AcceleratorSpace,
    seed: u64,
    starts: Vec<Accelerator>,
    /// Generations told.
    told: u64,
    /// Points asked for in this generation.
    asked: usize,
    /// The best designs, the best first.
    elite: Vec<(f64, Accelerator)>,
    /// Designs that were asked for.
    tried: BTreeSet<u64>,
    bound: Bound<'a>,
}

impl<'a> Guided<'a> {
    /// `method` over the genes of `space`, started from `starts`. No step goes to a design whose `bound` is not below the
    /// best that was found: that costs nothing to see.
    #[must_use]
    pub fn new(
        method: Box<dyn Optimizer>,
        space: &AcceleratorSpace,
        starts: Vec<Accelerator>,
        bound: Bound<'a>,
        seed: u64,
    ) -> Self {
        Self {
            method,
            space: space.clone(),
            seed,
            starts,
            told: 0,
            asked: 0,
            elite: Vec::new(),
            tried: BTreeSet::new(),
            bound,
        }
    }

    fn turn(&self) -> Turn {
        match self.told {
            0 if !self.starts.is_empty() => Turn::Starts,
            _ if self.elite.is_empty() => Turn::Method,
            n if n.is_multiple_of(TURNS) && !self.method.stalled() => Turn::Method,
            _ => Turn::Steps,
        }
    }

    /// A neighbour of a good design, if possible one that was not tried and could be better than all.
    fn step(&mut self) -> Option<Vec<f64>> {
        let mut rng = stream(self.seed, &[self.told, self.asked as u64]);
        let known: Vec<&Accelerator> = if self.elite.is_empty() {
            self.starts.iter().collect()
        } else {
            self.elite.iter().map(|e| &e.1).collect()
        };
        let mut new = None;
        for _ in 0..DRAWS {
            // Each of them half as often as the one before.
            let rank = (0..known.len()).find(|_| rng.random_bool(0.5)).unwrap_or(0);
            let a = neighbour(&self.space, known.get(rank)?, &mut rng);
            let best = self.elite.first().map_or(f64::INFINITY, |e| e.0);
            let hopeful = !self.tried.contains(&hash(&a)) && a.violations().is_empty() && (self.bound)(&a) < best;
            new = Some(a);
            if hopeful {
                break;
            }
        }
        let new = new?;
        self.tried.insert(hash(&new));
        Some(literal::write(&new))
    }

    /// Keeps a design, if it is among the best, but for many of one kind.
    fn keep(&mut self, value: f64, a: Accelerator) {
        if self.elite.iter().any(|e| e.1 == a) {
            return;
        }
        let at = self.elite.partition_point(|e| e.0 <= value);
        let kind = kind(&a);
        let better = self.elite[..at].iter().filter(|e| self::kind(&e.1) == kind).count();
        if better >= ALIKE {
            return;
        }
        self.elite.insert(at, (value, a));
        let mut alike = 0;
        self.elite.retain(|e| {
            alike += usize::from(self::kind(&e.1) == kind);
            self::kind(&e.1) != kind || alike <= ALIKE
        });
        self.elite.truncate(ELITE);
    }
}

/// The parallel dimensions, in no particular order.
fn kind(a: &Accelerator) -> Vec<Vec<Dim>> {
    let mut all: Vec<Vec<Dim>> = a.axes.iter().map(|axis| axis.dims.clone()).collect();
    all.sort();
    all
}

impl Optimizer for Guided<'_> {
    fn name(&self) -> &'static str {
        self.method.name()
    }

    fn dimensions(&self) -> usize {
        self.method.dimensions()
    }

    fn population(&self) -> usize {
        match self.turn() {
            Turn::Starts => self.starts.len(),
            Turn::Method => self.method.population(),
            Turn::Steps => STEPS,
        }
    }

    fn ask(&mut self) -> Vec<f64> {
        let turn = self.turn();
        self.asked += 1;
        let point = match turn {
            Turn::Starts => match self.starts.get(self.asked - 1) {
                Some(a) => {
                    self.tried.insert(hash(a));
                    Some(literal::write(a))
                }
                None => self.step(),
            },
            Turn::Method => None,
            Turn::Steps => self.step(),
        };
        point.unwrap_or_else(|| self.method.ask())
    }

    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]) {
        let own: Vec<(Vec<f64>, f64)> = evaluated
            .iter()
            .filter(|(genes, _)| genes.len() == self.method.dimensions())
            .cloned()
            .collect();
        if !own.is_empty() {
            self.method.tell(&own);
        }
        for (genes, value) in evaluated {
            if let Ok(a) = self.space.decode(genes)
                && value.is_finite()
            {
                self.tried.insert(hash(&a));
                self.keep(*value, a);
            }
        }
        self.told += 1;
        self.asked = 0;
    }

    fn reject(&mut self, genes: &[f64]) {
        if genes.len() == self.method.dimensions() {
            self.method.reject(genes);
        }
    }

    /// Stalled only where no design is known to step from.
    fn stalled(&self) -> bool {
        self.turn() == Turn::Method && self.method.stalled()
    }
}
