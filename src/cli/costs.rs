//! What a network costs on an accelerator, as `cost` and `map` print it and as designs carry it.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Result;
use crate::cli::output::{Align, Table};
use crate::cost::energy::Components;
use crate::cost::network::{Costed, Row};
use crate::cost::tech::{PICOJOULES, Technology};
use crate::mapping::tiling::Mapping;
use crate::rtl::program::Predicted;
use crate::search::design::{MappedNetwork, Totals};
use crate::workload::layer::Layer;
use serde::Serialize;
use std::fmt;

/// A network with its cost.
#[derive(Clone, Debug)]
pub struct Priced {
    /// The network with its mappings and totals.
    pub network: MappedNetwork,
    /// Everything that is known of its cost.
    pub costed: Costed,
    /// What it is priced in.
    pub prices: Prices,
    /// Multipliers of the accelerator.
    pub pes: u32,
}

/// A technology's name and unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prices {
    /// Name.
    pub name: String,
    /// What energies are counted in, whatever their member is called.
    pub unit: String,
}

impl Prices {
    /// Title of a column of energies in millions of the unit.
    #[must_use]
    pub fn energy_title(&self) -> String {
        match self.unit.as_str() {
            PICOJOULES => "energy uJ".into(),
            unit => format!("energy, million {unit}"),
        }
    }
}

/// Prices a network, whatever its totals said before.
///
/// # Errors
/// As [`MappedNetwork::price`].
pub fn price(t: &Technology, a: &Accelerator, mut network: MappedNetwork) -> Result<Priced> {
    let costed = network.price(t, a)?;
    let prices = Prices {
        name: t.name.clone(),
        unit: t.unit.clone(),
    };
    let pes = a.pes();
    Ok(Priced {
        network,
        costed,
        prices,
        pes,
    })
}

/// Prices layers with their mappings.
///
/// # Errors
/// As [`price`].
pub fn price_layers(
    t: &Technology,
    a: &Accelerator,
    names: [&str; 2],
    layers: Vec<Layer>,
    mappings: Vec<Mapping>,
) -> Result<Priced> {
    let [name, source] = names.map(str::to_owned);
    let total = Totals::default();
    let network = MappedNetwork {
        name,
        source,
        total,
        layers,
        mappings,
    };
    price(t, a, network)
}

impl Priced {
    /// MACs per cycle and PE over the whole run.
    #[must_use]
    pub fn utilization(&self) -> f64 {
        let slots = self.costed.cycles.max(1) as f64 * f64::from(self.pes);
        self.costed.macs as f64 / slots
    }

    /// Replaces gaps of energy-delay products by smaller ones that were proven on this accelerator. A proof counts a layer
    /// as one that follows another: the first layer's bound stays, for its cycles lack a record.
    pub fn prove(&mut self, gaps: &[Option<f64>]) {
        for (i, (row, gap)) in self.costed.rows.iter_mut().zip(gaps).enumerate() {
            if let Some(gap) = *gap {
                row.proven_gap = Some(row.proven_gap.map_or(gap, |known| known.min(gap)));
                if i > 0 {
                    row.edp_lower_bound = row.edp_lower_bound.max(row.edp / (1.0 + gap));
                }
            }
        }
    }

    /// What the hardware is told to expect of each layer.
    #[must_use]
    pub fn predicted(&self) -> Vec<Predicted> {
        self.costed.rows.iter().map(predicted).collect()
    }
}

/// The predictions of one layer, counters in the hardware's order.
fn predicted(row: &Row) -> Predicted {
    let c = &row.accesses;
    Predicted {
        cycles: row.cycles,
        counters: [
            c.macs,
            c.compute_cycles,
            c.w_cycles,
            c.w_words,
            c.i_cycles,
            c.i_words,
            c.i_writes,
            c.drain_cycles,
            c.psum_words,
            c.acc_reads,
            c.read_beats,
            c.write_beats,
        ],
    }
}

/// The document of one network.
#[derive(Clone, Debug, Serialize)]
struct One<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerator: Option<&'a Accelerator>,
    network: &'a str,
    layers: &'a [Row],
    total: Totals,
    energy: &'a Components,
    area: &'a Components,
    technology: &'a Prices,
}

/// The document of one network, or of several as a list.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Document<'a> {
    One(One<'a>),
    Several {
        accelerator: &'a Accelerator,
        networks: Vec<One<'a>>,
    },
}

/// The document of `cost` and `map`.
#[must_use]
pub fn document<'a>(a: &'a Accelerator, priced: &'a [Priced]) -> impl Serialize + 'a {
    let one = |accelerator: Option<&'a Accelerator>, p: &'a Priced| One {
        accelerator,
        network: &p.network.name,
        layers: &p.costed.rows,
        total: p.network.total,
        energy: &p.costed.energy,
        area: &p.costed.area,
        technology: &p.prices,
    };
    match priced {
        [only] => Document::One(one(Some(a), only)),
        several => Document::Several {
            accelerator: a,
            networks: several.iter().map(|p| one(None, p)).collect(),
        },
    }
}

/// The tables of `cost` and `map`, for people.
pub struct Text<'a>(pub &'a Accelerator, pub &'a [Priced]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", describe(self.0))?;
        for (i, priced) in self.1.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            one_network(priced, f)?;
        }
        Ok(())
    }
}

fn one_network(p: &Priced, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use Align::{Left, Right};
    let energy = p.prices.energy_title();
    let mut table = Table::new(&[
        ("layer", Left),
        ("kind", Left),
        ("MACs", Right),
        ("cycles", Right),
        ("at least", Right),
        ("utilization", Right),
        ("bound by", Left),
        ("MACs/byte", Right),
        ("attainable", Right),
        (&energy, Right),
        ("EDP", Right),
        ("at least", Right),
        ("gap", Right),
    ]);
    for r in &p.costed.rows {
        table.row([
            r.name.clone(),
            r.kind.as_str().into(),
            r.macs.to_string(),
            r.cycles.to_string(),
            r.cycles_lower_bound.to_string(),
            format!("{:.1} %", 100.0 * r.utilization),
            format!("{} {:.0} %", r.bound_by.as_str(), 100.0 * r.bound_share),
            format!("{:.2}", r.roofline.macs_per_byte),
            format!("{:.1} %", 100.0 * r.roofline.attainable / f64::from(p.pes)),
            format!("{:.3}", r.energy_pj / 1e6),
            format!("{:.4e}", r.edp),
            format!("{:.4e}", r.edp_lower_bound),
            r.proven_gap
                .map_or_else(|| "-".into(), |g| format!("{:.1} %", 100.0 * g)),
        ]);
    }
    let t = &p.network.total;
    writeln!(f, "{}\n\n{table}", p.network.name)?;
    writeln!(
        f,
        "total: {} MACs, {} cycles, {:.1} % utilization, {energy} {:.3}, EDP {:.6e} {} x cycles, {:.4} mm2 ({})",
        t.macs,
        t.cycles,
        100.0 * p.utilization(),
        t.energy_pj / 1e6,
        t.edp,
        p.prices.unit,
        t.area_um2 / 1e6,
        p.prices.name
    )?;
    writeln!(f, "bound by: {}", limits(p))?;
    writeln!(f, "energy: {}", shares(&p.costed.energy))?;
    writeln!(f, "area: {}", shares(&p.costed.area))
}

/// What bounds the layers, in percent of the cycles.
fn limits(p: &Priced) -> String {
    let mut shares: Vec<(&'static str, u64)> = Vec::new();
    for r in &p.costed.rows {
        let name = r.bound_by.as_str();
        match shares.iter_mut().find(|s| s.0 == name) {
            Some(share) => share.1 += r.cycles,
            None => shares.push((name, r.cycles)),
        }
    }
    shares.sort_by_key(|s| std::cmp::Reverse(s.1));
    let part =
        |(name, cycles): &(&str, u64)| format!("{name} {:.1} %", 100.0 * *cycles as f64 / p.costed.cycles as f64);
    let parts: Vec<String> = shares.iter().map(part).collect();
    format!("{} of the cycles (layers by their busiest engine)", parts.join(", "))
}

/// Components in percent of their sum.
fn shares(c: &Components) -> String {
    let total = c.total().max(f64::MIN_POSITIVE);
    let parts: Vec<String> = c
        .named()
        .iter()
        .map(|(name, value)| format!("{name} {:.1} %", 100.0 * value / total))
        .collect();
    parts.join(", ")
}

/// An accelerator in a line.
#[must_use]
pub fn describe(a: &Accelerator) -> String {
    let axes: Vec<String> = a
        .axes
        .iter()
        .map(|axis| {
            let dims: String = axis.dims.iter().map(ToString::to_string).collect();
            format!("{} of {dims}", axis.size)
        })
        .collect();
    format!(
        "accelerator `{}`: {} PEs ({}), {} bytes on chip, lanes W {} I {} drain {}, off chip {} bytes a cycle",
        a.name,
        a.pes(),
        axes.join(" x "),
        a.onchip_bytes(),
        a.lanes.W,
        a.lanes.I,
        a.lanes.drain,
        a.offchip.bytes_per_cycle
    )
}
