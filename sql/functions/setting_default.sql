-- setting_default: the settings there are.
-- Returns: name, default value, lowest and highest value (null: a URL), meaning · Writes: nothing
-- Called by: setting_value, notify_setting, people
create function herald.setting_default()
returns table (name text, value text, low bigint, high bigint, description text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
values ('retention_days', '30', 1, 3650, 'Days for which notifications and deliveries are kept'),
       ('idempotency_days', '30', 1, 3650, 'Days for which idempotency keys are kept'),
       ('partition_days_ahead', '14', 1, 60, 'Days for which partitions are made in advance'),
       ('lease_s', '15', 3, 3600,
        'Seconds of silence after which the sessions of a dispatcher are ended'),
       ('object_max_bytes', '10485760', 1, 104857600, 'Bytes that one object may have'),
       ('object_total_max_bytes', '10737418240', 0, 1099511627776,
        'Bytes that all stored objects may have together'),
       ('object_retention_days', '30', 1, 3650,
        'Days after which an object goes that nobody stored again or used'),
       ('webhook_allow_http', '0', 0, 1, 'Whether webhooks may be registered with http:// (1) or not (0)'),
       ('object_base_url', '', null, null,
        'What URLs of objects begin with, in templates that are published from now on; empty: there are none'),
       ('tracking_url', '', null, null,
        'What tracking links begin with in templates that are published from now on; empty: none');
$$;
comment on function herald.setting_default() is 'Settings with default, range and meaning';
