-- check_topic: refuses what FCM cannot take as the address of a group.
-- Parameters: token - /topics/NAME, or a condition of at most five topics
-- Returns: nothing · Writes: nothing · Called by: check_token
create function herald.check_topic(token text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rest text;
    v_last text := '';
begin
    if token ~ '^/topics/[A-Za-z0-9_.~%-]+$' then
        return;
    end if;
    if token ~ '^[A-Za-z0-9_.~%()!&| ''-]+$' then
        -- Each topic becomes an @, then each expression of them, until nothing changes.
        v_rest := regexp_replace(token, '''[A-Za-z0-9_.~%-]+'' in topics', '@', 'g');
        if length(v_rest) - length(replace(v_rest, '@', '')) <= 5 then
            while v_rest <> v_last loop
                v_last := v_rest;
                v_rest := regexp_replace(v_rest, '! *@|\( *@ *\)|@ *(&&|\|\|) *@', '@', 'g');
            end loop;
            if btrim(v_rest) = '@' then
                return;
            end if;
        end if;
    end if;
    raise exception using errcode = '22023',
        message = 'token of issuer "fcm" is neither a topic nor a condition',
        hint = 'A topic is /topics/NAME, its name of A-Z a-z 0-9 - _ . ~ %. A condition has at most five of '
               'them: ''a'' in topics && (''b'' in topics || !(''c'' in topics)).';
end
$$;
comment on function herald.check_topic(text) is 'Refuses what FCM cannot take as the address of a group';
