// What benches of leaves share: random numbers, differences, the clock.
#pragma once

#include <algorithm>
#include <random>

#include "ports.h"

namespace leaf {

using ports::get, ports::ones, ports::put;

class Bench {
  public:
    Bench(const char* name, int argc, char** argv, uint64_t cases) : cases(cases), name_(name) {
        ports::options(argc, argv, seed, this->cases);
        random_.seed(seed);
    }

    uint64_t word() { return random_(); }
    uint64_t below(uint64_t n) { return random_() % n; }
    bool one_in(uint64_t n) { return below(n) == 0; }

    template <class T>
    void shuffle(T* items, int n) {
        for (int i = n - 1; i > 0; --i) std::swap(items[i], items[below(static_cast<uint64_t>(i) + 1)]);
    }

    void expect(const char* signal, int index, uint64_t got, uint64_t want) {
        ++compared;
        if (got == want) return;
        if (++differences <= 10) {
            std::printf("difference: %s, seed %" PRIu64 ", case %" PRIu64 ", cycle %" PRIu64 ": %s[%d]: got %" PRIx64
                        ", expected %" PRIx64 "\n",
                        name_, seed, at_case, cycle, signal, index, got, want);
        }
    }

    bool going() const { return at_case < cases && differences < 10; }

    int result(const char* what) const {
        std::printf("%s: %" PRIu64 " cases, %" PRIu64 " cycles, %" PRIu64 " values compared (%s), %" PRIu64 " differences\n", name_,
                    at_case, cycle, compared, what, differences);
        return differences == 0 && compared != 0 ? 0 : 1;
    }

    uint64_t seed = 1, cases, at_case = 0, cycle = 0, compared = 0, differences = 0;

  private:
    const char* name_;
    std::mt19937_64 random_;
};

template <class Top>
void clock(Top& top, Bench& bench) {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
    ++bench.cycle;
}

}    // namespace leaf
