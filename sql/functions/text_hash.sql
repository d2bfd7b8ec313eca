-- text_hash: what the history keeps of a long text.
-- Parameters: content - null gives null
-- Returns: SHA-256 of its UTF-8 in hexadecimal digits · Writes: nothing
-- Called by: functions that change templates
create function herald.text_hash(content text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$ select encode(sha256(convert_to(content, 'UTF8')), 'hex') $$;
comment on function herald.text_hash(text) is 'SHA-256 of a text in hexadecimal digits';
