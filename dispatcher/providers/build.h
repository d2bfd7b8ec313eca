/* What providers need to build requests. */
#ifndef PROVIDERS_BUILD_H
#define PROVIDERS_BUILD_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/wire.h"
#include "providers/provider.h"

/* Fill *reterr; always false, so that callers can return it. */
bool build_refuse(struct provider_error *reterr, enum outcome_class class, const char *code,
                  const char *reason);

/* Start a POST to the account's endpoint (or the default one) and path. */
void build_post(struct wire_request *request, const struct settings *settings,
                const char *default_endpoint, const char *path, struct arena *arena);

/* Add a header; a value with control characters is refused as content. */
bool build_header(struct wire_request *request, const char *name, const char *value,
                  struct provider_error *reterr);

/* Put a text as a member; nothing when it is NULL. */
void build_put_text(json *object, const char *name, const char *text);

/* Seconds until the message expires, from 0 to max; -1: it never does. */
int64_t build_seconds_left(const struct message *message, int64_t max);

/* Print a document as the body (it is destroyed) and set its content type. */
void build_json_body(struct wire_request *request, json *document, struct arena *arena);

/*
 * The same of a document in which the next places of content are the members of that name that are
 * empty texts, one after the other; of the pieces each takes its share, all the same number.
 */
void build_json_pieces(struct wire_request *request, json *document, const char *member,
                       const struct wire_piece *pieces, size_t count, size_t places,
                       struct arena *arena);

/*
 * A part that becomes a header or a short field: *ret is its text or NULL; refused when it holds
 * control characters.
 */
bool build_line(const struct message *message, const char *part, const char **ret,
                struct arena *arena, struct provider_error *reterr);

/* May the byte stand in a URL, a form and an extended parameter without being percent-encoded? */
bool build_is_unreserved(unsigned char c);

/* Append name=value to a form, percent-encoded (blank is %20, plus is %2B). */
void build_form_field(struct buf *form, const char *name, const char *value);

/* Take the form as the request's body and set its content type; releases the buffer. */
void build_form_body(struct wire_request *request, struct buf *form, struct arena *arena);

/* Does the text hold a C0 control character or DEL? */
bool build_has_control(const char *text);

/* Characters (code points) of a text. */
size_t build_count_characters(const char *text);

#endif
