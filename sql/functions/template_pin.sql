-- template_pin: keeps a draft to the versions of shared templates that are published now.
-- Parameters: template; version - a draft
-- Returns: nothing, raises 55000 when one is not there · Writes: template_use
-- Called by: notify_template_publish
create function herald.template_pin(template text, version integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text;
begin
    select c.used into v_missing
      from herald.template_closure(template_pin.template, template_pin.version) c
     where c.used_version is null
     order by c.used limit 1;
    if found then
        raise exception using errcode = '55000',
            message = format('template "%s" version %s uses "%s", which is not published',
                             template, version, v_missing),
            hint = coalesce(
                (select format('Publish "%s" first: what is shared are its parts of channel shared.', t.name)
                   from herald.template t where t.name = v_missing),
                'Did you mean "' || herald.nearest_name(v_missing, array(
                    select distinct p.template from herald.template_part p where p.channel = 'shared')) || '"?',
                'Make it with herald.notify_template() and herald.notify_template_part(…, ''shared'', ''body'', …).');
    end if;
    insert into herald.template_use (template, version, used, used_version)
    select template_pin.template, template_pin.version, c.used, c.used_version
      from herald.template_closure(template_pin.template, template_pin.version) c;
end
$$;
comment on function herald.template_pin(text, integer) is
    'Keeps a draft to the versions of shared templates that are published now';
