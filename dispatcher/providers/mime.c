/* Headers, encodings and structure of mails. */
#include "providers/mime.h"

#include <string.h>

#include "core/body.h"
#include "core/crypto.h"
#include "core/utf8.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/civil.h"

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

static bool
is_printable_ascii(const char *text)
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

    if (!is_printable_ascii(text) || strstr(text, "=?") != NULL || len == 0)
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

    if (is_printable_ascii(text))
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
static void
append_header(struct buf *out, const struct wire_header *header)
{
    size_t column = strlen(header->name) + 2;

    buf_printf(out, "%s: ", header->name);
    if (is_printable_ascii(header->value))
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

    if (!is_printable_ascii(name) || strlen(name) > PLAIN_WORD_MAX)
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
static void
append_part(struct buf *out, const char *type, const char *text)
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

/* A mail while it is put together: texts, cut where content goes in between. */
struct mime_writer
{
    struct arena *arena;
    const struct mime_mail *mail;
    struct buf text; /* part by part; empty: there is none */
    struct buf html;
    struct buf out; /* since the last cut */
    bool overflow;  /* some text was too large */
    struct wire_piece *pieces;
    size_t count;
};

static bool
contains(const struct buf *text, const char *boundary)
{
    return text->len > 0 && memmem(text->data, text->len, boundary, strlen(boundary)) != NULL;
}

/*
 * A boundary from the delivery id that occurs in neither part. Base64 holds no underscore, so none
 * occurs in content.
 */
static const char *
make_boundary(const struct mime_writer *writer, const char *purpose)
{
    for (unsigned int n = 0;; n++)
    {
        const char *seed =
            arena_printf(writer->arena, "%s%s %u", writer->mail->delivery_id, purpose, n);
        char boundary[2 + 24 + 1] = "=_";
        uint8_t digest[32];

        crypto_sha256(seed, strlen(seed), digest);
        for (size_t i = 0; i < 12; i++)
        {
            boundary[2 + 2 * i] = hex_digits[digest[i] >> 4];
            boundary[3 + 2 * i] = hex_digits[digest[i] & 15];
        }
        if (!contains(&writer->text, boundary) && !contains(&writer->html, boundary))
        {
            return arena_strdup(writer->arena, boundary);
        }
    }
}

/* End the piece of text that was being written. */
static void
cut(struct mime_writer *writer)
{
    writer->overflow = writer->overflow || writer->out.overflow;
    if (writer->out.len > 0)
    {
        writer->pieces[writer->count++] = (struct wire_piece){
            .data = arena_strndup(writer->arena, writer->out.data, writer->out.len),
            .len = writer->out.len,
        };
        buf_reset(&writer->out);
    }
}

static void
begin_multipart(struct buf *out, const char *type, const char *boundary)
{
    buf_printf(out, "Content-Type: multipart/%s; boundary=\"%s\"\r\n\r\n", type, boundary);
}

/*
 * The name of a file as RFC 2231 writes it, behind one in ASCII for those who do not read that.
 */
static void
append_file_name(struct buf *out, const char *name)
{
    buf_puts(out, "; filename=\"");
    for (const char *p = name; *p != '\0'; p++)
    {
        if ((unsigned char) *p >= 0x80)
        {
            /* One for each character. */
            buf_puts(out, ((unsigned char) *p & 0xc0) == 0x80 ? "" : "_");
            continue;
        }
        buf_puts(out, *p == '"' || *p == '\\' ? "\\" : "");
        buf_putc(out, *p);
    }
    buf_putc(out, '"');
    if (is_printable_ascii(name))
    {
        return;
    }
    buf_puts(out, ";\r\n filename*=UTF-8''");
    for (const unsigned char *p = (const unsigned char *) name; *p != '\0'; p++)
    {
        if (build_is_unreserved(*p))
        {
            buf_putc(out, (char) *p);
        }
        else
        {
            buf_printf(out, "%%%c%c", hex_digits[*p >> 4], hex_digits[*p & 15]);
        }
    }
}

static void
append_attachment(struct mime_writer *writer, const struct message_attachment *attachment,
                  const char *boundary)
{
    struct buf *out = &writer->out;
    bool is_inline = attachment->content_id != NULL;

    buf_printf(out, "--%s\r\nContent-Type: %s\r\n", boundary, attachment->content_type);
    buf_puts(out, "Content-Transfer-Encoding: base64\r\n");
    if (is_inline)
    {
        buf_printf(out, "Content-ID: <%s>\r\n", attachment->content_id);
    }
    buf_printf(out, "Content-Disposition: %s", is_inline ? "inline" : "attachment");
    append_file_name(out, attachment->name);
    buf_puts(out, "\r\n\r\n");
    cut(writer);
    writer->pieces[writer->count++] = (struct wire_piece){ .data = attachment->data,
                                                           .len = attachment->size,
                                                           .encoding = WIRE_BASE64_LINES };
    buf_puts(out, "\r\n");
}

/* Text and HTML, or the one there is. */
static void
append_texts(struct mime_writer *writer)
{
    struct buf *out = &writer->out;
    const char *boundary;

    if (writer->mail->text == NULL || writer->mail->html == NULL)
    {
        const struct buf *only = writer->mail->html == NULL ? &writer->text : &writer->html;

        buf_append(out, only->data, only->len);
        return;
    }
    boundary = make_boundary(writer, "");
    begin_multipart(out, "alternative", boundary);
    buf_printf(out, "--%s\r\n", boundary);
    buf_append(out, writer->text.data, writer->text.len);
    buf_printf(out, "--%s\r\n", boundary);
    buf_append(out, writer->html.data, writer->html.len);
    buf_printf(out, "--%s--\r\n", boundary);
}

/* Does it stand beside the HTML part, and not at the end of the mail? */
static bool
is_related(const struct mime_mail *mail, const struct message_attachment *attachment)
{
    return mail->html != NULL && attachment->content_id != NULL;
}

static size_t
count_related(const struct mime_mail *mail)
{
    size_t count = 0;

    for (size_t i = 0; i < mail->attachment_count; i++)
    {
        count += is_related(mail, &mail->attachments[i]);
    }
    return count;
}

static void
append_attachments(struct mime_writer *writer, bool related, const char *boundary)
{
    const struct mime_mail *mail = writer->mail;

    for (size_t i = 0; i < mail->attachment_count; i++)
    {
        if (is_related(mail, &mail->attachments[i]) == related)
        {
            append_attachment(writer, &mail->attachments[i], boundary);
        }
    }
    buf_printf(&writer->out, "--%s--\r\n", boundary);
}

/* The texts with what they show inline. */
static void
append_related(struct mime_writer *writer)
{
    const char *boundary;

    if (count_related(writer->mail) == 0)
    {
        append_texts(writer);
        return;
    }
    boundary = make_boundary(writer, " related");
    begin_multipart(&writer->out,
                    writer->mail->text != NULL ? "related;\r\n type=\"multipart/alternative\""
                                               : "related;\r\n type=\"text/html\"",
                    boundary);
    buf_printf(&writer->out, "--%s\r\n", boundary);
    append_texts(writer);
    append_attachments(writer, true, boundary);
}

/* All below the headers. */
static void
append_content(struct mime_writer *writer)
{
    const char *boundary;

    if (count_related(writer->mail) == writer->mail->attachment_count)
    {
        append_related(writer);
        return;
    }
    boundary = make_boundary(writer, " mixed");
    begin_multipart(&writer->out, "mixed", boundary);
    buf_printf(&writer->out, "--%s\r\n", boundary);
    append_related(writer);
    append_attachments(writer, false, boundary);
}

static void
append_headers(struct buf *out, const struct mime_mail *mail)
{
    buf_puts(out, "Date: ");
    mime_append_date(out, mail->now_s);
    buf_puts(out, "\r\n");
    mime_append_mailbox_header(out, "From", mail->from_name, mail->from);
    mime_append_mailbox_header(out, "To", NULL, mail->to);
    if (mail->reply_to != NULL)
    {
        mime_append_mailbox_header(out, "Reply-To", NULL, mail->reply_to);
    }
    mime_append_text_header(out, "Subject", mail->subject);
    buf_printf(out, "Message-ID: <%s@%s>\r\n", mail->delivery_id, address_domain(mail->from));
    buf_puts(out, "MIME-Version: 1.0\r\n");
    for (size_t i = 0; i < mail->header_count; i++)
    {
        append_header(out, &mail->headers[i]);
    }
}

static bool
is_line(const char *text)
{
    return text == NULL || !build_has_control(text);
}

/* No value that goes into a header may end its line. */
static bool
check_headers(struct arena *arena, const struct mime_mail *mail, struct provider_error *reterr)
{
    const struct
    {
        const char *name;
        const char *value;
    } values[] = {
        { "from", mail->from },       { "from_name", mail->from_name },
        { "to", mail->to },           { "reply_to", mail->reply_to },
        { "subject", mail->subject }, { "the id", mail->delivery_id },
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
    {
        if (!is_line(values[i].value))
        {
            return build_refuse(reterr, OUTCOME_CONTENT, "header_injection",
                                arena_printf(arena,
                                             "%s holds a line break or another control character",
                                             values[i].name));
        }
    }
    for (size_t i = 0; i < mail->header_count; i++)
    {
        if (!wire_header_valid(&mail->headers[i]))
        {
            return build_refuse(reterr, OUTCOME_CONTENT, "header_injection",
                                "a header is no name with a value of one line");
        }
    }
    for (size_t i = 0; i < mail->attachment_count; i++)
    {
        const struct message_attachment *a = &mail->attachments[i];

        if (!is_line(a->name) || !is_line(a->content_type) || !is_line(a->content_id))
        {
            return build_refuse(reterr, OUTCOME_CONTENT, "header_injection",
                                "name, type or inline of an attachment holds a line break or "
                                "another control character");
        }
    }
    return true;
}

static void
write_mail(struct mime_writer *writer)
{
    const struct mime_mail *mail = writer->mail;

    if (mail->text != NULL || mail->html == NULL)
    {
        append_part(&writer->text, "plain", mail->text);
    }
    if (mail->html != NULL)
    {
        append_part(&writer->html, "html", mail->html);
    }
    writer->overflow = writer->text.overflow || writer->html.overflow;
    if (!writer->overflow)
    {
        append_headers(&writer->out, mail);
        append_content(writer);
        cut(writer);
    }
}

bool
mime_build(struct arena *arena, const struct mime_mail *mail, struct wire_request *ret,
           struct provider_error *reterr)
{
    struct mime_writer writer = { .arena = arena, .mail = mail };

    if (!check_headers(arena, mail, reterr))
    {
        return false;
    }
    writer.pieces = arena_alloc(arena, (2 * mail->attachment_count + 1) * sizeof(writer.pieces[0]));
    buf_init(&writer.text, MIME_BYTES_MAX);
    buf_init(&writer.html, MIME_BYTES_MAX);
    buf_init(&writer.out, MIME_BYTES_MAX);
    write_mail(&writer);
    buf_finish(&writer.text);
    buf_finish(&writer.html);
    buf_finish(&writer.out);
    body_set_pieces(ret, writer.pieces, writer.count);
    if (writer.overflow || ret->body_len > MIME_BYTES_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "message_too_large",
                            "the mail is larger than 26214400 bytes with its attachments");
    }
    return true;
}
