/* providers/mime.c: dates, header folding and encoding, body encodings, structure of mails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/civil.h"
#include "core/crypto.h"
#include "core/utf8.h"
#include "providers/flat_body.h"
#include "providers/mime.h"

#define LONG_WORD "0123456789012345678901234567890123456789012345678901234567890123456789"
#define ID "019a1b2c-3d4e-7f50-8a6b-0c1d2e3f4a5b"

static const struct mime_mail plain_mail = {
    .delivery_id = ID,
    .now_s = 1767225600,
    .from = "n@example.org",
    .to = "ann@example.net",
    .subject = "Order shipped",
    .text = "Parcel 12 left the depot",
};

static int
setup(void **state)
{
    *state = arena_create();
    return *state == NULL;
}

static int
teardown(void **state)
{
    arena_destroy(*state);
    return 0;
}

static void
assert_date(int64_t seconds, const char *expected)
{
    struct buf out;

    buf_init(&out, 100);
    mime_append_date(&out, seconds);
    assert_string_equal(out.data, expected);
    buf_finish(&out);
}

static void
test_date(void **state)
{
    (void) state;
    assert_date(0, "Thu, 01 Jan 1970 00:00:00 +0000");
    assert_date(1767225600, "Thu, 01 Jan 2026 00:00:00 +0000");
    assert_date(951782399, "Mon, 28 Feb 2000 23:59:59 +0000");
    assert_date(951782400, "Tue, 29 Feb 2000 00:00:00 +0000");
    assert_date(1709210096, "Thu, 29 Feb 2024 12:34:56 +0000");
    assert_date(4107542400, "Mon, 01 Mar 2100 00:00:00 +0000");
    assert_date(253402300799, "Fri, 31 Dec 9999 23:59:59 +0000");
    assert_date(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000");
    assert_date(-1, "Thu, 01 Jan 1970 00:00:00 +0000");
}

/* Every day of 400 years follows the one before it. */
static void
test_civil_days(void **state)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    struct civil_time last = civil_from_seconds(0);

    (void) state;
    for (int64_t day = 1; day < 146097; day++)
    {
        struct civil_time t = civil_from_seconds(day * 86400);
        bool leap = last.year % 4 == 0 && (last.year % 100 != 0 || last.year % 400 == 0);
        int length = lengths[last.month - 1] + (leap && last.month == 2 ? 1 : 0);
        bool new_month = last.day == length;
        bool new_year = new_month && last.month == 12;

        assert_int_equal(t.weekday, (last.weekday + 1) % 7);
        assert_int_equal(t.day, new_month ? 1 : last.day + 1);
        assert_int_equal(t.month, new_year ? 1 : last.month + (new_month ? 1 : 0));
        assert_int_equal(t.year, last.year + (new_year ? 1 : 0));
        last = t;
    }
}

/* Lines end with CRLF, are at most max characters long, and hold only ASCII. */
static void
assert_lines(const char *text, size_t max)
{
    while (*text != '\0')
    {
        size_t len = strcspn(text, "\r\n");

        assert_true(len <= max);
        assert_memory_equal(text + len, "\r\n", 2);
        for (size_t i = 0; i < len; i++)
        {
            assert_in_range((unsigned char) text[i], '\t', '~');
        }
        text += len + 2;
    }
}

/* Decode encoded words and unfold, for comparison with what went in. */
static const char *
decode_header(struct arena *arena, const char *header)
{
    struct buf out;
    const char *p = strstr(header, ": ") + 2;
    const char *ret;

    buf_init(&out, 65536);
    while (strcmp(p, "\r\n") != 0)
    {
        if (strncmp(p, "=?UTF-8?B?", 10) == 0)
        {
            const char *end = strstr(p + 10, "?=");
            size_t len = 0;
            char *raw = (char *) crypto_base64_decode(
                arena, arena_strndup(arena, p + 10, (size_t) (end - p) - 10), &len);

            assert_true((size_t) (end + 2 - p) <= 75);
            assert_true(utf8_valid(raw, len));
            buf_append(&out, raw, len);
            p = end + 2;
            /* White space between encoded words does not count. */
            p += strncmp(p, "\r\n =?", 5) == 0 ? 3 : 0;
        }
        else
        {
            p += strncmp(p, "\r\n ", 3) == 0 ? 2 : 0;
            buf_putc(&out, *p++);
        }
    }
    ret = arena_strdup(arena, out.data);
    buf_finish(&out);
    return ret;
}

static void
assert_subject(struct arena *arena, const char *text)
{
    struct buf out;

    buf_init(&out, 65536);
    mime_append_text_header(&out, "Subject", text);
    assert_lines(out.data, 78);
    assert_string_equal(decode_header(arena, out.data), text);
    buf_finish(&out);
}

static void
test_subjects_come_back(void **state)
{
    static const char *const words[] = { "a", "ö", "注文", "😀", "=?UTF-8?B?", " ", "?=", "\"" };

    assert_subject(*state, "Order shipped");
    assert_subject(*state, " leading and trailing ");
    assert_subject(*state, "two  blanks");
    assert_subject(*state, "=?UTF-8?Q?not_a_word?=");
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
    {
        char text[1024] = "x";

        for (int n = 0; n < 120; n++)
        {
            strncat(text, words[w], sizeof(text) - strlen(text) - 1);
            strncat(text, n % 7 == 0 ? " y" : "", sizeof(text) - strlen(text) - 1);
            assert_subject(*state, text);
        }
    }
}

static void
test_subject_bytes(void **state)
{
    struct buf out;

    (void) state;
    buf_init(&out, 65536);
    mime_append_text_header(&out, "Subject", "Örder shipped");
    assert_string_equal(out.data, "Subject: =?UTF-8?B?w5ZyZGVyIHNoaXBwZWQ=?=\r\n");
    buf_reset(&out);
    mime_append_text_header(&out, "Subject",
                            "This subject is longer than one line can be, so it is folded at a "
                            "blank and goes on");
    assert_string_equal(out.data,
                        "Subject: This subject is longer than one line can be, so it is folded "
                        "at a\r\n blank and goes on\r\n");
    buf_finish(&out);
}

static void
assert_from(const char *name, const char *expected)
{
    struct buf out;

    buf_init(&out, 65536);
    mime_append_mailbox_header(&out, "From", name, "n@example.org");
    assert_string_equal(out.data, expected);
    buf_finish(&out);
}

static void
test_display_names(void **state)
{
    char expected[256];
    char name[64];

    (void) state;
    assert_from(NULL, "From: n@example.org\r\n");
    assert_from("Shop", "From: \"Shop\" <n@example.org>\r\n");
    assert_from("A, \"B\" \\ <x@y>", "From: \"A, \\\"B\\\" \\\\ <x@y>\" <n@example.org>\r\n");
    assert_from("Größe", "From: =?UTF-8?B?R3LDtsOfZQ==?= <n@example.org>\r\n");
    memset(name, 'n', sizeof(name));
    name[60] = '\0';
    snprintf(expected, sizeof(expected), "From: \"%s\"\r\n <n@example.org>\r\n", name);
    assert_from(name, expected);
}

static void
assert_encoded(const char *text, const char *expected)
{
    struct buf out;

    buf_init(&out, 65536);
    mime_append_quoted_printable(&out, text, strlen(text));
    assert_string_equal(out.data, expected);
    buf_finish(&out);
}

static void
test_one_line(void **state)
{
    char text[200];
    const char *line;

    assert_string_equal(mime_encode_value(*state, "<a=?b@c> x"), "<a=?b@c> x");
    assert_string_equal(mime_encode_value(*state, "Größe"), "=?UTF-8?B?R3LDtsOfZQ==?=");
    memset(text, 'x', sizeof(text));
    memcpy(text + 198, "é", 2);
    line = mime_encode_value(*state, arena_strndup(*state, text, sizeof(text)));
    assert_null(strpbrk(line, "\r\n"));
    assert_non_null(strstr(line, "?= =?UTF-8?B?"));
}

static void
test_quoted_printable(void **state)
{
    (void) state;
    assert_encoded("a=b", "a=3Db");
    assert_encoded("ö", "=C3=B6");
    assert_encoded("a \r\nb\t\r\n c", "a=20\r\nb=09\r\n c");
    assert_encoded("end ", "end=20");
    assert_encoded("bell\a", "bell=07");
    /* 76 characters fit when the line ends there, else the break takes the last column. */
    assert_encoded("1234567890123456789012345678901234567890123456789012345678901234567890123456",
                   "1234567890123456789012345678901234567890123456789012345678901234567890123456");
    assert_encoded("12345678901234567890123456789012345678901234567890123456789012345678901234567",
                   "123456789012345678901234567890123456789012345678901234567890123456789012345="
                   "\r\n67");
    assert_encoded("12345678901234567890123456789012345678901234567890123456789012345678901234=x",
                   "12345678901234567890123456789012345678901234567890123456789012345678901234="
                   "\r\n=3Dx");
}

static void
test_base64_lines(void **state)
{
    char text[200];
    struct buf out;
    size_t len = 0;

    (void) state;
    memset(text, 'x', sizeof(text));
    buf_init(&out, 65536);
    mime_append_base64(&out, text, 114);
    assert_int_equal(out.len, 76 + 2 + 76);
    assert_memory_equal(out.data + 76, "\r\n", 2);
    buf_reset(&out);
    mime_append_base64(&out, "Größe", 7);
    assert_string_equal((const char *) crypto_base64_decode(*state, out.data, &len), "Größe");
    assert_int_equal(len, 7);
    buf_finish(&out);
}

static const char *
build(struct arena *arena, const struct mime_mail *mail)
{
    struct wire_request request = { .kind = WIRE_MAIL };
    struct provider_error error;
    const char *text;

    assert_true(mime_build(arena, mail, &request, &error));
    text = flat_body(arena, &request);
    assert_int_equal(strlen(text), request.body_len);
    return text;
}

static void
test_encodings_are_chosen(void **state)
{
    struct mime_mail mail = plain_mail;

    assert_non_null(strstr(build(*state, &mail), "\r\nContent-Transfer-Encoding: 7bit\r\n"));
    mail.text = "a blank at the end \nof a line";
    assert_non_null(strstr(build(*state, &mail), "Encoding: quoted-printable\r\n"));
    mail.text = "Größe und Farbe";
    assert_non_null(strstr(build(*state, &mail), "Encoding: quoted-printable\r\n\r\nGr=C3=B6"));
    mail.text = "注文は発送されました。";
    assert_non_null(strstr(build(*state, &mail), "Encoding: base64\r\n\r\n5rOo"));
    mail.text = "12345678901234567890123456789012345678901234567890123456789012345678901234567";
    assert_non_null(strstr(build(*state, &mail), "Encoding: quoted-printable\r\n"));
    assert_lines(build(*state, &mail), 78);
}

static void
test_line_ends_are_canonical(void **state)
{
    struct mime_mail mail = plain_mail;
    const char *text;

    mail.text = "a\nb\r\nc\rd\n\n.\nend";
    text = build(*state, &mail);
    assert_non_null(strstr(text, "\r\n\r\na\r\nb\r\nc\r\nd\r\n\r\n.\r\nend\r\n"));
    assert_lines(text, 78);
}

static void
test_alternative(void **state)
{
    struct mime_mail mail = plain_mail;
    const char *text;
    const char *boundary;
    const char *first;

    mail.html = "<p>Hi</p>";
    text = build(*state, &mail);
    assert_lines(text, 78);
    assert_string_equal(text, build(*state, &mail));
    assert_true(strstr(text, "text/plain") < strstr(text, "text/html"));
    first = strstr(text, "boundary=\"") + 10;
    boundary = arena_strndup(*state, first, strcspn(first, "\""));
    assert_in_range(strlen(boundary), 1, 70);

    /* A text that holds the boundary gets another one. */
    mail.text = boundary;
    text = build(*state, &mail);
    assert_null(strstr(text, arena_printf(*state, "boundary=\"%s\"", boundary)));
    assert_non_null(strstr(text, arena_printf(*state, "\r\n%s\r\n", boundary)));

    /* So does another delivery. */
    mail = plain_mail;
    mail.html = "<p>Hi</p>";
    mail.delivery_id = "another";
    assert_null(strstr(build(*state, &mail), boundary));
}

static void
test_message_id_is_stable(void **state)
{
    struct mime_mail mail = plain_mail;

    mail.now_s += 3600;
    assert_non_null(strstr(build(*state, &plain_mail), "\r\nMessage-ID: <" ID "@example.org>\r\n"));
    assert_non_null(strstr(build(*state, &mail), "\r\nMessage-ID: <" ID "@example.org>\r\n"));
    assert_string_not_equal(build(*state, &plain_mail), build(*state, &mail));
}

static void
test_more_headers(void **state)
{
    static const struct wire_header headers[] = {
        { "List-Help", "<https://u.example.org/" LONG_WORD ">" },
        { "References", "<1@example.org> <" LONG_WORD "@example.org> <2@example.org>" },
        { "X-Shop", "Größe" },
    };
    struct mime_mail mail = plain_mail;
    const char *text;

    mail.headers = headers;
    mail.header_count = sizeof(headers) / sizeof(headers[0]);
    text = build(*state, &mail);
    assert_lines(text, 998);
    assert_non_null(strstr(text, "\r\nMIME-Version: 1.0\r\n"
                                 "List-Help: <https://u.example.org/" LONG_WORD ">\r\n"
                                 "References: <1@example.org>\r\n"
                                 " <" LONG_WORD "@example.org>\r\n"
                                 " <2@example.org>\r\n"
                                 "X-Shop: =?UTF-8?B?R3LDtsOfZQ==?=\r\n"
                                 "Content-Type: "));
}

static void
assert_refused(struct arena *arena, const struct mime_mail *mail, const char *code)
{
    struct provider_error error = { 0 };
    struct wire_request request = { .kind = WIRE_MAIL };

    assert_false(mime_build(arena, mail, &request, &error));
    assert_int_equal(error.class, OUTCOME_CONTENT);
    assert_string_equal(error.code, code);
}

static void
test_injection_is_refused(void **state)
{
    static const char *const bad[] = {
        "a\r\nBcc: x@y.example", "a\nb", "a\rb", "a\tb", "a\x7f", "a\x01"
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        const struct wire_header header = { "X-Shop", bad[i] };
        const struct wire_header name = { bad[i], "x" };
        struct mime_mail mails[8];

        for (size_t m = 0; m < 8; m++)
        {
            mails[m] = plain_mail;
        }
        mails[0].subject = bad[i];
        mails[1].from = bad[i];
        mails[2].from_name = bad[i];
        mails[3].to = bad[i];
        mails[4].reply_to = bad[i];
        mails[5].headers = &header;
        mails[5].header_count = 1;
        mails[6].delivery_id = bad[i];
        mails[7].headers = &name;
        mails[7].header_count = 1;
        for (size_t m = 0; m < 8; m++)
        {
            assert_refused(*state, &mails[m], "header_injection");
        }
    }
}

static void
test_too_large(void **state)
{
    struct mime_mail mail = plain_mail;
    char *text = malloc(MIME_BYTES_MAX + 1);

    assert_non_null(text);
    memset(text, '\n', MIME_BYTES_MAX);
    text[MIME_BYTES_MAX] = '\0';
    mail.text = text;
    assert_refused(*state, &mail, "message_too_large");
    mail.html = "<p>Hi</p>";
    assert_refused(*state, &mail, "message_too_large");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_civil_days),
        cmocka_unit_test_setup_teardown(test_subjects_come_back, setup, teardown),
        cmocka_unit_test(test_subject_bytes),
        cmocka_unit_test(test_display_names),
        cmocka_unit_test_setup_teardown(test_one_line, setup, teardown),
        cmocka_unit_test(test_quoted_printable),
        cmocka_unit_test_setup_teardown(test_base64_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encodings_are_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_line_ends_are_canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alternative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_message_id_is_stable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_injection_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
