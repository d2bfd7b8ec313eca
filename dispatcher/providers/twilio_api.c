/* Twilio's sign-in, callbacks and codes. */
#include "providers/twilio_api.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"

#define TWILIO_ENDPOINT "https://api.twilio.com"
#define TWILIO_SID_DIGITS 32
#define SECONDS_PER_DAY 86400

enum twilio_pause
{
    PAUSE_NONE,
    PAUSE_DAY /* a daily cap: until the next day */
};

/* Codes from first to last, both included. */
struct twilio_code
{
    int first;
    int last;
    enum outcome_class class;
    enum twilio_pause pause;
};

static const struct twilio_code twilio_codes[] = {
    { 10001, 10001, OUTCOME_CONFIG, PAUSE_NONE },
    { 13224, 13224, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 13225, 13225, OUTCOME_SUPPRESSED, PAUSE_NONE },
    { 13227, 13227, OUTCOME_CONFIG, PAUSE_NONE },
    { 14107, 14107, OUTCOME_THROTTLE, PAUSE_NONE },
    { 20003, 20003, OUTCOME_CONFIG, PAUSE_NONE },
    { 20005, 20006, OUTCOME_CONFIG, PAUSE_NONE },
    { 20404, 20404, OUTCOME_CONFIG, PAUSE_NONE },
    { 20429, 20429, OUTCOME_THROTTLE, PAUSE_NONE },
    { 20500, 20500, OUTCOME_UNKNOWN, PAUSE_NONE },
    { 20503, 20503, OUTCOME_UNKNOWN, PAUSE_NONE },
    { 21201, 21201, OUTCOME_CONTENT, PAUSE_NONE },
    { 21202, 21202, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21203, 21203, OUTCOME_CONFIG, PAUSE_NONE },
    { 21205, 21205, OUTCOME_CONTENT, PAUSE_NONE },
    { 21210, 21210, OUTCOME_CONFIG, PAUSE_NONE },
    { 21211, 21211, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21212, 21212, OUTCOME_CONFIG, PAUSE_NONE },
    { 21213, 21213, OUTCOME_CONFIG, PAUSE_NONE },
    { 21214, 21214, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21215, 21215, OUTCOME_CONFIG, PAUSE_NONE },
    { 21216, 21216, OUTCOME_SUPPRESSED, PAUSE_NONE },
    { 21217, 21217, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21218, 21218, OUTCOME_CONFIG, PAUSE_NONE },
    { 21219, 21219, OUTCOME_CONFIG, PAUSE_NONE },
    { 21401, 21401, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21408, 21408, OUTCOME_CONFIG, PAUSE_NONE },
    { 21602, 21602, OUTCOME_CONTENT, PAUSE_NONE },
    { 21603, 21603, OUTCOME_CONFIG, PAUSE_NONE },
    { 21604, 21604, OUTCOME_CONTENT, PAUSE_NONE },
    { 21606, 21606, OUTCOME_CONFIG, PAUSE_NONE },
    { 21608, 21609, OUTCOME_CONFIG, PAUSE_NONE },
    { 21610, 21610, OUTCOME_SUPPRESSED, PAUSE_NONE },
    { 21611, 21611, OUTCOME_THROTTLE, PAUSE_NONE },
    { 21612, 21612, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21614, 21614, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 21616, 21616, OUTCOME_CONFIG, PAUSE_NONE },
    { 21617, 21617, OUTCOME_CONTENT, PAUSE_NONE },
    { 21619, 21620, OUTCOME_CONTENT, PAUSE_NONE },
    { 21623, 21624, OUTCOME_CONTENT, PAUSE_NONE },
    { 21654, 21658, OUTCOME_CONTENT, PAUSE_NONE },
    { 21701, 21705, OUTCOME_CONFIG, PAUSE_NONE },
    { 21709, 21715, OUTCOME_CONFIG, PAUSE_NONE },
    { 30001, 30001, OUTCOME_THROTTLE, PAUSE_NONE },
    { 30002, 30002, OUTCOME_CONFIG, PAUSE_NONE },
    { 30003, 30003, OUTCOME_RETRY, PAUSE_NONE },
    { 30004, 30004, OUTCOME_SUPPRESSED, PAUSE_NONE },
    { 30005, 30006, OUTCOME_TOKEN_INVALID, PAUSE_NONE },
    { 30007, 30007, OUTCOME_CONTENT, PAUSE_NONE },
    { 30008, 30008, OUTCOME_RETRY, PAUSE_NONE },
    { 30010, 30010, OUTCOME_CONFIG, PAUSE_NONE },
    { 30011, 30011, OUTCOME_CONTENT, PAUSE_NONE },
    { 30017, 30017, OUTCOME_RETRY, PAUSE_NONE },
    { 30018, 30018, OUTCOME_CONFIG, PAUSE_NONE },
    { 30019, 30019, OUTCOME_CONTENT, PAUSE_NONE },
    { 30020, 30021, OUTCOME_RETRY, PAUSE_NONE },
    { 30022, 30022, OUTCOME_THROTTLE, PAUSE_NONE },
    { 30023, 30023, OUTCOME_THROTTLE, PAUSE_DAY },
    { 30024, 30024, OUTCOME_CONFIG, PAUSE_NONE },
    { 30027, 30027, OUTCOME_THROTTLE, PAUSE_DAY },
    { 30032, 30035, OUTCOME_CONFIG, PAUSE_NONE },
    { 30400, 30400, OUTCOME_CONTENT, PAUSE_NONE },
    { 30410, 30410, OUTCOME_RETRY, PAUSE_NONE },
    { 30450, 30450, OUTCOME_SUPPRESSED, PAUSE_NONE },
    { 63014, 63014, OUTCOME_SUPPRESSED, PAUSE_NONE },
};

bool
twilio_is_sid(const char *text, const char *prefix)
{
    return strncmp(text, prefix, 2) == 0 && strlen(text) == 2 + TWILIO_SID_DIGITS &&
           strspn(text + 2, "0123456789abcdefABCDEF") == TWILIO_SID_DIGITS;
}

static bool
check_callback(const char *url, const struct settings *settings, struct arena *arena,
               struct provider_error *reterr)
{
    const char *problem =
        url == NULL ? NULL
                    : address_check_url(url, settings_get_bool(settings, "allow_http", false));

    if (url != NULL && problem == NULL)
    {
        const char *host = strstr(url, "://") + 3;

        problem = memchr(host, '_', strcspn(host, "/?")) == NULL
                      ? NULL
                      : "its host name holds an underscore";
    }
    if (problem == NULL)
    {
        return true;
    }
    return build_refuse(reterr, OUTCOME_CONFIG, "bad_status_callback",
                        arena_printf(arena, "status_callback cannot be used: %s", problem));
}

bool
twilio_check_account(const struct settings *settings, struct arena *arena,
                     struct provider_error *reterr)
{
    const char *key = settings_get(settings, "key_sid");

    if (!twilio_is_sid(settings_get(settings, "account_sid"), "AC"))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_sid",
                            "account_sid is not AC and 32 hexadecimal digits");
    }
    if (key != NULL && !twilio_is_sid(key, "SK"))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_sid",
                            "key_sid is not SK and 32 hexadecimal digits");
    }
    return check_callback(settings_get(settings, "status_callback"), settings, arena, reterr);
}

bool
twilio_check_address(const struct message *message, struct arena *arena,
                     struct provider_error *reterr)
{
    const char *problem = address_check_phone(message->address);

    return problem == NULL ||
           build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                        arena_printf(arena, "the address is not an E.164 number: %s", problem));
}

void
twilio_add_callback(struct buf *form, const struct settings *settings,
                    const struct message *message, struct arena *arena)
{
    const char *callback = settings_get(settings, "status_callback");

    if (callback != NULL)
    {
        build_form_field(form, "StatusCallback",
                         arena_printf(arena, "%s%cnid=%s", callback,
                                      strchr(callback, '?') == NULL ? '?' : '&',
                                      message->delivery_id));
    }
}

bool
twilio_finish(struct wire_request *ret, const struct settings *settings, const char *resource,
              struct buf *form, struct arena *arena, struct provider_error *reterr)
{
    const char *account = settings_get(settings, "account_sid");
    const char *key = settings_get(settings, "key_sid");

    build_post(ret, settings, TWILIO_ENDPOINT,
               arena_printf(arena, "/2010-04-01/Accounts/%s/%s", account, resource), arena);
    ret->username = key != NULL ? key : account;
    ret->password = settings_get(settings, "auth_token");
    build_form_body(ret, form, arena);
    return build_header(ret, "accept", "application/json", reterr);
}

static const struct twilio_code *
find_code(int64_t code)
{
    for (size_t i = 0; i < sizeof(twilio_codes) / sizeof(twilio_codes[0]); i++)
    {
        if (code >= twilio_codes[i].first && code <= twilio_codes[i].last)
        {
            return &twilio_codes[i];
        }
    }
    return NULL;
}

static void
apply_code(int64_t code, enum outcome_class fallback, const struct message *message,
           struct arena *arena, struct outcome *ret)
{
    const struct twilio_code *row = find_code(code);

    ret->class = row != NULL ? row->class : fallback;
    if (code > 0)
    {
        ret->code = arena_printf(arena, "%lld", (long long) code);
    }
    if (row != NULL && row->pause == PAUSE_DAY)
    {
        ret->retry_after_ms = (SECONDS_PER_DAY - message->now_s % SECONDS_PER_DAY) * 1000;
    }
}

/* A number that may be spelled as text; 0 when it is neither. */
static int64_t
get_code(const json *root, const char *name)
{
    const char *text = json_get_string(root, name);

    return text != NULL ? strtol(text, NULL, 10) : json_get_int(root, name, 0);
}

/* What was created may already have failed. */
static void
judge_created(const json *root, const struct message *message, struct arena *arena,
              struct outcome *ret)
{
    const char *status = json_get_string(root, "status");

    ret->provider_id = arena_strdup(arena, json_get_string(root, "sid"));
    if (status != NULL && (strcmp(status, "failed") == 0 || strcmp(status, "undelivered") == 0 ||
                           strcmp(status, "canceled") == 0))
    {
        apply_code(get_code(root, "error_code"), OUTCOME_CONTENT, message, arena, ret);
        ret->reason = arena_strdup(arena, json_get_string(root, "error_message"));
    }
}

void
twilio_classify(const struct settings *settings, const struct message *message,
                const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);

    (void) settings;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        judge_created(root, message, arena, ret);
    }
    else
    {
        enum outcome_class fallback = answer->status == 404 ? OUTCOME_CONFIG : ret->class;

        apply_code(get_code(root, "code"), fallback, message, arena, ret);
        ret->reason = arena_strdup(arena, json_get_string(root, "message"));
    }
    json_destroy(root);
}
