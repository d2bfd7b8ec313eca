/* Loops over part of a collection: what for and tablerow share. */
#ifndef LIQUID_SLICE_H
#define LIQUID_SLICE_H

#include "tag.h"

/* What is iterated: items first to first + length - 1 of the collection. */
struct lq_slice
{
    const struct lq_value *collection;
    int64_t first;
    int64_t length;
};

/* Parse VARIABLE in COLLECTION; false after a fault. */
bool lq_slice_parse(struct lq_lexer *lexer, struct lq_str *ret_variable,
                    const struct lq_expr **ret_collection);

/* Take the items of a collection from a place on, at most *limit when that is not NULL. */
struct lq_slice lq_slice_cut(const struct lq_value *collection, int64_t from, const int64_t *limit);

/* The item at a place of the slice; NULL after a fault. */
const struct lq_value *lq_slice_item(struct lq_run *run, const struct lq_slice *slice,
                                     int64_t place);

/* An integer attribute of a loop; false when there is none or after a fault. */
bool lq_slice_attribute(struct lq_run *run, const struct lq_expr *expr, int64_t *ret);

int64_t lq_add_clamped(int64_t a, int64_t b);

#endif
