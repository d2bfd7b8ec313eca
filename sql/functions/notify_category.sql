-- notify_category: makes a category or replaces its policy.
-- Parameters: name; description; channels - used when a send names none; mandatory - cannot be opted out
--             of; policy - at_least_once, at_most_once; max_attempts; max_age; max_queued, max_segments - null: any
--             number; topics - may be sent to devices of kind topic; cheapest - channels in order, the next
--             one only when the one before was not confirmed within wait; null: no order
-- Returns: nothing · Writes: category · Called by: operators
create function herald.notify_category(
    name text, description text default '', channels text[] default null,
    mandatory boolean default false, policy text default 'at_least_once',
    max_attempts integer default 12, max_age interval default '24 hours',
    max_queued integer default null, max_segments integer default null,
    topics boolean default false, cheapest text[] default null, wait interval default null)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_name('name', name);
    perform herald.check_description(description);
    if mandatory is null or max_attempts is null or max_age is null or topics is null then
        raise exception using errcode = '22004', message = format('%s must not be null',
            case when mandatory is null then 'mandatory' when max_age is null then 'max_age'
                 when topics is null then 'topics' else 'max_attempts' end);
    end if;
    perform herald.check_text('policy', policy, 63);
    if policy <> all (enum_range(null::herald.delivery_policy)::text[]) then
        perform herald.refuse_unknown('policy', policy, enum_range(null::herald.delivery_policy)::text[]);
    end if;
    if max_attempts not between 1 and 100 then
        raise exception using errcode = '22023', message = 'max_attempts must lie between 1 and 100',
            detail = format('It is %s.', max_attempts);
    end if;
    if max_age not between interval '1 second' and interval '30 days' then
        raise exception using errcode = '22023',
            message = 'max_age must lie between 1 second and 30 days',
            detail = format('It is %s.', max_age);
    end if;
    if max_queued not between 1 and 1000000000 then
        raise exception using errcode = '22023',
            message = 'max_queued must lie between 1 and 1000000000',
            detail = format('It is %s.', max_queued), hint = 'Null stands for any number.';
    end if;
    if max_segments not between 1 and 255 then
        raise exception using errcode = '22023',
            message = 'max_segments must lie between 1 and 255',
            detail = format('It is %s.', max_segments), hint = 'Null stands for any number.';
    end if;
    if cardinality(channels) not between 1 and 7 then
        raise exception using errcode = '22023',
            message = 'channels must name between 1 and 7 channels',
            hint = 'Null stands for the channels of the template.';
    end if;
    perform herald.check_cheapest(cheapest, wait, channels);
    insert into herald.category (name, description, channels, mandatory, policy, max_attempts, max_age,
                                 max_queued, max_segments, topics, cheapest, wait)
    values (notify_category.name, notify_category.description,
            (select array_agg(distinct herald.check_channel(c))
               from unnest(coalesce(notify_category.channels, notify_category.cheapest)) c),
            notify_category.mandatory, notify_category.policy::herald.delivery_policy,
            notify_category.max_attempts, notify_category.max_age, notify_category.max_queued,
            notify_category.max_segments, notify_category.topics,
            notify_category.cheapest::herald.channel[], notify_category.wait)
    on conflict on constraint category_pkey do update
       set description = excluded.description, channels = excluded.channels,
           mandatory = excluded.mandatory, policy = excluded.policy,
           max_attempts = excluded.max_attempts, max_age = excluded.max_age,
           max_queued = excluded.max_queued, max_segments = excluded.max_segments,
           topics = excluded.topics,
           cheapest = excluded.cheapest, wait = excluded.wait,
           is_full = category.is_full and excluded.max_queued is not null,
           updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_category(text, text, text[], boolean, text, integer, interval,
                                   integer, integer, boolean, text[], interval) is
    'Makes a category or replaces its policy';
