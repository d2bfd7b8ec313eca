/* Loops over part of a collection: what for and tablerow share. */
#include "slice.h"

#include "utf8.h"

bool
lq_slice_parse(struct lq_lexer *lexer, struct lq_str *ret_variable,
               const struct lq_expr **ret_collection)
{
    *ret_variable = lexer->text;
    if (lexer->kind != LQ_LEX_ID)
        return lq_lexer_fail(lexer, "the name of a variable");
    lq_lexer_next(lexer);
    if (!lq_lexer_accept_word(lexer, LQ_STR("in")))
        return lq_lexer_fail(lexer, "\"in\"");
    *ret_collection = lq_parse_expr(lexer, false);
    return *ret_collection != NULL;
}

static int64_t
count_items(const struct lq_value *collection)
{
    switch (collection->type)
    {
        case LQ_ARRAY:
            return (int64_t) collection->array.count;
        case LQ_OBJECT:
            return (int64_t) collection->object->count;
        case LQ_RANGE:
            return lq_range_count(collection);
        case LQ_STRING:
            return collection->string.len > 0;
        default:
            return 0;
    }
}

const struct lq_value *
lq_slice_item(struct lq_run *run, const struct lq_slice *slice, int64_t place)
{
    const struct lq_value *collection = slice->collection;
    int64_t index = slice->first + place;

    switch (collection->type)
    {
        case LQ_ARRAY:
            return collection->array.items[index];
        case LQ_OBJECT:
            return lq_new_pair(run, &collection->object->members[index]);
        case LQ_RANGE:
            return lq_new_int(run,
                              (int64_t) ((uint64_t) collection->range.first + (uint64_t) index));
        default:
            return collection;
    }
}

bool
lq_slice_attribute(struct lq_run *run, const struct lq_expr *expr, int64_t *ret)
{
    const struct lq_value *value = expr == NULL ? NULL : lq_eval(run, expr, false);

    return value != NULL && value->type != LQ_NIL && lq_to_integer(run, value, ret);
}

int64_t
lq_add_clamped(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    if (b < 0 && a < INT64_MIN - b)
        return INT64_MIN;
    return a + b;
}

struct lq_slice
lq_slice_cut(const struct lq_value *collection, int64_t from, const int64_t *limit)
{
    int64_t end = count_items(collection);
    struct lq_slice slice = { .collection = collection };

    if (collection->type == LQ_STRING) /* is a single item, whatever the limit */
        return (struct lq_slice){ collection, 0, end };
    if (limit != NULL && lq_add_clamped(from, *limit) < end)
        end = lq_add_clamped(from, *limit);
    slice.first = from < 0 ? 0 : from;
    slice.length = end > slice.first ? end - slice.first : 0;
    return slice;
}
