/*
 * An independent record of what arrived, for a checker, and misbehaviour that a seed replays.
 *
 * What the application wrote may carry a mark: the digits behind the first "ledger:". Requests
 * with the same mark (without one: the same id) are counted, so that the record says which try of
 * a message each was, and the fault of a try depends on seed, mark and number alone.
 */
#ifndef SANDBOX_WITNESS_H
#define SANDBOX_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/fault.h"
#include "sandbox/ledger.h"

struct witness;

/* What is known of a request before it is decided on. */
struct sighting
{
    const char *mark;    /* NULL: none */
    uint64_t number;     /* of the request for this mark or id, from 1; 0: neither is known */
    const char *content; /* what the application wrote, NULL: unknown */
    size_t content_len;
};

/* path NULL: no record. NULL with *reterr static. */
struct witness *witness_create(const char *path, bool misbehave, int64_t seed, const char **reterr);
void witness_destroy(struct witness *witness);

/* Look at a request and count it; what is returned lives in the arena or in the request. */
void witness_see(struct witness *witness, const struct sandbox_double *owner,
                 const struct double_request *request, const char *id, struct arena *arena,
                 struct sighting *ret);

/* The planned fault of a correct request; kind FAULT_NONE: none. */
struct fault witness_fault(const struct witness *witness, const struct sighting *sighting,
                           const char *id);

/* Add a line to the record. */
void witness_write(struct witness *witness, const struct ledger_entry *entry,
                   const struct sighting *sighting);

/* Write the lines that are waiting; false (errno set) when the record cannot be written. */
bool witness_flush(struct witness *witness);

#endif
