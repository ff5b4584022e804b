// Edge of the array at one C position of an axis that C shares: picks this position's channels out of an input beat of a
// convolution. One register. As naas_lanes, but what the position stands for, and how many there are, is the layer's.
//
// Where the lanes exceed the positions, which then are OWN times a power of two, this position takes lanes / positions
// neighbouring channels as one word. Words shorter than M bytes are repeated: the buffer's addresses pick the copy.
`default_nettype none

module naas_i_deal #(
  parameter OWN   = 1,    // positions of the C axes that C does not share
  parameter POS   = 0,    // position along these
  parameter PLACE = 0,    // place on the shared axis, whose fastest digit is C
  parameter LANES = 16,
  parameter PW    = 5,    // bits of a position
  parameter LW    = 10,
  parameter M     = (LANES > OWN) ? LANES / OWN : 1   // bytes of the longest word
) (
  input  wire               clk_i,
  input  wire [LANES*8-1:0] data_i,
  input  wire [7:0]         count_i,      // valid lanes
  input  wire [15:0]        pos_i,        // this position's C coordinate
  input  wire [PW-1:0]      size_i,       // C positions
  input  wire [PW-1:0]      c_pos_i,
  input  wire [LW-1:0]      addr_i, c_stride_i,
  output wire [M-1:0]       hit_o,
  output wire [LW-1:0]      addr_o,
  output wire [M*8-1:0]     data_o
);

  localparam SIZES = (M > 1) ? $clog2(M) : 1;

  reg [M-1:0]    hit_q;
  reg [LW-1:0]   addr_q;
  reg [M*8-1:0]  data_q;
  wire [M-1:0]   hit;
  wire [M*8-1:0] data;

  // One channel of a beat at most: lane `pos - c_pos`, counted round the positions.
  wire [PW:0] wrapped, lane;
  wire        dealt;
  wire [7:0]  mine;
  assign wrapped = {1'b0, pos_i[PW-1:0]} - {1'b0, c_pos_i};
  assign lane    = wrapped[PW] ? wrapped + {1'b0, size_i} : wrapped;
  assign dealt   = {{(23-PW){1'b0}}, lane} < {16'd0, count_i};
  assign mine    = data_i[lane * 8 +: 8];

  genvar b, a;
  generate
    if (M > 1) begin : g_words
      // Whether the layer has OWN << a positions; no bit is set where it has as many as lanes, or more.
      wire [SIZES-1:0] words;
      for (a = 0; a < SIZES; a = a + 1) begin : g_size
        localparam POSITIONS = OWN << a;
        assign words[a] = size_i == POSITIONS[PW-1:0];
      end
      for (b = 0; b < M; b = b + 1) begin : g_byte
        wire [SIZES-1:0] in;
        wire [7:0]       among;
        for (a = 0; a < SIZES; a = a + 1) begin : g_size
          localparam LANE = (b % (M >> a)) * (OWN << a) + POS + OWN * (PLACE % (1 << a));
          localparam [7:0] Lane = LANE[7:0];
          wire [7:0] byte_;
          assign in[a] = words[a] & (Lane < count_i);
          if (a == 0) begin : g_first
            assign byte_ = data_i[LANE*8 +: 8] & {8{words[a]}};
          end else begin : g_next
            assign byte_ = g_size[a-1].byte_ | (data_i[LANE*8 +: 8] & {8{words[a]}});
          end
        end
        assign among          = g_size[SIZES-1].byte_;
        assign hit[b]         = (|words) ? |in : dealt;
        assign data[b*8 +: 8] = (|words) ? among : mine;
      end
    end else begin : g_dealt
      assign hit  = dealt;
      assign data = mine;
    end
  endgenerate

  always @(posedge clk_i) begin
    hit_q  <= hit;
    addr_q <= wrapped[PW] ? addr_i + c_stride_i : addr_i;
    data_q <= data;
  end

  assign hit_o  = hit_q;
  assign addr_o = addr_q;
  assign data_o = data_q;

  wire unused = ^pos_i;

endmodule
`default_nettype wire
