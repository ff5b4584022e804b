//! A method over genes with two helps: known designs to start from, and steps from the best designs so far.
//!
//! The first generation are the designs of [`crate::search::chips::starts`]. After it the method and *steps* take turns:
//! neighbours ([`neighbour`]) of the best designs, whichever way they were found, and some that put one of a list of arrays
//! ([`crate::search::arrays`]) in place of theirs ([`transplant`]): no path of small steps leads from one array to another
//! through designs as good, but memories that suit one mostly suit the other. At first half of the steps are such, later one in
//! ten. All of them count as evaluations. What is known or stepped to is told as figures ([`literal`]), which the method is not
//! told of: it learns from its own points.
//!
//! Whose turn it is depends on the generation alone, never on a budget: a search that is prolonged repeats what it did.

use crate::arch::accelerator::{Accelerator, Axis};
use crate::base::dims::Dim;
use crate::base::rng::{Rng, stream};
use crate::search::design::hash;
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::encoding::literal;
use crate::search::encoding::neighbours::{neighbour, transplant};
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
const TURNS: u64 = 8;

/// Share of the steps that go to other arrays: at first, and least.
const ELSEWHERE: [f64; 2] = [0.5, 0.1];

/// Generations in which what is above the least share halves.
const HALVED: u64 = 15;

/// How often such a step takes the first array of the list, or the next one if it does not take that.
const FIRST_ARRAY: f64 = 0.15;

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
    arrays: Vec<Vec<Axis>>,
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
    /// `method` over the genes of `space`, started from `starts`, with steps to `arrays`, the most promising first. No step
    /// goes to a design whose `bound` is not below the best that was found: that costs nothing to see.
    #[must_use]
    pub fn new(
        method: Box<dyn Optimizer>,
        space: &AcceleratorSpace,
        starts: Vec<Accelerator>,
        arrays: Vec<Vec<Axis>>,
        bound: Bound<'a>,
        seed: u64,
    ) -> Self {
        Self {
            method,
            space: space.clone(),
            seed,
            starts,
            arrays,
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

    /// Share of the steps of this generation that go to other arrays.
    fn elsewhere(&self) -> f64 {
        let [first, least] = ELSEWHERE;
        let halvings = (self.told / HALVED).min(16);
        least + (first - least) / f64::from(1u32 << halvings)
    }

    /// One of the best designs, each half as often as the one before. Every second time only the best of each kind count:
    /// what is good, but of another kind than the best, would else get too few steps to show what it can become.
    fn parent(&self, rng: &mut Rng) -> Option<&Accelerator> {
        let known: Vec<&Accelerator> = if self.elite.is_empty() {
            self.starts.iter().collect()
        } else if rng.random_bool(0.5) {
            let first = |i: &usize| !self.elite[..*i].iter().any(|e| kind(&e.1) == kind(&self.elite[*i].1));
            (0..self.elite.len()).filter(first).map(|i| &self.elite[i].1).collect()
        } else {
            self.elite.iter().map(|e| &e.1).collect()
        };
        known.get(ranked(known.len(), 0.5, rng)).copied()
    }

    /// A design near a good one: with an array of the list and perhaps a step more, or a step away.
    fn near(&self, elsewhere: bool, rng: &mut Rng) -> Option<Accelerator> {
        let array = self.arrays.get(ranked(self.arrays.len(), FIRST_ARRAY, rng));
        let parent = self.parent(rng)?;
        let Some(array) = array.filter(|_| elsewhere) else {
            return Some(neighbour(&self.space, parent, rng));
        };
        let a = transplant(&self.space, parent, array, rng);
        Some(if rng.random_bool(0.3) {
            neighbour(&self.space, &a, rng)
        } else {
            a
        })
    }

    /// A design near a good one, if possible one that was not tried and could be better than all.
    fn step(&mut self) -> Option<Vec<f64>> {
        let mut rng = stream(self.seed, &[self.told, self.asked as u64]);
        let elsewhere = rng.random_bool(self.elsewhere());
        let best = self.elite.first().map_or(f64::INFINITY, |e| e.0);
        let mut new = None;
        for _ in 0..DRAWS {
            let a = self.near(elsewhere, &mut rng)?;
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

/// A place out of `count`: the first with probability `share`, else the next one with that probability, and so on.
fn ranked(count: usize, share: f64, rng: &mut Rng) -> usize {
    (0..count).find(|_| rng.random_bool(share)).unwrap_or(0)
}

/// The parallel dimensions, in no particular order; rows and columns count as the same, since most layers are square.
fn kind(a: &Accelerator) -> Vec<Vec<Dim>> {
    let turned = |d: &Dim| match d {
        Dim::X => Dim::Y,
        Dim::S => Dim::R,
        &d => d,
    };
    let axis = |axis: &Axis| axis.dims.iter().map(turned).collect();
    let mut all: Vec<Vec<Dim>> = a.axes.iter().map(axis).collect();
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
