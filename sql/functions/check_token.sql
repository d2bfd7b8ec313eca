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
    -- What an app reports as its token must not reach everybody else.
    if (kind = 'topic') <> (issuer = 'fcm' and token ~ '^[/(!'']') then
        raise exception using errcode = '22023',
            message = 'a device of kind "topic" has issuer "fcm" and a topic or condition as its token, and '
                      'no other device has';
    end if;
    if kind = 'topic' then
        perform herald.check_topic(token);
        return token;
    end if;
    if issuer in ('slack', 'telegram') and kind <> 'chat' then
        raise exception using errcode = '22023',
            message = format('a token of issuer "%s" belongs to a device of kind "chat"', issuer);
    end if;
    -- The URL is the credential: no part of it may come back.
    if issuer = 'slack' and (length(token) > 2048
        or token !~ '^https://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9_-]+)+$')
    then
        raise exception using errcode = '22023',
            message = 'token of issuer "slack" must be the URL of an incoming webhook',
            hint = 'It begins with https://hooks.slack.com/services/ and has at most 2048 characters.';
    end if;
    if issuer = 'telegram' and token !~ '^(-?[1-9][0-9]{0,17}|@[A-Za-z][A-Za-z0-9_]{3,31})$' then
        raise exception using errcode = '22023',
            message = 'token of issuer "telegram" must be the id of a chat, or the @name of a public channel',
            hint = 'An id is a whole number; those of groups and channels are negative.';
    end if;
    if token ~ '\s' then
        raise exception using errcode = '22023', message = 'token must not contain white space';
    end if;
    return token;
end
$$;
comment on function herald.check_token(herald.device_kind, text, text) is
    'The device token as it is stored; refuses what the issuer cannot have issued';
