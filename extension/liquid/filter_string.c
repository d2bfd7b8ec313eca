/* Filters on text. */
#include <string.h>

#include "filter.h"
#include "utf8.h"

enum
{
    TRUNCATE_LENGTH = 50
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

const struct lq_value *
lq_filter_strip(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_str text;

    (void) args;
    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    return lq_new_string(run, lq_str_rstrip(lq_str_lstrip(text)));
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

const struct lq_value *
lq_filter_replace(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_str text;
    struct lq_str pattern;
    struct lq_str replacement = LQ_STR("");

    if (!lq_to_text(run, input, &text) || !lq_to_text(run, args->value[0], &pattern) ||
        (args->count > 1 && !lq_to_text(run, args->value[1], &replacement)))
        return NULL;
    return replace_all(run, text, pattern, replacement);
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
