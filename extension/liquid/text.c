/* Values as text: the reference's to_s, inspect and JSON, and text as numbers. */
#include <limits.h>
#include <string.h>

#include "run.h"
#include "utf8.h"

enum
{
    NUMBER_TEXT = LQ_REAL_TEXT > LQ_INT_TEXT ? LQ_REAL_TEXT : LQ_INT_TEXT
};

static const char upper_hex[] = "0123456789ABCDEF";
static const char lower_hex[] = "0123456789abcdef";

static bool
check_text(struct lq_run *run, bool invalid)
{
    return !invalid || lq_run_fail(run, LQ_ERR_UTF8, "the data holds text that is not valid UTF-8");
}

/* The text of everything but arrays and objects; numbers are printed into `scratch`. */
static bool
scalar_text(struct lq_run *run, const struct lq_value *value, char scratch[NUMBER_TEXT],
            struct lq_str *ret)
{
    *ret = LQ_STR("");
    switch ((enum lq_type) value->type)
    {
        case LQ_STRING:
        case LQ_BIGINT:
            *ret = value->string;
            return check_text(run, value->invalid);
        case LQ_BOOL:
            *ret = value->boolean ? LQ_STR("true") : LQ_STR("false");
            return true;
        case LQ_INT:
            *ret = (struct lq_str){ scratch, lq_int_print(value->integer, scratch) };
            return true;
        case LQ_FLOAT:
            *ret = (struct lq_str){ scratch, lq_real_print(&value->real, scratch) };
            return true;
        case LQ_FORLOOP:
            *ret = value->loop->is_table ? LQ_STR("Liquid::TablerowloopDrop")
                                         : LQ_STR("Liquid::ForloopDrop");
            return true;
        default:
            return true;
    }
}

static bool
add_range(struct lq_builder *builder, const struct lq_value *value)
{
    char scratch[LQ_INT_TEXT];
    size_t len = lq_int_print(value->range.first, scratch);

    if (!lq_builder_add(builder, (struct lq_str){ scratch, len }) ||
        !lq_builder_add(builder, LQ_STR("..")))
        return false;
    len = lq_int_print(value->range.last, scratch);
    return lq_builder_add(builder, (struct lq_str){ scratch, len });
}

static bool
add_hex(struct lq_builder *builder, const char *letters, uint32_t value, unsigned digits)
{
    char text[8];

    for (unsigned i = 0; i < digits; i++)
        text[i] = letters[value >> (4 * (digits - 1 - i)) & 0xf];
    return lq_builder_add(builder, (struct lq_str){ text, digits });
}

static bool
inspect_special(struct lq_builder *builder, uint32_t c)
{
    static const char letters[] = "\a\b\t\n\v\f\r\x1b";
    const char *letter = c != 0 && c < 0x80 ? strchr(letters, (int) c) : NULL;

    if (letter != NULL)
        return lq_builder_add_char(builder, '\\') &&
               lq_builder_add_char(builder, (uint32_t) "abtnvfre"[letter - letters]);
    if (c < 0x80)
        return lq_builder_add(builder, LQ_STR("\\x")) && add_hex(builder, upper_hex, c, 2);
    if (c < 0x10000)
        return lq_builder_add(builder, LQ_STR("\\u")) && add_hex(builder, upper_hex, c, 4);
    return lq_builder_add(builder, LQ_STR("\\u{")) &&
           add_hex(builder, upper_hex, c, c < 0x100000 ? 5 : 6) &&
           lq_builder_add_char(builder, '}');
}

/* A string in double quotes as the reference's inspect writes it. */
static bool
inspect_text(struct lq_builder *builder, struct lq_str text)
{
    const char *at = text.data;
    const char *end = text.data + text.len;

    if (!lq_run_scan(builder->run, text.len) || !lq_builder_add_char(builder, '"'))
        return false;
    while (at < end)
    {
        uint32_t c = lq_utf8_next(&at);
        char next = at < end ? *at : '\0';
        bool interpolates = c == '#' && (next == '{' || next == '$' || next == '@');

        if ((c == '"' || c == '\\' || interpolates) && !lq_builder_add_char(builder, '\\'))
            return false;
        if (!(lq_char_printable(c) ? lq_builder_add_char(builder, c) : inspect_special(builder, c)))
            return false;
    }
    return lq_builder_add_char(builder, '"');
}

static bool inspect(struct lq_builder *builder, const struct lq_value *value);

static bool
inspect_array(struct lq_builder *builder, const struct lq_value *value)
{
    if (!lq_builder_add_char(builder, '['))
        return false;
    for (size_t i = 0; i < value->array.count; i++)
    {
        if ((i > 0 && !lq_builder_add(builder, LQ_STR(", "))) ||
            !inspect(builder, value->array.items[i]))
            return false;
    }
    return lq_builder_add_char(builder, ']');
}

static bool
inspect_object(struct lq_builder *builder, const struct lq_value *value)
{
    if (!lq_builder_add_char(builder, '{'))
        return false;
    for (size_t i = 0; i < value->object->count; i++)
    {
        const struct lq_member *member = &value->object->members[i];

        if ((i > 0 && !lq_builder_add(builder, LQ_STR(", "))) ||
            !check_text(builder->run, member->invalid) || !inspect_text(builder, member->key) ||
            !lq_builder_add(builder, LQ_STR("=>")) || !inspect(builder, member->value))
            return false;
    }
    return lq_builder_add_char(builder, '}');
}

static bool
inspect(struct lq_builder *builder, const struct lq_value *value)
{
    struct lq_run *run = builder->run;
    bool done;

    if (!lq_run_step(run, 1) || !lq_run_enter(run))
        return false;
    if (value->type == LQ_ARRAY)
        done = inspect_array(builder, value);
    else if (value->type == LQ_OBJECT)
        done = inspect_object(builder, value);
    else if (value->type == LQ_STRING)
        done = check_text(run, value->invalid) && inspect_text(builder, value->string);
    else if (value->type == LQ_NIL)
        done = lq_builder_add(builder, LQ_STR("nil"));
    else
        done = lq_add_text(builder, value);
    lq_run_leave(run);
    return done;
}

bool
lq_add_text(struct lq_builder *builder, const struct lq_value *value)
{
    char scratch[NUMBER_TEXT];
    struct lq_str text;

    if (value->type == LQ_ARRAY || value->type == LQ_OBJECT)
        return inspect(builder, value);
    if (value->type == LQ_RANGE)
        return add_range(builder, value);
    return scalar_text(builder->run, value, scratch, &text) && lq_builder_add(builder, text);
}

bool
lq_to_text(struct lq_run *run, const struct lq_value *value, struct lq_str *ret)
{
    struct lq_builder builder = { .run = run };

    if (value->type == LQ_STRING)
    {
        *ret = value->string;
        return check_text(run, value->invalid);
    }
    if (!lq_add_text(&builder, value))
        return false;
    *ret = builder.len == 0 ? LQ_STR("") : (struct lq_str){ builder.data, builder.len };
    return true;
}

static const struct lq_str entities[UCHAR_MAX + 1] = {
    ['&'] = { "&amp;", 5 },  ['<'] = { "&lt;", 4 },   ['>'] = { "&gt;", 4 },
    ['"'] = { "&quot;", 6 }, ['\''] = { "&#39;", 5 },
};

size_t
lq_html_plain(struct lq_str text, struct lq_str *ret_entity)
{
    size_t len = 0;

    while (len < text.len && entities[(unsigned char) text.data[len]].len == 0)
        len++;
    *ret_entity = len < text.len ? entities[(unsigned char) text.data[len]] : LQ_STR("");
    return len;
}

static bool
print_escaped(struct lq_run *run, struct lq_str text)
{
    while (text.len > 0)
    {
        struct lq_str entity;
        size_t len = lq_html_plain(text, &entity);

        if (!lq_print_bytes(run, text.data, len) || !lq_print_bytes(run, entity.data, entity.len))
            return false;
        len += entity.len > 0;
        text.data += len;
        text.len -= len;
    }
    return true;
}

static bool
print_array(struct lq_run *run, const struct lq_value *value, bool escape)
{
    if (!lq_run_enter(run))
        return false;
    for (size_t i = 0; i < value->array.count; i++)
    {
        if (!lq_run_step(run, 1) || !lq_print_value(run, value->array.items[i], escape))
            return false;
    }
    lq_run_leave(run);
    return true;
}

static bool
print_text(struct lq_run *run, struct lq_str text, bool escape)
{
    if (!lq_run_scan(run, text.len))
        return false;
    return escape ? print_escaped(run, text) : lq_print_bytes(run, text.data, text.len);
}

/* A value that is neither text nor array. */
static bool
print_other(struct lq_run *run, const struct lq_value *value, bool escape)
{
    char scratch[NUMBER_TEXT];
    struct lq_str text;
    size_t spent = run->bytes;

    if (value->type == LQ_OBJECT || value->type == LQ_RANGE)
    {
        if (!lq_to_text(run, value, &text))
            return false;
        run->bytes = spent; /* the text comes into being once */
    }
    else if (!scalar_text(run, value, scratch, &text))
        return false;
    return print_text(run, text, escape);
}

bool
lq_print_value(struct lq_run *run, const struct lq_value *value, bool escape)
{
    if (value->type == LQ_STRING)
        return check_text(run, value->invalid) &&
               print_text(run, value->string, escape && !value->markup);
    if (value->type == LQ_ARRAY)
        return print_array(run, value, escape);
    return print_other(run, value, escape);
}

/* A JSON string that is also harmless inside of a script element. */
static bool
json_text(struct lq_builder *builder, struct lq_str text)
{
    static const char letters[] = "\b\t\n\f\r\"\\";
    const char *at = text.data;
    const char *end = text.data + text.len;

    if (!lq_run_scan(builder->run, text.len) || !lq_builder_add_char(builder, '"'))
        return false;
    while (at < end)
    {
        uint32_t c = lq_utf8_next(&at);
        const char *letter = c != 0 && c < 0x80 ? strchr(letters, (int) c) : NULL;
        bool plain = c >= 0x20 && c != '<' && c != '>' && c != '&' && c != 0x2028 && c != 0x2029;
        bool done;

        if (letter != NULL)
            done = lq_builder_add_char(builder, '\\') &&
                   lq_builder_add_char(builder, (uint32_t) "btnfr\"\\"[letter - letters]);
        else if (plain)
            done = lq_builder_add_char(builder, c);
        else
            done = lq_builder_add(builder, LQ_STR("\\u")) && add_hex(builder, lower_hex, c, 4);
        if (!done)
            return false;
    }
    return lq_builder_add_char(builder, '"');
}

static bool
json_array(struct lq_builder *builder, const struct lq_value *value)
{
    if (!lq_builder_add_char(builder, '['))
        return false;
    for (size_t i = 0; i < value->array.count; i++)
    {
        if ((i > 0 && !lq_builder_add_char(builder, ',')) ||
            !lq_add_json(builder, value->array.items[i]))
            return false;
    }
    return lq_builder_add_char(builder, ']');
}

static bool
json_object(struct lq_builder *builder, const struct lq_value *value)
{
    if (!lq_builder_add_char(builder, '{'))
        return false;
    for (size_t i = 0; i < value->object->count; i++)
    {
        const struct lq_member *member = &value->object->members[i];

        if ((i > 0 && !lq_builder_add_char(builder, ',')) ||
            !check_text(builder->run, member->invalid) || !json_text(builder, member->key) ||
            !lq_builder_add_char(builder, ':') || !lq_add_json(builder, member->value))
            return false;
    }
    return lq_builder_add_char(builder, '}');
}

static bool
json_value(struct lq_builder *builder, const struct lq_value *value)
{
    struct lq_str text;

    switch ((enum lq_type) value->type)
    {
        case LQ_ARRAY:
            return json_array(builder, value);
        case LQ_OBJECT:
            return json_object(builder, value);
        case LQ_BOOL:
        case LQ_INT:
        case LQ_BIGINT:
            return lq_add_text(builder, value);
        case LQ_FLOAT:
            if (!value->real.infinite)
                return lq_add_text(builder, value);
            return lq_builder_add(builder, LQ_STR("null"));
        case LQ_STRING:
        case LQ_RANGE:
            return lq_to_text(builder->run, value, &text) && json_text(builder, text);
        default:
            return lq_builder_add(builder, LQ_STR("null"));
    }
}

bool
lq_add_json(struct lq_builder *builder, const struct lq_value *value)
{
    bool done;

    if (!lq_run_step(builder->run, 1) || !lq_run_enter(builder->run))
        return false;
    done = json_value(builder, value);
    lq_run_leave(builder->run);
    return done;
}

/* The digits of an integer, underscores between digits left out, into ret; stops where the number
 * ends or ret is full. Returns how many characters of text belong to it. */
static size_t
read_digits(struct lq_str text, char *ret, size_t size, size_t *ret_len)
{
    size_t len = 0;
    size_t at = 0;

    if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
    {
        if (text.data[at] == '-')
            ret[len++] = '-';
        at++;
    }
    while (at < text.len && len < size)
    {
        bool separator = text.data[at] == '_' && at > 0 && lq_is_digit(text.data[at - 1]) &&
                         at + 1 < text.len && lq_is_digit(text.data[at + 1]);

        if (!lq_is_digit(text.data[at]) && !separator)
            break;
        if (!separator)
            ret[len++] = text.data[at];
        at++;
    }
    *ret_len = len;
    return at;
}

int64_t
lq_text_to_int(struct lq_str text)
{
    char digits[LQ_DIGITS_MAX];
    struct lq_str number = { digits, 0 };
    int64_t value;

    (void) read_digits(lq_str_skip_space(text), digits, sizeof(digits), &number.len);
    if (number.len == 0 || (number.len == 1 && digits[0] == '-'))
        return 0;
    if (lq_int_parse(number, &value))
        return value;
    return digits[0] == '-' ? INT64_MIN : INT64_MAX;
}

/* Step over the prefix of a number, such as 0x, and return its base; a leading zero means octal. */
static int
take_base(struct lq_str *text)
{
    static const char letters[] = "bodx";
    static const int bases[] = { 2, 8, 10, 16 };
    const char *letter;

    if (text->len < 2 || text->data[0] != '0')
        return 10;
    letter = strchr(letters, lq_ascii_lower(text->data[1]));
    if (letter == NULL || *letter == '\0')
        return 8;
    lq_str_skip(text, 2);
    return bases[letter - letters];
}

/* Digits of a base, single underscores between them allowed; what is too large is the largest. */
static bool
parse_magnitude(struct lq_str text, int base, uint64_t *ret)
{
    bool after_digit = false;

    *ret = 0;
    for (size_t i = 0; i < text.len; i++)
    {
        int digit = lq_hex_digit(text.data[i]);

        if (text.data[i] == '_' && after_digit)
        {
            after_digit = false;
            continue;
        }
        if (digit < 0 || digit >= base)
            return false;
        after_digit = true;
        *ret = *ret > (INT64_MAX - (uint64_t) digit) / (uint64_t) base
                   ? INT64_MAX
                   : *ret * (uint64_t) base + (uint64_t) digit;
    }
    return after_digit;
}

/* The whole of a text as the reference's language reads a literal. */
static bool
parse_integer(struct lq_str text, int64_t *ret)
{
    uint64_t magnitude;
    bool negative;
    int base;

    text = lq_str_skip_space(lq_str_rstrip(text));
    negative = text.len > 0 && text.data[0] == '-';
    if (negative || (text.len > 0 && text.data[0] == '+'))
        lq_str_skip(&text, 1);
    base = take_base(&text);
    if (!parse_magnitude(text, base, &magnitude))
        return false;
    *ret = negative ? -(int64_t) magnitude : (int64_t) magnitude;
    return true;
}

bool
lq_to_integer(struct lq_run *run, const struct lq_value *value, int64_t *ret)
{
    struct lq_str text;

    if (value->type == LQ_INT)
    {
        *ret = value->integer;
        return true;
    }
    if (value->type == LQ_STRING || value->type == LQ_BIGINT)
    {
        if (!lq_to_text(run, value, &text) || !lq_run_scan(run, text.len))
            return false;
        if (parse_integer(text, ret))
            return true;
    }
    return lq_run_fail(run, LQ_ERR_ARGUMENT, "invalid integer");
}

/* -?digits.digits and nothing else */
static bool
is_fraction(struct lq_str text)
{
    bool integer;

    while (text.len > 1 && text.data[0] == '0' && lq_is_digit(text.data[1]))
    {
        text.data++;
        text.len--;
    }
    return memchr(text.data, '.', text.len) != NULL && memchr(text.data, 'e', text.len) == NULL &&
           memchr(text.data, 'E', text.len) == NULL && lq_number_check(text, &integer);
}

static bool
text_to_number(struct lq_str text, struct lq_decimal *ret)
{
    char digits[LQ_DIGITS_MAX + 8];
    struct lq_str number = { digits, 0 };
    struct lq_str stripped = lq_str_rstrip(lq_str_lstrip(text));
    bool negative = stripped.len > 0 && stripped.data[0] == '-';

    if (stripped.len > 0 &&
        is_fraction((struct lq_str){ stripped.data + negative, stripped.len - negative }))
        return lq_decimal_from_text(stripped, ret);
    (void) read_digits(lq_str_skip_space(text), digits, sizeof(digits), &number.len);
    return lq_decimal_from_text(number, ret);
}

bool
lq_to_number(struct lq_run *run, const struct lq_value *value, struct lq_decimal *ret)
{
    bool fits = true;

    switch ((enum lq_type) value->type)
    {
        case LQ_INT:
            lq_decimal_from_int(value->integer, ret);
            return true;
        case LQ_BIGINT:
            fits = lq_decimal_from_text(value->string, ret);
            break;
        case LQ_FLOAT:
            fits = !value->real.infinite;
            if (fits)
                lq_decimal_from_real(&value->real, ret);
            break;
        case LQ_STRING:
            fits = check_text(run, value->invalid) && lq_run_scan(run, value->string.len) &&
                   text_to_number(value->string, ret);
            break;
        default:
            lq_decimal_from_int(0, ret);
            break;
    }
    return fits || lq_run_fail(run, LQ_ERR_ARGUMENT, "a number is too large to calculate with");
}
