/* The template engine under an allocator that fails: every call in turn, without leak or crash. */
#include "liquid_helper.h"
#include "memory.h"

static const char source[] =
    "{% assign list = 'a,b,c,d,e,f,g,h,i,j' | split: ',' %}"
    "{% capture text %}{% for x in list reversed limit: 9 %}{{ forloop.index }}{{ x | upcase }}"
    "{% if forloop.last %}.{% else %},{% endif %}{% endfor %}{% endcapture %}"
    "{{ text | replace: ',', ';' | append: object | json | escape | truncate: 400 }}"
    "{% case object.k3 %}{% when 1, 3 %}{{ big | plus: 1 }}{% else %}{{ (1..40) | join }}"
    "{% endcase %}{% unless a == b or c contains 'd' %}{{ 'now' | date: '%c %10Y' }}{% endunless %}"
    "{{ v1 }}{{ v2 }}{{ v3 }}{{ v4 }}{{ v5 }}{{ v6 }}{{ v7 }}{{ v8 }}{{ v9 }}"
    "{% for p in object %}{{ p }}{{ p[1] | times: 1.5 }}{% endfor %}"
    "{% raw %}{{ raw }}{% endraw %}{% comment %}{% endcomment %}"
    "{{ list | sort | uniq | reverse | map: 'c' | compact | concat: list | sort_natural | join }}"
    "{{ list | where: 'a' | find: 'a' }}{{ text | slice: 1, 9 | base64_encode | url_encode }}"
    "{% for i in (1..3) %}{% cycle 'a', i %}{% increment n %}{% ifchanged %}x{% endifchanged %}"
    "{% endfor %}{% tablerow i in (1..2) cols: 1 %}{{ i }}{% endtablerow %}"
    "{{ 12345.5 | number: 2 }}{{ big | money: 'EUR' }}{{ 5 | pluralize: one: 'a', other: text }}"
    "{{ 'now' | date: 'full time', 'Asia/Seoul' }}{{ 'c' | t }}"
    "{{ 'forms.a_html' | t: count: 2, list: list }}"
    "{% liquid\n echo list.size\n render 'p' for list as q, v: 1\n include 'p' with list\n"
    " include c for list %}{{ text | md5 }}{{ 'http://a' | tracking_link }}"
    "{{ '00000000-0000-0000-0000-00000000000a' | object_url: 3 }}"
    "{% include 'leaf' %}";

static bool
find_partial(void *host, struct lq_str name, struct lq_str *ret_source)
{
    (void) host;
    switch (name.data[0])
    {
        case 'l':
            *ret_source =
                str("{% layout 'base', v: 1 %}{% block b %}{{ block.super }}{% endblock %}");
            break;
        case 'b':
            *ret_source = str("{% block b %}{{ v }}{% endblock %}");
            break;
        case 'p':
            *ret_source = str("{{ q }}{% assign w = v | plus: 1 %}{{ forloop.index }}");
            break;
        default:
            *ret_source = str("{{ text }}{{ w }}{% assign w = text %}");
            break;
    }
    return true;
}

static bool
short_link(void *host, struct lq_str url, struct lq_str *ret)
{
    (void) host;
    *ret = (struct lq_str){ url.data, 6 };
    return true;
}

static bool
same_object(void *host, struct lq_str id, int64_t until_s, struct lq_str *ret)
{
    (void) host;
    (void) until_s;
    *ret = id;
    return true;
}

static bool
find_zone(void *host, const char *name, int64_t second, struct lq_zone *ret)
{
    (void) host;
    (void) name;
    (void) second;
    *ret = (struct lq_zone){ 32400, "KST" };
    return true;
}

/* {"forms": {"a_html": {"other": …}}} */
static bool
put_forms(struct lq_value *root, const struct lq_mem *mem)
{
    struct lq_value *forms = lq_object(mem);
    struct lq_value *keys = lq_object(mem);

    if (forms == NULL || keys == NULL ||
        !lq_object_put(forms, str("other"), lq_string(mem, str("<b>{{ count }}</b>{{ list }}"))))
    {
        lq_value_destroy(forms);
        lq_value_destroy(keys);
        return false;
    }
    if (!lq_object_put(keys, str("a_html"), forms))
    {
        lq_value_destroy(keys);
        return false;
    }
    return lq_object_put(root, str("forms"), keys);
}

static struct lq_value *
build(const struct lq_mem *mem)
{
    static const char *const keys[] = { "k0", "k1", "k2", "k3", "k4", "k5", "k6",
                                        "k7", "k8", "k9", "ka", "kb", "kc", "k3" };
    struct lq_value *root = lq_object(mem);
    struct lq_value *object = lq_object(mem);
    struct lq_value *array = lq_array(mem);
    bool good = root != NULL && object != NULL && array != NULL;

    for (size_t i = 0; good && i < sizeof(keys) / sizeof(keys[0]); i++)
        good = lq_object_put(object, str(keys[i]), lq_number(mem, str("3")));
    for (int i = 0; good && i < 9; i++)
        good = lq_array_push(array, i % 2 ? lq_nil(mem) : lq_bool(mem, true));
    if (root == NULL || !good)
    {
        lq_value_destroy(object);
        lq_value_destroy(array);
        lq_value_destroy(root);
        return NULL;
    }
    good = lq_object_put(root, str("object"), object);
    if (!good)
        lq_value_destroy(array);
    good = good && lq_object_put(root, str("array"), array) &&
           lq_object_put(root, str("big"), lq_number(mem, str("99999999999999999999"))) &&
           lq_object_put(root, str("c"), lq_string(mem, str("text"))) && put_forms(root, mem);
    if (good)
        return root;
    lq_value_destroy(root);
    return NULL;
}

static void
every_call_fails(void **state)
{
    struct heap heap = { 0 };
    struct lq_options options = make_options(&heap);
    struct lq_str expected = { 0 };
    enum lq_code code = LQ_ERR_NOMEM;
    size_t failures = 0;

    (void) state;
    options.partial = find_partial;
    options.escape = LQ_ESCAPE_HTML;
    options.digest = no_digest;
    options.link = short_link;
    options.object = same_object;
    options.zone = find_zone;
    options.locale = str("fr");
    for (size_t n = 0; n <= 1 || code != LQ_OK; n++)
    {
        struct lq_error error = { 0 };
        struct lq_str output;
        struct lq_value *data;
        const struct lq_value *translations[1];

        heap = (struct heap){ .fail_at = n };
        data = build(&options.mem);
        code = LQ_ERR_NOMEM;
        translations[0] = data;
        options.translations = translations;
        options.translation_count = 1;
        if (data != NULL)
            code = run_text(str(source), data, &options, &output, &error);
        lq_value_destroy(data);
        assert_true(code == LQ_OK || code == LQ_ERR_NOMEM);
        if (data != NULL)
            assert_int_equal(error.code, code);
        if (code == LQ_OK && n > 0)
        {
            assert_int_equal(output.len, expected.len);
            assert_memory_equal(output.data, expected.data, expected.len);
            free_output(&options, output);
        }
        else if (code == LQ_OK)
        {
            expected.len = output.len;
            expected.data = output.data;
            heap.live--; /* stays for comparison */
        }
        else
            failures++;
        assert_int_equal(heap.live, 0);
    }
    assert_true(failures > 60);
    free((void *) (uintptr_t) expected.data);
}

/* What no allocator can be asked for. */
static void
sizes_overflow(void **state)
{
    struct heap heap = { 0 };
    struct lq_mem mem = heap_mem(&heap);
    struct lq_arena arena;
    struct lq_buf buf;

    (void) state;
    lq_arena_init(&arena, &mem, 0);
    assert_null(lq_arena_bytes(&arena, SIZE_MAX));
    assert_null(lq_arena_alloc(&arena, SIZE_MAX));
    assert_null(lq_arena_array(&arena, SIZE_MAX / 2, 3));
    lq_buf_init(&buf, &mem);
    assert_true(lq_buf_append(&buf, "a", 1));
    assert_false(lq_buf_grow(&buf, SIZE_MAX));
    assert_false(lq_buf_grow(&buf, SIZE_MAX / 2 + 1));
    lq_buf_finish(&buf);
    assert_int_equal(heap.live, 0);
}

static void
errors_leak_nothing(void **state)
{
    static const char *const sources[] = {
        "{% if a %}{{ b",
        "{{ 'a' | append: 'b' | nope }}",
        "{% for i in (1..3) %}",
        "{% capture a %}{{ 1 | append: 2 }}{% if 1 < 'a' %}{% endif %}",
        "{% capture a %}{{ 1 | append: 2 }}{% if 1 < 'a' %}{% endif %}{% endcapture %}",
        "{{ 0 | date: '%R', 'UTC' }}",
        "{{ 1 | money: 'EURO' }}",
    };
    struct heap heap = { 0 };
    struct lq_options options = make_options(&heap);

    (void) state;
    options.strict = true;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        assert_int_not_equal(check_text(sources[i], NULL, &options, ""), LQ_OK);
}

static void
error_may_be_null(void **state)
{
    struct heap heap = { 0 };
    struct lq_options options = make_options(&heap);
    struct lq_template *template = NULL;
    struct lq_str output;

    (void) state;
    assert_int_equal(lq_parse(str("{{"), &options, &template, NULL), LQ_ERR_SYNTAX);
    assert_int_equal(lq_parse(str("{% if 1 < 'a' %}{% endif %}"), &options, &template, NULL),
                     LQ_OK);
    assert_int_equal(lq_render(template, NULL, &options, &output, NULL), LQ_ERR_ARGUMENT);
    lq_template_destroy(template);
    lq_template_destroy(NULL);
    lq_value_destroy(NULL);
    assert_int_equal(heap.live, 0);
}

static void
template_is_reusable(void **state)
{
    struct heap heap = { 0 };
    struct lq_options options = make_options(&heap);
    struct lq_template *template = NULL;
    char text[] = "{% assign a = a | default: 1 | plus: 1 %}{{ a }}";

    (void) state;
    assert_int_equal(lq_parse(str(text), &options, &template, NULL), LQ_OK);
    memset(text, 'x', sizeof(text) - 1); /* the source need not outlive the call */
    for (int i = 0; i < 3; i++)
    {
        struct lq_str output;

        assert_int_equal(lq_render(template, NULL, &options, &output, NULL), LQ_OK);
        assert_string_equal(output.data, "2");
        free_output(&options, output);
    }
    lq_template_destroy(template);
    assert_int_equal(heap.live, 0);
}

/* What a long life of a process comes to: nothing is held from one rendering to the next. */
static void
a_million_renders(void **state)
{
    struct heap heap = { 0 };
    struct lq_options options = make_options(&heap);
    struct lq_template *template = NULL;
    struct lq_value *data = lq_object(&options.mem);
    size_t live;

    (void) state;
    assert_true(lq_object_put(data, str("name"), lq_string(&options.mem, str("Ann"))));
    assert_int_equal(
        lq_parse(str("Hi {{ name | upcase }}{% if a %}!{% endif %}"), &options, &template, NULL),
        LQ_OK);
    live = heap.live;
    for (int i = 0; i < 1000000; i++)
    {
        struct lq_str output;

        assert_int_equal(lq_render(template, data, &options, &output, NULL), LQ_OK);
        free_output(&options, output);
        assert_int_equal(heap.live, live);
    }
    lq_template_destroy(template);
    lq_value_destroy(data);
    assert_int_equal(heap.live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_fails),     cmocka_unit_test(sizes_overflow),
        cmocka_unit_test(errors_leak_nothing),  cmocka_unit_test(error_may_be_null),
        cmocka_unit_test(template_is_reusable), cmocka_unit_test(a_million_renders),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("liquid_memory", tests, NULL, NULL);
}
