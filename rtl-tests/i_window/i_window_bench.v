// naas_i_window alone or not, with a pitch or with a pitch of one.
`default_nettype none

module i_window_bench (
  input  wire        clk_i,
  input  wire        load_i,
  input  wire [9:0]  index_i,
  input  wire        busy_i,
  input  wire [9:0]  out_base_i,
  input  wire [9:0]  tap_base_i,
  input  wire [9:0]  reach_i,
  input  wire        next_i,
  input  wire        done_i,
  input  wire [11:0] pitch_i,
  output wire [3:0]  hit_o,
  output wire [47:0] offset_o
);

  genvar w;
  generate
    for (w = 0; w < 4; w = w + 1) begin : g_window
      naas_i_window #(.ALONE(w / 2), .ONE(w % 2), .BW(10), .LW(12)) u_window (
        .clk_i(clk_i), .load_i(load_i), .index_i(index_i), .busy_i(busy_i), .out_base_i(out_base_i), .tap_base_i(tap_base_i),
        .reach_i(reach_i), .next_i(next_i), .done_i(done_i), .pitch_i(pitch_i), .hit_o(hit_o[w]), .offset_o(offset_o[w*12 +: 12])
      );
    end
  endgenerate

endmodule
`default_nettype wire
