// Bench of naas_level2_o: random writes, reads of sums and of outputs, against an array of words per slot.
//
// usage: bench [--seed S] [--cases N]      built with -DWORD, -DOBITS, -DDEPTH, -DSLOTS as the module's parameters
//                                         (WORD * OBITS <= 64)
//
// Each slot has one read port, which sums come first to. An output that was read stays while no output is read and no sum of its slot,
// whatever slot the next one is asked from: a beat of the write engine waits so. Old content where one word is written and read.

#include <array>

#include "../leaf.h"
#include "Vnaas_level2_o.h"

int main(int argc, char** argv) {
    leaf::Bench bench("level2_o", argc, argv, 1000000);
    Vnaas_level2_o top;
    top.clk_i = 0;
    top.eval();

    constexpr int kBits = WORD * OBITS, kBytes = kBits / 8;
    std::array<std::array<uint64_t, DEPTH>, SLOTS> model{};
    std::array<uint64_t, SLOTS> port{};     // what each slot's memory shows
    uint64_t out_slot = 0;
    bool out_read = false;
    for (; bench.going(); ++bench.at_case) {
        const uint64_t fill = bench.at_case;    // give every word a known content first
        const bool filling = fill < SLOTS * DEPTH;
        const uint64_t wslot = filling ? fill / DEPTH : bench.below(SLOTS), waddr = filling ? fill % DEPTH : bench.below(DEPTH);
        const uint64_t we = filling ? leaf::ones(kBytes) : bench.word() & bench.word() & leaf::ones(kBytes);
        const uint64_t data = bench.word() & leaf::ones(kBits);
        const uint64_t sslot = bench.below(SLOTS), saddr = bench.below(DEPTH);
        const uint64_t oslot = bench.below(SLOTS), oaddr = bench.one_in(2) ? waddr : bench.below(DEPTH);
        const bool sum = !filling && bench.one_in(3), out = !filling && bench.one_in(3) && !(sum && sslot == oslot);
        leaf::put(top.we_i, 0, kBytes, we);
        top.wslot_i = static_cast<uint8_t>(wslot);
        leaf::put(top.waddr_i, 0, AW, waddr);
        leaf::put(top.wdata_i, 0, kBits, data);
        top.sum_re_i = sum;
        top.sum_slot_i = static_cast<uint8_t>(sslot);
        leaf::put(top.sum_addr_i, 0, AW, saddr);
        top.out_re_i = out;
        top.out_slot_i = static_cast<uint8_t>(oslot);
        leaf::put(top.out_addr_i, 0, AW, oaddr);
        leaf::clock(top, bench);
        if (sum) port[sslot] = model[sslot][saddr];
        if (out) port[oslot] = model[oslot][oaddr];
        out_read = out || (out_read && !(sum && sslot == out_slot));
        if (out) out_slot = oslot;
        for (int b = 0; b < kBytes; ++b) {
            const uint64_t mask = uint64_t{0xff} << (8 * b);
            if (we >> b & 1) model[wslot][waddr] = (model[wslot][waddr] & ~mask) | (data & mask);
        }
        if (sum) bench.expect("sum_o", 0, leaf::get(top.sum_o, 0, kBits), port[sslot]);    // added in the next cycle
        if (out_read) bench.expect("out_o", 0, leaf::get(top.out_o, 0, kBits), port[out_slot]);
    }
    return bench.result("sums, outputs");
}
