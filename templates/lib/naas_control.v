// The sequencer: for each layer of the control table it fetches the descriptor, starts the engines, waits until every
// output is acknowledged, and has a record of the counters written. One pulse of start_i runs the whole table. A layer that
// was compiled for another design, or needs what it does not have, ends the run before it starts.
`default_nettype none

module naas_control #(
  parameter DESC_BYTES = 512,
  parameter LAYER_BITS = 16,               // of a number of layers
  parameter [12*8-1:0] COUNT_BITS = {12{8'd40}},   // of each counter, lowest first
  parameter PSUMW = 32,
  parameter MAG_BITS = 32,
  parameter MULT_BITS = 31,
  parameter TIE_WINDOW = 1,
  parameter DIGITS = 1,
  parameter MAXIMUM = 1
) (
  input  wire          clk_i, rst_ni,
  input  wire          start_i,
  input  wire [31:0]   table_i,
  input  wire [LAYER_BITS-1:0] layers_i,
  input  wire [31:0]   records_i,
  output wire          busy_o,
  output wire          done_o,          // pulse
  output wire          hash_mismatch_o, cycle_mismatch_o,
  output wire [31:0]   layer_o,
  output wire [39:0]   cycles_o,
  output wire [12*40-1:0] counters_o,
  // descriptor
  output wire          desc_req_o,
  output wire [31:0]   desc_addr_o,
  input  wire          desc_done_i,
  input  wire          foreign_i,       // it is of another design, or does not fit
  input  wire [63:0]   predicted_i,
  // What the layer needs: bit 0 a multiplier of more than 24 bits, bit 1 the tie window, bit 2 two digits, bit 3 maxima.
  input  wire [3:0]    needs_i,
  input  wire [5:0]    magnitude_i,     // bits of what output units multiply
  input  wire [5:0]    psum_i,          // bits of its psums
  input  wire          exact_i,         // not all outputs are rounded as float32 does
  // engines
  output wire          load_o, active_o,
  input  wire          written_i,       // every output of the layer is acknowledged
  // record
  output wire          record_req_o,
  output wire [31:0]   record_addr_o,
  output wire [1023:0] record_o,
  input  wire          record_done_i,
  // increments of the counters
  input  wire [12*32-1:0] count_i
);

  localparam [2:0] Idle = 3'd0, Fetch = 3'd1, Check = 3'd2, Load = 3'd3, Run = 3'd4, Record = 3'd5, Finish = 3'd6;

  reg [2:0]  state_q;
  reg [31:0] desc_addr_q, record_addr_q;
  reg [LAYER_BITS-1:0] layer_q;
  wire       no_layer;
  reg [39:0] cycles_q, lap_q;
  reg        done_q, hash_bad_q, cycle_bad_q, request_q, record_q, settled_q;
  wire       last_layer, finished, foreign;

  assign finished   = (state_q == Run) & settled_q & written_i;
  assign foreign    = foreign_i || (needs_i[0] && MULT_BITS <= 24) || (needs_i[1] && TIE_WINDOW == 0)
                    || {26'd0, magnitude_i} > MAG_BITS || {26'd0, psum_i} > PSUMW || (exact_i && TIE_WINDOW == 2)
                    || (needs_i[2] && DIGITS == 0) || (needs_i[3] && MAXIMUM == 0);
  assign last_layer = layer_q + 1'b1 == layers_i;
  assign no_layer   = layers_i == {LAYER_BITS{1'b0}};

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q     <= Idle;
      done_q      <= 1'b0;
      hash_bad_q  <= 1'b0;
      cycle_bad_q <= 1'b0;
      request_q   <= 1'b0;
      record_q    <= 1'b0;
      settled_q   <= 1'b0;
    end else begin
      done_q    <= 1'b0;
      request_q <= 1'b0;
      record_q  <= 1'b0;
      settled_q <= state_q == Run;
      case (state_q)
        Idle: if (start_i) begin
          state_q     <= no_layer ? Finish : Fetch;
          request_q   <= ~no_layer;
          hash_bad_q  <= 1'b0;
          cycle_bad_q <= 1'b0;
        end
        Fetch: if (desc_done_i) state_q <= Check;
        Check: begin
          hash_bad_q <= foreign;
          state_q    <= foreign ? Finish : Load;
        end
        Load: state_q <= Run;
        // settled_q: the engines have seen the load.
        Run: if (finished) begin
          state_q     <= Record;
          record_q    <= 1'b1;
          cycle_bad_q <= cycle_bad_q | {24'd0, lap_q} != predicted_i;
        end
        Record: if (record_done_i) begin
          state_q   <= last_layer ? Finish : Fetch;
          request_q <= ~last_layer;
        end
        // The last record may still be under way.
        Finish: if (written_i | hash_bad_q | no_layer) begin
          state_q <= Idle;
          done_q  <= 1'b1;
        end
        default: state_q <= Idle;
      endcase
    end
  end

  always @(posedge clk_i) begin
    if (state_q == Idle) begin
      if (start_i) begin
        layer_q       <= {LAYER_BITS{1'b0}};
        desc_addr_q   <= table_i;
        record_addr_q <= records_i;
        cycles_q      <= 40'd0;
        lap_q         <= 40'd0;
      end
    end else begin
      cycles_q <= cycles_q + 40'd1;
      // A lap ends with the layer's last cycle; what follows belongs to the next layer.
      lap_q    <= finished ? 40'd1 : lap_q + 40'd1;
      if (state_q == Record && record_done_i) begin
        layer_q       <= layer_q + 1'b1;
        desc_addr_q   <= desc_addr_q + DESC_BYTES;
        record_addr_q <= record_addr_q + 32'd128;
      end
    end
  end

  // ---- counters, and the bits that an increment of each can have
  localparam [12*8-1:0] STEP_BITS = {8'd1, 8'd1, 8'd8, 8'd8, 8'd1, 8'd32, 8'd8, 8'd1, 8'd8, 8'd1, 8'd1, 8'd32};
  wire [12*64-1:0] wide;
  genvar n;
  generate
    for (n = 0; n < 12; n = n + 1) begin : g_counter
      localparam W = COUNT_BITS[n*8 +: 8];
      localparam S = STEP_BITS[n*8 +: 8];
      wire [39:0]  step;
      reg  [W-1:0] count_q;
      assign step = {{(40-S){1'b0}}, count_i[n*32 +: S]};
      always @(posedge clk_i) begin
        if (state_q == Idle && start_i) count_q <= {W{1'b0}};
        else count_q <= count_q + step[W-1:0];
      end
      assign wide[n*64 +: 64]       = {{(64-W){1'b0}}, count_q};
      assign counters_o[n*40 +: 40] = wide[n*64 +: 40];
      wire unused_step = ^step;
    end
  endgenerate

  assign busy_o           = state_q != Idle;
  assign done_o           = done_q;
  assign hash_mismatch_o  = hash_bad_q;
  assign cycle_mismatch_o = cycle_bad_q;
  assign layer_o          = {{(32-LAYER_BITS){1'b0}}, layer_q};
  assign cycles_o         = cycles_q;
  assign desc_req_o       = request_q;
  assign desc_addr_o      = desc_addr_q;
  assign load_o           = state_q == Load;
  assign active_o         = state_q == Run;
  assign record_req_o     = record_q;
  assign record_addr_o    = record_addr_q;
  assign record_o         = {64'd0, 63'd0, cycle_bad_q, wide, 24'd0, snapshot_q, 32'd0, layer_o};

  // The snapshot is taken with record_q, so that the record and the lap agree.
  reg [39:0] snapshot_q;
  always @(posedge clk_i) if (state_q == Run) snapshot_q <= cycles_q;

  wire unused = ^count_i;

endmodule
`default_nettype wire
