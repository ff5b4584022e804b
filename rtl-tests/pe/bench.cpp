// Bench of naas_pe: every pair of bytes as a product, every byte at a tap and where none is.
//
// usage: bench [--seed S] [--cases N]      a case is all of these, in random order

#include <algorithm>
#include <vector>

#include "../leaf.h"
#include "Vpe_bench.h"

int main(int argc, char** argv) {
    leaf::Bench bench("pe", argc, argv, 2);
    Vpe_bench top;
    top.clk_i = 0;
    top.eval();

    struct Pair {
        bool maximum;
        int w, i;
    };
    std::vector<Pair> pairs;
    for (int w = -128; w < 128; ++w) {
        for (int i = -128; i < 128; ++i) pairs.push_back({false, w, i});
    }
    for (int w = 0; w < 2; ++w) {
        for (int i = -128; i < 128; ++i) pairs.push_back({true, w, i});
    }
    for (; bench.going(); ++bench.at_case) {
        bench.shuffle(pairs.data(), static_cast<int>(pairs.size()));
        int before[4] = {};
        bool first = true;
        for (const Pair& pair : pairs) {
            top.maximum_i = pair.maximum;
            top.w_i = static_cast<uint8_t>(pair.w);
            top.i_i = static_cast<uint8_t>(pair.i);
            top.eval();
            for (int p = 0; p < 4; ++p) {
                const bool greatest = pair.maximum && p / 2 != 0;
                const int now = greatest ? (pair.w != 0 ? pair.i + 128 : 0) : pair.w * pair.i;
                const int want = p % 2 != 0 ? before[p] : now;
                if (p % 2 == 0 || !first) {
                    bench.expect("product_o", p, leaf::get(top.product_o, p * 16, 16), static_cast<uint64_t>(want) & 0xffff);
                }
                before[p] = now;
            }
            first = false;
            leaf::clock(top, bench);
        }
    }
    return bench.result("products; the index of a difference is 1 if registered, plus 2 if the greatest is sought");
}
