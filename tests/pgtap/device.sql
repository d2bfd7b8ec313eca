-- device: notify_device, notify_device_remove and notify_devices.
begin;
select * from no_plan();
select herald.notify_recipient(id) from unnest(array['ann', 'ben']) id \g /dev/null

-- registration
select herald.notify_device('ann', 'ios', 'apns', '00FFaa', app => 'org.example', name => 'phone') as phone \gset
select results_eq(
    $$select device, kind, name, issuer, app, environment, state, token_hint from herald.notify_devices('ann')$$,
    format($$values (%L::uuid, 'ios', 'phone', 'apns', 'org.example', 'production', 'active', '…a')$$, :'phone'),
    'a device is listed with a hint of its token');
select is(token, '00ffaa', 'tokens of apns are stored in lower case') from herald.device_token;
select is(herald.id_bucket(:'phone'), herald.bucket('ann'), 'the id carries the recipient''s bucket');

update herald.device_token set state = 'retired', state_reason = 'gone', registered_at = 'yesterday';
select is(herald.notify_device('ann', 'ios', 'apns', '00ffAA', environment => 'sandbox'), :'phone'::uuid,
          'the same token again finds its device');
select results_eq(
    $$select state::text, state_reason, environment, registered_at > now() - interval '1 minute'
        from herald.device_token$$,
    $$values ('active', null::text, 'sandbox', true)$$, 'and makes it active again');
select is(name, 'phone', 'a refresh without a name keeps it') from herald.device;

-- a second issuer
select is(herald.notify_device('ann', 'ios', 'fcm', 'second:token', device => :'phone'), :'phone'::uuid,
          'a device gets a token of a further issuer');
select results_eq($$select issuer from herald.notify_devices('ann')$$, $$values ('apns'), ('fcm')$$,
                  'and is listed with both');
select isnt(herald.notify_device('ann', 'ios', 'fcm', '00ffaa'), :'phone'::uuid,
            'the same text of another issuer is another token');
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L, device => %L)', 'ben', 'ios', 'fcm', 'x', :'phone'),
                 '22023', format('recipient "ben" has no device %s of kind "ios"', :'phone'));
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L, device => %L)', 'ann', 'android', 'fcm', 'x', :'phone'),
                 '22023', format('recipient "ann" has no device %s of kind "android"', :'phone'));

-- a token that moves
select herald.notify_device('ann', 'android', 'fcm', 'tablet') as tablet \gset
select isnt(herald.notify_device('ben', 'android', 'fcm', 'tablet'), :'tablet'::uuid, 'a token moves to another recipient');
select is(count(*), 0::bigint, 'the device it leaves empty goes') from herald.device where id = :'tablet';
select is(count(*), 1::bigint, 'the token exists once') from herald.device_token where token = 'tablet';
select is(herald.notify_device('ben', 'ios', 'apns', '00ffaa') is not null, true, 'one of two tokens moves');
select results_eq(format('select issuer from herald.device_token where device = %L', :'phone'), $$values ('fcm')$$,
                  'the other stays with its device');
select herald.notify_device('ann', 'web', 'fcm', 'w1') as one \gset
select herald.notify_device('ann', 'web', 'fcm', 'w2') as two \gset
select is(herald.notify_device('ann', 'web', 'fcm', 'w2', device => :'one'), :'one'::uuid, 'a token moves between devices');
select is(count(*), 0::bigint, 'and the empty one goes') from herald.device where id = :'two';

-- bad arguments
select throws_ok($$select herald.notify_device(null, 'ios', 'apns', '00')$$, '22004', 'recipient must not be null');
select throws_ok($$select herald.notify_device('nobody', 'ios', 'apns', '00')$$, '22023', 'unknown recipient "nobody"');
select throws_ok($$select herald.notify_device('ann', null, 'apns', '00')$$, '22004', 'kind must not be null');
select throws_ok($$select herald.notify_device('ann', 'iso', 'apns', '00')$$, '22023', 'unknown kind "iso"');
select throws_ok($$select herald.notify_device('ann', 'ios', null, '00')$$, '22004', 'issuer must not be null');
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'ios', issuer, '00'), '22023',
                 'issuer is not a valid name', issuer)
  from unnest(array['APNS', 'ap ns', repeat('x', 33)]) issuer;
select lives_ok($$select herald.notify_device('ann', 'ios', repeat('x', 32), '00')$$, 'an issuer of 32 letters');
select throws_ok($$select herald.notify_device('ann', 'ios', 'apns', null)$$, '22004', 'token must not be null');
select throws_ok($$select herald.notify_device('ann', 'ios', 'apns', '')$$, '22023', 'token must not be empty');
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'ios', 'apns', token), '22023',
                 'token of issuer "apns" must be an even number of hex digits', token)
  from unnest(array['abc', 'xy', '00 ff']) token;
select throws_ok($$select herald.notify_device('ann', 'android', 'fcm', 'a b')$$, '22023',
                 'token must not contain white space');
select lives_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'android', 'fcm', repeat('t', size)),
                size || ' bytes of token') from unnest(array[4095, 4096]) size;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'android', 'fcm', repeat('t', 4097)),
                 '54000', 'token is longer than 4096 bytes');
select throws_ok($$select herald.notify_device('ann', 'ios', 'apns', '00', environment => 'test')$$, '22023',
                 'unknown environment "test"');
select throws_ok($$select herald.notify_device('ann', 'ios', 'apns', '00', environment => null)$$, '22004',
                 'environment must not be null');
select throws_ok($$select herald.notify_device('ann', 'ios', 'apns', '00', app => '')$$, '22023', 'app must not be empty');

-- topics stand for others: never what an app reports
select lives_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ben', 'topic', 'fcm', token), token)
  from unnest(array['/topics/news', '/topics/a-Z_0.~%', '''a'' in topics', '!''a'' in topics', '(''a'' in topics)',
                    '''a'' in topics && (''b'' in topics || !(''c'' in topics))', '! ( ''a'' in topics&&''b'' in topics )',
                    '''a'' in topics || ''b'' in topics || ''c'' in topics || ''d'' in topics || ''e'' in topics']) token;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ben', kind, issuer, token), '22023',
                 'a device of kind "topic" has issuer "fcm" and a topic or condition as its token, and no other device has',
                 concat_ws(' ', kind, issuer, token))
  from (values ('android', 'fcm', '/topics/news'), ('ios', 'fcm', '''a'' in topics'), ('web', 'fcm', '(''a'' in topics)'),
               ('android', 'fcm', '!''a'' in topics'), ('topic', 'fcm', 'dX3:APA91b'), ('topic', 'pushy', '/topics/news'),
               ('topic', 'jpush', '12')) v(kind, issuer, token);
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ben', 'topic', 'fcm', token), '22023',
                 'token of issuer "fcm" is neither a topic nor a condition', token)
  from unnest(array['/topics/', '/topics/a b', '/topics/ä', '/topics/a/b', '/topic/a',
                    '''a'' in topics &&', '''a'' in topics & & ''b'' in topics', '''a'' in topics ''b'' in topics', '(''a'' in topics',
                    '''a'' in topics)', '''a b'' in topics', ''''' in topics', '''a'' in tokens', '!', '()', '''@''', '!@',
                    '''a'' in topics' || repeat(' || ''a'' in topics', 5)]) token;
select results_eq($$select kind::text, channel::text from herald.recipient_address('ben', null, '{push}') a, herald.device d
                     where d.recipient = 'ben' and d.kind = 'topic' and a.address like '%fcm …ews%' limit 1$$,
                  $$values ('topic', 'push')$$, 'a topic is an address of channel push');

select herald.notify_category(c, topics => c = 'news') from unnest(array['news', 'orders']) c \g /dev/null
select herald.notify_recipient('group') \g /dev/null
select herald.notify_device('group', 'topic', 'fcm', '/topics/group') \g /dev/null
select results_eq($$select r, c, reason from unnest(array['group', 'ann']) r, unnest(array['news', 'orders', null]) c,
                           herald.recipient_address(r, c, '{push}') order by 1, 2$$,
                  $$values ('ann', 'news', null::text), ('ann', 'orders', null), ('ann', null, null), ('group', 'news', null),
                           ('group', 'orders', 'topic_not_allowed'), ('group', null, 'topic_not_allowed')$$,
                  'a preview says that the category does not allow it');

-- webhooks
select lives_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'webhook', 'webhook', url), url)
  from unnest(array['https://example.org', 'https://example.org:8443/a?b=c%20d', 'HTTPS://[2001:db8::1]/x',
                    'https://h/' || repeat('p', 2038)]) url;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'webhook', 'webhook', url), '22023',
                 'token ' || problem, url)
  from (values ('http://example.org/', 'must begin with https://'), ('//example.org', 'must begin with https://'),
               ('file:///etc/passwd', 'must begin with https://'), ('gopher://x/', 'must begin with https://'),
               ('https://user:pw@example.org/', 'must not name a user or password'),
               ('https://user@example.org', 'must not name a user or password'),
               ('https://example.org/#x', 'must not have a fragment'),
               ('https://exämple.org/', 'must be written in printable ASCII without spaces'),
               ('https://example.org/a b', 'must be written in printable ASCII without spaces'),
               ('https:///x', 'has no valid host'), ('https://', 'has no valid host'),
               ('https://example.org:99999999/', 'has no valid host'),
               (E'https://example.org/\r\nx: y', 'contains control characters'),
               ('https://example.org\@evil/', 'contains a character that must be percent-encoded')) v(url, problem);
select throws_ok($$select herald.notify_device('ann', 'webhook', 'webhook', 'https://h/' || repeat('p', 2039))$$,
                 '54000', 'token is longer than 2048 bytes');
select throws_ok($$select herald.notify_device('ann', 'webhook', 'fcm', 'https://example.org/')$$, '22023',
                 'a device of kind "webhook" has issuer "webhook" and no other does');
select throws_ok($$select herald.notify_device('ann', 'ios', 'webhook', 'https://example.org/')$$, '22023',
                 'a device of kind "webhook" has issuer "webhook" and no other does');

insert into herald.setting (name, value) values ('webhook_allow_http', '1');
select lives_ok($$select herald.notify_device('ann', 'webhook', 'webhook', 'http://example.org/')$$, 'http by explicit choice');

-- browsers
create function pg_temp.browser(endpoint text, p256dh text, auth text) returns text language sql
return json_build_object('endpoint', endpoint, 'expirationTime', null,
                         'keys', json_build_object('p256dh', p256dh, 'auth', auth))::text;
\set point 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'
\set auth 'BTBZMqHH6r4Tts7J_aSIgg'
select herald.notify_device('ann', 'web', 'webpush',
    pg_temp.browser('https://push.example.org/wp/abcdef?x=1', :'point', :'auth')) as browser \gset
select is(token, format('{"keys":{"p256dh":"%s","auth":"%s"},"endpoint":"https://push.example.org/wp/abcdef?x=1"}',
                        :'point', :'auth'), 'a subscription is stored in one form')
  from herald.device_token where device = :'browser';
select is(token_hint, '…ef?x=1', 'its hint is the end of the endpoint') from herald.notify_devices('ann') d
 where d.device = :'browser';
select is(herald.notify_device('ann', 'web', 'webpush', token::jsonb::text), :'browser'::uuid,
          'the same subscription in another spelling') from herald.device_token where device = :'browser';
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'web', 'webpush', token), '22023',
                 'token of issuer "webpush" ' || problem, token)
  from (values ('x', 'must be a JSON object'), ('[]', 'must be a JSON object'), ('"x"', 'must be a JSON object'),
               ('null', 'must be a JSON object'), ('{"a":"\u0000"}', 'must be a JSON object'),
               ('{}', 'lacks the member "endpoint"'), ('{"endpoint":null}', 'lacks the member "endpoint"'),
               ('{"endpoint":"https://x"}', 'lacks the members "p256dh" and "auth" in "keys"'),
               ('{"endpoint":"https://x","keys":[]}', 'lacks the members "p256dh" and "auth" in "keys"'),
               ('{"endpoint":"https://x","keys":{"p256dh":"x"}}', 'lacks the members "p256dh" and "auth" in "keys"'))
       v(token, problem);
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'web', 'webpush',
                        pg_temp.browser('https://x', p256dh, :'auth')), '22023',
                 'token of issuer "webpush" has a p256dh that is not an uncompressed point of P-256, 65 bytes in base64url',
                 p256dh)
  from unnest(array['', left(:'point', 86), :'point' || 'A', translate(:'point', '-', '+'), 'A' || substr(:'point', 2),
                    left(:'point', 86) || '5', :'point' || '=']) p256dh;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'web', 'webpush',
                        pg_temp.browser('https://x', :'point', auth)), '22023',
                 'token of issuer "webpush" has an auth that is not 16 bytes in base64url', auth)
  from unnest(array['', left(:'auth', 21), :'auth' || 'A', left(:'auth', 21) || 'h', :'auth' || '==', '"' || left(:'auth', 21)]) auth;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'web', 'webpush',
                        pg_temp.browser(url, :'point', :'auth')), '22023', 'token.endpoint ' || problem, url)
  from (values ('http://push.example.org/x', 'must begin with https://'), ('', 'must not be empty'),
               ('file:///etc/passwd', 'must begin with https://'), ('https://u@push.example.org/', 'must not name a user or password'),
               ('https://push.example.org/"x', 'contains a character that must be percent-encoded'),
               ('https://push.example.org/#x', 'must not have a fragment'), ('https:///x', 'has no valid host')) v(url, problem);
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'web', 'webpush',
                        pg_temp.browser('https://h/' || repeat('p', 2039), :'point', :'auth')),
                 '54000', 'token.endpoint is longer than 2048 bytes');
select lives_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'web', 'webpush',
                       pg_temp.browser('https://h/' || repeat('p', 2038), :'point', :'auth')), 'an endpoint of 2048 bytes');

-- chats
select lives_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'chat', issuer, token), issuer || ' ' || left(token, 64))
  from (values ('slack', 'https://hooks.slack.com/services/T0/B0/s3cr3t'), ('slack', 'https://localhost:8443/services/T-0/B_0/x'),
               ('slack', rpad('https://hooks.slack.com/services/', 2048, 'x')),
               ('telegram', '1'), ('telegram', '-1001234567890'), ('telegram', '999999999999999999'),
               ('telegram', '@news_1'), ('other', 'room-1')) v(issuer, token);
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'chat', 'slack', token), '22023',
                 'token of issuer "slack" must be the URL of an incoming webhook', token)
  from unnest(array['s1', 'http://hooks.slack.com/services/s3cr3t', 'https://hooks.slack.com', 'https://u@h/services/x',
                    'https://h/services/x?y=z', 'https://h/services/x#y', 'https://h/../x', 'https://h//x', 'https://h/x/',
                    rpad('https://hooks.slack.com/services/', 2049, 'x')]) token;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'chat', 'telegram', token), '22023',
                 'token of issuer "telegram" must be the id of a chat, or the @name of a public channel', token)
  from unnest(array['0', '-0', '01', '+1', '1.5', '1e3', '1000000000000000000', 'news', '@', '@abc', '@1abcd', '@a b c d',
                    '@' || repeat('x', 33)]) token;
select throws_ok(format('select herald.notify_device(%L, %L, %L, %L)', 'ann', 'ios', issuer, '1'), '22023',
                 format('a token of issuer "%s" belongs to a device of kind "chat"', issuer))
  from unnest(array['slack', 'telegram']) issuer;
select is(count(*), 3::bigint, 'of a Slack URL only the end is shown')
  from herald.notify_devices('ann') where issuer = 'slack' and token_hint ~ '^….{6}$';

-- removal
select is(herald.notify_device_remove(:'phone'), true, 'a device is removed');
select is(herald.notify_device_remove(:'phone'), false, 'once');
select is(count(*), 0::bigint, 'with its tokens') from herald.device_token where device = :'phone';
select is(herald.notify_device_remove('00000000-0000-0000-0000-000000000000'), false, 'an id that is not ours');
select throws_ok($$select herald.notify_device_remove(null)$$, '22004', 'device must not be null');
select is_empty($$select * from herald.notify_devices('nobody')$$, 'an unknown recipient has no devices');

select * from finish();
rollback;
