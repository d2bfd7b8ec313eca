/* UTF-8 decoding and Unicode tables. */
#include "utf8.h"

#include <string.h>

struct case_range
{
    uint32_t first;
    uint32_t last;
    uint32_t stride;
    int32_t delta;
};

struct case_many
{
    uint32_t from;
    uint32_t to[LQ_CASE_MAX];
};

struct char_range
{
    uint32_t first;
    uint32_t last;
};

#include "unicode.inc"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct case_table
{
    const struct case_range *ranges;
    size_t range_count;
    const struct case_many *many;
    size_t many_count;
} case_tables[] = {
    [LQ_CASE_UPPER] = { upper_ranges, COUNT(upper_ranges), upper_many, COUNT(upper_many) },
    [LQ_CASE_LOWER] = { lower_ranges, COUNT(lower_ranges), lower_many, COUNT(lower_many) },
    [LQ_CASE_TITLE] = { title_ranges, COUNT(title_ranges), title_many, COUNT(title_many) },
};

/* Length of the well-formed sequence at p, 0 when there is none. */
static size_t
sequence_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        len = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        len = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (left < len)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
    {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

size_t
lq_utf8_valid_prefix(struct lq_str text)
{
    const unsigned char *p = (const unsigned char *) text.data;
    size_t left = text.len;

    while (left > 0)
    {
        size_t len;
        uint64_t word;

        if (left >= sizeof(word))
        {
            memcpy(&word, p, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0)
            {
                p += sizeof(word);
                left -= sizeof(word);
                continue;
            }
        }
        len = sequence_length(p, left);
        if (len == 0)
            break;
        p += len;
        left -= len;
    }
    return text.len - left;
}

bool
lq_utf8_valid(struct lq_str text)
{
    return lq_utf8_valid_prefix(text) == text.len;
}

size_t
lq_utf8_count(struct lq_str text)
{
    size_t continued = 0;
    size_t i = 0;
    uint64_t word;

    /* Continuation bytes are 10xxxxxx. */
    for (; text.len - i >= sizeof(word); i += sizeof(word))
    {
        memcpy(&word, text.data + i, sizeof(word));
        word &= ~(word << 1) & UINT64_C(0x8080808080808080);
        continued += (size_t) ((word >> 7) * UINT64_C(0x0101010101010101) >> 56);
    }
    for (; i < text.len; i++)
        continued += ((unsigned char) text.data[i] & 0xc0) == 0x80;
    return text.len - continued;
}

size_t
lq_utf8_offset(struct lq_str text, size_t index)
{
    for (size_t i = 0; i < text.len; i++)
    {
        if (((unsigned char) text.data[i] & 0xc0) == 0x80)
            continue;
        if (index == 0)
            return i;
        index--;
    }
    return text.len;
}

/* A character of several bytes. */
uint32_t
lq_utf8_next_long(const char **at)
{
    const unsigned char *p = (const unsigned char *) *at;

    if (p[0] < 0xe0)
    {
        *at += 2;
        return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
    }
    if (p[0] < 0xf0)
    {
        *at += 3;
        return (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
    }
    *at += 4;
    return (p[0] & 0x07U) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6 | (p[3] & 0x3fU);
}

size_t
lq_utf8_put(uint32_t character, char *ret)
{
    unsigned char *p = (unsigned char *) ret;

    if (character < 0x800)
    {
        p[0] = (unsigned char) (0xc0 | character >> 6);
        p[1] = (unsigned char) (0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000)
    {
        p[0] = (unsigned char) (0xe0 | character >> 12);
        p[1] = (unsigned char) (0x80 | (character >> 6 & 0x3f));
        p[2] = (unsigned char) (0x80 | (character & 0x3f));
        return 3;
    }
    p[0] = (unsigned char) (0xf0 | character >> 18);
    p[1] = (unsigned char) (0x80 | (character >> 12 & 0x3f));
    p[2] = (unsigned char) (0x80 | (character >> 6 & 0x3f));
    p[3] = (unsigned char) (0x80 | (character & 0x3f));
    return 4;
}

static const struct case_many *
find_many(const struct case_table *table, uint32_t character)
{
    size_t low = 0;
    size_t high = table->many_count;

    while (low < high)
    {
        size_t mid = (low + high) / 2;

        if (table->many[mid].from == character)
            return &table->many[mid];
        if (table->many[mid].from < character)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static const struct case_range *
find_range(const struct case_table *table, uint32_t character)
{
    size_t low = 0;
    size_t high = table->range_count;

    while (low < high)
    {
        size_t mid = (low + high) / 2;
        const struct case_range *range = &table->ranges[mid];

        if (character < range->first)
            high = mid;
        else if (character > range->last)
            low = mid + 1;
        else
            return (character - range->first) % range->stride == 0 ? range : NULL;
    }
    return NULL;
}

static size_t
map_ascii(enum lq_case mode, uint32_t character, uint32_t *ret)
{
    if (mode == LQ_CASE_LOWER && character >= 'A' && character <= 'Z')
        *ret = character + ('a' - 'A');
    else if (mode != LQ_CASE_LOWER && character >= 'a' && character <= 'z')
        *ret = character - ('a' - 'A');
    else
        *ret = character;
    return 1;
}

size_t
lq_case_map(enum lq_case mode, uint32_t character, uint32_t ret[LQ_CASE_MAX])
{
    const struct case_table *table = &case_tables[mode];
    const struct case_many *many;
    const struct case_range *range;

    if (character < 0x80)
        return map_ascii(mode, character, ret);
    many = find_many(table, character);
    if (many != NULL)
    {
        size_t count = 0;

        while (count < LQ_CASE_MAX && many->to[count] != 0)
        {
            ret[count] = many->to[count];
            count++;
        }
        return count;
    }
    range = find_range(table, character);
    if (range != NULL)
    {
        ret[0] = (uint32_t) ((int32_t) character + range->delta);
        return 1;
    }
    if (mode == LQ_CASE_TITLE) /* its table lists only what differs from upper case */
        return lq_case_map(LQ_CASE_UPPER, character, ret);
    ret[0] = character;
    return 1;
}

bool
lq_char_printable(uint32_t character)
{
    size_t low = 0;
    size_t high = COUNT(printable_ranges);

    if (character < 0x80)
        return character >= 0x20 && character < 0x7f;
    while (low < high)
    {
        size_t mid = (low + high) / 2;

        if (character < printable_ranges[mid].first)
            high = mid;
        else if (character > printable_ranges[mid].last)
            low = mid + 1;
        else
            return true;
    }
    return false;
}

struct lq_str
lq_str_skip_space(struct lq_str text)
{
    while (text.len > 0 && lq_is_space(text.data[0]))
    {
        text.data++;
        text.len--;
    }
    return text;
}

struct lq_str
lq_str_lstrip(struct lq_str text)
{
    while (text.len > 0 && lq_is_strippable(text.data[0]))
    {
        text.data++;
        text.len--;
    }
    return text;
}

struct lq_str
lq_str_rstrip(struct lq_str text)
{
    while (text.len > 0 && lq_is_strippable(text.data[text.len - 1]))
        text.len--;
    return text;
}

int
lq_str_compare(struct lq_str a, struct lq_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int result = len > 0 ? memcmp(a.data, b.data, len) : 0;

    if (result != 0)
        return result;
    return (a.len > b.len) - (a.len < b.len);
}

size_t
lq_str_find(struct lq_str text, size_t from, struct lq_str needle)
{
    const char *hit;

    if (from > text.len || needle.len > text.len - from)
        return SIZE_MAX;
    if (needle.len == 0)
        return from;
    hit = memmem(text.data + from, text.len - from, needle.data, needle.len);
    return hit == NULL ? SIZE_MAX : (size_t) (hit - text.data);
}
