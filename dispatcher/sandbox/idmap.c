/* Open addressing with linear probing; doubles when half full. */
#include "sandbox/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/mem.h"

struct idmap
{
    struct idmap_entry *slots;
    size_t capacity; /* a power of two */
    size_t used;
    size_t max;
};

static struct idmap_entry *
slots_new(size_t capacity)
{
    return mem_alloc(capacity * sizeof(struct idmap_entry));
}

struct idmap *
idmap_create(size_t max)
{
    struct idmap *map = mem_alloc(sizeof(*map));

    map->capacity = 1024;
    map->slots = slots_new(map->capacity);
    map->max = max;
    return map;
}

void
idmap_destroy(struct idmap *map)
{
    if (map == NULL)
    {
        return;
    }
    free(map->slots);
    free(map);
}

void
idmap_clear(struct idmap *map)
{
    memset(map->slots, 0, map->capacity * sizeof(*map->slots));
    map->used = 0;
}

/* The slot of a key, or the free one where it belongs. */
static struct idmap_entry *
probe(struct idmap_entry *slots, size_t capacity, const uint64_t key[2])
{
    size_t at = (size_t) key[0] & (capacity - 1);

    while (slots[at].used && (slots[at].key[0] != key[0] || slots[at].key[1] != key[1]))
    {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static void
grow(struct idmap *map)
{
    size_t capacity = map->capacity * 2;
    struct idmap_entry *slots = slots_new(capacity);

    for (size_t i = 0; i < map->capacity; i++)
    {
        if (map->slots[i].used)
        {
            *probe(slots, capacity, map->slots[i].key) = map->slots[i];
        }
    }
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
}

struct idmap_entry *
idmap_enter(struct idmap *map, const char *scope, const char *key, bool *ret_new)
{
    size_t scope_len = strlen(scope) + 1;
    size_t key_len = strlen(key);
    char *text = mem_alloc(scope_len + key_len);
    uint8_t digest[32];
    uint64_t parts[2];
    struct idmap_entry *entry;

    memcpy(text, scope, scope_len);
    memcpy(text + scope_len, key, key_len);
    crypto_sha256(text, scope_len + key_len, digest);
    free(text);
    memcpy(parts, digest, sizeof(parts));

    entry = probe(map->slots, map->capacity, parts);
    *ret_new = !entry->used;
    if (entry->used)
    {
        return entry;
    }
    if (map->used >= map->max)
    {
        return NULL;
    }
    if (map->used * 2 >= map->capacity)
    {
        grow(map);
        entry = probe(map->slots, map->capacity, parts);
    }
    memcpy(entry->key, parts, sizeof(parts));
    entry->used = true;
    map->used++;
    return entry;
}
