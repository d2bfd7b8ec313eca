/* Replies of an SMTP server, put together from their lines. */
#ifndef CORE_MAIL_REPLY_H
#define CORE_MAIL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#define MAIL_TEXT_MAX 1024

struct mail_reply
{
    int code;                 /* of the last line; 0 before the first */
    bool continued;           /* inside a reply of several lines */
    char text[MAIL_TEXT_MAX]; /* lines joined with a blank; what does not fit is left out */
    size_t text_len;
};

/*
 * One line, with or without its line end. True when it completes a reply; *ret_malformed when it
 * is no reply line at all.
 */
bool mail_reply_line(struct mail_reply *reply, const char *line, size_t len, bool *ret_malformed);

#endif
