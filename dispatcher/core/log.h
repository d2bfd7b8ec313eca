/*
 * Structured logging to standard error: one event, one line, logfmt, control characters encoded.
 *
 *   log_event(LOG_WARN, "provider paused", "provider", name, "reason", reason, NULL);
 *   -> ts=2026-01-01T00:00:00.000Z level=warn msg="provider paused" provider=apns reason="…"
 *
 * Values are masked by the caller with log_mask() where they are addresses or tokens; secrets and
 * message content are never passed here. A line ends at 4 KB.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

enum log_level
{
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};

/* Events above the level are not written. */
void log_set_level(enum log_level level);
bool log_level_from_name(const char *name, enum log_level *ret);

/* Key and value strings in turn, ended by NULL; a NULL value is left out with its key. */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* "alice@example.org" -> "a***@example.org", "+4915112345678" -> "+49***78", other text -> first 4
   characters and "***". The result lives in one of four rotating static buffers. */
const char *log_mask(const char *address);

#endif
