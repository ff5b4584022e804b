// The drain engine: takes finished psum tiles out of the array, LANES neighbouring channels a cycle, and either adds
// them to the level-2 sums of their tile (or keeps the greater) or sends them through the output units into level 2 as bytes.
//
// Issue in cycle t; psum address in t+1, psum word in t+2, the lanes (registered at the array's edge) in t+3, where the
// level-2 sums meet them and a sum that is not final is written back. Final sums enter the output units in t+3 and
// their bytes are written in t+3+UNIT; what scales them enters in t+5. Without level-2 sums all are final.
`default_nettype none

module naas_drain #(
  parameter LANES = 16,  // psums per cycle
  parameter DRAINED = LANES, // and of these at a time, at the array's edge: those that output units take, if all are final
  parameter UNITS = 4,   // output units, a divisor of LANES
  parameter UNIT  = 8,   // latency of an output unit
  parameter PSUMW = 32,  // bits of a psum; those in level 2 have no more, beside copies of their sign
  parameter MAG_BITS   = 32,  // bits of an output unit's magnitudes
  parameter MULT_BITS  = 31,  // and of its multiplier
  parameter TIE_WINDOW = 1,   // 1 if output units can round as float32 does, 2 if they do nothing else
  parameter MAXIMUM = 0,      // 1 if layers may seek the greatest input
  parameter WORD  = 16,  // outputs of a level-2 word, a multiple of LANES
  parameter PK    = 16,
  parameter PW    = 5,   // bits of a position
  parameter OBITS = 32,  // bits of an output in level 2: 32, as sums accumulate there, or the 8 of its byte
  parameter AW    = 16,  // an output's place in a level-2 O slot
  parameter PAW   = 8,   // level-2 P word address, slot included
  parameter PDEPTH = 16, // level-2 P words per slot
  parameter SLOTS = 2,   // level-2 O slots
  parameter PSLOTS = 2,
  parameter BSLOTS = 2,  // psum buffer slots
  parameter LO    = 10,  // psum buffer address
  parameter [5:0]  ALONE = 6'b0,              // dimensions with one position: K C Y X R S
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}}, // bits of counts minus one: off-chip trips, G N K C Y X R S,
  parameter [47:0] TRIP_BITS  = {6{8'd16}},  // and K C Y X R S: level-2 trips,
  parameter [47:0] TILE_BITS  = {6{8'd16}},  // extents of an array tile,
  parameter [47:0] SHARE_BITS = {6{8'd16}}   // extents of a PE
) (
  input  wire                clk_i, rst_ni, load_i, active_i,
  // layer description
  input  wire                accumulate_i,
  input  wire                maximum_i,      // the greater of two bytes takes the place of the sum
  input  wire [14*14-1:0]    inner_i,
  input  wire [13:0]         relevant_i, p_relevant_i,
  input  wire [8*16-1:0]     offchip_last_i,
  input  wire [12*16-1:0]    l2_last_i,
  input  wire [3*16-1:0]     groups_last_i,  // groups of LANES channels minus one, by tile class
  input  wire [3*8-1:0]      tail_i,
  input  wire [3*16-1:0]     y_last_i, x_last_i, y_share_last_i, x_share_last_i,
  input  wire [3*16-1:0]     local_stride_i, // psum words per step of K Y X
  input  wire [3*32-1:0]     tile_stride_i,  // level-2 words per step of the level-2 loops K Y X
  input  wire [2*32-1:0]     job_stride_i,   // level-2 words per WORD channels, per row
  input  wire [31:0]         p_stride_i,     // level-2 P words per step of the level-2 loop K
  input  wire [7:0]          zero_point_i, lo_i, hi_i,
  // tokens
  input  wire                psum_i,         // a psum tile is complete
  input  wire                l2_slot_i,      // a level-2 O slot is free
  input  wire                params_i,       // a level-2 P tile is ready
  output wire                take_psum_o, take_l2_o, take_params_o,
  output wire                give_psum_o,    // the psum slot is free
  output wire                give_params_o,  // last use of a P tile
  output wire                give_l2_o,      // a level-2 O tile is complete
  // psum buffers
  output wire                ps_re_o, ps_slot_o,
  output wire [LO-1:0]       ps_addr_o,      // at k_pos_o; positions before it are one channel further
  output wire [PW-1:0]       ps_k_pos_o, ps_y_pos_o, ps_x_pos_o,
  output wire [5:0]          ps_phase_o,     // which of the lanes, DRAINED at a time
  input  wire [DRAINED*PSUMW-1:0] lanes_i,   // two cycles after ps_re_o
  // level-2 sums and bytes
  output wire                l2_re_o, l2_rslot_o,
  output wire [AW-1:0]       l2_raddr_o,
  input  wire [WORD*OBITS-1:0] l2_rdata_i,
  output wire [WORD*OBITS/8-1:0] l2_we_o,
  output wire                l2_wslot_o,
  output wire [AW-1:0]       l2_waddr_o,
  output wire [WORD*OBITS-1:0] l2_wdata_o,
  // level-2 parameters: per channel bias; multiplier, shift
  output wire                p_re_o,
  output wire [PAW-1:0]      p_addr_o,
  input  wire [WORD*32-1:0]  p_data_i,
  output wire                q_re_o,
  output wire [PAW-1:0]      q_addr_o,
  input  wire [WORD*40-1:0]  q_data_i,
  // counters
  output wire                busy_o,
  output wire [7:0]          words_o,
  output wire [7:0]          reads_o
);

  localparam SUMS   = OBITS == 32;   // sums accumulate in level 2
  localparam SUBS   = WORD / LANES;
  localparam SW     = (SUBS > 1) ? $clog2(SUBS) : 1;
  localparam PHASES = LANES / UNITS;
  localparam PHASE_LAST = PHASES - 1;
  localparam PB     = (PHASES > 1) ? $clog2(PHASES) : 0;   // bits of a phase
  localparam [4:0]  Tail = UNIT;

  // ---- which job is next
  wire [13:0] inc, clr, last, zero, walked, done;
  wire        walk_end;
  wire [14*14-1:0] inner;
  wire [1:0]  moved, moved_l2;
  reg         exhausted_q, run_q, fresh_o_q, fresh_p_q, leave_o_q, leave_p_q, slot_q, l2_slot_q, p_slot_q;
  reg         final_q, first_q;
  reg  [4:0]  tail_q;
  wire        start, job_last, issue_last, tail_job, is_first, is_final;

  assign start = active_i & ~exhausted_q & ((~run_q & tail_q == 5'd0) | job_last)
               & psum_i & (~fresh_o_q | l2_slot_i) & (~fresh_p_q | params_i);

  naas_walker #(.N(14), .CW(16), .OPS(2), .OFFCHIP_BITS(OFFCHIP_BITS), .TRIP_BITS(TRIP_BITS)) u_walker (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .relevant_i(relevant_i), .op_relevant_i({p_relevant_i, relevant_i}),
    .inner_i(inner_i), .offchip_last_i(offchip_last_i), .l2_last_i(l2_last_i), .inc_o(inc), .clr_o(clr), .last_o(last),
    .zero_o(zero), .walked_o(walked), .inner_o(inner), .end_o(walk_end), .moved_o(moved), .moved_l2_o(moved_l2)
  );

  // Reduction loops: off-chip C R S are 3 6 7, level-2 C R S are 9 12 13. Loops that this walk leaves out run inside
  // the array, so they neither come before nor after.
  assign done     = last | ~walked;
  assign is_first = !SUMS | &{zero[3], zero[6], zero[7], zero[9], zero[12], zero[13]};
  assign is_final = !SUMS | &{done[3], done[6], done[7], done[9], done[12], done[13]};

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      exhausted_q <= 1'b1;
      run_q       <= 1'b0;
      tail_q      <= 5'd0;
    end else if (load_i) begin
      exhausted_q <= 1'b0;
      run_q       <= 1'b0;
      tail_q      <= 5'd0;
    end else begin
      if (start) exhausted_q <= walk_end;
      run_q <= start | (run_q & ~issue_last);
      if (issue_last & tail_job) tail_q <= Tail;
      else if (tail_q != 5'd0) tail_q <= tail_q - 5'd1;
    end
  end

  always @(posedge clk_i) begin
    if (load_i) begin
      fresh_o_q <= 1'b1;
      fresh_p_q <= 1'b1;
      slot_q    <= (BSLOTS > 1);
      l2_slot_q <= (SLOTS > 1);
      p_slot_q  <= (PSLOTS > 1);
    end else if (start) begin
      fresh_o_q <= moved_l2[0];
      fresh_p_q <= moved_l2[1];
      slot_q    <= slot_q ^ (BSLOTS > 1);
      l2_slot_q <= l2_slot_q ^ (fresh_o_q & (SLOTS > 1));
      p_slot_q  <= p_slot_q ^ (fresh_p_q & (PSLOTS > 1));
    end
    if (start) begin
      leave_o_q <= moved_l2[0];
      leave_p_q <= moved_l2[1];
      first_q   <= is_first;
      final_q   <= is_final;
    end
  end

  // ---- extents and bases of the job
  wire [15:0] groups_last, y_last, x_last, y_share, x_share;
  wire [7:0]  tail;
  wire [AW-1:0]  tile_offset;
  wire [PAW-1:0] p_offset;
  reg  [63:0] job_last_q;
  reg  [15:0] y_share_q, x_share_q;
  reg  [7:0]  count_q;

  naas_extent #(.W(16), .BITS(TILE_BITS[0 +: 8])) u_groups (.last_i(last[8]), .edge_i(last[2]), .by_class_i(groups_last_i), .extent_o(groups_last));
  naas_extent #(.W(8), .BITS($clog2(LANES) + 1)) u_tail (.last_i(last[8]), .edge_i(last[2]), .by_class_i(tail_i), .extent_o(tail));
  naas_extent #(.W(16), .BITS(TILE_BITS[16 +: 8])) u_y (.last_i(last[10]), .edge_i(last[4]), .by_class_i(y_last_i), .extent_o(y_last));
  naas_extent #(.W(16), .BITS(TILE_BITS[24 +: 8])) u_x (.last_i(last[11]), .edge_i(last[5]), .by_class_i(x_last_i), .extent_o(x_last));
  naas_extent #(.W(16), .BITS(SHARE_BITS[16 +: 8])) u_ys (.last_i(last[10]), .edge_i(last[4]), .by_class_i(y_share_last_i), .extent_o(y_share));
  naas_extent #(.W(16), .BITS(SHARE_BITS[24 +: 8])) u_xs (.last_i(last[11]), .edge_i(last[5]), .by_class_i(x_share_last_i), .extent_o(x_share));

  naas_offset #(.N(14), .M(3), .LOOPS(12'hba8), .BITS({TRIP_BITS, OFFCHIP_BITS}), .AW(AW), .SW(32)) u_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(tile_stride_i), .base_i({AW{1'b0}}), .offset_o(tile_offset)
  );
  naas_offset #(.N(14), .M(1), .LOOPS(4'h8), .BITS({TRIP_BITS, OFFCHIP_BITS}), .AW(PAW), .SW(32)) u_p_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(p_stride_i), .base_i({PAW{1'b0}}), .offset_o(p_offset)
  );

  // ---- the job: channel groups, rows, columns, phases of the output units
  wire [3:0]  j_inc, j_clr, j_last, j_zero;
  wire [63:0] j_idx;
  wire        j_end;
  localparam [15:0] InJob = 16'h08ce;   // outermost first

  assign issue_last = run_q & j_end;
  assign tail_job   = final_q & accumulate_i;
  assign job_last   = tail_job ? tail_q == 5'd1 : issue_last;

  naas_nest #(.N(4), .CW(16), .BITS({PB[7:0], TILE_BITS[24 +: 8], TILE_BITS[16 +: 8], TILE_BITS[0 +: 8]})) u_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .walked_i(4'hf), .inner_i(InJob),
    .last_idx_i(job_last_q), .inc_o(j_inc), .clr_o(j_clr), .last_o(j_last), .zero_o(j_zero), .idx_o(j_idx), .end_o(j_end)
  );

  wire [AW-1:0] job_offset;
  wire [31:0]   x_idx;
  wire [SW-1:0] sub;
  wire          word_step;
  assign x_idx     = {16'd0, j_idx[47:32]};
  assign sub       = (SUBS > 1) ? j_idx[SW-1:0] : {SW{1'b0}};
  assign word_step = (SUBS > 1) ? (&sub) : 1'b1;

  naas_offset #(.N(4), .M(2), .LOOPS(8'h10), .FIXED(1), .AW(AW), .SW(32)) u_in_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({j_inc[3:1], j_inc[0] & word_step}), .clr_i(j_clr),
    .inner_i(InJob), .stride_i(job_stride_i), .base_i(tile_offset), .offset_o(job_offset)
  );
  wire [PAW-1:0] p_base, p_word;
  assign p_base = p_offset + ((p_slot_q ^ (fresh_p_q & (PSLOTS > 1))) ? PDEPTH[PAW-1:0] : {PAW{1'b0}});
  naas_offset #(.N(4), .M(1), .LOOPS(4'h0), .AW(PAW), .SW(32)) u_p_job (
    .clk_i(clk_i), .load_i(start), .step_i(run_q), .inc_i({j_inc[3:1], j_inc[0] & word_step}), .clr_i(j_clr),
    .inner_i(InJob), .stride_i(32'd1), .base_i(p_base), .offset_o(p_word)
  );

  wire [PW-1:0]    k_pos, y_pos, x_pos;
  wire [LO-1:0] k_off, y_off, x_off;
  naas_rotor #(.STEP(LANES), .SIZE(PK), .PW(PW), .AW(LO)) u_k (
    .clk_i(clk_i), .load_i(start), .step_i(run_q & j_inc[0]), .size_i({PW{1'b0}}), .stride_i(local_stride_i[0 +: LO]),
    .pos_o(k_pos), .offset_o(k_off)
  );
  naas_blocks #(.ALONE(ALONE[2]), .BITS(SHARE_BITS[16 +: 8]), .PW(PW), .AW(LO)) u_y_pos (
    .clk_i(clk_i), .load_i(start | (run_q & j_clr[1])), .step_i(run_q & j_inc[1]), .share_last_i(y_share_q),
    .stride_i(local_stride_i[16 +: LO]), .pos_o(y_pos), .offset_o(y_off)
  );
  naas_blocks #(.ALONE(ALONE[3]), .BITS(SHARE_BITS[24 +: 8]), .PW(PW), .AW(LO)) u_x_pos (
    .clk_i(clk_i), .load_i(start | (run_q & j_clr[2])), .step_i(run_q & j_inc[2]), .share_last_i(x_share_q),
    .stride_i(local_stride_i[32 +: LO]), .pos_o(x_pos), .offset_o(x_off)
  );

  always @(posedge clk_i) if (start) begin
    job_last_q <= {is_final ? PHASE_LAST[15:0] : 16'd0, x_last, y_last, groups_last};
    count_q    <= tail;
    y_share_q  <= y_share;
    x_share_q  <= x_share;
  end

  // ---- t+1, t+2: psum and level-2 addresses
  reg           v1_q, v2_q, v3_q, slot1_q, final1_q, final2_q, final3_q, first1_q, first2_q, first3_q;
  reg           l2s1_q, l2s2_q, l2s3_q;
  reg [LO-1:0]  ps_addr1_q;
  reg [PW-1:0]  k1_q, y1_q, x1_q;
  reg [AW-1:0]  vec1_q, vec2_q, vec3_q;
  reg [PAW-1:0] p1_q, p2_q, p3_q, p4_q;
  reg [SW-1:0]  sub1_q, sub2_q, sub3_q;
  reg [5:0]     ph1_q, ph2_q, ph3_q;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {v1_q, v2_q, v3_q} <= 3'd0;
    else {v1_q, v2_q, v3_q} <= {run_q, v1_q, v2_q};
  end

  always @(posedge clk_i) begin
    slot1_q    <= slot_q;
    ps_addr1_q <= k_off + y_off + x_off;
    {k1_q, y1_q, x1_q} <= {k_pos, y_pos, x_pos};
    vec1_q <= job_offset + x_idx[AW-1:0];
    p1_q   <= p_word;
    {final1_q, final2_q, final3_q} <= {final_q, final1_q, final2_q};
    {first1_q, first2_q, first3_q} <= {first_q, first1_q, first2_q};
    {l2s1_q, l2s2_q, l2s3_q}       <= {l2_slot_q, l2s1_q, l2s2_q};
    {vec2_q, vec3_q}               <= {vec1_q, vec2_q};
    {p2_q, p3_q, p4_q}             <= {p1_q, p2_q, p3_q};
    {sub1_q, sub2_q, sub3_q}       <= {sub, sub1_q, sub2_q};
    {ph1_q, ph2_q, ph3_q}          <= {j_idx[53:48], ph1_q, ph2_q};
  end

  // ---- t+3: add the level-2 sums; what is final enters the output units
  wire [DRAINED*PSUMW-1:0] sums;
  wire [UNITS*8-1:0]  bytes;
  wire [UNITS*PSUMW-1:0] unit_sums;
  wire [9*UNITS*8-1:0] unit_params;
  wire [9*WORD*8-1:0] planes;
  wire [SW-1:0]       sub5;
  wire [5:0]          ph5;
  assign planes = {q_data_i, p_data_i};
  wire maximum = MAXIMUM != 0 && maximum_i;
  genvar n, u;
  naas_pick #(.N(DRAINED/UNITS), .W(UNITS*PSUMW), .SW(6)) u_sums (.sel_i(ph3_q), .in_i(sums), .out_o(unit_sums));
  generate
    // Level 2 keeps plane p of channel c at byte p*WORD + c.
    for (n = 0; n < 9; n = n + 1) begin : g_plane
      wire [LANES*8-1:0] lanes;
      naas_pick #(.N(SUBS), .W(LANES*8), .SW(SW)) u_lanes (
        .sel_i(n < 4 ? sub3_q : sub5), .in_i(planes[n*WORD*8 +: WORD*8]), .out_o(lanes)
      );
      naas_pick #(.N(PHASES), .W(UNITS*8), .SW(6)) u_units (
        .sel_i(n < 4 ? ph3_q : ph5), .in_i(lanes), .out_o(unit_params[n*UNITS*8 +: UNITS*8])
      );
    end
    if (SUMS) begin : g_sums
      wire [LANES*32-1:0] old_part;
      naas_pick #(.N(SUBS), .W(LANES*32), .SW(SW)) u_old (.sel_i(sub3_q), .in_i(l2_rdata_i), .out_o(old_part));
      for (n = 0; n < LANES; n = n + 1) begin : g_lane
        wire [PSUMW-1:0] lane, earlier;
        assign lane    = lanes_i[n*PSUMW +: PSUMW];
        assign earlier = old_part[n*32 +: PSUMW] & {PSUMW{~first3_q}};
        assign sums[n*PSUMW +: PSUMW] = !maximum ? lane + earlier : (earlier[7:0] > lane[7:0]) ? earlier : lane;
      end
      wire unused = ^old_part;
    end else begin : g_no_sums
      assign sums = lanes_i;
      wire unused = ^{l2_rdata_i, maximum, first3_q};
    end
    for (u = 0; u < UNITS; u = u + 1) begin : g_unit
      wire [71:0] params;
      wire [30:0] mult;
      // Bias 0-3; multiplier 4-7, its top bit the tie window; shift 8, the rounding in its two top bits.
      for (n = 0; n < 9; n = n + 1) begin : g_param
        assign params[n*8 +: 8] = unit_params[(n*UNITS + u)*8 +: 8];
      end
      assign mult = params[62:32];
      naas_output_unit #(
        .SUM_BITS(PSUMW), .MAG_BITS(MAG_BITS), .MULT_BITS(MULT_BITS), .TIE_WINDOW(TIE_WINDOW)
      ) u_unit (
        .clk_i(clk_i), .sum_i(unit_sums[u*PSUMW +: PSUMW]), .bias_i(params[31:0]), .mult_i(mult[MULT_BITS-1:0]),
        .shift_i(params[69:64]), .round_i(params[71:70]), .window_i(params[63]), .zero_point_i(zero_point_i), .lo_i(lo_i),
        .hi_i(hi_i), .out_o(bytes[u*8 +: 8])
      );
      wire unused_mult = ^mult;
    end
  endgenerate

  // ---- t+3+UNIT: bytes into level 2
  // A place is the same in all phases: behind the rest of UNIT it goes on at the end of each round of them.
  localparam BW     = AW + SW + 1;
  localparam ROUNDS = UNIT / PHASES;
  localparam REST   = UNIT % PHASES;
  reg  [UNIT-1:0]   late_v_q;
  reg  [UNIT*6-1:0] late_ph_q;
  reg  [2*SW-1:0]   late_sub_q;
  wire [UNIT:0]     late = {late_v_q, v3_q & final3_q};
  wire [UNIT*6+5:0] phases = {late_ph_q, ph3_q};
  wire [(REST + ROUNDS + 1)*BW-1:0] places;
  wire [AW-1:0]     late_vec;
  wire [SW-1:0]     late_sub;
  wire [5:0]        late_ph;
  wire              late_slot, late_v;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) late_v_q <= {UNIT{1'b0}};
    else late_v_q <= late[UNIT-1:0];
  end
  always @(posedge clk_i) begin
    late_ph_q  <= phases[UNIT*6-1:0];
    late_sub_q <= {late_sub_q[SW-1:0], sub3_q};
  end

  assign places[0 +: BW] = {l2s3_q, sub3_q, vec3_q};
  generate
    for (n = 0; n < REST + ROUNDS; n = n + 1) begin : g_late
      localparam AFTER = n < REST ? 0 : REST + (n - REST)*PHASES;   // cycles after t+3
      reg [BW-1:0] place_q;
      always @(posedge clk_i) if (n < REST || (late[AFTER] && phases[AFTER*6 +: 6] == PHASE_LAST[5:0])) place_q <= places[n*BW +: BW];
      assign places[(n+1)*BW +: BW] = place_q;
    end
  endgenerate

  assign ph5     = phases[2*6 +: 6];
  assign sub5    = late_sub_q[SW +: SW];
  assign late_ph = phases[UNIT*6 +: 6];
  assign {late_slot, late_sub, late_vec} = places[(REST + ROUNDS)*BW +: BW];
  assign late_v  = late[UNIT];

  // Complete tiles pack four bytes to a 32-bit word; where sums accumulate, a byte replaces the lowest of its own sum.
  wire [1:0]    late_byte;
  wire [AW-1:0] late_word;
  assign late_byte = accumulate_i ? 2'd0 : late_vec[1:0];
  assign late_word = (accumulate_i | !SUMS) ? late_vec : late_vec >> 2;

  generate
    for (n = 0; n < WORD; n = n + 1) begin : g_write
      localparam SUB = n / LANES;
      localparam PH  = (n % LANES) / UNITS;
      wire byte_we;
      wire [7:0] out = bytes[(n % UNITS)*8 +: 8];
      assign byte_we = late_v & (SUBS == 1 || late_sub == SUB[SW-1:0]) & (late_ph == PH[5:0]);
      if (SUMS) begin : g_word
        wire sum_we;
        wire [PSUMW-1:0] sum = sums[(n % LANES)*PSUMW +: PSUMW];
        assign sum_we  = v3_q & ~final3_q & (SUBS == 1 || sub3_q == SUB[SW-1:0]);
        assign l2_we_o[n*4 +: 4]     = {4{sum_we}} | ({3'd0, byte_we} << late_byte);
        assign l2_wdata_o[n*32 +: 32] = late_v ? {4{out}} : {{(33-PSUMW){sum[PSUMW-1]}}, sum[PSUMW-2:0]};
      end else begin : g_byte
        assign l2_we_o[n]           = byte_we;
        assign l2_wdata_o[n*8 +: 8] = out;
      end
    end
  endgenerate
  assign l2_wslot_o = (late_v | !SUMS) ? late_slot : l2s3_q;
  assign l2_waddr_o = (late_v | !SUMS) ? late_word : vec3_q;

`ifndef SYNTHESIS
  // A sum is written one cycle after those of the next job may be read.
  always @(posedge clk_i) if (start & ~moved[0]) begin $display("%m: two jobs in a row drain one tile"); $stop; end
  always @(posedge clk_i) if (v3_q & ~final3_q & (late_v | (l2_re_o & {l2s2_q, sub2_q, vec2_q} == {l2s3_q, sub3_q, vec3_q})))
    begin $display("%m: a sum is written in a byte's cycle, or in the one that reads it"); $stop; end
`endif

  // ---- tokens
  reg [UNIT+2:0] complete_q;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) complete_q <= {(UNIT+3){1'b0}};
    else complete_q <= {complete_q[UNIT+1:0], job_last & leave_o_q};
  end

  assign take_psum_o   = start;
  assign take_l2_o     = start & fresh_o_q;
  assign take_params_o = start & fresh_p_q;
  assign give_psum_o   = job_last;
  assign give_params_o = job_last & leave_p_q;
  assign give_l2_o     = complete_q[UNIT+2];

  assign ps_re_o    = v1_q;
  assign ps_slot_o  = slot1_q;
  assign ps_addr_o  = ps_addr1_q;
  assign ps_k_pos_o = k1_q;
  assign ps_y_pos_o = y1_q;
  assign ps_x_pos_o = x1_q;
  assign ps_phase_o = ph1_q;
  assign l2_re_o    = v2_q & ~first2_q;
  assign l2_rslot_o = l2s2_q;
  assign l2_raddr_o = vec2_q;
  assign p_re_o     = v2_q & final2_q;
  assign p_addr_o   = p2_q;
  assign q_re_o     = late[1];
  assign q_addr_o   = p4_q;

  assign busy_o  = run_q;
  assign words_o = !(run_q & j_zero[3]) ? 8'd0 : j_last[0] ? count_q : LANES[7:0];
  assign reads_o = first_q ? 8'd0 : words_o;

  wire unused = ^{moved, inc, clr, zero, last, walked, done, tile_offset, p_offset, job_offset, p_word, x_idx, j_inc,
                    j_clr, j_last, j_zero, j_idx, local_stride_i, phases, late_sub_q, late_byte};

endmodule
`default_nettype wire
