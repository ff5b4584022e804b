//! The networks that the program carries, and the one door through which every command gets a network.
//!
//! Shapes come from `workloads/networks.json` (its sources are listed beside it); `resnet8` is a complete int8 network.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::names::closest;
use crate::workload::graph::{QuantGraph, Semantics};
use crate::workload::layer::{Conv, Layer, Matmul, Shape};
use crate::workload::network::Network;
use crate::workload::onnx;
use crate::workload::tflite;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the built-in network that is complete with weights.
pub const RUNNABLE: &str = "resnet8";

const SHAPES: &str = include_str!("../../workloads/networks.json");
const RESNET8: &[u8] = include_bytes!("../../workloads/resnet8_cifar.onnx");

/// A network with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The shapes of its layers.
    pub network: Network,
    /// Weights, parameters and the operators between the layers, where the network is runnable.
    pub graph: Option<QuantGraph>,
    /// Why a file with weights is not runnable.
    pub refused: Option<Diagnostic>,
}

impl Workload {
    /// A network of which only the shapes are known.
    #[must_use]
    pub fn shapes(network: Network) -> Self {
        Self {
            network,
            graph: None,
            refused: None,
        }
    }
}

/// One network of the data file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    macs: u64,
    weights: u64,
    layers: Vec<Row>,
}

/// One layer of the data file: a kind and its numbers in a fixed order.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Conv(Box<ConvRow>),
    Matmul(String, u32, u32, u32, u32, bool),
}

/// Kind, N, K, C, H, W, R, S, stride, pad, dilation, groups.
type ConvRow = (
    String,
    u32,
    u32,
    u32,
    u32,
    u32,
    u32,
    u32,
    [u32; 2],
    [u32; 4],
    [u32; 2],
    u32,
);

impl Row {
    fn shape(&self) -> Shape {
        match self {
            Self::Conv(row) => {
                let (ref kind, n, k, c, h, w, r, s, stride, pad, dilation, groups) = **row;
                Shape::Conv(Conv {
                    N: n,
                    K: k,
                    C: c,
                    H: h,
                    W: w,
                    R: r,
                    S: s,
                    stride,
                    pad,
                    dilation,
                    groups,
                    transposed: kind == "deconv",
                })
            }
            &Self::Matmul(_, batch, m, n, k, weights) => Shape::Matmul(Matmul {
                batch,
                M: m,
                N: n,
                K: k,
                weights,
            }),
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Conv(row) => &row.0,
            Self::Matmul(kind, ..) => kind,
        }
    }
}

/// The names of all built-in networks, sorted.
///
/// # Errors
/// `E0102` if the program's own data is damaged.
pub fn names() -> Result<Vec<String>> {
    let mut names: Vec<String> = entries()?.into_keys().collect();
    names.push(RUNNABLE.to_owned());
    names.sort();
    Ok(names)
}

/// The shapes of a built-in network; its layers are named by kind and position, such as `conv1` or `matmul54`.
///
/// # Errors
/// `E0105` for a name that is not built in.
pub fn network(name: &str) -> Result<Network> {
    if name == RUNNABLE {
        return resnet8()?.network();
    }
    let entry = entries()?.remove(name).ok_or_else(|| unknown(name))?;
    let layers = entry
        .layers
        .iter()
        .enumerate()
        .map(|(i, row)| Layer {
            name: format!("{}{}", row.kind(), i + 1),
            shape: row.shape(),
        })
        .collect();
    let network = Network::new(name, layers)?;
    // The data file carries its own check sums, so that a bad edit is noticed where it is used.
    if (network.macs()?, network.weight_count()?) != (entry.macs, entry.weights) {
        return Err(damaged(&format!("the layers of `{name}` do not add up")));
    }
    Ok(network)
}

/// The built-in int8 network `resnet8`.
///
/// # Errors
/// None unless the program's own data is damaged.
pub fn resnet8() -> Result<QuantGraph> {
    onnx::parse(RESNET8, RUNNABLE, "built-in network `resnet8`")
}

/// The network that a command line names: a built-in one, an `.onnx` or `.tflite` file or a workload `.json` file, under the
/// semantics that its kind has by default.
///
/// A built-in name wins over a file of that name; `./NAME` reaches the file.
///
/// # Errors
/// As [`open_as`].
pub fn open(name: &str) -> Result<Workload> {
    open_as(name, None)
}

/// As [`open`], under given semantics: `reference` (the default), `micro` or `xnnpack` of TFLite, `fp32_exact` (the default)
/// or `ort_arm` of ONNX.
///
/// # Errors
/// `E0105` where there is neither name nor file, `E0106` for semantics of another kind of network, else those of the file's
/// reader.
pub fn open_as(name: &str, semantics: Option<Semantics>) -> Result<Workload> {
    let path = Path::new(name);
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let graph = match extension.to_str() {
        Some("json") => {
            let workload = Workload::shapes(Network::read(path)?);
            return no_semantics(semantics, name).map(|()| workload);
        }
        Some("onnx") => match onnx::open(path)? {
            onnx::Model::Quantized(graph) => with_additions(*graph, semantics, name)?,
            onnx::Model::Shapes(network) => {
                let workload = Workload::shapes(network);
                return no_semantics(semantics, name).map(|()| workload);
            }
        },
        Some("tflite") => match tflite::read(path, semantics.unwrap_or(Semantics::Reference)) {
            // What cannot run may still have layers to search and to cost.
            Err(e) if e.code == Code::Unsupported => {
                return Ok(Workload {
                    refused: Some(e),
                    ..Workload::shapes(tflite::read_layers(path)?)
                });
            }
            read => read?,
        },
        _ if name == RUNNABLE => with_additions(resnet8()?, semantics, name)?,
        _ => {
            let workload = Workload::shapes(network(name)?);
            return no_semantics(semantics, name).map(|()| workload);
        }
    };
    // The built-in one keeps the layers that comparisons know it by; of a file, all that the accelerator can run is run there.
    let network = if name == RUNNABLE {
        graph.network()
    } else {
        graph.array_network()
    };
    let network = network.map_err(|e| e.at(name))?;
    Ok(Workload {
        graph: Some(graph),
        ..Workload::shapes(network)
    })
}

/// An ONNX network with the residual additions of the semantics.
fn with_additions(graph: QuantGraph, semantics: Option<Semantics>, name: &str) -> Result<QuantGraph> {
    match semantics {
        None | Some(Semantics::Fp32Exact) => Ok(graph),
        Some(Semantics::OrtArm) => graph.with_arm_additions().map_err(|e| {
            let inner = e.place.clone().unwrap_or_default();
            e.at(format!("{name}, {inner}"))
        }),
        Some(other) => Err(foreign(other, name).expected("fp32_exact or ort_arm")),
    }
}

fn no_semantics(semantics: Option<Semantics>, name: &str) -> Result<()> {
    semantics.map_or(Ok(()), |s| Err(foreign(s, name).expected("a network with weights")))
}

fn foreign(semantics: Semantics, name: &str) -> Diagnostic {
    Diagnostic::new(
        Code::Usage,
        format!("semantics `{}` do not go with this network", semantics.as_str()),
    )
    .at(name)
}

fn entries() -> Result<BTreeMap<String, Entry>> {
    serde_json::from_str(SHAPES).map_err(|e| damaged(&e.to_string()))
}

fn damaged(what: &str) -> Diagnostic {
    Diagnostic::new(Code::Malformed, what).at("workloads/networks.json, built into the program")
}

fn unknown(name: &str) -> Diagnostic {
    let known = names().unwrap_or_default();
    let error = Diagnostic::new(Code::UnknownName, format!("no network is named `{name}`")).expected(format!(
        "an .onnx, .tflite or .json file, or one of {}",
        known.join(", ")
    ));
    match closest(name, known.iter().map(String::as_str)) {
        Some(meant) => error.next(format!("did you mean `{meant}`?")),
        None => error.next("`naas list networks` prints what they are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiply-accumulates as the reference tables and torchvision report them.
    const MACS: [(&str, u64, usize); 20] = [
        ("bert_block_seq128", 931_135_488, 8),
        ("bert_block_seq512", 4_026_531_840, 8),
        ("dqn_atari", 9_352_192, 5),
        ("efficientnet_b0", 385_814_752, 82),
        ("gpt2_small_decode_ctx1024", 142_406_400, 73),
        ("gpt2_small_decode_ctx512", 132_969_216, 73),
        ("mlp_784_512_512_10", 668_672, 3),
        ("mnasnet1_0", 314_415_872, 53),
        ("mobilenet_v2", 300_774_272, 53),
        ("mobilenet_v3_large", 216_589_760, 64),
        ("mobilenet_v3_small", 56_510_400, 54),
        ("resnet18", 1_814_073_344, 21),
        ("resnet50", 4_089_184_256, 54),
        ("resnet8", 12_501_632, 10),
        ("squeezenet1_0", 818_924_576, 26),
        ("squeezenet1_1", 349_151_936, 26),
        ("unet_256_same", 48_167_387_136, 23),
        ("unet_572_valid", 150_428_424_448, 23),
        ("vgg16", 15_470_264_320, 16),
        ("vit_b_16", 17_563_828_224, 74),
    ];

    #[test]
    fn every_network_has_its_published_size() {
        let names = names().unwrap();
        assert!(names.iter().eq(MACS.iter().map(|m| m.0)), "{names:?}");
        for (name, macs, layers) in MACS {
            let network = network(name).unwrap();
            assert_eq!(
                (network.macs().unwrap(), network.layers.len()),
                (macs, layers),
                "{name}"
            );
            // No layer of these networks costs the hardware more than its definition, transposed ones included.
            let nests: u64 = network.layers.iter().map(|layer| layer.nest().unwrap().macs()).sum();
            assert_eq!(nests, macs, "{name}");
        }
    }

    #[test]
    fn squeezenet1_0_as_published() {
        let network = network("squeezenet1_0").unwrap();
        let biases: u64 = network
            .layers
            .iter()
            .map(|layer| layer.nest().unwrap().bounds[crate::base::dims::Dim::K])
            .map(u64::from)
            .sum();
        // torchvision's parameter count of squeezenet1_0.
        assert_eq!(network.weight_count().unwrap() + biases, 1_248_424);
        let kind = |i: usize| match network.layers[i].shape {
            Shape::Conv(c) => (c.K, c.C, c.H, c.R),
            Shape::Matmul(_) | Shape::Add(_) | Shape::Maxpool(_) => (0, 0, 0, 0),
        };
        assert_eq!(kind(0), (96, 3, 224, 7));
        assert_eq!(kind(3), (64, 16, 54, 3));
        assert_eq!(kind(13), (48, 256, 27, 1));
        assert_eq!(kind(22), (64, 512, 13, 1));
        assert_eq!(kind(25), (1000, 512, 13, 1));
    }

    #[test]
    fn unet_keeps_its_transposed_layers() {
        let network = network("unet_256_same").unwrap();
        let up: Vec<&str> = network
            .layers
            .iter()
            .filter(|l| matches!(l.shape, Shape::Conv(c) if c.transposed))
            .map(|l| l.name.as_str())
            .collect();
        assert_eq!(up.len(), 4);
        assert!(up.iter().all(|name| name.starts_with("deconv")));
    }

    #[test]
    fn names_and_files_open() {
        assert!(open("resnet8").unwrap().graph.is_some());
        assert!(open("resnet50").unwrap().graph.is_none());
        let e = open("resnet51").unwrap_err();
        assert_eq!(e.code, Code::UnknownName);
        assert!(e.expected.unwrap().contains("resnet50"));
        assert_eq!(open("a.tflite").unwrap_err().code, Code::Unreadable);
        assert_eq!(open("a.onnx").unwrap_err().code, Code::Unreadable);

        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let json = file("r.json");
        let resnet18 = network("resnet18").unwrap();
        std::fs::write(&json, resnet18.to_json()).unwrap();
        assert_eq!(open(&json).unwrap().network, resnet18);
        let onnx = file("tiny.onnx");
        std::fs::write(&onnx, RESNET8).unwrap();
        let opened = open(&onnx).unwrap();
        assert_eq!(opened.network.name, "tiny");
        // The built-in one is known by its multiplications: without additions and the mean.
        let mut layers = opened.network.layers;
        assert_eq!(layers.len(), 14);
        layers.retain(|l| !matches!(l.shape, Shape::Add(_)) && l.name != "globalaveragepool16");
        assert_eq!(layers, network(RUNNABLE).unwrap().layers);
    }
}
