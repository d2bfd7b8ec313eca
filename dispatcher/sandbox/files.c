/* Files of mails. */
#include "sandbox/files.h"

#include <stdint.h>
#include <string.h>

#include "core/crypto.h"
#include "sandbox/text.h"

void
files_add(struct rendered *ret, struct arena *arena, const char *name, const char *type,
          const char *content_id, const void *data, size_t len)
{
    struct rendered_file *file = &ret->files[ret->file_count];
    uint8_t digest[32];

    if (ret->file_count == RENDERED_FILES_MAX)
    {
        return;
    }
    crypto_sha256(data, len, digest);
    *file = (struct rendered_file){
        .name = arena_strdup(arena, name),
        .type = arena_strdup(arena, type),
        .content_id = arena_strdup(arena, content_id),
        .size = len,
    };
    for (size_t i = 0; i < sizeof(digest); i++)
    {
        static const char digits[] = "0123456789abcdef";

        file->sha256[2 * i] = digits[digest[i] >> 4];
        file->sha256[2 * i + 1] = digits[digest[i] & 15];
    }
    ret->file_count++;
}

bool
files_add_base64(struct rendered *ret, struct arena *arena, const char *name, const char *type,
                 const char *content_id, const char *base64)
{
    size_t len = 0;
    const uint8_t *data = base64 == NULL ? NULL : crypto_base64_decode(arena, base64, &len);

    if (data == NULL || len == 0)
    {
        return false;
    }
    files_add(ret, arena, name, type, content_id, data, len);
    return true;
}

static bool
has_file(const struct rendered *rendered, const char *content_id)
{
    for (size_t i = 0; i < rendered->file_count; i++)
    {
        const char *other = rendered->files[i].content_id;

        if (other != NULL && strcmp(other, content_id) == 0)
        {
            return true;
        }
    }
    return false;
}

const char *
files_missing(const struct rendered *rendered, struct arena *arena)
{
    const char *at = rendered->html;

    while (at != NULL && (at = strpbrk(at, "\"'(")) != NULL)
    {
        at++;
        if (strncmp(at, "cid:", 4) == 0)
        {
            const char *name = arena_strndup(arena, at + 4, strcspn(at + 4, "\"')"));

            if (!has_file(rendered, name))
            {
                return name;
            }
        }
    }
    return NULL;
}

void
files_print(struct buf *ret, const struct rendered *rendered)
{
    buf_putc(ret, '[');
    for (size_t i = 0; i < rendered->file_count; i++)
    {
        const struct rendered_file *file = &rendered->files[i];

        buf_puts(ret, i > 0 ? ",{\"name\":" : "{\"name\":");
        text_append_json_string(ret, file->name);
        buf_puts(ret, ",\"type\":");
        text_append_json_string(ret, file->type);
        buf_puts(ret, ",\"inline\":");
        text_append_json_string(ret, file->content_id);
        buf_printf(ret, ",\"size\":%zu,\"sha256\":\"%s\"}", file->size, file->sha256);
    }
    buf_putc(ret, ']');
}
