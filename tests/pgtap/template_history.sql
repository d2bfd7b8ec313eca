-- template_history: a record that only grows.
begin;
select * from no_plan();

-- Nobody changes what is written, not even who owns the table.
insert into herald.template_history (template, action) values ('t', 'create');
select throws_ok(statement, '42501', 'rows of herald.template_history cannot be changed or deleted', statement)
  from unnest(array['update herald.template_history set by = ''x''', 'delete from herald.template_history',
                    'delete from herald.template_history where false', 'truncate herald.template_history']) statement;
set local session_replication_role = replica;
select throws_ok('delete from herald.template_history', '42501', null, 'with triggers switched off');
reset session_replication_role;
select is(count(*), 1::bigint, 'it is all still there') from herald.template_history;
select throws_ok('insert into herald.template_history (id, action) values (1, ''x'')', '428C9', null, 'ids are given by the table');

select * from finish();
rollback;
