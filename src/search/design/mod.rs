//! A design: an accelerator, networks with one mapping per layer, what they cost, and where all of it came from.
//!
//! It is the hand-over between commands. Reading one trusts nothing: the hash must fit the accelerator, and every mapping
//! must be legal on it.

mod file;

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::cost::network::{Costed, cost};
use crate::cost::tech::Technology;
use crate::mapping::legality::schedule;
use crate::mapping::schedule::Schedule;
use crate::mapping::tiling::Mapping;
use crate::search::problem::Objective;
use crate::workload::layer::Layer;
use crate::workload::network::Network;
use serde::{Deserialize, Serialize};

/// The version of the file format that is written.
pub const FORMAT: u32 = 2;

/// The versions that are read.
const READABLE: std::ops::RangeInclusive<u32> = 1..=FORMAT;

/// A design.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Version of the file that it was read from, else [`FORMAT`].
    pub format: u32,
    /// [`hash`] of the accelerator, 16 hexadecimal digits.
    pub hash: String,
    /// The accelerator.
    pub accelerator: Accelerator,
    /// At least one network.
    pub networks: Vec<MappedNetwork>,
    /// Where it came from.
    pub provenance: Provenance,
}

/// A network with one mapping per layer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "file::NetworkFile")]
pub struct MappedNetwork {
    /// Name.
    pub name: String,
    /// What opens the network: a name of `naas list networks`, or a file.
    pub source: String,
    /// What the whole network costs.
    pub total: Totals,
    /// Its layers, or those of them that were mapped.
    pub layers: Vec<Layer>,
    /// One mapping per layer, in order.
    pub mappings: Vec<Mapping>,
}

/// What a network costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Exact cycles from start to done.
    pub cycles: u64,
    /// Energy in picojoules.
    pub energy_pj: f64,
    /// Energy times cycles.
    pub edp: f64,
    /// Area of the accelerator in square micrometres.
    pub area_um2: f64,
}

/// Where a design came from; with the same program it is enough to make the design again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The command.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// Prices.
    pub technology: String,
    /// What was minimised.
    pub objective: Objective,
    /// How it was searched.
    pub method: String,
    /// Limits within which it was searched; none for a given accelerator.
    pub resources: Option<String>,
    /// Seed of the search.
    pub seed: u64,
    /// Evaluations: accelerators for `search`, mappings for `map`.
    pub evaluations: u64,
    /// Why the search ended.
    pub stop_reason: String,
}

impl Design {
    /// A design of this accelerator and these networks.
    #[must_use]
    pub fn new(accelerator: Accelerator, networks: Vec<MappedNetwork>, provenance: Provenance) -> Self {
        Self {
            format: FORMAT,
            hash: format!("{:016x}", hash(&accelerator)),
            accelerator,
            networks,
            provenance,
        }
    }

    /// Checks what a file cannot be trusted with; `place` is the file's name.
    ///
    /// # Errors
    /// `E0204` where the hash does not fit the accelerator, `E0202` for an accelerator that cannot be built, `E0203` for an
    /// illegal mapping, `E0102` where members contradict each other, `E0104` for a bad size; the layer is named.
    pub fn check(&self, place: &str) -> Result<()> {
        let malformed = |what: String| Err(Diagnostic::new(Code::Malformed, what).at(place));
        if !READABLE.contains(&self.format) {
            return malformed(format!(
                "the design has format {}, this version reads {} to {FORMAT}",
                self.format,
                READABLE.start()
            ));
        }
        let hash = format!("{:016x}", hash(&self.accelerator));
        if self.hash != hash {
            return Err(Diagnostic::new(
                Code::HashMismatch,
                format!("the design's hash is {}, its accelerator's {hash}", self.hash),
            )
            .at(place)
            .next("map the edited accelerator anew: `naas map --accelerator FILE --out design.json`"));
        }
        self.accelerator.validate().map_err(|e| within(place, e))?;
        if self.networks.is_empty() {
            return malformed("the design has no network".into());
        }
        for network in &self.networks {
            if network.layers.len() != network.mappings.len() {
                let (layers, mappings) = (network.layers.len(), network.mappings.len());
                return malformed(format!(
                    "network `{}` has {layers} layers and {mappings} mappings",
                    network.name
                ));
            }
            network.schedules(&self.accelerator).map_err(|e| within(place, e))?;
        }
        Ok(())
    }

    /// The design as a file of [`FORMAT`]: a line per different shape, per different mapping and per layer.
    #[must_use]
    pub fn to_json(&self) -> String {
        let networks: Vec<String> = self.networks.iter().map(file::write).collect();
        format!(
            "{{\"format\": {}, \"hash\": {},\n \"accelerator\": {},\n \"provenance\": {},\n \"networks\": [\n{}\n ]}}\n",
            FORMAT,
            json(&self.hash),
            json(&self.accelerator),
            json(&self.provenance),
            networks.join(",\n")
        )
    }

    /// The network called `name`, or the first one where no name is asked for.
    ///
    /// # Errors
    /// `E0105` where there is none.
    pub fn network(&self, name: Option<&str>) -> Result<&MappedNetwork> {
        let found = match name {
            None => self.networks.first(),
            Some(name) => self.networks.iter().find(|n| n.name == name || n.source == name),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = self.networks.iter().map(|n| n.name.as_str()).collect();
            Diagnostic::new(
                Code::UnknownName,
                format!("the design has no mappings for `{}`", name.unwrap_or_default()),
            )
            .expected(format!("one of {}", names.join(", ")))
            .next("`naas map NETWORK --accelerator DESIGN --out FILE` maps another network")
        })
    }
}

impl From<&Costed> for Totals {
    fn from(costed: &Costed) -> Self {
        Self {
            macs: costed.macs,
            cycles: costed.cycles,
            energy_pj: costed.energy.total(),
            edp: costed.edp(),
            area_um2: costed.area.total(),
        }
    }
}

impl MappedNetwork {
    /// Puts what the network costs into `total`, whatever it said before; everything that is known of its cost.
    ///
    /// # Errors
    /// As [`MappedNetwork::schedules`] and [`cost`].
    pub fn price(&mut self, t: &Technology, a: &Accelerator) -> Result<Costed> {
        let costed = cost(t, a, &self.layers, &self.schedules(a)?)?;
        self.total = Totals::from(&costed);
        Ok(costed)
    }

    /// The schedules of all layers.
    ///
    /// # Errors
    /// `E0102` or `E0104` for layers that make no network, `E0103` for layers that the hardware does not run, `E0203` for an
    /// illegal mapping; the layer is named.
    pub fn schedules(&self, accelerator: &Accelerator) -> Result<Vec<Schedule>> {
        Network::new(self.name.as_str(), self.layers.clone())?;
        let one = |(layer, mapping): (&Layer, &Mapping)| {
            let nest = layer.nest()?;
            schedule(&nest, accelerator, mapping).map_err(|e| e.at(format!("layer `{}`", layer.name)))
        };
        self.layers.iter().zip(&self.mappings).map(one).collect()
    }
}

/// Compact JSON; nothing in a design fails to become text.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn within(place: &str, e: Diagnostic) -> Diagnostic {
    let at = e
        .place
        .as_ref()
        .map_or_else(|| place.into(), |inner| format!("{place}, {inner}"));
    e.at(at)
}

/// Hash of an accelerator: what the design, its control table and its hardware carry to know that they belong together.
///
/// FNV-1a (64 bits) over the bytes of the accelerator's JSON, without white space, members in their fixed order and an empty
/// name (no behaviour depends on it), then one finalizer of SplitMix64 so that every bit depends on every byte.
#[must_use]
pub fn hash(accelerator: &Accelerator) -> u64 {
    let unnamed = Accelerator {
        name: String::new(),
        ..accelerator.clone()
    };
    digest(&json(&unnamed))
}

/// The same hash of any text, to tell whether two are equal.
#[must_use]
pub fn digest(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let z = (fnv ^ fnv >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::mapping::random::{Limits, random_triple};
    use crate::mapping::tiling::UNSPLIT;

    fn design() -> Design {
        // One that format 1 can write.
        let mut drawn = (0..).map(|i| random_triple(&mut stream(5, &[i]), &Limits::default()));
        let t = drawn.find(|t| t.mapping.split == UNSPLIT).unwrap();
        let layer = Layer {
            name: "l".into(),
            shape: t.shape,
        };
        let network = MappedNetwork {
            name: "n".into(),
            source: "n.json".into(),
            total: Totals {
                energy_pj: 1.0 / 3.0,
                ..Totals::default()
            },
            layers: vec![layer],
            mappings: vec![t.mapping],
        };
        let provenance = Provenance {
            command: "map".into(),
            version: "0".into(),
            technology: "45nm".into(),
            objective: Objective::Edp,
            method: "cma-es".into(),
            resources: None,
            seed: 1,
            evaluations: 2,
            stop_reason: "evaluations".into(),
        };
        Design::new(t.accelerator, vec![network], provenance)
    }

    #[test]
    fn files_read_back() {
        let d = design();
        let read: Design = serde_json::from_str(&d.to_json()).unwrap();
        assert_eq!(read, d);
        assert_eq!(read.to_json(), d.to_json());
        d.check("d.json").unwrap();
    }

    #[test]
    fn equal_layers_share_a_shape_and_a_mapping() {
        let mut d = design();
        let network = &mut d.networks[0];
        for name in ["m", "n"] {
            network.layers.push(Layer {
                name: name.into(),
                ..network.layers[0].clone()
            });
            network.mappings.push(network.mappings[0]);
        }
        network.mappings[2].pe.reverse();
        let text = d.to_json();
        assert_eq!(serde_json::from_str::<Design>(&text).unwrap(), d);
        assert!(
            text.contains("[\n    [\"l\",0,0],\n    [\"m\",0,0],\n    [\"n\",0,1]]"),
            "{text}"
        );
        for (place, wrong, what) in [
            ("[\"m\",0,0]", "[\"m\",1,0]", "layer `m`: there is no shape 1"),
            ("[\"m\",0,0]", "[\"m\",0,2]", "layer `m`: there is no mapping 2"),
            ("\"shapes\"", "\"shape\"", "unknown field `shape`"),
        ] {
            let e = serde_json::from_str::<Design>(&text.replace(place, wrong)).unwrap_err();
            assert!(e.to_string().contains(what), "{e}");
        }
    }

    #[test]
    fn files_of_format_1_are_read() {
        let d = design();
        let network = &d.networks[0];
        let m = &network.mappings[0];
        let mapping = serde_json::json!({
            "offchip": {"tile": m.offchip.tile, "order": m.offchip.order},
            "l2": {"tile": m.l2.tile, "order": m.l2.order}, "pe": m.pe});
        let old = serde_json::json!({"format": 1, "hash": d.hash, "accelerator": d.accelerator, "provenance": d.provenance,
            "networks": [{"name": network.name, "source": network.source, "total": network.total,
                          "layers": network.layers, "mappings": [mapping]}]});
        let read: Design = serde_json::from_value(old).unwrap();
        read.check("old.json").unwrap();
        assert_eq!(
            (read.format, &read.networks, read.to_json()),
            (1, &d.networks, d.to_json())
        );
    }

    #[test]
    fn unknown_members_are_refused_at_every_depth() {
        let text = design().to_json();
        for member in [
            "\"format\"",
            "\"axes\"",
            "\"seed\"",
            "\"source\"",
            "\"macs\"",
            "\"kind\"",
        ] {
            let wrong = text.replacen(member, &format!("\"extra\": 1, {member}"), 1);
            assert!(serde_json::from_str::<Design>(&wrong).is_err(), "{member}");
        }
    }

    #[test]
    fn the_hash_covers_the_accelerator_and_not_its_name() {
        let d = design();
        let mut a = d.accelerator.clone();
        a.name = "other".into();
        assert_eq!(hash(&a), hash(&d.accelerator));
        a.lanes.W *= 2;
        assert_ne!(hash(&a), hash(&d.accelerator));
        let mut wrong = d;
        wrong.accelerator = a;
        let e = wrong.check("d.json").unwrap_err();
        assert_eq!((e.code, e.place.as_deref()), (Code::HashMismatch, Some("d.json")));
    }

    #[test]
    fn contradictions_are_named() {
        let code = |change: &dyn Fn(&mut Design)| {
            let mut d = design();
            change(&mut d);
            let e = d.check("d.json").unwrap_err();
            (e.code, e.place.unwrap())
        };
        assert_eq!(code(&|d| d.format = 9).0, Code::Malformed);
        assert_eq!(code(&|d| d.networks.clear()).0, Code::Malformed);
        assert_eq!(code(&|d| d.networks[0].mappings.clear()).0, Code::Malformed);
        let order = |d: &mut Design| d.networks[0].mappings[0].l2.order[0] = d.networks[0].mappings[0].l2.order[1];
        assert_eq!(code(&order), (Code::IllegalMapping, "d.json, layer `l`".to_owned()));
        assert_eq!(design().network(Some("m")).unwrap_err().code, Code::UnknownName);
    }
}
