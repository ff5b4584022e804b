// What of a beat goes into a row of the I buffers, whatever their position: the bytes, and which of them are channels of a
// depthwise layer. Those of a convolution are found by address (naas_i_buf).
`default_nettype none

module naas_i_row #(
  parameter ROW       = 16,  // bytes of a row
  parameter M         = 1,   // bytes of a convolution word
  parameter PK        = 16,  // K positions
  parameter PW        = 5,   // bits of a position
  parameter LANES     = 16,
  parameter DEPTHWISE = 1    // these buffers take part in depthwise layers
) (
  input  wire               depthwise_i,
  input  wire               first_i,      // and do so in this one
  input  wire [M*8-1:0]     c_data_i,
  input  wire [PW-1:0]      k_pos_i,      // depthwise: bank of lane 0
  input  wire [7:0]         count_i,      // valid lanes
  input  wire [LANES*8-1:0] data_i,
  output wire [ROW-1:0]     k_hit_o,
  output wire [ROW*8-1:0]   data_o
);

  genvar b;
  generate
    for (b = 0; b < ROW; b = b + 1) begin : g_byte
      wire [7:0] k_data;
      if (DEPTHWISE == 0) begin : g_none
        assign k_hit_o[b] = 1'b0;
        assign k_data     = c_data_i[(b % M)*8 +: 8];
      end else if (LANES < PK && PK % LANES != 0) begin : g_rotated
        localparam [PW:0] Pos = b;
        wire [PW:0] wrapped, lane;
        assign wrapped    = Pos - {1'b0, k_pos_i};
        assign lane       = wrapped[PW] ? wrapped + PK[PW:0] : wrapped;
        assign k_hit_o[b] = first_i & ({{(23-PW){1'b0}}, lane} < {16'd0, count_i});
        assign k_data     = data_i[lane * 8 +: 8];
      end else begin : g_fixed
        localparam [7:0] Lane = b % LANES;
        localparam FIRST = (LANES > PK) ? 0 : b - (b % LANES);
        assign k_hit_o[b] = first_i & (k_pos_i == FIRST[PW-1:0]) & (Lane < count_i);
        assign k_data     = data_i[(b % LANES)*8 +: 8];
      end
      assign data_o[b*8 +: 8] = depthwise_i ? k_data : c_data_i[(b % M)*8 +: 8];
    end
  endgenerate

  wire unused = ^{k_pos_i, count_i, data_i, first_i};

endmodule
`default_nettype wire
