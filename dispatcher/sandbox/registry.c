/* The table of doubles. */
#include <string.h>

#include "sandbox/double.h"

#define PROVIDER(name) &double_##name,
const struct sandbox_double *const double_registry[] = {
#include "providers/registry.def"
    &double_fcm_token, &double_s3, NULL
};
#undef PROVIDER

const struct sandbox_double *
double_find_path(const char *path)
{
    const struct sandbox_double *owner = NULL;
    size_t longest = 0;

    for (size_t i = 0; double_registry[i] != NULL; i++)
    {
        const char *prefix = double_registry[i]->prefix;
        size_t len = prefix == NULL ? 0 : strlen(prefix);

        if (len > longest && strncmp(path, prefix, len) == 0)
        {
            longest = len;
            owner = double_registry[i];
        }
    }
    return owner;
}

const struct sandbox_double *
double_find_name(const char *name)
{
    for (size_t i = 0; double_registry[i] != NULL; i++)
    {
        if (strcmp(double_registry[i]->name, name) == 0)
        {
            return double_registry[i];
        }
    }
    return NULL;
}
