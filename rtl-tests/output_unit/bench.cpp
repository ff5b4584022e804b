// Bench of naas_output_unit: random and chosen cases against float32 arithmetic and against plain integers.
//
// usage: bench [--seed S] [--cases N]
//
// Every rounding is drawn. With the window the reference is float32 arithmetic of this machine, rounding to nearest even:
// nearbyintf(float(acc) * s) with s = mult * 2^-shift, which is exact; the rounding of TFLite's reference kernels is checked
// by gemmlowp's two steps, halves away from zero and to even by exact quotients. All are checked a second time by the
// formula of the module's header.

#include <cfenv>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>

#include "Vnaas_output_unit.h"
#include "reference.h"
#include "verilated.h"

namespace {

using namespace output_unit;

constexpr int kLatency = 8;

// gemmlowp as its header has it: the rounded high word of the doubled product, then a shift that compares the remainder.
int by_gemmlowp(const Case& c, const Layer& layer) {
    const __int128 product = __int128{c.acc()} * c.mult;
    const __int128 nudge = product >= 0 ? __int128{1} << 30 : 1 - (__int128{1} << 30);
    const __int128 high = (product + nudge) / (__int128{1} << 31);
    const int shift = c.shift - 31;
    const __int128 mask = (__int128{1} << shift) - 1;
    const __int128 threshold = (mask >> 1) + (high < 0 ? 1 : 0);
    return saturate((high >> shift) + ((high & mask) > threshold ? 1 : 0), layer);
}

// The quotient of magnitudes and its remainder against a half.
int by_quotient(const Case& c, const Layer& layer) {
    const __int128 product = __int128{c.acc()} * c.mult;
    const __int128 magnitude = product < 0 ? -product : product;
    const __int128 divisor = __int128{1} << c.shift;
    __int128 q = magnitude / divisor;
    const __int128 twice = 2 * (magnitude % divisor);
    const bool up = c.round == 0 ? product > 0 : c.round == 1 || (q & 1) != 0;
    if (twice > divisor || (twice == divisor && up)) ++q;
    return saturate(product < 0 ? -q : q, layer);
}

int by_float(const Case& c, const Layer& layer) {
    const float scale = std::ldexp(static_cast<float>(c.mult), -c.shift);
    volatile float product = static_cast<float>(c.acc()) * scale;
    const float rounded = std::nearbyintf(product);
    return clamp(rounded > 1e9f ? 1000000000 : rounded < -1e9f ? -1000000000 : static_cast<int64_t>(rounded), layer);
}

class Source {
  public:
    explicit Source(uint64_t seed) : engine_(seed) {}

    Case next() {
        Case c{};
        c.round = TIE_WINDOW == 2 ? 3 : static_cast<int>(below(4));
        c.window = TIE_WINDOW == 2 || (TIE_WINDOW == 1 && c.round == 3 && below(8) != 0);
        // Float32 has significands of 24 bits.
        mult_bits_ = c.window ? 24 : MULT_BITS;
        c.mult = multiplier();
        // What only rounds so wants multipliers that are normalised, or zero.
        if (TIE_WINDOW == 2 && c.mult != 0) c.mult |= uint32_t{1} << 23;
        c.shift = c.round == 2 ? 32 + static_cast<int>(below(31)) : shift();
        const uint32_t acc = accumulator(c);
        c.bias = below(4) == 0 ? 0 : below(2) != 0 ? word() : word() >> 12;
        c.sum = acc - c.bias;
        return c;
    }

    Layer layer() {
        Layer l{};
        l.zero_point = static_cast<int>(below(256)) - 128;
        l.lo = below(2) != 0 ? -128 : static_cast<int>(below(256)) - 128;
        l.hi = below(2) != 0 ? 127 : l.lo + static_cast<int>(below(static_cast<uint32_t>(128 - l.lo)));
        return l;
    }

  private:
    uint32_t word() { return static_cast<uint32_t>(engine_()); }
    uint32_t below(uint32_t n) { return word() % n; }

    uint32_t multiplier() {
        const uint32_t top = uint32_t{1} << (mult_bits_ - 1);
        switch (below(8)) {
            case 0: return top;                                        // scale is a power of two
            case 1: return uint32_t{1} << below(mult_bits_);           // the same, not normalised
            case 2: return word() & (2 * top - 1);                     // any, zero included
            case 3: return (top | (word() & (top - 1))) & ~0xFFFFu;    // few significant bits: many exact ties
            default: return top | (word() & (top - 1));                // normalised, as compilers emit
        }
    }

    int shift() { return below(8) == 0 ? 1 + static_cast<int>(below(62)) : 24 + static_cast<int>(below(mult_bits_)); }

    uint32_t accumulator(const Case& c) {
        switch (below(8)) {
            case 0: return word();
            case 1: return word() >> below(32);
            case 2: return 0u - (word() >> below(32));
            case 3: return sign((uint32_t{1} << (24 + below(8))) + below(9) - 4);    // around powers of two from 2^24 up
            case 4: return sign((word() & 0xFFu) << below(25) | below(2));           // sparse
            default: return near_tie(c);
        }
    }

    // The accumulator whose product is nearest to some odd number of halves, or a neighbour.
    uint32_t near_tie(const Case& c) {
        if (c.mult == 0) return word();
        const double halves = 2.0 * below(256) + 1.0;
        const double acc = std::ldexp(halves, c.shift - 1) / c.mult;
        if (acc >= 2147483647.0) return word();
        return sign(static_cast<uint32_t>(std::llround(acc)) + below(3) - 1);
    }

    uint32_t sign(uint32_t magnitude) { return below(2) != 0 ? magnitude : 0u - magnitude; }

    std::mt19937_64 engine_;
    uint32_t mult_bits_ = MULT_BITS;
};

class Bench {
  public:
    explicit Bench(uint64_t seed) : source_(seed) {}

    // Runs batches of one layer each, back to back cases within a batch; returns the number of differences.
    uint64_t run(uint64_t cases) {
        while (cases_ < cases) batch(4096);
        std::printf("output_unit TIE_WINDOW=%d MULT_BITS=%d: %" PRIu64 " cases (%" PRIu64 " with |acc| >= 2^24), %" PRIu64
                    " differences\n",
                    TIE_WINDOW, MULT_BITS, cases_, large_, differences_);
        std::printf("halves up %" PRIu64 ", away %" PRIu64 ", twice %" PRIu64 ", to even %" PRIu64 ", float32 %" PRIu64 "\n",
                    kinds_[0], kinds_[1], kinds_[2], kinds_[3], kinds_[4]);
        return differences_;
    }

  private:
    void batch(int count) {
        const Layer layer = source_.layer();
        std::deque<Case> flight;    // oldest first
        for (int i = 0; i < count + kLatency; ++i) {
            if (i >= kLatency) {
                check(flight.front(), layer);
                flight.pop_front();
            }
            flight.push_back(source_.next());
            apply(flight.back(), layer);
            if (flight.size() > 2) scale(flight[flight.size() - 3]);
            clock();
        }
    }

    void apply(const Case& c, const Layer& layer) {
        top_.sum_i = c.sum;
        top_.bias_i = c.bias;
        top_.zero_point_i = static_cast<uint8_t>(layer.zero_point);
        top_.lo_i = static_cast<uint8_t>(layer.lo);
        top_.hi_i = static_cast<uint8_t>(layer.hi);
    }

    // Two cycles after its sum.
    void scale(const Case& c) {
        top_.mult_i = c.mult;
        top_.shift_i = static_cast<uint8_t>(c.shift);
        top_.round_i = static_cast<uint8_t>(c.round);
        top_.window_i = c.window;
    }

    void clock() {
        top_.clk_i = 0;
        top_.eval();
        top_.clk_i = 1;
        top_.eval();
    }

    void check(const Case& c, const Layer& layer) {
        const int got = static_cast<int8_t>(top_.out_o);
        const int want = by_integers(c, layer);
        const int other = c.window ? by_float(c, layer) : c.round == 2 ? by_gemmlowp(c, layer) : by_quotient(c, layer);
        ++cases_;
        ++kinds_[c.window ? 4 : c.round];
        large_ += std::abs(static_cast<int64_t>(c.acc())) >= (int64_t{1} << 24);
        if (got == want && got == other) return;
        if (differences_++ < 10) {
            std::printf("difference: acc %d mult %u shift %d round %d window %d zp %d lo %d hi %d: got %d, formula %d, other %d\n",
                        c.acc(), c.mult, c.shift, c.round, c.window, layer.zero_point, layer.lo, layer.hi, got, want, other);
        }
    }

    Vnaas_output_unit top_;
    Source source_;
    uint64_t cases_ = 0, large_ = 0, differences_ = 0;
    uint64_t kinds_[5] = {};
};

}    // namespace

int main(int argc, char** argv) {
    uint64_t seed = 1, cases = 2000000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 0);
        if (std::strcmp(argv[i], "--cases") == 0) cases = std::strtoull(argv[i + 1], nullptr, 0);
    }
    std::fesetround(FE_TONEAREST);
    std::printf("seed %" PRIu64 "\n", seed);
    return Bench(seed).run(cases) == 0 ? 0 : 1;
}
