-- template_compile: compiles the parts of one channel with all templates that they use.
-- Parameters: template; version; channel; locale - '' for the default
-- Returns: nothing, raises 42601 with part, line and column, 54000 for ceilings · Writes: nothing
-- Called by: notify_template_publish
create function herald.template_compile(template text, version integer, channel text, locale text)
returns void
language c stable strict
as 'MODULE_PATHNAME', 'herald_template_compile';
comment on function herald.template_compile(text, integer, text, text) is
    'Compiles the parts of one channel of a template; raises an error with part, line and column';
