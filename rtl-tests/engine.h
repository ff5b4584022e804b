// What the benches of the engines share: random numbers, reports, handshakes, and the loop nest of a layer.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "ports.h"

namespace engine {

using ports::get, ports::options, ports::put;

template <typename T>
void put_bytes(T& port, const uint8_t* bytes, unsigned count) {
    for (unsigned i = 0; i < count; ++i) put(port, i * 8, 8, bytes[i]);
}

template <typename T>
std::vector<uint8_t> get_bytes(const T& port, unsigned count) {
    std::vector<uint8_t> bytes(count);
    for (unsigned i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(get(port, i * 8, 8));
    return bytes;
}

// ---- random numbers
class Random {
  public:
    explicit Random(uint64_t seed) : engine_(seed) {}
    uint64_t word() { return engine_(); }
    uint32_t below(uint64_t n) { return static_cast<uint32_t>(engine_() % n); }
    uint32_t from(uint32_t lo, uint32_t hi) { return lo + below(hi - lo + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }
    uint8_t byte() { return static_cast<uint8_t>(engine_()); }
    template <typename T>
    void shuffle(std::vector<T>& v) {
        for (std::size_t i = v.size(); i > 1; --i) std::swap(v[i - 1], v[below(i)]);
    }

  private:
    std::mt19937_64 engine_;
};

// ---- differences: the first ten in words
class Report {
  public:
    explicit Report(uint64_t seed) : seed_(seed) {}
    void begin(uint64_t number, const char* what) {
        case_ = number;
        what_ = what;
        here_ = 0;
    }
    void difference(uint64_t cycle, const char* signal, uint64_t index, uint64_t got, uint64_t want) {
        ++here_;
        if (total_++ >= 10) return;
        std::printf("difference: seed %" PRIu64 " case %" PRIu64 " (%s) cycle %" PRIu64 ": %s [%" PRIu64 "]: got 0x%" PRIx64
                    ", expected 0x%" PRIx64 "\n",
                    seed_, case_, what_, cycle, signal, index, got, want);
    }
    void equal(uint64_t cycle, const char* signal, uint64_t index, uint64_t got, uint64_t want) {
        ++compared_;
        if (got != want) difference(cycle, signal, index, got, want);
    }
    uint64_t total() const { return total_; }
    uint64_t here() const { return here_; }    // of this case
    uint64_t compared() const { return compared_; }
    int status() const { return total_ == 0 && compared_ != 0 ? 0 : 1; }

  private:
    uint64_t seed_, case_ = 0, total_ = 0, here_ = 0, compared_ = 0;
    const char* what_ = "";
};

// ---- the loop nest: 0 groups, 1 batch, 2..7 off-chip K C Y X R S, 8..13 level-2 K C Y X R S
enum Loop { G, N, K, C, Y, X, R, S, K2, C2, Y2, X2, R2, S2, kLoops };

using Index = std::vector<uint32_t>;    // per loop

// Loops, outermost first: groups, images, off-chip outputs, off-chip sums, level 2; within these as it comes.
inline std::vector<int> random_order(Random& random, bool level2) {
    std::vector<int> order = {G, N};
    std::vector<std::vector<int>> ranks = {{K, Y, X}, {C, R, S}};
    if (level2) ranks.push_back({K2, C2, Y2, X2, R2, S2});
    for (auto& rank : ranks) {
        random.shuffle(rank);
        order.insert(order.end(), rank.begin(), rank.end());
    }
    return order;
}

template <typename T>
void put_order(T& port, const std::vector<int>& order, Random& random) {
    for (unsigned i = 0; i < kLoops * kLoops; ++i) put(port, i, 1, random.below(2));    // of ranks, and of loops not there: no matter
    for (std::size_t i = 0; i < order.size(); ++i) {
        for (std::size_t j = 0; j < order.size(); ++j) put(port, static_cast<unsigned>(order[i] * kLoops + order[j]), 1, i < j);
    }
}

// Visits the whole nest; trips(loop, index) may depend on loops outside.
template <typename Trips, typename Visit>
void walk(const std::vector<int>& order, std::size_t depth, Index& index, const Trips& trips, const Visit& visit) {
    if (depth == order.size()) {
        visit(index);
        return;
    }
    const int loop = order[depth];
    const uint32_t n = trips(loop, index);
    for (uint32_t i = 0; i < n; ++i) {
        index[loop] = i;
        walk(order, depth + 1, index, trips, visit);
    }
    index[loop] = 0;
}

// Which of an operand's tiles an index means: those loops that index it.
inline Index tile_of(const Index& index, uint32_t relevant) {
    Index tile;
    for (std::size_t i = 0; i < index.size(); ++i) tile.push_back(relevant >> i & 1 ? index[i] : 0);
    return tile;
}

// What a handshake shows; while it waits, it must stay.
class Held {
  public:
    // Of an address channel.
    void check(Report& report, uint64_t cycle, const char* channel, bool valid, bool ready, uint64_t address, uint8_t length) {
        std::vector<uint8_t> payload = {length};
        for (int byte = 0; byte < 4; ++byte) payload.push_back(static_cast<uint8_t>(address >> 8 * byte));
        check(report, cycle, channel, valid, ready, payload);
    }
    void check(Report& report, uint64_t cycle, const char* channel, bool valid, bool ready, const std::vector<uint8_t>& payload) {
        if (waiting_) report.equal(cycle, channel, 0, !valid ? 2 : payload != payload_ ? 1 : 0, 0);
        waiting_ = valid && !ready;
        payload_ = payload;
    }
    void reset() { waiting_ = false; }

  private:
    bool waiting_ = false;
    std::vector<uint8_t> payload_;
};

}    // namespace engine
