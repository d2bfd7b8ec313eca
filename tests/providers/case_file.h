/* Case files: lines of "key: value", grouped into cases, with placeholders in the values. */
#ifndef CASE_FILE_H
#define CASE_FILE_H

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"

#define FILE_BYTES_MAX 1048576
#define TEXT_BYTES_MAX 67108864
#define CASES_MAX 4096

struct line
{
    struct line *next;
    const char *key;
    const char *value;
    struct line *more; /* key NULL, value without the indent */
};

/* Cases of a file, each a list of lines beginning with its "case:". */
struct case_list
{
    struct line *common;
    struct line *cases[CASES_MAX];
    size_t count;
};

static const char *ec_key;
static const char *rsa_key;
static const char *weak_key;

/* The receiver of RFC 8291, appendix A. */
static const char push_auth[] = "BTBZMqHH6r4Tts7J_aSIgg";
static const char push_key[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCCrV1enDdSlPlU6a79x\n"
                               "/+/qKHTsB6azeePEj4laAtwz3g==\n"
                               "-----END PRIVATE KEY-----\n";

static _Noreturn void
die(const char *what, const char *detail)
{
    printf("Bail out! %s: %s\n", what, detail);
    exit(2);
}

/* A fresh private key as PEM; released at the end of the process. */
static const char *
make_key(int bits)
{
    EVP_PKEY *key = bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen((unsigned int) bits);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *copy;
    long len;

    if (key == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
    {
        die("openssl", "no key");
    }
    len = BIO_get_mem_data(bio, &data);
    copy = strndup(data, (size_t) len);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return copy;
}

/* Append what ${inner} stands for. */
static void
expand_one(struct buf *out, const char *inner, size_t len)
{
    if (len == 6 && memcmp(inner, "ec_key", len) == 0)
    {
        buf_puts(out, ec_key);
    }
    else if (len == 7 && memcmp(inner, "rsa_key", len) == 0)
    {
        buf_puts(out, rsa_key);
    }
    else if (len == 8 && memcmp(inner, "weak_key", len) == 0)
    {
        buf_puts(out, weak_key);
    }
    else if (len == 8 && memcmp(inner, "push_key", len) == 0)
    {
        buf_puts(out, push_key);
    }
    else if (len == 2 && memcmp(inner, "lf", len) == 0)
    {
        buf_putc(out, '\n');
    }
    else if (len > 7 && memcmp(inner, "repeat ", 7) == 0)
    {
        char *text = NULL;
        long times = strtol(inner + 7, &text, 10);

        for (long i = 0; i < times; i++)
        {
            buf_append(out, text + 1, (size_t) (inner + len - text) - 1);
        }
    }
    else
    {
        die("unknown placeholder", inner);
    }
}

static const char *
expand(struct arena *arena, const char *text)
{
    struct buf out;
    const char *ret;

    if (strstr(text, "${") == NULL)
    {
        return text;
    }
    buf_init(&out, TEXT_BYTES_MAX);
    while (*text != '\0')
    {
        const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;

        if (end != NULL)
        {
            expand_one(&out, text + 2, (size_t) (end - text) - 2);
            text = end + 1;
        }
        else
        {
            buf_putc(&out, *text++);
        }
    }
    ret = arena_strdup(arena, out.data);
    buf_finish(&out);
    return ret;
}

static const struct line *
find_line(const struct line *lines, const char *key)
{
    for (; lines != NULL; lines = lines->next)
    {
        if (strcmp(lines->key, key) == 0)
        {
            return lines;
        }
    }
    return NULL;
}

/* Next blank-separated word of *text, or "". */
static const char *
next_word(struct arena *arena, const char **text)
{
    size_t len;
    const char *word;

    *text += strspn(*text, " ");
    len = strcspn(*text, " ");
    word = arena_strndup(arena, *text, len);
    *text += len;
    *text += strspn(*text, " ");
    return word;
}

static char *
read_file(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    char *text = arena_alloc(arena, FILE_BYTES_MAX + 1);
    size_t len;

    if (file == NULL)
    {
        die(path, strerror(errno));
    }
    len = fread(text, 1, FILE_BYTES_MAX + 1, file);
    fclose(file);
    if (len > FILE_BYTES_MAX)
    {
        die(path, "too large");
    }
    return text;
}

/* A "key: value" line; keys are words. */
static struct line *
parse_line(char *text, struct arena *arena)
{
    static const char *const keys[] = {
        "never",   "case",     "setting", "map",          "secret",    "unset",
        "message", "invalid",  "plan",    "jose",         "claims",    "refused",
        "request", "exchange", "flags",   "login",        "envelope",  "body",
        "size",    "answer",   "grant",   "token-answer", "transport", "text",
        "verdict", "reason",   "binary",  "decrypted",    "deliver",   "spoilt",
    };
    struct line *line = arena_alloc(arena, sizeof(*line));
    char *colon = strchr(text, ':');

    if (colon == NULL)
    {
        die("line without a key", text);
    }
    *colon = '\0';
    line->key = text;
    line->value = colon + 1 + strspn(colon + 1, " ");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
    {
        if (strcmp(keys[i], text) == 0)
        {
            return line;
        }
    }
    die("unknown key", text);
}

static void
append_line(struct line **list, struct line *line)
{
    while (*list != NULL)
    {
        list = &(*list)->next;
    }
    *list = line;
}

static void
parse_file(char *text, struct arena *arena, struct case_list *ret)
{
    struct line *last = NULL;
    char *next;

    for (; text != NULL; text = next)
    {
        struct line *line;

        next = strchr(text, '\n');
        if (next != NULL)
        {
            *next++ = '\0';
        }
        if (*text == '\0' || *text == '#')
        {
            continue;
        }
        if (strncmp(text, "  ", 2) == 0)
        {
            line = arena_alloc(arena, sizeof(*line));
            line->value = text + strspn(text, " ");
            if (last == NULL)
            {
                die("indented line", text);
            }
            append_line(&last->more, line);
            continue;
        }
        last = parse_line(text, arena);
        if (strcmp(last->key, "case") == 0)
        {
            if (ret->count == CASES_MAX)
            {
                die("too many cases", last->value);
            }
            ret->cases[ret->count++] = last;
            continue;
        }
        append_line(ret->count == 0 ? &ret->common : &ret->cases[ret->count - 1], last);
    }
}

#endif
