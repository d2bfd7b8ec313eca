-- privileges: what each role may do, and that nobody else may do anything.
begin;
select * from no_plan();
create role herald_test_nobody login;
create role herald_test_web login in role herald_sender;
create role herald_test_mail login in role herald_sender;
create role herald_test_boss login in role herald_operator;
create role herald_test_reader login in role herald_analyst;
create role herald_test_daemon login in role herald_dispatcher;

-- the catalogue
select is_empty(
    $$select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where nspname = 'herald' and has_function_privilege('public', p.oid, 'execute')$$, 'PUBLIC executes nothing');
select is_empty(
    $$select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
       where nspname = 'herald' and a.grantee = 0$$, 'PUBLIC reads and writes nothing');
select is_empty(
    $$select c.oid::regclass, a.privilege_type from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
       where nspname = 'herald' and a.grantee <> c.relowner and a.privilege_type <> 'SELECT'$$, 'no role writes a table');
select is_empty(
    $$select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
       where nspname = 'herald' and a.grantee = 'herald_sender'::regrole$$, 'senders hold EXECUTE only');
select is_empty(
    $$select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
       where nspname = 'herald' and (p.prosecdef or lanname <> 'c') and p.prokind <> 'p' and p.prosqlbody is null
         and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)
         and p.proname not in ('notify_send', 'notify_send_many')$$, -- pin it in C: send.sql and send_many.sql
    'every function that could be led astray pins its search_path');
select is_empty(
    $$select rolname from pg_roles where rolname in ('herald_sender', 'herald_dispatcher', 'herald_gateway', 'herald_operator', 'herald_author', 'herald_analyst')
         and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin or rolreplication)$$, 'our roles are powerless groups');
select is(count(*), 6::bigint, 'all six exist')
  from pg_roles where rolname in ('herald_sender', 'herald_dispatcher', 'herald_gateway', 'herald_operator', 'herald_author', 'herald_analyst');
select is_empty(
    $$select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where nspname = 'herald' and obj_description(p.oid, 'pg_proc') is null$$, 'every function is explained');

-- who executes what
create function pg_temp.functions_of(role text) returns setof name language sql as $$
    select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where nspname = 'herald' and has_function_privilege(role, p.oid, 'execute') $$;
select set_eq($$select * from pg_temp.functions_of('herald_sender')$$,
    array['notify_recipient', 'notify_recipient_remove', 'notify_device', 'notify_device_remove', 'notify_devices', 'notify_preference',
          'notify_send', 'notify_send_many', 'notify_status', 'notify_cancel', 'notify_object', 'notify_object_external',
          'notify_object_remove', 'object_url', 'bucket', 'id_time', 'id_bucket', 'id_floor']::name[],
    'functions of senders');
select is_empty($$select f from pg_temp.functions_of('herald_sender') f except select pg_temp.functions_of('herald_operator')$$,
    'operators may what senders may');
select is_empty(
    $$select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where nspname = 'herald' and p.proname like 'notify\_%' and not has_function_privilege('herald_operator', p.oid, 'execute')$$,
    'operators may call every notify_ function');
select is_empty($$select f from pg_temp.functions_of('herald_dispatcher') f where f like 'notify\_%'$$, 'dispatchers call no notify_ function');
select is_empty($$select f from pg_temp.functions_of('herald_analyst') f where f like 'notify\_%' and f <> 'notify_status'$$,
    'analysts change nothing');
select set_eq($$select * from pg_temp.functions_of('herald_author') f where f like 'notify\_%'$$,
    array['notify_template', 'notify_template_part', 'notify_template_variables', 'notify_template_publish', 'notify_template_rollback',
          'notify_template_discard', 'notify_template_diff', 'notify_template_search', 'notify_template_sample', 'notify_template_accept',
          'notify_template_test', 'notify_template_export', 'notify_template_import', 'notify_template_release', 'notify_render']::name[], 'functions of authors, which ask for privileges by template');
select is_empty($$select c.oid::regclass from pg_class c where c.relnamespace = 'herald'::regnamespace and c.relkind in ('r', 'p', 'v')
                     and has_table_privilege('herald_author', c.oid, 'select') and c.relname <> 'template_versions'$$, 'they read no table');
select set_eq($$select * from pg_temp.functions_of('herald_gateway')$$, array['bucket', 'id_time', 'id_bucket', 'id_floor', 'link_target', 'event_record', 'object_get']::name[],
    'gateways have ids, tracking links, events and objects');

-- the same by trying
create function pg_temp.try_as(login text, statement text) returns text language plpgsql as $$
begin
    execute format('set local session authorization %I', login);
    execute statement;
    reset session authorization;
    return 'ok';
exception when others then
    return sqlstate;
end
$$;
grant execute on function pg_temp.try_as(text, text) to public;
select herald.notify_category('orders') \g /dev/null
select herald.notify_template('t', category => 'orders') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', 'x') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select is(pg_temp.try_as(login, statement), wanted, format('%s: %s', login, statement))
  from (values
        ('select herald.notify_recipient(''ann'', phone => ''+15005550006'')', array['web', 'boss']),
        ('select herald.notify_device(''ann'', ''ios'', ''apns'', ''00'')', array['web', 'boss']),
        ('select * from herald.notify_devices(''ann'')', array['web', 'boss']),
        ('select herald.notify_preference(''ann'', ''orders'', ''sms'', true)', array['web', 'boss']),
        ('select herald.notify_send(''t'', ''ann'')', array['web', 'boss']),
        ('select herald.notify_send(''t'', ''ann'', send_at => now() + ''1 h'', idempotency_key => ''k'')', array['web', 'boss']),
        ('select * from herald.notify_send_many(''t'', ''{ann}'')', array['web', 'boss']),
        ('select herald.notify_status(herald.new_id(1))', array[]::text[]),
        ('select herald.notify_status(gen_random_uuid())', array['web', 'boss', 'reader']),
        ('select herald.notify_category(''c'')', array['boss']),
        ('select herald.notify_template(''u'')', array['boss']),
        ('select herald.notify_template_part(''u'', ''sms'', ''text'', ''{{ a }}'')', array['boss']),
        ('select herald.notify_template_publish(''u'')', array['boss']),
        ('select herald.notify_template_rollback(''u'', 1)', array['boss']),
        ('select * from herald.notify_render(''t'', ''sms'')', array['boss']),
        ('select * from herald.notify_preview(''t'', ''ann'')', array['boss']),
        ('select herald.notify_provider(''p'', ''smtp'', ''email'')', array['boss']),
        ('select herald.notify_provider_remove(''p'')', array['boss']),
        ('select herald.notify_suppression_remove(''ann'', ''sms'', ''+15005550006'')', array['boss']),
        ('select herald.notify_setting(''retention_days'', ''30'')', array['boss']),
        ('select * from herald.provider_list()', array['daemon']),
        ('select * from herald.template_sources(''t'', 1, ''sms'', '''')', array['boss', 'daemon']),
        ('select herald.template_compile(''t'', 1, ''sms'', '''')', array[]::text[]),
        ('select herald.liquid_render(''x'')', array['boss']),
        ('select herald.link_target(''x'', 1)', array['boss']),
        ('select * from herald.event_record(''[]'')', array[]::text[]),
        ('select * from herald.audit_provider(current_date)', array['boss', 'reader']),
        ('select * from herald.event, herald.event_rule', array['boss', 'reader']),
        ('select * from herald.early_event', array[]::text[]),
        ('select * from herald.sms_segments(''x'')', array['boss']),
        ('select * from herald.template_dependency', array['boss', 'reader']),
        ('select * from herald.render_template(''t'', 1, ''sms'', '''', ''{}'', now(), null, true)', array[]::text[]),
        ('select herald.check_email(''a@b.c'')', array[]::text[]),
        ('select * from herald.delivery', array['boss', 'reader']),
        ('select * from herald.delivery_default', array[]::text[]),
        ('select * from herald.outbox', array['boss', 'reader']),
        ('select * from herald.delivery_status', array['boss', 'reader']),
        ('select * from herald.delivery_stats', array['boss', 'reader']),
        ('select * from herald.queue_depth', array['boss', 'reader']),
        ('select * from herald.dead_letter', array['boss', 'reader']),
        ('select * from herald.recipient', array['boss']),
        ('select name, settings from herald.provider', array['boss', 'reader']),
        ('select secrets from herald.provider', array[]::text[]),
        ('select token from herald.device_token', array[]::text[]),
        ('insert into herald.recipient (id, bucket) values (''x'', 1)', array[]::text[]),
        ('delete from herald.outbox', array[]::text[]),
        ('update herald.template_part set source = ''y''', array[]::text[]),
        ('truncate herald.delivery', array[]::text[])) v(statement, allowed),
       unnest(array['nobody', 'web', 'boss', 'reader', 'daemon']) who,
       lateral (select 'herald_test_' || who, case when who = any (allowed) then 'ok' else '42501' end) l(login, wanted);

-- a sender's notifications are its own
set local session authorization herald_test_web;
select herald.notify_send('t', 'ann') as id \gset
reset session authorization;
select is(sender, 'herald_test_web', 'the sender is the login') from herald.notification where id = :'id';
create function pg_temp.sees(login text, id uuid) returns boolean language plpgsql as $$
declare v_status jsonb;
begin
    execute format('set local session authorization %I', login);
    execute format('select herald.notify_status(%L)', id) into v_status;
    reset session authorization;
    return v_status is not null;
end
$$;
select is(pg_temp.sees(login, :'id'), wanted, login || ' sees it: ' || wanted)
  from (values ('herald_test_web', true), ('herald_test_mail', false), ('herald_test_boss', true), ('herald_test_reader', true))
       v(login, wanted);
create function pg_temp.cancels(login text, id uuid) returns integer language plpgsql as $$
declare v_cancelled integer;
begin
    execute format('set local session authorization %I', login);
    execute format('select herald.notify_cancel(%L)', id) into v_cancelled;
    reset session authorization;
    return v_cancelled;
end
$$;
select is(pg_temp.cancels('herald_test_mail', :'id'), 0, 'another sender cannot cancel it');
select is(pg_temp.cancels('herald_test_web', :'id'), count(*)::integer, 'its own can') from herald.outbox where notification = :'id';
set local session authorization herald_test_web;
select herald.notify_send('t', 'ann') as id \gset
reset session authorization;
select cmp_ok(pg_temp.cancels('herald_test_boss', :'id'), '>', 0, 'and so can an operator');

select * from finish();
rollback;
