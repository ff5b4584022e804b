// Bench of naas_i_buf: random beats of convolutions and depthwise layers against an array of bytes.
//
// usage: bench [--seed S] [--cases N]      built with the module's parameters, -DROW -DM -DSPLIT -DBANKS -DPK -DLANES and so on
//
// A case is a layer: its kind, where C shares an axis the length of its words, and some hundred cycles of writes and reads
// that may meet in an address. A byte is compared once it was written.

#include <array>

#include "../leaf.h"
#include "Vnaas_i_buf.h"

namespace {

constexpr int kOut = DEPTHWISE != 0 ? PK : 1;
constexpr bool kRotated = DEPTHWISE != 0 && LANES < PK && PK % LANES != 0;
constexpr int kSets = ROW / PK;

struct Byte {
    uint8_t value = 0;
    bool known = false;
};
using Row = std::array<Byte, ROW>;

class Buffer {
  public:
    Buffer(Vnaas_i_buf& top, leaf::Bench& bench) : top_(top), bench_(bench) {}

    void layer() {
        depthwise_ = DEPTHWISE != 0 && bench_.one_in(2);
        length_ = M;
        if (SPLIT != 0) {
            while (length_ > 1 && bench_.one_in(2)) length_ /= 2;
        }
        top_.depthwise_i = depthwise_;
        leaf::put(top_.word_i, 0, IBW, SPLIT != 0 ? static_cast<uint64_t>(length_ - 1) : bench_.word());
        known_ = false;
        for (uint64_t left = 20 + bench_.below(300); left != 0 && bench_.differences < 10; --left) cycle();
    }

  private:
    int below(int n) { return static_cast<int>(bench_.below(static_cast<uint64_t>(n))); }

    void cycle() {
        // A beat. In words, bytes or rows of a slot.
        const bool we = bench_.below(3) != 0;
        const int wslot = below(SLOTS), rslot = bench_.one_in(4) ? wslot : SLOTS - 1 - wslot;
        const int step = SPLIT != 0 ? length_ : 1;
        const int c_at = below(DEPTH * BANKS / step) * step, k_at = below(DEPTH);
        const int at = depthwise_ ? k_at : c_at;
        const int offset = below(at / step + 1) * step;
        const int stride = below(DEPTH - k_at), k_pos = below(PK);
        uint64_t hits[2] = {bench_.word(), bench_.word()};
        Row data;
        for (Byte& byte : data) byte.value = static_cast<uint8_t>(bench_.word());
        if (!depthwise_) {
            for (int b = 0; b < ROW; ++b) data[b] = data[b % M % length_];
        }
        top_.we_i = we;
        top_.wslot_i = static_cast<uint8_t>(SLOTS == 1 ? below(2) : wslot);
        leaf::put(top_.offset_i, 0, LW, static_cast<uint64_t>(offset));
        leaf::put(top_.c_addr_i, 0, LW, depthwise_ ? bench_.word() % DEPTH : static_cast<uint64_t>(at - offset));
        leaf::put(top_.k_addr_i, 0, LW, depthwise_ ? static_cast<uint64_t>(at - offset) : bench_.word() % DEPTH);
        leaf::put(top_.ch_stride_i, 0, LW, static_cast<uint64_t>(stride));
        leaf::put(top_.k_pos_i, 0, PW, static_cast<uint64_t>(k_pos));
        for (int i = 0; i < M; ++i) leaf::put(top_.c_hit_i, i, 1, hits[0] >> (i % length_));
        for (int b = 0; b < ROW; ++b) {
            leaf::put(top_.k_hit_i, b, 1, hits[1] >> b);
            leaf::put(top_.data_i, b * 8, 8, data[b].value);
        }

        // A read, and of the word that was read before, the byte or set of bytes.
        const bool re = !known_ || bench_.below(4) != 0;
        const int c_read = bench_.one_in(3) ? c_at : below(DEPTH * BANKS / step) * step;
        const int k_read = bench_.one_in(3) ? k_at : below(DEPTH);
        const int bank = bank_, sub = depthwise_ ? 0 : below(length_), set = kSets > 1 ? below(kSets) : 0;
        top_.re_i = re;
        top_.rslot_i = static_cast<uint8_t>(SLOTS == 1 ? below(2) : rslot);
        leaf::put(top_.raddr_i, 0, LW, static_cast<uint64_t>(depthwise_ ? k_read : c_read));
        leaf::put(top_.rbank_i, 0, IBW, static_cast<uint64_t>(bank));
        top_.rsub_i = static_cast<uint8_t>(sub);
        top_.rset_i = static_cast<uint8_t>(set);

        const Row read = read_;
        const bool known = known_;
        if (re) {
            read_ = rows_[rslot][depthwise_ ? k_read : c_read / BANKS];
            bank_ = c_read % BANKS;
            known_ = true;
        }
        if (we && depthwise_) {
            for (int b = 0; b < ROW; ++b) {
                const int row = k_at + (kRotated && b < k_pos ? stride : 0);
                if (hits[1] >> b & 1) rows_[wslot][row][b] = {data[b].value, true};
            }
        } else if (we) {
            // The byte address of a word is its own times its length, but where addresses count bytes.
            const int first = SPLIT != 0 ? c_at % BANKS : c_at % BANKS * M;
            for (int i = 0; i < length_; ++i) {
                if (hits[0] >> i & 1) rows_[wslot][c_at / BANKS][first + i] = {data[i].value, true};
            }
        }
        leaf::clock(top_, bench_);
        if (!known) return;
        for (int k = 0; k < kOut; ++k) {
            const Byte& want = read[depthwise_ ? set * PK + k : SPLIT != 0 ? bank + sub : bank * M + sub];
            if (want.known) bench_.expect("operand_o", k, leaf::get(top_.operand_o, k * 8, 8), want.value);
        }
    }

    Vnaas_i_buf& top_;
    leaf::Bench& bench_;
    std::array<std::array<Row, DEPTH>, SLOTS> rows_{};
    Row read_{};
    int bank_ = 0, length_ = 1;
    bool depthwise_ = false, known_ = false;
};

}    // namespace

int main(int argc, char** argv) {
    leaf::Bench bench("i_buf", argc, argv, 3000);
    Vnaas_i_buf top;
    top.clk_i = 0;
    top.eval();
    Buffer buffer(top, bench);
    for (; bench.going(); ++bench.at_case) buffer.layer();
    return bench.result("operands");
}
