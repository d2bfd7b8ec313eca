-- utc_offset: how far a time zone is from UTC at an instant.
-- Parameters: timezone - IANA name; at
-- Returns: seconds east of UTC, 0 when the zone is unknown · Writes: nothing · Called by: herald.claim
create function herald.utc_offset(timezone text, at timestamptz) returns integer
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'herald_utc_offset_sql';
comment on function herald.utc_offset(text, timestamptz) is
    'Seconds east of UTC of a time zone at an instant, 0 when it is unknown';
