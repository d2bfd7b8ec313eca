/* Headers and texts of mails, encoded so that every line is ASCII. */
#include "providers/mime_text.h"

#include <string.h>

#include "core/civil.h"
#include "core/crypto.h"
#include "core/utf8.h"

#define LINE_MAX_CHARS 78
#define ENCODED_LINE_MAX 76
#define ENCODED_WORD_MAX 75
#define ENCODED_WORD_FRAME 12 /* =?UTF-8?B? and ?= */
#define PLAIN_WORD_MAX 60     /* fits behind every header name we write */
#define BASE64_LINE_BYTES 57  /* 76 characters */

static const char hex_digits[] = "0123456789ABCDEF";

enum body_encoding
{
    BODY_7BIT,
    BODY_QUOTED_PRINTABLE,
    BODY_BASE64
};

bool
mime_is_printable_ascii(const char *text)
{
    for (; *text != '\0'; text++)
    {
        if (*text < ' ' || *text > '~')
        {
            return false;
        }
    }
    return true;
}

void
mime_append_date(struct buf *out, int64_t seconds)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct civil_time t = civil_from_seconds(seconds);

    buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[t.weekday], t.day,
               months[t.month - 1], t.year, t.hour, t.minute, t.second);
}

/* May the text stand in a header as it is: foldable, and not mistaken for an encoded word? */
static bool
is_plain(const char *text)
{
    size_t len = strlen(text);
    size_t word = 0;

    if (!mime_is_printable_ascii(text) || strstr(text, "=?") != NULL || len == 0)
    {
        return false;
    }
    if (text[0] == ' ' || text[len - 1] == ' ' || strstr(text, "  ") != NULL)
    {
        return false;
    }
    for (; *text != '\0'; text++)
    {
        word = *text == ' ' ? 0 : word + 1;
        if (word > PLAIN_WORD_MAX)
        {
            return false;
        }
    }
    return true;
}

/* Append words, beginning a new line before each that does not fit. Returns the column. */
static size_t
append_folded(struct buf *out, const char *text, size_t column)
{
    while (*text != '\0')
    {
        size_t blank = *text == ' ' ? 1 : 0;
        size_t len = blank + strcspn(text + blank, " ");

        if (column + len > LINE_MAX_CHARS && blank == 1)
        {
            buf_puts(out, "\r\n");
            column = 0;
        }
        buf_append(out, text, len);
        column += len;
        text += len;
    }
    return column;
}

/* Bytes of text, at most max, that end at a character boundary; at least one character. */
static size_t
whole_characters(const char *text, size_t left, size_t max)
{
    size_t taken = 0;

    while (taken < left)
    {
        uint32_t c;
        size_t n = utf8_decode(text + taken, left - taken, &c);

        n = n == 0 ? 1 : n;
        if (taken > 0 && taken + n > max)
        {
            break;
        }
        taken += n;
    }
    return taken;
}

/* Base64 of what fits into one line, at most. */
static void
append_base64_line(struct buf *out, const char *text, size_t len)
{
    char line[ENCODED_LINE_MAX];

    buf_append(out, line, crypto_base64_encode(text, len, line));
}

/* Append text as encoded words, one a line. Returns the column. */
static size_t
append_encoded_words(struct buf *out, const char *text, size_t column)
{
    size_t left = strlen(text);

    while (left > 0)
    {
        size_t room = LINE_MAX_CHARS - column;
        size_t start = out->len;
        size_t n;

        room = room > ENCODED_WORD_MAX ? ENCODED_WORD_MAX : room;
        n = whole_characters(text, left, (room - ENCODED_WORD_FRAME) / 4 * 3);
        buf_puts(out, "=?UTF-8?B?");
        append_base64_line(out, text, n);
        buf_puts(out, "?=");
        column += out->len - start;
        text += n;
        left -= n;
        if (left > 0)
        {
            buf_puts(out, "\r\n ");
            column = 1;
        }
    }
    return column;
}

void
mime_append_text_header(struct buf *out, const char *name, const char *text)
{
    size_t column = strlen(name) + 2;

    buf_printf(out, "%s: ", name);
    if (is_plain(text))
    {
        append_folded(out, text, column);
    }
    else
    {
        append_encoded_words(out, text, column);
    }
    buf_puts(out, "\r\n");
}

const char *
mime_encode_value(struct arena *arena, const char *text)
{
    struct buf words;
    char *ret;
    size_t to = 0;

    if (mime_is_printable_ascii(text))
    {
        return text;
    }
    buf_init(&words, MIME_BYTES_MAX);
    append_encoded_words(&words, text, 0);
    ret = arena_strndup(arena, words.data, words.len);
    buf_finish(&words);
    for (const char *p = ret; *p != '\0'; p++)
    {
        if (*p != '\r' && *p != '\n')
        {
            ret[to++] = *p;
        }
    }
    ret[to] = '\0';
    return ret;
}

/* ASCII stays as it is, long words too: most such values are no text, but ids and URLs. */
void
mime_append_header(struct buf *out, const struct wire_header *header)
{
    size_t column = strlen(header->name) + 2;

    buf_printf(out, "%s: ", header->name);
    if (mime_is_printable_ascii(header->value))
    {
        append_folded(out, header->value, column);
    }
    else
    {
        append_encoded_words(out, header->value, column);
    }
    buf_puts(out, "\r\n");
}

/* A display name: quoted when it is short ASCII, encoded otherwise. Returns the column. */
static size_t
append_display_name(struct buf *out, const char *name, size_t column)
{
    size_t start = out->len;

    if (!mime_is_printable_ascii(name) || strlen(name) > PLAIN_WORD_MAX)
    {
        return append_encoded_words(out, name, column);
    }
    buf_putc(out, '"');
    for (; *name != '\0'; name++)
    {
        if (*name == '"' || *name == '\\')
        {
            buf_putc(out, '\\');
        }
        buf_putc(out, *name);
    }
    buf_putc(out, '"');
    return column + (out->len - start);
}

void
mime_append_mailbox_header(struct buf *out, const char *name, const char *display_name,
                           const char *mailbox)
{
    size_t column = strlen(name) + 2;

    buf_printf(out, "%s: ", name);
    if (display_name == NULL)
    {
        buf_printf(out, "%s\r\n", mailbox);
        return;
    }
    column = append_display_name(out, display_name, column);
    if (column + strlen(mailbox) + 3 > LINE_MAX_CHARS)
    {
        buf_puts(out, "\r\n");
    }
    buf_printf(out, " <%s>\r\n", mailbox);
}

/* Append text with every line end (CRLF, LF, CR) as CRLF. */
static void
append_canonical(struct buf *out, const char *text)
{
    while (*text != '\0')
    {
        size_t len = strcspn(text, "\r\n");

        buf_append(out, text, len);
        text += len;
        if (*text != '\0')
        {
            buf_puts(out, "\r\n");
            text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
        }
    }
}

static enum body_encoding
choose_encoding(const char *text, size_t len)
{
    size_t column = 0;
    size_t high = 0;
    bool plain = true;

    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char) text[i];

        high += c >= 0x80;
        if (c == '\r')
        {
            /* Blanks at the end of a line get lost on the way. */
            plain = plain && (column == 0 || text[i - 1] != ' ');
            column = 0;
            i++;
            continue;
        }
        plain = plain && c >= ' ' && c < 0x7f && ++column <= ENCODED_LINE_MAX;
    }
    if (plain && (len == 0 || text[len - 1] != ' '))
    {
        return BODY_7BIT;
    }
    return high > len / 3 ? BODY_BASE64 : BODY_QUOTED_PRINTABLE;
}

void
mime_append_quoted_printable(struct buf *out, const char *text, size_t len)
{
    size_t column = 0;

    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char) text[i];
        bool last = i + 1 == len || text[i + 1] == '\r';
        bool literal = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !last);
        size_t width = literal ? 1 : 3;

        if (c == '\r' && i + 1 < len && text[i + 1] == '\n')
        {
            buf_puts(out, "\r\n");
            column = 0;
            i++;
            continue;
        }
        /* The last column belongs to the soft line break, unless the line ends here anyway. */
        if (column + width > (last ? ENCODED_LINE_MAX : ENCODED_LINE_MAX - 1))
        {
            buf_puts(out, "=\r\n");
            column = 0;
        }
        if (literal)
        {
            buf_putc(out, (char) c);
        }
        else
        {
            buf_printf(out, "=%c%c", hex_digits[c >> 4], hex_digits[c & 15]);
        }
        column += width;
    }
}

void
mime_append_base64(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i += BASE64_LINE_BYTES)
    {
        if (i > 0)
        {
            buf_puts(out, "\r\n");
        }
        append_base64_line(out, text + i,
                           len - i < BASE64_LINE_BYTES ? len - i : BASE64_LINE_BYTES);
    }
}

/* One part: its two headers, a blank line and the encoded text, which ends with a line break. */
void
mime_append_part(struct buf *out, const char *type, const char *text)
{
    static const char *const names[] = { "7bit", "quoted-printable", "base64" };
    struct buf canonical;
    enum body_encoding encoding;

    buf_init(&canonical, MIME_BYTES_MAX);
    append_canonical(&canonical, text);
    if (canonical.overflow)
    {
        out->overflow = true;
        buf_finish(&canonical);
        return;
    }
    encoding = choose_encoding(canonical.data, canonical.len);
    buf_printf(out, "Content-Type: text/%s; charset=utf-8\r\n", type);
    buf_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n", names[encoding]);
    switch (encoding)
    {
        case BODY_7BIT:
            buf_append(out, canonical.data, canonical.len);
            break;
        case BODY_QUOTED_PRINTABLE:
            mime_append_quoted_printable(out, canonical.data, canonical.len);
            break;
        case BODY_BASE64:
            mime_append_base64(out, canonical.data, canonical.len);
            break;
    }
    if (out->len < 2 || memcmp(out->data + out->len - 2, "\r\n", 2) != 0)
    {
        buf_puts(out, "\r\n");
    }
    buf_finish(&canonical);
}
