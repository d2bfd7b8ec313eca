/* Value builders and look-ups in values. */
#include "value.h"

#include <string.h>

#include "utf8.h"

enum
{
    CAPACITY_MIN = 4
};

/* What a builder returns a pointer into: the value with its allocator. */
struct host_value
{
    struct lq_value value;
    struct lq_mem mem;
    struct lq_object object;
    struct host_value *next; /* while waiting for destruction */
};

const struct lq_value lq_value_nil = { .type = LQ_NIL };
const struct lq_value lq_value_true = { .type = LQ_BOOL, .boolean = true };
const struct lq_value lq_value_false = { .type = LQ_BOOL, .boolean = false };
const struct lq_value lq_value_blank = { .type = LQ_BLANK };
const struct lq_value lq_value_empty = { .type = LQ_EMPTY };
const struct lq_value lq_value_no_text = { .type = LQ_STRING, .string = { "", 0 } };

static struct host_value *
host_of(struct lq_value *value)
{
    return (struct host_value *) value;
}

static struct host_value *
create(const struct lq_mem *mem, enum lq_type type)
{
    struct host_value *host = mem->alloc(mem->ctx, sizeof(*host));

    if (host == NULL)
        return NULL;
    memset(host, 0, sizeof(*host));
    host->value.type = (uint8_t) type;
    host->mem = *mem;
    return host;
}

static bool
copy_text(const struct lq_mem *mem, struct lq_str text, struct lq_str *ret)
{
    char *data;

    *ret = LQ_STR("");
    if (text.len == 0)
        return true;
    data = mem->alloc(mem->ctx, text.len);
    if (data == NULL)
        return false;
    memcpy(data, text.data, text.len);
    *ret = (struct lq_str){ data, text.len };
    return true;
}

static void
free_text(const struct lq_mem *mem, struct lq_str text)
{
    if (text.len > 0)
        mem->free(mem->ctx, (void *) (uintptr_t) text.data);
}

struct lq_value *
lq_nil(const struct lq_mem *mem)
{
    return (struct lq_value *) create(mem, LQ_NIL);
}

struct lq_value *
lq_bool(const struct lq_mem *mem, bool value)
{
    struct host_value *host = create(mem, LQ_BOOL);

    if (host == NULL)
        return NULL;
    host->value.boolean = value;
    return &host->value;
}

struct lq_value *
lq_string(const struct lq_mem *mem, struct lq_str text)
{
    struct host_value *host = create(mem, LQ_STRING);

    if (host == NULL)
        return NULL;
    if (!copy_text(mem, text, &host->value.string))
    {
        mem->free(mem->ctx, host);
        return NULL;
    }
    host->value.invalid = !lq_utf8_valid(text);
    return &host->value;
}

struct lq_value *
lq_number(const struct lq_mem *mem, struct lq_str spelling)
{
    struct host_value *host;
    bool integer;

    if (!lq_number_check(spelling, &integer)) /* NaN, Infinity and the like have no number */
        return lq_string(mem, spelling);
    host = create(mem, LQ_INT);
    if (host == NULL)
        return NULL;
    if (!integer)
    {
        host->value.type = LQ_FLOAT;
        lq_real_parse(spelling, &host->value.real);
    }
    else if (!lq_int_parse(spelling, &host->value.integer))
    {
        host->value.type = LQ_BIGINT;
        if (!copy_text(mem, spelling, &host->value.string))
        {
            mem->free(mem->ctx, host);
            return NULL;
        }
    }
    return &host->value;
}

struct lq_value *
lq_array(const struct lq_mem *mem)
{
    return (struct lq_value *) create(mem, LQ_ARRAY);
}

struct lq_value *
lq_object(const struct lq_mem *mem)
{
    struct host_value *host = create(mem, LQ_OBJECT);

    if (host == NULL)
        return NULL;
    host->value.object = &host->object;
    return &host->value;
}

/* Make room for one more item; capacities are powers of two, so they need not be stored. */
static void *
reserve(const struct lq_mem *mem, void *items, size_t count, size_t size)
{
    if (count == 0 && items == NULL)
        return mem->alloc(mem->ctx, CAPACITY_MIN * size);
    if (count < CAPACITY_MIN || (count & (count - 1)) != 0)
        return items;
    if (count > SIZE_MAX / 2 / size)
        return NULL;
    return mem->realloc(mem->ctx, items, 2 * count * size);
}

bool
lq_array_push(struct lq_value *array, struct lq_value *item)
{
    struct host_value *host = host_of(array);
    void *items;

    if (item == NULL)
        return false;
    items = reserve(&host->mem, array->array.items, array->array.count, sizeof(item));
    if (items == NULL)
    {
        lq_value_destroy(item);
        return false;
    }
    array->array.items = items;
    array->array.items[array->array.count++] = item;
    return true;
}

static bool
add_member(struct host_value *host, struct lq_str key, struct lq_value *value)
{
    struct lq_object *object = &host->object;
    struct lq_member *members;
    struct lq_member member = { .value = value, .invalid = !lq_utf8_valid(key) };

    members = reserve(&host->mem, object->members, object->count, sizeof(member));
    if (members == NULL)
        return false;
    object->members = members;
    if (!copy_text(&host->mem, key, &member.key))
        return false;
    members[object->count] = member;
    if (!lq_index_add(&object->index, members, object->count + 1, sizeof(member), &host->mem))
    {
        free_text(&host->mem, member.key);
        return false;
    }
    object->count++;
    return true;
}

bool
lq_object_put(struct lq_value *object, struct lq_str key, struct lq_value *value)
{
    struct host_value *host = host_of(object);
    uint32_t at;

    if (value == NULL)
        return false;
    at = lq_index_find(&host->object.index, host->object.members, host->object.count,
                       sizeof(struct lq_member), key);
    if (at != UINT32_MAX)
    {
        struct lq_member *member = &host->object.members[at];

        lq_value_destroy((struct lq_value *) (uintptr_t) member->value);
        member->value = value;
        return true;
    }
    if (add_member(host, key, value))
        return true;
    lq_value_destroy(value);
    return false;
}

static void
push_doomed(struct host_value **stack, const struct lq_value *value)
{
    struct host_value *host = (struct host_value *) (uintptr_t) value;

    host->next = *stack;
    *stack = host;
}

void
lq_value_destroy(struct lq_value *value)
{
    struct host_value *stack = NULL;

    if (value != NULL)
        push_doomed(&stack, value);
    while (stack != NULL) /* no recursion: the tree may be deeper than the stack allows */
    {
        struct host_value *host = stack;
        struct lq_mem mem = host->mem;

        stack = host->next;
        if (host->value.type == LQ_STRING || host->value.type == LQ_BIGINT)
            free_text(&mem, host->value.string);
        if (host->value.type == LQ_ARRAY && host->value.array.items != NULL)
        {
            for (size_t i = 0; i < host->value.array.count; i++)
                push_doomed(&stack, host->value.array.items[i]);
            mem.free(mem.ctx, host->value.array.items);
        }
        if (host->object.members != NULL)
        {
            for (size_t i = 0; i < host->object.count; i++)
            {
                push_doomed(&stack, host->object.members[i].value);
                free_text(&mem, host->object.members[i].key);
            }
            mem.free(mem.ctx, host->object.members);
        }
        lq_index_finish(&host->object.index, &mem);
        mem.free(mem.ctx, host);
    }
}

const struct lq_value *
lq_object_get(const struct lq_object *object, struct lq_str key)
{
    uint32_t at = lq_index_find(&object->index, object->members, object->count,
                                sizeof(struct lq_member), key);

    return at == UINT32_MAX ? NULL : object->members[at].value;
}

int64_t
lq_range_count(const struct lq_value *range)
{
    uint64_t distance;

    if (range->range.last < range->range.first)
        return 0;
    distance = (uint64_t) range->range.last - (uint64_t) range->range.first;
    return distance >= (uint64_t) INT64_MAX ? INT64_MAX : (int64_t) distance + 1;
}
