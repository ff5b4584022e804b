// Psum buffer of one output coordinate: accumulates one sum a cycle, or keeps the greatest byte, and drains the other slot.
//
// Accumulate: address in cycle t, the sum of products in t+1, the new psum is written at the end of t+1 (two sums for
// one psum may follow each other directly). Drain: address in t, the word of M neighbouring channels in t+1. Inputs *_q_i are
// those of the cycle before: neighbours share their registers.
`default_nettype none

module naas_psum_buf #(
  parameter M     = 1,    // psums of a word
  parameter DEPTH = 64,   // words per slot
  parameter SLOTS = 2,
  parameter LW    = 10,
  parameter SUMW  = 20,   // width of a sum of products
  parameter DIGITS = 0,   // 1 if sums of high digits are shifted
  parameter MAXIMUM = 0   // 1 if layers may seek the greatest input
) (
  input  wire             clk_i,
  input  wire             maximum_i,    // the greater of two bytes takes the place of the sum
  input  wire             acc_i,        // accumulate
  input  wire             aslot_i,
  input  wire [LW-1:0]    aaddr_i,
  input  wire             acc_q_i,
  input  wire             aslot_q_i,
  input  wire [LW-1:0]    aaddr_q_i,
  input  wire [5:0]       asub_q_i,
  input  wire             afirst_q_i,   // the first sum of this psum
  input  wire             aagain_q_i,   // same psum as in the previous cycle
  input  wire             ahigh_q_i,    // the sum counts 256-fold
  input  wire [SUMW-1:0]  sum_i,        // one cycle after acc_i
  input  wire             drain_i,
  input  wire             dslot_i,
  input  wire             dslot_q_i,
  input  wire [LW-1:0]    daddr_i,
  output wire [M*32-1:0]  word_o        // one cycle after drain_i
);

  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam SW = (M > 1) ? $clog2(M) : 1;

  reg  [31:0]      last_q;
  wire [SW-1:0]    sub;
  wire [31:0]      old, low, sum, base, added, psum;
  wire [7:0]       greater;
  wire [M*32-1:0]  word;
  wire [SLOTS*M*32-1:0] words;

  always @(posedge clk_i) last_q <= psum;

  assign sub  = (M > 1) ? asub_q_i[SW-1:0] : {SW{1'b0}};
  assign old  = aagain_q_i ? last_q : word[sub * 32 +: 32];
  assign low  = {{(32-SUMW){sum_i[SUMW-1]}}, sum_i};
  assign sum  = (DIGITS != 0 && ahigh_q_i) ? {low[23:0], 8'd0} : low;
  assign base = afirst_q_i ? 32'd0 : old;

  assign added   = base + sum;
  assign greater = (base[7:0] > sum[7:0]) ? base[7:0] : sum[7:0];
  assign psum    = (MAXIMUM != 0 && maximum_i) ? {24'd0, greater} : added;

  genvar s, i;
  generate
    for (s = 0; s < SLOTS; s = s + 1) begin : g_slot
      localparam [0:0] Slot = s;
      wire          reads;
      wire [M-1:0]  we;
      assign reads = acc_i & (SLOTS == 1 || aslot_i == Slot);
      for (i = 0; i < M; i = i + 1) begin : g_sub
        localparam [SW-1:0] Sub = i;
        assign we[i] = acc_q_i & (SLOTS == 1 || aslot_q_i == Slot) & (sub == Sub);
      end
      naas_mem #(.WIDTH(M*32), .LANE(32), .DEPTH(DEPTH), .AW(AW)) u_mem (
        .clk_i(clk_i), .we_i(we), .waddr_i(aaddr_q_i[AW-1:0]), .wdata_i({M{psum}}),
        .re_i(reads | (drain_i & (SLOTS == 1 || dslot_i == Slot))), .raddr_i(reads ? aaddr_i[AW-1:0] : daddr_i[AW-1:0]),
        .rdata_o(words[s*M*32 +: M*32])
      );
    end
    if (SLOTS > 1) begin : g_pick
      assign word   = aslot_q_i ? words[M*32 +: M*32] : words[0 +: M*32];
      assign word_o = dslot_q_i ? words[M*32 +: M*32] : words[0 +: M*32];
    end else begin : g_pick
      assign word   = words;
      assign word_o = words;
    end
  endgenerate

  wire unused;
  assign unused = ^{aaddr_i, aaddr_q_i, daddr_i, asub_q_i, dslot_q_i, aslot_q_i, ahigh_q_i, maximum_i};

endmodule

`default_nettype wire
