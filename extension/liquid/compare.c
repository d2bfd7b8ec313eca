/* Equality, order and containment as the reference's conditions see them. */
#include "run.h"
#include "utf8.h"

static bool
is_blank_text(struct lq_str text)
{
    for (size_t i = 0; i < text.len; i++)
    {
        if (!lq_is_space(text.data[i]))
            return false;
    }
    return true;
}

static bool
is_empty(const struct lq_value *value)
{
    switch (value->type)
    {
        case LQ_STRING:
            return value->string.len == 0;
        case LQ_ARRAY:
            return value->array.count == 0;
        case LQ_OBJECT:
            return value->object->count == 0;
        default:
            return false;
    }
}

/* value == blank, value == empty */
static bool
equals_word(struct lq_run *run, const struct lq_value *value, const struct lq_value *word,
            bool *ret)
{
    if (word->type == LQ_EMPTY)
        *ret = is_empty(value);
    else if (value->type == LQ_STRING)
    {
        *ret = is_blank_text(value->string);
        return lq_run_scan(run, value->string.len);
    }
    else
        *ret = !lq_value_truthy(value) || is_empty(value);
    return true;
}

static bool
equal_numbers(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret)
{
    int order = 0;
    bool comparable;

    if (a->type == LQ_BIGINT && b->type == LQ_BIGINT)
    {
        *ret = lq_str_equal(a->string, b->string);
        return lq_run_scan(run, a->string.len);
    }
    if (a->type != LQ_FLOAT && b->type != LQ_FLOAT && a->type != b->type)
        return true;
    if (!lq_compare(run, a, b, &order, &comparable))
        return false;
    *ret = order == 0;
    return true;
}

static bool
equal_arrays(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret)
{
    *ret = a->array.count == b->array.count;
    for (size_t i = 0; *ret && i < a->array.count; i++)
    {
        if (!lq_equal(run, a->array.items[i], b->array.items[i], ret))
            return false;
    }
    return true;
}

static bool
equal_objects(struct lq_run *run, const struct lq_object *a, const struct lq_object *b, bool *ret)
{
    *ret = a->count == b->count;
    for (size_t i = 0; *ret && i < a->count; i++)
    {
        const struct lq_value *other = lq_object_get(b, a->members[i].key);

        if (!lq_run_scan(run, a->members[i].key.len))
            return false;
        if (other == NULL)
            *ret = false;
        else if (!lq_equal(run, a->members[i].value, other, ret))
            return false;
    }
    return true;
}

static bool
equal_same_type(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret)
{
    bool done;

    switch ((enum lq_type) a->type)
    {
        case LQ_NIL:
            *ret = true;
            return true;
        case LQ_BOOL:
            *ret = a->boolean == b->boolean;
            return true;
        case LQ_STRING:
            *ret = lq_str_equal(a->string, b->string);
            return lq_run_scan(run, a->string.len);
        case LQ_RANGE:
            *ret = a->range.first == b->range.first && a->range.last == b->range.last;
            return true;
        case LQ_FORLOOP:
            *ret = a->loop == b->loop;
            return true;
        default:
            break;
    }
    if (!lq_run_enter(run))
        return false;
    done = a->type == LQ_ARRAY ? equal_arrays(run, a, b, ret)
                               : equal_objects(run, a->object, b->object, ret);
    lq_run_leave(run);
    return done;
}

bool
lq_equal(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret)
{
    *ret = false;
    if (!lq_run_step(run, 1))
        return false;
    if (a->type == LQ_BLANK || a->type == LQ_EMPTY)
        return b->type == LQ_BLANK || b->type == LQ_EMPTY || equals_word(run, b, a, ret);
    else if (b->type == LQ_BLANK || b->type == LQ_EMPTY)
        return equals_word(run, a, b, ret);
    else if (lq_value_is_number(a) && lq_value_is_number(b))
        return equal_numbers(run, a, b, ret);
    else if (a->type == b->type)
        return equal_same_type(run, a, b, ret);
    return true;
}

static const char *
type_name(const struct lq_value *value)
{
    if (value->type == LQ_STRING)
        return "a text";
    return "a number";
}

/* -1 or 1 for an infinite number, otherwise 0. */
static int
infinity(const struct lq_value *value)
{
    if (value->type != LQ_FLOAT || !value->real.infinite)
        return 0;
    return value->real.negative ? -1 : 1;
}

static bool
compare_numbers(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, int *ret)
{
    struct lq_decimal left;
    struct lq_decimal right;

    if (a->type == LQ_INT && b->type == LQ_INT)
    {
        *ret = (a->integer > b->integer) - (a->integer < b->integer);
        return true;
    }
    if (infinity(a) != 0 || infinity(b) != 0)
    {
        *ret = (infinity(a) > infinity(b)) - (infinity(a) < infinity(b));
        return true;
    }
    if (!lq_to_number(run, a, &left) || !lq_to_number(run, b, &right))
        return false;
    return lq_decimal_compare(&left, &right, ret) ||
           lq_run_fail(run, LQ_ERR_ARGUMENT, "a number is too large to compare");
}

bool
lq_compare(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, int *ret,
           bool *ret_comparable)
{
    bool a_number = lq_value_is_number(a);
    bool b_number = lq_value_is_number(b);

    *ret_comparable = (a_number || a->type == LQ_STRING) && (b_number || b->type == LQ_STRING);
    *ret = 0;
    if (!*ret_comparable)
        return true;
    if (a_number && b_number)
        return compare_numbers(run, a, b, ret);
    if (a_number || b_number)
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "cannot compare %s with %s", type_name(a),
                           type_name(b));
    *ret = lq_str_compare(a->string, b->string);
    return lq_run_scan(run, a->string.len);
}

static bool
text_contains(struct lq_run *run, struct lq_str text, const struct lq_value *part, bool *ret)
{
    struct lq_str needle;

    if (!lq_to_text(run, part, &needle) || !lq_run_scan(run, text.len))
        return false;
    *ret = lq_str_find(text, 0, needle) != SIZE_MAX;
    return true;
}

static bool
array_contains(struct lq_run *run, const struct lq_value *array, const struct lq_value *item,
               bool *ret)
{
    if (item->type == LQ_BLANK || item->type == LQ_EMPTY) /* a word is no item */
        return true;
    for (size_t i = 0; !*ret && i < array->array.count; i++)
    {
        if (!lq_equal(run, array->array.items[i], item, ret))
            return false;
    }
    return true;
}

static bool
range_contains(struct lq_run *run, const struct lq_value *range, const struct lq_value *number,
               bool *ret)
{
    struct lq_value first = { .type = LQ_INT, .integer = range->range.first };
    struct lq_value last = { .type = LQ_INT, .integer = range->range.last };
    int from;
    int to;

    if (!lq_value_is_number(number))
        return true;
    if (!compare_numbers(run, &first, number, &from) || !compare_numbers(run, number, &last, &to))
        return false;
    *ret = from <= 0 && to <= 0;
    return true;
}

bool
lq_contains(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret)
{
    *ret = false;
    if (!lq_value_truthy(a) || !lq_value_truthy(b))
        return true;
    switch (a->type)
    {
        case LQ_STRING:
            return text_contains(run, a->string, b, ret);
        case LQ_ARRAY:
            return array_contains(run, a, b, ret);
        case LQ_OBJECT:
            if (b->type != LQ_STRING)
                return true;
            *ret = lq_object_get(a->object, b->string) != NULL;
            return lq_run_scan(run, b->string.len);
        case LQ_RANGE:
            return range_contains(run, a, b, ret);
        default:
            return true;
    }
}
