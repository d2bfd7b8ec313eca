-- template_path: the file that holds a part, inside of the template's folder.
-- Parameters: channel; part; locale - '' and null for the default
-- Returns: as sms.text.liquid or shared.translations.de.json · Writes: nothing
-- Called by: notify_template_export, template_file
create function herald.template_path(channel text, part text, locale text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws('.', channel, part, nullif(locale, ''),
                     case part when 'translations' then 'json' else 'liquid' end)
$$;
comment on function herald.template_path(text, text, text) is 'The file that holds a part of a template';
