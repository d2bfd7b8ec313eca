/* Decoding of UTF-8. */
#include "core/utf8.h"

size_t
utf8_decode(const char *text, size_t len, uint32_t *ret)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char lead;
    size_t need;
    uint32_t c;

    if (len == 0)
    {
        return 0;
    }
    lead = (unsigned char) text[0];
    if (lead < 0x80)
    {
        *ret = lead;
        return 1;
    }
    need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || len < need)
    {
        return 0;
    }
    c = lead & (0x7fu >> need);
    for (size_t i = 1; i < need; i++)
    {
        unsigned char next = (unsigned char) text[i];

        if ((next & 0xc0) != 0x80)
        {
            return 0;
        }
        c = c << 6 | (next & 0x3f);
    }
    if (c < least[need] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
    {
        return 0;
    }
    *ret = c;
    return need;
}

bool
utf8_valid(const char *text, size_t len)
{
    while (len > 0)
    {
        uint32_t c;
        size_t n = utf8_decode(text, len, &c);

        if (n == 0)
        {
            return false;
        }
        text += n;
        len -= n;
    }
    return true;
}
