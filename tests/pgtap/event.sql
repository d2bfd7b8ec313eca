-- event_record: what is reported about deliveries and what follows.
begin;
select * from no_plan();

insert into herald.provider (name, kind, channel) values ('sms', 'twilio', 'sms'), ('sms2', 'twilio', 'sms'), ('mail', 'sendgrid', 'email'),
    ('push', 'apns', 'push'), ('ring', 'twilio_voice', 'voice');
insert into herald.category (name, mandatory) values ('news', false), ('codes', true);
insert into herald.recipient (id, bucket, email, phone, updated_at)
select r, herald.bucket(r), r || '@example.org', '+15005550006', '2026-01-01' from unnest(array['ann', 'bob', 'cid', 'dan', 'eve', 'fay']) r;

-- made(who, via): the id of a finished delivery that the account has accepted.
create function pg_temp.made(who text, via text default 'sms', category text default null, device uuid default null,
                             state text default 'sent', finished boolean default true) returns uuid language plpgsql as $$
declare
    b integer := herald.bucket(who);
    d uuid := herald.new_id(b);
    c herald.channel := (select p.channel from herald.provider p where p.name = via);
begin
    if finished then
        insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device, category, template, state, provider,
                                     attempts, created_at, finished_at)
        values (d, b, herald.new_id(b), who, c, 'high', device, category, 't', state::herald.delivery_state, via, 1, now(), now());
    end if;
    insert into herald.attempt (id, bucket, attempt, epoch, class, provider, finished_at) values (d, b, 1, 1, 'accepted', via, now());
    return d;
end $$;
-- tell(delivery, event, …): status, or reason when there is one.
create sequence pg_temp.ids;
create function pg_temp.tell(delivery uuid, event text, code text default null, via text default 'sms', extra jsonb default '{}')
returns text language sql as $$
    select coalesce(r.reason, r.status)
      from herald.event_record(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
           'provider', via, 'delivery', delivery, 'id', 'e' || nextval('pg_temp.ids'), 'event', event, 'code', code)) || extra)) r;
$$;
create function pg_temp.receipt(delivery uuid) returns text language sql as $$
    select d.receipt::text from herald.delivery d where d.id = delivery and d.bucket = herald.id_bucket(delivery);
$$;

-- after(words): the receipt when a delivery was told these, each an event or event:code.
create function pg_temp.after(words text[]) returns text language plpgsql as $$
declare
    d uuid := pg_temp.made('ann');
begin
    for i in 1..cardinality(words) loop
        perform pg_temp.tell(d, split_part(words[i], ':', 1), nullif(split_part(words[i], ':', 2), ''));
    end loop;
    return pg_temp.receipt(d);
end $$;

-- idempotent by the source's id, in one call and in the next
select pg_temp.made('ann') as d \gset
select results_eq(format($$select item, status, reason from herald.event_record(jsonb_build_array(
    jsonb_build_object('provider', 'sms', 'delivery', %1$L, 'id', '1', 'event', 'sent', 'at', '2026-11-30T10:00:00Z', 'data', '{"a":1}'::jsonb),
    jsonb_build_object('provider', 'sms', 'delivery', %1$L, 'id', '1', 'event', 'sent'),
    jsonb_build_object('delivery', %1$L, 'id', '1', 'event', 'open'))) order by item$$, :'d'),
    $$values (1, 'recorded', null), (2, 'repeated', null), (3, 'recorded', null)$$, 'an event counts once, by source and id');
select is(pg_temp.receipt(:'d'), 'carrier', 'the receipt is there');
select results_eq(format($$select source, source_id, kind, receipt::text, class::text, data from herald.event where delivery = %L order by source$$, :'d'),
    $$values ('*', '1', 'open', 'none', null, '{}'::jsonb), ('sms', '1', 'sent', 'carrier', null, '{"a":1}')$$, 'and what was reported');
select is(receipt_at, '2026-11-30 10:00+00', 'with its time') from herald.delivery where id = :'d';
select ok(herald.id_time(id) = herald.id_time(delivery) and bucket = herald.bucket('ann'), 'an event lies beside its delivery') from herald.event;

select is(pg_temp.tell(:'d', 'open', extra => jsonb_build_object('reason', E'550-5.1.1\r\n550 <Ann.B@example.org>: call +15005550006, not cafe01 ' || repeat('x', 600),
                                                                 'address', 'cafe01')), 'recorded', 'a reason is what servers say');
select is(reason, '550-5.1.1 550 <[address]>: call [number], not [address] ' || repeat('x', 444), 'in one line, cut, without addresses') from herald.event where reason is not null;

-- receipts only move forward, whatever the order; a failure that passes gives way
select is(pg_temp.after(words), wanted, array_to_string(words, ', '))
  from (values ('{delivered,sent}'::text[], 'delivered'), ('{undelivered:30003,delivered}', 'delivered'), ('{delivered,undelivered:30003}', 'delivered'),
               ('{undelivered:30007,delivered}', 'undelivered'), ('{delivered,undelivered:30007}', 'undelivered'), ('{read,undelivered:30007}', 'read'),
               ('{undelivered:30007,read,delivered,sent}', 'read'), ('{sent,undelivered:30003}', 'undelivered'), ('{queued}', 'none'),
               ('{open,click}', 'none')) v (words, wanted);

-- each bad item is told, the others are recorded
select pg_temp.made('ann') as d \gset
select results_eq(format($$select item, status from herald.event_record(jsonb_build_array(jsonb_build_object('id', 1), 7,
    jsonb_build_object('provider', 'sms', 'delivery', %1$L, 'id', 'x', 'event', 'delivered'))) order by item$$, :'d'),
    $$values (1, 'rejected'), (2, 'rejected'), (3, 'recorded')$$, 'one bad item does not stop the others');
select is(pg_temp.tell(:'d', 'delivered', extra => extra), wanted, left(extra::text, 60))
  from (values ('{"event":"deliverd"}'::jsonb, 'unknown event "deliverd". Did you mean "delivered"?'),
               ('{"provider":"smss"}', 'unknown provider "smss". Did you mean "sms"?'),
               ('{"nid":"x"}', 'unknown field "nid". Did you mean "id"?'),
               ('{"delivery":"x"}', 'delivery is not the id of a delivery. Give the id that the request carried: nid, client_ref or webhook-id.'),
               ('{"delivery":"00000000-0000-4000-8000-000000000000"}', 'delivery is not the id of a delivery. Give the id that the request carried: nid, client_ref or webhook-id.'),
               (jsonb_build_object('delivery', herald.id_floor(now() + interval '1 day')), 'delivery is not the id of a delivery. Give the id that the request carried: nid, client_ref or webhook-id.'),
               ('{"id":""}', 'id must not be empty'), ('{"id":1}', 'id must be a text'), ('{"id":null}', 'id must be a text'),
               (jsonb_build_object('id', repeat('x', 256)), 'id is longer than 255 bytes'),
               ('{"reason":1}', 'reason must be a text'),
               ('{"code":"a\nb"}', 'code contains control characters'),
               ('{"data":[]}', 'data must be an object'), (jsonb_build_object('data', jsonb_build_object('a', repeat('x', 4100))), 'data is larger than 4096 bytes'),
               ('{"at":"yesterdy"}', 'invalid input syntax for type timestamp with time zone: "yesterdy"'),
               ('{"at":"infinity"}', 'at must lie between the year 2000 and tomorrow'), ('{"at":"1999-01-01"}', 'at must lie between the year 2000 and tomorrow')) v (extra, wanted);
select throws_ok($$select herald.event_record('{}')$$, '22023', 'items must be a JSON array');
select throws_ok($$select herald.event_record(null)$$, '22023', 'items must be a JSON array');
select throws_ok($$select herald.event_record((select jsonb_agg(1) from generate_series(1, 10001)))$$, '54000', 'items has more than 10000 elements');
select is_empty($$select * from herald.event_record('[]')$$, 'nothing to record is none of these');

-- only an account that was asked to send a delivery speaks for it
select pg_temp.made('ann') as d \gset
select is(pg_temp.tell(:'d', 'undelivered', '30005', 'sms2'), 'recorded', 'another account is heard');
select is(pg_temp.receipt(:'d'), 'none', 'and changes nothing');
select is_empty('select * from herald.suppression', 'of the address either');

-- early and late
select pg_temp.made('bob', finished => false) as d \gset
select is(pg_temp.tell(:'d', 'undelivered', '30005', extra => '{"address":"+15005550009"}'), 'waiting', 'an event may come first');
select herald.tick_step('events') \g /dev/null
select ok(due_at > now(), 'and is looked up again') from herald.early_event;
select is_empty('select * from herald.suppression', 'nothing follows yet');
insert into herald.delivery (id, bucket, notification, recipient, channel, priority, template, state, provider, attempts, created_at, finished_at)
values (:'d', herald.bucket('bob'), herald.new_id(1), 'bob', 'sms', 'high', 't', 'sent', 'sms', 1, now(), now());
update herald.early_event set due_at = now() - interval '1 s';
select herald.tick_step('events') \g /dev/null
select is(pg_temp.receipt(:'d'), 'undelivered', 'until the delivery is recorded');
select results_eq('select recipient, address, reason, source from herald.suppression', $$values ('bob', '+15005550009', '30005', 'sms')$$, 'with all that follows');
select is_empty('select * from herald.early_event', 'then nothing waits');
select is(pg_temp.tell(herald.id_floor(now() - interval '31 days'), 'delivered'), 'expired', 'what came too late is told');
select is((select count(*) from herald.event where delivery = herald.id_floor(now() - interval '31 days')), 0::bigint, 'and not kept');
insert into herald.early_event select herald.id_floor(now() - interval '31 days'), 0, herald.new_id(1), null, now() - interval '1 s', now() - interval '31 days';
select herald.tick_step('events') \g /dev/null
select is_empty('select * from herald.early_event', 'nor does it wait for ever');

-- addresses
delete from herald.suppression;
select is(pg_temp.tell(pg_temp.made(who, via), event, code, via, extra), 'recorded', who || ' ' || event)
  from (values ('ann', 'mail', 'bounce', null, '{"address":"Ann@Example.ORG","reason":"no such user"}'::jsonb), ('ann', 'mail', 'bounce', 'blocked', '{}'),
               ('bob', 'mail', 'spamreport', null, '{}'), ('cid', 'sms', 'undelivered', '30004', '{"address":"15005550007"}'),
               ('dan', 'sms', 'undelivered', '30003', '{}'), ('eve', 'mail', 'dropped', 'Spam Content', '{}'), ('fay', 'sms', 'stop', null, '{}')) v (who, via, event, code, extra);
select results_eq('select recipient, channel::text, address, reason, source, evidence ~ wanted from herald.suppression join (values
                      (''ann'', ''^bounce e\d+: no such user$''), (''bob'', ''^spamreport e\d+$''), (''cid'', ''e''), (''fay'', ''e'')) v (recipient, wanted) using (recipient) order by 1',
    $$values ('ann', 'email', 'Ann@example.org', 'bounce', 'mail', true), ('bob', 'email', 'bob@example.org', 'spamreport', 'mail', true),
             ('cid', 'sms', '+15005550007', '30004', 'sms', true), ('fay', 'sms', '+15005550006', 'stop', 'sms', true)$$, 'hard failures, complaints and STOP suppress, with evidence');
select is((select count(*) from herald.suppression), 4::bigint, 'what passes and what is wrong with the message does not');
select is(receipt, 'none', 'a complaint is no failure') from herald.delivery where recipient = 'bob' and channel = 'email';
delete from herald.suppression;
update herald.recipient set updated_at = now() + interval '1 hour' where id = 'bob';
select is(pg_temp.tell(pg_temp.made('bob', 'mail'), 'bounce', via => 'mail'), 'recorded', 'an address that was changed since');
select is_empty('select * from herald.suppression', 'is not judged, unless the source names it');

-- unsubscribe: the category; the address when there is none
select is(pg_temp.tell(pg_temp.made('ann', 'mail', c), e, via => 'mail'), 'recorded', c || ' ' || e)
  from (values (1, 'news', 'group_unsubscribe'), (2, 'codes', 'group_unsubscribe')) v (n, c, e) order by n;
select results_eq('select recipient, category, channel::text, enabled from herald.preference', $$values ('ann', 'news', 'email', false)$$,
                  'opts out of the category, not of a mandatory one');
select pg_temp.tell(pg_temp.made('ann', 'mail', 'news'), 'group_resubscribe', via => 'mail', extra => '{"at":"2026-01-01"}') \g /dev/null
select ok(not enabled, 'what happened before does not count') from herald.preference;
select pg_temp.tell(pg_temp.made('ann', 'mail', 'news'), 'group_resubscribe', via => 'mail', extra => jsonb_build_object('at', now() + interval '1 minute')) \g /dev/null
select ok(enabled, 'what happened later does') from herald.preference;
select is_empty('select * from herald.suppression', 'no address is suppressed');
select pg_temp.tell(pg_temp.made('ann', 'mail'), 'unsubscribe', via => null) \g /dev/null
select is(reason, 'unsubscribe', 'without a category it is the address') from herald.suppression;

-- tokens: registered after the evidence wins, mix-ups are suspect first
create temp table device as select t, herald.new_id(herald.bucket('ann')) as id from unnest(array['old', 'new', 'mixed', 'two', 'named']) t;
insert into herald.device_token (id, bucket, device, recipient, issuer, token, registered_at)
select herald.new_id(herald.bucket('ann')), herald.bucket('ann'), d.id, 'ann', 'apns', d.t || n, case d.t when 'new' then now() else '2026-01-01' end
  from device d, generate_series(1, case when t in ('two', 'named') then 2 else 1 end) n;
select is(pg_temp.tell(pg_temp.made('ann', 'push', device => d.id), 'unregistered', code, 'push', extra || '{"at":"2026-02-01"}'), 'recorded', d.t || ' is unregistered')
  from (values ('old', null, '{}'::jsonb), ('new', null, '{}'), ('mixed', 'BadDeviceToken', '{}'), ('two', null, '{}'), ('named', null, '{"address":"named2"}')) v (t, code, extra)
  join device d using (t);
select results_eq('select token, state::text, state_reason from herald.device_token order by token',
    $$values ('mixed1', 'suspect', 'BadDeviceToken'), ('named1', 'active', null), ('named2', 'retired', 'unregistered'), ('new1', 'active', null),
             ('old1', 'retired', 'unregistered'), ('two1', 'active', null), ('two2', 'active', null)$$, 'tokens are retired with the guards');

select * from finish();
rollback;
