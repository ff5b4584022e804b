// Bench of naas_rotor and naas_blocks: position and offset by division and modulo, in every cycle of random walks.
//
// usage: bench [--seed S] [--cases N]
//
// A case is one walk through one of the configurations. Channel n * STEP is at position n * STEP mod SIZE after as many rounds
// as the quotient; row n is at position n / share, and is its row n mod share.

#include "../leaf.h"
#include "Vrotor_bench.h"

namespace {

struct Rotor {
    int step, size;
    bool split;
    int pw;
};
constexpr Rotor kRotors[] = {{1, 1, false, 1}, {4, 16, false, 5}, {4, 6, false, 3}, {16, 16, false, 4}, {16, 4, false, 3},
                             {3, 7, false, 7}, {1, 1, true, 7},   {4, 1, true, 7},  {16, 1, true, 6}};
struct Blocks {
    bool alone;
    int bits;
};
constexpr Blocks kBlocks[] = {{false, 16}, {false, 3}, {true, 16}};
constexpr int kCount = 12, kRotorCount = 9, kAw = 12, kPw = 7;

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("rotor", argc, argv, 20000);
    Vrotor_bench top;
    top.clk_i = 0;
    top.eval();

    for (; bench.going(); ++bench.at_case) {
        const int which = static_cast<int>(bench.below(kCount));
        const uint64_t stride = bench.below(1 << kAw);
        uint64_t share = 1, steps = bench.below(200);
        int size = 1, step = 1;
        if (which < kRotorCount) {
            const Rotor& rotor = kRotors[which];
            step = rotor.step;
            size = rotor.size;
            if (rotor.split) {
                // More positions than a step takes, or a part of them.
                size = step + static_cast<int>(bench.below((1 << rotor.pw) - step));
                if (bench.one_in(2)) size = 1 << bench.below(5);
                while (size < step && step % size != 0) ++size;
            }
        } else {
            const Blocks& blocks = kBlocks[which - kRotorCount];
            share = 1 + bench.below(std::min<uint64_t>(uint64_t{1} << blocks.bits, bench.one_in(16) ? 3000 : 20));
            steps = blocks.alone ? share - 1 : bench.below(std::min<uint64_t>(share * (1 << kPw), 500 + 3 * share));
        }
        top.size_i = static_cast<uint8_t>(size);
        top.share_last_i = static_cast<uint16_t>(share - 1);
        top.stride_i = static_cast<uint16_t>(stride);
        top.load_i = 1;
        top.step_i = static_cast<uint8_t>(bench.below(2));
        leaf::clock(top, bench);
        top.load_i = 0;
        for (uint64_t n = 0; n <= steps && bench.differences < 10;) {
            uint64_t pos, rounds;
            if (which < kRotorCount) {
                const uint64_t channel = n * static_cast<uint64_t>(step);
                pos = step > size ? 0 : channel % static_cast<uint64_t>(size);
                rounds = step > size ? n : channel / static_cast<uint64_t>(size);
            } else {
                pos = n / share;
                rounds = n % share;
            }
            bench.expect("pos_o", which, leaf::get(top.pos_o, which * kPw, kPw), pos);
            bench.expect("offset_o", which, leaf::get(top.offset_o, which * kAw, kAw), rounds * stride & leaf::ones(kAw));
            top.step_i = bench.below(4) != 0;
            n += top.step_i;
            leaf::clock(top, bench);
        }
    }
    return bench.result("positions, offsets; the index of a difference is the configuration");
}
