/* Filters on values of any kind. */
#include "filter.h"
#include "utf8.h"

const struct lq_value *
lq_filter_default(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_value *option = lq_args_named(args, LQ_STR("allow_false"));
    bool allow_false = option != NULL && lq_value_truthy(option);
    bool missing = allow_false ? input->type == LQ_NIL : !lq_value_truthy(input);

    (void) run;
    missing = missing || (input->type == LQ_STRING && input->string.len == 0) ||
              (input->type == LQ_ARRAY && input->array.count == 0) ||
              (input->type == LQ_OBJECT && input->object->count == 0);
    if (!missing)
        return input;
    return args->count > 0 ? args->value[0] : &lq_value_no_text;
}

const struct lq_value *
lq_filter_json(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };

    (void) args;
    return lq_add_json(&builder, input) ? lq_builder_finish(&builder) : NULL;
}
