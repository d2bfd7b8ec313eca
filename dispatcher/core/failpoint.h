/*
 * Places where a test lets a daemon die, hang or fail: HERALD_FAIL="K6=kill@7;K9=sleep:5000@3".
 * Only builds with -DHERALD_FAILPOINTS have them (the sanitized one); elsewhere the macros are
 * nothing.
 *
 * An entry is NAME=ACTION[:MS][@N][/SUBJECT]. ACTION: kill (SIGKILL), abort, stop (SIGSTOP), sleep
 * for MS, fail (the step says that it failed, where it can). N: at which hit, default 1; later hits
 * do nothing. SUBJECT: only hits whose subject contains it count, and then from the N-th on.
 *
 * K1  claim committed, nothing sent (a row; subject: recipient)
 * K2  request half written: its head, not yet its body
 * K3  request written, nothing read back
 * K4  something comes back, nothing of it read: the provider has the request and may have answered.
 *     What happens at the provider itself is out of reach
 * K5  the first line of the answer read, the rest in the socket's buffer
 * K6  answer judged, not queued (subject: recipient)
 * K7  result queued, no statement (subject: recipient)
 * K8  statement sent, but not the end of its transaction (subject: the statement)
 * K9  end of the transaction sent, no reply
 * K10 commit of the results confirmed, memory not cleared
 * K11 lease renewal (heartbeat) sent, no reply
 * K12 maintenance sent, no reply: the sweep that takes lost claims back runs in the server
 * K13 maintenance (partitions, purge, rotation of the outbox) answered, nothing noted here
 * K14 subject reload: SIGHUP taken, accounts asked for; drain: SIGTERM taken; record: all answers
 *     are there, the last results are not
 * memory  an allocation; with fail it gets none
 */
#ifndef CORE_FAILPOINT_H
#define CORE_FAILPOINT_H

#include <stdbool.h>

#ifdef HERALD_FAILPOINTS

struct failpoint;

/* Count a hit; the entry of HERALD_FAIL that is due now, or NULL. The subject may be NULL. */
const struct failpoint *failpoint_due(const char *name, const char *subject);

/* Do what the entry says; true: the step shall fail. NULL does nothing. */
bool failpoint_act(const struct failpoint *due);

/* A later failpoint_noted() of this name is a hit, as often as it was noted. */
void failpoint_note(const char *name);
void failpoint_noted(const char *name);

#define FAILPOINT(name, subject) ((void) failpoint_act(failpoint_due(name, subject)))
#define FAILPOINT_FAILS(name) failpoint_act(failpoint_due(name, NULL))
#define FAILPOINT_NOTE(name) failpoint_note(name)
#define FAILPOINT_NOTED(name) failpoint_noted(name)
/* `first` is done before the action, when it is due. */
#define FAILPOINT_AFTER(name, subject, first)                                                      \
    do                                                                                             \
    {                                                                                              \
        const struct failpoint *failpoint_here = failpoint_due(name, subject);                     \
        if (failpoint_here != NULL)                                                                \
        {                                                                                          \
            (void) (first);                                                                        \
            (void) failpoint_act(failpoint_here);                                                  \
        }                                                                                          \
    } while (0)

#else

#define FAILPOINT(name, subject) ((void) 0)
#define FAILPOINT_FAILS(name) false
#define FAILPOINT_NOTE(name) ((void) 0)
#define FAILPOINT_NOTED(name) ((void) 0)
#define FAILPOINT_AFTER(name, subject, first) ((void) 0)

#endif
#endif
