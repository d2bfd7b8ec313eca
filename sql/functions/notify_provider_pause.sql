-- notify_provider_pause: lets an account rest. What waits for it goes to other accounts or waits.
-- Parameters: name - of the account; reason - for people; until - null: until it is resumed
-- Returns: nothing · Writes: provider · Called by: operators
create function herald.notify_provider_pause(name text, reason text, until timestamptz default null)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_provider(name);
    perform herald.check_text('reason', reason, 500);
    if until <= clock_timestamp() then
        raise exception using errcode = '22023', message = 'until must lie in the future',
            detail = format('It is %s.', until),
            hint = 'herald.notify_provider_resume() ends a pause.';
    end if;
    update herald.provider p
       set paused_at = clock_timestamp(), paused_until = nullif(until, 'infinity'), pause_reason = reason
     where p.name = notify_provider_pause.name;
end
$$;
comment on function herald.notify_provider_pause(text, text, timestamptz) is
    'Lets an account rest, until a time or until it is resumed';
