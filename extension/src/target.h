/*
 * Who receives: what a send needs to know of recipients, and the deliveries that follow from it.
 */
#ifndef HERALD_TARGET_H
#define HERALD_TARGET_H

#include "utils/uuid.h"

#include "request.h"

struct herald_target_device
{
    pg_uuid_t id;
    enum herald_channel channel; /* that it is reached by */
};

struct herald_target
{
    text *recipient;
    int place; /* among the recipients as given */
    int bucket;
    bool known;
    bool has_refusals; /* as far as they matter; of many targets all may have some */
    text *email;       /* NULL: none */
    text *phone;       /* NULL: none */
    text *locale;      /* NULL: none */
    text *timezone;    /* NULL: none */
    Jsonb *attributes; /* NULL: none */
    uint32 reachable;  /* channels with an address in the recipient itself */
    uint32 opted_out;  /* channels refused for the category */
    uint32 waiting;    /* channels that wait whether an earlier one is confirmed */
    int device_count;
    struct herald_target_device *devices;
    pg_uuid_t notification;
};

/* One delivery of a target. */
struct herald_delivery
{
    pg_uuid_t id;
    const struct herald_target *target;
    enum herald_channel channel;
    const pg_uuid_t *device; /* NULL: none */
    const char *reason;      /* why it is not sent; NULL: it is */
};

/*
 * Look up recipients, all different, in the active snapshot; they come back by bucket, so that ids
 * made for them one by one rise. Raises 22023 for the first that is unknown. Expects a connection
 * to SPI, whose memory holds the result.
 */
struct herald_target *herald_target_load(const struct herald_request *request, text **recipients,
                                         int count);

/*
 * The deliveries of a target, with new ids, and the channels that wait; there is room for
 * HERALD_CHANNELS more than it has devices. Returns their number, at least 1.
 */
int herald_target_deliveries(const struct herald_request *request, struct herald_target *target,
                             struct herald_delivery *deliveries);

#endif
