// Bench of naas_nest: random nestings, trip counts and walked loops; every output in every cycle of whole nests.
//
// usage: bench [--seed S] [--cases N]      built with -DSET (counter widths, nest_bench.v), -DN
//
// The indices after a number of steps are its digits, the walked loops' trip counts being the radices: by division, there is
// no odometer here.

#include <algorithm>
#include <array>

#include "../leaf.h"
#include "Vnest_bench.h"

namespace {

constexpr int kBits[2][9] = {
    {16, 16, 16, 16, 16, 16, 16, 16, 16},
    {8, 2, 0, 4, 1, 3, 0, 10, 2},
};
constexpr uint64_t kBudget = 3000;    // steps of a nest

using Indices = std::array<uint64_t, N>;

class Nest {
  public:
    Nest(Vnest_bench& top, leaf::Bench& bench) : top_(top), bench_(bench) {}

    void run() {
        draw();
        top_.load_i = 1;
        top_.step_i = static_cast<uint8_t>(bench_.below(2));
        leaf::clock(top_, bench_);
        top_.load_i = 0;
        const uint64_t stop = bench_.one_in(8) ? bench_.below(steps_) : steps_;    // some are loaded anew before their end
        const uint64_t gaps = 1 + bench_.below(4);
        for (uint64_t step = 0; step < stop && bench_.differences < 10;) {
            check(step);
            top_.step_i = bench_.below(gaps) == 0;
            // The end stays.
            if (step + 1 == steps_ && !top_.step_i) return;
            step += top_.step_i;
            leaf::clock(top_, bench_);
        }
        if (stop == steps_) check(steps_ - 1);
    }

  private:
    void draw() {
        for (int l = 0; l < N; ++l) order_[l] = l;
        bench_.shuffle(order_.data(), N);
        for (int p = 0; p < N; ++p) place_[order_[p]] = p;
        std::array<int, N> draws = order_;
        bench_.shuffle(draws.data(), N);
        const bool all = bench_.one_in(3);
        walked_ = 0;
        steps_ = 1;
        for (const int l : draws) {
            const uint64_t most = std::min<uint64_t>(uint64_t{1} << kBits[SET][l], bench_.one_in(8) ? kBudget : 5);
            trips_[l] = 1 + bench_.below(most);
            if (bench_.one_in(4)) trips_[l] = most;    // all bits of the counter
            const bool walked = all || bench_.below(4) != 0;
            if (walked && steps_ * trips_[l] > kBudget) trips_[l] = 1;
            if (walked) steps_ *= trips_[l];
            walked_ |= static_cast<uint32_t>(walked) << l;
        }
        leaf::put(top_.walked_i, 0, N, walked_);
        for (int l = 0; l < N; ++l) {
            leaf::put(top_.last_idx_i, l * 16, 16, trips_[l] - 1);
            for (int m = 0; m < N; ++m) leaf::put(top_.inner_i, l * N + m, 1, place_[m] > place_[l]);
        }
    }

    Indices at(uint64_t step) const {
        Indices idx{};
        for (int p = N - 1; p >= 0; --p) {
            const int l = order_[p];
            if (!(walked_ >> l & 1)) continue;
            idx[l] = step % trips_[l];
            step /= trips_[l];
        }
        return idx;
    }

    void check(uint64_t step) {
        const Indices now = at(step), next = at(step + 1);
        const bool end = step + 1 == steps_;
        uint32_t inc = 0, clr = 0, last = 0, zero = 0;
        for (int l = 0; l < N; ++l) {
            last |= static_cast<uint32_t>(now[l] == trips_[l] - 1) << l;
            zero |= static_cast<uint32_t>(now[l] == 0) << l;
            if (end || next[l] <= now[l]) continue;
            inc |= 1u << l;
            for (int m = 0; m < N; ++m) clr |= static_cast<uint32_t>(place_[m] > place_[l]) << m;
        }
        for (int l = 0; l < N; ++l) bench_.expect("idx_o", l, leaf::get(top_.idx_o, l * 16, 16), now[l]);
        bench_.expect("inc_o", 0, top_.inc_o, inc);
        bench_.expect("clr_o", 0, top_.clr_o, clr);
        bench_.expect("last_o", 0, top_.last_o, last);
        bench_.expect("zero_o", 0, top_.zero_o, zero);
        bench_.expect("end_o", 0, top_.end_o, end);
    }

    Vnest_bench& top_;
    leaf::Bench& bench_;
    std::array<int, N> order_{}, place_{};
    std::array<uint64_t, N> trips_{};
    uint32_t walked_ = 0;
    uint64_t steps_ = 1;
};

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("nest", argc, argv, 3000);
    Vnest_bench top;
    top.clk_i = 0;
    top.eval();
    for (; bench.going(); ++bench.at_case) Nest(top, bench).run();
    return bench.result("idx, inc, clr, last, zero, end");
}
