/* Tells systemd about readiness and life, over the datagram socket it names. */
#ifndef DELIVERY_SD_NOTIFY_H
#define DELIVERY_SD_NOTIFY_H

#include <stdint.h>

/* Send "READY=1", "STOPPING=1", "WATCHDOG=1", …; nothing happens outside of systemd. */
void sd_notify_send(const char *state);

/* How often to send WATCHDOG=1; 0: never. */
int64_t sd_notify_watchdog_ms(void);

#endif
