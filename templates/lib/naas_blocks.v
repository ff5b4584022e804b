// Deals rows (or columns) to the positions of an axis in blocks: position of the current row and the local address
// offset that it has there.
`default_nettype none

module naas_blocks #(
  parameter ALONE = 0,  // 1: there is one position
  parameter BITS  = 16, // of a number of rows minus one
  parameter PW = 7,
  parameter AW = 16
) (
  input  wire          clk_i,
  input  wire          load_i,      // back to the first row
  input  wire          step_i,      // next row
  input  wire [15:0]   share_last_i,// rows of one position minus one
  input  wire [AW-1:0] stride_i,    // local address distance of two rows
  output wire [PW-1:0] pos_o,
  output wire [AW-1:0] offset_o
);

  wire         full;    // this is the position's last row
  reg [AW-1:0] offset_q;

  always @(posedge clk_i) begin
    if (load_i) offset_q <= {AW{1'b0}};
    else if (step_i) offset_q <= full ? {AW{1'b0}} : offset_q + stride_i;
  end
  assign offset_o = offset_q;

  generate
    if (ALONE != 0) begin : g_alone
      assign full  = 1'b0;
      assign pos_o = {PW{1'b0}};
    end else begin : g_dealt
      reg [BITS-1:0] row_q;
      reg [PW-1:0]   pos_q;
      assign full = row_q == share_last_i[BITS-1:0];
      always @(posedge clk_i) begin
        if (load_i) {row_q, pos_q} <= {(BITS+PW){1'b0}};
        else if (step_i) begin
          row_q <= full ? {BITS{1'b0}} : row_q + 1'b1;
          if (full) pos_q <= pos_q + 1'b1;
        end
      end
      assign pos_o = pos_q;
    end
  endgenerate

  wire unused = ^share_last_i;

endmodule
`default_nettype wire
