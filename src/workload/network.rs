//! A network as a list of multiply-accumulate layers, and the JSON file that holds one.
//!
//! The file names each layer and its sizes; everything between the layers (activation, pooling, reshaping) costs no
//! multiply-accumulates and is left out. The members are listed in the interface's workload format.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::layer::{Layer, Shape};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A named list of layers in the order of execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Name, as reports print it.
    pub name: String,
    /// The layers; their names differ from each other.
    pub layers: Vec<Layer>,
}

/// One shape and the layers that have it: what is evaluated once counts for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    /// The common shape.
    pub shape: Shape,
    /// Positions in [`Network::layers`], ascending.
    pub layers: Vec<usize>,
}

const CONV_MEMBERS: [&str; 14] = [
    "name",
    "kind",
    "N",
    "K",
    "C",
    "H",
    "W",
    "R",
    "S",
    "stride",
    "pad",
    "dilation",
    "groups",
    "transposed",
];
const ADD_MEMBERS: [&str; 6] = ["name", "kind", "N", "C", "H", "W"];
const MATMUL_MEMBERS: [&str; 7] = ["name", "kind", "batch", "M", "N", "K", "weights"];

impl Network {
    /// Builds a network and checks it: at least one layer, every size sound, names that differ.
    ///
    /// # Errors
    /// `E0102` for an empty list or a repeated name, `E0104` for a bad size; the layer is named.
    pub fn new(name: impl Into<String>, layers: Vec<Layer>) -> Result<Self> {
        let network = Self {
            name: name.into(),
            layers,
        };
        network.check()?;
        Ok(network)
    }

    /// Reads a workload file.
    ///
    /// # Errors
    /// `E0101` if it cannot be read or is not JSON, else as [`Network::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| {
            Diagnostic::new(Code::Unreadable, format!("the file cannot be read: {e}"))
                .at(place.clone())
                .expected("a workload .json file")
        })?;
        Self::parse(&text, &place)
    }

    /// Reads the text of a workload file; `place` is the name that errors give it.
    ///
    /// # Errors
    /// `E0101` for text that is not JSON, `E0102` for an unknown, missing or wrongly typed member or a repeated layer name,
    /// `E0104` for a bad size. The layer is named where there is one.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| Diagnostic::new(Code::Unreadable, format!("not valid JSON: {e}")).at(place))?;
        let file = value
            .as_object()
            .ok_or_else(|| malformed("the file is not a JSON object").at(place))?;
        known_members(file, &["name", "layers"]).map_err(|e| e.at(place))?;
        let name = text_member(file, "name").map_err(|e| e.at(place))?;
        let layers = file
            .get("layers")
            .and_then(Value::as_array)
            .ok_or_else(|| {
                malformed("`layers` is missing or not a list")
                    .expected("a list of layers")
                    .at(place)
            })?
            .iter()
            .enumerate()
            .map(|(i, layer)| parse_layer(layer).map_err(|e| e.at(layer_place(place, i, layer))))
            .collect::<Result<Vec<_>>>()?;
        Self::new(name, layers).map_err(|e| {
            let inner = e.place.clone();
            e.at(inner.map_or_else(|| place.to_owned(), |inner| format!("{place}, {inner}")))
        })
    }

    /// The workload file of this network, one layer a line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let rows: Vec<String> = self.layers.iter().map(layer_json).collect();
        format!(
            "{{\"name\": {}, \"layers\": [\n  {}\n]}}\n",
            quoted(&self.name),
            rows.join(",\n  ")
        )
    }

    /// The different shapes in order of first appearance, each with the layers that have it.
    #[must_use]
    pub fn distinct(&self) -> Vec<Distinct> {
        let mut seen: BTreeMap<Shape, usize> = BTreeMap::new();
        let mut out: Vec<Distinct> = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let at = *seen.entry(layer.shape).or_insert(out.len());
            match out.get_mut(at) {
                Some(distinct) => distinct.layers.push(i),
                None => out.push(Distinct {
                    shape: layer.shape,
                    layers: vec![i],
                }),
            }
        }
        out
    }

    /// Multiply-accumulates of the whole network.
    ///
    /// # Errors
    /// `E0104` for a bad size or a total beyond 64 bits.
    pub fn macs(&self) -> Result<u64> {
        self.total(Shape::macs)
    }

    /// Constant weights of the whole network, in elements (bytes in int8).
    ///
    /// # Errors
    /// As [`Network::macs`].
    pub fn weight_count(&self) -> Result<u64> {
        self.total(Shape::weight_count)
    }

    fn total(&self, of: impl Fn(&Shape) -> Result<u64>) -> Result<u64> {
        self.layers.iter().try_fold(0u64, |sum, layer| {
            let more = of(&layer.shape).map_err(|e| e.at(format!("layer `{}`", layer.name)))?;
            sum.checked_add(more)
                .ok_or_else(|| Diagnostic::new(Code::BadSize, "the network's total overflows"))
        })
    }

    fn check(&self) -> Result<()> {
        if self.layers.is_empty() {
            return Err(malformed("the network has no layers").expected("at least one layer"));
        }
        let mut names = BTreeSet::new();
        for layer in &self.layers {
            let place = format!("layer `{}`", layer.name);
            if !names.insert(layer.name.as_str()) {
                return Err(malformed("two layers have the same name")
                    .expected("a different name for each layer")
                    .at(place));
            }
            layer.shape.check().map_err(|e| e.at(place))?;
        }
        Ok(())
    }
}

fn malformed(what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Malformed, what)
}

fn layer_place(place: &str, index: usize, layer: &Value) -> String {
    match layer.get("name").and_then(Value::as_str) {
        Some(name) => format!("{place}, layer `{name}`"),
        None => format!("{place}, layer {}", index + 1),
    }
}

fn known_members(object: &Map<String, Value>, known: &[&str]) -> Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(malformed(format!("unknown member `{key}`")).expected(format!("one of {}", known.join(", ")))),
        None => Ok(()),
    }
}

fn text_member(object: &Map<String, Value>, name: &str) -> Result<String> {
    object
        .get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| malformed(format!("`{name}` is missing or not a text")))
}

fn parse_layer(value: &Value) -> Result<Layer> {
    let object = value
        .as_object()
        .ok_or_else(|| malformed("the layer is not a JSON object"))?;
    text_member(object, "name")?;
    let kind = text_member(object, "kind").map_err(|e| e.expected("conv, matmul or add"))?;
    let members: &[&str] = match kind.as_str() {
        "conv" => &CONV_MEMBERS,
        "matmul" => &MATMUL_MEMBERS,
        "add" => &ADD_MEMBERS,
        other => {
            return Err(malformed(format!("unknown kind `{other}`")).expected("conv, matmul or add"));
        }
    };
    known_members(object, members)?;
    object
        .iter()
        .try_for_each(|(name, member)| check_numbers(name, member))?;
    Layer::deserialize(value)
        .map_err(|e| malformed(e.to_string()).next("compare the layer with the format in docs/formats.md"))
}

/// Numbers that are no 32-bit sizes get their own message: the generic one names Rust types.
fn check_numbers(name: &str, value: &Value) -> Result<()> {
    match value {
        Value::Number(n) => match n.as_u64().map(u32::try_from) {
            Some(Ok(_)) => Ok(()),
            _ => Err(Diagnostic::new(Code::BadSize, format!("`{name}` is {n}"))
                .expected("a whole number that is not negative and below 2^32")),
        },
        Value::Array(items) => items.iter().try_for_each(|item| check_numbers(name, item)),
        _ => Ok(()),
    }
}

fn layer_json(layer: &Layer) -> String {
    let name = Value::from(layer.name.as_str());
    match &layer.shape {
        Shape::Conv(c) => format!(
            "{{\"name\": {name}, \"kind\": \"conv\", \"N\": {}, \"K\": {}, \"C\": {}, \"H\": {}, \"W\": {}, \"R\": {}, \
             \"S\": {}, \"stride\": {:?}, \"pad\": {:?}, \"dilation\": {:?}, \"groups\": {}{}}}",
            c.N,
            c.K,
            c.C,
            c.H,
            c.W,
            c.R,
            c.S,
            c.stride,
            c.pad,
            c.dilation,
            c.groups,
            if c.transposed { ", \"transposed\": true" } else { "" }
        ),
        Shape::Matmul(m) => format!(
            "{{\"name\": {name}, \"kind\": \"matmul\", \"batch\": {}, \"M\": {}, \"N\": {}, \"K\": {}, \"weights\": {}}}",
            m.batch, m.M, m.N, m.K, m.weights
        ),
        Shape::Add(a) => format!(
            "{{\"name\": {name}, \"kind\": \"add\", \"N\": {}, \"C\": {}, \"H\": {}, \"W\": {}}}",
            a.N, a.C, a.H, a.W
        ),
        Shape::Maxpool(p) => format!(
            "{{\"name\": {name}, \"kind\": \"maxpool\", \"N\": {}, \"C\": {}, \"H\": {}, \"W\": {}, \"R\": {}, \"S\": {}, \
             \"stride\": {:?}, \"pad\": {:?}, \"dilation\": {:?}}}",
            p.N, p.C, p.H, p.W, p.R, p.S, p.stride, p.pad, p.dilation
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"name": "two", "layers": [
      {"name": "c1", "kind": "conv", "N": 1, "K": 64, "C": 3, "H": 224, "W": 224, "R": 7, "S": 7, "stride": [2, 2], "pad": [3, 3, 3, 3], "dilation": [1, 1], "groups": 1},
      {"name": "fc", "kind": "matmul", "batch": 1, "M": 1, "N": 1000, "K": 2048, "weights": true}]}"#;

    fn error(text: &str) -> Diagnostic {
        Network::parse(text, "net.json").unwrap_err()
    }

    #[test]
    fn reads_and_writes_back() {
        let net = Network::parse(TWO, "net.json").unwrap();
        assert_eq!((net.name.as_str(), net.layers.len()), ("two", 2));
        assert_eq!(net.macs().unwrap(), 118_013_952 + 2_048_000);
        assert_eq!(Network::parse(&net.to_json(), "net.json").unwrap(), net);
        assert_eq!(serde_json::from_str::<Network>(TWO).unwrap(), net);
    }

    #[test]
    fn unusual_kinds_parse_and_have_loops() {
        let net = Network::parse(
            r#"{"name": "u", "layers": [
            {"name": "up", "kind": "conv", "K": 8, "C": 16, "H": 4, "W": 4, "R": 2, "S": 2, "stride": [2, 2], "transposed": true},
            {"name": "qk", "kind": "matmul", "batch": 12, "M": 128, "N": 128, "K": 64, "weights": false},
            {"name": "dw", "kind": "conv", "K": 16, "C": 16, "H": 4, "W": 4, "R": 3, "S": 3, "pad": [1, 1, 1, 1], "groups": 16}]}"#,
            "net.json",
        )
        .unwrap();
        assert_eq!(net.layers[0].shape.macs().unwrap(), 8 * 16 * 16 * 4);
        assert_eq!(net.layers[1].shape.macs().unwrap(), 12_582_912);
        assert_eq!(net.layers[1].shape.weight_count().unwrap(), 0);
        assert_eq!(net.layers[0].nest().unwrap().macs(), 8 * 16 * 16 * 4);
        assert_eq!(net.layers[1].nest().unwrap().macs(), 12_582_912);
        assert!(net.layers[2].nest().unwrap().depthwise());
        assert_eq!(Network::parse(&net.to_json(), "net.json").unwrap(), net);
    }

    #[test]
    fn errors_name_the_layer_and_the_member() {
        let swap = |from: &str, to: &str| error(&TWO.replacen(from, to, 1));
        let layer = Some("net.json, layer `c1`".to_owned());

        let e = swap("\"groups\"", "\"group\"");
        assert_eq!((e.code, &e.place), (Code::Malformed, &layer));
        assert_eq!(e.what, "unknown member `group`");
        assert!(e.expected.unwrap().contains("groups"));

        for (from, to, what) in [
            ("\"K\": 64", "\"K\": 0", "K is 0"),
            ("\"K\": 64", "\"K\": -1", "`K` is -1"),
            ("\"K\": 64", "\"K\": 1.5", "`K` is 1.5"),
            ("\"K\": 64", "\"K\": 4294967296", "`K` is 4294967296"),
            ("\"K\": 64", "\"K\": 4294967295", "K is 4294967295"),
            ("[2, 2]", "[0, 2]", "stride is 0"),
            ("\"groups\": 1", "\"groups\": 0", "groups is 0"),
            ("\"groups\": 1", "\"groups\": 2", "2 groups do not divide"),
            ("\"R\": 7", "\"R\": 700", "a 700x7 kernel does not fit"),
            ("[3, 3, 3, 3]", "[3, 3, 3, 4000000000]", "pad is 4000000000"),
        ] {
            let e = swap(from, to);
            assert_eq!((e.code, &e.place), (Code::BadSize, &layer), "{to}");
            assert!(e.what.starts_with(what), "{e}");
        }
        for (from, to) in [
            ("\"kind\": \"conv\"", "\"kind\": \"pool\""),
            ("\"K\": 64, ", ""),
            ("[2, 2]", "[2]"),
            ("\"K\": 64", "\"K\": \"64\""),
        ] {
            let e = swap(from, to);
            assert_eq!((e.code, &e.place), (Code::Malformed, &layer), "{to}");
        }
    }

    #[test]
    fn errors_of_the_file() {
        assert_eq!(error("{\"name\"").code, Code::Unreadable);
        assert_eq!(error("[]").code, Code::Malformed);
        assert_eq!(
            error(r#"{"name": "x", "layers": []}"#).what,
            "the network has no layers"
        );
        assert_eq!(
            error(r#"{"name": "x", "layers": [], "weight": 1}"#).what,
            "unknown member `weight`"
        );
        let e = error(&TWO.replace("\"fc\"", "\"c1\""));
        assert_eq!(e.what, "two layers have the same name");
        assert_eq!(e.place.unwrap(), "net.json, layer `c1`");
        let huge = r#"{"name": "x", "layers": [{"name": "m", "kind": "matmul", "batch": 1048576, "M": 1048576, "N": 1048576, "K": 1048576}]}"#;
        assert_eq!(error(huge).code, Code::BadSize);
        assert_eq!(
            Network::read(Path::new("/nonexistent/net.json")).unwrap_err().code,
            Code::Unreadable
        );
    }

    #[test]
    fn distinct_shapes_keep_their_layers() {
        let mut net = Network::parse(TWO, "net.json").unwrap();
        let mut again = net.layers[0].clone();
        again.name = "c2".into();
        net.layers.push(again);
        let distinct = net.distinct();
        assert_eq!(distinct.len(), 2);
        assert_eq!(distinct[0].layers, [0, 2]);
        assert_eq!(distinct[1].layers, [1]);
    }
}
