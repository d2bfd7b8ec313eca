/* Escape modes of parts, and what one of them does to the whole output. */
#include "escape.h"

#include <string.h>

#include "utf8.h"

enum lq_escape
lq_escape_of_part(struct lq_str part)
{
    static const struct lq_str headers[] = { { "subject", 7 },
                                             { "reply_to", 8 },
                                             { "unsubscribe_url", 15 } };

    if (lq_str_equal(part, LQ_STR("html")))
        return LQ_ESCAPE_HTML;
    if (lq_str_equal(part, LQ_STR("headers")))
        return LQ_ESCAPE_HEADERS;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
    {
        if (lq_str_equal(part, headers[i]))
            return LQ_ESCAPE_HEADER;
    }
    return LQ_ESCAPE_NONE;
}

/* How many bytes the control character at the start of text takes, C0 or C1; 0: it is none. */
static size_t
control(const char *text, size_t len)
{
    unsigned char c = (unsigned char) text[0];

    if (c < ' ' || c == 0x7f)
        return 1;
    return c == 0xc2 && len > 1 && (unsigned char) text[1] < 0xa0 ? 2 : 0;
}

/* The end of the run of control characters and spaces that starts at `from`. */
static size_t
end_of_run(const char *text, size_t len, size_t from, bool *ret_controls)
{
    size_t at = from;

    *ret_controls = false;
    while (at < len)
    {
        size_t bytes = control(text + at, len - at);

        *ret_controls = *ret_controls || bytes > 0;
        if (bytes == 0 && text[at] != ' ')
            break;
        at += bytes > 0 ? bytes : 1;
    }
    return at;
}

size_t
lq_escape_header(char *text, size_t len)
{
    size_t to = 0;
    size_t from = 0;

    while (from < len)
    {
        bool controls;
        size_t end = end_of_run(text, len, from, &controls);

        if (!controls)
        {
            end += end == from;
            memmove(text + to, text + from, end - from);
            to += end - from;
        }
        else if (to > 0 && end < len)
            text[to++] = ' ';
        from = end;
    }
    return to;
}
