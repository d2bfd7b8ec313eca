/* core/body.c: pieces come out encoded, whatever the size of the reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/body.h"
#include "core/crypto.h"

static int
setup(void **state)
{
    *state = arena_create();
    return 0;
}

static int
teardown(void **state)
{
    arena_destroy(*state);
    return 0;
}

/* Read in steps of a size and compare. */
static void
assert_body(const struct wire_request *request, struct arena *arena, const char *want)
{
    size_t size = strlen(want);

    assert_int_equal(request->body_len, size);
    for (size_t step = 1; step < size + 3; step += step < 100 ? 1 : 997)
    {
        char *got = arena_alloc(arena, size + step + 1);
        struct body_reader reader;
        size_t at = 0;
        size_t len;

        body_start(&reader, request);
        while ((len = body_read(&reader, got + at, step)) == step)
        {
            at += len;
        }
        at += len;
        assert_int_equal(at, size);
        assert_memory_equal(got, want, size);
        assert_int_equal(body_read(&reader, got, step), 0);
    }
}

static void
test_text(void **state)
{
    struct wire_request request = { .body = "a text", .body_len = 6 };
    struct wire_request empty = { .body = NULL };

    assert_body(&request, *state, "a text");
    assert_body(&empty, *state, "");
}

/* Content of len bytes, and its base64 in lines. */
static char *
content(struct arena *arena, size_t len, char **ret_lines)
{
    char *ret = arena_alloc(arena, len + 1);
    char *lines = arena_strdup(arena, "");

    for (size_t i = 0; i < len; i++)
    {
        ret[i] = (char) (i * 7 + 3);
    }
    for (size_t i = 0; i < len; i += BODY_LINE_BYTES)
    {
        size_t n = len - i < BODY_LINE_BYTES ? len - i : BODY_LINE_BYTES;

        lines = arena_printf(arena, "%s%s%s", lines, i > 0 ? "\r\n" : "",
                             crypto_base64(arena, ret + i, n));
    }
    *ret_lines = lines;
    return ret;
}

static void
test_encodings(void **state)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 1000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    {
        struct wire_request request = { .kind = WIRE_HTTP };
        char *lines;
        const char *data = content(*state, sizes[i], &lines);
        const struct wire_piece pieces[] = {
            { .data = "<", .len = 1 },
            { .data = data, .len = sizes[i], .encoding = WIRE_BASE64 },
            { .data = "", .len = 0 },
            { .data = "|", .len = 1 },
            { .data = data, .len = sizes[i], .encoding = WIRE_BASE64_LINES },
            { .data = ">", .len = 1 },
        };

        body_set_pieces(&request, pieces, 6);
        assert_body(&request, *state,
                    arena_printf(*state, "<%s|%s>", crypto_base64(*state, data, sizes[i]), lines));
    }
}

static void
test_enclosed(void **state)
{
    static const size_t sizes[] = { 1, 57, 100, 300 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    {
        struct wire_request request = { .kind = WIRE_HTTP };
        char *lines;
        const char *data = content(*state, sizes[i], &lines);
        const char *mail = arena_printf(*state, "From: a\r\n%s\r\n--", lines);
        const struct wire_piece pieces[] = {
            { .data = "{\"", .len = 2 },
            { .data = "From: a\r\n", .len = 9, .enclosed = true },
            { .data = data, .len = sizes[i], .encoding = WIRE_BASE64_LINES, .enclosed = true },
            { .data = "\r\n--", .len = 4, .enclosed = true },
            { .data = "\"}", .len = 2 },
        };
        const char *want =
            arena_printf(*state, "{\"%s\"}", crypto_base64(*state, mail, strlen(mail)));
        uint8_t digest[32];
        uint8_t same[32];

        body_set_pieces(&request, pieces, 5);
        assert_body(&request, *state, want);
        body_sha256(&request, digest);
        crypto_sha256(want, strlen(want), same);
        assert_memory_equal(digest, same, sizeof(same));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encodings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enclosed, setup, teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
