/* A table of prefixes. */
#include "core/calling_code.h"

#include <stddef.h>
#include <string.h>

static const struct calling_code
{
    const char *digits;
    const char *country;
} calling_codes[] = {
#define CALLING_CODE(digits, country) { digits, country },
#include "core/calling_code.def"
#undef CALLING_CODE
};

#define CALLING_CODES (sizeof(calling_codes) / sizeof(calling_codes[0]))

const char *
calling_code_country(const char *phone)
{
    const char *country = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < CALLING_CODES && phone[0] == '+'; i++)
    {
        size_t len = strlen(calling_codes[i].digits);

        if (len > longest && strncmp(phone + 1, calling_codes[i].digits, len) == 0)
        {
            longest = len;
            country = calling_codes[i].country;
        }
    }
    return country;
}

bool
calling_code_is_country(const char *code)
{
    size_t i = 0;

    while (i < CALLING_CODES && strcmp(calling_codes[i].country, code) != 0)
    {
        i++;
    }
    return i < CALLING_CODES;
}
