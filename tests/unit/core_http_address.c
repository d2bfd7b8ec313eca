/* Which peers core/http.c refuses when only public ones are allowed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "core/http.h"
#include "core/http_address.h"

static const struct
{
    const char *address;
    bool is_private;
} rows[] = {
    { "0.0.0.0", true },
    { "0.1.2.3", true },
    { "1.1.1.1", false },
    { "8.8.8.8", false },
    { "9.255.255.255", false },
    { "10.0.0.0", true },
    { "10.255.255.255", true },
    { "11.0.0.0", false },
    { "100.63.255.255", false },
    { "100.64.0.0", true },
    { "100.127.255.255", true },
    { "100.128.0.0", false },
    { "126.255.255.255", false },
    { "127.0.0.1", true },
    { "127.255.255.255", true },
    { "128.0.0.0", false },
    { "169.253.255.255", false },
    { "169.254.0.0", true },
    { "169.254.169.254", true },
    { "169.255.0.0", false },
    { "172.15.255.255", false },
    { "172.16.0.0", true },
    { "172.31.255.255", true },
    { "172.32.0.0", false },
    { "191.255.255.255", false },
    { "192.0.0.1", true },
    { "192.0.0.255", true },
    { "192.0.1.0", false },
    { "192.0.2.1", true },
    { "192.0.3.0", false },
    { "192.88.98.255", false },
    { "192.88.99.1", true },
    { "192.88.100.0", false },
    { "192.167.255.255", false },
    { "192.168.0.1", true },
    { "192.169.0.0", false },
    { "198.17.255.255", false },
    { "198.18.0.0", true },
    { "198.19.255.255", true },
    { "198.20.0.0", false },
    { "198.51.99.255", false },
    { "198.51.100.7", true },
    { "198.51.101.0", false },
    { "203.0.112.255", false },
    { "203.0.113.9", true },
    { "203.0.114.0", false },
    { "223.255.255.255", false },
    { "224.0.0.1", true },
    { "239.255.255.255", true },
    { "240.0.0.1", true },
    { "255.255.255.255", true },
    { "::", true },
    { "::1", true },
    { "::2", true },
    { "::7f00:1", true },
    { "::ffff:127.0.0.1", true },
    { "::ffff:10.1.2.3", true },
    { "::ffff:169.254.169.254", true },
    { "::ffff:8.8.8.8", false },
    { "64:ff9b::7f00:1", true },
    { "64:ff9b::a00:1", true },
    { "64:ff9b::808:808", false },
    { "64:ff9b:1::808:808", true },
    { "100::1", true },
    { "2001::1", true },
    { "2001:1ff:ffff::1", true },
    { "2001:200::1", false },
    { "2001:4860:4860::8888", false },
    { "2001:db7:ffff::1", false },
    { "2001:db8::1", true },
    { "2001:db9::1", false },
    { "2002:7f00:1::1", true },
    { "2002:c0a8:101::1", true },
    { "2002:808:808::1", false },
    { "2003::1", false },
    { "2606:4700::1111", false },
    { "3fff::1", true },
    { "5f00::1", true },
    { "fbff::1", false },
    { "fc00::1", true },
    { "fdff:ffff::1", true },
    { "fe00::1", false },
    { "fe80::1", true },
    { "febf::1", true },
    { "fec0::1", true },
    { "ff02::1", true },
};

/* Fill a sockaddr; returns its length. */
static size_t
make_address(const char *text, struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(443) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
    {
        memcpy(ret, &v4, sizeof(v4));
        return sizeof(v4);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    memcpy(ret, &v6, sizeof(v6));
    return sizeof(v6);
}

static void
test_table(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct sockaddr_storage address;
        size_t len = make_address(rows[i].address, &address);

        if (http_address_is_private(&address, len) != rows[i].is_private ||
            http_address_text_allowed(rows[i].address, NULL) == rows[i].is_private)
        {
            fail_msg("%s", rows[i].address);
        }
    }
}

static void
test_other_families(void **state)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/tmp/x" };
    struct sockaddr_storage address;
    size_t len = make_address("8.8.8.8", &address);

    (void) state;
    assert_true(http_address_is_private(&local, sizeof(local)));
    assert_true(http_address_is_private(&address, len - 1));
    assert_true(http_address_is_private(&address, 1));
    assert_true(http_address_is_private(&address, 0));
}

static bool
in_list(const char *text, const char *list)
{
    struct sockaddr_storage address;
    size_t len = make_address(text, &address);

    return http_address_in_list(&address, len, list);
}

static void
test_list(void **state)
{
    (void) state;
    assert_false(in_list("127.0.0.1", NULL));
    assert_false(in_list("127.0.0.1", ""));
    assert_true(in_list("127.0.0.1", "127.0.0.1"));
    assert_true(in_list("127.0.0.1", "10.0.0.0/8, 127.0.0.0/8"));
    assert_true(in_list("10.9.8.7", " 10.0.0.0/8 ,127.0.0.0/8"));
    assert_false(in_list("11.0.0.1", "10.0.0.0/8,127.0.0.0/8"));
    assert_true(in_list("11.0.0.1", "0.0.0.0/0"));
    assert_false(in_list("::1", "0.0.0.0/0"));
    assert_true(in_list("::1", "::1/128"));
    assert_true(in_list("fd00::9", "127.0.0.1,fd00::/8"));
    assert_false(in_list("127.0.0.1", "127.0.0.0/33"));
    assert_false(in_list("127.0.0.1", "127.0.0.0/-1"));
    assert_false(in_list("127.0.0.1", "127.0.0.0/"));
    assert_false(in_list("127.0.0.1", "127.0.0.0/8x"));
    assert_false(in_list("127.0.0.1", "localhost"));
    assert_false(in_list("127.0.0.1", ",,,"));
    assert_true(in_list("192.168.1.129", "192.168.1.128/25"));
    assert_false(in_list("192.168.1.127", "192.168.1.128/25"));
}

static void
test_text(void **state)
{
    (void) state;
    assert_true(http_address_text_allowed("127.0.0.1", "127.0.0.0/8"));
    assert_true(http_address_text_allowed("8.8.8.8", "127.0.0.0/8"));
    assert_false(http_address_text_allowed("fe80::1%eth0", NULL));
    assert_false(http_address_text_allowed("", NULL));
    assert_false(http_address_text_allowed("example.org", "0.0.0.0/0"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_text),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
