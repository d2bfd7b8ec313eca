-- check_url: refuses an address that a daemon must not be pointed at.
-- Parameters: field - name for messages; url - the address; schemes - allowed ones
-- Returns: nothing · Writes: nothing · Called by: check_token, check_subscription, notify_provider, notify_object_store
create function herald.check_url(field text, url text, schemes text[]) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem text;
begin
    perform herald.check_text(field, url, 2048);
    v_problem := case
        when lower(substring(url from '^([A-Za-z][A-Za-z0-9+.-]*)://')) = any (schemes) is not true then
            format('must begin with %s', array_to_string(array(select s || '://' from unnest(schemes) s), ' or '))
        when url ~ '[^\x21-\x7e]' then 'must be written in printable ASCII without spaces'
        when url ~ '#' then 'must not have a fragment'
        when url ~ '[\\"<>^`{|}]' then 'contains a character that must be percent-encoded'
        when url ~ '^[^/]*//[^/?]*@' then 'must not name a user or password'
        when url !~ '^[^/]*//([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?]|$)' then 'has no valid host'
    end;
    if v_problem is not null then
        raise exception using errcode = '22023',
            message = format('%s %s', field, v_problem),
            -- What stands before an @ or behind a ? may be a secret.
            detail = case when url !~ '[@?]' then format('It is %s.', to_json(left(url, 64))) else '' end;
    end if;
end
$$;
comment on function herald.check_url(text, text, text[]) is
    'Refuses a URL of another scheme, with user, fragment or without a valid host';
