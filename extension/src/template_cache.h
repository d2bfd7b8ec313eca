/*
 * What sends need to know of templates and categories, cached in each backend. The tables'
 * statement triggers invalidate their relation caches, and with them the entries.
 *
 * Lookups run SQL through SPI and expect a caller that is connected to SPI.
 */
#ifndef HERALD_TEMPLATE_CACHE_H
#define HERALD_TEMPLATE_CACHE_H

/* In the order of herald.channel. */
enum herald_channel
{
    HERALD_PUSH,
    HERALD_SMS,
    HERALD_EMAIL,
    HERALD_VOICE,
    HERALD_CHAT,
    HERALD_WEBHOOK,
    HERALD_INAPP,
    HERALD_CHANNELS
};

enum
{
    HERALD_NAME_SIZE = 64 /* with the NUL */
};

struct herald_variables;

struct herald_template
{
    char name[HERALD_NAME_SIZE];
    int version;                     /* the published one, 0: none */
    uint32 channels;                 /* bit per channel that the published version has parts for */
    char category[HERALD_NAME_SIZE]; /* empty: none */
    /* Declared by the published version, NULL: nothing. Valid until the next lookup. */
    const struct herald_variables *variables;
};

/* Channels of a category in the order in which they are used, see herald.category.cheapest. */
struct herald_cheapest
{
    uint8 count; /* 0: there is no order */
    uint8 channels[HERALD_CHANNELS];
    int64 wait_us;
};

struct herald_category
{
    char name[HERALD_NAME_SIZE];
    bool mandatory;
    uint32 channels; /* 0: those of the template */
    int max_queued;  /* more deliveries wait, so no more are taken; 0: they are */
    struct herald_cheapest cheapest;
};

/*
 * Memory for other caches of what the template tables hold, made anew when one of them changes;
 * *ret_generation then differs.
 */
MemoryContext herald_cache_context(uint64 *ret_generation);

/*
 * May what was read since herald_cache_context() told the generation be kept there? False when
 * something has changed meanwhile. An old snapshot may have shown what no later transaction should
 * see, so then the caches end with this transaction.
 */
bool herald_cache_may_keep(uint64 generation);

extern const char *const herald_channel_names[HERALD_CHANNELS];

/* The number of a channel by name, -1 when there is none. */
int herald_channel_find(const char *name, size_t length);

/* The bits of channels in a list of names with commas between; NULL is the empty list. */
uint32 herald_channel_bits(const char *list);

/* Look up by name (shorter than HERALD_NAME_SIZE); false when there is none. */
bool herald_template_find(const char *name, struct herald_template *ret);
bool herald_category_find(const char *name, struct herald_category *ret);

#endif
