/* What the part attachments of a mail says: which objects go with it, and how. */
#ifndef DELIVERY_ATTACHMENT_H
#define DELIVERY_ATTACHMENT_H

#include <stdbool.h>

#include "delivery/delivery.h"

/*
 * Read the rendered part into the delivery's attachments; without one, or when it is blank, there
 * are none. False with *reterr (class content) for anything but a list of objects with the members
 * object, name and inline, and for more than MESSAGE_ATTACHMENTS_MAX.
 */
bool attachment_read(struct delivery *delivery, struct provider_error *reterr);

#endif
