// The bench in Verilog, for a second simulator: runs the accelerator from its registers like a host would, at a memory of
// fixed latency, and compares outputs, cycles and access counters with the manifest's predictions. `make sim-icarus`.
//
// It judges as bench.cpp does and writes the same JSON. Registers start unknown here: whatever needs an initial value that
// nothing gave it shows.
//
//   +json=FILE  +latency=N  +stall=PERCENT  +seed=N  +max_cycles=N
//
// Exit status: 0 as predicted, 1 not as predicted or an assertion violated (vvp -N), 2 bad input, 4 the design is not the manifest's.
`timescale 1ns / 1ns
`default_nettype none

module bench;

  parameter BUS     = 16;        // bytes of the AXI4 data port
  parameter MEMORY  = 1048576;   // bytes of off-chip memory
  parameter LAYERS  = 1024;      // most layers
  parameter BURSTS  = 4096;      // most bursts under way

  localparam WORDS    = MEMORY / BUS;
  localparam COUNTERS = 12;
  localparam TEXT     = 8 * 256; // bits of a word of the manifest

  // ---- the accelerator
  reg             clk, rst_n;
  wire            irq;
  reg             h_awvalid, h_wvalid, h_bready, h_arvalid, h_rready;
  wire            h_awready, h_wready, h_bvalid, h_arready, h_rvalid;
  reg  [7:0]      h_awaddr, h_araddr;
  reg  [31:0]     h_wdata;
  wire [31:0]     h_rdata;
  wire [1:0]      h_bresp, h_rresp;
  wire            arvalid, rready, awvalid, wvalid, wlast, bready;
  reg             arready, rvalid, rlast, awready, wready, bvalid;
  wire [31:0]     araddr, awaddr;
  wire [7:0]      arlen, awlen;
  wire [2:0]      arsize, awsize;
  wire [1:0]      arburst, awburst;
  reg  [BUS*8-1:0]  rdata;
  wire [BUS*8-1:0]  wdata;
  wire [BUS-1:0]    wstrb;

  naas_top u_dut (
    .clk_i(clk), .rst_ni(rst_n), .irq_o(irq),
    .s_axil_awvalid_i(h_awvalid), .s_axil_awready_o(h_awready), .s_axil_awaddr_i(h_awaddr),
    .s_axil_wvalid_i(h_wvalid), .s_axil_wready_o(h_wready), .s_axil_wdata_i(h_wdata), .s_axil_wstrb_i(4'hf),
    .s_axil_bvalid_o(h_bvalid), .s_axil_bready_i(h_bready), .s_axil_bresp_o(h_bresp),
    .s_axil_arvalid_i(h_arvalid), .s_axil_arready_o(h_arready), .s_axil_araddr_i(h_araddr),
    .s_axil_rvalid_o(h_rvalid), .s_axil_rready_i(h_rready), .s_axil_rdata_o(h_rdata), .s_axil_rresp_o(h_rresp),
    .m_axi_arvalid_o(arvalid), .m_axi_arready_i(arready), .m_axi_araddr_o(araddr), .m_axi_arlen_o(arlen),
    .m_axi_arsize_o(arsize), .m_axi_arburst_o(arburst),
    .m_axi_rvalid_i(rvalid), .m_axi_rready_o(rready), .m_axi_rdata_i(rdata), .m_axi_rresp_i(2'b00), .m_axi_rlast_i(rlast),
    .m_axi_awvalid_o(awvalid), .m_axi_awready_i(awready), .m_axi_awaddr_o(awaddr), .m_axi_awlen_o(awlen),
    .m_axi_awsize_o(awsize), .m_axi_awburst_o(awburst),
    .m_axi_wvalid_o(wvalid), .m_axi_wready_i(wready), .m_axi_wdata_o(wdata), .m_axi_wstrb_o(wstrb), .m_axi_wlast_o(wlast),
    .m_axi_bvalid_i(bvalid), .m_axi_bready_o(bready), .m_axi_bresp_i(2'b00)
  );

  // ---- the manifest
  reg [63:0]     hash, table_at, records_at, total_cycles;
  reg [31:0]     manifest_latency;
  integer        layers;
  reg [TEXT-1:0] name [0:LAYERS-1];
  reg [TEXT-1:0] kind [0:LAYERS-1];
  reg [63:0]     macs [0:LAYERS-1];
  reg [63:0]     cycles [0:LAYERS-1];
  reg [63:0]     counter [0:LAYERS*COUNTERS-1];
  reg [63:0]     expect_at [0:LAYERS-1];
  reg [63:0]     expect_bytes [0:LAYERS-1];
  reg [63:0]     shape [0:LAYERS*5-1];        // n g k y x
  reg [7:0]      memory [0:MEMORY-1];
  reg [7:0]      expected [0:MEMORY-1];       // at the addresses where it is expected
  reg            written [0:WORDS-1];

  // ---- options and results
  reg [31:0]     latency, stall, max_cycles;
  integer        seed;
  reg [TEXT-1:0] json_file;
  reg            finished [0:LAYERS-1];
  reg [63:0]     mismatches [0:LAYERS-1];
  reg [63:0]     first_at [0:LAYERS-1];
  reg [63:0]     rtl_end [0:LAYERS-1];
  reg [63:0]     rtl_cycles [0:LAYERS-1];
  reg [63:0]     rtl_counter [0:LAYERS*COUNTERS-1];
  reg [63:0]     record_bytes [0:LAYERS-1];
  reg [63:0]     rtl_total;
  reg [TEXT-1:0] error [0:9];
  integer        errors;
  reg            done;

  task fail(input [TEXT-1:0] text);
    begin
      if (errors < 10) error[errors] = text;
      if (errors < 10) errors = errors + 1;
    end
  endtask

  task refuse(input [TEXT-1:0] text, input integer status);
    begin
      // The error goes to stderr, as that of the bench in C++.
      $fdisplay(32'h8000_0002, "error: %0s", text);
      $finish_and_return(status);
    end
  endtask

  function [TEXT-1:0] counter_name(input integer n);
    case (n)
      0: counter_name = "macs";
      1: counter_name = "compute_cycles";
      2: counter_name = "w_cycles";
      3: counter_name = "w_words";
      4: counter_name = "i_cycles";
      5: counter_name = "i_words";
      6: counter_name = "i_writes";
      7: counter_name = "drain_cycles";
      8: counter_name = "psum_words";
      9: counter_name = "acc_reads";
      10: counter_name = "read_beats";
      default: counter_name = "write_beats";
    endcase
  endfunction

  // Puts a file into memory (0) or beside it as the expectation (1).
  task load(input [TEXT-1:0] file, input [63:0] at, input expectation, output [63:0] bytes);
    integer fd, got;
    begin
      got = 0;
      fd = $fopen(file, "rb");
      if (fd == 0) refuse("cannot open a file of the manifest", 2);
      else begin
        if (expectation) got = $fread(expected, fd, at);
        else got = $fread(memory, fd, at);
        $fclose(fd);
      end
      bytes = got;
    end
  endtask

  task read_manifest;
    integer        fd, i, n, got;
    reg [TEXT-1:0] key, text;
    reg [63:0]     value, bytes;
    begin
      fd = $fopen("manifest.txt", "r");
      if (fd == 0) refuse("cannot open manifest.txt", 2);
      got = $fscanf(fd, "%s %d", key, value);
      if (got != 2 || key != "naas-bench" || value != 1) refuse("manifest.txt is not `naas-bench 1`", 2);
      got = $fscanf(fd, "%s", key);
      while (got == 1) begin
        case (key)
          "hash": got = $fscanf(fd, "%h", hash);
          "bus_bytes": begin
            got = $fscanf(fd, "%d", value);
            if (value != BUS) refuse("the bench was built for another bus", 4);
          end
          "latency": got = $fscanf(fd, "%d", manifest_latency);
          "memory_bytes": begin
            got = $fscanf(fd, "%d", value);
            if (value > MEMORY) refuse("the bench was built for a smaller memory", 2);
          end
          "table": got = $fscanf(fd, "%d", table_at);
          "records": got = $fscanf(fd, "%d", records_at);
          "total_cycles": got = $fscanf(fd, "%d", total_cycles);
          "pes": got = $fscanf(fd, "%d", value);
          "layers": begin
            got = $fscanf(fd, "%d", layers);
            if (layers > LAYERS) refuse("more layers than this bench is built for", 2);
          end
          "load": begin
            got = $fscanf(fd, "%d %s", value, text);
            load(text, value, 1'b0, bytes);
          end
          "layer": begin
            got = $fscanf(fd, "%d %s", i, text);
            name[i] = text;
            got = $fscanf(fd, "%s %d %d", text, value, bytes);
            kind[i]   = text;
            macs[i]   = value;
            cycles[i] = bytes;
          end
          "shape": begin
            got = $fscanf(fd, "%d", i);
            for (n = 0; n < 5; n = n + 1) begin
              got = $fscanf(fd, "%d", value);
              shape[5*i+n] = value;
            end
          end
          "tiles": got = $fscanf(fd, "%d %d %d %d %d %d %d", i, value, value, value, value, value, value);
          "expect": begin
            got = $fscanf(fd, "%d %d %s", i, value, text);
            expect_at[i] = value;
            load(text, value, 1'b1, bytes);
            expect_bytes[i] = bytes;
          end
          "counter": begin
            got = $fscanf(fd, "%d %s %d", i, text, value);
            for (n = 0; n < COUNTERS; n = n + 1) if (text == counter_name(n)) counter[COUNTERS*i+n] = value;
          end
          default: refuse("manifest.txt has an unknown key", 2);
        endcase
        got = $fscanf(fd, "%s", key);
      end
      $fclose(fd);
    end
  endtask

  // ---- off-chip memory: fixed latency, one beat a cycle, answers in order
  integer        cycle;
  integer        r_head, r_tail, r_done, w_head, w_tail, w_done, b_head, b_tail, d_head, d_tail, n;
  reg [31:0]     r_addr [0:BURSTS-1];
  reg [31:0]     r_beats [0:BURSTS-1];
  reg [31:0]     r_ready [0:BURSTS-1];
  reg [31:0]     w_addr [0:BURSTS-1];
  reg [31:0]     w_beats [0:BURSTS-1];
  reg [31:0]     b_ready [0:BURSTS-1];
  reg [BUS*8-1:0] d_data [0:BURSTS-1];
  reg [BUS-1:0]  d_strobe [0:BURSTS-1];
  reg            d_last [0:BURSTS-1];
  reg            r_held, b_held, ar_held, aw_held, w_held;
  reg [44:0]     ar_was, aw_was;
  reg [BUS*9:0]  w_was;
  reg [31:0]     at;
  wire           idle;
  assign idle = r_head == r_tail && w_head == w_tail && b_head == b_tail && d_head == d_tail;

  function stalls(input unused);
    begin
      stalls = 1'b0;
      if (stall != 0) stalls = $unsigned($random(seed)) % 100 < stall;
    end
  endfunction

  task check_address(input [31:0] address, input [7:0] len, input [2:0] size, input [1:0] burst);
    reg [31:0] last;
    begin
      last = address + BUS * (len + 1) - 1;
      if ((^{address, len, size, burst}) === 1'bx) fail("AXI violation: an unknown address");
      if ((1 << size) != BUS) fail("AXI violation: the size is not the bus's");
      if (burst != 2'b01) fail("AXI violation: the burst is not INCR");
      if (address % BUS != 0) fail("AXI violation: not aligned to the bus");
      if (address / 4096 != last / 4096) fail("AXI violation: a burst crosses a 4 KiB boundary");
      if (last >= MEMORY) fail("AXI violation: beyond the memory");
    end
  endtask

  always @(posedge clk) begin
    if (rst_n) begin
      // What the last cycle showed and was not taken must stay.
      if (ar_held && (!arvalid || ar_was !== {araddr, arlen, arsize, arburst})) fail("AXI violation: AR changed while it waited");
      if (aw_held && (!awvalid || aw_was !== {awaddr, awlen, awsize, awburst})) fail("AXI violation: AW changed while it waited");
      if (w_held && (!wvalid || w_was !== {wdata, wstrb, wlast})) fail("AXI violation: W changed while it waited");
      ar_held = arvalid & ~arready;
      aw_held = awvalid & ~awready;
      w_held  = wvalid & ~wready;
      ar_was  = {araddr, arlen, arsize, arburst};
      aw_was  = {awaddr, awlen, awsize, awburst};
      w_was   = {wdata, wstrb, wlast};

      if (rvalid && rready) begin
        r_done = r_done + 1;
        if (r_done == r_beats[r_head]) begin
          r_head = (r_head + 1) % BURSTS;
          r_done = 0;
        end
      end
      r_held = rvalid & ~rready;
      if (bvalid && bready) b_head = (b_head + 1) % BURSTS;
      b_held = bvalid & ~bready;

      if (arvalid && arready) begin
        check_address(araddr, arlen, arsize, arburst);
        r_addr[r_tail]  = araddr;
        r_beats[r_tail] = arlen + 1;
        r_ready[r_tail] = cycle + latency;
        r_tail = (r_tail + 1) % BURSTS;
      end
      if (awvalid && awready) begin
        check_address(awaddr, awlen, awsize, awburst);
        w_addr[w_tail]  = awaddr;
        w_beats[w_tail] = awlen + 1;
        w_tail = (w_tail + 1) % BURSTS;
      end
      if (wvalid && wready) begin
        d_data[d_tail]   = wdata;
        d_strobe[d_tail] = wstrb;
        d_last[d_tail]   = wlast;
        d_tail = (d_tail + 1) % BURSTS;
      end
      // Accepted data goes to accepted addresses, both in order.
      while (d_head != d_tail && w_head != w_tail) begin
        at = w_addr[w_head] + w_done * BUS;
        for (n = 0; n < BUS; n = n + 1) if (d_strobe[d_head][n]) memory[at + n] = d_data[d_head][n*8 +: 8];
        written[at / BUS] = 1'b1;
        w_done = w_done + 1;
        if (d_last[d_head] !== (w_done == w_beats[w_head])) fail("AXI violation: WLAST is wrong");
        if (w_done == w_beats[w_head]) begin
          b_ready[b_tail] = cycle + latency;
          b_tail = (b_tail + 1) % BURSTS;
          w_head = (w_head + 1) % BURSTS;
          w_done = 0;
        end
        d_head = (d_head + 1) % BURSTS;
        recorded(at);
      end
    end

    cycle = cycle + 1;
    arready <= ~stalls(1'b0);
    awready <= ~stalls(1'b0);
    wready  <= ~stalls(1'b0);
    bvalid  <= b_held | (b_head != b_tail && b_ready[b_head] <= cycle && !stalls(1'b0));
    if (r_held | (r_head != r_tail && r_ready[r_head] <= cycle && !stalls(1'b0))) begin
      rvalid <= 1'b1;
      rlast  <= r_done + 1 == r_beats[r_head];
      for (n = 0; n < BUS; n = n + 1) rdata[n*8 +: 8] <= memory[r_addr[r_head] + r_done * BUS + n];
    end else begin
      rvalid <= 1'b0;
      rlast  <= 1'b0;
    end
  end

  // ---- records and comparison
  function [63:0] word(input [63:0] address);
    integer b;
    for (b = 0; b < 8; b = b + 1) word[b*8 +: 8] = memory[address + b];
  endfunction

  // A word was written: with the last of a record its layer is finished, and later layers may use the same memory.
  task recorded(input [31:0] address);
    integer l;
    if (address >= records_at && address < records_at + 128 * layers) begin
      l = (address - records_at) / 128;
      record_bytes[l] = record_bytes[l] + BUS;
      if (record_bytes[l] == 128) finish_layer(l);
    end
  endtask

  // A number for the report, which has none for unknown bits: no count reaches it.
  function [63:0] known(input [63:0] value);
    known = ((^value) === 1'bx) ? {64{1'b1}} : value;
  endfunction

  task finish_layer(input integer l);
    integer    c;
    reg [63:0] record;
    begin
      record       = records_at + 128 * l;
      finished[l]  = 1'b1;
      if (word(record) !== l) fail("a record says another layer");
      rtl_end[l]    = word(record + 8);
      rtl_cycles[l] = word(record + 8) - (l == 0 ? 0 : word(record - 120));
      for (c = 0; c < COUNTERS; c = c + 1)
        rtl_counter[COUNTERS*l+c] = known(word(record + 16 + 8*c) - (l == 0 ? 0 : word(record - 112 + 8*c)));
      rtl_end[l]    = known(rtl_end[l]);
      rtl_cycles[l] = known(rtl_cycles[l]);
      compare(l);
    end
  endtask

  task compare(input integer l);
    reg [63:0] i, byte_at, blocks, k;
    begin
      blocks = (shape[5*l+2] + BUS - 1) / BUS;
      for (i = 0; i < expect_bytes[l]; i = i + 1) begin
        byte_at = expect_at[l] + i;
        k = i / BUS / shape[5*l+4] / shape[5*l+3] % blocks * BUS + i % BUS;
        // Tail channels hold anything.
        if (k < shape[5*l+2] && !(memory[byte_at] === expected[byte_at] && written[byte_at / BUS] === 1'b1)) begin
          if (mismatches[l] == 0) first_at[l] = i;
          mismatches[l] = mismatches[l] + 1;
        end
      end
    end
  endtask

  // ---- the host
  // Signals are set after a clock edge and sampled at the next one, as everything else here.
  task host_write(input [7:0] address, input [31:0] data);
    begin
      h_awaddr  <= address;
      h_wdata   <= data;
      h_awvalid <= 1'b1;
      h_wvalid  <= 1'b1;
      @(posedge clk);
      while (!((h_awready || !h_awvalid) && (h_wready || !h_wvalid))) begin
        if (h_awready) h_awvalid <= 1'b0;
        if (h_wready) h_wvalid <= 1'b0;
        @(posedge clk);
      end
      h_awvalid <= 1'b0;
      h_wvalid  <= 1'b0;
      h_bready  <= 1'b1;
      @(posedge clk);
      while (!h_bvalid) @(posedge clk);
      h_bready <= 1'b0;
    end
  endtask

  task host_read(input [7:0] address, output [31:0] data);
    begin
      h_araddr  <= address;
      h_arvalid <= 1'b1;
      @(posedge clk);
      while (!h_arready) @(posedge clk);
      h_arvalid <= 1'b0;
      h_rready  <= 1'b1;
      @(posedge clk);
      while (!h_rvalid) @(posedge clk);
      data = h_rdata;
      h_rready <= 1'b0;
    end
  endtask

  // ---- the run
  integer    i, start, limit;
  reg [31:0] low, high, status;
  reg        different, pass, watchdog;

  // The registers must answer within a thousand cycles.
  initial begin
    watchdog = 1'b0;
    repeat (1000) @(posedge clk);
    if (watchdog) refuse("the register bus does not answer", 4);
  end

  initial clk = 1'b0;
  always #1 clk = ~clk;

  initial begin
    latency    = 0;
    stall      = 0;
    seed       = 1;
    max_cycles = 0;
    json_file  = 0;
    errors     = 0;
    done       = 1'b0;
    rtl_total  = 0;
    cycle      = 0;
    {r_held, b_held, ar_held, aw_held, w_held} = 5'd0;
    {r_head, r_tail, r_done, w_head, w_tail, w_done, b_head, b_tail, d_head, d_tail} = 320'd0;
    {h_awvalid, h_wvalid, h_bready, h_arvalid, h_rready} = 5'd0;
    {arready, rvalid, rlast, awready, wready, bvalid} = 6'd0;
    layers = 0;
    low    = 32'h9E3779B9;
    // Not zeros: what is used without having been written shall not look right.
    for (i = 0; i < MEMORY; i = i + 1) begin
      low       = low * 32'd1664525 + 32'd1013904223;
      memory[i] = low[31:24];
    end
    for (i = 0; i < LAYERS; i = i + 1) begin
      finished[i]     = 1'b0;
      mismatches[i]   = 0;
      record_bytes[i] = 0;
      rtl_end[i]      = 0;
      rtl_cycles[i]   = 0;
      expect_bytes[i] = 0;
    end
    for (i = 0; i < LAYERS*COUNTERS; i = i + 1) rtl_counter[i] = 0;
    read_manifest;
    latency = manifest_latency;
    if ($value$plusargs("latency=%d", latency)) ;
    if ($value$plusargs("stall=%d", stall)) ;
    if ($value$plusargs("seed=%d", seed)) ;
    if ($value$plusargs("max_cycles=%d", max_cycles)) ;
    if ($value$plusargs("json=%s", json_file)) ;

    rst_n = 1'b1;
    #1 rst_n = 1'b0;
    repeat (4) @(posedge clk);
    rst_n <= 1'b1;
    @(posedge clk);
    watchdog = 1'b1;
    host_read(8'h00, low);
    if (low !== 32'h5341414E) refuse("the ID register is wrong: this is not a NAAS accelerator", 4);
    host_read(8'h08, low);
    host_read(8'h0C, high);
    if ({high, low} !== hash) refuse("the design's hash is not the manifest's: generate the folder again", 4);
    host_write(8'h18, table_at[31:0]);
    host_write(8'h1C, layers);
    host_write(8'h20, records_at[31:0]);
    host_write(8'h10, 32'd1);
    watchdog = 1'b0;
    start = cycle;
    limit = (stall == 0 ? 4 : 4 * 100 / (100 - stall)) * total_cycles + 5000;
    if (max_cycles != 0) limit = max_cycles;
    while (irq !== 1'b1 && errors == 0 && cycle - start <= limit) @(posedge clk);
    repeat (4) @(posedge clk);
    if (irq !== 1'b1 && errors == 0) fail("not done within the limit of cycles");
    else if (errors == 0 && !idle) fail("done is reported with transfers outstanding");
    if (errors == 0) read_results;
    verdict;
    $finish_and_return(pass ? 0 : 1);
  end

  task read_results;
    begin
      done = 1'b1;
      host_read(8'h28, low);
      host_read(8'h2C, high);
      rtl_total = {high, low};
      host_read(8'h14, status);
      if (status[3]) refuse("the control table is not for this hardware", 4);
      if (status[2] !== 1'b0) fail("the accelerator reports a bus error");
      if (status[0] !== 1'b0) fail("the accelerator reports done and busy");
      if (status[1] !== 1'b1) fail("the interrupt is up, but done is not set");
      different = rtl_total !== total_cycles;
      for (i = 0; i < layers; i = i + 1) begin
        if (!finished[i]) fail("a layer wrote no record");
        different = different | (rtl_cycles[i] !== cycles[i]);
      end
      if (status[4] !== different) fail("the accelerator's own comparison of cycles is wrong");
    end
  endtask

  // ---- the result
  reg [63:0] sum_mismatches, sum_counters, sum_cycles;
  integer    out;

  task verdict;
    integer l, c;
    begin
      pass           = done && errors == 0;
      sum_mismatches = 0;
      sum_counters   = 0;
      sum_cycles     = 0;
      for (l = 0; l < layers; l = l + 1) begin
        sum_cycles     = sum_cycles + cycles[l];
        sum_mismatches = sum_mismatches + mismatches[l];
        for (c = 0; c < COUNTERS; c = c + 1)
          if (rtl_counter[COUNTERS*l+c] !== counter[COUNTERS*l+c]) sum_counters = sum_counters + 1;
        if (stall == 0 ? rtl_cycles[l] !== cycles[l] : !(rtl_end[l] >= sum_cycles)) pass = 1'b0;
        $display("%0s %0s: %0d of %0d bytes differ, cycles %0d, model %0d", name[l], kind[l], mismatches[l],
                 expect_bytes[l], rtl_cycles[l], cycles[l]);
      end
      if (sum_mismatches != 0 || (stall == 0 && sum_counters != 0)) pass = 1'b0;
      if (stall == 0 ? rtl_total !== total_cycles : !(rtl_total >= total_cycles)) pass = 1'b0;
      for (l = 0; l < errors; l = l + 1) $display("error: %0s", error[l]);
      $display("total: %0d mismatches, %0d counter differences, cycles RTL %0d model %0d", sum_mismatches, sum_counters,
               rtl_total, total_cycles);
      if (pass) $display("PASS");
      else $display("FAIL");
      if (json_file != 0) write_json;
    end
  endtask

  task write_json;
    integer l, c;
    begin
      out = $fopen(json_file, "w");
      if (out == 0) refuse("cannot write the result", 2);
      $fwrite(out, "{\"design\": \"%h\", \"simulator\": \"icarus\", \"latency\": %0d, \"stall\": %0d, ", hash, latency, stall);
      $fwrite(out, "\"seed\": %0d, \"finished\": %0s, \"pass\": %0s,\n \"errors\": [", seed, done ? "true" : "false",
              pass ? "true" : "false");
      for (l = 0; l < errors; l = l + 1) $fwrite(out, "%0s\"%0s\"", l == 0 ? "" : ", ", error[l]);
      $fwrite(out, "],\n \"layers\": [");
      for (l = 0; l < layers; l = l + 1) begin
        $fwrite(out, "%0s\n  {\"name\": \"%0s\", \"kind\": \"%0s\", \"macs\": %0d, \"finished\": %0s, ", l == 0 ? "" : ",",
                name[l], kind[l], macs[l], finished[l] ? "true" : "false");
        $fwrite(out, "\"elements\": %0d, \"mismatches\": %0d, \"first_mismatch\": ",
                shape[5*l] * shape[5*l+1] * shape[5*l+2] * shape[5*l+3] * shape[5*l+4], mismatches[l]);
        write_mismatch(l);
        $fwrite(out, ", \"cycles\": {\"rtl\": %0d, \"model\": %0d}, \"counters\": {", rtl_cycles[l], cycles[l]);
        for (c = 0; c < COUNTERS; c = c + 1)
          $fwrite(out, "%0s\"%0s\": {\"rtl\": %0d, \"model\": %0d}", c == 0 ? "" : ", ", counter_name(c),
                  rtl_counter[COUNTERS*l+c], counter[COUNTERS*l+c]);
        $fwrite(out, "}}");
      end
      $fwrite(out, "],\n \"total\": {\"mismatches\": %0d, \"counter_differences\": %0d, ", sum_mismatches, sum_counters);
      $fwrite(out, "\"cycles\": {\"rtl\": %0d, \"model\": %0d}}}\n", rtl_total, total_cycles);
      $fclose(out);
    end
  endtask

  task write_mismatch(input integer l);
    reg [63:0] outer, blocks, at_byte;
    if (mismatches[l] == 0) $fwrite(out, "null");
    else begin
      blocks  = (shape[5*l+2] + BUS - 1) / BUS;
      outer   = first_at[l] / BUS / shape[5*l+4] / shape[5*l+3];
      at_byte = expect_at[l] + first_at[l];
      $fwrite(out, "{\"n\": %0d, \"g\": %0d, \"k\": %0d, ", outer / blocks / shape[5*l+1], outer / blocks % shape[5*l+1],
              outer % blocks * BUS + first_at[l] % BUS);
      $fwrite(out, "\"y\": %0d, \"x\": %0d, \"address\": %0d, ", first_at[l] / BUS / shape[5*l+4] % shape[5*l+3],
              first_at[l] / BUS % shape[5*l+4], at_byte);
      // An unknown byte has no number: its place says enough.
      $fwrite(out, "\"rtl\": %0d, \"expected\": %0d, \"written\": %0s}", (^memory[at_byte]) === 1'bx ? 0 : $signed(memory[at_byte]),
              $signed(expected[at_byte]), written[at_byte / BUS] === 1'b1 ? "true" : "false");
    end
  endtask

endmodule

`default_nettype wire
