-- render: notify_render, notify_preview and notify_replay_preview.
begin;
select * from no_plan();
select herald.notify_category('orders') \g /dev/null
select herald.notify_template('t', category => 'orders') \g /dev/null
select herald.notify_template_part('t', channel, part, source, locale)
  from (values ('sms', 'text', '{{ n }} {{ recipient.name }} {{ notification.template }} {{ notification.category }}', ''),
               ('sms', 'text', '{{ n }} 님', 'ko'),
               ('email', 'subject', '{{ s }}', ''), ('email', 'html', '<b>{{ s }}</b>', ''), ('email', 'text', '{{ s }}', ''),
               ('push', 'title', '{{ "now" | date: "%Y-%m-%d %H:%M" }}', ''), ('push', 'data', '{"n": {{ n }}}', ''),
               ('webhook', 'body', '{{ n }}', '')) v(channel, part, source, locale) \g /dev/null
select throws_ok($$select * from herald.notify_render('t', 'sms')$$, '55000', 'template "t" has no published version');
select herald.notify_recipient('ann', 'ann@example.org', '+15005550006', timezone => 'Asia/Seoul',
                               attributes => '{"name": "Ann", "id": "x"}') \g /dev/null
select results_eq($$select * from herald.notify_render('t', 'sms', '{"n": 1, "recipient": 2}', recipient => 'ann', version => 1)$$,
                  $$values ('text', '1 Ann t orders')$$, 'a draft can be rendered; "recipient" is not data''s');
select herald.notify_template_publish('t') \g /dev/null

-- values
select results_eq(format($$select content from herald.notify_render('t', 'sms', %L, recipient => 'ann')$$, format('{"n": %s}', given)),
                  format($$values (%L)$$, wanted || ' Ann t orders'), given)
  from (values ('1', '1'), ('-7', '-7'), ('12345678901234567890', '12345678901234567890'), ('9007199254740993', '9007199254740993'),
               ('1.5', '1.5'), ('true', 'true'), ('null', ''), ('"x"', 'x'), ('[1, "a"]', '1a'),
               ('"{{ recipient.name }}"', '{{ recipient.name }}'), ('""', '')) v(given, wanted);
select results_eq($$select * from herald.notify_render('t', 'email', '{"s": "a<b>&\"c"}') order by part$$,
                  $$values ('html', '<b>a&lt;b&gt;&amp;&quot;c</b>'), ('subject', 'a<b>&"c'), ('text', 'a<b>&"c')$$,
                  'only html is escaped');
select results_eq($$select * from herald.notify_render('t', 'email', '{"s": "\n a\r\nBcc: b\n"}') order by part$$,
                  E'values (\'html\', E\'<b>\\n a\\r\\nBcc: b\\n</b>\'), (\'subject\', \'a Bcc: b\'), (\'text\', E\'\\n a\\r\\nBcc: b\\n\')',
                  'a subject is one line');
select herald.notify_template('digest', category => 'orders') \g /dev/null
select herald.notify_template_part('digest', 'sms', 'text', '{{ s | md5 }} {{ s | sha256 }}') \g /dev/null
select results_eq(format($$select content from herald.notify_render('digest', 'sms', jsonb_build_object('s', %L), version => 1)$$, s),
                  format($$values (md5(%L) || ' ' || encode(sha256(%L::bytea), 'hex'))$$, s, s), 'digests are the server''s')
  from (values (''), ('höhe'), (repeat('x', 100000))) v(s);
select results_eq($$select content from herald.notify_render('t', 'sms', '{"n": 1}', locale => 'ko-KR')$$, $$values ('1 님')$$,
                  'the locale falls back to its language');
select results_eq(
    $$select content from herald.notify_render('t', 'push', '{"n": 1}', recipient => 'ann') where part = 'title'$$,
    $$values (to_char(now() at time zone 'Asia/Seoul', 'YYYY-MM-DD HH24:MI'))$$, 'times are the recipient''s');
select results_eq(
    $$select content from herald.notify_render('t', 'push', '{"n": 1}') where part = 'title'$$,
    $$values (to_char(now() at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))$$, 'or UTC');

-- errors name the place
select throws_ok($$select * from herald.notify_render('t', 'sms', recipient => 'ann')$$, '22023', null, 'an unknown variable');
select throws_like($$select * from herald.notify_render('t', 'sms', recipient => 'ann')$$,
                   'template "t" version 1, channel sms, part text: line 1, column %: %"n"%');
select throws_like($$select * from herald.notify_render('t', 'sms', locale => 'ko')$$,
                   'template "t" version 1, channel sms, part text, locale "ko": line 1, column %');
select throws_ok($$select * from herald.notify_render('t', 'push', '{"n": "x"}')$$, '22023',
                 'template "t" version 1, channel push, part data: does not render to valid JSON');
select throws_ok($$select * from herald.notify_render('t', 'webhook', '{"n": "x"}')$$, '22023',
                 'template "t" version 1, channel webhook, part body: does not render to valid JSON');
select lives_ok($$select * from herald.notify_render('t', 'webhook', '{"n": "[1]"}')$$, 'a webhook takes any JSON');
select throws_ok($$select * from herald.notify_render('t', 'chat')$$, '22023',
                 'template "t" version 1 has no parts for channel "chat"');
select throws_ok('select * from herald.notify_render(' || arguments || ')', state, message, arguments)
  from (values ('null, ''sms''', '22004', 'template must not be null'), ('''x'', ''sms''', '22023', 'unknown template "x"'),
               ('''t'', null', '22004', 'channel must not be null'), ('''t'', ''fax''', '22023', 'unknown channel "fax"'),
               ('''t'', ''sms'', null', '22023', 'unknown sample of template "t" "sample"'),
               ('''t'', ''sms'', mode => ''loose''', '22023', 'unknown mode "loose"'), ('''t'', ''sms'', ''[]''', '22023', 'data must be an object'),
               ('''t'', ''sms'', locale => null', '22004', 'locale must not be null'),
               ('''t'', ''sms'', locale => ''../x''', '22023', 'locale is not a language tag'),
               ('''t'', ''sms'', recipient => ''nobody''', '22023', 'unknown recipient "nobody"'),
               ('''t'', ''sms'', version => 7', '22023', 'template "t" has no version 7')) v(arguments, state, message);

-- ceilings and cancellation
select herald.notify_template_part('t', 'sms', 'text', source) from (values ('{% for i in (1..1000000000) %}{% endfor %}')) v(source) \g /dev/null
select throws_ok($$select * from herald.notify_render('t', 'sms', version => 2)$$, '54000', null, 'an endless loop ends');
select herald.notify_template_part('t', 'sms', 'text', '{% assign s = "xxxxxxxxxx" %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}') \g /dev/null
select throws_ok($$select * from herald.notify_render('t', 'sms', version => 2)$$, '54000', null, 'a growing text ends');
select herald.notify_template_part('t', 'sms', 'text', '{{ a.b.c.d }}') \g /dev/null
select lives_ok(format($$select * from herald.notify_render('t', 'sms', %L, version => 2)$$,
                       '{"a": {"b": {"c": {"d": 1}}}, "deep": ' || repeat('[', 63) || repeat(']', 63) || '}'), '64 levels of data');
select throws_ok(format($$select * from herald.notify_render('t', 'sms', %L, version => 2)$$,
                        '{"deep": ' || repeat('[', 64) || repeat(']', 64) || '}'), '54000', 'data is nested deeper than 64 levels');

-- zones and languages, as tests/unit/core_zone.c and delivery_render.c have them
select herald.notify_template_part('t', 'sms', 'text', '{{ at | date: "%F %T %z %Z", zone }}') \g /dev/null
select results_eq(format($$select content from herald.notify_render('t', 'sms', %L, version => 2)$$,
                         jsonb_build_object('at', at, 'zone', zone)), format($$values (%L)$$, wanted), zone || ' at ' || at)
  from (values (0, 'Asia/Seoul', '1970-01-01 09:00:00 +0900 KST'), (1700000000, 'Asia/Kathmandu', '2023-11-15 03:58:20 +0545 +0545'),
               (1700000000, 'Etc/GMT+3', '2023-11-14 19:13:20 -0300 -03'), (0, 'EST5EDT', '1969-12-31 19:00:00 -0500 EST'),
               (1774745999, 'Europe/Berlin', '2026-03-29 01:59:59 +0100 CET'), (1774746000, 'Europe/Berlin', '2026-03-29 03:00:00 +0200 CEST'),
               (1792889999, 'Europe/Berlin', '2026-10-25 02:59:59 +0200 CEST'), (1792890000, 'Europe/Berlin', '2026-10-25 02:00:00 +0100 CET'),
               (1775318399, 'Australia/Sydney', '2026-04-05 02:59:59 +1100 AEDT'), (1775318400, 'Australia/Sydney', '2026-04-05 02:00:00 +1000 AEST'),
               (-5000000000, 'Europe/Berlin', '1811-07-23 16:00:08 +0053 LMT'), (5000000000, 'Europe/Berlin', '2128-06-11 10:53:20 +0200 CEST'))
         v(at, zone, wanted);
select throws_ok(format($$select * from herald.notify_render('t', 'sms', %L, version => 2)$$, jsonb_build_object('at', 0, 'zone', zone)),
                 '22023', 'template "t" version 2, channel sms, part text: line 1, column 1: unknown time zone "' || zone || '"')
  from (values (''), ('Europe'), ('Europe/Atlantis'), ('europe/berlin'), ('X+3'), ('UTC+3'), ('CET-1CEST'), ('<+03>-3'), ('Etc/GMT+99'),
               ('../UTC'), ('/UTC'), ('posixrules')) v(zone);
select herald.notify_template_part('t', 'sms', 'text',
    '{{ 1234.5 | money: "EUR" }} {{ 0 | date: "full time", "Asia/Seoul" }} {{ 5 | pluralize: one: "plik", many: "plików", other: "pliku" }}') \g /dev/null
select results_eq(format($$select content from herald.notify_render('t', 'sms', locale => %L, version => 2)$$, locale),
                  format($$values (%L)$$, wanted), locale)
  from (values ('', '€1,234.50 Thursday, January 1, 1970 at 9:00 AM pliku'),
               ('pl', E'1234,50\u00a0€ czwartek, 1 stycznia 1970 09:00 plików'),
               ('de-AT', E'€\u00a01.234,50 Donnerstag, 1. Jänner 1970 um 09:00 pliku')) v(locale, wanted);

-- preview
select throws_ok(format('select herald.notify_category(''short'', max_segments => %s)', n), '22023', 'max_segments must lie between 1 and 255', n::text)
  from unnest(array[0, 256]) n;
select herald.notify_category('short', max_segments => 255) \g /dev/null
select herald.notify_category('short', max_segments => 2) \g /dev/null
select is(max_segments, 2, 'kept') from herald.category where name = 'short';
select herald.notify_template('sizes', category => 'short') \g /dev/null
select herald.notify_template_part('sizes', 'sms', 'text', '{{ s }}') \g /dev/null
select herald.notify_template_part('sizes', 'voice', 'text', '{{ s }}') \g /dev/null
select herald.notify_template_publish('sizes') \g /dev/null
select results_eq(format('select channel, segments, problem from herald.notify_preview(''sizes'', ''ann'', %L)', json_build_object('s', v.s)),
                  format('values (''sms'', %s, %L), (''voice'', null, null)', v.segments, v.problem), format('%s parts', v.segments))
  from (values (repeat('a', 160), 1, null), (repeat('a', 306), 2, null), (repeat('a', 307), 3, 'too_many_segments'),
               (repeat('a', 134) || 'ç', 3, 'too_many_segments')) v(s, segments, problem);
select herald.notify_preference('ann', 'orders', 'email', false) \g /dev/null
insert into herald.suppression (bucket, recipient, channel, address, reason, source)
values (herald.bucket('ann'), 'ann', 'sms', '+15005550006', 'STOP', 'test');
select herald.notify_device('ann', 'ios', 'apns', '0011223344556677') \g /dev/null
select herald.notify_device('ann', 'android', 'fcm', 'retired-token') as gone \gset
update herald.device_token set state = 'retired' where device = :'gone';
select results_eq(
    $$select channel, address, part, content, problem from herald.notify_preview('t', 'ann', '{"n": 1, "s": "<"}')
       where part <> 'title'$$,
    $$values ('push', 'apns …6677', 'data', '{"n": 1}', null),
             ('sms', '+15005550006', 'text', '1 Ann t orders', 'address_suppressed'),
             ('email', 'ann@example.org', 'html', '<b>&lt;</b>', 'opted_out'),
             ('email', 'ann@example.org', 'subject', '<', 'opted_out'),
             ('email', 'ann@example.org', 'text', '<', 'opted_out'),
             ('webhook', null, 'body', '1', 'no_address')$$, 'a preview shows every channel, and what would not be sent');
select results_eq(
    $$select part, content, problem like 'template "t" version 1, channel push, part data: line 1, column %'
        from herald.notify_preview('t', 'ann', '{"s": ""}') where channel = 'push' and part = 'data'$$,
    $$values ('data', null::text, true)$$, 'a part that fails is a problem, not an error');
select herald.notify_category('orders', mandatory => true) \g /dev/null
select is(problem, null, 'nobody opts out of a mandatory category')
  from herald.notify_preview('t', 'ann', '{"n": 1, "s": "x"}') where channel = 'email' and part = 'text';
select throws_ok($$select * from herald.notify_preview('t', 'nobody')$$, '22023', 'unknown recipient "nobody"');
select throws_ok($$select * from herald.notify_preview('t', 'ann', mode => 'loose')$$, '22023', 'unknown mode "loose"');
select throws_ok($$select * from herald.notify_preview('t', 'ann', null)$$, '22023', 'unknown sample of template "t" "sample"');
select throws_ok($$select * from herald.notify_preview('x', 'ann')$$, '22023', 'unknown template "x"');
select throws_ok($$select * from herald.notify_preview('t', 'ann', '1')$$, '22023', 'data must be an object');

-- replay: what was sent, whatever has changed since
select herald.notify_recipient('bob', 'bob@example.org', timezone => 'Asia/Seoul', attributes => '{"name": "Bob"}') \g /dev/null
select herald.notify_device('bob', 'ios', 'apns', '99') \g /dev/null
select herald.notify_send('t', 'bob', '{"n": 1.50, "s": "x"}', channels => '{push,email}') as sent \gset
update herald.notification set created_at = '2026-01-02 03:04 UTC' where id = :'sent';
select herald.notify_recipient('bob', attributes => '{"name": "Other"}') \g /dev/null
select herald.notify_template_part('t', 'email', 'subject', 'new') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select results_eq(format('select * from herald.notify_replay_preview(%L)', :'sent'),
    $$values ('push', 'data', '{"n": 1.5}'), ('push', 'title', '2026-01-02 12:04'), ('email', 'html', '<b>x</b>'),
             ('email', 'subject', 'x'), ('email', 'text', 'x')$$, 'a replay has version, data and time of the send');
select throws_ok($$select * from herald.notify_replay_preview('00000000-0000-0000-0000-000000000000')$$, '22023',
                 'unknown notification 00000000-0000-0000-0000-000000000000');
select throws_ok($$select * from herald.notify_replay_preview(null)$$, '22004', 'id must not be null');

select * from finish();
rollback;
