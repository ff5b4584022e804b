// Loads weight tiles from level 2 into the W buffers, LANES output channels a cycle.
//
// Issue in cycle t; level-2 address in t+1, its word in t+2, the network register (the *_o beat) in t+3; the edge of
// the array registers once more and writes in t+4. A job of the next tile starts in the cycle after this one ends.
`default_nettype none

module naas_w_loader #(
  parameter LANES = 16,   // bytes per cycle
  parameter WORD  = 16,   // bytes of a level-2 word, a multiple of LANES
  parameter PK    = 16,   // size of the K axis
  parameter PC    = 16,   // size of the C axis
  parameter CF    = 0,    // 1: C shares an axis, the layer says how many positions it has
  parameter PW    = 5,    // bits of a position
  parameter AW    = 16,   // level-2 word address, slot included
  parameter DEPTH = 4096, // level-2 words per slot
  parameter SLOTS = 2,    // level-2 slots
  parameter BSLOTS = 2,   // W buffer slots
  parameter LW    = 10,   // W buffer address
  parameter [5:0]  ALONE = 6'b0,             // dimensions with one position: K C Y X R S
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}}, // bits of counts minus one: off-chip trips, G N K C Y X R S,
  parameter [47:0] TRIP_BITS  = {6{8'd16}},  // and K C Y X R S: level-2 trips,
  parameter [47:0] TILE_BITS  = {6{8'd16}},  // extents of an array tile,
  parameter [47:0] SHARE_BITS = {6{8'd16}}   // extents of a PE
) (
  input  wire               clk_i, rst_ni,
  input  wire               load_i,       // a layer begins
  input  wire               active_i,     // jobs may start
  // layer description
  input  wire [14*14-1:0]   inner_i,
  input  wire [13:0]        relevant_i,
  input  wire [8*16-1:0]    offchip_last_i,
  input  wire [12*16-1:0]   l2_last_i,
  input  wire [3*16-1:0]    groups_last_i, // groups of LANES channels minus one, by tile class
  input  wire [3*8-1:0]     tail_i,        // channels in the last group, by tile class
  input  wire [3*16-1:0]    c_last_i,
  input  wire [PW-1:0]      c_positions_i,
  input  wire [3*16-1:0]    r_last_i, s_last_i,
  input  wire [3*16-1:0]    r_share_last_i, // taps of one R position minus one
  input  wire [3*16-1:0]    s_share_last_i,
  input  wire [4*32-1:0]    tile_stride_i, // level-2 words per step of the level-2 loops K, C, R, S
  input  wire [3*32-1:0]    job_stride_i,  // level-2 words per WORD channels, per c, per r
  input  wire [3*16-1:0]    local_stride_i,// W buffer words per local k, c, r
  // tokens
  input  wire               slot_i,        // a W buffer slot is free
  input  wire               tile_i,        // a level-2 tile is ready
  output wire               take_slot_o, take_tile_o,
  output wire               give_tile_o,   // last read of a level-2 tile
  output wire               give_ready_o,  // an array tile is ready, as the compute engine counts it
  // level 2
  output wire               l2_re_o,
  output wire [AW-1:0]      l2_addr_o,
  input  wire [WORD*8-1:0]  l2_data_i,
  // beat to the array's edge
  output wire               valid_o, slot_o,
  output wire [PW-1:0]      k_pos_o,       // K position of lane 0
  output wire [PW-1:0]      c_pos_o,       // C, R and S positions
  output wire [PW-1:0]      r_pos_o, s_pos_o,
  output wire [LW-1:0]      addr_o,        // W buffer address at k_pos_o
  output wire [LANES*8-1:0] data_o,
  output wire [7:0]         count_o,       // valid lanes: the others may lie beyond the end of the W buffer
  // counters
  output wire               busy_o,
  output wire [7:0]         words_o
);

  localparam SUBS = WORD / LANES;
  localparam KB   = TILE_BITS[0 +: 8],   CB  = TILE_BITS[8 +: 8], RB = TILE_BITS[32 +: 8], SB = TILE_BITS[40 +: 8];
  localparam RSB  = SHARE_BITS[32 +: 8], SSB = SHARE_BITS[40 +: 8];
  localparam TB   = $clog2(LANES) + 1;
  localparam [31:0] JOB_BITS = {TILE_BITS[40 +: 8], TILE_BITS[32 +: 8], TILE_BITS[8 +: 8], TILE_BITS[0 +: 8]};
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

  // ---- extents and level-2 base of the job
  wire [15:0] groups_last, c_last, r_last, s_last, r_share, s_share;
  wire [7:0]  tail;
  wire [AW-1:0] tile_offset;
  reg  [63:0] job_last_q;
  reg  [15:0] r_share_q, s_share_q;
  reg  [7:0]  tail_q;

  naas_extent #(.W(16), .BITS(KB)) u_groups (.last_i(last[8]), .edge_i(last[2]), .by_class_i(groups_last_i), .extent_o(groups_last));
  naas_extent #(.W(8), .BITS(TB)) u_tail (.last_i(last[8]), .edge_i(last[2]), .by_class_i(tail_i), .extent_o(tail));
  naas_extent #(.W(16), .BITS(CB)) u_c (.last_i(last[9]), .edge_i(last[3]), .by_class_i(c_last_i), .extent_o(c_last));
  naas_extent #(.W(16), .BITS(RB)) u_r (.last_i(last[12]), .edge_i(last[6]), .by_class_i(r_last_i), .extent_o(r_last));
  naas_extent #(.W(16), .BITS(SB)) u_s (.last_i(last[13]), .edge_i(last[7]), .by_class_i(s_last_i), .extent_o(s_last));
  naas_extent #(.W(16), .BITS(RSB)) u_rs (.last_i(last[12]), .edge_i(last[6]), .by_class_i(r_share_last_i), .extent_o(r_share));
  naas_extent #(.W(16), .BITS(SSB)) u_ss (.last_i(last[13]), .edge_i(last[7]), .by_class_i(s_share_last_i), .extent_o(s_share));

  naas_offset #(.N(14), .M(4), .LOOPS(16'hdc98), .BITS({TRIP_BITS, OFFCHIP_BITS}), .AW(AW), .SW(32)) u_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(tile_stride_i), .base_i({AW{1'b0}}), .offset_o(tile_offset)
  );

  // ---- the job: channel groups, c, r, s
  wire [3:0]  j_inc, j_clr, j_last, j_zero;
  wire [63:0] j_idx;
  wire        j_end;
  reg  [AW-1:0] l2_addr_q;
  localparam [15:0] InJob = 16'h08ce;   // outermost first

  assign job_last = run_q & j_end;

  naas_nest #(.N(4), .CW(16), .BITS(JOB_BITS)) u_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .walked_i(4'hf), .inner_i(InJob),
    .last_idx_i(job_last_q), .inc_o(j_inc), .clr_o(j_clr), .last_o(j_last), .zero_o(j_zero), .idx_o(j_idx), .end_o(j_end)
  );

  wire [AW-1:0] base, job_offset;
  wire [31:0]   s_idx;
  wire          word_step;
  wire [SW-1:0] sub;
  assign s_idx     = {16'd0, j_idx[63:48]};
  assign sub       = (SUBS > 1) ? j_idx[SW-1:0] : {SW{1'b0}};
  assign word_step = (SUBS > 1) ? (&sub) : 1'b1;

  // The slot that this job reads is the one after the next start's toggle of a fresh tile.
  assign base = tile_offset + ((l2_slot_q ^ (fresh_q & (SLOTS > 1))) ? DEPTH[AW-1:0] : {AW{1'b0}});
  naas_offset #(.N(4), .M(3), .LOOPS(12'h210), .FIXED(1), .AW(AW), .SW(32)) u_in_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({j_inc[3:1], j_inc[0] & word_step}), .clr_i(j_clr),
    .inner_i(InJob), .stride_i(job_stride_i), .base_i(base), .offset_o(job_offset)
  );

  // ---- local addresses
  wire [PW-1:0] k_pos, c_pos, r_pos, s_pos;
  wire [LW-1:0] k_off, c_off, r_off, s_off;

  naas_rotor #(.STEP(LANES), .SIZE(PK), .PW(PW), .AW(LW)) u_k (
    .clk_i(clk_i), .load_i(start), .step_i(run_q & j_inc[0]), .size_i({PW{1'b0}}), .stride_i(local_stride_i[0 +: LW]),
    .pos_o(k_pos), .offset_o(k_off)
  );
  naas_rotor #(.STEP(1), .SIZE(PC), .SPLIT(CF), .PW(PW), .AW(LW)) u_cpos (
    .clk_i(clk_i), .load_i(start | (run_q & j_clr[1])), .step_i(run_q & j_inc[1]), .size_i(c_positions_i),
    .stride_i(local_stride_i[16 +: LW]), .pos_o(c_pos), .offset_o(c_off)
  );
  naas_blocks #(.ALONE(ALONE[4]), .BITS(RSB), .PW(PW), .AW(LW)) u_r_pos (
    .clk_i(clk_i), .load_i(start | (run_q & j_clr[2])), .step_i(run_q & j_inc[2]), .share_last_i(r_share_q),
    .stride_i(local_stride_i[32 +: LW]), .pos_o(r_pos), .offset_o(r_off)
  );
  naas_blocks #(.ALONE(ALONE[5]), .BITS(SSB), .PW(PW), .AW(LW)) u_s_pos (
    .clk_i(clk_i), .load_i(start | (run_q & j_clr[3])), .step_i(run_q & j_inc[3]), .share_last_i(s_share_q),
    .stride_i({{(LW-1){1'b0}}, 1'b1}), .pos_o(s_pos), .offset_o(s_off)
  );

  always @(posedge clk_i) begin
    if (start) begin
      job_last_q <= {s_last, r_last, c_last, groups_last};
      tail_q     <= tail;
      r_share_q  <= r_share;
      s_share_q  <= s_share;
    end
    l2_addr_q <= job_offset + s_idx[AW-1:0];
  end

  // ---- pipeline to the edge
  reg               v1_q, v2_q, v3_q, end1_q, end2_q, slot1_q, slot2_q, slot3_q;
  reg [SW-1:0]      sub1_q, sub2_q;
  reg [4*PW-1:0]    pos1_q, pos2_q, pos3_q;
  reg [LW-1:0]      a1_q, a2_q, a3_q;
  reg [LANES*8-1:0] data3_q;
  reg [TB-1:0]      count1_q, count2_q, count3_q;
  wire [LANES*8-1:0] part;

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
    {pos1_q, pos2_q, pos3_q}    <= {k_pos, c_pos, r_pos, s_pos, pos1_q, pos2_q};
    a1_q    <= k_off + c_off + r_off + s_off;
    a2_q    <= a1_q;
    a3_q    <= a2_q;
    sub1_q  <= sub;
    sub2_q  <= sub1_q;
    data3_q <= part;
    {count1_q, count2_q, count3_q} <= {words_o[TB-1:0], count1_q, count2_q};
  end

  naas_pick #(.N(SUBS), .W(LANES*8), .SW(SW)) u_part (.sel_i(sub2_q), .in_i(l2_data_i), .out_o(part));

  assign take_slot_o  = start;
  assign take_tile_o  = start & fresh_q;
  assign give_tile_o  = job_last & leave_q;
  assign give_ready_o = end2_q;
  assign l2_re_o      = v1_q;
  assign l2_addr_o    = l2_addr_q;
  assign valid_o      = v3_q;
  assign slot_o       = slot3_q;
  assign {k_pos_o, c_pos_o, r_pos_o, s_pos_o} = pos3_q;
  assign addr_o       = a3_q;
  assign data_o       = data3_q;
  assign count_o      = {{(8-TB){1'b0}}, count3_q};
  assign busy_o       = run_q;
  assign words_o      = !run_q ? 8'd0 : j_last[0] ? tail_q : LANES[7:0];

  wire unused = ^{moved, walked, zero, j_zero, inc, clr, last, tile_offset, job_offset, local_stride_i, j_idx, s_idx, j_last, j_inc, j_clr};

endmodule
`default_nettype wire
