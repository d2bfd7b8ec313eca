/* Requests to the store, and what its answers mean. */
#include "delivery/store.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sigv4.h"
#include "delivery/account.h"

#define STORE_SQL "select settings, secrets from herald.object_store_account()"
#define TIMEOUT_MS 60000
#define CODE_BYTES_MAX 64
/* Of no body. */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct store
{
    struct loop *loop;
    struct session *session;
    struct http *http;
    struct account *account; /* NULL: there is none, or it cannot be used */
    bool configured;
    struct transfer *transfers; /* under way */
};

struct transfer
{
    struct transfer *next;
    struct store *store;
    struct account *account;
    struct arena *arena;
    struct wire_request request;
    const char *sha256;
    char *data; /* of what is got, else NULL */
    size_t size;
    content_done_fn done;
    void *user;
};

static const struct provider_setting store_settings[] = {
    { .name = "region", .required = true },
    { .name = "bucket", .required = true },
    { .name = "prefix" },
    { .name = "access_key_id", .required = true, .secret = true },
    { .name = "secret_access_key", .required = true, .secret = true },
    { .name = "session_token", .secret = true },
    { .name = NULL },
};

/* Read as an account is, so that settings and secrets are the same thing everywhere. */
static const struct provider store_kind = {
    .kind = "object store",
    .settings = store_settings,
    .total_timeout_ms = TIMEOUT_MS,
};

/* ---- transfers ---- */

static void
free_transfer(struct transfer *transfer)
{
    struct transfer **link = &transfer->store->transfers;

    while (*link != transfer)
    {
        link = &(*link)->next;
    }
    *link = transfer->next;
    account_release(transfer->account);
    arena_destroy(transfer->arena);
    free(transfer);
}

/* The last thing done with it; the reason lives until done returns. */
static void
end(struct transfer *transfer, enum content_result result, const char *reason)
{
    transfer->done(transfer->user, result, reason);
    free_transfer(transfer);
}

/* The error's code of S3: a word in XML. NULL: there is none. */
static const char *
read_code(const struct wire_answer *answer, struct arena *arena)
{
    const char *at = strstr(answer->body, "<Code>");
    size_t len;

    if (at == NULL)
    {
        return NULL;
    }
    at += strlen("<Code>");
    len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    return len > 0 && len <= CODE_BYTES_MAX && at[len] == '<' ? arena_strndup(arena, at, len)
                                                              : NULL;
}

static const char *
describe(const struct wire_answer *answer, struct arena *arena)
{
    const char *code = read_code(answer, arena);

    if (answer->result != WIRE_ANSWERED)
    {
        return arena_printf(arena, "the object store cannot be reached: %s", answer->error);
    }
    return arena_printf(arena, "the object store answered %d%s%s", answer->status,
                        code != NULL ? " " : "", code != NULL ? code : "");
}

/* What was got is used only if it is what was put. */
static void
take_content(struct transfer *transfer, const struct wire_answer *answer)
{
    if (answer->body_truncated && answer->body_len <= transfer->size)
    {
        end(transfer, CONTENT_FAILED, "the answer of the object store ended too early");
    }
    else if (answer->body_len != transfer->size ||
             !content_is(answer->body, answer->body_len, transfer->sha256))
    {
        end(transfer, CONTENT_DAMAGED, NULL);
    }
    else
    {
        memcpy(transfer->data, answer->body, transfer->size);
        end(transfer, CONTENT_OK, NULL);
    }
}

static void
on_answer(void *user, const struct wire_answer *answer)
{
    struct transfer *transfer = user;
    const char *code = read_code(answer, transfer->arena);
    int status = answer->result == WIRE_ANSWERED ? answer->status : 0;
    bool gone = status == 404 && code != NULL && strcmp(code, "NoSuchKey") == 0;
    bool deleting = strcmp(transfer->request.method, "DELETE") == 0;

    if (status == 200 && transfer->data != NULL)
    {
        take_content(transfer, answer);
    }
    else if (status == 200 || (deleting && (status == 204 || gone)))
    {
        end(transfer, CONTENT_OK, NULL);
    }
    else if (gone)
    {
        end(transfer, CONTENT_ABSENT, NULL);
    }
    else
    {
        end(transfer, CONTENT_FAILED, describe(answer, transfer->arena));
    }
}

static struct transfer *
new_transfer(struct store *store, const char *method, const char *sha256, content_done_fn done,
             void *user)
{
    struct transfer *transfer = mem_alloc(sizeof(*transfer));

    transfer->arena = arena_create();
    if (transfer->arena == NULL)
    {
        mem_exhausted();
    }
    transfer->store = store;
    transfer->account = store->account;
    account_retain(transfer->account);
    transfer->sha256 = arena_strdup(transfer->arena, sha256);
    transfer->done = done;
    transfer->user = user;
    transfer->request.method = method;
    transfer->request.body = "";
    transfer->next = store->transfers;
    store->transfers = transfer;
    return transfer;
}

/* Sign and send; body_sha256 is the body's hash. */
static void
start(struct transfer *transfer, const char *body_sha256)
{
    struct store *store = transfer->store;
    const struct settings *settings = transfer->account->settings;
    const struct sigv4_account signer = {
        .access_key_id = settings_get(settings, "access_key_id"),
        .secret_access_key = settings_get(settings, "secret_access_key"),
        .session_token = settings_get(settings, "session_token"),
        .region = settings_get(settings, "region"),
        .service = "s3",
    };
    const char *prefix = settings_get(settings, "prefix");
    struct wire_request *request = &transfer->request;
    const char *problem = NULL;

    request->url = arena_printf(transfer->arena, "%s/%s/%s%s%s", settings_get(settings, "endpoint"),
                                settings_get(settings, "bucket"), prefix != NULL ? prefix : "",
                                prefix != NULL ? "/" : "", transfer->sha256);
    wire_add_header(request, "x-amz-content-sha256", body_sha256);
    problem = sigv4_sign(request, &signer, loop_wall_us(store->loop) / 1000000, transfer->arena);
    if (problem != NULL)
    {
        end(transfer, CONTENT_FAILED, problem);
        return;
    }
    http_start(store->http, request, &transfer->account->http, transfer->arena, on_answer,
               transfer);
}

bool
store_is_usable(const struct store *store)
{
    return store->account != NULL && store->http != NULL;
}

void
store_get(struct store *store, const char *sha256, char *data, size_t size, content_done_fn done,
          void *user)
{
    struct transfer *transfer;

    if (!store_is_usable(store))
    {
        done(user, store->configured ? CONTENT_FAILED : CONTENT_ABSENT,
             "the object store cannot be used");
        return;
    }
    transfer = new_transfer(store, "GET", sha256, done, user);
    transfer->data = data;
    transfer->size = size;
    /* One more, to see what is too long. */
    transfer->request.answer_max = size + 1;
    start(transfer, EMPTY_SHA256);
}

void
store_put(struct store *store, const char *sha256, const char *data, size_t size,
          content_done_fn done, void *user)
{
    struct transfer *transfer;

    if (!store_is_usable(store))
    {
        done(user, CONTENT_FAILED, "the object store cannot be used");
        return;
    }
    transfer = new_transfer(store, "PUT", sha256, done, user);
    transfer->request.body = data;
    transfer->request.body_len = size;
    wire_add_header(&transfer->request, "content-type", "application/octet-stream");
    start(transfer, sha256);
}

void
store_delete(struct store *store, const char *sha256, content_done_fn done, void *user)
{
    if (!store_is_usable(store))
    {
        done(user, CONTENT_FAILED, "the object store cannot be used");
        return;
    }
    start(new_transfer(store, "DELETE", sha256, done, user), EMPTY_SHA256);
}

void
store_abandon(struct store *store)
{
    store->http = NULL;
    while (store->transfers != NULL)
    {
        free_transfer(store->transfers);
    }
}

/* ---- what the store is ---- */

static void
set_account(struct store *store, struct account *fresh)
{
    if (fresh != NULL && store->account != NULL &&
        crypto_equal(fresh->fingerprint, store->account->fingerprint, sizeof(fresh->fingerprint)))
    {
        account_release(fresh);
        return;
    }
    if (fresh != NULL)
    {
        log_event(LOG_INFO, "object store is in use", "endpoint",
                  settings_get(fresh->settings, "endpoint"), "bucket",
                  settings_get(fresh->settings, "bucket"), NULL);
    }
    account_release(store->account);
    store->account = fresh;
}

/* As of accounts, an old form stays when the new one cannot be used. */
static void
read_store(struct store *store, const struct db_result *result)
{
    const struct account_row row = {
        .name = "object store",
        .kind = store_kind.kind,
        .settings = db_result_value(result, 0, 0),
        .secrets = db_result_value(result, 0, 1),
        .rank = "0",
        .concurrency = "1",
    };
    struct arena *arena = arena_create();
    const char *reason = NULL;
    struct account *fresh;

    if (arena == NULL)
    {
        mem_exhausted();
    }
    fresh = account_build(&store_kind, &row, arena, &reason);
    if (fresh != NULL)
    {
        set_account(store, fresh);
    }
    else
    {
        log_event(LOG_ERROR, "object store cannot be used", "reason", reason, "old",
                  store->account != NULL ? "stays in use" : NULL, NULL);
    }
    arena_destroy(arena);
}

static void
on_store(void *user, enum db_status status, const struct db_result *result)
{
    struct store *store = user;

    if (status == DB_ERROR)
    {
        log_event(LOG_ERROR, "the object store cannot be read", "sqlstate",
                  db_result_sqlstate(result), "reason", db_result_message(result), NULL);
    }
    if (status != DB_OK)
    {
        return;
    }
    store->configured = db_result_rows(result) > 0;
    if (store->configured)
    {
        read_store(store, result);
    }
    else
    {
        set_account(store, NULL);
    }
}

void
store_load(struct store *store)
{
    struct db *db = session_db(store->session, SESSION_CONTROL);

    if (db != NULL)
    {
        db_query(db, true, STORE_SQL, 0, NULL, on_store, store);
    }
}

/* ---- start and end ---- */

struct store *
store_create(struct loop *loop, struct session *session, struct http *http)
{
    struct store *store = mem_alloc(sizeof(*store));

    *store = (struct store){ .loop = loop, .session = session, .http = http };
    return store;
}

void
store_destroy(struct store *store)
{
    store_abandon(store);
    account_release(store->account);
    free(store);
}
