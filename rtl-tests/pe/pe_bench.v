// naas_pe with and without register, with and without the search of the greatest input.
`default_nettype none

module pe_bench (
  input  wire        clk_i,
  input  wire        maximum_i,
  input  wire [7:0]  w_i,
  input  wire [7:0]  i_i,
  output wire [63:0] product_o
);

  genvar p;
  generate
    for (p = 0; p < 4; p = p + 1) begin : g_pe
      naas_pe #(.REGISTERED(p % 2), .MAXIMUM(p / 2)) u_pe (
        .clk_i(clk_i), .maximum_i(maximum_i), .w_i(w_i), .i_i(i_i), .product_o(product_o[p*16 +: 16])
      );
    end
  endgenerate

endmodule
`default_nettype wire
