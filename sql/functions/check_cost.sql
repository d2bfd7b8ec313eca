-- check_cost: refuses costs that are none.
-- Parameters: cost, currency - both null: unknown
-- Returns: nothing · Writes: nothing · Called by: notify_provider
create function herald.check_cost(cost numeric, currency text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if (cost is null) <> (currency is null) then
        raise exception using errcode = '22023', message = 'cost and currency belong together',
            detail = format('%s is null.', case when cost is null then 'cost' else 'currency' end),
            hint = 'Give both, or none when the cost is unknown.';
    end if;
    if cost not between 0 and 100000 or cost <> round(cost, 6) then
        raise exception using errcode = '22023',
            message = 'cost must lie between 0 and 100000, with at most six decimals',
            detail = format('It is %s.', left(cost::text, 64));
    end if;
    if currency !~ '^[A-Z]{3}$' then
        raise exception using errcode = '22023', message = 'currency is not a code of ISO 4217',
            detail = format('It is "%s".', left(currency, 64)), hint = 'Write it like EUR.';
    end if;
end
$$;
comment on function herald.check_cost(numeric, text) is 'Refuses costs that are none';
