/* Tells the database how the accounts do, when that changes. */
#ifndef DELIVERY_CIRCUIT_H
#define DELIVERY_CIRCUIT_H

#include "core/loop.h"
#include "delivery/account.h"
#include "delivery/session.h"

struct circuits;

/* The accounts outlive it. */
struct circuits *circuits_create(struct loop *loop, struct session *session,
                                 struct accounts *accounts);
void circuits_destroy(struct circuits *circuits);

#endif
