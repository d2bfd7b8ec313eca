-- template_log: adds a row to the history of templates, in the caller's transaction.
-- Parameters: template, version - null when the change concerns none; action - what was done;
--             detail - values before and after
-- Returns: nothing · Writes: template_history · Called by: functions that change templates
create function herald.template_log(template text, version integer, action text, detail jsonb default '{}')
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into herald.template_history (template, version, action, detail)
    values (template, version, action, detail)
$$;
comment on function herald.template_log(text, integer, text, jsonb) is
    'Adds a row to the history of templates';
