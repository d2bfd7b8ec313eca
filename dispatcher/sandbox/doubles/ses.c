/*
 * Amazon SES v2: POST /v2/email/outbound-emails, JSON signed with Signature Version 4 for the
 * service "ses"; the signature is computed anew from the request as it arrived.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/mime.h"
#include "sandbox/schema.h"
#include "sandbox/sigv4.h"
#include "sandbox/text.h"

#define SECRET "SES_SECRET_ACCESS_KEY"
#define SESSION_TOKEN "SES_SESSION_TOKEN"
#define PATH "/v2/email/outbound-emails"
#define BODY_MAX ((size_t) 40 * 1024 * 1024)
#define RECIPIENTS_MAX 50
#define LINE_MAX_BYTES 998
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

static bool
check_signature(struct sending *sending)
{
    static const struct sigv4_rules rules = {
        .service = "ses",
        .secret = SECRET,
        .key_id = SANDBOX_SES_KEY_ID,
        .temporary_id = SANDBOX_SES_TEMPORARY_ID,
        .session_token = SESSION_TOKEN,
    };
    static const char *const types[] = {
        [SIGV4_MISSING] = "MissingAuthenticationTokenException",
        [SIGV4_INCOMPLETE] = "IncompleteSignatureException",
        [SIGV4_WRONG_SCOPE] = "SignatureDoesNotMatch",
        [SIGV4_UNKNOWN_KEY] = "UnrecognizedClientException",
        [SIGV4_WRONG_TOKEN] = "InvalidClientTokenId",
        [SIGV4_SKEWED] = "InvalidSignatureException",
        [SIGV4_WRONG_SIGNATURE] = "SignatureDoesNotMatch",
    };
    const char *message = NULL;
    enum sigv4_verdict verdict =
        sigv4_verify(sending->env, sending->request, &rules,
                     sigv4_hash(sending->request, sending->arena), sending->arena, &message);

    return verdict == SIGV4_RIGHT || refuse(sending, 403, types[verdict], message);
}

static bool
check_envelope(struct sending *sending)
{
    const struct double_request *request = sending->request;

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
    if (!check_signature(sending))
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
