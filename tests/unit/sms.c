/* extension/sms: encodings and parts of text messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sms.h"

#define FAMILY "👨\u200d👩\u200d👧\u200d👦" /* eleven code units */

struct expectation
{
    size_t count; /* of text */
    const char *text;
    const char *tail;
    enum sms_encoding encoding;
    size_t units;
    size_t segments;
};

static const struct expectation expectations[] = {
    { 0, "", "", SMS_GSM7, 0, 0 },
    { 1, "A", "", SMS_GSM7, 1, 1 },
    { 160, "A", "", SMS_GSM7, 160, 1 },
    { 161, "A", "", SMS_GSM7, 161, 2 },
    { 306, "A", "", SMS_GSM7, 306, 2 },
    { 307, "A", "", SMS_GSM7, 307, 3 },
    { 160, "é", "", SMS_GSM7, 160, 1 },
    { 80, "€", "", SMS_GSM7, 160, 1 },
    { 81, "€", "", SMS_GSM7, 162, 2 },
    { 159, "A", "€", SMS_GSM7, 161, 2 },
    /* A pair moves to the next part, which makes one part more. */
    { 153, "€", "", SMS_GSM7, 306, 3 },
    { 80, "\r\n", "", SMS_GSM7, 160, 1 },
    { 35, "😀", "", SMS_UCS2, 70, 1 },
    { 36, "😀", "", SMS_UCS2, 72, 2 },
    { 67, "😀", "", SMS_UCS2, 134, 3 },
    { 70, "あ", "", SMS_UCS2, 70, 1 },
    { 71, "あ", "", SMS_UCS2, 71, 2 },
    { 134, "あ", "", SMS_UCS2, 134, 2 },
    { 135, "あ", "", SMS_UCS2, 135, 3 },
    { 66, "あ", "😀ああああああああああ", SMS_UCS2, 78, 2 },
    { 6, FAMILY, "", SMS_UCS2, 66, 1 },
    /* One character decides for all. */
    { 70, "A", "ç", SMS_UCS2, 71, 2 },
    /* What is no UTF-8 counts byte by byte. */
    { 1, "\xff", "\xc3", SMS_UCS2, 2, 1 },
    { 1, "\xc0\x80", "\xed\xa0\x80", SMS_UCS2, 5, 1 },
    { 1, "\xf5\x80\x80\x80", "\xe3\x81", SMS_UCS2, 6, 1 },
};

static void
test_sizes(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
    {
        const struct expectation *e = &expectations[i];
        size_t len = strlen(e->text) * e->count;
        char *text = malloc(len + strlen(e->tail) + 1);
        struct sms_size size;

        assert_non_null(text);
        for (size_t n = 0; n < e->count; n++)
        {
            memcpy(text + n * strlen(e->text), e->text, strlen(e->text));
        }
        memcpy(text + len, e->tail, strlen(e->tail) + 1);
        size = sms_measure(text, len + strlen(e->tail));
        free(text);
        if (size.encoding != e->encoding || size.units != e->units || size.segments != e->segments)
        {
            fail_msg("%zu times \"%s\" and \"%s\": %s, %zu units, %zu segments", e->count, e->text,
                     e->tail, sms_encoding_name(size.encoding), size.units, size.segments);
        }
    }
}

/* The whole alphabet as it is printed, then what is often taken for a part of it. */
static void
test_alphabet(void **state)
{
    static const char one[] = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
                              "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    static const char two[] = "\f^{}\\[~]|€";
    static const char *const none[] = { "ç", "`", "\t", "’", "“", "–", "…",    "\u00a0", "á",
                                        "í", "ó", "ú",  "â", "ê", "Α", "\x01", "\x1b",   "\x7f" };
    struct sms_size size = sms_measure(one, strlen(one));

    (void) state;
    assert_int_equal(size.encoding, SMS_GSM7);
    assert_int_equal(size.units, 127);
    size = sms_measure(two, strlen(two));
    assert_int_equal(size.encoding, SMS_GSM7);
    assert_int_equal(size.units, 20);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
    {
        assert_int_equal(sms_measure(none[i], strlen(none[i])).encoding, SMS_UCS2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_alphabet),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
