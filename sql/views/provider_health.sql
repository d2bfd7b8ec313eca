-- provider_health: how each account does: the worst of what running dispatchers say, or that somebody
-- paused or disabled it.
create view herald.provider_health with (security_barrier = true) as
select p.name as provider, p.kind, p.channel,
       case when not p.enabled then 'disabled' when m.paused then 'paused'
            else coalesce(w.state, 'unknown') end as state,
       case when not p.enabled then null when m.paused then p.pause_reason else w.reason end as reason,
       case when not p.enabled then p.updated_at when m.paused then p.paused_at else w.since end as since,
       case when not p.enabled then null when m.paused then p.paused_until else w.until end as until,
       coalesce(w.failures, 0) as failures,
       coalesce(w.dispatchers, '{}') as dispatchers
  from herald.provider p
 cross join lateral (select p.paused_at is not null
                            and (p.paused_until > clock_timestamp()) is not false) m(paused)
  left join lateral (
       select s.state, min(s.reason) as reason, min(s.since) as since, max(s.until) as until,
              max(s.failures) as failures, array_agg(d.name order by d.name, d.epoch) as dispatchers
         from herald.provider_state s
         join herald.dispatcher d on d.epoch = s.epoch and d.gone_at is null
        where s.provider = p.name
        group by s.state
        order by array_position(array['open', 'probing', 'closed'], s.state)
        limit 1) w on true;
comment on view herald.provider_health is
    'How each account does: its worst state, why and since when, and which dispatchers say so';
