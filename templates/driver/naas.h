/* Driver of the accelerator: finds it, starts the control table that lies in its memory, waits, reads what it counted.
 *
 * C99 without an operating system, an allocator or a global. Addresses are those that the accelerator uses on its data port;
 * a port says how this machine reaches them. A port serves one caller at a time. */
#ifndef NAAS_H
#define NAAS_H

#include <stddef.h>
#include <stdint.h>

#include "naas_registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How this machine reaches the accelerator. `context` is handed to every function. */
typedef struct naas_port {
    void *context;
    /* Registers, by byte offset from the AXI4-Lite base. */
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    /* The accelerator's memory. What is copied in must be visible to it, what is copied out must not come from a cache that
     * was filled before the accelerator wrote. */
    void (*copy_in)(void *context, uint32_t address, const void *bytes, size_t length);
    void (*copy_out)(void *context, uint32_t address, void *bytes, size_t length);
    /* Called by naas_wait until the accelerator is done: sleeps until the interrupt, or returns at once where it is polled.
     * Other than 0 gives up. */
    int (*pause)(void *context);
} naas_port;

typedef enum naas_result {
    NAAS_OK = 0,
    NAAS_E_ABSENT,  /* no such accelerator at this place */
    NAAS_E_VERSION, /* its register map is not the one of naas_registers.h */
    NAAS_E_DESIGN,  /* another design than expected */
    NAAS_E_BUSY,    /* it runs already */
    NAAS_E_TIMEOUT, /* the port's `pause` gave up; the accelerator still runs */
    NAAS_E_TABLE,   /* the control table is of another design or needs other output units; outputs are not valid */
    NAAS_E_BUS      /* the memory answered with an error; outputs are not valid */
} naas_result;

/* A result in words. */
const char *naas_text(naas_result result);

/* Whether the accelerator is there and of this design. */
naas_result naas_probe(const naas_port *port, uint64_t design_hash);

/* A network in the accelerator's memory; all addresses are multiples of the data port's width. */
typedef struct naas_run {
    uint32_t table;   /* control table */
    uint32_t layers;  /* layers to run, from the table's first on */
    uint32_t records; /* where the accelerator writes a record of NAAS_RECORD_BYTES per layer */
} naas_run;

/* Starts a run. Weights and inputs must lie in memory. */
naas_result naas_start(const naas_port *port, const naas_run *run);

/* Waits until the run is done. The interrupt then stays up until the next start. */
naas_result naas_wait(const naas_port *port);

/* Cycles of the finished run, and whether every layer took those that its table predicts. They can differ where the memory
 * is not the one that the design assumes. */
uint64_t naas_cycles(const naas_port *port);
int naas_cycles_as_predicted(const naas_port *port);

/* The access counters of the finished run, in the order of NAAS_COUNT_*. */
void naas_counters(const naas_port *port, uint64_t counters[NAAS_COUNTERS]);

/* What the accelerator had counted when a layer ended, from the start of the run on. */
typedef struct naas_record {
    uint32_t layer;
    uint64_t cycles;
    uint64_t counters[NAAS_COUNTERS];
    int cycles_as_predicted; /* of this and all layers before */
} naas_record;

/* The record of a layer of a finished run. */
void naas_read_record(const naas_port *port, const naas_run *run, uint32_t layer, naas_record *record);

#ifdef __cplusplus
}
#endif

#endif
