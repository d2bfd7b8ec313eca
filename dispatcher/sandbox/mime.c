/* Headers, encoded words, transfer encodings and multipart bodies. */
#include "sandbox/mime.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "sandbox/files.h"

#define DEPTH_MAX 8
#define PARTS_MAX 100
#define TEXT_BYTES_MAX ((size_t) 16 * 1024 * 1024)

/* ---- headers ---- */

/* Length of the line at text with its line end. */
static size_t
line_length(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);

    return end != NULL ? (size_t) (end - text) + 1 : len;
}

static bool
is_empty_line(const char *line, size_t len)
{
    return len == 0 || line[0] == '\n' || (len >= 2 && line[0] == '\r' && line[1] == '\n');
}

/* The index-th header of that name: its raw value with folds; NULL when there is none. */
static const char *
raw_header(const char *text, size_t len, const char *name, size_t index, size_t *ret_len)
{
    size_t name_len = strlen(name);
    size_t at = 0;

    while (at < len)
    {
        size_t line = line_length(text + at, len - at);
        size_t end = at + line;

        if (is_empty_line(text + at, line))
        {
            return NULL;
        }
        while (end < len && (text[end] == ' ' || text[end] == '\t'))
        {
            end += line_length(text + end, len - end);
        }
        if (line > name_len && text[at + name_len] == ':' &&
            strncasecmp(text + at, name, name_len) == 0 && index-- == 0)
        {
            *ret_len = end - at - name_len - 1;
            return text + at + name_len + 1;
        }
        at = end;
    }
    return NULL;
}

size_t
mime_count_header(const char *message, size_t len, const char *name)
{
    size_t count = 0;
    size_t value_len;

    while (raw_header(message, len, name, count, &value_len) != NULL)
    {
        count++;
    }
    return count;
}

/* Without folds and without blanks at the ends. */
static char *
unfold(struct arena *arena, const char *text, size_t len)
{
    char *ret = arena_alloc(arena, len + 1);
    size_t out = 0;

    for (size_t i = 0; i < len; i++)
    {
        if (text[i] != '\r' && text[i] != '\n' && (out > 0 || (text[i] != ' ' && text[i] != '\t')))
        {
            ret[out++] = text[i] == '\t' ? ' ' : text[i];
        }
    }
    while (out > 0 && ret[out - 1] == ' ')
    {
        ret[--out] = '\0';
    }
    ret[out] = '\0';
    return ret;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
    {
        return c - '0';
    }
    c = (char) (c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- transfer encodings ---- */

/* Quoted-printable; header: as in encoded words, with _ for a blank. */
static char *
decode_quoted(struct arena *arena, const char *text, size_t len, bool header, size_t *ret_len)
{
    char *ret = arena_alloc(arena, len + 1);
    size_t out = 0;

    for (size_t i = 0; i < len; i++)
    {
        if (text[i] == '=' && i + 2 < len && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0)
        {
            ret[out++] = (char) (hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        else if (text[i] == '=' && i + 1 < len && (text[i + 1] == '\r' || text[i + 1] == '\n'))
        {
            i += text[i + 1] == '\r' && i + 2 < len && text[i + 2] == '\n' ? 2 : 1;
        }
        else
        {
            ret[out++] = header && text[i] == '_' ? ' ' : text[i];
        }
    }
    *ret_len = out;
    return ret;
}

static char *
decode_base64(struct arena *arena, const char *text, size_t len, size_t *ret_len)
{
    char *clean = arena_alloc(arena, len + 1);
    size_t out = 0;
    uint8_t *bytes;

    for (size_t i = 0; i < len; i++)
    {
        if (strchr(" \t\r\n", text[i]) == NULL)
        {
            clean[out++] = text[i];
        }
    }
    bytes = crypto_base64_decode(arena, clean, ret_len);
    return bytes != NULL ? (char *) bytes : NULL;
}

/* Latin-1 to UTF-8; other charsets are taken as UTF-8. */
static char *
to_utf8(struct arena *arena, const char *charset, const char *text, size_t len)
{
    char *ret;
    size_t out = 0;

    if (charset == NULL ||
        (strcasecmp(charset, "iso-8859-1") != 0 && strcasecmp(charset, "windows-1252") != 0))
    {
        return arena_strndup(arena, text, len);
    }
    ret = arena_alloc(arena, len * 2 + 1);
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char) text[i];

        if (c >= 0x80)
        {
            ret[out++] = (char) (0xc0 | (c >> 6));
        }
        ret[out++] = (char) (c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    return ret;
}

/* ---- encoded words ---- */

/* One "=?charset?B?text?=" at *text, which moves behind it; NULL when it is none. */
static char *
take_word(struct arena *arena, const char **text)
{
    const char *charset = *text + 2;
    const char *coding = strchr(charset, '?');
    const char *start = coding != NULL && coding[1] != '\0' ? coding + 3 : NULL;
    const char *end = start != NULL && coding[2] == '?' ? strstr(start, "?=") : NULL;
    char *decoded;
    size_t len;

    if (strncmp(*text, "=?", 2) != 0 || end == NULL)
    {
        return NULL;
    }
    if ((coding[1] | 0x20) == 'b')
    {
        decoded = decode_base64(arena, start, (size_t) (end - start), &len);
    }
    else
    {
        decoded = decode_quoted(arena, start, (size_t) (end - start), true, &len);
    }
    if (decoded == NULL)
    {
        return NULL;
    }
    *text = end + 2;
    return to_utf8(arena, arena_strndup(arena, charset, (size_t) (coding - charset)), decoded, len);
}

static const char *
decode_words(struct arena *arena, const char *text)
{
    struct buf buf;
    bool after_word = false;
    char *ret;

    buf_init(&buf, TEXT_BYTES_MAX);
    while (*text != '\0')
    {
        size_t blanks = strspn(text, " ");
        const char *next = text + blanks;
        char *word = take_word(arena, &next);

        if (word == NULL)
        {
            buf_append(&buf, text, blanks);
            text += blanks;
            if (*text != '\0')
            {
                buf_putc(&buf, *text++);
            }
            after_word = false;
            continue;
        }
        if (!after_word)
        {
            buf_append(&buf, text, blanks);
        }
        buf_puts(&buf, word);
        text = next;
        after_word = true;
    }
    ret = arena_strndup(arena, buf.data, buf.len);
    buf_finish(&buf);
    return ret;
}

const char *
mime_header(const char *message, size_t len, const char *name, struct arena *arena)
{
    size_t value_len;
    const char *value = raw_header(message, len, name, 0, &value_len);

    return value == NULL ? NULL : decode_words(arena, unfold(arena, value, value_len));
}

/* ---- bodies ---- */

/* A parameter of a structured header, or NULL. */
static char *
parameter(struct arena *arena, const char *value, const char *name)
{
    size_t name_len = strlen(name);

    while ((value = strchr(value, ';')) != NULL)
    {
        const char *start;

        value++;
        value += strspn(value, " ");
        if (strncasecmp(value, name, name_len) != 0 || value[name_len] != '=')
        {
            continue;
        }
        start = value + name_len + 1;
        if (*start == '"')
        {
            return arena_strndup(arena, start + 1, strcspn(start + 1, "\""));
        }
        return arena_strndup(arena, start, strcspn(start, "; "));
    }
    return NULL;
}

struct reader
{
    struct arena *arena;
    struct rendered *ret;
    size_t parts;
    bool malformed; /* content of a file is no base64 */
};

static void read_part(struct reader *reader, const char *text, size_t len, int depth);

/* The next line that is the boundary; *ret_final: the closing one. */
static const char *
find_boundary(const char *text, size_t len, const char *boundary, bool *ret_final)
{
    size_t size = strlen(boundary);

    for (size_t at = 0; at < len; at += line_length(text + at, len - at))
    {
        if (len - at >= size + 2 && strncmp(text + at, "--", 2) == 0 &&
            strncmp(text + at + 2, boundary, size) == 0)
        {
            *ret_final = len - at >= size + 4 && strncmp(text + at + 2 + size, "--", 2) == 0;
            return text + at;
        }
    }
    return NULL;
}

static void
read_multipart(struct reader *reader, const char *text, size_t len, const char *boundary, int depth)
{
    const char *end = text + len;
    bool final = false;
    const char *at = find_boundary(text, len, boundary, &final);

    while (at != NULL && !final && reader->parts++ < PARTS_MAX)
    {
        const char *start = at + line_length(at, (size_t) (end - at));

        at = find_boundary(start, (size_t) (end - start), boundary, &final);
        if (at != NULL)
        {
            read_part(reader, start, (size_t) (at - start), depth + 1);
        }
    }
}

static void
read_text(struct reader *reader, const char *type, const char *encoding, const char *body,
          size_t len)
{
    bool html = strncasecmp(type, "text/html", 9) == 0;
    const char **ret = html ? &reader->ret->html : &reader->ret->text;
    const char *decoded = body;
    size_t decoded_len = len;

    if (*ret != NULL || (!html && strncasecmp(type, "text/plain", 10) != 0))
    {
        return;
    }
    if (encoding != NULL && strcasecmp(encoding, "base64") == 0)
    {
        decoded = decode_base64(reader->arena, body, len, &decoded_len);
    }
    else if (encoding != NULL && strcasecmp(encoding, "quoted-printable") == 0)
    {
        decoded = decode_quoted(reader->arena, body, len, false, &decoded_len);
    }
    if (decoded != NULL)
    {
        *ret =
            to_utf8(reader->arena, parameter(reader->arena, type, "charset"), decoded, decoded_len);
    }
}

/* file%20name as RFC 2231 writes it behind UTF-8''. */
static char *
decode_percent(struct arena *arena, const char *text)
{
    char *ret = arena_alloc(arena, strlen(text) + 1);
    size_t out = 0;

    for (; *text != '\0'; text++)
    {
        if (text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0)
        {
            ret[out++] = (char) (hex_value(text[1]) * 16 + hex_value(text[2]));
            text += 2;
        }
        else
        {
            ret[out++] = *text;
        }
    }
    return ret;
}

static const char *
file_name(struct arena *arena, const char *disposition)
{
    const char *extended = disposition == NULL ? NULL : parameter(arena, disposition, "filename*");

    if (extended != NULL && strncasecmp(extended, "utf-8''", 7) == 0)
    {
        return decode_percent(arena, extended + 7);
    }
    return disposition == NULL ? NULL : parameter(arena, disposition, "filename");
}

/* The name in the brackets of a Content-ID. */
static const char *
bare_id(struct arena *arena, const char *content_id)
{
    size_t len = content_id == NULL ? 0 : strlen(content_id);

    return len > 2 && content_id[0] == '<' && content_id[len - 1] == '>'
               ? arena_strndup(arena, content_id + 1, len - 2)
               : content_id;
}

struct part_head
{
    const char *type;
    const char *encoding;
    const char *disposition;
    const char *content_id;
};

static void
read_file(struct reader *reader, const struct part_head *head, const char *body, size_t len)
{
    const char *name = file_name(reader->arena, head->disposition);
    const char *id = bare_id(reader->arena, head->content_id);

    if (head->encoding != NULL && strcasecmp(head->encoding, "base64") == 0)
    {
        body = decode_base64(reader->arena, body, len, &len);
    }
    if (body == NULL)
    {
        reader->malformed = true;
        return;
    }
    files_add(reader->ret, reader->arena, name, head->type, id, body, len);
}

static bool
is_file(const struct part_head *head)
{
    return (head->disposition != NULL && strncasecmp(head->disposition, "attachment", 10) == 0) ||
           (strncasecmp(head->type, "multipart/", 10) != 0 &&
            (head->content_id != NULL || strncasecmp(head->type, "text/", 5) != 0));
}

/* A message or a part: head, empty line, body. */
static void
read_part(struct reader *reader, const char *text, size_t len, int depth)
{
    struct part_head head = {
        .type = mime_header(text, len, "content-type", reader->arena),
        .encoding = mime_header(text, len, "content-transfer-encoding", reader->arena),
        .disposition = mime_header(text, len, "content-disposition", reader->arena),
        .content_id = mime_header(text, len, "content-id", reader->arena),
    };
    const char *boundary;
    size_t at = 0;

    while (at < len && !is_empty_line(text + at, len - at))
    {
        at += line_length(text + at, len - at);
    }
    at += at < len ? line_length(text + at, len - at) : 0;
    head.type = head.type != NULL ? head.type : "text/plain";
    boundary = parameter(reader->arena, head.type, "boundary");
    if (is_file(&head))
    {
        read_file(reader, &head, text + at, len - at);
    }
    else if (strncasecmp(head.type, "multipart/", 10) != 0)
    {
        read_text(reader, head.type, head.encoding, text + at, len - at);
    }
    else if (boundary != NULL && boundary[0] != '\0' && depth < DEPTH_MAX)
    {
        read_multipart(reader, text + at, len - at, boundary, depth);
    }
}

/* *ret_malformed: content of a file is no base64. */
static void
read_mail(const char *message, size_t len, struct arena *arena, struct rendered *ret,
          bool *ret_malformed)
{
    struct reader reader = { .arena = arena, .ret = ret };

    ret->from = mime_header(message, len, "from", arena);
    ret->to = mime_header(message, len, "to", arena);
    ret->subject = mime_header(message, len, "subject", arena);
    read_part(&reader, message, len, 0);
    *ret_malformed = reader.malformed;
}

void
mime_render(const char *message, size_t len, struct arena *arena, struct rendered *ret)
{
    bool malformed;

    read_mail(message, len, arena, ret, &malformed);
}

const char *
mime_problem(const char *message, size_t len, struct arena *arena)
{
    const char *type = mime_header(message, len, "content-type", arena);
    struct rendered rendered = { .from = NULL };
    const char *missing;
    bool malformed;

    if (type == NULL || (strncasecmp(type, "multipart/mixed", 15) != 0 &&
                         strncasecmp(type, "multipart/related", 17) != 0))
    {
        return NULL;
    }
    read_mail(message, len, arena, &rendered, &malformed);
    missing = files_missing(&rendered, arena);
    if (missing != NULL)
    {
        return arena_printf(arena, "there is no part with Content-ID <%s>", missing);
    }
    return malformed                  ? "a part is no base64"
           : rendered.file_count == 0 ? "a multipart holds no part to be read"
                                      : NULL;
}
