// Bench of naas_axil: random reads and writes with random handshakes against a model of the register map.
//
// usage: bench [--seed S] [--cases N]
//
// Address and data of a write arrive in either order, responses are taken late, strobes are random, the accelerator's side
// (busy, done, errors, counters) changes at random. Checked: every read value, stable responses until taken, one start
// pulse per accepted command and none otherwise, the latencies of the module's header, done and its clearing.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "Vnaas_axil.h"
#include "verilated.h"

namespace {

constexpr int kCounters = 12, kCounterBits = 40;

class Bench {
  public:
    explicit Bench(uint64_t seed) : random_(seed) {
        top_.rst_ni = 1;
        top_.eval();
        top_.rst_ni = 0;
        top_.s_axil_awvalid_i = top_.s_axil_wvalid_i = top_.s_axil_bready_i = 0;
        top_.s_axil_arvalid_i = top_.s_axil_rready_i = 0;
        top_.busy_i = top_.done_i = 0;
        tick();
        top_.rst_ni = 1;
        tick();
    }

    uint64_t run(uint64_t cases) {
        for (uint64_t i = 0; i < cases; ++i) {
            if (below(16) == 0) environment();
            if (below(2) != 0) {
                write();
            } else {
                read();
            }
        }
        std::printf("axil: %" PRIu64 " accesses, %" PRIu64 " starts, %" PRIu64 " differences\n", cases, starts_, differences_);
        return differences_;
    }

  private:
    uint32_t word() { return static_cast<uint32_t>(random_()); }
    uint32_t below(uint32_t n) { return word() % n; }

    void expect(bool ok, const char* what, uint64_t got, uint64_t want) {
        if (ok) return;
        if (differences_++ < 10) {
            std::printf("difference in cycle %" PRIu64 ": %s: got %" PRIx64 ", expected %" PRIx64 "\n", cycle_, what, got, want);
        }
    }

    // One clock cycle; start_o is compared with what the model announced for the cycle after.
    void tick() {
        top_.clk_i = 0;
        top_.eval();
        top_.clk_i = 1;
        top_.eval();
        ++cycle_;
        if (top_.start_o) {
            ++starts_;
            ++pulses_;
        }
    }

    void environment() {
        done_ = done_ || top_.done_i;
        top_.busy_i = below(2);
        top_.bus_error_i = below(2);
        top_.hash_mismatch_i = below(2);
        top_.cycle_mismatch_i = below(2);
        top_.layer_i = word();
        top_.hash_i = random_();
        top_.cycles_i = random_() & ((uint64_t{1} << kCounterBits) - 1);
        for (unsigned i = 0; i < kCounters * kCounterBits / 32; ++i) top_.counters_i[i] = word();
        if (below(3) == 0) {
            top_.done_i = 1;
            tick();
            top_.done_i = 0;
            done_ = true;
        }
        tick();
        expect(top_.done_o == done_, "done_o", top_.done_o, done_);
    }

    uint64_t counter(unsigned n) const {
        uint64_t value = 0;
        for (unsigned i = 0; i < kCounterBits; ++i) {
            const unsigned at = n * kCounterBits + i;
            value |= static_cast<uint64_t>(top_.counters_i[at / 32] >> (at % 32) & 1) << i;
        }
        return value;
    }

    uint32_t model(uint32_t address) const {
        const uint32_t at = address & ~3u;
        if (at >= 0x40 && at < 0x40 + 8 * kCounters) return static_cast<uint32_t>(counter((at - 0x40) / 8) >> (at & 4 ? 32 : 0));
        switch (at) {
            case 0x00: return 0x5341414E;
            case 0x04: return 1;
            case 0x08: return static_cast<uint32_t>(top_.hash_i);
            case 0x0C: return static_cast<uint32_t>(top_.hash_i >> 32);
            case 0x14:
                return top_.busy_i | (done_ ? 2u : 0u) | top_.bus_error_i << 2 | top_.hash_mismatch_i << 3 |
                       top_.cycle_mismatch_i << 4;
            case 0x18: return registers_[0];
            case 0x1C: return registers_[1];
            case 0x20: return registers_[2];
            case 0x24: return top_.layer_i;
            case 0x28: return static_cast<uint32_t>(top_.cycles_i);
            case 0x2C: return static_cast<uint32_t>(top_.cycles_i >> 32);
            default: return 0;
        }
    }

    void write() {
        const uint32_t address = below(4) != 0 ? 0x10 + below(24) : below(256);
        const uint32_t data = word();
        const uint32_t strobe = below(2) != 0 ? 15 : below(16);
        int aw_delay = static_cast<int>(below(4)), w_delay = static_cast<int>(below(4));
        bool aw_done = false, w_done = false;
        uint64_t accepted = 0;
        pulses_ = 0;
        while (!aw_done || !w_done) {
            top_.s_axil_awvalid_i = !aw_done && aw_delay-- <= 0;
            top_.s_axil_wvalid_i = !w_done && w_delay-- <= 0;
            top_.s_axil_awaddr_i = top_.s_axil_awvalid_i ? address : word() & 255;
            top_.s_axil_wdata_i = top_.s_axil_wvalid_i ? data : word();
            top_.s_axil_wstrb_i = top_.s_axil_wvalid_i ? strobe : word() & 15;
            top_.eval();
            const bool aw = top_.s_axil_awvalid_i && top_.s_axil_awready_o, w = top_.s_axil_wvalid_i && top_.s_axil_wready_o;
            accepted = cycle_;
            tick();
            aw_done = aw_done || aw;
            w_done = w_done || w;
        }
        top_.s_axil_awvalid_i = top_.s_axil_wvalid_i = 0;
        while (!top_.s_axil_bvalid_o) tick();
        expect(cycle_ == accepted + 1, "write latency", cycle_ - accepted, 1);
        for (uint32_t wait = below(4); wait > 0; --wait) {
            tick();
            expect(top_.s_axil_bvalid_o, "bvalid held", top_.s_axil_bvalid_o, 1);
        }
        top_.s_axil_bready_i = 1;
        tick();
        top_.s_axil_bready_i = 0;
        expect(!top_.s_axil_bvalid_o, "bvalid after the handshake", top_.s_axil_bvalid_o, 0);
        commit(address & ~3u, data, strobe);
    }

    void commit(uint32_t at, uint32_t data, uint32_t strobe) {
        uint32_t mask = 0;
        for (int i = 0; i < 4; ++i) mask |= strobe >> i & 1 ? 0xFFu << 8 * i : 0;
        if (at >= 0x18 && at <= 0x20) {
            uint32_t& r = registers_[(at - 0x18) / 4];
            r = ((r & ~mask) | (data & mask)) & (at == 0x1C ? 0xFFFFu : ~0u);
        }
        const bool start = at == 0x10 && (strobe & data & 1) != 0 && !top_.busy_i;
        if (start) done_ = false;
        expect(pulses_ == (start ? 1u : 0u), "start pulses", pulses_, start);
    }

    void read() {
        const uint32_t address = below(256);
        for (uint32_t wait = below(3); wait > 0; --wait) tick();
        top_.s_axil_arvalid_i = 1;
        top_.s_axil_araddr_i = address;
        while (!top_.s_axil_arready_o) tick();
        const uint64_t accepted = cycle_;
        tick();
        top_.s_axil_arvalid_i = 0;
        top_.s_axil_araddr_i = word() & 255;
        while (!top_.s_axil_rvalid_o) tick();
        expect(cycle_ == accepted + 2, "read latency", cycle_ - accepted, 2);
        for (uint32_t wait = below(4); wait > 0; --wait) {
            tick();
            expect(top_.s_axil_rvalid_o, "rvalid held", top_.s_axil_rvalid_o, 1);
        }
        expect(top_.s_axil_rdata_o == model(address), "read value", top_.s_axil_rdata_o, model(address));
        top_.s_axil_rready_i = 1;
        tick();
        top_.s_axil_rready_i = 0;
        expect(!top_.s_axil_rvalid_o, "rvalid after the handshake", top_.s_axil_rvalid_o, 0);
    }

    Vnaas_axil top_;
    std::mt19937_64 random_;
    uint32_t registers_[3] = {0, 0, 0};
    bool done_ = false;
    uint64_t cycle_ = 0, starts_ = 0, pulses_ = 0, differences_ = 0;
};

}    // namespace

int main(int argc, char** argv) {
    uint64_t seed = 1, cases = 200000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 0);
        if (std::strcmp(argv[i], "--cases") == 0) cases = std::strtoull(argv[i + 1], nullptr, 0);
    }
    std::printf("seed %" PRIu64 "\n", seed);
    return Bench(seed).run(cases) == 0 ? 0 : 1;
}
