/* The list of all providers, made from registry.def. */
#include <string.h>

#include "providers/provider.h"

#define PROVIDER(kind) extern const struct provider provider_##kind;
#include "providers/registry.def"
#undef PROVIDER

#define PROVIDER(kind) &provider_##kind,
const struct provider *const provider_registry[] = {
#include "providers/registry.def"
    NULL
};
#undef PROVIDER

const struct provider *
provider_find(const char *kind)
{
    for (size_t i = 0; provider_registry[i] != NULL; i++)
    {
        if (strcmp(provider_registry[i]->kind, kind) == 0)
        {
            return provider_registry[i];
        }
    }
    return NULL;
}
