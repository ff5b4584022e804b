// Rounds an unsigned value to 24 significant bits, to nearest, ties to even: mantissa_o * 2^exponent_o. Combinational.
// Values below 2^24 pass unchanged with exponent 0; above, bit 23 of the mantissa is set. exponent_o is at most 9.
`default_nettype none

module naas_round24 (
    input  wire [31:0] value_i,
    output wire [23:0] mantissa_o,
    output wire [3:0]  exponent_o
);
    // Number of bits dropped; the 24 bits kept; the dropped bit that weighs one half; whether any below it is set.
    reg [3:0]  drop;
    reg [23:0] kept;
    reg        half;
    reg        rest;

    always @* begin
        casez (value_i[31:24])
            8'b1???????: {drop, kept, half, rest} = {4'd8, value_i[31:8], value_i[7], value_i[6:0] != 7'd0};
            8'b01??????: {drop, kept, half, rest} = {4'd7, value_i[30:7], value_i[6], value_i[5:0] != 6'd0};
            8'b001?????: {drop, kept, half, rest} = {4'd6, value_i[29:6], value_i[5], value_i[4:0] != 5'd0};
            8'b0001????: {drop, kept, half, rest} = {4'd5, value_i[28:5], value_i[4], value_i[3:0] != 4'd0};
            8'b00001???: {drop, kept, half, rest} = {4'd4, value_i[27:4], value_i[3], value_i[2:0] != 3'd0};
            8'b000001??: {drop, kept, half, rest} = {4'd3, value_i[26:3], value_i[2], value_i[1:0] != 2'd0};
            8'b0000001?: {drop, kept, half, rest} = {4'd2, value_i[25:2], value_i[1], value_i[0]};
            8'b00000001: {drop, kept, half, rest} = {4'd1, value_i[24:1], value_i[0], 1'b0};
            default:     {drop, kept, half, rest} = {4'd0, value_i[23:0], 1'b0, 1'b0};
        endcase
    end

    wire        up      = half && (rest || kept[0]);
    wire [24:0] rounded = {1'b0, kept} + {24'd0, up};
    wire        carry   = rounded[24];

    assign mantissa_o = {rounded[23] | carry, rounded[22:0]};
    assign exponent_o = drop + {3'd0, carry};
endmodule
`default_nettype wire
