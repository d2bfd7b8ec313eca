/*
 * Amazon SES v2: POST /v2/email/outbound-emails, JSON signed with Signature Version 4 for the
 * service "ses"; the signature is computed anew from the request as it arrived.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/mime.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define SECRET "SES_SECRET_ACCESS_KEY"
#define SESSION_TOKEN "SES_SESSION_TOKEN"
#define PATH "/v2/email/outbound-emails"
#define ALGORITHM "AWS4-HMAC-SHA256 "
#define CLOCK_SKEW_S 300
#define BODY_MAX ((size_t) 40 * 1024 * 1024)
#define RECIPIENTS_MAX 50
#define LINE_MAX_BYTES 998
#define DIGEST_BYTES 32
#define HEADERS_MAX 15
#define TAG_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static const struct schema destination_schema[] = { { "ToAddresses", SCHEMA_LIST, NULL },
                                                    { "CcAddresses", SCHEMA_LIST, NULL },
                                                    { "BccAddresses", SCHEMA_LIST, NULL },
                                                    { 0 } };

static const struct schema text_schema[] = { { "Data", SCHEMA_STRING, NULL },
                                             { "Charset", SCHEMA_STRING, NULL },
                                             { 0 } };

static const struct schema body_schema[] = { { "Text", SCHEMA_OBJECT, text_schema },
                                             { "Html", SCHEMA_OBJECT, text_schema },
                                             { 0 } };

static const struct schema pair_schema[] = { { "Name", SCHEMA_STRING, NULL },
                                             { "Value", SCHEMA_STRING, NULL },
                                             { 0 } };

static const struct schema simple_schema[] = { { "Subject", SCHEMA_OBJECT, text_schema },
                                               { "Body", SCHEMA_OBJECT, body_schema },
                                               { "Headers", SCHEMA_OBJECTS, pair_schema },
                                               { "Attachments", SCHEMA_OBJECTS, NULL },
                                               { 0 } };

static const struct schema raw_schema[] = { { "Data", SCHEMA_STRING, NULL }, { 0 } };

static const struct schema content_schema[] = { { "Simple", SCHEMA_OBJECT, simple_schema },
                                                { "Raw", SCHEMA_OBJECT, raw_schema },
                                                { "Template", SCHEMA_OBJECT, NULL },
                                                { 0 } };

static const struct schema list_schema[] = { { "ContactListName", SCHEMA_STRING, NULL },
                                             { "TopicName", SCHEMA_STRING, NULL },
                                             { 0 } };

static const struct schema send_schema[] = {
    { "FromEmailAddress", SCHEMA_STRING, NULL },
    { "FromEmailAddressIdentityArn", SCHEMA_STRING, NULL },
    { "Destination", SCHEMA_OBJECT, destination_schema },
    { "ReplyToAddresses", SCHEMA_LIST, NULL },
    { "FeedbackForwardingEmailAddress", SCHEMA_STRING, NULL },
    { "FeedbackForwardingEmailAddressIdentityArn", SCHEMA_STRING, NULL },
    { "Content", SCHEMA_OBJECT, content_schema },
    { "EmailTags", SCHEMA_OBJECTS, pair_schema },
    { "ConfigurationSetName", SCHEMA_STRING, NULL },
    { "ListManagementOptions", SCHEMA_OBJECT, list_schema },
    { "EndpointId", SCHEMA_STRING, NULL },
    { "TenantName", SCHEMA_STRING, NULL },
    { 0 },
};

/* A request while it is judged. */
struct sending
{
    struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const json *root;
};

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *type,
             const char *message)
{
    struct buf text;

    buf_init(&text, 65536);
    buf_puts(&text, "{\"message\":");
    text_append_json_string(&text, message);
    buf_putc(&text, '}');
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    reply_header(reply, "x-amzn-errortype", type);
    buf_finish(&text);
}

static bool
refuse(struct sending *sending, int status, const char *type, const char *message)
{
    answer_error(sending->reply, sending->arena, status, type, message);
    sending->reply->decision = DECISION_REFUSE;
    sending->reply->violation = message;
    return false;
}

static bool
refuse_content(struct sending *sending, const char *message)
{
    return refuse(sending, 400, "BadRequestException", message);
}

/* ---- the signature ---- */

/* The Authorization header, taken apart. */
struct authorization
{
    const char *key_id;
    const char *date; /* YYYYMMDD */
    const char *region;
    const char *scope; /* date/region/service/aws4_request */
    const char *signed_headers;
    const char *signature;
};

/* What follows name= up to the next comma; NULL when it is missing. */
static const char *
find_part(struct arena *arena, const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at == NULL ? NULL
                      : arena_strndup(arena, at + strlen(name), strcspn(at + strlen(name), ","));
}

static bool
read_authorization(struct sending *sending, struct authorization *ret)
{
    struct arena *arena = sending->arena;
    const char *text = request_header(sending->request, "authorization");
    const char *credential;
    const char *fields[5];
    size_t count = 0;

    if (text == NULL || strncmp(text, ALGORITHM, strlen(ALGORITHM)) != 0)
    {
        return refuse(sending, 403, "MissingAuthenticationTokenException",
                      "Missing Authentication Token");
    }
    credential = find_part(arena, text, "Credential=");
    ret->signed_headers = find_part(arena, text, "SignedHeaders=");
    ret->signature = find_part(arena, text, "Signature=");
    for (const char *p = credential; p != NULL && count < 5; count++)
    {
        size_t len = strcspn(p, "/");

        fields[count] = arena_strndup(arena, p, len);
        p = p[len] == '/' ? p + len + 1 : NULL;
    }
    if (count != 5 || ret->signed_headers == NULL || ret->signature == NULL)
    {
        return refuse(sending, 403, "IncompleteSignatureException",
                      "Credential, SignedHeaders and Signature must be there");
    }
    ret->key_id = fields[0];
    ret->date = fields[1];
    ret->region = fields[2];
    ret->scope = credential + strlen(fields[0]) + 1;
    if (strcmp(fields[3], "ses") != 0 || strcmp(fields[4], "aws4_request") != 0)
    {
        return refuse(sending, 403, "SignatureDoesNotMatch",
                      "Credential should be scoped to correct service: 'ses'.");
    }
    return true;
}

/* Permanent keys come alone, temporary ones with their token. */
static bool
check_key(struct sending *sending, const struct authorization *given)
{
    const char *token = request_header(sending->request, "x-amz-security-token");
    const char *expected =
        credentials_secret(sending->env->credentials, SESSION_TOKEN, sending->arena);
    bool temporary = strcmp(given->key_id, SANDBOX_SES_TEMPORARY_ID) == 0;

    if (!temporary && strcmp(given->key_id, SANDBOX_SES_KEY_ID) != 0)
    {
        return refuse(sending, 403, "UnrecognizedClientException",
                      "The security token included in the request is invalid.");
    }
    if (temporary ? token == NULL || strcmp(token, expected) != 0 : token != NULL)
    {
        return refuse(sending, 403, "InvalidClientTokenId",
                      "The security token included in the request is invalid.");
    }
    return true;
}

static bool
check_clock(struct sending *sending, const struct authorization *given)
{
    const char *text = request_header(sending->request, "x-amz-date");
    struct tm tm = { 0 };
    const char *end = text == NULL ? NULL : strptime(text, "%Y%m%dT%H%M%SZ", &tm);
    int64_t skew;

    if (end == NULL || *end != '\0' || strncmp(text, given->date, 8) != 0 ||
        strlen(given->date) != 8)
    {
        return refuse(sending, 403, "IncompleteSignatureException",
                      "Date must be in ISO-8601 'basic format', the same as in Credential");
    }
    skew = timegm(&tm) - sending->env->now_us / 1000000;
    if (skew < -CLOCK_SKEW_S || skew > CLOCK_SKEW_S)
    {
        return refuse(sending, 403, "InvalidSignatureException", "Signature expired");
    }
    return true;
}

static char *
to_hex(struct arena *arena, const uint8_t *digest)
{
    char *ret = arena_alloc(arena, 2 * DIGEST_BYTES + 1);

    for (size_t i = 0; i < DIGEST_BYTES; i++)
    {
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
    }
    return ret;
}

static const char *
signed_value(const struct double_request *request, const char *name)
{
    return strcmp(name, "host") == 0 ? request->authority : request_header(request, name);
}

/* The canonical request; NULL when a signed header is missing or they are not in order. */
static char *
canonical_request(struct sending *sending, const char *names)
{
    struct arena *arena = sending->arena;
    uint8_t digest[DIGEST_BYTES];
    const char *last = "";
    struct buf out;
    char *ret = NULL;
    bool sound = true;

    buf_init(&out, 262144);
    buf_printf(&out, "%s\n%s\n%s\n", sending->request->method, sending->request->path,
               sending->request->query);
    for (const char *p = names; *p != '\0' && sound;)
    {
        char *name = arena_strndup(arena, p, strcspn(p, ";"));
        const char *value = signed_value(sending->request, name);

        sound = value != NULL && strcmp(last, name) < 0;
        buf_printf(&out, "%s:%s\n", name, value != NULL ? value : "");
        last = name;
        p += strlen(name);
        p += *p == ';';
    }
    crypto_sha256(sending->request->body, sending->request->body_len, digest);
    buf_printf(&out, "\n%s\n%s", names, to_hex(arena, digest));
    if (sound && !out.overflow)
    {
        ret = arena_strndup(arena, out.data, out.len);
    }
    buf_finish(&out);
    return ret;
}

/* Host and all x-amz- headers must be covered. */
static bool
covers_enough(const struct double_request *request, const char *names, struct arena *arena)
{
    const char *list = arena_printf(arena, ";%s;", names);

    if (strstr(list, ";host;") == NULL)
    {
        return false;
    }
    for (size_t i = 0; i < request->header_count; i++)
    {
        const char *name = request->headers[i].name;

        if (strncmp(name, "x-amz-", 6) == 0 &&
            strstr(list, arena_printf(arena, ";%s;", name)) == NULL)
        {
            return false;
        }
    }
    return true;
}

static bool
check_signature(struct sending *sending, const struct authorization *given)
{
    struct arena *arena = sending->arena;
    const char *secret = credentials_secret(sending->env->credentials, SECRET, arena);
    char *first = arena_printf(arena, "AWS4%s", secret);
    const char *steps[] = { given->date, given->region, "ses", "aws4_request", NULL };
    char *canonical = canonical_request(sending, given->signed_headers);
    uint8_t key[DIGEST_BYTES];
    uint8_t digest[DIGEST_BYTES];
    size_t len = strlen(first);

    if (canonical == NULL || !covers_enough(sending->request, given->signed_headers, arena))
    {
        return refuse(sending, 403, "SignatureDoesNotMatch",
                      "'Host', 'X-Amz-Date' and all 'x-amz-' headers must be signed, in order");
    }
    crypto_sha256(canonical, strlen(canonical), digest);
    steps[4] = arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s",
                            request_header(sending->request, "x-amz-date"), given->scope,
                            to_hex(arena, digest));
    for (size_t i = 0; i < 5; i++)
    {
        crypto_hmac_sha256(i == 0 ? (const void *) first : key, len, steps[i], strlen(steps[i]),
                           digest);
        memcpy(key, digest, sizeof(key));
        len = sizeof(key);
    }
    return strcmp(to_hex(arena, key), given->signature) == 0 ||
           refuse(sending, 403, "SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided.");
}

static bool
check_envelope(struct sending *sending)
{
    const struct double_request *request = sending->request;
    struct authorization given;

    if (strcmp(request->path, PATH) != 0)
    {
        return refuse(sending, 404, "UnknownOperationException", "there is no such operation");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse(sending, 405, "UnknownOperationException", "the method is not POST");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse_content(sending, "a header occurs twice");
    }
    if (!read_authorization(sending, &given) || !check_key(sending, &given) ||
        !check_clock(sending, &given) || !check_signature(sending, &given))
    {
        return false;
    }
    if (!request_has_type(request, "application/json"))
    {
        return refuse(sending, 415, "UnsupportedMediaTypeException",
                      "content-type is not application/json");
    }
    return request->body_len <= BODY_MAX ||
           refuse_content(sending, "the message is larger than 40 MB");
}

/* ---- the message ---- */

static bool
check_shape(struct sending *sending)
{
    struct schema_error error;

    if (!json_is_object(sending->root))
    {
        return refuse(sending, 400, "SerializationException", "the body is no JSON object");
    }
    return schema_check(send_schema, sending->root, "", false, sending->arena, &error) ||
           refuse_content(sending,
                          arena_printf(sending->arena, "%s: %s", error.field, error.problem));
}

static bool
check_recipients(struct sending *sending)
{
    static const char *const lists[] = { "ToAddresses", "CcAddresses", "BccAddresses" };
    const json *destination = json_get(sending->root, "Destination");
    size_t count = 0;

    sending->reply->address = arena_strdup(
        sending->arena, json_string(json_array_at(json_get(destination, "ToAddresses"), 0)));
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
    {
        const json *list = json_get(destination, lists[i]);

        for (size_t k = 0; k < json_array_length(list); k++)
        {
            if (!address_is_mailbox(json_string(json_array_at(list, k))))
            {
                return refuse_content(sending, "Illegal address");
            }
        }
        count += json_array_length(list);
    }
    if (count == 0)
    {
        return refuse_content(sending, "There must be a recipient");
    }
    return count <= RECIPIENTS_MAX || refuse_content(sending, "Recipient count exceeds 50");
}

static bool
check_tags(struct sending *sending)
{
    const json *tags = json_get(sending->root, "EmailTags");

    for (size_t i = 0; i < json_array_length(tags); i++)
    {
        const char *name = json_get_string(json_array_at(tags, i), "Name");
        const char *value = json_get_string(json_array_at(tags, i), "Value");

        if (name == NULL || value == NULL || name[0] == '\0' || value[0] == '\0' ||
            name[strspn(name, TAG_CHARACTERS)] != '\0' ||
            value[strspn(value, TAG_CHARACTERS)] != '\0')
        {
            return refuse_content(sending, "Invalid email tag: only letters, digits, _ and -");
        }
        if (strcmp(name, "nid") == 0)
        {
            sending->reply->id = arena_strdup(sending->arena, value);
        }
    }
    return true;
}

static bool
check_simple(struct sending *sending, const json *simple)
{
    const json *body = json_get(simple, "Body");

    if (json_get_string(sending->root, "FromEmailAddress") == NULL)
    {
        return refuse_content(sending, "FromEmailAddress is missing");
    }
    if (json_get_string(json_get(simple, "Subject"), "Data") == NULL)
    {
        return refuse_content(sending, "Content.Simple.Subject is missing");
    }
    if (json_get_string(json_get(body, "Text"), "Data") == NULL &&
        json_get_string(json_get(body, "Html"), "Data") == NULL)
    {
        return refuse_content(sending, "Content.Simple.Body is missing");
    }
    return json_array_length(json_get(simple, "Headers")) <= HEADERS_MAX ||
           refuse_content(sending, "There may be at most 15 headers");
}

/* CRLF lines of at most 998 bytes, and each of the headers that must be there once. */
static bool
check_raw(struct sending *sending, const char *mail, size_t len)
{
    static const char *const single[] = { "from", "to", "subject", "date", "mime-version" };
    const char *problem;
    size_t column = 0;

    for (size_t i = 0; i < len; i++)
    {
        bool end = mail[i] == '\r' && mail[i + 1] == '\n';

        if (mail[i] == '\0' || (!end && (mail[i] == '\r' || mail[i] == '\n')) ||
            (!end && ++column > LINE_MAX_BYTES))
        {
            return refuse_content(sending, "Lines end with CRLF and have at most 998 bytes");
        }
        column = end ? 0 : column;
        i += end;
    }
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
    {
        if (mime_count_header(mail, len, single[i]) != 1)
        {
            return refuse_content(
                sending,
                arena_printf(sending->arena, "The header '%s' must be there once", single[i]));
        }
    }
    problem = mime_problem(mail, len, sending->arena);
    return problem == NULL || refuse_content(sending, problem);
}

static bool
check_content(struct sending *sending)
{
    const json *content = json_get(sending->root, "Content");
    const json *simple = json_get(content, "Simple");
    const json *raw = json_get(content, "Raw");
    const json *template = json_get(content, "Template");
    const char *data = json_get_string(raw, "Data");
    char *mail;
    size_t len;

    if ((simple != NULL) + (raw != NULL) + (template != NULL) != 1)
    {
        return refuse_content(sending, "Content must be one of Simple, Raw and Template");
    }
    if (template != NULL)
    {
        return refuse(sending, 404, "NotFoundException", "There is no such template");
    }
    if (simple != NULL)
    {
        return check_simple(sending, simple);
    }
    mail = data == NULL ? NULL : (char *) crypto_base64_decode(sending->arena, data, &len);
    if (mail == NULL)
    {
        return refuse_content(sending, "Content.Raw.Data is not base64");
    }
    return check_raw(sending, arena_strndup(sending->arena, mail, len), len);
}

static void
ses_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
          struct arena *arena, struct double_reply *ret)
{
    struct sending sending = { env, request, arena, ret, NULL };
    json *root;

    (void) conn;
    if (!check_envelope(&sending))
    {
        return;
    }
    root = json_parse(request->body, request->body_len, NULL);
    sending.root = root;
    if (check_shape(&sending) && check_recipients(&sending) && check_tags(&sending) &&
        check_content(&sending))
    {
        reply_body(ret, 200, "application/json",
                   arena_printf(arena, "{\"MessageId\":\"%s-000000\"}", random_uuid(arena)));
    }
    json_destroy(root);
}

static void
ses_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    switch (status)
    {
        case STATUS_UNREGISTERED:
            answer_error(ret, arena, 400, "BadRequestException", "Illegal address");
            break;
        case 400:
            answer_error(ret, arena, status, "MessageRejected", "Message rejected");
            break;
        case 401:
        case 403:
            answer_error(ret, arena, 403, "ExpiredTokenException",
                         "The security token included in the request is expired");
            break;
        case 409:
            answer_error(ret, arena, status, "ConflictException", "Concurrent modification");
            break;
        case 429:
            answer_error(ret, arena, status, "TooManyRequestsException",
                         "Maximum sending rate exceeded.");
            break;
        default:
            answer_error(ret, arena, status,
                         status >= 500 ? "InternalServiceErrorException" : "BadRequestException",
                         "The request failed");
            break;
    }
}

static void
ses_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const json *content = json_get(root, "Content");
    const json *simple = json_get(content, "Simple");
    const json *body = json_get(simple, "Body");
    const char *data = json_get_string(json_get(content, "Raw"), "Data");
    size_t len = 0;
    uint8_t *mail = data == NULL ? NULL : crypto_base64_decode(arena, data, &len);

    if (mail != NULL)
    {
        mime_render((char *) mail, len, arena, ret);
    }
    else
    {
        ret->from = arena_strdup(arena, json_get_string(root, "FromEmailAddress"));
        ret->to = arena_strdup(
            arena,
            json_string(json_array_at(json_get(json_get(root, "Destination"), "ToAddresses"), 0)));
        ret->subject = arena_strdup(arena, json_get_string(json_get(simple, "Subject"), "Data"));
        ret->text = arena_strdup(arena, json_get_string(json_get(body, "Text"), "Data"));
        ret->html = arena_strdup(arena, json_get_string(json_get(body, "Html"), "Data"));
    }
    json_destroy(root);
}

static void
ses_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "{\"MessageId\":\"%016llx\"}", (unsigned long long) number);
    reply_body(ret, 200, "application/json", text);
}

const struct sandbox_double double_ses = {
    .name = "ses",
    .prefix = "/v2/email/",
    .body_max = BODY_MAX + 1,
    .account = "any sender, any region",
    .secrets = { { "SES_ACCESS_KEY_ID", SANDBOX_SES_KEY_ID, SECRET_FIXED },
                 { SECRET, "", SECRET_BASE64URL },
                 { "SES_TEMPORARY_KEY_ID", SANDBOX_SES_TEMPORARY_ID, SECRET_FIXED },
                 { SESSION_TOKEN, "", SECRET_BASE64 } },
    .judge = ses_judge,
    .fail = ses_fail,
    .render = ses_render,
    .fast = ses_fast,
};
