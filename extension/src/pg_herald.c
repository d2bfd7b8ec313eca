/*
 * Loading of the module.
 */
#include "postgres.h"

#include "fmgr.h"

#include "doorbell.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
    herald_doorbell_init();
}
