/* Settings of a daemon from one table. */
#include "core/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"

#define OPTIONS_HELP_MAX 65536
#define OPTIONS_HELP_COLUMN 30
#define OPTIONS_LONG_BASE 1000 /* getopt_long() returns this plus the row's number */

struct option_value
{
    const char *text;
    const char *origin;
    unsigned int rank; /* of the source; a higher one wins */
};

enum
{
    RANK_DEFAULT = 1,
    RANK_FILE,
    RANK_ENV,
    RANK_COMMAND
};

struct options
{
    struct arena *arena;
    const struct options_program *program;
    size_t count;
    struct option_value *values;
    char *const *operands;
    int operand_count;
    bool help;
};

static size_t
options_count(const struct options_program *program)
{
    size_t count = 0;

    while (program->rows[count].name != NULL)
    {
        count++;
    }
    return count;
}

/* The row's number, or the count of rows. */
static size_t
options_find(const struct options_program *program, const char *name, size_t len)
{
    size_t i = 0;

    while (program->rows[i].name != NULL &&
           (strlen(program->rows[i].name) != len || memcmp(program->rows[i].name, name, len) != 0))
    {
        i++;
    }
    return i;
}

static void
options_set(struct options *options, size_t row, unsigned int rank, const char *text,
            const char *origin)
{
    struct option_value *value = &options->values[row];

    if (rank >= value->rank)
    {
        value->text = text;
        value->origin = origin;
        value->rank = rank;
    }
}

/* ---- nearest name ---- */

#define OPTIONS_NAME_MAX 40

/* Edits between two names: insert, delete, replace one character. */
static size_t
options_distance(const char *a, size_t a_len, const char *b)
{
    size_t row[OPTIONS_NAME_MAX + 1];
    size_t b_len = strlen(b);

    if (a_len > OPTIONS_NAME_MAX || b_len > OPTIONS_NAME_MAX)
    {
        return OPTIONS_NAME_MAX;
    }
    for (size_t j = 0; j <= b_len; j++)
    {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++)
    {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++)
        {
            size_t best = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[b_len];
}

/* "; did you mean …?" or "" */
static const char *
options_hint(const struct options *options, const char *name, size_t len, const char *dashes)
{
    const struct option_row *nearest = NULL;
    size_t least = len / 3 + 2;

    for (const struct option_row *row = options->program->rows; row->name != NULL; row++)
    {
        size_t distance = options_distance(name, len, row->name);

        if (distance < least)
        {
            least = distance;
            nearest = row;
        }
    }
    return nearest == NULL
               ? ""
               : arena_printf(options->arena, "; did you mean %s%s?", dashes, nearest->name);
}

/* ---- command line ---- */

static const char *
options_unknown_argument(const struct options *options, const char *argument)
{
    size_t len;

    if (optopt >= OPTIONS_LONG_BASE)
    {
        return arena_printf(options->arena, "--%s takes no value",
                            options->program->rows[optopt - OPTIONS_LONG_BASE].name);
    }
    if (optopt != 0)
    {
        return arena_printf(options->arena, "unknown option -%c", optopt);
    }
    len = strcspn(argument + 2, "=");
    return arena_printf(options->arena, "unknown option --%.*s%s", (int) len, argument + 2,
                        options_hint(options, argument + 2, len, "--"));
}

/* One option that getopt_long() recognised. */
static const char *
options_take_argument(struct options *options, size_t row_number, const char *text)
{
    const struct option_row *row = &options->program->rows[row_number];

    if ((row->flags & OPTION_SECRET) != 0)
    {
        return arena_printf(options->arena,
                            "--%s is a secret, and the command line is visible to others: use %s%s",
                            row->name, row->env != NULL ? "the environment variable " : "",
                            row->env != NULL ? row->env : "the settings file");
    }
    options_set(options, row_number, RANK_COMMAND, row->argument != NULL ? text : "true",
                arena_printf(options->arena, "--%s", row->name));
    return NULL;
}

static size_t
options_row_of_letter(const struct options *options, int letter)
{
    size_t i = 0;

    while (i < options->count && options->program->rows[i].letter != letter)
    {
        i++;
    }
    return i;
}

static const char *
options_scan_arguments(struct options *options, int argc, char *const *argv,
                       const struct option *table, const char *letters)
{
    int c;

    optind = 0; /* also resets what an earlier call left behind */
    opterr = 0;
    while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1)
    {
        const char *error;
        size_t row;

        if (c == '?')
        {
            return options_unknown_argument(options, argv[optind - 1]);
        }
        if (c == ':')
        {
            return arena_printf(options->arena, "%s needs a value", argv[optind - 1]);
        }
        if (c == 'h')
        {
            options->help = true;
            continue;
        }
        row = c >= OPTIONS_LONG_BASE ? (size_t) (c - OPTIONS_LONG_BASE)
                                     : options_row_of_letter(options, c);
        error = options_take_argument(options, row, optarg);
        if (error != NULL)
        {
            return error;
        }
    }
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    return optind < argc && !options->program->operands
               ? arena_printf(options->arena, "unexpected argument \"%s\"", argv[optind])
               : NULL;
}

static const char *
options_from_arguments(struct options *options, int argc, char *const *argv)
{
    struct option *table = arena_alloc(options->arena, (options->count + 2) * sizeof(*table));
    char *letters = arena_alloc(options->arena, options->count * 2 + 4);
    char *at = letters;

    /* Without operands stop at the first argument that is no option; tell a missing value apart. */
    if (!options->program->operands)
    {
        *at++ = '+';
    }
    *at++ = ':';
    *at++ = 'h';
    for (size_t i = 0; i < options->count; i++)
    {
        const struct option_row *row = &options->program->rows[i];

        table[i].name = row->name;
        table[i].has_arg = row->argument != NULL ? required_argument : no_argument;
        table[i].val = OPTIONS_LONG_BASE + (int) i;
        if (row->letter != 0)
        {
            *at++ = row->letter;
            if (row->argument != NULL)
            {
                *at++ = ':';
            }
        }
    }
    table[options->count].name = "help";
    table[options->count].val = 'h';
    return options_scan_arguments(options, argc, argv, table, letters);
}

/* ---- environment and defaults ---- */

static void
options_from_environment(struct options *options)
{
    for (size_t i = 0; i < options->count; i++)
    {
        const struct option_row *row = &options->program->rows[i];
        const char *text = row->env != NULL ? getenv(row->env) : NULL;

        if (row->fallback != NULL)
        {
            options_set(options, i, RANK_DEFAULT, row->fallback, "default");
        }
        if (text != NULL && *text != '\0')
        {
            options_set(options, i, RANK_ENV, arena_strdup(options->arena, text),
                        arena_printf(options->arena, "environment variable %s", row->env));
        }
    }
}

/* ---- settings file ---- */

static bool
options_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void
options_trim(const char **text, size_t *len)
{
    while (*len > 0 && options_is_blank(**text))
    {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && options_is_blank((*text)[*len - 1]))
    {
        (*len)--;
    }
}

/* "name = value"; quotes around the value keep its blanks. */
static const char *
options_take_setting(struct options *options, const char *origin, bool open_to_others,
                     const char *name, size_t name_len, const char *text, size_t len)
{
    size_t i = options_find(options->program, name, name_len);
    const struct option_row *row = &options->program->rows[i];

    if (i == options->count)
    {
        return arena_printf(options->arena, "%s: unknown setting \"%.*s\"%s", origin,
                            (int) name_len, name, options_hint(options, name, name_len, ""));
    }
    if ((row->flags & (OPTION_COMMAND | OPTION_CONFIG)) != 0)
    {
        return arena_printf(options->arena, "%s: %s cannot be set in a file", origin, row->name);
    }
    if ((row->flags & OPTION_SECRET) != 0 && open_to_others)
    {
        return arena_printf(options->arena,
                            "%s: %s is a secret, but the file is open to other users: use mode 0600"
                            " or 0640",
                            origin, row->name);
    }
    if (options->values[i].rank == RANK_FILE)
    {
        return arena_printf(options->arena, "%s: %s was set before, at %s", origin, row->name,
                            options->values[i].origin);
    }
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"')
    {
        text++;
        len -= 2;
    }
    options_set(options, i, RANK_FILE, arena_strndup(options->arena, text, len), origin);
    return NULL;
}

static const char *
options_take_line(struct options *options, const char *origin, bool open_to_others,
                  const char *line, size_t len)
{
    const char *equals;
    const char *value;
    size_t name_len;
    size_t value_len;

    options_trim(&line, &len);
    if (len == 0 || *line == '#')
    {
        return NULL;
    }
    equals = memchr(line, '=', len);
    if (equals == NULL)
    {
        return arena_printf(options->arena, "%s: expected \"name = value\"", origin);
    }
    name_len = (size_t) (equals - line);
    value = equals + 1;
    value_len = len - name_len - 1;
    options_trim(&line, &name_len);
    options_trim(&value, &value_len);
    return options_take_setting(options, origin, open_to_others, line, name_len, value, value_len);
}

static const char *
options_read_file(struct options *options, const char *path, struct buf *ret, bool *ret_open)
{
    FILE *file = fopen(path, "re");
    struct stat st;
    char chunk[4096];
    size_t n;
    bool failed;

    if (file == NULL || fstat(fileno(file), &st) != 0)
    {
        const char *reason = strerror(errno);

        if (file != NULL)
        {
            fclose(file);
        }
        return arena_printf(options->arena, "%s: %s", path, reason);
    }
    *ret_open = (st.st_mode & (S_IROTH | S_IWOTH)) != 0;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && buf_append(ret, chunk, n))
    {
    }
    failed = ferror(file) != 0;
    fclose(file);
    if (failed || ret->overflow || memchr(ret->data, '\0', ret->len) != NULL)
    {
        return arena_printf(options->arena, "%s: not a text file of at most %d bytes", path,
                            OPTIONS_FILE_MAX);
    }
    return NULL;
}

static const char *
options_from_file(struct options *options, const char *path)
{
    struct buf text;
    bool open_to_others = false;
    const char *error;
    const char *at;
    unsigned int line = 0;

    buf_init(&text, OPTIONS_FILE_MAX);
    error = options_read_file(options, path, &text, &open_to_others);
    at = text.data;
    while (error == NULL && *at != '\0')
    {
        size_t len = strcspn(at, "\n");

        error = options_take_line(options, arena_printf(options->arena, "%s:%u", path, ++line),
                                  open_to_others, at, len);
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    buf_finish(&text);
    return error;
}

/* ---- after all sources ---- */

static bool
options_read_switch(const char *text, bool *ret)
{
    static const char *const words[] = { "false", "true", "off", "on", "no", "yes", "0", "1" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    {
        if (strcmp(text, words[i]) == 0)
        {
            *ret = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static const char *
options_check_switches(const struct options *options)
{
    for (size_t i = 0; i < options->count; i++)
    {
        const struct option_value *value = &options->values[i];
        bool on;

        if (options->program->rows[i].argument == NULL && value->text != NULL &&
            !options_read_switch(value->text, &on))
        {
            return arena_printf(options->arena, "%s: %s must be true or false", value->origin,
                                options->program->rows[i].name);
        }
    }
    return NULL;
}

struct options *
options_parse(struct arena *arena, const struct options_program *program, int argc,
              char *const *argv, const char **reterr)
{
    struct options *options = arena_alloc(arena, sizeof(*options));
    const char *error;

    options->arena = arena;
    options->program = program;
    options->count = options_count(program);
    options->values = arena_alloc(arena, (options->count + 1) * sizeof(*options->values));
    error = options_from_arguments(options, argc, argv);
    options_from_environment(options);
    for (size_t i = 0; i < options->count && error == NULL && !options->help; i++)
    {
        if ((program->rows[i].flags & OPTION_CONFIG) != 0 && options->values[i].text != NULL)
        {
            error = options_from_file(options, options->values[i].text);
        }
    }
    if (error == NULL)
    {
        error = options_check_switches(options);
    }
    *reterr = error;
    return error == NULL ? options : NULL;
}

bool
options_help_wanted(const struct options *options)
{
    return options->help;
}

int
options_operands(const struct options *options, char *const **ret)
{
    *ret = options->operands;
    return options->operand_count;
}

static const struct option_value *
options_value(const struct options *options, const char *name)
{
    size_t row = options_find(options->program, name, strlen(name));

    if (row == options->count)
    {
        abort(); /* the program asks for what is not in its own table */
    }
    return &options->values[row];
}

const char *
options_get(const struct options *options, const char *name)
{
    return options_value(options, name)->text;
}

bool
options_get_switch(const struct options *options, const char *name)
{
    const char *text = options_get(options, name);
    bool on = false;

    return text != NULL && options_read_switch(text, &on) && on;
}

bool
options_get_int(const struct options *options, const char *name, int64_t min, int64_t max,
                int64_t *ret, const char **reterr)
{
    const struct option_value *value = options_value(options, name);
    long long number;
    char *end;

    if (value->text == NULL)
    {
        return true;
    }
    errno = 0;
    number = strtoll(value->text, &end, 10);
    if (errno != 0 || end == value->text || *end != '\0' || number < min || number > max)
    {
        *reterr = arena_printf(options->arena, "%s: %s must be a whole number from %lld to %lld",
                               value->origin, name, (long long) min, (long long) max);
        return false;
    }
    *ret = number;
    return true;
}

const char *
options_origin(const struct options *options, const char *name)
{
    return options_value(options, name)->origin;
}

/* ---- help ---- */

static void
options_help_row(struct buf *buf, const struct option_row *row)
{
    size_t start = buf->len;

    if ((row->flags & OPTION_SECRET) != 0)
    {
        buf_printf(buf, "      %s", row->name);
    }
    else if (row->letter != 0)
    {
        buf_printf(buf, "  -%c, --%s", row->letter, row->name);
    }
    else
    {
        buf_printf(buf, "      --%s", row->name);
    }
    if (row->argument != NULL)
    {
        buf_printf(buf, (row->flags & OPTION_SECRET) != 0 ? " = %s" : "=%s", row->argument);
    }
    buf_printf(buf, "%s%*s%s", buf->len - start + 2 > OPTIONS_HELP_COLUMN ? "\n" : "",
               buf->len - start + 2 > OPTIONS_HELP_COLUMN
                   ? OPTIONS_HELP_COLUMN
                   : OPTIONS_HELP_COLUMN - (int) (buf->len - start),
               "", row->doc);
    if (row->env != NULL || row->fallback != NULL)
    {
        buf_printf(
            buf, "\n%*s[%s%s%s%s%s]", OPTIONS_HELP_COLUMN, "", row->env != NULL ? "env " : "",
            row->env != NULL ? row->env : "", row->env != NULL && row->fallback != NULL ? "; " : "",
            row->fallback != NULL ? "default " : "", row->fallback != NULL ? row->fallback : "");
    }
    buf_putc(buf, '\n');
}

char *
options_help(struct arena *arena, const struct options_program *program)
{
    const char *group = NULL;
    struct buf buf;
    char *ret;

    buf_init(&buf, OPTIONS_HELP_MAX);
    buf_printf(&buf, "Usage: %s %s\n\n%s\n", program->name, program->usage, program->summary);
    for (const struct option_row *row = program->rows; row->name != NULL; row++)
    {
        if (group == NULL || strcmp(group, row->group) != 0)
        {
            group = row->group;
            buf_printf(&buf, "\n%s:\n", group);
        }
        options_help_row(&buf, row);
    }
    buf_printf(&buf, "\n  -h, --help%*sShow this text.\n", OPTIONS_HELP_COLUMN - 12, "");
    if (program->examples != NULL)
    {
        buf_printf(&buf, "\nExamples:\n%s", program->examples);
    }
    ret = arena_strndup(arena, buf.data, buf.len);
    buf_finish(&buf);
    return ret;
}
