/* Filters on arrays, and between arrays and text. */
#include "filter.h"
#include "utf8.h"

static const struct lq_value *
command(struct lq_run *run, const struct lq_value *input, enum lq_command which)
{
    const struct lq_value *value = lq_value_command(run, input, which);

    return value == NULL && run->fault.code == LQ_OK ? &lq_value_nil : value;
}

const struct lq_value *
lq_filter_first(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return command(run, input, LQ_COMMAND_FIRST);
}

const struct lq_value *
lq_filter_last(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return command(run, input, LQ_COMMAND_LAST);
}

const struct lq_value *
lq_filter_size(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *size = command(run, input, LQ_COMMAND_SIZE);

    (void) args;
    return size != NULL && size->type == LQ_NIL ? lq_new_int(run, 0) : size;
}

const struct lq_value *
lq_filter_join(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };
    struct lq_str glue = LQ_STR(" ");
    struct lq_list list;

    if ((args->count > 0 && !lq_to_text(run, args->value[0], &glue)) ||
        !lq_to_list(run, input, &list))
        return NULL;
    for (size_t i = 0; i < list.count; i++)
    {
        if ((i > 0 && !lq_builder_add(&builder, glue)) || !lq_add_text(&builder, list.items[i]))
            return NULL;
    }
    return lq_builder_finish(&builder);
}

/* Where the next separator starts and ends; without one, both are the end of the text. */
static void
find_separator(struct lq_str text, size_t from, struct lq_str separator, size_t *ret_start,
               size_t *ret_end)
{
    size_t at = from;

    if (separator.len == 0) /* between any two characters */
    {
        struct lq_str rest = { text.data + from, text.len - from };

        *ret_start = *ret_end = from + lq_utf8_offset(rest, 1);
        return;
    }
    if (separator.len == 1 && separator.data[0] == ' ') /* any white space */
    {
        while (at < text.len && !lq_is_space(text.data[at]))
            at++;
        *ret_start = at;
        while (at < text.len && lq_is_space(text.data[at]))
            at++;
        *ret_end = at;
        return;
    }
    at = lq_str_find(text, from, separator);
    *ret_start = at == SIZE_MAX ? text.len : at;
    *ret_end = at == SIZE_MAX ? text.len : at + separator.len;
}

/* Cut text into pieces and store the first `wanted` of them. *ret_count is how many there are when
 * empty ones at the end do not count. */
static bool
cut(struct lq_run *run, struct lq_str text, struct lq_str separator, size_t wanted,
    const struct lq_value **items, size_t *ret_count)
{
    size_t from = 0;

    *ret_count = 0;
    for (size_t count = 0; from < text.len; count++)
    {
        struct lq_str piece = { text.data + from, 0 };
        size_t end;

        if (!lq_run_step(run, 1))
            return false;
        find_separator(text, from, separator, &end, &from);
        piece.len = (size_t) (text.data + end - piece.data);
        if (piece.len > 0)
            *ret_count = count + 1;
        if (count >= wanted)
            continue;
        items[count] = lq_new_string(run, piece);
        if (items[count] == NULL)
            return false;
    }
    return true;
}

const struct lq_value *
lq_filter_split(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_str text;
    struct lq_str separator;
    struct lq_value *array;
    size_t count;

    if (!lq_to_text(run, input, &text) || !lq_to_text(run, args->value[0], &separator) ||
        !lq_run_scan(run, text.len))
        return NULL;
    if (lq_str_equal(separator, LQ_STR(" ")))
    {
        text = lq_str_skip_space(text);
    }
    if (!cut(run, text, separator, 0, NULL, &count))
        return NULL;
    array = lq_new_array(run, count);
    if (array == NULL || !cut(run, text, separator, count, array->array.items, &count))
        return NULL;
    return array;
}

const struct lq_value *
lq_filter_concat(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *more = args->value[0];
    struct lq_value *array;
    struct lq_list list;

    if (more->type != LQ_ARRAY)
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "filter \"concat\" needs an array");
        return NULL;
    }
    if (!lq_to_list(run, input, &list) || !lq_run_step(run, more->array.count))
        return NULL;
    array = lq_new_array(run, list.count + more->array.count);
    for (size_t i = 0; array != NULL && i < array->array.count; i++)
        array->array.items[i] = i < list.count ? list.items[i] : more->array.items[i - list.count];
    return array;
}

const struct lq_value *
lq_filter_reverse(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_value *array;
    struct lq_list list;

    (void) args;
    if (!lq_to_list(run, input, &list))
        return NULL;
    array = lq_new_array(run, list.count);
    for (size_t i = 0; array != NULL && i < list.count; i++)
        array->array.items[i] = list.items[list.count - 1 - i];
    return array;
}
