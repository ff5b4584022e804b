// W buffer of one weight coordinate: two slots, one written while the other is read.
//
// Read address in cycle t, operand in t+2: the memory's word in t+1, then the byte of the addressed channel, zero where
// the coordinate lies beyond the layer's channels.
`default_nettype none

module naas_w_buf #(
  parameter M     = 1,     // bytes of a word
  parameter DEPTH = 32,    // words per slot
  parameter SLOTS = 2,
  parameter LW    = 10
) (
  input  wire           clk_i,
  input  wire           we_i,
  input  wire           wslot_i,
  input  wire [LW-1:0]  waddr_i,
  input  wire [M*8-1:0] wdata_i,
  input  wire           re_i, rslot_i,
  input  wire [LW-1:0]  raddr_i,
  input  wire [5:0]     rsub_i,     // byte within the word, with the memory's word
  input  wire           mask_i,     // operand counts, with the memory's word
  output wire [7:0]     operand_o
);

  localparam WORDS = SLOTS * DEPTH;
  localparam AW    = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam SW    = (M > 1) ? $clog2(M) : 1;

  wire [M*8-1:0] word;
  wire [31:0]    waddr, raddr;
  reg  [7:0]     operand_q;

  assign waddr = {{(32-LW){1'b0}}, waddr_i} + ((SLOTS > 1 && wslot_i) ? DEPTH : 0);
  assign raddr = {{(32-LW){1'b0}}, raddr_i} + ((SLOTS > 1 && rslot_i) ? DEPTH : 0);

  naas_mem #(.WIDTH(M*8), .LANE(M*8), .DEPTH(WORDS), .AW(AW)) u_mem (
    .clk_i(clk_i), .we_i(we_i), .waddr_i(waddr[AW-1:0]), .wdata_i(wdata_i),
    .re_i(re_i), .raddr_i(raddr[AW-1:0]), .rdata_o(word)
  );

  wire [SW-1:0] sub = (M > 1) ? rsub_i[SW-1:0] : {SW{1'b0}};

  always @(posedge clk_i) operand_q <= mask_i ? word[sub * 8 +: 8] : 8'd0;

  assign operand_o = operand_q;

`ifndef SYNTHESIS
  reg awake = 1'b0;   // a write may come with the first clock, before a reset has reached it
  always @(posedge clk_i) awake <= 1'b1;
  always @(posedge clk_i) if (awake & we_i & {{(32-LW){1'b0}}, waddr_i} >= DEPTH)
    begin $display("%m: %0d is written, beyond the W slot", waddr_i); $stop; end
`endif

  wire unused = ^{waddr, raddr, rsub_i, wslot_i, rslot_i};

endmodule
`default_nettype wire
