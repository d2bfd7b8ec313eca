/* core/failpoint.c: which hit of HERALD_FAIL counts, what happens, what is refused. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/failpoint.h"

/* HERALD_FAIL is read once a process: each case has a child. Its wait status. */
static int
status_of(const char *fail, void (*act)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
    {
        setenv("HERALD_FAIL", fail, 1);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void
hit_twice(void)
{
    FAILPOINT("K1", NULL);
    FAILPOINT("K1", "bob");
    _exit(7);
}

static void
count_failures(void)
{
    int count = 0;

    for (int i = 0; i < 5; i++)
    {
        count += FAILPOINT_FAILS("K1") ? 1 : 0;
        count += FAILPOINT_FAILS("K2") ? 100 : 0;
    }
    _exit(count);
}

static void
hit_subjects(void)
{
    int count = 0;

    FAILPOINT_AFTER("K1", "alice", count += 100);
    FAILPOINT_AFTER("K1", "bob 1", count += 10);
    FAILPOINT_AFTER("K1", "bob 2", count += 1);
    FAILPOINT_AFTER("K1", "bob 3", count += 1);
    _exit(count);
}

static void
hit_noted(void)
{
    FAILPOINT_NOTED("K1");
    FAILPOINT_NOTE("K1");
    FAILPOINT_NOTE("K1");
    FAILPOINT_NOTED("K2");
    FAILPOINT_NOTED("K1");
    _exit(7);
}

static void
test_hits(void **state)
{
    (void) state;
    assert_int_equal(WEXITSTATUS(status_of("", hit_twice)), 7);
    assert_int_equal(WEXITSTATUS(status_of("K1=kill@3", hit_twice)), 7);
    assert_int_equal(WTERMSIG(status_of("K1=kill@2", hit_twice)), SIGKILL);
    assert_int_equal(WTERMSIG(status_of("K9=kill;K1=abort", hit_twice)), SIGABRT);
    assert_int_equal(WEXITSTATUS(status_of("K1=sleep:1;", hit_twice)), 7);
    assert_int_equal(WEXITSTATUS(status_of("K1=fail@4;K3=fail", count_failures)), 1);
}

static void
test_subject(void **state)
{
    (void) state;
    assert_int_equal(WEXITSTATUS(status_of("K1=fail@2/bob", hit_subjects)), 2);
    assert_int_equal(WEXITSTATUS(status_of("K1=fail/a:b@c", hit_subjects)), 0);
    assert_int_equal(WTERMSIG(status_of("K1=kill/bob", hit_twice)), SIGKILL);
}

static void
test_noted(void **state)
{
    (void) state;
    assert_int_equal(WTERMSIG(status_of("K1=kill@2", hit_noted)), SIGKILL);
    assert_int_equal(WEXITSTATUS(status_of("K1=kill@3", hit_noted)), 7);
}

static void
test_refused(void **state)
{
    (void) state;
    assert_int_equal(WTERMSIG(status_of("K1", hit_twice)), SIGABRT);
    assert_int_equal(WTERMSIG(status_of("K1=dance", hit_twice)), SIGABRT);
    assert_int_equal(WTERMSIG(status_of("K1=kill@0", hit_twice)), SIGABRT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hits),
        cmocka_unit_test(test_subject),
        cmocka_unit_test(test_noted),
        cmocka_unit_test(test_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
