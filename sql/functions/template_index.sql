-- template_index: brings what a template is found by up to date: its name, tags, description and the texts of
-- the published version, without one of the latest.
-- Parameters: template - that exists; version - only when it is the one that is searched; null: anyway
-- Returns: nothing · Writes: template · Called by: functions that change templates
create function herald.template_index(template text, version integer default null) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
set client_min_messages = warning -- no notice of words that are too long
as $$
    update herald.template t
       set search = setweight(to_tsvector('simple', translate(t.name, '_-', '  ') || ' ' || translate(t.name, '._-', '   ')), 'A')
                 || setweight(to_tsvector('simple', translate(array_to_string(t.tags, ' '), '._-', '   ')), 'B')
                 || setweight(to_tsvector('simple', t.description), 'C')
                 || setweight(to_tsvector('simple', coalesce(
                        herald.template_text(t.name, herald.template_searched(t.name)), '')), 'D')
     where t.name = template_index.template
       and (template_index.version is null or template_index.version = herald.template_searched(t.name))
$$;
comment on function herald.template_index(text, integer) is 'Brings what a template is found by up to date';
