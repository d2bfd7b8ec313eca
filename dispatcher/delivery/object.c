/*
 * The cache of objects. A delivery takes room for all that it attaches at once or waits for it, in
 * order, so that no two deliveries wait for each other.
 */
#include "delivery/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/db.h"
#include "core/mem.h"
#include "delivery/content.h"

#define BUCKETS 4096
#define HASH_CHARS 64
#define IDS_BYTES_MAX 1024

/* Bytes, by their hash. */
struct object_content
{
    struct object_content *bucket_next;
    struct object_content *newer; /* of those that nobody holds */
    struct object_content *older;
    struct object_cache *cache;
    char sha256[HASH_CHARS + 1];
    char *data;
    size_t size;
    bool loaded;
    size_t holders;
};

enum wait_state
{
    WAIT_FIND, /* for what the objects are */
    WAIT_ROOM,
    WAIT_LOAD, /* holds its contents */
    WAIT_OVER  /* for the answer to its question, to be released */
};

struct wait
{
    struct wait *next;
    struct object_cache *cache;
    struct delivery *delivery;
    enum wait_state state;
};

struct object_cache
{
    struct session *session;
    struct store *store;     /* has what the database has not */
    struct loop_timer *room; /* what waits for room is looked at again */
    struct object_content *buckets[BUCKETS];
    struct object_content *newest;
    struct object_content *oldest;
    size_t bytes;
    size_t bytes_max;
    struct wait *waiting; /* oldest first */
    object_ready_fn ready;
    void *user;
};

/* ---- contents ---- */

static struct object_content **
bucket_of(struct object_cache *cache, const char *sha256)
{
    char head[4] = { sha256[0], sha256[1], sha256[2] };

    return &cache->buckets[strtoul(head, NULL, 16)];
}

static struct object_content *
find_content(struct object_cache *cache, const char *sha256)
{
    struct object_content *content = *bucket_of(cache, sha256);

    while (content != NULL && strcmp(content->sha256, sha256) != 0)
    {
        content = content->bucket_next;
    }
    return content;
}

static void
unlink_idle(struct object_content *content)
{
    struct object_cache *cache = content->cache;

    *(content->newer != NULL ? &content->newer->older : &cache->newest) = content->older;
    *(content->older != NULL ? &content->older->newer : &cache->oldest) = content->newer;
}

static void
link_idle(struct object_content *content)
{
    struct object_cache *cache = content->cache;

    content->newer = NULL;
    content->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = content;
    cache->newest = content;
}

/* Take a content that nobody holds out of the cache. */
static void
remove_content(struct object_content *content)
{
    struct object_content **link = bucket_of(content->cache, content->sha256);

    while (*link != content)
    {
        link = &(*link)->bucket_next;
    }
    *link = content->bucket_next;
    content->cache->bytes -= content->size;
    free(content->data);
    free(content);
}

static struct object_content *
add_content(struct object_cache *cache, const struct delivery_attachment *attachment)
{
    struct object_content *content = mem_alloc(sizeof(*content));
    struct object_content **bucket = bucket_of(cache, attachment->sha256);

    content->cache = cache;
    snprintf(content->sha256, sizeof(content->sha256), "%s", attachment->sha256);
    content->size = attachment->size;
    content->data = mem_alloc(content->size);
    content->bucket_next = *bucket;
    *bucket = content;
    cache->bytes += content->size;
    return content;
}

static void
hold_content(struct object_content *content)
{
    if (content->holders++ == 0 && content->loaded)
    {
        unlink_idle(content);
    }
}

/* What is being loaded stays: its answer comes all the same. */
static void
drop_content(struct object_content *content)
{
    struct object_cache *cache = content->cache;

    if (--content->holders == 0 && content->loaded)
    {
        link_idle(content);
    }
    loop_timer_start(cache->room, 0, 0);
}

/* ---- who waits ---- */

static void
drop_all(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        drop_content(delivery->attachments[i].content);
        delivery->attachments[i].content = NULL;
    }
}

static void
remove_wait(struct wait *wait)
{
    struct wait **link = &wait->cache->waiting;

    while (*link != wait)
    {
        link = &(*link)->next;
    }
    *link = wait->next;
    free(wait);
}

/* The wait is over; the last thing done with it. */
static void
end_wait(struct wait *wait, enum object_result result, const char *code, const char *reason)
{
    struct object_cache *cache = wait->cache;
    struct delivery *delivery = wait->delivery;

    if (result != OBJECT_READY && wait->state == WAIT_LOAD)
    {
        drop_all(delivery);
    }
    remove_wait(wait);
    cache->ready(cache->user, delivery, result, code, reason);
}

static void
refuse(struct wait *wait, const char *code, const char *object, const char *problem)
{
    end_wait(wait, OBJECT_REFUSED, code,
             arena_printf(wait->delivery->arena, "object %s %s", object, problem));
}

/* Fill message.attachments; their content stays where it is. */
static void
complete(struct delivery *delivery)
{
    struct message_attachment *list =
        arena_alloc(delivery->arena, delivery->attachment_count * sizeof(*list));

    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        const struct delivery_attachment *attachment = &delivery->attachments[i];

        list[i] = (struct message_attachment){
            .name = attachment->name,
            .content_type = attachment->content_type,
            .content_id = attachment->content_id,
            .data = attachment->content->data,
            .size = attachment->size,
        };
    }
    delivery->message.attachments = list;
    delivery->message.attachment_count = delivery->attachment_count;
}

static bool
is_loaded(const struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        const struct object_content *content = delivery->attachments[i].content;

        if (content == NULL || !content->loaded)
        {
            return false;
        }
    }
    return true;
}

static bool
needs(const struct delivery *delivery, const struct object_content *content)
{
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        if (delivery->attachments[i].content == content)
        {
            return true;
        }
    }
    return false;
}

/* Why a content cannot be had. */
struct failure
{
    enum object_result result;
    const char *code;
    const char *reason;
};

static void
end_failed(struct wait *wait, const struct failure *failure)
{
    end_wait(wait, failure->result, failure->code,
             arena_strdup(wait->delivery->arena, failure->reason));
}

/* Failure NULL: the content is there. Tell those who hold it. Callbacks may change the list. */
static void
tell_holders(struct object_content *content, const struct failure *failure)
{
    struct wait *wait = content->cache->waiting;

    while (wait != NULL)
    {
        bool concerned = wait->state == WAIT_LOAD && needs(wait->delivery, content);

        if (concerned && failure != NULL)
        {
            end_failed(wait, failure);
            wait = content->cache->waiting;
        }
        else if (concerned && is_loaded(wait->delivery))
        {
            complete(wait->delivery);
            end_wait(wait, OBJECT_READY, NULL, NULL);
            wait = content->cache->waiting;
        }
        else
        {
            wait = wait->next;
        }
    }
}

/* ---- loading ---- */

static void
on_loaded(void *user, enum content_result result, const char *reason)
{
    struct object_content *content = user;
    const struct failure failures[] = {
        [CONTENT_ABSENT] = { OBJECT_REFUSED, "unknown_object",
                             "an object was removed while it was read" },
        [CONTENT_DAMAGED] = { OBJECT_REFUSED, "damaged_object",
                              "the object store has another content than was put there" },
        [CONTENT_FAILED] = { OBJECT_UNREADABLE, NULL, reason },
        [CONTENT_LOST] = { OBJECT_LOST, NULL, NULL },
    };

    if (result != CONTENT_OK)
    {
        tell_holders(content, &failures[result]);
        remove_content(content);
        return;
    }
    content->loaded = true;
    if (content->holders == 0)
    {
        link_idle(content);
    }
    tell_holders(content, NULL);
}

static void
on_read(void *user, enum content_result result, const char *reason)
{
    struct object_content *content = user;

    if (result == CONTENT_ABSENT)
    {
        store_get(content->cache->store, content->sha256, content->data, content->size, on_loaded,
                  content);
        return;
    }
    on_loaded(content, result, reason);
}

static void
load(struct object_content *content)
{
    content_read(content->cache->session, SESSION_CLAIM, content->sha256, content->data,
                 content->size, on_read, content);
}

/* ---- room ---- */

/* Bytes of those that are not in the cache, each once. */
static size_t
missing_bytes(struct object_cache *cache, const struct delivery *delivery)
{
    size_t sum = 0;

    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        const struct delivery_attachment *attachment = &delivery->attachments[i];
        bool counted = find_content(cache, attachment->sha256) != NULL;

        for (size_t k = 0; k < i && !counted; k++)
        {
            counted = strcmp(delivery->attachments[k].sha256, attachment->sha256) == 0;
        }
        sum += counted ? 0 : attachment->size;
    }
    return sum;
}

static bool
wants(const struct delivery *delivery, const struct object_content *content)
{
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        if (strcmp(delivery->attachments[i].sha256, content->sha256) == 0)
        {
            return true;
        }
    }
    return false;
}

/* Let go of contents that nobody holds, oldest first, but of none that the delivery wants. */
static bool
make_room(struct object_cache *cache, const struct delivery *delivery)
{
    size_t needed = missing_bytes(cache, delivery);
    struct object_content *content = cache->oldest;

    while (content != NULL && cache->bytes + needed > cache->bytes_max)
    {
        struct object_content *newer = content->newer;

        if (!wants(delivery, content))
        {
            unlink_idle(content);
            remove_content(content);
        }
        content = newer;
    }
    return cache->bytes + needed <= cache->bytes_max;
}

/* Take all contents if there is room; those that are new begin to load. */
static bool
take_all(struct wait *wait)
{
    struct delivery *delivery = wait->delivery;
    struct object_content *fresh[MESSAGE_ATTACHMENTS_MAX];
    size_t fresh_count = 0;

    if (!make_room(wait->cache, delivery))
    {
        return false;
    }
    wait->state = WAIT_LOAD;
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        struct delivery_attachment *attachment = &delivery->attachments[i];

        attachment->content = find_content(wait->cache, attachment->sha256);
        if (attachment->content == NULL)
        {
            attachment->content = add_content(wait->cache, attachment);
            fresh[fresh_count++] = attachment->content;
        }
        hold_content(attachment->content);
    }
    if (is_loaded(delivery))
    {
        complete(delivery);
        end_wait(wait, OBJECT_READY, NULL, NULL);
    }
    for (size_t i = 0; i < fresh_count; i++)
    {
        load(fresh[i]);
    }
    return true;
}

/* Those that wait for room get it in order. */
static void
on_room(void *user)
{
    struct object_cache *cache = user;
    struct wait *wait = cache->waiting;

    while (wait != NULL)
    {
        if (wait->state != WAIT_ROOM)
        {
            wait = wait->next;
        }
        else if (take_all(wait))
        {
            wait = cache->waiting;
        }
        else
        {
            return;
        }
    }
}

static bool
is_anybody_ahead(const struct wait *wait)
{
    for (const struct wait *w = wait->cache->waiting; w != wait; w = w->next)
    {
        if (w->state == WAIT_ROOM)
        {
            return true;
        }
    }
    return false;
}

/* ---- what the objects are ---- */

/* Row of herald.object_find() with this id, -1: none. */
static int
find_row(const struct db_result *result, const char *id)
{
    for (int row = 0; row < db_result_rows(result); row++)
    {
        if (strcasecmp(db_result_value(result, row, 0), id) == 0)
        {
            return row;
        }
    }
    return -1;
}

/* False: the wait has ended. */
static bool
take_rows(struct wait *wait, const struct db_result *result)
{
    struct delivery *delivery = wait->delivery;
    struct arena *arena = delivery->arena;
    size_t sum = 0;

    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        struct delivery_attachment *attachment = &delivery->attachments[i];
        int row = find_row(result, attachment->object);

        if (row < 0)
        {
            refuse(wait, "unknown_object", attachment->object, "does not exist");
            return false;
        }
        if (db_result_value(result, row, 3) == NULL)
        {
            refuse(wait, "external_object", attachment->object,
                   "lies at a URL, it cannot be attached");
            return false;
        }
        attachment->content_type = arena_strdup(arena, db_result_value(result, row, 1));
        attachment->name = attachment->name != NULL
                               ? attachment->name
                               : arena_strdup(arena, db_result_value(result, row, 2));
        attachment->name = attachment->name[0] != '\0' ? attachment->name : "attachment";
        attachment->sha256 = arena_strdup(arena, db_result_value(result, row, 3));
        attachment->size = strtoull(db_result_value(result, row, 4), NULL, 10);
        sum += attachment->size;
    }
    if (sum > wait->cache->bytes_max)
    {
        end_wait(wait, OBJECT_REFUSED, "attachments_too_large",
                 arena_printf(arena,
                              "attachments have %zu bytes, the dispatcher's object-cache %zu", sum,
                              wait->cache->bytes_max));
        return false;
    }
    return true;
}

static void
on_found(void *user, enum db_status status, const struct db_result *result)
{
    struct wait *wait = user;

    if (wait->state == WAIT_OVER)
    {
        free(wait);
        return;
    }
    if (status != DB_OK)
    {
        end_wait(wait, status == DB_LOST ? OBJECT_LOST : OBJECT_UNREADABLE, NULL,
                 status == DB_LOST
                     ? NULL
                     : arena_strdup(wait->delivery->arena, db_result_message(result)));
        return;
    }
    if (!take_rows(wait, result))
    {
        return;
    }
    wait->state = WAIT_ROOM;
    if (!is_anybody_ahead(wait) || missing_bytes(wait->cache, wait->delivery) == 0)
    {
        take_all(wait);
    }
}

bool
object_cache_fetch(struct object_cache *cache, struct delivery *delivery)
{
    struct db *db = session_db(cache->session, SESSION_CLAIM);
    struct wait **link = &cache->waiting;
    struct wait *wait;
    struct buf ids;
    const char *params[1];

    if (db == NULL)
    {
        return false;
    }
    wait = mem_alloc(sizeof(*wait));
    wait->cache = cache;
    wait->delivery = delivery;
    while (*link != NULL)
    {
        link = &(*link)->next;
    }
    *link = wait;
    buf_init(&ids, IDS_BYTES_MAX);
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        buf_printf(&ids, "%c%s", i == 0 ? '{' : ',', delivery->attachments[i].object);
    }
    buf_putc(&ids, '}');
    params[0] = ids.data;
    db_query(db, true, "select id, content_type, name, sha256, size from herald.object_find($1)", 1,
             params, on_found, wait);
    buf_finish(&ids);
    return true;
}

bool
object_cache_holds(const struct delivery *delivery)
{
    return delivery->attachment_count == delivery->message.attachment_count;
}

void
object_cache_release(struct delivery *delivery)
{
    if (delivery->message.attachment_count > 0)
    {
        drop_all(delivery);
        delivery->message.attachment_count = 0;
    }
}

void
object_cache_forget_waiting(struct object_cache *cache)
{
    struct wait *wait;

    while ((wait = cache->waiting) != NULL)
    {
        cache->waiting = wait->next;
        if (wait->state == WAIT_FIND)
        {
            wait->state = WAIT_OVER;
            continue;
        }
        if (wait->state == WAIT_LOAD)
        {
            drop_all(wait->delivery);
        }
        free(wait);
    }
}

struct object_cache *
object_cache_create(struct loop *loop, struct session *session, struct store *store,
                    size_t bytes_max, object_ready_fn ready, void *user)
{
    struct object_cache *cache = mem_alloc(sizeof(*cache));

    cache->session = session;
    cache->store = store;
    cache->room = loop_timer_create(loop, on_room, cache);
    cache->bytes_max = bytes_max;
    cache->ready = ready;
    cache->user = user;
    return cache;
}

void
object_cache_destroy(struct object_cache *cache)
{
    if (cache == NULL)
    {
        return;
    }
    loop_timer_destroy(cache->room);
    for (size_t i = 0; i < BUCKETS; i++)
    {
        while (cache->buckets[i] != NULL)
        {
            remove_content(cache->buckets[i]);
        }
    }
    free(cache);
}
