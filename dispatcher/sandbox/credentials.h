/* The credentials that the doubles accept, kept as files in the sandbox's directory. */
#ifndef SANDBOX_CREDENTIALS_H
#define SANDBOX_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"

#define SANDBOX_APNS_KID "SANDBOXKEY"
#define SANDBOX_APNS_TEAM "SANDBOXTEA"
#define SANDBOX_APNS_TOPIC "org.example.app"
#define SANDBOX_FCM_PROJECT "sandbox"
#define SANDBOX_FCM_EMAIL "sandbox@sandbox.iam.gserviceaccount.com"
#define SANDBOX_TWILIO_SID "AC00000000000000000000000000000000"
#define SANDBOX_VONAGE_APPLICATION "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
#define SANDBOX_SMTP_USER "herald"
#define SANDBOX_SES_KEY_ID "AKIASANDBOXSANDBOX00"
#define SANDBOX_SES_TEMPORARY_ID "ASIASANDBOXSANDBOX00"
#define SANDBOX_S3_KEY_ID "AKIASANDBOXSANDBOX03"
#define SANDBOX_S3_BUCKET "objects"
#define SANDBOX_S3_REGION "eu-west-1"

struct credentials
{
    const char *ca_pem;
    const char *server_pem;
    const char *server_key;
    const char *apns_key;    /* private, PEM */
    const char *apns_public; /* PEM */
    const char *fcm_key;
    const char *fcm_public;
    const char *token_url;    /* of the FCM double's token endpoint */
    const char *vapid_key;    /* of web push; private, PEM */
    const char *vapid_public; /* PEM */
    const char *browser_key;  /* of the browser that web push goes to */
    uint8_t browser_auth[16];
    const char *vonage_private; /* of the application of Vonage's Messages API; PEM */
    const char *vonage_public;  /* PEM */
    const char *secrets;        /* text of secrets.env: the secrets of the doubles */
};

/* The secret of that name in the arena; "" when there is none. */
const char *credentials_secret(const struct credentials *credentials, const char *name,
                               struct arena *arena);

/*
 * Load what dir already holds and make the rest: ca.pem, server.pem, server_key.pem, apns.p8,
 * fcm_key.pem, vapid.pem, browser.pem, vonage_key.pem and secrets.env. names: comma-separated
 * extra names for the certificate, or NULL; it is made anew when a name is missing. false with
 * *reterr in the arena.
 */
bool credentials_open(struct arena *arena, const char *dir, const char *names,
                      struct credentials *ret, const char **reterr);

/* Write DIR/fcm.json for the token endpoint; sets credentials->token_url. */
bool credentials_write_fcm(struct arena *arena, const char *dir, const char *token_url,
                           struct credentials *credentials, const char **reterr);

/* Write DIR/browser.json, the subscription of a browser at the push service of that URL. */
bool credentials_write_browser(struct arena *arena, const char *dir, const char *endpoint,
                               const struct credentials *credentials, const char **reterr);

/* Write a file of dir atomically: under a temporary name, then renamed. */
bool credentials_write_file(struct arena *arena, const char *dir, const char *name,
                            unsigned int mode, const char *text, const char **reterr);

#endif
