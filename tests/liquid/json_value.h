/* What the runners of template cases share: plain memory, digests, and values made of JSON. */
#ifndef LIQUID_JSON_VALUE_H
#define LIQUID_JSON_VALUE_H

#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "liquid.h"

static inline void *
plain_alloc(void *ctx, size_t size)
{
    (void) ctx;
    return malloc(size);
}

static inline void *
plain_realloc(void *ctx, void *old, size_t size)
{
    (void) ctx;
    return realloc(old, size);
}

static inline void
plain_free(void *ctx, void *ptr)
{
    (void) ctx;
    free(ptr);
}

static const struct lq_mem plain_mem = { plain_alloc, plain_realloc, plain_free, NULL };

static inline struct lq_str
str(const char *text)
{
    return (struct lq_str){ text, strlen(text) };
}

static inline bool
openssl_digest(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret)
{
    const EVP_MD *type = algorithm == LQ_DIGEST_MD5 ? EVP_md5() : EVP_sha256();

    (void) host;
    return EVP_Digest(text.data, text.len, ret, NULL, type, NULL) == 1;
}

/* NULL when out of memory. */
static inline struct lq_value *
json_value(struct json_object *json)
{
    struct lq_value *value;

    switch (json_object_get_type(json))
    {
        case json_type_null:
            return lq_nil(&plain_mem);
        case json_type_boolean:
            return lq_bool(&plain_mem, json_object_get_boolean(json));
        case json_type_string:
            return lq_string(&plain_mem,
                             (struct lq_str){ json_object_get_string(json),
                                              (size_t) json_object_get_string_len(json) });
        case json_type_array:
            value = lq_array(&plain_mem);
            for (size_t i = 0; value != NULL && i < json_object_array_length(json); i++)
            {
                if (!lq_array_push(value, json_value(json_object_array_get_idx(json, i))))
                    return NULL;
            }
            return value;
        case json_type_object:
            value = lq_object(&plain_mem);
            json_object_object_foreach(json, key, member)
            {
                if (value == NULL || !lq_object_put(value, str(key), json_value(member)))
                    return NULL;
            }
            return value;
        default:
            return lq_number(&plain_mem, str(json_object_to_json_string(json)));
    }
}

#endif
