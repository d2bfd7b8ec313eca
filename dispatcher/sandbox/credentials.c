/* Makes the sandbox's credentials once and keeps them over restarts. */
#include "sandbox/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/tls.h"

#define FILE_BYTES_MAX 65536
#define SECRET_BYTES 24

/* The text of DIR/name, or NULL when it is missing, too large or unreadable. */
static char *
read_file(struct arena *arena, const char *dir, const char *name)
{
    char *path = arena_printf(arena, "%s/%s", dir, name);
    char *text = arena_alloc(arena, FILE_BYTES_MAX + 1);
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0)
    {
        return NULL;
    }
    while (len < FILE_BYTES_MAX && (got = read(fd, text + len, FILE_BYTES_MAX - len)) > 0)
    {
        len += (size_t) got;
    }
    close(fd);
    if (got != 0)
    {
        return NULL;
    }
    text[len] = '\0';
    return text;
}

bool
credentials_write_file(struct arena *arena, const char *dir, const char *name, unsigned int mode,
                       const char *text, const char **reterr)
{
    char *path = arena_printf(arena, "%s/%s", dir, name);
    char *temporary = arena_printf(arena, "%s/.%s.%ld", dir, name, (long) getpid());
    size_t len = strlen(text);
    size_t done = 0;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool ok = fd >= 0 && fchmod(fd, mode) == 0;

    while (ok && done < len)
    {
        ssize_t put = write(fd, text + done, len - done);

        ok = put > 0;
        done += ok ? (size_t) put : 0;
    }
    if (fd >= 0)
    {
        ok = close(fd) == 0 && ok;
    }
    ok = ok && rename(temporary, path) == 0;
    if (!ok)
    {
        *reterr = arena_printf(arena, "cannot write %s: %s", path, strerror(errno));
        unlink(temporary);
    }
    return ok;
}

/* A PEM private key from DIR/name, made by make() when the file is missing. */
static bool
open_key(struct arena *arena, const char *dir, const char *name, char *(*make)(struct arena *),
         const char **ret_private, const char **ret_public, const char **reterr)
{
    char *key = read_file(arena, dir, name);

    if (key == NULL)
    {
        key = make(arena);
        if (key == NULL)
        {
            *reterr = arena_printf(arena, "cannot make the key %s", name);
            return false;
        }
        if (!credentials_write_file(arena, dir, name, 0600, key, reterr))
        {
            return false;
        }
    }
    *ret_private = key;
    *ret_public = tls_public_key(arena, key);
    if (*ret_public == NULL)
    {
        *reterr = arena_printf(arena, "%s/%s holds no private key", dir, name);
        return false;
    }
    return true;
}

static bool
open_certificate(struct arena *arena, const char *dir, const char *names, struct credentials *ret,
                 const char **reterr)
{
    char *ca = read_file(arena, dir, "ca.pem");
    char *cert = read_file(arena, dir, "server.pem");
    char *key = read_file(arena, dir, "server_key.pem");

    if (ca == NULL || cert == NULL || key == NULL || !tls_certificate_covers(cert, names))
    {
        if (!tls_new_certificate(arena, names, &ca, &cert, &key))
        {
            *reterr = "cannot make a certificate";
            return false;
        }
        if (!credentials_write_file(arena, dir, "server_key.pem", 0600, key, reterr) ||
            !credentials_write_file(arena, dir, "server.pem", 0644, cert, reterr) ||
            !credentials_write_file(arena, dir, "ca.pem", 0644, ca, reterr))
        {
            return false;
        }
    }
    ret->ca_pem = ca;
    ret->server_pem = cert;
    ret->server_key = key;
    return true;
}

/* The value of NAME=value in an environment file, or NULL. */
static const char *
env_value(struct arena *arena, const char *text, const char *name)
{
    size_t name_len = strlen(name);

    while (text != NULL && *text != '\0')
    {
        size_t len = strcspn(text, "\n");

        if (len > name_len + 1 && strncmp(text, name, name_len) == 0 && text[name_len] == '=')
        {
            return arena_strndup(arena, text + name_len + 1, len - name_len - 1);
        }
        text += len + (text[len] == '\n');
    }
    return NULL;
}

const char *
credentials_secret(const struct credentials *credentials, const char *name, struct arena *arena)
{
    const char *value = env_value(arena, credentials->secrets, name);

    return value != NULL ? value : "";
}

/* A line of secrets.env. */
static char *
new_secret(struct arena *arena, const struct double_secret *secret)
{
    uint8_t raw[SECRET_BYTES];
    const char *rest = "";

    crypto_random(raw, sizeof(raw));
    if (secret->form != SECRET_FIXED)
    {
        rest = secret->form == SECRET_BASE64 ? crypto_base64(arena, raw, sizeof(raw))
                                             : crypto_base64url(arena, raw, sizeof(raw));
    }
    return arena_printf(arena, "%s=%s%s\n", secret->name, secret->prefix, rest);
}

/* Secrets that are there stay; those of doubles that came later are added. */
static bool
open_secrets(struct arena *arena, const char *dir, struct credentials *ret, const char **reterr)
{
    const char *text = read_file(arena, dir, "secrets.env");
    size_t before;

    text = text != NULL ? text : "";
    before = strlen(text);
    for (size_t i = 0; double_registry[i] != NULL; i++)
    {
        const struct double_secret *secret = double_registry[i]->secrets;

        for (; secret->name != NULL; secret++)
        {
            if (env_value(arena, text, secret->name) == NULL)
            {
                text = arena_printf(arena, "%s%s", text, new_secret(arena, secret));
            }
        }
    }
    ret->secrets = text;
    return strlen(text) == before ||
           credentials_write_file(arena, dir, "secrets.env", 0600, text, reterr);
}

/* The browser's key; its shared secret follows from it. */
static bool
open_browser(struct arena *arena, const char *dir, struct credentials *ret, const char **reterr)
{
    const char *public_key;
    uint8_t digest[32];

    if (!open_key(arena, dir, "browser.pem", tls_new_ec_key, &ret->browser_key, &public_key,
                  reterr))
    {
        return false;
    }
    crypto_sha256(ret->browser_key, strlen(ret->browser_key), digest);
    memcpy(ret->browser_auth, digest, sizeof(ret->browser_auth));
    return true;
}

bool
credentials_open(struct arena *arena, const char *dir, const char *names, struct credentials *ret,
                 const char **reterr)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
    {
        *reterr = arena_printf(arena, "cannot make the directory %s: %s", dir, strerror(errno));
        return false;
    }
    return open_certificate(arena, dir, names, ret, reterr) &&
           open_key(arena, dir, "apns.p8", tls_new_ec_key, &ret->apns_key, &ret->apns_public,
                    reterr) &&
           open_key(arena, dir, "fcm_key.pem", tls_new_rsa_key, &ret->fcm_key, &ret->fcm_public,
                    reterr) &&
           open_key(arena, dir, "vapid.pem", tls_new_ec_key, &ret->vapid_key, &ret->vapid_public,
                    reterr) &&
           open_key(arena, dir, "vonage_key.pem", tls_new_rsa_key, &ret->vonage_private,
                    &ret->vonage_public, reterr) &&
           open_browser(arena, dir, ret, reterr) && open_secrets(arena, dir, ret, reterr);
}

bool
credentials_write_fcm(struct arena *arena, const char *dir, const char *token_url,
                      struct credentials *credentials, const char **reterr)
{
    json *file = json_new_object();
    char *text;
    size_t len;

    credentials->token_url = arena_strdup(arena, token_url);
    json_put(file, "type", json_new_string("service_account"));
    json_put(file, "project_id", json_new_string(SANDBOX_FCM_PROJECT));
    json_put(file, "private_key_id", json_new_string("sandbox"));
    json_put(file, "private_key", json_new_string(credentials->fcm_key));
    json_put(file, "client_email", json_new_string(SANDBOX_FCM_EMAIL));
    json_put(file, "token_uri", json_new_string(token_url));
    text = json_print(arena, file, &len);
    json_destroy(file);
    return credentials_write_file(arena, dir, "fcm.json", 0600, text, reterr);
}

bool
credentials_write_browser(struct arena *arena, const char *dir, const char *endpoint,
                          const struct credentials *credentials, const char **reterr)
{
    uint8_t point[CRYPTO_POINT_BYTES];
    json *file = json_new_object();
    json *keys = json_new_object();
    char *text;

    if (!crypto_public_point(credentials->browser_key, point, reterr))
    {
        json_destroy(file);
        json_destroy(keys);
        return false;
    }
    json_put(file, "endpoint", json_new_string(endpoint));
    json_put(file, "expirationTime", NULL);
    json_put(file, "keys", keys);
    json_put(keys, "p256dh", json_new_string(crypto_base64url(arena, point, sizeof(point))));
    json_put(keys, "auth",
             json_new_string(crypto_base64url(arena, credentials->browser_auth,
                                              sizeof(credentials->browser_auth))));
    text = json_print(arena, file, NULL);
    json_destroy(file);
    return credentials_write_file(arena, dir, "browser.json", 0644, text, reterr);
}
