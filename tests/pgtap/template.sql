-- template: categories, templates, their drafts and versions, template_check and template_sources.
begin;
select * from no_plan();

-- categories
select herald.notify_category('orders', 'About orders', '{email,push,email}', true, 'at_most_once', 3, '1 hour') \g /dev/null
select results_eq(
    $$select name, description, channels::text[], mandatory, policy::text, max_attempts, max_age from herald.category$$,
    $$values ('orders', 'About orders', '{push,email}'::text[], true, 'at_most_once', 3, '1 hour'::interval)$$,
    'a category holds its policy');
select herald.notify_category('orders') \g /dev/null
select results_eq($$select channels, mandatory, policy::text, max_attempts, max_age from herald.category$$,
                  $$values (null::herald.channel[], false, 'at_least_once', 12, '24 hours'::interval)$$,
                  'the second call replaces it');
select herald.notify_category('orders', topics => true) \g /dev/null
select is(topics, true, 'a category may allow topics') from herald.category where name = 'orders';
select herald.notify_category('orders') \g /dev/null
select is(topics, false, 'and does not unless it is said') from herald.category where name = 'orders';
select throws_ok('select herald.notify_category(' || arguments || ')', state, message, arguments)
  from (values ('null', '22004', 'name must not be null'), (''''', null', '22004', null),
               ('''A''', '22023', 'name is not a valid name'),
               ('''a'', null', '22004', 'description must not be null'),
               ('''a'', repeat(''x'', 4097)', '54000', 'description is longer than 4096 bytes'),
               ('''a'', channels => ''{}''', '22023', 'channels must name between 1 and 7 channels'),
               ('''a'', channels => ''{pusch}''', '22023', 'unknown channel "pusch"'),
               ('''a'', channels => ''{null}''', '22004', 'channel must not be null'),
               ('''a'', mandatory => null', '22004', 'mandatory must not be null'),
               ('''a'', policy => null', '22004', 'policy must not be null'),
               ('''a'', policy => ''exactly_once''', '22023', 'unknown policy "exactly_once"'),
               ('''a'', max_attempts => null', '22004', 'max_attempts must not be null'),
               ('''a'', max_attempts => 0', '22023', 'max_attempts must lie between 1 and 100'),
               ('''a'', max_attempts => 101', '22023', 'max_attempts must lie between 1 and 100'),
               ('''a'', topics => null', '22004', 'topics must not be null'),
               ('''a'', max_age => null', '22004', 'max_age must not be null'),
               ('''a'', max_age => ''999 ms''', '22023', 'max_age must lie between 1 second and 30 days'),
               ('''a'', max_age => ''30 days 1 s''', '22023', 'max_age must lie between 1 second and 30 days'))
       v(arguments, state, message)
 where arguments <> ''''', null';
select lives_ok(format('select herald.notify_category(%L, max_attempts => %s, max_age => %L)', 'a', n, age), age)
  from (values (1, '1 second'), (100, '30 days')) v(n, age);

-- templates
select herald.notify_template('welcome', 'Says hello', 'orders') \g /dev/null
select throws_ok($$select herald.notify_template(null)$$, '22004', 'name must not be null');
select throws_ok($$select herald.notify_template('We lcome')$$, '22023', 'name is not a valid name');
select throws_ok($$select herald.notify_template('welcome', null)$$, '22004', 'description must not be null');
select throws_ok($$select herald.notify_template('welcome', category => 'order')$$, '22023', 'unknown category "order"');
select throws_ok($$select herald.notify_template_publish('welcome')$$, '55000', 'template "welcome" has no draft to publish');
do $$
declare v_hint text;
begin
    perform herald.notify_template('welcome', category => 'order');
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    perform set_config('test.hint', v_hint, true);
end
$$;
select is(current_setting('test.hint'), 'Did you mean "orders"?', 'the hint names the nearest category');

select throws_ok($$select herald.notify_template('welcome', mode => 'loose')$$, '22023', 'unknown mode "loose"');
select throws_ok($$select herald.notify_template('welcome', tags => '{Bad}')$$, '22023', 'tag is not a valid name');
select throws_ok($$select herald.notify_template('welcome', tags => '{null}')$$, '22004', 'tag must not be null');
select throws_ok($$select herald.notify_template('welcome', tags => array(select 't' || i from generate_series(1, 33) i))$$, '54000',
                 'tags has more than 32 elements');
select lives_ok($$select herald.notify_template('welcome', 'Says hello', 'orders', '{x,b,x}', 'lax')$$);
select herald.notify_template('welcome', 'Says hello', 'orders') \g /dev/null
select results_eq('select tags, mode from herald.template', $$values ('{b,x}'::text[], 'lax')$$, 'tags once each; null leaves tags and mode');
select herald.notify_template('welcome', 'Says hello', 'orders', '{}', 'strict') \g /dev/null
select results_eq('select tags, mode from herald.template', $$values ('{}'::text[], 'strict')$$, 'they change back');

-- drafts
select is(herald.notify_template_part('welcome', 'email', 'subject', 'Hello {{ name }}'), 1, 'the first draft is version 1');
select is(herald.notify_template_part('welcome', 'email', 'text', 'Hello!'), 1, 'it grows');
select is(herald.notify_template_part('welcome', 'email', 'subject', 'Hi {{ name }}'), 1, 'and changes');
select is(herald.notify_template_part('welcome', 'email', 'subject', '안녕 {{ name }}', 'ko'), 1, 'by locale');
select is(published_version, null, 'nothing is published yet') from herald.template;
select throws_ok('select herald.notify_template_part(' || arguments || ')', state, message, arguments)
  from (values ('null, ''sms'', ''text'', ''x''', '22004', 'template must not be null'),
               ('''welcom'', ''sms'', ''text'', ''x''', '22023', 'unknown template "welcom"'),
               ('''welcome'', null, ''text'', ''x''', '22004', 'channel must not be null'),
               ('''welcome'', ''smss'', ''text'', ''x''', '22023', 'unknown channel "smss"'),
               ('''welcome'', ''shared'', ''text'', ''x''', '22023', 'unknown part of channel shared "text"'),
               ('''welcome'', ''sms'', null, ''x''', '22004', 'part must not be null'),
               ('''welcome'', ''sms'', ''title'', ''x''', '22023', 'unknown part of channel sms "title"'),
               ('''welcome'', ''sms'', ''text'', ''x'', null', '22004', 'locale must not be null'),
               ('''welcome'', ''sms'', ''text'', ''x'', ''k_r''', '22023', 'locale is not a language tag'),
               ('''welcome'', ''sms'', ''text'', repeat(''x'', 1048577)', '54000', 'source is longer than 1048576 bytes'))
       v(arguments, state, message);
select lives_ok($$select herald.notify_template_part('welcome', 'sms', 'text', repeat('x', 1048576))$$, 'a source of 1 MB');
select is(herald.notify_template_part('welcome', 'sms', 'text', null), 1, 'a null source removes the part');
select is(count(*), 0::bigint, 'really') from herald.template_part where channel = 'sms';

-- sources that do not parse are refused when they are saved
select throws_like(format('select herald.notify_template_part(%L, %L, %L, %L)', 'welcome', 'sms', 'text', source),
                   'part text: line 2, column %', source)
  from unnest(array[E'a\n{{', E'a\n{%', E'a\n{% if %}', E'a\n{% endif %}', E'a\n{% raw %}', E'a\n{{ a | nofilter }}',
                    E'a\n{% notag %}', E'a\n{{ a']) source;
select throws_ok(format('select herald.notify_template_part(%L, %L, %L, %L)', 'welcome', 'sms', 'text', '{% endif %}'), '42601');
select throws_ok($$select herald.template_check(repeat('{% if a %}', 1000), 'text')$$, '54000');
select throws_ok($$select herald.template_check(null, 'text')$$, '22004', 'source must not be null');
select throws_ok($$select herald.template_check('x', null)$$, '22004', 'part must not be null');
select throws_like($$select herald.template_check('{{', 'text', 'here')$$, 'here: line 1, column %');

-- publishing
select is(herald.notify_template_part('welcome', 'push', 'subtitle', 'x'), 1, 'a channel without its required parts');
select throws_ok($$select herald.notify_template_publish('welcome')$$, '22023',
                 'template "welcome": channel push has no title, body or options in the default locale');
select herald.notify_template_part('welcome', 'push', 'body', 'x', 'ko') \g /dev/null
select throws_ok($$select herald.notify_template_publish('welcome')$$, '22023',
                 'template "welcome": channel push has no title, body or options in the default locale');
select herald.notify_template_part('welcome', 'push', 'body', 'y') \g /dev/null
update herald.template_part set source = 'ok {% if %}' where part = 'subtitle';
select throws_like($$select herald.notify_template_publish('welcome')$$,
                   'template "welcome" version 1, channel push, part subtitle: line 1, column %');
select herald.notify_template_part('welcome', 'push', 'subtitle', null) \g /dev/null
select throws_ok($$select herald.notify_template_publish('welcome', null)$$, '22004', 'comment must not be null');
select throws_ok($$select herald.notify_template_publish('welcome', repeat('x', 4097))$$, '54000', 'comment is longer than 4096 bytes');
select throws_ok($$select herald.notify_template_publish('nothing')$$, '22023', 'unknown template "nothing"');
select is(herald.notify_template_publish('welcome', 'first'), 1, 'a draft is published');
select results_eq($$select comment, published_at is not null from herald.template_version$$, $$values ('first', true)$$,
                  'with a comment');
select throws_ok($$select herald.notify_template_publish('welcome')$$, '55000', 'template "welcome" has no draft to publish',
                 'once');

-- required parts of every channel
select herald.notify_template('bare') \g /dev/null
create function pg_temp.publish_only(channel text, part text) returns text language plpgsql as $$
begin
    perform herald.notify_template_part('bare', channel, part, 'x');
    perform herald.notify_template_publish('bare');
    raise exception 'published';
exception when others then
    return sqlerrm;
end
$$;
select is(pg_temp.publish_only(channel, part), wanted, channel || ' with ' || part)
  from (values ('push', 'title', 'published'), ('push', 'body', 'published'),
               ('push', 'data', 'template "bare": channel push has no title, body or options in the default locale'),
               ('sms', 'text', 'published'), ('voice', 'text', 'published'), ('chat', 'text', 'published'),
               ('webhook', 'body', 'published'),
               ('email', 'subject', 'template "bare": channel email has no text or html in the default locale'),
               ('email', 'text', 'template "bare": channel email has no subject in the default locale'),
               ('email', 'html', 'template "bare": channel email has no subject in the default locale'),
               ('inapp', 'title', 'template "bare": channel inapp has no body in the default locale'),
               ('inapp', 'body', 'template "bare": channel inapp has no title in the default locale'))
       v(channel, part, wanted);

-- a published version never changes; the next draft is a copy
select is(herald.notify_template_part('welcome', 'email', 'text', 'Second'), 2, 'a change begins version 2');
select results_eq(
    $$select version, count(*) from herald.template_part group by version order by version$$,
    $$select v, (select count(*) from herald.template_part where version = 1) from generate_series(1, 2) v$$,
    'which has all parts of version 1');
select is(source, 'Hello!', 'version 1 stays') from herald.template_part where version = 1 and part = 'text';
select is(published_version, 1, 'and stays published') from herald.template where name = 'welcome';
select is(herald.notify_template_publish('welcome'), 2, 'version 2 is published');

-- rollback
select is(herald.notify_template_rollback('welcome', 1), 1, 'back to version 1');
select is(published_version, 1, 'it is what sends use') from herald.template where name = 'welcome';
select herald.notify_template_part('welcome', 'email', 'text', 'Third') \g /dev/null
select is(source, 'Hi {{ name }}', 'the next draft is a copy of the latest')
  from herald.template_part where version = 3 and part = 'subject' and locale = '';
select throws_ok($$select herald.notify_template_rollback('welcome', 3)$$, '22023',
                 'template "welcome" has no published version 3');
select throws_ok($$select herald.notify_template_rollback('welcome', 99)$$, '22023');
select throws_ok($$select herald.notify_template_rollback('welcome', null)$$, '22004', 'version must not be null');
select throws_ok($$select herald.notify_template_rollback('w', 1)$$, '22023', 'unknown template "w"');

-- versions and drafts that are given up
select results_eq($$select version, state, comment, created_by, published_by, published_at is not null from herald.template_versions
                     where template = 'welcome' order by version$$,
    $$values (1, 'current', 'first', session_user::text collate "default", session_user::text collate "default", true), (2, 'published', '', session_user::text, session_user::text, true),
             (3, 'draft', '', session_user::text, null, false)$$, 'versions and their states');
select is(herald.notify_template_discard('welcome'), 3, 'a draft is discarded');
select is_empty($$select from herald.template_part where template = 'welcome' and version = 3$$, 'with its parts');
select throws_ok($$select herald.notify_template_discard('welcome')$$, '55000', 'template "welcome" has no draft to discard');
select throws_ok($$select herald.notify_template_discard('w')$$, '22023', 'unknown template "w"');
select is(published_version, 1, 'what is published stays') from herald.template where name = 'welcome';
select is(herald.notify_template_part('welcome', 'email', 'text', 'Third'), 3, 'the next draft begins anew');

-- sources by locale
select results_eq(
    format($$select name, source from herald.template_sources('welcome', 1, 'email', %L) where kind = 'part'$$, locale),
    format($$values ('subject', %L), ('text', 'Hello!')$$, subject), format('locale "%s"', locale))
  from (values ('', 'Hi {{ name }}'), ('ko', '안녕 {{ name }}'), ('ko-KR', '안녕 {{ name }}'),
               ('ko-Kore-KR', '안녕 {{ name }}'), ('kor', 'Hi {{ name }}'), ('de', 'Hi {{ name }}')) v(locale, subject);
select herald.notify_template_part('welcome', 'email', 'subject', '안녕 KR', 'ko-KR') \g /dev/null
select results_eq($$select source from herald.template_sources('welcome', 3, 'email', 'ko-KR') where name = 'subject'$$,
                  $$values ('안녕 KR')$$, 'the exact locale comes first');
select is(herald.locale_chain('zh-Hant-TW'), '{zh-Hant-TW,zh-Hant,zh,""}', 'each shorter locale is tried');
select is(herald.locale_chain(''), '{""}', 'no locale is the default alone');

select * from finish();
rollback;
