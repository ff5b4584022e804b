//! The self-contained folder of a design: Verilog, memories, control table, data, bench, Makefile. All from one model.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::rtl::collateral;
use crate::rtl::descriptor::Descriptor;
use crate::rtl::hardware::{COUNTERS, Hardware};
use crate::rtl::picture;
use crate::rtl::program::{PlacedLayer, Program};
use crate::rtl::render;
use crate::rtl::storage::Storage;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Files of the folder by path within it, in a fixed order; equal designs give equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub Vec<(String, Vec<u8>)>);

impl Files {
    /// Adds a text file.
    pub fn text(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.push((path.into(), text.into().into_bytes()));
    }

    /// Adds a binary file.
    pub fn binary(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        self.0.push((path.into(), bytes));
    }

    /// The content of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.iter().find(|(p, _)| p == path).map(|(_, b)| b.as_slice())
    }
}

const MEMORIES: [(&str, &str); 4] = [
    (
        "mem/sim/naas_mem.v",
        include_str!("../../templates/lib/mem/sim/naas_mem.v"),
    ),
    (
        "mem/fpga/naas_mem.v",
        include_str!("../../templates/lib/mem/fpga/naas_mem.v"),
    ),
    (
        "mem/asic/naas_mem.v",
        include_str!("../../templates/lib/mem/asic/naas_mem.v"),
    ),
    (
        "mem/asic/naas_mem_macro.v",
        include_str!("../../templates/lib/mem/asic/naas_mem_macro.v"),
    ),
];

const BENCH: [(&str, &str); 21] = [
    ("Makefile", include_str!("../../templates/bench/Makefile")),
    ("bench/area.awk", include_str!("../../templates/bench/area.awk")),
    (
        "bench/axi_memory.cpp",
        include_str!("../../templates/bench/axi_memory.cpp"),
    ),
    ("bench/axi_memory.h", include_str!("../../templates/bench/axi_memory.h")),
    ("bench/bench.v", include_str!("../../templates/bench/bench.v")),
    ("bench/bench.cpp", include_str!("../../templates/bench/bench.cpp")),
    ("bench/dut.cpp", include_str!("../../templates/bench/dut.cpp")),
    ("bench/dut.h", include_str!("../../templates/bench/dut.h")),
    ("bench/gating.awk", include_str!("../../templates/bench/gating.awk")),
    ("bench/liberty.awk", include_str!("../../templates/bench/liberty.awk")),
    ("bench/manifest.cpp", include_str!("../../templates/bench/manifest.cpp")),
    ("bench/manifest.h", include_str!("../../templates/bench/manifest.h")),
    ("bench/multiply.v", include_str!("../../templates/bench/multiply.v")),
    ("bench/sta.tcl", include_str!("../../templates/bench/sta.tcl")),
    ("bench/report.cpp", include_str!("../../templates/bench/report.cpp")),
    ("bench/report.h", include_str!("../../templates/bench/report.h")),
    ("bench/system.cpp", include_str!("../../templates/bench/system.cpp")),
    ("bench/system.h", include_str!("../../templates/bench/system.h")),
    ("driver/naas.h", include_str!("../../templates/driver/naas.h")),
    ("driver/naas.c", include_str!("../../templates/driver/naas.c")),
    ("driver/main.cpp", include_str!("../../templates/driver/main.cpp")),
];

/// All files of a design and the layers that it runs.
///
/// # Errors
/// As [`render::render`] and [`network`].
pub fn files(hw: &Hardware, program: &Program) -> Result<Files> {
    let mut files = Files::default();
    verilog(hw, program.hash, &mut files)?;
    for (path, text) in BENCH {
        files.text(path, text);
    }
    files.text("array.svg", picture::svg(hw)?);
    files.text(
        "design.mk",
        format!("BUS_BYTES := {}\nPES := {}\n", program.bus, hw.accelerator.pes()),
    );
    beside(&mut files)?;
    files.text("naas_design.h", collateral::design_header(hw.features, program));
    files.0.extend(network(hw, program)?.0);
    Ok(files)
}

/// The files of a folder that a network brings: manifest, control table, weights, vectors. With those of another network, the
/// rest of the folder runs that.
///
/// # Errors
/// `E0203` for a layer that the design's registers cannot hold.
pub fn network(hw: &Hardware, program: &Program) -> Result<Files> {
    let storage = Storage::of(hw, program.hash);
    let digest = storage.digest();
    let descriptors: Vec<Descriptor> = (program.descriptors())
        .map(|layer| layer.clone().with("kept", digest))
        .collect();
    for (layer, descriptor) in program.layers.iter().zip(&descriptors) {
        storage
            .check(descriptor)
            .map_err(|e| e.at(format!("layer `{}`", layer.name)))?;
    }
    for ((name, count), bits) in COUNTERS.iter().zip(program.counts()).zip(hw.counter_bits) {
        if count >> bits != 0 {
            return Err(Diagnostic::new(
                Code::IllegalMapping,
                format!("a run counts {count} {name}, which this design has no counter for"),
            )
            .next("generate the hardware for this network's design anew"));
        }
    }
    let mut files = Files::default();
    files.text("manifest.txt", manifest(hw, program));
    table(program, &descriptors, &mut files)?;
    files.binary("weights.bin", program.weights.bytes.clone());
    for segment in &program.inputs {
        files.binary(format!("vectors/{}.bin", segment.name), segment.bytes.clone());
    }
    for (i, layer) in program.layers.iter().enumerate() {
        files.binary(expected_file(i), layer.expected.clone());
    }
    Ok(files)
}

fn verilog(hw: &Hardware, hash: u64, files: &mut Files) -> Result<()> {
    let mut list = String::new();
    for (name, text) in render::verilog(hw, hash)? {
        if !text.is_ascii() {
            return Err(Diagnostic::new(
                Code::ToolFailed,
                format!("{name} is not plain ASCII: a template hole is left"),
            ));
        }
        let _ = writeln!(list, "rtl/{name}");
        files.text(format!("rtl/{name}"), text);
    }
    for (path, text) in MEMORIES {
        files.text(path, text);
    }
    files.text("naas.f", format!("{list}mem/sim/naas_mem.v\n"));
    files.text("naas_fpga.f", format!("{list}mem/fpga/naas_mem.v\n"));
    files.text(
        "naas_asic.f",
        format!("{list}mem/asic/naas_mem.v\nmem/asic/naas_mem_macro.v\n"),
    );
    Ok(())
}

/// What flows around the Verilog need.
fn beside(files: &mut Files) -> Result<()> {
    let sources: Vec<String> = files
        .0
        .iter()
        .map(|(path, _)| path.clone())
        .filter(|path| path.starts_with("rtl/"))
        .collect();
    let map = serde_json::to_string_pretty(&collateral::register_map())
        .map_err(|e| Diagnostic::new(Code::Unwritable, format!("registers.json cannot be written: {e}")))?;
    files.text("registers.json", map + "\n");
    files.text("naas_registers.h", collateral::header());
    files.text("naas.rdl", collateral::system_rdl());
    files.text("naas.core", collateral::fusesoc(env!("CARGO_PKG_VERSION"), &sources));
    files.text("naas.sdc", collateral::constraints());
    Ok(())
}

fn expected_file(index: usize) -> String {
    format!("vectors/expected_{index}.bin")
}

/// What the bench loads, predicts and compares; one statement per line.
fn manifest(hw: &Hardware, p: &Program) -> String {
    let mut out = String::from("naas-bench 1\n");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("hash {:016x}", p.hash));
    line(format!("pes {}", hw.accelerator.pes()));
    line(format!("bus_bytes {}", p.bus));
    line(format!("latency {}", p.latency));
    line(format!("memory_bytes {}", p.memory_bytes));
    line(format!("table {}", p.table));
    line(format!("records {}", p.records));
    line(format!("layers {}", p.layers.len()));
    line(format!("total_cycles {}", p.total_cycles));
    let load = |address: u64, file: &str| format!("load {address} {file}");
    line(load(p.table, "table.bin"));
    line(load(p.weights.address, "weights.bin"));
    for s in &p.inputs {
        line(load(s.address, &format!("vectors/{}.bin", s.name)));
    }
    for (i, l) in p.layers.iter().enumerate() {
        line(format!(
            "layer {i} {} {} {} {}",
            word(&l.name),
            l.kind,
            l.macs,
            l.predicted.cycles
        ));
        let o = &l.output;
        line(format!(
            "shape {i} {} {} {} {} {}",
            o.images, o.groups, o.channels, o.rows, o.cols
        ));
        let tiles: Vec<String> = l.tiles.iter().flatten().map(ToString::to_string).collect();
        line(format!("tiles {i} {}", tiles.join(" ")));
        line(format!(
            "expect {i} {} {}",
            u64::from(l.placement.output) * p.bus,
            expected_file(i)
        ));
        for (name, value) in COUNTERS.iter().zip(l.predicted.counters) {
            line(format!("counter {i} {name} {value}"));
        }
    }
    out
}

/// A name without white space, as the manifest's words need it.
#[must_use]
pub fn word(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c })
        .collect();
    if clean.is_empty() { "_".into() } else { clean }
}

fn table(p: &Program, descriptors: &[Descriptor], files: &mut Files) -> Result<()> {
    let mut bytes = Vec::new();
    for descriptor in descriptors {
        bytes.extend(descriptor.encode()?);
    }
    let mut hex = String::new();
    for beat in bytes.chunks(p.bus as usize) {
        for b in beat.iter().rev() {
            let _ = write!(hex, "{b:02x}");
        }
        hex.push('\n');
    }
    let layers: Vec<Value> = p.layers.iter().zip(descriptors).map(layer_json).collect();
    let document = json!({ "hash": format!("{:016x}", p.hash), "layers": layers });
    let text = serde_json::to_string_pretty(&document)
        .map_err(|e| Diagnostic::new(Code::Unwritable, format!("table.json cannot be written: {e}")))?;
    files.binary("table.bin", bytes);
    files.text("table.hex", hex);
    files.text("table.json", text + "\n");
    Ok(())
}

fn layer_json((l, descriptor): (&PlacedLayer, &Descriptor)) -> Value {
    let fields: serde_json::Map<String, Value> = descriptor
        .values
        .iter()
        .map(|(name, v)| ((*name).to_owned(), json!(v)))
        .collect();
    json!({ "name": l.name, "kind": l.kind, "fields": fields })
}
