-- template_latest: a version of a template that exists, by default the latest.
-- Parameters: template - that exists; version - null: the latest, a draft included
-- Returns: the version, raises 22023 or 55000 when there is none · Writes: nothing
-- Called by: notify_template_diff, notify_template_accept, notify_template_test, notify_template_export
create function herald.template_latest(template text, version integer) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
begin
    select max(v.version) into v_version from herald.template_version v
     where v.template = template_latest.template
       and v.version = coalesce(template_latest.version, v.version);
    if v_version is null and version is null then
        raise exception using errcode = '55000',
            message = format('template "%s" has no version yet', template),
            hint = 'Set a part with herald.notify_template_part().';
    elsif v_version is null then
        raise exception using errcode = '22023',
            message = format('template "%s" has no version %s', template, version);
    end if;
    return v_version;
end
$$;
comment on function herald.template_latest(text, integer) is
    'A version of a template that exists, by default the latest';
