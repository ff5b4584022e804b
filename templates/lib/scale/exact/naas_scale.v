// Scales a magnitude: mag * mult / 2^shift, rounded to an integer. From stage 2 of an output unit to its stage 7.
//
//   p = acc * mult + 2^(shift-1) + c,  q = p >> shift          of acc with its sign; here on magnitudes
//
//   round_i                      c for acc >= 0    c for acc < 0    q's lowest bit
//   0  halves up                        0                 0
//   1  halves away from zero            0                -1
//   2  rounded twice (gemmlowp)      +2^30             -2^30        needs shift >= 32
//   3  halves to even                   0                 0         cleared if the bits shifted out are all zero
//   3  with window_i                    T                 T         cleared if the bits shifted out are at most 2T
//
// With window_i, a magnitude at or above 2^24 is first rounded to 24 significant bits (to nearest, ties to even), and
// T = 2^(bits of acc * mult - 25), or 0 below 25 bits. That equals float32 arithmetic: values that float32 rounds to a tie
// lie within T of it, and ties go to even. This one is for TIE_WINDOW below 2; 0 leaves the window out; window_i must then be 0. Where a rounding is
// not symmetric, a negative product adds one unit less.
//
// large_o: the result is 256 or more. MAG_BITS, 24 to 32, hold mag_i wherever window_i is 0.
`default_nettype none

module naas_scale #(
    parameter MAG_BITS   = 32,
    parameter MULT_BITS  = 31,
    parameter TIE_WINDOW = 1
) (
    input  wire                 clk_i,
    input  wire [31:0]          mag_i,
    input  wire                 neg_i,
    input  wire [MULT_BITS-1:0] mult_i,
    input  wire [5:0]           shift_i,
    input  wire [1:0]           round_i,
    input  wire                 window_i,
    output wire                 neg_o,
    output wire                 large_o,
    output wire [7:0]           q_o
);
    localparam PROD_BITS = MAG_BITS + MULT_BITS;

    // What a stage hands on, by the stage that keeps it.
    reg [MAG_BITS-1:0]  mant_3q;
    reg [PROD_BITS-1:0] prod_4q, prod_5q;
    reg [MULT_BITS-1:0] mult_3q;
    reg [5:0]           shift_3q, shift_4q, shift_5q;
    reg [1:0]           round_3q, round_4q, round_5q;
    reg                 window_3q, window_4q;
    reg                 neg_3q, neg_4q, neg_5q, neg_6q, neg_7q;
    reg                 large_3q, large_4q, large_5q, large_6q, large_7q;
    reg                 zero_5q, zero_6q;
    reg                 even_6q;
    reg                 down_6q;    // halves of this sign go down
    reg                 carry_6q;   // the constant lifts the product to the next half
    reg                 over_6q;    // it is more than the constant above a half
    reg [9:0]           halves_6q;
    reg [7:0]           q_7q;

    // Stage 3: with the window, the magnitude as mantissa * 2^exponent, the exponent taken off the shift. A shift that
    // becomes zero or less is marked large_3q: the mantissa then has its top bit set, and the output saturates unless mult
    // is 0. Stage 4: the product.
    wire [31:0] mant;
    wire [3:0]  exponent;
    wire [6:0]  shift_left = {1'b0, shift_i} - {3'd0, exponent};

    generate
        if (TIE_WINDOW != 0) begin : g_round
            wire [23:0] mant24;
            wire [3:0]  exponent24;

            naas_round24 u_round24 (.value_i(mag_i), .mantissa_o(mant24), .exponent_o(exponent24));
            assign mant     = window_i ? {8'd0, mant24} : mag_i;
            assign exponent = exponent24 & {4{window_i}};
        end else begin : g_exact
            assign mant     = mag_i;
            assign exponent = 4'd0;
        end
    endgenerate

    always @(posedge clk_i) begin
        large_3q <= shift_left[6] || (shift_left == 7'd0);
        mant_3q  <= mant[MAG_BITS-1:0];
        prod_4q  <= {{MULT_BITS{1'b0}}, mant_3q} * {{MAG_BITS{1'b0}}, mult_3q};
        {mult_3q, shift_3q, round_3q, window_3q, neg_3q} <= {mult_i, shift_left[5:0], round_i, window_i, neg_i};
        {shift_4q, round_4q, window_4q, neg_4q, large_4q} <= {shift_3q, round_3q, window_3q, neg_3q, large_3q};
    end

    // Stage 5: room to find the product's highest set bit. A product so far below 2^(shift-1) that nothing lifts it rounds to
    // zero.
    wire [PROD_BITS-1:0] up_to_t;   // T and the bits below it

    generate
        if (TIE_WINDOW != 0) begin : g_window
            // T is one bit: the highest set bit of the product, divided by 2^24.
            reg [PROD_BITS-25:0] smear, smear_5q;
            integer              step;

            always @* begin
                smear = prod_4q[PROD_BITS-1:24];
                for (step = 1; step < PROD_BITS - 24; step = step * 2) smear = smear | (smear >> step);
            end
            always @(posedge clk_i) smear_5q <= smear & {(PROD_BITS - 24){window_4q}};
            assign up_to_t = {24'd0, smear_5q};
        end else begin : g_no_window
            wire unused_window = window_4q;
            assign up_to_t = {PROD_BITS{1'b0}};
        end
    endgenerate

    always @(posedge clk_i) begin
        zero_5q <= (prod_4q == {PROD_BITS{1'b0}}) || (!large_4q && ({26'd0, shift_4q} > PROD_BITS + 1));
        {prod_5q, shift_5q, round_5q, neg_5q, large_5q} <= {prod_4q, shift_4q, round_4q, neg_4q, large_4q};
    end

    // Stage 6: the product in units of a half, and what is left below. A power of two added to it (2^30, below a half of
    // 2^31 or more; T, beside a half except where the output saturates) carries into the halves if all bits left are set from
    // that power up.
    wire [5:0]           halves_at = shift_5q - 6'd1;
    wire [PROD_BITS-1:0] halves    = prod_5q >> halves_at;
    wire [PROD_BITS-1:0] below     = ~({PROD_BITS{1'b1}} << halves_at);
    wire [PROD_BITS-1:0] rest      = prod_5q & below;
    wire                 twice     = round_5q == 2'd2;
    wire [PROD_BITS-1:0] below_t   = up_to_t >> 1;
    wire [PROD_BITS-1:0] below_c   = twice ? {{(PROD_BITS - 30){1'b0}}, {30{1'b1}}} : below_t;
    wire                 some_c    = twice ? !neg_5q || (rest[29:0] != 30'd0) : round_5q == 2'd3 && up_to_t[0];
    wire                 above_t   = (rest & ~up_to_t) != {PROD_BITS{1'b0}};
    wire                 at_t      = (rest & ~below_t & up_to_t) != {PROD_BITS{1'b0}};

    always @(posedge clk_i) begin
        {neg_6q, zero_6q} <= {neg_5q, zero_5q};
        large_6q  <= large_5q || ((halves >> 10) != {PROD_BITS{1'b0}});
        even_6q   <= round_5q == 2'd3;
        down_6q   <= (round_5q == 2'd0) && neg_5q && (rest == {PROD_BITS{1'b0}});
        carry_6q  <= some_c && ((rest | ~below | below_c) == {PROD_BITS{1'b1}});
        over_6q   <= above_t || (at_t && ((rest & below_t) != {PROD_BITS{1'b0}}));
        halves_6q <= halves[9:0];
    end

    // Stage 7: halves become ones.
    wire       up      = carry_6q || (halves_6q[0] && !down_6q);
    wire [9:0] rounded = {1'b0, halves_6q[9:1]} + {9'd0, up};
    wire       tie     = even_6q && (halves_6q[0] ? !over_6q : carry_6q);

    always @(posedge clk_i) begin
        neg_7q   <= neg_6q;
        large_7q <= !zero_6q && (large_6q || (rounded[9:8] != 2'd0));
        q_7q     <= {rounded[7:1], rounded[0] & ~tie} & {8{~zero_6q}};
    end

    assign neg_o   = neg_7q;
    assign large_o = large_7q;
    assign q_o     = q_7q;

    wire unused = ^{mant, halves};
endmodule
`default_nettype wire
