/* delivery/literal.c: array literals that nothing in the text can break out of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/utf8.h"
#include "delivery/literal.h"

static struct buf buf;

static int
set_up(void **state)
{
    (void) state;
    buf_init(&buf, 1 << 20);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    buf_finish(&buf);
    return 0;
}

static const char *
literal_of(const char *text, size_t max)
{
    buf_reset(&buf);
    literal_open(&buf);
    literal_text(&buf, text, max);
    literal_close(&buf);
    return buf.data;
}

static void
test_plain(void **state)
{
    (void) state;
    assert_string_equal(literal_of("abc", 100), "{\"abc\"}");
    assert_string_equal(literal_of("", 100), "{\"\"}");
    assert_string_equal(literal_of("NULL", 100), "{\"NULL\"}");
    assert_string_equal(literal_of(NULL, 100), "{NULL}");
}

static void
test_escaped(void **state)
{
    (void) state;
    assert_string_equal(literal_of("a\"b\\c", 100), "{\"a\\\"b\\\\c\"}");
    assert_string_equal(literal_of("\"},{\"", 100), "{\"\\\"},{\\\"\"}");
}

static void
test_scrubbed(void **state)
{
    (void) state;
    assert_string_equal(literal_of("a\nb\x1b[0m\x7f", 100), "{\"a b [0m \"}");
    assert_string_equal(literal_of("a\xff\xc3(", 100), "{\"a\xef\xbf\xbd\xef\xbf\xbd(\"}");
    assert_string_equal(literal_of("\xed\xa0\x80", 3), "{\"\xef\xbf\xbd\"}");
    assert_string_equal(literal_of("\xc2\x85", 9), "{\" \"}");
}

static void
test_cut(void **state)
{
    (void) state;
    assert_string_equal(literal_of("abcdef", 3), "{\"abc\"}");
    assert_string_equal(literal_of("ab\xc3\xa4", 3), "{\"ab\"}");
    assert_string_equal(literal_of("ab\xc3\xa4", 4), "{\"ab\xc3\xa4\"}");
    assert_string_equal(literal_of("\"\"\"", 2), "{\"\\\"\\\"\"}");
}

static void
test_row(void **state)
{
    (void) state;
    buf_reset(&buf);
    literal_open(&buf);
    literal_int(&buf, -5);
    literal_null(&buf);
    literal_text(&buf, "{", 10);
    literal_text(&buf, "x", 10);
    literal_int(&buf, INT64_MAX);
    literal_close(&buf);
    assert_string_equal(buf.data, "{-5,NULL,\"{\",\"x\",9223372036854775807}");
}

/* Whatever the bytes: valid UTF-8, one element, closed where it ends. */
static void
test_every_pair(void **state)
{
    (void) state;
    for (int a = 1; a < 256; a++)
    {
        for (int b = 1; b < 256; b++)
        {
            const char text[] = { (char) a, (char) b, 'z', '\0' };
            const char *literal = literal_of(text, 100);
            size_t len = strlen(literal);

            assert_true(utf8_valid(literal, len));
            assert_int_equal(len, buf.len);
            assert_memory_equal(literal + len - 2, "\"}", 2);
            for (const char *p = literal + 2; p < literal + len - 2; p++)
            {
                p += *p == '\\' ? 1 : 0;
                assert_true(*p != '"' || p[-1] == '\\');
                assert_true((unsigned char) *p >= 0x20);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_escaped),
        cmocka_unit_test(test_scrubbed), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_row),      cmocka_unit_test(test_every_pair),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
