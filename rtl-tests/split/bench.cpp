// Bench of naas_split: the digits of every place by division and modulo, eight cycles after random radices and later.
//
// usage: bench [--seed S] [--cases N]
//
// A case is a layer: radices whose product the axis has room for, one where it has no such digit.

#include "../leaf.h"
#include "Vsplit_bench.h"

namespace {

struct Axis {
    int size;
    bool first, second;
};
constexpr Axis kAxes[] = {{12, true, true}, {7, false, true}, {9, true, false}, {5, false, false}, {33, true, true}, {64, true, true}};
constexpr int kCount = 6;

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("split", argc, argv, 10000);
    Vsplit_bench top;
    top.clk_i = 0;
    top.eval();

    for (; bench.going(); ++bench.at_case) {
        const int which = static_cast<int>(bench.below(kCount));
        const Axis& axis = kAxes[which];
        int before = 0;    // in the outputs
        for (int i = 0; i < which; ++i) before += kAxes[i].size;
        int radix[3] = {1, 1, 1}, order[3] = {0, 1, 2}, room = axis.size;
        bench.shuffle(order, 3);
        for (const int d : order) {
            if ((d == 0 && !axis.first) || (d == 1 && !axis.second)) continue;
            radix[d] = 1 + static_cast<int>(bench.below(room));
            room /= radix[d];
        }
        top.first_radix_i = static_cast<uint8_t>(radix[0]);
        top.second_radix_i = static_cast<uint8_t>(radix[1]);
        top.third_radix_i = static_cast<uint8_t>(radix[2]);
        for (int i = 0; i < 8; ++i) leaf::clock(top, bench);
        for (uint64_t more = 1 + bench.below(3); more != 0; --more) {
            for (int p = 0; p < axis.size; ++p) {
                const int at = before + p, third = p / (radix[0] * radix[1]);
                bench.expect("first_o", at, leaf::get(top.first_o, at * 7, 7), p % radix[0]);
                bench.expect("second_o", at, leaf::get(top.second_o, at * 7, 7), p / radix[0] % radix[1]);
                bench.expect("third_o", at, leaf::get(top.third_o, at * 7, 7), third);
                bench.expect("busy_o", at, leaf::get(top.busy_o, at, 1), third < radix[2]);
            }
            leaf::clock(top, bench);
        }
    }
    return bench.result("digits, busy");
}
