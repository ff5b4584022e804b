// The array: multipliers at PK x PC x PY x PX x PR x PS positions, with the buffers and links that these need. A
// dimension that the design does not run in parallel has one position.
//
// Beside these there may be an axis of NF positions that several of C, R and S share, and one of NO positions that Y and X
// share. Nothing of what follows depends on what these positions stand for; only their coordinates are the layer's
// (naas_split) where those of others are constants.
//
//   operand   one buffer per     along the other dimensions
//   W         (k, c, r, s)       broadcast over y, x
//   I         (c, y, x, r, s)    broadcast over k; the windows of neighbours overlap: halos along y, x, and diagonals
//                                where y meets r, or x meets s
//   psum      (k, y, x)          products are summed over c, r, s by a registered tree
//
// W and I beats enter from the networks in cycle t and are in their buffers after t+1. Operand addresses in t, operands
// in t+2, products in t+3, sums in t+3+TREE; without a tree products are not registered, and are the sums in t+2.
`default_nettype none

module naas_array #(
  parameter PK = 16,
  parameter PC = 16,
  parameter PY = 1,
  parameter PX = 1,
  parameter PR = 1,
  parameter PS = 1,
  parameter NF = 1,          // positions of the axis that several of C, R, S share
  parameter CF = 0,          // 1: C is one of them
  parameter RF = 0,
  parameter SF = 0,
  parameter NO = 1,          // positions of the axis that Y and X share
  parameter PW = 5,          // bits of a position
  parameter TREE    = 2,
  parameter SUMW    = 20,    // width of a sum of PC * PR * PS products
  parameter PSUMW   = 32,    // width of a psum
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
  parameter DRAINED = OLANES,
  parameter OM      = 1,
  parameter ODEPTH  = 64,
  parameter OSLOTS  = 2,
  parameter LO      = 6,
  parameter BW      = 16,    // bits of a row or column of an array tile's window, and of where any position's begins
  parameter DIGITS  = 0,     // 1 if weights may have two digits
  parameter MAXIMUM = 0      // 1 if layers may seek the greatest input
) (
  input  wire                 clk_i, rst_ni, load_i,
  input  wire                 depthwise_i,
  input  wire                 maximum_i,      // the greatest input of a window takes the place of the sum
  input  wire [6*7-1:0]       split_i,        // positions of shared axes that run K C Y X R S
  input  wire [PW-1:0]        c_positions_i,  // C positions, where C shares an axis
  input  wire [5:0]           c_word_i,       // and bytes of a convolution word minus one
  input  wire [LI-1:0]        i_unit_i,       // I buffer addresses of a convolution word (row, if depthwise)
  // weight beat
  input  wire                 w_valid_i, w_slot_i,
  input  wire [PW-1:0]        w_k_pos_i, w_c_pos_i, w_r_pos_i, w_s_pos_i,
  input  wire [LW-1:0]        w_addr_i, w_k_stride_i,
  input  wire [WLANES*8-1:0]  w_data_i,
  input  wire [7:0]           w_count_i,      // valid lanes
  // input beat
  input  wire                 i_valid_i, i_slot_i,
  input  wire [ILANES*8-1:0]  i_data_i,
  input  wire [7:0]           i_count_i,
  input  wire [PW-1:0]        i_c_pos_i,
  input  wire [LI-1:0]        i_c_addr_i,
  input  wire [PW-1:0]        i_k_pos_i,
  input  wire [LI-1:0]        i_k_addr_i, i_ch_stride_i,
  input  wire [LI-1:0]        i_pitch_i,      // I buffer words per row
  input  wire [15:0]          i_y_i, i_x_i,
  input  wire                 i_x_last_i, i_y_last_i,
  input  wire [4*16-1:0]      i_step_i,       // rows from one position's window to the next: Y X R S
  input  wire [15:0]          i_y_reach_i, i_x_reach_i,
  output wire [31:0]          i_writes_o,     // bytes written into I buffers
  // operand addresses
  input  wire                 re_i, w_rslot_i,
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
  input  wire                 acc_i, acc_slot_i,
  input  wire [LO-1:0]        acc_addr_i,
  input  wire [5:0]           acc_sub_i,
  input  wire                 acc_first_i, acc_again_i,
  input  wire                 acc_high_i,     // the sums count 256-fold
  // drain
  input  wire                 d_re_i, d_slot_i,
  input  wire [LO-1:0]        d_addr_i, d_k_stride_i,
  input  wire [PW-1:0]        d_k_pos_i, d_y_pos_i, d_x_pos_i,
  input  wire [5:0]            d_phase_i,     // which of the lanes, DRAINED at a time
  output wire [DRAINED*PSUMW-1:0] lanes_o     // two cycles later
);

  // Places along S and along X, shared axes included; coordinates that each dimension has; windows over rows and columns.
  localparam PSF    = PS * NF;
  localparam PXO    = PX * NO;
  localparam CN     = PC * ((CF != 0) ? NF : 1);
  localparam RN     = PR * ((RF != 0) ? NF : 1);
  localparam SN     = PS * ((SF != 0) ? NF : 1);
  localparam YN     = PY * NO;
  localparam XN     = PX * NO;
  localparam SUMMED = PC * PR * PSF;  // products of one sum
  localparam ROWS   = YN * RN;
  localparam COLS   = XN * SN;

  genvar k, c, y, x, r, s, f, j;

  // ---- what the places of shared axes stand for
  wire [NF*7-1:0] f_c, f_r, f_s;
  wire [NO*7-1:0] o_y, o_x;
  wire [NF-1:0]   f_on;
  wire [NO-1:0]   o_on;

  generate
    if (NF > 1) begin : g_shared_reduction
      naas_split #(.SIZE(NF), .FIRST(CF), .SECOND(SF)) u_split (
        .clk_i(clk_i), .first_radix_i(split_i[1*7 +: 7]), .second_radix_i(split_i[5*7 +: 7]),
        .third_radix_i(split_i[4*7 +: 7]), .first_o(f_c), .second_o(f_s), .third_o(f_r), .busy_o(f_on)
      );
    end else begin : g_shared_reduction
      assign {f_c, f_r, f_s} = {(3*NF*7){1'b0}};
      assign f_on = {NF{1'b1}};
    end
    if (NO > 1) begin : g_shared_positions
      wire [NO*7-1:0] second;
      naas_split #(.SIZE(NO), .FIRST(1), .SECOND(0)) u_split (
        .clk_i(clk_i), .first_radix_i(split_i[3*7 +: 7]), .second_radix_i(7'd1), .third_radix_i(split_i[2*7 +: 7]),
        .first_o(o_x), .second_o(second), .third_o(o_y), .busy_o(o_on)
      );
      wire unused = ^second;
    end else begin : g_shared_positions
      assign {o_y, o_x} = {(2*NO*7){1'b0}};
      assign o_on = {NO{1'b1}};
    end
  endgenerate

  // ---- coordinates
  wire [CN*16-1:0] c_at;
  wire [RN*16-1:0] r_at;
  wire [SN*16-1:0] s_at;
  wire [YN*16-1:0] y_at;
  wire [XN*16-1:0] x_at;

  generate
    for (c = 0; c < CN; c = c + 1) begin : g_c_at
      localparam OWN = (CF != 0) ? c / NF : c;
      localparam AT  = (CF != 0) ? c % NF : 0;
      assign c_at[c*16 +: 16] = (CF != 0) ? OWN[15:0] + PC[15:0] * {9'd0, f_c[AT*7 +: 7]} : OWN[15:0];
    end
    for (r = 0; r < RN; r = r + 1) begin : g_r_at
      localparam OWN = (RF != 0) ? r / NF : r;
      localparam AT  = (RF != 0) ? r % NF : 0;
      assign r_at[r*16 +: 16] = (RF != 0) ? OWN[15:0] + PR[15:0] * {9'd0, f_r[AT*7 +: 7]} : OWN[15:0];
    end
    for (s = 0; s < SN; s = s + 1) begin : g_s_at
      localparam OWN = (SF != 0) ? s / NF : s;
      localparam AT  = (SF != 0) ? s % NF : 0;
      assign s_at[s*16 +: 16] = (SF != 0) ? OWN[15:0] + PS[15:0] * {9'd0, f_s[AT*7 +: 7]} : OWN[15:0];
    end
    for (y = 0; y < YN; y = y + 1) begin : g_y_at
      localparam OWN = y / NO;
      localparam AT  = y % NO;
      assign y_at[y*16 +: 16] = (NO > 1) ? OWN[15:0] + PY[15:0] * {9'd0, o_y[AT*7 +: 7]} : OWN[15:0];
    end
    for (x = 0; x < XN; x = x + 1) begin : g_x_at
      localparam OWN = x / NO;
      localparam AT  = x % NO;
      assign x_at[x*16 +: 16] = (NO > 1) ? OWN[15:0] + PX[15:0] * {9'd0, o_x[AT*7 +: 7]} : OWN[15:0];
    end
  endgenerate

  // ---- W: edge per k, buffer per (k, c, r, s)
  reg  [PW-1:0]        w_c_pos_q, w_r_pos_q, w_s_pos_q;
  reg                  w_valid_q, w_slot_q;
  wire [PK*WM-1:0]     w_hit;
  wire [PK*LW-1:0]     w_addr;
  wire [PK*WM*8-1:0]   w_data;
  wire [CN-1:0]        c_here, c_on;   // written now; holds channels of the layer
  wire [RN-1:0]        r_here, r_on;
  wire [SN-1:0]        s_here, s_on;
  wire [PK*SUMMED*8-1:0] w_op;

  always @(posedge clk_i) {w_slot_q, w_c_pos_q, w_r_pos_q, w_s_pos_q} <= {w_slot_i, w_c_pos_i, w_r_pos_i, w_s_pos_i};

  generate
    for (c = 0; c < CN; c = c + 1) begin : g_w_c
      assign c_here[c] = CN == 1 || {{(16-PW){1'b0}}, w_c_pos_q} == c_at[c*16 +: 16];
      assign c_on[c]   = CN == 1 || c_at[c*16 +: 16] < c_left_i;
    end
    for (r = 0; r < RN; r = r + 1) begin : g_w_r
      assign r_here[r] = RN == 1 || {{(16-PW){1'b0}}, w_r_pos_q} == r_at[r*16 +: 16];
      assign r_on[r]   = RN == 1 || r_at[r*16 +: 16] < r_busy_i;
    end
    for (s = 0; s < SN; s = s + 1) begin : g_w_s
      assign s_here[s] = SN == 1 || {{(16-PW){1'b0}}, w_s_pos_q} == s_at[s*16 +: 16];
      assign s_on[s]   = SN == 1 || s_at[s*16 +: 16] < s_busy_i;
    end
    for (k = 0; k < PK; k = k + 1) begin : g_w
      naas_lanes #(.POS(k), .SIZE(PK), .LANES(WLANES), .PW(PW), .LW(LW)) u_edge (
        .clk_i(clk_i), .data_i(w_data_i), .count_i(w_count_i), .pos_i(w_k_pos_i), .addr_i(w_addr_i), .stride_i(w_k_stride_i),
        .hit_o(w_hit[k*WM +: WM]), .addr_o(w_addr[k*LW +: LW]), .data_o(w_data[k*WM*8 +: WM*8])
      );
      for (c = 0; c < PC; c = c + 1) begin : g_c
        for (r = 0; r < PR; r = r + 1) begin : g_r
          for (s = 0; s < PSF; s = s + 1) begin : g_s
            localparam AT   = s % NF;
            localparam C_AT = (CF != 0) ? c*NF + AT : c;
            localparam R_AT = (RF != 0) ? r*NF + AT : r;
            localparam S_AT = (SF != 0) ? s : s / NF;
            naas_w_buf #(.M(WM), .DEPTH(WDEPTH), .SLOTS(WSLOTS), .LW(LW)) u_buf (
              .clk_i(clk_i), .we_i(w_valid_q & w_hit[k*WM] & c_here[C_AT] & r_here[R_AT] & s_here[S_AT] & f_on[AT]), .wslot_i(w_slot_q),
              .waddr_i(w_addr[k*LW +: LW]), .wdata_i(w_data[k*WM*8 +: WM*8]), .re_i(re_i), .rslot_i(w_rslot_i),
              .raddr_i(w_raddr_i), .rsub_i(w_rsub_i), .mask_i(c_on[C_AT] & r_on[R_AT] & s_on[S_AT] & f_on[AT]),
              .operand_o(w_op[(((k*PC + c)*PR + r)*PSF + s)*8 +: 8])
            );
          end
        end
      end
    end
  endgenerate

  // ---- I: lanes per c, windows per (y, r) and per (x, s), buffer per (c, y, r, x, s)
  wire [5:0]           c_sub = i_rsub_i & {6{~depthwise_i}};   // byte of a convolution word
  wire [IBW+5:0]       c_word_wide = {{IBW{1'b0}}, c_word_i};
  wire [IBW-1:0]       c_word = c_word_wide[IBW-1:0];   // bytes of a word minus one, as bits of a bank's number
  reg                  i_valid_q, i_slot_q;
  reg  [PW-1:0]        i_k_pos_q;
  reg  [LI-1:0]        i_k_addr_q;
  reg  [7:0]           i_count_q;
  reg  [ILANES*8-1:0]  i_data_q;
  wire [ROWS-1:0]      row_hit;
  wire [COLS-1:0]      col_hit;
  wire [ROWS*LI-1:0]   row_off;
  wire [COLS*LI-1:0]   col_off;
  wire [SUMMED*PY*PXO*PK*8-1:0] i_op;
  wire [ROWS-1:0]      row_once;   // of the windows of one coordinate, that of one place counts
  wire [COLS-1:0]      col_once;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {w_valid_q, i_valid_q} <= 2'b00;
    else {w_valid_q, i_valid_q} <= {w_valid_i, i_valid_i};
  end
  always @(posedge clk_i) begin
    {i_slot_q, i_k_pos_q, i_k_addr_q, i_count_q} <= {i_slot_i, i_k_pos_i, i_k_addr_i, i_count_i};
    i_data_q <= i_data_i;
  end

  generate
    for (y = 0; y < YN; y = y + 1) begin : g_i_y
      for (r = 0; r < RN; r = r + 1) begin : g_r
        localparam O_AT = y % NO;
        localparam F_AT = (RF != 0) ? r % NF : 0;
        wire on;
        assign on = o_on[O_AT] & (RF == 0 || f_on[F_AT]);
        assign row_once[y*RN + r] = o_x[O_AT*7 +: 7] == 7'd0
                                  & (RF == 0 || (f_c[F_AT*7 +: 7] == 7'd0 && f_s[F_AT*7 +: 7] == 7'd0));
        naas_i_window #(.ALONE(YN*RN == 1), .BW(BW), .LW(LI)) u_rows (
          .clk_i(clk_i), .load_i(load_i), .index_i(i_y_i[BW-1:0]), .busy_i(on), .out_base_i(y_at[y*16 +: BW] * i_step_i[0 +: BW]),
          .tap_base_i(r_at[r*16 +: BW] * i_step_i[32 +: BW]), .reach_i(i_y_reach_i[BW-1:0]), .next_i(i_valid_i & i_x_last_i), .done_i(i_y_last_i), .pitch_i(i_pitch_i),
          .hit_o(row_hit[y*RN + r]), .offset_o(row_off[(y*RN + r)*LI +: LI])
        );
      end
    end
    for (x = 0; x < XN; x = x + 1) begin : g_i_x
      for (s = 0; s < SN; s = s + 1) begin : g_s
        localparam O_AT = x % NO;
        localparam F_AT = (SF != 0) ? s % NF : 0;
        wire on;
        assign on = o_on[O_AT] & (SF == 0 || f_on[F_AT]);
        assign col_once[x*SN + s] = o_y[O_AT*7 +: 7] == 7'd0
                                  & (SF == 0 || (f_c[F_AT*7 +: 7] == 7'd0 && f_r[F_AT*7 +: 7] == 7'd0));
        naas_i_window #(.ALONE(XN*SN == 1), .ONE(CF == 0), .BW(BW), .LW(LI)) u_cols (
          .clk_i(clk_i), .load_i(load_i), .index_i(i_x_i[BW-1:0]), .busy_i(on), .out_base_i(x_at[x*16 +: BW] * i_step_i[16 +: BW]),
          .tap_base_i(s_at[s*16 +: BW] * i_step_i[48 +: BW]), .reach_i(i_x_reach_i[BW-1:0]), .next_i(i_valid_i), .done_i(i_x_last_i),
          .pitch_i((CF != 0) ? i_unit_i : {{(LI-1){1'b0}}, 1'b1}),
          .hit_o(col_hit[x*SN + s]), .offset_o(col_off[(x*SN + s)*LI +: LI])
        );
      end
    end
    for (c = 0; c < PC; c = c + 1) begin : g_i_c
      localparam DEALT = (CF != 0) ? NF : 1;
      wire [DEALT*IM-1:0]   hit;
      wire [DEALT*LI-1:0]   addr;
      wire [DEALT*IM*8-1:0] data;
      wire [DEALT*IROW-1:0]   row_k_hit;
      wire [DEALT*IROW*8-1:0] row_data;
      for (f = 0; f < DEALT; f = f + 1) begin : g_dealt
        if (CF != 0) begin : g_split
          naas_i_deal #(.OWN(PC), .POS(c), .PLACE(f), .LANES(ILANES), .PW(PW), .LW(LI)) u_lanes (
            .clk_i(clk_i), .data_i(i_data_i), .count_i(i_count_i), .pos_i(c_at[(c*DEALT + f)*16 +: 16]),
            .size_i(c_positions_i), .c_pos_i(i_c_pos_i), .addr_i(i_c_addr_i), .c_stride_i(i_ch_stride_i),
            .hit_o(hit[f*IM +: IM]), .addr_o(addr[f*LI +: LI]), .data_o(data[f*IM*8 +: IM*8])
          );
        end else begin : g_own
          naas_lanes #(.POS(c), .SIZE(PC), .LANES(ILANES), .PW(PW), .LW(LI)) u_lanes (
            .clk_i(clk_i), .data_i(i_data_i), .count_i(i_count_i), .pos_i(i_c_pos_i), .addr_i(i_c_addr_i),
            .stride_i(i_ch_stride_i), .hit_o(hit), .addr_o(addr), .data_o(data)
          );
        end
        naas_i_row #(.ROW(IROW), .M(IM), .PK(PK), .PW(PW), .LANES(ILANES), .DEPTHWISE(c == 0)) u_row (
          .depthwise_i(depthwise_i), .first_i(CF == 0 || f_c[f*7 +: 7] == 7'd0), .c_data_i(data[f*IM*8 +: IM*8]),
          .k_pos_i(i_k_pos_q), .count_i(i_count_q), .data_i(i_data_q), .k_hit_o(row_k_hit[f*IROW +: IROW]),
          .data_o(row_data[f*IROW*8 +: IROW*8])
        );
      end
      for (r = 0; r < PR; r = r + 1) begin : g_r
        for (s = 0; s < PSF; s = s + 1) begin : g_s
          localparam F_AT = (CF != 0) ? s % NF : 0;
          localparam R_AT = (RF != 0) ? r*NF + s % NF : r;
          localparam S_AT = (SF != 0) ? s : s / NF;
          for (y = 0; y < PY; y = y + 1) begin : g_y
            for (x = 0; x < PXO; x = x + 1) begin : g_x
              localparam AT   = (((c*PR + r)*PSF + s)*PY + y)*PXO + x;
              localparam ROW  = (y*NO + x % NO)*RN + R_AT;
              localparam COL  = x*SN + S_AT;
              localparam KOUT = (c == 0) ? PK : 1;
              wire [KOUT*8-1:0] operand;
              naas_i_buf #(
                .ROW(IROW), .M(IM), .SPLIT(CF), .BANKS(IBANKS), .IBW(IBW), .PK(PK), .PW(PW), .LANES(ILANES),
                .DEPTHWISE(c == 0), .DEPTH(IDEPTH), .SLOTS(ISLOTS), .LW(LI)
              ) u_buf (
                .clk_i(clk_i), .depthwise_i(depthwise_i), .we_i(i_valid_q & row_hit[ROW] & col_hit[COL]),
                .wslot_i(i_slot_q), .offset_i(row_off[ROW*LI +: LI] + col_off[COL*LI +: LI]), .word_i(c_word),
                .c_hit_i(hit[F_AT*IM +: IM]), .c_addr_i(addr[F_AT*LI +: LI]), .k_hit_i(row_k_hit[F_AT*IROW +: IROW]),
                .k_pos_i(i_k_pos_q), .k_addr_i(i_k_addr_q), .ch_stride_i(i_ch_stride_i), .data_i(row_data[F_AT*IROW*8 +: IROW*8]), .re_i(re_i),
                .rslot_i(i_rslot_i), .raddr_i(i_raddr_i), .rbank_i(i_rbank_i), .rsub_i(c_sub), .rset_i(i_rsub_i),
                .operand_o(operand)
              );
              assign i_op[AT*PK*8 +: PK*8] = {(PK/KOUT){operand}};
            end
          end
        end
      end
    end
  endgenerate

  // ---- PEs per (k, y, x, c, r, s), trees over (c, r, s), psum buffers per (k, y, x)
  wire [OSLOTS-1:0]        acc_slots, d_slots;   // one bit per slot
  wire [PY*PXO-1:0]        d_here;
  wire [PY*PXO*OSLOTS-1:0] d_re;
  reg  [PY*PXO*OSLOTS-1:0] d_from_q;
  wire [PK*OM*PSUMW-1:0]      k_word;

  generate
    for (j = 0; j < OSLOTS; j = j + 1) begin : g_psum_slot
      localparam [0:0] Slot = j;
      assign acc_slots[j] = OSLOTS == 1 || acc_slot_i == Slot;
      assign d_slots[j]   = OSLOTS == 1 || d_slot_i == Slot;
    end
    for (k = 0; k < PK; k = k + 1) begin : g_k
      wire [LO-1:0] d_addr;
      wire [OSLOTS*LO-1:0] raddr;
      reg               last_q, high_q;
      reg  [OSLOTS-1:0] we_q, old_q;
      reg  [LO-1:0]     addr_q;
      reg  [5:0]        sub_q;
      always @(posedge clk_i) begin
        {high_q, addr_q, sub_q} <= {acc_high_i, acc_addr_i, acc_sub_i};
        we_q   <= acc_slots & {OSLOTS{acc_i}};
        last_q <= acc_again_i & ~acc_first_i;
        old_q  <= acc_slots & {OSLOTS{~acc_again_i & ~acc_first_i}};
      end
      if (OLANES > PK || PK % OLANES == 0) begin : g_drain_word
        assign d_addr = d_addr_i;
      end else begin : g_drain_word
        assign d_addr = (k < d_k_pos_i) ? d_addr_i + d_k_stride_i : d_addr_i;
      end
      for (j = 0; j < OSLOTS; j = j + 1) begin : g_address
        assign raddr[j*LO +: LO] = (acc_i & acc_slots[j]) ? acc_addr_i : d_addr;
      end
      for (y = 0; y < PY; y = y + 1) begin : g_y
        for (x = 0; x < PXO; x = x + 1) begin : g_x
          wire [SUMMED*16-1:0] products;
          wire [SUMW-1:0]      sum;
          wire [OM*PSUMW-1:0]  word_n, picked_n;
          for (c = 0; c < PC; c = c + 1) begin : g_c
            for (r = 0; r < PR; r = r + 1) begin : g_r
              for (s = 0; s < PSF; s = s + 1) begin : g_s
                localparam SUMMAND = (c*PR + r)*PSF + s;
                localparam INPUT   = (SUMMAND*PY + y)*PXO + x;
                naas_pe #(.REGISTERED(TREE != 0), .MAXIMUM(MAXIMUM)) u_pe (
                  .clk_i(clk_i), .maximum_i(maximum_i), .w_i(w_op[(k*SUMMED + SUMMAND)*8 +: 8]), .i_i(i_op[(INPUT*PK + k)*8 +: 8]),
                  .product_o(products[SUMMAND*16 +: 16])
                );
              end
            end
          end
          naas_tree #(.N(SUMMED), .INW(16), .OUTW(SUMW), .DEPTH(TREE), .MAXIMUM(MAXIMUM)) u_tree (
            .clk_i(clk_i), .maximum_i(maximum_i), .in_i(products), .sum_o(sum)
          );
          naas_psum_buf #(
            .M(OM), .DEPTH(ODEPTH), .SLOTS(OSLOTS), .LW(LO), .SUMW(SUMW), .PSUMW(PSUMW), .DIGITS(DIGITS), .MAXIMUM(MAXIMUM)
          ) u_psum (
            .clk_i(clk_i), .maximum_i(maximum_i), .re_i((acc_slots & {OSLOTS{acc_i}}) | d_re[(y*PXO + x)*OSLOTS +: OSLOTS]),
            .raddr_i(raddr), .we_q_i(we_q), .waddr_q_i(addr_q), .asub_q_i(sub_q), .alast_q_i(last_q), .aold_q_i(old_q),
            .ahigh_q_i(high_q), .sum_i(sum), .dfrom_q_i(d_from_q[(y*PXO + x)*OSLOTS +: OSLOTS]), .word_no(word_n)
          );
          // The drained position's word, inverted (ones elsewhere), goes from neighbour to neighbour: simulators copy a bus of
          // all words slowly.
          if (x == 0) begin : g_first
            assign picked_n = word_n;
          end else begin : g_next
            assign picked_n = g_x[x-1].picked_n & word_n;
          end
        end
        wire [OM*PSUMW-1:0] picked_n;
        if (y == 0) begin : g_first
          assign picked_n = g_x[PXO-1].picked_n;
        end else begin : g_next
          assign picked_n = g_y[y-1].picked_n & g_x[PXO-1].picked_n;
        end
      end
      assign k_word[k*OM*PSUMW +: OM*PSUMW] = ~g_y[PY-1].picked_n;
    end
    for (y = 0; y < PY; y = y + 1) begin : g_d_y
      for (x = 0; x < PXO; x = x + 1) begin : g_d_x
        localparam Y_AT = y*NO + x % NO;
        always @(posedge clk_i) d_from_q[(y*PXO + x)*OSLOTS +: OSLOTS] <= d_slots & {OSLOTS{d_here[y*PXO + x]}};
        assign d_re[(y*PXO + x)*OSLOTS +: OSLOTS] = d_slots & {OSLOTS{d_re_i & d_here[y*PXO + x]}};
        assign d_here[y*PXO + x] = (YN == 1 || {{(16-PW){1'b0}}, d_y_pos_i} == y_at[Y_AT*16 +: 16])
                                 & (XN == 1 || {{(16-PW){1'b0}}, d_x_pos_i} == x_at[x*16 +: 16]);
      end
    end
  endgenerate

  // ---- drain: the (y, x) position is picked above, now K positions are dealt to lanes
  reg  [PW-1:0]            d_k_pos_q;
  reg  [5:0]               d_phase_q;
  wire [OLANES*PSUMW-1:0]  lanes;
  wire [DRAINED*PSUMW-1:0] drained;
  reg  [DRAINED*PSUMW-1:0] lanes_q;

  always @(posedge clk_i) begin
    d_k_pos_q <= d_k_pos_i;
    d_phase_q <= d_phase_i;
    lanes_q   <= drained;
  end

  generate
    for (j = 0; j < OLANES; j = j + 1) begin : g_d_lane
      if (OLANES > PK) begin : g_fixed
        assign lanes[j*PSUMW +: PSUMW] = k_word[((j % PK)*OM + j / PK)*PSUMW +: PSUMW];
      end else if (PK == OLANES) begin : g_own
        assign lanes[j*PSUMW +: PSUMW] = k_word[j*PSUMW +: PSUMW];
      end else if (PK % OLANES == 0) begin : g_turns
        // The first position is a multiple of OLANES: one of PK / OLANES positions is this lane's.
        for (k = 0; k < PK / OLANES; k = k + 1) begin : g_turn
          localparam FIRST = k * OLANES;
          wire [PSUMW-1:0] mine, picked;
          assign mine = k_word[(FIRST + j)*PSUMW +: PSUMW] & {PSUMW{d_k_pos_q == FIRST[PW-1:0]}};
          if (k == 0) begin : g_first
            assign picked = mine;
          end else begin : g_next
            assign picked = g_turn[k-1].picked | mine;
          end
        end
        assign lanes[j*PSUMW +: PSUMW] = g_turn[PK/OLANES-1].picked;
      end else begin : g_dealt
        localparam [PW:0] Lane = j;
        wire [PW:0] ahead, pos;
        assign ahead = {1'b0, d_k_pos_q} + Lane;
        assign pos   = (ahead >= PK[PW:0]) ? ahead - PK[PW:0] : ahead;
        assign lanes[j*PSUMW +: PSUMW] = k_word[pos*PSUMW +: PSUMW];
      end
    end
  endgenerate

  naas_pick #(.N(OLANES/DRAINED), .W(DRAINED*PSUMW), .SW(6)) u_drained (.sel_i(d_phase_q), .in_i(lanes), .out_o(drained));
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
    for (i = 0; i < ROWS; i = i + 1) rows_hit = rows_hit + {{(RW-1){1'b0}}, row_hit[i] & row_once[i]};
    for (i = 0; i < COLS; i = i + 1) cols_hit = cols_hit + {{(CW-1){1'b0}}, col_hit[i] & col_once[i]};
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

  wire unused = ^{d_k_stride_i, d_k_pos_q, d_k_pos_i, d_y_pos_i, d_x_pos_i, w_c_pos_q, w_r_pos_q, w_s_pos_q, c_left_i,
                    r_busy_i, s_busy_i, split_i, c_positions_i, c_word_wide, i_unit_i, f_c, f_r, f_s, f_on, o_y, o_x, o_on,
                    i_step_i, i_y_i, i_x_i, i_y_reach_i, i_x_reach_i, c_at, r_at, s_at, y_at, x_at, row_once, col_once};

endmodule
`default_nettype wire
