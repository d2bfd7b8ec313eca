/* Reading of bodies: texts as they are, content as base64 in one or two layers. */
#include "core/body.h"

#include <string.h>

#include "core/crypto.h"

static size_t
base64_length(size_t len)
{
    return (len + 2) / 3 * 4;
}

static size_t
piece_length(const struct wire_piece *piece)
{
    size_t breaks = piece->len > 0 ? (piece->len - 1) / BODY_LINE_BYTES * 2 : 0;

    switch (piece->encoding)
    {
        case WIRE_BASE64:
            return base64_length(piece->len);
        case WIRE_BASE64_LINES:
            return base64_length(piece->len) + breaks;
        case WIRE_PLAIN:
            break;
    }
    return piece->len;
}

void
body_set_pieces(struct wire_request *request, const struct wire_piece *pieces, size_t count)
{
    size_t enclosed = 0;

    request->body = NULL;
    request->pieces = pieces;
    request->piece_count = count;
    request->body_len = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (pieces[i].enclosed)
        {
            enclosed += piece_length(&pieces[i]);
            continue;
        }
        request->body_len += base64_length(enclosed) + piece_length(&pieces[i]);
        enclosed = 0;
    }
    request->body_len += base64_length(enclosed);
}

void
body_start(struct body_reader *reader, const struct wire_request *request)
{
    *reader = (struct body_reader){ .request = request };
}

/* Take what is left of a line, as much as fits. */
static size_t
drain(struct body_line *line, char *ret, size_t size)
{
    size_t left = line->len - line->sent;
    size_t len = left < size ? left : size;

    memcpy(ret, line->text + line->sent, len);
    line->sent += len;
    return len;
}

/* Some bytes of the piece as it is encoded itself. */
static size_t
read_piece(struct body_reader *reader, const struct wire_piece *piece, char *ret, size_t size)
{
    struct body_line *line = &reader->inner;
    size_t left = piece->len - reader->at;
    size_t len = left < size ? left : size;

    if (line->sent < line->len)
    {
        return drain(line, ret, size);
    }
    if (piece->encoding == WIRE_PLAIN)
    {
        memcpy(ret, piece->data + reader->at, len);
        reader->at += len;
        return len;
    }
    len = left < BODY_LINE_BYTES ? left : BODY_LINE_BYTES;
    line->len = crypto_base64_encode(piece->data + reader->at, len, line->text);
    line->sent = 0;
    if (piece->encoding == WIRE_BASE64_LINES && len < left)
    {
        memcpy(line->text + line->len, "\r\n", 2);
        line->len += 2;
    }
    reader->at += len;
    return drain(line, ret, size);
}

/* Bytes of pieces up to the first that is enclosed differently. Fewer than size: there it is. */
static size_t
read_run(struct body_reader *reader, bool enclosed, char *ret, size_t size)
{
    const struct wire_request *request = reader->request;
    size_t done = 0;

    while (done < size && reader->piece < request->piece_count &&
           request->pieces[reader->piece].enclosed == enclosed)
    {
        const struct wire_piece *piece = &request->pieces[reader->piece];

        done += read_piece(reader, piece, ret + done, size - done);
        if (reader->at == piece->len && reader->inner.sent == reader->inner.len)
        {
            reader->piece++;
            reader->at = 0;
        }
    }
    return done;
}

/* Some bytes of the base64 around enclosed pieces; 0: they are at their end. */
static size_t
read_enclosed(struct body_reader *reader, char *ret, size_t size)
{
    struct body_line *line = &reader->outer;
    char content[BODY_LINE_BYTES];

    if (line->sent == line->len)
    {
        line->len = crypto_base64_encode(content, read_run(reader, true, content, sizeof(content)),
                                         line->text);
        line->sent = 0;
    }
    return drain(line, ret, size);
}

static size_t
read_text(struct body_reader *reader, char *ret, size_t size)
{
    size_t left = reader->request->body_len - reader->at;
    size_t len = left < size ? left : size;

    if (len > 0)
    {
        memcpy(ret, reader->request->body + reader->at, len);
        reader->at += len;
    }
    return len;
}

size_t
body_read(struct body_reader *reader, void *ret, size_t size)
{
    size_t done = 0;
    size_t before;

    if (reader->request->pieces == NULL)
    {
        return read_text(reader, ret, size);
    }
    do
    {
        before = done;
        done += read_enclosed(reader, (char *) ret + done, size - done);
        if (done == before)
        {
            done += read_run(reader, false, (char *) ret + done, size - done);
        }
    } while (done < size && done > before);
    return done;
}

void
body_sha256(const struct wire_request *request, uint8_t ret[32])
{
    struct crypto_digest *digest = crypto_sha256_begin();
    struct body_reader reader;
    char part[8192];
    size_t len;

    body_start(&reader, request);
    while ((len = body_read(&reader, part, sizeof(part))) > 0)
    {
        crypto_sha256_add(digest, part, len);
    }
    crypto_sha256_end(digest, ret);
}
