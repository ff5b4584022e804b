// Scales a magnitude as float32 arithmetic does: round(float(mag) * (mult * 2^-shift)), every rounding to nearest, ties to even.
// From stage 2 of an output unit to its stage 7. mult has 24 bits with the highest set, or is zero.
//
// This one is for TIE_WINDOW = 2: window_i is always 1. Both mantissas have 24 bits with the highest set, so their product has
// 47 or 48, and is rounded to 24 at one of two places. Then it is below 2^25, and of the places from which it can become an
// integer of 1 to 256 there are nine.
`default_nettype none

module naas_scale #(
    parameter MAG_BITS   = 32,
    parameter MULT_BITS  = 24,
    parameter TIE_WINDOW = 2
) (
    input  wire                 clk_i,
    input  wire [31:0]          mag_i,
    input  wire                 neg_i,
    input  wire [MULT_BITS-1:0] mult_i,
    input  wire [5:0]           shift_i,
    input  wire [1:0]           round_i,
    input  wire                 window_i,
    output wire                 neg_o,
    output wire                 large_o,   // the result is 256 or more
    output wire [7:0]           q_o
);
    // What a stage hands on, by the stage that keeps it.
    reg [23:0] mant_3q, mult_3q;
    reg [26:0] prod_4q;            // bits 47 to 22 of the product; whether any below is set
    reg [6:0]  shift_3q, shift_4q; // the product counts 2^(8 - shift)-fold
    reg [8:0]  kept_5q;            // highest bits of the product's mantissa;
    reg        carry_5q;           // what its rounding adds to them;
    reg        rest_5q;            // whether then any below is set
    reg [3:0]  shift_5q;
    reg        zero_5q, zero_6q, large_5q, large_6q, large_7q;
    reg        rest_6q;
    reg [9:0]  halves_6q;
    reg        neg_3q, neg_4q, neg_5q, neg_6q, neg_7q;
    reg [7:0]  q_7q;

    // Stage 3: the highest set bit goes to the left, 24 bits are kept.
    wire        n16 = mag_i[31:16] == 16'd0;
    wire [31:0] by16 = n16 ? {mag_i[15:0], 16'd0} : mag_i;
    wire        n8 = by16[31:24] == 8'd0;
    wire [31:0] by8 = n8 ? {by16[23:0], 8'd0} : by16;
    wire        n4 = by8[31:28] == 4'd0;
    wire [31:0] by4 = n4 ? {by8[27:0], 4'd0} : by8;
    wire        n2 = by4[31:30] == 2'd0;
    wire [31:0] by2 = n2 ? {by4[29:0], 2'd0} : by4;
    wire        n1 = !by2[31];
    wire [31:0] by1 = n1 ? {by2[30:0], 1'b0} : by2;
    wire [4:0]  zeros = {n16, n8, n4, n2, n1};

    wire        up      = by1[7] && (by1[8] || by1[6:0] != 7'd0);
    wire [24:0] rounded = {1'b0, by1[31:8]} + {24'd0, up};

    // Stage 4: the product.
    wire [47:0] product = {24'd0, mant_3q} * {24'd0, mult_3q};

    always @(posedge clk_i) begin
        mant_3q  <= {rounded[23] | rounded[24], rounded[22:0]};
        mult_3q  <= mult_i[23:0];
        shift_3q <= {1'b0, shift_i} + {2'd0, zeros} - {6'd0, rounded[24]};
        prod_4q  <= {product[47:22], product[21:0] != 22'd0};
        shift_4q <= shift_3q;
        {neg_3q, neg_4q} <= {neg_i, neg_3q};
    end

    // Stage 5: the product rounded to 24 bits. It counts 2^-(16 + places): of 0 places it is 128 to 256, of 8 a half to one,
    // which rounds to zero only at a half, of more it is less than that.
    wire        top    = prod_4q[26];
    wire [23:0] kept   = top ? prod_4q[26:3] : prod_4q[25:2];
    wire        half   = top ? prod_4q[2] : prod_4q[1];
    wire        below  = (top && prod_4q[1]) || prod_4q[0];
    wire        next   = half && (below || kept[0]);
    wire [7:0]  places = {1'b0, shift_4q} - 8'd47 - {7'd0, top};

    always @(posedge clk_i) begin
        kept_5q  <= kept[23:15];
        carry_5q <= next && kept[14:0] == 15'h7fff;
        rest_5q  <= next ? kept[14:0] != 15'h7fff : kept[14:0] != 15'd0;
        shift_5q <= places[3:0];
        large_5q <= places[7];
        zero_5q  <= prod_4q[26:25] == 2'd0 || (!places[7] && places[6:0] > 7'd8);
        neg_5q   <= neg_4q;
    end

    // Stage 6: in units of a half, and whether anything is left below.
    wire [9:0]  sum  = {1'b0, kept_5q} + {9'd0, carry_5q};
    wire [17:0] wide = {sum, 8'd0} >> shift_5q;

    always @(posedge clk_i) begin
        halves_6q <= wide[17:8];
        rest_6q   <= rest_5q || wide[7:0] != 8'd0;
        {zero_6q, large_6q, neg_6q} <= {zero_5q, large_5q, neg_5q};
    end

    // Stage 7: halves become ones.
    wire [8:0] ones = halves_6q[9:1] + {8'd0, halves_6q[0] && (rest_6q || halves_6q[1])};

    always @(posedge clk_i) begin
        neg_7q   <= neg_6q;
        large_7q <= !zero_6q && (large_6q || ones[8]);
        q_7q     <= ones[7:0] & {8{~zero_6q}};
    end

    assign neg_o   = neg_7q;
    assign large_o = large_7q;
    assign q_o     = q_7q;

    wire unused = ^{mult_i, round_i, window_i, MAG_BITS[0], TIE_WINDOW[0]};
endmodule
`default_nettype wire
