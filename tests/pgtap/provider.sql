-- provider: notify_provider, notify_provider_remove and provider_list.
begin;
select * from no_plan();

select herald.notify_provider('mail', 'smtp', 'email', '{"host": "localhost", "port": 25, "tls": true}',
                              '{"password": "env:SMTP_PASSWORD"}', rank => 5) \g /dev/null
select results_eq(
    $$select * from herald.provider_list()$$,
    $$values ('mail', 'smtp', 'email', '{"host": "localhost", "port": 25, "tls": true}'::jsonb,
              '{"password": "env:SMTP_PASSWORD"}'::jsonb, 5, 100, null::bigint)$$, 'a provider is listed');
select herald.notify_provider('mail', 'sendgrid', 'email') \g /dev/null
select results_eq($$select kind, settings, secrets, rank from herald.provider$$,
                  $$values ('sendgrid', '{}'::jsonb, '{}'::jsonb, 100)$$, 'the second call replaces everything');
select herald.notify_provider('mail', 'sendgrid', 'email', enabled => false) \g /dev/null
select is_empty($$select * from herald.provider_list()$$, 'a disabled one is not listed');

-- plain arguments
select throws_ok($$select herald.notify_provider(null, 'smtp', 'email')$$, '22004', 'name must not be null');
select throws_ok($$select herald.notify_provider('', 'smtp', 'email')$$, '22023', 'name must not be empty');
select throws_ok($$select herald.notify_provider('Mail', 'smtp', 'email')$$, '22023', 'name is not a valid name');
select throws_ok($$select herald.notify_provider(repeat('x', 64), 'smtp', 'email')$$, '54000', 'name is longer than 63 bytes');
select lives_ok($$select herald.notify_provider(repeat('x', 63), 'smtp', 'email')$$, 'a name of 63 bytes');
select throws_ok($$select herald.notify_provider('a', null, 'email')$$, '22004', 'kind must not be null');
select throws_ok($$select herald.notify_provider('a', 'S-M', 'email')$$, '22023', 'kind is not a valid name');
select lives_ok($$select herald.notify_provider('a', 'made_up_9', 'email')$$, 'SQL knows no list of kinds');
select throws_ok($$select herald.notify_provider('a', 'smtp', null)$$, '22004', 'channel must not be null');
select throws_ok($$select herald.notify_provider('a', 'smtp', 'emial')$$, '22023', 'unknown channel "emial"');
select throws_ok(format('select herald.notify_provider(%L, %L, %L, rank => %L)', 'a', 'smtp', 'email', n), '22023',
                 'rank must lie between 0 and 10000') from unnest(array[-1, 10001]) n;
select lives_ok(format('select herald.notify_provider(%L, %L, %L, rank => %L)', 'a', 'smtp', 'email', n), 'rank ' || n)
  from unnest(array[0, 10000]) n;
select throws_ok(format('select herald.notify_provider(%L, %L, %L, concurrency => %L)', 'a', 'smtp', 'email', n), '22023',
                 'concurrency must lie between 1 and 10000') from unnest(array[0, 10001, -1]) n;
select throws_ok($$select herald.notify_provider('a', 'smtp', 'email', rank => null)$$, '22004', 'rank must not be null');
select throws_ok($$select herald.notify_provider('a', 'smtp', 'email', concurrency => null)$$, '22004',
                 'concurrency must not be null');
select throws_ok($$select herald.notify_provider('a', 'smtp', 'email', enabled => null)$$, '22004',
                 'enabled must not be null');

-- settings
create function pg_temp.settings(jsonb) returns text language sql as
    $$select format('select herald.notify_provider(%L, %L, %L, settings => %L)', 'a', 'smtp', 'email', $1)$$;
select throws_ok(pg_temp.settings(null), '22004', 'settings must not be null');
select throws_ok(pg_temp.settings('[]'), '22023', 'settings must be an object');
select throws_ok(pg_temp.settings(jsonb_build_object(key, 'x')), '22023', format('settings.%s looks like a secret', key))
  from unnest(array['password', 'secret', 'auth_token', 'api_key', 'private_key', 'signing_secret', 'client_pem',
                    'passphrase', 'credentials']) key;
select lives_ok(pg_temp.settings(jsonb_build_object(key, 'x')), key || ' is no secret')
  from unnest(array['key_id', 'team_id', 'token_uri', 'account_sid', 'username', 'topic']) key;
select throws_ok(pg_temp.settings('{"x": "-----BEGIN PRIVATE KEY-----"}'), '22023', 'settings.x looks like a secret');
select throws_ok(pg_temp.settings(jsonb_build_object('x', value)), '22023',
                 'settings.x must be a string, number, boolean or an object of strings', value::text)
  from unnest(array['null', '[]', '["a"]', '{"a": 1}', '{"a": null}', '{"a": {}}', '{"a": "b", "c": []}']::jsonb[]) value;
select lives_ok(pg_temp.settings('{"x": {"DE": "+49", "US": "MG"}}'), 'texts by key');
select throws_ok(pg_temp.settings('{"x": {"DE": "a\u0001b"}}'), '22023', 'settings.x contains control characters');
select throws_ok(pg_temp.settings('{"Bad": 1}'), '22023', 'settings has a member with an invalid name: "Bad"');
select throws_ok(pg_temp.settings('{"x": "a\r\nb"}'), '22023', 'settings.x contains control characters');
select lives_ok(pg_temp.settings(jsonb_build_object('x', repeat('y', 8192))), 'a setting of 8192 bytes');
select throws_ok(pg_temp.settings(jsonb_build_object('x', repeat('y', 8193))), '54000',
                 'settings.x is longer than 8192 bytes');
select throws_ok(pg_temp.settings(jsonb_build_object('endpoint', url)), '22023', 'settings.endpoint ' || problem, url)
  from (values ('http://example.org', 'must begin with https://'),
               ('file:///etc/passwd', 'must begin with https://'),
               ('example.org', 'must begin with https://'),
               ('https://u:p@example.org', 'must not name a user or password'),
               ('https://example.org#f', 'must not have a fragment')) v(url, problem);
select throws_ok(pg_temp.settings('{"endpoint": "http://example.org", "allow_http": false}'), '22023',
                 'settings.endpoint must begin with https://');
select throws_ok(pg_temp.settings('{"endpoint": "http://example.org", "allow_http": "yes"}'), '22023',
                 'settings.allow_http must be a boolean');
select lives_ok(pg_temp.settings('{"endpoint": "http://example.org", "allow_http": true}'), 'http when it is allowed');
select throws_ok(pg_temp.settings('{"endpoint": ""}'), '22023', 'settings.endpoint must not be empty');

-- secrets
create function pg_temp.secrets(jsonb) returns text language sql as
    $$select format('select herald.notify_provider(%L, %L, %L, secrets => %L)', 'a', 'smtp', 'email', $1)$$;
select lives_ok(pg_temp.secrets(jsonb_build_object('key', reference)), reference)
  from unnest(array['env:A', 'env:_a9', 'file:/etc/secret', 'file:/a b']) reference;
select throws_ok(pg_temp.secrets(jsonb_build_object('key', value)), '22023',
                 'secrets.key must be a reference, not a value', value::text)
  from unnest(array['"hunter2"', '"env:"', '"env:9A"', '"env:A B"', '"env:A\n"', '"file:relative"', '"file:/"', '"file:/a\nb"', '1',
                    'null', '{}']::jsonb[]) value;
select throws_ok(pg_temp.secrets('{"key": "hunter2-SECRET"}'), '22023', null, 'a value is refused');
do $$
declare
    v_detail text; v_message text; v_hint text;
begin
    perform herald.notify_provider('a', 'smtp', 'email', secrets => '{"key": "hunter2-SECRET"}');
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail, v_message = message_text, v_hint = pg_exception_hint;
    perform set_config('test.told', v_message || v_detail || v_hint, true);
end
$$;
select unalike(current_setting('test.told'), '%SECRET%', 'and never repeated');

-- pauses
select herald.notify_provider_pause('a', 'billing', now() + interval '1 hour') \g /dev/null
select ok(pause_ms between 3500000 and 3600000, 'a pause has an end') from herald.provider_list() where name = 'a';
select results_eq($$select state, reason, until > now() from herald.provider_health where provider = 'a'$$,
                  $$values ('paused', 'billing', true)$$, 'which is told');
select herald.notify_provider('a', 'smtp', 'email') \g /dev/null
select ok(pause_ms > 0, 'a new configuration does not end it') from herald.provider_list() where name = 'a';
select herald.notify_provider_pause('a', 'on holiday') \g /dev/null
select is(pause_ms, -1::bigint, 'or it has none') from herald.provider_list() where name = 'a';
select is(herald.notify_provider_resume('a'), true, 'it is resumed');
select is(herald.notify_provider_resume('a'), false, 'once');
select is(pause_ms, null, 'and used again') from herald.provider_list() where name = 'a';
select is(state, 'unknown', 'no dispatcher has told about it') from herald.provider_health where provider = 'a';
update herald.provider set paused_at = now() - interval '2 s', paused_until = now() - interval '1 s' where name = 'a';
select is(pause_ms, null, 'a pause ends by itself') from herald.provider_list() where name = 'a';
select is(state, 'unknown', 'everywhere') from herald.provider_health where provider = 'a';
select is(herald.notify_provider_resume('a'), false, 'then there is nothing to resume');
select throws_ok($$select herald.notify_provider_pause('nobody', 'x')$$, '22023', 'unknown provider "nobody"');
select throws_ok($$select herald.notify_provider_pause('a', null)$$, '22004', 'reason must not be null');
select throws_ok($$select herald.notify_provider_pause('a', repeat('x', 501))$$, '54000', 'reason is longer than 500 bytes');
select throws_ok($$select herald.notify_provider_pause('a', 'x', now() - interval '1 s')$$, '22023', 'until must lie in the future');
select throws_ok($$select herald.notify_provider_resume('nobody')$$, '22023', 'unknown provider "nobody"');

-- what dispatchers tell
select herald.dispatcher_start('d1', '1.0') as one \gset
select herald.dispatcher_start('d2', '1.0') as two \gset
create function pg_temp.report(epoch bigint, state text, reason text, failures integer default 0) returns void language sql as
    $$select herald.provider_report(epoch, '{a}', array[state], array[reason], array[1767225600000000], array[failures])$$;
select pg_temp.report(:one, 'closed', null), pg_temp.report(:two, 'open', 'outage', 20) \g /dev/null
select results_eq($$select state, reason, failures, dispatchers, until from herald.provider_health where provider = 'a'$$,
                  $$values ('open', 'outage', 20, array['d2'], '2026-01-01 00:00:00+00'::timestamptz)$$, 'the worst state counts');
update herald.provider_state set since = '2026-01-01 00:00:00+00';
select pg_temp.report(:two, 'open', 'outage', 21) \g /dev/null
select is(since, '2026-01-01 00:00:00+00'::timestamptz, 'it is older than its last report') from herald.provider_health where provider = 'a';
select pg_temp.report(:two, 'probing', 'outage', 21) \g /dev/null
select ok(state = 'probing' and since > '2026-01-01 00:00:00+00', 'a new state is not') from herald.provider_health where provider = 'a';
select herald.provider_report(:two, '{}', '{}', '{}', '{}', '{}') \g /dev/null
select results_eq($$select state, dispatchers from herald.provider_health where provider = 'a'$$, $$values ('closed', array['d1'])$$,
                  'an account that a dispatcher does not have any more says nothing');
select pg_temp.report(:two, 'open', 'config') \g /dev/null
select pg_advisory_unlock_all() \g /dev/null
select herald.reclaim_epoch(:two) \g /dev/null
select is(array_agg(epoch), array[:one]::bigint[], 'nor does a dispatcher that is gone') from herald.provider_state;
select pg_temp.report(:two, 'open', 'config') \g /dev/null
select is(array_agg(epoch), array[:one]::bigint[], 'not even when it tries') from herald.provider_state;
select throws_ok(format('select pg_temp.report(%s, %L, null)', :one, 'ajar'), '23514', null, 'there are three states');
select herald.notify_provider('a', 'smtp', 'email', enabled => false) \g /dev/null
select is(state, 'disabled', 'a disabled account is not used') from herald.provider_health where provider = 'a';
select herald.notify_provider_remove('a') \g /dev/null
select is(count(*), 0::bigint, 'nothing is left of a removed one') from herald.provider_state;

-- removal
select is(herald.notify_provider_remove('mail'), true, 'a provider is removed');
select is(herald.notify_provider_remove('mail'), false, 'once');
select throws_ok($$select herald.notify_provider_remove(null)$$, '22004', 'name must not be null');
select trigger_is('herald', 'provider', 'provider_changed', 'herald', 'provider_changed', 'changes are told to dispatchers');

select * from finish();
rollback;
