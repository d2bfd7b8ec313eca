/* JSON on json-c. */
#include "core/json.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/utf8.h"

/*
 * json-c keeps the spelling of numbers with a fraction or exponent, but turns an integer beyond 64
 * bits into the nearest limit. Such integers are handed to it with this exponent behind, which
 * makes them doubles with a spelling; json_restore_big() takes it off again.
 */
#define JSON_BIG_MARK "e0"
#define JSON_BIG_MARK_LEN 2

/* What must be known of a text before json-c sees it. */
struct json_scan
{
    const char *text;
    size_t len;
    size_t big_count; /* integers that do not fit int64 */
    const char *error;
};

static bool
json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Does this run of digits (a sign not included) exceed int64? */
static bool
json_digits_are_big(const char *digits, size_t len, bool negative)
{
    const char *limit = negative ? "9223372036854775808" : "9223372036854775807";

    return len > 19 || (len == 19 && memcmp(digits, limit, 19) > 0);
}

/* The first position from `at` on that is no digit. */
static size_t
json_scan_digits(const struct json_scan *scan, size_t at)
{
    while (at < scan->len && json_is_digit(scan->text[at]))
    {
        at++;
    }
    return at;
}

/* As above, but there must be a digit. */
static size_t
json_need_digits(struct json_scan *scan, size_t at)
{
    size_t end = json_scan_digits(scan, at);

    if (end == at)
    {
        scan->error = "malformed number";
    }
    return end;
}

/* Skip the number at `at`; *ret_big tells whether it is an integer beyond int64. */
static size_t
json_scan_number(struct json_scan *scan, size_t at, bool *ret_big)
{
    bool negative = scan->text[at] == '-';
    bool integer = true;
    size_t start = negative ? at + 1 : at;
    size_t end = json_need_digits(scan, start);

    if (end - start > 1 && scan->text[start] == '0')
    {
        scan->error = "malformed number";
    }
    *ret_big = json_digits_are_big(scan->text + start, end - start, negative);
    if (end < scan->len && scan->text[end] == '.')
    {
        integer = false;
        end = json_need_digits(scan, end + 1);
    }
    if (end < scan->len && (scan->text[end] == 'e' || scan->text[end] == 'E'))
    {
        integer = false;
        end++;
        end += end < scan->len && (scan->text[end] == '+' || scan->text[end] == '-') ? 1 : 0;
        end = json_need_digits(scan, end);
    }
    *ret_big = *ret_big && integer;
    return end;
}

/* Skip the string whose opening quote is at `at`; what is wrong in it goes to scan->error. */
static size_t
json_scan_string(struct json_scan *scan, size_t at)
{
    for (at++; at < scan->len; at++)
    {
        unsigned char c = (unsigned char) scan->text[at];

        if (c == '"')
        {
            return at + 1;
        }
        if (c < 0x20)
        {
            scan->error = "control character in a string";
            return scan->len;
        }
        if (c == '\\')
        {
            at++;
            if (scan->len - at >= 5 && memcmp(scan->text + at, "u0000", 5) == 0)
            {
                scan->error = "\\u0000 in a string";
                return scan->len;
            }
        }
    }
    return scan->len;
}

/* A word outside strings must be true, false or null; json-c would also take NaN and Infinity. */
static size_t
json_scan_word(struct json_scan *scan, size_t at)
{
    static const char *const words[] = { "true", "false", "null" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    {
        size_t len = strlen(words[i]);

        if (scan->len - at >= len && memcmp(scan->text + at, words[i], len) == 0)
        {
            return at + len;
        }
    }
    scan->error = "unexpected character";
    return scan->len;
}

static bool
json_only_space(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
    {
        if (memchr(" \t\r\n", text[i], 4) == NULL)
        {
            return false;
        }
    }
    return true;
}

/* Look at every token; copy the text to `out` with marked integers when out is not NULL. */
static size_t
json_scan_tokens(struct json_scan *scan, char *out)
{
    size_t out_len = 0;
    size_t at = 0;
    char before = '\0';

    scan->big_count = 0;
    while (at < scan->len && scan->error == NULL)
    {
        char c = scan->text[at];
        size_t start = at;
        bool big = false;

        if (c == '"')
        {
            at = json_scan_string(scan, at);
        }
        else if (c == '-' || json_is_digit(c))
        {
            at = json_scan_number(scan, at, &big);
        }
        else if ((c == '}' || c == ']') && before == ',')
        {
            scan->error = "comma without a member behind it";
        }
        else if (c != '\0' && strchr("{}[]:, \t\r\n", c) != NULL)
        {
            at++;
        }
        else
        {
            at = json_scan_word(scan, at);
        }
        before = json_only_space(&c, 1) ? before : c;
        scan->big_count += big ? 1 : 0;
        if (out != NULL)
        {
            memcpy(out + out_len, scan->text + start, at - start);
            out_len += at - start;
            memcpy(out + out_len, JSON_BIG_MARK, big ? JSON_BIG_MARK_LEN : 0);
            out_len += big ? JSON_BIG_MARK_LEN : 0;
        }
    }
    return out_len;
}

/* The spelling json-c keeps with a double that it parsed. */
static const char *
json_double_spelling(json *value)
{
    return json_object_get_userdata(value);
}

/* Is this the spelling of a marked integer? Returns the length without the mark, or 0. */
static size_t
json_big_length(const char *spelling)
{
    const char *digits = spelling + (*spelling == '-' ? 1 : 0);
    size_t len = strspn(digits, "0123456789");

    if (strcmp(digits + len, JSON_BIG_MARK) != 0 ||
        !json_digits_are_big(digits, len, *spelling == '-'))
    {
        return 0;
    }
    return (size_t) (digits - spelling) + len;
}

/* Give marked integers in the tree their own spelling back. */
static void
json_restore_big(json *value)
{
    if (json_object_is_type(value, json_type_object))
    {
        json_object_object_foreach(value, key, member)
        {
            (void) key;
            json_restore_big(member);
        }
    }
    else if (json_object_is_type(value, json_type_array))
    {
        for (size_t i = 0; i < json_object_array_length(value); i++)
        {
            json_restore_big(json_object_array_get_idx(value, i));
        }
    }
    else if (json_object_is_type(value, json_type_double) && json_double_spelling(value) != NULL)
    {
        size_t len = json_big_length(json_double_spelling(value));

        if (len > 0)
        {
            char *spelling = mem_strdup(json_double_spelling(value));

            spelling[len] = '\0';
            json_object_set_serializer(value, json_object_userdata_to_json_string, spelling,
                                       json_object_free_userdata);
        }
    }
}

static json *
json_tokenize(const char *text, size_t len, const char **reterr)
{
    /*
     * json-c counts the innermost scalar as a level. What its strict mode would refuse the scan has
     * refused; the mode itself takes text that is not ASCII for control characters in 0.18.
     */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
    enum json_tokener_error code;
    json *ret;

    if (tokener == NULL)
    {
        mem_exhausted();
    }
    ret = json_tokener_parse_ex(tokener, text, (int) len);
    code = json_tokener_get_error(tokener);
    if (code == json_tokener_success && !json_only_space(text + json_tokener_get_parse_end(tokener),
                                                         len - json_tokener_get_parse_end(tokener)))
    {
        *reterr = "bytes behind the document";
    }
    else if (code == json_tokener_continue)
    {
        /* A number at the end of the text is complete only when a NUL follows. */
        ret = json_tokener_parse_ex(tokener, "", 1);
        code = json_tokener_get_error(tokener);
    }
    if (code != json_tokener_success)
    {
        *reterr = code == json_tokener_continue ? "unexpected end" : json_tokener_error_desc(code);
    }
    json_tokener_free(tokener);
    if (*reterr != NULL)
    {
        json_object_put(ret);
        return NULL;
    }
    return ret;
}

json *
json_parse(const char *text, size_t len, const char **reterr)
{
    struct json_scan scan = { .text = text, .len = len };
    const char *error = NULL;
    json *ret = NULL;

    if (len > INT_MAX / 2)
    {
        scan.error = "text is too long";
    }
    else if (!utf8_valid(text, len))
    {
        /* json-c's own check lets overlong forms and surrogates pass. */
        scan.error = "invalid UTF-8";
    }
    json_scan_tokens(&scan, NULL);
    if (scan.error == NULL && scan.big_count == 0)
    {
        ret = json_tokenize(text, len, &error);
    }
    else if (scan.error == NULL)
    {
        char *marked = mem_alloc(len + scan.big_count * JSON_BIG_MARK_LEN + 1);
        size_t marked_len = json_scan_tokens(&scan, marked);

        ret = json_tokenize(marked, marked_len, &error);
        free(marked);
        json_restore_big(ret);
    }
    if (reterr != NULL)
    {
        *reterr = scan.error != NULL ? scan.error : error;
    }
    return ret;
}

void
json_destroy(json *root)
{
    json_object_put(root);
}

bool
json_is_object(const json *value)
{
    return json_object_is_type(value, json_type_object) != 0;
}

bool
json_is_array(const json *value)
{
    return json_object_is_type(value, json_type_array) != 0;
}

bool
json_is_string(const json *value)
{
    return json_object_is_type(value, json_type_string) != 0;
}

bool
json_is_number(const json *value)
{
    return json_object_is_type(value, json_type_int) != 0 ||
           json_object_is_type(value, json_type_double) != 0;
}

json *
json_get(const json *object, const char *key)
{
    json *ret = NULL;

    if (json_is_object(object))
    {
        json_object_object_get_ex(object, key, &ret);
    }
    return ret;
}

/* json-c's getters take a pointer to mutable for their caches; the value stays as it is. */
static json *
json_mutable(const json *value)
{
    union
    {
        const json *in;
        json *out;
    } cast = { .in = value };

    return cast.out;
}

const char *
json_string(const json *value)
{
    return json_is_string(value) ? json_object_get_string(json_mutable(value)) : NULL;
}

int64_t
json_int(const json *value, int64_t fallback)
{
    return json_object_is_type(value, json_type_int) != 0 ? json_object_get_int64(value) : fallback;
}

const char *
json_get_string(const json *object, const char *key)
{
    return json_string(json_get(object, key));
}

int64_t
json_get_int(const json *object, const char *key, int64_t fallback)
{
    return json_int(json_get(object, key), fallback);
}

double
json_get_number(const json *object, const char *key, double fallback)
{
    const json *value = json_get(object, key);

    return json_is_number(value) ? json_object_get_double(value) : fallback;
}

bool
json_get_bool(const json *object, const char *key, bool fallback)
{
    const json *value = json_get(object, key);

    return json_object_is_type(value, json_type_boolean) != 0 ? json_object_get_boolean(value) != 0
                                                              : fallback;
}

size_t
json_array_length(const json *array)
{
    return json_is_array(array) ? json_object_array_length(array) : 0;
}

json *
json_array_at(const json *array, size_t index)
{
    return index < json_array_length(array) ? json_object_array_get_idx(array, index) : NULL;
}

bool
json_each(const json *object, json_member_fn visit, void *user)
{
    if (!json_is_object(object))
    {
        return true;
    }
    json_object_object_foreach(json_mutable(object), key, value)
    {
        if (!visit(key, value, user))
        {
            return false;
        }
    }
    return true;
}

static json *
json_built(json *value)
{
    if (value == NULL)
    {
        mem_exhausted();
    }
    return value;
}

json *
json_new_object(void)
{
    return json_built(json_object_new_object());
}

json *
json_new_array(void)
{
    return json_built(json_object_new_array());
}

json *
json_new_string(const char *text)
{
    return json_built(json_object_new_string(text));
}

json *
json_new_string_len(const char *text, size_t len)
{
    if (len > INT_MAX / 2)
    {
        mem_exhausted();
    }
    return json_built(json_object_new_string_len(text, (int) len));
}

json *
json_new_int(int64_t value)
{
    return json_built(json_object_new_int64(value));
}

json *
json_new_bool(bool value)
{
    return json_built(json_object_new_boolean(value));
}

void
json_put(json *object, const char *key, json *value)
{
    if (json_object_object_add(object, key, value) != 0)
    {
        mem_exhausted();
    }
}

void
json_push(json *array, json *value)
{
    if (json_object_array_add(array, value) != 0)
    {
        mem_exhausted();
    }
}

json *
json_copy(const json *value)
{
    json *ret = NULL;

    if (value != NULL && json_object_deep_copy(json_mutable(value), &ret, NULL) != 0)
    {
        mem_exhausted();
    }
    return ret;
}

char *
json_print(struct arena *arena, const json *value, size_t *ret_len)
{
    size_t len = 0;
    const char *text = json_object_to_json_string_length(
        json_mutable(value), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    if (text == NULL)
    {
        mem_exhausted();
    }
    if (ret_len != NULL)
    {
        *ret_len = len;
    }
    return arena_strndup(arena, text, len);
}

static struct lq_value *
json_array_to_liquid(const json *array, const struct lq_mem *mem)
{
    struct lq_value *ret = lq_array(mem);

    for (size_t i = 0; ret != NULL && i < json_object_array_length(array); i++)
    {
        struct lq_value *item = json_to_liquid(json_object_array_get_idx(array, i), mem);

        if (item == NULL || !lq_array_push(ret, item))
        {
            lq_value_destroy(ret);
            return NULL;
        }
    }
    return ret;
}

static struct lq_value *
json_object_to_liquid(const json *object, const struct lq_mem *mem)
{
    struct lq_value *ret = lq_object(mem);

    if (ret == NULL)
    {
        return NULL;
    }
    json_object_object_foreach(json_mutable(object), key, member)
    {
        struct lq_value *value = json_to_liquid(member, mem);

        if (value == NULL || !lq_object_put(ret, (struct lq_str){ key, strlen(key) }, value))
        {
            lq_value_destroy(ret);
            return NULL;
        }
    }
    return ret;
}

struct lq_value *
json_to_liquid(const json *value, const struct lq_mem *mem)
{
    json *in = json_mutable(value);
    struct lq_str text;

    switch (json_object_get_type(value))
    {
        case json_type_null:
            return lq_nil(mem);
        case json_type_boolean:
            return lq_bool(mem, json_object_get_boolean(value) != 0);
        case json_type_object:
            return json_object_to_liquid(value, mem);
        case json_type_array:
            return json_array_to_liquid(value, mem);
        case json_type_string:
            text.data = json_object_get_string(in);
            text.len = (size_t) json_object_get_string_len(value);
            return lq_string(mem, text);
        case json_type_int:
        case json_type_double:
            text.data = json_object_to_json_string_length(in, JSON_C_TO_STRING_PLAIN, &text.len);
            return text.data != NULL ? lq_number(mem, text) : NULL;
    }
    return NULL;
}
