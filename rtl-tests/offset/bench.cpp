// Bench of naas_offset: base plus the sum of index times stride, in every cycle of random nests.
//
// usage: bench [--seed S] [--cases N]
//
// A case draws one of the configurations of offset_bench.v and a nest that it allows. Steps come from an odometer here, as
// naas_nest gives them. Words of several neighbours are one place of a loop that counts: its advance is announced once per
// word, as the engines do. The base is not zero only where the outermost loop counts, and is held only where the module
// keeps a base without register (loops that count but never step).

#include <algorithm>
#include <array>

#include "../leaf.h"
#include "Voffset_bench.h"

namespace {

constexpr int N = 6;
constexpr uint64_t kBudget = 2000;

struct Config {
    int m;
    int loops[6];
    int bits[6];    // per loop of the nest
    bool fixed;
    int aw;
};

constexpr Config kConfigs[] = {
    {6, {0, 1, 2, 3, 4, 5}, {16, 16, 16, 16, 16, 16}, false, 16},
    {4, {0, 1, 4, 5}, {16, 16, 16, 16, 16, 16}, false, 10},
    {3, {0, 2, 3}, {5, 4, 2, 3, 0, 8}, false, 32},
    {3, {0, 1, 2}, {16, 16, 16, 16, 16, 16}, true, 16},
    {2, {1, 4}, {16, 16, 16, 16, 16, 16}, true, 16},
    {1, {3}, {16, 16, 16, 16, 16, 16}, false, 16},
    {4, {0, 2, 3, 5}, {2, 4, 0, 3, 5, 0}, false, 10},
    {3, {0, 1, 4}, {0, 3, 4, 3, 0, 5}, false, 12},
    {2, {0, 2}, {0, 3, 0, 3, 2, 5}, false, 12},
    {3, {0, 1, 3}, {3, 0, 4, 5, 4, 4}, true, 12},
};
constexpr int kCount = sizeof(kConfigs) / sizeof(kConfigs[0]);

class Nest {
  public:
    Nest(Voffset_bench& top, leaf::Bench& bench) : top_(top), bench_(bench), which_(static_cast<int>(bench.below(kCount))) {}

    void run() {
        draw();
        base_ = counts(order_[0]) && !bench_.one_in(4) ? bench_.word() : 0;
        top_.base_i = static_cast<uint32_t>(base_);
        top_.load_i = 1;
        top_.step_i = static_cast<uint8_t>(bench_.below(2));
        leaf::clock(top_, bench_);
        top_.load_i = 0;
        const uint64_t gaps = 1 + bench_.below(3);
        while (bench_.differences < 10) {
            if (moving_) top_.base_i = static_cast<uint32_t>(bench_.word());
            const bool more = announce();
            top_.step_i = bench_.below(gaps) == 0;
            top_.eval();
            check();
            const bool stepped = top_.step_i;
            leaf::clock(top_, bench_);
            if (stepped && (!more || (steps_ > 64 && bench_.one_in(4096)))) return;
            if (stepped) advance();
        }
    }

  private:
    const Config& config() const { return kConfigs[which_]; }
    bool counts(int l) const { return std::find(config().loops, config().loops + config().m, l) != config().loops + config().m; }

    void draw() {
        for (int l = 0; l < N; ++l) order_[l] = l;
        bench_.shuffle(order_.data(), N);
        for (int p = 0; p < N; ++p) place_[order_[p]] = p;
        if (config().fixed) {
            // The last of the loops that count changes places with the innermost of them.
            const int last = config().loops[config().m - 1];
            int innermost = last;
            for (int i = 0; i < config().m; ++i) {
                if (place_[config().loops[i]] > place_[innermost]) innermost = config().loops[i];
            }
            std::swap(place_[last], place_[innermost]);
            for (int l = 0; l < N; ++l) order_[place_[l]] = l;
        }
        moving_ = true;
        for (int i = 0; i < config().m; ++i) moving_ = moving_ && config().bits[config().loops[i]] != 0;
        std::array<int, N> draws = order_;
        bench_.shuffle(draws.data(), N);
        steps_ = 1;
        for (const int l : draws) {
            const uint64_t most = std::min<uint64_t>(uint64_t{1} << config().bits[l], bench_.one_in(8) ? kBudget : 6);
            trips_[l] = 1 + bench_.below(most);
            if (steps_ * trips_[l] > kBudget) trips_[l] = 1;
            steps_ *= trips_[l];
            words_[l] = bench_.one_in(3) ? uint64_t{1} << bench_.below(4) : 1;
            index_[l] = 0;
        }
        for (int i = 0; i < 6; ++i) {
            stride_[i] = bench_.one_in(4) ? bench_.below(8) : bench_.word() & 0xffffffff;
            leaf::put(top_.stride_i, i * 32, 32, stride_[i]);
        }
        for (int l = 0; l < N; ++l) {
            for (int m = 0; m < N; ++m) leaf::put(top_.inner_i, l * N + m, 1, place_[m] > place_[l]);
        }
    }

    // The loop that advances next, outside of which nothing changes; -1 at the end.
    int advancing() const {
        for (int p = N - 1; p >= 0; --p) {
            if (index_[order_[p]] + 1 < trips_[order_[p]]) return order_[p];
        }
        return -1;
    }

    bool announce() {
        const int l = advancing();
        uint32_t inc = 0, clr = 0;
        if (l >= 0) {
            if ((index_[l] + 1) % words_[l] == 0) inc = 1u << l;
            for (int m = 0; m < N; ++m) clr |= static_cast<uint32_t>(place_[m] > place_[l]) << m;
        }
        top_.inc_i = static_cast<uint8_t>(inc);
        top_.clr_i = static_cast<uint8_t>(clr);
        return l >= 0;
    }

    void advance() {
        const int l = advancing();
        ++index_[l];
        for (int p = place_[l] + 1; p < N; ++p) index_[order_[p]] = 0;
    }

    void check() {
        uint64_t want = base_;
        for (int i = 0; i < config().m; ++i) want += index_[config().loops[i]] / words_[config().loops[i]] * stride_[i];
        bench_.expect("offset_o", which_, leaf::get(top_.offset_o, which_ * 32, 32), want & leaf::ones(config().aw));
    }

    Voffset_bench& top_;
    leaf::Bench& bench_;
    int which_;
    std::array<int, N> order_{}, place_{};
    std::array<uint64_t, N> trips_{}, words_{}, index_{};
    uint64_t stride_[6] = {}, base_ = 0, steps_ = 1;
    bool moving_ = true;
};

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("offset", argc, argv, 4000);
    Voffset_bench top;
    top.clk_i = 0;
    top.eval();
    for (; bench.going(); ++bench.at_case) Nest(top, bench).run();
    return bench.result("offset; the index of a difference is the configuration");
}
