/* Twilio Messages: POST /2010-04-01/Accounts/{sid}/Messages.json, form in, JSON out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "sandbox/double.h"
#include "sandbox/text.h"

#define PREFIX "/2010-04-01/"
#define BODY_CHARS_MAX 1600
#define MEDIA_MAX 10

/* Parameters of the create call; array: may be repeated. */
static const struct parameter
{
    const char *name;
    bool array;
} parameters[] = {
    { "To", false },
    { "From", false },
    { "MessagingServiceSid", false },
    { "Body", false },
    { "MediaUrl", true },
    { "ContentSid", false },
    { "ContentVariables", false },
    { "StatusCallback", false },
    { "ValidityPeriod", false },
    { "ScheduleType", false },
    { "SendAt", false },
    { "SmartEncoded", false },
    { "SendAsMms", false },
    { "ShortenUrls", false },
    { "ProvideFeedback", false },
    { "ContentRetention", false },
    { "AddressRetention", false },
    { "RiskCheck", false },
    { "PersistentAction", true },
    { "ApplicationSid", false },
    { "Attempt", false },
    { "FallbackFrom", false },
    { "MaxPrice", false },
};

/* Numbers that the provider documents for tests, and what they answer. */
static const struct magic
{
    const char *parameter;
    const char *number;
    int code;
    const char *message;
} magics[] = {
    { "From", "+15005550001", 21212, "The 'From' number is not a valid phone number." },
    { "From", "+15005550007", 21606, "The 'From' phone number is not owned by your account." },
    { "From", "+15005550008", 21611, "This 'From' number has exceeded its message queue." },
    { "To", "+15005550001", 21211, "The 'To' number is not a valid phone number." },
    { "To", "+15005550002", 21612, "The 'To' number is not reachable from this 'From' number." },
    { "To", "+15005550003", 21408, "Permission to send to this region is not enabled." },
    { "To", "+15005550004", 21610, "Attempt to send to unsubscribed recipient." },
    { "To", "+15005550009", 21614, "The 'To' number is not a mobile number." },
};

struct form
{
    struct form_field *fields;
    size_t count;
};

static const char *
get(const struct form *form, const char *name)
{
    return form_get(form->fields, form->count, name);
}

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, int code,
             const char *message)
{
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text, "{\"code\":%d,\"message\":", code);
    text_append_json_string(&text, message);
    buf_printf(&text, ",\"more_info\":\"https://www.twilio.com/docs/errors/%d\",\"status\":%d}",
               code, status);
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

/* Refuse with 400 and a code; the violation is the message. Always false. */
static bool
refuse(struct double_reply *reply, struct arena *arena, int code, const char *message)
{
    answer_error(reply, arena, 400, code, message);
    reply->decision = DECISION_REFUSE;
    reply->violation = message;
    return false;
}

static bool
refuse_status(struct double_reply *reply, struct arena *arena, int status, int code,
              const char *message)
{
    refuse(reply, arena, code, message);
    reply->header_count = 0;
    answer_error(reply, arena, status, code, message);
    return false;
}

static bool
check_auth(const struct double_env *env, const struct double_request *request, struct arena *arena,
           struct double_reply *reply)
{
    const char *value = request_header(request, "authorization");
    const char *plain =
        arena_printf(arena, "%s:%s", SANDBOX_TWILIO_SID, env->credentials->twilio_token);

    if (value == NULL)
    {
        return refuse_status(reply, arena, 401, 20003,
                             "Authentication Error - No credentials provided");
    }
    if (strncasecmp(value, "basic ", 6) != 0 ||
        strcmp(value + 6, crypto_base64(arena, plain, strlen(plain))) != 0)
    {
        return refuse_status(reply, arena, 401, 20003, "Authentication Error - invalid username");
    }
    return true;
}

/* Method, path, duplicates, authentication, content type. */
static bool
check_envelope(const struct double_env *env, const struct double_request *request,
               struct arena *arena, struct double_reply *reply)
{
    const char *duplicate = request_duplicate(request);

    if (duplicate != NULL)
    {
        return refuse(reply, arena, 20001, arena_printf(arena, "Duplicate header %s", duplicate));
    }
    if (!check_auth(env, request, arena, reply))
    {
        return false;
    }
    if (strcmp(request->path, PREFIX "Accounts/" SANDBOX_TWILIO_SID "/Messages.json") != 0)
    {
        return refuse_status(reply, arena, 404, 20404, "The requested resource was not found");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse_status(reply, arena, 405, 20004, "Method not allowed");
    }
    if (request->query[0] != '\0')
    {
        return refuse(reply, arena, 20001, "Parameters in the query string");
    }
    if (!request_has_type(request, "application/x-www-form-urlencoded"))
    {
        return refuse(reply, arena, 21604,
                      "A 'To' phone number is required (the body is not a form).");
    }
    return true;
}

/* Only known parameters, each once unless it is an array, and all of them text. */
static bool
check_parameters(const struct form *form, struct arena *arena, struct double_reply *reply)
{
    for (size_t i = 0; i < form->count; i++)
    {
        const struct form_field *field = &form->fields[i];
        size_t known = 0;

        while (known < sizeof(parameters) / sizeof(parameters[0]) &&
               strcmp(parameters[known].name, field->name) != 0)
        {
            known++;
        }
        if (known == sizeof(parameters) / sizeof(parameters[0]))
        {
            return refuse(reply, arena, 20001,
                          arena_printf(arena, "Unknown parameter %.64s", field->name));
        }
        if (field->malformed)
        {
            return refuse(reply, arena, 20001,
                          arena_printf(arena, "Parameter %s is not UTF-8 text", field->name));
        }
        for (size_t k = 0; k < i && !parameters[known].array; k++)
        {
            if (strcmp(form->fields[k].name, field->name) == 0)
            {
                return refuse(reply, arena, 20001,
                              arena_printf(arena, "Parameter %s occurs twice", field->name));
            }
        }
    }
    return true;
}

static bool
is_service(const char *sid)
{
    return strlen(sid) == 34 && strncmp(sid, "MG", 2) == 0 &&
           strspn(sid + 2, "0123456789abcdef") == 32;
}

/* A phone number, a short code, an alphanumeric sender or a channel address. */
static bool
is_sender(const char *from)
{
    const char *colon = strchr(from, ':');
    size_t len = strlen(from);

    if (address_is_e164(colon != NULL ? colon + 1 : from))
    {
        return true;
    }
    return len >= 3 && len <= 11 &&
           strspn(from, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ -_&+") ==
               len;
}

static bool
check_addresses(const struct form *form, struct arena *arena, struct double_reply *reply)
{
    const char *to = get(form, "To");
    const char *from = get(form, "From");
    const char *service = get(form, "MessagingServiceSid");
    const char *colon;

    if (to == NULL || to[0] == '\0')
    {
        return refuse(reply, arena, 21604, "A 'To' phone number is required.");
    }
    colon = strchr(to, ':');
    if (!address_is_e164(colon != NULL ? colon + 1 : to))
    {
        return refuse(reply, arena, 21211,
                      arena_printf(arena, "The 'To' number %.32s is not a valid phone number%s.",
                                   to, to[0] == ' ' ? " ('+' must be sent as %2B)" : ""));
    }
    if (from == NULL && service == NULL)
    {
        return refuse(reply, arena, 21603,
                      "A 'From' phone number or MessagingServiceSid is required.");
    }
    if (from != NULL && service != NULL)
    {
        return refuse(reply, arena, 21603,
                      "Only one of 'From' and MessagingServiceSid may be given.");
    }
    if (from != NULL && !is_sender(from))
    {
        return refuse(reply, arena, 21212, "The 'From' number is not a valid phone number.");
    }
    if (service != NULL && !is_service(service))
    {
        return refuse(reply, arena, 21701, "The Messaging Service does not exist.");
    }
    return true;
}

/* An absolute URL that the provider could fetch? */
static bool
is_media(const char *url)
{
    return (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
           strpbrk(url, " \t\r\n\"<>") == NULL;
}

static bool
check_content(const struct form *form, struct arena *arena, struct double_reply *reply)
{
    const char *body = get(form, "Body");
    size_t media = 0;

    for (size_t i = 0; i < form->count; i++)
    {
        bool is_url = strcmp(form->fields[i].name, "MediaUrl") == 0;

        if (is_url && !is_media(form->fields[i].value))
        {
            return refuse(reply, arena, 21620, "Invalid media URL(s).");
        }
        media += is_url;
    }
    if ((body == NULL || body[0] == '\0') && media == 0 && get(form, "ContentSid") == NULL)
    {
        return refuse(reply, arena, 21602, "Message body is required.");
    }
    if (body != NULL && text_length(body, strlen(body)) > BODY_CHARS_MAX)
    {
        return refuse(reply, arena, 21617,
                      "The concatenated message body exceeds the 1600 character limit.");
    }
    if (media > MEDIA_MAX)
    {
        return refuse(reply, arena, 21623, "Number of media files exceeds allowed limit.");
    }
    return true;
}

static bool
is_callback(const char *url)
{
    const char *host = strstr(url, "://");
    size_t len;

    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
    {
        return false;
    }
    host += 3;
    len = strcspn(host, "/?#");
    return len > 0 && memchr(host, '_', len) == NULL && strpbrk(url, " \t\r\n\"<>") == NULL;
}

static bool
is_boolean(const char *text)
{
    return text == NULL || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool
check_options(const struct form *form, struct arena *arena, struct double_reply *reply)
{
    static const char *const booleans[] = { "SmartEncoded", "SendAsMms", "ShortenUrls",
                                            "ProvideFeedback" };
    const char *callback = get(form, "StatusCallback");
    const char *validity = get(form, "ValidityPeriod");

    if (callback != NULL && !is_callback(callback))
    {
        return refuse(reply, arena, 21609, "The 'StatusCallback' URL is not a valid URL.");
    }
    if (validity != NULL)
    {
        char *end;
        long value = strtol(validity, &end, 10);

        if (*validity < '0' || *validity > '9' || *end != '\0' || value < 1 || value > 36000)
        {
            return refuse(reply, arena, 21624, "The ValidityPeriod value is invalid.");
        }
    }
    for (size_t i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++)
    {
        if (!is_boolean(get(form, booleans[i])))
        {
            return refuse(reply, arena, 20001,
                          arena_printf(arena, "%s must be true or false", booleans[i]));
        }
    }
    if ((get(form, "SendAt") != NULL || get(form, "ScheduleType") != NULL) &&
        get(form, "MessagingServiceSid") == NULL)
    {
        return refuse(reply, arena, 35118,
                      "MessagingServiceSid is required to schedule a message.");
    }
    if ((get(form, "SendAt") != NULL) != (get(form, "ScheduleType") != NULL))
    {
        return refuse(reply, arena, 35114, "SendAt and ScheduleType=fixed belong together.");
    }
    return true;
}

/* The provider's own test numbers: refused, without being a violation. */
static bool
check_magic(const struct form *form, struct arena *arena, struct double_reply *reply)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
    {
        const char *number = get(form, magics[i].parameter);

        if (number == NULL || strcmp(number, magics[i].number) != 0)
        {
            continue;
        }
        answer_error(reply, arena, 400, magics[i].code, magics[i].message);
        reply->decision = DECISION_FAULT;
        reply->fault = arena_printf(arena, "test-number-%d", magics[i].code);
        return false;
    }
    return true;
}

/* The answer to a created message. */
static void
answer_created(struct double_reply *reply, struct arena *arena, const struct form *form)
{
    const char *body = get(form, "Body");
    struct buf text;
    size_t chars = body != NULL ? text_length(body, strlen(body)) : 0;
    bool ascii = body == NULL || chars == strlen(body);
    size_t single = ascii ? 160 : 70;
    size_t many = ascii ? 153 : 67;

    buf_init(&text, 65536);
    buf_printf(&text,
               "{\"sid\":\"%s%s\",\"status\":\"queued\",\"error_code\":null,\"error_message\":null,"
               "\"account_sid\":\"" SANDBOX_TWILIO_SID "\",\"direction\":\"outbound-api\","
               "\"num_segments\":\"%zu\",\"price\":null,\"to\":",
               get(form, "MediaUrl") != NULL ? "MM" : "SM", random_hex(arena, 32),
               chars <= single ? (size_t) 1 : (chars + many - 1) / many);
    text_append_json_string(&text, get(form, "To"));
    buf_puts(&text, ",\"from\":");
    text_append_json_string(&text, get(form, "From"));
    buf_puts(&text, ",\"messaging_service_sid\":");
    text_append_json_string(&text, get(form, "MessagingServiceSid"));
    buf_puts(&text, ",\"body\":");
    text_append_json_string(&text, body);
    buf_putc(&text, '}');
    reply_body(reply, 201, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

/* Our own id travels in the callback's query: …?nid=ID */
static const char *
callback_id(struct arena *arena, const char *callback)
{
    const char *at = callback != NULL ? strstr(callback, "nid=") : NULL;

    return at == NULL ? NULL : arena_strndup(arena, at + 4, strcspn(at + 4, "&#"));
}

static void
twilio_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
             struct arena *arena, struct double_reply *ret)
{
    struct form form;

    (void) conn;
    form.fields = form_parse(arena, request->body, request->body_len, &form.count);
    ret->address = get(&form, "To");
    ret->id = callback_id(arena, get(&form, "StatusCallback"));
    if (check_envelope(env, request, arena, ret) && check_parameters(&form, arena, ret) &&
        check_addresses(&form, arena, ret) && check_content(&form, arena, ret) &&
        check_options(&form, arena, ret) && check_magic(&form, arena, ret))
    {
        answer_created(ret, arena, &form);
    }
}

static void
twilio_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED)
    {
        answer_error(ret, arena, 400, 21211, "The 'To' number is not a valid phone number.");
    }
    else if (status == 429)
    {
        answer_error(ret, arena, status, 20429, "Too Many Requests");
    }
    else if (status == 503)
    {
        answer_error(ret, arena, status, 20503, "Service unavailable");
    }
    else if (status >= 500)
    {
        answer_error(ret, arena, status, 20500, "Internal server error");
    }
    else if (status == 401)
    {
        answer_error(ret, arena, status, 20003, "Authenticate");
    }
    else if (status == 403)
    {
        answer_error(ret, arena, status, 20005, "Account not active");
    }
    else if (status == 404)
    {
        answer_error(ret, arena, status, 20404, "The requested resource was not found");
    }
    else
    {
        answer_error(ret, arena, status, 30400, "Invalid parameters");
    }
}

static void
twilio_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    struct form form;

    form.fields = form_parse(arena, request->body, request->body_len, &form.count);
    ret->to = get(&form, "To");
    ret->from = get(&form, "From");
    if (ret->from == NULL)
    {
        ret->from = get(&form, "MessagingServiceSid");
    }
    ret->text = get(&form, "Body");
}

static void
twilio_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size,
             "{\"sid\":\"SM%032llx\",\"status\":\"queued\",\"error_code\":null,"
             "\"error_message\":null,\"num_segments\":\"1\"}",
             (unsigned long long) number);
    reply_body(ret, 201, "application/json", text);
}

const struct sandbox_double double_twilio = {
    .name = "twilio",
    .prefix = PREFIX,
    .body_max = 1024 * 1024,
    .judge = twilio_judge,
    .fail = twilio_fail,
    .render = twilio_render,
    .fast = twilio_fast,
};
