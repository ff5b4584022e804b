// Bench of naas_writer: layers of random tiles, loops and strides, tokens at random times, a random AXI slave.
//
// usage: bench [--seed S] [--cases N]      built with -DBUS, -DWORD, -DOBITS, -DSLOTS as the module's parameters
//
// Reference: nested loops over the tiles and their blocks, rows and columns list all beats, all bursts and all level-2 places.
// Compared: order, address and length of bursts, strobes, data and last of beats, memory content, level-2 reads, tokens, done_o,
// the record. A freed slot becomes garbage as early as hold_o allows. With a slave that is always ready, the cycle of each.

#include <deque>
#include <unordered_map>

#include "../engine.h"
#include "Vnaas_writer.h"

namespace {

using namespace engine;

constexpr unsigned kOutputBytes = OBITS / 8, kWordBytes = WORD * kOutputBytes, kAddressBits = 28, kRecordBeats = 128 / BUS;
constexpr uint32_t kRelevant = 1u << G | 1u << N | 1u << K | 1u << Y | 1u << X;
constexpr uint64_t kPatience = 4000;    // cycles without progress
constexpr uint32_t kRecord = ~0u;       // a beat of a record, not of a job

struct Beat {
    uint64_t address;    // of a beat
    uint32_t slot, word;
    std::vector<uint8_t> data;
    uint64_t strobe;
    bool last;
    uint32_t job, at;    // job, beat within it
};

struct Burst {
    uint64_t address;
    uint32_t beats, first;    // first: number of its first beat
};

struct Job {
    std::vector<uint8_t> content;    // of its level-2 slot
    uint32_t beats = 0;
    uint64_t took = 0;
};

struct Slave {
    unsigned aw, w, b;       // percent of cycles in which it is ready, answers
    bool aw_after_w;         // takes an address only when its first data are there
    bool w_after_aw;         // takes data only of addresses taken
    // Whoever is always ready leaves nothing to chance but tokens.
    bool always() const { return aw == 100 && w == 100 && !aw_after_w && !w_after_aw; }
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
        std::printf("writer BUS=%d WORD=%d OBITS=%d SLOTS=%d: %" PRIu64 " layers, %" PRIu64 " jobs, %" PRIu64 " beats, %" PRIu64
                    " records, %" PRIu64 " slots freed while the bus waits; %" PRIu64 " comparisons, %" PRIu64 " differences\n",
                    BUS, WORD, OBITS, SLOTS, cases, jobs_total_, beats_total_, records_, held_, report_.compared(), report_.total());
        return report_.status();
    }

  private:
    void reset() {
        top_.rst_ni = 1;
        top_.eval();
        top_.rst_ni = top_.clk_i = top_.load_i = top_.active_i = top_.tile_i = top_.record_req_i = top_.bvalid_i = 0;
        top_.eval();
        top_.clk_i = 1;
        top_.eval();
        top_.rst_ni = 1;
        aw_held_.reset();
        w_held_.reset();
        taken_.clear();
        data_.clear();
        answers_.clear();
        carried_ = 0;
    }

    // ---- the case
    void layer(uint64_t number) {
        slave_ = {100, 100, 100, false, false};
        if (number % 3 != 0) {
            static const unsigned ready[] = {5, 20, 50, 80, 100};
            slave_ = {ready[random_.below(5)], ready[random_.below(5)], ready[random_.below(5)], random_.chance(20), false};
            if (!slave_.aw_after_w) slave_.w_after_aw = random_.chance(30);
        }
        report_.begin(number, slave_.always() ? "always ready" : "random slave");
        accumulate_ = OBITS == 32 && random_.below(2) != 0;
        eager_ = random_.below(2) != 0;    // tokens as soon as slots are free
        describe();
        transfer();
        compare_memory();
        if (report_.here() == 0 && random_.below(2) != 0) {
            record();
            if (carried_ == 0) compare_memory();
        }
    }

    uint32_t trip(uint32_t most) { return random_.below(2) != 0 ? 1 : random_.from(1, most); }

    void describe() {
        Index trips(8);
        uint32_t tiles;
        do {
            tiles = 1;
            for (int l = 0; l < 8; ++l) {
                trips[l] = trip(l == G || l == N ? 2 : 4);
                if (kRelevant >> l & 1) tiles *= trips[l];
            }
        } while (tiles > 24);
        const bool wide = random_.chance(40);
        uint32_t extent[3][2];    // blocks, rows, columns: full, edge
        for (int d = 0; d < 3; ++d) {
            extent[d][0] = d == 2 && wide ? random_.from(1, 70) : random_.from(1, 4);
            extent[d][1] = random_.from(1, extent[d][0]);
        }
        const int loop_of[3] = {K, Y, X};
        uint32_t total[3];
        for (int d = 0; d < 3; ++d) total[d] = (trips[loop_of[d]] - 1) * extent[d][0] + extent[d][1];

        // Off chip: images of groups of blocks of rows, with gaps.
        const uint32_t row = total[2] + random_.below(4), block = total[1] * row + random_.below(20);
        const uint32_t group = total[0] * block + random_.below(40), image = trips[G] * group + random_.below(40);
        const uint64_t size = uint64_t{trips[N]} * image;
        do {
            base_ = random_.word() % ((uint64_t{1} << kAddressBits) - size);
        } while (carried_ != 0 && base_ < beats_.back().address + 1 && base_ + size > beats_.front().address);
        const uint32_t tile_stride[5] = {group, image, extent[0][0] * block, extent[1][0] * row, extent[2][0]};
        const int stride_loop[5] = {G, N, K, Y, X};
        // Level 2: words of channels, rows, columns, with gaps.
        const uint32_t l2_row = extent[2][0] + random_.below(3), l2_word = extent[1][0] * l2_row + random_.below(9);
        const uint32_t places = ((extent[0][0] * BUS - 1) / WORD + 1) * l2_word + l2_row;
        const uint32_t tail = random_.from(1, BUS);
        const std::vector<int> order = random_order(random_, false);

        top_.accumulate_i = accumulate_;
        put_order(top_.inner_i, order, random_);
        top_.relevant_i = kRelevant;
        for (int l = 0; l < 8; ++l) put(top_.offchip_last_i, l * 16, 16, trips[l] - 1);
        for (int edge = 0; edge < 2; ++edge) {
            put(top_.blocks_last_i, edge * 16, 16, extent[0][edge] - 1);
            put(top_.y_last_i, edge * 16, 16, extent[1][edge] - 1);
            put(top_.x_last_i, edge * 16, 16, extent[2][edge] - 1);
        }
        top_.tail_i = tail;
        top_.base_i = base_;
        for (int i = 0; i < 5; ++i) put(top_.tile_stride_i, i * 32, 32, tile_stride[i]);
        put(top_.job_stride_i, 0, 32, block);
        put(top_.job_stride_i, 32, 32, row);
        put(top_.l2_stride_i, 0, 32, l2_word);
        put(top_.l2_stride_i, 32, 32, l2_row);

        // The reference.
        if (carried_ == 0) {
            beats_.clear();
            bursts_.clear();
        }
        jobs_.clear();
        depth_ = places;
        Index index(8), before;
        walk(order, 0, index, [&](int l, const Index&) { return trips[l]; }, [&](const Index& at) {
            const Index tile = tile_of(at, kRelevant);
            if (tile == before) return;
            before = tile;
            uint64_t address = base_;
            for (int i = 0; i < 5; ++i) address += uint64_t{at[stride_loop[i]]} * tile_stride[i];
            uint32_t last[3];
            for (int d = 0; d < 3; ++d) last[d] = extent[d][at[loop_of[d]] + 1 == trips[loop_of[d]]];
            Job job;
            job.beats = last[0] * last[1] * last[2];
            job.content.resize(depth_ * kWordBytes);
            for (uint8_t& byte : job.content) byte = random_.byte();
            uint32_t in_job = 0;
            for (uint32_t b = 0; b < last[0]; ++b) {
                for (uint32_t y = 0; y < last[1]; ++y) {
                    for (uint32_t x = 0; x < last[2]; ++x) {
                        Beat beat;
                        beat.address = address + b * block + y * row + x;
                        beat.slot = jobs_.size() % SLOTS;
                        beat.job = jobs_.size();
                        beat.at = in_job++;
                        beat.strobe = 0;
                        const uint32_t place = b * BUS / WORD * l2_word + y * l2_row + x;
                        const bool packed = OBITS == 32 && !accumulate_;
                        beat.word = packed ? place / 4 : place;
                        for (uint32_t c = 0; c < BUS; ++c) {
                            const uint32_t lane = (b * BUS + c) % WORD;
                            beat.data.push_back(job.content[beat.word * kWordBytes + lane * kOutputBytes + (packed ? place % 4 : 0)]);
                            const bool there = at[K] + 1 < trips[K] || b + 1 < last[0] || c < tail;
                            beat.strobe |= uint64_t{there} << c;
                        }
                        if (x == 0 || beat.address % 16 == 0) {
                            bursts_.push_back({beat.address, 0, static_cast<uint32_t>(beats_.size())});
                        }
                        ++bursts_.back().beats;
                        beat.last = x + 1 == last[2] || beat.address % 16 == 15;
                        beats_.push_back(beat);
                    }
                }
            }
            jobs_.push_back(job);
        });
    }

    // ---- the run
    void transfer() {
        if (carried_ == 0) {
            memory_.clear();
            aw_seen_ = w_seen_ = answered_ = 0;
        }
        reads_ = carried_;
        takes_ = gives_ = counted_ = filled_ = tokens_ = 0;
        for (auto& slot : slots_) slot = Slot{};
        top_.load_i = 1;
        top_.active_i = 0;
        expecting_ = true;
        cycle(false);
        top_.load_i = 0;
        top_.active_i = 1;
        patience_ = kPatience;
        while (report_.here() == 0 && !cycle(true)) {
            if (patience_-- == 0) report_.difference(cycle_, "no progress, beats", beats_.size(), w_seen_, beats_.size());
        }
        top_.active_i = 0;
        if (report_.here() != 0) return;
        report_.equal(cycle_, "bursts", 0, aw_seen_, bursts_.size());
        report_.equal(cycle_, "beats", 0, w_seen_, beats_.size());
        report_.equal(cycle_, "tokens taken", 0, takes_, jobs_.size());
        report_.equal(cycle_, "tokens given", 0, gives_, jobs_.size());
        report_.equal(cycle_, "beat_o", 0, counted_, beats_.size() - carried_);
        jobs_total_ += jobs_.size();
        beats_total_ += beats_.size();
        carried_ = 0;
        expecting_ = false;
        for (uint32_t n = random_.below(4); n > 0 && report_.here() == 0; --n) {
            cycle(false);
            report_.equal(cycle_, "done_o stays", 0, top_.done_o, 1);
        }
    }

    void record() {
        const uint64_t at = random_.word() % (uint64_t{1} << 32) / 128 * 128;
        memory_.clear();
        std::vector<uint8_t> content(128);
        for (unsigned i = 0; i < 128; ++i) put(top_.record_i, i * 8, 8, content[i] = random_.byte());
        top_.record_addr_i = at;
        beats_.clear();
        bursts_.assign(1, {at / BUS, kRecordBeats, 0});
        for (unsigned i = 0; i < kRecordBeats; ++i) {
            beats_.push_back({at / BUS + i, 0, 0, {content.begin() + i * BUS, content.begin() + (i + 1) * BUS},
                              (uint64_t{1} << BUS) - 1, i + 1 == kRecordBeats, kRecord, i});
        }
        aw_seen_ = w_seen_ = answered_ = reads_ = 0;
        recording_ = expecting_ = true;
        top_.record_req_i = 1;
        cycle(false);
        top_.record_req_i = 0;
        patience_ = kPatience;
        // The next layer may begin before the last beats and the response are through.
        const bool early = random_.below(2) != 0;
        bool done = false;
        pushed_ = false;
        while (report_.here() == 0 && !done && !(early && pushed_)) {
            const uint64_t before = cycle_;
            done = cycle(true);
            if (top_record_done_) {
                report_.equal(before, "record_done_o again", 0, pushed_, 0);
                pushed_ = true;
                for (unsigned i = 0; i < 32; ++i) put(top_.record_i, i * 32, 32, random_.word());    // it is on its way
                top_.record_addr_i = random_.word();
            }
            if (patience_-- == 0) report_.difference(cycle_, "no progress, record's beats", 0, w_seen_, beats_.size());
        }
        if (early) {
            carried_ = kRecordBeats;
        } else {
            report_.equal(cycle_, "record's beats", 0, w_seen_, beats_.size());
        }
        recording_ = false;
        expecting_ = early;
        ++records_;
    }

    struct Slot {
        bool filled = false, freed = false, read = false;    // freed: token given, content not yet overwritten
        std::vector<uint8_t> content;
    };

    // One clock cycle; whether done_o was seen in it, if that is asked for.
    bool cycle(bool running) {
        top_.clk_i = 0;
        fill(running);
        if (!next_word_.empty()) put_bytes(top_.l2_data_i, next_word_.data(), kWordBytes);
        top_.tile_i = tokens_ != 0;
        top_.bvalid_i = !answers_.empty() && random_.chance(slave_.b);
        top_.awready_i = random_.chance(slave_.aw);
        top_.wready_i = random_.chance(slave_.w);
        top_.eval();
        if (slave_.aw_after_w) top_.awready_i = top_.awready_i && (top_.wvalid_o || !data_.empty());
        if (slave_.w_after_aw) top_.wready_i = top_.wready_i && data_.empty() && !taken_.empty();
        top_.eval();
        address_channel();
        data_channel();
        tokens(running);
        level2();
        if (top_.bvalid_i) {
            answers_.pop_front();
            ++answered_;
            patience_ = kPatience;
        }
        match();
        counted_ += running && !recording_ && top_.beat_o;
        top_record_done_ = top_.record_done_o;
        const bool done = running && top_.done_o && (!recording_ || pushed_);    // until then it says nothing
        // Responses seen in this cycle make it done in the next one at the earliest.
        if (done) report_.equal(cycle_, "responses at done_o", 0, answered_ - top_.bvalid_i, bursts_.size());
        top_.clk_i = 1;
        top_.eval();
        ++cycle_;
        return done;
    }

    // Tiles arrive in the slots that are free.
    void fill(bool running) {
        if (!running || recording_ || filled_ == jobs_.size()) return;
        Slot& slot = slots_[filled_ % SLOTS];
        if (slot.filled || slot.freed || !(eager_ || random_.chance(10))) return;
        slot.filled = true;
        slot.read = false;
        slot.content = jobs_[filled_++].content;
        ++tokens_;
    }

    void address_channel() {
        const uint64_t address = top_.awaddr_o;
        aw_held_.check(report_, cycle_, "AW stable", top_.awvalid_o, top_.awready_i, address, top_.awlen_o);
        if (!top_.awvalid_o) return;
        if (!expecting_ || aw_seen_ >= bursts_.size()) {
            report_.difference(cycle_, "AW beyond the last burst", aw_seen_, address, 0);
            return;
        }
        const Burst& want = bursts_[aw_seen_];
        const bool record = beats_[want.first].job == kRecord;
        if (slave_.always() && !record) {
            const Beat& first = beats_[want.first];
            report_.equal(cycle_, "cycle of AW", aw_seen_, cycle_, jobs_[first.job].took + 2 + first.at);
        }
        if (!top_.awready_i) return;
        patience_ = kPatience;
        report_.equal(cycle_, "AWADDR", aw_seen_, address, want.address * BUS);
        report_.equal(cycle_, "AWLEN", aw_seen_, top_.awlen_o, want.beats - 1);
        const uint32_t beats = top_.awlen_o + 1u;
        if (!record) {    // which may have 32
            if (beats > 16) report_.difference(cycle_, "burst of more than 16", aw_seen_, beats, 16);
            if (address / BUS % 16 + beats > 16) report_.difference(cycle_, "burst across a boundary", aw_seen_, address, beats);
        }
        if (address / 4096 != (address + beats * BUS - 1) / 4096)
            report_.difference(cycle_, "burst across a page", aw_seen_, address, beats);
        taken_.push_back({address, beats, 0});
        ++aw_seen_;
    }

    void data_channel() {
        std::vector<uint8_t> payload = get_bytes(top_.wdata_o, BUS);
        const std::vector<uint8_t> got = payload;
        for (unsigned i = 0; i < BUS; i += 8) payload.push_back(static_cast<uint8_t>(top_.wstrb_o >> i));
        payload.push_back(top_.wlast_o);
        w_held_.check(report_, cycle_, "W stable", top_.wvalid_o, top_.wready_i, payload);
        if (!top_.wvalid_o || !top_.wready_i) return;
        patience_ = kPatience;
        if (!expecting_ || w_seen_ >= beats_.size()) {
            report_.difference(cycle_, "W beyond the last beat", w_seen_, get(top_.wdata_o, 0, 32), 0);
            return;
        }
        const Beat& want = beats_[w_seen_];
        report_.equal(cycle_, "WSTRB", w_seen_, top_.wstrb_o, want.strobe);
        report_.equal(cycle_, "WLAST", w_seen_, top_.wlast_o, want.last);
        for (unsigned i = 0; i < BUS; ++i) {
            if (want.strobe >> i & 1) report_.equal(cycle_, "WDATA", uint64_t{w_seen_} * BUS + i, got[i], want.data[i]);
        }
        if (slave_.always() && want.job != kRecord)
            report_.equal(cycle_, "cycle of W", w_seen_, cycle_, jobs_[want.job].took + 5 + want.at);
        data_.push_back({got, top_.wstrb_o, bool(top_.wlast_o)});
        ++w_seen_;
    }

    // Data meet addresses, both in order.
    void match() {
        while (!taken_.empty() && !data_.empty()) {
            Taken& burst = taken_.front();
            for (unsigned i = 0; i < BUS; ++i) {
                if (data_.front().strobe >> i & 1) {
                    auto& byte = memory_[burst.address + uint64_t{burst.done} * BUS + i];
                    byte.first = data_.front().data[i];
                    ++byte.second;
                }
            }
            ++burst.done;
            report_.equal(cycle_, "WLAST in its burst", burst.done, data_.front().last, burst.done == burst.beats);
            data_.pop_front();
            if (burst.done == burst.beats) {
                taken_.pop_front();
                answers_.push_back(0);
            }
        }
    }

    void tokens(bool running) {
        if (top_.take_o) {
            report_.equal(cycle_, "take_o without a tile", takes_, tokens_ != 0 && running, 1);
            if (takes_ < jobs_.size()) {
                jobs_[takes_].took = cycle_;
                // Jobs run back to back: the decision falls with the last issue of the one before.
                if (slave_.always()) {
                    const uint64_t end = takes_ == 0 ? 0 : jobs_[takes_ - 1].took + jobs_[takes_ - 1].beats;
                    report_.equal(cycle_, "cycle of take_o", takes_, cycle_, std::max(end, visible_));
                }
            }
            ++takes_;
            --tokens_;
        }
        // From when on the next token shows.
        if (top_.take_o || !top_.tile_i) visible_ = cycle_ + 1;
        if (top_.give_o) {
            if (slave_.always() && gives_ < jobs_.size()) {
                report_.equal(cycle_, "cycle of give_o", gives_, cycle_, jobs_[gives_].took + jobs_[gives_].beats);
            }
            report_.equal(cycle_, "give_o before its take", gives_, gives_ < takes_ - top_.take_o, 1);
        }
    }

    // Reads take a cycle and are held. What is free and not held back becomes garbage at the end of the same cycle.
    void level2() {
        bool spoil = false;
        for (Slot& slot : slots_) {
            if (slot.freed && !top_.hold_o) {
                spoil = true;    // after the reads of this cycle
            } else if (slot.freed) {
                ++held_;
            }
        }
        if (top_.l2_re_o && !recording_) {
            const Slot& slot = slots_[SLOTS == 1 ? 0 : top_.l2_slot_o];
            if (reads_ < beats_.size()) {
                const Beat& want = beats_[reads_];
                report_.equal(cycle_, "l2_addr_o", reads_, top_.l2_addr_o, want.word);
                if (SLOTS > 1) report_.equal(cycle_, "l2_slot_o", reads_, top_.l2_slot_o, want.slot);
                if (slave_.always()) report_.equal(cycle_, "cycle of l2_re_o", reads_, cycle_, jobs_[want.job].took + 2 + want.at);
            }
            if (top_.l2_addr_o < depth_ && !slot.content.empty()) {
                next_word_.assign(slot.content.begin() + top_.l2_addr_o * kWordBytes,
                                  slot.content.begin() + (top_.l2_addr_o + 1) * kWordBytes);
            }
            ++reads_;
            reread_ = false;
        } else if (reread_ && !top_.hold_o) {
            // The next tile's sums may be read from now on.
            for (uint8_t& byte : next_word_) byte = random_.byte();
        }
        if (spoil) {
            for (Slot& slot : slots_) {
                if (!slot.freed) continue;
                for (uint8_t& byte : slot.content) byte = random_.byte();
                slot.freed = slot.filled = false;
                reread_ = true;
            }
        }
        if (top_.give_o) {
            slots_[gives_ % SLOTS].freed = true;
            ++gives_;
        }
    }

    void compare_memory() {
        if (report_.here() != 0) return;
        uint64_t bytes = 0;
        for (const Beat& beat : beats_) {
            for (unsigned i = 0; i < BUS; ++i) {
                const auto at = memory_.find(beat.address * BUS + i);
                const bool there = beat.strobe >> i & 1;
                bytes += there;
                report_.equal(cycle_, "times written", beat.address * BUS + i, at == memory_.end() ? 0 : at->second.second, there);
                if (there && at != memory_.end())
                    report_.equal(cycle_, "memory", beat.address * BUS + i, at->second.first, beat.data[i]);
            }
        }
        report_.equal(cycle_, "bytes written", 0, memory_.size(), bytes);
    }

    struct Taken {
        uint64_t address;
        uint32_t beats, done;
    };
    struct Data {
        std::vector<uint8_t> data;
        uint64_t strobe;
        bool last;
    };

    Vnaas_writer top_;
    Random random_;
    Report report_;
    Slave slave_{};
    bool accumulate_ = false, eager_ = false, recording_ = false, expecting_ = false, reread_ = false, pushed_ = false;
    bool top_record_done_ = false;
    uint64_t base_ = 0;
    uint32_t depth_ = 0;
    std::vector<Beat> beats_;
    std::vector<Burst> bursts_;
    std::vector<Job> jobs_;
    Slot slots_[SLOTS];
    std::vector<uint8_t> next_word_;
    Held aw_held_, w_held_;
    std::deque<Taken> taken_;
    std::deque<Data> data_;
    std::deque<int> answers_;
    std::unordered_map<uint64_t, std::pair<uint8_t, uint32_t>> memory_;
    uint64_t cycle_ = 0, visible_ = 0, patience_ = 0;
    uint32_t aw_seen_ = 0, w_seen_ = 0, reads_ = 0, answered_ = 0;
    uint32_t takes_ = 0, gives_ = 0, counted_ = 0, carried_ = 0, filled_ = 0, tokens_ = 0;
    uint64_t jobs_total_ = 0, beats_total_ = 0, records_ = 0, held_ = 0;
};

}    // namespace

int main(int argc, char** argv) {
    uint64_t seed = 1, cases = 2000;
    engine::options(argc, argv, seed, cases);
    return Bench(seed).run(cases);
}
