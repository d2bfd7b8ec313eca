/* Attribute, region, calling code, locale. */
#include "delivery/country.h"

#include <stddef.h>

#include "core/calling_code.h"

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

static bool
take_phone(const char *phone, char ret[COUNTRY_SIZE])
{
    const char *country = calling_code_country(phone);

    return country != NULL && take(country, '\0', ret);
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
