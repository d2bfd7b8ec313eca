-- fallback: categories that use the cheapest channel first, and what tick makes of them.
begin;
select * from no_plan();
select herald.notify_template('t') \g /dev/null
select herald.notify_template_part('t', channel, part, 'x')
  from (values ('push', 'title'), ('sms', 'text'), ('voice', 'text'), ('chat', 'text'), ('email', 'subject'), ('email', 'text')) v(channel, part) \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_recipient('ann', 'ann@example.org', '+15005550001') \g /dev/null
select herald.notify_recipient('bob', 'bob@example.org', '+15005550002') \g /dev/null
select herald.notify_recipient('cat', 'cat@example.org') \g /dev/null
select herald.notify_device(who, 'ios', 'apns', repeat(code, 64), 'app') as device
  from (values ('ann', 'a'), ('cat', 'c')) v(who, code) \g /dev/null
select herald.notify_category('cheap', cheapest => '{push,sms}', wait => '10 minutes') \g /dev/null
select herald.notify_category('plain', channels => '{push,sms}') \g /dev/null

-- what a category may say
select results_eq($$select channels::text, cheapest::text, wait from herald.category where name = 'cheap'$$,
                  $$values ('{push,sms}', '{push,sms}', interval '10 minutes')$$, 'the order is kept; its channels are those of the category');
select throws_ok('select herald.notify_category(''c'', ' || arguments || ')', state, message, arguments)
  from (values ('cheapest => ''{push,sms}''', '22023', 'cheapest and wait belong together'),
               ('wait => ''1 minute''', '22023', 'cheapest and wait belong together'),
               ('cheapest => ''{sms}'', wait => ''1 minute''', '22023', 'cheapest must name two or more different channels'),
               ('cheapest => ''{}'', wait => ''1 minute''', '22023', 'cheapest must name two or more different channels'),
               ('cheapest => ''{sms,sms}'', wait => ''1 minute''', '22023', 'cheapest must name two or more different channels'),
               ('cheapest => ''{push,smss}'', wait => ''1 minute''', '22023', 'unknown channel "smss"'),
               ('cheapest => ''{push,NULL}'', wait => ''1 minute''', '22023', 'cheapest must name two or more different channels'),
               ('cheapest => ''{push,sms}'', wait => ''1 minute'', channels => ''{push}''', '22023', 'channels must contain those of cheapest'),
               ('cheapest => ''{push,sms}'', wait => ''0.9 s''', '22023', 'wait must lie between 1 second and 7 days'),
               ('cheapest => ''{push,sms}'', wait => ''169 h''', '22023', 'wait must lie between 1 second and 7 days'))
       v(arguments, state, message);
select is_empty($$select from herald.category where name = 'c'$$, 'and then there is none');
select lives_ok(format($$select herald.notify_category('c', cheapest => '{sms,push}', wait => %L)$$, wait), wait) from unnest(array['1 second', '7 days']) wait;
select is(cheapest::text, '{sms,push}', 'in the order given') from herald.category where name = 'c';
select lives_ok($$select herald.notify_category('c')$$, 'it can be taken back');
select is(cheapest is null and wait is null and channels is null, true, 'all of it') from herald.category where name = 'c';

-- Channels with states and reasons, in the order in which they were made.
create function pg_temp.states(id uuid) returns text language sql as $$
    select string_agg(concat_ws(' ', d ->> 'channel', d ->> 'state', d ->> 'reason'), ', ' order by place)
      from jsonb_array_elements(herald.notify_status($1) -> 'deliveries') with ordinality d(d, place)
$$;
create function pg_temp.waits(id uuid) returns text language sql as $$
    select concat_ws(' ', f ->> 'channel', f ->> 'channels') from (select herald.notify_status($1) -> 'fallback') v(f)
$$;
-- A delivery comes to an end as a dispatcher records it.
create function pg_temp.finish(of uuid, over text, how text, reported text default 'none') returns void language sql as $$
    with gone as (delete from herald.outbox where notification = $1 and channel::text = $2 returning *)
    insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device, category, template, state, receipt,
                                 attempts, created_at, finished_at)
    select id, bucket, notification, recipient, channel, priority, device, category, template, $3::herald.delivery_state,
           $4::herald.receipt, 1, created_at, now() from gone
$$;
-- Time passes for what waits; tick looks until it has nothing more to do.
create function pg_temp.pass(of uuid, much interval default '1.1 second') returns void language plpgsql as $$
begin
    update herald.fallback f set since = since - much, look_at = look_at - much where f.id = $1;
    while exists (select from herald.fallback f where f.look_at <= clock_timestamp()) loop
        perform herald.tick_fallback();
    end loop;
end
$$;

-- sending
select herald.notify_send('t', 'ann', category => 'cheap') as id \gset
select is(pg_temp.states(:'id'), 'push queued', 'only the first channel is used');
select is(pg_temp.waits(:'id'), 'push ["sms"]', 'the other one waits');
select is((herald.notify_status(:'id') #>> '{fallback,due_at}')::timestamptz, now() + interval '10 minutes', 'as long as the category says');
select is(look_at, now() + interval '1 second', 'and is looked at soon') from herald.fallback where id = :'id';
select herald.notify_send('t', 'bob', category => 'cheap') as other \gset
select is(pg_temp.states(:'other'), 'push suppressed no_address, sms queued', 'without a device the next one is used at once');
select is(herald.notify_status(:'other') -> 'fallback', 'null', 'and nothing waits');
select herald.notify_send('t', 'cat', category => 'cheap') as other \gset
select is(pg_temp.states(:'other'), 'push queued, sms suppressed no_address', 'a channel without an address does not wait');
select is(herald.notify_status(:'other') -> 'fallback', 'null', 'it is told at once');
select herald.notify_send('t', 'ann', category => 'cheap', channels => '{push,sms}') as other \gset
select is(pg_temp.states(:'other'), 'push queued, sms queued', 'a send that names its channels uses them all at once');
select herald.notify_send('t', 'ann', category => 'plain') as other \gset
select is(pg_temp.states(:'other'), 'push queued, sms queued', 'as do other categories');
select herald.notify_category('more', channels => '{sms,push,email}', cheapest => '{push,sms}', wait => '1 minute') \g /dev/null
select herald.notify_send('t', 'ann', category => 'more') as other \gset
select is(pg_temp.states(:'other') || '; ' || pg_temp.waits(:'other'), 'push queued, email queued; push ["sms"]', 'channels that are not in order are used at once');
select herald.notify_send('t', 'ann', category => 'cheap', send_at => now() + interval '1 hour') as other \gset
select is(pg_temp.states(:'other'), 'push scheduled', 'a later send');
select is((herald.notify_status(:'other') #>> '{fallback,due_at}')::timestamptz, now() + interval '70 minutes', 'waits from then on');
select is(herald.notify_cancel(:'other'), 2, 'is cancelled with what waits');
select is_empty(format('select from herald.fallback where id = %L', :'other'), 'which is gone');
select is((select string_agg(format('%s %s', recipient, pg_temp.waits(id)), ', ') from herald.notify_send_many('t', '{bob,ann,cat}', category => 'cheap')),
          'bob , ann push ["sms"], cat ', 'to many');

-- confirmed
select pg_temp.pass(:'id') \g /dev/null
select is(pg_temp.states(:'id'), 'push queued', 'while the first is on its way nothing happens');
select ok(look_at > clock_timestamp() and look_at < clock_timestamp() + interval '2 s', 'it is looked at again') from herald.fallback where id = :'id';
select pg_temp.pass(:'id', '5 minutes') \g /dev/null
select ok(look_at - clock_timestamp() between interval '140 s' and interval '151 s', 'later when it has waited longer') from herald.fallback where id = :'id';
select pg_temp.finish(:'id', 'push', 'sent', 'carrier') \g /dev/null
select pg_temp.pass(:'id', '2.6 minutes') \g /dev/null
select is(pg_temp.states(:'id'), 'push sent', 'accepted is not yet confirmed');
select is(look_at, since + wait, 'and at last at the end of the wait') from herald.fallback where id = :'id';
update herald.delivery set receipt = 'read' where notification = :'id';
select pg_temp.pass(:'id', '4 minutes') \g /dev/null
select is(pg_temp.states(:'id') || pg_temp.waits(:'id'), 'push sent', 'confirmed in time: the next one is not used');

-- not confirmed
create function pg_temp.sent(how text, reported text default 'none', who text default 'ann') returns uuid language plpgsql as $$
declare
    v_id constant uuid := herald.notify_send('t', who, category => 'cheap');
begin
    perform pg_temp.finish(v_id, 'push', how, reported);
    perform pg_temp.pass(v_id);
    return v_id;
end
$$;
select is(pg_temp.states(pg_temp.sent(how, reported)), format('push %s%s', how, next), format('%s, %s', how, reported))
  from (values ('sent', 'none', ''), ('sent', 'carrier', ''), ('unknown', 'none', ''), ('sent', 'delivered', ''), ('sent', 'read', ''),
               ('sent', 'undelivered', ', sms queued'), ('failed', 'none', ', sms queued'), ('dead', 'none', ', sms queued'),
               ('suppressed', 'none', ', sms queued'), ('expired', 'none', ', sms queued')) v(how, reported, next);
select pg_temp.sent('sent') as id \gset
select pg_temp.pass(:'id', '10 minutes') \g /dev/null
select is(pg_temp.states(:'id'), 'push sent, sms queued', 'when the wait is over the next one is used');
select is(pg_temp.waits(:'id'), '', 'and nothing waits any more');
select results_eq(format('select recipient, priority, category, template, attempt, failures, expires_at, o.bucket = herald.id_bucket(o.id), o.created_at > now() from herald.outbox o where notification = %L', :'id'),
                  $$values ('ann', 'normal'::herald.priority, 'cheap', 't', 0, 0, null::timestamptz, true, true)$$, 'as any other delivery');
select is(herald.notify_cancel(:'id'), 1, 'it can be cancelled');
select herald.notify_send('t', 'ann', category => 'cheap') as id \gset
select pg_temp.pass(:'id', '10 minutes') \g /dev/null
select is(pg_temp.states(:'id'), 'push queued, sms queued', 'also when the first has not even been sent');

-- several devices
select herald.notify_device('dan', 'ios', 'apns', repeat('d', 64), 'app') from herald.notify_recipient('dan', phone => '+15005550003') \g /dev/null
select herald.notify_device('dan', 'android', 'fcm', 'token', 'app') \g /dev/null
select pg_temp.sent('failed', who => 'dan') as id \gset
select is(pg_temp.states(:'id'), 'push failed, push failed, sms queued', 'no device can be reached');
select herald.notify_send('t', 'dan', category => 'cheap') as id \gset
with one as (select id from herald.outbox where notification = :'id' order by id limit 1),
gone as (delete from herald.outbox using one where outbox.id = one.id returning outbox.*)
insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device, category, template, state, attempts, created_at, finished_at)
select id, bucket, notification, recipient, channel, priority, device, category, template, 'failed', 1, created_at, now() from gone;
select pg_temp.pass(:'id') \g /dev/null
select is(pg_temp.waits(:'id'), 'push ["sms"]', 'while one may be, the next channel waits');
select pg_temp.finish(:'id', 'push', 'sent', 'delivered') \g /dev/null
select pg_temp.pass(:'id') \g /dev/null
select is(pg_temp.states(:'id') || pg_temp.waits(:'id'), 'push failed, push sent', 'one that confirms is enough');

-- three channels; people and rules as they are then
select herald.notify_category('cheap', cheapest => '{push,chat,sms,voice}', wait => '1 hour') \g /dev/null
select herald.notify_device('ann', 'chat', 'telegram', '12345') as chat \gset
select pg_temp.sent('failed') as id \gset
select is(pg_temp.states(:'id') || '; ' || pg_temp.waits(:'id'), 'push failed, chat queued; chat ["sms", "voice"]', 'one after the other');
select is(device, :'chat', 'to its device') from herald.outbox where notification = :'id';
select is((herald.notify_status(:'id') #>> '{fallback,due_at}')::timestamptz > now() + interval '1 hour', true, 'each may take as long');
select pg_temp.finish(:'id', 'chat', 'sent', 'undelivered') \g /dev/null
select herald.notify_preference('ann', 'cheap', 'sms', false) \g /dev/null
select pg_temp.pass(:'id') \g /dev/null
select is(pg_temp.states(:'id'), 'push failed, chat sent, sms suppressed opted_out, voice queued', 'who opted out meanwhile does not get it, and the next one follows');
select herald.notify_preference('ann', 'cheap', 'sms', true) \g /dev/null
select herald.notify_send('t', 'ann', category => 'cheap') as id \gset
select herald.notify_device_remove(:'chat') \g /dev/null
select herald.notify_recipient('ann', 'ann@example.org') \g /dev/null
select pg_temp.finish(:'id', 'push', 'failed') \g /dev/null
update herald.fallback set look_at = now() where id = :'id';
select results_eq('select herald.tick_fallback() from generate_series(1, 3)', array[true, true, false], 'what is refused is stepped over at once');
select is(pg_temp.states(:'id') || pg_temp.waits(:'id'), 'push failed, chat suppressed no_address, sms suppressed no_address, voice suppressed no_address',
          'addresses that are gone are told');
select herald.notify_recipient('ann', 'ann@example.org', '+15005550001') \g /dev/null
insert into herald.suppression (bucket, recipient, channel, address, reason, source) values (herald.bucket('ann'), 'ann', 'sms', '+15005550001', 'STOP', 'test');
select pg_temp.sent('failed') as id \gset
select is(pg_temp.states(:'id'), 'push failed, chat suppressed no_address, sms suppressed address_suppressed, voice queued', 'so are suppressed ones');
select herald.notify_suppression_remove('ann', 'sms', '+15005550001') \g /dev/null
select herald.notify_send('t', 'ann', category => 'cheap', expires_at => clock_timestamp() + interval '0.2 s') as id \gset
select pg_sleep(0.25) \g /dev/null
select pg_temp.finish(:'id', 'push', 'sent') \g /dev/null
select pg_temp.pass(:'id', '1 hour') \g /dev/null
select is(pg_temp.states(:'id') || pg_temp.waits(:'id'), 'push sent, chat suppressed no_address, sms expired expires_at, voice expired expires_at', 'nothing is used after expires_at');
select herald.notify_send('t', 'ann', category => 'cheap') as id \gset
select herald.notify_recipient_remove('ann') \g /dev/null
select pg_temp.finish(:'id', 'push', 'suppressed') \g /dev/null
select pg_temp.pass(:'id') \g /dev/null
select is(pg_temp.states(:'id') || pg_temp.waits(:'id'), 'push suppressed, chat suppressed no_address, sms suppressed recipient_gone, voice suppressed recipient_gone', 'nor for somebody who is gone');

-- statistics
select results_eq('select category, channel::text, next_channel::text, confirmed, escalated from herald.fallback_stats order by 1, 2, 3',
    $$values ('cheap', 'chat', 'voice', 0::bigint, 1::bigint), ('cheap', 'push', 'chat', 0, 1), ('cheap', 'push', 'sms', 4, 8), ('cheap', 'push', 'voice', 0, 1)$$,
    'each decision is counted, what was refused is not');

-- cleaning up
select herald.notify_send('t', 'dan', category => 'cheap') as id \gset
delete from herald.outbox;
delete from herald.retry;
select is(herald.has_pending((now() at time zone 'UTC')::date + 1), true, 'a notification is kept while a channel waits');
delete from herald.notification where id = :'id';
select pg_temp.pass(:'id', '1 hour') \g /dev/null
select is_empty(format('select from herald.fallback where id = %L', :'id'), 'without it nothing waits');
delete from herald.fallback;
select is(herald.has_pending((now() at time zone 'UTC')::date + 1), false, 'and then it may go');
select is(herald.tick_step('fallback'), false, 'a step of tick');

select * from finish();
rollback;
