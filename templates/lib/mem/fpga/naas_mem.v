// One write port, one read port, both synchronous to clk_i; latency from address to data: 1 cycle.
//
// Variant for FPGAs: the form in which vendor tools and Yosys infer block RAM with write enables per lane (LANE = 8 or 9
// maps to the byte enables of most devices; other widths become one RAM per lane). The contract:
//  - we_i[n] writes lane n, LANE bits of wdata_i, at waddr_i; other lanes keep their content.
//  - re_i reads raddr_i; rdata_o changes in the next cycle and is held while re_i is low.
//  - Reading an address in the cycle that writes it returns the old content.
//  - Content and rdata_o are undefined until written and read. There is no reset.
//  - Nothing is written at or above DEPTH. What is read there does not matter (lanes of the drain after the last channel).
//  - AW = clog2(DEPTH), at least 1. LANE divides WIDTH.
`default_nettype none

module naas_mem #(
    parameter WIDTH = 32,
    parameter LANE  = 8,
    parameter DEPTH = 64,
    parameter AW    = 6
) (
    input  wire                  clk_i,
    input  wire [WIDTH/LANE-1:0] we_i,
    input  wire [AW-1:0]         waddr_i,
    input  wire [WIDTH-1:0]      wdata_i,
    input  wire                  re_i,
    input  wire [AW-1:0]         raddr_i,
    output wire [WIDTH-1:0]      rdata_o
);
    reg [WIDTH-1:0] mem_q [0:DEPTH-1];
    reg [WIDTH-1:0] rdata_q;

    genvar lane;
    generate
        for (lane = 0; lane < WIDTH / LANE; lane = lane + 1) begin : g_lane
            always @(posedge clk_i) begin
                if (we_i[lane]) mem_q[waddr_i][lane*LANE +: LANE] <= wdata_i[lane*LANE +: LANE];
            end
        end
    endgenerate

    always @(posedge clk_i) begin
        if (re_i) rdata_q <= mem_q[raddr_i];
    end

    assign rdata_o = rdata_q;
endmodule
`default_nettype wire
