-- notify_template_part: sets one part of a template's draft. Without a draft the next version begins as a
-- copy of the latest one.
-- Parameters: template; channel; part - see channel_parts; source - Liquid, null removes the part;
--             locale - '' is the default
-- Returns: the draft's version · Writes: template_version, template_part · Called by: operators
create function herald.notify_template_part(
    template text, channel text, part text, source text, locale text default '')
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_uses text[] := '{}';
    v_latest integer;
    v_published timestamptz;
begin
    perform herald.check_template(template);
    perform herald.check_part(channel, part);
    if locale is null then
        raise exception using errcode = '22004', message = 'locale must not be null';
    end if;
    perform herald.check_locale(locale);
    if part = 'translations' then
        perform herald.check_translations(source);
    elsif source is not null then
        v_uses := herald.template_check(source, part);
    end if;

    perform from herald.template t where t.name = notify_template_part.template for update;
    select v.version, v.published_at into v_latest, v_published
      from herald.template_version v
     where v.template = notify_template_part.template
     order by v.version desc limit 1;
    if v_latest is null or v_published is not null then
        insert into herald.template_version (template, version)
        values (notify_template_part.template, coalesce(v_latest, 0) + 1);
        insert into herald.template_part (template, version, channel, locale, part, source, uses)
        select p.template, v_latest + 1, p.channel, p.locale, p.part, p.source, p.uses
          from herald.template_part p
         where p.template = notify_template_part.template and p.version = v_latest;
        v_latest := coalesce(v_latest, 0) + 1;
    end if;
    if source is null then
        delete from herald.template_part p
         where p.template = notify_template_part.template and p.version = v_latest
           and p.channel = notify_template_part.channel and p.locale = notify_template_part.locale
           and p.part = notify_template_part.part;
    else
        insert into herald.template_part (template, version, channel, locale, part, source, uses)
        values (notify_template_part.template, v_latest, notify_template_part.channel,
                notify_template_part.locale, notify_template_part.part, notify_template_part.source, v_uses)
        on conflict on constraint template_part_pkey do update
           set source = excluded.source, uses = excluded.uses;
    end if;
    return v_latest;
end
$$;
comment on function herald.notify_template_part(text, text, text, text, text) is
    'Sets (or with a null source removes) one part of a template''s draft; returns the draft''s version';
