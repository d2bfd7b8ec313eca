/*
 * Value trees: what hosts build and what the engine computes. Values are immutable once rendering
 * starts; runtime values live in the arena of their render and are never destroyed one by one.
 */
#ifndef LIQUID_VALUE_H
#define LIQUID_VALUE_H

#include "liquid.h"
#include "number.h"

enum lq_type
{
    LQ_NIL,
    LQ_BOOL,
    LQ_INT,
    LQ_BIGINT, /* an integer outside of int64, as its spelling in `string` */
    LQ_FLOAT,
    LQ_STRING,
    LQ_ARRAY,
    LQ_OBJECT,
    LQ_RANGE,
    LQ_BLANK, /* the words blank and empty as operands of a condition */
    LQ_EMPTY,
    LQ_FORLOOP
};

struct lq_loop;
struct lq_object;

struct lq_value
{
    uint8_t type;
    bool invalid; /* a string that is not UTF-8; using it is an error */
    bool markup;  /* a string that is HTML; it is printed as it is */
    union
    {
        bool boolean;
        int64_t integer;
        struct lq_real real;
        struct lq_str string;
        struct
        {
            const struct lq_value **items;
            size_t count;
        } array;
        const struct lq_object *object;
        struct
        {
            int64_t first;
            int64_t last;
        } range;
        const struct lq_loop *loop;
    };
};

struct lq_member
{
    struct lq_str key;
    const struct lq_value *value;
    bool invalid; /* the key is not UTF-8 */
};

/*
 * Finds an entry of an array of structs that start with their struct lq_str key. A crit-bit tree:
 * no hash, so no input makes it slow.
 */
struct lq_index
{
    struct lq_index_node *nodes;
    uint32_t count; /* inner nodes: entries - 1 */
    uint32_t capacity;
    uint32_t root;
};

struct lq_object
{
    struct lq_member *members; /* in the order of their first put */
    size_t count;
    struct lq_index index;
};

extern const struct lq_value lq_value_nil;
extern const struct lq_value lq_value_true;
extern const struct lq_value lq_value_false;
extern const struct lq_value lq_value_blank;
extern const struct lq_value lq_value_empty;
extern const struct lq_value lq_value_no_text; /* the empty string */

static inline const struct lq_value *
lq_value_bool(bool value)
{
    return value ? &lq_value_true : &lq_value_false;
}

static inline bool
lq_value_truthy(const struct lq_value *value)
{
    return value->type != LQ_NIL && !(value->type == LQ_BOOL && !value->boolean);
}

static inline bool
lq_value_is_number(const struct lq_value *value)
{
    return value->type == LQ_INT || value->type == LQ_BIGINT || value->type == LQ_FLOAT;
}

/* The member's value, or NULL. */
const struct lq_value *lq_object_get(const struct lq_object *object, struct lq_str key);

/* How many integers a range holds, at most INT64_MAX. */
int64_t lq_range_count(const struct lq_value *range);

/* Position of key among `entries` (structs of `stride` bytes that start with their key), or
 * UINT32_MAX. The index is consulted only when there are enough entries to have one. */
uint32_t lq_index_find(const struct lq_index *index, const void *entries, size_t count,
                       size_t stride, struct lq_str key);

/* Announce the entry number count - 1, just added; false when out of memory. */
bool lq_index_add(struct lq_index *index, const void *entries, size_t count, size_t stride,
                  const struct lq_mem *mem);
void lq_index_finish(struct lq_index *index, const struct lq_mem *mem);

#endif
