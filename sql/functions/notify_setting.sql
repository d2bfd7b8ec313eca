-- notify_setting: changes a setting of this database.
-- Parameters: name; value - null: back to the default
-- Returns: nothing · Writes: setting · Called by: operators
create function herald.notify_setting(name text, value text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_known record;
begin
    select * into v_known from herald.setting_default() d where d.name = notify_setting.name;
    if not found then
        perform herald.refuse_unknown('setting', name,
                                      (select array_agg(d.name) from herald.setting_default() d));
    end if;
    if value is null then
        delete from herald.setting s where s.name = notify_setting.name;
        return;
    end if;
    if v_known.low is null then
        perform herald.check_url(name, value, '{https,http}');
        if value ~ '[?]|/$' then
            raise exception using
                errcode = '22023',
                message = format('setting %s must have no query and not end in a slash', name);
        end if;
    elsif value !~ '^[0-9]{1,15}$' or value::bigint not between v_known.low and v_known.high then
        raise exception using
            errcode = '22023',
            message = format('setting %s must be a whole number between %s and %s', name,
                             v_known.low, v_known.high),
            detail = format('It is "%s".', left(value, 64));
    end if;
    insert into herald.setting as s (name, value) values (name, value)
        on conflict on constraint setting_pkey
        do update set value = excluded.value, updated_at = now();
end
$$;
comment on function herald.notify_setting(text, text) is
    'Changes a setting of this database; null puts the default back';
