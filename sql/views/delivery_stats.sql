-- delivery_stats: finished deliveries by minute. Latency is the time from the send (or the time asked
-- for) to acceptance by the provider.
create view herald.delivery_stats with (security_barrier = true) as
select date_trunc('minute', d.finished_at) as minute, d.channel, d.provider, d.template,
       count(*) filter (where d.state = 'sent') as sent,
       count(*) filter (where d.state in ('failed', 'dead', 'unknown')) as failed,
       count(*) filter (where d.state in ('suppressed', 'cancelled', 'expired')) as withheld,
       sum(d.attempts) as attempts,
       percentile_disc(0.5) within group (order by l.latency_ms) as latency_p50_ms,
       percentile_disc(0.95) within group (order by l.latency_ms) as latency_p95_ms,
       percentile_disc(0.99) within group (order by l.latency_ms) as latency_p99_ms,
       max(l.latency_ms) as latency_max_ms
  from herald.delivery d
  left join herald.notification n on n.id = d.notification and n.bucket = d.bucket
 cross join lateral (
       select case when d.state = 'sent'
                   then (extract(epoch from d.finished_at - greatest(d.created_at, n.send_at))
                         * 1000)::numeric(12, 3)
              end) as l (latency_ms)
 group by 1, 2, 3, 4;
comment on view herald.delivery_stats is
    'Finished deliveries by minute, channel, provider and template, with latency';
