-- route_target: to what a recipient's deliveries of a channel go, one row a delivery, and which route
-- decides about each.
-- Parameters: recipient - that exists; channel; category - may be null
-- Returns: device and address (null: there is none), route (null: no row matches) · Writes: nothing
-- Called by: notify_route_explain
create function herald.route_target(recipient text, channel herald.channel, category text)
returns table (device uuid, address text, route text)
language sql stable rows 2
set search_path = pg_catalog, pg_temp
as $$
    select d.id,
           case when route_target.channel = 'email' then r.email
                when route_target.channel in ('sms', 'voice') then r.phone end,
           (select o.name
              from herald.route o
             where o.enabled and o.channel = route_target.channel
               and herald.route_matches(o.match, c.country, d.kind::text, route_target.category,
                                        r.attributes)
             order by o.position, o.name limit 1)
      from herald.recipient r
     cross join lateral (
           select herald.recipient_country(r.attributes, r.region,
                      case when route_target.channel in ('sms', 'voice') then r.phone end, r.locale)
           offset 0) c(country)
      left join herald.device d
        on d.recipient = r.id and d.bucket = r.bucket
       and case route_target.channel when 'push' then d.kind in ('ios', 'android', 'web', 'topic')
                                     else d.kind::text = route_target.channel::text end
       and exists (select from herald.device_token t
                    where t.device = d.id and t.bucket = d.bucket and t.state <> 'retired')
     where r.id = route_target.recipient and r.bucket = herald.bucket(route_target.recipient)
$$;
comment on function herald.route_target(text, herald.channel, text) is
    'To what a recipient''s deliveries of a channel go, and which route decides';
