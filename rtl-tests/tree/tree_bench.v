// Trees of several sizes over the same inputs, in sums as wide as products of bytes need. bench.cpp has the same table.
`default_nettype none

module tree_bench (
  input  wire             clk_i,
  input  wire             maximum_i,
  input  wire [70*16-1:0] in_i,
  output wire [7*22-1:0]  sum_o
);

  wire [15:0] s0;
  wire [16:0] s1;
  wire [17:0] s2, s3;
  wire [19:0] s4;
  wire [21:0] s5, s6;

  naas_tree #(.N(1), .INW(16), .OUTW(16), .DEPTH(0), .MAXIMUM(1)) u_0 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i[15:0]), .sum_o(s0));
  naas_tree #(.N(2), .INW(16), .OUTW(17), .DEPTH(1), .MAXIMUM(1)) u_1 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i[2*16-1:0]), .sum_o(s1));
  naas_tree #(.N(4), .INW(16), .OUTW(18), .DEPTH(1), .MAXIMUM(0)) u_2 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i[4*16-1:0]), .sum_o(s2));
  naas_tree #(.N(5), .INW(16), .OUTW(18), .DEPTH(2), .MAXIMUM(1)) u_3 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i[5*16-1:0]), .sum_o(s3));
  naas_tree #(.N(16), .INW(16), .OUTW(20), .DEPTH(2), .MAXIMUM(0)) u_4 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i[16*16-1:0]), .sum_o(s4));
  naas_tree #(.N(64), .INW(16), .OUTW(22), .DEPTH(3), .MAXIMUM(1)) u_5 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i[64*16-1:0]), .sum_o(s5));
  naas_tree #(.N(70), .INW(16), .OUTW(22), .DEPTH(4), .MAXIMUM(0)) u_6 (
    .clk_i(clk_i), .maximum_i(maximum_i), .in_i(in_i), .sum_o(s6));

  assign sum_o = {s6, s5, 2'd0, s4, 4'd0, s3, 4'd0, s2, 5'd0, s1, 6'd0, s0};

endmodule
`default_nettype wire
