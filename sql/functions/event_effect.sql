-- event_effect: what an event means for the address or the preferences of its recipient.
-- A token that was registered after the event, and an address that was changed after the delivery was
-- made, are not judged by it.
-- Parameters: event - with effect: bar, suspect, opt_out or opt_in; delivery - its own; address - that
-- the source names, null: none
-- Returns: nothing · Writes: preference, device_token, suppression · Called by: event_apply
create function herald.event_effect(event herald.event, delivery herald.delivery, address text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_address text := address;
    v_state constant herald.token_state := case event.effect when 'suspect' then 'suspect' else 'retired' end;
begin
    if event.effect in ('opt_out', 'opt_in') and delivery.category is not null then
        insert into herald.preference as p (bucket, recipient, category, channel, enabled, updated_at)
        select delivery.bucket, delivery.recipient, c.name, delivery.channel, event.effect = 'opt_in', event.occurred_at
          from herald.category c
         where c.name = delivery.category and not c.mandatory
            on conflict on constraint preference_pkey do update
           set enabled = excluded.enabled, updated_at = excluded.updated_at
         where p.updated_at <= excluded.updated_at;
    elsif event.effect = 'opt_in' then
        null; -- a suppression goes by notify_suppression_remove only
    elsif delivery.device is not null then
        -- Without its text the token is known when the device has one of this issuer.
        with issued as (
            select t.id, count(*) over () as others
              from herald.device_token t
              join herald.provider p on p.kind = t.issuer and p.name = event.source
             where t.device = delivery.device and t.bucket = delivery.bucket and t.state <> 'retired'
               and (address is null or t.token = address))
        update herald.device_token t
           set state = v_state, state_reason = coalesce(event.code, event.kind), state_at = event.created_at
          from issued i
         where t.id = i.id and t.bucket = delivery.bucket and i.others = 1
           and t.registered_at <= event.occurred_at and t.state < v_state;
    elsif event.effect <> 'suspect' then
        if v_address is null then
            select case when delivery.channel = 'email' then r.email else r.phone end into v_address
              from herald.recipient r
             where r.id = delivery.recipient and r.bucket = delivery.bucket and r.updated_at <= delivery.created_at;
        end if;
        insert into herald.suppression (bucket, recipient, channel, address, reason, source, evidence)
        select delivery.bucket, delivery.recipient, delivery.channel, a.stored,
               coalesce(event.code, event.kind), event.source,
               format('%s %s%s', event.kind, event.source_id, ': ' || event.reason)
          from (select case when delivery.channel = 'email'
                            then regexp_replace(v_address, '@[^@]*$', '') || coalesce(lower(substring(v_address from '@[^@]*$')), '')
                            else regexp_replace(v_address, '^([1-9][0-9]{6,14})$', '+\1') end) as a (stored)
         where a.stored is not null
            on conflict do nothing;
    end if;
end
$$;
comment on function herald.event_effect(herald.event, herald.delivery, text) is
    'Judges the address of a delivery, or a preference, by an event';
