/* Sign-in, forms and errors of Twilio. */
#include "sandbox/twilio.h"

#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "sandbox/text.h"

#define ACCOUNT "/2010-04-01/Accounts/" SANDBOX_TWILIO_SID "/"

const char *
twilio_get(const struct twilio_form *form, const char *name)
{
    return form_get(form->fields, form->count, name);
}

void
twilio_answer_error(struct double_reply *reply, struct arena *arena, int status, int code,
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

bool
twilio_refuse(struct double_reply *reply, struct arena *arena, int status, int code,
              const char *message)
{
    twilio_answer_error(reply, arena, status, code, message);
    reply->decision = DECISION_REFUSE;
    reply->violation = message;
    return false;
}

static bool
check_auth(const struct double_env *env, const struct double_request *request, struct arena *arena,
           struct double_reply *reply)
{
    const char *value = request_header(request, "authorization");
    const char *plain = arena_printf(arena, "%s:%s", SANDBOX_TWILIO_SID,
                                     credentials_secret(env->credentials, TWILIO_SECRET, arena));

    if (value == NULL)
    {
        return twilio_refuse(reply, arena, 401, 20003,
                             "Authentication Error - No credentials provided");
    }
    if (strncasecmp(value, "basic ", 6) != 0 ||
        strcmp(value + 6, crypto_base64(arena, plain, strlen(plain))) != 0)
    {
        return twilio_refuse(reply, arena, 401, 20003, "Authentication Error - invalid username");
    }
    return true;
}

bool
twilio_check_envelope(const struct double_env *env, const struct double_request *request,
                      const char *resource, struct arena *arena, struct double_reply *reply)
{
    const char *duplicate = request_duplicate(request);

    if (duplicate != NULL)
    {
        return twilio_refuse(reply, arena, 400, 20001,
                             arena_printf(arena, "Duplicate header %s", duplicate));
    }
    if (!check_auth(env, request, arena, reply))
    {
        return false;
    }
    if (strcmp(request->path, arena_printf(arena, ACCOUNT "%s", resource)) != 0)
    {
        return twilio_refuse(reply, arena, 404, 20404, "The requested resource was not found");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return twilio_refuse(reply, arena, 405, 20004, "Method not allowed");
    }
    if (request->query[0] != '\0')
    {
        return twilio_refuse(reply, arena, 400, 20001, "Parameters in the query string");
    }
    if (!request_has_type(request, "application/x-www-form-urlencoded"))
    {
        return twilio_refuse(reply, arena, 400, 21604,
                             "A 'To' phone number is required (the body is not a form).");
    }
    return true;
}

bool
twilio_check_parameters(const struct twilio_form *form, const struct twilio_parameter *known,
                        struct arena *arena, struct double_reply *reply)
{
    for (size_t i = 0; i < form->count; i++)
    {
        const struct form_field *field = &form->fields[i];
        const struct twilio_parameter *parameter = known;

        while (parameter->name != NULL && strcmp(parameter->name, field->name) != 0)
        {
            parameter++;
        }
        if (parameter->name == NULL)
        {
            return twilio_refuse(reply, arena, 400, 20001,
                                 arena_printf(arena, "Unknown parameter %.64s", field->name));
        }
        if (field->malformed)
        {
            return twilio_refuse(
                reply, arena, 400, 20001,
                arena_printf(arena, "Parameter %s is not UTF-8 text", field->name));
        }
        for (size_t k = 0; k < i && !parameter->array; k++)
        {
            if (strcmp(form->fields[k].name, field->name) == 0)
            {
                return twilio_refuse(reply, arena, 400, 20001,
                                     arena_printf(arena, "Parameter %s occurs twice", field->name));
            }
        }
    }
    return true;
}

bool
twilio_is_callback(const char *url)
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

const char *
twilio_callback_id(struct arena *arena, const char *callback)
{
    const char *at = callback != NULL ? strstr(callback, "nid=") : NULL;

    return at == NULL ? NULL : arena_strndup(arena, at + 4, strcspn(at + 4, "&#"));
}

void
twilio_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED)
    {
        twilio_answer_error(ret, arena, 400, 21211, "The 'To' number is not a valid phone number.");
    }
    else if (status == 429)
    {
        twilio_answer_error(ret, arena, status, 20429, "Too Many Requests");
    }
    else if (status == 503)
    {
        twilio_answer_error(ret, arena, status, 20503, "Service unavailable");
    }
    else if (status >= 500)
    {
        twilio_answer_error(ret, arena, status, 20500, "Internal server error");
    }
    else if (status == 401)
    {
        twilio_answer_error(ret, arena, status, 20003, "Authenticate");
    }
    else if (status == 403)
    {
        twilio_answer_error(ret, arena, status, 20005, "Account not active");
    }
    else if (status == 404)
    {
        twilio_answer_error(ret, arena, status, 20404, "The requested resource was not found");
    }
    else
    {
        twilio_answer_error(ret, arena, status, 30400, "Invalid parameters");
    }
}
