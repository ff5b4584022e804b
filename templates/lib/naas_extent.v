// The extent of the current tile along one dimension: full, last of a full level-2 tile, or last of the edge tile.
`default_nettype none

module naas_extent #(
  parameter W    = 16,
  parameter BITS = W    // of which these can be set
) (
  input  wire           last_i,      // the array tile is the last of its level-2 tile
  input  wire           edge_i,      // the level-2 tile is the last one
  input  wire [3*W-1:0] by_class_i,
  output wire [W-1:0]   extent_o
);

  localparam [W-1:0] Mask = {W{1'b1}} >> (W - BITS);

  assign extent_o = Mask & (!last_i ? by_class_i[0 +: W] : edge_i ? by_class_i[2*W +: W] : by_class_i[W +: W]);

endmodule
`default_nettype wire
