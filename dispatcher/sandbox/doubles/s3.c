/*
 * Amazon S3 with one bucket: GET, PUT and DELETE of /BUCKET/KEY, signed with Signature Version 4
 * for the service "s3", whose header x-amz-content-sha256 must be the body's hash. No provider: it
 * belongs to the store of objects. What a fault spoils was done all the same.
 */
#include <string.h>

#include "sandbox/double.h"
#include "sandbox/objects.h"
#include "sandbox/sigv4.h"

#define SECRET "S3_SECRET_ACCESS_KEY"
#define PREFIX "/" SANDBOX_S3_BUCKET "/"
#define BODY_MAX ((size_t) 100 * 1024 * 1024)
#define KEY_BYTES_MAX 1024
#define HASH_HEADER "x-amz-content-sha256"

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *code,
             const char *message)
{
    reply_body(reply, status, "application/xml",
               arena_printf(arena,
                            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                            "<Message>%s</Message></Error>",
                            code, message));
}

static void
refuse(struct double_reply *reply, struct arena *arena, int status, const char *code,
       const char *message)
{
    answer_error(reply, arena, status, code, message);
    reply->decision = DECISION_REFUSE;
    reply->violation = message;
}

static bool
check_signature(struct double_env *env, const struct double_request *request, struct arena *arena,
                struct double_reply *ret)
{
    static const struct sigv4_rules rules = {
        .service = "s3",
        .region = SANDBOX_S3_REGION,
        .key_id = SANDBOX_S3_KEY_ID,
        .secret = SECRET,
    };
    static const struct
    {
        int status;
        const char *code;
    } errors[] = {
        [SIGV4_MISSING] = { 403, "AccessDenied" },
        [SIGV4_INCOMPLETE] = { 403, "AccessDenied" },
        [SIGV4_WRONG_SCOPE] = { 400, "AuthorizationHeaderMalformed" },
        [SIGV4_UNKNOWN_KEY] = { 403, "InvalidAccessKeyId" },
        [SIGV4_WRONG_TOKEN] = { 400, "InvalidToken" },
        [SIGV4_SKEWED] = { 403, "RequestTimeTooSkewed" },
        [SIGV4_WRONG_SIGNATURE] = { 403, "SignatureDoesNotMatch" },
    };
    const char *hash = request_header(request, HASH_HEADER);
    const char *message = NULL;
    enum sigv4_verdict verdict;

    if (hash == NULL)
    {
        refuse(ret, arena, 400, "InvalidRequest", "Missing required header: " HASH_HEADER);
        return false;
    }
    verdict = sigv4_verify(env, request, &rules, hash, arena, &message);
    if (verdict != SIGV4_RIGHT)
    {
        refuse(ret, arena, errors[verdict].status, errors[verdict].code, message);
        return false;
    }
    if (strcmp(hash, sigv4_hash(request, arena)) != 0)
    {
        refuse(ret, arena, 400, "XAmzContentSHA256Mismatch",
               "The provided '" HASH_HEADER "' header does not match what was computed.");
        return false;
    }
    return true;
}

static bool
check_envelope(const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    size_t key_len = strlen(request->path) - strlen(PREFIX);

    if (request_duplicate(request) != NULL)
    {
        refuse(ret, arena, 400, "InvalidRequest", "a header occurs twice");
        return false;
    }
    if (key_len == 0 || key_len > KEY_BYTES_MAX || request->query[0] != '\0')
    {
        refuse(ret, arena, 400, "InvalidRequest", "only objects can be asked for, without a query");
        return false;
    }
    if (request->body_len > BODY_MAX)
    {
        refuse(ret, arena, 400, "EntityTooLarge", "the object is larger than 100 MB");
        return false;
    }
    if (strcmp(request->method, "PUT") != 0 && request->body_len > 0)
    {
        refuse(ret, arena, 400, "InvalidRequest", "the request has a body");
        return false;
    }
    return true;
}

static void
get(struct double_env *env, const char *key, struct arena *arena, struct double_reply *ret)
{
    size_t len;
    const char *data = objects_get(env->objects, key, &len);

    if (data == NULL)
    {
        answer_error(ret, arena, 404, "NoSuchKey", "The specified key does not exist.");
        return;
    }
    ret->status = 200;
    ret->body = arena_strndup(arena, data, len);
    ret->body_len = len;
    reply_header(ret, "content-type", "application/octet-stream");
}

static void
s3_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
         struct arena *arena, struct double_reply *ret)
{
    const char *key = request->path + strlen(PREFIX);

    (void) conn;
    ret->address = key;
    if (!check_envelope(request, arena, ret) || !check_signature(env, request, arena, ret))
    {
        return;
    }
    if (strcmp(request->method, "GET") == 0)
    {
        get(env, key, arena, ret);
    }
    else if (strcmp(request->method, "DELETE") == 0)
    {
        objects_remove(env->objects, key);
        ret->status = 204;
    }
    else if (strcmp(request->method, "PUT") != 0)
    {
        refuse(ret, arena, 405, "MethodNotAllowed", "the method is none of GET, PUT and DELETE");
    }
    else if (objects_put(env->objects, key, request->body, request->body_len))
    {
        ret->status = 200;
    }
    else
    {
        refuse(ret, arena, 503, "SlowDown", "the sandbox has no room for more objects");
    }
}

static void
s3_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    switch (status)
    {
        case STATUS_UNREGISTERED:
        case 404:
            answer_error(ret, arena, 404, "NoSuchKey", "The specified key does not exist.");
            break;
        case 403:
            answer_error(ret, arena, 403, "AccessDenied", "Access Denied");
            break;
        case 429:
        case 503:
            answer_error(ret, arena, status, "SlowDown", "Please reduce your request rate.");
            break;
        default:
            answer_error(ret, arena, status, status >= 500 ? "InternalError" : "InvalidRequest",
                         "The request failed");
            break;
    }
}

const struct sandbox_double double_s3 = {
    .name = "s3",
    .prefix = PREFIX,
    .body_max = BODY_MAX + 1,
    .account = "bucket " SANDBOX_S3_BUCKET " in region " SANDBOX_S3_REGION,
    .secrets = { { "S3_ACCESS_KEY_ID", SANDBOX_S3_KEY_ID, SECRET_FIXED },
                 { SECRET, "", SECRET_BASE64URL } },
    .judge = s3_judge,
    .fail = s3_fail,
};
