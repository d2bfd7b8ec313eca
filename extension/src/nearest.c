/*
 * Nearest names: see nearest.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "compat.h"
#include "nearest.h"

HERALD_FUNCTION(herald_nearest_name);

enum
{
    NAME_BYTES = 255
};

void
herald_nearest_begin(struct herald_nearest *nearest, const char *name, int length)
{
    *nearest = (struct herald_nearest){ .name = name, .length = length };
    /* More than half of the characters wrong is no misspelling. */
    if (length > 0 && length <= NAME_BYTES)
        nearest->distance = Max(1, pg_mbstrlen_with_len(name, length) / 2) + 1;
}

void
herald_nearest_offer(struct herald_nearest *nearest, const char *name, int length)
{
    int distance;

    if (nearest->distance == 0 || length > NAME_BYTES)
        return;
    distance = varstr_levenshtein_less_equal(nearest->name, nearest->length, name, length, 1, 1, 1,
                                             nearest->distance - 1, true);
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nearest->found = name;
    nearest->found_length = length;
}

Datum
herald_nearest_name(PG_FUNCTION_ARGS)
{
    text *name = PG_GETARG_TEXT_PP(0);
    struct herald_nearest nearest;
    Datum *known;
    bool *nulls;
    int count;

    herald_nearest_begin(&nearest, VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &known, &nulls,
                      &count);
    for (int i = 0; i < count; i++)
    {
        text *candidate = nulls[i] ? NULL : DatumGetTextPP(known[i]);

        if (candidate != NULL)
            herald_nearest_offer(&nearest, VARDATA_ANY(candidate),
                                 (int) VARSIZE_ANY_EXHDR(candidate));
    }
    if (nearest.found == NULL)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text_with_len(nearest.found, nearest.found_length));
}
