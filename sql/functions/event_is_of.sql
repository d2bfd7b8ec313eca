-- event_is_of: whether an account was asked to send a delivery, so that its word counts. Others know
-- the id of a delivery too: recipients of webhooks and mails see it. In plpgsql, which keeps the plan.
-- Parameters: delivery; source - of the event, * counts always
-- Returns: true or false · Writes: nothing · Called by: event_apply
create function herald.event_is_of(delivery uuid, source text) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return source = '*'
           or exists (select from herald.attempt a
                       where a.id = event_is_of.delivery and a.bucket = herald.id_bucket(event_is_of.delivery)
                         and a.provider = event_is_of.source);
end
$$;
comment on function herald.event_is_of(uuid, text) is 'Whether an account was asked to send a delivery';
