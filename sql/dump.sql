-- dump: what pg_dump must take along: every table, DEFAULT leaf, outbox leaf and sequence that holds a
-- user's rows. Not delivery_edge and event_rule, whose rows come with the script, and not the partitions
-- made at run time, which are no members of the extension and dumped as any other table.
do $$
declare
    v_name text;
begin
    foreach v_name in array array[
        'setting', 'sender', 'category', 'template', 'template_version', 'template_part',
        'template_use', 'template_sample', 'template_privilege', 'template_history', 'template_history_id_seq',
        'provider', 'provider_state', 'provider_usage', 'phone_limit', 'phone_usage', 'object', 'object_content',
        'object_key', 'object_store', 'route', 'recipient_group', 'group_member', 'dispatcher_epoch',
        'dispatcher', 'armed', 'recipient', 'device', 'device_token', 'preference', 'suppression',
        'idempotency', 'notification_default', 'delivery_default', 'attempt_default',
        'event_default', 'early_event', 'inbox_default', 'retry', 'fallback', 'fallback_stats',
        'outbox_0', 'outbox_1', 'outbox_2',
        'outbox_3', 'outbox_4', 'outbox_5', 'outbox_6', 'outbox_7', 'outbox_8', 'outbox_9',
        'outbox_10', 'outbox_11', 'outbox_12']
    loop
        perform pg_catalog.pg_extension_config_dump(format('herald.%I', v_name)::regclass, '');
    end loop;
end
$$;
