// The array: PK x PC x PY x PX multipliers with the buffers and links that their axes need. Axes that the design does
// not have are of size one.
//
//   operand   one buffer per        along the other axes
//   W         (k, c)                broadcast over y, x
//   I         (c, y, x)             broadcast over k; windows of neighbouring y, x overlap
//   psum      (k, y, x)             products are summed over c by a registered tree
//
// W and I beats enter from the networks in cycle t and are in their buffers after t+1. Operand addresses in t, operands
// in t+2, products in t+3, sums in t+3+TREE.
`default_nettype none

module naas_array #(
  parameter PK = 16,
  parameter PC = 16,
  parameter PY = 1,
  parameter PX = 1,
  parameter TREE    = 2,
  parameter SUMW    = 20,    // width of a sum of PC products
  parameter WLANES  = 16,
  parameter WM      = 1,
  parameter WDEPTH  = 32,
  parameter WSLOTS  = 2,
  parameter LW      = 5,
  parameter ILANES  = 16,
  parameter IROW    = 16,
  parameter IM      = 1,
  parameter IBANKS  = 16,
  parameter IDEPTH  = 16,
  parameter ISLOTS  = 2,
  parameter LI      = 8,
  parameter OLANES  = 16,
  parameter OM      = 1,
  parameter ODEPTH  = 64,
  parameter OSLOTS  = 2,
  parameter LO      = 6
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,
  input  wire                 load_i,
  input  wire                 depthwise_i,
  // weight beat
  input  wire                 w_valid_i,
  input  wire                 w_slot_i,
  input  wire [6:0]           w_k_pos_i,
  input  wire [6:0]           w_c_pos_i,
  input  wire [LW-1:0]        w_addr_i,
  input  wire [LW-1:0]        w_k_stride_i,
  input  wire [WLANES*8-1:0]  w_data_i,
  // input beat
  input  wire                 i_valid_i,
  input  wire                 i_slot_i,
  input  wire [ILANES*8-1:0]  i_data_i,
  input  wire [7:0]           i_count_i,
  input  wire [6:0]           i_c_pos_i,
  input  wire [LI-1:0]        i_c_addr_i,
  input  wire [6:0]           i_k_pos_i,
  input  wire [LI-1:0]        i_k_addr_i,
  input  wire [LI-1:0]        i_ch_stride_i,
  input  wire [LI-1:0]        i_pitch_i,      // I buffer words per row
  input  wire [15:0]          i_y_i,
  input  wire [15:0]          i_x_i,
  input  wire                 i_x_last_i,
  input  wire                 i_y_last_i,
  input  wire [15:0]          i_y_step_i,
  input  wire [15:0]          i_x_step_i,
  input  wire [15:0]          i_y_reach_i,
  input  wire [15:0]          i_x_reach_i,
  output wire [15:0]          i_writes_o,     // bytes written into I buffers
  // operand addresses
  input  wire                 re_i,
  input  wire                 w_rslot_i,
  input  wire [LW-1:0]        w_raddr_i,
  input  wire [5:0]           w_rsub_i,       // one cycle later
  input  wire [15:0]          c_left_i,       // one cycle later
  input  wire                 i_rslot_i,
  input  wire [LI-1:0]        i_raddr_i,
  input  wire [5:0]           i_rbank_i,      // one cycle later
  input  wire [5:0]           i_rsub_i,       // one cycle later
  // accumulation, one cycle before the sums
  input  wire                 acc_i,
  input  wire                 acc_slot_i,
  input  wire [LO-1:0]        acc_addr_i,
  input  wire [5:0]           acc_sub_i,
  input  wire                 acc_first_i,
  input  wire                 acc_again_i,
  // drain
  input  wire                 d_re_i,
  input  wire                 d_slot_i,
  input  wire [LO-1:0]        d_addr_i,
  input  wire [LO-1:0]        d_k_stride_i,
  input  wire [6:0]           d_k_pos_i,
  input  wire [6:0]           d_y_pos_i,
  input  wire [6:0]           d_x_pos_i,
  output wire [OLANES*32-1:0] lanes_o         // two cycles later
);

  genvar k, c, y, x, j;

  // ---- W: edge per K position, buffer per (k, c)
  reg  [6:0]           w_c_pos_q;
  wire [PK-1:0]        w_hit, w_slot;
  wire [PK*LW-1:0]     w_addr;
  wire [PK*WM*8-1:0]   w_data;
  wire [PK*PC*8-1:0]   w_op;

  always @(posedge clk_i) w_c_pos_q <= w_c_pos_i;

  generate
    for (k = 0; k < PK; k = k + 1) begin : g_w
      naas_w_edge #(.POS(k), .SIZE(PK), .LANES(WLANES), .LW(LW)) u_edge (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(w_valid_i), .slot_i(w_slot_i), .k_pos_i(w_k_pos_i), .addr_i(w_addr_i),
        .k_stride_i(w_k_stride_i), .data_i(w_data_i),
        .hit_o(w_hit[k]), .slot_o(w_slot[k]), .addr_o(w_addr[k*LW +: LW]), .data_o(w_data[k*WM*8 +: WM*8])
      );
      for (c = 0; c < PC; c = c + 1) begin : g_c
        wire here, counts;
        assign here   = w_c_pos_q == c;
        assign counts = c < c_left_i;
        naas_w_buf #(.M(WM), .DEPTH(WDEPTH), .SLOTS(WSLOTS), .LW(LW)) u_buf (
          .clk_i(clk_i), .we_i(w_hit[k] & here), .wslot_i(w_slot[k]), .waddr_i(w_addr[k*LW +: LW]),
          .wdata_i(w_data[k*WM*8 +: WM*8]), .re_i(re_i), .rslot_i(w_rslot_i), .raddr_i(w_raddr_i), .rsub_i(w_rsub_i),
          .mask_i(counts), .operand_o(w_op[(k*PC + c)*8 +: 8])
        );
      end
    end
  endgenerate

  // ---- I: lanes per C position, windows per Y and X position, buffer per (c, y, x)
  reg                  i_valid_q, i_slot_q;
  reg  [6:0]           i_k_pos_q;
  reg  [LI-1:0]        i_k_addr_q;
  reg  [7:0]           i_count_q;
  reg  [ILANES*8-1:0]  i_data_q;
  wire [PY-1:0]        y_hit;
  wire [PX-1:0]        x_hit;
  wire [PY*LI-1:0]     y_off;
  wire [PX*LI-1:0]     x_off;
  wire [PC*PY*PX*PK*8-1:0] i_op;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) i_valid_q <= 1'b0;
    else i_valid_q <= i_valid_i;
  end
  always @(posedge clk_i) begin
    i_slot_q   <= i_slot_i;
    i_k_pos_q  <= i_k_pos_i;
    i_k_addr_q <= i_k_addr_i;
    i_count_q  <= i_count_i;
    i_data_q   <= i_data_i;
  end

  generate
    for (y = 0; y < PY; y = y + 1) begin : g_i_y
      naas_i_window #(.POS(y), .LW(LI)) u_rows (
        .clk_i(clk_i), .load_i(load_i), .index_i(i_y_i), .step_i(i_y_step_i), .reach_i(i_y_reach_i),
        .next_i(i_valid_i & i_x_last_i), .done_i(i_y_last_i), .pitch_i(i_pitch_i),
        .hit_o(y_hit[y]), .offset_o(y_off[y*LI +: LI])
      );
    end
    for (x = 0; x < PX; x = x + 1) begin : g_i_x
      naas_i_window #(.POS(x), .LW(LI)) u_cols (
        .clk_i(clk_i), .load_i(load_i), .index_i(i_x_i), .step_i(i_x_step_i), .reach_i(i_x_reach_i),
        .next_i(i_valid_i), .done_i(i_x_last_i), .pitch_i({{(LI-1){1'b0}}, 1'b1}),
        .hit_o(x_hit[x]), .offset_o(x_off[x*LI +: LI])
      );
    end
    for (c = 0; c < PC; c = c + 1) begin : g_i_c
      wire [IM-1:0]   hit;
      wire [LI-1:0]   addr;
      wire [IM*8-1:0] data;
      naas_i_lanes #(.POS(c), .SIZE(PC), .LANES(ILANES), .LW(LI)) u_lanes (
        .clk_i(clk_i), .data_i(i_data_i), .count_i(i_count_i), .c_pos_i(i_c_pos_i), .addr_i(i_c_addr_i),
        .c_stride_i(i_ch_stride_i), .hit_o(hit), .addr_o(addr), .data_o(data)
      );
      for (y = 0; y < PY; y = y + 1) begin : g_y
        for (x = 0; x < PX; x = x + 1) begin : g_x
          localparam AT   = (c*PY + y)*PX + x;
          localparam KOUT = (c == 0) ? PK : 1;
          wire [KOUT*8-1:0] operand;
          naas_i_buf #(
            .ROW(IROW), .M(IM), .BANKS(IBANKS), .PK(PK), .LANES(ILANES), .DEPTHWISE(c == 0), .DEPTH(IDEPTH),
            .SLOTS(ISLOTS), .LW(LI)
          ) u_buf (
            .clk_i(clk_i), .depthwise_i(depthwise_i), .we_i(i_valid_q & y_hit[y] & x_hit[x]), .wslot_i(i_slot_q),
            .offset_i(y_off[y*LI +: LI] + x_off[x*LI +: LI]), .c_hit_i(hit), .c_addr_i(addr), .c_data_i(data),
            .k_pos_i(i_k_pos_q), .k_addr_i(i_k_addr_q), .count_i(i_count_q), .ch_stride_i(i_ch_stride_i),
            .data_i(i_data_q), .re_i(re_i), .rslot_i(i_rslot_i), .raddr_i(i_raddr_i), .rbank_i(i_rbank_i),
            .rsub_i(i_rsub_i), .operand_o(operand)
          );
          assign i_op[AT*PK*8 +: PK*8] = {(PK/KOUT){operand}};
        end
      end
    end
  endgenerate

  // ---- PEs, trees over c, psum buffers per (k, y, x)
  wire [PK*PY*PX*OM*32-1:0] ps_word;
  wire [PY*PX-1:0]          d_here;

  generate
    for (k = 0; k < PK; k = k + 1) begin : g_k
      wire [LO-1:0] d_addr;
      if (OLANES > PK) begin : g_drain_word
        assign d_addr = d_addr_i;
      end else begin : g_drain_word
        assign d_addr = (k < d_k_pos_i) ? d_addr_i + d_k_stride_i : d_addr_i;
      end
      for (y = 0; y < PY; y = y + 1) begin : g_y
        for (x = 0; x < PX; x = x + 1) begin : g_x
          wire [PC*16-1:0] products;
          wire [SUMW-1:0]  sum;
          for (c = 0; c < PC; c = c + 1) begin : g_c
            naas_pe u_pe (
              .clk_i(clk_i), .w_i(w_op[(k*PC + c)*8 +: 8]), .i_i(i_op[(((c*PY + y)*PX + x)*PK + k)*8 +: 8]),
              .product_o(products[c*16 +: 16])
            );
          end
          naas_tree #(.N(PC), .INW(16), .OUTW(SUMW), .DEPTH(TREE)) u_tree (
            .clk_i(clk_i), .in_i(products), .sum_o(sum)
          );
          naas_psum_buf #(.M(OM), .DEPTH(ODEPTH), .SLOTS(OSLOTS), .LW(LO), .SUMW(SUMW)) u_psum (
            .clk_i(clk_i), .acc_i(acc_i), .aslot_i(acc_slot_i), .aaddr_i(acc_addr_i), .asub_i(acc_sub_i),
            .afirst_i(acc_first_i), .aagain_i(acc_again_i), .sum_i(sum),
            .drain_i(d_re_i & d_here[y*PX + x]), .dslot_i(d_slot_i), .daddr_i(d_addr),
            .word_o(ps_word[((k*PY + y)*PX + x)*OM*32 +: OM*32])
          );
        end
      end
    end
    for (y = 0; y < PY; y = y + 1) begin : g_d_y
      for (x = 0; x < PX; x = x + 1) begin : g_d_x
        assign d_here[y*PX + x] = (PY == 1 || d_y_pos_i == y) & (PX == 1 || d_x_pos_i == x);
      end
    end
  endgenerate

  // ---- drain: pick the (y, x) position, then deal K positions to lanes
  reg  [PY*PX-1:0]        d_here_q;
  reg  [6:0]              d_k_pos_q;
  wire [PK*OM*32-1:0]     k_word;
  wire [OLANES*32-1:0]    lanes;
  reg  [OLANES*32-1:0]    lanes_q;

  always @(posedge clk_i) begin
    d_here_q  <= d_here;
    d_k_pos_q <= d_k_pos_i;
    lanes_q   <= lanes;
  end

  generate
    for (k = 0; k < PK; k = k + 1) begin : g_d_k
      reg [OM*32-1:0] picked;
      integer p;
      always @* begin
        picked = {(OM*32){1'b0}};
        for (p = 0; p < PY*PX; p = p + 1)
          picked = picked | (ps_word[(k*PY*PX + p)*OM*32 +: OM*32] & {(OM*32){d_here_q[p]}});
      end
      assign k_word[k*OM*32 +: OM*32] = picked;
    end
    for (j = 0; j < OLANES; j = j + 1) begin : g_d_lane
      if (OLANES > PK) begin : g_fixed
        assign lanes[j*32 +: 32] = k_word[((j % PK)*OM + j / PK)*32 +: 32];
      end else begin : g_dealt
        localparam [7:0] Lane = j;
        wire [7:0] pos;
        assign pos = {1'b0, d_k_pos_q} + Lane;
        assign lanes[j*32 +: 32] = k_word[((pos >= PK) ? pos - PK : pos) * 32 +: 32];
      end
    end
  endgenerate

  assign lanes_o = lanes_q;

  // ---- bytes written into I buffers: windows hit, times valid channels
  reg  [15:0] y_hits, x_hits, writes_q;
  integer     i;
  always @* begin
    y_hits = 16'd0;
    x_hits = 16'd0;
    for (i = 0; i < PY; i = i + 1) y_hits = y_hits + {15'd0, y_hit[i]};
    for (i = 0; i < PX; i = i + 1) x_hits = x_hits + {15'd0, x_hit[i]};
  end
  always @(posedge clk_i) writes_q <= i_valid_q ? y_hits * x_hits * {8'd0, i_count_q} : 16'd0;
  assign i_writes_o = writes_q;

  wire unused;
  assign unused = ^{d_k_stride_i, d_k_pos_q, d_k_pos_i, d_y_pos_i, d_x_pos_i};

endmodule

`default_nettype wire
