/* Failpoints: reading HERALD_FAIL and acting on it. Nothing of it is in a plain build. */
#include "core/failpoint.h"

#ifdef HERALD_FAILPOINTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 16
#define TEXT_MAX 128

enum action
{
    ACTION_KILL,
    ACTION_ABORT,
    ACTION_STOP,
    ACTION_SLEEP,
    ACTION_FAIL
};

static const char *const action_names[] = {
    [ACTION_KILL] = "kill",   [ACTION_ABORT] = "abort", [ACTION_STOP] = "stop",
    [ACTION_SLEEP] = "sleep", [ACTION_FAIL] = "fail",
};

struct failpoint
{
    char name[TEXT_MAX];
    char action_name[TEXT_MAX];
    char subject[TEXT_MAX];
    enum action action;
    long ms;
    long at;
    long hits;
    long notes;
};

/* A daemon has one thread that runs our code. */
static struct failpoint entries[ENTRIES_MAX];
static size_t entry_count;
static bool is_read;

static _Noreturn void
failpoint_refuse(const char *text)
{
    dprintf(STDERR_FILENO, "HERALD_FAIL: %s makes no sense\n", text);
    abort();
}

static void
failpoint_parse(struct failpoint *entry, char *text)
{
    char *subject = strchr(text, '/');
    char *at = strchr(text, '@');
    char *ms = strchr(text, ':');
    bool known = false;

    if (subject != NULL)
    {
        snprintf(entry->subject, sizeof(entry->subject), "%s", subject + 1);
        *subject = '\0';
    }
    entry->at = at != NULL && (subject == NULL || at < subject) ? strtol(at + 1, NULL, 10) : 1;
    entry->ms = ms != NULL && (subject == NULL || ms < subject) ? strtol(ms + 1, NULL, 10) : 0;
    if (sscanf(text, "%127[^=]=%127[a-z]", entry->name, entry->action_name) != 2)
    {
        failpoint_refuse(text);
    }
    for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++)
    {
        if (strcmp(entry->action_name, action_names[i]) == 0)
        {
            entry->action = (enum action) i;
            known = true;
        }
    }
    if (!known || entry->at < 1)
    {
        failpoint_refuse(text);
    }
}

static void
failpoint_read(void)
{
    const char *at = getenv("HERALD_FAIL");

    is_read = true;
    while (at != NULL && *at != '\0')
    {
        size_t len = strcspn(at, ";");
        char text[TEXT_MAX * 2];

        if (entry_count == ENTRIES_MAX || len >= sizeof(text))
        {
            failpoint_refuse(at);
        }
        snprintf(text, sizeof(text), "%.*s", (int) len, at);
        failpoint_parse(&entries[entry_count++], text);
        at += len + (at[len] == ';' ? 1 : 0);
    }
}

static struct failpoint *
failpoint_find(const char *name, const char *subject)
{
    if (!is_read)
    {
        failpoint_read();
    }
    for (size_t i = 0; i < entry_count; i++)
    {
        const char *wanted = entries[i].subject;

        if (strcmp(entries[i].name, name) == 0 &&
            (wanted[0] == '\0' || (subject != NULL && strstr(subject, wanted) != NULL)))
        {
            return &entries[i];
        }
    }
    return NULL;
}

const struct failpoint *
failpoint_due(const char *name, const char *subject)
{
    struct failpoint *entry = failpoint_find(name, subject);

    if (entry == NULL)
    {
        return NULL;
    }
    entry->hits++;
    return entry->hits == entry->at || (entry->subject[0] != '\0' && entry->hits > entry->at)
               ? entry
               : NULL;
}

bool
failpoint_act(const struct failpoint *due)
{
    struct timespec pause;

    if (due == NULL)
    {
        return false;
    }
    dprintf(STDERR_FILENO, "failpoint %s: %s at hit %ld\n", due->name, due->action_name, due->hits);
    switch (due->action)
    {
        case ACTION_KILL:
            kill(getpid(), SIGKILL);
            break;
        case ACTION_ABORT:
            abort();
        case ACTION_STOP:
            kill(getpid(), SIGSTOP);
            break;
        case ACTION_SLEEP:
            pause = (struct timespec){ due->ms / 1000, due->ms % 1000 * 1000000 };
            nanosleep(&pause, NULL);
            break;
        case ACTION_FAIL:
            return true;
    }
    return false;
}

void
failpoint_note(const char *name)
{
    struct failpoint *entry = failpoint_find(name, NULL);

    if (entry != NULL)
    {
        entry->notes++;
    }
}

void
failpoint_noted(const char *name)
{
    struct failpoint *entry = failpoint_find(name, NULL);

    while (entry != NULL && entry->notes > 0)
    {
        entry->notes--;
        FAILPOINT(name, NULL);
    }
}

#else

typedef int failpoint_is_not_here; /* a file needs a declaration */

#endif
