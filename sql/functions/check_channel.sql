-- check_channel: turns the name of a channel into herald.channel.
-- Parameters: name - as given
-- Returns: the channel · Writes: nothing · Called by: functions that take a channel
create function herald.check_channel(name text) returns herald.channel
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('channel', name, 63);
    if name <> all (enum_range(null::herald.channel)::text[]) then
        perform herald.refuse_unknown('channel', name, enum_range(null::herald.channel)::text[]);
    end if;
    return name::herald.channel;
end
$$;
comment on function herald.check_channel(text) is 'The channel of that name; refuses unknown ones';
