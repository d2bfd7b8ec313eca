/*
 * What a provider is: pure code that turns a message into one request and an answer into a class.
 *
 * Adding one: providers/x.c, one row in registry.def, tests/providers/x.case, sandbox/doubles/x.c.
 * A provider owns no socket, clock, retry or SQL. Every string it returns lives in the given arena.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/wire.h"

enum channel
{
    CHANNEL_PUSH,
    CHANNEL_SMS,
    CHANNEL_EMAIL,
    CHANNEL_VOICE,
    CHANNEL_CHAT,
    CHANNEL_WEBHOOK,
    CHANNEL_INAPP,
    CHANNEL_COUNT
};

enum outcome_class
{
    OUTCOME_ACCEPTED,
    OUTCOME_RETRY,         /* transient, nothing was sent */
    OUTCOME_THROTTLE,      /* as retry, and the whole account slows down */
    OUTCOME_TOKEN_INVALID, /* this address will never work */
    OUTCOME_SUPPRESSED,    /* the recipient opted out or is blocked at the provider */
    OUTCOME_CONTENT,       /* this message is unacceptable */
    OUTCOME_CONFIG,        /* our credentials, account or set-up are wrong */
    OUTCOME_UNKNOWN,       /* may or may not have been executed */
    OUTCOME_CLASS_COUNT
};

/* One configured setting: its name in herald.provider, and its documentation. */
struct provider_setting
{
    const char *name;
    bool required;
    bool secret;    /* given in herald.provider.secrets as a reference */
    bool multiline; /* may hold line breaks (PEM) */
    bool map;       /* an object of texts */
    const char *doc;
};

/* Settings that every kind understands; they are read by the daemon. Ends with a NULL name. */
extern const struct provider_setting provider_common_settings[];

/*
 * The account's settings: name -> value (secrets resolved), in the arena. Numbers and booleans of
 * the configuration are given as JSON spells them. A name that is given twice keeps the last value.
 */
struct settings;
struct settings *settings_create(struct arena *arena);
void settings_set(struct settings *settings, const char *name, const char *value);
void settings_set_secret(struct settings *settings, const char *name, const char *value);

/* Set a map from an object; false, and nothing is set, unless all its members are texts. */
bool settings_set_map(struct settings *settings, const char *name, const json *object);

/* A value; NULL when absent. */
const char *settings_get(const struct settings *settings, const char *name);

/* A value as integer or boolean; fallback when absent or not one. */
int64_t settings_get_int(const struct settings *settings, const char *name, int64_t fallback);
bool settings_get_bool(const struct settings *settings, const char *name, bool fallback);

/* A member of a map, or NULL; and all of them, until visit returns false. */
const char *settings_get_member(const struct settings *settings, const char *name, const char *key);
typedef bool (*settings_member_fn)(const char *key, const char *value, void *user);
bool settings_each_member(const struct settings *settings, const char *name,
                          settings_member_fn visit, void *user);

struct message_part
{
    const char *name; /* title, body, data, subject, text, html, … */
    const char *text; /* rendered, NUL-terminated, no NUL inside */
    size_t len;
};

/* Content that goes with a mail. It stays where it is until the request is over. */
struct message_attachment
{
    const char *name;         /* of the file, not empty */
    const char *content_type; /* media type */
    const char *content_id;   /* what cid: in HTML names; NULL: it is not shown inline */
    const char *data;
    size_t size;
};

#define MESSAGE_ATTACHMENTS_MAX 20
#define MESSAGE_PARTS_MAX 16

/* One delivery, rendered: everything a provider may use. */
struct message
{
    const char *delivery_id;     /* UUID; stable over attempts: idempotency key */
    const char *notification_id; /* UUID */
    enum channel channel;
    const char *address;     /* device token, phone number (E.164), mailbox, URL */
    const char *app;         /* push: the app the token belongs to; else NULL */
    const char *environment; /* push: "production" or "sandbox"; else NULL */
    const char *locale;      /* BCP 47 tag; NULL or "": none */
    const char *template_name;
    const char *category;   /* NULL: none */
    bool urgent;            /* priority urgent or high */
    bool bulk;              /* priority bulk */
    bool topics_allowed;    /* the category may be sent to groups of unknown size */
    bool second_try;        /* right after refresh_credential or new_connection of an outcome */
    int64_t now_s;          /* seconds since 1970, of this attempt */
    int64_t time_s;         /* what `now` was for the template: same in all attempts; 0: now_s */
    int64_t expires_at_s;   /* 0: never */
    const char *credential; /* bearer token made from `credential`, or NULL */
    /* What a provider that needs_random has of chance, so that it is pure all the same: fresh for
     * each build. */
    uint8_t random[CRYPTO_PUSH_RANDOM_BYTES];
    struct message_part parts[MESSAGE_PARTS_MAX];
    size_t part_count;
    const struct message_attachment *attachments; /* those the part of that name lists */
    size_t attachment_count;
};

/* Text of a part, or NULL when it is absent or empty. */
const char *message_part(const struct message *message, const char *name);

/* Why a message cannot be built, or settings cannot be used. */
struct provider_error
{
    enum outcome_class class; /* OUTCOME_CONTENT, OUTCOME_CONFIG or OUTCOME_TOKEN_INVALID */
    const char *code;         /* stable word, e.g. "payload_too_large" */
    const char *reason;       /* sentence naming the field and the limit, no secret */
};

/* What an answer means. */
struct outcome
{
    enum outcome_class class;
    const char *code;         /* as the provider spells it; NULL: none */
    const char *reason;       /* ≤ 500 bytes, no secret, no address; NULL: none */
    const char *provider_id;  /* NULL: none */
    int64_t retry_after_ms;   /* hint; -1: none */
    int64_t invalid_since_ms; /* token_invalid: evidence time, ms since 1970; 0: now */
    bool suspect;             /* token_invalid: mark the address suspect instead of retired */
    bool address_only;        /* it concerns this address: the account goes on */
    bool new_connection;      /* retry: only over a fresh connection */
    bool refresh_credential;  /* retry: only with a fresh credential */
};

/*
 * How the signed credential is made: a JWT that is either the bearer token itself, or is exchanged
 * for one by a request. core signs, sends and caches; refresh happens single-flight before valid_s
 * ends.
 */
struct credential_plan
{
    enum jwt_algorithm algorithm;
    const char *header_json;
    const char *claims_json;
    const char *key_pem;
    int64_t valid_s;          /* refresh after this many seconds (JWT used directly) */
    const char *exchange_url; /* NULL: the JWT is the credential */
};

struct credential_grant
{
    const char *token;
    int64_t valid_s; /* refresh after this many seconds */
};

struct provider
{
    const char *kind; /* as in herald.provider.kind and registry.def */
    enum channel channel;
    const char *issuer; /* push, chat, webhook: issuer of the device tokens it can use; else NULL */
    const char *doc;    /* one line */
    const struct provider_setting *settings; /* ends with a NULL name */
    int64_t total_timeout_ms;                /* default of the account setting timeout_ms */
    bool needs_random;                       /* build takes message->random */
    bool address_hosts; /* addresses are URLs: what one host does says nothing of the others */

    /* Check an account's settings beyond required and unknown names. NULL: nothing to check. */
    bool (*check)(const struct settings *, struct arena *, struct provider_error *reterr);

    /*
     * Who accepts the credential, when one for the whole account is not enough: of an address its
     * origin, or NULL when build will refuse it. NULL: one credential for all addresses.
     */
    const char *(*audience)(const char *address, struct arena *);
    /* Credential to make before build, for the audience if there are any; NULL: none. */
    bool (*credential)(const struct settings *, const char *audience, int64_t now_s, struct arena *,
                       struct credential_plan *ret, struct provider_error *reterr);
    /*
     * The exchange's request and answer; NULL unless the plan has exchange_url. Answers are judged
     * through provider_classify_grant().
     */
    bool (*exchange)(const struct settings *, const char *assertion, struct arena *,
                     struct wire_request *ret);
    void (*granted)(const struct wire_answer *, struct arena *, struct credential_grant *ret,
                    struct outcome *ret_outcome); /* class accepted: grant is filled */

    /* Turn a message into one request; false with *reterr when it cannot be. */
    bool (*build)(const struct settings *, const struct message *, struct arena *,
                  struct wire_request *ret, struct provider_error *reterr);

    /*
     * Judge an answer (result WIRE_ANSWERED; the others are judged by provider_classify()). *ret
     * comes with the default class of the status and nothing else set; refine it.
     */
    void (*classify)(const struct settings *, const struct message *, const struct wire_answer *,
                     struct arena *, struct outcome *ret);
};

/* All providers, alphabetical, ended by NULL. */
extern const struct provider *const provider_registry[];

/* A provider by kind, or NULL. */
const struct provider *provider_find(const char *kind);

/*
 * Check an account before it is used: unknown names, missing ones, secrets given in the open,
 * values out of range, then what the provider itself checks. False with *reterr (class config).
 */
bool provider_check_settings(const struct provider *provider, const struct settings *settings,
                             struct arena *arena, struct provider_error *reterr);

/*
 * Judge any answer: transport results by one table (not sent -> retry, ambiguous -> unknown,
 * forbidden -> content …), answered ones by the provider. Code, reason and provider_id are cleaned:
 * valid UTF-8, no control characters, bounded, no secret of the account, no address.
 */
void provider_classify(const struct provider *provider, const struct settings *settings,
                       const struct message *message, const struct wire_answer *answer,
                       struct arena *arena, struct outcome *ret);

/* The same for the answer to an exchange; class accepted: *ret_grant is filled. */
void provider_classify_grant(const struct provider *provider, const struct settings *settings,
                             const struct wire_answer *answer, struct arena *arena,
                             struct credential_grant *ret_grant, struct outcome *ret);

/* Default class of an HTTP status for codes a provider does not know. */
enum outcome_class provider_class_of_status(int status);

const char *outcome_class_name(enum outcome_class class);
const char *channel_name(enum channel channel);
bool channel_from_name(const char *name, enum channel *ret);

#endif
