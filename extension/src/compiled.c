/*
 * Compiled templates: see compiled.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compiled.h"
#include "outbox.h"
#include "template_cache.h"
#include "value.h"

enum
{
    CHANNEL_SIZE = 16,
    MODE_SIZE = 8,
    LOCALE_SIZE = 64,
    SOURCES_MAX = 10000,
    CACHE_BYTES = 32 * 1024 * 1024 /* beyond, all is dropped */
};

/* Compared as bytes, so unused ones are zero. */
struct key
{
    char template_name[HERALD_NAME_SIZE];
    char channel[CHANNEL_SIZE];
    char locale[LOCALE_SIZE];
    char mode[MODE_SIZE]; /* empty: the version's */
    int version;
};

struct entry
{
    struct key key;
    const struct herald_compiled *compiled;
};

static struct
{
    uint64 generation;     /* of the cache that holds it */
    MemoryContext context; /* entries, each in a context of its own */
    HTAB *entries;
} cache;

/* Rows of herald.template_sources(), while they are compiled. */
struct sources
{
    SPITupleTable *rows;
    struct herald_compiled *compiled;
};

/* Make the table ready: empty when a template has changed, or when it has become too large. */
static void
refresh(uint64 *ret_generation)
{
    MemoryContext parent = herald_cache_context(ret_generation);
    HASHCTL control = { .keysize = sizeof(struct key), .entrysize = sizeof(struct entry) };

    if (cache.generation == *ret_generation &&
        MemoryContextMemAllocated(cache.context, true) < CACHE_BYTES)
        return;
    if (cache.generation == *ret_generation)
        MemoryContextDelete(cache.context);
    cache.generation = 0;
    cache.context =
        AllocSetContextCreate(parent, "herald compiled templates", ALLOCSET_DEFAULT_SIZES);
    control.hcxt = cache.context;
    cache.entries = hash_create("herald compiled templates", 64, &control,
                                HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    cache.generation = *ret_generation;
}

static char *
column(const struct sources *sources, uint64 row, int number)
{
    return SPI_getvalue(sources->rows->vals[row], sources->rows->tupdesc, number);
}

/* The engine asks for the body of a shared template. */
static bool
find_shared(void *host, struct lq_str name, struct lq_str *ret_source)
{
    const struct sources *sources = host;

    for (uint64 row = 0; row < sources->rows->numvals; row++)
    {
        char *known = column(sources, row, 2);

        if (strcmp(column(sources, row, 1), "shared") != 0 || strlen(known) != name.len ||
            memcmp(known, name.data, name.len) != 0)
            continue;
        ret_source->data = column(sources, row, 3);
        ret_source->len = strlen(ret_source->data);
        return true;
    }
    return false;
}

static void
add_translations(struct sources *sources, uint64 row)
{
    struct herald_compiled *compiled = sources->compiled;
    struct lq_mem mem = herald_value_memory(CurrentMemoryContext);
    Jsonb *document =
        DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(column(sources, row, 3))));
    struct lq_value *value = herald_value_build(document, &mem);

    if (value == NULL)
        ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
                errmsg("not enough memory for the translations of a template"));
    compiled->translations[compiled->translation_count++] = value;
}

static void
compile_part(struct sources *sources, uint64 row)
{
    struct herald_compiled *compiled = sources->compiled;
    struct herald_compiled_part *part = &compiled->parts[compiled->part_count++];
    char *source = column(sources, row, 3);
    struct lq_options options = {
        .mem = herald_value_memory(CurrentMemoryContext),
        .limits = LQ_LIMITS_DEFAULT,
        .strict = !compiled->lax,
        .partial = find_shared,
        .host = sources,
    };

    part->name = column(sources, row, 2);
    part->escape = lq_escape_of_part((struct lq_str){ part->name, strlen(part->name) });
    options.escape = part->escape;
    (void) lq_parse((struct lq_str){ source, strlen(source) }, &options, &part->template,
                    &part->error);
}

/* Compile what the query found, in the current context; mode is empty or overrules the version's.
 */
static const struct herald_compiled *
compile(const char *mode)
{
    struct sources sources = { SPI_tuptable, palloc0(sizeof(struct herald_compiled)) };

    sources.compiled->tracking_url = pstrdup("");
    sources.compiled->object_base_url = pstrdup("");
    sources.compiled->translations =
        palloc((sources.rows->numvals + 1) * sizeof(struct lq_value *));
    sources.compiled->parts =
        palloc0((sources.rows->numvals + 1) * sizeof(*sources.compiled->parts));
    for (uint64 row = 0; row < sources.rows->numvals; row++)
    {
        const char *kind = column(&sources, row, 1);

        if (strcmp(kind, "mode") == 0)
            sources.compiled->lax =
                strcmp(mode[0] != '\0' ? mode : column(&sources, row, 2), "lax") == 0;
        else if (strcmp(kind, "tracking_url") == 0)
            sources.compiled->tracking_url = column(&sources, row, 2);
        else if (strcmp(kind, "object_base_url") == 0)
            sources.compiled->object_base_url = column(&sources, row, 2);
        else if (strcmp(kind, "object_key") == 0)
            (void) hex_decode(column(&sources, row, 3), 2 * HERALD_OBJECT_KEY_SIZE,
                              (char *) sources.compiled->object_key);
        else if (strcmp(kind, "translations") == 0)
            add_translations(&sources, row);
        else if (strcmp(kind, "part") == 0)
            compile_part(&sources, row);
    }
    return sources.compiled;
}

static void
query_sources(const struct key *key)
{
    static SPIPlanPtr plan;
    static const Oid types[] = { TEXTOID, INT4OID, TEXTOID, TEXTOID };
    Datum values[] = { CStringGetTextDatum(key->template_name), Int32GetDatum(key->version),
                       CStringGetTextDatum(key->channel), CStringGetTextDatum(key->locale) };

    herald_saved_plan(&plan,
                      "select kind, name, source from herald.template_sources($1, $2, $3, $4)"
                      " union all select 'object_key', '',"
                      " pg_catalog.encode(herald.object_signer(), 'hex')",
                      4, types);
    if (SPI_execute_plan(plan, values, NULL, true, SOURCES_MAX) != SPI_OK_SELECT)
        elog(ERROR, "could not read the sources of a template");
}

/* Read and compile, and keep it in the cache unless something has changed meanwhile. */
static const struct herald_compiled *
load(const struct key *key, uint64 generation)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "herald template", ALLOCSET_SMALL_SIZES);
    const struct herald_compiled *compiled;
    struct entry *entry;

    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    query_sources(key);
    MemoryContextSwitchTo(context);
    compiled = compile(key->mode);
    SPI_finish();
    MemoryContextSwitchTo(caller);
    if (!herald_cache_may_keep(generation))
        return compiled;
    entry = hash_search(cache.entries, key, HASH_ENTER, NULL);
    entry->compiled = compiled;
    MemoryContextSetParent(context, cache.context);
    return compiled;
}

const struct herald_compiled *
herald_compiled_find(const char *template_name, int version, const char *channel,
                     const char *locale, const char *mode)
{
    struct key key;
    const struct entry *entry;
    uint64 generation;

    memset(&key, 0, sizeof(key));
    strlcpy(key.template_name, template_name, sizeof(key.template_name));
    strlcpy(key.channel, channel, sizeof(key.channel));
    strlcpy(key.locale, locale, sizeof(key.locale));
    strlcpy(key.mode, mode != NULL ? mode : "", sizeof(key.mode));
    key.version = version;
    refresh(&generation);
    entry = hash_search(cache.entries, &key, HASH_FIND, NULL);
    return entry != NULL ? entry->compiled : load(&key, generation);
}
