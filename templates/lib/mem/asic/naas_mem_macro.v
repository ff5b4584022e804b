// Black box of a compiled memory with one write and one read port: 1 cycle from address to data, read before write.
//
// Synthesis treats the instance as opaque. Replace this file by one that instantiates the technology's macros: DEPTH words
// of WIDTH bits, one write enable per LANE bits. A macro that leaves reads of the address being written undefined is
// usable: the accelerator's schedule never reads a word in the cycle that writes it, except where this contract is used to
// keep the old content, and there a bypass register on rdata_o belongs into the replacement.
`default_nettype none

// The ports of a black box have no driver and no load by design.
/* verilator lint_off UNDRIVEN */
/* verilator lint_off UNUSED */
(* blackbox *)
module naas_mem_macro #(
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
endmodule
/* verilator lint_on UNUSED */
/* verilator lint_on UNDRIVEN */

`default_nettype wire
