/* Fuzzes the template engine: the first byte chooses options, the rest is a template, the data is
 * fixed. Valid text in gives valid text out, ceilings hold, and equal inputs give equal results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liquid.h"

enum
{
    OUTPUT_MAX = 20000,
    STEPS_MAX = 20000
};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Blocks and bytes that the engine holds. */
static size_t live;
static size_t ticks;

static void *
fuzz_alloc(void *ctx, size_t size)
{
    (void) ctx;
    live++;
    return malloc(size);
}

static void *
fuzz_realloc(void *ctx, void *old, size_t size)
{
    (void) ctx;
    return realloc(old, size);
}

static void
fuzz_free(void *ctx, void *ptr)
{
    (void) ctx;
    live--;
    free(ptr);
}

static const struct lq_mem mem = { fuzz_alloc, fuzz_realloc, fuzz_free, NULL };

static bool
tick(void *host)
{
    (void) host;
    ticks++;
    return false;
}

/* The template itself as a partial, and one that assigns. */
static bool
partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    if (name.len != 1 || (name.data[0] != 'p' && name.data[0] != 'q'))
        return false;
    *ret_source = *(const struct lq_str *) host;
    if (name.data[0] == 'q')
        *ret_source = (struct lq_str){ "{{ q }}{% assign z = i %}", 25 };
    return true;
}

static void
expect(bool condition, const char *what)
{
    if (condition)
        return;
    (void) fprintf(stderr, "violated: %s\n", what);
    abort();
}

static struct lq_str
str(const char *text)
{
    return (struct lq_str){ text, strlen(text) };
}

static void
put(struct lq_value *object, const char *key, struct lq_value *value)
{
    expect(lq_object_put(object, str(key), value), "putting into an object");
}

static struct lq_value *
build(void)
{
    struct lq_value *root = lq_object(&mem);
    struct lq_value *array = lq_array(&mem);
    struct lq_value *object = lq_object(&mem);

    put(object, "b", lq_string(&mem, str("text")));
    put(object, "size", lq_number(&mem, str("7")));
    put(object, "é", lq_nil(&mem));
    expect(lq_array_push(array, lq_number(&mem, str("1"))), "pushing");
    expect(lq_array_push(array, lq_string(&mem, str("zwei <ß>"))), "pushing");
    expect(lq_array_push(array, object), "pushing");
    put(root, "a", array);
    put(root, "s", lq_string(&mem, str("Grüße, \xf0\x9f\x98\x80 \"&'\n")));
    put(root, "n", lq_number(&mem, str("-12.50")));
    put(root, "i", lq_number(&mem, str("99999999999999999999")));
    put(root, "p", lq_string(&mem, str("q")));
    put(root, "t", lq_bool(&mem, true));
    put(root, "d", lq_string(&mem, str("2024-02-29T12:34:56.789+01:00")));
    object = lq_object(&mem);
    put(object, "one", lq_string(&mem, str("{{ count }} & {{x}}")));
    put(object, "other", lq_string(&mem, str("<b>{{ s }}</b>")));
    put(root, "k_html", object);
    return root;
}

/* Simple on purpose: another algorithm than the engine's. */
static bool
is_utf8(const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *) data;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    for (size_t i = 0; i < len;)
    {
        size_t count = p[i] < 0x80 ? 1 : p[i] < 0xc0 ? 0 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
        uint32_t c = count < 2 ? p[i] : p[i] & (0x7fU >> count);

        if (count == 0 || p[i] > 0xf7 || i + count > len)
            return false;
        for (size_t j = 1; j < count; j++)
        {
            if ((p[i + j] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + j] & 0x3f);
        }
        if (c < least[count] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return false;
        i += count;
    }
    return true;
}

struct result
{
    enum lq_code code;
    struct lq_error error;
    struct lq_str output;
};

static struct result
run(struct lq_str source, const struct lq_value *data, const struct lq_options *options)
{
    struct result result = { 0 };
    struct lq_template *template = NULL;

    result.code = lq_parse(source, options, &template, &result.error);
    if (result.code == LQ_OK)
        result.code = lq_render(template, data, options, &result.output, &result.error);
    lq_template_destroy(template);
    return result;
}

static void
check(struct lq_str source, const struct result *result)
{
    expect(ticks <= STEPS_MAX / 1000 + 1, "steps within their ceiling");
    if (result->code == LQ_OK)
    {
        expect(result->output.len <= OUTPUT_MAX, "output within its ceiling");
        expect(is_utf8(result->output.data, result->output.len), "valid output");
        expect(result->output.data[result->output.len] == '\0', "terminated output");
        return;
    }
    expect(result->error.code == result->code, "the error's code");
    expect(result->error.message[0] != '\0', "a message");
    expect(is_utf8(result->error.message, strlen(result->error.message)), "a valid message");
    if (result->code == LQ_ERR_SYNTAX)
        expect(result->error.line > 0 && result->error.column > 0, "a place");
    if (result->code == LQ_ERR_UTF8)
        expect(!is_utf8(source.data, source.len), "complaints only about invalid text");
}

/* Every name is a zone with an offset of its own. */
static bool
zone(void *host, const char *name, int64_t second, struct lq_zone *ret)
{
    (void) host;
    *ret = (struct lq_zone){ (int32_t) (strlen(name) * 3600 + (second < 0 ? 1 : 0)), "ABC" };
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct lq_options options = {
        .mem = mem,
        .limits = { .source_bytes = 4096,
                    .nodes = 2000,
                    .depth = 40,
                    .steps = STEPS_MAX,
                    .output_bytes = OUTPUT_MAX },
        .now_us = INT64_C(1700000000123456),
        .tick = tick,
        .partial = partial,
        .zone = zone,
        .translation_count = 1,
    };
    static const char *const locales[] = { "", "de-CH", "hi", "ar" };
    struct lq_str source = { (const char *) input + 1, size - 1 };
    const struct lq_value *translations;
    struct lq_value *data;
    struct result first;
    struct result second;
    static const enum lq_escape escapes[] = { LQ_ESCAPE_NONE, LQ_ESCAPE_HTML, LQ_ESCAPE_HEADER,
                                              LQ_ESCAPE_HTML };

    if (size == 0)
        return 0;
    options.host = &source;
    options.strict = (input[0] & 1) != 0;
    options.escape = escapes[input[0] >> 3 & 3];
    options.utc_offset_s = (input[0] & 4) != 0 ? -12600 : 0;
    options.locale.data = locales[input[0] >> 3 & 3];
    options.locale.len = strlen(options.locale.data);
    data = build();
    options.translations = &translations;
    translations = data;
    ticks = 0;
    first = run(source, data, &options);
    check(source, &first);
    ticks = 0;
    second = run(source, data, &options);
    expect(second.code == first.code && second.output.len == first.output.len, "equal results");
    expect(first.code != LQ_OK ||
               memcmp(first.output.data, second.output.data, first.output.len) == 0,
           "equal output");
    expect(memcmp(&first.error, &second.error, sizeof(first.error)) == 0, "equal errors");
    if (first.code == LQ_OK)
    {
        fuzz_free(NULL, (void *) (uintptr_t) first.output.data);
        fuzz_free(NULL, (void *) (uintptr_t) second.output.data);
    }
    lq_value_destroy(data);
    expect(live == 0, "nothing leaks");
    return 0;
}
