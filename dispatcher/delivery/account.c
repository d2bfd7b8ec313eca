/* Loading and keeping accounts. */
#include "delivery/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/secret.h"
#include "delivery/credential.h"

#define CONNECT_TIMEOUT_MS 5000
#define IDLE_MAX_S 300
/* Deliveries for an account that somebody paused look again after this. */
#define PAUSE_LOOK_MS 30000

struct building
{
    struct account *account;
    struct buf *digest; /* everything that makes the account what it is */
    struct arena *arena;
    const char *reason; /* why not; NULL so far */
};

static void
digest_text(struct buf *digest, const char *text)
{
    buf_printf(digest, "%zu:", strlen(text));
    buf_puts(digest, text);
}

static bool
take_setting(const char *key, json *value, void *user)
{
    struct building *building = user;
    struct arena *arena = building->account->arena;
    const char *text = json_is_string(value) ? json_string(value) : NULL;

    if (json_is_object(value) && settings_set_map(building->account->settings, key, value))
    {
        digest_text(building->digest, key);
        digest_text(building->digest, settings_get(building->account->settings, key));
        return true;
    }
    if (json_is_object(value) || json_is_array(value) || value == NULL)
    {
        building->reason = arena_printf(
            building->arena,
            "setting %s must be a text, a number, true, false or an object of texts", key);
        return false;
    }
    if (text == NULL)
    {
        size_t len;

        text = json_print(arena, value, &len);
    }
    settings_set(building->account->settings, key, text);
    digest_text(building->digest, key);
    digest_text(building->digest, text);
    return true;
}

static bool
take_secret(const char *key, json *value, void *user)
{
    struct building *building = user;
    struct arena *arena = building->account->arena;
    const char *reference = json_is_string(value) ? json_string(value) : "";
    const char *error = NULL;
    char *secret = secret_resolve(arena, reference, &error);

    if (secret == NULL)
    {
        building->reason = arena_printf(building->arena, "secret %s: %s", key, error);
        return false;
    }
    settings_set_secret(building->account->settings, key, secret);
    digest_text(building->digest, key);
    digest_text(building->digest, secret);
    secret_wipe(secret);
    return true;
}

static void
take_members(struct building *building, const char *text, json_member_fn take)
{
    json *root = text == NULL ? NULL : json_parse(text, strlen(text), NULL);

    if (!json_is_object(root))
    {
        building->reason = "settings and secrets must be JSON objects";
    }
    else
    {
        json_each(root, take, building);
    }
    json_destroy(root);
}

static void
check_account(struct building *building, const struct account_row *row)
{
    struct account *account = building->account;
    struct provider_error error = { .reason = NULL };

    if (row->channel != NULL && strcmp(channel_name(account->provider->channel), row->channel) != 0)
    {
        building->reason =
            arena_printf(building->arena, "provider %s serves channel %s, not %s", row->kind,
                         channel_name(account->provider->channel), row->channel);
    }
    else if (!provider_check_settings(account->provider, account->settings, account->arena, &error))
    {
        building->reason = arena_strdup(building->arena, error.reason);
    }
}

static void
derive(struct account *account, struct buf *digest)
{
    const struct settings *settings = account->settings;

    account->http = (struct http_options){
        .ca_file = settings_get(settings, "ca_file"),
        .allow_addresses = settings_get(settings, "allow_addresses"),
        .allow_http = settings_get_bool(settings, "allow_http", false),
        .connect_timeout_ms = settings_get_int(settings, "connect_timeout_ms", CONNECT_TIMEOUT_MS),
        .total_timeout_ms =
            settings_get_int(settings, "timeout_ms", account->provider->total_timeout_ms),
        .idle_max_s = IDLE_MAX_S,
    };
    breaker_init(&account->breaker, account->concurrency);
    limit_init(&account->limit, settings);
    crypto_sha256(digest->data, digest->len, account->fingerprint);
}

struct account *
account_build(const struct provider *provider, const struct account_row *row, struct arena *arena,
              const char **ret_reason)
{
    struct account *account = mem_alloc(sizeof(*account));
    struct buf digest;
    struct building building = { account, &digest, arena, NULL };

    buf_init(&digest, 4 * 1024 * 1024);
    account->arena = arena_create();
    if (account->arena == NULL)
    {
        mem_exhausted();
    }
    account->references = 1;
    account->name = arena_strdup(account->arena, row->name);
    account->provider = provider;
    account->rank = (int) strtol(row->rank, NULL, 10);
    account->concurrency = (int) strtol(row->concurrency, NULL, 10);
    account->settings = settings_create(account->arena);
    digest_text(&digest, row->kind);
    digest_text(&digest, row->rank);
    digest_text(&digest, row->concurrency);
    if (account->provider == NULL)
    {
        building.reason = arena_printf(
            arena, "there is no provider kind %s, see herald-dispatcher --list-providers",
            row->kind);
    }
    else
    {
        take_members(&building, row->settings, take_setting);
    }
    if (building.reason == NULL)
    {
        take_members(&building, row->secrets, take_secret);
    }
    if (building.reason == NULL)
    {
        check_account(&building, row);
    }
    if (building.reason == NULL)
    {
        derive(account, &digest);
    }
    crypto_wipe(digest.data, digest.len);
    buf_finish(&digest);
    if (building.reason != NULL)
    {
        *ret_reason = building.reason;
        account_release(account);
        return NULL;
    }
    return account;
}

void
account_retain(struct account *account)
{
    account->references++;
}

static void
wipe_secrets(const struct account *account)
{
    const struct provider_setting *setting =
        account->provider == NULL ? NULL : account->provider->settings;

    for (; setting != NULL && setting->name != NULL; setting++)
    {
        const char *value = settings_get(account->settings, setting->name);

        if (setting->secret && value != NULL)
        {
            crypto_wipe((void *) (uintptr_t) value, strlen(value));
        }
    }
}

void
account_release(struct account *account)
{
    if (account == NULL || --account->references > 0)
    {
        return;
    }
    credential_destroy(account->credential);
    wipe_secrets(account);
    arena_destroy(account->arena);
    free(account);
}

struct account_row
account_row_of(const struct db_result *result, int row)
{
    return (struct account_row){
        .name = db_result_value(result, row, 0),
        .kind = db_result_value(result, row, 1),
        .channel = db_result_value(result, row, 2),
        .settings = db_result_value(result, row, 3),
        .secrets = db_result_value(result, row, 4),
        .rank = db_result_value(result, row, 5),
        .concurrency = db_result_value(result, row, 6),
        .pause_ms = db_result_value(result, row, 7),
    };
}

/* Take an account of that name out of the list. */
static struct account *
take_by_name(struct account **list, const char *name)
{
    for (; *list != NULL; list = &(*list)->next)
    {
        if (strcmp((*list)->name, name) == 0)
        {
            struct account *found = *list;

            *list = found->next;
            found->next = NULL;
            return found;
        }
    }
    return NULL;
}

static void
remove_account(struct account *account, account_removed_fn removed, void *user)
{
    if (account != NULL)
    {
        removed(user, account);
        account_release(account);
    }
}

/* Once for each reason: accounts are read again whenever one of them changes. */
static void
complain(struct accounts *accounts, const struct complaint *known, const char *name,
         const char *reason, bool has_old)
{
    struct complaint *complaint = mem_alloc(sizeof(*complaint));

    while (known != NULL && (strcmp(known->name, name) != 0 || strcmp(known->reason, reason) != 0))
    {
        known = known->next;
    }
    if (known == NULL)
    {
        log_event(LOG_ERROR, "account cannot be used", "account", name, "reason", reason, "old",
                  has_old ? "stays in use" : NULL, NULL);
    }
    complaint->name = mem_strdup(name);
    complaint->reason = mem_strdup(reason);
    complaint->next = accounts->complaints;
    accounts->complaints = complaint;
}

static void
complaints_destroy(struct complaint *complaint)
{
    while (complaint != NULL)
    {
        struct complaint *next = complaint->next;

        free(complaint->name);
        free(complaint->reason);
        free(complaint);
        complaint = next;
    }
}

/* The account to use for a row: the old one when nothing changed or the new one is unusable. */
static struct account *
choose(struct accounts *accounts, const struct complaint *known, const struct account_row *row,
       struct account **ret_replaced)
{
    struct account *old = take_by_name(&accounts->first, row->name);
    struct arena *arena = arena_create();
    const char *reason = NULL;
    struct account *fresh;

    if (arena == NULL)
    {
        mem_exhausted();
    }
    *ret_replaced = NULL;
    fresh = account_build(provider_find(row->kind), row, arena, &reason);
    if (fresh == NULL)
    {
        accounts->broken++;
        complain(accounts, known, row->name, reason, old != NULL);
    }
    else if (old != NULL && crypto_equal(old->fingerprint, fresh->fingerprint, 32))
    {
        account_release(fresh);
        fresh = NULL;
    }
    else
    {
        log_event(LOG_INFO, "account is in use", "account", row->name, "kind", row->kind, NULL);
        if (old != NULL)
        {
            limit_inherit(&fresh->limit, &old->limit);
            old->limit.granted = 0;
        }
        *ret_replaced = old;
        old = NULL;
    }
    arena_destroy(arena);
    return fresh != NULL ? fresh : old;
}

int64_t
account_pause_ms(const struct account *account, int64_t now_ms)
{
    int64_t pause_ms = breaker_pause_ms(&account->breaker, now_ms);
    int64_t ordered_ms = account->paused_until_ms - now_ms;

    ordered_ms = ordered_ms < PAUSE_LOOK_MS ? ordered_ms : PAUSE_LOOK_MS;
    return pause_ms > ordered_ms || ordered_ms < 0 ? pause_ms : ordered_ms;
}

bool
account_is_taken(const struct account *account, int64_t now_ms)
{
    return breaker_is_probing(&account->breaker, now_ms) &&
           account->in_flight + (int) account->queue.count > 0;
}

/* What an operator ordered; told once. */
static void
set_pause(struct account *account, const struct account_row *row, int64_t now_ms)
{
    int64_t ms = row->pause_ms == NULL ? 0 : strtoll(row->pause_ms, NULL, 10);
    bool before = account->paused_until_ms > now_ms;

    account->paused_until_ms = ms == 0 ? 0 : ms < 0 ? INT64_MAX : now_ms + ms;
    if (before != (ms != 0))
    {
        log_event(LOG_INFO, ms != 0 ? "account is paused" : "account is resumed", "account",
                  account->name, "cause", "operator", NULL);
    }
}

static void
set_share(struct account *account, const struct limit_share *share, int64_t now_ms)
{
    limit_set_share(&account->limit, share, now_ms * 1000);
    breaker_set_limit(&account->breaker, limit_part(share, account->concurrency));
}

void
accounts_set_share(struct accounts *accounts, const struct limit_share *share, int64_t now_ms)
{
    accounts->share = *share;
    for (struct account *a = accounts->first; a != NULL; a = a->next)
    {
        set_share(a, share, now_ms);
    }
}

void
accounts_load(struct accounts *accounts, const struct db_result *result, int64_t now_ms,
              account_removed_fn removed, void *user)
{
    struct account *list = NULL;
    struct account **end = &list;
    struct account *gone = NULL;
    struct complaint *known = accounts->complaints;

    accounts->complaints = NULL;
    accounts->broken = 0;
    accounts->changed = true;
    for (int row = 0; row < db_result_rows(result); row++)
    {
        struct account_row columns = account_row_of(result, row);
        struct account *replaced;
        struct account *account = choose(accounts, known, &columns, &replaced);

        if (account != NULL)
        {
            set_pause(account, &columns, now_ms);
            set_share(account, &accounts->share, now_ms);
            *end = account;
            end = &account->next;
        }
        if (replaced != NULL)
        {
            replaced->next = gone;
            gone = replaced;
        }
    }
    while (accounts->first != NULL)
    {
        struct account *unused = accounts->first;

        log_event(LOG_INFO, "account is no longer used", "account", unused->name, NULL);
        accounts->first = unused->next;
        unused->next = gone;
        gone = unused;
    }
    accounts->first = list;
    complaints_destroy(known);
    while (gone != NULL)
    {
        struct account *next = gone->next;

        remove_account(gone, removed, user);
        gone = next;
    }
}

void
accounts_finish(struct accounts *accounts)
{
    struct account *account = accounts->first;

    accounts->first = NULL;
    complaints_destroy(accounts->complaints);
    accounts->complaints = NULL;
    while (account != NULL)
    {
        struct account *next = account->next;

        credential_cancel(account);
        account_release(account);
        account = next;
    }
}
