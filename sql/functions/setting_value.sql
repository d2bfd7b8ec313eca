-- setting_value: a setting as it is now.
-- Parameters: name
-- Returns: its value, the default when not set, null when unknown · Writes: nothing
-- Called by: maintenance
create function herald.setting_value(name text) returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
select coalesce(s.value, d.value)
  from herald.setting_default() d
  left join herald.setting s on s.name = d.name
 where d.name = setting_value.name;
$$;
comment on function herald.setting_value(text) is 'Value of a setting, its default when not set';
