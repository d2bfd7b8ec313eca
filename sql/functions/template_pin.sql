-- template_pin: keeps a draft to the versions of shared templates that are published now.
-- Parameters: template; version - a draft
-- Returns: nothing, raises 55000 when one is not there · Writes: template_use
-- Called by: notify_template_publish
create function herald.template_pin(template text, version integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_use record;
begin
    -- What is missing comes first.
    for v_use in
        select c.used, c.used_version
          from herald.template_closure(template_pin.template, template_pin.version) c
         order by c.used_version is not null, c.used
    loop
        if v_use.used_version is null then
            raise exception using errcode = '55000',
                message = format('template "%s" version %s uses "%s", which is not published',
                                 template, version, v_use.used),
                hint = coalesce(
                    (select format('Publish "%s" first: what is shared are its parts of channel shared.', t.name)
                       from herald.template t where t.name = v_use.used),
                    'Did you mean "' || herald.nearest_name(v_use.used, array(
                        select distinct p.template from herald.template_part p where p.channel = 'shared')) || '"?',
                    'Make it with herald.notify_template() and herald.notify_template_part(…, ''shared'', ''body'', …).');
        end if;
        insert into herald.template_use (template, version, used, used_version)
        values (template_pin.template, template_pin.version, v_use.used, v_use.used_version);
    end loop;
end
$$;
comment on function herald.template_pin(text, integer) is
    'Keeps a draft to the versions of shared templates that are published now';
