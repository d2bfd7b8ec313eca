-- check_timezone: refuses what is not the name of a time zone.
-- Parameters: name - such as Europe/Berlin, in any case
-- Returns: the name as the time zone database spells it · Writes: nothing · Called by: notify_recipient
create function herald.check_timezone(name text) returns text
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'herald_check_timezone';
comment on function herald.check_timezone(text) is
    'The canonical spelling of a time zone name; refuses abbreviations and POSIX rules';
