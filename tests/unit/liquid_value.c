/* Value trees of the template engine, and text that is not UTF-8. */
#include "liquid_helper.h"

#include <locale.h>
#include <stdio.h>

static struct heap heap;

static struct lq_value *
object_with(const struct lq_mem *mem, const char *key, struct lq_value *value)
{
    struct lq_value *object = lq_object(mem);

    assert_true(lq_object_put(object, str(key), value));
    return object;
}

static void
number_spellings(void **state)
{
    static const struct
    {
        const char *spelling;
        const char *printed;
    } rows[] = {
        { "0", "0" },
        { "-0", "0" },
        { "-12", "-12" },
        { "9223372036854775807", "9223372036854775807" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "9223372036854775808", "9223372036854775808" },
        { "-123456789012345678901234567890", "-123456789012345678901234567890" },
        { "1.10", "1.1" },
        { "1.0", "1.0" },
        { "-0.0", "-0.0" },
        { "1e3", "1000.0" },
        { "1E-7", "1.0e-07" },
        { "0.1e1", "1.0" },
        { "12345678901234567890.5", "1.2345678901234567e+19" },
        { "0.1000000000000000055511151231257827", "0.1" },
        { "9007199254740993.0", "9.007199254740992e+15" },
        { "5e-324", "5.0e-324" },
        { "2.2250738585072011e-308", "2.225073858507201e-308" },
        { "1.7976931348623157e308", "1.7976931348623157e+308" },
        { "1e400", "Infinity" },
        { "-1e400", "-Infinity" },
        { "1e-400", "0.0" },
        { "1e99999999999999999999", "Infinity" },
        { "0e99999999999999999999", "0.0" },
        { "NaN", "NaN" }, /* no JSON number: taken as text */
        { "1.", "1." },
        { "1e", "1e" },
    };
    struct lq_options options = make_options(&heap);

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct lq_value *data =
            object_with(&options.mem, "n", lq_number(&options.mem, str(rows[i].spelling)));

        assert_int_equal(check_text("{{ n }}", data, &options, rows[i].printed), LQ_OK);
        lq_value_destroy(data);
    }
}

static void
infinity_is_no_operand(void **state)
{
    struct lq_options options = make_options(&heap);
    struct lq_value *data = object_with(&options.mem, "n", lq_number(&options.mem, str("1e400")));

    (void) state;
    assert_int_equal(check_text("{{ n | plus: 1 }}", data, &options, ""), LQ_ERR_ARGUMENT);
    assert_int_equal(check_text("{{ n | json }}", data, &options, "null"), LQ_OK);
    lq_value_destroy(data);
}

static void
very_long_integer(void **state)
{
    struct lq_options options = make_options(&heap);
    char digits[2001];
    struct lq_value *data;

    (void) state;
    memset(digits, '7', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    data = object_with(&options.mem, "n", lq_number(&options.mem, str(digits)));
    assert_int_equal(check_text("{{ n }}", data, &options, digits), LQ_OK);
    assert_int_equal(check_text("{{ n | plus: 1 }}", data, &options, ""), LQ_ERR_ARGUMENT);
    assert_int_equal(
        check_text("{% if n == n %}{% if n != 1 %}x{% endif %}{% endif %}", data, &options, "x"),
        LQ_OK);
    lq_value_destroy(data);
}

/* Large objects find their keys, keep their order, and replace equal keys. */
static void
many_keys(void **state)
{
    struct lq_options options = make_options(&heap);
    struct lq_value *data = lq_object(&options.mem);
    char key[32];
    char source[64];

    (void) state;
    for (int round = 0; round < 2; round++)
    {
        for (int i = 0; i < 3000; i++)
        {
            (void) snprintf(key, sizeof(key), "k%d", (i * 7919) % 3000);
            assert_true(lq_object_put(data, str(key), lq_string(&options.mem, str(key + round))));
        }
    }
    for (int i = 0; i < 3000; i += 7)
    {
        (void) snprintf(key, sizeof(key), "%d", i);
        (void) snprintf(source, sizeof(source), "{{ k%d }}{{ k%dx }}", i, i);
        assert_int_equal(check_text(source, data, &options, key), LQ_OK);
    }
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

static void
odd_keys(void **state)
{
    struct lq_options options = make_options(&heap);
    struct lq_value *object = lq_object(&options.mem);
    struct lq_value *data;
    const struct lq_str keys[] = { { "", 0 },     { "\0", 1 },   { "\0\0", 2 }, { "a", 1 },
                                   { "a\0", 2 },  { "a\0b", 3 }, { "ab", 2 },   { "b", 1 },
                                   { "\x7f", 1 }, { "é", 2 },    { "é\0", 3 } };

    (void) state;
    for (int round = 0; round < 2; round++)
    {
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            assert_true(lq_object_put(object, keys[i], lq_bool(&options.mem, round == 1)));
    }
    data = object_with(&options.mem, "o", object);
    assert_int_equal(check_text("{{ o.size }}{{ o[''] }}{{ o.ab }}{{ o['é'] }}{{ o.abc }}", data,
                                &options, "11truetruetrue"),
                     LQ_OK);
    lq_value_destroy(data);
}

static void
containers_own_what_they_take(void **state)
{
    struct lq_options options = make_options(&heap);
    struct lq_value *array = lq_array(&options.mem);
    struct lq_value *data = object_with(&options.mem, "a", array);

    (void) state;
    /* an item may still be filled after it was put */
    assert_true(lq_array_push(array, lq_number(&options.mem, str("1"))));
    assert_false(lq_array_push(array, NULL));
    assert_false(lq_object_put(data, str("b"), NULL));
    assert_int_equal(check_text("{{ a }}", data, &options, "1"), LQ_OK);
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

static void
broken_source(void **state)
{
    static const struct
    {
        const char *source;
        uint32_t line;
        uint32_t column;
    } rows[] = {
        { "\xff", 1, 1 },          { "é\n\xc3", 2, 1 },          { "éa\xc0\xaf", 1, 3 },
        { "\xed\xa0\x80", 1, 1 },  { "\xf4\x90\x80\x80", 1, 1 }, { "a\xe2\x82", 1, 2 },
        { "{{ 'a\x80' }}", 1, 6 }, { "ࠀ\xe2\x82 ", 1, 2 },
    };
    struct lq_options options = make_options(&heap);

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct lq_template *template;
        struct lq_error error;

        assert_int_equal(lq_parse(str(rows[i].source), &options, &template, &error), LQ_ERR_UTF8);
        assert_int_equal(error.line, rows[i].line);
        assert_int_equal(error.column, rows[i].column);
    }
}

static void
broken_data(void **state)
{
    static const char *const uses[] = {
        "{{ s }}",
        "{{ s | append: 'x' }}",
        "{{ 'x' | append: s }}",
        "{{ s | upcase }}",
        "{{ o }}",
        "{{ o | json }}",
        "{{ s | size | plus: s }}",
        "{{ 'x' | replace: s, 'y' }}",
        "{% for p in o %}{{ p }}{% endfor %}",
        "{{ 0 | date: s }}",
        "{{ s.last }}",
        "{{ s | first }}",
        "{{ s | strip }}",
        "{{ s | split: 'x' }}",
        "{{ s | slice: 0 }}",
        "{{ s | slice: s }}",
        "{{ s | truncatewords: 1 }}",
        "{{ s | base64_encode }}",
        "{{ s | url_encode }}",
        "{{ s | url_decode }}",
        "{{ 'x' | split: '' | map: s }}",
        "{{ s | map: 1 }}",
        "{{ 1 | round: s }}",
        "{{ s | abs }}",
        "{{ 1 | at_least: s }}",
    };
    struct lq_options options = make_options(&heap);
    struct lq_value *data = object_with(&options.mem, "s", lq_string(&options.mem, str("a\xff")));
    struct lq_value *object = object_with(&options.mem, "k\x80", lq_bool(&options.mem, true));

    (void) state;
    assert_true(lq_object_put(data, str("o"), object));
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
        assert_int_equal(check_text(uses[i], data, &options, ""), LQ_ERR_UTF8);
    assert_int_equal(check_text("unused", data, &options, "unused"), LQ_OK);
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

static void
nul_is_text(void **state)
{
    struct lq_options options = make_options(&heap);
    struct lq_value *data =
        object_with(&options.mem, "s", lq_string(&options.mem, (struct lq_str){ "a\0b", 3 }));
    struct lq_str output;

    (void) state;
    assert_int_equal(
        run_text((struct lq_str){ "x\0{{ s | upcase }}", 18 }, data, &options, &output, NULL),
        LQ_OK);
    assert_int_equal(output.len, 5);
    assert_memory_equal(output.data, "x\0A\0B", 6);
    free_output(&options, output);
    lq_value_destroy(data);
}

static void
locale_has_no_say(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    (void) setlocale(LC_ALL, "de_DE.UTF-8"); /* where installed */
    (void) setlocale(LC_ALL, "tr_TR.UTF-8");
    assert_int_equal(check_text("{{ 1.5 | plus: '2.25' }} {{ 'iI' | upcase }} {{ 0 | date: '%a' }}",
                                NULL, &options, "3.75 II Thu"),
                     LQ_OK);
    (void) setlocale(LC_ALL, "C");
}

static void
time_before_1970(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    options.now_us = -1;
    assert_int_equal(check_text("{{ 'now' | date: '%s %6N' }}", NULL, &options, "-1 999999"),
                     LQ_OK);
}

static void
code_names(void **state)
{
    (void) state;
    assert_string_equal(lq_code_name(LQ_OK), "ok");
    assert_string_equal(lq_code_name(LQ_ERR_SYNTAX), "syntax");
    assert_string_equal(lq_code_name(LQ_ERR_CANCELLED), "cancelled");
    assert_string_equal(lq_code_name((enum lq_code) 99), "unknown");
}

/* A message quotes long names in part, and never part of a character. */
static void
long_names_in_messages(void **state)
{
    struct lq_options options = make_options(&heap);
    struct lq_template *template;
    struct lq_error error;
    char source[1024] = "{{ ";

    (void) state;
    options.strict = true;
    for (size_t i = 0; i < 200; i++)
        memcpy(source + 3 + 2 * i, "é", 3);
    assert_int_equal(lq_parse(str(source), &options, &template, &error), LQ_ERR_SYNTAX);
    memset(source, 'a', sizeof(source) - 1);
    memcpy(source, "{{ 1 | ", 7);
    memcpy(source + 1000, " }}", 4);
    assert_int_equal(lq_parse(str(source), &options, &template, &error), LQ_ERR_SYNTAX);
    assert_true(strlen(error.message) < 120);
    for (size_t i = 7; i < 1000; i++)
        source[i] = "[\"é\"]"[(i - 7) % 6];
    memcpy(source, "{{ x   ", 7);
    memcpy(source + 7 + 6 * 165, " }}", 4);
    assert_int_equal(lq_parse(str(source), &options, &template, &error), LQ_OK);
    {
        struct lq_str output;

        assert_int_equal(lq_render(template, NULL, &options, &output, &error), LQ_ERR_UNDEFINED);
        assert_non_null(strstr(error.message, "unknown variable \"x"));
    }
    lq_template_destroy(template);
    assert_int_equal(heap.live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_spellings),
        cmocka_unit_test(infinity_is_no_operand),
        cmocka_unit_test(very_long_integer),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(odd_keys),
        cmocka_unit_test(containers_own_what_they_take),
        cmocka_unit_test(broken_source),
        cmocka_unit_test(broken_data),
        cmocka_unit_test(nul_is_text),
        cmocka_unit_test(locale_has_no_say),
        cmocka_unit_test(time_before_1970),
        cmocka_unit_test(code_names),
        cmocka_unit_test(long_names_in_messages),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("liquid_value", tests, NULL, NULL);
}
