/*
 * FCM: Firebase Cloud Messaging, HTTP v1, with a service account.
 *
 * The address is a registration token, a topic or a condition of topics. An RS256 assertion is
 * exchanged at token_uri for a bearer token. What is sent makes fcm_message.c. FCM has no
 * idempotency key; a collapse_key makes repeats replace each other on the device.
 */
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/fcm_message.h"
#include "providers/provider.h"
#include "providers/push.h"

#define FCM_ENDPOINT "https://fcm.googleapis.com"
#define FCM_TOKEN_URI "https://oauth2.googleapis.com/token"
#define FCM_SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define FCM_GRANT_TYPE "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define FCM_ERROR_TYPE "google.firebase.fcm.v1.FcmError"
#define FCM_BAD_REQUEST_TYPE "google.rpc.BadRequest"
#define FCM_PAYLOAD_MAX 4096
#define FCM_QUOTA_PAUSE_MS 60000
#define FCM_ASSERTION_S 3600
#define FCM_REFRESH_EARLY_S 300
#define FCM_GRANT_MIN_S 30
#define FCM_TIMEOUT_MS 30000
#define FORM_BYTES_MAX 65536

struct fcm_error
{
    const char *code;
    enum outcome_class class;
};

static const struct fcm_error fcm_errors[] = {
    { "APNS_AUTH_ERROR", OUTCOME_CONFIG },
    { "INTERNAL", OUTCOME_UNKNOWN },
    { "INVALID_ARGUMENT", OUTCOME_CONTENT },
    { "QUOTA_EXCEEDED", OUTCOME_THROTTLE },
    { "SENDER_ID_MISMATCH", OUTCOME_TOKEN_INVALID },
    { "THIRD_PARTY_AUTH_ERROR", OUTCOME_CONFIG },
    { "UNAVAILABLE", OUTCOME_RETRY },
    { "UNREGISTERED", OUTCOME_TOKEN_INVALID },
};

static const char *
token_uri(const struct settings *settings)
{
    const char *uri = settings_get(settings, "token_uri");

    return uri == NULL ? FCM_TOKEN_URI : uri;
}

static bool
fcm_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *project = settings_get(settings, "project_id");
    const char *problem =
        address_check_url(token_uri(settings), settings_get_bool(settings, "allow_http", false));
    const char *key_error = NULL;

    if (strspn(project, "abcdefghijklmnopqrstuvwxyz0123456789-.:") != strlen(project))
    {
        return build_refuse(
            reterr, OUTCOME_CONFIG, "bad_project_id",
            "project_id may hold lower-case letters, digits, hyphens, dots and colons");
    }
    if (address_check_mailbox(settings_get(settings, "client_email")) != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_client_email",
                            "client_email is not the mailbox of a service account");
    }
    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_token_uri",
                            arena_printf(arena, "token_uri cannot be used: %s", problem));
    }
    if (!crypto_check_key(JWT_RS256, settings_get(settings, "private_key"), &key_error))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_key",
                            arena_printf(arena, "private_key cannot be used: %s", key_error));
    }
    return true;
}

static bool
fcm_credential(const struct settings *settings, const char *audience, int64_t now_s,
               struct arena *arena, struct credential_plan *ret, struct provider_error *reterr)
{
    json *claims = json_new_object();

    (void) audience;
    (void) reterr;
    json_put(claims, "iss", json_new_string(settings_get(settings, "client_email")));
    json_put(claims, "scope", json_new_string(FCM_SCOPE));
    json_put(claims, "aud", json_new_string(token_uri(settings)));
    json_put(claims, "iat", json_new_int(now_s));
    json_put(claims, "exp", json_new_int(now_s + FCM_ASSERTION_S));
    *ret = (struct credential_plan){
        .algorithm = JWT_RS256,
        .header_json = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        .claims_json = json_print(arena, claims, NULL),
        .key_pem = settings_get(settings, "private_key"),
        .valid_s = FCM_ASSERTION_S - FCM_REFRESH_EARLY_S,
        .exchange_url = token_uri(settings),
    };
    json_destroy(claims);
    return true;
}

static bool
fcm_exchange(const struct settings *settings, const char *assertion, struct arena *arena,
             struct wire_request *ret)
{
    struct buf form;

    *ret = (struct wire_request){ .kind = WIRE_HTTP, .method = "POST", .url = token_uri(settings) };
    buf_init(&form, FORM_BYTES_MAX);
    build_form_field(&form, "grant_type", FCM_GRANT_TYPE);
    build_form_field(&form, "assertion", assertion);
    build_form_body(ret, &form, arena);
    return wire_add_header(ret, "accept", "application/json");
}

static void
fcm_granted(const struct wire_answer *answer, struct arena *arena, struct credential_grant *ret,
            struct outcome *ret_outcome)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const char *token = json_get_string(root, "access_token");
    int64_t expires = json_get_int(root, "expires_in", FCM_ASSERTION_S) - FCM_REFRESH_EARLY_S;

    if (ret_outcome->class == OUTCOME_ACCEPTED && (token == NULL || *token == '\0'))
    {
        ret_outcome->class = OUTCOME_RETRY;
        ret_outcome->reason = "the token service answered without an access token";
    }
    else if (ret_outcome->class == OUTCOME_ACCEPTED)
    {
        ret->token = arena_strdup(arena, token);
        ret->valid_s = expires > FCM_GRANT_MIN_S ? expires : FCM_GRANT_MIN_S;
    }
    else
    {
        ret_outcome->code = arena_strdup(arena, json_get_string(root, "error"));
        ret_outcome->reason = arena_strdup(arena, json_get_string(root, "error_description"));
        ret_outcome->class = answer->status == 429 ? OUTCOME_RETRY : ret_outcome->class;
    }
    json_destroy(root);
}

static bool
fcm_build(const struct settings *settings, const struct message *message, struct arena *arena,
          struct wire_request *ret, struct provider_error *reterr)
{
    const char *path =
        arena_printf(arena, "/v1/projects/%s/messages:send", settings_get(settings, "project_id"));
    struct push_parts parts;
    json *document;

    if (message->credential == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "no_credential", "there is no access token");
    }
    if (!push_read(message, arena, &parts, reterr))
    {
        return false;
    }
    document = fcm_make_document(message, &parts, arena, reterr);
    push_finish(&parts);
    if (document == NULL)
    {
        return false;
    }
    build_post(ret, settings, FCM_ENDPOINT, path, arena);
    build_json_body(ret, document, arena);
    if (ret->body_len > FCM_PAYLOAD_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "payload_too_large",
                            arena_printf(arena, "the message has %zu bytes, more than %d",
                                         ret->body_len, FCM_PAYLOAD_MAX));
    }
    return build_header(ret, "authorization", arena_printf(arena, "Bearer %s", message->credential),
                        reterr);
}

/* The detail of an error whose type ends in the given name, or NULL. */
static json *
find_detail(const json *error, const char *type)
{
    const json *details = json_get(error, "details");

    for (size_t i = 0; i < json_array_length(details); i++)
    {
        json *detail = json_array_at(details, i);
        const char *name = json_get_string(detail, "@type");
        size_t len = name == NULL ? 0 : strlen(name);

        if (len >= strlen(type) && strcmp(name + len - strlen(type), type) == 0)
        {
            return detail;
        }
    }
    return NULL;
}

/* Is it the token that is not valid? When in doubt it is the message. */
static bool
blames_token(const json *error)
{
    const char *text = json_get_string(error, "message");
    const json *violations = json_get(find_detail(error, FCM_BAD_REQUEST_TYPE), "fieldViolations");

    if (text != NULL && strstr(text, "registration token is not a valid") != NULL)
    {
        return true;
    }
    for (size_t i = 0; i < json_array_length(violations); i++)
    {
        const char *field = json_get_string(json_array_at(violations, i), "field");

        if (field != NULL && strcmp(field, "message.token") == 0)
        {
            return true;
        }
    }
    return false;
}

/* Errors that carry no FcmError: they come from the layer in front of FCM. */
static void
judge_status(int status, const struct message *message, struct outcome *ret)
{
    if (status == 401 && !message->second_try)
    {
        ret->class = OUTCOME_RETRY;
        ret->refresh_credential = true;
    }
    else if (status == 404)
    {
        ret->class = OUTCOME_CONFIG;
    }
    else if (status == 503)
    {
        ret->class = OUTCOME_RETRY;
    }
}

static void
fcm_classify(const struct settings *settings, const struct message *message,
             const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const json *error = json_get(root, "error");
    const char *code = json_get_string(find_detail(error, FCM_ERROR_TYPE), "errorCode");
    const struct fcm_error *row = NULL;

    (void) settings;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        ret->provider_id = arena_strdup(arena, json_get_string(root, "name"));
        json_destroy(root);
        return;
    }
    for (size_t i = 0; code != NULL && i < sizeof(fcm_errors) / sizeof(fcm_errors[0]); i++)
    {
        if (strcmp(fcm_errors[i].code, code) == 0)
        {
            row = &fcm_errors[i];
        }
    }
    ret->code = arena_strdup(arena, code != NULL ? code : json_get_string(error, "status"));
    ret->reason = arena_strdup(arena, json_get_string(error, "message"));
    if (row != NULL)
    {
        ret->class = row->class;
    }
    else if (code == NULL)
    {
        judge_status(answer->status, message, ret);
    }
    if (ret->class == OUTCOME_CONTENT && answer->status == 400 && blames_token(error))
    {
        ret->class = OUTCOME_TOKEN_INVALID;
        ret->suspect = true;
    }
    if (ret->class == OUTCOME_THROTTLE && answer->retry_after_s < 0)
    {
        ret->retry_after_ms = FCM_QUOTA_PAUSE_MS;
    }
    json_destroy(root);
}

static const struct provider_setting fcm_settings[] = {
    { .name = "project_id", .required = true, .doc = "id of the Firebase project" },
    { .name = "client_email", .required = true, .doc = "client_email of the service account" },
    { .name = "private_key",
      .required = true,
      .secret = true,
      .multiline = true,
      .doc = "private_key of the service account (PEM, RSA)" },
    { .name = "token_uri", .doc = "token_uri of the service account, default " FCM_TOKEN_URI },
    { .name = NULL },
};

const struct provider provider_fcm = {
    .kind = "fcm",
    .channel = CHANNEL_PUSH,
    .issuer = "fcm",
    .doc = "Firebase Cloud Messaging, HTTP v1",
    .settings = fcm_settings,
    .total_timeout_ms = FCM_TIMEOUT_MS,
    .check = fcm_check,
    .credential = fcm_credential,
    .exchange = fcm_exchange,
    .granted = fcm_granted,
    .build = fcm_build,
    .classify = fcm_classify,
};
