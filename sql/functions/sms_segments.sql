-- sms_segments: how many parts a text message takes.
-- Parameters: text
-- Returns: one row: encoding - GSM-7 or UCS-2; segments - parts, 0 of an empty text; units - septets or code units
-- Writes: nothing · Called by: notify_preview, authors, operators
create function herald.sms_segments(text text)
returns table (encoding text, segments integer, units integer)
language c immutable strict parallel safe
rows 1
as 'MODULE_PATHNAME', 'herald_sms_segments';
comment on function herald.sms_segments(text) is
    'How many parts a text message takes, and in which encoding';
