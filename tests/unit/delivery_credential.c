/* delivery/credential.c: tokens that are signed, not exchanged, by account and by audience. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "delivery/credential.h"
#include "sandbox/tls.h"

#define AUDIENCES 64

static struct arena *arena;
static struct credential_source source;
static struct account *account;
static char *key;
static int plans;

static const struct provider_setting no_settings[] = { { .name = NULL } };

/* An address is its own audience; "" has none. */
static const char *
audience_of(const char *address, struct arena *given)
{
    (void) given;
    return *address != '\0' ? address : NULL;
}

static bool
plan_credential(const struct settings *settings, const char *audience, int64_t now_s,
                struct arena *given, struct credential_plan *ret, struct provider_error *reterr)
{
    (void) settings;
    (void) now_s;
    (void) reterr;
    *ret = (struct credential_plan){
        .algorithm = JWT_ES256,
        .header_json = "{}",
        .claims_json = arena_printf(given, "{\"aud\":\"%s\",\"number\":%d}",
                                    audience != NULL ? audience : "all", ++plans),
        .key_pem = key,
        .valid_s = 3600,
    };
    return true;
}

static const struct provider for_all = { .settings = no_settings, .credential = plan_credential };
static const struct provider by_audience = { .settings = no_settings,
                                             .audience = audience_of,
                                             .credential = plan_credential };

static void
start(const struct provider *provider)
{
    arena = arena_create();
    key = tls_new_ec_key(arena);
    plans = 0;
    source.loop = loop_create();
    account = mem_alloc(sizeof(*account));
    account->arena = arena_create();
    account->references = 1;
    account->provider = provider;
}

static void
finish(void)
{
    account_release(account);
    loop_destroy(source.loop);
    arena_destroy(arena);
}

/* The credential of a delivery to the address. */
static const char *
get(const char *address)
{
    struct delivery *delivery = delivery_create();
    struct provider_error error;
    const char *token;

    delivery->account = account;
    delivery->address = arena_strdup(delivery->arena, address);
    delivery->credential = "left over";
    assert_int_equal(credential_get(&source, delivery, &error), CREDENTIAL_READY);
    token = arena_strdup(arena, delivery->credential);
    delivery_destroy(delivery);
    return token;
}

static const char *
audience(size_t number)
{
    return arena_printf(arena, "https://%zu.example.org", number);
}

static void
test_account(void **state)
{
    (void) state;
    start(&for_all);
    assert_string_equal(get("a"), get("b"));
    assert_int_equal(plans, 1);
    finish();
}

static void
test_audience(void **state)
{
    const char *first;

    (void) state;
    start(&by_audience);
    first = get("a");
    assert_string_not_equal(get("b"), first);
    assert_string_equal(get("a"), first);
    assert_int_equal(plans, 2);
    assert_null(get(""));
    assert_int_equal(plans, 2);
    finish();
}

static void
test_refuse(void **state)
{
    const char *first;
    const char *second;

    (void) state;
    start(&by_audience);
    first = get("a");
    second = get("b");
    credential_refuse(account, NULL);
    credential_refuse(account, first);
    assert_string_equal(get("b"), second);
    assert_string_not_equal(get("a"), first);
    assert_int_equal(plans, 3);
    finish();
}

/* The one that was not used for longest makes room. */
static void
test_many(void **state)
{
    const char *first;

    (void) state;
    start(&by_audience);
    first = get(audience(0));
    for (size_t i = 1; i < AUDIENCES; i++)
    {
        get(audience(i));
    }
    assert_string_equal(get(audience(0)), first);
    assert_int_equal(plans, AUDIENCES);
    get("another");
    assert_string_equal(get(audience(0)), first);
    get(audience(2));
    assert_int_equal(plans, AUDIENCES + 1);
    get(audience(1));
    assert_int_equal(plans, AUDIENCES + 2);
    finish();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_audience),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_many),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
