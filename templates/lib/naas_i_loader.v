// Loads input windows from level 2 into the I buffers, LANES input channels a cycle.
//
// A job streams its whole window, row by row, for each group of LANES channels. Positions in the padding cost their
// cycle, read nothing and carry the zero point. Issue in cycle t; level-2 address in t+1, its word in t+2, the network
// register (the *_o beat) in t+3; the edge of the array registers once more and writes in t+4.
`default_nettype none

module naas_i_loader #(
  parameter LANES  = 16,
  parameter WORD   = 16,   // bytes of a level-2 word, a multiple of LANES
  parameter PK     = 16,   // size of the K axis: depthwise layers deal channels to it
  parameter PC     = 16,   // size of the C axis: convolutions deal channels to it
  parameter CF     = 0,    // 1: C shares an axis, the layer says how many positions it has
  parameter PW     = 5,    // bits of a position
  parameter AW     = 16,   // level-2 word address, slot included
  parameter DEPTH  = 4096,
  parameter SLOTS  = 2,
  parameter BSLOTS = 2,
  parameter LW     = 10,   // I buffer word address
  parameter [5:0]  ALONE = 6'b0,             // dimensions with one position: K C Y X R S
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}}, // bits of an off-chip trip count minus one: G N K C Y X R S
  parameter [47:0] TRIP_BITS = {6{8'd16}},   // the same of a level-2 loop: K C Y X R S
  parameter MB = 17,                         // bits of a row or column of the padded input
  parameter GB = 16,                         // bits of a count of lane groups minus one
  parameter WB = 16,                         // bits of a window's row or column
  parameter SWB = 16                         // the same of one position's window
) (
  input  wire               clk_i, rst_ni, load_i, active_i,
  // layer description
  input  wire               depthwise_i,
  input  wire [14*14-1:0]   inner_i,
  input  wire [13:0]        relevant_i,
  input  wire [8*16-1:0]    offchip_last_i,
  input  wire [12*16-1:0]   l2_last_i,
  input  wire [3*16-1:0]    groups_last_i,  // groups of LANES channels minus one, by tile class
  input  wire [3*8-1:0]     tail_i,         // channels in the last group, by tile class
  input  wire [PW-1:0]      c_positions_i,
  input  wire [4*48-1:0]    reach_i,        // (rows - 1) * stride, (taps - 1) * dilation: Y X R S, by class
  input  wire [4*48-1:0]    share_reach_i,  // the same for the rows (taps) of one position
  input  wire [4*48-1:0]    step_i,         // input rows from one position to the next
  input  wire [4*32-1:0]    origin_y_i,     // input rows per step of the loops off-chip Y, R and level-2 Y, R
  input  wire [4*32-1:0]    origin_x_i,
  input  wire [15:0]        pad_y_i, pad_x_i, height_i, width_i,
  input  wire [7:0]         zero_point_i,
  input  wire [6*32-1:0]    tile_stride_i,  // level-2 words per step of the level-2 loops K C Y X R S
  input  wire [2*32-1:0]    job_stride_i,   // level-2 words per WORD channels, per row
  input  wire [15:0]        channel_stride_i, // I buffer words per local channel (word of channels)
  // tokens
  input  wire               slot_i, tile_i,
  output wire               take_slot_o, take_tile_o, give_tile_o, give_ready_o,
  // level 2
  output wire               l2_re_o,
  output wire [AW-1:0]      l2_addr_o,
  input  wire [WORD*8-1:0]  l2_data_i,
  // beat to the array's edge
  output wire               valid_o, slot_o,
  output wire [LANES*8-1:0] data_o,
  output wire [7:0]         count_o,        // valid lanes
  output wire [PW-1:0]      c_pos_o,        // C position of lane 0 (convolution)
  output wire [LW-1:0]      c_addr_o,       // and its local channel offset
  output wire [PW-1:0]      k_pos_o,        // bank of lane 0 (depthwise)
  output wire [LW-1:0]      k_addr_o,
  output wire [15:0]        y_o,            // row and column within the window
  output wire [15:0]        x_o,
  output wire               x_last_o, y_last_o,
  output wire [4*16-1:0]    step_o,
  output wire [15:0]        y_reach_o,      // last row, last column of one position's window
  output wire [15:0]        x_reach_o,
  // counters
  output wire               busy_o,
  output wire [7:0]         words_o
);

  localparam SUBS = WORD / LANES;
  localparam TB   = $clog2(LANES) + 1;
  localparam RB = MB + 1;   // of a signed one, before the padding, too
  localparam [15:0] ROWS         = 16'hffff >> ((MB < 16) ? 16 - MB : 0);
  localparam [15:0] WINDOW       = 16'hffff >> (16 - WB);
  localparam [15:0] SHARE_WINDOW = 16'hffff >> (16 - SWB);
  localparam SW   = (SUBS > 1) ? $clog2(SUBS) : 1;

  // ---- which job is next
  wire [13:0] inc, clr, last, zero, walked;
  wire        walk_end, moved_l2, moved;
  wire [14*14-1:0] inner;
  reg         exhausted_q, fresh_q, leave_q, run_q, l2_slot_q, slot_q;
  wire        start, job_last;

  assign start = active_i & ~exhausted_q & (~run_q | job_last) & slot_i & (~fresh_q | tile_i);

  naas_walker #(.N(14), .CW(16), .OPS(1), .OFFCHIP_BITS(OFFCHIP_BITS), .TRIP_BITS(TRIP_BITS)) u_walker (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .relevant_i(relevant_i), .op_relevant_i(relevant_i),
    .inner_i(inner_i), .offchip_last_i(offchip_last_i), .l2_last_i(l2_last_i),
    .inc_o(inc), .clr_o(clr), .last_o(last), .zero_o(zero), .walked_o(walked), .inner_o(inner), .end_o(walk_end),
    .moved_o(moved), .moved_l2_o(moved_l2)
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
      fresh_q   <= 1'b1;
      l2_slot_q <= (SLOTS > 1);
      slot_q    <= (BSLOTS > 1);
    end else if (start) begin
      fresh_q   <= moved_l2;
      l2_slot_q <= l2_slot_q ^ (fresh_q & (SLOTS > 1));
      slot_q    <= slot_q ^ (BSLOTS > 1);
    end
    if (start) leave_q <= moved_l2;
  end

  // ---- extents, origin and level-2 base of the job
  wire        ch_last, ch_edge;
  wire [15:0] groups_last;
  wire [4*16-1:0] reach, share_reach, step;   // Y X R S
  wire [7:0]  tail;
  wire [AW-1:0] tile_offset;
  wire [RB-1:0] origin_y, origin_x, pad_y, pad_x;
  wire [MB-1:0] height, width;
  reg  [47:0] job_last_q;
  reg  [4*16-1:0] step_q;
  reg  [15:0] rows_reach_q, cols_reach_q;
  reg  [7:0]  tail_q;
  reg  [RB-1:0] origin_y_q, origin_x_q;

  assign ch_last = depthwise_i ? last[8] : last[9];
  assign ch_edge = depthwise_i ? last[2] : last[3];

  naas_extent #(.W(16), .BITS(GB)) u_groups (.last_i(ch_last), .edge_i(ch_edge), .by_class_i(groups_last_i), .extent_o(groups_last));
  naas_extent #(.W(8), .BITS(TB)) u_tail (.last_i(ch_last), .edge_i(ch_edge), .by_class_i(tail_i), .extent_o(tail));
  genvar d;
  generate
    for (d = 0; d < 4; d = d + 1) begin : g_extent
      naas_extent #(.W(16), .BITS(WB)) u_reach (
        .last_i(last[10+d]), .edge_i(last[4+d]), .by_class_i(reach_i[d*48 +: 48]), .extent_o(reach[d*16 +: 16])
      );
      naas_extent #(.W(16), .BITS(SWB)) u_share (
        .last_i(last[10+d]), .edge_i(last[4+d]), .by_class_i(share_reach_i[d*48 +: 48]), .extent_o(share_reach[d*16 +: 16])
      );
      naas_extent #(.W(16)) u_step (
        .last_i(last[10+d]), .edge_i(last[4+d]), .by_class_i(step_i[d*48 +: 48]), .extent_o(step[d*16 +: 16])
      );
      // One position begins where the window does.
      always @(posedge clk_i) if (start) step_q[d*16 +: 16] <= ALONE[2+d] ? 16'd0 : ROWS & step[d*16 +: 16];
    end
  endgenerate

  naas_offset #(.N(14), .M(6), .LOOPS(24'hdcba98), .BITS({TRIP_BITS, OFFCHIP_BITS}), .AW(AW), .SW(32)) u_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(tile_stride_i), .base_i({AW{1'b0}}), .offset_o(tile_offset)
  );
  naas_offset #(.N(14), .M(4), .LOOPS(16'hca64), .BITS({TRIP_BITS, OFFCHIP_BITS}), .AW(RB), .SW(32)) u_origin_y (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(origin_y_i), .base_i({RB{1'b0}}), .offset_o(origin_y)
  );
  naas_offset #(.N(14), .M(4), .LOOPS(16'hdb75), .BITS({TRIP_BITS, OFFCHIP_BITS}), .AW(RB), .SW(32)) u_origin_x (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(origin_x_i), .base_i({RB{1'b0}}), .offset_o(origin_x)
  );

  // ---- the job: channel groups, rows, columns
  wire [2:0]  j_inc, j_clr, j_last, j_zero;
  wire [47:0] j_idx;
  wire        j_end;
  localparam [8:0] InJob = 9'b000_100_110;   // outermost first

  assign job_last = run_q & j_end;

  naas_nest #(.N(3), .CW(16), .BITS({WB[7:0], WB[7:0], GB[7:0]})) u_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .walked_i(3'b111), .inner_i(InJob),
    .last_idx_i(job_last_q), .inc_o(j_inc), .clr_o(j_clr), .last_o(j_last), .zero_o(j_zero), .idx_o(j_idx), .end_o(j_end)
  );

  wire [AW-1:0] base, job_offset;
  wire [31:0]   x_idx;
  wire          word_step;
  wire [SW-1:0] sub;
  assign x_idx     = {16'd0, j_idx[47:32]};
  assign sub       = (SUBS > 1) ? j_idx[SW-1:0] : {SW{1'b0}};
  assign word_step = (SUBS > 1) ? (&sub) : 1'b1;

  assign base = tile_offset + ((l2_slot_q ^ (fresh_q & (SLOTS > 1))) ? DEPTH[AW-1:0] : {AW{1'b0}});
  naas_offset #(.N(3), .M(2), .LOOPS(8'h10), .FIXED(1), .AW(AW), .SW(32)) u_in_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({j_inc[2:1], j_inc[0] & word_step}), .clr_i(j_clr),
    .inner_i(InJob), .stride_i(job_stride_i), .base_i(base), .offset_o(job_offset)
  );

  wire [PW-1:0] c_pos, k_pos;
  wire [LW-1:0] c_off, k_off;
  naas_rotor #(.STEP(LANES), .SIZE(PC), .SPLIT(CF), .PW(PW), .AW(LW)) u_c (
    .clk_i(clk_i), .load_i(start), .step_i(run_q & j_inc[0]), .size_i(c_positions_i), .stride_i(channel_stride_i[LW-1:0]),
    .pos_o(c_pos), .offset_o(c_off)
  );
  naas_rotor #(.STEP(LANES), .SIZE(PK), .PW(PW), .AW(LW)) u_k (
    .clk_i(clk_i), .load_i(start), .step_i(run_q & j_inc[0]), .size_i({PW{1'b0}}), .stride_i(channel_stride_i[LW-1:0]),
    .pos_o(k_pos), .offset_o(k_off)
  );

  wire [17:0]   wide_y, wide_x, wide_pad_y, wide_pad_x, wide_height, wide_width;
  wire [RB-1:0] in_y, in_x;   // their top bits are signs
  wire          padding;
  assign wide_y      = {2'b00, j_idx[31:16]};
  assign wide_x      = {2'b00, j_idx[47:32]};
  assign wide_pad_y  = {2'b00, pad_y_i};
  assign wide_pad_x  = {2'b00, pad_x_i};
  assign wide_height = {2'b00, height_i};
  assign wide_width  = {2'b00, width_i};
  assign pad_y   = wide_pad_y[RB-1:0];
  assign pad_x   = wide_pad_x[RB-1:0];
  assign height  = wide_height[MB-1:0];
  assign width   = wide_width[MB-1:0];
  assign in_y    = origin_y_q + wide_y[RB-1:0];
  assign in_x    = origin_x_q + wide_x[RB-1:0];
  assign padding = in_y[MB] | in_x[MB] | (in_y[MB-1:0] >= height) | (in_x[MB-1:0] >= width);

  // ---- pipeline to the edge
  reg [AW-1:0]      l2_addr_q;
  reg               v1_q, v2_q, v3_q, end1_q, end2_q, slot1_q, slot2_q, slot3_q, pad1_q, pad2_q;
  reg [SW-1:0]      sub1_q, sub2_q;
  reg [PW-1:0]      c1_q, c2_q, c3_q, k1_q, k2_q, k3_q;
  reg [LW-1:0]      ca1_q, ca2_q, ca3_q, ka1_q, ka2_q, ka3_q;
  reg [7:0]         n1_q, n2_q, n3_q;
  reg [129:0]       w1_q, w2_q, w3_q;   // window coordinates of the beat
  reg [LANES*8-1:0] data3_q;
  wire [LANES*8-1:0] part;

  always @(posedge clk_i) begin
    if (start) begin
      job_last_q <= {WINDOW & (reach[16 +: 16] + reach[48 +: 16]), WINDOW & (reach[0 +: 16] + reach[32 +: 16]), groups_last};
      tail_q     <= tail;
      rows_reach_q <= SHARE_WINDOW & (share_reach[0 +: 16] + share_reach[32 +: 16]);
      cols_reach_q <= SHARE_WINDOW & (share_reach[16 +: 16] + share_reach[48 +: 16]);
      origin_y_q <= origin_y - pad_y;
      origin_x_q <= origin_x - pad_x;
    end
    l2_addr_q <= job_offset + x_idx[AW-1:0];
  end

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {v1_q, v2_q, v3_q, end1_q, end2_q} <= 5'd0;
    end else begin
      v1_q   <= run_q;
      v2_q   <= v1_q;
      v3_q   <= v2_q;
      end1_q <= job_last;
      end2_q <= end1_q;
    end
  end

  always @(posedge clk_i) begin
    {slot1_q, slot2_q, slot3_q} <= {slot_q, slot1_q, slot2_q};
    {pad1_q, pad2_q}            <= {padding, pad1_q};
    {c1_q, c2_q, c3_q}          <= {c_pos, c1_q, c2_q};
    {k1_q, k2_q, k3_q}          <= {k_pos, k1_q, k2_q};
    {ca1_q, ca2_q, ca3_q}       <= {c_off, ca1_q, ca2_q};
    {ka1_q, ka2_q, ka3_q}       <= {k_off, ka1_q, ka2_q};
    {sub1_q, sub2_q}            <= {sub, sub1_q};
    n1_q <= j_last[0] ? tail_q : LANES[7:0];
    n2_q <= n1_q;
    n3_q <= n2_q;
    w1_q <= {j_last[2], j_last[1], cols_reach_q, rows_reach_q, step_q, j_idx[47:16]};
    w2_q <= w1_q;
    w3_q <= w2_q;
    data3_q <= pad2_q ? {LANES{zero_point_i}} : part;
  end

  naas_pick #(.N(SUBS), .W(LANES*8), .SW(SW)) u_part (.sel_i(sub2_q), .in_i(l2_data_i), .out_o(part));

  assign take_slot_o  = start;
  assign take_tile_o  = start & fresh_q;
  assign give_tile_o  = job_last & leave_q;
  assign give_ready_o = end2_q;
  assign l2_re_o      = v1_q & ~pad1_q;
  assign l2_addr_o    = l2_addr_q;
  assign valid_o      = v3_q;
  assign slot_o       = slot3_q;
  assign data_o       = data3_q;
  assign count_o      = n3_q;
  assign c_pos_o      = c3_q;
  assign c_addr_o     = ca3_q;
  assign k_pos_o      = k3_q;
  assign k_addr_o     = ka3_q;
  assign {x_last_o, y_last_o, x_reach_o, y_reach_o, step_o, x_o, y_o} = w3_q;
  assign busy_o       = run_q;
  assign words_o      = (v1_q & ~pad1_q) ? n1_q : 8'd0;

  wire unused = ^{moved, walked, zero, j_zero, inc, clr, last, tile_offset, job_offset, channel_stride_i, j_inc, j_clr,
                    origin_y, origin_x, j_idx, x_idx, wide_y, wide_x, wide_pad_y, wide_pad_x, wide_height, wide_width};

endmodule
`default_nettype wire
