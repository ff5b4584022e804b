// Edge of the array at one Y and R (or X and S) coordinate: which rows (columns) of the streamed window fall into this
// position's own window, and the address offset of each. One register.
//
// Where the window begins depends on both coordinates, and on the layer's stride, dilation and tile: windows of neighbours
// overlap (halo), and those on a diagonal of Y and R may be the same. One position's window is the streamed one.
`default_nettype none

module naas_i_window #(
  parameter ALONE = 0, // 1: there is one position
  parameter ONE = 0,   // 1: pitch_i is 1
  parameter BW = 16,   // bits of a row
  parameter LW = 10
) (
  input  wire          clk_i,
  input  wire          load_i,     // a layer begins
  input  wire [BW-1:0] index_i,    // row (column) within the job's window
  input  wire          busy_i,     // this coordinate takes part in the layer
  input  wire [BW-1:0] out_base_i, // first row of the windows of this Y position
  input  wire [BW-1:0] tap_base_i, // and by how many rows this R position's begins later
  input  wire [BW-1:0] reach_i,    // last row of one position's window
  input  wire          next_i,     // this beat is the last of its row
  input  wire          done_i,     // this beat's row is the last of the window
  input  wire [LW-1:0] pitch_i,    // address distance of two rows
  output wire          hit_o,
  output wire [LW-1:0] offset_o
);

  wire          begun;
  wire [BW:0]   rel;      // row within this position's window
  reg  [LW-1:0] offset_q;

  generate
    if (ALONE != 0) begin : g_alone
      assign begun = 1'b1;
      assign rel   = {1'b0, index_i};
      assign hit_o = 1'b1;
      wire unused = ^{busy_i, out_base_i, tap_base_i, reach_i};
    end else begin : g_compared
      wire [BW-1:0] base;
      reg           hit_q;
      assign base  = out_base_i + tap_base_i;
      assign rel   = {1'b0, index_i} - {1'b0, base};
      assign begun = ~rel[BW];
      assign hit_o = hit_q;
      always @(posedge clk_i) hit_q <= busy_i & begun & (rel[BW-1:0] <= reach_i);
    end
  endgenerate

  // Address of the current row: zero at the first row of the window, one pitch more per row.
  generate
    if (ONE != 0) begin : g_one
      wire [LW+BW:0] wide = {{LW{1'b0}}, rel};
      always @(posedge clk_i) offset_q <= wide[LW-1:0];
      wire unused_steps = ^{load_i, next_i, done_i, pitch_i, begun, wide};
    end else begin : g_pitch
      reg [LW-1:0] running_q;
      always @(posedge clk_i) begin
        if (load_i) running_q <= {LW{1'b0}};
        else if (next_i) running_q <= (done_i | ~begun) ? {LW{1'b0}} : running_q + pitch_i;
        offset_q <= running_q;
      end
      wire unused_rel = ^rel;
    end
  endgenerate

  assign offset_o = offset_q;

endmodule
`default_nettype wire
