-- object_url: a URL at which an object can be got for some time.
-- Parameters: object - its id; valid_for - 1 second to 365 days from now
-- Returns: object_base_url/o/TOKEN · Writes: nothing · Called by: applications
create function herald.object_url(object uuid, valid_for interval default '7 days') returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_base constant text := herald.setting_value('object_base_url');
    v_now constant bigint := extract(epoch from now());
    v_until bigint;
begin
    if object is null or valid_for is null then
        raise exception using errcode = '22004',
            message = format('%s must not be null', case when object is null then 'object' else 'valid_for' end);
    end if;
    if v_base = '' then
        raise exception using errcode = '55000', message = 'objects have no URLs here',
            hint = 'The setting object_base_url is what they begin with.';
    end if;
    if valid_for < '1 second' or valid_for > '365 days' then
        raise exception using errcode = '22023',
            message = 'valid_for must be between 1 second and 365 days',
            detail = format('It is %s.', valid_for);
    end if;
    if not exists (select from herald.object o
                    where o.id = object_url.object
                      and (o.sender = session_user or pg_has_role(session_user, 'herald_operator', 'member')))
    then
        raise exception using errcode = '22023', message = format('there is no object %s', object),
            hint = 'herald.notify_object() stores one and returns its id.';
    end if;
    v_until := v_now + ceil(extract(epoch from valid_for))::bigint;
    return v_base || '/o/' || herald.object_token(herald.object_signer(), object, v_until);
end
$$;
comment on function herald.object_url(uuid, interval) is 'A signed URL of an object that expires';
