#include "system.h"

#include <cstring>

System::System(const AxiMemory::Options& memory, const std::string& vcd) : dut_(memory.seed), memory_(memory) {
    if (!vcd.empty()) dut_.trace_to(vcd);
    for (int i = 0; i < 4; ++i) tick();
    in_.rst_n = true;
    tick();
}

void System::tick() {
    memory_.drive(cycle_, in_);
    dut_.settle(in_, out_);
    if (in_.rst_n) memory_.observe(cycle_, in_, out_);
    dut_.edge();
    ++cycle_;
}

void System::put(const std::vector<Load>& loads) {
    for (const Load& load : loads) {
        if (load.bytes.empty()) continue;
        if (load.address + load.bytes.size() > memory_.bytes()) throw InputError("a load reaches beyond the memory");
        std::memcpy(memory_.data() + load.address, load.bytes.data(), load.bytes.size());
    }
}

void System::write(uint8_t address, uint32_t data) {
    in_.host_awaddr = address;
    in_.host_wdata = data;
    in_.host_wstrb = 15;
    in_.host_awvalid = in_.host_wvalid = true;
    wait([this] {
        const bool aw = in_.host_awvalid && out_.host_awready, w = in_.host_wvalid && out_.host_wready;
        in_.host_awvalid = in_.host_awvalid && !aw;
        in_.host_wvalid = in_.host_wvalid && !w;
        return !in_.host_awvalid && !in_.host_wvalid;
    });
    in_.host_bready = true;
    wait([this] { return out_.host_bvalid; });
    in_.host_bready = false;
}

uint32_t System::read(uint8_t address) {
    in_.host_araddr = address;
    in_.host_arvalid = true;
    wait([this] { return out_.host_arready; });
    in_.host_arvalid = false;
    in_.host_rready = true;
    wait([this] { return out_.host_rvalid; });
    in_.host_rready = false;
    return out_.host_rdata;
}

uint64_t System::read64(uint8_t address) {
    const uint64_t low = read(address);
    return low | uint64_t{read(static_cast<uint8_t>(address + 4))} << 32;
}

template <typename Done>
void System::wait(Done done) {
    for (int i = 0; i < 1000; ++i) {
        tick();
        if (done()) return;
    }
    throw WrongDesign("the register bus does not answer");
}
