-- check_json: refuses a value that is no object or exceeds the ceilings for data.
-- Parameters: field - name for messages; value - the document; max_bytes - of its text form;
--             max_depth - nesting, the object itself is 1
-- Returns: nothing · Writes: nothing · Called by: notify_recipient, notify_provider, notify_render
create function herald.check_json(field text, value jsonb, max_bytes integer, max_depth integer)
returns void
language c immutable parallel safe
as 'MODULE_PATHNAME', 'herald_check_json';
comment on function herald.check_json(text, jsonb, integer, integer) is
    'Refuses what is no JSON object or too large, too deep or has too many or too long keys';
