/*
 * Caches of templates and categories: see template_cache.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "outbox.h"
#include "template_cache.h"
#include "variables.h"

HERALD_FUNCTION(herald_cache_invalidate);

const char *const herald_channel_names[HERALD_CHANNELS] = {
    [HERALD_PUSH] = "push",   [HERALD_SMS] = "sms",   [HERALD_EMAIL] = "email",
    [HERALD_VOICE] = "voice", [HERALD_CHAT] = "chat", [HERALD_WEBHOOK] = "webhook",
    [HERALD_INAPP] = "inapp",
};

static const char *const table_names[] = { "template", "template_version", "template_part",
                                           "template_use", "category" };

static struct
{
    MemoryContext context; /* holds everything below; NULL: nothing is cached */
    HTAB *templates;
    HTAB *categories;
    Oid tables[lengthof(table_names)];
    bool registered;
    bool stale;
    uint64 generation; /* rises with each invalidation and each time that it is emptied */
    TimestampTz bound; /* entries are of this transaction's old snapshot only; 0: of any */
} cache;

int
herald_channel_find(const char *name, size_t length)
{
    for (int i = 0; i < HERALD_CHANNELS; i++)
        if (strlen(herald_channel_names[i]) == length &&
            memcmp(herald_channel_names[i], name, length) == 0)
            return i;
    return -1;
}

uint32
herald_channel_bits(const char *list)
{
    uint32 bits = 0;

    while (list != NULL && *list != '\0')
    {
        size_t length = strcspn(list, ",");
        int channel = herald_channel_find(list, length);

        if (channel >= 0)
            bits |= UINT32_C(1) << channel;
        list += length + (list[length] == ',');
    }
    return bits;
}

/* A relation's cache entry was invalidated; InvalidOid stands for all. Must not do more than note.
 */
static void
note_invalidation(Datum argument, Oid relation)
{
    bool ours = relation == InvalidOid;

    (void) argument;
    for (size_t i = 0; i < lengthof(cache.tables) && !ours; i++)
        ours = cache.tables[i] == relation;
    if (!ours)
        return;
    cache.stale = true;
    cache.generation++;
}

static HTAB *
create_table(const char *name, Size entry_size)
{
    HASHCTL control = { .keysize = HERALD_NAME_SIZE,
                        .entrysize = entry_size,
                        .hcxt = cache.context };

    return hash_create(name, 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Make the caches ready, empty when something has changed since they were filled. */
static void
refresh(void)
{
    Oid schema;

    if (cache.bound != 0 && cache.bound != GetCurrentTransactionStartTimestamp())
        cache.stale = true;
    if (cache.context != NULL && !cache.stale)
        return;

    if (!cache.registered)
        CacheRegisterRelcacheCallback(note_invalidation, (Datum) 0);
    cache.registered = true;
    if (cache.context != NULL)
        MemoryContextDelete(cache.context);
    cache.context = NULL;
    cache.bound = 0;

    schema = get_namespace_oid("herald", false);
    for (size_t i = 0; i < lengthof(table_names); i++)
        cache.tables[i] = get_relname_relid(table_names[i], schema);
    cache.context =
        AllocSetContextCreate(CacheMemoryContext, "herald templates", ALLOCSET_DEFAULT_SIZES);
    cache.templates = create_table("herald templates", sizeof(struct herald_template));
    cache.categories = create_table("herald categories", sizeof(struct herald_category));
    cache.stale = false;
    cache.generation++;
}

MemoryContext
herald_cache_context(uint64 *ret_generation)
{
    refresh();
    *ret_generation = cache.generation;
    return cache.context;
}

bool
herald_cache_may_keep(uint64 generation)
{
    if (cache.generation != generation)
        return false;
    if (IsolationUsesXactSnapshot())
        cache.bound = GetCurrentTransactionStartTimestamp();
    return true;
}

/* Run a query about one name; false when there is no row. */
static bool
query_name(SPIPlanPtr *plan, const char *sql, const char *name)
{
    static const Oid types[] = { TEXTOID };
    Datum values[1] = { CStringGetTextDatum(name) };

    herald_saved_plan(plan, sql, 1, types);
    if (SPI_execute_plan(*plan, values, NULL, false, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not look up \"%s\"", name);
    return SPI_processed == 1;
}

/* Column of the first row, NULL when null. */
static char *
column(int number)
{
    return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
}

/* Keep what was read, unless it changed meanwhile. */
static void
keep(HTAB *table, const void *entry, Size size, uint64 generation)
{
    if (herald_cache_may_keep(generation))
        memcpy(hash_search(table, entry, HASH_ENTER, NULL), entry, size);
}

/*
 * The declared variables in a column of the first row, compiled into memory that lives as long as
 * the entries. An error leaves nothing behind.
 */
static const struct herald_variables *
compile_variables(int number)
{
    struct herald_variables *variables;
    MemoryContext context;
    MemoryContext before;
    Jsonb *declaration;
    bool is_null;
    Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &is_null);

    if (is_null)
        return NULL;
    declaration = DatumGetJsonbP(value);
    context = AllocSetContextCreate(CurrentMemoryContext, "herald variables", ALLOCSET_SMALL_SIZES);
    before = MemoryContextSwitchTo(context);
    variables = herald_variables_compile(declaration);
    MemoryContextSwitchTo(before);
    MemoryContextSetParent(context, cache.context);
    return variables;
}

bool
herald_template_find(const char *name, struct herald_template *ret)
{
    static SPIPlanPtr plan;
    const struct herald_template *known;
    uint64 generation;
    char *version;
    char *category;

    refresh();
    known = hash_search(cache.templates, name, HASH_FIND, NULL);
    if (known != NULL)
    {
        *ret = *known;
        return true;
    }

    generation = cache.generation;
    if (!query_name(
            &plan,
            "select t.published_version, t.category, (select string_agg(distinct"
            " p.channel::text, ',') from herald.template_part p where p.template = t.name"
            " and p.version = t.published_version), (select nullif(v.variables, '{}')"
            " from herald.template_version v where v.template = t.name"
            " and v.version = t.published_version) from herald.template t where t.name = $1",
            name))
        return false;
    memset(ret, 0, sizeof(*ret));
    strlcpy(ret->name, name, sizeof(ret->name));
    version = column(1);
    category = column(2);
    if (version != NULL)
        ret->version = (int) strtol(version, NULL, 10);
    if (category != NULL)
        strlcpy(ret->category, category, sizeof(ret->category));
    ret->channels = herald_channel_bits(column(3));
    ret->variables = compile_variables(4);
    keep(cache.templates, ret, sizeof(*ret), generation);
    return true;
}

/* Fill in an order of channels from a list of names with commas between and a wait. */
static void
take_cheapest(struct herald_cheapest *cheapest, const char *list, const char *wait_us)
{
    while (list != NULL && *list != '\0' && cheapest->count < HERALD_CHANNELS)
    {
        size_t length = strcspn(list, ",");

        cheapest->channels[cheapest->count++] = (uint8) herald_channel_find(list, length);
        list += length + (list[length] == ',');
    }
    cheapest->wait_us = wait_us == NULL ? 0 : strtoll(wait_us, NULL, 10);
}

bool
herald_category_find(const char *name, struct herald_category *ret)
{
    static SPIPlanPtr plan;
    const struct herald_category *known;
    uint64 generation;

    refresh();
    known = hash_search(cache.categories, name, HASH_FIND, NULL);
    if (known != NULL)
    {
        *ret = *known;
        return true;
    }

    generation = cache.generation;
    if (!query_name(&plan,
                    "select c.mandatory::text, array_to_string(c.channels, ','),"
                    " case when c.is_full then c.max_queued else 0 end,"
                    " array_to_string(c.cheapest, ','),"
                    " (extract(epoch from c.wait) * 1000000)::bigint from herald.category c"
                    " where c.name = $1",
                    name))
        return false;
    memset(ret, 0, sizeof(*ret));
    strlcpy(ret->name, name, sizeof(ret->name));
    ret->mandatory = strcmp(column(1), "true") == 0;
    ret->channels = herald_channel_bits(column(2));
    ret->max_queued = (int) strtol(column(3), NULL, 10);
    take_cheapest(&ret->cheapest, column(4), column(5));
    keep(cache.categories, ret, sizeof(*ret), generation);
    return true;
}

Datum
herald_cache_invalidate(PG_FUNCTION_ARGS)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("herald.cache_invalidate() is a trigger function"));
    CacheInvalidateRelcacheByRelid(
        RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation));
    PG_RETURN_POINTER(NULL);
}
