-- object_store: notify_object_store, notify_object_store_remove, and what dispatchers move and delete.
begin;
select * from no_plan();
create function pg_temp.store(extra text) returns text language sql as $$
    select format('select herald.notify_object_store(%s, secrets => ''{"access_key_id": "env:A", "secret_access_key": "file:/s"}'')', extra) $$;

-- bad input changes nothing
select throws_ok(pg_temp.store(arguments), code, message)
  from (values
        ($$null, 'eu-west-1', 'files'$$, '22004', 'endpoint must not be null'),
        ($$'http://s.example', 'eu-west-1', 'files'$$, '22023', 'endpoint must begin with https://'),
        ($$'https://s.example/x', 'eu-west-1', 'files'$$, '22023', 'endpoint must be a scheme, a host in lower case, and a port where needed: nothing behind it'),
        ($$'https://S.example', 'eu-west-1', 'files'$$, '22023', 'endpoint must be a scheme, a host in lower case, and a port where needed: nothing behind it'),
        ($$'https://s.example', null, 'files'$$, '22004', 'region must not be null'),
        ($$'https://s.example', 'EU', 'files'$$, '22023', 'region must be made of a-z, 0-9 and "-"'),
        ($$'https://s.example', repeat('r', 33), 'files'$$, '54000', 'region is longer than 32 bytes'),
        ($$'https://s.example', 'r', null$$, '22004', 'bucket must not be null'),
        ($$'https://s.example', 'r', 'ab'$$, '22023', 'bucket must have 3 to 63 of a-z, 0-9, "." and "-", a letter or digit at both ends'),
        ($$'https://s.example', 'r', 'a/b'$$, '22023', 'bucket must have 3 to 63 of a-z, 0-9, "." and "-", a letter or digit at both ends'),
        ($$'https://s.example', 'r', 'files', null$$, '22004', 'prefix must not be null'),
        ($$'https://s.example', 'r', 'files', 'a/../b'$$, '22023', 'prefix must be names of A-Z, a-z, 0-9, "_", "." and "-" with "/" between them'),
        ($$'https://s.example', 'r', 'files', 'a/'$$, '22023', 'prefix must be names of A-Z, a-z, 0-9, "_", "." and "-" with "/" between them'),
        ($$'https://s.example', 'r', 'files', settings => '{"ca_fiel": "/x"}'$$, '22023', 'unknown setting "ca_fiel"'),
        ($$'https://s.example', 'r', 'files', settings => '[]'$$, '22023', 'settings must be an object')) v(arguments, code, message);
select throws_ok(format($$select herald.notify_object_store('https://s.example', 'r', 'files', secrets => %L)$$, secrets), '22023', message)
  from (values ('{}', 'secrets.access_key_id is missing'),
               ('{"access_key_id": "env:A"}', 'secrets.secret_access_key is missing'),
               ('{"access_key_id": "env:A", "secret_access_key": "x"}', 'secrets.secret_access_key must be a reference, not a value'),
               ('{"access_key_id": "env:A", "secret_access_key": "env:B", "key": "env:C"}', 'unknown secret "key"')) v(secrets, message);
select is_empty('select from herald.object_store', 'nothing is configured');

-- configuration
select herald.notify_object('\x0102', 'a/b') as one \gset
select is_empty('select * from herald.object_store_next()', 'without a store nothing is moved');
select lives_ok(pg_temp.store($$'http://s.example:9000', 'r', 'files', settings => '{"allow_http": true}'$$), 'cleartext, if allowed');
select lives_ok(pg_temp.store($$'https://s.example:9000', 'eu-west-1', 'my.files', 'herald/v1', settings => '{"ca_file": "/ca.pem"}'$$), 'replaced');
select results_eq('select settings, secrets from herald.object_store_account()',
    $$values ('{"endpoint": "https://s.example:9000", "region": "eu-west-1", "bucket": "my.files", "prefix": "herald/v1", "ca_file": "/ca.pem"}'::jsonb,
              '{"access_key_id": "env:A", "secret_access_key": "file:/s"}'::jsonb)$$, 'as dispatchers use it');
select lives_ok(pg_temp.store($$'https://s.example', 'r', 'files'$$), 'without prefix');
select is(settings ? 'prefix', false, 'which is then left out') from herald.object_store_account();

-- while objects have URLs, content stays
select herald.notify_setting('object_base_url', 'https://o.example.com') \g /dev/null
select is_empty('select * from herald.object_store_next()', 'content with URLs stays');
select split_part(herald.object_url(:'one'), '/o/', 2) as token \gset
select herald.notify_setting('object_base_url', null) \g /dev/null

-- moved
\set hash 'encode(sha256(''\\x0102''), ''hex'')'
select results_eq('select * from herald.object_store_next()', $$values (encode(sha256('\x0102'), 'hex'), 2::bigint)$$, 'content to move');
select is_empty('select * from herald.object_store_next()', 'is given once');
select is(herald.object_slice(:hash, 1, 9), '\x0102', 'and stays until it is moved');
select throws_ok('select herald.notify_object_store_remove()', '55006', 'the object store has the content of objects: 1');
select herald.object_store_done(:hash, false, false) \g /dev/null
select is(herald.object_slice(:hash, 1, 9), '\x0102', 'a transfer that failed changes nothing');
select is_empty('select * from herald.object_store_next()', 'and is not repeated at once');
update herald.object_content set next_at = now() - interval '1 hour';
select is(count(*), 1::bigint, 'but later') from herald.object_store_next();
select herald.object_store_done(:hash, false, true) \g /dev/null
select is(herald.object_slice(:hash, 1, 9), null, 'moved');
select is_empty('select * from herald.object_store_next()', 'for good');
select is(herald.notify_object('\x0102', 'a/b'), :'one'::uuid, 'the same again is the same object');
select is(herald.object_slice(:hash, 1, 9), null, 'whose content is known');
select is(status, 503, 'there is no answer to its URL') from herald.object_get(:'token');

-- deleted
select is(herald.notify_object_remove(:'one'), true, 'removed');
select results_eq('select * from herald.object_store_next()', $$values (encode(sha256('\x0102'), 'hex'), null::bigint)$$, 'to delete');
select is(status, 410, 'gone') from herald.object_get(:'token');
-- back while the deletion is under way
select herald.notify_object('\x0102', 'a/b') as one \gset
select is(herald.object_slice(:hash, 1, 9), '\x0102', 'what comes back has content');
select is_empty('select * from herald.object_store_next()', 'which waits for the deletion under way');
select herald.object_store_done(:hash, true, true) \g /dev/null
select is(herald.object_slice(:hash, 1, 9), '\x0102', 'and outlives it');
select results_eq('select size from herald.object_store_next()', $$values (2::bigint)$$, 'to be moved again');
-- removed while it is moved
select herald.notify_object_remove(:'one') \g /dev/null
select is_empty('select * from herald.object_store_next()', 'a deletion waits for the transfer under way');
select herald.object_store_done(:hash, false, true) \g /dev/null
select results_eq('select size from herald.object_store_next()', $$values (null::bigint)$$, 'then it is due');
select herald.object_store_done(:hash, true, true) \g /dev/null
select is_empty('select from herald.object_content', 'and nothing is left');
select is(herald.notify_object_store_remove(), true, 'the store can be removed');
select is(herald.notify_object_store_remove(), false, 'once');

-- URLs do not keep what is to be deleted
select pg_temp.store($$'https://s.example', 'r', 'files'$$) \gexec
select herald.notify_object('\x03', 'a/b') as one \gset
select from herald.object_store_next() \g /dev/null
select herald.object_store_done(encode(sha256('\x03'), 'hex'), false, true) \g /dev/null
select herald.notify_setting('object_base_url', 'https://o.example.com') \g /dev/null
select herald.notify_object_remove(:'one') \g /dev/null
select is(count(*), 1::bigint, 'a deletion in spite of URLs') from herald.object_store_next();

select * from finish();
rollback;
