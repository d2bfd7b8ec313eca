/* Runs a template with everything too small, one after the other: each allocation fails once, and
 * each ceiling is lowered to 1, 2, 3 and so on until it suffices. */
#ifndef LIQUID_TORTURE_H
#define LIQUID_TORTURE_H

#include "liquid/heap.h"

enum
{
    TORTURE_MAX = 300 /* of allocations, and of each ceiling */
};

struct torture
{
    struct lq_str source;
    const struct lq_value *data;
    const struct lq_options *options;
    enum lq_code expected; /* what it ends with when all is large enough */
};

static inline enum lq_code
torture_run(const struct torture *torture, struct lq_options *options, struct heap *heap)
{
    struct lq_template *template = NULL;
    struct lq_error error = { 0 };
    struct lq_str output;
    enum lq_code code;

    options->mem = heap_mem(heap);
    code = lq_parse(torture->source, options, &template, &error);
    if (code == LQ_OK)
        code = lq_render(template, torture->data, options, &output, &error);
    if (code == LQ_OK)
        heap_free(heap, (void *) (uintptr_t) output.data);
    lq_template_destroy(template);
    return code;
}

static inline void
torture_lower(struct lq_limits *limits, enum lq_code ceiling, size_t value)
{
    if (ceiling == LQ_ERR_NODES && value < limits->nodes)
        limits->nodes = value;
    if (ceiling == LQ_ERR_DEPTH && value < limits->depth)
        limits->depth = value;
    if (ceiling == LQ_ERR_STEPS && value < limits->steps)
        limits->steps = value;
    if (ceiling == LQ_ERR_OUTPUT && value < limits->output_bytes)
        limits->output_bytes = value;
}

/* The code of what was not reported as it should or leaked memory; LQ_OK: all is well. */
static inline enum lq_code
torture(const struct torture *torture)
{
    static const enum lq_code kinds[] = { LQ_ERR_NOMEM, LQ_ERR_NODES, LQ_ERR_DEPTH, LQ_ERR_STEPS,
                                          LQ_ERR_OUTPUT };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    {
        enum lq_code code = kinds[i];

        for (size_t n = 1; n <= TORTURE_MAX && code == kinds[i]; n++)
        {
            struct heap heap = { .fail_at = kinds[i] == LQ_ERR_NOMEM ? n : 0 };
            struct lq_options options = *torture->options;

            torture_lower(&options.limits, kinds[i], n);
            code = torture_run(torture, &options, &heap);
            if (heap.live != 0 || (code != kinds[i] && code != torture->expected))
                return kinds[i];
        }
    }
    return LQ_OK;
}

#endif
