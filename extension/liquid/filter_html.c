/* Filters that decide about HTML escaping. */
#include <string.h>

#include "filter.h"
#include "utf8.h"

/* Length of the character reference at the start of text, which is an ampersand: letters or # and
 * digits, then a semicolon. 0: none. */
static size_t
reference_length(struct lq_str text)
{
    bool numeric = text.len > 1 && text.data[1] == '#';
    size_t start = numeric ? 2 : 1;
    size_t len = start;

    while (len < text.len && (numeric ? lq_is_digit(text.data[len]) : lq_is_alpha(text.data[len])))
        len++;
    return len > start && len < text.len && text.data[len] == ';' ? len + 1 : 0;
}

static const struct lq_value *
escape(struct lq_run *run, const struct lq_value *input, bool once)
{
    struct lq_builder builder = { .run = run };
    struct lq_str text;

    if (!lq_to_text(run, input, &text))
        return NULL;
    while (text.len > 0)
    {
        struct lq_str entity;
        size_t len = lq_html_plain(text, &entity);
        size_t known = 0;

        if (once && len < text.len && text.data[len] == '&')
            known = reference_length((struct lq_str){ text.data + len, text.len - len });
        if (!lq_run_step(run, 1) ||
            !lq_builder_add(&builder, (struct lq_str){ text.data, len + known }) ||
            (known == 0 && !lq_builder_add(&builder, entity)))
            return NULL;
        len += known > 0 ? known : entity.len > 0;
        text.data += len;
        text.len -= len;
    }
    return lq_builder_finish(&builder);
}

const struct lq_value *
lq_filter_escape(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return input->type == LQ_NIL ? input : escape(run, input, false);
}

const struct lq_value *
lq_filter_escape_once(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return escape(run, input, true);
}

const struct lq_value *
lq_filter_raw(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) run;
    (void) args;
    return input;
}

/* Where the first text that starts with `open` and ends with the next `close` starts and ends;
 * SIZE_MAX: there is none. */
static size_t
find_between(struct lq_str text, size_t from, struct lq_str open, struct lq_str close,
             size_t *ret_end)
{
    size_t start = lq_str_find(text, from, open);
    size_t end = start == SIZE_MAX ? SIZE_MAX : lq_str_find(text, start + open.len, close);

    if (end == SIZE_MAX)
        return SIZE_MAX;
    *ret_end = end + close.len;
    return start;
}

/* What strip_html takes out with all that is inside, in a first pass, and tags in a second one. */
static const struct
{
    struct lq_str open;
    struct lq_str close;
} stripped[2][3] = {
    { { { "<script", 7 }, { "</script>", 9 } },
      { { "<!--", 4 }, { "-->", 3 } },
      { { "<style", 6 }, { "</style>", 8 } } },
    { { { "<", 1 }, { ">", 1 } }, { { NULL, 0 }, { NULL, 0 } }, { { NULL, 0 }, { NULL, 0 } } },
};

/* The first of those texts from a place on. */
static size_t
find_stripped(struct lq_str text, size_t from, int pass, size_t *ret_end)
{
    size_t first = SIZE_MAX;

    for (int i = 0; i < 3 && stripped[pass][i].open.data != NULL; i++)
    {
        size_t end;
        size_t start =
            find_between(text, from, stripped[pass][i].open, stripped[pass][i].close, &end);

        if (start >= first)
            continue;
        first = start;
        *ret_end = end;
    }
    return first;
}

static bool
strip_pass(struct lq_run *run, struct lq_str text, int pass, struct lq_str *ret)
{
    struct lq_builder builder = { .run = run };
    size_t from = 0;
    size_t end;
    size_t start;

    while (start = find_stripped(text, from, pass, &end), start != SIZE_MAX)
    {
        /* Each search may have read all that is left. */
        if (!lq_run_step(run, 1) || !lq_run_scan(run, text.len - from) ||
            !lq_builder_add(&builder, (struct lq_str){ text.data + from, start - from }))
            return false;
        from = end;
    }
    if (!lq_run_scan(run, text.len) ||
        !lq_builder_add(&builder, (struct lq_str){ text.data + from, text.len - from }))
        return false;
    *ret = builder.len == 0 ? LQ_STR("") : (struct lq_str){ builder.data, builder.len };
    return true;
}

const struct lq_value *
lq_filter_strip_html(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_str text;

    (void) args;
    if (!lq_to_text(run, input, &text) || !strip_pass(run, text, 0, &text) ||
        !strip_pass(run, text, 1, &text))
        return NULL;
    return lq_new_string(run, text);
}
