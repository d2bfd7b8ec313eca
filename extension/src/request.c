/*
 * The arguments of a send: see request.h.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/detoast.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/int.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "outbox.h"
#include "request.h"
#include "value.h"
#include "variables.h"

enum
{
    CHANNEL_ELEMENTS = 100,
    CHANNEL_BYTES = 65536,
    LOCALE_BYTES = 35,
    EXCERPT_BYTES = 64,
    RETENTION_MARGIN_DAYS = 2
};

static const char *const priorities[] = { "urgent", "high", "normal", "bulk" };

static void
refuse_null(const char *field)
{
    ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", field));
}

/* At most EXCERPT_BYTES of a text, for messages. */
static char *
excerpt(text *value)
{
    int length = pg_mbcliplen(VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value), EXCERPT_BYTES);

    return pnstrdup(VARDATA_ANY(value), (Size) length);
}

void
herald_request_check_text(const char *field, text *value)
{
    const unsigned char *data = (const unsigned char *) VARDATA_ANY(value);
    Size length = VARSIZE_ANY_EXHDR(value);

    if (length == 0)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("%s must not be empty", field));
    for (Size i = 0; i < length; i++)
        if (data[i] < 0x20 || data[i] == 0x7f ||
            (data[i] == 0xc2 && i + 1 < length && data[i + 1] < 0xa0))
            ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s contains control characters", field));
}

text *
herald_request_text(FunctionCallInfo fcinfo, int position, const char *field, Size max_bytes,
                    int overlong)
{
    text *value;

    if (PG_ARGISNULL(position))
        refuse_null(field);
    if (toast_raw_datum_size(PG_GETARG_DATUM(position)) - VARHDRSZ > max_bytes)
        ereport(ERROR, errcode(overlong), errmsg("%s is longer than %zu bytes", field, max_bytes));
    value = PG_GETARG_TEXT_PP(position);
    herald_request_check_text(field, value);
    return value;
}

void
herald_request_check_session(void)
{
    static bool warned;

    if (RecoveryInProgress())
        ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                errmsg("cannot send a notification on a standby"),
                errhint("Connect to the primary."));
    if (XactReadOnly)
        ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                errmsg("cannot send a notification in a read-only transaction"),
                errhint("Begin the transaction with READ WRITE."));
    if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF && !warned)
    {
        warned = true;
        ereport(WARNING, errcode(ERRCODE_WARNING),
                errmsg("synchronous_commit is off: a crash may lose notifications that were "
                       "committed"),
                errhint("Set synchronous_commit to on in transactions that send. This warning is "
                        "given once a session."));
    }
}

static void
refuse_channel(text *name)
{
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("unknown channel \"%s\"", excerpt(name)),
            errhint("Channels are push, sms, email, voice, chat, webhook and inapp."));
}

/* The bits of an array of channel names. */
static uint32
take_channels(Datum argument)
{
    uint32 bits = 0;
    ArrayType *array;
    Datum *elements;
    bool *nulls;
    int count;

    if (toast_raw_datum_size(argument) > CHANNEL_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("channels is larger than %d bytes", CHANNEL_BYTES));
    array = DatumGetArrayTypeP(argument);
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    if (count > CHANNEL_ELEMENTS)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("channels has more than %d elements", CHANNEL_ELEMENTS));
    if (count == 0)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("channels must not be empty"),
                errhint("Null stands for the channels of the category or template."));
    for (int i = 0; i < count; i++)
    {
        text *name;
        int channel;

        if (nulls[i])
            refuse_null("channels");
        name = DatumGetTextPP(elements[i]);
        herald_request_check_text("channels", name);
        channel = herald_channel_find(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
        if (channel < 0)
            refuse_channel(name);
        bits |= UINT32_C(1) << channel;
    }
    return bits;
}

static const char *
take_priority(FunctionCallInfo fcinfo, int position)
{
    text *name = herald_request_text(fcinfo, position, "priority", HERALD_NAME_SIZE - 1,
                                     ERRCODE_PROGRAM_LIMIT_EXCEEDED);

    for (size_t i = 0; i < lengthof(priorities); i++)
        if (strlen(priorities[i]) == VARSIZE_ANY_EXHDR(name) &&
            memcmp(priorities[i], VARDATA_ANY(name), strlen(priorities[i])) == 0)
            return priorities[i];
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("unknown priority \"%s\"", excerpt(name)),
            errhint("Priorities are urgent, high, normal and bulk."));
    return NULL;
}

/* Two or three letters, then subtags of two to eight letters and digits behind hyphens. */
static bool
is_language_tag(const char *data, size_t length)
{
    bool first = true;
    size_t run = 0;

    for (size_t i = 0; i <= length; i++)
    {
        unsigned char c = i < length ? (unsigned char) data[i] : '-';

        if (c == '-')
        {
            if (run < 2 || run > (first ? 3 : 8))
                return false;
            first = false;
            run = 0;
        }
        else if (c >= 0x80 || !(isalpha(c) || (isdigit(c) && !first)))
            return false;
        else
            run++;
    }
    return true;
}

/* The locale, NULL when none is given. */
static text *
take_locale(FunctionCallInfo fcinfo, int position)
{
    text *locale;

    if (PG_ARGISNULL(position))
        return NULL;
    if (toast_raw_datum_size(PG_GETARG_DATUM(position)) - VARHDRSZ > LOCALE_BYTES)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("locale is longer than %d bytes", LOCALE_BYTES));
    locale = PG_GETARG_TEXT_PP(position);
    if (VARSIZE_ANY_EXHDR(locale) == 0)
        return NULL;
    if (!is_language_tag(VARDATA_ANY(locale), VARSIZE_ANY_EXHDR(locale)))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("locale is not a language tag"), errdetail("It is \"%s\".", excerpt(locale)),
                errhint("Write it like \"en\" or \"pt-BR\"."));
    return locale;
}

/* The instant of a nullable argument; false when null. */
static bool
take_instant(FunctionCallInfo fcinfo, int position, const char *field, TimestampTz *ret)
{
    if (PG_ARGISNULL(position))
        return false;
    *ret = PG_GETARG_TIMESTAMPTZ(position);
    if (TIMESTAMP_NOT_FINITE(*ret))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("%s must be a finite time", field));
    return true;
}

void
herald_request_take(FunctionCallInfo fcinfo, const struct herald_positions *positions,
                    struct herald_request *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->created_at = GetCurrentTransactionStartTimestamp();
    ret->sender = GetUserNameFromId(GetSessionUserId(), false);
    ret->template_name = herald_request_text(fcinfo, positions->template_name, "template",
                                             HERALD_NAME_SIZE - 1, ERRCODE_PROGRAM_LIMIT_EXCEEDED);
    if (!PG_ARGISNULL(positions->category))
        ret->category = herald_request_text(fcinfo, positions->category, "category",
                                            HERALD_NAME_SIZE - 1, ERRCODE_PROGRAM_LIMIT_EXCEEDED);
    if (!PG_ARGISNULL(positions->channels))
        ret->requested = take_channels(PG_GETARG_DATUM(positions->channels));
    ret->priority = take_priority(fcinfo, positions->priority);
    ret->locale = take_locale(fcinfo, positions->locale);
    ret->scheduled = take_instant(fcinfo, positions->send_at, "send_at", &ret->send_at);
    ret->expires = take_instant(fcinfo, positions->expires_at, "expires_at", &ret->expires_at);
    if (ret->expires &&
        ret->expires_at <=
            (ret->scheduled && ret->send_at > ret->created_at ? ret->send_at : ret->created_at))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("expires_at must be later than %s", ret->scheduled ? "send_at" : "now"));
    if (PG_ARGISNULL(positions->data))
        refuse_null("data");
    initStringInfo(&ret->data_text);
    ret->data = herald_value_take(PG_GETARG_DATUM(positions->data), "data", HERALD_DATA_BYTES,
                                  HERALD_DATA_DEPTH, &ret->data_text);
}

/* Ask herald.setting_value() how long notifications are kept. */
static int
retention_days(void)
{
    static SPIPlanPtr plan;
    static const Oid types[] = { TEXTOID };
    Datum values[] = { CStringGetTextDatum("retention_days") };
    char *value;

    herald_saved_plan(&plan, "select herald.setting_value($1)", 1, types);
    if (SPI_execute_plan(plan, values, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "could not read setting retention_days");
    value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    return value == NULL ? 0 : (int) strtol(value, NULL, 10);
}

/* A notification must outlive its delivery, so it may wait no longer than it is kept. */
static void
check_horizon(struct herald_request *request)
{
    int days = Max(retention_days() - RETENTION_MARGIN_DAYS, 0);
    int64 distance;

    if (pg_sub_s64_overflow(request->send_at, request->created_at, &distance) ||
        distance > days * USECS_PER_DAY || distance < -days * USECS_PER_DAY)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("send_at must lie within %d days of now", days),
                errdetail("It is %s.", timestamptz_to_str(request->send_at)),
                errhint("The limit is the setting retention_days less %d.", RETENTION_MARGIN_DAYS));
    request->scheduled = distance > 0;
}

/* Raise "unknown WHAT" with the nearest name of the table as hint. */
static void
refuse_unknown(const char *what, const char *name)
{
    char *sql = psprintf("select herald.refuse_unknown('%s', $1, array(select name from herald.%s"
                         " limit 1000))",
                         what, what);
    Oid types[1] = { TEXTOID };
    Datum values[1] = { CStringGetTextDatum(name) };

    SPI_execute_with_args(sql, 1, types, values, NULL, true, 1);
    elog(ERROR, "unknown %s \"%s\"", what, name);
}

/* Raise an error about a channel that the template says nothing for. */
static void
refuse_missing_parts(const char *template_name, uint32 missing)
{
    int channel = 0;

    while (channel < HERALD_CHANNELS - 1 && (missing & UINT32_C(1) << channel) == 0)
        channel++;
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("template \"%s\" has no parts for channel \"%s\"", template_name,
                   herald_channel_names[channel]),
            errhint("Add them with herald.notify_template_part() and publish."));
}

/* A full category is an error of class 53, which callers take for one that passes. */
static void
refuse_full(const struct herald_category *category)
{
    ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
            errmsg("category \"%s\" is full: more than %d deliveries wait", category->name,
                   category->max_queued),
            errhint("Send later, or raise max_queued with herald.notify_category()."));
}

void
herald_request_resolve(struct herald_request *request)
{
    const char *name = text_to_cstring(request->template_name);
    struct herald_category category = { .mandatory = true };
    struct herald_template found;

    if (request->scheduled)
        check_horizon(request);
    if (!herald_template_find(name, &found))
        refuse_unknown("template", name);
    if (found.version == 0)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("template \"%s\" has no published version", name),
                errhint("Publish it with herald.notify_template_publish()."));
    if (found.channels == 0)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("template \"%s\" is only for use by other templates", name),
                errhint("Give it parts of a channel with herald.notify_template_part()."));
    if (found.variables != NULL)
        request->data = herald_variables_apply(found.variables, request->data, name, found.version);
    if (request->category == NULL && found.category[0] != '\0')
        request->category = cstring_to_text(found.category);
    if (request->category != NULL &&
        !herald_category_find(text_to_cstring(request->category), &category))
        refuse_unknown("category", text_to_cstring(request->category));
    if (category.max_queued != 0)
        refuse_full(&category);

    request->version = found.version;
    request->mandatory = category.mandatory;
    request->channels = found.channels;
    if (request->requested != 0)
    {
        if ((request->requested & ~found.channels) != 0)
            refuse_missing_parts(name, request->requested & ~found.channels);
        request->channels = request->requested;
    }
    else if (category.channels != 0)
    {
        request->cheapest = category.cheapest;
        request->channels &= category.channels;
        if (request->channels == 0)
            refuse_missing_parts(name, category.channels);
    }
}

static void
hash_part(pg_cryptohash_ctx *context, const void *data, size_t length)
{
    uint64 prefix = length;

    /* The length in front keeps neighbours apart; a missing value has a length of its own. */
    if (data == NULL)
        prefix = PG_UINT64_MAX;
    if (pg_cryptohash_update(context, (const uint8 *) &prefix, sizeof(prefix)) < 0 ||
        (data != NULL && pg_cryptohash_update(context, data, length) < 0))
        elog(ERROR, "could not hash a request: %s", pg_cryptohash_error(context));
}

static void
hash_text(pg_cryptohash_ctx *context, text *value)
{
    if (value == NULL)
        hash_part(context, NULL, 0);
    else
        hash_part(context, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

void
herald_request_hash(const struct herald_request *request, uint8 ret[PG_SHA256_DIGEST_LENGTH])
{
    pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

    if (context == NULL || pg_cryptohash_init(context) < 0)
        elog(ERROR, "could not hash a request");
    hash_text(context, request->template_name);
    hash_part(context, request->data_text.data, (size_t) request->data_text.len);
    hash_part(context, &request->requested, sizeof(request->requested));
    hash_text(context, request->category);
    hash_part(context, request->priority, strlen(request->priority));
    hash_part(context, request->scheduled ? &request->send_at : NULL, sizeof(request->send_at));
    hash_part(context, request->expires ? &request->expires_at : NULL, sizeof(request->expires_at));
    hash_text(context, request->locale);
    if (pg_cryptohash_final(context, ret, PG_SHA256_DIGEST_LENGTH) < 0)
        elog(ERROR, "could not hash a request: %s", pg_cryptohash_error(context));
    pg_cryptohash_free(context);
}
