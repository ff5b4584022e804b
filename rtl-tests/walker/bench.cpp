// Bench of naas_walker: whole walks of random layers, every output in every cycle.
//
// usage: bench [--seed S] [--cases N]      built with -DN (14 or 8), -DSET (counter widths, walker_bench.v), -DOPS
//
// The walk is not computed as the module does. An odometer over all loops, irrelevant ones included, runs through the layer,
// and a job is where the coordinates of the walked operand's tile (the indices of the loops that index it) change. What the
// next step advances and returns to zero, and which operands it moves, follows from the indices before and after it; only
// the walked set is evaluated by its definition. Loops over the same dimension index the walked operand both or not at all, and
// loops that index a reported operand index the walked one too: as in every layer.

#include <algorithm>
#include <array>

#include "../leaf.h"
#include "Vwalker_bench.h"

namespace {

constexpr int kBits[3][14] = {
    {16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16},
    {3, 2, 5, 1, 4, 3, 0, 2, 2, 4, 3, 0, 2, 1},
    {0, 1, 0, 3, 0, 2, 2, 0, 3, 0, 2, 1, 0, 2},
};
constexpr int kRank[14] = {0, 1, 2, 3, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4};
constexpr uint64_t kBudget = 3000;    // jobs of a layer

using State = std::array<int, 14>;

struct Layer {
    std::array<int, 14> order{};    // outermost first, level 2 included even if N is 8
    std::array<int, 14> place{};
    std::array<int, 14> full{}, edge{};    // last indices; edge for level 2 only
    uint32_t relevant = 0;
    uint32_t operands[OPS] = {};
};

class Walk {
  public:
    Walk(Vwalker_bench& top, leaf::Bench& bench) : top_(top), bench_(bench) {}

    void run() {
        draw();
        apply();
        top_.load_i = 1;
        top_.step_i = static_cast<uint8_t>(bench_.below(2));
        leaf::clock(top_, bench_);
        top_.load_i = 0;
        State now{};
        const uint64_t left_after = bench_.one_in(8) ? bench_.below(kBudget) : ~uint64_t{0};    // a layer may be cut short
        for (uint64_t job = 0; job <= left_after && bench_.differences < 10; ++job) {
            State next = now;
            bool more;
            do more = odometer(next);
            while (more && same(now, next, layer_.relevant));
            check(now, more ? &next : nullptr);
            while (bench_.one_in(4)) {    // outputs stay while nothing steps
                top_.step_i = 0;
                leaf::clock(top_, bench_);
                check(now, more ? &next : nullptr);
            }
            if (!more) return;
            top_.step_i = 1;
            leaf::clock(top_, bench_);
            now = next;
        }
    }

  private:
    void draw() {
        const int* bits = kBits[SET];
        for (int l = 0; l < 14; ++l) layer_.order[l] = l;
        bench_.shuffle(layer_.order.data(), 14);
        std::stable_sort(layer_.order.begin(), layer_.order.end(), [](int a, int b) { return kRank[a] < kRank[b]; });
        for (int p = 0; p < 14; ++p) layer_.place[layer_.order[p]] = p;

        // Trip counts, some beyond a byte, in random order until the layer has jobs enough.
        std::array<int, 14> draws = layer_.order;
        bench_.shuffle(draws.data(), 14);
        layer_.full.fill(0);
        layer_.edge.fill(0);
        uint64_t jobs = 1;
        for (const int l : draws) {
            const uint64_t most = std::min<uint64_t>(uint64_t{1} << bits[l], bench_.one_in(16) ? 1500 : 4);
            const uint64_t trips = 1 + bench_.below(most);
            if (l >= N || jobs * trips > kBudget) continue;
            jobs *= trips;
            layer_.full[l] = static_cast<int>(trips) - 1;
            layer_.edge[l] = static_cast<int>(bench_.below(trips));
        }
        layer_.relevant = subset(ones());
        for (uint32_t& operand : layer_.operands) {
            operand = bench_.one_in(3) ? layer_.relevant : subset(layer_.relevant);
            if (bench_.one_in(3)) operand &= static_cast<uint32_t>(bench_.word());
        }
    }

    static uint32_t ones() { return static_cast<uint32_t>(leaf::ones(N)); }

    // Some of the dimensions, each with its off-chip and its level-2 loop.
    uint32_t subset(uint32_t of) {
        const uint32_t some = static_cast<uint32_t>(bench_.one_in(6) ? ~uint64_t{0} : bench_.word());
        return of & ((some & 0xff) | (some & 0xfc) << 6);
    }

    void apply() {
        for (int l = 0; l < 14; ++l) {
            for (int m = 0; m < 14; ++m) leaf::put(top_.inner_i, l * 14 + m, 1, layer_.place[m] > layer_.place[l]);
        }
        for (int l = 0; l < 8; ++l) leaf::put(top_.offchip_last_i, l * 16, 16, layer_.full[l]);
        for (int d = 0; d < 6; ++d) {
            leaf::put(top_.l2_last_i, d * 32, 16, layer_.full[8 + d]);
            leaf::put(top_.l2_last_i, d * 32 + 16, 16, layer_.edge[8 + d]);
        }
        leaf::put(top_.relevant_i, 0, N, layer_.relevant);
        for (int o = 0; o < OPS; ++o) leaf::put(top_.op_relevant_i, o * N, N, layer_.operands[o]);
    }

    int last(const State& at, int l) const {
        return l >= 8 && at[l - 6] == layer_.full[l - 6] ? layer_.edge[l] : layer_.full[l];
    }

    bool odometer(State& at) const {
        for (int p = 13; p >= 0; --p) {
            const int l = layer_.order[p];
            if (l >= N) continue;
            if (at[l] < last(at, l)) {
                ++at[l];
                return true;
            }
            at[l] = 0;
        }
        return false;
    }

    static bool same(const State& a, const State& b, uint32_t loops) {
        for (int l = 0; l < N; ++l) {
            if ((loops >> l & 1) && a[l] != b[l]) return false;
        }
        return true;
    }

    void check(const State& now, const State* next) {
        uint32_t lasts = 0, zeros = 0, inc = 0, clr = 0, walked = 0;
        int advanced = -1;
        for (int l = 0; l < N; ++l) {
            lasts |= static_cast<uint32_t>(now[l] == last(now, l)) << l;
            zeros |= static_cast<uint32_t>(now[l] == 0) << l;
            if (next != nullptr && (*next)[l] > now[l]) {
                inc |= 1u << l;
                advanced = l;
            }
            for (int m = 0; m < N; ++m) {
                const bool here = m == l || layer_.place[m] > layer_.place[l];
                if (here && (layer_.relevant >> m & 1) && last(now, m) > 0) walked |= 1u << l;
            }
        }
        for (int m = 0; m < N && advanced >= 0; ++m) {
            clr |= static_cast<uint32_t>(layer_.place[m] > layer_.place[advanced]) << m;
        }
        bench_.expect("walked_o", 0, top_.walked_o, walked);
        bench_.expect("last_o", 0, top_.last_o, lasts);
        bench_.expect("zero_o", 0, top_.zero_o, zeros);
        bench_.expect("inc_o", 0, top_.inc_o, inc);
        bench_.expect("clr_o", 0, top_.clr_o, clr);
        bench_.expect("end_o", 0, top_.end_o, next == nullptr);
        for (int o = 0; o < OPS; ++o) {
            const uint32_t operand = layer_.operands[o];
            bench_.expect("moved_o", o, leaf::get(top_.moved_o, o, 1), next == nullptr || !same(now, *next, operand));
            bench_.expect("moved_l2_o", o, leaf::get(top_.moved_l2_o, o, 1), next == nullptr || !same(now, *next, operand & 0xff));
        }
        for (int l = 0; l < N; ++l) {
            uint32_t inside = 0;
            for (int m = 0; m < N; ++m) inside |= static_cast<uint32_t>(layer_.place[m] > layer_.place[l]) << m;
            bench_.expect("inner_o", l, leaf::get(top_.inner_o, l * N, N), inside);
        }
    }

    Vwalker_bench& top_;
    leaf::Bench& bench_;
    Layer layer_;
};

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("walker", argc, argv, 1500);
    Vwalker_bench top;
    top.clk_i = 0;
    top.eval();
    for (; bench.going(); ++bench.at_case) Walk(top, bench).run();
    return bench.result("walked, last, zero, inc, clr, end, moved, moved_l2, inner");
}
