// I buffer of one input coordinate: two slots of rows of ROW byte banks.
//
// A convolution uses it as a memory of words of M neighbouring channels, BANKS words to a row, and reads one byte; where C
// shares an axis (SPLIT), words are as long as the layer says and addresses count bytes, of which BANKS make a row. A
// depthwise layer uses a row as ROW neighbouring channels and reads KOUT bytes, one per K position. Read row in cycle t,
// operands in t+2.
`default_nettype none

module naas_i_buf #(
  parameter ROW       = 16,  // bytes of a row
  parameter M         = 1,   // bytes of a convolution word
  parameter SPLIT     = 0,   // 1: the length of words is the layer's
  parameter BANKS     = 16,  // addresses of a convolution in a row, a power of two
  parameter IBW       = 4,   // bits of a bank's number
  parameter PK        = 16,  // K positions
  parameter PW        = 5,   // bits of a position
  parameter LANES     = 16,
  parameter DEPTHWISE = 1,   // this coordinate takes part in depthwise layers
  parameter DEPTH     = 16,  // rows per slot
  parameter SLOTS     = 2,
  parameter LW        = 10,  // word address
  parameter KOUT      = DEPTHWISE ? PK : 1
) (
  input  wire               clk_i,
  input  wire               depthwise_i,
  // write, from the array's edge
  input  wire               we_i,         // the beat falls into this coordinate's window
  input  wire               wslot_i,
  input  wire [LW-1:0]      offset_i,     // row and column offset
  input  wire [IBW-1:0]     word_i,       // SPLIT: bytes of a word minus one
  input  wire [M-1:0]       c_hit_i,      // convolution: channels of this C position
  input  wire [LW-1:0]      c_addr_i,
  input  wire [ROW-1:0]     k_hit_i,      // depthwise: bytes of the row
  input  wire [PW-1:0]      k_pos_i,      // the bank of lane 0
  input  wire [LW-1:0]      k_addr_i, ch_stride_i,
  input  wire [ROW*8-1:0]   data_i,
  // read
  input  wire               re_i, rslot_i,
  input  wire [LW-1:0]      raddr_i,      // word (convolution) or row (depthwise)
  input  wire [IBW-1:0]     rbank_i,      // with the memory's row: convolution word in the row
  input  wire [5:0]         rsub_i,       // and byte in the word, 0 in depthwise layers: no unknown byte meets a weight of 0
  input  wire [5:0]         rset_i,       // depthwise, with the memory's row: group of PK bytes
  output wire [KOUT*8-1:0]  operand_o
);

  localparam WORDS = SLOTS * DEPTH;
  localparam AW    = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam BW    = (BANKS > 1) ? $clog2(BANKS) : 0;
  localparam ROT   = (DEPTHWISE != 0) && (LANES < PK) && (PK % LANES != 0);
  localparam MEMS  = ROT ? ROW : 1;
  localparam SETS  = ROW / PK;            // groups of PK bytes in a row

  wire [31:0]      c_word, c_row, k_row, w_base, r_row;
  wire [IBW-1:0]   c_bank;
  wire [ROW-1:0]   we;
  wire [ROW*8-1:0] rdata;

  assign c_word = {{(32-LW){1'b0}}, c_addr_i} + {{(32-LW){1'b0}}, offset_i};
  assign c_row  = c_word >> BW;
  assign c_bank = (BANKS > 1) ? c_word[IBW-1:0] : {IBW{1'b0}};
  assign k_row  = {{(32-LW){1'b0}}, k_addr_i} + {{(32-LW){1'b0}}, offset_i};
  assign w_base = (SLOTS > 1 && wslot_i) ? DEPTH : 0;
  assign r_row  = (depthwise_i ? {{(32-LW){1'b0}}, raddr_i} : {{(32-LW){1'b0}}, raddr_i} >> BW)
                + ((SLOTS > 1 && rslot_i) ? DEPTH : 0);

`ifndef SYNTHESIS
  reg awake = 1'b0;   // a write may come with the first clock, before a reset has reached it
  always @(posedge clk_i) awake <= 1'b1;
`endif

  genvar b;
  generate
    for (b = 0; b < ROW; b = b + 1) begin : g_byte
      wire c_we;

      if (SPLIT != 0 && b < BANKS) begin : g_split
        localparam BANK = b;
        assign c_we = c_hit_i[b % M] & ((BANK[IBW-1:0] & ~word_i) == c_bank);
      end else if (SPLIT == 0 && b < BANKS * M) begin : g_conv
        localparam BANK = b / M;
        assign c_we = c_hit_i[b % M] & (c_bank == BANK[IBW-1:0]);
      end else begin : g_spare
        assign c_we = 1'b0;
      end

      assign we[b] = we_i & (depthwise_i ? k_hit_i[b] : c_we);
    end

    for (b = 0; b < MEMS; b = b + 1) begin : g_mem
      localparam BYTES = ROW / MEMS;
      localparam [PW-1:0] Pos = b;
      wire [31:0] k_row_here, w_row;
      assign k_row_here = (ROT && Pos < k_pos_i) ? k_row + {{(32-LW){1'b0}}, ch_stride_i} : k_row;
      assign w_row      = (depthwise_i ? k_row_here : c_row) + w_base;
      naas_mem #(.WIDTH(BYTES*8), .LANE(8), .DEPTH(WORDS), .AW(AW)) u_mem (
        .clk_i(clk_i), .we_i(we[b*BYTES +: BYTES]), .waddr_i(w_row[AW-1:0]), .wdata_i(data_i[b*BYTES*8 +: BYTES*8]),
        .re_i(re_i), .raddr_i(r_row[AW-1:0]), .rdata_o(rdata[b*BYTES*8 +: BYTES*8])
      );
`ifndef SYNTHESIS
      always @(posedge clk_i) if (awake & (|we[b*BYTES +: BYTES]) & w_row - w_base >= DEPTH)
        begin $display("%m: %0d is written, beyond the I slot", w_row - w_base); $stop; end
`endif
      wire unused = ^{w_row, k_row_here};
    end
  endgenerate

  // ---- operands: one byte for all K positions, or one per position
  wire [7:0]        c_byte;
  reg  [KOUT*8-1:0] operand_q;
  wire [KOUT*8-1:0] operand;

  generate
    if (SPLIT != 0) begin : g_byte_address
      wire [31:0] c_place = {{(32-IBW){1'b0}}, rbank_i} + {26'd0, rsub_i};
      assign c_byte  = rdata[c_place * 8 +: 8];
    end else begin : g_word_address
      assign c_byte = rdata[(rbank_i * M + rsub_i) * 8 +: 8];
    end
  endgenerate

  generate
    if (DEPTHWISE != 0) begin : g_out
      wire [PK*8-1:0] set = (SETS > 1) ? rdata[rset_i * (PK*8) +: PK*8] : rdata[0 +: PK*8];
      assign operand = depthwise_i ? set : {PK{c_byte}};
    end else begin : g_out
      assign operand = c_byte;
    end
  endgenerate

  always @(posedge clk_i) operand_q <= operand;

  assign operand_o = operand_q;

  wire unused = ^{c_word, c_row, k_row, r_row, k_pos_i, k_addr_i, k_hit_i, ch_stride_i, rbank_i, rsub_i, rset_i,
                    wslot_i, rslot_i, w_base, word_i};

endmodule
`default_nettype wire
