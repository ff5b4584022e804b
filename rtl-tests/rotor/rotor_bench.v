// naas_rotor and naas_blocks of several parameters. bench.cpp has the same table.
`default_nettype none

module rotor_bench (
  input  wire         clk_i,
  input  wire         load_i,
  input  wire         step_i,
  input  wire [6:0]   size_i,
  input  wire [15:0]  share_last_i,
  input  wire [11:0]  stride_i,
  output wire [83:0]  pos_o,
  output wire [143:0] offset_o
);

  wire [0:0] pos_0;
  naas_rotor #(.STEP(1), .SIZE(1), .SPLIT(0), .PW(1), .AW(12)) u_rotor_0 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[0:0]), .stride_i(stride_i),
    .pos_o(pos_0), .offset_o(offset_o[0 +: 12])
  );
  assign pos_o[0 +: 7] = {6'd0, pos_0};
  wire [4:0] pos_1;
  naas_rotor #(.STEP(4), .SIZE(16), .SPLIT(0), .PW(5), .AW(12)) u_rotor_1 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[4:0]), .stride_i(stride_i),
    .pos_o(pos_1), .offset_o(offset_o[12 +: 12])
  );
  assign pos_o[7 +: 7] = {2'd0, pos_1};
  wire [2:0] pos_2;
  naas_rotor #(.STEP(4), .SIZE(6), .SPLIT(0), .PW(3), .AW(12)) u_rotor_2 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[2:0]), .stride_i(stride_i),
    .pos_o(pos_2), .offset_o(offset_o[24 +: 12])
  );
  assign pos_o[14 +: 7] = {4'd0, pos_2};
  wire [3:0] pos_3;
  naas_rotor #(.STEP(16), .SIZE(16), .SPLIT(0), .PW(4), .AW(12)) u_rotor_3 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[3:0]), .stride_i(stride_i),
    .pos_o(pos_3), .offset_o(offset_o[36 +: 12])
  );
  assign pos_o[21 +: 7] = {3'd0, pos_3};
  wire [2:0] pos_4;
  naas_rotor #(.STEP(16), .SIZE(4), .SPLIT(0), .PW(3), .AW(12)) u_rotor_4 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[2:0]), .stride_i(stride_i),
    .pos_o(pos_4), .offset_o(offset_o[48 +: 12])
  );
  assign pos_o[28 +: 7] = {4'd0, pos_4};
  wire [6:0] pos_5;
  naas_rotor #(.STEP(3), .SIZE(7), .SPLIT(0), .PW(7), .AW(12)) u_rotor_5 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[6:0]), .stride_i(stride_i),
    .pos_o(pos_5), .offset_o(offset_o[60 +: 12])
  );
  assign pos_o[35 +: 7] = pos_5;
  wire [6:0] pos_6;
  naas_rotor #(.STEP(1), .SIZE(1), .SPLIT(1), .PW(7), .AW(12)) u_rotor_6 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[6:0]), .stride_i(stride_i),
    .pos_o(pos_6), .offset_o(offset_o[72 +: 12])
  );
  assign pos_o[42 +: 7] = pos_6;
  wire [6:0] pos_7;
  naas_rotor #(.STEP(4), .SIZE(1), .SPLIT(1), .PW(7), .AW(12)) u_rotor_7 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[6:0]), .stride_i(stride_i),
    .pos_o(pos_7), .offset_o(offset_o[84 +: 12])
  );
  assign pos_o[49 +: 7] = pos_7;
  wire [5:0] pos_8;
  naas_rotor #(.STEP(16), .SIZE(1), .SPLIT(1), .PW(6), .AW(12)) u_rotor_8 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .size_i(size_i[5:0]), .stride_i(stride_i),
    .pos_o(pos_8), .offset_o(offset_o[96 +: 12])
  );
  assign pos_o[56 +: 7] = {1'd0, pos_8};
  naas_blocks #(.ALONE(0), .BITS(16), .PW(7), .AW(12)) u_blocks_0 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .share_last_i(share_last_i), .stride_i(stride_i),
    .pos_o(pos_o[63 +: 7]), .offset_o(offset_o[108 +: 12])
  );
  naas_blocks #(.ALONE(0), .BITS(3), .PW(7), .AW(12)) u_blocks_1 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .share_last_i(share_last_i), .stride_i(stride_i),
    .pos_o(pos_o[70 +: 7]), .offset_o(offset_o[120 +: 12])
  );
  naas_blocks #(.ALONE(1), .BITS(16), .PW(7), .AW(12)) u_blocks_2 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .share_last_i(share_last_i), .stride_i(stride_i),
    .pos_o(pos_o[77 +: 7]), .offset_o(offset_o[132 +: 12])
  );

endmodule
`default_nettype wire
