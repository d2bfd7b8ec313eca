/* Evaluates expressions and filter chains. */
#include "filter.h"
#include "utf8.h"

static const struct lq_value *
array_at(const struct lq_value *array, int64_t index)
{
    int64_t count = (int64_t) array->array.count;

    if (index < 0)
        index += count;
    return index >= 0 && index < count ? array->array.items[index] : &lq_value_nil;
}

/* What only a tablerow loop has. */
static const struct lq_value *
table_property(struct lq_run *run, const struct lq_loop *loop, struct lq_str name)
{
    int64_t cols = loop->cols > 0 ? loop->cols : INT64_MAX;
    int64_t col = loop->index % cols;

    if (lq_str_equal(name, LQ_STR("col")))
        return lq_new_int(run, col + 1);
    if (lq_str_equal(name, LQ_STR("col0")))
        return lq_new_int(run, col);
    if (lq_str_equal(name, LQ_STR("row")))
        return lq_new_int(run, loop->index / cols + 1);
    if (lq_str_equal(name, LQ_STR("col_first")))
        return lq_value_bool(col == 0);
    if (lq_str_equal(name, LQ_STR("col_last")))
        return lq_value_bool(col + 1 == loop->cols);
    return NULL;
}

/* What both kinds of loop have. */
static bool
is_common(struct lq_str name)
{
    return !lq_str_equal(name, LQ_STR("name")) && !lq_str_equal(name, LQ_STR("parentloop")) &&
           !(name.len >= 3 && (lq_str_equal((struct lq_str){ name.data, 3 }, LQ_STR("col")) ||
                               lq_str_equal(name, LQ_STR("row"))));
}

static const struct lq_value *
loop_property(struct lq_run *run, const struct lq_loop *loop, struct lq_str name)
{
    struct lq_value *parent;

    if (loop->is_table && !is_common(name))
        return table_property(run, loop, name);
    if (lq_str_equal(name, LQ_STR("index")))
        return lq_new_int(run, loop->index + 1);
    if (lq_str_equal(name, LQ_STR("index0")))
        return lq_new_int(run, loop->index);
    if (lq_str_equal(name, LQ_STR("rindex")))
        return lq_new_int(run, loop->length - loop->index);
    if (lq_str_equal(name, LQ_STR("rindex0")))
        return lq_new_int(run, loop->length - loop->index - 1);
    if (lq_str_equal(name, LQ_STR("first")))
        return lq_value_bool(loop->index == 0);
    if (lq_str_equal(name, LQ_STR("last")))
        return lq_value_bool(loop->index == loop->length - 1);
    if (lq_str_equal(name, LQ_STR("length")))
        return lq_new_int(run, loop->length);
    if (lq_str_equal(name, LQ_STR("name")))
        return lq_new_string(run, loop->name);
    if (!lq_str_equal(name, LQ_STR("parentloop")))
        return NULL;
    if (loop->parent == NULL)
        return &lq_value_nil;
    parent = lq_new_value(run, LQ_FORLOOP);
    if (parent != NULL)
        parent->loop = loop->parent;
    return parent;
}

/* value[key] or value.key; NULL without a fault when there is no such thing. */
static const struct lq_value *
property(struct lq_run *run, const struct lq_value *value, const struct lq_value *key,
         enum lq_command command)
{
    const struct lq_value *found = NULL;

    if (key->type == LQ_STRING && !lq_run_scan(run, key->string.len))
        return NULL;
    if (value->type == LQ_OBJECT)
    {
        if (key->type == LQ_STRING)
            found = lq_object_get(value->object, key->string);
        else if (key->type == LQ_INT)
            return &lq_value_nil;
    }
    else if (value->type == LQ_ARRAY && key->type == LQ_INT)
        return array_at(value, key->integer);
    else if (value->type == LQ_FORLOOP && key->type == LQ_STRING)
        return loop_property(run, value->loop, key->string);
    if (found == NULL && command != LQ_COMMAND_NONE)
        found = lq_value_command(run, value, command);
    return found;
}

static const struct lq_value *
text_end(struct lq_run *run, struct lq_str text, bool last)
{
    size_t start = 0;

    if (text.len == 0)
        return &lq_value_no_text;
    if (last)
    {
        start = text.len - 1;
        while (((unsigned char) text.data[start] & 0xc0) == 0x80)
            start--;
        return lq_new_string(run, (struct lq_str){ text.data + start, text.len - start });
    }
    return lq_new_string(run, (struct lq_str){ text.data, lq_utf8_offset(text, 1) });
}

static const struct lq_value *
size_of(struct lq_run *run, const struct lq_value *value)
{
    struct lq_decimal number;

    switch (value->type)
    {
        case LQ_STRING:
            if (!lq_run_scan(run, value->string.len))
                return NULL;
            return lq_new_int(run, (int64_t) lq_utf8_count(value->string));
        case LQ_ARRAY:
            return lq_new_int(run, (int64_t) value->array.count);
        case LQ_OBJECT:
            return lq_new_int(run, (int64_t) value->object->count);
        case LQ_RANGE:
            return lq_new_int(run, lq_range_count(value));
        case LQ_INT: /* the bytes of a machine word, as in the reference */
            return lq_new_int(run, 8);
        case LQ_BIGINT:
            if (!lq_to_number(run, value, &number))
                return NULL;
            return lq_new_int(run, lq_decimal_bytes(&number));
        default:
            return NULL;
    }
}

const struct lq_value *
lq_value_command(struct lq_run *run, const struct lq_value *value, enum lq_command command)
{
    bool last = command == LQ_COMMAND_LAST;
    struct lq_str text;

    if (command == LQ_COMMAND_SIZE)
        return size_of(run, value);
    switch (value->type)
    {
        case LQ_STRING:
            return lq_to_text(run, value, &text) ? text_end(run, text, last) : NULL;
        case LQ_ARRAY:
            return array_at(value, last ? -1 : 0);
        case LQ_RANGE:
            if (lq_range_count(value) == 0 && !last)
                return lq_new_int(run, value->range.first);
            return lq_new_int(run, last ? value->range.last : value->range.first);
        case LQ_OBJECT:
            if (last)
                return NULL;
            if (value->object->count == 0)
                return &lq_value_nil;
            return lq_new_pair(run, &value->object->members[0]);
        default:
            return NULL;
    }
}

/* The variable a path starts from; NULL without a fault when there is none. */
static const struct lq_value *
path_root(struct lq_run *run, const struct lq_expr *expr, bool lenient)
{
    const struct lq_value *name;

    if (expr->path.slot != UINT32_MAX)
        return lq_run_slot(run, expr->path.slot);
    name = lq_eval(run, expr->path.name, lenient);
    if (name == NULL || name->type != LQ_STRING || !lq_run_scan(run, name->string.len))
        return NULL;
    return lq_run_variable(run, name->string);
}

static void
offer_members(struct lq_nearest *nearest, const struct lq_object *object)
{
    for (size_t i = 0; i < object->count && nearest->offers < LQ_OFFERS_MAX; i++)
        lq_nearest_offer(nearest, object->members[i].key);
}

/* Variables that have a value, and the members of the data. */
static void
offer_variables(struct lq_run *run, struct lq_nearest *nearest)
{
    const struct lq_names *variables = &run->template->variables;

    for (size_t i = 0; i < variables->count && nearest->offers < LQ_OFFERS_MAX; i++)
    {
        if (run->slots[i].local != NULL || run->slots[i].assigned != NULL)
            lq_nearest_offer(nearest, variables->names[i]);
    }
    if (run->data != NULL)
        offer_members(nearest, run->data);
}

/* A path leads nowhere: `holder` has no member `key`, or there is no variable when it is NULL. */
static bool
undefined(struct lq_run *run, const struct lq_expr *expr, const struct lq_value *holder,
          struct lq_str key)
{
    const char *start = expr->source.data;
    struct lq_str before = { start, 0 };
    struct lq_nearest nearest;

    if (holder != NULL && key.data > start && key.data < start + expr->source.len &&
        key.data[-1] == '.')
        before.len = (size_t) (key.data - start);
    lq_nearest_init(&nearest, key);
    if (holder == NULL)
        offer_variables(run, &nearest);
    else if (holder->type == LQ_OBJECT)
        offer_members(&nearest, holder->object);
    run->at = expr->at;
    if (nearest.best.len == 0)
        return lq_run_fail(run, LQ_ERR_UNDEFINED, "unknown variable \"%.*s\"",
                           LQ_QUOTE(expr->source));
    return lq_run_fail(run, LQ_ERR_UNDEFINED,
                       "unknown variable \"%.*s\", did you mean \"%.*s%.*s\"?",
                       LQ_QUOTE(expr->source), LQ_QUOTE(before), LQ_QUOTE(nearest.best));
}

static const struct lq_value *
eval_path(struct lq_run *run, const struct lq_expr *expr, bool lenient)
{
    const struct lq_value *value = path_root(run, expr, lenient);
    const struct lq_value *holder = NULL;
    struct lq_str last = LQ_STR("");

    if (value == NULL && expr->path.slot != UINT32_MAX)
        last = run->template->variables.names[expr->path.slot];
    for (const struct lq_segment *segment = expr->path.segments; segment != NULL && value != NULL;
         segment = segment->next)
    {
        const struct lq_value *key = &segment->name;

        if (!lq_run_step(run, 1))
            return NULL;
        if (segment->index != NULL)
        {
            key = lq_eval(run, segment->index, lenient);
            if (key == NULL)
                return NULL;
        }
        holder = value;
        last = key->type == LQ_STRING ? key->string : LQ_STR("");
        value = property(run, value, key, (enum lq_command) segment->command);
    }
    if (value != NULL)
        return value;
    if (run->fault.code != LQ_OK)
        return NULL;
    if (run->options->strict && !lenient)
    {
        (void) undefined(run, expr, holder, last);
        return NULL;
    }
    return &lq_value_nil;
}

/* One end of a range. */
static bool
bound(struct lq_run *run, const struct lq_expr *expr, bool lenient, int64_t *ret)
{
    const struct lq_value *value = lq_eval(run, expr, lenient);

    *ret = 0;
    if (value == NULL)
        return false;
    if (value->type == LQ_STRING)
        *ret = lq_text_to_int(value->string);
    if (value->type == LQ_STRING || value->type == LQ_NIL)
        return true;
    if (value->type == LQ_BIGINT)
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "an end of a range is too large");
    return lq_to_integer(run, value, ret);
}

static const struct lq_value *
eval_range(struct lq_run *run, const struct lq_expr *expr, bool lenient)
{
    struct lq_value *value = lq_new_value(run, LQ_RANGE);

    if (value == NULL || !bound(run, expr->range.first, lenient, &value->range.first) ||
        !bound(run, expr->range.last, lenient, &value->range.last))
        return NULL;
    return value;
}

const struct lq_value *
lq_eval_variable(struct lq_run *run, const struct lq_expr *expr, bool lenient)
{
    return expr->kind == LQ_EXPR_PATH ? eval_path(run, expr, lenient)
                                      : eval_range(run, expr, lenient);
}

static bool
eval_named(struct lq_run *run, const struct lq_call *call, struct lq_args *args)
{
    const struct lq_named *named = call->named;

    if (call->named_count == 0)
        return true;
    args->named_count = call->named_count;
    args->named = lq_arena_array(&run->arena, args->named_count, sizeof(args->named[0]));
    if (args->named == NULL)
        return lq_run_out_of_memory(run);
    for (size_t i = 0; i < args->named_count; i++, named = named->next)
    {
        if (!lq_run_step(run, 1))
            return false;
        args->named[i].name = named->name;
        args->named[i].value = lq_eval(run, named->expr, false);
        if (args->named[i].value == NULL)
            return false;
    }
    return true;
}

static const struct lq_value *
apply(struct lq_run *run, const struct lq_call *call, const struct lq_value *input)
{
    struct lq_args args = { .count = call->arg_count };

    if (!lq_run_step(run, 1))
        return NULL;
    for (size_t i = 0; i < args.count; i++)
    {
        args.value[i] = lq_eval(run, call->args[i], false);
        if (args.value[i] == NULL)
            return NULL;
    }
    return eval_named(run, call, &args) ? call->filter->apply(run, input, &args) : NULL;
}

const struct lq_value *
lq_eval_pipeline(struct lq_run *run, const struct lq_pipeline *pipeline)
{
    const struct lq_call *call = pipeline->calls;
    bool lenient = call != NULL && (call->filter->flags & LQ_FILTER_LENIENT) != 0;
    const struct lq_value *value;

    if (pipeline->expr == NULL)
        return &lq_value_nil;
    value = lq_eval(run, pipeline->expr, lenient);
    for (; call != NULL && value != NULL; call = call->next)
        value = apply(run, call, value);
    return value;
}
