//! What stands beside the Verilog for the flows around it: register map (JSON, C, SystemRDL), FuseSoC core, timing constraints.

use crate::mapping::schedule::RECORD_BYTES;
use crate::rtl::hardware::{COUNTERS, Features};
use crate::rtl::program::Program;
use crate::rtl::render::REGISTER_VERSION;
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

/// What the ID register reads: "NAAS", little-endian.
pub const ID: u32 = u32::from_le_bytes(*b"NAAS");

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
    register("LAYERS", 0x1C, "r/w", "number of layers to run, 16 bits"),
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

/// Words of a record of 64 bits each, by position: what the hardware writes to memory after every layer.
const RECORD_WORDS: [(&str, u32, &str); 4] = [
    ("LAYER", 0, "index of the layer"),
    ("CYCLES", 1, "cycles from the start to the end of the layer"),
    ("COUNTERS", 2, "the access counters so far"),
    (
        "FLAGS",
        14,
        "bit 0: this or an earlier layer took other cycles than predicted",
    ),
];

/// The register map and the layout of records as a C header; the same for all designs.
#[must_use]
pub fn header() -> String {
    let mut out = format!(
        "/* Registers of an accelerator: byte offsets from its AXI4-Lite base, and bits. */\n\
         #ifndef NAAS_REGISTERS_H\n#define NAAS_REGISTERS_H\n\n\
         #define NAAS_ID_VALUE 0x{ID:08x}u\n#define NAAS_VERSION_VALUE {REGISTER_VERSION}u\n\n"
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
    let _ = write!(
        out,
        "\n#define NAAS_COUNTERS {}\n#define NAAS_COUNTER_BASE 0x{COUNTER_BASE:02x}\n",
        COUNTERS.len()
    );
    for (name, address) in COUNTERS.iter().zip((COUNTER_BASE..).step_by(8)) {
        let _ = writeln!(
            out,
            "#define NAAS_COUNT_{} 0x{address:02x} /* r: low word; the high word follows */",
            name.to_uppercase()
        );
    }
    let _ = write!(
        out,
        "\n/* The record of a layer in memory: 64-bit words, little-endian. */\n#define NAAS_RECORD_BYTES {RECORD_BYTES}\n"
    );
    for (name, word, doc) in RECORD_WORDS {
        let _ = writeln!(out, "#define NAAS_RECORD_{name} {word} /* {doc} */");
    }
    out + "\n#endif\n"
}

/// What a host must know of one design and of the network in its folder, as a C header.
#[must_use]
pub fn design_header(unit: Features, p: &Program) -> String {
    let mut out = format!(
        "/* The accelerator {hash:016x}, and the network that lies in this folder. */\n\
         #ifndef NAAS_DESIGN_H\n#define NAAS_DESIGN_H\n\n#define NAAS_DESIGN_HASH 0x{hash:016x}ULL\n",
        hash = p.hash
    );
    let tie_window = u32::from(unit.tie_window);
    for (name, value, doc) in [
        ("DESIGN_BUS_BYTES", p.bus, "width of the data port"),
        (
            "DESIGN_MULTIPLIER_BITS",
            unit.multiplier_bits.into(),
            "of an output unit; 24 runs no TFLite scales",
        ),
        (
            "DESIGN_TIE_WINDOW",
            tie_window.into(),
            "1 if output units can round as float32 does",
        ),
        (
            "DESIGN_DIGITS",
            unit.digits.into(),
            "1 if weights may have two digits, as additions need",
        ),
        (
            "DESIGN_MAXIMUM",
            unit.maximum.into(),
            "1 if the array seeks the greatest input of a window, as max pooling needs",
        ),
        ("NETWORK_TABLE", p.table, "address of table.bin"),
        ("NETWORK_LAYERS", p.layers.len() as u64, "layers in it"),
        ("NETWORK_WEIGHTS", p.weights.address, "address of weights.bin"),
        ("NETWORK_RECORDS", p.records, "address of the records"),
        (
            "NETWORK_MEMORY_BYTES",
            p.memory_bytes,
            "memory that all of it takes, from address 0 on",
        ),
        ("NETWORK_CYCLES", p.total_cycles, "predicted from start to done"),
    ] {
        let _ = writeln!(out, "#define NAAS_{name} {value}u /* {doc} */");
    }
    out + "\n#endif\n"
}

/// The register map in SystemRDL 2.0.
#[must_use]
pub fn system_rdl() -> String {
    let mut out = String::from(
        "// Registers of an accelerator.\naddrmap naas {\n    default regwidth = 32;\n    default hw = na;\n",
    );
    let mut reg = |name: &str, address: u32, access: &str, doc: &str, fields: &[(String, Option<u32>)]| {
        let access = if access == "r/w" { "rw" } else { access };
        let _ = write!(
            out,
            "\n    reg {{\n        desc = \"{doc}\";\n        default sw = {access};\n"
        );
        for (field, reset) in fields {
            let reset = reset.map_or_else(String::new, |v| format!(" = 32'h{v:08x}"));
            let _ = writeln!(out, "        field {{}} {field}{reset};");
        }
        let _ = writeln!(out, "    }} {name} @ 0x{address:02x};");
    };
    for r in &REGISTERS {
        let reset = match r.name {
            "ID" => Some(ID),
            "VERSION" => Some(REGISTER_VERSION),
            _ => None,
        };
        let fields: Vec<_> = match r.bits {
            [] => vec![("VALUE[31:0]".to_owned(), reset)],
            bits => bits
                .iter()
                .map(|(bit, name)| (format!("{name}[{bit}:{bit}]"), None))
                .collect(),
        };
        reg(r.name, r.address, r.access, r.doc, &fields);
    }
    for (name, address) in COUNTERS.iter().zip((COUNTER_BASE..).step_by(8)) {
        for (half, offset) in [("LO", 0), ("HI", 4)] {
            let register = format!("{}_{half}", name.to_uppercase());
            let doc = format!("counter {name}");
            reg(
                &register,
                address + offset,
                "r",
                &doc,
                &[("VALUE[31:0]".to_owned(), None)],
            );
        }
    }
    out + "};\n"
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

    /// The Verilog says the same three times over: in the text of its header, in the addresses that it decodes, and in the
    /// bits of its status.
    #[test]
    fn the_verilog_says_the_same() {
        let text = include_str!("../../templates/lib/naas_axil.v");
        let mut documented: Vec<(u32, &str)> = Vec::new();
        for line in text.lines().take_while(|l| l.starts_with("//")) {
            let words: Vec<&str> = line.trim_start_matches("//").split_whitespace().collect();
            if let [address, name, access, ..] = words[..]
                && let Some(hex) = address.strip_prefix("0x")
            {
                let address = u32::from_str_radix(hex, 16).unwrap();
                documented.push((address, name));
                if name == "COUNTERS" {
                    assert_eq!(address, COUNTER_BASE);
                    continue;
                }
                // The two words of the cycle counter stand in one line.
                let own = REGISTERS.iter().find(|r| r.address == address).unwrap();
                assert_eq!(
                    (own.name.replace("CYCLES_LO", "CYCLES"), own.access),
                    (name.to_owned(), access)
                );
            }
        }
        assert_eq!(documented.len(), REGISTERS.len());
        assert!(text.contains("0x2C high word"));

        let decoded: Vec<(u32, &str)> = text
            .split(';')
            .filter_map(|statement| statement.split_once("localparam [5:0] "))
            .flat_map(|(_, words)| words.split(','))
            .filter_map(|word| word.split_once(" = 6'h"))
            .map(|(name, word)| (4 * u32::from_str_radix(word, 16).unwrap(), name.trim()))
            .collect();
        let verilog_name = |r: &Register| r.name.replace("VERSION", "VERS").replace("CYCLES", "CYCLE");
        let map: Vec<(u32, String)> = REGISTERS.iter().map(|r| (r.address, verilog_name(r))).collect();
        assert!(map.iter().map(|(a, n)| (*a, n.as_str())).eq(decoded));

        let status = REGISTERS.iter().find(|r| r.name == "STATUS").unwrap();
        let line = text.lines().find(|l| l.contains("0x14 STATUS")).unwrap();
        for (bit, name) in status.bits {
            let words = name.to_lowercase().replace('_', " ");
            assert!(line.contains(&format!("{bit} {words}")), "{bit} {words}");
        }
        assert!(line.ends_with(&format!("{} cycle mismatch", status.bits.len() - 1)));
        assert!(text.contains(&format!("0x{ID:08X}")));
    }

    /// Whoever reads one of the three finds the same registers at the same addresses.
    #[test]
    fn header_map_and_system_rdl_hold_every_register() {
        let (header, map, rdl) = (header(), register_map(), system_rdl());
        assert!(header.contains("#define NAAS_STATUS_DONE (1u << 1)"));
        assert!(header.contains("#define NAAS_COUNT_WRITE_BEATS 0x98 "));
        let registers = map["registers"].as_array().unwrap();
        assert_eq!(registers.len(), REGISTERS.len() + 2 * COUNTERS.len());
        assert_eq!(rdl.matches("    reg {").count(), registers.len());
        for r in registers {
            let (name, address) = (r["name"].as_str().unwrap(), r["address"].as_u64().unwrap());
            assert!(rdl.contains(&format!("}} {name} @ 0x{address:02x};")), "{name}");
            for (bit, position) in r["bits"].as_object().unwrap() {
                assert!(header.contains(&format!("#define NAAS_{name}_{bit} (1u << {position})\n")));
                assert!(rdl.contains(&format!(" {bit}[{position}:{position}];")));
            }
        }
        let record_end = RECORD_WORDS.map(|(_, word, _)| word);
        assert_eq!(record_end[3] - record_end[2], COUNTERS.len() as u32);
    }

    #[test]
    fn core_file_names_every_source() {
        let core = fusesoc("1.2.3", &["rtl/naas_top.v".into()]);
        assert!(core.starts_with("CAPI=2:\n") && core.contains("      - rtl/naas_top.v\n"));
        assert!(constraints().contains("create_clock"));
    }
}
