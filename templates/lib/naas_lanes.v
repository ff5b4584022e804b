// Edge of the array at one position of K, for weights, or of C, for inputs of a convolution: picks this position's channels
// out of a beat. One register.
//
// Lanes are dealt to positions in turn: lane j belongs to position (pos_i + j) mod SIZE. Where LANES exceeds SIZE (then a
// multiple of it), this position takes LANES / SIZE neighbouring channels as one word. Where LANES divides SIZE, lane and
// position are wired to each other.
`default_nettype none

module naas_lanes #(
  parameter POS   = 0,
  parameter SIZE  = 16,
  parameter LANES = 16,
  parameter PW    = 5,    // bits of a position
  parameter LW    = 10,
  parameter M     = (LANES > SIZE) ? LANES / SIZE : 1   // bytes of a word
) (
  input  wire               clk_i,
  input  wire [LANES*8-1:0] data_i,
  input  wire [7:0]         count_i,      // valid lanes
  input  wire [PW-1:0]      pos_i,        // position of lane 0
  input  wire [LW-1:0]      addr_i,
  input  wire [LW-1:0]      stride_i,     // address distance of two channels of one position
  output wire [M-1:0]       hit_o,
  output wire [LW-1:0]      addr_o,
  output wire [M*8-1:0]     data_o
);

  reg [M-1:0]    hit_q;
  reg [LW-1:0]   addr_q;
  reg [M*8-1:0]  data_q;
  wire [M-1:0]   hit;
  wire [LW-1:0]  addr;
  wire [M*8-1:0] data;

  generate
    if (LANES > SIZE) begin : g_words
      // Channel i*SIZE + POS of the beat is byte i of this position's word.
      genvar i;
      for (i = 0; i < M; i = i + 1) begin : g_byte
        localparam LANE = i*SIZE + POS;
        assign hit[i]         = LANE[7:0] < count_i;
        assign data[i*8 +: 8] = data_i[LANE*8 +: 8];
      end
      assign addr = addr_i;
      wire unused = ^{pos_i, stride_i, data_i};
    end else if (SIZE % LANES == 0) begin : g_fixed
      localparam LANE  = POS % LANES;
      localparam FIRST = POS - LANE;
      assign hit  = (pos_i == FIRST[PW-1:0]) & (LANE[7:0] < count_i);
      assign addr = addr_i;
      assign data = data_i[LANE*8 +: 8];
      wire unused = ^{stride_i, data_i};
    end else begin : g_lane
      localparam [PW:0] Pos = POS;
      wire [PW:0] wrapped, lane;
      assign wrapped = Pos - {1'b0, pos_i};
      assign lane    = wrapped[PW] ? wrapped + SIZE[PW:0] : wrapped;
      assign hit     = {{(23-PW){1'b0}}, lane} < {16'd0, count_i};
      assign addr    = wrapped[PW] ? addr_i + stride_i : addr_i;
      assign data    = data_i[lane * 8 +: 8];
    end
  endgenerate

  always @(posedge clk_i) begin
    hit_q  <= hit;
    addr_q <= addr;
    data_q <= data;
  end

  assign hit_o  = hit_q;
  assign addr_o = addr_q;
  assign data_o = data_q;

endmodule
`default_nettype wire
