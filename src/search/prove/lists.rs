//! Families as lists of cuts, shortened and split by the bound of [`super::relax`].

use super::Search;
use super::relax::{Bound, Logs, MARGIN, Program, Weights, value};
use super::space::Rule;
use crate::base::diag::Result;
use crate::base::dims::{Dim, PerDim};
use crate::cost::family::{Cuts, Families, Reuse, Term};
use crate::search::numeric::{exp, ln};
use crate::search::problem::Figures;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Steps of the bound of a family whose weights are anyone's guess, and of one whose weights are those of a larger family.
const STEPS: [usize; 2] = [40, 10];

/// Cuts that are gone through in the time of a step.
const PER_STEP: u64 = 16;

/// Cuts of all dimensions that are listed at most: what a layer with more asks for in time and memory buys little.
const MOST_CUTS: u64 = 1 << 20;

/// Cuts into as many tiles among which a lower one is looked for.
const LOWER: usize = 32;

/// Combinations of cuts of a family below which it is split by its second loop: of large ones, that makes many large ones.
const FEW: f64 = 4096.0;

/// A list that lost less than this share of its cuts is not looked at again at once.
const SHORTER: f64 = 0.8;

/// A family: a class of orders, and indices of cuts in the table of each dimension.
#[derive(Clone)]
pub struct Lists {
    reuse: Reuse,
    cuts: PerDim<Vec<u32>>,
    weights: Option<Weights>,
    /// What its terms count where the bound is highest.
    prices: PerDim<Logs>,
}

/// Every cut of a dimension.
#[derive(Debug)]
struct Table {
    /// Level-2 and array tile.
    pairs: Vec<(u32, u32)>,
    cuts: Vec<Cuts>,
}

/// The cuts of all dimensions, and their terms as far as they were needed.
#[derive(Debug)]
pub struct Tables {
    tables: PerDim<Table>,
    /// Terms of the cuts of a dimension; along Y and X, the least beside some cuts of R, of S.
    terms: BTreeMap<(Dim, Vec<u32>), Rc<Terms>>,
}

/// The terms of every cut of a dimension.
#[derive(Debug)]
pub struct Terms {
    /// Their logarithms.
    pub logs: Vec<Logs>,
    /// Another cut that is at most as high in every term; itself if none is known.
    pub below: Vec<u32>,
}

impl Terms {
    /// Those of `logs`. Looks for lower cuts among those into as many tiles: of these the most equal ones are mostly lowest.
    fn new(logs: Vec<Logs>) -> Self {
        let mut like: BTreeMap<[u64; 2], Vec<u32>> = BTreeMap::new();
        for (c, l) in logs.iter().enumerate() {
            let tiles = [Term::L2Tiles, Term::Tiles].map(|t| l[t as usize].to_bits());
            like.entry(tiles).or_default().push(c as u32);
        }
        let mut below: Vec<u32> = (0..logs.len() as u32).collect();
        for cuts in like.values() {
            for &c in cuts {
                let own = &logs[c as usize];
                let lower = |o: &&u32| {
                    let other = &logs[**o as usize];
                    let at_most = other.iter().zip(own).all(|(a, b)| a <= b);
                    // Of equal ones the first.
                    at_most && (**o < c || other != own)
                };
                if let Some(&o) = cuts.iter().take(LOWER).find(lower) {
                    below[c as usize] = o;
                }
            }
        }
        Self { logs, below }
    }
}

impl Lists {
    /// The part of it whose cuts along `d` are `list`.
    fn along(&self, d: Dim, list: Vec<u32>) -> Self {
        let mut part = self.clone();
        part.cuts[d] = list;
        part
    }
}

impl Tables {
    /// Of the legal `extents`, every cut that fits all memories beside the smallest tiles of the other dimensions; none if
    /// that are more than [`MOST_CUTS`], or more than `steps` steps pay for. Counts the steps.
    pub fn new(families: &Families, extents: &PerDim<Vec<u32>>, steps: u64, taken: &mut u64) -> Option<Self> {
        let mut room = MOST_CUTS.min(steps.saturating_mul(PER_STEP));
        let all = room;
        let smallest = PerDim::from_fn(|d| families.cut(d, extents[d][0], extents[d][0]));
        let mut table = |d: Dim| {
            let fits = |own: &Cuts| families.possible(&PerDim::from_fn(|o| if o == d { own } else { &smallest[o] }));
            let mut table = Table {
                pairs: Vec::new(),
                cuts: Vec::new(),
            };
            // What a tile needs grows with it.
            for (i, &l2) in extents[d].iter().enumerate() {
                for &tile in &extents[d][..=i] {
                    let cut = families.cut(d, l2, tile);
                    if !fits(&cut) {
                        break;
                    }
                    room = room.checked_sub(1)?;
                    table.pairs.push((l2, tile));
                    table.cuts.push(cut);
                }
                if table.pairs.last().is_none_or(|p| p.0 != l2) {
                    break;
                }
            }
            Some(table)
        };
        let mut tables = Vec::with_capacity(Dim::ALL.len());
        for d in Dim::ALL {
            tables.push(table(d)?);
        }
        *taken += (all - room) / PER_STEP;
        Some(Self {
            tables: PerDim(tables.try_into().ok()?),
            terms: BTreeMap::new(),
        })
    }

    /// All mappings of a class.
    pub fn all(&self, families: &Families, reuse: Reuse) -> Lists {
        let cuts = PerDim::from_fn(|d| {
            let rule = Rule::of(d, reuse);
            let trips = |l2: u32| !reuse.offchip.needs_trips(d) || l2 < families.bound(d);
            let pairs = self.tables[d].pairs.iter().enumerate();
            let allowed = pairs.filter(|(_, p)| rule.allows(**p) && trips(p.0));
            allowed.map(|(i, _)| i as u32).collect()
        });
        Lists {
            reuse,
            cuts,
            weights: None,
            prices: PerDim([[0.0; _]; 6]),
        }
    }

    /// A family by the second loop from inside, where that decides what moves again in ragged last level-2 tiles; before, by
    /// whether these are ragged. None if they are not, or if there is no other loop with several trips.
    fn by_second(&self, terms: &PerDim<Rc<Terms>>, lists: &Lists) -> Option<Vec<Lists>> {
        let innermost = lists.reuse.innermost.filter(|_| lists.reuse.second.is_none())?;
        let ragged = |c: u32| terms[innermost].logs[c as usize][Term::Regular as usize] < 0.0;
        let whole = |d: Dim, c: u32| self.tables[d].pairs[c as usize].0 == self.tables[d].pairs[c as usize].1;
        let others = || Dim::ALL.into_iter().filter(|&d| d != innermost);
        if others().all(|d| lists.cuts[d].iter().all(|&c| whole(d, c))) {
            return None;
        }
        if !lists.cuts[innermost].iter().all(|&c| ragged(c)) {
            return parted(lists, innermost, &ragged);
        }
        let mut alone = lists.clone();
        for d in others() {
            alone.cuts[d].retain(|&c| whole(d, c));
        }
        let mut parts = vec![alone];
        for d in others() {
            let mut part = lists.clone();
            part.reuse.second = Some(d);
            part.cuts[d].retain(|&c| !whole(d, c));
            parts.push(part);
        }
        Some(parts)
    }

    /// The terms of every cut of `d` beside the kernel's cuts of `lists`.
    fn terms(&mut self, families: &Families, d: Dim, lists: &Lists) -> Rc<Terms> {
        let tap = match d {
            Dim::Y => Some(Dim::R),
            Dim::X => Some(Dim::S),
            _ => None,
        };
        let key = (d, tap.map_or_else(Vec::new, |t| lists.cuts[t].clone()));
        if let Some(known) = self.terms.get(&key) {
            return Rc::clone(known);
        }
        let least = |cut: &Cuts| -> Logs {
            let Some(tap) = tap else {
                return families.terms(d, cut, None).map(ln);
            };
            let beside = key
                .1
                .iter()
                .map(|&t| families.terms(d, cut, Some(&self.tables[tap].cuts[t as usize])));
            let least = beside.reduce(|a, b| std::array::from_fn(|i| a[i].min(b[i])));
            least.unwrap_or([1.0; _]).map(ln)
        };
        let terms = Rc::new(Terms::new(self.tables[d].cuts.iter().map(least).collect()));
        self.terms.insert(key, Rc::clone(&terms));
        terms
    }

    /// The least terms of a family.
    fn least(&self, lists: &Lists) -> PerDim<Cuts> {
        PerDim::from_fn(|d| {
            let of = |&c: &u32| self.tables[d].cuts[c as usize];
            let least = lists.cuts[d].iter().map(of).reduce(|a, b| a.least(&b));
            least.unwrap_or(self.tables[d].cuts[0])
        })
    }
}

impl Search<'_> {
    /// The terms of all dimensions.
    fn terms(&mut self, lists: &Lists) -> PerDim<Rc<Terms>> {
        PerDim(Dim::ALL.map(|d| self.tables.terms(&self.families, d, lists)))
    }

    /// Bounds a family, leaves out cuts that no better mapping has, and keeps what is left.
    pub(super) fn relax(&mut self, bound: f64, mut lists: Lists) -> Result<()> {
        let mut bound = bound;
        for _ in 0..4 {
            self.interrupt.check()?;
            if lists.cuts.0.iter().any(Vec::is_empty) {
                return Ok(());
            }
            let least = self.tables.least(&lists);
            self.steps += 1 + lists.cuts.0.iter().map(|l| l.len() as u64).sum::<u64>() / PER_STEP;
            let Some(floor) = self.families.floor(&PerDim::from_fn(|d| &least[d]), lists.reuse) else {
                return Ok(());
            };
            bound = bound.max(self.objective.of(&Figures {
                cycles: floor.cycles,
                energy_pj: floor.energy_pj,
            }));
            if bound >= self.value() {
                return Ok(());
            }
            let terms = self.terms(&lists);
            let Some(found) = self.weighed(&terms, &mut lists, &least) else {
                return Ok(());
            };
            bound = bound.max(exp(found.least - MARGIN));
            if bound >= self.value() {
                return Ok(());
            }
            let before = size(&lists);
            let room = ln(self.value()) + MARGIN - found.least;
            for d in Dim::ALL {
                let keep = |&c: &u32| value(&terms[d].logs[c as usize], &found.prices[d]) - found.minima[d] < room;
                lists.cuts[d].retain(keep);
            }
            (lists.weights, lists.prices) = (Some(found.weights), found.prices);
            if size(&lists) > SHORTER * before || self.steps >= self.limits.steps {
                break;
            }
        }
        if lists.cuts.0.iter().all(|l| !l.is_empty()) {
            self.push(bound, lists);
        }
        Ok(())
    }

    /// The bound of [`super::relax`], cuts that overflow a memory beside the smallest others left out before.
    fn weighed(&mut self, terms: &PerDim<Rc<Terms>>, lists: &mut Lists, least: &PerDim<Cuts>) -> Option<Bound> {
        let posynomials = self.families.posynomials(&PerDim::from_fn(|d| &least[d]), lists.reuse);
        for (factors, capacity) in &posynomials.memories {
            let need = |d: Dim, t: Term, c: u32| terms[d].logs[c as usize][t as usize];
            let smallest = |&(d, t): &(Dim, Term)| {
                let needs = lists.cuts[d].iter().map(|&c| need(d, t, c));
                needs.fold(f64::INFINITY, f64::min)
            };
            let smallest: Vec<f64> = factors.iter().map(smallest).collect();
            let all: f64 = smallest.iter().sum();
            let most = ln(*capacity) + MARGIN;
            for (&(d, t), own) in factors.iter().zip(&smallest) {
                lists.cuts[d].retain(|&c| all - own + need(d, t, c) <= most);
            }
        }
        if lists.cuts.0.iter().any(Vec::is_empty) {
            return None;
        }
        let program = Program::new(self.objective, &posynomials, &lists.cuts, terms);
        let single = lists.cuts.0.iter().all(|l| l.len() == 1);
        let (weights, steps) = match lists.weights.take().or_else(|| self.weights.clone()) {
            // The weights that fit the only cuts.
            _ if single => (program.begin(), 1),
            Some(weights) => (weights, STEPS[1]),
            None => (program.begin(), STEPS[0]),
        };
        let found = program.solve(&weights, steps, ln(self.value()) + MARGIN, &mut self.steps);
        if self.weights.is_none() {
            self.weights = Some(found.weights.clone());
        }
        Some(found)
    }

    /// Opens the family of those cuts that the bound of a larger one is lowest at: better mappings are found early, and leave
    /// less to look at.
    pub(super) fn attempt(&mut self, lists: &Lists) {
        let terms = self.terms(lists);
        let cuts = PerDim::from_fn(|d| {
            let value = |c: u32| value(&terms[d].logs[c as usize], &lists.prices[d]);
            let lower = |a: &u32, b: &u32| value(*a).total_cmp(&value(*b));
            let lowest = lists.cuts[d].iter().copied().min_by(lower);
            self.tables.tables[d].pairs[lowest.unwrap_or(0) as usize]
        });
        self.open_family(lists.reuse, &cuts);
    }

    /// Splits a family along one dimension, or opens it.
    pub(super) fn split(&mut self, bound: f64, lists: &Lists) -> Result<()> {
        if lists.cuts.0.iter().all(|l| l.len() == 1) {
            let cuts = PerDim::from_fn(|d| self.tables.tables[d].pairs[lists.cuts[d][0] as usize]);
            self.open_family(lists.reuse, &cuts);
            return Ok(());
        }
        let terms = self.terms(lists);
        let parts = match whole_or_several(&terms, lists) {
            Some(parts) => parts,
            None => match (size(lists) <= FEW)
                .then(|| self.tables.by_second(&terms, lists))
                .flatten()
            {
                Some(parts) => parts,
                None => halves(&terms, lists),
            },
        };
        for part in parts {
            self.relax(bound, part)?;
        }
        Ok(())
    }
}

/// Number of all combinations of cuts.
fn size(lists: &Lists) -> f64 {
    lists.cuts.0.iter().map(|l| l.len() as f64).product()
}

/// Both parts of a family, those along `d` that are `low` first; none if one is empty.
fn parted(lists: &Lists, d: Dim, low: &dyn Fn(u32) -> bool) -> Option<Vec<Lists>> {
    let (a, b): (Vec<u32>, Vec<u32>) = lists.cuts[d].iter().partition(|&&c| low(c));
    (!a.is_empty() && !b.is_empty()).then(|| vec![lists.along(d, a), lists.along(d, b)])
}

/// A family in two by one or several level-2 tiles along a dimension, which decides what moves again.
fn whole_or_several(terms: &PerDim<Rc<Terms>>, lists: &Lists) -> Option<Vec<Lists>> {
    let whole = |d: Dim| {
        let one = |c: u32| terms[d].logs[c as usize][Term::L2Tiles as usize] == 0.0;
        parted(lists, d, &one)
    };
    [Dim::C, Dim::R, Dim::S, Dim::Y, Dim::X, Dim::K]
        .into_iter()
        .find_map(whole)
}

/// A family in two: the kernel's cuts, else in the middle of that term on which most of the bound hangs.
fn halves(terms: &PerDim<Rc<Terms>>, lists: &Lists) -> Vec<Lists> {
    let in_two = |d: Dim| {
        let (a, b) = lists.cuts[d].split_at(lists.cuts[d].len() / 2);
        vec![lists.along(d, a.to_vec()), lists.along(d, b.to_vec())]
    };
    // Windows hang on the kernel's cuts.
    for d in [Dim::R, Dim::S] {
        if lists.cuts[d].len() > 1 {
            return in_two(d);
        }
    }
    let mut best: Option<(f64, Dim, usize, f64)> = None;
    for d in Dim::ALL {
        for (t, &price) in lists.prices[d].iter().enumerate().filter(|p| *p.1 > 0.0) {
            let values = lists.cuts[d].iter().map(|&c| terms[d].logs[c as usize][t]);
            let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |e, l| (e.0.min(l), e.1.max(l)));
            let spread = price * (ends.1 - ends.0);
            if best.is_none_or(|b| spread > b.0) {
                best = Some((spread, d, t, f64::midpoint(ends.0, ends.1)));
            }
        }
    }
    if let Some((spread, d, t, middle)) = best
        && spread > 0.0
        && let Some(found) = parted(lists, d, &|c| terms[d].logs[c as usize][t] <= middle)
    {
        return found;
    }
    // Nothing that counts differs: any half.
    let longest = |&d: &Dim| lists.cuts[d].len();
    in_two(Dim::ALL.into_iter().max_by_key(longest).unwrap_or(Dim::K))
}

#[cfg(test)]
mod testing {
    //! Families looked at from outside.

    use super::*;
    use crate::base::rng::Rng;
    use crate::cost::family::Sum;
    use crate::cost::floor::Floor;
    use crate::search::problem::Objective;
    use rand::RngExt as _;

    impl Lists {
        pub fn with(mut self, d: Dim, list: Vec<u32>) -> Self {
            self.cuts[d] = list;
            self
        }
    }

    impl Tables {
        pub fn floor(&self, families: &Families, lists: &Lists) -> Option<Floor> {
            let least = self.least(lists);
            families.floor(&PerDim::from_fn(|d| &least[d]), lists.reuse)
        }

        /// The bound by weak duality after some steps.
        pub fn bound(&mut self, families: &Families, lists: &Lists, objective: Objective, steps: usize) -> f64 {
            let terms = PerDim(Dim::ALL.map(|d| self.terms(families, d, lists)));
            let least = self.least(lists);
            let posynomials = families.posynomials(&PerDim::from_fn(|d| &least[d]), lists.reuse);
            let program = Program::new(objective, &posynomials, &lists.cuts, &terms);
            exp(program.solve(&program.begin(), steps, f64::INFINITY, &mut 0).least - MARGIN)
        }

        /// Every bound on the cycles of a family of one cut per dimension, each by itself.
        pub fn chains(&mut self, families: &Families, lists: &Lists) -> Vec<f64> {
            let terms = PerDim(Dim::ALL.map(|d| self.terms(families, d, lists)));
            let least = self.least(lists);
            let p = families.posynomials(&PerDim::from_fn(|d| &least[d]), lists.reuse);
            let term = |&(d, t): &(Dim, Term)| terms[d].logs[lists.cuts[d][0] as usize][t as usize];
            let value = |j: usize| {
                let m = &p.monomials[j];
                m.coefficient * exp(m.factors.iter().map(term).sum())
            };
            let total = |sum: &Sum| sum.constant + sum.parts.iter().map(|&(j, w)| w * value(j)).sum::<f64>();
            p.cycles.iter().map(total).collect()
        }

        /// A random dimension with several cuts, and its list cut at a random place.
        pub fn part(lists: &Lists, rng: &mut Rng) -> Option<(Dim, [Vec<u32>; 2])> {
            let several: Vec<Dim> = Dim::ALL.into_iter().filter(|&d| lists.cuts[d].len() > 1).collect();
            let d = *several.get(rng.random_range(0..several.len().max(1)))?;
            let (a, b) = lists.cuts[d].split_at(rng.random_range(1..lists.cuts[d].len()));
            Some((d, [a.to_vec(), b.to_vec()]))
        }

        /// Of `lists`, the family of one cut per dimension.
        pub fn alone(&self, lists: Lists, cuts: &PerDim<(u32, u32)>) -> Option<Lists> {
            let at = |d: Dim| self.tables[d].pairs.iter().position(|p| *p == cuts[d]);
            Dim::ALL
                .into_iter()
                .try_fold(lists, |lists, d| Some(lists.with(d, vec![at(d)? as u32])))
        }

        pub fn holds(&self, d: Dim, list: &[u32], cut: (u32, u32)) -> bool {
            list.iter().any(|&c| self.tables[d].pairs[c as usize] == cut)
        }
    }
}
