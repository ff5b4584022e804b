// The accelerator, its memory and its clock, and the host's side of the register bus.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "axi_memory.h"
#include "dut.h"
#include "manifest.h"

// The hardware is not what it should be.
struct WrongDesign : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class System {
  public:
    // Out of reset. The seed of the memory's stalls also draws the initial content of registers; `vcd` may be empty.
    explicit System(const AxiMemory::Options& memory, const std::string& vcd = "");

    AxiMemory& memory() { return memory_; }
    uint64_t cycle() const { return cycle_; }
    bool irq() const { return out_.irq; }

    // One clock cycle.
    void tick();

    // Puts bytes into memory, past the bus.
    void put(const std::vector<Load>& loads);

    // Transfers on the register bus.
    void write(uint8_t address, uint32_t data);
    uint32_t read(uint8_t address);
    uint64_t read64(uint8_t address);

  private:
    template <typename Done>
    void wait(Done done);

    Dut dut_;
    AxiMemory memory_;
    ToDut in_;
    FromDut out_;
    uint64_t cycle_ = 0;
};
