/* Which peers are outside the public internet, and which of them an account allows. */
#include "core/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/http.h"

struct address_range
{
    const char *network;
    int bits;
};

/* The IANA special-purpose registries, multicast and what was never assigned. */
static const struct address_range address_private_v4[] = {
    { "0.0.0.0", 8 },      { "10.0.0.0", 8 },     { "100.64.0.0", 10 }, { "127.0.0.0", 8 },
    { "169.254.0.0", 16 }, { "172.16.0.0", 12 },  { "192.0.0.0", 24 },  { "192.0.2.0", 24 },
    { "192.88.99.0", 24 }, { "192.168.0.0", 16 }, { "198.18.0.0", 15 }, { "198.51.100.0", 24 },
    { "203.0.113.0", 24 }, { "224.0.0.0", 4 },    { "240.0.0.0", 4 },
};

static const struct address_range address_private_v6[] = {
    { "::", 96 },         { "64:ff9b:1::", 48 }, { "100::", 64 },  { "2001::", 23 },
    { "2001:db8::", 32 }, { "3fff::", 20 },      { "5f00::", 16 }, { "fc00::", 7 },
    { "fe80::", 10 },     { "fec0::", 10 },      { "ff00::", 8 },
};

/* IPv6 ranges that carry an IPv4 address, which is what gets judged. */
static const struct
{
    struct address_range range;
    size_t offset;
} address_embedding[] = {
    { { "::ffff:0:0", 96 }, 12 },
    { { "64:ff9b::", 96 }, 12 },
    { { "2002::", 16 }, 2 },
};

static bool
address_in_network(const uint8_t *address, const uint8_t *network, int bits)
{
    size_t whole = (size_t) bits / 8;
    int rest = bits % 8;

    if (memcmp(address, network, whole) != 0)
    {
        return false;
    }
    return rest == 0 || (address[whole] ^ network[whole]) >> (8 - rest) == 0;
}

static bool
address_in_range(int family, const uint8_t *address, const struct address_range *range)
{
    uint8_t network[16];

    return inet_pton(family, range->network, network) == 1 &&
           address_in_network(address, network, range->bits);
}

static bool
address_v4_is_private(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof(address_private_v4) / sizeof(address_private_v4[0]); i++)
    {
        if (address_in_range(AF_INET, address, &address_private_v4[i]))
        {
            return true;
        }
    }
    return false;
}

static bool
address_v6_is_private(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof(address_embedding) / sizeof(address_embedding[0]); i++)
    {
        if (address_in_range(AF_INET6, address, &address_embedding[i].range))
        {
            return address_v4_is_private(address + address_embedding[i].offset);
        }
    }
    for (size_t i = 0; i < sizeof(address_private_v6) / sizeof(address_private_v6[0]); i++)
    {
        if (address_in_range(AF_INET6, address, &address_private_v6[i]))
        {
            return true;
        }
    }
    return false;
}

/* Copy the raw address out; returns its family, or AF_UNSPEC when it is no internet address. */
static int
address_raw(const void *sockaddr, size_t len, uint8_t ret[16])
{
    sa_family_t family = AF_UNSPEC;

    if (len >= offsetof(struct sockaddr, sa_family) + sizeof(family))
    {
        memcpy(&family, (const char *) sockaddr + offsetof(struct sockaddr, sa_family),
               sizeof(family));
    }
    if (family == AF_INET && len >= sizeof(struct sockaddr_in))
    {
        memcpy(ret, (const char *) sockaddr + offsetof(struct sockaddr_in, sin_addr), 4);
        return AF_INET;
    }
    if (family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
    {
        memcpy(ret, (const char *) sockaddr + offsetof(struct sockaddr_in6, sin6_addr), 16);
        return AF_INET6;
    }
    return AF_UNSPEC;
}

bool
http_address_is_private(const void *sockaddr, size_t len)
{
    uint8_t address[16];
    int family = address_raw(sockaddr, len, address);

    if (family == AF_INET)
    {
        return address_v4_is_private(address);
    }
    return family != AF_INET6 || address_v6_is_private(address);
}

/* One entry of the list, "10.0.0.0/8" or "::1"; blanks around it are not part of it. */
static bool
address_matches_entry(int family, const uint8_t *address, const char *entry, size_t len)
{
    char text[INET6_ADDRSTRLEN + 5];
    struct address_range range = { .network = text };
    long bits = family == AF_INET ? 32 : 128;
    char *slash;
    char *end;

    while (len > 0 && (*entry == ' ' || *entry == '\t'))
    {
        entry++;
        len--;
    }
    while (len > 0 && (entry[len - 1] == ' ' || entry[len - 1] == '\t'))
    {
        len--;
    }
    if (len == 0 || len >= sizeof(text))
    {
        return false;
    }
    memcpy(text, entry, len);
    text[len] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL)
    {
        long given = strtol(slash + 1, &end, 10);

        if (end == slash + 1 || *end != '\0' || given < 0 || given > bits)
        {
            return false;
        }
        bits = given;
        *slash = '\0';
    }
    range.bits = (int) bits;
    return address_in_range(family, address, &range);
}

bool
http_address_in_list(const void *sockaddr, size_t len, const char *list)
{
    uint8_t address[16];
    int family = address_raw(sockaddr, len, address);

    if (family == AF_UNSPEC || list == NULL)
    {
        return false;
    }
    for (;;)
    {
        size_t entry_len = strcspn(list, ",");

        if (address_matches_entry(family, address, list, entry_len))
        {
            return true;
        }
        if (list[entry_len] == '\0')
        {
            return false;
        }
        list += entry_len + 1;
    }
}

bool
http_address_text_allowed(const char *text, const char *list)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    char plain[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "%");

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
    {
        return !http_address_is_private(&v4, sizeof(v4)) ||
               http_address_in_list(&v4, sizeof(v4), list);
    }
    if (len >= sizeof(plain))
    {
        return false;
    }
    memcpy(plain, text, len);
    plain[len] = '\0';
    return inet_pton(AF_INET6, plain, &v6.sin6_addr) == 1 &&
           (!http_address_is_private(&v6, sizeof(v6)) ||
            http_address_in_list(&v6, sizeof(v6), list));
}
