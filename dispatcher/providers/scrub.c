/* Masking of what answers echo. */
#include "providers/scrub.h"

#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/utf8.h"

#define RAW_BYTES_MAX 4096
#define SECRET_WORD_MIN 6
#define ADDRESS_MIN 4
#define OPAQUE_WORD_MIN 40
#define PHONE_DIGITS_MIN 7
#define WORD_ENDS " <>\"'(),;[]{}|"

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Direction overrides and marks: they make a reason read differently from what it says. */
static bool
is_direction_mark(uint32_t c)
{
    return c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Append text as well-formed UTF-8 with single blanks instead of blanks and controls. */
static void
append_clean(struct buf *out, const char *text)
{
    size_t left = strnlen(text, RAW_BYTES_MAX);

    while (left > 0)
    {
        uint32_t c = 0xfffd;
        size_t n = utf8_decode(text, left, &c);

        if (n == 0)
        {
            buf_putc(out, '?');
            n = 1;
        }
        else if (c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029)
        {
            if (out->len > 0 && out->data[out->len - 1] != ' ')
            {
                buf_putc(out, ' ');
            }
        }
        else if (!is_direction_mark(c))
        {
            buf_append(out, text, n);
        }
        text += n;
        left -= n;
    }
}

/* Copy of the buffer without the last blank and within max bytes, cut between characters. */
static const char *
take(struct arena *arena, struct buf *buf, size_t max)
{
    const char *copy = NULL;
    size_t len = buf->len;

    if (len > max)
    {
        len = max;
        while (len > 0 && ((unsigned char) buf->data[len] & 0xc0) == 0x80)
        {
            len--;
        }
    }
    while (len > 0 && buf->data[len - 1] == ' ')
    {
        len--;
    }
    if (len > 0)
    {
        copy = arena_strndup(arena, buf->data, len);
    }
    buf_finish(buf);
    return copy;
}

/* Replace every occurrence of a literal, whatever its case. */
static void
mask_literal(struct buf *text, const char *literal, size_t len)
{
    struct buf out;
    size_t i = 0;

    buf_init(&out, text->max);
    while (i < text->len)
    {
        if (text->len - i >= len && strncasecmp(text->data + i, literal, len) == 0)
        {
            buf_puts(&out, "[hidden]");
            i += len;
        }
        else
        {
            buf_putc(&out, text->data[i++]);
        }
    }
    buf_finish(text);
    *text = out;
}

/* Mask each word of a secret; keys in PEM and lists of secrets have several. */
static void
mask_secret(struct buf *text, const char *secret)
{
    while (secret != NULL && *secret != '\0')
    {
        size_t len = strcspn(secret, " \t\r\n");

        if (len >= SECRET_WORD_MIN)
        {
            mask_literal(text, secret, len);
        }
        secret += len;
        secret += strspn(secret, " \t\r\n");
    }
}

/* Length of a phone number at text: seven digits in a row, or a plus and seven digits. */
static size_t
phone_length(const char *text)
{
    size_t len = *text == '+' ? 1 : 0;
    size_t end = 0;
    size_t digits = 0;

    while (is_digit(text[len]) ||
           (*text == '+' && text[len] != '\0' && strchr(" ().-", text[len]) != NULL))
    {
        if (is_digit(text[len]))
        {
            digits++;
            end = len + 1;
        }
        len++;
    }
    return digits >= PHONE_DIGITS_MIN ? end : 0;
}

static bool
word_has(const char *word, size_t len, const char *what)
{
    return memmem(word, len, what, strlen(what)) != NULL;
}

/* Long, and of the characters that keys and tokens are made of. */
static bool
is_opaque(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
    {
        if ((unsigned char) word[i] >= 0x80)
        {
            return false;
        }
    }
    return len >= OPAQUE_WORD_MIN;
}

static const char *
mask_of_word(const char *word, size_t len)
{
    if (word_has(word, len, "://"))
    {
        return "[url]";
    }
    if (word_has(word, len, "@"))
    {
        return "[address]";
    }
    return is_opaque(word, len) ? "[hidden]" : NULL;
}

/* Mask mailboxes, URLs, phone numbers and long opaque words. */
static void
mask_words(struct buf *text)
{
    struct buf out;
    const char *p = text->data;

    buf_init(&out, text->max);
    while (*p != '\0')
    {
        size_t len = phone_length(p);
        const char *mask = "[number]";

        if (len == 0)
        {
            len = strcspn(p, WORD_ENDS);
            mask = mask_of_word(p, len);
        }
        if (len == 0)
        {
            buf_putc(&out, *p++);
            continue;
        }
        if (mask != NULL)
        {
            buf_puts(&out, mask);
            p += len;
            continue;
        }
        /* A number may stand inside a word: go on behind its first character. */
        do
        {
            buf_putc(&out, *p++);
            len--;
        } while (len > 0 && phone_length(p) == 0);
    }
    buf_finish(text);
    *text = out;
}

const char *
scrub_word(struct arena *arena, const char *text, size_t max)
{
    struct buf out;

    if (text == NULL)
    {
        return NULL;
    }
    buf_init(&out, (size_t) RAW_BYTES_MAX * 2);
    append_clean(&out, text);
    return take(arena, &out, max);
}

const char *
scrub_reason(struct arena *arena, const struct provider *provider, const struct settings *settings,
             const struct message *message, const char *text)
{
    struct buf out;

    if (text == NULL || *text == '\0')
    {
        return NULL;
    }
    /* Masks are longer than the shortest words; the ceiling leaves room for that. */
    buf_init(&out, (size_t) RAW_BYTES_MAX * 8);
    append_clean(&out, text);
    for (const struct provider_setting *s = provider->settings; s->name != NULL; s++)
    {
        if (s->secret)
        {
            mask_secret(&out, settings_get(settings, s->name));
        }
    }
    mask_secret(&out, message->credential);
    if (message->address != NULL && strlen(message->address) >= ADDRESS_MIN)
    {
        mask_literal(&out, message->address, strlen(message->address));
    }
    if (out.len > 0)
    {
        mask_words(&out);
    }
    return take(arena, &out, SCRUB_REASON_MAX);
}
