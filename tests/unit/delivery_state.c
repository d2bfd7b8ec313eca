/* delivery/state.c, delivery.c: names, edges, lists, tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "delivery/delivery.h"
#include "delivery/state.h"

static void
test_names(void **state)
{
    (void) state;
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++)
    {
        enum delivery_state found;

        assert_true(state_from_name(state_name((enum delivery_state) i), &found));
        assert_int_equal(found, i);
    }
    enum delivery_state untouched = DELIVERY_HELD;
    assert_false(state_from_name("gone", &untouched));
    assert_int_equal(untouched, DELIVERY_HELD);
}

static void
test_final(void **state)
{
    (void) state;
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++)
    {
        assert_int_equal(state_is_final((enum delivery_state) i), i >= DELIVERY_SENT);
    }
}

static void
count_edge(const char *from, const char *to, void *user)
{
    assert_string_not_equal(from, to);
    (*(int *) user)++;
}

static void
test_edges(void **state)
{
    int listed = 0;
    int legal = 0;

    (void) state;
    assert_true(state_edge_is_legal(DELIVERY_CLAIMED, DELIVERY_SENT));
    assert_true(state_edge_is_legal(DELIVERY_CLAIMED, DELIVERY_QUEUED));
    assert_false(state_edge_is_legal(DELIVERY_SENT, DELIVERY_RETRY));
    assert_false(state_edge_is_legal(DELIVERY_QUEUED, DELIVERY_SENT));
    assert_false(state_edge_is_legal(DELIVERY_CLAIMED, DELIVERY_CANCELLED));
    for (int from = 0; from < DELIVERY_STATE_COUNT; from++)
    {
        for (int to = 0; to < DELIVERY_STATE_COUNT; to++)
        {
            legal += state_edge_is_legal((enum delivery_state) from, (enum delivery_state) to);
        }
    }
    state_each_edge(count_edge, &listed);
    assert_int_equal(listed, legal);
    assert_int_equal(listed, 22);
}

static void
test_move(void **state)
{
    struct delivery *delivery = delivery_create();

    (void) state;
    assert_int_equal(delivery->state, DELIVERY_CLAIMED);
    delivery_move(delivery, DELIVERY_SENT);
    assert_int_equal(delivery->state, DELIVERY_SENT);
    delivery_destroy(delivery);
    delivery_destroy(NULL);
}

static void
test_list(void **state)
{
    struct delivery_list list = { NULL, NULL, 0 };
    struct delivery *a = delivery_create();
    struct delivery *b = delivery_create();
    struct delivery *c = delivery_create();

    (void) state;
    assert_null(delivery_list_shift(&list));
    delivery_list_push(&list, a);
    delivery_list_push(&list, b);
    delivery_list_unshift(&list, c);
    assert_int_equal(list.count, 3);
    assert_ptr_equal(delivery_list_shift(&list), c);
    assert_ptr_equal(delivery_list_shift(&list), a);
    assert_ptr_equal(delivery_list_shift(&list), b);
    assert_null(delivery_list_shift(&list));
    assert_null(list.tail);
    delivery_list_unshift(&list, a);
    delivery_list_push(&list, b);
    assert_ptr_equal(list.tail, b);
    delivery_destroy(a);
    delivery_destroy(b);
    delivery_destroy(c);
}

/* Most urgent first; what is put back comes before its own priority only. */
static void
test_queue(void **state)
{
    static const char *const priorities[] = { "bulk", "normal", NULL,    "urgent",
                                              "bulk", "high",   "urgent" };
    static const size_t order[] = { 6, 3, 5, 1, 2, 0, 4 };
    enum
    {
        COUNT = sizeof(order) / sizeof(order[0])
    };
    struct delivery_queue queue = { .count = 0 };
    struct delivery *deliveries[COUNT];

    (void) state;
    assert_null(delivery_queue_shift(&queue));
    for (size_t i = 0; i < COUNT; i++)
    {
        deliveries[i] = delivery_create();
        deliveries[i]->priority = priorities[i];
        if (i + 1 < COUNT)
        {
            delivery_queue_push(&queue, deliveries[i]);
        }
    }
    delivery_queue_unshift(&queue, deliveries[COUNT - 1]);
    assert_int_equal(queue.count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
    {
        assert_ptr_equal(delivery_queue_shift(&queue), deliveries[order[i]]);
    }
    assert_null(delivery_queue_shift(&queue));
    assert_int_equal(queue.count, 0);
    for (size_t i = 0; i < COUNT; i++)
    {
        delivery_destroy(deliveries[i]);
    }
}

static void
test_tokens(void **state)
{
    static const char text[] =
        "[{\"id\":\"1\",\"issuer\":\"apns\",\"token\":\"aa\",\"app\":\"org.x\","
        "\"environment\":\"production\",\"registered_ms\":12,\"state\":\"active\"},"
        "{\"id\":\"2\",\"issuer\":\"fcm\"},"
        "{\"id\":\"3\",\"issuer\":\"fcm\",\"token\":\"bb\",\"app\":null,\"state\":\"suspect\"}]";
    struct delivery *delivery = delivery_create();

    (void) state;
    assert_true(delivery_parse_tokens(delivery, text, strlen(text)));
    assert_int_equal(delivery->token_count, 2);
    assert_string_equal(delivery->tokens[0].app, "org.x");
    assert_int_equal(delivery->tokens[0].registered_ms, 12);
    assert_false(delivery->tokens[0].suspect);
    assert_string_equal(delivery->tokens[1].address, "bb");
    assert_null(delivery->tokens[1].app);
    assert_true(delivery->tokens[1].suspect);
    assert_false(delivery_parse_tokens(delivery, "{}", 2));
    assert_false(delivery_parse_tokens(delivery, "[", 1));
    delivery_destroy(delivery);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),  cmocka_unit_test(test_final), cmocka_unit_test(test_edges),
        cmocka_unit_test(test_move),   cmocka_unit_test(test_list),  cmocka_unit_test(test_queue),
        cmocka_unit_test(test_tokens),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
