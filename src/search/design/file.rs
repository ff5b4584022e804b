//! Networks with mappings as a design file writes them: each shape and each mapping once, layers by their places in these
//! tables.
//!
//! Files of format 1 wrote every layer and every mapping out; they are read too.

use super::{MappedNetwork, Totals, json};
use crate::mapping::tiling::Mapping;
use crate::workload::layer::{Layer, Shape};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A network in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkFile {
    name: String,
    source: String,
    total: Totals,
    /// None in format 1.
    shapes: Option<Vec<Shape>>,
    /// One per different mapping; in format 1 one per layer.
    mappings: Vec<Mapping>,
    layers: Vec<Entry>,
}

/// One layer.
enum Entry {
    /// Name, place in the table of shapes, place in the table of mappings.
    Placed(String, usize, usize),
    /// Format 1.
    Whole(Layer),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of a layer's name, its shape's place and its mapping's place, or a layer")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Entry, A::Error> {
                let (name, shape, mapping) = Deserialize::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Entry::Placed(name, shape, mapping))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Entry, A::Error> {
                Layer::deserialize(MapAccessDeserializer::new(members)).map(Entry::Whole)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl TryFrom<NetworkFile> for MappedNetwork {
    type Error = String;

    fn try_from(file: NetworkFile) -> Result<Self, String> {
        let Some(shapes) = file.shapes else {
            let whole = |entry| match entry {
                Entry::Whole(layer) => Ok(layer),
                Entry::Placed(name, ..) => Err(format!("layer `{name}` needs a table `shapes`")),
            };
            return Ok(Self {
                name: file.name,
                source: file.source,
                total: file.total,
                layers: file.layers.into_iter().map(whole).collect::<Result<_, _>>()?,
                mappings: file.mappings,
            });
        };
        let (mut layers, mut mappings) = (Vec::new(), Vec::new());
        for entry in file.layers {
            let (name, shape, mapping) = match entry {
                Entry::Placed(name, shape, mapping) => (name, shape, mapping),
                Entry::Whole(layer) => return Err(format!("layer `{}` must name its place in `shapes`", layer.name)),
            };
            let missing = |what: &str, i: usize| format!("layer `{name}`: there is no {what} {i}");
            let shape = *shapes.get(shape).ok_or_else(|| missing("shape", shape))?;
            let mapping = *file.mappings.get(mapping).ok_or_else(|| missing("mapping", mapping))?;
            layers.push(Layer { name, shape });
            mappings.push(mapping);
        }
        Ok(Self {
            name: file.name,
            source: file.source,
            total: file.total,
            layers,
            mappings,
        })
    }
}

/// The text of a network: a line per shape, per mapping and per layer.
pub(super) fn write(network: &MappedNetwork) -> String {
    let (mut shapes, mut mappings, mut layers) = (Vec::new(), Vec::new(), Vec::new());
    for (layer, mapping) in network.layers.iter().zip(&network.mappings) {
        let places = (place(&mut shapes, layer.shape), place(&mut mappings, *mapping));
        layers.push(json(&(layer.name.as_str(), places.0, places.1)));
    }
    format!(
        "  {{\"name\": {}, \"source\": {}, \"total\": {},\n   \"shapes\": [{}],\n   \"mappings\": [{}],\n   \"layers\": [{}]}}",
        json(&network.name),
        json(&network.source),
        json(&network.total),
        rows(shapes.iter().map(json)),
        rows(mappings.iter().map(json)),
        rows(layers.into_iter()),
    )
}

/// Where `value` stands in `table`, to which it is added if it is new.
fn place<T: PartialEq + Serialize>(table: &mut Vec<T>, value: T) -> usize {
    table.iter().position(|v| *v == value).unwrap_or_else(|| {
        table.push(value);
        table.len() - 1
    })
}

fn rows(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.map(|row| format!("\n    {row}")).collect();
    rows.join(",")
}
