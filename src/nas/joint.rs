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
use crate::nas::evolution::{Evolution, Judge as _, Population};
use crate::nas::rating::OnAccelerator;
use crate::nas::space::{Genotype, NetworkSpace};
use crate::search::chips::starts;
use crate::search::cma_es::{CmaEs, Settings as CmaSettings};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::guided::Guided;
use crate::search::mapper::MapperSettings;
use crate::search::nested::{no_accelerator, valid};
use crate::search::optimizer::Optimizer;
use crate::search::problem::{CostModel, Suite};
use crate::search::runner::{Candidate, Generation, Log, Problem, Ran, Rejection, Starved, StopReason, run};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    /// Whether accelerators are searched with the helps of [`Guided`].
    pub guided: bool,
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
    /// Different layers mapped, over all accelerators: what most of the time goes into.
    pub layers: u64,
    /// Why the search ended.
    pub stop_reason: StopReason,
    /// Every generation of the outer search.
    pub history: Vec<Generation>,
}

/// Best networks that every accelerator's evolution starts with.
const ELITE: usize = 4;
/// Candidates of a generation of accelerators.
const POPULATION: usize = 16;
/// Random subnets whose accuracy tells, with those that the model lists, how high the front can reach.
const PROBES: usize = 2000;

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

impl Joint<'_> {
    /// Networks on `accelerator`, none of them rated yet.
    #[must_use]
    pub fn on<'b>(&'b self, accelerator: &'b Accelerator, seed: u64) -> OnAccelerator<'b> {
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

    /// Searches, on from `log`, which is empty for a new search. After every generation of accelerators `watch` sees the log
    /// and says whether there is time left.
    ///
    /// # Errors
    /// `E0201` where no network meets the floor, or no accelerator within the resources runs the space's networks; what the
    /// accuracy model and `watch` say; `E0102` for a log of another search; `E0501`.
    pub fn search(
        &self,
        hardware: Hardware<'_>,
        log: Log,
        watch: &mut dyn FnMut(&Log) -> Result<bool>,
    ) -> Result<JointFound> {
        let (accelerator, mut memory, ran) = match hardware {
            Hardware::Given(accelerator) => (accelerator.clone(), Memory::default(), None),
            Hardware::Searched(space) => {
                let (accelerator, memory, ran) = self.accelerators(space, log, watch)?;
                (accelerator, memory, Some(ran))
            }
        };
        let points = self.front(&accelerator, &mut memory)?;
        Ok(JointFound {
            accelerator,
            points,
            evaluations: ran.as_ref().map_or(1, |r| r.log.evaluations()),
            networks: memory.networks,
            layers: memory.layers,
            stop_reason: ran.as_ref().map_or(StopReason::Evaluations, |r| r.stop_reason),
            history: ran.map(|r| r.log.history()).unwrap_or_default(),
        })
    }

    /// The outer loop.
    fn accelerators(
        &self,
        space: &AcceleratorSpace,
        log: Log,
        watch: &mut dyn FnMut(&Log) -> Result<bool>,
    ) -> Result<(Accelerator, Memory, Ran)> {
        let mut problem = Accelerators {
            joint: self,
            space,
            suite: self.extremes()?,
            memory: Memory::default(),
        };
        let start = CmaSettings {
            population: Some(POPULATION),
            ..CmaSettings::new(space.genes())
        };
        let seed = self.settings.seed;
        let mut optimizer: Box<dyn Optimizer> = Box::new(CmaEs::new(start, seed));
        if self.settings.guided {
            let known = starts(space, &problem.suite);
            optimizer = Box::new(Guided::new(
                optimizer,
                space,
                known,
                Vec::new(),
                Box::new(|_| 0.0),
                seed,
            ));
        }
        let ran = run(&mut problem, &mut *optimizer, self.settings.evaluations, log, watch)?;
        let genes = problem.memory.best.as_ref().map(|b| b.genes.as_slice());
        let accelerator = genes.and_then(|g| problem.decode(g).ok()).ok_or_else(nothing_legal)?;
        Ok((accelerator, problem.memory, ran))
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
        let mut probes: Vec<Genotype> = (0..PROBES).map(|_| self.space.sample(&mut rng)).collect();
        probes.extend(self.accuracy.known());
        let accuracies = self.accuracy.of(&probes)?;
        let top = accuracies.iter().flatten().map(|a| a.calibrated).fold(floor, f64::max);
        let step = (top - floor) / (floors - 1) as f64;
        Ok((0..floors).map(|i| floor + step * i as f64).collect())
    }

    /// The networks on the accelerator that won.
    fn front(&self, accelerator: &Accelerator, memory: &mut Memory) -> Result<Vec<Point>> {
        let seed = stream(self.settings.seed, &[u64::MAX, 1]).next_u64();
        let mut judge = self.on(accelerator, seed);
        let mut seen: Vec<(Genotype, f64)> = Vec::new();
        for (i, floor) in self.floors()?.into_iter().enumerate() {
            judge.floor = floor;
            let candidates = memory.elite.iter().chain(seen.iter().map(|s| &s.0));
            let candidates: Vec<Genotype> = candidates.cloned().collect();
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
            memory.networks += rated;
            seen.extend(members);
        }
        memory.layers += judge.layers();
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
            return Err(nothing_legal());
        }
        Ok(if self.settings.floors > 1 {
            front
        } else {
            front.into_iter().take(1).collect()
        })
    }
}

fn nothing_legal() -> Diagnostic {
    Diagnostic::new(
        Code::NoLegalMapping,
        "no network above the floor has a legal mapping for each of its layers",
    )
    .next("lower the floor, or give the accelerator more of what its layers need")
}

/// The accelerator that got the best network so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    genes: Vec<f64>,
    value: f64,
}

/// What the outer loop remembers of the accelerators so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Memory {
    /// Accelerators evaluated.
    evaluated: u64,
    /// Networks rated.
    networks: u64,
    /// Layers mapped.
    layers: u64,
    best: Option<Best>,
    /// The best networks on the best accelerator.
    elite: Vec<Genotype>,
}

/// Accelerators as the outer loop sees them: each is worth what the best network on it costs.
struct Accelerators<'j, 'a> {
    joint: &'j Joint<'a>,
    space: &'j AcceleratorSpace,
    suite: Suite,
    memory: Memory,
}

impl Accelerators<'_, '_> {
    fn one(&mut self, candidate: &Candidate<Accelerator>) -> Result<f64> {
        let settings = &self.joint.settings;
        let seed = stream(settings.seed, &[self.memory.evaluated]).next_u64();
        let mut judge = self.joint.on(&candidate.value, seed);
        let elite = &self.memory.elite;
        let (mut members, rated) = self.joint.evolve(&mut judge, settings.evolution, elite, seed)?;
        self.memory.evaluated += 1;
        self.memory.networks += rated;
        self.memory.layers += judge.layers();
        let value = members.first().map_or(f64::INFINITY, |m| m.1);
        if value < self.memory.best.as_ref().map_or(f64::INFINITY, |b| b.value) {
            let genes = candidate.genes.clone();
            self.memory.best = Some(Best { genes, value });
            members.dedup_by(|a, b| a.0 == b.0);
            self.memory.elite = members.into_iter().take(ELITE).map(|m| m.0).collect();
        }
        Ok(value)
    }
}

impl Problem for Accelerators<'_, '_> {
    type Design = Accelerator;

    fn decode(&self, genes: &[f64]) -> std::result::Result<Accelerator, Rejection> {
        valid(self.space, &self.suite, genes)
    }

    fn evaluate(&mut self, generation: &[Candidate<Accelerator>]) -> Result<Vec<f64>> {
        generation.iter().map(|c| self.one(c)).collect()
    }

    fn starved(&self, starved: &Starved) -> Diagnostic {
        no_accelerator(self.space, starved)
    }

    fn memory(&self) -> Value {
        json!(self.memory)
    }

    fn recall(&mut self, memory: &Value) -> Result<()> {
        self.memory = Memory::deserialize(memory)
            .map_err(|e| Diagnostic::new(Code::Malformed, format!("no memory of a joint search: {e}")))?;
        Ok(())
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
pub(in crate::nas) mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::cost::tech::Technology;
    use crate::nas::accuracy::Provenance;
    use crate::nas::resnet50::OfaResNet50;

    /// Larger networks are more accurate.
    pub struct Larger;

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

    /// Seconds, not minutes.
    pub fn settings() -> JointSettings {
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
            guided: true,
            evaluations: 6,
            seed: 2,
        }
    }

    #[test]
    fn an_interrupted_search_goes_on_as_if_it_had_not_been() {
        let technology = Technology::named("45nm").unwrap();
        let space = AcceleratorSpace::new(Resources::preset("eyeriss").unwrap());
        let interrupt = Interrupt::default();
        let joint = Joint {
            model: &technology,
            space: &OfaResNet50,
            accuracy: &Larger,
            settings: JointSettings {
                evaluations: 2 * POPULATION as u64 + 3,
                ..settings()
            },
            interrupt: &interrupt,
        };
        let go = |log: Log, last: usize, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut text = String::new();
            let mut watch = |log: &Log| {
                text = serde_json::to_string(log).unwrap();
                Ok(log.generations.len() < last)
            };
            let found = pool.install(|| joint.search(Hardware::Searched(&space), log, &mut watch));
            (found.unwrap(), text)
        };
        let (whole, end) = go(Log::default(), usize::MAX, 1);
        for last in [1, 2] {
            let (part, text) = go(Log::default(), last, 2);
            assert_eq!(part.stop_reason, StopReason::Seconds);
            assert!(part.evaluations < whole.evaluations);
            assert_eq!(go(serde_json::from_str(&text).unwrap(), usize::MAX, 2).0, whole);
        }
        assert_eq!(go(serde_json::from_str(&end).unwrap(), usize::MAX, 2).0, whole);
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
            pool.install(|| {
                joint
                    .search(Hardware::Searched(&space), Log::default(), &mut |_| Ok(true))
                    .unwrap()
            })
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
            .search(Hardware::Given(&found.accelerator), Log::default(), &mut |_| Ok(true))
            .unwrap();
        assert_eq!((found.points.len(), found.evaluations), (1, 1));
    }
}
