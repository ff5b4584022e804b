// One lane of the output unit: a 32-bit sum becomes an 8-bit output. Latency 8 cycles, one output per cycle.
//
//   acc = sum + partial sum + bias                                      32 bits, wraps
//   p   = acc * mult + 2^(shift-1) + c
//   q   = p >> shift
//   out = clamp(q + zero_point, lo, hi)
//
//   round_i                      c for acc >= 0    c for acc < 0    q's lowest bit
//   0  halves up                        0                 0
//   1  halves away from zero            0                -1
//   2  rounded twice (gemmlowp)      +2^30             -2^30        needs shift >= 32
//   3  halves to even                   0                 0         cleared if the bits shifted out are all zero
//   3  with window_i                    T                 T         cleared if the bits shifted out are at most 2T
//
// With window_i, |acc| at or above 2^24 is first rounded to 24 significant bits (to nearest, ties to even), and
// T = 2^(bits of |acc * mult| - 25), or 0 below 25 bits. That equals float32 arithmetic, round(float(acc) * scale) with
// scale = mult * 2^-shift and mult of 24 bits, bit for bit: values that float32 rounds to a tie lie within T of it, and ties
// go to even. TIE_WINDOW = 0 leaves the window out; window_i must then be 0.
//
// All arithmetic runs on magnitudes; the sign returns at the end. Where a rounding is not symmetric, a negative product adds
// one unit less.
//
// All inputs belong to the same cycle t, out_o to cycle t + 8. zero_point_i, lo_i and hi_i are constants of a layer: they
// are used in the last stage and must not change while outputs are in flight. Data only: no reset, no valid.
// 1 <= shift_i <= 62. MULT_BITS is 24 to 31.
`default_nettype none

module naas_output_unit #(
    parameter MULT_BITS  = 31,
    parameter TIE_WINDOW = 1
) (
    input  wire                 clk_i,
    input  wire [31:0]          sum_i,
    input  wire [31:0]          part_i,
    input  wire                 use_part_i,
    input  wire [31:0]          bias_i,
    input  wire [MULT_BITS-1:0] mult_i,
    input  wire [5:0]           shift_i,
    input  wire [1:0]           round_i,
    input  wire                 window_i,
    input  wire signed [7:0]    zero_point_i,
    input  wire signed [7:0]    lo_i,
    input  wire signed [7:0]    hi_i,
    output wire [7:0]           out_o
);
    // Bits of the multiplicand, of the product, and of the product with its rounding constant.
    localparam MAG_BITS  = 32;
    localparam PROD_BITS = MAG_BITS + MULT_BITS;
    localparam P_BITS    = PROD_BITS + 1;

    // Stage 1: the accumulator.
    reg [31:0]          acc_1q;
    reg [MULT_BITS-1:0] mult_1q;
    reg [5:0]           shift_1q;
    reg [1:0]           round_1q;
    reg                 window_1q;

    always @(posedge clk_i) begin
        acc_1q    <= sum_i + (part_i & {32{use_part_i}}) + bias_i;
        mult_1q   <= mult_i;
        shift_1q  <= shift_i;
        round_1q  <= round_i;
        window_1q <= window_i;
    end

    // Stage 2: sign and magnitude.
    reg                 neg_2q;
    reg [31:0]          mag_2q;
    reg [MULT_BITS-1:0] mult_2q;
    reg [5:0]           shift_2q;
    reg [1:0]           round_2q;
    reg                 window_2q;

    always @(posedge clk_i) begin
        neg_2q    <= acc_1q[31];
        mag_2q    <= (acc_1q ^ {32{acc_1q[31]}}) + {31'd0, acc_1q[31]};
        mult_2q   <= mult_1q;
        shift_2q  <= shift_1q;
        round_2q  <= round_1q;
        window_2q <= window_1q;
    end

    // Stage 3: with the window, the magnitude as mantissa * 2^exponent, the exponent taken off the shift. A shift that
    // becomes zero or less is marked large_3q: the mantissa then has its top bit set, and the output saturates unless mult
    // is 0.
    wire [MAG_BITS-1:0] mant;
    wire [3:0]          exponent;
    wire [6:0]          shift_left = {1'b0, shift_2q} - {3'd0, exponent};

    generate
        if (TIE_WINDOW != 0) begin : g_round
            wire [23:0] mant24;
            wire [3:0]  exponent24;

            naas_round24 u_round24 (
                .value_i   (mag_2q),
                .mantissa_o(mant24),
                .exponent_o(exponent24)
            );
            assign mant     = window_2q ? {8'd0, mant24} : mag_2q;
            assign exponent = exponent24 & {4{window_2q}};
        end else begin : g_exact
            assign mant     = mag_2q;
            assign exponent = 4'd0;
        end
    endgenerate

    reg                 neg_3q;
    reg                 large_3q;
    reg [MAG_BITS-1:0]  mant_3q;
    reg [MULT_BITS-1:0] mult_3q;
    reg [5:0]           shift_3q;
    reg [1:0]           round_3q;
    reg                 window_3q;

    always @(posedge clk_i) begin
        neg_3q    <= neg_2q;
        large_3q  <= shift_left[6] || (shift_left == 7'd0);
        mant_3q   <= mant;
        mult_3q   <= mult_2q;
        shift_3q  <= shift_left[5:0];
        round_3q  <= round_2q;
        window_3q <= window_2q;
    end

    // Stage 4: the product.
    reg                 neg_4q;
    reg                 large_4q;
    reg [PROD_BITS-1:0] prod_4q;
    reg [5:0]           shift_4q;
    reg [1:0]           round_4q;
    reg                 window_4q;

    always @(posedge clk_i) begin
        neg_4q    <= neg_3q;
        large_4q  <= large_3q;
        prod_4q   <= {{MULT_BITS{1'b0}}, mant_3q} * {{MAG_BITS{1'b0}}, mult_3q};
        shift_4q  <= shift_3q;
        round_4q  <= round_3q;
        window_4q <= window_3q;
    end

    // Stage 5: room to find T. A product so far below 2^(shift-1) that nothing lifts it rounds to zero.
    reg                 neg_5q;
    reg                 large_5q;
    reg                 zero_5q;
    reg [PROD_BITS-1:0] prod_5q;
    reg [5:0]           shift_5q;
    reg [1:0]           round_5q;

    always @(posedge clk_i) begin
        round_5q <= round_4q;
        neg_5q   <= neg_4q;
        large_5q <= large_4q;
        zero_5q  <= (prod_4q == {PROD_BITS{1'b0}}) || (!large_4q && ({26'd0, shift_4q} > P_BITS));
        prod_5q  <= prod_4q;
        shift_5q <= shift_4q;
    end

    // Stage 6: p. Halves are one bit, and so are 2^30 (below a half of 2^31 or more) and T (beside a half, except where the
    // output saturates): "or" adds them. One unit less turns the lowest of these bits into all bits below it.
    wire [P_BITS-1:0] half  = {{(P_BITS - 1){1'b0}}, 1'b1} << (shift_5q - 6'd1);
    wire [P_BITS-1:0] below = ~({P_BITS{1'b1}} << (shift_5q - 6'd1));
    wire [P_BITS-1:0] ties;
    reg  [P_BITS-1:0] rounding;

    always @* begin
        case (round_5q)
            2'd0:    rounding = neg_5q ? below : half;
            2'd1:    rounding = half;
            2'd2:    rounding = half | (neg_5q ? {{(P_BITS - 30){1'b0}}, {30{1'b1}}} : {{(P_BITS - 31){1'b0}}, 1'b1, 30'd0});
            default: rounding = half | ties;
        endcase
    end

    reg               neg_6q;
    reg               large_6q;
    reg               zero_6q;
    reg               even_6q;
    reg [P_BITS-1:0]  p_6q;
    reg [5:0]         shift_6q;

    always @(posedge clk_i) begin
        neg_6q   <= neg_5q;
        large_6q <= large_5q;
        zero_6q  <= zero_5q;
        even_6q  <= round_5q == 2'd3;
        p_6q     <= {1'b0, prod_5q} + rounding;
        shift_6q <= shift_5q;
    end

    // Stage 7: the shift.
    wire [P_BITS-1:0] shifted  = p_6q >> shift_6q;
    wire [P_BITS-1:0] fraction = p_6q & ~({P_BITS{1'b1}} << shift_6q);
    wire              tie;

    generate
        if (TIE_WINDOW != 0) begin : g_window
            // T is one bit: the highest set bit of the product, divided by 2^24.
            wire [PROD_BITS-25:0] window;
            reg  [PROD_BITS-25:0] window_5q;
            reg  [PROD_BITS-25:0] window_6q;

            naas_top_bit #(
                .WIDTH(PROD_BITS - 24)
            ) u_top_bit (
                .value_i(prod_4q[PROD_BITS-1:24]),
                .top_o  (window)
            );

            always @(posedge clk_i) begin
                window_5q <= window & {(PROD_BITS - 24){window_4q}};
                window_6q <= window_5q;
            end

            assign ties = {25'd0, window_5q};
            assign tie  = even_6q && (fraction <= {24'd0, window_6q, 1'b0});
        end else begin : g_no_window
            wire unused_window;
            assign unused_window = window_4q;
            assign ties = {P_BITS{1'b0}};
            assign tie  = even_6q && (fraction == {P_BITS{1'b0}});
        end
    endgenerate

    reg       neg_7q;
    reg       large_7q;
    reg [7:0] q_7q;

    always @(posedge clk_i) begin
        neg_7q   <= neg_6q;
        large_7q <= !zero_6q && (large_6q || (shifted[P_BITS-1:8] != {(P_BITS - 8){1'b0}}));
        q_7q     <= {shifted[7:1], shifted[0] & ~tie} & {8{~zero_6q}};
    end

    // Stage 8: sign, zero point, clamp. A magnitude of 256 is beyond the clamp on either side, whatever the zero point.
    wire        [8:0]  magnitude = large_7q ? 9'd256 : {1'b0, q_7q};
    wire signed [10:0] value     = {2'b00, magnitude};
    wire signed [10:0] zero      = {{3{zero_point_i[7]}}, zero_point_i};
    wire signed [10:0] lo        = {{3{lo_i[7]}}, lo_i};
    wire signed [10:0] hi        = {{3{hi_i[7]}}, hi_i};
    wire signed [10:0] biased    = neg_7q ? zero - value : zero + value;

    reg [7:0] out_8q;

    always @(posedge clk_i) begin
        if (biased < lo)      out_8q <= lo_i;
        else if (biased > hi) out_8q <= hi_i;
        else                  out_8q <= biased[7:0];
    end

    assign out_o = out_8q;
endmodule

`default_nettype wire
