-- object_token: what follows object_base_url in the URL of an object.
-- Parameters: key - 32 bytes; object - its id; until - second since 1970 in which the URL expires
-- Returns: ID.UNTIL.SIGNATURE · Writes: nothing · Called by: object_url, object_get
create function herald.object_token(key bytea, object uuid, until bigint) returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_object_token_sql';
comment on function herald.object_token(bytea, uuid, bigint) is 'The signed end of the URL of an object';
