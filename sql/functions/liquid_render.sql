-- liquid_render: renders a source that is no template of the database with the engine of the dispatchers.
-- Parameters: source - Liquid; data - top-level variables; shared - sources by name for render, include;
--             escape - none, html (output) or header (one line), headers; strict - refuse unknown variables; locale - '' for none;
--             at - the time it sees; timezone - in which it prints times; translations - objects of texts by
--             key, the first one first
-- Returns: the text; raises 42601 with line and column, 22023, 54000 for ceilings · Writes: nothing
-- Called by: operators
create function herald.liquid_render(
    source text, data jsonb default '{}', shared jsonb default '{}', escape text default 'none',
    strict boolean default true, locale text default '', at timestamptz default now(),
    timezone text default 'UTC', translations jsonb[] default '{}')
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'herald_liquid_render';
comment on function herald.liquid_render(text, jsonb, jsonb, text, boolean, text, timestamptz, text, jsonb[]) is
    'Renders a Liquid source with data, as templates are rendered';
