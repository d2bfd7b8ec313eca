/* Rendering, with the same engine and the same inputs as the preview functions in SQL. */
#include "delivery/render.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/zone.h"
#include "liquid.h"

enum
{
    LINKS_MAX = 1000, /* of one message */
    OBJECT_KEY_BYTES = 32
};

struct render_part
{
    char *name;
    enum lq_escape escape;
    struct lq_template *compiled;
};

/* A template that parts use by name. */
struct shared_source
{
    struct shared_source *next;
    char *name;
    char *source;
    size_t len;
};

struct render_template
{
    struct render_part parts[MESSAGE_PARTS_MAX];
    size_t count;
    bool lax;
    char *tracking_url;    /* NULL: none */
    char *object_base_url; /* NULL: none */
    uint8_t object_key[OBJECT_KEY_BYTES];
    struct lq_value **translations;
    size_t translation_count;
    struct shared_source *shared;
    char *problem; /* why it is unusable, or NULL */
};

static void *
heap_alloc(void *ctx, size_t size)
{
    (void) ctx;
    return malloc(size);
}

static void *
heap_realloc(void *ctx, void *old, size_t size)
{
    (void) ctx;
    return realloc(old, size);
}

static void
heap_free(void *ctx, void *ptr)
{
    (void) ctx;
    free(ptr);
}

static const struct lq_mem heap = { heap_alloc, heap_realloc, heap_free, NULL };

static bool
digest(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret)
{
    (void) host;
    if (algorithm == LQ_DIGEST_MD5)
    {
        return crypto_md5(text.data, text.len, ret);
    }
    crypto_sha256(text.data, text.len, ret);
    return true;
}

/* Hexadecimal digits in lower case, with anything between them; what is missing is zero. */
static void
hex_to_bytes(const char *text, uint8_t *ret, size_t size)
{
    size_t digits = 0;

    memset(ret, 0, size);
    for (; *text != '\0' && digits < 2 * size; text++)
    {
        const char *digit = strchr("0123456789abcdef", *text);

        if (digit != NULL)
        {
            int value = (int) (digit - "0123456789abcdef");

            ret[digits / 2] |= (uint8_t) (digits % 2 == 0 ? value << 4 : value);
            digits++;
        }
    }
}

struct render_template *
render_template_create(void)
{
    return mem_alloc(sizeof(struct render_template));
}

void
render_template_destroy(struct render_template *template)
{
    if (template == NULL)
    {
        return;
    }
    for (size_t i = 0; i < template->count; i++)
    {
        free(template->parts[i].name);
        lq_template_destroy(template->parts[i].compiled);
    }
    while (template->shared != NULL)
    {
        struct shared_source *shared = template->shared;

        template->shared = shared->next;
        free(shared->name);
        free(shared->source);
        free(shared);
    }
    for (size_t i = 0; i < template->translation_count; i++)
    {
        lq_value_destroy(template->translations[i]);
    }
    free(template->translations);
    free(template->tracking_url);
    free(template->object_base_url);
    free(template->problem);
    free(template);
}

size_t
render_template_parts(const struct render_template *template)
{
    return template->count;
}

void
render_template_set_lax(struct render_template *template)
{
    template->lax = true;
}

void
render_template_translate(struct render_template *template, const char *translations, size_t len)
{
    json *object = json_parse(translations, len, NULL);
    struct lq_value *value = json_to_liquid(object, &heap);

    json_destroy(object);
    if (value == NULL)
    {
        mem_exhausted();
    }
    template->translations =
        mem_resize(template->translations,
                   (template->translation_count + 1) * sizeof(template->translations[0]));
    template->translations[template->translation_count++] = value;
}

void
render_template_set_tracking(struct render_template *template, const char *url)
{
    free(template->tracking_url);
    template->tracking_url = mem_strdup(url);
}

void
render_template_set_objects(struct render_template *template, const char *url)
{
    free(template->object_base_url);
    template->object_base_url = mem_strdup(url);
}

void
render_template_set_object_key(struct render_template *template, const char *hex)
{
    hex_to_bytes(hex, template->object_key, sizeof(template->object_key));
}

void
render_template_share(struct render_template *template, const char *name, const char *source,
                      size_t source_len)
{
    struct shared_source *shared = mem_alloc(sizeof(*shared));

    shared->name = mem_strdup(name);
    shared->source = mem_alloc(source_len + 1);
    memcpy(shared->source, source, source_len);
    shared->len = source_len;
    shared->next = template->shared;
    template->shared = shared;
}

/* What the engine's questions are about. */
struct host
{
    const struct render_template *template;
    struct delivery *delivery; /* NULL while parsing */
    int link_count;            /* of the message */
};

/* The engine asks for a shared template. */
static bool
find_shared(void *host, struct lq_str name, struct lq_str *ret_source)
{
    const struct shared_source *shared = ((struct host *) host)->template->shared;

    for (; shared != NULL; shared = shared->next)
    {
        if (strlen(shared->name) == name.len && memcmp(shared->name, name.data, name.len) == 0)
        {
            *ret_source = (struct lq_str){ shared->source, shared->len };
            return true;
        }
    }
    return false;
}

/* base64url of the 16 bytes of an id. */
static const char *
token_of(struct arena *arena, const char *id)
{
    uint8_t bytes[16];

    hex_to_bytes(id, bytes, sizeof(bytes));
    return crypto_base64url(arena, bytes, sizeof(bytes));
}

/* The engine asks for the URL of an object. */
static bool
link_to_object(void *user, struct lq_str id, int64_t until_s, struct lq_str *ret)
{
    const struct host *host = user;
    struct arena *arena = host->delivery->arena;
    const char *token = arena_printf(
        arena, "%s.%" PRId64, token_of(arena, arena_strndup(arena, id.data, id.len)), until_s);
    uint8_t signature[32];

    crypto_hmac_sha256(host->template->object_key, OBJECT_KEY_BYTES, token, strlen(token),
                       signature);
    ret->data = arena_printf(arena, "%s/o/%s.%s", host->template->object_base_url, token,
                             crypto_base64url(arena, signature, sizeof(signature)));
    ret->len = strlen(ret->data);
    return true;
}

/* The engine asks what to print for a URL that is to be tracked. */
static bool
link_to(void *user, struct lq_str url, struct lq_str *ret)
{
    struct host *host = user;
    struct arena *arena = host->delivery->arena;

    (void) url; /* whoever follows the link has it rendered again */
    if (host->link_count == LINKS_MAX)
    {
        return false;
    }
    host->link_count++;
    ret->data = arena_printf(arena, "%s/c/%s/%d", host->template->tracking_url,
                             token_of(arena, host->delivery->id), host->link_count);
    ret->len = strlen(ret->data);
    return true;
}

static struct lq_options
options_for(struct host *host, enum lq_escape escape)
{
    return (struct lq_options){
        .mem = heap,
        .limits = LQ_LIMITS_DEFAULT,
        .escape = escape,
        .strict = !host->template->lax,
        .partial = find_shared,
        .digest = digest,
        .zone = zone_find,
        .translations = (const struct lq_value *const *) host->template->translations,
        .translation_count = host->template->translation_count,
        .link = host->template->tracking_url != NULL ? link_to : NULL,
        .object = host->template->object_base_url != NULL ? link_to_object : NULL,
        .host = host,
    };
}

/* "part body, line 2, column 7: unknown variable …" */
static char *
describe(struct arena *arena, const char *part, const struct lq_error *error)
{
    bool elsewhere = error->partial[0] != '\0';
    const char *where =
        arena_printf(arena, "part %s%s%s%s", part, elsewhere ? ", shared template \"" : "",
                     error->partial, elsewhere ? "\"" : "");

    if (error->line == 0)
    {
        return arena_printf(arena, "%s: %s", where, error->message);
    }
    return arena_printf(arena, "%s, line %u, column %u: %s", where, error->line, error->column,
                        error->message);
}

static void
keep_problem(struct render_template *template, const char *part, const struct lq_error *error)
{
    struct arena *arena = arena_create();

    if (arena == NULL)
    {
        mem_exhausted();
    }
    free(template->problem);
    template->problem = mem_strdup(describe(arena, part, error));
    arena_destroy(arena);
}

void
render_template_add(struct render_template *template, const char *part, const char *source,
                    size_t source_len)
{
    enum lq_escape escape = lq_escape_of_part((struct lq_str){ part, strlen(part) });
    struct host host = { template, NULL, 0 };
    struct lq_options options = options_for(&host, escape);
    struct render_part *slot = &template->parts[template->count];
    struct lq_error error = { .code = LQ_OK };

    if (template->count == MESSAGE_PARTS_MAX)
    {
        free(template->problem);
        template->problem = mem_strdup("the template has more parts than a message can hold");
        return;
    }
    if (lq_parse((struct lq_str){ source, source_len }, &options, &slot->compiled, &error) != LQ_OK)
    {
        slot->compiled = NULL;
        keep_problem(template, part, &error);
        return;
    }
    slot->name = mem_strdup(part);
    slot->escape = escape;
    template->count++;
}

/* A member that is null when the text is. */
static void
put_text(json *object, const char *key, const char *text)
{
    json_put(object, key, text == NULL ? NULL : json_new_string(text));
}

struct extra
{
    const char *key;
    const char *text;
};

/* The recipient's object while it is put together in the order jsonb keeps: short keys first. */
struct merge
{
    json *object;
    const struct extra *extras; /* in that order too */
    size_t count;
    size_t next;
};

static int
compare_keys(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a, b, a_len);
}

static bool
merge_member(const char *key, json *value, void *user)
{
    struct merge *merge = user;

    while (merge->next < merge->count && compare_keys(merge->extras[merge->next].key, key) < 0)
    {
        put_text(merge->object, merge->extras[merge->next].key, merge->extras[merge->next].text);
        merge->next++;
    }
    for (size_t i = 0; i < merge->count; i++)
    {
        if (strcmp(merge->extras[i].key, key) == 0)
        {
            return true; /* ours wins */
        }
    }
    json_put(merge->object, key, json_copy(value));
    return true;
}

/* attributes || {"id", "locale", "timezone"}, as SQL would build it. */
static json *
build_recipient(const struct delivery *delivery)
{
    const struct extra extras[] = { { "id", delivery->recipient },
                                    { "locale", delivery->locale },
                                    { "timezone", delivery->timezone } };
    struct merge merge = { json_new_object(), extras, sizeof(extras) / sizeof(extras[0]), 0 };
    json *attributes = NULL;

    if (delivery->attributes != NULL)
    {
        attributes = json_parse(delivery->attributes, strlen(delivery->attributes), NULL);
    }
    if (json_is_object(attributes))
    {
        json_each(attributes, merge_member, &merge);
    }
    for (; merge.next < merge.count; merge.next++)
    {
        put_text(merge.object, extras[merge.next].key, extras[merge.next].text);
    }
    json_destroy(attributes);
    return merge.object;
}

/* The variables: members of data, and recipient and notification, which win. */
static struct lq_value *
build_variables(const struct delivery *delivery)
{
    json *root = json_parse(delivery->data, strlen(delivery->data), NULL);
    json *notification = json_new_object();
    struct lq_value *value;

    if (!json_is_object(root))
    {
        json_destroy(root);
        root = json_new_object();
    }
    put_text(notification, "id", delivery->notification);
    put_text(notification, "category", delivery->category);
    put_text(notification, "template", delivery->template_name);
    json_put(root, "recipient", build_recipient(delivery));
    json_put(root, "notification", notification);
    value = json_to_liquid(root, &heap);
    json_destroy(root);
    if (value == NULL)
    {
        mem_exhausted();
    }
    return value;
}

static bool
render_part(struct host *host, const struct render_part *part, const struct lq_value *variables,
            const char **ret_reason)
{
    struct lq_options options = options_for(host, part->escape);
    struct delivery *delivery = host->delivery;
    struct lq_error error = { .code = LQ_OK };
    struct message_part *slot = &delivery->message.parts[delivery->message.part_count];
    struct lq_str output;

    options.now_us = delivery->time_us;
    options.utc_offset_s = delivery->utc_offset_s;
    options.locale.data = delivery->locale;
    options.locale.len = strlen(delivery->locale);
    if (lq_render(part->compiled, variables, &options, &output, &error) != LQ_OK)
    {
        *ret_reason = describe(delivery->arena, part->name, &error);
        return false;
    }
    slot->name = arena_strdup(delivery->arena, part->name);
    slot->text = arena_strndup(delivery->arena, output.data, output.len);
    slot->len = output.len;
    options.mem.free(options.mem.ctx, (void *) (uintptr_t) output.data);
    if (memchr(slot->text, '\0', slot->len) != NULL)
    {
        *ret_reason = arena_printf(delivery->arena, "part %s: contains a NUL", part->name);
        return false;
    }
    delivery->message.part_count++;
    return true;
}

bool
render_message(const struct render_template *template, struct delivery *delivery,
               const char **ret_reason)
{
    const char *problem = template->problem;
    struct host host = { template, delivery, 0 };
    struct lq_value *variables;
    bool ok = true;

    delivery->message.part_count = 0;
    if (problem != NULL || template->count == 0)
    {
        *ret_reason = arena_printf(delivery->arena, "template %s version %d: %s",
                                   delivery->template_name, delivery->version,
                                   problem != NULL ? problem : "no parts for this channel");
        return false;
    }
    variables = build_variables(delivery);
    for (size_t i = 0; ok && i < template->count; i++)
    {
        ok = render_part(&host, &template->parts[i], variables, ret_reason);
    }
    lq_value_destroy(variables);
    if (!ok)
    {
        *ret_reason = arena_printf(delivery->arena, "template %s version %d: %s",
                                   delivery->template_name, delivery->version, *ret_reason);
    }
    return ok;
}
