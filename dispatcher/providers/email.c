/* Parts of mails. */
#include "providers/email.h"

#include <string.h>

#include "providers/address.h"
#include "providers/build.h"

#define SUBJECT_BYTES_MAX 2000
#define FROM_NAME_BYTES_MAX 255
#define UNSUBSCRIBE_BYTES_MAX 900 /* a header line holds at most 998 */

static bool
refuse(struct provider_error *reterr, const char *code, const char *reason)
{
    return build_refuse(reterr, OUTCOME_CONTENT, code, reason);
}

static bool
check_unsubscribe(const char *url, struct arena *arena, struct provider_error *reterr)
{
    const char *problem = url == NULL ? NULL : address_check_url(url, false);

    if (url != NULL && problem == NULL && strlen(url) > UNSUBSCRIBE_BYTES_MAX)
    {
        problem = "it is longer than 900 bytes";
    }
    if (problem == NULL)
    {
        return true;
    }
    return refuse(reterr, "bad_unsubscribe_url",
                  arena_printf(arena, "unsubscribe_url cannot be used: %s", problem));
}

bool
email_read(const struct message *message, const struct settings *settings, struct arena *arena,
           struct email_parts *ret, struct provider_error *reterr)
{
    const char *problem = address_check_mailbox(message->address);

    if (problem != NULL)
    {
        return build_refuse(
            reterr, OUTCOME_TOKEN_INVALID, "bad_address",
            arena_printf(arena, "the address is not a usable mailbox: %s", problem));
    }
    ret->text = message_part(message, "text");
    ret->html = message_part(message, "html");
    if (!build_line(message, "subject", &ret->subject, arena, reterr) ||
        !build_line(message, "reply_to", &ret->reply_to, arena, reterr) ||
        !build_line(message, "unsubscribe_url", &ret->unsubscribe_url, arena, reterr))
    {
        return false;
    }
    if (ret->subject == NULL)
    {
        return refuse(reterr, "empty", "subject is empty");
    }
    if (strlen(ret->subject) > SUBJECT_BYTES_MAX)
    {
        return refuse(reterr, "subject_too_long", "subject is longer than 2000 bytes");
    }
    if (ret->text == NULL && ret->html == NULL)
    {
        return refuse(reterr, "empty", "text and html are both empty");
    }
    if (ret->reply_to == NULL)
    {
        ret->reply_to = settings_get(settings, "reply_to");
    }
    problem = ret->reply_to == NULL ? NULL : address_check_mailbox(ret->reply_to);
    if (problem != NULL)
    {
        return refuse(reterr, "bad_reply_to",
                      arena_printf(arena, "reply_to is not a usable mailbox: %s", problem));
    }
    return check_unsubscribe(ret->unsubscribe_url, arena, reterr);
}

bool
email_check_settings(const struct settings *settings, struct arena *arena,
                     struct provider_error *reterr)
{
    static const char *const names[] = { "from", "reply_to", "envelope_from" };
    const char *from_name = settings_get(settings, "from_name");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        const char *value = settings_get(settings, names[i]);
        const char *problem = value == NULL ? NULL : address_check_mailbox(value);

        if (problem != NULL)
        {
            return build_refuse(
                reterr, OUTCOME_CONFIG, "bad_mailbox",
                arena_printf(arena, "%s is not a usable mailbox: %s", names[i], problem));
        }
    }
    if (from_name != NULL && strlen(from_name) > FROM_NAME_BYTES_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "setting_too_long",
                            "from_name is longer than 255 bytes");
    }
    return true;
}
