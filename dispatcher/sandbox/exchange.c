/* A request meets its double, its record, and its fault. */
#include "sandbox/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum
{
    ANSWER_BYTES_MAX = 1100 * 1024 * 1024,
    DRIP_EMPTY_BYTES = 8 /* how long a drip holds back the end of an empty body */
};

struct exchange *
exchange_new(struct conn *conn, struct h2_stream *stream, const struct sandbox_double *owner)
{
    struct exchange *x = mem_alloc(sizeof(*x));

    x->conn = conn;
    x->stream = stream;
    x->owner = owner;
    x->arena = stream != NULL ? stream->arena : conn->h1.arena;
    x->request = stream != NULL ? &stream->request : &conn->h1.request;
    buf_init(&x->raw, ANSWER_BYTES_MAX);
    return x;
}

void
exchange_free(struct exchange *x)
{
    if (x == NULL)
    {
        return;
    }
    loop_timer_destroy(x->timer);
    buf_finish(&x->raw);
    free(x);
}

/* ---- answering ---- */

static void
answer(struct exchange *x)
{
    struct conn *conn = x->conn;

    if (x->stream != NULL)
    {
        h2_answer(conn->h2, x->stream, &x->reply, SIZE_MAX, false);
    }
    else
    {
        https_write(conn, &x->reply, conn->h1.keep_alive);
        https_answered(conn);
    }
}

static void
on_delay(void *user)
{
    struct exchange *x = user;
    struct conn *conn = x->conn;

    answer(x);
    https_pump(conn);
}

static void
on_drip(void *user)
{
    struct exchange *x = user;
    struct conn *conn = x->conn;

    if (x->stream != NULL)
    {
        bool empty = x->reply.body_len == 0;

        x->dripped++;
        if (empty ? x->dripped >= DRIP_EMPTY_BYTES : h2_allow(conn->h2, x->stream, 1))
        {
            loop_timer_stop(x->timer);
        }
        if (empty && x->dripped >= DRIP_EMPTY_BYTES)
        {
            h2_allow(conn->h2, x->stream, 1);
        }
    }
    else
    {
        sock_write(conn->sock, x->raw.data + x->dripped, 1);
        x->dripped++;
        if (x->dripped == x->raw.len)
        {
            https_answered(conn);
        }
    }
    https_pump(conn);
}

static void
start_drip(struct exchange *x)
{
    if (x->stream != NULL)
    {
        h2_answer(x->conn->h2, x->stream, &x->reply, 0, x->reply.body_len == 0);
    }
    else
    {
        h1_print(&x->raw, &x->reply, x->conn->h1.keep_alive);
    }
    loop_timer_start(x->timer, x->fault.delay_ms, x->fault.delay_ms > 0 ? x->fault.delay_ms : 1);
}

/* Status line, headers and half of the body, then the end of the connection. */
static void
answer_half(struct exchange *x)
{
    struct conn *conn = x->conn;
    size_t half = x->reply.body_len / 2;

    if (x->stream != NULL)
    {
        h2_answer(conn->h2, x->stream, &x->reply, half, true);
        h2_pump(conn->h2);
    }
    else
    {
        h1_print(&x->raw, &x->reply, true);
        sock_write(conn->sock, x->raw.data, x->raw.len - (x->reply.body_len - half));
    }
    sock_close(conn->sock);
}

/* Let other streams' answers out before the connection breaks. */
static void
reset(struct conn *conn)
{
    https_pump(conn);
    sock_reset(conn->sock);
}

static void
do_goaway(struct exchange *x)
{
    struct conn *conn = x->conn;

    if (x->stream != NULL)
    {
        h2_goaway(conn->h2, x->stream, true);
        h2_pump(conn->h2);
    }
    sock_close(conn->sock);
}

static void
do_drain(struct exchange *x)
{
    struct conn *conn = x->conn;

    conn->h1.keep_alive = false;
    answer(x);
    if (conn->h2 != NULL)
    {
        h2_goaway(conn->h2, NULL, false);
    }
}

static void
do_stream_fault(struct exchange *x)
{
    if (x->stream == NULL)
    {
        sock_close(x->conn->sock);
    }
    else if (x->fault.kind == FAULT_REFUSED)
    {
        h2_refuse_stream(x->conn->h2, x->stream);
    }
    else
    {
        h2_fail_stream(x->conn->h2, x->stream);
    }
}

static void
act(struct exchange *x)
{
    switch (x->fault.kind)
    {
        case FAULT_NONE:
        case FAULT_STATUS:
        case FAULT_UNREGISTERED:
            if (x->fault.delay_ms > 0)
            {
                loop_timer_start(x->timer, x->fault.delay_ms, 0);
            }
            else
            {
                answer(x);
            }
            break;
        case FAULT_DELAY:
            loop_timer_start(x->timer, x->fault.delay_ms, 0);
            break;
        case FAULT_HANG:
            break;
        case FAULT_RESET_BEFORE:
        case FAULT_RESET_AFTER:
        case FAULT_LOST:
            reset(x->conn);
            break;
        case FAULT_CLOSE:
            sock_close(x->conn->sock);
            break;
        case FAULT_GOAWAY:
            do_goaway(x);
            break;
        case FAULT_DRAIN:
            do_drain(x);
            break;
        case FAULT_REFUSED:
        case FAULT_STREAM_ERROR:
            do_stream_fault(x);
            break;
        case FAULT_PARTIAL:
            answer_half(x);
            break;
        case FAULT_GARBAGE:
            sock_write(x->conn->sock, "?", 1);
            sock_close(x->conn->sock);
            break;
        case FAULT_DRIP:
            start_drip(x);
            break;
    }
}

/* ---- judging ---- */

static bool
fault_executes(const struct fault *fault)
{
    switch (fault->kind)
    {
        case FAULT_NONE:
        case FAULT_DELAY:
        case FAULT_LOST:
        case FAULT_DRAIN:
        case FAULT_PARTIAL:
        case FAULT_DRIP:
            return true;
        default:
            return fault->accept;
    }
}

static bool
fault_answers(enum fault_kind kind)
{
    return kind == FAULT_NONE || kind == FAULT_STATUS || kind == FAULT_UNREGISTERED ||
           kind == FAULT_DELAY || kind == FAULT_DRAIN || kind == FAULT_PARTIAL ||
           kind == FAULT_DRIP;
}

/* Turn the success into what the fault wants answered. */
static void
spoil(struct exchange *x)
{
    struct double_env *env = &x->conn->sandbox->env;
    struct double_reply *reply = &x->reply;
    const struct fault *fault = &x->fault;
    struct double_reply error = { 0 };

    if (fault->kind == FAULT_STATUS || fault->kind == FAULT_UNREGISTERED)
    {
        int status = fault->kind == FAULT_STATUS ? fault->status : STATUS_UNREGISTERED;

        if (fault->html || status == 502 || status == 504)
        {
            reply_html(&error, status, x->arena);
        }
        else
        {
            x->owner->fail(env, status, x->arena, &error);
        }
        error.address = reply->address;
        error.id = reply->id;
        error.violation = reply->violation;
        error.plaintext = reply->plaintext;
        *reply = error;
        if (fault->kind == FAULT_STATUS)
        {
            reply->status = status;
        }
    }
    if (fault->retry_after != NULL)
    {
        reply_header(reply, "retry-after", fault->retry_after);
    }
    if (fault->body != NULL)
    {
        reply->body = fault->body;
        reply->body_len = strlen(fault->body);
    }
    if (fault->body_bytes > 0)
    {
        /* HTTP/2 fills in by itself */
        reply->body = x->stream != NULL ? NULL : arena_alloc(x->arena, fault->body_bytes);
        reply->body_len = fault->body_bytes;
    }
    reply->decision = DECISION_FAULT;
    reply->fault = fault->name;
}

static void
look_for_fault(struct exchange *x)
{
    struct sandbox *sandbox = x->conn->sandbox;
    struct fault_key key = {
        .provider = x->owner->name,
        .path = x->request->path,
        .address = x->reply.address,
        .body = x->request->body,
        .body_len = x->request->body_len < FAULT_BODY_MATCH_MAX ? x->request->body_len
                                                                : FAULT_BODY_MATCH_MAX,
    };

    x->fault = fault_choose(sandbox->book, &key, sandbox->env.now_us, x->arena);
    if (x->fault.kind == FAULT_NONE && sandbox->witness != NULL)
    {
        x->fault = witness_fault(sandbox->witness, &x->sighting, x->reply.id);
    }
    if (x->fault.kind == FAULT_NONE)
    {
        return;
    }
    spoil(x);
    x->timer =
        loop_timer_create(sandbox->loop, x->fault.kind == FAULT_DRIP ? on_drip : on_delay, x);
}

static void
record(struct exchange *x, int64_t mono_us)
{
    struct sandbox *sandbox = x->conn->sandbox;
    struct ledger_entry entry = {
        .wall_us = sandbox->env.now_us,
        .mono_us = mono_us,
        .provider = x->owner != NULL ? x->owner->name : "none",
        .conn = x->conn->state.number,
        .stream = x->stream != NULL ? x->stream->id : 0,
        .request = x->request,
        .status = fault_answers(x->fault.kind) ? x->reply.status : 0,
        .decision = x->reply.decision,
        .executed = x->executed,
        .violation = x->reply.violation,
        .fault = x->reply.fault,
        .address = x->reply.address,
        .id = x->reply.id,
        .plaintext = x->reply.plaintext,
    };

    entry.seq = ledger_add(sandbox->ledger, &entry);
    if (sandbox->witness != NULL)
    {
        witness_write(sandbox->witness, &entry, &x->sighting);
    }
}

/* A request that reaches no double: refused with a status and a reason. */
static void
refuse(struct exchange *x, int status, const char *violation)
{
    reply_html(&x->reply, status, x->arena);
    x->reply.decision = DECISION_REFUSE;
    x->reply.violation = violation;
}

void
exchange_run(struct exchange *x, int error_status, const char *error)
{
    struct sandbox *sandbox = x->conn->sandbox;
    int64_t mono_us = sandbox_mono_us();

    sandbox_now(sandbox);
    if (error != NULL)
    {
        refuse(x, error_status, error);
    }
    else if (x->owner == NULL)
    {
        refuse(x, 404, "no double owns this path");
    }
    else
    {
        x->owner->judge(&sandbox->env, &x->conn->state, x->request, x->arena, &x->reply);
        if (sandbox->witness != NULL)
        {
            struct double_request opened = request_opened(x->request, x->reply.plaintext);

            witness_see(sandbox->witness, x->owner, &opened, x->reply.id, x->arena, &x->sighting);
        }
    }
    if (x->reply.decision == DECISION_ACCEPT)
    {
        look_for_fault(x);
        x->executed = fault_executes(&x->fault);
        x->conn->state.successes += x->executed;
    }
    record(x, mono_us);
    act(x);
}

bool
exchange_reset_before(struct exchange *x)
{
    struct sandbox *sandbox = x->conn->sandbox;
    struct fault_key key = { .provider = x->owner->name,
                             .path = x->request->path,
                             .address = x->request->path + strlen(x->owner->prefix),
                             .headers_only = true };

    sandbox_now(sandbox);
    x->fault = fault_choose(sandbox->book, &key, sandbox->env.now_us, x->arena);
    if (x->fault.kind != FAULT_RESET_BEFORE)
    {
        return false;
    }
    x->reply.decision = DECISION_FAULT;
    x->reply.fault = x->fault.name;
    x->reply.address = key.address;
    record(x, sandbox_mono_us());
    act(x);
    return true;
}

void
exchange_record_partial(struct exchange *x)
{
    sandbox_now(x->conn->sandbox);
    x->fault.kind = FAULT_HANG;
    x->reply.decision = DECISION_REFUSE;
    x->reply.violation = "the request ended before it was complete";
    record(x, sandbox_mono_us());
}
