/* SMTP over sockets: replies leave, messages are recorded, faults strike at RCPT or at the end. */
#include "sandbox/smtpd.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "sandbox/mime.h"
#include "sandbox/smtp.h"

#define ENVELOPE_FIELDS 3
#define SMTP_NAME "smtp"

struct smtpd
{
    struct sandbox *sandbox;
    struct sock_listener *listener;
    size_t index; /* of the double in the registry */
};

struct mail_conn
{
    struct smtpd *smtpd;
    struct sock *sock;
    uint64_t number;
    struct smtp_session session;
    struct fault fault; /* of the transaction: strikes at the end of the message */
    struct arena *fault_arena;
    struct loop_timer *timer;
    const char *late; /* reply that a timer sends */
    size_t dripped;
    bool waiting; /* for the timer, or for ever */
};

static void
send_out(struct mail_conn *conn)
{
    sock_write(conn->sock, conn->session.out.data, conn->session.out.len);
    buf_reset(&conn->session.out);
    sock_flush(conn->sock);
}

/* ---- recording ---- */

/* The envelope as headers: ehlo, mail-from, mail-parameters, one rcpt-to each. */
static struct field *
envelope(const struct smtp_session *session, struct arena *arena, size_t *ret_count)
{
    struct field *fields =
        arena_alloc(arena, (ENVELOPE_FIELDS + SMTP_RECIPIENTS_MAX) * sizeof(*fields));
    size_t count = 0;

    if (session->ehlo != NULL)
    {
        fields[count++] = (struct field){ "ehlo", session->ehlo };
    }
    if (session->from != NULL)
    {
        fields[count++] = (struct field){ "mail-from", session->from };
    }
    if (session->parameters != NULL)
    {
        fields[count++] = (struct field){ "mail-parameters", session->parameters };
    }
    for (size_t i = 0; i < session->recipient_count; i++)
    {
        fields[count++] = (struct field){ "rcpt-to", session->recipients[i] };
    }
    *ret_count = count;
    return fields;
}

struct outcome
{
    const char *method; /* MAIL for a message, COMMAND for a refused command, RCPT */
    int status;
    enum decision decision;
    bool executed;
    const char *violation;
    const char *fault;
    const char *body;
    size_t body_len;
};

static void
record(struct mail_conn *conn, const struct outcome *outcome)
{
    struct sandbox *sandbox = conn->smtpd->sandbox;
    const struct smtp_session *session = &conn->session;
    struct arena *arena = arena_create();
    struct double_request request = {
        .method = outcome->method,
        .path = session->from != NULL ? session->from : "",
        .query = "",
        .authority = "",
        .body = outcome->body,
        .body_len = outcome->body_len,
    };
    struct ledger_entry entry = {
        .wall_us = sandbox_now(sandbox),
        .mono_us = sandbox_mono_us(),
        .provider = SMTP_NAME,
        .conn = conn->number,
        .request = &request,
        .status = outcome->status,
        .decision = outcome->decision,
        .executed = outcome->executed,
        .violation = outcome->violation,
        .fault = outcome->fault,
    };

    request.headers = envelope(session, arena, &request.header_count);
    if (session->recipient_count > 0)
    {
        entry.address = session->recipients[session->recipient_count - 1];
    }
    entry.id = mime_header(outcome->body, outcome->body_len, "message-id", arena);
    ledger_add(sandbox->ledger, &entry);
    arena_destroy(arena);
}

static void
record_refused(struct mail_conn *conn)
{
    const struct smtp_session *session = &conn->session;
    bool secret = session->line.len >= 4 && (session->line.data[0] | 0x20) == 'a';
    struct outcome outcome = {
        .method = "COMMAND",
        .status = (int) strtol(session->out.data, NULL, 10),
        .decision = DECISION_REFUSE,
        .violation = session->violation,
        .body = secret ? "AUTH" : session->line.data,
        .body_len = secret ? 4 : session->line.len,
    };

    record(conn, &outcome);
}

/* ---- faults ---- */

static void
look_for_fault(struct mail_conn *conn, bool at_end)
{
    struct sandbox *sandbox = conn->smtpd->sandbox;
    const struct smtp_session *session = &conn->session;
    struct fault_key key = {
        .provider = SMTP_NAME,
        .path = session->from,
        .address = session->recipients[session->recipient_count - 1],
        .body = at_end ? session->message.data : NULL,
        .body_len = at_end ? session->message.len : 0,
        .body_only = at_end,
    };

    conn->fault = fault_choose(sandbox->book, &key, sandbox_now(sandbox), conn->fault_arena);
}

/* Does the fault strike at RCPT? The others wait for the message. */
static bool
strikes_recipient(const struct fault *fault)
{
    return !fault->at_end && (fault->kind == FAULT_STATUS || fault->kind == FAULT_UNREGISTERED ||
                              fault->kind == FAULT_GOAWAY || fault->kind == FAULT_RESET_BEFORE);
}

static void
refuse_recipient(struct mail_conn *conn, int status)
{
    const char *text = smtp_fault_reply(conn->fault_arena, status, false);
    struct outcome outcome = { .method = "RCPT",
                               .status = (int) strtol(text, NULL, 10),
                               .decision = DECISION_FAULT,
                               .fault = conn->fault.name,
                               .body = "" };

    record(conn, &outcome);
    smtp_reply_recipient(&conn->session, false, text);
    send_out(conn);
    if (outcome.status == 421)
    {
        sock_close(conn->sock);
    }
}

static void
answer_recipient(struct mail_conn *conn)
{
    struct fault before = conn->fault;
    struct outcome outcome = { .method = "RCPT", .decision = DECISION_FAULT, .body = "" };

    look_for_fault(conn, false);
    if (!strikes_recipient(&conn->fault))
    {
        if (conn->fault.kind == FAULT_NONE)
        {
            conn->fault = before;
        }
        smtp_reply_recipient(&conn->session, true, "250 2.1.5 Ok");
        send_out(conn);
        return;
    }
    if (conn->fault.kind == FAULT_RESET_BEFORE)
    {
        outcome.fault = conn->fault.name;
        record(conn, &outcome);
        sock_reset(conn->sock);
        return;
    }
    refuse_recipient(conn, conn->fault.kind == FAULT_STATUS         ? conn->fault.status
                           : conn->fault.kind == FAULT_UNREGISTERED ? STATUS_UNREGISTERED
                                                                    : 421);
    conn->fault = before;
}

/* ---- the end of a message ---- */

/* The transaction is over; go on reading commands. */
static void
finish_message(struct mail_conn *conn)
{
    smtp_end_message(&conn->session);
    conn->fault = (struct fault){ 0 };
    conn->waiting = false;
    conn->dripped = 0;
    send_out(conn);
}

static void
on_timer(void *user)
{
    struct mail_conn *conn = user;

    if (conn->fault.kind == FAULT_DRIP && conn->late[conn->dripped] != '\0')
    {
        buf_putc(&conn->session.out, conn->late[conn->dripped++]);
        send_out(conn);
        return;
    }
    loop_timer_stop(conn->timer);
    if (conn->fault.kind != FAULT_DRIP)
    {
        buf_puts(&conn->session.out, conn->late);
    }
    buf_puts(&conn->session.out, "\r\n");
    finish_message(conn);
}

static void
answer_late(struct mail_conn *conn, const char *text)
{
    bool drip = conn->fault.kind == FAULT_DRIP;
    int64_t delay_ms = conn->fault.delay_ms > 0 ? conn->fault.delay_ms : 1;

    conn->waiting = true;
    conn->late = text;
    loop_timer_start(conn->timer, delay_ms, drip ? delay_ms : 0);
}

static void
answer_now(struct mail_conn *conn, const char *text)
{
    buf_printf(&conn->session.out, "%s\r\n", text);
    finish_message(conn);
}

/* The message is fine and the fault decides what its sender hears. */
static void
act(struct mail_conn *conn, const char *text)
{
    switch (conn->fault.kind)
    {
        case FAULT_NONE:
        case FAULT_STATUS:
        case FAULT_UNREGISTERED:
            answer_now(conn, text);
            break;
        case FAULT_DELAY:
        case FAULT_DRIP:
            answer_late(conn, text);
            break;
        case FAULT_HANG:
            conn->waiting = true;
            break;
        case FAULT_RESET_BEFORE:
        case FAULT_RESET_AFTER:
            sock_reset(conn->sock);
            break;
        case FAULT_DRAIN:
            buf_printf(&conn->session.out, "%s\r\n421 4.3.2 Closing\r\n", text);
            send_out(conn);
            sock_close(conn->sock);
            break;
        case FAULT_PARTIAL:
        case FAULT_GARBAGE:
            buf_append(&conn->session.out, text, conn->fault.kind == FAULT_PARTIAL ? 6 : 1);
            send_out(conn);
            sock_close(conn->sock);
            break;
        case FAULT_CLOSE:
        case FAULT_LOST:
        case FAULT_GOAWAY:
        case FAULT_REFUSED:
        case FAULT_STREAM_ERROR:
            sock_close(conn->sock);
            break;
    }
}

static bool
executes(const struct fault *fault)
{
    return fault->kind == FAULT_NONE || fault->kind == FAULT_DELAY || fault->kind == FAULT_DRIP ||
           fault->kind == FAULT_LOST || fault->kind == FAULT_DRAIN ||
           fault->kind == FAULT_PARTIAL || fault->accept;
}

static bool
answers(const struct fault *fault)
{
    return fault->kind == FAULT_NONE || fault->kind == FAULT_STATUS ||
           fault->kind == FAULT_UNREGISTERED || fault->kind == FAULT_DELAY ||
           fault->kind == FAULT_DRIP || fault->kind == FAULT_DRAIN;
}

static void
answer_message(struct mail_conn *conn)
{
    struct smtp_session *session = &conn->session;
    struct sandbox *sandbox = conn->smtpd->sandbox;
    const char *text = session->verdict;
    struct outcome outcome = { .method = "MAIL",
                               .body = session->message.data,
                               .body_len = session->message.len,
                               .violation = session->violation,
                               .decision = DECISION_REFUSE };

    if (session->violation != NULL)
    {
        conn->fault = (struct fault){ 0 };
    }
    else
    {
        if (conn->fault.kind == FAULT_NONE)
        {
            look_for_fault(conn, true);
        }
        outcome.executed = executes(&conn->fault);
        outcome.decision = conn->fault.kind == FAULT_NONE ? DECISION_ACCEPT : DECISION_FAULT;
        outcome.fault = conn->fault.name;
    }
    if (conn->fault.kind == FAULT_STATUS || conn->fault.kind == FAULT_UNREGISTERED)
    {
        text = smtp_fault_reply(
            session->arena,
            conn->fault.kind == FAULT_STATUS ? conn->fault.status : STATUS_UNREGISTERED, true);
    }
    outcome.status = answers(&conn->fault) ? (int) strtol(text, NULL, 10) : 0;
    if (sandbox->fast && outcome.decision == DECISION_ACCEPT)
    {
        ledger_count_fast(sandbox->ledger, conn->smtpd->index, outcome.body_len,
                          sandbox_now(sandbox));
    }
    else
    {
        record(conn, &outcome);
    }
    act(conn, text);
}

/* ---- connections ---- */

static void
on_ready(void *user)
{
    struct mail_conn *conn = user;

    smtp_secured(&conn->session);
}

static void
handle(struct mail_conn *conn, enum smtp_event event)
{
    switch (event)
    {
        case SMTP_REFUSED:
            record_refused(conn);
            send_out(conn);
            break;
        case SMTP_STARTTLS:
            sock_write(conn->sock, conn->session.out.data, conn->session.out.len);
            buf_reset(&conn->session.out);
            sock_start_tls(conn->sock, conn->smtpd->sandbox->smtp_tls);
            break;
        case SMTP_RCPT:
            answer_recipient(conn);
            break;
        case SMTP_MESSAGE:
            answer_message(conn);
            break;
        case SMTP_CLOSE:
            if (conn->session.violation != NULL)
            {
                record_refused(conn);
            }
            send_out(conn);
            sock_close(conn->sock);
            break;
        case SMTP_MORE:
            send_out(conn);
            break;
    }
}

static void
on_data(void *user, const char *data, size_t len)
{
    struct mail_conn *conn = user;
    size_t at = 0;

    while (at < len && !sock_is_dead(conn->sock))
    {
        size_t used;

        if (conn->waiting)
        {
            sock_reset(conn->sock); /* talks although it has no reply yet */
            return;
        }
        handle(conn, smtp_feed(&conn->session, data + at, len - at, &used));
        at += used;
    }
}

static void
on_batch_end(void *user)
{
    struct mail_conn *conn = user;

    sock_flush(conn->sock);
}

/* A message that began and will never be complete. */
static void
record_partial(struct mail_conn *conn)
{
    struct outcome outcome = { .method = "MAIL",
                               .decision = DECISION_REFUSE,
                               .violation = "the message ended before it was complete",
                               .body = conn->session.message.data,
                               .body_len = conn->session.message.len };

    record(conn, &outcome);
}

static void
on_closed(void *user)
{
    struct mail_conn *conn = user;

    if (conn->session.state == SMTP_IN_DATA)
    {
        record_partial(conn);
    }
    loop_timer_destroy(conn->timer);
    smtp_finish(&conn->session);
    arena_destroy(conn->fault_arena);
    free(conn);
}

static const struct sock_events sock_handlers = {
    .ready = on_ready,
    .data = on_data,
    .batch_end = on_batch_end,
    .closed = on_closed,
};

static void
on_accepted(void *user, int fd)
{
    struct smtpd *smtpd = user;
    struct sandbox *sandbox = smtpd->sandbox;
    struct mail_conn *conn = mem_alloc(sizeof(*conn));

    conn->smtpd = smtpd;
    conn->number = ++sandbox->conn_number;
    conn->fault_arena = arena_create();
    conn->timer = loop_timer_create(sandbox->loop, on_timer, conn);
    smtp_init(&conn->session, &sandbox->env);
    conn->sock = sock_create(sandbox->net, fd, NULL, &sock_handlers, conn);
    send_out(conn);
}

struct smtpd *
smtpd_create(struct sandbox *sandbox, const char *address, const char **reterr)
{
    struct smtpd *smtpd = mem_alloc(sizeof(*smtpd));

    smtpd->sandbox = sandbox;
    while (strcmp(double_registry[smtpd->index]->name, SMTP_NAME) != 0)
    {
        smtpd->index++;
    }
    smtpd->listener = sock_listen(sandbox->net, address, on_accepted, smtpd, reterr);
    if (smtpd->listener != NULL)
    {
        return smtpd;
    }
    free(smtpd);
    return NULL;
}

int
smtpd_port(const struct smtpd *smtpd)
{
    return sock_listener_port(smtpd->listener);
}

void
smtpd_destroy(struct smtpd *smtpd)
{
    if (smtpd == NULL)
    {
        return;
    }
    sock_listener_destroy(smtpd->listener);
    free(smtpd);
}
