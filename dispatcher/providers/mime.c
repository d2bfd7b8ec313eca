/* Structure of mails: headers, texts and what is attached. */
#include "providers/mime.h"

#include <string.h>

#include "core/body.h"
#include "core/buf.h"
#include "core/crypto.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/mime_text.h"

static const char hex_digits[] = "0123456789ABCDEF";

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
    if (mime_is_printable_ascii(name))
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
        mime_append_header(out, &mail->headers[i]);
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
        mime_append_part(&writer->text, "plain", mail->text);
    }
    if (mail->html != NULL)
    {
        mime_append_part(&writer->html, "html", mail->html);
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
