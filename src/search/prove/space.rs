//! Sets of cuts along one dimension, halved again and again.

use crate::arch::accelerator::Accelerator;
use crate::base::dims::{Dim, PerDim};
use crate::cost::family::{Cuts, Families};
use crate::mapping::legality::quantum;
use crate::workload::layer::LoopNest;
use std::ops::Range;

/// Which cuts a family may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All.
    Any,
    /// Only one array tile per level-2 tile.
    Whole,
    /// Several array tiles per full level-2 tile.
    Several,
}

/// A set of cuts: level-2 tiles and array tiles from two ranges of legal extents, the former at least as large.
#[derive(Clone, Debug)]
struct Set {
    l2: Range<usize>,
    array: Range<usize>,
    least: Cuts,
    halves: Halves,
}

/// The halves of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halves {
    /// Not looked at yet.
    Unknown,
    /// A single cut.
    Single,
    /// Two sets, neither of them empty.
    Two(u32, u32),
}

/// All sets along one dimension under one rule.
#[derive(Clone, Debug)]
pub struct Sets {
    dim: Dim,
    rule: Rule,
    /// Legal extents, ascending.
    extents: Vec<u32>,
    all: Vec<Set>,
}

/// The legal extents of tiles along `d`: multiples of what lanes and bus move together, or everything.
pub fn extents(nest: &LoopNest, accelerator: &Accelerator) -> PerDim<Vec<u32>> {
    PerDim::from_fn(|d| {
        let (bound, q) = (nest.bounds[d], quantum(accelerator, nest, d));
        (1..bound.div_ceil(q)).map(|i| i * q).chain([bound]).collect()
    })
}

impl Sets {
    /// All cuts along `dim` under `rule` with at least two level-2 tiles if `trips`; none if there are none.
    pub fn new(families: &Families, dim: Dim, extents: &[u32], rule: Rule, trips: bool) -> Option<Self> {
        let n = extents.len();
        let l2 = 0..if trips { n - 1 } else { n };
        let mut sets = Self {
            dim,
            rule,
            extents: extents.to_vec(),
            all: Vec::new(),
        };
        sets.add(families, l2, 0..n).map(|_| sets)
    }

    /// Adds a set unless it is empty.
    fn add(&mut self, families: &Families, l2: Range<usize>, array: Range<usize>) -> Option<u32> {
        let mut least: Option<Cuts> = None;
        for i in l2.clone() {
            let inner = match self.rule {
                Rule::Any => array.start..array.end.min(i + 1),
                Rule::Whole => array.start.max(i)..array.end.min(i + 1),
                Rule::Several => array.start..array.end.min(i),
            };
            for j in inner {
                let cut = families.cut(self.dim, self.extents[i], self.extents[j]);
                least = Some(least.map_or(cut, |l| l.least(&cut)));
            }
        }
        self.all.push(Set {
            l2,
            array,
            least: least?,
            halves: Halves::Unknown,
        });
        u32::try_from(self.all.len() - 1).ok()
    }

    /// The least terms of a set.
    pub fn least(&self, set: u32) -> &Cuts {
        &self.all[set as usize].least
    }

    /// The extents of level-2 tile and array tile of a set that is a single cut.
    pub fn cut(&self, set: u32) -> (u32, u32) {
        let s = &self.all[set as usize];
        (self.extents[s.l2.start], self.extents[s.array.start])
    }

    /// Whether a set holds a cut.
    #[cfg(test)]
    pub fn holds(&self, set: u32, l2_tile: u32, tile: u32) -> bool {
        let s = &self.all[set as usize];
        self.extents[s.l2.clone()].contains(&l2_tile) && self.extents[s.array.clone()].contains(&tile)
    }

    /// The halves of a set, computed at the first call.
    pub fn halves(&mut self, families: &Families, set: u32) -> Halves {
        let known = self.all[set as usize].halves;
        if known != Halves::Unknown {
            return known;
        }
        let (mut l2, mut array) = (self.all[set as usize].l2.clone(), self.all[set as usize].array.clone());
        let halves = loop {
            // What no legal pair uses is no reason to halve.
            match self.rule {
                Rule::Any => array.end = array.end.min(l2.end),
                Rule::Whole => {
                    array = array.start.max(l2.start)..array.end.min(l2.end);
                    l2 = array.clone();
                }
                Rule::Several => array.end = array.end.min(l2.end - 1),
            }
            let least_l2 = if self.rule == Rule::Several {
                array.start + 1
            } else {
                array.start
            };
            l2.start = l2.start.max(least_l2);
            let Some((low, high)) = self.halve(&l2, &array) else {
                let s = &mut self.all[set as usize];
                (s.l2, s.array) = (l2, array);
                break Halves::Single;
            };
            let low = self.add(families, low.0, low.1);
            let high = self.add(families, high.0, high.1);
            match (low, high) {
                (Some(a), Some(b)) => break Halves::Two(a, b),
                (Some(one), None) | (None, Some(one)) => {
                    let s = &self.all[one as usize];
                    (l2, array) = (s.l2.clone(), s.array.clone());
                }
                (None, None) => break Halves::Single,
            }
        };
        self.all[set as usize].halves = halves;
        halves
    }

    /// Cuts the range whose ends are further apart, by their ratio, in the middle of that.
    fn halve(&self, l2: &Range<usize>, array: &Range<usize>) -> Option<(Ranges, Ranges)> {
        let ends = |r: &Range<usize>| [self.extents[r.start], self.extents[r.end - 1]].map(u64::from);
        let ([a, b], [c, d]) = (ends(l2), ends(array));
        let middle = |r: &Range<usize>, [low, high]: [u64; 2]| {
            let above = self.extents[r.clone()].partition_point(|&e| u64::from(e).pow(2) <= low * high);
            r.start + above.clamp(1, r.len() - 1)
        };
        let whole = self.rule == Rule::Whole;
        if l2.len() > 1 && (array.len() <= 1 || whole || b * c >= d * a) {
            let m = middle(l2, [a, b]);
            let of = |l2: Range<usize>| if whole { (l2.clone(), l2) } else { (l2, array.clone()) };
            return Some((of(l2.start..m), of(m..l2.end)));
        }
        (array.len() > 1).then(|| {
            let m = middle(array, [c, d]);
            ((l2.clone(), array.start..m), (l2.clone(), m..array.end))
        })
    }
}

/// Indices of level-2 tiles and of array tiles.
type Ranges = (Range<usize>, Range<usize>);
