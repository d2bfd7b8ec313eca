-- template_republish: publishes what uses a shared template anew, so that it gets its new version.
-- Parameters: template - shared; comment - of the new versions
-- Returns: nothing, raises 55000 when one has a draft · Writes: what notify_template_publish writes
-- Called by: notify_template_publish
create function herald.template_republish(template text, comment text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dependent text;
begin
    -- What uses another template uses all that one does, and one more: so that comes first.
    for v_dependent in
        select d.template
          from herald.template_dependency d
         where d.current and d.used = template_republish.template and d.template <> d.used
         order by (select count(*) from herald.template_use u
                    where u.template = d.template and u.version = d.version), d.template
    loop
        perform from herald.template t where t.name = v_dependent for update;
        if exists (select from herald.template_version v
                    where v.template = v_dependent and v.published_at is null)
        then
            raise exception using errcode = '55000',
                message = format('template "%s" uses "%s" and has a draft', v_dependent, template),
                hint = 'Publish it, or discard it with herald.notify_template_discard(), and try again.';
        end if;
        perform herald.template_draft(v_dependent);
        perform herald.notify_template_publish(v_dependent, comment);
    end loop;
end
$$;
comment on function herald.template_republish(text, text) is
    'Publishes the templates that use a shared template anew';
