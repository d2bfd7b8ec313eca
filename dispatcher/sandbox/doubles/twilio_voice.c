/* Twilio Calls: POST /2010-04-01/Accounts/{sid}/Calls.json, form with TwiML in, JSON out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "sandbox/double.h"
#include "sandbox/text.h"
#include "sandbox/twilio.h"

#define TWIML_CHARS_MAX 4000
#define TWIML_DEPTH_MAX 8
#define NAME_BYTES_MAX 32
#define DIGITS "0123456789"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Parameters of the create call. */
static const struct twilio_parameter parameters[] = {
    { "To", false },
    { "From", false },
    { "Url", false },
    { "Twiml", false },
    { "ApplicationSid", false },
    { "Method", false },
    { "FallbackUrl", false },
    { "FallbackMethod", false },
    { "StatusCallback", false },
    { "StatusCallbackMethod", false },
    { "StatusCallbackEvent", true },
    { "SendDigits", false },
    { "Timeout", false },
    { "TimeLimit", false },
    { "Record", false },
    { "MachineDetection", false },
    { "MachineDetectionTimeout", false },
    { "AsyncAmd", false },
    { "CallReason", false },
    { "CallToken", false },
    { NULL, false },
};

static const struct
{
    const char *number;
    int code;
    const char *message;
} magics[] = {
    { "+15005550001", 21217, "Phone number does not appear to be valid." },
    { "+15005550002", 13224, "Dial: Invalid phone number." },
    { "+15005550003", 21215, "Account not authorized to call." },
    { "+15005550004", 21216, "Account not allowed to call." },
};

/* Elements of TwiML that a message may use, with their attributes. */
static const struct element
{
    const char *name;
    const char *attributes[4];
} elements[] = {
    { "Response", { NULL } },
    { "Say", { "language", "voice", "loop", NULL } },
    { "Pause", { "length", NULL } },
    { "Hangup", { NULL } },
};

/* A document while it is read. */
struct twiml
{
    const char *at;
    const char *problem; /* NULL so far */
    const struct element *open[TWIML_DEPTH_MAX];
    size_t depth;
    bool ended;        /* the root element is closed */
    struct buf spoken; /* content of <Say> */
};

static void
spoil(struct twiml *twiml, const char *problem)
{
    if (twiml->problem == NULL)
    {
        twiml->problem = problem;
    }
}

/* Take a name of an element or attribute; "" when there is none. */
static void
take_name(struct twiml *twiml, char name[NAME_BYTES_MAX])
{
    size_t len = strspn(twiml->at, NAME_CHARACTERS);

    if (len == 0 || len >= NAME_BYTES_MAX)
    {
        spoil(twiml, "a name is missing or too long");
        len = 0;
    }
    memcpy(name, twiml->at, len);
    name[len] = '\0';
    twiml->at += len;
}

/* Take a reference behind its ampersand. */
static void
take_reference(struct twiml *twiml)
{
    static const struct
    {
        const char *name;
        char character;
    } references[] = {
        { "amp;", '&' }, { "lt;", '<' }, { "gt;", '>' }, { "quot;", '"' }, { "apos;", '\'' },
    };

    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
    {
        if (strncmp(twiml->at, references[i].name, strlen(references[i].name)) == 0)
        {
            twiml->at += strlen(references[i].name);
            buf_putc(&twiml->spoken, references[i].character);
            return;
        }
    }
    spoil(twiml, "an ampersand begins no known reference");
}

static bool
is_attribute(const struct element *element, const char *name)
{
    for (size_t i = 0; i < sizeof(element->attributes) / sizeof(element->attributes[0]); i++)
    {
        if (element->attributes[i] != NULL && strcmp(element->attributes[i], name) == 0)
        {
            return true;
        }
    }
    return false;
}

/* Take the attributes of an element, up to its end. */
static void
take_attributes(struct twiml *twiml, const struct element *element)
{
    char name[NAME_BYTES_MAX];

    while (twiml->problem == NULL && *twiml->at == ' ')
    {
        size_t len;

        twiml->at++;
        take_name(twiml, name);
        if (!is_attribute(element, name))
        {
            spoil(twiml, "an attribute is unknown");
        }
        if (strncmp(twiml->at, "=\"", 2) != 0)
        {
            spoil(twiml, "an attribute has no value in quotes");
            return;
        }
        twiml->at += 2;
        len = strcspn(twiml->at, "\"<&");
        if (twiml->at[len] != '"' || len == 0)
        {
            spoil(twiml, "the value of an attribute is malformed");
            return;
        }
        twiml->at += len + 1;
    }
}

static void
open_element(struct twiml *twiml)
{
    char name[NAME_BYTES_MAX];
    const struct element *element = NULL;

    take_name(twiml, name);
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
    {
        element = strcmp(elements[i].name, name) == 0 ? &elements[i] : element;
    }
    if (element == NULL || (element == &elements[0]) != (twiml->depth == 0) || twiml->ended ||
        twiml->depth == TWIML_DEPTH_MAX)
    {
        spoil(twiml, "an element is unknown or in the wrong place");
        return;
    }
    take_attributes(twiml, element);
    if (strncmp(twiml->at, "/>", 2) == 0)
    {
        twiml->at += 2;
        twiml->ended = twiml->depth == 0;
    }
    else if (*twiml->at == '>')
    {
        twiml->at++;
        twiml->open[twiml->depth++] = element;
    }
    else
    {
        spoil(twiml, "a tag is not closed");
    }
}

static void
close_element(struct twiml *twiml)
{
    char name[NAME_BYTES_MAX];

    take_name(twiml, name);
    if (twiml->depth == 0 || strcmp(twiml->open[twiml->depth - 1]->name, name) != 0 ||
        *twiml->at != '>')
    {
        spoil(twiml, "an end tag has no start tag");
        return;
    }
    twiml->at++;
    twiml->depth--;
    twiml->ended = twiml->depth == 0;
}

/* Read a whole document; NULL, or what is wrong with it. */
static const char *
read_twiml(struct twiml *twiml, const char *text)
{
    twiml->at = text;
    while (twiml->problem == NULL && *twiml->at != '\0')
    {
        unsigned char c = (unsigned char) *twiml->at++;
        bool speaks = twiml->depth > 0 && twiml->open[twiml->depth - 1] == &elements[1];

        if (c == '<' && *twiml->at == '/')
        {
            twiml->at++;
            close_element(twiml);
        }
        else if (c == '<')
        {
            open_element(twiml);
        }
        else if (c == '&')
        {
            take_reference(twiml);
        }
        else if (!speaks || (c < ' ' && strchr("\t\n\r", c) == NULL))
        {
            spoil(twiml, "a character has no place there");
        }
        else
        {
            buf_putc(&twiml->spoken, (char) c);
        }
    }
    if (!twiml->ended)
    {
        spoil(twiml, "it ends too early");
    }
    return twiml->problem;
}

/* What is spoken, in the arena; *ret_problem: why nothing would be. */
static const char *
spoken_text(const char *text, struct arena *arena, const char **ret_problem)
{
    struct twiml twiml = { .at = text };
    const char *ret;

    buf_init(&twiml.spoken, 65536);
    *ret_problem = read_twiml(&twiml, text);
    ret = arena_strndup(arena, twiml.spoken.len > 0 ? twiml.spoken.data : "", twiml.spoken.len);
    buf_finish(&twiml.spoken);
    return ret;
}

static bool
check_numbers(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    const char *to = twilio_get(form, "To");
    const char *from = twilio_get(form, "From");

    if (to == NULL || to[0] == '\0')
    {
        return twilio_refuse(reply, arena, 400, 21201, "No 'To' number is specified.");
    }
    if (!address_is_e164(to))
    {
        return twilio_refuse(reply, arena, 400, 21217,
                             arena_printf(arena,
                                          "Phone number %.32s does not appear to be valid%s.", to,
                                          to[0] == ' ' ? " ('+' must be sent as %2B)" : ""));
    }
    if (from == NULL || from[0] == '\0')
    {
        return twilio_refuse(reply, arena, 400, 21213, "No 'From' number is specified.");
    }
    if (!address_is_e164(from))
    {
        return twilio_refuse(reply, arena, 400, 21210,
                             "The 'From' number is not a verified phone number.");
    }
    return true;
}

static bool
check_instructions(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    const char *twiml = twilio_get(form, "Twiml");
    const char *problem = NULL;

    if (twiml == NULL)
    {
        return twilio_get(form, "Url") != NULL || twilio_get(form, "ApplicationSid") != NULL ||
               twilio_refuse(reply, arena, 400, 21205, "Url parameter is required.");
    }
    if (twilio_get(form, "Url") != NULL)
    {
        return twilio_refuse(reply, arena, 400, 21205, "Twiml is ignored beside Url.");
    }
    if (text_length(twiml, strlen(twiml)) > TWIML_CHARS_MAX)
    {
        return twilio_refuse(reply, arena, 400, 21205, "Twiml is longer than 4000 characters.");
    }
    spoken_text(twiml, arena, &problem);
    return problem == NULL ||
           twilio_refuse(reply, arena, 400, 21205,
                         arena_printf(arena, "Twiml is not well-formed: %s", problem));
}

/* Absent, or a number within bounds? */
static bool
is_within(const char *text, long low, long high)
{
    return text == NULL || (strlen(text) <= 6 && strspn(text, DIGITS) == strlen(text) &&
                            strtol(text, NULL, 10) >= low && strtol(text, NULL, 10) <= high);
}

static bool
check_options(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    const char *callback = twilio_get(form, "StatusCallback");
    const char *detection = twilio_get(form, "MachineDetection");

    if (callback != NULL && !twilio_is_callback(callback))
    {
        return twilio_refuse(reply, arena, 400, 21609,
                             "The 'StatusCallback' URL is not a valid URL.");
    }
    for (size_t i = 0; i < form->count; i++)
    {
        const char *event = form->fields[i].value;

        if (strcmp(form->fields[i].name, "StatusCallbackEvent") == 0 &&
            strcmp(event, "initiated") != 0 && strcmp(event, "ringing") != 0 &&
            strcmp(event, "answered") != 0 && strcmp(event, "completed") != 0)
        {
            return twilio_refuse(reply, arena, 400, 21626, "A StatusCallbackEvent is invalid.");
        }
    }
    if (!is_within(twilio_get(form, "Timeout"), 1, 600) ||
        (detection != NULL && strcmp(detection, "Enable") != 0 &&
         strcmp(detection, "DetectMessageEnd") != 0))
    {
        return twilio_refuse(reply, arena, 400, 20001, "Timeout or MachineDetection is invalid.");
    }
    return true;
}

/* Test numbers: refused, without being a violation. */
static bool
check_magic(const struct twilio_form *form, struct arena *arena, struct double_reply *reply)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
    {
        if (strcmp(twilio_get(form, "To"), magics[i].number) == 0)
        {
            twilio_answer_error(reply, arena, 400, magics[i].code, magics[i].message);
            reply->decision = DECISION_FAULT;
            reply->fault = arena_printf(arena, "test-number-%d", magics[i].code);
            return false;
        }
    }
    return true;
}

static void
answer_created(struct double_reply *reply, struct arena *arena, const struct twilio_form *form)
{
    reply_body(reply, 201, "application/json",
               arena_printf(arena,
                            "{\"sid\":\"CA%s\",\"status\":\"queued\",\"account_sid\":"
                            "\"" SANDBOX_TWILIO_SID "\",\"direction\":\"outbound-api\","
                            "\"to\":\"%s\",\"from\":\"%s\",\"price\":null}",
                            random_hex(arena, 32), twilio_get(form, "To"),
                            twilio_get(form, "From")));
}

static void
voice_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
            struct arena *arena, struct double_reply *ret)
{
    struct twilio_form form;

    (void) conn;
    form.fields = form_parse(arena, request->body, request->body_len, &form.count);
    ret->address = twilio_get(&form, "To");
    ret->id = twilio_callback_id(arena, twilio_get(&form, "StatusCallback"));
    if (twilio_check_envelope(env, request, "Calls.json", arena, ret) &&
        twilio_check_parameters(&form, parameters, arena, ret) &&
        check_numbers(&form, arena, ret) && check_instructions(&form, arena, ret) &&
        check_options(&form, arena, ret) && check_magic(&form, arena, ret))
    {
        answer_created(ret, arena, &form);
    }
}

static void
voice_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    struct twilio_form form;
    const char *problem;

    form.fields = form_parse(arena, request->body, request->body_len, &form.count);
    ret->to = twilio_get(&form, "To");
    ret->from = twilio_get(&form, "From");
    if (twilio_get(&form, "Twiml") != NULL)
    {
        ret->text = spoken_text(twilio_get(&form, "Twiml"), arena, &problem);
    }
}

static void
voice_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "{\"sid\":\"CA%032llx\",\"status\":\"queued\"}",
             (unsigned long long) number);
    reply_body(ret, 201, "application/json", text);
}

const struct sandbox_double double_twilio_voice = {
    .name = "twilio_voice",
    .prefix = "/2010-04-01/Accounts/" SANDBOX_TWILIO_SID "/Calls.json",
    .body_max = 1024 * 1024,
    .account = "account " SANDBOX_TWILIO_SID,
    .secrets = { { TWILIO_SECRET, "", SECRET_BASE64URL } },
    .judge = voice_judge,
    .fail = twilio_fail,
    .render = voice_render,
    .fast = voice_fast,
};
