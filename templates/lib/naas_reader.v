// The off-chip read engine: fetches layer descriptors, and per off-chip step the I, W and P tiles that moved, in this
// order. AXI4 read master; bursts of up to 16 beats that never cross a 16-beat boundary, hence no 4 KiB boundary.
//
// One beat is issued per cycle. A burst's address goes out in the cycle after its first beat's issue; each beat's level-2
// place waits in a queue until the beat arrives. Window positions in the padding cost their cycle and request nothing,
// except the last beat of a job, which is always requested, so that the job's end is seen in the data. The token for a
// tile is given in the cycle in which its last beat is written to level 2, one after the beat arrived.
`default_nettype none

module naas_reader #(
  parameter BUS    = 16,   // bytes of a beat
  parameter ISUBS  = 1,    // beats of a level-2 I word
  parameter WSUBS  = 1,    // beats of a level-2 W word
  parameter PSUBS  = 1,    // beats of a plane of a level-2 P word
  parameter DESC   = 32,   // beats of a descriptor
  parameter QUEUE  = 128,  // beats under way, a power of two
  parameter ISLOTS = 2,
  parameter WSLOTS = 2,
  parameter PSLOTS = 2,
  parameter CW     = 20,   // beat address within a level-2 slot
  parameter AB     = 28,   // bits of a beat address, at most 32 - log2(BUS)
  parameter MB     = 17,   // bits of a row or column of the padded input
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}},  // bits of an off-chip trip count minus one: G N K C Y X R S
  parameter GB     = 16,   // bits of a count of channel blocks or words minus one
  parameter CB     = 16,   // of level-2 channels of weights
  parameter RB     = 16,   // of level-2 taps
  parameter WB     = 16    // of a level-2 window's row or column
) (
  input  wire             clk_i, rst_ni, load_i, active_i,
  // descriptor fetch
  input  wire             desc_req_i,     // pulse
  input  wire [31:0]      desc_addr_i,    // byte address, until desc_done_o
  output wire             desc_we_o,
  output wire [7:0]       desc_beat_o,
  output wire             desc_done_o,    // with the last descriptor beat
  // layer description
  input  wire             depthwise_i,
  input  wire [14*14-1:0] inner_i,
  input  wire [7:0]       i_relevant_i, w_relevant_i, p_relevant_i,
  input  wire [8*16-1:0]  offchip_last_i,
  input  wire [2*16-1:0]  i_blocks_last_i, // blocks of BUS channels minus one: full, edge
  input  wire [4*32-1:0]  reach_i,         // (rows - 1) * stride, (taps - 1) * dilation: Y X R S, full, edge
  input  wire [2*32-1:0]  origin_y_i,      // input rows per step of the off-chip loops Y, R
  input  wire [2*32-1:0]  origin_x_i,
  input  wire [15:0]      pad_y_i, pad_x_i, height_i, width_i,
  input  wire [31:0]      i_safe_i,        // beat address of the tensor
  input  wire [31:0]      i_base_i,        // beat address of the first window position, padding subtracted
  input  wire [8*32-1:0]  i_tile_stride_i, // beats per step of the off-chip loops
  input  wire [3*32-1:0]  i_job_stride_i,  // beats per block, row, column
  input  wire [2*32-1:0]  i_l2_stride_i,   // level-2 beats per word of channels, per row
  input  wire             i_single_i,      // columns are not neighbours off chip: bursts of one beat
  input  wire [31:0]      w_base_i,
  input  wire [5*32-1:0]  w_tile_stride_i, // beats per step of the off-chip loops G, K, C, R, S
  input  wire [16*32-1:0] w_beats_last_i,  // beats minus one, by {S, R, C, K} at their edge
  input  wire [2*16-1:0]  w_words_last_i,  // K words minus one: full, edge
  input  wire [2*16-1:0]  c_last_i, r_last_i, s_last_i,
  input  wire [3*32-1:0]  w_l2_stride_i,   // level-2 beats per K word, c, r
  input  wire [31:0]      p_base_i,
  input  wire [2*32-1:0]  p_tile_stride_i, // beats per step of the off-chip loops G, K
  input  wire [2*32-1:0]  p_beats_last_i,
  input  wire [2*16-1:0]  p_words_last_i,
  // tokens
  input  wire             i_slot_i, w_slot_i, p_slot_i,
  output wire             take_i_o, take_w_o, take_p_o,
  output wire             give_i_o, give_w_o, give_p_o,
  // level 2 (and descriptor) write: one of *_we_o
  output wire             i_we_o, w_we_o, p_we_o,
  output wire             l2_slot_o,
  output wire [CW-1:0]    l2_beat_o,
  output wire [BUS*8-1:0] data_o,
  // AXI4 read channels
  output wire             arvalid_o,
  input  wire             arready_i,
  output wire [31:0]      araddr_o,
  output wire [7:0]       arlen_o,
  input  wire             rvalid_i,
  output wire             rready_o,
  input  wire [BUS*8-1:0] rdata_i,
  // counters
  output wire             request_o       // a beat of I, W or P is requested
);

  localparam BB = $clog2(BUS);
  localparam QW = $clog2(QUEUE);
  localparam SB = MB + 1;    // bits of a signed row, before the padding, too
  localparam [15:0] WINDOW = 16'hffff >> (16 - WB);
  // The innermost two loops also count taps, planes and a descriptor's beats.
  localparam [7:0] ROW_BITS = (WB > RB) ? ((WB > 4) ? WB : 4) : ((RB > 4) ? RB : 4);
  localparam [7:0] COL_BITS = (WB > 8) ? WB : 8;
  localparam [1:0] KindI = 2'd0, KindW = 2'd1, KindP = 2'd2, KindD = 2'd3;

  // ---- which job is next
  wire [7:0] inc, clr, last, zero, walked;
  wire       walk_end;
  wire [63:0] inner;
  wire [2:0] moved, moved_l2;
  reg  [2:0] pending_q;      // I, W, P jobs of the current step
  reg        exhausted_q, run_q, desc_q;
  wire       start, start_tile, step, job_last, stall, go, ready;
  wire [1:0] kind;
  wire [2:0] rest;

  assign kind       = desc_q ? KindD : pending_q[0] ? KindI : pending_q[1] ? KindW : KindP;
  assign rest       = pending_q[0] ? {pending_q[2:1], 1'b0} : pending_q[1] ? {pending_q[2], 2'b00} : 3'b000;
  assign ready      = pending_q[0] ? i_slot_i : pending_q[1] ? w_slot_i : p_slot_i;
  assign go         = ~run_q | job_last;
  assign start_tile = active_i & ~exhausted_q & go & ready;
  assign start      = start_tile | (desc_q & go);
  assign step       = start_tile & (rest == 3'b000);

  naas_walker #(.N(8), .CW(16), .OPS(3), .OFFCHIP_BITS(OFFCHIP_BITS)) u_walker (
    .clk_i(clk_i), .load_i(load_i), .step_i(step), .relevant_i(i_relevant_i | w_relevant_i | p_relevant_i),
    .op_relevant_i({p_relevant_i, w_relevant_i, i_relevant_i}), .inner_i(inner_i), .offchip_last_i(offchip_last_i),
    .l2_last_i(192'd0), .inc_o(inc), .clr_o(clr), .last_o(last), .zero_o(zero), .walked_o(walked), .inner_o(inner), .end_o(walk_end),
    .moved_o(moved), .moved_l2_o(moved_l2)
  );

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      exhausted_q <= 1'b1;
      run_q       <= 1'b0;
      desc_q      <= 1'b0;
      pending_q   <= 3'b000;
    end else begin
      if (load_i) begin
        exhausted_q <= 1'b0;
        pending_q   <= 3'b111;
      end else if (start_tile) begin
        exhausted_q <= step & walk_end;
        pending_q   <= step ? moved : rest;
      end
      desc_q <= desc_req_i | (desc_q & ~start);
      run_q  <= start | (run_q & ~job_last);
    end
  end

  // ---- the job
  wire        ch_edge;
  wire [AB-1:0] i_tile, w_tile, p_tile;
  wire [SB-1:0] origin_y, origin_x;
  reg  [1:0]  kind_q;
  reg         slot_q, i_slot_q, w_slot_q, p_slot_q;
  reg  [79:0] job_last_q;
  reg  [AB-1:0] base_q;
  reg  [CW-1:0] beats_last_q, beat_q;
  reg  [SB-1:0] origin_y_q, origin_x_q;
  wire [3:0]  w_edges;

  assign ch_edge = depthwise_i ? last[2] : last[3];
  assign w_edges = {last[7], last[6], last[3], last[2]};

  naas_offset #(.N(8), .M(8), .LOOPS(32'h76543210), .BITS(OFFCHIP_BITS), .AW(AB), .SW(32)) u_i_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(step), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(i_tile_stride_i), .base_i(i_base_i[AB-1:0]), .offset_o(i_tile)
  );
  naas_offset #(.N(8), .M(5), .LOOPS(20'h76320), .BITS(OFFCHIP_BITS), .AW(AB), .SW(32)) u_w_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(step), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(w_tile_stride_i), .base_i(w_base_i[AB-1:0]), .offset_o(w_tile)
  );
  naas_offset #(.N(8), .M(2), .LOOPS(8'h20), .BITS(OFFCHIP_BITS), .AW(AB), .SW(32)) u_p_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(step), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(p_tile_stride_i), .base_i(p_base_i[AB-1:0]), .offset_o(p_tile)
  );
  naas_offset #(.N(8), .M(2), .LOOPS(8'h64), .BITS(OFFCHIP_BITS), .AW(SB), .SW(32)) u_origin_y (
    .clk_i(clk_i), .load_i(load_i), .step_i(step), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(origin_y_i), .base_i({SB{1'b0}}), .offset_o(origin_y)
  );
  naas_offset #(.N(8), .M(2), .LOOPS(8'h75), .BITS(OFFCHIP_BITS), .AW(SB), .SW(32)) u_origin_x (
    .clk_i(clk_i), .load_i(load_i), .step_i(step), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(origin_x_i), .base_i({SB{1'b0}}), .offset_o(origin_x)
  );

  localparam W_SUB_LAST = WSUBS - 1;
  localparam P_SUB_LAST = PSUBS - 1;
  localparam DESC_LAST  = DESC - 1;
  wire [15:0] window_rows, window_cols;
  assign window_rows = WINDOW & (reach_i[last[4]*16 +: 16] + reach_i[64 + last[6]*16 +: 16]);
  assign window_cols = WINDOW & (reach_i[32 + last[5]*16 +: 16] + reach_i[96 + last[7]*16 +: 16]);

  // Loops, outermost first: I: block, -, -, row, column; W: word of K, c, r, s, beat; P: word of K, -, -, plane, beat.
  always @(posedge clk_i) begin
    if (start) begin
      kind_q <= kind;
      case (kind)
        KindI: begin
          job_last_q   <= {window_cols, window_rows, 32'd0, ch_edge ? i_blocks_last_i[31:16] : i_blocks_last_i[15:0]};
          base_q       <= i_tile;
          beats_last_q <= {CW{1'b0}};
        end
        KindW: begin
          job_last_q   <= {W_SUB_LAST[15:0], last[7] ? s_last_i[31:16] : s_last_i[15:0], last[6] ? r_last_i[31:16] : r_last_i[15:0],
                           last[3] ? c_last_i[31:16] : c_last_i[15:0],
                           last[2] ? w_words_last_i[31:16] : w_words_last_i[15:0]};
          base_q       <= w_tile;
          beats_last_q <= w_beats_last_i[w_edges * 32 +: CW];
        end
        KindP: begin
          job_last_q   <= {P_SUB_LAST[15:0], 16'd8, 32'd0, last[2] ? p_words_last_i[31:16] : p_words_last_i[15:0]};
          base_q       <= p_tile;
          beats_last_q <= last[2] ? p_beats_last_i[32 +: CW] : p_beats_last_i[0 +: CW];
        end
        default: begin
          job_last_q   <= {DESC_LAST[15:0], 64'd0};
          base_q       <= desc_addr_i[BB +: AB];
          beats_last_q <= DESC_LAST[CW-1:0];
        end
      endcase
      origin_y_q <= origin_y - pad_y[SB-1:0];
      origin_x_q <= origin_x - pad_x[SB-1:0];
      slot_q     <= kind == KindI ? ~i_slot_q & (ISLOTS > 1)
                  : kind == KindW ? ~w_slot_q & (WSLOTS > 1) : ~p_slot_q & (PSLOTS > 1);
    end
    if (load_i) {i_slot_q, w_slot_q, p_slot_q} <= 3'b111;
    else if (start_tile) begin
      if (kind == KindI) i_slot_q <= ~i_slot_q;
      if (kind == KindW) w_slot_q <= ~w_slot_q;
      if (kind == KindP) p_slot_q <= ~p_slot_q;
    end
    if (start) beat_q <= {CW{1'b0}};
    else if (issue) beat_q <= beat_q + 1'b1;
  end

  wire [4:0]  j_inc, j_clr, j_last, j_zero;
  wire [79:0] j_idx;
  wire        j_end, issue;

  assign issue    = run_q & ~stall;
  assign job_last = issue & j_end;

  localparam [24:0] InJob = 25'b00000_10000_11000_11100_11110;   // outermost first
  naas_nest #(.N(5), .CW(16), .BITS({COL_BITS, ROW_BITS, RB[7:0], CB[7:0], GB[7:0]})) u_job (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .walked_i(5'h1f), .inner_i(InJob),
    .last_idx_i(job_last_q), .inc_o(j_inc), .clr_o(j_clr), .last_o(j_last), .zero_o(j_zero), .idx_o(j_idx), .end_o(j_end)
  );

  // ---- off-chip address of the position
  wire [AB-1:0] i_addr, lin_addr, addr;
  naas_offset #(.N(5), .M(3), .LOOPS(12'h430), .FIXED(1), .AW(AB), .SW(32)) u_i_offset (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .inc_i(j_inc), .clr_i(j_clr), .inner_i(InJob),
    .stride_i(i_job_stride_i), .base_i(i_tile), .offset_o(i_addr)
  );
  assign lin_addr = base_q + {{(AB-CW){1'b0}}, beat_q};

  wire [17:0]   pad_y, pad_x, height, width, row, column;
  wire [SB-1:0] in_y, in_x;   // their top bits are signs
  wire               is_i, in_map, request, single, row_start, first;
  wire [15:0]        cols_left, left;
  wire [MB-1:0]      valid_left;
  wire [17:0]        wide_left;
  wire [CW-1:0]      lin_left;
  wire [3:0]         to_boundary, len;
  wire [31:0]        byte_addr;
  assign pad_y  = {2'b00, pad_y_i};
  assign pad_x  = {2'b00, pad_x_i};
  assign height = {2'b00, height_i};
  assign width  = {2'b00, width_i};
  assign row    = {2'b00, j_idx[63:48]};
  assign column = {2'b00, j_idx[79:64]};
  assign in_y   = origin_y_q + row[SB-1:0];
  assign in_x   = origin_x_q + column[SB-1:0];
  assign is_i   = kind_q == KindI;
  assign in_map = ~in_y[MB] & ~in_x[MB] & (in_y[MB-1:0] < height[MB-1:0]) & (in_x[MB-1:0] < width[MB-1:0]);
  assign request = ~is_i | in_map | j_end;
  assign addr   = !is_i ? lin_addr : in_map ? i_addr : i_safe_i[AB-1:0];

  assign byte_addr = {{(32-AB){1'b0}}, addr} << BB;

  // Beats that the burst may still take: to the end of the row's valid part, or of the job.
  assign cols_left  = WINDOW & (job_last_q[79:64] - j_idx[79:64]);
  assign valid_left = width[MB-1:0] - in_x[MB-1:0] - 1'b1;
  assign wide_left  = {{(18-MB){1'b0}}, valid_left};
  assign left       = {2'b00, cols_left} < wide_left ? cols_left : wide_left[15:0];
  assign lin_left   = beats_last_q - beat_q;
  assign to_boundary = 4'd15 - addr[3:0];
  assign single     = is_i & (i_single_i | ~in_map);
  assign len        = single ? 4'd0
                    : is_i ? (left < {12'd0, to_boundary} ? left[3:0] : to_boundary)
                    : (lin_left < {{(CW-4){1'b0}}, to_boundary} ? lin_left[3:0] : to_boundary);
  assign row_start  = j_zero[4] | (in_x == {SB{1'b0}});
  assign first      = is_i ? (single | row_start | addr[3:0] == 4'd0) : (beat_q == {CW{1'b0}} | addr[3:0] == 4'd0);

  // ---- level-2 place of the position
  wire [CW-1:0] i_place, w_place, place;
  wire        i_word, unused_i;
  localparam I_SUB_MASK = ISUBS - 1;
  assign i_word = (j_idx[15:0] & I_SUB_MASK[15:0]) == I_SUB_MASK[15:0];
  naas_offset #(.N(5), .M(2), .LOOPS(8'h30), .FIXED(1), .AW(CW), .SW(32)) u_i_place (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .inc_i({j_inc[4:1], j_inc[0] & i_word}), .clr_i(j_clr), .inner_i(InJob),
    .stride_i(i_l2_stride_i), .base_i({CW{1'b0}}), .offset_o(i_place)
  );
  naas_offset #(.N(5), .M(3), .LOOPS(12'h210), .FIXED(1), .AW(CW), .SW(32)) u_w_place (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .inc_i(j_inc), .clr_i(j_clr), .inner_i(InJob),
    .stride_i(w_l2_stride_i), .base_i({CW{1'b0}}), .offset_o(w_place)
  );
  // Beats of a word are neighbours; their number is a power of two.
  wire [31:0] col, s_idx, sub_idx, p_word, plane, i_sub, place_full;
  assign col     = {16'd0, j_idx[79:64]};
  assign sub_idx = {16'd0, j_idx[79:64]};
  assign s_idx   = {16'd0, j_idx[63:48]};
  assign plane   = {28'd0, j_idx[51:48]};
  assign p_word  = {16'd0, j_idx[15:0]};
  assign i_sub   = {16'd0, j_idx[15:0] & I_SUB_MASK[15:0]};
  assign place_full = is_i ? col * ISUBS + i_sub
                    : kind_q == KindW ? s_idx * WSUBS + sub_idx
                    : kind_q == KindP ? p_word * (16 * PSUBS) + plane * PSUBS + sub_idx
                    : sub_idx;
  assign place = place_full[CW-1:0] + (is_i ? i_place : kind_q == KindW ? w_place : {CW{1'b0}});

  // ---- t+1: address channel and queue
  localparam EW = CW + 4;
  reg             ar_q, req_q, count_req_q;
  reg [31:0]      araddr_q;
  reg [7:0]       arlen_q;
  reg [EW-1:0]    entry_q;
  reg [QW-1:0]    wptr_q, rptr_q;
  reg [QW:0]      used_q;
  wire            pop;
  wire [EW-1:0]   entry;

  assign stall = (ar_q & ~arready_i) | (used_q >= (QUEUE - 2));

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      ar_q        <= 1'b0;
      req_q       <= 1'b0;
      count_req_q <= 1'b0;
      wptr_q      <= {QW{1'b0}};
      rptr_q      <= {QW{1'b0}};
      used_q      <= {(QW+1){1'b0}};
    end else begin
      ar_q        <= (issue & request & first) | (ar_q & ~arready_i);
      req_q       <= issue & request;
      count_req_q <= issue & request & (kind_q != KindD);
      if (req_q) wptr_q <= wptr_q + 1'b1;
      if (pop) rptr_q <= rptr_q + 1'b1;
      used_q <= used_q + {{QW{1'b0}}, issue & request} - {{QW{1'b0}}, pop};
    end
  end

  always @(posedge clk_i) begin
    if (issue & request & first) begin
      araddr_q <= byte_addr;
      arlen_q  <= {4'd0, len};
    end
    entry_q <= {kind_q, slot_q, j_end, place};
  end

  assign pop = rvalid_i;
`ifndef SYNTHESIS
  always @(posedge clk_i) if ((used_q == {(QW+1){1'b0}}) ? rvalid_i : (used_q > QUEUE) | load_i)
    begin $display("%m: a beat came unasked, more are under way than the queue holds, or some at a layer's start"); $stop; end
`endif
  naas_mem #(.WIDTH(EW), .LANE(EW), .DEPTH(QUEUE), .AW(QW)) u_queue (
    .clk_i(clk_i), .we_i(req_q), .waddr_i(wptr_q), .wdata_i(entry_q), .re_i(pop), .raddr_i(rptr_q), .rdata_o(entry)
  );

  // ---- arrival: data and its place meet one cycle later
  reg             arrived_q;
  reg [BUS*8-1:0] data_q;
  wire [1:0]      a_kind;
  wire            a_slot, a_last;
  wire [CW-1:0]   a_place;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) arrived_q <= 1'b0;
    else arrived_q <= rvalid_i;
  end
  always @(posedge clk_i) data_q <= rdata_i;

  assign {a_kind, a_slot, a_last, a_place} = entry;
  assign i_we_o      = arrived_q & (a_kind == KindI);
  assign w_we_o      = arrived_q & (a_kind == KindW);
  assign p_we_o      = arrived_q & (a_kind == KindP);
  assign desc_we_o   = arrived_q & (a_kind == KindD);
  assign desc_beat_o = a_place[7:0];
  assign desc_done_o = desc_we_o & a_last;
  assign l2_slot_o   = a_slot;
  assign l2_beat_o   = a_place;
  assign data_o      = data_q;
  assign give_i_o    = i_we_o & a_last;
  assign give_w_o    = w_we_o & a_last;
  assign give_p_o    = p_we_o & a_last;
  assign take_i_o    = start_tile & (kind == KindI);
  assign take_w_o    = start_tile & (kind == KindW);
  assign take_p_o    = start_tile & (kind == KindP);

  assign arvalid_o = ar_q;
  assign araddr_o  = araddr_q;
  assign arlen_o   = arlen_q;
  assign rready_o  = 1'b1;
  assign request_o = count_req_q;

  wire unused;
  assign unused_i = ^{i_word, pad_y, pad_x, height, width, row, column};
  assign unused = ^{moved_l2, zero, walked, last, j_idx, j_last, j_zero, j_inc, j_clr, place, unused_i, origin_y, origin_x, in_y, in_x,
                    left, lin_left, desc_addr_i, addr, place_full, i_safe_i, i_base_i, w_base_i, p_base_i, w_beats_last_i, p_beats_last_i};

endmodule
`default_nettype wire
