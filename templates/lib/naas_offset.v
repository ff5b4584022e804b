// An address offset kept as one term per loop: a loop's term grows by its stride when the loop advances and returns to
// zero with it. No multiplier, and right with tiles of any size.
`default_nettype none

module naas_offset #(
  parameter N  = 4,   // loops
  parameter AW = 16,  // address width
  parameter SW = AW   // width of a stride, of which AW bits count
) (
  input  wire            clk_i,
  input  wire            load_i,
  input  wire            step_i,
  input  wire [N-1:0]    inc_i,
  input  wire [N-1:0]    clr_i,
  input  wire [N*SW-1:0] stride_i,
  output wire [AW-1:0]   offset_o
);

  wire [N*AW-1:0] terms;
  reg  [AW-1:0]   sum;
  integer         i;

  genvar l;
  generate
    for (l = 0; l < N; l = l + 1) begin : g_term
      reg [AW-1:0] term_q;
      always @(posedge clk_i) begin
        if (load_i || (step_i && clr_i[l])) term_q <= {AW{1'b0}};
        else if (step_i && inc_i[l]) term_q <= term_q + stride_i[l*SW +: AW];
      end
      assign terms[l*AW +: AW] = term_q;
    end
  endgenerate

  always @* begin
    sum = {AW{1'b0}};
    for (i = 0; i < N; i = i + 1) sum = sum + terms[i*AW +: AW];
  end

  assign offset_o = sum;

  wire unused;
  assign unused = ^stride_i;

endmodule

`default_nettype wire
