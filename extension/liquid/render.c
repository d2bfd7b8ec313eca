/* Renders a template. */
#include <string.h>

#include "run.h"

bool
lq_print_bytes(struct lq_run *run, const char *data, size_t len)
{
    return lq_run_spend(run, len) &&
           (lq_buf_append(run->out, data, len) || lq_run_out_of_memory(run));
}

bool
lq_render_block(struct lq_run *run, const struct lq_block *block)
{
    for (const struct lq_node *node = block->first; node != NULL; node = node->next)
    {
        run->at = node->at;
        if (!lq_run_step(run, 1) || !node->render(run, node))
            return false;
        if (run->interrupt != LQ_INTERRUPT_NONE)
            break;
    }
    return true;
}

bool
lq_capture_block(struct lq_run *run, const struct lq_block *block, struct lq_str *ret)
{
    struct lq_buf *outer = run->out;
    struct lq_buf buf;
    char *copy = NULL;
    bool done;

    lq_buf_init(&buf, &run->options->mem);
    run->out = &buf;
    done = lq_render_block(run, block);
    run->out = outer;
    if (done)
    {
        copy = lq_arena_bytes(&run->arena, buf.len);
        done = copy != NULL || lq_run_out_of_memory(run);
    }
    if (done && buf.len > 0)
        memcpy(copy, buf.data, buf.len);
    *ret = (struct lq_str){ copy, done ? buf.len : 0 };
    lq_buf_finish(&buf);
    return done;
}

bool
lq_run_start(struct lq_run *run)
{
    const struct lq_template *template = run->template;

    run->slots = lq_arena_array(&run->arena, template->variables.count, sizeof(run->slots[0]));
    run->continues = lq_arena_array(&run->arena, template->loops.count, sizeof(run->continues[0]));
    return (run->slots != NULL && run->continues != NULL) || lq_run_out_of_memory(run);
}

enum lq_code
lq_render(const struct lq_template *template, const struct lq_value *data,
          const struct lq_options *options, struct lq_str *ret, struct lq_error *reterr)
{
    struct lq_buf out;
    struct lq_run run = {
        .template = template,
        .options = options,
        .data = data != NULL && data->type == LQ_OBJECT ? data->object : NULL,
        .out = &out,
    };

    lq_buf_init(&out, &options->mem);
    lq_arena_init(&run.arena, &options->mem, 0);
    if (lq_run_start(&run) && lq_render_block(&run, &template->root) &&
        (lq_buf_append(&out, "", 0) || lq_run_out_of_memory(&run)))
    {
        out.data[out.len] = '\0';
        *ret = (struct lq_str){ out.data, out.len };
    }
    else
    {
        lq_buf_finish(&out);
        lq_fault_report(&run.fault, template->source, reterr);
    }
    for (const struct lq_loaded *l = run.loaded; l != NULL; l = l->next)
        lq_template_destroy(l->template);
    lq_arena_finish(&run.arena);
    return run.fault.code;
}

const char *
lq_code_name(enum lq_code code)
{
    static const char *const names[] = {
        [LQ_OK] = "ok",
        [LQ_ERR_NOMEM] = "nomem",
        [LQ_ERR_UTF8] = "utf8",
        [LQ_ERR_SYNTAX] = "syntax",
        [LQ_ERR_UNDEFINED] = "undefined",
        [LQ_ERR_ARGUMENT] = "argument",
        [LQ_ERR_SOURCE] = "source",
        [LQ_ERR_NODES] = "nodes",
        [LQ_ERR_DEPTH] = "depth",
        [LQ_ERR_STEPS] = "steps",
        [LQ_ERR_OUTPUT] = "output",
        [LQ_ERR_CANCELLED] = "cancelled",
    };

    if ((size_t) code >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[code];
}
