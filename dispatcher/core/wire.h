/*
 * What goes out and what comes back: one request, one answer, as plain data.
 *
 * Providers build requests and judge answers; core/http.c moves them. All pointers belong to the
 * arena of the message unless said otherwise.
 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_kind
{
    WIRE_HTTP,
    WIRE_MAIL
};

struct wire_header
{
    const char *name;
    const char *value;
};

#define WIRE_HEADERS_MAX 32

/* How a piece of a body goes out. */
enum wire_encoding
{
    WIRE_PLAIN,
    WIRE_BASE64,
    WIRE_BASE64_LINES /* of 76 characters, with CRLF between them */
};

struct wire_piece
{
    const char *data;
    size_t len;
    enum wire_encoding encoding;
    bool enclosed; /* neighbours that are go out together, as the base64 of what they would be */
};

struct wire_request
{
    enum wire_kind kind;
    const char *url; /* https://… or smtp(s)://host:port/ehlo-name */

    /* WIRE_HTTP */
    const char *method; /* "POST" */
    struct wire_header headers[WIRE_HEADERS_MAX];
    size_t header_count;
    bool http2_required;   /* an answer over anything else is a configuration error */
    bool public_addresses; /* refuse private, loopback, link-local, … peers at the socket */

    /* WIRE_HTTP: Basic authentication; WIRE_MAIL: SMTP AUTH. NULL: none. */
    const char *username;
    const char *password;

    /* WIRE_MAIL */
    const char *mail_from; /* envelope, without brackets; "" is the null sender */
    const char *mail_to;
    bool starttls; /* required on smtp:// URLs */

    const char *body; /* HTTP body or the whole MIME message with CRLF; NULL: there are pieces */
    size_t body_len;  /* of the body as it goes out */
    const struct wire_piece *pieces; /* see core/body.h */
    size_t piece_count;

    bool fresh_connection; /* do not reuse an open connection */
    size_t answer_max;     /* bytes of an answer's body to keep; 0: WIRE_ANSWER_BODY_MAX */
};

/* How far the exchange came; decides whether the request may have been executed. */
enum wire_result
{
    WIRE_ANSWERED,   /* a status (HTTP) or a final reply (SMTP) was read */
    WIRE_NOT_SENT,   /* DNS, connect, TLS, proxy, refused stream, or an incomplete upload */
    WIRE_AMBIGUOUS,  /* the whole request went out and no answer came */
    WIRE_FORBIDDEN,  /* the peer's address (public_addresses), the URL or a header is not allowed */
    WIRE_NOT_HTTP2,  /* http2_required, and the peer speaks something else */
    WIRE_AUTH_FAILED /* SMTP: AUTH or STARTTLS was refused */
};

/* SMTP: the command that the last reply answers. */
enum smtp_stage
{
    SMTP_NONE,
    SMTP_CONNECT, /* greeting, EHLO, STARTTLS, AUTH */
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA /* DATA and the reply after the final dot */
};

#define WIRE_ANSWER_BODY_MAX 65536

struct wire_answer
{
    enum wire_result result;
    const char *error; /* one sentence for everything but WIRE_ANSWERED; no secret, no address */
    int status;        /* HTTP status or SMTP reply code; 0 when none */
    enum smtp_stage stage;
    const char *smtp_text; /* text of the last SMTP reply, lines joined with a blank; else NULL */
    struct wire_header headers[WIRE_HEADERS_MAX]; /* names lower-case; the first 32 */
    size_t header_count;
    const char *body; /* at most answer_max bytes, NUL-terminated behind body_len */
    size_t body_len;
    bool body_truncated;
    int64_t retry_after_s; /* from the Retry-After header (either form), clamped ≥ 0; -1 absent */
    int64_t latency_us;
};

/* The value of a header by lower-case name, or NULL. */
const char *wire_answer_header(const struct wire_answer *answer, const char *name);

/*
 * Append a header to a request. Returns false, and changes nothing, when the table is full, the
 * name is not a token, or the value holds CR, LF, NUL or another control character.
 */
bool wire_add_header(struct wire_request *request, const char *name, const char *value);

/* What wire_add_header() checks of a header: a token, and a value without control characters. */
bool wire_header_valid(const struct wire_header *header);

/*
 * May this be an envelope address? No control character, blank, '<' or '>': what would end the SMTP
 * command early. Not a check of address syntax. "" (the null sender) is valid.
 */
bool wire_mailbox_valid(const char *address);

/*
 * Why the request must not go out, or NULL (a static sentence): scheme, headers, envelope. Nothing
 * behind this guard looks at CR LF again.
 */
const char *wire_request_problem(const struct wire_request *request, bool allow_cleartext);

#endif
