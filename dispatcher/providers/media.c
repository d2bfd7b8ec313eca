/* Reading of the part media. */
#include "providers/media.h"

#include <string.h>

#include "providers/address.h"
#include "providers/build.h"

/* A line without the blanks around it. */
static const char *
trimmed(struct arena *arena, const char *line, size_t len)
{
    while (len > 0 && strchr(" \t\r", *line) != NULL)
    {
        line++;
        len--;
    }
    while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
    {
        len--;
    }
    return arena_strndup(arena, line, len);
}

bool
media_read(const struct message *message, size_t max, struct arena *arena,
           const char *ret_urls[MEDIA_MAX], size_t *ret_count, struct provider_error *reterr)
{
    const char *line = message_part(message, "media");

    *ret_count = 0;
    while (line != NULL && *line != '\0')
    {
        size_t len = strcspn(line, "\n");
        const char *url = trimmed(arena, line, len);
        const char *problem = address_check_url(url, false);

        line += len + (line[len] == '\n');
        if (*url == '\0')
        {
            continue;
        }
        if (*ret_count == max)
        {
            return build_refuse(reterr, OUTCOME_CONTENT, "too_many_media",
                                arena_printf(arena, "media has more than %zu URLs", max));
        }
        if (problem != NULL)
        {
            return build_refuse(reterr, OUTCOME_CONTENT, "bad_media",
                                arena_printf(arena, "a URL of media cannot be used: %s", problem));
        }
        ret_urls[(*ret_count)++] = url;
    }
    return true;
}
