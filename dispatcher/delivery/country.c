/* Attribute, region, calling code, locale. */
#include "delivery/country.h"

#include <stddef.h>
#include <string.h>

static const struct code
{
    const char *country;
    const char *digits;
} codes[] = {
#define CALLING_CODE(country, digits) { country, digits },
#include "delivery/calling_codes.def"
#undef CALLING_CODE
};

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t
letters(const char *text)
{
    size_t count = 0;

    while (is_letter(text[count]))
    {
        count++;
    }
    return count;
}

static char
capital(char c)
{
    return (char) (c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* Two letters, up to the end or `end`. */
static bool
take(const char *text, char end, char ret[COUNTRY_SIZE])
{
    if (letters(text) != 2 || (text[2] != '\0' && text[2] != end))
    {
        return false;
    }
    ret[0] = capital(text[0]);
    ret[1] = capital(text[1]);
    ret[2] = '\0';
    return true;
}

/* How many digits there are, if the number begins with them; else 0. */
static size_t
fit(const char *number, const char *digits)
{
    size_t len = 0;

    while (digits[len] != '\0' && digits[len] == number[len])
    {
        len++;
    }
    return digits[len] == '\0' ? len : 0;
}

static bool
take_phone(const char *phone, char ret[COUNTRY_SIZE])
{
    size_t longest = 0;

    for (size_t i = 0; phone[0] == '+' && i < sizeof(codes) / sizeof(codes[0]); i++)
    {
        size_t len = fit(phone + 1, codes[i].digits);

        if (len > longest)
        {
            longest = len;
            memcpy(ret, codes[i].country, COUNTRY_SIZE);
        }
    }
    return longest > 0;
}

/* Language of two or three letters, perhaps a script of four, then the country. */
static bool
take_locale(const char *locale, char ret[COUNTRY_SIZE])
{
    size_t language = letters(locale);
    const char *rest = locale + language;

    if (language < 2 || language > 3 || *rest != '-')
    {
        return false;
    }
    rest++;
    if (letters(rest) == 4 && rest[4] == '-')
    {
        rest += 5;
    }
    return take(rest, '-', ret);
}

bool
country_find(const struct country_hints *hints, char ret[COUNTRY_SIZE])
{
    ret[0] = '\0';
    return (hints->attribute != NULL && take(hints->attribute, '\0', ret)) ||
           (hints->region != NULL && take(hints->region, '-', ret)) ||
           (hints->phone != NULL && take_phone(hints->phone, ret)) ||
           (hints->locale != NULL && take_locale(hints->locale, ret));
}
