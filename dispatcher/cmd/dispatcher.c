/* herald-dispatcher: options, commands that only print, start-up checks. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/conninfo.h"
#include "core/log.h"
#include "core/options.h"
#include "core/zone.h"
#include "delivery/check.h"
#include "delivery/dispatch.h"
#include "delivery/state.h"
#include "providers/provider.h"

static const struct option_row rows[] = {
    { "Database", "conninfo", 'd', "CONNINFO", "HERALD_CONNINFO", NULL, 0,
      "connection string or URI; what it leaves out comes from PGHOST and so on" },
    { "Delivery", "name", 'n', "NAME", "HERALD_NAME", NULL, 0,
      "name in herald.dispatcher and pg_stat_activity; else the host's name" },
    { "Delivery", "channels", 'c', "LIST", "HERALD_CHANNELS", "all", 0,
      "channels to serve, separated by commas" },
    { "Delivery", "concurrency", 0, "N", "HERALD_CONCURRENCY", "1000", 0,
      "requests in flight; each account has a limit of its own besides" },
    { "Delivery", "object-cache", 0, "MB", "HERALD_OBJECT_CACHE", "64", 0,
      "content of attached objects in memory; what does not fit waits for room" },
    { "Delivery", "once", '1', NULL, NULL, NULL, OPTION_COMMAND,
      "deliver what can be claimed now, then exit" },
    { "Delivery", "drain", 0, "SECONDS", "HERALD_DRAIN", "10", 0,
      "how long a stop waits for answers to requests in flight" },
    { "Operation", "config", 'f', "FILE", "HERALD_CONFIG", NULL, OPTION_CONFIG,
      "settings file: lines of name = value, names as here" },
    { "Operation", "metrics", 'm', "ADDRESS", "HERALD_METRICS", NULL, 0,
      "serve /metrics (Prometheus) and /healthz, e.g. 127.0.0.1:9187" },
    { "Operation", "log-level", 'l', "LEVEL", "HERALD_LOG_LEVEL", "info", 0,
      "error, warn, info or debug; SIGHUP reads it again" },
    { "Commands", "check-config", 0, NULL, NULL, NULL, OPTION_COMMAND,
      "check database, accounts and their secrets, and exit" },
    { "Commands", "list-providers", 0, NULL, NULL, NULL, OPTION_COMMAND,
      "print the kinds of accounts and their settings, and exit" },
    { "Commands", "list-edges", 0, NULL, NULL, NULL, OPTION_COMMAND,
      "print the legal changes of a delivery's state, and exit" },
    { "Commands", "version", 'V', NULL, NULL, NULL, OPTION_COMMAND, "print the version, and exit" },
    { .name = NULL },
};

static const struct options_program program = {
    .name = "herald-dispatcher",
    .usage = "[OPTION]…",
    .summary =
        "Delivers the notifications of a database with the extension pg_herald. Run as many\n"
        "as you like, on as many machines; each needs a login that is a member of the role\n"
        "herald_dispatcher and four sessions of its own (no pool in transaction mode).\n"
        "Accounts at providers are rows, made with herald.notify_provider().",
    .rows = rows,
    .examples =
        "  herald-dispatcher -d 'dbname=shop'            deliver until stopped\n"
        "  herald-dispatcher -d 'dbname=shop' --once     deliver what waits, for cron\n"
        "  herald-dispatcher -d 'dbname=shop' --check-config\n"
        "\n"
        "Passwords belong into PGPASSFILE or PGPASSWORD, never on the command line.\n"
        "SIGTERM and SIGINT stop: no more claims, answers are awaited, everything claimed is\n"
        "recorded or given back; a second one stops at once. SIGHUP reads accounts, secrets and\n"
        "log-level again; what is broken then keeps its old form.\n"
        "\n"
        "Exit codes: 0 everything claimed was recorded or given back; 1 the database or the\n"
        "configuration cannot be used, or results could not be recorded; 2 wrong usage; 3 --once\n"
        "left deliveries behind: accounts are paused, or a channel has none; 4 --once found that\n"
        "the database is not armed.\n",
};

struct invocation
{
    struct arena *arena;
    int argc;
    char *const *argv;
};

static int
complain(const char *error)
{
    fprintf(stderr, "herald-dispatcher: %s\n", error);
    return 2;
}

static void
print_settings(const struct provider_setting *setting)
{
    for (; setting->name != NULL; setting++)
    {
        printf("    %-20s %-9s %s\n", setting->name,
               setting->secret     ? "secret"
               : setting->required ? "required"
                                   : "",
               setting->doc);
    }
}

static void
list_providers(void)
{
    for (size_t i = 0; provider_registry[i] != NULL; i++)
    {
        const struct provider *provider = provider_registry[i];

        printf("%s (channel %s%s%s): %s\n", provider->kind, channel_name(provider->channel),
               provider->issuer != NULL ? ", issuer " : "",
               provider->issuer != NULL ? provider->issuer : "", provider->doc);
        print_settings(provider->settings);
        printf("\n");
    }
    printf("settings of every kind:\n");
    print_settings(provider_common_settings);
}

static void
print_edge(const char *from, const char *to, void *user)
{
    (void) user;
    printf("%s %s\n", from, to);
}

/* Bits of the channels in a comma-separated list; 0 with *reterr when one does not exist. */
static unsigned
parse_channels(struct arena *arena, const char *list, const char **reterr)
{
    unsigned channels = 0;

    if (strcmp(list, "all") == 0)
    {
        return (1u << CHANNEL_COUNT) - 1;
    }
    while (*list != '\0')
    {
        size_t len = strcspn(list, ",");
        const char *name = arena_strndup(arena, list, len);
        enum channel channel;

        if (!channel_from_name(name, &channel))
        {
            *reterr = arena_printf(arena,
                                   "channels: there is no channel \"%s\"; known are push, sms,"
                                   " email, voice, chat, webhook and inapp",
                                   name);
            return 0;
        }
        channels |= 1u << channel;
        list += len + (list[len] == ',' ? 1 : 0);
    }
    if (channels == 0)
    {
        *reterr = "channels: the list is empty";
    }
    return channels;
}

static bool
set_log_level(struct arena *arena, const struct options *options, const char **reterr)
{
    enum log_level level;

    if (!log_level_from_name(options_get(options, "log-level"), &level))
    {
        *reterr = arena_printf(arena, "log-level: %.64s is none of error, warn, info, debug",
                               options_get(options, "log-level"));
        return false;
    }
    log_set_level(level);
    return true;
}

static const char *
own_name(struct arena *arena)
{
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
    {
        return "dispatcher";
    }
    return arena_strdup(arena, host);
}

static bool
settle(struct arena *arena, const struct options *options, struct dispatch_settings *ret,
       const char **reterr)
{
    const char *metrics = options_get(options, "metrics");
    const char *name = options_get(options, "name");
    int64_t concurrency = 0;
    int64_t object_mb = 0;
    int64_t drain_s = 0;

    if (!options_get_int(options, "concurrency", 1, 100000, &concurrency, reterr) ||
        !options_get_int(options, "object-cache", 1, 65536, &object_mb, reterr) ||
        !options_get_int(options, "drain", 0, 3600, &drain_s, reterr) ||
        !set_log_level(arena, options, reterr) ||
        !conninfo_settle(arena, options, &ret->conninfo, reterr))
    {
        return false;
    }
    ret->channels = parse_channels(arena, options_get(options, "channels"), reterr);
    if (ret->channels == 0)
    {
        return false;
    }
    ret->name = name != NULL ? name : own_name(arena);
    ret->metrics = metrics != NULL && metrics[0] != '\0' ? metrics : NULL;
    ret->concurrency = (int) concurrency;
    ret->object_bytes_max = (size_t) object_mb * 1048576;
    ret->drain_ms = drain_s * 1000;
    ret->once = options_get_switch(options, "once");
    return true;
}

/* SIGHUP: only the log level is read again here. */
static void
reload(void *user)
{
    const struct invocation *invocation = user;
    const char *error = NULL;
    const struct options *options =
        options_parse(invocation->arena, &program, invocation->argc, invocation->argv, &error);

    if (options == NULL || !set_log_level(invocation->arena, options, &error))
    {
        log_event(LOG_ERROR, "settings cannot be used, the old ones stay", "reason", error, NULL);
    }
}

static int
run(struct invocation *invocation, const struct options *options)
{
    struct dispatch_settings settings = { .reload = reload, .user = invocation };
    const char *error = NULL;

    if (!settle(invocation->arena, options, &settings, &error))
    {
        return complain(error);
    }
    if (options_get_switch(options, "check-config"))
    {
        return check_run(settings.conninfo);
    }
    if (geteuid() == 0)
    {
        return complain("refuses to run as root; it needs no right that a user does not have");
    }
    return dispatch_run(&settings);
}

static int
execute(struct invocation *invocation)
{
    const char *error = NULL;
    const struct options *options =
        options_parse(invocation->arena, &program, invocation->argc, invocation->argv, &error);

    if (options == NULL)
    {
        return complain(error);
    }
    if (options_help_wanted(options))
    {
        fputs(options_help(invocation->arena, &program), stdout);
        return 0;
    }
    if (options_get_switch(options, "version"))
    {
        printf("herald-dispatcher (pg_herald) %s\n", HERALD_VERSION);
        return 0;
    }
    if (options_get_switch(options, "list-providers"))
    {
        list_providers();
        return 0;
    }
    if (options_get_switch(options, "list-edges"))
    {
        state_each_edge(print_edge, NULL);
        return 0;
    }
    return run(invocation, options);
}

int
main(int argc, char **argv)
{
    struct invocation invocation = { arena_create(), argc, argv };
    int code;

    /* No core dump and no debugger of another process of this user: memory holds secrets. */
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    zone_start();
    if (invocation.arena == NULL)
    {
        return complain("out of memory");
    }
    code = execute(&invocation);
    arena_destroy(invocation.arena);
    if (fflush(stdout) != 0)
    {
        return 1;
    }
    return code;
}
