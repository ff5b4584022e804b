// What an output unit computes, by the formula of the module's header.
#pragma once

#include <cstdint>

namespace output_unit {

struct Case {
    uint32_t sum, bias;
    uint32_t mult;
    int shift;
    int round;
    bool window;
    int acc() const { return static_cast<int32_t>(sum + bias); }
};

struct Layer {
    int zero_point, lo, hi;
};

inline int clamp(int64_t value, const Layer& layer) {
    const int64_t biased = value + layer.zero_point;
    return static_cast<int>(biased < layer.lo ? layer.lo : biased > layer.hi ? layer.hi : biased);
}

inline int bits(unsigned __int128 value) {
    int n = 0;
    for (; value != 0; value >>= 1) ++n;
    return n;
}

// |acc| at or above 2^24 rounded to 24 significant bits.
inline int64_t round24(int64_t acc) {
    const int64_t magnitude = acc < 0 ? -acc : acc;
    const int drop = bits(magnitude) - 24;
    if (drop <= 0) return acc;
    const int64_t half = int64_t{1} << (drop - 1);
    int64_t kept = magnitude >> drop;
    const int64_t rest = magnitude & ((int64_t{1} << drop) - 1);
    if (rest > half || (rest == half && (kept & 1))) ++kept;
    return acc < 0 ? -(kept << drop) : kept << drop;
}

inline int saturate(__int128 q, const Layer& layer) {
    const int64_t limit = int64_t{1} << 40;
    return clamp(q > limit ? limit : q < -limit ? -limit : static_cast<int64_t>(q), layer);
}

inline int by_integers(const Case& c, const Layer& layer) {
    const __int128 acc = c.window ? round24(c.acc()) : c.acc();
    const __int128 product = acc * c.mult;
    const int length = bits(product < 0 ? -product : product);
    const __int128 t = c.window && length >= 25 ? __int128{1} << (length - 25) : 0;
    const __int128 twice = __int128{1} << 30;
    const __int128 constants[4][2] = {{0, 0}, {0, -1}, {twice, -twice}, {t, t}};
    const __int128 p = product + (__int128{1} << (c.shift - 1)) + constants[c.round][c.acc() < 0];
    __int128 q = p >> c.shift;
    const __int128 rest = p - (q << c.shift);
    if (c.round == 3 && rest <= 2 * t) q &= ~__int128{1};
    return saturate(q, layer);
}

}    // namespace output_unit
