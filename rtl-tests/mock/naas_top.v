// Stands in for the accelerator when the bench itself is tested: copies memory with bursts, layer by layer.
//
// A layer's descriptor is 64 bytes: source, destination, number of bus words (a multiple of 16), fault, each 32 bits, the
// rest unused. Every byte of the copy is the source's plus one. Steps are strictly one after the other: descriptor, then per
// 16 words one read burst, one write burst and its response, then the record. Fault 1 sends WLAST one beat early, fault 2
// never finishes, fault 3 changes AWADDR while it waits.
`default_nettype none

module naas_top #(
    parameter        BUS_BYTES = 16,
    parameter [63:0] HASH      = 64'h0123456789ABCDEF,
    parameter        PREDICTED = 0
) (
    input  wire                   clk_i,
    input  wire                   rst_ni,
    output wire                   irq_o,
    input  wire                   s_axil_awvalid_i,
    output wire                   s_axil_awready_o,
    input  wire [7:0]             s_axil_awaddr_i,
    input  wire                   s_axil_wvalid_i,
    output wire                   s_axil_wready_o,
    input  wire [31:0]            s_axil_wdata_i,
    input  wire [3:0]             s_axil_wstrb_i,
    output wire                   s_axil_bvalid_o,
    input  wire                   s_axil_bready_i,
    output wire [1:0]             s_axil_bresp_o,
    input  wire                   s_axil_arvalid_i,
    output wire                   s_axil_arready_o,
    input  wire [7:0]             s_axil_araddr_i,
    output wire                   s_axil_rvalid_o,
    input  wire                   s_axil_rready_i,
    output wire [31:0]            s_axil_rdata_o,
    output wire [1:0]             s_axil_rresp_o,
    output wire                   m_axi_arvalid_o,
    input  wire                   m_axi_arready_i,
    output wire [31:0]            m_axi_araddr_o,
    output wire [7:0]             m_axi_arlen_o,
    output wire [2:0]             m_axi_arsize_o,
    output wire [1:0]             m_axi_arburst_o,
    input  wire                   m_axi_rvalid_i,
    output wire                   m_axi_rready_o,
    input  wire [8*BUS_BYTES-1:0] m_axi_rdata_i,
    input  wire [1:0]             m_axi_rresp_i,
    input  wire                   m_axi_rlast_i,
    output wire                   m_axi_awvalid_o,
    input  wire                   m_axi_awready_i,
    output wire [31:0]            m_axi_awaddr_o,
    output wire [7:0]             m_axi_awlen_o,
    output wire [2:0]             m_axi_awsize_o,
    output wire [1:0]             m_axi_awburst_o,
    output wire                   m_axi_wvalid_o,
    input  wire                   m_axi_wready_i,
    output wire [8*BUS_BYTES-1:0] m_axi_wdata_o,
    output wire [BUS_BYTES-1:0]   m_axi_wstrb_o,
    output wire                   m_axi_wlast_o,
    input  wire                   m_axi_bvalid_i,
    output wire                   m_axi_bready_o,
    input  wire [1:0]             m_axi_bresp_i
);
    localparam BITS         = 8 * BUS_BYTES;
    localparam SIZE         = (BUS_BYTES == 4) ? 2 : (BUS_BYTES == 8) ? 3 : (BUS_BYTES == 16) ? 4 : (BUS_BYTES == 32) ? 5 : 6;
    localparam DESC_BEATS   = 64 / BUS_BYTES;
    localparam RECORD_BEATS = 128 / BUS_BYTES;

    localparam [2:0] IDLE = 3'd0, ADDRESS = 3'd1, READ = 3'd2, WRITE = 3'd3, RESPONSE = 3'd4;

    // What is being moved: a descriptor, data, a record.
    localparam [1:0] DESCRIPTOR = 2'd0, DATA = 2'd1, RECORD = 2'd2;

    reg  [2:0]      state_q;
    reg  [1:0]      what_q;
    reg  [31:0]     layer_q;
    reg  [31:0]     words_q;          // moved so far in this layer
    reg  [5:0]      beat_q;
    reg             aw_sent_q;
    reg  [39:0]     cycles_q;
    reg  [39:0]     reads_q;
    reg  [39:0]     writes_q;
    reg             done_q;
    reg  [511:0]    descriptor_q;
    reg  [16*BITS-1:0] data_q;
    reg  [1023:0]   record_q;

    wire        start;
    wire [31:0] table_addr;
    wire [15:0] layers;
    wire [31:0] records;

    wire [31:0] source      = descriptor_q[31:0];
    wire [31:0] destination = descriptor_q[63:32];
    wire [31:0] words       = descriptor_q[95:64];
    wire [1:0]  fault       = descriptor_q[97:96];

    wire [5:0]  read_beats  = (what_q == DESCRIPTOR) ? DESC_BEATS[5:0] : 6'd16;
    wire [5:0]  write_beats = (what_q == RECORD) ? RECORD_BEATS[5:0] : 6'd16;
    wire        ar_taken    = m_axi_arvalid_o && m_axi_arready_i;
    wire        aw_taken    = m_axi_awvalid_o && m_axi_awready_i;
    wire        r_taken     = m_axi_rvalid_i && m_axi_rready_o;
    wire        w_taken     = m_axi_wvalid_o && m_axi_wready_i;
    wire        b_taken     = m_axi_bvalid_i && m_axi_bready_o;
    wire        last_read   = beat_q + 6'd1 == read_beats;
    wire        last_write  = beat_q + 6'd1 == write_beats;
    wire        last_layer  = layer_q + 32'd1 == {16'd0, layers};
    wire        busy        = state_q != IDLE;

    wire [16*BITS-1:0] shifted_in = {m_axi_rdata_i, data_q[16*BITS-1:BITS]};
    wire [16*BITS-1:0] increment;
    genvar i;
    generate
        for (i = 0; i < 16 * BUS_BYTES; i = i + 1) begin : g_increment
            assign increment[8*i +: 8] = data_q[8*i +: 8] + 8'd1;
        end
    endgenerate

    always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
            state_q   <= IDLE;
            what_q    <= DESCRIPTOR;
            layer_q   <= 32'd0;
            words_q   <= 32'd0;
            beat_q    <= 6'd0;
            aw_sent_q <= 1'b0;
            cycles_q  <= 40'd0;
            reads_q   <= 40'd0;
            writes_q  <= 40'd0;
            done_q    <= 1'b0;
        end else begin
            done_q <= 1'b0;
            if (busy) cycles_q <= cycles_q + 40'd1;
            if (r_taken) reads_q <= reads_q + 40'd1;
            if (w_taken && (what_q == DATA)) writes_q <= writes_q + 40'd1;
            case (state_q)
                IDLE: if (start) begin
                    state_q  <= ADDRESS;
                    what_q   <= DESCRIPTOR;
                    layer_q  <= 32'd0;
                    cycles_q <= 40'd0;
                    reads_q  <= 40'd0;
                    writes_q <= 40'd0;
                end
                ADDRESS: if (ar_taken) begin
                    state_q <= READ;
                    beat_q  <= 6'd0;
                end
                READ: if (r_taken) begin
                    beat_q <= beat_q + 6'd1;
                    if (last_read) begin
                        beat_q    <= 6'd0;
                        aw_sent_q <= 1'b0;
                        words_q   <= (what_q == DESCRIPTOR) ? 32'd0 : words_q;
                        what_q    <= DATA;
                        state_q   <= (what_q == DESCRIPTOR) ? ADDRESS : WRITE;
                    end
                end
                WRITE: begin
                    if (aw_taken) aw_sent_q <= 1'b1;
                    if (w_taken && !last_write) beat_q <= beat_q + 6'd1;
                    if (w_taken && last_write) state_q <= RESPONSE;
                end
                default: if (b_taken) begin
                    beat_q    <= 6'd0;
                    aw_sent_q <= 1'b0;
                    if (what_q == DATA) begin
                        words_q <= words_q + 32'd16;
                        what_q  <= (words_q + 32'd16 == words) ? RECORD : DATA;
                        state_q <= (words_q + 32'd16 == words) ? WRITE : ADDRESS;
                        if (fault == 2'd2) state_q <= RESPONSE;
                    end else begin
                        layer_q <= layer_q + 32'd1;
                        what_q  <= DESCRIPTOR;
                        state_q <= last_layer ? IDLE : ADDRESS;
                        done_q  <= last_layer;
                    end
                end
            endcase
        end
    end

    always @(posedge clk_i) begin
        if (r_taken) data_q <= shifted_in;
        if (r_taken && (what_q == DESCRIPTOR)) descriptor_q <= shifted_in[16*BITS-1 -: 512];
        if (b_taken && (what_q == DATA)) begin
            record_q <= {64'd0, 64'd0, {24'd0, writes_q}, {24'd0, reads_q}, {9{64'd0}}, {24'd0, reads_q},
                         {24'd0, cycles_q}, {32'd0, layer_q}};
        end
    end

    assign m_axi_arvalid_o = state_q == ADDRESS;
    assign m_axi_araddr_o  = (what_q == DESCRIPTOR) ? table_addr + {layer_q[25:0], 6'd0} : source + (words_q << SIZE);
    assign m_axi_arlen_o   = {2'd0, read_beats - 6'd1};
    assign m_axi_arsize_o  = SIZE[2:0];
    assign m_axi_arburst_o = 2'b01;
    assign m_axi_rready_o  = state_q == READ;

    assign m_axi_awvalid_o = (state_q == WRITE) && !aw_sent_q;
    assign m_axi_awaddr_o  = ((what_q == RECORD) ? records + {layer_q[24:0], 7'd0} : destination + (words_q << SIZE))
                             ^ ((fault == 2'd3) ? {25'd0, cycles_q[0], 6'd0} : 32'd0);
    assign m_axi_awlen_o   = {2'd0, write_beats - 6'd1};
    assign m_axi_awsize_o  = SIZE[2:0];
    assign m_axi_awburst_o = 2'b01;
    // The last beat waits for its address.
    assign m_axi_wvalid_o  = (state_q == WRITE) && (!last_write || aw_sent_q || aw_taken);
    assign m_axi_wdata_o   = (what_q == RECORD) ? record_q[beat_q*BITS +: BITS] : increment[beat_q*BITS +: BITS];
    assign m_axi_wstrb_o   = {BUS_BYTES{1'b1}};
    assign m_axi_wlast_o   = (fault == 2'd1) ? beat_q + 6'd2 == write_beats : last_write;
    assign m_axi_bready_o  = state_q == RESPONSE;

    naas_axil u_axil (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .s_axil_awvalid_i(s_axil_awvalid_i),
        .s_axil_awready_o(s_axil_awready_o),
        .s_axil_awaddr_i (s_axil_awaddr_i),
        .s_axil_wvalid_i (s_axil_wvalid_i),
        .s_axil_wready_o (s_axil_wready_o),
        .s_axil_wdata_i  (s_axil_wdata_i),
        .s_axil_wstrb_i  (s_axil_wstrb_i),
        .s_axil_bvalid_o (s_axil_bvalid_o),
        .s_axil_bready_i (s_axil_bready_i),
        .s_axil_bresp_o  (s_axil_bresp_o),
        .s_axil_arvalid_i(s_axil_arvalid_i),
        .s_axil_arready_o(s_axil_arready_o),
        .s_axil_araddr_i (s_axil_araddr_i),
        .s_axil_rvalid_o (s_axil_rvalid_o),
        .s_axil_rready_i (s_axil_rready_i),
        .s_axil_rdata_o  (s_axil_rdata_o),
        .s_axil_rresp_o  (s_axil_rresp_o),
        .hash_i          (HASH),
        .busy_i          (busy),
        .done_i          (done_q),
        .bus_error_i     (m_axi_rresp_i[1] || m_axi_bresp_i[1]),
        .hash_mismatch_i (1'b0),
        .cycle_mismatch_i(cycles_q != PREDICTED),
        .layer_i         (layer_q),
        .cycles_i        (cycles_q),
        .counters_i      ({writes_q, reads_q, 360'd0, reads_q}),
        .start_o         (start),
        .done_o          (irq_o),
        .table_o         (table_addr),
        .layers_o        (layers),
        .records_o       (records)
    );

    wire unused = &{1'b0, m_axi_rlast_i, m_axi_rresp_i[0], m_axi_bresp_i[0], descriptor_q[511:98]};
endmodule

`default_nettype wire
