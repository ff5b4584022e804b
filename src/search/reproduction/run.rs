//! Runs experiments.

use crate::arch::accelerator::Accelerator;
use crate::arch::resources::Resources;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::interrupt::Interrupt;
use crate::cost::ceiling::ceiling;
use crate::cost::network::cost;
use crate::cost::tech::Technology;
use crate::mapping::legality::schedule;
use crate::mapping::plane;
use crate::mapping::tiling::Mapping;
use crate::search::dataflow::Dataflow;
use crate::search::design::{Design, MappedNetwork, Provenance, Totals};
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::goal::Goal;
use crate::search::importance::Encoding;
use crate::search::mapper::{MapperSettings, Method};
use crate::search::nested::{NestedSettings, Solution, map_suite, search};
use crate::search::problem::{CostModel as _, Figures, Objective, Suite};
use crate::search::reproduction::{Budget, Experiment, Human, Outcome, Question, Search};
use crate::search::runner::Log;
use crate::workload::network::Network;
use crate::workload::zoo;

/// Accelerators that are mapped once more at the end of a search.
const FINALISTS: usize = 3;

/// How one search differs from the others of its experiment.
struct Variant {
    label: &'static str,
    method: Method,
    mapper: Method,
    encoding: Encoding,
    sizing: bool,
}

const FULL: Variant = Variant {
    label: "full",
    method: Method::CmaEs,
    mapper: Method::CmaEs,
    encoding: Encoding::Importance,
    sizing: false,
};

fn variants(question: Question) -> Vec<Variant> {
    let method = |label, method| Variant { label, method, ..FULL };
    match question {
        Question::Baseline | Question::Front => vec![FULL],
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
                ..FULL
            },
            Variant {
                label: "index",
                encoding: Encoding::Index,
                ..FULL
            },
        ],
        Question::Method => vec![
            method("cma-es", Method::CmaEs),
            method("bayesian", Method::Bayesian),
            method("random", Method::Random),
        ],
        Question::Learned => vec![
            method("cma-es", Method::CmaEs),
            Variant {
                mapper: Method::Bayesian,
                ..method("bayesian", Method::Bayesian)
            },
            Variant {
                mapper: Method::Random,
                ..method("random", Method::Random)
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

/// Runs `experiment`; `step` hears of every search that is about to begin.
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
        Question::Baseline | Question::Sizing | Question::Learned
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
    for variant in variants(experiment.question) {
        for seed in 1..=experiment.budget.seeds {
            step(&format!("{}, seed {seed}", variant.label));
            let (found, front) = bench.search(&variant, seed)?;
            outcome.searches.push(found);
            outcome.front = front;
        }
    }
    Ok(outcome)
}

fn mapper(evaluations: usize) -> MapperSettings {
    MapperSettings {
        evaluations,
        ..MapperSettings::default()
    }
}

/// `chip` with half the widths, as the `@tight` presets have them.
fn tight(mut chip: Accelerator) -> Result<Accelerator> {
    let half = |lanes: &mut u32| *lanes = (*lanes / 2).max(1);
    let l = &mut chip.lanes;
    [&mut l.W, &mut l.I, &mut l.drain].into_iter().for_each(half);
    half(&mut chip.requantizers);
    half(&mut chip.offchip.bytes_per_cycle);
    chip.validate()?;
    Ok(chip)
}

impl Bench<'_> {
    /// The dataflow and the accelerator of a baseline, at the experiment's widths.
    fn chip(&self, baseline: &str) -> Result<(&'static Dataflow, Accelerator)> {
        let flow = Dataflow::named(baseline)?;
        let chip = flow.accelerator()?;
        if self.experiment.resources.ends_with("@tight") {
            Ok((flow, tight(chip)?))
        } else {
            Ok((flow, chip))
        }
    }

    fn humans(&self, step: &mut dyn FnMut(&str)) -> Result<Vec<Human>> {
        let mut humans = Vec::new();
        for name in &self.experiment.baselines {
            step(name);
            let (flow, chip) = self.chip(name)?;
            let fixed = self
                .networks
                .iter()
                .map(|n| self.dictated(flow, &chip, n))
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
            });
        }
        Ok(humans)
    }

    /// A network's cost under the dataflow's own mapping.
    fn dictated(&self, flow: &Dataflow, chip: &Accelerator, network: &Network) -> Result<Figures> {
        let mut mappings = Vec::with_capacity(network.layers.len());
        for layer in &network.layers {
            let nest = plane::on(&layer.nest()?, chip);
            mappings.push(flow.mapping(&Dataflow::space(&nest, chip)).ok_or_else(|| {
                Diagnostic::new(Code::NoLegalMapping, format!("the layer cannot run on {}", flow.name))
                    .at(format!("network `{}`, layer `{}`", network.name, layer.name))
            })?);
        }
        self.figures(chip, network, &mappings)
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

    fn search(&self, variant: &Variant, seed: u64) -> Result<(Search, Vec<[f64; 3]>)> {
        let Budget {
            evaluations,
            mappings,
            refine,
            ..
        } = self.experiment.budget;
        let mut space = AcceleratorSpace::new(self.resources.clone());
        space.encoding = variant.encoding;
        if variant.sizing {
            let (_, chip) = self.chip(&self.experiment.baselines[0])?;
            space.dims = Some(chip.axes.into_iter().map(|axis| axis.dims).collect());
        }
        let settings = NestedSettings {
            method: variant.method,
            goal: Goal::default(),
            mapper: MapperSettings {
                method: variant.mapper,
                encoding: variant.encoding,
                ..mapper(mappings)
            },
            refine,
            finalists: FINALISTS,
            front: self.experiment.question == Question::Front,
            evaluations,
            seed,
        };
        let model = self.technology;
        let log = Log::default();
        let found = search(model, &self.suite, &space, &settings, self.interrupt, log, &mut |_| {
            Ok(true)
        })?;
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
                edp: crate::search::numeric::geometric_mean(&edps),
                axes: best.accelerator.axes.iter().map(|a| a.dims.clone()).collect(),
                sizes: best.accelerator.axes.iter().map(|a| a.size).collect(),
                area_um2: model.area_um2(&best.accelerator),
                history: found.history.iter().map(|g| (g.evaluations, g.best, g.mean)).collect(),
                gaps: self.gaps(best)?,
                design: self.design(best, &settings, found.evaluations)?.to_json(),
                figures,
            },
            front,
        ))
    }

    /// How far every different layer is from its bound.
    fn gaps(&self, s: &Solution) -> Result<Vec<f64>> {
        let mut gaps = vec![f64::NAN; self.suite.distinct.len()];
        for ((network, layers), mappings) in self.networks.iter().zip(&self.suite.networks).zip(&s.mappings) {
            let schedules = network.layers.iter().zip(mappings);
            let schedules = schedules
                .map(|(l, m)| schedule(&l.nest()?, &s.accelerator, m))
                .collect::<Result<Vec<_>>>()?;
            let costed = cost(self.technology, &s.accelerator, &network.layers, &schedules)?;
            for (row, &l) in costed.rows.iter().zip(&layers.layers) {
                gaps[l] = row.proven_gap.unwrap_or(f64::NAN);
            }
        }
        gaps.retain(|g| g.is_finite());
        Ok(gaps)
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
            objective: Objective::Edp,
            method: settings.method.name().into(),
            resources: Some(self.experiment.resources.clone()),
            seed: settings.seed,
            evaluations,
            stop_reason: "evaluations".into(),
        };
        Ok(Design::new(s.accelerator.clone(), networks, provenance))
    }
}
