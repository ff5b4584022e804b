#include "report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>

namespace {

bool shown(const Layer& layer, const Terms& terms) { return terms.only.empty() || layer.name == terms.only; }

uint64_t mismatches(const Manifest& manifest, const RunResult& run, const Terms& terms) {
    uint64_t sum = 0;
    for (size_t i = 0; i < run.layers.size(); ++i) {
        if (shown(manifest.layers[i], terms)) sum += run.layers[i].mismatches;
    }
    return sum;
}

// Whether the cycles up to and including layer i are acceptable.
bool cycles_pass(const Manifest& manifest, const RunResult& run, const Terms& terms, size_t i) {
    if (!terms.stalled) return run.layers[i].cycles == manifest.layers[i].cycles;
    uint64_t predicted = 0;
    for (size_t j = 0; j <= i; ++j) predicted += manifest.layers[j].cycles;
    return run.layers[i].end >= predicted;
}

bool total_passes(const Manifest& manifest, const RunResult& run, const Terms& terms) {
    return terms.stalled ? run.cycles >= manifest.total_cycles : run.cycles == manifest.total_cycles;
}

std::string format(const char* pattern, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

std::string number(uint64_t value) { return std::to_string(value); }

// "RTL" if equal to the model, else "RTL/model".
std::string against(uint64_t rtl, uint64_t model) {
    return rtl == model ? number(rtl) : number(rtl) + "/" + number(model);
}

// A table whose first columns are text and the others numbers.
class Table {
  public:
    explicit Table(size_t text_columns) : text_columns_(text_columns) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void print(std::FILE* out) const {
        std::vector<size_t> width;
        for (const auto& row : rows_) {
            width.resize(std::max(width.size(), row.size()));
            for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
        }
        for (const auto& row : rows_) {
            std::string line;
            for (size_t i = 0; i < row.size(); ++i) {
                const std::string pad(width[i] - row[i].size(), ' ');
                line += (i ? "  " : "") + (i < text_columns_ ? row[i] + pad : pad + row[i]);
            }
            line.erase(line.find_last_not_of(' ') + 1);
            std::fprintf(out, "%s\n", line.c_str());
        }
    }

  private:
    size_t text_columns_;
    std::vector<std::vector<std::string>> rows_;
};

std::string bits_cell(const LayerResult& result, const Terms& terms) {
    if (!terms.compare || result.elements == 0) return "not compared";
    if (result.mismatches == 0) return number(result.elements) + " equal";
    return number(result.mismatches) + " of " + number(result.elements) + " DIFFER";
}

std::string utilization(const Manifest& manifest, uint64_t macs, uint64_t cycles) {
    if (manifest.pes == 0 || cycles == 0) return "-";
    return format("%.1f%%", 100.0 * static_cast<double>(macs) / (static_cast<double>(manifest.pes) * static_cast<double>(cycles)));
}

void print_layers(std::FILE* out, const Manifest& manifest, const RunResult& run, const Terms& terms) {
    Table table(3);
    table.row({"layer", "kind", "bits", "MACs", "cycles RTL", "model", "difference", "utilization", "counters"});
    for (size_t i = 0; i < run.layers.size(); ++i) {
        const Layer& layer = manifest.layers[i];
        const LayerResult& result = run.layers[i];
        if (!shown(layer, terms)) continue;
        unsigned different = 0;
        for (unsigned c = 0; c < kCounters; ++c) different += result.counters[c] != layer.counters[c];
        const int64_t difference = static_cast<int64_t>(result.cycles - layer.cycles);
        table.row({layer.name, layer.kind, bits_cell(result, terms), number(layer.macs),
                   result.finished ? number(result.cycles) : "-", number(layer.cycles),
                   result.finished ? format("%+" PRId64, difference) : "-", utilization(manifest, layer.macs, result.cycles),
                   different == 0 ? number(kCounters) + " equal" : number(different) + " DIFFER"});
    }
    table.print(out);
}

void print_counters(std::FILE* out, const Manifest& manifest, const RunResult& run, const Terms& terms) {
    Table table(1);
    std::vector<std::string> head = {"layer"};
    head.insert(head.end(), kCounterNames.begin(), kCounterNames.end());
    table.row(head);
    for (size_t i = 0; i < run.layers.size(); ++i) {
        const Layer& layer = manifest.layers[i];
        if (!shown(layer, terms)) continue;
        std::vector<std::string> row = {layer.name};
        for (unsigned c = 0; c < kCounters; ++c) row.push_back(against(run.layers[i].counters[c], layer.counters[c]));
        table.row(row);
    }
    std::fprintf(out, "\ncounters, RTL (RTL/model where they differ)\n");
    table.print(out);
}

// Which tile an output belongs to: its off-chip step and its pass within the step, as tile indices over k, y, x.
std::string place_in_nest(const Tiles& tiles, const Mismatch& m) {
    const std::array<uint64_t, 3> at = {m.k, m.y, m.x};
    std::string step, pass;
    for (size_t d = 0; d < at.size(); ++d) {
        if (tiles.level2[d] == 0 || tiles.array[d] == 0) return "";
        const char* separator = d == 0 ? "" : ", ";
        step += separator + number(at[d] / tiles.level2[d]);
        pass += separator + number(at[d] % tiles.level2[d] / tiles.array[d]);
    }
    return "; off-chip step of tile k, y, x = " + step + ", pass of array tile " + pass;
}

void print_first_mismatch(std::FILE* out, const Manifest& manifest, const RunResult& run, const Terms& terms) {
    for (size_t i = 0; i < run.layers.size(); ++i) {
        const LayerResult& result = run.layers[i];
        if (!shown(manifest.layers[i], terms) || result.mismatches == 0) continue;
        const Mismatch& m = result.first;
        std::fprintf(out,
                     "first mismatch: layer %zu `%s`, n %" PRIu64 ", g %" PRIu64 ", k %" PRIu64 ", y %" PRIu64 ", x %" PRIu64
                     ": RTL %d, expected %d (byte 0x%" PRIx64 "%s)%s\n",
                     i, manifest.layers[i].name.c_str(), m.n, m.g, m.k, m.y, m.x, m.got, m.expected, m.address,
                     m.written ? "" : ", never written by the accelerator", place_in_nest(manifest.layers[i].tiles, m).c_str());
        return;
    }
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += std::string("\\") + c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += format("\\u%04x", c);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string pair(uint64_t rtl, uint64_t model) { return "{\"rtl\": " + number(rtl) + ", \"model\": " + number(model) + "}"; }

std::string json_mismatch(const Mismatch& m) {
    return format("{\"n\": %" PRIu64 ", \"g\": %" PRIu64 ", \"k\": %" PRIu64 ", \"y\": %" PRIu64 ", \"x\": %" PRIu64
                  ", \"address\": %" PRIu64 ", \"rtl\": %d, \"expected\": %d, \"written\": %s}",
                  m.n, m.g, m.k, m.y, m.x, m.address, m.got, m.expected, m.written ? "true" : "false");
}

std::string json_layer(const Layer& layer, const LayerResult& result) {
    std::string out = "{\"name\": " + quoted(layer.name) + ", \"kind\": " + quoted(layer.kind) +
                      ", \"macs\": " + number(layer.macs) + ", \"finished\": " + (result.finished ? "true" : "false") +
                      ", \"elements\": " + number(result.elements) + ", \"mismatches\": " + number(result.mismatches) +
                      ", \"first_mismatch\": " + (result.mismatches == 0 ? "null" : json_mismatch(result.first)) +
                      ", \"cycles\": " + pair(result.cycles, layer.cycles) + ", \"counters\": {";
    for (unsigned c = 0; c < kCounters; ++c) {
        out += (c ? ", " : "") + quoted(kCounterNames[c]) + ": " + pair(result.counters[c], layer.counters[c]);
    }
    return out + "}}";
}

}    // namespace

void compare_output(const Layer& layer, const AxiMemory& memory, unsigned bus_bytes, LayerResult& result) {
    const Shape& s = layer.shape;
    const uint64_t blocks = s.blocks(bus_bytes);
    result.elements = s.n * s.g * s.k * s.y * s.x;
    result.mismatches = 0;
    for (uint64_t at = 0; at < layer.expected.size(); ++at) {
        const uint8_t want = layer.expected[at], got = memory.data()[layer.address + at];
        const bool written = memory.written(layer.address + at);
        if (want == got && written) continue;
        const uint64_t x = at / bus_bytes % s.x, y = at / bus_bytes / s.x % s.y;
        const uint64_t outer = at / bus_bytes / s.x / s.y;
        const uint64_t k = outer % blocks * bus_bytes + at % bus_bytes;
        if (k >= s.k) continue;    // tail channels hold anything
        if (result.mismatches++ == 0) {
            result.first = {outer / blocks / s.g, outer / blocks % s.g,    k, y, x, layer.address + at,
                            static_cast<int8_t>(want), static_cast<int8_t>(got), written};
        }
    }
}

uint64_t counter_differences(const Manifest& manifest, const RunResult& run, const Terms& terms) {
    uint64_t different = 0;
    for (size_t i = 0; i < run.layers.size(); ++i) {
        if (!shown(manifest.layers[i], terms)) continue;
        for (unsigned c = 0; c < kCounters; ++c) different += run.layers[i].counters[c] != manifest.layers[i].counters[c];
    }
    return different;
}

bool passes(const Manifest& manifest, const RunResult& run, const Terms& terms) {
    if (!run.finished || !run.errors.empty() || mismatches(manifest, run, terms) != 0) return false;
    if (!terms.stalled && counter_differences(manifest, run, terms) != 0) return false;
    if (!total_passes(manifest, run, terms)) return false;
    for (size_t i = 0; i < run.layers.size(); ++i) {
        if (!shown(manifest.layers[i], terms)) continue;
        if (!run.layers[i].finished || !cycles_pass(manifest, run, terms, i)) return false;
    }
    return true;
}

void print_report(std::FILE* out, const Manifest& manifest, const RunResult& run, const Terms& terms) {
    print_layers(out, manifest, run, terms);
    print_counters(out, manifest, run, terms);
    std::fprintf(out, "\n");
    for (const std::string& error : run.errors) std::fprintf(out, "error: %s\n", error.c_str());
    print_first_mismatch(out, manifest, run, terms);
    if (terms.stalled) {
        std::fprintf(out, "%u%% stalls (seed %" PRIu64 "): bits decide, cycles may only grow\n", terms.stall_percent, terms.seed);
    }
    uint64_t macs = 0;
    for (const Layer& layer : manifest.layers) macs += layer.macs;
    std::fprintf(out,
                 "total: %" PRIu64 " mismatches, %" PRIu64 " counter differences, cycles RTL %" PRIu64 " model %" PRIu64
                 " (%+" PRId64 "), utilization %s\n%s\n",
                 mismatches(manifest, run, terms), counter_differences(manifest, run, terms), run.cycles, manifest.total_cycles,
                 static_cast<int64_t>(run.cycles - manifest.total_cycles), utilization(manifest, macs, run.cycles).c_str(),
                 passes(manifest, run, terms) ? "PASS" : "FAIL");
}

std::string json_report(const Manifest& manifest, const RunResult& run, const Terms& terms) {
    std::string out = format("{\"design\": \"%016" PRIx64 "\", \"simulator\": \"verilator\", \"latency\": %u, \"stall\": %u, "
                             "\"seed\": %" PRIu64 ", \"finished\": %s, \"pass\": %s,\n \"errors\": [",
                             manifest.hash, terms.latency, terms.stall_percent, terms.seed, run.finished ? "true" : "false",
                             passes(manifest, run, terms) ? "true" : "false");
    for (size_t i = 0; i < run.errors.size(); ++i) out += (i ? ", " : "") + quoted(run.errors[i]);
    out += "],\n \"layers\": [";
    bool first = true;
    for (size_t i = 0; i < run.layers.size(); ++i) {
        if (!shown(manifest.layers[i], terms)) continue;
        out += (first ? "\n  " : ",\n  ") + json_layer(manifest.layers[i], run.layers[i]);
        first = false;
    }
    return out + "],\n \"total\": {\"mismatches\": " + number(mismatches(manifest, run, terms)) +
           ", \"counter_differences\": " + number(counter_differences(manifest, run, terms)) +
           ", \"cycles\": " + pair(run.cycles, manifest.total_cycles) + "}}\n";
}
