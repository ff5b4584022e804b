// Edge of the array at one K position: picks this position's channels out of a weight beat. One register.
//
// Lanes are dealt to positions in turn: lane j belongs to position (k_pos_i + j) mod SIZE. Where LANES exceeds SIZE
// (then a multiple of it), this position takes LANES / SIZE neighbouring channels as one word.
`default_nettype none

module naas_w_edge #(
  parameter POS   = 0,
  parameter SIZE  = 16,
  parameter LANES = 16,
  parameter PW    = 5,    // bits of a position
  parameter LW    = 10,
  parameter M     = (LANES > SIZE) ? LANES / SIZE : 1   // bytes of a word
) (
  input  wire               clk_i,
  input  wire               rst_ni,
  input  wire               valid_i,
  input  wire               slot_i,
  input  wire [PW-1:0]      k_pos_i,
  input  wire [LW-1:0]      addr_i,
  input  wire [LW-1:0]      k_stride_i,   // address distance of two channels of one position
  input  wire [LANES*8-1:0] data_i,
  output wire               hit_o,
  output wire               slot_o,
  output wire [LW-1:0]      addr_o,
  output wire [M*8-1:0]     data_o
);

  reg             hit_q, slot_q;
  reg [LW-1:0]    addr_q;
  reg [M*8-1:0]   data_q;
  wire            hit;
  wire [LW-1:0]   addr;
  wire [M*8-1:0]  data;

  generate
    if (LANES > SIZE) begin : g_words
      // Channel i*SIZE + POS of the beat is byte i of this position's word.
      genvar i;
      for (i = 0; i < M; i = i + 1) begin : g_byte
        assign data[i*8 +: 8] = data_i[(i*SIZE + POS)*8 +: 8];
      end
      assign hit  = 1'b1;
      assign addr = addr_i;
      wire unused;
      assign unused = ^{k_pos_i, k_stride_i, data_i};
    end else if (SIZE % LANES == 0) begin : g_fixed
      // A beat's first position is a multiple of LANES: always the same lane is this position's.
      localparam LANE  = POS % LANES;
      localparam FIRST = POS - LANE;
      assign hit  = k_pos_i == FIRST[PW-1:0];
      assign addr = addr_i;
      assign data = data_i[LANE*8 +: 8];
      wire unused;
      assign unused = ^{k_stride_i, data_i};
    end else begin : g_lane
      localparam [PW:0] Pos = POS;
      wire [PW:0] wrapped, lane;
      assign wrapped = Pos - {1'b0, k_pos_i};
      assign lane    = wrapped[PW] ? wrapped + SIZE[PW:0] : wrapped;
      assign hit     = lane < LANES[PW:0];
      assign addr    = wrapped[PW] ? addr_i + k_stride_i : addr_i;
      assign data    = data_i[lane * 8 +: 8];
    end
  endgenerate

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) hit_q <= 1'b0;
    else hit_q <= valid_i & hit;
  end

  always @(posedge clk_i) begin
    slot_q <= slot_i;
    addr_q <= addr;
    data_q <= data;
  end

  assign hit_o  = hit_q;
  assign slot_o = slot_q;
  assign addr_o = addr_q;
  assign data_o = data_q;

endmodule

`default_nettype wire
