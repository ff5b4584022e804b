// Level-2 output memory: one memory per slot, so that the drain engine fills one while the write engine empties another.
// The two never read the same slot at the same time: a tile is written off chip only when its last byte is there.
`default_nettype none

module naas_level2_o #(
  parameter WORD  = 16,   // outputs of a word
  parameter OBITS = 32,   // bits of each: 32, room for a sum or four bytes, or 8
  parameter DEPTH = 1024, // words per slot
  parameter SLOTS = 2,
  parameter AW    = 10
) (
  input  wire                    clk_i,
  input  wire [WORD*OBITS/8-1:0] we_i,
  input  wire                    wslot_i,
  input  wire [AW-1:0]           waddr_i,
  input  wire [WORD*OBITS-1:0]   wdata_i,
  input  wire                    sum_re_i, sum_slot_i,
  input  wire [AW-1:0]           sum_addr_i,
  output wire [WORD*OBITS-1:0]   sum_o,
  input  wire                    out_re_i, out_slot_i,
  input  wire [AW-1:0]           out_addr_i,
  output wire [WORD*OBITS-1:0]   out_o      // held while out_re_i is low and no sum of the slot is read
);

  wire [SLOTS*WORD*OBITS-1:0] rdata;
  reg                         sum_slot_q, out_slot_q;

  always @(posedge clk_i) begin
    sum_slot_q <= sum_slot_i;
    if (out_re_i) out_slot_q <= out_slot_i;
  end

  genvar s;
  generate
    for (s = 0; s < SLOTS; s = s + 1) begin : g_slot
      localparam [0:0] Slot = s;
      wire sums, outs, here;
      assign sums = sum_re_i & (SLOTS == 1 || sum_slot_i == Slot);
      assign outs = out_re_i & (SLOTS == 1 || out_slot_i == Slot);
      assign here = SLOTS == 1 || wslot_i == Slot;
      naas_mem #(.WIDTH(WORD*OBITS), .LANE(8), .DEPTH(DEPTH), .AW(AW)) u_mem (
        .clk_i(clk_i), .we_i(we_i & {(WORD*OBITS/8){here}}), .waddr_i(waddr_i), .wdata_i(wdata_i),
        .re_i(sums | outs), .raddr_i(sums ? sum_addr_i : out_addr_i), .rdata_o(rdata[s*WORD*OBITS +: WORD*OBITS])
      );
    end
    if (SLOTS > 1) begin : g_pick
      assign sum_o = sum_slot_q ? rdata[WORD*OBITS +: WORD*OBITS] : rdata[0 +: WORD*OBITS];
      assign out_o = out_slot_q ? rdata[WORD*OBITS +: WORD*OBITS] : rdata[0 +: WORD*OBITS];
    end else begin : g_pick
      assign sum_o = rdata;
      assign out_o = rdata;
      wire unused = ^{sum_slot_q, out_slot_q};
    end
  endgenerate

endmodule
`default_nettype wire
