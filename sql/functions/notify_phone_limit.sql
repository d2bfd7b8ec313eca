-- notify_phone_limit: limits the messages to phone numbers, or replaces that limit: against being made to send
-- to numbers that cost much.
-- Parameters: name; max - messages (sms and voice) in any window, 0: none at all; "window" - 1 second to 31 days;
--             country - ISO 3166 code of the numbers, null: any; prefix - their first digits with the plus, null:
--             any; per_number - whether each number is counted for itself, else all of them together
-- Returns: nothing · Writes: phone_limit · Called by: operators
create function herald.notify_phone_limit(
    name text, max integer, "window" interval default '1 hour', country text default null,
    prefix text default null, per_number boolean default false)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_country constant text := upper(country);
    v_prefixes text[] := array[coalesce(prefix, '+')];
    v_excluded text[] := '{}';
begin
    perform herald.check_name('name', name);
    if max is null or "window" is null or per_number is null then
        raise exception using errcode = '22004', message = format('%s must not be null',
            case when max is null then 'max' when per_number is null then 'per_number' else 'window' end);
    end if;
    if max not between 0 and 1000000000 then
        raise exception using errcode = '22023', message = 'max must lie between 0 and 1000000000',
            detail = format('It is %s.', max);
    end if;
    if "window" not between '1 second' and '31 days' then
        raise exception using errcode = '22023', message = 'window must lie between 1 second and 31 days',
            detail = format('It is %s.', "window");
    end if;
    if country is not null and prefix is not null then
        raise exception using errcode = '22023', message = 'country and prefix exclude each other',
            hint = 'A prefix tells the country: give one of them.';
    end if;
    if prefix !~ '^\+[1-9][0-9]{0,14}$' then
        raise exception using errcode = '22023', message = 'prefix is not the beginning of an E.164 number',
            detail = format('It is %s.', to_json(left(prefix, 64))),
            hint = 'Write "+" and the first digits, such as +37120.';
    end if;
    if v_country is not null then
        select array_agg('+' || c.digits order by c.digits) into v_prefixes
          from herald.calling_codes() c where c.country = v_country;
        if v_prefixes is null then
            raise exception using errcode = '22023', message = 'country has no phone numbers of its own',
                detail = format('It is %s.', to_json(left(country, 64))),
                hint = 'Write an ISO 3166 code, such as LV.';
        end if;
        select coalesce(array_agg('+' || c.digits order by c.digits), '{}') into v_excluded
          from herald.calling_codes() c
         where c.country <> v_country
           and exists (select from unnest(v_prefixes) p(prefix)
                        where starts_with('+' || c.digits, p.prefix) and '+' || c.digits <> p.prefix);
    end if;
    insert into herald.phone_limit (name, country, prefix, prefixes, excluded, per_number, max, window_s)
    values (notify_phone_limit.name, v_country, notify_phone_limit.prefix, v_prefixes, v_excluded,
            notify_phone_limit.per_number, notify_phone_limit.max,
            ceil(extract(epoch from notify_phone_limit."window"))::integer)
    on conflict on constraint phone_limit_pkey do update
       set country = excluded.country, prefix = excluded.prefix, prefixes = excluded.prefixes,
           excluded = excluded.excluded, per_number = excluded.per_number, max = excluded.max,
           window_s = excluded.window_s, updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_phone_limit(text, integer, interval, text, text, boolean) is
    'Limits the messages to phone numbers of a country, with a prefix, or to each number';
