// Psum buffer of one output coordinate: accumulates one sum a cycle, or keeps the greatest byte, and drains the other slot.
//
// Accumulate: address in cycle t, the sum of products in t+1, the new psum is written at the end of t+1 (two sums for
// one psum may follow each other directly). Drain: address in t, the word of M neighbouring channels in t+1, zero where another
// buffer drains. Inputs *_q_i belong to the cycle before: neighbours share their registers. Of what a sum is added to, and of
// the slots, at most one is chosen: gates that are or-ed, no multiplexers.
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
  input  wire             alast_q_i,    // added to the psum of the cycle before,
  input  wire [SLOTS-1:0] aold_q_i,     // or to what a slot holds; neither for the first sum of a psum
  input  wire             ahigh_q_i,    // the sum counts 256-fold
  input  wire [SUMW-1:0]  sum_i,        // one cycle after acc_i
  input  wire             drain_i,
  input  wire             dslot_i,
  input  wire [SLOTS-1:0] dfrom_q_i,    // the slot whose word is handed on
  input  wire [LW-1:0]    daddr_i,
  output wire [M*32-1:0]  word_o        // one cycle after drain_i
);

  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam SW = (M > 1) ? $clog2(M) : 1;

  reg  [31:0]      last_q;
  wire [SW-1:0]    sub;
  wire [31:0]      low, sum, base, added, psum;
  wire [7:0]       greater;

  always @(posedge clk_i) last_q <= psum;

  assign sub  = (M > 1) ? asub_q_i[SW-1:0] : {SW{1'b0}};
  assign low  = {{(32-SUMW){sum_i[SUMW-1]}}, sum_i};
  assign sum  = (DIGITS != 0 && ahigh_q_i) ? {low[23:0], 8'd0} : low;

  assign added   = base + sum;
  assign greater = (base[7:0] > sum[7:0]) ? base[7:0] : sum[7:0];
  assign psum    = (MAXIMUM != 0 && maximum_i) ? {24'd0, greater} : added;

  genvar s, i;
  generate
    for (s = 0; s < SLOTS; s = s + 1) begin : g_slot
      localparam [0:0] Slot = s;
      wire            reads;
      wire [M-1:0]    we;
      wire [M*32-1:0] word, drained;   // or-ed with that of the slot before
      wire [31:0]     old;
      assign reads = acc_i & (SLOTS == 1 || aslot_i == Slot);
      for (i = 0; i < M; i = i + 1) begin : g_sub
        localparam [SW-1:0] Sub = i;
        assign we[i] = acc_q_i & (SLOTS == 1 || aslot_q_i == Slot) & (sub == Sub);
      end
      naas_mem #(.WIDTH(M*32), .LANE(32), .DEPTH(DEPTH), .AW(AW)) u_mem (
        .clk_i(clk_i), .we_i(we), .waddr_i(aaddr_q_i[AW-1:0]), .wdata_i({M{psum}}),
        .re_i(reads | (drain_i & (SLOTS == 1 || dslot_i == Slot))), .raddr_i(reads ? aaddr_i[AW-1:0] : daddr_i[AW-1:0]),
        .rdata_o(word)
      );
      if (s == 0) begin : g_first
        assign old     = ({32{alast_q_i}} & last_q) | ({32{aold_q_i[s]}} & word[sub * 32 +: 32]);
        assign drained = {(M*32){dfrom_q_i[s]}} & word;
      end else begin : g_next
        assign old     = g_slot[s-1].old | ({32{aold_q_i[s]}} & word[sub * 32 +: 32]);
        assign drained = g_slot[s-1].drained | ({(M*32){dfrom_q_i[s]}} & word);
      end
    end
  endgenerate

  assign base   = g_slot[SLOTS-1].old;
  assign word_o = g_slot[SLOTS-1].drained;

  wire unused;
  assign unused = ^{aaddr_i, aaddr_q_i, daddr_i, asub_q_i, aslot_q_i, ahigh_q_i, maximum_i};

endmodule
`default_nettype wire
