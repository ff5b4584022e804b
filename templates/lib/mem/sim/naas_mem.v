// One write port, one read port, both synchronous to clk_i; latency from address to data: 1 cycle.
//
// Variant for simulation. The contract, which every variant of this module keeps:
//  - we_i[n] writes lane n, LANE bits of wdata_i, at waddr_i; other lanes keep their content.
//  - re_i reads raddr_i; rdata_o changes in the next cycle and is held while re_i is low.
//  - Reading an address in the cycle that writes it returns the old content.
//  - Content and rdata_o are undefined until written and read. There is no reset.
//  - Nothing is written at or above DEPTH. What is read there does not matter (lanes of the drain after the last channel).
//  - AW = clog2(DEPTH), at least 1. LANE divides WIDTH.
// Here the content starts as a fixed pseudo-random pattern: a missing write or mask shows up as a wrong value instead of
// hiding behind zeros, and no unknown value spreads.
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
    reg  [WIDTH-1:0] mem_q [0:DEPTH-1];
    reg  [WIDTH-1:0] rdata_q;
    wire [WIDTH-1:0] mask;

    // A word is written whole, merged with its old content: simulators are several times faster at that than at one
    // partial write per lane.
    genvar lane;
    generate
        for (lane = 0; lane < WIDTH / LANE; lane = lane + 1) begin : g_lane
            assign mask[lane*LANE +: LANE] = {LANE{we_i[lane]}};
        end
    endgenerate

    always @(posedge clk_i) begin
        if (|we_i) mem_q[waddr_i] <= (mem_q[waddr_i] & ~mask) | (wdata_i & mask);
    end

    always @(posedge clk_i) begin
        if (re_i) rdata_q <= mem_q[raddr_i];
    end

    assign rdata_o = rdata_q;

`ifndef SYNTHESIS
    // Pseudo-random content, one number per word, repeated over its width: cheap to compile, as large arrays have many
    // memories. Feeding the parity back lets every bit of the pattern take part. The bound is a variable so that Verilator
    // leaves the loop a loop: unrolled, the initial content would be a third of the model's source.
    localparam COPIES = (WIDTH + 31) / 32;

    // Nothing is written beyond the end; but a write may come with the first clock, before a reset has reached it.
    generate
        if (DEPTH < (1 << AW)) begin : g_bounds
            reg awake;
            initial awake = 1'b0;
            always @(posedge clk_i) begin
                awake <= 1'b1;
                if (awake & (|we_i) & waddr_i >= DEPTH[AW-1:0]) begin $display("%m: %0d is written, beyond the end", waddr_i); $stop; end
            end
        end
    endgenerate

    reg [COPIES*32-1:0] pattern;
    reg [31:0]          noise;
    integer             word, words;

    initial begin
        noise   = 32'h2545F491;
        pattern = {COPIES{noise}};
        words   = DEPTH;
        for (word = 0; word < words; word = word + 1) begin
            noise       = (noise + {31'd0, ^pattern}) * 32'd1664525 + 32'd1013904223;
            pattern     = {COPIES{noise[15:0], noise[31:16]}};
            mem_q[word] = pattern[WIDTH-1:0];
        end
        rdata_q = ~pattern[WIDTH-1:0];
    end
`endif
endmodule
`default_nettype wire
