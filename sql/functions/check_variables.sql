-- check_variables: refuses what cannot declare the variables of a template.
-- Parameters: variables - a subset of JSON Schema: type, description, properties, required and
--             additionalProperties of an object, and of what is in it enum, items and default too
-- Returns: nothing, raises 22023 with the path of what is wrong · Writes: nothing
-- Called by: notify_template_variables
create function herald.check_variables(variables jsonb) returns void
language c immutable parallel safe
as 'MODULE_PATHNAME', 'herald_check_variables';
comment on function herald.check_variables(jsonb) is
    'Refuses what cannot declare the variables of a template';
