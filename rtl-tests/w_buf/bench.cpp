// Bench of naas_w_buf: random writes and reads against an array of words per slot.
//
// usage: bench [--seed S] [--cases N]      built with -DM, -DDEPTH, -DSLOTS as the module's parameters (M <= 8)
//
// A read returns what was written before its cycle; the word is held while nothing reads, byte and mask are those of each
// cycle after.

#include <array>

#include "../leaf.h"
#include "Vnaas_w_buf.h"

int main(int argc, char** argv) {
    leaf::Bench bench("w_buf", argc, argv, 1000000);
    Vnaas_w_buf top;
    top.clk_i = 0;
    top.eval();

    std::array<std::array<uint64_t, DEPTH>, SLOTS> model{};
    uint64_t word = 0;
    bool known = false;    // something was read
    for (; bench.going(); ++bench.at_case) {
        const uint64_t fill = bench.at_case;    // give every word a known content first
        const bool filling = fill < SLOTS * DEPTH;
        const uint64_t wslot = filling ? fill / DEPTH : bench.below(SLOTS);
        const uint64_t waddr = filling ? fill % DEPTH : bench.below(DEPTH);
        const uint64_t rslot = bench.below(4) != 0 ? SLOTS - 1 - wslot : bench.below(SLOTS);
        const uint64_t raddr = bench.one_in(2) ? waddr : bench.below(DEPTH);
        const bool we = filling || bench.one_in(2), re = !filling && bench.below(4) != 0, mask = bench.below(4) != 0;
        const uint64_t sub = bench.below(M), data = bench.word() & leaf::ones(8 * M);
        top.we_i = we;
        // A module of one slot is not told which.
        top.wslot_i = static_cast<uint8_t>(SLOTS == 1 ? bench.below(2) : wslot);
        top.rslot_i = static_cast<uint8_t>(SLOTS == 1 ? bench.below(2) : rslot);
        leaf::put(top.waddr_i, 0, LW, waddr);
        leaf::put(top.raddr_i, 0, LW, raddr);
        leaf::put(top.wdata_i, 0, 8 * M, data);
        top.re_i = re;
        top.rsub_i = static_cast<uint8_t>(sub);
        top.mask_i = mask;
        leaf::clock(top, bench);
        const bool defined = known || !mask;
        const uint64_t want = mask ? word >> (8 * sub) & 0xff : 0;
        if (re) word = model[rslot][raddr];
        known = known || re;
        if (we) model[wslot][waddr] = data;
        if (defined) bench.expect("operand_o", 0, top.operand_o, want);
    }
    return bench.result("operand");
}
