// Rows of several shapes, one after the other in the outputs. bench.cpp has the same table.
`default_nettype none

module i_row_bench (
  input  wire         depthwise_i,
  input  wire         first_i,
  input  wire [63:0]  c_data_i,
  input  wire [4:0]   k_pos_i,
  input  wire [7:0]   count_i,
  input  wire [127:0] data_i,
  output wire [86:0]  k_hit_o,
  output wire [695:0] data_o
);

  naas_i_row #(.ROW(16), .M(1), .PK(16), .PW(5), .LANES(16), .DEPTHWISE(1)) u_0 (
    .depthwise_i(depthwise_i), .first_i(first_i), .c_data_i(c_data_i[7:0]), .k_pos_i(k_pos_i), .count_i(count_i),
    .data_i(data_i[127:0]), .k_hit_o(k_hit_o[0 +: 16]), .data_o(data_o[0 +: 128])
  );
  naas_i_row #(.ROW(16), .M(4), .PK(8), .PW(5), .LANES(16), .DEPTHWISE(1)) u_1 (
    .depthwise_i(depthwise_i), .first_i(first_i), .c_data_i(c_data_i[31:0]), .k_pos_i(k_pos_i), .count_i(count_i),
    .data_i(data_i[127:0]), .k_hit_o(k_hit_o[16 +: 16]), .data_o(data_o[128 +: 128])
  );
  naas_i_row #(.ROW(6), .M(1), .PK(6), .PW(5), .LANES(4), .DEPTHWISE(1)) u_2 (
    .depthwise_i(depthwise_i), .first_i(first_i), .c_data_i(c_data_i[7:0]), .k_pos_i(k_pos_i), .count_i(count_i),
    .data_i(data_i[31:0]), .k_hit_o(k_hit_o[32 +: 6]), .data_o(data_o[256 +: 48])
  );
  naas_i_row #(.ROW(24), .M(4), .PK(24), .PW(5), .LANES(8), .DEPTHWISE(1)) u_3 (
    .depthwise_i(depthwise_i), .first_i(first_i), .c_data_i(c_data_i[31:0]), .k_pos_i(k_pos_i), .count_i(count_i),
    .data_i(data_i[63:0]), .k_hit_o(k_hit_o[38 +: 24]), .data_o(data_o[304 +: 192])
  );
  naas_i_row #(.ROW(9), .M(2), .PK(9), .PW(5), .LANES(2), .DEPTHWISE(1)) u_4 (
    .depthwise_i(depthwise_i), .first_i(first_i), .c_data_i(c_data_i[15:0]), .k_pos_i(k_pos_i), .count_i(count_i),
    .data_i(data_i[15:0]), .k_hit_o(k_hit_o[62 +: 9]), .data_o(data_o[496 +: 72])
  );
  naas_i_row #(.ROW(16), .M(8), .PK(4), .PW(5), .LANES(16), .DEPTHWISE(0)) u_5 (
    .depthwise_i(depthwise_i), .first_i(first_i), .c_data_i(c_data_i[63:0]), .k_pos_i(k_pos_i), .count_i(count_i),
    .data_i(data_i[127:0]), .k_hit_o(k_hit_o[71 +: 16]), .data_o(data_o[568 +: 128])
  );

endmodule
`default_nettype wire
