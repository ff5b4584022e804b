// Deals rows (or columns) to the positions of an axis in blocks: position of the current row and the local address
// offset that it has there.
`default_nettype none

module naas_blocks #(
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

  reg [15:0]   row_q;
  reg [PW-1:0] pos_q;
  reg [AW-1:0] offset_q;

  always @(posedge clk_i) begin
    if (load_i) begin
      row_q    <= 16'd0;
      pos_q    <= {PW{1'b0}};
      offset_q <= {AW{1'b0}};
    end else if (step_i) begin
      if (row_q == share_last_i) begin
        row_q    <= 16'd0;
        pos_q    <= pos_q + 1'b1;
        offset_q <= {AW{1'b0}};
      end else begin
        row_q    <= row_q + 16'd1;
        offset_q <= offset_q + stride_i;
      end
    end
  end

  assign pos_o    = pos_q;
  assign offset_o = offset_q;

endmodule
`default_nettype wire
