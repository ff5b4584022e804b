//! `naas list`: what there is to choose from.

use crate::arch::resources::Resources;
use crate::base::diag::Result;
use crate::cli::args::{Encoding, ListArgs, Mapper, Method, Objective, Space, Topic};
use crate::cli::output::{Align, Table};
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::workload::layer::Kind;
use crate::workload::zoo;
use clap::ValueEnum;
use serde::Serialize;

/// One thing that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// As it is typed, or as reports name it.
    pub name: String,
    /// The option that takes it, where it is not an argument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<&'static str>,
    /// What it is, in a line.
    pub about: String,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Listing {
    topic: String,
    entries: Vec<Entry>,
}

/// Prints the entries of a topic.
///
/// # Errors
/// If stdout cannot be written to, or the program's own data is damaged.
pub fn run(args: &ListArgs, session: &Session) -> anyhow::Result<()> {
    let listing = Listing {
        topic: value_name(&args.topic),
        entries: entries(args.topic)?,
    };
    let with_options = listing.entries.iter().any(|e| e.option.is_some());
    let mut table = Table::new(if with_options {
        &[("option", Align::Left), ("name", Align::Left), ("what", Align::Left)]
    } else {
        &[("name", Align::Left), ("what", Align::Left)]
    });
    for entry in &listing.entries {
        let cells = [entry.option.unwrap_or_default(), &entry.name, &entry.about];
        table.row(&cells[usize::from(!with_options)..]);
    }
    session.output.result(&listing, &table)
}

/// What there is of a topic.
///
/// # Errors
/// If the program's own data is damaged.
pub fn entries(topic: Topic) -> Result<Vec<Entry>> {
    match topic {
        Topic::Networks => zoo::names()?.into_iter().map(network).collect(),
        Topic::Resources => Resources::names().into_iter().map(resources).collect(),
        Topic::Technologies => Technology::names().into_iter().map(technology).collect(),
        Topic::Methods => Ok(methods()),
        Topic::Layers => Ok(layers()),
    }
}

fn network(name: String) -> Result<Entry> {
    let network = zoo::network(&name)?;
    let weights = if name == zoo::RUNNABLE {
        "with weights"
    } else {
        "shapes only"
    };
    let about = format!(
        "{} layers, {:.1} million MACs, {weights}",
        network.layers.len(),
        network.macs()? as f64 / 1e6
    );
    Ok(Entry {
        name,
        option: None,
        about,
    })
}

fn resources(name: String) -> Result<Entry> {
    let r = Resources::preset(&name)?;
    let about = format!(
        "{} PEs, {} KiB on chip, {} B and {} psums a cycle in and out of the array, {} B a cycle off chip",
        r.pes,
        r.onchip_bytes / 1024,
        r.network_bytes_per_cycle,
        r.drain_psums_per_cycle,
        r.offchip_bytes_per_cycle,
    );
    Ok(Entry {
        name,
        option: None,
        about,
    })
}

fn technology(name: &str) -> Result<Entry> {
    let about = Technology::named(name)?.about;
    Ok(Entry {
        name: name.into(),
        option: None,
        about,
    })
}

fn methods() -> Vec<Entry> {
    let mut all = values::<Objective>("--objective");
    all.extend(values::<Method>("--method"));
    all.extend(values::<Encoding>("--encoding"));
    all.extend(values::<Space>("--space"));
    all.extend(values::<Mapper>("--mapper"));
    all
}

fn layers() -> Vec<Entry> {
    let kinds = [
        (
            Kind::Conv,
            "convolution over all channels: any stride, four pads, dilation",
        ),
        (Kind::Grouped, "convolution in groups of channels"),
        (
            Kind::Depthwise,
            "convolution with one filter per channel (groups = channels)",
        ),
        (
            Kind::Matmul,
            "matrix product with constant weights, fully connected layers included",
        ),
        (
            Kind::Product,
            "matrix product of two activations, the second packed as weights are",
        ),
        (
            Kind::Transposed,
            "transposed convolution, run as a convolution of its phases",
        ),
        (
            Kind::Add,
            "sum of two feature maps, each times a constant: residual additions",
        ),
        (Kind::Maxpool, "greatest input of each window of a channel"),
    ];
    kinds
        .map(|(kind, about)| Entry {
            name: kind.as_str().into(),
            option: None,
            about: about.into(),
        })
        .into()
}

/// The values of an option, as its help tells them.
fn values<T: ValueEnum>(option: &'static str) -> Vec<Entry> {
    let about = |v: &T| {
        v.to_possible_value()
            .and_then(|p| p.get_help().map(ToString::to_string))
            .unwrap_or_default()
    };
    let entry = |v: &T| Entry {
        name: value_name(v),
        option: Some(option),
        about: about(v),
    };
    T::value_variants().iter().map(entry).collect()
}

/// A value as it is typed.
fn value_name<T: ValueEnum>(value: &T) -> String {
    value
        .to_possible_value()
        .map(|p| p.get_name().to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_named_and_described() {
        for topic in Topic::value_variants() {
            let entries = entries(*topic).unwrap();
            assert!(!entries.is_empty());
            assert!(
                entries.iter().all(|e| !e.name.is_empty() && e.about.len() > 5),
                "{entries:?}"
            );
        }
    }

    #[test]
    fn layer_kinds_are_named_as_in_files() {
        let in_files = Kind::ALL.map(|k| serde_json::to_value(k).unwrap().as_str().unwrap().to_string());
        assert_eq!(layers().into_iter().map(|e| e.name).collect::<Vec<_>>(), in_files);
    }
}
