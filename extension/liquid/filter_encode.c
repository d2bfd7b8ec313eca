/* Filters between text and its encoded forms: base64 and URLs. */
#include "filter.h"
#include "utf8.h"

/* The text of bytes that were decoded; they must be UTF-8. */
static const struct lq_value *
decoded(struct lq_builder *builder)
{
    struct lq_str text = { builder->data, builder->len };

    if (!lq_utf8_valid(text))
    {
        (void) lq_run_fail(builder->run, LQ_ERR_ARGUMENT, "invalid byte sequence in UTF-8");
        return NULL;
    }
    return lq_builder_finish(builder);
}

static bool
add_byte(struct lq_builder *builder, unsigned byte)
{
    char c = (char) byte;

    return lq_builder_add(builder, (struct lq_str){ &c, 1 });
}

static const struct lq_value *
encode_base64(struct lq_run *run, const struct lq_value *input, const char *digits)
{
    struct lq_builder builder = { .run = run };
    struct lq_str text;

    if (!lq_to_text(run, input, &text))
        return NULL;
    for (size_t i = 0; i < text.len; i += 3)
    {
        size_t count = text.len - i < 3 ? text.len - i : 3;
        uint32_t bits = 0;
        char group[4] = { '=', '=', '=', '=' };

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < count ? (unsigned char) text.data[i + k] : 0);
        for (size_t k = 0; k <= count; k++)
            group[k] = digits[bits >> (18 - 6 * k) & 63];
        if (!lq_builder_add(&builder, (struct lq_str){ group, 4 }))
            return NULL;
    }
    return lq_builder_finish(&builder);
}

static int
base64_digit(char c, bool url_safe)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (lq_is_digit(c))
        return c - '0' + 52;
    if (c == '+' || (url_safe && c == '-'))
        return 62;
    return c == '/' || (url_safe && c == '_') ? 63 : -1;
}

/* Decode text, in which padding may be missing when url_safe; false when it is not base64. */
static bool
decode_base64(struct lq_builder *builder, struct lq_str text, bool url_safe, bool *ret_valid)
{
    bool padded = text.len > 0 && text.data[text.len - 1] == '=';
    uint32_t bits = 0;
    size_t rest;

    *ret_valid = text.len % 4 == 0 || (url_safe && !padded);
    for (int i = 0; i < 2 && text.len > 0 && text.data[text.len - 1] == '='; i++)
        text.len--;
    for (size_t i = 0; *ret_valid && i < text.len; i++)
    {
        int digit = base64_digit(text.data[i], url_safe);

        *ret_valid = digit >= 0;
        bits = bits << 6 | ((uint32_t) digit & 63);
        if (i % 4 != 0 && *ret_valid && !add_byte(builder, bits >> (6 - 2 * (i % 4)) & 255))
            return false;
    }
    rest = text.len % 4; /* what is left over must be zero bits */
    *ret_valid = *ret_valid && rest != 1 && (rest < 2 || (bits & (rest == 2 ? 15 : 3)) == 0);
    return true;
}

static const struct lq_value *
base64_text(struct lq_run *run, const struct lq_value *input, bool url_safe)
{
    struct lq_builder builder = { .run = run };
    struct lq_str text;
    bool valid;

    if (!lq_to_text(run, input, &text) || !decode_base64(&builder, text, url_safe, &valid))
        return NULL;
    if (!valid)
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "invalid base64");
        return NULL;
    }
    return decoded(&builder);
}

const struct lq_value *
lq_filter_base64_encode(struct lq_run *run, const struct lq_value *input,
                        const struct lq_args *args)
{
    (void) args;
    return encode_base64(run, input,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

const struct lq_value *
lq_filter_base64_url_safe_encode(struct lq_run *run, const struct lq_value *input,
                                 const struct lq_args *args)
{
    (void) args;
    return encode_base64(run, input,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

const struct lq_value *
lq_filter_base64_decode(struct lq_run *run, const struct lq_value *input,
                        const struct lq_args *args)
{
    (void) args;
    return base64_text(run, input, false);
}

const struct lq_value *
lq_filter_base64_url_safe_decode(struct lq_run *run, const struct lq_value *input,
                                 const struct lq_args *args)
{
    (void) args;
    return base64_text(run, input, true);
}

static bool
is_unreserved(char c)
{
    return lq_is_word(c) || c == '-' || c == '.' || c == '~';
}

static bool
add_url_char(struct lq_builder *builder, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    char escaped[3] = { '%', digits[(unsigned char) c >> 4], digits[(unsigned char) c & 15] };

    if (c == ' ')
        return add_byte(builder, '+');
    return is_unreserved(c) ? lq_builder_add(builder, (struct lq_str){ &c, 1 })
                            : lq_builder_add(builder, (struct lq_str){ escaped, 3 });
}

const struct lq_value *
lq_filter_url_encode(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };
    struct lq_str text;

    (void) args;
    if (input->type == LQ_NIL)
        return input;
    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    for (size_t i = 0; i < text.len; i++)
    {
        if (!add_url_char(&builder, text.data[i]))
            return NULL;
    }
    return lq_builder_finish(&builder);
}

const struct lq_value *
lq_filter_url_decode(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };
    struct lq_str text;

    (void) args;
    if (input->type == LQ_NIL)
        return input;
    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    for (size_t i = 0; i < text.len; i++)
    {
        unsigned byte = text.data[i] == '+' ? ' ' : (unsigned char) text.data[i];

        if (byte == '%' && i + 2 < text.len && lq_hex_digit(text.data[i + 1]) >= 0 &&
            lq_hex_digit(text.data[i + 2]) >= 0)
        {
            byte =
                (unsigned) (lq_hex_digit(text.data[i + 1]) << 4 | lq_hex_digit(text.data[i + 2]));
            i += 2;
        }
        if (!add_byte(&builder, byte))
            return NULL;
    }
    return decoded(&builder);
}
