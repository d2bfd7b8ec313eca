/*
 * What a double is: a strict judge of one request, written from the provider's documentation.
 *
 * A double owns no socket, file or timer. Adding one: doubles/x.c, which must define double_x.
 * Everything it returns lives in the arena of the exchange or is static.
 */
#ifndef SANDBOX_DOUBLE_H
#define SANDBOX_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "sandbox/credentials.h"
#include "sandbox/idmap.h"
#include "sandbox/objects.h"

struct field
{
    const char *name; /* headers: lower-case */
    const char *value;
};

struct double_request
{
    const char *method;
    const char *path;      /* without query */
    const char *query;     /* "" when there is none */
    const char *authority; /* Host or :authority; "" when missing */
    const struct field *headers;
    size_t header_count;
    const char *body; /* NUL-terminated behind body_len */
    size_t body_len;
    bool http2;
};

/* What the doubles remember of one connection. Zeroed at its start. */
struct double_conn
{
    uint64_t number;
    int streams;   /* requests under way, the judged one included */
    int successes; /* requests accepted so far */
    uint8_t jwt[32];
    uint8_t jwt_before[32];
    int64_t jwt_since_s; /* 0: no token seen */
};

/* What all requests share. */
struct double_env
{
    const struct credentials *credentials;
    bool apns_sandbox;       /* the APNs double is the development environment */
    int64_t now_us;          /* wall clock of this request */
    struct idmap *ids;       /* idempotency id -> digest of the body first seen with it */
    struct objects *objects; /* what the S3 double holds */
    uint64_t token_requests;
    uint8_t jwt_verified[32]; /* digest of the APNs token whose signature was checked last */
    int64_t jwt_verified_iat;
};

enum decision
{
    DECISION_ACCEPT,
    DECISION_REFUSE, /* the request breaks a rule: violation says which */
    DECISION_FAULT   /* the request is correct; a script or a magic address spoils it */
};

#define DOUBLE_HEADERS_MAX 8

struct double_reply
{
    int status;
    struct field headers[DOUBLE_HEADERS_MAX];
    size_t header_count;
    const char *body;
    size_t body_len;
    enum decision decision;
    const char *violation; /* also set on accepted requests that deserve a flag; NULL: none */
    const char *fault;     /* name of the fault behind DECISION_FAULT */
    const char *address;   /* recipient: token, number, mailbox, hook name; NULL: unknown */
    const char *id;        /* idempotency or message id of the sender; NULL: none */
    const char *plaintext; /* what an encrypted body says to its receiver; NULL: not encrypted */
};

/* Content that a mail carries besides its texts. */
struct rendered_file
{
    const char *name;
    const char *type;
    const char *content_id; /* NULL: not shown inline */
    size_t size;
    char sha256[65]; /* in hexadecimal */
};

#define RENDERED_FILES_MAX 32

/* A message as its receiver sees it; unused members are NULL. */
struct rendered
{
    const char *from;
    const char *to;
    const char *title;
    const char *body;
    const char *subject;
    const char *text;
    const char *html;
    const char *data;    /* JSON */
    const char *content; /* what the application wrote, byte for byte; NULL: text */
    struct rendered_file files[RENDERED_FILES_MAX];
    size_t file_count;
};

#define DOUBLE_SECRETS_MAX 4

/* What random bytes behind the prefix of a secret look like. */
enum secret_form
{
    SECRET_BASE64URL,
    SECRET_BASE64, /* with padding */
    SECRET_FIXED,  /* none: the prefix is all of it */
};

/* A secret that the sandbox makes up: a line of DIR/secrets.env. */
struct double_secret
{
    const char *name;
    const char *prefix;
    enum secret_form form;
};

/* double_fail(): the provider's "this address will never work". */
#define STATUS_UNREGISTERED (-1)

struct sandbox_double
{
    const char *name;    /* as the provider's kind */
    const char *prefix;  /* of the paths it owns unless a longer one matches; NULL: not HTTP */
    size_t body_max;     /* larger bodies never reach judge() */
    const char *account; /* of the help: what a sender's account and addresses look like */
    /* Given by credentials_secret(); ended by one without a name. */
    struct double_secret secrets[DOUBLE_SECRETS_MAX + 1];

    /* Judge a complete request. */
    void (*judge)(struct double_env *env, struct double_conn *conn,
                  const struct double_request *request, struct arena *arena,
                  struct double_reply *ret);
    /* The provider's own error answer for a status (or STATUS_UNREGISTERED). */
    void (*fail)(struct double_env *env, int status, struct arena *arena, struct double_reply *ret);
    /* What the receiver would see; request may be one that was refused. Its body is the plaintext.
     */
    void (*render)(const struct double_request *request, struct arena *arena, struct rendered *ret);
    /*
     * A correct success without looking at the request; text (size bytes) is for its strings, id
     * is the apns-id header or "". NULL: judged even in fast mode.
     */
    void (*fast)(uint64_t number, const char *id, char *text, size_t size,
                 struct double_reply *ret);
};

/*
 * Each provider has a double, of the provider's name; FCM also has Google's token endpoint. S3 is
 * no provider: content of objects lies there.
 */
#define PROVIDER(name) extern const struct sandbox_double double_##name;
#include "providers/registry.def"
#undef PROVIDER
extern const struct sandbox_double double_fcm_token;
extern const struct sandbox_double double_s3;

/* All doubles, ended by NULL. */
extern const struct sandbox_double *const double_registry[];

/* The double that owns a path, or NULL. */
const struct sandbox_double *double_find_path(const char *path);
const struct sandbox_double *double_find_name(const char *name);

/* ---- helpers for doubles ---- */

/* Value of the first header of that lower-case name, or NULL. */
const char *request_header(const struct double_request *request, const char *name);

/* The request with the plaintext as its body, unless that is NULL. */
struct double_request request_opened(const struct double_request *request, const char *plaintext);

/* A header name that occurs twice, or NULL. */
const char *request_duplicate(const struct double_request *request);

/* Is the media type of Content-Type this one (parameters ignored)? */
bool request_has_type(const struct double_request *request, const char *type);

/* A field of an application/x-www-form-urlencoded text, split and decoded. */
struct form_field
{
    const char *name;
    const char *value;
    bool malformed; /* bad percent escape, NUL or invalid UTF-8 */
};

/* Split and decode a form; the array is in the arena. */
struct form_field *form_parse(struct arena *arena, const char *text, size_t len, size_t *ret_count);

/* Value of the first field of that name, or NULL. */
const char *form_get(const struct form_field *fields, size_t count, const char *name);

/* Add an answer header; more than DOUBLE_HEADERS_MAX are dropped. */
void reply_header(struct double_reply *reply, const char *name, const char *value);

/* Set status and a body with its content type. */
void reply_body(struct double_reply *reply, int status, const char *type, const char *body);

/* The HTML page of a proxy in front of the provider. */
void reply_html(struct double_reply *reply, int status, struct arena *arena);

/* Random lower-case hex digits, and a random UUID. */
char *random_hex(struct arena *arena, size_t digits);
char *random_uuid(struct arena *arena);

/* Syntax of an address: one @, no controls, spaces or brackets, RFC 5321 sizes. */
bool address_is_mailbox(const char *text);

/* "+" and 7 to 15 digits, the first of them not 0. */
bool address_is_e164(const char *text);

#endif
