/* Look-ups in the tables of languages and regions. */
#include "locales.h"

#include <string.h>

#include "utf8.h"

/* What plural rules look at. Values are cut to OPERAND_LIMIT plus their last digits: large ones
 * stay large, and the rest of a division by a small power of ten stays what it is. */
struct lq_operands
{
    uint64_t i; /* the integer */
    uint64_t f; /* the fraction's digits as a number */
    uint64_t t; /* the same without zeros at the end */
    size_t v;   /* how many digits the fraction has */
};

#define OPERAND_LIMIT UINT64_C(1000000000000)

struct text
{
    enum lq_locale_text which;
    const char *text;
};

struct lq_locale
{
    const char *name;
    const struct lq_locale *parent; /* has the texts that are not here */
    enum lq_plural (*plural)(const struct lq_operands *operands);
    uint16_t first; /* of its texts */
    uint8_t count;
    uint8_t group_size;
    uint8_t group_minimum;
};

/* Another name of a locale. */
struct alias
{
    const char *name;
    const struct lq_locale *locale;
};

static bool
in(uint64_t value, uint64_t first, uint64_t last)
{
    return value >= first && value <= last;
}

#include "locale.inc"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_name(struct lq_str tag, const char *name)
{
    if (strlen(name) != tag.len)
        return false;
    for (size_t i = 0; i < tag.len; i++)
    {
        char c = tag.data[i] == '_' ? '-' : tag.data[i];

        if (lq_ascii_lower(c) != lq_ascii_lower(name[i]))
            return false;
    }
    return true;
}

static const struct lq_locale *
find_exact(struct lq_str tag)
{
    for (size_t i = 0; i < COUNT(locales); i++)
    {
        if (is_name(tag, locales[i].name))
            return &locales[i];
    }
    for (size_t i = 0; i < COUNT(aliases); i++)
    {
        if (is_name(tag, aliases[i].name))
            return aliases[i].locale;
    }
    return NULL;
}

const struct lq_locale *
lq_locale_find(struct lq_str tag)
{
    enum
    {
        TAG_MAX = 35 /* a longer one names more than language, script and region */
    };

    if (tag.len > TAG_MAX)
        tag.len = TAG_MAX;
    while (tag.len > 0)
    {
        const struct lq_locale *locale = find_exact(tag);

        if (locale != NULL)
            return locale;
        do
            tag.len--;
        while (tag.len > 0 && tag.data[tag.len] != '-' && tag.data[tag.len] != '_');
    }
    return &locales[0];
}

bool
lq_locale_is_english(const struct lq_locale *locale)
{
    return memcmp(locale->name, "en", 2) == 0;
}

/* The text of the locale itself, or NULL. */
static const char *
own_text(const struct lq_locale *locale, enum lq_locale_text which)
{
    for (size_t i = 0; i < locale->count; i++)
    {
        if (texts[locale->first + i].which == which)
            return texts[locale->first + i].text;
    }
    return NULL;
}

/* What a text is when it is not written down: gen_locale.py leaves it out then. */
static enum lq_locale_text
stand_in(enum lq_locale_text which)
{
    switch (which)
    {
        case LQ_TEXT_MONEY_DECIMAL:
            return LQ_TEXT_DECIMAL;
        case LQ_TEXT_MONEY_GROUP:
            return LQ_TEXT_GROUP;
        case LQ_TEXT_MONTHS_ALONE:
        case LQ_TEXT_MONTHS_ABBREVIATED_ALONE:
        case LQ_TEXT_DAYS_ALONE:
        case LQ_TEXT_DAYS_ABBREVIATED_ALONE:
            return (enum lq_locale_text)(which - 1);
        default:
            return which;
    }
}

struct lq_str
lq_locale_text(const struct lq_locale *locale, enum lq_locale_text which)
{
    const char *text = NULL;

    for (; text == NULL && locale != NULL; locale = locale->parent)
    {
        text = own_text(locale, which);
        if (text == NULL)
            text = own_text(locale, stand_in(which));
    }
    return text == NULL ? LQ_STR("") : (struct lq_str){ text, strlen(text) };
}

struct lq_str
lq_locale_name(const struct lq_locale *locale, enum lq_locale_text which, int number)
{
    struct lq_str rest = lq_locale_text(locale, which);

    for (;;)
    {
        const char *bar = memchr(rest.data, '|', rest.len);
        size_t len = bar == NULL ? rest.len : (size_t) (bar - rest.data);

        if (number-- == 0 || bar == NULL)
            return (struct lq_str){ rest.data, len };
        rest.data += len + 1;
        rest.len -= len + 1;
    }
}

size_t
lq_locale_group_size(const struct lq_locale *locale)
{
    return locale->group_size;
}

size_t
lq_locale_group_minimum(const struct lq_locale *locale)
{
    return locale->group_minimum;
}

bool
lq_currency_decimals(struct lq_str code, int *ret)
{
    if (code.len != LQ_CURRENCY_LENGTH)
        return false;
    for (const char *at = currencies; *at != '\0'; at += LQ_CURRENCY_LENGTH + 1)
    {
        if (memcmp(at, code.data, code.len) != 0)
            continue;
        *ret = at[LQ_CURRENCY_LENGTH] - '0';
        return true;
    }
    return false;
}

struct lq_str
lq_currency_symbol(const struct lq_locale *locale, struct lq_str code)
{
    for (; locale != NULL; locale = locale->parent)
    {
        const char *at = own_text(locale, LQ_TEXT_SYMBOLS);

        while (at != NULL)
        {
            size_t len = strcspn(at, ";");

            if (memcmp(at, code.data, code.len) == 0)
                return (struct lq_str){ at + code.len, len - code.len };
            at = at[len] == ';' ? at + len + 1 : NULL;
        }
    }
    return code;
}

static uint64_t
operand(struct lq_str digits)
{
    uint64_t value = 0;

    for (size_t i = 0; i < digits.len; i++)
    {
        value = value * 10 + (uint64_t) (digits.data[i] - '0');
        if (value >= OPERAND_LIMIT)
            value = OPERAND_LIMIT + value % OPERAND_LIMIT;
    }
    return value;
}

enum lq_plural
lq_locale_plural(const struct lq_locale *locale, struct lq_str integer, struct lq_str fraction)
{
    struct lq_operands operands = { operand(integer), operand(fraction), 0, fraction.len };

    while (fraction.len > 0 && fraction.data[fraction.len - 1] == '0')
        fraction.len--;
    operands.t = operand(fraction);
    return locale->plural(&operands);
}

struct lq_str
lq_plural_name(enum lq_plural plural)
{
    static const struct lq_str names[LQ_PLURAL_COUNT] = {
        { "zero", 4 }, { "one", 3 }, { "two", 3 }, { "few", 3 }, { "many", 4 }, { "other", 5 },
    };

    return names[plural];
}
