-- audit_provider: what was accepted beside what was reported; what does not explain itself is listed.
begin;
select * from no_plan();

insert into herald.provider (name, kind, channel) values ('sms', 'twilio', 'sms'), ('sms2', 'twilio', 'sms'), ('mute', 'twilio', 'sms'),
    ('push', 'apns', 'push');
create temp table made (what text, id uuid);
-- made(what, via, …): a delivery of yesterday with an attempt of each class, and an event for each word.
create function pg_temp.made(what text, via text, state text, classes text[], words text[] default '{}', finished interval default '-20 hours')
returns void language plpgsql as $$
declare
    b integer := herald.bucket(what);
    d uuid := overlay(herald.new_id(b)::text placing left(herald.id_floor(date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
                                                                         - interval '12 hours')::text, 13) from 1)::uuid;
begin
    insert into pg_temp.made values (what, d);
    if state is not null then
        insert into herald.delivery (id, bucket, notification, recipient, channel, priority, template, state, provider, provider_id, attempts,
                                     created_at, finished_at)
        values (d, b, d, 'ann', (select p.channel from herald.provider p where p.name = via), 'high', 't', state::herald.delivery_state, via,
                'SM1', cardinality(classes), now(), now() + finished);
    end if;
    insert into herald.attempt (id, bucket, attempt, epoch, class, provider, finished_at)
    select d, b, c.n, 1, c.class::herald.outcome_class, via, now() from unnest(classes) with ordinality as c (class, n);
    perform herald.event_record(coalesce((select jsonb_agg(jsonb_build_object('delivery', d, 'id', w.word, 'provider', split_part(w.word, ':', 1),
        'event', split_part(w.word, ':', 2)) || case when w.word ~ ':.*:' then jsonb_build_object('code', split_part(w.word, ':', 3)) else '{}' end)
        from unnest(words) as w (word)), '[]'));
end $$;
select pg_temp.made(what, via, state, classes, words, finished)
  from (values ('delivered', 'sms', 'sent', '{accepted}'::text[], '{sms:sent,sms:delivered}'::text[], interval '-20 hours'),
               ('delivered2', 'sms', 'sent', '{retry,accepted}', '{sms:delivered,sms:undelivered:30003}', '-20 hours'),
               ('read', 'sms', 'sent', '{accepted}', '{sms:read}', '-20 hours'),
               ('undelivered', 'sms', 'sent', '{accepted}', '{sms:failed:30005}', '-20 hours'),
               ('waiting', 'sms', 'sent', '{accepted}', '{}', '-1 hour'), ('overdue', 'sms', 'sent', '{accepted}', '{}', '-20 hours'),
               ('carrier', 'sms', 'sent', '{accepted}', '{sms:sent}', '-1 hour'), ('stuck', 'sms', 'sent', '{accepted}', '{sms:sent}', '-20 hours'),
               ('twice', 'sms', 'sent', '{accepted,accepted}', '{sms:delivered}', '-20 hours'),
               ('repeated', 'sms', 'sent', '{accepted,lease_lost,accepted}', '{sms:delivered}', '-20 hours'),
               ('lost', 'sms', 'unknown', '{unknown}', '{sms:delivered}', '-20 hours'), ('refused', 'sms', 'failed', '{content}', '{sms:failed:30007}', '-20 hours'),
               ('failed', 'sms', 'failed', '{content}', '{sms:delivered}', '-20 hours'), ('failed2', 'sms', 'failed', '{content}', '{}', '-20 hours'),
               ('both', 'sms', 'sent', '{accepted}', '{sms:delivered,sms:failed:30007}', '-20 hours'),
               ('other', 'sms', 'sent', '{accepted}', '{sms2:delivered}', '-20 hours'), ('ghost', 'sms', null, '{}', '{sms:delivered}', '-20 hours'),
               ('early', 'sms', null, '{unknown}', '{sms:delivered}', '-20 hours'),
               ('mute1', 'mute', 'sent', '{accepted}', '{}', '-1 hour'), ('mute2', 'mute', 'sent', '{accepted}', '{}', '-20 hours'),
               ('push', 'push', 'sent', '{accepted}', '{}', '-20 hours'), ('differs', 'sms', 'sent', '{accepted}', '{sms:delivered}', '-20 hours'))
       as v (what, via, state, classes, words, finished) \g /dev/null
update herald.delivery set receipt = 'none' where id = (select id from made where what = 'differs');
insert into herald.retry (id, bucket, notification, recipient, channel, priority, template, lane, attempt, failures, state, due_at, created_at)
select id, herald.id_bucket(id), id, 'ann', 'sms', 'high', 't', 0, 1, 1, 'retry', now() + interval '1 h', now() from made where what = 'early';

create temp view audit as select * from herald.audit_provider((now() at time zone 'UTC')::date - 1);
select results_eq('select provider, channel::text, finding, deliveries from audit where explained order by 1, 3',
    $$values ('push', 'push', 'no_receipts', 1::bigint), ('sms', 'sms', 'answer_lost', 1), ('sms', 'sms', 'carrier', 1), ('sms', 'sms', 'delivered', 2),
             ('sms', null, 'pending', 1), ('sms', 'sms', 'read', 1), ('sms', 'sms', 'refused', 1), ('sms', 'sms', 'repeated', 1),
             ('sms', 'sms', 'undelivered', 1), ('sms', 'sms', 'waiting', 1)$$, 'what explains itself is counted');
select results_eq('select what, provider, finding, deliveries, template, known, reported from audit left join made on id = delivery where not explained order by what collate "C"',
    $$values ('both', 'sms', 'contradiction', 1::bigint, 't', 'sent 1 accepted SM1', 'sms delivered, sms failed 30007'),
             ('differs', 'sms', 'not_joined', 1, 't', 'sent 1 accepted SM1', 'sms delivered'),
             ('failed', 'sms', 'not_accepted', 1, 't', 'failed 0 accepted SM1', 'sms delivered'),
             ('ghost', 'sms', 'unknown_delivery', 1, null, '0 accepted', 'sms delivered'),
             ('other', 'sms', 'other_account', 1, 't', 'sent 1 accepted SM1', 'sms2 delivered'),
             ('overdue', 'sms', 'overdue', 1, 't', 'sent 1 accepted SM1', 'nothing'),
             ('stuck', 'sms', 'overdue', 1, 't', 'sent 1 accepted SM1', 'sms sent'),
             ('twice', 'sms', 'sent_twice', 1, 't', 'sent 2 accepted SM1', 'sms delivered'),
             (null, 'mute', 'silent', 2, null, null, null)$$, 'what does not is listed, a silent account once');
select is_empty('select * from audit where reason is null and finding not in (''delivered'', ''undelivered'', ''read'')', 'findings tell why');
select is_empty('select * from herald.audit_provider((now() at time zone ''UTC'')::date - 2)', 'another day has none of it');

-- the day chooses partitions when the query is planned
select herald.tick_step('partitions') from generate_series(1, 20) \g /dev/null
create function pg_temp.plan(day date) returns setof text language plpgsql as $$
begin
    return query execute format('explain select * from herald.audit_provider(%L)', day);
end $$;
select is((select count(distinct m[1]) from pg_temp.plan((now() at time zone 'UTC')::date + 3) p, regexp_match(p, '((?:delivery|attempt|event)_(?:p\d+|default))') m
            where m is not null), 3::bigint, 'the plan reads the day''s partitions, no others');

select * from finish();
rollback;
