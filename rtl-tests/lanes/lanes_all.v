// The edge at every position of one axis.
`default_nettype none

module lanes_all #(
  parameter SIZE  = 16,
  parameter LANES = 16,
  parameter PW    = 5,
  parameter LW    = 10,
  parameter M     = (LANES > SIZE) ? LANES / SIZE : 1
) (
  input  wire                clk_i,
  input  wire [LANES*8-1:0]  data_i,
  input  wire [7:0]          count_i,
  input  wire [PW-1:0]       pos_i,
  input  wire [LW-1:0]       addr_i,
  input  wire [LW-1:0]       stride_i,
  output wire [SIZE*M-1:0]   hit_o,
  output wire [SIZE*LW-1:0]  addr_o,
  output wire [SIZE*M*8-1:0] data_o
);

  genvar p;
  generate
    for (p = 0; p < SIZE; p = p + 1) begin : g_pos
      naas_lanes #(.POS(p), .SIZE(SIZE), .LANES(LANES), .PW(PW), .LW(LW)) u_lanes (
        .clk_i(clk_i), .data_i(data_i), .count_i(count_i), .pos_i(pos_i), .addr_i(addr_i), .stride_i(stride_i),
        .hit_o(hit_o[p*M +: M]), .addr_o(addr_o[p*LW +: LW]), .data_o(data_o[p*M*8 +: M*8])
      );
    end
  endgenerate

endmodule
`default_nettype wire
