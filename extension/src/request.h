/*
 * The arguments of a send: taken, checked and looked up, everything but who receives.
 */
#ifndef HERALD_REQUEST_H
#define HERALD_REQUEST_H

#include "common/sha2.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "template_cache.h"

enum
{
    HERALD_RECIPIENT_BYTES = 255
};

/* Positions of the arguments in the SQL function. */
struct herald_positions
{
    int template_name;
    int data;
    int channels;
    int category;
    int priority;
    int send_at;
    int expires_at;
    int locale;
};

struct herald_request
{
    text *template_name;
    text *category; /* NULL: none */
    text *locale;   /* NULL: the recipient's */
    const char *priority;
    const char *sender; /* on whose behalf it is */
    Jsonb *data;
    StringInfoData data_text;
    int version;
    uint32 requested; /* channels as given, 0: none given */
    uint32 channels;  /* to be used */
    struct herald_cheapest cheapest;
    bool mandatory; /* no preference applies: a mandatory category, or none */
    TimestampTz created_at;
    bool scheduled;
    TimestampTz send_at; /* when scheduled */
    bool expires;
    TimestampTz expires_at; /* when expires */
};

/*
 * Take a text argument: raises 22004 for null, 22023 for empty text and control characters, and
 * overlong when it has more than max_bytes, before it is copied.
 */
text *herald_request_text(FunctionCallInfo fcinfo, int position, const char *field, Size max_bytes,
                          int overlong);

/* Same for an element of an array. */
void herald_request_check_text(const char *field, text *value);

/* Refuse transactions that cannot write, and warn once of synchronous_commit = off. */
void herald_request_check_session(void);

/* Read and check the arguments; nothing is looked up yet. */
void herald_request_take(FunctionCallInfo fcinfo, const struct herald_positions *positions,
                         struct herald_request *ret);

/* Look up template and category and decide the channels. Expects a connection to SPI. */
void herald_request_resolve(struct herald_request *request);

/* Hash of what the request says, the recipient aside. */
void herald_request_hash(const struct herald_request *request, uint8 ret[PG_SHA256_DIGEST_LENGTH]);

#endif
