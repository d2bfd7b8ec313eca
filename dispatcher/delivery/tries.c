/* A list in the delivery, and its JSON. */
#include "delivery/tries.h"

#include <string.h>

#include "core/json.h"

#define TEXT_MAX 300

void
tries_add(struct delivery *delivery)
{
    struct delivery_try *try = arena_alloc(delivery->arena, sizeof(*try));

    try->result = delivery->result;
    try->next = delivery->tries;
    delivery->tries = try;
    delivery->try_count++;
    delivery->result = (struct delivery_result){ .failures = try->result.failures };
}

bool
tries_have(const struct delivery *delivery, const char *account)
{
    const struct delivery_try *try = delivery->tries;

    while (try != NULL && strcmp(try->result.provider, account) != 0)
    {
        try = try->next;
    }
    return try != NULL;
}

static void
put_text(json *object, const char *key, const char *text)
{
    if (text != NULL)
    {
        json_put(object, key, json_new_string_len(text, strnlen(text, TEXT_MAX)));
    }
}

static json *
print_one(const struct delivery_result *result)
{
    json *object = json_new_object();

    put_text(object, "class", outcome_class_name(result->class));
    put_text(object, "provider", result->provider);
    put_text(object, "phase", result->phase);
    put_text(object, "code", result->code);
    put_text(object, "reason", result->reason);
    if (result->status != 0)
    {
        json_put(object, "status", json_new_int(result->status));
    }
    json_put(object, "started_us", json_new_int(result->started_us));
    json_put(object, "latency_us", json_new_int(result->latency_us));
    return object;
}

const char *
tries_print(const struct delivery *delivery)
{
    const struct delivery_try *tries[TRIES_MAX];
    size_t count = 0;
    const char *text;
    json *list;

    for (const struct delivery_try *try = delivery->tries; try != NULL && count < TRIES_MAX;
         try = try->next)
    {
        tries[count++] = try;
    }
    if (count == 0)
    {
        return NULL;
    }
    list = json_new_array();
    while (count > 0)
    {
        json_push(list, print_one(&tries[--count]->result));
    }
    text = json_print(delivery->arena, list, NULL);
    json_destroy(list);
    return text;
}
