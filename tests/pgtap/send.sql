-- send: notify_send, what it stores and what it refuses.
begin;
select * from no_plan();
select herald.notify_category('orders') \g /dev/null
select herald.notify_category('security', mandatory => true, channels => '{sms,email}') \g /dev/null
select herald.notify_template('t', category => 'orders') \g /dev/null
select herald.notify_template_part('t', channel, part, 'x')
  from (values ('push', 'title'), ('sms', 'text'), ('email', 'subject'), ('email', 'text'), ('webhook', 'body')) v(channel, part) \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_template('draft') \g /dev/null
select herald.notify_template_part('draft', 'sms', 'text', 'x') \g /dev/null
select herald.notify_recipient('ann', 'ann@example.org', '+15005550006', 'de', 'Europe/Berlin', attributes => '{"a": 1.10}') \g /dev/null
select herald.notify_device('ann', 'ios', 'apns', '01') as ios \gset
select herald.notify_device('ann', 'android', 'fcm', 'two') as android \gset
select herald.notify_device('ann', 'web', 'fcm', 'gone') as gone \gset
update herald.device_token set state = 'retired' where token = 'gone';
update herald.device_token set state = 'suspect' where token = 'two';
select herald.notify_recipient('bare') \g /dev/null

-- what is stored
select herald.notify_send('t', 'ann', '{"n": 1}') as id \gset
select results_eq(
    format($$select bucket, recipient, template, version, category, priority::text, data, attributes, locale, timezone,
                    sender = session_user, idempotency_key, send_at, expires_at, created_at = now(), cardinality(deliveries)
               from herald.notification where id = %L$$, :'id'),
    $$values (herald.bucket('ann'), 'ann', 't', 1, 'orders', 'normal', '{"n": 1}'::jsonb, '{"a": 1.10}'::jsonb, 'de',
              'Europe/Berlin', true, null::text, null::timestamptz, null::timestamptz, true, 5)$$,
    'one notification');
select results_eq(
    $$select channel::text, device, state, category, template, priority::text, attempt, epoch, expires_at,
             notification, bucket, lane = herald.lane(session_user)
        from (select *, 'queued' as state from herald.outbox) o order by o.channel, o.device$$,
    format($$values ('push', %L::uuid, 'queued', 'orders', 't', 'normal', 0, null::bigint, null::timestamptz, %L::uuid,
                     herald.bucket('ann'), true),
                    ('push', %L, 'queued', 'orders', 't', 'normal', 0, null, null, %2$L, herald.bucket('ann'), true),
                    ('sms', null, 'queued', 'orders', 't', 'normal', 0, null, null, %2$L, herald.bucket('ann'), true),
                    ('email', null, 'queued', 'orders', 't', 'normal', 0, null, null, %2$L, herald.bucket('ann'), true)$$,
           :'ios', :'id', :'android'),
    'one row in the outbox for each address; a device without a live token gets none');
select results_eq($$select channel::text, state::text, reason, attempts, finished_at = now() from herald.delivery$$,
                  $$values ('webhook', 'suppressed', 'no_address', 0, true)$$, 'what is not sent is told');
select set_eq($$select unnest(deliveries) from herald.notification$$,
              $$select id from herald.outbox union all select id from herald.delivery$$, 'the notification knows its deliveries');
select is(herald.id_bucket(:'id'), herald.bucket('ann'), 'its id carries the bucket');
select is_empty($$select * from herald.retry$$, 'nothing waits');

-- defaults and choices of channels
create function pg_temp.channels_of(id uuid) returns text language sql as $$
    select string_agg(distinct channel::text, ',' order by channel::text)
      from (select channel, notification from herald.outbox union all select channel, notification from herald.delivery
            union all select channel, notification from herald.retry) d
     where notification = $1
$$;
select is(pg_temp.channels_of(herald.notify_send('t', 'ann', channels => '{sms,sms,push}')), 'push,sms', 'channels as asked, once');
select is(pg_temp.channels_of(herald.notify_send('t', 'ann', category => 'security')), 'email,sms', 'channels of the category');
select is(pg_temp.channels_of(herald.notify_send('t', 'ann', category => 'security', channels => '{push}')), 'push',
          'asked for beats the category''s');
select is(pg_temp.channels_of(herald.notify_send('t', 'bare')), 'email,push,sms,webhook', 'channels of the template');
select is(count(*), 4::bigint, 'nobody to reach: every channel is told')
  from herald.delivery where recipient = 'bare' and state = 'suppressed' and reason = 'no_address';

-- preferences at once, suppressions by the claim
select herald.notify_preference('ann', 'orders', 'push', false) \g /dev/null
insert into herald.suppression (bucket, recipient, channel, address, reason, source)
values (herald.bucket('ann'), 'ann', 'email', 'ann@example.org', 'bounce', 'test');
select herald.notify_send('t', 'ann', priority => 'urgent') as id \gset
select results_eq(
    format($$select channel::text, state::text, reason, device from herald.delivery d where notification = %L order by d.channel$$, :'id'),
    $$values ('push', 'suppressed', 'opted_out', null::uuid), ('webhook', 'suppressed', 'no_address', null)$$, 'opted out');
select results_eq(format($$select channel::text, priority::text from herald.outbox where notification = %L$$, :'id'),
                  $$values ('sms', 'urgent'), ('email', 'urgent')$$, 'the claim asks whether an address is suppressed');
select herald.notify_send('t', 'ann', category => 'security', channels => '{push}') as id \gset
select is(count(*), 2::bigint, 'a mandatory category ignores preferences') from herald.outbox where notification = :'id';
select herald.notify_preference('ann', 'orders', 'push', true) \g /dev/null
select herald.notify_suppression_remove('ann', 'email', 'ann@EXAMPLE.org') \g /dev/null
select herald.notify_send('t', 'ann') as id \gset
select is(count(*), 4::bigint, 'opted in and allowed again') from herald.outbox where notification = :'id';

-- caches see changes of this transaction, and their rollback
create function pg_temp.send_without_sms() returns text language plpgsql as $$
begin
    perform herald.notify_template_part('t', 'sms', 'text', null);
    perform herald.notify_template_publish('t');
    perform herald.notify_send('t', 'ann', channels => '{sms}');
    raise exception 'sent';
exception when others then
    return sqlerrm;
end
$$;
select is(pg_temp.send_without_sms(), 'template "t" has no parts for channel "sms"', 'a new version counts at once');
select herald.notify_send('t', 'ann', channels => '{sms}') as id \gset
select is(version, 1, 'after the rollback the old version is back') from herald.notification where id = :'id';
create function pg_temp.send_in_new_category() returns text language plpgsql as $$
begin
    perform herald.notify_category('flash');
    perform herald.notify_send('t', 'ann', category => 'flash', channels => '{sms}');
    raise exception 'sent';
exception when others then
    return sqlerrm;
end
$$;
select is(pg_temp.send_in_new_category(), 'sent', 'a new category is known at once');
select throws_ok($$select herald.notify_send('t', 'ann', category => 'flash')$$, '22023', 'unknown category "flash"');

-- scheduled
select herald.notify_send('t', 'ann', send_at => now() + interval '1 hour', expires_at => now() + interval '2 hours') as id \gset
select results_eq(
    format($$select channel::text, state::text, due_at, expires_at, lane from herald.retry r where notification = %L order by r.channel, r.id$$, :'id'),
    $$select channel, 'scheduled', now() + interval '1 hour', now() + interval '2 hours', herald.lane(session_user)
        from unnest(array['push', 'push', 'sms', 'email']) channel$$, 'a later send waits in retry');
select is(send_at, now() + interval '1 hour', 'its time is kept') from herald.notification where id = :'id';
select is(pg_temp.channels_of(herald.notify_send('t', 'ann', channels => '{sms}', send_at => at)), 'sms', format('send_at %s', at))
  from unnest(array[null, now(), now() - interval '1 day', now() + interval '28 days', now() - interval '28 days']::timestamptz[]) at;
select is(count(*), 2::bigint, 'a past time is now') from herald.retry where channel = 'sms';
select throws_ok(format('select herald.notify_send(%L, %L, send_at => %L)', 't', 'ann', at), '22023',
                 'send_at must lie within 28 days of now', at::text)
  from unnest(array[now() + interval '28 days 1 us', now() + interval '10 years', now() - interval '28 days 1 us',
                    '294276-12-31', '4713-01-01 BC']::timestamptz[]) at;
select throws_ok(format('select herald.notify_send(%L, %L, %s => %L)', 't', 'ann', field, at), '22023',
                 field || ' must be a finite time', field)
  from unnest(array['send_at', 'expires_at']) field, unnest(array['infinity', '-infinity']) at;
select throws_ok($$select herald.notify_send('t', 'ann', expires_at => now())$$, '22023', 'expires_at must be later than now');
select throws_ok($$select herald.notify_send('t', 'ann', send_at => now() + '1 hour', expires_at => now() + '1 hour')$$,
                 '22023', 'expires_at must be later than send_at');
select herald.notify_send('t', 'ann', channels => '{sms}', expires_at => now() + interval '1 us') as id \gset
select is(expires_at, now() + interval '1 us', 'an expiry just ahead') from herald.outbox where notification = :'id';

-- locale
create function pg_temp.locale_of(id uuid) returns text language sql as $$select locale from herald.notification n where n.id = $1$$;
select is(pg_temp.locale_of(herald.notify_send('t', 'ann', channels => '{sms}', locale => given)), wanted, format('locale %s', given))
  from (values (null, 'de'), ('', 'de'), ('ko-KR', 'ko-KR'), ('xx-YY-zzzz', 'xx-YY-zzzz')) v(given, wanted);
select is(pg_temp.locale_of(herald.notify_send('t', 'bare')), '', 'no locale at all');
select throws_ok(format('select herald.notify_send(%L, %L, locale => %L)', 't', 'ann', given), '22023', message, left(given, 20))
  from (values ('../../etc', 'locale is not a language tag'), ('e', 'locale is not a language tag'),
               ('en_US', 'locale is not a language tag'), ('e1', 'locale is not a language tag'), ('ën', 'locale is not a language tag'),
               ('en-', 'locale is not a language tag'), (repeat('x', 1048576), 'locale is longer than 35 bytes')) v(given, message);

-- null, empty, unknown, too long
select throws_ok('select herald.notify_send(' || arguments || ')', state, message, left(arguments, 60))
  from (values ('null, null, null, null, null, null, null, null, null, null', '22004', 'recipient must not be null'),
               ('null, ''ann''', '22004', 'template must not be null'), ('''t'', null', '22004', 'recipient must not be null'),
               ('''t'', ''ann'', null', '22004', 'data must not be null'),
               ('''t'', ''ann'', priority => null', '22004', 'priority must not be null'),
               ('''t'', ''ann'', channels => ''{sms,null}''', '22004', 'channels must not be null'),
               (''''', ''ann''', '22023', 'template must not be empty'), ('''t'', ''''', '22023', 'recipient must not be empty'),
               ('''t'', ''ann'', category => ''''', '22023', 'category must not be empty'),
               ('''t'', ''ann'', priority => ''''', '22023', 'priority must not be empty'),
               ('''t'', ''ann'', channels => ''{}''', '22023', 'channels must not be empty'),
               ('''t'', ''ann'', channels => ''{""}''', '22023', 'channels must not be empty'),
               ('''T'', ''ann''', '22023', 'unknown template "T"'), ('''t'', ''nobody''', '22023', 'unknown recipient "nobody"'),
               ('''t'', ''ann'', category => ''order''', '22023', 'unknown category "order"'),
               ('''t'', ''ann'', channels => ''{smss}''', '22023', 'unknown channel "smss"'),
               ('''t'', ''ann'', channels => ''{voice}''', '22023', 'template "t" has no parts for channel "voice"'),
               ('''t'', ''ann'', priority => ''asap''', '22023', 'unknown priority "asap"'),
               ('''t'', ''ann'', priority => ''NORMAL''', '22023', 'unknown priority "NORMAL"'),
               ('''draft'', ''ann''', '55000', 'template "draft" has no published version'),
               ('E''t\n'', ''ann''', '22023', 'template contains control characters'),
               ('''t'', E''a\u0085b''', '22023', 'recipient contains control characters'),
               ('repeat(''x'', 64), ''ann''', '54000', 'template is longer than 63 bytes'),
               ('''t'', repeat(''x'', 256)', '54000', 'recipient is longer than 255 bytes'),
               ('''t'', repeat(''x'', 100000000)', '54000', 'recipient is longer than 255 bytes'),
               ('''t'', ''ann'', category => repeat(''x'', 64)', '54000', 'category is longer than 63 bytes'),
               ('''t'', ''ann'', priority => repeat(''x'', 64)', '54000', 'priority is longer than 63 bytes'),
               ('''t'', ''ann'', channels => array_fill(''sms''::text, array[101])', '54000', 'channels has more than 100 elements'),
               ('''t'', ''ann'', channels => array[repeat(''x'', 100000000)]', '54000', 'channels is larger than 65536 bytes'))
       v(arguments, state, message);
create function pg_temp.hint_of(statement text) returns text language plpgsql as $$
declare v_hint text;
begin
    execute statement;
    return 'no error';
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return v_hint;
end
$$;
select is(pg_temp.hint_of($$select herald.notify_send('draf', 'ann')$$), 'Did you mean "draft"?', 'nearest template');
select is(pg_temp.hint_of($$select herald.notify_send('t', 'ann', category => 'order')$$), 'Did you mean "orders"?', 'nearest category');
select is(pg_temp.hint_of($$select herald.notify_send('t', 'nobody')$$), 'Register it with herald.notify_recipient().', 'what to do');

-- data
create function pg_temp.send_data(data jsonb) returns text language plpgsql as $$
begin
    perform herald.notify_send('t', 'ann', $1, channels => '{sms}');
    return 'ok';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
select is(pg_temp.send_data(given::jsonb), '22023 data must be an object', given) from unnest(array['null', '[]', '"x"', '1', 'false']) given;
select is(pg_temp.send_data(jsonb_build_object('a', repeat('x', size - 9))), wanted, size || ' bytes')
  from (values (1048575, 'ok'), (1048576, 'ok'), (1048577, '54000 data is larger than 1048576 bytes'),
               (16777216, '54000 data is larger than 1048576 bytes'), (200000000, '54000 data is larger than 1048576 bytes')) v(size, wanted);
select is(pg_temp.send_data(jsonb_build_object('a', repeat('ü"', (size - 10) / 4) || repeat('x', (size - 10) % 4))), wanted, size || ' bytes with escapes')
  from (values (1048577, 'ok'), (1048578, '54000 data is larger than 1048576 bytes')) v(size, wanted);
select is(octet_length(jsonb_build_object('a', repeat('ü"', (1048577 - 10) / 4) || repeat('x', (1048577 - 10) % 4))::text), 1048576,
          'counted as text');
select is(pg_temp.send_data(('{"a": ' || repeat('[', depth - 1) || repeat(']', depth - 1) || '}')::jsonb), wanted, depth || ' levels')
  from (values (63, 'ok'), (64, 'ok'), (65, '54000 data is nested deeper than 64 levels'),
               (5000, '54000 data is nested deeper than 64 levels')) v(depth, wanted);
select is(pg_temp.send_data((select jsonb_object_agg(n, 1) from generate_series(1, count) n)), wanted, count || ' keys')
  from (values (10000, 'ok'), (10001, '54000 data has more than 10000 keys'), (100000, '54000 data is larger than 1048576 bytes')) v(count, wanted)
 where count <> 100000;
select alike(pg_temp.send_data((select jsonb_object_agg(n, 1) from generate_series(1, 100000) n)), '54000 data %', '100000 keys');
select is(pg_temp.send_data(jsonb_build_object(repeat('k', size), 1)), wanted, format('key of %s bytes', size))
  from (values (256, 'ok'), (257, '54000 data has a key longer than 256 bytes')) v(size, wanted);
select alike(pg_temp.send_data(jsonb_build_object(repeat('k', 1000000), 1)), '54000 data has a key %', 'key of 1 MB');
select is(pg_temp.send_data('{"": 1, "__proto__": 2, "size": 3, "first": 4, "recipient": 5}'), 'ok', 'odd keys are plain data');
select is(pg_temp.send_data(('{"n": ' || n || '}')::jsonb), 'ok', 'number ' || n)
  from unnest(array['1e400', '-0', '0.1', '9007199254740993', '18446744073709551616', '1e-400', '1.10']) n;
select is(data::text, '{"n": ' || trim_scale('1e-400'::numeric)::text || '}', 'numbers keep their digits')
  from herald.notification where data ? 'n' and (data ->> 'n')::numeric between 1e-401 and 1e-399;
select alike(pg_temp.send_data(('[' || repeat('1e131000,', 999) || '1]')::jsonb), '22023 %', 'a list is refused before its numbers are written');
select is(pg_temp.send_data(('{"a": [' || repeat('1e131000,', 999) || '1]}')::jsonb), '54000 data is larger than 1048576 bytes',
          'numbers whose text is large');

-- idempotency
select herald.notify_send('t', 'ann', '{"n": 1}', idempotency_key => 'k') as first \gset
select is(herald.notify_send('t', 'ann', '{"n": 1}', idempotency_key => 'k'), :'first'::uuid, 'the same key returns the first id');
select is(herald.notify_send('t', 'ann', '{"n": 1}', idempotency_key => 'k', locale => ''), :'first'::uuid, 'an empty locale is none');
select is(count(*), 1::bigint, 'and sends once') from herald.notification where idempotency_key = 'k';
select throws_ok('select herald.notify_send(' || arguments || ', idempotency_key => ''k'')', '23505',
                 'idempotency key "k" was used with different content', arguments)
  from unnest(array['''t'', ''ann'', ''{"n": 2}''', '''t'', ''ann'', ''{"n": 1.0}''', '''draft'', ''ann'', ''{"n": 1}''', '''t'', ''ann'', ''{"n": 1}'', ''{sms}''',
      '''t'', ''ann'', ''{"n": 1}'', category => ''orders''', '''t'', ''ann'', ''{"n": 1}'', priority => ''high''',
      '''t'', ''ann'', ''{"n": 1}'', send_at => now() + interval ''1 h''', '''t'', ''ann'', ''{"n": 1}'', expires_at => now() + interval ''1 h''',
      '''t'', ''ann'', ''{"n": 1}'', locale => ''ko''']) arguments;
select isnt(herald.notify_send('t', 'bare', '{"n": 1}', idempotency_key => 'k'), :'first'::uuid, 'keys of another recipient are others');
select lives_ok(format('select herald.notify_send(%L, %L, idempotency_key => %L)', 't', 'ann', repeat('x', size)), size || ' bytes of key')
  from unnest(array[1, 254, 255]) size;
select throws_ok(format('select herald.notify_send(%L, %L, idempotency_key => %L)', 't', 'ann', key), '22023', message, left(key, 10))
  from (values ('', 'idempotency_key must not be empty'), (repeat('k', 256), 'idempotency_key is longer than 255 bytes'),
               (repeat('🎉', 64), 'idempotency_key is longer than 255 bytes'), (repeat('k', 10000000), 'idempotency_key is longer than 255 bytes'),
               (E'a\nb', 'idempotency_key contains control characters')) v(key, message);
create temporary table twins as select herald.notify_send('t', 'ann', idempotency_key => 'twins') as id from generate_series(1, 2);
select is(count(distinct id) || ' ' || count(*), '1 2', 'twice in one statement') from twins;

-- a rolled-back savepoint
create function pg_temp.send_and_roll_back() returns void language plpgsql as $$
begin
    perform herald.notify_send('t', 'ann', idempotency_key => 'gone');
    raise exception 'back';
exception when others then
    null;
end
$$;
select count(*) as before from herald.outbox \gset
select pg_temp.send_and_roll_back() \g /dev/null
select is(count(*), :before::bigint, 'a rollback takes everything back') from herald.outbox;
select is_empty($$select * from herald.idempotency where key = 'gone'$$, 'the key too');

-- an attacker's objects
create schema attack;
create function attack.now() returns timestamptz language sql as $$select 'infinity'::timestamptz$$;
create function attack.text_eq(text, text) returns boolean language sql as $$select true$$;
create operator attack.= (leftarg = text, rightarg = text, function = attack.text_eq);
create function attack.int_eq(integer, integer) returns boolean language sql as $$select true$$;
create operator attack.= (leftarg = integer, rightarg = integer, function = attack.int_eq);
create function attack.unnest(uuid[]) returns setof uuid language sql as $$select null::uuid$$;
create table attack.recipient (id text);
create function pg_temp.error_of(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'no error';
exception when others then
    return sqlerrm;
end
$$;
set local search_path = attack, pg_temp, pg_catalog, public, herald;
select pg_temp.error_of($$select notify_send('t', 'nobody')$$) as recipient,
       pg_temp.error_of($$select notify_template('x', category => 'nocategory')$$) as category,
       notify_send('t', 'ann') as id, (select m.id from notify_send_many('t', '{ann}') m) as many,
       pg_temp.error_of('select from recipient') as own \gset
reset search_path;
select is(:'recipient'::text, 'unknown recipient "nobody"', 'a hostile search_path makes nobody known');
select is(:'category'::text, 'unknown category "nocategory"', 'nor a category');
select is(cardinality(deliveries), 5, 'and a send stays a send') from herald.notification where id = :'id';
select is(cardinality(deliveries), 5, 'one to many too') from herald.notification where id = :'many';
select is(:'own'::text, 'no error', 'behind sends and errors the path is what it was');

-- read only
create function pg_temp.send_read_only() returns text language plpgsql as $$
begin
    set local transaction_read_only = on;
    perform herald.notify_send('t', 'ann');
    return 'sent';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
select is(pg_temp.send_read_only(), '25006 cannot send a notification in a read-only transaction', 'a read-only transaction');

select * from finish();
rollback;
