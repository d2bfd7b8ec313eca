-- dead_letter: deliveries that failed for good or ran out of attempts or time, with the last error and
-- the version of the template, which is what to mend when the class is content.
-- herald.notify_redrive(notification) puts them back.
create view herald.dead_letter with (security_barrier = true) as
select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device, d.category,
       d.template, n.version, d.state, d.reason, d.code, d.provider, d.attempts, a.class as last_class,
       a.status as last_status, a.code as last_code, a.reason as last_reason, d.created_at,
       d.finished_at
  from herald.delivery d
  left join herald.notification n on n.id = d.notification and n.bucket = d.bucket
  left join lateral (
        select t.class, t.status, t.code, t.reason
          from herald.attempt t
         where t.id = d.id and t.bucket = d.bucket
         order by t.attempt desc
         limit 1) as a on true
 where d.state in ('dead', 'failed');
comment on view herald.dead_letter is
    'Deliveries that failed for good, with the last error; notify_redrive() puts them back';
