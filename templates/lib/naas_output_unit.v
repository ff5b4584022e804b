// One lane of the output unit: a sum becomes an 8-bit output. Latency 8 cycles, one output per cycle.
//
//   acc = sum + bias                                   32 bits, wraps
//   q   = acc * mult / 2^shift, rounded                naas_scale, of which there are two
//   out = clamp(q + zero_point, lo, hi)
//
// round_i: 0 halves up, 1 halves away from zero, 2 rounded twice (gemmlowp; needs shift >= 32), 3 halves to even; 3 with
// window_i: as float32 arithmetic does, round(float(acc) * scale) with scale = mult * 2^-shift, for which mult has 24 bits.
// TIE_WINDOW: 0: window_i is always 0, 1: either, 2: always 1.
//
// All arithmetic runs on magnitudes; the sign returns at the end. Sum and bias belong to cycle t, multiplier, shift and
// rounding to t + 2, out_o to t + 8. zero_point_i, lo_i and hi_i are constants of a layer: they are used in the last stage and
// must not change while outputs are in flight. Data only: no reset, no valid. 1 <= shift_i <= 62. MULT_BITS is 24 to 31. MAG_BITS, 24 to 32, hold |acc| wherever
// window_i is 0.
`default_nettype none

module naas_output_unit #(
    parameter SUM_BITS   = 32,
    parameter MAG_BITS   = 32,
    parameter MULT_BITS  = 31,
    parameter TIE_WINDOW = 1
) (
    input  wire                 clk_i,
    input  wire [SUM_BITS-1:0]  sum_i,
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
    // What a stage hands on, by the stage that keeps it.
    reg [31:0]          acc_1q, mag_2q;
    reg                 neg_2q;
    reg [7:0]           out_8q;
    wire                neg_7q, large_7q;
    wire [7:0]          q_7q;

    // Stage 1: the accumulator. Stage 2: sign and magnitude.
    wire [31:0] sum = {{(33 - SUM_BITS){sum_i[SUM_BITS-1]}}, sum_i[SUM_BITS-2:0]};

    always @(posedge clk_i) begin
        acc_1q <= sum + bias_i;
        neg_2q <= acc_1q[31];
        mag_2q <= (acc_1q ^ {32{acc_1q[31]}}) + {31'd0, acc_1q[31]};
    end

    // Stages 3 to 7: the scaled magnitude.
    naas_scale #(.MAG_BITS(MAG_BITS), .MULT_BITS(MULT_BITS), .TIE_WINDOW(TIE_WINDOW)) u_scale (
        .clk_i(clk_i), .mag_i(mag_2q), .neg_i(neg_2q), .mult_i(mult_i), .shift_i(shift_i), .round_i(round_i),
        .window_i(window_i), .neg_o(neg_7q), .large_o(large_7q), .q_o(q_7q)
    );

    // Stage 8: sign, zero point, clamp. A magnitude of 256 is beyond the clamp on either side, whatever the zero point.
    wire        [8:0]  magnitude = large_7q ? 9'd256 : {1'b0, q_7q};
    wire signed [10:0] value     = {2'b00, magnitude};
    wire signed [10:0] zero      = {{3{zero_point_i[7]}}, zero_point_i};
    wire signed [10:0] lo        = {{3{lo_i[7]}}, lo_i};
    wire signed [10:0] hi        = {{3{hi_i[7]}}, hi_i};
    wire signed [10:0] biased    = neg_7q ? zero - value : zero + value;

    always @(posedge clk_i) begin
        if (biased < lo)      out_8q <= lo_i;
        else if (biased > hi) out_8q <= hi_i;
        else                  out_8q <= biased[7:0];
    end

    assign out_o = out_8q;

endmodule
`default_nettype wire
