/*
 * Brings claimed deliveries to a result: choose account and address, wait for a slot, render,
 * get the credential, build, send, classify, decide what follows.
 */
#ifndef DELIVERY_DELIVER_H
#define DELIVERY_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http.h"
#include "core/loop.h"
#include "delivery/account.h"
#include "delivery/delivery.h"
#include "delivery/metrics.h"
#include "delivery/record.h"
#include "delivery/session.h"
#include "delivery/store.h"

struct deliver;

/* What it works with; all outlive it. */
struct deliver_parts
{
    struct loop *loop;
    struct session *session;
    struct http *http;
    struct accounts *accounts;
    const struct rules *rules;
    struct recorder *recorder;
    struct metrics *metrics;
    struct store *store;
    size_t object_bytes_max;  /* of attached content in memory */
    int concurrency;          /* requests in flight over all accounts */
    void (*kick)(void *user); /* slots or results changed: pump soon */
    void *user;
};

struct deliver *deliver_create(const struct deliver_parts *parts);
/* Deliveries without a result are forgotten; call deliver_abandon() before to report them. */
void deliver_destroy(struct deliver *deliver);

/* Take over a claimed delivery. */
void deliver_accept(struct deliver *deliver, struct delivery *delivery);

/* Start what has a slot. */
void deliver_pump(struct deliver *deliver);

/* How many deliveries of the channel may be claimed now. */
int deliver_credit(const struct deliver *deliver, enum channel channel);

/* Is this claim here, without a result? */
bool deliver_holds(const struct deliver *deliver, const char *id, int attempt);

/* The epoch is gone: forget what was not sent. Answers in flight are still reported under it. */
void deliver_epoch_gone(struct deliver *deliver);

/* The account leaves the list: what waits for it is routed again. */
void deliver_account_removed(struct account *account);

/* Start nothing more and give back what was not sent. */
void deliver_stop(struct deliver *deliver);

/* Give up on what is in flight: its outcome is unknown. The HTTP client must be gone. */
void deliver_abandon(struct deliver *deliver);

/* Deliveries with a slot, and those waiting for one. */
size_t deliver_in_flight(const struct deliver *deliver);
size_t deliver_queued(const struct deliver *deliver);

#endif
