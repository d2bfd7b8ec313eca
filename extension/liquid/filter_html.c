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
