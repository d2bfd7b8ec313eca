/*
 * JSON values: ceilings on what applications pass in, and jsonb as a value tree of the template
 * engine.
 */
#ifndef HERALD_VALUE_H
#define HERALD_VALUE_H

#include "lib/stringinfo.h"
#include "liquid.h"
#include "utils/jsonb.h"

enum
{
    HERALD_DATA_BYTES = 1048576,
    HERALD_DATA_DEPTH = 64,
    HERALD_DATA_KEYS = 10000,
    HERALD_KEY_BYTES = 256
};

/*
 * The object behind a jsonb argument, detoasted only once it is known not to be far too large.
 * Raises 22023 when it is no object and 54000 beyond a ceiling: bytes of the text form, nesting
 * (the object itself is 1), number and length of keys. ret_text gets the text form.
 */
Jsonb *herald_value_take(Datum value, const char *field, size_t max_bytes, int max_depth,
                         StringInfo ret_text);

/* The engine's allocator over a memory context; returns NULL where palloc would raise. */
struct lq_mem herald_value_memory(MemoryContext context);

/* A value tree of the document; NULL when out of memory. Numbers keep the spelling of jsonb. */
struct lq_value *herald_value_build(Jsonb *document, const struct lq_mem *mem);

#endif
