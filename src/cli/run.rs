//! `naas run`: inferences, on the golden model or on the simulated accelerator.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::RunArgs;
use crate::cli::generate::{self, Chosen, note_host_operators};
use crate::cli::inputs::Source;
use crate::cli::plan::{DesignSource, RunPlan};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::sim::golden::run_graph;
use crate::sim::plan::of_graph;
use crate::sim::verilator::Folder;
use crate::sim::{inference, tensors};
use crate::workload::graph::{Port, QuantGraph, TensorId};
use rayon::prelude::*;
use serde_json::json;
use std::path::Path;

/// Runs the inferences and writes their outputs.
///
/// # Errors
/// `E0103` for a network without weights, or with several inputs or outputs; those of reading inputs, of searching or
/// reading the design, of the simulation, and of writing outputs.
pub fn run(args: &RunArgs, session: &Session) -> anyhow::Result<()> {
    let plan = RunPlan::resolve(args)?;
    session.catch_interrupts()?;
    let source = Source::open(&plan.network)?;
    let graph = source.graph.as_ref().ok_or_else(|| without_weights(&plan.network))?;
    let (input, output) = (only(&graph.inputs, "inputs")?, only(&graph.outputs, "outputs")?);
    let bytes = files::read(&plan.input)?;
    let place = plan.input.display().to_string();
    let batches = tensors::read(&bytes, &place, input, graph.tensor(input.tensor)?, plan.limit)?;
    let results = match &plan.design {
        None => session.with_threads(|| Ok(golden(graph, &batches, output.tensor, session)?))?,
        Some(design) => rtl(&source, graph, &batches, design, output.tensor, session)?,
    };
    session.interrupt.check()?;
    let file = tensors::write(&results, output, graph.tensor(output.tensor)?);
    files::write_atomic(&plan.output, &file)?;
    let engine = if plan.design.is_some() { "rtl" } else { "golden" };
    let (count, out) = (results.len(), plan.output.display().to_string());
    session.output.result(
        &json!({"engine": engine, "inputs": count, "output": out}),
        &format!("{out}: {count} inputs of `{}` run on {engine}", source.network.name),
    )
}

fn without_weights(network: &str) -> Diagnostic {
    Diagnostic::new(
        Code::Unsupported,
        format!("network `{network}` has no weights: it is known by its shapes only"),
    )
    .expected("an int8 .onnx file, or `resnet8`")
}

fn only<'a>(ports: &'a [Port], what: &str) -> Result<&'a Port> {
    match ports {
        [port] => Ok(port),
        _ => Err(Diagnostic::new(
            Code::Unsupported,
            format!(
                "the network has {} {what}, this version runs networks with one",
                ports.len()
            ),
        )),
    }
}

fn golden(graph: &QuantGraph, batches: &[Vec<i8>], output: TensorId, session: &Session) -> Result<Vec<Vec<i8>>> {
    let one = |batch: &Vec<i8>| -> Result<Vec<i8>> {
        session.interrupt.check()?;
        let values = run_graph(graph, std::slice::from_ref(batch))?;
        Ok(values.tensor(output).to_vec())
    };
    let all: Vec<Result<Vec<i8>>> = batches.par_iter().map(one).collect();
    all.into_iter().collect()
}

/// Runs every multiply-accumulate layer on the accelerator and the operators between them in the golden model.
fn rtl(
    source: &Source,
    graph: &QuantGraph,
    batches: &[Vec<i8>],
    design: &DesignSource,
    output: TensorId,
    session: &Session,
) -> anyhow::Result<Vec<Vec<i8>>> {
    let (design, _) = generate::open(design, session)?;
    let name = design
        .networks
        .iter()
        .find(|n| n.layers == source.network.layers)
        .map_or(source.network.name.as_str(), |n| n.name.as_str());
    let chosen = Chosen::new(&design, Some(name))?;
    let layers = &chosen.priced.network.layers;
    if *layers != source.network.layers {
        return Err(Diagnostic::new(
            Code::IllegalMapping,
            format!("the design's `{name}` is not the network's layers"),
        )
        .next("map the network anew: `naas map NETWORK --accelerator DESIGN --out FILE`")
        .into());
    }
    note_host_operators(graph, session);
    let scratch = tempfile::tempdir()?;
    let work = |dir: &Path| -> Result<Vec<Vec<i8>>> {
        let mut folder = None;
        let progress = Progress::start(session.output, "simulating", Some(batches.len() as u64));
        let mut results = Vec::with_capacity(batches.len());
        for (i, batch) in batches.iter().enumerate() {
            session.interrupt.check()?;
            let inputs = std::slice::from_ref(batch);
            let data = of_graph(graph, inputs, layers)?;
            let program = chosen.program(&data)?;
            if folder.is_none() {
                generate::write(&chosen.files(&program)?, dir, dir)?;
                folder = Some(Folder::open(dir)?);
            }
            let Some(folder) = &folder else { continue };
            let simulated = inference::run(folder, &program, &data, dir)?;
            let own = simulated.into_iter().rev().find(|(tensor, _)| *tensor == output);
            // Where the last operator runs on the host, its golden result follows from outputs that were all equal.
            results.push(match own {
                Some((_, values)) => values,
                None => run_graph(graph, inputs)?.tensor(output).to_vec(),
            });
            progress.show(i as u64 + 1, String::new());
        }
        Ok(results)
    };
    let results = work(scratch.path());
    // Ctrl-C also stops the tools, whose failure is then not worth telling.
    session.interrupt.check()?;
    Ok(results?)
}
