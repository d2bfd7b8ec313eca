/*
 * Webhook: a signed POST to a URL that the recipient registered (Standard Webhooks).
 *
 * The address is the URL. The part body is a JSON document and becomes `data` of
 * {"type": template, "timestamp": when, "data": …}; receivers advise to stay within 20 KB. The
 * delivery id is webhook-id and constant over attempts, so receivers can recognise repeats; the
 * timestamp and signature headers are made anew for each attempt. Several secrets, separated by
 * blanks, give several signatures while keys are rotated. Only public addresses are connected to.
 */
#include <string.h>

#include "core/civil.h"
#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/signature.h"

#define WEBHOOK_BODY_MAX 2097152
#define WEBHOOK_TIMEOUT_MS 20000

static bool
webhook_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *problem = NULL;

    if (settings_get(settings, "endpoint") != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "unknown_setting",
                            "webhook has no endpoint: it sends to the URL of the device");
    }
    if (signature_make(arena, settings_get(settings, "secret"), "", 0, "", 0, &problem) == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_secret",
                            arena_printf(arena, "secret cannot be used: %s", problem));
    }
    return true;
}

/* Print {"type", "timestamp", "data"}; the document is sent as the template wrote it. */
static bool
make_body(const struct message *message, const char *document, struct arena *arena,
          struct wire_request *ret, struct provider_error *reterr)
{
    struct civil_time t =
        civil_from_seconds(message->time_s > 0 ? message->time_s : message->now_s);
    json *type = json_new_string(message->template_name);
    struct buf out;

    buf_init(&out, WEBHOOK_BODY_MAX);
    buf_printf(&out, "{\"type\":%s,\"timestamp\":\"%04d-%02d-%02dT%02d:%02d:%02dZ\",\"data\":",
               json_print(arena, type, NULL), t.year, t.month, t.day, t.hour, t.minute, t.second);
    buf_puts(&out, document);
    buf_putc(&out, '}');
    json_destroy(type);
    if (!out.overflow)
    {
        ret->body = arena_strndup(arena, out.data, out.len);
        ret->body_len = out.len;
    }
    buf_finish(&out);
    return ret->body != NULL || build_refuse(reterr, OUTCOME_CONTENT, "payload_too_large",
                                             "the request is larger than 2 MB");
}

static bool
check_message(const struct settings *settings, const struct message *message, const char *document,
              struct arena *arena, struct provider_error *reterr)
{
    const char *problem =
        address_check_url(message->address, settings_get_bool(settings, "allow_http", false));
    const char *json_error = NULL;

    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the URL cannot be used: %s", problem));
    }
    if (document == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "body is empty");
    }
    json_destroy(json_parse(document, strlen(document), &json_error));
    if (json_error != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "bad_body",
                            arena_printf(arena, "body is not a JSON document: %s", json_error));
    }
    return true;
}

static bool
webhook_build(const struct settings *settings, const struct message *message, struct arena *arena,
              struct wire_request *ret, struct provider_error *reterr)
{
    const char *document = message_part(message, "body");
    const char *problem = NULL;
    const char *signature;

    if (!check_message(settings, message, document, arena, reterr))
    {
        return false;
    }
    *ret = (struct wire_request){
        .kind = WIRE_HTTP, .method = "POST", .url = message->address, .public_addresses = true
    };
    if (!make_body(message, document, arena, ret, reterr))
    {
        return false;
    }
    signature = signature_make(arena, settings_get(settings, "secret"), message->delivery_id,
                               message->now_s, ret->body, ret->body_len, &problem);
    if (signature == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_secret",
                            arena_printf(arena, "secret cannot be used: %s", problem));
    }
    return build_header(ret, "content-type", "application/json", reterr) &&
           build_header(ret, "webhook-id", message->delivery_id, reterr) &&
           build_header(ret, "webhook-timestamp",
                        arena_printf(arena, "%lld", (long long) message->now_s), reterr) &&
           build_header(ret, "webhook-signature", signature, reterr);
}

/*
 * Endpoints belong to strangers: whatever one of them answers, the account and the other endpoints
 * go on. Bodies are not read, they are not ours to interpret.
 */
static void
webhook_classify(const struct settings *settings, const struct message *message,
                 const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    (void) settings;
    (void) message;
    switch (answer->status)
    {
        case 410:
            ret->class = OUTCOME_TOKEN_INVALID;
            break;
        case 429:
        case 502:
        case 504:
            ret->class = OUTCOME_THROTTLE;
            break;
        default:
            ret->class = ret->class == OUTCOME_ACCEPTED ? OUTCOME_ACCEPTED : OUTCOME_RETRY;
            break;
    }
    if (ret->class != OUTCOME_ACCEPTED)
    {
        ret->reason = answer->status >= 300 && answer->status < 400
                          ? "the endpoint redirects, which is not followed"
                          : arena_printf(arena, "the endpoint answered %d", answer->status);
    }
}

static const struct provider_setting webhook_settings[] = {
    { .name = "secret",
      .required = true,
      .secret = true,
      .doc = "whsec_ and base64 of 24 to 64 bytes; several while keys are rotated" },
    { .name = NULL },
};

const struct provider provider_webhook = {
    .kind = "webhook",
    .channel = CHANNEL_WEBHOOK,
    .issuer = "webhook",
    .doc = "signed webhooks (Standard Webhooks)",
    .settings = webhook_settings,
    .total_timeout_ms = WEBHOOK_TIMEOUT_MS,
    .address_hosts = true,
    .check = webhook_check,
    .build = webhook_build,
    .classify = webhook_classify,
};
