// Bench of naas_i_window: jobs of random windows, streamed row by row with gaps; which rows hit, and at which offset.
//
// usage: bench [--seed S] [--cases N]
//
// A case is a job. Rows come in order, each as some beats; the offset counts where hit. A position that is alone has the
// streamed window as its own. Some jobs begin a layer, after one that was cut short.

#include "../leaf.h"
#include "Vi_window_bench.h"

namespace {

constexpr int kBw = 10, kLw = 12;

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("i_window", argc, argv, 20000);
    Vi_window_bench top;
    top.clk_i = 0;
    top.eval();

    for (bool load = true; bench.going(); ++bench.at_case) {
        if (load) {
            top.load_i = 1;
            top.next_i = static_cast<uint8_t>(bench.below(2));
            leaf::clock(top, bench);
            top.load_i = 0;
        }
        const int rows = 1 + static_cast<int>(bench.below(bench.one_in(32) ? 900 : 24));
        const int stop = bench.one_in(8) ? static_cast<int>(bench.below(rows)) : rows;
        load = stop != rows || bench.one_in(8);
        const int most = std::min(rows + rows / 4, (1 << kBw) - 1), base = static_cast<int>(bench.below(most + 1));
        const int tap = static_cast<int>(bench.below(base + 1));
        const int reach = static_cast<int>(bench.one_in(8) ? bench.below(1 << kBw) : bench.below(rows));
        const bool busy = bench.below(8) != 0;
        const uint64_t pitch = bench.one_in(2) ? 1 + bench.below(16) : bench.below(1 << kLw);
        top.out_base_i = static_cast<uint16_t>(base - tap);
        top.tap_base_i = static_cast<uint16_t>(tap);
        top.reach_i = static_cast<uint16_t>(reach);
        top.busy_i = busy;
        top.pitch_i = static_cast<uint16_t>(pitch);
        for (int row = 0; row < stop && bench.differences < 10; ++row) {
            top.index_i = static_cast<uint16_t>(row);
            top.done_i = row == rows - 1;
            for (uint64_t beats = 1 + bench.below(3); beats != 0;) {
                const bool valid = bench.below(4) != 0;
                top.next_i = valid && beats == 1;
                leaf::clock(top, bench);
                if (!valid) continue;
                --beats;
                for (int w = 0; w < 4; ++w) {
                    const bool alone = w / 2 != 0, hit = alone || (busy && row >= base && row <= base + reach);
                    bench.expect("hit_o", w, leaf::get(top.hit_o, w, 1), hit);
                    const uint64_t at = static_cast<uint64_t>(alone ? row : row - base) * (w % 2 != 0 ? 1 : pitch);
                    if (hit) bench.expect("offset_o", w, leaf::get(top.offset_o, w * kLw, kLw), at & leaf::ones(kLw));
                }
            }
        }
    }
    return bench.result("hits, offsets; the index of a difference is 1 if the pitch is one, plus 2 if alone");
}
