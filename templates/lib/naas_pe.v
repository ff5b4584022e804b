// A PE: one signed 8 x 8 bit multiplier. What it multiplies and where its product is summed are the connectivity of the array
// around it: the product is registered where a tree of adders follows, and goes straight to its psum where none does.
//
// Where the greatest input is sought instead of a sum, it passes the input on as 0 to 255 (128 more than it is), and 0,
// which never wins, where no tap is.
`default_nettype none

module naas_pe #(
  parameter REGISTERED = 1,
  parameter MAXIMUM = 0   // 1 if layers may seek the greatest input
) (
  input  wire        clk_i,
  input  wire        maximum_i,
  input  wire [7:0]  w_i,   // 1 at every tap, if maximum_i
  input  wire [7:0]  i_i,
  output wire [15:0] product_o
);

  wire signed [15:0] product;
  wire        [15:0] result;

  assign product = $signed(w_i) * $signed(i_i);
  assign result  = (MAXIMUM != 0 && maximum_i) ? {8'd0, {~i_i[7], i_i[6:0]} & {8{w_i[0]}}} : product;

  generate
    if (REGISTERED != 0) begin : g_registered
      reg [15:0] product_q;
      always @(posedge clk_i) product_q <= result;
      assign product_o = product_q;
    end else begin : g_direct
      assign product_o = result;
    end
  endgenerate

  wire unused = ^{clk_i, maximum_i};

endmodule
`default_nettype wire
