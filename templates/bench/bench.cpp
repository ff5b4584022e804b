// Runs the accelerator from its registers like a host would, at a memory of fixed latency, and compares outputs, cycles and
// access counters with the manifest's predictions.
//
// Exit status: 0 as predicted, 1 not as predicted or an assertion violated, 2 bad usage or input, 4 the design is not the manifest's.

#include <chrono>
#include <cinttypes>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>

#include "manifest.h"
#include "naas_registers.h"
#include "report.h"
#include "system.h"

namespace {

constexpr const char* kUsage =
    R"(usage: naas-bench [OPTION...] [MANIFEST]

MANIFEST defaults to manifest.txt. Numbers are decimal or 0x hexadecimal.

  --stall PERCENT       withhold each ready and valid of the memory at random; then bits decide, cycles may only grow
  --seed S              seed of the stalls and of registers' initial content (default 1)
  --latency N           memory latency instead of the manifest's; the prediction stays
  --max-cycles N        give up after N cycles (default: four times the prediction and 100000 more)
  --layer NAME          judge and show one layer alone
  --no-compare          do not compare outputs (for inputs other than the recorded ones)
  --load ADDR FILE      put a file's bytes into memory before the run, after the manifest's own
  --dump ADDR LEN FILE  write memory to a file after the run; may be repeated
  --json FILE           write the result as JSON
  --quiet               print errors only
  --serve               many runs of one model, without a reset between them: reads a command a line, `load ADDR FILE`,
                        `dump ADDR LEN FILE`, and `run FILE`, which runs with the loads and dumps since the last one,
                        writes the result as JSON, and answers with the exit status
  --vcd FILE            write a waveform (if built with TRACE=1)
)";

enum ExitStatus { kPass = 0, kFail = 1, kUsageError = 2, kWrongDesign = 4 };

struct Dump {
    uint64_t address, length;
    std::string file;
};

struct Options {
    std::string manifest = "manifest.txt", json, vcd, layer;
    unsigned stall_percent = 0, latency = 0;    // latency 0: the manifest's
    uint64_t seed = 1, max_cycles = 0;
    bool compare = true, quiet = false, serve = false;
    std::vector<Dump> dumps;
    std::vector<Load> loads;
};

Options parse_options(int argc, char** argv) {
    Options options;
    bool manifest_given = false;
    int i = 1;
    const auto text = [&](const std::string& option) -> std::string {
        if (i + 1 >= argc) throw InputError(option + " lacks a value");
        return argv[++i];
    };
    const auto number = [&](const std::string& option, uint64_t max) {
        const uint64_t value = parse_number(text(option), option);
        if (value > max) throw InputError(option + " is above " + std::to_string(max));
        return value;
    };
    constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();
    for (; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--stall") {
            options.stall_percent = static_cast<unsigned>(number(option, 99));
        } else if (option == "--seed") {
            options.seed = number(option, kAny);
        } else if (option == "--latency") {
            options.latency = static_cast<unsigned>(number(option, 1000000));
            if (options.latency == 0) throw InputError("--latency is at least 1");
        } else if (option == "--max-cycles") {
            options.max_cycles = number(option, kAny);
        } else if (option == "--layer") {
            options.layer = text(option);
        } else if (option == "--no-compare") {
            options.compare = false;
        } else if (option == "--load") {
            const uint64_t address = number(option, kAny);
            options.loads.push_back({address, read_file(text(option))});
        } else if (option == "--dump") {
            const uint64_t address = number(option, kAny);
            const uint64_t length = number(option, kAny);
            options.dumps.push_back({address, length, text(option)});
        } else if (option == "--json") {
            options.json = text(option);
        } else if (option == "--quiet") {
            options.quiet = true;
        } else if (option == "--serve") {
            options.serve = true;
        } else if (option == "--vcd") {
            options.vcd = text(option);
            if (!Dut::can_trace()) throw InputError("--vcd needs a bench built with TRACE=1");
        } else if (option == "--help") {
            std::fputs(kUsage, stdout);
            std::exit(kPass);
        } else if (option[0] == '-' || manifest_given) {
            throw InputError("unknown option `" + option + "`; --help lists them");
        } else {
            options.manifest = option;
            manifest_given = true;
        }
    }
    return options;
}

constexpr uint64_t kRecordBytes = NAAS_RECORD_BYTES;

// One run of all layers.
class Run {
  public:
    Run(const Manifest& manifest, const Options& options, const Terms& terms, System& system)
        : manifest_(manifest), options_(options), terms_(terms), system_(system) {
        result_.layers.resize(manifest.layers.size());
        record_words_.resize(manifest.layers.size());
        system_.memory().on_write = [this](uint64_t address) { written(address); };
    }

    RunResult go() {
        try {
            check_design();
            system_.write(NAAS_TABLE, static_cast<uint32_t>(manifest_.table));
            system_.write(NAAS_LAYERS, static_cast<uint32_t>(manifest_.layers.size()));
            system_.write(NAAS_RECORDS, static_cast<uint32_t>(manifest_.records));
            system_.write(NAAS_CTRL, NAAS_CTRL_START);
            run_until_done();
            if (result_.errors.empty()) read_results();
        } catch (const AssertionFailed& error) {
            result_.finished = false;
            result_.errors.push_back(error.what());
        }
        system_.memory().on_write = nullptr;
        return std::move(result_);
    }

  private:
    void check_design() {
        const uint32_t id = system_.read(NAAS_ID);
        if (id != NAAS_ID_VALUE) throw WrongDesign("the ID register reads " + std::to_string(id) + ": this is not a NAAS accelerator");
        const uint64_t hash = system_.read64(NAAS_HASH_LO);
        if (hash == manifest_.hash) return;
        char text[160];
        std::snprintf(text, sizeof text,
                      "the design's hash is %016" PRIx64 ", the manifest's %016" PRIx64 ": generate the folder again", hash,
                      manifest_.hash);
        throw WrongDesign(text);
    }

    void run_until_done() {
        const uint64_t start = system_.cycle();
        const uint64_t slack = terms_.stalled ? 100 / (100 - terms_.stall_percent) : 1;
        const uint64_t limit = options_.max_cycles != 0 ? options_.max_cycles : 4 * slack * manifest_.total_cycles + 100000;
        const AxiMemory& memory = system_.memory();
        while (!system_.irq()) {
            if (system_.cycle() - start > limit) return give_up(limit);
            system_.tick();
            if (!memory.violations().empty()) break;
        }
        // Whatever the accelerator still does on the bus after it reported to be done is an error.
        for (int i = 0; i < 4 && memory.violations().empty(); ++i) system_.tick();
        for (const std::string& violation : memory.violations()) result_.errors.push_back(violation);
        if (result_.errors.empty() && !memory.idle()) {
            result_.errors.push_back("done is reported with transfers outstanding: " + memory.outstanding());
        }
    }

    void give_up(uint64_t limit) {
        const uint64_t quiet = system_.cycle() - system_.memory().last_activity();
        result_.errors.push_back("not done after " + std::to_string(limit) + " cycles; in layer " +
                                 std::to_string(system_.read(NAAS_LAYER)) + ", no bus transfer for " + std::to_string(quiet) +
                                 " cycles, outstanding: " + system_.memory().outstanding());
    }

    void read_results() {
        result_.finished = true;
        result_.cycles = system_.read64(NAAS_CYCLES_LO);
        const uint32_t status = system_.read(NAAS_STATUS);
        if (status & NAAS_STATUS_HASH_MISMATCH) throw WrongDesign("the control table is not for this hardware: of another design, or of layers that need other output units");
        if (status & NAAS_STATUS_BUS_ERROR) result_.errors.push_back("the accelerator reports a bus error");
        if (status & NAAS_STATUS_BUSY) result_.errors.push_back("the accelerator reports done and busy");
        if (!(status & NAAS_STATUS_DONE)) result_.errors.push_back("the interrupt is up, but done is not set");
        check_own_comparison((status & NAAS_STATUS_CYCLE_MISMATCH) != 0);
        for (size_t i = 0; i < result_.layers.size(); ++i) {
            if (!result_.layers[i].finished) result_.errors.push_back("layer " + std::to_string(i) + " wrote no record");
        }
    }

    // The accelerator compares cycles with the predictions in its control table; it must come to the bench's verdict.
    void check_own_comparison(bool says_different) {
        bool different = result_.cycles != manifest_.total_cycles;
        for (size_t i = 0; i < result_.layers.size(); ++i) {
            different = different || result_.layers[i].cycles != manifest_.layers[i].cycles;
        }
        if (says_different == different) return;
        result_.errors.push_back(std::string("the accelerator's own comparison of cycles says ") +
                                 (different ? "equal, but they differ" : "different, but they are equal"));
    }

    // Counts the words of each record; with its last word a layer is finished.
    void written(uint64_t address) {
        const uint64_t end = manifest_.records + kRecordBytes * manifest_.layers.size();
        if (address < manifest_.records || address >= end) return;
        const size_t layer = (address - manifest_.records) / kRecordBytes;
        record_words_[layer] += manifest_.bus_bytes;
        if (record_words_[layer] == kRecordBytes) finish(layer);
    }

    // Outputs are compared as soon as their layer is finished: later layers may use the same memory.
    void finish(size_t index) {
        LayerResult& result = result_.layers[index];
        result.finished = true;
        if (record(index, 0) != index) {
            result_.errors.push_back("the record of layer " + std::to_string(index) + " says layer " +
                                     std::to_string(record(index, 0)));
        }
        const auto step = [&](unsigned word) { return record(index, word) - (index == 0 ? 0 : record(index - 1, word)); };
        result.end = record(index, 1);
        result.cycles = step(1);
        for (unsigned c = 0; c < kCounters; ++c) result.counters[c] = step(2 + c);
        result.flags = record(index, 14);
        const Layer& layer = manifest_.layers[index];
        if (terms_.compare && !layer.expected.empty()) compare_output(layer, system_.memory(), manifest_.bus_bytes, result);
    }

    uint64_t record(size_t layer, unsigned word) {
        uint64_t value = 0;
        const uint8_t* at = system_.memory().data() + manifest_.records + kRecordBytes * layer + 8 * word;
        for (int i = 7; i >= 0; --i) value = value << 8 | at[i];
        return value;
    }

    const Manifest& manifest_;
    const Options& options_;
    const Terms& terms_;
    System& system_;
    RunResult result_;
    std::vector<uint64_t> record_words_;
};

void write_file(const std::string& file, const void* data, size_t bytes) {
    std::ofstream out(file, std::ios::binary);
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    out.close();
    if (!out) throw InputError("cannot write `" + file + "`");
}

void write_dumps(const Options& options, const AxiMemory& memory) {
    for (const Dump& dump : options.dumps) {
        if (dump.length > memory.bytes() || dump.address > memory.bytes() - dump.length) {
            throw InputError("--dump reaches beyond the memory");
        }
        write_file(dump.file, memory.data() + dump.address, dump.length);
    }
}

void check_fit(const Manifest& manifest, const Options& options) {
    if (manifest.bus_bytes != Dut::bus_bytes()) {
        throw WrongDesign("the design has a bus of " + std::to_string(Dut::bus_bytes()) + " bytes, the manifest says " +
                          std::to_string(manifest.bus_bytes));
    }
    bool known = options.layer.empty();
    for (const Layer& layer : manifest.layers) known = known || layer.name == options.layer;
    if (!known) throw InputError("no layer is named `" + options.layer + "`");
}

int conclude(const Manifest& manifest, const Options& options, const Terms& terms, const RunResult& run, const AxiMemory& memory) {
    if (!options.json.empty()) {
        const std::string json = json_report(manifest, run, terms);
        write_file(options.json, json.data(), json.size());
    }
    write_dumps(options, memory);
    return passes(manifest, run, terms) ? kPass : kFail;
}

// The rest of a line, without leading blanks: a file's name may hold some.
std::string rest(std::istream& line) {
    std::string text;
    std::getline(line >> std::ws, text);
    return text;
}

// Runs on command until the commands end. Every run starts with the same memory but for its own loads.
int serve(const Manifest& manifest, const Options& options, const Terms& terms, System& system) {
    Options job = options;
    int status = kPass;
    for (std::string text; std::getline(std::cin, text);) {
        std::istringstream line(text);
        std::string command, address, length;
        line >> command;
        if (command == "load") {
            line >> address;
            job.loads.push_back({parse_number(address, command), read_file(rest(line))});
        } else if (command == "dump") {
            line >> address >> length;
            const uint64_t at = parse_number(address, command), bytes = parse_number(length, command);
            job.dumps.push_back({at, bytes, rest(line)});
        } else if (command == "run") {
            job.json = rest(line);
            system.memory().forget();
            system.put(manifest.loads);
            system.put(job.loads);
            const RunResult run = Run(manifest, job, terms, system).go();
            status = conclude(manifest, job, terms, run, system.memory());
            std::printf("%d\n", status);
            std::fflush(stdout);
            job = options;
        } else {
            throw InputError("unknown command `" + text + "`; --help lists them");
        }
    }
    return status;
}

int bench(const Options& options) {
    const Manifest manifest = read_manifest(options.manifest);
    check_fit(manifest, options);
    Terms terms;
    terms.stalled = options.stall_percent != 0;
    terms.compare = options.compare;
    terms.only = options.layer;
    terms.stall_percent = options.stall_percent;
    terms.seed = options.seed;
    terms.latency = options.latency != 0 ? options.latency : manifest.latency;

    System system({manifest.memory_bytes, manifest.bus_bytes, terms.latency, options.stall_percent, options.seed}, options.vcd);
    if (options.serve) return serve(manifest, options, terms, system);
    system.put(manifest.loads);
    system.put(options.loads);
    const auto begin = std::chrono::steady_clock::now();
    const RunResult run = Run(manifest, options, terms, system).go();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;

    if (!options.quiet) {
        print_report(stdout, manifest, run, terms);
        std::printf("%.2f s, %.0f simulated cycles per second\n", seconds.count(),
                    static_cast<double>(system.cycle()) / seconds.count());
    } else {
        for (const std::string& error : run.errors) std::fprintf(stderr, "error: %s\n", error.c_str());
    }
    return conclude(manifest, options, terms, run, system.memory());
}

}    // namespace

int main(int argc, char** argv) {
    try {
        return bench(parse_options(argc, argv));
    } catch (const InputError& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return kUsageError;
    } catch (const WrongDesign& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return kWrongDesign;
    } catch (const AssertionFailed& error) {
        // In a reset: a run reports it.
        std::fprintf(stderr, "error: %s\n", error.what());
        return kFail;
    }
}
