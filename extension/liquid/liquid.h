/*
 * The template engine: Liquid, as a pure function of its arguments.
 *
 * No I/O, clock, locale, environment, logging, exit or mutable global. Every call returns an
 * enum lq_code; on failure *reterr (may be NULL) holds code, line, column and a sentence. Strings
 * are (pointer, length) pairs, UTF-8, not NUL-terminated unless said so. The same sources run in a
 * PostgreSQL backend and in the daemons and print the same bytes in both.
 */
#ifndef LIQUID_H
#define LIQUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lq_code
{
    LQ_OK = 0,
    LQ_ERR_NOMEM,     /* the injected allocator returned NULL */
    LQ_ERR_UTF8,      /* source or data is not valid UTF-8 */
    LQ_ERR_SYNTAX,    /* the template does not parse */
    LQ_ERR_UNDEFINED, /* strict: unknown variable or translation */
    LQ_ERR_ARGUMENT,  /* a filter or tag was given something it cannot work with */
    LQ_ERR_SOURCE,    /* ceiling: source bytes */
    LQ_ERR_NODES,     /* ceiling: nodes of the parsed template */
    LQ_ERR_DEPTH,     /* ceiling: nesting of blocks, partials or data */
    LQ_ERR_STEPS,     /* ceiling: render steps */
    LQ_ERR_OUTPUT,    /* ceiling: output bytes, intermediate strings included */
    LQ_ERR_CANCELLED  /* the tick callback asked to stop */
};

/* Allocator, aligned for pointers, 64-bit integers and doubles. Any function may return NULL; then
 * the call returns LQ_ERR_NOMEM and leaks nothing. */
struct lq_mem
{
    void *(*alloc)(void *ctx, size_t size);
    void *(*realloc)(void *ctx, void *old, size_t size);
    void (*free)(void *ctx, void *ptr);
    void *ctx;
};

/* Ceilings; each must be > 0. LQ_LIMITS_DEFAULT suits notifications. */
struct lq_limits
{
    size_t source_bytes;
    size_t nodes;
    size_t depth;
    uint64_t steps;
    size_t output_bytes;
};

#define LQ_LIMITS_DEFAULT                                                                          \
    {                                                                                              \
        .source_bytes = 1048576, .nodes = 100000, .depth = 64, .steps = 1000000,                   \
        .output_bytes = 1048576                                                                    \
    }

struct lq_error
{
    enum lq_code code;
    uint32_t line;    /* from 1; 0 when the error has no place */
    uint32_t column;  /* from 1, in characters */
    char partial[64]; /* name of the partial it is in, NUL-terminated; empty: the template itself */
    char message[256]; /* lower-case sentence without full stop, NUL-terminated */
};

enum
{
    LQ_ZONE_NAME = 64, /* bytes of a time zone's name, at most */
    LQ_ZONE_ABBREVIATION = 16
};

enum lq_escape
{
    LQ_ESCAPE_NONE,
    /*
     * {{ output }} is HTML-escaped unless its last filter is raw, escape or escape_once. The value
     * of an attribute that holds a URL (href, src, action, …) stays empty when output makes it one
     * of javascript:, vbscript: or data:, unless the last filter is raw. Whose value an output
     * stands in follows from the text and the raw outputs before it, in the order in which they are
     * printed, through includes and layouts too. What capture captures starts outside of tags.
     */
    LQ_ESCAPE_HTML,
    /* The whole output, text of the template too, is one line for a header: a run of control
     * characters becomes a space, or nothing at the start and at the end. */
    LQ_ESCAPE_HEADER,
    /* Several headers: as HEADER, but for each {{ output }} alone. Lines end where the text of the
     * template ends them, and nowhere else. */
    LQ_ESCAPE_HEADERS
};

struct lq_str
{
    const char *data;
    size_t len;
};

enum lq_digest
{
    LQ_DIGEST_MD5,   /* 16 bytes */
    LQ_DIGEST_SHA256 /* 32 bytes */
};

struct lq_template; /* parsed, immutable; may be rendered any number of times */
struct lq_value;    /* a value tree built by the host */

/* A time zone at some instant. */
struct lq_zone
{
    int32_t utc_offset_s;                    /* seconds east of UTC */
    char abbreviation[LQ_ZONE_ABBREVIATION]; /* "CEST", "+0330"; NUL-terminated */
};

struct lq_options
{
    struct lq_mem mem;
    struct lq_limits limits;
    enum lq_escape escape; /* the same for lq_parse() and lq_render() */
    /* Unknown variables and filters are errors. Otherwise, as in plain Liquid, such a variable is
     * empty and such a filter leaves its input as it is. */
    bool strict;
    int64_t now_us;       /* the time `"now" | date` prints, microseconds since 1970-01-01 UTC */
    int32_t utc_offset_s; /* zone in which dates without one are printed, seconds east of UTC */
    struct lq_str locale; /* BCP 47; names and formats are English when it is empty or unknown */
    /* Objects in which the filter t looks for its key, the first one first. */
    const struct lq_value *const *translations;
    size_t translation_count;
    /* Called every thousand steps; true stops with LQ_ERR_CANCELLED. NULL: never. */
    bool (*tick)(void *host);
    /*
     * Source of a partial by name; returns false when there is none. NULL: no partials. Asked by
     * lq_parse() for names that are written out and for layouts, by lq_render() for computed ones;
     * the source is copied.
     */
    bool (*partial)(void *host, struct lq_str name, struct lq_str *ret_source);
    /*
     * For a check of a source by itself: told of each partial whose name is written out. Partials
     * are then taken as empty, so what was parsed is not for rendering. NULL: parse them too.
     */
    void (*uses)(void *host, struct lq_str name);
    /* The digest of a text, for the filters md5 and sha256; false when it cannot be computed. NULL:
     * these filters fail. */
    bool (*digest)(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret);
    /* What the filter tracking_link prints for a URL, which is http or https and at most 2048 bytes
     * long; false when there is no such link. The text is copied. NULL: the URL itself. */
    bool (*link)(void *host, struct lq_str url, struct lq_str *ret);
    /* What the filter object_url prints for an object, an id of 36 characters in lower case, until
     * a second since 1970; false when it cannot. The text is copied. NULL: the filter fails. */
    bool (*object)(void *host, struct lq_str id, int64_t until_s, struct lq_str *ret);
    /*
     * A zone of the IANA database at a second since 1970 UTC; returns false when there is none of
     * that name. Names are NUL-terminated, shorter than LQ_ZONE_NAME and made of letters, digits
     * and "_+-/" in segments that are not empty. NULL: no zones.
     */
    bool (*zone)(void *host, const char *name, int64_t second, struct lq_zone *ret);
    void *host;
};

/*
 * Parse a template. Uses options->mem and options->limits. On LQ_OK *ret owns its memory until
 * lq_template_destroy(); source need not outlive the call.
 */
enum lq_code lq_parse(struct lq_str source, const struct lq_options *options,
                      struct lq_template **ret, struct lq_error *reterr);

/* Release a template; NULL is allowed. */
void lq_template_destroy(struct lq_template *template);

/*
 * Render with the object `data` (from lq_object()); keys are the top-level variables. On LQ_OK *ret
 * points at output allocated with options->mem.alloc, NUL-terminated behind len; the caller frees
 * it with options->mem.free.
 */
enum lq_code lq_render(const struct lq_template *template, const struct lq_value *data,
                       const struct lq_options *options, struct lq_str *ret,
                       struct lq_error *reterr);

/*
 * Value builders. They return NULL when out of memory. A container takes ownership of what is put
 * into it (also on failure), so one lq_value_destroy() of the root releases the tree. Strings and
 * keys are copied, and so is *mem. A container may still be filled after it was put into another.
 * lq_number() takes the decimal spelling as it stands in the source (JSON number syntax; anything
 * else becomes text). An untouched number prints as the reference prints it: integers as they are
 * spelled, however long, others as the shortest spelling of their double. lq_object_put() replaces
 * an equal key.
 */
struct lq_value *lq_nil(const struct lq_mem *mem);
struct lq_value *lq_bool(const struct lq_mem *mem, bool value);
struct lq_value *lq_number(const struct lq_mem *mem, struct lq_str spelling);
struct lq_value *lq_string(const struct lq_mem *mem, struct lq_str text);
struct lq_value *lq_array(const struct lq_mem *mem);
struct lq_value *lq_object(const struct lq_mem *mem);
bool lq_array_push(struct lq_value *array, struct lq_value *item);
bool lq_object_put(struct lq_value *object, struct lq_str key, struct lq_value *value);
void lq_value_destroy(struct lq_value *value);

/* The escape mode of a part of a message, so that all hosts choose the same: HTML for html, HEADER
 * for what becomes a header of a mail, HEADERS for headers, else NONE. */
enum lq_escape lq_escape_of_part(struct lq_str part);

/* The name of a code for machines ("syntax", "steps", …). */
const char *lq_code_name(enum lq_code code);

#endif
