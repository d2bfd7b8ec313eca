/* core/secret.c: references, modes of files, what errors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/secret.h"

static struct arena *arena;
static char dir[] = "/tmp/herald-secret-XXXXXX";

static int
set_up(void **state)
{
    (void) state;
    arena = arena_create();
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void) state;
    arena_destroy(arena);
    return rmdir(dir);
}

/* Write a file, resolve it, remove it. */
static char *
resolve_file(const char *data, size_t len, mode_t mode, const char **reterr)
{
    char *path = arena_printf(arena, "%s/secret", dir);
    FILE *file = fopen(path, "w");
    char *ret;

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    ret = secret_resolve(arena, arena_printf(arena, "file:%s", path), reterr);
    unlink(path);
    return ret;
}

static void
test_env(void **state)
{
    const char *error = "unset";

    (void) state;
    setenv("HERALD_TEST_SECRET", "s3cret", 1);
    assert_string_equal(secret_resolve(arena, "env:HERALD_TEST_SECRET", &error), "s3cret");
    assert_null(error);
    setenv("HERALD_TEST_SECRET", "", 1);
    assert_null(secret_resolve(arena, "env:HERALD_TEST_SECRET", &error));
    assert_string_equal(error, "environment variable HERALD_TEST_SECRET is empty");
    unsetenv("HERALD_TEST_SECRET");
    assert_null(secret_resolve(arena, "env:HERALD_TEST_SECRET", &error));
    assert_string_equal(error, "environment variable HERALD_TEST_SECRET is not set");
}

static void
test_malformed(void **state)
{
    static const char *const references[] = { "",          "env:",     "env:1A",        "env:A-B",
                                              "env:A B",   "file:",    "file:relative", "ENV:HOME",
                                              "vault:x/y", " env:HOME" };
    const char *error;

    (void) state;
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
    {
        error = NULL;
        assert_null(secret_resolve(arena, references[i], &error));
        assert_non_null(error);
    }
    assert_null(secret_resolve(arena, "sk-live-0123456789", &error));
    assert_null(strstr(error, "sk-live"));
}

static void
test_file(void **state)
{
    const char *error = "unset";

    (void) state;
    assert_string_equal(resolve_file("s3cret\n", 7, 0600, &error), "s3cret");
    assert_null(error);
    assert_string_equal(resolve_file("s3cret", 6, 0640, &error), "s3cret");
    assert_string_equal(resolve_file("two\n\n", 5, 0400, &error), "two\n");
    assert_string_equal(resolve_file("dos\r\n", 5, 0600, &error), "dos");
}

static void
test_file_refused(void **state)
{
    static char large[SECRET_BYTES_MAX + 1];
    const char *error = NULL;

    (void) state;
    assert_null(resolve_file("s3cret", 6, 0644, &error));
    assert_non_null(strstr(error, "open to other users"));
    assert_null(strstr(error, "s3cret"));
    assert_null(resolve_file("s3cret", 6, 0602, &error));
    assert_null(resolve_file("s3cret", 6, 0660, &error));
    assert_non_null(strstr(error, "writable by its group"));
    assert_null(resolve_file("", 0, 0600, &error));
    assert_non_null(strstr(error, "is empty"));
    assert_null(resolve_file("\n", 1, 0600, &error));
    assert_non_null(strstr(error, "is empty"));
    assert_null(resolve_file("a\0b", 3, 0600, &error));
    assert_non_null(strstr(error, "is not text"));
    memset(large, 'x', sizeof(large));
    assert_null(resolve_file(large, sizeof(large), 0600, &error));
    assert_non_null(strstr(error, "larger"));
    assert_non_null(resolve_file(large, SECRET_BYTES_MAX, 0600, &error));
}

static void
test_not_regular(void **state)
{
    char *fifo = arena_printf(arena, "%s/fifo", dir);
    const char *error = NULL;

    (void) state;
    assert_null(secret_resolve(arena, arena_printf(arena, "file:%s", dir), &error));
    assert_non_null(strstr(error, "not a regular file"));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_null(secret_resolve(arena, arena_printf(arena, "file:%s", fifo), &error));
    assert_non_null(strstr(error, "not a regular file"));
    unlink(fifo);
    assert_null(secret_resolve(arena, arena_printf(arena, "file:%s/none", dir), &error));
    assert_non_null(strstr(error, "No such file"));
}

static void
test_wipe(void **state)
{
    char secret[] = "s3cret";

    (void) state;
    secret_wipe(secret);
    assert_memory_equal(secret, "\0\0\0\0\0\0", 6);
    secret_wipe(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_env),         cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_file),        cmocka_unit_test(test_file_refused),
        cmocka_unit_test(test_not_regular), cmocka_unit_test(test_wipe),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
