/* Exact decimal arithmetic, and the way from decimal digits to the nearest double and back. */
#include "number.h"

#include <string.h>

#include "utf8.h"

enum
{
    QUOTIENT_DIGITS = 40,  /* of a division, more than a double can tell apart */
    SIGNIFICANT_MAX = 800, /* more digits never move a rounding, a single sticky one suffices */
    EXPONENT_LIMIT = 100000,
    EXACT_DIGITS = 15, /* decimals of so many digits are the shortest spelling of their double */
    EXACT_EXPONENT = 280,
    FIXED_DIGITS = 15, /* in front of the point, at most, of a whole number without exponent */
    MANTISSA_BITS = 53,
    EXPONENT_MIN = -1074,
    EXPONENT_MAX = 971
};

static void
big_set(struct lq_big *big, uint64_t value)
{
    big->used = 0;
    while (value > 0)
    {
        big->limb[big->used++] = (uint32_t) value;
        value >>= 32;
    }
}

static void
big_copy(struct lq_big *to, const struct lq_big *from)
{
    to->used = from->used;
    memcpy(to->limb, from->limb, from->used * sizeof(from->limb[0]));
}

/* big = big * factor + add */
static bool
big_scale(struct lq_big *big, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;

    for (uint32_t i = 0; i < big->used; i++)
    {
        carry += (uint64_t) big->limb[i] * factor;
        big->limb[i] = (uint32_t) carry;
        carry >>= 32;
    }
    if (carry > 0)
    {
        if (big->used == LQ_BIG_LIMBS)
            return false;
        big->limb[big->used++] = (uint32_t) carry;
    }
    return true;
}

static bool
big_scale_ten(struct lq_big *big, int32_t power)
{
    for (; power >= 9; power -= 9)
    {
        if (!big_scale(big, 1000000000, 0))
            return false;
    }
    for (; power > 0; power--)
    {
        if (!big_scale(big, 10, 0))
            return false;
    }
    return true;
}

/* big = big / divisor, returning the remainder */
static uint32_t
big_divide(struct lq_big *big, uint32_t divisor)
{
    uint64_t rest = 0;

    for (uint32_t i = big->used; i-- > 0;)
    {
        rest = rest << 32 | big->limb[i];
        big->limb[i] = (uint32_t) (rest / divisor);
        rest %= divisor;
    }
    while (big->used > 0 && big->limb[big->used - 1] == 0)
        big->used--;
    return (uint32_t) rest;
}

static int
big_compare(const struct lq_big *a, const struct lq_big *b)
{
    if (a->used != b->used)
        return a->used < b->used ? -1 : 1;
    for (uint32_t i = a->used; i-- > 0;)
    {
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    }
    return 0;
}

static bool
big_add(struct lq_big *a, const struct lq_big *b)
{
    uint64_t carry = 0;

    for (uint32_t i = 0; i < b->used || carry > 0; i++)
    {
        if (i == LQ_BIG_LIMBS)
            return false;
        if (i == a->used)
            a->limb[a->used++] = 0;
        carry += (uint64_t) a->limb[i] + (i < b->used ? b->limb[i] : 0);
        a->limb[i] = (uint32_t) carry;
        carry >>= 32;
    }
    return true;
}

/* a = a - b, where a >= b */
static void
big_subtract(struct lq_big *a, const struct lq_big *b)
{
    uint64_t borrow = 0;

    for (uint32_t i = 0; i < a->used; i++)
    {
        uint64_t less = (i < b->used ? b->limb[i] : 0) + borrow;

        borrow = a->limb[i] < less;
        a->limb[i] = (uint32_t) (a->limb[i] - less);
    }
    while (a->used > 0 && a->limb[a->used - 1] == 0)
        a->used--;
}

static bool
big_multiply(const struct lq_big *a, const struct lq_big *b, struct lq_big *ret)
{
    if (a->used + b->used > LQ_BIG_LIMBS)
        return false;
    memset(ret->limb, 0, (a->used + b->used) * sizeof(ret->limb[0]));
    for (uint32_t i = 0; i < a->used; i++)
    {
        uint64_t carry = 0;

        for (uint32_t j = 0; j < b->used; j++)
        {
            carry += (uint64_t) a->limb[i] * b->limb[j] + ret->limb[i + j];
            ret->limb[i + j] = (uint32_t) carry;
            carry >>= 32;
        }
        ret->limb[i + b->used] = (uint32_t) carry;
    }
    ret->used = a->used + b->used;
    while (ret->used > 0 && ret->limb[ret->used - 1] == 0)
        ret->used--;
    return true;
}

static int32_t
big_bits(const struct lq_big *big)
{
    uint32_t top;
    int32_t bits;

    if (big->used == 0)
        return 0;
    top = big->limb[big->used - 1];
    bits = (int32_t) (big->used - 1) * 32;
    for (; top > 0; top >>= 1)
        bits++;
    return bits;
}

static bool
big_shift(struct lq_big *big, int32_t bits)
{
    uint32_t limbs = (uint32_t) bits / 32;

    if (big->used == 0 || bits == 0)
        return true;
    if (!big_scale(big, UINT32_C(1) << ((uint32_t) bits % 32), 0))
        return false;
    if (big->used + limbs > LQ_BIG_LIMBS)
        return false;
    memmove(big->limb + limbs, big->limb, big->used * sizeof(big->limb[0]));
    memset(big->limb, 0, limbs * sizeof(big->limb[0]));
    big->used += limbs;
    return true;
}

/* ret = a / b, leaving the remainder in a */
static void
big_quotient(struct lq_big *a, const struct lq_big *b, struct lq_big *ret)
{
    struct lq_big rest = { 0 };

    ret->used = a->used;
    memset(ret->limb, 0, a->used * sizeof(ret->limb[0]));
    for (int32_t bit = big_bits(a) - 1; bit >= 0; bit--)
    {
        (void) big_scale(&rest, 2, a->limb[bit / 32] >> (bit % 32) & 1);
        if (big_compare(&rest, b) < 0)
            continue;
        big_subtract(&rest, b);
        ret->limb[bit / 32] |= UINT32_C(1) << (bit % 32);
    }
    while (ret->used > 0 && ret->limb[ret->used - 1] == 0)
        ret->used--;
    big_copy(a, &rest);
}

void
lq_decimal_from_int(int64_t value, struct lq_decimal *ret)
{
    ret->negative = value < 0;
    ret->real = false;
    ret->exponent = 0;
    big_set(&ret->magnitude, value < 0 ? 0 - (uint64_t) value : (uint64_t) value);
}

void
lq_decimal_from_real(const struct lq_real *value, struct lq_decimal *ret)
{
    ret->negative = value->negative;
    ret->real = true;
    ret->exponent = value->exponent;
    big_set(&ret->magnitude, value->digits);
}

bool
lq_decimal_from_text(struct lq_str text, struct lq_decimal *ret)
{
    size_t digits = 0;

    ret->negative = text.len > 0 && text.data[0] == '-';
    ret->real = false;
    ret->exponent = 0;
    ret->magnitude.used = 0;
    for (size_t i = 0; i < text.len; i++)
    {
        if (text.data[i] == '.')
            ret->real = true;
        if (!lq_is_digit(text.data[i]))
            continue;
        if (ret->real)
            ret->exponent--;
        digits += digits > 0 || text.data[i] != '0';
        if (digits > LQ_DIGITS_MAX || ret->exponent < -LQ_DIGITS_MAX)
            return false;
        if (!big_scale(&ret->magnitude, 10, (uint32_t) (text.data[i] - '0')))
            return false;
    }
    if (!ret->real && ret->magnitude.used == 0)
        ret->negative = false; /* integers have no -0 */
    return true;
}

/* Copy both with the smaller of their exponents. */
static bool
align(const struct lq_decimal *a, const struct lq_decimal *b, struct lq_big *ret_a,
      struct lq_big *ret_b, int32_t *ret_exponent)
{
    int32_t exponent = a->exponent < b->exponent ? a->exponent : b->exponent;

    big_copy(ret_a, &a->magnitude);
    big_copy(ret_b, &b->magnitude);
    *ret_exponent = exponent;
    return (ret_a->used == 0 || big_scale_ten(ret_a, a->exponent - exponent)) &&
           (ret_b->used == 0 || big_scale_ten(ret_b, b->exponent - exponent));
}

/* Integers to the integer below, others to more digits than a double has. */
static bool
divide(const struct lq_decimal *a, const struct lq_decimal *b, struct lq_decimal *ret)
{
    struct lq_big rest;
    int32_t more = 0;

    ret->negative = a->negative != b->negative;
    big_copy(&rest, &a->magnitude);
    if (ret->real)
    {
        int32_t missing = big_bits(&b->magnitude) - big_bits(&a->magnitude);

        more = QUOTIENT_DIGITS + (missing > 0 ? missing * 3 / 10 + 1 : 0);
        if (!big_scale_ten(&rest, more))
            return false;
    }
    big_quotient(&rest, &b->magnitude, &ret->magnitude);
    ret->exponent = a->exponent - b->exponent - more;
    if (rest.used == 0)
        return true;
    if (!ret->real)
        return !ret->negative || big_add(&ret->magnitude, &(struct lq_big){ 1, { 1 } });
    ret->exponent--;
    return big_scale(&ret->magnitude, 10, 1); /* a digit that says: and a bit more */
}

static bool
modulo(const struct lq_decimal *a, const struct lq_decimal *b, struct lq_decimal *ret)
{
    struct lq_big divisor;
    struct lq_big quotient;

    if (!align(a, b, &ret->magnitude, &divisor, &ret->exponent))
        return false;
    big_quotient(&ret->magnitude, &divisor, &quotient);
    ret->negative = b->negative;
    if (ret->magnitude.used == 0)
        ret->negative = false;
    else if (a->negative != b->negative)
    {
        big_subtract(&divisor, &ret->magnitude);
        big_copy(&ret->magnitude, &divisor);
    }
    return true;
}

bool
lq_decimal_calculate(const struct lq_decimal *a, enum lq_operation operation,
                     const struct lq_decimal *b, struct lq_decimal *ret)
{
    bool b_negative = b->negative != (operation == LQ_SUBTRACT);
    struct lq_big other;

    ret->real = a->real || b->real;
    if (operation == LQ_MULTIPLY)
    {
        ret->negative = a->negative != b->negative;
        ret->exponent = a->exponent + b->exponent;
        return big_multiply(&a->magnitude, &b->magnitude, &ret->magnitude);
    }
    if (operation == LQ_DIVIDE)
        return divide(a, b, ret);
    if (operation == LQ_MODULO)
        return modulo(a, b, ret);
    if (!align(a, b, &ret->magnitude, &other, &ret->exponent))
        return false;
    ret->negative = a->negative;
    if (a->negative == b_negative)
        return big_add(&ret->magnitude, &other);
    if (big_compare(&ret->magnitude, &other) >= 0)
    {
        big_subtract(&ret->magnitude, &other);
        if (ret->magnitude.used == 0)
            ret->negative = false;
        return true;
    }
    big_subtract(&other, &ret->magnitude);
    big_copy(&ret->magnitude, &other);
    ret->negative = b_negative;
    return true;
}

static bool
is_even(const struct lq_big *big)
{
    return big->used == 0 || big->limb[0] % 2 == 0;
}

bool
lq_decimal_round(const struct lq_decimal *value, int32_t places, enum lq_rounding rounding,
                 struct lq_decimal *ret)
{
    struct lq_big unit;
    struct lq_big rest;
    bool up;

    if (value->magnitude.used == 0 || value->exponent >= -places)
    {
        *ret = *value;
        return true;
    }
    big_set(&unit, 1);
    if (!big_scale_ten(&unit, -places - value->exponent))
    {
        /* All digits are behind the place, by far: rounding to the nearest leaves nothing. */
        big_set(&unit, 0);
    }
    ret->negative = value->negative;
    ret->real = value->real;
    ret->exponent = -places;
    ret->magnitude.used = 0;
    big_copy(&rest, &value->magnitude);
    if (unit.used > 0)
        big_quotient(&rest, &unit, &ret->magnitude);
    if (rounding >= LQ_ROUND_HALF)
        up = unit.used > 0 && big_scale(&rest, 2, 0) &&
             big_compare(&rest, &unit) >=
                 (rounding == LQ_ROUND_HALF_EVEN && is_even(&ret->magnitude));
    else
        up = rest.used > 0 && value->negative == (rounding == LQ_ROUND_DOWN);
    return !up || big_add(&ret->magnitude, &(struct lq_big){ 1, { 1 } });
}

bool
lq_decimal_spread(struct lq_decimal *value)
{
    if (value->exponent <= 0)
        return true;
    if (value->magnitude.used > 0 && !big_scale_ten(&value->magnitude, value->exponent))
        return false;
    value->exponent = 0;
    return true;
}

bool
lq_decimal_compare(const struct lq_decimal *a, const struct lq_decimal *b, int *ret)
{
    struct lq_big left;
    struct lq_big right;
    int32_t exponent;
    int sign_a = a->magnitude.used == 0 ? 0 : a->negative ? -1 : 1;
    int sign_b = b->magnitude.used == 0 ? 0 : b->negative ? -1 : 1;

    if (sign_a != sign_b || sign_a == 0)
    {
        *ret = (sign_a > sign_b) - (sign_a < sign_b);
        return true;
    }
    if (!align(a, b, &left, &right, &exponent))
        return false;
    *ret = sign_a * big_compare(&left, &right);
    return true;
}

/* mantissa * 2^exponent, the form in which digits are searched */
struct binary
{
    uint64_t mantissa;
    int32_t exponent;
};

static void
real_normalize(struct lq_real *real, uint64_t digits, int32_t exponent)
{
    if (digits == 0)
        exponent = 0;
    while (digits > 0 && digits % 10 == 0)
    {
        digits /= 10;
        exponent++;
    }
    real->digits = digits;
    real->exponent = (int16_t) exponent;
}

/* Nearest double to numerator / denominator, half to even; false when it overflows. */
static bool
round_binary(struct lq_big *numerator, struct lq_big *denominator, struct binary *ret)
{
    int32_t shift = big_bits(numerator) - big_bits(denominator);
    int32_t bits = MANTISSA_BITS;
    uint64_t mantissa = 0;
    int order;

    if (!big_shift(shift < 0 ? numerator : denominator, shift < 0 ? -shift : shift))
        return false;
    if (big_compare(numerator, denominator) < 0)
    {
        shift--;
        (void) big_scale(numerator, 2, 0);
    }
    if (shift - (MANTISSA_BITS - 1) < EXPONENT_MIN) /* subnormal: fewer bits */
        bits = shift - EXPONENT_MIN + 1;
    if (bits < 0)
    {
        *ret = (struct binary){ 0, EXPONENT_MIN };
        return true;
    }
    for (int32_t i = 0; i < bits; i++)
    {
        mantissa <<= 1;
        if (big_compare(numerator, denominator) >= 0)
        {
            big_subtract(numerator, denominator);
            mantissa |= 1;
        }
        (void) big_scale(numerator, 2, 0);
    }
    /* the rest, doubled once too often, is compared with one unit of the last place halved */
    order = big_compare(numerator, denominator);
    if (order > 0 || (order == 0 && (mantissa & 1) != 0))
        mantissa++;
    ret->mantissa = mantissa;
    ret->exponent = shift - bits + 1;
    if (mantissa == UINT64_C(1) << MANTISSA_BITS)
    {
        ret->mantissa >>= 1;
        ret->exponent++;
    }
    return ret->exponent <= EXPONENT_MAX;
}

/* State of the shortest-digits search: value = r/s, half gaps to the neighbours up/s and down/s. */
struct search
{
    struct lq_big r;
    struct lq_big s;
    struct lq_big up;
    struct lq_big down;
    bool even;
};

static void
search_start(struct search *search, const struct binary *value)
{
    bool uneven = value->mantissa == UINT64_C(1) << (MANTISSA_BITS - 1) &&
                  value->exponent > EXPONENT_MIN; /* the neighbour below is nearer */
    int32_t extra = uneven ? 2 : 1;

    search->even = (value->mantissa & 1) == 0;
    big_set(&search->r, value->mantissa);
    big_set(&search->s, 1);
    big_set(&search->up, 1);
    big_set(&search->down, 1);
    (void) big_shift(&search->r, extra);
    (void) big_shift(&search->s, extra);
    (void) big_shift(&search->up, extra - 1);
    if (value->exponent >= 0)
    {
        (void) big_shift(&search->r, value->exponent);
        (void) big_shift(&search->up, value->exponent);
        (void) big_shift(&search->down, value->exponent);
    }
    else
        (void) big_shift(&search->s, -value->exponent);
}

/* Whether r/s plus the upper half gap reaches one. */
static bool
search_high(const struct search *search)
{
    struct lq_big sum;
    int order;

    big_copy(&sum, &search->r);
    (void) big_add(&sum, &search->up);
    order = big_compare(&sum, &search->s);
    return order > 0 || (order == 0 && search->even);
}

/* Scale so that the next digit is the first one; returns the exponent of ten above it. */
static int32_t
search_scale(struct search *search)
{
    int32_t k = 0;

    while (search_high(search))
    {
        (void) big_scale(&search->s, 10, 0);
        k++;
    }
    for (;;)
    {
        struct search ahead = *search;

        (void) big_scale(&ahead.r, 10, 0);
        (void) big_scale(&ahead.up, 10, 0);
        (void) big_scale(&ahead.down, 10, 0);
        if (search_high(&ahead))
            return k;
        *search = ahead;
        k--;
    }
}

/* The shortest decimal that reads back as the same double, the nearest among equals. */
static void
shortest(const struct binary *value, struct lq_real *ret)
{
    struct search search;
    uint64_t digits = 0;
    int32_t exponent;

    search_start(&search, value);
    exponent = search_scale(&search);
    for (;;)
    {
        unsigned digit = 0;
        int order;
        bool low;
        bool high;

        (void) big_scale(&search.r, 10, 0);
        (void) big_scale(&search.up, 10, 0);
        (void) big_scale(&search.down, 10, 0);
        while (big_compare(&search.r, &search.s) >= 0)
        {
            big_subtract(&search.r, &search.s);
            digit++;
        }
        exponent--;
        order = big_compare(&search.r, &search.down);
        low = order < 0 || (order == 0 && search.even);
        high = search_high(&search);
        digits = digits * 10 + digit;
        if (!low && !high)
            continue;
        if (low && high)
        {
            (void) big_scale(&search.r, 2, 0);
            order = big_compare(&search.r, &search.s);
            high = order > 0 || (order == 0 && (digits & 1) != 0);
        }
        real_normalize(ret, digits + high, exponent);
        return;
    }
}

/* Nearest double to magnitude * 10^exponent, as its shortest decimal; the sign is kept. */
static void
round_real(const struct lq_big *magnitude, int32_t exponent, struct lq_real *ret)
{
    struct lq_big numerator;
    struct lq_big denominator;
    struct binary value;
    int32_t magnitude_ten = exponent + (int32_t) ((int64_t) big_bits(magnitude) * 30103 / 100000);

    ret->infinite = false;
    if (magnitude->used == 0 || magnitude_ten < -340)
    {
        real_normalize(ret, 0, 0);
        return;
    }
    big_copy(&numerator, magnitude);
    big_set(&denominator, 1);
    ret->infinite = magnitude_ten > 310;
    if (!ret->infinite)
        ret->infinite = !big_scale_ten(exponent < 0 ? &denominator : &numerator,
                                       exponent < 0 ? -exponent : exponent) ||
                        !round_binary(&numerator, &denominator, &value);
    if (ret->infinite || value.mantissa == 0)
        real_normalize(ret, 0, 0);
    else
        shortest(&value, ret);
}

void
lq_decimal_to_real(const struct lq_decimal *value, struct lq_real *ret)
{
    uint64_t digits = 0;

    ret->negative = value->negative;
    if (value->magnitude.used <= 2)
    {
        for (uint32_t i = value->magnitude.used; i-- > 0;)
            digits = digits << 32 | value->magnitude.limb[i];
        if (digits < UINT64_C(1000000000000000) && value->exponent > -EXACT_EXPONENT &&
            value->exponent < EXACT_EXPONENT)
        {
            ret->infinite = false;
            real_normalize(ret, digits, value->exponent);
            return;
        }
    }
    round_real(&value->magnitude, value->exponent, ret);
}

bool
lq_decimal_to_int(const struct lq_decimal *value, int64_t *ret)
{
    uint64_t magnitude = 0;

    if (value->magnitude.used > 2)
        return false;
    for (uint32_t i = value->magnitude.used; i-- > 0;)
        magnitude = magnitude << 32 | value->magnitude.limb[i];
    if (magnitude > (uint64_t) INT64_MAX + value->negative)
        return false;
    if (value->negative)
        *ret = magnitude == 0 ? 0 : -(int64_t) (magnitude - 1) - 1;
    else
        *ret = (int64_t) magnitude;
    return true;
}

int64_t
lq_decimal_bytes(const struct lq_decimal *value)
{
    return (big_bits(&value->magnitude) + 7) / 8;
}

size_t
lq_decimal_print(const struct lq_decimal *value, char *ret)
{
    struct lq_big rest;
    size_t at = LQ_BIG_TEXT;

    big_copy(&rest, &value->magnitude);
    do
    {
        uint32_t part = big_divide(&rest, 1000000000);

        for (int i = 0; i < 9 && (part > 0 || rest.used > 0); i++)
        {
            ret[--at] = (char) ('0' + part % 10);
            part /= 10;
        }
    } while (rest.used > 0);
    if (at == LQ_BIG_TEXT)
        ret[--at] = '0';
    if (value->negative)
        ret[--at] = '-';
    memmove(ret, ret + at, LQ_BIG_TEXT - at);
    return LQ_BIG_TEXT - at;
}

/* A JSON exponent's value, clamped. */
static int32_t
parse_exponent(struct lq_str text)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    int32_t value = 0;

    for (size_t i = 0; i < text.len; i++)
    {
        if (lq_is_digit(text.data[i]) && value < EXPONENT_LIMIT)
            value = value * 10 + (text.data[i] - '0');
    }
    return negative ? -value : value;
}

void
lq_real_parse(struct lq_str spelling, struct lq_real *ret)
{
    struct lq_big big = { 0 };
    uint64_t digits = 0;
    int64_t exponent = 0;
    size_t count = 0;
    bool fraction = false;
    bool sticky = false;

    *ret = (struct lq_real){ .negative = spelling.len > 0 && spelling.data[0] == '-' };
    for (size_t i = 0; i < spelling.len; i++)
    {
        char c = spelling.data[i];

        if (c == 'e' || c == 'E')
        {
            exponent +=
                parse_exponent((struct lq_str){ spelling.data + i + 1, spelling.len - i - 1 });
            break;
        }
        fraction = fraction || c == '.';
        if (!lq_is_digit(c))
            continue;
        count += count > 0 || c != '0';
        exponent -= fraction && count <= SIGNIFICANT_MAX;
        exponent += !fraction && count > SIGNIFICANT_MAX;
        if (count > SIGNIFICANT_MAX)
        {
            sticky = sticky || c != '0';
            continue;
        }
        (void) big_scale(&big, 10, (uint32_t) (c - '0'));
        if (count <= EXACT_DIGITS)
            digits = digits * 10 + (uint64_t) (c - '0');
    }
    if (exponent > EXPONENT_LIMIT)
        exponent = EXPONENT_LIMIT;
    if (exponent < -EXPONENT_LIMIT)
        exponent = -EXPONENT_LIMIT;
    if (count <= EXACT_DIGITS && exponent > -EXACT_EXPONENT && exponent < EXACT_EXPONENT)
    {
        real_normalize(ret, digits, (int32_t) exponent);
        return;
    }
    if (sticky)
    {
        (void) big_scale(&big, 10, 1);
        exponent--;
    }
    round_real(&big, (int32_t) exponent, ret);
}

bool
lq_real_truncate(const struct lq_real *value, int64_t *ret)
{
    uint64_t magnitude = value->digits;
    int exponent = value->exponent;

    for (; exponent < 0 && magnitude > 0; exponent++)
        magnitude /= 10;
    for (; exponent > 0; exponent--)
    {
        if (magnitude > (uint64_t) INT64_MAX / 10)
            return false;
        magnitude *= 10;
    }
    if (value->infinite || magnitude > (uint64_t) INT64_MAX)
        return false;
    *ret = value->negative ? -(int64_t) magnitude : (int64_t) magnitude;
    return true;
}

size_t
lq_int_print(int64_t value, char *ret)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
    size_t at = LQ_INT_TEXT;

    do
    {
        ret[--at] = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        ret[--at] = '-';
    memmove(ret, ret + at, LQ_INT_TEXT - at);
    return LQ_INT_TEXT - at;
}

/* Digits with a point at `point` (may lie outside of them), at least one digit on each side. */
static size_t
print_fixed(const char *digits, size_t count, int point, char *ret)
{
    size_t len = 0;

    if (point <= 0)
    {
        ret[len++] = '0';
        ret[len++] = '.';
        for (; point < 0; point++)
            ret[len++] = '0';
        memcpy(ret + len, digits, count);
        return len + count;
    }
    for (size_t i = 0; i < count || i < (size_t) point; i++)
    {
        if (i == (size_t) point)
            ret[len++] = '.';
        ret[len++] = i < count ? digits[i] : '0';
    }
    if (count <= (size_t) point)
    {
        ret[len++] = '.';
        ret[len++] = '0';
    }
    return len;
}

size_t
lq_real_print(const struct lq_real *value, char *ret)
{
    char digits[LQ_INT_TEXT];
    size_t count;
    size_t len = 0;
    int point;

    if (value->negative)
        ret[len++] = '-';
    if (value->infinite)
    {
        memcpy(ret + len, "Infinity", 8);
        return len + 8;
    }
    count = lq_int_print((int64_t) value->digits, digits);
    point = (int) count + value->exponent;
    if (value->digits == 0)
        point = 1;
    if (point > -4 && (point <= FIXED_DIGITS || point < (int) count))
        return len + print_fixed(digits, count, point, ret + len);
    len += print_fixed(digits, count, 1, ret + len);
    ret[len++] = 'e';
    point--;
    ret[len++] = point < 0 ? '-' : '+';
    point = point < 0 ? -point : point;
    if (point < 10)
        ret[len++] = '0';
    count = lq_int_print(point, digits);
    memcpy(ret + len, digits, count);
    return len + count;
}

bool
lq_int_parse(struct lq_str text, int64_t *ret)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t limit = (uint64_t) INT64_MAX + negative;
    uint64_t value = 0;
    size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');

    if (i == text.len)
        return false;
    for (; i < text.len; i++)
    {
        unsigned digit = (unsigned) (text.data[i] - '0');

        if (!lq_is_digit(text.data[i]) || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (negative)
        *ret = value == 0 ? 0 : -(int64_t) (value - 1) - 1;
    else
        *ret = (int64_t) value;
    return true;
}

static size_t
skip_digits(struct lq_str text, size_t at)
{
    while (at < text.len && lq_is_digit(text.data[at]))
        at++;
    return at;
}

bool
lq_number_check(struct lq_str text, bool *ret_integer)
{
    size_t at = text.len > 0 && text.data[0] == '-';
    size_t start = at;
    bool integer = true;

    at = skip_digits(text, at);
    if (at == start || (text.data[start] == '0' && at > start + 1))
        return false;
    if (at < text.len && text.data[at] == '.')
    {
        integer = false;
        start = ++at;
        at = skip_digits(text, at);
        if (at == start)
            return false;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E'))
    {
        integer = false;
        at++;
        at += at < text.len && (text.data[at] == '-' || text.data[at] == '+');
        start = at;
        at = skip_digits(text, at);
        if (at == start)
            return false;
    }
    *ret_integer = integer;
    return at == text.len;
}
