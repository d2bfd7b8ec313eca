-- fill_variables: checks data against declared variables, as a send does.
-- Parameters: variables - a declaration; data - an object; template, version - for messages
-- Returns: data, with the defaults of what it lacks · Writes: nothing
-- Called by: notify_render, notify_preview, render_sample
create function herald.fill_variables(variables jsonb, data jsonb, template text, version integer)
returns jsonb
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_fill_variables';
comment on function herald.fill_variables(jsonb, jsonb, text, integer) is
    'Checks data against declared variables and fills in defaults, as a send does';
