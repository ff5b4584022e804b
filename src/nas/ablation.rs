//! What searching the levels together is worth: the network alone, the accelerator alone, one after the other, both at once.
//!
//! All four get the same budget. Its unit is a layer mapped on an accelerator, which nearly all of the time goes into; a layer
//! that was mapped before on the same accelerator is free. The joint search sets the budget; the others spend as much, or end
//! where they find nothing new (a network search after as many generations as Once-for-All's finder makes).

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::rng::stream;
use crate::nas::evolution::{Evolution, Population};
use crate::nas::joint::{Hardware, Joint, Point};
use crate::nas::space::Genotype;
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::goal::{Goal, Limits};
use crate::search::mapper::Method;
use crate::search::nested::{CoSearch, NestedSettings};
use crate::search::problem::Suite;
use crate::search::runner::Log;
use rand::Rng as _;
use serde::Serialize;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Networks on the given chip.
    Network,
    /// Accelerators for the given network.
    Accelerator,
    /// An accelerator for the given network with half of the budget, then networks on it with the other half.
    Successive,
    /// Both at once.
    Joint,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Network, Self::Accelerator, Self::Successive, Self::Joint];

    /// As tables call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Accelerator => "accelerator",
            Self::Successive => "successive",
            Self::Joint => "joint",
        }
    }
}

/// What one of them found.
#[derive(Clone, Debug, PartialEq)]
pub struct Ablated {
    /// What was searched.
    pub way: Way,
    /// The accelerator.
    pub accelerator: Accelerator,
    /// The network on it.
    pub genotype: Genotype,
    /// Layers mapped.
    pub layers: u64,
}

/// Where the searches start that keep a level.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The accelerator of [`Way::Network`].
    pub chip: &'a Accelerator,
    /// The network of [`Way::Accelerator`] and of the first half of [`Way::Successive`].
    pub network: &'a Genotype,
}

/// Searches in all four ways.
///
/// # Errors
/// `E0106` if the network to start from is below the floor; otherwise those of [`Joint::search`].
pub fn ablate(joint: &Joint, space: &AcceleratorSpace, start: Start) -> Result<Vec<Ablated>> {
    let known = joint.accuracy.of(std::slice::from_ref(start.network))?;
    let least = joint.settings.floor;
    if known
        .first()
        .and_then(Option::as_ref)
        .is_none_or(|a| a.calibrated < least)
    {
        return Err(Diagnostic::new(
            Code::Usage,
            "the network to start from is below the floor, or its accuracy is not known",
        )
        .at(format!("`{}`", joint.space.text(start.network)))
        .next("name a larger one, or lower the floor"));
    }
    let both = joint.search(Hardware::Searched(space), Log::default(), &mut |_| Ok(true))?;
    let budget = both.layers;
    let (network, layers) = networks(joint, start.chip, start.network, budget)?;
    let alone = accelerator(joint, space, start.network, budget)?;
    let first = accelerator(joint, space, start.network, budget / 2)?;
    let (second, more) = networks(
        joint,
        &first.accelerator,
        start.network,
        budget - first.layers.min(budget),
    )?;
    let found = both.points.into_iter().next().map(|p: Point| p.genotype);
    Ok(vec![
        Ablated {
            way: Way::Network,
            accelerator: start.chip.clone(),
            genotype: network,
            layers,
        },
        alone,
        Ablated {
            way: Way::Successive,
            genotype: second,
            layers: first.layers + more,
            ..first
        },
        Ablated {
            way: Way::Joint,
            accelerator: both.accelerator,
            genotype: found.unwrap_or_else(|| start.network.clone()),
            layers: budget,
        },
    ])
}

/// The best network on `accelerator`, and the layers mapped for it.
fn networks(joint: &Joint, accelerator: &Accelerator, first: &Genotype, budget: u64) -> Result<(Genotype, u64)> {
    let seed = stream(joint.settings.seed, &[u64::MAX, 2]).next_u64();
    let mut judge = joint.on(accelerator, seed);
    let how = joint.settings.last;
    let mut population = Population::new(joint.space, how, std::slice::from_ref(first), seed, &mut judge)?;
    for _ in 0..Evolution::default().generations {
        joint.interrupt.check()?;
        if judge.layers() >= budget {
            break;
        }
        population.advance(&mut judge)?;
    }
    let best = population.best().map_or_else(|| first.clone(), |b| b.0.clone());
    Ok((best, judge.layers()))
}

/// The best accelerator for `network`.
fn accelerator(joint: &Joint, space: &AcceleratorSpace, network: &Genotype, budget: u64) -> Result<Ablated> {
    let mut suite = Suite::default();
    suite.add(joint.space.name(), &joint.space.subnet(network)?.layers)?;
    let layers = suite.distinct.len() as u64;
    let settings = NestedSettings {
        method: Method::CmaEs,
        goal: Goal {
            objective: joint.settings.mapper.objective,
            limits: Limits::default(),
        },
        mapper: joint.settings.mapper,
        refine: joint.settings.mapper.evaluations,
        finalists: 1,
        front: false,
        guided: joint.settings.guided,
        evaluations: (budget / layers).max(1),
        seed: joint.settings.seed,
    };
    let search = CoSearch {
        model: joint.model,
        suite: &suite,
        space,
        settings: &settings,
        interrupt: joint.interrupt,
    };
    let found = search.run(&search.helps(), Log::default(), &mut |_| Ok(true))?;
    Ok(Ablated {
        way: Way::Accelerator,
        accelerator: found.best.accelerator,
        genotype: network.clone(),
        layers: found.evaluations * layers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::base::interrupt::Interrupt;
    use crate::cost::tech::Technology;
    use crate::nas::joint::JointSettings;
    use crate::nas::joint::tests::{Larger, settings};
    use crate::nas::resnet50::OfaResNet50;
    use crate::nas::space::NetworkSpace as _;
    use crate::search::dataflow::Dataflow;

    #[test]
    fn all_ways_keep_the_floor_and_spend_alike() {
        let technology = Technology::named("45nm").unwrap();
        let space = AcceleratorSpace::new(Resources::preset("eyeriss").unwrap());
        let chip = Dataflow::named("eyeriss").unwrap().accelerator().unwrap();
        let interrupt = Interrupt::default();
        let mut settings = settings();
        settings.floors = 1;
        let joint = Joint {
            model: &technology,
            space: &OfaResNet50,
            accuracy: &Larger,
            settings,
            interrupt: &interrupt,
        };
        let mut network = OfaResNet50.parse("d11221-e111111111111111111-w111111", 128).unwrap();
        OfaResNet50.normalise(&mut network);
        let start = Start {
            chip: &chip,
            network: &network,
        };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| ablate(&joint, &space, start).unwrap())
        };
        let found = run(1);
        assert_eq!(run(2), found);
        assert_eq!(found.iter().map(|f| f.way).collect::<Vec<_>>(), Way::ALL);
        let genotypes: Vec<Genotype> = found.iter().map(|f| f.genotype.clone()).collect();
        let accuracies = joint.accuracy.of(&genotypes).unwrap();
        assert!(
            accuracies
                .iter()
                .flatten()
                .all(|a| a.calibrated >= joint.settings.floor)
        );
        let budget = found[3].layers;
        // A generation that is under way is finished: at most its layers too many.
        let generation = joint.settings.last.population as u64 * 60;
        assert!(found.iter().all(|f| f.layers <= budget + generation), "{found:?}");
        assert!(found[1].layers > budget / 2, "{found:?}");
        assert_eq!((&found[0].accelerator, &found[1].genotype), (&chip, &network));

        let high = JointSettings {
            floor: 1e3,
            ..joint.settings
        };
        let e = ablate(
            &Joint {
                settings: high,
                ..joint
            },
            &space,
            start,
        )
        .unwrap_err();
        assert_eq!(e.code, Code::Usage);
    }
}
