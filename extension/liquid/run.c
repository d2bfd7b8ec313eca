/* Ceilings, values and variables of one rendering. */
#include "run.h"

#include <string.h>

#include "parse.h"
#include "utf8.h"

enum
{
    TICK_STEPS = 1000,
    BUILDER_MIN = 64,
    LIST_MIN = 16
};

bool
lq_run_step_slow(struct lq_run *run)
{
    const struct lq_options *options = run->options;

    if (run->steps > options->limits.steps)
        return lq_run_fail(run, LQ_ERR_STEPS, "rendering takes more than %llu steps",
                           (unsigned long long) options->limits.steps);
    if (run->steps >= run->next_tick)
    {
        if (run->next_tick > 0 && options->tick != NULL && options->tick(options->host))
            return lq_run_fail(run, LQ_ERR_CANCELLED, "rendering was cancelled");
        run->next_tick = run->steps - run->steps % TICK_STEPS;
        run->next_tick =
            run->next_tick > UINT64_MAX - TICK_STEPS ? UINT64_MAX : run->next_tick + TICK_STEPS;
    }
    run->next_check = run->next_tick;
    if (run->next_check > options->limits.steps && options->limits.steps < UINT64_MAX)
        run->next_check = options->limits.steps + 1;
    return true;
}

bool
lq_run_overspent(struct lq_run *run)
{
    return lq_run_fail(run, LQ_ERR_OUTPUT, "output and intermediate texts exceed %zu bytes",
                       run->options->limits.output_bytes);
}

bool
lq_run_enter(struct lq_run *run)
{
    size_t limit = lq_depth_max(run->options);

    if (run->depth >= limit)
        return lq_run_fail(run, LQ_ERR_DEPTH,
                           "partials, blocks or data nested more than %zu levels deep", limit);
    run->depth++;
    return true;
}

bool
lq_run_out_of_memory(struct lq_run *run)
{
    return lq_fault_memory(&run->fault);
}

struct lq_slot *
lq_run_data(struct lq_run *run, uint32_t number)
{
    struct lq_slot *slot = &run->slots[number];

    if (!slot->looked_up && run->data != NULL)
        slot->data = lq_object_get(run->data, run->template->variables.names[number]);
    slot->looked_up = true;
    return slot;
}

const struct lq_value *
lq_run_slot(struct lq_run *run, uint32_t number)
{
    struct lq_slot *slot = &run->slots[number];

    if (slot->local != NULL)
        return slot->local;
    if (slot->assigned != NULL)
        return slot->assigned;
    return lq_run_data(run, number)->data;
}

uint32_t
lq_variable_find(const struct lq_template *template, struct lq_str name)
{
    const struct lq_names *variables = &template->variables;

    return lq_index_find(&variables->index, variables->names, variables->count,
                         sizeof(variables->names[0]), name);
}

const struct lq_value *
lq_run_variable(struct lq_run *run, struct lq_str name)
{
    uint32_t slot = lq_variable_find(run->template, name);

    if (slot != UINT32_MAX)
        return lq_run_slot(run, slot);
    return run->data == NULL ? NULL : lq_object_get(run->data, name);
}

struct lq_value *
lq_new_value(struct lq_run *run, enum lq_type type)
{
    struct lq_value *value = lq_arena_alloc(&run->arena, sizeof(*value));

    if (value == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    value->type = (uint8_t) type;
    return value;
}

const struct lq_value *
lq_new_int(struct lq_run *run, int64_t number)
{
    struct lq_value *value = lq_new_value(run, LQ_INT);

    if (value != NULL)
        value->integer = number;
    return value;
}

const struct lq_value *
lq_new_string(struct lq_run *run, struct lq_str text)
{
    struct lq_value *value;

    if (text.len == 0)
        return &lq_value_no_text;
    value = lq_new_value(run, LQ_STRING);
    if (value != NULL)
        value->string = text;
    return value;
}

struct lq_value *
lq_new_array(struct lq_run *run, size_t count)
{
    struct lq_value *value = lq_new_value(run, LQ_ARRAY);

    if (value == NULL || count == 0)
        return value;
    value->array.items = lq_arena_array(&run->arena, count, sizeof(value->array.items[0]));
    if (value->array.items == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    value->array.count = count;
    return value;
}

const struct lq_value *
lq_new_pair(struct lq_run *run, const struct lq_member *member)
{
    struct lq_value *pair = lq_new_array(run, 2);
    struct lq_value *key = pair == NULL ? NULL : lq_new_value(run, LQ_STRING);

    if (key == NULL)
        return NULL;
    key->string = member->key;
    key->invalid = member->invalid;
    pair->array.items[0] = key;
    pair->array.items[1] = member->value;
    return pair;
}

bool
lq_builder_grow(struct lq_builder *builder, size_t len)
{
    size_t cap = builder->cap < BUILDER_MIN ? BUILDER_MIN : builder->cap;
    char *data;

    while (cap - builder->len < len)
    {
        if (cap > SIZE_MAX / 2)
            return lq_run_out_of_memory(builder->run);
        cap *= 2;
    }
    data = lq_arena_bytes(&builder->run->arena, cap);
    if (data == NULL)
        return lq_run_out_of_memory(builder->run);
    if (builder->len > 0)
        memcpy(data, builder->data, builder->len);
    builder->data = data;
    builder->cap = cap;
    return true;
}

bool
lq_builder_add(struct lq_builder *builder, struct lq_str text)
{
    if (text.len == 0)
        return true;
    if (!lq_run_scan(builder->run, text.len) || !lq_builder_reserve(builder, text.len))
        return false;
    memcpy(builder->data + builder->len, text.data, text.len);
    builder->len += text.len;
    return true;
}

const struct lq_value *
lq_builder_finish(struct lq_builder *builder)
{
    return lq_new_string(builder->run, (struct lq_str){ builder->data, builder->len });
}

static bool
list_add(struct lq_run *run, struct lq_list *list, const struct lq_value *item)
{
    size_t capacity = list->capacity == 0 ? LIST_MIN : 2 * list->capacity;
    const struct lq_value **items;

    if (item == NULL || !lq_run_step(run, 1))
        return false;
    if (list->count == list->capacity)
    {
        items = lq_arena_array(&run->arena, capacity, sizeof(items[0]));
        if (items == NULL)
            return lq_run_out_of_memory(run);
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(items[0]));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static bool
list_flatten(struct lq_run *run, struct lq_list *list, const struct lq_value *array)
{
    if (!lq_run_enter(run))
        return false;
    for (size_t i = 0; i < array->array.count; i++)
    {
        const struct lq_value *item = array->array.items[i];

        if (item->type == LQ_ARRAY)
        {
            if (!lq_run_step(run, 1) || !list_flatten(run, list, item))
                return false;
        }
        else if (!list_add(run, list, item))
            return false;
    }
    lq_run_leave(run);
    return true;
}

bool
lq_to_list(struct lq_run *run, const struct lq_value *value, struct lq_list *ret)
{
    *ret = (struct lq_list){ 0 };
    if (value->type == LQ_NIL)
        return true;
    if (value->type == LQ_ARRAY)
        return list_flatten(run, ret, value);
    if (value->type != LQ_RANGE)
        return list_add(run, ret, value);
    for (int64_t i = 0; i < lq_range_count(value); i++)
    {
        if (!list_add(run, ret, lq_new_int(run, value->range.first + i)))
            return false;
    }
    return true;
}
