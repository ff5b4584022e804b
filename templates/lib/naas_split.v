// What the positions of an axis over several dimensions stand for in the present layer: a count whose digits are the
// coordinates along the dimensions, the first one running fastest, and whose radices are the positions that the layer gives
// each. Positions after the last place of the count are idle.
//
// Each position counts on from its neighbour; every eighth of the axis is registered, so that coordinates stand at most
// eight cycles after the radices. No data reaches the array's edge so early in a layer.
`default_nettype none

module naas_split #(
  parameter SIZE   = 12,
  parameter FIRST  = 1,    // 1: there is a first digit, else it is always zero
  parameter SECOND = 1
) (
  input  wire              clk_i,
  input  wire [6:0]        first_radix_i, second_radix_i, third_radix_i,
  output wire [SIZE*7-1:0] first_o, second_o, third_o,
  output wire [SIZE-1:0]   busy_o
);

  localparam DW    = $clog2(SIZE + 1);
  localparam GROUP = (SIZE + 7) / 8;

  genvar i;
  generate
    for (i = 0; i < SIZE; i = i + 1) begin : g_place
      wire [DW-1:0]   first, second, third;
      wire [3*DW-1:0] place;
      reg  [3*DW-1:0] place_q;
      if (i == 0) begin : g_origin
        assign {third, second, first} = {(3*DW){1'b0}};
      end else begin : g_next
        wire [DW-1:0] a, b, c;
        wire          a_wraps, b_wraps;
        assign {c, b, a} = (i % GROUP == 0) ? g_place[i-1].place_q : g_place[i-1].place;
        assign a_wraps   = (FIRST == 0)  || a + 1'b1 == first_radix_i[DW-1:0];
        assign b_wraps   = (SECOND == 0) || b + 1'b1 == second_radix_i[DW-1:0];
        assign first     = a_wraps ? {DW{1'b0}} : a + 1'b1;
        assign second    = a_wraps ? (b_wraps ? {DW{1'b0}} : b + 1'b1) : b;
        assign third     = (a_wraps & b_wraps) ? c + 1'b1 : c;
      end
      assign place = {third, second, first};
      always @(posedge clk_i) place_q <= place;

      wire [DW-1:0] first_q, second_q, third_q;
      wire [7:0]    first_wide, second_wide, third_wide;
      assign {third_q, second_q, first_q} = place_q;
      assign first_wide  = {{(8-DW){1'b0}}, first_q};
      assign second_wide = {{(8-DW){1'b0}}, second_q};
      assign third_wide  = {{(8-DW){1'b0}}, third_q};
      assign first_o[i*7 +: 7]  = first_wide[6:0];
      assign second_o[i*7 +: 7] = second_wide[6:0];
      assign third_o[i*7 +: 7]  = third_wide[6:0];
      assign busy_o[i]          = third_q < third_radix_i[DW-1:0];
      wire unused = first_wide[7] | second_wide[7] | third_wide[7];
    end
  endgenerate

  wire unused = ^{first_radix_i, second_radix_i, third_radix_i};

endmodule
`default_nettype wire
