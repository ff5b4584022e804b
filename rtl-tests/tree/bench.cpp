// Bench of naas_tree: sums of random products, and the greatest of random bytes, against a plain loop.
//
// usage: bench [--seed S] [--cases N]
//
// A case is a new set of inputs in every cycle; the mode changes every few hundred. The extremes of a product of bytes, whose
// sums need every bit, are frequent.

#include <algorithm>
#include <array>
#include <deque>

#include "../leaf.h"
#include "Vtree_bench.h"

namespace {

struct Tree {
    int n, width, depth;
    bool maximum;
};
constexpr Tree kTrees[] = {{1, 16, 0, true},   {2, 17, 1, true},  {4, 18, 1, false}, {5, 18, 2, true},
                           {16, 20, 2, false}, {64, 22, 3, true}, {70, 22, 4, false}};
constexpr int kInputs = 70, kCount = 7, kLatest = 4;

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("tree", argc, argv, 100000);
    Vtree_bench top;
    top.clk_i = 0;
    top.eval();

    std::deque<std::array<int, kInputs>> past;    // newest first
    bool maximum = false;
    for (uint64_t left = 0; bench.going(); ++bench.at_case) {
        if (left-- == 0) {
            left = 20 + bench.below(400);
            maximum = !maximum;
            past.clear();
        }
        const uint64_t kind = bench.below(8);
        std::array<int, kInputs> in;
        for (int i = 0; i < kInputs; ++i) {
            const auto byte = [&] { return static_cast<int8_t>(bench.word()); };
            in[i] = maximum ? static_cast<uint8_t>(bench.word() >> bench.below(8)) : byte() * byte();
            if (!maximum && (kind == 0 || (kind == 2 && bench.one_in(2)))) in[i] = 16384;
            if (!maximum && (kind == 1 || (kind == 2 && bench.one_in(2)))) in[i] = -16256;
            leaf::put(top.in_i, i * 16, 16, static_cast<uint64_t>(in[i]) & 0xffff);
        }
        past.push_front(in);
        if (past.size() > kLatest + 1) past.pop_back();
        top.maximum_i = maximum;
        top.eval();
        for (int t = 0; t < kCount; ++t) {
            const Tree& tree = kTrees[t];
            if (past.size() <= static_cast<std::size_t>(tree.depth) || (maximum && !tree.maximum)) continue;
            const auto& then = past[tree.depth];
            int64_t want = 0;
            for (int i = 0; i < tree.n; ++i) want = maximum ? std::max<int64_t>(want, then[i]) : want + then[i];
            bench.expect("sum_o", t, leaf::get(top.sum_o, t * 22, tree.width), static_cast<uint64_t>(want) & leaf::ones(tree.width));
        }
        leaf::clock(top, bench);
    }
    return bench.result("sums; the index of a difference is the tree");
}
