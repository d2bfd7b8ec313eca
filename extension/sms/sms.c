/* Counting by the alphabets of 3GPP TS 23.038. */
#include "sms.h"

#include <stdbool.h>
#include <stdint.h>

enum
{
    REPLACEMENT = 0xfffd,
    GSM7_SINGLE = 160,
    GSM7_PART = 153,
    UCS2_SINGLE = 70,
    UCS2_PART = 67
};

/* The default alphabet outside ASCII. */
static const uint16_t alphabet[] = {
    0xa1, 0xa3, 0xa4, 0xa5,  0xa7,  0xbf,  0xc4,  0xc5,  0xc6,  0xc7,  0xc9,  0xd1,  0xd6,
    0xd8, 0xdc, 0xdf, 0xe0,  0xe4,  0xe5,  0xe6,  0xe8,  0xe9,  0xec,  0xf1,  0xf2,  0xf6,
    0xf8, 0xf9, 0xfc, 0x393, 0x394, 0x398, 0x39b, 0x39e, 0x3a0, 0x3a3, 0x3a6, 0x3a8, 0x3a9,
};

/* Characters that an escape precedes. */
static const uint16_t extension[] = {
    '\f', '^', '{', '}', '\\', '[', '~', ']', '|', 0x20ac,
};

/* Parts that are filled one after the other. */
struct filling
{
    size_t capacity; /* of a part */
    size_t units;
    size_t parts;
    size_t free; /* in the last one */
};

static void
fill(struct filling *filling, size_t units)
{
    if (filling->free < units)
    {
        filling->parts++;
        filling->free = filling->capacity;
    }
    filling->free -= units;
    filling->units += units;
}

static bool
contains(const uint16_t *set, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++)
    {
        if (set[i] == character)
        {
            return true;
        }
    }
    return false;
}

/* Septets of a character; 0: it has none. */
static size_t
septets(uint32_t character)
{
    if (contains(extension, sizeof(extension) / sizeof(extension[0]), character))
    {
        return 2;
    }
    if (character < 0x80)
    {
        return (character >= ' ' && character <= '~' && character != '`') || character == '\n' ||
                       character == '\r'
                   ? 1
                   : 0;
    }
    return contains(alphabet, sizeof(alphabet) / sizeof(alphabet[0]), character) ? 1 : 0;
}

/* The character at text and its length in bytes; one byte of what is no UTF-8. */
static uint32_t
decode(const uint8_t *text, size_t len, size_t *ret_bytes)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t first = text[0];
    size_t bytes = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t character = bytes == 1 ? first : first & (0x7fu >> bytes);

    *ret_bytes = 1;
    if (bytes == 1)
    {
        return character;
    }
    if (first < 0xc0 || first >= 0xf8 || bytes > len)
    {
        return REPLACEMENT;
    }
    for (size_t i = 1; i < bytes; i++)
    {
        if ((text[i] & 0xc0) != 0x80)
        {
            return REPLACEMENT;
        }
        character = character << 6 | (text[i] & 0x3fu);
    }
    if (character < smallest[bytes] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
    {
        return REPLACEMENT;
    }
    *ret_bytes = bytes;
    return character;
}

static struct sms_size
result(enum sms_encoding encoding, const struct filling *filling, size_t single)
{
    bool fits_one = filling->units > 0 && filling->units <= single;

    return (struct sms_size){ encoding, filling->units, fits_one ? 1 : filling->parts };
}

struct sms_size
sms_measure(const char *text, size_t len)
{
    struct filling gsm7 = { .capacity = GSM7_PART };
    struct filling ucs2 = { .capacity = UCS2_PART };
    bool is_gsm7 = true;
    size_t bytes;

    for (size_t at = 0; at < len; at += bytes)
    {
        uint32_t character = decode((const uint8_t *) text + at, len - at, &bytes);
        size_t units = septets(character);

        is_gsm7 = is_gsm7 && units > 0;
        fill(&gsm7, units);
        fill(&ucs2, character > 0xffff ? 2 : 1);
    }
    return is_gsm7 ? result(SMS_GSM7, &gsm7, GSM7_SINGLE) : result(SMS_UCS2, &ucs2, UCS2_SINGLE);
}

const char *
sms_encoding_name(enum sms_encoding encoding)
{
    return encoding == SMS_GSM7 ? "GSM-7" : "UCS-2";
}
