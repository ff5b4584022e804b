// An address offset over loops whose nesting is data. No multiplier, one adder, and right with tiles of any size.
//
// Per loop it keeps the offset at which the loop's current turn began: the one with all loops inside at zero. A step goes on
// from the turn of the innermost loop that it does not return to zero, by that loop's stride if it advances.
`default_nettype none

module naas_offset #(
  parameter N  = 4,   // loops of the nest
  parameter M  = N,   // loops that count here
  parameter [M*4-1:0] LOOPS = 0,  // their numbers, lowest first
  parameter [N*8-1:0] BITS = {N{8'd1}},  // bits of the loops' counters; one of none never steps, and takes no register here
  parameter FIXED = 0, // 1: the last of them lies always inside the others; the offset itself is where its turn began
  parameter AW = 16,  // address width
  parameter SW = AW   // width of a stride, of which AW bits count
) (
  input  wire            clk_i, load_i, step_i,
  input  wire [N-1:0]    inc_i, clr_i,
  input  wire [N*N-1:0]  inner_i,   // bit l*N+m: loop m lies inside loop l
  input  wire [M*SW-1:0] stride_i,
  input  wire [AW-1:0]   base_i,    // offset of the first position; other than zero only if the outermost loop counts
  output wire [AW-1:0]   offset_o
);

  // How many of the loops step.
  function integer stepping;
    input unused_i;
    integer n;
    begin
      stepping = 0;
      for (n = 0; n < M; n = n + 1) if (BITS[LOOPS[n*4 +: 4]*8 +: 8] != 8'd0) stepping = stepping + 1;
    end
  endfunction
  localparam STEPPING = stepping(1'b0);

  wire [M*AW-1:0] turns, steps;
  wire [M-1:0]    lasts;
  reg  [AW-1:0]   from, by, offset_q;
  wire [AW-1:0]   next;
  integer         i;

  genvar l, m;
  generate
    for (l = 0; l < M; l = l + 1) begin : g_loop
      localparam LOOP = LOOPS[l*4 +: 4] + 0;
      if (BITS[LOOP*8 +: 8] != 8'd0) begin : g_turn
        wire [AW-1:0] turn;
        wire [M-1:0]  rests;   // loops inside this one that the step does not return to zero
        for (m = 0; m < M; m = m + 1) begin : g_inside
          localparam INSIDE = LOOPS[m*4 +: 4] + 0;
          assign rests[m] = BITS[INSIDE*8 +: 8] != 8'd0 && inner_i[LOOP*N + INSIDE] && !clr_i[INSIDE];
        end
        assign lasts[l] = ~clr_i[LOOP] & ~(|rests);   // this is the innermost of those
        assign turns[l*AW +: AW] = turn & {AW{lasts[l]}};
        assign steps[l*AW +: AW] = stride_i[l*SW +: AW] & {AW{inc_i[LOOP]}};
        if (M == 1 || (FIXED != 0 && l == M - 1)) begin : g_same
          assign turn = offset_q;
        end else begin : g_own
          reg [AW-1:0] turn_q;
          always @(posedge clk_i) begin
            if (load_i) turn_q <= base_i;
            else if (step_i && (clr_i[LOOP] || inc_i[LOOP])) turn_q <= next;
          end
          assign turn = turn_q;
        end
      end else begin : g_never
        assign lasts[l] = 1'b0;
        assign turns[l*AW +: AW] = {AW{1'b0}};
        assign steps[l*AW +: AW] = {AW{1'b0}};
      end
    end
  endgenerate

  // If a step returns all loops that count to zero, they begin again at the base. The outermost one is not among them unless
  // it was left out.
  always @* begin
    from = (STEPPING < M && lasts == {M{1'b0}}) ? base_i : {AW{1'b0}};
    by   = {AW{1'b0}};
    for (i = 0; i < M; i = i + 1) begin
      from = from | turns[i*AW +: AW];
      by   = by | steps[i*AW +: AW];
    end
  end

  assign next = from + by;

`ifndef SYNTHESIS
  always @(posedge clk_i) if (step_i && !load_i && (lasts & (lasts - 1'b1)) != {M{1'b0}})
    begin $display("%m: a step goes on from two turns: the order of the loops is none"); $stop; end
`endif

  // With one loop the offset changes where that does.
  localparam LOWEST = LOOPS[3:0] + 0;
  always @(posedge clk_i) begin
    if (load_i) offset_q <= base_i;
    else if (step_i && (M > 1 || clr_i[LOWEST] || inc_i[LOWEST])) offset_q <= next;
  end

  assign offset_o = (STEPPING == 0) ? base_i : offset_q;

  wire unused = ^{stride_i, inc_i, clr_i, inner_i};

endmodule
`default_nettype wire
