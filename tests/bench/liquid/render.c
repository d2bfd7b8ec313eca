/* Renders the templates of this folder with our engine, at the command of tests/bench/liquid/run;
 * the same commands as those of render.js. Arguments: the folder, names of templates. */
#include <glob.h>
#include <stdio.h>
#include <time.h>

#include "liquid/json_value.h"

enum
{
    SETS_MAX = 8,
    SOURCES_MAX = 16
};

/* A template with its partials and data. */
struct set
{
    struct
    {
        char name[32];
        struct lq_str text;
    } sources[SOURCES_MAX];
    size_t source_count;
    struct lq_options options;
    struct lq_template *template;
    struct lq_value *data;
    const char *name;
};

static struct set sets[SETS_MAX];
static int set_count;

static void
die(const char *what, const char *which)
{
    (void) fprintf(stderr, "render: %s: %s\n", what, which);
    exit(1);
}

static struct lq_str
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text;
    long size;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die("cannot read", path);
    size = ftell(file);
    rewind(file);
    text = malloc((size_t) size + 1);
    if (text == NULL || fread(text, 1, (size_t) size, file) != (size_t) size)
        die("cannot read", path);
    text[size] = '\0';
    (void) fclose(file);
    return (struct lq_str){ text, (size_t) size };
}

static bool
find_source(void *host, struct lq_str name, struct lq_str *ret_source)
{
    const struct set *set = host;

    for (size_t i = 0; i < set->source_count; i++)
    {
        *ret_source = set->sources[i].text;
        if (strlen(set->sources[i].name) == name.len &&
            memcmp(set->sources[i].name, name.data, name.len) == 0)
            return true;
    }
    return false;
}

static void
parse_set(struct set *set)
{
    struct lq_error error;
    struct lq_str source;

    if (!find_source(set, str("template"), &source))
        die("no template.liquid", set->name);
    if (lq_parse(source, &set->options, &set->template, &error) != LQ_OK)
        die(set->name, error.message);
}

static struct lq_str
render_set(struct set *set)
{
    struct lq_error error;
    struct lq_str output;

    if (lq_render(set->template, set->data, &set->options, &output, &error) != LQ_OK)
        die(set->name, error.message);
    return output;
}

static void
load(const char *folder, const char *name)
{
    struct set *set = &sets[set_count++];
    struct json_object *json;
    char path[1024];
    glob_t found;

    *set = (struct set){ .name = name, .options = { .mem = plain_mem, .host = set } };
    set->options.limits = (struct lq_limits) LQ_LIMITS_DEFAULT;
    set->options.partial = find_source;
    (void) snprintf(path, sizeof(path), "%s/%s/*.liquid", folder, name);
    if (glob(path, 0, NULL, &found) != 0 || found.gl_pathc > SOURCES_MAX)
        die("no templates, or too many", path);
    for (; set->source_count < found.gl_pathc; set->source_count++)
    {
        const char *file = found.gl_pathv[set->source_count];
        const char *base = strrchr(file, '/') + 1;

        (void) snprintf(set->sources[set->source_count].name, sizeof(set->sources[0].name), "%.*s",
                        (int) strcspn(base, "."), base);
        set->sources[set->source_count].text = read_file(file);
    }
    globfree(&found);
    (void) snprintf(path, sizeof(path), "%s/%s/data.json", folder, name);
    json = json_tokener_parse(read_file(path).data);
    set->data = json_value(json);
    json_object_put(json);
    parse_set(set);
}

static struct set *
find_set(const char *name)
{
    for (int i = 0; i < set_count; i++)
    {
        if (strcmp(sets[i].name, name) == 0)
            return &sets[i];
    }
    die("no template of that name", name);
    return NULL;
}

static double
now_s(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
render_once(struct set *set)
{
    plain_free(NULL, (void *) (uintptr_t) render_set(set).data);
}

static void
parse_all(struct set *set)
{
    (void) set;
    for (int i = 0; i < set_count; i++)
    {
        lq_template_destroy(sets[i].template);
        parse_set(&sets[i]);
    }
}

/* How often a second it can be done, tried for so many milliseconds. */
static double
rate(const char *ms, void (*once)(struct set *set), struct set *set)
{
    double start = now_s();
    double end = start + strtod(ms, NULL) / 1000;
    double now;
    double count = 0;

    do
    {
        for (int i = 0; i < 10; i++)
            once(set);
        count += 10;
        now = now_s();
    } while (now < end);
    return count / (now - start);
}

/* Write what a template prints to a file. */
static double
print(const char *name, const char *file)
{
    struct lq_str output = render_set(find_set(name));
    FILE *out = fopen(file, "wb");

    if (out == NULL || fwrite(output.data, 1, output.len, out) != output.len || fclose(out) != 0)
        die("cannot write", file);
    plain_free(NULL, (void *) (uintptr_t) output.data);
    return 0;
}

/* Megabytes of source parsed a second, all templates with their partials in turn. */
static double
parse(const char *ms)
{
    size_t bytes = 0;

    for (int i = 0; i < set_count; i++)
    {
        for (size_t j = 0; j < sets[i].source_count; j++)
            bytes += sets[i].sources[j].text.len;
    }
    return (double) bytes / 1e6 * rate(ms, parse_all, NULL);
}

int
main(int argc, char **argv)
{
    char line[1024];
    char command[16];
    char first[128];
    char second[800];

    if (argc < 3 || argc - 2 > SETS_MAX)
        die("usage", "FOLDER NAME…");
    for (int i = 2; i < argc; i++)
        load(argv[1], argv[i]);
    while (fgets(line, sizeof(line), stdin) != NULL)
    {
        int words = sscanf(line, "%15s %127s %799s", command, first, second);
        double result = 0;

        if (words == 2 && strcmp(command, "parse") == 0)
            result = parse(first);
        else if (words == 3 && strcmp(command, "render") == 0)
            result = rate(second, render_once, find_set(first));
        else if (words == 3 && strcmp(command, "print") == 0)
            result = print(first, second);
        else
            die("unknown command", line);
        printf("%.3f\n", result);
        (void) fflush(stdout);
    }
    for (int i = 0; i < set_count; i++)
    {
        lq_template_destroy(sets[i].template);
        lq_value_destroy(sets[i].data);
    }
    return 0;
}
