// One write port, one read port, both synchronous to clk_i; latency from address to data: 1 cycle.
//
// Variant for ASICs: a thin shell around naas_mem_macro, the black box that stands for a compiled memory. To bind a
// technology, replace naas_mem_macro.v by a module of that name that picks a macro by its parameters (`make synth
// LIBERTY=FILE` lists the shapes that a design needs). The contract:
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
    naas_mem_macro #(
        .WIDTH(WIDTH),
        .LANE (LANE),
        .DEPTH(DEPTH),
        .AW   (AW)
    ) u_macro (
        .clk_i  (clk_i),
        .we_i   (we_i),
        .waddr_i(waddr_i),
        .wdata_i(wdata_i),
        .re_i   (re_i),
        .raddr_i(raddr_i),
        .rdata_o(rdata_o)
    );
endmodule
`default_nettype wire
