-- recipient_address: by channel the address that a send would use now, or why it would not be sent.
-- Parameters: recipient; category - may be null; channels
-- Returns: one row a channel; device tokens are shortened · Writes: nothing · Called by: notify_preview
create function herald.recipient_address(recipient text, category text, channels herald.channel[])
returns table (channel herald.channel, address text, reason text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.channel, a.address,
           case when c.channel = 'inapp' then 'not_available'
                when a.address is null then 'no_address'
                when not coalesce(g.mandatory, true)
                     and exists (select from herald.preference p
                                  where p.recipient = r.id and p.bucket = r.bucket
                                    and p.category = recipient_address.category
                                    and p.channel = c.channel and not p.enabled) then 'opted_out'
                when d.only_topics and not coalesce(g.topics, false) then 'topic_not_allowed'
                when exists (select from herald.suppression s
                              where s.recipient = r.id and s.bucket = r.bucket
                                and s.channel = c.channel and s.address = a.address)
                then 'address_suppressed' end
      from herald.recipient r
     cross join unnest(recipient_address.channels) c(channel)
      left join herald.category g on g.name = recipient_address.category
     cross join lateral (
            select string_agg(t.issuer || ' ' || herald.token_hint(t.token), ', ' order by d.id, t.id),
                   bool_and(d.kind = 'topic')
              from herald.device d
              join herald.device_token t on t.device = d.id and t.bucket = d.bucket
             where d.recipient = r.id and d.bucket = r.bucket and t.state <> 'retired'
               and case c.channel when 'push' then d.kind in ('ios', 'android', 'web', 'topic')
                                  else d.kind::text = c.channel::text end) d(address, only_topics)
     cross join lateral (
            select case when c.channel = 'email' then r.email
                        when c.channel in ('sms', 'voice') then r.phone
                        else d.address end) a(address)
     where r.id = recipient_address.recipient and r.bucket = herald.bucket(recipient_address.recipient)
$$;
comment on function herald.recipient_address(text, text, herald.channel[]) is
    'By channel the address that a send would use now, or the reason why it would not be sent';
