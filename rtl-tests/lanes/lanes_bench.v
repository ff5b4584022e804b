// Axes of several sizes before beats of several lanes. bench.cpp has the same table.
`default_nettype none

module lanes_bench (
  input  wire         clk_i,
  input  wire [127:0] data_i,
  input  wire [7:0]   count_i,
  input  wire [4:0]   pos_i,
  input  wire [9:0]   addr_i,
  input  wire [9:0]   stride_i,
  output wire [72:0]  hit_o,    // of all axes, one after the other
  output wire [519:0] addr_o,
  output wire [583:0] data_o
);

  lanes_all #(.SIZE(16), .LANES(16), .PW(5), .LW(10)) u_0 (
    .clk_i(clk_i), .data_i(data_i[127:0]), .count_i(count_i), .pos_i(pos_i[4:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[0 +: 16]), .addr_o(addr_o[0 +: 160]), .data_o(data_o[0 +: 128])
  );
  lanes_all #(.SIZE(16), .LANES(4), .PW(5), .LW(10)) u_1 (
    .clk_i(clk_i), .data_i(data_i[31:0]), .count_i(count_i), .pos_i(pos_i[4:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[16 +: 16]), .addr_o(addr_o[160 +: 160]), .data_o(data_o[128 +: 128])
  );
  lanes_all #(.SIZE(6), .LANES(4), .PW(3), .LW(10)) u_2 (
    .clk_i(clk_i), .data_i(data_i[31:0]), .count_i(count_i), .pos_i(pos_i[2:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[32 +: 6]), .addr_o(addr_o[320 +: 60]), .data_o(data_o[256 +: 48])
  );
  lanes_all #(.SIZE(7), .LANES(5), .PW(4), .LW(10)) u_3 (
    .clk_i(clk_i), .data_i(data_i[39:0]), .count_i(count_i), .pos_i(pos_i[3:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[38 +: 7]), .addr_o(addr_o[380 +: 70]), .data_o(data_o[304 +: 56])
  );
  lanes_all #(.SIZE(4), .LANES(16), .PW(3), .LW(10)) u_4 (
    .clk_i(clk_i), .data_i(data_i[127:0]), .count_i(count_i), .pos_i(pos_i[2:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[45 +: 16]), .addr_o(addr_o[450 +: 40]), .data_o(data_o[360 +: 128])
  );
  lanes_all #(.SIZE(1), .LANES(4), .PW(1), .LW(10)) u_5 (
    .clk_i(clk_i), .data_i(data_i[31:0]), .count_i(count_i), .pos_i(pos_i[0:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[61 +: 4]), .addr_o(addr_o[490 +: 10]), .data_o(data_o[488 +: 32])
  );
  lanes_all #(.SIZE(2), .LANES(8), .PW(2), .LW(10)) u_6 (
    .clk_i(clk_i), .data_i(data_i[63:0]), .count_i(count_i), .pos_i(pos_i[1:0]), .addr_i(addr_i), .stride_i(stride_i),
    .hit_o(hit_o[65 +: 8]), .addr_o(addr_o[500 +: 20]), .data_o(data_o[520 +: 64])
  );

endmodule
`default_nettype wire
