-- delivery_cost: what the messages of a day (UTC) cost that providers accepted, at the cost that the account
-- has now. Days are read one by one, so that a condition on day reads the partitions of those days only.
create view herald.delivery_cost with (security_barrier = true) as
select t.day, c.provider, c.channel, c.category, c.accepted, c.accepted * p.cost as cost, p.currency
  from (select (now() at time zone 'UTC')::date - n
          from generate_series(0, herald.setting_value('retention_days')::integer) n) as t (day)
 cross join lateral (
       select a.provider, d.channel, d.category, count(*) as accepted
         from herald.attempt a
         left join herald.delivery d
           on d.id = a.id and d.bucket = a.bucket
          and d.id >= herald.id_floor(t.day::timestamp at time zone 'UTC')
          and d.id < herald.id_floor((t.day + 1)::timestamp at time zone 'UTC')
        where a.class = 'accepted'
          and a.id >= herald.id_floor(t.day::timestamp at time zone 'UTC')
          and a.id < herald.id_floor((t.day + 1)::timestamp at time zone 'UTC')
        group by a.provider, d.channel, d.category) as c
  left join herald.provider p on p.name = c.provider;
comment on view herald.delivery_cost is
    'What accepted messages cost by day of the send, account, channel and category';
