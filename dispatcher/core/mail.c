/* SMTP from MAIL to the reply behind the dot, without ever stopping the loop. */
#include "core/mail.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/body.h"
#include "core/buf.h"
#include "core/failpoint.h"
#include "core/http_link.h"
#include "core/mail_reply.h"
#include "core/mem.h"

#define MAIL_LINE_MAX 2048
#define MAIL_PART_BYTES 16384
#define MAIL_IDLE_S 30
#define MAIL_TOTAL_TIMEOUT_MS 60000

/* What the session waits for. */
enum mail_state
{
    MAIL_CONNECTING,
    MAIL_IDLE,
    MAIL_SENT_FROM,
    MAIL_SENT_TO,
    MAIL_SENT_DATA,
    MAIL_SENT_BODY,
    MAIL_RESETTING
};

struct mail_session;

/* One exchange. */
struct mail_job
{
    struct mail_job *next;
    struct mail *mail;
    struct mail_session *session; /* NULL while it waits for one */
    const struct wire_request *request;
    const struct http_options *options;
    struct arena *arena;
    http_done_fn done;
    void *user;
    struct loop_timer *timer;
    struct timespec started;
    bool again; /* second try, over a new connection */
    struct wire_answer *answer;
};

/* One connection, for one account at one server. */
struct mail_session
{
    struct mail_session *next;
    struct mail *mail;
    struct http_link *link;
    struct loop_watch *watch;
    struct loop_timer *timer; /* ends idleness */
    char *url;
    char *username;
    char *password;
    char *ca_file;
    bool starttls;

    enum mail_state state;
    struct mail_job *job;
    bool used;        /* has carried a message */
    bool offers_size; /* SIZE extension */
    bool offers_utf8; /* SMTPUTF8 extension */
    bool more;        /* input stands behind the reply being looked at */
    struct mail_reply reply;
    char line[MAIL_LINE_MAX];
    size_t line_len;
    struct buf out;
    size_t out_sent;
    struct body_reader body;
    bool body_left;   /* more of the message is to go into out */
    char body_end[2]; /* the last two bytes of it so far */
};

struct mail
{
    struct loop *loop;
    struct http *http;
    int max_connections;
    struct mail_session *sessions;
    struct mail_job *waiting; /* oldest first */
    size_t in_flight;
};

static void mail_dispatch(struct mail *mail);
static void mail_session_failed(struct mail_session *session, const char *error);

/* ---- the end of an exchange ---- */

static int64_t
mail_latency_us(const struct mail_job *job)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) (now.tv_sec - job->started.tv_sec) * 1000000 +
           (now.tv_nsec - job->started.tv_nsec) / 1000;
}

/* Call back; the last thing a caller does with the job, and with its session. */
static void
mail_finish(struct mail_job *job, enum wire_result result, const char *error)
{
    job->answer->result = result;
    job->answer->error = error;
    job->answer->latency_us = mail_latency_us(job);
    loop_timer_destroy(job->timer);
    job->mail->in_flight--;
    job->done(job->user, job->answer);
    free(job);
}

/* Take the job off its session, with what the server said last. */
static struct mail_job *
mail_detach(struct mail_session *session, enum smtp_stage stage)
{
    struct mail_job *job = session->job;

    session->job = NULL;
    job->session = NULL;
    job->answer->stage = session->reply.code > 0 ? stage : SMTP_NONE;
    job->answer->status = session->reply.code;
    job->answer->smtp_text =
        session->reply.code > 0 ? arena_strdup(job->arena, session->reply.text) : NULL;
    return job;
}

/* ---- sessions ---- */

static void
mail_session_close(struct mail_session *session)
{
    struct mail_session **link = &session->mail->sessions;

    while (*link != session)
    {
        link = &(*link)->next;
    }
    *link = session->next;
    if (session->state == MAIL_IDLE)
    {
        http_link_send(session->link, "QUIT\r\n", 6);
    }
    loop_watch_destroy(session->watch);
    loop_timer_destroy(session->timer);
    http_link_close(session->link);
    buf_finish(&session->out);
    free(session->url);
    free(session->username);
    if (session->password != NULL)
    {
        explicit_bzero(session->password, strlen(session->password));
    }
    free(session->password);
    free(session->ca_file);
    free(session);
}

static bool
mail_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
mail_is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char) *text < 0x80)
    {
        text++;
    }
    return *text == '\0';
}

static bool
mail_needs_utf8(const struct mail_job *job)
{
    const char *from = job->request->mail_from;

    return !mail_is_ascii(job->request->mail_to) || (from != NULL && !mail_is_ascii(from));
}

static bool
mail_session_fits(const struct mail_session *session, const struct mail_job *job)
{
    return session->starttls == job->request->starttls &&
           mail_same(session->url, job->request->url) &&
           mail_same(session->username, job->request->username) &&
           mail_same(session->password, job->request->password) &&
           mail_same(session->ca_file, job->options->ca_file);
}

/*
 * Buffer the next part of the message, with dots at the start of lines doubled, and behind the last
 * part the final dot.
 */
static void
mail_refill(struct mail_session *session)
{
    char part[MAIL_PART_BYTES];
    size_t len = body_read(&session->body, part, sizeof(part));
    size_t start = 0;

    buf_reset(&session->out);
    session->out_sent = 0;
    for (size_t i = 0; i < len; i++)
    {
        if (part[i] == '.' && session->body_end[1] == '\n')
        {
            buf_append(&session->out, part + start, i - start);
            buf_putc(&session->out, '.');
            start = i;
        }
        session->body_end[0] = session->body_end[1];
        session->body_end[1] = part[i];
    }
    buf_append(&session->out, part + start, len - start);
    if (len == sizeof(part))
    {
        return;
    }
    if (memcmp(session->body_end, "\r\n", 2) != 0)
    {
        buf_puts(&session->out, "\r\n");
    }
    buf_puts(&session->out, ".\r\n");
    session->body_left = false;
}

/* Has the command, or the message, gone out to its end? */
static bool
mail_is_sent(const struct mail_session *session)
{
    return session->out_sent == session->out.len && !session->body_left;
}

/* Send what is buffered and the rest of the message; false when the connection is over. */
static bool
mail_flush(struct mail_session *session)
{
    while (!mail_is_sent(session))
    {
        ssize_t n;

        if (session->out_sent == session->out.len)
        {
            mail_refill(session);
        }
        n = http_link_send(session->link, session->out.data + session->out_sent,
                           session->out.len - session->out_sent);

        if (n < 0)
        {
            return false;
        }
        if (n == 0)
        {
            loop_watch_set(session->watch, LOOP_READ | LOOP_WRITE);
            return true;
        }
        session->out_sent += (size_t) n;
    }
    loop_watch_set(session->watch, LOOP_READ);
    return true;
}

/* Send a command, or all of a message. What fails is found when the loop reads. */
static void
mail_send(struct mail_session *session, enum mail_state state)
{
    session->state = state;
    session->out_sent = 0;
    session->reply.continued = false;
    if (!mail_flush(session))
    {
        loop_watch_set(session->watch, LOOP_READ | LOOP_WRITE);
    }
    if (state == MAIL_SENT_BODY)
    {
        FAILPOINT("K3", NULL);
        FAILPOINT_NOTE("K4");
        FAILPOINT_NOTE("K5");
    }
}

static void
mail_on_idle(void *user)
{
    mail_session_close(user);
}

static void
mail_session_idle(struct mail_session *session, int64_t idle_s)
{
    session->state = MAIL_IDLE;
    session->used = true;
    loop_timer_start(session->timer, (idle_s > 0 ? idle_s : MAIL_IDLE_S) * 1000, 0);
}

/* ---- the dialog ---- */

static void
mail_send_from(struct mail_session *session)
{
    const struct wire_request *request = session->job->request;
    const char *from = request->mail_from != NULL ? request->mail_from : "";

    loop_timer_stop(session->timer);
    session->reply = (struct mail_reply){ .code = 0 };
    buf_reset(&session->out);
    buf_printf(&session->out, "MAIL FROM:<%s>", from);
    if (session->offers_size)
    {
        buf_printf(&session->out, " SIZE=%zu", request->body_len);
    }
    if (mail_needs_utf8(session->job))
    {
        buf_puts(&session->out, " SMTPUTF8");
    }
    buf_puts(&session->out, "\r\n");
    mail_send(session, MAIL_SENT_FROM);
}

static void
mail_send_to(struct mail_session *session)
{
    buf_reset(&session->out);
    buf_printf(&session->out, "RCPT TO:<%s>\r\n", session->job->request->mail_to);
    mail_send(session, MAIL_SENT_TO);
}

static void
mail_send_word(struct mail_session *session, const char *word, enum mail_state state)
{
    buf_reset(&session->out);
    buf_puts(&session->out, word);
    mail_send(session, state);
}

static void
mail_send_body(struct mail_session *session)
{
    buf_reset(&session->out);
    body_start(&session->body, session->job->request);
    session->body_left = true;
    memcpy(session->body_end, "\r\n", 2);
    FAILPOINT("K2", NULL);
    mail_send(session, MAIL_SENT_BODY);
}

static enum smtp_stage
mail_stage(enum mail_state state)
{
    switch (state)
    {
        case MAIL_SENT_FROM:
            return SMTP_MAIL;
        case MAIL_SENT_TO:
            return SMTP_RCPT;
        case MAIL_SENT_DATA:
        case MAIL_SENT_BODY:
            return SMTP_DATA;
        default:
            return SMTP_CONNECT;
    }
}

static void
mail_wait(struct mail_job *job)
{
    struct mail_job **link = &job->mail->waiting;

    while (*link != NULL)
    {
        link = &(*link)->next;
    }
    job->next = NULL;
    *link = job;
}

/* Nothing of the message was sent over a connection that had gone stale: try a new one, once. */
static bool
mail_try_again(struct mail_session *session)
{
    struct mail *mail = session->mail;
    struct mail_job *job = session->job;

    if (job->again || !session->used || session->state != MAIL_SENT_FROM)
    {
        return false;
    }
    job->again = true;
    job->session = NULL;
    session->job = NULL;
    mail_session_close(session);
    mail_wait(job);
    mail_dispatch(mail);
    return true;
}

/* The exchange is over; the connection stays when the server agrees. */
static void
mail_answered(struct mail_session *session)
{
    struct mail *mail = session->mail;
    enum mail_state state = session->state;
    bool whole = mail_is_sent(session);
    struct mail_job *job = mail_detach(session, mail_stage(state));
    int64_t idle_s = job->options->idle_max_s;

    if (session->reply.code == 421 || !whole || session->more)
    {
        mail_session_close(session);
    }
    else if (state == MAIL_SENT_BODY)
    {
        mail_session_idle(session, idle_s);
    }
    else
    {
        session->used = true;
        loop_timer_start(session->timer, MAIL_IDLE_S * 1000, 0);
        mail_send_word(session, "RSET\r\n", MAIL_RESETTING);
    }
    mail_dispatch(mail);
    mail_finish(job, WIRE_ANSWERED, NULL);
}

/* A reply came that the protocol does not know here, or the connection ended: judge by stage. */
static void
mail_session_failed(struct mail_session *session, const char *error)
{
    struct mail *mail = session->mail;
    enum mail_state state = session->state;
    bool whole = mail_is_sent(session);
    struct mail_job *job;

    if (session->job != NULL && mail_try_again(session))
    {
        return;
    }
    job = session->job != NULL ? mail_detach(session, mail_stage(state)) : NULL;
    session->state = MAIL_CONNECTING; /* no farewell */
    mail_session_close(session);
    mail_dispatch(mail);
    if (job != NULL)
    {
        mail_finish(job, state == MAIL_SENT_BODY && whole ? WIRE_AMBIGUOUS : WIRE_NOT_SENT, error);
    }
}

/* A complete reply. False: the session may be gone. */
static bool
mail_take_reply(struct mail_session *session)
{
    int code = session->reply.code;
    bool good = code >= 200 && code < 300;

    if (session->state == MAIL_RESETTING && good)
    {
        mail_session_idle(session, MAIL_IDLE_S);
        mail_dispatch(session->mail);
        return false;
    }
    if (session->job != NULL && code >= 400)
    {
        if (code != 421 || !mail_try_again(session))
        {
            mail_answered(session);
        }
        return false;
    }
    if (session->state == MAIL_SENT_FROM && good)
    {
        mail_send_to(session);
        return true;
    }
    if (session->state == MAIL_SENT_TO && good)
    {
        mail_send_word(session, "DATA\r\n", MAIL_SENT_DATA);
        return true;
    }
    if (session->state == MAIL_SENT_DATA && code == 354)
    {
        mail_send_body(session);
        return true;
    }
    if (session->state == MAIL_SENT_BODY && good && mail_is_sent(session))
    {
        mail_answered(session);
        return false;
    }
    mail_session_failed(session, "the mail server's reply makes no sense");
    return false;
}

/* Split input into lines. False: the session may be gone. */
static bool
mail_take_input(struct mail_session *session, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
    {
        bool malformed;
        bool complete;

        if (session->line_len < MAIL_LINE_MAX)
        {
            session->line[session->line_len++] = data[i];
        }
        if (data[i] != '\n')
        {
            continue;
        }
        complete = mail_reply_line(&session->reply, session->line, session->line_len, &malformed);
        session->line_len = 0;
        session->more = i + 1 < len;
        if (malformed)
        {
            mail_session_failed(session, "the mail server's reply is malformed");
            return false;
        }
        if (complete && !mail_take_reply(session))
        {
            return false;
        }
    }
    return true;
}

static void
mail_on_socket(void *user, int events)
{
    struct mail_session *session = user;
    char data[4096];
    ssize_t n;

    if ((events & LOOP_WRITE) != 0 && !mail_flush(session))
    {
        mail_session_failed(session, "the connection to the mail server broke");
        return;
    }
    FAILPOINT_NOTED("K4");
    do
    {
        n = http_link_receive(session->link, data, sizeof(data));
        FAILPOINT_NOTED("K5");
        if (n < 0 || (n > 0 && session->state == MAIL_IDLE))
        {
            /* Also a server that says goodbye to an idle connection. */
            mail_session_failed(session, "the mail server closed the connection");
            return;
        }
    } while (n > 0 && mail_take_input(session, data, (size_t) n));
}

/* ---- connecting ---- */

static void
mail_on_line(void *user, const char *line, size_t len)
{
    struct mail_session *session = user;
    bool malformed;

    mail_reply_line(&session->reply, line, len, &malformed);
    if (len > 4 && memcmp(line, "250", 3) == 0)
    {
        session->offers_size |= strncasecmp(line + 4, "SIZE", 4) == 0;
        session->offers_utf8 |= len >= 12 && strncasecmp(line + 4, "SMTPUTF8", 8) == 0;
    }
}

static void
mail_on_ready(void *user, enum http_link_result result, const char *error)
{
    static const enum wire_result results[] = {
        [HTTP_LINK_UP] = WIRE_ANSWERED,
        [HTTP_LINK_FAILED] = WIRE_NOT_SENT,
        [HTTP_LINK_FORBIDDEN] = WIRE_FORBIDDEN,
        [HTTP_LINK_AUTH] = WIRE_AUTH_FAILED,
    };
    struct mail_session *session = user;
    struct mail *mail = session->mail;
    struct mail_job *job;

    if (result == HTTP_LINK_UP && (session->offers_utf8 || !mail_needs_utf8(session->job)))
    {
        session->watch = loop_watch_create(mail->loop, http_link_fd(session->link), LOOP_READ,
                                           mail_on_socket, session);
        mail_send_from(session);
        return;
    }
    if (result == HTTP_LINK_UP)
    {
        result = HTTP_LINK_FORBIDDEN;
        error = "the mail server takes no addresses outside ASCII";
    }
    job = mail_detach(session, SMTP_CONNECT);
    mail_session_close(session);
    mail_dispatch(mail);
    if (result == HTTP_LINK_FAILED && job->answer->status >= 400)
    {
        mail_finish(job, WIRE_ANSWERED, NULL);
        return;
    }
    mail_finish(job, results[result], error);
}

static void
mail_connect(struct mail_job *job)
{
    static const struct http_link_events events = { mail_on_line, mail_on_ready };
    struct mail *mail = job->mail;
    struct mail_session *session = mem_alloc(sizeof(*session));

    session->mail = mail;
    session->url = mem_strdup(job->request->url);
    session->username = mem_strdup(job->request->username);
    session->password = mem_strdup(job->request->password);
    session->ca_file = mem_strdup(job->options->ca_file);
    session->starttls = job->request->starttls;
    session->state = MAIL_CONNECTING;
    session->job = job;
    session->timer = loop_timer_create(mail->loop, mail_on_idle, session);
    buf_init(&session->out, SIZE_MAX / 2);
    session->next = mail->sessions;
    mail->sessions = session;
    job->session = session;
    session->link = http_link_open(mail->http, job->request, job->options, &events, session);
}

/* ---- finding a session for a job ---- */

/* Give the job a session if there is one for it; a new one when the account may have more. */
static bool
mail_place(struct mail_job *job)
{
    bool fresh = job->again || job->request->fresh_connection;
    struct mail_session *idle = NULL;
    struct mail_session *suits = NULL;
    int count = 0;

    for (struct mail_session *s = job->mail->sessions; s != NULL; s = s->next)
    {
        if (mail_session_fits(s, job))
        {
            count++;
            idle = s->state == MAIL_IDLE ? s : idle;
            suits = s->state == MAIL_IDLE && (s->offers_utf8 || !mail_needs_utf8(job)) ? s : suits;
        }
    }
    if (suits != NULL && !fresh)
    {
        suits->job = job;
        job->session = suits;
        mail_send_from(suits);
        return true;
    }
    if (idle != NULL && count >= job->mail->max_connections)
    {
        mail_session_close(idle);
        count--;
    }
    if (count >= job->mail->max_connections)
    {
        return false;
    }
    mail_connect(job);
    return true;
}

/* A connection came free: look who has waited for it. */
static void
mail_dispatch(struct mail *mail)
{
    struct mail_job **link = &mail->waiting;
    struct mail_job *job;

    while ((job = *link) != NULL)
    {
        *link = job->next;
        if (!mail_place(job))
        {
            job->next = *link;
            *link = job;
            link = &job->next;
        }
    }
}

static void
mail_on_timeout(void *user)
{
    struct mail_job *job = user;

    if (job->session != NULL)
    {
        job->again = true;
        if (job->session->state != MAIL_CONNECTING)
        {
            mail_session_failed(job->session, "timeout");
            return;
        }
        mail_on_ready(job->session, HTTP_LINK_FAILED, "timeout");
        return;
    }
    for (struct mail_job **link = &job->mail->waiting; *link != NULL; link = &(*link)->next)
    {
        if (*link == job)
        {
            *link = job->next;
            break;
        }
    }
    mail_finish(job, WIRE_NOT_SENT, "timeout");
}

void
mail_start(struct mail *mail, const struct wire_request *request,
           const struct http_options *options, struct arena *arena, http_done_fn done, void *user)
{
    struct mail_job *job = mem_alloc(sizeof(*job));

    job->mail = mail;
    job->request = request;
    job->options = options;
    job->arena = arena;
    job->done = done;
    job->user = user;
    job->answer = arena_alloc(arena, sizeof(*job->answer));
    job->answer->retry_after_s = -1;
    job->answer->body = "";
    clock_gettime(CLOCK_MONOTONIC, &job->started);
    job->timer = loop_timer_create(mail->loop, mail_on_timeout, job);
    loop_timer_start(
        job->timer,
        options->total_timeout_ms > 0 ? options->total_timeout_ms : MAIL_TOTAL_TIMEOUT_MS, 0);
    mail->in_flight++;
    if (!mail_place(job))
    {
        mail_wait(job);
    }
}

size_t
mail_in_flight(const struct mail *mail)
{
    return mail->in_flight;
}

struct mail *
mail_create(struct loop *loop, struct http *http, int max_connections)
{
    struct mail *mail = mem_alloc(sizeof(*mail));

    mail->loop = loop;
    mail->http = http;
    mail->max_connections = max_connections > 0 ? max_connections : 1;
    return mail;
}

static void
mail_cancel(struct mail_job *job)
{
    loop_timer_destroy(job->timer);
    free(job);
}

void
mail_destroy(struct mail *mail)
{
    struct mail_job *job;

    while (mail->sessions != NULL)
    {
        if (mail->sessions->job != NULL)
        {
            mail_cancel(mail->sessions->job);
        }
        mail_session_close(mail->sessions);
    }
    while ((job = mail->waiting) != NULL)
    {
        mail->waiting = job->next;
        mail_cancel(job);
    }
    free(mail);
}
