/* herald-ctl: commands and their options. */
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/conninfo.h"
#include "core/options.h"
#include "ctl/template.h"

static const struct option_row general_rows[] = {
    { "Commands", "version", 'V', NULL, NULL, NULL, OPTION_COMMAND, "print the version, and exit" },
    { .name = NULL },
};

/* Of pull and diff. */
static const struct option_row read_rows[] = {
    { "Database", "conninfo", 'd', "CONNINFO", "HERALD_CONNINFO", NULL, 0,
      "connection string or URI; what it leaves out comes from PGHOST and so on" },
    { "Files", "dir", 'D', "DIR", "HERALD_TEMPLATES", "templates", 0,
      "directory with a folder for each template" },
    { "Files", "version", 0, "N", NULL, NULL, OPTION_COMMAND,
      "this version of the database; else the latest, the draft if there is one" },
    { .name = NULL },
};

static const struct option_row push_rows[] = {
    { "Database", "conninfo", 'd', "CONNINFO", "HERALD_CONNINFO", NULL, 0,
      "connection string or URI; what it leaves out comes from PGHOST and so on" },
    { "Files", "dir", 'D', "DIR", "HERALD_TEMPLATES", "templates", 0,
      "directory with a folder for each template" },
    { "Release", "publish", 'p', NULL, NULL, NULL, OPTION_COMMAND,
      "publish what was pushed, so that sends use it" },
    { "Release", "comment", 'm', "TEXT", NULL, NULL, OPTION_COMMAND,
      "what changed, kept with the published version" },
    { "Release", "dry-run", 'n', NULL, NULL, NULL, OPTION_COMMAND,
      "check and report everything, and change nothing" },
    { .name = NULL },
};

#define NOTES                                                                                      \
    "\n"                                                                                           \
    "Passwords belong into PGPASSFILE or PGPASSWORD, never on the command line. The login\n"       \
    "needs the role herald_operator, or herald_author with privileges on the templates.\n"         \
    "\n"                                                                                           \
    "Exit codes: 0 done, or no difference; 1 diff found differences; 2 trouble.\n"

static const struct options_program general = {
    .name = "herald-ctl",
    .usage = "template pull|push|diff [OPTION]… [NAME]…",
    .summary = "Keeps templates of a database with the extension pg_herald as files, a folder for\n"
               "each, so that they can be reviewed and released like code.\n"
               "\n"
               "  herald-ctl template pull   writes templates of the database into folders\n"
               "  herald-ctl template push   makes templates of the database equal to folders\n"
               "  herald-ctl template diff   shows what push would change\n"
               "\n"
               "Each has its own --help.",
    .rows = general_rows,
    .examples = "  herald-ctl template pull\n"
                "  herald-ctl template diff order_shipped\n"
                "  herald-ctl template push --publish --comment 'New wording'\n" NOTES,
    .operands = true,
};

struct command
{
    const char *name;
    enum template_outcome (*run)(const struct template_job *job, const char **reterr);
    struct options_program program;
};

static const struct command commands[] = {
    { "pull",
      template_pull,
      { .name = "herald-ctl template pull",
        .usage = "[OPTION]… [NAME|PREFIX*]…",
        .summary =
            "Writes templates of the database into the folders DIR/NAME, all that you may read\n"
            "unless some are named. Each file is replaced as a whole. Files *.liquid and\n"
            "samples/*.json of these templates that the version does not have are removed,\n"
            "nothing else is. What is in the folder and was not pushed is lost: commit it first.",
        .rows = read_rows,
        .examples =
            "  herald-ctl template pull                  every template\n"
            "  herald-ctl template pull 'order_*'        those whose names begin with order_\n"
            "  herald-ctl template pull --version 3 welcome\n" NOTES,
        .operands = true } },
    { "push",
      template_push,
      { .name = "herald-ctl template push",
        .usage = "[OPTION]… [NAME]…",
        .summary =
            "Makes templates of the database equal to the folders DIR/NAME, all that are there\n"
            "unless some are named: all of them, or on any error none. A template that is\n"
            "missing is made, a part without a file is removed from the draft, and what is equal\n"
            "stays as it is. Without --publish sends go on using the published version.",
        .rows = push_rows,
        .examples =
            "  herald-ctl template push --dry-run        would it work, and what would change?\n"
            "  herald-ctl template push welcome          a draft, to look at with notify_render()\n"
            "  herald-ctl template push --publish -m \"$(git log -1 --format=%s)\"\n" NOTES,
        .operands = true } },
    { "diff",
      template_diff,
      { .name = "herald-ctl template diff",
        .usage = "[OPTION]… [NAME]…",
        .summary =
            "Shows as unified diff what a push of the folders DIR/NAME would change, of all\n"
            "that are there unless some are named. Layout of JSON files does not count.",
        .rows = read_rows,
        .examples = "  herald-ctl template diff                  is the database what git says?\n"
                    "  herald-ctl template diff --version 3 welcome\n" NOTES,
        .operands = true } },
};

static int
complain(const char *error)
{
    fprintf(stderr, "herald-ctl: %s\n", error);
    return 2;
}

/* A name of a command; NULL: there is no such command. */
static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    {
        if (strcmp(commands[i].name, name) == 0)
        {
            return &commands[i];
        }
    }
    return NULL;
}

/* "--help" and "--version", and whoever asks for no command there is. */
static int
run_general(struct arena *arena, int argc, char *const *argv)
{
    const char *error = NULL;
    const struct options *options = options_parse(arena, &general, argc, argv, &error);

    if (options == NULL)
    {
        return complain(error);
    }
    if (options_help_wanted(options))
    {
        fputs(options_help(arena, &general), stdout);
        return 0;
    }
    if (options_get_switch(options, "version"))
    {
        printf("herald-ctl (pg_herald) %s\n", HERALD_VERSION);
        return 0;
    }
    return complain("the commands are template pull, template push and template diff; see --help");
}

static bool
settle(struct arena *arena, const struct command *command, const struct options *options,
       struct template_job *ret, const char **reterr)
{
    bool push = command->run == template_push;
    int64_t version = 0;

    ret->arena = arena;
    ret->dir = options_get(options, "dir");
    ret->name_count = options_operands(options, &ret->names);
    if (push)
    {
        ret->publish = options_get_switch(options, "publish");
        ret->dry_run = options_get_switch(options, "dry-run");
        ret->comment = options_get(options, "comment");
        if (ret->comment != NULL && !ret->publish)
        {
            *reterr = "--comment is kept with a published version: use it with --publish";
            return false;
        }
        ret->comment = ret->comment != NULL ? ret->comment : "";
    }
    else
    {
        ret->version = options_get(options, "version");
        if (!options_get_int(options, "version", 1, INT32_MAX, &version, reterr))
        {
            return false;
        }
    }
    return conninfo_settle(arena, options, &ret->conninfo, reterr);
}

static int
run_command(struct arena *arena, const struct command *command, int argc, char *const *argv)
{
    struct template_job job = { 0 };
    const char *error = NULL;
    const struct options *options = options_parse(arena, &command->program, argc, argv, &error);
    enum template_outcome outcome;

    if (options == NULL)
    {
        return complain(error);
    }
    if (options_help_wanted(options))
    {
        fputs(options_help(arena, &command->program), stdout);
        return 0;
    }
    if (!settle(arena, command, options, &job, &error))
    {
        return complain(error);
    }
    outcome = command->run(&job, &error);
    if (outcome == TEMPLATE_FAILED)
    {
        fflush(stdout);
        return complain(error);
    }
    return outcome == TEMPLATE_DIFFERS ? 1 : 0;
}

int
main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    const struct command *command =
        argc > 2 && strcmp(argv[1], "template") == 0 ? find_command(argv[2]) : NULL;
    int code;

    if (arena == NULL)
    {
        return complain("out of memory");
    }
    code = command != NULL ? run_command(arena, command, argc - 2, argv + 2)
                           : run_general(arena, argc, argv);
    arena_destroy(arena);
    if (fflush(stdout) != 0)
    {
        return complain("standard output cannot be written");
    }
    return code;
}
