/* herald-ctl template: templates between a database and a directory. */
#ifndef CTL_TEMPLATE_H
#define CTL_TEMPLATE_H

#include <stdbool.h>

#include "core/arena.h"

struct template_job
{
    struct arena *arena;
    const char *conninfo;
    const char *dir;
    const char *version; /* NULL: the latest */
    const char *comment;
    bool publish;
    bool dry_run;
    char *const *names; /* none: all */
    int name_count;
};

enum template_outcome
{
    TEMPLATE_DONE,    /* diff: there is no difference */
    TEMPLATE_DIFFERS, /* diff only */
    TEMPLATE_FAILED   /* with *reterr, in the arena */
};

/* Each prints to stdout what it did or found. */
enum template_outcome template_pull(const struct template_job *job, const char **reterr);
enum template_outcome template_push(const struct template_job *job, const char **reterr);
enum template_outcome template_diff(const struct template_job *job, const char **reterr);

#endif
