// Psum buffer of one output coordinate: accumulates one sum a cycle, or keeps the greatest byte, and drains the other slot.
//
// Accumulate: address in cycle t, the sum of products in t+1, the new psum is written at the end of t+1 (two sums for
// one psum may follow each other directly). Drain: address in t, the word of M neighbouring channels in t+1, nothing where
// another buffer drains. Inputs *_q_i belong to the cycle before: neighbours share their registers. Of what a sum is added to, and of
// the slots, at most one is chosen: gates that are or-ed, no multiplexers.
`default_nettype none

module naas_psum_buf #(
  parameter M     = 1,    // psums of a word
  parameter DEPTH = 64,   // words per slot
  parameter SLOTS = 2,
  parameter LW    = 10,
  parameter SUMW  = 20,   // width of a sum of products
  parameter PSUMW = 32,   // width of a psum, at least that
  parameter DIGITS = 0,   // 1 if sums of high digits are shifted
  parameter MAXIMUM = 0   // 1 if layers may seek the greatest input
) (
  input  wire                clk_i,
  input  wire                maximum_i,    // the greater of two bytes takes the place of the sum
  input  wire [SLOTS-1:0]    re_i,         // slots that are read, to accumulate or to drain
  input  wire [SLOTS*LW-1:0] raddr_i,      // where, one address per slot
  input  wire [SLOTS-1:0]    we_q_i,       // the slot that accumulates
  input  wire [LW-1:0]       waddr_q_i,
  input  wire [5:0]          asub_q_i,
  input  wire                alast_q_i,    // added to the psum of the cycle before,
  input  wire [SLOTS-1:0]    aold_q_i,     // or to what a slot holds; neither for the first sum of a psum
  input  wire                ahigh_q_i,    // the sum counts 256-fold
  input  wire [SUMW-1:0]     sum_i,        // one cycle after its psum's address
  input  wire [SLOTS-1:0]    dfrom_q_i,    // the slot whose word is handed on
  output wire [M*PSUMW-1:0]  word_no       // one cycle after its address: inverted, as gates are smaller then
);

  localparam AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam SW = (M > 1) ? $clog2(M) : 1;

  reg  [PSUMW-1:0] last_q;
  wire [SW-1:0]    sub;
  wire [PSUMW-1:0] low, sum, base, added, psum;
  wire [7:0]       greater;

  always @(posedge clk_i) last_q <= psum;

  assign sub  = (M > 1) ? asub_q_i[SW-1:0] : {SW{1'b0}};
  assign low  = {{(PSUMW-SUMW+1){sum_i[SUMW-1]}}, sum_i[SUMW-2:0]};
  assign sum  = (DIGITS != 0 && ahigh_q_i) ? {low[PSUMW-9:0], 8'd0} : low;

  assign added   = base + sum;
  assign greater = (base[7:0] > sum[7:0]) ? base[7:0] : sum[7:0];
  assign psum    = (MAXIMUM != 0 && maximum_i) ? {{(PSUMW-8){1'b0}}, greater} : added;

  genvar s, i;
  generate
    for (s = 0; s < SLOTS; s = s + 1) begin : g_slot
      wire [M-1:0]       we;
      wire [M*PSUMW-1:0] word, drained;   // or-ed with that of the slot before
      wire [PSUMW-1:0]   old;
      for (i = 0; i < M; i = i + 1) begin : g_sub
        localparam [SW-1:0] Sub = i;
        assign we[i] = we_q_i[s] & (sub == Sub);
      end
      naas_mem #(.WIDTH(M*PSUMW), .LANE(PSUMW), .DEPTH(DEPTH), .AW(AW)) u_mem (
        .clk_i(clk_i), .we_i(we), .waddr_i(waddr_q_i[AW-1:0]), .wdata_i({M{psum}}),
        .re_i(re_i[s]), .raddr_i(raddr_i[s*LW +: AW]), .rdata_o(word)
      );
      if (s == 0) begin : g_first
        assign old     = ({PSUMW{alast_q_i}} & last_q) | ({PSUMW{aold_q_i[s]}} & word[sub * PSUMW +: PSUMW]);
        assign drained = {(M*PSUMW){dfrom_q_i[s]}} & word;
      end else begin : g_next
        assign old     = g_slot[s-1].old | ({PSUMW{aold_q_i[s]}} & word[sub * PSUMW +: PSUMW]);
        assign drained = g_slot[s-1].drained | ({(M*PSUMW){dfrom_q_i[s]}} & word);
      end
    end
  endgenerate

  assign base   = g_slot[SLOTS-1].old;
  assign word_no = ~g_slot[SLOTS-1].drained;

  wire unused = ^{raddr_i, waddr_q_i, asub_q_i, ahigh_q_i, maximum_i};

endmodule
`default_nettype wire
