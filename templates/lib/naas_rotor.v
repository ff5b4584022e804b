// Deals channels to the positions of an axis, STEP at a time: position of the first channel of the current group, and
// the local address offset that this position has reached. Where STEP exceeds SIZE, each position takes STEP / SIZE
// neighbouring channels as one word, and the position stays at zero.
`default_nettype none

module naas_rotor #(
  parameter STEP = 1,
  parameter SIZE = 1,
  parameter SPLIT = 0,  // 1: the layer says how many positions there are (size_i), not SIZE
  parameter PW   = 7,   // width of a position
  parameter AW   = 16
) (
  input  wire          clk_i,
  input  wire          load_i,     // back to the first channel
  input  wire          step_i,     // next group
  input  wire [PW-1:0] size_i,
  input  wire [AW-1:0] stride_i,   // local address distance of two channels of one position
  output wire [PW-1:0] pos_o,
  output wire [AW-1:0] offset_o
);

  reg  [PW-1:0] pos_q;
  reg  [AW-1:0] offset_q;
  wire [PW-1:0] after;
  wire          wrap;

  generate
    if (SPLIT != 0) begin : g_split
      wire [PW+7:0] size, next, left;
      assign size  = {8'd0, size_i};
      assign next  = {8'd0, pos_q} + STEP[PW+7:0];
      assign left  = next - size;
      assign wrap  = next >= size;
      assign after = (STEP[PW+7:0] > size) ? {PW{1'b0}} : wrap ? left[PW-1:0] : next[PW-1:0];
      wire unused = ^left;
    end else if (STEP > SIZE) begin : g_words
      assign after = {PW{1'b0}};
      assign wrap  = 1'b1;
    end else begin : g_dealt
      wire [PW:0] next;
      assign next  = {1'b0, pos_q} + STEP[PW:0];
      assign wrap  = next >= SIZE[PW:0];
      assign after = wrap ? next[PW-1:0] - SIZE[PW-1:0] : next[PW-1:0];
    end
  endgenerate

  always @(posedge clk_i) begin
    if (load_i) begin
      pos_q    <= {PW{1'b0}};
      offset_q <= {AW{1'b0}};
    end else if (step_i) begin
      pos_q    <= after;
      offset_q <= wrap ? offset_q + stride_i : offset_q;
    end
  end

  wire unused_size = ^size_i;

  assign pos_o    = pos_q;
  assign offset_o = offset_q;

endmodule
`default_nettype wire
