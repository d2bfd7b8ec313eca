-- append_only: refuses to change or delete rows, whoever asks.
-- Writes: nothing · Called by: a statement trigger on template_history
create function herald.append_only() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using errcode = '42501',
        message = format('rows of %I.%I cannot be changed or deleted', tg_table_schema, tg_table_name),
        hint = 'It is a record of what happened; rows are only added.';
end
$$;
comment on function herald.append_only() is 'Refuses update, delete and truncate';
create trigger append_only before update or delete or truncate on herald.template_history
    for each statement execute function herald.append_only();
-- Also in sessions that switch triggers off with session_replication_role.
alter table herald.template_history enable always trigger append_only;
