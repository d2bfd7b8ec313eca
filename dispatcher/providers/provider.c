/* What all providers share: names, classes of statuses and transport results, clean outcomes. */
#include "providers/provider.h"

#include <string.h>

#include "providers/scrub.h"

#define CODE_BYTES_MAX 64
#define PROVIDER_ID_BYTES_MAX 200
#define HINT_SECONDS_MAX 2592000

static const char *const class_names[OUTCOME_CLASS_COUNT] = {
    [OUTCOME_ACCEPTED] = "accepted",     [OUTCOME_RETRY] = "retry",
    [OUTCOME_THROTTLE] = "throttle",     [OUTCOME_TOKEN_INVALID] = "token_invalid",
    [OUTCOME_SUPPRESSED] = "suppressed", [OUTCOME_CONTENT] = "content",
    [OUTCOME_CONFIG] = "config",         [OUTCOME_UNKNOWN] = "unknown",
};

static const char *const channel_names[CHANNEL_COUNT] = {
    [CHANNEL_PUSH] = "push",   [CHANNEL_SMS] = "sms",   [CHANNEL_EMAIL] = "email",
    [CHANNEL_VOICE] = "voice", [CHANNEL_CHAT] = "chat", [CHANNEL_WEBHOOK] = "webhook",
    [CHANNEL_INAPP] = "inapp",
};

const char *outcome_class_name(enum outcome_class class)
{
    return class_names[class];
}

const char *
channel_name(enum channel channel)
{
    return channel_names[channel];
}

bool
channel_from_name(const char *name, enum channel *ret)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        if (strcmp(channel_names[i], name) == 0)
        {
            *ret = (enum channel) i;
            return true;
        }
    }
    return false;
}

const char *
message_part(const struct message *message, const char *name)
{
    for (size_t i = 0; i < message->part_count; i++)
    {
        if (strcmp(message->parts[i].name, name) == 0)
        {
            return message->parts[i].len > 0 ? message->parts[i].text : NULL;
        }
    }
    return NULL;
}

enum outcome_class
provider_class_of_status(int status)
{
    if (status >= 200 && status < 300)
    {
        return OUTCOME_ACCEPTED;
    }
    if (status >= 300 && status < 400)
    {
        return OUTCOME_CONFIG;
    }
    switch (status)
    {
        case 401:
        case 402:
        case 403:
        case 407:
            return OUTCOME_CONFIG;
        case 408:
        case 425:
            return OUTCOME_RETRY;
        case 429:
            return OUTCOME_THROTTLE;
        default:
            return status >= 400 && status < 500 ? OUTCOME_CONTENT : OUTCOME_UNKNOWN;
    }
}

/* Results without an answer: what decides is whether the request may have been executed. */
static enum outcome_class
class_of_transport(const struct wire_answer *answer)
{
    switch (answer->result)
    {
        case WIRE_NOT_SENT:
            return OUTCOME_RETRY;
        case WIRE_FORBIDDEN:
            return OUTCOME_CONTENT;
        case WIRE_NOT_HTTP2:
            return OUTCOME_CONFIG;
        case WIRE_AUTH_FAILED:
            /* 454 and its kind: the server cannot check credentials at the moment. */
            return answer->status >= 400 && answer->status < 500 ? OUTCOME_RETRY : OUTCOME_CONFIG;
        case WIRE_AMBIGUOUS:
        case WIRE_ANSWERED:
            break;
    }
    return OUTCOME_UNKNOWN;
}

static void
outcome_init(struct outcome *outcome, enum outcome_class class)
{
    *outcome = (struct outcome){ .class = class, .retry_after_ms = -1 };
}

/* The Retry-After header counts unless the provider found a hint of its own. */
static void
outcome_take_hint(struct outcome *outcome, const struct wire_answer *answer)
{
    int64_t seconds = answer->retry_after_s;

    if (outcome->retry_after_ms >= 0 || seconds < 0)
    {
        return;
    }
    if (outcome->class == OUTCOME_RETRY || outcome->class == OUTCOME_THROTTLE ||
        outcome->class == OUTCOME_UNKNOWN)
    {
        outcome->retry_after_ms = (seconds < HINT_SECONDS_MAX ? seconds : HINT_SECONDS_MAX) * 1000;
    }
}

static void
outcome_clean(struct outcome *outcome, const struct provider *provider,
              const struct settings *settings, const struct message *message, struct arena *arena)
{
    outcome->code = scrub_word(arena, outcome->code, CODE_BYTES_MAX);
    outcome->provider_id = scrub_word(arena, outcome->provider_id, PROVIDER_ID_BYTES_MAX);
    outcome->reason = scrub_reason(arena, provider, settings, message, outcome->reason);
}

static bool
concerns_host(const struct outcome *outcome)
{
    return outcome->class == OUTCOME_RETRY || outcome->class == OUTCOME_THROTTLE ||
           outcome->class == OUTCOME_CONFIG || outcome->class == OUTCOME_UNKNOWN;
}

void
provider_classify(const struct provider *provider, const struct settings *settings,
                  const struct message *message, const struct wire_answer *answer,
                  struct arena *arena, struct outcome *ret)
{
    if (answer->result == WIRE_ANSWERED)
    {
        outcome_init(ret, provider_class_of_status(answer->status));
        provider->classify(settings, message, answer, arena, ret);
        outcome_take_hint(ret, answer);
    }
    else
    {
        outcome_init(ret, class_of_transport(answer));
        ret->reason = answer->error;
    }
    ret->address_only = ret->address_only || (provider->address_hosts && concerns_host(ret));
    outcome_clean(ret, provider, settings, message, arena);
}

void
provider_classify_grant(const struct provider *provider, const struct settings *settings,
                        const struct wire_answer *answer, struct arena *arena,
                        struct credential_grant *ret_grant, struct outcome *ret)
{
    static const struct message nobody = { .address = "" };

    if (answer->result == WIRE_ANSWERED)
    {
        outcome_init(ret, provider_class_of_status(answer->status));
        provider->granted(answer, arena, ret_grant, ret);
        outcome_take_hint(ret, answer);
    }
    else
    {
        outcome_init(ret, class_of_transport(answer));
        ret->reason = answer->error;
    }
    /* Asking for a credential sends nothing to anybody: repeating it is harmless. */
    if (ret->class == OUTCOME_UNKNOWN)
    {
        ret->class = OUTCOME_RETRY;
    }
    /* No message is at fault when the token service cannot be used. */
    if (ret->class == OUTCOME_CONTENT)
    {
        ret->class = OUTCOME_CONFIG;
    }
    outcome_clean(ret, provider, settings, &nobody, arena);
}
