-- template_check: compiles a template's source.
-- Parameters: source - Liquid; part - its part; place - what messages begin with, null for "part PART"
-- Returns: nothing, raises 42601 with line and column, 54000 for ceilings · Writes: nothing
-- Called by: notify_template_part, notify_template_publish, operators
create function herald.template_check(source text, part text, place text default null) returns void
language c immutable parallel safe
as 'MODULE_PATHNAME', 'herald_template_check';
comment on function herald.template_check(text, text, text) is
    'Compiles a template''s source; raises an error with line and column when it cannot be used';
