// What a run gave, compared with what was predicted, as a table for people and as JSON.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "axi_memory.h"
#include "manifest.h"

// The first byte of an output that differs.
struct Mismatch {
    uint64_t n = 0, g = 0, k = 0, y = 0, x = 0, address = 0;
    int expected = 0, got = 0;
    bool written = false;    // whether the accelerator wrote that word at all
};

struct LayerResult {
    bool finished = false;    // its record was written
    uint64_t elements = 0, mismatches = 0;
    Mismatch first;
    uint64_t end = 0;    // cycles from the start to the end of the layer
    uint64_t cycles = 0;
    std::array<uint64_t, kCounters> counters{};
    uint64_t flags = 0;
};

struct RunResult {
    bool finished = false;    // the accelerator reported that it is done
    uint64_t cycles = 0;
    std::vector<LayerResult> layers;
    std::vector<std::string> errors;    // protocol violations, watchdog, error flags
};

// How results are judged and named.
struct Terms {
    bool stalled = false;      // bits decide; cycles must not shrink
    bool compare = true;       // compare outputs
    std::string only;          // judge and show this layer alone, if not empty
    unsigned stall_percent = 0, latency = 0;
    uint64_t seed = 0;
};

// Compares a layer's output with its expectation.
void compare_output(const Layer& layer, const AxiMemory& memory, unsigned bus_bytes, LayerResult& result);

// Number of (layer, counter) pairs that differ.
uint64_t counter_differences(const Manifest& manifest, const RunResult& run, const Terms& terms);

// Whether the run is as predicted.
bool passes(const Manifest& manifest, const RunResult& run, const Terms& terms);

// The table, every difference and a summary.
void print_report(std::FILE* out, const Manifest& manifest, const RunResult& run, const Terms& terms);

// The JSON document.
std::string json_report(const Manifest& manifest, const RunResult& run, const Terms& terms);
