//! NAAS's joint loop over accelerators, networks and mappings (arXiv 2105.13258, figure 3).
//!
//! The outer search proposes accelerators. On each of them a small evolution looks for a network above the accuracy floor
//! with the lowest objective, every layer mapped by the inner search; the accelerator is credited with its best network.
//! The best networks so far are among the first generation on every accelerator. A layer is mapped once per accelerator,
//! however many subnets have it.
//!
//! At the end the best accelerator gets a longer evolution at several floors, which gives the front.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::interrupt::Interrupt;
use crate::base::rng::stream;
use crate::nas::accuracy::{Accuracy, AccuracyModel};
use crate::nas::evolution::{Evolution, Judge, Population};
use crate::nas::space::{Genotype, NetworkSpace};
use crate::search::cma_es::{CmaEs, Settings as CmaSettings};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::mapper::{Choice, MapperSettings, compose, map_layer};
use crate::search::nested::{Generation, StopReason, no_accelerator, valid};
use crate::search::optimizer::Optimizer as _;
use crate::search::problem::{CostModel, Figures, Suite};
use crate::search::runner::fill;
use crate::workload::layer::{Layer, LoopNest};
use rand::Rng as _;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// How the three levels are searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointSettings {
    /// The inner search of a layer.
    pub mapper: MapperSettings,
    /// Evolution of the networks on one accelerator.
    pub evolution: Evolution,
    /// Evolution on the accelerator that won, once per floor of the front.
    pub last: Evolution,
    /// Least accuracy, in calibrated percent.
    pub floor: f64,
    /// Floors of the front, from [`JointSettings::floor`] up to what the space reaches; one for no front.
    pub floors: usize,
    /// Accelerators to evaluate at most.
    pub evaluations: u64,
    /// Seed.
    pub seed: u64,
}

/// Where accelerators come from.
#[derive(Clone, Copy, Debug)]
pub enum Hardware<'a> {
    /// All three levels are searched.
    Searched(&'a AcceleratorSpace),
    /// Networks and mappings only.
    Given(&'a Accelerator),
}

/// A network on an accelerator.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The network.
    pub genotype: Genotype,
    /// Its accuracy.
    pub accuracy: Accuracy,
    /// The objective.
    pub value: f64,
}

/// What a joint search found.
#[derive(Clone, Debug, PartialEq)]
pub struct JointFound {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// The best network at the floor first, then the front by rising accuracy; none is dominated by another.
    pub points: Vec<Point>,
    /// Accelerators evaluated.
    pub evaluations: u64,
    /// Networks rated, over all accelerators.
    pub networks: u64,
    /// Why the search ended.
    pub stop_reason: StopReason,
    /// Every generation of the outer search.
    pub history: Vec<Generation>,
}

/// Best networks that every accelerator's evolution starts with.
const ELITE: usize = 4;
/// Candidates of a generation of accelerators.
const POPULATION: usize = 16;
/// Random subnets whose accuracy tells how high the front can reach.
const PROBES: usize = 2000;

/// Networks on one accelerator.
struct OnAccelerator<'a> {
    model: &'a dyn CostModel,
    space: &'a dyn NetworkSpace,
    accuracy: &'a dyn AccuracyModel,
    accelerator: &'a Accelerator,
    mapper: MapperSettings,
    floor: f64,
    seed: u64,
    interrupt: &'a Interrupt,
    /// Mappings of the layers seen so far; empty where none is legal.
    fronts: BTreeMap<LoopNest, Vec<Choice>>,
}

impl OnAccelerator<'_> {
    /// Maps the layers that were not mapped before.
    fn map(&mut self, nests: Vec<LoopNest>) -> Result<()> {
        let known = self.fronts.len() as u64;
        let one = |(i, nest): (usize, LoopNest)| -> Result<(LoopNest, Vec<Choice>)> {
            self.interrupt.check()?;
            let seed = stream(self.seed, &[known + i as u64]).next_u64();
            let mut model = self.model.on(self.accelerator);
            let mapped = map_layer(&nest, self.accelerator, &mut *model, &self.mapper, seed);
            Ok((nest, mapped.map(|m| m.front).unwrap_or_default()))
        };
        let mapped: Vec<Result<_>> = nests.into_par_iter().enumerate().map(one).collect();
        for result in mapped {
            let (nest, front) = result?;
            self.fronts.insert(nest, front);
        }
        Ok(())
    }

    /// The objective of a network whose layers are mapped; infinite where a layer has no legal mapping.
    fn value(&self, nests: &[LoopNest]) -> f64 {
        let mut fronts: Vec<&[Choice]> = Vec::new();
        let mut place: BTreeMap<&LoopNest, usize> = BTreeMap::new();
        let mut layers = Vec::with_capacity(nests.len());
        for nest in nests {
            let at = *place.entry(nest).or_insert_with(|| {
                fronts.push(self.fronts.get(nest).map_or(&[], Vec::as_slice));
                fronts.len() - 1
            });
            layers.push(at);
        }
        if fronts.iter().any(|f| f.is_empty()) {
            return f64::INFINITY;
        }
        let picked = compose(self.mapper.objective, &fronts, &layers);
        let figures = layers
            .iter()
            .fold(Figures::default(), |sum, &l| sum.plus(&fronts[l][picked[l]].figures, 1));
        self.mapper.objective.of(&figures)
    }
}

impl Judge for OnAccelerator<'_> {
    fn admits(&mut self, genotypes: &[Genotype]) -> Result<Vec<bool>> {
        let accuracies = self.accuracy.of(genotypes)?;
        Ok(accuracies
            .iter()
            .map(|a| a.is_some_and(|a| a.calibrated >= self.floor))
            .collect())
    }

    fn rate(&mut self, genotypes: &[Genotype]) -> Result<Vec<f64>> {
        let nests =
            |g: &Genotype| -> Result<Vec<LoopNest>> { self.space.subnet(g)?.layers.iter().map(Layer::nest).collect() };
        let networks = genotypes.iter().map(nests).collect::<Result<Vec<_>>>()?;
        let mut fresh: Vec<LoopNest> = networks
            .iter()
            .flatten()
            .filter(|n| !self.fronts.contains_key(n))
            .copied()
            .collect();
        fresh.sort();
        fresh.dedup();
        self.map(fresh)?;
        Ok(networks.iter().map(|n| self.value(n)).collect())
    }
}

/// What all levels share.
#[derive(Clone, Copy)]
pub struct Joint<'a> {
    /// Prices.
    pub model: &'a dyn CostModel,
    /// Networks.
    pub space: &'a dyn NetworkSpace,
    /// Their accuracy.
    pub accuracy: &'a dyn AccuracyModel,
    /// How to search.
    pub settings: JointSettings,
    /// Stops it.
    pub interrupt: &'a Interrupt,
}

/// The best networks of one accelerator, best first, and how many were rated.
type Evolved = (Vec<(Genotype, f64)>, u64);

impl<'a> Joint<'a> {
    fn on(&self, accelerator: &'a Accelerator, seed: u64) -> OnAccelerator<'a> {
        OnAccelerator {
            model: self.model,
            space: self.space,
            accuracy: self.accuracy,
            accelerator,
            mapper: self.settings.mapper,
            floor: self.settings.floor,
            seed,
            interrupt: self.interrupt,
            fronts: BTreeMap::new(),
        }
    }

    fn evolve(&self, judge: &mut OnAccelerator<'_>, how: Evolution, first: &[Genotype], seed: u64) -> Result<Evolved> {
        let mut population = Population::new(self.space, how, first, seed, judge)?;
        for _ in 0..how.generations {
            self.interrupt.check()?;
            population.advance(judge)?;
        }
        let rated = population.generation().evaluations;
        Ok((population.members().to_vec(), rated))
    }

    /// Searches. After every generation of accelerators `go_on` is asked whether there is time left.
    ///
    /// # Errors
    /// `E0201` where no network meets the floor, or no accelerator within the resources runs the space's networks; what the
    /// accuracy model says; `E0501`.
    pub fn search(&self, hardware: Hardware<'_>, go_on: &mut dyn FnMut(&Generation) -> bool) -> Result<JointFound> {
        let mut networks = 0;
        let mut elite: Vec<(Genotype, f64)> = Vec::new();
        let (accelerator, evaluations, stop_reason, history) = match hardware {
            Hardware::Given(accelerator) => (accelerator.clone(), 1, StopReason::Evaluations, Vec::new()),
            Hardware::Searched(space) => self.accelerators(space, &mut elite, &mut networks, go_on)?,
        };
        let points = self.front(&accelerator, &elite, &mut networks)?;
        Ok(JointFound {
            accelerator,
            points,
            evaluations,
            networks,
            stop_reason,
            history,
        })
    }

    /// The outer loop.
    fn accelerators(
        &self,
        space: &AcceleratorSpace,
        elite: &mut Vec<(Genotype, f64)>,
        networks: &mut u64,
        go_on: &mut dyn FnMut(&Generation) -> bool,
    ) -> Result<(Accelerator, u64, StopReason, Vec<Generation>)> {
        let suite = self.extremes()?;
        let start = CmaSettings {
            population: Some(POPULATION),
            ..CmaSettings::new(space.genes())
        };
        let mut optimizer = CmaEs::new(start, self.settings.seed);
        let mut best: Option<(Accelerator, f64)> = None;
        let mut history: Vec<Generation> = Vec::new();
        let mut evaluations = 0u64;
        let stop_reason = loop {
            let left = self.settings.evaluations - evaluations;
            if left == 0 {
                break StopReason::Evaluations;
            }
            let count = POPULATION.min(usize::try_from(left).unwrap_or(usize::MAX));
            let candidates = fill(&mut optimizer, count, |genes| valid(space, &suite, genes))
                .map_err(|starved| no_accelerator(space, &starved))?;
            let mut told = Vec::with_capacity(count);
            for candidate in candidates {
                let seed = stream(self.settings.seed, &[evaluations]).next_u64();
                let mut judge = self.on_candidate(&candidate.value, seed);
                let first: Vec<Genotype> = elite.iter().map(|e| e.0.clone()).collect();
                let (members, rated) = self.evolve(&mut judge, self.settings.evolution, &first, seed)?;
                *networks += rated;
                evaluations += 1;
                let value = members.first().map_or(f64::INFINITY, |m| m.1);
                told.push((candidate.genes, value));
                if best.as_ref().is_none_or(|b| value < b.1) {
                    best = Some((candidate.value, value));
                    *elite = members;
                    elite.dedup_by(|a, b| a.0 == b.0);
                    elite.truncate(ELITE);
                }
            }
            optimizer.tell(&told);
            let generation = Generation {
                evaluations,
                best: told.iter().map(|t| t.1).fold(f64::INFINITY, f64::min),
                mean: told.iter().map(|t| t.1).sum::<f64>() / told.len() as f64,
            };
            history.push(generation);
            if !go_on(&generation) {
                break StopReason::Seconds;
            }
            if optimizer.stalled() {
                break StopReason::Stalled;
            }
        };
        let (accelerator, _) =
            best.ok_or_else(|| Diagnostic::new(Code::Usage, "a search needs at least one evaluation"))?;
        Ok((accelerator, evaluations, stop_reason, history))
    }

    fn on_candidate<'b>(&'b self, accelerator: &'b Accelerator, seed: u64) -> OnAccelerator<'b>
    where
        'a: 'b,
    {
        let joint: Joint<'b> = *self;
        joint.on(accelerator, seed)
    }

    /// The space's smallest and largest networks: an accelerator that cannot run them is not worth trying.
    fn extremes(&self) -> Result<Suite> {
        let mut suite = Suite::default();
        for largest in [false, true] {
            let option = |count: usize| if largest { count as u8 - 1 } else { 0 };
            let genes = self.space.genes().iter();
            let mut genotype = Genotype(genes.map(|g| option(g.options.len())).collect());
            self.space.normalise(&mut genotype);
            suite.add(self.space.name(), &self.space.subnet(&genotype)?.layers)?;
        }
        Ok(suite)
    }

    /// The accuracies that the front asks for: equal steps from the floor to the best of many random subnets.
    fn floors(&self) -> Result<Vec<f64>> {
        let JointSettings {
            floor, floors, seed, ..
        } = self.settings;
        if floors <= 1 {
            return Ok(vec![floor]);
        }
        let mut rng = stream(seed, &[u64::MAX]);
        let probes: Vec<Genotype> = (0..PROBES).map(|_| self.space.sample(&mut rng)).collect();
        let accuracies = self.accuracy.of(&probes)?;
        let top = accuracies.iter().flatten().map(|a| a.calibrated).fold(floor, f64::max);
        let step = (top - floor) / (floors - 1) as f64;
        Ok((0..floors).map(|i| floor + step * i as f64).collect())
    }

    /// The networks on the accelerator that won.
    fn front(&self, accelerator: &Accelerator, elite: &[(Genotype, f64)], networks: &mut u64) -> Result<Vec<Point>> {
        let seed = stream(self.settings.seed, &[u64::MAX, 1]).next_u64();
        let mut judge = self.on_candidate(accelerator, seed);
        let mut seen: Vec<(Genotype, f64)> = Vec::new();
        for (i, floor) in self.floors()?.into_iter().enumerate() {
            judge.floor = floor;
            let candidates: Vec<Genotype> = elite.iter().chain(&seen).map(|e| e.0.clone()).collect();
            let admitted = judge.admits(&candidates)?;
            let mut first: Vec<Genotype> = candidates
                .into_iter()
                .zip(admitted)
                .filter(|(_, ok)| *ok)
                .map(|(g, _)| g)
                .collect();
            first.truncate(self.settings.last.population / 2);
            let evolved = self.evolve(&mut judge, self.settings.last, &first, seed.wrapping_add(i as u64));
            // The highest floor is one that random subnets reach, so only the first can be out of reach.
            let (members, rated) = evolved?;
            *networks += rated;
            seen.extend(members);
        }
        let genotypes: Vec<Genotype> = seen.iter().map(|s| s.0.clone()).collect();
        let accuracies = self.accuracy.of(&genotypes)?;
        let points = seen
            .into_iter()
            .zip(accuracies)
            .filter_map(|((genotype, value), accuracy)| {
                accuracy.map(|accuracy| Point {
                    genotype,
                    accuracy,
                    value,
                })
            });
        let front = pareto(points.collect());
        if front.is_empty() {
            return Err(Diagnostic::new(
                Code::NoLegalMapping,
                "no network above the floor has a legal mapping for each of its layers",
            )
            .next("lower the floor, or give the accelerator more of what its layers need"));
        }
        Ok(if self.settings.floors > 1 {
            front
        } else {
            front.into_iter().take(1).collect()
        })
    }
}

/// The points of which none is better in both accuracy and objective, by rising objective.
#[must_use]
pub fn pareto(mut points: Vec<Point>) -> Vec<Point> {
    points.retain(|p| p.value.is_finite());
    points.sort_by(|a, b| {
        a.value
            .total_cmp(&b.value)
            .then(b.accuracy.calibrated.total_cmp(&a.accuracy.calibrated))
            .then(a.genotype.cmp(&b.genotype))
    });
    let mut best = f64::NEG_INFINITY;
    points.retain(|p| {
        let better = p.accuracy.calibrated > best;
        best = best.max(p.accuracy.calibrated);
        better
    });
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::cost::tech::Technology;
    use crate::nas::accuracy::Provenance;
    use crate::nas::resnet50::OfaResNet50;

    /// Larger networks are more accurate.
    struct Larger;

    impl AccuracyModel for Larger {
        fn provenance(&self) -> Provenance {
            Provenance {
                model: "test",
                source: String::new(),
                error: String::new(),
                predicted: true,
            }
        }

        fn of(&self, genotypes: &[Genotype]) -> Result<Vec<Option<Accuracy>>> {
            let one = |g: &Genotype| {
                let calibrated = g.0.iter().map(|&o| f64::from(o)).sum();
                let raw = calibrated / 100.0;
                Some(Accuracy {
                    raw,
                    calibrated,
                    saturated: false,
                })
            };
            Ok(genotypes.iter().map(one).collect())
        }
    }

    fn settings() -> JointSettings {
        let small = |population, generations| Evolution {
            population,
            generations,
            ..Evolution::default()
        };
        JointSettings {
            mapper: MapperSettings {
                evaluations: 6,
                ..MapperSettings::default()
            },
            evolution: small(4, 1),
            last: small(6, 2),
            floor: 20.0,
            floors: 3,
            evaluations: 6,
            seed: 2,
        }
    }

    #[test]
    fn joint_search_repeats_and_its_front_is_one() {
        let technology = Technology::named("45nm").unwrap();
        let space = AcceleratorSpace::new(Resources::preset("eyeriss").unwrap());
        let interrupt = Interrupt::default();
        let joint = Joint {
            model: &technology,
            space: &OfaResNet50,
            accuracy: &Larger,
            settings: settings(),
            interrupt: &interrupt,
        };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| joint.search(Hardware::Searched(&space), &mut |_| true).unwrap())
        };
        let found = run(1);
        assert_eq!(run(2), found);
        assert_eq!(found.evaluations, 6);
        assert!(found.networks > 24);
        assert!(found.points.iter().all(|p| p.accuracy.calibrated >= 20.0));
        assert!(
            found
                .points
                .windows(2)
                .all(|w| w[0].value < w[1].value && w[0].accuracy.calibrated < w[1].accuracy.calibrated)
        );
        let one = JointSettings {
            floors: 1,
            ..settings()
        };
        let given = Joint { settings: one, ..joint };
        let found = given
            .search(Hardware::Given(&found.accelerator), &mut |_| true)
            .unwrap();
        assert_eq!((found.points.len(), found.evaluations), (1, 1));
    }
}
