/* Ceilings and Retry-After of answers. */
#include "core/http_answer.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_DISCARD_MAX                                                                         \
    1048576 /* an answer with more than this behind what is kept is cut off */
#define ANSWER_HEADER_VALUE_MAX 8192
#define ANSWER_RETRY_AFTER_MAX 1000000000

void
http_answer_init(struct http_answer *answer, struct arena *arena, size_t body_max)
{
    answer->arena = arena;
    answer->body_max = body_max > 0 ? body_max : WIRE_ANSWER_BODY_MAX;
    answer->wire = arena_alloc(arena, sizeof(*answer->wire));
    answer->wire->retry_after_s = -1;
    answer->wire->body = "";
    answer->received = 0;
    answer->cut = false;
    buf_init(&answer->body, answer->body_max);
}

void
http_answer_finish(struct http_answer *answer)
{
    buf_finish(&answer->body);
}

void
http_answer_restart(struct http_answer *answer)
{
    answer->wire->header_count = 0;
    answer->wire->retry_after_s = -1;
}

static void
answer_trim(const char **text, size_t *len)
{
    while (*len > 0 && isspace((unsigned char) **text))
    {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && isspace((unsigned char) (*text)[*len - 1]))
    {
        (*len)--;
    }
}

/* Seconds of a Retry-After value in either form; -1 when it is neither. */
static int64_t
answer_retry_after(const char *value, int64_t now_us)
{
    int64_t seconds;
    time_t date;

    if (*value != '\0' && value[strspn(value, "0123456789")] == '\0')
    {
        seconds = strtoll(value, NULL, 10);
    }
    else if ((date = curl_getdate(value, NULL)) != -1)
    {
        seconds = (int64_t) date - now_us / 1000000;
    }
    else
    {
        return -1;
    }
    seconds = seconds < ANSWER_RETRY_AFTER_MAX ? seconds : ANSWER_RETRY_AFTER_MAX;
    return seconds > 0 ? seconds : 0;
}

void
http_answer_add_header(struct http_answer *answer, const char *name, size_t name_len,
                       const char *value, size_t value_len, int64_t now_us)
{
    struct wire_answer *wire = answer->wire;
    struct wire_header header;
    char *lower = arena_strndup(answer->arena, name, name_len);

    for (char *p = lower; *p != '\0'; p++)
    {
        *p = (char) tolower((unsigned char) *p);
    }
    answer_trim(&value, &value_len);
    value_len = value_len < ANSWER_HEADER_VALUE_MAX ? value_len : ANSWER_HEADER_VALUE_MAX;
    header.name = lower;
    header.value = arena_strndup(answer->arena, value, value_len);
    if (strcmp(lower, "retry-after") == 0)
    {
        wire->retry_after_s = answer_retry_after(header.value, now_us);
    }
    if (wire->header_count < WIRE_HEADERS_MAX)
    {
        wire->headers[wire->header_count++] = header;
    }
}

bool
http_answer_add_body(struct http_answer *answer, const void *data, size_t len)
{
    size_t room = answer->body_max - answer->body.len;

    answer->received += len;
    answer->cut = answer->cut || len > room;
    buf_append(&answer->body, data, len < room ? len : room);
    return answer->received <= answer->body_max + ANSWER_DISCARD_MAX;
}

void
http_answer_complete(struct http_answer *answer, bool broken)
{
    answer->wire->body_truncated = answer->cut || broken;
    answer->wire->body = arena_strndup(answer->arena, answer->body.data, answer->body.len);
    answer->wire->body_len = answer->body.len;
}
