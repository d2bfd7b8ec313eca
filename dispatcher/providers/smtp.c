/*
 * SMTP: mail through any submission server, one recipient a message.
 *
 * Parts: subject, text, html, reply_to and unsubscribe_url (one-click unsubscription headers, which
 * the server must cover with DKIM). The Message-ID is made from the delivery id and stays the same
 * over attempts. Replies are judged by their enhanced code first, then by the basic one; the stage
 * matters: a refusal of MAIL or before concerns us, of RCPT the recipient, later the message.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "providers/address.h"
#include "providers/build.h"
#include "providers/email.h"
#include "providers/provider.h"

#define SMTP_PORT_STARTTLS 587
#define SMTP_PORT_TLS 465
#define SMTP_TIMEOUT_MS 60000
#define QUEUE_ID_BYTES_MAX 64
#define ANY (-1)

enum smtp_flag
{
    SMTP_SUSPECT = 1,       /* a soft failure: this address may work again */
    SMTP_NEW_CONNECTION = 2 /* the server closes this one */
};

/* Which stages a row is about. */
enum smtp_scope
{
    AT_ANY = 0,
    AT_CONNECT = 1,
    AT_MAIL = 2,
    AT_RCPT = 4,
    AT_DATA = 8,
    AT_US = AT_CONNECT | AT_MAIL,
    AT_THEM = AT_RCPT | AT_DATA
};

/* One rule; the first that fits decides. Enhanced codes are class.subject.detail. */
struct smtp_rule
{
    int subject;      /* of the enhanced code; ANY: no matter, or there is none */
    int detail;       /* ANY: all of the subject */
    int status;       /* of the basic code; ANY: no matter */
    unsigned int at;  /* stages */
    const char *text; /* must occur in the reply, whatever its case; NULL: no matter */
    enum outcome_class class;
    unsigned int flags;
};

static const struct smtp_rule temporary_rules[] = {
    { ANY, ANY, 454, AT_ANY, "throttl", OUTCOME_THROTTLE, 0 },
    { ANY, ANY, 454, AT_CONNECT, NULL, OUTCOME_RETRY, 0 },
    { 7, ANY, 421, AT_ANY, NULL, OUTCOME_THROTTLE, SMTP_NEW_CONNECTION },
    { ANY, ANY, 421, AT_ANY, NULL, OUTCOME_RETRY, SMTP_NEW_CONNECTION },
    /* At RCPT it is grey-listing of one recipient, elsewhere a rate. */
    { 7, ANY, ANY, AT_RCPT, NULL, OUTCOME_RETRY, 0 },
    { 7, ANY, ANY, AT_ANY, NULL, OUTCOME_THROTTLE, 0 },
    { ANY, ANY, ANY, AT_ANY, NULL, OUTCOME_RETRY, 0 },
};

static const struct smtp_rule permanent_rules[] = {
    { 7, 8, ANY, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { 7, 9, ANY, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { ANY, ANY, 530, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { ANY, ANY, 534, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { ANY, ANY, 535, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { ANY, ANY, 538, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { ANY, ANY, ANY, AT_CONNECT, NULL, OUTCOME_CONFIG, 0 },
    /* The message's size and form may be refused before it is sent. */
    { 2, 3, ANY, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { 3, 4, ANY, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { 5, ANY, ANY, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { 6, ANY, ANY, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { 1, 7, ANY, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { 1, 8, ANY, AT_ANY, NULL, OUTCOME_CONFIG, 0 },
    { 1, 1, ANY, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, 0 },
    { 1, 2, ANY, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, 0 },
    { 1, 3, ANY, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, 0 },
    { 1, 6, ANY, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, 0 },
    { 1, 10, ANY, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, 0 },
    { ANY, ANY, 556, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, 0 },
    { 2, 1, ANY, AT_THEM, NULL, OUTCOME_TOKEN_INVALID, SMTP_SUSPECT },
    { 2, 2, ANY, AT_THEM, NULL, OUTCOME_RETRY, 0 },
    { 4, ANY, ANY, AT_ANY, NULL, OUTCOME_RETRY, 0 },
    { ANY, ANY, 552, AT_RCPT, NULL, OUTCOME_RETRY, 0 },
    { ANY, ANY, 552, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { ANY, ANY, 500, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { ANY, ANY, 501, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { ANY, ANY, 502, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { ANY, ANY, 503, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { ANY, ANY, 504, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
    { ANY, ANY, ANY, AT_US, NULL, OUTCOME_CONFIG, 0 },
    { ANY, ANY, ANY, AT_ANY, NULL, OUTCOME_CONTENT, 0 },
};

/* What servers without enhanced codes say of mailboxes that do not exist; ends with NULL. */
static const char *const unknown_user_texts[] = {
    "user unknown",        "unknown user",      "no such user",      "no such mailbox",
    "does not exist",      "unknown recipient", "recipient unknown", "invalid recipient",
    "mailbox unavailable", "mailbox not found", "user not found",    NULL,
};

/* What servers say when they do not take mail for others from us; ends with NULL. */
static const char *const relay_texts[] = {
    "relay access denied",  "relaying denied", "relay denied",           "relay not permitted",
    "relaying not allowed", "unable to relay", "not permitted to relay", NULL,
};

static const char *
security(const struct settings *settings)
{
    const char *value = settings_get(settings, "security");

    return value == NULL ? "starttls" : value;
}

static bool
refuse_config(struct provider_error *reterr, const char *code, const char *reason)
{
    return build_refuse(reterr, OUTCOME_CONFIG, code, reason);
}

/* Encryption may be missing only where cleartext is allowed at all. */
static bool
check_security(const struct settings *settings, struct provider_error *reterr)
{
    const char *mode = security(settings);

    if (strcmp(mode, "none") == 0)
    {
        return settings_get_bool(settings, "allow_http", false) ||
               refuse_config(reterr, "bad_security",
                             "security none sends in the clear: it needs allow_http = true");
    }
    return strcmp(mode, "starttls") == 0 || strcmp(mode, "tls") == 0 ||
           refuse_config(reterr, "bad_security", "security must be starttls, tls or none");
}

/* A name, an IPv4 address, or an IPv6 address in brackets, as in URLs. */
static bool
is_server(const char *host, struct arena *arena)
{
    bool bracketed = host[0] == '[' && host[strlen(host) - 1] == ']';

    return strpbrk(host, "/?#") == NULL && (bracketed || strchr(host, ':') == NULL) &&
           address_check_url(arena_printf(arena, "https://%s/", host), false) == NULL;
}

static bool
check_server(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *helo = settings_get(settings, "helo");
    int64_t port = settings_get_int(settings, "port", 0);

    if (settings_get(settings, "endpoint") != NULL)
    {
        return refuse_config(reterr, "unknown_setting",
                             "smtp has host and port instead of endpoint");
    }
    if (!is_server(settings_get(settings, "host"), arena))
    {
        return refuse_config(reterr, "bad_host",
                             "host must be a name or address, without port (IPv6 in brackets)");
    }
    if (settings_get(settings, "port") != NULL && (port < 1 || port > 65535))
    {
        return refuse_config(reterr, "out_of_range", "port must be a whole number from 1 to 65535");
    }
    if (helo != NULL && address_check_host(helo) != NULL)
    {
        return refuse_config(reterr, "bad_helo", "helo must be a host name");
    }
    return true;
}

static bool
smtp_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    if (!check_server(settings, arena, reterr) || !check_security(settings, reterr))
    {
        return false;
    }
    if ((settings_get(settings, "username") == NULL) !=
        (settings_get(settings, "password") == NULL))
    {
        return refuse_config(reterr, "credentials", "username and password need each other");
    }
    return email_check_settings(settings, arena, reterr);
}

static const char *
make_url(const struct settings *settings, const char *from, struct arena *arena)
{
    bool tls = strcmp(security(settings), "tls") == 0;
    const char *helo = settings_get(settings, "helo");
    int64_t port = settings_get_int(settings, "port", tls ? SMTP_PORT_TLS : SMTP_PORT_STARTTLS);

    return arena_printf(arena, "%s://%s:%lld/%s", tls ? "smtps" : "smtp",
                        settings_get(settings, "host"), (long long) port,
                        helo != NULL ? helo : address_domain(from));
}

static bool
smtp_build(const struct settings *settings, const struct message *message, struct arena *arena,
           struct wire_request *ret, struct provider_error *reterr)
{
    const char *envelope_from = settings_get(settings, "envelope_from");
    struct email_parts parts;

    if (!email_read(message, settings, arena, &parts, reterr))
    {
        return false;
    }
    *ret = (struct wire_request){
        .kind = WIRE_MAIL,
        /* The same for all categories: connections are reused. */
        .url = make_url(settings, settings_get(settings, "from"), arena),
        .username = settings_get(settings, "username"),
        .password = settings_get(settings, "password"),
        .mail_from = envelope_from != NULL ? envelope_from : parts.from,
        .mail_to = message->address,
        .starttls = strcmp(security(settings), "starttls") == 0,
    };
    return email_build(message, &parts, arena, ret, reterr);
}

/* Length of an enhanced code (class.subject.detail) at the beginning of a reply; 0: none. */
static size_t
read_enhanced(const char *text, int status, int *ret_subject, int *ret_detail)
{
    int values[2];
    const char *p = text + 1;

    if (text[0] != '0' + status / 100)
    {
        return 0;
    }
    for (int i = 0; i < 2; i++)
    {
        size_t digits = *p == '.' ? strspn(p + 1, "0123456789") : 0;

        if (digits < 1 || digits > 3)
        {
            return 0;
        }
        values[i] = (int) strtol(p + 1, NULL, 10);
        p += 1 + digits;
    }
    if (*p != '\0' && *p != ' ')
    {
        return 0;
    }
    *ret_subject = values[0];
    *ret_detail = values[1];
    return (size_t) (p - text);
}

static unsigned int
scope_of_stage(enum smtp_stage stage)
{
    switch (stage)
    {
        case SMTP_MAIL:
            return AT_MAIL;
        case SMTP_RCPT:
            return AT_RCPT;
        case SMTP_DATA:
            return AT_DATA;
        case SMTP_NONE:
        case SMTP_CONNECT:
            break;
    }
    return AT_CONNECT;
}

static const struct smtp_rule *
find_rule(const struct wire_answer *answer, const char *text, int subject, int detail)
{
    const struct smtp_rule *rule = answer->status >= 500 ? permanent_rules : temporary_rules;
    unsigned int at = scope_of_stage(answer->stage);

    /* The last rule of both tables fits everything. */
    for (;; rule++)
    {
        if ((rule->subject == ANY || rule->subject == subject) &&
            (rule->detail == ANY || rule->detail == detail) &&
            (rule->status == ANY || rule->status == answer->status) &&
            (rule->at == AT_ANY || (rule->at & at) != 0) &&
            (rule->text == NULL || strcasestr(text, rule->text) != NULL))
        {
            return rule;
        }
    }
}

static bool
says_one_of(const char *text, const char *const *phrases)
{
    while (*phrases != NULL && strcasestr(text, *phrases) == NULL)
    {
        phrases++;
    }
    return *phrases != NULL;
}

/* A refusal of the recipient that may be about the mailbox, or about us. */
static void
refine_by_text(const struct wire_answer *answer, const char *text, bool enhanced,
               struct outcome *ret)
{
    bool mailbox_code = answer->status == 550 || answer->status == 551 || answer->status == 553;

    if (answer->stage != SMTP_RCPT || ret->class != OUTCOME_CONTENT)
    {
        return;
    }
    if (says_one_of(text, relay_texts))
    {
        ret->class = OUTCOME_CONFIG;
    }
    else if (!enhanced && mailbox_code && says_one_of(text, unknown_user_texts))
    {
        ret->class = OUTCOME_TOKEN_INVALID;
        ret->suspect = true;
    }
}

/* The queue id that most servers name in the last reply; NULL when there is none. */
static const char *
read_queue_id(const char *text, struct arena *arena)
{
    static const char *const marks[] = { "queued as ", "id=" };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
    {
        const char *p = strcasestr(text, marks[i]);
        size_t len = p == NULL ? 0 : strcspn(p + strlen(marks[i]), " ;,)>");

        if (len > 0 && len <= QUEUE_ID_BYTES_MAX)
        {
            return arena_strndup(arena, p + strlen(marks[i]), len);
        }
    }
    return NULL;
}

static void
smtp_classify(const struct settings *settings, const struct message *message,
              const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    const char *text = answer->smtp_text == NULL ? "" : answer->smtp_text;
    const struct smtp_rule *rule;
    int subject = ANY;
    int detail = ANY;
    size_t code_len;

    (void) settings;
    (void) message;
    if (answer->status < 400 || answer->status > 599)
    {
        bool taken = answer->stage == SMTP_DATA && answer->status / 100 == 2;

        ret->class = taken                        ? OUTCOME_ACCEPTED
                     : answer->stage == SMTP_DATA ? OUTCOME_UNKNOWN
                                                  : OUTCOME_RETRY;
        ret->provider_id = taken ? read_queue_id(text, arena) : NULL;
        ret->reason = taken ? NULL : "the server broke off the dialogue";
        return;
    }
    code_len = read_enhanced(text, answer->status, &subject, &detail);
    rule = find_rule(answer, text, subject, detail);
    ret->class = rule->class;
    ret->suspect = rule->flags & SMTP_SUSPECT;
    ret->new_connection = rule->flags & SMTP_NEW_CONNECTION;
    ret->code = code_len > 0 ? arena_strndup(arena, text, code_len)
                             : arena_printf(arena, "%d", answer->status);
    ret->reason = text;
    refine_by_text(answer, text, code_len > 0, ret);
}

static const struct provider_setting smtp_settings[] = {
    { .name = "host", .required = true, .doc = "name or address of the submission server" },
    { .name = "port", .doc = "default 587, with security tls 465" },
    { .name = "security",
      .doc = "starttls (default), tls from the first byte, or none (needs allow_http)" },
    { .name = "username", .doc = "for SMTP AUTH, together with password" },
    { .name = "password", .secret = true, .doc = "for SMTP AUTH" },
    { .name = "from", .required = true, .doc = "sender's mailbox" },
    { .name = "envelope_from", .doc = "mailbox for bounces, default the sender's" },
    { .name = "from_name", .doc = "sender's display name" },
    { .name = "from_by_category", .map = true, .doc = "other senders by category" },
    { .name = "reply_to", .doc = "mailbox for answers, unless the template has one" },
    { .name = "helo", .doc = "our name in EHLO, default the domain of from" },
    { .name = NULL },
};

const struct provider provider_smtp = {
    .kind = "smtp",
    .channel = CHANNEL_EMAIL,
    .doc = "mail submission over SMTP",
    .settings = smtp_settings,
    .total_timeout_ms = SMTP_TIMEOUT_MS,
    .check = smtp_check,
    .build = smtp_build,
    .classify = smtp_classify,
};
