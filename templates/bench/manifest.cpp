#include "manifest.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace {

// One line, taken apart word by word.
class Line {
  public:
    Line(const std::string& text, std::string place) : words_(text), place_(std::move(place)) {}

    std::string word(const char* what) {
        std::string word;
        if (!(words_ >> word)) fail(std::string("lacks ") + what);
        return word;
    }
    uint64_t number(const char* what) { return parse_number(word(what), place_ + ": " + what); }
    void end() {
        std::string word;
        if (words_ >> word) fail("has `" + word + "` too much");
    }
    [[noreturn]] void fail(const std::string& text) const { throw InputError(place_ + ": the line " + text); }

  private:
    std::istringstream words_;
    std::string place_;
};

class Reader {
  public:
    explicit Reader(const std::string& file) : file_(file), folder_(file.substr(0, file.find_last_of('/') + 1)) {}

    Manifest read() {
        std::ifstream in(file_);
        if (!in) throw InputError("cannot open `" + file_ + "`");
        std::string text;
        for (unsigned number = 1; std::getline(in, text); ++number) {
            Line line(text, file_ + ":" + std::to_string(number));
            if (number == 1) {
                header(line);
            } else if (text.find_first_not_of(" \t\r") != std::string::npos && text[0] != '#') {
                statement(line);
            }
        }
        check();
        return std::move(manifest_);
    }

  private:
    void header(Line& line) {
        if (line.word("`naas-bench`") != "naas-bench" || line.number("a version") != 1) line.fail("is not `naas-bench 1`");
        line.end();
    }

    void statement(Line& line) {
        const std::string key = line.word("a key");
        if (key == "bus_bytes") {
            manifest_.bus_bytes = static_cast<unsigned>(line.number("bytes"));
        } else if (key == "latency") {
            manifest_.latency = static_cast<unsigned>(line.number("cycles"));
        } else if (key == "memory_bytes") {
            manifest_.memory_bytes = line.number("bytes");
        } else if (key == "hash") {
            manifest_.hash = parse_number("0x" + line.word("a hash"), file_ + ": hash");
        } else if (key == "table") {
            manifest_.table = line.number("an address");
        } else if (key == "records") {
            manifest_.records = line.number("an address");
        } else if (key == "layers") {
            manifest_.layers.resize(line.number("a number of layers"));
        } else if (key == "total_cycles") {
            manifest_.total_cycles = line.number("cycles");
        } else if (key == "pes") {
            manifest_.pes = line.number("a number");
        } else if (key == "load") {
            const uint64_t address = line.number("an address");
            manifest_.loads.push_back({address, read_file(folder_ + line.word("a file"))});
        } else if (key == "layer" || key == "counter" || key == "shape" || key == "tiles" || key == "expect") {
            of_layer(key, line);
        } else {
            line.fail("starts with the unknown key `" + key + "`");
        }
        line.end();
    }

    void of_layer(const std::string& key, Line& line) {
        const uint64_t index = line.number("a layer index");
        if (index >= manifest_.layers.size()) line.fail("names a layer beyond the number of layers (`layers` comes first)");
        Layer& layer = manifest_.layers[index];
        if (key == "layer") {
            layer.name = line.word("a name");
            layer.kind = line.word("a kind");
            layer.macs = line.number("MACs");
            layer.cycles = line.number("cycles");
            layer.declared = true;
        } else if (key == "counter") {
            counter(layer, line);
        } else if (key == "shape") {
            Shape& s = layer.shape;
            for (uint64_t* extent : {&s.n, &s.g, &s.k, &s.y, &s.x}) *extent = line.number("an extent");
        } else if (key == "tiles") {
            for (uint64_t& extent : layer.tiles.level2) extent = line.number("a level-2 tile extent");
            for (uint64_t& extent : layer.tiles.array) extent = line.number("an array tile extent");
        } else {
            layer.address = line.number("an address");
            layer.expected = read_file(folder_ + line.word("a file"));
        }
    }

    void counter(Layer& layer, Line& line) {
        const std::string name = line.word("a counter name");
        for (unsigned i = 0; i < kCounters; ++i) {
            if (name == kCounterNames[i]) {
                layer.counters[i] = line.number("a count");
                layer.counters_given |= 1u << i;
                return;
            }
        }
        line.fail("names the unknown counter `" + name + "`");
    }

    void check() const {
        const Manifest& m = manifest_;
        const auto need = [this](bool ok, const std::string& what) {
            if (!ok) throw InputError(file_ + ": " + what);
        };
        need(m.bus_bytes >= 4 && m.bus_bytes <= 64 && (m.bus_bytes & (m.bus_bytes - 1)) == 0, "`bus_bytes` is not a power of two from 4 to 64");
        need(m.latency >= 1, "`latency` is missing or 0");
        need(m.memory_bytes >= 1 && m.memory_bytes <= uint64_t{1} << 32, "`memory_bytes` is missing or above 4 GiB");
        need(m.memory_bytes % m.bus_bytes == 0, "`memory_bytes` is not a multiple of `bus_bytes`");
        need(!m.layers.empty(), "`layers` is missing or 0");
        need(m.records + 128 * m.layers.size() <= m.memory_bytes, "the records lie beyond the memory");
        for (const Load& load : m.loads) {
            need(load.address + load.bytes.size() <= m.memory_bytes, "a `load` reaches beyond the memory");
        }
        for (size_t i = 0; i < m.layers.size(); ++i) {
            const Layer& layer = m.layers[i];
            const std::string name = "layer " + std::to_string(i);
            need(layer.declared, name + " has no `layer` line");
            need(layer.counters_given + 1 == 1u << kCounters, name + " lacks `counter` lines");
            if (layer.expected.empty()) continue;
            need(layer.expected.size() == layer.shape.bytes(m.bus_bytes), name + ": the expected output's size is not its shape's");
            need(layer.address + layer.expected.size() <= m.memory_bytes, name + ": the output lies beyond the memory");
        }
    }

    std::string file_, folder_;
    Manifest manifest_;
};

}    // namespace

Manifest read_manifest(const std::string& file) { return Reader(file).read(); }

std::vector<uint8_t> read_file(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw InputError("cannot open `" + file + "`");
    return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

uint64_t parse_number(const std::string& text, const std::string& what) {
    errno = 0;
    char* end = nullptr;
    const bool hex = text.compare(0, 2, "0x") == 0 || text.compare(0, 2, "0X") == 0;
    const uint64_t value = std::strtoull(text.c_str(), &end, hex ? 16 : 10);
    const bool digits = !text.empty() && text[0] >= '0' && text[0] <= '9' && *end == '\0';
    if (!digits || errno != 0) throw InputError(what + ": `" + text + "` is not a number");
    return value;
}
