/* Which headers templates may add to mails, and how they write them. */
#include "providers/email_header.h"

#include <string.h>
#include <strings.h>

#include "providers/build.h"

#define NAME_BYTES_MAX 50
#define VALUE_BYTES_MAX 870 /* what Amazon SES takes; within a line of 998 behind every name */

/* What tells readers and filters about a mail, besides X-…; ends with NULL. */
static const char *const allowed_names[] = {
    "Auto-Submitted", "Comments",  "Feedback-ID", "Importance",  "In-Reply-To", "Keywords",
    "List-Archive",   "List-Help", "List-ID",     "List-Owner",  "List-Post",   "Organization",
    "Precedence",     "Priority",  "References",  "Sensitivity", NULL,
};

/* What relays read as commands, to recipients too, and take out of the mail; ends with NULL. */
static const char *const command_prefixes[] = {
    "X-SMTPAPI",  "X-SG-", "X-SES-",     "X-MC-",  "X-Mailgun-", "X-MJ-",
    "X-Mailjet-", "X-PM-", "X-MSYS-API", "X-SIB-", NULL,
};

static bool
is_allowed(const char *name)
{
    if (strncasecmp(name, "X-", 2) == 0)
    {
        for (const char *const *p = command_prefixes; *p != NULL; p++)
        {
            if (strncasecmp(name, *p, strlen(*p)) == 0)
            {
                return false;
            }
        }
        return name[2] != '\0';
    }
    for (const char *const *p = allowed_names; *p != NULL; p++)
    {
        if (strcasecmp(name, *p) == 0)
        {
            return true;
        }
    }
    return false;
}

/* Where the part is read, for errors. */
struct reading
{
    struct arena *arena;
    size_t line;
    struct wire_header *headers;
    size_t count;
    struct provider_error *reterr;
};

static bool
refuse(struct reading *reading, const char *problem)
{
    return build_refuse(
        reading->reterr, OUTCOME_CONTENT, "bad_headers",
        arena_printf(reading->arena, "headers, line %zu: %s", reading->line, problem));
}

static bool
check_name(struct reading *reading, const char *name)
{
    const struct wire_header header = { name, "" };

    if (!wire_header_valid(&header))
    {
        return refuse(reading, "it is not of the form Name: value");
    }
    if (strlen(name) > NAME_BYTES_MAX)
    {
        return refuse(reading, "the name is longer than 50 bytes");
    }
    if (!is_allowed(name))
    {
        return refuse(reading,
                      arena_printf(reading->arena,
                                   "templates may not set %s, only X-… but for those that relays "
                                   "obey, and names like Feedback-ID, List-ID and References",
                                   name));
    }
    for (size_t i = 0; i < reading->count; i++)
    {
        if (strcasecmp(reading->headers[i].name, name) == 0)
        {
            return refuse(reading, arena_printf(reading->arena, "%s is set twice", name));
        }
    }
    return true;
}

/* A copy without blanks around it, and with one between words: lines are folded there. */
static char *
squeeze(struct arena *arena, const char *text, size_t len)
{
    char *ret = arena_alloc(arena, len + 1);
    size_t to = 0;

    for (size_t i = 0; i < len; i++)
    {
        if (text[i] != ' ' || (to > 0 && ret[to - 1] != ' '))
        {
            ret[to++] = text[i];
        }
    }
    to -= to > 0 && ret[to - 1] == ' ';
    ret[to] = '\0';
    return ret;
}

static bool
read_line(struct reading *reading, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    const char *name;
    const char *value;

    if (squeeze(reading->arena, text, len)[0] == '\0')
    {
        return true;
    }
    if (colon == NULL)
    {
        return refuse(reading, "it is not of the form Name: value");
    }
    name = squeeze(reading->arena, text, (size_t) (colon - text));
    value = squeeze(reading->arena, colon + 1, len - (size_t) (colon - text) - 1);
    if (!check_name(reading, name))
    {
        return false;
    }
    if (build_has_control(value))
    {
        return refuse(reading, "the value holds a control character");
    }
    if (strlen(value) > VALUE_BYTES_MAX)
    {
        return refuse(reading, "the value is longer than 870 bytes");
    }
    if (value[0] == '\0')
    {
        return true;
    }
    if (reading->count == EMAIL_HEADERS_MAX)
    {
        return refuse(reading, "there are more than 15 headers");
    }
    reading->headers[reading->count++] = (struct wire_header){ name, value };
    return true;
}

bool
email_header_read(const char *text, struct arena *arena, struct wire_header *ret, size_t *ret_count,
                  struct provider_error *reterr)
{
    struct reading reading = { .arena = arena, .headers = ret, .reterr = reterr };

    while (*text != '\0')
    {
        size_t len = strcspn(text, "\n");
        size_t end = len > 0 && text[len - 1] == '\r' ? len - 1 : len;

        reading.line++;
        if (!read_line(&reading, text, end))
        {
            return false;
        }
        text += len + (text[len] == '\n');
    }
    *ret_count = reading.count;
    return true;
}
