-- template_history: a record that only grows.
begin;
select * from no_plan();

select herald.notify_category('orders') \g /dev/null
create temp table seen as select max(id) as id from herald.template_history;
create function pg_temp.news() returns table (template text, version integer, action text, detail jsonb) language plpgsql as $$
declare v_from bigint := (select coalesce(id, 0) from seen);
begin
    update seen set id = (select max(h.id) from herald.template_history h);
    return query select h.template, h.version, h.action, h.detail from herald.template_history h where h.id > v_from order by h.id;
end
$$;
create function pg_temp.writes(statement text, wanted text) returns setof text language plpgsql as $$
begin
    execute statement;
    return next is((select string_agg(format('%s %s %s %s', template, version, action, detail), '; ') from pg_temp.news()), wanted, statement);
end
$$;
select pg_temp.writes(statement, wanted)
  from (values
    ($$select herald.notify_template('t', 'first')$$, 't  create {"description": ["", "first"]}'),
    ($$select herald.notify_template('t', 'first')$$, null),
    ($$select herald.notify_template('t', 'second', 'orders', '{b,a,b}', 'lax')$$,
     't  change {"mode": ["strict", "lax"], "tags": [[], ["a", "b"]], "category": [null, "orders"], "description": ["first", "second"]}'),
    ($$select herald.notify_template_part('t', 'sms', 'text', 'x')$$,
     't 1 draft {"from": null}; t 1 part {"new": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",'
     ' "old": null, "part": "text", "locale": "", "channel": "sms"}'),
    ($$select herald.notify_template_part('t', 'sms', 'text', 'x')$$, null),
    ($$select herald.notify_template_publish('t', 'go')$$, 't 1 publish {"comment": "go"}'),
    ($$select herald.notify_template_part('t', 'sms', 'text', null)$$,
     't 2 draft {"from": 1}; t 2 part_remove {"new": null, "old": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",'
     ' "part": "text", "locale": "", "channel": "sms"}'),
    ($$select herald.notify_template_discard('t')$$, 't 2 discard {}'),
    ($$select herald.notify_template_rollback('t', 1)$$, 't 1 rollback {"from": 1}'),
    ($$select herald.notify_template_grant('herald_author', 't*', 'edit')$$,
     '  grant {"role": "herald_author", "pattern": "t*", "privilege": "edit"}'),
    ($$select herald.notify_template_grant('herald_author', 't*', 'edit')$$, null),
    ($$select herald.notify_template_revoke('herald_author', 't*', 'edit')$$,
     '  revoke {"role": "herald_author", "pattern": "t*", "privilege": "edit"}'),
    ($$select herald.notify_template_revoke('herald_author', 't*', 'edit')$$, null)) v(statement, wanted);
select ok(bool_and(by = session_user and at = now()), 'who and when') from herald.template_history;

-- What is refused or rolled back leaves nothing.
select throws_ok($$select herald.notify_template_part('t', 'sms', 'text', '{{')$$, '42601');
select throws_ok($$select herald.notify_template_publish('t')$$, '55000');
select is_empty('select * from pg_temp.news()', 'no row of what failed');

-- Who is written down is the login, whatever role it takes on.
create role herald_test_boss login in role herald_operator;
set local session authorization herald_test_boss;
set local role herald_operator;
select herald.notify_template_part('t', 'sms', 'text', 'z') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
reset session authorization;
select results_eq($$select distinct by from herald.template_history where version = 2 and action in ('part', 'publish') and detail <> '{}' and id > (select id from seen)$$,
                  $$values ('herald_test_boss')$$, 'the history knows the login');
select results_eq($$select created_by, published_by from herald.template_version where version = 2$$,
                  $$values ('herald_test_boss', 'herald_test_boss')$$, 'and so does the version');
create temp table rows_before as select count(*) from herald.template_history;

-- Nobody changes what is written, not even who owns the table.
select throws_ok(statement, '42501', 'rows of herald.template_history cannot be changed or deleted', statement)
  from unnest(array['update herald.template_history set by = ''x''', 'delete from herald.template_history',
                    'delete from herald.template_history where false', 'truncate herald.template_history']) statement;
set local session_replication_role = replica;
select throws_ok('delete from herald.template_history', '42501', null, 'with triggers switched off');
reset session_replication_role;
select results_eq('select count(*) from herald.template_history', 'table rows_before', 'it is all still there');
select throws_ok('insert into herald.template_history (id, action) values (1, ''x'')', '428C9', null, 'ids are given by the table');

select * from finish();
rollback;
