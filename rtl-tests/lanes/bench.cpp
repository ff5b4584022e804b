// Bench of naas_lanes: random beats before axes of several sizes; what each position takes, from the lanes' point of view.
//
// usage: bench [--seed S] [--cases N]
//
// A case is a beat for one of the axes: lane j's channel goes to position (pos + j) mod SIZE, as byte of a word where the lanes
// exceed the positions, else one stride further once the positions were gone round. Address and bytes count where hit.

#include <array>

#include "../leaf.h"
#include "Vlanes_bench.h"

namespace {

struct Axis {
    int size, lanes;
};
constexpr Axis kAxes[] = {{16, 16}, {16, 4}, {6, 4}, {7, 5}, {4, 16}, {1, 4}, {2, 8}};
constexpr int kCount = 7, kLw = 10;

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("lanes", argc, argv, 500000);
    Vlanes_bench top;
    top.clk_i = 0;
    top.eval();

    for (; bench.going(); ++bench.at_case) {
        const int which = static_cast<int>(bench.below(kCount));
        int bytes_before = 0, positions_before = 0;    // in the outputs
        for (int i = 0; i < which; ++i) {
            bytes_before += std::max(kAxes[i].size, kAxes[i].lanes);
            positions_before += kAxes[i].size;
        }
        const int size = kAxes[which].size, lanes = kAxes[which].lanes, m = lanes > size ? lanes / size : 1;
        // Beats begin where the one before left off.
        const int begins = size % lanes == 0 ? size / lanes : lanes > size ? 1 : size;
        const int pos = static_cast<int>(bench.below(begins)) * (size / begins);
        const int count = bench.one_in(2) ? lanes : static_cast<int>(bench.below(lanes + 1));
        const uint64_t addr = bench.below(1 << kLw), stride = bench.below(1 << kLw);
        for (int i = 0; i < 16; ++i) leaf::put(top.data_i, i * 8, 8, bench.word());
        top.count_i = static_cast<uint8_t>(count);
        top.pos_i = static_cast<uint8_t>(pos);
        top.addr_i = static_cast<uint16_t>(addr);
        top.stride_i = static_cast<uint16_t>(stride);
        leaf::clock(top, bench);

        std::array<int, 16> lane_of;    // per byte of the axis; -1: none
        std::array<uint64_t, 16> addr_of{};
        lane_of.fill(-1);
        for (int j = 0; j < count; ++j) {
            const int at = (pos + j) % size, round = (pos + j) / size;
            lane_of[at * m + (m > 1 ? round : 0)] = j;
            addr_of[at] = m > 1 ? addr : addr + static_cast<uint64_t>(round) * stride;
        }
        for (int p = 0; p < size; ++p) {
            for (int i = 0; i < m; ++i) {
                const int lane = lane_of[p * m + i], at = bytes_before + p * m + i;
                bench.expect("hit_o", at, leaf::get(top.hit_o, at, 1), lane >= 0);
                if (lane < 0) continue;
                bench.expect("data_o", at, leaf::get(top.data_o, at * 8, 8), leaf::get(top.data_i, lane * 8, 8));
                bench.expect("addr_o", at, leaf::get(top.addr_o, (positions_before + p) * kLw, kLw), addr_of[p] & leaf::ones(kLw));
            }
        }
    }
    return bench.result("hits, addresses, bytes");
}
