// Bench of naas_i_row: random beats before rows of several shapes; what each byte of the row takes.
//
// usage: bench [--seed S] [--cases N]
//
// In a depthwise layer lane j's channel is byte (k_pos + j) mod ROW of the row, in a convolution the word is repeated over it.
// Depthwise bytes count where hit. No clock: a cycle is an evaluation.

#include <array>

#include "../leaf.h"
#include "Vi_row_bench.h"

namespace {

struct Shape {
    int row, m, pk, lanes;
    bool depthwise;
};
constexpr Shape kShapes[] = {{16, 1, 16, 16, true}, {16, 4, 8, 16, true}, {6, 1, 6, 4, true},
                             {24, 4, 24, 8, true},  {9, 2, 9, 2, true},   {16, 8, 4, 16, false}};
constexpr int kCount = 6;

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("i_row", argc, argv, 300000);
    Vi_row_bench top;

    for (; bench.going(); ++bench.at_case, ++bench.cycle) {
        const int which = static_cast<int>(bench.below(kCount));
        const Shape& shape = kShapes[which];
        int before = 0;    // in the outputs
        for (int i = 0; i < which; ++i) before += kShapes[i].row;
        const bool depthwise = shape.depthwise && bench.one_in(2), first = bench.below(4) != 0;
        // Beats begin where the one before left off.
        const int begins = shape.lanes > shape.pk ? 1 : shape.pk % shape.lanes == 0 ? shape.pk / shape.lanes : shape.pk;
        const int pos = static_cast<int>(bench.below(begins)) * (shape.pk / begins);
        const int count = bench.one_in(2) ? shape.lanes : static_cast<int>(bench.below(shape.lanes + 1));
        for (int i = 0; i < 16; ++i) leaf::put(top.data_i, i * 8, 8, bench.word());
        top.c_data_i = bench.word();
        top.depthwise_i = depthwise;
        top.first_i = first;
        top.k_pos_i = static_cast<uint8_t>(depthwise ? pos : 0);
        top.count_i = static_cast<uint8_t>(count);
        top.eval();

        std::array<int, 24> lane_of;
        lane_of.fill(-1);
        for (int j = 0; j < count && first; ++j) lane_of[(pos + j) % shape.row] = j;
        for (int b = 0; b < shape.row; ++b) {
            const uint64_t got = leaf::get(top.data_o, (before + b) * 8, 8);
            if (!depthwise) {
                bench.expect("data_o of a convolution", before + b, got, leaf::get(top.c_data_i, b % shape.m * 8, 8));
                if (!shape.depthwise) bench.expect("k_hit_o", before + b, leaf::get(top.k_hit_o, before + b, 1), 0);
                continue;
            }
            bench.expect("k_hit_o", before + b, leaf::get(top.k_hit_o, before + b, 1), lane_of[b] >= 0);
            if (lane_of[b] >= 0) bench.expect("data_o", before + b, got, leaf::get(top.data_i, lane_of[b] * 8, 8));
        }
    }
    return bench.result("hits, bytes");
}
