// An AXI4 memory of fixed latency and bandwidth that checks the protocol of the master it serves.
//
// Timing without stalls: an address accepted in cycle t gives its first beat in cycle t + latency, then one beat per cycle;
// bursts are answered in order and never overlap. The response to a write comes `latency` cycles after its last beat (and
// its address) is accepted. With stalls, every ready and valid that is not already held is withheld at random.
//
// Checked: payloads stable while valid waits for ready, INCR bursts of full bus width that stay within 4 KiB and the memory,
// WLAST on the right beat, no read of what an unanswered write covers and no write to what an unfinished read covers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "dut.h"

class AxiMemory {
  public:
    struct Options {
        uint64_t bytes = 0;
        unsigned bus_bytes = 4;
        unsigned latency = 1;
        unsigned stall_percent = 0;
        uint64_t seed = 1;
    };

    explicit AxiMemory(const Options& options);

    uint8_t* data() { return data_.data(); }
    const uint8_t* data() const { return data_.data(); }
    uint64_t bytes() const { return data_.size(); }

    // Content as after construction, nothing written: what a run leaves out does not look right because an earlier run did it.
    void forget();

    // Whether the bus word that holds `address` was written by the master.
    bool written(uint64_t address) const { return written_[address / options_.bus_bytes]; }

    // Sets the memory's side of the bus for `cycle`.
    void drive(uint64_t cycle, ToDut& in);
    // Looks at the settled signals of `cycle`: takes what is handed over, checks the protocol.
    void observe(uint64_t cycle, const ToDut& in, const FromDut& out);

    // No burst and no response outstanding.
    bool idle() const { return reads_.empty() && writes_.empty() && beats_.empty() && responses_.empty(); }
    // The last cycle in which anything was handed over.
    uint64_t last_activity() const { return last_activity_; }
    // What is outstanding, in words.
    std::string outstanding() const;
    // Violations of the protocol, at most a few.
    const std::vector<std::string>& violations() const { return violations_; }

    // Called with the address of every bus word that the master has written.
    std::function<void(uint64_t address)> on_write;

  private:
    struct Burst {
        uint64_t address;
        unsigned beats;
        unsigned done;
        uint64_t ready;    // first cycle of data (reads) or of the response (writes)
    };
    struct Address {
        bool valid;
        uint32_t address;
        uint8_t len, size, burst;
    };
    struct Beat {
        BusWord data;
        uint64_t strobe;
        bool last;
    };
    // What a channel showed in the last cycle without being taken.
    template <typename T>
    struct Held {
        bool waiting = false;
        T payload{};
    };

    bool stall();
    void violation(uint64_t cycle, const std::string& text);
    bool check_address(uint64_t cycle, const char* channel, const Address& a);
    void check_held(uint64_t cycle, const char* channel, Held<Address>& held, const Address& now, bool ready);
    void check_held_beat(uint64_t cycle, const FromDut& out, bool ready);
    void check_overlap(uint64_t cycle, const char* what, const Burst& burst, const std::deque<Burst>& others);
    void take_read(uint64_t cycle, const Address& a);
    void take_write(uint64_t cycle, const Address& a);
    void take_beat(const FromDut& out);
    void match_beats(uint64_t cycle);
    void store(uint64_t address, const Beat& beat);

    Options options_;
    std::vector<uint8_t> data_;
    std::vector<bool> written_;
    std::mt19937_64 random_;
    std::deque<Burst> reads_;        // addresses accepted, data not finished
    std::deque<Burst> writes_;       // addresses accepted, data not finished
    std::deque<Beat> beats_;         // data accepted, address not
    std::deque<Burst> responses_;    // data finished, response not taken
    bool rvalid_held_ = false, bvalid_held_ = false;
    Held<Address> ar_, aw_;
    Held<Beat> w_;
    uint64_t last_activity_ = 0;
    std::vector<std::string> violations_;
};
