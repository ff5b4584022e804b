//! The exact mapper: the best mapping of one layer on one accelerator, with the proof that no other is better.
//!
//! Branch and bound, lowest bound first. A node is a *family* of mappings ([`crate::cost::family`]): a class of loop orders
//! and, along each dimension, a list of cuts into tiles. Its bound is what no mapping of it can undercut: the least of every
//! count by itself, or, higher in most cases, a bound by weak duality (`relax`), which also says of single cuts that no
//! better mapping has them. What is left of a node is split along one dimension. A node with one cut per dimension is opened:
//! every order of its class is bounded and, if need be, evaluated exactly.
//!
//! Nothing is left out but by bounds, so the lowest bound of the nodes that are left bounds every mapping: when it reaches
//! the best mapping found, that one is an optimum. At the limit of steps, the ratio of both is the proven gap.
//!
//! docs/exact_mapper.md argues the rules and holds the measurements.

mod lists;
mod orders;
mod relax;
mod space;

use crate::arch::accelerator::Accelerator;
use crate::arch::geometry::Geometry;
use crate::base::diag::Result;
use crate::base::dims::{Dim, PerDim};
use crate::base::interrupt::Interrupt;
use crate::cost::family::{Families, Offchip, Reuse};
use crate::mapping::legality::{checked, split_violations};
use crate::mapping::schedule::Setting;
use crate::mapping::tiling::{Level, Mapping, UNSPLIT};
use crate::search::mapper::Choice;
use crate::search::problem::{LayerModel, Objective};
use crate::workload::layer::LoopNest;
use lists::{Lists, Tables};
use relax::Weights;
use serde::Serialize;
use space::extents;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bounds of families and of mappings to compute, an exact evaluation counting as [`EXACT_STEPS`].
    pub steps: u64,
    /// Relative gap that is good enough; 0 for the optimum.
    pub gap: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 9_500_000,
            gap: 0.0,
        }
    }
}

/// Steps of an exact evaluation.
pub const EXACT_STEPS: u64 = 8;

/// Of how many families one is tried: a mapping that its bound points at.
const TRIED: u64 = 32;

/// What was proven of a layer's best mapping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// Objective that no legal mapping undercuts.
    pub bound: f64,
    /// The best mapping's objective over the bound, less one: 0 for a proven optimum.
    pub gap: f64,
    /// Whether the best mapping is proven to be an optimum.
    pub optimal: bool,
    /// Steps taken.
    pub steps: u64,
}

impl Proof {
    /// That nothing is below `bound`, where `value` is the best that was found.
    fn of(bound: f64, value: f64, steps: u64) -> Self {
        let mut proof = Self {
            bound,
            gap: 0.0,
            optimal: bound >= value,
            steps,
        };
        proof.gap = proof.gap_of(value);
        proof
    }

    /// The gap of a mapping whose objective is `value`: that over the bound, less one.
    #[must_use]
    pub fn gap_of(&self, value: f64) -> f64 {
        if self.bound > 0.0 {
            (value / self.bound - 1.0).max(0.0)
        } else {
            f64::INFINITY
        }
    }
}

/// What was found, and what was proven of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The best mapping.
    pub best: Choice,
    /// Every mapping that was better than the best one before it, in the order in which they were found.
    pub better: Vec<Choice>,
    /// None if the model has no bounds over families.
    pub proof: Option<Proof>,
}

/// Proves how good `start`, a legal mapping with its exact figures, is, and finds a better one if there is one. Every split of
/// axes over several dimensions is gone through, with what those before it left of the steps. Where that are too many, or a
/// layer has too many tiles to list, the proof is the floor that least counts give.
///
/// # Errors
/// `E0501`: half a search is no result.
pub fn prove(
    nest: &LoopNest,
    accelerator: &Accelerator,
    model: &mut dyn LayerModel,
    objective: Objective,
    limits: Limits,
    start: Choice,
    interrupt: &Interrupt,
) -> Result<Proven> {
    let setting = Setting::new(nest, accelerator);
    let mut splits = every_split(accelerator);
    splits.sort_by_key(|&split| split != start.mapping.split);
    let floor = model.floor(nest).map_or(0.0, |f| objective.of(&f));
    let (mut best, mut bound, mut steps) = (start, f64::INFINITY, 0);
    let mut better = Vec::new();
    if splits.len() > MOST_SPLITS {
        (splits, bound) = (Vec::new(), floor);
    }
    for (i, &split) in splits.iter().enumerate() {
        let under = Mapping { split, ..start.mapping };
        let Some(families) = model.families(&setting.schedule(&under)) else {
            return Ok(Proven {
                best,
                better,
                proof: None,
            });
        };
        // Half of them for the split of the best mapping, which is the hardest to prove; what one leaves the next ones get.
        let parts = if i == 0 { splits.len().min(2) } else { splits.len() - i };
        let share = limits.steps.saturating_sub(steps) / parts as u64;
        let mut taken = 0;
        let Some(tables) = Tables::new(&families, &extents(nest, accelerator), share, &mut taken) else {
            bound = bound.min(floor);
            continue;
        };
        let mut search = Search {
            setting: setting.clone(),
            accelerator,
            split,
            families,
            model: &mut *model,
            objective,
            limits: Limits { steps: share, ..limits },
            open: BinaryHeap::new(),
            numbered: 0,
            steps: taken,
            best,
            better: &mut better,
            tables,
            weights: None,
            interrupt,
        };
        search.roots()?;
        bound = bound.min(search.run()?);
        best = search.best;
        steps += search.steps;
    }
    // What was pruned is at least as high as the best mapping.
    let value = objective.of(&best.figures);
    Ok(Proven {
        best,
        better,
        proof: Some(Proof::of(bound.min(value), value, steps)),
    })
}

/// Splits of axes that are gone through at most.
const MOST_SPLITS: usize = 128;

/// Every legal split of the axes over several dimensions.
fn every_split(accelerator: &Accelerator) -> Vec<PerDim<u32>> {
    let g = Geometry::of(accelerator);
    let mut all = vec![UNSPLIT];
    for shared in g.shared {
        for d in shared.dims.iter() {
            let room = |split: &PerDim<u32>| shared.size / shared.dims.iter().map(|o| split[o]).product::<u32>().max(1);
            let longer = |split: &PerDim<u32>| {
                let split = *split;
                let given = move |n| PerDim::from_fn(|o| if o == d { n } else { split[o] });
                (1..=room(&split)).map(given).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(longer).collect();
        }
    }
    all.retain(|split| split_violations(&g, split).is_empty());
    all
}

/// A family that is still to be looked at.
struct Node {
    bound: f64,
    /// Sequence number: among equal bounds the newest goes first, so that the search dives.
    number: u64,
    lists: Lists,
}

impl PartialEq for Node {
    fn eq(&self, o: &Self) -> bool {
        self.cmp(o) == Ordering::Equal
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, o: &Self) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}

impl Ord for Node {
    fn cmp(&self, o: &Self) -> Ordering {
        o.bound.total_cmp(&self.bound).then(self.number.cmp(&o.number))
    }
}

struct Search<'a> {
    setting: Setting,
    accelerator: &'a Accelerator,
    /// Of its axes over several dimensions.
    split: PerDim<u32>,
    families: Families,
    model: &'a mut dyn LayerModel,
    objective: Objective,
    limits: Limits,
    open: BinaryHeap<Node>,
    numbered: u64,
    steps: u64,
    best: Choice,
    better: &'a mut Vec<Choice>,
    tables: Tables,
    /// Weights of the first family, which others may begin with.
    weights: Option<Weights>,
    interrupt: &'a Interrupt,
}

impl Search<'_> {
    /// Every class of orders that has mappings.
    fn roots(&mut self) -> Result<()> {
        for offchip in Offchip::ALL {
            for innermost in Dim::ALL.into_iter().map(Some).chain([None]) {
                let reuse = Reuse {
                    offchip,
                    innermost,
                    second: None,
                };
                let lists = self.tables.all(&self.families, reuse);
                self.relax(0.0, lists)?;
            }
        }
        Ok(())
    }

    /// Looks at families, the lowest bound first, until the best mapping is proven or the limit reached; what bounds all
    /// mappings but the pruned ones.
    fn run(&mut self) -> Result<f64> {
        let mut looked = 0;
        while let Some(node) = self.open.pop() {
            if node.bound * (1.0 + self.limits.gap) >= self.value() || self.steps >= self.limits.steps {
                return Ok(node.bound);
            }
            looked += 1;
            if looked % TRIED == 0 {
                self.attempt(&node.lists);
            }
            self.split(node.bound, &node.lists)?;
        }
        Ok(f64::INFINITY)
    }

    fn value(&self) -> f64 {
        self.objective.of(&self.best.figures)
    }

    fn push(&mut self, bound: f64, lists: Lists) {
        self.numbered += 1;
        self.open.push(Node {
            bound,
            number: self.numbered,
            lists,
        });
    }

    /// Bounds and, where that leaves hope, evaluates every order of a single pair of tiles.
    fn open_family(&mut self, reuse: Reuse, cuts: &PerDim<(u32, u32)>) {
        let order = Dim::ALL;
        let mut base = self.best.mapping;
        (base.pe, base.split) = (order, self.split);
        base.offchip = Level {
            tile: PerDim::from_fn(|d| cuts[d].0),
            order,
        };
        base.l2 = Level {
            tile: PerDim::from_fn(|d| cuts[d].1),
            order,
        };
        let mut hopeful = Vec::new();
        for mapping in orders::mappings(&base, &self.setting.nest.bounds, reuse) {
            if let Ok(schedule) = checked(&self.setting, self.accelerator, &mapping) {
                self.steps += 1;
                hopeful.push((self.objective.of(&self.model.bound(&schedule)), mapping));
            }
        }
        hopeful.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (bound, mapping) in hopeful {
            if bound >= self.value() {
                break;
            }
            self.evaluate(mapping);
        }
    }

    fn evaluate(&mut self, mapping: Mapping) {
        self.steps += EXACT_STEPS;
        let figures = self.model.exact(&self.setting.schedule(&mapping));
        if self.objective.of(&figures) < self.value() {
            self.best = Choice { mapping, figures };
            self.better.push(self.best);
        }
    }
}

#[cfg(test)]
mod tests;
