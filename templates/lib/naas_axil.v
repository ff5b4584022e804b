// AXI4-Lite slave: the registers through which a host starts the accelerator and reads status and counters.
//
// 32-bit data, 8-bit address; one read and one write outstanding. Address and data of a write come in either order and are
// accepted together; it takes effect in the cycle after. A read answers 2 cycles after its address.
// Responses are always OKAY. Reads of unmapped addresses give 0, writes to them and to read-only registers do nothing.
//
//   0x00 ID          r    0x5341414E ("NAAS", little-endian)
//   0x04 VERSION     r    parameter VERSION
//   0x08 HASH_LO     r    design hash, hash_i
//   0x0C HASH_HI     r
//   0x10 CTRL        w    bit 0: start_o for one cycle, unless busy_i
//   0x14 STATUS      r    bit 0 busy, 1 done (from done_i to the next start), 2 bus error, 3 hash mismatch, 4 cycle mismatch
//   0x18 TABLE       r/w  byte address of the control table
//   0x1C LAYERS      r/w  number of layers to run, 16 bits
//   0x20 RECORDS     r/w  byte address of the records that the accelerator writes, one per layer
//   0x24 LAYER       r    index of the current layer
//   0x28 CYCLES      r    cycles since start, low word; 0x2C high word
//   0x40 COUNTERS    r    counter n: low word at 0x40 + 8n, high word at 0x44 + 8n; at most 24 counters
//
// Cycles and counters are read word by word: read them while the accelerator is not busy.
`default_nettype none

module naas_axil #(
    parameter VERSION      = 32'd1,
    parameter COUNTERS     = 12,
    parameter COUNTER_BITS = 40
) (
    input  wire        clk_i,
    input  wire        rst_ni,
    // Bus
    input  wire        s_axil_awvalid_i,
    output wire        s_axil_awready_o,
    input  wire [7:0]  s_axil_awaddr_i,
    input  wire        s_axil_wvalid_i,
    output wire        s_axil_wready_o,
    input  wire [31:0] s_axil_wdata_i,
    input  wire [3:0]  s_axil_wstrb_i,
    output wire        s_axil_bvalid_o,
    input  wire        s_axil_bready_i,
    output wire [1:0]  s_axil_bresp_o,
    input  wire        s_axil_arvalid_i,
    output wire        s_axil_arready_o,
    input  wire [7:0]  s_axil_araddr_i,
    output wire        s_axil_rvalid_o,
    input  wire        s_axil_rready_i,
    output wire [31:0] s_axil_rdata_o,
    output wire [1:0]  s_axil_rresp_o,
    // Accelerator
    input  wire [63:0]                       hash_i,
    input  wire                              busy_i,
    input  wire                              done_i,           // one cycle when the last layer is finished
    input  wire                              bus_error_i,
    input  wire                              hash_mismatch_i,
    input  wire                              cycle_mismatch_i,
    input  wire [31:0]                       layer_i,
    input  wire [COUNTER_BITS-1:0]           cycles_i,
    input  wire [COUNTERS*COUNTER_BITS-1:0]  counters_i,       // counter n at bits n*COUNTER_BITS and up
    output wire                              start_o,
    output wire                              done_o,
    output wire [31:0]                       table_o,
    output wire [15:0]                       layers_o,
    output wire [31:0]                       records_o
);
    // Word addresses.
    localparam [5:0] ID = 6'h00, VERS = 6'h01, HASH_LO = 6'h02, HASH_HI = 6'h03, CTRL = 6'h04, STATUS = 6'h05, TABLE = 6'h06,
                     LAYERS = 6'h07, RECORDS = 6'h08, LAYER = 6'h09, CYCLE_LO = 6'h0A, CYCLE_HI = 6'h0B;

    // Writes: address and data wait for each other, and for the response to be free.
    reg        bvalid_q;
    wire       write = s_axil_awvalid_i && s_axil_wvalid_i && !bvalid_q;
    wire [5:0] at    = s_axil_awaddr_i[7:2];

    always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) bvalid_q <= 1'b0;
        else bvalid_q <= write || (bvalid_q && !s_axil_bready_i);
    end

    // Registers that the host writes.
    wire [31:0] strobe = {{8{s_axil_wstrb_i[3]}}, {8{s_axil_wstrb_i[2]}}, {8{s_axil_wstrb_i[1]}}, {8{s_axil_wstrb_i[0]}}};
    wire [31:0] data   = s_axil_wdata_i & strobe;
    wire        start  = write && (at == CTRL) && data[0] && !busy_i;

    reg         start_q, done_q;
    reg  [31:0] table_q;
    reg  [15:0] layers_q;
    reg  [31:0] records_q;

    always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
            start_q   <= 1'b0;
            done_q    <= 1'b0;
            table_q   <= 32'd0;
            layers_q  <= 16'd0;
            records_q <= 32'd0;
        end else begin
            start_q <= start;
            done_q  <= (done_q || done_i) && !start;
            if (write && (at == TABLE))   table_q   <= (table_q & ~strobe) | data;
            if (write && (at == LAYERS))  layers_q  <= (layers_q & ~strobe[15:0]) | data[15:0];
            if (write && (at == RECORDS)) records_q <= (records_q & ~strobe) | data;
        end
    end

    // Counters as the host sees them: 64 bits each, in a map of all 64 words.
    wire [COUNTERS*64-1:0] counters;
    wire [64*32-1:0]       counter_map = {{((64 - 16) * 32 - COUNTERS * 64){1'b0}}, counters, {(16 * 32){1'b0}}};
    wire [63:0]            cycles      = {{(64 - COUNTER_BITS){1'b0}}, cycles_i};

    genvar n;
    generate
        for (n = 0; n < COUNTERS; n = n + 1) begin : g_counter
            assign counters[n*64 +: 64] = {{(64 - COUNTER_BITS){1'b0}}, counters_i[n*COUNTER_BITS +: COUNTER_BITS]};
        end
    endgenerate

    // Reads.
    reg         ar_held_q;
    reg  [5:0]  ar_word_q;
    reg         rvalid_q;
    reg  [31:0] rdata_q;
    reg  [31:0] rdata_d;

    wire ar_take = s_axil_arvalid_i && s_axil_arready_o;

    always @* begin
        case (ar_word_q)
            ID:       rdata_d = 32'h5341414E;
            VERS:     rdata_d = VERSION;
            HASH_LO:  rdata_d = hash_i[31:0];
            HASH_HI:  rdata_d = hash_i[63:32];
            STATUS:   rdata_d = {27'd0, cycle_mismatch_i, hash_mismatch_i, bus_error_i, done_q, busy_i};
            TABLE:    rdata_d = table_q;
            LAYERS:   rdata_d = {16'd0, layers_q};
            RECORDS:  rdata_d = records_q;
            LAYER:    rdata_d = layer_i;
            CYCLE_LO: rdata_d = cycles[31:0];
            CYCLE_HI: rdata_d = cycles[63:32];
            default:  rdata_d = counter_map[{ar_word_q, 5'd0} +: 32];
        endcase
    end

    always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
            ar_held_q <= 1'b0;
            rvalid_q  <= 1'b0;
        end else begin
            ar_held_q <= ar_take;
            rvalid_q  <= ar_held_q || (rvalid_q && !s_axil_rready_i);
        end
    end

    always @(posedge clk_i) begin
        if (ar_take) ar_word_q <= s_axil_araddr_i[7:2];
        if (ar_held_q) rdata_q <= rdata_d;
    end

    assign s_axil_awready_o = write;
    assign s_axil_wready_o  = write;
    assign s_axil_bvalid_o  = bvalid_q;
    assign s_axil_bresp_o   = 2'b00;
    assign s_axil_arready_o = !ar_held_q && !rvalid_q;
    assign s_axil_rvalid_o  = rvalid_q;
    assign s_axil_rdata_o   = rdata_q;
    assign s_axil_rresp_o   = 2'b00;

    // Registers are whole words: the lowest address bits select nothing.
    wire unused = &{1'b0, s_axil_awaddr_i[1:0], s_axil_araddr_i[1:0]};

    assign start_o   = start_q;
    assign done_o    = done_q;
    assign table_o   = table_q;
    assign layers_o  = layers_q;
    assign records_o = records_q;
endmodule
`default_nettype wire
