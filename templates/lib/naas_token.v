// A token counter between two engines. A token given in one cycle can be taken from the next cycle on.
`default_nettype none

module naas_token #(
  parameter [1:0] INITIAL = 2'd0
) (
  input  wire clk_i, rst_ni,
  input  wire load_i,   // back to the initial count
  input  wire give_i, take_i,
  output wire some_o    // at least one token can be taken
);

  reg [1:0] count_q;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) count_q <= INITIAL;
    else if (load_i) count_q <= INITIAL;
    else count_q <= count_q + {1'b0, give_i} - {1'b0, take_i};
  end

  assign some_o = count_q != 2'd0;

`ifndef SYNTHESIS
  always @(posedge clk_i) if (~load_i & (some_o ? count_q[1] & give_i & ~take_i : take_i))
    begin $display("%m: a token is taken where there is none, or a third one given"); $stop; end
`endif

endmodule
`default_nettype wire
