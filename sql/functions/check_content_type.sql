-- check_content_type: refuses what is no media type, as it goes into headers.
-- Parameters: content_type
-- Returns: nothing · Writes: nothing · Called by: notify_object, notify_object_external
create function herald.check_content_type(content_type text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('content_type', content_type, 127);
    if content_type !~ ('^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*'
                        '(; ?charset=[A-Za-z0-9_-]+)?$')
    then
        raise exception using errcode = '22023',
            message = 'content_type is not a media type',
            detail = format('It is %s.', to_json(left(content_type, 64))),
            hint = 'Media types are written as application/pdf or text/csv; charset=utf-8.';
    end if;
    if content_type ~* '^(multipart|message)/' then
        raise exception using errcode = '22023',
            message = 'content_type must not be a multipart or message type',
            detail = format('It is %s.', to_json(left(content_type, 64)));
    end if;
end
$$;
comment on function herald.check_content_type(text) is 'Refuses what is no media type of a file';
