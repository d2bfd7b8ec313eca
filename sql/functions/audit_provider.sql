-- audit_provider: compares what providers accepted of a day's deliveries with what was reported about
-- them later. What explains itself is counted, a row for each account and finding; of what does not,
-- each delivery is a row.
-- No definer, no settings and a body without names to look up, so that the planner may put it into the
-- caller's query, where the day chooses partitions.
-- Parameters: day - of the deliveries' ids, in UTC
-- Returns: provider, channel, finding, explained; deliveries - their number; and when it is one that is
-- not explained: delivery, template, known - what was recorded, reported - by whom and what; reason -
-- why it is a finding · Writes: nothing · Called by: analysts and operators
create function herald.audit_provider(day date)
returns table (provider text, channel herald.channel, finding text, explained boolean, deliveries bigint,
               delivery uuid, template text, known text, reported text, reason text)
language sql stable
begin atomic
with usual (kind, within) as (
    -- When the last receipt is in, of kinds that send receipts for what arrived.
    values ('twilio', interval '12 hours'), ('twilio_voice', '2 hours'), ('vonage', '4 days'),
           ('vonage_messages', '4 days'), ('sendgrid', '4 days'), ('mandrill', '4 days'), ('ses', '1 day')),
tried as (
    select a.id, a.bucket, array_agg(a.provider) as providers,
           count(*) filter (where a.class = 'accepted') as accepted,
           count(*) filter (where a.class in ('unknown', 'lease_lost') or not a.applied) as doubtful
      from herald.attempt a
     where a.id >= herald.id_floor(day::timestamp at time zone 'UTC')
       and a.id < herald.id_floor((day + 1)::timestamp at time zone 'UTC')
     group by a.id, a.bucket),
told as (
    select e.delivery as id, e.bucket, array_agg(e.source) as sources,
           (array_agg(e.receipt order by herald.receipt_rank(e.receipt, e.class) desc))[1] as receipt,
           count(*) filter (where e.receipt = 'delivered') > 0
           and count(*) filter (where herald.receipt_rank(e.receipt, e.class) = 4) > 0 as contradicts,
           string_agg(concat_ws(' ', e.source, e.kind, e.code), ', ' order by e.occurred_at, e.receipt) as words
      from herald.event e
     where e.id >= herald.id_floor(day::timestamp at time zone 'UTC')
       and e.id < herald.id_floor((day + 1)::timestamp at time zone 'UTC')
       and e.receipt <> 'none'
     group by e.delivery, e.bucket),
compared as (
    select coalesce(d.provider, t.sources[1]) as provider, d.channel, d.template, d.state, d.receipt,
           d.code, d.provider_id, d.finished_at, coalesce(d.id, t.id) as id, coalesce(d.bucket, t.bucket) as bucket,
           d.id is not null as is_finished, d.state = 'sent' or a.accepted > 0 as is_accepted,
           coalesce(a.accepted, 0) as accepted, coalesce(a.doubtful, 0) as doubtful,
           t.id is not null as is_told, t.contradicts, t.words, t.receipt as told_receipt,
           t.sources <@ (a.providers || '*'::text) as is_own, u.within,
           bool_or(t.id is not null) over (partition by d.provider) as speaks
      from (select * from herald.delivery s
             where s.id >= herald.id_floor(day::timestamp at time zone 'UTC')
               and s.id < herald.id_floor((day + 1)::timestamp at time zone 'UTC')) as d
      left join tried a on a.id = d.id and a.bucket = d.bucket
      full join told t on t.id = d.id and t.bucket = d.bucket
      left join herald.provider p on p.name = d.provider
      left join usual u on u.kind = p.kind
     where d.state = 'sent' or a.accepted > 0 or t.id is not null),
found as (
    select c.*, f.finding, f.explained
      from compared c
     cross join lateral (
           select case
               when not c.is_finished
                    and (exists (select from herald.outbox o where o.id = c.id and o.bucket = c.bucket)
                         or exists (select from herald.retry r where r.id = c.id and r.bucket = c.bucket)) then 'pending'
               when not c.is_finished then 'unknown_delivery'
               when c.is_told and c.is_own is not true then 'other_account'
               when c.accepted > 1 and c.doubtful > 0 then 'repeated'
               when c.accepted > 1 then 'sent_twice'
               when not c.is_accepted and c.doubtful > 0 then 'answer_lost'
               when not c.is_accepted and c.told_receipt = 'undelivered' then 'refused'
               when not c.is_accepted then 'not_accepted'
               when c.contradicts then 'contradiction'
               when c.is_told and c.told_receipt <> c.receipt then 'not_joined'
               when c.receipt not in ('none', 'carrier') then c.receipt::text
               when c.within is null and c.receipt = 'none' then 'no_receipts'
               when not c.speaks then 'silent'
               when c.finished_at + c.within > clock_timestamp() and c.receipt = 'none' then 'waiting'
               when c.within is null or c.finished_at + c.within > clock_timestamp() then 'carrier'
               else 'overdue' end) as g (name)
     cross join lateral (
           select g.name, g.name not in ('unknown_delivery', 'other_account', 'sent_twice', 'not_accepted',
                                         'contradiction', 'not_joined', 'silent', 'overdue')) as f (finding, explained))
select f.provider, f.channel, f.finding, f.explained, count(*),
       case when r.is_row then f.id end,
       case when r.is_row then min(f.template) end,
       case when r.is_row then min(concat_ws(' ', f.state, f.code, f.accepted || ' accepted', f.provider_id)) end,
       case when r.is_row then min(coalesce(f.words, 'nothing')) end,
       case f.finding
            when 'pending' then 'the delivery is not finished yet'
            when 'unknown_delivery' then 'reported about a delivery that is not recorded here'
            when 'other_account' then 'reported by an account that was not asked to send it'
            when 'repeated' then 'accepted more than once, after an attempt without a known outcome'
            when 'sent_twice' then 'accepted more than once, and no attempt without a known outcome explains it'
            when 'answer_lost' then 'not known as accepted, an attempt has no known outcome'
            when 'refused' then 'not accepted, and reported as undelivered'
            when 'not_accepted' then 'reported as sent, but every attempt was refused'
            when 'contradiction' then 'reported as delivered and as failed for good'
            when 'not_joined' then 'the delivery does not show what was reported'
            when 'no_receipts' then 'accounts of this kind do not report what arrived'
            when 'silent' then 'nothing was reported about any delivery of the account'
            when 'waiting' then 'accepted, the receipt may still come'
            when 'carrier' then 'on its way, the receipt may still come'
            when 'overdue' then 'accepted, and the time for its receipt is over'
            end
  from found f
 cross join lateral (select not f.explained and f.finding <> 'silent') as r (is_row)
 group by f.provider, f.channel, f.finding, f.explained, r.is_row, case when r.is_row then f.id end;
end;
comment on function herald.audit_provider(date) is
    'What providers accepted of a day''s deliveries beside what was reported about them; lists what is not explained';
