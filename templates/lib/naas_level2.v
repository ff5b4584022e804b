// A level-2 memory filled by bus beats and read by words: W and I of one plane, parameters of nine byte planes, which are two
// memories since output units need the bias first.
//
// A beat's place is {word, plane (four bits, only with several planes), beat within the plane's word}.
`default_nettype none

module naas_level2 #(
  parameter BUS    = 16,   // bytes of a beat
  parameter WORD   = 16,   // bytes of a plane's word, a multiple of BUS
  parameter PLANES = 1,
  parameter FIRST  = 0,    // number of the first plane
  parameter DEPTH  = 4096, // words per slot
  parameter SLOTS  = 2,
  parameter AW     = 13,   // word address, slot included
  parameter CW     = 20    // beat place
) (
  input  wire                     clk_i,
  input  wire                     we_i,
  input  wire                     wslot_i,
  input  wire [CW-1:0]            wbeat_i,
  input  wire [BUS*8-1:0]         wdata_i,
  input  wire                     re_i,
  input  wire [AW-1:0]            raddr_i,
  output wire [PLANES*WORD*8-1:0] rdata_o
);

  localparam SUBS   = WORD / BUS;
  localparam SB     = $clog2(SUBS);
  localparam PB     = (PLANES > 1) ? 4 : 0;
  localparam BEATS  = PLANES * SUBS;

  wire [31:0]      beat, word, place;
  wire [BEATS-1:0] we;

  assign beat  = {{(32-CW){1'b0}}, wbeat_i};
  assign place = beat & ((32'd1 << (SB + PB)) - 32'd1);
  assign word  = (beat >> (SB + PB)) + ((SLOTS > 1 && wslot_i) ? DEPTH : 0);

  genvar b;
  generate
    for (b = 0; b < BEATS; b = b + 1) begin : g_beat
      assign we[b] = we_i & (place == FIRST*SUBS + b);
    end
  endgenerate

  naas_mem #(.WIDTH(PLANES*WORD*8), .LANE(BUS*8), .DEPTH(SLOTS*DEPTH), .AW(AW)) u_mem (
    .clk_i(clk_i), .we_i(we), .waddr_i(word[AW-1:0]), .wdata_i({BEATS{wdata_i}}),
    .re_i(re_i), .raddr_i(raddr_i), .rdata_o(rdata_o)
  );

`ifndef SYNTHESIS
  always @(posedge clk_i) if (we_i & re_i & (SLOTS == 1 || wslot_i == ({1'b0, raddr_i} >= DEPTH[AW:0])))
    begin $display("%m: a slot is filled while it is read"); $stop; end
`endif

  wire unused = ^{word, wslot_i};

endmodule
`default_nettype wire
