/* Reading slice by slice, so that no answer of the database is large. */
#include "delivery/content.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/db.h"
#include "core/mem.h"

#define SLICE_BYTES 262144
#define DIGEST_BYTES 32

struct reading
{
    struct session *session;
    enum session_link link;
    const char *sha256;
    char *data;
    size_t size;
    size_t done_bytes;
    content_done_fn done;
    void *user;
};

static void ask(struct reading *reading);

static void
end(struct reading *reading, enum content_result result, const char *reason)
{
    content_done_fn done = reading->done;
    void *user = reading->user;

    free(reading);
    done(user, result, reason);
}

static unsigned
digit_value(char c)
{
    return (unsigned) (c <= '9' ? c - '0' : c - 'a' + 10);
}

static void
decode(const char *hex, size_t len, char *ret)
{
    for (size_t i = 0; i < len; i++)
    {
        ret[i] = (char) (digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
    }
}

static void
on_slice(void *user, enum db_status status, const struct db_result *result)
{
    struct reading *reading = user;
    const char *hex = status == DB_OK ? db_result_value(result, 0, 0) : NULL;
    size_t len = hex != NULL ? db_result_length(result, 0, 0) / 2 : 0;

    if (status != DB_OK)
    {
        end(reading, status == DB_LOST ? CONTENT_LOST : CONTENT_FAILED,
            status == DB_LOST ? NULL : db_result_message(result));
        return;
    }
    if (len == 0 || len > reading->size - reading->done_bytes)
    {
        end(reading, CONTENT_ABSENT, NULL);
        return;
    }
    decode(hex, len, reading->data + reading->done_bytes);
    reading->done_bytes += len;
    ask(reading);
}

/* Ask for the next bytes, or see that all are there. */
static void
ask(struct reading *reading)
{
    struct db *db = session_db(reading->session, reading->link);
    char start[24];
    char count[24];
    const char *params[3] = { reading->sha256, start, count };

    if (reading->done_bytes == reading->size)
    {
        end(reading, CONTENT_OK, NULL);
        return;
    }
    if (db == NULL)
    {
        end(reading, CONTENT_LOST, NULL);
        return;
    }
    snprintf(start, sizeof(start), "%zu", reading->done_bytes + 1);
    snprintf(count, sizeof(count), "%d", SLICE_BYTES);
    db_query(db, true, "select pg_catalog.encode(herald.object_slice($1, $2, $3), 'hex')", 3,
             params, on_slice, reading);
}

void
content_read(struct session *session, enum session_link link, const char *sha256, char *data,
             size_t size, content_done_fn done, void *user)
{
    struct reading *reading = mem_alloc(sizeof(*reading));

    *reading = (struct reading){ .session = session,
                                 .link = link,
                                 .sha256 = sha256,
                                 .data = data,
                                 .size = size,
                                 .done = done,
                                 .user = user };
    ask(reading);
}

bool
content_is(const char *data, size_t size, const char *sha256)
{
    uint8_t digest[DIGEST_BYTES];
    char expected[DIGEST_BYTES];

    if (strlen(sha256) != (size_t) 2 * DIGEST_BYTES)
    {
        return false;
    }
    decode(sha256, DIGEST_BYTES, expected);
    crypto_sha256(data, size, digest);
    return memcmp(digest, expected, DIGEST_BYTES) == 0;
}
