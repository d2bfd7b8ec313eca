-- notify_route_explain: which accounts would be tried now for a recipient, in order, and why not others.
-- Parameters: recipient; channel; category - of the send, null: none
-- Returns: every account of the channel, those that would be tried first; once for each device on channels
-- of devices. A token's issuer is named as the kind of the accounts that serve it · Writes: nothing
-- Called by: operators
create function herald.notify_route_explain(recipient text, channel text, category text default null)
returns table (provider text, "position" integer, route text, eligible boolean, reason text, address text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel constant herald.channel := herald.check_channel(channel);
    v_devices constant boolean := v_channel in ('push', 'chat', 'webhook');
begin
    perform herald.check_recipient(recipient);
    if category is not null then
        perform herald.check_category(category);
    end if;
    return query
    select c.provider,
           (row_number() over (partition by c.device order by c.reason is not null, c.place,
                                   c.suspect, c.registered_at desc, c.token desc, c.turn desc,
                                   c.provider))::integer as "position",
           c.route, c.reason is null, coalesce(c.reason, c.note), c.address
      from (select p.name as provider, t.device, t.route, coalesce(o.place, p.rank) as place,
                   k.state = 'suspect' as suspect, k.registered_at, k.id as token,
                   herald.bucket(p.name || ' ' || notify_route_explain.recipient) as turn,
                   coalesce(k.issuer || ' ' || herald.token_hint(k.token), t.address) as address,
                   case when not p.enabled then 'disabled'
                        when t.route is not null and o.place is null then 'not in the route'
                        when v_devices and t.device is null then 'no device'
                        when v_devices and k.id is null then 'no token that it serves'
                        when not v_devices and t.address is null then 'no address'
                        when h.state = 'paused' then concat_ws(' ', 'paused', 'until ' || h.until::text)
                                                     || ': ' || h.reason
                        when h.state = 'open' and not exists (
                             select from herald.provider_state s
                               join herald.dispatcher d on d.epoch = s.epoch and d.gone_at is null
                              where s.provider = p.name and s.state <> 'open')
                        then format('circuit open since %s: %s', h.since, h.reason) end as reason,
                   case when h.state in ('open', 'probing')
                        then format('circuit %s since %s: %s', h.state, h.since, h.reason) end as note
              from herald.route_target(notify_route_explain.recipient, v_channel,
                                       notify_route_explain.category) t
              join herald.provider p on p.channel = v_channel
              left join herald.route x on x.name = t.route
              left join herald.route_order(x.providers, x.weights, notify_route_explain.recipient) o
                on o.provider = p.name
              left join lateral (
                   select k.* from herald.device_token k
                    where k.device = t.device
                      and k.bucket = herald.bucket(notify_route_explain.recipient)
                      and k.state <> 'retired' and k.issuer = p.kind
                      and (p.settings ->> 'app' = k.app) is not false
                      and (p.settings ->> 'environment' = k.environment) is not false
                    order by k.state = 'suspect', k.registered_at desc, k.id desc limit 1) k on true
              join herald.provider_health h on h.provider = p.name
           ) c
     order by c.device, 2;
end
$$;
comment on function herald.notify_route_explain(text, text, text) is
    'Which accounts would be tried now for a recipient, in order, and why not others';
