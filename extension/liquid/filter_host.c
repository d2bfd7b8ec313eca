/* Filters that hosts compute: digests, tracking links and URLs of objects. */
#include "filter.h"
#include "utf8.h"

enum
{
    DIGEST_MAX = 32,
    URL_MAX = 2048,
    ID_LENGTH = 36,
    DAYS_DEFAULT = 7,
    DAYS_MAX = 365
};

static const struct lq_value *
digest(struct lq_run *run, const struct lq_value *input, enum lq_digest algorithm, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const struct lq_options *options = run->options;
    struct lq_builder builder = { .run = run };
    uint8_t bytes[DIGEST_MAX];
    struct lq_str text;

    if (!lq_to_text(run, input, &text) || !lq_run_scan(run, text.len))
        return NULL;
    if (options->digest == NULL || !options->digest(options->host, algorithm, text, bytes))
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT,
                           options->digest == NULL ? "no digests here"
                                                   : "the digest could not be computed");
        return NULL;
    }
    for (size_t i = 0; i < size; i++)
    {
        char hex[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

        if (!lq_builder_add(&builder, (struct lq_str){ hex, sizeof(hex) }))
            return NULL;
    }
    return lq_builder_finish(&builder);
}

const struct lq_value *
lq_filter_md5(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return digest(run, input, LQ_DIGEST_MD5, 16);
}

const struct lq_value *
lq_filter_sha256(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return digest(run, input, LQ_DIGEST_SHA256, 32);
}

/* Whether a URL starts with http:// or https:// and a host. */
static bool
is_web_url(struct lq_str url)
{
    static const char scheme[] = "https";
    size_t len = 0;

    while (len < sizeof(scheme) - 1 && len < url.len &&
           lq_ascii_lower(url.data[len]) == scheme[len])
        len++;
    if (len < 4)
        return false;
    lq_str_skip(&url, len);
    if (url.len < 4 || !lq_str_equal((struct lq_str){ url.data, 3 }, LQ_STR("://")))
        return false;
    return url.data[3] != '/' && url.data[3] != '?' && url.data[3] != '#';
}

static bool
check_url(struct lq_run *run, struct lq_str url)
{
    if (url.len > URL_MAX)
        return lq_run_fail(run, LQ_ERR_ARGUMENT,
                           "tracking_link takes a URL of at most %d bytes, this one has %zu",
                           URL_MAX, url.len);
    for (size_t i = 0; i < url.len; i++)
    {
        if ((unsigned char) url.data[i] <= ' ' || url.data[i] == 0x7f)
            return lq_run_fail(run, LQ_ERR_ARGUMENT,
                               "tracking_link takes a URL without spaces and control characters");
    }
    return is_web_url(url) ||
           lq_run_fail(run, LQ_ERR_ARGUMENT,
                       "tracking_link takes a URL that starts with http:// or https:// and a host, "
                       "not \"%.*s\"",
                       LQ_QUOTE(url));
}

const struct lq_value *
lq_filter_tracking_link(struct lq_run *run, const struct lq_value *input,
                        const struct lq_args *args)
{
    const struct lq_options *options = run->options;
    struct lq_builder builder = { .run = run };
    struct lq_str url;
    struct lq_str link;

    (void) args;
    if (!lq_to_text(run, input, &url) || !check_url(run, url))
        return NULL;
    if (options->link == NULL)
        return lq_new_string(run, url);
    if (!options->link(options->host, url, &link))
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "no tracking link could be made");
        return NULL;
    }
    return lq_builder_add(&builder, link) ? lq_builder_finish(&builder) : NULL;
}

/* The id with its letters in lower case; false when it is none. */
static bool
read_id(struct lq_str text, char ret[ID_LENGTH])
{
    if (text.len != ID_LENGTH)
        return false;
    for (size_t i = 0; i < ID_LENGTH; i++)
    {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = lq_ascii_lower(text.data[i]);

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        ret[i] = c;
    }
    return true;
}

const struct lq_value *
lq_filter_object_url(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_options *options = run->options;
    struct lq_builder builder = { .run = run };
    int64_t days = DAYS_DEFAULT;
    char id[ID_LENGTH];
    struct lq_str text;
    struct lq_str url;

    if (!lq_to_text(run, input, &text) ||
        (args->count > 0 && !lq_to_integer(run, args->value[0], &days)))
        return NULL;
    if (!read_id(text, id))
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT,
                           "object_url takes the id of an object, not \"%.*s\"", LQ_QUOTE(text));
    else if (days < 1 || days > DAYS_MAX)
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "object_url takes 1 to %d days", DAYS_MAX);
    else if (options->object == NULL)
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT,
                           "objects have no URLs here: object_base_url is not set");
    else if (!options->object(options->host, (struct lq_str){ id, ID_LENGTH },
                              options->now_us / 1000000 + days * 86400, &url))
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "no URL of the object could be made");
    else
        return lq_builder_add(&builder, url) ? lq_builder_finish(&builder) : NULL;
    return NULL;
}
