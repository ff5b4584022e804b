// naas_token from every initial count, naas_extent and naas_pick of a few parameters.
`default_nettype none

module small_bench (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         load_i,
  input  wire [3:0]   give_i,
  input  wire [3:0]   take_i,
  output wire [3:0]   some_o,
  input  wire         last_i,
  input  wire         edge_i,
  input  wire [47:0]  by_class_i,
  output wire [15:0]  extent_o,
  output wire [15:0]  masked_o,
  output wire [15:0]  none_o,
  input  wire [2:0]   sel_i,
  input  wire [103:0] parts_i,
  output wire [12:0]  one_o,
  output wire [12:0]  eighth_o
);

  genvar t;
  generate
    for (t = 0; t < 4; t = t + 1) begin : g_token
      localparam [1:0] Initial = t;
      naas_token #(.INITIAL(Initial)) u_token (
        .clk_i(clk_i), .rst_ni(rst_ni), .load_i(load_i), .give_i(give_i[t]), .take_i(take_i[t]), .some_o(some_o[t])
      );
    end
  endgenerate

  naas_extent #(.W(16)) u_extent (.last_i(last_i), .edge_i(edge_i), .by_class_i(by_class_i), .extent_o(extent_o));
  naas_extent #(.W(16), .BITS(5)) u_masked (.last_i(last_i), .edge_i(edge_i), .by_class_i(by_class_i), .extent_o(masked_o));
  naas_extent #(.W(16), .BITS(0)) u_none (.last_i(last_i), .edge_i(edge_i), .by_class_i(by_class_i), .extent_o(none_o));

  naas_pick #(.N(1), .W(13), .SW(3)) u_one (.sel_i(sel_i), .in_i(parts_i[12:0]), .out_o(one_o));
  naas_pick #(.N(8), .W(13), .SW(3)) u_eighth (.sel_i(sel_i), .in_i(parts_i), .out_o(eighth_o));

endmodule
`default_nettype wire
