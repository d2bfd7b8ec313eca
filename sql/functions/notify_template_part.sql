-- notify_template_part: sets one part of a template's draft. Without a draft the next version begins as a
-- copy of the latest one.
-- Parameters: template; channel; part - see channel_parts; source - Liquid, null removes the part;
--             locale - '' is the default
-- Returns: the draft's version · Writes: template_version, template_part, template_history
-- Called by: operators, authors
create function herald.notify_template_part(
    template text, channel text, part text, source text, locale text default '')
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_uses text[] := '{}';
    v_draft integer;
    v_old text;
begin
    perform herald.check_template_privilege(template, 'edit');
    perform herald.check_template(template);
    perform herald.check_part(channel, part);
    if locale is null then
        raise exception using errcode = '22004', message = 'locale must not be null';
    end if;
    perform herald.check_locale(locale);
    if part = 'translations' then
        perform herald.check_translations(source);
    elsif source is not null then
        v_uses := herald.template_check(source, part, strict => not exists (
            select from herald.template t
             where t.name = notify_template_part.template and t.mode = 'lax'));
    end if;

    v_draft := herald.template_draft(template);
    select p.source into v_old from herald.template_part p
     where p.template = notify_template_part.template and p.version = v_draft
       and p.channel = notify_template_part.channel and p.locale = notify_template_part.locale
       and p.part = notify_template_part.part;
    if v_old is not distinct from source then
        return v_draft;
    end if;
    if source is null then
        delete from herald.template_part p
         where p.template = notify_template_part.template and p.version = v_draft
           and p.channel = notify_template_part.channel and p.locale = notify_template_part.locale
           and p.part = notify_template_part.part;
    else
        insert into herald.template_part (template, version, channel, locale, part, source, uses)
        values (notify_template_part.template, v_draft, notify_template_part.channel,
                notify_template_part.locale, notify_template_part.part, notify_template_part.source, v_uses)
        on conflict on constraint template_part_pkey do update
           set source = excluded.source, uses = excluded.uses;
    end if;
    perform herald.template_index(template, v_draft);
    perform herald.template_log(template, v_draft, case when source is null then 'part_remove' else 'part' end,
        jsonb_build_object('channel', channel, 'locale', locale, 'part', part,
                           'old', herald.text_hash(v_old), 'new', herald.text_hash(source)));
    return v_draft;
end
$$;
comment on function herald.notify_template_part(text, text, text, text, text) is
    'Sets (or with a null source removes) one part of a template''s draft; returns the draft''s version';
