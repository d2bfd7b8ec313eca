-- status: notify_status, notify_preference and notify_suppression_remove.
begin;
select * from no_plan();
select herald.notify_category('orders') \g /dev/null
select herald.notify_category('security', mandatory => true) \g /dev/null
select herald.notify_template('t', category => 'orders') \g /dev/null
select herald.notify_template_part('t', channel, 'text', 'x') from unnest(array['sms', 'voice', 'chat']) channel \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_recipient('ann', 'ann@example.org', '+15005550006') \g /dev/null

-- status
select herald.notify_send('t', 'ann', '{"secret": 1}', idempotency_key => 'k') as id \gset
create function pg_temp.states(id uuid) returns text language sql as $$
    select string_agg(format('%s %s %s', d ->> 'channel', d ->> 'state', d ->> 'reason'), ', ' order by d ->> 'channel')
      from jsonb_array_elements(herald.notify_status($1) -> 'deliveries') d
$$;
select is(pg_temp.states(:'id'), 'chat suppressed no_address, sms queued , voice queued ', 'pending and finished deliveries');
select is(herald.notify_status(:'id') - '{deliveries,created_at,id,sender}'::text[],
          '{"recipient": "ann", "template": "t", "version": 1, "category": "orders", "priority": "normal", "locale": "",
            "idempotency_key": "k", "send_at": null, "expires_at": null, "fallback": null}'::jsonb, 'the notification, without its data');
update herald.outbox set epoch = 1, attempt = 1 where channel = 'sms';
select is(pg_temp.states(:'id'), 'chat suppressed no_address, sms claimed , voice queued ', 'a claimed delivery');
with gone as (delete from herald.outbox where channel = 'sms' returning *)
insert into herald.retry (id, bucket, notification, recipient, channel, priority, template, lane, attempt, failures, state, reason, due_at, created_at)
select id, bucket, notification, recipient, channel, priority, template, lane, attempt, 1, 'retry', 'status 503', now() + interval '1 minute', created_at
  from gone;
insert into herald.attempt (id, bucket, attempt, epoch, class, provider, status, code, reason, finished_at, started_at)
select id, bucket, n, 1, 'retry', 'twilio', 503, '20503', 'busy', now(), now() from herald.retry, generate_series(1, 2) n;
select is(pg_temp.states(:'id'), 'chat suppressed no_address, sms retry status 503, voice queued ', 'one that is tried again');
select is(jsonb_path_query_array(herald.notify_status(:'id'), '$.deliveries[*].attempts[*] ? (@.code == "20503").attempt'), '[1, 2]'::jsonb,
          'with its attempts in order');
select is(herald.notify_status('00000000-0000-0000-0000-000000000000'), null, 'an unknown id has no status');
select is(herald.notify_status(herald.new_id(5)), null, 'nor has one that was never sent');
select is(herald.notify_status(null), null, 'null has none');

-- preferences
select lives_ok($$select herald.notify_preference('ann', 'orders', 'sms', false)$$, 'opt out');
select lives_ok($$select herald.notify_preference('ann', 'orders', 'sms', true)$$, 'opt in');
select results_eq($$select recipient, category, channel::text, enabled, bucket from herald.preference$$,
                  $$values ('ann', 'orders', 'sms', true, herald.bucket('ann'))$$, 'the last choice counts');
select lives_ok($$select herald.notify_preference('ann', 'security', 'sms', true)$$, 'opting into a mandatory category is no news');
select throws_ok('select herald.notify_preference(' || arguments || ')', state, message, arguments)
  from (values ('null, ''orders'', ''sms'', true', '22004', 'recipient must not be null'),
               ('''nobody'', ''orders'', ''sms'', true', '22023', 'unknown recipient "nobody"'),
               ('''ann'', null, ''sms'', true', '22004', 'category must not be null'),
               ('''ann'', ''order'', ''sms'', true', '22023', 'unknown category "order"'),
               ('''ann'', ''orders'', null, true', '22004', 'channel must not be null'),
               ('''ann'', ''orders'', ''mms'', true', '22023', 'unknown channel "mms"'),
               ('''ann'', ''orders'', ''sms'', null', '22004', 'enabled must not be null'),
               ('''ann'', ''security'', ''sms'', false', '22023', 'category "security" is mandatory and cannot be opted out of'))
       v(arguments, state, message);

-- suppressions
insert into herald.suppression (bucket, recipient, channel, address, reason, source)
values (herald.bucket('ann'), 'ann', 'sms', '+15005550006', 'STOP', 'test'),
       (herald.bucket('ann'), 'ann', 'email', 'Ann@example.org', 'bounce', 'test');
select is(herald.notify_suppression_remove('ann', 'sms', '+1 500 555 0007'), false, 'another number was not suppressed');
select is(herald.notify_suppression_remove('ann', 'sms', '+1 500 555 0006'), true, 'a number is allowed again');
select is(herald.notify_suppression_remove('ann', 'sms', '+1 500 555 0006'), false, 'once');
select is(herald.notify_suppression_remove('ann', 'email', 'ann@example.org'), false, 'the local part counts as typed');
select is(herald.notify_suppression_remove('ann', 'email', 'Ann@EXAMPLE.org'), true, 'the domain does not');
select throws_ok('select herald.notify_suppression_remove(' || arguments || ')', state, message, arguments)
  from (values ('null, ''sms'', ''x''', '22004', 'recipient must not be null'), ('''ann'', null, ''x''', '22004', 'channel must not be null'),
               ('''ann'', ''sms'', null', '22004', 'address must not be null'), ('''ann'', ''smss'', ''x''', '22023', 'unknown channel "smss"'))
       v(arguments, state, message);

select * from finish();
rollback;
