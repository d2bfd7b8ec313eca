/* Wiring, signals, stopping, metrics. */
#include "delivery/dispatch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/failpoint.h"
#include "core/http.h"
#include "core/listen.h"
#include "core/log.h"
#include "core/loop.h"
#include "delivery/account.h"
#include "delivery/circuit.h"
#include "delivery/claim.h"
#include "delivery/deliver.h"
#include "delivery/metrics.h"
#include "delivery/mover.h"
#include "delivery/record.h"
#include "delivery/rule.h"
#include "delivery/sd_notify.h"
#include "delivery/session.h"
#include "delivery/store.h"

#define STREAMS_MAX 100
#define CONNECTIONS_MAX 16
/* After the answers: how long results may take to be recorded. */
#define RECORD_GRACE_MS 5000
#define HEALTH_MS 15000
/* --once ends although deliveries may wait. */
#define EXIT_LEFT 3
/* --once ends because this database is not the one to deliver from. */
#define EXIT_UNARMED 4
/* --once gives up when there is no database after this. */
#define ONCE_CONNECT_MS 30000

enum stop_phase
{
    RUNNING,
    DRAINING, /* waits for answers */
    RECORDING /* waits for results to be recorded */
};

struct dispatch
{
    const struct dispatch_settings *settings;
    struct loop *loop;
    struct http *http;
    struct session *session;
    struct metrics *metrics;
    struct recorder *recorder;
    struct store *store;
    struct mover *mover;
    struct deliver *deliver;
    struct claimer *claimer;
    struct listener *listener;
    struct accounts accounts;
    struct rules rules;
    struct circuits *circuits;
    struct loop_timer *kick;
    struct loop_timer *deadline;
    struct loop_timer *watchdog;
    struct loop_timer *health;
    enum stop_phase phase;
    bool loading;      /* accounts are being read */
    bool load_again;   /* and have changed meanwhile */
    bool routed;       /* routes were read at least once */
    bool loaded;       /* and accounts */
    bool ticked;       /* maintenance ran at least once */
    bool told_systemd; /* that we are ready */
    bool asking_left;  /* --once asks what it leaves behind */
    int exit_code;
};

static void begin_stop(struct dispatch *dispatch, int exit_code);
static void kick(void *user);

/* Ready for the first time: sessions, accounts, and one round of maintenance. */
static void
tell_readiness(struct dispatch *dispatch)
{
    if (!dispatch->told_systemd && dispatch->loaded && dispatch->ticked &&
        session_is_ready(dispatch->session))
    {
        dispatch->told_systemd = true;
        sd_notify_send("READY=1");
        log_event(LOG_INFO, "ready", "name", dispatch->settings->name, NULL);
        loop_timer_stop(dispatch->deadline);
    }
}

/* ---- accounts ---- */

static void
on_account_removed(void *user, struct account *account)
{
    (void) user;
    deliver_account_removed(account);
}

static void load_accounts(struct dispatch *dispatch);

static void
on_accounts(void *user, enum db_status status, const struct db_result *result)
{
    struct dispatch *dispatch = user;

    dispatch->loading = false;
    if (status == DB_ERROR)
    {
        log_event(LOG_ERROR, "accounts cannot be read", "sqlstate", db_result_sqlstate(result),
                  "reason", db_result_message(result), NULL);
    }
    if (status == DB_OK && dispatch->routed)
    {
        accounts_load(&dispatch->accounts, result, loop_now_ms(dispatch->loop), on_account_removed,
                      dispatch);
        dispatch->loaded = true;
        tell_readiness(dispatch);
        claim_wake(dispatch->claimer);
        kick(dispatch);
    }
    if (dispatch->load_again)
    {
        load_accounts(dispatch);
    }
}

/* Before the accounts: without them nothing is claimed that would go another way. */
static void
on_rules(void *user, enum db_status status, const struct db_result *result)
{
    struct dispatch *dispatch = user;

    if (status == DB_ERROR)
    {
        log_event(LOG_ERROR, "routes cannot be read", "sqlstate", db_result_sqlstate(result),
                  "reason", db_result_message(result), NULL);
    }
    if (status == DB_OK)
    {
        rules_load(&dispatch->rules, result);
        dispatch->routed = true;
    }
}

static void
load_accounts(struct dispatch *dispatch)
{
    struct db *db = session_db(dispatch->session, SESSION_CONTROL);

    dispatch->load_again = dispatch->loading;
    if (db != NULL && !dispatch->loading && dispatch->phase == RUNNING)
    {
        dispatch->loading = true;
        store_load(dispatch->store);
        db_query(db, true, RULE_LIST_SQL, 0, NULL, on_rules, dispatch);
        db_query(db, true, ACCOUNT_LIST_SQL, 0, NULL, on_accounts, dispatch);
    }
}

/* ---- pumping ---- */

static bool
has_work(const struct dispatch *dispatch)
{
    return deliver_in_flight(dispatch->deliver) > 0 || deliver_queued(dispatch->deliver) > 0 ||
           record_pending(dispatch->recorder) > 0;
}

static void
check_stop(struct dispatch *dispatch)
{
    if (dispatch->phase == DRAINING && deliver_in_flight(dispatch->deliver) == 0 &&
        claim_is_quiet(dispatch->claimer))
    {
        FAILPOINT("K14", "record");
        dispatch->phase = RECORDING;
        record_flush(dispatch->recorder);
        loop_timer_start(dispatch->deadline, RECORD_GRACE_MS, 0);
    }
    if (dispatch->phase == RECORDING && record_pending(dispatch->recorder) == 0)
    {
        loop_stop(dispatch->loop);
    }
}

static void
on_kick(void *user)
{
    struct dispatch *dispatch = user;

    deliver_pump(dispatch->deliver);
    if (dispatch->phase == RUNNING)
    {
        claim_pump(dispatch->claimer);
    }
    check_stop(dispatch);
}

/* Something changed: look at everything, once, when the callbacks of this iteration are through. */
static void
kick(void *user)
{
    struct dispatch *dispatch = user;

    loop_timer_start(dispatch->kick, 0, 0);
}

/* ---- claims ---- */

static int
on_credit(void *user, enum channel channel)
{
    struct dispatch *dispatch = user;

    return deliver_credit(dispatch->deliver, channel);
}

static void
on_claimed(void *user, struct delivery *delivery)
{
    struct dispatch *dispatch = user;

    deliver_accept(dispatch->deliver, delivery);
}

static void
on_claims_end(void *user)
{
    struct dispatch *dispatch = user;

    deliver_pump(dispatch->deliver);
    check_stop(dispatch);
}

static bool
on_is_known(void *user, const char *id, int attempt)
{
    struct dispatch *dispatch = user;

    return deliver_holds(dispatch->deliver, id, attempt) ||
           record_holds(dispatch->recorder, id, attempt);
}

static struct metrics_gauges
gauges(const struct dispatch *dispatch)
{
    int64_t now_ms = loop_now_ms(dispatch->loop);
    struct metrics_gauges ret = {
        .ready = dispatch->phase == RUNNING && session_is_ready(dispatch->session) &&
                 session_is_armed(dispatch->session),
        .armed = session_is_armed(dispatch->session),
        .in_flight = (int64_t) deliver_in_flight(dispatch->deliver),
        .queued = (int64_t) deliver_queued(dispatch->deliver),
        .pending = (int64_t) record_pending(dispatch->recorder),
        .broken = (int64_t) dispatch->accounts.broken,
        .session_losses = session_losses(dispatch->session),
    };

    for (const struct account *a = dispatch->accounts.first; a != NULL; a = a->next)
    {
        ret.accounts++;
        ret.paused += account_pause_ms(a, now_ms) > 0 ? 1 : 0;
    }
    return ret;
}

static bool
has_account(const struct dispatch *dispatch, enum channel channel)
{
    for (const struct account *a = dispatch->accounts.first; a != NULL; a = a->next)
    {
        if (a->provider->channel == channel)
        {
            return true;
        }
    }
    return false;
}

/* Does this row of herald.backlog() show deliveries that no account of ours serves? */
static bool
is_unserved(const struct dispatch *dispatch, const struct db_result *result, int row)
{
    const char *waiting = db_result_value(result, row, 1);
    enum channel channel;

    return channel_from_name(db_result_value(result, row, 0), &channel) &&
           (dispatch->settings->channels & 1u << channel) != 0 && !has_account(dispatch, channel) &&
           strcmp(waiting, "0") != 0;
}

/* --once is through, except for what waits for better times. */
static void
on_left(void *user, enum db_status status, const struct db_result *result)
{
    struct dispatch *dispatch = user;
    bool left = gauges(dispatch).paused > 0;

    dispatch->asking_left = false;
    if (status == DB_LOST || dispatch->phase != RUNNING)
    {
        return;
    }
    if (left)
    {
        log_event(LOG_WARN, "accounts are paused, deliveries for them may wait", NULL);
    }
    for (int row = 0; status == DB_OK && row < db_result_rows(result); row++)
    {
        if (is_unserved(dispatch, result, row))
        {
            log_event(LOG_WARN, "deliveries wait for a channel without an account", "channel",
                      db_result_value(result, row, 0), "count", db_result_value(result, row, 1),
                      NULL);
            left = true;
        }
    }
    begin_stop(dispatch, left ? EXIT_LEFT : 0);
}

static void
on_idle(void *user)
{
    struct dispatch *dispatch = user;
    struct db *db = session_db(dispatch->session, SESSION_CONTROL);

    if (dispatch->settings->once && dispatch->loaded && dispatch->ticked && db != NULL &&
        dispatch->phase == RUNNING && !has_work(dispatch) && !dispatch->asking_left)
    {
        dispatch->asking_left = true;
        db_query(db, false, "select channel, waiting from herald.backlog()", 0, NULL, on_left,
                 dispatch);
    }
}

/* ---- sessions ---- */

static void
on_ready(void *user)
{
    struct dispatch *dispatch = user;

    tell_readiness(dispatch);
    record_session_ready(dispatch->recorder);
    claim_session_ready(dispatch->claimer);
    kick(dispatch);
}

static void
on_confirmed(void *user)
{
    kick(user);
}

static void
on_epoch_gone(void *user)
{
    struct dispatch *dispatch = user;

    metrics_epoch_lost(dispatch->metrics);
    deliver_epoch_gone(dispatch->deliver);
}

static void
on_doorbell(void *user)
{
    struct dispatch *dispatch = user;

    claim_doorbell(dispatch->claimer);
}

static void
on_config_changed(void *user)
{
    load_accounts(user);
}

static void
on_db_error(void *user, const char *sqlstate)
{
    struct dispatch *dispatch = user;

    metrics_db_error(dispatch->metrics, sqlstate);
}

static void
on_armed(void *user)
{
    struct dispatch *dispatch = user;

    if (session_is_armed(dispatch->session))
    {
        claim_wake(dispatch->claimer);
    }
    else if (dispatch->settings->once && dispatch->phase == RUNNING)
    {
        begin_stop(dispatch, EXIT_UNARMED);
    }
}

static void
on_share(void *user, int place, int dispatchers)
{
    struct dispatch *dispatch = user;
    struct limit_share share = { place, dispatchers };

    if (memcmp(&share, &dispatch->accounts.share, sizeof(share)) != 0)
    {
        accounts_set_share(&dispatch->accounts, &share, loop_now_ms(dispatch->loop));
        kick(dispatch);
    }
}

static void
on_ticked(void *user)
{
    struct dispatch *dispatch = user;

    if (!dispatch->ticked)
    {
        dispatch->ticked = true;
        tell_readiness(dispatch);
        claim_wake(dispatch->claimer);
    }
}

static void
on_refused(void *user, const char *message)
{
    struct dispatch *dispatch = user;

    if (dispatch->exit_code == 0)
    {
        /* Each session finds out. */
        log_event(LOG_ERROR, "cannot start", "reason", message, NULL);
    }
    dispatch->exit_code = 1;
    loop_stop(dispatch->loop);
}

static void
on_freed(void *user)
{
    kick(user);
}

/* ---- stopping ---- */

static void
begin_stop(struct dispatch *dispatch, int exit_code)
{
    dispatch->exit_code = exit_code;
    dispatch->phase = DRAINING;
    sd_notify_send("STOPPING=1");
    claim_stop(dispatch->claimer);
    mover_stop(dispatch->mover);
    deliver_stop(dispatch->deliver);
    loop_timer_start(dispatch->deadline, dispatch->settings->drain_ms, 0);
    kick(dispatch);
}

/* Time is up: for answers, for recording them, or for the first connection. */
static void
on_deadline(void *user)
{
    struct dispatch *dispatch = user;
    char count[24];

    if (dispatch->phase == RUNNING)
    {
        on_refused(dispatch, "there is no database session, see above");
        return;
    }
    if (dispatch->phase == DRAINING)
    {
        snprintf(count, sizeof(count), "%zu", deliver_in_flight(dispatch->deliver));
        log_event(LOG_WARN, "stopping without the answers to requests in flight", "count", count,
                  NULL);
        http_destroy(dispatch->http);
        dispatch->http = NULL;
        store_abandon(dispatch->store);
        deliver_abandon(dispatch->deliver);
        dispatch->phase = RECORDING;
        record_flush(dispatch->recorder);
        loop_timer_start(dispatch->deadline, RECORD_GRACE_MS, 0);
        check_stop(dispatch);
        return;
    }
    snprintf(count, sizeof(count), "%zu", record_pending(dispatch->recorder));
    log_event(LOG_ERROR, "results could not be recorded, their deliveries will be repeated",
              "count", count, NULL);
    dispatch->exit_code = 1;
    loop_stop(dispatch->loop);
}

static void
on_signal(void *user, int signum)
{
    struct dispatch *dispatch = user;

    if (signum == SIGHUP)
    {
        log_event(LOG_INFO, "configuration is read again", NULL);
        if (dispatch->settings->reload != NULL)
        {
            dispatch->settings->reload(dispatch->settings->user);
        }
        load_accounts(dispatch);
        FAILPOINT("K14", "reload");
    }
    else if (dispatch->phase == RUNNING)
    {
        log_event(LOG_INFO, "stopping", NULL);
        begin_stop(dispatch, 0);
        FAILPOINT("K14", "drain");
    }
    else
    {
        log_event(LOG_WARN, "stopping at once", NULL);
        dispatch->exit_code = 1;
        loop_stop(dispatch->loop);
    }
}

static void
on_watchdog(void *user)
{
    (void) user;
    sd_notify_send("WATCHDOG=1");
}

/* ---- metrics ---- */

static int
on_request(void *user, const char *path, struct buf *body, const char **content_type)
{
    struct dispatch *dispatch = user;
    struct metrics_gauges now = gauges(dispatch);

    if (strcmp(path, "/healthz") == 0)
    {
        buf_puts(body, now.ready   ? "ok\n"
                       : now.armed ? "not ready\n"
                                   : "standing by: the database is not armed\n");
        return now.ready ? 200 : 503;
    }
    if (strcmp(path, "/metrics") != 0)
    {
        buf_puts(body, "see /metrics and /healthz\n");
        return 404;
    }
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(dispatch->metrics, &now, body);
    metrics_write_account(body, CHANNEL_PUSH, NULL, false);
    for (const struct account *a = dispatch->accounts.first; a != NULL; a = a->next)
    {
        metrics_write_account(body, a->provider->channel, a->name,
                              account_pause_ms(a, loop_now_ms(dispatch->loop)) > 0);
    }
    return 200;
}

static void
on_health(void *user, enum db_status status, const struct db_result *result)
{
    struct dispatch *dispatch = user;

    if (status != DB_OK)
    {
        return;
    }
    metrics_health_begin(dispatch->metrics);
    for (int row = 0; row < db_result_rows(result); row++)
    {
        const char *ok = db_result_value(result, row, 1);

        metrics_health(dispatch->metrics, db_result_value(result, row, 0),
                       ok != NULL && ok[0] == 't');
    }
}

static void
on_backlog(void *user, enum db_status status, const struct db_result *result)
{
    struct dispatch *dispatch = user;

    for (int row = 0; status == DB_OK && row < db_result_rows(result); row++)
    {
        const char *oldest_s = db_result_value(result, row, 5);
        enum channel channel;
        struct metrics_backlog backlog = {
            .waiting = strtoll(db_result_value(result, row, 1), NULL, 10),
            .claimed = strtoll(db_result_value(result, row, 2), NULL, 10),
            .due = strtoll(db_result_value(result, row, 3), NULL, 10),
            .later = strtoll(db_result_value(result, row, 4), NULL, 10),
            .oldest_s = oldest_s == NULL ? 0 : strtod(oldest_s, NULL),
        };

        if (channel_from_name(db_result_value(result, row, 0), &channel))
        {
            metrics_backlog(dispatch->metrics, channel, &backlog);
        }
    }
}

/* What SQL knows about the state of things; read only when somebody may ask for metrics. */
static void
read_health(void *user)
{
    struct dispatch *dispatch = user;
    struct db *db = session_db(dispatch->session, SESSION_TICK);

    if (db != NULL && dispatch->listener != NULL && dispatch->phase == RUNNING)
    {
        db_query(db, true, "select name, ok from herald.health()", 0, NULL, on_health, dispatch);
        db_query(db, true,
                 "select channel, waiting, claimed, due, later, oldest_s from herald.backlog()", 0,
                 NULL, on_backlog, dispatch);
    }
}

/* ---- start and end ---- */

static void
create_parts(struct dispatch *dispatch)
{
    static const struct session_events session_events = {
        .ready = on_ready,
        .confirmed = on_confirmed,
        .epoch_gone = on_epoch_gone,
        .doorbell = on_doorbell,
        .config_changed = on_config_changed,
        .armed = on_armed,
        .share = on_share,
        .db_error = on_db_error,
        .ticked = on_ticked,
        .refused = on_refused,
    };
    static const struct claim_events claim_events = { .credit = on_credit,
                                                      .claimed = on_claimed,
                                                      .claims_end = on_claims_end,
                                                      .is_known = on_is_known,
                                                      .idle = on_idle };
    const struct dispatch_settings *settings = dispatch->settings;
    struct deliver_parts parts;

    dispatch->http = http_create(dispatch->loop, STREAMS_MAX, CONNECTIONS_MAX);
    dispatch->metrics = metrics_create();
    dispatch->session = session_create(dispatch->loop, settings->conninfo, settings->name,
                                       &session_events, dispatch);
    dispatch->recorder =
        record_create(dispatch->loop, dispatch->session, dispatch->metrics, on_freed, dispatch);
    dispatch->store = store_create(dispatch->loop, dispatch->session, dispatch->http);
    dispatch->mover = mover_create(dispatch->loop, dispatch->session, dispatch->store);
    parts = (struct deliver_parts){
        .loop = dispatch->loop,
        .session = dispatch->session,
        .http = dispatch->http,
        .accounts = &dispatch->accounts,
        .rules = &dispatch->rules,
        .recorder = dispatch->recorder,
        .metrics = dispatch->metrics,
        .store = dispatch->store,
        .object_bytes_max = settings->object_bytes_max,
        .concurrency = settings->concurrency,
        .kick = kick,
        .user = dispatch,
    };
    dispatch->deliver = deliver_create(&parts);
    dispatch->circuits = circuits_create(dispatch->loop, dispatch->session, &dispatch->accounts);
    dispatch->claimer = claim_create(dispatch->loop, dispatch->session, dispatch->metrics,
                                     settings->channels, &claim_events, dispatch);
}

static void
create_timers(struct dispatch *dispatch)
{
    int64_t watchdog_ms = sd_notify_watchdog_ms();

    dispatch->kick = loop_timer_create(dispatch->loop, on_kick, dispatch);
    dispatch->deadline = loop_timer_create(dispatch->loop, on_deadline, dispatch);
    dispatch->watchdog = loop_timer_create(dispatch->loop, on_watchdog, dispatch);
    dispatch->health = loop_timer_create(dispatch->loop, read_health, dispatch);
    loop_timer_start(dispatch->health, 1000, HEALTH_MS);
    if (dispatch->settings->once)
    {
        loop_timer_start(dispatch->deadline, ONCE_CONNECT_MS, 0);
    }
    if (watchdog_ms > 0)
    {
        loop_timer_start(dispatch->watchdog, watchdog_ms, watchdog_ms);
    }
    loop_on_signal(dispatch->loop, SIGTERM, on_signal, dispatch);
    loop_on_signal(dispatch->loop, SIGINT, on_signal, dispatch);
    loop_on_signal(dispatch->loop, SIGHUP, on_signal, dispatch);
}

/* Sessions first: what they call back with still finds everybody. */
static void
destroy_parts(struct dispatch *dispatch)
{
    claim_stop(dispatch->claimer);
    session_close(dispatch->session);
    listen_destroy(dispatch->listener);
    http_destroy(dispatch->http);
    store_destroy(dispatch->store);
    mover_destroy(dispatch->mover);
    deliver_destroy(dispatch->deliver);
    circuits_destroy(dispatch->circuits);
    accounts_finish(&dispatch->accounts);
    rules_finish(&dispatch->rules);
    record_destroy(dispatch->recorder);
    claim_destroy(dispatch->claimer);
    session_destroy(dispatch->session);
    metrics_destroy(dispatch->metrics);
    loop_timer_destroy(dispatch->kick);
    loop_timer_destroy(dispatch->deadline);
    loop_timer_destroy(dispatch->watchdog);
    loop_timer_destroy(dispatch->health);
}

int
dispatch_run(const struct dispatch_settings *settings)
{
    struct dispatch dispatch = { .settings = settings };
    const char *error = NULL;

    dispatch.loop = loop_create();
    create_timers(&dispatch);
    create_parts(&dispatch);
    if (settings->metrics != NULL)
    {
        dispatch.listener =
            listen_create(dispatch.loop, settings->metrics, on_request, &dispatch, &error);
        if (dispatch.listener == NULL)
        {
            log_event(LOG_ERROR, "cannot listen for metrics", "address", settings->metrics,
                      "reason", error, NULL);
            dispatch.exit_code = 1;
        }
    }
    if (dispatch.exit_code == 0)
    {
        loop_run(dispatch.loop);
    }
    destroy_parts(&dispatch);
    loop_destroy(dispatch.loop);
    log_event(LOG_INFO, "stopped", NULL);
    return dispatch.exit_code;
}
