/* delivery/route.c: which account, which token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "delivery/route.h"
#include "delivery/tries.h"

static struct arena *arena;
static struct accounts accounts;
static struct delivery delivery;

static const struct provider apple = { .kind = "apns", .channel = CHANNEL_PUSH, .issuer = "apns" };
static const struct provider google = { .kind = "fcm", .channel = CHANNEL_PUSH, .issuer = "fcm" };
static const struct provider relay = { .kind = "smtp", .channel = CHANNEL_EMAIL };

static int
set_up(void **state)
{
    (void) state;
    arena = arena_create();
    accounts = (struct accounts){ .first = NULL };
    memset(&delivery, 0, sizeof(delivery));
    delivery.recipient = "user-42";
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    arena_destroy(arena);
    return 0;
}

static struct account *
add_account(const char *name, const struct provider *provider, int rank)
{
    struct account *account = arena_alloc(arena, sizeof(*account));

    account->name = name;
    account->provider = provider;
    account->rank = rank;
    account->settings = settings_create(arena);
    breaker_init(&account->breaker, 10);
    account->next = accounts.first;
    accounts.first = account;
    return account;
}

static void
add_token(const char *id, const char *issuer)
{
    delivery.channel = CHANNEL_PUSH;
    delivery.device = true;
    delivery.tokens[delivery.token_count++] =
        (struct delivery_token){ .id = id, .issuer = issuer, .address = id };
}

static void
pause_account(struct account *account)
{
    account->breaker.reason = BREAKER_CONFIG;
    account->breaker.until_ms = 30000;
}

static void
test_lowest_rank(void **state)
{
    struct route route;
    struct account *first = add_account("first", &relay, 10);
    struct account *second = add_account("second", &relay, 20);

    (void) state;
    delivery.channel = CHANNEL_EMAIL;
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, first);
    assert_null(route.token);
    pause_account(first);
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, second);
    pause_account(second);
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 1000, &route), ROUTE_PAUSED);
    assert_int_equal(route.pause_ms, 29000);
    /* The pause is over: a probe may go out. */
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 30000, &route), ROUTE_FOUND);
}

static void
test_equal_rank(void **state)
{
    static const char *const people[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                          "k", "l", "m", "n", "o", "p", "q", "r", "s", "t" };
    struct account *first = add_account("first", &relay, 10);
    int to_first = 0;
    struct account *second = add_account("second", &relay, 10);

    (void) state;
    delivery.channel = CHANNEL_EMAIL;
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++)
    {
        struct route once;
        struct route again;

        delivery.recipient = people[i];
        route_choose(&accounts, NULL, &delivery, 0, &once);
        route_choose(&accounts, NULL, &delivery, 0, &again);
        assert_ptr_equal(once.account, again.account);
        to_first += once.account == first ? 1 : 0;

        /* The order has nothing to do with the place in the list. */
        first->next = NULL;
        second->next = first;
        accounts.first = second;
        route_choose(&accounts, NULL, &delivery, 0, &again);
        assert_ptr_equal(once.account, again.account);
        second->next = NULL;
        first->next = second;
        accounts.first = first;
    }
    assert_in_range(to_first, 5, 15);
}

static void
test_issuer(void **state)
{
    struct route route;
    struct account *android = add_account("google", &google, 10);

    (void) state;
    add_account("relay", &relay, 1);
    add_token("t1", "apns");
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_NONE);
    add_token("t2", "fcm");
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, android);
    assert_string_equal(route.token->id, "t2");
}

static void
test_newest_token_first(void **state)
{
    struct route route;

    (void) state;
    add_account("google", &google, 10);
    add_token("new", "fcm");
    add_token("old", "fcm");
    route_choose(&accounts, NULL, &delivery, 0, &route);
    assert_string_equal(route.token->id, "new");
    delivery.tokens[0].suspect = true;
    route_choose(&accounts, NULL, &delivery, 0, &route);
    assert_string_equal(route.token->id, "old");
    delivery.tokens[1].suspect = true;
    route_choose(&accounts, NULL, &delivery, 0, &route);
    assert_string_equal(route.token->id, "new");
}

static void
test_app(void **state)
{
    struct route route;
    struct account *shop = add_account("shop", &apple, 10);
    struct account *game = add_account("game", &apple, 5);

    (void) state;
    settings_set(shop->settings, "app", "org.example.shop");
    settings_set(game->settings, "app", "org.example.game");
    add_token("t", "apns");
    delivery.tokens[0].app = "org.example.shop";
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, shop);
    delivery.tokens[0].app = "org.example.other";
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_NONE);
}

static void
test_other(void **state)
{
    (void) state;
    add_account("google", &google, 10);
    add_token("a", "fcm");
    assert_false(route_has_other(&accounts, NULL, &delivery, &delivery.tokens[0], true));
    add_token("b", "apns"); /* nobody serves it */
    assert_false(route_has_other(&accounts, NULL, &delivery, &delivery.tokens[0], true));
    add_token("c", "fcm");
    assert_true(route_has_other(&accounts, NULL, &delivery, &delivery.tokens[0], false));
    delivery.tokens[2].suspect = true;
    assert_false(route_has_other(&accounts, NULL, &delivery, &delivery.tokens[0], false));
    assert_true(route_has_other(&accounts, NULL, &delivery, &delivery.tokens[0], true));
}

static void
test_rule(void **state)
{
    static const struct rule_row row = { .name = "r",
                                         .channel = "email",
                                         .providers = "[\"c\", \"a\"]" };
    struct rules rules = { NULL, NULL };
    struct route route;
    struct account *a = add_account("a", &relay, 1);
    struct account *b = add_account("b", &relay, 2);
    struct account *c = add_account("c", &relay, 3);

    (void) state;
    delivery.channel = CHANNEL_EMAIL;
    assert_true(rules_add(&rules, &row));
    assert_int_equal(route_choose(&accounts, rules.first, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, c);
    pause_account(c);
    assert_int_equal(route_choose(&accounts, rules.first, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, a);
    pause_account(a);
    assert_int_equal(route_choose(&accounts, rules.first, &delivery, 0, &route), ROUTE_PAUSED);
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, b);
    rules_finish(&rules);
}

/* What was tried in this claim is not tried again. */
static void
test_tried(void **state)
{
    struct route route;
    struct account *first = add_account("first", &relay, 1);
    struct account *second = add_account("second", &relay, 2);

    (void) state;
    delivery.channel = CHANNEL_EMAIL;
    delivery.arena = arena;
    delivery.account = first;
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, second);
    delivery.result.provider = "first";
    tries_add(&delivery);
    delivery.account = NULL;
    route_choose(&accounts, NULL, &delivery, 0, &route);
    assert_ptr_equal(route.account, second);
    delivery.result.provider = "second";
    tries_add(&delivery);
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 0, &route), ROUTE_NONE);
    assert_string_equal(
        tries_print(&delivery),
        "[{\"class\":\"accepted\",\"provider\":\"first\",\"started_us\":0,\"latency_us\":0},"
        "{\"class\":\"accepted\",\"provider\":\"second\",\"started_us\":0,\"latency_us\":0}]");
}

/* An operator's pause, and the request on which hangs whether an account is used again. */
static void
test_pause_and_probe(void **state)
{
    struct route route;
    struct account *first = add_account("first", &relay, 1);
    struct account *second = add_account("second", &relay, 2);

    (void) state;
    delivery.channel = CHANNEL_EMAIL;
    first->paused_until_ms = 5000;
    route_choose(&accounts, NULL, &delivery, 4999, &route);
    assert_ptr_equal(route.account, second);
    route_choose(&accounts, NULL, &delivery, 5000, &route);
    assert_ptr_equal(route.account, first);
    first->paused_until_ms = INT64_MAX;
    assert_int_equal(account_pause_ms(first, 1000), 30000);
    first->paused_until_ms = 0;

    pause_account(first);
    route_choose(&accounts, NULL, &delivery, 30000, &route);
    assert_ptr_equal(route.account, first);
    assert_false(route.waits);
    first->in_flight = 1;
    route_choose(&accounts, NULL, &delivery, 30000, &route);
    assert_ptr_equal(route.account, second);
    pause_account(second);
    second->in_flight = 1;
    assert_int_equal(route_choose(&accounts, NULL, &delivery, 30000, &route), ROUTE_FOUND);
    assert_ptr_equal(route.account, first);
    assert_true(route.waits);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lowest_rank, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_rank, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_issuer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newest_token_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_app, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pause_and_probe, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
