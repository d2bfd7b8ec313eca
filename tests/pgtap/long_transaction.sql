-- long_transaction: 200,000 sends in one transaction take no more memory than a few, and a rollback leaves nothing.
select herald.notify_category('c') \g /dev/null
select herald.notify_template('t', category => 'c') \g /dev/null
select herald.notify_template_part('t', channel, part, 'x')
  from (values ('sms', 'text'), ('push', 'title'), ('email', 'subject'), ('email', 'text')) v(channel, part) \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_recipient('r' || n, phone => '+1500555' || 1000 + n) from generate_series(0, 99) n \g /dev/null
select herald.notify_device('r' || n, 'ios', 'apns', lpad(n::text, 4, '0')) from generate_series(10, 19) n \g /dev/null

create function pg_temp.memory() returns bigint language sql as $$
    select sum(total_bytes)::bigint from pg_backend_memory_contexts
$$;
create function pg_temp.resident() returns bigint language sql as $$
    select 1024 * substring(pg_read_file('/proc/self/status') from 'RssAnon:\s+(\d+) kB')::bigint
$$;
create procedure pg_temp.send(many integer) language plpgsql as $$
begin
    for n in 1..many loop
        perform herald.notify_send('t', 'r' || n % 100, jsonb_build_object('n', n));
    end loop;
end
$$;
create procedure pg_temp.send_many(many integer) language plpgsql as $$
declare
    hundred constant text[] := array(select 'r' || n from generate_series(0, 99) n);
begin
    for n in 1..many loop
        perform herald.notify_send_many('t', hundred, jsonb_build_object('n', n));
    end loop;
end
$$;

begin;
call pg_temp.send(5000);
select count(herald.notify_send('t', 'r' || n % 100)) from generate_series(1, 5000) n \g /dev/null
call pg_temp.send_many(10);
select pg_temp.memory() as memory, pg_temp.resident() as resident \gset
call pg_temp.send(50000);
select count(herald.notify_send('t', 'r' || n % 100)) from generate_series(1, 50000) n \g /dev/null
call pg_temp.send_many(1000);
select pg_temp.memory() - :memory as more_memory, pg_temp.resident() - :resident as more_resident,
       (select count(*) from herald.notification) as stored \gset
rollback;

select * from no_plan();
select is(:stored, 211000, 'so many were stored');
select cmp_ok(:more_memory::bigint, '<', 2000000::bigint, 'contexts do not grow');
select cmp_ok(:more_resident::bigint, '<', 16000000::bigint, 'nor does the process');
select is(count(*), 0::bigint, 'no notification is left') from herald.notification;
select is(count(*), 0::bigint, 'nothing waits') from herald.outbox;
select is(count(*), 0::bigint, 'nothing is told') from herald.delivery;
select isnt(herald.notify_send('t', 'r1'), null, 'and sends go on');
select * from finish();
