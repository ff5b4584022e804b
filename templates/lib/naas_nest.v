// A loop nest of N counters whose nesting is data, not structure: inner_i says which loops lie inside which.
//
// A step advances the innermost loop that is not at its last index and returns all loops inside it to zero. The step
// is decided combinationally from the counters, so the nest can advance in every cycle. A counter is as wide as its loop
// can run here, a loop that never runs has none; indices leave in full width.
`default_nettype none

module naas_nest #(
  parameter N  = 6,   // loops
  parameter CW = 16,  // width of an index
  parameter [N*8-1:0] BITS = {N{8'd16}}  // bits of each counter, at most CW; 0: a single trip
) (
  input  wire            clk_i,
  input  wire            load_i,      // all counters to zero
  input  wire            step_i,      // advance
  input  wire [N-1:0]    walked_i,    // loops that take part; the others rest at zero
  input  wire [N*N-1:0]  inner_i,     // bit l*N+m: loop m lies inside loop l
  input  wire [N*CW-1:0] last_idx_i,  // trip count minus one, per loop
  output wire [N-1:0]    inc_o,       // the loop that the next step advances; none at the end of the nest
  output wire [N-1:0]    clr_o,       // the loops that the next step returns to zero
  output wire [N-1:0]    last_o,      // loop is at its last index
  output wire [N-1:0]    zero_o,      // loop is at its first index
  output wire [N*CW-1:0] idx_o,       // indices
  output wire            end_o        // no loop can advance
);

  wire [N*N-1:0] clears;

  genvar l, m;
  generate
    for (l = 0; l < N; l = l + 1) begin : g_loop
      localparam W = BITS[l*8 +: 8];

      if (W == 0) begin : g_never
        assign idx_o[l*CW +: CW] = {CW{1'b0}};
        assign last_o[l] = 1'b1;
        assign zero_o[l] = 1'b1;
        assign inc_o[l]  = 1'b0;
      end else begin : g_counter
        reg [W-1:0] idx_q;
        if (W < CW) begin : g_short
          assign idx_o[l*CW +: CW] = {{(CW-W){1'b0}}, idx_q};
        end else begin : g_full
          assign idx_o[l*CW +: CW] = idx_q;
        end
        assign last_o[l] = idx_q == last_idx_i[l*CW +: W];
        assign zero_o[l] = idx_q == {W{1'b0}};
        assign inc_o[l]  = walked_i[l] & ~last_o[l] & ~(|(inner_i[l*N +: N] & walked_i & ~last_o));
        always @(posedge clk_i) begin
          if (load_i || (step_i && clr_o[l])) idx_q <= {W{1'b0}};
          else if (step_i && inc_o[l]) idx_q <= idx_q + 1'b1;
        end
`ifndef SYNTHESIS
        always @(posedge clk_i) if (step_i && !load_i && idx_q > last_idx_i[l*CW +: W])
          begin $display("%m: the index is above the last one"); $stop; end
`endif
      end

      for (m = 0; m < N; m = m + 1) begin : g_clear
        assign clears[l*N + m] = inc_o[m] & inner_i[m*N + l];
      end
      assign clr_o[l] = |clears[l*N +: N];
    end
  endgenerate

  assign end_o = ~(|inc_o);

  wire unused = ^last_idx_i;

endmodule
`default_nettype wire
