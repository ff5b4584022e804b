#include "naas.h"

const char *naas_text(naas_result result)
{
    switch (result) {
    case NAAS_OK:
        return "done";
    case NAAS_E_ABSENT:
        return "there is no accelerator at this place";
    case NAAS_E_VERSION:
        return "the accelerator has another register map";
    case NAAS_E_DESIGN:
        return "the accelerator is of another design";
    case NAAS_E_BUSY:
        return "the accelerator runs already";
    case NAAS_E_TIMEOUT:
        return "the accelerator is not done yet";
    case NAAS_E_TABLE:
        return "the control table is not for this accelerator: of another design, or of layers that need other output units";
    case NAAS_E_BUS:
        return "the memory answered with an error";
    }
    return "unknown result";
}

static uint32_t get(const naas_port *port, uint32_t offset)
{
    return port->read(port->context, offset);
}

static void set(const naas_port *port, uint32_t offset, uint32_t value)
{
    port->write(port->context, offset, value);
}

/* Two registers that change together only while the accelerator runs. */
static uint64_t get64(const naas_port *port, uint32_t offset)
{
    const uint64_t low = get(port, offset);
    return low | (uint64_t)get(port, offset + 4) << 32;
}

naas_result naas_probe(const naas_port *port, uint64_t design_hash)
{
    if (get(port, NAAS_ID) != NAAS_ID_VALUE)
        return NAAS_E_ABSENT;
    if (get(port, NAAS_VERSION) != NAAS_VERSION_VALUE)
        return NAAS_E_VERSION;
    return get64(port, NAAS_HASH_LO) == design_hash ? NAAS_OK : NAAS_E_DESIGN;
}

naas_result naas_start(const naas_port *port, const naas_run *run)
{
    if (get(port, NAAS_STATUS) & NAAS_STATUS_BUSY)
        return NAAS_E_BUSY;
    set(port, NAAS_TABLE, run->table);
    set(port, NAAS_LAYERS, run->layers);
    set(port, NAAS_RECORDS, run->records);
    set(port, NAAS_CTRL, NAAS_CTRL_START);
    return NAAS_OK;
}

naas_result naas_wait(const naas_port *port)
{
    uint32_t status;
    /* The register decides, not the interrupt: it may still be that of the run before, or come from another device. */
    while (!((status = get(port, NAAS_STATUS)) & NAAS_STATUS_DONE)) {
        if (port->pause(port->context) != 0)
            return NAAS_E_TIMEOUT;
    }
    if (status & NAAS_STATUS_HASH_MISMATCH)
        return NAAS_E_TABLE;
    return status & NAAS_STATUS_BUS_ERROR ? NAAS_E_BUS : NAAS_OK;
}

uint64_t naas_cycles(const naas_port *port)
{
    return get64(port, NAAS_CYCLES_LO);
}

int naas_cycles_as_predicted(const naas_port *port)
{
    return !(get(port, NAAS_STATUS) & NAAS_STATUS_CYCLE_MISMATCH);
}

void naas_counters(const naas_port *port, uint64_t counters[NAAS_COUNTERS])
{
    uint32_t i;
    for (i = 0; i < NAAS_COUNTERS; i++)
        counters[i] = get64(port, NAAS_COUNTER_BASE + 8 * i);
}

/* Records are little-endian, this machine may be not. */
static uint64_t word(const uint8_t *bytes, unsigned index)
{
    uint64_t value = 0;
    unsigned i;
    for (i = 8; i-- > 0;)
        value = value << 8 | bytes[8 * index + i];
    return value;
}

void naas_read_record(const naas_port *port, const naas_run *run, uint32_t layer, naas_record *record)
{
    uint8_t bytes[NAAS_RECORD_BYTES];
    unsigned i;
    port->copy_out(port->context, run->records + layer * NAAS_RECORD_BYTES, bytes, sizeof bytes);
    record->layer = (uint32_t)word(bytes, NAAS_RECORD_LAYER);
    record->cycles = word(bytes, NAAS_RECORD_CYCLES);
    for (i = 0; i < NAAS_COUNTERS; i++)
        record->counters[i] = word(bytes, NAAS_RECORD_COUNTERS + i);
    record->cycles_as_predicted = (word(bytes, NAAS_RECORD_FLAGS) & 1) == 0;
}
