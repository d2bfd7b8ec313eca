/* SMTP submission: STARTTLS, AUTH PLAIN and LOGIN, and strictness about what follows. */
#include "sandbox/smtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "core/mem.h"
#include "sandbox/mime.h"

#define SECRET "SMTP_PASSWORD"
#define COMMAND_MAX 512
#define AUTH_LINE_MAX 12288
#define TEXT_LINE_MAX 998

void
smtp_init(struct smtp_session *session, const struct double_env *env)
{
    memset(session, 0, sizeof(*session));
    session->env = env;
    session->arena = arena_create();
    buf_init(&session->out, 65536);
    buf_init(&session->line, AUTH_LINE_MAX);
    buf_init(&session->message, SMTP_SIZE_MAX);
    buf_puts(&session->out, "220 sandbox ESMTP herald-sandbox\r\n");
}

static void
end_transaction(struct smtp_session *session)
{
    arena_destroy(session->arena);
    session->arena = arena_create();
    session->from = NULL;
    session->parameters = NULL;
    session->recipient_count = 0;
    session->eight_bit = false;
    session->violation = NULL;
    session->verdict = NULL;
    session->condemned = NULL;
    buf_reset(&session->message);
}

void
smtp_finish(struct smtp_session *session)
{
    arena_destroy(session->arena);
    buf_finish(&session->out);
    buf_finish(&session->line);
    buf_finish(&session->message);
    free(session->ehlo);
    free(session->user);
}

void
smtp_secured(struct smtp_session *session)
{
    session->tls = true;
    free(session->ehlo);
    session->ehlo = NULL;
    end_transaction(session);
}

void
smtp_end_message(struct smtp_session *session)
{
    end_transaction(session);
}

static enum smtp_event
reply(struct smtp_session *session, const char *text)
{
    buf_printf(&session->out, "%s\r\n", text);
    return SMTP_MORE;
}

static enum smtp_event
refuse(struct smtp_session *session, const char *text, const char *violation)
{
    reply(session, text);
    session->violation = violation;
    return SMTP_REFUSED;
}

/* ---- EHLO, STARTTLS ---- */

static enum smtp_event
do_ehlo(struct smtp_session *session, const char *argument)
{
    if (argument[0] == '\0' || strpbrk(argument, " \t<>@") != NULL)
    {
        return refuse(session, "501 5.5.4 EHLO needs a domain or an address literal",
                      "EHLO without a valid name");
    }
    end_transaction(session);
    free(session->ehlo);
    session->ehlo = mem_strdup(argument);
    buf_printf(&session->out,
               "250-sandbox\r\n250-SIZE %zu\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n%s",
               SMTP_SIZE_MAX, session->tls ? "250 AUTH PLAIN LOGIN\r\n" : "250 STARTTLS\r\n");
    return SMTP_MORE;
}

static enum smtp_event
do_starttls(struct smtp_session *session, const char *argument)
{
    if (argument[0] != '\0')
    {
        return refuse(session, "501 5.5.4 STARTTLS takes no parameters", "STARTTLS parameters");
    }
    if (session->tls)
    {
        return refuse(session, "503 5.5.1 TLS is active already", "STARTTLS twice");
    }
    reply(session, "220 2.0.0 Ready to start TLS");
    return SMTP_STARTTLS;
}

/* ---- AUTH ---- */

static enum smtp_event
check_login(struct smtp_session *session, const char *user, const char *password)
{
    session->state = SMTP_IN_COMMAND;
    if (user == NULL || password == NULL || strcmp(user, SANDBOX_SMTP_USER) != 0 ||
        strcmp(password, credentials_secret(session->env->credentials, SECRET, session->arena)) !=
            0)
    {
        return refuse(session, "535 5.7.8 Authentication credentials invalid",
                      "wrong user or password");
    }
    session->authenticated = true;
    return reply(session, "235 2.7.0 Authentication successful");
}

/* "\0user\0password" in base64. */
static enum smtp_event
do_plain(struct smtp_session *session, const char *text)
{
    size_t len;
    const char *plain = (const char *) crypto_base64_decode(session->arena, text, &len);
    const char *user = plain != NULL ? memchr(plain, '\0', len) : NULL;
    size_t left = user != NULL ? len - (size_t) (user + 1 - plain) : 0;
    const char *password = user != NULL ? memchr(user + 1, '\0', left) : NULL;

    if (password == NULL)
    {
        session->state = SMTP_IN_COMMAND;
        return refuse(session, "501 5.5.2 Cannot decode the response", "malformed AUTH PLAIN");
    }
    left = len - (size_t) (password + 1 - plain);
    return check_login(session, user + 1, arena_strndup(session->arena, password + 1, left));
}

static enum smtp_event
do_user(struct smtp_session *session, const char *text)
{
    size_t len;
    const char *user = (const char *) crypto_base64_decode(session->arena, text, &len);

    session->state = SMTP_IN_AUTH_PASSWORD;
    free(session->user);
    session->user = mem_strdup(user != NULL ? arena_strndup(session->arena, user, len) : "");
    return reply(session, "334 UGFzc3dvcmQ6");
}

static enum smtp_event
do_password(struct smtp_session *session, const char *text)
{
    size_t len;
    const char *password = (const char *) crypto_base64_decode(session->arena, text, &len);

    return check_login(session, session->user,
                       password != NULL ? arena_strndup(session->arena, password, len) : NULL);
}

static enum smtp_event
do_auth(struct smtp_session *session, const char *argument)
{
    if (!session->tls)
    {
        return refuse(session, "538 5.7.11 Encryption required", "AUTH before STARTTLS");
    }
    if (session->ehlo == NULL)
    {
        return refuse(session, "503 5.5.1 EHLO first", "AUTH before EHLO");
    }
    if (session->authenticated || session->from != NULL)
    {
        return refuse(session, "503 5.5.1 Not now", "AUTH twice or within a transaction");
    }
    if (strncasecmp(argument, "PLAIN ", 6) == 0)
    {
        return do_plain(session, argument + 6);
    }
    if (strncasecmp(argument, "LOGIN ", 6) == 0)
    {
        return do_user(session, argument + 6);
    }
    if (strcasecmp(argument, "PLAIN") == 0)
    {
        session->state = SMTP_IN_AUTH_PLAIN;
        return reply(session, "334 ");
    }
    if (strcasecmp(argument, "LOGIN") == 0)
    {
        session->state = SMTP_IN_AUTH_USER;
        return reply(session, "334 VXNlcm5hbWU6");
    }
    return refuse(session, "504 5.5.4 Unrecognized authentication type", "unknown AUTH mechanism");
}

static enum smtp_event
do_auth_line(struct smtp_session *session, const char *line)
{
    if (strcmp(line, "*") == 0)
    {
        session->state = SMTP_IN_COMMAND;
        return reply(session, "501 5.7.0 Authentication cancelled");
    }
    switch (session->state)
    {
        case SMTP_IN_AUTH_PLAIN:
            return do_plain(session, line);
        case SMTP_IN_AUTH_USER:
            return do_user(session, line);
        default:
            return do_password(session, line);
    }
}

/* ---- MAIL, RCPT ---- */

/* "FROM:<path>[ parameters]": the path in the arena, or NULL. */
static const char *
take_path(struct smtp_session *session, const char *argument, const char *word,
          const char **ret_rest)
{
    size_t len = strlen(word);
    const char *end;

    if (strncasecmp(argument, word, len) != 0 || argument[len] != '<')
    {
        return NULL;
    }
    end = strrchr(argument, '>');
    if (end == NULL || (end[1] != '\0' && end[1] != ' '))
    {
        return NULL;
    }
    *ret_rest = end + 1;
    return arena_strndup(session->arena, argument + len + 1, (size_t) (end - argument) - len - 1);
}

static bool
is_seven_bit(const char *text)
{
    for (; *text != '\0'; text++)
    {
        if ((unsigned char) *text >= 0x80)
        {
            return false;
        }
    }
    return true;
}

/* One parameter of MAIL; NULL when it is fine, else the reply. */
static const char *
check_parameter(struct smtp_session *session, const char *text)
{
    if (strncasecmp(text, "SIZE=", 5) == 0 && strspn(text + 5, "0123456789") == strlen(text + 5) &&
        text[5] != '\0' && strlen(text) < 20)
    {
        return strtoull(text + 5, NULL, 10) > SMTP_SIZE_MAX ? "552 5.3.4 Message too big" : NULL;
    }
    if (strcasecmp(text, "BODY=8BITMIME") == 0)
    {
        session->eight_bit = true;
        return NULL;
    }
    if (strcasecmp(text, "BODY=7BIT") == 0 || strcasecmp(text, "AUTH=<>") == 0)
    {
        return NULL;
    }
    return "555 5.5.4 Unsupported option";
}

static const char *
check_parameters(struct smtp_session *session, const char *text)
{
    const char *problem = NULL;

    while (problem == NULL && *text == ' ')
    {
        size_t len = strcspn(text + 1, " ");

        problem = check_parameter(session, arena_strndup(session->arena, text + 1, len));
        text += len + 1;
    }
    return problem;
}

static enum smtp_event
do_mail(struct smtp_session *session, const char *argument)
{
    const char *rest;
    const char *from;
    const char *problem;

    if (!session->tls)
    {
        return refuse(session, "530 5.7.0 Must issue a STARTTLS command first",
                      "MAIL before STARTTLS");
    }
    if (!session->authenticated)
    {
        return refuse(session, "530 5.7.0 Authentication required", "MAIL before AUTH");
    }
    if (session->ehlo == NULL || session->from != NULL)
    {
        return refuse(session, "503 5.5.1 Bad sequence of commands", "MAIL out of order");
    }
    end_transaction(session);
    from = take_path(session, argument, "FROM:", &rest);
    if (from == NULL)
    {
        return refuse(session, "501 5.5.4 Syntax: MAIL FROM:<address>", "malformed MAIL");
    }
    if (!is_seven_bit(from))
    {
        return refuse(session, "553 5.6.7 SMTPUTF8 is not offered", "non-ASCII sender");
    }
    if (from[0] != '\0' && !address_is_mailbox(from))
    {
        return refuse(session, "501 5.1.7 Bad sender address syntax", "malformed sender");
    }
    problem = check_parameters(session, rest);
    if (problem != NULL)
    {
        return refuse(session, problem, "unknown or impossible parameter of MAIL");
    }
    session->from = from;
    session->parameters = rest;
    if (rest[0] != '\0')
    {
        session->parameters = arena_strdup(session->arena, rest + 1);
    }
    return reply(session, "250 2.1.0 Ok");
}

static enum smtp_event
do_rcpt(struct smtp_session *session, const char *argument)
{
    const char *rest = "";
    const char *to;

    if (session->from == NULL)
    {
        return refuse(session, "503 5.5.1 Need MAIL command", "RCPT before MAIL");
    }
    to = take_path(session, argument, "TO:", &rest);
    if (to == NULL)
    {
        return refuse(session, "501 5.5.4 Syntax: RCPT TO:<address>", "malformed RCPT");
    }
    if (!is_seven_bit(to))
    {
        return refuse(session, "553 5.6.7 SMTPUTF8 is not offered", "non-ASCII recipient");
    }
    if (!address_is_mailbox(to))
    {
        return refuse(session, "501 5.1.3 Bad recipient address syntax", "malformed recipient");
    }
    if (rest[0] != '\0')
    {
        return refuse(session, "555 5.5.4 Unsupported option", "unknown parameter of RCPT");
    }
    if (session->recipient_count == SMTP_RECIPIENTS_MAX)
    {
        return refuse(session, "452 4.5.3 Too many recipients", "too many recipients");
    }
    session->recipients[session->recipient_count++] = to;
    return SMTP_RCPT;
}

void
smtp_reply_recipient(struct smtp_session *session, bool accepted, const char *text)
{
    session->recipient_count -= !accepted;
    reply(session, text);
}

/* ---- DATA ---- */

static enum smtp_event
do_data(struct smtp_session *session, const char *argument)
{
    if (argument[0] != '\0')
    {
        return refuse(session, "501 5.5.4 DATA takes no parameters", "DATA parameters");
    }
    if (session->recipient_count == 0)
    {
        return refuse(session, "503 5.5.1 No valid recipients", "DATA before RCPT");
    }
    session->state = SMTP_IN_DATA;
    return reply(session, "354 End data with <CR><LF>.<CR><LF>");
}

/* The first thing wrong with the message decides. */
static void
condemn(struct smtp_session *session, const char *verdict, const char *violation)
{
    if (session->condemned == NULL)
    {
        session->verdict = verdict;
        session->condemned = violation;
    }
}

/* Rules of the message's head. */
static void
check_head(struct smtp_session *session)
{
    static const struct
    {
        const char *name;
        bool required;
    } headers[] = {
        { "date", true },
        { "from", true },
        { "to", false },
        { "subject", false },
        { "message-id", true },
        { "mime-version", false },
        { "reply-to", false },
        { "content-type", false },
        { "content-transfer-encoding", false },
        { "list-unsubscribe", false },
    };
    const char *text = session->message.data;
    size_t len = session->message.len;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
    {
        size_t count = mime_count_header(text, len, headers[i].name);
        const char *violation;

        if (count <= 1 && (count == 1 || !headers[i].required))
        {
            continue;
        }
        violation = arena_printf(session->arena, "header %s %s", headers[i].name,
                                 count > 1 ? "occurs twice" : "is missing");
        condemn(session, arena_printf(session->arena, "550 5.6.0 %s", violation), violation);
    }
}

static void
check_parts(struct smtp_session *session)
{
    const char *problem = mime_problem(session->message.data, session->message.len, session->arena);

    if (problem != NULL)
    {
        condemn(session, arena_printf(session->arena, "550 5.6.0 %s", problem), problem);
    }
}

static enum smtp_event
end_of_data(struct smtp_session *session)
{
    session->state = SMTP_IN_COMMAND;
    if (session->message.overflow)
    {
        condemn(session, "552 5.3.4 Message too big", "the message is larger than SIZE");
    }
    check_head(session);
    check_parts(session);
    session->violation = session->condemned;
    if (session->condemned == NULL)
    {
        session->verdict = arena_printf(session->arena, "250 2.0.0 Ok: queued as %s",
                                        random_hex(session->arena, 12));
    }
    return SMTP_MESSAGE;
}

/* A line of the message, with its line end. */
static enum smtp_event
data_line(struct smtp_session *session, const char *line, size_t len)
{
    bool crlf = len >= 2 && line[len - 2] == '\r';
    size_t text = crlf ? len - 2 : len - 1;

    if (!crlf)
    {
        condemn(session, "550 5.5.2 Bare <LF> received", "bare LF in the message");
    }
    if (memchr(line, '\r', text) != NULL)
    {
        condemn(session, "550 5.5.2 Bare <CR> received", "bare CR in the message");
    }
    if (memchr(line, '\0', len) != NULL)
    {
        condemn(session, "550 5.6.0 NUL in the message", "NUL in the message");
    }
    if (crlf && text == 1 && line[0] == '.')
    {
        return end_of_data(session);
    }
    if (text - (line[0] == '.') > TEXT_LINE_MAX)
    {
        condemn(session, "550 5.6.0 Line longer than 998 octets",
                "a line has more than 998 octets");
    }
    for (size_t i = 0; i < text && !session->eight_bit; i++)
    {
        if ((unsigned char) line[i] >= 0x80)
        {
            condemn(session, "550 5.6.1 8-bit data without BODY=8BITMIME",
                    "8-bit data without BODY=8BITMIME");
        }
    }
    buf_append(&session->message, line + (line[0] == '.'), len - (line[0] == '.'));
    return SMTP_MORE;
}

/* ---- commands ---- */

static enum smtp_event
do_rset(struct smtp_session *session, const char *argument)
{
    (void) argument;
    end_transaction(session);
    return reply(session, "250 2.0.0 Ok");
}

static enum smtp_event
do_noop(struct smtp_session *session, const char *argument)
{
    (void) argument;
    return reply(session, "250 2.0.0 Ok");
}

static enum smtp_event
do_quit(struct smtp_session *session, const char *argument)
{
    (void) argument;
    session->violation = NULL;
    reply(session, "221 2.0.0 Bye");
    return SMTP_CLOSE;
}

static const struct command
{
    const char *verb;
    enum smtp_event (*run)(struct smtp_session *session, const char *argument);
} commands[] = {
    { "EHLO", do_ehlo }, { "STARTTLS", do_starttls }, { "AUTH", do_auth },
    { "MAIL", do_mail }, { "RCPT", do_rcpt },         { "DATA", do_data },
    { "RSET", do_rset }, { "NOOP", do_noop },         { "QUIT", do_quit },
};

/* A command line without its line end. */
static enum smtp_event
run_command(struct smtp_session *session, const char *line)
{
    size_t verb = strcspn(line, " ");

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    {
        if (strlen(commands[i].verb) == verb && strncasecmp(line, commands[i].verb, verb) == 0)
        {
            return commands[i].run(session, line + verb + (line[verb] == ' '));
        }
    }
    return refuse(session, "500 5.5.2 Unknown command", "unknown command");
}

static enum smtp_event
command_line(struct smtp_session *session)
{
    struct buf *line = &session->line;
    size_t max = session->state != SMTP_IN_COMMAND || strncasecmp(line->data, "AUTH ", 5) == 0
                     ? AUTH_LINE_MAX
                     : COMMAND_MAX;

    if (line->overflow || line->len > max)
    {
        return refuse(session, "500 5.5.6 Line too long", "a command line is too long");
    }
    if (line->len < 2 || line->data[line->len - 2] != '\r')
    {
        return refuse(session, "500 5.5.2 Bare <LF> received", "bare LF in a command");
    }
    line->len -= 2;
    line->data[line->len] = '\0';
    if (strlen(line->data) != line->len || strpbrk(line->data, "\r\t") != NULL)
    {
        return refuse(session, "500 5.5.2 Control character", "control character in a command");
    }
    if (session->state != SMTP_IN_COMMAND)
    {
        return do_auth_line(session, line->data);
    }
    return run_command(session, line->data);
}

/* A line is complete. rest: bytes that came with it. */
static enum smtp_event
take_line(struct smtp_session *session, size_t rest)
{
    bool in_data = session->state == SMTP_IN_DATA;
    enum smtp_event event;

    if (in_data && session->line.overflow)
    {
        event = SMTP_MORE;
    }
    else if (in_data)
    {
        event = data_line(session, session->line.data, session->line.len);
    }
    else
    {
        event = command_line(session);
    }
    /* PIPELINING is not offered: what follows was not typed by a client that read our reply */
    if (rest > 0 && (!in_data || event == SMTP_MESSAGE))
    {
        buf_reset(&session->out);
        reply(session, "503 5.5.0 Bytes behind a command without PIPELINING");
        session->violation = "a command came along with another one (smuggled in an address?)";
        return SMTP_CLOSE;
    }
    return event;
}

enum smtp_event
smtp_feed(struct smtp_session *session, const char *data, size_t len, size_t *ret_used)
{
    *ret_used = 0;
    while (*ret_used < len)
    {
        const char *start = data + *ret_used;
        const char *newline = memchr(start, '\n', len - *ret_used);
        size_t step = newline != NULL ? (size_t) (newline - start) + 1 : len - *ret_used;
        enum smtp_event event;

        if (session->line_done)
        {
            buf_reset(&session->line);
        }
        session->line_done = false;
        if (!buf_append(&session->line, start, step) && session->state == SMTP_IN_DATA)
        {
            condemn(session, "550 5.6.0 Line longer than 998 octets",
                    "a line has more than 998 octets");
        }
        *ret_used += step;
        if (newline == NULL)
        {
            return SMTP_MORE;
        }
        session->violation = NULL;
        session->line_done = true;
        event = take_line(session, len - *ret_used);
        if (event != SMTP_MORE)
        {
            return event;
        }
    }
    return SMTP_MORE;
}

/* ---- faults ---- */

static const char *
enhanced_code(int status, bool at_end)
{
    static const struct
    {
        int status;
        const char *recipient;
        const char *message;
    } codes[] = {
        { 421, "4.3.2", "4.3.2" }, { 450, "4.2.1", "4.7.1" }, { 451, "4.3.0", "4.3.0" },
        { 452, "4.2.2", "4.3.1" }, { 530, "5.7.0", "5.7.0" }, { 535, "5.7.8", "5.7.8" },
        { 550, "5.1.1", "5.7.1" }, { 551, "5.1.6", "5.7.1" }, { 552, "5.2.2", "5.3.4" },
        { 553, "5.1.3", "5.6.0" }, { 554, "5.7.1", "5.6.0" }, { 556, "5.1.10", "5.1.10" },
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
    {
        if (codes[i].status == status)
        {
            return at_end ? codes[i].message : codes[i].recipient;
        }
    }
    return status < 500 ? "4.0.0" : "5.0.0";
}

const char *
smtp_fault_reply(struct arena *arena, int status, bool at_end)
{
    const char *code;

    if (status == STATUS_UNREGISTERED)
    {
        status = 550;
    }
    else if (status == 429)
    {
        status = 450;
    }
    else if (status >= 500 && status <= 504)
    {
        status = 451;
    }
    code = enhanced_code(status, at_end);
    if (status >= 500)
    {
        return arena_printf(arena, "%d-%s Refused by the sandbox\r\n%d %s as was asked for", status,
                            code, status, code);
    }
    return arena_printf(arena, "%d %s Refused by the sandbox, try again later", status, code);
}

static void
smtp_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    mime_render(request->body, request->body_len, arena, ret);
    if (ret->to == NULL)
    {
        ret->to = request_header(request, "rcpt-to");
    }
}

const struct sandbox_double double_smtp = {
    .name = "smtp",
    .account = "user " SANDBOX_SMTP_USER,
    .secrets = { { SECRET, "", SECRET_BASE64URL } },
    .render = smtp_render,
};
