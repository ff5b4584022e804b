// The array: multipliers at PK x PC x PY x PX x PR x PS positions, with the buffers and links that these need. A
// dimension that the design does not run in parallel has one position.
//
//   operand   one buffer per     along the other dimensions
//   W         (k, c, r, s)       broadcast over y, x
//   I         (c, y, x, r, s)    broadcast over k; the windows of neighbours overlap: halos along y, x, and diagonals
//                                where y meets r, or x meets s
//   psum      (k, y, x)          products are summed over c, r, s by a registered tree
//
// W and I beats enter from the networks in cycle t and are in their buffers after t+1. Operand addresses in t, operands
// in t+2, products in t+3, sums in t+3+TREE.
`default_nettype none

module naas_array #(
  parameter PK = 16,
  parameter PC = 16,
  parameter PY = 1,
  parameter PX = 1,
  parameter PR = 1,
  parameter PS = 1,
  parameter PW = 5,          // bits of a position
  parameter TREE    = 2,
  parameter SUMW    = 20,    // width of a sum of PC * PR * PS products
  parameter WLANES  = 16,
  parameter WM      = 1,
  parameter WDEPTH  = 32,
  parameter WSLOTS  = 2,
  parameter LW      = 5,
  parameter ILANES  = 16,
  parameter IROW    = 16,
  parameter IM      = 1,
  parameter IBANKS  = 16,
  parameter IBW     = 4,     // bits of a bank's number
  parameter IDEPTH  = 16,
  parameter ISLOTS  = 2,
  parameter LI      = 8,
  parameter OLANES  = 16,
  parameter OM      = 1,
  parameter ODEPTH  = 64,
  parameter OSLOTS  = 2,
  parameter LO      = 6,
  parameter DIGITS  = 0      // 1 if weights may have two digits
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,
  input  wire                 load_i,
  input  wire                 depthwise_i,
  // weight beat
  input  wire                 w_valid_i,
  input  wire                 w_slot_i,
  input  wire [PW-1:0]        w_k_pos_i,
  input  wire [PW-1:0]        w_c_pos_i,
  input  wire [PW-1:0]        w_r_pos_i,
  input  wire [PW-1:0]        w_s_pos_i,
  input  wire [LW-1:0]        w_addr_i,
  input  wire [LW-1:0]        w_k_stride_i,
  input  wire [WLANES*8-1:0]  w_data_i,
  // input beat
  input  wire                 i_valid_i,
  input  wire                 i_slot_i,
  input  wire [ILANES*8-1:0]  i_data_i,
  input  wire [7:0]           i_count_i,
  input  wire [PW-1:0]        i_c_pos_i,
  input  wire [LI-1:0]        i_c_addr_i,
  input  wire [PW-1:0]        i_k_pos_i,
  input  wire [LI-1:0]        i_k_addr_i,
  input  wire [LI-1:0]        i_ch_stride_i,
  input  wire [LI-1:0]        i_pitch_i,      // I buffer words per row
  input  wire [15:0]          i_y_i,
  input  wire [15:0]          i_x_i,
  input  wire                 i_x_last_i,
  input  wire                 i_y_last_i,
  input  wire [15:0]          i_y_step_i,     // rows from one y position's window to the next
  input  wire [15:0]          i_x_step_i,
  input  wire [15:0]          i_r_step_i,     // rows from one r position's window to the next
  input  wire [15:0]          i_s_step_i,
  input  wire [15:0]          i_y_reach_i,
  input  wire [15:0]          i_x_reach_i,
  output wire [31:0]          i_writes_o,     // bytes written into I buffers
  // operand addresses
  input  wire                 re_i,
  input  wire                 w_rslot_i,
  input  wire [LW-1:0]        w_raddr_i,
  input  wire [5:0]           w_rsub_i,       // one cycle later
  input  wire [15:0]          c_left_i,       // one cycle later: positions below this one hold channels of the layer
  input  wire [15:0]          r_busy_i,       // one cycle later: positions below this one hold taps of the kernel
  input  wire [15:0]          s_busy_i,
  input  wire                 i_rslot_i,
  input  wire [LI-1:0]        i_raddr_i,
  input  wire [IBW-1:0]       i_rbank_i,      // one cycle later
  input  wire [5:0]           i_rsub_i,       // one cycle later
  // accumulation, one cycle before the sums
  input  wire                 acc_i,
  input  wire                 acc_slot_i,
  input  wire [LO-1:0]        acc_addr_i,
  input  wire [5:0]           acc_sub_i,
  input  wire                 acc_first_i,
  input  wire                 acc_again_i,
  input  wire                 acc_high_i,     // the sums count 256-fold
  // drain
  input  wire                 d_re_i,
  input  wire                 d_slot_i,
  input  wire [LO-1:0]        d_addr_i,
  input  wire [LO-1:0]        d_k_stride_i,
  input  wire [PW-1:0]        d_k_pos_i,
  input  wire [PW-1:0]        d_y_pos_i,
  input  wire [PW-1:0]        d_x_pos_i,
  output wire [OLANES*32-1:0] lanes_o         // two cycles later
);

  localparam SUMMED = PC * PR * PS;   // products of one sum
  localparam ROWS   = PY * PR;        // windows over rows
  localparam COLS   = PX * PS;        // windows over columns

  genvar k, c, y, x, r, s, j;

  // ---- W: edge per k, buffer per (k, c, r, s)
  reg  [PW-1:0]        w_c_pos_q, w_r_pos_q, w_s_pos_q;
  wire [PK-1:0]        w_hit, w_slot;
  wire [PK*LW-1:0]     w_addr;
  wire [PK*WM*8-1:0]   w_data;
  wire [PC-1:0]        c_here, c_on;   // written now; holds channels of the layer
  wire [PR-1:0]        r_here, r_on;
  wire [PS-1:0]        s_here, s_on;
  wire [PK*SUMMED*8-1:0] w_op;

  always @(posedge clk_i) {w_c_pos_q, w_r_pos_q, w_s_pos_q} <= {w_c_pos_i, w_r_pos_i, w_s_pos_i};

  generate
    for (c = 0; c < PC; c = c + 1) begin : g_w_c
      assign c_here[c] = PC == 1 || w_c_pos_q == c;
      assign c_on[c]   = PC == 1 || c < c_left_i;
    end
    for (r = 0; r < PR; r = r + 1) begin : g_w_r
      assign r_here[r] = PR == 1 || w_r_pos_q == r;
      assign r_on[r]   = PR == 1 || r < r_busy_i;
    end
    for (s = 0; s < PS; s = s + 1) begin : g_w_s
      assign s_here[s] = PS == 1 || w_s_pos_q == s;
      assign s_on[s]   = PS == 1 || s < s_busy_i;
    end
    for (k = 0; k < PK; k = k + 1) begin : g_w
      naas_w_edge #(.POS(k), .SIZE(PK), .LANES(WLANES), .PW(PW), .LW(LW)) u_edge (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(w_valid_i), .slot_i(w_slot_i), .k_pos_i(w_k_pos_i), .addr_i(w_addr_i),
        .k_stride_i(w_k_stride_i), .data_i(w_data_i),
        .hit_o(w_hit[k]), .slot_o(w_slot[k]), .addr_o(w_addr[k*LW +: LW]), .data_o(w_data[k*WM*8 +: WM*8])
      );
      for (c = 0; c < PC; c = c + 1) begin : g_c
        for (r = 0; r < PR; r = r + 1) begin : g_r
          for (s = 0; s < PS; s = s + 1) begin : g_s
            naas_w_buf #(.M(WM), .DEPTH(WDEPTH), .SLOTS(WSLOTS), .LW(LW)) u_buf (
              .clk_i(clk_i), .we_i(w_hit[k] & c_here[c] & r_here[r] & s_here[s]), .wslot_i(w_slot[k]),
              .waddr_i(w_addr[k*LW +: LW]), .wdata_i(w_data[k*WM*8 +: WM*8]), .re_i(re_i), .rslot_i(w_rslot_i),
              .raddr_i(w_raddr_i), .rsub_i(w_rsub_i), .mask_i(c_on[c] & r_on[r] & s_on[s]),
              .operand_o(w_op[(((k*PC + c)*PR + r)*PS + s)*8 +: 8])
            );
          end
        end
      end
    end
  endgenerate

  // ---- I: lanes per c, windows per (y, r) and per (x, s), buffer per (c, y, r, x, s)
  reg                  i_valid_q, i_slot_q;
  reg  [PW-1:0]        i_k_pos_q;
  reg  [LI-1:0]        i_k_addr_q;
  reg  [7:0]           i_count_q;
  reg  [ILANES*8-1:0]  i_data_q;
  wire [ROWS-1:0]      row_hit;
  wire [COLS-1:0]      col_hit;
  wire [ROWS*LI-1:0]   row_off;
  wire [COLS*LI-1:0]   col_off;
  wire [PC*ROWS*COLS*PK*8-1:0] i_op;

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
      for (r = 0; r < PR; r = r + 1) begin : g_r
        naas_i_window #(.POS(y), .TAP(r), .LW(LI)) u_rows (
          .clk_i(clk_i), .load_i(load_i), .index_i(i_y_i), .step_i(i_y_step_i), .tap_step_i(i_r_step_i),
          .reach_i(i_y_reach_i), .next_i(i_valid_i & i_x_last_i), .done_i(i_y_last_i), .pitch_i(i_pitch_i),
          .hit_o(row_hit[y*PR + r]), .offset_o(row_off[(y*PR + r)*LI +: LI])
        );
      end
    end
    for (x = 0; x < PX; x = x + 1) begin : g_i_x
      for (s = 0; s < PS; s = s + 1) begin : g_s
        naas_i_window #(.POS(x), .TAP(s), .LW(LI)) u_cols (
          .clk_i(clk_i), .load_i(load_i), .index_i(i_x_i), .step_i(i_x_step_i), .tap_step_i(i_s_step_i),
          .reach_i(i_x_reach_i), .next_i(i_valid_i), .done_i(i_x_last_i), .pitch_i({{(LI-1){1'b0}}, 1'b1}),
          .hit_o(col_hit[x*PS + s]), .offset_o(col_off[(x*PS + s)*LI +: LI])
        );
      end
    end
    for (c = 0; c < PC; c = c + 1) begin : g_i_c
      wire [IM-1:0]   hit;
      wire [LI-1:0]   addr;
      wire [IM*8-1:0] data;
      naas_i_lanes #(.POS(c), .SIZE(PC), .LANES(ILANES), .PW(PW), .LW(LI)) u_lanes (
        .clk_i(clk_i), .data_i(i_data_i), .count_i(i_count_i), .c_pos_i(i_c_pos_i), .addr_i(i_c_addr_i),
        .c_stride_i(i_ch_stride_i), .hit_o(hit), .addr_o(addr), .data_o(data)
      );
      for (y = 0; y < ROWS; y = y + 1) begin : g_row
        for (x = 0; x < COLS; x = x + 1) begin : g_col
          localparam AT   = (c*ROWS + y)*COLS + x;
          localparam KOUT = (c == 0) ? PK : 1;
          wire [KOUT*8-1:0] operand;
          naas_i_buf #(
            .ROW(IROW), .M(IM), .BANKS(IBANKS), .IBW(IBW), .PK(PK), .PW(PW), .LANES(ILANES), .DEPTHWISE(c == 0),
            .DEPTH(IDEPTH), .SLOTS(ISLOTS), .LW(LI)
          ) u_buf (
            .clk_i(clk_i), .depthwise_i(depthwise_i), .we_i(i_valid_q & row_hit[y] & col_hit[x]), .wslot_i(i_slot_q),
            .offset_i(row_off[y*LI +: LI] + col_off[x*LI +: LI]), .c_hit_i(hit), .c_addr_i(addr), .c_data_i(data),
            .k_pos_i(i_k_pos_q), .k_addr_i(i_k_addr_q), .count_i(i_count_q), .ch_stride_i(i_ch_stride_i),
            .data_i(i_data_q), .re_i(re_i), .rslot_i(i_rslot_i), .raddr_i(i_raddr_i), .rbank_i(i_rbank_i),
            .rsub_i(i_rsub_i), .operand_o(operand)
          );
          assign i_op[AT*PK*8 +: PK*8] = {(PK/KOUT){operand}};
        end
      end
    end
  endgenerate

  // ---- PEs per (k, y, x, c, r, s), trees over (c, r, s), psum buffers per (k, y, x)
  wire [PY*PX-1:0]    d_here;
  reg  [PY*PX-1:0]    d_here_q;
  wire [PK*OM*32-1:0] k_word;

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
          wire [SUMMED*16-1:0] products;
          wire [SUMW-1:0]      sum;
          wire [OM*32-1:0]     word, mine, picked;
          for (c = 0; c < PC; c = c + 1) begin : g_c
            for (r = 0; r < PR; r = r + 1) begin : g_r
              for (s = 0; s < PS; s = s + 1) begin : g_s
                localparam SUMMAND = (c*PR + r)*PS + s;
                localparam INPUT   = (c*ROWS + y*PR + r)*COLS + x*PS + s;
                naas_pe u_pe (
                  .clk_i(clk_i), .w_i(w_op[(k*SUMMED + SUMMAND)*8 +: 8]), .i_i(i_op[(INPUT*PK + k)*8 +: 8]),
                  .product_o(products[SUMMAND*16 +: 16])
                );
              end
            end
          end
          naas_tree #(.N(SUMMED), .INW(16), .OUTW(SUMW), .DEPTH(TREE)) u_tree (
            .clk_i(clk_i), .in_i(products), .sum_o(sum)
          );
          naas_psum_buf #(.M(OM), .DEPTH(ODEPTH), .SLOTS(OSLOTS), .LW(LO), .SUMW(SUMW), .DIGITS(DIGITS)) u_psum (
            .clk_i(clk_i), .acc_i(acc_i), .aslot_i(acc_slot_i), .aaddr_i(acc_addr_i), .asub_i(acc_sub_i),
            .afirst_i(acc_first_i), .aagain_i(acc_again_i), .ahigh_i(acc_high_i), .sum_i(sum),
            .drain_i(d_re_i & d_here[y*PX + x]), .dslot_i(d_slot_i), .daddr_i(d_addr), .word_o(word)
          );
          // The drained position's word, handed from neighbour to neighbour: simulators copy a bus of all words slowly.
          assign mine = word & {(OM*32){d_here_q[y*PX + x]}};
          if (x == 0) begin : g_first
            assign picked = mine;
          end else begin : g_next
            assign picked = g_x[x-1].picked | mine;
          end
        end
        wire [OM*32-1:0] picked;
        if (y == 0) begin : g_first
          assign picked = g_x[PX-1].picked;
        end else begin : g_next
          assign picked = g_y[y-1].picked | g_x[PX-1].picked;
        end
      end
      assign k_word[k*OM*32 +: OM*32] = g_y[PY-1].picked;
    end
    for (y = 0; y < PY; y = y + 1) begin : g_d_y
      for (x = 0; x < PX; x = x + 1) begin : g_d_x
        assign d_here[y*PX + x] = (PY == 1 || d_y_pos_i == y) & (PX == 1 || d_x_pos_i == x);
      end
    end
  endgenerate

  // ---- drain: the (y, x) position is picked above, now K positions are dealt to lanes
  reg  [PW-1:0]           d_k_pos_q;
  wire [OLANES*32-1:0]    lanes;
  reg  [OLANES*32-1:0]    lanes_q;

  always @(posedge clk_i) begin
    d_here_q  <= d_here;
    d_k_pos_q <= d_k_pos_i;
    lanes_q   <= lanes;
  end

  generate
    for (j = 0; j < OLANES; j = j + 1) begin : g_d_lane
      if (OLANES > PK) begin : g_fixed
        assign lanes[j*32 +: 32] = k_word[((j % PK)*OM + j / PK)*32 +: 32];
      end else begin : g_dealt
        localparam [PW:0] Lane = j;
        wire [PW:0] ahead, pos;
        assign ahead = {1'b0, d_k_pos_q} + Lane;
        assign pos   = (ahead >= PK[PW:0]) ? ahead - PK[PW:0] : ahead;
        assign lanes[j*32 +: 32] = k_word[pos*32 +: 32];
      end
    end
  endgenerate

  assign lanes_o = lanes_q;

  // ---- bytes written into I buffers: windows hit, times valid channels
  localparam RW = $clog2(ROWS) + 2;
  localparam CW = $clog2(COLS) + 2;
  reg  [RW-1:0]    rows_hit, rows_q;
  reg  [CW-1:0]    cols_hit, cols_q;
  reg  [RW+CW-1:0] windows_q;
  reg  [7:0]       count1_q, count2_q;
  reg  [31:0]      writes_q;
  integer          i;
  always @* begin
    rows_hit = {RW{1'b0}};
    cols_hit = {CW{1'b0}};
    for (i = 0; i < ROWS; i = i + 1) rows_hit = rows_hit + {{(RW-1){1'b0}}, row_hit[i]};
    for (i = 0; i < COLS; i = i + 1) cols_hit = cols_hit + {{(CW-1){1'b0}}, col_hit[i]};
  end
  always @(posedge clk_i) begin
    rows_q    <= rows_hit;
    cols_q    <= cols_hit;
    count1_q  <= i_valid_q ? i_count_q : 8'd0;
    windows_q <= {{CW{1'b0}}, rows_q} * {{RW{1'b0}}, cols_q};
    count2_q  <= count1_q;
    // Not a product with zero: hits are unknown until the first window was set.
    writes_q  <= (|count2_q) ? {{(32-RW-CW){1'b0}}, windows_q} * {24'd0, count2_q} : 32'd0;
  end
  assign i_writes_o = writes_q;

  wire unused;
  assign unused = ^{d_k_stride_i, d_k_pos_q, d_k_pos_i, d_y_pos_i, d_x_pos_i, w_c_pos_q, w_r_pos_q, w_s_pos_q, c_left_i,
                    r_busy_i, s_busy_i};

endmodule

`default_nettype wire
