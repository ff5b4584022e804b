// The Verilated model behind dut.h. Built once per design; BUS_BYTES is the width of its AXI4 data port.

#include "dut.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "Vnaas_top.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

static_assert(BUS_BYTES >= 4 && BUS_BYTES <= kMaxBusBytes, "the bus has 4 to 64 bytes");

namespace {

// A simulation context in which registers start with random content.
class RandomContext : public VerilatedContext {
  public:
    explicit RandomContext(uint64_t seed) {
        randReset(2);
        randSeed(static_cast<int>(seed % 0x7FFFFFFF) + 1);
    }
};

}    // namespace

// What the model printed last. Nothing of it goes to stdout, where the bench answers.
static std::string last_said;

void naas_model_says(const char* format, ...) {
    char text[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    last_said = text;
    if (!last_said.empty() && last_said.back() == '\n') last_said.pop_back();
}

// $stop: an assertion printed why. Verilator's own aborts the program.
void vl_stop(const char* file, int line, const char*) {
    throw AssertionFailed("assertion at " + std::string(file) + ":" + std::to_string(line) + ": " + last_said);
}

struct Dut::Model {
    explicit Model(uint64_t seed) : context(seed) {}
    RandomContext context;
    Vnaas_top top{&context};
#if VM_TRACE
    VerilatedVcdC vcd;
    uint64_t time = 0;
#endif
};

Dut::Dut(uint64_t seed) : model_(std::make_unique<Model>(seed)) {
    // A rising and a falling edge of the reset input, so that asynchronous resets see one whatever their initial value.
    model_->top.rst_ni = 1;
    model_->top.eval();
    model_->top.rst_ni = 0;
    model_->top.eval();
}

Dut::~Dut() {
#if VM_TRACE
    model_->vcd.close();
#endif
    model_->top.final();
}

unsigned Dut::bus_bytes() { return BUS_BYTES; }

bool Dut::can_trace() { return VM_TRACE != 0; }

void Dut::trace_to(const std::string& file) {
#if VM_TRACE
    model_->context.traceEverOn(true);
    model_->top.trace(&model_->vcd, 99);
    model_->vcd.open(file.c_str());
#else
    (void)file;
#endif
}

void Dut::settle(const ToDut& in, FromDut& out) {
    Vnaas_top& top = model_->top;
    top.rst_ni = in.rst_n;
    top.s_axil_awvalid_i = in.host_awvalid;
    top.s_axil_awaddr_i = in.host_awaddr;
    top.s_axil_wvalid_i = in.host_wvalid;
    top.s_axil_wdata_i = in.host_wdata;
    top.s_axil_wstrb_i = in.host_wstrb;
    top.s_axil_bready_i = in.host_bready;
    top.s_axil_arvalid_i = in.host_arvalid;
    top.s_axil_araddr_i = in.host_araddr;
    top.s_axil_rready_i = in.host_rready;
    top.m_axi_arready_i = in.arready;
    top.m_axi_awready_i = in.awready;
    top.m_axi_wready_i = in.wready;
    top.m_axi_rvalid_i = in.rvalid;
    top.m_axi_rlast_i = in.rlast;
    top.m_axi_rresp_i = 0;
    top.m_axi_bvalid_i = in.bvalid;
    top.m_axi_bresp_i = 0;
    std::memcpy(&top.m_axi_rdata_i, in.rdata.data(), BUS_BYTES);

    top.clk_i = 0;
    top.eval();
#if VM_TRACE
    if (model_->vcd.isOpen()) model_->vcd.dump(model_->time++);
#endif

    out.irq = top.irq_o;
    out.host_awready = top.s_axil_awready_o;
    out.host_wready = top.s_axil_wready_o;
    out.host_bvalid = top.s_axil_bvalid_o;
    out.host_bresp = top.s_axil_bresp_o;
    out.host_arready = top.s_axil_arready_o;
    out.host_rvalid = top.s_axil_rvalid_o;
    out.host_rresp = top.s_axil_rresp_o;
    out.host_rdata = top.s_axil_rdata_o;
    out.arvalid = top.m_axi_arvalid_o;
    out.araddr = top.m_axi_araddr_o;
    out.arlen = top.m_axi_arlen_o;
    out.arsize = top.m_axi_arsize_o;
    out.arburst = top.m_axi_arburst_o;
    out.rready = top.m_axi_rready_o;
    out.awvalid = top.m_axi_awvalid_o;
    out.awaddr = top.m_axi_awaddr_o;
    out.awlen = top.m_axi_awlen_o;
    out.awsize = top.m_axi_awsize_o;
    out.awburst = top.m_axi_awburst_o;
    out.wvalid = top.m_axi_wvalid_o;
    out.wlast = top.m_axi_wlast_o;
    out.bready = top.m_axi_bready_o;
    if (out.wvalid) {
        out.wstrb = top.m_axi_wstrb_o;
        std::memcpy(out.wdata.data(), &top.m_axi_wdata_o, BUS_BYTES);
    }
}

void Dut::edge() {
    model_->top.clk_i = 1;
    model_->top.eval();
#if VM_TRACE
    if (model_->vcd.isOpen()) model_->vcd.dump(model_->time++);
#endif
}
