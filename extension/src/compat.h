/*
 * What differs between PostgreSQL 15, 16, 17 and 18; the only file that tests for the version.
 */
#ifndef HERALD_COMPAT_H
#define HERALD_COMPAT_H

#include "catalog/namespace.h"
#include "common/jsonapi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Announces a function that SQL calls. PostgreSQL 15 does not export it, and names of ours are
 * hidden unless exported.
 */
#define HERALD_FUNCTION(name)                                                                      \
    extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                               \
    PG_FUNCTION_INFO_V1(name)

/*
 * From push to pop, unqualified names in SQL are those of pg_catalog; an error undoes the push. A
 * function's own SET would do the same, but up to PostgreSQL 15 it visits every setting there is.
 */
static inline int
compat_search_path_push(void)
{
#if PG_VERSION_NUM >= 170000
    int level = NewGUCNestLevel();

    RestrictSearchPath();
    return level;
#else
    OverrideSearchPath path = { .addCatalog = true };

    PushOverrideSearchPath(&path);
    return 0;
#endif
}

static inline void
compat_search_path_pop(int level)
{
#if PG_VERSION_NUM >= 170000
    AtEOXact_GUC(false, level);
#else
    (void) level;
    PopOverrideSearchPath();
#endif
}

/* Is this lock held, in exactly this mode, by this backend? */
static inline bool
compat_lock_held(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
    return LockHeldByMe(tag, mode, false);
#else
    return LockHeldByMe(tag, mode);
#endif
}

/* Number of this backend's entry in ProcGlobal->allProcs. */
static inline int
compat_proc_number(void)
{
#if PG_VERSION_NUM >= 170000
    return MyProcNumber;
#else
    return MyProc->pgprocno;
#endif
}

/* A lexer over JSON in UTF-8, for checking it only. */
static inline JsonLexContext *
compat_json_lexer(char *json, int length)
{
#if PG_VERSION_NUM >= 170000
    return makeJsonLexContextCstringLen(NULL, json, (size_t) length, PG_UTF8, false);
#else
    return makeJsonLexContextCstringLen(json, length, PG_UTF8, false);
#endif
}

#endif
