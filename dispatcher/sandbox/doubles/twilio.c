/* Twilio Messages: POST /2010-04-01/Accounts/{sid}/Messages.json, form in, JSON out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "sandbox/double.h"
#include "sandbox/text.h"
#include "sandbox/twilio.h"

#define BODY_CHARS_MAX 1600
#define MEDIA_MAX 10

/* Parameters of the create call. */
static const struct twilio_parameter parameters[] = {
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
    { NULL, false },
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
check_addresses(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    const char *to = twilio_get(form, "To");
    const char *from = twilio_get(form, "From");
    const char *service = twilio_get(form, "MessagingServiceSid");
    const char *colon;

    if (to == NULL || to[0] == '\0')
    {
        return twilio_refuse(reply, arena, 400, 21604, "A 'To' phone number is required.");
    }
    colon = strchr(to, ':');
    if (!address_is_e164(colon != NULL ? colon + 1 : to))
    {
        return twilio_refuse(reply, arena, 400, 21211,
                             arena_printf(arena,
                                          "The 'To' number %.32s is not a valid phone number%s.",
                                          to, to[0] == ' ' ? " ('+' must be sent as %2B)" : ""));
    }
    if (from == NULL && service == NULL)
    {
        return twilio_refuse(reply, arena, 400, 21603,
                             "A 'From' phone number or MessagingServiceSid is required.");
    }
    if (from != NULL && service != NULL)
    {
        return twilio_refuse(reply, arena, 400, 21603,
                             "Only one of 'From' and MessagingServiceSid may be given.");
    }
    if (from != NULL && !is_sender(from))
    {
        return twilio_refuse(reply, arena, 400, 21212,
                             "The 'From' number is not a valid phone number.");
    }
    if (service != NULL && !is_service(service))
    {
        return twilio_refuse(reply, arena, 400, 21701, "The Messaging Service does not exist.");
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
check_content(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    const char *body = twilio_get(form, "Body");
    size_t media = 0;

    for (size_t i = 0; i < form->count; i++)
    {
        bool is_url = strcmp(form->fields[i].name, "MediaUrl") == 0;

        if (is_url && !is_media(form->fields[i].value))
        {
            return twilio_refuse(reply, arena, 400, 21620, "Invalid media URL(s).");
        }
        media += is_url;
    }
    if ((body == NULL || body[0] == '\0') && media == 0 && twilio_get(form, "ContentSid") == NULL)
    {
        return twilio_refuse(reply, arena, 400, 21602, "Message body is required.");
    }
    if (body != NULL && text_length(body, strlen(body)) > BODY_CHARS_MAX)
    {
        return twilio_refuse(reply, arena, 400, 21617,
                             "The concatenated message body exceeds the 1600 character limit.");
    }
    if (media > MEDIA_MAX)
    {
        return twilio_refuse(reply, arena, 400, 21623,
                             "Number of media files exceeds allowed limit.");
    }
    return true;
}

static bool
is_boolean(const char *text)
{
    return text == NULL || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool
check_options(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    static const char *const booleans[] = { "SmartEncoded", "SendAsMms", "ShortenUrls",
                                            "ProvideFeedback" };
    const char *callback = twilio_get(form, "StatusCallback");
    const char *validity = twilio_get(form, "ValidityPeriod");

    if (callback != NULL && !twilio_is_callback(callback))
    {
        return twilio_refuse(reply, arena, 400, 21609,
                             "The 'StatusCallback' URL is not a valid URL.");
    }
    if (validity != NULL)
    {
        char *end;
        long value = strtol(validity, &end, 10);

        if (*validity < '0' || *validity > '9' || *end != '\0' || value < 1 || value > 36000)
        {
            return twilio_refuse(reply, arena, 400, 21624, "The ValidityPeriod value is invalid.");
        }
    }
    for (size_t i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++)
    {
        if (!is_boolean(twilio_get(form, booleans[i])))
        {
            return twilio_refuse(reply, arena, 400, 20001,
                                 arena_printf(arena, "%s must be true or false", booleans[i]));
        }
    }
    if ((twilio_get(form, "SendAt") != NULL || twilio_get(form, "ScheduleType") != NULL) &&
        twilio_get(form, "MessagingServiceSid") == NULL)
    {
        return twilio_refuse(reply, arena, 400, 35118,
                             "MessagingServiceSid is required to schedule a message.");
    }
    if ((twilio_get(form, "SendAt") != NULL) != (twilio_get(form, "ScheduleType") != NULL))
    {
        return twilio_refuse(reply, arena, 400, 35114,
                             "SendAt and ScheduleType=fixed belong together.");
    }
    return true;
}

/* The provider's own test numbers: refused, without being a violation. */
static bool
check_magic(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
    {
        const char *number = twilio_get(form, magics[i].parameter);

        if (number == NULL || strcmp(number, magics[i].number) != 0)
        {
            continue;
        }
        twilio_answer_error(reply, arena, 400, magics[i].code, magics[i].message);
        reply->decision = DECISION_FAULT;
        reply->fault = arena_printf(arena, "test-number-%d", magics[i].code);
        return false;
    }
    return true;
}

/* The answer to a created message. */
static void
answer_created(struct double_reply *reply, struct arena *arena, const struct twilio_form *form)
{
    const char *body = twilio_get(form, "Body");
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
               twilio_get(form, "MediaUrl") != NULL ? "MM" : "SM", random_hex(arena, 32),
               chars <= single ? (size_t) 1 : (chars + many - 1) / many);
    text_append_json_string(&text, twilio_get(form, "To"));
    buf_puts(&text, ",\"from\":");
    text_append_json_string(&text, twilio_get(form, "From"));
    buf_puts(&text, ",\"messaging_service_sid\":");
    text_append_json_string(&text, twilio_get(form, "MessagingServiceSid"));
    buf_puts(&text, ",\"body\":");
    text_append_json_string(&text, body);
    buf_putc(&text, '}');
    reply_body(reply, 201, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

static void
twilio_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
             struct arena *arena, struct double_reply *ret)
{
    struct twilio_form form;

    (void) conn;
    form.fields = form_parse(arena, request->body, request->body_len, &form.count);
    ret->address = twilio_get(&form, "To");
    ret->id = twilio_callback_id(arena, twilio_get(&form, "StatusCallback"));
    if (twilio_check_envelope(env, request, "Messages.json", arena, ret) &&
        twilio_check_parameters(&form, parameters, arena, ret) &&
        check_addresses(&form, arena, ret) && check_content(&form, arena, ret) &&
        check_options(&form, arena, ret) && check_magic(&form, arena, ret))
    {
        answer_created(ret, arena, &form);
    }
}

static void
twilio_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    struct twilio_form form;

    form.fields = form_parse(arena, request->body, request->body_len, &form.count);
    ret->to = twilio_get(&form, "To");
    ret->from = twilio_get(&form, "From");
    if (ret->from == NULL)
    {
        ret->from = twilio_get(&form, "MessagingServiceSid");
    }
    ret->text = twilio_get(&form, "Body");
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
    .prefix = "/2010-04-01/",
    .body_max = 1024 * 1024,
    .account = "account " SANDBOX_TWILIO_SID,
    .secrets = { { TWILIO_SECRET, "", SECRET_BASE64URL } },
    .judge = twilio_judge,
    .fail = twilio_fail,
    .render = twilio_render,
    .fast = twilio_fast,
};
