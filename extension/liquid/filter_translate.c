/* The filter t: texts by key. */
#include <string.h>

#include "filter.h"
#include "html.h"
#include "utf8.h"

enum
{
    COMPARE_STEPS = 64 /* what comparing two keys may cost */
};

/* The value of a key in an object, and the value its dots lead to; NULL when there is none. */
static const struct lq_value *
find_in(struct lq_run *run, const struct lq_value *object, struct lq_str key)
{
    const struct lq_value *value = lq_object_get(object->object, key);

    while (value == NULL && object != NULL && object->type == LQ_OBJECT)
    {
        const char *dot = memchr(key.data, '.', key.len);
        size_t len = dot == NULL ? key.len : (size_t) (dot - key.data);

        if (!lq_run_step(run, 1))
            return NULL;
        object = lq_object_get(object->object, (struct lq_str){ key.data, len });
        if (dot == NULL)
            return object;
        key = (struct lq_str){ dot + 1, key.len - len - 1 };
    }
    return value;
}

/* Whether an object holds forms of a text and not other keys. */
static bool
has_forms(const struct lq_value *value)
{
    return value->type == LQ_OBJECT && lq_object_get(value->object, LQ_STR("other")) != NULL;
}

/* The key that was probably meant, put together in `path`. */
struct guess
{
    struct lq_run *run;
    struct lq_nearest nearest;
    char path[LQ_NEAREST_MAX];
    char best[LQ_NEAREST_MAX];
    size_t best_len;
};

/* Try the keys of an object, which are behind the first bytes of the path; false after a fault. */
static bool
guess_in(struct guess *guess, const struct lq_object *object, size_t prefix)
{
    if (!lq_run_enter(guess->run))
        return false;
    for (size_t i = 0; i < object->count; i++)
    {
        const struct lq_member *member = &object->members[i];
        size_t len = prefix + member->key.len;

        if (!lq_run_step(guess->run, COMPARE_STEPS))
            return false;
        if (member->invalid || len >= LQ_NEAREST_MAX)
            continue;
        memcpy(guess->path + prefix, member->key.data, member->key.len);
        if (member->value->type == LQ_OBJECT && !has_forms(member->value))
        {
            guess->path[len] = '.';
            if (!guess_in(guess, member->value->object, len + 1))
                return false;
            continue;
        }
        if (!lq_nearest_offer(&guess->nearest, (struct lq_str){ guess->path, len }))
            continue;
        memcpy(guess->best, guess->path, len);
        guess->best_len = len;
    }
    lq_run_leave(guess->run);
    return true;
}

static void
unknown_key(struct lq_run *run, struct lq_str key)
{
    const struct lq_options *options = run->options;
    struct guess guess = { .run = run };
    struct lq_str best = { guess.best, 0 };

    lq_nearest_init(&guess.nearest, key);
    for (size_t i = 0; i < options->translation_count; i++)
    {
        const struct lq_value *object = options->translations[i];

        if (object->type == LQ_OBJECT && !guess_in(&guess, object->object, 0))
            return;
    }
    best.len = guess.best_len;
    if (best.len > 0)
        (void) lq_run_fail(run, LQ_ERR_UNDEFINED,
                           "unknown translation \"%.*s\", did you mean \"%.*s\"?", LQ_QUOTE(key),
                           LQ_QUOTE(best));
    else
        (void) lq_run_fail(run, LQ_ERR_UNDEFINED, "unknown translation \"%.*s\"", LQ_QUOTE(key));
}

/* The form of a text for the argument `count`; NULL after a fault. */
static const struct lq_value *
choose_form(struct lq_run *run, const struct lq_value *forms, const struct lq_value *count,
            struct lq_str key)
{
    enum lq_plural plurals[LQ_PLURALS_MAX] = { LQ_PLURAL_OTHER, LQ_PLURAL_OTHER, LQ_PLURAL_OTHER };
    const struct lq_value *form = NULL;

    if (count != NULL && count->type != LQ_NIL)
    {
        if (!lq_plurals_of(run, count, lq_locale_find(run->options->locale), plurals))
            return NULL;
    }
    else if (run->options->strict)
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT,
                           "translation \"%.*s\" needs the argument \"count\"", LQ_QUOTE(key));
        return NULL;
    }
    for (size_t i = 0; form == NULL && i < LQ_PLURALS_MAX; i++)
        form = lq_object_get(forms->object, lq_plural_name(plurals[i]));
    return form;
}

/* The value of a key in the first object that has one; NULL when there is none or after a fault. */
static const struct lq_value *
find_key(struct lq_run *run, struct lq_str key)
{
    const struct lq_options *options = run->options;

    for (size_t i = 0; i < options->translation_count; i++)
    {
        const struct lq_value *object = options->translations[i];
        const struct lq_value *value = NULL;

        if (!lq_run_step(run, 1))
            return NULL;
        if (object->type == LQ_OBJECT)
            value = find_in(run, object, key);
        if (value != NULL && value->type != LQ_NIL &&
            (value->type != LQ_OBJECT || has_forms(value)))
            return value;
    }
    return NULL;
}

/* The name between the braces that text starts with; 0 when they are not closed. */
static size_t
placeholder(struct lq_str text, struct lq_str *ret_name)
{
    size_t end = lq_str_find(text, 2, LQ_STR("}}"));

    if (end == SIZE_MAX)
        return 0;
    *ret_name = lq_str_rstrip(lq_str_lstrip((struct lq_str){ text.data + 2, end - 2 }));
    return end + 2;
}

/* The argument that a placeholder stands for. */
static bool
add_argument(struct lq_builder *builder, const struct lq_args *args, struct lq_str key,
             struct lq_str name, bool escape)
{
    struct lq_run *run = builder->run;
    const struct lq_value *value = lq_args_named(args, name);

    if (value == NULL)
        return !run->options->strict ||
               lq_run_fail(run, LQ_ERR_ARGUMENT, "translation \"%.*s\" needs the argument \"%.*s\"",
                           LQ_QUOTE(key), LQ_QUOTE(name));
    if (escape && !value->markup)
        value = lq_filter_escape(run, value, NULL);
    return value != NULL && lq_add_text(builder, value);
}

/* The same in HTML: an argument that makes a URL a forbidden one takes the URL with it. */
static bool
add_html_argument(struct lq_builder *builder, const struct lq_args *args, struct lq_str key,
                  struct lq_str name)
{
    struct lq_str before = { builder->len == 0 ? "" : builder->data, builder->len };
    struct lq_html_scan scan;
    struct lq_str url;
    size_t start;
    size_t read;

    lq_html_scan(LQ_HTML_TEXT, before, &scan);
    if (!lq_run_scan(builder->run, before.len) || !add_argument(builder, args, key, name, true))
        return false;
    if (!lq_html_in_url(lq_html_output(scan.after)))
        return true;
    start = scan.opened != SIZE_MAX ? scan.opened : before.len;
    url = (struct lq_str){ builder->data + start, builder->len - start };
    if (url.len > 0 && lq_html_forbidden(url, &read))
        builder->len = start;
    return lq_run_scan(builder->run, url.len);
}

/* The text with arguments in place of its placeholders. */
static const struct lq_value *
fill_in(struct lq_run *run, struct lq_str text, const struct lq_args *args, struct lq_str key,
        bool html)
{
    struct lq_builder builder = { .run = run };
    struct lq_value *result;

    while (text.len > 0)
    {
        size_t plain = lq_str_find(text, 0, LQ_STR("{{"));
        struct lq_str name = { "", 0 };
        size_t len = 0;

        if (plain != SIZE_MAX)
            len = placeholder((struct lq_str){ text.data + plain, text.len - plain }, &name);
        if (len == 0)
            plain = text.len;
        if (!lq_run_step(run, 1) || !lq_builder_add(&builder, (struct lq_str){ text.data, plain }))
            return NULL;
        if (len > 0 && !(html ? add_html_argument(&builder, args, key, name)
                              : add_argument(&builder, args, key, name, false)))
            return NULL;
        text.data += plain + len;
        text.len -= plain + len;
    }
    result = lq_new_value(run, LQ_STRING);
    if (result == NULL)
        return NULL;
    result->string = builder.len == 0 ? LQ_STR("") : (struct lq_str){ builder.data, builder.len };
    result->markup = html;
    return result;
}

/* Whether the key says that its text is HTML. */
static bool
is_html(struct lq_str key)
{
    static const char ending[] = "_html";
    size_t len = sizeof(ending) - 1;

    return key.len >= len && memcmp(key.data + key.len - len, ending, len) == 0;
}

const struct lq_value *
lq_filter_t(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *value;
    struct lq_str key;
    struct lq_str text;

    if (!lq_to_text(run, input, &key) || !lq_run_scan(run, key.len))
        return NULL;
    value = find_key(run, key);
    if (value == NULL && run->fault.code == LQ_OK)
    {
        if (!run->options->strict)
            return input;
        unknown_key(run, key);
    }
    if (value != NULL && value->type == LQ_OBJECT)
        value = choose_form(run, value, lq_args_named(args, LQ_STR("count")), key);
    if (value == NULL || !lq_to_text(run, value, &text) || !lq_run_scan(run, text.len))
        return NULL;
    return fill_in(run, text, args, key, is_html(key) && run->options->escape == LQ_ESCAPE_HTML);
}
