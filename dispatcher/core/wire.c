/* Headers of requests and answers. */
#include "core/wire.h"

#include <string.h>
#include <strings.h>

static bool
wire_is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
wire_is_token(const char *name)
{
    const char *p = name;

    while (wire_is_token_char((unsigned char) *p))
    {
        p++;
    }
    return p > name && *p == '\0';
}

static bool
wire_is_value(const char *value)
{
    for (const char *p = value; *p != '\0'; p++)
    {
        if ((unsigned char) *p < 0x20 || *p == 0x7f)
        {
            return false;
        }
    }
    return true;
}

bool
wire_header_valid(const struct wire_header *header)
{
    return header->name != NULL && header->value != NULL && wire_is_token(header->name) &&
           wire_is_value(header->value);
}

bool
wire_mailbox_valid(const char *address)
{
    for (const char *p = address; *p != '\0'; p++)
    {
        if ((unsigned char) *p <= ' ' || *p == 0x7f || *p == '<' || *p == '>')
        {
            return false;
        }
    }
    return true;
}

const char *
wire_answer_header(const struct wire_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
    {
        if (strcmp(answer->headers[i].name, name) == 0)
        {
            return answer->headers[i].value;
        }
    }
    return NULL;
}

bool
wire_add_header(struct wire_request *request, const char *name, const char *value)
{
    const struct wire_header header = { name, value };

    if (request->header_count >= WIRE_HEADERS_MAX || !wire_header_valid(&header))
    {
        return false;
    }
    request->headers[request->header_count++] = header;
    return true;
}

static bool
wire_has_scheme(const char *url, const char *scheme)
{
    return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

static const char *
wire_mail_problem(const struct wire_request *request, bool allow_cleartext)
{
    if (request->mail_to == NULL || *request->mail_to == '\0' ||
        !wire_mailbox_valid(request->mail_to))
    {
        return "the recipient's mailbox cannot stand in an envelope";
    }
    if (request->mail_from != NULL && !wire_mailbox_valid(request->mail_from))
    {
        return "the sender's mailbox cannot stand in an envelope";
    }
    if (wire_has_scheme(request->url, "smtps://"))
    {
        return NULL;
    }
    if (!wire_has_scheme(request->url, "smtp://"))
    {
        return "the scheme of the URL is not allowed";
    }
    return request->starttls || allow_cleartext ? NULL : "mail without TLS is not allowed";
}

const char *
wire_request_problem(const struct wire_request *request, bool allow_cleartext)
{
    for (size_t i = 0; i < request->header_count; i++)
    {
        if (!wire_header_valid(&request->headers[i]))
        {
            return "a header holds a control character";
        }
    }
    if (request->kind == WIRE_MAIL)
    {
        return wire_mail_problem(request, allow_cleartext);
    }
    if (!wire_has_scheme(request->url, "https://") &&
        !(allow_cleartext && wire_has_scheme(request->url, "http://")))
    {
        return "the scheme of the URL is not allowed";
    }
    return NULL;
}
