/* Follows HTML from text to text, as far as it takes to know which attribute's value is open. */
#include "html.h"

#include <string.h>

#include "utf8.h"

enum state
{
    TEXT = LQ_HTML_TEXT,
    OPEN,  /* behind < */
    CLOSE, /* behind </ */
    NAME,  /* in the name of a tag */
    TAG,   /* in a tag, between attributes */
    ATTRIBUTE,
    AFTER,  /* behind the name of an attribute */
    EQUALS, /* behind its = */
    DOUBLE, /* values, by their quotes */
    SINGLE,
    UNQUOTED,
    BANG, /* behind <! */
    BANG_DASH,
    COMMENT_START,
    COMMENT,
    COMMENT_DASH,
    COMMENT_DASHES,
    DECLARATION, /* up to >; conditional comments too, whose content is markup */
    RAW          /* the content of an element without markup inside */
};

/* A state is one of these, whether the attribute holds a URL, and the element without markup inside
 * that the tag opens, by its place among raw_elements, from 1. */
enum
{
    STATE = 0xff,
    URL = 0x100,
    ELEMENT_SHIFT = 9
};

enum
{
    SCHEME_MAX = 10 /* of those that are forbidden */
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct lq_str raw_elements[] = {
    { "script", 6 }, { "style", 5 }, { "textarea", 8 }, { "title", 5 }
};

static const struct lq_str url_attributes[] = {
    { "action", 6 }, { "background", 10 }, { "cite", 4 },
    { "data", 4 },   { "formaction", 10 }, { "href", 4 },
    { "poster", 6 }, { "src", 3 },         { "xlink:href", 10 },
};

static const struct lq_str forbidden[] = { { "javascript", 10 }, { "vbscript", 8 }, { "data", 4 } };

/* Character references with names that matter to a URL's scheme. */
static const struct
{
    struct lq_str name;
    char character;
} references[] = {
    { { "Tab;", 4 }, '\t' },
    { { "NewLine;", 8 }, '\n' },
    { { "colon;", 6 }, ':' },
};

struct scanner
{
    struct lq_str text;
    size_t at;
    size_t name; /* where the current name starts, SIZE_MAX: before the text */
    enum state state;
    bool url;
    uint32_t element;
    struct lq_html_scan *ret;
};

static bool
starts_with(struct lq_str text, struct lq_str lower)
{
    if (text.len < lower.len)
        return false;
    for (size_t i = 0; i < lower.len; i++)
    {
        if (lq_ascii_lower(text.data[i]) != lower.data[i])
            return false;
    }
    return true;
}

/* The place of a name in a table, from 1; 0: not there. */
static uint32_t
find(struct lq_str name, const struct lq_str *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        if (name.len == table[i].len && starts_with(name, table[i]))
            return (uint32_t) i + 1;
    }
    return 0;
}

static struct lq_str
current_name(const struct scanner *s)
{
    return (struct lq_str){ s->text.data + s->name, s->at - s->name };
}

static void
end_tag_name(struct scanner *s)
{
    if (s->name != SIZE_MAX)
        s->element = find(current_name(s), raw_elements, COUNT(raw_elements));
}

/* A name that began in another text is not known, so it may be one of a URL. */
static void
end_attribute_name(struct scanner *s)
{
    s->url =
        s->name == SIZE_MAX || find(current_name(s), url_attributes, COUNT(url_attributes)) > 0;
}

static void
open_value(struct scanner *s, enum state state, size_t start)
{
    s->state = state;
    if (s->url)
        s->ret->opened = start;
}

static void
close_value(struct scanner *s)
{
    if (s->url && s->state != EQUALS && s->ret->opened == SIZE_MAX)
        s->ret->closed = s->at;
    s->ret->opened = SIZE_MAX;
    s->url = false;
    s->state = TAG;
}

/* Behind < */
static void
step_open(struct scanner *s, char c)
{
    s->state = c == '/' ? CLOSE : c == '!' ? BANG : c == '?' ? DECLARATION : c == '<' ? OPEN : TEXT;
    if (!lq_is_alpha(c))
        return;
    s->state = NAME;
    s->name = s->at;
    s->element = 0;
}

/* Between the parts of a tag, and behind the name of an attribute. */
static void
step_tag(struct scanner *s, char c)
{
    if (c == '>')
    {
        s->state = s->element > 0 ? RAW : TEXT;
        s->url = false;
    }
    else if (c == '=' && s->state == AFTER)
        s->state = EQUALS;
    else if (c == '/')
        s->state = TAG;
    else if (!lq_is_space(c))
    {
        s->state = ATTRIBUTE;
        s->name = s->at;
    }
}

static void
step_name(struct scanner *s, char c)
{
    bool ends = lq_is_space(c) || c == '/' || c == '>' || (c == '=' && s->state == ATTRIBUTE);

    if (!ends)
        return;
    if (s->state == NAME)
        end_tag_name(s);
    else
        end_attribute_name(s);
    s->state = s->state == NAME ? TAG : AFTER;
    step_tag(s, c);
}

static void
step_value(struct scanner *s, char c)
{
    if (s->state == EQUALS && (c == '"' || c == '\''))
        open_value(s, c == '"' ? DOUBLE : SINGLE, s->at + 1);
    else if (s->state == EQUALS && c != '>' && !lq_is_space(c))
        open_value(s, UNQUOTED, s->at);
    else if ((s->state == DOUBLE && c == '"') || (s->state == SINGLE && c == '\''))
        close_value(s);
    else if ((s->state == UNQUOTED && lq_is_space(c)) ||
             ((s->state == UNQUOTED || s->state == EQUALS) && c == '>'))
    {
        close_value(s);
        step_tag(s, c);
    }
}

/* Declarations and comments. */
static void
step_declaration(struct scanner *s, char c)
{
    bool dash = c == '-';

    if (s->state == BANG || s->state == BANG_DASH)
    {
        s->state = !dash ? DECLARATION : s->state == BANG ? BANG_DASH : COMMENT_START;
        if (c == '>')
            s->state = TEXT;
    }
    else if (s->state == DECLARATION)
        s->state = c == '>' ? TEXT : DECLARATION;
    else if (s->state == COMMENT_START && (c == '[' || c == '>'))
        s->state = c == '[' ? DECLARATION : TEXT;
    else if (s->state == COMMENT_DASHES && c == '>')
        s->state = TEXT;
    else if (dash)
        s->state = s->state == COMMENT || s->state == COMMENT_START ? COMMENT_DASH : COMMENT_DASHES;
    else
        s->state = COMMENT;
}

/* At a < inside of an element without markup, which only the element's end ends. */
static void
step_raw(struct scanner *s)
{
    struct lq_str name = raw_elements[s->element - 1];
    struct lq_str rest = { s->text.data + s->at + 1, s->text.len - s->at - 1 };

    if (rest.len == 0 || rest.data[0] != '/')
        return;
    lq_str_skip(&rest, 1);
    if (!starts_with(rest, name))
        return;
    s->at += 1 + name.len;
    s->state = NAME;
    s->name = SIZE_MAX;
    s->element = 0;
}

/* The only character that leads out of a state, or NUL when there are several. */
static char
way_out(enum state state)
{
    switch (state)
    {
        case TEXT:
        case RAW:
            return '<';
        case DOUBLE:
            return '"';
        case SINGLE:
            return '\'';
        case DECLARATION:
            return '>';
        default:
            return '\0';
    }
}

static void
step(struct scanner *s, char c)
{
    switch (s->state)
    {
        case TEXT:
            s->state = OPEN;
            break;
        case RAW:
            step_raw(s);
            break;
        case OPEN:
            step_open(s, c);
            break;
        case CLOSE:
            step_open(s, c);
            s->name = SIZE_MAX; /* the name of what ends opens nothing */
            break;
        case NAME:
        case ATTRIBUTE:
            step_name(s, c);
            break;
        case TAG:
        case AFTER:
            step_tag(s, c);
            break;
        case EQUALS:
        case DOUBLE:
        case SINGLE:
        case UNQUOTED:
            step_value(s, c);
            break;
        default:
            step_declaration(s, c);
            break;
    }
}

void
lq_html_scan(uint32_t before, struct lq_str markup, struct lq_html_scan *ret)
{
    struct scanner s = { .text = markup,
                         .name = SIZE_MAX,
                         .state = before & STATE,
                         .url = (before & URL) != 0,
                         .element = before >> ELEMENT_SHIFT,
                         .ret = ret };

    *ret = (struct lq_html_scan){ .closed = SIZE_MAX, .opened = SIZE_MAX };
    for (; s.at < markup.len; s.at++)
    {
        char out = way_out(s.state);

        if (out != '\0')
        {
            const char *next = memchr(markup.data + s.at, out, markup.len - s.at);

            if (next == NULL)
                break;
            s.at = (size_t) (next - markup.data);
        }
        step(&s, markup.data[s.at]);
    }
    ret->after = (uint32_t) s.state | (s.url ? URL : 0) | s.element << ELEMENT_SHIFT;
}

uint32_t
lq_html_output(uint32_t state)
{
    uint32_t rest = state & ~(uint32_t) STATE;

    switch ((enum state)(state & STATE))
    {
        case OPEN:
        case CLOSE:
            return rest | NAME;
        case TAG:
        case ATTRIBUTE:
        case AFTER:
            return rest | ATTRIBUTE | URL;
        case EQUALS:
            return rest | UNQUOTED;
        case BANG:
        case BANG_DASH:
            return rest | DECLARATION;
        case COMMENT_START:
        case COMMENT_DASH:
        case COMMENT_DASHES:
            return rest | COMMENT;
        default:
            return state;
    }
}

bool
lq_html_in_url(uint32_t state)
{
    uint32_t in = state & STATE;

    return (state & URL) != 0 && (in == DOUBLE || in == SINGLE || in == UNQUOTED);
}

/* The character that a reference stands for, whose & has been read; advances behind it. What is no
 * reference is an &. One that is escaped twice counts as well. */
static uint32_t
reference(struct lq_str *rest)
{
    uint32_t value = 0;
    bool hex;
    int digit;

    while (starts_with(*rest, LQ_STR("amp")))
        lq_str_skip(rest, rest->len > 3 && rest->data[3] == ';' ? 4 : 3);
    for (size_t i = 0; i < COUNT(references); i++)
    {
        if (rest->len < references[i].name.len ||
            memcmp(rest->data, references[i].name.data, references[i].name.len) != 0)
            continue;
        lq_str_skip(rest, references[i].name.len);
        return (unsigned char) references[i].character;
    }
    if (rest->len < 2 || rest->data[0] != '#')
        return '&';
    hex = lq_ascii_lower(rest->data[1]) == 'x';
    lq_str_skip(rest, hex ? 2 : 1);
    for (; rest->len > 0; lq_str_skip(rest, 1))
    {
        digit = lq_hex_digit(rest->data[0]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        if (value <= 0x10ffff)
            value = value * (hex ? 16 : 10) + (uint32_t) digit;
    }
    if (rest->len > 0 && rest->data[0] == ';')
        lq_str_skip(rest, 1);
    return value;
}

bool
lq_html_forbidden(struct lq_str value, size_t *ret_read)
{
    struct lq_str rest = value;
    char scheme[SCHEME_MAX];
    size_t len = 0;
    uint32_t c = 0;

    while (rest.len > 0)
    {
        c = (unsigned char) rest.data[0];
        lq_str_skip(&rest, 1);
        if (c == '&')
            c = reference(&rest);
        if (c < ' ' || c == 0x7f || (c == ' ' && len == 0)) /* browsers pass over them */
            continue;
        if (c >= 0x80 || !lq_is_alpha((char) c) || len == SCHEME_MAX)
            break;
        scheme[len++] = lq_ascii_lower((char) c);
    }
    *ret_read = value.len - rest.len;
    return c == ':' && find((struct lq_str){ scheme, len }, forbidden, COUNT(forbidden)) > 0;
}
