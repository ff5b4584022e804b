// Fields of a model's ports of any width, and the options of a bench.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "verilated.h"

namespace ports {

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

// --seed S, --cases N
inline void options(int argc, char** argv, uint64_t& seed, uint64_t& cases) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 0);
        if (std::strcmp(argv[i], "--cases") == 0) cases = std::strtoull(argv[i + 1], nullptr, 0);
    }
    std::printf("seed %" PRIu64 "\n", seed);
}

}    // namespace ports
