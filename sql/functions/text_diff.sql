-- text_diff: the unified difference of two texts, with three lines of context and without file names.
-- Parameters: a, b - at most 4 MB each
-- Returns: its lines; none when they are equal. Texts with thousands of edits between them are taken for
--          replaced · Writes: nothing · Called by: notify_template_diff, operators, authors
create function herald.text_diff(a text, b text) returns setof text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_text_diff';
comment on function herald.text_diff(text, text) is 'The unified difference of two texts, line by line';
