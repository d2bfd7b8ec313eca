-- object: notify_object, notify_object_external, notify_object_remove, what dispatchers read, and retention.
begin;
select * from no_plan();
create role herald_test_web login in role herald_sender;
create role herald_test_mail login in role herald_sender;
create role herald_test_boss login in role herald_operator;
create function pg_temp.run_as(login text, statement text) returns text language plpgsql as $$
declare v_result text;
begin
    execute format('set local session authorization %I', login);
    execute statement into v_result;
    reset session authorization;
    return v_result;
end
$$;

-- stored once
select herald.notify_object('\x0102', 'application/pdf', 'invoice.pdf') as pdf \gset
select is(herald.notify_object('\x0102', 'application/pdf', 'invoice.pdf'), :'pdf'::uuid, 'the same again is the same object');
select isnt(herald.notify_object('\x0102', 'application/pdf', 'other.pdf'), :'pdf'::uuid, 'another name makes another object');
select isnt(herald.notify_object('\x0102', 'text/plain', 'invoice.pdf'), :'pdf'::uuid, 'and so does another type');
select isnt(pg_temp.run_as('herald_test_web', $$select herald.notify_object('\x0102', 'application/pdf', 'invoice.pdf')$$)::uuid,
            :'pdf'::uuid, 'and another sender');
select is(count(*), 1::bigint, 'but the content is there once') from herald.object_content;
select results_eq(format('select sha256, size, name, url from herald.object where id = %L', :'pdf'),
                  $$values (sha256('\x0102'), 2::bigint, 'invoice.pdf', null::text)$$, 'with hash and size');
select is(attstorage, 'e', 'content is not compressed') from pg_attribute
 where attrelid = 'herald.object_content'::regclass and attname = 'content';
select is(name, '', 'a name may be missing') from herald.object where id = herald.notify_object('\x03', 'image/png');

-- bad input
select throws_ok(statement, code, message)
  from (values
        ('select herald.notify_object(null, ''a/b'')', '22004', 'content must not be null'),
        ('select herald.notify_object('''', ''a/b'')', '22023', 'content must not be empty'),
        ('select herald.notify_object(''x'', null)', '22004', 'content_type must not be null'),
        ('select herald.notify_object(''x'', ''pdf'')', '22023', 'content_type is not a media type'),
        ('select herald.notify_object(''x'', ''a/b; name=x'')', '22023', 'content_type is not a media type'),
        (E'select herald.notify_object(''x'', E''a/b\\r\\nX: y'')', '22023', 'content_type contains control characters'),
        ('select herald.notify_object(''x'', ''message/rfc822'')', '22023', 'content_type must not be a multipart or message type'),
        ('select herald.notify_object(''x'', ''a/'' || repeat(''b'', 126))', '54000', 'content_type is longer than 127 bytes'),
        ('select herald.notify_object(''x'', ''a/b'', ''../x'')', '22023', 'name must be the name of a file without a folder'),
        (E'select herald.notify_object(''x'', ''a/b'', E''a\\nb'')', '22023', 'name contains control characters'),
        ('select herald.notify_object(''x'', ''a/b'', repeat(''n'', 201))', '54000', 'name is longer than 200 bytes'),
        ('select herald.notify_object_external(''http://a.example/x'', ''a/b'')', '22023', 'url must begin with https://'),
        ('select herald.notify_object_external(null, ''a/b'')', '22004', 'url must not be null')) v(statement, code, message);
select lives_ok($$select herald.notify_object('x', 'text/csv; charset=utf-8', repeat('n', 200))$$, 'parameter charset, longest name');

-- limits
select herald.notify_setting('object_max_bytes', '4') \g /dev/null
select lives_ok($$select herald.notify_object('\x01020304', 'a/b')$$, 'as long as allowed');
select throws_ok($$select herald.notify_object('\x0102030405', 'a/b')$$, '54000', 'content is longer than 4 bytes');
select herald.notify_setting('object_total_max_bytes', sum(octet_length(content))::text) from herald.object_content \g /dev/null
select throws_ok($$select herald.notify_object('\x05', 'a/b')$$, '53400');
select lives_ok($$select herald.notify_object('\x0102', 'a/b')$$, 'what is there needs no room');
select herald.notify_setting('object_total_max_bytes', '1099511627776') \g /dev/null
select throws_ok($$select herald.notify_setting('object_total_max_bytes', '1099511627777')$$, '22023');

-- elsewhere
select herald.notify_object_external('https://a.example/x.png', 'image/png', 'x.png') as far \gset
select is(herald.notify_object_external('https://a.example/x.png', 'image/png', 'x.png'), :'far'::uuid, 'a URL is registered once');

-- what dispatchers read
update herald.object set used_at = now() - interval '2 hours';
select results_eq(format('select content_type, name, sha256, size from herald.object_find(%L) order by name',
                         array[:'pdf', :'far', gen_random_uuid()::text]),
                  $$values ('application/pdf', 'invoice.pdf', encode(sha256('\x0102'), 'hex'), 2::bigint), ('image/png', 'x.png', null, null)$$,
                  'objects are found');
select results_eq('select distinct used_at = now() from herald.object where id in (select id from herald.object_find(array[''' || :'pdf' || ''']::uuid[]))',
                  'values (true)', 'which counts as use');
select isnt_empty('select from herald.object where used_at < now()', 'of these only');
select is(herald.object_slice(encode(sha256('\x01020304'), 'hex'), 2, 2), '\x0203', 'a slice');
select is(herald.object_slice(encode(sha256('\x01020304'), 'hex'), 5, 2), '', 'behind the end');
select is(herald.object_slice(encode(sha256('none'), 'hex'), 1, 2), null, 'of nothing');

-- removal
select is(pg_temp.run_as('herald_test_mail', format('select herald.notify_object_remove(%L)', :'pdf')), 'false', 'not by others');
select is(herald.notify_object_remove(:'pdf'), true, 'a superuser removes any');
select is(herald.notify_object_remove(:'pdf'), false, 'once');
select pg_temp.run_as('herald_test_web', $$select herald.notify_object('\x0909', 'a/b')$$) as web \gset
select is(pg_temp.run_as('herald_test_web', format('select herald.notify_object_remove(%L)', :'web')), 'true', 'a sender removes its own');
select is_empty($$select from herald.object_content where sha256 = sha256('\x0909')$$, 'and content that nobody else has');
select isnt_empty($$select from herald.object_content where sha256 = sha256('\x0102')$$, 'not that of others');
select pg_temp.run_as('herald_test_web', $$select herald.notify_object('\x0a', 'a/b')$$) as web \gset
select is(pg_temp.run_as('herald_test_boss', format('select herald.notify_object_remove(%L)', :'web')), 'true', 'an operator removes any');

-- retention
delete from herald.object;
delete from herald.object_content;
insert into herald.object_content values (sha256('old'), 'old'), (sha256('new'), 'new');
insert into herald.object (sender, content_type, name, sha256, size, used_at)
values ('s', 'a/b', 'old', sha256('old'), 3, now() - interval '33 days'), ('s', 'a/b', 'young', sha256('new'), 3, now() - interval '29 days');
insert into herald.object (sender, content_type, name, url, used_at) values ('s', 'a/b', 'far', 'https://a.example/', now() - interval '32 days');
insert into herald.retry (id, bucket, notification, recipient, channel, priority, template, lane, state, due_at, created_at)
values (herald.id_floor(now() - interval '3 days 1 hour'), 1, herald.new_id(1), 'r', 'email', 'high', 't', 0, 'scheduled', now() + interval '1 day', now());
select is(herald.tick_step('objects'), false, 'nothing more');
select results_eq('select name from herald.object order by name', $$values ('far'), ('old'), ('young')$$,
                  'nothing goes while a delivery waits that was made in its time');
update herald.object set used_at = used_at - interval '3 days' where name = 'old';
select herald.tick_step('objects') \g /dev/null
select results_eq('select name from herald.object order by name', $$values ('far'), ('young')$$, 'an older one may go');
delete from herald.retry;
select herald.tick_step('objects') \g /dev/null
select results_eq('select name from herald.object', $$values ('young')$$, 'afterwards all whose time is up');
select results_eq('select content from herald.object_content', $$values ('new'::bytea)$$, 'with their content');

-- URLs
select herald.notify_object('\x010203', 'application/pdf', 'a.pdf') as pdf \gset
select throws_ok(format('select herald.object_url(%L)', :'pdf'), '55000', 'objects have no URLs here');
select throws_ok($$select herald.notify_setting('object_base_url', 'ftp://o.example')$$, '22023');
select herald.notify_setting('object_base_url', 'https://o.example.com/x') \g /dev/null
select matches(herald.object_url(:'pdf'), '^https://o[.]example[.]com/x/o/[A-Za-z0-9_-]{22}[.][0-9]{10}[.][A-Za-z0-9_-]{43}$', 'a URL');
select is(split_part(herald.object_url(:'pdf', '90 s'), '.', 4)::bigint, extract(epoch from now())::bigint + 90, 'with the second in which it expires');
select is(herald.object_url(:'pdf', '90 s'), herald.object_url(:'pdf', '90 s'), 'the same each time');
select throws_ok(statement, code, message)
  from (values
        (format('select herald.object_url(%L, ''0'')', :'pdf'), '22023', 'valid_for must be between 1 second and 365 days'),
        (format('select herald.object_url(%L, ''366 days'')', :'pdf'), '22023', 'valid_for must be between 1 second and 365 days'),
        ('select herald.object_url(null)', '22004', 'object must not be null'),
        (format('select herald.object_url(%L, null)', :'pdf'), '22004', 'valid_for must not be null'),
        ('select herald.object_url(''00000000-0000-4000-8000-000000000000'')', '22023', 'there is no object 00000000-0000-4000-8000-000000000000'))
       v(statement, code, message);
create function pg_temp.may(login text, statement text) returns text language plpgsql as $$
begin
    execute format('set local session authorization %I', login);
    execute statement;
    reset session authorization;
    return 'ok';
exception when others then
    return sqlstate;
end
$$;
select is(pg_temp.may('herald_test_web', format('select herald.object_url(%L)', :'pdf')), '22023', 'senders get those of their own objects only');
select is(pg_temp.may('herald_test_boss', format('select herald.object_url(%L)', :'pdf')), 'ok', 'operators of all');
select is(count(*), 1::bigint, 'a key was made') from herald.object_key;
select is(herald.object_token('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', '00010203-0405-4607-8809-0a0b0c0d0e0f', 1700000000),
          'AAECAwQFRgeICQoLDA0ODw.1700000000.tmOwCcmFEsLzdZY6ndlZbFgjiY4w3aS9vvtuRm7lg8A', 'HMAC-SHA256 as others compute it');
select throws_ok($$select herald.object_token('\x00', gen_random_uuid(), 1)$$, '22023', 'key must have 32 bytes');
select is(herald.is_same(a, b), a = b, format('same: %s %s', a, b))
  from (values ('', ''), ('a', 'a'), ('abc', 'abd'), ('bbc', 'abc'), ('ab', 'abc'), ('', 'a')) v(a, b);

-- what is answered there
create function pg_temp.tamper(token text, at integer) returns text language sql as
    $$select overlay(token placing case substr(token, at, 1) when 'A' then 'g' else 'A' end from at for 1)$$;
create function pg_temp.get(token text, etag text default null) returns text language sql as
    $$select concat_ws('|', status, content_type, name, etag, location, encode(content, 'hex')) from herald.object_get(token, etag)$$;
select substring(herald.object_url(:'pdf', '1 hour') from '/o/(.*)$') as token,
       '"' || encode(sha256('\x010203'), 'hex') || '"' as etag \gset
select is(pg_temp.get(:'token'), '200|application/pdf|a.pdf|' || :'etag' || '|010203', 'the content');
select is(pg_temp.get(:'token', given), wanted, 'If-None-Match: ' || given)
  from (values (:'etag', '304|' || :'etag'), ('*', '304|' || :'etag'), ('W/' || :'etag', '304|' || :'etag'), ('"x", ' || :'etag', '304|' || :'etag'),
               ('"x"', '200|application/pdf|a.pdf|' || :'etag' || '|010203'), ('', '200|application/pdf|a.pdf|' || :'etag' || '|010203')) v(given, wanted);
select is(pg_temp.get(given), '404', 'no token: ' || given)
  from (values (''), ('x'), (:'token' || 'x'), (replace(:'token', '.', '/')), (left(:'token', -1)), ('../' || :'token')) v(given);
select is(pg_temp.get(null), '404', 'nor is null');
select is(pg_temp.get(pg_temp.tamper(:'token', at)), '403', 'character ' || at || ' changed') from unnest(array[1, 35, 36, 60, length(:'token')]) at;
select is(pg_temp.get(regexp_replace(:'token', '[.][0-9]+[.]', '.1999999999.')), '403', 'nobody makes it last longer');
select is(pg_temp.get(herald.object_token(herald.object_signer(), :'pdf', extract(epoch from clock_timestamp())::bigint - 1)), '410', 'its time is up');
insert into herald.object_key (key, made_at) values (sha256('another'), now() + interval '1 s');
select is(left(pg_temp.get(herald.object_token(sha256('another'), :'pdf', 2000000000)), 3), '200', 'all keys verify');
select is(substring(herald.object_url(:'pdf', '1 hour') from '/o/(.*)$'), :'token', 'the oldest one signs');
update herald.object set used_at = now() - interval '2 hours' where id = :'pdf';
select pg_temp.get(:'token') \g /dev/null
select is(used_at, now(), 'a request is a use') from herald.object where id = :'pdf';
select herald.notify_object_remove(:'pdf') \g /dev/null
select is(pg_temp.get(:'token'), '410', 'the object is gone');
select herald.notify_object_external('https://a.example/y', 'a/b') as far \gset
select is(pg_temp.get(substring(herald.object_url(:'far') from '/o/(.*)$')), '302|https://a.example/y', 'the content lies elsewhere');

-- privileges
create role herald_test_reader login in role herald_analyst;
create role herald_test_daemon login in role herald_dispatcher;
select is(pg_temp.may('herald_test_' || who, statement), case when who = any (allowed) then 'ok' else '42501' end, format('%s: %s', who, statement))
  from (values
        ('select herald.notify_object(''x'', ''a/b'')', array['web', 'boss']),
        ('select herald.notify_object_external(''https://a.example/'', ''a/b'')', array['web', 'boss']),
        ('select herald.notify_object_remove(gen_random_uuid())', array['web', 'boss']),
        ('select herald.object_find(''{}'')', array['daemon']),
        ('select herald.object_slice('''', 1, 1)', array['daemon']),
        ('select herald.object_remove(gen_random_uuid(), null)', array[]::text[]),
        ('select herald.object_signer()', array['daemon']),
        ('select key from herald.object_key', array[]::text[]),
        ('select herald.object_token('''', gen_random_uuid(), 1)', array[]::text[]),
        ('select herald.object_get(''x'')', array[]::text[]),
        ('select content from herald.object_content', array[]::text[]),
        ('select url from herald.object', array[]::text[]),
        ('select sha256 from herald.object', array[]::text[]),
        ('select name, size from herald.object', array['boss', 'reader'])) v(statement, allowed),
       unnest(array['web', 'boss', 'reader', 'daemon']) who;

select * from finish();
rollback;
