-- check_mode: refuses what is no mode of templates.
-- Parameters: mode - null passes
-- Returns: nothing · Writes: nothing · Called by: notify_template, notify_render, notify_preview
create function herald.check_mode(mode text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if mode not in ('strict', 'lax') then
        perform herald.refuse_unknown('mode', mode, '{strict,lax}');
    end if;
end
$$;
comment on function herald.check_mode(text) is 'Refuses what is no mode of templates';
