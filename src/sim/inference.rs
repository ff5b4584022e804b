//! Inferences on a simulated design: one bench, one run per batch, each layer's output compared with the golden one.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::rtl::program::{PlacedLayer, Program};
use crate::sim::plan::{LayerData, Side, from_planes};
use crate::sim::server::Server;
use crate::sim::verilator::Dump;
use crate::workload::graph::TensorId;
use std::path::Path;

/// What one run of a program gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// Per layer whose output is kept its tensor and elements, as the graph holds them; all were equal to the golden ones.
    pub outputs: Vec<Option<(TensorId, Vec<i8>)>>,
    /// Cycles of the whole run, those of the model and of the hardware being equal.
    pub cycles: u64,
}

/// Runs `program` from one start and compares every output that is kept. `scratch` is a folder for files on the way.
///
/// The server's manifest may have been made from another batch: this program's tensors replace its own.
///
/// # Errors
/// `E0301` where bits, cycles or counters are not as predicted; as [`Server::run`] otherwise.
pub fn run(server: &mut Server, program: &Program, data: &[LayerData], scratch: &Path) -> Result<Inference> {
    let (mut loads, mut dumps) = (Vec::new(), Vec::new());
    for input in &program.inputs {
        let file = scratch.join(format!("run_{}.bin", input.name));
        std::fs::write(&file, &input.bytes).map_err(|e| scratch_error(&e))?;
        loads.push((input.address, file));
    }
    let kept = || program.layers.iter().enumerate().filter(|(_, layer)| layer.kept);
    for (i, layer) in kept() {
        dumps.push(Dump {
            address: u64::from(layer.placement.output) * program.bus,
            length: layer.output.bytes(),
            file: scratch.join(format!("output_{i}.bin")),
        });
    }
    let report = server.run(&loads, &dumps, &scratch.join("report.json"))?;
    report.check()?;
    let mut outputs = vec![None; program.layers.len()];
    for ((i, layer), dump) in kept().zip(&dumps) {
        let bytes = std::fs::read(&dump.file).map_err(|e| scratch_error(&e))?;
        compare(layer, &bytes)?;
        let (planes, d) = (layer.output.unpack(&bytes), &data[i]);
        let values = from_planes(&d.layer.shape, d.layout, &planes, Side::Output);
        outputs[i] = Some((d.output.0, values));
    }
    Ok(Inference {
        outputs,
        cycles: report.total.cycles.rtl,
    })
}

/// What was compared of one layer, over all inputs; every element was equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCheck {
    /// The layer.
    pub name: String,
    /// Outputs compared.
    pub elements: u64,
}

/// Adds one input's layers to what was compared before.
pub fn add_checks(checks: &mut Vec<LayerCheck>, program: &Program, inference: &Inference) {
    for (i, (layer, output)) in program.layers.iter().zip(&inference.outputs).enumerate() {
        if checks.len() <= i {
            checks.push(LayerCheck {
                name: layer.name.clone(),
                elements: 0,
            });
        }
        checks[i].elements += output.as_ref().map_or(0, |(_, values)| values.len()) as u64;
    }
}

/// Fails with the first element that differs from the golden one.
fn compare(layer: &PlacedLayer, bytes: &[u8]) -> Result<()> {
    let (rtl, golden) = (layer.output.unpack(bytes), layer.output.unpack(&layer.expected));
    let Some(first) = rtl.iter().zip(&golden).position(|(a, b)| a != b) else {
        return Ok(());
    };
    let o = &layer.output;
    let plane = o.rows as usize * o.cols as usize;
    let channels = (o.groups * o.channels) as usize;
    let (channel, position) = (first / plane % channels, first % plane);
    let what = format!(
        "{} of {} outputs differ, the first at n {}, k {channel}, y {}, x {}: hardware {}, golden model {}",
        rtl.iter().zip(&golden).filter(|(a, b)| a != b).count(),
        rtl.len(),
        first / plane / channels,
        position / o.cols as usize,
        position % o.cols as usize,
        rtl[first],
        golden[first]
    );
    Err(Diagnostic::new(Code::CheckFailed, what).at(format!("layer `{}`", layer.name)))
}

fn scratch_error(e: &std::io::Error) -> Diagnostic {
    Diagnostic::new(Code::Unwritable, format!("cannot use a temporary file: {e}"))
        .next("make room in the folder for temporary files, or set TMPDIR to another")
}
