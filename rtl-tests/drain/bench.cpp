// Bench of naas_drain: layers of random loops at both levels, ragged tiles, reduction passes, parameters; tokens at random times.
//
// usage: bench [--seed S] [--cases N]      built with -DLANES, -DUNITS, -DPSUMW, -DWORD, -DPK, -DOBITS, -DSLOTS, -DPSLOTS,
//                                         -DBSLOTS, -DMAXIMUM as the module's parameters, -DDRAINED if it is not LANES; where
//                                         there are no sums, rows and columns have one position each (ALONE)
//
// Reference: the whole nest of loops; where the output tile changes there is a job, the first one of its tile begins the sums, the
// last one ends them; the formula of the output unit makes bytes. Compared: every psum request (cycle, slot, address, positions),
// every decision's cycle (jobs run back to back where tokens are there), all tokens, the whole level-2 slot when its tile is
// complete, counters. Whatever a request did not ask for is garbage; freed psum and parameter slots become garbage.

#ifndef DRAINED
#define DRAINED LANES
#endif

#include <deque>
#include <map>

#include "../engine.h"
#include "../output_unit/reference.h"
#include "Vnaas_drain.h"

namespace {

using namespace engine;

constexpr unsigned kUnit = 8, kDepthP = 16, kAddressMask = 1023, kOutputBytes = OBITS / 8, kWordBytes = WORD * kOutputBytes;
constexpr unsigned kSubs = WORD / LANES, kPhases = LANES / UNITS;
constexpr uint32_t kOutputs = 1u << G | 1u << N | 1u << K | 1u << Y | 1u << X | 1u << K2 | 1u << Y2 | 1u << X2;
constexpr uint32_t kParams = 1u << G | 1u << K | 1u << K2, kOffchip = 0xff;
constexpr uint64_t kPatience = 4000;
constexpr bool kSums = OBITS == 32;
constexpr unsigned kAlone = kSums ? 0 : 12;    // rows and columns, as the Makefile has it

struct Parameter {
    uint32_t bias, mult;
    int shift, round;
    bool window;
};

struct Request {
    uint32_t address, k, y, x, place, sub, phase, word;    // place: level-2 output place; word: of the P slot
    int vector;
};

struct Job {
    bool first, final, fresh_o, fresh_p, leave_o, leave_p;
    uint32_t tile_o, tile_p, cycles, channels;    // numbers of its level-2 tiles, cycles from issue to issue, valid psums
    std::vector<Request> requests;
    std::vector<std::vector<int32_t>> vectors;    // psums
    uint64_t took = 0;
};

class Bench {
  public:
    explicit Bench(uint64_t seed) : random_(seed), report_(seed) {}

    int run(uint64_t cases) {
        reset();
        for (uint64_t i = 0; i < cases; ++i) {
            layer(i);
            if (report_.here() != 0) reset();
        }
        std::printf("drain LANES=%d UNITS=%d WORD=%d PK=%d PSUMW=%d OBITS=%d SLOTS=%d: %" PRIu64 " layers (%" PRIu64
                    " accumulate), %" PRIu64 " jobs (%" PRIu64 " add to sums, %" PRIu64 " back to back), %" PRIu64
                    " level-2 tiles; %" PRIu64 " comparisons, %" PRIu64 " differences\n",
                    LANES, UNITS, WORD, PK, PSUMW, OBITS, SLOTS, cases, accumulating_, jobs_total_, adding_, back_to_back_, tiles_total_,
                    report_.compared(), report_.total());
        return report_.status();
    }

  private:
    void reset() {
        top_.rst_ni = 1;
        top_.eval();
        top_.rst_ni = top_.clk_i = top_.load_i = top_.active_i = 0;
        top_.eval();
        top_.clk_i = 1;
        top_.eval();
        top_.rst_ni = 1;
    }

    void layer(uint64_t number) {
        report_.begin(number, "layer");
        static const unsigned often[] = {4, 30, 100, 100};
        for (unsigned& percent : percent_) percent = often[random_.below(4)];
        const bool partial = kSums && random_.below(3) != 0;
        while (!describe(partial)) {
        }
        top_.load_i = 1;
        top_.active_i = 0;
        start();
        cycle(false);
        top_.load_i = 0;
        top_.active_i = 1;
        while (report_.here() == 0 && given_o_ < tiles_o_) {
            cycle(true);
            if (patience_-- == 0) report_.difference(cycle_, "no progress, jobs", jobs_.size(), takes_, jobs_.size());
        }
        for (uint32_t n = random_.below(12); n > 0 && report_.here() == 0; --n) cycle(true);
        top_.active_i = 0;
        if (report_.here() == 0) {
            report_.equal(cycle_, "jobs", 0, takes_, jobs_.size());
            report_.equal(cycle_, "psum slots freed", 0, given_psum_, jobs_.size());
            report_.equal(cycle_, "busy_o", 0, busy_, want_busy_);
            report_.equal(cycle_, "words_o", 0, words_, want_words_);
            report_.equal(cycle_, "reads_o", 0, reads_, want_reads_);
        }
        accumulating_ += accumulate_;
        jobs_total_ += jobs_.size();
        tiles_total_ += tiles_o_;
    }

    // ---- the case
    uint32_t trip(uint32_t most) { return random_.below(2) != 0 ? 1 : random_.from(1, most); }

    template <typename T>
    void put_classes(T& port, const uint32_t (&values)[3], unsigned width, uint32_t less) {
        for (int i = 0; i < 3; ++i) put(port, i * width, width, values[i] - less);
    }

    // False if the layer is not one for this module: too large, or partial sums where level 2 has no room for them.
    bool describe(bool partial) {
        uint32_t trips[8], inside[6][2];
        uint32_t steps = 1;
        for (int l = 0; l < 8; ++l) {
            trips[l] = trip(l < 2 ? 2 : 3);
            if (!partial && (l == C || l == R || l == S)) trips[l] = 1;
            steps *= trips[l];
        }
        for (int d = 0; d < 6; ++d) {
            for (uint32_t& n : inside[d]) n = trip(3);
            if (inside[d][1] > inside[d][0]) std::swap(inside[d][0], inside[d][1]);
            if (!partial && (d == 1 || d >= 4)) inside[d][0] = inside[d][1] = 1;
            steps *= inside[d][0];
        }
        if (steps > 500) return false;
        const std::vector<int> order = random_order(random_, true);

        // By class: full, last of a full level-2 tile, last of the edge tile. Full tiles are whole words.
        uint32_t groups[3], tail[3], rows[3], columns[3], y_share[3], x_share[3];
        groups[0] = kSubs * random_.from(1, 2);
        groups[1] = kSubs * random_.from(1, groups[0] / kSubs);
        groups[2] = random_.from(1, groups[0]);
        for (uint32_t& n : tail) n = random_.from(1, LANES);
        rows[0] = random_.from(1, 4);
        columns[0] = random_.from(1, 5);
        for (int i = 1; i < 3; ++i) {
            rows[i] = random_.from(1, rows[0]);
            columns[i] = random_.from(1, columns[0]);
        }
        for (uint32_t& n : y_share) n = random_.from(1, 4);
        for (uint32_t& n : x_share) n = random_.from(1, 4);
        const uint32_t row = 3 * columns[0] + random_.below(3), word = 3 * rows[0] * row + random_.below(5);
        const uint32_t tile_k = groups[0] / kSubs * word, tile_y = rows[0] * row, tile_x = columns[0];
        depth_ = (3 * groups[0] / kSubs + 1) * word;
        const uint32_t p_step = groups[0] / kSubs;
        uint32_t local[3];
        for (uint32_t& stride : local) stride = random_.below(200);
        maximum_ = kSums && MAXIMUM != 0 && random_.below(3) == 0;
        limits_.lo = static_cast<int>(random_.below(256)) - 128;
        limits_.hi = limits_.lo + static_cast<int>(random_.below(128 - limits_.lo));
        if (random_.below(2) != 0) limits_.lo = -128, limits_.hi = 127;
        limits_.zero_point = static_cast<int>(random_.below(256)) - 128;

        // The reference's jobs.
        jobs_.clear();
        Index index(kLoops), before, before_o, before_p;
        tiles_o_ = tiles_p_ = 0;
        std::map<Index, std::size_t> last_of;
        std::vector<Index> tiles;
        accumulate_ = false;
        const auto trips_of = [&](int l, const Index& at) {
            if (l < 8) return trips[l];
            return inside[l - 8][at[l - 6] + 1 == trips[l - 6]];
        };
        walk(order, 0, index, trips_of, [&](const Index& at) {
            const Index tile = tile_of(at, kOutputs);
            if (tile == before) return;
            before = tile;
            Job job{};
            job.first = last_of.count(tile) == 0;
            if (!job.first) {
                accumulate_ = true;
                jobs_[last_of[tile]].final = false;
            }
            job.final = true;
            last_of[tile] = jobs_.size();
            const Index o = tile_of(at, kOutputs & kOffchip), p = tile_of(at, kParams & kOffchip);
            job.fresh_o = o != before_o;
            job.fresh_p = p != before_p;
            before_o = o;
            before_p = p;
            tiles_o_ += job.fresh_o;
            tiles_p_ += job.fresh_p;
            job.tile_o = tiles_o_ - 1;
            job.tile_p = tiles_p_ - 1;
            jobs_.push_back(job);
            tiles.push_back(at);
        });
        if (!kSums && accumulate_) return false;
        if (partial && !accumulate_ && random_.below(4) != 0) return false;

        want_busy_ = want_words_ = want_reads_ = 0;
        for (std::size_t j = 0; j < jobs_.size(); ++j) {
            Job& job = jobs_[j];
            const Index& at = tiles[j];
            job.leave_o = j + 1 == jobs_.size() || jobs_[j + 1].fresh_o;
            job.leave_p = j + 1 == jobs_.size() || jobs_[j + 1].fresh_p;
            const auto class_of = [&](int outer, int inner) {
                const bool edge = at[outer] + 1 == trips[outer];
                return at[inner] + 1 != inside[inner - 8][edge] ? 0 : edge ? 2 : 1;
            };
            const int kc = class_of(K, K2), yc = class_of(Y, Y2), xc = class_of(X, X2);
            const uint32_t offset = at[K2] * tile_k + at[Y2] * tile_y + at[X2] * tile_x;
            for (uint32_t g = 0; g < groups[kc]; ++g) {
                for (uint32_t y = 0; y < rows[yc]; ++y) {
                    for (uint32_t x = 0; x < columns[xc]; ++x) {
                        Request r{};
                        const uint32_t channel = g * LANES;
                        r.k = LANES > PK ? 0 : channel % PK;
                        r.address = (LANES > PK ? g : channel / PK) * local[0];
                        const auto deal = [&](uint32_t n, uint32_t share, bool alone, uint32_t stride, uint32_t& position) {
                            position = alone ? 0 : n / share;
                            r.address += (alone ? n : n % share) * stride;
                        };
                        deal(y, y_share[yc], (kAlone >> 2 & 1) != 0, local[1], r.y);
                        deal(x, x_share[xc], (kAlone >> 3 & 1) != 0, local[2], r.x);
                        r.address &= kAddressMask;
                        r.place = offset + g / kSubs * word + y * row + x;
                        r.sub = g % kSubs;
                        r.word = at[K2] * p_step + g / kSubs;
                        r.vector = static_cast<int>(job.vectors.size());
                        std::vector<int32_t> psums(LANES);
                        for (int32_t& psum : psums) {
                            const int32_t half = 1 << (PSUMW - 8);    // room for the sum of many
                            psum = maximum_ ? random_.below(256) : static_cast<int32_t>(random_.below(2 * uint64_t(half))) - half;
                        }
                        job.vectors.push_back(psums);
                        for (uint32_t phase = 0; phase < (job.final ? kPhases : 1); ++phase) {
                            r.phase = phase;
                            job.requests.push_back(r);
                        }
                        const uint32_t valid = g + 1 == groups[kc] ? tail[kc] : LANES;
                        want_words_ += valid;
                        want_reads_ += job.first ? 0 : valid;
                    }
                }
            }
            job.channels = (groups[kc] - 1) * LANES + tail[kc];
            want_busy_ += job.requests.size();
            job.cycles = job.requests.size() + (job.final && accumulate_ ? kUnit : 0);
            adding_ += !job.first;
        }
        parameters();
        expect();

        top_.accumulate_i = accumulate_;
        top_.maximum_i = maximum_;
        put_order(top_.inner_i, order, random_);
        top_.relevant_i = kOutputs;
        top_.p_relevant_i = kParams;
        for (int l = 0; l < 8; ++l) put(top_.offchip_last_i, l * 16, 16, trips[l] - 1);
        for (int d = 0; d < 6; ++d) {
            for (int edge = 0; edge < 2; ++edge) put(top_.l2_last_i, (d * 2 + edge) * 16, 16, inside[d][edge] - 1);
        }
        put_classes(top_.groups_last_i, groups, 16, 1);
        put_classes(top_.tail_i, tail, 8, 0);
        put_classes(top_.y_last_i, rows, 16, 1);
        put_classes(top_.x_last_i, columns, 16, 1);
        put_classes(top_.y_share_last_i, y_share, 16, 1);
        put_classes(top_.x_share_last_i, x_share, 16, 1);
        put_classes(top_.local_stride_i, local, 16, 0);
        put(top_.tile_stride_i, 0, 32, tile_k);
        put(top_.tile_stride_i, 32, 32, tile_y);
        put(top_.tile_stride_i, 64, 32, tile_x);
        put(top_.job_stride_i, 0, 32, word);
        put(top_.job_stride_i, 32, 32, row);
        top_.p_stride_i = p_step;
        top_.zero_point_i = static_cast<uint8_t>(limits_.zero_point);
        top_.lo_i = static_cast<uint8_t>(limits_.lo);
        top_.hi_i = static_cast<uint8_t>(limits_.hi);
        return true;
    }

    // Of every P tile: multipliers that bring sums near the range of a byte.
    void parameters() {
        params_.assign(tiles_p_, std::vector<Parameter>(kDepthP * WORD));
        for (auto& tile : params_) {
            for (Parameter& p : tile) {
                p.round = random_.below(4);
                p.window = p.round == 3 && random_.below(2) != 0;
                const int length = random_.from(1, p.window ? 24 : 31);
                p.mult = static_cast<uint32_t>(random_.word() & ((uint64_t{1} << length) - 1)) | 1u << (length - 1);
                const int magnitude = maximum_ ? 8 : PSUMW - 8;    // bits of a psum's; a bias beyond would drown it
                const int shift = length + magnitude - static_cast<int>(random_.below(10));
                p.shift = std::min(62, std::max(p.round == 2 ? 32 : 1, shift));
                p.bias = static_cast<uint32_t>(random_.word() >> (64 - magnitude + random_.below(4)));
                if (random_.below(2) != 0) p.bias = 0u - p.bias;
            }
        }
    }

    // What each level-2 tile holds in the end, from what lay in its slot before.
    void expect() {
        initial_.assign(tiles_o_, {});
        expected_.assign(tiles_o_, {});
        free_byte_.assign(tiles_o_, {});
        for (uint32_t t = 0; t < tiles_o_; ++t) {
            initial_[t].resize(depth_ * kWordBytes);
            for (uint8_t& byte : initial_[t]) byte = random_.byte();
            expected_[t] = initial_[t];
            free_byte_[t].assign(depth_ * kWordBytes, false);
        }
        for (const Job& job : jobs_) {
            std::vector<uint8_t>& memory = expected_[job.tile_o];
            for (const Request& r : job.requests) {
                if (r.phase != 0) continue;
                const uint32_t group = channel_of(job, r);
                for (uint32_t lane = 0; lane < LANES; ++lane) {
                    const uint32_t output = r.sub * LANES + lane;
                    uint8_t* sum_at = kSums ? &memory[r.place * kWordBytes + output * 4] : nullptr;
                    int32_t sum = job.vectors[r.vector][lane];
                    if (kSums && !job.first) {
                        int32_t earlier;
                        std::memcpy(&earlier, sum_at, 4);
                        sum = !maximum_ ? sum + earlier : std::max(sum, earlier);
                    }
                    const bool idle = group + lane >= job.channels;    // a lane after the last channel: no matter
                    if (!job.final) {
                        std::memcpy(sum_at, &sum, 4);
                        if (idle) {
                            for (int i = 0; i < 4; ++i) free_byte_[job.tile_o][sum_at + i - memory.data()] = true;
                        }
                        continue;
                    }
                    const Parameter& p = params_[job.tile_p][r.word * WORD + output];
                    const output_unit::Case c{static_cast<uint32_t>(sum), p.bias, p.mult, p.shift, p.round, p.window};
                    const uint32_t at = !kSums         ? r.place * WORD + output
                                        : accumulate_ ? r.place * kWordBytes + output * 4
                                                      : r.place / 4 * kWordBytes + output * 4 + r.place % 4;
                    memory[at] = static_cast<uint8_t>(output_unit::by_integers(c, limits_));
                    if (idle) free_byte_[job.tile_o][at] = true;
                }
            }
        }
    }

    uint32_t channel_of(const Job& job, const Request& r) const { return (r.word - job.requests[0].word) * WORD + r.sub * LANES; }

    // ---- the run
    void start() {
        takes_ = given_psum_ = given_o_ = given_p_ = freed_p_ = filled_p_ = 0;
        ready_psum_ = 0;
        free_psum_ = BSLOTS;
        free_l2_ = SLOTS;
        written_l2_ = ready_p_ = 0;
        next_ = 0;
        busy_ = words_ = reads_ = 0;
        patience_ = kPatience;
        free_from_ = 0;
        owner_[0] = owner_[1] = -1;
        lanes_next_.clear();
        complete_.clear();
        coming_.clear();
        for (auto& slot : l2_) slot.assign(depth_ * kWordBytes, 0);
        for (auto& slot : p_) slot.assign(kDepthP * WORD, Parameter{});
        late_p_.clear();
    }

    void cycle(bool running) {
        top_.clk_i = 0;
        top_.psum_i = ready_psum_ != 0;
        top_.l2_slot_i = free_l2_ != 0;
        top_.params_i = ready_p_ != 0;
        for (unsigned lane = 0; lane < DRAINED; ++lane) {
            put(top_.lanes_i, lane * PSUMW, PSUMW, lanes_now_.empty() ? random_.word() : uint64_t(lanes_now_[lane]));
        }
        drive_reads();
        top_.eval();
        tokens(running);
        requests();
        level2();
        busy_ += top_.busy_o;
        words_ += top_.words_o;
        reads_ += top_.reads_o;
        environment(running);
        top_.clk_i = 1;
        top_.eval();
        ++cycle_;
    }

    void drive_reads() {
        for (unsigned i = 0; i < kWordBytes; ++i) put(top_.l2_rdata_i, i * 8, 8, sums_now_.empty() ? random_.byte() : sums_now_[i]);
        for (unsigned c = 0; c < WORD; ++c) {
            const Parameter* p = bias_now_ < 0 ? nullptr : &p_[bias_now_ / kDepthP][bias_now_ % kDepthP * WORD + c];
            for (unsigned i = 0; i < 4; ++i) put(top_.p_data_i, (i * WORD + c) * 8, 8, p ? biases_[c] >> 8 * i : random_.byte());
            const Parameter q = scale_now_.empty() ? Parameter{} : scale_now_[c];
            const uint32_t mult = q.mult | uint32_t{q.window} << 31;
            for (unsigned i = 0; i < 5; ++i) {
                const uint32_t value = i < 4 ? mult >> 8 * i : static_cast<uint32_t>(q.shift | q.round << 6);
                put(top_.q_data_i, (i * WORD + c) * 8, 8, scale_now_.empty() ? random_.byte() : value);
            }
        }
    }

    void tokens(bool running) {
        const bool left = running && takes_ < jobs_.size();
        const Job none{};
        const Job& job = left ? jobs_[takes_] : none;
        const bool due = left && cycle_ >= free_from_ && ready_psum_ != 0 && (!job.fresh_o || free_l2_ != 0) &&
                         (!job.fresh_p || ready_p_ != 0);
        report_.equal(cycle_, "take_psum_o", takes_, top_.take_psum_o, due);
        report_.equal(cycle_, "take_l2_o", takes_, top_.take_l2_o, due && job.fresh_o);
        report_.equal(cycle_, "take_params_o", takes_, top_.take_params_o, due && job.fresh_p);
        // The job that ends now is the one before.
        const bool ends = takes_ != 0 && cycle_ == free_from_;
        report_.equal(cycle_, "give_psum_o", given_psum_, top_.give_psum_o, ends);
        report_.equal(cycle_, "give_params_o", given_p_, top_.give_params_o, ends && jobs_[takes_ - 1].leave_p);
        if (ends) {
            ++given_psum_;
            ++free_psum_;
            if (jobs_[takes_ - 1].leave_p) {
                ++given_p_;
                late_p_.push_back(cycle_ + 5);    // when new parameters can arrive
            }
            if (jobs_[takes_ - 1].leave_o) complete_.push_back({cycle_ + 3 + kUnit, jobs_[takes_ - 1].tile_o});
            back_to_back_ += due;
        }
        const bool completes = !complete_.empty() && complete_.front().cycle == cycle_;
        report_.equal(cycle_, "give_l2_o", given_o_, top_.give_l2_o, completes);
        if (!due) return;
        patience_ = kPatience;
        --ready_psum_;
        if (job.fresh_o) {
            --free_l2_;
            owner_[job.tile_o % SLOTS] = static_cast<int>(job.tile_o);
            l2_[job.tile_o % SLOTS] = initial_[job.tile_o];
        }
        if (job.fresh_p) --ready_p_;
        jobs_[takes_].took = cycle_;
        free_from_ = cycle_ + job.cycles;
        for (std::size_t n = 0; n < job.requests.size(); ++n) coming_.push_back({cycle_ + 2 + n, takes_, n});
        ++takes_;
    }

    // Psum requests: in t+1 of each issue; the lanes come two cycles later.
    void requests() {
        lanes_now_ = lanes_next_;
        lanes_next_.clear();
        const bool due = !coming_.empty() && coming_.front().cycle == cycle_;
        report_.equal(cycle_, "ps_re_o", next_, top_.ps_re_o, due);
        if (!due) return;
        const Job& job = jobs_[coming_.front().job];
        const Request& r = job.requests[coming_.front().request];
        if (BSLOTS > 1) report_.equal(cycle_, "ps_slot_o", next_, top_.ps_slot_o, coming_.front().job % BSLOTS);
        report_.equal(cycle_, "ps_addr_o", next_, top_.ps_addr_o, r.address);
        report_.equal(cycle_, "ps_k_pos_o", next_, top_.ps_k_pos_o, r.k);
        report_.equal(cycle_, "ps_y_pos_o", next_, top_.ps_y_pos_o, r.y);
        report_.equal(cycle_, "ps_x_pos_o", next_, top_.ps_x_pos_o, r.x);
        report_.equal(cycle_, "ps_phase_o", next_, top_.ps_phase_o, r.phase);
        const auto drained = job.vectors[r.vector].begin() + (DRAINED < LANES ? r.phase * DRAINED : 0);
        lanes_next_.assign(drained, drained + DRAINED);
        coming_.pop_front();
        ++next_;
    }

    // Registered reads; whatever is not asked for is garbage. Old data where one place is read and written at once.
    void level2() {
        sums_now_.clear();
        if (top_.l2_re_o) {
            const auto& slot = l2_[SLOTS == 1 ? 0 : top_.l2_rslot_o];
            if (top_.l2_raddr_o < depth_) {
                sums_now_.assign(slot.begin() + top_.l2_raddr_o * kWordBytes, slot.begin() + (top_.l2_raddr_o + 1) * kWordBytes);
            }
        }
        bias_now_ = -1;
        if (top_.p_re_o && top_.p_addr_o < kDepthP * PSLOTS) {
            bias_now_ = top_.p_addr_o;
            for (unsigned c = 0; c < WORD; ++c) biases_[c] = p_[bias_now_ / kDepthP][bias_now_ % kDepthP * WORD + c].bias;
        }
        scale_now_.clear();
        if (top_.q_re_o && top_.q_addr_o < kDepthP * PSLOTS) {
            const auto from = p_[top_.q_addr_o / kDepthP].begin() + top_.q_addr_o % kDepthP * WORD;
            scale_now_.assign(from, from + WORD);
        }
        for (unsigned i = 0; i < kWordBytes; ++i) {
            if ((top_.l2_we_o >> i & 1) == 0) continue;
            const unsigned slot = SLOTS == 1 ? 0 : top_.l2_wslot_o;
            if (owner_[slot] < 0 || top_.l2_waddr_o >= depth_) {
                report_.difference(cycle_, "write to a slot not taken, or beyond it", i, top_.l2_waddr_o, depth_);
                continue;
            }
            l2_[slot][top_.l2_waddr_o * kWordBytes + i] = static_cast<uint8_t>(get(top_.l2_wdata_o, i * 8, 8));
        }
        if (complete_.empty() || complete_.front().cycle != cycle_) return;
        const uint32_t tile = complete_.front().tile;
        complete_.pop_front();
        const auto& slot = l2_[tile % SLOTS];
        for (std::size_t i = 0; i < slot.size(); ++i) {
            if (!free_byte_[tile][i]) report_.equal(cycle_, "level-2 byte", i, slot[i], expected_[tile][i]);
        }
        owner_[tile % SLOTS] = -1;
        ++given_o_;
        ++written_l2_;
    }

    // Whoever fills psums and parameters and empties level 2.
    void environment(bool running) {
        if (!running) return;
        if (free_psum_ != 0 && random_.chance(percent_[0])) {
            --free_psum_;
            ++ready_psum_;
        }
        if (written_l2_ != 0 && random_.chance(percent_[1])) {
            --written_l2_;
            ++free_l2_;
        }
        while (!late_p_.empty() && late_p_.front() <= cycle_) {
            for (Parameter& p : p_[freed_p_ % PSLOTS]) p = {static_cast<uint32_t>(random_.word()), random_.byte(), 7, 0, false};
            ++freed_p_;
            late_p_.pop_front();
        }
        if (filled_p_ < tiles_p_ && filled_p_ < freed_p_ + PSLOTS && random_.chance(percent_[2])) {
            p_[filled_p_ % PSLOTS] = params_[filled_p_];
            ++filled_p_;
            ++ready_p_;
        }
    }

    struct Complete {
        uint64_t cycle;
        uint32_t tile;
    };
    struct Coming {
        uint64_t cycle;
        uint32_t job;
        std::size_t request;
    };

    Vnaas_drain top_;
    Random random_;
    Report report_;
    bool accumulate_ = false, maximum_ = false;
    uint32_t depth_ = 0, tiles_o_ = 0, tiles_p_ = 0;
    output_unit::Layer limits_{};
    std::vector<Job> jobs_;
    std::vector<std::vector<Parameter>> params_;
    std::vector<std::vector<uint8_t>> initial_, expected_;
    std::vector<std::vector<bool>> free_byte_;
    std::vector<uint8_t> l2_[SLOTS], sums_now_;
    std::vector<Parameter> p_[PSLOTS], scale_now_;
    std::vector<int32_t> lanes_now_, lanes_next_;
    uint32_t biases_[WORD] = {};
    int bias_now_ = -1, owner_[2] = {-1, -1};
    unsigned percent_[3] = {};
    std::deque<uint64_t> late_p_;
    std::deque<Complete> complete_;
    std::deque<Coming> coming_;
    uint64_t cycle_ = 0, patience_ = 0, free_from_ = 0;
    uint32_t takes_ = 0, given_psum_ = 0, given_o_ = 0, given_p_ = 0, freed_p_ = 0, filled_p_ = 0, next_ = 0;
    uint32_t ready_psum_ = 0, free_psum_ = 0, free_l2_ = 0, written_l2_ = 0, ready_p_ = 0;
    uint64_t busy_ = 0, words_ = 0, reads_ = 0, want_busy_ = 0, want_words_ = 0, want_reads_ = 0;
    uint64_t accumulating_ = 0, jobs_total_ = 0, adding_ = 0, back_to_back_ = 0, tiles_total_ = 0;
};

}    // namespace

int main(int argc, char** argv) {
    uint64_t seed = 1, cases = 2000;
    engine::options(argc, argv, seed, cases);
    return Bench(seed).run(cases);
}
