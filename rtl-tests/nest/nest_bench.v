// naas_nest with the counter widths of one set.
`default_nettype none

module nest_bench #(
  parameter SET = 0,
  parameter N   = 6
) (
  input  wire            clk_i,
  input  wire            load_i,
  input  wire            step_i,
  input  wire [N-1:0]    walked_i,
  input  wire [N*N-1:0]  inner_i,
  input  wire [N*16-1:0] last_idx_i,
  output wire [N-1:0]    inc_o,
  output wire [N-1:0]    clr_o,
  output wire [N-1:0]    last_o,
  output wire [N-1:0]    zero_o,
  output wire [N*16-1:0] idx_o,
  output wire            end_o
);

  // bench.cpp has the same numbers.
  localparam [71:0] BITS = (SET == 0) ? {9{8'd16}} : 72'h02_0a_00_03_01_04_00_02_08;

  naas_nest #(.N(N), .CW(16), .BITS(BITS[N*8-1:0])) u_nest (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .walked_i(walked_i), .inner_i(inner_i), .last_idx_i(last_idx_i),
    .inc_o(inc_o), .clr_o(clr_o), .last_o(last_o), .zero_o(zero_o), .idx_o(idx_o), .end_o(end_o)
  );

endmodule
`default_nettype wire
