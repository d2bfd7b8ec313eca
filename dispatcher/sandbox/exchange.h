/*
 * A connection of the HTTPS listener and the requests under way on it: what https.c (bytes to
 * requests) and exchange.c (requests to answers and faults) share.
 */
#ifndef SANDBOX_EXCHANGE_H
#define SANDBOX_EXCHANGE_H

#include "core/buf.h"
#include "sandbox/h1.h"
#include "sandbox/h2.h"
#include "sandbox/sandbox.h"

struct https;

struct conn
{
    struct https *https;
    struct sandbox *sandbox;
    struct conn *next;
    struct conn **back;
    struct sock *sock;
    struct double_conn state;
    struct h2 *h2; /* NULL: HTTP/1.1 */
    struct h1 h1;
    struct buf pending;        /* HTTP/1.1: bytes that wait for the answer under way */
    struct exchange *exchange; /* HTTP/1.1: the one under way */
};

/* A judged request until its answer is through. */
struct exchange
{
    struct conn *conn;
    struct h2_stream *stream; /* NULL: HTTP/1.1 */
    const struct sandbox_double *owner;
    struct arena *arena;
    const struct double_request *request;
    struct double_reply reply;
    struct fault fault;
    struct sighting sighting;
    bool executed;
    struct loop_timer *timer;
    struct buf raw; /* HTTP/1.1: the answer of a drip */
    size_t dripped;
};

/* owner NULL: no double owns the path. */
struct exchange *exchange_new(struct conn *conn, struct h2_stream *stream,
                              const struct sandbox_double *owner);
void exchange_free(struct exchange *x);

/* Judge a complete request, record it, answer or spoil it. error: a ceiling it breaks. */
void exchange_run(struct exchange *x, int error_status, const char *error);

/* Only the headers are there. true: a fault has reset the connection. */
bool exchange_reset_before(struct exchange *x);

/* Record a request that began and will never be complete. */
void exchange_record_partial(struct exchange *x);

/* ---- in https.c ---- */

/* Move what is ready to the socket. */
void https_pump(struct conn *conn);

/* Queue an HTTP/1.1 answer. */
void https_write(struct conn *conn, const struct double_reply *reply, bool keep_alive);

/* The HTTP/1.1 answer is out: close, or go on with what has arrived meanwhile. */
void https_answered(struct conn *conn);

#endif
