// A PE: one signed 8 x 8 bit multiplier with a registered product. What it multiplies and where its product is summed
// are the connectivity of the array around it.
`default_nettype none

module naas_pe (
  input  wire        clk_i,
  input  wire [7:0]  w_i,
  input  wire [7:0]  i_i,
  output wire [15:0] product_o
);

  reg signed [15:0] product_q;

  always @(posedge clk_i) product_q <= $signed(w_i) * $signed(i_i);

  assign product_o = product_q;

endmodule

`default_nettype wire
