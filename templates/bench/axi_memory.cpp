#include "axi_memory.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace {

constexpr size_t kMaxViolations = 10;
constexpr uint8_t kIncr = 1;

std::string format(const char* pattern, ...) {
    char text[300];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

}    // namespace

AxiMemory::AxiMemory(const Options& options)
    : options_(options), data_(options.bytes), written_(options.bytes / options.bus_bytes + 1), random_(options.seed) {
    forget();
}

void AxiMemory::forget() {
    // Not zeros: what is used without having been written shall not look right.
    uint32_t noise = 0x9E3779B9;
    for (uint8_t& byte : data_) {
        noise = noise * 1664525u + 1013904223u;
        byte = static_cast<uint8_t>(noise >> 24);
    }
    written_.assign(written_.size(), false);
}

bool AxiMemory::stall() { return options_.stall_percent != 0 && random_() % 100 < options_.stall_percent; }

void AxiMemory::drive(uint64_t cycle, ToDut& in) {
    in.arready = !stall();
    in.awready = !stall();
    in.wready = !stall();

    in.rvalid = rvalid_held_ || (!reads_.empty() && reads_.front().ready <= cycle && !stall());
    if (in.rvalid) {
        const Burst& burst = reads_.front();
        in.rlast = burst.done + 1 == burst.beats;
        std::memcpy(in.rdata.data(), &data_[burst.address + uint64_t{burst.done} * options_.bus_bytes], options_.bus_bytes);
    } else {
        in.rlast = false;
    }
    in.bvalid = bvalid_held_ || (!responses_.empty() && responses_.front().ready <= cycle && !stall());
}

void AxiMemory::observe(uint64_t cycle, const ToDut& in, const FromDut& out) {
    const Address ar{out.arvalid, out.araddr, out.arlen, out.arsize, out.arburst};
    const Address aw{out.awvalid, out.awaddr, out.awlen, out.awsize, out.awburst};
    check_held(cycle, "AR", ar_, ar, in.arready);
    check_held(cycle, "AW", aw_, aw, in.awready);
    check_held_beat(cycle, out, in.wready);

    bool active = false;
    if (in.rvalid && out.rready) {
        active = true;
        if (++reads_.front().done == reads_.front().beats) reads_.pop_front();
    }
    rvalid_held_ = in.rvalid && !out.rready;
    if (in.bvalid && out.bready) {
        active = true;
        responses_.pop_front();
    }
    bvalid_held_ = in.bvalid && !out.bready;

    if (ar.valid && in.arready) take_read(cycle, ar);
    if (aw.valid && in.awready) take_write(cycle, aw);
    if (out.wvalid && in.wready) take_beat(out);
    if (!beats_.empty()) match_beats(cycle);
    if (active || (ar.valid && in.arready) || (aw.valid && in.awready) || (out.wvalid && in.wready)) last_activity_ = cycle;
}

void AxiMemory::take_read(uint64_t cycle, const Address& a) {
    if (!check_address(cycle, "AR", a)) return;
    const Burst burst{a.address, a.len + 1u, 0, cycle + options_.latency};
    check_overlap(cycle, "a read covers bytes of a write that is not finished", burst, writes_);
    check_overlap(cycle, "a read covers bytes of a write that is not answered yet", burst, responses_);
    reads_.push_back(burst);
}

void AxiMemory::take_write(uint64_t cycle, const Address& a) {
    if (!check_address(cycle, "AW", a)) return;
    const Burst burst{a.address, a.len + 1u, 0, 0};
    check_overlap(cycle, "a write covers bytes of a read that is not finished", burst, reads_);
    writes_.push_back(burst);
}

void AxiMemory::take_beat(const FromDut& out) { beats_.push_back({out.wdata, out.wstrb, out.wlast}); }

// Gives accepted data to accepted addresses, both in order.
void AxiMemory::match_beats(uint64_t cycle) {
    while (!beats_.empty() && !writes_.empty()) {
        const Beat beat = beats_.front();
        beats_.pop_front();
        Burst& burst = writes_.front();
        store(burst.address + uint64_t{burst.done} * options_.bus_bytes, beat);
        ++burst.done;
        const bool last = burst.done == burst.beats;
        if (beat.last != last) {
            violation(cycle, format("WLAST is %d on beat %u of %u of the write at 0x%" PRIx64, beat.last, burst.done, burst.beats,
                                    burst.address));
        }
        if (last) {
            burst.ready = cycle + options_.latency;
            responses_.push_back(burst);
            writes_.pop_front();
        }
    }
}

void AxiMemory::store(uint64_t address, const Beat& beat) {
    const uint64_t all = options_.bus_bytes == 64 ? ~uint64_t{0} : (uint64_t{1} << options_.bus_bytes) - 1;
    if ((beat.strobe & all) == all) {
        std::memcpy(&data_[address], beat.data.data(), options_.bus_bytes);
    } else {
        for (unsigned i = 0; i < options_.bus_bytes; ++i) {
            if (beat.strobe >> i & 1) data_[address + i] = beat.data[i];
        }
    }
    written_[address / options_.bus_bytes] = true;
    if (on_write) on_write(address);
}

bool AxiMemory::check_address(uint64_t cycle, const char* channel, const Address& a) {
    const size_t before = violations_.size();
    const uint64_t bytes = uint64_t{options_.bus_bytes} * (a.len + 1u);
    const std::string what = format("%s 0x%" PRIx32 " length %u", channel, a.address, a.len + 1u);
    if ((1u << a.size) != options_.bus_bytes) violation(cycle, what + format(": size %u is not the bus's", a.size));
    if (a.burst != kIncr) violation(cycle, what + format(": burst type %u is not INCR", a.burst));
    if (a.address % options_.bus_bytes != 0) violation(cycle, what + ": not aligned to the bus");
    if (a.address / 4096 != (a.address + bytes - 1) / 4096) violation(cycle, what + ": crosses a 4 KiB boundary");
    if (a.address + bytes > data_.size()) {
        violation(cycle, what + format(": beyond the memory of 0x%" PRIx64 " bytes", uint64_t{data_.size()}));
    }
    return violations_.size() == before;
}

void AxiMemory::check_held(uint64_t cycle, const char* channel, Held<Address>& held, const Address& now, bool ready) {
    if (held.waiting) {
        const Address& was = held.payload;
        if (!now.valid) {
            violation(cycle, format("%sVALID fell before %sREADY", channel, channel));
        } else if (was.address != now.address || was.len != now.len || was.size != now.size || was.burst != now.burst) {
            violation(cycle, format("%s changed while it waited for %sREADY", channel, channel));
        }
    }
    held.waiting = now.valid && !ready;
    if (held.waiting) held.payload = now;
}

void AxiMemory::check_held_beat(uint64_t cycle, const FromDut& out, bool ready) {
    if (w_.waiting) {
        const auto n = options_.bus_bytes;
        if (!out.wvalid) {
            violation(cycle, "WVALID fell before WREADY");
        } else if (w_.payload.last != out.wlast || w_.payload.strobe != out.wstrb ||
                   !std::equal(out.wdata.begin(), out.wdata.begin() + n, w_.payload.data.begin())) {
            violation(cycle, "W changed while it waited for WREADY");
        }
    }
    w_.waiting = out.wvalid && !ready;
    if (w_.waiting) w_.payload = {out.wdata, out.wstrb, out.wlast};
}

void AxiMemory::check_overlap(uint64_t cycle, const char* what, const Burst& burst, const std::deque<Burst>& others) {
    const auto end = [this](const Burst& b) { return b.address + uint64_t{b.beats} * options_.bus_bytes; };
    for (const Burst& other : others) {
        if (burst.address < end(other) && other.address < end(burst)) {
            violation(cycle, format("%s: 0x%" PRIx64 "..0x%" PRIx64 " and 0x%" PRIx64 "..0x%" PRIx64, what, burst.address,
                                    end(burst), other.address, end(other)));
        }
    }
}

void AxiMemory::violation(uint64_t cycle, const std::string& text) {
    if (violations_.size() < kMaxViolations) {
        violations_.push_back(format("AXI violation in cycle %" PRIu64 ": ", cycle) + text);
    }
}

std::string AxiMemory::outstanding() const {
    return format("%zu read bursts, %zu write bursts without all their data, %zu write beats without an address, %zu write "
                  "responses",
                  reads_.size(), writes_.size(), beats_.size(), responses_.size());
}
