// Bench of naas_mem: random reads and writes against a byte array, same-address collisions and held reads included.
//
// usage: bench [--seed S] [--cases N]      built with -DWIDTH, -DLANE, -DDEPTH as the module's parameters (WIDTH <= 64)

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "Vnaas_mem.h"
#include "verilated.h"

int main(int argc, char** argv) {
    uint64_t seed = 1, cases = 500000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 0);
        if (std::strcmp(argv[i], "--cases") == 0) cases = std::strtoull(argv[i + 1], nullptr, 0);
    }
    std::printf("seed %" PRIu64 "\n", seed);

    constexpr int kLanes = WIDTH / LANE;
    constexpr uint64_t kWord = WIDTH == 64 ? ~uint64_t{0} : (uint64_t{1} << (WIDTH % 64)) - 1;
    constexpr uint64_t kLane = LANE == 64 ? ~uint64_t{0} : (uint64_t{1} << (LANE % 64)) - 1;
    std::mt19937_64 random(seed);
    Vnaas_mem top;
    std::vector<uint64_t> model(DEPTH);
    uint64_t held = 0, differences = 0;

    for (uint64_t cycle = 0; cycle < cases + DEPTH; ++cycle) {
        const bool fill = cycle < DEPTH;    // give every word a known content first
        const uint64_t we = fill ? (uint64_t{1} << kLanes) - 1 : random() % (uint64_t{1} << kLanes);
        const uint64_t waddr = fill ? cycle : random() % DEPTH;
        const uint64_t wdata = random() & kWord;
        const bool re = !fill && random() % 4 != 0;
        const uint64_t raddr = random() % 2 != 0 ? waddr : random() % DEPTH;
        top.we_i = we;
        top.waddr_i = waddr;
        top.wdata_i = wdata;
        top.re_i = re;
        top.raddr_i = raddr;
        top.clk_i = 0;
        top.eval();
        top.clk_i = 1;
        top.eval();
        if (re) held = model[raddr];
        for (int lane = 0; lane < kLanes; ++lane) {
            const uint64_t mask = kLane << (lane * LANE % 64);
            if (we >> lane & 1) model[waddr] = (model[waddr] & ~mask) | (wdata & mask);
        }
        const bool defined = cycle > DEPTH + 64;    // rdata_o is undefined before the first read
        if (defined && top.rdata_o != held && differences++ < 10) {
            std::printf("difference in cycle %" PRIu64 ": got %" PRIx64 ", expected %" PRIx64 "\n", cycle,
                        static_cast<uint64_t>(top.rdata_o), held);
        }
    }
    std::printf("mem WIDTH=%d LANE=%d DEPTH=%d: %" PRIu64 " cycles, %" PRIu64 " differences\n", WIDTH, LANE, DEPTH, cases,
                differences);
    return differences == 0 ? 0 : 1;
}
