-- notify_template_publish: makes the draft the version that sends use; from then on it never changes.
-- Parameters: template; comment - what changed; dependents - publish what uses it anew, too
-- Returns: the version · Writes: template, template_version, template_use, template_history
-- Called by: operators, authors
create function herald.notify_template_publish(
    template text, comment text default '', dependents boolean default false)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
    v_part record;
begin
    perform herald.check_template_privilege(template, 'publish');
    perform herald.check_template(template);
    if comment is null or dependents is null then
        raise exception using errcode = '22004',
            message = format('%s must not be null', case when comment is null then 'comment' else 'dependents' end);
    end if;
    if octet_length(comment) > 4096 then
        raise exception using errcode = '54000', message = 'comment is longer than 4096 bytes';
    end if;
    perform from herald.template t where t.name = notify_template_publish.template for update;
    select v.version into v_version
      from herald.template_version v
     where v.template = notify_template_publish.template and v.published_at is null;
    if v_version is null
       or not exists (select from herald.template_part p
                       where p.template = notify_template_publish.template and p.version = v_version)
    then
        raise exception using errcode = '55000',
            message = format('template "%s" has no draft to publish', template),
            hint = 'Change a part with herald.notify_template_part() first.';
    end if;

    for v_part in
        select needed.channel, needed.required
          from (select distinct p.channel, p.required from herald.channel_parts() p
                 where p.required is not null) needed
         where exists (select from herald.template_part p
                        where p.template = notify_template_publish.template
                          and p.version = v_version and p.channel = needed.channel)
           and not exists (select from herald.template_part p
                             join herald.channel_parts() a using (channel, part)
                            where p.template = notify_template_publish.template
                              and p.version = v_version and p.locale = ''
                              and p.channel = needed.channel and a.required = needed.required)
         order by needed.channel, needed.required limit 1
    loop
        raise exception using errcode = '22023',
            message = format('template "%s": channel %s has no %s in the default locale',
                             template, v_part.channel, v_part.required),
            hint = 'Each channel needs its required parts with locale ''''; other locales fall back to it.';
    end loop;

    perform herald.template_pin(template, v_version);
    for v_part in
        select distinct p.channel, l.locale
          from herald.template_part p,
               (select p.locale from herald.template_part p
                 where p.template = notify_template_publish.template and p.version = v_version
                union
                select p.locale
                  from herald.template_closure(notify_template_publish.template, v_version) c
                  join herald.template_part p
                    on p.template = c.used and p.version = c.used_version and p.channel = 'shared') l
         where p.template = notify_template_publish.template and p.version = v_version
         order by p.channel, l.locale
    loop
        perform herald.template_compile(template, v_version, v_part.channel, v_part.locale);
    end loop;

    update herald.template_version v
       set published_at = now(), published_by = session_user,
           comment = notify_template_publish.comment,
           mode = (select t.mode from herald.template t where t.name = notify_template_publish.template),
           tracking_url = herald.setting_value('tracking_url'),
           object_base_url = herald.setting_value('object_base_url')
     where v.template = notify_template_publish.template and v.version = v_version;
    update herald.template t
       set published_version = v_version, updated_at = now()
     where t.name = notify_template_publish.template;
    perform herald.template_index(template);
    perform herald.template_log(template, v_version, 'publish', jsonb_build_object('comment', comment));
    if dependents then
        perform herald.template_republish(template, comment);
    end if;
    return v_version;
end
$$;
comment on function herald.notify_template_publish(text, text, boolean) is
    'Makes the draft of a template the version that sends use; returns it';
