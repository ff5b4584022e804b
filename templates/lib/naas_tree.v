// Registered adder tree: sums N signed products, four at a time per stage. Latency: naas_tree stages, zero for N = 1. With
// maximum_i it finds the greatest of N bytes instead.
`default_nettype none

module naas_tree #(
  parameter N     = 16,
  parameter INW   = 16,
  parameter OUTW  = 20,
  parameter DEPTH = 2,    // ceil(log4(N))
  parameter MAXIMUM = 0   // 1 if layers may seek the greatest input
) (
  input  wire             clk_i,
  input  wire             maximum_i,
  input  wire [N*INW-1:0] in_i,
  output wire [OUTW-1:0]  sum_o
);

  localparam FULL = 1 << (2*DEPTH);   // 4 ** DEPTH

  // Stage s has FULL / 4**s values; those beyond the inputs are zero and vanish in synthesis.
  wire [FULL*OUTW-1:0] padded;
  genvar i, s, j;
  generate
    for (i = 0; i < FULL; i = i + 1) begin : g_in
      if (i < N) begin : g_used
        assign padded[i*OUTW +: OUTW] = {{(OUTW-INW){in_i[i*INW + INW-1]}}, in_i[i*INW +: INW]};
      end else begin : g_zero
        assign padded[i*OUTW +: OUTW] = {OUTW{1'b0}};
      end
    end
    for (s = 0; s < DEPTH; s = s + 1) begin : g_stage
      localparam IN  = FULL >> (2*s);
      localparam OUT = FULL >> (2*s + 2);
      wire [IN*OUTW-1:0] terms;
      wire unused = ^terms;
      reg  [OUT*OUTW-1:0] sums_q;
      if (s == 0) begin : g_from
        assign terms = padded;
      end else begin : g_from
        assign terms = g_stage[s-1].sums_q;
      end
      for (j = 0; j < OUT; j = j + 1) begin : g_sum
        // Two bits more than its terms, as far as the sum of all needs them.
        localparam W = (INW + 2*s + 2 < OUTW) ? INW + 2*s + 2 : OUTW;
        wire [W-1:0]    narrow;
        wire [OUTW-1:0] sum;
        assign narrow = (terms[(4*j)*OUTW +: W] + terms[(4*j+1)*OUTW +: W])
                      + (terms[(4*j+2)*OUTW +: W] + terms[(4*j+3)*OUTW +: W]);
        assign sum    = {{(OUTW-W+1){narrow[W-1]}}, narrow[W-2:0]};
        if (MAXIMUM != 0) begin : g_maximum
          wire [7:0] first, second, greatest;
          assign first    = (terms[(4*j)*OUTW +: 8] > terms[(4*j+1)*OUTW +: 8]) ? terms[(4*j)*OUTW +: 8] : terms[(4*j+1)*OUTW +: 8];
          assign second   = (terms[(4*j+2)*OUTW +: 8] > terms[(4*j+3)*OUTW +: 8]) ? terms[(4*j+2)*OUTW +: 8]
                                                                                  : terms[(4*j+3)*OUTW +: 8];
          assign greatest = (first > second) ? first : second;
          always @(posedge clk_i)
            sums_q[j*OUTW +: OUTW] <= maximum_i ? {{(OUTW-8){1'b0}}, greatest} : sum;
        end else begin : g_added
          always @(posedge clk_i) sums_q[j*OUTW +: OUTW] <= sum;
        end
      end
    end
    if (DEPTH == 0) begin : g_out
      assign sum_o = padded;
      wire unused = clk_i;
    end else begin : g_out
      assign sum_o = g_stage[DEPTH-1].sums_q;
    end
  endgenerate

  wire unused_mode = maximum_i;

endmodule
`default_nettype wire
