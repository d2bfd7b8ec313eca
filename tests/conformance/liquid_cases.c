/*
 * Runs a file of cases in JSON in plain Liquid mode:
 *
 *   {"tests": [{"name": …, "template": …, "data": {…}, "templates": {NAME: SOURCE},
 *               "result": TEXT or "results": [TEXT, …] or "invalid": true}]}
 *
 * Prints what differs, then "N passed, N failed". Exit status 0: none failed.
 */
#include <stdio.h>

#include "liquid/json_value.h"

static struct json_object *
member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    (void) json_object_object_get_ex(object, name, &value);
    return value;
}

static struct lq_str
text_of(struct json_object *json)
{
    if (json == NULL)
        return str("");
    return (struct lq_str){ json_object_get_string(json),
                            (size_t) json_object_get_string_len(json) };
}

/* A partial of the case. */
static bool
find_partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    char key[256];
    struct json_object *source;

    if (host == NULL || name.len >= sizeof(key))
        return false;
    memcpy(key, name.data, name.len);
    key[name.len] = '\0';
    source = member(host, key);
    if (source == NULL)
        return false;
    *ret_source = text_of(source);
    return true;
}

static bool
equal(struct lq_str a, struct lq_str b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool
is_expected(struct json_object *test, struct lq_str output)
{
    struct json_object *results = member(test, "results");

    if (results == NULL)
        return member(test, "result") != NULL && equal(text_of(member(test, "result")), output);
    for (size_t i = 0; i < json_object_array_length(results); i++)
    {
        if (equal(text_of(json_object_array_get_idx(results, i)), output))
            return true;
    }
    return false;
}

static void
print_difference(struct json_object *test, const struct lq_error *error, struct lq_str output)
{
    struct json_object *expected = member(test, "result");

    if (expected == NULL)
        expected = member(test, "results");
    printf("%s\n  template: %s\n  expected: %s\n", json_object_get_string(member(test, "name")),
           json_object_to_json_string(member(test, "template")),
           expected == NULL ? "an error" : json_object_to_json_string(expected));
    if (error->code != LQ_OK)
        printf("  actual: error %s %u:%u %s\n", lq_code_name(error->code), error->line,
               error->column, error->message);
    else
        printf("  actual: \"%.*s\"\n", (int) output.len, output.data);
}

static bool
run_case(struct json_object *test)
{
    struct lq_options options = { .mem = plain_mem,
                                  .limits = LQ_LIMITS_DEFAULT,
                                  .partial = find_partial,
                                  .digest = openssl_digest,
                                  .host = member(test, "templates") };
    struct json_object *members = member(test, "data");
    struct lq_value *data = members == NULL ? NULL : json_value(members);
    struct lq_template *template = NULL;
    struct lq_error error = { 0 };
    struct lq_str output = { 0 };
    bool passed;

    if (lq_parse(text_of(member(test, "template")), &options, &template, &error) == LQ_OK)
        (void) lq_render(template, data, &options, &output, &error);
    passed = error.code != LQ_OK ? json_object_get_boolean(member(test, "invalid"))
                                 : is_expected(test, output);
    if (!passed)
        print_difference(test, &error, output);
    plain_free(NULL, (void *) (uintptr_t) output.data);
    lq_template_destroy(template);
    lq_value_destroy(data);
    return passed;
}

int
main(int argc, char **argv)
{
    struct json_object *file = argc == 2 ? json_object_from_file(argv[1]) : NULL;
    struct json_object *tests = file == NULL ? NULL : member(file, "tests");
    size_t passed = 0;
    size_t count;

    if (tests == NULL)
    {
        fprintf(stderr, "usage: %s FILE.json, an object with an array \"tests\"\n", argv[0]);
        return 2;
    }
    count = json_object_array_length(tests);
    for (size_t i = 0; i < count; i++)
        passed += run_case(json_object_array_get_idx(tests, i));
    json_object_put(file);
    printf("%zu passed, %zu failed\n", passed, count - passed);
    return passed == count ? 0 : 1;
}
