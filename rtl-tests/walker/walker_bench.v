// naas_walker with the counter widths of one set: wide ones, few bits and none.
`default_nettype none

module walker_bench #(
  parameter N   = 14,
  parameter SET = 0,
  parameter OPS = 3
) (
  input  wire             clk_i,
  input  wire             load_i,
  input  wire             step_i,
  input  wire [N-1:0]     relevant_i,
  input  wire [OPS*N-1:0] op_relevant_i,
  input  wire [14*14-1:0] inner_i,
  input  wire [8*16-1:0]  offchip_last_i,
  input  wire [12*16-1:0] l2_last_i,
  output wire [N-1:0]     inc_o,
  output wire [N-1:0]     clr_o,
  output wire [N-1:0]     last_o,
  output wire [N-1:0]     zero_o,
  output wire [N-1:0]     walked_o,
  output wire [N*N-1:0]   inner_o,
  output wire             end_o,
  output wire [OPS-1:0]   moved_o,
  output wire [OPS-1:0]   moved_l2_o
);

  // bench.cpp has the same numbers.
  localparam [63:0] OFFCHIP_BITS = (SET == 0) ? {8{8'd16}} : (SET == 1) ? 64'h02_00_03_04_01_05_02_03 : 64'h00_02_02_00_03_00_01_00;
  localparam [47:0] TRIP_BITS = (SET == 0) ? {6{8'd16}} : (SET == 1) ? 48'h01_02_00_03_04_02 : 48'h02_00_01_02_00_03;

  naas_walker #(.N(N), .CW(16), .OPS(OPS), .OFFCHIP_BITS(OFFCHIP_BITS), .TRIP_BITS(TRIP_BITS)) u_walker (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .relevant_i(relevant_i), .op_relevant_i(op_relevant_i),
    .inner_i(inner_i), .offchip_last_i(offchip_last_i), .l2_last_i(l2_last_i), .inc_o(inc_o), .clr_o(clr_o),
    .last_o(last_o), .zero_o(zero_o), .walked_o(walked_o), .inner_o(inner_o), .end_o(end_o), .moved_o(moved_o),
    .moved_l2_o(moved_l2_o)
  );

endmodule
`default_nettype wire
