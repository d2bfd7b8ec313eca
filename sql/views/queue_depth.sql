-- queue_depth: what waits, by channel and priority. Age is that of the oldest one not claimed.
create view herald.queue_depth with (security_barrier = true) as
select q.channel, q.priority,
       count(*) filter (where q.kind = 'waiting') as waiting,
       count(*) filter (where q.kind = 'claimed') as claimed,
       count(*) filter (where q.kind = 'due') as due,
       count(*) filter (where q.kind = 'retry') as retry,
       count(*) filter (where q.kind = 'scheduled') as scheduled,
       max(clock_timestamp() - q.since) filter (where q.kind in ('waiting', 'due')) as oldest
  from (select o.channel, o.priority,
               case when o.epoch is null then 'waiting' else 'claimed' end as kind,
               o.queued_at as since
          from herald.outbox o
         union all
        select r.channel, r.priority,
               case when r.due_at <= clock_timestamp() then 'due'
                    when r.state = 'retry' then 'retry' else 'scheduled' end,
               r.due_at
          from herald.retry r) as q
 group by q.channel, q.priority;
comment on view herald.queue_depth is
    'Deliveries that wait, by channel and priority: in the outbox, claimed, due, later';
