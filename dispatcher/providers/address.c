/* Syntax of mailboxes, phone numbers, device tokens, URLs and host names. */
#include "providers/address.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAILBOX_BYTES_MAX 254
#define LOCAL_PART_BYTES_MAX 64
#define HOST_BYTES_MAX 255
#define LABEL_BYTES_MAX 63
#define PHONE_DIGITS_MAX 15
#define TOKEN_BYTES_MAX 4096
#define URL_BYTES_MAX 2048

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define ALPHANUMERIC DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOCAL_PART_CHARACTERS ALPHANUMERIC "!#$%&'*+-/=?^_`{|}~."

const char *
address_domain(const char *mailbox)
{
    const char *at = strrchr(mailbox, '@');

    return at == NULL ? "" : at + 1;
}

const char *
address_check_host(const char *host)
{
    const char *label = host;

    if (strlen(host) > HOST_BYTES_MAX)
    {
        return "the host name is longer than 255 bytes";
    }
    for (;;)
    {
        size_t len = strspn(label, ALPHANUMERIC "-");

        if (len == 0 || len > LABEL_BYTES_MAX)
        {
            return "a label of the host name is empty, longer than 63 bytes or holds other "
                   "characters than letters, digits and hyphens";
        }
        if (label[0] == '-' || label[len - 1] == '-')
        {
            return "a label of the host name begins or ends with a hyphen";
        }
        if (label[len] == '\0')
        {
            return NULL;
        }
        if (label[len] != '.')
        {
            return "the host name holds a character that is no letter, digit, hyphen or dot";
        }
        label += len + 1;
    }
}

const char *
address_check_mailbox(const char *address)
{
    const char *at = strrchr(address, '@');
    size_t local = at == NULL ? 0 : (size_t) (at - address);

    if (at == NULL)
    {
        return "it has no @";
    }
    if (strlen(address) > MAILBOX_BYTES_MAX)
    {
        return "it is longer than 254 bytes";
    }
    if (local == 0 || local > LOCAL_PART_BYTES_MAX)
    {
        return "the part before the @ is empty or longer than 64 bytes";
    }
    if (strspn(address, LOCAL_PART_CHARACTERS) != local)
    {
        return "the part before the @ holds a character that is not allowed unquoted in ASCII";
    }
    if (address[0] == '.' || at[-1] == '.' || memmem(address, local, "..", 2) != NULL)
    {
        return "the part before the @ begins or ends with a dot or has two in a row";
    }
    if (strchr(at, '.') == NULL)
    {
        return "the domain has no dot";
    }
    return address_check_host(at + 1);
}

const char *
address_check_phone(const char *address)
{
    size_t digits = address[0] == '+' ? strspn(address + 1, DIGITS) : 0;

    if (address[0] != '+')
    {
        return "it does not begin with + and the country code";
    }
    if (address[1] == '0')
    {
        return "a country code does not begin with 0";
    }
    if (digits < 2 || digits > PHONE_DIGITS_MAX || address[1 + digits] != '\0')
    {
        return "it must be + and 2 to 15 digits";
    }
    return NULL;
}

const char *
address_check_hex_token(const char *address)
{
    size_t len = strlen(address);

    if (len == 0 || len > TOKEN_BYTES_MAX)
    {
        return "it is empty or longer than 4096 bytes";
    }
    if (len % 2 != 0 || strspn(address, HEX_DIGITS) != len)
    {
        return "it is not an even number of hexadecimal digits";
    }
    return NULL;
}

/* Only visible ASCII characters? */
static bool
is_visible(const char *text)
{
    for (; *text != '\0'; text++)
    {
        if (*text <= ' ' || *text >= 0x7f)
        {
            return false;
        }
    }
    return true;
}

const char *
address_check_token(const char *address)
{
    size_t len = strlen(address);

    if (len == 0 || len > TOKEN_BYTES_MAX)
    {
        return "it is empty or longer than 4096 bytes";
    }
    return is_visible(address) ? NULL : "it holds a blank, a control or a non-ASCII character";
}

/* A port behind the host: empty, or a colon and 1..65535. */
static bool
is_port(const char *text, size_t len)
{
    long port;

    if (len == 0)
    {
        return true;
    }
    if (text[0] != ':' || len < 2 || len > 6 || strspn(text + 1, DIGITS) != len - 1)
    {
        return false;
    }
    port = strtol(text + 1, NULL, 10);
    return port >= 1 && port <= 65535;
}

/* The authority of a URL: a host name or an address, and a port. */
static const char *
check_authority(const char *text, size_t len)
{
    const char *end = text + len;
    const char *port = text;

    if (memchr(text, '@', len) != NULL)
    {
        return "it holds a user name";
    }
    if (len > 0 && text[0] == '[')
    {
        size_t inner = strspn(text + 1, HEX_DIGITS ":.");

        port = text + 1 + inner;
        if (inner < 2 || port >= end || *port != ']')
        {
            return "the IPv6 address is malformed";
        }
        port++;
    }
    else
    {
        port += strspn(text, ALPHANUMERIC ".-_");
        if (port == text || text[0] == '.')
        {
            return "it has no host";
        }
    }
    return is_port(port, (size_t) (end - port)) ? NULL : "its host or port is malformed";
}

const char *
address_check_url(const char *address, bool allow_http)
{
    const char *authority;

    if (strlen(address) > URL_BYTES_MAX)
    {
        return "it is longer than 2048 bytes";
    }
    if (!is_visible(address) || strpbrk(address, "\"<>\\^`{|}") != NULL)
    {
        return "it holds a character that is not allowed in a URL";
    }
    if (strncasecmp(address, "https://", 8) == 0)
    {
        authority = address + 8;
    }
    else if (allow_http && strncasecmp(address, "http://", 7) == 0)
    {
        authority = address + 7;
    }
    else
    {
        return "it does not begin with https://";
    }
    if (strchr(address, '#') != NULL)
    {
        return "it has a fragment";
    }
    return check_authority(authority, strcspn(authority, "/?"));
}
