// The compute engine: walks all passes, and in each pass the loops inside the PEs, one multiply-accumulate per PE and
// cycle. All PEs run in lockstep, so one address per operand serves the whole array.
//
// Issue in cycle t; operand addresses in t+1, the buffers' words in t+2, operands in t+3, products in t+4, their sums in
// t+4+TREE, where the psum is written. Without a tree there is no register of products: addresses wait a cycle instead, which
// are fewer bits, and all of that is one cycle later but the psum.
`default_nettype none

module naas_compute #(
  parameter PK     = 16,
  parameter PC     = 16,
  parameter PY     = 1,
  parameter PX     = 1,
  parameter PR     = 1,
  parameter PS     = 1,
  parameter NF     = 1,    // positions of the axis that several of C, R, S share
  parameter CF     = 0,    // 1: C is one of them
  parameter RF     = 0,
  parameter SF     = 0,
  parameter NO     = 1,    // positions of the axis that Y and X share
  parameter TREE   = 2,    // registered stages of the adder tree
  parameter WM     = 1,    // bytes of a W buffer word
  parameter IM     = 1,    // bytes of a convolution word in the I buffer
  parameter IBANKS = 16,   // convolution words in a row of the I buffer
  parameter IBW    = 4,    // bits of a bank's number
  parameter ISETS  = 1,    // groups of PK bytes in a row of the I buffer
  parameter OM     = 1,    // psums of a psum buffer word
  parameter WSLOTS = 2,
  parameter ISLOTS = 2,
  parameter OSLOTS = 2,
  parameter LW     = 10,   // W buffer address
  parameter LI     = 10,   // I buffer address
  parameter LO     = 10,   // psum buffer address
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}}, // bits of counts minus one: off-chip trips, G N K C Y X R S,
  parameter [47:0] TRIP_BITS  = {6{8'd16}},  // and K C Y X R S: level-2 trips,
  parameter [47:0] TILE_BITS  = {6{8'd16}},  // extents of an array tile,
  parameter [47:0] SHARE_BITS = {6{8'd16}}   // extents of a PE
) (
  input  wire               clk_i, rst_ni, load_i, active_i,
  // layer description
  input  wire               depthwise_i,
  input  wire               digits_i,        // products of tap columns beyond the first count 256-fold
  input  wire [14*14-1:0]   inner_i,
  input  wire [13:0]        w_relevant_i, i_relevant_i, o_relevant_i,
  input  wire [8*16-1:0]    offchip_last_i,
  input  wire [12*16-1:0]   l2_last_i,
  input  wire [6*6-1:0]     pe_inner_i,      // loops inside a PE: bit l*6+m: loop m lies inside loop l
  input  wire [18*16-1:0]   share_last_i,    // a PE's extent minus one, per dimension and tile class
  input  wire [15:0]        c_positions_i,   // C positions, where C shares an axis
  input  wire [5:0]         c_word_i,        // and bytes of a convolution word minus one
  input  wire [3*16-1:0]    k_extent_i,      // the tile's extents, by tile class
  input  wire [3*16-1:0]    c_extent_i,
  input  wire [4*48-1:0]    whole_i,         // positions busy in all of a PE's rows (columns, taps): Y X R S, by tile class
  input  wire [4*48-1:0]    extra_i,         // rows in which one more position is busy
  input  wire [4*16-1:0]    w_stride_i,      // W buffer words per step of K C R S
  input  wire [6*16-1:0]    i_stride_i,      // I buffer words (rows if depthwise) per step of K C Y X R S
  input  wire [3*16-1:0]    o_stride_i,      // psum words per step of K Y X
  // tokens
  input  wire               w_ready_i, i_ready_i,
  input  wire               o_slot_i,
  output wire               take_w_o, take_i_o, take_o_o,
  output wire               give_w_o,        // last read of a W tile
  output wire               give_i_o,
  output wire               give_o_o,        // an output tile can be drained
  // to the W buffers
  output wire               w_re_o, w_slot_o,
  output wire [LW-1:0]      w_addr_o,
  output wire [5:0]         w_sub_o,
  output wire [15:0]        c_left_o,        // C positions below this one count, with the buffers' words
  output wire [15:0]        r_busy_o,        // the same for R
  output wire [15:0]        s_busy_o,
  // to the I buffers
  output wire               i_slot_o,
  output wire [LI-1:0]      i_addr_o,
  output wire [IBW-1:0]     i_bank_o,
  output wire [5:0]         i_sub_o,
  // to the psum buffers
  output wire               acc_o, acc_slot_o,
  output wire [LO-1:0]      acc_addr_o,
  output wire [5:0]         acc_sub_o,
  output wire               acc_first_o, acc_again_o,
  output wire               acc_high_o,      // the sums count 256-fold
  // counters
  output wire               busy_o,
  output wire [31:0]        macs_o           // multiply-accumulates, five cycles after their issue
);

  // Bits of an extent along K and C, and of a number of busy positions.
  localparam KE = (TILE_BITS[0 +: 8] < 8'd16) ? TILE_BITS[0 +: 8] + 1 : 16;
  localparam CE = (TILE_BITS[8 +: 8] < 8'd16) ? TILE_BITS[8 +: 8] + 1 : 16;
  localparam CN = PC * ((CF != 0) ? NF : 1);   // the most positions of each
  localparam RN = PR * ((RF != 0) ? NF : 1);
  localparam SN = PS * ((SF != 0) ? NF : 1);
  localparam YN = PY * NO, XN = PX * NO;
  localparam YW = $clog2(YN) + 1, XW = $clog2(XN) + 1;
  localparam RW = $clog2(RN) + 1, SW = $clog2(SN) + 1;
  localparam [15:0] K_MASK = 16'hffff >> (16 - KE);
  localparam [15:0] C_MASK = 16'hffff >> (16 - CE);

  // ---- which pass is next
  wire [13:0] inc, clr, last, zero, walked;
  wire        walk_end;
  wire [14*14-1:0] inner;
  wire [2:0]  moved, moved_l2;
  reg  [2:0]  fresh_q;     // next pass uses a new O, I, W tile
  reg  [2:0]  leave_q;     // this pass is the last on its O, I, W tile
  reg         exhausted_q, run_q, w_slot_q, i_slot_q, o_slot_q, opens_q, high_q;
  wire        start, job_last;

  assign start = active_i & ~exhausted_q & (~run_q | job_last)
               & (~fresh_q[0] | w_ready_i) & (~fresh_q[1] | i_ready_i) & (~fresh_q[2] | o_slot_i);

  naas_walker #(.N(14), .CW(16), .OPS(3), .OFFCHIP_BITS(OFFCHIP_BITS), .TRIP_BITS(TRIP_BITS)) u_walker (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .relevant_i(14'h3fff),
    .op_relevant_i({o_relevant_i, i_relevant_i, w_relevant_i}),
    .inner_i(inner_i), .offchip_last_i(offchip_last_i), .l2_last_i(l2_last_i), .inc_o(inc), .clr_o(clr), .last_o(last),
    .zero_o(zero), .walked_o(walked), .inner_o(inner), .end_o(walk_end), .moved_o(moved), .moved_l2_o(moved_l2)
  );

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      exhausted_q <= 1'b1;
      run_q       <= 1'b0;
    end else if (load_i) begin
      exhausted_q <= 1'b0;
      run_q       <= 1'b0;
    end else begin
      if (start) exhausted_q <= walk_end;
      run_q <= start | (run_q & ~job_last);
    end
  end

  always @(posedge clk_i) begin
    if (load_i) begin
      fresh_q  <= 3'b111;
      w_slot_q <= (WSLOTS > 1);
      i_slot_q <= (ISLOTS > 1);
      o_slot_q <= (OSLOTS > 1);
    end else if (start) begin
      fresh_q  <= moved;
      w_slot_q <= w_slot_q ^ (fresh_q[0] & (WSLOTS > 1));
      i_slot_q <= i_slot_q ^ (fresh_q[1] & (ISLOTS > 1));
      o_slot_q <= o_slot_q ^ (fresh_q[2] & (OSLOTS > 1));
    end
    if (start) begin
      leave_q <= moved;
      opens_q <= fresh_q[2];
      high_q  <= digits_i & ~(zero[7] & zero[13]);
    end
  end

  // ---- extents of the pass
  wire [6*16-1:0] share_last;
  wire [15:0]     k_extent, c_extent;
  wire [4*16-1:0] whole, extra;   // Y X R S
  reg  [6*16-1:0] share_last_q;
  reg  [15:0]     k_extent_q, c_extent_q;
  reg  [4*16-1:0] whole_q, extra_q;
  localparam [4*8-1:0] WHOLE_BITS = {SW[7:0], RW[7:0], XW[7:0], YW[7:0]};

  genvar d;
  generate
    for (d = 0; d < 6; d = d + 1) begin : g_share
      naas_extent #(.W(16), .BITS(SHARE_BITS[d*8 +: 8])) u_share (
        .last_i(last[8+d]), .edge_i(last[2+d]), .by_class_i(share_last_i[d*48 +: 48]), .extent_o(share_last[d*16 +: 16])
      );
    end
    for (d = 0; d < 4; d = d + 1) begin : g_busy
      naas_extent #(.W(16), .BITS(WHOLE_BITS[d*8 +: 8])) u_whole (
        .last_i(last[10+d]), .edge_i(last[4+d]), .by_class_i(whole_i[d*48 +: 48]), .extent_o(whole[d*16 +: 16])
      );
      naas_extent #(.W(16), .BITS(SHARE_BITS[(2+d)*8 +: 8])) u_extra (
        .last_i(last[10+d]), .edge_i(last[4+d]), .by_class_i(extra_i[d*48 +: 48]), .extent_o(extra[d*16 +: 16])
      );
    end
  endgenerate
  naas_extent #(.W(16), .BITS(KE)) u_k (.last_i(last[8]), .edge_i(last[2]), .by_class_i(k_extent_i), .extent_o(k_extent));
  naas_extent #(.W(16), .BITS(CE)) u_c (.last_i(last[9]), .edge_i(last[3]), .by_class_i(c_extent_i), .extent_o(c_extent));

  always @(posedge clk_i) if (start) begin
    share_last_q <= share_last;
    {k_extent_q, c_extent_q, whole_q, extra_q} <= {k_extent, c_extent, whole, extra};
  end

  // ---- the loops inside a PE
  wire [5:0]      p_inc, p_clr, p_last, p_zero;
  wire [6*16-1:0] p_idx;
  wire            p_end;

  assign job_last = run_q & p_end;

  naas_nest #(.N(6), .CW(16), .BITS(SHARE_BITS)) u_pe_loops (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .walked_i(6'h3f), .inner_i(pe_inner_i),
    .last_idx_i(share_last_q), .inc_o(p_inc), .clr_o(p_clr), .last_o(p_last), .zero_o(p_zero), .idx_o(p_idx), .end_o(p_end)
  );

  // Channels of one buffer word are neighbours: the word advances once per WM (IM, ISETS, OM) of them.
  localparam W_MASK = WM - 1, I_MASK = IM - 1, S_MASK = ISETS - 1, O_MASK = OM - 1;
  wire [15:0] k_idx, c_idx, i_mask;
  wire        w_word, i_word, s_word, o_word;
  assign k_idx  = p_idx[0 +: 16];
  assign c_idx  = p_idx[16 +: 16];
  assign w_word = (k_idx & W_MASK[15:0]) == W_MASK[15:0];
  assign i_mask = (CF != 0) ? {10'd0, c_word_i} : I_MASK[15:0];
  assign i_word = (c_idx & i_mask) == i_mask;
  assign s_word = (k_idx & S_MASK[15:0]) == S_MASK[15:0];
  assign o_word = (k_idx & O_MASK[15:0]) == O_MASK[15:0];

  wire [15:0] c_positions = (CF != 0) ? c_positions_i : PC[15:0];
  wire [LW-1:0] w_addr;
  wire [LI-1:0] i_addr;
  wire [LO-1:0] o_addr;
  wire [15:0]   c_done, k_done;
  naas_offset #(.N(6), .M(4), .LOOPS(16'h5410), .AW(LW), .SW(16)) u_w_addr (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({p_inc[5:1], p_inc[0] & w_word}), .clr_i(p_clr),
    .inner_i(pe_inner_i), .stride_i(w_stride_i), .base_i({LW{1'b0}}), .offset_o(w_addr)
  );
  naas_offset #(.N(6), .M(6), .LOOPS(24'h543210), .AW(LI), .SW(16)) u_i_addr (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({p_inc[5:2], p_inc[1] & i_word, p_inc[0] & s_word}),
    .clr_i(p_clr), .inner_i(pe_inner_i), .stride_i(i_stride_i), .base_i({LI{1'b0}}), .offset_o(i_addr)
  );
  naas_offset #(.N(6), .M(3), .LOOPS(12'h320), .AW(LO), .SW(16)) u_o_addr (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({p_inc[5:1], p_inc[0] & o_word}), .clr_i(p_clr),
    .inner_i(pe_inner_i), .stride_i(o_stride_i), .base_i({LO{1'b0}}), .offset_o(o_addr)
  );
  naas_offset #(.N(1), .AW(CE), .SW(16)) u_c_done (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i(p_inc[1]), .clr_i(p_clr[1]), .inner_i(1'b0),
    .stride_i(c_positions), .base_i({CE{1'b0}}), .offset_o(c_done[CE-1:0])
  );
  naas_offset #(.N(1), .AW(KE), .SW(16)) u_k_done (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i(p_inc[0]), .clr_i(p_clr[0]), .inner_i(1'b0),
    .stride_i(PK[15:0]), .base_i({KE{1'b0}}), .offset_o(k_done[KE-1:0])
  );
  generate
    if (CE < 16) begin : g_c_done
      assign c_done[15:CE] = {(16-CE){1'b0}};
    end
    if (KE < 16) begin : g_k_done
      assign k_done[15:KE] = {(16-KE){1'b0}};
    end
  endgenerate

  // ---- operand addresses and masks
  reg          v1_q;
  reg [LW-1:0] w_addr1_q;
  reg [LI-1:0] i_addr1_q;
  reg          w_slot1_q, i_slot1_q;
  reg [5:0]    w_sub1_q, w_sub2_q, i_sub1_q, i_sub2_q;
  reg [IBW-1:0] i_bank2_q;
  reg [15:0]   c_left1_q, c_left2_q, k_left1_q;
  reg [4*16-1:0] busy1_q;   // positions of Y X R S
  reg [15:0]   r_busy2_q, s_busy2_q;
  localparam BANK_MASK = IBANKS - 1;
  wire [31:0] i_word1 = {{(32-LI){1'b0}}, i_addr1_q};

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) v1_q <= 1'b0;
    else v1_q <= run_q;
  end

  always @(posedge clk_i) begin
    w_addr1_q <= w_addr;
    i_addr1_q <= i_addr;
    w_slot1_q <= w_slot_q;
    i_slot1_q <= i_slot_q;
    w_sub1_q  <= k_idx[5:0] & W_MASK[5:0];
    w_sub2_q  <= w_sub1_q;
    i_sub1_q  <= depthwise_i ? k_idx[5:0] & S_MASK[5:0] : c_idx[5:0] & i_mask[5:0];
    i_sub2_q  <= i_sub1_q;
    i_bank2_q <= i_word1[IBW-1:0] & BANK_MASK[IBW-1:0];
    c_left1_q <= C_MASK & (c_extent_q - c_done);
    c_left2_q <= c_left1_q;
    k_left1_q <= K_MASK & (k_extent_q - k_done);
    r_busy2_q <= busy1_q[32 +: 16];
    s_busy2_q <= busy1_q[48 +: 16];
  end

  generate
    for (d = 0; d < 4; d = d + 1) begin : g_count
      always @(posedge clk_i)
        busy1_q[d*16 +: 16] <= whole_q[d*16 +: 16] + {15'd0, p_idx[(2+d)*16 +: 16] < extra_q[d*16 +: 16]};
    end
  endgenerate

  // ---- psum address, delayed to meet the sums
  localparam STAGES = 3 + TREE;
  localparam PW     = LO + 9;
  reg  [STAGES*PW-1:0] pipe_q;
  reg  [STAGES-1:0]    valid_q;
  reg  [TREE+1:0]      close_q;
  reg  [PW-1:0]        done_q;
  reg                  done_valid_q;
  wire [PW-1:0]        issue, now;
  wire                 first;

  assign first = opens_q & p_zero[1] & p_zero[4] & p_zero[5];
  assign issue = {first, high_q, o_slot_q, o_addr, k_idx[5:0] & O_MASK[5:0]};

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q      <= {STAGES{1'b0}};
      close_q      <= {(TREE+2){1'b0}};
      done_valid_q <= 1'b0;
    end else begin
      valid_q      <= {valid_q[STAGES-2:0], run_q};
      close_q      <= {close_q[TREE:0], job_last & leave_q[2]};
      done_valid_q <= valid_q[STAGES-1];
    end
  end

  always @(posedge clk_i) begin
    pipe_q <= {pipe_q[(STAGES-1)*PW-1:0], issue};
    done_q <= now;
  end

  assign now = pipe_q[(STAGES-1)*PW +: PW];

  assign take_w_o = start & fresh_q[0];
  assign take_i_o = start & fresh_q[1];
  assign take_o_o = start & fresh_q[2];
  assign give_w_o = job_last & leave_q[0];
  assign give_i_o = job_last & leave_q[1];
  assign give_o_o = close_q[TREE+1];

  localparam OW = LW + LI + IBW + 62;
  wire [OW-1:0] operands = {w_slot1_q, w_addr1_q, w_sub2_q, c_left2_q, r_busy2_q, s_busy2_q, i_slot1_q, i_addr1_q, i_bank2_q, i_sub2_q};
  generate
    if (TREE == 0) begin : g_wait
      reg [OW-1:0] operands_q;
      reg          re_q;
      always @(posedge clk_i) operands_q <= operands;
      always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) re_q <= 1'b0;
        else re_q <= v1_q;
      end
      assign w_re_o = re_q;
      assign {w_slot_o, w_addr_o, w_sub_o, c_left_o, r_busy_o, s_busy_o, i_slot_o, i_addr_o, i_bank_o, i_sub_o} = operands_q;
    end else begin : g_now
      assign w_re_o = v1_q;
      assign {w_slot_o, w_addr_o, w_sub_o, c_left_o, r_busy_o, s_busy_o, i_slot_o, i_addr_o, i_bank_o, i_sub_o} = operands;
    end
  endgenerate

  assign acc_o       = valid_q[STAGES-1];
  assign acc_first_o = now[PW-1];
  assign acc_high_o  = now[LO+7];
  assign acc_slot_o  = now[LO+6];
  assign acc_addr_o  = now[6 +: LO];
  assign acc_sub_o   = now[5:0];
  assign acc_again_o = done_valid_q & (done_q[LO+6:0] == now[LO+6:0]);

  // ---- busy PEs: busy positions of each dimension, multiplied over three stages
  localparam KW = $clog2(PK) + 1;
  localparam CW = $clog2(CN) + 1;
  // Dimensions of one axis have together no more positions than it has.
  localparam YXW = (NO > 1) ? $clog2(PY * PX * NO) + 1 : YW + XW;
  localparam RSW = (NF > 1) ? $clog2(PR * PS * NF) + 1 : RW + SW;
  localparam MW = KW + CW + YXW + RSW;
  reg  [KW-1:0]          k_busy2_q;
  reg  [CW-1:0]          c_busy2_q;
  reg  [YW-1:0]          y_busy2_q;
  reg  [XW-1:0]          x_busy2_q;
  reg  [KW+CW-1:0]       kc3_q;
  wire [YW+XW-1:0]       yx2;
  wire [RW+SW-1:0]       rs2;
  reg  [YXW-1:0]         yx3_q;
  reg  [RSW-1:0]         rs3_q, rs4_q;
  reg  [KW+CW+YXW-1:0]   kcyx4_q;
  reg  [MW-1:0]          macs5_q;
  reg                    v2_q, v3_q, v4_q;
  assign yx2 = {{XW{1'b0}}, y_busy2_q} * {{YW{1'b0}}, x_busy2_q};
  assign rs2 = {{SW{1'b0}}, (RN > 1) ? r_busy2_q[RW-1:0] : RN[RW-1:0]}
             * {{RW{1'b0}}, (SN > 1) ? s_busy2_q[SW-1:0] : SN[SW-1:0]};
  always @(posedge clk_i) begin
    v2_q      <= v1_q;
    v3_q      <= v2_q;
    v4_q      <= v3_q;
    k_busy2_q <= (PK > 1 && {8'd0, k_left1_q} < PK[23:0]) ? k_left1_q[KW-1:0] : PK[KW-1:0];
    c_busy2_q <= (CN > 1 && c_left1_q < c_positions) ? c_left1_q[CW-1:0] : c_positions[CW-1:0];
    y_busy2_q <= (YN > 1) ? busy1_q[0 +: YW] : YN[YW-1:0];
    x_busy2_q <= (XN > 1) ? busy1_q[16 +: XW] : XN[XW-1:0];
    kc3_q     <= {{CW{1'b0}}, k_busy2_q} * {{KW{1'b0}}, c_busy2_q};
    yx3_q     <= yx2[YXW-1:0];
    rs3_q     <= rs2[RSW-1:0];
    kcyx4_q   <= {{YXW{1'b0}}, kc3_q} * {{(KW+CW){1'b0}}, yx3_q};
    rs4_q     <= rs3_q;
    macs5_q   <= v4_q ? {{RSW{1'b0}}, kcyx4_q} * {{(KW+CW+YXW){1'b0}}, rs4_q} : {MW{1'b0}};
  end
  assign busy_o = run_q;
  assign macs_o = {{(32-MW){1'b0}}, macs5_q};

  wire unused = ^{moved_l2, inner, i_word1, k_left1_q, busy1_q, r_busy2_q, s_busy2_q, p_zero, p_idx, last, inc,
                    clr, zero, walked, p_last, p_inc, p_clr, w_addr, i_addr, o_addr, now, done_q, c_positions_i,
                    c_word_i, c_positions, yx2, rs2};

endmodule
`default_nettype wire
