/* Replies of an SMTP server. */
#include "core/mail_reply.h"

static bool
mail_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void
mail_add_text(struct mail_reply *reply, const char *text, size_t len)
{
    if (!reply->continued)
    {
        reply->text_len = 0;
    }
    else if (reply->text_len > 0 && reply->text_len < MAIL_TEXT_MAX - 1)
    {
        reply->text[reply->text_len++] = ' ';
    }
    for (size_t i = 0; i < len && reply->text_len < MAIL_TEXT_MAX - 1; i++)
    {
        unsigned char c = (unsigned char) text[i];

        reply->text[reply->text_len++] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
    reply->text[reply->text_len] = '\0';
}

bool
mail_reply_line(struct mail_reply *reply, const char *line, size_t len, bool *ret_malformed)
{
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
    {
        len--;
    }
    *ret_malformed = len < 3 || !mail_is_digit(line[0]) || !mail_is_digit(line[1]) ||
                     !mail_is_digit(line[2]) || (len > 3 && line[3] != ' ' && line[3] != '-');
    if (*ret_malformed)
    {
        return false;
    }
    reply->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    mail_add_text(reply, len > 4 ? line + 4 : "", len > 4 ? len - 4 : 0);
    reply->continued = len > 3 && line[3] == '-';
    return !reply->continued;
}
