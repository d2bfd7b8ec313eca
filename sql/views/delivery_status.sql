-- delivery_status: every delivery, pending or finished, once. Conditions on id reach the keys of the
-- tables below it (the barrier lets only harmless ones through).
create view herald.delivery_status with (security_barrier = true) as
select o.id, o.bucket, o.notification, o.recipient, o.channel, o.priority, o.device, o.category,
       o.template,
       (case when o.epoch is null then 'queued' else 'claimed' end)::herald.delivery_state as state,
       null::text as reason, null::text as code, null::text as provider, null::text as provider_id,
       o.attempt as attempts, 'none'::herald.receipt as receipt, null::timestamptz as receipt_at,
       null::timestamptz as due_at, o.created_at, null::timestamptz as finished_at
  from herald.outbox o
 union all
select r.id, r.bucket, r.notification, r.recipient, r.channel, r.priority, r.device, r.category,
       r.template, r.state, r.reason, null, null, null, r.attempt, 'none', null, r.due_at,
       r.created_at, null
  from herald.retry r
 union all
select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device, d.category,
       d.template, d.state, d.reason, d.code, d.provider, d.provider_id, d.attempts, d.receipt,
       d.receipt_at, null, d.created_at, d.finished_at
  from herald.delivery d;
comment on view herald.delivery_status is 'Every delivery, pending or finished, with its state';
