//! `naas gen`: a design's self-contained RTL folder, with the network's data and what the model predicts of it.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::GenArgs;
use crate::cli::costs::{Priced, describe, price};
use crate::cli::inputs::{self, Source};
use crate::cli::plan::{DEFAULT_TECHNOLOGY, DesignSource, GenPlan, RTL_MARKER};
use crate::cli::search;
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::mapping::schedule::Schedule;
use crate::rtl::folder::{self, Files};
use crate::rtl::hardware::Hardware;
use crate::rtl::program::{Program, Sharing};
use crate::search::design::{Design, hash};
use crate::sim::plan::{self, LayerData, OnArray};
use crate::workload::graph::Semantics;
use serde_json::{Value, json};
use std::path::Path;

/// The file in an RTL folder that holds its design.
pub const DESIGN_FILE: &str = "design.json";

/// Emits a folder.
///
/// # Errors
/// Those of reading or searching the design, `E0205` where the folder cannot be written, `E0203` where a figure exceeds the
/// control table.
pub fn run(args: &GenArgs, session: &Session) -> anyhow::Result<()> {
    let plan = GenPlan::resolve(args)?;
    session.catch_interrupts()?;
    let (design, text) = open(&plan.design, session)?;
    let chosen = Chosen::new(&design, plan.network.as_deref())?;
    if design.networks.len() > 1 && plan.network.is_none() {
        let name = &chosen.priced.network.name;
        session.output.note(format!(
            "the design holds several networks: emitting `{name}`, the first"
        ));
    }
    let data = chosen.data(plan.semantics, session)?;
    let program = chosen.program(&data, Sharing::Kept)?;
    let mut files = chosen.files(&program, plan.any_network)?;
    files.binary(DESIGN_FILE, text.into_bytes());
    files::replace_dir(&plan.out, RTL_MARKER, |dir| {
        write(&files, dir, &plan.out)?;
        session.interrupt.check()
    })?;
    let lines = files
        .0
        .iter()
        .filter(|(path, _)| path.starts_with("rtl/"))
        .map(|(_, bytes)| bytes.split(|&b| b == b'\n').count() - 1)
        .sum::<usize>();
    let (dir, hash, layers) = (plan.out.display().to_string(), &design.hash, program.layers.len());
    session.output.result(
        &json!({"dir": dir, "design": hash, "layers": layers, "cycles": program.total_cycles, "verilog_lines": lines,
            "memory": memory_json(&program)}),
        &format!(
            "{dir}: design {hash}, {lines} lines of Verilog, {layers} layers of `{}`, {} cycles predicted\n{}",
            chosen.priced.network.name,
            program.total_cycles,
            describe(&design.accelerator)
        ),
    )
}

/// The design that is asked for, and the text of its file.
///
/// # Errors
/// Those of reading or searching it.
pub fn open(source: &DesignSource, session: &Session) -> anyhow::Result<(Design, String)> {
    match source {
        DesignSource::File(path) => Ok(inputs::design(path)?),
        DesignSource::Search { network, resources } => {
            let design = search::with_defaults(network, resources, session)?;
            let text = design.to_json();
            Ok((design, text))
        }
    }
}

/// One network of a design, ready to be emitted.
pub struct Chosen<'a> {
    design: &'a Design,
    /// The network with its predictions.
    pub priced: Priced,
    schedules: Vec<Schedule>,
}

impl<'a> Chosen<'a> {
    /// The network of this name, or the first one.
    ///
    /// # Errors
    /// `E0105` for a network that the design does not hold; as [`price`].
    pub fn new(design: &'a Design, network: Option<&str>) -> Result<Self> {
        // Prices do not matter here, cycles and counts depend on none.
        let technology = Technology::named(DEFAULT_TECHNOLOGY)?;
        let priced = price(&technology, &design.accelerator, design.network(network)?.clone())?;
        let schedules = priced.network.schedules(&design.accelerator)?;
        Ok(Self {
            design,
            priced,
            schedules,
        })
    }

    /// The network's own weights with a seeded input, or seeded random data.
    fn data(&self, semantics: Option<Semantics>, session: &Session) -> Result<Vec<LayerData>> {
        let (network, output) = (&self.priced.network, session.output);
        let graph = match Source::open_as(&network.source, semantics) {
            Ok(source) => source.graph,
            Err(e) if e.code == Code::Unreadable => {
                let source = &network.source;
                output.note(format!(
                    "`{source}` cannot be read: its layers get seeded random weights instead of their own"
                ));
                None
            }
            Err(e) => return Err(e),
        };
        let Some(graph) = graph else {
            return plan::random(&network.layers, session.seed);
        };
        graph.prove()?;
        let on_array = OnArray::new(&graph, &network.layers)?;
        note_host_operators(&on_array, session);
        on_array.data(&plan::random_inputs(&graph, session.seed)?)
    }

    /// The layers placed in memory.
    ///
    /// # Errors
    /// As [`plan::program`].
    pub fn program(&self, data: &[LayerData], sharing: Sharing) -> Result<Program> {
        let hash = hash(&self.design.accelerator);
        plan::program(hash, data, &self.schedules, &self.priced.predicted(), sharing)
    }

    /// The files of the folder, without the design's own: of hardware that runs every network, or the least that runs this.
    /// A design of several networks has hardware that does not depend on which of them is emitted.
    ///
    /// # Errors
    /// As [`folder::files`].
    pub fn files(&self, program: &Program, every: bool) -> Result<Files> {
        let accelerator = &self.design.accelerator;
        let hw = if every || self.design.networks.len() > 1 {
            Hardware::new(accelerator)
        } else {
            program.hardware(accelerator)
        };
        folder::files(&hw, program)
    }

    /// The files that this network brings to a folder of its accelerator.
    ///
    /// # Errors
    /// As [`folder::network`].
    pub fn network_files(&self, program: &Program) -> Result<Files> {
        folder::network(&Hardware::new(&self.design.accelerator), program)
    }
}

/// Off-chip memory of a program, as documents hold it.
#[must_use]
pub fn memory_json(program: &Program) -> Value {
    let a = program.activations;
    json!({"bytes": program.memory_bytes, "weights": program.weights.bytes.len(), "activations": a.bytes,
        "activations_needed": a.needed, "activations_unshared": a.unshared})
}

/// Tells which operators do not run on the accelerator.
pub fn note_host_operators(on_array: &OnArray, session: &Session) {
    let host = on_array.host_operators();
    if !host.is_empty() {
        session.output.note(format!(
            "host operators, computed by the golden model: {}",
            host.join(", ")
        ));
    }
}

/// Writes files into a folder; `named` is the folder that the user knows.
///
/// # Errors
/// `E0205`.
pub fn write(files: &Files, dir: &Path, named: &Path) -> Result<()> {
    let fail = |e: std::io::Error, file: &str| {
        Diagnostic::new(Code::Unwritable, format!("cannot write `{file}`: {e}")).at(named.display().to_string())
    };
    for (file, bytes) in &files.0 {
        let path = dir.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| fail(e, file))?;
        }
        std::fs::write(&path, bytes).map_err(|e| fail(e, file))?;
    }
    Ok(())
}
