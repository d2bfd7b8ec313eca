/*
 * The yardstick of the drain benchmark: claim, send, delete, and nothing else. It uses the
 * libraries, connections, TLS and batch sizes of the dispatcher, but renders nothing, holds no
 * lease and records no outcome.
 *
 *   bare CONNINFO ENDPOINT CA_FILE    drains the table bare(id bigint, claimed boolean, body text)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/crypto.h"
#include "core/db.h"
#include "core/http.h"
#include "core/loop.h"

enum
{
    IN_FLIGHT_MAX = 1000,
    BATCH_MAX = 500,
    FLUSH_MS = 50,
    STREAMS_MAX = 100,
    CONNECTIONS_MAX = 8,
    TIMEOUT_MS = 30000
};

struct bare
{
    struct loop *loop;
    struct http *http;
    struct db *claim_db;
    struct db *delete_db;
    struct http_options options;
    const char *url;
    const char *password;
    struct loop_timer *flush_timer;
    struct buf done_ids;
    int done_count;
    int in_flight;
    bool claiming;
    bool drained;
};

struct job
{
    struct bare *bare;
    struct arena *arena;
    struct wire_request request;
    char id[24];
};

static void claim(struct bare *bare);

static void
stop_when_finished(struct bare *bare)
{
    if (bare->drained && bare->in_flight == 0 && bare->done_count == 0 &&
        db_pending(bare->delete_db) == 0)
        loop_stop(bare->loop);
}

static void
on_deleted(void *user, enum db_status status, const struct db_result *result)
{
    if (status != DB_OK)
    {
        fprintf(stderr, "bare: %s\n", result ? db_result_message(result) : "session lost");
        exit(EXIT_FAILURE);
    }
    stop_when_finished(user);
}

static void
flush(void *user)
{
    struct bare *bare = user;
    if (bare->done_count == 0)
        return;
    buf_putc(&bare->done_ids, '}');
    const char *params[] = { bare->done_ids.data };
    db_query(bare->delete_db, true, "delete from bare where id = any ($1::bigint[])", 1, params,
             on_deleted, bare);
    buf_reset(&bare->done_ids);
    bare->done_count = 0;
}

static void
on_answer(void *user, const struct wire_answer *answer)
{
    struct job *job = user;
    struct bare *bare = job->bare;
    if (answer->result != WIRE_ANSWERED || answer->status >= 300)
    {
        fprintf(stderr, "bare: status %d %s\n", answer->status, answer->error ? answer->error : "");
        exit(EXIT_FAILURE);
    }
    buf_printf(&bare->done_ids, "%c%s", bare->done_count == 0 ? '{' : ',', job->id);
    bare->done_count++;
    bare->in_flight--;
    arena_destroy(job->arena);
    if (bare->done_count == BATCH_MAX)
        flush(bare);
    claim(bare);
}

static void
send_row(struct bare *bare, const char *id, const char *body, size_t len)
{
    struct arena *arena = arena_create();
    struct job *job = arena_alloc(arena, sizeof *job);
    job->bare = bare;
    job->arena = arena;
    snprintf(job->id, sizeof job->id, "%s", id);
    job->request = (struct wire_request){
        .kind = WIRE_HTTP,
        .method = "POST",
        .url = bare->url,
        .username = "AC00000000000000000000000000000000",
        .password = bare->password,
        .body = arena_strndup(arena, body, len),
        .body_len = len,
    };
    wire_add_header(&job->request, "content-type", "application/x-www-form-urlencoded");
    bare->in_flight++;
    http_start(bare->http, &job->request, &bare->options, arena, on_answer, job);
}

static void
on_claimed(void *user, enum db_status status, const struct db_result *result)
{
    struct bare *bare = user;
    bare->claiming = false;
    if (status != DB_OK)
    {
        fprintf(stderr, "bare: %s\n", result ? db_result_message(result) : "session lost");
        exit(EXIT_FAILURE);
    }
    int rows = db_result_rows(result);
    for (int row = 0; row < rows; row++)
        send_row(bare, db_result_value(result, row, 0), db_result_value(result, row, 1),
                 db_result_length(result, row, 1));
    bare->drained = rows == 0;
    claim(bare);
    stop_when_finished(bare);
}

static void
claim(struct bare *bare)
{
    int credit = IN_FLIGHT_MAX - bare->in_flight;
    if (bare->claiming || bare->drained || credit < BATCH_MAX / 2)
        return;
    char limit[12];
    snprintf(limit, sizeof limit, "%d", credit < BATCH_MAX ? credit : BATCH_MAX);
    const char *params[] = { limit };
    bare->claiming = true;
    db_query(bare->claim_db, true,
             "with c as materialized (select id from bare where not claimed order by id"
             " limit $1::integer for update skip locked)"
             " update bare b set claimed = true from c where b.id = c.id returning b.id, b.body",
             1, params, on_claimed, bare);
}

static void
on_connected(void *user)
{
    struct bare *bare = user;
    if (db_is_connected(bare->claim_db) && db_is_connected(bare->delete_db))
        claim(bare);
}

static void
on_lost(void *user, const char *reason)
{
    (void) user;
    fprintf(stderr, "bare: %s\n", reason);
    exit(EXIT_FAILURE);
}

static void
on_notified(void *user, const char *channel, const char *payload)
{
    (void) user;
    (void) channel;
    (void) payload;
}

int
main(int argc, char **argv)
{
    if (argc != 4)
    {
        fprintf(stderr, "usage: %s CONNINFO ENDPOINT CA_FILE\n", argv[0]);
        return 2;
    }
    static const struct db_events events = { .connected = on_connected,
                                             .lost = on_lost,
                                             .notified = on_notified };
    struct arena *arena = arena_create();
    struct bare bare = {
        .loop = loop_create(),
        .password = getenv("TWILIO_AUTH_TOKEN"),
        .url = arena_printf(arena,
                            "%s/2010-04-01/Accounts/AC00000000000000000000000000000000"
                            "/Messages.json",
                            argv[2]),
        .options = { .ca_file = argv[3],
                     .connect_timeout_ms = TIMEOUT_MS,
                     .total_timeout_ms = TIMEOUT_MS,
                     .idle_max_s = 3600 },
    };
    buf_init(&bare.done_ids, 1 << 20);
    bare.http = http_create(bare.loop, STREAMS_MAX, CONNECTIONS_MAX);
    bare.flush_timer = loop_timer_create(bare.loop, flush, &bare);
    loop_timer_start(bare.flush_timer, FLUSH_MS, FLUSH_MS);
    bare.claim_db = db_create(bare.loop, argv[1], "bare-claim", &events, &bare);
    bare.delete_db = db_create(bare.loop, argv[1], "bare-delete", &events, &bare);
    loop_run(bare.loop);
    arena_destroy(arena);
    return EXIT_SUCCESS;
}
