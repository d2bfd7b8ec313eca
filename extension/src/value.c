/*
 * JSON values: see value.h. The engine never sees an error of PostgreSQL: everything that can
 * raise happens between calls into it.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "compat.h"
#include "value.h"

HERALD_FUNCTION(herald_check_json);

/* State of writing the text form, the same that jsonb's output function writes. */
struct writer
{
    StringInfo out;
    const char *field;
    size_t max_bytes;
    int max_depth;
    int depth;
    int keys;
    bool separate; /* a comma is due before the next item */
};

static void
refuse_size(const char *field, size_t max_bytes)
{
    ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
            errmsg("%s is larger than %zu bytes", field, max_bytes));
}

static void
append(struct writer *writer, const char *data, size_t length)
{
    if ((size_t) writer->out->len + length > writer->max_bytes)
        refuse_size(writer->field, writer->max_bytes);
    appendBinaryStringInfo(writer->out, data, (int) length);
}

static void
append_escaped(struct writer *writer, unsigned char c)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
    };
    char escape[8] = "\\";

    if (c == '"' || c == '\\')
        escape[1] = (char) c;
    else if (c < sizeof(letters) && letters[c] != '\0')
        escape[1] = letters[c];
    else
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned int) c);
    append(writer, escape, strlen(escape));
}

static void
append_string(struct writer *writer, const char *data, int length)
{
    int from = 0;

    append(writer, "\"", 1);
    for (int i = 0; i < length; i++)
    {
        unsigned char c = (unsigned char) data[i];

        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        append(writer, data + from, (size_t) (i - from));
        append_escaped(writer, c);
        from = i + 1;
    }
    append(writer, data + from, (size_t) (length - from));
    append(writer, "\"", 1);
}

static char *
number_text(Numeric number)
{
    return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
}

static void
append_scalar(struct writer *writer, const JsonbValue *value)
{
    char *number;

    switch (value->type)
    {
        case jbvNull:
            append(writer, "null", 4);
            break;
        case jbvBool:
            append(writer, value->val.boolean ? "true" : "false", value->val.boolean ? 4 : 5);
            break;
        case jbvString:
            append_string(writer, value->val.string.val, value->val.string.len);
            break;
        case jbvNumeric:
            number = number_text(value->val.numeric);
            append(writer, number, strlen(number));
            pfree(number);
            break;
        default:
            elog(ERROR, "unexpected type %d of a JSON scalar", (int) value->type);
    }
}

static void
append_key(struct writer *writer, const JsonbValue *key)
{
    if (++writer->keys > HERALD_DATA_KEYS)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("%s has more than %d keys", writer->field, HERALD_DATA_KEYS));
    if (key->val.string.len > HERALD_KEY_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("%s has a key longer than %d bytes", writer->field, HERALD_KEY_BYTES),
                errdetail("It begins with \"%.*s\".",
                          pg_mbcliplen(key->val.string.val, key->val.string.len, 64),
                          key->val.string.val));
    append_string(writer, key->val.string.val, key->val.string.len);
    append(writer, ": ", 2);
}

static void
open_container(struct writer *writer, const char *bracket)
{
    if (++writer->depth > writer->max_depth)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("%s is nested deeper than %d levels", writer->field, writer->max_depth));
    append(writer, bracket, 1);
}

static void
append_token(struct writer *writer, JsonbIteratorToken token, const JsonbValue *value)
{
    if (writer->separate && token != WJB_END_ARRAY && token != WJB_END_OBJECT)
        append(writer, ", ", 2);
    writer->separate = false;
    switch (token)
    {
        case WJB_KEY:
            append_key(writer, value);
            return;
        case WJB_BEGIN_ARRAY:
        case WJB_BEGIN_OBJECT:
            open_container(writer, token == WJB_BEGIN_ARRAY ? "[" : "{");
            return;
        case WJB_END_ARRAY:
        case WJB_END_OBJECT:
            writer->depth--;
            append(writer, token == WJB_END_ARRAY ? "]" : "}", 1);
            break;
        default:
            append_scalar(writer, value);
    }
    writer->separate = true;
}

static const char *
kind_name(Jsonb *document)
{
    JsonbValue scalar;

    if (JB_ROOT_IS_OBJECT(document))
        return "object";
    if (!JB_ROOT_IS_SCALAR(document) || !JsonbExtractScalar(&document->root, &scalar))
        return "array";
    switch (scalar.type)
    {
        case jbvNull:
            return "null";
        case jbvBool:
            return "boolean";
        case jbvNumeric:
            return "number";
        default:
            return "string";
    }
}

Jsonb *
herald_value_take(Datum value, const char *field, size_t max_bytes, int max_depth,
                  StringInfo ret_text)
{
    struct writer writer = {
        .out = ret_text, .field = field, .max_bytes = max_bytes, .max_depth = max_depth
    };
    JsonbIteratorToken token;
    JsonbIterator *iterator;
    JsonbValue item;
    Jsonb *document;

    /* A list of one-digit numbers takes four times the space of its text; nothing takes more. */
    if (toast_raw_datum_size(value) > 4 * max_bytes + 1024)
        refuse_size(field, max_bytes);
    document = DatumGetJsonbP(value);
    if (!JB_ROOT_IS_OBJECT(document))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("%s must be an object", field),
                errdetail("It is of type %s.", kind_name(document)));

    iterator = JsonbIteratorInit(&document->root);
    while ((token = JsonbIteratorNext(&iterator, &item, false)) != WJB_DONE)
        append_token(&writer, token, &item);
    return document;
}

Datum
herald_check_json(PG_FUNCTION_ARGS)
{
    StringInfoData out;
    char *field;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
        elog(ERROR, "herald.check_json() needs a field and ceilings");
    field = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (PG_ARGISNULL(1))
        ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                errmsg("%s must not be null", field));
    initStringInfo(&out);
    (void) herald_value_take(PG_GETARG_DATUM(1), field, (size_t) PG_GETARG_INT32(2),
                             PG_GETARG_INT32(3), &out);
    PG_RETURN_VOID();
}

/*
 * What stands in front of each piece: palloc aligns to less than malloc, on which the engine
 * relies, and repalloc must not be used, because it raises.
 */
struct piece_header
{
    void *start;
    size_t size;
};

enum
{
    PIECE_ALIGNMENT = 16,
    PIECE_OVERHEAD = sizeof(struct piece_header) + PIECE_ALIGNMENT
};

static struct piece_header *
piece_header(void *piece)
{
    return (struct piece_header *) piece - 1;
}

static void *
memory_alloc(void *context, size_t size)
{
    char *start;
    void *piece;

    if (size > MaxAllocSize - PIECE_OVERHEAD)
        return NULL;
    start = MemoryContextAllocExtended((MemoryContext) context, size + PIECE_OVERHEAD,
                                       MCXT_ALLOC_NO_OOM);
    if (start == NULL)
        return NULL;
    piece = (void *) TYPEALIGN(PIECE_ALIGNMENT, start + sizeof(struct piece_header));
    *piece_header(piece) = (struct piece_header){ .start = start, .size = size };
    return piece;
}

static void
memory_free(void *context, void *piece)
{
    (void) context;
    if (piece != NULL)
        pfree(piece_header(piece)->start);
}

static void *
memory_realloc(void *context, void *old, size_t size)
{
    void *piece = memory_alloc(context, size);

    if (piece == NULL || old == NULL)
        return piece;
    memcpy(piece, old, Min(size, piece_header(old)->size));
    memory_free(context, old);
    return piece;
}

struct lq_mem
herald_value_memory(MemoryContext context)
{
    return (struct lq_mem){
        .alloc = memory_alloc, .realloc = memory_realloc, .free = memory_free, .ctx = context
    };
}

static struct lq_value *
build_scalar(const JsonbValue *value, const struct lq_mem *mem)
{
    struct lq_value *number;
    char *spelling;

    switch (value->type)
    {
        case jbvBool:
            return lq_bool(mem, value->val.boolean);
        case jbvString:
            return lq_string(
                mem, (struct lq_str){ value->val.string.val, (size_t) value->val.string.len });
        case jbvNumeric:
            spelling = number_text(value->val.numeric);
            number = lq_number(mem, (struct lq_str){ spelling, strlen(spelling) });
            pfree(spelling);
            return number;
        default:
            return lq_nil(mem);
    }
}

static struct lq_value *build_container(JsonbIterator **iterator, JsonbIteratorToken begin,
                                        const struct lq_mem *mem);

static struct lq_value *
build_item(JsonbIterator **iterator, JsonbIteratorToken token, const JsonbValue *item,
           const struct lq_mem *mem)
{
    if (token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT)
        return build_container(iterator, token, mem);
    return build_scalar(item, mem);
}

/* The container that the iterator has just entered. */
static struct lq_value *
build_container(JsonbIterator **iterator, JsonbIteratorToken begin, const struct lq_mem *mem)
{
    bool is_array = begin == WJB_BEGIN_ARRAY;
    struct lq_value *container = is_array ? lq_array(mem) : lq_object(mem);
    struct lq_str key = { NULL, 0 };
    JsonbIteratorToken token;
    JsonbValue item;
    bool ok = container != NULL;

    check_stack_depth();
    while (ok)
    {
        struct lq_value *value;

        token = JsonbIteratorNext(iterator, &item, false);
        if (token == WJB_END_ARRAY || token == WJB_END_OBJECT)
            return container;
        if (token == WJB_KEY)
        {
            key = (struct lq_str){ item.val.string.val, (size_t) item.val.string.len };
            continue;
        }
        value = build_item(iterator, token, &item, mem);
        if (value == NULL)
            ok = false;
        else
            ok = is_array ? lq_array_push(container, value) : lq_object_put(container, key, value);
    }
    lq_value_destroy(container);
    return NULL;
}

struct lq_value *
herald_value_build(Jsonb *document, const struct lq_mem *mem)
{
    JsonbIterator *iterator = JsonbIteratorInit(&document->root);
    JsonbValue item;
    JsonbIteratorToken begin = JsonbIteratorNext(&iterator, &item, false);

    return build_container(&iterator, begin, mem);
}
