// Walks the tiles of a layer: groups, batch, six off-chip loops and, if N is 14, six level-2 loops.
//
// Only loops that can change the walked operand's tile are stepped: a loop is walked if it, or a loop inside it whose
// current trip count is above one, indexes the operand. Level-2 trip counts depend on whether the off-chip tile is the
// last one of its dimension, so this is evaluated anew in every state. The counters describe the job that starts next.
//
// Loop numbers: 0 groups, 1 batch, 2..7 off-chip K C Y X R S, 8..13 level-2 K C Y X R S.
`default_nettype none

module naas_walker #(
  parameter N    = 14,  // 14: all loops; 8: off-chip loops only
  parameter CW   = 16,
  parameter OPS  = 1,   // operands whose movement is reported
  parameter [63:0] OFFCHIP_BITS = {8{8'd16}}, // bits of an off-chip trip count minus one: G N K C Y X R S
  parameter [47:0] TRIP_BITS = {6{8'd16}}     // the same of a level-2 loop: K C Y X R S
) (
  input  wire              clk_i, load_i, step_i,
  input  wire [N-1:0]      relevant_i,      // loops that index the walked operand
  input  wire [OPS*N-1:0]  op_relevant_i,   // loops that index each reported operand
  input  wire [14*14-1:0]  inner_i,         // bit l*14+m: loop m lies inside loop l
  input  wire [8*CW-1:0]   offchip_last_i,  // trip count minus one of the off-chip loops
  input  wire [12*CW-1:0]  l2_last_i,       // trip count minus one per dimension: in a full tile, in the edge tile
  output wire [N-1:0]      inc_o, clr_o, last_o, zero_o,
  output wire [N-1:0]      walked_o,        // loops that this walk steps
  output wire [N*N-1:0]    inner_o,         // inner_i as it can be: bit l*N+m: loop m lies inside loop l
  output wire              end_o,           // this is the last job of the layer
  output wire [OPS-1:0]    moved_o,         // the step after this job changes the operand's array tile
  output wire [OPS-1:0]    moved_l2_o       // the step after this job changes the operand's level-2 tile
);

  localparam [13:0] OffchipLoops = 14'h00ff;

  wire [N*N-1:0]  inner;
  wire [8*CW-1:0] offchip_last;   // as far as it can be
  wire [N*CW-1:0] last_idx;
  wire [N-1:0]    multi;
  wire [N-1:0]    walked;
  wire [N*CW-1:0] idx;

  // With off-chip loops only, the level-2 part is cut off.
  localparam [14*8-1:0] BITS = {TRIP_BITS, OFFCHIP_BITS};
  // Groups enclose all loops, then images, off-chip outputs, off-chip sums, level 2. Inside a rank, order is data.
  localparam [14*3-1:0] RANKS = {{6{3'd4}}, {3'd3, 3'd3, 3'd2, 3'd2, 3'd3, 3'd2}, 3'd1, 3'd0};

  genvar l, m, o;
  generate
    for (l = 0; l < N; l = l + 1) begin : g_loop
      localparam W = BITS[l*8 +: 8];
      localparam [CW-1:0] Mask = {CW{1'b1}} >> (CW - W);
      for (m = 0; m < N; m = m + 1) begin : g_inner
        localparam [2:0] Outer = RANKS[l*3 +: 3], Inner = RANKS[m*3 +: 3];
        assign inner[l*N + m] = Outer == Inner ? inner_i[l*14 + m] : Outer < Inner;
      end
      if (l < 8) begin : g_offchip
        assign offchip_last[l*CW +: CW] = Mask & offchip_last_i[l*CW +: CW];
        assign last_idx[l*CW +: CW]     = offchip_last[l*CW +: CW];
      end else begin : g_l2
        // l - 6 is the off-chip loop over the same dimension.
        wire on_edge;
        assign on_edge = idx[(l-6)*CW +: CW] == offchip_last[(l-6)*CW +: CW];
        assign last_idx[l*CW +: CW] = Mask & (on_edge ? l2_last_i[((l-8)*2+1)*CW +: CW] : l2_last_i[(l-8)*2*CW +: CW]);
      end
      assign multi[l]  = |last_idx[l*CW +: CW];
      assign walked[l] = |((inner[l*N +: N] | ({{(N-1){1'b0}}, 1'b1} << l)) & relevant_i & multi);
    end

    for (o = 0; o < OPS; o = o + 1) begin : g_operand
      wire [N-1:0] moves;
      wire [N-1:0] moves_l2;
      for (l = 0; l < N; l = l + 1) begin : g_moves
        wire [N-1:0] scope;
        assign scope      = (inner[l*N +: N] | ({{(N-1){1'b0}}, 1'b1} << l)) & op_relevant_i[o*N +: N] & multi;
        assign moves[l]    = inc_o[l] & (|scope);
        assign moves_l2[l] = inc_o[l] & (l < 8) & (|(scope & OffchipLoops[N-1:0]));
      end
      assign moved_o[o]    = end_o | (|moves);
      assign moved_l2_o[o] = end_o | (|moves_l2);
    end
  endgenerate

  assign walked_o = walked;
  assign inner_o  = inner;

  naas_nest #(.N(N), .CW(CW), .BITS(BITS[N*8-1:0])) u_nest (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .walked_i(walked), .inner_i(inner), .last_idx_i(last_idx),
    .inc_o(inc_o), .clr_o(clr_o), .last_o(last_o), .zero_o(zero_o), .idx_o(idx), .end_o(end_o)
  );

  wire unused = ^{idx, l2_last_i, inner_i};

endmodule
`default_nettype wire
