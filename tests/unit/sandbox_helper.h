/* A double under test: its environment, and requests that differ from a correct one in one point.
 */
#ifndef TEST_SANDBOX_HELPER_H
#define TEST_SANDBOX_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "sandbox/double.h"
#include "sandbox/tls.h"

#define NOW_S 1767225600LL
#define HEADERS_MAX 24

static struct arena *arena;
static struct credentials credentials;
static struct double_env env;
static struct double_conn conn;

/* A request that tests change before they ask for a judgement. */
static struct double_request request;
static struct field headers[HEADERS_MAX];

static inline void
add(const char *name, const char *value)
{
    assert_true(request.header_count < HEADERS_MAX);
    headers[request.header_count++] = (struct field){ name, value };
}

/* Replace a header; value NULL removes it. */
static inline void
set(const char *name, const char *value)
{
    for (size_t i = 0; i < request.header_count; i++)
    {
        if (strcmp(headers[i].name, name) != 0)
        {
            continue;
        }
        headers[i].value = value;
        if (value == NULL)
        {
            headers[i] = headers[--request.header_count];
        }
        return;
    }
    if (value != NULL)
    {
        add(name, value);
    }
}

static inline void
set_body(const char *body)
{
    request.body = body;
    request.body_len = strlen(body);
}

/* The text with its first `from` replaced. */
static inline char *
replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    assert_non_null(at);
    return arena_printf(arena, "%.*s%s%s", (int) (at - text), text, to, at + strlen(from));
}

static inline char *
repeated(char c, size_t count)
{
    char *text = arena_alloc(arena, count + 1);

    memset(text, c, count);
    return text;
}

static inline void
start_env(void)
{
    arena = arena_create();
    memset(&env, 0, sizeof(env));
    memset(&conn, 0, sizeof(conn));
    conn.streams = 1;
    env.credentials = &credentials;
    env.now_us = NOW_S * 1000000;
    env.ids = idmap_create(1000);
}

static inline int
finish_env(void **state)
{
    (void) state;
    idmap_destroy(env.ids);
    arena_destroy(arena);
    return 0;
}

static inline void
start_request(const char *path, const char *body)
{
    memset(&request, 0, sizeof(request));
    request.method = "POST";
    request.path = path;
    request.query = "";
    request.authority = "localhost";
    request.headers = headers;
    request.http2 = true;
    set_body(body);
}

static inline struct double_reply
judge(const struct sandbox_double *judged)
{
    struct double_reply reply = { 0 };

    judged->judge(&env, &conn, &request, arena, &reply);
    return reply;
}

static inline const char *
reply_value(const struct double_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++)
    {
        if (strcmp(reply->headers[i].name, name) == 0)
        {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

/* Refused with this status, a violation, and a body that contains part. */
static inline void
assert_refused(const struct sandbox_double *judged, const char *what, int status, const char *part)
{
    struct double_reply reply = judge(judged);

    if (reply.status != status || reply.decision != DECISION_REFUSE || reply.violation == NULL ||
        strstr(reply.body, part) == NULL)
    {
        fail_msg("%s: status %d, decision %d, violation %s, body %s", what, reply.status,
                 (int) reply.decision, reply.violation != NULL ? reply.violation : "none",
                 reply.body != NULL ? reply.body : "none");
    }
}

static inline void
assert_accepted(const struct sandbox_double *judged, const char *what, int status)
{
    struct double_reply reply = judge(judged);

    if (reply.status != status || reply.decision != DECISION_ACCEPT)
    {
        fail_msg("%s: status %d, violation %s", what, reply.status,
                 reply.violation != NULL ? reply.violation : "none");
    }
}

#endif
