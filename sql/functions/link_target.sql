-- link_target: where a tracking link leads. The delivery is rendered again to find out, so links hold no
-- address and nobody can make them lead elsewhere.
-- Parameters: token - 22 characters that stand for the delivery; number - of the link, from 1;
--             both from TRACKING_URL/c/TOKEN/NUMBER
-- Returns: the URL, null when there is no such link (any more) · Writes: nothing
-- Called by: whatever answers tracking links
create function herald.link_target(token text, number integer) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    -- 16 bytes: the last character holds two bits.
    if token !~ '^[A-Za-z0-9_-]{21}[AQgw]$' is not false then
        return null;
    end if;
    v_id := encode(decode(translate(token, '-_', '+/') || '==', 'base64'), 'hex')::uuid;
    return (select (array_agg(l.url order by r.part, l.place))[number]
              from herald.find_delivery(v_id) d
              join herald.notification n
                on n.id = d.notification and n.bucket = herald.id_bucket(v_id),
                   lateral herald.replay(n, d.channel::text, d.id, false) r,
                   lateral unnest(r.links) with ordinality l(url, place));
end
$$;
comment on function herald.link_target(text, integer) is
    'Where a tracking link leads; null when there is no such link';
