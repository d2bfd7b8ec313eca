-- check_cheapest: refuses an order of channels that is none.
-- Parameters: cheapest - null: no order; wait; channels - of the category, null: those of cheapest
-- Returns: nothing · Writes: nothing · Called by: notify_category
create function herald.check_cheapest(cheapest text[], wait interval, channels text[]) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if (cheapest is null) <> (wait is null) then
        raise exception using errcode = '22023', message = 'cheapest and wait belong together',
            detail = format('%s is null.', case when cheapest is null then 'cheapest' else 'wait' end),
            hint = 'Give both, or none to use all channels at once.';
    end if;
    if cardinality(cheapest) not between 2 and 7
       or cardinality(cheapest) <> (select count(distinct c) from unnest(cheapest) c) then
        raise exception using errcode = '22023',
            message = 'cheapest must name two or more different channels',
            detail = format('It is %s.', left(cheapest::text, 64)),
            hint = 'The first is used at once, each other one when those before were not confirmed.';
    end if;
    perform herald.check_channel(c) from unnest(cheapest) c;
    if not cheapest <@ channels then
        raise exception using errcode = '22023', message = 'channels must contain those of cheapest',
            hint = 'Leave channels out to use no others.';
    end if;
    if wait not between interval '1 second' and interval '7 days' then
        raise exception using errcode = '22023', message = 'wait must lie between 1 second and 7 days',
            detail = format('It is %s.', wait);
    end if;
end
$$;
comment on function herald.check_cheapest(text[], interval, text[]) is
    'Refuses an order of channels that is none';
