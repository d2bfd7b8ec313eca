/* Vonage SMS: POST /sms/json, JSON with Basic or a form with secret or signature, JSON out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define API_KEY "VONAGE_API_KEY"
#define API_SECRET "VONAGE_API_SECRET"
#define SIGNATURE_SECRET "VONAGE_SIGNATURE_SECRET"
#define PATH "/sms/json"
#define DIGITS "0123456789"
#define TEXT_CHARS_MAX 3200
#define REF_CHARS_MAX 40
#define TTL_MIN_MS 20000
#define TTL_MAX_MS 604800000
#define TIMESTAMP_AGE_MAX_S 300

static const struct schema request_schema[] = {
    { "from", SCHEMA_STRING, NULL },           { "to", SCHEMA_STRING, NULL },
    { "text", SCHEMA_STRING, NULL },           { "type", SCHEMA_STRING, NULL },
    { "ttl", SCHEMA_INTEGER, NULL },           { "status-report-req", SCHEMA_BOOLEAN, NULL },
    { "callback", SCHEMA_STRING, NULL },       { "client-ref", SCHEMA_STRING, NULL },
    { "message-class", SCHEMA_INTEGER, NULL }, { "entity-id", SCHEMA_STRING, NULL },
    { "content-id", SCHEMA_STRING, NULL },     { 0 },
};

/* Numbers that go wrong; of the last one only the last part does. */
static const struct
{
    const char *number;
    int status;
    const char *message;
    bool last_part;
} magics[] = {
    { "15005550001", 6, "Unroutable message - rejected", false },
    { "15005550003", 15, "Illegal Sender Address - rejected", false },
    { "15005550004", 7, "Number barred", false },
    { "15005550008", 1, "Throughput Rate Exceeded", false },
    { "15005550005", 5, "Internal Error", true },
};

/* A request in either form, as the texts of a form. */
struct submission
{
    struct form_field *fields;
    size_t count;
};

static const char *
get(const struct submission *submission, const char *name)
{
    return form_get(submission->fields, submission->count, name);
}

/* The answer for a number of parts; status of all of them, or of the last one. */
static void
answer_parts(struct double_reply *reply, struct arena *arena, const char *to, size_t parts,
             int status, const char *message, bool last_part)
{
    struct buf text;

    buf_init(&text, 65536);
    buf_printf(&text, "{\"message-count\":\"%zu\",\"messages\":[", parts);
    for (size_t i = 0; i < parts; i++)
    {
        buf_puts(&text, i > 0 ? ",{\"to\":" : "{\"to\":");
        text_append_json_string(&text, to);
        if (status == 0 || (last_part && i + 1 < parts))
        {
            buf_printf(&text,
                       ",\"message-id\":\"%s\",\"status\":\"0\",\"remaining-balance\":"
                       "\"3.14159265\",\"message-price\":\"0.03330000\",\"network\":\"12345\"}",
                       random_hex(arena, 16));
        }
        else
        {
            buf_printf(&text, ",\"status\":\"%d\",\"error-text\":", status);
            text_append_json_string(&text, message);
            buf_putc(&text, '}');
        }
    }
    buf_puts(&text, "]}");
    reply_body(reply, 200, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

/* Refuse as the provider does, with HTTP status 200. Always false. */
static bool
refuse(struct double_reply *reply, struct arena *arena, int status, const char *message)
{
    answer_parts(reply, arena, reply->address, 1, status, message, false);
    reply->decision = DECISION_REFUSE;
    reply->violation = message;
    return false;
}

static bool
refuse_status(struct double_reply *reply, int status, const char *message)
{
    reply_body(reply, status, "text/plain", message);
    reply->decision = DECISION_REFUSE;
    reply->violation = message;
    return false;
}

struct copy
{
    struct arena *arena;
    struct submission *submission;
};

static bool
copy_member(const char *key, json *value, void *user)
{
    struct copy *copy = user;
    const char *text = json_is_string(value) ? json_string(value) : NULL;

    if (text == NULL)
    {
        text = json_print(copy->arena, value, NULL);
    }
    copy->submission->fields[copy->submission->count++] =
        (struct form_field){ arena_strdup(copy->arena, key), arena_strdup(copy->arena, text),
                             false };
    return true;
}

static bool
count_member(const char *key, json *value, void *user)
{
    (void) key;
    (void) value;
    ++*(size_t *) user;
    return true;
}

static void
flatten(const json *root, struct arena *arena, struct submission *ret)
{
    struct copy copy = { arena, ret };
    size_t count = 0;

    json_each(root, count_member, &count);
    ret->count = 0;
    ret->fields = arena_alloc(arena, (count + 1) * sizeof(*ret->fields));
    json_each(root, copy_member, &copy);
}

/* Read the body in either form, without judging it. */
static void
read_submission(const struct double_request *request, struct arena *arena, struct submission *ret)
{
    json *root;

    if (request_has_type(request, "application/json"))
    {
        root = json_parse(request->body, request->body_len, NULL);
        flatten(root, arena, ret);
        json_destroy(root);
        return;
    }
    ret->fields = form_parse(arena, request->body, request->body_len, &ret->count);
}

static bool
check_basic(const struct double_env *env, const struct double_request *request, struct arena *arena,
            struct double_reply *reply)
{
    const char *value = request_header(request, "authorization");
    const char *plain =
        arena_printf(arena, "%s:%s", credentials_secret(env->credentials, API_KEY, arena),
                     credentials_secret(env->credentials, API_SECRET, arena));

    return (value != NULL && strncasecmp(value, "basic ", 6) == 0 &&
            strcmp(value + 6, crypto_base64(arena, plain, strlen(plain))) == 0) ||
           refuse(reply, arena, 4, "Bad Credentials");
}

static bool
check_json(const struct double_env *env, const struct double_request *request, struct arena *arena,
           struct double_reply *reply)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    struct schema_error error = { NULL, NULL, false };
    bool ok =
        json_is_object(root) && schema_check(request_schema, root, "body", false, arena, &error);

    json_destroy(root);
    if (!ok)
    {
        return refuse(reply, arena, 3,
                      error.field == NULL
                          ? "The body is no JSON object"
                          : arena_printf(arena, "%s: %s", error.field, error.problem));
    }
    return check_basic(env, request, arena, reply);
}

static int
compare_fields(const void *a, const void *b)
{
    return strcmp(((const struct form_field *) a)->name, ((const struct form_field *) b)->name);
}

/* HMAC-SHA256 over the sorted parameters but sig. */
static bool
is_signed(const struct double_env *env, const struct submission *submission, struct arena *arena)
{
    const char *secret = credentials_secret(env->credentials, SIGNATURE_SECRET, arena);
    struct form_field *sorted =
        arena_alloc(arena, (submission->count + 1) * sizeof(struct form_field));
    uint8_t mac[32];
    char digits[65];
    struct buf text;

    memcpy(sorted, submission->fields, submission->count * sizeof(struct form_field));
    qsort(sorted, submission->count, sizeof(struct form_field), compare_fields);
    buf_init(&text, 1024 * 1024);
    for (size_t i = 0; i < submission->count; i++)
    {
        size_t start = text.len;

        if (strcmp(sorted[i].name, "sig") == 0)
        {
            continue;
        }
        buf_printf(&text, "&%s=", sorted[i].name);
        start = text.len;
        buf_puts(&text, sorted[i].value);
        for (size_t k = start; k < text.len; k++)
        {
            text.data[k] = text.data[k] == '&' || text.data[k] == '=' ? '_' : text.data[k];
        }
    }
    crypto_hmac_sha256(secret, strlen(secret), text.data, text.len, mac);
    buf_finish(&text);
    for (size_t i = 0; i < sizeof(mac); i++)
    {
        snprintf(digits + 2 * i, 3, "%02x", mac[i]);
    }
    return strcasecmp(digits, get(submission, "sig")) == 0;
}

/* Does the form know the parameter? Numbers and booleans are texts here. */
static bool
is_parameter(const char *name)
{
    static const char *const own[] = { "api_key", "api_secret", "sig", "timestamp" };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
    {
        if (strcmp(own[i], name) == 0)
        {
            return true;
        }
    }
    for (const struct schema *s = request_schema; s->name != NULL; s++)
    {
        if (strcmp(s->name, name) == 0)
        {
            return true;
        }
    }
    return false;
}

static bool
check_form(const struct double_env *env, const struct submission *submission, struct arena *arena,
           struct double_reply *reply)
{
    const char *key = get(submission, "api_key");
    const char *secret = get(submission, "api_secret");
    const char *signature = get(submission, "sig");
    const char *timestamp = get(submission, "timestamp");

    for (size_t i = 0; i < submission->count; i++)
    {
        const struct form_field *field = &submission->fields[i];

        if (!is_parameter(field->name) || field->malformed ||
            form_get(submission->fields, i, field->name) != NULL)
        {
            return refuse(reply, arena, 3,
                          arena_printf(arena,
                                       "parameter %.64s is unknown, malformed or given twice",
                                       field->name));
        }
    }
    if (secret != NULL && signature != NULL)
    {
        return refuse(reply, arena, 32, "Both api_secret and sig");
    }
    if (key == NULL || strcmp(key, credentials_secret(env->credentials, API_KEY, arena)) != 0 ||
        (signature == NULL &&
         (secret == NULL ||
          strcmp(secret, credentials_secret(env->credentials, API_SECRET, arena)) != 0)))
    {
        return refuse(reply, arena, 4, "Bad Credentials");
    }
    if (signature != NULL &&
        (timestamp == NULL ||
         llabs(strtoll(timestamp, NULL, 10) - env->now_us / 1000000) > TIMESTAMP_AGE_MAX_S ||
         !is_signed(env, submission, arena)))
    {
        return refuse(reply, arena, 14, "Invalid Signature");
    }
    return true;
}

/* ASCII without what GSM 03.38 lacks; stricter than the alphabet, which has some letters more. */
static bool
needs_unicode(const char *text)
{
    static const char *const letters[] = { "ä", "ö", "ü", "Ä", "Ö", "Ü", "ß", "é",
                                           "è", "à", "ñ", "€", "£", "§", "ø", "å" };

    while (*text != '\0')
    {
        size_t len = (unsigned char) *text < 0x80 && *text != '`' && *text != '\t' ? 1 : 0;

        for (size_t i = 0; len == 0 && i < sizeof(letters) / sizeof(letters[0]); i++)
        {
            size_t bytes = strlen(letters[i]);

            len = strncmp(text, letters[i], bytes) == 0 ? bytes : 0;
        }
        if (len == 0)
        {
            return true;
        }
        text += len;
    }
    return false;
}

static bool
check_addresses(const struct submission *submission, struct arena *arena,
                struct double_reply *reply)
{
    const char *to = get(submission, "to");
    const char *from = get(submission, "from");

    if (to == NULL || from == NULL || from[0] == '\0')
    {
        return refuse(reply, arena, 2, to == NULL ? "Missing to param" : "Missing from param");
    }
    if (strspn(to, DIGITS) != strlen(to) || strlen(to) < 7 || strlen(to) > 15)
    {
        return refuse(reply, arena, 3, "Invalid value for param: to");
    }
    if (strspn(from, DIGITS) == strlen(from)
            ? strlen(from) > 15
            : from[0] == '+' || text_length(from, strlen(from)) > 11)
    {
        return refuse(reply, arena, 15, "Illegal Sender Address - rejected");
    }
    return true;
}

static bool
check_content(const struct submission *submission, struct arena *arena, struct double_reply *reply)
{
    const char *text = get(submission, "text");
    const char *type = get(submission, "type");
    const char *ttl = get(submission, "ttl");
    const char *reference = get(submission, "client-ref");
    const char *callback = get(submission, "callback");

    if (text == NULL || text[0] == '\0')
    {
        return refuse(reply, arena, 2, "Missing text param");
    }
    if (text_length(text, strlen(text)) > TEXT_CHARS_MAX)
    {
        return refuse(reply, arena, 12, "Message too long");
    }
    if (type != NULL && strcmp(type, "text") != 0 && strcmp(type, "unicode") != 0)
    {
        return refuse(reply, arena, 3, "Invalid value for param: type");
    }
    if (needs_unicode(text) && (type == NULL || strcmp(type, "unicode") != 0))
    {
        return refuse(reply, arena, 3, "text would be damaged: type is not unicode");
    }
    if (ttl != NULL && (strspn(ttl, DIGITS) != strlen(ttl) || strtoll(ttl, NULL, 10) < TTL_MIN_MS ||
                        strtoll(ttl, NULL, 10) > TTL_MAX_MS))
    {
        return refuse(reply, arena, 3, "Invalid value for param: ttl (milliseconds)");
    }
    if (reference != NULL && text_length(reference, strlen(reference)) > REF_CHARS_MAX)
    {
        return refuse(reply, arena, 3, "Invalid value for param: client-ref");
    }
    if (callback != NULL && strncmp(callback, "https://", 8) != 0 &&
        strncmp(callback, "http://", 7) != 0)
    {
        return refuse(reply, arena, 23, "Invalid callback URL");
    }
    return true;
}

static size_t
count_parts(const struct submission *submission)
{
    const char *text = get(submission, "text");
    const char *type = get(submission, "type");
    bool unicode = type != NULL && strcmp(type, "unicode") == 0;
    size_t chars = text_length(text, strlen(text));
    size_t part = unicode ? 67 : 153;

    return chars <= (unicode ? 70u : 160u) ? 1 : (chars + part - 1) / part;
}

static void
answer(const struct submission *submission, struct arena *arena, struct double_reply *reply)
{
    const char *to = get(submission, "to");
    size_t parts = count_parts(submission);

    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
    {
        if (strcmp(to, magics[i].number) == 0)
        {
            answer_parts(reply, arena, to, parts, magics[i].status, magics[i].message,
                         magics[i].last_part);
            reply->decision = DECISION_FAULT;
            reply->fault = arena_printf(arena, "test-number-%d", magics[i].status);
            return;
        }
    }
    answer_parts(reply, arena, to, parts, 0, NULL, false);
}

static void
vonage_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
             struct arena *arena, struct double_reply *ret)
{
    const char *duplicate = request_duplicate(request);
    struct submission submission;
    bool ok;

    (void) conn;
    read_submission(request, arena, &submission);
    if (get(&submission, "to") != NULL)
    {
        ret->address = arena_printf(arena, "+%s", get(&submission, "to"));
    }
    ret->id = get(&submission, "client-ref");
    if (strcmp(request->path, PATH) != 0 || request->query[0] != '\0')
    {
        refuse_status(ret, 404, "Not Found");
        return;
    }
    if (strcmp(request->method, "POST") != 0 || duplicate != NULL)
    {
        refuse_status(ret, duplicate != NULL ? 400 : 405, "Bad method, or a header twice");
        return;
    }
    ok = request_has_type(request, "application/json") ? check_json(env, request, arena, ret)
         : request_has_type(request, "application/x-www-form-urlencoded")
             ? check_form(env, &submission, arena, ret)
             : refuse_status(ret, 415, "Neither JSON nor a form");
    if (ok && check_addresses(&submission, arena, ret) && check_content(&submission, arena, ret))
    {
        answer(&submission, arena, ret);
    }
}

static void
vonage_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED)
    {
        answer_parts(ret, arena, ret->address, 1, 6, "Unroutable message - rejected", false);
    }
    else
    {
        reply_body(ret, status, "application/json", "{\"error-text\":\"request failed\"}");
    }
}

static void
vonage_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    struct submission submission;

    read_submission(request, arena, &submission);
    ret->to = get(&submission, "to");
    ret->from = get(&submission, "from");
    ret->text = get(&submission, "text");
}

static void
vonage_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size,
             "{\"message-count\":\"1\",\"messages\":[{\"status\":\"0\",\"message-id\":"
             "\"%016llx\"}]}",
             (unsigned long long) number);
    reply_body(ret, 200, "application/json", text);
}

const struct sandbox_double double_vonage = {
    .name = "vonage",
    .prefix = "/sms/",
    .body_max = 256 * 1024,
    .account = "signatures by sha256",
    .secrets = { { API_KEY, "", SECRET_BASE64URL },
                 { API_SECRET, "", SECRET_BASE64URL },
                 { SIGNATURE_SECRET, "", SECRET_BASE64URL } },
    .judge = vonage_judge,
    .fail = vonage_fail,
    .render = vonage_render,
    .fast = vonage_fast,
};
