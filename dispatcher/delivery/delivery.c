/* Life and lists of claimed deliveries. */
#include "delivery/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"

void
delivery_move(struct delivery *delivery, enum delivery_state to)
{
    if (!state_edge_is_legal(delivery->state, to))
    {
        log_event(LOG_ERROR, "illegal change of state", "delivery", delivery->id, "from",
                  state_name(delivery->state), "to", state_name(to), NULL);
        abort();
    }
    delivery->state = to;
}

struct delivery *
delivery_create(void)
{
    struct arena *arena = arena_create();
    struct delivery *delivery;

    if (arena == NULL)
    {
        mem_exhausted();
    }
    delivery = arena_alloc(arena, sizeof(*delivery));
    delivery->arena = arena;
    delivery->state = DELIVERY_CLAIMED;
    return delivery;
}

void
delivery_destroy(struct delivery *delivery)
{
    if (delivery != NULL)
    {
        arena_destroy(delivery->arena);
    }
}

const char *
delivery_address(const struct delivery *delivery)
{
    return delivery->token != NULL ? delivery->token->address : delivery->address;
}

static void
add_token(struct delivery *delivery, const json *entry)
{
    struct delivery_token *token = &delivery->tokens[delivery->token_count];
    const char *state = json_get_string(entry, "state");
    struct arena *arena = delivery->arena;

    token->id = arena_strdup(arena, json_get_string(entry, "id"));
    token->issuer = arena_strdup(arena, json_get_string(entry, "issuer"));
    token->address = arena_strdup(arena, json_get_string(entry, "token"));
    token->app = arena_strdup(arena, json_get_string(entry, "app"));
    token->environment = arena_strdup(arena, json_get_string(entry, "environment"));
    token->registered_ms = json_get_int(entry, "registered_ms", 0);
    token->suspect = state != NULL && state[0] == 's';
    if (token->id != NULL && token->issuer != NULL && token->address != NULL)
    {
        delivery->token_count++;
    }
}

bool
delivery_parse_tokens(struct delivery *delivery, const char *text, size_t len)
{
    json *root = json_parse(text, len, NULL);
    bool ok = json_is_array(root);

    for (size_t i = 0; ok && i < json_array_length(root); i++)
    {
        if (delivery->token_count < DELIVERY_TOKENS_MAX)
        {
            add_token(delivery, json_array_at(root, i));
        }
    }
    json_destroy(root);
    return ok;
}

void
delivery_list_push(struct delivery_list *list, struct delivery *delivery)
{
    delivery->next = NULL;
    if (list->tail == NULL)
    {
        list->head = delivery;
    }
    else
    {
        list->tail->next = delivery;
    }
    list->tail = delivery;
    list->count++;
}

void
delivery_list_unshift(struct delivery_list *list, struct delivery *delivery)
{
    delivery->next = list->head;
    list->head = delivery;
    if (list->tail == NULL)
    {
        list->tail = delivery;
    }
    list->count++;
}

struct delivery *
delivery_list_shift(struct delivery_list *list)
{
    struct delivery *first = list->head;

    if (first != NULL)
    {
        list->head = first->next;
        if (list->head == NULL)
        {
            list->tail = NULL;
        }
        first->next = NULL;
        list->count--;
    }
    return first;
}

/* What has no known priority counts as normal. */
static struct delivery_list *
list_of(struct delivery_queue *queue, const struct delivery *delivery)
{
    static const char *const names[DELIVERY_PRIORITIES] = { "urgent", "high", "normal", "bulk" };
    static const size_t normal = 2;

    for (size_t i = 0; i < DELIVERY_PRIORITIES; i++)
    {
        if (delivery->priority != NULL && strcmp(delivery->priority, names[i]) == 0)
        {
            return &queue->lists[i];
        }
    }
    return &queue->lists[normal];
}

void
delivery_queue_push(struct delivery_queue *queue, struct delivery *delivery)
{
    delivery_list_push(list_of(queue, delivery), delivery);
    queue->count++;
}

void
delivery_queue_unshift(struct delivery_queue *queue, struct delivery *delivery)
{
    delivery_list_unshift(list_of(queue, delivery), delivery);
    queue->count++;
}

struct delivery *
delivery_queue_shift(struct delivery_queue *queue)
{
    struct delivery *first = NULL;

    for (size_t i = 0; i < DELIVERY_PRIORITIES && first == NULL; i++)
    {
        first = delivery_list_shift(&queue->lists[i]);
    }
    queue->count -= first != NULL ? 1 : 0;
    return first;
}
