-- template_variables: the variables that a template sees; "recipient" and "notification" win over data.
-- Parameters: data; attributes - of the recipient; recipient - id; locale; timezone; notification - id;
--             template; category
-- Returns: the object of top-level variables · Writes: nothing
-- Called by: notify_render, notify_preview, notify_replay_preview
create function herald.template_variables(
    data jsonb, attributes jsonb, recipient text, locale text, timezone text, notification uuid,
    template text, category text)
returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select data || jsonb_build_object(
        'recipient', coalesce(attributes, '{}') || jsonb_build_object(
            'id', recipient, 'locale', coalesce(locale, ''), 'timezone', timezone),
        'notification', jsonb_build_object(
            'id', notification, 'template', template, 'category', category))
$$;
comment on function herald.template_variables(jsonb, jsonb, text, text, text, uuid, text, text) is
    'The variables that a template sees when it is rendered';
