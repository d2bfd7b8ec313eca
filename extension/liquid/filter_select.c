/* Filters that look at one property of each item: where, find, map, sum and their kin. */
#include "filter.h"
#include "utf8.h"

/* What looking for a property in an item comes to. */
enum lookup
{
    LOOKUP_FOUND,
    LOOKUP_NONE, /* the item has no properties: the reference gives up and answers nil */
    LOOKUP_FAULT
};

static enum lookup
no_property(struct lq_run *run, struct lq_str name)
{
    (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "cannot select the property \"%.*s\"", LQ_QUOTE(name));
    return LOOKUP_FAULT;
}

/* What the reference's language takes for the item of an integer: one of its bits. */
static int64_t
bit_of(int64_t number, int64_t index)
{
    if (index < 0)
        return 0;
    return number >> (index < 63 ? index : 63) & 1;
}

/* A number as a place; false when it is none. */
static bool
place_of(const struct lq_value *name, int64_t *ret)
{
    *ret = name->integer;
    return name->type == LQ_INT || (name->type == LQ_FLOAT && lq_real_truncate(&name->real, ret));
}

/* The character at a place, which counts from the end when it is negative; nil outside. */
static const struct lq_value *
character_at(struct lq_run *run, struct lq_str text, int64_t place)
{
    int64_t count = (int64_t) lq_utf8_count(text);

    if (place < 0)
        place += count;
    if (place < 0 || place >= count)
        return &lq_value_nil;
    lq_str_skip(&text, lq_utf8_offset(text, (size_t) place));
    text.len = lq_utf8_offset(text, 1);
    return lq_new_string(run, text);
}

/* item[name] as the reference's language has it: of a text it is the part that equals the name, or
 * a character. */
static enum lookup
look_up(struct lq_run *run, const struct lq_value *item, const struct lq_value *name,
        const struct lq_value **ret)
{
    struct lq_str key;
    struct lq_str text;
    int64_t place;

    *ret = &lq_value_nil;
    if (!lq_to_text(run, name, &key))
        return LOOKUP_FAULT;
    switch (item->type)
    {
        case LQ_OBJECT:
            if (!lq_run_scan(run, key.len))
                return LOOKUP_FAULT;
            if (name->type == LQ_STRING)
                *ret = lq_object_get(item->object, key);
            if (*ret == NULL)
                *ret = &lq_value_nil;
            return LOOKUP_FOUND;
        case LQ_STRING:
            if (name->type == LQ_NIL)
                return LOOKUP_NONE;
            if (!lq_run_scan(run, item->string.len) || !lq_to_text(run, item, &text))
                return LOOKUP_FAULT;
            if (place_of(name, &place))
            {
                *ret = character_at(run, text, place);
                return *ret == NULL ? LOOKUP_FAULT : LOOKUP_FOUND;
            }
            if (name->type != LQ_STRING)
                return no_property(run, key);
            if (lq_str_find(text, 0, key) != SIZE_MAX)
                *ret = name;
            return LOOKUP_FOUND;
        case LQ_INT:
            if (!place_of(name, &place))
                return no_property(run, key);
            *ret = lq_new_int(run, bit_of(item->integer, place));
            return *ret == NULL ? LOOKUP_FAULT : LOOKUP_FOUND;
        case LQ_BIGINT:
            return no_property(run, key);
        default:
            return LOOKUP_NONE;
    }
}

/* Whether an item's property is wanted: it equals the second argument, or is true without one. */
static enum lookup
is_wanted(struct lq_run *run, const struct lq_value *item, const struct lq_args *args, bool *ret)
{
    const struct lq_value *value;
    enum lookup lookup = look_up(run, item, args->value[0], &value);

    if (lookup != LOOKUP_FOUND)
        return lookup;
    if (args->count > 1 && args->value[1]->type != LQ_NIL)
        return lq_equal(run, value, args->value[1], ret) ? LOOKUP_FOUND : LOOKUP_FAULT;
    *ret = lq_value_truthy(value);
    return LOOKUP_FOUND;
}

/* The items that are wanted, or those that are not. */
static const struct lq_value *
keep(struct lq_run *run, const struct lq_value *input, const struct lq_args *args, bool wanted)
{
    struct lq_list list;
    struct lq_value *kept;
    size_t count = 0;

    if (!lq_to_list(run, input, &list))
        return NULL;
    kept = lq_new_array(run, list.count);
    for (size_t i = 0; kept != NULL && i < list.count; i++)
    {
        bool is = false;
        enum lookup lookup = is_wanted(run, list.items[i], args, &is);

        if (lookup != LOOKUP_FOUND)
            return lookup == LOOKUP_NONE ? &lq_value_nil : NULL;
        if (is == wanted)
            kept->array.items[count++] = list.items[i];
    }
    if (kept != NULL)
        kept->array.count = count;
    return kept;
}

const struct lq_value *
lq_filter_where(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return keep(run, input, args, true);
}

const struct lq_value *
lq_filter_reject(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return keep(run, input, args, false);
}

/* The first item that is wanted and its place; `ret_item` stays NULL without one. */
static enum lookup
find_first(struct lq_run *run, const struct lq_value *input, const struct lq_args *args,
           const struct lq_value **ret_item, int64_t *ret_place)
{
    struct lq_list list;

    *ret_item = NULL;
    if (!lq_to_list(run, input, &list))
        return LOOKUP_FAULT;
    for (size_t i = 0; i < list.count; i++)
    {
        bool is = false;
        enum lookup lookup = is_wanted(run, list.items[i], args, &is);

        if (lookup != LOOKUP_FOUND)
            return lookup;
        if (!is)
            continue;
        *ret_item = list.items[i];
        *ret_place = (int64_t) i;
        break;
    }
    return LOOKUP_FOUND;
}

const struct lq_value *
lq_filter_find(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *item;
    int64_t place;
    enum lookup lookup = find_first(run, input, args, &item, &place);

    if (lookup == LOOKUP_FAULT)
        return NULL;
    return item != NULL ? item : &lq_value_nil;
}

const struct lq_value *
lq_filter_find_index(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *item;
    int64_t place;
    enum lookup lookup = find_first(run, input, args, &item, &place);

    if (lookup == LOOKUP_FAULT)
        return NULL;
    return item != NULL ? lq_new_int(run, place) : &lq_value_nil;
}

const struct lq_value *
lq_filter_has(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *item;
    int64_t place;
    enum lookup lookup = find_first(run, input, args, &item, &place);

    if (lookup == LOOKUP_FAULT)
        return NULL;
    return lookup == LOOKUP_NONE ? &lq_value_nil : lq_value_bool(item != NULL);
}

const struct lq_value *
lq_filter_map(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_list list;
    struct lq_value *mapped;

    if (!lq_to_list(run, input, &list))
        return NULL;
    mapped = lq_new_array(run, list.count);
    for (size_t i = 0; mapped != NULL && i < list.count; i++)
    {
        if (look_up(run, list.items[i], args->value[0], &mapped->array.items[i]) == LOOKUP_FAULT)
            return NULL;
    }
    return mapped;
}

static bool
by_property(const struct lq_args *args)
{
    return args->count > 0 && args->value[0]->type != LQ_NIL;
}

static bool
add(struct lq_run *run, const struct lq_value *value, struct lq_decimal *sum)
{
    struct lq_decimal before = *sum;
    struct lq_decimal number;

    if (!lq_to_number(run, value, &number) || !lq_run_step(run, number.magnitude.used))
        return false;
    return lq_decimal_calculate(&before, LQ_ADD, &number, sum) || lq_number_too_large(run) != NULL;
}

/* Add a property, of a list the items. */
static bool
add_property(struct lq_run *run, const struct lq_value *value, struct lq_decimal *sum)
{
    struct lq_list list;

    if (value->type != LQ_ARRAY)
        return add(run, value, sum);
    if (!lq_to_list(run, value, &list))
        return false;
    for (size_t i = 0; i < list.count; i++)
    {
        if (!add(run, list.items[i], sum))
            return false;
    }
    return true;
}

const struct lq_value *
lq_filter_sum(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_decimal sum;
    struct lq_list list;

    lq_decimal_from_int(0, &sum);
    if (!lq_to_list(run, input, &list))
        return NULL;
    for (size_t i = 0; i < list.count; i++)
    {
        const struct lq_value *value = list.items[i];

        if (by_property(args) &&
            look_up(run, list.items[i], args->value[0], &value) == LOOKUP_FAULT)
            return NULL;
        if (!add_property(run, value, &sum))
            return NULL;
    }
    return lq_new_number(run, &sum);
}

/* Each item, or its property when there is an argument; NONE: an item has none. */
static enum lookup
keys_of(struct lq_run *run, const struct lq_list *list, const struct lq_args *args,
        const struct lq_value **ret_keys)
{
    for (size_t i = 0; i < list->count; i++)
    {
        enum lookup lookup = LOOKUP_FOUND;

        ret_keys[i] = list->items[i];
        if (by_property(args))
            lookup = look_up(run, list->items[i], args->value[0], &ret_keys[i]);
        if (lookup != LOOKUP_FOUND)
            return lookup;
    }
    return LOOKUP_FOUND;
}

/*
 * What a filter compares the items by; NULL when the filter is to return *ret_early (NULL after a
 * fault).
 */
static struct lq_value *
keyed(struct lq_run *run, const struct lq_list *list, const struct lq_args *args,
      const struct lq_value **ret_early)
{
    struct lq_value *keys = lq_new_array(run, list->count);
    enum lookup lookup;

    *ret_early = NULL;
    if (keys == NULL)
        return NULL;
    lookup = keys_of(run, list, args, keys->array.items);
    if (lookup == LOOKUP_NONE)
        *ret_early = &lq_value_nil;
    return lookup == LOOKUP_FOUND ? keys : NULL;
}

const struct lq_value *
lq_filter_compact(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *early;
    struct lq_list list;
    struct lq_value *keys;
    size_t count = 0;

    if (!lq_to_list(run, input, &list))
        return NULL;
    keys = keyed(run, &list, args, &early);
    if (keys == NULL)
        return early;
    for (size_t i = 0; i < list.count; i++)
    {
        if (keys->array.items[i]->type != LQ_NIL)
            keys->array.items[count++] = list.items[i];
    }
    keys->array.count = count;
    return keys;
}

/* At most one item: nothing to compare, so its property is not looked at. */
static const struct lq_value *
as_they_are(struct lq_run *run, const struct lq_list *list)
{
    struct lq_value *array = lq_new_array(run, list->count);

    if (array != NULL && list->count > 0)
        array->array.items[0] = list->items[0];
    return array;
}

/* A key as text that no different one has. */
static bool
spell(struct lq_run *run, const struct lq_value *key, struct lq_str *ret)
{
    struct lq_builder builder = { .run = run };
    static const char types[] = "nbiifsaor";

    if (!lq_builder_add(&builder, (struct lq_str){ &types[key->type < 9 ? key->type : 8], 1 }) ||
        !lq_add_text(&builder, key))
        return false;
    *ret = (struct lq_str){ builder.data, builder.len };
    return true;
}

const struct lq_value *
lq_filter_uniq(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *early;
    struct lq_list list;
    struct lq_value *keys;
    struct lq_index index = { 0 };
    struct lq_str *spellings;
    size_t count = 0;
    bool done = true;

    if (!lq_to_list(run, input, &list))
        return NULL;
    if (list.count < 2)
        return as_they_are(run, &list);
    keys = keyed(run, &list, args, &early);
    if (keys == NULL)
        return early;
    spellings = lq_arena_array(&run->arena, list.count, sizeof(*spellings));
    if (spellings == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    for (size_t i = 0; done && i < list.count; i++)
    {
        done = spell(run, keys->array.items[i], &spellings[count]);
        if (!done || lq_index_find(&index, spellings, count, sizeof(*spellings),
                                   spellings[count]) != UINT32_MAX)
            continue;
        keys->array.items[count++] = list.items[i];
        done = lq_index_add(&index, spellings, count, sizeof(*spellings), &run->options->mem) ||
               lq_run_out_of_memory(run);
    }
    lq_index_finish(&index, &run->options->mem);
    keys->array.count = count;
    return done ? keys : NULL;
}

/* ---- order ---- */

typedef bool comparator(struct lq_run *run, const struct lq_value *a, const struct lq_value *b,
                        int *ret);

/* nil comes last; what has no order among itself must be equal. */
static bool
compare_values(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, int *ret)
{
    bool comparable = (lq_value_is_number(a) && lq_value_is_number(b)) ||
                      (a->type == LQ_STRING && b->type == LQ_STRING);
    bool equal;

    if (comparable)
        return lq_compare(run, a, b, ret, &comparable);
    if (!lq_equal(run, a, b, &equal))
        return false;
    *ret = (a->type == LQ_NIL) - (b->type == LQ_NIL);
    return equal || *ret != 0 ||
           lq_run_fail(run, LQ_ERR_ARGUMENT, "cannot sort values of incompatible types");
}

/* As texts, without regard to the case of ASCII letters. */
static bool
compare_naturally(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, int *ret)
{
    struct lq_str left;
    struct lq_str right;

    *ret = (a->type == LQ_NIL) - (b->type == LQ_NIL);
    if (a->type == LQ_NIL || b->type == LQ_NIL)
        return true;
    if (!lq_to_text(run, a, &left) || !lq_to_text(run, b, &right))
        return false;
    for (size_t i = 0; i < left.len && i < right.len && *ret == 0; i++)
        *ret = (unsigned char) lq_ascii_lower(left.data[i]) -
               (unsigned char) lq_ascii_lower(right.data[i]);
    if (*ret == 0)
        *ret = (left.len > right.len) - (left.len < right.len);
    return lq_run_scan(run, left.len);
}

struct sorting
{
    struct lq_run *run;
    comparator *compare;
    const struct lq_value **keys;
    uint32_t *order; /* places of the items, and room to merge them */
    uint32_t *room;
};

/* Merge two sorted neighbours, from and middle; equal ones keep their order. */
static bool
merge(struct sorting *sorting, size_t from, size_t middle, size_t to)
{
    size_t left = from;
    size_t right = middle;

    for (size_t at = from; at < to; at++)
    {
        int order = left == middle ? 1 : -1;

        if (left < middle && right < to &&
            (!lq_run_step(sorting->run, 1) ||
             !sorting->compare(sorting->run, sorting->keys[sorting->order[left]],
                               sorting->keys[sorting->order[right]], &order)))
            return false;
        sorting->room[at] = sorting->order[order <= 0 ? left++ : right++];
    }
    for (size_t at = from; at < to; at++)
        sorting->order[at] = sorting->room[at];
    return true;
}

/* Whether all items are of types that can have properties. */
static bool
have_properties(const struct lq_list *list)
{
    for (size_t i = 0; i < list->count; i++)
    {
        enum lq_type type = (enum lq_type) list->items[i]->type;

        if (type == LQ_NIL || type == LQ_BOOL || type == LQ_FLOAT || type == LQ_RANGE)
            return false;
    }
    return true;
}

static const struct lq_value *
sort(struct lq_run *run, const struct lq_value *input, const struct lq_args *args,
     comparator *compare)
{
    const struct lq_value *early;
    struct lq_list list;
    struct lq_value *keys;
    struct lq_value *sorted;
    struct sorting sorting = { .run = run, .compare = compare };

    if (!lq_to_list(run, input, &list))
        return NULL;
    if (by_property(args) && !have_properties(&list))
        return &lq_value_nil;
    if (list.count < 2)
        return as_they_are(run, &list);
    keys = keyed(run, &list, args, &early);
    sorted = keys == NULL ? NULL : lq_new_array(run, list.count);
    if (sorted == NULL)
        return keys == NULL ? early : NULL;
    sorting.keys = keys->array.items;
    sorting.order = lq_arena_array(&run->arena, 2 * list.count, sizeof(*sorting.order));
    if (sorting.order == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    sorting.room = sorting.order + list.count;
    for (size_t i = 0; i < list.count; i++)
        sorting.order[i] = (uint32_t) i;
    for (size_t width = 1; width < list.count; width *= 2)
    {
        for (size_t from = 0; from + width < list.count; from += 2 * width)
        {
            size_t to = from + 2 * width < list.count ? from + 2 * width : list.count;

            if (!merge(&sorting, from, from + width, to))
                return NULL;
        }
    }
    for (size_t i = 0; i < list.count; i++)
        sorted->array.items[i] = list.items[sorting.order[i]];
    return sorted;
}

const struct lq_value *
lq_filter_sort(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return sort(run, input, args, compare_values);
}

const struct lq_value *
lq_filter_sort_natural(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return sort(run, input, args, compare_naturally);
}
