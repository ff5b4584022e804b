// Shared axes of several shapes, one after the other in the outputs. bench.cpp has the same table.
`default_nettype none

module i_deal_bench (
  input  wire         clk_i,
  input  wire [127:0] data_i,
  input  wire [7:0]   count_i,
  input  wire [127:0] pos_i,
  input  wire [3:0]   size_i,
  input  wire [3:0]   c_pos_i,
  input  wire [9:0]   addr_i,
  input  wire [9:0]   c_stride_i,
  output wire [191:0] hit_o,
  output wire [359:0] addr_o,
  output wire [1535:0] data_o
);

  i_deal_all #(.OWN(1), .PLACES(4), .LANES(16), .PW(3), .LW(10)) u_0 (
    .clk_i(clk_i), .data_i(data_i[127:0]), .count_i(count_i), .pos_i(pos_i[63:0]), .size_i(size_i[2:0]),
    .c_pos_i(c_pos_i[2:0]), .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[0 +: 64]),
    .addr_o(addr_o[0 +: 40]), .data_o(data_o[0 +: 512])
  );
  i_deal_all #(.OWN(2), .PLACES(3), .LANES(16), .PW(3), .LW(10)) u_1 (
    .clk_i(clk_i), .data_i(data_i[127:0]), .count_i(count_i), .pos_i(pos_i[95:0]), .size_i(size_i[2:0]),
    .c_pos_i(c_pos_i[2:0]), .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[64 +: 48]),
    .addr_o(addr_o[40 +: 60]), .data_o(data_o[512 +: 384])
  );
  i_deal_all #(.OWN(1), .PLACES(6), .LANES(4), .PW(3), .LW(10)) u_2 (
    .clk_i(clk_i), .data_i(data_i[31:0]), .count_i(count_i), .pos_i(pos_i[95:0]), .size_i(size_i[2:0]),
    .c_pos_i(c_pos_i[2:0]), .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[112 +: 24]),
    .addr_o(addr_o[100 +: 60]), .data_o(data_o[896 +: 192])
  );
  i_deal_all #(.OWN(3), .PLACES(2), .LANES(12), .PW(3), .LW(10)) u_3 (
    .clk_i(clk_i), .data_i(data_i[95:0]), .count_i(count_i), .pos_i(pos_i[95:0]), .size_i(size_i[2:0]),
    .c_pos_i(c_pos_i[2:0]), .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[136 +: 24]),
    .addr_o(addr_o[160 +: 60]), .data_o(data_o[1088 +: 192])
  );
  i_deal_all #(.OWN(4), .PLACES(2), .LANES(4), .PW(4), .LW(10)) u_4 (
    .clk_i(clk_i), .data_i(data_i[31:0]), .count_i(count_i), .pos_i(pos_i[127:0]), .size_i(size_i[3:0]),
    .c_pos_i(c_pos_i[3:0]), .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[160 +: 8]),
    .addr_o(addr_o[220 +: 80]), .data_o(data_o[1280 +: 64])
  );
  i_deal_all #(.OWN(2), .PLACES(3), .LANES(8), .PW(3), .LW(10)) u_5 (
    .clk_i(clk_i), .data_i(data_i[63:0]), .count_i(count_i), .pos_i(pos_i[95:0]), .size_i(size_i[2:0]),
    .c_pos_i(c_pos_i[2:0]), .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[168 +: 24]),
    .addr_o(addr_o[300 +: 60]), .data_o(data_o[1344 +: 192])
  );

endmodule
`default_nettype wire
