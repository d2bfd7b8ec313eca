-- grants: who may do what. Nobody gets a table to write; functions run with the rights of their owner.
revoke all on schema herald from public;
revoke all on all tables in schema herald from public;
revoke all on all sequences in schema herald from public;
revoke all on all routines in schema herald from public;

grant usage on schema herald
    to herald_sender, herald_dispatcher, herald_gateway, herald_operator, herald_author, herald_analyst;

-- What applications do, and operators as well.
grant execute on function
    herald.notify_recipient(text, text, text, text, text, text, jsonb),
    herald.notify_recipient_remove(text),
    herald.notify_device(text, text, text, text, text, text, uuid, text),
    herald.notify_device_remove(uuid),
    herald.notify_devices(text),
    herald.notify_preference(text, text, text, boolean),
    herald.notify_send(text, text, jsonb, text[], text, text, timestamptz, timestamptz, text, text),
    herald.notify_send_many(text, text[], jsonb, text[], text, text, timestamptz, timestamptz, text),
    herald.notify_status(uuid),
    herald.notify_object(bytea, text, text),
    herald.notify_object_external(text, text, text),
    herald.notify_object_remove(uuid),
    herald.object_url(uuid, interval)
    to herald_sender, herald_operator;

-- Configuration, previews and repairs.
grant execute on function
    herald.notify_provider(text, text, text, jsonb, jsonb, integer, integer, boolean, numeric, text),
    herald.notify_provider_remove(text),
    herald.notify_object_store(text, text, text, text, jsonb, jsonb),
    herald.notify_object_store_remove(),
    herald.notify_category(text, text, text[], boolean, text, integer, interval, integer, integer, boolean,
                           text[], interval),
    herald.notify_provider_pause(text, text, timestamptz),
    herald.notify_provider_resume(text),
    herald.notify_route(text, text, text[], jsonb, integer, integer[], boolean),
    herald.notify_route_remove(text),
    herald.notify_phone_limit(text, integer, interval, text, text, boolean),
    herald.notify_phone_limit_remove(text),
    herald.notify_route_explain(text, text, text),
    herald.recipient_country(jsonb, text, text, text),
    herald.calling_codes(),
    herald.region_countries(),
    herald.template_sources(text, integer, text, text),
    herald.notify_template_grant(text, text, text),
    herald.notify_template_revoke(text, text, text),
    herald.notify_preview(text, text, jsonb, text, text),
    herald.notify_replay_preview(uuid),
    herald.link_target(text, integer),
    herald.notify_suppression_remove(text, text, text)
    to herald_operator;

-- Templates. Authors may call these, and each one asks check_template_privilege().
grant execute on function
    herald.notify_template(text, text, text, text[], text),
    herald.notify_template_part(text, text, text, text, text),
    herald.notify_template_variables(text, jsonb),
    herald.notify_template_publish(text, text, boolean),
    herald.notify_template_rollback(text, integer),
    herald.notify_template_discard(text),
    herald.notify_template_diff(text, integer, integer),
    herald.text_diff(text, text),
    herald.notify_template_search(text),
    herald.notify_template_sample(text, jsonb, text, text),
    herald.notify_template_accept(text, text, integer),
    herald.notify_template_test(text, integer),
    herald.notify_render(text, text, jsonb, text, text, integer, text, text),
    herald.template_check(text, text, text, boolean),
    herald.liquid_render(text, jsonb, jsonb, text, boolean, text, timestamptz, text, jsonb[]),
    herald.channel_parts(),
    herald.sms_segments(text)
    to herald_author, herald_operator;
grant execute on function
    herald.notify_template_export(text, integer),
    herald.notify_template_import(text, text[], text[], text, boolean),
    herald.notify_template_release(text[], text),
    herald.template_changes(text, text[], text[], integer)
    to herald_author, herald_operator;
grant execute on function herald.has_template_privilege(text, text)
    to herald_author, herald_operator, herald_analyst;
grant select on herald.template_versions to herald_author, herald_operator, herald_analyst;

-- What answers tracking links and URLs of objects, and takes reports of providers.
grant execute on function
    herald.link_target(text, integer),
    herald.object_get(text, text),
    herald.event_record(jsonb)
    to herald_gateway;

-- What a dispatcher lives on.
grant execute on function
    herald.provider_list(),
    herald.route_list(),
    herald.provider_report(bigint, text[], text[], text[], bigint[], integer[]),
    herald.provider_quota(bigint, text, bigint, bigint),
    herald.dispatcher_share(bigint),
    herald.template_sources(text, integer, text, text),
    herald.object_find(uuid[]),
    herald.object_signer(),
    herald.object_slice(text, integer, integer),
    herald.object_store_account(),
    herald.object_store_next(),
    herald.object_store_done(text, boolean, boolean)
    to herald_dispatcher;

-- Deliveries and configuration without secrets, for reading. References to secrets stay unread.
grant execute on function herald.notify_status(uuid) to herald_analyst;
grant select on
    herald.notification, herald.outbox, herald.retry, herald.delivery, herald.attempt, herald.event,
    herald.fallback, herald.category, herald.template, herald.template_version, herald.template_part,
    herald.template_use, herald.template_dependency, herald.template_sample, herald.template_privilege,
    herald.template_history, herald.delivery_edge, herald.route, herald.provider_state, herald.provider_usage,
    herald.phone_limit, herald.event_rule
    to herald_analyst, herald_operator;
grant select (name, kind, channel, settings, rank, concurrency, enabled, cost, currency, paused_at,
              paused_until, pause_reason, created_at, updated_at)
    on herald.provider to herald_analyst, herald_operator;
grant select on
    herald.recipient, herald.device, herald.preference, herald.suppression, herald.setting,
    herald.dispatcher, herald.armed
    to herald_operator;

grant execute on function
    herald.audit_provider(date),
    herald.receipt_rank(herald.receipt, herald.outcome_class)
    to herald_analyst, herald_operator;
-- Not the URL, which may hold a secret, and no content.
grant select (id, sender, content_type, name, size, created_at, used_at)
    on herald.object to herald_analyst, herald_operator;
grant select (endpoint, region, bucket, prefix, settings, updated_at)
    on herald.object_store to herald_analyst, herald_operator;

-- The queue: dispatchers take, record and maintain; operators maintain and repair.
grant execute on function
    herald.dispatcher_start(text, text),
    herald.dispatcher_join(bigint),
    herald.dispatcher_alive(bigint),
    herald.doorbell_arm(),
    herald.claim(bigint, text, integer, integer[]),
    herald.claim_suspect(bigint, text),
    herald.suspect_begin(bigint, uuid, integer),
    herald.has_suspects(),
    herald.claimed(bigint),
    herald.record(bigint, integer[], uuid[], integer[], text[], text[], text[], text[], integer[],
                  text[], text[], text[], bigint[], bigint[], integer[], bigint[], uuid[], text[],
                  bigint[], text[], jsonb[], bigint),
    herald.release(bigint, integer[], uuid[], integer[])
    to herald_dispatcher;
grant execute on procedure herald.tick() to herald_dispatcher, herald_operator;
grant execute on function
    herald.tick_step(text, integer),
    herald.is_armed(),
    herald.health(),
    herald.backlog()
    to herald_dispatcher, herald_operator;
grant execute on function herald.setting_value(text) to herald_dispatcher, herald_operator, herald_analyst;
grant execute on function
    herald.setting_default(),
    herald.notify_setting(text, text),
    herald.arm(),
    herald.disarm(),
    herald.notify_redrive(uuid),
    herald.schedule_tick()
    to herald_operator;
grant execute on function herald.notify_cancel(uuid) to herald_sender, herald_operator;
grant execute on function
    herald.bucket(text),
    herald.id_time(uuid),
    herald.id_bucket(uuid),
    herald.id_floor(timestamptz)
    to herald_sender, herald_dispatcher, herald_gateway, herald_operator, herald_analyst;
grant execute on function herald.lane(text) to herald_operator, herald_analyst;
grant select on herald.delivery_status, herald.delivery_stats, herald.queue_depth, herald.dead_letter,
    herald.provider_health, herald.delivery_cost, herald.channel_savings
    to herald_analyst, herald_operator;
