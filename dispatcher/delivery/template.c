/* The cache of compiled templates, by template, version, channel and locale. */
#include "delivery/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/db.h"
#include "core/mem.h"

#define BUCKETS 1024

struct entry
{
    struct entry *bucket_next;
    struct entry *newer; /* use order */
    struct entry *older;
    struct template_cache *cache;
    char *template_name;
    char *locale;
    int version;
    enum channel channel;
    unsigned bucket;
    struct render_template *compiled; /* NULL while loading */
    struct delivery_list waiting;     /* borrowed */
};

struct template_cache
{
    struct session *session;
    struct entry *buckets[BUCKETS];
    struct entry *newest;
    struct entry *oldest;
    size_t count;
    size_t max;
    template_ready_fn ready;
    void *user;
};

static unsigned
hash_text(unsigned hash, const char *text)
{
    for (; *text != '\0'; text++)
    {
        hash = (hash ^ (unsigned char) *text) * 16777619u;
    }
    return hash;
}

static unsigned
bucket_of(const struct delivery *delivery)
{
    unsigned hash = hash_text(2166136261u, delivery->template_name);

    hash = hash_text(hash, delivery->locale);
    hash = (hash ^ (unsigned) delivery->version) * 16777619u;
    return ((hash ^ (unsigned) delivery->channel) * 16777619u) % BUCKETS;
}

static bool
is_for(const struct entry *entry, const struct delivery *delivery)
{
    return entry->version == delivery->version && entry->channel == delivery->channel &&
           strcmp(entry->template_name, delivery->template_name) == 0 &&
           strcmp(entry->locale, delivery->locale) == 0;
}

static void
unlink_use(struct entry *entry)
{
    struct template_cache *cache = entry->cache;

    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void
link_newest(struct entry *entry)
{
    struct template_cache *cache = entry->cache;

    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void
remove_entry(struct entry *entry)
{
    struct entry **link = &entry->cache->buckets[entry->bucket];

    while (*link != entry)
    {
        link = &(*link)->bucket_next;
    }
    *link = entry->bucket_next;
    unlink_use(entry);
    entry->cache->count--;
    render_template_destroy(entry->compiled);
    free(entry->template_name);
    free(entry->locale);
    free(entry);
}

struct template_cache *
template_cache_create(struct session *session, size_t entries_max, template_ready_fn ready,
                      void *user)
{
    struct template_cache *cache = mem_alloc(sizeof(*cache));

    cache->session = session;
    cache->max = entries_max;
    cache->ready = ready;
    cache->user = user;
    return cache;
}

void
template_cache_destroy(struct template_cache *cache)
{
    if (cache == NULL)
    {
        return;
    }
    while (cache->oldest != NULL)
    {
        remove_entry(cache->oldest);
    }
    free(cache);
}

void
template_cache_forget_waiting(struct template_cache *cache)
{
    for (struct entry *entry = cache->newest; entry != NULL; entry = entry->older)
    {
        entry->waiting = (struct delivery_list){ NULL, NULL, 0 };
    }
}

static struct entry *
find_entry(struct template_cache *cache, const struct delivery *delivery)
{
    struct entry *entry = cache->buckets[bucket_of(delivery)];

    while (entry != NULL && !is_for(entry, delivery))
    {
        entry = entry->bucket_next;
    }
    return entry;
}

const struct render_template *
template_cache_find(struct template_cache *cache, const struct delivery *delivery)
{
    struct entry *entry = find_entry(cache, delivery);

    if (entry == NULL || entry->compiled == NULL)
    {
        return NULL;
    }
    if (cache->newest != entry)
    {
        unlink_use(entry);
        link_newest(entry);
    }
    return entry->compiled;
}

/* Make room; entries that are being loaded stay. */
static void
evict(struct template_cache *cache)
{
    struct entry *entry = cache->oldest;

    while (entry != NULL && cache->count >= cache->max)
    {
        struct entry *newer = entry->newer;

        if (entry->compiled != NULL)
        {
            remove_entry(entry);
        }
        entry = newer;
    }
}

static struct entry *
add_entry(struct template_cache *cache, const struct delivery *delivery)
{
    struct entry *entry;

    evict(cache);
    entry = mem_alloc(sizeof(*entry));
    entry->cache = cache;
    entry->template_name = mem_strdup(delivery->template_name);
    entry->locale = mem_strdup(delivery->locale);
    entry->version = delivery->version;
    entry->channel = delivery->channel;
    entry->bucket = bucket_of(delivery);
    entry->bucket_next = cache->buckets[entry->bucket];
    cache->buckets[entry->bucket] = entry;
    link_newest(entry);
    cache->count++;
    return entry;
}

static void
wake_waiting(struct entry *entry, const char *problem)
{
    struct template_cache *cache = entry->cache;
    struct delivery_list waiting = entry->waiting;
    struct delivery *delivery;

    entry->waiting = (struct delivery_list){ NULL, NULL, 0 };
    while ((delivery = delivery_list_shift(&waiting)) != NULL)
    {
        cache->ready(cache->user, delivery, entry->compiled, problem);
    }
}

/* A row of herald.template_sources(), or the key of objects: kind, name, source. */
static void
add_source(struct render_template *compiled, const struct db_result *result, int row)
{
    const char *kind = db_result_value(result, row, 0);
    const char *name = db_result_value(result, row, 1);
    const char *source = db_result_value(result, row, 2);
    size_t len = db_result_length(result, row, 2);

    if (strcmp(kind, "mode") == 0 && strcmp(name, "lax") == 0)
    {
        render_template_set_lax(compiled);
    }
    else if (strcmp(kind, "tracking_url") == 0 && name[0] != '\0')
    {
        render_template_set_tracking(compiled, name);
    }
    else if (strcmp(kind, "object_base_url") == 0 && name[0] != '\0')
    {
        render_template_set_objects(compiled, name);
    }
    else if (strcmp(kind, "object_key") == 0)
    {
        render_template_set_object_key(compiled, source);
    }
    else if (strcmp(kind, "translations") == 0)
    {
        render_template_translate(compiled, source, len);
    }
    else if (strcmp(kind, "shared") == 0)
    {
        render_template_share(compiled, name, source, len);
    }
    else if (strcmp(kind, "part") == 0)
    {
        render_template_add(compiled, name, source, len);
    }
}

static void
on_sources(void *user, enum db_status status, const struct db_result *result)
{
    struct entry *entry = user;

    if (status != DB_OK)
    {
        wake_waiting(entry, status == DB_LOST ? NULL : db_result_message(result));
        remove_entry(entry);
        return;
    }
    entry->compiled = render_template_create();
    for (int row = 0; row < db_result_rows(result); row++)
    {
        add_source(entry->compiled, result, row);
    }
    wake_waiting(entry, NULL);
}

bool
template_cache_fetch(struct template_cache *cache, struct delivery *delivery)
{
    struct db *db = session_db(cache->session, SESSION_CLAIM);
    struct entry *entry = find_entry(cache, delivery);

    if (entry == NULL)
    {
        char version[16];
        const char *params[4] = { delivery->template_name, version, channel_name(delivery->channel),
                                  delivery->locale };

        if (db == NULL)
        {
            return false;
        }
        snprintf(version, sizeof(version), "%d", delivery->version);
        entry = add_entry(cache, delivery);
        db_query(db, true,
                 "select kind, name, source from herald.template_sources($1, $2, $3, $4)"
                 " union all select 'object_key', '',"
                 " pg_catalog.encode(herald.object_signer(), 'hex')",
                 4, params, on_sources, entry);
    }
    delivery_list_push(&entry->waiting, delivery);
    return true;
}
