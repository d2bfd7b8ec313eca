/* One rendering: its ceilings, variables and output, and what tags and filters may call. All
 * functions that return bool (or a pointer) return false (NULL) after recording a fault. */
#ifndef LIQUID_RUN_H
#define LIQUID_RUN_H

#include "fault.h"
#include "template.h"
#include "utf8.h"

enum lq_interrupt
{
    LQ_INTERRUPT_NONE,
    LQ_INTERRUPT_BREAK,
    LQ_INTERRUPT_CONTINUE
};

struct lq_loop
{
    struct lq_str name;
    int64_t length;
    int64_t index; /* from 0 */
    bool is_table; /* of tablerow */
    int64_t cols;
    const struct lq_loop *parent;
};

/* Where a cycle has got to. */
struct lq_cycle
{
    struct lq_cycle *next;
    const struct lq_node *node;  /* the first one */
    const struct lq_value *name; /* NULL: known by its values */
    int64_t place;
};

/* A partial that was parsed while rendering, as a template of its own. */
struct lq_loaded
{
    struct lq_loaded *next;
    struct lq_partial partial;
    struct lq_template *template;
    struct lq_slot *slots; /* what its variables had when it was rendered last, or NULL */
    int64_t *continues;
};

/* Variables and loops of their own, for what render renders. */
struct lq_scope
{
    struct lq_scope *next;
    const struct lq_template *template; /* whose variables and loops */
    struct lq_slot *slots;
    int64_t *continues;
};

/* A variable: loops hide assignments, assignments hide data. */
struct lq_slot
{
    const struct lq_value *local;
    const struct lq_value *assigned;
    const struct lq_value *data;
    bool looked_up; /* data was searched for */
};

struct lq_run
{
    const struct lq_template *template;
    const struct lq_options *options;
    const struct lq_object *data; /* may be NULL */
    struct lq_slot *slots;
    int64_t *continues; /* for `offset: continue`, by the loop's number */
    struct lq_buf *out;
    uint32_t html;    /* where in HTML the output stands; LQ_HTML_TEXT without escaping */
    size_t url_start; /* in the output, when that is inside of a URL; SIZE_MAX: it is trusted */
    const struct lq_loop *loop;
    struct lq_loaded *loaded;               /* partials with computed names */
    struct lq_scope *scopes;                /* of renders that are over, to be used again */
    bool isolated;                          /* inside of render */
    const struct lq_definition *definition; /* of the block that is being rendered */
    struct lq_cycle *cycles;
    struct lq_str changed; /* what ifchanged printed last */
    enum lq_interrupt interrupt;
    uint64_t steps;
    uint64_t next_check; /* lq_run_step_slow() has something to do at so many steps */
    uint64_t next_tick;
    size_t bytes;
    size_t depth;
    size_t at; /* position of the node being rendered */
    struct lq_arena arena;
    struct lq_fault fault;
};

/* Ceilings. lq_run_step() counts work, lq_run_scan() the work of reading so many bytes,
 * lq_run_spend() bytes of text that come into being. */
bool lq_run_step_slow(struct lq_run *run);
bool lq_run_overspent(struct lq_run *run);
bool lq_run_enter(struct lq_run *run);

static inline bool
lq_run_step(struct lq_run *run, uint64_t count)
{
    run->steps = count > UINT64_MAX - run->steps ? UINT64_MAX : run->steps + count;
    return run->steps < run->next_check || lq_run_step_slow(run);
}

static inline bool
lq_run_scan(struct lq_run *run, size_t bytes)
{
    return bytes < 64 || lq_run_step(run, bytes / 64);
}

static inline bool
lq_run_spend(struct lq_run *run, size_t bytes)
{
    if (bytes > run->options->limits.output_bytes - run->bytes)
        return lq_run_overspent(run);
    run->bytes += bytes;
    return true;
}

static inline void
lq_run_leave(struct lq_run *run)
{
    run->depth--;
}

/* Record an error at the current node; always false. */
#define lq_run_fail(run, code, ...) lq_fault_set(&(run)->fault, (code), (run)->at, __VA_ARGS__)

bool lq_run_out_of_memory(struct lq_run *run);

/* Output. */
static inline bool
lq_print_bytes(struct lq_run *run, const char *data, size_t len)
{
    return lq_run_spend(run, len) &&
           (lq_buf_append(run->out, data, len) || lq_run_out_of_memory(run));
}

bool lq_print_value(struct lq_run *run, const struct lq_value *value, bool escape);
/* Print a value as {{ }} does: escaped unless it is verbatim, and no URL of a forbidden scheme
 * unless it is trusted. */
bool lq_print_output(struct lq_run *run, const struct lq_value *value, bool verbatim, bool trusted);
/* Print what a block printed elsewhere: markup, in which such URLs are forbidden here as well. */
bool lq_print_captured(struct lq_run *run, struct lq_str text);
bool lq_render_text(struct lq_run *run, const struct lq_node *node);
bool lq_render_markup(struct lq_run *run, const struct lq_node *node);
bool lq_render_block(struct lq_run *run, const struct lq_block *block);
/* Memory for the variables and loops of run->template. */
bool lq_run_start(struct lq_run *run);
/* What a block prints, as text. */
bool lq_capture_block(struct lq_run *run, const struct lq_block *block, struct lq_str *ret);

/* Variables. lq_run_slot() may return NULL for a variable that does not exist, without a fault. */
const struct lq_value *lq_run_slot(struct lq_run *run, uint32_t slot);
/* The same by name. */
const struct lq_value *lq_run_variable(struct lq_run *run, struct lq_str name);
/* The slot of a variable, with its data looked up; a counter changes that. */
struct lq_slot *lq_run_data(struct lq_run *run, uint32_t slot);
/* The number of a template's variable, or UINT32_MAX. */
uint32_t lq_variable_find(const struct lq_template *template, struct lq_str name);

/* Expressions. `lenient` turns a missing variable into nil even in strict mode. */
const struct lq_value *lq_eval_variable(struct lq_run *run, const struct lq_expr *expr,
                                        bool lenient);

static inline const struct lq_value *
lq_eval(struct lq_run *run, const struct lq_expr *expr, bool lenient)
{
    if (expr->kind == LQ_EXPR_LITERAL)
        return expr->literal;
    return lq_eval_variable(run, expr, lenient);
}

const struct lq_value *lq_eval_pipeline(struct lq_run *run, const struct lq_pipeline *pipeline);

/* Values of this rendering. */
struct lq_value *lq_new_value(struct lq_run *run, enum lq_type type);
const struct lq_value *lq_new_int(struct lq_run *run, int64_t value);
const struct lq_value *lq_new_string(struct lq_run *run, struct lq_str text);
/* An integer stays exact, a fraction becomes the nearest double. */
const struct lq_value *lq_new_number(struct lq_run *run, const struct lq_decimal *number);
struct lq_value *lq_new_array(struct lq_run *run, size_t count);
const struct lq_value *lq_new_pair(struct lq_run *run, const struct lq_member *member);

/* A value's item or property as the reference's [] and first/last/size see it; NULL without a fault
 * when there is none. */
const struct lq_value *lq_value_command(struct lq_run *run, const struct lq_value *value,
                                        enum lq_command command);

/* Text growing in the arena. */
struct lq_builder
{
    struct lq_run *run;
    char *data;
    size_t len;
    size_t cap;
};

bool lq_builder_grow(struct lq_builder *builder, size_t len);
bool lq_builder_add(struct lq_builder *builder, struct lq_str text);

/* Room for so many bytes more, which count as spent. */
static inline bool
lq_builder_reserve(struct lq_builder *builder, size_t len)
{
    return lq_run_spend(builder->run, len) &&
           (len <= builder->cap - builder->len || lq_builder_grow(builder, len));
}

static inline bool
lq_builder_add_char(struct lq_builder *builder, uint32_t character)
{
    char bytes[LQ_UTF8_MAX];

    if (character >= 0x80)
        return lq_builder_add(builder, (struct lq_str){ bytes, lq_utf8_put(character, bytes) });
    if (!lq_builder_reserve(builder, 1))
        return false;
    builder->data[builder->len++] = (char) character;
    return true;
}

const struct lq_value *lq_builder_finish(struct lq_builder *builder);

/* Conversions of the reference: to text, to JSON, to an integer (strict), to a number. */
bool lq_to_text(struct lq_run *run, const struct lq_value *value, struct lq_str *ret);
bool lq_add_text(struct lq_builder *builder, const struct lq_value *value);
bool lq_add_json(struct lq_builder *builder, const struct lq_value *value);
bool lq_to_integer(struct lq_run *run, const struct lq_value *value, int64_t *ret);
bool lq_to_number(struct lq_run *run, const struct lq_value *value, struct lq_decimal *ret);

/* How many bytes of text need no HTML escape; *ret_entity replaces the byte behind them, if any. */
size_t lq_html_plain(struct lq_str text, struct lq_str *ret_entity);

/* The integer at the beginning of a text, 0 without one, clamped to int64. */
int64_t lq_text_to_int(struct lq_str text);

/* Items as array filters see them: nested arrays flattened, ranges expanded, anything else one. */
struct lq_list
{
    const struct lq_value **items;
    size_t count;
    size_t capacity;
};

bool lq_to_list(struct lq_run *run, const struct lq_value *value, struct lq_list *ret);

/* Comparisons. lq_less_equal() and the like need lq_compare(), which fails on values that the
 * reference refuses; *ret_comparable is false for those it calls neither more nor less. */
bool lq_equal(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret);
bool lq_compare(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, int *ret,
                bool *ret_comparable);
bool lq_contains(struct lq_run *run, const struct lq_value *a, const struct lq_value *b, bool *ret);

#endif
