//! Builds and runs the bench of a generated folder with Verilator, and reads its verdict.
//!
//! The folder is self-contained: its Makefile builds, its bench judges. This module finds the tools, starts them, turns
//! their failures into errors, and gives the bench's JSON document types ([`Report`], the `sim` document).

use crate::base::diag::{Code, Diagnostic, Result};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The environment variable that names the folder in which benches share what does not depend on the design.
pub const CACHE_VARIABLE: &str = "NAAS_VERILATOR_CACHE";

/// Lines of an outside tool's output that an error shows.
const TAIL_LINES: usize = 30;

/// A number of the simulated hardware and its prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// What the hardware counted.
    pub rtl: u64,
    /// What the model predicts.
    pub model: u64,
}

impl Pair {
    /// Whether hardware and model agree.
    #[must_use]
    pub const fn agree(self) -> bool {
        self.rtl == self.model
    }
}

/// The access counters of one layer, in the order of the hardware's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Multiply-accumulates of the layer.
    pub macs: Pair,
    /// Cycles in which the array works.
    pub compute_cycles: Pair,
    /// Cycles of the W loader.
    pub w_cycles: Pair,
    /// Weights sent into the array.
    pub w_words: Pair,
    /// Cycles of the I loader.
    pub i_cycles: Pair,
    /// Inputs sent into the array.
    pub i_words: Pair,
    /// Writes of inputs into buffers.
    pub i_writes: Pair,
    /// Cycles of the drain.
    pub drain_cycles: Pair,
    /// Partial sums drained.
    pub psum_words: Pair,
    /// Sums read back from level 2.
    pub acc_reads: Pair,
    /// Words read off-chip.
    pub read_beats: Pair,
    /// Words written off-chip.
    pub write_beats: Pair,
}

impl Counters {
    /// Names and values, in order.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Pair); 12] {
        [
            ("macs", self.macs),
            ("compute_cycles", self.compute_cycles),
            ("w_cycles", self.w_cycles),
            ("w_words", self.w_words),
            ("i_cycles", self.i_cycles),
            ("i_words", self.i_words),
            ("i_writes", self.i_writes),
            ("drain_cycles", self.drain_cycles),
            ("psum_words", self.psum_words),
            ("acc_reads", self.acc_reads),
            ("read_beats", self.read_beats),
            ("write_beats", self.write_beats),
        ]
    }
}

/// The first output byte of a layer that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Position in the batch.
    pub n: u64,
    /// Group.
    pub g: u64,
    /// Output channel within the group.
    pub k: u64,
    /// Output row.
    pub y: u64,
    /// Output column.
    pub x: u64,
    /// Its byte address in off-chip memory.
    pub address: u64,
    /// What the hardware left there.
    pub rtl: i64,
    /// What the golden model gives.
    pub expected: i64,
    /// Whether the hardware wrote the word at all.
    pub written: bool,
}

/// One layer of a simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Name of the layer.
    pub name: String,
    /// Kind of the layer.
    pub kind: String,
    /// Multiply-accumulates that the layer's mathematics needs.
    pub macs: u64,
    /// Whether the hardware finished the layer.
    pub finished: bool,
    /// Output bytes compared.
    pub elements: u64,
    /// Output bytes that differ.
    pub mismatches: u64,
    /// The first of them.
    pub first_mismatch: Option<Mismatch>,
    /// Cycles from the end of the previous layer to the end of this one.
    pub cycles: Pair,
    /// Access counters.
    pub counters: Counters,
}

/// Sums over all layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Output bytes that differ.
    pub mismatches: u64,
    /// Counters of layers that differ.
    pub counter_differences: u64,
    /// Cycles from start to done.
    pub cycles: Pair,
}

/// The result of a simulation: the `sim` document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Hash of the design, sixteen hexadecimal digits.
    pub design: String,
    /// The simulator.
    pub simulator: String,
    /// Latency of the simulated memory.
    pub latency: u64,
    /// Percentage of stalled cycles of each memory channel; above 0, bits decide and cycles may only grow.
    pub stall: u64,
    /// Seed of the stalls and of the initial content of registers without reset.
    pub seed: u64,
    /// Whether the hardware reported to be done.
    pub finished: bool,
    /// The verdict.
    pub pass: bool,
    /// Violations of bus protocols, error flags, watchdog: each an error in itself.
    pub errors: Vec<String>,
    /// The layers, in order of execution.
    pub layers: Vec<LayerReport>,
    /// Sums.
    pub total: Total,
}

impl Report {
    /// The verdict as an error.
    ///
    /// # Errors
    /// `E0301` with the first difference, unless the run passed.
    pub fn check(&self) -> Result<()> {
        if self.pass {
            return Ok(());
        }
        let (what, place) = self.first_difference();
        let error =
            Diagnostic::new(Code::CheckFailed, what).expected("the bits, cycles and counters that the model predicts");
        Err(match place {
            Some(layer) => error.at(format!("layer `{layer}`")),
            None => error,
        })
    }

    /// What differs first, errors before bits before cycles before counters, and in which layer.
    #[must_use]
    pub fn first_difference(&self) -> (String, Option<&str>) {
        if let Some(error) = self.errors.first() {
            return (error.clone(), None);
        }
        let find = |differs: &dyn Fn(&&LayerReport) -> bool| self.layers.iter().find(differs);
        if let Some((layer, m)) = find(&|l| l.mismatches > 0).and_then(|l| Some((l, l.first_mismatch?))) {
            let what = format!(
                "{} of {} outputs differ, the first at n {}, g {}, k {}, y {}, x {}: hardware {}, golden model {}{}",
                layer.mismatches,
                layer.elements,
                m.n,
                m.g,
                m.k,
                m.y,
                m.x,
                m.rtl,
                m.expected,
                if m.written { "" } else { " (never written)" }
            );
            return (what, Some(&layer.name));
        }
        if let Some(layer) = find(&|l| !l.cycles.agree() && self.stall == 0) {
            let Pair { rtl, model } = layer.cycles;
            return (
                format!("the hardware took {rtl} cycles, the model says {model}"),
                Some(&layer.name),
            );
        }
        for layer in &self.layers {
            for (name, pair) in layer.counters.named() {
                if !pair.agree() && self.stall == 0 {
                    let Pair { rtl, model } = pair;
                    return (
                        format!("the hardware's counter `{name}` says {rtl}, the model {model}"),
                        Some(&layer.name),
                    );
                }
            }
        }
        let Pair { rtl, model } = self.total.cycles;
        (
            format!("the hardware took {rtl} cycles in total, the model says {model}"),
            None,
        )
    }
}

/// A part of off-chip memory to save after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Byte address.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// File to write.
    pub file: PathBuf,
}

/// What simulates a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Simulator {
    /// Verilator, with the bench in C++.
    #[default]
    Verilator,
    /// Icarus Verilog, with the bench in Verilog: hundreds of times slower, and an independent opinion on the language.
    Icarus,
}

/// How to run a bench.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The simulator.
    pub simulator: Simulator,
    /// Percentage of stalled cycles of each memory channel.
    pub stall: u32,
    /// Seed of the stalls and of the initial content of registers without reset.
    pub seed: u64,
    /// Memory latency, if not the design's.
    pub latency: Option<u32>,
    /// Give up after that many cycles, if not at the bench's own limit.
    pub max_cycles: Option<u64>,
    /// Judge and report one layer alone.
    pub layer: Option<String>,
    /// Whether outputs are compared with the recorded ones.
    pub compare: bool,
    /// Files put into memory before the run, after the folder's own.
    pub loads: Vec<(u64, PathBuf)>,
    /// Memory saved after the run.
    pub dumps: Vec<Dump>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            simulator: Simulator::default(),
            stall: 0,
            seed: 1,
            latency: None,
            max_cycles: None,
            layer: None,
            compare: true,
            loads: Vec::new(),
            dumps: Vec::new(),
        }
    }
}

/// What a bench printed and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The table for people.
    pub text: String,
    /// The result.
    pub report: Report,
}

/// A generated folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    cache: Option<PathBuf>,
    quick: bool,
}

impl Folder {
    /// The folder at `path`.
    ///
    /// # Errors
    /// `E0101` if it is not one that the generator wrote.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        for file in ["naas.f", "Makefile", "manifest.txt"] {
            if !path.join(file).is_file() {
                return Err(Diagnostic::new(Code::Unreadable, format!("the folder has no `{file}`"))
                    .at(path.display().to_string())
                    .expected("a folder that `naas gen` wrote")
                    .next("generate it with `naas gen --out DIR`"));
            }
        }
        Ok(Self {
            path,
            cache: None,
            quick: false,
        })
    }

    /// Shares what does not depend on the design with other folders through `cache`, as [`CACHE_VARIABLE`] does.
    #[must_use]
    pub fn cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = Some(cache.into());
        self
    }

    /// Compiles the bench without optimisation: small designs are then built and run in the least time altogether.
    #[must_use]
    pub const fn quick(mut self) -> Self {
        self.quick = true;
        self
    }

    /// Lints the Verilog with Verilator and Icarus; one warning is a failure.
    ///
    /// # Errors
    /// `E0401` if a tool is missing, `E0402` with what they say.
    pub fn lint(&self) -> Result<()> {
        for tool in ["verilator", "iverilog"] {
            find_tool(tool)?;
        }
        self.make(&["lint"]).map(drop)
    }

    /// Builds the bench if it is missing or older than its sources.
    ///
    /// # Errors
    /// `E0401` if a tool is missing, `E0402` if one fails.
    pub fn build(&self) -> Result<()> {
        for tool in ["verilator", "g++"] {
            find_tool(tool)?;
        }
        self.make(&["build"]).map(drop)
    }

    /// Builds the bench and runs it. A run that differs from the prediction is an [`Outcome`], not an error: see
    /// [`Report::check`].
    ///
    /// # Errors
    /// `E0401` if a tool is missing, `E0402` if one fails, `E0204` if manifest or control table belong to another design,
    /// `E0102` if the bench refuses its input.
    pub fn run(&self, options: &Options) -> Result<Outcome> {
        let scratch = tempfile::tempdir()
            .map_err(|e| Diagnostic::new(Code::Unwritable, format!("cannot create a temporary folder: {e}")))?;
        let json = scratch.path().join("sim.json");
        let mut command = match options.simulator {
            Simulator::Verilator => self.verilator(options, &json)?,
            Simulator::Icarus => self.icarus(options, &json)?,
        };
        let output = start(&mut command)?;
        match output.status.code() {
            Some(0 | 1) => {
                let text = std::fs::read_to_string(&json).map_err(|_| failed("bench", &output))?;
                let report = serde_json::from_str(&text).map_err(|_| failed("bench", &output))?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                Ok(Outcome { text, report })
            }
            _ => Err(self.explain(&output)),
        }
    }

    /// Why a bench that gave no verdict ended.
    pub(crate) fn explain(&self, output: &Output) -> Diagnostic {
        match output.status.code() {
            Some(2) => self.refused(Code::Malformed, output),
            Some(4) => self
                .refused(Code::HashMismatch, output)
                .next("generate the folder again with `naas gen`"),
            _ => failed("bench", output),
        }
    }

    /// The bench, built, as a command without arguments.
    ///
    /// # Errors
    /// As [`Folder::build`].
    pub(crate) fn bench(&self) -> Result<Command> {
        self.build()?;
        Ok(Command::new(self.path.join("build/naas-bench")))
    }

    fn verilator(&self, options: &Options, json: &Path) -> Result<Command> {
        let mut command = self.bench()?;
        command
            .args(arguments(options))
            .arg("--json")
            .arg(json)
            .arg(self.path.join("manifest.txt"));
        Ok(command)
    }

    fn icarus(&self, options: &Options, json: &Path) -> Result<Command> {
        for tool in ["iverilog", "vvp"] {
            find_tool(tool)?;
        }
        self.make(&["build-icarus"])?;
        let mut command = Command::new("vvp");
        command.current_dir(&self.path).arg("-N").arg("build/naas.vvp");
        command.args(plus_arguments(options)?);
        let mut json_argument = OsString::from("+json=");
        json_argument.push(json);
        command.arg(json_argument);
        Ok(command)
    }

    fn refused(&self, code: Code, output: &Output) -> Diagnostic {
        let text = String::from_utf8_lossy(&output.stderr);
        let what = text.trim().trim_start_matches("error: ").to_owned();
        Diagnostic::new(code, what).at(self.path.display().to_string())
    }

    fn make(&self, targets: &[&str]) -> Result<Output> {
        find_tool("make")?;
        let mut command = Command::new("make");
        command.arg("-C").arg(&self.path).args(targets);
        if let Some(cache) = &self.cache {
            command.env(CACHE_VARIABLE, cache);
        }
        if self.quick {
            command.arg("OPT=-O0");
        }
        let output = start(&mut command)?;
        if output.status.success() {
            Ok(output)
        } else {
            Err(failed(&format!("make {}", targets.join(" ")), &output).at(self.path.display().to_string()))
        }
    }
}

/// Finds an outside tool on the search path.
///
/// # Errors
/// `E0401` if it is not there.
pub fn find_tool(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(&path, name).ok_or_else(|| {
        Diagnostic::new(Code::ToolMissing, format!("`{name}` is not installed"))
            .expected("the program on the search path")
            .next("run `make setup`, which installs what is missing")
    })
}

fn find_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The bench's command line for `options`, without manifest and result.
fn arguments(options: &Options) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut add = |words: &[&OsStr]| arguments.extend(words.iter().map(|&w| w.to_owned()));
    let text = |n: u64| OsString::from(n.to_string());
    if options.stall > 0 {
        add(&["--stall".as_ref(), &text(options.stall.into())]);
    }
    add(&["--seed".as_ref(), &text(options.seed)]);
    if let Some(latency) = options.latency {
        add(&["--latency".as_ref(), &text(latency.into())]);
    }
    if let Some(cycles) = options.max_cycles {
        add(&["--max-cycles".as_ref(), &text(cycles)]);
    }
    if let Some(layer) = &options.layer {
        add(&["--layer".as_ref(), layer.as_ref()]);
    }
    if !options.compare {
        add(&["--no-compare".as_ref()]);
    }
    for (address, file) in &options.loads {
        add(&["--load".as_ref(), &text(*address), file.as_ref()]);
    }
    for dump in &options.dumps {
        add(&["--dump".as_ref(), &text(dump.address), &text(dump.length)]);
        add(&[dump.file.as_ref()]);
    }
    arguments
}

/// The Verilog bench's command line for `options`, without result.
fn plus_arguments(options: &Options) -> Result<Vec<String>> {
    if !options.compare || !options.loads.is_empty() || !options.dumps.is_empty() || options.layer.is_some() {
        return Err(Diagnostic::new(
            Code::Unsupported,
            "under Icarus, all layers run with their recorded data",
        )
        .next("use Verilator"));
    }
    let mut arguments = vec![format!("+seed={}", options.seed % (1 << 31))];
    if options.stall > 0 {
        arguments.push(format!("+stall={}", options.stall));
    }
    if let Some(latency) = options.latency {
        arguments.push(format!("+latency={latency}"));
    }
    if let Some(cycles) = options.max_cycles {
        arguments.push(format!("+max_cycles={cycles}"));
    }
    Ok(arguments)
}

fn start(command: &mut Command) -> Result<Output> {
    command.output().map_err(|e| {
        let program = Path::new(command.get_program()).display().to_string();
        Diagnostic::new(Code::ToolFailed, format!("cannot start `{program}`: {e}"))
    })
}

/// An error with the end of what a tool printed.
fn failed(tool: &str, output: &Output) -> Diagnostic {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let status = match output.status.code() {
        Some(code) => format!("exit status {code}"),
        None => "a signal".to_owned(),
    };
    Diagnostic::new(
        Code::ToolFailed,
        format!("`{tool}` ended with {status}; the end of its output:\n{tail}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let layer = |name: &str| LayerReport {
            name: name.into(),
            kind: "conv".into(),
            macs: 10,
            finished: true,
            elements: 4,
            mismatches: 0,
            first_mismatch: None,
            cycles: Pair { rtl: 5, model: 5 },
            counters: Counters::default(),
        };
        Report {
            design: "00".into(),
            simulator: "verilator".into(),
            latency: 64,
            stall: 0,
            seed: 1,
            finished: true,
            pass: false,
            errors: Vec::new(),
            layers: vec![layer("a"), layer("b")],
            total: Total {
                mismatches: 0,
                counter_differences: 0,
                cycles: Pair { rtl: 10, model: 10 },
            },
        }
    }

    #[test]
    fn differences_in_order_of_weight() {
        let mut r = report();
        r.total.cycles.rtl = 11;
        assert!(r.first_difference().0.contains("11 cycles in total"));
        r.layers[1].counters.w_words.rtl = 3;
        assert_eq!(
            r.first_difference(),
            (
                "the hardware's counter `w_words` says 3, the model 0".to_owned(),
                Some("b")
            )
        );
        r.layers[1].cycles.rtl = 6;
        assert!(r.first_difference().0.contains("took 6 cycles"));
        r.layers[0].mismatches = 1;
        r.layers[0].first_mismatch = Some(Mismatch {
            n: 0,
            g: 0,
            k: 3,
            y: 1,
            x: 2,
            address: 64,
            rtl: -1,
            expected: 7,
            written: false,
        });
        let error = r.check().unwrap_err();
        assert_eq!(error.code, Code::CheckFailed);
        assert!(
            error
                .what
                .contains("k 3, y 1, x 2: hardware -1, golden model 7 (never written)")
        );
        assert_eq!(error.place.as_deref(), Some("layer `a`"));
        r.errors.push("watchdog".into());
        assert_eq!(r.first_difference(), ("watchdog".to_owned(), None));
        r.pass = true;
        assert!(r.check().is_ok());
    }

    #[test]
    fn missing_tools_are_named() {
        assert_eq!(find_in(OsStr::new("/nowhere"), "verilator"), None);
        let error = find_tool("no-such-tool").unwrap_err();
        assert_eq!(error.code, Code::ToolMissing);
        assert!(error.to_string().contains("make setup"));
    }

    #[test]
    fn command_line() {
        let options = Options {
            stall: 5,
            latency: Some(9),
            compare: false,
            loads: vec![(16, "x.bin".into())],
            ..Options::default()
        };
        let words = arguments(&options);
        let words: Vec<_> = words.iter().filter_map(|w| w.to_str()).collect();
        assert_eq!(
            words.join(" "),
            "--stall 5 --seed 1 --latency 9 --no-compare --load 16 x.bin"
        );
    }

    #[test]
    fn foreign_folders_are_refused() {
        let error = Folder::open("/nowhere").unwrap_err();
        assert_eq!(error.code, Code::Unreadable);
    }
}
