/* What an S3-compatible store holds: contents by key, in memory, bounded. */
#ifndef SANDBOX_OBJECTS_H
#define SANDBOX_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

struct objects;

/* bytes_max: of all contents together. */
struct objects *objects_create(size_t bytes_max);
void objects_destroy(struct objects *objects);

/* Put a content in the place of what has the key; false, and nothing changes, when there is no
 * room. */
bool objects_put(struct objects *objects, const char *key, const void *data, size_t len);

/* The content of a key, valid until the next change; NULL when there is none. */
const char *objects_get(const struct objects *objects, const char *key, size_t *ret_len);

void objects_remove(struct objects *objects, const char *key);

#endif
