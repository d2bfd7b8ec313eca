-- template_privilege: who may edit and who may publish which templates.
begin;
select * from no_plan();
create role herald_test_editor login in role herald_author;
create role herald_test_team;
create role herald_test_publisher login in role herald_author, herald_test_team;
create role herald_test_idle login in role herald_author;
create role herald_test_boss login in role herald_operator;
create role herald_test_reader login in role herald_analyst;
create function pg_temp.try_as(login text, statement text) returns text language plpgsql as $$
begin
    execute format('set local session authorization %I', login);
    execute statement;
    reset session authorization;
    return 'ok';
exception when others then
    return case sqlstate when '42501' then sqlerrm else sqlstate end;
end
$$;
grant execute on function pg_temp.try_as(text, text) to public;
select herald.notify_category('orders') \g /dev/null
select herald.notify_template('order_paid') \g /dev/null
select herald.notify_template_part('order_paid', 'sms', 'text', 'x') \g /dev/null
select herald.notify_template_publish('order_paid') \g /dev/null
select herald.notify_template('invoice') \g /dev/null

-- granting
select throws_ok('select herald.notify_template_grant(' || arguments || ')', state, message, arguments)
  from (values ('null, ''a'', ''edit''', '22004', 'role must not be null'),
               ('''herald_test_editor'', null, ''edit''', '22004', 'pattern must not be null'),
               ('''herald_test_editor'', ''a'', null', '22004', 'privilege must not be null'),
               ('''herald_test_editer'', ''a'', ''edit''', '22023', 'unknown role "herald_test_editer"'),
               ('''herald_test_editor'', ''a'', ''write''', '22023', 'unknown privilege "write"'),
               ('''herald_test_editor'', ''*a'', ''edit''', '22023', 'pattern is not valid'),
               ('''herald_test_editor'', ''a%'', ''edit''', '22023', 'pattern is not valid')) v(arguments, state, message);
select lives_ok($$select herald.notify_template_grant('herald_test_editor', 'order_*', 'edit')$$);
select lives_ok($$select herald.notify_template_grant('herald_test_team', 'order_paid', 'publish')$$, 'to a role of many');
select lives_ok($$select herald.notify_template_grant('herald_test_team', 'order_paid', 'publish')$$, 'twice is once');
select results_eq('select grantee, pattern, privilege from herald.template_privilege order by 1',
    $$values ('herald_test_editor', 'order_*', 'edit'), ('herald_test_team', 'order_paid', 'publish')$$, 'they are kept');

-- what they come to: e = edit, p = publish, r = read
select is(pg_temp.try_as('herald_test_' || login, statement),
          case when what = any (allowed) then 'ok'
               else format('role "herald_test_%s" may not %s template "%s"', login,
                           case what when 'e' then 'edit' when 'p' then 'publish' else 'read' end, name) end,
          format('%s: %s', login, statement))
  from (values ('editor', 'order_paid', '{e,r}'::text[]), ('publisher', 'order_paid', '{p,r}'), ('idle', 'order_paid', '{}'),
               ('editor', 'order_new', '{e,r}'), ('publisher', 'order_new', '{}'), ('idle', 'order_new', '{}'),
               ('editor', 'invoice', '{}'), ('publisher', 'invoice', '{}'), ('editor', 'orders', '{}'),
               ('boss', 'order_paid', '{e,p,r}'), ('boss', 'orders', '{e,p,r}')) l(login, name, allowed),
       lateral (values (1, 'e', format('select herald.notify_template(%L)', name)),
                       (2, 'e', format('select herald.notify_template_part(%L, ''sms'', ''text'', ''y'')', name)),
                       (3, 'e', format('select herald.notify_template_discard(%L)', name)),
                       (4, 'e', format('select herald.notify_template_part(%L, ''sms'', ''text'', ''z'')', name)),
                       (5, 'p', format('do $do$ begin perform herald.notify_template_part(%1$L, ''sms'', ''text'', ''z'');'
                                       ' exception when insufficient_privilege then null; end $do$;'
                                       ' select herald.notify_template_publish(%1$L)', name)),
                       (6, 'p', format('select herald.notify_template_rollback(%L, 1)', name))) s(place, what, statement)
 order by login, name, place;
select is(pg_temp.try_as('herald_test_idle', statement), format('role "herald_test_idle" may not edit template "%s"', name), name)
  from (values ('nothing', $$select herald.notify_template_part('nothing', 'sms', 'text', 'x')$$)) v(name, statement);
select is(pg_temp.try_as('herald_test_' || login, statement), wanted, login || ': ' || statement)
  from (values
    ('editor', $$select herald.notify_template('order_paid', 'about')$$, 'ok'),
    ('editor', $$select herald.notify_template('order_paid', category => 'orders')$$, 'role "herald_test_editor" may not publish template "order_paid"'),
    ('editor', $$select herald.notify_template('order_paid', category => 'orders')$$, 'role "herald_test_editor" may not publish template "order_paid"'),
    ('editor', $$select herald.notify_template('order_draft', category => 'orders', mode => 'lax')$$, 'ok'),
    ('editor', $$select herald.notify_template_grant('herald_test_editor', '*', 'publish')$$, 'permission denied for function notify_template_grant'),
    ('editor', $$select herald.notify_template_revoke('herald_test_team', '*', 'publish')$$, 'permission denied for function notify_template_revoke'),
    ('editor', $$update herald.template_part set source = ''$$, 'permission denied for table template_part'),
    ('editor', $$select * from herald.template_part$$, 'permission denied for table template_part'),
    ('editor', $$insert into herald.template_history (action) values ('x')$$, 'permission denied for table template_history'),
    ('boss', $$insert into herald.template_history (action) values ('x')$$, 'permission denied for table template_history'),
    ('boss', $$insert into herald.template_privilege values ('x', 'x', 'edit')$$, 'permission denied for table template_privilege'),
    ('boss', $$select herald.notify_template_grant('herald_test_editor', 'a*', 'publish')$$, 'ok'),
    ('reader', $$select herald.notify_template('x')$$, 'permission denied for function notify_template'))
    v(login, statement, wanted);

-- what they see
create function pg_temp.versions_of(login text) returns text language plpgsql as $$
declare v_seen text;
begin
    execute format('set local session authorization %I', login);
    select string_agg(distinct template, ' ' order by template) into v_seen from herald.template_versions;
    reset session authorization;
    return v_seen;
end
$$;
select herald.notify_template_part('invoice', 'sms', 'text', 'x') \g /dev/null
select herald.notify_template_part('order_new', 'sms', 'text', 'x') \g /dev/null
select is(pg_temp.versions_of('herald_test_' || login), wanted, login)
  from (values ('idle', null), ('publisher', 'order_paid'), ('editor', 'order_new order_paid'),
               ('boss', 'invoice order_new order_paid orders'), ('reader', 'invoice order_new order_paid orders')) v(login, wanted);

-- the login decides, not the role it has taken on, and not the owner of a function around it
grant herald_test_editor to herald_test_idle;
select is(pg_temp.try_as('herald_test_idle', $$select herald.notify_template('order_x')$$), 'ok', 'members share privileges');
revoke herald_test_editor from herald_test_idle;
create function pg_temp.wrapped() returns void language sql security definer as $$ select herald.notify_template('order_y') $$;
select is(pg_temp.try_as('herald_test_idle', 'select pg_temp.wrapped()'), 'role "herald_test_idle" may not edit template "order_y"',
          'a function of somebody else lends nothing');

-- revoking, also from roles that are gone
select ok(herald.notify_template_revoke('herald_test_editor', 'order_*', 'edit'), 'it was granted');
select ok(not herald.notify_template_revoke('herald_test_editor', 'order_*', 'edit'), 'it was not any more');
select is(pg_temp.try_as('herald_test_editor', $$select herald.notify_template('order_paid')$$),
          'role "herald_test_editor" may not edit template "order_paid"', 'and is refused');
drop role herald_test_team;
select is(pg_temp.try_as('herald_test_publisher', $$select herald.notify_template_publish('order_paid')$$),
          'role "herald_test_publisher" may not publish template "order_paid"', 'a role that is gone has no members');
select ok(herald.notify_template_revoke('herald_test_team', 'order_paid', 'publish'), 'what it had can be revoked');

select * from finish();
rollback;
