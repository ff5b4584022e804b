// The off-chip write engine: sends finished level-2 output tiles to memory, and after each layer a record of counters.
// AXI4 write master; bursts of up to 16 beats (a record: 128 bytes) that never cross a 16-beat boundary, hence no 4 KiB boundary. A
// burst's second beat waits until its address is taken.
//
// Issue in cycle t, one beat per cycle; level-2 address in t+1, its word in t+2, the beat in t+3, on the bus in t+4. Where the
// bus takes no beat, all of them wait where they are.
`default_nettype none

module naas_writer #(
  parameter BUS   = 16,  // bytes of a beat
  parameter WORD  = 16,  // outputs of a level-2 word, a multiple of BUS
  parameter OBITS = 32,  // bits of an output in level 2: 32, as sums accumulate there, or the 8 of its byte
  parameter AW    = 16,  // an output's place in a level-2 slot
  parameter SLOTS = 2,
  parameter AB    = 28,  // bits of a beat address, at most 32 - log2(BUS)
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}},  // bits of an off-chip trip count minus one: G N K C Y X R S
  parameter GB    = 16,  // bits of a count of blocks minus one
  parameter YB    = 16,  // of rows
  parameter XB    = 16   // of columns
) (
  input  wire               clk_i, rst_ni, load_i, active_i,
  // layer description
  input  wire               accumulate_i,
  input  wire [14*14-1:0]   inner_i,
  input  wire [7:0]         relevant_i,
  input  wire [8*16-1:0]    offchip_last_i,
  input  wire [2*16-1:0]    blocks_last_i,   // blocks of BUS channels minus one: full, edge
  input  wire [2*16-1:0]    y_last_i, x_last_i,
  input  wire [7:0]         tail_i,          // channels in the very last block
  input  wire [31:0]        base_i,          // beat address of the tensor
  input  wire [5*32-1:0]    tile_stride_i,   // beats per step of the off-chip loops G, N, K, Y, X
  input  wire [2*32-1:0]    job_stride_i,    // beats per block, per row
  input  wire [2*32-1:0]    l2_stride_i,     // level-2 words per word of channels, per row
  // tokens
  input  wire               tile_i,          // a level-2 tile is complete
  output wire               take_o,
  output wire               give_o,          // the slot is free, as soon as what was issued is read:
  output wire               hold_o,          // not yet, because the bus takes no beat
  output wire               done_o,          // everything is written and acknowledged
  // level 2
  output wire               l2_re_o, l2_slot_o,
  output wire [AW-1:0]      l2_addr_o,
  input  wire [WORD*OBITS-1:0] l2_data_i,
  // record of counters
  input  wire               record_req_i,    // pulse, when done_o
  input  wire [31:0]        record_addr_i,   // byte address, a multiple of 128
  input  wire [1023:0]      record_i,
  output wire               record_done_o,   // all beats are on their way
  // AXI4 write channels
  output wire               awvalid_o,
  input  wire               awready_i,
  output wire [31:0]        awaddr_o,
  output wire [7:0]         awlen_o,
  output wire               wvalid_o,
  input  wire               wready_i,
  output wire [BUS*8-1:0]   wdata_o,
  output wire [BUS-1:0]     wstrb_o,
  output wire               wlast_o,
  input  wire               bvalid_i,
  output wire               bready_o,
  // counters
  output wire               beat_o
);

  localparam BB    = $clog2(BUS);
  localparam KW    = BB + 1;      // bits of a number of channels in a beat
  localparam SUBS  = WORD / BUS;
  localparam SW    = (SUBS > 1) ? $clog2(SUBS) : 1;
  localparam RECS  = 128 / BUS;   // beats of a record
  localparam [15:0] X_MASK = 16'hffff >> (16 - XB);

  // ---- which job is next
  wire [7:0] inc, clr, last, zero, walked;
  wire       walk_end, moved, moved_l2;
  wire [63:0] inner;
  reg        exhausted_q, run_q, slot_q;
  wire       start, job_last, issue, stall, advance;

  assign start = active_i & ~exhausted_q & (~run_q | job_last) & tile_i;

  naas_walker #(.N(8), .CW(16), .OPS(1), .OFFCHIP_BITS(OFFCHIP_BITS)) u_walker (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .relevant_i(relevant_i), .op_relevant_i(relevant_i),
    .inner_i(inner_i), .offchip_last_i(offchip_last_i), .l2_last_i(192'd0), .inc_o(inc), .clr_o(clr), .last_o(last),
    .zero_o(zero), .walked_o(walked), .inner_o(inner), .end_o(walk_end), .moved_o(moved), .moved_l2_o(moved_l2)
  );

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      exhausted_q <= 1'b1;
      run_q       <= 1'b0;
    end else begin
      if (load_i) exhausted_q <= 1'b0;
      else if (start) exhausted_q <= walk_end;
      run_q <= start | (run_q & ~job_last);
    end
  end

  // ---- the job: blocks, rows, columns
  wire [AB-1:0] tile_offset, job_offset;
  wire [AW-1:0] l2_offset;
  reg  [47:0]   job_last_q;
  reg  [KW-1:0] tail_q;
  wire [2:0]  j_inc, j_clr, j_last, j_zero;
  wire [47:0] j_idx;
  wire        j_end;
  localparam [8:0] InJob = 9'b000_100_110;   // outermost first

  assign issue    = run_q & ~stall;
  assign job_last = issue & j_end;

  naas_offset #(.N(8), .M(5), .LOOPS(20'h54210), .BITS(OFFCHIP_BITS), .AW(AB), .SW(32)) u_tile (
    .clk_i(clk_i), .load_i(load_i), .step_i(start), .inc_i(inc), .clr_i(clr), .inner_i(inner),
    .stride_i(tile_stride_i), .base_i(base_i[AB-1:0]), .offset_o(tile_offset)
  );

  always @(posedge clk_i) begin
    if (load_i) slot_q <= (SLOTS > 1);
    else if (start) slot_q <= slot_q ^ (SLOTS > 1);
    if (start) begin
      job_last_q <= {last[5] ? x_last_i[31:16] : x_last_i[15:0], last[4] ? y_last_i[31:16] : y_last_i[15:0],
                     last[2] ? blocks_last_i[31:16] : blocks_last_i[15:0]};
      tail_q     <= last[2] ? tail_i[KW-1:0] : BUS[KW-1:0];
    end
  end

  naas_nest #(.N(3), .CW(16), .BITS({XB[7:0], YB[7:0], GB[7:0]})) u_job (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .walked_i(3'b111), .inner_i(InJob),
    .last_idx_i(job_last_q), .inc_o(j_inc), .clr_o(j_clr), .last_o(j_last), .zero_o(j_zero), .idx_o(j_idx), .end_o(j_end)
  );

  wire [SW-1:0] sub;
  wire          word_step;
  assign sub       = (SUBS > 1) ? j_idx[SW-1:0] : {SW{1'b0}};
  assign word_step = (SUBS > 1) ? (&sub) : 1'b1;

  naas_offset #(.N(3), .M(2), .LOOPS(8'h10), .FIXED(1), .AW(AB), .SW(32)) u_in_job (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .inc_i(j_inc), .clr_i(j_clr), .inner_i(InJob),
    .stride_i(job_stride_i), .base_i(tile_offset), .offset_o(job_offset)
  );
  naas_offset #(.N(3), .M(2), .LOOPS(8'h10), .FIXED(1), .AW(AW), .SW(32)) u_l2 (
    .clk_i(clk_i), .load_i(start), .step_i(issue), .inc_i({j_inc[2:1], j_inc[0] & word_step}), .clr_i(j_clr),
    .inner_i(InJob), .stride_i(l2_stride_i), .base_i({AW{1'b0}}), .offset_o(l2_offset)
  );

  // ---- bursts: to the end of the row, or to the 16-beat boundary
  wire [AB-1:0] addr;
  wire [31:0] byte_addr, x_idx;
  wire [15:0] left;
  wire [3:0]  to_boundary, len;
  wire        first, final_beat;
  assign x_idx       = {16'd0, j_idx[47:32]};
  assign addr        = job_offset + x_idx[AB-1:0];
  assign byte_addr   = {{(32-AB){1'b0}}, addr} << BB;
  assign left        = X_MASK & (job_last_q[47:32] - j_idx[47:32]);
  assign to_boundary = 4'd15 - addr[3:0];
  assign len         = left < {12'd0, to_boundary} ? left[3:0] : to_boundary;
  assign first       = j_zero[2] | addr[3:0] == 4'd0;
  assign final_beat  = len == 4'd0;

  // ---- t+1: level-2 address and write address channel
  reg            v1_q, v2_q, aw_q, last1_q, last2_q, end1_q, end2_q, slot1_q, record_aw_q;
  reg [AW-1:0]   word1_q;
  reg [1:0]      byte1_q, byte2_q;
  reg [SW-1:0]   sub1_q, sub2_q;
  reg [KW-1:0]   keep1_q, keep2_q;
  reg [31:0]     awaddr_q;
  reg [7:0]      awlen_q;
  wire [AW-1:0] vec = l2_offset + x_idx[AW-1:0];

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {v1_q, v2_q, aw_q} <= 3'd0;
    end else begin
      if (advance) {v1_q, v2_q} <= {issue, v1_q};
      aw_q <= (issue & first) | record_aw_q | (aw_q & ~awready_i);
    end
  end

  always @(posedge clk_i) begin
    if (advance) begin
      word1_q <= (accumulate_i || OBITS == 8) ? vec : vec >> 2;
      byte1_q <= accumulate_i ? 2'd0 : vec[1:0];
      byte2_q <= byte1_q;
      sub1_q  <= sub;
      sub2_q  <= sub1_q;
      last1_q <= final_beat;
      last2_q <= last1_q;
      keep1_q <= j_last[0] ? tail_q : BUS[KW-1:0];
      keep2_q <= keep1_q;
      end1_q  <= j_end;
      end2_q  <= end1_q;
      slot1_q <= slot_q;
    end
    if (issue & first) begin
      awaddr_q <= byte_addr;
      awlen_q  <= {4'd0, len};
    end else if (record_aw_q) begin
      awaddr_q <= record_addr_i;
      awlen_q  <= RECS[7:0] - 8'd1;
    end
  end

  // ---- t+2: pick the bytes
  wire [BUS*8-1:0] picked;
  wire [BUS*OBITS-1:0] part;
  genvar n;
  naas_pick #(.N(SUBS), .W(BUS*OBITS), .SW(SW)) u_part (.sel_i(sub2_q), .in_i(l2_data_i), .out_o(part));
  generate
    for (n = 0; n < BUS; n = n + 1) begin : g_byte
      if (OBITS == 32) begin : g_of_four
        wire [31:0] word = part[n*32 +: 32];
        assign picked[n*8 +: 8] = word[byte2_q*8 +: 8];
      end else begin : g_alone
        assign picked[n*8 +: 8] = part[n*8 +: 8];
      end
    end
  endgenerate

  // ---- the record
  reg        record_q;
  reg [5:0]  record_beat_q;
  wire       record_push, record_last;
  localparam REC_LAST = RECS - 1;
  assign record_push = record_q & ~stall;
  assign record_last = record_beat_q == REC_LAST[5:0];

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      record_q    <= 1'b0;
      record_aw_q <= 1'b0;
    end else begin
      record_q    <= record_req_i | (record_q & ~(record_push & record_last));
      record_aw_q <= record_req_i;
    end
  end
  always @(posedge clk_i) record_beat_q <= record_req_i ? 6'd0 : record_beat_q + {5'd0, record_push};

  // ---- t+3, t+4: the beat, and the write data channel
  localparam EW = BUS*8 + KW + 1;
  reg          v3_q, v4_q;
  reg [EW-1:0] beat3_q, beat4_q;
  wire [KW-1:0] keep;

  assign advance = ~v4_q | wready_i;
  assign stall   = (aw_q & ~awready_i) | ~advance;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {v3_q, v4_q} <= 2'd0;
    else if (advance) {v3_q, v4_q} <= {v2_q | record_push, v3_q};
  end

  always @(posedge clk_i) if (advance) begin
    if (v2_q | record_push)
      beat3_q <= record_push ? {record_last, BUS[KW-1:0], record_i[record_beat_q * (BUS*8) +: BUS*8]}
                             : {last2_q, keep2_q, picked};
    if (v3_q) beat4_q <= beat3_q;
  end

  assign wvalid_o = v4_q;
  assign {wlast_o, keep, wdata_o} = beat4_q;
  generate
    for (n = 0; n < BUS; n = n + 1) begin : g_strobe
      localparam [KW-1:0] Lane = n;
      assign wstrb_o[n] = Lane < keep;
    end
  endgenerate

  // ---- responses
  reg [9:0] outstanding_q;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) outstanding_q <= 10'd0;
    else outstanding_q <= outstanding_q + {9'd0, awvalid_o & awready_i} - {9'd0, bvalid_i};
  end

  assign take_o    = start;
  assign give_o    = job_last;
  assign hold_o    = ~advance & ((v1_q & end1_q) | (v2_q & end2_q));
  assign done_o    = exhausted_q & ~run_q & ~v1_q & ~v2_q & ~v3_q & ~v4_q & ~aw_q & (outstanding_q == 10'd0);
  assign record_done_o = record_push & record_last;
  assign l2_re_o   = v1_q & advance;
  assign l2_slot_o = slot1_q;
  assign l2_addr_o = word1_q;
  assign awvalid_o = aw_q;
  assign awaddr_o  = awaddr_q;
  assign awlen_o   = awlen_q;
  assign bready_o  = 1'b1;
  assign beat_o    = v1_q & advance;

`ifndef SYNTHESIS
  always @(posedge clk_i) if ((bvalid_i & outstanding_q == 10'd0) | (&outstanding_q) | (record_req_i & ~done_o))
    begin $display("%m: a response without a burst, too many without one, or a record before the outputs are written"); $stop; end
`endif

  wire unused = ^{moved, moved_l2, zero, walked, inc, clr, last, j_inc, j_clr, j_last, j_zero, j_idx, addr, left, l2_offset, x_idx, base_i, tail_i, byte2_q};

endmodule
`default_nettype wire
