/* An SMTP submission session as a pure state machine: bytes in, replies and events out. */
#ifndef SANDBOX_SMTP_H
#define SANDBOX_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"
#include "sandbox/double.h"

#define SMTP_RECIPIENTS_MAX 100
#define SMTP_SIZE_MAX ((size_t) 10 * 1024 * 1024)

enum smtp_event
{
    SMTP_MORE,     /* all input used */
    SMTP_REFUSED,  /* a command was refused: verb, line and violation say which and why */
    SMTP_STARTTLS, /* send out, start TLS, then smtp_secured() */
    SMTP_RCPT,     /* a recipient (the last of recipients) awaits smtp_reply() */
    SMTP_MESSAGE,  /* a message awaits smtp_reply(); violation set: refused as the reply says */
    SMTP_CLOSE     /* send out and close; violation set: for that reason */
};

enum smtp_state
{
    SMTP_IN_COMMAND,
    SMTP_IN_AUTH_PLAIN,
    SMTP_IN_AUTH_USER,
    SMTP_IN_AUTH_PASSWORD,
    SMTP_IN_DATA
};

struct smtp_session
{
    const struct double_env *env;
    enum smtp_state state;
    bool tls;
    bool authenticated;
    char *ehlo; /* NULL: not yet */
    struct buf out;
    struct buf line;
    bool line_done;        /* line was handled; it stays readable until the next feed */
    const char *violation; /* of the event */
    const char *verdict;   /* SMTP_MESSAGE: the reply it deserves */
    const char *condemned; /* what is wrong with the message so far */
    /* the mail transaction */
    struct arena *arena;
    const char *from; /* NULL: no transaction */
    const char *parameters;
    const char *recipients[SMTP_RECIPIENTS_MAX];
    size_t recipient_count;
    bool eight_bit; /* BODY=8BITMIME */
    struct buf message;
    char *user; /* of AUTH LOGIN */
};

/* The greeting is in out. */
void smtp_init(struct smtp_session *session, const struct double_env *env);
void smtp_finish(struct smtp_session *session);

/* Feed bytes; stops behind each event. */
enum smtp_event smtp_feed(struct smtp_session *session, const char *data, size_t len,
                          size_t *ret_used);

/* TLS has begun: everything learned before is void. */
void smtp_secured(struct smtp_session *session);

/* Append a reply line; accepted false: the recipient is dropped again. */
void smtp_reply_recipient(struct smtp_session *session, bool accepted, const char *text);

/* Forget the transaction after SMTP_MESSAGE was dealt with. */
void smtp_end_message(struct smtp_session *session);

/* The reply for a status of a fault; at_end: behind the message. Two lines for 5xx. */
const char *smtp_fault_reply(struct arena *arena, int status, bool at_end);

#endif
