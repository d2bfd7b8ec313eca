/* Requests of the day for accounts with max_per_day, taken from the database some at a time. */
#ifndef DELIVERY_QUOTA_H
#define DELIVERY_QUOTA_H

#include "core/loop.h"
#include "delivery/account.h"
#include "delivery/session.h"

struct quota_source
{
    struct loop *loop;
    struct session *session;
    void (*changed)(
        void *user); /* requests were granted, or the account is paused until tomorrow */
    void *user;
};

/* Ask for more unless there is enough or an answer is due. */
void quota_ensure(struct quota_source *source, struct account *account);

/* Give back what was not used. */
void quota_return(struct quota_source *source, struct account *account);

#endif
