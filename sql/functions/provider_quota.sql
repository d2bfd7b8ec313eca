-- provider_quota: a dispatcher takes some of the requests that an account may make today.
-- Parameters: epoch - of this dispatcher; provider - name of the account; max_per_day - its limit;
--             wanted - requests; below 0: so many of those taken today are given back
-- Returns: granted - at most wanted, 0 when nothing is left; day_ends_us - until when they hold, microseconds
--          from now · Writes: provider_usage · Called by: dispatchers
create function herald.provider_quota(epoch bigint, provider text, max_per_day bigint, wanted bigint,
                                      out granted bigint, out day_ends_us bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_day constant date := (clock_timestamp() at time zone 'UTC')::date;
    v_taken bigint;
begin
    if not herald.dispatcher_alive(epoch) then
        raise exception using errcode = '55000', message = format('epoch %s is gone', epoch),
            hint = 'Start a new one with herald.dispatcher_start().';
    end if;
    day_ends_us := herald.unix_us((v_day + 1)::timestamp at time zone 'UTC')
                   - herald.unix_us(clock_timestamp());
    insert into herald.provider_usage (provider, day, taken)
    values (provider_quota.provider, v_day, 0)
    on conflict do nothing;
    select u.taken into v_taken
      from herald.provider_usage u
     where u.provider = provider_quota.provider and u.day = v_day
       for update;
    granted := case when wanted < 0 then greatest(wanted, -v_taken)
                    else greatest(least(wanted, max_per_day - v_taken), 0) end;
    if granted <> 0 then
        update herald.provider_usage u
           set taken = u.taken + granted
         where u.provider = provider_quota.provider and u.day = v_day;
    end if;
end
$$;
comment on function herald.provider_quota(bigint, text, bigint, bigint) is
    'A dispatcher takes some of the requests that an account may make today';
