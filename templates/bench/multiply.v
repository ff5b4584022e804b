// How `make synth` maps multipliers: recoded to digits of -2 to 2 (radix-4 Booth), half as many rows as there are bits. Yosys
// alone makes a row of AND gates per bit. The RTL says `a * b`, so that tools that know better, and FPGAs, do as they like.
(* techmap_celltype = "$mul" *)
module naas_multiply (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH  = 1;
  parameter B_WIDTH  = 1;
  parameter Y_WIDTH  = 1;
  input  [A_WIDTH-1:0] A;
  input  [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;

  localparam ROWS = (B_WIDTH + (B_SIGNED ? 1 : 2)) / 2;
  localparam W    = A_WIDTH + (A_SIGNED ? 1 : 2);   // bits of a row
  wire _TECHMAP_FAIL_ = A_WIDTH < 6 || B_WIDTH < 6 || A_SIGNED != B_SIGNED;

  wire [W-1:0]    a = {{(W-A_WIDTH){A_SIGNED ? A[A_WIDTH-1] : 1'b0}}, A};
  wire [2*ROWS:0] b = {{(2*ROWS-B_WIDTH){B_SIGNED ? B[B_WIDTH-1] : 1'b0}}, B, 1'b0};
  wire [ROWS:0]   negative;
  wire [(ROWS+1)*Y_WIDTH-1:0] sums;
  assign negative[0] = 1'b0;

  // A row's sign bit counts negative: inverted and one less. These ones of all rows are a constant.
  function [Y_WIDTH-1:0] signs;
    input unused;
    integer n;
    begin
      signs = 0;
      for (n = 0; n < ROWS; n = n + 1) signs = signs - ({{(Y_WIDTH-1){1'b0}}, 1'b1} << (W - 1 + 2*n));
    end
  endfunction
  localparam [Y_WIDTH-1:0] SIGNS = signs(1'b0);
  // Minus is "inverted, and one more"; the one stands beside the next row's lowest bit, the last one here.
  assign sums[0 +: Y_WIDTH] = SIGNS + ({{(Y_WIDTH-1){1'b0}}, negative[ROWS] & (B_SIGNED != 0)} << (2*ROWS - 2));

  genvar i;
  generate
    for (i = 0; i < ROWS; i = i + 1) begin : g_row
      wire one = b[2*i] ^ b[2*i+1];
      wire two = (b[2*i+2] ^ b[2*i+1]) & ~one;
      wire [W-1:0] row = (({W{one}} & a) | ({W{two}} & {a[W-2:0], 1'b0})) ^ {W{b[2*i+2]}};
      wire [Y_WIDTH+W+1:0] line = {{Y_WIDTH{1'b0}}, ~row[W-1], row[W-2:0], 1'b0, negative[i]} << (2*i);
      assign negative[i+1] = b[2*i+2];
      assign sums[(i+1)*Y_WIDTH +: Y_WIDTH] = sums[i*Y_WIDTH +: Y_WIDTH] + line[2 +: Y_WIDTH];
    end
  endgenerate
  assign Y = sums[ROWS*Y_WIDTH +: Y_WIDTH];
endmodule
