/* core/log.c: one event is one line, whatever the values hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"

static int saved_stderr = -1;
static int capture[2];
static char text[65536];

static void
begin(void)
{
    fflush(stderr);
    assert_int_equal(pipe(capture), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(capture[1], STDERR_FILENO);
    close(capture[1]);
}

/* What was logged since begin(), behind the time stamp of the first line. */
static const char *
end(void)
{
    ssize_t len;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    len = read(capture[0], text, sizeof(text) - 1);
    close(capture[0]);
    text[len > 0 ? len : 0] = '\0';
    return len > 27 ? text + 27 : text;
}

static void
assert_value(const char *value, const char *expected)
{
    char line[512];

    snprintf(line, sizeof(line), " level=info msg=m v=%s\n", expected);
    begin();
    log_event(LOG_INFO, "m", "v", value, NULL);
    assert_string_equal(end(), line);
}

static void
test_format(void **state)
{
    (void) state;
    begin();
    log_event(LOG_WARN, "provider paused", "provider", "apns", "none", NULL, "reason", "a b", NULL);
    assert_string_equal(end(),
                        " level=warn msg=\"provider paused\" provider=apns reason=\"a b\"\n");
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    assert_int_equal(text[26], 'Z');
}

static void
test_levels(void **state)
{
    enum log_level level;

    (void) state;
    log_set_level(LOG_WARN);
    begin();
    log_event(LOG_INFO, "hidden", NULL);
    log_event(LOG_ERROR, "shown", NULL);
    assert_string_equal(end(), " level=error msg=shown\n");
    log_set_level(LOG_INFO);
    assert_true(log_level_from_name("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_from_name("loud", &level));
}

static void
test_escapes(void **state)
{
    (void) state;
    assert_value("plain", "plain");
    assert_value("", "\"\"");
    assert_value("a=b", "\"a=b\"");
    assert_value("say \"hi\"", "\"say \\\"hi\\\"\"");
    assert_value("back\\slash", "\"back\\\\slash\"");
    assert_value("x\n2026-01-01 level=error", "\"x\\n2026-01-01 level=error\"");
    assert_value("a\r\tb", "\"a\\r\\tb\"");
    assert_value("\x1b[31mred", "\"\\u001b[31mred\"");
    assert_value("\x7f", "\"\\u007f\"");
    assert_value("\xc3\xa9", "\"\xc3\xa9\"");
    assert_value("\xc2\x85", "\"\\u0085\"");
    assert_value("a\xe2\x80\xae"
                 "b",
                 "\"a\\u202eb\"");
    assert_value("a\xe2\x80\xa8"
                 "b",
                 "\"a\\u2028b\"");
    assert_value("\xff\xfe", "\"\\xff\\xfe\"");
    assert_value("\xc0\xaf", "\"\\xc0\\xaf\"");
    assert_value("cut\xe2\x82", "\"cut\\xe2\\x82\"");
    assert_value("\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");
}

static void
test_message_is_escaped(void **state)
{
    (void) state;
    begin();
    log_event(LOG_INFO, "a\nb", NULL);
    assert_string_equal(end(), " level=info msg=\"a\\nb\"\n");
}

static void
test_long_line(void **state)
{
    static char value[20000];
    const char *line;

    (void) state;
    memset(value, 'x', sizeof(value) - 1);
    begin();
    log_event(LOG_INFO, "m", "v", value, "after", "1", NULL);
    line = end();
    assert_true(strlen(text) <= 4096);
    assert_non_null(strstr(line, "xxx...\""));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    /* Escapes that do not fit. */
    memset(value, '\n', sizeof(value) - 1);
    begin();
    log_event(LOG_INFO, "m", "v", value, NULL);
    line = end();
    assert_true(strlen(text) <= 4096);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
test_mask(void **state)
{
    (void) state;
    assert_string_equal(log_mask("alice@example.org"), "a***@example.org");
    assert_string_equal(log_mask("+4915112345678"), "+49***78");
    assert_string_equal(log_mask("0123456789abcdef"), "0123***");
    assert_string_equal(log_mask("abc"), "***");
    assert_string_equal(log_mask("+123"), "***");
    assert_string_equal(log_mask(""), "***");
    assert_string_equal(log_mask("@example.org"), "@exa***");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),    cmocka_unit_test(test_levels),
        cmocka_unit_test(test_escapes),   cmocka_unit_test(test_message_is_escaped),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_mask),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
