-- roles: group roles without login; grant them to the logins of applications, daemons and people.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['herald_sender', 'herald_dispatcher', 'herald_gateway',
                                  'herald_operator', 'herald_author', 'herald_analyst']
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception when duplicate_object or unique_violation then
                null; -- made by another database's install at this moment
            end;
        end if;
        if exists (select from pg_catalog.pg_roles
                    where rolname = v_role and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb))
        then
            raise exception using
                errcode = '42501',
                message = format('role "%s" exists with more rights than pg_herald gives it', v_role),
                hint = 'Remove superuser, bypassrls, createrole and createdb from it, or rename it.';
        end if;
    end loop;
end
$$;
