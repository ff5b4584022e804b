// One of N parts of a word. Nothing where there is only one: a variable slice of a wide bus would be a shifter.
`default_nettype none

module naas_pick #(
  parameter N  = 1,  // parts, a power of two
  parameter W  = 8,  // bits of a part
  parameter SW = 1   // bits of the selection
) (
  input  wire [SW-1:0]  sel_i,
  input  wire [N*W-1:0] in_i,
  output wire [W-1:0]   out_o
);

  generate
    if (N == 1) begin : g_one
      assign out_o = in_i;
      wire unused = ^sel_i;
    end else begin : g_some
      assign out_o = in_i[sel_i * W +: W];
    end
  endgenerate

endmodule
`default_nettype wire
