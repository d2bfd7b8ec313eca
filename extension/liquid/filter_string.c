/* Filters on text. */
#include <string.h>

#include "filter.h"
#include "utf8.h"

enum
{
    TRUNCATE_LENGTH = 50,
    TRUNCATE_WORDS = 15
};

static const struct lq_value *
concatenate(struct lq_run *run, const struct lq_value *first, const struct lq_value *second)
{
    struct lq_builder builder = { .run = run };

    if (!lq_add_text(&builder, first) || !lq_add_text(&builder, second))
        return NULL;
    return lq_builder_finish(&builder);
}

const struct lq_value *
lq_filter_append(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return concatenate(run, input, args->value[0]);
}

const struct lq_value *
lq_filter_prepend(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return concatenate(run, args->value[0], input);
}

/* Map the case of a text: its first character by `first`, the others by `others`. */
static const struct lq_value *
change_case(struct lq_run *run, const struct lq_value *input, enum lq_case first,
            enum lq_case others)
{
    struct lq_builder builder = { .run = run };
    enum lq_case mode = first;
    struct lq_str text;
    const char *at;

    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    for (at = text.data; at < text.data + text.len; mode = others)
    {
        uint32_t mapped[LQ_CASE_MAX];
        size_t count = lq_case_map(mode, lq_utf8_next(&at), mapped);

        for (size_t i = 0; i < count; i++)
        {
            if (!lq_builder_add_char(&builder, mapped[i]))
                return NULL;
        }
    }
    return lq_builder_finish(&builder);
}

const struct lq_value *
lq_filter_upcase(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return change_case(run, input, LQ_CASE_UPPER, LQ_CASE_UPPER);
}

const struct lq_value *
lq_filter_downcase(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return change_case(run, input, LQ_CASE_LOWER, LQ_CASE_LOWER);
}

const struct lq_value *
lq_filter_capitalize(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return change_case(run, input, LQ_CASE_TITLE, LQ_CASE_LOWER);
}

static const struct lq_value *
strip(struct lq_run *run, const struct lq_value *input, bool left, bool right)
{
    struct lq_str text;

    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    if (left)
        text = lq_str_lstrip(text);
    if (right)
        text = lq_str_rstrip(text);
    return lq_new_string(run, text);
}

const struct lq_value *
lq_filter_strip(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return strip(run, input, true, true);
}

const struct lq_value *
lq_filter_lstrip(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return strip(run, input, true, false);
}

const struct lq_value *
lq_filter_rstrip(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return strip(run, input, false, true);
}

/* Replace each line break, with the carriage return before it. */
static const struct lq_value *
replace_breaks(struct lq_run *run, const struct lq_value *input, struct lq_str replacement)
{
    struct lq_builder builder = { .run = run };
    struct lq_str text;
    size_t from = 0;
    size_t at;

    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    while (at = lq_str_find(text, from, LQ_STR("\n")), at != SIZE_MAX)
    {
        size_t end = at > from && text.data[at - 1] == '\r' ? at - 1 : at;

        if (!lq_run_step(run, 1) ||
            !lq_builder_add(&builder, (struct lq_str){ text.data + from, end - from }) ||
            !lq_builder_add(&builder, replacement))
            return NULL;
        from = at + 1;
    }
    if (!lq_builder_add(&builder, (struct lq_str){ text.data + from, text.len - from }))
        return NULL;
    return lq_builder_finish(&builder);
}

const struct lq_value *
lq_filter_strip_newlines(struct lq_run *run, const struct lq_value *input,
                         const struct lq_args *args)
{
    (void) args;
    return replace_breaks(run, input, LQ_STR(""));
}

const struct lq_value *
lq_filter_newline_to_br(struct lq_run *run, const struct lq_value *input,
                        const struct lq_args *args)
{
    (void) args;
    return replace_breaks(run, input, LQ_STR("<br />\n"));
}

/* The reference's replacement text may refer to the match (\0, \&), to what stands before it (\`)
 * and behind it (\'), to groups that never exist (\1) and to a backslash (\\). */
static bool
add_replacement(struct lq_builder *builder, struct lq_str text, size_t at, size_t len,
                struct lq_str replacement)
{
    size_t start = 0;

    for (size_t i = 0; i + 1 < replacement.len; i++)
    {
        const char *slash = replacement.data + i;
        struct lq_str insert = LQ_STR("");

        if (*slash != '\\')
            continue;
        if (slash[1] == '0' || slash[1] == '&')
            insert = (struct lq_str){ text.data + at, len };
        else if (slash[1] == '`')
            insert = (struct lq_str){ text.data, at };
        else if (slash[1] == '\'')
            insert = (struct lq_str){ text.data + at + len, text.len - at - len };
        else if (slash[1] == '\\')
            insert = (struct lq_str){ slash, 1 };
        else if (!lq_is_digit(slash[1]))
            continue;
        if (!lq_builder_add(builder, (struct lq_str){ replacement.data + start, i - start }) ||
            !lq_builder_add(builder, insert))
            return false;
        start = i + 2;
        i++;
    }
    return lq_builder_add(builder,
                          (struct lq_str){ replacement.data + start, replacement.len - start });
}

static const struct lq_value *
replace_all(struct lq_run *run, struct lq_str text, struct lq_str pattern,
            struct lq_str replacement)
{
    struct lq_builder builder = { .run = run };
    size_t from = 0;
    size_t at;

    while (at = lq_str_find(text, from, pattern), at != SIZE_MAX)
    {
        size_t end = at + pattern.len;

        if (!lq_run_step(run, 1) ||
            !lq_builder_add(&builder, (struct lq_str){ text.data + from, at - from }) ||
            !add_replacement(&builder, text, at, pattern.len, replacement))
            return NULL;
        from = end;
        if (pattern.len > 0)
            continue;
        if (from == text.len) /* an empty pattern matches around each character */
            return lq_builder_finish(&builder);
        from += lq_utf8_offset((struct lq_str){ text.data + from, text.len - from }, 1);
        if (!lq_builder_add(&builder, (struct lq_str){ text.data + end, from - end }))
            return NULL;
    }
    if (!lq_run_scan(run, text.len) ||
        !lq_builder_add(&builder, (struct lq_str){ text.data + from, text.len - from }))
        return NULL;
    return lq_builder_finish(&builder);
}

/* Replace what stands at a place, or nothing when that is SIZE_MAX. */
static const struct lq_value *
replace_one(struct lq_run *run, struct lq_str text, size_t at, size_t len,
            struct lq_str replacement, bool with_references)
{
    struct lq_builder builder = { .run = run };

    if (!lq_run_scan(run, text.len))
        return NULL;
    if (at == SIZE_MAX)
        return lq_new_string(run, text);
    if (!lq_builder_add(&builder, (struct lq_str){ text.data, at }) ||
        !(with_references ? add_replacement(&builder, text, at, len, replacement)
                          : lq_builder_add(&builder, replacement)) ||
        !lq_builder_add(&builder, (struct lq_str){ text.data + at + len, text.len - at - len }))
        return NULL;
    return lq_builder_finish(&builder);
}

/* Place of the last match, SIZE_MAX without one; false after a fault. */
static bool
find_last(struct lq_run *run, struct lq_str text, struct lq_str pattern, size_t *ret)
{
    *ret = SIZE_MAX;
    if (!lq_run_scan(run, text.len))
        return false;
    for (size_t at = text.len - pattern.len + 1; pattern.len <= text.len && at-- > 0;)
    {
        if (pattern.len > 0 && text.data[at] != pattern.data[0])
            continue;
        if (!lq_run_step(run, 1 + pattern.len / 64))
            return false;
        if (memcmp(text.data + at, pattern.data, pattern.len) != 0)
            continue;
        *ret = at;
        break;
    }
    return true;
}

enum which
{
    ALL,
    FIRST,
    LAST
};

/* Text, pattern and replacement; without the third, matches are removed. */
static const struct lq_value *
replace(struct lq_run *run, const struct lq_value *input, const struct lq_args *args,
        enum which which)
{
    struct lq_str text;
    struct lq_str pattern;
    struct lq_str replacement = LQ_STR("");
    size_t at;

    if (!lq_to_text(run, input, &text) || !lq_to_text(run, args->value[0], &pattern) ||
        (args->count > 1 && !lq_to_text(run, args->value[1], &replacement)))
        return NULL;
    switch (which)
    {
        case FIRST:
            return replace_one(run, text, lq_str_find(text, 0, pattern), pattern.len, replacement,
                               true);
        case LAST: /* here the reference takes the replacement as it stands */
            return find_last(run, text, pattern, &at)
                       ? replace_one(run, text, at, pattern.len, replacement, false)
                       : NULL;
        default:
            return replace_all(run, text, pattern, replacement);
    }
}

const struct lq_value *
lq_filter_replace(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return replace(run, input, args, ALL);
}

const struct lq_value *
lq_filter_replace_first(struct lq_run *run, const struct lq_value *input,
                        const struct lq_args *args)
{
    return replace(run, input, args, FIRST);
}

const struct lq_value *
lq_filter_replace_last(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return replace(run, input, args, LAST);
}

/* Length of the word at the start of text, and of the white space behind it. */
static size_t
word_length(struct lq_str text, size_t *ret_space)
{
    size_t len = 0;
    size_t end;

    while (len < text.len && !lq_is_space(text.data[len]))
        len++;
    for (end = len; end < text.len && lq_is_space(text.data[end]);)
        end++;
    *ret_space = end - len;
    return len;
}

const struct lq_value *
lq_filter_truncatewords(struct lq_run *run, const struct lq_value *input,
                        const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };
    struct lq_str ellipsis = LQ_STR("...");
    struct lq_str text;
    struct lq_str rest;
    int64_t words = TRUNCATE_WORDS;

    if (input->type == LQ_NIL)
        return input;
    if (!lq_to_text(run, input, &text) ||
        (args->count > 0 && !lq_to_integer(run, args->value[0], &words)) ||
        (args->count > 1 && !lq_to_text(run, args->value[1], &ellipsis)) ||
        !lq_run_scan(run, text.len))
        return NULL;
    rest = lq_str_skip_space(text);
    for (int64_t i = 0; i < (words <= 0 ? 1 : words); i++)
    {
        size_t space;
        size_t len = word_length(rest, &space);

        if (!lq_run_step(run, 1) || (i > 0 && !lq_builder_add(&builder, LQ_STR(" "))) ||
            !lq_builder_add(&builder, (struct lq_str){ rest.data, len }))
            return NULL;
        rest = (struct lq_str){ rest.data + len + space, rest.len - len - space };
        if (space == 0) /* nothing is behind it, not even white space */
            return lq_new_string(run, text);
        if (rest.len == 0 && i + 1 < words)
            return lq_new_string(run, text);
    }
    return lq_builder_add(&builder, ellipsis) ? lq_builder_finish(&builder) : NULL;
}

/* First and last position of a slice of `size` items, as the reference's [from, length]; false:
 * there is none. */
static bool
find_slice(int64_t size, int64_t from, int64_t length, int64_t *ret_from, int64_t *ret_to)
{
    if (from < 0)
        from += size;
    if (from < 0 || from > size || length < 0)
        return false;
    *ret_from = from;
    *ret_to = length > size - from ? size : from + length;
    return true;
}

static const struct lq_value *
slice_array(struct lq_run *run, const struct lq_value *input, int64_t from, int64_t length)
{
    int64_t to;
    struct lq_value *array;

    if (!find_slice((int64_t) input->array.count, from, length, &from, &to))
        from = to = 0;
    array = lq_new_array(run, (size_t) (to - from));
    if (array != NULL && to > from)
        memcpy(array->array.items, input->array.items + from,
               (size_t) (to - from) * sizeof(array->array.items[0]));
    return array;
}

const struct lq_value *
lq_filter_slice(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_str text;
    int64_t from;
    int64_t length = 1;
    int64_t to;

    if (!lq_to_integer(run, args->value[0], &from) ||
        (args->count > 1 && lq_value_truthy(args->value[1]) &&
         !lq_to_integer(run, args->value[1], &length)))
        return NULL;
    if (input->type == LQ_ARRAY)
        return slice_array(run, input, from, length);
    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    if (!find_slice((int64_t) lq_utf8_count(text), from, length, &from, &to))
        return &lq_value_no_text;
    text.len = lq_utf8_offset(text, (size_t) to);
    from = (int64_t) lq_utf8_offset(text, (size_t) from);
    return lq_new_string(run, (struct lq_str){ text.data + from, text.len - (size_t) from });
}

const struct lq_value *
lq_filter_truncate(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };
    struct lq_str ellipsis = LQ_STR("...");
    struct lq_str text;
    int64_t length = TRUNCATE_LENGTH;
    int64_t kept;

    if (input->type == LQ_NIL)
        return input;
    if (!lq_to_text(run, input, &text) ||
        (args->count > 0 && !lq_to_integer(run, args->value[0], &length)) ||
        (args->count > 1 && !lq_to_text(run, args->value[1], &ellipsis)) ||
        !lq_run_scan(run, text.len))
        return NULL;
    if ((int64_t) lq_utf8_count(text) <= length)
        return lq_new_string(run, text);
    kept = length < 0 ? 0 : length - (int64_t) lq_utf8_count(ellipsis);
    text.len = kept <= 0 ? 0 : lq_utf8_offset(text, (size_t) kept);
    if (!lq_builder_add(&builder, text) || !lq_builder_add(&builder, ellipsis))
        return NULL;
    return lq_builder_finish(&builder);
}
