/* Ceilings of the template engine: each at, below and above its limit, and attacks that must stop
 * at one. */
#include "liquid_helper.h"

#include <stdio.h>

static struct heap heap;

/* text repeated */
static char *
repeat(const char *text, size_t count, const char *end)
{
    size_t len = strlen(text);
    char *ret = malloc(len * count + strlen(end) + 1);

    assert_non_null(ret);
    for (size_t i = 0; i < count; i++)
        memcpy(ret + i * len, text, len);
    memcpy(ret + len * count, end, strlen(end) + 1);
    return ret;
}

static void
source_bytes(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    options.limits.source_bytes = 5;
    assert_int_equal(check_text("1234", NULL, &options, "1234"), LQ_OK);
    assert_int_equal(check_text("12345", NULL, &options, "12345"), LQ_OK);
    assert_int_equal(check_text("123456", NULL, &options, ""), LQ_ERR_SOURCE);
}

static void
nodes(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    options.limits.nodes = 4; /* two texts, one output, its expression */
    assert_int_equal(check_text("a{{ 1 }}", NULL, &options, "a1"), LQ_OK);
    assert_int_equal(check_text("a{{ 1 }}b", NULL, &options, "a1b"), LQ_OK);
    assert_int_equal(check_text("a{{ 1 }}b{% # %}{{ }}", NULL, &options, ""), LQ_ERR_NODES);
    assert_int_equal(check_text("{{ a.b.c.d }}", NULL, &options, ""), LQ_ERR_NODES);
}

static void
many_nodes(void **state)
{
    struct lq_options options = make_options(&heap);
    char *text = repeat("{{a}}", 10000, "");

    (void) state;
    assert_int_equal(check_text(text, NULL, &options, ""), LQ_OK);
    options.limits.nodes = 19999;
    assert_int_equal(check_text(text, NULL, &options, ""), LQ_ERR_NODES);
    free(text);
}

static void
depth_of_blocks(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    options.limits.depth = 3; /* the innermost expression counts too */
    assert_int_equal(check_text("{% if 1 %}{% if 1 %}x{% endif %}{% endif %}", NULL, &options, "x"),
                     LQ_OK);
    assert_int_equal(
        check_text("{% if 1 %}{% if 1 %}{{ 1 }}{% endif %}{% endif %}", NULL, &options, "1"),
        LQ_OK);
    assert_int_equal(check_text("{% if 1 %}{% if 1 %}{% if 1 %}{% if 1 %}x{% endif %}{% endif %}"
                                "{% endif %}{% endif %}",
                                NULL, &options, ""),
                     LQ_ERR_DEPTH);
}

static void
deep_nesting(void **state)
{
    static const char *const openers[] = { "{% if 1 %}",
                                           "{% unless x %}",
                                           "{% for i in (1..1) %}",
                                           "{% case 1 %}{% when 1 %}",
                                           "{% capture a %}",
                                           "{% if 1 %}{% else %}" };
    struct lq_options options = make_options(&heap);

    (void) state;
    options.limits.source_bytes = SIZE_MAX;
    for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++)
    {
        char *text = repeat(openers[i], 100000, "");

        assert_int_equal(check_text(text, NULL, &options, ""), LQ_ERR_DEPTH);
        options.limits.depth = SIZE_MAX; /* the engine has a bound of its own */
        assert_int_equal(check_text(text, NULL, &options, ""), LQ_ERR_DEPTH);
        options.limits.depth = 64;
        free(text);
    }
}

/* The ceilings that hosts use. */
static void
defaults_at_their_edges(void **state)
{
    struct lq_options options = make_options(&heap);
    char *text = repeat("x", 1048577, "");
    char *outputs = repeat("{{a}}", 50000, "");
    char *more = repeat("{{a}}", 50000, "x");
    struct lq_value *data = lq_object(&options.mem);

    (void) state;
    assert_int_equal(check_text(text, NULL, &options, ""), LQ_ERR_SOURCE);
    assert_int_equal(check_text(text + 1, NULL, &options, text + 1), LQ_OK);
    assert_true(lq_object_put(data, str("over"), lq_string(&options.mem, str(text))));
    assert_true(lq_object_put(data, str("full"), lq_string(&options.mem, str(text + 1))));
    assert_int_equal(check_text("{{ full }}", data, &options, text + 1), LQ_OK);
    assert_int_equal(check_text("{{ over }}", data, &options, ""), LQ_ERR_OUTPUT);
    assert_int_equal(check_text("{{ full }}x", data, &options, ""), LQ_ERR_OUTPUT);
    assert_int_equal(check_text(outputs, NULL, &options, ""), LQ_OK);
    assert_int_equal(check_text(more, NULL, &options, ""), LQ_ERR_NODES);
    assert_int_equal(check_text("{% for i in (1..999999) %}{% endfor %}", NULL, &options, ""),
                     LQ_OK);
    assert_int_equal(check_text("{% for i in (1..1000000) %}{% endfor %}", NULL, &options, ""),
                     LQ_ERR_STEPS);
    lq_value_destroy(data);
    free(more);
    free(outputs);
    free(text);
    assert_int_equal(heap.live, 0);
}

static void
blocks(void **state)
{
    struct lq_options options = make_options(&heap);
    char *most = repeat("{% block a %}{% endblock %}", 256, "");
    char *more = repeat("{% block a %}{% endblock %}", 257, "");
    char *nested = repeat("{% block a %}", 100000, "");

    (void) state;
    assert_int_equal(check_text(most, NULL, &options, ""), LQ_OK);
    assert_int_equal(check_text(more, NULL, &options, ""), LQ_ERR_NODES);
    options.limits.source_bytes = SIZE_MAX;
    assert_int_equal(check_text(nested, NULL, &options, ""), LQ_ERR_DEPTH);
    free(nested);
    free(more);
    free(most);
}

static void
deep_expressions(void **state)
{
    static const char *const openers[] = { "a[", "(1..", "[" };
    struct lq_options options = make_options(&heap);

    (void) state;
    for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++)
    {
        char *inner = repeat(openers[i], 10000, "1");
        char *text = malloc(strlen(inner) + 8);

        assert_non_null(text);
        (void) snprintf(text, strlen(inner) + 8, "{{ %s }}", inner);
        assert_int_equal(check_text(text, NULL, &options, ""), LQ_ERR_DEPTH);
        free(text);
        free(inner);
    }
}

static void
long_paths(void **state)
{
    struct lq_options options = make_options(&heap);
    char *inner = repeat(".a", 1000, " }}");
    char *text = malloc(strlen(inner) + 8);

    (void) state;
    assert_non_null(text);
    (void) snprintf(text, strlen(inner) + 8, "{{ a%s", inner);
    assert_int_equal(check_text(text, NULL, &options, ""), LQ_OK);
    free(text);
    free(inner);
}

static struct lq_value *
nested_data(const struct lq_mem *mem, size_t levels)
{
    struct lq_value *root = lq_object(mem);
    struct lq_value *inner = lq_string(mem, str("x"));

    for (size_t i = 0; i < levels; i++)
    {
        struct lq_value *array = lq_array(mem);

        assert_true(lq_array_push(array, inner));
        inner = array;
    }
    assert_true(lq_object_put(root, str("a"), inner));
    return root;
}

static void
deep_data(void **state)
{
    static const char *const uses[] = { "{{ a }}", "{{ a | json }}", "{{ a | join }}",
                                        "{{ a | append: '' }}", "{% if a == a %}{% endif %}" };
    struct lq_options options = make_options(&heap);
    struct lq_value *data = nested_data(&options.mem, 100000);

    (void) state;
    options.limits.depth = SIZE_MAX;
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
        assert_int_equal(check_text(uses[i], data, &options, ""), LQ_ERR_DEPTH);
    lq_value_destroy(data);

    options.limits.depth = 4;
    data = nested_data(&options.mem, 4);
    assert_int_equal(check_text("{{ a }}", data, &options, "x"), LQ_OK);
    assert_int_equal(check_text("{{ a | json }}", data, &options, ""), LQ_ERR_DEPTH);
    lq_value_destroy(data);
    data = nested_data(&options.mem, 5);
    assert_int_equal(check_text("{{ a }}", data, &options, ""), LQ_ERR_DEPTH);
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

static void
steps(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    options.limits.steps = 5; /* the for, then an iteration and a text, twice */
    assert_int_equal(check_text("{% for i in (1..2) %}x{% endfor %}", NULL, &options, "xx"), LQ_OK);
    options.limits.steps = 6;
    assert_int_equal(check_text("{% for i in (1..2) %}x{% endfor %}", NULL, &options, "xx"), LQ_OK);
    options.limits.steps = 4;
    assert_int_equal(check_text("{% for i in (1..2) %}x{% endfor %}", NULL, &options, ""),
                     LQ_ERR_STEPS);
}

static void
output_bytes(void **state)
{
    struct lq_options options = make_options(&heap);

    (void) state;
    options.limits.output_bytes = 3;
    assert_int_equal(check_text("ab", NULL, &options, "ab"), LQ_OK);
    assert_int_equal(check_text("abc", NULL, &options, "abc"), LQ_OK);
    assert_int_equal(check_text("abcd", NULL, &options, ""), LQ_ERR_OUTPUT);
    assert_int_equal(check_text("{{ 'a' | append: 'b' }}", NULL, &options, ""), LQ_ERR_OUTPUT);
    assert_int_equal(check_text("{% capture c %}ab{% endcapture %}{{ c }}", NULL, &options, ""),
                     LQ_ERR_OUTPUT);
    options.limits.output_bytes = 4;
    assert_int_equal(check_text("{{ 'a' | append: 'b' }}", NULL, &options, "ab"), LQ_OK);
    assert_int_equal(check_text("{% capture c %}ab{% endcapture %}{{ c }}", NULL, &options, "ab"),
                     LQ_OK);
}

/* A megabyte of data under the name s. */
static struct lq_value *
large_data(const struct lq_mem *mem)
{
    char *text = repeat("abcdefghij", 100000, "");
    struct lq_value *data = lq_object(mem);

    assert_true(lq_object_put(data, str("s"), lq_string(mem, str(text))));
    assert_true(lq_object_put(data, str("computed"), lq_string(mem, str("empty"))));
    free(text);
    return data;
}

/* Layouts 0 to 20, each of which prints twice what the next one prints. */
static struct lq_str
doubling_layout(struct lq_str name)
{
    static char source[128];
    int number = 0;

    for (size_t i = 7; i < name.len; i++)
        number = 10 * number + (name.data[i] - '0');
    (void) snprintf(source, sizeof(source),
                    "{%% layout 'double/%d' %%}{%% block x %%}{{ block.super }}{{ block.super }}"
                    "{%% endblock %%}",
                    number + 1);
    return number == 20 ? str("{% block x %}x{% endblock %}") : str(source);
}

/* Partials that render themselves, once and twice, and one that is empty; layouts too. */
static bool
find_partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    static const char *const sources[][2] = {
        { "self", "{% render 'self' %}{% include 'self' %}" },
        { "twice", "{% assign m = n | plus: 1 %}{% if n < 40 or n == nil %}"
                   "{% render 'twice', n: m %}{% render 'twice', n: m %}{% endif %}" },
        { "empty", "" },
        { "layout", "{% layout 'layout' %}" },
        { "page", "{% layout 'frame' %}{% block x %}{% endblock %}" },
        { "frame", "{% block x %}{% endblock %}{% include 'page' %}{% include 'page' %}" },
    };

    (void) host;
    if (name.len > 7 && memcmp(name.data, "double/", 7) == 0)
    {
        *ret_source = doubling_layout(name);
        return true;
    }
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
    {
        if (name.len != strlen(sources[i][0]) || memcmp(name.data, sources[i][0], name.len) != 0)
            continue;
        *ret_source = str(sources[i][1]);
        return true;
    }
    return false;
}

/* Whatever the template does, it ends at a ceiling. */
static void
attacks(void **state)
{
    static const struct
    {
        const char *source;
        enum lq_code code;
    } rows[] = {
        { "{% for i in (1..1000000000) %}{% endfor %}", LQ_ERR_STEPS },
        { "{% for i in (-9223372036854775808..9223372036854775807) %}{% endfor %}", LQ_ERR_STEPS },
        { "{% for i in (1..9223372036854775807) reversed %}{% endfor %}", LQ_ERR_STEPS },
        { "{{ (1..9223372036854775807) | join }}", LQ_ERR_STEPS },
        { "{{ (1..9223372036854775807) | size }}", LQ_OK },
        { "{% assign s = 'x' %}{% for i in (1..64) %}{% assign s = s | append: s %}{% endfor %}",
          LQ_ERR_OUTPUT },
        { "{% assign a = 'x' %}{% for i in (1..64) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}"
          "{% endfor %}",
          LQ_ERR_OUTPUT },
        { "{{ s | replace: '', s }}", LQ_ERR_OUTPUT },
        { "{{ s | replace: 'a', s }}", LQ_ERR_OUTPUT },
        { "{{ s | replace: 'j', '\\`' }}", LQ_ERR_OUTPUT },
        { "{% assign x = s | split: '' %}", LQ_ERR_STEPS },
        { "{% assign x = s | split: '' %}{{ x }}", LQ_ERR_STEPS },
        { "{{ s | split: 'a' | join: s }}", LQ_ERR_OUTPUT },
        { "{{ s | upcase | downcase }}", LQ_ERR_OUTPUT },
        { "{% for i in (1..1000000) %}{% if s contains 'zz' %}{% endif %}{% endfor %}",
          LQ_ERR_STEPS },
        { "{% for i in (1..1000000) %}{% if s == t %}{% assign t = s %}{% endif %}"
          "{% assign n = s | size %}{% endfor %}",
          LQ_ERR_STEPS },
        { "{{ 'now' | date: '%1024Y%1024Y' | size }}", LQ_OK },
        { "{% tablerow i in (1..1000000000) %}{% endtablerow %}", LQ_ERR_OUTPUT },
        { "{% for i in (1..1000000) %}{% cycle 1, 2 %}{% endfor %}", LQ_ERR_STEPS },
        { "{% for i in (1..1000000) %}{% cycle i: 1 %}{% endfor %}", LQ_ERR_STEPS },
        { "{% render 'self' %}", LQ_ERR_DEPTH },
        { "{% include 'self' %}", LQ_ERR_DEPTH },
        { "{% render 'twice' %}", LQ_ERR_STEPS },
        { "{% layout 'layout' %}", LQ_ERR_DEPTH },
        { "{% include 'page' %}", LQ_ERR_DEPTH },
        { "{% layout 'double/0' %}", LQ_ERR_STEPS },
        { "{% layout 'double/12' %}", LQ_OK },
        { "{% for i in (1..1000000) %}{% render 'empty' %}{% endfor %}", LQ_ERR_STEPS },
        { "{% for i in (1..1000000) %}{% include computed %}{% endfor %}", LQ_ERR_STEPS },
        { "{{ (1..50000) | reverse | sort | size }}", LQ_OK },
        { "{{ (1..100000) | reverse | sort | size }}", LQ_ERR_STEPS },
        { "{{ (1..200000) | sort | size }}", LQ_ERR_STEPS },
        { "{{ (1..100000) | uniq | reverse | size }}", LQ_OK },
        { "{{ s | replace_last: s, s }}", LQ_ERR_OUTPUT },
        { "{% assign a = s | slice: 0, 400000 | replace: 'bcdefghij', 'aaaaaaaaa' %}"
          "{% assign b = a | slice: 0, 200000 | append: 'b' %}{{ a | replace_last: b, '' }}",
          LQ_ERR_STEPS },
        { "{{ s | replace: 'abcdefghij', '<!-->' | strip_html }}", LQ_ERR_STEPS },
        { "{{ s | base64_encode }}", LQ_ERR_OUTPUT },
        { "{{ s | url_encode | url_decode }}", LQ_ERR_OUTPUT },
        { "{{ s | truncatewords: 9223372036854775807 | size }}", LQ_OK },
        { "{{ 2 | round: 9223372036854775807 }}", LQ_OK },
        { "{{ 10000000000000000000000000000000000000000 | divided_by: 3.0 }}", LQ_OK },
        { "{% assign n = 9 %}{% for i in (1..100) %}{% assign n = n | times: n %}{% endfor %}",
          LQ_ERR_ARGUMENT },
    };
    struct lq_options options = make_options(&heap);
    struct lq_value *data = large_data(&options.mem);

    (void) state;
    options.partial = find_partial;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct lq_str output = { 0 };
        struct lq_error error = { 0 };
        enum lq_code code = run_text(str(rows[i].source), data, &options, &output, &error);

        if (code != rows[i].code)
            print_message("%s: %s\n", rows[i].source, error.message);
        assert_int_equal(code, rows[i].code);
        if (code == LQ_OK)
            free_output(&options, output);
    }
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

/* Whether a URL is a forbidden one is asked behind each output in it. */
static void
long_urls(void **state)
{
    static const char source[] =
        "<a href=\"{{ space }}{% for i in (1..1000) %}{{ '' }}{% endfor %}\">";
    struct lq_options options = make_options(&heap);
    struct lq_value *data = lq_object(&options.mem);
    char *space = repeat(" ", 500000, "");

    (void) state;
    assert_true(lq_object_put(data, str("space"), lq_string(&options.mem, str(space))));
    options.escape = LQ_ESCAPE_HTML;
    assert_int_equal(check_text(source, data, &options, ""), LQ_ERR_STEPS);
    lq_value_destroy(data);
    free(space);
}

struct ticks
{
    int count;
    int stop_at;
};

static bool
tick(void *host)
{
    struct ticks *ticks = host;

    ticks->count++;
    return ticks->count == ticks->stop_at;
}

static void
ticking(void **state)
{
    static const char loop[] = "{% for i in (1..5250) %}{% assign x = 1 %}{% endfor %}";
    struct ticks ticks = { 0, 0 };
    struct lq_options options = make_options(&heap);

    (void) state;
    options.tick = tick;
    options.host = &ticks;
    assert_int_equal(check_text(loop, NULL, &options, ""), LQ_OK);
    assert_int_equal(ticks.count, 10); /* 10,501 steps */
    ticks = (struct ticks){ 0, 3 };
    assert_int_equal(check_text(loop, NULL, &options, ""), LQ_ERR_CANCELLED);
    assert_int_equal(ticks.count, 3);
}

/* The data of large_data(), and the text as key of an object and of the data itself. */
static struct lq_value *
large_keys(const struct lq_mem *mem)
{
    struct lq_value *data = large_data(mem);
    char *text = repeat("abcdefghij", 100000, "");
    char *space = repeat(" ", 1000000, "");
    char *digits = repeat("9", 1000000, "");
    struct lq_value *object = lq_object(mem);

    assert_true(lq_object_put(object, str(text), lq_bool(mem, true)));
    assert_true(lq_object_put(data, str("object"), object));
    assert_true(lq_object_put(data, str(text), lq_nil(mem)));
    assert_true(lq_object_put(data, str("space"), lq_string(mem, str(space))));
    assert_true(lq_object_put(data, str("digits"), lq_number(mem, str(digits))));
    free(digits);
    free(space);
    free(text);
    return data;
}

/* Reading a megabyte takes its steps and a tick, whatever reads: otherwise steps would say nothing
 * about time, and nobody could cancel. */
static void
reading_is_work(void **state)
{
    static const char *const bodies[] = {
        "{% if space == blank %}{% endif %}",
        "{% if blank == space %}{% endif %}",
        "{% if s == s %}{% endif %}",
        "{% if digits == digits %}{% endif %}",
        "{% if object == object %}{% endif %}",
        "{% if object contains s %}{% endif %}",
        "{% if s contains 'zz' %}{% endif %}",
        "{% assign x = object[s] %}",
        "{% assign x = [s] %}",
        "{% assign x = object | where: s %}",
        "{% assign x = s | size %}",
        "{% assign x = s.size %}",
        "{% assign x = space | strip %}",
        "{% assign x = s | md5 %}",
        "{% case space %}{% when blank %}{% endcase %}",
    };
    struct ticks ticks;
    struct lq_options options = make_options(&heap);
    struct lq_value *data = large_keys(&options.mem);

    (void) state;
    options.tick = tick;
    options.host = &ticks;
    options.digest = no_digest;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
    {
        char source[256];

        ticks = (struct ticks){ 0, 0 };
        (void) snprintf(source, sizeof(source), "{%% for i in (1..10) %%}%s{%% endfor %%}",
                        bodies[i]);
        options.limits.steps = UINT64_MAX;
        assert_int_equal(check_text(source, data, &options, ""), LQ_OK);
        assert_true(ticks.count >= 10);
        options.limits.steps = 10 * 1000000 / 64;
        if (check_text(source, data, &options, "") != LQ_ERR_STEPS)
            fail_msg("%s reads for nothing", bodies[i]);
    }
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_bytes),
        cmocka_unit_test(nodes),
        cmocka_unit_test(many_nodes),
        cmocka_unit_test(depth_of_blocks),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(deep_expressions),
        cmocka_unit_test(long_paths),
        cmocka_unit_test(deep_data),
        cmocka_unit_test(steps),
        cmocka_unit_test(output_bytes),
        cmocka_unit_test(attacks),
        cmocka_unit_test(ticking),
        cmocka_unit_test(defaults_at_their_edges),
        cmocka_unit_test(blocks),
        cmocka_unit_test(long_urls),
        cmocka_unit_test(reading_is_work),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("liquid_limits", tests, NULL, NULL);
}
