/* A list: tests keep few. */
#include "sandbox/objects.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct object
{
    struct object *next;
    char *key;
    char *data;
    size_t len;
};

struct objects
{
    struct object *first;
    size_t bytes;
    size_t bytes_max;
};

struct objects *
objects_create(size_t bytes_max)
{
    struct objects *objects = mem_alloc(sizeof(*objects));

    objects->bytes_max = bytes_max;
    return objects;
}

static struct object **
find(struct objects *objects, const char *key)
{
    struct object **link = &objects->first;

    while (*link != NULL && strcmp((*link)->key, key) != 0)
    {
        link = &(*link)->next;
    }
    return link;
}

static void
drop(struct objects *objects, struct object **link)
{
    struct object *object = *link;

    *link = object->next;
    objects->bytes -= object->len;
    free(object->key);
    free(object->data);
    free(object);
}

void
objects_destroy(struct objects *objects)
{
    if (objects == NULL)
    {
        return;
    }
    while (objects->first != NULL)
    {
        drop(objects, &objects->first);
    }
    free(objects);
}

bool
objects_put(struct objects *objects, const char *key, const void *data, size_t len)
{
    struct object **link = find(objects, key);
    size_t freed = *link != NULL ? (*link)->len : 0;
    struct object *object;

    if (len > objects->bytes_max - (objects->bytes - freed))
    {
        return false;
    }
    if (*link != NULL)
    {
        drop(objects, link);
    }
    object = mem_alloc(sizeof(*object));
    object->key = mem_strdup(key);
    object->data = mem_alloc(len + 1);
    memcpy(object->data, data, len);
    object->len = len;
    object->next = objects->first;
    objects->first = object;
    objects->bytes += len;
    return true;
}

const char *
objects_get(const struct objects *objects, const char *key, size_t *ret_len)
{
    const struct object *object = objects->first;

    while (object != NULL && strcmp(object->key, key) != 0)
    {
        object = object->next;
    }
    *ret_len = object != NULL ? object->len : 0;
    return object != NULL ? object->data : NULL;
}

void
objects_remove(struct objects *objects, const char *key)
{
    struct object **link = find(objects, key);

    if (*link != NULL)
    {
        drop(objects, link);
    }
}
