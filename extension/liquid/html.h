/* Where in HTML a place stands, and what the URLs of its attributes may be. */
#ifndef LIQUID_HTML_H
#define LIQUID_HTML_H

#include "liquid.h"

enum
{
    LQ_HTML_TEXT = 0 /* outside of tags; the states inside of them are html.c's */
};

/* What a piece of markup does to the state. Positions are bytes in it, SIZE_MAX for none. */
struct lq_html_scan
{
    uint32_t after; /* the state behind it */
    size_t closed;  /* where the URL that was open before ends */
    size_t opened;  /* where the URL that is open behind it starts */
};

void lq_html_scan(uint32_t before, struct lq_str markup, struct lq_html_scan *ret);

/* The state in which an output stands that begins here: it may open a value without quotes, and a
 * name that it is part of counts as one of a URL. */
uint32_t lq_html_output(uint32_t state);

/* Whether the state is inside of the value of an attribute that holds a URL. */
bool lq_html_in_url(uint32_t state);

/*
 * Whether what stands in an attribute, so far, is a URL that runs a program or brings its own
 * content: javascript:, vbscript:, data:. *ret_read is how many bytes that took.
 */
bool lq_html_forbidden(struct lq_str value, size_t *ret_read);

#endif
