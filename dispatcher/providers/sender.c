/* Senders by the country of a phone number. */
#include "providers/sender.h"

#include <string.h>

#include "core/calling_code.h"
#include "providers/address.h"
#include "providers/build.h"

#define SENDER_ID_MAX 11
#define SHORT_CODE_MIN 3
#define SHORT_CODE_MAX 8
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SETTING "from_by_country"

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
sender_choose(const struct settings *settings, const char *phone, const char *fallback)
{
    const char *country = calling_code_country(phone);
    const char *sender = country == NULL ? NULL : settings_get_member(settings, SETTING, country);

    return sender != NULL ? sender : fallback;
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
    inspection->known = calling_code_is_country(key);
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
