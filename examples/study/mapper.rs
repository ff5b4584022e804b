//! Mappings of a layer: as a chip's dataflow dictates them, and searched.
//!
//! The search draws tiles that grow in random orders under random loop orders, beside those of all dataflows, keeps the best by
//! their bounds, and improves these step by step: another size of a tile, with another dimension's to make room or to use
//! it, two loops exchanged, another way to fold.

use crate::model::Machine;
use crate::tiling::{Shape, Tiling};
use naas::base::dims::{Dim, PerDim};
use naas::base::rng::{Rng, stream};
use naas::search::dataflow::{DATAFLOWS, Dataflow};
use naas::search::problem::Figures;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

/// L2, the outer level of tiles, and L1.
const LEVELS: [usize; 2] = [0, 1];

/// How thoroughly a layer is mapped.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Random mappings.
    pub drawn: usize,
    /// The best of all that are improved.
    pub improved: usize,
}

/// A mapping with what it costs.
pub type Mapped = (Figures, Tiling);

/// A layer on a machine whose array runs one of `positions`.
pub struct Task<'a> {
    pub shape: &'a Shape,
    pub machine: &'a Machine,
    pub positions: &'a [PerDim<u64>],
}

/// Sizes of equal tiles of `extent`, the largest first.
pub fn sizes(extent: u64) -> Vec<u64> {
    let mut all = vec![extent];
    while let Some(&size) = all.last().filter(|&&size| size > 1) {
        // The fewest tiles that are smaller.
        let tiles = extent.div_ceil(size - 1);
        all.push(extent.div_ceil(tiles));
    }
    all
}

/// The next sizes around `size`: two larger, two smaller.
fn around(extent: u64, size: u64) -> Vec<u64> {
    let all = sizes(extent);
    let here = all.iter().position(|&s| s <= size).unwrap_or(0);
    let near = all.iter().enumerate().filter(|(i, _)| i.abs_diff(here) <= 2);
    near.map(|(_, &s)| s).filter(|&s| s != size).collect()
}

/// Gives a tile along `d` another size; that of L1 stays within the one of L2.
fn resized(t: &Tiling, level: usize, d: Dim, size: u64) -> Tiling {
    let mut other = *t;
    other.tiles[level][d] = size;
    other.tiles[1][d] = other.tiles[1][d].min(other.tiles[0][d]);
    other
}

fn best(all: impl Iterator<Item = Mapped>) -> Option<Mapped> {
    all.min_by(|a, b| a.0.edp().total_cmp(&b.0.edp()))
}

/// Two loops of a level exchanged.
fn exchanges(t: &Tiling, level: usize) -> impl Iterator<Item = Tiling> {
    let pairs = (0..Dim::ALL.len()).flat_map(|i| (i + 1..Dim::ALL.len()).map(move |j| (i, j)));
    pairs.map(move |(i, j)| {
        let mut other = *t;
        other.orders[level].swap(i, j);
        other
    })
}

impl Task<'_> {
    fn fits(&self, t: &Tiling) -> bool {
        self.machine.fits(self.shape, t)
    }

    fn extent(&self, t: &Tiling, level: usize, d: Dim) -> u64 {
        if level == 0 {
            self.shape.bounds[d]
        } else {
            t.tiles[0][d]
        }
    }

    /// The smallest tiles that use the array; none if they do not fit.
    fn smallest(&self, positions: PerDim<u64>, orders: [[Dim; 6]; 2]) -> Option<Tiling> {
        let tile = PerDim::from_fn(|d| positions[d].min(self.shape.bounds[d]));
        let tiles = [tile; 2];
        let t = Tiling {
            positions,
            tiles,
            orders,
        };
        self.fits(&t).then_some(t)
    }

    /// Enlarges a tile along `d` to the largest of equal tiles that fits.
    fn grow(&self, t: &mut Tiling, level: usize, d: Dim) {
        let fitting = |size: u64| {
            let mut larger = *t;
            larger.tiles[level][d] = size;
            self.fits(&larger).then_some(larger)
        };
        let all = sizes(self.extent(t, level, d));
        let larger = all.partition_point(|&size| size > t.tiles[level][d]);
        // The whole extent may fit where less does not: it is not replaced, so that it has one place. Else the smaller, the sooner.
        let rest = &all[larger.min(1)..larger];
        let whole = all[..larger].first().and_then(|&size| fitting(size));
        let other = || fitting(*rest.get(rest.partition_point(|&size| fitting(size).is_none()))?);
        if let Some(larger) = whole.or_else(other) {
            *t = larger;
        }
    }

    fn of_dataflow(&self, positions: PerDim<u64>, flow: &Dataflow) -> Option<Tiling> {
        let mut t = self.smallest(positions, flow.orders())?;
        for level in LEVELS {
            for d in flow.growth()[level] {
                self.grow(&mut t, level, d);
            }
        }
        Some(t)
    }

    /// The mapping that a dataflow dictates, folded in the best way; none if the smallest tiles do not fit.
    pub fn dictated(&self, flow: &Dataflow) -> Option<Mapped> {
        let all = self.positions.iter().filter_map(|&p| self.of_dataflow(p, flow));
        best(all.map(|t| (self.machine.figures(self.shape, &t), t)))
    }

    fn random(&self, rng: &mut Rng) -> Option<Tiling> {
        let mut order = || {
            let mut order = Dim::ALL;
            order.shuffle(rng);
            order
        };
        let (orders, growth) = ([order(), order()], [order(), order()]);
        let positions = self.positions[rng.random_range(0..self.positions.len())];
        let mut t = self.smallest(positions, orders)?;
        for level in LEVELS {
            for d in growth[level] {
                if rng.random_bool(0.75) {
                    self.grow(&mut t, level, d);
                    continue;
                }
                let sizes = sizes(self.extent(&t, level, d));
                let size = sizes[rng.random_range(0..sizes.len())];
                let other = resized(&t, level, d, size.max(t.tiles[level][d]));
                if self.fits(&other) {
                    t = other;
                }
            }
        }
        Some(t)
    }

    /// Mappings a step away.
    fn neighbours<'a>(&'a self, t: &'a Tiling) -> impl Iterator<Item = Tiling> + 'a {
        let folds = self.positions.iter().filter(|&&p| p != t.positions);
        let folded = folds.map(|&positions| Tiling { positions, ..*t });
        let levels = LEVELS.into_iter();
        levels
            .flat_map(|level| self.resizings(t, level).chain(exchanges(t, level)))
            .chain(folded)
    }

    /// Another size along one dimension, alone and with another one along a second.
    fn resizings<'a>(&'a self, t: &'a Tiling, level: usize) -> impl Iterator<Item = Tiling> + 'a {
        let along = move |d: Dim| {
            let sizes = around(self.extent(t, level, d), t.tiles[level][d]).into_iter();
            sizes.flat_map(move |size| {
                let one = resized(t, level, d, size);
                let others = Dim::ALL.into_iter().filter(move |&e| e != d);
                let two = others.filter_map(move |e| self.made_up_for(&one, level, e, size < t.tiles[level][d]));
                std::iter::once(one).chain(two)
            })
        };
        Dim::ALL.into_iter().flat_map(along)
    }

    /// `t`, with the room used along `e`, or made there: a size less.
    fn made_up_for(&self, t: &Tiling, level: usize, e: Dim, room: bool) -> Option<Tiling> {
        if room {
            let mut grown = *t;
            self.grow(&mut grown, level, e);
            return Some(grown);
        }
        let now = t.tiles[level][e];
        let smaller = around(self.extent(t, level, e), now).into_iter().find(|&s| s < now)?;
        Some(resized(t, level, e, smaller))
    }

    /// Takes steps to what is better, until there is none.
    fn improve(&self, t: Tiling) -> Mapped {
        let mut now = (self.machine.figures(self.shape, &t), t);
        loop {
            let edp = now.0.edp();
            let better = |t: &Tiling| {
                // The bound costs a tenth of the figures.
                let hopeful = self.fits(t) && self.machine.bound(self.shape, t).edp() < edp;
                let figures = hopeful.then(|| self.machine.figures(self.shape, t))?;
                (figures.edp() < edp).then_some((figures, *t))
            };
            let step = self.neighbours(&now.1).find_map(|t| better(&t));
            match step {
                Some(step) => now = step,
                None => return now,
            }
        }
    }

    /// The best mapping that was found; none if no tiles fit.
    pub fn searched(&self, effort: Effort, seed: u64) -> Option<Mapped> {
        let mut rng = stream(seed, &[]);
        let known = self
            .positions
            .iter()
            .flat_map(|&p| DATAFLOWS.iter().filter_map(move |f| self.of_dataflow(p, f)));
        let mut all: Vec<Tiling> = known.collect();
        all.extend((0..effort.drawn).filter_map(|_| self.random(&mut rng)));
        let mut ranked: Vec<(f64, Tiling)> = all
            .into_iter()
            .map(|t| (self.machine.bound(self.shape, &t).edp(), t))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        ranked.dedup_by(|a, b| a.1 == b.1);
        let starts = ranked.iter().take(effort.improved);
        best(starts.map(|&(_, t)| self.improve(t)))
    }
}
