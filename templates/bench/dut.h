// The accelerator as the bench sees it: the ports of naas_top for one clock cycle, and the two steps of a cycle.
//
// Only dut.cpp knows the Verilated model, so that everything else compiles once for all designs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

constexpr unsigned kMaxBusBytes = 64;
using BusWord = std::array<uint8_t, kMaxBusBytes>;

// Inputs of naas_top.
struct ToDut {
    bool rst_n = false;
    // AXI4-Lite, driven by the host.
    bool host_awvalid = false, host_wvalid = false, host_bready = false, host_arvalid = false, host_rready = false;
    uint8_t host_awaddr = 0, host_araddr = 0, host_wstrb = 0;
    uint32_t host_wdata = 0;
    // AXI4, driven by the memory.
    bool arready = false, awready = false, wready = false, rvalid = false, rlast = false, bvalid = false;
    BusWord rdata{};
};

// Outputs of naas_top.
struct FromDut {
    bool irq = false;
    bool host_awready = false, host_wready = false, host_bvalid = false, host_arready = false, host_rvalid = false;
    uint8_t host_bresp = 0, host_rresp = 0;
    uint32_t host_rdata = 0;
    bool arvalid = false, awvalid = false, wvalid = false, wlast = false, rready = false, bready = false;
    uint32_t araddr = 0, awaddr = 0;
    uint8_t arlen = 0, arsize = 0, arburst = 0, awlen = 0, awsize = 0, awburst = 0;
    uint64_t wstrb = 0;
    BusWord wdata{};    // valid while wvalid
};

// An assertion in the Verilog is violated; what it says.
struct AssertionFailed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Where Verilator's runtime prints, if it is compiled with VL_PRINTF as this.
void naas_model_says(const char* format, ...);

class Dut {
  public:
    // Registers without a reset start with random content, drawn from `seed`: nothing may depend on it.
    explicit Dut(uint64_t seed);
    ~Dut();
    // Bytes of the AXI4 data port.
    static unsigned bus_bytes();
    // Whether the model was built with tracing.
    static bool can_trace();
    void trace_to(const std::string& file);
    // Applies the inputs of this cycle and lets the outputs settle.
    void settle(const ToDut& in, FromDut& out);
    // The rising clock edge that ends the cycle. Throws AssertionFailed.
    void edge();

  private:
    struct Model;
    std::unique_ptr<Model> model_;
};
