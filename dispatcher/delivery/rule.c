/* Reading and matching routes; herald.route_matches() and herald.route_order() say the same. */
#include "delivery/rule.h"

#include <stdint.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "delivery/country.h"

#define BUCKETS 4096

/* Texts of an attribute's values as JSON writes them, so that "1" is not 1. */
struct condition
{
    struct condition *next;
    const char *attribute;
    const char **values;
};

struct rule
{
    struct rule *next;
    const char *name;
    enum channel channel;
    const char *providers[RULE_PROVIDERS_MAX];
    int64_t weights[RULE_PROVIDERS_MAX];
    size_t count;
    int64_t total; /* of the weights; 0: there are none */
    const char **countries;
    const char **device_kinds;
    const char **categories;
    struct condition *conditions;
};

/* ---- reading ---- */

/* A list of texts that ends with NULL. */
static const char **
read_texts(struct arena *arena, const json *list)
{
    size_t count = json_array_length(list);
    const char **texts = arena_alloc(arena, (count + 1) * sizeof(*texts));

    for (size_t i = 0; i < count; i++)
    {
        texts[i] = arena_strdup(arena, json_string(json_array_at(list, i)));
        if (texts[i] == NULL)
        {
            return NULL;
        }
    }
    return texts;
}

/* A column with a list of texts; NULL is any. */
static bool
read_list(struct arena *arena, const char *text, const char ***ret)
{
    json *list = text == NULL ? NULL : json_parse(text, strlen(text), NULL);

    *ret = json_is_array(list) ? read_texts(arena, list) : NULL;
    json_destroy(list);
    return text == NULL || *ret != NULL;
}

struct reading
{
    struct arena *arena;
    struct rule *rule;
};

static bool
read_condition(const char *key, json *value, void *user)
{
    struct reading *reading = user;
    struct condition *condition = arena_alloc(reading->arena, sizeof(*condition));
    size_t count = json_array_length(value);

    condition->attribute = arena_strdup(reading->arena, key);
    condition->values = arena_alloc(reading->arena, (count + 1) * sizeof(*condition->values));
    for (size_t i = 0; i < count; i++)
    {
        size_t len;

        condition->values[i] = json_print(reading->arena, json_array_at(value, i), &len);
    }
    condition->next = reading->rule->conditions;
    reading->rule->conditions = condition;
    return true;
}

static bool
read_attributes(struct arena *arena, const char *text, struct rule *rule)
{
    struct reading reading = { arena, rule };
    json *root = text == NULL ? NULL : json_parse(text, strlen(text), NULL);
    bool ok = text == NULL || json_is_object(root);

    if (json_is_object(root))
    {
        json_each(root, read_condition, &reading);
    }
    json_destroy(root);
    return ok;
}

static bool
read_providers(struct arena *arena, const struct rule_row *row, struct rule *rule)
{
    json *providers = json_parse(row->providers, strlen(row->providers), NULL);
    json *weights =
        row->weights == NULL ? NULL : json_parse(row->weights, strlen(row->weights), NULL);
    size_t count = json_array_length(providers);

    rule->count = count < RULE_PROVIDERS_MAX ? count : RULE_PROVIDERS_MAX;
    for (size_t i = 0; i < rule->count; i++)
    {
        rule->providers[i] = arena_strdup(arena, json_string(json_array_at(providers, i)));
        rule->weights[i] = json_int(json_array_at(weights, i), 0);
        rule->total += rule->weights[i];
        if (rule->providers[i] == NULL)
        {
            rule->count = 0;
        }
    }
    json_destroy(providers);
    json_destroy(weights);
    return rule->count > 0;
}

bool
rules_add(struct rules *rules, const struct rule_row *row)
{
    struct rule **end = &rules->first;
    struct rule *rule;

    if (rules->arena == NULL && (rules->arena = arena_create()) == NULL)
    {
        mem_exhausted();
    }
    rule = arena_alloc(rules->arena, sizeof(*rule));
    rule->name = arena_strdup(rules->arena, row->name);
    if (!channel_from_name(row->channel, &rule->channel) ||
        !read_providers(rules->arena, row, rule) ||
        !read_list(rules->arena, row->countries, &rule->countries) ||
        !read_list(rules->arena, row->device_kinds, &rule->device_kinds) ||
        !read_list(rules->arena, row->categories, &rule->categories) ||
        !read_attributes(rules->arena, row->attributes, rule))
    {
        return false;
    }
    while (*end != NULL)
    {
        end = &(*end)->next;
    }
    *end = rule;
    return true;
}

void
rules_load(struct rules *rules, const struct db_result *result)
{
    rules_finish(rules);
    for (int row = 0; row < db_result_rows(result); row++)
    {
        struct rule_row columns = {
            .name = db_result_value(result, row, 0),
            .channel = db_result_value(result, row, 1),
            .providers = db_result_value(result, row, 2),
            .weights = db_result_value(result, row, 3),
            .countries = db_result_value(result, row, 4),
            .device_kinds = db_result_value(result, row, 5),
            .categories = db_result_value(result, row, 6),
            .attributes = db_result_value(result, row, 7),
        };

        if (!rules_add(rules, &columns))
        {
            log_event(LOG_ERROR, "route cannot be used", "route", columns.name, NULL);
        }
    }
}

void
rules_finish(struct rules *rules)
{
    if (rules->arena != NULL)
    {
        arena_destroy(rules->arena);
    }
    *rules = (struct rules){ NULL, NULL };
}

/* ---- matching ---- */

/* A delivery while rules are tried: its attributes are read when the first rule asks. */
struct subject
{
    const struct delivery *delivery;
    struct arena *arena;
    json *attributes;
    bool located;
    char country[COUNTRY_SIZE];
};

static bool
is_in(const char *const *list, const char *value)
{
    if (list == NULL)
    {
        return true;
    }
    while (value != NULL && *list != NULL && strcmp(*list, value) != 0)
    {
        list++;
    }
    return value != NULL && *list != NULL;
}

static const json *
attributes_of(struct subject *subject)
{
    const char *text = subject->delivery->attributes;

    if (subject->attributes == NULL && text != NULL)
    {
        subject->attributes = json_parse(text, strlen(text), NULL);
    }
    return subject->attributes;
}

static const char *
country_of(struct subject *subject)
{
    const struct delivery *delivery = subject->delivery;

    if (!subject->located)
    {
        struct country_hints hints = {
            .attribute = json_get_string(attributes_of(subject), "country"),
            .region = delivery->region,
            .phone = delivery->channel == CHANNEL_SMS || delivery->channel == CHANNEL_VOICE
                         ? delivery->address
                         : NULL,
            .locale = delivery->locale,
        };

        subject->located = true;
        country_find(&hints, subject->country);
    }
    return subject->country;
}

static bool
has_attributes(struct subject *subject, const struct condition *condition)
{
    for (; condition != NULL; condition = condition->next)
    {
        const json *value = json_get(attributes_of(subject), condition->attribute);
        size_t len;

        if (value == NULL || !is_in(condition->values, json_print(subject->arena, value, &len)))
        {
            return false;
        }
    }
    return true;
}

static bool
matches(const struct rule *rule, struct subject *subject)
{
    const struct delivery *delivery = subject->delivery;

    return rule->channel == delivery->channel && is_in(rule->categories, delivery->category) &&
           is_in(rule->device_kinds, delivery->device_kind) &&
           (rule->countries == NULL || is_in(rule->countries, country_of(subject))) &&
           has_attributes(subject, rule->conditions);
}

const struct rule *
rules_match(const struct rules *rules, const struct delivery *delivery)
{
    struct subject subject = { .delivery = delivery, .arena = delivery->arena };
    const struct rule *rule = rules->first;

    while (rule != NULL && !matches(rule, &subject))
    {
        rule = rule->next;
    }
    json_destroy(subject.attributes);
    return rule;
}

/* ---- order ---- */

static uint64_t
hash_add(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
    {
        hash = (hash ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

int
rule_bucket(const char *a, const char *b)
{
    uint64_t hash = hash_add(UINT64_C(0xcbf29ce484222325), a);

    if (b != NULL)
    {
        hash = hash_add(hash_add(hash, " "), b);
    }
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return (int) (hash & (BUCKETS - 1));
}

const char *
rule_name(const struct rule *rule)
{
    return rule->name;
}

/* The provider whose share the recipient falls into. */
static size_t
draw(const struct rule *rule, const char *recipient)
{
    int64_t point = rule->total * rule_bucket(recipient, NULL) / BUCKETS;
    size_t i = 0;

    while (point >= rule->weights[i])
    {
        point -= rule->weights[i++];
    }
    return i;
}

int
rule_place(const struct rule *rule, const char *account, const char *recipient)
{
    for (size_t i = 0; i < rule->count; i++)
    {
        if (strcmp(rule->providers[i], account) == 0)
        {
            return rule->total > 0 && draw(rule, recipient) == i ? 0 : (int) i + 1;
        }
    }
    return -1;
}
