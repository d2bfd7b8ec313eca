/* providers/settings.c: building, reading and checking the settings of an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "providers/provider.h"

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
test_get(void **state)
{
    struct settings *settings = settings_create(*state);
    char value[] = "first";

    assert_null(settings_get(settings, "a"));
    settings_set(settings, "a", value);
    value[0] = 'x';
    assert_string_equal(settings_get(settings, "a"), "first");
    settings_set(settings, "b", "other");
    settings_set_secret(settings, "a", "last");
    assert_string_equal(settings_get(settings, "a"), "last");
    assert_string_equal(settings_get(settings, "b"), "other");
}

static void
test_typed_get(void **state)
{
    static const char *const no_integers[] = { "",   "-",  "1.5",  "1e3",
                                               " 1", "1 ", "0x10", "1234567890123456789" };
    struct settings *settings = settings_create(*state);

    assert_int_equal(settings_get_int(settings, "n", 7), 7);
    settings_set(settings, "n", "-12");
    assert_int_equal(settings_get_int(settings, "n", 7), -12);
    settings_set(settings, "n", "123456789012345678");
    assert_int_equal(settings_get_int(settings, "n", 7), 123456789012345678);
    for (size_t i = 0; i < sizeof(no_integers) / sizeof(no_integers[0]); i++)
    {
        settings_set(settings, "n", no_integers[i]);
        assert_int_equal(settings_get_int(settings, "n", 7), 7);
    }
    assert_true(settings_get_bool(settings, "b", true));
    settings_set(settings, "b", "false");
    assert_false(settings_get_bool(settings, "b", true));
    settings_set(settings, "b", "true");
    assert_true(settings_get_bool(settings, "b", false));
    settings_set(settings, "b", "TRUE");
    assert_false(settings_get_bool(settings, "b", false));
}

static bool
is_not_b(const char *key, const char *value, void *user)
{
    int *visits = user;

    assert_string_equal(value, key[0] == 'a' ? "1" : "2");
    ++*visits;
    return key[0] != 'b';
}

static void
test_map(void **state)
{
    struct settings *settings = settings_create(*state);
    json *texts = json_parse("{\"a\":\"1\",\"b\":\"2\"}", 17, NULL);
    json *numbers = json_parse("{\"a\":\"1\",\"b\":2}", 15, NULL);
    json *none = json_new_object();
    int visits = 0;

    assert_true(settings_set_map(settings, "m", texts));
    assert_string_equal(settings_get(settings, "m"), "{\"a\":\"1\",\"b\":\"2\"}");
    assert_string_equal(settings_get_member(settings, "m", "b"), "2");
    assert_null(settings_get_member(settings, "m", "c"));
    assert_null(settings_get_member(settings, "n", "a"));
    assert_false(settings_each_member(settings, "m", is_not_b, &visits));
    assert_in_range(visits, 1, 2);
    assert_false(settings_set_map(settings, "m", numbers));
    assert_string_equal(settings_get_member(settings, "m", "b"), "2");
    assert_true(settings_set_map(settings, "m", none));
    assert_true(settings_each_member(settings, "m", is_not_b, &visits));
    settings_set(settings, "m", "text");
    assert_null(settings_get_member(settings, "m", "a"));
    json_destroy(texts);
    json_destroy(numbers);
    json_destroy(none);
}

/* An account that every check passes. */
static struct settings *
sendgrid_settings(struct arena *arena)
{
    struct settings *settings = settings_create(arena);

    settings_set_secret(settings, "api_key", "SG.key");
    settings_set(settings, "from", "n@example.org");
    return settings;
}

static void
assert_refused(struct arena *arena, const struct settings *settings, const char *code,
               const char *text)
{
    struct provider_error error = { 0 };

    assert_false(provider_check_settings(provider_find("sendgrid"), settings, arena, &error));
    assert_int_equal(error.class, OUTCOME_CONFIG);
    assert_string_equal(error.code, code);
    assert_non_null(strstr(error.reason, text));
}

static void
test_accepted(void **state)
{
    struct settings *settings = sendgrid_settings(*state);
    struct provider_error error;

    assert_true(provider_check_settings(provider_find("sendgrid"), settings, *state, &error));
    settings_set(settings, "endpoint", "https://127.0.0.1:8443");
    settings_set(settings, "ca_file", "/etc/ca.pem");
    settings_set(settings, "allow_http", "false");
    settings_set(settings, "connect_timeout_ms", "1000");
    settings_set(settings, "timeout_ms", "1000");
    assert_true(provider_check_settings(provider_find("sendgrid"), settings, *state, &error));
}

static void
test_nearest_name(void **state)
{
    static const char *const names[][2] = {
        { "apikey", "did you mean \"api_key\"?" },
        { "fromname", "did you mean \"from_name\"?" },
        { "ca-file", "did you mean \"ca_file\"?" },
        { "timeout", "did you mean \"timeout_ms\"?" },
        { "completely_else", "sendgrid has no setting \"completely_else\"" },
        { "x", "sendgrid has no setting \"x\"" },
    };
    struct settings *settings;
    char name[80];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        settings = sendgrid_settings(*state);
        settings_set(settings, names[i][0], "v");
        assert_refused(*state, settings, "unknown_setting", names[i][1]);
    }
    settings = sendgrid_settings(*state);
    memset(name, 'n', sizeof(name));
    name[63] = '\0';
    settings_set(settings, name, "v");
    assert_refused(*state, settings, "unknown_setting", "nnn");
    name[63] = 'n';
    name[64] = '\0';
    settings = sendgrid_settings(*state);
    settings_set(settings, name, "v");
    assert_refused(*state, settings, "unknown_setting", "63 bytes");
}

static void
test_secrets_are_told_apart(void **state)
{
    struct settings *settings = sendgrid_settings(*state);
    struct provider_error error = { 0 };

    settings_set(settings, "api_key", "SG.key");
    assert_refused(*state, settings, "secret_as_setting", "env:NAME");
    settings = sendgrid_settings(*state);
    settings_set_secret(settings, "from", "n@example.org");
    assert_refused(*state, settings, "setting_as_secret", "from");
    settings = sendgrid_settings(*state);
    settings_set_secret(settings, "ca_file", "/etc/ca.pem");
    assert_refused(*state, settings, "setting_as_secret", "ca_file");

    /* No refusal repeats the value of a secret. */
    settings = sendgrid_settings(*state);
    settings_set_secret(settings, "api_key", "SG.\nkey");
    assert_false(provider_check_settings(provider_find("sendgrid"), settings, *state, &error));
    assert_null(strstr(error.reason, "SG."));
}

static void
test_every_table_is_sound(void **state)
{
    (void) state;
    for (size_t i = 0; provider_registry[i] != NULL; i++)
    {
        const struct provider *provider = provider_registry[i];

        assert_ptr_equal(provider_find(provider->kind), provider);
        assert_non_null(provider->doc);
        assert_non_null(provider->build);
        assert_non_null(provider->classify);
        assert_in_range(provider->total_timeout_ms, 1000, 300000);
        assert_true(i == 0 || strcmp(provider_registry[i - 1]->kind, provider->kind) < 0);
        for (const struct provider_setting *s = provider->settings; s->name != NULL; s++)
        {
            assert_non_null(s->doc);
            assert_in_range(strlen(s->name), 1, 63);
            for (const struct provider_setting *c = provider_common_settings; c->name; c++)
            {
                assert_string_not_equal(s->name, c->name);
            }
        }
    }
    assert_null(provider_find("nobody"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_typed_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nearest_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_secrets_are_told_apart, setup, teardown),
        cmocka_unit_test(test_every_table_is_sound),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
