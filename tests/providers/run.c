/*
 * Runs the providers' case files: message and settings in, exact request out; canned answer in,
 * verdict out. Prints TAP. Usage: run [FILE.case…], without files all of tests/providers; the
 * name of a file is the provider's kind.
 *
 * A file is a list of "key: value" lines; "#" begins a comment line. Lines before the first "case:"
 * hold for all cases. A line that begins with two blanks belongs to the line before it.
 *
 *   deliver, spoilt: JSON    for tests/tap/every_kind.t
 *   never: WORD…             classes the provider never gives, and "bodies" if it reads none
 *   case: title
 *   setting|secret|map: name=value   unset: name; a map's value is a JSON object
 *   message: JSON            merged over the message so far; null removes; random is base64url;
 *                            attachments have name, type, inline (or none) and content, a text
 *   invalid: code text       the settings are refused, the reason holds the text
 *   plan: ES256 valid_s [exchange URL]      jose: JSON      claims: JSON
 *   refused: class code text the message is refused
 *   request: METHOD URL      and below it all headers; "MAIL URL" for mail
 *   exchange: METHOD URL     the same, of the exchange of the assertion ASSERTION
 *   flags: http2 public starttls        login: user password        envelope: from to
 *   body: text               or below it the lines, "|" before each; mail lines end with CRLF
 *   size: bytes              of the body
 *   binary: BASE64URL        the body
 *   decrypted: text          of a body that is encrypted for the receiver of RFC 8291
 *   answer: status [stage]   and below it the headers; token-answer: of an exchange
 *   transport: result text   instead of an answer
 *   text: text               body or SMTP reply of the answer
 *   verdict: class [code=] [id=] [wait=ms] [since=ms] [suspect] [new_connection] [refresh]
 *            [address_only]  exactly
 *   reason: text             exactly, or "none"
 *   grant: token valid_s
 *
 * In values ${ec_key}, ${rsa_key} and ${weak_key} are PEM keys made for the run, ${push_key} that
 * of the receiver, ${lf} is a line break, ${repeat N text} is N times the text.
 */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/utf8.h"
#include "providers/case_file.h"
#include "providers/case_message.h"
#include "providers/flat_body.h"
#include "providers/provider.h"

#define SECRETS_MAX 8

/* What a file's cases have shown so far. */
struct coverage
{
    bool classes[OUTCOME_CLASS_COUNT];
    bool never[OUTCOME_CLASS_COUNT];
    bool no_bodies;
    bool invalid;
    bool refused;
    bool injection;
    bool empty_body;
    bool html_body;
    bool malformed_body;
};

/* One case while it runs. */
struct run
{
    struct arena *arena;
    const struct provider *provider;
    const struct line *common;
    const struct line *lines;
    struct settings *settings;
    const char *secrets[SECRETS_MAX];
    size_t secret_count;
    struct message message;
    struct buf problems; /* one comment line each */
};

static int test_count;
static int failure_count;

static void __attribute__((format(printf, 2, 3))) fail(struct run *run, const char *format, ...)
{
    va_list args;
    char text[4096];

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_puts(&run->problems, "# ");
    for (const char *p = text; *p != '\0'; p++)
    {
        buf_putc(&run->problems, *p);
        if (*p == '\n')
        {
            buf_puts(&run->problems, "# ");
        }
    }
    buf_putc(&run->problems, '\n');
}

static bool
is_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* name=value of a setting or secret. */
static void
apply_setting(struct run *run, const struct line *line)
{
    const char *equals = strchr(line->value, '=');
    const char *name;
    const char *value;

    if (equals == NULL)
    {
        die("setting without =", line->value);
    }
    name = arena_strndup(run->arena, line->value, (size_t) (equals - line->value));
    value = expand(run->arena, equals + 1);
    if (strcmp(line->key, "secret") == 0)
    {
        settings_set_secret(run->settings, name, value);
        run->secrets[run->secret_count++ % SECRETS_MAX] = value;
    }
    else if (strcmp(line->key, "map") == 0)
    {
        json *object = json_parse(value, strlen(value), NULL);

        if (!settings_set_map(run->settings, name, object))
        {
            die("bad map", value);
        }
        json_destroy(object);
    }
    else
    {
        settings_set(run->settings, name, value);
    }
}

static bool
is_setting(const struct line *line)
{
    return strcmp(line->key, "setting") == 0 || strcmp(line->key, "secret") == 0 ||
           strcmp(line->key, "map") == 0;
}

/* Is a setting of the common lines removed by this case, or given anew? */
static bool
is_replaced(const struct run *run, const char *given)
{
    size_t len = strcspn(given, "=");

    for (const struct line *l = run->lines; l != NULL; l = l->next)
    {
        bool names = strcmp(l->key, "unset") == 0 || is_setting(l);

        if (names && strcspn(l->value, "=") == len && memcmp(l->value, given, len) == 0)
        {
            return true;
        }
    }
    return false;
}

static void
apply_settings(struct run *run, const struct line *lines, bool common)
{
    for (; lines != NULL; lines = lines->next)
    {
        if (is_setting(lines) && !(common && is_replaced(run, lines->value)))
        {
            apply_setting(run, lines);
        }
    }
}

static const char *
read_text(struct run *run, const struct line *line, bool mail)
{
    struct buf out;
    const char *ret;

    if (line->more == NULL)
    {
        return expand(run->arena, line->value);
    }
    buf_init(&out, TEXT_BYTES_MAX);
    for (const struct line *more = line->more; more != NULL; more = more->next)
    {
        const char *text = more->value + (more->value[0] == '|' ? 1 : 0);

        text += *text == ' ' ? 1 : 0;
        buf_puts(&out, expand(run->arena, text));
        buf_puts(&out, mail ? "\r\n" : more->next != NULL ? "\n" : "");
    }
    ret = arena_strdup(run->arena, out.data);
    buf_finish(&out);
    return ret;
}

/* Both error kinds: "class code text", the class only for messages. */
static void
expect_error(struct run *run, const struct line *line, bool with_class,
             const struct provider_error *error)
{
    const char *rest = line->value;
    const char *class = with_class ? next_word(run->arena, &rest) : "config";
    const char *code = next_word(run->arena, &rest);

    if (strcmp(class, outcome_class_name(error->class)) != 0 || !is_equal(code, error->code) ||
        error->reason == NULL || strstr(error->reason, rest) == NULL)
    {
        fail(run, "expected %s\ngot      %s %s %s", line->value, outcome_class_name(error->class),
             error->code, error->reason);
    }
    for (size_t i = 0; i < run->secret_count && error->reason != NULL; i++)
    {
        if (strlen(run->secrets[i]) > 5 && strstr(error->reason, run->secrets[i]) != NULL)
        {
            fail(run, "the reason holds a secret");
        }
    }
}

static void
expect_headers(struct run *run, const struct line *line, const struct wire_request *request)
{
    size_t i = 0;

    for (const struct line *more = line->more; more != NULL; more = more->next, i++)
    {
        const char *want = expand(run->arena, more->value);
        const char *got = i < request->header_count
                              ? arena_printf(run->arena, "%s: %s", request->headers[i].name,
                                             request->headers[i].value)
                              : "(none)";

        if (strcmp(want, got) != 0)
        {
            fail(run, "expected header %s\ngot             %s", want, got);
        }
    }
    for (; i < request->header_count; i++)
    {
        fail(run, "unexpected header %s: %s", request->headers[i].name, request->headers[i].value);
    }
}

static void
expect_text(struct run *run, const char *what, const char *want, const char *got)
{
    if (!is_equal(want, got))
    {
        fail(run, "expected %s %s\ngot      %s", what, want == NULL ? "(none)" : want,
             got == NULL ? "(none)" : got);
    }
}

static void
expect_flags(struct run *run, const struct line *line, const struct wire_request *request)
{
    const char *flags = arena_printf(run->arena, "%s%s%s", request->http2_required ? "http2 " : "",
                                     request->public_addresses ? "public " : "",
                                     request->starttls ? "starttls " : "");

    expect_text(run, "flags",
                arena_printf(run->arena, "%s%s", line->value, *line->value != '\0' ? " " : ""),
                flags);
}

/* Bodies that are no text, as they are and as their receiver reads them. */
static void
expect_binary(struct run *run, const struct wire_request *request, const char *text)
{
    const struct line *binary = find_line(run->lines, "binary");
    const struct line *decrypted = find_line(run->lines, "decrypted");
    const uint8_t *body = (const uint8_t *) text;
    size_t len;

    if (binary != NULL)
    {
        expect_text(run, "binary", binary->value,
                    crypto_base64url(run->arena, body, request->body_len));
    }
    if (decrypted != NULL)
    {
        expect_text(run, "decrypted", expand(run->arena, decrypted->value),
                    crypto_push_decrypt(run->arena, push_key,
                                        crypto_base64url_decode(run->arena, push_auth, &len), body,
                                        request->body_len, &len));
    }
}

/* Compare what the case says of the request that was built. */
static void
expect_request(struct run *run, const char *key, const struct wire_request *request)
{
    const struct line *line = find_line(run->lines, key);
    const struct line *flags = find_line(run->lines, "flags");
    const struct line *login = find_line(run->lines, "login");
    const struct line *envelope = find_line(run->lines, "envelope");
    const struct line *body = find_line(run->lines, "body");
    const struct line *size = find_line(run->lines, "size");
    const char *text = flat_body(run->arena, request);
    bool mail = request->kind == WIRE_MAIL;

    if (line != NULL)
    {
        expect_text(
            run, key, expand(run->arena, line->value),
            arena_printf(run->arena, "%s %s", mail ? "MAIL" : request->method, request->url));
        expect_headers(run, line, request);
    }
    if (flags != NULL)
    {
        expect_flags(run, flags, request);
    }
    if (login != NULL)
    {
        expect_text(run, "login", login->value,
                    arena_printf(run->arena, "%s %s",
                                 request->username == NULL ? "none" : request->username,
                                 request->password == NULL ? "none" : request->password));
    }
    if (envelope != NULL)
    {
        expect_text(run, "envelope", envelope->value,
                    arena_printf(run->arena, "%s %s", request->mail_from, request->mail_to));
    }
    if (body != NULL)
    {
        expect_text(run, "body", read_text(run, body, mail), text);
    }
    if (size != NULL && (size_t) strtoll(size->value, NULL, 10) != request->body_len)
    {
        fail(run, "expected size %s\ngot           %zu", size->value, request->body_len);
    }
    if (text == NULL)
    {
        fail(run, "there is no body");
    }
    else
    {
        expect_binary(run, request, text);
    }
}

static void
run_credential(struct run *run)
{
    const struct line *plan = find_line(run->lines, "plan");
    const struct line *jose = find_line(run->lines, "jose");
    const struct line *claims = find_line(run->lines, "claims");
    const struct line *exchange = find_line(run->lines, "exchange");
    struct credential_plan got = { 0 };
    struct provider_error error = { 0 };
    const char *jwt_error = NULL;
    const char *audience = NULL;

    if (plan == NULL && exchange == NULL)
    {
        return;
    }
    if (run->provider->audience != NULL)
    {
        audience = run->provider->audience(run->message.address, run->arena);
    }
    if (!run->provider->credential(run->settings, audience, run->message.now_s, run->arena, &got,
                                   &error))
    {
        fail(run, "credential: %s", error.reason);
        return;
    }
    if (plan != NULL)
    {
        expect_text(run, "plan", plan->value,
                    arena_printf(run->arena, "%s %lld%s%s",
                                 got.algorithm == JWT_ES256 ? "ES256" : "RS256",
                                 (long long) got.valid_s, got.exchange_url == NULL ? "" : " ",
                                 got.exchange_url == NULL ? "" : got.exchange_url));
        expect_text(run, "jose", jose == NULL ? NULL : jose->value, got.header_json);
        expect_text(run, "claims", claims == NULL ? NULL : claims->value, got.claims_json);
        if (crypto_jwt(run->arena, got.algorithm, got.header_json, got.claims_json, got.key_pem,
                       &jwt_error) == NULL)
        {
            fail(run, "the plan cannot be signed: %s", jwt_error);
        }
    }
    if (exchange != NULL)
    {
        struct wire_request request;

        if (!run->provider->exchange(run->settings, "ASSERTION", run->arena, &request))
        {
            fail(run, "no exchange");
            return;
        }
        expect_request(run, "exchange", &request);
    }
}

static void
run_build(struct run *run, struct coverage *coverage)
{
    static const char *const keys[] = { "request", "flags",  "login",    "envelope",
                                        "size",    "binary", "decrypted" };
    const struct line *refused = find_line(run->lines, "refused");
    struct wire_request request = { 0 };
    struct provider_error error = { 0 };
    bool wanted = refused != NULL;
    bool built;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
    {
        wanted = wanted || find_line(run->lines, keys[i]) != NULL;
    }
    wanted = wanted ||
             (find_line(run->lines, "body") != NULL && find_line(run->lines, "exchange") == NULL);
    if (!wanted)
    {
        return;
    }
    built = run->provider->build(run->settings, &run->message, run->arena, &request, &error);
    if (built && refused != NULL)
    {
        fail(run, "the message was not refused");
    }
    else if (built)
    {
        expect_request(run, "request", &request);
    }
    else if (refused != NULL)
    {
        expect_error(run, refused, true, &error);
        coverage->refused = true;
        coverage->injection =
            coverage->injection || is_equal(error.code, "header_injection") ||
            (is_equal(error.code, "bad_address") && strpbrk(run->message.address, "\r\n"));
    }
    else
    {
        fail(run, "refused: %s %s", error.code, error.reason);
    }
}

static enum smtp_stage
stage_of(const char *word)
{
    static const char *const names[] = { "none", "connect", "mail", "rcpt", "data" };

    for (int i = 0; i < 5; i++)
    {
        if (strcmp(names[i], word) == 0)
        {
            return (enum smtp_stage) i;
        }
    }
    return SMTP_NONE;
}

static enum wire_result
result_of(const char *word)
{
    static const char *const names[] = { "answered",  "not_sent",  "ambiguous",
                                         "forbidden", "not_http2", "auth_failed" };

    for (int i = 0; i < 6; i++)
    {
        if (strcmp(names[i], word) == 0)
        {
            return (enum wire_result) i;
        }
    }
    die("unknown result", word);
}

static void
note_body(const char *text, struct coverage *coverage)
{
    const char *error = NULL;

    json_destroy(json_parse(text, strlen(text), &error));
    coverage->empty_body = coverage->empty_body || *text == '\0';
    coverage->html_body = coverage->html_body || *text == '<';
    coverage->malformed_body =
        coverage->malformed_body || (error != NULL && *text != '\0' && *text != '<');
}

static void
fill_headers(struct run *run, const struct line *line, struct wire_answer *answer)
{
    for (const struct line *more = line->more; more != NULL; more = more->next)
    {
        const char *colon = strstr(more->value, ": ");
        struct wire_header *header = &answer->headers[answer->header_count++];

        if (colon == NULL)
        {
            die("header without value", more->value);
        }
        header->name = arena_strndup(run->arena, more->value, (size_t) (colon - more->value));
        header->value = colon + 2;
        if (strcmp(header->name, "retry-after") == 0)
        {
            answer->retry_after_s = strtoll(header->value, NULL, 10);
        }
    }
}

/* The canned answer of the case; false when it has none. */
static bool
make_answer(struct run *run, const char *key, struct coverage *coverage, struct wire_answer *ret)
{
    const struct line *line = find_line(run->lines, key);
    const struct line *transport = find_line(run->lines, "transport");
    const struct line *text_line = find_line(run->lines, "text");
    const char *text = text_line == NULL ? "" : read_text(run, text_line, false);
    const char *rest;

    *ret = (struct wire_answer){ .retry_after_s = -1, .body = "" };
    if (transport != NULL)
    {
        rest = transport->value;
        ret->result = result_of(next_word(run->arena, &rest));
        ret->error = expand(run->arena, rest);
        return true;
    }
    if (line == NULL)
    {
        return false;
    }
    rest = line->value;
    ret->status = (int) strtol(next_word(run->arena, &rest), NULL, 10);
    ret->stage = stage_of(rest);
    if (ret->stage != SMTP_NONE)
    {
        ret->smtp_text = text;
    }
    else
    {
        ret->body = text;
        ret->body_len = strlen(text);
        note_body(text, coverage);
    }
    fill_headers(run, line, ret);
    return true;
}

/* What a reason must never hold, whatever the answer was. */
static void
check_reason(struct run *run, const char *reason)
{
    if (reason == NULL)
    {
        return;
    }
    if (strlen(reason) > 500 || !utf8_valid(reason, strlen(reason)))
    {
        fail(run, "the reason is too long or no UTF-8");
    }
    for (const char *p = reason; *p != '\0'; p++)
    {
        if ((unsigned char) *p < 0x20 || *p == 0x7f)
        {
            fail(run, "the reason holds a control character");
        }
    }
    for (size_t i = 0; i < run->secret_count; i++)
    {
        if (strlen(run->secrets[i]) > 5 && strstr(reason, run->secrets[i]) != NULL)
        {
            fail(run, "the reason holds a secret");
        }
    }
    if (run->message.address != NULL && strlen(run->message.address) > 3 &&
        strcasestr(reason, run->message.address) != NULL)
    {
        fail(run, "the reason holds the address");
    }
}

static const char *
print_outcome(struct run *run, const struct outcome *o)
{
    const char *numbers = "";

    if (o->retry_after_ms >= 0)
    {
        numbers = arena_printf(run->arena, " wait=%lld", (long long) o->retry_after_ms);
    }
    if (o->invalid_since_ms > 0)
    {
        numbers =
            arena_printf(run->arena, "%s since=%lld", numbers, (long long) o->invalid_since_ms);
    }
    return arena_printf(
        run->arena, "%s%s%s%s%s%s%s%s%s%s", outcome_class_name(o->class),
        o->code == NULL ? "" : " code=", o->code == NULL ? "" : o->code,
        o->provider_id == NULL ? "" : " id=", o->provider_id == NULL ? "" : o->provider_id, numbers,
        o->suspect ? " suspect" : "", o->new_connection ? " new_connection" : "",
        o->refresh_credential ? " refresh" : "", o->address_only ? " address_only" : "");
}

static void
expect_outcome(struct run *run, const struct outcome *outcome, struct coverage *coverage)
{
    const struct line *verdict = find_line(run->lines, "verdict");
    const struct line *reason = find_line(run->lines, "reason");

    coverage->classes[outcome->class] = true;
    if (coverage->never[outcome->class])
    {
        fail(run, "the file says that %s never occurs", outcome_class_name(outcome->class));
    }
    if (verdict != NULL)
    {
        expect_text(run, "verdict", expand(run->arena, verdict->value),
                    print_outcome(run, outcome));
    }
    if (reason != NULL)
    {
        expect_text(run, "reason",
                    strcmp(reason->value, "none") == 0 ? NULL : expand(run->arena, reason->value),
                    outcome->reason);
    }
    check_reason(run, outcome->reason);
}

static void
run_answer(struct run *run, struct coverage *coverage)
{
    bool granting = find_line(run->lines, "token-answer") != NULL;
    const struct line *grant_line = find_line(run->lines, "grant");
    struct credential_grant grant = { 0 };
    struct wire_answer answer;
    struct outcome outcome;

    if (!make_answer(run, granting ? "token-answer" : "answer", coverage, &answer))
    {
        if (find_line(run->lines, "verdict") != NULL)
        {
            die("verdict without answer", run->provider->kind);
        }
        return;
    }
    if (granting)
    {
        provider_classify_grant(run->provider, run->settings, &answer, run->arena, &grant,
                                &outcome);
    }
    else
    {
        provider_classify(run->provider, run->settings, &run->message, &answer, run->arena,
                          &outcome);
    }
    if (grant_line != NULL)
    {
        expect_text(run, "grant", grant_line->value,
                    arena_printf(run->arena, "%s %lld", grant.token, (long long) grant.valid_s));
    }
    expect_outcome(run, &outcome, coverage);
}

static void
report(const char *file, const char *title, struct run *run)
{
    bool ok = run->problems.len == 0;

    test_count++;
    failure_count += ok ? 0 : 1;
    printf("%s %d - %s: %s\n", ok ? "ok" : "not ok", test_count, file, title);
    if (!ok)
    {
        fputs(run->problems.data, stdout);
    }
    buf_finish(&run->problems);
}

static void
run_case(const char *file, const struct provider *provider, const struct line *common,
         const struct line *lines, struct coverage *coverage)
{
    struct arena *arena = arena_create();
    struct run run = { .arena = arena, .provider = provider, .common = common, .lines = lines };
    const struct line *invalid = find_line(lines, "invalid");
    struct provider_error error = { 0 };
    bool usable;

    buf_init(&run.problems, FILE_BYTES_MAX);
    run.settings = settings_create(arena);
    run.message.channel = provider->channel;
    apply_settings(&run, common, true);
    apply_settings(&run, lines, false);
    case_message_merge(run.arena, &run.message, common);
    case_message_merge(run.arena, &run.message, lines);
    usable = provider_check_settings(provider, run.settings, arena, &error);
    if (invalid != NULL)
    {
        coverage->invalid = true;
        if (usable)
        {
            fail(&run, "the settings were not refused");
        }
        else
        {
            expect_error(&run, invalid, false, &error);
        }
    }
    else if (!usable)
    {
        fail(&run, "settings refused: %s %s", error.code, error.reason);
    }
    else
    {
        run_credential(&run);
        run_build(&run, coverage);
        run_answer(&run, coverage);
    }
    report(file, lines->value, &run);
    arena_destroy(arena);
}

/* One more test a file: did its cases show every kind of verdict? */
static void
report_coverage(const char *file, const struct coverage *coverage)
{
    struct run run = { 0 };

    buf_init(&run.problems, FILE_BYTES_MAX);
    for (int i = 0; i < OUTCOME_CLASS_COUNT; i++)
    {
        if (!coverage->classes[i] && !coverage->never[i])
        {
            fail(&run, "no case gives the class %s", outcome_class_name((enum outcome_class) i));
        }
    }
    if (!coverage->invalid || !coverage->refused || !coverage->injection)
    {
        fail(&run, "no case of bad settings, of a refused message, or of a line break in a "
                   "header");
    }
    if (!coverage->no_bodies &&
        (!coverage->empty_body || !coverage->html_body || !coverage->malformed_body))
    {
        fail(&run, "no case of an empty, an HTML or a malformed body");
    }
    report(file, "all kinds of verdicts occur", &run);
}

static void
read_never(const struct line *common, struct arena *arena, struct coverage *coverage)
{
    const struct line *line = find_line(common, "never");
    const char *rest = line == NULL ? "" : line->value;

    while (*rest != '\0')
    {
        const char *word = next_word(arena, &rest);

        if (strcmp(word, "bodies") == 0)
        {
            coverage->no_bodies = true;
            continue;
        }
        for (int i = 0; i < OUTCOME_CLASS_COUNT; i++)
        {
            if (strcmp(outcome_class_name((enum outcome_class) i), word) == 0)
            {
                coverage->never[i] = true;
            }
        }
    }
}

static void
run_file(const char *path)
{
    struct arena *arena = arena_create();
    const char *slash = strrchr(path, '/');
    const char *file = slash == NULL ? path : slash + 1;
    const char *kind = arena_strndup(arena, file, strcspn(file, "."));
    const struct provider *provider = provider_find(kind);
    struct case_list *list = arena_alloc(arena, sizeof(*list));
    struct coverage coverage = { 0 };

    if (provider == NULL)
    {
        die("no provider for", path);
    }
    parse_file(read_file(path, arena), arena, list);
    read_never(list->common, arena, &coverage);
    for (size_t i = 0; i < list->count; i++)
    {
        run_case(file, provider, list->common, list->cases[i], &coverage);
    }
    report_coverage(file, &coverage);
    arena_destroy(arena);
}

int
main(int argc, char **argv)
{
    glob_t found = { 0 };

    ec_key = make_key(0);
    rsa_key = make_key(2048);
    weak_key = make_key(1024);
    for (int i = 1; i < argc; i++)
    {
        run_file(argv[i]);
    }
    if (argc == 1 && glob("tests/providers/*.case", 0, NULL, &found) != 0)
    {
        die("no case files", "run from the top folder");
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
    {
        run_file(found.gl_pathv[i]);
    }
    globfree(&found);
    printf("1..%d\n", test_count);
    return failure_count == 0 ? 0 : 1;
}
