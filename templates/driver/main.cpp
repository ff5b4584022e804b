// Example: this folder's network through the driver, on the accelerator under Verilator. A port for hardware maps the
// registers and the memory instead, and leaves the rest as it is.
//
// Exit status: 0 outputs as expected in every run, 1 not, 2 bad usage or input, 4 the driver refused.

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "manifest.h"
#include "naas.h"
#include "naas_design.h"
#include "system.h"

namespace {

constexpr const char* kUsage =
    R"(usage: naas-driver [OPTION...] [MANIFEST]

  --runs N    inferences in a row without a reset (default 1)
  --poll      read the status again and again instead of waiting for the interrupt
  --counters  print the access counters of each layer
)";

struct Options {
    std::string manifest = "manifest.txt";
    uint64_t runs = 1;
    bool poll = false, counters = false;
};

struct Refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

Options parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--runs" && i + 1 < argc) {
            options.runs = parse_number(argv[++i], option);
        } else if (option == "--poll") {
            options.poll = true;
        } else if (option == "--counters") {
            options.counters = true;
        } else if (option == "--help") {
            std::fputs(kUsage, stdout);
            std::exit(0);
        } else if (option[0] == '-') {
            throw InputError("unknown option `" + option + "`; --help lists them");
        } else {
            options.manifest = option;
        }
    }
    return options;
}

// The simulated machine behind a port.
struct Machine {
    System system;
    bool poll;
    uint64_t deadline;    // in cycles since power-up

    naas_port port() {
        naas_port port = {};
        port.context = this;
        port.read = [](void* machine, uint32_t offset) { return of(machine).system.read(static_cast<uint8_t>(offset)); };
        port.write = [](void* machine, uint32_t offset, uint32_t value) {
            of(machine).system.write(static_cast<uint8_t>(offset), value);
        };
        port.copy_in = [](void* machine, uint32_t address, const void* bytes, size_t length) {
            std::memcpy(of(machine).at(address, length), bytes, length);
        };
        port.copy_out = [](void* machine, uint32_t address, void* bytes, size_t length) {
            std::memcpy(bytes, of(machine).at(address, length), length);
        };
        port.pause = [](void* machine) { return of(machine).pause(); };
        return port;
    }

  private:
    static Machine& of(void* machine) { return *static_cast<Machine*>(machine); }

    uint8_t* at(uint32_t address, size_t length) {
        if (address + uint64_t{length} > system.memory().bytes()) throw InputError("an address lies beyond the memory");
        return system.memory().data() + address;
    }

    int pause() {
        do system.tick();
        while (!poll && !system.irq() && system.cycle() < deadline);
        return system.cycle() < deadline ? 0 : 1;
    }
};

void check(naas_result result) {
    if (result != NAAS_OK) throw Refused(naas_text(result));
}

void print_layers(const naas_port& port, const naas_run& run, const Manifest& manifest, bool counters) {
    naas_record before = {};
    for (uint32_t i = 0; i < run.layers; ++i) {
        naas_record record;
        naas_read_record(&port, &run, i, &record);
        std::printf("%-24s %12" PRIu64 " cycles\n", manifest.layers[i].name.c_str(), record.cycles - before.cycles);
        for (unsigned c = 0; counters && c < NAAS_COUNTERS; ++c) {
            std::printf("  %-22s %12" PRIu64 "\n", kCounterNames[c], record.counters[c] - before.counters[c]);
        }
        before = record;
    }
}

// Outputs that are still there when the network is done: no later layer uses their memory.
std::vector<const Layer*> final_outputs(const Manifest& manifest) {
    const auto overlap = [](const Layer& a, const Layer& b) {
        return a.address < b.address + b.expected.size() && b.address < a.address + a.expected.size();
    };
    std::vector<const Layer*> outputs;
    for (size_t i = 0; i < manifest.layers.size(); ++i) {
        bool kept = true;
        for (size_t j = i + 1; j < manifest.layers.size(); ++j) kept = kept && !overlap(manifest.layers[i], manifest.layers[j]);
        if (kept) outputs.push_back(&manifest.layers[i]);
    }
    return outputs;
}

// Whether a byte of an output belongs to a channel; the rest fills the last block up and is never written.
bool is_data(const Layer& layer, uint64_t byte, uint64_t bus_bytes) {
    const uint64_t block = byte / (bus_bytes * layer.shape.y * layer.shape.x) % layer.shape.blocks(static_cast<unsigned>(bus_bytes));
    return block * bus_bytes + byte % bus_bytes < layer.shape.k;
}

// Runs the network and says how many bytes of the outputs are not the expected ones.
uint64_t infer(const naas_port& port, const naas_run& run, const std::vector<const Layer*>& outputs) {
    std::vector<uint8_t> bytes;
    for (const Layer* layer : outputs) {
        // What the accelerator does not write shall not pass for right because the run before wrote it.
        bytes.assign(layer->expected.size(), 0xA5);
        port.copy_in(port.context, static_cast<uint32_t>(layer->address), bytes.data(), bytes.size());
    }
    check(naas_start(&port, &run));
    check(naas_wait(&port));
    uint64_t differences = 0;
    for (const Layer* layer : outputs) {
        bytes.resize(layer->expected.size());
        port.copy_out(port.context, static_cast<uint32_t>(layer->address), bytes.data(), bytes.size());
        for (size_t i = 0; i < bytes.size(); ++i) {
            differences += bytes[i] != layer->expected[i] && is_data(*layer, i, NAAS_DESIGN_BUS_BYTES);
        }
    }
    return differences;
}

int drive(const Options& options) {
    const Manifest manifest = read_manifest(options.manifest);
    Machine machine{System({manifest.memory_bytes, manifest.bus_bytes, manifest.latency, 0, 1}), options.poll, 0};
    const naas_port port = machine.port();
    check(naas_probe(&port, NAAS_DESIGN_HASH));
    for (const Load& load : manifest.loads) {
        port.copy_in(port.context, static_cast<uint32_t>(load.address), load.bytes.data(), load.bytes.size());
    }

    const naas_run run = {NAAS_NETWORK_TABLE, NAAS_NETWORK_LAYERS, NAAS_NETWORK_RECORDS};
    const std::vector<const Layer*> outputs = final_outputs(manifest);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < options.runs; ++i) {
        machine.deadline = machine.system.cycle() + 4 * manifest.total_cycles + 100000;
        const uint64_t differences = infer(port, run, outputs);
        if (differences == 0) continue;
        std::printf("run %" PRIu64 ": %" PRIu64 " bytes of the outputs differ\n", i, differences);
        ++wrong;
    }
    if (options.runs != 0) print_layers(port, run, manifest, options.counters);
    for (const std::string& violation : machine.system.memory().violations()) std::printf("%s\n", violation.c_str());
    std::printf("%" PRIu64 " runs, %" PRIu64 " with other outputs than expected, %" PRIu64 " cycles in the last, %s\n", options.runs,
                wrong, naas_cycles(&port), naas_cycles_as_predicted(&port) ? "as predicted" : "other than predicted");
    return wrong == 0 && machine.system.memory().violations().empty() ? 0 : 1;
}

}    // namespace

int main(int argc, char** argv) {
    try {
        return drive(parse_options(argc, argv));
    } catch (const InputError& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 2;
    } catch (const std::runtime_error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 4;
    }
}
