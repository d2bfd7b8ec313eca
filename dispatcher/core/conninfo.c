/* The connection string among a program's options. */
#include "core/conninfo.h"

#include "core/db.h"

bool
conninfo_settle(struct arena *arena, const struct options *options, const char **ret,
                const char **reterr)
{
    const char *conninfo = options_get(options, "conninfo");
    const char *error = NULL;
    bool password = false;

    *ret = conninfo != NULL ? conninfo : "";
    if (!db_conninfo_check(*ret, arena, &password, &error))
    {
        *reterr = arena_printf(arena, "conninfo: %s", error);
        return false;
    }
    if (password && options_origin(options, "conninfo")[0] == '-')
    {
        *reterr = "conninfo: a password on the command line can be read by everybody on this"
                  " machine; use PGPASSFILE (~/.pgpass) or PGPASSWORD";
        return false;
    }
    return true;
}
