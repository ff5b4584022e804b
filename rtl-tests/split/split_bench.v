// Axes of several sizes and digits, one after the other in the outputs. bench.cpp has the same table.
`default_nettype none

module split_bench (
  input  wire         clk_i,
  input  wire [6:0]   first_radix_i,
  input  wire [6:0]   second_radix_i,
  input  wire [6:0]   third_radix_i,
  output wire [909:0] first_o,
  output wire [909:0] second_o,
  output wire [909:0] third_o,
  output wire [129:0] busy_o
);

  naas_split #(.SIZE(12), .FIRST(1), .SECOND(1)) u_0 (
    .clk_i(clk_i), .first_radix_i(first_radix_i), .second_radix_i(second_radix_i), .third_radix_i(third_radix_i),
    .first_o(first_o[0 +: 84]), .second_o(second_o[0 +: 84]), .third_o(third_o[0 +: 84]),
    .busy_o(busy_o[0 +: 12])
  );
  naas_split #(.SIZE(7), .FIRST(0), .SECOND(1)) u_1 (
    .clk_i(clk_i), .first_radix_i(first_radix_i), .second_radix_i(second_radix_i), .third_radix_i(third_radix_i),
    .first_o(first_o[84 +: 49]), .second_o(second_o[84 +: 49]), .third_o(third_o[84 +: 49]),
    .busy_o(busy_o[12 +: 7])
  );
  naas_split #(.SIZE(9), .FIRST(1), .SECOND(0)) u_2 (
    .clk_i(clk_i), .first_radix_i(first_radix_i), .second_radix_i(second_radix_i), .third_radix_i(third_radix_i),
    .first_o(first_o[133 +: 63]), .second_o(second_o[133 +: 63]), .third_o(third_o[133 +: 63]),
    .busy_o(busy_o[19 +: 9])
  );
  naas_split #(.SIZE(5), .FIRST(0), .SECOND(0)) u_3 (
    .clk_i(clk_i), .first_radix_i(first_radix_i), .second_radix_i(second_radix_i), .third_radix_i(third_radix_i),
    .first_o(first_o[196 +: 35]), .second_o(second_o[196 +: 35]), .third_o(third_o[196 +: 35]),
    .busy_o(busy_o[28 +: 5])
  );
  naas_split #(.SIZE(33), .FIRST(1), .SECOND(1)) u_4 (
    .clk_i(clk_i), .first_radix_i(first_radix_i), .second_radix_i(second_radix_i), .third_radix_i(third_radix_i),
    .first_o(first_o[231 +: 231]), .second_o(second_o[231 +: 231]), .third_o(third_o[231 +: 231]),
    .busy_o(busy_o[33 +: 33])
  );
  naas_split #(.SIZE(64), .FIRST(1), .SECOND(1)) u_5 (
    .clk_i(clk_i), .first_radix_i(first_radix_i), .second_radix_i(second_radix_i), .third_radix_i(third_radix_i),
    .first_o(first_o[462 +: 448]), .second_o(second_o[462 +: 448]), .third_o(third_o[462 +: 448]),
    .busy_o(busy_o[66 +: 64])
  );

endmodule
`default_nettype wire
