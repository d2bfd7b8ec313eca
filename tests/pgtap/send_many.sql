-- send_many: notify_send_many, which stores what as many calls of notify_send would.
begin;
select * from no_plan();
select herald.notify_category('orders') \g /dev/null
select herald.notify_template('t', category => 'orders') \g /dev/null
select herald.notify_template_part('t', channel, part, 'x')
  from (values ('push', 'title'), ('sms', 'text'), ('email', 'subject'), ('email', 'text'), ('chat', 'text')) v(channel, part) \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_recipient('r' || n, case when n % 2 = 0 then 'r' || n || '@example.org' end,
                               case when n % 3 = 0 then '+1500555' || lpad(n::text, 4, '0') end,
                               case when n % 5 = 0 then 'ko' end, case when n % 7 = 0 then 'Asia/Seoul' end,
                               attributes => case when n % 4 = 0 then jsonb_build_object('n', n) else '{}' end)
  from generate_series(1, 1001) n \g /dev/null
select herald.notify_device('r' || n, 'ios', 'apns', lpad(to_hex(n), 4, '0')) from generate_series(1, 100, 3) n \g /dev/null
select herald.notify_device('r' || n, 'android', 'fcm', 'f' || n) from generate_series(1, 100, 6) n \g /dev/null
select herald.notify_device('r' || n, 'chat', 'slack', 'https://hooks.slack.com/services/T1/B1/s' || n) from generate_series(1, 100, 5) n \g /dev/null
select herald.notify_preference('r' || n, 'orders', 'email', false) from generate_series(2, 100, 8) n \g /dev/null

select array_agg('r' || n order by n desc) as hundred from generate_series(1, 100) n \gset
create temporary table many as select * from herald.notify_send_many('t', :'hundred', '{"x": 1}', priority => 'bulk');
create temporary table one as
select r as recipient, herald.notify_send('t', r, '{"x": 1}', priority => 'bulk') as id from unnest(:'hundred'::text[]) r;
select results_eq('select recipient from many', format('select unnest(%L::text[])', :'hundred'), 'one row each, in the order given');
create function pg_temp.stored(sent regclass) returns setof text language plpgsql as $$
begin
    return query execute format($q$
        select row(n.recipient, n.bucket, n.template, n.version, n.category, n.priority, n.data, n.attributes, n.locale, n.timezone,
                   n.sender, n.created_at, cardinality(n.deliveries), d.kind, d.channel, d.device, d.category, d.state, d.reason,
                   d.id = any (n.deliveries), herald.id_bucket(d.id))::text
          from %s s join herald.notification n using (id)
          join (select notification, id, 'outbox' as kind, channel, device, category, 'queued' as state, null as reason from herald.outbox
                union all
                select notification, id, 'delivery', channel, device, category, state::text, reason from herald.delivery
                union all
                select notification, id, 'retry', channel, device, category, state::text, reason from herald.retry) d
            on d.notification = n.id order by 1$q$, sent);
end
$$;
select isnt(count(*), 0::bigint, 'there is something to compare') from pg_temp.stored('one');
select bag_eq($$select * from pg_temp.stored('many')$$, $$select * from pg_temp.stored('one')$$, 'the same as from single sends');
create temporary table later as
select * from herald.notify_send_many('t', :'hundred', send_at => now() + interval '1 day', locale => 'fr');
select is(count(*) filter (where kind like '%retry%'), (select count(*) from pg_temp.stored('one') k where k like '%outbox%'), 'scheduled alike')
  from pg_temp.stored('later') kind;
select is(count(*), 100::bigint, 'in the locale given') from later join herald.notification n using (id) where n.locale = 'fr';

-- counts
select is(count(*), wanted, format('%s recipients', size))
  from (values (1, 1::bigint), (1000, 1000)) v(size, wanted),
       lateral herald.notify_send_many('t', array(select 'r' || n from generate_series(1, size) n)) group by size, wanted;
select throws_ok($$select herald.notify_send_many('t', array(select 'r' || n from generate_series(1, 1001) n))$$, '54000',
                 'recipients has more than 1000 elements');
select results_eq($$select recipient from herald.notify_send_many('t', '{r1,r2,r1,r1,r3}')$$, $$values ('r1'), ('r2'), ('r3')$$,
                  'a repeated recipient gets one');
select throws_ok('select herald.notify_send_many(' || arguments || ')', state, message, left(arguments, 60))
  from (values ('''t'', null', '22004', 'recipients must not be null'), ('''t'', ''{}''', '22023', 'recipients must not be empty'),
               ('''t'', ''{r1,null}''', '22004', 'recipients must not contain null'),
               ('''t'', ''{r1,""}''', '22023', 'recipient must not be empty'),
               ('''t'', ''{r1,nobody,also}''', '22023', 'unknown recipient "nobody"'),
               ('''t'', array[repeat(''x'', 256)]', '54000', 'recipient is longer than 255 bytes'),
               ('''t'', array[repeat(''x'', 2000000)]', '54000', 'recipients is larger than 1048576 bytes'),
               ('''x'', ''{r1}''', '22023', 'unknown template "x"'), ('null, ''{r1}''', '22004', 'template must not be null'),
               ('''t'', ''{r1}'', ''[]''', '22023', 'data must be an object'),
               ('''t'', ''{r1}'', channels => ''{voice}''', '22023', 'template "t" has no parts for channel "voice"'),
               ('''t'', ''{r1}'', send_at => ''infinity''', '22023', 'send_at must be a finite time')) v(arguments, state, message);

select * from finish();
rollback;
