/*
 * herald.text_diff(): the unified difference of two texts, by Myers's O(ND) algorithm over lines.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "compat.h"

HERALD_FUNCTION(herald_text_diff);

enum
{
    TEXT_BYTES = 4194304,
    CONTEXT_LINES = 3,
    DISTANCE_MAX = 2000, /* edits; their trace takes four bytes for each pair of them */
    WORK_MAX = 1 << 28   /* lines times edits */
};

/* With its line feed, if it has one. */
struct line
{
    const char *data;
    int length;
};

struct side
{
    struct line *lines;
    int *ids;      /* equal lines of both sides have equal ones */
    bool *changed; /* removed from the old side, or added to the new one */
    int count;
};

struct entry
{
    struct line line; /* the key */
    int id;
};

/* Lines of both sides that a hunk covers, up to the ends. */
struct hunk
{
    int old_from;
    int old_to;
    int new_from;
    int new_to;
};

static uint32
hash_line(const void *key, Size size)
{
    const struct line *line = key;

    (void) size;
    return hash_bytes((const unsigned char *) line->data, line->length);
}

static int
compare_lines(const void *left, const void *right, Size size)
{
    const struct line *a = left;
    const struct line *b = right;

    (void) size;
    return a->length != b->length || memcmp(a->data, b->data, (size_t) a->length) != 0;
}

static HTAB *
create_ids(void)
{
    HASHCTL control = { .keysize = sizeof(struct line),
                        .entrysize = sizeof(struct entry),
                        .hash = hash_line,
                        .match = compare_lines,
                        .hcxt = CurrentMemoryContext };

    return hash_create("herald lines", 1024, &control,
                       HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static struct side
split(text *source, HTAB *ids)
{
    const char *data = VARDATA_ANY(source);
    const char *end = data + VARSIZE_ANY_EXHDR(source);
    struct side side = { .count = 0 };
    int room = 1;

    for (const char *at = data; at < end; at++)
        room += *at == '\n';
    side.lines = palloc((Size) room * sizeof(*side.lines));
    side.ids = palloc((Size) room * sizeof(*side.ids));
    side.changed = palloc0((Size) room * sizeof(*side.changed));
    while (data < end)
    {
        const char *feed = memchr(data, '\n', (size_t) (end - data));
        struct line line = { data, (int) ((feed == NULL ? end : feed + 1) - data) };
        struct entry *entry;
        bool found;

        entry = hash_search(ids, &line, HASH_ENTER, &found);
        if (!found)
            entry->id = (int) hash_get_num_entries(ids);
        side.lines[side.count] = line;
        side.ids[side.count++] = entry->id;
        data += line.length;
        CHECK_FOR_INTERRUPTS();
    }
    return side;
}

/* What is left between equal beginnings and equal ends, and how far each number of edits came. */
struct search
{
    const int *old_ids;
    const int *new_ids;
    int old_count;
    int new_count;
    int **reached; /* by edits: the furthest old line on each diagonal, from -edits to edits */
};

static bool
comes_from_above(const int *reached, int edits, int diagonal)
{
    return diagonal == -edits ||
           (diagonal != edits && reached[diagonal - 1] < reached[diagonal + 1]);
}

/* Go one edit further on all diagonals. True when an end was reached. */
static bool
step(struct search *search, int edits)
{
    const int *before = edits == 0 ? NULL : search->reached[edits - 1] + (edits - 1);
    int *reached = palloc((Size) (2 * edits + 1) * sizeof(int));

    search->reached[edits] = reached;
    reached += edits;
    for (int diagonal = -edits; diagonal <= edits; diagonal += 2)
    {
        int at = 0;

        if (edits > 0)
            at = comes_from_above(before, edits, diagonal) ? before[diagonal + 1]
                                                           : before[diagonal - 1] + 1;
        while (at < search->old_count && at - diagonal < search->new_count &&
               search->old_ids[at] == search->new_ids[at - diagonal])
            at++;
        reached[diagonal] = at;
        if (at >= search->old_count && at - diagonal >= search->new_count)
            return true;
    }
    return false;
}
/* Mark the lines that the way to the end removes and adds. */
static void
trace(const struct search *search, int edits, bool *removed, bool *added)
{
    int x = search->old_count;
    int y = search->new_count;

    for (; edits > 0; edits--)
    {
        const int *before = search->reached[edits - 1] + (edits - 1);
        int diagonal = x - y;
        bool above = comes_from_above(before, edits, diagonal);

        diagonal += above ? 1 : -1;
        x = before[diagonal];
        y = x - diagonal;
        if (above)
            added[y] = true;
        else
            removed[x] = true;
    }
}

/* Mark what differs. Texts that differ in too much are taken for replaced. */
static void
compare(struct side *old_side, struct side *new_side)
{
    struct search search;
    int most = Min(old_side->count, new_side->count);
    int begin = 0;
    int end = 0;
    int limit;

    while (begin < most && old_side->ids[begin] == new_side->ids[begin])
        begin++;
    while (end < most - begin &&
           old_side->ids[old_side->count - 1 - end] == new_side->ids[new_side->count - 1 - end])
        end++;
    search = (struct search){
        .old_ids = old_side->ids + begin,
        .new_ids = new_side->ids + begin,
        .old_count = old_side->count - begin - end,
        .new_count = new_side->count - begin - end,
    };
    limit = Min(DISTANCE_MAX, WORK_MAX / (search.old_count + search.new_count + 1));
    limit = Min(limit, search.old_count + search.new_count);
    search.reached = palloc((Size) (limit + 1) * sizeof(int *));
    for (int edits = 0; edits <= limit; edits++)
    {
        CHECK_FOR_INTERRUPTS();
        if (step(&search, edits))
        {
            trace(&search, edits, old_side->changed + begin, new_side->changed + begin);
            return;
        }
    }
    memset(old_side->changed + begin, true, (size_t) search.old_count);
    memset(new_side->changed + begin, true, (size_t) search.new_count);
}

struct output
{
    ReturnSetInfo *result;
    StringInfoData row;
};

static void
put_row(struct output *output)
{
    Datum value = PointerGetDatum(cstring_to_text_with_len(output->row.data, output->row.len));
    bool is_null = false;

    tuplestore_putvalues(output->result->setResult, output->result->setDesc, &value, &is_null);
    pfree(DatumGetPointer(value));
    resetStringInfo(&output->row);
}

static void
put_line(struct output *output, char mark, const struct line *line)
{
    bool fed = line->data[line->length - 1] == '\n';

    appendStringInfoChar(&output->row, mark);
    appendBinaryStringInfo(&output->row, line->data, line->length - fed);
    put_row(output);
    if (fed)
        return;
    appendStringInfoString(&output->row, "\\ No newline at end of file");
    put_row(output);
}

/* " -7,3": the first line from 1, and how many, unless one; of none the line before. */
static void
append_range(StringInfo out, char mark, int from, int to)
{
    appendStringInfo(out, " %c%d", mark, from == to ? from : from + 1);
    if (to - from != 1)
        appendStringInfo(out, ",%d", to - from);
}

static void
put_hunk(struct output *output, const struct side *old_side, const struct side *new_side,
         const struct hunk *hunk)
{
    int i = hunk->old_from;
    int j = hunk->new_from;

    appendStringInfoString(&output->row, "@@");
    append_range(&output->row, '-', hunk->old_from, hunk->old_to);
    append_range(&output->row, '+', hunk->new_from, hunk->new_to);
    appendStringInfoString(&output->row, " @@");
    put_row(output);
    while (i < hunk->old_to || j < hunk->new_to)
    {
        CHECK_FOR_INTERRUPTS();
        if (i < hunk->old_to && old_side->changed[i])
            put_line(output, '-', &old_side->lines[i++]);
        else if (j < hunk->new_to && new_side->changed[j])
            put_line(output, '+', &new_side->lines[j++]);
        else
        {
            put_line(output, ' ', &old_side->lines[i++]);
            j++;
        }
    }
}

/* The next lines that differ, with the equal ones around them, from i and j. False: none. */
static bool
next_hunk(const struct side *old_side, const struct side *new_side, int i, int j, struct hunk *ret)
{
    int equal = 0; /* lines in a row */

    while (i < old_side->count && !old_side->changed[i] && !new_side->changed[j])
        i++, j++;
    if (i >= old_side->count && j >= new_side->count)
        return false;
    ret->old_from = i - Min(i, Min(j, CONTEXT_LINES));
    ret->new_from = j - (i - ret->old_from);
    while ((i < old_side->count || j < new_side->count) && equal <= 2 * CONTEXT_LINES)
    {
        if (i < old_side->count && old_side->changed[i])
            i++, equal = 0;
        else if (j < new_side->count && new_side->changed[j])
            j++, equal = 0;
        else
            i++, j++, equal++;
    }
    equal = Max(equal - CONTEXT_LINES, 0);
    ret->old_to = i - equal;
    ret->new_to = j - equal;
    return true;
}

static text *
take_text(FunctionCallInfo fcinfo, int position)
{
    if (toast_raw_datum_size(PG_GETARG_DATUM(position)) - VARHDRSZ > TEXT_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("a text to compare is longer than %d bytes", TEXT_BYTES));
    return PG_GETARG_TEXT_PP(position);
}

Datum
herald_text_diff(PG_FUNCTION_ARGS)
{
    text *old_text = take_text(fcinfo, 0);
    text *new_text = take_text(fcinfo, 1);
    struct output output = { .result = (ReturnSetInfo *) fcinfo->resultinfo };
    struct hunk hunk = { 0 };
    struct side old_side;
    struct side new_side;
    HTAB *ids;

    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    ids = create_ids();
    old_side = split(old_text, ids);
    new_side = split(new_text, ids);
    compare(&old_side, &new_side);
    initStringInfo(&output.row);
    while (next_hunk(&old_side, &new_side, hunk.old_to, hunk.new_to, &hunk))
        put_hunk(&output, &old_side, &new_side, &hunk);
    PG_RETURN_NULL();
}
