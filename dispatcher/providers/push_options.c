/* Options of push notifications. */
#include "providers/push_options.h"

#include <string.h>

#include "providers/build.h"
#include "providers/members.h"

#define CODE "bad_options"
#define LABEL_MAX 50
#define LABEL_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~%"
#define TIME_MAX_S 9999999999 /* more digits are milliseconds */

static const struct push_type push_types[] = {
    { "alert", "", { 10, 5 }, true },
    { "background", "", { 5 }, false },
    { "complication", ".complication", { 10, 5, 1 }, false },
    { "controls", ".push-type.controls", { 10, 5, 1 }, false },
    { "fileprovider", ".pushkit.fileprovider", { 10, 5, 1 }, false },
    { "liveactivity", ".push-type.liveactivity", { 10, 5, 1 }, false },
    { "location", ".location-query", { 10, 5, 1 }, false },
    { "pushtotalk", ".voip-ptt", { 10, 5, 1 }, false },
    { "voip", ".voip", { 10, 5, 1 }, false },
    { "widgets", ".push-type.widgets", { 10, 5, 1 }, false },
};

static const char *const levels[] = { "passive", "active", "time-sensitive", "critical", NULL };

static const char *const events[] = { "start", "update", "end", NULL };

static const struct member option_members[] = {
    { "analytics_label", MEMBER_TEXT, NULL, 0, 0 },
    { "category", MEMBER_TEXT, NULL, 0, 0 },
    { "content_available", MEMBER_BOOLEAN, NULL, 0, 0 },
    { "data_only", MEMBER_BOOLEAN, NULL, 0, 0 },
    { "interruption_level", MEMBER_WORD, levels, 0, 0 },
    { "live_activity", MEMBER_OBJECT, NULL, 0, 0 },
    { "mutable_content", MEMBER_BOOLEAN, NULL, 0, 0 },
    { "priority", MEMBER_INTEGER, NULL, 1, 10 },
    { "push_type", MEMBER_TEXT, NULL, 0, 0 },
    { "relevance_score", MEMBER_NUMBER, NULL, 0, 0 },
    { NULL, MEMBER_ANY, NULL, 0, 0 },
};

static const struct member live_members[] = {
    { "attributes", MEMBER_OBJECT, NULL, 0, 0 },
    { "attributes_type", MEMBER_TEXT, NULL, 0, 0 },
    { "content_state", MEMBER_OBJECT, NULL, 0, 0 },
    { "dismissal_date", MEMBER_INTEGER, NULL, 0, TIME_MAX_S },
    { "event", MEMBER_WORD, events, 0, 0 },
    { "stale_date", MEMBER_INTEGER, NULL, 0, TIME_MAX_S },
    { "timestamp", MEMBER_INTEGER, NULL, 0, TIME_MAX_S },
    { NULL, MEMBER_ANY, NULL, 0, 0 },
};

static bool
refuse(struct provider_error *reterr, const char *reason)
{
    return build_refuse(reterr, OUTCOME_CONTENT, CODE, reason);
}

const struct push_type *
push_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof(push_types) / sizeof(push_types[0]); i++)
    {
        if (strcmp(push_types[i].name, name) == 0)
        {
            return &push_types[i];
        }
    }
    return NULL;
}

static bool
check_live(const json *live, struct arena *arena, struct provider_error *reterr)
{
    const char *event = json_get_string(live, "event");
    bool start;

    if (!members_check(live, CODE, "options.live_activity", live_members, arena, reterr))
    {
        return false;
    }
    if (event == NULL)
    {
        return refuse(reterr, "options.live_activity has no event: start, update or end");
    }
    if (strcmp(event, "end") != 0 && json_get(live, "content_state") == NULL)
    {
        return refuse(reterr, "options.live_activity has no content_state, which only the event "
                              "end may lack");
    }
    start = strcmp(event, "start") == 0;
    if ((json_get(live, "attributes") != NULL) != start ||
        (json_get(live, "attributes_type") != NULL) != start)
    {
        return refuse(reterr, "options.live_activity has both attributes and attributes_type with "
                              "the event start, and neither with another one");
    }
    return true;
}

/* What the members must be beyond their types. */
static bool
check_options(const struct push_options *options, struct arena *arena,
              struct provider_error *reterr)
{
    const char *type = json_get_string(options->root, "push_type");
    const char *label = json_get_string(options->root, "analytics_label");
    double relevance = json_get_number(options->root, "relevance_score", 0);
    bool live = options->live_activity != NULL;

    if (type != NULL && push_type_find(type) == NULL)
    {
        return refuse(reterr, "options.push_type must be " PUSH_TYPE_NAMES);
    }
    if (type != NULL && (strcmp(type, "liveactivity") == 0) != live)
    {
        return refuse(reterr, "options.live_activity belongs to the push type liveactivity, and "
                              "to no other");
    }
    if (live && !check_live(options->live_activity, arena, reterr))
    {
        return false;
    }
    if (!live && !(relevance >= 0 && relevance <= 1))
    {
        return refuse(reterr, "options.relevance_score must lie between 0 and 1, except that of a "
                              "live activity");
    }
    if (label != NULL &&
        (strlen(label) > LABEL_MAX || strspn(label, LABEL_CHARACTERS) != strlen(label)))
    {
        return refuse(reterr, "options.analytics_label must be 1 to 50 letters, digits and -_.~%");
    }
    return true;
}

bool
push_options_read(const struct message *message, struct push_options *ret, struct arena *arena,
                  struct provider_error *reterr)
{
    const char *type;

    *ret = (struct push_options){ NULL, NULL, NULL };
    if (!members_read(message, "options", option_members, &ret->root, arena, reterr))
    {
        return false;
    }
    ret->live_activity = json_get(ret->root, "live_activity");
    if (!check_options(ret, arena, reterr))
    {
        push_options_finish(ret);
        return false;
    }
    type = ret->live_activity != NULL ? "liveactivity" : json_get_string(ret->root, "push_type");
    ret->type = type != NULL ? push_type_find(type) : NULL;
    return true;
}

void
push_options_finish(struct push_options *options)
{
    json_destroy(options->root);
    *options = (struct push_options){ NULL, NULL, NULL };
}

bool
push_options_priority(const struct push_options *options, const struct push_type *type,
                      const char **ret, struct arena *arena, struct provider_error *reterr)
{
    int64_t wanted = json_get_int(options->root, "priority", type->priorities[0]);

    for (size_t i = 0; i < PUSH_PRIORITIES_MAX; i++)
    {
        if (wanted == type->priorities[i])
        {
            *ret = arena_printf(arena, "%d", type->priorities[i]);
            return true;
        }
    }
    return refuse(reterr, arena_printf(arena,
                                       "options.priority of push type %s cannot be %lld: it is 5 "
                                       "for background, 10 or 5 for alert, 10, 5 or 1 for others",
                                       type->name, (long long) wanted));
}

static void
put_copy(json *target, const char *name, const json *source, const char *member)
{
    const json *value = json_get(source, member);

    if (value != NULL)
    {
        json_put(target, name, json_copy(value));
    }
}

void
push_options_put_aps(json *aps, const struct push_options *options)
{
    put_copy(aps, "category", options->root, "category");
    if (json_get_bool(options->root, "content_available", false))
    {
        json_put(aps, "content-available", json_new_int(1));
    }
    put_copy(aps, "interruption-level", options->root, "interruption_level");
    put_copy(aps, "relevance-score", options->root, "relevance_score");
}

void
push_options_put_live(json *aps, const struct push_options *options, const struct message *message)
{
    const json *live = options->live_activity;
    int64_t now_s = message->time_s != 0 ? message->time_s : message->now_s;

    /* Attempts repeat the time of the send: a late one is older than what came after it. */
    json_put(aps, "timestamp", json_new_int(json_get_int(live, "timestamp", now_s)));
    put_copy(aps, "event", live, "event");
    put_copy(aps, "content-state", live, "content_state");
    put_copy(aps, "attributes-type", live, "attributes_type");
    put_copy(aps, "attributes", live, "attributes");
    put_copy(aps, "stale-date", live, "stale_date");
    put_copy(aps, "dismissal-date", live, "dismissal_date");
}
