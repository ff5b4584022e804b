//! The planted faults: one small slip each, in the Verilog or in what the compiler writes into the control table.

use naas::rtl::descriptor::{self, Descriptor};
use naas::rtl::folder::Files;

/// A slip in the text of an emitted Verilog file.
pub struct TextFault {
    pub name: &'static str,
    pub file: &'static str,
    pub right: &'static str,
    pub wrong: &'static str,
}

const fn text(name: &'static str, file: &'static str, right: &'static str, wrong: &'static str) -> TextFault {
    TextFault {
        name,
        file,
        right,
        wrong,
    }
}

impl TextFault {
    /// Whether the design has the file: that of a leaf which only some arrays need may be missing, and of scales there are two.
    pub fn concerns(&self, files: &Files) -> bool {
        files.get(&format!("rtl/{}", self.file)).is_some() && (self.file != "naas_scale.v" || self.places(files) > 0)
    }

    /// How often the right text stands in the file: once, or the fault cannot be planted.
    pub fn places(&self, files: &Files) -> usize {
        let file = files.get(&format!("rtl/{}", self.file)).unwrap_or_default();
        String::from_utf8_lossy(file).matches(self.right).count()
    }

    /// Plants the fault in a design that has the file.
    pub fn plant(&self, files: &mut Files) {
        if !self.concerns(files) {
            return;
        }
        assert_eq!(
            self.places(files),
            1,
            "{}: `{}` in {}",
            self.name,
            self.right,
            self.file
        );
        let path = format!("rtl/{}", self.file);
        for (name, bytes) in &mut files.0 {
            if *name == path {
                *bytes = String::from_utf8_lossy(bytes)
                    .replace(self.right, self.wrong)
                    .into_bytes();
            }
        }
    }
}

/// Slips that an assertion of the RTL tells, by what it says. A second token for a single slot lets an engine into a slot in use.
pub const ASSERTED: &[TextFault] = &[
    text(
        "a third one given",
        "naas_token.v",
        "{1'b0, give_i} -",
        "{give_i, 1'b0} -",
    ),
    text(
        "a beat came unasked",
        "naas_reader.v",
        "{{QW{1'b0}}, issue & request} -",
        "{{QW{1'b0}}, issue & request & kind_q != KindD} -",
    ),
    text(
        "a response without a burst",
        "naas_writer.v",
        "{9'd0, awvalid_o & awready_i} -",
        "{9'd0, awvalid_o & awready_i & ~awaddr_q[7]} -",
    ),
    text(
        "a slot is filled while it is read",
        "naas_top.v",
        "(2'd1)) u_t_l2i_slot",
        "(2'd2)) u_t_l2i_slot",
    ),
    text(
        "a W slot is filled",
        "naas_top.v",
        "(2'd1)) u_t_w_slot",
        "(2'd2)) u_t_w_slot",
    ),
    text(
        "an I slot is filled",
        "naas_top.v",
        "(2'd1)) u_t_i_slot",
        "(2'd2)) u_t_i_slot",
    ),
    text(
        "a psum slot is drained",
        "naas_top.v",
        "(2'd1)) u_t_psum_slot",
        "(2'd2)) u_t_psum_slot",
    ),
    text(
        "a level-2 O slot is drained into",
        "naas_top.v",
        "(2'd1)) u_t_l2o_slot",
        "(2'd2)) u_t_l2o_slot",
    ),
    text(
        "a layer starts before the last one ends",
        "naas_control.v",
        "assign load_o           = state_q == Load;",
        "assign load_o           = state_q == Load || (state_q == Run && lap_q[7:0] == 8'd200);",
    ),
    text(
        "two jobs in a row",
        "naas_drain.v",
        ".op_relevant_i({p_relevant_i, relevant_i})",
        ".op_relevant_i({relevant_i, p_relevant_i})",
    ),
    text(
        "beyond the W slot",
        "naas_array.v",
        ".count_i(w_count_i)",
        ".count_i(w_count_i | WLANES[7:0])",
    ),
    text(
        "beyond the I slot",
        "naas_array.v",
        ".count_i(i_count_i), .pos_i(i_c_pos_i)",
        ".count_i(i_count_i | ILANES[7:0]), .pos_i(i_c_pos_i)",
    ),
    text(
        "a sum is written in a byte's cycle",
        "naas_drain.v",
        "tail_q <= Tail;",
        "tail_q <= 5'd1;",
    ),
    text(
        "the index is above the last one",
        "naas_nest.v",
        "assign last_o[l] = idx_q == last_idx_i[l*CW +: W];",
        "assign last_o[l] = idx_q == last_idx_i[l*CW +: W] + 1'b1;",
    ),
    text(
        "a step goes on from two turns",
        "naas_offset.v",
        "&& !clr_i[INSIDE]",
        "&& clr_i[INSIDE]",
    ),
];

/// Slips in the Verilog.
pub const TEXT: &[TextFault] = &[
    text(
        "walker: bounds of the edge tile in full tiles",
        "naas_walker.v",
        "(on_edge ?",
        "(~on_edge ?",
    ),
    text(
        "walker: movement by the stepped loop alone",
        "naas_walker.v",
        "inc_o[l] & (|scope);",
        "inc_o[l] & op_relevant_i[o*N + l];",
    ),
    text(
        "walker: level-2 steps move level-2 tiles",
        "naas_walker.v",
        "(|(scope & OffchipLoops[N-1:0]))",
        "(|scope)",
    ),
    text(
        "nest: loops inside are not returned to zero",
        "naas_nest.v",
        "if (load_i || (step_i && clr_o[l])) idx_q",
        "if (load_i) idx_q",
    ),
    text(
        "token: lost when one is given and one taken",
        "naas_token.v",
        "{1'b0, give_i} -",
        "{1'b0, give_i & ~take_i} -",
    ),
    text(
        "offset: turns of wrapped loops stay",
        "naas_offset.v",
        "(clr_i[LOOP] || inc_i[LOOP])) turn_q",
        "inc_i[LOOP]) turn_q",
    ),
    text(
        "extent: edge tiles as large as last ones",
        "naas_extent.v",
        "edge_i ? by_class_i[2*W +: W]",
        "edge_i ? by_class_i[W +: W]",
    ),
    text(
        "rotor: wraps one position late",
        "naas_rotor.v",
        "next >= SIZE[PW:0]",
        "next > SIZE[PW:0]",
    ),
    text(
        "blocks: one row too many per position",
        "naas_blocks.v",
        "row_q == share_last_i[BITS-1:0]",
        "row_q == share_last_i[BITS-1:0] + 1'b1",
    ),
    text(
        "array: the mask of C is lost",
        "naas_array.v",
        "CN == 1 || c_at[c*16 +: 16] < c_left_i",
        "1'b1",
    ),
    text(
        "compute: every kernel column opens a psum anew",
        "naas_compute.v",
        "opens_q & p_zero[1] & p_zero[4] & p_zero[5]",
        "opens_q & p_zero[1] & p_zero[4]",
    ),
    text(
        "compute: the sum of the last cycle is not forwarded",
        "naas_compute.v",
        "assign acc_again_o = done_valid_q &",
        "assign acc_again_o = 1'b0 &",
    ),
    text(
        "compute: psum slots change with every pass",
        "naas_compute.v",
        "o_slot_q ^ (fresh_q[2] & (OSLOTS > 1))",
        "o_slot_q ^ (OSLOTS > 1)",
    ),
    text(
        "compute: X counted with the rows' share",
        "naas_compute.v",
        "p_idx[(2+d)*16 +: 16] < extra_q[d*16 +: 16]",
        "p_idx[(2+d)*16 +: 16] < extra_q[0 +: 16]",
    ),
    text(
        "compute: psums are drained one cycle early",
        "naas_compute.v",
        "assign give_o_o = close_q[TREE+1];",
        "assign give_o_o = close_q[TREE];",
    ),
    text(
        "W loader: reads the slot before",
        "naas_w_loader.v",
        "((l2_slot_q ^ (fresh_q & (SLOTS > 1))) ?",
        "(l2_slot_q ?",
    ),
    text(
        "W loader: ready one cycle early",
        "naas_w_loader.v",
        "assign give_ready_o = end2_q;",
        "assign give_ready_o = end1_q;",
    ),
    text(
        "I loader: one row beyond the input is read",
        "naas_i_loader.v",
        "(in_y[MB-1:0] >= height)",
        "(in_y[MB-1:0] > height)",
    ),
    text(
        "I loader: rows' padding for columns",
        "naas_i_loader.v",
        "origin_x - pad_x;",
        "origin_x - pad_y;",
    ),
    text(
        "I loader: padding is zero, not the zero point",
        "naas_i_loader.v",
        "{LANES{zero_point_i}}",
        "{LANES{8'd0}}",
    ),
    text(
        "drain: stale sums are added to a tile's first",
        "naas_drain.v",
        "old_part[n*32 +: PSUMW] & {PSUMW{~first3_q}}",
        "old_part[n*32 +: PSUMW] & {PSUMW{~first3_q | 1'b1}}",
    ),
    text(
        "drain: the psum slot is free when the drain starts",
        "naas_drain.v",
        "assign give_psum_o   = job_last;",
        "assign give_psum_o   = start;",
    ),
    text(
        "drain: bytes of sums where there is one per word",
        "naas_drain.v",
        "accumulate_i ? 2'd0 : late_vec[1:0]",
        "late_vec[1:0]",
    ),
    text(
        "drain: next layer's first sums use the last slot's parity",
        "naas_drain.v",
        "l2_slot_q ^ (fresh_o_q & (SLOTS > 1))",
        "l2_slot_q ^ (SLOTS > 1)",
    ),
    text(
        "drain: a place goes on at the first phase of a round",
        "naas_drain.v",
        "phases[AFTER*6 +: 6] == PHASE_LAST[5:0]",
        "phases[AFTER*6 +: 6] == 6'd0",
    ),
    text(
        "array: psums are picked by the next cycle's phase",
        "naas_array.v",
        ".sel_i(d_phase_q)",
        ".sel_i(d_phase_i)",
    ),
    text(
        "reader: the last beat of a padded window is not requested",
        "naas_reader.v",
        "~is_i | in_map | j_end",
        "~is_i | in_map",
    ),
    text(
        "reader: weights always into one slot",
        "naas_reader.v",
        "if (kind == KindW) w_slot_q <= ~w_slot_q;",
        "",
    ),
    text(
        "reader: bursts one beat short of the boundary",
        "naas_reader.v",
        "4'd15 - addr[3:0]",
        "4'd14 - addr[3:0]",
    ),
    text(
        "writer: does not wait for responses",
        "naas_writer.v",
        "& (outstanding_q == 10'd0);",
        ";",
    ),
    text(
        "writer: reads the other slot",
        "naas_writer.v",
        "slot1_q <= slot_q;",
        "slot1_q <= ~slot_q & (SLOTS > 1);",
    ),
    text(
        "writer: beats move on while the bus takes none",
        "naas_writer.v",
        "if (advance) {v1_q, v2_q}",
        "{v1_q, v2_q}",
    ),
    text(
        "writer: a freed slot is filled while beats wait to be read",
        "naas_writer.v",
        "assign hold_o    = ~advance",
        "assign hold_o    = 1'b0",
    ),
    text(
        "psum buffer: all psums of a word are written",
        "naas_psum_buf.v",
        " & (sub == Sub);",
        " & (sub == Sub | M > 1);",
    ),
    text(
        "array: the mask of S is lost",
        "naas_array.v",
        ".mask_i(c_on[C_AT] & r_on[R_AT] & s_on[S_AT] & f_on[AT])",
        ".mask_i(c_on[C_AT] & r_on[R_AT] & f_on[AT])",
    ),
    text(
        "split: the second digit runs with the first",
        "naas_split.v",
        "assign second    = a_wraps ? (b_wraps",
        "assign second    = 1'b1 ? (b_wraps",
    ),
    text(
        "split: the first digit wraps one place late",
        "naas_split.v",
        "a + 1'b1 == first_radix_i[DW-1:0]",
        "a == first_radix_i[DW-1:0]",
    ),
    text(
        "deal: words of neighbouring channels begin one place on",
        "naas_i_deal.v",
        "POS + OWN * (PLACE % (1 << a))",
        "POS + OWN * ((PLACE + 1) % (1 << a))",
    ),
    text(
        "deal: channels that go round the positions keep their address",
        "naas_i_deal.v",
        "wrapped[PW] ? addr_i + c_stride_i : addr_i",
        "addr_i",
    ),
    text(
        "PE: the greatest input is sought among taps outside the map too",
        "naas_pe.v",
        "{~i_i[7], i_i[6:0]} & {8{w_i[0]}}",
        "{~i_i[7], i_i[6:0]}",
    ),
    text(
        "PE: inputs are compared as unsigned bytes",
        "naas_pe.v",
        "{~i_i[7], i_i[6:0]}",
        "i_i",
    ),
    text(
        "tree: of four inputs the greatest of two wins",
        "naas_tree.v",
        "(first > second) ? first : second",
        "first",
    ),
    text(
        "psum buffer: the lesser input is kept",
        "naas_psum_buf.v",
        "(base[7:0] > sum[7:0])",
        "(base[7:0] < sum[7:0])",
    ),
    text(
        "drain: the greatest input of earlier drains is forgotten",
        "naas_drain.v",
        "(earlier[7:0] > lane[7:0]) ? earlier : lane",
        "lane",
    ),
    text(
        "W loader: W does not move with the level-2 loop over K",
        "naas_w_loader.v",
        ".relevant_i(relevant_i),",
        ".relevant_i(relevant_i & ~14'h0100),",
    ),
    text(
        "I loader: I does not move with the level-2 loop over R",
        "naas_i_loader.v",
        ".relevant_i(relevant_i),",
        ".relevant_i(relevant_i & ~14'h1000),",
    ),
    text(
        "psum buffer: a psum has a bit less than its greatest sum",
        "naas_psum_buf.v",
        "assign added   = base + sum;",
        "assign added   = $signed((base + sum) << 1) >>> 1;",
    ),
    text(
        "scale: products of 48 bits are rounded as those of 47",
        "naas_scale.v",
        "top    = prod_4q[26];",
        "top    = 1'b0 & prod_4q[26];",
    ),
    text(
        "scale: what is below a half is forgotten",
        "naas_scale.v",
        "rest_5q  <= next ? kept[14:0] != 15'h7fff : kept[14:0] != 15'd0;",
        "rest_5q  <= 1'b0;",
    ),
    text(
        "window: columns lie one address late",
        "naas_i_window.v",
        "wide = {{LW{1'b0}}, rel};",
        "wide = {{LW{1'b0}}, rel} + 1'b1;",
    ),
    text(
        "compute: operands of an array without trees do not wait",
        "naas_compute.v",
        "if (TREE == 0) begin : g_wait",
        "if (TREE > 99) begin : g_wait",
    ),
    text(
        "top: scales are one plane off",
        "naas_top.v",
        ".PLANES(5), .FIRST(4)",
        ".PLANES(5), .FIRST(3)",
    ),
    text(
        "output unit: no lower clamp",
        "naas_output_unit.v",
        "if (biased < lo)",
        "if (biased < lo - 11'sd1)",
    ),
];

/// A slip in one field of every layer's descriptor.
pub struct FieldFault {
    pub name: &'static str,
    pub field: &'static str,
    pub slip: fn(&mut [u64]),
}

/// Slips of the compiler that fills the control table.
pub const FIELDS: &[FieldFault] = &[
    FieldFault {
        name: "inner I strides of Y and X swapped",
        field: "pe_i_stride",
        slip: |v| v.swap(2, 3),
    },
    FieldFault {
        name: "share of the last C tile one too large",
        field: "share_last",
        slip: |v| v[3 + 1] += 1,
    },
    FieldFault {
        name: "all lanes valid in the last group of inputs",
        field: "il_tail",
        slip: |v| v[2] = v[2].max(v[0]).max(v[1]) + 1,
    },
    FieldFault {
        name: "nesting of the level-2 loops over K and C swapped",
        field: "inner",
        slip: |v| {
            v.swap(8, 9);
            for inside in v {
                let [k, c] = [8, 9].map(|place| *inside >> place & 1);
                *inside = *inside & !(3 << 8) | k << 9 | c << 8;
            }
        },
    },
    FieldFault {
        name: "drain strides of Y and X swapped",
        field: "dr_tile_stride",
        slip: |v| v.swap(1, 2),
    },
    FieldFault {
        name: "window of edge tiles one row short",
        field: "reach",
        slip: |v| v[2] = v[2].saturating_sub(1),
    },
    FieldFault {
        name: "sums of several drains are not accumulated",
        field: "accumulate",
        slip: |v| v[0] = 0,
    },
    FieldFault {
        name: "all images read from the first",
        field: "rd_i_tile_stride",
        slip: |v| v[1] = 0,
    },
    FieldFault {
        name: "one trip of the off-chip loop over Y too few",
        field: "offchip_last",
        slip: |v| v[4] = v[4].saturating_sub(1),
    },
    FieldFault {
        name: "channels of the last block all written",
        field: "wr_blocks_last",
        slip: |v| v[0] = v[0].saturating_sub(1),
    },
];

impl FieldFault {
    /// Plants the fault in every layer's descriptor.
    pub fn plant(&self, files: &mut Files) {
        let size = descriptor::bytes() as usize;
        for (name, bytes) in &mut files.0 {
            if name != "table.bin" {
                continue;
            }
            for layer in bytes.chunks_mut(size) {
                let mut decoded = Descriptor::decode(layer);
                let field = decoded.values.iter_mut().find(|(name, _)| *name == self.field);
                let (_, values) = field.unwrap_or_else(|| panic!("no field {}", self.field));
                (self.slip)(values);
                layer.copy_from_slice(&decoded.encode().unwrap());
            }
        }
    }
}
