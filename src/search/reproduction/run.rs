//! Runs experiments.

use crate::arch::accelerator::Accelerator;
use crate::arch::resources::Resources;
use crate::base::diag::Result;
use crate::base::interrupt::Interrupt;
use crate::cost::ceiling::ceiling;
use crate::cost::network::cost;
use crate::cost::tech::Technology;
use crate::mapping::legality::schedule;
use crate::mapping::tiling::Mapping;
use crate::search::chips::{chip, dictated};
use crate::search::dataflow::Dataflow;
use crate::search::design::{Design, MappedNetwork, Provenance, Totals};
use crate::search::encoding::accelerator::{AcceleratorSpace, Sharing};
use crate::search::goal::Goal;
use crate::search::importance::Encoding;
use crate::search::mapper::{MapperSettings, Method, Unmapped, map_layer};
use crate::search::nested::{CoSearch, Helps, NestedSettings, Solution, map_suite};
use crate::search::numeric::geometric_mean;
use crate::search::problem::{CostModel as _, Figures, Objective, Suite};
use crate::search::prove::Limits;
use crate::search::reproduction::{Budget, Experiment, Gap, Human, Outcome, Question, Search};
use crate::search::runner::Log;
use crate::workload::network::Network;
use crate::workload::zoo;
use rayon::prelude::*;

/// Accelerators that are mapped once more at the end of a search.
const FINALISTS: usize = 3;

/// How one search differs from the others of its experiment.
struct Variant {
    label: &'static str,
    method: Method,
    encoding: Encoding,
    sizing: bool,
    guided: bool,
    sharing: Sharing,
}

/// What searches are called in which axes may run several dimensions.
pub const SHARED: &str = "shared";

const FULL: Variant = Variant {
    label: "full",
    method: Method::CmaEs,
    encoding: Encoding::Importance,
    sizing: false,
    guided: true,
    sharing: Sharing::Single,
};

fn variants(question: Question) -> Vec<Variant> {
    // Where ways to search are compared, none has help: the comparison would be of the help.
    let alone = Variant { guided: false, ..FULL };
    let method = |label, method| Variant { label, method, ..alone };
    match question {
        Question::Baseline | Question::Speed | Question::Time | Question::Front => vec![FULL],
        Question::Study => vec![
            FULL,
            Variant {
                label: SHARED,
                sharing: Sharing::Several,
                ..FULL
            },
        ],
        Question::Sizing => vec![
            FULL,
            Variant {
                label: "sizing",
                sizing: true,
                ..FULL
            },
        ],
        Question::Encoding => vec![
            Variant {
                label: "importance",
                ..alone
            },
            Variant {
                label: "index",
                encoding: Encoding::Index,
                ..alone
            },
        ],
        // The layers of all methods' candidates are mapped alike: what is compared is how accelerators are chosen.
        Question::Method | Question::Learned => vec![
            method("cma-es", Method::CmaEs),
            method("bayesian", Method::Bayesian),
            method("random", Method::Random),
            // What the helps are worth.
            Variant {
                label: "guided",
                ..FULL
            },
        ],
    }
}

/// What all searches of an experiment share.
struct Bench<'a> {
    technology: &'a Technology,
    experiment: &'a Experiment,
    interrupt: &'a Interrupt,
    resources: Resources,
    networks: Vec<Network>,
    suite: Suite,
}

/// Runs `experiment`, at its own prices or else those of `technology`; `step` hears of every search that is about to begin.
///
/// # Errors
/// `E0105` for names that do not exist, `E0201` where a network cannot run, `E0501`.
pub fn run(
    technology: &Technology,
    experiment: &Experiment,
    interrupt: &Interrupt,
    step: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let networks: Vec<Network> = experiment
        .networks
        .iter()
        .map(|n| zoo::network(n))
        .collect::<Result<_>>()?;
    let mut suite = Suite::default();
    for network in &networks {
        suite.add(&network.name, &network.layers)?;
    }
    let resources = Resources::preset(&experiment.resources)?;
    let own = experiment.technology.as_deref().map(Technology::named).transpose()?;
    let technology = own.as_ref().unwrap_or(technology);
    let bench = Bench {
        technology,
        experiment,
        interrupt,
        resources,
        networks,
        suite,
    };
    let compared = matches!(
        experiment.question,
        Question::Baseline | Question::Study | Question::Sizing | Question::Learned
    );
    let humans = if compared { bench.humans(step)? } else { Vec::new() };
    let mut outcome = Outcome {
        experiment: experiment.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        technology: technology.name.clone(),
        searches: Vec::new(),
        humans,
        floors: bench.floors(),
        front: Vec::new(),
    };
    let mut best: Option<(usize, Solution)> = None;
    for variant in variants(experiment.question) {
        let mut helps = None;
        for seed in 1..=experiment.budget.seeds {
            step(&format!("{}, seed {seed}", variant.label));
            let (found, solution, front) = bench.search(&variant, seed, &mut helps)?;
            if best.as_ref().is_none_or(|(i, _)| found.edp < outcome.searches[*i].edp) {
                best = Some((outcome.searches.len(), solution));
            }
            outcome.searches.push(found);
            outcome.front = front;
        }
    }
    if let Some((i, solution)) = best.filter(|_| experiment.budget.proof > 0) {
        step("proof of the best design's mappings");
        bench.prove(&solution, &mut outcome.searches[i].gaps)?;
    }
    Ok(outcome)
}

fn mapper(evaluations: usize) -> MapperSettings {
    MapperSettings {
        evaluations,
        ..MapperSettings::default()
    }
}

impl Bench<'_> {
    fn humans(&self, step: &mut dyn FnMut(&str)) -> Result<Vec<Human>> {
        let mut humans = Vec::new();
        for name in &self.experiment.baselines {
            step(name);
            let (flow, chip) = chip(name, &self.resources, &self.suite)?;
            let fixed = self
                .networks
                .iter()
                .map(|n| self.figures(&chip, n, &dictated(flow, &chip, n)?))
                .collect::<Result<Vec<_>>>()?;
            let settings = mapper(self.experiment.budget.refine);
            let mapped = map_suite(
                self.technology,
                &self.suite,
                &chip,
                &settings,
                1,
                self.interrupt,
                &|_| (),
            )?;
            let searched = self.networks.iter().zip(&mapped.mappings);
            humans.push(Human {
                name: name.clone(),
                fixed,
                searched: searched
                    .map(|(n, m)| self.figures(&chip, n, m))
                    .collect::<Result<_>>()?,
                greedy: match self.experiment.question {
                    Question::Study => self.greedy(flow, &chip)?,
                    _ => Vec::new(),
                },
            });
        }
        Ok(humans)
    }

    /// See [`Human::greedy`].
    fn greedy(&self, flow: &Dataflow, chip: &Accelerator) -> Result<Vec<f64>> {
        let edp = |flow: Dataflow| {
            let figures = |n| self.figures(chip, n, &dictated(&flow, chip, n)?).map(|f| f.edp());
            let networks = self.networks.iter().map(figures).collect::<Result<Vec<_>>>();
            networks.map(|edps| geometric_mean(&edps))
        };
        let flows: Vec<Dataflow> = flow.growing_in_every_order().collect();
        flows.into_par_iter().map(edp).collect()
    }

    /// A network's cost from start to done, as designs state it.
    fn figures(&self, a: &Accelerator, network: &Network, mappings: &[Mapping]) -> Result<Figures> {
        let schedules = network.layers.iter().zip(mappings);
        let schedules = schedules
            .map(|(l, m)| schedule(&l.nest()?, a, m))
            .collect::<Result<Vec<_>>>()?;
        let costed = cost(self.technology, a, &network.layers, &schedules)?;
        Ok(Figures {
            cycles: costed.cycles,
            energy_pj: costed.energy.total(),
        })
    }

    fn floors(&self) -> Vec<Figures> {
        let layer = |l: &usize| ceiling(self.technology, &self.resources, &self.suite.distinct[*l].1);
        let network = |n: &crate::search::problem::NetworkLayers| {
            n.layers.iter().map(layer).fold(Figures::default(), |sum, f| {
                sum.plus(
                    &Figures {
                        cycles: f.cycles,
                        energy_pj: f.energy_pj,
                    },
                    1,
                )
            })
        };
        self.suite.networks.iter().map(network).collect()
    }

    fn goal(&self) -> Goal {
        let objective = match self.experiment.question {
            Question::Speed => Objective::Latency,
            _ => Objective::Edp,
        };
        Goal {
            objective,
            ..Goal::default()
        }
    }

    /// One search; `helps` are made by a variant's first one.
    fn search(
        &self,
        variant: &Variant,
        seed: u64,
        helps: &mut Option<Helps>,
    ) -> Result<(Search, Solution, Vec<[f64; 3]>)> {
        let Budget {
            evaluations,
            mappings,
            refine,
            ..
        } = self.experiment.budget;
        let mut space = AcceleratorSpace::new(self.resources.clone());
        (space.encoding, space.sharing) = (variant.encoding, variant.sharing);
        if variant.sizing {
            let (_, chip) = chip(&self.experiment.baselines[0], &self.resources, &self.suite)?;
            space.dims = Some(chip.axes.into_iter().map(|axis| axis.dims).collect());
        }
        let settings = NestedSettings {
            method: variant.method,
            goal: self.goal(),
            mapper: match self.experiment.question {
                // Heuristics and descents know no genes: with them the encoding would hardly matter inside.
                Question::Encoding => MapperSettings {
                    encoding: variant.encoding,
                    heuristics: false,
                    descent: 0.0,
                    ..mapper(mappings)
                },
                // Of so few evaluations samples are worth less than descents, and cost more time.
                _ => MapperSettings {
                    descent: 1.0,
                    ..mapper(mappings)
                },
            },
            refine,
            finalists: FINALISTS,
            front: self.experiment.question == Question::Front,
            guided: variant.guided,
            evaluations,
            seed,
        };
        let model = self.technology;
        let search = CoSearch {
            model,
            suite: &self.suite,
            space: &space,
            settings: &settings,
            interrupt: self.interrupt,
        };
        let helps = &*helps.get_or_insert_with(|| search.helps());
        let found = search.run(helps, Log::default(), &mut |_| Ok(true))?;
        let front = found.front.iter().map(|s| s.rated.point()).collect();
        let best = &found.best;
        let pairs = self.networks.iter().zip(&best.mappings);
        let figures = pairs
            .map(|(n, m)| self.figures(&best.accelerator, n, m))
            .collect::<Result<Vec<_>>>()?;
        let edps: Vec<f64> = figures.iter().map(Figures::edp).collect();
        Ok((
            Search {
                label: variant.label.into(),
                seed,
                edp: geometric_mean(&edps),
                axes: best.accelerator.axes.iter().map(|a| a.dims.clone()).collect(),
                sizes: best.accelerator.axes.iter().map(|a| a.size).collect(),
                area_um2: model.area_um2(&best.accelerator),
                history: found.history.iter().map(|g| (g.evaluations, g.best, g.mean)).collect(),
                gaps: self.gaps(best)?,
                design: self.design(best, &settings, found.evaluations)?.to_json(),
                figures,
            },
            found.best,
            front,
        ))
    }

    /// Of every different layer, the first network with it, and its place there.
    fn first_uses(&self) -> impl Iterator<Item = (usize, usize)> {
        let place = |l: usize| {
            let networks = self.suite.networks.iter().enumerate();
            let mut uses = networks.filter_map(move |(n, network)| {
                let at = network.layers.iter().position(|&other| other == l);
                at.map(|at| (n, at))
            });
            uses.next().unwrap_or_default()
        };
        (0..self.suite.distinct.len()).map(place)
    }

    /// How far every different layer is from the bound that its counts give.
    fn gaps(&self, s: &Solution) -> Result<Vec<Gap>> {
        let mut rows = Vec::with_capacity(self.networks.len());
        for (network, mappings) in self.networks.iter().zip(&s.mappings) {
            let schedules = network.layers.iter().zip(mappings);
            let schedules = schedules
                .map(|(l, m)| schedule(&l.nest()?, &s.accelerator, m))
                .collect::<Result<Vec<_>>>()?;
            rows.push(cost(self.technology, &s.accelerator, &network.layers, &schedules)?.rows);
        }
        let gap = |(n, at): (usize, usize)| {
            let row = &rows[n][at];
            Gap {
                layer: format!("{}, {}", self.networks[n].name, row.name),
                over_bound: (row.edp / row.edp_lower_bound - 1.0).max(0.0),
                over_proof: None,
                optimum: false,
            }
        };
        Ok(self.first_uses().map(gap).collect())
    }

    /// Adds to `gaps` what the exact mapper proves of the layers of `s`.
    fn prove(&self, s: &Solution, gaps: &mut [Gap]) -> Result<()> {
        let Budget { refine, proof, .. } = self.experiment.budget;
        let settings = MapperSettings {
            method: Method::Exact,
            proof: Limits {
                steps: proof,
                ..Limits::default()
            },
            ..mapper(refine)
        };
        let (t, a) = (self.technology, &s.accelerator);
        let uses: Vec<(usize, usize)> = self.first_uses().collect();
        let one = |(n, at): &(usize, usize)| -> Result<Option<(f64, bool)>> {
            self.interrupt.check()?;
            let nest = self.networks[*n].layers[*at].nest()?;
            let mut model = t.on(a);
            let edp = model.exact(&schedule(&nest, a, &s.mappings[*n][*at])?).edp();
            let proof = match map_layer(&nest, a, &mut *model, &settings, 1, self.interrupt) {
                Ok(mapped) => mapped.proof,
                Err(Unmapped::Impossible(_)) => None,
                Err(Unmapped::Stopped(why)) => return Err(why),
            };
            Ok(proof.map(|p| (p.gap_of(edp), p.optimal)))
        };
        let all: Vec<Result<Option<(f64, bool)>>> = uses.par_iter().map(one).collect();
        for (proof, gap) in all.into_iter().zip(gaps) {
            if let Some((over, optimum)) = proof? {
                (gap.over_proof, gap.optimum) = (Some(over), optimum);
            }
        }
        Ok(())
    }

    fn design(&self, s: &Solution, settings: &NestedSettings, evaluations: u64) -> Result<Design> {
        let mut networks = Vec::with_capacity(self.networks.len());
        for (network, mappings) in self.networks.iter().zip(&s.mappings) {
            let mut mapped = MappedNetwork {
                name: network.name.clone(),
                source: network.name.clone(),
                total: Totals::default(),
                layers: network.layers.clone(),
                mappings: mappings.clone(),
            };
            mapped.price(self.technology, &s.accelerator)?;
            networks.push(mapped);
        }
        let provenance = Provenance {
            command: "reproduce".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            technology: self.technology.name.clone(),
            objective: settings.goal.objective,
            method: settings.method.name().into(),
            resources: Some(self.experiment.resources.clone()),
            seed: settings.seed,
            evaluations,
            stop_reason: "evaluations".into(),
        };
        Ok(Design::new(s.accelerator.clone(), networks, provenance))
    }
}
