-- check_subscription: checks what a browser gave as its subscription to web push.
-- Parameters: token - the PushSubscription as JSON; members besides endpoint and keys are left out
-- Returns: the one text for it that is stored · Writes: nothing · Called by: check_token
create function herald.check_subscription(token text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_subscription jsonb;
    v_endpoint text;
    v_p256dh text;
    v_auth text;
    v_problem text;
begin
    begin
        v_subscription := token::jsonb;
    exception when data_exception then
        v_subscription := null;
    end;
    v_endpoint := v_subscription ->> 'endpoint';
    v_p256dh := v_subscription -> 'keys' ->> 'p256dh';
    v_auth := v_subscription -> 'keys' ->> 'auth';
    -- Left-over bits of the last character are zero, and an uncompressed point begins with 4.
    v_problem := case
        when jsonb_typeof(v_subscription) is distinct from 'object' then 'must be a JSON object'
        when v_endpoint is null then 'lacks the member "endpoint"'
        when v_p256dh is null or v_auth is null then 'lacks the members "p256dh" and "auth" in "keys"'
        when v_p256dh !~ '^B[A-P][A-Za-z0-9_-]{84}[AEIMQUYcgkosw048]$' then
            'has a p256dh that is not an uncompressed point of P-256, 65 bytes in base64url'
        when v_auth !~ '^[A-Za-z0-9_-]{21}[AQgw]$' then 'has an auth that is not 16 bytes in base64url'
    end;
    if v_problem is not null then
        raise exception using errcode = '22023',
            message = format('token of issuer "webpush" %s', v_problem),
            hint = 'Pass what JSON.stringify() makes of the browser''s PushSubscription.';
    end if;
    perform herald.check_url('token.endpoint', v_endpoint, array['https']);
    -- The endpoint comes last: token_hint() shows the end, which must be nothing of the secret auth.
    return format('{"keys":{"p256dh":"%s","auth":"%s"},"endpoint":"%s"}', v_p256dh, v_auth, v_endpoint);
end
$$;
comment on function herald.check_subscription(text) is
    'A browser''s subscription to web push as it is stored; refuses what no browser gives';
