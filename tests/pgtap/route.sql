-- route: notify_route, what it refuses, whom it matches, and what explain says.
begin;
select * from no_plan();

select herald.notify_provider(name, kind, channel, rank => rank)
  from (values ('one', 'twilio', 'sms', 10), ('two', 'twilio', 'sms', 20), ('three', 'twilio', 'sms', 30),
               ('apple', 'apns', 'push', 10), ('google', 'fcm', 'push', 10), ('mail', 'smtp', 'email', 10)) v(name, kind, channel, rank) \g /dev/null
select herald.notify_category('orders') \g /dev/null

-- made, replaced, removed
select herald.notify_route('cn', 'sms', '{two,one}', '{"country": "cn", "category": ["orders"], "attributes": {"plan": "pro"}}',
                           50, '{80,20}') \g /dev/null
select results_eq($$select name, channel, providers, weights, countries, device_kinds, categories, attributes from herald.route_list()$$,
    $$values ('cn', 'sms', '["two", "one"]'::jsonb, '[80, 20]'::jsonb, '["CN"]'::jsonb, null::jsonb, '["orders"]'::jsonb,
              '{"plan": ["pro"]}'::jsonb)$$, 'a route is listed in its normal form');
select herald.notify_route('cn', 'sms', '{one}', '{}', 50) \g /dev/null
select results_eq($$select providers, weights, countries, attributes from herald.route_list()$$,
    $$values ('["one"]'::jsonb, null::jsonb, null::jsonb, null::jsonb)$$, 'the second call replaces everything');
select herald.notify_route('a', 'sms', '{one}', "position" => 50) \g /dev/null
select herald.notify_route('z', 'sms', '{one}', "position" => 0) \g /dev/null
select herald.notify_route('off', 'sms', '{one}', enabled => false) \g /dev/null
select is(string_agg(name, ' '), 'z a cn', 'by position, then name, enabled ones') from herald.route_list();
select is(herald.notify_route_remove('a'), true, 'a route is removed');
select is(herald.notify_route_remove('a'), false, 'once');
select trigger_is('herald', 'route', 'route_changed', 'herald', 'provider_changed', 'changes are told to dispatchers');
delete from herald.route;

-- refusals
create function pg_temp.route(providers text, match text default '{}', weights text default null, channel text default 'sms')
returns text language sql as
    $$select format('select herald.notify_route(%L, %L, %L, %L, weights => %L)', 'r', channel, providers, match, weights)$$;
select throws_ok($$select herald.notify_route('Bad', 'sms', '{one}')$$, '22023', 'name is not a valid name');
select throws_ok($$select herald.notify_route('r', 'smss', '{one}')$$, '22023', 'unknown channel "smss"');
select throws_ok($$select herald.notify_route('r', 'sms', null)$$, '22004', 'providers must not be null');
select throws_ok($$select herald.notify_route('r', 'sms', '{one}', "position" => 10001)$$, '22023', 'position must lie between 0 and 10000');
select throws_ok($$select herald.notify_route('r', 'sms', '{one}', "position" => null)$$, '22004', 'position must not be null');
select throws_ok($$select herald.notify_route('r', 'sms', '{one}', enabled => null)$$, '22004', 'enabled must not be null');
select throws_ok(pg_temp.route(p), '22023', 'providers must name between 1 and 16 accounts, each once', p)
  from unnest(array['{}', '{one,one}', '{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17}']) p;
select throws_ok(pg_temp.route('{tow}'), '22023', 'unknown provider "tow"');
select throws_ok(pg_temp.route('{one,mail}'), '22023', 'provider "mail" serves channel email, not sms');
select throws_ok(pg_temp.route('{one,two}', weights => w), '22023', 'weights must be one number between 0 and 1000 for each provider, not all 0', w)
  from unnest(array['{1}', '{0,0}', '{-1,2}', '{1,1001}', '{1,NULL}', '{}']) w;
select lives_ok(pg_temp.route('{one,two}', weights => w), 'weights ' || w) from unnest(array['{0,1}', '{1000,1000}']) w;
select throws_ok(pg_temp.route('{one}', m), '22023', why, m)
  from (values ('[]', 'match must be an object'),
               ('{"contry": "CN"}', 'unknown member of match "contry"'),
               ('{"country": "CHN"}', 'match.country is not an ISO 3166 code'),
               ('{"country": ["CN", ""]}', 'match.country is not an ISO 3166 code'),
               ('{"country": 86}', 'match.country must hold texts'),
               ('{"country": []}', 'match.country must hold between 1 and 300 values'),
               ('{"country": null}', 'match.country must be a text, a whole number, true, false or a list of them'),
               ('{"country": [["CN"]]}', 'match.country must be a text, a whole number, true, false or a list of them'),
               ('{"region": "EUR"}', 'unknown region "EUR"'),
               ('{"device_kind": "phone"}', 'unknown device_kind "phone"'),
               ('{"category": "order"}', 'unknown category "order"'),
               ('{"attributes": "pro"}', 'match.attributes must be an object'),
               ('{"attributes": {}}', 'match.attributes must name between 1 and 16 attributes'),
               ('{"attributes": {"a": 1.5}}', 'match.attributes.a must be a text, a whole number, true, false or a list of them'),
               ('{"attributes": {"a": 1234567890123456}}', 'match.attributes.a must be a text, a whole number, true, false or a list of them'),
               ('{"attributes": {"a": {"b": 1}}}', 'match.attributes.a must be a text, a whole number, true, false or a list of them')) v(m, why);
select throws_ok(pg_temp.route('{one}', null), '22004', 'match must not be null');
select is(count(*), 1::bigint, 'what is refused changes nothing') from herald.route;
delete from herald.route;

-- country
select is(herald.recipient_country(attributes::jsonb, region, phone, locale), wanted, concat_ws(' ', attributes, region, phone, locale))
  from (values ('{"country": "cn"}', 'DE', '+15005550006', 'fr-FR', 'CN'), ('{"country": "china"}', 'DE', null, null, 'DE'),
               ('{"country": 86}', null, null, null, null), ('{"country": ""}', 'US-CA', null, null, 'US'),
               ('{}', null, '+8613800138000', 'en-US', 'CN'), ('{}', null, '+15005550006', null, 'US'), ('{}', null, '+12045550006', null, 'CA'),
               ('{}', null, '+77015550006', null, 'KZ'), ('{}', null, '+79015550006', null, 'RU'), ('{}', null, '+85255550006', null, 'HK'),
               ('{}', null, '+262639123456', null, 'YT'), ('{}', null, '+88312345678', 'de-AT', 'AT'), ('{}', null, null, 'zh-CN', 'CN'),
               ('{}', null, null, 'zh-Hans-CN', 'CN'), ('{}', null, null, 'de-at-1996', 'AT'), ('{}', null, null, 'zh-Hans', null),
               ('{}', null, null, 'es-419', null), ('{}', null, null, 'zh', null), ('{}', null, null, '', null), ('{}', null, null, 'i-CN', null),
               (null, null, null, null, null)) v(attributes, region, phone, locale, wanted);
select is(count(*), count(distinct digits), 'no calling code is twice') from herald.calling_codes();
select ok(bool_and(country ~ '^[A-Z]{2}$' and digits ~ '^[1-9][0-9]{0,6}$'), 'they are codes') from herald.calling_codes();

-- matching
select is(herald.route_matches(herald.check_match(match::jsonb), country, kind, category, attributes::jsonb), wanted, concat_ws(' ', match, country, kind, category, attributes))
  from (values ('{}', null, null, null, null, true), ('{"country": "cn"}', 'CN', null, null, '{}', true), ('{"country": "cn"}', null, null, null, '{}', false),
               ('{"region": "eu"}', 'DE', null, null, '{}', true), ('{"region": "eu"}', 'NO', null, null, '{}', false), ('{"region": ["EU", "EEA"]}', 'NO', null, null, '{}', true),
               ('{"region": "EU", "country": ["DE", "US"]}', 'DE', null, null, '{}', true), ('{"region": "EU", "country": ["DE", "US"]}', 'US', null, null, '{}', false),
               ('{"device_kind": ["ios"]}', null, 'ios', null, '{}', true), ('{"device_kind": "ios"}', null, 'android', null, '{}', false),
               ('{"device_kind": "ios"}', null, null, null, '{}', false), ('{"category": "orders"}', null, null, 'orders', '{}', true),
               ('{"category": "orders"}', null, null, null, '{}', false), ('{"attributes": {"a": [1, true]}}', null, null, null, '{"a": true}', true),
               ('{"attributes": {"a": 1}}', null, null, null, '{"a": "1"}', false), ('{"attributes": {"a": 1}}', null, null, null, '{"a": 1.0}', false),
               ('{"attributes": {"a": "x", "b": "y"}}', null, null, null, '{"a": "x"}', false), ('{"attributes": {"a": "x"}}', null, null, null, null, false),
               ('{"country": "CN", "category": "orders"}', 'CN', null, null, '{}', false)) v(match, country, kind, category, attributes, wanted);

-- order
select is(string_agg(provider, ' ' order by place), 'two one', 'without weights as it stands') from herald.route_order('{two,one}', null, 'x');
select ok(count(*) filter (where provider = 'one') between 750 and 850 and count(*) = 1000, 'with weights by shares')
  from generate_series(1, 1000) i, herald.route_order('{one,zero,two}', '{80,0,20}', 'r' || i) where place = 0;
select is(bool_and(place = 3), true, 'the others follow in order')
  from generate_series(1, 100) i, herald.route_order('{one,zero,two}', '{1,0,0}', 'r' || i) where provider = 'two';

-- explain
select herald.notify_recipient('ann', phone => '+15005550010', locale => 'zh-CN') \g /dev/null
create function pg_temp.explain(channel text, category text default null) returns setof text language sql as
    $$select concat_ws(' ', e.position, e.provider, e.route, e.eligible, e.reason) from herald.notify_route_explain('ann', channel, category) e$$;
select results_eq($$select pg_temp.explain('sms')$$, $$values ('1 one t'), ('2 two t'), ('3 three t')$$, 'by rank without a route');
select is(address, '+15005550010', 'with the address') from herald.notify_route_explain('ann', 'sms') limit 1;
select herald.notify_route('us', 'sms', '{three,one}', '{"country": "US"}') \g /dev/null
select herald.notify_route('orders', 'sms', '{two}', '{"category": "orders"}', 10) \g /dev/null
select results_eq($$select pg_temp.explain('sms')$$, $$values ('1 three us t'), ('2 one us t'), ('3 two us f not in the route')$$, 'a route decides');
select results_eq($$select pg_temp.explain('sms', 'orders')$$,
    $$values ('1 two orders t'), ('2 one orders f not in the route'), ('3 three orders f not in the route')$$, 'the first that matches');
select herald.notify_provider_pause('three', 'billing') \g /dev/null
select results_eq($$select pg_temp.explain('sms')$$,
    $$values ('1 one us t'), ('2 three us f paused: billing'), ('3 two us f not in the route')$$, 'a paused account comes later');
select herald.notify_provider('one', 'twilio', 'sms', enabled => false) \g /dev/null
select is(e.line, '2 one us f disabled', 'so does a disabled one') from pg_temp.explain('sms') e(line) where e.line like '%one%';
select herald.notify_provider_resume('three'), herald.dispatcher_start('d1', '1.0'), herald.dispatcher_start('d2', '1.0') \g /dev/null
select herald.provider_report(1, '{three}', '{open}', '{outage}', '{NULL}', '{20}') \g /dev/null
select alike(e.line, '% three us f circuit open since %: outage', 'and one whose circuit is open') from pg_temp.explain('sms') e(line) where e.line like '%three%';
select herald.provider_report(2, '{three}', '{closed}', '{NULL}', '{NULL}', '{0}') \g /dev/null
select alike(e.line, '1 three us t circuit open since %: outage', 'unless another dispatcher can use it') from pg_temp.explain('sms') e(line) where e.line like '%three%';
select herald.notify_recipient('ann') \g /dev/null
select is(count(*) filter (where reason ~ 'no address'), 2::bigint, 'nobody without an address') from herald.notify_route_explain('ann', 'sms');
select results_eq($$select provider, eligible, reason from herald.notify_route_explain('ann', 'push') order by 1$$,
    $$values ('apple', false, 'no device'), ('google', false, 'no device')$$, 'nor without a device');
select herald.notify_device('ann', 'android', 'fcm', 'ann-phone:APA91b0123') as phone \gset
select results_eq($$select provider, eligible, reason, address from herald.notify_route_explain('ann', 'push')$$,
    $$values ('google', true, null, 'fcm …b0123'), ('apple', false, 'no token that it serves', null)$$, 'a token is served by its issuer');
select herald.notify_device('ann', 'ios', 'apns', repeat('ab12', 16)) \g /dev/null
select herald.notify_route('ios', 'push', '{google,apple}', '{"device_kind": "ios"}') \g /dev/null
select results_eq($$select provider, e.position, route, eligible from herald.notify_route_explain('ann', 'push') e$$,
    $$values ('google', 1, null, true), ('apple', 2, null, false), ('apple', 1, 'ios', true), ('google', 2, 'ios', false)$$, 'each device by itself');
select throws_ok($$select * from herald.notify_route_explain('bob', 'push')$$, '22023', 'unknown recipient "bob"');
select throws_ok($$select * from herald.notify_route_explain('ann', 'psh')$$, '22023', 'unknown channel "psh"');
select throws_ok($$select * from herald.notify_route_explain('ann', 'push', 'order')$$, '22023', 'unknown category "order"');

select * from finish();
rollback;
