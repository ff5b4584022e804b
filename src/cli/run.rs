//! `naas run`: inferences, on the golden model or on the simulated accelerator.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::RunArgs;
use crate::cli::generate::{self, Chosen, memory_json, note_host_operators};
use crate::cli::inputs::Source;
use crate::cli::plan::RunPlan;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::rtl::program::{Program, Sharing};
use crate::search::design::Design;
use crate::sim::golden::run_graph;
use crate::sim::inference::{self, LayerCheck};
use crate::sim::plan::OnArray;
use crate::sim::server::Server;
use crate::sim::tensors;
use crate::sim::verilator::Folder;
use crate::workload::graph::{Port, QuantGraph, TensorId};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Outputs of all inputs, and what was compared on the way.
struct Outcome {
    /// One per input.
    outputs: Vec<Vec<i8>>,
    /// Layers of the simulated accelerator, summed over inputs; none on the golden model.
    layers: Vec<LayerCheck>,
    /// Of the accelerator: what one inference took.
    run: Option<OneRun>,
}

/// What one inference takes on the accelerator; every input's was the same.
struct OneRun {
    /// Cycles from start to interrupt, hardware and model being equal.
    cycles: u64,
    /// Multiply-accumulates per cycle and PE.
    utilization: f64,
    /// Off-chip memory.
    memory: Value,
    /// Operators that run on the host, and layers whose inputs it rearranges.
    host: [Vec<String>; 2],
}

/// Runs the inferences and writes their outputs.
///
/// # Errors
/// `E0103` for a network without weights, or with several inputs or outputs; those of reading inputs, of searching or
/// reading the design, of the simulation, and of writing outputs.
pub fn run(args: &RunArgs, session: &Session) -> anyhow::Result<()> {
    let plan = RunPlan::resolve(args)?;
    session.catch_interrupts()?;
    let source = Source::open_as(&plan.network, plan.semantics)?;
    let graph = runnable(&source)?;
    let (input, output) = (only(&graph.inputs, "inputs")?, only(&graph.outputs, "outputs")?);
    let bytes = files::read(&plan.input)?;
    let place = plan.input.display().to_string();
    let batches = tensors::read(&bytes, &place, input, graph.tensor(input.tensor)?, plan.limit)?;
    let to = graph.tensor(output.tensor)?;
    let rows = batches.len() * to.shape.first().map_or(1, |&n| n as usize);
    let labels = plan.labels.as_deref().map(|file| labels(file, rows)).transpose()?;
    let outcome = match &plan.design {
        None => session.with_threads(|| Ok(golden(graph, &batches, output.tensor, session)?))?,
        Some(design) => {
            let (design, _) = generate::open(design, session)?;
            let chosen = chosen(&source, &design)?;
            let folder = plan.rtl.as_deref();
            let sharing = if plan.check_layers {
                Sharing::Kept
            } else {
                Sharing::Shared
            };
            rtl(&chosen, graph, &batches, (folder, sharing), output.tensor, session)?
        }
    };
    session.interrupt.check()?;
    files::write_atomic(&plan.output, &tensors::write(&outcome.outputs, output, to))?;
    let correct = labels.as_ref().map(|l| tensors::correct(&outcome.outputs, to, l));
    let checks = plan.check_layers.then_some(outcome.layers.as_slice());
    report(
        &plan,
        &source,
        graph,
        (outcome.outputs.len(), rows),
        correct,
        (checks, outcome.run.as_ref()),
        session,
    )
}

fn report(
    plan: &RunPlan,
    source: &Source,
    graph: &QuantGraph,
    (inputs, rows): (usize, usize),
    correct: Option<usize>,
    (layers, run): (Option<&[LayerCheck]>, Option<&OneRun>),
    session: &Session,
) -> anyhow::Result<()> {
    let engine = if plan.design.is_some() { "rtl" } else { "golden" };
    let (out, semantics) = (plan.output.display().to_string(), graph.semantics.as_str());
    let mut document = json!({"engine": engine, "semantics": semantics, "inputs": inputs, "output": out});
    let name = &source.network.name;
    let mut text = format!("{out}: {inputs} inputs of `{name}` run on {engine}, semantics {semantics}");
    if let Some(correct) = correct {
        let accuracy = correct as f64 / rows.max(1) as f64;
        document["labels"] = rows.into();
        document["correct"] = correct.into();
        document["accuracy"] = accuracy.into();
        text += &format!("\naccuracy {:.2} %: {correct} of {rows} labels", 100.0 * accuracy);
    }
    if let Some(run) = run {
        document["cycles"] = json!({"rtl": run.cycles, "model": run.cycles, "difference": 0});
        document["utilization"] = run.utilization.into();
        document["memory"] = run.memory.clone();
        let [operators, rearranged] = &run.host;
        document["host"] = json!({"operators": operators, "rearranged": rearranged});
        text += &format!(
            "\n{} cycles per inference from one start, as the model says; utilization {:.1} %; activations take {} bytes off chip",
            run.cycles,
            100.0 * run.utilization,
            run.memory["activations"]
        );
    }
    if let Some(layers) = layers {
        let row = |l: &LayerCheck| json!({"name": l.name, "elements": l.elements, "mismatches": 0});
        document["layers"] = layers.iter().map(row).collect::<Vec<Value>>().into();
        for l in layers {
            text += &format!("\n{:24} {:>12} outputs, 0 mismatches", l.name, l.elements);
        }
    }
    session.output.result(&document, &text)
}

fn runnable(source: &Source) -> Result<&QuantGraph> {
    source.graph.as_ref().ok_or_else(|| match &source.refused {
        Some(refused) => refused.clone(),
        None => Diagnostic::new(
            Code::Unsupported,
            format!(
                "network `{}` has no weights: it is known by its shapes only",
                source.text
            ),
        )
        .expected("an int8 .tflite or .onnx file, or `resnet8`"),
    })
}

/// Right classes, at least as many as there are outputs.
fn labels(file: &Path, rows: usize) -> Result<Vec<i64>> {
    let place = file.display().to_string();
    let labels = tensors::read_labels(&files::read(file)?, &place)?;
    if labels.len() < rows {
        return Err(Diagnostic::new(Code::Malformed, format!("{} labels", labels.len()))
            .at(place)
            .expected(format!("one for each of {rows} outputs")));
    }
    Ok(labels)
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

fn golden(graph: &QuantGraph, batches: &[Vec<i8>], output: TensorId, session: &Session) -> Result<Outcome> {
    let progress = Progress::start(session.output, "running", Some(batches.len() as u64));
    let done = AtomicU64::new(0);
    let one = |batch: &Vec<i8>| -> Result<Vec<i8>> {
        session.interrupt.check()?;
        let values = run_graph(graph, std::slice::from_ref(batch))?;
        progress.show(done.fetch_add(1, Ordering::Relaxed) + 1, String::new());
        Ok(values.tensor(output).to_vec())
    };
    let all: Vec<Result<Vec<i8>>> = batches.par_iter().map(one).collect();
    Ok(Outcome {
        outputs: all.into_iter().collect::<Result<_>>()?,
        layers: Vec::new(),
        run: None,
    })
}

/// The network among those of a design.
fn chosen<'a>(source: &Source, design: &'a Design) -> Result<Chosen<'a>> {
    let name = design
        .networks
        .iter()
        .find(|n| n.layers == source.network.layers)
        .map_or(source.network.name.as_str(), |n| n.name.as_str());
    let chosen = Chosen::new(design, Some(name))?;
    if chosen.priced.network.layers != source.network.layers {
        return Err(Diagnostic::new(
            Code::IllegalMapping,
            format!("the design's `{name}` is not the network's layers"),
        )
        .next("map the network anew: `naas map NETWORK --accelerator DESIGN --out FILE`"));
    }
    Ok(chosen)
}

/// Runs the network's layers on the accelerator from one start, the operators that are left in the golden model. The hardware
/// is that of `folder`, or emitted.
fn rtl(
    chosen: &Chosen,
    graph: &QuantGraph,
    batches: &[Vec<i8>],
    (folder, sharing): (Option<&Path>, Sharing),
    output: TensorId,
    session: &Session,
) -> anyhow::Result<Outcome> {
    graph.prove()?;
    let on_array = OnArray::new(graph, &chosen.priced.network.layers)?;
    note_host_operators(&on_array, session);
    let scratch = tempfile::tempdir()?;
    let work = |dir: &Path| -> Result<Outcome> {
        let mut server = None;
        let mut checks: Vec<LayerCheck> = Vec::new();
        let progress = Progress::start(session.output, "simulating", Some(batches.len() as u64));
        let mut results = Vec::with_capacity(batches.len());
        let mut run = None;
        for (i, batch) in batches.iter().enumerate() {
            session.interrupt.check()?;
            let inputs = std::slice::from_ref(batch);
            let data = on_array.data(inputs)?;
            let program = chosen.program(&data, sharing)?;
            let server = match &mut server {
                Some(server) => server,
                None => server.insert(serve(chosen, &program, folder, dir)?),
            };
            let simulated = inference::run(server, &program, &data, dir)?;
            inference::add_checks(&mut checks, &program, &simulated);
            if run.is_none() {
                note_rearranged(&program, session);
                run = Some(OneRun {
                    cycles: simulated.cycles,
                    utilization: chosen.priced.utilization(),
                    memory: memory_json(&program),
                    host: [
                        on_array.host_operators().into_iter().map(str::to_owned).collect(),
                        program.rearranged.clone(),
                    ],
                });
            }
            let kept = simulated.outputs.into_iter().rev().flatten();
            let own = kept.into_iter().find(|(tensor, _)| *tensor == output);
            // Where the last operator runs on the host, its golden result follows from outputs that were all equal.
            results.push(match own {
                Some((_, values)) => values,
                None => run_graph(graph, inputs)?.tensor(output).to_vec(),
            });
            progress.show(i as u64 + 1, String::new());
        }
        Ok(Outcome {
            outputs: results,
            layers: checks,
            run,
        })
    };
    let results = work(scratch.path());
    // Ctrl-C also stops the tools, whose failure is then not worth telling.
    session.interrupt.check()?;
    Ok(results?)
}

/// Tells which layers read what an earlier one wrote in another order.
fn note_rearranged(program: &Program, session: &Session) {
    if !program.rearranged.is_empty() {
        let layers = program.rearranged.join(", ");
        session
            .output
            .note(format!("inputs rearranged on the host, by the golden model: {layers}"));
    }
}

/// A bench with this program, in `dir`: on the hardware of `folder`, or on its own.
fn serve(chosen: &Chosen, program: &Program, folder: Option<&Path>, dir: &Path) -> Result<Server> {
    let files = match folder {
        Some(_) => chosen.network_files(program)?,
        None => chosen.files(program, false)?,
    };
    generate::write(&files, dir, dir)?;
    Server::start(&Folder::open(folder.unwrap_or(dir))?, &dir.join("manifest.txt"))
}
