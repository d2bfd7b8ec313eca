-- schema: the schema of the extension. It is made here and never adopted: objects inside a schema that
-- somebody else made could be replaced by that owner.
do $$
begin
    if current_setting('server_encoding') <> 'UTF8' then
        raise exception using
            errcode = '0A000',
            message = 'pg_herald needs a database with encoding UTF8',
            detail = format('The encoding of this database is %s.', current_setting('server_encoding')),
            hint = 'Create a database with encoding ''UTF8'' and template template0.';
    end if;
    if exists (select from pg_catalog.pg_namespace where nspname = 'herald') then
        raise exception using
            errcode = '42P06',
            message = 'schema "herald" already exists',
            detail = format('It is owned by %s; pg_herald does not adopt a schema that it has not made.',
                            (select quote_ident(pg_catalog.pg_get_userbyid(nspowner))
                               from pg_catalog.pg_namespace where nspname = 'herald')),
            hint = 'Rename or drop that schema first.';
    end if;
end
$$;
create schema herald;
comment on schema herald is 'Transactional notifications';
