//! Typed hardware to text: one view per template, rendered by Tera with delimiters that leave Verilog's braces alone.

use crate::arch::connectivity::{Datum, Link, link};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim;
use crate::rtl::counts::Counts;
use crate::rtl::descriptor_view::{self, DescriptorView};
use crate::rtl::hardware::Hardware;
use crate::rtl::storage::Storage;
use serde::Serialize;

/// Version of the register map, as the VERSION register reports it.
pub const REGISTER_VERSION: u32 = 1;

/// Leaves without holes, in the order of the file list.
pub const LEAVES: &[(&str, &str)] = &[
    ("naas_array.v", include_str!("../../templates/lib/naas_array.v")),
    ("naas_axil.v", include_str!("../../templates/lib/naas_axil.v")),
    ("naas_blocks.v", include_str!("../../templates/lib/naas_blocks.v")),
    ("naas_compute.v", include_str!("../../templates/lib/naas_compute.v")),
    ("naas_control.v", include_str!("../../templates/lib/naas_control.v")),
    ("naas_drain.v", include_str!("../../templates/lib/naas_drain.v")),
    ("naas_extent.v", include_str!("../../templates/lib/naas_extent.v")),
    ("naas_i_buf.v", include_str!("../../templates/lib/naas_i_buf.v")),
    ("naas_i_deal.v", include_str!("../../templates/lib/naas_i_deal.v")),
    ("naas_i_loader.v", include_str!("../../templates/lib/naas_i_loader.v")),
    ("naas_i_row.v", include_str!("../../templates/lib/naas_i_row.v")),
    ("naas_i_window.v", include_str!("../../templates/lib/naas_i_window.v")),
    ("naas_lanes.v", include_str!("../../templates/lib/naas_lanes.v")),
    ("naas_level2.v", include_str!("../../templates/lib/naas_level2.v")),
    ("naas_level2_o.v", include_str!("../../templates/lib/naas_level2_o.v")),
    ("naas_nest.v", include_str!("../../templates/lib/naas_nest.v")),
    ("naas_offset.v", include_str!("../../templates/lib/naas_offset.v")),
    (
        "naas_output_unit.v",
        include_str!("../../templates/lib/naas_output_unit.v"),
    ),
    ("naas_pe.v", include_str!("../../templates/lib/naas_pe.v")),
    ("naas_pick.v", include_str!("../../templates/lib/naas_pick.v")),
    ("naas_psum_buf.v", include_str!("../../templates/lib/naas_psum_buf.v")),
    ("naas_reader.v", include_str!("../../templates/lib/naas_reader.v")),
    ("naas_rotor.v", include_str!("../../templates/lib/naas_rotor.v")),
    ("naas_round24.v", include_str!("../../templates/lib/naas_round24.v")),
    ("naas_split.v", include_str!("../../templates/lib/naas_split.v")),
    ("naas_token.v", include_str!("../../templates/lib/naas_token.v")),
    ("naas_tree.v", include_str!("../../templates/lib/naas_tree.v")),
    ("naas_w_buf.v", include_str!("../../templates/lib/naas_w_buf.v")),
    ("naas_w_loader.v", include_str!("../../templates/lib/naas_w_loader.v")),
    ("naas_walker.v", include_str!("../../templates/lib/naas_walker.v")),
    ("naas_writer.v", include_str!("../../templates/lib/naas_writer.v")),
];

/// What scales sums in an output unit: with any rounding, and as float32 does alone. A design has one of them.
pub const SCALE_EXACT: &str = include_str!("../../templates/lib/scale/exact/naas_scale.v");
/// The other one.
pub const SCALE_FLOAT: &str = include_str!("../../templates/lib/scale/float/naas_scale.v");

/// The top module's template.
pub const TOP: &str = include_str!("../../templates/naas_top.v.tera");

/// View of `naas_top.v.tera`.
#[derive(Clone, Debug, Serialize)]
pub struct TopView {
    /// One line that says what the design is.
    pub title: String,
    /// Design hash, 16 hexadecimal digits.
    pub hash: String,
    /// What the array's links are, line by line.
    pub links: Vec<String>,
    /// Version of this program.
    pub version: String,
    /// Version of the register map.
    pub register_version: String,
    /// Highest bit of the bus data.
    pub bus_high: String,
    /// Highest bit of the write strobes.
    pub strb_high: String,
    /// AXI size code of a beat.
    pub bus_size: String,
    /// Local parameters.
    pub parameters: Vec<ParameterView>,
    /// Highest of the kept bits.
    pub stored_high: String,
    /// Fields of the descriptor.
    pub fields: Vec<FieldView>,
    /// Token counters.
    pub tokens: Vec<TokenView>,
}

/// One local parameter.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterView {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Meaning.
    pub doc: String,
}

/// One field of the descriptor.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// Name.
    pub name: String,
    /// Highest bit of its wire.
    pub high: String,
    /// What of the kept bits it is made of, highest first.
    pub terms: String,
    /// Meaning.
    pub doc: String,
}

/// One token counter.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// Instance name.
    pub instance: String,
    /// Tokens at a layer's begin.
    pub initial: String,
    /// Signal that gives one.
    pub give: String,
    /// Signal that takes one.
    pub take: String,
    /// Signal that says there is one.
    pub some: String,
}

impl TopView {
    /// The view of a design.
    #[must_use]
    pub fn new(hw: &Hardware, hash: u64) -> Self {
        let a = &hw.accelerator;
        let bus = a.offchip.bytes_per_cycle;
        let axes: Vec<String> = a
            .axes
            .iter()
            .map(|x| {
                format!(
                    "{}{}",
                    x.dims.iter().map(ToString::to_string).collect::<String>(),
                    x.size
                )
            })
            .collect();
        Self {
            title: format!("Accelerator with a {} array of {} PEs", axes.join(" x "), a.pes()),
            hash: format!("{hash:016x}"),
            links: links(hw),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            register_version: REGISTER_VERSION.to_string(),
            bus_high: (bus * 8 - 1).to_string(),
            strb_high: (bus - 1).to_string(),
            bus_size: bus.trailing_zeros().to_string(),
            parameters: hw
                .parameters()
                .into_iter()
                .map(|(name, value, doc)| ParameterView {
                    name: name.to_owned(),
                    value: value.to_string(),
                    doc: doc.to_owned(),
                })
                .chain(counts(hw))
                .collect(),
            stored_high: (Storage::of(hw, hash).stored() - 1).to_string(),
            fields: fields(hw, hash),
            tokens: tokens(hw),
        }
    }
}

/// Widths of the engines' counters. Of a list, what is named last is the lowest byte.
fn counts(hw: &Hardware) -> Vec<ParameterView> {
    let c = Counts::of(hw);
    let list = |bits: &[u32]| {
        let bytes: Vec<String> = bits.iter().rev().map(|b| format!("8'd{b}")).collect();
        format!("{{{}}}", bytes.join(", "))
    };
    let bounds = &hw.bounds;
    [
        (
            "[63:0] OFFCHIP_BITS",
            list(&bounds.trips),
            "bits of an off-chip trip count minus one: S R X Y C K N G",
        ),
        (
            "ADDRESS_BITS",
            bounds.address.to_string(),
            "bits of a beat's address in off-chip memory",
        ),
        (
            "POSITION_BITS",
            bounds.position.to_string(),
            "bits of a row or column of the padded input",
        ),
        (
            "[47:0] TRIP_BITS",
            list(&c.trips),
            "bits of a level-2 trip count minus one: S R X Y C K",
        ),
        (
            "[47:0] TILE_BITS",
            list(&c.tile),
            "bits of an array tile's extent minus one",
        ),
        ("[47:0] SHARE_BITS", list(&c.share), "bits of a PE's extent minus one"),
        (
            "[39:0] L2_BITS",
            list(&c.l2),
            "bits of a level-2 tile's extent minus one: taps X Y C, blocks of channels",
        ),
        (
            "WINDOW_BITS",
            c.window.to_string(),
            "bits of a row or column of a level-2 tile's window",
        ),
        (
            "ARRAY_WINDOW_BITS",
            c.array_window.to_string(),
            "bits of a row or column of an array tile's window",
        ),
        (
            "SHARE_WINDOW_BITS",
            c.share_window.to_string(),
            "bits of a row or column of one position's window",
        ),
        (
            "GROUP_BITS",
            c.groups.to_string(),
            "bits of a number of I lane groups minus one",
        ),
        (
            "[95:0] COUNT_BITS",
            list(&hw.counter_bits),
            "bits of the access counters, the first one last",
        ),
    ]
    .into_iter()
    .map(|(name, value, doc)| ParameterView {
        name: name.to_owned(),
        value,
        doc: doc.to_owned(),
    })
    .collect()
}

/// One line per operand: its buffers, and how they are linked along each dimension that runs in parallel.
fn links(hw: &Hardware) -> Vec<String> {
    let g = &hw.geometry;
    let parallel: Vec<Dim> = Dim::ALL.into_iter().filter(|&d| g.most(d) > 1).collect();
    let along = |datum: Datum| -> String {
        let how = |&d: &Dim| match link(datum, d) {
            Link::Multicast => format!("; multicast along {d}"),
            Link::Unicast => format!("; own along {d}"),
            Link::Halo => format!("; own along {d}, windows overlap"),
            Link::Reduce => format!("; summed along {d}"),
        };
        parallel.iter().map(how).collect()
    };
    [
        ("W   ", g.w_buffers, Datum::Weight),
        ("I   ", g.i_buffers, Datum::Input),
        ("sums", g.psum_buffers, Datum::Sum),
    ]
    .into_iter()
    .map(|(name, buffers, datum)| format!("{name} {buffers} buffers{}", along(datum)))
    .collect()
}

fn fields(hw: &Hardware, hash: u64) -> Vec<FieldView> {
    descriptor_view::fields(hw, hash)
        .into_iter()
        .filter(|(f, _)| !f.is_compared_alone())
        .map(|(f, terms)| FieldView {
            name: f.name.to_owned(),
            high: (f.width * f.count - 1).to_string(),
            terms,
            doc: f.doc.to_owned(),
        })
        .collect()
}

fn tokens(hw: &Hardware) -> Vec<TokenView> {
    let a = &hw.accelerator;
    let (b, l) = (&a.buffers, &a.l2);
    [
        ("u_t_w_slot", b.W.slots, "pe_give_w", "wl_take_slot", "w_slot"),
        ("u_t_w_ready", 0, "wl_ready", "pe_take_w", "w_ready"),
        ("u_t_i_slot", b.I.slots, "pe_give_i", "il_take_slot", "i_slot"),
        ("u_t_i_ready", 0, "il_ready", "pe_take_i", "i_ready"),
        ("u_t_psum_slot", b.psum.slots, "dr_give_psum", "pe_take_o", "psum_slot"),
        ("u_t_psum_ready", 0, "pe_give_o", "dr_take_psum", "psum_ready"),
        ("u_t_l2w_slot", l.W.slots, "wl_give_tile", "rd_take_w", "l2w_slot"),
        ("u_t_l2w_ready", 0, "rd_give_w", "wl_take_tile", "l2w_ready"),
        ("u_t_l2i_slot", l.I.slots, "il_give_tile", "rd_take_i", "l2i_slot"),
        ("u_t_l2i_ready", 0, "rd_give_i", "il_take_tile", "l2i_ready"),
        ("u_t_l2p_slot", l.P.slots, "dr_give_p", "rd_take_p", "l2p_slot"),
        ("u_t_l2p_ready", 0, "rd_give_p", "dr_take_p", "l2p_ready"),
        ("u_t_l2o_slot", l.O.slots, "wr_give", "dr_take_l2", "l2o_slot"),
        ("u_t_l2o_ready", 0, "dr_give_l2", "wr_take", "l2o_ready"),
    ]
    .into_iter()
    .map(|(instance, initial, give, take, some)| TokenView {
        instance: instance.to_owned(),
        initial: format!("2'd{initial}"),
        give: give.to_owned(),
        take: take.to_owned(),
        some: some.to_owned(),
    })
    .collect()
}

/// Delimiters that leave Verilog's braces alone and, not being ASCII, show whether a hole is left.
fn delimiters() -> tera::Delimiters {
    tera::Delimiters {
        block_start: "<%".into(),
        block_end: "%>".into(),
        variable_start: "«".into(),
        variable_end: "»".into(),
        comment_start: "<#".into(),
        comment_end: "#>".into(),
    }
}

/// Renders one template with its view.
///
/// # Errors
/// `E0402` if the template itself is broken, which no input can cause.
pub fn render(name: &str, template: &str, view: &impl Serialize) -> Result<String> {
    let broken = |e: tera::Error| Diagnostic::new(Code::ToolFailed, format!("template {name} does not render: {e}"));
    let mut engine = tera::Tera::new();
    engine.set_delimiters(delimiters()).map_err(broken)?;
    engine.add_raw_template(name, template).map_err(broken)?;
    let value = tera::Context::from_serialize(view).map_err(broken)?;
    let text = engine.render(name, &value).map_err(broken)?;
    Ok(squeeze(&text))
}

/// Removes the blank lines that control lines leave behind: never more than one in a row, none after an opening one.
fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for line in text.lines() {
        let empty = line.trim().is_empty();
        if !(empty && blank) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        blank = empty;
    }
    out
}

/// All Verilog files of a design but the memory, by name.
///
/// # Errors
/// As [`render`].
pub fn verilog(hw: &Hardware, hash: u64) -> Result<Vec<(String, String)>> {
    let top = render("naas_top.v", TOP, &TopView::new(hw, hash))?;
    let descriptor = render(
        "naas_descriptor.v",
        descriptor_view::TEMPLATE,
        &DescriptorView::new(hw, hash),
    )?;
    let generated = [("naas_top.v", top), ("naas_descriptor.v", descriptor)];
    let leaves = LEAVES
        .iter()
        .filter(|(name, _)| hw.uses(name))
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let generated = generated.map(|(name, text)| (name.to_owned(), text));
    let scale = if hw.features.only_float32() {
        SCALE_FLOAT
    } else {
        SCALE_EXACT
    };
    let scale = ("naas_scale.v".to_owned(), scale.to_owned());
    Ok(generated.into_iter().chain(leaves).chain([scale]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::mapping::random::{Limits, random_triple};
    use std::collections::BTreeSet;

    fn view() -> TopView {
        let t = random_triple(&mut rng::stream(5, &[0]), &Limits::default());
        TopView::new(&Hardware::new(&t.accelerator), 42)
    }

    /// A misspelt hole in a control line would render silently as false: fields and free variables must be the same set.
    #[test]
    fn view_and_template_agree() {
        let mut engine = tera::Tera::new();
        engine.set_delimiters(delimiters()).unwrap();
        engine.add_raw_template("top", TOP).unwrap();
        let holes: BTreeSet<String> = engine
            .get_template_variables("top")
            .unwrap()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let value = serde_json::to_value(view()).unwrap();
        let fields: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
        assert_eq!(holes, fields);
    }

    #[test]
    fn no_hole_is_left() {
        let text = render("naas_top.v", TOP, &view()).unwrap();
        assert!(text.is_ascii());
        assert!(text.contains("localparam PK = "));
    }

    /// Every leaf that the top instantiates, directly or through another leaf, is in the list, and no other.
    #[test]
    fn leaves_are_complete() {
        let names: BTreeSet<&str> = (LEAVES.iter().map(|(n, _)| n.trim_end_matches(".v")))
            .chain(["naas_scale"])
            .collect();
        let elsewhere = ["naas_mem", "naas_mem_macro", "naas_descriptor"];
        let mut used: BTreeSet<&str> = BTreeSet::new();
        for text in [TOP, SCALE_EXACT, SCALE_FLOAT]
            .into_iter()
            .chain(LEAVES.iter().map(|(_, t)| *t))
        {
            for line in text.lines() {
                let code = line.split("//").next().unwrap_or("");
                let words: Vec<&str> = code
                    .split_whitespace()
                    .filter(|_| !code.starts_with("module"))
                    .collect();
                for pair in words.windows(2) {
                    let instance = pair[1].starts_with("#(") || pair[1].starts_with("u_");
                    if instance && pair[0].starts_with("naas_") && !elsewhere.contains(&pair[0]) {
                        used.insert(pair[0]);
                    }
                }
            }
        }
        assert_eq!(used, names);
    }
}
