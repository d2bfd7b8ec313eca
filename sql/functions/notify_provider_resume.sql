-- notify_provider_resume: ends a pause that somebody ordered.
-- Parameters: name - of the account
-- Returns: whether it was paused · Writes: provider · Called by: operators
create function herald.notify_provider_resume(name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_paused boolean;
begin
    perform herald.check_provider(name);
    select p.paused_at is not null and (p.paused_until > clock_timestamp()) is not false into v_paused
      from herald.provider p where p.name = notify_provider_resume.name;
    update herald.provider p set paused_at = null, paused_until = null, pause_reason = null
     where p.name = notify_provider_resume.name and p.paused_at is not null;
    return v_paused;
end
$$;
comment on function herald.notify_provider_resume(text) is
    'Ends a pause of an account; false when it was not paused';
