//! The human baselines as designs: published chips on NAAS's networks, with the mappings that their dataflows dictate
//! (`fixed`) and with those that our mapper finds on the same accelerator (`searched`).
//!
//! The same program makes the same designs, byte for byte; docs/baselines.md tells what is dictated.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim;
use crate::base::interrupt::Interrupt;
use crate::cost::network::cost;
use crate::cost::tech::Technology;
use crate::mapping::plane;
use crate::mapping::tiling::Mapping;
use crate::search::dataflow::Dataflow;
use crate::search::design::{Design, MappedNetwork, Provenance, Totals};
use crate::search::mapper::MapperSettings;
use crate::search::nested::map_suite;
use crate::search::problem::{Objective, Suite};
use crate::workload::layer::Layer;
use crate::workload::network::Network;
use crate::workload::zoo;

/// The networks of NAAS's tables (arXiv 2105.13258, section III), the three large ones first.
pub const NETWORKS: [&str; 6] = [
    "vgg16",
    "resnet50",
    "unet_256_same",
    "mobilenet_v2",
    "squeezenet1_1",
    "mnasnet1_0",
];

/// Prices that the searched mappings are searched with, and that the recorded totals are in.
pub const TECHNOLOGY: &str = "45nm";

/// Mappings evaluated per different layer.
pub const EVALUATIONS: usize = 2000;

/// Seed of the searched mappings.
pub const SEED: u64 = 1;

/// Which mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// As the dataflow dictates.
    Fixed,
    /// As our mapper finds them.
    Searched,
}

impl Version {
    /// Both, in the order of tables.
    pub const ALL: [Self; 2] = [Self::Fixed, Self::Searched];

    /// What file names call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Searched => "searched",
        }
    }
}

/// Those of [`NETWORKS`] that the hardware runs, and for each other one the reason why it does not.
///
/// # Errors
/// None in a program as built: the networks are built in.
pub fn networks() -> Result<(Vec<Network>, Vec<Diagnostic>)> {
    let (mut runnable, mut reasons) = (Vec::new(), Vec::new());
    for name in NETWORKS {
        let network = zoo::network(name)?;
        match network.layers.iter().find_map(|l| l.nest().err()) {
            None => runnable.push(network),
            Some(e) => {
                let layer = e.place.clone().unwrap_or_default();
                reasons.push(e.at(format!("network `{name}`, {layer}")));
            }
        }
    }
    Ok((runnable, reasons))
}

/// The design of one chip on `networks`.
///
/// # Errors
/// `E0201` naming a layer that cannot run on the chip; `E0103` for one that no hardware runs; `E0501`.
pub fn design(flow: &Dataflow, version: Version, networks: &[Network], interrupt: &Interrupt) -> Result<Design> {
    let technology = Technology::named(TECHNOLOGY)?;
    let a = flow.accelerator()?;
    let (mappings, evaluations) = match version {
        Version::Fixed => (fixed(flow, &a, networks)?, 0),
        Version::Searched => searched(&technology, &a, networks, interrupt)?,
    };
    let mut mapped = Vec::with_capacity(networks.len());
    for (network, mappings) in networks.iter().zip(mappings) {
        let mut m = MappedNetwork {
            name: network.name.clone(),
            source: network.name.clone(),
            total: Totals::default(),
            layers: network.layers.clone(),
            mappings,
        };
        m.price(&technology, &a)?;
        mapped.push(m);
    }
    let provenance = Provenance {
        command: "baselines".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        technology: technology.name,
        objective: Objective::Edp,
        method: match version {
            Version::Fixed => "dataflow".into(),
            Version::Searched => "cma-es".into(),
        },
        resources: Some(flow.resources.into()),
        seed: SEED,
        evaluations,
        stop_reason: "evaluations".into(),
    };
    Ok(Design::new(a, mapped, provenance))
}

/// Layers of each baseline that are simulated.
pub const SAMPLES: usize = 3;

/// A layer of a baseline, in both versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The network it is from.
    pub network: String,
    /// The layer.
    pub layer: Layer,
    /// Its mappings, in the order of [`Version::ALL`].
    pub mappings: [Mapping; Version::ALL.len()],
    /// Cycles of the slower version.
    pub cycles: u64,
}

/// The quickest layers of a baseline that differ in kind or kernel, [`SAMPLES`] of them, the quickest first: what of it can
/// be simulated in little time.
///
/// # Errors
/// Those of designs that do not belong to this program.
pub fn samples(designs: &[Design; Version::ALL.len()]) -> Result<Vec<Sample>> {
    let technology = Technology::named(TECHNOLOGY)?;
    let mut all: Vec<Sample> = Vec::new();
    for (fixed, searched) in designs[0].networks.iter().zip(&designs[1].networks) {
        let rows = |n: &MappedNetwork| {
            let a = &designs[0].accelerator;
            Ok(cost(&technology, a, &n.layers, &n.schedules(a)?)?.rows)
        };
        let cycles = rows(fixed)?.into_iter().zip(rows(searched)?);
        for (i, (f, s)) in cycles.enumerate() {
            all.push(Sample {
                network: fixed.name.clone(),
                layer: fixed.layers[i].clone(),
                mappings: [fixed.mappings[i], searched.mappings[i]],
                cycles: f.cycles.max(s.cycles),
            });
        }
    }
    all.sort_by_key(|sample| sample.cycles);
    let (mut chosen, mut classes) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    for sample in all {
        let nest = sample.layer.nest()?;
        let class = (nest.kind, nest.bounds[Dim::R], nest.bounds[Dim::S]);
        if chosen.len() < SAMPLES && !classes.contains(&class) {
            classes.push(class);
            chosen.push(sample);
        }
    }
    Ok(chosen)
}

/// Every layer's mapping as the dataflow dictates.
fn fixed(flow: &Dataflow, a: &Accelerator, networks: &[Network]) -> Result<Vec<Vec<Mapping>>> {
    let mut all = Vec::with_capacity(networks.len());
    for network in networks {
        let mut mappings = Vec::with_capacity(network.layers.len());
        for layer in &network.layers {
            let nest = plane::on(&layer.nest()?, a);
            let m = flow.mapping(&Dataflow::space(&nest, a)).ok_or_else(|| {
                Diagnostic::new(Code::NoLegalMapping, format!("the layer cannot run on {}", flow.name))
                    .at(format!("network `{}`, layer `{}`", network.name, layer.name))
            })?;
            mappings.push(m);
        }
        all.push(mappings);
    }
    Ok(all)
}

/// Every layer's mapping as the mapper finds it, and how many it evaluated. Equal layers of all networks are searched once.
fn searched(
    t: &Technology,
    a: &Accelerator,
    networks: &[Network],
    interrupt: &Interrupt,
) -> Result<(Vec<Vec<Mapping>>, u64)> {
    let mut suite = Suite::default();
    for network in networks {
        suite.add(&network.name, &network.layers)?;
    }
    let settings = MapperSettings {
        evaluations: EVALUATIONS,
        ..MapperSettings::default()
    };
    let mapped = map_suite(t, &suite, a, &settings, SEED, interrupt, &|_| ())?;
    Ok((mapped.mappings, mapped.evaluations))
}
