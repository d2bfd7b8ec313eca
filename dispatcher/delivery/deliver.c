/* The way of a delivery from claim to result. */
#include "delivery/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/mem.h"
#include "delivery/attachment.h"
#include "delivery/backoff.h"
#include "delivery/credential.h"
#include "delivery/object.h"
#include "delivery/quota.h"
#include "delivery/render.h"
#include "delivery/route.h"
#include "delivery/template.h"
#include "delivery/tries.h"
#include "sms.h"

#define TEMPLATES_MAX 2000
/* Without an account for its addresses a delivery looks again after this, doubled each time. */
#define NO_ACCOUNT_MS 30000
/* Bounds the attempts over the tokens of one device. */
#define TOKEN_ATTEMPTS_MAX 50
/* Claimed deliveries that wait for a slot, in units of the account's window. */
#define AHEAD 1
/* What a limited account may start within this time is claimed ahead. */
#define AHEAD_US INT64_C(1000000)
/* Nothing is claimed while more results than this wait to be recorded. */
#define RESULTS_MAX 5000

struct deliver
{
    struct deliver_parts parts;
    struct template_cache *templates;
    struct object_cache *objects;
    struct credential_source credentials;
    struct quota_source quotas;
    struct loop_timer *pace; /* when a limited account may start the next one */
    struct delivery *active; /* all without a result */
    size_t active_count;
    size_t in_flight;
    bool stopping;
    bool pumping;
};

static void advance(struct delivery *delivery);

/* ---- bookkeeping ---- */

static void
link_active(struct deliver *deliver, struct delivery *delivery)
{
    delivery->owner = deliver;
    delivery->active_next = deliver->active;
    if (deliver->active != NULL)
    {
        deliver->active->active_previous = delivery;
    }
    deliver->active = delivery;
    deliver->active_count++;
}

static void
unlink_active(struct delivery *delivery)
{
    struct deliver *deliver = delivery->owner;

    if (delivery->active_previous != NULL)
    {
        delivery->active_previous->active_next = delivery->active_next;
    }
    else
    {
        deliver->active = delivery->active_next;
    }
    if (delivery->active_next != NULL)
    {
        delivery->active_next->active_previous = delivery->active_previous;
    }
    deliver->active_count--;
}

static void
take_slot(struct delivery *delivery)
{
    delivery->phase = PHASE_WAITING;
    delivery->account->in_flight++;
    delivery->owner->in_flight++;
}

/* Give back the slot, if it has one, and what it attaches: that is held by those with a slot. */
static void
leave_slot(struct delivery *delivery)
{
    object_cache_release(delivery);
    if (delivery->phase != PHASE_QUEUED)
    {
        delivery->phase = PHASE_QUEUED;
        delivery->account->in_flight--;
        delivery->owner->in_flight--;
    }
}

/* Neither account nor deliver.c have anything to do with it any more. */
static void
detach(struct delivery *delivery)
{
    leave_slot(delivery);
    account_release(delivery->account);
    delivery->account = NULL;
    unlink_active(delivery);
}

static uint32_t
random_bits(void)
{
    uint32_t bits;

    crypto_random(&bits, sizeof(bits));
    return bits;
}

/* ---- results ---- */

static void
hand_over(struct delivery *delivery)
{
    struct deliver *deliver = delivery->owner;

    detach(delivery);
    record_add(deliver->parts.recorder, delivery);
    deliver->parts.kick(deliver->parts.user);
}

/* The claim is not ours any more, and nothing was sent. */
static void
forget(struct delivery *delivery)
{
    detach(delivery);
    delivery_destroy(delivery);
}

/* A result without an attempt. */
static void
finish(struct delivery *delivery, enum delivery_state state, const char *reason)
{
    delivery->result.failures = delivery->failures;
    delivery->result.reason = reason;
    delivery_move(delivery, state);
    hand_over(delivery);
}

static struct backoff_case
case_of(const struct delivery *delivery, enum outcome_class class)
{
    int64_t now_us = loop_wall_us(delivery->owner->parts.loop);

    return (struct backoff_case){
        .class = class,
        .at_most_once = delivery->at_most_once,
        .attempt = delivery->attempt,
        .failures = delivery->failures,
        .max_attempts = delivery->max_attempts,
        .age_ms = (now_us - delivery->created_us) / 1000,
        .max_age_ms = delivery->max_age_s * 1000,
        .hint_ms = -1,
        .random = random_bits(),
    };
}

static void
settle(struct delivery *delivery, const struct backoff_case *given)
{
    struct backoff_next next = backoff_decide(given);

    delivery->result.failures = next.failures;
    delivery->result.due_us = loop_wall_us(delivery->owner->parts.loop) + next.delay_ms * 1000;
    delivery_move(delivery, next.state);
    hand_over(delivery);
}

/* Nobody can deliver it now: wait without an attempt and without counting. */
static void
postpone(struct delivery *delivery, int64_t wait_ms, const char *reason)
{
    struct backoff_case given = case_of(delivery, OUTCOME_CONFIG);

    given.pause_ms = wait_ms;
    delivery->result.reason = reason;
    settle(delivery, &given);
}

/* Give the claim back: another dispatcher, or we later, will deliver. Attempts must be recorded. */
static void
give_back(struct delivery *delivery)
{
    if (delivery->tries != NULL)
    {
        postpone(delivery, 0, "the dispatcher stopped before it tried another account");
        return;
    }
    delivery_move(delivery, DELIVERY_QUEUED);
    hand_over(delivery);
}

static void
log_breaker(const struct account *account, const struct outcome *outcome)
{
    if (account->breaker.reason == BREAKER_NONE)
    {
        log_event(LOG_INFO, "account works again", "account", account->name, NULL);
        return;
    }
    log_event(LOG_WARN, "account is paused", "account", account->name, "cause",
              breaker_reason_name(account->breaker.reason), "code", outcome->code, "reason",
              outcome->reason, NULL);
}

/* Tell the account's breaker; `remote`: the provider itself said so. */
static void
report(struct delivery *delivery, const struct outcome *outcome, bool remote)
{
    struct account *account = delivery->account;
    struct breaker_event event = {
        .class = outcome->class,
        .hint_ms = outcome->retry_after_ms,
        .address_only = outcome->address_only,
        .now_ms = loop_now_ms(delivery->owner->parts.loop),
        .latency_us = delivery->result.latency_us,
        .silent = outcome->class == OUTCOME_UNKNOWN && delivery->result.status == 0,
        .random = random_bits(),
    };

    if ((remote || outcome->class == OUTCOME_CONFIG) && breaker_report(&account->breaker, &event))
    {
        log_breaker(account, outcome);
    }
}

/* What an invalid or blocked address means for the next attempt and for the tables. */
static void
note_address(struct delivery *delivery, const struct outcome *outcome, struct backoff_case *given)
{
    const struct delivery_token *token = delivery->token;
    bool suspect;
    bool newer;

    if (token == NULL)
    {
        delivery->result.suppress = outcome->suspect ? NULL : delivery->address;
        return;
    }
    if (outcome->class != OUTCOME_TOKEN_INVALID)
    {
        return;
    }
    delivery->result.token = token->id;
    suspect = outcome->suspect || breaker_doubts_tokens(&delivery->account->breaker);
    delivery->result.token_state = suspect ? "suspect" : "retired";
    delivery->result.evidence_us = outcome->invalid_since_ms * 1000;
    newer = outcome->invalid_since_ms != 0 && outcome->invalid_since_ms < token->registered_ms;
    given->other_address = !newer && delivery->attempt < TOKEN_ATTEMPTS_MAX &&
                           route_has_other(delivery->owner->parts.accounts,
                                           rules_match(delivery->owner->parts.rules, delivery),
                                           delivery, token, !suspect);
}

static void
log_attempt(const struct delivery *delivery, const struct outcome *outcome)
{
    const char *address = delivery->message.address;

    log_event(LOG_DEBUG, "attempt", "delivery", delivery->id, "account", delivery->account->name,
              "address", address != NULL ? log_mask(address) : NULL, "class",
              outcome_class_name(outcome->class), "code", outcome->code, "reason", outcome->reason,
              NULL);
}

/* ---- routing ---- */

static enum route_result
choose(const struct delivery *delivery, struct route *ret)
{
    const struct deliver_parts *parts = &delivery->owner->parts;

    return route_choose(parts->accounts, rules_match(parts->rules, delivery), delivery,
                        loop_now_ms(parts->loop), ret);
}

static void
join_queue(struct delivery *delivery, const struct route *route)
{
    delivery->token = route->token;
    delivery->account = route->account;
    account_retain(route->account);
    delivery_queue_push(&route->account->queue, delivery);
}

/* Put it into the queue of the account that shall deliver it. */
static void
enqueue(struct delivery *delivery)
{
    struct route route = { .account = NULL };

    switch (choose(delivery, &route))
    {
        case ROUTE_FOUND:
            join_queue(delivery, &route);
            break;
        case ROUTE_PAUSED:
            postpone(delivery, route.pause_ms, "every account for this address is paused");
            break;
        case ROUTE_NONE:
            postpone(delivery, NO_ACCOUNT_MS, "no account serves this address");
            break;
    }
}

/* Did this account refuse, so that another one might take it, and was certainly nothing sent? */
static bool
is_refusal(const struct outcome *outcome, bool remote)
{
    return !outcome->address_only &&
           (outcome->class == OUTCOME_CONFIG || outcome->class == OUTCOME_THROTTLE ||
            (outcome->class == OUTCOME_RETRY && remote));
}

/* Another account tries at once what this one refused. False: there is none that could now. */
static bool
fail_over(struct delivery *delivery, const struct backoff_case *given)
{
    struct backoff_next next = backoff_decide(given);
    struct deliver *deliver = delivery->owner;
    struct route route = { .account = NULL };

    if (next.state != DELIVERY_RETRY || deliver->stopping || delivery->try_count + 1 >= TRIES_MAX ||
        choose(delivery, &route) != ROUTE_FOUND || route.waits)
    {
        return false;
    }
    leave_slot(delivery);
    account_release(delivery->account);
    tries_add(delivery);
    delivery->failures = next.failures;
    delivery->credential = NULL;
    delivery->fresh_connection = false;
    delivery->message.second_try = false;
    join_queue(delivery, &route);
    deliver->parts.kick(deliver->parts.user);
    return true;
}

/* An attempt has an outcome. */
static void
conclude(struct delivery *delivery, const struct outcome *outcome, const char *phase, bool remote)
{
    struct delivery_result *result = &delivery->result;
    struct deliver *deliver = delivery->owner;
    /* What only this address's host refuses will not be mended by an operator: it counts. */
    bool own = outcome->class == OUTCOME_CONFIG && outcome->address_only;
    struct backoff_case given = case_of(delivery, own ? OUTCOME_RETRY : outcome->class);

    report(delivery, outcome, remote);
    log_attempt(delivery, outcome);
    result->attempted = true;
    result->class = outcome->class;
    result->provider = arena_strdup(delivery->arena, delivery->account->name);
    result->phase = phase;
    result->code = outcome->code;
    result->reason = outcome->reason;
    result->provider_id = outcome->provider_id;
    if (result->started_us == 0)
    {
        result->started_us = loop_wall_us(deliver->parts.loop);
    }
    if (outcome->class == OUTCOME_TOKEN_INVALID || outcome->class == OUTCOME_SUPPRESSED)
    {
        note_address(delivery, outcome, &given);
    }
    given.hint_ms = outcome->retry_after_ms;
    given.pause_ms =
        breaker_pause_ms(&delivery->account->breaker, loop_now_ms(deliver->parts.loop));
    metrics_attempt(deliver->parts.metrics, delivery->channel, result->provider, outcome->class,
                    result->latency_us);
    if (!is_refusal(outcome, remote) || !fail_over(delivery, &given))
    {
        settle(delivery, &given);
    }
}

/* It failed before anything was sent. */
static void
conclude_local(struct delivery *delivery, enum outcome_class class, const char *code,
               const char *reason)
{
    struct outcome outcome = {
        .class = class, .code = code, .reason = reason, .retry_after_ms = -1
    };

    conclude(delivery, &outcome, "build", false);
}

/* ---- sending ---- */

/*
 * It cannot go on now: wait in front of the queue. An account that is no longer used has no queue
 * that anybody would look at.
 */
static void
hold(struct delivery *delivery)
{
    struct account *account = delivery->account;

    leave_slot(delivery);
    if (delivery->owner->stopping)
    {
        give_back(delivery);
    }
    else if (account->removed)
    {
        delivery->account = NULL;
        account_release(account);
        enqueue(delivery);
    }
    else
    {
        delivery_queue_unshift(&account->queue, delivery);
    }
}

static bool
try_again(struct delivery *delivery, const struct outcome *outcome)
{
    if (outcome->class != OUTCOME_RETRY || delivery->message.second_try ||
        delivery->owner->stopping || !(outcome->refresh_credential || outcome->new_connection))
    {
        return false;
    }
    if (outcome->refresh_credential)
    {
        credential_refuse(delivery->account, delivery->credential);
    }
    delivery->credential = NULL;
    delivery->message.second_try = true;
    delivery->fresh_connection = outcome->new_connection;
    delivery->phase = PHASE_WAITING;
    advance(delivery);
    return true;
}

static void
on_answer(void *user, const struct wire_answer *answer)
{
    struct delivery *delivery = user;
    struct account *account = delivery->account;
    struct outcome outcome;

    provider_classify(account->provider, account->settings, &delivery->message, answer,
                      delivery->arena, &outcome);
    FAILPOINT("K6", delivery->recipient);
    delivery->result.status = answer->status;
    delivery->result.latency_us = answer->latency_us;
    if (!try_again(delivery, &outcome))
    {
        conclude(delivery, &outcome, "send", true);
    }
}

static void
fill_message(struct delivery *delivery)
{
    struct message *message = &delivery->message;
    const struct delivery_token *token = delivery->token;

    message->delivery_id = delivery->id;
    message->notification_id = delivery->notification;
    message->channel = delivery->channel;
    message->address = delivery_address(delivery);
    message->app = token != NULL ? token->app : NULL;
    message->environment = token != NULL ? token->environment : NULL;
    message->locale = delivery->locale;
    message->template_name = delivery->template_name;
    message->category = delivery->category;
    message->urgent = delivery->priority != NULL && (strcmp(delivery->priority, "urgent") == 0 ||
                                                     strcmp(delivery->priority, "high") == 0);
    message->bulk = delivery->priority != NULL && strcmp(delivery->priority, "bulk") == 0;
    message->now_s = loop_wall_us(delivery->owner->parts.loop) / 1000000;
    message->time_s = delivery->time_us / 1000000;
    message->expires_at_s = delivery->expires_us / 1000000;
    message->credential = delivery->credential;
    if (delivery->account->provider->needs_random)
    {
        crypto_random(message->random, sizeof(message->random));
    }
}

static void
send_request(struct delivery *delivery)
{
    struct deliver *deliver = delivery->owner;
    struct account *account = delivery->account;
    struct provider_error error = { .class = OUTCOME_CONTENT };

    fill_message(delivery);
    memset(&delivery->request, 0, sizeof(delivery->request));
    if (!account->provider->build(account->settings, &delivery->message, delivery->arena,
                                  &delivery->request, &error))
    {
        conclude_local(delivery, error.class, error.code, error.reason);
        return;
    }
    delivery->request.fresh_connection = delivery->fresh_connection;
    if (!session_owns_claims(deliver->parts.session))
    {
        hold(delivery);
        return;
    }
    delivery->phase = PHASE_SENDING;
    delivery->result.started_us = loop_wall_us(deliver->parts.loop);
    metrics_queue_wait(deliver->parts.metrics,
                       (loop_now_ms(deliver->parts.loop) - delivery->claimed_ms) * 1000);
    http_start(deliver->parts.http, &delivery->request, &account->http, delivery->arena, on_answer,
               delivery);
}

/* Does the text of an SMS take no more parts than its category allows? */
static bool
check_size(struct delivery *delivery)
{
    const char *text = message_part(&delivery->message, "text");
    struct sms_size size;

    if (delivery->channel != CHANNEL_SMS || delivery->max_segments == 0 || text == NULL)
    {
        return true;
    }
    size = sms_measure(text, strlen(text));
    if (size.segments <= (size_t) delivery->max_segments)
    {
        return true;
    }
    conclude_local(delivery, OUTCOME_CONTENT, "too_many_segments",
                   arena_printf(delivery->arena,
                                "text takes %zu parts (%s, %zu units), category %s allows %d",
                                size.segments, sms_encoding_name(size.encoding), size.units,
                                delivery->category, delivery->max_segments));
    return false;
}

/* Rendered, now or before. False: the delivery went elsewhere. */
static bool
get_content(struct delivery *delivery)
{
    struct deliver *deliver = delivery->owner;
    const struct render_template *template;
    struct provider_error error;
    const char *reason = NULL;

    if (delivery->message.part_count > 0)
    {
        return true;
    }
    template = template_cache_find(deliver->templates, delivery);
    if (template == NULL)
    {
        if (!template_cache_fetch(deliver->templates, delivery))
        {
            hold(delivery);
        }
        return false;
    }
    if (!render_message(template, delivery, &reason))
    {
        conclude_local(delivery, OUTCOME_CONTENT, "template", reason);
        return false;
    }
    if (!attachment_read(delivery, &error))
    {
        conclude_local(delivery, error.class, error.code, error.reason);
        return false;
    }
    return check_size(delivery);
}

/* Has what it attaches. False: the delivery waits for it, or went elsewhere. */
static bool
get_objects(struct delivery *delivery)
{
    if (object_cache_holds(delivery))
    {
        return true;
    }
    if (!object_cache_fetch(delivery->owner->objects, delivery))
    {
        hold(delivery);
    }
    return false;
}

/* From a slot to a request, as far as it goes now; called again after each wait. */
static void
advance(struct delivery *delivery)
{
    struct deliver *deliver = delivery->owner;
    struct provider_error error;

    if (delivery->epoch != session_epoch(deliver->parts.session))
    {
        forget(delivery);
    }
    else if (deliver->stopping)
    {
        give_back(delivery);
    }
    else if (delivery->expires_us != 0 && delivery->expires_us <= loop_wall_us(deliver->parts.loop))
    {
        finish(delivery, DELIVERY_EXPIRED, "expires_at");
    }
    else if (get_content(delivery) && get_objects(delivery))
    {
        switch (credential_get(&deliver->credentials, delivery, &error))
        {
            case CREDENTIAL_READY:
                send_request(delivery);
                break;
            case CREDENTIAL_FAILED:
                conclude_local(delivery, error.class, error.code, error.reason);
                break;
            case CREDENTIAL_WAITING:
                break;
        }
    }
}

static void
on_template(void *user, struct delivery *delivery, const struct render_template *template,
            const char *problem)
{
    (void) user;
    if (template != NULL)
    {
        advance(delivery);
    }
    else if (problem != NULL)
    {
        conclude_local(delivery, OUTCOME_RETRY, "template",
                       arena_printf(delivery->arena, "the template cannot be read: %s", problem));
    }
    else
    {
        hold(delivery);
    }
}

static void
on_objects(void *user, struct delivery *delivery, enum object_result result, const char *code,
           const char *reason)
{
    (void) user;
    switch (result)
    {
        case OBJECT_READY:
            advance(delivery);
            break;
        case OBJECT_REFUSED:
            conclude_local(delivery, OUTCOME_CONTENT, code, reason);
            break;
        case OBJECT_UNREADABLE:
            conclude_local(delivery, OUTCOME_RETRY, "objects",
                           arena_printf(delivery->arena, "objects cannot be read: %s", reason));
            break;
        case OBJECT_LOST:
            hold(delivery);
            break;
    }
}

static void
on_credential(void *user, struct delivery *delivery, const struct outcome *failure,
              const struct wire_answer *answer)
{
    struct outcome own;

    (void) user;
    if (failure == NULL)
    {
        advance(delivery);
        return;
    }
    own = *failure;
    own.code = arena_strdup(delivery->arena, failure->code);
    own.reason = arena_strdup(delivery->arena, failure->reason);
    own.provider_id = NULL;
    delivery->result.status = answer->status;
    conclude(delivery, &own, "credential", true);
}

/* ---- queueing ---- */

/* "suppressed: opted_out" -> state and reason. */
static void
apply_verdict(struct delivery *delivery)
{
    size_t len = strcspn(delivery->verdict, ":");
    const char *reason = delivery->verdict + len;
    enum delivery_state state;

    reason += strspn(reason, ": ");
    if (!state_from_name(arena_strndup(delivery->arena, delivery->verdict, len), &state) ||
        !state_edge_is_legal(DELIVERY_CLAIMED, state) || !state_is_final(state))
    {
        finish(delivery, DELIVERY_FAILED, delivery->verdict);
        return;
    }
    finish(delivery, state, *reason != '\0' ? reason : NULL);
}

void
deliver_accept(struct deliver *deliver, struct delivery *delivery)
{
    link_active(deliver, delivery);
    if (deliver->stopping)
    {
        give_back(delivery);
    }
    else if (delivery->verdict != NULL)
    {
        apply_verdict(delivery);
    }
    else
    {
        enqueue(delivery);
    }
    deliver->parts.kick(deliver->parts.user);
}

/* What waits for the account looks for another one. */
static void
reroute(struct account *account)
{
    struct delivery_queue queue = account->queue;
    struct delivery *delivery;

    account->queue = (struct delivery_queue){ .count = 0 };
    while ((delivery = delivery_queue_shift(&queue)) != NULL)
    {
        delivery->account = NULL;
        account_release(account);
        enqueue(delivery);
    }
}

/* Has the account a slot, and do its limits allow another request? */
static bool
may_start(const struct account *account, int64_t now_ms)
{
    return breaker_slots(&account->breaker, account->in_flight, now_ms) > 0 &&
           limit_wait_us(&account->limit, now_ms * 1000) == 0 &&
           limit_has_grant(&account->limit, now_ms);
}

/* Start what the account may start; a paused one passes its queue on. */
static void
pump_account(struct deliver *deliver, struct account *account)
{
    int64_t now_ms = loop_now_ms(deliver->parts.loop);
    struct delivery *delivery;

    if (account_pause_ms(account, now_ms) > 0)
    {
        reroute(account);
        return;
    }
    quota_ensure(&deliver->quotas, account);
    while (account->queue.count > 0 && deliver->in_flight < (size_t) deliver->parts.concurrency &&
           may_start(account, now_ms) && session_owns_claims(deliver->parts.session) &&
           session_db(deliver->parts.session, SESSION_CLAIM) != NULL)
    {
        delivery = delivery_queue_shift(&account->queue);
        limit_take(&account->limit, now_ms * 1000);
        take_slot(delivery);
        advance(delivery);
    }
}

/* Come back when the first of the limited accounts may go on. */
static void
set_pace(struct deliver *deliver)
{
    int64_t now_ms = loop_now_ms(deliver->parts.loop);
    int64_t first_us = 0;

    for (const struct account *a = deliver->parts.accounts->first; a != NULL; a = a->next)
    {
        int64_t wait_us = a->queue.count == 0 ? 0 : limit_wait_us(&a->limit, now_ms * 1000);

        if (wait_us > 0 && (first_us == 0 || wait_us < first_us))
        {
            first_us = wait_us;
        }
    }
    if (first_us > 0)
    {
        loop_timer_start(deliver->pace, (first_us + 999) / 1000, 0);
    }
}

void
deliver_pump(struct deliver *deliver)
{
    if (deliver->pumping || deliver->stopping)
    {
        return;
    }
    deliver->pumping = true;
    for (struct account *a = deliver->parts.accounts->first; a != NULL; a = a->next)
    {
        if (a->queue.count > 0)
        {
            pump_account(deliver, a);
        }
    }
    set_pace(deliver);
    deliver->pumping = false;
}

/* Room for the account's window and for as many again, so that no slot waits for a claim. */
static int
account_room(const struct account *account, int64_t now_ms)
{
    int slots = breaker_slots(&account->breaker, account->in_flight, now_ms);
    int ahead = account->breaker.reason == BREAKER_NONE ? AHEAD * (int) account->breaker.window : 0;
    int room = limit_room(&account->limit, now_ms * 1000, AHEAD_US, slots + ahead) -
               (int) account->queue.count;

    return room > 0 && account_pause_ms(account, now_ms) == 0 ? room : 0;
}

int
deliver_credit(const struct deliver *deliver, enum channel channel)
{
    int64_t now_ms = loop_now_ms(deliver->parts.loop);
    size_t ceiling = (size_t) deliver->parts.concurrency * (1 + AHEAD);
    size_t busy = deliver->active_count;
    size_t room = 0;

    if (deliver->stopping || busy >= ceiling ||
        record_pending(deliver->parts.recorder) > RESULTS_MAX)
    {
        return 0;
    }
    for (const struct account *a = deliver->parts.accounts->first; a != NULL; a = a->next)
    {
        if (a->provider->channel == channel)
        {
            room += (size_t) account_room(a, now_ms);
        }
    }
    return (int) (room < ceiling - busy ? room : ceiling - busy);
}

bool
deliver_holds(const struct deliver *deliver, const char *id, int attempt)
{
    for (const struct delivery *d = deliver->active; d != NULL; d = d->active_next)
    {
        if (d->attempt == attempt && strcmp(d->id, id) == 0)
        {
            return true;
        }
    }
    return false;
}

/* Empty every account's queue. */
static void
each_queued(struct deliver *deliver, void (*visit)(struct delivery *))
{
    for (struct account *a = deliver->parts.accounts->first; a != NULL; a = a->next)
    {
        struct delivery *delivery;

        while ((delivery = delivery_queue_shift(&a->queue)) != NULL)
        {
            visit(delivery);
        }
    }
}

void
deliver_epoch_gone(struct deliver *deliver)
{
    each_queued(deliver, forget);
}

void
deliver_account_removed(struct account *account)
{
    account->removed = true;
    reroute(account);
}

void
deliver_stop(struct deliver *deliver)
{
    deliver->stopping = true;
    each_queued(deliver, give_back);
    for (struct account *a = deliver->parts.accounts->first; a != NULL; a = a->next)
    {
        quota_return(&deliver->quotas, a);
    }
}

void
deliver_abandon(struct deliver *deliver)
{
    struct outcome outcome = {
        .class = OUTCOME_UNKNOWN,
        .reason = "the dispatcher stopped before an answer came",
        .retry_after_ms = -1,
    };
    struct delivery *next;

    deliver_stop(deliver);
    template_cache_forget_waiting(deliver->templates);
    object_cache_forget_waiting(deliver->objects);
    for (struct delivery *d = deliver->active; d != NULL; d = next)
    {
        next = d->active_next;
        if (d->phase == PHASE_SENDING)
        {
            conclude(d, &outcome, "send", false);
        }
        else
        {
            give_back(d);
        }
    }
}

struct deliver *
deliver_create(const struct deliver_parts *parts)
{
    struct deliver *deliver = mem_alloc(sizeof(*deliver));

    deliver->parts = *parts;
    deliver->templates = template_cache_create(parts->session, TEMPLATES_MAX, on_template, deliver);
    deliver->objects = object_cache_create(parts->loop, parts->session, parts->store,
                                           parts->object_bytes_max, on_objects, deliver);
    deliver->credentials = (struct credential_source){
        .loop = parts->loop, .http = parts->http, .ready = on_credential, .user = deliver
    };
    deliver->quotas = (struct quota_source){
        .loop = parts->loop, .session = parts->session, .changed = parts->kick, .user = parts->user
    };
    deliver->pace = loop_timer_create(parts->loop, parts->kick, parts->user);
    return deliver;
}

void
deliver_destroy(struct deliver *deliver)
{
    struct delivery *next;

    if (deliver == NULL)
    {
        return;
    }
    template_cache_forget_waiting(deliver->templates);
    object_cache_forget_waiting(deliver->objects);
    for (struct delivery *d = deliver->active; d != NULL; d = next)
    {
        next = d->active_next;
        forget(d);
    }
    template_cache_destroy(deliver->templates);
    object_cache_destroy(deliver->objects);
    loop_timer_destroy(deliver->pace);
    free(deliver);
}

size_t
deliver_in_flight(const struct deliver *deliver)
{
    return deliver->in_flight;
}

size_t
deliver_queued(const struct deliver *deliver)
{
    return deliver->active_count - deliver->in_flight;
}
