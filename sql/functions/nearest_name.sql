-- nearest_name: the known name that a misspelt one most likely means.
-- Parameters: name - as given; known - names that exist
-- Returns: the nearest of known, null when none is near · Writes: nothing · Called by: refuse_unknown
create function herald.nearest_name(name text, known text[]) returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_nearest_name';
comment on function herald.nearest_name(text, text[]) is
    'The known name that a misspelt one most likely means, null when none is near';
