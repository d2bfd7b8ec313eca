/*
 * JSON on json-c: strict parsing of what comes from outside, compact writing of what goes out.
 *
 * struct json is json-c's object; nobody else includes json-c. Every json_* result is borrowed from
 * its root; release the root once with json_destroy().
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "liquid.h"

struct json_object;
typedef struct json_object json;

#define JSON_DEPTH_MAX 64

/*
 * Parse exactly one document: strict, UTF-8, depth ≤ JSON_DEPTH_MAX, no trailing bytes, no NaN.
 * NULL when it is not that; *reterr (may be NULL) then holds a static sentence. JSON null parses to
 * NULL too, with *reterr NULL.
 */
json *json_parse(const char *text, size_t len, const char **reterr);
void json_destroy(json *root);

bool json_is_object(const json *value);
bool json_is_array(const json *value);
bool json_is_string(const json *value);
bool json_is_number(const json *value);

/* Member of an object, or NULL (also when value is NULL or no object). */
json *json_get(const json *object, const char *key);

/* Value or member as text (NULL unless a string), integer (fallback unless one), number, boolean.
 */
const char *json_get_string(const json *object, const char *key);
int64_t json_get_int(const json *object, const char *key, int64_t fallback);
double json_get_number(const json *object, const char *key, double fallback);
bool json_get_bool(const json *object, const char *key, bool fallback);
const char *json_string(const json *value);
int64_t json_int(const json *value, int64_t fallback);

size_t json_array_length(const json *array);
json *json_array_at(const json *array, size_t index);

/* Visit the members of an object in order. */
typedef bool (*json_member_fn)(const char *key, json *value, void *user); /* false stops */
bool json_each(const json *object, json_member_fn visit, void *user);

/* Builders; containers take ownership of what is put into them. */
json *json_new_object(void);
json *json_new_array(void);
json *json_new_string(const char *text);
json *json_new_string_len(const char *text, size_t len);
json *json_new_int(int64_t value);
json *json_new_bool(bool value);
void json_put(json *object, const char *key, json *value); /* value NULL puts null */
void json_push(json *array, json *value);
json *json_copy(const json *value); /* deep copy, own it */

/* Compact text without escaped slashes, in the arena. */
char *json_print(struct arena *arena, const json *value, size_t *ret_len);

/* The value as a template value; NULL when out of memory. Numbers keep their spelling. */
struct lq_value *json_to_liquid(const json *value, const struct lq_mem *mem);

#endif
