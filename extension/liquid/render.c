/* Renders a template. */
#include <string.h>

#include "escape.h"
#include "run.h"

bool
lq_render_text(struct lq_run *run, const struct lq_node *node)
{
    const struct lq_text *text = (const struct lq_text *) node;

    return lq_print_bytes(run, text->text.data, text->text.len);
}

/* Take back the URL that is being printed if it is a forbidden one. */
static bool
check_url(struct lq_run *run)
{
    struct lq_str url;
    size_t read;

    if (run->url_start > run->out->len)
        return true;
    url = (struct lq_str){ run->out->data + run->url_start, run->out->len - run->url_start };
    if (lq_html_forbidden(url, &read))
        run->out->len = run->url_start;
    return lq_run_scan(run, read);
}

/* Print markup, whose scan says where a URL ends and another starts. */
static bool
print_markup(struct lq_run *run, struct lq_str text, const struct lq_html_scan *scan)
{
    size_t closed = scan->closed != SIZE_MAX ? scan->closed : 0;

    if (scan->closed != SIZE_MAX && (!lq_print_bytes(run, text.data, closed) || !check_url(run)))
        return false;
    if (!lq_print_bytes(run, text.data + closed, text.len - closed))
        return false;
    run->html = scan->after;
    if (scan->opened != SIZE_MAX)
        run->url_start = run->out->len - (text.len - scan->opened);
    return true;
}

bool
lq_render_markup(struct lq_run *run, const struct lq_node *node)
{
    const struct lq_markup *markup = (const struct lq_markup *) node;
    struct lq_str text = markup->text.text;
    struct lq_html_scan scan;

    if (run->html == markup->before)
        return print_markup(run, text, &markup->scan);
    lq_html_scan(run->html, text, &scan);
    return lq_run_scan(run, text.len) && print_markup(run, text, &scan);
}

/* What was printed from `start` on is markup: go on where it leads. */
static bool
follow(struct lq_run *run, size_t start)
{
    struct lq_str text = { run->out->data + start, run->out->len - start };
    struct lq_html_scan scan;
    size_t read;

    if (text.len == 0)
        return true;
    lq_html_scan(run->html, text, &scan);
    run->html = scan.after;
    if (scan.opened != SIZE_MAX)
        run->url_start = start + scan.opened;
    if (!lq_html_in_url(run->html) || run->url_start > run->out->len)
        return lq_run_scan(run, text.len);
    text = (struct lq_str){ run->out->data + run->url_start, run->out->len - run->url_start };
    if (lq_html_forbidden(text, &read))
        run->url_start = SIZE_MAX;
    return lq_run_scan(run, text.len);
}

/* What data prints ends no header. */
static bool
print_in_header(struct lq_run *run, const struct lq_value *value)
{
    size_t start = run->out->len;
    size_t len;

    if (!lq_print_value(run, value, false))
        return false;
    len = run->out->len - start;
    if (len > 0)
        run->out->len = start + lq_escape_header(run->out->data + start, len);
    return lq_run_scan(run, len);
}

bool
lq_print_output(struct lq_run *run, const struct lq_value *value, bool verbatim, bool trusted)
{
    size_t start = run->out->len;

    if (run->options->escape == LQ_ESCAPE_HEADERS)
        return print_in_header(run, value);
    if (run->options->escape != LQ_ESCAPE_HTML)
        return lq_print_value(run, value, false);
    if (run->html != LQ_HTML_TEXT)
    {
        bool in_url = lq_html_in_url(run->html);

        run->html = lq_html_output(run->html);
        if (!in_url && lq_html_in_url(run->html))
            run->url_start = start;
    }
    if (!lq_print_value(run, value, !verbatim))
        return false;
    if (trusted || value->markup)
        return follow(run, start);
    return !lq_html_in_url(run->html) || check_url(run);
}

bool
lq_print_captured(struct lq_run *run, struct lq_str text)
{
    struct lq_html_scan scan;

    if (run->options->escape != LQ_ESCAPE_HTML)
        return lq_print_bytes(run, text.data, text.len);
    lq_html_scan(run->html, text, &scan);
    return lq_run_scan(run, text.len) && print_markup(run, text, &scan) &&
           (!lq_html_in_url(run->html) || check_url(run));
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
    uint32_t html = run->html;
    size_t url_start = run->url_start;
    struct lq_buf buf;
    char *copy = NULL;
    bool done;

    lq_buf_init(&buf, &run->options->mem);
    run->out = &buf;
    run->html = LQ_HTML_TEXT;
    done = lq_render_block(run, block);
    run->out = outer;
    run->html = html;
    run->url_start = url_start;
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
        if (options->escape == LQ_ESCAPE_HEADER)
            out.len = lq_escape_header(out.data, out.len);
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
