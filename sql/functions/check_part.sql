-- check_part: refuses parts that no template has.
-- Parameters: channel - a channel or "shared"; part - see channel_parts
-- Returns: nothing · Writes: nothing · Called by: notify_template_part
create function herald.check_part(channel text, part text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('channel', channel, 63);
    if not exists (select from herald.channel_parts() p where p.channel = check_part.channel) then
        perform herald.refuse_unknown('channel', channel,
            array(select distinct p.channel from herald.channel_parts() p));
    end if;
    perform herald.check_text('part', part, 63);
    if not exists (select from herald.channel_parts() p
                    where p.channel = check_part.channel and p.part = check_part.part)
    then
        perform herald.refuse_unknown(format('part of channel %s', channel), part,
            array(select p.part from herald.channel_parts() p where p.channel = check_part.channel));
    end if;
end
$$;
comment on function herald.check_part(text, text) is 'Refuses parts that no template has';
