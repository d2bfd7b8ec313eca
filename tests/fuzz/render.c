/* Fuzzes parsing and rendering. Two bytes of options, then, separated, a template, data and
 * partials, both written nearly as JSON. Text that is valid gives text that is valid, ceilings
 * hold, and equal inputs give equal results. */
#include "fuzz.h"
#include "value.h"

enum
{
    DEPTH_MAX = 60
};

struct input
{
    const struct lq_value *partials; /* an object of texts */
    size_t ticks;
    bool cancels;
};

static struct heap heap;

/* ---- values ---- */

static bool
take(struct lq_str *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    text->data++;
    text->len--;
    return true;
}

/* Up to the closing quote; a backslash says that the next byte is meant, n that it is a line break.
 * The bytes belong to the caller. */
static char *
take_text(struct lq_str *text, size_t *ret_len)
{
    char *copy = malloc(text->len + 1);
    size_t len = 0;

    fuzz_expect(copy != NULL, "memory");
    while (text->len > 0 && !take(text, '"'))
    {
        if (take(text, '\\') && take(text, 'n'))
            copy[len++] = '\n';
        else if (text->len > 0)
        {
            copy[len++] = text->data[0];
            (void) take(text, text->data[0]);
        }
    }
    *ret_len = len;
    return copy;
}

static struct lq_value *
take_string(const struct lq_mem *mem, struct lq_str *text)
{
    size_t len;
    char *copy = take_text(text, &len);
    struct lq_value *value = lq_string(mem, (struct lq_str){ copy, len });

    free(copy);
    return value;
}

static struct lq_value *take_value(const struct lq_mem *mem, struct lq_str *text, int depth);

static struct lq_value *
take_array(const struct lq_mem *mem, struct lq_str *text, int depth)
{
    struct lq_value *array = lq_array(mem);

    while (text->len > 0 && !take(text, ']'))
        fuzz_expect(lq_array_push(array, take_value(mem, text, depth)), "pushing");
    return array;
}

static struct lq_value *
take_object(const struct lq_mem *mem, struct lq_str *text, int depth)
{
    struct lq_value *object = lq_object(mem);

    while (text->len > 0 && !take(text, '}'))
    {
        size_t len;
        char *key;

        while (text->len > 0 && !take(text, '"'))
            (void) take(text, text->data[0]);
        key = take_text(text, &len);
        fuzz_expect(
            lq_object_put(object, (struct lq_str){ key, len }, take_value(mem, text, depth)),
            "putting");
        free(key);
    }
    return object;
}

static struct lq_value *
take_number(const struct lq_mem *mem, struct lq_str *text)
{
    size_t len = 1;

    while (len < text->len && strchr("0123456789.eE+-", text->data[len]) != NULL &&
           text->data[len] != '\0')
        len++;
    text->data += len;
    text->len -= len;
    return lq_number(mem, (struct lq_str){ text->data - len, len });
}

/* Whatever there is; what means nothing is skipped. */
static struct lq_value *
take_value(const struct lq_mem *mem, struct lq_str *text, int depth)
{
    while (text->len > 0)
    {
        char c = text->data[0];

        if (c == '-' || (c >= '0' && c <= '9'))
            return take_number(mem, text);
        (void) take(text, c);
        if (depth == DEPTH_MAX)
            break;
        switch (c)
        {
            case '"':
                return take_string(mem, text);
            case '[':
                return take_array(mem, text, depth + 1);
            case '{':
                return take_object(mem, text, depth + 1);
            case 't':
            case 'f':
                return lq_bool(mem, c == 't');
            case 'n':
                return lq_nil(mem);
            default:
                break;
        }
    }
    return lq_nil(mem);
}

/* ---- what hosts provide ---- */

static bool
tick(void *host)
{
    struct input *input = host;

    input->ticks++;
    return input->cancels && input->ticks > 2;
}

static bool
find_partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    const struct input *input = host;
    const struct lq_value *found =
        input->partials->type == LQ_OBJECT ? lq_object_get(input->partials->object, name) : NULL;

    if (found == NULL || found->type != LQ_STRING)
        return false;
    *ret_source = found->string;
    return true;
}

static bool
digest(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret)
{
    (void) host;
    memset(ret, text.len > 0 ? text.data[0] : 0, algorithm == LQ_DIGEST_MD5 ? 16 : 32);
    return text.len != 7;
}

static bool
find_link(void *host, struct lq_str url, struct lq_str *ret)
{
    (void) host;
    *ret = fuzz_str("https://t.example/1");
    return url.data[url.len - 1] != '-';
}

static bool
find_object(void *host, struct lq_str id, int64_t until_s, struct lq_str *ret)
{
    (void) host;
    *ret = id;
    return until_s % 2 == 0;
}

/* Every name is a zone with an offset of its own. */
static bool
find_zone(void *host, const char *name, int64_t second, struct lq_zone *ret)
{
    (void) host;
    *ret = (struct lq_zone){ (int32_t) (strlen(name) * 3600 + (second < 0 ? 1 : 0)), "ABC" };
    return true;
}

/* ---- runs ---- */

struct result
{
    enum lq_code code;
    struct lq_error error;
    struct lq_str output;
};

static struct result
run(struct lq_str source, const struct lq_value *data, struct lq_options *options)
{
    struct result result = { 0 };
    struct lq_template *template = NULL;
    struct input *input = options->host;

    input->ticks = 0;
    result.code = lq_parse(source, options, &template, &result.error);
    if (result.code == LQ_OK)
        result.code = lq_render(template, data, options, &result.output, &result.error);
    lq_template_destroy(template);
    fuzz_expect(input->ticks <= FUZZ_STEPS_MAX / 1000 + 1, "steps within their ceiling");
    return result;
}

static bool
is_line(struct lq_str text)
{
    for (size_t i = 0; i < text.len; i++)
    {
        if ((unsigned char) text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

static void
check(const struct result *result, const struct lq_options *options, bool valid)
{
    if (result->code == LQ_OK)
    {
        fuzz_expect(result->output.len <= options->limits.output_bytes,
                    "output within its ceiling");
        fuzz_expect(fuzz_is_utf8(result->output), "valid output");
        fuzz_expect(result->output.data[result->output.len] == '\0', "terminated output");
        fuzz_expect(options->escape != LQ_ESCAPE_HEADER || is_line(result->output),
                    "a header of one line");
        return;
    }
    fuzz_check_error(result->code, &result->error);
    fuzz_expect(result->code != LQ_ERR_UTF8 || !valid, "complaints only about invalid text");
    fuzz_expect(result->code != LQ_ERR_NOMEM, "memory that lacked");
}

static void
check_equal(const struct result *a, const struct result *b)
{
    fuzz_expect(a->code == b->code && a->output.len == b->output.len, "equal results");
    fuzz_expect(a->code != LQ_OK || memcmp(a->output.data, b->output.data, a->output.len) == 0,
                "equal output");
    fuzz_expect(memcmp(&a->error, &b->error, sizeof(a->error)) == 0, "equal errors");
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const char *const locales[] = { "", "de-CH", "hi", "ar" };
    struct input host = { 0 };
    struct lq_options options;
    const struct lq_value *translations;
    struct lq_str rest;
    struct lq_str parts[3];
    struct lq_value *data;
    struct lq_value *partials;
    struct result results[2];
    bool valid = true;

    if (size < 2)
        return 0;
    rest = (struct lq_str){ (const char *) input + 2, size - 2 };
    for (int i = 0; i < 3; i++)
    {
        parts[i] = fuzz_part(&rest);
        valid = valid && fuzz_is_utf8(parts[i]);
    }
    options = fuzz_options(input[0], input[1]);
    options.mem = heap_mem(&heap);
    data = take_value(&options.mem, &parts[1], 0);
    partials = take_value(&options.mem, &parts[2], 0);
    host.partials = partials;
    host.cancels = (input[0] & 32) != 0;
    options.host = &host;
    options.tick = tick;
    options.partial = find_partial;
    options.digest = (input[0] & 64) != 0 ? NULL : digest;
    options.object = (input[0] & 128) != 0 ? NULL : find_object;
    options.link = (input[0] & 128) != 0 ? NULL : find_link;
    options.zone = (input[0] & 128) != 0 ? NULL : find_zone;
    options.locale = fuzz_str(locales[input[1] >> 6]);
    translations = data;
    options.translations = &translations;
    options.translation_count = 1;
    for (int i = 0; i < 2; i++)
    {
        results[i] = run(parts[0], data, &options);
        check(&results[i], &options, valid);
    }
    check_equal(&results[0], &results[1]);
    for (int i = 0; i < 2; i++)
    {
        if (results[i].code == LQ_OK)
            heap_free(&heap, (void *) (uintptr_t) results[i].output.data);
    }
    lq_value_destroy(data);
    lq_value_destroy(partials);
    fuzz_expect(heap.live == 0, "nothing leaks");
    return 0;
}
