/* What an escape mode does to the whole output. */
#ifndef LIQUID_ESCAPE_H
#define LIQUID_ESCAPE_H

#include "liquid.h"

/* Make text fit for a header, in place: a run of control characters, with the spaces around it,
 * becomes a space, or nothing at the start and at the end. Returns the new length. */
size_t lq_escape_header(char *text, size_t len);

#endif
