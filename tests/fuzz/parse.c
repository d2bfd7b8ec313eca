/* Fuzzes the parser. Two bytes of options, the number of the allocation that fails, then a template
 * and, behind a separator, the source of every partial. */
#include "fuzz.h"

static bool
find_partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    *ret_source = *(const struct lq_str *) host;
    return name.len < 4;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct heap heap = { 0 };
    struct lq_error errors[2] = { { 0 } };
    enum lq_code codes[2];
    struct lq_options options;
    struct lq_str source;
    struct lq_str partial;

    if (size < 3)
        return 0;
    partial = (struct lq_str){ (const char *) input + 3, size - 3 };
    source = fuzz_part(&partial);
    options = fuzz_options(input[0], input[1]);
    options.host = &partial;
    options.partial = (input[0] & 32) != 0 ? NULL : find_partial;
    for (int i = 0; i < 2; i++)
    {
        struct lq_template *template = NULL;

        heap = (struct heap){ .fail_at = input[2] };
        options.mem = heap_mem(&heap);
        codes[i] = lq_parse(source, &options, &template, &errors[i]);
        fuzz_expect((codes[i] == LQ_OK) == (template != NULL), "a template or an error");
        if (codes[i] != LQ_OK)
            fuzz_check_error(codes[i], &errors[i]);
        fuzz_expect(codes[i] != LQ_ERR_UTF8 || !fuzz_is_utf8(source) || !fuzz_is_utf8(partial),
                    "complaints only about invalid text");
        fuzz_expect(codes[i] != LQ_ERR_NOMEM || heap.calls >= heap.fail_at, "memory that lacked");
        lq_template_destroy(template);
        fuzz_expect(heap.live == 0, "nothing leaks");
    }
    fuzz_expect(codes[0] == codes[1] && memcmp(&errors[0], &errors[1], sizeof(errors[0])) == 0,
                "equal results");
    return 0;
}
