/* delivery/rule.c and country.c: for whom a route is, and in which order its accounts are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "delivery/country.h"
#include "delivery/rule.h"
#include "providers/provider.h"

static struct rules rules;
static struct delivery delivery;

static int
set_up(void **state)
{
    (void) state;
    memset(&delivery, 0, sizeof(delivery));
    delivery.arena = arena_create();
    delivery.recipient = "user-42";
    delivery.channel = CHANNEL_SMS;
    delivery.locale = "";
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    rules_finish(&rules);
    arena_destroy(delivery.arena);
    return 0;
}

static void
add(struct rule_row row)
{
    row.channel = row.channel == NULL ? "sms" : row.channel;
    row.providers = row.providers == NULL ? "[\"a\", \"b\"]" : row.providers;
    assert_true(rules_add(&rules, &row));
}

static void
assert_match(const char *name)
{
    const struct rule *rule = rules_match(&rules, &delivery);

    assert_string_equal(rule == NULL ? "none" : rule_name(rule), name);
}

static void
test_country(void **state)
{
    static const struct
    {
        struct country_hints hints;
        const char *wanted;
    } cases[] = {
        { { "cn", "DE", "+15005550006", "fr-FR" }, "CN" },
        { { "china", "DE", NULL, NULL }, "DE" },
        { { "", "us-CA", NULL, NULL }, "US" },
        { { NULL, NULL, "+8613800138000", "en-US" }, "CN" },
        { { NULL, NULL, "+15005550006", NULL }, "US" },
        { { NULL, NULL, "+12045550006", NULL }, "CA" },
        { { NULL, NULL, "+77015550006", NULL }, "KZ" },
        { { NULL, NULL, "+79015550006", NULL }, "RU" },
        { { NULL, NULL, "+85255550006", NULL }, "HK" },
        { { NULL, NULL, "+262639123456", NULL }, "YT" },
        { { NULL, NULL, "+88312345678", "de-AT" }, "AT" },
        { { NULL, NULL, "86138", NULL }, "" },
        { { NULL, NULL, NULL, "zh-CN" }, "CN" },
        { { NULL, NULL, NULL, "zh-Hans-CN" }, "CN" },
        { { NULL, NULL, NULL, "de-at-1996" }, "AT" },
        { { NULL, NULL, NULL, "zh-Hans" }, "" },
        { { NULL, NULL, NULL, "es-419" }, "" },
        { { NULL, NULL, NULL, "zh" }, "" },
        { { NULL, NULL, NULL, "" }, "" },
        { { NULL, NULL, NULL, "i-CN" }, "" },
        { { NULL, NULL, NULL, NULL }, "" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        char country[COUNTRY_SIZE];

        assert_int_equal(country_find(&cases[i].hints, country), cases[i].wanted[0] != '\0');
        assert_string_equal(country, cases[i].wanted);
    }
}

static void
test_first_match_decides(void **state)
{
    (void) state;
    assert_match("none");
    add((struct rule_row){ .name = "mail", .channel = "email" });
    assert_match("none");
    add((struct rule_row){ .name = "orders", .categories = "[\"orders\", \"returns\"]" });
    add((struct rule_row){ .name = "all" });
    add((struct rule_row){ .name = "later" });
    assert_match("all");
    delivery.category = "returns";
    assert_match("orders");
    delivery.category = "news";
    assert_match("all");
}

static void
test_where(void **state)
{
    (void) state;
    add((struct rule_row){ .name = "china", .countries = "[\"CN\"]" });
    assert_match("none");
    delivery.address = "+8613800138000";
    assert_match("china");
    delivery.attributes = "{\"country\": \"DE\"}";
    assert_match("none");
    delivery.attributes = "{\"country\": 86}";
    assert_match("china");
    delivery.channel = CHANNEL_EMAIL;
    add((struct rule_row){ .name = "mail", .channel = "email", .countries = "[\"CN\"]" });
    delivery.address = "a@example.cn";
    assert_match("none");
    delivery.locale = "zh-CN";
    assert_match("mail");
    delivery.region = "AT";
    assert_match("none");
}

static void
test_device_kind(void **state)
{
    (void) state;
    add((struct rule_row){ .name = "phones", .device_kinds = "[\"android\"]" });
    assert_match("none");
    delivery.device_kind = "ios";
    assert_match("none");
    delivery.device_kind = "android";
    assert_match("phones");
}

static void
test_attributes(void **state)
{
    static const struct
    {
        const char *attributes;
        bool matches;
    } cases[] = {
        { NULL, false },
        { "{}", false },
        { "{\"plan\": \"pro\", \"seats\": 5}", true },
        { "{\"plan\": \"team\", \"seats\": 5, \"x\": [1]}", true },
        { "{\"plan\": \"pro\"}", false },
        { "{\"plan\": \"pro\", \"seats\": \"5\"}", false },
        { "{\"plan\": \"pro\", \"seats\": 5.0}", false },
        { "{\"plan\": null, \"seats\": 5}", false },
        { "{\"plan\": {\"pro\": 1}, \"seats\": 5}", false },
        { "{\"plan\": true, \"seats\": 5}", true },
        { "{\"plan\": \"\u65e5\", \"seats\": 5}", true },
    };

    (void) state;
    add((struct rule_row){ .name = "r",
                           .attributes = "{\"plan\": [\"pro\", \"team\", true, \"日\"],"
                                         " \"seats\": [5]}" });
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        delivery.attributes = cases[i].attributes;
        assert_match(cases[i].matches ? "r" : "none");
    }
}

/* The same numbers as herald.bucket(), see tests/pgtap/ids.sql. */
static void
test_bucket(void **state)
{
    (void) state;
    assert_int_equal(rule_bucket("", NULL), 2342);
    assert_int_equal(rule_bucket("user-42", NULL), 3725);
    assert_int_equal(rule_bucket("한글", NULL), 3203);
    assert_int_equal(rule_bucket("a", "user-42"), rule_bucket("a user-42", NULL));
}

static void
test_order(void **state)
{
    const struct rule *rule;
    int first[3] = { 0, 0, 0 };

    (void) state;
    add((struct rule_row){ .name = "ordered" });
    rule = rules_match(&rules, &delivery);
    assert_true(rule_place(rule, "a", "x") < rule_place(rule, "b", "x"));
    assert_int_equal(rule_place(rule, "c", "x"), -1);

    rules_finish(&rules);
    add((struct rule_row){
        .name = "shared", .providers = "[\"a\", \"b\", \"c\"]", .weights = "[80, 0, 20]" });
    rule = rules_match(&rules, &delivery);
    for (int i = 0; i < 10000; i++)
    {
        char who[16];
        int a;
        int b;
        int c;

        snprintf(who, sizeof(who), "r%d", i);
        a = rule_place(rule, "a", who);
        b = rule_place(rule, "b", who);
        c = rule_place(rule, "c", who);
        assert_true(a < b); /* the others follow in order */
        first[a < c ? 0 : 2]++;
        assert_int_equal(a, rule_place(rule, "a", who));
    }
    assert_in_range(first[0], 7850, 8150);
    assert_int_equal(first[0] + first[2], 10000);
}

static void
test_nonsense(void **state)
{
    static const struct rule_row rows[] = {
        { .name = "r", .channel = "pigeon", .providers = "[\"a\"]" },
        { .name = "r", .channel = "sms", .providers = "[]" },
        { .name = "r", .channel = "sms", .providers = "[1]" },
        { .name = "r", .channel = "sms", .providers = "[\"a\"]", .countries = "{}" },
        { .name = "r", .channel = "sms", .providers = "[\"a\"]", .categories = "[1]" },
        { .name = "r", .channel = "sms", .providers = "[\"a\"]", .attributes = "[]" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        assert_false(rules_add(&rules, &rows[i]));
    }
    assert_match("none");
}

/* SQL takes an account's kind for the issuer whose tokens it serves. */
static void
test_issuers(void **state)
{
    (void) state;
    for (size_t i = 0; provider_registry[i] != NULL; i++)
    {
        const struct provider *provider = provider_registry[i];

        assert_true(provider->issuer == NULL || strcmp(provider->issuer, provider->kind) == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_country, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_match_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_device_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bucket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_issuers, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
