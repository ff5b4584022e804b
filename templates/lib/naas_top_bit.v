// Keeps only the highest set bit of a value; 0 stays 0. Combinational.
`default_nettype none

module naas_top_bit #(
    parameter WIDTH = 24
) (
    input  wire [WIDTH-1:0] value_i,
    output wire [WIDTH-1:0] top_o
);
    // Every bit at or below the highest set one.
    reg [WIDTH-1:0] smear;
    integer         step;

    always @* begin
        smear = value_i;
        for (step = 1; step < WIDTH; step = step * 2) begin
            smear = smear | (smear >> step);
        end
    end

    assign top_o = smear & ~(smear >> 1);
endmodule

`default_nettype wire
