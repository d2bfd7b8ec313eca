/*
 * SMS: how many parts a text takes. Pure code, for the extension and the dispatcher.
 */
#ifndef SMS_H
#define SMS_H

#include <stddef.h>

enum sms_encoding
{
    SMS_GSM7, /* GSM 03.38, default alphabet and extension table */
    SMS_UCS2  /* UTF-16, for texts with any other character */
};

struct sms_size
{
    enum sms_encoding encoding;
    size_t units;    /* septets or UTF-16 code units, without the headers of parts */
    size_t segments; /* 0: the text is empty */
};

/*
 * The size of a UTF-8 text: one part holds 160 septets or 70 code units, each of several 153 or 67.
 * No part ends within an extension or surrogate pair. What is no UTF-8 counts as U+FFFD. A
 * forecast: providers may replace characters, and bill what they sent.
 */
struct sms_size sms_measure(const char *text, size_t len);

/* "GSM-7" or "UCS-2". */
const char *sms_encoding_name(enum sms_encoding encoding);

#endif
