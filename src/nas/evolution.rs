//! Regularised-by-rejection evolution over a network space, as Once-for-All's finder does it.
//!
//! A population is drawn at random from the subnets that are admitted (an accuracy floor or a budget). Every generation the
//! best quarter become parents; the rest is replaced, half by mutants of a parent, half by crossings of two, each drawn
//! again until it is admitted. Defaults are those of the authors' public code.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::rng::{Rng, stream};
use crate::nas::space::{Genotype, NetworkSpace};
use rand::RngExt as _;
use serde::Serialize;
use std::collections::BTreeMap;

/// How subnets evolve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evolution {
    /// Subnets of a generation.
    pub population: usize,
    /// Generations after the first, random one.
    pub generations: usize,
    /// Share of a generation that becomes parents.
    pub parents: f64,
    /// Share of the children that are mutants.
    pub mutants: f64,
    /// Probability that a mutant draws a gene anew.
    pub gene: f64,
    /// The same for its resolution.
    pub resolution: f64,
}

impl Default for Evolution {
    fn default() -> Self {
        Self {
            population: 100,
            generations: 500,
            parents: 0.25,
            mutants: 0.5,
            gene: 0.1,
            resolution: 0.5,
        }
    }
}

/// What makes a subnet fit.
pub trait Judge {
    /// Which of some subnets may live, at a cost that rejection can afford.
    ///
    /// # Errors
    /// If it cannot be told.
    fn admits(&mut self, genotypes: &[Genotype]) -> Result<Vec<bool>>;

    /// Objectives of admitted subnets that were never rated before; lower is better.
    ///
    /// # Errors
    /// If they cannot be rated.
    fn rate(&mut self, genotypes: &[Genotype]) -> Result<Vec<f64>>;

    /// All admitted subnets, where they can be listed.
    ///
    /// # Errors
    /// As [`Judge::admits`].
    fn listed(&mut self) -> Result<Vec<Genotype>> {
        Ok(Vec::new())
    }
}

/// What happened in one generation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Generation {
    /// Different subnets rated so far.
    pub evaluations: u64,
    /// Lowest objective of the population.
    pub best: f64,
    /// Mean objective of the population.
    pub mean: f64,
}

/// Draws per wanted subnet after which a generation gives up.
const ATTEMPTS: usize = 1000;
/// Subnets that are judged together.
const BATCH: usize = 64;

/// A population in progress.
#[derive(Clone, Debug)]
pub struct Population<'a> {
    space: &'a dyn NetworkSpace,
    settings: Evolution,
    rng: Rng,
    rated: BTreeMap<Genotype, f64>,
    members: Vec<(Genotype, f64)>,
}

impl std::fmt::Debug for dyn NetworkSpace + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl<'a> Population<'a> {
    /// The first generation: admitted subnets at random, `first` among them.
    ///
    /// # Errors
    /// `E0201` if hardly any subnet is admitted; what the judge says.
    pub fn new(
        space: &'a dyn NetworkSpace,
        settings: Evolution,
        first: &[Genotype],
        seed: u64,
        judge: &mut dyn Judge,
    ) -> Result<Self> {
        let mut population = Self {
            space,
            settings,
            rng: stream(seed, &[]),
            rated: BTreeMap::new(),
            members: Vec::new(),
        };
        let mut queue = first.iter();
        let drawn = population.draw(settings.population, judge, |space, rng| {
            queue.next().cloned().unwrap_or_else(|| space.sample(rng))
        })?;
        population.members = population.rate(drawn, judge)?;
        population.sort();
        Ok(population)
    }

    /// The best subnet and its objective.
    #[must_use]
    pub fn best(&self) -> Option<&(Genotype, f64)> {
        self.members.first()
    }

    /// All members from the best to the worst.
    #[must_use]
    pub fn members(&self) -> &[(Genotype, f64)] {
        &self.members
    }

    /// The state of the population.
    #[must_use]
    pub fn generation(&self) -> Generation {
        let sum: f64 = self.members.iter().map(|m| m.1).sum();
        Generation {
            evaluations: self.rated.len() as u64,
            best: self.best().map_or(f64::INFINITY, |b| b.1),
            mean: sum / self.members.len().max(1) as f64,
        }
    }

    /// The next generation.
    ///
    /// # Errors
    /// As [`Population::new`].
    pub fn advance(&mut self, judge: &mut dyn Judge) -> Result<()> {
        let share = |count: usize, part: f64| (count as f64 * part).round() as usize;
        let settings = self.settings;
        let parents = share(settings.population, settings.parents).max(1);
        let children = settings.population.saturating_sub(parents);
        let mutants = share(children, settings.mutants);
        self.members.truncate(parents);
        let pool: Vec<Genotype> = self.members.iter().map(|m| m.0.clone()).collect();
        let mut born = self.draw(mutants, judge, |space, rng| {
            let parent = &pool[rng.random_range(0..pool.len())];
            mutant(space, &settings, parent, rng)
        })?;
        born.extend(self.draw(children - mutants, judge, |space, rng| {
            let mut pick = || &pool[rng.random_range(0..pool.len())];
            let (mother, father) = (pick(), pick());
            crossing(space, mother, father, rng)
        })?);
        let rated = self.rate(born, judge)?;
        self.members.extend(rated);
        self.sort();
        Ok(())
    }

    /// Best first; ties keep their order, so that results do not depend on the sort.
    fn sort(&mut self) {
        self.members.sort_by(|a, b| a.1.total_cmp(&b.1));
    }

    /// `count` admitted subnets. Where a batch holds none, one of those that can be listed.
    fn draw(
        &mut self,
        count: usize,
        judge: &mut dyn Judge,
        mut one: impl FnMut(&dyn NetworkSpace, &mut Rng) -> Genotype,
    ) -> Result<Vec<Genotype>> {
        let mut admitted = Vec::with_capacity(count);
        let mut attempts = 0;
        while admitted.len() < count {
            if attempts >= count * ATTEMPTS {
                return Err(Diagnostic::new(
                    Code::NoLegalMapping,
                    format!(
                        "{} of {attempts} sampled networks meet the floor or budget",
                        admitted.len()
                    ),
                )
                .at(format!("space `{}`", self.space.name()))
                .next("lower the floor, or raise the budget"));
            }
            let batch: Vec<Genotype> = (0..BATCH).map(|_| one(self.space, &mut self.rng)).collect();
            attempts += BATCH;
            let verdicts = judge.admits(&batch)?;
            if !verdicts.contains(&true) {
                let listed = judge.listed()?;
                if !listed.is_empty() {
                    admitted.push(listed[self.rng.random_range(0..listed.len())].clone());
                }
            }
            admitted.extend(batch.into_iter().zip(verdicts).filter(|(_, ok)| *ok).map(|(g, _)| g));
        }
        admitted.truncate(count);
        Ok(admitted)
    }

    /// Rates what was not rated before.
    fn rate(&mut self, genotypes: Vec<Genotype>, judge: &mut dyn Judge) -> Result<Vec<(Genotype, f64)>> {
        let mut fresh: Vec<Genotype> = genotypes
            .iter()
            .filter(|g| !self.rated.contains_key(g))
            .cloned()
            .collect();
        fresh.sort();
        fresh.dedup();
        let values = judge.rate(&fresh)?;
        self.rated.extend(fresh.into_iter().zip(values));
        let value = |g: &Genotype| self.rated.get(g).copied().unwrap_or(f64::INFINITY);
        Ok(genotypes
            .into_iter()
            .map(|g| {
                let v = value(&g);
                (g, v)
            })
            .collect())
    }
}

fn mutant(space: &dyn NetworkSpace, settings: &Evolution, parent: &Genotype, rng: &mut Rng) -> Genotype {
    let mut child = parent.clone();
    for (i, gene) in space.genes().iter().enumerate() {
        let probability = if i == 0 { settings.resolution } else { settings.gene };
        if rng.random_bool(probability) {
            child.0[i] = rng.random_range(0..gene.options.len()) as u8;
        }
    }
    space.normalise(&mut child);
    child
}

fn crossing(space: &dyn NetworkSpace, mother: &Genotype, father: &Genotype, rng: &mut Rng) -> Genotype {
    let genes = mother.0.iter().zip(&father.0);
    let mut child = Genotype(genes.map(|(&m, &f)| if rng.random_bool(0.5) { m } else { f }).collect());
    space.normalise(&mut child);
    child
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nas::resnet50::OfaResNet50;

    /// Few multiply-accumulates, but a given sum of options at least.
    struct Cheap {
        floor: u32,
        asked: u64,
    }

    fn sum(g: &Genotype) -> u32 {
        g.0.iter().map(|&o| u32::from(o)).sum()
    }

    impl Judge for Cheap {
        fn admits(&mut self, genotypes: &[Genotype]) -> Result<Vec<bool>> {
            Ok(genotypes.iter().map(|g| sum(g) >= self.floor).collect())
        }

        fn rate(&mut self, genotypes: &[Genotype]) -> Result<Vec<f64>> {
            self.asked += genotypes.len() as u64;
            genotypes
                .iter()
                .map(|g| Ok(OfaResNet50.subnet(g)?.macs()? as f64))
                .collect()
        }
    }

    #[test]
    fn evolution_improves_repeats_and_keeps_the_floor() {
        let settings = Evolution {
            population: 20,
            generations: 15,
            ..Evolution::default()
        };
        let run = || {
            let mut judge = Cheap { floor: 24, asked: 0 };
            let mut p = Population::new(&OfaResNet50, settings, &[], 7, &mut judge).unwrap();
            let first = p.generation();
            for _ in 0..settings.generations {
                let before = p.generation().best;
                p.advance(&mut judge).unwrap();
                assert!(p.generation().best <= before);
                assert_eq!(p.members().len(), 20);
                assert!(p.members().iter().all(|m| sum(&m.0) >= 24));
            }
            assert_eq!(p.generation().evaluations, judge.asked);
            (first, p.generation(), p.best().cloned())
        };
        let (first, last, best) = run();
        assert!(
            last.best < 0.8 * first.best && last.mean < 0.5 * first.mean,
            "{first:?} {last:?}"
        );
        assert_eq!(run().2, best);
    }

    #[test]
    fn an_impossible_floor_is_named() {
        let mut judge = Cheap {
            floor: 10_000,
            asked: 0,
        };
        let settings = Evolution {
            population: 2,
            ..Evolution::default()
        };
        let e = Population::new(&OfaResNet50, settings, &[], 7, &mut judge).unwrap_err();
        assert_eq!(e.code, Code::NoLegalMapping);
    }
}
