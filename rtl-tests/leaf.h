// What benches of leaves share: options, random numbers, fields of ports of any width, differences.

#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <algorithm>
#include <cstring>
#include <random>

#include "verilated.h"

namespace leaf {

inline uint64_t ones(int bits) { return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1; }

// Bits lo to lo + width - 1 of a port, at most 64.
template <class T>
uint64_t get(const T& port, int lo, int width) {
    return static_cast<uint64_t>(port) >> lo & ones(width);
}

template <std::size_t K>
uint64_t get(const VlWide<K>& port, int lo, int width) {
    uint64_t value = 0;
    for (int done = 0; done < width;) {
        const int at = lo + done, shift = at % 32, some = 32 - shift < width - done ? 32 - shift : width - done;
        value |= (port.m_storage[at / 32] >> shift & ones(some)) << done;
        done += some;
    }
    return value;
}

template <class T>
void put(T& port, int lo, int width, uint64_t value) {
    const uint64_t mask = ones(width) << lo;
    port = static_cast<T>((static_cast<uint64_t>(port) & ~mask) | (value << lo & mask));
}

template <std::size_t K>
void put(VlWide<K>& port, int lo, int width, uint64_t value) {
    for (int done = 0; done < width;) {
        const int at = lo + done, shift = at % 32, some = 32 - shift < width - done ? 32 - shift : width - done;
        const uint32_t mask = static_cast<uint32_t>(ones(some) << shift);
        uint32_t& word = port.m_storage[at / 32];
        word = (word & ~mask) | (static_cast<uint32_t>(value >> done << shift) & mask);
        done += some;
    }
}

class Bench {
  public:
    Bench(const char* name, int argc, char** argv, uint64_t cases) : cases(cases), name_(name) {
        for (int i = 1; i + 1 < argc; i += 2) {
            if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 0);
            if (std::strcmp(argv[i], "--cases") == 0) this->cases = std::strtoull(argv[i + 1], nullptr, 0);
        }
        random_.seed(seed);
        std::printf("seed %" PRIu64 "\n", seed);
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
