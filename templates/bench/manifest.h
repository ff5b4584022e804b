// The text file that tells the bench what to run and what to expect. Paths are relative to the file's folder.
//
//   naas-bench 1                            format; always the first line
//   bus_bytes N                             bytes of the AXI4 data port
//   latency N                               of the off-chip memory, in cycles
//   memory_bytes N                          size of the off-chip memory
//   hash HEX16                              design hash
//   table ADDR / records ADDR / layers N    what the host programs
//   total_cycles N                          predicted cycles from start to done
//   pes N                                   multipliers, for the utilization (may be left out)
//   load ADDR FILE                          a file's bytes into memory
//   layer INDEX NAME KIND MACS CYCLES       a layer with its predicted cycles; names hold no blanks
//   counter INDEX NAME PREDICTED            a counter of a layer, in the hardware's order
//   shape INDEX N G K Y X                   output [N][G][ceil(K/bus_bytes)][Y][X][bus_bytes]
//   expect INDEX ADDR FILE                  where the output lies, and its bytes in the same layout
//
// Numbers are decimal or 0x hexadecimal. Lines that start with # are comments.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

// Counters of the accelerator, in the order of its records.
constexpr unsigned kCounters = 12;
constexpr std::array<const char*, kCounters> kCounterNames = {
    "macs",         "compute_cycles", "w_cycles",  "w_words",   "i_cycles",   "i_words",
    "i_writes",     "drain_cycles",   "psum_words", "acc_reads", "read_beats", "write_beats",
};

// A problem with the command line or a file, in words.
struct InputError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Load {
    uint64_t address;
    std::vector<uint8_t> bytes;
};

struct Shape {
    uint64_t n = 1, g = 1, k = 1, y = 1, x = 1;
    uint64_t blocks(unsigned bus_bytes) const { return (k + bus_bytes - 1) / bus_bytes; }
    uint64_t bytes(unsigned bus_bytes) const { return n * g * blocks(bus_bytes) * y * x * bus_bytes; }
};

// Extents of an output tile over k, y, x: of a level-2 tile, and of the array tile of one pass within it.
struct Tiles {
    std::array<uint64_t, 3> level2 = {0, 0, 0}, array = {0, 0, 0};
};

struct Layer {
    bool declared = false;
    std::string name, kind;
    uint64_t macs = 0, cycles = 0;
    std::array<uint64_t, kCounters> counters{};
    unsigned counters_given = 0;
    // Expected output; empty if the layer's bits are not compared.
    Shape shape;
    Tiles tiles;    // zero if the manifest does not tell
    uint64_t address = 0;
    std::vector<uint8_t> expected;
};

struct Manifest {
    unsigned bus_bytes = 0, latency = 0;
    uint64_t memory_bytes = 0, hash = 0, table = 0, records = 0, total_cycles = 0, pes = 0;
    std::vector<Load> loads;
    std::vector<Layer> layers;
};

// Reads and checks a manifest with all files it names.
Manifest read_manifest(const std::string& file);

// A whole file's bytes.
std::vector<uint8_t> read_file(const std::string& file);

// A number, decimal or 0x hexadecimal.
uint64_t parse_number(const std::string& text, const std::string& what);
