/* core/options.c: precedence, the settings file, what is refused and how it is said. */
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
#include "core/options.h"

static const struct option_row rows[] = {
    { "Settings", "config", 'c', "FILE", "HT_CONFIG", NULL, OPTION_CONFIG, "Settings file." },
    { "Settings", "check-config", 0, NULL, NULL, NULL, OPTION_COMMAND, "Check and exit." },
    { "Database", "database", 'd', "CONNINFO", "HT_DATABASE", NULL, 0, "Where to connect." },
    { "Database", "batch-size", 'b', "N", "HT_BATCH_SIZE", "500", 0, "Claimed at once." },
    { "Database", "password", 0, "TEXT", "HT_PASSWORD", NULL, OPTION_SECRET, "Secret." },
    { "Other", "verbose", 'v', NULL, "HT_VERBOSE", NULL, 0, "Say more." },
    { 0 },
};

static const struct options_program program = { .name = "ht",
                                                .usage = "[OPTION]...",
                                                .summary = "Does nothing.",
                                                .rows = rows,
                                                .examples = "  ht -d postgres:///\n" };

static struct arena *arena;
static char dir[] = "/tmp/herald-options-XXXXXX";
static const char *error;

static int
set_up_group(void **state)
{
    (void) state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down_group(void **state)
{
    (void) state;
    return rmdir(dir);
}

static int
set_up(void **state)
{
    (void) state;
    arena = arena_create();
    unsetenv("HT_CONFIG");
    unsetenv("HT_DATABASE");
    unsetenv("HT_BATCH_SIZE");
    unsetenv("HT_PASSWORD");
    unsetenv("HT_VERBOSE");
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    arena_destroy(arena);
    return 0;
}

/* Parse up to four arguments. */
static struct options *
parse(const char *a, const char *b, const char *c, const char *d)
{
    const char *const given[] = { "ht", a, b, c, d, NULL };
    char *argv[6] = { NULL };
    int argc = 0;

    while (given[argc] != NULL)
    {
        argv[argc] = arena_strdup(arena, given[argc]);
        argc++;
    }
    error = "unset";
    return options_parse(arena, &program, argc, argv, &error);
}

static const char *
write_file(const char *text, mode_t mode)
{
    char *path = arena_printf(arena, "%s/ht.conf", dir);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
    return path;
}

/* Parse with a settings file of this text. */
static struct options *
parse_file(const char *text, mode_t mode)
{
    const char *path = write_file(text, mode);
    struct options *ret = parse("--config", path, NULL, NULL);

    unlink(path);
    return ret;
}

static void
assert_error(const struct options *options, const char *expected)
{
    assert_null(options);
    if (strstr(error, expected) == NULL)
    {
        fail_msg("\"%s\" does not hold \"%s\"", error, expected);
    }
}

static void
test_precedence(void **state)
{
    const char *path = write_file("batch-size = 10\n", 0600);
    struct options *options;

    (void) state;
    options = parse(NULL, NULL, NULL, NULL);
    assert_string_equal(options_get(options, "batch-size"), "500");
    assert_string_equal(options_origin(options, "batch-size"), "default");
    assert_null(options_get(options, "database"));
    options = parse("-c", path, NULL, NULL);
    assert_string_equal(options_get(options, "batch-size"), "10");
    assert_string_equal(options_origin(options, "batch-size"), arena_printf(arena, "%s:1", path));
    setenv("HT_BATCH_SIZE", "20", 1);
    options = parse("-c", path, NULL, NULL);
    assert_string_equal(options_get(options, "batch-size"), "20");
    assert_string_equal(options_origin(options, "batch-size"),
                        "environment variable HT_BATCH_SIZE");
    options = parse("-c", path, "-b30", NULL);
    assert_string_equal(options_get(options, "batch-size"), "30");
    assert_string_equal(options_origin(options, "batch-size"), "--batch-size");
    setenv("HT_BATCH_SIZE", "", 1);
    options = parse("-c", path, NULL, NULL);
    assert_string_equal(options_get(options, "batch-size"), "10");
    setenv("HT_CONFIG", path, 1);
    options = parse(NULL, NULL, NULL, NULL);
    assert_string_equal(options_get(options, "batch-size"), "10");
    unlink(path);
}

static void
test_forms(void **state)
{
    struct options *options;

    (void) state;
    options = parse("--database=a b", "-v", "--batch-size", "7");
    assert_string_equal(options_get(options, "database"), "a b");
    assert_string_equal(options_get(options, "batch-size"), "7");
    assert_true(options_get_switch(options, "verbose"));
    assert_false(options_get_switch(options, "check-config"));
    setenv("HT_VERBOSE", "off", 1);
    assert_false(options_get_switch(parse(NULL, NULL, NULL, NULL), "verbose"));
    setenv("HT_VERBOSE", "maybe", 1);
    assert_error(parse(NULL, NULL, NULL, NULL), "environment variable HT_VERBOSE");
}

static void
test_command_line_mistakes(void **state)
{
    (void) state;
    assert_error(parse("--databse=x", NULL, NULL, NULL),
                 "unknown option --databse; did you mean --database?");
    assert_error(parse("--zzz", NULL, NULL, NULL), "unknown option --zzz");
    assert_null(strstr(error, "mean"));
    assert_error(parse("-z", NULL, NULL, NULL), "unknown option -z");
    assert_error(parse("-vz", NULL, NULL, NULL), "unknown option -z");
    assert_error(parse("--database", NULL, NULL, NULL), "--database needs a value");
    assert_error(parse("--verbose=1", NULL, NULL, NULL), "--verbose takes no value");
    assert_error(parse("-v", "stray", NULL, NULL), "unexpected argument \"stray\"");
    assert_error(parse("--password=hunter2", NULL, NULL, NULL), "HT_PASSWORD");
    assert_null(strstr(error, "hunter2"));
}

static void
test_file(void **state)
{
    struct options *options;

    (void) state;
    options = parse_file("# comment\n\n  database =  host=x dbname=y  \r\n"
                         "verbose = on\nbatch-size=\" 8\"",
                         0644);
    assert_non_null(options);
    assert_string_equal(options_get(options, "database"), "host=x dbname=y");
    assert_string_equal(options_get(options, "batch-size"), " 8");
    assert_true(options_get_switch(options, "verbose"));
    options = parse_file("password = hunter2\n", 0600);
    assert_string_equal(options_get(options, "password"), "hunter2");
}

static void
test_file_mistakes(void **state)
{
    (void) state;
    assert_error(parse_file("\nbatch_size = 1\n", 0600), ":2: unknown setting \"batch_size\"; did "
                                                         "you mean batch-size?");
    assert_error(parse_file("verbose\n", 0600), ":1: expected \"name = value\"");
    assert_error(parse_file("verbose = 1\nverbose = 0\n", 0600), ":2: verbose was set before");
    assert_error(parse_file("config = x\n", 0600), "cannot be set in a file");
    assert_error(parse_file("check-config = true\n", 0600), "cannot be set in a file");
    assert_error(parse_file("verbose = perhaps\n", 0600), ":1: verbose must be true or false");
    assert_error(parse_file("password = hunter2\n", 0644), "open to other users");
    assert_null(strstr(error, "hunter2"));
    assert_error(parse("--config=/nonexistent/ht.conf", NULL, NULL, NULL), "No such file");
    assert_error(parse(arena_printf(arena, "--config=%s", dir), NULL, NULL, NULL), dir);
}

static void
test_numbers(void **state)
{
    const char *problem = NULL;
    int64_t number = -1;

    (void) state;
    assert_true(
        options_get_int(parse("-b42", NULL, NULL, NULL), "batch-size", 1, 100, &number, &problem));
    assert_int_equal(number, 42);
    assert_true(
        options_get_int(parse(NULL, NULL, NULL, NULL), "database", 1, 100, &number, &problem));
    assert_int_equal(number, 42);
    for (size_t i = 0; i < 6; i++)
    {
        static const char *const bad[] = { "-b0",  "-b101", "-b4x", "-b ", "-b99999999999999999999",
                                           "-b1.5" };

        assert_false(options_get_int(parse(bad[i], NULL, NULL, NULL), "batch-size", 1, 100, &number,
                                     &problem));
        assert_non_null(strstr(problem, "--batch-size: batch-size must be a whole number from 1"));
    }
}

static void
test_operands(void **state)
{
    struct options_program takes = program;
    char *argv[] = { "ht", "a", "-v", "b", "--", "-c", NULL };
    char *const *operands = NULL;
    const struct options *options;

    (void) state;
    takes.operands = true;
    options = options_parse(arena, &takes, 6, argv, &error);
    assert_non_null(options);
    assert_true(options_get_switch(options, "verbose"));
    assert_int_equal(options_operands(options, &operands), 3);
    assert_string_equal(operands[0], "a");
    assert_string_equal(operands[1], "b");
    assert_string_equal(operands[2], "-c");
    assert_error(
        options_parse(arena, &takes, 3, (char *[]){ "ht", "a", "--verbsoe", NULL }, &error),
        "unknown option --verbsoe; did you mean --verbose?");
}

static void
test_help(void **state)
{
    struct options *options = parse("--help", "--config=/nonexistent", NULL, NULL);
    char *help = options_help(arena, &program);

    (void) state;
    assert_true(options_help_wanted(options));
    assert_true(options_help_wanted(parse("-h", NULL, NULL, NULL)));
    assert_false(options_help_wanted(parse(NULL, NULL, NULL, NULL)));
    assert_ptr_equal(strstr(help, "Usage: ht [OPTION]...\n"), help);
    assert_non_null(strstr(help, "\nDatabase:\n  -d, --database=CONNINFO"));
    assert_non_null(strstr(help, "[env HT_BATCH_SIZE; default 500]"));
    assert_null(strstr(help, "--password"));
    assert_non_null(strstr(help, "Examples:\n  ht -d postgres:///\n"));
    for (const char *line = help; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
    {
        assert_true(strcspn(line, "\n") <= 80);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_precedence), TEST(test_forms),         TEST(test_command_line_mistakes),
        TEST(test_file),       TEST(test_file_mistakes), TEST(test_numbers),
        TEST(test_operands),   TEST(test_help),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
