/* The SES double: every rule has a request that breaks it; signatures come from elsewhere. */
#include "unit/sandbox_helper.h"

#define RAW_MAIL                                                                                   \
    "From: n@example.org\r\nTo: a@example.org\r\nSubject: Order shipped\r\nDate: Thu, 01 Jan "     \
    "2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\n\r\nx\r\n"

/* The message whose signature by the official SDK is known. */
#define KNOWN                                                                                      \
    "{\"FromEmailAddress\":\"f@example.org\",\"Destination\":{\"ToAddresses\":"                    \
    "[\"a@example.org\"]},\"Content\":{\"Simple\":{\"Subject\":{\"Data\":\"s\",\"Charset\":"       \
    "\"UTF-8\"},\"Body\":{\"Text\":{\"Data\":\"t\",\"Charset\":\"UTF-8\"}}}}}"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TOKEN "AQoDYXdzEPT//wEXAMPLE=="
#define SCOPE "20260101/eu-west-1/ses/aws4_request"
#define ALL "content-type;host;x-amz-date"

static const char *
raw_request(const char *mail)
{
    return arena_printf(arena,
                        "{\"Destination\":{\"ToAddresses\":[\"a@example.org\"]},\"Content\":{\"Raw"
                        "\":{\"Data\":\"%s\"}},\"EmailTags\":[{\"Name\":\"nid\",\"Value\":"
                        "\"8731\"}]}",
                        crypto_base64(arena, mail, strlen(mail)));
}

/* Sign what is there, step by step as the documentation has it. */
static const char *
signature(const char *date, const char *scope, const char *names, bool token)
{
    const char *fields[] = { "20260101", "eu-west-1", "ses", "aws4_request", NULL };
    const char *secret = "AWS4" SECRET_KEY;
    uint8_t key[32];
    uint8_t digest[32];
    struct buf text;
    const char *ret;

    buf_init(&text, 100000);
    crypto_sha256(request.body, request.body_len, digest);
    buf_printf(&text, "POST\n%s\n\ncontent-type:application/json\nhost:%s\nx-amz-date:%s\n%s\n%s\n",
               request.path, request.authority, date,
               token ? "x-amz-security-token:" TOKEN "\n" : "", names);
    for (int i = 0; i < 32; i++)
    {
        buf_printf(&text, "%02x", digest[i]);
    }
    crypto_sha256(text.data, text.len, digest);
    buf_reset(&text);
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n", date, scope);
    for (int i = 0; i < 32; i++)
    {
        buf_printf(&text, "%02x", digest[i]);
    }
    fields[4] = text.data;
    crypto_hmac_sha256(secret, strlen(secret), fields[0], strlen(fields[0]), key);
    for (int i = 1; i < 5; i++)
    {
        crypto_hmac_sha256(key, sizeof(key), fields[i], strlen(fields[i]), digest);
        memcpy(key, digest, sizeof(key));
    }
    buf_reset(&text);
    for (int i = 0; i < 32; i++)
    {
        buf_printf(&text, "%02x", key[i]);
    }
    ret = arena_strdup(arena, text.data);
    buf_finish(&text);
    return ret;
}

static void
set_signature(const char *key_id, const char *scope, const char *names, const char *value)
{
    set("authorization",
        arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                     key_id, scope, names, value));
}

/* A correct request with this body. */
static void
start(const char *body)
{
    start_request("/v2/email/outbound-emails", body);
    request.authority = "email.eu-west-1.amazonaws.com";
    add("content-type", "application/json");
    add("x-amz-date", "20260101T000000Z");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, ALL, signature("20260101T000000Z", SCOPE, ALL, false));
}

static int
set_up(void **state)
{
    (void) state;
    start_env();
    credentials.secrets = "SES_SECRET_ACCESS_KEY=" SECRET_KEY "\nSES_SESSION_TOKEN=" TOKEN "\n";
    start(raw_request(RAW_MAIL));
    return 0;
}

static void
test_success(void **state)
{
    struct double_reply reply = judge(&double_ses);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.decision, DECISION_ACCEPT);
    assert_non_null(strstr(reply.body, "{\"MessageId\":\""));
    assert_string_equal(reply.address, "a@example.org");
    assert_string_equal(reply.id, "8731");
    double_ses.render(&request, arena, &seen);
    assert_string_equal(seen.subject, "Order shipped");
    assert_string_equal(seen.text, "x\r\n");
    start(KNOWN);
    memset(&seen, 0, sizeof(seen));
    double_ses.render(&request, arena, &seen);
    assert_string_equal(seen.from, "f@example.org");
    assert_string_equal(seen.text, "t");
}

static void
test_known_signature(void **state)
{
    (void) state;
    start(KNOWN);
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, ALL,
                  "ded8bbbfc9245783122b3e9fde5ebea3204f3445e99d53fe562dc7df0448fb43");
    assert_accepted(&double_ses, "vector", 200);
}

static void
test_signature(void **state)
{
    const char *right = signature("20260101T000000Z", SCOPE, ALL, false);

    (void) state;
    set("authorization", NULL);
    assert_refused(&double_ses, "unsigned", 403, "Missing Authentication Token");
    add("authorization", "Bearer x");
    assert_refused(&double_ses, "bearer", 403, "Missing Authentication Token");
    set("authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host");
    assert_refused(&double_ses, "incomplete", 403, "must be there");
    set_signature(SANDBOX_SES_KEY_ID, "20260101/eu-west-1/email/aws4_request", ALL, right);
    assert_refused(&double_ses, "service", 403, "correct service");
    set_signature("AKIAOTHER", SCOPE, ALL, right);
    assert_refused(&double_ses, "key", 403, "security token");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, "content-type;host", right);
    assert_refused(&double_ses, "date is not signed", 403, "must be signed");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, "content-type;x-amz-date", right);
    assert_refused(&double_ses, "host is not signed", 403, "must be signed");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, "host;content-type;x-amz-date", right);
    assert_refused(&double_ses, "order", 403, "in order");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, ALL ";x-other", right);
    assert_refused(&double_ses, "missing header", 403, "must be signed");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, ALL, repeated('0', 64));
    assert_refused(&double_ses, "signature", 403, "does not match");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, ALL, right);
    assert_accepted(&double_ses, "signature", 200);
    request.body = replaced(request.body, "8731", "8732");
    assert_refused(&double_ses, "body", 403, "does not match");
    start(raw_request(RAW_MAIL));
    request.authority = "email.us-east-1.amazonaws.com";
    assert_refused(&double_ses, "host", 403, "does not match");
    start(raw_request(RAW_MAIL));
    set("content-type", "application/json; charset=utf-8");
    assert_refused(&double_ses, "signed header", 403, "does not match");
}

static void
test_clock(void **state)
{
    static const struct
    {
        const char *date;
        const char *part; /* NULL: accepted */
    } rows[] = {
        { "20260101T000500Z", NULL },
        { "20260101T000501Z", "expired" },
        { "20251231T235900Z", "the same as in Credential" },
        { "2026-01-01T00:00:00Z", "ISO-8601" },
        { "20260101T000000Zx", "ISO-8601" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set("x-amz-date", rows[i].date);
        set_signature(SANDBOX_SES_KEY_ID, SCOPE, ALL, signature(rows[i].date, SCOPE, ALL, false));
        if (rows[i].part == NULL)
        {
            assert_accepted(&double_ses, rows[i].date, 200);
        }
        else
        {
            assert_refused(&double_ses, rows[i].date, 403, rows[i].part);
        }
    }
    start(raw_request(RAW_MAIL));
    env.now_us += (int64_t) 301 * 1000000;
    assert_refused(&double_ses, "old", 403, "expired");
}

/* Temporary keys come with their token, permanent ones without. */
static void
test_token(void **state)
{
    static const char names[] = "content-type;host;x-amz-date;x-amz-security-token";
    const char *right;

    (void) state;
    set_signature(SANDBOX_SES_TEMPORARY_ID, SCOPE, ALL,
                  signature("20260101T000000Z", SCOPE, ALL, false));
    assert_refused(&double_ses, "no token", 403, "security token");
    right = signature("20260101T000000Z", SCOPE, names, true);
    add("x-amz-security-token", TOKEN);
    set_signature(SANDBOX_SES_TEMPORARY_ID, SCOPE, names, right);
    assert_accepted(&double_ses, "token", 200);
    set_signature(SANDBOX_SES_TEMPORARY_ID, SCOPE, ALL,
                  signature("20260101T000000Z", SCOPE, ALL, false));
    assert_refused(&double_ses, "token is not signed", 403, "must be signed");
    set_signature(SANDBOX_SES_KEY_ID, SCOPE, names, right);
    assert_refused(&double_ses, "token of another key", 403, "security token");
    set("x-amz-security-token", "other");
    set_signature(SANDBOX_SES_TEMPORARY_ID, SCOPE, names, right);
    assert_refused(&double_ses, "other token", 403, "security token");
}

static void
test_envelope(void **state)
{
    (void) state;
    request.path = "/v2/email/outbound";
    assert_refused(&double_ses, "path", 404, "no such operation");
    start(raw_request(RAW_MAIL));
    request.method = "PUT";
    assert_refused(&double_ses, "PUT", 405, "not POST");
    start(raw_request(RAW_MAIL));
    add("x-amz-date", "20260101T000000Z");
    assert_refused(&double_ses, "duplicate header", 400, "twice");
    start("[");
    assert_refused(&double_ses, "no JSON", 400, "no JSON object");
}

static void
test_fields(void **state)
{
    static const struct
    {
        const char *from;
        const char *to;
        const char *part;
    } rows[] = {
        { "{\"Dest", "{\"Colour\":1,\"Dest", "Colour" },
        { "[\"a@example.org\"]", "\"a@example.org\"", "Destination.ToAddresses" },
        { "[\"a@example.org\"]", "[]", "There must be a recipient" },
        { "a@example.org", "nobody", "Illegal address" },
        { "8731", "87 31", "Invalid email tag" },
        { "nid", "n.id", "Invalid email tag" },
        { "\"Raw\"", "\"Template\":{},\"Raw\"", "one of Simple, Raw and Template" },
        { "\"Raw\"", "\"Simple\":{},\"Raw\"", "one of Simple, Raw and Template" },
        { "\"Data\":\"", "\"Data\":\"?", "not base64" },
        { "\"Data\"", "\"Date\"", "Content.Raw.Date" },
    };
    static const char *const known[][3] = {
        { "\"FromEmailAddress\":\"f@example.org\",", "", "FromEmailAddress is missing" },
        { "\"Data\":\"s\",", "", "Subject is missing" },
        { "\"Data\":\"t\",", "", "Body is missing" },
        { "\"Charset\"", "\"Colour\"", "Colour" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        start(replaced(raw_request(RAW_MAIL), rows[i].from, rows[i].to));
        assert_refused(&double_ses, rows[i].to, 400, rows[i].part);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    {
        start(replaced(KNOWN, known[i][0], known[i][1]));
        assert_refused(&double_ses, known[i][0], 400, known[i][2]);
    }
    start(replaced(KNOWN, "Simple", "Template"));
    assert_refused(&double_ses, "template", 404, "no such template");
}

static void
test_raw_mail(void **state)
{
    const char *long_line = arena_printf(arena, "%s%s\r\n", RAW_MAIL, repeated('x', 999));

    (void) state;
    start(raw_request(long_line));
    assert_refused(&double_ses, "long line", 400, "998");
    start(raw_request(replaced(RAW_MAIL, "\r\n\r\nx", "\n\nx")));
    assert_refused(&double_ses, "line feeds", 400, "CRLF");
    start(raw_request(replaced(RAW_MAIL, "From: ", "X: ")));
    assert_refused(&double_ses, "no sender", 400, "'from'");
    start(raw_request(replaced(RAW_MAIL, "Subject: ", "Subject: x\r\nSubject: ")));
    assert_refused(&double_ses, "two subjects", 400, "'subject'");
}

static void
test_recipients(void **state)
{
    struct buf many;

    (void) state;
    buf_init(&many, 10000);
    for (int i = 0; i < 49; i++)
    {
        buf_printf(&many, "\"a%d@example.org\",", i);
    }
    start(replaced(raw_request(RAW_MAIL), "[\"a@", arena_printf(arena, "[%s\"a@", many.data)));
    assert_accepted(&double_ses, "50 recipients", 200);
    start(replaced(raw_request(RAW_MAIL), "\"a@example.org\"]",
                   arena_printf(arena, "%s\"a@example.org\"],\"CcAddresses\":[\"b@example.org\"]",
                                many.data)));
    assert_refused(&double_ses, "51 recipients", 400, "exceeds 50");
    buf_finish(&many);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_known_signature, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_signature, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_clock, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_token, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_envelope, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_fields, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_raw_mail, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_recipients, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
