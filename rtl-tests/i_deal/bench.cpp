// Bench of naas_i_deal: random beats before shared axes of several shapes, which the layer splits.
//
// usage: bench [--seed S] [--cases N]
//
// A case is a beat. C has OWN * radix positions, place f of the shared axis standing for digit f mod radix; lane j's channel goes
// to position (c_pos + j) mod that, as byte of a word where the lanes exceed the positions (then OWN times a power of two),
// else one stride further once the positions were gone round. Words are repeated over M bytes. Address and bytes count where hit.

#include <array>

#include "../leaf.h"
#include "Vi_deal_bench.h"

namespace {

struct Axis {
    int own, places, lanes;
    int positions() const { return own * places; }
    int m() const { return lanes > own ? lanes / own : 1; }
};
constexpr Axis kAxes[] = {{1, 4, 16}, {2, 3, 16}, {1, 6, 4}, {3, 2, 12}, {4, 2, 4}, {2, 3, 8}};
constexpr int kCount = 6, kLw = 10;

bool power_of_two(int n) { return (n & (n - 1)) == 0; }

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("i_deal", argc, argv, 300000);
    Vi_deal_bench top;
    top.clk_i = 0;
    top.eval();

    for (; bench.going(); ++bench.at_case) {
        const int which = static_cast<int>(bench.below(kCount));
        const Axis& axis = kAxes[which];
        int bytes_before = 0, positions_before = 0;    // in the outputs
        for (int i = 0; i < which; ++i) {
            bytes_before += kAxes[i].positions() * kAxes[i].m();
            positions_before += kAxes[i].positions();
        }
        int radix;
        do radix = 1 + static_cast<int>(bench.below(axis.places));
        while (axis.own * radix < axis.lanes && !power_of_two(radix));
        const int size = axis.own * radix, length = axis.lanes > size ? axis.lanes / size : 1;
        const int c_pos = axis.lanes >= size ? 0 : static_cast<int>(bench.below(size));
        const int count = bench.one_in(2) ? axis.lanes : static_cast<int>(bench.below(axis.lanes + 1));
        const uint64_t addr = bench.below(1 << kLw), stride = bench.below(1 << kLw);
        for (int i = 0; i < 16; ++i) leaf::put(top.data_i, i * 8, 8, bench.word());
        for (int p = 0; p < axis.positions(); ++p) {
            leaf::put(top.pos_i, p * 16, 16, p / axis.places + axis.own * (p % axis.places % radix));
        }
        top.count_i = static_cast<uint8_t>(count);
        top.size_i = static_cast<uint8_t>(size);
        top.c_pos_i = static_cast<uint8_t>(c_pos);
        top.addr_i = static_cast<uint16_t>(addr);
        top.c_stride_i = static_cast<uint16_t>(stride);
        leaf::clock(top, bench);

        std::array<std::array<int, 16>, 8> lane_of;    // per position and byte of its word; -1: none
        std::array<uint64_t, 8> addr_of{};
        for (auto& word : lane_of) word.fill(-1);
        for (int j = 0; j < count; ++j) {
            const int at = (c_pos + j) % size, round = (c_pos + j) / size;
            lane_of[at][axis.lanes > size ? round : 0] = j;
            addr_of[at] = axis.lanes > size ? addr : addr + static_cast<uint64_t>(round) * stride;
        }
        for (int p = 0; p < axis.positions(); ++p) {
            const int at = p / axis.places + axis.own * (p % axis.places % radix);
            for (int b = 0; b < axis.m(); ++b) {
                const int lane = lane_of[at][b % length], out = bytes_before + p * axis.m() + b;
                bench.expect("hit_o", out, leaf::get(top.hit_o, out, 1), lane >= 0);
                if (lane < 0) continue;
                bench.expect("data_o", out, leaf::get(top.data_o, out * 8, 8), leaf::get(top.data_i, lane * 8, 8));
                bench.expect("addr_o", out, leaf::get(top.addr_o, (positions_before + p) * kLw, kLw), addr_of[at] & leaf::ones(kLw));
            }
        }
    }
    return bench.result("hits, addresses, bytes");
}
