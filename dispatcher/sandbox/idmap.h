/* A bounded map from text keys to 32 bytes and a counter, for idempotency ids and fault counts. */
#ifndef SANDBOX_IDMAP_H
#define SANDBOX_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idmap;

struct idmap_entry
{
    uint64_t key[2]; /* SHA-256 of the text key, cut to 128 bits */
    uint8_t value[32];
    uint64_t count;
    bool used;
};

/* max: entries held; a full map takes no more. */
struct idmap *idmap_create(size_t max);
void idmap_destroy(struct idmap *map);
void idmap_clear(struct idmap *map);

/*
 * The entry of a key, made (zero value and count, *ret_new true) when missing. Valid until the next
 * call. NULL when the map is full.
 */
struct idmap_entry *idmap_enter(struct idmap *map, const char *scope, const char *key,
                                bool *ret_new);

#endif
