/* Runs the cases of the template engine, one TAP test each, and each once more with memory and
 * ceilings too small (torture.h). Argument: the folder of *.case files,
 * whose format is described in cases/README. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/zone.h"
#include "json_value.h"
#include "torture.h"

enum section
{
    SECTION_NONE,
    SECTION_TEMPLATE,
    SECTION_DATA,
    SECTION_PARTIALS,
    SECTION_TRANSLATIONS,
    SECTION_OPTIONS,
    SECTION_OUTPUT,
    SECTION_ERROR,
    SECTION_COUNT
};

static const char *const section_names[SECTION_COUNT] = {
    [SECTION_NONE] = "",
    [SECTION_TEMPLATE] = "template",
    [SECTION_DATA] = "data",
    [SECTION_PARTIALS] = "partials",
    [SECTION_TRANSLATIONS] = "translations",
    [SECTION_OPTIONS] = "options",
    [SECTION_OUTPUT] = "output",
    [SECTION_ERROR] = "error",
};

/* A case; texts point into the file, which has been cut up. */
struct test_case
{
    char name[256];
    char *text[SECTION_COUNT];
};

struct results
{
    int count;
    int failed;
};

static void
die(const char *what, const char *which)
{
    printf("Bail out! %s: %s\n", what, which);
    exit(2);
}

/* A tracking link: short as those of hosts, and none for some. */
static bool
link_to(void *host, struct lq_str url, struct lq_str *ret)
{
    (void) host;
    *ret = str("https://t.example/1");
    return url.data[url.len - 1] != '-';
}

/* The URL of an object, with the second until which it is good. */
static bool
link_to_object(void *host, struct lq_str id, int64_t until_s, struct lq_str *ret)
{
    static char url[80];

    (void) host;
    snprintf(url, sizeof(url), "https://o.example/%.*s/%lld", (int) id.len, id.data,
             (long long) until_s);
    *ret = str(url);
    return id.data[0] != 'f';
}

/* Options are words: strict, html, header, headers, link, no-digest, no-zones, locale=TAG,
 * now=SECONDS, offset=SECONDS, depth=, steps=, bytes=, nodes=. */
static void
set_options(char *text, struct lq_options *options)
{
    char *rest;

    for (char *word = strtok_r(text, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest))
    {
        char *value = strchr(word, '=');
        int64_t number = value == NULL ? 0 : strtoll(value + 1, NULL, 10);

        if (strcmp(word, "strict") == 0)
            options->strict = true;
        else if (strcmp(word, "html") == 0)
            options->escape = LQ_ESCAPE_HTML;
        else if (strcmp(word, "header") == 0)
            options->escape = LQ_ESCAPE_HEADER;
        else if (strcmp(word, "headers") == 0)
            options->escape = LQ_ESCAPE_HEADERS;
        else if (strcmp(word, "link") == 0)
        {
            options->link = link_to;
            options->object = link_to_object;
        }
        else if (strcmp(word, "no-digest") == 0)
            options->digest = NULL;
        else if (strcmp(word, "no-zones") == 0)
            options->zone = NULL;
        else if (strncmp(word, "locale=", 7) == 0)
            options->locale = str(value + 1);
        else if (strncmp(word, "now=", 4) == 0)
            options->now_us = number * 1000000;
        else if (strncmp(word, "offset=", 7) == 0)
            options->utc_offset_s = (int32_t) number;
        else if (strncmp(word, "depth=", 6) == 0)
            options->limits.depth = (size_t) number;
        else if (strncmp(word, "steps=", 6) == 0)
            options->limits.steps = (uint64_t) number;
        else if (strncmp(word, "bytes=", 6) == 0)
            options->limits.output_bytes = (size_t) number;
        else if (strncmp(word, "nodes=", 6) == 0)
            options->limits.nodes = (size_t) number;
        else
            die("unknown option", word);
    }
}

static void
print_comment(const char *label, const char *text)
{
    printf("# %s: ", label);
    for (; *text != '\0'; text++)
    {
        putchar(*text);
        if (*text == '\n')
            printf("#   ");
    }
    putchar('\n');
}

/* What an error looks like in a case: code line:column message; the name of a partial before the
 * line */
static void
describe_error(const struct lq_error *error, char *ret, size_t size)
{
    int len = snprintf(ret, size, "%s %s%s%" PRIu32 ":%" PRIu32 " %s", lq_code_name(error->code),
                       error->partial, error->partial[0] == '\0' ? "" : " ", error->line,
                       error->column, error->message);

    if (len < 0 || (size_t) len >= size)
        die("message too long", error->message);
}

/* A partial of the case. */
static bool
find_partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    char key[64];
    struct json_object *source;

    if (name.len >= sizeof(key))
        return false;
    memcpy(key, name.data, name.len);
    key[name.len] = '\0';
    if (!json_object_object_get_ex(host, key, &source))
        return false;
    *ret_source = str(json_object_get_string(source));
    return true;
}

static struct json_object *
parse_json(const struct test_case *test, enum section section)
{
    struct json_object *json = json_tokener_parse(test->text[section]);

    if (json == NULL)
        die("invalid JSON", test->name);
    return json;
}

/* The objects of the case's list. */
static void
make_translations(const struct test_case *test, struct lq_options *options)
{
    struct json_object *list = parse_json(test, SECTION_TRANSLATIONS);
    size_t count = json_object_array_length(list);
    const struct lq_value **objects = calloc(count, sizeof(objects[0]));

    if (objects == NULL)
        die("out of memory", test->name);
    for (size_t i = 0; i < count; i++)
        objects[i] = json_value(json_object_array_get_idx(list, i));
    json_object_put(list);
    options->translations = objects;
    options->translation_count = count;
}

static void
free_translations(const struct lq_options *options)
{
    for (size_t i = 0; i < options->translation_count; i++)
        lq_value_destroy((struct lq_value *) (uintptr_t) options->translations[i]);
    free((void *) (uintptr_t) options->translations);
}

static void
run_case(const char *file, struct test_case *test, struct results *results)
{
    struct lq_options options = {
        .mem = plain_mem, .limits = LQ_LIMITS_DEFAULT, .digest = openssl_digest, .zone = zone_find
    };
    struct lq_template *template = NULL;
    struct lq_error error = { 0 };
    struct lq_str output = { 0 };
    struct json_object *json = NULL;
    struct json_object *partials = NULL;
    struct lq_value *data = NULL;
    enum lq_code lost;
    char description[512] = "";
    const char *expected = test->text[SECTION_OUTPUT];
    const char *got;
    bool passed;

    if (test->text[SECTION_TEMPLATE] == NULL ||
        (expected == NULL) == (test->text[SECTION_ERROR] == NULL))
        die("a case needs a template and either output or error", test->name);
    if (test->text[SECTION_OPTIONS] != NULL)
        set_options(test->text[SECTION_OPTIONS], &options);
    if (test->text[SECTION_DATA] != NULL)
    {
        json = parse_json(test, SECTION_DATA);
        data = json_value(json);
    }
    if (test->text[SECTION_PARTIALS] != NULL)
    {
        partials = parse_json(test, SECTION_PARTIALS);
        options.partial = find_partial;
        options.host = partials;
    }
    if (test->text[SECTION_TRANSLATIONS] != NULL)
        make_translations(test, &options);
    if (lq_parse(str(test->text[SECTION_TEMPLATE]), &options, &template, &error) == LQ_OK)
        (void) lq_render(template, data, &options, &output, &error);
    if (error.code != LQ_OK)
        describe_error(&error, description, sizeof(description));
    got = error.code != LQ_OK ? description : output.data;
    if (test->text[SECTION_ERROR] != NULL)
        expected = test->text[SECTION_ERROR];
    passed =
        (error.code != LQ_OK) == (test->text[SECTION_ERROR] != NULL) && strcmp(got, expected) == 0;
    lost =
        torture(&(struct torture){ str(test->text[SECTION_TEMPLATE]), data, &options, error.code });
    results->count++;
    results->failed += !passed || lost != LQ_OK;
    printf("%sok %d - %s: %s\n", passed && lost == LQ_OK ? "" : "not ", results->count, file,
           test->name);
    if (lost != LQ_OK)
        print_comment("wrong when too small", lq_code_name(lost));
    if (!passed)
    {
        print_comment("expected", expected);
        print_comment("got", got);
    }
    plain_free(NULL, (void *) (uintptr_t) output.data);
    lq_template_destroy(template);
    lq_value_destroy(data);
    free_translations(&options);
    json_object_put(json);
    json_object_put(partials);
}

static enum section
find_section(const char *name)
{
    for (int i = SECTION_TEMPLATE; i < SECTION_COUNT; i++)
    {
        if (strcmp(name, section_names[i]) == 0)
            return (enum section) i;
    }
    die("unknown section", name);
    return SECTION_NONE;
}

static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0;
    size_t len = 0;

    if (file == NULL)
        die("cannot open", path);
    do
    {
        size += 65536;
        text = realloc(text, size + 1);
        if (text == NULL)
            die("out of memory", path);
        len += fread(text + len, 1, size - len, file);
    } while (len == size);
    (void) fclose(file);
    text[len] = '\0';
    return text;
}

/* Cut the file into cases and run them. A section ends before the line break that ends it. */
static void
run_file(const char *folder, const char *name, struct results *results)
{
    struct test_case test = { 0 };
    enum section section = SECTION_NONE;
    char path[4096];
    char *text;
    char *next;

    (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
    text = read_file(path);
    for (char *line = text; line != NULL; line = next)
    {
        char *end = strchr(line, '\n');
        bool marker = strncmp(line, "== ", 3) == 0 || strncmp(line, "-- ", 3) == 0;

        next = end == NULL ? NULL : end + 1;
        if (!marker)
            continue;
        if (line > text)
            line[-1] = '\0';
        if (test.text[section] == line) /* an empty section */
            test.text[section] = line - 1;
        if (end != NULL)
            *end = '\0';
        if (line[0] == '-')
        {
            section = find_section(line + 3);
            test.text[section] = next == NULL ? line + strlen(line) : next;
            continue;
        }
        if (test.name[0] != '\0')
            run_case(name, &test, results);
        test = (struct test_case){ 0 };
        (void) snprintf(test.name, sizeof(test.name), "%s", line + 3);
    }
    if (test.name[0] != '\0')
    {
        char *last = test.text[section];

        if (last != NULL && last[0] != '\0' && last[strlen(last) - 1] == '\n')
            last[strlen(last) - 1] = '\0';
        run_case(name, &test, results);
    }
    free(text);
}

static int
is_case(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && strcmp(entry->d_name + len - 5, ".case") == 0;
}

int
main(int argc, char **argv)
{
    struct results results = { 0 };
    struct dirent **entries;
    int count;

    if (argc != 2)
    {
        (void) fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    count = scandir(argv[1], &entries, is_case, alphasort);
    if (count <= 0)
        die("no cases in", argv[1]);
    for (int i = 0; i < count; i++)
    {
        run_file(argv[1], entries[i]->d_name, &results);
        free(entries[i]);
    }
    free(entries);
    printf("1..%d\n", results.count);
    return results.failed == 0 ? 0 : 1;
}
