/* What is known of languages and regions: names of months and days, signs of numbers, currencies,
 * plurals. Generated from CLDR; digits are Latin and the calendar is Gregorian everywhere. */
#ifndef LIQUID_LOCALES_H
#define LIQUID_LOCALES_H

#include "liquid.h"

struct lq_locale;

enum lq_locale_text
{
    LQ_TEXT_DECIMAL,
    LQ_TEXT_GROUP,
    LQ_TEXT_MINUS,
    LQ_TEXT_MONEY, /* ¤ is the currency, # the number; behind a semicolon for negative ones */
    LQ_TEXT_MONEY_DECIMAL,
    LQ_TEXT_MONEY_GROUP,
    LQ_TEXT_SYMBOLS, /* of currencies */
    /* Twelve and seven names with | between them; the _ALONE ones are said without a day. */
    LQ_TEXT_MONTHS,
    LQ_TEXT_MONTHS_ALONE,
    LQ_TEXT_MONTHS_ABBREVIATED,
    LQ_TEXT_MONTHS_ABBREVIATED_ALONE,
    LQ_TEXT_DAYS,
    LQ_TEXT_DAYS_ALONE,
    LQ_TEXT_DAYS_ABBREVIATED,
    LQ_TEXT_DAYS_ABBREVIATED_ALONE,
    LQ_TEXT_AM_PM,
    /* Formats as lq_time_format() takes them, in the order of their lengths. */
    LQ_TEXT_DATE_SHORT,
    LQ_TEXT_DATE_MEDIUM,
    LQ_TEXT_DATE_LONG,
    LQ_TEXT_DATE_FULL,
    LQ_TEXT_DATE_TIME_SHORT,
    LQ_TEXT_DATE_TIME_MEDIUM,
    LQ_TEXT_DATE_TIME_LONG,
    LQ_TEXT_DATE_TIME_FULL,
    LQ_TEXT_TIME
};

enum lq_plural
{
    LQ_PLURAL_ZERO,
    LQ_PLURAL_ONE,
    LQ_PLURAL_TWO,
    LQ_PLURAL_FEW,
    LQ_PLURAL_MANY,
    LQ_PLURAL_OTHER,
    LQ_PLURAL_COUNT
};

enum
{
    LQ_CURRENCY_LENGTH = 3
};

/* The locale of a BCP 47 tag, else of its language, else English; never NULL. */
const struct lq_locale *lq_locale_find(struct lq_str tag);

bool lq_locale_is_english(const struct lq_locale *locale);
struct lq_str lq_locale_text(const struct lq_locale *locale, enum lq_locale_text which);

/* One of the names of a text, from 0. */
struct lq_str lq_locale_name(const struct lq_locale *locale, enum lq_locale_text which, int number);

/* How many digits stand between group signs before the last three, and how many digits there must
 * be before those for a number to be grouped at all. */
size_t lq_locale_group_size(const struct lq_locale *locale);
size_t lq_locale_group_minimum(const struct lq_locale *locale);

/* The decimals of a currency by its code in upper case; false when there is no such currency. */
bool lq_currency_decimals(struct lq_str code, int *ret);

/* How the locale writes a currency; its code when it has nothing shorter. */
struct lq_str lq_currency_symbol(const struct lq_locale *locale, struct lq_str code);

/* The category of a number, given the digits before and behind its point. */
enum lq_plural lq_locale_plural(const struct lq_locale *locale, struct lq_str integer,
                                struct lq_str fraction);

/* "zero", "one", … */
struct lq_str lq_plural_name(enum lq_plural plural);

#endif
