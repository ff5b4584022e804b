//! What stands beside the Verilog for the flows around it: register map, C header, FuseSoC core, timing constraints.

use crate::rtl::program::COUNTERS;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One register of the host's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Name.
    pub name: &'static str,
    /// Byte address.
    pub address: u32,
    /// `r`, `w` or `r/w`.
    pub access: &'static str,
    /// Meaning.
    pub doc: &'static str,
    /// Bits with a meaning of their own: position and name.
    pub bits: &'static [(u32, &'static str)],
}

const fn register(name: &'static str, address: u32, access: &'static str, doc: &'static str) -> Register {
    Register {
        name,
        address,
        access,
        doc,
        bits: &[],
    }
}

/// The register map without the counters; the header of `naas_axil.v` says the same to readers of the Verilog.
pub const REGISTERS: [Register; 12] = [
    register("ID", 0x00, "r", "0x5341414E (NAAS, little-endian)"),
    register("VERSION", 0x04, "r", "version of the register map"),
    register("HASH_LO", 0x08, "r", "design hash, low word"),
    register("HASH_HI", 0x0C, "r", "design hash, high word"),
    Register {
        bits: &[(0, "START")],
        ..register("CTRL", 0x10, "w", "commands")
    },
    Register {
        bits: &[
            (0, "BUSY"),
            (1, "DONE"),
            (2, "BUS_ERROR"),
            (3, "HASH_MISMATCH"),
            (4, "CYCLE_MISMATCH"),
        ],
        ..register("STATUS", 0x14, "r", "state of the accelerator")
    },
    register("TABLE", 0x18, "r/w", "byte address of the control table"),
    register("LAYERS", 0x1C, "r/w", "number of layers to run"),
    register("RECORDS", 0x20, "r/w", "byte address of the records, one per layer"),
    register("LAYER", 0x24, "r", "index of the current layer"),
    register("CYCLES_LO", 0x28, "r", "cycles since start, low word"),
    register("CYCLES_HI", 0x2C, "r", "cycles since start, high word"),
];

/// Byte address of the first counter; each has a low and a high word.
pub const COUNTER_BASE: u32 = 0x40;

/// The register map as JSON, counters included.
#[must_use]
pub fn register_map() -> Value {
    let fixed = REGISTERS.iter().map(|r| {
        let bits: serde_json::Map<String, Value> =
            r.bits.iter().map(|(bit, name)| ((*name).into(), json!(bit))).collect();
        json!({"name": r.name, "address": r.address, "access": r.access, "doc": r.doc, "bits": bits})
    });
    let counters = COUNTERS
        .iter()
        .zip((COUNTER_BASE..).step_by(8))
        .flat_map(|(name, address)| {
            ["LO", "HI"]
                .into_iter()
                .zip([address, address + 4])
                .map(move |(half, address)| {
                    json!({"name": format!("{}_{half}", name.to_uppercase()), "address": address, "access": "r",
                   "doc": format!("counter {name}"), "bits": {}})
                })
        });
    json!({"data_bits": 32, "address_bits": 8, "registers": fixed.chain(counters).collect::<Vec<_>>()})
}

/// The same as a C header.
#[must_use]
pub fn header(hash: u64) -> String {
    let mut out = format!(
        "/* Registers of the accelerator {hash:016x}: byte offsets from its AXI4-Lite base, and bits. */\n\
         #ifndef NAAS_REGISTERS_H\n#define NAAS_REGISTERS_H\n\n#define NAAS_DESIGN_HASH 0x{hash:016x}ULL\n\n"
    );
    for r in &REGISTERS {
        let _ = writeln!(
            out,
            "#define NAAS_{} 0x{:02x} /* {}: {} */",
            r.name, r.address, r.access, r.doc
        );
        for (bit, name) in r.bits {
            let _ = writeln!(out, "#define NAAS_{}_{name} (1u << {bit})", r.name);
        }
    }
    out.push('\n');
    for (name, address) in COUNTERS.iter().zip((COUNTER_BASE..).step_by(8)) {
        let _ = writeln!(
            out,
            "#define NAAS_COUNT_{} 0x{address:02x} /* r: low word; the high word follows */",
            name.to_uppercase()
        );
    }
    out + "\n#endif\n"
}

/// A FuseSoC core file: targets with the memories of a simulator, an FPGA, or black boxes.
#[must_use]
pub fn fusesoc(version: &str, verilog: &[String]) -> String {
    let mut out = format!(
        "CAPI=2:\nname: naas:accelerator:naas_top:{version}\ndescription: Neural-network accelerator\n\nfilesets:\n"
    );
    let mut fileset = |name: &str, files: &[String]| {
        let _ = write!(out, "  {name}:\n    files:\n");
        for file in files {
            let _ = writeln!(out, "      - {file}");
        }
        out.push_str("    file_type: verilogSource-2005\n");
    };
    fileset("rtl", verilog);
    for (name, files) in [
        ("mem_sim", &["sim/naas_mem.v"][..]),
        ("mem_fpga", &["fpga/naas_mem.v"]),
        ("mem_asic", &["asic/naas_mem.v", "asic/naas_mem_macro.v"]),
    ] {
        let files: Vec<String> = files.iter().map(|f| format!("mem/{f}")).collect();
        fileset(name, &files);
    }
    out.push_str("\ntargets:\n  default: &default\n    filesets: [rtl, mem_fpga]\n    toplevel: naas_top\n");
    for target in ["sim", "fpga", "asic"] {
        let _ = write!(
            out,
            "  {target}:\n    <<: *default\n    filesets: [rtl, mem_{target}]\n"
        );
    }
    out.push_str("  lint:\n    <<: *default\n    filesets: [rtl, mem_sim]\n    default_tool: verilator\n");
    out.push_str("    tools:\n      verilator:\n        mode: lint-only\n        verilator_options: [-Wall]\n");
    out
}

/// Timing constraints: one clock, asynchronous reset, a fifth of the period on either side of the ports.
#[must_use]
pub fn constraints() -> String {
    "# Timing constraints: one clock. Set NAAS_PERIOD (in the library's unit of time) before reading this.\n\
     if {![info exists NAAS_PERIOD]} { set NAAS_PERIOD 2.0 }\n\
     create_clock -name clk -period $NAAS_PERIOD [get_ports clk_i]\n\
     set_input_delay [expr 0.2 * $NAAS_PERIOD] -clock clk [all_inputs]\n\
     set_output_delay [expr 0.2 * $NAAS_PERIOD] -clock clk [all_outputs]\n\
     set_false_path -from [get_ports rst_ni]\n"
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Verilog's header is what the map was written from: each line of it is a register of the same address and access.
    #[test]
    fn the_verilog_says_the_same() {
        let text = include_str!("../../templates/lib/naas_axil.v");
        for r in &REGISTERS {
            // The two words of the cycle counter stand in one line.
            let name = r.name.trim_end_matches("_LO");
            let name = if r.name.starts_with("HASH") { r.name } else { name };
            let line = if r.name == "CYCLES_HI" {
                assert!(text.contains("0x2C high word"));
                continue;
            } else {
                text.lines()
                    .find(|l| l.contains(&format!("0x{:02X} {name} ", r.address)))
            };
            let line = line.unwrap_or_else(|| panic!("{} is not in the header", r.name));
            assert!(line.split_whitespace().any(|w| w == r.access), "{line}");
        }
        assert!(text.contains("0x40 COUNTERS"));
    }

    #[test]
    fn header_and_map_hold_every_counter() {
        let (header, map) = (header(0x12), register_map());
        assert!(header.contains("#define NAAS_STATUS_DONE (1u << 1)"));
        assert!(header.contains("#define NAAS_COUNT_WRITE_BEATS 0x98 "));
        assert_eq!(
            map["registers"].as_array().unwrap().len(),
            REGISTERS.len() + 2 * COUNTERS.len()
        );
    }

    #[test]
    fn core_file_names_every_source() {
        let core = fusesoc("1.2.3", &["rtl/naas_top.v".into()]);
        assert!(core.starts_with("CAPI=2:\n") && core.contains("      - rtl/naas_top.v\n"));
        assert!(constraints().contains("create_clock"));
    }
}
