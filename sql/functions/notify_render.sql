-- notify_render: renders one channel of a template as a send would.
-- Parameters: template; channel - or "shared"; data - null: that of the sample; locale - '' for the recipient's, the
--             sample's or the default; recipient - whose attributes to use, may be null, operators only;
--             version - null for the published one, drafts allowed; sample - its name; mode - null: the
--             template's
-- Returns: one row a part · Writes: nothing · Called by: operators, authors
create function herald.notify_render(
    template text, channel text, data jsonb default '{}', locale text default '',
    recipient text default null, version integer default null, sample text default 'sample',
    mode text default null)
returns table (part text, content text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_template herald.template;
    v_recipient herald.recipient;
    v_sample herald.template_sample;
    v_version integer := version;
    v_locale text;
begin
    perform herald.check_template_privilege(template);
    if recipient is not null and not pg_has_role(session_user, 'herald_operator', 'member') then
        raise exception using errcode = '42501',
            message = 'only operators may use the attributes of a recipient',
            hint = 'Give them in a sample, as member "recipient" of its data.';
    end if;
    perform herald.check_template(template);
    if channel is distinct from 'shared' then
        perform herald.check_channel(channel);
    end if;
    perform herald.check_mode(mode);
    if data is null then
        v_sample := herald.sample_find(template, sample);
    else
        perform herald.check_json('data', data, 1048576, 64);
    end if;
    if locale is null then
        raise exception using errcode = '22004', message = 'locale must not be null';
    end if;
    perform herald.check_locale(locale);
    if recipient is not null then
        perform herald.check_recipient(recipient);
        select r.* into v_recipient from herald.recipient r
         where r.id = notify_render.recipient and r.bucket = herald.bucket(notify_render.recipient);
    end if;
    v_locale := coalesce(nullif(locale, ''), v_recipient.locale, v_sample.locale, '');
    select t.* into v_template from herald.template t where t.name = notify_render.template;
    if v_version is null then
        v_version := v_template.published_version;
        if v_version is null then
            raise exception using errcode = '55000',
                message = format('template "%s" has no published version', template),
                hint = 'Publish it with herald.notify_template_publish(), or name a version.';
        end if;
    elsif not exists (select from herald.template_version v
                       where v.template = notify_render.template and v.version = v_version)
    then
        raise exception using errcode = '22023',
            message = format('template "%s" has no version %s', template, v_version);
    end if;
    return query
        select r.part, r.content
          from herald.render_template(notify_render.template, v_version, notify_render.channel, v_locale,
                   herald.template_variables(
                       herald.fill_variables(
                           (select v.variables from herald.template_version v
                             where v.template = v_template.name and v.version = v_version),
                           coalesce(notify_render.data, v_sample.data - 'recipient'), v_template.name,
                           v_version),
                       coalesce(v_recipient.attributes, herald.sample_attributes(v_sample.data)),
                       v_recipient.id, v_locale, v_recipient.timezone,
                       '00000000-0000-0000-0000-000000000000', v_template.name, v_template.category),
                   now(), v_recipient.timezone, true, notify_render.mode) r;
    if not found then
        raise exception using errcode = '22023',
            message = format('template "%s" version %s has no parts for channel "%s"',
                             template, v_version, channel);
    end if;
end
$$;
comment on function herald.notify_render(text, text, jsonb, text, text, integer, text, text) is
    'Renders one channel of a template as a send would, one row a part';
