/*
 * Renders cases as a dispatcher does. Reads a JSON array of
 *
 *   {"template": SOURCE, "data": TEXT, "shared": {NAME: SOURCE}, "translations": [{…}],
 *    "escape": "none", "html", "header" or "headers", "strict": BOOL, "now": SECONDS,
 *    "offset": SECONDS, "locale": TEXT}
 *
 * from standard input and writes an array of {"output": TEXT} or {"error": TEXT}.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "delivery/render.h"

enum
{
    DEPTH_MAX = 128
};

static struct json_object *
member(struct json_object *object, const char *name)
{
    return json_object_object_get(object, name);
}

/* A part whose output is escaped like that. */
static const char *
part_of(const char *escape)
{
    if (strcmp(escape, "none") == 0)
        return "text";
    return strcmp(escape, "header") == 0 ? "subject" : escape;
}

static struct render_template *
compile(struct json_object *test)
{
    struct render_template *template = render_template_create();
    struct json_object *source = member(test, "template");
    struct json_object *translations = member(test, "translations");

    if (!json_object_get_boolean(member(test, "strict")))
        render_template_set_lax(template);
    for (size_t i = 0; i < json_object_array_length(translations); i++)
    {
        const char *texts = json_object_to_json_string(json_object_array_get_idx(translations, i));

        render_template_translate(template, texts, strlen(texts));
    }
    json_object_object_foreach(member(test, "shared"), name, shared)
        render_template_share(template, name, json_object_get_string(shared),
                              (size_t) json_object_get_string_len(shared));
    render_template_add(template, part_of(json_object_get_string(member(test, "escape"))),
                        json_object_get_string(source),
                        (size_t) json_object_get_string_len(source));
    return template;
}

static struct json_object *
run_case(struct json_object *test)
{
    struct json_object *ret = json_object_new_object();
    struct render_template *template = compile(test);
    struct delivery *delivery = delivery_create();
    const char *reason = NULL;

    delivery->notification = "00000000-0000-0000-0000-000000000000";
    delivery->recipient = "ann";
    delivery->template_name = "case";
    delivery->version = 1;
    delivery->locale = json_object_get_string(member(test, "locale"));
    delivery->data = json_object_get_string(member(test, "data"));
    delivery->time_us = json_object_get_int64(member(test, "now")) * 1000000;
    delivery->utc_offset_s = json_object_get_int(member(test, "offset"));
    if (render_message(template, delivery, &reason))
        json_object_object_add(ret, "output",
                               json_object_new_string_len(delivery->message.parts[0].text,
                                                          (int) delivery->message.parts[0].len));
    else
        json_object_object_add(ret, "error", json_object_new_string(reason));
    render_template_destroy(template);
    delivery_destroy(delivery);
    return ret;
}

int
main(void)
{
    struct json_object *cases = json_object_from_fd_ex(0, DEPTH_MAX);
    struct json_object *results = json_object_new_array();

    if (!json_object_is_type(cases, json_type_array))
    {
        (void) fprintf(stderr, "standard input holds no JSON array: %s\n",
                       json_util_get_last_err());
        return 2;
    }
    for (size_t i = 0; i < json_object_array_length(cases); i++)
        (void) json_object_array_add(results, run_case(json_object_array_get_idx(cases, i)));
    printf("%s\n", json_object_to_json_string(results));
    json_object_put(results);
    json_object_put(cases);
    return 0;
}
