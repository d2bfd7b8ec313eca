/* The record for a checker, and the plan of faults. */
#include "unit/sandbox_helper.h"

#include <inttypes.h>
#include <unistd.h>

#include "sandbox/witness.h"

enum
{
    MESSAGES = 20000
};

static int
set_up(void **state)
{
    (void) state;
    start_env();
    return 0;
}

static struct sighting
see(struct witness *witness, const char *body, const char *id)
{
    struct sighting sighting;

    start_request("/hooks/h", body);
    witness_see(witness, &double_webhook, &request, id, arena, &sighting);
    return sighting;
}

static void
test_mark(void **state)
{
    const char *error = NULL;
    struct witness *witness = witness_create(NULL, false, 0, &error);
    struct sighting sighting;

    (void) state;
    sighting = see(witness, "{\"type\":\"t\",\"data\":{\"text\":\"x ledger:42 y\"}}", "id-1");
    assert_string_equal(sighting.mark, "42");
    assert_string_equal(sighting.content, "{\"text\":\"x ledger:42 y\"}");
    assert_int_equal(sighting.number, 1);
    sighting = see(witness, "{\"data\":\"ledger:42\"}", "id-2");
    assert_int_equal(sighting.number, 2);
    sighting = see(witness, "{\"data\":\"none\"}", "id-2");
    assert_null(sighting.mark);
    assert_int_equal(sighting.number, 1);
    sighting = see(witness, "{\"data\":\"ledger:\"}", NULL);
    assert_null(sighting.mark);
    assert_int_equal(sighting.number, 0);
    witness_destroy(witness);
}

/* Faults of MESSAGES first requests, and how many there are of each name. */
static int
count_faults(int64_t seed, const char *name, char *kinds)
{
    const char *error = NULL;
    struct witness *witness = witness_create(NULL, true, seed, &error);
    int count = 0;

    for (int i = 0; i < MESSAGES; i++)
    {
        char body[64];
        struct sighting sighting;
        struct fault fault;

        snprintf(body, sizeof(body), "{\"data\":\"ledger:%d\"}", i);
        sighting = see(witness, body, NULL);
        fault = witness_fault(witness, &sighting, NULL);
        kinds[i] = (char) fault.kind;
        count += fault.name != NULL && strcmp(fault.name, name) == 0;
    }
    witness_destroy(witness);
    return count;
}

static void
test_plan(void **state)
{
    static char first[MESSAGES];
    static char again[MESSAGES];
    static char other[MESSAGES];
    int errors = count_faults(7, "plan-500", first);

    (void) state;
    /* 2 % and 0.1 %, four standard deviations each way */
    assert_in_range(errors, 320, 480);
    assert_in_range(count_faults(7, "plan-bad-id", again), 2, 38);
    assert_memory_equal(first, again, MESSAGES);
    count_faults(8, "plan-500", other);
    assert_memory_not_equal(first, other, MESSAGES);
}

static void
test_line(void **state)
{
    char path[] = "/tmp/witnessXXXXXX";
    const char *error = NULL;
    int fd = mkstemp(path);
    struct witness *witness = witness_create(path, false, 0, &error);
    struct sighting sighting = see(witness, "{\"data\":\"ledger:9\"}", "id");
    struct ledger_entry entry = { .seq = 5,
                                  .conn = 3,
                                  .stream = 7,
                                  .provider = "webhook",
                                  .request = &request,
                                  .status = 0,
                                  .decision = DECISION_FAULT,
                                  .executed = true,
                                  .fault = "plan-reset",
                                  .address = "a\tb\n",
                                  .id = "id" };
    char text[1024];
    ssize_t len;
    int64_t ns;
    int used = 0;

    (void) state;
    witness_write(witness, &entry, &sighting);
    assert_true(witness_flush(witness));
    len = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(len > 0);
    text[len] = '\0';
    assert_int_equal(sscanf(text, "5\t%" SCNd64 "\t3\t7\t%n", &ns, &used), 1);
    assert_string_equal(text + used,
                        "webhook\t9\t1\tid\ta?b?\t"
                        "30cf67ae114d6fc360e0f969ba1c1b7a5328128ca0318d608ae9f1f6d7319901"
                        "\taccept\tplan-reset\tunanswered\n");
    witness_destroy(witness);
    close(fd);
    unlink(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mark, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_plan, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_line, set_up, finish_env),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
