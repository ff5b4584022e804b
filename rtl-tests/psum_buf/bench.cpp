// Bench of naas_psum_buf: random accumulation and draining against an array of psums, updated as sums arrive.
//
// usage: bench [--seed S] [--cases N]      built with the module's parameters, -DM -DDEPTH -DSLOTS -DSUMW -DPSUMW and so on
//
// The caller says where a sum's psum is: in the cycle before, in a slot, or nowhere yet. With one slot a cycle accumulates or
// drains. Layers that seek the greatest input give bytes instead of sums; modes change every few hundred cycles.

#include <algorithm>
#include <array>

#include "../leaf.h"
#include "Vnaas_psum_buf.h"

namespace {

constexpr uint64_t kPsum = PSUMW == 64 ? ~uint64_t{0} : (uint64_t{1} << PSUMW) - 1;
constexpr int kPlaces = DEPTH * M;

class Buffer {
  public:
    Buffer(Vnaas_psum_buf& top, leaf::Bench& bench) : top_(top), bench_(bench) {}

    // One layer, into one slot or both in turn.
    void layer() {
        maximum_ = MAXIMUM != 0 && bench_.one_in(2);
        top_.maximum_i = MAXIMUM == 0 ? bench_.below(2) : maximum_;
        for (auto& slot : begun_) slot.fill(false);
        const int tiles = 1 + static_cast<int>(bench_.below(4));
        for (int tile = 0; tile < tiles && bench_.differences < 10; ++tile) {
            accumulating_ = SLOTS == 1 ? 0 : 1 - accumulating_;
            begun_[accumulating_].fill(false);
            near_ = static_cast<int>(bench_.below(kPlaces));
            for (uint64_t left = 20 + bench_.below(150); left != 0; --left) cycle();
        }
        // The last sums arrive before the next layer's mode holds.
        idle_ = true;
        cycle();
        idle_ = false;
    }

  private:
    struct Sum {
        bool valid = false;
        int slot = 0, place = 0;
    };
    struct Drain {
        bool valid = false;
        int slot = 0;
        std::array<uint64_t, M> word{};
        bool known[M] = {};
    };

    void cycle() {
        // This cycle's sum, and what its psum becomes.
        const uint64_t sum = maximum_ ? bench_.below(256) : bench_.one_in(8) ? extreme() : bench_.word() & leaf::ones(SUMW);
        const bool high = DIGITS != 0 && !maximum_ && bench_.one_in(2);
        uint64_t psum = 0;
        bool last = false, old = false;
        if (now_.valid) {
            const bool begun = begun_[now_.slot][now_.place] && !bench_.one_in(16);
            last = begun && before_.valid && before_.slot == now_.slot && before_.place == now_.place;
            old = begun && !last;
            const uint64_t base = begun ? psums_[now_.slot][now_.place] : 0;
            const uint64_t wide = (sum >> (SUMW - 1) & 1) && !maximum_ ? sum | ~leaf::ones(SUMW) : sum;
            psum = maximum_ ? std::max(base, sum) : (base + (high ? wide << 8 : wide)) & kPsum;
        }
        leaf::put(top_.sum_i, 0, SUMW, sum);
        top_.ahigh_q_i = DIGITS == 0 ? bench_.below(2) : high;
        top_.alast_q_i = last;
        top_.we_q_i = static_cast<uint8_t>(now_.valid ? 1 << now_.slot : 0);
        top_.aold_q_i = static_cast<uint8_t>(old ? 1 << now_.slot : 0);
        leaf::put(top_.waddr_q_i, 0, LW, static_cast<uint64_t>(now_.place / M));
        top_.asub_q_i = static_cast<uint8_t>(now_.place % M);
        top_.dfrom_q_i = static_cast<uint8_t>(drained_.valid ? 1 << drained_.slot : 0);

        // The addresses of the next sum and the next drained word.
        Sum next;
        next.valid = !idle_ && bench_.below(4) != 0;
        next.slot = accumulating_;
        next.place = bench_.one_in(2) ? near_ : static_cast<int>(bench_.below(kPlaces));
        near_ = bench_.one_in(3) ? next.place : near_;
        Drain drain;
        drain.slot = SLOTS == 1 ? 0 : 1 - accumulating_;
        drain.valid = !idle_ && (SLOTS == 1 ? !next.valid : bench_.one_in(2));
        const int word = static_cast<int>(bench_.below(DEPTH));
        for (int i = 0; i < M; ++i) {
            drain.word[i] = psums_[drain.slot][word * M + i];
            drain.known[i] = written_[drain.slot][word * M + i];
        }
        top_.re_i = static_cast<uint8_t>((next.valid ? 1 << next.slot : 0) | (drain.valid ? 1 << drain.slot : 0));
        for (int s = 0; s < SLOTS; ++s) leaf::put(top_.raddr_i, s * LW, LW, bench_.below(DEPTH));
        if (drain.valid) leaf::put(top_.raddr_i, drain.slot * LW, LW, static_cast<uint64_t>(word));
        if (next.valid) leaf::put(top_.raddr_i, next.slot * LW, LW, static_cast<uint64_t>(next.place / M));

        top_.eval();
        for (int i = 0; i < M; ++i) {
            const uint64_t got = ~leaf::get(top_.word_no, i * PSUMW, PSUMW) & kPsum;
            if (!drained_.valid) {
                bench_.expect("no word", i, got, 0);
            } else if (drained_.known[i]) {
                bench_.expect("word", i, got, drained_.word[i]);
            }
        }
        leaf::clock(top_, bench_);

        if (now_.valid) {
            psums_[now_.slot][now_.place] = psum;
            begun_[now_.slot][now_.place] = written_[now_.slot][now_.place] = true;
        }
        before_ = now_;
        now_ = next;
        drained_ = drain;
    }

    uint64_t extreme() {
        const uint64_t least = uint64_t{1} << (SUMW - 1);
        return bench_.one_in(2) ? least : least - 1;
    }

    Vnaas_psum_buf& top_;
    leaf::Bench& bench_;
    std::array<std::array<uint64_t, kPlaces>, SLOTS> psums_{};
    std::array<std::array<bool, kPlaces>, SLOTS> begun_{}, written_{};
    Sum now_, before_;    // the sum of this cycle, and of the one before
    Drain drained_;
    int accumulating_ = 0, near_ = 0;
    bool maximum_ = false, idle_ = false;
};

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("psum_buf", argc, argv, 6000);
    Vnaas_psum_buf top;
    top.clk_i = 0;
    top.eval();
    Buffer buffer(top, bench);
    for (; bench.going(); ++bench.at_case) buffer.layer();
    return bench.result("drained words, and none where none is drained");
}
