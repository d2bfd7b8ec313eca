/* Countries of phone numbers, and their senders. */
#include "providers/sender.h"

#include <string.h>

#include "providers/address.h"
#include "providers/build.h"

#define SENDER_ID_MAX 11
#define SHORT_CODE_MIN 3
#define SHORT_CODE_MAX 8
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SETTING "from_by_country"

static const struct calling_code
{
    const char *prefix;
    const char *country;
} calling_codes[] = {
#define CALLING_CODE(prefix, country) { prefix, country },
#include "providers/calling_code.def"
#undef CALLING_CODE
};

#define CALLING_CODES (sizeof(calling_codes) / sizeof(calling_codes[0]))

bool
sender_is_valid(const char *text)
{
    size_t len = strlen(text);

    if (text[0] == '+')
    {
        return address_check_phone(text) == NULL;
    }
    if (strspn(text, DIGITS) == len)
    {
        return len >= SHORT_CODE_MIN && len <= SHORT_CODE_MAX;
    }
    return len <= SENDER_ID_MAX && strspn(text, DIGITS LETTERS " &+-_") == len &&
           strcspn(text, LETTERS) < len;
}

const char *
sender_country(const char *phone)
{
    const char *country = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < CALLING_CODES && phone[0] == '+'; i++)
    {
        size_t len = strlen(calling_codes[i].prefix);

        if (len > longest && strncmp(phone + 1, calling_codes[i].prefix, len) == 0)
        {
            longest = len;
            country = calling_codes[i].country;
        }
    }
    return country;
}

const char *
sender_choose(const struct settings *settings, const char *phone, const char *fallback)
{
    const char *country = sender_country(phone);
    const char *sender = country == NULL ? NULL : settings_get_member(settings, SETTING, country);

    return sender != NULL ? sender : fallback;
}

static bool
is_country(const char *code)
{
    for (size_t i = 0; i < CALLING_CODES; i++)
    {
        if (strcmp(calling_codes[i].country, code) == 0)
        {
            return true;
        }
    }
    return false;
}

struct inspection
{
    bool (*is_sender)(const char *);
    const char *country; /* of the member that cannot be used */
    bool known;
};

static bool
inspect(const char *key, const char *value, void *user)
{
    struct inspection *inspection = user;

    inspection->country = key;
    inspection->known = is_country(key);
    return inspection->known && inspection->is_sender(value);
}

bool
sender_check(const struct settings *settings, bool (*is_sender)(const char *), const char *kinds,
             struct arena *arena, struct provider_error *reterr)
{
    struct inspection inspection = { .is_sender = is_sender };

    if (settings_each_member(settings, SETTING, inspect, &inspection))
    {
        return true;
    }
    if (!inspection.known)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "country",
                            arena_printf(arena,
                                         SETTING " names \"%.32s\", which is no country with phone "
                                                 "numbers: use codes like DE and US",
                                         inspection.country));
    }
    return build_refuse(
        reterr, OUTCOME_CONFIG, "sender",
        arena_printf(arena, SETTING ": the sender for %s is %s", inspection.country, kinds));
}
