/* What parsing and rendering share about ceilings. */
#ifndef LIQUID_PARSE_H
#define LIQUID_PARSE_H

#include "liquid.h"

/* The depth ceiling, lowered to what the C stack holds. */
size_t lq_depth_max(const struct lq_options *options);

#endif
