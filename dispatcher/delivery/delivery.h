/* One claimed delivery, from claim to record. Everything it points at lives in its arena. */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/wire.h"
#include "delivery/state.h"
#include "providers/provider.h"

#define DELIVERY_TOKENS_MAX 32
#define DELIVERY_PRIORITIES 4

struct account;
struct deliver;

/* An address of a device at one issuer. */
struct delivery_token
{
    const char *id;
    const char *issuer;
    const char *address;
    const char *app;
    const char *environment;
    int64_t registered_ms;
    bool suspect;
};

struct object_content;

/* An object that goes with a mail. */
struct delivery_attachment
{
    const char *object;     /* id */
    const char *name;       /* of the file; NULL: the object's */
    const char *content_id; /* NULL: not shown inline */
    const char *content_type;
    const char *sha256; /* in hexadecimal */
    size_t size;
    struct object_content *content; /* held while set */
};

/* What herald.record() is told about an attempt. */
struct delivery_result
{
    bool attempted;           /* false: no attempt row */
    enum outcome_class class; /* when attempted */
    const char *provider;     /* account name */
    const char *phase;        /* build, credential, send */
    int status;
    const char *code;
    const char *reason;
    const char *provider_id;
    int64_t started_us;
    int64_t latency_us;
    int failures;
    int64_t due_us;          /* state retry */
    const char *token;       /* device_token id whose state changes, or NULL */
    const char *token_state; /* retired or suspect, with token */
    int64_t evidence_us;     /* invalid since; 0: now */
    const char *suppress;    /* phone number or mailbox to suppress, or NULL */
    bool repeated;           /* an earlier report may have been taken, its answer was lost */
    bool bare;               /* the full report was refused: state and class must do */
    bool told;               /* the log tells of refusals */
};

/* An earlier attempt of the same claim: another account may have taken what this one refused. */
struct delivery_try
{
    struct delivery_try *next; /* the one before */
    struct delivery_result result;
};

/* Where a claimed delivery is on its way to a result. */
enum delivery_phase
{
    PHASE_QUEUED,  /* in its account's queue */
    PHASE_WAITING, /* has a slot, waits for its template, objects or credential */
    PHASE_SENDING  /* a request is in flight */
};

struct delivery
{
    struct delivery *next; /* in at most one list at a time */
    struct arena *arena;
    enum delivery_state state; /* assigned by delivery_move() alone */

    /* for deliver.c: all deliveries without a result */
    struct deliver *owner;
    struct delivery *active_next;
    struct delivery *active_previous;
    enum delivery_phase phase;

    /* the claim */
    int64_t epoch;
    int leaf;
    int attempt;
    const char *id;
    enum channel channel;

    /* what to send */
    int failures;
    const char *notification;
    const char *recipient;
    const char *priority;
    const char *category;
    const char *template_name;
    int version;
    const char *locale;
    const char *data;       /* JSON object */
    const char *attributes; /* JSON object */
    const char *timezone;
    int utc_offset_s;
    int64_t time_us;
    int64_t created_us;
    int64_t expires_us; /* 0: never */
    const char *verdict;
    const char *address;     /* phone number or mailbox */
    const char *region;      /* of the recipient */
    const char *device_kind; /* while a route asks for it */
    bool device;             /* the channel goes to tokens */
    struct delivery_token tokens[DELIVERY_TOKENS_MAX];
    size_t token_count;
    bool at_most_once;
    int max_attempts;
    int64_t max_age_s;
    int max_segments; /* of the text of an SMS; 0: any number */

    /* the attempt */
    struct account *account;            /* a reference of its own while set */
    const struct delivery_token *token; /* chosen one, for device channels */
    const char *credential;
    bool fresh_connection;                   /* the next request must not reuse one */
    struct delivery_attachment *attachments; /* as the part lists them */
    size_t attachment_count;
    struct message message;
    struct wire_request request;
    int64_t claimed_ms; /* loop time, for the queue wait */
    struct delivery_result result;
    struct delivery_try *tries; /* the latest first */
    int try_count;
};

/* Where it goes: the chosen token, or the phone number or mailbox. */
const char *delivery_address(const struct delivery *delivery);

/* Change the state; an illegal edge is a broken invariant and ends the process. */
void delivery_move(struct delivery *delivery, enum delivery_state to);

/* An empty delivery in its own arena, in state claimed. */
struct delivery *delivery_create(void);
void delivery_destroy(struct delivery *delivery);

/*
 * Fill tokens from the JSON array that herald.claim() gives. Unusable entries are left out; false
 * when the text is no array.
 */
bool delivery_parse_tokens(struct delivery *delivery, const char *text, size_t len);

/* A first-in, first-out list of deliveries. */
struct delivery_list
{
    struct delivery *head;
    struct delivery *tail;
    size_t count;
};

void delivery_list_push(struct delivery_list *list, struct delivery *delivery);
void delivery_list_unshift(struct delivery_list *list, struct delivery *delivery);
/* The first one, taken out; NULL when empty. */
struct delivery *delivery_list_shift(struct delivery_list *list);

/* Deliveries that wait: most urgent first, those of one priority first in, first out. */
struct delivery_queue
{
    struct delivery_list lists[DELIVERY_PRIORITIES];
    size_t count;
};

void delivery_queue_push(struct delivery_queue *queue, struct delivery *delivery);
/* In front of those of its priority. */
void delivery_queue_unshift(struct delivery_queue *queue, struct delivery *delivery);
/* The first one, taken out; NULL when empty. */
struct delivery *delivery_queue_shift(struct delivery_queue *queue);

#endif
