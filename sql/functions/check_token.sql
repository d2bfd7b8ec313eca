-- check_token: checks the shape of a device token by its issuer; only the issuer knows whether it lives.
-- Parameters: kind - of the device; issuer - who issued it; token - as the device reported it
-- Returns: the token to store · Writes: nothing · Called by: notify_device
create function herald.check_token(kind herald.device_kind, issuer text, token text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('token', token, 4096);
    if issuer = 'webhook' then
        perform herald.check_url('token', token,
            case when herald.setting_value('webhook_allow_http') = '1'
                 then array['https', 'http'] else array['https'] end);
        return token;
    end if;
    if issuer = 'apns' then
        if token !~ '^([0-9A-Fa-f]{2})+$' then
            raise exception using errcode = '22023',
                message = 'token of issuer "apns" must be an even number of hex digits';
        end if;
        return lower(token collate "C");
    end if;
    if issuer = 'webpush' then
        return herald.check_subscription(token);
    end if;
    if token ~ '\s' then
        raise exception using errcode = '22023', message = 'token must not contain white space';
    end if;
    return token;
end
$$;
comment on function herald.check_token(herald.device_kind, text, text) is
    'The device token as it is stored; refuses what the issuer cannot have issued';
