/*
 * Which correct requests go wrong, and how: by a script, or by a magic address.
 *
 * Magic words in an address (mailbox, FCM token, hook name): "fault-" and one of the names of
 * fault_names, "-N" for its number, "xN" for the first N requests to this address only.
 * Digits: phone +1500555 9 CC N, APNs token fa CC N…, with the codes of fault_codes; N 0 is always.
 */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/json.h"
#include "sandbox/double.h"

enum fault_kind
{
    FAULT_NONE,
    FAULT_STATUS,       /* an error answer */
    FAULT_UNREGISTERED, /* the provider's "this address will never work" */
    FAULT_DELAY,        /* the right answer, late */
    FAULT_HANG,         /* read, never answered */
    FAULT_RESET_BEFORE, /* reset as soon as the headers are there */
    FAULT_RESET_AFTER,  /* reset when the whole request was read; not executed */
    FAULT_CLOSE,        /* closed when the whole request was read; not executed */
    FAULT_LOST,         /* executed, then reset without an answer */
    FAULT_GOAWAY,       /* GOAWAY below this stream, then closed; not executed */
    FAULT_DRAIN,        /* answered, GOAWAY with this stream, closed when idle */
    FAULT_REFUSED,      /* RST_STREAM REFUSED_STREAM; not executed */
    FAULT_STREAM_ERROR, /* RST_STREAM INTERNAL_ERROR; not executed */
    FAULT_PARTIAL,      /* executed, answered up to half of the body, then closed */
    FAULT_GARBAGE,      /* one byte that is no answer, then closed; not executed */
    FAULT_DRIP          /* executed, answered one byte each delay_ms */
};

struct fault
{
    enum fault_kind kind;
    int status;
    const char *retry_after; /* header text; NULL: none. Borrowed from rule or arena */
    int64_t delay_ms;
    bool html;         /* the error is a proxy's HTML page */
    bool accept;       /* FAULT_STATUS: executed all the same */
    bool at_end;       /* SMTP: at the end of the message instead of at RCPT */
    const char *body;  /* replaces the answer's body; NULL: keep */
    size_t body_bytes; /* > 0: a body of that many bytes */
    const char *name;  /* for the record */
};

struct fault_book; /* the script, and how often each address has failed */

struct fault_book *fault_book_create(void);
void fault_book_destroy(struct fault_book *book);

/* Forget script and counts. */
void fault_book_reset(struct fault_book *book);

/* HTTP/2 settings that a script may change. */
struct fault_settings
{
    int64_t max_streams; /* SETTINGS_MAX_CONCURRENT_STREAMS */
    int64_t window;      /* SETTINGS_INITIAL_WINDOW_SIZE */
};

/*
 * Replace the script by a JSON document: an array of rules, or an object {"rules", "max_streams",
 * "window"}. On failure the old one stays, with *reterr in the arena.
 */
bool fault_book_load(struct fault_book *book, const char *text, size_t len, struct arena *arena,
                     const char **reterr);
struct fault_settings fault_book_settings(const struct fault_book *book);

/* Bytes of the body that rules look at. */
#define FAULT_BODY_MATCH_MAX 1048576

/* What a fault is looked up by; NULL members never match a rule that names them. */
struct fault_key
{
    const char *provider;
    const char *path;
    const char *address;
    const char *body;
    size_t body_len;
    bool headers_only; /* the body is still to come: only reset_before is looked for */
    bool body_only;    /* asked before without body: only rules that name one are looked for */
};

/* The fault of this request (kind FAULT_NONE: none); counts it. */
struct fault fault_choose(struct fault_book *book, const struct fault_key *key, int64_t now_us,
                          struct arena *arena);

/* The magic of an address; *ret_times 0: always. false when there is none. */
bool fault_of_address(const char *provider, const char *address, struct arena *arena,
                      struct fault *ret, int *ret_times);

/* For --help: one line a magic word or code. */
const char *fault_help(void);

#endif
