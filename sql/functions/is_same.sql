-- is_same: compares secrets in a time that does not tell where they differ.
-- Parameters: a; b
-- Returns: whether they are equal · Writes: nothing · Called by: object_get
create function herald.is_same(a text, b text) returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_is_same_sql';
comment on function herald.is_same(text, text) is 'Compares secrets in constant time';
