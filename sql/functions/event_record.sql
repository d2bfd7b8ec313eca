-- event_record: takes what providers and people report about deliveries, in any order, often, early or
-- late. One bad item does not stop the others.
-- Parameters: items - array of up to 10000 objects: delivery (its id), id (the source's own id of the
-- event), event (the source's word for it); when there are any: provider (account that reports it), code,
-- reason, at (time, default now), address (mailbox, number or token that it is about), data (object)
-- Returns: item - its place, from 1; status - recorded; waiting: kept until its delivery is finished;
-- repeated: known before; expired: the delivery is no longer kept; rejected; reason - of the rejection
-- Writes: event, early_event, delivery, suppression, preference, device_token · Called by: gateways
create function herald.event_record(items jsonb)
returns table (item integer, status text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_oldest constant uuid :=
        herald.id_floor(v_now - make_interval(days => herald.setting_value('retention_days')::integer));
    v_item record;
    v_event herald.event;
    v_events herald.event[] := '{}';
    v_places integer[] := '{}';
    v_hint text;
    v_new uuid[];
    v_new_places integer[];
    v_deliveries uuid[];
    v_addresses text[];
    v_applied uuid[];
begin
    if jsonb_typeof(items) is distinct from 'array' then
        raise exception using errcode = '22023', message = 'items must be a JSON array';
    end if;
    if jsonb_array_length(items) > 10000 then
        raise exception using errcode = '54000', message = 'items has more than 10000 elements',
            hint = 'Record them in several calls.';
    end if;

    for v_item in select i.value, i.place::integer from jsonb_array_elements(items) with ordinality as i (value, place)
    loop
        item := v_item.place;
        begin
            v_event := herald.event_read(v_item.value, v_now);
            if v_event.delivery < v_oldest then
                status := 'expired';
                return next;
            else
                v_events := v_events || v_event;
                v_places := v_places || v_item.place;
            end if;
        exception when others then
            get stacked diagnostics reason = message_text, v_hint = pg_exception_hint;
            reason := reason || case when v_hint <> '' then '. ' || v_hint else '' end;
            status := 'rejected';
            return next;
            reason := null;
        end;
    end loop;

    -- In one order, so that two calls with the same events never wait for each other in a circle.
    with given as materialized (
        select distinct on (e.id) e.*, v_places[e.ordinality] as place
          from unnest(v_events) with ordinality as e
         order by e.id, e.ordinality),
    stored as (
        insert into herald.event (id, bucket, delivery, source, source_id, kind, receipt, class, effect,
                                  code, reason, data, occurred_at, created_at)
        select g.id, g.bucket, g.delivery, g.source, g.source_id, g.kind, g.receipt, g.class, g.effect,
               g.code, g.reason, g.data, g.occurred_at, g.created_at
          from given g
         order by g.id
            on conflict do nothing
        returning id)
    select array_agg(g.id), array_agg(g.place), array_agg(g.delivery),
           array_agg(items -> (g.place - 1) ->> 'address')
      into v_new, v_new_places, v_deliveries, v_addresses
      from given g
      join stored s on s.id = g.id;

    v_applied := array(select a.id from herald.event_apply(v_new, v_deliveries, v_addresses) as a (id));
    insert into herald.early_event (id, bucket, delivery, address, due_at, created_at)
    select g.id, herald.id_bucket(g.id), g.delivery, g.address, v_now, v_now
      from unnest(v_new, v_deliveries, v_addresses) as g (id, delivery, address)
     where not exists (select from unnest(v_applied) as a (id) where a.id = g.id);

    return query
        select p.place, case when a.id is not null then 'recorded'
                             when n.id is not null then 'waiting'
                             else 'repeated' end, null::text
          from unnest(v_places) as p (place)
          left join unnest(v_new, v_new_places) as n (id, place) on n.place = p.place
          left join unnest(v_applied) as a (id) on a.id = n.id;
end
$$;
comment on function herald.event_record(jsonb) is
    'Takes reports about deliveries: receipts, bounces, complaints, opens; tells of each what became of it';
