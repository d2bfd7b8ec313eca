/* The settings of an account, and the checks that hold for every kind. */
#include <stdlib.h>
#include <string.h>

#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"

#define NAME_BYTES_MAX 63
#define VALUE_BYTES_MAX 16384
#define CONNECT_TIMEOUT_MIN_MS 100
#define CONNECT_TIMEOUT_MAX_MS 60000
#define TIMEOUT_MIN_MS 1000
#define TIMEOUT_MAX_MS 300000
#define MESSAGES_MAX 1000000000

struct setting
{
    struct setting *next;
    const char *name;
    const char *value;
    bool secret;
    bool map;
    struct setting *members; /* of a map */
};

struct settings
{
    struct arena *arena;
    struct setting *first;
};

const struct provider_setting provider_common_settings[] = {
    { .name = "endpoint", .doc = "base URL instead of the provider's own" },
    { .name = "ca_file", .doc = "PEM file of trust anchors instead of the system's" },
    { .name = "allow_http", .doc = "true: cleartext connections are allowed" },
    { .name = "allow_addresses",
      .doc = "comma-separated networks (CIDR) that user-given URLs may reach although private" },
    { .name = "app", .doc = "push: serve only device tokens of this app" },
    { .name = "environment", .doc = "push: serve only tokens of production, or of sandbox" },
    { .name = "connect_timeout_ms", .doc = "100 to 60000" },
    { .name = "timeout_ms", .doc = "of a whole request, 1000 to 300000" },
    { .name = "max_per_second", .doc = "messages by all dispatchers together, 1 to 1000000000" },
    { .name = "max_per_minute", .doc = "the same in a minute" },
    { .name = "max_per_day", .doc = "the same in a day (UTC)" },
    { .name = NULL },
};

struct settings *
settings_create(struct arena *arena)
{
    struct settings *settings = arena_alloc(arena, sizeof(*settings));

    settings->arena = arena;
    return settings;
}

static struct setting *
find_in(struct setting *list, const char *name)
{
    for (; list != NULL; list = list->next)
    {
        if (strcmp(list->name, name) == 0)
        {
            return list;
        }
    }
    return NULL;
}

static struct setting *
find(const struct settings *settings, const char *name)
{
    return find_in(settings->first, name);
}

static struct setting *
set(struct settings *settings, const char *name, const char *value, bool secret)
{
    struct setting *s = find(settings, name);

    if (s == NULL)
    {
        s = arena_alloc(settings->arena, sizeof(*s));
        s->name = arena_strdup(settings->arena, name);
        s->next = settings->first;
        settings->first = s;
    }
    s->value = arena_strdup(settings->arena, value);
    s->secret = secret;
    s->map = false;
    s->members = NULL;
    return s;
}

void
settings_set(struct settings *settings, const char *name, const char *value)
{
    set(settings, name, value, false);
}

void
settings_set_secret(struct settings *settings, const char *name, const char *value)
{
    set(settings, name, value, true);
}

struct map_copy
{
    struct arena *arena;
    struct setting *members;
};

static bool
copy_member(const char *key, json *value, void *user)
{
    struct map_copy *copy = user;
    struct setting *member;

    if (!json_is_string(value))
    {
        return false;
    }
    member = arena_alloc(copy->arena, sizeof(*member));
    member->name = arena_strdup(copy->arena, key);
    member->value = arena_strdup(copy->arena, json_string(value));
    member->next = copy->members;
    copy->members = member;
    return true;
}

bool
settings_set_map(struct settings *settings, const char *name, const json *object)
{
    struct map_copy copy = { settings->arena, NULL };
    struct setting *s;

    if (!json_each(object, copy_member, &copy))
    {
        return false;
    }
    s = set(settings, name, json_print(settings->arena, object, NULL), false);
    s->map = true;
    s->members = copy.members;
    return true;
}

const char *
settings_get_member(const struct settings *settings, const char *name, const char *key)
{
    const struct setting *map = find(settings, name);
    const struct setting *member = map == NULL ? NULL : find_in(map->members, key);

    return member == NULL ? NULL : member->value;
}

bool
settings_each_member(const struct settings *settings, const char *name, settings_member_fn visit,
                     void *user)
{
    const struct setting *map = find(settings, name);
    const struct setting *member = map == NULL ? NULL : map->members;

    while (member != NULL && visit(member->name, member->value, user))
    {
        member = member->next;
    }
    return member == NULL;
}

const char *
settings_get(const struct settings *settings, const char *name)
{
    const struct setting *s = find(settings, name);

    return s == NULL ? NULL : s->value;
}

/* Exactly an integer of at most 18 digits. */
static bool
parse_int(const char *text, int64_t *ret)
{
    const char *digits = *text == '-' ? text + 1 : text;
    size_t len = strspn(digits, "0123456789");

    if (len == 0 || len > 18 || digits[len] != '\0')
    {
        return false;
    }
    *ret = strtoll(text, NULL, 10);
    return true;
}

static bool
parse_bool(const char *text, bool *ret)
{
    *ret = strcmp(text, "true") == 0;
    return *ret || strcmp(text, "false") == 0;
}

int64_t
settings_get_int(const struct settings *settings, const char *name, int64_t fallback)
{
    const char *text = settings_get(settings, name);
    int64_t value;

    return text != NULL && parse_int(text, &value) ? value : fallback;
}

bool
settings_get_bool(const struct settings *settings, const char *name, bool fallback)
{
    const char *text = settings_get(settings, name);
    bool value;

    return text != NULL && parse_bool(text, &value) ? value : fallback;
}

static const struct provider_setting *
lookup(const struct provider_setting *table, const char *name)
{
    for (; table->name != NULL; table++)
    {
        if (strcmp(table->name, name) == 0)
        {
            return table;
        }
    }
    return NULL;
}

/* Edit distance of two names, both at most NAME_BYTES_MAX bytes long. */
static size_t
distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES_MAX + 1];
    size_t b_len = strlen(b);

    for (size_t j = 0; j <= b_len; j++)
    {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++)
    {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++)
        {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[b_len];
}

/* The name in the table that is nearest, when it is nearer than *best. */
static const char *
nearest(const struct provider_setting *table, const char *name, size_t *best)
{
    const char *found = NULL;

    for (; table->name != NULL; table++)
    {
        size_t d = distance(name, table->name);

        if (d < *best)
        {
            *best = d;
            found = table->name;
        }
    }
    return found;
}

static bool
refuse(struct provider_error *reterr, const char *code, const char *reason)
{
    return build_refuse(reterr, OUTCOME_CONFIG, code, reason);
}

static bool
refuse_unknown(const struct provider *provider, const char *name, struct arena *arena,
               struct provider_error *reterr)
{
    const char *hint = NULL;
    const char *common = NULL;
    size_t len = strlen(name);
    size_t best = len / 2 + 1;

    if (len > NAME_BYTES_MAX)
    {
        return refuse(reterr, "unknown_setting", "a setting's name is longer than 63 bytes");
    }
    hint = nearest(provider->settings, name, &best);
    common = nearest(provider_common_settings, name, &best);
    hint = common != NULL ? common : hint;
    if (hint == NULL)
    {
        return refuse(reterr, "unknown_setting",
                      arena_printf(arena, "%s has no setting \"%s\"", provider->kind, name));
    }
    return refuse(reterr, "unknown_setting",
                  arena_printf(arena, "%s has no setting \"%s\"; did you mean \"%s\"?",
                               provider->kind, name, hint));
}

static bool
is_line(const char *key, const char *value, void *user)
{
    (void) key;
    (void) user;
    return value[0] != '\0' && !build_has_control(value);
}

/* An object where the kind wants one, and only there. */
static bool
check_shape(const struct settings *settings, const struct provider_setting *known,
            const struct setting *given, struct arena *arena, struct provider_error *reterr)
{
    if (known->map != given->map)
    {
        return refuse(
            reterr, "bad_type",
            arena_printf(arena,
                         known->map ? "%s must be an object of texts" : "%s must not be an object",
                         given->name));
    }
    if (!settings_each_member(settings, given->name, is_line, NULL))
    {
        return refuse(reterr, "bad_member",
                      arena_printf(arena, "a member of %s is empty or holds a control character",
                                   given->name));
    }
    return true;
}

static bool
check_given(const struct provider *provider, const struct settings *settings,
            const struct setting *given, struct arena *arena, struct provider_error *reterr)
{
    const struct provider_setting *known = lookup(provider->settings, given->name);

    if (known == NULL)
    {
        known = lookup(provider_common_settings, given->name);
    }
    if (known == NULL)
    {
        return refuse_unknown(provider, given->name, arena, reterr);
    }
    if (known->secret && !given->secret)
    {
        return refuse(reterr, "secret_as_setting",
                      arena_printf(arena,
                                   "%s is a secret: give it in secrets, as env:NAME or file:/path",
                                   given->name));
    }
    if (!known->secret && given->secret)
    {
        return refuse(reterr, "setting_as_secret",
                      arena_printf(arena, "%s is not a secret: give it in settings", given->name));
    }
    if (given->value[0] == '\0')
    {
        return refuse(reterr, "empty_setting", arena_printf(arena, "%s is empty", given->name));
    }
    if (strlen(given->value) > VALUE_BYTES_MAX)
    {
        return refuse(
            reterr, "setting_too_long",
            arena_printf(arena, "%s is longer than %d bytes", given->name, VALUE_BYTES_MAX));
    }
    if (!known->multiline && build_has_control(given->value))
    {
        return refuse(
            reterr, "control_character",
            arena_printf(arena, "%s holds a line break or another control character", given->name));
    }
    return check_shape(settings, known, given, arena, reterr);
}

static bool
check_range(const struct settings *settings, const char *name, int64_t low, int64_t high,
            struct provider_error *reterr)
{
    const char *text = settings_get(settings, name);
    int64_t value;

    if (text == NULL || (parse_int(text, &value) && value >= low && value <= high))
    {
        return true;
    }
    return refuse(reterr, "out_of_range",
                  arena_printf(settings->arena, "%s must be a whole number from %lld to %lld", name,
                               (long long) low, (long long) high));
}

static bool
check_timeouts(const struct provider *provider, const struct settings *settings,
               struct provider_error *reterr)
{
    int64_t total = settings_get_int(settings, "timeout_ms", provider->total_timeout_ms);

    if (!check_range(settings, "connect_timeout_ms", CONNECT_TIMEOUT_MIN_MS, CONNECT_TIMEOUT_MAX_MS,
                     reterr) ||
        !check_range(settings, "timeout_ms", TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, reterr) ||
        !check_range(settings, "max_per_second", 1, MESSAGES_MAX, reterr) ||
        !check_range(settings, "max_per_minute", 1, MESSAGES_MAX, reterr) ||
        !check_range(settings, "max_per_day", 1, MESSAGES_MAX, reterr))
    {
        return false;
    }
    if (settings_get_int(settings, "connect_timeout_ms", 0) > total)
    {
        return refuse(reterr, "out_of_range", "connect_timeout_ms is larger than timeout_ms");
    }
    return true;
}

/* Settings that every kind understands. */
static bool
check_common(const struct provider *provider, const struct settings *settings,
             struct provider_error *reterr)
{
    const char *endpoint = settings_get(settings, "endpoint");
    const char *ca_file = settings_get(settings, "ca_file");
    const char *allow_http = settings_get(settings, "allow_http");
    const char *networks = settings_get(settings, "allow_addresses");
    const char *environment = settings_get(settings, "environment");
    bool http = false;
    const char *problem;

    if (allow_http != NULL && !parse_bool(allow_http, &http))
    {
        return refuse(reterr, "bad_boolean", "allow_http must be true or false");
    }
    problem = endpoint == NULL ? NULL : address_check_url(endpoint, http);
    if (problem == NULL && endpoint != NULL && strchr(endpoint, '?') != NULL)
    {
        problem = "it has a query";
    }
    if (problem != NULL)
    {
        return refuse(reterr, "bad_endpoint",
                      arena_printf(settings->arena, "endpoint cannot be used: %s", problem));
    }
    if (ca_file != NULL && ca_file[0] != '/')
    {
        return refuse(reterr, "bad_path", "ca_file must be an absolute path");
    }
    if (environment != NULL && strcmp(environment, "production") != 0 &&
        strcmp(environment, "sandbox") != 0)
    {
        return refuse(reterr, "bad_environment", "environment must be production or sandbox");
    }
    if (networks != NULL && strspn(networks, "0123456789abcdefABCDEF.:/, ") != strlen(networks))
    {
        return refuse(reterr, "bad_networks",
                      "allow_addresses must be networks like 10.0.0.0/8 or fd00::/8, separated "
                      "by commas");
    }
    return check_timeouts(provider, settings, reterr);
}

bool
provider_check_settings(const struct provider *provider, const struct settings *settings,
                        struct arena *arena, struct provider_error *reterr)
{
    for (const struct setting *given = settings->first; given != NULL; given = given->next)
    {
        if (!check_given(provider, settings, given, arena, reterr))
        {
            return false;
        }
    }
    for (const struct provider_setting *s = provider->settings; s->name != NULL; s++)
    {
        if (s->required && settings_get(settings, s->name) == NULL)
        {
            return refuse(reterr, "missing_setting",
                          arena_printf(arena, "%s is missing%s", s->name,
                                       s->secret ? ": give it in secrets, as env:NAME or "
                                                   "file:/path"
                                                 : ""));
        }
    }
    if (!check_common(provider, settings, reterr))
    {
        return false;
    }
    return provider->check == NULL || provider->check(settings, arena, reterr);
}
