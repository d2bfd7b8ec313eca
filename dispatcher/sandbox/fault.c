/* Magic addresses, scripts, and the counts behind both. */
#include "sandbox/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/mem.h"
#include "sandbox/idmap.h"

#define RULES_MAX 256
#define ADDRESSES_MAX 1000000
#define DELAY_MS_DEFAULT 500
#define DRIP_MS_DEFAULT 100
#define NUMBER_MAX 1000000

/* Names of scripts and magic words. */
static const struct fault_name
{
    const char *name;
    enum fault_kind kind;
    int64_t delay_ms; /* > 0: takes a number, this is its default */
} fault_names[] = {
    /* a name that begins with another one comes before it */
    { "status", FAULT_STATUS, 0 },
    { "throttle", FAULT_STATUS, 0 },
    { "unregistered", FAULT_UNREGISTERED, 0 },
    { "delay", FAULT_DELAY, DELAY_MS_DEFAULT },
    { "hang", FAULT_HANG, 0 },
    { "reset-before", FAULT_RESET_BEFORE, 0 },
    { "reset-after", FAULT_RESET_AFTER, 0 },
    { "reset", FAULT_RESET_AFTER, 0 },
    { "close", FAULT_CLOSE, 0 },
    { "lost-answer", FAULT_LOST, 0 },
    { "lost", FAULT_LOST, 0 },
    { "goaway", FAULT_GOAWAY, 0 },
    { "drain", FAULT_DRAIN, 0 },
    { "refused", FAULT_REFUSED, 0 },
    { "stream-error", FAULT_STREAM_ERROR, 0 },
    { "partial", FAULT_PARTIAL, 0 },
    { "garbage", FAULT_GARBAGE, 0 },
    { "drip", FAULT_DRIP, DRIP_MS_DEFAULT },
};

/* Two digits in a phone number or an APNs token. */
static const struct fault_code
{
    const char *code;
    enum fault_kind kind;
    int status;
} fault_codes[] = {
    { "00", FAULT_STATUS, 500 },     { "02", FAULT_STATUS, 502 },
    { "03", FAULT_STATUS, 503 },     { "29", FAULT_STATUS, 429 },
    { "10", FAULT_HANG, 0 },         { "11", FAULT_RESET_AFTER, 0 },
    { "12", FAULT_RESET_BEFORE, 0 }, { "13", FAULT_LOST, 0 },
    { "14", FAULT_DELAY, 0 },        { "15", FAULT_GOAWAY, 0 },
    { "16", FAULT_REFUSED, 0 },      { "17", FAULT_PARTIAL, 0 },
    { "18", FAULT_STREAM_ERROR, 0 }, { "19", FAULT_CLOSE, 0 },
    { "20", FAULT_DRIP, 0 },         { "21", FAULT_GARBAGE, 0 },
    { "44", FAULT_UNREGISTERED, 0 },
};

struct rule
{
    char *provider; /* equal; the others: contained. NULL: any */
    char *path;
    char *to;
    char *body_part;
    char *retry_after;
    char *body;
    bool retry_date; /* Retry-After as a date, retry_s ahead */
    int64_t retry_s;
    int64_t times; /* left; negative: no limit */
    int64_t percent;
    struct fault fault;
};

struct fault_book
{
    struct rule rules[RULES_MAX];
    size_t rule_count;
    struct fault_settings settings;
    struct idmap *counts;
    uint32_t dice;
};

static const struct fault_settings settings_default = { .max_streams = 1000,
                                                        .window = 1024 * 1024 };

struct fault_book *
fault_book_create(void)
{
    struct fault_book *book = mem_alloc(sizeof(*book));

    book->counts = idmap_create(ADDRESSES_MAX);
    book->settings = settings_default;
    return book;
}

static void
forget_rules(struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        free(rules[i].provider);
        free(rules[i].path);
        free(rules[i].to);
        free(rules[i].body_part);
        free(rules[i].retry_after);
        free(rules[i].body);
    }
}

void
fault_book_destroy(struct fault_book *book)
{
    if (book == NULL)
    {
        return;
    }
    forget_rules(book->rules, book->rule_count);
    idmap_destroy(book->counts);
    free(book);
}

void
fault_book_reset(struct fault_book *book)
{
    forget_rules(book->rules, book->rule_count);
    book->rule_count = 0;
    book->settings = settings_default;
    idmap_clear(book->counts);
}

struct fault_settings
fault_book_settings(const struct fault_book *book)
{
    return book->settings;
}

/* ---- scripts ---- */

/* "reset_before" and "reset-before" are the same. */
static bool
same_name(const char *a, const char *b)
{
    while (*a != '\0' && (*a == *b || (*a == '_' && *b == '-')))
    {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

static bool
set_kind(struct rule *rule, const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(fault_names) / sizeof(fault_names[0]); i++)
    {
        if (same_name(name, fault_names[i].name))
        {
            rule->fault.kind = fault_names[i].kind;
            rule->fault.name = fault_names[i].name;
            rule->fault.delay_ms = fault_names[i].delay_ms;
            return true;
        }
    }
    return false;
}

/* Retry-After of a rule: a number of seconds, or any text. */
static void
set_retry_after(struct rule *rule, const json *from)
{
    const char *text = json_get_string(from, "retry_after");
    int64_t seconds = json_get_int(from, "retry_after", INT64_MIN);

    rule->retry_date = json_get_bool(from, "retry_after_date", false);
    rule->retry_s = seconds;
    if (text != NULL)
    {
        rule->retry_after = mem_strdup(text);
    }
    else if (seconds != INT64_MIN && !rule->retry_date)
    {
        char digits[32];

        snprintf(digits, sizeof(digits), "%lld", (long long) seconds);
        rule->retry_after = mem_strdup(digits);
    }
}

static bool
known_member(const char *key, json *value, void *user)
{
    static const char *const names[] = {
        "match", "times",  "fault",  "status", "retry_after", "retry_after_date", "delay_ms",
        "html",  "accept", "at_end", "body",   "body_bytes",  "percent"
    };
    const char **unknown = user;

    (void) value;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        if (strcmp(key, names[i]) == 0)
        {
            return true;
        }
    }
    *unknown = key;
    return false;
}

static bool
load_rule(struct rule *rule, const json *from, struct arena *arena, const char **reterr)
{
    const json *match = json_get(from, "match");
    const char *unknown = NULL;
    int64_t bytes = json_get_int(from, "body_bytes", 0);

    json_each(from, known_member, &unknown);
    if (unknown != NULL || !json_is_object(from))
    {
        *reterr = arena_printf(arena, "unknown member %.64s", unknown != NULL ? unknown : "");
        return false;
    }
    if (!set_kind(rule, json_get_string(from, "fault")))
    {
        *reterr = "member fault must name a fault";
        return false;
    }
    rule->provider = mem_strdup(json_get_string(match, "provider"));
    rule->path = mem_strdup(json_get_string(match, "path"));
    rule->to = mem_strdup(json_get_string(match, "to"));
    rule->body_part = mem_strdup(json_get_string(match, "body"));
    rule->body = mem_strdup(json_get_string(from, "body"));
    rule->times = json_get_int(from, "times", 0);
    rule->times = rule->times > 0 ? rule->times : -1;
    rule->percent = json_get_int(from, "percent", 100);
    rule->fault.delay_ms = json_get_int(from, "delay_ms", rule->fault.delay_ms);
    rule->fault.status =
        (int) json_get_int(from, "status", strcmp(rule->fault.name, "throttle") == 0 ? 429 : 503);
    rule->fault.html = json_get_bool(from, "html", false);
    rule->fault.accept = json_get_bool(from, "accept", false);
    rule->fault.at_end = json_get_bool(from, "at_end", false);
    rule->fault.body = rule->body;
    rule->fault.body_bytes = bytes > 0 ? (size_t) bytes : 0;
    set_retry_after(rule, from);
    if (rule->fault.status < 200 || rule->fault.status > 999 || bytes > 1073741824 ||
        rule->fault.delay_ms < 0)
    {
        *reterr = "status must be 200 to 999, body_bytes at most 1 GB, delay_ms not negative";
        return false;
    }
    return true;
}

bool
fault_book_load(struct fault_book *book, const char *text, size_t len, struct arena *arena,
                const char **reterr)
{
    const char *error = NULL;
    json *root = json_parse(text, len, &error);
    const json *rules = json_is_array(root) ? root : json_get(root, "rules");
    size_t count = json_array_length(rules);
    struct rule *loaded = mem_alloc((count + 1) * sizeof(*loaded));
    struct fault_settings settings = settings_default;
    size_t done = 0;
    bool ok = json_is_array(root) || json_is_object(root);

    if (!ok)
    {
        *reterr = error != NULL ? error : "a script is an array of rules or an object";
    }
    if (ok && count > RULES_MAX)
    {
        *reterr = "too many rules";
        ok = false;
    }
    while (ok && done < count)
    {
        ok = load_rule(&loaded[done], json_array_at(rules, done), arena, reterr);
        done++;
    }
    if (ok)
    {
        settings.max_streams = json_get_int(root, "max_streams", settings.max_streams);
        settings.window = json_get_int(root, "window", settings.window);
        ok = settings.max_streams >= 0 && settings.max_streams <= INT32_MAX &&
             settings.window >= 0 && settings.window <= INT32_MAX;
        *reterr = ok ? *reterr : "max_streams and window must be 0 to 2147483647";
    }
    if (ok)
    {
        forget_rules(book->rules, book->rule_count);
        memcpy(book->rules, loaded, count * sizeof(*loaded));
        book->rule_count = count;
        book->settings = settings;
        idmap_clear(book->counts);
    }
    else
    {
        forget_rules(loaded, done);
    }
    free(loaded);
    json_destroy(root);
    return ok;
}

static bool
rule_matches(struct fault_book *book, const struct rule *rule, const struct fault_key *key)
{
    bool fits;

    if (rule->times == 0 || (key->headers_only && rule->fault.kind != FAULT_RESET_BEFORE) ||
        (key->body_only && rule->body_part == NULL))
    {
        return false;
    }
    if (rule->provider != NULL && strcmp(rule->provider, key->provider) != 0)
    {
        return false;
    }
    if (rule->path != NULL && (key->path == NULL || strstr(key->path, rule->path) == NULL))
    {
        return false;
    }
    if (rule->to != NULL && (key->address == NULL || strstr(key->address, rule->to) == NULL))
    {
        return false;
    }
    fits = rule->body_part == NULL ||
           (key->body != NULL &&
            memmem(key->body, key->body_len, rule->body_part, strlen(rule->body_part)) != NULL);
    if (!fits)
    {
        return false;
    }
    if (rule->percent >= 100)
    {
        return true;
    }
    book->dice = book->dice * 1664525u + 1013904223u;
    return (int64_t) ((book->dice >> 8) % 100) < rule->percent;
}

static const char *
http_date(struct arena *arena, int64_t seconds)
{
    time_t when = (time_t) seconds;
    struct tm tm;
    char text[64];

    gmtime_r(&when, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return arena_strdup(arena, text);
}

/* ---- magic addresses ---- */

/* A decimal number at *text, which moves behind it; -1 when there is none. */
static int64_t
take_number(const char **text)
{
    int64_t value = 0;

    if (**text < '0' || **text > '9')
    {
        return -1;
    }
    while (**text >= '0' && **text <= '9')
    {
        value = value < NUMBER_MAX ? value * 10 + (**text - '0') : value;
        (*text)++;
    }
    return value;
}

/* "-N" behind a word. */
static int64_t
take_option(const char **text)
{
    const char *at = *text + 1;
    int64_t value;

    if (**text != '-' || (value = take_number(&at)) < 0)
    {
        return -1;
    }
    *text = at;
    return value;
}

static bool
take_word(const char **text, struct fault *ret)
{
    for (size_t i = 0; i < sizeof(fault_names) / sizeof(fault_names[0]); i++)
    {
        size_t len = strlen(fault_names[i].name);

        if (fault_names[i].kind == FAULT_STATUS || strncmp(*text, fault_names[i].name, len) != 0)
        {
            continue;
        }
        *text += len;
        ret->kind = fault_names[i].kind;
        ret->delay_ms = fault_names[i].delay_ms;
        if (ret->delay_ms > 0)
        {
            int64_t number = take_option(text);

            ret->delay_ms = number >= 0 ? number : ret->delay_ms;
        }
        return true;
    }
    return false;
}

/* "fault-503-2x4": a status with its Retry-After. "fault-dot-451": at the end of a mail. */
static bool
take_status(const char **text, struct arena *arena, struct fault *ret)
{
    const char *at = *text;
    int64_t status;
    int64_t retry;

    ret->at_end = strncmp(at, "dot-", 4) == 0;
    at += ret->at_end ? 4 : 0;
    status = take_number(&at);
    if (status < 200 || status > 999)
    {
        return false;
    }
    *text = at;
    ret->kind = FAULT_STATUS;
    ret->status = (int) status;
    retry = take_option(text);
    if (retry >= 0)
    {
        ret->retry_after = arena_printf(arena, "%lld", (long long) retry);
    }
    return true;
}

static bool
word_of_address(const char *address, struct arena *arena, struct fault *ret, int *ret_times)
{
    const char *start = strstr(address, "fault-");
    const char *at;

    if (start == NULL || (start > address && start[-1] >= 'a' && start[-1] <= 'z'))
    {
        return false;
    }
    at = start + strlen("fault-");
    if (!take_status(&at, arena, ret) && !take_word(&at, ret))
    {
        return false;
    }
    ret->name = arena_strndup(arena, start, (size_t) (at - start));
    *ret_times = 0;
    if (*at == 'x')
    {
        int64_t times;

        at++;
        times = take_number(&at);
        *ret_times = times > 0 ? (int) times : 0;
    }
    return true;
}

/* Two code digits and a count digit at text. */
static bool
digits_of_address(const char *text, struct arena *arena, struct fault *ret, int *ret_times)
{
    for (size_t i = 0; i < sizeof(fault_codes) / sizeof(fault_codes[0]); i++)
    {
        if (strncmp(text, fault_codes[i].code, 2) != 0 || text[2] < '0' || text[2] > '9')
        {
            continue;
        }
        ret->kind = fault_codes[i].kind;
        ret->status = fault_codes[i].status;
        ret->delay_ms = ret->kind == FAULT_DRIP    ? DRIP_MS_DEFAULT
                        : ret->kind == FAULT_DELAY ? DELAY_MS_DEFAULT
                                                   : 0;
        if (ret->status == 429)
        {
            ret->retry_after = "1";
        }
        *ret_times = text[2] - '0';
        ret->name = arena_printf(arena, "code-%s", fault_codes[i].code);
        return true;
    }
    return false;
}

bool
fault_of_address(const char *provider, const char *address, struct arena *arena, struct fault *ret,
                 int *ret_times)
{
    *ret = (struct fault){ 0 };
    *ret_times = 0;
    if (address == NULL)
    {
        return false;
    }
    if (strcmp(provider, "apns") == 0)
    {
        return strncmp(address, "fa", 2) == 0 &&
               digits_of_address(address + 2, arena, ret, ret_times);
    }
    if (strncmp(address, "+15005559", 9) == 0 && strlen(address) == 12)
    {
        return digits_of_address(address + 9, arena, ret, ret_times);
    }
    return word_of_address(address, arena, ret, ret_times);
}

/* Has the address still to fail? Counts when it has. */
static bool
count_address(struct fault_book *book, const struct fault_key *key, int times)
{
    struct idmap_entry *entry;
    bool fresh;

    if (times == 0)
    {
        return true;
    }
    entry = idmap_enter(book->counts, key->provider, key->address, &fresh);
    if (entry == NULL || entry->count >= (uint64_t) times)
    {
        return false;
    }
    entry->count++;
    return true;
}

static struct fault
choose_rule(struct rule *rule, int64_t now_us, struct arena *arena)
{
    struct fault fault = rule->fault;

    if (rule->times > 0)
    {
        rule->times--;
    }
    fault.retry_after = rule->retry_date ? http_date(arena, now_us / 1000000 + rule->retry_s)
                                         : arena_strdup(arena, rule->retry_after);
    fault.body = arena_strdup(arena, rule->body);
    return fault;
}

struct fault
fault_choose(struct fault_book *book, const struct fault_key *key, int64_t now_us,
             struct arena *arena)
{
    struct fault fault;
    int times;

    for (size_t i = 0; i < book->rule_count; i++)
    {
        if (rule_matches(book, &book->rules[i], key))
        {
            return choose_rule(&book->rules[i], now_us, arena);
        }
    }
    if (!key->body_only && fault_of_address(key->provider, key->address, arena, &fault, &times) &&
        (!key->headers_only || fault.kind == FAULT_RESET_BEFORE) && count_address(book, key, times))
    {
        return fault;
    }
    return (struct fault){ 0 };
}

const char *
fault_help(void)
{
    return "Magic addresses\n"
           "  A mailbox, hook name (/hooks/NAME) or token of free form that has one of these words "
           "goes\n"
           "  wrong; with xN behind the word only the first N requests to that address do.\n"
           "    fault-STATUS[-RETRY_AFTER]   error answer, e.g. fault-429-2, fault-503x2\n"
           "    fault-dot-CODE               SMTP: CODE at the end of the message\n"
           "    fault-unregistered           the address will never work\n"
           "    fault-delay[-MS]             right answer, late        fault-hang    no answer\n"
           "    fault-drip[-MS]              one byte each MS          fault-lost    executed, no "
           "answer\n"
           "    fault-reset, -reset-before   TCP reset after, before the body\n"
           "    fault-close                  closed without answer     fault-partial half an "
           "answer\n"
           "    fault-goaway                 GOAWAY below the stream   fault-drain   GOAWAY after "
           "it\n"
           "    fault-refused                REFUSED_STREAM            fault-stream-error\n"
           "    fault-garbage                one byte that is no answer\n"
           "  Phone +15005559CCN, APNs token faCCN…: code CC, N times (0: always):\n"
           "    00 500   02 502   03 503   29 429 (Retry-After: 1)   44 unregistered\n"
           "    10 hang  11 reset  12 reset before  13 lost  14 delay  15 goaway  16 refused\n"
           "    17 partial  18 stream error  19 close  20 drip  21 garbage\n"
           "  Phone +15005550001 … 0009 answer as Twilio's test numbers.\n"
           "  APNs tokens: dead… 410 Unregistered as of now, de1d… as of a day ago, bad0…\n"
           "    BadDeviceToken, 0ff0… DeviceTokenNotForTopic, 5a… belongs to the development\n"
           "    environment (BadDeviceToken in production, and the other way round).\n"
           "  FCM tokens: bad-token… invalid, other-sender… SENDER_ID_MISMATCH.\n";
}
