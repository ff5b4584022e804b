// Bench of naas_level2: beats at random places and reads of whole words, against bytes at (slot, word, plane, byte).
//
// usage: bench [--seed S] [--cases N]      built with -DBUS, -DWORD, -DPLANES, -DFIRST, -DDEPTH, -DSLOTS as the module's parameters
//
// Beats of planes that another memory has write nothing. No slot is filled while it is read, which is a rule of whoever fills it.

#include <vector>

#include "../leaf.h"
#include "Vnaas_level2.h"

int main(int argc, char** argv) {
    leaf::Bench bench("level2", argc, argv, 500000);
    Vnaas_level2 top;
    top.clk_i = 0;
    top.eval();

    constexpr uint64_t kNumbered = PLANES > 1 ? 16 : 1;    // planes that a place can name
    constexpr uint64_t kBeats = WORD / BUS, kAll = SLOTS * DEPTH * PLANES * kBeats;
    // Bytes as {slot, word, plane, byte}, and the word that was read last.
    std::vector<uint8_t> model(SLOTS * DEPTH * PLANES * WORD), read(PLANES * WORD);
    bool known = false;    // something was read
    for (; bench.going(); ++bench.at_case) {
        const bool filling = bench.at_case < kAll;    // give every byte a known content first
        uint64_t at = bench.at_case;
        const auto next = [&](uint64_t n) {
            const uint64_t digit = filling ? at % n : bench.below(n);
            at /= n;
            return digit;
        };
        const uint64_t beat = next(kBeats);
        const uint64_t plane = filling ? FIRST + next(PLANES) : bench.below(kNumbered);
        const uint64_t word = next(DEPTH), slot = next(SLOTS);
        const bool we = filling || bench.one_in(2);
        top.we_i = we;
        // A module of one slot is not told which.
        top.wslot_i = static_cast<uint8_t>(SLOTS == 1 ? bench.below(2) : slot);
        leaf::put(top.wbeat_i, 0, CW, (word * kNumbered + plane) * kBeats + beat);
        for (int b = 0; b < BUS; ++b) leaf::put(top.wdata_i, 8 * b, 8, bench.below(256));

        const uint64_t rslot = we ? SLOTS - 1 - slot : bench.below(SLOTS), rword = bench.one_in(2) ? word : bench.below(DEPTH);
        const bool re = !filling && !(we && rslot == slot) && bench.one_in(2);
        top.re_i = re;
        leaf::put(top.raddr_i, 0, AW, rslot * DEPTH + rword);
        leaf::clock(top, bench);

        if (re) {
            std::copy_n(model.begin() + static_cast<int64_t>((rslot * DEPTH + rword) * read.size()), read.size(), read.begin());
        }
        known = known || re;
        if (we && plane >= FIRST && plane < FIRST + PLANES) {
            const uint64_t first = ((slot * DEPTH + word) * PLANES + plane - FIRST) * WORD + beat * BUS;
            for (int b = 0; b < BUS; ++b) model[first + static_cast<uint64_t>(b)] = static_cast<uint8_t>(leaf::get(top.wdata_i, 8 * b, 8));
        }
        for (std::size_t b = 0; known && b < read.size(); ++b) {
            bench.expect("rdata_o", static_cast<int>(b), leaf::get(top.rdata_o, 8 * static_cast<int>(b), 8), read[b]);
        }
    }
    return bench.result("bytes");
}
