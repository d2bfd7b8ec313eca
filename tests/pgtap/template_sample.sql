-- template_sample: samples, what was accepted for them, and rendering in strict and lax mode.
begin;
select * from no_plan();
select herald.notify_recipient('ann', phone => '+15005550006', locale => 'ko', attributes => '{"name": "Ann"}') \g /dev/null
select herald.notify_template('t') \g /dev/null
select herald.notify_template_part('t', channel, part, source, locale)
  from (values ('sms', 'text', '{{ n }} for {{ recipient.name }}', ''), ('sms', 'text', '{{ recipient.name }} 님 {{ n }}', 'ko'),
               ('email', 'subject', '{{ "now" | date: "%Y-%m-%d" }}', ''), ('email', 'html', '<b>{{ recipient.name }}</b>', ''))
       v(channel, part, source, locale) \g /dev/null

-- samples
select throws_ok('select herald.notify_template_sample(' || arguments || ')', state, message, arguments)
  from (values ('null, ''{}''', '22004', 'template must not be null'), ('''x'', ''{}''', '22023', 'unknown template "x"'),
               ('''t'', ''[]''', '22023', 'data must be an object'), ('''t'', ''{}'', null', '22004', 'sample must not be null'),
               ('''t'', ''{}'', ''A b''', '22023', 'sample is not a valid name'),
               ('''t'', ''{}'', ''a.golden''', '22023', 'sample must not end in ".golden"'),
               ('''t'', ''{}'', locale => null', '22004', 'locale must not be null'),
               ('''t'', ''{}'', locale => ''k_r''', '22023', 'locale is not a language tag')) v(arguments, state, message);
select throws_ok($$select herald.notify_template_accept('t')$$, '55000', 'template "t" has no sample');
select herald.notify_template_sample('t', '{"n": 1, "recipient": {"name": "<Bob>"}}') \g /dev/null
select herald.notify_template_sample('t', '{"n": 2, "recipient": {"name": "최"}}', 'korean', 'ko-KR') \g /dev/null
select results_eq('select sample, locale, data, golden from herald.template_sample order by 1', $$values
    ('korean', 'ko-KR', '{"n": 2, "recipient": {"name": "최"}}'::jsonb, null::jsonb), ('sample', '', '{"n": 1, "recipient": {"name": "<Bob>"}}', null)$$,
    'samples are kept');

-- tests
create function pg_temp.tests(version integer default null) returns setof text language sql as $$
    select concat_ws('|', sample, channel, part, passed, coalesce(expected, '-'), coalesce(actual, '-'), problem)
      from herald.notify_template_test('t', version) $$;
select results_eq('select * from pg_temp.tests()', $$values
    ('korean|email|html|t|-|<b>최</b>'), ('korean|email|subject|t|-|2026-01-01'), ('korean|sms|text|t|-|최 님 2'),
    ('sample|email|html|t|-|<b>&lt;Bob&gt;</b>'), ('sample|email|subject|t|-|2026-01-01'), ('sample|sms|text|t|-|1 for <Bob>')$$,
    'before anything is accepted a sample passes when it renders');
select is(herald.notify_template_accept('t'), 2, 'two samples are accepted');
select is(golden, '{"sms": {"text": "최 님 2"}, "email": {"html": "<b>최</b>", "subject": "2026-01-01"}}'::jsonb, 'with all they render to')
  from herald.template_sample where sample = 'korean';
select ok(bool_and(passed and expected = actual), 'and pass') from herald.notify_template_test('t');
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', '{{ n }}!') \g /dev/null
select herald.notify_template_part('t', 'email', 'html', null) \g /dev/null
select herald.notify_template_part('t', 'email', 'text', '{{ typo }}') \g /dev/null
select results_eq('select * from pg_temp.tests()', $$values
    ('korean|email|html|f|<b>최</b>|-|is not rendered any more'), ('korean|email|subject|t|2026-01-01|2026-01-01'),
    ('korean|email|text|f|-|-|template "t" version 2, channel email, part text, locale "ko-KR": line 1, column 4: unknown variable "typo"'),
    ('korean|sms|text|t|최 님 2|최 님 2'),
    ('sample|email|html|f|<b>&lt;Bob&gt;</b>|-|is not rendered any more'), ('sample|email|subject|t|2026-01-01|2026-01-01'),
    ('sample|email|text|f|-|-|template "t" version 2, channel email, part text: line 1, column 4: unknown variable "typo"'),
    ('sample|sms|text|f|1 for <Bob>|1!|differs from what was accepted')$$, 'a draft shows what it changes');
select ok(bool_and(passed), 'the published version still passes') from herald.notify_template_test('t', 1);
select throws_ok($$select herald.notify_template_accept('t')$$, '22023', null, 'what does not render is not accepted');
select herald.notify_template_part('t', 'email', 'text', 'fine') \g /dev/null
select results_eq($$select part, problem from herald.notify_template_test('t') where sample = 'sample' and part = 'text' and channel = 'email'$$,
                  $$values ('text', 'is not in what was accepted')$$, 'a part that is new');
select is(herald.notify_template_accept('t', 'sample'), 1, 'one sample is accepted');
select results_eq('select sample, bool_and(passed) from herald.notify_template_test(''t'') group by 1 order by 1',
                  $$values ('korean', false), ('sample', true)$$, 'by name');
select is(herald.notify_template_accept('t', 'korean', 1), 1, 'or as an older version renders it');
select throws_ok($$select herald.notify_template_accept('t', 'koren')$$, '22023', 'unknown sample of template "t" "koren"');
select throws_ok($$select herald.notify_template_accept('t', version => 7)$$, '22023', 'template "t" has no version 7');
select throws_ok($$select * from herald.notify_template_test('t', 7)$$, '22023', 'template "t" has no version 7');

-- declared variables are checked and filled in; the recipient of a sample is none of them
select herald.notify_template_variables('t', '{"additionalProperties": false, "properties": {"n": {"type": "integer"}, "m": {"default": 3}}}') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', '{{ n }}{{ m }}') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', null, 'ko') \g /dev/null
select herald.notify_template_sample('t', '{"n": "x"}', 'wrong') \g /dev/null
select results_eq($$select sample, channel, actual, problem from herald.notify_template_test('t') where channel is distinct from 'email'$$, $$values
    ('korean', 'sms', '23', 'differs from what was accepted'), ('sample', 'sms', '13', 'differs from what was accepted'),
    ('wrong', null, null, 'data.n must be an integer')$$, 'declared variables hold for samples');
select herald.notify_template_sample('t', null, 'wrong') \g /dev/null
select is(count(*), 2::bigint, 'null data removes a sample') from herald.template_sample;
select lives_ok($$select herald.notify_template_sample('t', null, 'wrong')$$, 'even one that is not there');

-- rendering with a sample; argument, recipient, sample: whose locale
select results_eq(format('select content from herald.notify_render(''t'', ''sms'', %s, version => 1)', arguments), format('values (%L)', wanted), arguments)
  from (values ('null', '1 for <Bob>'), ('null, sample => ''korean''', '최 님 2'), ('null, ''de'', sample => ''korean''', '2 for 최'),
               ('null, recipient => ''ann''', 'Ann 님 1'), ('''{"n": 5, "recipient": {"name": "x"}}'', recipient => ''ann''', 'Ann 님 5')) v(arguments, wanted);
select herald.notify_template_publish('t') \g /dev/null
select results_eq($$select content from herald.notify_preview('t', 'ann', null) where channel = 'sms'$$, $$values ('13')$$, 'a preview too');
select results_eq($$select content from herald.notify_preview('t', 'ann', '{"n": 4}') where channel = 'sms'$$, $$values ('43')$$, 'with defaults');
select throws_ok($$select * from herald.notify_preview('t', 'ann', '{"n": "x"}')$$, '22023', 'data.n must be an integer');
select throws_ok($$select * from herald.notify_render('t', 'sms', '{"n": "x"}')$$, '22023', 'data.n must be an integer');

-- modes
select herald.notify_template('u') \g /dev/null
select herald.notify_template_part('u', 'sms', 'text', '[{{ typo }}]') \g /dev/null
select herald.notify_template_sample('u', '{}') \g /dev/null
select herald.notify_template_publish('u') \g /dev/null
select throws_like($$select * from herald.notify_render('u', 'sms')$$, '%unknown variable "typo"', 'strict at first');
select results_eq($$select content from herald.notify_render('u', 'sms', mode => 'lax')$$, $$values ('[]')$$, 'lax for once');
select results_eq($$select content from herald.notify_preview('u', 'ann', mode => 'lax') where channel = 'sms'$$, $$values ('[]')$$, 'in a preview too');
select herald.notify_send('u', 'ann') as id \gset
select throws_like(format('select * from herald.notify_replay_preview(%L)', :'id'), '%unknown variable "typo"');
select herald.notify_template('u', mode => 'lax') \g /dev/null
select throws_like($$select * from herald.notify_render('u', 'sms')$$, '%unknown variable "typo"', 'a version keeps its mode');
select herald.notify_template_part('u', 'sms', 'text', '[{{ typo }}{{ 1 | nonsense: 2 }}]') \g /dev/null
select herald.notify_template_publish('u') \g /dev/null
select results_eq($$select content from herald.notify_render('u', 'sms')$$, $$values ('[1]')$$, 'the next one is lax');
select throws_like(format('select * from herald.notify_replay_preview(%L)', :'id'), '%unknown variable "typo"', 'a replay is as it was');
select results_eq($$select content from herald.notify_preview('u', 'ann') where channel = 'sms'$$, $$values ('[1]')$$, 'a preview has it');
select results_eq($$select actual from herald.notify_template_test('u')$$, $$values ('[1]')$$, 'and a test');
select throws_like($$select * from herald.notify_render('u', 'sms', mode => 'strict')$$, '%unknown filter "nonsense"%', 'strict for once');

-- ceilings
select herald.notify_template_sample('t', '{"n": 1}', 's' || i) from generate_series(1, 98) i \g /dev/null
select throws_ok($$select herald.notify_template_sample('t', '{"n": 1}', 's99')$$, '54000', 'template "t" has 100 samples already');
select lives_ok($$select herald.notify_template_sample('t', '{"n": 2}', 's98')$$, 'those there can change');
select herald.notify_template_part('u', 'push', part, repeat('x', 1000000)) from unnest(array['title', 'body', 'subtitle', 'sound', 'image']) part \g /dev/null
select throws_ok($$select herald.notify_template_accept('u')$$, '54000', 'sample "sample" renders to more than 4194304 bytes');

-- the history
select results_eq($$select action, version, detail->>'sample' from herald.template_history where action ~ 'sample|golden' and template = 't' order by id limit 9$$, $$values
    ('sample', null, 'sample'), ('sample', null, 'korean'), ('golden', 1, 'korean'), ('golden', 1, 'sample'), ('golden', 2, 'sample'),
    ('sample', null, 'wrong'), ('sample_remove', null, 'wrong'), ('sample', null, 's1'), ('sample', null, 's2')$$, 'each change is recorded, what changes nothing is not');

-- authors
create role herald_test_author login in role herald_author;
select herald.notify_template_grant('herald_test_author', 't', 'publish') \g /dev/null
create function pg_temp.try(statement text) returns text language plpgsql as $$
begin
    set local session authorization herald_test_author;
    execute statement;
    reset session authorization;
    return 'ok';
exception when others then
    return sqlerrm;
end
$$;
grant execute on function pg_temp.try(text) to public;
select is(pg_temp.try(statement), wanted, statement)
  from (values ($$select * from herald.notify_render('t', 'sms', null)$$, 'ok'), ($$select * from herald.notify_template_test('t')$$, 'ok'),
               ($$select * from herald.notify_render('t', 'sms', null, recipient => 'ann')$$, 'only operators may use the attributes of a recipient'),
               ($$select * from herald.notify_render('u', 'sms')$$, 'role "herald_test_author" may not read template "u"'),
               ($$select * from herald.notify_template_test('u')$$, 'role "herald_test_author" may not read template "u"'),
               ($$select * from herald.notify_template_diff('u')$$, 'role "herald_test_author" may not read template "u"'),
               ($$select herald.notify_template_sample('t', '{}')$$, 'role "herald_test_author" may not edit template "t"'),
               ($$select herald.notify_template_accept('t')$$, 'role "herald_test_author" may not edit template "t"'),
               ($$select herald.notify_template_variables('t', '{}')$$, 'role "herald_test_author" may not edit template "t"'),
               ($$select * from herald.notify_preview('t', 'ann')$$, 'permission denied for function notify_preview')) v(statement, wanted);

select * from finish();
rollback;
