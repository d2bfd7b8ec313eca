-- template_check: compiles a template's source by itself, whatever the templates that it uses hold.
-- Parameters: source - Liquid, of part "translations" a JSON object; part - its part;
--             place - what messages begin with, null for "part PART"; strict - refuse unknown filters
-- Returns: the names of the templates that it uses; raises 42601 with line and column, 54000 for ceilings
-- Writes: nothing · Called by: notify_template_part, operators
create function herald.template_check(
    source text, part text, place text default null, strict boolean default true)
returns text[]
language c immutable parallel safe
as 'MODULE_PATHNAME', 'herald_template_check';
comment on function herald.template_check(text, text, text, boolean) is
    'Compiles a template''s source by itself and names what it uses; raises an error with line and column';
