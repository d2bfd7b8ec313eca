-- event_apply: what events mean for their deliveries, when those are finished. An account speaks for
-- deliveries that it was asked to send, and for no others.
-- Parameters: events, deliveries - ids, each event with its delivery; addresses - that sources name
-- Returns: the events whose delivery is there · Writes: delivery, suppression, preference, device_token
-- Called by: event_record, tick_events
-- Each row by its key: tables that were empty when first planned would be read whole for ever. Planned
-- once: there are many partitions to plan for.
create function herald.event_apply(events uuid[], deliveries uuid[], addresses text[]) returns setof uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_deliveries uuid[];
    v_effect record;
begin
    -- Locked first: who had them before has stored events by now, and the next statement sees them.
    select array_agg(l.id) into v_deliveries
      from (select d.id
              from (select distinct g.id from unnest(deliveries) as g (id)) as k
              join herald.delivery d on d.id = k.id and d.bucket = herald.id_bucket(k.id)
             order by d.id
               for update of d) as l;

    update herald.delivery d
       set receipt = r.receipt, receipt_at = r.occurred_at
      from unnest(v_deliveries) as k (id)
     cross join lateral (
           select e.receipt, e.occurred_at
             from herald.event e
            where e.id between overlay(k.id::text placing '8000-000000000000' from 20)::uuid
                           and overlay(k.id::text placing '8fff-ffffffffffff' from 20)::uuid
              and e.delivery = k.id and e.receipt <> 'none' and herald.event_is_of(e.delivery, e.source)
            order by herald.receipt_rank(e.receipt, e.class) desc, e.occurred_at
            limit 1) as r
     where d.id = k.id and d.bucket = herald.id_bucket(k.id)
       and (d.receipt, d.receipt_at) is distinct from (r.receipt, r.occurred_at);

    for v_effect in
        select e as event, d as delivery, g.address
          from unnest(events, deliveries, addresses) as g (id, delivery, address)
          join herald.event e on e.id = g.id and e.bucket = herald.id_bucket(g.id)
          join herald.delivery d on d.id = g.delivery and d.bucket = herald.id_bucket(g.delivery)
         where e.effect is not null and herald.event_is_of(e.delivery, e.source)
         order by d.recipient, d.channel, g.address
    loop
        perform herald.event_effect(v_effect.event, v_effect.delivery, v_effect.address);
    end loop;

    return query
        select g.id from unnest(events, deliveries) as g (id, delivery) where g.delivery = any (v_deliveries);
end
$$;
comment on function herald.event_apply(uuid[], uuid[], text[]) is
    'What events mean for their deliveries, when those are finished; returns the events that found theirs';
