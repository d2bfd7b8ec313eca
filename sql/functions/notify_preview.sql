-- notify_preview: what one real recipient would get, over every channel of the published template.
-- Parameters: template; recipient; data - null: that of the sample; sample - its name; mode - null: the
--             version's
-- Returns: one row a channel and part; problem says why it would not be sent or does not render;
--          segments - parts that the text of an SMS takes
-- Writes: nothing · Called by: operators
create function herald.notify_preview(
    template text, recipient text, data jsonb default '{}', sample text default 'sample',
    mode text default null)
returns table (channel text, address text, part text, content text, problem text,
               segments integer)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_template herald.template;
    v_recipient herald.recipient;
    v_data jsonb := data;
    v_max_segments integer;
begin
    perform herald.check_template(template);
    perform herald.check_recipient(recipient);
    perform herald.check_mode(mode);
    if data is null then
        v_data := (herald.sample_find(template, sample)).data - 'recipient';
    end if;
    perform herald.check_json('data', v_data, 1048576, 64);
    select t.* into v_template from herald.template t where t.name = notify_preview.template;
    if v_template.published_version is null then
        raise exception using errcode = '55000',
            message = format('template "%s" has no published version', template),
            hint = 'Publish it with herald.notify_template_publish().';
    end if;
    select c.max_segments into v_max_segments from herald.category c where c.name = v_template.category;
    v_data := herald.fill_variables(
        (select v.variables from herald.template_version v
          where v.template = v_template.name and v.version = v_template.published_version),
        v_data, v_template.name, v_template.published_version);
    select r.* into v_recipient from herald.recipient r
     where r.id = notify_preview.recipient and r.bucket = herald.bucket(notify_preview.recipient);
    return query
        select a.channel::text, a.address, p.part, p.content,
               coalesce(a.reason, p.problem,
                        case when s.segments > v_max_segments then 'too_many_segments' end),
               s.segments
          from herald.recipient_address(v_recipient.id, v_template.category,
                   array(select distinct tp.channel::herald.channel from herald.template_part tp
                          where tp.template = v_template.name
                            and tp.version = v_template.published_version
                            and tp.channel <> 'shared')) a
         cross join lateral herald.render_template(v_template.name, v_template.published_version,
                   a.channel::text, coalesce(v_recipient.locale, ''),
                   herald.template_variables(v_data, v_recipient.attributes,
                       v_recipient.id, v_recipient.locale, v_recipient.timezone,
                       '00000000-0000-0000-0000-000000000000', v_template.name, v_template.category),
                   now(), v_recipient.timezone, false, notify_preview.mode) p
          left join lateral herald.sms_segments(p.content) s on a.channel = 'sms' and p.part = 'text'
         order by a.channel, p.part;
end
$$;
comment on function herald.notify_preview(text, text, jsonb, text, text) is
    'What one real recipient would get over every channel of a template, and what would not be sent';
