-- channel_savings: what categories with "cheapest" spared: how often a channel was confirmed, so that the
-- next one was not used, and what that one would have cost on its cheapest account now.
create view herald.channel_savings with (security_barrier = true) as
select s.day, s.category, s.channel, s.next_channel, s.confirmed + s.escalated as notifications,
       s.confirmed, s.escalated, s.confirmed * p.cost as cost_avoided, p.currency
  from herald.fallback_stats s
  left join lateral (
       select a.cost, a.currency
         from herald.provider a
        where a.channel = s.next_channel and a.enabled and a.cost is not null
        order by a.cost, a.name
        limit 1) p on true;
comment on view herald.channel_savings is
    'How often the next channel was spared by day, category and channel, and what it would have cost';
