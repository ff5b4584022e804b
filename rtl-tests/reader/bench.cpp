// Bench of naas_reader: layers of random loops, windows, padding, weight and parameter tiles; descriptors; a random AXI slave.
//
// usage: bench [--seed S] [--cases N]      built with -DBUS, -DISUBS, -DWSUBS, -DPSUBS, -DDESC and -DISLOTS, -DWSLOTS,
//                                         -DPSLOTS as the module's parameters
//
// Reference: the whole nest of off-chip loops; where an operand's tile changes there is a job, whose nested loops list all
// positions, beats, bursts and level-2 places. Compared: bursts, every level-2 or descriptor write (kind, slot, place, data, the
// cycle after arrival), tokens, the count of requests, beats under way. With a slave that is always ready, the cycle of each
// decision and address.

#include <deque>

#include "../engine.h"
#include "Vnaas_reader.h"

namespace {

using namespace engine;

enum Kind { kI, kW, kP, kD };

constexpr unsigned kAddressBits = 28, kQueue = 128;    // as the module has them
constexpr uint64_t kAddressMask = (uint64_t{1} << kAddressBits) - 1, kPatience = 4000;
constexpr unsigned kSlots[3] = {ISLOTS, WSLOTS, PSLOTS};

struct Beat {
    uint64_t address;    // of a beat
    int kind;
    uint32_t slot, place;
    bool last;
};

struct Burst {
    uint64_t address;
    uint32_t beats, job, at;    // at: position of its first beat in the job
};

struct Job {
    int kind;
    uint32_t slot, positions;
    uint64_t took;
};

class Bench {
  public:
    explicit Bench(uint64_t seed) : random_(seed), report_(seed), salt_(random_.word()) {}

    int run(uint64_t cases) {
        reset();
        for (uint64_t i = 0; i < cases; ++i) {
            layer(i);
            if (report_.here() != 0) reset();
        }
        std::printf("reader BUS=%d ISUBS=%d WSUBS=%d PSUBS=%d slots %d %d %d: %" PRIu64 " layers, jobs %" PRIu64 " I %" PRIu64
                    " W %" PRIu64 " P, %" PRIu64 " positions, %" PRIu64 " beats, %" PRIu64
                    " jobs that end in padding, most under way %" PRId64 "; %" PRIu64 " comparisons, %" PRIu64 " differences\n",
                    BUS, ISUBS, WSUBS, PSUBS, ISLOTS, WSLOTS, PSLOTS, cases, kinds_[kI], kinds_[kW], kinds_[kP], positions_,
                    beats_total_, padded_ends_, most_, report_.compared(), report_.total());
        return report_.status();
    }

  private:
    void reset() {
        top_.rst_ni = 1;
        top_.eval();
        top_.rst_ni = top_.clk_i = top_.load_i = top_.active_i = top_.desc_req_i = top_.rvalid_i = 0;
        top_.eval();
        top_.clk_i = 1;
        top_.eval();
        top_.rst_ni = 1;
        ar_held_.reset();
        under_way_.clear();
        arrived_ = false;
    }

    void layer(uint64_t number) {
        always_ = number % 3 == 0;
        static const unsigned often[] = {5, 20, 50, 80, 100};
        ar_percent_ = always_ ? 100 : often[random_.below(5)];
        r_percent_ = always_ ? 100 : often[random_.below(5)];
        latency_ = always_ ? random_.from(1, kQueue - 16) : random_.from(1, random_.below(3) == 0 ? 500 : 50);
        eager_ = random_.below(2) != 0;
        report_.begin(number, always_ ? "always ready" : "random slave");
        if (random_.below(2) != 0) descriptor();
        if (report_.here() != 0) return;
        begin();
        describe();
        top_.load_i = 1;
        cycle(false);
        top_.load_i = 0;
        transfer();
        for (const Job& job : jobs_) ++kinds_[job.kind], positions_ += job.positions;
        beats_total_ += beats_.size();
    }

    void begin() {
        beats_.clear();
        bursts_.clear();
        jobs_.clear();
        ar_seen_ = r_seen_ = writes_ = takes_ = 0;
        requests_ = 0;
        for (int kind = 0; kind < 3; ++kind) {
            free_[kind] = kSlots[kind];
            used_[kind] = ready_[kind] = 0;
        }
        patience_ = kPatience;
    }

    void descriptor() {
        begin();
        const uint64_t at = random_.word() % (kAddressMask * BUS - 4096) / 128 * 128;
        top_.desc_addr_i = at;
        jobs_.push_back({kD, 0, DESC, 0});
        linear(at / BUS, DESC, [](uint32_t n) { return n; }, kD, 0);
        top_.desc_req_i = 1;
        cycle(false);
        top_.desc_req_i = 0;
        takes_ = 1;
        transfer();
        top_.desc_addr_i = random_.word();
    }

    template <typename Place>
    void linear(uint64_t base, uint32_t count, const Place& place, int kind, uint32_t slot) {
        for (uint32_t n = 0; n < count; ++n) {
            const uint64_t address = (base + n) & kAddressMask;
            if (n == 0 || address % 16 == 0) bursts_.push_back({address, 0, static_cast<uint32_t>(jobs_.size() - 1), n});
            ++bursts_.back().beats;
            beats_.push_back({address, kind, slot, place(n), n + 1 == count});
        }
    }

    uint32_t trip(uint32_t most) { return random_.below(2) != 0 ? 1 : random_.from(1, most); }

    struct Extent {
        uint32_t full, edge;
        uint32_t of(bool at_edge) const { return at_edge ? edge : full; }
    };
    Extent extent(uint32_t least, uint32_t most) {
        Extent e{};
        e.full = random_.from(least, most);
        e.edge = random_.from(least, e.full);
        return e;
    }
    template <typename T>
    void put_last(T& port, const Extent& e) {
        put(port, 0, 16, e.full - 1);
        put(port, 16, 16, e.edge - 1);
    }

    void describe() {
        const bool depthwise = random_.below(3) == 0, single = random_.below(4) == 0, far = random_.below(8) == 0;
        const int channel = depthwise ? K : C;
        const uint32_t relevant[3] = {1u << G | 1u << N | 1u << channel | 1u << Y | 1u << X | 1u << R | 1u << S,
                                      1u << G | 1u << K | 1u << C | 1u << R | 1u << S, 1u << G | 1u << K};
        Index trips(8);
        uint32_t steps;
        do {
            steps = 1;
            for (uint32_t& n : trips) steps *= n = trip(3);
        } while (steps > 24);
        const std::vector<int> order = random_order(random_, false);

        // Windows: reaches of Y X R S, origins, a map that may be smaller than a window.
        const Extent blocks = extent(1, 3);
        const Extent reach[4] = {extent(0, 4), extent(0, random_.below(3) == 0 ? 40 : 6), extent(0, 3), extent(0, 3)};
        const uint32_t most = far ? 65535 : random_.below(4) == 0 ? 12 : 80;
        const uint32_t height = random_.from(most / 3 + 1, most), width = random_.from(most / 3 + 1, most);
        const uint32_t pad_y = random_.below(2) != 0 ? 0 : random_.below(8), pad_x = random_.below(2) != 0 ? 0 : random_.below(20);
        const uint32_t origin_y[2] = {random_.below(far ? height / 3 + 1 : 9), random_.below(5)};
        const uint32_t origin_x[2] = {random_.below(far ? width / 3 + 1 : 12), random_.below(5)};
        const uint32_t column = single ? random_.from(1, 3) : 1;
        const uint32_t row = width * column + random_.below(9), block = height * row + random_.below(99);
        const uint32_t safe = random_.word() & kAddressMask;
        const uint32_t base = (safe - pad_y * row - pad_x * column) & kAddressMask;    // may be below the tensor
        uint32_t i_stride[8];
        for (int l = 0; l < 8; ++l) i_stride[l] = random_.word();    // of loops that do not move I: no matter
        i_stride[channel] = blocks.full * block;
        i_stride[G] = trips[channel] * i_stride[channel] + random_.below(99);
        i_stride[N] = trips[G] * i_stride[G];
        i_stride[Y] = origin_y[0] * row;
        i_stride[R] = origin_y[1] * row;
        i_stride[X] = origin_x[0] * column;
        i_stride[S] = origin_x[1] * column;
        if (channel == K) trips[C] = 1; else i_stride[K] = 0;
        if (channel == K) i_stride[C] = 0;
        const uint32_t i_l2_row = (reach[1].full + reach[3].full + 1) * ISUBS + random_.below(5);
        const uint32_t i_l2_word = (reach[0].full + reach[2].full + 1) * i_l2_row + random_.below(9);

        const Extent words = extent(1, 3), c = extent(1, 4), r = extent(1, 3), s = extent(1, 3), p_words = extent(1, 3);
        const uint32_t w_l2_r = s.full * WSUBS + random_.below(3), w_l2_c = r.full * w_l2_r + random_.below(3);
        const uint32_t w_l2_k = c.full * w_l2_c + random_.below(9);
        const uint32_t w_base = random_.word() & kAddressMask, p_base = random_.word() & kAddressMask;
        uint32_t w_stride[5], p_stride[2];
        for (uint32_t& stride : w_stride) stride = random_.below(1 << 20);
        for (uint32_t& stride : p_stride) stride = random_.below(1 << 20);
        const int w_loop[5] = {G, K, C, R, S}, p_loop[2] = {G, K};

        top_.depthwise_i = depthwise;
        put_order(top_.inner_i, order, random_);
        top_.i_relevant_i = relevant[kI];
        top_.w_relevant_i = relevant[kW];
        top_.p_relevant_i = relevant[kP];
        for (int l = 0; l < 8; ++l) put(top_.offchip_last_i, l * 16, 16, trips[l] - 1);
        put_last(top_.i_blocks_last_i, blocks);
        for (int d = 0; d < 4; ++d) {
            put(top_.reach_i, d * 32, 16, reach[d].full);
            put(top_.reach_i, d * 32 + 16, 16, reach[d].edge);
        }
        for (int i = 0; i < 2; ++i) {
            put(top_.origin_y_i, i * 32, 32, origin_y[i]);
            put(top_.origin_x_i, i * 32, 32, origin_x[i]);
        }
        top_.pad_y_i = pad_y;
        top_.pad_x_i = pad_x;
        top_.height_i = height;
        top_.width_i = width;
        top_.i_safe_i = safe;
        top_.i_base_i = base;
        for (int l = 0; l < 8; ++l) put(top_.i_tile_stride_i, l * 32, 32, i_stride[l]);
        put(top_.i_job_stride_i, 0, 32, block);
        put(top_.i_job_stride_i, 32, 32, row);
        put(top_.i_job_stride_i, 64, 32, column);
        put(top_.i_l2_stride_i, 0, 32, i_l2_word);
        put(top_.i_l2_stride_i, 32, 32, i_l2_row);
        top_.i_single_i = single;
        top_.w_base_i = w_base;
        for (int i = 0; i < 5; ++i) put(top_.w_tile_stride_i, i * 32, 32, w_stride[i]);
        for (unsigned e = 0; e < 16; ++e) {
            const uint32_t n = words.of(e & 1) * c.of(e >> 1 & 1) * r.of(e >> 2 & 1) * s.of(e >> 3 & 1) * WSUBS;
            put(top_.w_beats_last_i, e * 32, 32, n - 1);
        }
        put_last(top_.w_words_last_i, words);
        put_last(top_.c_last_i, c);
        put_last(top_.r_last_i, r);
        put_last(top_.s_last_i, s);
        put(top_.w_l2_stride_i, 0, 32, w_l2_k);
        put(top_.w_l2_stride_i, 32, 32, w_l2_c);
        put(top_.w_l2_stride_i, 64, 32, w_l2_r);
        top_.p_base_i = p_base;
        for (int i = 0; i < 2; ++i) {
            put(top_.p_tile_stride_i, i * 32, 32, p_stride[i]);
            put(top_.p_beats_last_i, i * 32, 32, p_words.of(i) * 9 * PSUBS - 1);
        }
        put_last(top_.p_words_last_i, p_words);

        // The reference.
        Index index(8), before[3];
        walk(order, 0, index, [&](int l, const Index&) { return trips[l]; }, [&](const Index& at) {
            const auto edge = [&](int l) { return at[l] + 1 == trips[l]; };
            for (int kind = kI; kind <= kP; ++kind) {
                const Index tile = tile_of(at, relevant[kind]);
                if (tile == before[kind]) continue;
                before[kind] = tile;
                const uint32_t slot = used_[kind]++ % kSlots[kind];
                jobs_.push_back({kind, slot, 0, 0});
                if (kind == kI) {
                    uint64_t start = base;
                    for (int l = 0; l < 8; ++l) start += uint64_t{at[l]} * i_stride[l];
                    const int64_t y0 = int64_t{at[Y]} * origin_y[0] + at[R] * origin_y[1] - pad_y;
                    const int64_t x0 = int64_t{at[X]} * origin_x[0] + at[S] * origin_x[1] - pad_x;
                    const uint32_t bs = blocks.of(edge(channel)), ys = reach[0].of(edge(Y)) + reach[2].of(edge(R)) + 1;
                    const uint32_t xs = reach[1].of(edge(X)) + reach[3].of(edge(S)) + 1;
                    uint32_t n = 0;
                    for (uint32_t b = 0; b < bs; ++b) {
                        for (uint32_t y = 0; y < ys; ++y) {
                            bool open = false;    // a burst of this row
                            for (uint32_t x = 0; x < xs; ++x, ++n) {
                                const bool last = n + 1 == bs * ys * xs;
                                const bool inside = y0 + y >= 0 && y0 + y < height && x0 + x >= 0 && x0 + x < width;
                                if (!inside && !last) continue;
                                const uint64_t there = start + uint64_t{b} * block + uint64_t{y} * row + uint64_t{x} * column;
                                const uint64_t address = (inside ? there : safe) & kAddressMask;
                                if (!open || single || !inside || address % 16 == 0) {
                                    bursts_.push_back({address, 0, static_cast<uint32_t>(jobs_.size() - 1), n});
                                }
                                open = true;
                                ++bursts_.back().beats;
                                const uint32_t place = b / ISUBS * i_l2_word + y * i_l2_row + x * ISUBS + b % ISUBS;
                                beats_.push_back({address, kI, slot, place, last});
                                padded_ends_ += !inside;
                            }
                        }
                    }
                    jobs_.back().positions = n;
                } else if (kind == kW) {
                    uint64_t start = w_base;
                    for (int i = 0; i < 5; ++i) start += uint64_t{at[w_loop[i]]} * w_stride[i];
                    std::vector<uint32_t> places;
                    for (uint32_t kw = 0; kw < words.of(edge(K)); ++kw)
                        for (uint32_t cc = 0; cc < c.of(edge(C)); ++cc)
                            for (uint32_t rr = 0; rr < r.of(edge(R)); ++rr)
                                for (uint32_t ss = 0; ss < s.of(edge(S)); ++ss)
                                    for (uint32_t sub = 0; sub < WSUBS; ++sub)
                                        places.push_back(kw * w_l2_k + cc * w_l2_c + rr * w_l2_r + ss * WSUBS + sub);
                    jobs_.back().positions = places.size();
                    linear(start, places.size(), [&](uint32_t i) { return places[i]; }, kW, slot);
                } else {
                    // Planes of a word: 9 of 16 places.
                    uint64_t start = p_base;
                    for (int i = 0; i < 2; ++i) start += uint64_t{at[p_loop[i]]} * p_stride[i];
                    const uint32_t count = p_words.of(edge(K)) * 9 * PSUBS;
                    jobs_.back().positions = count;
                    linear(start, count, [](uint32_t i) { return i / (9 * PSUBS) * 16 * PSUBS + i % (9 * PSUBS); }, kP, slot);
                }
            }
        });
    }

    // ---- the run
    void transfer() {
        const bool layer = jobs_[0].kind != kD;
        top_.active_i = layer;
        free_from_ = cycle_;
        while (report_.here() == 0 && (writes_ < beats_.size() || takes_ < jobs_.size())) {
            cycle(true);
            if (patience_-- == 0) report_.difference(cycle_, "no progress, writes", beats_.size(), writes_, beats_.size());
        }
        // Slots are free, but nothing is left to do.
        for (uint32_t n = random_.below(12); n > 0 && report_.here() == 0; --n) cycle(true);
        top_.active_i = 0;
        if (report_.here() == 0) report_.equal(cycle_, "request_o", 0, requests_, layer ? beats_.size() : 0);
    }

    uint8_t content(uint64_t address, unsigned byte) const {
        uint64_t h = (address * BUS + byte + salt_) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
        return static_cast<uint8_t>(h * 0xBF58476D1CE4E5B9u >> 56);
    }

    void cycle(bool running) {
        top_.clk_i = 0;
        top_.i_slot_i = free_[kI] != 0;
        top_.w_slot_i = free_[kW] != 0;
        top_.p_slot_i = free_[kP] != 0;
        top_.arready_i = random_.chance(ar_percent_);
        const bool arrives = !under_way_.empty() && under_way_.front().ready <= cycle_ && random_.chance(r_percent_);
        top_.rvalid_i = arrives;
        for (unsigned i = 0; i < BUS; ++i) put(top_.rdata_i, i * 8, 8, arrives ? content(under_way_.front().address, i) : random_.byte());
        top_.eval();
        report_.equal(cycle_, "rready_o", 0, top_.rready_o, 1);
        takes(running);
        writes();
        addresses();
        if (arrives) {
            UnderWay& burst = under_way_.front();
            ++burst.address;
            if (--burst.beats == 0) under_way_.pop_front();
            ++r_seen_;
            patience_ = kPatience;
        }
        arrived_ = arrives;
        requests_ += top_.request_o;
        if (running && jobs_[0].kind != kD) {
            const int64_t under_way = int64_t{requests_} - r_seen_;
            most_ = std::max(most_, under_way);
            if (under_way > kQueue) report_.difference(cycle_, "beats under way", 0, under_way, kQueue);
        }
        top_.clk_i = 1;
        top_.eval();
        ++cycle_;
    }

    void takes(bool running) {
        const bool take[3] = {bool(top_.take_i_o), bool(top_.take_w_o), bool(top_.take_p_o)};
        const bool some = take[0] || take[1] || take[2];
        const bool left = running && takes_ < jobs_.size();
        if (always_ && left) {
            // Back to back: the decision falls with the last issue of the job before.
            report_.equal(cycle_, "cycle of a decision", takes_, some, cycle_ >= free_from_ && free_[jobs_[takes_].kind] != 0);
        }
        for (int kind = 0; kind < 3; ++kind) {
            if (!take[kind]) continue;
            report_.equal(cycle_, "take of kind", takes_, kind, left ? jobs_[takes_].kind : 9);
            report_.equal(cycle_, "take without a slot", takes_, free_[kind] != 0, 1);
            --free_[kind];
            if (!left) continue;
            jobs_[takes_].took = cycle_;
            free_from_ = cycle_ + jobs_[takes_].positions;
            ++takes_;
            patience_ = kPatience;
        }
        // Whoever empties slots takes its time.
        for (int kind = 0; kind < 3; ++kind) {
            if (ready_[kind] != 0 && (eager_ || random_.chance(4))) {
                --ready_[kind];
                ++free_[kind];
            }
        }
    }

    void writes() {
        const bool enables[4] = {bool(top_.i_we_o), bool(top_.w_we_o), bool(top_.p_we_o), bool(top_.desc_we_o)};
        const bool gives[4] = {bool(top_.give_i_o), bool(top_.give_w_o), bool(top_.give_p_o), bool(top_.desc_done_o)};
        const bool due = arrived_ && writes_ < beats_.size();
        const Beat none{0, 4, 0, 0, false};
        const Beat& want = due ? beats_[writes_] : none;
        static const char* const we[] = {"i_we_o", "w_we_o", "p_we_o", "desc_we_o"};
        static const char* const give[] = {"give_i_o", "give_w_o", "give_p_o", "desc_done_o"};
        for (int kind = 0; kind < 4; ++kind) {
            report_.equal(cycle_, we[kind], writes_, enables[kind], kind == want.kind);
            report_.equal(cycle_, give[kind], writes_, gives[kind], kind == want.kind && want.last);
            if (kind < 3 && gives[kind]) ++ready_[kind];
        }
        if (!due) return;
        if (want.kind == kD) {
            report_.equal(cycle_, "desc_beat_o", writes_, top_.desc_beat_o, want.place);
        } else {
            report_.equal(cycle_, "l2_slot_o", writes_, top_.l2_slot_o, want.slot);
            report_.equal(cycle_, "l2_beat_o", writes_, top_.l2_beat_o, want.place);
        }
        for (unsigned i = 0; i < BUS; ++i) {
            report_.equal(cycle_, "data_o", uint64_t{writes_} * BUS + i, get(top_.data_o, i * 8, 8), content(want.address, i));
        }
        ++writes_;
    }

    void addresses() {
        const uint64_t address = top_.araddr_o;
        ar_held_.check(report_, cycle_, "AR stable", top_.arvalid_o, top_.arready_i, address, top_.arlen_o);
        if (!top_.arvalid_o) return;
        if (ar_seen_ >= bursts_.size()) {
            report_.difference(cycle_, "AR beyond the last burst", ar_seen_, address, 0);
            return;
        }
        const Burst& want = bursts_[ar_seen_];
        const Job& job = jobs_[want.job];
        if (always_ && job.kind != kD) report_.equal(cycle_, "cycle of AR", ar_seen_, cycle_, job.took + 2 + want.at);
        if (!top_.arready_i) return;
        patience_ = kPatience;
        report_.equal(cycle_, "ARADDR", ar_seen_, address, want.address * BUS);
        report_.equal(cycle_, "ARLEN", ar_seen_, top_.arlen_o, want.beats - 1);
        const uint32_t beats = top_.arlen_o + 1u;
        if (beats > 16) report_.difference(cycle_, "burst of more than 16", ar_seen_, beats, 16);
        if (address / BUS % 16 + beats > 16) report_.difference(cycle_, "burst across a boundary", ar_seen_, address, beats);
        under_way_.push_back({address / BUS, beats, cycle_ + latency_});
        ++ar_seen_;
    }

    struct UnderWay {
        uint64_t address;
        uint32_t beats;
        uint64_t ready;
    };

    Vnaas_reader top_;
    Random random_;
    Report report_;
    uint64_t salt_;
    bool always_ = false, eager_ = false, arrived_ = false;
    unsigned ar_percent_ = 0, r_percent_ = 0, latency_ = 1;
    std::vector<Beat> beats_;
    std::vector<Burst> bursts_;
    std::vector<Job> jobs_;
    std::deque<UnderWay> under_way_;
    Held ar_held_;
    uint32_t free_[3] = {}, ready_[3] = {}, used_[3] = {};
    uint64_t cycle_ = 0, patience_ = 0, free_from_ = 0;
    uint32_t ar_seen_ = 0, r_seen_ = 0, writes_ = 0, takes_ = 0, requests_ = 0;
    uint64_t kinds_[4] = {}, positions_ = 0, beats_total_ = 0, padded_ends_ = 0;
    int64_t most_ = 0;
};

}    // namespace

int main(int argc, char** argv) {
    uint64_t seed = 1, cases = 2000;
    engine::options(argc, argv, seed, cases);
    return Bench(seed).run(cases);
}
