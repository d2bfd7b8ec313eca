/* delivery/render.c: parts, variables, escaping, strictness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "delivery/render.h"

struct fixture
{
    struct render_template *template;
    struct delivery *delivery;
};

static struct fixture fixture;

static int
set_up(void **state)
{
    struct delivery *delivery = delivery_create();

    (void) state;
    fixture.template = render_template_create();
    fixture.delivery = delivery;
    delivery->id = "delivery-1";
    delivery->notification = "notification-1";
    delivery->recipient = "user-42";
    delivery->template_name = "shipped";
    delivery->version = 3;
    delivery->locale = "de";
    delivery->data = "{\"n\": 7.50, \"recipient\": \"shadowed\"}";
    delivery->attributes = "{\"id\": \"forged\", \"zip\": \"1010\", \"name\": \"Ann <3\", "
                           "\"locale\": \"forged\", \"a_rather_long_name\": 1}";
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    render_template_destroy(fixture.template);
    delivery_destroy(fixture.delivery);
    return 0;
}

static void
add(const char *part, const char *source)
{
    render_template_add(fixture.template, part, source, strlen(source));
}

static const char *
render(void)
{
    const char *reason = NULL;

    return render_message(fixture.template, fixture.delivery, &reason) ? "" : reason;
}

static const char *
text_of(const char *part)
{
    return message_part(&fixture.delivery->message, part);
}

static void
test_variables(void **state)
{
    (void) state;
    add("text", "{{ n }} {{ recipient.id }} {{ recipient.name }} {{ recipient.locale }} "
                "{{ notification.id }} {{ notification.template }}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("text"), "7.5 user-42 Ann <3 de notification-1 shipped");
}

/* As jsonb keeps them: short names first, so that SQL previews print the same. */
static void
test_member_order(void **state)
{
    (void) state;
    add("text", "{% for pair in recipient %}{{ pair[0] }} {% endfor %}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("text"), "id zip name locale timezone a_rather_long_name ");
}

static void
test_escape(void **state)
{
    (void) state;
    add("html", "<b>{{ recipient.name }}</b>");
    add("subject", "{{ recipient.name }}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("html"), "<b>Ann &lt;3</b>");
    assert_string_equal(text_of("subject"), "Ann <3");
}

static void
test_digest(void **state)
{
    (void) state;
    add("text", "{{ 'abc' | md5 }} {{ 'abc' | sha256 }}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("text"),
                        "900150983cd24fb0d6963f7d28e17f72 "
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
test_header(void **state)
{
    (void) state;
    add("subject", "\nOrder\r\n\t{{ n }}\n");
    add("reply_to", "{{ recipient.id }}@example.org\n");
    add("unsubscribe_url", "https://shop.example/{{ recipient.id }}\n");
    add("headers", "X-A: {{ 'a\nb' }}\nX-B: {{ n }}");
    add("text", "{{ n }}\n");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("headers"), "X-A: a b\nX-B: 7.5");
    assert_string_equal(text_of("subject"), "Order 7.5");
    assert_string_equal(text_of("reply_to"), "user-42@example.org");
    assert_string_equal(text_of("unsubscribe_url"), "https://shop.example/user-42");
    assert_string_equal(text_of("text"), "7.5\n");
}

static void
test_time(void **state)
{
    (void) state;
    fixture.delivery->time_us = INT64_C(1767225600000000); /* 2026-01-01 00:00 UTC */
    fixture.delivery->utc_offset_s = 3600;
    add("text", "{{ \"now\" | date: \"%Y-%m-%d %H:%M\" }}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("text"), "2026-01-01 01:00");
}

/* In a zone of its own and in the recipient's language, as tests/pgtap/render.sql has it. */
static void
test_locale(void **state)
{
    (void) state;
    fixture.delivery->locale = "de-AT";
    add("text", "{{ 1234.5 | money: \"EUR\" }} {{ 0 | date: \"full time\", \"Asia/Seoul\" }}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("text"), "€\u00a01.234,50 Donnerstag, 1. Jänner 1970 um 09:00");
}

static void
test_unknown_zone(void **state)
{
    (void) state;
    add("text", "{{ 0 | date: \"%R\", \"Europe/Atlantis\" }}");
    assert_non_null(strstr(render(), "unknown time zone \"Europe/Atlantis\""));
}

static void
test_undefined(void **state)
{
    const char *reason;

    (void) state;
    add("body", "fine\n  {{ nobody }}");
    reason = render();
    assert_non_null(strstr(reason, "template shipped version 3: part body, line 2, column"));
    assert_non_null(strstr(reason, "nobody"));
}

static void
test_syntax(void **state)
{
    const char *reason;

    (void) state;
    add("text", "{% if %}");
    add("title", "fine");
    reason = render();
    assert_non_null(strstr(reason, "part text, line 1"));
}

static void
test_no_parts(void **state)
{
    (void) state;
    assert_non_null(strstr(render(), "no parts for this channel"));
}

static void
test_bad_data(void **state)
{
    (void) state;
    fixture.delivery->data = "[1]";
    fixture.delivery->attributes = NULL;
    add("text", "{{ recipient.id }}");
    assert_string_equal(render(), "");
    assert_string_equal(text_of("text"), "user-42");
}

static void
test_ceiling(void **state)
{
    (void) state;
    add("text", "{% for i in (1..1000000000) %}{% endfor %}");
    assert_string_not_equal(render(), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_variables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_member_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_escape, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_locale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_undefined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_syntax, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ceiling, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
