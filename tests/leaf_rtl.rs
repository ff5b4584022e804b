//! The hole-free Verilog leaves, alone: lint, structural checks, benches; and the bench of generated folders, on a mock.
//!
//! Needs Verilator, Icarus and Yosys; without them the tests say so on stderr and pass.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use naas::base::diag::Code;
use naas::sim::verilator::{Dump, Folder, Options, Pair, Report, find_tool};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Whether all of `tools` are installed; says so loudly if not.
fn have(tools: &[&str]) -> bool {
    let missing: Vec<&str> = tools.iter().copied().filter(|t| find_tool(t).is_err()).collect();
    if !missing.is_empty() {
        eprintln!(
            "SKIPPED, NOTHING WAS TESTED: {} not installed; run `make setup`",
            missing.join(", ")
        );
    }
    missing.is_empty()
}

/// Where benches are built; kept between runs.
fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Runs `make -C rtl-tests TARGET`.
fn leaf(target: &str) {
    let output = Command::new("make")
        .args(["-C", "rtl-tests", target])
        .arg(format!("BUILD={}", scratch("leaf-rtl").display()))
        .arg(format!("NAAS_VERILATOR_CACHE={}", scratch("verilator-cache").display()))
        .current_dir(ROOT)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "make -C rtl-tests {target} failed:\n{text}");
}

#[test]
fn leaves_lint_without_warnings() {
    if have(&["make", "verilator", "iverilog"]) {
        leaf("lint");
    }
}

#[test]
fn leaves_pass_structural_checks() {
    if have(&["make", "yosys"]) {
        leaf("synth");
    }
}

#[test]
fn leaves_pass_their_benches() {
    if have(&["make", "verilator", "g++"]) {
        leaf("bench");
    }
}

/// The mock accelerator's folder: two layers that copy memory, with predictions in closed form.
struct Mock {
    folder: Folder,
    path: PathBuf,
}

/// Off-chip latency of the mock's prediction.
const LATENCY: u64 = 20;
/// Blocks of 16 bus words that each layer copies.
const BLOCKS: [u64; 2] = [3, 1];
const SOURCE: [u64; 2] = [0x1000, 0x5000];
const DESTINATION: [u64; 2] = [0x20000, 0x24000];

/// Cycles from the previous record to each layer's, and of the whole run: every step of the mock follows the other.
fn mock_cycles(bus: u64) -> ([u64; 2], u64) {
    let body = |blocks: u64| LATENCY + 64 / bus + blocks * (2 * LATENCY + 32);
    let record = 128 / bus + LATENCY;
    // The snapshot is taken in the last cycle of a body, which it does not count.
    (
        [body(BLOCKS[0]) - 1, record + body(BLOCKS[1])],
        body(BLOCKS[0]) + body(BLOCKS[1]) + 2 * record,
    )
}

/// Writes only what differs, so that builds of earlier runs stay valid.
fn update(file: &Path, text: &str) {
    if fs::read_to_string(file).ok().as_deref() != Some(text) {
        fs::write(file, text).unwrap();
    }
}

/// The mock's folder without program, built; one per bus width.
fn built(bus: u64) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let path = scratch(&format!("mock-{bus}"));
    let read = |file: &str| fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
    fs::create_dir_all(path.join("bench")).unwrap();
    for entry in fs::read_dir(Path::new(ROOT).join("templates/bench")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let to = if file == "Makefile" {
            file.clone()
        } else {
            format!("bench/{file}")
        };
        update(&path.join(to), &read(&format!("templates/bench/{file}")));
    }
    let top = read("rtl-tests/mock/naas_top.v")
        .replace("PREDICTED = 0", &format!("PREDICTED = {}", mock_cycles(bus).1))
        .replace("BUS_BYTES = 16", &format!("BUS_BYTES = {bus}"));
    update(&path.join("naas_top.v"), &top);
    update(&path.join("naas_axil.v"), &read("templates/lib/naas_axil.v"));
    for list in ["naas.f", "naas_fpga.f"] {
        update(&path.join(list), "naas_top.v\nnaas_axil.v\n");
    }
    update(&path.join("design.mk"), &format!("BUS_BYTES := {bus}\n"));
    update(&path.join("manifest.txt"), "");
    update(&path.join("naas_registers.h"), &naas::rtl::collateral::header());
    open(&path).build().unwrap();
    path
}

fn open(path: &Path) -> Folder {
    Folder::open(path).unwrap().cache(scratch("verilator-cache"))
}

impl Mock {
    /// A copy of the built folder, with a program.
    fn new(name: &str, bus: u64, fault: u8) -> Self {
        let path = scratch("mocks").join(name);
        let _ = fs::remove_dir_all(&path);
        let status = Command::new("cp")
            .arg("-a")
            .arg(built(bus))
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        write_program(&path, bus, fault);
        Self {
            folder: open(&path),
            path,
        }
    }

    fn run(&self, options: &Options) -> Report {
        self.folder.run(options).unwrap().report
    }
}

/// Manifest, control table and vectors.
fn write_program(path: &Path, bus: u64, fault: u8) {
    let (cycles, total) = mock_cycles(bus);
    let mut manifest = format!(
        "naas-bench 1\n# mock\nbus_bytes {bus}\nlatency {LATENCY}\nmemory_bytes 0x40000\nhash 0123456789abcdef\n\
         table 0\nrecords 0x30000\nlayers 2\ntotal_cycles {total}\npes 4\nload 0 table.bin\n"
    );
    let mut table = Vec::new();
    for i in 0..2 {
        let words = 16 * BLOCKS[i];
        let input: Vec<u8> = (0..words * bus).map(|n| (n * 37 + n / 256 * 11) as u8).collect();
        let output: Vec<u8> = input.iter().map(|b| b.wrapping_add(1)).collect();
        fs::write(path.join(format!("in{i}.bin")), input).unwrap();
        fs::write(path.join(format!("out{i}.bin")), output).unwrap();
        let fault = if i == 1 { u64::from(fault) } else { 0 };
        for word in [SOURCE[i], DESTINATION[i], words, fault] {
            table.extend_from_slice(&(word as u32).to_le_bytes());
        }
        table.resize(64 * (i + 1), 0);
        let (reads, macs) = (64 / bus + words, 64 / bus + words);
        writeln!(manifest, "load {} in{i}.bin", SOURCE[i]).unwrap();
        writeln!(manifest, "layer {i} layer{i} copy {macs} {}", cycles[i]).unwrap();
        for name in [
            "compute_cycles",
            "w_cycles",
            "w_words",
            "i_cycles",
            "i_words",
            "i_writes",
            "drain_cycles",
            "psum_words",
            "acc_reads",
        ] {
            writeln!(manifest, "counter {i} {name} 0").unwrap();
        }
        for (name, value) in [("macs", macs), ("read_beats", reads), ("write_beats", words)] {
            writeln!(manifest, "counter {i} {name} {value}").unwrap();
        }
        // One channel short of a word: the tail is not compared.
        writeln!(manifest, "shape {i} 1 1 {} 4 {}", bus - 1, words / 4).unwrap();
        writeln!(manifest, "expect {i} {} out{i}.bin", DESTINATION[i]).unwrap();
    }
    fs::write(path.join("table.bin"), table).unwrap();
    fs::write(path.join("manifest.txt"), manifest).unwrap();
}

fn tools() -> bool {
    have(&["make", "verilator", "g++"])
}

#[test]
fn bench_finds_bits_cycles_and_counters_equal() {
    if !tools() || !have(&["iverilog"]) {
        return;
    }
    for bus in [4, 16, 64] {
        let mock = Mock::new(&format!("mock-bus{bus}"), bus, 0);
        mock.folder.lint().unwrap();
        let report = mock.run(&Options::default());
        report.check().unwrap();
        let (cycles, total) = mock_cycles(bus);
        assert_eq!(report.design, "0123456789abcdef");
        assert_eq!(
            report.total.cycles,
            Pair {
                rtl: total,
                model: total
            }
        );
        for (layer, cycles) in report.layers.iter().zip(cycles) {
            assert_eq!(
                layer.cycles,
                Pair {
                    rtl: cycles,
                    model: cycles
                }
            );
            assert!(layer.elements > 0 && layer.finished);
        }
    }
}

#[test]
fn bench_sees_another_latency_and_stalls() {
    if !tools() {
        return;
    }
    let mock = Mock::new("mock-latency", 16, 0);
    let later = mock.run(&Options {
        latency: Some(LATENCY as u32 + 1),
        ..Options::default()
    });
    assert_eq!(later.check().unwrap_err().code, Code::CheckFailed);
    assert!(later.total.cycles.rtl > later.total.cycles.model && later.total.mismatches == 0);
    // A memory that stalls only costs time; one that is faster than predicted is noticed even then.
    let stalled = Options {
        stall: 30,
        seed: 3,
        ..Options::default()
    };
    let report = mock.run(&stalled);
    report.check().unwrap();
    assert!(report.total.cycles.rtl > report.total.cycles.model);
    let faster = mock.run(&Options {
        latency: Some(1),
        stall: 1,
        ..stalled
    });
    assert!(!faster.pass && faster.total.cycles.rtl < faster.total.cycles.model);
}

#[test]
fn bench_explains_a_wrong_byte() {
    if !tools() {
        return;
    }
    let mock = Mock::new("mock-byte", 16, 0);
    let input = mock.path.join("in1.bin");
    let mut bytes = fs::read(&input).unwrap();
    // Word 9 is y 2, x 1 of a 4 x 4 map; byte 15 is a tail channel.
    bytes[9 * 16 + 3] ^= 0x40;
    bytes[9 * 16 + 15] ^= 0x40;
    fs::write(&input, &bytes).unwrap();
    let report = mock.run(&Options::default());
    assert_eq!(report.total.mismatches, 1);
    let first = report.layers[1].first_mismatch.unwrap();
    assert_eq!((first.n, first.g, first.k, first.y, first.x), (0, 0, 3, 2, 1));
    assert_eq!(report.check().unwrap_err().code, Code::CheckFailed);
    // The other layer alone is right, and without comparison so is this one.
    let alone = Options {
        layer: Some("layer0".into()),
        ..Options::default()
    };
    mock.run(&alone).check().unwrap();
    // What was loaded last counts, and memory can be saved.
    bytes[9 * 16 + 3] ^= 0x40;
    let (fixed, saved) = (mock.path.join("fixed.bin"), mock.path.join("saved.bin"));
    fs::write(&fixed, &bytes).unwrap();
    let dump = Dump {
        address: DESTINATION[1],
        length: 16,
        file: saved.clone(),
    };
    let repaired = Options {
        loads: vec![(SOURCE[1], fixed)],
        dumps: vec![dump],
        ..Options::default()
    };
    mock.run(&repaired).check().unwrap();
    assert_eq!(
        fs::read(saved).unwrap(),
        bytes[..16].iter().map(|b| b.wrapping_add(1)).collect::<Vec<u8>>()
    );
}

#[test]
fn bench_catches_protocol_faults_and_hangs() {
    if !tools() {
        return;
    }
    let stalled = Options {
        stall: 60,
        ..Options::default()
    };
    for (fault, options, text) in [
        (1, Options::default(), "WLAST is 1 on beat 15 of 16"),
        (
            2,
            Options {
                max_cycles: Some(2000),
                ..Options::default()
            },
            "not done after 2000 cycles; in layer 1",
        ),
        (3, stalled, "AW changed while it waited"),
    ] {
        let mock = Mock::new("mock-fault", 16, fault);
        let report = mock.run(&options);
        assert!(
            report.errors.iter().any(|e| e.contains(text)),
            "fault {fault}: {:?}",
            report.errors
        );
        assert!(!report.pass);
    }
    // Addresses come from the control table: one beyond memory, one that makes a burst cross a 4 KiB boundary.
    for (source, text) in [
        (0x3F_F000_u32, "beyond the memory"),
        (0x1F80, "crosses a 4 KiB boundary"),
    ] {
        let mock = Mock::new("mock-fault", 16, 0);
        let table = mock.path.join("table.bin");
        let mut bytes = fs::read(&table).unwrap();
        bytes[..4].copy_from_slice(&source.to_le_bytes());
        fs::write(&table, bytes).unwrap();
        let report = mock.run(&Options::default());
        assert!(
            report.errors.iter().any(|e| e.contains(text)),
            "{source:x}: {:?}",
            report.errors
        );
    }
}

#[test]
fn bench_refuses_foreign_and_broken_manifests() {
    if !tools() {
        return;
    }
    let mock = Mock::new("mock-manifest", 16, 0);
    let file = mock.path.join("manifest.txt");
    let good = fs::read_to_string(&file).unwrap();
    for (from, to, code, text) in [
        (
            "hash 01",
            "hash 11",
            Code::HashMismatch,
            "the design's hash is 0123456789abcdef",
        ),
        (
            "bus_bytes 16",
            "bus_bytes 12",
            Code::Malformed,
            "`bus_bytes` is not a power of two",
        ),
        (
            "bus_bytes 16",
            "bus_bytes 8",
            Code::HashMismatch,
            "the design has a bus of 16 bytes",
        ),
        (
            "shape 0 1 1 15",
            "shape 0 1 1 17",
            Code::Malformed,
            "the expected output's size is not its shape's",
        ),
        ("latency 20", "latency x", Code::Malformed, "`x` is not a number"),
        ("load 0 table.bin", "load 0 lost.bin", Code::Malformed, "cannot open"),
        (
            "counter 0 macs",
            "counter 0 maps",
            Code::Malformed,
            "unknown counter `maps`",
        ),
        ("pes 4", "pes 4 5", Code::Malformed, "has `5` too much"),
        ("naas-bench 1", "naas-bench 2", Code::Malformed, "is not `naas-bench 1`"),
    ] {
        fs::write(&file, good.replace(from, to)).unwrap();
        let error = mock.folder.run(&Options::default()).unwrap_err();
        assert_eq!(error.code, code, "{from} -> {to}: {error}");
        assert!(error.what.contains(text), "{from} -> {to}: {error}");
    }
    fs::write(&file, good).unwrap();
    mock.run(&Options::default()).check().unwrap();
}
