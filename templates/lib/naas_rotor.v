// Deals channels to the positions of an axis, STEP at a time: position of the first channel of the current group, and
// the local address offset that this position has reached. Where STEP exceeds SIZE, each position takes STEP / SIZE
// neighbouring channels as one word, and the position stays at zero.
`default_nettype none

module naas_rotor #(
  parameter STEP = 1,
  parameter SIZE = 1,
  parameter PW   = 7,   // width of a position
  parameter AW   = 16
) (
  input  wire          clk_i,
  input  wire          load_i,     // back to the first channel
  input  wire          step_i,     // next group
  input  wire [AW-1:0] stride_i,   // local address distance of two channels of one position
  output wire [PW-1:0] pos_o,
  output wire [AW-1:0] offset_o
);

  localparam [PW-1:0] Step = (STEP > SIZE) ? 0 : STEP;
  localparam [PW-1:0] Size = (STEP > SIZE) ? 0 : SIZE;

  reg  [PW-1:0] pos_q;
  reg  [AW-1:0] offset_q;
  wire [PW-1:0] next;
  wire          wrap;

  assign next = pos_q + Step;
  assign wrap = next >= Size;

  always @(posedge clk_i) begin
    if (load_i) begin
      pos_q    <= {PW{1'b0}};
      offset_q <= {AW{1'b0}};
    end else if (step_i) begin
      pos_q    <= wrap ? next - Size : next;
      offset_q <= wrap ? offset_q + stride_i : offset_q;
    end
  end

  assign pos_o    = pos_q;
  assign offset_o = offset_q;

endmodule

`default_nettype wire
