-- event_read: one item of event_record, checked, with what it means by herald.event_rule: that of the
-- account's kind and the code, the code up to its first "/", or any code; then that of all kinds.
-- Parameters: item - see event_record; at - now
-- Returns: the event, not stored · Writes: nothing · Called by: event_record
create function herald.event_read(item jsonb, at timestamptz) returns herald.event
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_known constant text[] := array['provider', 'delivery', 'id', 'event', 'code', 'at', 'address', 'reason', 'data'];
    v_limits constant integer[] := array[63, 36, 255, 64, 255, 64, 4096];
    v_event herald.event;
    v_kind text;
    v_field text;
begin
    perform herald.check_json('item', item, 16384, 8);
    if item - v_known <> '{}' then
        perform herald.refuse_unknown('field', (select k from jsonb_object_keys(item - v_known) as k limit 1), v_known);
    end if;
    for i in 1..cardinality(v_known) - 1 loop
        v_field := v_known[i];
        continue when item -> v_field is null and v_field not in ('delivery', 'id', 'event');
        if jsonb_typeof(item -> v_field) <> 'string' then
            raise exception using errcode = '22023', message = format('%s must be a text', v_field);
        end if;
        continue when v_field = 'reason'; -- words of a server: any, and never why a bounce is lost
        perform herald.check_text(v_field, item ->> v_field, v_limits[i]);
    end loop;

    v_event.source := coalesce(item ->> 'provider', '*');
    if v_event.source <> '*' then
        select p.kind into v_kind from herald.provider p where p.name = v_event.source;
        if not found then
            perform herald.refuse_unknown('provider', v_event.source, array(select p.name from herald.provider p));
        end if;
    end if;

    if item ->> 'delivery' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
        v_event.delivery := item ->> 'delivery';
        v_event.bucket := herald.id_bucket(v_event.delivery);
    end if;
    if v_event.bucket is null or herald.id_time(v_event.delivery) > at + interval '1 hour' then
        raise exception using errcode = '22023', message = 'delivery is not the id of a delivery',
            hint = 'Give the id that the request carried: nid, client_ref or webhook-id.';
    end if;

    v_event.source_id := item ->> 'id';
    v_event.id := herald.event_id(v_event.delivery, v_event.source, v_event.source_id);
    v_event.kind := item ->> 'event';
    v_event.code := item ->> 'code';
    -- Who may read events may not read addresses.
    v_event.reason := replace(item ->> 'reason', coalesce(item ->> 'address', ''), '[address]');
    v_event.reason := regexp_replace(v_event.reason, '[^\s<>"''(),;]+@[^\s<>"''(),;]+', '[address]', 'g');
    v_event.reason := regexp_replace(v_event.reason, '\+?[0-9]{7,}', '[number]', 'g');
    v_event.reason := left(regexp_replace(v_event.reason, '[\s\x01-\x1f\x7f-\x9f]+', ' ', 'g'), 500);
    v_event.data := coalesce(item -> 'data', '{}');
    perform herald.check_json('data', v_event.data, 4096, 8);
    v_event.created_at := at;
    v_event.occurred_at := coalesce((item ->> 'at')::timestamptz, at);
    if v_event.occurred_at not between '2000-01-01' and at + interval '1 day' then
        raise exception using errcode = '22023', message = 'at must lie between the year 2000 and tomorrow',
            detail = format('It is %s.', v_event.occurred_at);
    end if;

    select r.receipt, r.class, r.effect into v_event.receipt, v_event.class, v_event.effect
      from herald.event_rule r
     where r.kind in (v_kind, '*') and r.event = v_event.kind
       and r.code in (coalesce(v_event.code, ''), split_part(coalesce(v_event.code, ''), '/', 1), '')
     order by r.kind = '*', length(r.code) desc
     limit 1;
    if not found then
        perform herald.refuse_unknown('event', v_event.kind,
                                      array(select distinct r.event from herald.event_rule r where r.kind in (v_kind, '*')));
    end if;
    return v_event;
end
$$;
comment on function herald.event_read(jsonb, timestamptz) is 'One item of event_record, checked and judged';
