-- phone_admit: counts a message to a phone number, unless a limit is reached.
-- Parameters: phone - E.164
-- Returns: null, or the first limit by name that is reached · Writes: phone_usage · Called by: claim
-- A window slides: of the one before counts the part that is still in sight, as if its messages had been spread
-- evenly. Claims that count wait for each other, so that no limit is passed by two at a time.
create function herald.phone_admit(phone text) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_names text[];
    v_numbers bytea[];
    v_starts timestamptz[];
    v_full text;
begin
    perform pg_advisory_xact_lock(1214606916, -9);
    select array_agg(l.name), array_agg(n.number), array_agg(w.start),
           min(l.name) filter (where coalesce(u.count, 0) + coalesce(b.count, 0)
                   * (1 - extract(epoch from v_now - w.start) / l.window_s) + 1 > l.max)
      into v_names, v_numbers, v_starts, v_full
      from herald.phone_limit l
     cross join lateral (select case when l.per_number then sha256(convert_to(phone, 'UTF8'))
                                     else '' end) n(number)
     cross join lateral (select date_bin(make_interval(secs => l.window_s), v_now, '2000-01-01 00:00+00')) w(start)
      left join herald.phone_usage u
             on u.phone_limit = l.name and u.number = n.number and u.window_start = w.start
      left join herald.phone_usage b
             on b.phone_limit = l.name and b.number = n.number
            and b.window_start = w.start - make_interval(secs => l.window_s)
     where exists (select from unnest(l.prefixes) p where starts_with(phone, p))
       and not exists (select from unnest(l.excluded) p where starts_with(phone, p));
    if v_full is null then
        insert into herald.phone_usage as u (phone_limit, number, window_start, count)
        select m.name, m.number, m.start, 1 from unnest(v_names, v_numbers, v_starts) m(name, number, start)
        on conflict on constraint phone_usage_pkey do update set count = u.count + 1;
    end if;
    return v_full;
end
$$;
comment on function herald.phone_admit(text) is
    'Counts a message to a phone number; the name of the limit that is reached, or null';
