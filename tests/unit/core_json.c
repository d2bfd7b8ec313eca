/* core/json.c: what is refused, how numbers keep their spelling, what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/json.h"

static void *
heap_alloc(void *ctx, size_t size)
{
    (void) ctx;
    return malloc(size);
}

static void *
heap_realloc(void *ctx, void *old, size_t size)
{
    (void) ctx;
    return realloc(old, size);
}

static void
heap_free(void *ctx, void *ptr)
{
    (void) ctx;
    free(ptr);
}

static const struct lq_mem heap = { heap_alloc, heap_realloc, heap_free, NULL };

static bool
parses(const char *text, size_t len)
{
    const char *error = "unset";
    json *root = json_parse(text, len, &error);
    bool ok = error == NULL;

    if (!ok)
    {
        assert_null(root);
        assert_true(*error != '\0');
    }
    json_destroy(root);
    return ok;
}

static void
test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[1",
        "\"abc",
        "\"abc\\",
        "\"\\u00",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "['a']",
        "1 2",
        "{}{}",
        "{} x",
        "[] // comment",
        "/* c */ []",
        "NaN",
        "nan",
        "[NaN]",
        "Infinity",
        "-Infinity",
        "[-Infinity]",
        "inf",
        "[1e]",
        "[-]",
        "[+1]",
        "[01]",
        "[.5]",
        "[1.]",
        "[0x10]",
        "tru",
        "True",
        "nulll",
        "truefalse",
        "\"\\u0000\"",
        "{\"a\\u0000b\":1}",
        "\"\\x\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xe2\x82\"",
        "\xef\xbb\xbf{}",
        "[12345678901234567890123 4]",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    {
        if (parses(texts[i], strlen(texts[i])))
        {
            fail_msg("accepted: %s", texts[i]);
        }
    }
    assert_false(parses("{}\0", 3));
    assert_false(parses("\"a\0b\"", 5));
}

static void
test_accepted(void **state)
{
    static const char *const texts[] = {
        "0",
        "-1",
        "1.5e-3",
        "\"\"",
        "true",
        " null\n",
        "[]",
        "{}",
        "\t{ } \r\n",
        "[[],{}]",
        "[1,2,3]",
        "{\"a\":{}}",
        "\"\\\\u0000\"",
        "\"\\u00e9\"",
        "\"NaN Infinity\"",
        "\"\\/\"",
        "[1,\"'\",2]",
        "\"\xf0\x9f\x98\x80\"",
        "9223372036854775807",
        "-9223372036854775808",
        "123456789012345678901234567890",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    {
        if (!parses(texts[i], strlen(texts[i])))
        {
            fail_msg("refused: %s", texts[i]);
        }
    }
    /* The length decides, not a NUL. */
    assert_true(parses("{}garbage", 2));
    assert_true(parses("1234", 2));
}

static void
test_depth(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 2];

    (void) state;
    for (int extra = 0; extra <= 1; extra++)
    {
        size_t depth = JSON_DEPTH_MAX + (size_t) extra;

        memset(text, '[', depth);
        text[depth] = '1';
        memset(text + depth + 1, ']', depth);
        assert_int_equal(parses(text, 2 * depth + 1), extra == 0);
    }
}

static void
test_prefixes(void **state)
{
    static const char text[] =
        "{\"a\":[1,-2.5e+3,12345678901234567890],\"b\":\"x\\u00e9\\n\",\"c\":null,\"d\":true}";

    (void) state;
    for (size_t len = 0; len < sizeof(text) - 1; len++)
    {
        assert_false(parses(text, len));
    }
    assert_true(parses(text, sizeof(text) - 1));
}

static void
test_getters(void **state)
{
    static const char text[] = "{\"s\":\"x\",\"i\":-7,\"big\":9223372036854775808,\"d\":1.0,"
                               "\"b\":true,\"n\":null,\"a\":[10,20]}";
    json *root = json_parse(text, strlen(text), NULL);

    (void) state;
    assert_true(json_is_object(root));
    assert_string_equal(json_get_string(root, "s"), "x");
    assert_null(json_get_string(root, "i"));
    assert_int_equal(json_get_int(root, "i", 1), -7);
    assert_int_equal(json_get_int(root, "big", 1), 1);
    assert_int_equal(json_get_int(root, "d", 1), 1);
    assert_int_equal(json_get_int(root, "s", 1), 1);
    assert_true(json_get_number(root, "i", 1) == -7);
    assert_true(json_get_number(root, "d", 2) == 1.0);
    assert_true(json_get_number(root, "s", 1) == 1);
    assert_true(json_is_number(json_get(root, "i")) && json_is_number(json_get(root, "d")));
    assert_false(json_is_number(json_get(root, "s")) || json_is_number(json_get(root, "b")));
    assert_true(json_get_bool(root, "b", false));
    assert_true(json_get_bool(root, "n", true));
    assert_null(json_get(root, "n"));
    assert_null(json_get(root, "none"));
    assert_null(json_get(NULL, "x"));
    assert_null(json_get(json_get(root, "a"), "x"));
    assert_int_equal(json_array_length(json_get(root, "a")), 2);
    assert_int_equal(json_array_length(root), 0);
    assert_null(json_array_at(json_get(root, "a"), 2));
    json_destroy(root);
}

static void
test_print(void **state)
{
    static const char text[] = "{ \"url\" : \"https:\\/\\/x\\/y\", \"q\":\"\\\"\\\\\\u0001\", "
                               "\"n\":[1.10,1e5,98765432109876543210], \"u\":\"\xc3\xa9\" }";
    struct arena *arena = arena_create();
    json *root = json_parse(text, strlen(text), NULL);
    json *copy = json_copy(root);
    size_t len;

    (void) state;
    assert_string_equal(json_print(arena, root, &len),
                        "{\"url\":\"https://x/y\",\"q\":\"\\\"\\\\\\u0001\","
                        "\"n\":[1.10,1e5,98765432109876543210],\"u\":\"\xc3\xa9\"}");
    assert_int_equal(len, strlen(json_print(arena, copy, NULL)));
    assert_string_equal(json_print(arena, root, NULL), json_print(arena, copy, NULL));
    assert_string_equal(json_print(arena, NULL, NULL), "null");
    json_destroy(root);
    json_destroy(copy);
    arena_destroy(arena);
}

static void
test_builders(void **state)
{
    struct arena *arena = arena_create();
    json *root = json_new_object();
    json *list = json_new_array();

    (void) state;
    json_put(root, "s", json_new_string("a/b"));
    json_put(root, "l", json_new_string_len("abc", 2));
    json_put(root, "i", json_new_int(INT64_MIN));
    json_put(root, "b", json_new_bool(true));
    json_put(root, "n", NULL);
    json_push(list, json_new_int(1));
    json_push(list, NULL);
    json_put(root, "a", list);
    json_put(root, "i", json_new_int(2));
    assert_string_equal(
        json_print(arena, root, NULL),
        "{\"s\":\"a/b\",\"l\":\"ab\",\"i\":2,\"b\":true,\"n\":null,\"a\":[1,null]}");
    json_destroy(root);
    arena_destroy(arena);
}

static bool
count_member(const char *key, json *value, void *user)
{
    size_t *count = user;

    (void) key;
    (void) value;
    return ++*count < 2;
}

static void
test_each(void **state)
{
    json *root = json_parse("{\"a\":1,\"b\":2,\"c\":3}", 19, NULL);
    size_t count = 0;

    (void) state;
    assert_false(json_each(root, count_member, &count));
    assert_int_equal(count, 2);
    assert_true(json_each(NULL, count_member, &count));
    json_destroy(root);
}

/* What a template prints for the data's member v. */
static void
assert_renders(const char *data, const char *source, const char *expected)
{
    const struct lq_options options = { .mem = heap, .limits = LQ_LIMITS_DEFAULT };
    struct lq_str text = { source, strlen(source) };
    struct lq_template *template = NULL;
    struct lq_str out = { NULL, 0 };
    const char *error = NULL;
    json *root = json_parse(data, strlen(data), &error);
    struct lq_value *value;

    assert_null(error);
    value = json_to_liquid(root, &heap);
    assert_non_null(value);
    assert_int_equal(lq_parse(text, &options, &template, NULL), LQ_OK);
    assert_int_equal(lq_render(template, value, &options, &out, NULL), LQ_OK);
    assert_string_equal(out.data, expected);
    free((void *) (uintptr_t) out.data);
    lq_value_destroy(value);
    lq_template_destroy(template);
    json_destroy(root);
}

/* Spellings as jsonb prints them. */
static void
test_numbers_keep_spelling(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-1",
        "1.10",
        "100.000",
        "-0.5",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "-9223372036854775809",
        "12345678901234567890",
        "18446744073709551616",
        "123456789012345678901234567890",
        "0.1000000000000000000000000000000001",
        "12345678901234567890.12345678901234567890",
    };
    struct arena *arena = arena_create();

    (void) state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    {
        char *data = arena_printf(arena, "{\"v\":%s,\"w\":[%s]}", numbers[i], numbers[i]);
        json *root = json_parse(data, strlen(data), NULL);

        assert_string_equal(json_print(arena, root, NULL), data);
        json_destroy(root);
    }
    arena_destroy(arena);
}

static void
test_large_integers_render(void **state)
{
    static const char *const numbers[] = {
        "9223372036854775807",  "-9223372036854775808", "9223372036854775808",
        "-9223372036854775809", "12345678901234567890", "123456789012345678901234567890",
    };
    struct arena *arena = arena_create();
    char large[500] = "1";

    (void) state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    {
        const char *number = numbers[i];

        assert_renders(arena_printf(arena, "{\"v\":%s}", number), "{{ v }}", number);
        assert_renders(arena_printf(arena, "{\"v\":[%s]}", number), "{{ v[0] }}", number);
    }
    memset(large + 1, '0', 400); /* what jsonb makes of 1e400 */
    assert_renders(arena_printf(arena, "{\"v\":%s}", large), "{{ v }}", large);
    arena_destroy(arena);
}

static void
test_liquid_kinds(void **state)
{
    (void) state;
    assert_renders("{\"v\":\"text\"}", "{{ v }}", "text");
    assert_renders("{\"v\":true}", "{{ v }}", "true");
    assert_renders("{\"v\":null}", "[{{ v }}]", "[]");
    assert_renders("{\"v\":{\"a\":[1,{\"b\":\"c\"}]}}", "{{ v.a[1].b }}", "c");
    assert_renders("{\"v\":\"123456789012345678901\"}", "{{ v }}", "123456789012345678901");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_builders),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_numbers_keep_spelling),
        cmocka_unit_test(test_large_integers_render),
        cmocka_unit_test(test_liquid_kinds),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
