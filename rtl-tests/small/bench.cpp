// Bench of naas_token, naas_extent and naas_pick: random inputs in every cycle against a count, a choice and a part.
//
// usage: bench [--seed S] [--cases N]
//
// A case is a cycle. Tokens are taken only where there are some, and given up to two.

#include "../leaf.h"
#include "Vsmall_bench.h"

int main(int argc, char** argv) {
    leaf::Bench bench("small", argc, argv, 500000);
    Vsmall_bench top;
    top.clk_i = 0;
    top.rst_ni = 1;
    top.eval();

    int tokens[4] = {};
    for (bool reset = true; bench.going(); ++bench.at_case, reset = bench.one_in(1000)) {
        top.rst_ni = !reset;
        top.load_i = bench.one_in(50);
        top.give_i = top.take_i = 0;
        const uint64_t often = 1 + bench.below(4);
        for (int t = 0; t < 4; ++t) {
            if (reset) tokens[t] = t;
            const bool take = tokens[t] != 0 && bench.one_in(often), give = (tokens[t] < 2 || take) && bench.one_in(2);
            leaf::put(top.take_i, t, 1, take);
            leaf::put(top.give_i, t, 1, give);
        }
        top.last_i = static_cast<uint8_t>(bench.below(2));
        top.edge_i = static_cast<uint8_t>(bench.below(2));
        uint64_t classes[3];
        for (int i = 0; i < 3; ++i) leaf::put(top.by_class_i, i * 16, 16, classes[i] = bench.below(1 << 16));
        const int sel = static_cast<int>(bench.below(8));
        uint64_t parts[8];
        for (int i = 0; i < 8; ++i) leaf::put(top.parts_i, i * 13, 13, parts[i] = bench.below(1 << 13));
        top.sel_i = static_cast<uint8_t>(sel);
        top.eval();

        for (int t = 0; t < 4; ++t) bench.expect("some_o", t, leaf::get(top.some_o, t, 1), tokens[t] != 0);
        const uint64_t extent = classes[top.last_i ? 1 + top.edge_i : 0];
        bench.expect("extent_o", 16, top.extent_o, extent);
        bench.expect("extent_o", 5, top.masked_o, extent % 32);
        bench.expect("extent_o", 0, top.none_o, 0);
        bench.expect("out_o", 1, top.one_o, parts[0]);
        bench.expect("out_o", 8, top.eighth_o, parts[sel]);
        leaf::clock(top, bench);
        for (int t = 0; t < 4; ++t) {
            const int moved = tokens[t] + (top.give_i >> t & 1) - (top.take_i >> t & 1);
            tokens[t] = reset || top.load_i ? t : moved;
        }
    }
    return bench.result("tokens, extents, parts");
}
