// The edge at every place of a shared axis, for every own position.
`default_nettype none

module i_deal_all #(
  parameter OWN    = 1,
  parameter PLACES = 4,
  parameter LANES  = 16,
  parameter PW     = 5,
  parameter LW     = 10,
  parameter M      = (LANES > OWN) ? LANES / OWN : 1,
  parameter N      = OWN * PLACES
) (
  input  wire               clk_i,
  input  wire [LANES*8-1:0] data_i,
  input  wire [7:0]         count_i,
  input  wire [N*16-1:0]    pos_i,
  input  wire [PW-1:0]      size_i,
  input  wire [PW-1:0]      c_pos_i,
  input  wire [LW-1:0]      addr_i,
  input  wire [LW-1:0]      c_stride_i,
  output wire [N*M-1:0]     hit_o,
  output wire [N*LW-1:0]    addr_o,
  output wire [N*M*8-1:0]   data_o
);

  genvar p;
  generate
    for (p = 0; p < N; p = p + 1) begin : g_place
      naas_i_deal #(.OWN(OWN), .POS(p / PLACES), .PLACE(p % PLACES), .LANES(LANES), .PW(PW), .LW(LW)) u_deal (
        .clk_i(clk_i), .data_i(data_i), .count_i(count_i), .pos_i(pos_i[p*16 +: 16]), .size_i(size_i), .c_pos_i(c_pos_i),
        .addr_i(addr_i), .c_stride_i(c_stride_i), .hit_o(hit_o[p*M +: M]), .addr_o(addr_o[p*LW +: LW]),
        .data_o(data_o[p*M*8 +: M*8])
      );
    end
  endgenerate

endmodule
`default_nettype wire
