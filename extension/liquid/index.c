/* The crit-bit tree that finds keys in objects and names in templates. */
#include <string.h>

#include "utf8.h"
#include "value.h"

enum
{
    LINEAR_MAX = 8, /* below this a scan is faster and needs no memory */
    LENGTH_BYTES = 4
};

#define LEAF UINT32_C(0x80000000)

struct lq_index_node
{
    uint32_t child[2]; /* a node, or LEAF | entry */
    uint32_t byte;
    uint8_t mask;
};

static struct lq_str
entry_key(const void *entries, size_t stride, uint32_t entry)
{
    struct lq_str key;

    memcpy(&key, (const char *) entries + stride * entry, sizeof(key));
    return key;
}

/* Keys are compared as if their length stood before them, so that none is a prefix of another. */
static unsigned char
key_byte(struct lq_str key, uint32_t at)
{
    if (at < LENGTH_BYTES)
        return (unsigned char) ((uint32_t) key.len >> (8 * at));
    at -= LENGTH_BYTES;
    return at < key.len ? (unsigned char) key.data[at] : 0;
}

static int
direction(const struct lq_index_node *node, struct lq_str key)
{
    return (key_byte(key, node->byte) & node->mask) != 0;
}

/* The entry that shares the longest path with key. */
static uint32_t
nearest(const struct lq_index *index, struct lq_str key)
{
    uint32_t at = index->root;

    while ((at & LEAF) == 0)
        at = index->nodes[at].child[direction(&index->nodes[at], key)];
    return at & ~LEAF;
}

uint32_t
lq_index_find(const struct lq_index *index, const void *entries, size_t count, size_t stride,
              struct lq_str key)
{
    uint32_t entry;

    if (count <= LINEAR_MAX)
    {
        for (uint32_t i = 0; i < count; i++)
        {
            if (lq_str_equal(entry_key(entries, stride, i), key))
                return i;
        }
        return UINT32_MAX;
    }
    entry = nearest(index, key);
    return lq_str_equal(entry_key(entries, stride, entry), key) ? entry : UINT32_MAX;
}

static bool
reserve(struct lq_index *index, const struct lq_mem *mem)
{
    uint32_t capacity = index->capacity == 0 ? 2 * LINEAR_MAX : 2 * index->capacity;
    struct lq_index_node *nodes;

    if (index->count < index->capacity)
        return true;
    if (index->nodes == NULL)
        nodes = mem->alloc(mem->ctx, capacity * sizeof(*nodes));
    else
        nodes = mem->realloc(mem->ctx, index->nodes, capacity * sizeof(*nodes));
    if (nodes == NULL)
        return false;
    index->nodes = nodes;
    index->capacity = capacity;
    return true;
}

/* Hang the entry into the tree; its key differs from all others. */
static bool
insert(struct lq_index *index, const void *entries, size_t stride, uint32_t entry,
       const struct lq_mem *mem)
{
    struct lq_str key = entry_key(entries, stride, entry);
    struct lq_str other = entry_key(entries, stride, nearest(index, key));
    uint32_t *place = &index->root;
    struct lq_index_node *node;
    uint32_t byte = 0;
    unsigned char mask;

    if (!reserve(index, mem))
        return false;
    while (key_byte(key, byte) == key_byte(other, byte))
        byte++;
    mask = key_byte(key, byte) ^ key_byte(other, byte);
    while ((mask & (mask - 1)) != 0)
        mask &= (unsigned char) (mask - 1);
    while ((*place & LEAF) == 0)
    {
        node = &index->nodes[*place];
        if (node->byte > byte || (node->byte == byte && node->mask < mask))
            break;
        place = &node->child[direction(node, key)];
    }
    node = &index->nodes[index->count];
    node->byte = byte;
    node->mask = mask;
    node->child[direction(node, key)] = LEAF | entry;
    node->child[!direction(node, key)] = *place;
    *place = index->count++;
    return true;
}

bool
lq_index_add(struct lq_index *index, const void *entries, size_t count, size_t stride,
             const struct lq_mem *mem)
{
    if (count <= LINEAR_MAX)
        return true;
    if (count >= LEAF)
        return false;
    if (count > LINEAR_MAX + 1)
        return insert(index, entries, stride, (uint32_t) count - 1, mem);
    index->count = 0;
    index->root = LEAF;
    for (uint32_t i = 1; i < count; i++)
    {
        if (!insert(index, entries, stride, i, mem))
            return false;
    }
    return true;
}

void
lq_index_finish(struct lq_index *index, const struct lq_mem *mem)
{
    if (index->nodes != NULL)
        mem->free(mem->ctx, index->nodes);
    *index = (struct lq_index){ 0 };
}
