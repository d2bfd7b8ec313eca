/* herald-sandbox: options, credentials, listeners, ports.json, until a signal. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/log.h"
#include "core/options.h"
#include "sandbox/https.h"
#include "sandbox/page.h"
#include "sandbox/sandbox.h"
#include "sandbox/smtpd.h"

#define IDS_MAX 1000000
#define OBJECT_BYTES_MAX ((size_t) 256 * 1024 * 1024)
#define SCRIPT_BYTES_MAX 1048576

static const struct option_row rows[] = {
    { "Place", "dir", 'D', "DIR", "HERALD_SANDBOX_DIR", NULL, 0,
      "directory for credentials, certificates and ports.json; made when missing" },
    { "Place", "https", 0, "ADDRESS", NULL, "127.0.0.1:8443", 0,
      "every provider that speaks HTTP; port 0 takes a free one" },
    { "Place", "smtp", 0, "ADDRESS", NULL, "127.0.0.1:8025", 0, "mail submission with STARTTLS" },
    { "Place", "page", 0, "ADDRESS", NULL, "127.0.0.1:8080", 0,
      "the page that shows what arrived; for this machine only" },
    { "Place", "names", 0, "LIST", NULL, NULL, 0,
      "more host names for the certificate, separated by commas" },
    { "Behaviour", "script", 's', "FILE", NULL, NULL, 0, "faults to play, as JSON (see below)" },
    { "Behaviour", "apns-environment", 0, "NAME", NULL, "production", 0,
      "production or development" },
    { "Behaviour", "http1", 0, NULL, NULL, NULL, 0, "speak HTTP/1.1 only" },
    { "Behaviour", "fast", 0, NULL, NULL, NULL, 0,
      "answer every HTTP request with a success and only count: no checks, no faults, no records" },
    { "Behaviour", "misbehave", 0, "SEED", NULL, NULL, 0,
      "spoil 4.4 % of the requests, chosen by seed, mark and number of the try" },
    { "Records", "keep", 0, "N", NULL, "10000", 0, "requests to remember" },
    { "Records", "log", 0, "KIND", NULL, "none", 0,
      "append each request to DIR/requests.log before it is answered: none, meta or full" },
    { "Records", "ledger", 0, "FILE", NULL, NULL, 0,
      "append one line a request, for COPY, before it is answered" },
    { "Commands", "version", 'V', NULL, NULL, NULL, OPTION_COMMAND, "print the version, and exit" },
    { .name = NULL },
};

static const struct options_program program = {
    .name = "herald-sandbox",
    .usage = "--dir DIR [OPTION]…",
    .summary =
        "Strict local doubles of the providers, of an SMTP submission server, of webhook "
        "receivers\n"
        "and of an S3 store, and a page that shows what arrived. Nothing leaves this machine. "
        "DIR/ca.pem\n"
        "is the trust anchor; DIR/apns.p8, fcm.json, fcm_key.pem and secrets.env hold\n"
        "credentials that the doubles accept; DIR/ports.json appears when all listeners are\n"
        "ready.",
    .rows = rows,
    .examples =
        "  herald-sandbox --dir /tmp/sandbox                      then open http://127.0.0.1:8080\n"
        "  herald-sandbox --dir /tmp/sandbox --https 127.0.0.1:0  any free port, see ports.json\n"
        "  curl -H 'Content-Type: application/json' http://127.0.0.1:8080/api/script -d '[…]'\n"
        "\n",
};

static const char script_help[] =
    "A script is an array of rules; the first that matches counts:\n"
    "  {\"match\": {\"provider\": \"fcm\", \"path\": …, \"to\": …, \"body\": …}, \"times\": 2,\n"
    "   \"percent\": 30, \"fault\": \"status\", \"status\": 503, \"retry_after\": 2}\n"
    "  provider is equal, the others are contained; all are optional. Faults: status,\n"
    "  throttle (429), unregistered, delay, hang, reset_before, reset_after, close,\n"
    "  lost_answer, goaway, drain, refused, stream_error, partial, garbage, drip.\n"
    "  More members: delay_ms; retry_after (number or any text); retry_after_date: true\n"
    "  (retry_after seconds from now as a date); html: true (a proxy's page); accept: true\n"
    "  (executed in spite of the status); body, body_bytes (replace the answer's body);\n"
    "  at_end: true (SMTP: at the end of the message, not at RCPT).\n"
    "  As an object, {\"rules\": […], \"max_streams\": 1, \"window\": 0} sets HTTP/2 limits.\n"
    "\n";

/* All parts of the process, for start and end. */
struct process
{
    struct arena *arena;
    const struct options *options;
    const char *dir;
    struct credentials credentials;
    struct sandbox sandbox;
    struct https *https;
    struct smtpd *smtpd;
    struct page *page;
};

static void
on_signal(void *user, int signum)
{
    (void) signum;
    loop_stop(user);
}

/* No answer may leave before its record is in the log. */
static void
before_write(void *user)
{
    const struct sandbox *sandbox = user;

    if (ledger_flush(sandbox->ledger) && witness_flush(sandbox->witness))
    {
        return;
    }
    log_event(LOG_ERROR, "cannot write the request log", "error", strerror(errno), NULL);
    _exit(1);
}

static bool
load_script(struct process *process, const char *path, const char **reterr)
{
    char *text = arena_alloc(process->arena, SCRIPT_BYTES_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = 0;

    while (fd >= 0 && len < SCRIPT_BYTES_MAX &&
           (got = read(fd, text + len, SCRIPT_BYTES_MAX - len)) > 0)
    {
        len += (size_t) got;
    }
    if (fd < 0 || got < 0 || len == SCRIPT_BYTES_MAX)
    {
        *reterr = fd < 0 || got < 0 ? strerror(errno) : "the script is larger than 1 MB";
        if (fd >= 0)
        {
            close(fd);
        }
        return false;
    }
    close(fd);
    return fault_book_load(process->sandbox.book, text, len, process->arena, reterr);
}

/* A line of the help: what an account looks like, and the names of its secrets. */
static void
print_account(const struct sandbox_double *owner)
{
    printf("  %-16s %s", owner->name, owner->account);
    for (const struct double_secret *secret = owner->secrets; secret->name != NULL; secret++)
    {
        printf("%s%s", secret == owner->secrets ? "; " : ", ", secret->name);
    }
    putchar('\n');
}

static void
print_help(struct arena *arena)
{
    printf("%sAccounts\n", options_help(arena, &program));
    for (size_t i = 0; double_registry[i] != NULL; i++)
    {
        const struct sandbox_double *owner = double_registry[i];

        if (owner->account != NULL)
        {
            print_account(owner);
        }
    }
    printf("\n%s%s", script_help, fault_help());
}

static bool
read_log_kind(const char *text, enum ledger_log *ret)
{
    static const char *const names[] = { "none", "meta", "full" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        if (strcmp(text, names[i]) == 0)
        {
            *ret = (enum ledger_log) i;
            return true;
        }
    }
    return false;
}

/* The record for a checker and the planned faults, when asked for. */
static bool
prepare_witness(struct process *process, const char **reterr)
{
    const char *path = options_get(process->options, "ledger");
    bool misbehave = options_get(process->options, "misbehave") != NULL;
    int64_t seed = 0;

    if (misbehave && !options_get_int(process->options, "misbehave", 0, INT64_MAX, &seed, reterr))
    {
        return false;
    }
    if (path != NULL || misbehave)
    {
        process->sandbox.witness = witness_create(path, misbehave, seed, reterr);
        return process->sandbox.witness != NULL;
    }
    return true;
}

/* Credentials, book and ledger: everything that needs no socket. */
static bool
prepare(struct process *process, const char **reterr)
{
    struct sandbox *sandbox = &process->sandbox;
    const char *environment = options_get(process->options, "apns-environment");
    const char *script = options_get(process->options, "script");
    enum ledger_log log;
    int64_t keep = 0;

    process->dir = options_get(process->options, "dir");
    if (process->dir == NULL)
    {
        *reterr = "--dir is required: a directory for credentials and ports.json";
        return false;
    }
    if (!read_log_kind(options_get(process->options, "log"), &log))
    {
        *reterr = "--log must be none, meta or full";
        return false;
    }
    if (strcmp(environment, "production") != 0 && strcmp(environment, "development") != 0)
    {
        *reterr = "--apns-environment must be production or development";
        return false;
    }
    if (!options_get_int(process->options, "keep", 1, 10000000, &keep, reterr) ||
        !credentials_open(process->arena, process->dir, options_get(process->options, "names"),
                          &process->credentials, reterr))
    {
        return false;
    }
    sandbox->fast = options_get_switch(process->options, "fast");
    sandbox->env.apns_sandbox = strcmp(environment, "development") == 0;
    sandbox->env.credentials = &process->credentials;
    sandbox->env.ids = idmap_create(IDS_MAX);
    sandbox->env.objects = objects_create(OBJECT_BYTES_MAX);
    sandbox->book = fault_book_create();
    sandbox->ledger = ledger_create(
        (size_t) keep, log, arena_printf(process->arena, "%s/requests.log", process->dir), reterr);
    return sandbox->ledger != NULL && prepare_witness(process, reterr) &&
           (script == NULL || load_script(process, script, reterr));
}

static bool
listen_all(struct process *process, const char **reterr)
{
    struct sandbox *sandbox = &process->sandbox;
    const struct credentials *credentials = &process->credentials;

    sandbox->loop = loop_create();
    sandbox->net = sock_net_create(sandbox->loop, before_write, sandbox);
    sandbox->https_tls = tls_server_create(credentials->server_pem, credentials->server_key,
                                           !options_get_switch(process->options, "http1"), reterr);
    sandbox->smtp_tls =
        tls_server_create(credentials->server_pem, credentials->server_key, false, reterr);
    if (sandbox->https_tls == NULL || sandbox->smtp_tls == NULL)
    {
        return false;
    }
    process->https = https_create(sandbox, options_get(process->options, "https"), reterr);
    if (process->https == NULL)
    {
        *reterr = arena_printf(process->arena, "--https: %s", *reterr);
        return false;
    }
    process->smtpd = smtpd_create(sandbox, options_get(process->options, "smtp"), reterr);
    if (process->smtpd == NULL)
    {
        *reterr = arena_printf(process->arena, "--smtp: %s", *reterr);
        return false;
    }
    process->page =
        page_create(sandbox, process->https, options_get(process->options, "page"), reterr);
    if (process->page == NULL)
    {
        *reterr = arena_printf(process->arena, "--page: %s", *reterr);
    }
    return process->page != NULL;
}

static bool
announce(struct process *process, const char **reterr)
{
    char *ports =
        arena_printf(process->arena, "{\"https\":%d,\"smtp\":%d,\"page\":%d,\"pid\":%ld}\n",
                     https_port(process->https), smtpd_port(process->smtpd),
                     page_port(process->page), (long) getpid());
    char *url = arena_printf(process->arena, "https://localhost:%d", https_port(process->https));
    char *token = arena_printf(process->arena, "%s/token", url);
    char *browser = arena_printf(process->arena, "%s/push/browser", url);

    return credentials_write_fcm(process->arena, process->dir, token, &process->credentials,
                                 reterr) &&
           credentials_write_browser(process->arena, process->dir, browser, &process->credentials,
                                     reterr) &&
           credentials_write_file(process->arena, process->dir, "ports.json", 0644, ports, reterr);
}

static void
finish(struct process *process)
{
    struct sandbox *sandbox = &process->sandbox;

    https_destroy(process->https);
    smtpd_destroy(process->smtpd);
    page_destroy(process->page);
    sock_net_destroy(sandbox->net);
    tls_server_destroy(sandbox->https_tls);
    tls_server_destroy(sandbox->smtp_tls);
    ledger_destroy(sandbox->ledger);
    witness_destroy(sandbox->witness);
    fault_book_destroy(sandbox->book);
    idmap_destroy(sandbox->env.ids);
    objects_destroy(sandbox->env.objects);
    loop_destroy(sandbox->loop);
    arena_destroy(process->arena);
}

static int
run(struct process *process)
{
    struct loop *loop;
    const char *error = NULL;

    if (!prepare(process, &error) || !listen_all(process, &error) || !announce(process, &error))
    {
        fprintf(stderr, "herald-sandbox: %s\n", error);
        return 1;
    }
    loop = process->sandbox.loop;
    signal(SIGPIPE, SIG_IGN);
    loop_on_signal(loop, SIGTERM, on_signal, loop);
    loop_on_signal(loop, SIGINT, on_signal, loop);
    log_event(LOG_INFO, "sandbox ready", "page",
              arena_printf(process->arena, "http://127.0.0.1:%d/", page_port(process->page)), "dir",
              process->dir, NULL);
    loop_run(loop);
    unlink(arena_printf(process->arena, "%s/ports.json", process->dir));
    return 0;
}

int
main(int argc, char **argv)
{
    struct process process = { .arena = arena_create() };
    const char *error = NULL;
    int status = 0;

    process.options = options_parse(process.arena, &program, argc, argv, &error);
    if (process.options == NULL)
    {
        fprintf(stderr, "herald-sandbox: %s\n", error);
        status = 2;
    }
    else if (options_help_wanted(process.options))
    {
        print_help(process.arena);
    }
    else if (options_get_switch(process.options, "version"))
    {
        printf("herald-sandbox %s\n", HERALD_VERSION);
    }
    else
    {
        status = run(&process);
    }
    finish(&process);
    return status;
}
