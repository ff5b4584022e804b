// naas_offset as its users set it, over one nest of six loops: which count, whose counters have no bits, widths, FIXED.
// bench.cpp has the same table.
`default_nettype none

module offset_bench (
  input  wire           clk_i,
  input  wire           load_i,
  input  wire           step_i,
  input  wire [5:0]     inc_i,
  input  wire [5:0]     clr_i,
  input  wire [35:0]    inner_i,
  input  wire [6*32-1:0] stride_i,
  input  wire [31:0]    base_i,
  output wire [10*32-1:0] offset_o
);

  localparam [47:0] All = {6{8'd16}};

  wire [15:0] o0, o3, o4, o5;
  wire [9:0]  o1, o6;
  wire [31:0] o2;
  wire [11:0] o7, o8, o9;

  naas_offset #(.N(6), .M(6), .LOOPS(24'h543210), .BITS(All), .AW(16), .SW(32)) u_0 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i), .base_i(base_i[15:0]), .offset_o(o0)
  );
  naas_offset #(.N(6), .M(4), .LOOPS(16'h5410), .BITS(All), .AW(10), .SW(32)) u_1 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[127:0]), .base_i(base_i[9:0]), .offset_o(o1)
  );
  naas_offset #(.N(6), .M(3), .LOOPS(12'h320), .BITS(48'h08_00_03_02_04_05), .AW(32), .SW(32)) u_2 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[95:0]), .base_i(base_i), .offset_o(o2)
  );
  naas_offset #(.N(6), .M(3), .LOOPS(12'h210), .BITS(All), .FIXED(1), .AW(16), .SW(32)) u_3 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[95:0]), .base_i(base_i[15:0]), .offset_o(o3)
  );
  naas_offset #(.N(6), .M(2), .LOOPS(8'h41), .BITS(All), .FIXED(1), .AW(16), .SW(32)) u_4 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[63:0]), .base_i(base_i[15:0]), .offset_o(o4)
  );
  naas_offset #(.N(6), .M(1), .LOOPS(4'h3), .BITS(All), .AW(16), .SW(32)) u_5 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[31:0]), .base_i(base_i[15:0]), .offset_o(o5)
  );
  // Some, one and none of the loops that count step.
  naas_offset #(.N(6), .M(4), .LOOPS(16'h5320), .BITS(48'h00_05_03_00_04_02), .AW(10), .SW(32)) u_6 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[127:0]), .base_i(base_i[9:0]), .offset_o(o6)
  );
  naas_offset #(.N(6), .M(3), .LOOPS(12'h410), .BITS(48'h05_00_03_04_03_00), .AW(12), .SW(32)) u_7 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[95:0]), .base_i(base_i[11:0]), .offset_o(o7)
  );
  naas_offset #(.N(6), .M(2), .LOOPS(8'h20), .BITS(48'h05_02_03_00_03_00), .AW(12), .SW(32)) u_8 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[63:0]), .base_i(base_i[11:0]), .offset_o(o8)
  );
  naas_offset #(.N(6), .M(3), .LOOPS(12'h310), .BITS(48'h04_04_05_04_00_03), .FIXED(1), .AW(12), .SW(32)) u_9 (
    .clk_i(clk_i), .load_i(load_i), .step_i(step_i), .inc_i(inc_i), .clr_i(clr_i), .inner_i(inner_i),
    .stride_i(stride_i[95:0]), .base_i(base_i[11:0]), .offset_o(o9)
  );

  assign offset_o = {20'd0, o9, 20'd0, o8, 20'd0, o7, 22'd0, o6, 16'd0, o5, 16'd0, o4, 16'd0, o3, o2, 22'd0, o1, 16'd0, o0};

endmodule
`default_nettype wire
