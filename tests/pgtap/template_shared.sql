-- template_shared: templates that others use by name: publishing, pins, locales, translations, dependencies.
begin;
select * from no_plan();

create function publish(template text) returns integer language sql as $$ select herald.notify_template_publish(template) $$;
create function part(template text, channel text, part text, source text, locale text default '') returns integer
language sql as $$ select herald.notify_template_part(template, channel, part, source, locale) $$;
create function hint_of(statement text) returns text language plpgsql as $$
declare v_hint text;
begin
    execute statement;
    return null;
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return v_hint;
end
$$;

select herald.notify_template(name) from unnest(array['footer', 'signature', 'order', 'translations']) name \g /dev/null
select part('order', 'email', 'subject', 'Order') \g /dev/null
select is(part('order', 'email', 'html', '<p>{{ no }}</p>{% render "footer", shop: shop %}'), 1,
          'a draft may use what is not there yet');
select is(uses, '{footer}', 'what it uses is known') from herald.template_part where part = 'html';
select throws_ok($$select publish('order')$$, '55000', 'template "order" version 1 uses "footer", which is not published');
select is(hint_of($$select publish('order')$$),
          'Publish "footer" first: what is shared are its parts of channel shared.', 'the hint says what to do');
select part('order', 'email', 'text', '{% include "foter" %}') \g /dev/null
select part('footer', 'shared', 'body', E'{% if shop %}\n{{ shop }}, {% render "signature" %}{% endif %}') \g /dev/null
select throws_ok($$select publish('footer')$$, '55000', 'template "footer" version 1 uses "signature", which is not published');
select part('signature', 'shared', 'body', 'your team') \g /dev/null
select part('signature', 'shared', 'body', 'dein Team', 'de') \g /dev/null
select is(publish('signature'), 1, 'a shared template is published');
select is(publish('footer'), 1, 'and one that uses it');
select is(hint_of($$select publish('order')$$), 'Did you mean "footer"?', 'the hint names the nearest one');
select part('order', 'email', 'text', null) \g /dev/null
select is(publish('order'), 1, 'now the template can be published');

-- rendering
create function html(locale text default '', version integer default null) returns text language sql as $$
    select content from herald.notify_render('order', 'email', '{"no": 7, "shop": "A & B"}', locale, version => version)
     where part = 'html'
$$;
select is(html(), E'<p>7</p>\nA &amp; B, your team', 'shared templates are escaped as the part that uses them');
select is(html('de-AT'), E'<p>7</p>\nA &amp; B, dein Team', 'and fall back by locale');
select results_eq($$select content from herald.notify_render('signature', 'shared', locale => 'de')$$,
                  $$values ('dein Team')$$, 'a shared body is rendered by itself');

-- what is published never changes
select part('signature', 'shared', 'body', 'all of us') \g /dev/null
select is(publish('signature'), 2, 'a new version of what is shared');
select is(html(), E'<p>7</p>\nA &amp; B, your team', 'does not change a published version');
select results_eq(
    $$select template, version, current, used, used_version, outdated from herald.template_dependency order by 1, 4$$,
    $$values ('footer', 1, true, 'signature', 1, true), ('order', 1, true, 'footer', 1, false),
             ('order', 1, true, 'signature', 1, true)$$, 'dependencies are listed, those of dependencies too');
select is(part('order', 'email', 'subject', 'Order 2'), 2, 'a draft');
select is(html(version => 2), E'<p>7</p>\nA &amp; B, all of us', 'uses what is published now');
select results_eq($$select used, used_version, current from herald.template_dependency where version = 2 and template = 'order'$$,
                  $$values ('footer', null::integer, false)$$, 'and its dependencies are listed');
select is(publish('order'), 2, 'publish');
select is(html(), E'<p>7</p>\nA &amp; B, all of us', 'its version keeps to the new one');
select herald.notify_template_rollback('order', 1) \g /dev/null
select is(html(), E'<p>7</p>\nA &amp; B, your team', 'the old one to the old one');

-- dependents
select part('footer', 'shared', 'body', 'short, {% render "signature" %}') \g /dev/null
select part('order', 'sms', 'text', 'draft') \g /dev/null
select throws_ok($$select herald.notify_template_publish('footer', dependents => true)$$, '55000',
                 'template "order" uses "footer" and has a draft');
select herald.notify_template_discard('order') \g /dev/null
select is(herald.notify_template_publish('footer', 'shorter', true), 2, 'dependents can be published with it');
select is(html(), E'<p>7</p>short, all of us', 'and use it at once');
select results_eq($$select version, comment from herald.template_versions where template = 'order' and state = 'current'$$,
                  $$values (3, 'shorter')$$, 'in a version of their own');
select is_empty($$select * from herald.template_dependency where current and outdated$$, 'nothing is outdated then');
select throws_ok($$select herald.notify_template_publish('footer', dependents => null)$$, '22004', 'dependents must not be null');

-- mode
select herald.notify_template('loose', mode => 'lax') \g /dev/null
select part('loose', 'sms', 'text', 'Hi {{ nobody }}!') \g /dev/null
select is(content, 'Hi !', 'a lax template takes what it does not know as empty')
  from herald.notify_render('loose', 'sms', version => 1);
select publish('loose') \g /dev/null
select herald.notify_template('loose', mode => 'strict') \g /dev/null
select is(content, 'Hi !', 'a published version keeps its mode') from herald.notify_render('loose', 'sms');
select part('loose', 'sms', 'text', 'Ho {{ nobody }}!') \g /dev/null
select throws_like($$select * from herald.notify_render('loose', 'sms', version => 2)$$, '%unknown variable "nobody"',
                   'the next one has the new mode');

-- errors inside of what is shared name it
select part('signature', 'shared', 'body', E'\n{{ team }}') \g /dev/null
select publish('signature') \g /dev/null
select herald.notify_template('mail') \g /dev/null
select part('mail', 'sms', 'text', 'Hi{% render "signature" %}') \g /dev/null
select publish('mail') \g /dev/null
select throws_ok($$select * from herald.notify_render('mail', 'sms')$$, '22023',
    'template "mail" version 1, channel sms, part text, shared template "signature": line 2, column 4: unknown variable "team"');
select part('footer', 'shared', 'body', '{% render "footer" %}') \g /dev/null
select publish('footer') \g /dev/null
select part('mail', 'sms', 'text', '{% render "footer" %}') \g /dev/null
select publish('mail') \g /dev/null
select throws_like($$select * from herald.notify_render('mail', 'sms')$$, '%nested more than 64 levels deep',
                   'what uses itself ends');

-- what one locale alone breaks is found when it is published
select part('mail', 'sms', 'text', '{% include "translations" %}') \g /dev/null
select part('translations', 'shared', 'body', 'fine') \g /dev/null
select part('translations', 'shared', 'body', '{% assign x = 1 %}{% include "order" %}', 'fr') \g /dev/null
select throws_like($$select publish('translations')$$, '%uses "order", which is not published',
                   'what has no shared body cannot be used');
select part('translations', 'shared', 'body', null, 'fr') \g /dev/null

-- translations
select throws_ok(format('select part(%L, %L, %L, %L)', 'translations', 'shared', 'translations', source), '22023', message)
  from (values ('{', 'translations are not valid JSON'), ('[]', 'translations must be an object'),
               ('{"a": {"b": 1}}', 'a translation must be a text'), ('{"a": ["x"]}', 'a translation must be a text'))
       v(source, message);
select part('translations', 'shared', 'translations', '{"hello": "Hello"}') \g /dev/null
select part('translations', 'shared', 'translations', '{"hello": "Hallo"}', 'de') \g /dev/null
select publish('translations') \g /dev/null
select part('mail', 'shared', 'translations', '{"hello": "Hi"}') \g /dev/null
select publish('mail') \g /dev/null
select results_eq($$select name, source from herald.template_sources('mail', 3, 'sms', 'de') where kind = 'translations'$$,
                  $$values ('mail', '{"hello": "Hi"}'), ('translations', '{"hello": "Hallo"}'),
                           ('translations', '{"hello": "Hello"}')$$,
                  'its own translations come first, then those of all');

-- tracking links
select is(herald.setting_value('tracking_url'), '', 'links are not tracked at first');
select throws_ok(format('select herald.notify_setting(%L, %L)', 'tracking_url', url), '22023', message)
  from (values ('t.example.com', 'tracking_url must begin with https:// or http://'),
               ('https://t.example.com/', 'setting tracking_url must have no query and not end in a slash'),
               ('https://t.example.com/?a', 'setting tracking_url must have no query and not end in a slash')) v(url, message);
select herald.notify_template('linked') \g /dev/null
select part('linked', 'sms', 'text', '{{ "https://a.example/b" | tracking_link }}') \g /dev/null
select is(content, 'https://a.example/b', 'then the filter prints the URL') from herald.notify_render('linked', 'sms', version => 1);
select publish('linked') \g /dev/null
select herald.notify_setting('tracking_url', 'https://t.example.com/x') \g /dev/null
select is(content, 'https://a.example/b', 'a published version keeps that') from herald.notify_render('linked', 'sms');
select is(part('linked', 'sms', 'text', '{% for i in (1..n) %}{{ "https://a.example/b" | tracking_link }} {% endfor %}'), 2, 'a draft');
select is(content, 'https://t.example.com/x/c/AAAAAAAAAAAAAAAAAAAAAA/1 ', 'a preview prints a link that leads nowhere')
  from herald.notify_render('linked', 'sms', '{"n": 1}', version => 2);
select throws_like($$select herald.notify_render('linked', 'sms', '{"n": 1001}', version => 2)$$,
                   '%no tracking link could be made', 'at most 1000 links');
select is(herald.link_target(token, 1), null, coalesce(token, 'null'))
  from unnest(array['AAAAAAAAAAAAAAAAAAAAAA', '', 'x', null, 'AAAAAAAAAAAAAAAAAAAAAB', 'AAAAAAAAAAAAAAAAAAAA/A']) token;

-- a template that is only shared is not sent
select herald.notify_recipient('ann', 'ann@example.com') \g /dev/null
select throws_ok($$select herald.notify_send('signature', 'ann')$$, '55000',
                 'template "signature" is only for use by other templates');

-- a source by itself
select is(herald.liquid_render('Hi {{ name }}{% render "s", n: 2 %}', '{"name": "<Ann>"}', '{"s": "!{{ n }}"}', escape => 'html'),
          'Hi &lt;Ann&gt;!2', 'liquid_render');
select is(herald.liquid_render('{{ nobody }}', strict => false), '', 'lax');
select is(herald.liquid_render(E'a\n{{ b }}', '{"b": "c\nd"}', escape => 'header'), 'a c d', 'a header is one line');
select is(herald.liquid_render(E'a: 1\n{{ b }}', '{"b": "c\nd"}', escape => 'headers'), E'a: 1\nc d',
          'headers end where the template ends them');
select throws_ok($$select herald.liquid_render('', escape => 'htm')$$, '22023', 'unknown escape "htm"');
select is(herald.liquid_render('{{ "a.b" | t: n: 2 }}', translations => array['{"x": "y"}', '{"a": {"b": "{{ n }} c"}}']::jsonb[]), '2 c', 'translations');
select throws_ok($$select herald.liquid_render('{{ nobody }}')$$, '22023', 'source: line 1, column 4: unknown variable "nobody"');
select throws_ok($$select herald.liquid_render('{% render "x" %}')$$, '42601', 'source: line 1, column 1: unknown partial "x"');
select throws_ok($$select herald.liquid_render(null)$$, '22004', 'source must not be null');
select throws_ok($$select herald.liquid_render('', '[]')$$, '22023', 'data must be an object');
select is(herald.liquid_render('{{ "now" | date: "%H:%M" }}', at => '2026-07-01 12:00Z', timezone => 'Europe/Berlin'), '14:00',
          'it prints times in the zone');

select * from finish();
rollback;
