-- render_template: renders the parts of one channel with the engine that dispatchers use.
-- Parameters: template, version, channel, locale - as template_sources; variables - top-level variables;
--             at - the time templates see; timezone - in which they print it, null for UTC;
--             fail - raise the first error instead of reporting it; mode - null: the version's;
--             delivery - that tracking links are for, null for a preview
-- Returns: content or problem of each part, and the URLs that tracking links stand for
-- Writes: nothing
-- Called by: notify_render, notify_preview, notify_replay_preview, render_sample, link_target
create function herald.render_template(
    template text, version integer, channel text, locale text, variables jsonb, at timestamptz,
    timezone text, fail boolean, mode text default null, delivery uuid default null)
returns table (part text, content text, problem text, links text[])
language c stable
as 'MODULE_PATHNAME', 'herald_render_template';
comment on function herald.render_template(text, integer, text, text, jsonb, timestamptz, text, boolean,
                                           text, uuid) is
    'Renders the parts of one channel of a template';
