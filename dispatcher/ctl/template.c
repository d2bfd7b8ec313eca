/* herald-ctl template: templates between a database and a directory. */
#include "ctl/template.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "ctl/connection.h"
#include "ctl/folder.h"

#define REPORT_BYTES_MAX 1048576

/* What a command holds open. */
struct session
{
    const struct template_job *job;
    struct connection *connection;
    struct folder_root root;
    size_t count; /* of names, for push and diff */
    const char *const *names;
    const char **reterr;
};

static bool
open_session(struct session *session, bool make)
{
    const struct template_job *job = session->job;

    session->connection = connection_open(job->arena, job->conninfo, session->reterr);
    return session->connection != NULL &&
           folder_open_root(&session->root, job->arena, job->dir, make, session->reterr);
}

static void
close_session(struct session *session)
{
    connection_close(session->connection);
    if (session->root.fd >= 0)
    {
        close(session->root.fd);
    }
}

static bool
run(struct session *session, const char *sql, int count, const char *const *params,
    connection_rows_fn take, void *user)
{
    return connection_run(session->connection, sql, count, params, take, user, session->reterr);
}

/* A column of a row, "" for null: what the database says is not trusted. */
static const char *
text_of(const struct db_result *result, int row, int column)
{
    const char *text = db_result_value(result, row, column);

    return text != NULL ? text : "";
}

/* A template's name or, where patterns are allowed, the beginning of names and "*". */
static bool
check_names(const struct template_job *job, bool patterns, const char **reterr)
{
    for (int i = 0; i < job->name_count; i++)
    {
        const char *name = job->names[i];
        size_t len = strlen(name);
        bool pattern = patterns && len > 0 && name[len - 1] == '*';
        const char *stem = pattern ? arena_strndup(job->arena, name, len - 1) : name;

        if (!(pattern && len == 1) && !folder_name_valid(stem))
        {
            *reterr = arena_printf(job->arena,
                                   "\"%s\" is no name of a template: names are made of a-z, 0-9,"
                                   " \"_\", \".\" and \"-\"",
                                   name);
            return false;
        }
    }
    return true;
}

/* ---- pull ---- */

struct pull
{
    struct session *session;
    size_t templates;
    bool ok;
};

static bool
put_template(struct pull *pull, const char *name, const struct folder *folder)
{
    if (!folder_write(&pull->session->root, name, folder, pull->session->reterr))
    {
        return false;
    }
    printf("%s: %zu files\n", name, folder->count);
    pull->templates++;
    return true;
}

/* Rows of name, path and content, those of a template together. */
static void
take_files(void *user, const struct db_result *result)
{
    struct pull *pull = user;
    struct folder *folder = arena_alloc(pull->session->job->arena, sizeof(*folder));

    for (int row = 0; row < db_result_rows(result) && pull->ok; row++)
    {
        const char *name = text_of(result, row, 0);

        if (folder->count == FOLDER_FILES_MAX)
        {
            *pull->session->reterr = "a template has more than 1000 files";
            pull->ok = false;
            return;
        }
        folder->paths[folder->count] = text_of(result, row, 1);
        folder->contents[folder->count++] = text_of(result, row, 2);
        if (row + 1 == db_result_rows(result) || strcmp(name, text_of(result, row + 1, 0)) != 0)
        {
            pull->ok = put_template(pull, name, folder);
            folder->count = 0;
        }
    }
}

/* One statement, so that all templates are of one moment. */
static bool
pull_all(struct session *session)
{
    static const char sql[] =
        "with wanted as (select w from pg_catalog.unnest($1::text[]) w)"
        " select n.name, e.path, e.content"
        "   from (select v.template from herald.template_versions v, wanted"
        "          where w like '%*' and pg_catalog.starts_with(v.template, pg_catalog.left(w, -1))"
        "         union select w from wanted where w not like '%*') n(name),"
        "        herald.notify_template_export(n.name, $2::integer) e"
        "  order by n.name, e.path";
    const struct template_job *job = session->job;
    struct pull pull = { session, 0, true };
    const char *names = job->name_count == 0
                            ? "{*}"
                            : connection_array(job->arena, (size_t) job->name_count,
                                               (const char *const *) job->names);
    const char *params[] = { names, job->version };

    if (!run(session, sql, 2, params, take_files, &pull) || !pull.ok)
    {
        return false;
    }
    if (pull.templates == 0)
    {
        *session->reterr = "the database has no such template that you may read";
    }
    return pull.templates > 0;
}

enum template_outcome
template_pull(const struct template_job *job, const char **reterr)
{
    struct session session = { .job = job, .root.fd = -1, .reterr = reterr };
    bool ok = check_names(job, true, reterr) && open_session(&session, true) && pull_all(&session);

    close_session(&session);
    return ok ? TEMPLATE_DONE : TEMPLATE_FAILED;
}

/* ---- what push and diff share ---- */

/* Directory, database, and the names to go through. */
static bool
begin_folders(struct session *session)
{
    const struct template_job *job = session->job;

    if (!check_names(job, false, session->reterr) || !open_session(session, false))
    {
        return false;
    }
    session->names = (const char *const *) job->names;
    session->count = (size_t) job->name_count;
    return session->count > 0 ||
           folder_list(&session->root, &session->count, &session->names, session->reterr);
}

/* Call fn with the files of each template, until it returns false. */
static bool
each_template(struct session *session,
              bool (*fn)(void *user, struct arena *arena, const char *name, const char *paths,
                         const char *contents),
              void *user)
{
    bool ok = true;

    for (size_t i = 0; i < session->count && ok; i++)
    {
        struct arena *arena = arena_create();
        struct folder *folder = arena_alloc(arena, sizeof(*folder));
        struct folder_root root = { arena, session->root.path, session->root.fd };
        const char *error = NULL;

        ok = folder_read(&root, session->names[i], folder, &error);
        if (!ok)
        {
            *session->reterr = arena_strdup(session->job->arena, error);
        }
        ok = ok && fn(user, arena, session->names[i],
                      connection_array(arena, folder->count, folder->paths),
                      connection_array(arena, folder->count, folder->contents));
        arena_destroy(arena);
    }
    return ok;
}

/* ---- push ---- */

/* A template before it is pushed. */
struct pushed
{
    const char *name;
    const char *changes; /* files that differ */
    const char *current; /* the version that sends use, 0: none */
};

struct push
{
    struct session *session;
    struct pushed *templates;
    size_t count;
    struct buf report;
};

/* Copies of the first row's values. */
struct row
{
    struct arena *arena;
    int count;
    const char *values[2];
};

static void
take_row(void *user, const struct db_result *result)
{
    struct row *row = user;

    for (int column = 0; column < row->count; column++)
    {
        row->values[column] = arena_strdup(row->arena, db_result_value(result, 0, column));
    }
}

/* $1 is the template: the version that sends use. */
#define CURRENT                                                                                    \
    "coalesce((select v.version from herald.template_versions v"                                   \
    "           where v.template = $1 and v.state = 'current'), 0)"

static bool
push_template(void *user, struct arena *arena, const char *name, const char *paths,
              const char *contents)
{
    static const char changes_sql[] = "select pg_catalog.count(*), " CURRENT
                                      "  from herald.template_changes($1, $2::text[], $3::text[])";
    static const char import_sql[] =
        "select herald.notify_template_import($1, $2::text[], $3::text[])";
    struct push *push = user;
    const char *params[] = { name, paths, contents };
    struct row before = { push->session->job->arena, 2, { NULL } };

    (void) arena;
    if (!run(push->session, changes_sql, 3, params, take_row, &before) ||
        !run(push->session, import_sql, 3, params, NULL, NULL))
    {
        return false;
    }
    push->templates[push->count++] = (struct pushed){ name, before.values[0], before.values[1] };
    return true;
}

static bool
release(struct push *push)
{
    static const char sql[] = "select herald.notify_template_release($1::text[], $2)";
    const struct session *session = push->session;
    const char *params[] = {
        connection_array(session->job->arena, session->count, session->names),
        session->job->comment,
    };

    return !session->job->publish || run(push->session, sql, 2, params, NULL, NULL);
}

/* after: state and current version. */
static void
report_template(struct buf *report, const struct pushed *pushed, const struct row *after)
{
    bool same = strcmp(pushed->changes, "0") == 0;

    if (same && strcmp(pushed->current, after->values[1]) == 0)
    {
        buf_printf(report, "%s: unchanged\n", pushed->name);
        return;
    }
    buf_printf(report, "%s: %s", pushed->name, after->values[0]);
    if (!same)
    {
        buf_printf(report, " (%s file%s changed)", pushed->changes,
                   strcmp(pushed->changes, "1") == 0 ? "" : "s");
    }
    buf_putc(report, '\n');
}

static bool
report_all(struct push *push)
{
    static const char sql[] =
        "select coalesce((select case v.state when 'draft' then 'draft ' else 'published ' end"
        "                        || v.version"
        "                   from herald.template_versions v"
        "                  where v.template = $1 order by v.version desc limit 1),"
        "                'no version'), " CURRENT;
    bool ok = true;

    for (size_t i = 0; i < push->count && ok; i++)
    {
        struct row after = { push->session->job->arena, 2, { NULL } };

        ok = run(push->session, sql, 1, &push->templates[i].name, take_row, &after);
        if (ok)
        {
            report_template(&push->report, &push->templates[i], &after);
        }
    }
    return ok;
}

static bool
push_all(struct session *session)
{
    const struct template_job *job = session->job;
    struct push push = { .session = session };
    bool ok;

    if (session->count == 0)
    {
        *session->reterr = arena_printf(job->arena, "%s: holds no template", job->dir);
        return false;
    }
    push.templates = arena_alloc(job->arena, session->count * sizeof(push.templates[0]));
    buf_init(&push.report, REPORT_BYTES_MAX);
    ok = run(session, "begin", 0, NULL, NULL, NULL) &&
         each_template(session, push_template, &push) && release(&push) && report_all(&push) &&
         run(session, job->dry_run ? "rollback" : "commit", 0, NULL, NULL, NULL);
    if (ok)
    {
        printf("%s%s", push.report.data, job->dry_run ? "dry run: nothing was changed\n" : "");
    }
    buf_finish(&push.report);
    return ok;
}

enum template_outcome
template_push(const struct template_job *job, const char **reterr)
{
    struct session session = { .job = job, .root.fd = -1, .reterr = reterr };
    bool ok = begin_folders(&session) && push_all(&session);

    close_session(&session);
    return ok ? TEMPLATE_DONE : TEMPLATE_FAILED;
}

/* ---- diff ---- */

struct diff
{
    struct session *session;
    const char *name;
    bool differs;
};

/* place NULL: there is no such file. */
static void
print_side(const char *mark, const char *place, const char *name, const char *path)
{
    if (place == NULL)
    {
        printf("%s /dev/null\n", mark);
        return;
    }
    printf("%s %s/%s/%s\n", mark, place, name, path);
}

/* Rows of path, whether the database and the folder have it, and the hunks. */
static void
take_hunks(void *user, const struct db_result *result)
{
    struct diff *diff = user;

    for (int row = 0; row < db_result_rows(result); row++)
    {
        const char *path = text_of(result, row, 0);
        bool stored = text_of(result, row, 1)[0] == 't';
        bool given = text_of(result, row, 2)[0] == 't';

        print_side("---", stored ? "database" : NULL, diff->name, path);
        print_side("+++", given ? diff->session->job->dir : NULL, diff->name, path);
        printf("%s\n", text_of(result, row, 3));
        diff->differs = true;
    }
}

static bool
diff_template(void *user, struct arena *arena, const char *name, const char *paths,
              const char *contents)
{
    static const char sql[] =
        "select c.path, c.stored is not null, c.given is not null,"
        "       pg_catalog.array_to_string(array("
        "           select herald.text_diff(coalesce(c.stored, ''), coalesce(c.given, ''))),"
        "           pg_catalog.chr(10))"
        "  from herald.template_changes($1, $2::text[], $3::text[], $4::integer) c";
    struct diff *diff = user;
    const char *params[] = { name, paths, contents, diff->session->job->version };

    (void) arena;
    diff->name = name;
    return run(diff->session, sql, 4, params, take_hunks, diff);
}

static void
take_names(void *user, const struct db_result *result)
{
    struct diff *diff = user;

    for (int row = 0; row < db_result_rows(result); row++)
    {
        printf("Only in the database: %s\n", text_of(result, row, 0));
        diff->differs = true;
    }
}

/* Without names: templates that have no folder. */
static bool
diff_names(struct diff *diff)
{
    static const char sql[] = "select distinct v.template from herald.template_versions v"
                              " where v.template <> all ($1::text[]) order by v.template";
    const struct session *session = diff->session;
    const char *names = connection_array(session->job->arena, session->count, session->names);

    return session->job->name_count > 0 || run(diff->session, sql, 1, &names, take_names, diff);
}

enum template_outcome
template_diff(const struct template_job *job, const char **reterr)
{
    struct session session = { .job = job, .root.fd = -1, .reterr = reterr };
    struct diff diff = { &session, NULL, false };
    bool ok = begin_folders(&session) && each_template(&session, diff_template, &diff) &&
              diff_names(&diff);

    close_session(&session);
    return !ok ? TEMPLATE_FAILED : diff.differs ? TEMPLATE_DIFFERS : TEMPLATE_DONE;
}
