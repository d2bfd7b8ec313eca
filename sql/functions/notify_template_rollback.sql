-- notify_template_rollback: makes an earlier (or later) published version the one that sends use.
-- Parameters: template; version - a published one
-- Returns: the version · Writes: template, template_history · Called by: operators, authors
create function herald.notify_template_rollback(template text, version integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from integer;
begin
    perform herald.check_template_privilege(template, 'publish');
    perform herald.check_template(template);
    if version is null then
        raise exception using errcode = '22004', message = 'version must not be null';
    end if;
    select t.published_version into v_from
      from herald.template t where t.name = notify_template_rollback.template for update;
    perform from herald.template_version v
      where v.template = notify_template_rollback.template
        and v.version = notify_template_rollback.version and v.published_at is not null;
    if not found then
        raise exception using errcode = '22023',
            message = format('template "%s" has no published version %s', template, version),
            hint = coalesce('Published: ' ||
                (select string_agg(v.version::text, ', ' order by v.version)
                   from herald.template_version v
                  where v.template = notify_template_rollback.template
                    and v.published_at is not null) || '.', 'None of its versions is published.');
    end if;
    update herald.template t
       set published_version = notify_template_rollback.version, updated_at = now()
     where t.name = notify_template_rollback.template;
    perform herald.template_index(template);
    perform herald.template_log(template, version, 'rollback', jsonb_build_object('from', v_from));
    return version;
end
$$;
comment on function herald.notify_template_rollback(text, integer) is
    'Makes another published version of a template the one that sends use';
