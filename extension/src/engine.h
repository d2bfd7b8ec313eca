/*
 * The template engine in the backend: where its memory, errors and cancellation meet those of
 * PostgreSQL.
 */
#ifndef HERALD_ENGINE_H
#define HERALD_ENGINE_H

#include "datatype/timestamp.h"
#include "liquid.h"

/*
 * Strict, with memory of the current context, the default ceilings and a time. What the engine asks
 * for may raise an error: it leaves nothing behind that the context does not hold.
 */
struct lq_options herald_engine_options(TimestampTz at);

/* Render until it is done: an interrupt that does not end the query only delays it. */
enum lq_code herald_engine_render(const struct lq_template *template, const struct lq_value *data,
                                  const struct lq_options *options, struct lq_str *ret,
                                  struct lq_error *reterr);

/* The SQLSTATE of an error. */
int herald_engine_sqlstate(enum lq_code code);

/* "PLACE, shared template "NAME": line 1, column 2: sentence" */
char *herald_engine_describe(const char *place, const struct lq_error *error);

#endif
