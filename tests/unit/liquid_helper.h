/* What the unit tests of the template engine share: calls that parse and render. Functions are
 * inline so that a test need not use all of them. */
#ifndef LIQUID_HELPER_H
#define LIQUID_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above */

#include "liquid/heap.h"

static inline struct lq_options
make_options(struct heap *heap)
{
    return (struct lq_options){ .mem = heap_mem(heap), .limits = LQ_LIMITS_DEFAULT };
}

static inline struct lq_str
str(const char *text)
{
    return (struct lq_str){ text, strlen(text) };
}

/* Parse and render; *ret_output must be freed with free_output() when the result is LQ_OK. */
static inline enum lq_code
run_text(struct lq_str source, const struct lq_value *data, const struct lq_options *options,
         struct lq_str *ret_output, struct lq_error *reterr)
{
    struct lq_template *template = NULL;
    enum lq_code code = lq_parse(source, options, &template, reterr);

    if (code == LQ_OK)
        code = lq_render(template, data, options, ret_output, reterr);
    lq_template_destroy(template);
    return code;
}

static inline void
free_output(const struct lq_options *options, struct lq_str output)
{
    options->mem.free(options->mem.ctx, (void *) (uintptr_t) output.data);
}

/* The result's code; when it is LQ_OK the output must be `expected`. Nothing may leak. */
static inline enum lq_code
check_text(const char *source, const struct lq_value *data, const struct lq_options *options,
           const char *expected)
{
    struct heap *heap = options->mem.ctx;
    size_t live = heap->live;
    struct lq_str output;
    struct lq_error error = { 0 };
    enum lq_code code = run_text(str(source), data, options, &output, &error);

    assert_int_equal(error.code, code);
    if (code == LQ_OK)
    {
        assert_string_equal(output.data, expected);
        assert_int_equal(output.len, strlen(expected));
        free_output(options, output);
    }
    else
        assert_int_not_equal(error.message[0], '\0');
    assert_int_equal(heap->live, live);
    return code;
}

/* A host's digest that is the same for every text. */
static inline bool
no_digest(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret)
{
    (void) host;
    (void) text;
    memset(ret, 0, algorithm == LQ_DIGEST_MD5 ? 16 : 32);
    return true;
}

#endif
